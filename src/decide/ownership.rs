//! Who owns a lead: handing it over, with the pools' loads and the unique claims that follow.

use std::sync::Arc;

use smol_str::SmolStr;

use crate::assign::{self, Question};
use crate::decide::Stop;
use crate::decide::draft::Draft;
use crate::decide::life::begin_anew;
use crate::decide::refusal::Refusal;
use crate::decide::tasks;
use crate::ids::{AgentId, Id, Name};
use crate::playbook::people::{Choose, PoolSpec};
use crate::playbook::pipeline::UniquePart;
use crate::playbook::rule::Anchor;
use crate::record::journal::Event;
use crate::record::lead::{Because, Moment, Owner};
use crate::record::pool::{Member, Reasons};
use crate::record::{Agent, Claim, Lead, Pool};
use crate::store::Key;
use crate::time::Instant;
use crate::value::ValueRef;

/// An agent, as much of one as a lead keeps.
pub(crate) struct Heir {
    pub(crate) agent: AgentId,
    pub(crate) role: Name,
    pub(crate) team: Option<Name>,
}

impl From<&Agent> for Heir {
    fn from(agent: &Agent) -> Self {
        Self {
            agent: agent.id.clone(),
            role: agent.role.clone(),
            team: agent.team.clone(),
        }
    }
}

impl From<&Member> for Heir {
    fn from(member: &Member) -> Self {
        Self {
            agent: member.agent.clone(),
            role: member.role.clone(),
            team: member.team.clone(),
        }
    }
}

/// Gives a lead to an agent: claims, loads, tasks, history.
pub(crate) fn hand_over(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    to: Heir,
    because: Because,
) -> Result<(), Stop> {
    let from = lead.owner_id().cloned();
    // A pool chooses when it is asked, also for a lead that is reported late: nobody's service
    // level runs before it can be known.
    let (reasons, assigned) = match &because {
        Because::Chosen(reasons) => (Some(Arc::clone(reasons)), Moment::now(draft.now)),
        Because::RegisteredIt | Because::GivenBy(_) => (None, draft.moment()),
    };
    lead.owner = Some(Owner {
        agent: to.agent.clone(),
        role: to.role,
        team: to.team,
        assigned,
        because,
    });
    begin_anew(draft, lead, &Anchor::Assigned);
    take_claims(draft, lead)?;
    if from.as_ref() != Some(&to.agent) {
        // A closed lead weighs on nobody; reopening it counts it for its owner.
        if lead.is_open() {
            shift_load(draft, from.as_ref(), Some(&to.agent))?;
        }
        count_received(draft, &to.agent)?;
        if let Some(earlier) = &from {
            lead.earlier_owners.retain(|known| known != earlier);
            lead.earlier_owners.push(earlier.clone());
            tasks::end_those_of_owner(draft, lead);
        }
    }
    draft.happened(Event::Assigned {
        lead: lead.id,
        to: to.agent,
        from,
        reasons,
    });
    Ok(())
}

/// Lets a pool choose an owner for a lead. `not` are agents who are not to have it.
///
/// The answer is nothing when nobody is eligible; the reasons tell why.
pub(crate) fn let_choose(
    draft: &mut Draft<'_>,
    lead: &Lead,
    spec: &PoolSpec,
    not: &[AgentId],
) -> Result<(Option<Heir>, Reasons), Stop> {
    let key = Key::pool(draft.tenant, &spec.name);
    let city = spec
        .match_city
        .as_ref()
        .and_then(|field| match lead.fields.value(field) {
            Some(ValueRef::Text(city)) => Some(assign::city_key(city)),
            _ => None,
        });
    let now = draft.now;
    let mut holders: Vec<AgentId> = Vec::new();
    loop {
        let question = Question {
            city: city.clone(),
            not,
            holders: &holders,
        };
        let empty = Pool::default();
        let pool = draft.look_at::<Pool>(&key)?.unwrap_or(&empty);
        let answer = assign::choose(spec, pool, &question, now);
        let Some(place) = answer.chosen else {
            return Ok((None, answer.reasons));
        };
        let heir = Heir::from(&pool.members[place]);
        if holder_of(draft, lead, &heir.agent)?.is_some() {
            holders.push(heir.agent);
            continue;
        }
        if spec.choose != Choose::Best {
            draft.change_pool(&key, |pool| {
                assign::take_turn(spec, pool, &question, place, now);
            })?;
        }
        return Ok((Some(heir), answer.reasons));
    }
}

