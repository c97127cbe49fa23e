//! Opening a connection the way the store needs it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

/// The oldest SQLite that may be used: a corruption of the write-ahead log was fixed there.
const OLDEST_SQLITE: i32 = 3_051_003;

/// How a store is opened.
///
/// ```
/// use leadkit_sqlite::{Options, SqliteStore};
/// let options = Options { virtual_time: true, ..Options::default() };
/// let store = SqliteStore::in_memory_with(&options)?;
/// # Ok::<(), leadkit_sqlite::OpenError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What the names of all tables begin with: 1 to 32 lower-case letters, digits and
    /// underscores, a letter first. Default: `leadkit_`.
    pub prefix: String,
    /// Whether `due` may be asked with a `now` that is more than five minutes off the system
    /// clock: for simulations and tests. Default: no, so that a worker whose clock is wrong
    /// stops before it wakes every lead at once. Commands are not held to it.
    pub virtual_time: bool,
    /// How long to wait for another connection to release the file, before answering
    /// `Unavailable`. Default: five seconds.
    pub busy_timeout: Duration,
    /// What a written change survives. Default: [`Durability::Machine`].
    pub durability: Durability,
    /// Whether what a single command changes is committed, and a list or report read, on the thread
    /// that asks for it, as long as the store's own has nothing to do: for hosts whose threads may
    /// wait for the disk, such as a command line or a thread for each request. It spares waking two
    /// threads, which takes about as long as the writing, and longer than to read a page that an
    /// index finds. Default: no, since a thread of an executor has others to serve, and theirs are
    /// the commits that could share an `fsync`.
    pub at_once: bool,
    /// Whether the file is only read: commits answer `Unavailable`. The tables must be there.
    /// Default: no.
    pub read_only: bool,
}

/// What a written change survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A crash of the machine (`synchronous = FULL`): one `fsync` per commit.
    #[default]
    Machine,
    /// A crash of the process only (`synchronous = NORMAL`): when the machine crashes the last
    /// commits may be lost, never a part of one. Less than what a store promises: for imports
    /// that can be repeated, and for simulations.
    Process,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            prefix: "leadkit_".into(),
            virtual_time: false,
            busy_timeout: Duration::from_secs(5),
            durability: Durability::default(),
            at_once: false,
            read_only: false,
        }
    }
}

impl Options {
    /// Opens a connection to a file exactly as the store opens its own, for a host that wants
    /// to work [within](crate::Within) its own transactions. Makes no tables.
    ///
    /// A file that is only read, in a folder that can't be written, is read without a log beside
    /// it, as long as none lies there: nobody may write it meanwhile. Elsewhere SQLite makes a log, and
    /// whoever closes the file last takes it away. Where somebody left one with changes in it, both stay
    /// as they are.
    ///
    /// # Errors
    ///
    /// [`OpenError`], when SQLite is too old or can't open the file.
    pub fn connect(&self, path: impl AsRef<Path>) -> Result<Connection, OpenError> {
        let path = path.as_ref();
        refuse_old_sqlite()?;
        let connected = match self.read_only {
            true => self.connect_to_read(path),
            false => self.connect_to_write(path),
        };
        connected.map_err(|error| error.at(path))
    }

    fn connect_to_write(&self, path: &Path) -> Result<Connection, OpenError> {
        let access = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = self.connected(path, access)?;
        // SQLite opens it all the same, and every commit would be in vain.
        if connection.is_readonly(rusqlite::MAIN_DB)? {
            return Err(OpenError::NotWritable);
        }
        let mode: String =
            connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
        if mode != "wal" {
            return Err(OpenError::NoWriteAheadLog { mode });
        }
        self.set_up(&connection)?;
        Ok(connection)
    }

    fn connect_to_read(&self, path: &Path) -> Result<Connection, OpenError> {
        // Only a connection that may write takes the log away; this one is told to change nothing.
        let access = match has_changes(path) {
            true => OpenFlags::SQLITE_OPEN_READ_ONLY,
            false => OpenFlags::SQLITE_OPEN_READ_WRITE,
        };
        let open = |path: &Path, access| {
            let connection = self.connected(path, access)?;
            self.set_up(&connection)?;
            connection.pragma_update(None, "query_only", true)?;
            // Nothing is opened before something is read.
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
            Ok::<_, rusqlite::Error>(connection)
        };
        match open(path, access) {
            Err(error) if wants_to_write(&error) => match unchanging(path) {
                Some(uri) => {
                    let access = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
                    Ok(open(Path::new(&uri), access)?)
                }
                None => Err(error.into()),
            },
            opened => Ok(opened?),
        }
    }

