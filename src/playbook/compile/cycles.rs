//! Rules that start each other at once and without end.
//!
//! Two ways lead there. What a rule does may be what another counts from: it moves a lead, and the
//! other is on the entry into that stage. Or it makes the condition true for which another waits; that
//! is found by playing it, from each stage, with what is known of the lead: see [`Play`].

use std::collections::BTreeSet;

use super::leads::{self, id, id_of_field};
use super::places::Places;
use crate::condition::{Condition, FactId, Known};
use crate::facts::{AgentFact, LeadFact};
use crate::ids::Name;
use crate::playbook::Playbook;
use crate::playbook::fault::FaultKind;
use crate::playbook::people::PoolSpec;
use crate::playbook::pipeline::Stage;
use crate::playbook::read::Source;
use crate::playbook::rule::{Action, Anchor, Assign, Leads, Rule, SetTo, StageRef};
use crate::value::Value;

/// Whether one rule's action is another's anchor, so that the other fires at the same instant.
fn starts(playbook: &Playbook, action: &Action, rule: &Rule) -> bool {
    if !rule.delay.is_zero() {
        return false;
    }
    match (action, &rule.anchor) {
        // Rules stop reassigning at some time, if they are told to.
        (Action::Assign(assign), Anchor::Assigned | Anchor::Team) => assign.at_most.is_none(),
        (Action::Move { stage, .. }, Anchor::Assigned | Anchor::Team) => {
            let mut stages = playbook.pipelines.iter().flat_map(|of| &of.stages);
            stages.any(|at| at.name == *stage && at.assign.is_some())
        }
        (Action::Move { stage, .. }, Anchor::Entered) => {
            rule.scope.stages.is_empty() || rule.scope.stages.iter().any(|at| at.stage == *stage)
        }
        (Action::Set { field, .. }, Anchor::Field(on)) => field == on,
        _ => false,
    }
}

pub(super) fn check(playbook: &Playbook, file: &Source<'_>, places: &Places) {
    let next = |rule: &Rule| -> Vec<usize> {
        let actions: Vec<&Action> = rule
            .actions
            .iter()
            .flat_map(Action::with_fallbacks)
            .collect();
        let started = |other: &Rule| actions.iter().any(|action| starts(playbook, action, other));
        let others = playbook.rules.iter().enumerate();
        others
            .filter(|(_, other)| started(other))
            .map(|(place, _)| place)
            .collect()
    };
    let edges: Vec<Vec<usize>> = playbook.rules.iter().map(next).collect();
    // What is wrong elsewhere would mislead a play.
    let is_whole = file.faults.borrow().is_empty();
    let mut told = BTreeSet::new();
    for start in 0..edges.len() {
        let play = || is_whole.then(|| played(playbook, start)).flatten();
        let Some(cycle) = cycle_through(start, &edges).or_else(play) else {
            continue;
        };
        if told.insert(cycle.iter().copied().collect::<BTreeSet<_>>()) {
            let names = cycle.iter().filter_map(|&rule| playbook.rules.get(rule));
            let names: Vec<&str> = names.map(|rule| rule.name.as_str()).collect();
            let cycle = names.join(" -> ").into();
            let place = playbook
                .rules
                .get(start)
                .map(|rule| places.rule(&rule.name));
            let hint = "give one of them a delay, a limit (`at-most`), or another stage";
            let kind = FaultKind::RuleCycle { cycle };
            file.fault(place.unwrap_or_default(), kind, Some(hint.into()));
        }
    }
}

/// The cycle of a rule that waits for a condition, if there is one from some stage.
fn played(playbook: &Playbook, start: usize) -> Option<Vec<usize>> {
    let rule = playbook.rules.get(start)?;
    let is_at_once = matches!(rule.anchor, Anchor::Turns(_)) && rule.delay.is_zero();
    let stages = leads::stages_of(playbook, rule)
        .into_iter()
        .filter(|_| is_at_once);
    let mut cycles = stages.map(|at| Play::cycle(playbook, start, at));
    cycles.find_map(|cycle| cycle)
}

/// A way from a rule back to itself, if there is one.
fn cycle_through(start: usize, edges: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut paths = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while let Some(path) = paths.pop() {
        let last = *path.last()?;
        for &next in &edges[last] {
            if next == start {
                return Some(path);
            }
            if seen.insert(next) {
                let mut longer = path.clone();
                longer.push(next);
                paths.push(longer);
            }
        }
    }
    None
}

