//! What the store costs beside SQL written by hand: `cargo bench -p leadkit-sqlite`.
//!
//! Both sides work on copies of one file, through connections opened by one function, and must
//! leave the same rows and bytes behind. They take turns; the median of the rounds counts.
//! `-- --leads 100000 --rounds 7 --only single` changes the size or chooses; without `--bench` it only checks itself.

#[allow(dead_code, reason = "single questions are not timed here")]
mod measure;
mod raw;

use std::path::Path;

use leadkit::ids::Id;
use leadkit::store::{Changes, Key, Kind, Lanes, Put, Store, StoredFact, Verdict, Version, Wakes};
use leadkit::time::{Elapsed, Instant};
use leadkit::value::Value;
use leadkit_sqlite::rusqlite::Connection;
use leadkit_sqlite::{Durability, Options, SqliteStore};
use measure::{Cost, is_wanted, measured, number_after, print_compared, print_heads};
use pollster::block_on;
use raw::Raw;
use raw::work::{self, Fact};

const BATCH: usize = 500;

fn main() {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let leads = number_after("--leads").unwrap_or(if measured { 20_000 } else { 60 });
    let rounds = number_after("--rounds").unwrap_or(if measured { 7 } else { 1 });
    let singles = number_after("--singles").unwrap_or(if measured { 2_000 } else { 20 });
    let folder = tempfile::tempdir_in(
        std::env::var_os("LEADKIT_BENCH_FOLDER")
            .unwrap_or_else(|| std::env::temp_dir().into_os_string()),
    );
    let folder = folder.expect("a folder");
    let first = folder.path().join("first.db");
    fill(&first, leads);
    println!("{leads} leads, medians of {rounds} rounds");
    print_heads("a commit survives a", "store");
    for durability in [Durability::Machine, Durability::Process] {
        let options = Options {
            virtual_time: true,
            durability,
            ..Options::default()
        };
        let run = Run {
            folder: folder.path(),
            first: &first,
            options,
            rounds,
        };
        run.compare(
            "batches of 500",
            leads as usize,
            |raw| assert_eq!(raw.in_batches(BATCH), leads as usize),
            |store| assert_eq!(in_batches(store), leads as usize),
        );
        let chosen: Vec<_> = (0..singles.min(leads))
            .map(|number| (work::lead_id(number), work::wakes_at(number)))
            .collect();
        run.compare(
            "single commands",
            chosen.len(),
            |raw| raw.one_by_one(&chosen),
            |store| one_by_one(store, &chosen),
        );
    }
}

struct Run<'a> {
    folder: &'a Path,
    first: &'a Path,
    options: Options,
    rounds: u32,
}

impl Run<'_> {
    fn compare(
        &self,
        name: &str,
        fires: usize,
        by_hand: impl Fn(&mut Raw),
        through_store: impl Fn(&SqliteStore),
    ) {
        let survives = match self.options.durability {
            Durability::Machine => "machine's crash",
            Durability::Process => "process's crash",
        };
        let name = format!("{name}, {survives}");
        if !is_wanted(&name) {
            return;
        }
        let mut rounds: Vec<(Cost, Cost)> = Vec::new();
        for _ in 0..self.rounds {
            let path = self.copy("raw.db");
            let mut raw = Raw::open(&path, &self.options);
            let by_hand = measured(|| by_hand(&mut raw));
            drop(raw);
            let left_by_hand = contents(&path);

            let path = self.copy("store.db");
            let store = SqliteStore::open_with(&path, &self.options).expect("a store");
            let through_store = measured(|| through_store(&store));
            drop(store);
            assert_eq!(left_by_hand, contents(&path), "both sides write the same");
            rounds.push((by_hand, through_store));
        }
        print_compared(&name, fires, &rounds, "");
    }

    fn copy(&self, name: &str) -> std::path::PathBuf {
        let path = self.folder.join(name);
        for ending in ["", "-wal", "-shm"] {
            let stale = self.folder.join(format!("{name}{ending}"));
            let _ = std::fs::remove_file(stale);
        }
        std::fs::copy(self.first, &path).expect("a copy");
        path
    }
}

/// Rows and bytes of every table.
fn contents(path: &Path) -> Vec<(i64, i64)> {
    let connection = Connection::open(path).expect("the file");
    let sums = [
        "SELECT count(*), sum(length(body)) + sum(version) FROM leadkit_records",
        "SELECT count(*), sum(wakes_at / 1000000) FROM leadkit_records WHERE wakes_at IS NOT NULL",
        "SELECT count(*), sum(length(body)) + sum(length(command)) FROM leadkit_journal",
        "SELECT count(*), sum(length(owner) + length(t1) + length(t2) + length(contact_email)
                + attempts_total + reassignments + tasks_open) FROM leadkit_lead_facts",
        "SELECT count(*), sum(length(state) + length(lead) + length(\"to\")) FROM leadkit_message_facts",
    ];
    let sum = |sql: &str| {
        connection.query_row(sql, [], |row| {
            Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?.unwrap_or(0)))
        })
    };
    let found = sums
        .iter()
        .map(|sql| sum(sql))
        .collect::<Result<Vec<_>, _>>();
    found.expect("the sums")
}

/// Registers the leads, through the store, and folds the log into the file.
fn fill(path: &Path, leads: u32) {
    let options = Options {
        virtual_time: true,
        durability: Durability::Process,
        ..Options::default()
    };
    let store = SqliteStore::open_with(path, &options).expect("a store");
    let numbers: Vec<u32> = (0..leads).collect();
    for numbers in numbers.chunks(BATCH) {
        let changes: Vec<Changes> = numbers.iter().map(|number| register(*number)).collect();
        let verdicts = block_on(store.commit(changes)).expect("verdicts");
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Written));
    }
}

