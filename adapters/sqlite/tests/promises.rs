//! The promises of a store, kept in a file and in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use leadkit::conformance::{LeaseScope, Subject};
use leadkit::store::Store;
use leadkit_sqlite::{Durability, Options, SqliteStore};
use tempfile::TempDir;

fn options() -> Options {
    Options {
        virtual_time: true,
        // Without an fsync for each commit the suite takes seconds less.
        durability: Durability::Process,
        ..Options::default()
    }
}

struct Files {
    folder: TempDir,
    made: AtomicU32,
    options: Options,
}

impl Files {
    fn new() -> Self {
        Self::with(options())
    }

    fn at_once() -> Self {
        Self::with(Options {
            at_once: true,
            ..options()
        })
    }

    fn with(options: Options) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            made: AtomicU32::new(0),
            options,
        }
    }

    fn open(&self, number: u32) -> Arc<dyn Store> {
        let path = self.folder.path().join(format!("{number}.db"));
        Arc::new(SqliteStore::open_with(path, &self.options).expect("a store"))
    }

    /// Opens the file that was made last.
    fn open_last(&self) -> Arc<dyn Store> {
        self.open(self.made.load(Ordering::Relaxed) - 1)
    }
}

#[async_trait]
impl Subject for Files {
    async fn fresh(&self) -> Arc<dyn Store> {
        self.open(self.made.fetch_add(1, Ordering::Relaxed))
    }

    async fn reopened(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        drop(store);
        Some(self.open_last())
    }

    async fn another(&self, _: &Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        Some(self.open_last())
    }

    fn leases(&self) -> LeaseScope {
        LeaseScope::Handle
    }
}

struct Memory;

#[async_trait]
impl Subject for Memory {
    async fn fresh(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::in_memory_with(&options()).expect("a store"))
    }

    async fn reopened(&self, _: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        None
    }

    async fn another(&self, _: &Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        None
    }
}

mod in_a_file {
    use super::Files;
    leadkit::conformance_tests!(Files::new(), pollster::block_on);
}

mod in_a_file_at_once {
    use super::Files;
    leadkit::conformance_tests!(Files::at_once(), pollster::block_on);
}

mod in_memory {
    use super::Memory;
    leadkit::conformance_tests!(Memory, pollster::block_on);
}
