//! A law: SQL and memory agree on every filter, every order and every count.

use leadkit::condition::{Comparison, FactName, Filter};
use leadkit::ids::{CommandId, Id, Tenant};
use leadkit::store::{
    Changes, Count, Key, Kind, MemoryStore, Order, Page, Put, Select, Store, StoredFact, Verdict,
    Version,
};
use leadkit::time::Instant;
use leadkit::value::{Number, Value, fold};
use leadkit_sqlite::{Options, SqliteStore};
use pollster::block_on;
use proptest::prelude::*;
use proptest::sample::select as one_of;

/// Built-in facts, fields of the playbook's own, and so many fields that they overflow.
const NAMES: [&str; 34] = [
    "stage",
    "owner",
    "open",
    "held",
    "attempts.total",
    "tasks.open",
    "registered_at",
    "closed_at",
    "product",
    "group",
    "size",
    "f0",
    "f1",
    "f2",
    "f3",
    "f4",
    "f5",
    "f6",
    "f7",
    "f8",
    "f9",
    "g0",
    "g1",
    "g2",
    "g3",
    "g4",
    "g5",
    "g6",
    "g7",
    "g8",
    "g9",
    "x'\"$",
    "never",
    "é",
];

fn names() -> impl Strategy<Value = &'static str> {
    one_of(&NAMES[..])
}

/// Few values of each type, so that they are equal often; and the ends of each.
fn values() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        one_of(&["", "a", "b", "x3", "é", "\0", "\u{1}", "\u{1}0", "\"", "車"][..])
            .prop_map(str::to_owned),
        "\\PC{0,3}",
    ];
    let day = prop_oneof![-2_i32..3, Just(-719_162), Just(2_932_896)];
    let micros = prop_oneof![
        -2_i64..3,
        Just(-62_135_596_800_000_000),
        Just(253_402_300_799_999_999)
    ];
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        prop_oneof![-2_i64..3, Just(i64::MIN), Just(i64::MAX)]
            .prop_map(|count| Value::Number(Number::from_ten_thousandths(count))),
        text.prop_map(|text| Value::Text(fold(&text))),
        day.prop_map(|days| {
            let epoch = Instant::default().date_naive();
            Value::Date(epoch + chrono::TimeDelta::days(days.into()))
        }),
        micros.prop_map(|micros| {
            Value::Instant(Instant::from_timestamp_micros(micros).unwrap_or_default())
        }),
    ]
}

fn records() -> impl Strategy<Value = Vec<Vec<StoredFact>>> {
    let facts = proptest::collection::btree_map(names(), values(), 0..34).prop_map(|facts| {
        let fact = |(name, value): (&str, Value)| StoredFact::new(name, value);
        facts.into_iter().map(fact).collect()
    });
    proptest::collection::vec(facts, 1..8)
}

fn filters() -> impl Strategy<Value = Filter> {
    let ops = || {
        one_of(
            &[
                Comparison::Equal,
                Comparison::Less,
                Comparison::AtMost,
                Comparison::More,
                Comparison::AtLeast,
            ][..],
        )
    };
    let fact = || names().prop_map(FactName::new);
    let leaf = prop_oneof![
        any::<bool>().prop_map(Filter::Constant),
        fact().prop_map(Filter::IsMissing),
        (fact(), ops(), values()).prop_map(|(fact, op, value)| Filter::Compare { fact, op, value }),
        (fact(), ops(), fact()).prop_map(|(left, op, right)| Filter::CompareFacts {
            left,
            op,
            right
        }),
        (fact(), proptest::collection::vec(values(), 0..4))
            .prop_map(|(fact, values)| Filter::In { fact, values }),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Filter::All),
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Filter::Any),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

fn orders() -> impl Strategy<Value = Order> {
    prop_oneof![
        Just(Order::Id),
        names().prop_map(|name| Order::Ascending(name.into())),
        names().prop_map(|name| Order::Descending(name.into())),
    ]
}

