//! Rules that start each other at once and without end.
//!
//! Two ways lead there. What a rule does may be what another counts from: it moves a lead, and the
//! other is on the entry into that stage. That is found by following a lead from rule to rule: see
//! [`Walk`]. Or a rule makes the condition true for which another waits; that is found by playing it:
//! see [`Play`]. Both begin in each stage, with what is known of a lead there.

use std::collections::{BTreeMap, BTreeSet};

use super::course::Course;
use super::leads;
use super::places::Places;
use crate::condition::Condition;
use crate::facts::LeadFact;
use crate::ids::Name;
use crate::playbook::Playbook;
use crate::playbook::fault::FaultKind;
use crate::playbook::pipeline::Stage;
use crate::playbook::read::Source;
use crate::playbook::rule::{Action, Anchor, Rule, SetTo, StageRef};

pub(super) fn check(playbook: &Playbook, file: &Source<'_>, places: &Places) {
    // What is wrong elsewhere would mislead a play.
    let is_whole = file.faults.borrow().is_empty();
    let mut told = BTreeSet::new();
    for (start, rule) in playbook
        .rules
        .iter()
        .enumerate()
        .filter(|(_, rule)| is_at_once(rule))
    {
        let Some(cycle) = cycle_of(playbook, start, rule, is_whole) else {
            continue;
        };
        if told.insert(cycle.iter().copied().collect::<BTreeSet<_>>()) {
            let names = cycle.iter().filter_map(|&rule| playbook.rules.get(rule));
            let names: Vec<&str> = names.map(|rule| rule.name.as_str()).collect();
            let cycle = names.join(" -> ").into();
            let hint = "give one of them a delay, a limit (`at-most`), or another stage";
            let kind = FaultKind::RuleCycle { cycle };
            file.fault(places.rule(&rule.name), kind, Some(hint.into()));
        }
    }
}

/// Whether a rule fires at the very instant that it counts from.
fn is_at_once(rule: &Rule) -> bool {
    rule.delay.is_zero() && rule.every.is_none_or(|every| every.first == 0)
}

/// The rules that fire from this one up to itself again, if they do from some stage.
fn cycle_of(playbook: &Playbook, start: usize, rule: &Rule, is_whole: bool) -> Option<Vec<usize>> {
    let mut stages = leads::stages_of(playbook, rule).into_iter();
    stages.find_map(|at| match &rule.anchor {
        Anchor::Entered | Anchor::Assigned | Anchor::Team | Anchor::Field(_) => {
            Walk::cycle(playbook, start, at)
        }
        Anchor::Turns(_) if is_whole => Play::cycle(playbook, start, at),
        _ => None,
    })
}

/// A lead on its way through rules that count from what the one before did.
///
/// It is a lead that there can be: what a rule asks of it beforehand, it has. Of what a rule before
/// changed, only what is certain starts another.
#[derive(Clone)]
struct Walk<'a> {
    course: Course<'a>,
    /// The rules that fired.
    fired: Vec<usize>,
    /// What the last of them did that others count from.
    did: Did<'a>,
    /// What all of them gave to fields.
    set: BTreeMap<&'a Name, Vec<&'a SetTo>>,
}

/// What a rule did that others count from.
#[derive(Clone, Default)]
struct Did<'a> {
    moved: bool,
    assigned: bool,
    changed_team: bool,
    set: BTreeSet<&'a Name>,
}

