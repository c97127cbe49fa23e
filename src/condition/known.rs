//! What is known of a record beforehand, and whether a condition can hold of it, or fail.
//!
//! A playbook is read before there are leads; yet of the leads for which a rule is, something is
//! known: in which stages they are, that nobody has closed them. [`Known`] holds that. A condition
//! that can't hold of any such record, or can't fail, is a slip of whoever wrote it.
//!
//! All is certain that is said here: where it would take too long to find out, and where more is
//! asked than is followed (what two facts have to do with a third), a condition can hold and fail.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use super::eval::{Literal, Node, TestKind};
use super::{Comparison, Condition, FactId, Inner, micros};
use crate::value::{Value, fold};

/// What is known of a record.
#[derive(Clone, Default)]
pub(crate) struct Known<'a> {
    /// What is so of every record, whatever happens to it.
    always: BTreeMap<FactId, Domain>,
    now: State,
    assumed: Vec<Goal<'a>>,
}

/// A part of a condition that is to hold, or to fail.
#[derive(Clone, Copy)]
struct Goal<'a> {
    of: &'a Inner,
    node: &'a Node,
    holds: bool,
}

/// How many steps are taken to find out whether a condition can hold.
const MOST_STEPS: u32 = 20_000;

impl<'a> Known<'a> {
    /// That a fact is never missing.
    pub(crate) fn is_always_there(&mut self, fact: FactId) {
        self.always_of(fact).may_be_missing = false;
        self.forget(fact);
    }

    /// That an instant never lies in the future.
    pub(crate) fn is_never_ahead(&mut self, fact: FactId) {
        self.always_of(fact).most_since_now = 0;
        self.forget(fact);
    }

    /// That a number is never negative.
    pub(crate) fn is_never_negative(&mut self, fact: FactId) {
        self.always_of(fact).least = 0;
        self.forget(fact);
    }

    fn always_of(&mut self, fact: FactId) -> &mut Domain {
        self.always.entry(fact).or_default()
    }

    /// That a fact is not missing.
    pub(crate) fn is_there(&mut self, fact: FactId) {
        self.now.domain(fact).may_be_missing = false;
    }

    /// That a fact is missing.
    pub(crate) fn is_missing(&mut self, fact: FactId) {
        self.now.domain(fact).may_be_there = false;
    }

    /// That a text is one of these.
    pub(crate) fn is_among<'t>(&mut self, fact: FactId, texts: impl IntoIterator<Item = &'t str>) {
        let texts = texts.into_iter().map(Point::text).collect();
        self.now.domain(fact).narrow_to(&texts);
    }

    /// That a fact has this value.
    pub(crate) fn is(&mut self, fact: FactId, value: &Value) {
        self.now.domain(fact).narrow_to(&[Point::of(value)].into());
    }

    /// That a condition holds, or fails.
    pub(crate) fn assume(&mut self, condition: &'a Condition, holds: bool) {
        let of = &*condition.0;
        let mut goals = vec![Goal {
            of,
            node: &of.root,
            holds,
        }];
        while let Some(goal) = goals.pop() {
            match goal.parts() {
                Parts::Each(parts) => goals.extend(parts),
                Parts::Any(_) | Parts::None => self.assumed.push(goal),
            }
        }
    }

    /// That whatever was known of a fact may be otherwise now.
    pub(crate) fn forget(&mut self, fact: FactId) {
        match self.always.get(&fact) {
            Some(always) => drop(self.now.domains.insert(fact, always.clone())),
            None => drop(self.now.domains.remove(&fact)),
        }
        self.assumed.retain(|goal| !goal.speaks_of(fact));
    }

    /// Whether there can be such a record.
    pub(crate) fn is_possible(&self) -> bool {
        can_all_be(
            self.assumed.clone(),
            self.now.clone(),
            &mut MOST_STEPS.clone(),
        )
    }

    /// Whether a condition can come to this.
    fn allows(&self, condition: &Condition, holds: bool) -> bool {
        let of = &*condition.0;
        let mut goals: Vec<Goal<'_>> = self.assumed.clone();
        goals.push(Goal {
            of,
            node: &of.root,
            holds,
        });
        can_all_be(goals, self.now.clone(), &mut MOST_STEPS.clone())
    }
}

impl Condition {
    /// Whether it can hold of a record of which this is known.
    pub(crate) fn can_hold(&self, known: &Known<'_>) -> bool {
        known.allows(self, true)
    }

    /// Whether it can fail of one.
    pub(crate) fn can_fail(&self, known: &Known<'_>) -> bool {
        known.allows(self, false)
    }
}

