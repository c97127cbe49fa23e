//! Who owns a lead: handing it over, with the pools' loads and the unique claims that follow.

use std::sync::Arc;

use crate::assign::{self, Answer, Question};
use crate::decide::Stop;
use crate::decide::draft::Draft;
use crate::decide::life::{begin_anew, owner_is_not_newer, touched_by_anybody};
use crate::decide::refusal::Refusal;
use crate::decide::{places, pools, tasks};
use crate::ids::{AgentId, Name};
use crate::playbook::people::PoolSpec;
use crate::playbook::rule::Anchor;
use crate::record::journal::Event;
use crate::record::lead::{Because, Moment, Owner};
use crate::record::pool::{Member, Reasons};
use crate::record::{Agent, Claim, Lead, Pool};
use crate::store::Key;

/// An agent, as much of one as a lead keeps.
pub(crate) struct Heir {
    pub(crate) agent: AgentId,
    pub(crate) role: Name,
    pub(crate) team: Option<Name>,
    pub(crate) hours: Option<Name>,
}

impl From<&Agent> for Heir {
    fn from(agent: &Agent) -> Self {
        Self {
            agent: agent.id.clone(),
            role: agent.role.clone(),
            team: agent.team.clone(),
            hours: agent.hours.clone(),
        }
    }
}

impl From<&Member> for Heir {
    fn from(member: &Member) -> Self {
        Self {
            agent: member.agent.clone(),
            role: member.copy.role.clone(),
            team: member.copy.team.clone(),
            hours: member.copy.hours.clone(),
        }
    }
}

