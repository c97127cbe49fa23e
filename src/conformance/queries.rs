//! Lists and reports show what the rules act on.

use std::sync::Arc;

use smol_str::SmolStr;

use super::words::*;
use super::{Outcome, Subject, same};
use crate::condition::{Comparison, FactName, Filter};
use crate::ids::{Id, Tenant};
use crate::store::{Count, Counted, Kind, Order, Put, Select, Store, StoreError, StoreErrorKind};
use crate::time::Instant;
use crate::value::{Value, fold};
use chrono::NaiveDate;

const OPS: [Comparison; 5] = [
    Comparison::Equal,
    Comparison::Less,
    Comparison::AtMost,
    Comparison::More,
    Comparison::AtLeast,
];

fn compare(fact: &str, op: Comparison, value: impl Into<Value>) -> Filter {
    Filter::Compare {
        fact: FactName::new(fact),
        op,
        value: folded(value),
    }
}

pub(super) fn equal(fact: &str, value: impl Into<Value>) -> Filter {
    compare(fact, Comparison::Equal, value)
}

fn missing(fact: &str) -> Filter {
    Filter::IsMissing(FactName::new(fact))
}

pub(super) fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

pub(super) fn everything() -> Filter {
    Filter::Constant(true)
}

fn day(text: &str) -> Value {
    Value::Date(text.parse::<NaiveDate>().unwrap_or_default())
}

fn moment(text: &str) -> Value {
    Value::Instant(text.parse::<Instant>().unwrap_or_default())
}

/// Leads with every type of fact, built-in and the playbook's own, and with none.
fn some_leads() -> Vec<Put> {
    let lead = |number| put(lead(number), 0, b"x");
    vec![
        lead(1)
            .with("stage", "New")
            .with("open", true)
            .with("attempts.total", 3)
            .with("attempts.reached", 3)
            .with("registered_at", moment("2026-03-06T12:00:00.000001Z"))
            .with("product", "X3")
            .with("test_drive", day("2026-03-06"))
            .with("wanted_by", moment("2026-03-07T00:00:00Z"))
            .with("budget", 20_000),
        lead(2)
            .with("stage", "won")
            .with("open", false)
            .with("attempts.total", 7)
            .with("attempts.reached", 2)
            .with("registered_at", moment("0001-01-01T00:00:00Z"))
            .with("product", "x5")
            .with("test_drive", day("0001-01-01"))
            .with("budget", -3),
        lead(3)
            .with("stage", "NEW")
            .with("owner", "new")
            .with("attempts.total", 0)
            .with("registered_at", moment("9999-12-31T23:59:59.999999Z"))
            .with("test_drive", day("9999-12-31"))
            .with("budget", 0)
            .with("financed", false),
        lead(4),
        lead(5)
            .with("owner", "ana")
            .with("product", "")
            .with("financed", true),
    ]
}

pub(super) async fn with_leads(
    subject: &dyn Subject,
    puts: Vec<Put>,
) -> Result<Arc<dyn Store>, StoreError> {
    let store = fresh(subject).await;
    let write = puts
        .into_iter()
        .fold(change("some leads"), |write, put| write.and(put));
    let _ = commit(&store, write).await?;
    Ok(store)
}

/// The ids that a filter lets through when it is evaluated here.
fn matching(puts: &[Put], filter: &Filter) -> Vec<Id> {
    let matches = |put: &&Put| {
        filter.matches(|name| {
            let mut facts = put.facts.iter();
            let fact = facts.find(|fact| fact.name == name);
            fact.map(|fact| fact.value.as_ref())
        })
    };
    puts.iter().filter(matches).map(|put| put.key.id).collect()
}