/// What a goal asks for.
enum Parts<'a> {
    /// All of these.
    Each(Vec<Goal<'a>>),
    /// One of these.
    Any(Vec<Goal<'a>>),
    /// A single test.
    None,
}

impl<'a> Goal<'a> {
    fn parts(self) -> Parts<'a> {
        let each = |parts: &'a [Node]| {
            let parts = parts.iter();
            parts.map(|node| Self { node, ..self }).collect()
        };
        match (self.node, self.holds) {
            (Node::Test(_), _) => Parts::None,
            (Node::Not(node), holds) => Parts::Each(vec![Self {
                node,
                holds: !holds,
                ..self
            }]),
            (Node::All(parts), true) | (Node::Any(parts), false) => Parts::Each(each(parts)),
            (Node::All(parts), false) | (Node::Any(parts), true) => Parts::Any(each(parts)),
        }
    }

    fn speaks_of(self, fact: FactId) -> bool {
        match (self.node, self.parts()) {
            (Node::Test(place), _) => {
                let test = self.of.program.tests.get(usize::from(*place));
                test.is_some_and(|test| test.kind.facts().any(|known| known.id == fact))
            }
            (_, Parts::Each(parts) | Parts::Any(parts)) => {
                parts.into_iter().any(|part| part.speaks_of(fact))
            }
            (_, Parts::None) => false,
        }
    }
}

/// Whether all goals can be reached of one record.
fn can_all_be(mut goals: Vec<Goal<'_>>, mut state: State, steps: &mut u32) -> bool {
    let mut choices: Vec<Goal<'_>> = Vec::new();
    while let Some(goal) = goals.pop() {
        *steps = steps.saturating_sub(1);
        match goal.parts() {
            Parts::Each(parts) => goals.extend(parts),
            Parts::Any(_) => choices.push(goal),
            Parts::None if !state.meets(goal) => return false,
            Parts::None => {}
        }
    }
    let Some(Parts::Any(parts)) = choices.pop().map(Goal::parts) else {
        return true;
    };
    parts.into_iter().any(|part| {
        let goals = choices.iter().copied().chain([part]).collect();
        *steps == 0 || can_all_be(goals, state.clone(), steps)
    })
}

/// What the facts of a record can be, and how two of them can stand to each other.
#[derive(Clone, Debug, Default)]
struct State {
    domains: BTreeMap<FactId, Domain>,
    /// In which orders two facts can stand, if both are there: a bit for each, as in
    /// [`Comparison::holds`].
    orders: BTreeMap<(FactId, FactId), u8>,
}

impl State {
    fn domain(&mut self, fact: FactId) -> &mut Domain {
        self.domains.entry(fact).or_default()
    }

    /// Narrows what can be to what a test wants; whether anything is left.
    fn meets(&mut self, goal: Goal<'_>) -> bool {
        let Node::Test(place) = goal.node else {
            return true;
        };
        let Some(test) = goal.of.program.tests.get(usize::from(*place)) else {
            return true;
        };
        let holds = goal.holds != test.negated;
        match &test.kind {
            TestKind::Constant(value) => *value == holds,
            TestKind::Now { .. } => true,
            TestKind::IsTrue(fact)
            | TestKind::IsText { fact, .. }
            | TestKind::Compares { fact, .. }
            | TestKind::IsIn { fact, .. }
            | TestKind::ComparesWithNow { fact, .. }
            | TestKind::IsMissing(fact) => {
                let domain = self.domain(fact.id);
                domain.narrow(&test.kind, holds);
                domain.is_possible() && self.orders_are_possible()
            }
            TestKind::Facts { left, op, right } => {
                let (pair, op) = match left.id <= right.id {
                    true => ((left.id, right.id), *op),
                    false => ((right.id, left.id), op.mirrored()),
                };
                let wanted = if holds { orders(op) } else { !orders(op) };
                *self.orders.entry(pair).or_insert(ALL_ORDERS) &= wanted;
                if holds {
                    self.domain(left.id).may_be_missing = false;
                    self.domain(right.id).may_be_missing = false;
                }
                let both = [left.id, right.id];
                both.iter().all(|id| self.domain(*id).is_possible()) && self.orders_are_possible()
            }
        }
    }

    /// Two facts that are there stand in some order.
    fn orders_are_possible(&self) -> bool {
        let is_there = |fact: &FactId| {
            let domain = self.domains.get(fact);
            domain.is_some_and(|domain| !domain.may_be_missing)
        };
        self.orders.iter().all(|((left, right), orders)| {
            orders & ALL_ORDERS != 0 || !is_there(left) || !is_there(right)
        })
    }
}

const ALL_ORDERS: u8 = 0b111;

/// The orders in which a comparison holds.
fn orders(op: Comparison) -> u8 {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let bits = [(Less, 0b001), (Equal, 0b010), (Greater, 0b100)];
    let held = bits.iter().filter(|(ordering, _)| op.holds(*ordering));
    held.map(|(_, bit)| bit).sum()
}

/// A value: a folded text, or a place on the line of numbers, days, instants or truths.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Point {
    Text(SmolStr),
    At(i128),
}

impl Point {
    fn text(text: &str) -> Self {
        Self::Text(fold(text).as_str().into())
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Text(text) => Self::text(text),
            Value::Bool(value) => Self::At((*value).into()),
            Value::Number(number) => Self::At(number.ten_thousandths().into()),
            Value::Date(date) => Self::At(day(*date)),
            Value::Instant(at) => Self::At(micros(*at).into()),
        }
    }
}

