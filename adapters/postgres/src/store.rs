//! The store: a pool of connections, and what is remembered beside it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{ClientWrapper, Object, Pool};
use futures::future::join_all;
use leadkit::condition::Filter;
use leadkit::ids::Tenant;
use leadkit::store::{
    Changes, Count, Counted, Due, JournalCursor, Journaled, Key, Kind, Lanes, Loaded, Misuse,
    NextDue, Page, Select, Store, StoreError, Verdict,
};
use leadkit::time::Instant;
use tokio_postgres::Transaction;

use crate::clocks::{self, Clocks};
use crate::commit::{Desk, patience};
use crate::deadlines::on_connection;
use crate::error::{Failure, failed};
use crate::indexes;
use crate::migrate;
use crate::names::Names;
use crate::open::{OpenError, Options};
use crate::pool::{self, Whose};
use crate::query;
use crate::server_clock::{ServerClock, WorkerClock};
use crate::session::Session;
use crate::tables::Tables;
use crate::wide::Widths;
use crate::within::Within;

/// Keeps records in PostgreSQL. Clones share what they hold.
#[derive(Clone)]
pub struct PostgresStore {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    whose: Whose,
    call_deadline: Duration,
    tables: Tables,
    virtual_time: bool,
    server_clock: ServerClock,
    names: Names,
    widths: Widths,
    clocks: Clocks,
}

