//! Leads, and what is asked about them: in the language of conditions, and in SQL over typed
//! columns, which both sides must answer the same.

use leadkit::condition::{Comparison, FactName, Filter};
use leadkit::ids::{CommandId, Id, Tenant};
use leadkit::store::{
    Changes, Count, Key, Kind, Order, Put, Select, Store, StoredFact, Verdict, Version,
};
use leadkit::time::{Elapsed, Instant};
use leadkit::value::Value;

use crate::measure::{median, timed};

pub(crate) const TENANT: &str = "acme";
pub(crate) const PAGE: usize = 100;

/// The same in both languages.
pub(crate) struct Question {
    pub(crate) name: &'static str,
    pub(crate) filter: Filter,
    /// With `{week_ago}` for an instant.
    pub(crate) by_hand: &'static str,
    /// What an index over the typed columns holds behind the tenant.
    pub(crate) index: &'static str,
}

fn now() -> Instant {
    Instant::default() + Elapsed::days(20_000)
}

pub(crate) fn week_ago() -> Instant {
    now() - Elapsed::days(7)
}

fn compared(fact: &str, op: Comparison, value: impl Into<Value>) -> Filter {
    let (fact, value) = (FactName::new(fact), value.into());
    Filter::Compare { fact, op, value }
}

fn one_of(fact: &str, values: &[&str]) -> Filter {
    Filter::In {
        fact: FactName::new(fact),
        values: values.iter().map(|value| (*value).into()).collect(),
    }
}

/// Five about built-in facts, and two about a playbook's own fields.
pub(crate) fn questions() -> Vec<Question> {
    use Comparison::{AtLeast, Equal, Less, More};
    vec![
        Question {
            name: "a stage",
            filter: compared("stage", Equal, "stage 3"),
            by_hand: "stage = 'stage 3'",
            index: "stage",
        },
        Question {
            name: "open leads of an owner",
            filter: Filter::All(vec![
                compared("owner", Equal, "agent 7"),
                compared("open", Equal, true),
            ]),
            by_hand: "owner = 'agent 7' AND open",
            index: "open, owner",
        },
        Question {
            name: "many attempts",
            filter: compared("attempts.total", AtLeast, 98),
            by_hand: "attempts >= 98",
            index: "attempts",
        },
        Question {
            name: "registered lately, in one of two stages",
            filter: Filter::All(vec![
                compared("registered_at", More, week_ago()),
                one_of("stage", &["stage 1", "stage 2"]),
            ]),
            by_hand: "registered_at > {week_ago} AND stage IN ('stage 1', 'stage 2')",
            index: "stage, registered_at",
        },
        Question {
            name: "not of an owner, and closed",
            filter: Filter::All(vec![
                Filter::Not(Box::new(compared("owner", Equal, "agent 7"))),
                compared("open", Equal, false),
            ]),
            by_hand: "owner IS DISTINCT FROM 'agent 7' AND NOT open",
            index: "open",
        },
        Question {
            name: "own fields: a product below a price",
            filter: Filter::All(vec![
                compared("product", Equal, "x12"),
                compared("price", Less, 1_000),
            ]),
            by_hand: "product = 'x12' AND price < 1000",
            index: "product, price",
        },
        Question {
            name: "own fields: one of three products",
            filter: one_of("product", &["x1", "x2", "x3"]),
            by_hand: "product IN ('x1', 'x2', 'x3')",
            index: "product",
        },
    ]
}

pub(crate) fn segments() -> Vec<Filter> {
    questions()
        .into_iter()
        .map(|question| question.filter)
        .collect()
}

fn lead(number: u32) -> Put {
    let mut id = [0; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    let n = i32::try_from(number).unwrap_or(i32::MAX);
    let registered = now() - Elapsed::minutes(i64::from(n % 500_000));
    let text = |name: &str, value: String| StoredFact::new(name, value.as_str());
    Put {
        key: Key {
            id: Id::from_bytes(id),
            kind: Kind::Lead,
            tenant: TENANT.into(),
        },
        read: Version::ABSENT,
        makes: Version::ABSENT.next(),
        body: Some(vec![0; 250]),
        wakes: None,
        facts: vec![
            text("stage", format!("stage {}", n / 7 % 10)),
            StoredFact::new("open", n % 3 > 0),
            text("owner", format!("agent {}", n % 60)),
            StoredFact::new("registered_at", registered),
            StoredFact::new("attempts.total", n / 11 % 100),
            text("product", format!("x{}", n / 3 % 50)),
            StoredFact::new("price", n % 5_000),
        ],
    }
}

pub(crate) async fn fill(store: &dyn Store, leads: u32) {
    let numbers: Vec<u32> = (0..leads).collect();
    for numbers in numbers.chunks(2_000) {
        let change = Changes {
            tenant: TENANT.into(),
            command: CommandId::of(&numbers[0].to_string()),
            checks: Vec::new(),
            puts: numbers.iter().copied().map(lead).collect(),
            journal: Vec::new(),
        };
        let verdicts = store.commit(vec![change]).await.expect("a verdict");
        assert_eq!(verdicts, [Verdict::Written]);
    }
}

pub(crate) fn print_heads(leads: u32, rounds: u32) {
    println!("{leads} leads, medians of {rounds} rounds, milliseconds");
    println!("{:<58} {:>9} {:>9} {:>7}", "", "raw", "store", "ratio");
}

/// Asks both sides for the first page and the total, in turns, and prints what that took.
pub(crate) async fn compare(
    store: &dyn Store,
    question: &Question,
    (is_indexed, rounds): (bool, u32),
    page_by_hand: impl AsyncFn() -> usize,
    total_by_hand: impl AsyncFn() -> i64,
) {
    let select = Select {
        tenant: Tenant::from(TENANT),
        kind: Kind::Lead,
        filter: question.filter.clone(),
        order: Order::Id,
        after: None,
        limit: PAGE,
    };
    let count = Count {
        tenant: Tenant::from(TENANT),
        kind: Kind::Lead,
        filter: question.filter.clone(),
        by: Vec::new(),
    };
    let (mut pages, mut totals) = (Vec::new(), Vec::new());
    // The first round warms both up.
    for _ in 0..=rounds {
        let (raw, rows) = timed(page_by_hand()).await;
        let (own, page) = timed(store.select(&select)).await;
        let keys = page.expect("a page").keys;
        assert_eq!(rows.min(PAGE), keys.len(), "{}", question.name);
        pages.push((raw, own));

        let (raw, by_hand) = timed(total_by_hand()).await;
        let (own, counted) = timed(store.count(&count)).await;
        let counted = counted.expect("a count")[0].count;
        assert_eq!(by_hand.unsigned_abs(), counted, "{}", question.name);
        assert!(counted > 0, "{}", question.name);
        totals.push((raw, own));
    }
    for (what, times) in [("page", &pages[1..]), ("total", &totals[1..])] {
        let of = |time: &dyn Fn(&(f64, f64)) -> f64| median(times.iter().map(time).collect());
        let indexed = if is_indexed { ", indexed" } else { "" };
        println!(
            "{:<58} {:>9.3} {:>9.3} {:>7.2}",
            format!("{}: {what}{indexed}", question.name),
            of(&|(raw, _)| *raw),
            of(&|(_, store)| *store),
            of(&|(raw, store)| store / raw),
        );
    }
}
