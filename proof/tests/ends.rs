//! A worker that ends by itself where it may not is found, and is no kill; and who finds that tells how
//! to run it again.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::path::Path;
use std::process::Command as Process;

use leadkit_proof::kill::{End, Flaw, Life, Place, Running};

const KILL: &str = env!("CARGO_BIN_EXE_kill");
const ENDS: &str = "a worker ends as it may";

/// Starts a worker in a new folder, for a round or for ever.
fn started(folder: &Path, rounds: Option<u64>, flaw: Option<Flaw>) -> (Life, Running) {
    let mut life = Life::begin(Place::Sqlite, folder.into(), 1).unwrap();
    let mut orders = life.next_orders(rounds).unwrap();
    orders.flaw = flaw;
    let worker = Running::start(&orders, Path::new(KILL), &[]).unwrap();
    (life, worker)
}

/// How a worker ends that is to do a round, and what is found then.
fn heard(flaw: Option<Flaw>, may: impl FnOnce(&End) -> bool) -> (End, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let (mut life, worker) = started(folder.path(), Some(1), flaw);
    let end = life.hear(worker, may).unwrap();
    (end, found(&life))
}

fn found(life: &Life) -> Vec<String> {
    let found = life.check().unwrap().findings;
    found.iter().map(ToString::to_string).collect()
}

/// Whether a worker may end like that to whom the disk is full.
fn may_give_up(end: &End) -> bool {
    matches!(end, End::Finished | End::GaveUp(_))
}

#[test]
fn a_worker_that_panics_is_found_with_its_exit_code_and_what_it_said() {
    let (end, found) = heard(Some(Flaw::Panics), may_give_up);
    assert!(matches!(&end, End::Crashed(how) if how.contains("101")));
    let is_told = |what: [&str; 2]| {
        let mut found = found.iter();
        found.any(|finding| what.iter().all(|part| finding.contains(part)))
    };
    assert!(is_told([ENDS, "101"]), "{found:?}");
    assert!(is_told(["panicked at", "on purpose"]), "{found:?}");
}

#[test]
fn a_worker_that_panicked_is_told_of_where_nothing_can_be_read_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let (mut life, worker) = started(folder.path(), Some(1), Some(Flaw::Panics));
    life.hear(worker, may_give_up).unwrap();
    std::fs::write(Place::Sqlite.file(folder.path()), "no database").unwrap();
    let error = life.check().unwrap_err();
    assert!(error.contains("ended by itself"), "{error}");
}

#[test]
fn a_panic_that_does_not_end_its_worker_is_found() {
    let (end, found) = heard(Some(Flaw::PanicsAside), may_give_up);
    assert_eq!(end, End::Finished);
    let is_told = |finding: &String| finding.contains("on purpose, aside");
    assert!(found.iter().any(is_told), "{found:?}");
}

#[test]
fn a_worker_that_leaves_without_having_done_its_rounds_is_found() {
    let (end, found) = heard(Some(Flaw::Leaves), may_give_up);
    assert!(matches!(end, End::Crashed(_)), "{end}");
    assert!(found.iter().any(|finding| finding.contains(ENDS)));
}

#[cfg(unix)]
#[test]
fn a_worker_that_another_signal_ends_is_found() {
    let (end, found) = heard(Some(Flaw::Aborts), may_give_up);
    assert!(matches!(&end, End::Crashed(how) if how.contains("signal: 6")));
    assert!(found.iter().any(|finding| finding.contains(ENDS)));
}

#[test]
fn a_worker_that_says_what_keeps_it_is_found_only_where_it_may_not() {
    let gave_up = End::GaveUp("on purpose".into());
    let (end, found) = heard(Some(Flaw::GivesUp), may_give_up);
    assert_eq!((end, found), (gave_up.clone(), Vec::new()));
    let (end, found) = heard(Some(Flaw::GivesUp), |end| *end == End::Finished);
    assert_eq!(end, gave_up);
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_worker_that_is_killed_is_a_kill_and_one_that_had_ended_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let (mut life, worker) = started(folder.path(), None, None);
    while worker.answers() == 0 {
        std::thread::yield_now();
    }
    assert_eq!(life.kill(worker), Ok(End::Killed));
    assert_eq!(found(&life), Vec::<String>::new());
    for flaw in [None, Some(Flaw::Panics), Some(Flaw::GivesUp)] {
        let folder = tempfile::tempdir().unwrap();
        let (mut life, mut worker) = started(folder.path(), Some(1), flaw);
        while !worker.has_ended().unwrap() {
            std::thread::yield_now();
        }
        assert_ne!(life.kill(worker), Ok(End::Killed));
        let found = found(&life);
        let is_found = found.iter().any(|finding| finding.contains(ENDS));
        assert!(is_found, "{flaw:?}: {found:?}");
    }
}

/// What a program tells that finds something, and keeps that where it is thrown away here.
fn told(program: &mut Process) -> (bool, String) {
    let kept = tempfile::tempdir().unwrap();
    let output = program.env("TMPDIR", kept.path()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), told)
}

#[test]
fn workers_that_panic_before_they_are_killed_are_no_kills_and_the_seed_is_told() {
    let mut kill = Process::new(KILL);
    kill.args(["--store", "sqlite", "--times", "2", "--seed", "7"]);
    kill.args(["--workers", "1", "--longest-ms", "2000", "--flaw", "panics"]);
    let (is_content, told) = told(&mut kill);
    assert!(!is_content, "{told}");
    assert!(
        told.contains("after 0 kills") && told.contains(ENDS),
        "{told}"
    );
    let again = "run it again: cargo run --release -p leadkit-proof --bin kill -- --store sqlite \
        --kill worker --seed 7 --times 2 --workers 1 --longest-ms 2000\n";
    assert!(told.ends_with(again), "{told}");
}

#[test]
fn a_worker_that_panics_when_a_call_fails_is_found_and_the_seed_is_told() {
    let mut syscalls = Process::new(env!("CARGO_BIN_EXE_syscalls"));
    syscalls.args(["--seed", "1", "--every", "1000", "--flaw", "panics"]);
    let (is_content, told) = told(&mut syscalls);
    if told.starts_with("skipped") {
        assert!(std::env::var_os("CI").is_none(), "there is no strace");
        return;
    }
    assert!(!is_content, "{told}");
    assert!(told.contains(ENDS) && told.contains("101"), "{told}");
    let again = "run it again: cargo run --release -p leadkit-proof --bin syscalls -- --seed 1 \
        --rounds 2 --every 1000\n";
    assert!(told.ends_with(again), "{told}");
}