/// Every operator over every type, built-in or not, with and without a negation around it.
fn many_filters() -> Vec<Filter> {
    let values: [(&str, Vec<Value>); 9] = [
        (
            "stage",
            vec!["new".into(), "WON".into(), "lost".into(), 3.into()],
        ),
        ("open", vec![true.into(), false.into()]),
        (
            "attempts.total",
            vec![3.into(), 0.into(), 5.into(), "3".into()],
        ),
        (
            "registered_at",
            vec![
                moment("2026-03-06T12:00:00.000001Z"),
                moment("2026-03-06T12:00:00.000002Z"),
                day("2026-03-06"),
            ],
        ),
        ("product", vec!["X5".into(), "".into()]),
        (
            "test_drive",
            vec![day("2026-03-06"), day("0001-01-02"), day("9999-12-31")],
        ),
        ("budget", vec![20_000.into(), 0.into(), (-3).into()]),
        ("financed", vec![true.into(), false.into()]),
        ("unheard_of", vec!["x".into(), 1.into()]),
    ];
    let mut filters = vec![
        everything(),
        Filter::Constant(false),
        Filter::All(vec![]),
        Filter::Any(vec![]),
    ];
    for (fact, values) in &values {
        let fact = FactName::new(*fact);
        filters.push(Filter::IsMissing(fact.clone()));
        filters.push(Filter::In {
            fact: fact.clone(),
            values: values.iter().cloned().map(folded).collect(),
        });
        filters.push(Filter::In {
            fact: fact.clone(),
            values: vec![],
        });
        for op in OPS {
            filters.extend(
                values
                    .iter()
                    .map(|value| compare(fact.as_str(), op, value.clone())),
            );
        }
    }
    let pairs = [
        ("attempts.reached", "attempts.total"),
        ("stage", "owner"),
        ("product", "stage"),
        ("registered_at", "wanted_by"),
        ("registered_at", "test_drive"),
        ("budget", "attempts.total"),
        ("stage", "unheard_of"),
        ("stage", "stage"),
    ];
    for (left, right) in pairs {
        filters.extend(OPS.map(|op| Filter::CompareFacts {
            left: FactName::new(left),
            op,
            right: FactName::new(right),
        }));
    }
    let negated: Vec<Filter> = filters.iter().cloned().map(not).collect();
    filters.extend(negated);
    let nested = vec![
        equal("stage", "new"),
        not(Filter::Any(vec![
            compare("attempts.total", Comparison::More, 2),
            not(Filter::All(vec![
                not(equal("open", true)),
                missing("product"),
            ])),
        ])),
    ];
    filters.push(Filter::All(nested.clone()));
    filters.push(not(Filter::Any(nested)));
    filters
}

pub(super) async fn every_operator_selects_what_the_filter_matches(
    subject: &dyn Subject,
) -> Outcome {
    let puts = some_leads();
    let store = with_leads(subject, puts.clone()).await?;
    for filter in many_filters() {
        let found = selected(&store, leads(filter.clone())).await?;
        let wanted = matching(&puts, &filter);
        same("a selection", (&filter, found), (&filter, wanted))?;
    }
    Ok(())
}

pub(super) async fn a_missing_fact_is_unequal_and_nothing_else(subject: &dyn Subject) -> Outcome {
    let puts = vec![
        put(lead(1), 0, b"x"),
        put(lead(2), 0, b"x").with("owner", "ana"),
    ];
    let store = with_leads(subject, puts).await?;
    // The last one nobody has ever had.
    for fact in ["owner", "attempts.total", "test_drive", "unheard_of"] {
        let value = || match fact {
            "owner" | "unheard_of" => Value::from("ana"),
            "attempts.total" => Value::from(1),
            _ => day("2026-03-06"),
        };
        for op in OPS {
            let compared = compare(fact, op, value());
            for (filter, wanted) in [(compared.clone(), false), (not(compared), true)] {
                let of_both = selected(&store, leads(filter.clone())).await?;
                let found = of_both.contains(&id(1));
                same(
                    "the lead without the fact",
                    (&filter, found),
                    (&filter, wanted),
                )?;
            }
        }
    }
    let found = selected(&store, leads(missing("owner"))).await?;
    same("who has no owner", found, vec![id(1)])?;
    let found = selected(&store, leads(missing("unheard_of"))).await?;
    same("who has not what nobody has", found, vec![id(1), id(2)])
}

pub(super) async fn text_is_found_in_any_script_and_case(subject: &dyn Subject) -> Outcome {
    let texts = [
        "Ömer's X3",
        "ÖMER'S X3",
        "İstanbul",
        "ΣΊΣΥΦΟΣ",
        "車",
        "\u{1f697}",
        "a\0b",
        "a",
        "%",
        "_",
        "\"quoted\"",
        "straße",
        "STRASSE",
        " ",
        "",
        "a ",
        "e",
        "é",
    ];
    for fact in ["stage", "product"] {
        let puts: Vec<Put> = (0..)
            .zip(texts)
            .map(|(number, text)| put(lead(number), 0, b"x").with(fact, text))
            .collect();
        let store = with_leads(subject, puts).await?;
        for text in texts {
            let wanted: Vec<Id> = (0..)
                .zip(texts)
                .filter(|(_, other)| fold(other) == fold(text))
                .map(|(number, _)| id(number))
                .collect();
            let found = selected(&store, leads(equal(fact, text))).await?;
            same("who has this text", (text, found), (text, wanted))?;
        }
    }
    Ok(())
}

