//! A law: SQL and memory agree on every filter, every order and every count.

#[path = "../../sqlite/tests/law/mod.rs"]
mod law;
mod server;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use leadkit::condition::{Comparison, FactName, Filter};
use leadkit::ids::Tenant;
use leadkit::store::Kind;
use leadkit_postgres::PostgresStore;
use proptest::prelude::*;

static STORE: LazyLock<Option<PostgresStore>> = LazyLock::new(|| {
    server::url()?;
    Some(server::block_on(async {
        let store = server::fresh_store().await;
        // Some columns have indexes, and are asked for as these want it.
        let fields = ["stage", "f0", "f1", "f2", "f3"].map(|name| Filter::Compare {
            fact: FactName::new(name),
            op: Comparison::Equal,
            value: "x".into(),
        });
        let made = store.index(&"law".into(), Kind::Lead, &fields).await;
        assert_eq!(made.expect("indexes").len(), fields.len());
        store
    }))
});

/// One that nobody had before: all share one store.
fn new_tenant() -> Tenant {
    static MADE: AtomicU32 = AtomicU32::new(0);
    Tenant::from(MADE.fetch_add(1, Ordering::Relaxed).to_string())
}

#[test]
fn text_is_itself_wherever_it_lies() {
    if let Some(store) = &*STORE {
        server::block_on(law::text_is_itself(store, &new_tenant()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 60 } else { 2_000 }))]

    #[test]
    fn sql_and_memory_agree_on_what_a_filter_lets_through(
        records in law::records(),
        questions in law::questions(),
        behind in proptest::option::of(law::values()),
    ) {
        if let Some(store) = &*STORE {
            let tenant = new_tenant();
            server::block_on(law::agree(store, &tenant, &records, questions, behind))?;
        }
    }
}
