//! Appointments: booked, moved, held or not, and what is said of them afterwards.

use smol_str::{SmolStr, format_smolstr};

use crate::decide::Stop;
use crate::decide::command::{LeadOrder, What};
use crate::decide::draft::Draft;
use crate::decide::life::{begin_anew, touch, touch_as_of_then};
use crate::decide::permit::{permit, permit_over, permit_roles};
use crate::decide::refusal::{Gaps, Problem, Refusal};
use crate::decide::tasks::{self, permit_task};
use crate::ids::{AgentId, Name};
use crate::letters::is_blank;
use crate::playbook::pipeline::Whose;
use crate::playbook::rule::Anchor;
use crate::playbook::work::AppointmentSpec;
use crate::record::appointment::{Appointment, AppointmentEnd, Appointments, Became, Feedback};
use crate::record::journal::Event;
use crate::record::lead::{Assignee, Moment};
use crate::record::{Agent, Lead};
use crate::store::Key;
use crate::time::Instant;
use crate::value::folded_eq;

/// Books an appointment, the only open one of its kind. That the agent has another one at that time is
/// no hindrance: who else comes along, only people know.
pub(crate) fn book(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    kind: &Name,
    at: Instant,
    with: Option<&AgentId>,
) -> Result<(), Stop> {
    spec(draft, kind)?;
    if let Some(open) = lead.appointment(kind) {
        let (appointment, at) = (kind.clone(), open.at);
        return Err(Refusal::AppointmentOpen { appointment, at }.into());
    }
    is_ahead(draft, at)?;
    is_there(draft, with)?;
    let booked = draft.moment();
    let of_kind = of_kind(lead, kind);
    let last = of_kind.latest.last().map_or(0, |last| last.number);
    let number = last.saturating_add(1);
    of_kind.latest.push(Appointment {
        number,
        at,
        booked,
        with: with.cloned(),
        ended: None,
        feedback: None,
    });
    let too_many = of_kind.latest.len().saturating_sub(Appointments::MOST_KEPT);
    of_kind.latest.drain(..too_many);
    begin_anew(draft, lead, &Anchor::Appointment(kind.clone()));
    touch(draft, lead);
    draft.happened(Event::AppointmentBooked {
        lead: lead.id,
        kind: kind.clone(),
        number,
        at,
        with: with.cloned(),
    });
    Ok(())
}

/// Moves the open appointment: what counts from its time counts anew, also what was done already.
pub(crate) fn move_to(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    kind: &Name,
    to: Instant,
) -> Result<(), Stop> {
    spec(draft, kind)?;
    is_ahead(draft, to)?;
    let booked = draft.moment();
    let appointment = open(draft, lead, kind)?;
    if appointment.at == to {
        return Ok(());
    }
    (appointment.at, appointment.booked) = (to, booked);
    let number = appointment.number;
    begin_anew(draft, lead, &Anchor::Appointment(kind.clone()));
    touch(draft, lead);
    draft.happened(Event::AppointmentMoved {
        lead: lead.id,
        kind: kind.clone(),
        number,
        to,
    });
    Ok(())
}

/// Says what became of the open appointment.
pub(crate) fn end(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    kind: &Name,
    how: Became,
) -> Result<(), Stop> {
    spec(draft, kind)?;
    let (at, by) = (draft.moment(), format_smolstr!("{}", draft.actor));
    let appointment = open(draft, lead, kind)?;
    if can_be_from(draft, how, appointment.at).is_some_and(|from| from > draft.happened_at) {
        let (appointment, at) = (kind.clone(), appointment.at);
        return Err(Refusal::AppointmentAhead { appointment, at }.into());
    }
    appointment.ended = Some(AppointmentEnd { how, at, by });
    let number = appointment.number;
    let tally = of_kind(lead, kind).tally_mut(how);
    tally.count = tally.count.saturating_add(1);
    if tally.last.is_none_or(|last| last.at <= at.at) {
        tally.last = Some(at);
    }
    begin_anew(draft, lead, &Anchor::AppointmentEnded(kind.clone(), how));
    touch_as_of_then(draft, lead);
    draft.happened(Event::AppointmentEnded {
        lead: lead.id,
        kind: kind.clone(),
        number,
        how,
    });
    Ok(())
}

/// From when on this can become of an appointment: one is missed once its time has come, and may be
/// held earlier on its day; it can be cancelled at any time.
fn can_be_from(draft: &Draft<'_>, how: Became, at: Instant) -> Option<Instant> {
    match how {
        Became::Held => Some(draft.playbook.zone.day_of(at).0),
        Became::Missed => Some(at),
        Became::Cancelled => None,
    }
}

/// Says something of the first appointment that was held and waits for it: each is told of, also where
/// the next one was held before. Said again, it takes the place of what was said of the last.
pub(crate) fn give_feedback(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    kind: &Name,
    says: &SmolStr,
) -> Result<(), Stop> {
    let spec = spec(draft, kind)?;
    permit_feedback(draft, lead, spec)?;
    let says = accepted(spec, says)?;
    let (at, by) = (draft.moment(), format_smolstr!("{}", draft.actor));
    let Some(held) = of_kind(lead, kind).meant_by_feedback() else {
        return Err(Refusal::NotHeldYet(kind.clone()).into());
    };
    held.feedback = Some(Feedback { says, at, by });
    let number = held.number;
    begin_anew(draft, lead, &Anchor::Feedback(kind.clone()));
    touch_as_of_then(draft, lead);
    draft.happened(Event::FeedbackGiven {
        lead: lead.id,
        kind: kind.clone(),
        number,
    });
    match &spec.feedback {
        Some(asked) => ask_for_next(draft, lead, kind, &asked.task),
        None => Ok(()),
    }
}

