//! By which facts a store could find what a filter lets through, without going through all.

use std::collections::BTreeSet;

use super::{Comparison, FactName, Filter};
use crate::value::{Value, ValueType};

/// How many facts a lookup has at most: more make an index wider, and find little faster.
const MOST_FACTS: usize = 4;

/// A fact that a record must have, so that a filter lets it through.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SoughtFact {
    /// Which.
    pub name: FactName,
    /// The type of what it is compared with.
    pub value_type: ValueType,
}

impl Filter {
    /// What indexes would have to hold for this filter, each in this order: facts that must
    /// equal something, then those that must be among a few values, then one that has bounds.
    ///
    /// Whatever the filter lets through has all facts of at least one lookup. There are several
    /// where one of several things suffices, and none where no index would help: what must not
    /// be, or must be missing, is not looked up.
    ///
    /// ```
    /// use leadkit::condition::{Comparison, FactName, Filter};
    /// let is = |fact, op, value| Filter::Compare { fact: FactName::new(fact), op, value };
    /// let segment = Filter::All(vec![
    ///     is("attempts.total", Comparison::AtLeast, 5.into()),
    ///     is("product", Comparison::Equal, "x3".into()),
    /// ]);
    /// let [lookup] = &segment.lookups()[..] else { panic!("one suffices") };
    /// assert_eq!(lookup[0].name.as_str(), "product");
    /// assert_eq!(lookup[1].name.as_str(), "attempts.total");
    /// ```
    #[must_use]
    pub fn lookups(&self) -> Vec<Vec<SoughtFact>> {
        if let Self::Any(parts) = self {
            return lookups_of_any(parts);
        }
        let mut wanted = Wanted::default();
        wanted.gather(self);
        let facts = wanted.facts();
        if !facts.is_empty() {
            return vec![facts];
        }
        let mut several = wanted.several.into_iter().map(lookups_of_any);
        several
            .find(|lookups| !lookups.is_empty())
            .unwrap_or_default()
    }
}

/// All of these must be looked up, or none.
fn lookups_of_any(parts: &[Filter]) -> Vec<Vec<SoughtFact>> {
    let mut all = BTreeSet::new();
    for part in parts {
        let lookups = part.lookups();
        if lookups.is_empty() {
            return Vec::new();
        }
        all.extend(lookups);
    }
    all.into_iter().collect()
}

/// What must all be so.
#[derive(Debug, Default)]
struct Wanted<'a> {
    equal: BTreeSet<SoughtFact>,
    among: BTreeSet<SoughtFact>,
    bounded: BTreeSet<SoughtFact>,
    several: Vec<&'a [Filter]>,
}

impl<'a> Wanted<'a> {
    fn gather(&mut self, filter: &'a Filter) {
        match filter {
            Filter::All(parts) => parts.iter().for_each(|part| self.gather(part)),
            Filter::Any(parts) => self.several.push(parts),
            Filter::Compare { fact, op, value } => {
                let name = fact.clone();
                let value_type = value.value_type();
                let sought = SoughtFact { name, value_type };
                let has_order = !matches!(value_type, ValueType::Text | ValueType::Bool);
                match op {
                    Comparison::Equal => drop(self.equal.insert(sought)),
                    // Without an order it is never true.
                    _ if has_order => drop(self.bounded.insert(sought)),
                    _ => {}
                }
            }
            Filter::In { fact, values } => {
                let types: BTreeSet<ValueType> = values.iter().map(Value::value_type).collect();
                if let (1, Some(value_type)) = (types.len(), types.first()) {
                    let name = fact.clone();
                    let value_type = *value_type;
                    self.among.insert(SoughtFact { name, value_type });
                }
            }
            Filter::Constant(_)
            | Filter::Not(_)
            | Filter::CompareFacts { .. }
            | Filter::IsMissing(_) => {}
        }
    }

    fn facts(&mut self) -> Vec<SoughtFact> {
        let mut facts: Vec<SoughtFact> = Vec::new();
        let bounded = std::mem::take(&mut self.bounded).into_iter().take(1);
        let equal = std::mem::take(&mut self.equal).into_iter();
        for fact in equal.chain(std::mem::take(&mut self.among)).chain(bounded) {
            if !facts.contains(&fact) {
                facts.push(fact);
            }
        }
        facts.truncate(MOST_FACTS);
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(fact: &str, op: Comparison, value: impl Into<Value>) -> Filter {
        let (fact, value) = (FactName::new(fact), value.into());
        Filter::Compare { fact, op, value }
    }

    fn equal(fact: &str) -> Filter {
        is(fact, Comparison::Equal, "x")
    }

    fn among(fact: &str) -> Filter {
        Filter::In {
            fact: FactName::new(fact),
            values: vec!["x".into(), "y".into()],
        }
    }

    fn names(filter: &Filter) -> Vec<String> {
        let lookups = filter.lookups().into_iter();
        let names = lookups.map(|facts| {
            let names: Vec<_> = facts.iter().map(|fact| fact.name.as_str()).collect();
            names.join(" ")
        });
        names.collect()
    }

    #[test]
    fn what_must_be_equal_comes_first_and_one_bound_last() {
        let filter = Filter::All(vec![
            is("total", Comparison::More, 5),
            among("group"),
            Filter::All(vec![is("days", Comparison::Less, 5), equal("stage")]),
            equal("owner"),
            Filter::Not(Box::new(equal("source"))),
            Filter::IsMissing(FactName::new("wait")),
        ]);
        assert_eq!(names(&filter), ["owner stage group days"]);
    }

    #[test]
    fn where_one_of_several_suffices_each_is_looked_up_or_none() {
        let either = Filter::Any(vec![equal("owner"), among("stage")]);
        assert_eq!(names(&either), ["owner", "stage"]);
        let inside = Filter::All(vec![Filter::Not(Box::new(equal("source"))), either]);
        assert_eq!(names(&inside), ["owner", "stage"]);
        let or_else = Filter::Any(vec![
            equal("owner"),
            Filter::IsMissing(FactName::new("owner")),
        ]);
        assert!(names(&or_else).is_empty());
    }

    #[test]
    fn what_finds_nothing_faster_is_not_looked_up() {
        for filter in [
            Filter::Constant(true),
            Filter::Not(Box::new(equal("owner"))),
            is("owner", Comparison::Less, "x"),
            Filter::In {
                fact: FactName::new("owner"),
                values: vec!["x".into(), 1.into()],
            },
            Filter::CompareFacts {
                left: FactName::new("owner"),
                op: Comparison::Equal,
                right: FactName::new("source"),
            },
        ] {
            assert!(names(&filter).is_empty(), "{filter:?}");
        }
        let many = ["a", "b", "c", "d", "e"].map(equal).to_vec();
        assert_eq!(names(&Filter::All(many)), ["a b c d"]);
    }
}
