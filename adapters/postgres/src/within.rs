//! Records within the host's own transaction.

use async_trait::async_trait;
use deadpool_postgres::Pool;
use leadkit::store::{AsyncUnitOfWork, Changes, Key, Loaded, StoreError, Verdict};
use tokio_postgres::Transaction;

use crate::commit::{Desk, patience};
use crate::error::failed;
use crate::session::Session;
use crate::tables::Tables;
use crate::wide::Widths;

/// Loads and commits within a transaction that the host begins and ends: its own rows and our
/// records are written together, or neither.
///
/// ```no_run
/// # async fn main_(store: leadkit_postgres::PostgresStore, engine: leadkit::engine::Engine, mut client: leadkit_postgres::tokio_postgres::Client, command: leadkit::decide::command::Command) -> Result<(), Box<dyn std::error::Error>> {
/// use leadkit::engine::Applied;
/// use leadkit::ids::CommandId;
///
/// let tx = client.transaction().await?; // the host's own, on the same database
/// tx.execute("INSERT INTO orders VALUES ($1)", &[&"order 7"]).await?;
/// let (quito, now) = (engine.tenant("quito"), engine.clock().now());
/// let mut unit = store.within(&tx);
/// match quito.apply_in_async(&mut unit, CommandId::of("order 7"), &command, now).await? {
///     Applied::Written(_) | Applied::AlreadyDone => tx.commit().await?, // both or neither
///     Applied::Moved(_) => tx.rollback().await?,                        // and begin again
/// }
/// # Ok(())
/// # }
/// ```
///
/// It is made for `READ COMMITTED`, PostgreSQL's own level. In a stricter one, what others
/// committed meanwhile is a failure of the transaction, kind `Unavailable`, and the host begins
/// it again. While the transaction is open, a command that writes the same records waits for it, for
/// some seconds at most, and what is due on them is left for a minute: keep it short. Leases on what it
/// writes end when it commits.
pub struct Within<'a> {
    tables: &'a Tables,
    tx: &'a Transaction<'a>,
    pool: Option<&'a Pool>,
    widths: Widths,
}

impl std::fmt::Debug for Within<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Within")
            .field("tables", &self.tables)
            .finish_non_exhaustive()
    }
}

impl<'a> Within<'a> {
    pub(crate) fn new(tables: &'a Tables, tx: &'a Transaction<'a>, pool: Option<&'a Pool>) -> Self {
        Self {
            tables,
            tx,
            pool,
            widths: Widths::default(),
        }
    }

    /// Reads records as the transaction sees them; else like
    /// [`Store::load`](leadkit::store::Store::load).
    ///
    /// # Errors
    ///
    /// [`StoreError`]; PostgreSQL has given up the transaction then.
    pub async fn load(&self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError> {
        let loaded = Session::Host(self.tx).load(self.tables.sql(), keys).await;
        loaded.map_err(failed("load records"))
    }

    /// Writes one change into the transaction; else like
    /// [`Store::commit`](leadkit::store::Store::commit). `Written` is true once the host has
    /// committed. What isn't `Written` left nothing in the transaction, which may go on.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; PostgreSQL has given up the transaction then, unless the change itself was
    /// refused as [`Invalid`](leadkit::store::StoreErrorKind::Invalid).
    pub async fn commit(&self, changes: &Changes) -> Result<Verdict, StoreError> {
        changes.check()?;
        let desk = Desk {
            sql: self.tables.sql(),
            widths: &self.widths,
            names: None,
            pool: self.pool,
        };
        let session = Session::Host(self.tx);
        let alone = [changes];
        let verdicts = session.commit(desk, &changes.tenant, &alone, patience());
        let mut verdicts = verdicts.await.map_err(failed("commit"))?;
        let none = crate::error::Failure::Unreadable("verdict");
        verdicts.pop().ok_or_else(|| failed("commit")(none))
    }
}

/// So that [`leadkit::engine::TenantHandle::apply_in_async`] can carry a command out in the host's
/// transaction.
#[async_trait]
impl AsyncUnitOfWork for Within<'_> {
    async fn load(&mut self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError> {
        Within::load(self, keys).await
    }

    async fn commit(&mut self, changes: &Changes) -> Result<Verdict, StoreError> {
        Within::commit(self, changes).await
    }
}
