//! What conditions promise. The facts are those of a small invented playbook.

mod holding;
mod knowing;
mod laws;
mod limits;
mod reading;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use smol_str::SmolStr;

use super::{Catalogue, Condition, FactId, FactInfo, FactName, Facts, Fault, Known, Unresolved};
use crate::time::{Elapsed, Instant};
use crate::value::{Value, ValueRef, ValueType, fold};

const ARGUMENTS: [&str; 2] = ["information", "call"];
const OUTCOMES: [&str; 3] = ["won", "lost", "Postponed"];

/// Names, types and whether stores keep them; the place is the id.
const FACTS: [(&str, ValueType, bool); 15] = [
    ("product", ValueType::Text, true),
    ("group", ValueType::Text, true),
    ("owner", ValueType::Text, true),
    ("registered_by", ValueType::Text, true),
    ("outcome", ValueType::Text, true),
    ("contact.unsubscribed", ValueType::Bool, true),
    ("five-attempts", ValueType::Bool, true),
    ("available", ValueType::Bool, false),
    ("attempts.total", ValueType::Number, true),
    ("attempts.unanswered", ValueType::Number, true),
    ("entered", ValueType::Instant, true),
    ("registered", ValueType::Instant, true),
    ("birthday", ValueType::Date, true),
    ("activities(\"information\")", ValueType::Number, true),
    ("activities(\"call\")", ValueType::Number, true),
];

struct Leads;

impl Catalogue for Leads {
    fn resolve(&self, name: &str, argument: Option<&str>) -> Result<FactInfo, Unresolved> {
        let known = || ARGUMENTS.map(SmolStr::from).into();
        let full = match (name, argument) {
            ("activities", Some(argument)) if ARGUMENTS.contains(&argument) => {
                FactName::with_argument(name, argument)
            }
            ("activities", Some(_)) => return Err(Unresolved::UnknownArgument { known: known() }),
            ("activities", None) => return Err(Unresolved::NeedsArgument { known: known() }),
            (name, argument) => match FACTS.iter().any(|(known, ..)| *known == name) {
                false => return Err(Unresolved::UnknownName),
                true if argument.is_some() => return Err(Unresolved::TakesNoArgument),
                true => FactName::new(name),
            },
        };
        let place = FACTS.iter().position(|(known, ..)| *known == full.as_str());
        let place = place.ok_or(Unresolved::UnknownName)?;
        let (_, value_type, stored) = FACTS[place];
        let id = FactId(u16::try_from(place).unwrap());
        let info = match stored {
            true => FactInfo::stored(id, full, value_type),
            false => FactInfo::computed(id, full, value_type),
        };
        Ok(match name {
            "outcome" => info.with_choices(OUTCOMES.map(SmolStr::from)),
            _ => info,
        })
    }

    fn names(&self) -> Vec<SmolStr> {
        let plain = FACTS.iter().map(|(name, ..)| *name);
        let plain = plain.filter(|name| !name.contains('('));
        plain.chain(["activities"]).map(SmolStr::from).collect()
    }

    /// In Guayaquil, where a day starts at five in the morning UTC; no day before 1900.
    fn start_of_day(&self, date: NaiveDate) -> Option<Instant> {
        let first = NaiveDate::from_ymd_opt(1900, 1, 1)?;
        let start = date.and_hms_opt(5, 0, 0)?.and_utc();
        (date >= first).then_some(start)
    }
}

/// A record that holds some of the facts.
#[derive(Clone, Debug, Default)]
struct Record(BTreeMap<u16, Value>);

impl Record {
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let place = FACTS.iter().position(|(known, ..)| *known == name).unwrap();
        self.0.insert(u16::try_from(place).unwrap(), value.into());
        self
    }

    /// The facts as a store keeps them: by name, text folded.
    fn stored(&self) -> BTreeMap<&'static str, Value> {
        let stored = |(place, value): (&u16, &Value)| {
            let value = match value {
                Value::Text(text) => Value::Text(fold(text)),
                other => other.clone(),
            };
            (FACTS[usize::from(*place)].0, value)
        };
        self.0.iter().map(stored).collect()
    }
}

impl Facts for Record {
    fn fact(&self, id: FactId) -> Option<ValueRef<'_>> {
        self.0.get(&id.0).map(Value::as_ref)
    }
}

fn condition(source: &str) -> Condition {
    Condition::parse(source, &Leads).unwrap_or_else(|faults| panic!("{source}: {faults:#?}"))
}

fn faults(source: &str) -> Vec<Fault> {
    Condition::parse(source, &Leads).expect_err(source)
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn now() -> Instant {
    at("2026-03-06T16:30:00Z")
}

fn holds(source: &str, record: &Record) -> bool {
    let condition = condition(source);
    let answer = condition.holds(record, now());
    if let Ok(filter) = condition.filter(now()) {
        let stored = record.stored();
        let matched = filter.matches(|name| stored.get(name).map(Value::as_ref));
        assert_eq!(
            matched, answer,
            "the filter of {source} disagrees: {filter:?}"
        );
    }
    answer
}

const MICROSECOND: Elapsed = Elapsed::microseconds(1);
