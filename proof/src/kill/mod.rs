//! Processes that are killed while they work, and what is found on the disk afterwards.
//!
//! A worker is a process of its own: an engine on a store, with mail that goes to files in a folder.
//! What it is asked and what it has done it tells over a pipe, so that whoever killed it knows
//! what was acknowledged. Time is the workers' own, so that something is always due.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use leadkit::store::Store;
use leadkit_postgres::PostgresStore;
use leadkit_sqlite::SqliteStore;
use smol_str::SmolStr;

use crate::dice::Dice;
use crate::houses::House;

mod check;
mod outbox;
mod process;
mod server;
mod worker;

pub use check::{Checked, Life};
pub use outbox::Outbox;
pub use process::{End, Running};
pub use server::{Database, execute};
pub use worker::{Flaw, GAVE_UP, Orders, work};

/// Where the records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In one SQLite file in the folder.
    Sqlite,
    /// In a PostgreSQL database; its URL is in the folder.
    Postgres,
}

impl Place {
    /// The place of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn named(name: &str) -> Result<Self, String> {
        match name {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" => Ok(Self::Postgres),
            _ => Err(format!(
                "there is no store {name}; there are sqlite and postgres"
            )),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// The file in the folder: the database, or where it is.
    #[must_use]
    pub fn file(self, folder: &Path) -> PathBuf {
        match self {
            Self::Sqlite => folder.join("leads.db"),
            Self::Postgres => folder.join("url"),
        }
    }

    /// The URL of the database, which the folder names.
    fn url(self, folder: &Path) -> Result<String, String> {
        let file = self.file(folder);
        std::fs::read_to_string(&file).map_err(|error| format!("{file:?}: {error}"))
    }

    /// Opens the store in a folder.
    ///
    /// # Errors
    /// What it says.
    pub fn open(self, folder: &Path) -> Result<Arc<dyn Store>, String> {
        match self {
            Self::Sqlite => {
                let options = leadkit_sqlite::Options {
                    virtual_time: true,
                    ..leadkit_sqlite::Options::default()
                };
                let store = SqliteStore::open_with(self.file(folder), &options);
                store
                    .map(|store| Arc::new(store) as Arc<dyn Store>)
                    .map_err(|error| format!("{error:?}"))
            }
            Self::Postgres => {
                let options = leadkit_postgres::Options {
                    virtual_time: true,
                    ..leadkit_postgres::Options::default()
                };
                let url = self.url(folder)?;
                let store = self.block_on(PostgresStore::open_with(&url, &options));
                store
                    .map(|store| Arc::new(store) as Arc<dyn Store>)
                    .map_err(|error| format!("{error:?}"))
            }
        }
    }

    /// Runs a future about its store to its end.
    pub fn block_on<F: Future>(self, future: F) -> F::Output {
        match self {
            // Without another thread beside it, whose calls are not a worker's.
            Self::Sqlite => pollster::block_on(future),
            Self::Postgres => server::block_on(future),
        }
    }

    /// Waits until nothing is written any more that dead workers had sent.
    ///
    /// # Errors
    /// When that doesn't come to pass.
    pub fn settle(self, folder: &Path) -> Result<(), String> {
        match self {
            Self::Sqlite => Ok(()),
            Self::Postgres => server::wait_for_quiet(&self.url(folder)?),
        }
    }

    /// What the database itself finds wrong with what is on the disk.
    ///
    /// # Errors
    /// What it says, if it can't look.
    pub fn faults(self, folder: &Path) -> Result<Vec<String>, String> {
        match self {
            Self::Sqlite => integrity(&self.file(folder)).map_err(|error| format!("{error:?}")),
            Self::Postgres => self.block_on(server::faults(&self.url(folder)?)),
        }
    }
}

fn integrity(file: &Path) -> rusqlite::Result<Vec<String>> {
    let connection = rusqlite::Connection::open(file)?;
    let mut statement = connection.prepare("PRAGMA integrity_check")?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    let lines: Vec<String> = lines.collect::<rusqlite::Result<_>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

/// The organisation that a seed's workers work for.
#[must_use]
pub fn house(seed: u64) -> House {
    House::build(TENANT, 1, &mut Dice::of(seed, 1))
}

const TENANT: &str = "quito";

/// The folder of the mail.
#[must_use]
pub fn mail(folder: &Path) -> PathBuf {
    folder.join("mail")
}

/// The folder of the logs of hand-overs.
#[must_use]
pub fn logs(folder: &Path) -> PathBuf {
    folder.join("handed-over")
}

/// The name of a worker's log: of its seed and its number, so that no two write to one.
#[must_use]
pub fn log_name(incarnation: u64) -> SmolStr {
    smol_str::format_smolstr!("{incarnation:08}.log")
}
