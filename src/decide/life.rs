//! The life of a lead: contact, stages, its end and its return.

use smol_str::SmolStr;

use crate::decide::command::{Actor, LeadOrder, Waiting, What};
use crate::decide::contacts::{self, add_open_lead, with_contact};
use crate::decide::draft::Draft;
use crate::decide::ownership;
use crate::decide::permit::{permit, permit_roles};
use crate::decide::refusal::{Gap, Missing, Problem, Refusal};
use crate::decide::settling::settle;
use crate::decide::{
    Stop, activities, appointments, documents, fields, holds, identities, is_for_closed, laws,
    leaving, places, pools, quotes, taking_over, tasks, troubles, waits,
};
use crate::ids::{AgentId, LeadId, Name};
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::pipeline::Stage;
use crate::playbook::rule::Anchor;
use crate::record::journal::Event;
use crate::record::lead::{Because, Closed, EarlierReason, Moment};
use crate::record::{Agent, Lead, Workload};
use crate::store::Key;

/// Carries out an order on a lead.
pub(crate) fn carry_out(
    draft: &mut Draft<'_>,
    id: LeadId,
    order: &LeadOrder,
    what: &What,
) -> Result<(), Stop> {
    let key = Key::lead(draft.tenant, id);
    let Some(mut lead) = draft.read::<Box<Lead>>(&key)? else {
        return Err(Refusal::NoSuchLead(id).into());
    };
    // Who may complete a task is decided by the task, and who gives feedback by who is asked for it.
    if !matches!(
        order,
        LeadOrder::Complete { .. } | LeadOrder::GiveFeedback { .. }
    ) {
        permit(draft, what, Some(&lead))?;
    }
    if !lead.is_open() && !is_for_closed(order) {
        return Err(Refusal::LeadIsClosed.into());
    }
    let kept_a_place = lead.keeps_a_place();
    obey(draft, &mut lead, order)?;
    if let Some(before) = draft.as_loaded::<Lead>(&key) {
        laws::allow_fields(draft, &mut lead, &before.fields)?;
    }
    conclude(draft, lead, kept_a_place)
}

/// Whatever became of a lead: its place, what follows, and its record. `kept_a_place` is whether it did before.
pub(crate) fn conclude(
    draft: &mut Draft<'_>,
    mut lead: Box<Lead>,
    kept_a_place: bool,
) -> Result<(), Stop> {
    places::keep(draft, &mut lead, kept_a_place)?;
    settle(draft, &mut lead);
    draft.put_lead(lead);
    Ok(())
}

