//! A database that is open, wherever it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use leadkit::clock::VirtualClock;
use leadkit::ids::Tenant;
use leadkit::store::Store;
use leadkit::time::Instant;
use leadkit_sqlite::rusqlite::{self, Connection, OpenFlags};
use leadkit_sqlite::{Options, SqliteStore};

use super::server::Server;
use super::{For, Place, open};
use crate::{Failure, rehearsal};

/// A database that is open: in a file, or on a server.
#[derive(Debug)]
pub(super) enum Kept {
    File { path: PathBuf, store: SqliteStore },
    Server(Server),
}

impl Kept {
    /// Opens a database.
    ///
    /// # Errors
    /// As [`open`] and [`Server::open`].
    pub(super) fn open(place: &Place, why: For) -> Result<Self, Failure> {
        Ok(match place {
            Place::File(path) => Self::File {
                path: path.clone(),
                store: open(path, why)?,
            },
            Place::Server(url) => Self::Server(Server::open(url, why)?),
        })
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::File { store, .. } => Arc::new(store.clone()),
            Self::Server(server) => server.store(),
        }
    }

    /// The time at which a tenant's history stands, if it is a rehearsal's. Replays go into files.
    pub(super) fn rehearsal(&self, tenant: &Tenant) -> Result<Option<VirtualClock>, Failure> {
        let Self::File { path, store } = self else {
            return Ok(None);
        };
        let is_rehearsal = rehearsal::is_rehearsal(path);
        let is_rehearsal = is_rehearsal.map_err(|error| Failure::Database {
            path: path.clone(),
            error,
        })?;
        if !is_rehearsal {
            return Ok(None);
        }
        let stands_at = rehearsal::stands_at(path, store, tenant)?;
        let stands_at = stands_at.unwrap_or(Instant::UNIX_EPOCH);
        Ok(Some(VirtualClock::at(stands_at)))
    }

    /// Whose leads it holds, as far as that can be told: some of them.
    pub(super) async fn tenants(&self) -> Vec<String> {
        match self {
            Self::File { path, .. } => tenants(path).unwrap_or_default(),
            Self::Server(server) => server.tenants().await.unwrap_or_default(),
        }
    }

    /// Runs a future that asks it to its end.
    pub(super) fn block_on<F: Future>(&self, asking: F) -> F::Output {
        match self {
            Self::File { .. } => pollster::block_on(asking),
            Self::Server(server) => server.block_on(asking),
        }
    }
}

/// Whose leads a file holds.
fn tenants(path: &Path) -> rusqlite::Result<Vec<String>> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let prefix = Options::default().prefix;
    let sql = format!(r#"SELECT name FROM "{prefix}tenants" ORDER BY name LIMIT 10"#);
    let mut names = connection.prepare(&sql)?;
    let names = names.query_map([], |row| row.get(0))?;
    names.collect()
}