/// If another appointment waits for feedback, its own time counts: what was asked of the one before is done,
/// and the next one is asked for, counted from when that ended. One that was told too late is not asked for,
/// here as where its rule would have fired.
fn ask_for_next(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    kind: &Name,
    task: &Name,
) -> Result<(), Stop> {
    let of_kind = lead.appointments_of(kind);
    let waiting: Vec<Moment> = of_kind.map_or_else(Vec::new, Appointments::waiting_for_feedback);
    let Some(open) = lead.open_task(task).filter(|_| !waiting.is_empty()) else {
        return Ok(());
    };
    let can_be_kept = |held: &Moment| {
        let spec = draft.playbook.task(task);
        let within = spec.and_then(|spec| Some((spec.within?, spec.calendar.of_lead(lead))));
        within.is_none_or(|(within, calendar)| {
            let latest = within.after(held.at, calendar, None);
            latest.is_ok_and(|latest| latest >= held.recorded)
        })
    };
    let next = waiting.into_iter().find(can_be_kept);
    if next == Some(open.anchor) {
        return Ok(());
    }
    tasks::end_as_done(draft, lead, task);
    match next {
        Some(held) => tasks::open(draft, lead, task, held),
        None => Ok(()),
    }
}

/// Feedback is given by the role that is asked for it, on the leads that it may act on, or by the team;
/// where neither is asked, by whoever may act on appointments.
fn permit_feedback(draft: &mut Draft<'_>, lead: &Lead, spec: &AppointmentSpec) -> Result<(), Stop> {
    let whose = spec.feedback.as_ref().map(|asked| &asked.whose);
    if let Some(Whose::Role(role)) = whose {
        permit_roles(draft, "give-feedback", std::slice::from_ref(role))?;
        return permit_over(draft, lead, |known| known.name == *role);
    }
    if let Some(Whose::Team(team)) = whose {
        let assignee = Assignee::Team(team.clone());
        let is_in_it = |agent: &Agent| agent.team.as_ref() == Some(team);
        return permit_task(draft, &assignee, is_in_it);
    }
    let order = LeadOrder::GiveFeedback {
        appointment: spec.name.clone(),
        says: SmolStr::default(),
    };
    let id = lead.id;
    permit(draft, &What::Lead { lead: id, order }, Some(lead))
}

/// The feedback as it is kept: one of the choices, where there are any.
fn accepted(spec: &AppointmentSpec, says: &SmolStr) -> Result<SmolStr, Refusal> {
    if is_blank(says) {
        return Err(Gaps::one("says", Problem::Missing));
    }
    let mut gaps = Gaps::default();
    gaps.add_too_long("says", Some(says), Feedback::LONGEST);
    gaps.told()?;
    let choices = spec.feedback.as_ref();
    let choices = choices.map_or(&[][..], |asked| asked.choices.as_slice());
    if choices.is_empty() {
        return Ok(says.clone());
    }
    let found = choices.iter().find(|choice| folded_eq(choice, says));
    let unknown = || Gaps::one("says", Problem::no_choice(says, choices));
    found.cloned().ok_or_else(unknown)
}

fn spec<'a>(draft: &Draft<'a>, kind: &Name) -> Result<&'a AppointmentSpec, Refusal> {
    let playbook = draft.playbook;
    let known = || playbook.appointments.iter().map(|spec| &spec.name);
    let found = playbook.appointment(kind);
    found.ok_or_else(|| Refusal::unknown("appointment", kind, known()))
}

/// Refuses a time that is over when it is said.
fn is_ahead(draft: &Draft<'_>, at: Instant) -> Result<(), Refusal> {
    if at < draft.happened_at {
        let expected = "a time that is not over".into();
        return Err(Gaps::one("at", Problem::Unfit { expected }));
    }
    Ok(())
}

/// Refuses an appointment with somebody who isn't there.
fn is_there(draft: &mut Draft<'_>, with: Option<&AgentId>) -> Result<(), Stop> {
    let Some(with) = with else {
        return Ok(());
    };
    match draft.read::<Agent>(&Key::agent(draft.tenant, with))? {
        None => Err(Refusal::NoSuchAgent(with.clone()).into()),
        Some(agent) if agent.left_at.is_some() => Err(Refusal::HasLeft(agent.id).into()),
        Some(_) => Ok(()),
    }
}

/// The appointments of a kind, of which there may have been none.
fn of_kind<'l>(lead: &'l mut Lead, kind: &Name) -> &'l mut Appointments {
    let place = lead.appointments.iter().position(|of| of.kind == *kind);
    let place = place.unwrap_or_else(|| {
        lead.appointments.push(Appointments::of_kind(kind.clone()));
        lead.appointments.len() - 1
    });
    &mut lead.appointments[place]
}

/// The open appointment of a kind, if it was not booked or moved after what is reported late.
fn open<'l>(
    draft: &Draft<'_>,
    lead: &'l mut Lead,
    kind: &Name,
) -> Result<&'l mut Appointment, Refusal> {
    let mut of_kind = lead.appointments.iter_mut().filter(|of| of.kind == *kind);
    let last = of_kind.next().and_then(|of| of.latest.last_mut());
    let open = last.filter(|last| last.ended.is_none());
    let open = open.ok_or_else(|| Refusal::NoAppointment(kind.clone()))?;
    let is_late = draft.happened_at < draft.now;
    if is_late && open.booked.at > draft.happened_at {
        return Err(Refusal::Overtaken {
            what: "appointment",
            is: format_smolstr!("{}", open.at),
            since: open.booked.at,
        });
    }
    Ok(open)
}