fn obey(draft: &mut Draft<'_>, lead: &mut Lead, order: &LeadOrder) -> Result<(), Stop> {
    match order {
        LeadOrder::Assign { pool } => assign(draft, lead, pool),
        LeadOrder::Reassign { to } => give(draft, lead, to),
        LeadOrder::Attempt { reached } => {
            attempt(draft, lead, *reached);
            Ok(())
        }
        LeadOrder::Answered => {
            if is_latest(draft, lead.answered) {
                lead.answered = Some(draft.moment());
            }
            touch_as_of_then(draft, lead);
            draft.happened(Event::Answered { lead: lead.id });
            Ok(())
        }
        LeadOrder::Record { activity, fields } => activities::record(draft, lead, activity, fields),
        LeadOrder::MoveTo {
            stage,
            reason,
            wait,
        } => move_to(draft, lead, stage, reason.as_ref(), wait.as_ref()),
        LeadOrder::Close { stage, reason } => {
            let target = draft.playbook.stage(&lead.pipeline, stage);
            match target {
                Some(target) if target.outcome.is_none() => {
                    Err(Refusal::NotFinal(stage.clone()).into())
                }
                _ => move_to(draft, lead, stage, reason.as_ref(), None),
            }
        }
        LeadOrder::Reopen { stage, wait } => {
            if lead.is_open() {
                return Err(Refusal::LeadIsOpen.into());
            }
            move_to(draft, lead, stage, None, wait.as_ref())
        }
        LeadOrder::Hold { hold } => holds::begin(draft, lead, hold),
        LeadOrder::Release { hold } => holds::end(draft, lead, hold),
        LeadOrder::SetFields { fields } => fields::set_by_hand(draft, lead, fields),
        LeadOrder::Complete(completion) => tasks::complete(draft, lead, completion),
        LeadOrder::Unsubscribe => contacts::unsubscribe(draft, lead),
        LeadOrder::CorrectContact(correction) => contacts::correct(draft, lead, correction),
        LeadOrder::GiveEmail { email } => contacts::give_email(draft, lead, email),
        LeadOrder::Retry => troubles::retry(draft, lead),
        LeadOrder::Adopt { playbook, stages } => {
            taking_over::take_over(draft, lead, playbook, stages)
        }
        LeadOrder::FollowOwner => follow_owner(draft, lead),
        LeadOrder::MakeQuote(new) => quotes::make(draft, lead, new),
        LeadOrder::AcceptQuote { version } => quotes::accept(draft, lead, *version),
        LeadOrder::DeclineQuote { version, reason } => {
            quotes::decline(draft, lead, *version, reason.as_ref())
        }
        LeadOrder::Succeed(leaving) => leaving::succeed(draft, lead, leaving),
        LeadOrder::Book {
            appointment,
            at,
            with,
        } => appointments::book(draft, lead, appointment, *at, with.as_ref()),
        LeadOrder::MoveAppointment { appointment, to } => {
            appointments::move_to(draft, lead, appointment, *to)
        }
        LeadOrder::EndAppointment { appointment, how } => {
            appointments::end(draft, lead, appointment, *how)
        }
        LeadOrder::GiveFeedback { appointment, says } => {
            appointments::give_feedback(draft, lead, appointment, says)
        }
        LeadOrder::Attach { document, file } => documents::attach(draft, lead, document, file),
    }
}

/// Whether something happened after what is reported late. What happens now is never late, also
/// where a clock jumped back. The registration itself is no change: a history that contradicts it
/// is kept, and flagged.
fn is_overtaken(draft: &Draft<'_>, lead: &Lead, present: Moment) -> bool {
    let is_late = draft.happened_at < draft.now;
    is_late && present.at > draft.happened_at && present != lead.registered
}

/// Refuses to change an owner who came after what is reported late.
pub(crate) fn owner_is_not_newer(draft: &Draft<'_>, lead: &Lead) -> Result<(), Refusal> {
    match &lead.owner {
        Some(owner) if is_overtaken(draft, lead, owner.assigned) => Err(Refusal::Overtaken {
            what: "owner",
            is: owner.agent.as_str().into(),
            since: owner.assigned.at,
        }),
        _ => Ok(()),
    }
}

fn stage_is_not_newer(draft: &Draft<'_>, lead: &Lead) -> Result<(), Refusal> {
    if !is_overtaken(draft, lead, lead.entered) {
        return Ok(());
    }
    Err(Refusal::Overtaken {
        what: "stage",
        is: lead.stage.as_str().into(),
        since: lead.entered.at,
    })
}

fn assign(draft: &mut Draft<'_>, lead: &mut Lead, pool: &Name) -> Result<(), Stop> {
    let Some(spec) = draft.playbook.pool(pool) else {
        return Err(Refusal::unknown(
            "pool",
            pool,
            draft.playbook.pools.iter().map(|pool| &pool.name),
        )
        .into());
    };
    owner_is_not_newer(draft, lead)?;
    let not: Vec<AgentId> = lead.owner_id().cloned().into_iter().collect();
    match ownership::let_choose(draft, lead, spec, &not)? {
        (Some(heir), reasons) => {
            ownership::hand_over(draft, lead, heir, Because::Chosen(reasons.into()))
        }
        (None, reasons) => Err(Refusal::NobodyEligible(Box::new(reasons)).into()),
    }
}

