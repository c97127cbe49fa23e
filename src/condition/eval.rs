//! The compiled form: what holds, when that turns, and why. Time is counted in microseconds here,
//! and moved times stop at the ends of what an [`Instant`] can say.

use std::cmp::Ordering;
use std::hint::black_box;

use chrono::NaiveDate;

use super::fault::Span;
use super::folded::folds_to;
use super::{Comparison, FactId, Facts, MAX_MICROS, MIN_MICROS, micros};
use crate::value::{Number, ValueRef, folded_eq};

/// How tests are combined: the form of the source, from which filters are made.
#[derive(Debug, PartialEq)]
pub(super) enum Node {
    /// The place of a test.
    Test(u16),
    Not(Box<Self>),
    All(Box<[Self]>),
    Any(Box<[Self]>),
}

/// The same as a flat sequence of tests: the form that is evaluated, without recursion and
/// without a test too many.
///
/// Whatever `and`, `or` and `not` make of it, the truth or the untruth of a term leads to the
/// term after it in the source. So a test goes on with the next one, unless its answer leaves for
/// a later one or is the answer to the whole.
#[derive(Debug, PartialEq)]
pub(super) struct Program {
    /// In the order of the source.
    pub(super) tests: Box<[Test]>,
    /// The answer when the last test does not leave.
    otherwise: bool,
}

#[derive(Debug, PartialEq)]
pub(super) struct Test {
    pub(super) kind: TestKind,
    /// The answer on which the sequence is left.
    leaves_on: bool,
    leaves_for: Next,
    /// Whether the term holds when the test fails: `!=`, `not in`, `is present`.
    pub(super) negated: bool,
    /// Whether the condition rather wants the term to hold, and not to fail.
    pub(super) wanted: bool,
    pub(super) at: Span,
}

/// The place of a test, or the answer to the whole.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Next(u16);

impl Next {
    const FALSE: Self = Self(u16::MAX - 1);
    const TRUE: Self = Self(u16::MAX);
}

/// One flat list, so that one jump leads to what is asked.
#[derive(Debug, PartialEq)]
pub(super) enum TestKind {
    /// A fact by itself.
    IsTrue(Known),
    /// `fact == text` or `fact in [text, ..]`, where the texts are folded.
    IsText {
        fact: Known,
        texts: Box<[Box<str>]>,
    },
    /// `fact op literal`
    Compares {
        fact: Known,
        op: Comparison,
        with: Literal,
    },
    /// `fact in [literal, ..]`
    IsIn {
        fact: Known,
        literals: Box<[Literal]>,
    },
    /// `fact op now + offset`
    ComparesWithNow {
        fact: Known,
        op: Comparison,
        offset: i64,
    },
    IsMissing(Known),
    /// `left op right`
    Facts {
        left: Known,
        op: Comparison,
        right: Known,
    },
    /// `now + offset op instant`
    Now {
        offset: i64,
        op: Comparison,
        instant: i64,
    },
    /// `true` or `false`
    Constant(bool),
}

/// A fact that has been looked up, and its place among the facts of the condition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Known {
    pub(super) id: FactId,
    pub(super) place: u16,
}

/// A literal other than text. Instants are counted in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Literal {
    Bool(bool),
    Number(Number),
    Date(NaiveDate),
    Instant(i64),
}

impl Program {
    /// Links the tests as `root` combines them.
    pub(super) fn link(root: &Node, tests: Vec<Test>) -> Self {
        let mut program = Self {
            tests: tests.into(),
            otherwise: false,
        };
        program.link_node(root, true, Next::TRUE, Next::FALSE);
        program
    }

    /// Where `node` starts, when its truth leads to one place and its untruth to another.
    fn link_node(&mut self, node: &Node, wanted: bool, if_true: Next, if_false: Next) -> Next {
        match node {
            Node::Test(place) => {
                self.link_test(*place, wanted, if_true, if_false);
                Next(*place)
            }
            Node::Not(inner) => self.link_node(inner, !wanted, if_false, if_true),
            Node::All(parts) => parts.iter().rev().fold(if_true, |next, part| {
                self.link_node(part, wanted, next, if_false)
            }),
            Node::Any(parts) => parts.iter().rev().fold(if_false, |next, part| {
                self.link_node(part, wanted, if_true, next)
            }),
        }
    }

