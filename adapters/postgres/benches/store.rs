//! What the store costs beside SQL written by hand: `cargo bench -p leadkit-postgres`.
//!
//! Both sides work on copies of one database, do the same to it, and must leave the same rows and
//! bytes behind. They take turns; the median of the rounds counts. `-- --leads 100000 --rounds 7`
//! changes the size; without `--bench` it only checks itself.

#[allow(dead_code, reason = "nothing is chosen here")]
#[path = "../../sqlite/benches/measure/mod.rs"]
mod measure;
mod raw;
#[path = "../tests/server/mod.rs"]
mod server;
#[path = "../../sqlite/benches/raw/work.rs"]
mod work;

use futures::future::join_all;
use leadkit::ids::Id;
use leadkit::store::{Changes, Key, Kind, Lanes, Put, Store, StoredFact, Verdict, Version, Wakes};
use leadkit::time::{Elapsed, Instant};
use leadkit::value::Value;
use leadkit_postgres::PostgresStore;
use measure::{Cost, measured, number_after, print_compared, print_heads};
use raw::Raw;
use server::block_on;
use work::Fact;

const BATCH: usize = 500;

fn main() {
    let benches = std::env::args().any(|argument| argument == "--bench");
    let leads = number_after("--leads").unwrap_or(if benches { 20_000 } else { 60 });
    let rounds = number_after("--rounds").unwrap_or(if benches { 5 } else { 1 });
    let singles = number_after("--singles").unwrap_or(if benches { 2_000 } else { 20 });
    let Some(_) = server::url() else { return };
    let first = block_on(fill(leads));
    println!("{leads} leads, medians of {rounds} rounds");
    print_heads("", "store");
    let run = Run { first, rounds };
    for workers in [1, 4] {
        run.compare(
            &format!("batches of 500, {workers} workers"),
            leads as usize,
            workers,
            |raw, _| Box::pin(async move { raw.in_batches(BATCH).await }),
            |store, _| Box::pin(async move { in_batches(&store).await }),
        );
    }
    for workers in [1, 8] {
        let all: Vec<_> = (0..singles.min(leads))
            .map(|number| (work::lead_id(number), work::wakes_at(number)))
            .collect();
        let parts: Vec<Vec<_>> = all
            .chunks(all.len().div_ceil(workers))
            .map(<[_]>::to_vec)
            .collect();
        let of_store = parts.clone();
        run.compare(
            &format!("single commands, {workers} workers"),
            all.len(),
            parts.len(),
            move |raw, worker| {
                let leads = parts[worker].clone();
                Box::pin(async move {
                    raw.one_by_one(&leads).await;
                    leads.len()
                })
            },
            move |store, worker| {
                let leads = of_store[worker].clone();
                Box::pin(async move {
                    for lead in &leads {
                        fire(&store, std::slice::from_ref(lead)).await;
                    }
                    leads.len()
                })
            },
        );
    }
}

type Working = std::pin::Pin<Box<dyn Future<Output = usize> + Send>>;

struct Run {
    first: String,
    rounds: u32,
}

impl Run {
    fn compare(
        &self,
        name: &str,
        fires: usize,
        workers: usize,
        by_hand: impl Fn(Raw, usize) -> Working,
        through_store: impl Fn(PostgresStore, usize) -> Working,
    ) {
        let mut rounds: Vec<(Cost, Cost)> = Vec::new();
        for _ in 0..self.rounds {
            let url = block_on(server::copy_of(&self.first));
            let raws: Vec<Raw> = (0..workers).map(|_| block_on(Raw::connect(&url))).collect();
            let working = raws.into_iter().zip(0..).map(|(raw, n)| by_hand(raw, n));
            let by_hand = measured(|| assert_eq!(all_of(working), fires));
            let left_by_hand = block_on(contents(&url));

            let url = block_on(server::copy_of(&self.first));
            let open = || block_on(PostgresStore::open_with(&url, &server::options()));
            let stores: Vec<_> = (0..workers).map(|_| open().expect("a store")).collect();
            let working = stores
                .into_iter()
                .zip(0..)
                .map(|(s, n)| through_store(s, n));
            let through_store = measured(|| assert_eq!(all_of(working), fires));
            let left_by_store = block_on(contents(&url));
            assert_eq!(left_by_hand, left_by_store, "both sides write the same");
            rounds.push((by_hand, through_store));
        }
        print_compared(name, fires, &rounds, "");
    }
}

