//! Sweeps: started, gone through page by page, tried again, cancelled.

use smol_str::format_smolstr;

use crate::decide::command::{LeadOrder, NewSweep, SweepOrder};
use crate::decide::draft::Draft;
use crate::decide::refusal::{Gaps, Problem, Refusal};
use crate::decide::{Stop, fields, quotes};
use crate::ids::{AgentId, Id, SweepId};
use crate::record::journal::Event;
use crate::record::{History, Sweep, TenantRecord};
use crate::store::Key;
use crate::time::Instant;
use crate::told;

/// How long the name of a sweep can be, in bytes.
const LONGEST_NAME: usize = 256;
/// How much can be said in the order of a sweep, in bytes as it is kept.
const LONGEST_ORDER: usize = 65_536;

/// Refuses what would make a sweep's record too large. Conditions have a limit of their own.
fn check_lengths(new: &NewSweep) -> Result<(), Refusal> {
    match &new.order {
        LeadOrder::SetFields { fields } | LeadOrder::Record { fields, .. } => fields::few(fields)?,
        LeadOrder::Complete(completion) => fields::few(&completion.fields)?,
        LeadOrder::MakeQuote(quote) => quotes::few(quote)?,
        // What these say is bounded by what an order may say altogether.
        LeadOrder::Assign { .. }
        | LeadOrder::Reassign { .. }
        | LeadOrder::Attempt { .. }
        | LeadOrder::Answered
        | LeadOrder::MoveTo { .. }
        | LeadOrder::Close { .. }
        | LeadOrder::Reopen { .. }
        | LeadOrder::Hold { .. }
        | LeadOrder::Release { .. }
        | LeadOrder::Unsubscribe
        | LeadOrder::CorrectContact(_)
        | LeadOrder::GiveEmail { .. }
        | LeadOrder::Retry
        | LeadOrder::Adopt { .. }
        | LeadOrder::FollowOwner
        | LeadOrder::AcceptQuote { .. }
        | LeadOrder::DeclineQuote { .. }
        | LeadOrder::Succeed(_)
        | LeadOrder::Book { .. }
        | LeadOrder::MoveAppointment { .. }
        | LeadOrder::EndAppointment { .. }
        | LeadOrder::GiveFeedback { .. }
        | LeadOrder::Attach { .. } => {}
    }
    let mut gaps = Gaps::default();
    gaps.add_too_long("name", Some(new.name.as_str()), LONGEST_NAME);
    let order = postcard::to_allocvec(&new.order);
    if order.map_or(true, |bytes| bytes.len() > LONGEST_ORDER) {
        let most_bytes = LONGEST_ORDER;
        gaps.add("order", Problem::TooLong { most_bytes });
    }
    gaps.told()
}

/// Starts the sweep that somebody asks for, of an order that people give.
///
/// What only the core gives comes with what it follows from: an adoption, another team of the owner's,
/// an agent's leaving.
pub(crate) fn start_asked(draft: &mut Draft<'_>, new: &NewSweep) -> Result<SweepId, Stop> {
    let instead = match &new.order {
        LeadOrder::Adopt { .. } => "adopt the playbook",
        LeadOrder::FollowOwner => "set the agent up",
        LeadOrder::Succeed(_) => "let the agent leave",
        _ => return start(draft, new),
    };
    let mut gaps = Gaps::default();
    let expected = format_smolstr!("an order that people give ({instead} instead)");
    gaps.add("order", Problem::Unfit { expected });
    Err(gaps.refusal().into())
}

/// Starts a sweep. Its condition must be one that stores can filter on.
pub(crate) fn start(draft: &mut Draft<'_>, new: &NewSweep) -> Result<SweepId, Stop> {
    check_lengths(new)?;
    let condition = draft.playbook.condition(&new.audience);
    let condition =
        condition.map_err(|faults| Refusal::BadCondition(told::joined(&faults, "; ")))?;
    let filter = condition.filter(draft.now);
    filter.map_err(|computed| Refusal::BadCondition(format_smolstr!("{computed}")))?;
    let id = SweepId(draft.new_id("sweep"));
    let starts_at = new.starts_at.unwrap_or(draft.now).max(draft.now);
    let sweep = Sweep {
        id,
        name: new.name.clone(),
        audience: new.audience.clone(),
        order: new.order.clone(),
        playbook: draft.playbook.hash.clone(),
        started_at: draft.now,
        started_by: format_smolstr!("{}", draft.actor),
        for_agent: for_agent(draft, &new.order),
        every_days: new.every_days.filter(|days| *days > 0),
        occurrence: 0,
        occurrence_at: starts_at,
        cursor: None,
        reached: 0,
        refused: 0,
        next_at: Some(starts_at),
        trouble: None,
        history: History::default(),
    };
    draft.happened(Event::SweepStarted {
        sweep: id,
        name: new.name.clone(),
    });
    draft.put(Key::sweep(draft.tenant, id), sweep, Some(starts_at));
    Ok(id)
}

