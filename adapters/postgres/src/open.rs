//! How a store is opened, and what may be wrong with where.

use std::time::Duration;

use deadpool_postgres::PoolError;

use crate::deadlines::{Deadlines, Overdue};

/// How a store is opened.
///
/// ```
/// use leadkit_postgres::Options;
/// let options = Options { prefix: "crm_leads_".into(), ..Options::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What the names of all tables and functions begin with: 1 to 32 lower-case letters, digits
    /// and underscores, a letter first. Default: `leadkit_`.
    pub prefix: String,
    /// Whether `due` may be asked with a `now` that is more than five minutes off the server's
    /// clock: for simulations and tests. Default: no, so that a worker whose clock is wrong
    /// stops before it wakes every lead at once. Commands are not held to it.
    pub virtual_time: bool,
    /// How many connections a store that is opened by its URL has at most; a pool of the host's
    /// has its own limit. Default: 8.
    pub most_connections: usize,
    /// Whether the tables are [distributed](crate::Tables::distribution) by tenant: then no
    /// statement asks for more than one tenant, but what can be asked of each shard by itself. It
    /// costs a worker of many tenants time in each look for what is due. Default: no.
    pub distributed: bool,
    /// How long things may take.
    pub deadlines: Deadlines,
    /// Whether the database is only read. The tables must be there; and where the store is opened by
    /// its URL, without a pooler that drops settings, the server takes no writing from its connections, so that
    /// commits and `due` answer `Unavailable`, and `journal` ends with the last entry that somebody who writes
    /// has read.
    /// Default: no.
    pub read_only: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            prefix: "leadkit_".into(),
            virtual_time: false,
            most_connections: 8,
            distributed: false,
            deadlines: Deadlines::default(),
            read_only: false,
        }
    }
}

/// Why a store can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The prefix can't begin the name of a table.
    #[error("`{prefix}` can't begin table names: take 1 to 32 of a-z, 0-9 and _, a letter first")]
    Prefix {
        /// As it was given.
        prefix: String,
    },
    /// The URL can't be read.
    #[error("the URL of the database can't be read")]
    Url(#[source] tokio_postgres::Error),
    /// The server is too old.
    #[error("PostgreSQL {found} is too old: 15 is needed")]
    OldServer {
        /// Its version, as it tells it.
        found: String,
    },
    /// The database doesn't keep Unicode.
    #[error("the database's encoding is {found}: UTF8 is needed")]
    Encoding {
        /// Its encoding.
        found: String,
    },
    /// A database that is only read has none of the tables: it is somebody else's, or empty.
    #[error("no leads are kept in it")]
    NoTables,
    /// A database that is only read lacks changes to the tables.
    #[error("the tables were made by an earlier leadkit, and the database is only read")]
    OlderTables,
    /// The tables were made by a later leadkit.
    #[error("the tables are at version {found}, this leadkit knows {known} versions: update it")]
    NewerTables {
        /// The version of the tables.
        found: u32,
        /// The last version that is known here.
        known: u32,
    },
    /// A migration that was carried out differs from the one of that number here.
    #[error("migration {version} is not the one that made the tables")]
    EditedMigration {
        /// The migration's number.
        version: u32,
    },
    /// Row-level security binds the connections' role, whatever its policies let it see: a store serves all
    /// organisations.
    #[error(
        "row-level security binds the role: connect as the tables' owner, without FORCE, or with BYPASSRLS"
    )]
    BoundRole,
    /// No connection could be had.
    #[error("no connection to PostgreSQL could be had")]
    Pool(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// PostgreSQL said nothing for too long.
    #[error("the database was not open within {0:?}")]
    Overdue(Duration),
    /// PostgreSQL could not make the tables.
    #[error("PostgreSQL could not make the tables")]
    Postgres(#[from] tokio_postgres::Error),
}

impl From<Overdue> for OpenError {
    fn from(Overdue(deadline): Overdue) -> Self {
        Self::Overdue(deadline)
    }
}

impl From<PoolError> for OpenError {
    fn from(error: PoolError) -> Self {
        match error {
            // The pool's own error would say it once more.
            PoolError::Backend(error) => Self::Pool(Box::new(error)),
            error => Self::Pool(Box::new(error)),
        }
    }
}