pub(super) async fn a_playbooks_own_fields_are_facts(subject: &dyn Subject) -> Outcome {
    const FIELDS: i32 = 40;
    let kinds = [Kind::Lead, Kind::Agent, Kind::Message, Kind::Sweep];
    let store = fresh(subject).await;
    for kind in kinds {
        let name = |number: i32| format!("field \"{number}'.$[");
        let mut one = put(key(&acme(), kind, 1), 0, b"x");
        let mut other = put(key(&acme(), kind, 2), 0, b"x");
        for number in 0..FIELDS {
            one = one.with(&name(number), number);
            other = other.with(&name(number), name(number).as_str());
        }
        let write = change(&format!("{kind:?}")).and(one).and(other);
        let _ = commit(&store, write).await?;
        for number in 0..FIELDS {
            let selecting = |filter| Select {
                kind,
                ..leads(filter)
            };
            let as_number = selecting(compare(&name(number), Comparison::AtLeast, number));
            same("by number", selected(&store, as_number).await?, vec![id(1)])?;
            let text = name(number).to_uppercase();
            let as_text = selecting(equal(&name(number), text.as_str()));
            same("by text", selected(&store, as_text).await?, vec![id(2)])?;
        }
    }
    Ok(())
}

pub(super) async fn a_field_may_change_its_type(subject: &dyn Subject) -> Outcome {
    let values: Vec<Value> = vec![
        false.into(),
        7.into(),
        "seven".into(),
        day("2026-03-06"),
        moment("2026-03-06T00:00:00Z"),
    ];
    let puts: Vec<Put> = (0..)
        .zip(&values)
        .map(|(number, value)| put(lead(number), 0, b"x").with("size", value.clone()))
        .chain([put(lead(9), 0, b"x")])
        .collect();
    let store = with_leads(subject, puts.clone()).await?;
    for (number, value) in (0..).zip(&values) {
        let having = equal("size", value.clone());
        same(
            "who has it",
            selected(&store, leads(having)).await?,
            vec![id(number)],
        )?;
        let unequal = not(equal("size", value.clone()));
        let wanted = matching(&puts, &unequal);
        same(
            "who hasn't",
            selected(&store, leads(unequal)).await?,
            wanted,
        )?;
    }
    let missing = leads(missing("size"));
    same(
        "who has none",
        selected(&store, missing).await?,
        vec![id(9)],
    )?;
    // The same lead, with another type.
    let write = change("again").and(put(lead(0), 1, b"x").with("size", 7));
    let _ = commit(&store, write).await?;
    let seven = leads(equal("size", 7));
    same(
        "who has 7 now",
        selected(&store, seven).await?,
        vec![id(0), id(1)],
    )?;
    let ordered = Select {
        order: Order::Ascending("size".into()),
        limit: 1,
        ..leads(everything())
    };
    let (found, _) = paged(&store, ordered, 20).await?;
    let wanted = [0, 1, 2, 3, 4, 9].map(id).to_vec();
    same("the order of types", found, wanted)
}

pub(super) async fn facts_replace_the_earlier_ones(subject: &dyn Subject) -> Outcome {
    let first = put(lead(1), 0, b"x")
        .with("stage", "new")
        .with("owner", "ana")
        .with("city", "Quito");
    let store = with_leads(subject, vec![first]).await?;
    let second = put(lead(1), 1, b"y").with("stage", "won").with("size", 3);
    let _ = commit(&store, change("b").and(second)).await?;
    for (filter, wanted) in [
        (equal("stage", "new"), false),
        (equal("stage", "won"), true),
        (missing("owner"), true),
        (missing("city"), true),
        (equal("size", 3), true),
    ] {
        let found = selected(&store, leads(filter.clone())).await?;
        same(
            "whether it is found",
            (&filter, found.len() == 1),
            (&filter, wanted),
        )?;
    }
    Ok(())
}