fn give(draft: &mut Draft<'_>, lead: &mut Lead, to: &AgentId) -> Result<(), Stop> {
    let heir = ownership::named_heir(draft, to)?;
    owner_is_not_newer(draft, lead)?;
    let by = smol_str::format_smolstr!("{}", draft.actor);
    ownership::hand_over(draft, lead, heir, Because::GivenBy(by))
}

fn follow_owner(draft: &mut Draft<'_>, lead: &mut Lead) -> Result<(), Stop> {
    let Some(owner) = &mut lead.owner else {
        return Ok(());
    };
    if let Some(agent) = draft.read::<Agent>(&Key::agent(draft.tenant, &owner.agent))? {
        let changes_team = owner.team != agent.team;
        owner.role = agent.role;
        owner.team = agent.team;
        owner.hours = agent.hours;
        if changes_team {
            owner.team_since = draft.moment();
            tasks::end_those_of_team(draft, lead);
            begin_anew(draft, lead, &Anchor::Team);
        }
        draft.happened(Event::OwnerFollowed { lead: lead.id });
    }
    Ok(())
}

/// What is reported late doesn't undo what came after it.
pub(crate) fn is_latest(draft: &Draft<'_>, last: Option<Moment>) -> bool {
    last.is_none_or(|last| last.at <= draft.happened_at)
}

fn attempt(draft: &mut Draft<'_>, lead: &mut Lead, reached: bool) {
    let count = if reached {
        &mut lead.attempts.reached
    } else {
        &mut lead.attempts.unanswered
    };
    *count = count.saturating_add(1);
    if is_latest(draft, lead.attempts.last) {
        lead.attempts.last = Some(draft.moment());
    }
    if reached && is_latest(draft, lead.attempts.last_reached) {
        lead.attempts.last_reached = Some(draft.moment());
    }
    // What was tried in an earlier life and is told now belongs there.
    if is_latest(draft, Some(lead.opened)) {
        lead.attempts.since_opened = lead.attempts.since_opened.saturating_add(1);
    }
    touch_as_of_then(draft, lead);
    draft.happened(Event::Attempted {
        lead: lead.id,
        reached,
    });
}

/// Moves a lead along a way of its pipeline, if all that the way needs is there. Into a final
/// stage it closes the lead, out of one it reopens it. What is refused leaves lead and draft half
/// done: whoever goes on takes them back.
pub(crate) fn move_to(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    to: &Name,
    reason: Option<&SmolStr>,
    wait: Option<&Waiting>,
) -> Result<(), Stop> {
    let playbook = draft.playbook;
    let Some(target) = playbook.stage(&lead.pipeline, to) else {
        let stages = playbook
            .pipeline(&lead.pipeline)
            .map(|pipeline| pipeline.stages.iter());
        return Err(Refusal::unknown(
            "stage",
            to,
            stages.into_iter().flatten().map(|stage| &stage.name),
        )
        .into());
    };
    let from = playbook.stage(&lead.pipeline, &lead.stage);
    permit_roles(
        draft,
        "move",
        from.map(|stage| stage.by.as_slice()).unwrap_or_default(),
    )?;
    permit_roles(draft, &format!("move to {to}"), &target.entered_by)?;
    let ways = from.map(|stage| stage.ways.as_slice()).unwrap_or_default();
    let Some(way) = ways.iter().find(|way| way.to == *to) else {
        let ways = ways.iter().map(|way| way.to.clone()).collect();
        return Err(Refusal::NoWay {
            from: lead.stage.clone(),
            to: to.clone(),
            ways,
        }
        .into());
    };
    stage_is_not_newer(draft, lead)?;
    if reason.is_some_and(|reason| reason.len() > LONGEST_REASON) {
        let problem = Problem::TooLong {
            most_bytes: LONGEST_REASON,
        };
        return Err(Refusal::Incomplete(vec![Gap {
            input: Name::from("reason"),
            problem,
        }])
        .into());
    }
    let reason = reason
        .map(|reason| reason.trim())
        .filter(|reason| !reason.is_empty());
    keep_reason(lead);
    lead.reason = reason.map(SmolStr::from);
    if let Some(waiting) = wait {
        waits::set(draft, lead, waiting)?;
    }
    let mut missing = missing_needs(draft, lead, &way.needs);
    if target.waits && !waits::is_in_a_group(playbook, lead) {
        let (need, text) = (Name::from("wait"), "The wait group".into());
        missing.push(Missing { need, text });
    }
    // Whatever laws ask is asked of the lead as it would be, and told together with the needs.
    match enter(draft, lead, target) {
        Ok(()) => missing.extend(laws::broken_by_move(draft, lead)),
        Err(Stop::Refused(_)) if !missing.is_empty() => {}
        stopped => return stopped,
    }
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Refusal::Missing(missing).into()),
    }
}