    fn link_test(&mut self, place: u16, wanted: bool, if_true: Next, if_false: Next) {
        let is_last = usize::from(place) + 1 == self.tests.len();
        let Some(test) = self.tests.get_mut(usize::from(place)) else {
            return;
        };
        let (if_true, if_false) = match test.negated {
            true => (if_false, if_true),
            false => (if_true, if_false),
        };
        test.wanted = wanted;
        test.leaves_on = if_false == Next(place + 1) || (is_last && if_true == Next::TRUE);
        test.leaves_for = if test.leaves_on { if_true } else { if_false };
        if is_last {
            self.otherwise = test.leaves_for == Next::FALSE;
        }
    }

    pub(super) fn holds<F: Facts + ?Sized>(&self, facts: &F, now: i64) -> bool {
        let mut rest = self.tests.iter();
        while let Some(test) = rest.next() {
            // Else the places of all facts that any term might ask for are worked out before the first.
            if test.kind.holds(black_box(facts), now) == test.leaves_on {
                match self.tests.get(usize::from(test.leaves_for.0)..) {
                    Some(later) => rest = later.iter(),
                    None => return test.leaves_for == Next::TRUE,
                }
            }
        }
        self.otherwise
    }

    /// The first instant after `now` at which this holds if it doesn't hold now, or the reverse.
    pub(super) fn turns_at<F: Facts + ?Sized>(&self, facts: &F, now: i64) -> Option<i64> {
        let holds_now = self.holds(facts, now);
        let mut candidate = self.may_turn_at(facts, now)?;
        while self.holds(facts, candidate) == holds_now {
            candidate = self.may_turn_at(facts, candidate)?;
        }
        Some(candidate)
    }

    /// The first instant after `now` at which a term may turn.
    fn may_turn_at<F: Facts + ?Sized>(&self, facts: &F, now: i64) -> Option<i64> {
        // Where the sides meet `==` becomes true; just after it `==` ends, and `<` has turned.
        let meetings = self
            .tests
            .iter()
            .filter_map(|test| test.kind.meets_at(facts));
        meetings
            .flat_map(|meeting| [Some(meeting), meeting.checked_add(1)])
            .flatten()
            .filter(|candidate| *candidate > now && *candidate <= MAX_MICROS)
            .min()
    }
}

impl Test {
    pub(super) fn new(kind: TestKind, negated: bool, at: Span) -> Self {
        Self {
            kind,
            leaves_on: false,
            leaves_for: Next::FALSE,
            negated,
            wanted: true,
            at,
        }
    }

    /// Whether the term holds as it is written.
    pub(super) fn holds<F: Facts + ?Sized>(&self, facts: &F, now: i64) -> bool {
        self.kind.holds(facts, now) != self.negated
    }
}

impl TestKind {
    /// What is asked decides first, and only then is the fact looked up, in each arm by itself: so
    /// a look-up is compiled for the one type that the arm wants, and its value needs no tag.
    #[inline(always)]
    fn holds<F: Facts + ?Sized>(&self, facts: &F, now: i64) -> bool {
        match self {
            Self::IsTrue(fact) => matches!(facts.fact(fact.id), Some(ValueRef::Bool(true))),
            Self::IsText { fact, texts } => match facts.fact(fact.id) {
                Some(ValueRef::Text(value)) => texts.iter().any(|text| folds_to(value, text)),
                _ => false,
            },
            Self::Compares {
                fact,
                op,
                with: Literal::Number(literal),
            } => match facts.fact(fact.id) {
                Some(ValueRef::Number(value)) => op.holds(value.cmp(literal)),
                _ => false,
            },
            Self::Compares { fact, op, with } => facts
                .fact(fact.id)
                .is_some_and(|value| with.compares(value, *op)),
            Self::IsIn { fact, literals } => facts.fact(fact.id).is_some_and(|value| {
                let equals = |literal: &Literal| literal.compares(value, Comparison::Equal);
                literals.iter().any(equals)
            }),
            Self::ComparesWithNow { fact, op, offset } => match facts.fact(fact.id) {
                Some(ValueRef::Instant(instant)) => {
                    op.holds(micros(instant).cmp(&moved(now, *offset)))
                }
                _ => false,
            },
            Self::IsMissing(fact) => facts.fact(fact.id).is_none(),
            Self::Facts { left, op, right } => facts_compare(facts, left.id, *op, right.id),
            Self::Now {
                offset,
                op,
                instant,
            } => op.holds(moved(now, *offset).cmp(instant)),
            Self::Constant(value) => *value,
        }
    }

