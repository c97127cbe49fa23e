//! Leads to be listed, and the segments that a host lists: for every store that keeps facts in SQL.

use leadkit::condition::{Comparison, FactName, Filter};
use leadkit::ids::{CommandId, Id, Tenant};
use leadkit::playbook::Playbook;
use leadkit::store::{
    Changes, Count, Key, Kind, Order, Put, Select, Store, StoredFact, Verdict, Version,
};
use leadkit::time::{Elapsed, Instant};
use leadkit::value::Value;

const LEADS: u32 = 12_000;

pub(crate) fn acme() -> Tenant {
    Tenant::from("acme")
}

pub(crate) fn put(number: u32, facts: Vec<StoredFact>) -> Put {
    let mut id = [0; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    Put {
        key: Key {
            id: Id::from_bytes(id),
            kind: Kind::Lead,
            tenant: acme(),
        },
        read: Version::ABSENT,
        makes: Version::ABSENT.next(),
        body: Some(Vec::new()),
        wakes: None,
        facts,
    }
}

pub(crate) async fn write(store: &dyn Store, puts: Vec<Put>) {
    let first = puts[0].key.id.to_string();
    let change = Changes {
        tenant: acme(),
        command: CommandId::of(&first),
        checks: Vec::new(),
        puts,
        journal: Vec::new(),
    };
    let verdicts = store.commit(vec![change]).await.expect("a verdict");
    assert_eq!(verdicts, [Verdict::Written]);
}

pub(crate) fn fact(name: &str, value: impl Into<Value>) -> StoredFact {
    StoredFact::new(name, value)
}

/// Leads of 240 owners in ten stages, with a product, a price and a number of attempts.
pub(crate) async fn fill(store: &dyn Store) {
    let leads: Vec<u32> = (0..LEADS).collect();
    for numbers in leads.chunks(2_000) {
        let lead = |number: &u32| {
            let n = *number as i32;
            let facts = vec![
                fact("owner", format!("agent {}", n % 240).as_str()),
                fact("stage", format!("stage {}", n / 7 % 10).as_str()),
                fact("product", format!("x{}", n / 3 % 150).as_str()),
                fact("price", n % 5_000),
                fact("attempts.total", n / 11 % 100),
                fact("open", n % 400 == 0),
            ];
            put(*number, facts)
        };
        write(store, numbers.iter().map(lead).collect()).await;
    }
}

pub(crate) fn compare(fact: &str, op: Comparison, value: impl Into<Value>) -> Filter {
    let (fact, value) = (FactName::new(fact), value.into());
    Filter::Compare { fact, op, value }
}

pub(crate) fn is(fact: &str, value: impl Into<Value>) -> Filter {
    compare(fact, Comparison::Equal, value)
}

pub(crate) fn select(filter: &Filter) -> Select {
    Select {
        tenant: acme(),
        kind: Kind::Lead,
        filter: filter.clone(),
        order: Order::Id,
        after: None,
        limit: 50,
    }
}

/// The first page of a segment, and how many there are.
pub(crate) async fn seen(store: &dyn Store, filter: &Filter) -> (Vec<Key>, u64) {
    let page = store.select(&select(filter)).await.expect("a page");
    let count = Count {
        tenant: acme(),
        kind: Kind::Lead,
        filter: filter.clone(),
        by: Vec::new(),
    };
    let counted = store.count(&count).await.expect("a count");
    (page.keys, counted[0].count)
}

/// Lists that an organisation shows all day, in the words of a playbook that ships with leadkit.
const SHOWN: [(&str, &[&str]); 4] = [
    (
        "field-and-digital-sales",
        &[
            r#"stage == "proposal" and entered_at < now - 490d"#,
            r#"owner == "agent 7" and open"#,
            r#"city == "Quito 7" and stage in ["new", "proposal"]"#,
        ],
    ),
    (
        "deferred-follow-up",
        &[r#"car == "X3" and stage == "talking" and attempts.total >= 97"#],
    ),
    (
        "dealership-teams",
        &[
            r#"temperature == "hot" and owner == "agent 8""#,
            r#"source == "web" and open and registered_at >= now - 5d"#,
        ],
    ),
    (
        "platform-onboarding",
        &[r#"platform == "autocloud" and stage == "evaluation" and entered_at < now - 490d"#],
    ),
];

/// Those lists, at an instant.
pub(crate) fn segments_of_playbooks(now: Instant) -> Vec<(String, Filter)> {
    let mut segments = Vec::new();
    for (name, texts) in SHOWN {
        let folder = format!("{}/../../playbooks/{name}", env!("CARGO_MANIFEST_DIR"));
        let playbook = Playbook::load(folder).expect("a playbook");
        for text in texts {
            let condition = playbook.condition(text);
            let condition = condition.unwrap_or_else(|faults| panic!("{text}: {faults:?}"));
            let filter = condition.filter(now).expect("stored facts");
            segments.push((format!("{name}: {text}"), filter));
        }
    }
    segments
}

/// Leads that any of these organisations could have by now, the latest registered an hour ago.
pub(crate) async fn fill_for_playbooks(store: &dyn Store, now: Instant) {
    let one_of = |names: &[&str], n: i32| names[n as usize % names.len()].to_owned();
    let leads: Vec<u32> = (0..LEADS).collect();
    for numbers in leads.chunks(2_000) {
        let lead = |number: &u32| {
            let n = *number as i32;
            let hours_ago = |hours: i32| now - Elapsed::hours(i64::from(hours));
            let stages = ["new", "proposal", "talking", "evaluation", "lost"];
            let facts = vec![
                fact("stage", one_of(&stages, n / 7).as_str()),
                fact("owner", format!("agent {}", n % 240).as_str()),
                fact("open", n % 40 == 7),
                fact("source", one_of(&["web", "route", "call"], n / 5).as_str()),
                fact("registered_at", hours_ago(n)),
                fact("entered_at", hours_ago(LEADS as i32 - n)),
                fact("attempts.total", n / 11 % 100),
                fact("city", format!("Quito {}", n / 3 % 150).as_str()),
                fact(
                    "car",
                    one_of(&["X1", "X3", "X5", "Serie 3"], n / 2).as_str(),
                ),
                fact(
                    "temperature",
                    one_of(&["hot", "warm", "cold"], n / 240).as_str(),
                ),
                fact(
                    "platform",
                    one_of(&["autocloud", "Feirão Digital"], n).as_str(),
                ),
            ];
            put(*number, facts)
        };
        write(store, numbers.iter().map(lead).collect()).await;
    }
}

/// Segments, and between what the indexes by which they are found tell records apart.
pub(crate) fn segments() -> Vec<(Filter, Vec<&'static str>)> {
    let either = Filter::Any(vec![is("owner", "agent 5"), is("product", "x12")]);
    vec![
        (
            Filter::All(vec![is("stage", "stage 3"), is("owner", "agent 7")]),
            vec!["owner_and_stage"],
        ),
        (is("product", "x12"), vec!["t1"]),
        (
            Filter::All(vec![
                is("open", true),
                compare("attempts.total", Comparison::AtLeast, 90),
            ]),
            vec!["open_and_attempts_total"],
        ),
        (compare("price", Comparison::Less, 20), vec!["n1"]),
        (
            Filter::In {
                fact: FactName::new("product"),
                values: vec!["x1".into(), "x2".into()],
            },
            vec!["t1"],
        ),
        (either, vec!["owner", "t1"]),
    ]
}
