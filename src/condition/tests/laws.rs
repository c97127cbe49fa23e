//! Laws, held against an evaluator that is written for nothing but to be plain.

use proptest::prelude::*;

use super::*;

/// A condition that was made up, in a form of its own.
#[derive(Clone, Debug)]
enum Made {
    Always(bool),
    Flag(&'static str),
    Compare(Side, &'static str, Side),
    In(&'static str, bool, Vec<Value>),
    Missing(&'static str, bool),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
    Implies(Box<Self>, Box<Self>),
}

#[derive(Clone, Debug)]
enum Side {
    Fact(&'static str),
    Literal(Value),
    /// `now`, moved by hours.
    Now(i64),
}

impl Made {
    /// How tightly it binds: a parenthesis is written only where it is needed.
    fn strength(&self) -> u8 {
        match self {
            Self::Implies(..) => 0,
            Self::Or(_) => 1,
            Self::And(_) => 2,
            Self::Not(_) => 3,
            _ => 4,
        }
    }

    fn write(&self, at_least: u8) -> String {
        let join = |parts: &[Self], word: &str, strength| {
            let parts: Vec<String> = parts.iter().map(|part| part.write(strength)).collect();
            parts.join(word)
        };
        let source = match self {
            Self::Always(value) => value.to_string(),
            Self::Flag(fact) => (*fact).to_owned(),
            Self::Compare(left, op, right) => format!("{} {op} {}", left.write(), right.write()),
            Self::In(fact, negated, values) => {
                let values: Vec<String> = values.iter().map(write_literal).collect();
                let not = if *negated { " not" } else { "" };
                format!("{fact}{not} in [{}]", values.join(", "))
            }
            Self::Missing(fact, true) => format!("{fact} is present"),
            Self::Missing(fact, false) => format!("{fact} is missing"),
            Self::Not(inner) => format!("not {}", inner.write(3)),
            Self::And(parts) => join(parts, " and ", 3),
            Self::Or(parts) => join(parts, " or ", 2),
            Self::Implies(left, right) => format!("{} implies {}", left.write(1), right.write(0)),
        };
        if self.strength() < at_least {
            format!("({source})")
        } else {
            source
        }
    }

    fn holds(&self, record: &Record, now: Instant) -> bool {
        let value = |name: &str| record.stored().get(name).cloned();
        match self {
            Self::Always(value) => *value,
            Self::Flag(fact) => value(fact) == Some(Value::Bool(true)),
            Self::Compare(left, op, right) => {
                let (Some(left), Some(right)) = (left.value(record, now), right.value(record, now))
                else {
                    return *op == "!=";
                };
                match *op {
                    "==" => left == right,
                    "!=" => left != right,
                    "<" => left < right,
                    "<=" => left <= right,
                    ">" => left > right,
                    _ => left >= right,
                }
            }
            Self::In(fact, negated, values) => {
                let found = value(fact).is_some_and(|seen| values.contains(&seen));
                found != *negated
            }
            Self::Missing(fact, negated) => value(fact).is_none() != *negated,
            Self::Not(inner) => !inner.holds(record, now),
            Self::And(parts) => parts.iter().all(|part| part.holds(record, now)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(record, now)),
            Self::Implies(left, right) => !left.holds(record, now) || right.holds(record, now),
        }
    }
}

impl Side {
    fn write(&self) -> String {
        match self {
            Self::Fact(name) => (*name).to_owned(),
            Self::Literal(value) => write_literal(value),
            Self::Now(0) => "now".to_owned(),
            Self::Now(hours @ 1..) => format!("now + {hours}h"),
            Self::Now(hours) => format!("now - {}h", -hours),
        }
    }

    fn value(&self, record: &Record, now: Instant) -> Option<Value> {
        match self {
            Self::Fact(name) => record.stored().get(name).cloned(),
            Self::Literal(value) => Some(value.clone()),
            Self::Now(hours) => Some(Value::Instant(now + Elapsed::hours(*hours))),
        }
    }
}

fn write_literal(value: &Value) -> String {
    match value {
        Value::Text(text) => super::super::lex::quoted(text).to_string(),
        other => other.to_string(),
    }
}

fn facts_of(value_type: ValueType) -> Vec<&'static str> {
    let of_type = |(_, known, stored): &&(_, ValueType, bool)| *known == value_type && *stored;
    let names = FACTS.iter().filter(of_type).map(|(name, ..)| *name);
    names.filter(|name| *name != "outcome").collect()
}

fn fact(value_type: ValueType) -> impl Strategy<Value = &'static str> {
    prop::sample::select(facts_of(value_type))
}

/// Few values, so that they meet. The texts are folded already.
fn value(value_type: ValueType) -> BoxedStrategy<Value> {
    match value_type {
        ValueType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        ValueType::Number => (-2..3).prop_map(Value::from).boxed(),
        ValueType::Text => prop::sample::select(vec!["", "x3", "é\"", "\\kia", "x33"])
            .prop_map(Value::from)
            .boxed(),
        ValueType::Date => (1..4_u32)
            .prop_map(|day| NaiveDate::from_ymd_opt(2026, 3, day).unwrap().into())
            .boxed(),
        ValueType::Instant => (-4..5_i64, -1..2_i64)
            .prop_map(|(hours, micros)| {
                let moved = now() + Elapsed::hours(hours) + Elapsed::microseconds(micros);
                Value::Instant(moved)
            })
            .boxed(),
    }
}

fn value_type() -> impl Strategy<Value = ValueType> {
    use ValueType::{Bool, Date, Instant, Number, Text};
    prop::sample::select(vec![Bool, Number, Text, Date, Instant])
}

fn comparison() -> impl Strategy<Value = Made> {
    value_type().prop_flat_map(|value_type| {
        let ops = match value_type {
            ValueType::Bool | ValueType::Text => vec!["==", "!="],
            _ => vec!["==", "!=", "<", "<=", ">", ">="],
        };
        let fact_side = fact(value_type).prop_map(Side::Fact);
        let other = match value_type {
            ValueType::Instant => prop_oneof![
                1 => fact(value_type).prop_map(Side::Fact),
                1 => value(value_type).prop_map(Side::Literal),
                4 => (-4..5_i64).prop_map(Side::Now),
            ]
            .boxed(),
            _ => prop_oneof![
                fact(value_type).prop_map(Side::Fact),
                value(value_type).prop_map(Side::Literal),
            ]
            .boxed(),
        };
        (fact_side, prop::sample::select(ops), other, any::<bool>()).prop_map(
            |(fact, op, other, swapped)| match swapped {
                true => Made::Compare(other, op, fact),
                false => Made::Compare(fact, op, other),
            },
        )
    })
}

fn made() -> impl Strategy<Value = Made> {
    let listed = value_type().prop_flat_map(|value_type| {
        let values = prop::collection::vec(value(value_type), 1..4);
        (fact(value_type), any::<bool>(), values)
    });
    let clock = (-4..5_i64, value(ValueType::Instant))
        .prop_map(|(hours, instant)| Made::Compare(Side::Now(hours), "<", Side::Literal(instant)));
    let term = prop_oneof![
        1 => any::<bool>().prop_map(Made::Always),
        2 => fact(ValueType::Bool).prop_map(Made::Flag),
        8 => comparison(),
        2 => listed.prop_map(|(fact, negated, values)| Made::In(fact, negated, values)),
        1 => (value_type().prop_flat_map(fact), any::<bool>())
            .prop_map(|(fact, negated)| Made::Missing(fact, negated)),
        1 => clock,
    ];
    term.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            1 => inner.clone().prop_map(|inner| Made::Not(Box::new(inner))),
            2 => prop::collection::vec(inner.clone(), 2..4).prop_map(Made::And),
            2 => prop::collection::vec(inner.clone(), 2..4).prop_map(Made::Or),
            1 => (inner.clone(), inner)
                .prop_map(|(left, right)| Made::Implies(Box::new(left), Box::new(right))),
        ]
    })
}

