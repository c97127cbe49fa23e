//! The store: a thread with a connection, and requests to it.

mod worker;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use futures::channel::oneshot;
use leadkit::condition::Filter;
use leadkit::ids::Tenant;
use leadkit::store::{
    Changes, Count, Counted, Due, JournalCursor, Journaled, Key, Kind, Lanes, Lease, Loaded,
    Misuse, NextDue, Page, Select, Store, StoreError, StoreErrorKind, Verdict,
};
use leadkit::time::Instant;
use rusqlite::{Connection, Transaction};

use crate::error::failed;
use crate::migrate;
use crate::open::{OpenError, Options};
use crate::session::Session;
use crate::tables::Tables;
use crate::within::Within;
use worker::{Desk, Reply, Request, Worker};

/// How many keys are loaded on the caller's thread at most.
const KEYS_AT_HAND: usize = 8;

/// Keeps records in one SQLite file. Clones share what they hold; when the last one is dropped
/// the file is closed.
///
/// Commits and due records are done by a thread of its own, lists and reports by another one that
/// only reads. Loads are done beside the commits, on a third connection, while the first is at
/// work, so that the next page is decided while one is committed. A load of a few keys is done on
/// the caller's thread when a connection is free: it takes some microseconds, less than to wake
/// a thread. Commits, lists and reports are done there too, if the host [says so](Options::at_once).
#[derive(Clone, Debug)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    tables: Tables,
    virtual_time: bool,
    at_once: bool,
    /// Reads for people, so that a long report holds up no decision. A database in memory has
    /// one connection only. Closed before the writer, which tidies up as the last.
    reader: Option<Worker>,
    /// Reads what decisions rest on, while the writer is at work.
    loader: Option<Worker>,
    /// Writes, and reads what decisions rest on.
    writer: Worker,
}