/// The reason of an end that is not to be the last is kept with its number.
fn keep_reason(lead: &mut Lead) {
    let Some((closed, reason)) = lead.closed.as_ref().zip(lead.reason.take()) else {
        return;
    };
    let number = closed.number;
    lead.earlier_reasons.push(EarlierReason { number, reason });
    let too_many = lead
        .earlier_reasons
        .len()
        .saturating_sub(Lead::MOST_REASONS);
    lead.earlier_reasons.drain(..too_many);
}

/// How long a reason can be, in bytes.
pub(crate) const LONGEST_REASON: usize = 1024;

/// The needs that a lead does not meet, all of them, by name and text; judged as of when it is said
/// to have happened, so that what is reported two days later is not two days older.
pub(crate) fn missing_needs(draft: &Draft<'_>, lead: &Lead, needs: &[Name]) -> Vec<Missing> {
    let (playbook, now) = (draft.playbook, draft.happened_at);
    let facts = LeadFacts {
        playbook,
        lead,
        now,
    };
    let needs = needs.iter().filter_map(|name| playbook.need(name));
    let unmet = needs.filter(|need| !need.condition.holds(&facts, now));
    unmet
        .map(|need| Missing {
            need: need.name.clone(),
            text: need.text.clone(),
        })
        .collect()
}

fn enter(draft: &mut Draft<'_>, lead: &mut Lead, stage: &Stage) -> Result<(), Stop> {
    let was_open = lead.is_open();
    let from = (lead.pipeline.clone(), lead.stage.clone());
    lead.enter(&from.0, &stage.name, draft.moment());
    lead.entered = draft.moment();
    begin_anew(draft, lead, &Anchor::Entered);
    touch(draft, lead);
    let to = (lead.pipeline.clone(), lead.stage.clone());
    draft.happened(Event::Moved {
        lead: lead.id,
        from,
        to,
    });
    match (&stage.outcome, was_open) {
        (Some(outcome), _) => return close(draft, lead, outcome, was_open),
        (None, false) => reopen(draft, lead)?,
        (None, true) => {}
    }
    let pool = stage.assign.as_ref();
    match pool.and_then(|pool| draft.playbook.pool(pool)) {
        Some(pool) => ownership::hand_over_to_pool(draft, lead, pool),
        None => Ok(()),
    }
}

/// Somebody did something to the lead: it is not quiet. Who tells it late touches it now all the same, having
/// it in hand. What a rule does is no touch.
pub(crate) fn touch(draft: &Draft<'_>, lead: &mut Lead) {
    if !matches!(draft.actor, Actor::Rule(_)) {
        touched_by_anybody(draft, lead);
    }
}

/// The same, whoever did it.
pub(crate) fn touched_by_anybody(draft: &Draft<'_>, lead: &mut Lead) {
    touched(draft, lead, Moment::now(draft.now));
}

/// Something happened between people: it touched the lead when it happened, unless it was touched since. To
/// write down whom one called last week is not to call today.
pub(crate) fn touch_as_of_then(draft: &Draft<'_>, lead: &mut Lead) {
    let is_late = draft.happened_at < draft.now;
    if !is_late || is_latest(draft, Some(lead.touched)) {
        touched(draft, lead, draft.moment());
    }
}