fn day(date: chrono::NaiveDate) -> i128 {
    use chrono::Datelike as _;
    date.num_days_from_ce().into()
}

fn place(literal: Literal) -> i128 {
    match literal {
        Literal::Bool(value) => value.into(),
        Literal::Number(number) => number.ten_thousandths().into(),
        Literal::Date(date) => day(date),
        Literal::Instant(micros) => micros.into(),
    }
}

/// What a fact can be.
#[derive(Clone, Debug)]
struct Domain {
    may_be_missing: bool,
    may_be_there: bool,
    least: i128,
    most: i128,
    /// How far from now an instant can be, in microseconds.
    least_since_now: i128,
    most_since_now: i128,
    /// One of these, if there are any.
    among: Option<BTreeSet<Point>>,
    /// None of these.
    not: BTreeSet<Point>,
}

impl Default for Domain {
    fn default() -> Self {
        Self {
            may_be_missing: true,
            may_be_there: true,
            least: i128::MIN,
            most: i128::MAX,
            least_since_now: i128::MIN,
            most_since_now: i128::MAX,
            among: None,
            not: BTreeSet::new(),
        }
    }
}

impl Domain {
    fn narrow_to(&mut self, points: &BTreeSet<Point>) {
        self.may_be_missing = false;
        let left = match &self.among {
            Some(among) => among.intersection(points).cloned().collect(),
            None => points.clone(),
        };
        self.among = Some(left);
    }

    /// To what a test wants of this fact alone.
    fn narrow(&mut self, wants: &TestKind, holds: bool) {
        let points = match wants {
            TestKind::IsMissing(_) => {
                match holds {
                    true => self.may_be_there = false,
                    false => self.may_be_missing = false,
                }
                return;
            }
            TestKind::Compares { op, with, .. } if *op != Comparison::Equal => {
                self.bound(*op, place(*with), holds);
                return;
            }
            TestKind::ComparesWithNow { op, offset, .. } => {
                self.bound_by_now(*op, (*offset).into(), holds);
                return;
            }
            TestKind::IsTrue(_) => {
                self.is_bool();
                [Point::At(1)].into()
            }
            TestKind::Compares { with, .. } => {
                if matches!(with, Literal::Bool(_)) {
                    self.is_bool();
                }
                [Point::At(place(*with))].into()
            }
            TestKind::IsText { texts, .. } => {
                let texts = texts.iter().map(|text| Point::Text((&**text).into()));
                texts.collect()
            }
            TestKind::IsIn { literals, .. } => {
                let literals = literals.iter();
                literals.map(|literal| Point::At(place(*literal))).collect()
            }
            TestKind::Facts { .. } | TestKind::Now { .. } | TestKind::Constant(_) => return,
        };
        match holds {
            true => self.narrow_to(&points),
            false => self.not.extend(points),
        }
    }

    fn is_bool(&mut self) {
        self.least = self.least.max(0);
        self.most = self.most.min(1);
    }

    /// A missing value fails every comparison, so one that is to fail bounds only what is there.
    fn bound(&mut self, op: Comparison, with: i128, holds: bool) {
        self.may_be_missing &= !holds;
        let (least, most) = bounds(op, with, holds);
        self.least = self.least.max(least);
        self.most = self.most.min(most);
    }

    fn bound_by_now(&mut self, op: Comparison, with: i128, holds: bool) {
        self.may_be_missing &= !holds;
        if op == Comparison::Equal && !holds {
            return;
        }
        let (least, most) = bounds(op, with, holds);
        self.least_since_now = self.least_since_now.max(least);
        self.most_since_now = self.most_since_now.min(most);
    }

    fn is_possible(&self) -> bool {
        self.may_be_missing || (self.may_be_there && self.has_values())
    }

    fn has_values(&self) -> bool {
        if self.least > self.most || self.least_since_now > self.most_since_now {
            return false;
        }
        let is_left = |point: &Point| match point {
            Point::Text(_) => !self.not.contains(point),
            Point::At(at) => (self.least..=self.most).contains(at) && !self.not.contains(point),
        };
        match &self.among {
            Some(among) => among.iter().any(is_left),
            None if self.most.saturating_sub(self.least) <= 1 => {
                (self.least..=self.most).any(|at| is_left(&Point::At(at)))
            }
            None => true,
        }
    }
}

/// Between which places a value lies that compares so with this one; `holds` tells whether it is to,
/// or is not to.
fn bounds(op: Comparison, with: i128, holds: bool) -> (i128, i128) {
    let (min, max) = (i128::MIN, i128::MAX);
    match (op, holds) {
        (Comparison::Less, true) | (Comparison::AtLeast, false) => (min, with - 1),
        (Comparison::AtMost, true) | (Comparison::More, false) => (min, with),
        (Comparison::More, true) | (Comparison::AtMost, false) => (with + 1, max),
        (Comparison::AtLeast, true) | (Comparison::Less, false) => (with, max),
        (Comparison::Equal, true) => (with, with),
        (Comparison::Equal, false) => (min, max),
    }
}
