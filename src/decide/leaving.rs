//! An agent leaves: gone at once from pools and groups, and its leads handed over by one sweep: the open
//! ones, and closed ones for which something is still to come.

use smol_str::format_smolstr;

use crate::agenda::{Happens, Item, agenda};
use crate::condition::quoted;
use crate::decide::command::{LeadOrder, Leaving, NewSweep};
use crate::decide::draft::Draft;
use crate::decide::ownership::{self, Heir};
use crate::decide::refusal::{Gaps, Problem, Refusal};
use crate::decide::{Stop, agents, sweeps};
use crate::ids::{AgentId, Name};
use crate::playbook::people::PoolSpec;
use crate::record::journal::Event;
use crate::record::lead::{Assignee, Because};
use crate::record::pool::PassedOver;
use crate::record::{Agent, Lead, Workload};
use crate::store::Key;

/// Marks an agent as gone, and starts the sweep that hands its leads over.
///
/// From this commit on the agent is in no pool and no group, so that nothing comes to it any more
/// while the sweep is still under way.
pub(crate) fn leave(draft: &mut Draft<'_>, leaving: &Leaving) -> Result<(), Stop> {
    let key = Key::agent(draft.tenant, &leaving.agent);
    let Some(before) = draft.read::<Agent>(&key)? else {
        return Err(Refusal::NoSuchAgent(leaving.agent.clone()).into());
    };
    if before.left_at.is_some() {
        return Err(Refusal::HasLeft(before.id).into());
    }
    check(draft, leaving)?;
    let agent = Agent {
        left_at: Some(draft.happened_at),
        ..before.clone()
    };
    agents::regroup(draft, Some(&before), &agent)?;
    draft.happened(Event::AgentLeft {
        agent: agent.id.clone(),
    });
    draft.put(key, agent, None);
    let sweep = NewSweep {
        name: Name::from("leave"),
        audience: format_smolstr!("owner == {}", quoted(leaving.agent.as_str())),
        order: LeadOrder::Succeed(leaving.clone()),
        starts_at: None,
        every_days: None,
    };
    sweeps::start(draft, &sweep)?;
    Ok(())
}

/// Refuses heirs that there aren't, all at once.
fn check(draft: &mut Draft<'_>, leaving: &Leaving) -> Result<(), Stop> {
    let playbook = draft.playbook;
    let mut gaps = Gaps::default();
    check_heir(draft, "to", &leaving.to, leaving, &mut gaps)?;
    for (pipeline, heir) in &leaving.in_pipelines {
        if playbook.pipeline(pipeline).is_none() {
            let known = playbook.pipelines.iter().map(|known| known.name.as_str());
            gaps.add(
                pipeline.as_str(),
                Problem::unknown(pipeline.as_str(), known),
            );
        }
        check_heir(draft, pipeline.as_str(), heir, leaving, &mut gaps)?;
    }
    if let Some(heir) = &leaving.otherwise {
        check_heir(draft, "else", heir, leaving, &mut gaps)?;
    }
    gaps.told()?;
    Ok(())
}

fn check_heir(
    draft: &mut Draft<'_>,
    input: &str,
    heir: &Name,
    leaving: &Leaving,
    gaps: &mut Gaps,
) -> Result<(), Stop> {
    if draft.playbook.pool(heir).is_some() {
        return Ok(());
    }
    let id = AgentId::from(heir.as_str());
    match draft.read::<Agent>(&Key::agent(draft.tenant, &id))? {
        Some(agent) if agent.left_at.is_some() || agent.id == leaving.agent => {
            let expected = "a pool, or an agent who stays".into();
            gaps.add(input, Problem::Unfit { expected });
        }
        Some(agent) if !draft.playbook.can_own(&agent.role) => {
            let role = agent.role;
            let expected =
                format_smolstr!("a pool, or an agent of another role: {role} owns no leads");
            gaps.add(input, Problem::Unfit { expected });
        }
        Some(_) => {}
        None => {
            let pools = draft.playbook.pools.iter().map(|pool| pool.name.as_str());
            gaps.add(input, Problem::unknown(heir.as_str(), pools));
        }
    }
    Ok(())
}

/// Hands over the lead of an agent who left: to the first heir who can take it, else it is
/// nobody's, and the rules of the playbook say what then.
///
/// A lead that somebody else owns by now stays there, and so does the lead of an agent who is back. One that
/// is closed and for which nothing is to come refuses: it stays with who left, and nothing is written.
pub(crate) fn succeed(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    leaving: &Leaving,
) -> Result<(), Stop> {
    if lead.owner_id() != Some(&leaving.agent) || !has_left(draft, &leaving.agent)? {
        return Ok(());
    }
    if is_done_with(draft, lead)? {
        return Err(Refusal::LeadIsClosed.into());
    }
    let pipeline = lead.pipeline.clone();
    for heir in leaving.heirs_in(&pipeline) {
        if falls_to(draft, lead, heir)? {
            return Ok(());
        }
    }
    ownership::give_up(draft, lead)
}

