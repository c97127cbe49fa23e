//! Records within the host's own transaction.

use leadkit::store::{Changes, Key, Loaded, StoreError, UnitOfWork, Verdict};
use rusqlite::{Connection, Transaction};

use crate::error::failed;
use crate::session::{Known, Session};
use crate::store::SqliteStore;
use crate::tables::Tables;

/// Loads and commits within a transaction that the host begins and ends: its own rows and our
/// records are written together, or neither.
///
/// ```
/// use leadkit::ids::{CommandId, Tenant};
/// use leadkit::store::{Changes, Verdict};
/// use leadkit_sqlite::rusqlite::TransactionBehavior;
/// use leadkit_sqlite::{Options, SqliteStore};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("crm.db");
/// let store = SqliteStore::open(&path)?;
/// let mut connection = Options::default().connect(&path)?;
/// connection.execute_batch("CREATE TABLE orders (lead TEXT)")?;
///
/// let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
/// tx.execute("INSERT INTO orders VALUES ('a lead')", [])?;
/// let changes = Changes {
///     tenant: Tenant::from("acme"),
///     command: CommandId::of("order 7"),
///     checks: vec![],
///     puts: vec![],
///     journal: b"ordered".to_vec(),
/// };
/// let verdict = store.within(&tx).commit(&changes)?;
/// match verdict {
///     Verdict::Written | Verdict::AlreadyDone => tx.commit()?,
///     Verdict::Moved(_) => tx.rollback()?, // and begin again: nothing is retried here
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Begin the transaction as `Immediate`: SQLite refuses to let one that began by reading go on
/// to write once somebody else has written, and that answers `Unavailable`. While it is open
/// every other writer of the file waits, the [`SqliteStore`] too, so don't wait for the store
/// in it. What it survives is the host's choice: [`Options::connect`](crate::Options::connect)
/// opens a connection that is as durable as the store's.
#[derive(Debug)]
pub struct Within<'a> {
    tables: &'a Tables,
    connection: &'a Connection,
    store: Option<&'a SqliteStore>,
}

impl<'a> Within<'a> {
    pub(crate) fn new(
        tables: &'a Tables,
        tx: &'a Transaction<'_>,
        store: Option<&'a SqliteStore>,
    ) -> Self {
        Self {
            tables,
            connection: tx,
            store,
        }
    }

    /// Runs `work` on the connection. No names are remembered: the host may roll back to a
    /// savepoint of its own in between.
    fn session<T>(
        &self,
        work: impl FnOnce(&mut Session<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let mut known = Known::default();
        work(&mut Session::new(
            self.connection,
            self.tables.sql(),
            &mut known,
        ))
    }

    /// Reads records as the transaction sees them; else like
    /// [`Store::load`](leadkit::store::Store::load).
    ///
    /// # Errors
    ///
    /// [`StoreError`]; the transaction is as it was.
    pub fn load(&self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError> {
        let loaded = self.session(|session| session.load(keys));
        loaded.map_err(failed("load records"))
    }

    /// Writes one change into the transaction; else like
    /// [`Store::commit`](leadkit::store::Store::commit). `Written` is true once the host has
    /// committed. What isn't `Written` left nothing in the transaction, which may go on.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; nothing of the change is in the transaction.
    pub fn commit(&self, changes: &Changes) -> Result<Verdict, StoreError> {
        changes.check()?;
        let verdict = self.session(|session| session.in_savepoint(changes));
        let verdict = verdict.map_err(failed("commit"))?;
        if let Some(store) = self.store {
            store.release(changes);
        }
        Ok(verdict)
    }
}

/// So that [`leadkit::engine::TenantHandle::apply_in`] can carry a command out in the host's transaction.
impl UnitOfWork for Within<'_> {
    fn load(&mut self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError> {
        Within::load(self, keys)
    }

    fn commit(&mut self, changes: &Changes) -> Result<Verdict, StoreError> {
        Within::commit(self, changes)
    }
}