impl<'a> Walk<'a> {
    /// The rules that fire from this one, in this stage, up to itself again there.
    fn cycle(
        playbook: &'a Playbook,
        start: usize,
        at: (StageRef, &'a Stage),
    ) -> Option<Vec<usize>> {
        let rule = playbook.rules.get(start)?;
        let from = at.0.clone();
        let mut begun = Self {
            course: Course::of_rule(playbook, rule, at),
            fired: Vec::new(),
            did: Did::default(),
            set: BTreeMap::new(),
        };
        if !begun.lets_fire(rule) {
            return None;
        }
        let mut ways = begun.fire(start, rule);
        let mut seen = BTreeSet::new();
        while let Some(walk) = ways.pop() {
            for (next, rule) in playbook.rules.iter().enumerate() {
                let mut further = walk.clone();
                if !walk.starts(rule) || !further.lets_fire(rule) {
                    continue;
                }
                let at = walk.course.at.0.clone();
                if next == start && at == from && walk.renews_dates() {
                    return Some(walk.fired);
                }
                if seen.insert((next, at)) {
                    ways.extend(further.fire(next, rule));
                }
            }
        }
        None
    }

    /// Whether what the last rule did is what this one counts from.
    fn starts(&self, rule: &Rule) -> bool {
        let counts = match &rule.anchor {
            Anchor::Entered => self.did.moved,
            Anchor::Assigned => self.did.assigned,
            Anchor::Team => self.did.changed_team,
            Anchor::Field(field) => self.did.set.contains(field),
            _ => false,
        };
        let fired = self.fired.last();
        let last = fired.and_then(|&place| self.course.playbook.rules.get(place));
        // Who waits in one group doesn't wait in another.
        let of_last = last.and_then(|last| last.scope.wait.as_ref());
        let wait = rule.scope.wait.as_ref();
        let in_group = wait.is_none() || of_last.is_none() || wait == of_last;
        counts && in_group && is_at_once(rule) && self.course.is_in_scope(rule)
    }

    /// Whether a rule fires, if the lead is one for which it can; then it is one.
    fn lets_fire(&mut self, rule: &'a Rule) -> bool {
        let conditions = rule.only_if.iter().map(|only_if| (only_if, true));
        let ends = rule.until.iter().map(|until| (until, false));
        let mut all = conditions.chain(ends);
        all.all(|(condition, holds)| self.course.comes_to(condition, holds))
    }

    /// The walk behind a rule: where each of its actions is done, and where what comes in its place.
    fn fire(self, place: usize, rule: &'a Rule) -> Vec<Self> {
        let choices = rule.actions.iter();
        let choices = choices.map(|action| action.with_fallbacks().count());
        let choices = 0..choices.max().unwrap_or_default();
        let ways = choices.map(|choice| {
            let mut walk = self.clone();
            walk.fired.push(place);
            walk.did = Did::default();
            for action in &rule.actions {
                let done = action.with_fallbacks().take(choice + 1).last();
                done.into_iter().for_each(|action| walk.act(action));
            }
            walk
        });
        ways.collect()
    }

    fn act(&mut self, action: &'a Action) {
        match action {
            Action::Set { field, to } => {
                self.course.set(field, to);
                if *to != SetTo::Nothing {
                    self.did.set.insert(field);
                }
                self.set.entry(field).or_default().push(to);
            }
            Action::Move { stage, .. } => self.did.moved |= self.move_to(stage).is_some(),
            // Rules stop reassigning at some time, if they are told to.
            Action::Assign(assign) => self.assign(&assign.pool, assign.at_most.is_none()),
            Action::Task(_) => {
                self.course.change(LeadFact::OpenTasks);
                self.course.change_what_follows();
            }
            Action::Host(_) => self.course.change_fields(),
            Action::Reward(_) => self.course.reward(),
            Action::Send(_) | Action::Notify { .. } => {}
        }
    }

    fn move_to(&mut self, stage: &Name) -> Option<()> {
        let way = self.course.way_to(stage)?;
        let from = self.course.at.0.clone();
        if !self.course.meets_needs(way) {
            return None;
        }
        self.course.go(way)?;
        if let Some(pool) = &self.course.at.1.assign {
            self.assign(pool, true);
        }
        self.course.keeps_laws(&from).then_some(())
    }

    fn assign(&mut self, pool: &Name, without_end: bool) {
        let changes_team = self.course.assign(pool).unwrap_or_default();
        self.did.assigned |= without_end;
        self.did.changed_team |= without_end && changes_team;
    }

    /// Whether each date from which one of the rules counts is another one the next time round: one
    /// that stays the same is past.
    fn renews_dates(&self) -> bool {
        let rules = &self.course.playbook.rules;
        let mut fired = self.fired.iter().filter_map(|&place| rules.get(place));
        fired.all(|rule| match &rule.anchor {
            Anchor::Field(field) => {
                let values = self.set.get(field).map(Vec::as_slice).unwrap_or_default();
                values.windows(2).any(|pair| pair[0] != pair[1])
            }
            _ => true,
        })
    }
}

/// A play of rules that wait for conditions, from the moment at which one of them fires.
///
/// Only what is certain happens in it: a rule fires when its condition was certainly false before and
/// certainly true behind what another did, and so are its other conditions.
struct Play<'a> {
    course: Course<'a>,
    /// The rules that are due, in the order of the playbook.
    due: BTreeSet<usize>,
    /// Those whose conditions are certainly false.
    waiting: BTreeSet<usize>,
}

