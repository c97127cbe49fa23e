//! The promises of a store, kept in PostgreSQL.

mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use leadkit::conformance::Subject;
use leadkit::store::Store;
use leadkit_postgres::{Options, PostgresStore};
use tokio::sync::OnceCell;

/// Stores in one database, each with tables of its own, asked as if they were distributed or not.
struct Tables {
    distributed: bool,
}

static DATABASE: OnceCell<String> = OnceCell::const_new();
static MADE: AtomicU32 = AtomicU32::new(0);

async fn open(prefix: &str, distributed: bool) -> Arc<dyn Store> {
    let url = DATABASE.get_or_init(server::fresh_database).await;
    let options = Options {
        prefix: prefix.into(),
        distributed,
        ..server::options()
    };
    let store = PostgresStore::open_with(url, &options).await;
    Arc::new(store.expect("a store"))
}

fn prefix_of(store: &Arc<dyn Store>) -> String {
    let told = format!("{store:?}");
    told.split('"').nth(1).expect("the prefix").to_owned()
}

#[async_trait]
impl Subject for Tables {
    async fn fresh(&self) -> Arc<dyn Store> {
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        open(&format!("t{made}_"), self.distributed).await
    }

    async fn reopened(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        let prefix = prefix_of(&store);
        drop(store);
        Some(open(&prefix, self.distributed).await)
    }

    async fn another(&self, store: &Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        Some(open(&prefix_of(store), self.distributed).await)
    }
}

/// Runs a check, unless there is no server.
fn block_on<F: Future<Output = Result<(), E>>, E>(check: F) -> Result<(), E> {
    match server::url() {
        Some(_) => server::block_on(check),
        None => Ok(()),
    }
}

mod on_one_server {
    use super::{Tables, block_on};
    leadkit::conformance_tests!(Tables { distributed: false }, block_on);
}

mod distributed {
    use super::{Tables, block_on};
    leadkit::conformance_tests!(Tables { distributed: true }, block_on);
}