    /// The value of `now` at which both sides are equal.
    fn meets_at<F: Facts + ?Sized>(&self, facts: &F) -> Option<i64> {
        match self {
            Self::ComparesWithNow { fact, offset, .. } => match facts.fact(fact.id)? {
                ValueRef::Instant(instant) => micros(instant).checked_sub(*offset),
                _ => None,
            },
            Self::Now {
                offset, instant, ..
            } => instant.checked_sub(*offset),
            _ => None,
        }
    }

    pub(super) fn is_about_time(&self) -> bool {
        matches!(self, Self::ComparesWithNow { .. } | Self::Now { .. })
    }

    pub(super) fn facts(&self) -> impl Iterator<Item = Known> + use<> {
        let facts = match self {
            Self::IsTrue(fact)
            | Self::IsText { fact, .. }
            | Self::Compares { fact, .. }
            | Self::IsIn { fact, .. }
            | Self::ComparesWithNow { fact, .. }
            | Self::IsMissing(fact) => [Some(*fact), None],
            Self::Facts { left, right, .. } => [Some(*left), Some(*right)],
            Self::Now { .. } | Self::Constant(_) => [None, None],
        };
        facts.into_iter().flatten()
    }
}

impl Literal {
    /// Whether `value op self`.
    #[inline(always)]
    fn compares(self, value: ValueRef<'_>, op: Comparison) -> bool {
        match (self, value) {
            (Self::Number(literal), ValueRef::Number(value)) => op.holds(value.cmp(&literal)),
            (Self::Bool(literal), ValueRef::Bool(value)) => {
                op == Comparison::Equal && value == literal
            }
            (Self::Date(literal), ValueRef::Date(value)) => op.holds(value.cmp(&literal)),
            (Self::Instant(literal), ValueRef::Instant(value)) => {
                op.holds(micros(value).cmp(&literal))
            }
            _ => false,
        }
    }
}

impl Comparison {
    /// Whether this comparison holds between two values that stand in this order.
    #[must_use]
    #[inline]
    pub fn holds(self, ordering: Ordering) -> bool {
        // A bit for each order, less, equal, more: no branch is taken.
        let orders: u8 = match self {
            Self::Less => 0b001,
            Self::Equal => 0b010,
            Self::AtMost => 0b011,
            Self::More => 0b100,
            Self::AtLeast => 0b110,
        };
        orders >> (ordering as i8 + 1) & 1 == 1
    }

    /// The same comparison with its sides exchanged.
    #[must_use]
    pub fn mirrored(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::Less => Self::More,
            Self::AtMost => Self::AtLeast,
            Self::More => Self::Less,
            Self::AtLeast => Self::AtMost,
        }
    }
}

/// Whether `left op right`, between two facts of a record.
#[inline(never)]
fn facts_compare<F: Facts + ?Sized>(
    facts: &F,
    left: FactId,
    op: Comparison,
    right: FactId,
) -> bool {
    match (facts.fact(left), facts.fact(right)) {
        (Some(ValueRef::Text(left)), Some(ValueRef::Text(right))) => {
            op == Comparison::Equal && folded_eq(left, right)
        }
        (Some(left), Some(right)) => compare_folded(left, op, right),
        _ => false,
    }
}

/// Whether `left op right`, where text is folded already.
pub(super) fn compare_folded(left: ValueRef<'_>, op: Comparison, right: ValueRef<'_>) -> bool {
    match (left, right) {
        (ValueRef::Text(left), ValueRef::Text(right)) => op == Comparison::Equal && left == right,
        (ValueRef::Bool(left), ValueRef::Bool(right)) => op == Comparison::Equal && left == right,
        (ValueRef::Number(left), ValueRef::Number(right)) => op.holds(left.cmp(&right)),
        (ValueRef::Date(left), ValueRef::Date(right)) => op.holds(left.cmp(&right)),
        (ValueRef::Instant(left), ValueRef::Instant(right)) => {
            op.holds(micros(left).cmp(&micros(right)))
        }
        _ => false,
    }
}

/// `now`, moved, within what an instant can say. An offset is at most a hundred years, and microseconds
/// count further than that beyond all instants.
#[inline]
pub(super) fn moved(now: i64, offset: i64) -> i64 {
    (now + offset).clamp(MIN_MICROS, MAX_MICROS)
}