/// Whether a closed lead is at its end: no rule comes for it any more, and its owner has no task, not even one
/// of an agent who left.
fn is_done_with(draft: &mut Draft<'_>, lead: &Lead) -> Result<bool, Stop> {
    let is_a_rule = |item: &Item<'_>| !matches!(item.what, Happens::Completes(_));
    if lead.is_open() || agenda(draft.playbook, lead).iter().any(is_a_rule) {
        return Ok(false);
    }
    for task in lead.tasks.iter().filter(|task| task.ended.is_none()) {
        let is_the_owners = match &task.assignee {
            Assignee::Owner => true,
            Assignee::Agent(agent) => has_left(draft, agent)?,
            Assignee::Role(_) | Assignee::Team(_) => false,
        };
        if is_the_owners {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes a closed lead from an owner who left: it is nobody's, and the rules of the playbook say what then.
pub(crate) fn give_up_if_left(draft: &mut Draft<'_>, lead: &mut Lead) -> Result<(), Stop> {
    let Some(owner) = lead.owner_id().cloned() else {
        return Ok(());
    };
    match has_left(draft, &owner)? {
        true => ownership::give_up(draft, lead),
        false => Ok(()),
    }
}

/// Whether an agent is gone.
pub(crate) fn has_left(draft: &mut Draft<'_>, agent: &AgentId) -> Result<bool, Stop> {
    let agent = draft.look_at::<Agent>(&Key::agent(draft.tenant, agent))?;
    Ok(agent.is_some_and(|agent| agent.left_at.is_some()))
}

/// Who owned the lead before its owner, and is still there; or who owned it last of those who are in
/// this team.
pub(crate) fn earlier_owner(
    draft: &mut Draft<'_>,
    lead: &Lead,
    team: Option<&Name>,
) -> Result<Option<AgentId>, Stop> {
    // Without a team only the last one is meant.
    let most = if team.is_some() { usize::MAX } else { 1 };
    let asked = lead.earlier_owners.iter().rev().take(most);
    let keys = asked.map(|agent| Key::agent(draft.tenant, agent));
    let keys: Vec<Key> = keys.collect();
    draft.need(keys.iter().cloned())?;
    for key in keys {
        let agent = draft.look_at::<Agent>(&key)?;
        let found = agent.filter(|agent| {
            agent.left_at.is_none() && (team.is_none() || agent.team.as_ref() == team)
        });
        if let Some(agent) = found {
            return Ok(Some(agent.id.clone()));
        }
    }
    Ok(None)
}

/// Gives the lead to a pool or an agent, if that can take it. That it can't is put on record.
fn falls_to(draft: &mut Draft<'_>, lead: &mut Lead, heir: &Name) -> Result<bool, Stop> {
    match draft.playbook.pool(heir) {
        Some(pool) => falls_to_pool(draft, lead, pool),
        None => falls_to_agent(draft, lead, &AgentId::from(heir.as_str())),
    }
}

fn falls_to_pool(draft: &mut Draft<'_>, lead: &mut Lead, pool: &PoolSpec) -> Result<bool, Stop> {
    let not: Vec<AgentId> = lead.owner_id().cloned().into_iter().collect();
    let (heir, reasons) = ownership::let_choose(draft, lead, pool, &not)?;
    let Some(heir) = heir else {
        draft.happened(Event::NobodyEligible {
            lead: lead.id,
            reasons,
        });
        return Ok(false);
    };
    is_given(draft, lead, heir, Because::Chosen(reasons.into()))
}

fn falls_to_agent(draft: &mut Draft<'_>, lead: &mut Lead, heir: &AgentId) -> Result<bool, Stop> {
    let agent = draft.share::<Agent>(&Key::agent(draft.tenant, heir))?;
    let Some(agent) = agent.filter(|agent| agent.left_at.is_none()) else {
        return Ok(false);
    };
    let by = format_smolstr!("{}", draft.actor);
    let why = match hindrance(draft, &agent)? {
        Some(why) => why,
        None if is_given(draft, lead, Heir::from(&*agent), Because::GivenBy(by))? => {
            return Ok(true);
        }
        None => PassedOver::HoldsTheContact,
    };
    draft.happened(Event::HeirPassedOver {
        lead: lead.id,
        heir: heir.clone(),
        why,
    });
    Ok(false)
}

/// What keeps an agent from taking another lead, as a pool would judge it. Who has no capacity of its own
/// can hold what the most generous of its pools has for such agents; who is in none, any number.
fn hindrance(draft: &mut Draft<'_>, agent: &Agent) -> Result<Option<PassedOver>, Stop> {
    if !draft.playbook.can_own(&agent.role) {
        return Ok(Some(PassedOver::OwnsNoLeads));
    }
    if !agent.available {
        return Ok(Some(PassedOver::Unavailable));
    }
    if agent
        .absences
        .iter()
        .any(|absence| absence.covers(draft.now))
    {
        return Ok(Some(PassedOver::Absent));
    }
    let playbook = draft.playbook;
    let key = Key::workload(draft.tenant, &agent.id);
    let nothing = Workload::default();
    let workload = draft.look_at::<Workload>(&key)?.unwrap_or(&nothing);
    let pools = workload.pools.iter();
    let of_pools = pools.filter_map(|pool| playbook.pool(pool));
    let of_pools = of_pools.map(|pool| pool.capacity).max();
    let capacity = agent.capacity.or(of_pools);
    let is_full = capacity.is_some_and(|capacity| workload.load >= capacity);
    Ok(is_full.then_some(PassedOver::Full))
}

/// Hands the lead over, if the contact is not in the heir's base already.
fn is_given(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    heir: Heir,
    because: Because,
) -> Result<bool, Stop> {
    let (mut changed, mark) = (lead.clone(), draft.mark());
    match ownership::hand_over(draft, &mut changed, heir, because) {
        Ok(()) => {
            *lead = changed;
            Ok(true)
        }
        Err(Stop::Refused(_)) => {
            draft.back_to(mark);
            Ok(false)
        }
        Err(needs) => Err(needs),
    }
}
