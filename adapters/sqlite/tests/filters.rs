//! A law: SQL and memory agree on every filter, every order and every count.

mod law;

use leadkit::ids::Tenant;
use leadkit_sqlite::{Options, SqliteStore};
use pollster::block_on;
use proptest::prelude::*;

fn store() -> SqliteStore {
    let options = Options {
        virtual_time: true,
        ..Options::default()
    };
    SqliteStore::in_memory_with(&options).expect("a store")
}

#[test]
fn text_is_itself_wherever_it_lies() {
    block_on(law::text_is_itself(&store(), &Tenant::from("acme")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 2_000 }))]

    #[test]
    fn sql_and_memory_agree_on_what_a_filter_lets_through(
        records in law::records(),
        questions in law::questions(),
        behind in proptest::option::of(law::values()),
    ) {
        let tenant = Tenant::from("acme");
        block_on(law::agree(&store(), &tenant, &records, questions, behind))?;
    }
}