/// Leads in the order of their `rank`, ascending: 3 and 6 have none.
pub(super) async fn a_kind_without_facts_may_be_selected(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let contact = |number| put(key(&acme(), Kind::Contact, number), 0, b"x");
    let write = change("a")
        .and(contact(2))
        .and(contact(1))
        .and(put(lead(3), 0, b"x"));
    let _ = commit(&store, write).await?;
    let contacts = |filter, order| Select {
        kind: Kind::Contact,
        order,
        limit: 1,
        ..leads(filter)
    };
    let both = vec![id(1), id(2)];
    for order in [Order::Id, Order::Ascending("stage".into())] {
        let (found, _) = paged(&store, contacts(everything(), order), 5).await?;
        same("the contacts", found, both.clone())?;
    }
    let (unequal, _) = paged(&store, contacts(not(equal("stage", "x")), Order::Id), 5).await?;
    same("every fact is missing", unequal, both)?;
    let none = contacts(equal("stage", "x"), Order::Id);
    same("so no fact is equal", selected(&store, none).await?, vec![])?;
    let nobody = Select {
        tenant: Tenant::from("nobody"),
        ..contacts(everything(), Order::Id)
    };
    same(
        "of an unknown tenant",
        selected(&store, nobody).await?,
        vec![],
    )
}

pub(super) async fn the_journal_is_not_selected(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let _ = commit(&store, change("a")).await?;
    let select = Select {
        kind: Kind::Journal,
        ..leads(everything())
    };
    let refused = failure(store.select(&select).await);
    same("selecting it", refused, Some(StoreErrorKind::Invalid))?;
    let counting = Count {
        kind: Kind::Journal,
        ..count(everything(), &[])
    };
    let refused = failure(store.count(&counting).await);
    same("counting it", refused, Some(StoreErrorKind::Invalid))
}

fn count(filter: Filter, by: &[&str]) -> Count {
    Count {
        tenant: acme(),
        kind: Kind::Lead,
        filter,
        by: by.iter().map(|name| SmolStr::from(*name)).collect(),
    }
}

fn total(count: u64) -> Vec<Counted> {
    let values = Vec::new();
    vec![Counted { values, count }]
}

pub(super) async fn a_count_is_a_selections_length(subject: &dyn Subject) -> Outcome {
    let puts = some_leads();
    let store = with_leads(subject, puts.clone()).await?;
    for filter in many_filters() {
        let wanted = total(matching(&puts, &filter).len() as u64);
        let found = store.count(&count(filter.clone(), &[])).await?;
        same("a count", (&filter, found), (&filter, wanted))?;
    }
    Ok(())
}

pub(super) async fn groups_come_in_order_the_missing_last(subject: &dyn Subject) -> Outcome {
    let store = with_leads(subject, some_leads()).await?;
    let group = |values: &[Option<Value>], count| Counted {
        values: values.to_vec(),
        count,
    };
    let text = |text: &str| Some(Value::from(text));
    let by_stage = store.count(&count(everything(), &["stage"])).await?;
    let wanted = vec![
        group(&[text("new")], 2),
        group(&[text("won")], 1),
        group(&[None], 2),
    ];
    same("by stage", by_stage, wanted)?;
    let by_both = store
        .count(&count(everything(), &["financed", "stage"]))
        .await?;
    let wanted = vec![
        group(&[Some(false.into()), text("new")], 1),
        group(&[Some(true.into()), None], 1),
        group(&[None, text("new")], 1),
        group(&[None, text("won")], 1),
        group(&[None, None], 1),
    ];
    same("by two facts", by_both, wanted)?;
    let by_nothing = store.count(&count(everything(), &["unheard_of"])).await?;
    same("by what nobody has", by_nothing, vec![group(&[None], 5)])?;
    let by_day = store
        .count(&count(equal("stage", "new"), &["test_drive"]))
        .await?;
    let wanted = vec![
        group(&[Some(day("2026-03-06"))], 1),
        group(&[Some(day("9999-12-31"))], 1),
    ];
    same("by day", by_day, wanted)
}

pub(super) async fn a_total_may_be_zero(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    same(
        "in an empty store",
        store.count(&count(everything(), &[])).await?,
        total(0),
    )?;
    let _ = commit(
        &store,
        change("a").and(put(lead(1), 0, b"x").with("stage", "new")),
    )
    .await?;
    let lost = || equal("stage", "lost");
    same(
        "of no lead",
        store.count(&count(lost(), &[])).await?,
        total(0),
    )?;
    for by in ["stage", "unheard_of"] {
        same(
            "groups of no lead",
            store.count(&count(lost(), &[by])).await?,
            vec![],
        )?;
    }
    Ok(())
}
