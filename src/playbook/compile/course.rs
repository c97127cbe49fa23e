//! A lead that rules act on, before there is one: where it is, and what is known of it there.

use std::collections::BTreeSet;

use super::leads::{self, id, id_of_field};
use crate::condition::{Condition, FactId, Known};
use crate::facts::{AgentFact, LeadFact};
use crate::ids::Name;
use crate::playbook::Playbook;
use crate::playbook::law::Asked;
use crate::playbook::people::PoolSpec;
use crate::playbook::pipeline::{Stage, Way};
use crate::playbook::rule::{Leads, Rule, SetTo, StageRef};
use crate::value::Value;

/// The facts that a move changes.
const MOVED: [LeadFact; 14] = [
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
];

/// The facts that another owner changes.
const ASSIGNED: [LeadFact; 7] = [
    LeadFact::Owner,
    LeadFact::OwnerRole,
    LeadFact::OwnerTeam,
    LeadFact::AssignedAt,
    LeadFact::TouchedAt,
    LeadFact::Reassignments,
    LeadFact::OpenTasks,
];

/// A lead in the course of what rules do to it.
#[derive(Clone)]
pub(super) struct Course<'a> {
    pub(super) playbook: &'a Playbook,
    /// What is known of the lead.
    pub(super) known: Known<'a>,
    /// Where it is.
    pub(super) at: (StageRef, &'a Stage),
    /// What is not as it was at the beginning.
    changed: BTreeSet<FactId>,
    /// In which teams its owner can be, once a pool chose one.
    teams: Option<Teams<'a>>,
}

/// Teams in which somebody can be; `None` stands for being in no team.
type Teams<'a> = BTreeSet<Option<&'a Name>>;