/// A record in which each fact may be missing, and in which texts are not always folded.
fn record() -> impl Strategy<Value = Record> {
    let facts: Vec<_> = FACTS
        .iter()
        .map(|(_, value_type, _)| {
            (
                prop::option::weighted(0.7, value(*value_type)),
                any::<bool>(),
            )
        })
        .collect();
    facts.prop_map(|values| {
        let given = (0..).zip(values).filter_map(|(place, (value, shouted))| {
            let value = match value? {
                Value::Text(text) if shouted => Value::Text(text.to_uppercase().into()),
                other => other,
            };
            Some((place, value))
        });
        Record(given.collect())
    })
}

/// An instant near those that conditions and records speak of.
fn moment() -> impl Strategy<Value = Instant> {
    value(ValueType::Instant).prop_map(|value| match value {
        Value::Instant(instant) => instant,
        _ => now(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_condition_means_what_it_says(made in made(), record in record(), now in moment()) {
        let source = made.write(0);
        let condition = condition(&source);
        prop_assert_eq!(condition.holds(&record, now), made.holds(&record, now), "{}", source);
        let as_dyn: &dyn Facts = &record;
        prop_assert_eq!(condition.holds(as_dyn, now), made.holds(&record, now));
    }

    #[test]
    fn a_filter_matches_what_its_condition_holds_for(
        made in made(), record in record(), now in moment(),
    ) {
        let condition = condition(&made.write(0));
        let filter = condition.filter(now).unwrap();
        let stored = record.stored();
        prop_assert_eq!(
            filter.matches(|name| stored.get(name).map(Value::as_ref)),
            condition.holds(&record, now),
            "{} {:?}", condition, filter
        );
    }

    #[test]
    fn what_a_filter_lets_through_has_all_facts_of_one_of_its_lookups(
        made in made(), record in record(), now in moment(),
    ) {
        let filter = condition(&made.write(0)).filter(now).unwrap();
        let stored = record.stored();
        let lookups = filter.lookups();
        if filter.matches(|name| stored.get(name).map(Value::as_ref)) && !lookups.is_empty() {
            let has = |fact: &crate::condition::SoughtFact| {
                let found = stored.get(fact.name.as_str());
                found.is_some_and(|value| value.value_type() == fact.value_type)
            };
            let found = lookups.iter().any(|facts| facts.iter().all(has));
            prop_assert!(found, "{:?} {:?}", filter, lookups);
        }
    }

    #[test]
    fn truth_is_constant_until_it_turns_and_another_then(
        made in made(), record in record(), now in moment(), samples in prop::collection::vec(0.0..1.0, 8),
    ) {
        let condition = condition(&made.write(0));
        let holds = condition.holds(&record, now);
        let turns = condition.turns_at(&record, now);
        if let Some(turns) = turns {
            prop_assert!(turns > now);
            prop_assert_ne!(condition.holds(&record, turns), holds, "{}", condition);
        }
        // All that is spoken of lies within a day.
        let until = turns.unwrap_or(now + Elapsed::days(2)) - MICROSECOND;
        let span = (until - now).num_microseconds().unwrap();
        let sampled = samples.iter().map(|part| (span as f64 * part) as i64);
        let near = (0..3).flat_map(|hours| [hours * 3_600_000_000 - 1, hours * 3_600_000_000, hours * 3_600_000_000 + 1]);
        for micros in sampled.chain(near).chain([span]).filter(|micros| (0..=span).contains(micros)) {
            let sample = now + Elapsed::microseconds(micros);
            prop_assert_eq!(condition.holds(&record, sample), holds, "{} at {}", condition, sample);
        }
    }

    #[test]
    fn the_terms_that_stand_in_the_way_are_why_it_fails(
        made in made(), record in record(), now in moment(),
    ) {
        let condition = condition(&made.write(0));
        let why = condition.why(&record, now);
        if !condition.holds(&record, now) {
            prop_assert!(why.iter().any(|term| term.held != term.wanted), "{}", condition);
        } else {
            prop_assert!(why.iter().any(|term| term.held == term.wanted), "{}", condition);
        }
        for term in why {
            prop_assert_eq!(&condition.source()[term.at.clone()], &*term.source);
            let alone = super::condition(&term.source);
            prop_assert_eq!(alone.holds(&record, now), term.held, "{}", term);
        }
    }

    #[test]
    fn what_is_so_of_some_record_can_be_so(
        made in made(), other in made(), record in record(), now in moment(),
    ) {
        let (other, condition) = (condition(&other.write(0)), condition(&made.write(0)));
        let mut known = Known::default();
        known.assume(&other, other.holds(&record, now));
        for (place, value) in &record.0 {
            // Of some facts nothing is known.
            if place % 3 == 0 {
                known.is(FactId(*place), value);
            }
        }
        match condition.holds(&record, now) {
            true => prop_assert!(condition.can_hold(&known), "{} with {}", condition, other),
            false => prop_assert!(condition.can_fail(&known), "{} with {}", condition, other),
        }
        // What was forgotten can be anything.
        let forgotten = condition.facts().map(|fact| fact.id);
        forgotten.for_each(|fact| known.forget(fact));
        prop_assert!(condition.can_hold(&known) || condition.can_fail(&known));
    }
}
