//! Databases that are opened: those of replays, those of real leads, and what is none.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod live;
mod shop;
mod told;

use std::path::Path;
use std::sync::Arc;

use leadkit::clock::VirtualClock;
use leadkit::decide::command::{Actor, NewLead};
use leadkit::engine::Engine;
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit_sqlite::rusqlite::Connection;
use live::{set_up, store};
use pollster::block_on;
use shop::Folder;

/// A database with a real lead, about whom a message is due.
fn live(folder: &Folder, db: &str) {
    let playbook = Arc::new(Playbook::load(folder.path("playbook")).unwrap());
    let engine = Engine::builder(store(db))
        .playbook("shop", playbook)
        .mailer("email", MemoryMailer::default())
        .clock(VirtualClock::at("2026-03-02T14:00:00Z".parse().unwrap()))
        .build()
        .unwrap();
    block_on(async {
        set_up(&engine, &[("ana", "advisor"), ("marco", "manager")]).await;
        let lead = NewLead::new("Luis").email("luis@example.com").source("web");
        let asked = engine.tenant("shop").register(lead);
        asked.by(Actor::host("desk")).await.unwrap();
    });
}

fn number(db: &Path, sql: &str) -> i64 {
    let connection = Connection::open(db).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_replay_goes_into_no_database_that_another_one_made() {
    let folder = Folder::new(&[]);
    let db = folder.path("real.db");
    live(&folder, &db);
    let entries = || number(db.as_ref(), "SELECT count(*) FROM leadkit_journal");
    let before = entries();
    let told = folder.replay(&["--db", &db]);
    assert_eq!(told.code, 2);
    assert!(
        told.err.contains("was not made by a replay"),
        "{}",
        told.err
    );
    assert!(
        told.err.contains("Name a file that is not there yet"),
        "{}",
        told.err
    );
    let told = folder.replay(&["--db", &db, "--json"]);
    assert_eq!(told.json()["error"]["kind"], "not-a-replay");
    assert_eq!(entries(), before);
}

#[test]
fn somebody_elses_database_is_not_even_touched() {
    let folder = Folder::new(&[]);
    let db = folder.path("shop.db");
    Connection::open(&db)
        .unwrap()
        .execute_batch("CREATE TABLE orders (x); PRAGMA application_id = 7;")
        .unwrap();
    let before = std::fs::read(&db).unwrap();
    let told = folder.replay(&["--db", &db]);
    assert_eq!(told.code, 2);
    let said = "is none of leadkit's: no leads are kept in it";
    assert!(told.err.contains(said), "{}", told.err);
    assert!(!told.err.contains("may be real"), "{}", told.err);
    // Whoever acts on leads makes no tables there either.
    let playbook = folder.path("playbook");
    let retry = ["retry", &playbook, "--db", &db, "--by", "ana", ID];
    let told = told::leadkit(retry);
    assert_eq!(told.code, 2);
    let said = "can't be opened: no leads are kept in it";
    assert!(told.err.contains(said), "{}", told.err);
    assert_eq!(std::fs::read(&db).unwrap(), before);
    let tables = "SELECT count(*) FROM sqlite_schema";
    assert_eq!(number(db.as_ref(), tables), 1);
}

const ID: &str = "019ad0c4-2c10-7cc3-98c4-dc0c0c073990";

/// What lies in a folder, by name.
fn names(folder: &Folder) -> Vec<String> {
    let entries = std::fs::read_dir(folder.0.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.contains(".db")).collect();
    names.sort();
    names
}

/// They look as if somebody were at it still, and go along with no copy of the file.
#[test]
fn no_log_is_left_beside_a_database() {
    let folder = Folder::new(&[]);
    let (db, playbook) = (folder.path("shop.db"), folder.path("playbook"));
    for _ in 0..2 {
        assert_eq!(folder.replay(&["--db", &db]).code, 0);
        assert_eq!(names(&folder), ["shop.db"]);
    }
    let listed = told::leadkit(["leads", &playbook, "--db", &db]);
    assert_eq!(listed.code, 0, "{}", listed.err);
    assert_eq!(names(&folder), ["shop.db"]);
    // Nor beside what is refused.
    std::fs::remove_file(&db).unwrap();
    let wal = "PRAGMA journal_mode = wal; CREATE TABLE orders (x);";
    let other = Connection::open(&db).unwrap();
    other.execute_batch(wal).unwrap();
    drop(other);
    let before = std::fs::read(&db).unwrap();
    assert_eq!(folder.replay(&["--db", &db]).code, 2);
    assert_eq!(told::leadkit(["leads", &playbook, "--db", &db]).code, 2);
    assert_eq!(names(&folder), ["shop.db"]);
    assert_eq!(std::fs::read(&db).unwrap(), before);
}

/// Writes nonsense over the page on which a table begins.
fn damage_table(db: &str, table: &str) {
    let sql = format!("SELECT rootpage FROM sqlite_schema WHERE name = '{table}'");
    let page = usize::try_from(number(db.as_ref(), &sql)).unwrap();
    let size = usize::try_from(number(db.as_ref(), "PRAGMA page_size")).unwrap();
    let mut bytes = std::fs::read(db).unwrap();
    bytes[(page - 1) * size..page * size].fill(0xAA);
    std::fs::write(db, bytes).unwrap();
}

#[test]
fn a_database_that_is_damaged_is_named_once_with_what_to_do() {
    let folder = Folder::new(&[]);
    let (db, playbook) = (folder.path("shop.db"), folder.path("playbook"));
    for (table, command) in [
        ("leadkit_journal", "replay"),
        ("leadkit_lead_facts", "leads"),
        ("leadkit_migrations", "leads"),
    ] {
        assert_eq!(folder.replay(&["--db", &db]).code, 0);
        damage_table(&db, table);
        let told = match command {
            "replay" => folder.replay(&["--db", &db]),
            command => told::leadkit([command, &playbook, "--db", &db]),
        };
        assert_eq!(told.code, 2, "{table}: {}", told.out);
        for said in [&db, "is damaged", "malformed", "Put its last backup"] {
            let times = told.err.matches(said).count();
            assert_eq!(times, 1, "{table}: {said}: {}", told.err);
        }
        std::fs::remove_file(&db).unwrap();
    }
}

#[test]
fn an_empty_file_may_be_replayed_into_and_what_came_of_it_again() {
    let folder = Folder::new(&[("made-by-mktemp.db", "")]);
    let db = folder.path("made-by-mktemp.db");
    for _ in 0..2 {
        let told = folder.replay(&["--db", &db]);
        assert_eq!(told.code, 0, "{}", told.err);
    }
}

/// A lead that is closed, and so waits for nothing, can't be read any more.
#[test]
fn the_figures_of_a_replay_tell_which_leads_they_lack() {
    let folder = Folder::new(&[]);
    let db = folder.path("replay.db");
    let until = ["--db", &db, "--until", "2026-04-01"];
    let before = folder.replay(&until);
    assert_eq!(before.code, 0, "{}", before.out);
    let connection = Connection::open(&db).unwrap();
    let damaged: String = connection
        .query_row(
            r#"UPDATE leadkit_records SET body = CAST('damaged' AS BLOB)
               WHERE kind = 2 AND id = (SELECT id FROM leadkit_lead_facts WHERE outcome = 'won')
               RETURNING lower(hex(id))"#,
            [],
            |row| row.get(0),
        )
        .unwrap();
    let told = folder.replay(&until);
    assert_eq!(told.code, 1, "{}", told.err);
    let said = "what can't be read is missing from the figures (1 record):\nlead ";
    assert!(told.out.contains(said), "{}", told.out);
    let json = folder.replay(&[&until[..], &["--json"]].concat()).json();
    let figures = &json["figures"];
    let unreadable = figures["unreadable"].as_array().unwrap();
    assert_eq!(unreadable.len(), 1, "{figures:#}");
    let id = unreadable[0]["id"].as_str().unwrap();
    assert_eq!(id.replace('-', ""), damaged);
    // What is counted by facts counts it too.
    assert_eq!([&figures["leads"], &figures["outcomes"]["won"]], [3, 1]);
}

/// It would be a file in a folder `postgres:` for whoever takes every word for a path.
#[test]
fn a_replay_goes_into_no_server() {
    let folder = Folder::new(&[]);
    let db = "postgres://crm:secret@db.example/crm";
    let told = folder.replay(&["--db", db, "--json"]);
    assert_eq!(told.code, 2);
    let error = &told.json()["error"];
    assert_eq!(error["kind"], "not-a-replay");
    assert!(error["hint"].as_str().unwrap().contains("name a file"));
    assert!(!told.out.contains("secret"), "{}", told.out);
}

#[cfg(not(feature = "postgres"))]
#[test]
fn whoever_names_a_server_is_told_how_to_install_what_it_takes() {
    let folder = Folder::new(&[]);
    let playbook = folder.path("playbook");
    let db = "postgresql://crm:secret@db.example/crm";
    let leads = ["leads", &playbook, "--db", db];
    let told = told::leadkit(leads);
    assert_eq!(told.code, 2);
    assert!(told.err.contains("--features postgres"), "{}", told.err);
    assert!(!told.err.contains("secret"), "{}", told.err);
    let told = told::leadkit([&leads[..], &["--json"]].concat());
    let error = &told.json()["error"];
    assert_eq!(error["kind"], "no-postgres");
    assert!(
        error["hint"]
            .as_str()
            .unwrap()
            .contains("--features postgres")
    );
}
