//! Many worker processes on one file.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod fleet;

use std::sync::Arc;

use fleet::Fleet;
use leadkit_sqlite::SqliteStore;
use pollster::block_on;
use tempfile::TempDir;

fn on_a_file() -> (TempDir, Fleet) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("leads.db").to_str().unwrap().to_owned();
    let store = SqliteStore::open(&file).unwrap();
    (folder, Fleet::on(Arc::new(store), file))
}

#[test]
fn processes_share_the_work_and_do_nothing_twice() {
    let (_folder, fleet) = on_a_file();
    block_on(fleet::processes_share_the_work_and_do_nothing_twice(&fleet));
}

#[test]
fn what_others_write_for_an_earlier_time_is_noticed_within_a_second() {
    let (_folder, fleet) = on_a_file();
    block_on(fleet::what_others_write_for_an_earlier_time_is_noticed_within_a_second(&fleet));
}

#[test]
fn a_process_with_an_older_playbook_leaves_what_it_does_not_know() {
    let (_folder, fleet) = on_a_file();
    block_on(fleet::a_process_with_an_older_playbook_leaves_what_it_does_not_know(&fleet));
}

#[test]
#[ignore = "it is what the other tests start as a process of its own, with `--ignored --exact worker`"]
fn worker() {
    if let Some(file) = fleet::place() {
        let store = SqliteStore::open(&file).unwrap();
        block_on(fleet::work(Arc::new(store)));
    }
}