fn register(number: u32) -> Changes {
    let (lead, contact) = (work::lead_id(number), work::contact_id(number));
    let (command, _) = work::wake(contact, work::now());
    Changes {
        tenant: work::tenant(),
        command,
        checks: Vec::new(),
        puts: vec![
            Put {
                key: key(Kind::Lead, lead),
                read: Version::ABSENT,
                makes: Version::ABSENT.next(),
                body: Some(work::new_lead(number)),
                wakes: waking(work::wakes_at(number)),
                facts: stored(&work::lead_facts(&contact.to_string(), "ana", 0)),
            },
            Put {
                key: key(Kind::Contact, contact),
                read: Version::ABSENT,
                makes: Version::ABSENT.next(),
                body: Some(work::body(contact.as_bytes(), work::CONTACT_BYTES)),
                wakes: None,
                facts: Vec::new(),
            },
        ],
        journal: work::body(lead.as_bytes(), work::ENTRY_BYTES),
    }
}

/// A clock in the only lane.
fn waking(at: Instant) -> Option<Wakes> {
    let lane = work::lane().name;
    Some(Wakes { at, lane })
}

fn key(kind: Kind, id: Id) -> Key {
    Key {
        id,
        kind,
        tenant: work::tenant(),
    }
}

fn stored(facts: &[Fact<'_>]) -> Vec<StoredFact> {
    let fact = |fact: &Fact<'_>| match *fact {
        Fact::Text(name, value) => (name, Value::from(value)),
        Fact::Bool(name, value) => (name, value.into()),
        Fact::Count(name, value) => (name, value.into()),
        Fact::At(name, value) => (name, value.into()),
    };
    // As a decision does: its texts are folded already.
    let stored = |(name, value): (&'static str, Value)| StoredFact {
        name: name.into(),
        value,
    };
    facts.iter().map(fact).map(stored).collect()
}

/// Fires everything that is due, as the engine does: claim, load, commit.
fn in_batches(store: &dyn Store) -> usize {
    let mut fired = 0;
    let lanes: Lanes = [work::lane()].into_iter().collect();
    loop {
        let lease = work::now() + Elapsed::minutes(5);
        let due = block_on(store.due(&lanes, work::now(), BATCH, lease)).expect("due records");
        if due.is_empty() {
            return fired;
        }
        let leads: Vec<(Id, Instant)> = due.iter().map(|due| (due.key.id, due.at)).collect();
        fire(store, &leads);
        fired += leads.len();
    }
}

fn one_by_one(store: &dyn Store, leads: &[(Id, Instant)]) {
    for lead in leads {
        fire(store, std::slice::from_ref(lead));
    }
}

fn fire(store: &dyn Store, leads: &[(Id, Instant)]) {
    let keys: Vec<Key> = leads.iter().map(|(id, _)| key(Kind::Lead, *id)).collect();
    let loaded = block_on(store.load(&keys)).expect("leads");
    let bodies: Vec<(Version, Vec<u8>)> = loaded
        .into_iter()
        .map(|lead| (lead.version, lead.body.expect("a lead")))
        .collect();
    let contacts: Vec<Key> = bodies
        .iter()
        .map(|(_, body)| key(Kind::Contact, work::contact_of(body)))
        .collect();
    let loaded = block_on(store.load(&contacts)).expect("contacts");
    let changes: Vec<Changes> = leads
        .iter()
        .zip(bodies)
        .zip(contacts.into_iter().zip(loaded))
        .map(|((lead, body), (contact, loaded))| {
            let contact_body = loaded.body.expect("a contact");
            decided(*lead, body, contact, (loaded.version, contact_body))
        })
        .collect();
    let verdicts = block_on(store.commit(changes)).expect("verdicts");
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Written));
}

/// What the rule writes.
fn decided(
    (lead, at): (Id, Instant),
    (read, body): (Version, Vec<u8>),
    contact: Key,
    (contact_read, contact_body): (Version, Vec<u8>),
) -> Changes {
    let (command, message) = work::wake(lead, at);
    let (lead_text, contact_text) = (lead.to_string(), contact.id.to_string());
    let body = work::fired(body);
    let fires = body[20];
    let facts = work::lead_facts(&contact_text, work::owner(fires), i32::from(fires));
    Changes {
        tenant: work::tenant(),
        command,
        checks: Vec::new(),
        puts: vec![
            Put {
                key: key(Kind::Lead, lead),
                read,
                makes: read.next(),
                body: Some(body),
                wakes: waking(work::now() + Elapsed::hours(work::AGAIN_HOURS)),
                facts: stored(&facts),
            },
            Put {
                key: contact,
                read: contact_read,
                makes: contact_read.next(),
                body: Some(work::fired(contact_body)),
                wakes: None,
                facts: Vec::new(),
            },
            Put {
                key: key(Kind::Message, message),
                read: Version::ABSENT,
                makes: Version::ABSENT.next(),
                body: Some(work::body(lead.as_bytes(), work::MESSAGE_BYTES)),
                wakes: None,
                facts: stored(&work::message_facts(&lead_text, &contact_text)),
            },
        ],
        journal: work::body(lead.as_bytes(), work::ENTRY_BYTES),
    }
}
