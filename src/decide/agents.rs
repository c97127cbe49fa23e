//! Setting up agents: everything that is missing at once, and the groups and pools that follow.

use smol_str::{SmolStr, format_smolstr};

use crate::decide::command::{AgentSetup, LeadOrder, NewSweep};
use crate::decide::contacts::check_phone;
use crate::decide::draft::Draft;
use crate::decide::refusal::{Gaps, Problem, Refusal};
use crate::decide::{Stop, pools, sweeps};
use crate::email::Email;
use crate::ids::{AgentId, Name};
use crate::letters::is_blank;
use crate::record::agent::Group;
use crate::record::journal::Event;
use crate::record::{Agent, TenantRecord};
use crate::store::Key;

/// How long a text about an agent can be, in bytes.
const LONGEST: usize = 256;
/// How many cities an agent can take leads of.
const MOST_CITIES: usize = 500;

pub(crate) fn set_up(draft: &mut Draft<'_>, setup: &AgentSetup) -> Result<(), Stop> {
    let id = AgentId::from(SmolStr::from(setup.agent.trim()));
    let key = Key::agent(draft.tenant, &id);
    let before: Option<Agent> = draft.read(&key)?;
    let agent = merge(draft, setup, id, before.as_ref())?;
    let left = before.as_ref().map(|agent| groups_of(draft, agent));
    let left = left.unwrap_or_default();
    let joined = groups_of(draft, &agent);
    let foreseen = pools::foreseen(draft, &agent.id);
    draft.need(left.iter().chain(&joined).cloned().chain(foreseen))?;
    for group in left.iter().filter(|group| !joined.contains(group)) {
        change_group(draft, group, |members| members.remove(&agent.id))?;
    }
    for group in joined.iter().filter(|group| !left.contains(group)) {
        change_group(draft, group, |members| members.add(&agent.id))?;
    }
    note_roles(draft, before.as_ref().map(|agent| &agent.role), &agent.role)?;
    pools::place_agent(draft, &agent)?;
    let moved = before.is_some_and(|before| before.role != agent.role || before.team != agent.team);
    if moved {
        follow(draft, &agent)?;
    }
    draft.happened(Event::AgentSetUp {
        agent: agent.id.clone(),
    });
    draft.put(key, agent, None);
    Ok(())
}

/// The groups that an agent is in: those of its role and team.
fn groups_of(draft: &Draft<'_>, agent: &Agent) -> Vec<Key> {
    let team = agent.team.as_ref();
    let team = team.map(|team| Key::team(draft.tenant, team));
    let role = Key::role(draft.tenant, &agent.role);
    [Some(role), team].into_iter().flatten().collect()
}

/// Keeps the list of roles that agents have, through which an adoption reaches them all.
fn note_roles(draft: &mut Draft<'_>, left: Option<&Name>, joined: &Name) -> Result<(), Stop> {
    if left == Some(joined) {
        return Ok(());
    }
    let emptied = match left {
        Some(role) => {
            let group = draft.look_at::<Group>(&Key::role(draft.tenant, role))?;
            Some(role).filter(|_| group.is_none_or(|group| group.members.is_empty()))
        }
        None => None,
    };
    let key = Key::tenant(draft.tenant);
    let Some(mut record) = draft.read::<TenantRecord>(&key)? else {
        return Ok(());
    };
    if emptied.is_none() && record.roles.contains(joined) {
        return Ok(());
    }
    record.roles.retain(|role| Some(role) != emptied);
    if !record.roles.contains(joined) {
        record.roles.push(joined.clone());
    }
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

/// What the agent is to be: what is said, over what was.
fn merge(
    draft: &Draft<'_>,
    setup: &AgentSetup,
    id: AgentId,
    before: Option<&Agent>,
) -> Result<Agent, Stop> {
    let mut gaps = Gaps::default();
    check_lengths(setup, &mut gaps);
    if id.as_str().is_empty() {
        gaps.add("agent", Problem::Missing);
    }
    check_phone(setup.phone.as_deref(), &mut gaps);
    let name = setup.name.clone().filter(|name| !is_blank(name));
    let name = name.or_else(|| before.map(|agent| agent.name.clone()));
    if name.is_none() {
        gaps.add("name", Problem::Missing);
    }
    let email = match setup.email.as_ref().map(|email| email.parse::<Email>()) {
        Some(Ok(email)) => Some(email),
        Some(Err(_)) => {
            gaps.add("email", Problem::NotAnEmail);
            None
        }
        None => before.map(|agent| agent.email.clone()).or_else(|| {
            gaps.add("email", Problem::Missing);
            None
        }),
    };
    let role = setup
        .role
        .as_ref()
        .or_else(|| before.map(|agent| &agent.role));
    match role {
        None => gaps.add("role", Problem::Missing),
        Some(role) if draft.playbook.role(role).is_none() => {
            let known = draft.playbook.roles.iter().map(|role| role.name.as_str());
            gaps.add("role", Problem::unknown(role.as_str(), known));
        }
        Some(_) => {}
    }
    let (name, email, role) = match (name, email, role) {
        (Some(name), Some(email), Some(role)) if gaps.is_empty() => (name, email, role),
        _ => return Err(gaps.refusal().into()),
    };
    let before = before.cloned();
    let agent = before.unwrap_or_else(|| Agent::new(id, name.clone(), email.clone(), role.clone()));
    Ok(Agent {
        name,
        email,
        role: role.clone(),
        phone: setup.phone.clone().or(agent.phone),
        team: setup.team.clone().or(agent.team),
        cities: setup.cities.clone().unwrap_or(agent.cities),
        capacity: setup.capacity.or(agent.capacity),
        available: setup.available.unwrap_or(agent.available),
        ..agent
    })
}

fn check_lengths(setup: &AgentSetup, gaps: &mut Gaps) {
    let cities = setup.cities.as_deref().unwrap_or_default();
    let longest_city = cities.iter().max_by_key(|city| city.len());
    for (input, text) in [
        ("agent", Some(setup.agent.as_str())),
        ("name", setup.name.as_deref()),
        ("phone", setup.phone.as_deref()),
        ("role", setup.role.as_ref().map(Name::as_str)),
        ("team", setup.team.as_ref().map(Name::as_str)),
        ("cities", longest_city.map(SmolStr::as_str)),
    ] {
        gaps.add_too_long(input, text, LONGEST);
    }
    if cities.len() > MOST_CITIES {
        let expected = format_smolstr!("at most {MOST_CITIES}");
        gaps.add("cities", Problem::Unfit { expected });
    }
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
