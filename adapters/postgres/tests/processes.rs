//! Many worker processes on one database, in real time.

#[path = "../../sqlite/tests/fleet/mod.rs"]
mod fleet;
mod server;

use std::sync::Arc;

use fleet::Fleet;
use leadkit_postgres::PostgresStore;
use server::block_on;

async fn open(url: &str) -> Arc<PostgresStore> {
    Arc::new(PostgresStore::open(url).await.expect("a store"))
}

async fn on_a_database() -> Fleet {
    let url = server::fresh_database().await;
    Fleet::on(open(&url).await, url)
}

#[test]
fn processes_share_the_work_and_do_nothing_twice() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let fleet = on_a_database().await;
        fleet::processes_share_the_work_and_do_nothing_twice(&fleet).await;
    });
}

#[test]
fn what_others_write_for_an_earlier_time_is_noticed_within_a_second() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let fleet = on_a_database().await;
        fleet::what_others_write_for_an_earlier_time_is_noticed_within_a_second(&fleet).await;
    });
}

#[test]
fn a_process_with_an_older_playbook_leaves_what_it_does_not_know() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let fleet = on_a_database().await;
        fleet::a_process_with_an_older_playbook_leaves_what_it_does_not_know(&fleet).await;
    });
}

#[test]
#[ignore = "it is what the other tests start as a process of its own, with `--ignored --exact worker`"]
fn worker() {
    if let Some(url) = fleet::place() {
        block_on(async { fleet::work(open(&url).await).await });
    }
}