/// Ends a sweep where it is, if it still has something to do.
pub(crate) fn end(draft: &mut Draft<'_>, id: SweepId) -> Result<bool, Stop> {
    let key = Key::sweep(draft.tenant, id);
    let Some(mut sweep) = draft.read::<Sweep>(&key)? else {
        return Ok(false);
    };
    if sweep.next_at.take().is_none() {
        return Ok(false);
    }
    sweep.trouble = None;
    draft.happened(Event::SweepCancelled { sweep: id });
    draft.put(key, sweep, None);
    Ok(true)
}

/// The agent as whom a sweep acts: who started it. A sweep that an agent starts reaches whom its
/// condition says, and does there what the agent may do by hand and nothing else; who isn't the
/// agent's refuses and is counted. That lets an agent sweep the own leads, which refusing all
/// sweeps but those over everybody would not, and it stays right when the lead, the role or the
/// agent's team changes before the sweep comes by.
///
/// Copies and the playbook are kept up for all leads, whoever may act on them, and so are the leads
/// of who left.
fn for_agent(draft: &Draft<'_>, order: &LeadOrder) -> Option<AgentId> {
    match order {
        LeadOrder::Adopt { .. } | LeadOrder::FollowOwner | LeadOrder::Succeed(_) => None,
        _ => draft.actor.as_agent().cloned(),
    }
}

/// The first occurrence behind now, at the same local time: after an outage a sweep catches up
/// once, not once for each time missed.
fn next_occurrence(draft: &Draft<'_>, last: Instant, every_days: u32) -> Option<Instant> {
    let every = i64::from(every_days.max(1));
    let missed = draft.now.signed_duration_since(last).num_days() / every;
    let zone = &draft.playbook.zone;
    // Where the clocks went forth or back since, there were one more or one fewer than whole days tell.
    let candidates = missed.max(1)..=missed.max(0).checked_add(2)?;
    let mut next = candidates.filter_map(|times| {
        let days = every.checked_mul(times)?;
        zone.add_days(last, days).ok()
    });
    next.find(|next| *next > draft.now)
}

/// A page of a sweep that is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paged {
    /// Of which occurrence.
    pub(crate) occurrence: u32,
    /// The target behind which it began.
    pub(crate) from: Option<Id>,
    /// The last target, or `None` when there are no more.
    pub(crate) reached: Option<Id>,
    /// How many targets it had, and how many of them refused.
    pub(crate) counts: (u64, u64),
}

/// A page of a sweep is done. One that somebody else has done meanwhile, or of a sweep that was
/// ended meanwhile, counts for nothing.
pub(crate) fn paged(draft: &mut Draft<'_>, id: SweepId, page: Paged) -> Result<(), Stop> {
    let key = Key::sweep(draft.tenant, id);
    let Some(mut sweep) = draft.read::<Sweep>(&key)? else {
        return Ok(());
    };
    let is_next = (sweep.occurrence, sweep.cursor) == (page.occurrence, page.from);
    if sweep.next_at.is_none() || !is_next {
        return Ok(());
    }
    let Paged {
        reached, counts, ..
    } = page;
    sweep.reached = sweep.reached.saturating_add(counts.0);
    sweep.refused = sweep.refused.saturating_add(counts.1);
    sweep.trouble = None;
    sweep.cursor = reached;
    let finished = reached.is_none();
    sweep.next_at = match (finished, sweep.every_days) {
        (false, _) => Some(draft.now),
        (true, None) => None,
        (true, Some(days)) => {
            let next = next_occurrence(draft, sweep.occurrence_at, days);
            sweep.occurrence = sweep.occurrence.saturating_add(1);
            sweep.occurrence_at = next.unwrap_or(sweep.occurrence_at);
            next
        }
    };
    draft.happened(Event::SweepWent {
        sweep: id,
        reached: counts.0,
        finished,
    });
    let wakes_at = sweep.wakes_at();
    draft.put(key, sweep, wakes_at);
    Ok(())
}

/// Tries a sweep again that was set aside, or ends one.
pub(crate) fn obey(draft: &mut Draft<'_>, id: SweepId, order: SweepOrder) -> Result<(), Stop> {
    let key = Key::sweep(draft.tenant, id);
    let Some(mut sweep) = draft.read::<Sweep>(&key)? else {
        return Err(Refusal::NoSuchRecord("sweep").into());
    };
    match order {
        SweepOrder::Retry => {
            if sweep.trouble.take().is_none() {
                return Err(Refusal::NotSetAside.into());
            }
            draft.happened(Event::Retried { record: id.0 });
            let wakes_at = sweep.wakes_at();
            draft.put(key, sweep, wakes_at);
            Ok(())
        }
        SweepOrder::Cancel => {
            let tenant = draft.look_at::<TenantRecord>(&Key::tenant(draft.tenant))?;
            // Else leads would be left behind under a playbook that nobody may know any more.
            if tenant.is_some_and(|tenant| tenant.sweep == Some(id)) && sweep.next_at.is_some() {
                return Err(Refusal::TakesOver.into());
            }
            match end(draft, id)? {
                true => Ok(()),
                false => Err(Refusal::SweepIsOver.into()),
            }
        }
    }
}
