//! Permissions: who may do what is in the playbook (requirement Z4).

use std::borrow::Cow;

use smol_str::{SmolStr, format_smolstr};

use crate::decide::Stop;
use crate::decide::command::{Actor, LeadOrder, What};
use crate::decide::draft::Draft;
use crate::decide::refusal::Refusal;
use crate::ids::{MessageId, Name, SweepId};
use crate::playbook::Playbook;
use crate::playbook::people::{Over, Permission, Role};
use crate::record::message::Message;
use crate::record::pool::AgentCopy;
use crate::record::{Agent, Lead, Sweep};
use crate::store::Key;

/// Refuses what the actor may not do. The host may do everything, and so may rules; an import
/// and a sweep may do what the agent may in whose name they act.
pub(crate) fn permit(draft: &mut Draft<'_>, what: &What, lead: Option<&Lead>) -> Result<(), Stop> {
    let Some(agent) = acting_agent(draft)? else {
        return Ok(());
    };
    let permission = Permission::to_do(what);
    permit_agent(draft, &agent, permission)?;
    match lead {
        Some(lead) => permit_agent_over(draft, &agent, lead, |role| role.may.contains(&permission)),
        None => Ok(()),
    }
}

/// Refuses a lead that is not the actor's, as the role says whose leads those are. `may` tells which
/// roles may do what is asked.
pub(crate) fn permit_over(
    draft: &mut Draft<'_>,
    lead: &Lead,
    may: impl Fn(&Role) -> bool,
) -> Result<(), Stop> {
    match acting_agent(draft)? {
        Some(agent) => permit_agent_over(draft, &agent, lead, may),
        None => Ok(()),
    }
}

fn permit_agent_over(
    draft: &Draft<'_>,
    agent: &Agent,
    lead: &Lead,
    may: impl Fn(&Role) -> bool,
) -> Result<(), Stop> {
    let owner = lead.owner.as_ref();
    let is_theirs = match over(draft, agent) {
        Some(Over::All) => true,
        Some(Over::Own) | None => false,
        Some(Over::Team) => {
            owner.is_some_and(|owner| owner.team.is_some() && owner.team == agent.team)
        }
        Some(Over::Matching(matches)) => {
            let copy = AgentCopy::of(agent);
            matches
                .iter()
                .all(|matched| matched.holds(&copy, &lead.fields))
        }
    };
    if is_theirs || owner.is_none_or(|owner| owner.agent == agent.id) {
        return Ok(());
    }
    let owner = lead.owner_id().cloned();
    Err(Refusal::NotTheirs {
        actor: named(draft),
        owner,
        who_may: roles_over_all(draft, may),
    }
    .into())
}

/// The roles that may do something, and on everybody's leads.
fn roles_over_all(draft: &Draft<'_>, may: impl Fn(&Role) -> bool) -> Vec<Name> {
    let roles = draft.playbook.roles.iter();
    let over_all = roles.filter(|role| role.over == Over::All && may(role));
    over_all.map(|role| role.name.clone()).collect()
}

/// Whose leads an agent may act on; of a role that the playbook doesn't know, nothing is said.
fn over<'a>(draft: &Draft<'a>, agent: &Agent) -> Option<&'a Over> {
    let role = draft.playbook.role(&agent.role);
    role.map(|role| &role.over)
}

/// Refuses to settle a message about a lead that is not the actor's.
pub(crate) fn permit_settling(
    draft: &mut Draft<'_>,
    what: &What,
    message: MessageId,
) -> Result<(), Stop> {
    permit(draft, what, None)?;
    if acting_agent(draft)?.is_none() {
        return Ok(());
    }
    let Some(message) = draft.read::<Message>(&Key::message(draft.tenant, message))? else {
        return Err(Refusal::NoSuchRecord("message").into());
    };
    match draft.read::<Lead>(&Key::lead(draft.tenant, message.lead))? {
        Some(lead) => {
            let permission = Permission::to_do(what);
            permit_over(draft, &lead, |role| role.may.contains(&permission))
        }
        None => Ok(()),
    }
}