impl<'a> Course<'a> {
    /// A lead for which a rule is, in one of the rule's stages.
    pub(super) fn of_rule(playbook: &'a Playbook, rule: &Rule, at: (StageRef, &'a Stage)) -> Self {
        let mut known = leads::of_rule(playbook, rule);
        leads::are_in(&mut known, std::slice::from_ref(&at));
        Self {
            playbook,
            known,
            at,
            changed: BTreeSet::new(),
            teams: None,
        }
    }

    /// Whether the lead is one of those for which a rule is.
    pub(super) fn is_in_scope(&self, rule: &Rule) -> bool {
        let (at, stage) = &self.at;
        let in_stage = rule.scope.stages.is_empty() || rule.scope.stages.contains(at);
        let in_life = match rule.scope.leads {
            Leads::Open => stage.outcome.is_none(),
            Leads::Closed => stage.outcome.is_some(),
            Leads::All => true,
        };
        in_stage && in_life
    }

    /// Whether a condition comes to this: certainly, if it speaks of what was changed; else for some
    /// lead, and it is one of those from now on.
    pub(super) fn comes_to(&mut self, condition: &'a Condition, holds: bool) -> bool {
        let (can_be, can_be_otherwise) = match holds {
            true => (
                condition.can_hold(&self.known),
                condition.can_fail(&self.known),
            ),
            false => (
                condition.can_fail(&self.known),
                condition.can_hold(&self.known),
            ),
        };
        let mut facts = condition.facts();
        if facts.any(|fact| self.changed.contains(&fact.id)) {
            return can_be && !can_be_otherwise;
        }
        self.known.assume(condition, holds);
        can_be
    }

    /// Whatever was known of a fact may be otherwise now.
    pub(super) fn change(&mut self, fact: LeadFact) {
        self.change_id(id(fact));
    }

    /// Who referred the lead is rewarded, if that was not so before.
    pub(super) fn reward(&mut self) {
        self.change(LeadFact::Reward);
        self.change(LeadFact::RewardedAt);
    }

    fn change_id(&mut self, fact: FactId) {
        self.known.forget(fact);
        self.changed.insert(fact);
    }

    /// Gives a field a value; nothing, if there is no such field.
    pub(super) fn set(&mut self, field: &Name, to: &SetTo) -> Option<()> {
        let field = id_of_field(self.playbook, field.as_str())?;
        self.change_id(field);
        match to {
            SetTo::Value(value) => self.known.is(field, value),
            SetTo::Nothing => self.known.is_missing(field),
            SetTo::Later { .. } => {}
        }
        self.change_what_follows();
        Some(())
    }

    /// Any field may have any value now: who sets them is the host's code.
    pub(super) fn change_fields(&mut self) {
        for field in &self.playbook.fields {
            let field = id_of_field(self.playbook, field.name.as_str());
            field.into_iter().for_each(|field| self.change_id(field));
        }
        self.change_what_follows();
    }

    /// Whether laws are broken, and what the host says, may be otherwise, whatever changed.
    pub(super) fn change_what_follows(&mut self) {
        let facts = leads::ids_that_follow(self.playbook);
        facts.into_iter().for_each(|fact| self.change_id(fact));
    }

    /// The way from where the lead is to a stage where nobody waits.
    pub(super) fn way_to(&self, to: &Name) -> Option<&'a Way> {
        let (at, stage) = &self.at;
        let target = self.playbook.stage(&at.pipeline, to)?;
        let way = stage.ways.iter().find(|way| way.to == *to);
        way.filter(|_| !target.waits)
    }

    /// Whether all is there that a way needs, as [`Course::comes_to`] has it.
    pub(super) fn meets_needs(&mut self, way: &'a Way) -> bool {
        let playbook = self.playbook;
        let mut needs = way.needs.iter().filter_map(|need| playbook.need(need));
        needs.all(|need| self.comes_to(&need.condition, true))
    }

    /// Moves the lead along a way.
    pub(super) fn go(&mut self, way: &'a Way) -> Option<()> {
        let (pipeline, stage) = (self.at.0.pipeline.clone(), way.to.clone());
        let target = self.playbook.stage(&pipeline, &stage)?;
        MOVED.into_iter().for_each(|fact| self.change(fact));
        let of_stages = leads::ids_of_stages(self.playbook);
        of_stages.into_iter().for_each(|fact| self.change_id(fact));
        self.change_what_follows();
        self.at = (StageRef { pipeline, stage }, target);
        leads::are_in(&mut self.known, std::slice::from_ref(&self.at));
        Some(())
    }

    /// Whether no law refuses the move from this stage to where the lead is now, as
    /// [`Course::comes_to`] has it.
    pub(super) fn keeps_laws(&mut self, from: &StageRef) -> bool {
        let to = self.at.0.clone();
        let mut asked = self.playbook.laws.iter().filter(|law| {
            let at = match law.asked {
                Asked::Leaving => from,
                Asked::Standing | Asked::Entering => &to,
            };
            law.stages.is_empty() || law.stages.contains(at)
        });
        asked.all(|law| self.comes_to(&law.condition, true))
    }

    /// Lets a pool choose an owner, as if somebody were there; nothing, if there is no such pool.
    /// Whether that brings the lead to another team: certainly, if a pool chose its owner before.
    pub(super) fn assign(&mut self, pool: &Name) -> Option<bool> {
        let pool = self.playbook.pool(pool)?;
        ASSIGNED.into_iter().for_each(|fact| self.change(fact));
        self.known.is_there(id(LeadFact::Owner));
        let roles = roles_in(self.playbook, pool);
        let roles = roles.iter().map(|role| role.as_str());
        self.known.is_among(id(LeadFact::OwnerRole), roles);
        self.change_what_follows();
        let teams = teams_in(self.playbook, pool);
        let before = self.teams.replace(teams.clone());
        Some(before.is_none_or(|before| before.is_disjoint(&teams)))
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

/// The teams in which members of a pool can be.
fn teams_in<'p>(playbook: &'p Playbook, pool: &PoolSpec) -> Teams<'p> {
    let fact = FactId(AgentFact::Team as u16);
    let can_be = |team: &Option<&Name>| {
        let mut known = Known::default();
        match team {
            Some(team) => known.is(fact, &Value::from(team.as_str())),
            None => known.is_missing(fact),
        }
        pool.members.can_hold(&known)
    };
    let teams = playbook.teams.iter().map(|team| Some(&team.name));
    teams.chain([None]).filter(can_be).collect()
}
