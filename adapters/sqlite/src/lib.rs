//! Keeps [leadkit]'s records in one SQLite file: the embedded default.
//!
//! [`SqliteStore`] is a [`Store`](leadkit::store::Store). It has its own threads for its
//! connections, so that no executor waits for a disk, and needs no runtime:
//!
//! ```
//! use leadkit::store::Store;
//! use leadkit_sqlite::SqliteStore;
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("leads.db");
//! let store = SqliteStore::open(&path)?;
//! let now = "2026-03-06T16:30:00Z".parse()?;
//! assert!(pollster::block_on(store.next_due(now))?.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **In the host's own transaction.** A host that keeps its orders in the same file writes its
//! row and our lead together, or neither: see [`Within`].
//!
//! **Durability.** What is `Written` survives a crash of the process and of the machine: the
//! file is in WAL mode with `synchronous = FULL`, one `fsync` per commit. Commits that wait for
//! each other share one. [`Options::durability`] trades that for speed.
//!
//! **Several processes.** The file may be open many times, here or elsewhere; versions keep
//! every writer right. Leases are known to the store that gave them and its clones alone, as the
//! contract of [`Store::due`](leadkit::store::Store::due) allows: workers of two processes, or of two
//! stores opened on one file, are given the same records. The second to commit is told `Moved`, and no
//! effect is doubled, but work is; and a lease outlasts what another process writes without moving
//! the clock. For many workers take a PostgreSQL store.
//!
//! **Lists.** [`SqliteStore::index`] makes the indexes by which the segments that a host shows all
//! day are found; [`SqliteStore::plan`] tells whether they are used.
//!
//! **Tables** are named `leadkit_*`; [`Options::prefix`] changes that. What lies in them is
//! described in `migrations/`; only leadkit writes them, but reading them with SQL is welcome.

mod error;
mod facts;
mod migrate;
mod open;
mod query;
mod session;
mod store;
mod tables;
mod within;

pub use open::{Durability, OpenError, Options};
pub use rusqlite;
pub use store::SqliteStore;
pub use tables::Tables;
pub use within::Within;