/// Refuses to cancel or to try again a sweep that acts for somebody else, to all but those who may
/// act on all leads: a sweep reaches more leads than those of one agent.
pub(crate) fn permit_sweep(draft: &mut Draft<'_>, what: &What, sweep: SweepId) -> Result<(), Stop> {
    permit(draft, what, None)?;
    let Some(agent) = acting_agent(draft)? else {
        return Ok(());
    };
    let permission = Permission::to_do(what);
    if over(draft, &agent) == Some(&Over::All) {
        return Ok(());
    }
    let Some(sweep) = draft.read::<Sweep>(&Key::sweep(draft.tenant, sweep))? else {
        return Err(Refusal::NoSuchRecord("sweep").into());
    };
    if sweep.for_agent.as_ref() == Some(&agent.id) {
        return Ok(());
    }
    Err(Refusal::NotTheirSweep {
        actor: named(draft),
        started_by: sweep.started_by,
        who_may: roles_over_all(draft, |role| role.may.contains(&permission)),
    }
    .into())
}

/// Refuses to start a sweep whose order the actor may not give. On whose leads, is asked for each
/// of them, in its own command.
pub(crate) fn permit_order(draft: &mut Draft<'_>, order: &LeadOrder) -> Result<(), Stop> {
    permit_actor(draft, Permission::of_order(order))
}

/// Refuses to say that something happened earlier, to agents who may not: else whoever is late
/// was not, and two days are over at once.
pub(crate) fn permit_back_dating(draft: &mut Draft<'_>) -> Result<(), Stop> {
    if draft.happened_at == draft.now || matches!(draft.actor, Actor::Import(_)) {
        return Ok(());
    }
    permit_actor(draft, Permission::BackDate)
}

/// Refuses an actor who does not have a permission, whosever the lead is.
pub(crate) fn permit_actor(draft: &mut Draft<'_>, permission: Permission) -> Result<(), Stop> {
    match acting_agent(draft)? {
        Some(agent) => permit_agent(draft, &agent, permission).map(drop),
        None => Ok(()),
    }
}

/// Refuses an agent whose role does not have a permission.
pub(crate) fn permit_agent<'a>(
    draft: &Draft<'a>,
    agent: &Agent,
    permission: Permission,
) -> Result<&'a Role, Stop> {
    let role = draft.playbook.role(&agent.role);
    role.filter(|role| role.may.contains(&permission))
        .ok_or_else(|| {
            not_permitted(draft, permission.word(), |role| {
                role.may.contains(&permission)
            })
        })
}

/// The agent who acts, or in whose name an import or a sweep does; `None` if it is the host or a
/// rule. What the agent may do is relied on: a change of the role in between is noticed.
pub(crate) fn acting_agent<'a>(draft: &mut Draft<'a>) -> Result<Option<Cow<'a, Agent>>, Stop> {
    let Some(id) = draft.actor.as_agent().cloned() else {
        return Ok(None);
    };
    match draft.share::<Agent>(&Key::agent(draft.tenant, &id))? {
        Some(agent) if is_gone(draft, &agent) => Err(Refusal::HasLeft(id).into()),
        Some(agent) => Ok(Some(agent)),
        None => Err(Refusal::NoSuchAgent(id).into()),
    }
}

/// Whether somebody who left acts all the same. What an import tells was done before.
fn is_gone(draft: &Draft<'_>, agent: &Agent) -> bool {
    let is_told = matches!(draft.actor, Actor::Import(_));
    let left_at = agent.left_at;
    left_at.is_some_and(|left_at| !is_told || draft.happened_at >= left_at)
}

/// Refuses an agent whose role is not among these. An empty list lets everybody through.
pub(crate) fn permit_roles(draft: &mut Draft<'_>, doing: &str, roles: &[Name]) -> Result<(), Stop> {
    if roles.is_empty() {
        return Ok(());
    }
    match acting_agent(draft)? {
        Some(agent) if !roles.contains(&agent.role) => Err(not_permitted(draft, doing, |role| {
            roles.contains(&role.name)
        })),
        _ => Ok(()),
    }
}

fn not_permitted(draft: &Draft<'_>, permission: &str, may: impl Fn(&Role) -> bool) -> Stop {
    refused_to(draft.playbook, named(draft), permission, may).into()
}

/// That somebody may not do this, and which roles may.
pub(crate) fn refused_to(
    playbook: &Playbook,
    actor: SmolStr,
    permission: &str,
    may: impl Fn(&Role) -> bool,
) -> Refusal {
    let who_may = playbook.roles.iter().filter(|role| may(role));
    Refusal::NotPermitted {
        actor,
        permission: permission.into(),
        who_may: who_may.map(|role| role.name.clone()).collect(),
    }
}

/// Whose permissions did not do, to people.
pub(crate) fn named(draft: &Draft<'_>) -> SmolStr {
    match draft.actor.as_agent() {
        Some(agent) => agent.as_str().into(),
        None => format_smolstr!("{}", draft.actor),
    }
}