impl<'a> Play<'a> {
    /// The rules that fire from this one, whose condition came true in this stage, up to itself again.
    fn cycle(
        playbook: &'a Playbook,
        first: usize,
        at: (StageRef, &'a Stage),
    ) -> Option<Vec<usize>> {
        let rule = playbook.rules.get(first)?;
        let Anchor::Turns(when) = &rule.anchor else {
            return None;
        };
        let mut course = Course::of_rule(playbook, rule, at);
        let can_be = when.can_hold(&course.known);
        course.known.assume(when, true);
        if let Some(only_if) = rule.only_if.as_ref().filter(|_| can_be) {
            course.known.assume(only_if, true);
        }
        let mut play = Self {
            course,
            due: BTreeSet::new(),
            waiting: BTreeSet::new(),
        };
        let mut fired = vec![first];
        while can_be && fired.len() <= playbook.rules.len() {
            play.fire(*fired.last()?)?;
            let next = play.due.pop_first()?;
            if next == first {
                return Some(fired);
            }
            fired.push(next);
        }
        None
    }

    /// Fires a rule; nothing, if it is not certain what comes of that.
    fn fire(&mut self, rule: usize) -> Option<()> {
        self.note();
        let playbook = self.course.playbook;
        for action in &playbook.rules.get(rule)?.actions {
            match action {
                Action::Set { field, to } => self.course.set(field, to)?,
                Action::Move { stage, .. } => self.move_to(stage)?,
                // How often is said, or who can't have it again: it ends some time.
                Action::Assign(assign) if assign.at_most.is_some() || assign.not_earlier_owners => {
                    return None;
                }
                Action::Assign(assign) => {
                    self.course.assign(&assign.pool)?;
                }
                Action::Task(_) => self.course.change(LeadFact::OpenTasks),
                Action::Host(_) => return None,
                Action::Reward(_) => self.course.reward(),
                Action::Send(_) | Action::Notify { .. } => {}
            }
        }
        self.course.change_what_follows();
        for (place, rule) in playbook.rules.iter().enumerate() {
            if self.waiting.contains(&place) && self.certainly_fires(rule) {
                self.due.insert(place);
            }
        }
        self.note();
        Some(())
    }

    /// Moves the lead along a way that needs nothing, where no law asks for anything and nobody else
    /// gets it.
    fn move_to(&mut self, stage: &Name) -> Option<()> {
        let way = self.course.way_to(stage)?;
        let is_free = way.needs.is_empty() && self.course.playbook.laws.is_empty();
        self.course.go(way).filter(|()| is_free)?;
        self.course.at.1.assign.is_none().then_some(())
    }

    /// Notes which conditions are false now: those rules wait, and are due no longer.
    fn note(&mut self) {
        let known = &self.course.known;
        for (place, rule) in self.course.playbook.rules.iter().enumerate() {
            let Anchor::Turns(when) = &rule.anchor else {
                continue;
            };
            if !self.course.is_in_scope(rule) || !when.can_hold(known) {
                self.waiting.insert(place);
                self.due.remove(&place);
            } else if !when.can_fail(known) {
                self.waiting.remove(&place);
            }
        }
    }

    fn certainly_fires(&self, rule: &Rule) -> bool {
        let Anchor::Turns(when) = &rule.anchor else {
            return false;
        };
        let known = &self.course.known;
        let surely = |condition: &Condition| !condition.can_fail(known);
        let is_over = |until: &Condition| until.can_hold(known);
        is_at_once(rule)
            && rule.scope.wait.is_none()
            && self.course.is_in_scope(rule)
            && surely(when)
            && rule.only_if.as_ref().is_none_or(surely)
            && !rule.until.as_ref().is_some_and(is_over)
    }
}