    fn connected(&self, path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
        let access = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, access)?;
        connection.busy_timeout(self.busy_timeout)?;
        Ok(connection)
    }

    /// Opens a connection to a database in memory, set up like [`connect`](Self::connect)'s.
    ///
    /// # Errors
    ///
    /// [`OpenError`], when SQLite is too old.
    pub fn connect_in_memory(&self) -> Result<Connection, OpenError> {
        refuse_old_sqlite()?;
        let connection = Connection::open_in_memory()?;
        self.set_up(&connection)?;
        Ok(connection)
    }

    fn set_up(&self, connection: &Connection) -> rusqlite::Result<()> {
        let synchronous = match self.durability {
            Durability::Machine => "full",
            Durability::Process => "normal",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        // In pages: a larger log is folded into the file less often.
        connection.pragma_update(None, "wal_autocheckpoint", 16_384)?;
        // In KiB, when negative.
        connection.pragma_update(None, "cache_size", -65_536)?;
        connection.pragma_update(None, "foreign_keys", false)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(())
    }
}

/// Whether a file can't be read only because SQLite would keep its log beside it.
fn wants_to_write(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied)
    )
}

/// Whether changes lie in a log or journal beside a file.
fn has_changes(path: &Path) -> bool {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    ["-wal", "-journal"].iter().any(|ending| {
        let mut log = path.clone().into_os_string();
        log.push(ending);
        std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
    })
}

/// The address of a file as one that nobody changes, if nobody seems to: whoever writes it keeps a
/// log beside it.
fn unchanging(path: &Path) -> Option<String> {
    if has_changes(path) {
        return None;
    }
    let path = path.canonicalize().ok()?;
    let text = path.to_str()?;
    let mut uri = String::from("file:");
    for c in text.chars() {
        match c {
            '%' => uri.push_str("%25"),
            '?' => uri.push_str("%3f"),
            '#' => uri.push_str("%23"),
            c => uri.push(c),
        }
    }
    uri.push_str("?immutable=1");
    Some(uri)
}

fn refuse_old_sqlite() -> Result<(), OpenError> {
    accept_sqlite(rusqlite::version_number(), rusqlite::version())
}

fn accept_sqlite(number: i32, version: &str) -> Result<(), OpenError> {
    if number < OLDEST_SQLITE {
        let found = version.to_owned();
        return Err(OpenError::OldSqlite { found });
    }
    Ok(())
}

/// Why a store can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// This file can't be used.
    #[error("{} can't be opened as a database of leads", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: Box<Self>,
    },
    /// The prefix can't begin the name of a table.
    #[error("`{prefix}` can't begin table names: take 1 to 32 of a-z, 0-9 and _, a letter first")]
    Prefix {
        /// As it was given.
        prefix: String,
    },
    /// The linked SQLite may corrupt its write-ahead log.
    #[error("SQLite {found} is too old: 3.51.3 fixed a corruption of the write-ahead log")]
    OldSqlite {
        /// Its version.
        found: String,
    },
    /// The file can't have a write-ahead log (it may lie on a network drive).
    #[error("the file can't have a write-ahead log; its journal mode is `{mode}`")]
    NoWriteAheadLog {
        /// What SQLite uses instead.
        mode: String,
    },
    /// The file may be read and not be written, and was not to be opened as
    /// [`read_only`](Options::read_only).
    #[error(
        "the file may only be read: allow it to be written, or open it as one that is only read"
    )]
    NotWritable,
    /// The tables were made by a later leadkit.
    #[error("the tables are at version {found}, this leadkit knows {known} versions: update it")]
    NewerTables {
        /// The version of the tables.
        found: u32,
        /// The last version that is known here.
        known: u32,
    },
    /// A file that is only read has none of the tables: it is somebody else's, or empty.
    #[error("no leads are kept in it")]
    NoTables,
    /// A file that is only read lacks changes to the tables.
    #[error("the tables were made by an earlier leadkit, and the file is only read")]
    OlderTables,
    /// A migration that was carried out differs from the one of that number here.
    #[error("migration {version} is not the one that made the tables")]
    EditedMigration {
        /// The migration's number.
        version: u32,
    },
    /// SQLite could not open the file or make the tables.
    #[error("SQLite could not open the file or make the tables")]
    Sqlite(#[from] rusqlite::Error),
    /// The store's thread could not be started.
    #[error("the store's thread could not be started")]
    Thread(#[source] std::io::Error),
}

impl OpenError {
    /// The same, of this file.
    pub(crate) fn at(self, path: &Path) -> Self {
        match self {
            // Not of this file, or known already.
            Self::File { .. } | Self::Prefix { .. } | Self::OldSqlite { .. } => self,
            why => Self::File {
                path: path.to_owned(),
                source: Box::new(why),
            },
        }
    }

    /// Why, without which file.
    #[must_use]
    pub fn why(&self) -> &Self {
        match self {
            Self::File { source, .. } => source,
            why => why,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_that_may_corrupt_its_log_is_refused() {
        let refused = accept_sqlite(3_051_002, "3.51.2");
        assert!(matches!(refused, Err(OpenError::OldSqlite { found }) if found == "3.51.2"));
        assert!(accept_sqlite(3_051_003, "3.51.3").is_ok());
    }
}
