//! What is looked for on the disk after a kill is found when it is there.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::path::{Path, PathBuf};

use leadkit::ids::Name;
use leadkit::playbook::rule::Anchor;
use leadkit::record::journal::Event;
use leadkit::record::stored::decode_entry;
use leadkit_proof::kill::{End, Life, Place, Running, house, logs, mail};
use rusqlite::Connection;

/// Which organisation the worker works for.
const SEED: u64 = 1;

/// A folder in which a worker has worked for a while.
fn worked(folder: &Path) -> Life {
    let mut life = Life::begin(Place::Sqlite, folder.into(), SEED).unwrap();
    let orders = life.next_orders(Some(40)).unwrap();
    let worker = Running::start(&orders, Path::new(env!("CARGO_BIN_EXE_kill")), &[]).unwrap();
    let end = life.hear(worker, |end| *end == End::Finished).unwrap();
    assert_eq!(end, End::Finished);
    life
}

/// The laws that are broken in a folder once it was tampered with.
fn broken(tamper: impl FnOnce(&Path)) -> Vec<&'static str> {
    let folder = tempfile::tempdir().unwrap();
    let life = worked(folder.path());
    assert_eq!(life.check().unwrap().findings, []);
    tamper(folder.path());
    let found = life.check().unwrap().findings;
    found.iter().map(|finding| finding.law).collect()
}

fn sql(folder: &Path, sql: &str) {
    let connection = Connection::open(Place::Sqlite.file(folder)).unwrap();
    assert_eq!(connection.execute(sql, []).unwrap(), 1, "{sql}");
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(self::files(&path, ending)),
            false if path.to_string_lossy().ends_with(ending) => files.push(path),
            false => {}
        }
    }
    files.sort();
    files
}

#[test]
fn a_command_that_was_acknowledged_and_is_lost_is_found() {
    let last =
        "DELETE FROM leadkit_journal WHERE place = (SELECT min(place) + 1 FROM leadkit_journal)";
    let found = broken(|folder| sql(folder, last));
    assert!(found.contains(&"what is acknowledged is kept"), "{found:?}");
    assert!(found.contains(&"histories are complete"), "{found:?}");
}

#[test]
fn a_clock_that_is_not_the_computed_one_is_found() {
    let late = "UPDATE leadkit_records SET wakes_at = wakes_at + 1 WHERE rowid = \
        (SELECT min(rowid) FROM leadkit_records WHERE wakes_at IS NOT NULL)";
    let found = broken(|folder| sql(folder, late));
    assert_eq!(found, ["stored clocks are the computed ones"]);
}

#[test]
fn a_lead_that_waits_where_nobody_looks_for_leads_is_found() {
    let astray = "UPDATE leadkit_records SET lane = (SELECT max(number) FROM leadkit_lanes \
        WHERE number <> leadkit_records.lane) WHERE rowid = \
        (SELECT min(rowid) FROM leadkit_records WHERE kind = 2 AND wakes_at IS NOT NULL)";
    let found = broken(|folder| sql(folder, astray));
    assert_eq!(found, ["stored clocks are the computed ones"]);
}

#[test]
fn a_fact_that_is_not_the_computed_one_is_found() {
    let other = "UPDATE leadkit_lead_facts SET stage = 'nowhere' \
        WHERE id = (SELECT min(id) FROM leadkit_lead_facts)";
    let found = broken(|folder| sql(folder, other));
    assert_eq!(found, ["stored facts are the computed ones"]);
}

#[test]
fn a_record_that_was_written_twice_is_found() {
    let again = "UPDATE leadkit_records SET version = version + 1 WHERE rowid = \
        (SELECT min(rowid) FROM leadkit_records WHERE kind = 2)";
    let found = broken(|folder| sql(folder, again));
    assert!(found.contains(&"histories are complete"), "{found:?}");
}

/// The last entry of the journal in which a rule fired that counts from something else than a condition.
fn last_fired(connection: &Connection) -> i64 {
    let book = house(SEED).versions.remove(0);
    let waits = |rule: &Name| matches!(book.rule(rule).unwrap().anchor, Anchor::Turns(_));
    let is_told = |body: &[u8]| {
        let events = decode_entry(body).unwrap().events;
        let mut events = events.iter();
        events.any(|event| matches!(event, Event::Fired { rule, .. } if !waits(rule)))
    };
    let query = "SELECT place, body FROM leadkit_journal ORDER BY place DESC";
    let mut query = connection.prepare(query).unwrap();
    let entries = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let mut entries = entries.unwrap().map(Result::unwrap);
    let fired = entries.find(|(_, body): &(i64, Vec<u8>)| is_told(body));
    fired.unwrap().0
}

#[test]
fn a_rule_that_fired_again_under_another_command_is_found() {
    let found = broken(|folder| {
        let connection = Connection::open(Place::Sqlite.file(folder)).unwrap();
        let place = last_fired(&connection);
        // Right behind it, before anything begins anew: what came later comes later still.
        let later = "UPDATE leadkit_journal SET place = -place - 1 WHERE place > ?1";
        let again = "INSERT INTO leadkit_journal \
            SELECT place + 1, tenant, randomblob(16), body FROM leadkit_journal WHERE place = ?1";
        let back = "UPDATE leadkit_journal SET place = -place WHERE place < 0";
        connection.execute(later, [place]).unwrap();
        assert_eq!(connection.execute(again, [place]).unwrap(), 1);
        connection.execute(back, []).unwrap();
    });
    assert!(found.contains(&"a rule fires once"), "{found:?}");
}

#[test]
fn mail_that_was_accepted_and_is_lost_is_found() {
    let found = broken(|folder| {
        let mails = files(&mail(folder), ".eml");
        std::fs::remove_file(mails.first().unwrap()).unwrap();
    });
    assert!(found.contains(&"what is accepted is there"), "{found:?}");
}

#[test]
fn a_hand_over_that_was_made_twice_is_found() {
    let found = broken(|folder| {
        let log = files(&logs(folder), ".log").remove(0);
        let text = std::fs::read_to_string(&log).unwrap();
        std::fs::write(&log, format!("{text}{text}")).unwrap();
    });
    assert!(found.contains(&"an attempt is made once"), "{found:?}");
}

#[test]
fn a_file_that_is_damaged_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let life = worked(folder.path());
    let file = Place::Sqlite.file(folder.path());
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4_096].fill(0x5a);
    std::fs::write(&file, bytes).unwrap();
    let is_found = life
        .check()
        .map_or(true, |found| !found.findings.is_empty());
    assert!(is_found);
}