fn changes(records: &[Vec<StoredFact>]) -> Changes {
    let put = |(number, facts): (u8, &Vec<StoredFact>)| Put {
        key: Key {
            id: Id::from_bytes([number; 16]),
            kind: Kind::Lead,
            tenant: Tenant::from("acme"),
        },
        read: Version::ABSENT,
        makes: Version::ABSENT.next(),
        body: Some(Vec::new()),
        wakes: None,
        facts: facts.clone(),
    };
    Changes {
        tenant: Tenant::from("acme"),
        command: CommandId::of("records"),
        checks: Vec::new(),
        puts: (1..).zip(records).map(put).collect(),
        journal: Vec::new(),
    }
}

/// Every page of a selection, one behind the other.
fn pages(store: &dyn Store, mut select: Select) -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    while pages.len() < 20 {
        let page = block_on(store.select(&select)).expect("a page");
        select.after.clone_from(&page.next);
        pages.push(page);
        if select.after.is_none() {
            break;
        }
    }
    pages
}

#[test]
fn text_is_itself_wherever_it_lies() {
    let texts = ["\0", "\u{1}", "\u{1}0", "\u{1}1", "0", "a"];
    let options = Options {
        virtual_time: true,
        ..Options::default()
    };
    let store = SqliteStore::in_memory_with(&options).unwrap();
    // More fields than there are columns, so that the last ones overflow.
    let record = |(column, overflow): (&str, &str)| {
        let mut facts = vec![StoredFact::new("stage", column)];
        facts.extend((0..9).map(|field| StoredFact::new(format!("field {field}"), overflow)));
        facts
    };
    let pairs = texts
        .iter()
        .flat_map(|one| texts.iter().map(move |other| (*one, *other)));
    let records: Vec<_> = pairs.clone().map(record).collect();
    let _ = block_on(store.commit(vec![changes(&records)])).unwrap();
    let equal = pairs.filter(|(one, other)| one == other).count();
    for (left, right) in [
        ("stage", "field 8"),
        ("field 8", "stage"),
        ("field 0", "stage"),
    ] {
        let select = Select {
            tenant: Tenant::from("acme"),
            kind: Kind::Lead,
            filter: Filter::CompareFacts {
                left: FactName::new(left),
                op: Comparison::Equal,
                right: FactName::new(right),
            },
            order: Order::Id,
            after: None,
            limit: 100,
        };
        assert_eq!(block_on(store.select(&select)).unwrap().keys.len(), equal);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 2_000 }))]

    #[test]
    fn sql_and_memory_agree_on_what_a_filter_lets_through(
        records in records(),
        filters in proptest::collection::vec((filters(), orders(), 1_usize..5, proptest::collection::vec(names(), 0..3)), 12),
        behind in proptest::option::of(values()),
    ) {
        let memory = MemoryStore::default();
        let options = Options { virtual_time: true, ..Options::default() };
        let sqlite = SqliteStore::in_memory_with(&options).unwrap();
        for store in [&memory as &dyn Store, &sqlite] {
            let verdicts = block_on(store.commit(vec![changes(&records)])).unwrap();
            prop_assert_eq!(verdicts, vec![Verdict::Written]);
        }
        for (filter, order, limit, by) in filters {
            let select = Select {
                tenant: Tenant::from("acme"),
                kind: Kind::Lead,
                filter: filter.clone(),
                order,
                after: None,
                limit,
            };
            prop_assert_eq!(pages(&sqlite, select.clone()), pages(&memory, select.clone()), "{:?}", select);
            let between = Select {
                after: Some(leadkit::store::Cursor { value: behind.clone(), id: Id::from_bytes([3; 16]) }),
                ..select
            };
            prop_assert_eq!(pages(&sqlite, between.clone()), pages(&memory, between.clone()), "{:?}", between);
            let count = Count {
                tenant: Tenant::from("acme"),
                kind: Kind::Lead,
                filter,
                by: by.into_iter().map(Into::into).collect(),
            };
            let counted = block_on(sqlite.count(&count)).unwrap();
            prop_assert_eq!(counted, block_on(memory.count(&count)).unwrap(), "{:?}", count);
        }
    }
}