/// Runs all of these at once, each as a task; the sum of their answers.
fn all_of(working: impl Iterator<Item = Working>) -> usize {
    let tasks: Vec<_> = working.map(server::spawn).collect();
    let done = block_on(join_all(tasks));
    done.into_iter().map(|done| done.expect("a task")).sum()
}

/// Rows and bytes of every table.
async fn contents(url: &str) -> Vec<(i64, i64)> {
    let client = server::connect(url).await;
    let sums = [
        "SELECT count(*), (sum(length(body)) + sum(version))::bigint FROM leadkit_records",
        "SELECT count(*), (sum(wakes_at / 1000000))::bigint FROM leadkit_records WHERE wakes_at IS NOT NULL",
        "SELECT count(*), sum(length(body))::bigint FROM leadkit_journal",
        "SELECT count(*), sum(length(owner) + length(t1) + length(t2) + length(contact_email)
                + attempts_total + reassignments + tasks_open)::bigint FROM leadkit_lead_facts",
        "SELECT count(*), sum(length(state) + length(lead) + length(\"to\"))::bigint FROM leadkit_message_facts",
    ];
    let mut found = Vec::new();
    for sum in sums {
        let row = client.query_one(sum, &[]).await.expect("a sum");
        found.push((row.get(0), row.get::<_, Option<i64>>(1).unwrap_or(0)));
    }
    found
}

/// A database with the leads, as autovacuum would leave it.
async fn fill(leads: u32) -> String {
    let url = server::fresh_database().await;
    let store = PostgresStore::open_with(&url, &server::options())
        .await
        .expect("a store");
    let numbers: Vec<u32> = (0..leads).collect();
    for numbers in numbers.chunks(BATCH) {
        register(&store, numbers).await;
    }
    drop(store);
    let client = server::connect(&url).await;
    client
        .batch_execute("VACUUM ANALYZE")
        .await
        .expect("a vacuum");
    url
}

async fn write(store: &PostgresStore, changes: Vec<Changes>) {
    let verdicts = store.commit(changes).await.expect("verdicts");
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Written));
}

async fn register(store: &PostgresStore, numbers: &[u32]) {
    let changes = numbers.iter().map(|number| {
        let (lead, contact) = (work::lead_id(*number), work::contact_id(*number));
        let (command, _) = work::wake(contact, work::now());
        let contact_text = contact.to_string();
        let facts = work::lead_facts(&contact_text, "ana", 0);
        Changes {
            tenant: work::tenant(),
            command,
            checks: Vec::new(),
            puts: vec![
                Put {
                    key: key(Kind::Lead, lead),
                    read: Version::ABSENT,
                    makes: Version::ABSENT.next(),
                    body: Some(work::new_lead(*number)),
                    wakes: waking(work::wakes_at(*number)),
                    facts: stored(&facts),
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
    });
    write(store, changes.collect()).await;
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
async fn in_batches(store: &PostgresStore) -> usize {
    let mut fired = 0;
    let lanes: Lanes = [work::lane()].into_iter().collect();
    loop {
        let lease = work::now() + Elapsed::minutes(5);
        let due = store
            .due(&lanes, work::now(), BATCH, lease)
            .await
            .expect("due records");
        if due.is_empty() {
            return fired;
        }
        let leads: Vec<(Id, Instant)> = due.iter().map(|due| (due.key.id, due.at)).collect();
        fire(store, &leads).await;
        fired += leads.len();
    }
}

async fn fire(store: &PostgresStore, leads: &[(Id, Instant)]) {
    let keys: Vec<Key> = leads.iter().map(|(id, _)| key(Kind::Lead, *id)).collect();
    let loaded = store.load(&keys).await.expect("leads");
    let bodies: Vec<(Version, Vec<u8>)> = loaded
        .into_iter()
        .map(|lead| (lead.version, lead.body.expect("a lead")))
        .collect();
    let contacts: Vec<Key> = bodies
        .iter()
        .map(|(_, body)| key(Kind::Contact, work::contact_of(body)))
        .collect();
    let loaded = store.load(&contacts).await.expect("contacts");
    let changes = leads
        .iter()
        .zip(bodies)
        .zip(contacts.into_iter().zip(loaded))
        .map(|((lead, body), (contact, loaded))| {
            let contact_body = loaded.body.expect("a contact");
            decided(*lead, body, contact, (loaded.version, contact_body))
        });
    write(store, changes.collect()).await;
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