impl Inner {
    /// What lists and reports need.
    fn lists(&self) -> query::Desk<'_> {
        query::Desk {
            sql: self.tables.sql(),
            names: &self.names,
        }
    }
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore")
            .field("tables", &self.inner.tables.prefix())
            .finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Opens a database by its URL (`postgres://crm@localhost/crm`), without TLS, and makes the
    /// tables if they aren't there.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says why the database can't be used.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Self::open_with(url, &Options::default()).await
    }

    /// [Opens](Self::open) a database with other options.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says why the database can't be used.
    pub async fn open_with(url: &str, options: &Options) -> Result<Self, OpenError> {
        Self::over(pool::own(url, options)?, Whose::Own, options).await
    }

    /// Works on a pool of the host's, with whatever TLS and limits it has, and makes the tables
    /// if they aren't there. Its transactions should be `READ COMMITTED`, PostgreSQL's own level: in a
    /// stricter one a lost race is a failure, kind `Unavailable`, and not decided anew.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says why the database can't be used.
    pub async fn on(pool: Pool, options: &Options) -> Result<Self, OpenError> {
        Self::over(pool, Whose::Hosts, options).await
    }

    async fn over(pool: Pool, whose: Whose, options: &Options) -> Result<Self, OpenError> {
        let tables = Tables::prefixed(&options.prefix)?;
        let call_deadline = options.deadlines.call;
        let make = async |client: &mut Object| {
            match options.read_only {
                true => migrate::verify(client, &tables).await?,
                false => tables.migrate(client).await?,
            }
            migrate::refuse_bound_role(client, &tables).await
        };
        on_connection(&pool, call_deadline, make).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                pool,
                whose,
                call_deadline,
                tables,
                virtual_time: options.virtual_time,
                server_clock: ServerClock::default(),
                names: Names::default(),
                widths: Widths::default(),
                clocks: Clocks::new(options.distributed),
            }),
        })
    }

    /// The tables, for statements of the host's own.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        &self.inner.tables
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.inner.pool
    }

    /// Records within the host's own transaction, on a connection of the host to the same
    /// database.
    #[must_use]
    pub fn within<'a>(&'a self, tx: &'a Transaction<'a>) -> Within<'a> {
        Within::new(&self.inner.tables, tx, Some(&self.inner.pool))
    }

    /// Makes the indexes by which these segments of a tenant's records are found, as far as they
    /// aren't there, and answers with their names. Nobody who writes is kept waiting meanwhile.
    ///
    /// Without them every list reads all facts of its kind, which is fast enough for some ten
    /// thousand records, or a list that is rare: each index makes every write a little slower. To
    /// be called for the lists that are shown all day, and each time the store is opened, since
    /// a store uses the indexes over texts that it was told of. Facts that are bounded by now,
    /// as in `registered_at < now - 30d`, may be taken at any instant.
    ///
    /// A segment that asks for what is *not* so gets no index, and neither does a field beyond the
    /// eight columns that each sort of field has. An index stays until
    /// [`retain_indexes`](Self::retain_indexes) drops it. A connection keeps a lock of its session while
    /// indexes are made, so none should pass through a pooler that hands connections out by
    /// transaction.
    ///
    /// ```no_run
    /// # async fn main_(store: leadkit_postgres::PostgresStore, playbook: leadkit::playbook::Playbook, now: leadkit::time::Instant) -> Result<(), Box<dyn std::error::Error>> {
    /// use leadkit::store::Kind;
    /// let stale = playbook.condition(r#"stage == "proposal" and assigned_at < now - 7d"#).expect("a condition");
    /// store.index(&"quito".into(), Kind::Lead, &[stale.filter(now)?]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the server fails, also because the connections' role doesn't own the tables.
    pub async fn index(
        &self,
        tenant: &Tenant,
        kind: Kind,
        segments: &[Filter],
    ) -> Result<Vec<String>, StoreError> {
        let Inner {
            pool,
            whose,
            tables,
            ..
        } = &*self.inner;
        let made = indexes::make(pool, *whose, tables.sql(), tenant, kind, segments).await;
        made.map_err(failed("make indexes"))
    }

    /// Drops the indexes that [`index`](Self::index) made over records of this kind, but those of
    /// these names, and answers with the names of those it dropped.
    ///
    /// An index stays until then, also where no list asks for it any more: playbooks change, and each
    /// that they leave behind goes on slowing every write. Indexes serve all tenants, so what is to
    /// stay is whatever `index` answered for any of them, in all programs on these tables: to be
    /// called where that is known, and not by each worker. Nobody who writes is kept waiting.
    ///
    /// # Errors
    ///
    /// As [`index`](Self::index).
    pub async fn retain_indexes(
        &self,
        kind: Kind,
        names: &[String],
    ) -> Result<Vec<String>, StoreError> {
        let Inner {
            pool,
            whose,
            tables,
            ..
        } = &*self.inner;
        let dropped = indexes::retain(pool, *whose, tables.sql(), kind, names).await;
        dropped.map_err(failed("drop indexes"))
    }

    /// How the server would go about a selection, as its `EXPLAIN` tells it: for whoever wants to
    /// know whether an index is used.
    ///
    /// # Errors
    ///
    /// As [`Store::select`].
    pub async fn plan(&self, select: &Select) -> Result<String, StoreError> {
        select.check()?;
        let plan = async |client: &mut Object| {
            let session = Session::Own(client);
            session.plan(self.inner.lists(), select).await
        };
        self.call(plan).await.map_err(failed("plan a selection"))
    }

    /// Does the work of a call on a connection, within its deadline.
    async fn call<T>(
        &self,
        work: impl AsyncFnOnce(&mut Object) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        on_connection(&self.inner.pool, self.inner.call_deadline, work).await
    }

    /// Each tenant's changes by themselves, so that none are undone for another tenant's. They are on
    /// one connection, one after the other: all are answered when the last of them is written.
    async fn write(
        &self,
        client: &ClientWrapper,
        changes: &[Changes],
    ) -> Result<Vec<Verdict>, Failure> {
        let inner = &*self.inner;
        let desk = Desk {
            sql: inner.tables.sql(),
            widths: &inner.widths,
            names: Some(&inner.names),
            pool: None,
        };
        let mut by_tenant: BTreeMap<&Tenant, Vec<usize>> = BTreeMap::new();
        for (place, change) in changes.iter().enumerate() {
            by_tenant.entry(&change.tenant).or_default().push(place);
        }
        let (session, until) = (Session::Own(client), patience());
        let writing = by_tenant.iter().map(|(tenant, places)| async {
            let own: Vec<&Changes> = places.iter().map(|place| &changes[*place]).collect();
            session.commit(desk, tenant, &own, until).await
        });
        let written = join_all(writing).await;
        let mut verdicts: Vec<Option<Verdict>> = vec![None; changes.len()];
        for (places, own) in by_tenant.values().zip(written) {
            for (place, verdict) in places.iter().zip(own?) {
                verdicts[*place] = Some(verdict);
            }
        }
        let all = verdicts.into_iter().collect::<Option<Vec<Verdict>>>();
        all.ok_or(Failure::Unreadable("verdict"))
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn load(&self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let load = async |client: &mut Object| {
            let sql = self.inner.tables.sql();
            Session::Own(client).load(sql, keys).await
        };
        self.call(load).await.map_err(failed("load records"))
    }

    async fn commit(&self, changes: Vec<Changes>) -> Result<Vec<Verdict>, StoreError> {
        for change in &changes {
            change.check()?;
        }
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let write = async |client: &mut Object| self.write(client, &changes).await;
        let written = self.call(write).await;
        self.inner.clocks.note(&changes);
        written.map_err(failed("commit"))
    }

    async fn due(
        &self,
        lanes: &Lanes,
        now: Instant,
        limit: usize,
        lease_until: Instant,
    ) -> Result<Vec<Due>, StoreError> {
        const DOING: &str = "read due records";
        let inner = &*self.inner;
        let clock = WorkerClock::that_says(now);
        let due = async |client: &mut Object| {
            let session = Session::Own(client);
            if !inner.virtual_time && inner.server_clock.refuses(clock, session).await? {
                return Ok(None);
            }
            let (sql, clocks) = (inner.tables.sql(), &inner.clocks);
            let due = clocks::due(client, sql, clocks, lanes, (now, limit, lease_until));
            due.await.map(Some)
        };
        let due = self.call(due).await.map_err(failed(DOING))?;
        due.ok_or_else(|| StoreError::misused(DOING, Misuse::OffClock))
    }

    async fn next_due(&self, now: Instant) -> Result<Vec<NextDue>, StoreError> {
        let next = async |client: &mut Object| {
            let (sql, clocks) = (self.inner.tables.sql(), &self.inner.clocks);
            clocks::next_due(client, sql, clocks, now).await
        };
        self.call(next).await.map_err(failed("read due records"))
    }

    async fn select(&self, select: &Select) -> Result<Page, StoreError> {
        select.check()?;
        let page = async |client: &mut Object| {
            let session = Session::Own(client);
            session.select(self.inner.lists(), select).await
        };
        self.call(page).await.map_err(failed("select records"))
    }

    async fn count(&self, count: &Count) -> Result<Vec<Counted>, StoreError> {
        count.check()?;
        let counted = async |client: &mut Object| {
            let session = Session::Own(client);
            session.count(self.inner.lists(), count).await
        };
        self.call(counted).await.map_err(failed("count records"))
    }

    async fn journal(
        &self,
        tenant: &Tenant,
        after: JournalCursor,
        limit: usize,
    ) -> Result<Vec<Journaled>, StoreError> {
        let read = async |client: &mut Object| {
            let session = Session::Own(client);
            let sql = self.inner.tables.sql();
            session.journal(sql, tenant, after, limit).await
        };
        self.call(read).await.map_err(failed("read the journal"))
    }
}
