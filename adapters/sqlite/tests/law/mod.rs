//! What the law of filters is tried on, for every store that keeps facts in SQL.

use leadkit::condition::{Comparison, FactName, Filter};
use leadkit::ids::{CommandId, Id, Tenant};
use leadkit::store::{
    Changes, Count, Cursor, Key, Kind, MemoryStore, Order, Page, Put, Select, Store, StoredFact,
    Verdict, Version,
};
use leadkit::time::Instant;
use leadkit::value::{Number, Value, fold};
use proptest::prelude::*;
use proptest::sample::select as one_of;
use proptest::test_runner::TestCaseError;

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
pub(crate) fn values() -> impl Strategy<Value = Value> {
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

pub(crate) fn records() -> impl Strategy<Value = Vec<Vec<StoredFact>>> {
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

fn changes(tenant: &Tenant, records: &[Vec<StoredFact>]) -> Changes {
    let put = |(number, facts): (u8, &Vec<StoredFact>)| Put {
        key: Key {
            id: Id::from_bytes([number; 16]),
            kind: Kind::Lead,
            tenant: tenant.clone(),
        },
        read: Version::ABSENT,
        makes: Version::ABSENT.next(),
        body: Some(Vec::new()),
        wakes: None,
        facts: facts.clone(),
    };
    Changes {
        tenant: tenant.clone(),
        command: CommandId::of("records"),
        checks: Vec::new(),
        puts: (1..).zip(records).map(put).collect(),
        journal: Vec::new(),
    }
}

/// Every page of a selection, one behind the other.
async fn pages(store: &dyn Store, mut select: Select) -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    while pages.len() < 20 {
        let page = store.select(&select).await.expect("a page");
        select.after.clone_from(&page.next);
        pages.push(page);
        if select.after.is_none() {
            break;
        }
    }
    pages
}

/// What is asked: a filter, an order, how long a page is, and by what to count.
pub(crate) type Question = (Filter, Order, usize, Vec<&'static str>);

pub(crate) fn questions() -> impl Strategy<Value = Vec<Question>> {
    let by = proptest::collection::vec(names(), 0..3);
    proptest::collection::vec((filters(), orders(), 1_usize..5, by), 12)
}

/// Puts the same records of a new tenant into both stores, and asks both the same.
pub(crate) async fn agree(
    store: &dyn Store,
    tenant: &Tenant,
    records: &[Vec<StoredFact>],
    questions: Vec<Question>,
    behind: Option<Value>,
) -> Result<(), TestCaseError> {
    let memory = MemoryStore::default();
    for store in [&memory as &dyn Store, store] {
        let verdicts = store.commit(vec![changes(tenant, records)]).await;
        prop_assert_eq!(verdicts.expect("a verdict"), vec![Verdict::Written]);
    }
    for (filter, order, limit, by) in questions {
        let select = Select {
            tenant: tenant.clone(),
            kind: Kind::Lead,
            filter: filter.clone(),
            order,
            after: None,
            limit,
        };
        let between = Select {
            after: Some(Cursor {
                value: behind.clone(),
                id: Id::from_bytes([3; 16]),
            }),
            ..select.clone()
        };
        for select in [select, between] {
            let wanted = pages(&memory, select.clone()).await;
            prop_assert_eq!(pages(store, select.clone()).await, wanted, "{:?}", select);
        }
        let count = Count {
            tenant: tenant.clone(),
            kind: Kind::Lead,
            filter,
            by: by.into_iter().map(Into::into).collect(),
        };
        let wanted = memory.count(&count).await.expect("a count");
        prop_assert_eq!(
            store.count(&count).await.expect("a count"),
            wanted,
            "{:?}",
            count
        );
    }
    Ok(())
}

/// Texts that are escaped in the tables are equal to themselves only, in columns and in the
/// overflow.
pub(crate) async fn text_is_itself(store: &dyn Store, tenant: &Tenant) {
    let texts = ["\0", "\u{1}", "\u{1}0", "\u{1}1", "0", "a"];
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
    let written = store.commit(vec![changes(tenant, &records)]).await;
    assert_eq!(written.expect("a verdict"), [Verdict::Written]);
    let equal = pairs.filter(|(one, other)| one == other).count();
    for (left, right) in [
        ("stage", "field 8"),
        ("field 8", "stage"),
        ("field 0", "stage"),
    ] {
        let select = Select {
            tenant: tenant.clone(),
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
        let found = store.select(&select).await.expect("a page");
        assert_eq!(found.keys.len(), equal);
    }
}
