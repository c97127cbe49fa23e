//! Filters: conditions bound to an instant, over stored facts only, for stores to push down.

use std::fmt;
use std::ops::Range;

use smol_str::SmolStr;

use super::eval::{Known, Literal, Node, TestKind, compare_folded, moved};
use super::lex::quoted;
use super::{Inner, moment};
use crate::value::{Value, ValueRef};

/// The name of a stored fact: what a store keeps its values under.
///
/// Names are the ones conditions use, with the argument where there is one:
/// `contact.email`, `activities("information")`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactName(SmolStr);

impl FactName {
    /// The name of a fact without an argument.
    pub fn new(name: impl Into<SmolStr>) -> Self {
        Self(name.into())
    }

    /// The name of a fact with its argument, as a condition would write it.
    ///
    /// ```
    /// use leadkit::condition::FactName;
    /// let name = FactName::with_argument("activities", "information");
    /// assert_eq!(name.as_str(), r#"activities("information")"#);
    /// ```
    #[must_use]
    pub fn with_argument(name: &str, argument: &str) -> Self {
        Self([name, "(", &*quoted(argument), ")"].concat().into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How two values are compared.
///
/// There is no "not equal": it is [`Filter::Not`] around `Equal`, so that a missing value is
/// unequal to every value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `==`; text and bool know only this one.
    Equal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

/// A condition bound to an instant, in which every fact is a stored one.
///
/// This is what a store pushes down. Every node is either true or false, never unknown: a
/// comparison or `In` is *false* when a value is missing, and `Not` turns that into true. An SQL
/// adapter must therefore keep NULL from spreading, for instance by `coalesce(x < ?, false)`
/// or `x is not null and x < ?` around each leaf.
///
/// - Text is compared byte by byte: stores keep text facts folded ([`fold`](crate::value::fold)),
///   and the texts in a filter are folded too. Text and bool have no order: a comparison other
///   than `Equal` is false.
/// - Instants are compared to the microsecond, numbers exactly.
/// - Values of two types are compared as if one were missing.
/// - `All` of nothing is true, `Any` of nothing is false.
///
/// The tree is exhaustive on purpose: a new kind of node must break the build of an adapter
/// rather than be left out of its SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Always true, or always false.
    Constant(bool),
    /// True when all of these are.
    All(Vec<Self>),
    /// True when at least one of these is.
    Any(Vec<Self>),
    /// True when this is false.
    Not(Box<Self>),
    /// `fact op value`
    Compare {
        /// What is compared.
        fact: FactName,
        /// How.
        op: Comparison,
        /// What it is compared with; text is folded.
        value: Value,
    },
    /// `left op right`, between two facts of the same record.
    CompareFacts {
        /// The fact on the left.
        left: FactName,
        /// How they are compared.
        op: Comparison,
        /// The fact on the right.
        right: FactName,
    },
    /// Whether the fact equals one of these values.
    In {
        /// What is compared.
        fact: FactName,
        /// What it may be; text is folded.
        values: Vec<Value>,
    },
    /// Whether the record has no value for this fact.
    IsMissing(FactName),
}

impl Filter {
    /// Evaluates the filter in memory, with exactly the meaning that SQL must give it.
    ///
    /// `fact` looks up a stored fact of the record; its text is folded, as stores keep it.
    ///
    /// ```
    /// use leadkit::condition::{Comparison, FactName, Filter};
    /// use leadkit::value::ValueRef;
    ///
    /// let product = FactName::new("product");
    /// let not_x3 = Filter::Not(Box::new(Filter::Compare {
    ///     fact: product,
    ///     op: Comparison::Equal,
    ///     value: "x3".into(),
    /// }));
    /// assert!(!not_x3.matches(|_| Some(ValueRef::Text("x3"))));
    /// assert!(not_x3.matches(|_| None), "what is missing is not X3");
    /// ```
    #[must_use]
    pub fn matches<'a>(&self, fact: impl Fn(&str) -> Option<ValueRef<'a>>) -> bool {
        self.matches_with(&fact)
    }

    fn matches_with<'a, F: Fn(&str) -> Option<ValueRef<'a>>>(&self, facts: &F) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::All(parts) => parts.iter().all(|part| part.matches_with(facts)),
            Self::Any(parts) => parts.iter().any(|part| part.matches_with(facts)),
            Self::Not(inner) => !inner.matches_with(facts),
            Self::Compare { fact, op, value } => {
                facts(&fact.0).is_some_and(|seen| compare_folded(seen, *op, value.as_ref()))
            }
            Self::CompareFacts { left, op, right } => match (facts(&left.0), facts(&right.0)) {
                (Some(left), Some(right)) => compare_folded(left, *op, right),
                _ => false,
            },
            Self::In { fact, values } => facts(&fact.0).is_some_and(|seen| {
                values
                    .iter()
                    .any(|value| compare_folded(seen, Comparison::Equal, value.as_ref()))
            }),
            Self::IsMissing(fact) => facts(&fact.0).is_none(),
        }
    }
}