impl SqliteStore {
    /// Opens a file, and makes the tables if they aren't there. Blocks while it does.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says why the file can't be used.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, &Options::default())
    }

    /// [Opens](Self::open) a file with other options.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says why the file can't be used.
    pub fn open_with(path: impl AsRef<Path>, options: &Options) -> Result<Self, OpenError> {
        let path = path.as_ref();
        Self::open_file(path, options).map_err(|error| error.at(path))
    }

    fn open_file(path: &Path, options: &Options) -> Result<Self, OpenError> {
        let tables = Tables::prefixed(&options.prefix)?;
        let mut writer = options.connect(path)?;
        match options.read_only {
            true => migrate::verify(&writer, &tables)?,
            false => migrate::migrate(&mut writer, &tables)?,
        }
        let reading = Options {
            read_only: true,
            ..options.clone()
        };
        let reader = reading.connect(path)?;
        let loader = reading.connect(path)?;
        Ok(Self {
            inner: Arc::new(Inner {
                virtual_time: options.virtual_time,
                at_once: options.at_once,
                writer: Worker::start("leadkit-sqlite", writer, tables.clone())?,
                reader: Some(Worker::start(
                    "leadkit-sqlite-read",
                    reader,
                    tables.clone(),
                )?),
                loader: Some(Worker::start(
                    "leadkit-sqlite-load",
                    loader,
                    tables.clone(),
                )?),
                tables,
            }),
        })
    }

    /// A store that is gone when it is dropped: for tests and simulations.
    ///
    /// # Errors
    ///
    /// [`OpenError`], as [`open`](Self::open).
    pub fn in_memory() -> Result<Self, OpenError> {
        Self::in_memory_with(&Options::default())
    }

    /// A store [in memory](Self::in_memory) with other options.
    ///
    /// # Errors
    ///
    /// [`OpenError`], as [`open`](Self::open).
    pub fn in_memory_with(options: &Options) -> Result<Self, OpenError> {
        let tables = Tables::prefixed(&options.prefix)?;
        let mut writer = options.connect_in_memory()?;
        migrate::migrate(&mut writer, &tables)?;
        Ok(Self {
            inner: Arc::new(Inner {
                virtual_time: options.virtual_time,
                at_once: options.at_once,
                writer: Worker::start("leadkit-sqlite", writer, tables.clone())?,
                reader: None,
                loader: None,
                tables,
            }),
        })
    }

    /// Makes the tables in a database of the host, or brings them up to date; opening a store
    /// does so by itself. The same as [`Tables::migrate`].
    ///
    /// # Errors
    ///
    /// [`OpenError`], as [`Tables::prefixed`] and [`Tables::migrate`].
    pub fn migrate(connection: &mut Connection, prefix: &str) -> Result<(), OpenError> {
        Tables::prefixed(prefix)?.migrate(connection)
    }

    /// The tables, for statements of the host's own.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        &self.inner.tables
    }

    /// Records within the host's own transaction, on a connection of the host to the same file.
    #[must_use]
    pub fn within<'a>(&'a self, tx: &'a Transaction<'_>) -> Within<'a> {
        Within::new(&self.inner.tables, tx, Some(self))
    }

    /// Makes the indexes by which these segments of a tenant's records are found, as far as they
    /// aren't there, and counts anew how often each value comes, without which SQLite doesn't use
    /// them; answers with their names. What is committed waits meanwhile: at a million leads for
    /// some seconds.
    ///
    /// Without them every list reads all facts of its kind, which is fast enough for some ten
    /// thousand records, or a list that is rare: each index makes every write a little slower. To
    /// be called for the lists that are shown all day, and again when there are many more records.
    /// Facts that are bounded by now, as in `registered_at < now - 30d`, may be taken at any instant.
    ///
    /// A segment that asks for what is *not* so gets no index, and neither does a field beyond the
    /// eight columns that each sort of field has. An index stays until
    /// [`retain_indexes`](Self::retain_indexes) drops it.
    ///
    /// ```no_run
    /// # async fn main_(store: leadkit_sqlite::SqliteStore, playbook: leadkit::playbook::Playbook, now: leadkit::time::Instant) -> Result<(), Box<dyn std::error::Error>> {
    /// use leadkit::store::Kind;
    /// let stale = playbook.condition(r#"stage == "proposal" and assigned_at < now - 7d"#).expect("a condition");
    /// store.index(&"quito".into(), Kind::Lead, &[stale.filter(now)?]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When SQLite fails, also because the file is open for reading only.
    pub async fn index(
        &self,
        tenant: &Tenant,
        kind: Kind,
        segments: &[Filter],
    ) -> Result<Vec<String>, StoreError> {
        let (tenant, segments) = (tenant.clone(), segments.to_vec());
        let index = |reply| Request::Index(tenant, kind, segments, reply);
        self.inner.write("make indexes", index).await
    }

    /// Drops the indexes that [`index`](Self::index) made over records of this kind, but those of
    /// these names, and answers with the names of those it dropped.
    ///
    /// An index stays until then, also where no list asks for it any more: playbooks change, and each
    /// that they leave behind goes on slowing every write. Indexes serve all tenants, so what is to
    /// stay is whatever `index` answered for any of them, in all programs on this file: to be
    /// called where that is known.
    ///
    /// # Errors
    ///
    /// As [`index`](Self::index).
    pub async fn retain_indexes(
        &self,
        kind: Kind,
        names: &[String],
    ) -> Result<Vec<String>, StoreError> {
        let names = names.to_vec();
        let retain = |reply| Request::RetainIndexes(kind, names, reply);
        self.inner.write("drop indexes", retain).await
    }

    /// How SQLite would go about a selection, as its `EXPLAIN QUERY PLAN` tells it: for whoever
    /// wants to know whether an index is used.
    ///
    /// # Errors
    ///
    /// As [`Store::select`].
    pub async fn plan(&self, select: &Select) -> Result<String, StoreError> {
        select.check()?;
        let select = select.clone();
        let plan = |reply| Request::Plan(select, reply);
        self.inner.read("plan a selection", plan).await
    }

    /// The newest entry of a tenant's journal: what was done last; `None` if nothing was yet.
    ///
    /// # Errors
    ///
    /// [`StoreError`], when the file can't be read.
    pub async fn last_entry(&self, tenant: &Tenant) -> Result<Option<Journaled>, StoreError> {
        let tenant = tenant.clone();
        let last = |reply| Request::LastEntry(tenant, reply);
        self.inner.read("read the journal", last).await
    }

    /// Ends the leases on what the host's transaction writes.
    pub(crate) fn release(&self, changes: &Changes) {
        let keys = changes.puts.iter().map(|put| put.key.clone()).collect();
        // Without its thread the store has no leases.
        let _ = self.inner.writer.send(Request::Release(keys));
    }

    /// Reads a few records here and now, unless the threads are at work: they are in memory
    /// nearly always, and waking a thread takes longer than reading them.
    fn load_at_hand(&self, keys: &[Key]) -> Option<Result<Vec<Loaded>, StoreError>> {
        if keys.len() > KEYS_AT_HAND {
            return None;
        }
        let mut desk = self.inner.loads().desk()?;
        let mut session = desk.session(&self.inner.tables);
        let loaded = session.load_now(keys);
        Some(loaded.map_err(failed("load records")))
    }

    /// Writes what one command changes here and now, if the host wants that and the thread is not
    /// at work. A page of them is left to the thread: the next one is decided meanwhile.
    fn commit_at_hand(&self, changes: &[Changes]) -> Option<Result<Vec<Verdict>, StoreError>> {
        if !self.inner.at_once || changes.len() > 1 {
            return None;
        }
        let commit = |desk: &mut Desk| desk.commit(&self.inner.tables, changes);
        self.inner.writer.at_once(commit)
    }

    /// Reads for people here and now, if the host wants that and the thread is not at work.
    fn read_at_hand<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut Session<'_>) -> rusqlite::Result<T>,
    ) -> Option<Result<T, StoreError>> {
        if !self.inner.at_once {
            return None;
        }
        let read = |desk: &mut Desk| desk.session(&self.inner.tables).reading(work);
        let read = self.inner.reads().at_once(read)?;
        Some(read.map_err(failed(doing)))
    }

    fn refuse_wrong_clock(&self, now: Instant) -> Result<(), StoreError> {
        if self.inner.virtual_time {
            return Ok(());
        }
        let off = now.signed_duration_since(system_now()).abs();
        match off > Lease::CLOCK_TOLERANCE {
            true => Err(StoreError::misused("read due records", Misuse::OffClock)),
            false => Ok(()),
        }
    }
}