fn touched(draft: &Draft<'_>, lead: &mut Lead, when: Moment) {
    lead.touched = when;
    begin_anew(draft, lead, &Anchor::Touched);
}

/// What counts from this begins anew, also if that is the same instant as the last time.
pub(crate) fn begin_anew(draft: &Draft<'_>, lead: &mut Lead, anchor: &Anchor) {
    let playbook = draft.playbook;
    lead.fired.retain(|fired| {
        let rule = playbook.rule(&fired.rule);
        rule.is_none_or(|rule| rule.anchor != *anchor)
    });
}

fn close(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    outcome: &Name,
    was_open: bool,
) -> Result<(), Stop> {
    // Tasks that this very move completes are done, not dropped.
    tasks::end_those_done_until(draft, lead, draft.happened_at);
    take_back_win(draft, lead)?;
    lead.ends = lead.ends.saturating_add(1);
    let won_by = lead
        .owner_id()
        .filter(|_| *outcome == *Closed::WON)
        .cloned();
    lead.closed = Some(Closed {
        at: draft.moment(),
        outcome: outcome.clone(),
        number: lead.ends,
        won_by: won_by.clone(),
    });
    draft.happened(Event::Closed {
        lead: lead.id,
        outcome: outcome.clone(),
        number: lead.ends,
    });
    tasks::end_those_of_open_lead(draft, lead);
    if let Some(agent) = &won_by {
        pools::change_workload(draft, agent, Workload::win)?;
    }
    places::take_at_end(draft, lead)?;
    if !was_open {
        return Ok(());
    }
    if let Some(owner) = lead.owner_id() {
        ownership::unburden(draft, owner)?;
    }
    with_contact(draft, lead, |contact, lead| {
        contact.leads.retain(|open| *open != lead.id);
        contact.keep(lead);
        Ok(())
    })
}

/// A closed lead is reopened, or ends in another way: whoever won it has not, so that one lead
/// is never won twice.
fn take_back_win(draft: &mut Draft<'_>, lead: &Lead) -> Result<(), Stop> {
    let Some(closed) = &lead.closed else {
        return Ok(());
    };
    let Some(agent) = &closed.won_by else {
        return Ok(());
    };
    let counted_at = closed.at.at;
    pools::change_workload(draft, agent, |workload, _| workload.unwin(counted_at))
}

fn reopen(draft: &mut Draft<'_>, lead: &mut Lead) -> Result<(), Stop> {
    take_back_win(draft, lead)?;
    // What was closed stayed with an owner who left; open, it is nobody's.
    leaving::give_up_if_left(draft, lead)?;
    lead.closed = None;
    lead.reason = None;
    lead.opened = draft.moment();
    lead.attempts.since_opened = 0;
    // It comes to its owner once more, and whatever counts from that begins.
    if let Some(owner) = &mut lead.owner {
        owner.assigned = draft.moment();
        owner.team_since = owner.assigned;
        begin_anew(draft, lead, &Anchor::Assigned);
        begin_anew(draft, lead, &Anchor::Team);
    }
    draft.happened(Event::Reopened { lead: lead.id });
    // Nobody renewed its copies while it was closed.
    if let Some(contact) = contacts::current(draft, lead.contact.id)? {
        contacts::renew_copy(draft, lead, &contact)?;
    }
    with_contact(draft, lead, |contact, lead| {
        contact.keeping.retain(|closed| *closed != lead.id);
        add_open_lead(contact, lead.id)
    })?;
    // Nor did the contact hear its numbers, if it was parted from another one meanwhile.
    identities::follow_tax_numbers(draft, lead, &[])?;
    places::take(draft, lead)?;
    if let Some(owner) = lead.owner_id() {
        ownership::burden(draft, owner)?;
    }
    Ok(())
}