/// A condition cannot become a [`Filter`]: it speaks of a fact that no store keeps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is computed when it is asked for; only stored facts can be filtered on")]
pub struct ComputedFact {
    /// The fact.
    pub name: FactName,
    /// The term that speaks of it, in bytes of the source.
    pub at: Range<usize>,
}

/// Binds `condition` to `now`, in microseconds.
pub(super) fn bind(condition: &Inner, now: i64) -> Result<Filter, ComputedFact> {
    Binder { condition, now }.node(&condition.root)
}

struct Binder<'c> {
    condition: &'c Inner,
    now: i64,
}

impl Binder<'_> {
    fn node(&self, node: &Node) -> Result<Filter, ComputedFact> {
        Ok(match node {
            Node::Not(inner) => Filter::Not(Box::new(self.node(inner)?)),
            Node::All(parts) => Filter::All(self.nodes(parts)?),
            Node::Any(parts) => Filter::Any(self.nodes(parts)?),
            Node::Test(place) => {
                let test = &self.condition.program.tests[usize::from(*place)];
                let stored = |fact| {
                    let info = self.condition.info(fact);
                    if info.stored {
                        return Ok(info.name.clone());
                    }
                    Err(ComputedFact {
                        name: info.name.clone(),
                        at: test.at.start..test.at.end,
                    })
                };
                let filter = self.test(&test.kind, stored)?;
                match test.negated {
                    true => Filter::Not(Box::new(filter)),
                    false => filter,
                }
            }
        })
    }

    fn nodes(&self, nodes: &[Node]) -> Result<Vec<Filter>, ComputedFact> {
        nodes.iter().map(|node| self.node(node)).collect()
    }

    fn test(
        &self,
        test: &TestKind,
        stored: impl Fn(Known) -> Result<FactName, ComputedFact>,
    ) -> Result<Filter, ComputedFact> {
        let compare = |fact: &Known, op: &Comparison, value| {
            let (fact, op) = (stored(*fact)?, *op);
            Ok(Filter::Compare { fact, op, value })
        };
        match test {
            TestKind::IsTrue(fact) => compare(fact, &Comparison::Equal, Value::Bool(true)),
            TestKind::IsText { fact, texts } => {
                let text = |text: &str| Value::Text(text.into());
                match &**texts {
                    [one] => compare(fact, &Comparison::Equal, text(one)),
                    texts => Ok(Filter::In {
                        fact: stored(*fact)?,
                        values: texts.iter().map(|one| text(one)).collect(),
                    }),
                }
            }
            TestKind::Compares { fact, op, with } => compare(fact, op, value(*with)),
            TestKind::IsIn { fact, literals } => Ok(Filter::In {
                fact: stored(*fact)?,
                values: literals.iter().copied().map(value).collect(),
            }),
            TestKind::ComparesWithNow { fact, op, offset } => {
                let instant = moment(moved(self.now, *offset));
                compare(fact, op, Value::Instant(instant))
            }
            TestKind::IsMissing(fact) => Ok(Filter::IsMissing(stored(*fact)?)),
            TestKind::Facts { left, op, right } => Ok(Filter::CompareFacts {
                left: stored(*left)?,
                op: *op,
                right: stored(*right)?,
            }),
            TestKind::Now {
                offset,
                op,
                instant,
            } => {
                let order = moved(self.now, *offset).cmp(instant);
                Ok(Filter::Constant(op.holds(order)))
            }
            TestKind::Constant(value) => Ok(Filter::Constant(*value)),
        }
    }
}

fn value(literal: Literal) -> Value {
    match literal {
        Literal::Bool(value) => Value::Bool(value),
        Literal::Number(number) => Value::Number(number),
        Literal::Date(date) => Value::Date(date),
        Literal::Instant(micros) => Value::Instant(moment(micros)),
    }
}