/// The claims that a lead makes when this agent owns it: one for each base it is in.
fn claims_of(draft: &Draft<'_>, lead: &Lead, owner: Option<&AgentId>) -> Vec<(Name, Id)> {
    let bases = draft
        .playbook
        .bases
        .iter()
        .filter(|base| base.pipelines.contains(&lead.pipeline));
    let claims = bases.filter_map(|base| {
        let mut values = Vec::with_capacity(base.unique.len());
        for part in &base.unique {
            values.push(match part {
                UniquePart::Owner => SmolStr::from(owner?.as_str()),
                UniquePart::Email => lead.contact.email.as_ref()?.key(),
                UniquePart::Contact => SmolStr::from(lead.contact.id.to_string()),
            });
        }
        Some((base.name.clone(), Claim::to_place(&base.name, &values)))
    });
    claims.collect()
}

/// Another lead that holds a place which this one would need if this agent owned it.
fn holder_of(
    draft: &mut Draft<'_>,
    lead: &Lead,
    owner: &AgentId,
) -> Result<Option<(Name, Claim)>, Stop> {
    for (base, id) in claims_of(draft, lead, Some(owner)) {
        let held: Option<Claim> = draft.read(&Key::claim(draft.tenant, id))?;
        if let Some(claim) = held.filter(|claim| *claim != Claim::Lead(lead.id)) {
            return Ok(Some((base, claim)));
        }
    }
    Ok(None)
}

/// Takes the places that an open lead needs, and gives back those that it needs no more.
pub(crate) fn take_claims(draft: &mut Draft<'_>, lead: &mut Lead) -> Result<(), Stop> {
    let owner = lead.owner_id().cloned();
    let wanted = if lead.is_open() {
        claims_of(draft, lead, owner.as_ref())
    } else {
        Vec::new()
    };
    draft.need(wanted.iter().map(|(_, id)| Key::claim(draft.tenant, *id)))?;
    for (base, id) in &wanted {
        if lead.claims.contains(id) {
            continue;
        }
        let key = Key::claim(draft.tenant, *id);
        match draft.read::<Claim>(&key)? {
            None => draft.put(key, Claim::Lead(lead.id), None),
            Some(Claim::Lead(holder)) if holder != lead.id => {
                return Err(Refusal::AlreadyHeld {
                    base: base.clone(),
                    holder,
                }
                .into());
            }
            Some(_) => {}
        }
    }
    let kept: Vec<Id> = wanted.into_iter().map(|(_, id)| id).collect();
    for id in lead.claims.iter().filter(|id| !kept.contains(id)) {
        let key = Key::claim(draft.tenant, *id);
        if draft.read::<Claim>(&key)? == Some(Claim::Lead(lead.id)) {
            draft.remove(key);
        }
    }
    lead.claims = kept;
    Ok(())
}

/// Moves the load of one open lead from an agent to another, in every pool that has them.
pub(crate) fn shift_load(
    draft: &mut Draft<'_>,
    from: Option<&AgentId>,
    to: Option<&AgentId>,
) -> Result<(), Stop> {
    in_pools(draft, &[from, to], |member, _, _| {
        if from == Some(&member.agent) {
            member.load = member.load.saturating_sub(1);
        }
        if to == Some(&member.agent) {
            member.load = member.load.saturating_add(1);
        }
    })
}

fn count_received(draft: &mut Draft<'_>, agent: &AgentId) -> Result<(), Stop> {
    in_pools(draft, &[Some(agent)], |member, spec, now| {
        member.tally.receive(spec.over, now)
    })
}

/// Counts a lead that an agent won.
pub(crate) fn count_won(draft: &mut Draft<'_>, agent: &AgentId) -> Result<(), Stop> {
    in_pools(draft, &[Some(agent)], |member, spec, now| {
        member.tally.win(spec.over, now)
    })
}

/// Changes these agents in every pool that has them.
fn in_pools(
    draft: &mut Draft<'_>,
    agents: &[Option<&AgentId>],
    change: impl Fn(&mut Member, &PoolSpec, Instant),
) -> Result<(), Stop> {
    let playbook = draft.playbook;
    let happened_at = draft.happened_at;
    let is_meant = |member: &Member| agents.contains(&Some(&member.agent));
    let keys = |draft: &Draft<'_>| {
        let pools = playbook.pools.iter();
        pools
            .map(|spec| Key::pool(draft.tenant, &spec.name))
            .collect::<Vec<Key>>()
    };
    let keys = keys(draft);
    draft.need(keys.iter().cloned())?;
    for (spec, key) in playbook.pools.iter().zip(keys) {
        let concerns = draft
            .look_at::<Pool>(&key)?
            .is_some_and(|pool| pool.members.iter().any(is_meant));
        if !concerns {
            continue;
        }
        draft.change_pool(&key, |pool| {
            for member in pool.members.iter_mut().filter(|member| is_meant(member)) {
                change(member, spec, happened_at);
            }
        })?;
    }
    Ok(())
}
