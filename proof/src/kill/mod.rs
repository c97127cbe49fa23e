//! Processes that are killed while they work, and what is found on the disk afterwards.
//!
//! A worker is a process of its own: an engine on a store in a folder, with mail that goes to files.
//! What it is asked and what it has done it tells over a pipe, so that whoever killed it knows
//! what was acknowledged. Time is the workers' own, so that something is always due.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use leadkit::store::Store;
use leadkit_sqlite::{Options, SqliteStore};
use smol_str::SmolStr;

use crate::dice::Dice;
use crate::houses::House;

mod check;
mod outbox;
mod worker;

pub use check::{Checked, Life};
pub use outbox::Outbox;
pub use worker::{Orders, work};

/// Where the records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In one SQLite file in the folder.
    Sqlite,
}

impl Place {
    /// The place of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn named(name: &str) -> Result<Self, String> {
        match name {
            "sqlite" => Ok(Self::Sqlite),
            _ => Err(format!("there is no store {name}; there is sqlite")),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
        }
    }

    /// The file in the folder, where there is one.
    #[must_use]
    pub fn file(self, folder: &Path) -> PathBuf {
        match self {
            Self::Sqlite => folder.join("leads.db"),
        }
    }

    /// Opens the store in a folder.
    ///
    /// # Errors
    /// What it says.
    pub fn open(self, folder: &Path) -> Result<Arc<dyn Store>, String> {
        match self {
            Self::Sqlite => {
                let options = Options {
                    virtual_time: true,
                    ..Options::default()
                };
                let store = SqliteStore::open_with(self.file(folder), &options);
                store
                    .map(|store| Arc::new(store) as Arc<dyn Store>)
                    .map_err(|error| format!("{error:?}"))
            }
        }
    }

    /// What the database itself finds wrong with what is on the disk.
    ///
    /// # Errors
    /// What it says, if it can't look.
    pub fn faults(self, folder: &Path) -> Result<Vec<String>, String> {
        match self {
            Self::Sqlite => integrity(&self.file(folder)).map_err(|error| format!("{error:?}")),
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