/// What the system's clock says.
#[expect(
    clippy::disallowed_methods,
    reason = "only to refuse a `now` that is far off: nothing is decided by it"
)]
fn system_now() -> Instant {
    std::time::SystemTime::now().into()
}

impl Inner {
    /// Who loads now. The writer has at hand what it wrote, but may be long at it.
    fn loads(&self) -> &Worker {
        let beside = self.loader.as_ref().filter(|_| self.writer.is_at_work());
        beside.unwrap_or(&self.writer)
    }

    async fn write<T>(
        &self,
        doing: &'static str,
        request: impl FnOnce(Reply<T>) -> Request,
    ) -> Result<T, StoreError> {
        ask(&self.writer, doing, request).await
    }

    async fn read<T>(
        &self,
        doing: &'static str,
        request: impl FnOnce(Reply<T>) -> Request,
    ) -> Result<T, StoreError> {
        ask(self.reads(), doing, request).await
    }

    /// Who reads for people.
    fn reads(&self) -> &Worker {
        self.reader.as_ref().unwrap_or(&self.writer)
    }
}

async fn ask<T>(
    worker: &Worker,
    doing: &'static str,
    request: impl FnOnce(Reply<T>) -> Request,
) -> Result<T, StoreError> {
    // What it panicked over is still there, and nobody starts it again: to ask once more is in vain.
    let gone = |_| StoreError {
        kind: StoreErrorKind::Corrupt,
        doing,
        source: Some(Box::new(ThreadGone)),
    };
    let (reply, answer) = oneshot::channel();
    worker.send(request(reply)).map_err(gone)?;
    match answer.await {
        Ok(answer) => answer,
        Err(_) => Err(gone(ThreadGone)),
    }
}

/// The store's thread has ended, which it does only when it panicked.
#[derive(Debug, thiserror::Error)]
#[error("the store's thread has ended")]
pub(crate) struct ThreadGone;

#[async_trait]
impl Store for SqliteStore {
    async fn load(&self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError> {
        if let Some(loaded) = self.load_at_hand(keys) {
            return loaded;
        }
        let keys = keys.to_vec();
        let load = |reply| Request::Load(keys, reply);
        ask(self.inner.loads(), "load records", load).await
    }

    async fn commit(&self, changes: Vec<Changes>) -> Result<Vec<Verdict>, StoreError> {
        for change in &changes {
            change.check()?;
        }
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(verdicts) = self.commit_at_hand(&changes) {
            return verdicts;
        }
        let commit = |reply| Request::Commit(changes, reply);
        let (verdicts, _) = self.inner.write("commit", commit).await?;
        Ok(verdicts)
    }

    async fn due(
        &self,
        lanes: &Lanes,
        now: Instant,
        limit: usize,
        lease_until: Instant,
    ) -> Result<Vec<Due>, StoreError> {
        self.refuse_wrong_clock(now)?;
        let lanes = lanes.clone();
        let due = |reply| Request::Due(lanes, now, limit, lease_until, reply);
        self.inner.write("read due records", due).await
    }

    async fn next_due(&self, now: Instant) -> Result<Vec<NextDue>, StoreError> {
        let next_due = |reply| Request::NextDue(now, reply);
        self.inner.write("read due records", next_due).await
    }

    async fn select(&self, select: &Select) -> Result<Page, StoreError> {
        select.check()?;
        let at_hand = |session: &mut Session<'_>| session.select(select);
        if let Some(page) = self.read_at_hand("select records", at_hand) {
            return page;
        }
        let select = select.clone();
        let select = |reply| Request::Select(select, reply);
        self.inner.read("select records", select).await
    }

    async fn count(&self, count: &Count) -> Result<Vec<Counted>, StoreError> {
        count.check()?;
        let at_hand = |session: &mut Session<'_>| session.count(count);
        if let Some(counted) = self.read_at_hand("count records", at_hand) {
            return counted;
        }
        let count = count.clone();
        let count = |reply| Request::Count(count, reply);
        self.inner.read("count records", count).await
    }

    async fn journal(
        &self,
        tenant: &Tenant,
        after: JournalCursor,
        limit: usize,
    ) -> Result<Vec<Journaled>, StoreError> {
        let tenant = tenant.clone();
        let journal = |reply| Request::Journal(tenant, after, limit, reply);
        self.inner.read("read the journal", journal).await
    }
}
