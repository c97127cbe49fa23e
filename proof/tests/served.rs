//! What is looked for in a PostgreSQL database after a kill is found when it is there, and a server
//! that is killed is dead.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use leadkit_proof::kill::{Database, End, Life, Place, Running, execute};

/// A server; `None`, and a word about it, if there is none.
fn server(is_durable: bool) -> Option<Database> {
    let server = Database::throwaway(is_durable).unwrap();
    if server.is_none() {
        let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!is_ci, "PostgreSQL's server binaries are missing");
        eprintln!("skipped: there is no PostgreSQL");
    }
    server
}

/// A new database on the server that these tests share, if there is one.
fn database() -> Option<String> {
    static SHARED: Mutex<Option<Database>> = Mutex::new(None);
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.is_none() {
        *shared = server(false);
    }
    shared.as_mut().map(|server| server.fresh().unwrap())
}

/// A database in which a worker has worked for a while.
fn worked(folder: &Path, url: &str) -> Life {
    std::fs::write(Place::Postgres.file(folder), url).unwrap();
    let mut life = Life::begin(Place::Postgres, folder.into(), 1).unwrap();
    let orders = life.next_orders(Some(40)).unwrap();
    let worker = Running::start(&orders, Path::new(env!("CARGO_BIN_EXE_kill")), &[]).unwrap();
    let end = life.hear(worker, |end| *end == End::Finished).unwrap();
    assert_eq!(end, End::Finished);
    life
}

/// The laws that are broken in a database once it was tampered with.
fn broken(tamper: impl FnOnce(&str)) -> Option<Vec<&'static str>> {
    let url = database()?;
    let folder = tempfile::tempdir().unwrap();
    let life = worked(folder.path(), &url);
    assert_eq!(life.check().unwrap().findings, []);
    tamper(&url);
    let found = life.check().unwrap().findings;
    Some(found.iter().map(|finding| finding.law).collect())
}

fn one_row(url: &str, sql: &str) {
    assert_eq!(execute(url, sql), Ok(1), "{sql}");
}

#[test]
fn a_command_that_was_acknowledged_and_is_lost_is_found() {
    let lose = "DELETE FROM leadkit_journal WHERE place = 2";
    let Some(found) = broken(|url| one_row(url, lose)) else {
        return;
    };
    assert!(found.contains(&"what is acknowledged is kept"), "{found:?}");
    assert!(found.contains(&"histories are complete"), "{found:?}");
}

#[test]
fn a_clock_that_is_not_the_computed_one_is_found() {
    let late = "UPDATE leadkit_records SET wakes_at = wakes_at + 1 WHERE id = \
        (SELECT min(id::text)::uuid FROM leadkit_records WHERE wakes_at IS NOT NULL)";
    if let Some(found) = broken(|url| one_row(url, late)) {
        assert_eq!(found, ["stored clocks are the computed ones"]);
    }
}

#[test]
fn an_index_that_has_lost_an_entry_is_found() {
    let Some(found) = broken(|url| {
        let set = |ready: bool| {
            let set = format!(
                "UPDATE pg_index SET indisready = {ready}, indisvalid = {ready} \
                 WHERE indexrelid = 'leadkit_records_by_clock'::regclass"
            );
            one_row(url, &set);
        };
        set(false);
        let write = "UPDATE leadkit_records SET wakes_at = wakes_at + 1 WHERE wakes_at IS NOT NULL";
        assert!(execute(url, write).unwrap() > 0);
        set(true);
    }) else {
        return;
    };
    assert!(found.contains(&"the database is whole"), "{found:?}");
}

#[test]
fn what_a_dead_worker_had_sent_is_waited_for() {
    let Some(url) = database() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(Place::Postgres.file(folder.path()), &url).unwrap();
    let late = url.clone();
    let writing = std::thread::spawn(move || {
        execute(&late, "CREATE TABLE late AS SELECT 1 FROM pg_sleep(1)").unwrap();
    });
    let is_under_way = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE TABLE late%'";
    while execute(&url, is_under_way) == Ok(0) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    Place::Postgres.settle(folder.path()).unwrap();
    one_row(&url, "SELECT 1 FROM late");
    writing.join().unwrap();
}

#[test]
fn a_server_that_is_killed_is_gone_and_comes_back_with_what_it_acknowledged() {
    let Some(mut server) = server(true) else {
        return;
    };
    let url = server.fresh().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let life = worked(folder.path(), &url);
    server.kill().unwrap();
    assert!(execute(&url, "SELECT 1").is_err());
    server.start().unwrap();
    let checked = life.check().unwrap();
    assert_eq!(checked.findings, []);
    assert!(life.acknowledged() > 0 && checked.entries >= life.acknowledged());
}

#[test]
fn what_a_server_acknowledged_without_writing_it_is_found_when_it_is_killed() {
    let Some(mut server) = server(true) else {
        return;
    };
    // Whether something was still unwritten at the kill is chance.
    for _ in 0..8 {
        let url = server.fresh().unwrap();
        let name = url.rsplit('/').next().unwrap();
        for sql in [
            "ALTER SYSTEM SET wal_writer_delay = '10s'",
            "SELECT pg_reload_conf()",
            &format!("ALTER DATABASE {name} SET synchronous_commit = off"),
        ] {
            execute(&url, sql).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let life = worked(folder.path(), &url);
        server.kill().unwrap();
        server.start().unwrap();
        let found = life.check().unwrap().findings;
        let mut laws = found.iter().map(|finding| finding.law);
        if laws.any(|law| law == "what is acknowledged is kept") {
            return;
        }
    }
    panic!("nothing that was acknowledged was lost in eight kills");
}
