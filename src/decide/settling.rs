//! What follows from any change of a lead, whatever changed it.

use crate::condition::Condition;
use crate::decide::draft::Draft;
use crate::decide::tasks;
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::rule::Rule;
use crate::record::Lead;
use crate::record::fields::Fields;
use crate::record::journal::Event;
use crate::record::lead::{Flag, Moment, Task};
use crate::time::Instant;

/// Ends the tasks that are done, notes the conditions that turned, and keeps the bounds.
pub(crate) fn settle(draft: &mut Draft<'_>, lead: &mut Lead) {
    flag_contradictions(draft, lead);
    let playbook = draft.playbook;
    // Whether laws are broken is a fact, and so is known before anything asks for it.
    for (rule, condition) in playbook.rules.waiting_for_laws() {
        note_turn(draft, lead, rule, condition);
    }
    // What completes a task, and a law, may speak of other tasks.
    loop {
        let open = open_tasks(lead);
        tasks::end_those_done(draft, lead);
        if open_tasks(lead) == open {
            break;
        }
        for (rule, condition) in playbook.rules.waiting_for_laws() {
            note_turn(draft, lead, rule, condition);
        }
    }
    for (rule, condition) in playbook.rules.waiting_for_others() {
        note_turn(draft, lead, rule, condition);
    }
    bound(draft, lead);
    lead.settled_at = draft.now;
}

fn open_tasks(lead: &Lead) -> usize {
    let open = lead.tasks.iter().filter(|task| task.ended.is_none());
    open.count()
}

/// Notes since when the condition has been true that a rule waits for.
fn note_turn(draft: &Draft<'_>, lead: &mut Lead, rule: &Rule, condition: &Condition) {
    let playbook = draft.playbook;
    let holds_at = |lead: &Lead, now: Instant| {
        let facts = LeadFacts {
            playbook,
            lead,
            now,
        };
        condition.holds(&facts, now)
    };
    let known = lead.since.iter().position(|(name, _)| *name == rule.name);
    let is_true = crate::agenda::is_in_scope(rule, lead) && holds_at(lead, draft.now);
    match (known, is_true) {
        (None, true) => {
            let is_late = draft.happened_at != draft.now;
            let held_then = !is_late || holds_at(lead, draft.happened_at);
            let since = turned(draft, lead, rule, held_then);
            lead.since.push((rule.name.clone(), since));
        }
        (Some(place), false) => {
            lead.since.remove(place);
        }
        _ => {}
    }
}

/// When a condition came true that a rule waits for. What is reported late made it true when it
/// happened, if it was true then; not before the lead came to where the rule asks, however early that
/// was. Else time made it true since.
fn turned(draft: &Draft<'_>, lead: &Lead, rule: &Rule, held_then: bool) -> Moment {
    if !held_then {
        return Moment::now(draft.now);
    }
    let mut moment = draft.moment();
    if !rule.scope.stages.is_empty() {
        moment.at = moment.at.max(lead.entered.at);
    }
    moment
}

fn flag_contradictions(draft: &mut Draft<'_>, lead: &mut Lead) {
    let registered = lead.registered.at;
    let before = |at: Option<Moment>| at.is_some_and(|moment| moment.at < registered);
    let closed = before(lead.closed.as_ref().map(|closed| closed.at));
    let touched = before(lead.attempts.last) || before(lead.answered);
    let found = [
        (closed, Flag::ClosedBeforeRegistered),
        (touched, Flag::TouchedBeforeRegistered),
    ];
    for (is_so, flag) in found {
        if is_so && !lead.flags.contains(&flag) {
            lead.flags.push(flag);
            draft.happened(Event::Flagged {
                lead: lead.id,
                flag,
            });
        }
    }
}

/// Every list in a record has a bound. Of what was, the oldest goes; what is to be done stays, and
/// so does what the playbook still knows, of which it has no more than the bound.
fn bound(draft: &Draft<'_>, lead: &mut Lead) {
    let playbook = draft.playbook;
    let most = Lead::MOST_KEPT;
    while lead.tasks.len() > most {
        let is_over = |task: &Task| task.ended.is_some();
        let is_forgotten = |task: &Task| playbook.task(&task.name).is_none();
        let over = lead.tasks.iter().position(is_over);
        let Some(place) = over.or_else(|| lead.tasks.iter().position(is_forgotten)) else {
            break;
        };
        lead.tasks.remove(place);
    }
    let too_many = lead.earlier_owners.len().saturating_sub(most);
    lead.earlier_owners.drain(..too_many);
    if lead.activities.len() > most {
        lead.activities
            .retain(|activity| playbook.activity(&activity.kind).is_some());
    }
    if lead.appointments.len() > Lead::MOST_KINDS {
        lead.appointments
            .retain(|of| playbook.appointment(&of.kind).is_some());
    }
    if lead.documents.len() > Lead::MOST_KINDS {
        lead.documents
            .retain(|of| playbook.document(&of.kind).is_some());
    }
    if lead.stays.len() > most {
        lead.stays
            .retain(|stay| playbook.stage(&stay.pipeline, &stay.stage).is_some());
    }
    if lead.fields.len() > Fields::MOST {
        lead.fields.retain(|name| playbook.field(name).is_some());
        let fields = &lead.fields;
        lead.dates_told
            .retain(|(name, _)| fields.value(name).is_some());
    }
}
