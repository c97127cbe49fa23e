//! An agent leaves: gone at once from pools and groups, and its open leads handed over by one sweep.

use smol_str::format_smolstr;

use crate::condition::quoted;
use crate::decide::command::{LeadOrder, Leaving, NewSweep};
use crate::decide::draft::Draft;
use crate::decide::ownership::{self, Heir};
use crate::decide::refusal::{Gaps, Problem, Refusal};
use crate::decide::{Stop, agents, sweeps};
use crate::ids::{AgentId, Name};
use crate::record::journal::Event;
use crate::record::lead::Because;
use crate::record::{Agent, Lead};
use crate::store::Key;

/// Marks an agent as gone, and starts the sweep that hands its open leads over.
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
        audience: format_smolstr!("owner == {} and open", quoted(leaving.agent.as_str())),
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
        Some(agent) if agent.left_at.is_none() && agent.id != leaving.agent => {}
        Some(_) => {
            let expected = "a pool, or an agent who stays".into();
            gaps.add(input, Problem::Unfit { expected });
        }
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
/// A lead that somebody else owns by now stays there, and so does the lead of an agent who is back.
pub(crate) fn succeed(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    leaving: &Leaving,
) -> Result<(), Stop> {
    if lead.owner_id() != Some(&leaving.agent) || !has_left(draft, &leaving.agent)? {
        return Ok(());
    }
    let pipeline = lead.pipeline.clone();
    for heir in leaving.heirs_in(&pipeline) {
        if falls_to(draft, lead, heir)? {
            return Ok(());
        }
    }
    ownership::give_up(draft, lead)
}

/// Whether an agent is gone.
pub(crate) fn has_left(draft: &mut Draft<'_>, agent: &AgentId) -> Result<bool, Stop> {
    let agent = draft.look_at::<Agent>(&Key::agent(draft.tenant, agent))?;
    Ok(agent.is_some_and(|agent| agent.left_at.is_some()))
}

/// Gives the lead to a pool or an agent, if that can take it. That it can't is put on record.
fn falls_to(draft: &mut Draft<'_>, lead: &mut Lead, heir: &Name) -> Result<bool, Stop> {
    let (mut changed, mark) = (lead.clone(), draft.mark());
    let Some((heir, because)) = find(draft, lead, heir)? else {
        return Ok(false);
    };
    match ownership::hand_over(draft, &mut changed, heir, because) {
        Ok(()) => {
            *lead = changed;
            Ok(true)
        }
        // The contact is in the heir's base already.
        Err(Stop::Refused(_)) => {
            draft.back_to(mark);
            Ok(false)
        }
        Err(needs) => Err(needs),
    }
}

fn find(draft: &mut Draft<'_>, lead: &Lead, heir: &Name) -> Result<Option<(Heir, Because)>, Stop> {
    let Some(spec) = draft.playbook.pool(heir) else {
        let key = Key::agent(draft.tenant, &AgentId::from(heir.as_str()));
        let agent = draft.share::<Agent>(&key)?;
        let by = format_smolstr!("{}", draft.actor);
        let agent = agent.filter(|agent| agent.left_at.is_none());
        return Ok(agent.map(|agent| (Heir::from(&*agent), Because::GivenBy(by))));
    };
    let not: Vec<AgentId> = lead.owner_id().cloned().into_iter().collect();
    let (heir, reasons) = ownership::let_choose(draft, lead, spec, &not)?;
    if heir.is_none() {
        draft.happened(Event::NobodyEligible {
            lead: lead.id,
            reasons: reasons.clone(),
        });
    }
    Ok(heir.map(|heir| (heir, Because::Chosen(reasons.into()))))
}