/// The agent to whom somebody gives a lead by name.
pub(crate) fn named_heir(draft: &mut Draft<'_>, named: &AgentId) -> Result<Heir, Stop> {
    let Some(agent) = draft.read::<Agent>(&Key::agent(draft.tenant, named))? else {
        return Err(Refusal::NoSuchAgent(named.clone()).into());
    };
    if agent.left_at.is_some() {
        return Err(Refusal::HasLeft(agent.id).into());
    }
    if !draft.playbook.can_own(&agent.role) {
        let (agent, role) = (agent.id, agent.role);
        return Err(Refusal::OwnsNoLeads { agent, role }.into());
    }
    Ok(Heir::from(&agent))
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
    let (reasons, told) = match &because {
        Because::Chosen(reasons) => (Some(Arc::clone(reasons)), Moment::now(draft.now)),
        Because::RegisteredIt | Because::GivenBy(_) => (None, draft.moment()),
    };
    // Who is given what they have already is no new owner: nobody gains time by that.
    let stays = from.as_ref() == Some(&to.agent);
    let before = lead.owner.as_ref();
    let assigned = before
        .filter(|_| stays)
        .map_or(told, |owner| owner.assigned);
    // Whoever is in no team is in one of their own.
    let same = before.filter(|owner| match &to.team {
        Some(team) => owner.team.as_ref() == Some(team),
        None => owner.team.is_none() && owner.agent == to.agent,
    });
    let team_since = same.map_or(told, |owner| owner.team_since);
    let stays_in_team = same.is_some();
    // Whether tasks were missed is judged in the hours of the one whose they were.
    if from.is_some() && !stays {
        tasks::end_those_of_owner(draft, lead);
        lead.earlier_team = lead.owner.as_ref().and_then(|owner| owner.team.clone());
    }
    if from.is_some() && !stays_in_team {
        tasks::end_those_of_team(draft, lead);
    }
    lead.owner = Some(Owner {
        agent: to.agent.clone(),
        role: to.role,
        team: to.team,
        hours: to.hours,
        assigned,
        team_since,
        because,
    });
    if !stays {
        begin_anew(draft, lead, &Anchor::Assigned);
    }
    if !stays_in_team {
        begin_anew(draft, lead, &Anchor::Team);
    }
    touched_by_anybody(draft, lead);
    places::take(draft, lead)?;
    if !stays {
        // A closed lead weighs on nobody; reopening it counts it for its owner.
        let weight = u32::from(lead.is_open());
        need_workloads(draft, [from.as_ref(), Some(&to.agent)])?;
        if let Some(from) = &from {
            pools::change_workload(draft, from, |workload, _| {
                workload.load = workload.load.saturating_sub(weight);
            })?;
        }
        pools::change_workload(draft, &to.agent, |workload, at| {
            workload.load = workload.load.saturating_add(weight);
            // Who has it to keep has nothing to win.
            if weight > 0 {
                workload.receive(at);
            }
        })?;
        if let Some(earlier) = &from {
            lead.earlier_owners.retain(|known| known != earlier);
            lead.earlier_owners.push(earlier.clone());
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

/// Hands a lead that came into a stage over to the pool of that stage, unless whoever owns it is of
/// that pool. That nobody there can have it is put on record, and it stays where it is.
pub(crate) fn hand_over_to_pool(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    spec: &PoolSpec,
) -> Result<(), Stop> {
    let key = Key::pool(draft.tenant, &spec.name);
    let pool = draft.hint::<Pool>(&key)?;
    let mut members = pool.into_iter().flat_map(|pool| &pool.members);
    if members.any(|member| lead.owner_id() == Some(&member.agent)) {
        return Ok(());
    }
    owner_is_not_newer(draft, lead)?;
    match let_choose(draft, lead, spec, &[])? {
        (Some(heir), reasons) => hand_over(draft, lead, heir, Because::Chosen(reasons.into())),
        (None, reasons) => {
            let lead = lead.id;
            draft.happened(Event::NobodyEligible { lead, reasons });
            Ok(())
        }
    }
}

/// Takes a lead from its owner, who left, and gives it to nobody: claims, load, tasks, history.
pub(crate) fn give_up(draft: &mut Draft<'_>, lead: &mut Lead) -> Result<(), Stop> {
    let Some(from) = lead.owner_id().cloned() else {
        return Ok(());
    };
    tasks::end_those_of_owner(draft, lead);
    tasks::end_those_of_team(draft, lead);
    lead.earlier_team = lead.owner.take().and_then(|owner| owner.team);
    begin_anew(draft, lead, &Anchor::Assigned);
    begin_anew(draft, lead, &Anchor::Team);
    places::take(draft, lead)?;
    if lead.is_open() {
        unburden(draft, &from)?;
    }
    lead.earlier_owners.retain(|known| *known != from);
    lead.earlier_owners.push(from.clone());
    let lead = lead.id;
    draft.happened(Event::GivenUp { lead, from });
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
    let roles = draft.playbook.roles.iter();
    let not_owning = roles
        .filter(|role| !role.owns)
        .map(|role| role.name.clone());
    let not_owning: Vec<Name> = not_owning.collect();
    let mut question = Question {
        wanted: assign::wanted(spec, &lead.fields),
        not_owning: &not_owning,
        not,
        holders: &[],
    };
    let (mut answer, mut heir) = choose(draft, spec, &question)?;
    // Rarely does anybody have to be asked but the first; then all are, at once.
    let first_holds = match &heir {
        Some(heir) => {
            foresee_heirs(draft, lead, spec, &heir.agent, &answer.reasons)?;
            holds(draft, lead, &heir.agent)?
        }
        None => false,
    };
    let holders = match first_holds {
        true => holders_among_members(draft, lead, spec)?,
        false => Vec::new(),
    };
    if first_holds {
        question.holders = &holders;
        (answer, heir) = choose(draft, spec, &question)?;
    }
    if answer.turn.is_some() {
        let key = Key::pool(draft.tenant, &spec.name);
        draft.change_pool(&key, |pool| assign::take_turn(pool, &answer))?;
    }
    Ok((heir, answer.reasons))
}

/// Asks for what the heir has on hand, and for the claims that are needed next.
///
/// Where a workload is at hand already, leads are being assigned one after the other: each of a
/// batch would find the next heir only when the one before has his. So then it is asked for all
/// members' workloads, and for the claims of those who come next.
fn foresee_heirs(
    draft: &mut Draft<'_>,
    lead: &Lead,
    spec: &PoolSpec,
    heir: &AgentId,
    reasons: &Reasons,
) -> Result<(), Stop> {
    let workload = |agent: &AgentId| Key::workload(draft.tenant, agent);
    let mut keys = places::keys(draft, lead, heir);
    keys.push(workload(heir));
    if draft.need(keys.iter().cloned()).is_ok() {
        return Ok(());
    }
    let pool_key = Key::pool(draft.tenant, &spec.name);
    let pool = draft.hint::<Pool>(&pool_key)?;
    let members = || pool.into_iter().flat_map(|pool| &pool.members);
    let is_batch = members().any(|member| draft.need([workload(&member.agent)]).is_ok());
    if is_batch {
        keys.extend(members().map(|member| workload(&member.agent)));
        for next in &reasons.ranked {
            keys.extend(places::keys(draft, lead, &next.agent));
        }
    }
    draft.need(keys)
}

/// Whom a pool chooses, and why.
fn choose(
    draft: &mut Draft<'_>,
    spec: &PoolSpec,
    question: &Question<'_>,
) -> Result<(Answer, Option<Heir>), Stop> {
    let (key, now) = (Key::pool(draft.tenant, &spec.name), draft.now);
    let empty = Pool::default();
    let pool = draft.look_at::<Pool>(&key)?.unwrap_or(&empty);
    let answer = assign::choose(spec, pool, question, now);
    let chosen = answer.chosen.map(|place| Heir::from(&pool.members[place]));
    Ok((answer, chosen))
}

/// Whether another lead holds a place which this one would need if this agent owned it.
///
/// Only to pass over: who gets the lead takes its claims, and relies on them there.
fn holds(draft: &Draft<'_>, lead: &Lead, owner: &AgentId) -> Result<bool, Stop> {
    for key in places::keys(draft, lead, owner) {
        let held = draft.hint::<Claim>(&key)?;
        if held.is_some_and(|claim| *claim != Claim::Lead(lead.id)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Those members of a pool in whose base the contact is already, in the order of their ids.
fn holders_among_members(
    draft: &mut Draft<'_>,
    lead: &Lead,
    spec: &PoolSpec,
) -> Result<Vec<AgentId>, Stop> {
    let pool = draft.look_at::<Pool>(&Key::pool(draft.tenant, &spec.name))?;
    let members = pool.into_iter().flat_map(|pool| &pool.members);
    let members: Vec<AgentId> = members.map(|member| member.agent.clone()).collect();
    let mut keys: Vec<Key> = members
        .iter()
        .flat_map(|agent| places::keys(draft, lead, agent))
        .collect();
    // A base without an owner is one claim for all of them.
    keys.sort_unstable();
    keys.dedup();
    draft.need(keys)?;
    let mut holders = Vec::new();
    for agent in members {
        if holds(draft, lead, &agent)? {
            holders.push(agent);
        }
    }
    Ok(holders)
}

/// Asks for the workloads of these agents at once.
fn need_workloads(draft: &Draft<'_>, agents: [Option<&AgentId>; 2]) -> Result<(), Stop> {
    let agents = agents.into_iter().flatten();
    draft.need(agents.map(|agent| Key::workload(draft.tenant, agent)))
}

/// An open lead is no longer one of its owner's: it was closed.
pub(crate) fn unburden(draft: &mut Draft<'_>, owner: &AgentId) -> Result<(), Stop> {
    pools::change_workload(draft, owner, |workload, _| {
        workload.load = workload.load.saturating_sub(1);
    })
}

/// A closed lead is one of its owner's open ones again.
pub(crate) fn burden(draft: &mut Draft<'_>, owner: &AgentId) -> Result<(), Stop> {
    pools::change_workload(draft, owner, |workload, _| {
        workload.load = workload.load.saturating_add(1);
    })
}
