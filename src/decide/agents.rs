//! Setting up agents: everything that is missing at once, and the groups and pools that follow.

use smol_str::SmolStr;

use crate::assign::city_key;
use crate::decide::command::{AgentSetup, LeadOrder, NewSweep};
use crate::decide::draft::Draft;
use crate::decide::refusal::{Gap, Problem, Refusal};
use crate::decide::{Stop, sweeps};
use crate::email::Email;
use crate::hint::nearest;
use crate::ids::{AgentId, Name};
use crate::playbook::catalogue::MemberFacts;
use crate::record::agent::Group;
use crate::record::journal::Event;
use crate::record::pool::{Member, Tally};
use crate::record::{Agent, Pool};
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
    let groups = |agent: &Agent| {
        let team = agent
            .team
            .as_ref()
            .map(|team| Key::team(draft.tenant, team));
        [Some(Key::role(draft.tenant, &agent.role)), team]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
    };
    let left = before.as_ref().map(&groups).unwrap_or_default();
    let joined = groups(&agent);
    let pools: Vec<Key> = draft
        .playbook
        .pools
        .iter()
        .map(|spec| Key::pool(draft.tenant, &spec.name))
        .collect();
    draft.need(left.iter().chain(&joined).chain(&pools).cloned())?;
    for group in left.iter().filter(|group| !joined.contains(group)) {
        change_group(draft, group, |members| members.remove(&agent.id))?;
    }
    for group in joined.iter().filter(|group| !left.contains(group)) {
        change_group(draft, group, |members| members.add(&agent.id))?;
    }
    join_pools(draft, &agent, &pools)?;
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

/// What the agent is to be: what is said, over what was.
fn merge(
    draft: &Draft<'_>,
    setup: &AgentSetup,
    id: AgentId,
    before: Option<&Agent>,
) -> Result<Agent, Stop> {
    let mut gaps = Vec::new();
    let mut gap = |input: &str, problem: Problem| {
        gaps.push(Gap {
            input: Name::from(input),
            problem,
        })
    };
    if id.as_str().is_empty() {
        gap("agent", Problem::Missing);
    }
    let texts = [
        ("agent", Some(&setup.agent)),
        ("name", setup.name.as_ref()),
        ("phone", setup.phone.as_ref()),
    ];
    for (input, text) in texts {
        if text.is_some_and(|text| text.len() > LONGEST) {
            gap(
                input,
                Problem::TooLong {
                    most_bytes: LONGEST,
                },
            );
        }
    }
    let name = setup.name.clone().filter(|name| !name.trim().is_empty());
    let name = name.or_else(|| before.map(|agent| agent.name.clone()));
    if name.is_none() {
        gap("name", Problem::Missing);
    }
    let email = match setup.email.as_ref().map(|email| email.parse::<Email>()) {
        Some(Ok(email)) => Some(email),
        Some(Err(_)) => {
            gap("email", Problem::NotAnEmail);
            None
        }
        None => before.map(|agent| agent.email.clone()).or_else(|| {
            gap("email", Problem::Missing);
            None
        }),
    };
    let role = setup
        .role
        .clone()
        .or_else(|| before.map(|agent| agent.role.clone()));
    match &role {
        None => gap("role", Problem::Missing),
        Some(role) if draft.playbook.role(role).is_none() => {
            let known = draft.playbook.roles.iter().map(|role| role.name.as_str());
            let nearest = nearest(role.as_str(), known).map(SmolStr::from);
            gap("role", Problem::Unknown { nearest });
        }
        Some(_) => {}
    }
    let cities = setup
        .cities
        .clone()
        .or_else(|| before.map(|agent| agent.cities.clone()))
        .unwrap_or_default();
    if cities.len() > MOST_CITIES {
        gap(
            "cities",
            Problem::Unfit {
                expected: smol_str::format_smolstr!("at most {MOST_CITIES}"),
            },
        );
    }
    match (name, email, role) {
        (Some(name), Some(email), Some(role)) if gaps.is_empty() => Ok(Agent {
            id,
            name,
            email,
            phone: setup
                .phone
                .clone()
                .or_else(|| before.and_then(|agent| agent.phone.clone())),
            role,
            team: setup
                .team
                .clone()
                .or_else(|| before.and_then(|agent| agent.team.clone())),
            cities,
            capacity: setup
                .capacity
                .or_else(|| before.and_then(|agent| agent.capacity)),
            available: setup
                .available
                .or_else(|| before.map(|agent| agent.available))
                .unwrap_or(true),
            last_command: before.and_then(|agent| agent.last_command),
        }),
        _ => Err(Refusal::Incomplete(gaps).into()),
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

/// Puts the agent into the pools whose condition holds, and out of the others.
fn join_pools(draft: &mut Draft<'_>, agent: &Agent, keys: &[Key]) -> Result<(), Stop> {
    for (spec, key) in draft.playbook.pools.iter().zip(keys) {
        let before: Pool = draft.read(key)?.unwrap_or_default();
        let mut pool = before.clone();
        let place = pool
            .members
            .binary_search_by(|member| member.agent.cmp(&agent.id));
        let known = place.ok().map(|place| pool.members.remove(place));
        let member = Member {
            agent: agent.id.clone(),
            role: agent.role.clone(),
            team: agent.team.clone(),
            cities: agent.cities.iter().map(|city| city_key(city)).collect(),
            capacity: agent.capacity,
            available: agent.available,
            load: known.as_ref().map_or(0, |known| known.load),
            tally: known
                .as_ref()
                .map_or_else(Tally::default, |known| known.tally.clone()),
            credit: known.as_ref().map_or(0, |known| known.credit),
        };
        let facts = MemberFacts {
            member: &member,
            default_capacity: spec.capacity,
        };
        if spec.members.holds(&facts, draft.now) {
            let place = place.unwrap_or_else(|place| place);
            pool.members.insert(place, member);
        }
        if pool != before {
            draft.put(key.clone(), pool, None);
        }
    }
    Ok(())
}

/// The agent's leads keep copies of role and team; a sweep renews them.
fn follow(draft: &mut Draft<'_>, agent: &Agent) -> Result<(), Stop> {
    let sweep = NewSweep {
        name: Name::from("follow-owner"),
        audience: smol_str::format_smolstr!(
            "owner == {}",
            crate::condition::quoted(agent.id.as_str())
        ),
        order: LeadOrder::FollowOwner,
        starts_at: None,
        every_days: None,
    };
    sweeps::start(draft, &sweep)?;
    Ok(())
}
