//! Setting up agents, and the groups and pools that follow.

use smol_str::{SmolStr, format_smolstr};

use crate::decide::command::{AgentSetup, LeadOrder, NewSweep};
use crate::decide::draft::Draft;
use crate::decide::onboarding::onboard;
use crate::decide::refusal::Refusal;
use crate::decide::{Stop, pools, sweeps};
use crate::ids::{AgentId, Name};
use crate::record::agent::Group;
use crate::record::journal::Event;
use crate::record::{Agent, TenantRecord};
use crate::store::Key;

pub(crate) fn set_up(draft: &mut Draft<'_>, setup: &AgentSetup) -> Result<(), Stop> {
    let id = AgentId::from(SmolStr::from(setup.agent.trim()));
    let key = Key::agent(draft.tenant, &id);
    let before: Option<Agent> = draft.read(&key)?;
    let agent = onboard(draft, setup, id, before.as_ref())?;
    regroup(draft, before.as_ref(), &agent)?;
    let moved = |before: &Agent| {
        (&before.role, &before.team, &before.hours) != (&agent.role, &agent.team, &agent.hours)
    };
    if before.as_ref().is_some_and(moved) {
        follow(draft, &agent)?;
    }
    draft.happened(Event::AgentSetUp {
        agent: agent.id.clone(),
    });
    draft.put(key, agent, None);
    Ok(())
}

/// Puts an agent into the groups and pools in which the agent belongs, and out of the others.
pub(crate) fn regroup(
    draft: &mut Draft<'_>,
    before: Option<&Agent>,
    agent: &Agent,
) -> Result<(), Stop> {
    let left = before.map(|agent| groups_of(draft, agent));
    let left = left.unwrap_or_default();
    let joined = groups_of(draft, agent);
    let foreseen = pools::foreseen(draft, &agent.id);
    draft.need(left.iter().chain(&joined).cloned().chain(foreseen))?;
    for group in left.iter().filter(|group| !joined.contains(group)) {
        change_group(draft, group, |members| members.remove(&agent.id))?;
    }
    for group in joined.iter().filter(|group| !left.contains(group)) {
        change_group(draft, group, |members| members.add(&agent.id))?;
    }
    let role = |agent: &Agent| Some(agent.role.clone()).filter(|_| agent.left_at.is_none());
    note_roles(draft, before.and_then(role), role(agent))?;
    pools::place_agent(draft, agent)
}

/// The groups that an agent is in: those of its role and team, and none, once it left.
fn groups_of(draft: &Draft<'_>, agent: &Agent) -> Vec<Key> {
    if agent.left_at.is_some() {
        return Vec::new();
    }
    let team = agent.team.as_ref();
    let team = team.map(|team| Key::team(draft.tenant, team));
    let role = Key::role(draft.tenant, &agent.role);
    [Some(role), team].into_iter().flatten().collect()
}

/// Keeps the list of roles that agents have, through which an adoption reaches them all.
fn note_roles(draft: &mut Draft<'_>, left: Option<Name>, joined: Option<Name>) -> Result<(), Stop> {
    if left == joined {
        return Ok(());
    }
    let emptied = match left {
        Some(role) => {
            let group = draft.look_at::<Group>(&Key::role(draft.tenant, &role))?;
            let is_empty = group.is_none_or(|group| group.members.is_empty());
            Some(role).filter(|_| is_empty)
        }
        None => None,
    };
    let key = Key::tenant(draft.tenant);
    let Some(mut record) = draft.read::<TenantRecord>(&key)? else {
        return Ok(());
    };
    let joined = joined.filter(|role| !record.roles.contains(role));
    if emptied.is_none() && joined.is_none() {
        return Ok(());
    }
    record.roles.retain(|role| Some(role) != emptied.as_ref());
    record.roles.extend(joined);
    if record.roles.len() > TenantRecord::MOST_ROLES {
        return Err(Refusal::TooMany {
            sort: "roles that agents have",
            most: TenantRecord::MOST_ROLES,
        }
        .into());
    }
    draft.put(key, record, None);
    Ok(())
}

fn change_group(
    draft: &mut Draft<'_>,
    key: &Key,
    change: impl FnOnce(&mut Group),
) -> Result<(), Stop> {
    let mut group: Group = draft.read(key)?.unwrap_or_default();
    change(&mut group);
    if group.members.len() > Group::MOST {
        return Err(Refusal::TooMany {
            sort: "agents of one role or team",
            most: Group::MOST,
        }
        .into());
    }
    draft.put(key.clone(), group, None);
    Ok(())
}

/// The agent's leads keep copies of role and team; a sweep renews them.
fn follow(draft: &mut Draft<'_>, agent: &Agent) -> Result<(), Stop> {
    let sweep = NewSweep {
        name: Name::from("follow-owner"),
        audience: format_smolstr!("owner == {}", crate::condition::quoted(agent.id.as_str())),
        order: LeadOrder::FollowOwner,
        starts_at: None,
        every_days: None,
    };
    sweeps::start(draft, &sweep)?;
    Ok(())
}