/// A play of rules that wait for conditions, from the moment at which one of them fires.
///
/// Only what is certain happens in it: a rule fires when its condition was certainly false before and
/// certainly true behind what another did, and so are its other conditions.
struct Play<'a> {
    playbook: &'a Playbook,
    /// What is known of the lead.
    known: Known<'a>,
    /// Where it is.
    at: (StageRef, &'a Stage),
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
        let mut known = leads::of_rule(playbook, rule);
        leads::are_in(&mut known, std::slice::from_ref(&at));
        let Anchor::Turns(when) = &rule.anchor else {
            return None;
        };
        let can_be = when.can_hold(&known);
        known.assume(when, true);
        if let Some(only_if) = rule.only_if.as_ref().filter(|_| can_be) {
            known.assume(only_if, true);
        }
        let mut play = Self {
            playbook,
            known,
            at,
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
        let rule = self.playbook.rules.get(rule)?;
        for action in &rule.actions {
            match action {
                Action::Set { field, to } => {
                    let field = id_of_field(self.playbook, field.as_str())?;
                    match to {
                        SetTo::Value(value) => self.turns_to(field, value),
                        SetTo::Later { .. } => self.known.forget(field),
                    }
                }
                Action::Move { stage, .. } => self.move_to(stage.as_str())?,
                Action::Assign(assign) => self.assign(assign)?,
                Action::Task(_) => self.known.forget(id(LeadFact::OpenTasks)),
                Action::Send(_) | Action::Notify { .. } => {}
            }
        }
        for fact in leads::ids_of_laws(self.playbook) {
            self.known.forget(fact);
        }
        for (place, rule) in self.playbook.rules.iter().enumerate() {
            if self.waiting.contains(&place) && self.certainly_fires(rule) {
                self.due.insert(place);
            }
        }
        self.note();
        Some(())
    }

    /// Notes which conditions are false now: those rules wait, and are due no longer.
    fn note(&mut self) {
        for (place, rule) in self.playbook.rules.iter().enumerate() {
            let Anchor::Turns(when) = &rule.anchor else {
                continue;
            };
            if !self.is_in_scope(rule) || !when.can_hold(&self.known) {
                self.waiting.insert(place);
                self.due.remove(&place);
            } else if !when.can_fail(&self.known) {
                self.waiting.remove(&place);
            }
        }
    }

    fn certainly_fires(&self, rule: &Rule) -> bool {
        let Anchor::Turns(when) = &rule.anchor else {
            return false;
        };
        let surely = |condition: &Condition| !condition.can_fail(&self.known);
        let is_over = |until: &Condition| until.can_hold(&self.known);
        rule.delay.is_zero()
            && rule.scope.wait.is_none()
            && self.is_in_scope(rule)
            && surely(when)
            && rule.only_if.as_ref().is_none_or(surely)
            && !rule.until.as_ref().is_some_and(is_over)
    }

    fn is_in_scope(&self, rule: &Rule) -> bool {
        let (at, stage) = &self.at;
        let in_stage = rule.scope.stages.is_empty() || rule.scope.stages.contains(at);
        let in_life = match rule.scope.leads {
            Leads::Open => stage.outcome.is_none(),
            Leads::Closed => stage.outcome.is_some(),
            Leads::All => true,
        };
        in_stage && in_life
    }

    fn turns_to(&mut self, fact: FactId, value: &Value) {
        self.known.forget(fact);
        self.known.is(fact, value);
    }

    /// Moves the lead along a way that needs nothing, where no law asks for anything.
    fn move_to(&mut self, to: &str) -> Option<()> {
        let (at, stage) = &self.at;
        let way = stage.ways.iter().find(|way| way.to == *to)?;
        let target = self.playbook.stage(&at.pipeline, &way.to)?;
        let asks = !way.needs.is_empty() || !self.playbook.laws.is_empty();
        if asks || target.waits || target.assign.is_some() {
            return None;
        }
        for fact in leads::ids_of_stages(self.playbook) {
            self.known.forget(fact);
        }
        for changed in [
            LeadFact::Stage,
            LeadFact::CameFrom,
            LeadFact::Open,
            LeadFact::Outcome,
            LeadFact::Reason,
            LeadFact::EnteredAt,
            LeadFact::ClosedAt,
            LeadFact::OpenedAt,
            LeadFact::AssignedAt,
            LeadFact::TouchedAt,
            LeadFact::AttemptsSinceOpened,
            LeadFact::OpenTasks,
            LeadFact::Held,
            LeadFact::WaitsUntil,
        ] {
            self.known.forget(id(changed));
        }
        let stage = way.to.clone();
        let pipeline = at.pipeline.clone();
        self.at = (StageRef { pipeline, stage }, target);
        leads::are_in(&mut self.known, std::slice::from_ref(&self.at));
        Some(())
    }

    /// Lets a pool choose an owner, as if somebody were there; how often is said, it ends some time.
    fn assign(&mut self, assign: &Assign) -> Option<()> {
        if assign.at_most.is_some() || assign.not_earlier_owners {
            return None;
        }
        let pool = self.playbook.pool(&assign.pool)?;
        for changed in [
            LeadFact::Owner,
            LeadFact::OwnerRole,
            LeadFact::OwnerTeam,
            LeadFact::AssignedAt,
            LeadFact::TouchedAt,
            LeadFact::Reassignments,
            LeadFact::OpenTasks,
        ] {
            self.known.forget(id(changed));
        }
        self.known.is_there(id(LeadFact::Owner));
        let roles = roles_in(self.playbook, pool);
        let roles = roles.iter().map(|role| role.as_str());
        self.known.is_among(id(LeadFact::OwnerRole), roles);
        Some(())
    }
}

/// The roles that members of a pool can have.
fn roles_in<'p>(playbook: &'p Playbook, pool: &PoolSpec) -> Vec<&'p Name> {
    let can_be = |role: &&Name| {
        let mut known = Known::default();
        let fact = FactId(AgentFact::Role as u16);
        known.is(fact, &Value::from(role.as_str()));
        pool.members.can_hold(&known)
    };
    let roles = playbook.roles.iter().map(|role| &role.name);
    roles.filter(can_be).collect()
}
