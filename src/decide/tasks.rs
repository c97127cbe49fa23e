//! Tasks: opened by rules, done by people or by themselves, ended with what they were for.

use crate::agenda::task_due_at;
use crate::condition::Condition;
use crate::decide::Stop;
use crate::decide::act::insist;
use crate::decide::command::{Actor, LeadOrder, What};
use crate::decide::draft::{Draft, never_is_none};
use crate::decide::life::touch;
use crate::decide::permit::{permit, permit_over, permit_roles};
use crate::decide::refusal::Refusal;
use crate::ids::Name;
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::pipeline::TaskSpec;
use crate::record::Lead;
use crate::record::journal::Event;
use crate::record::lead::{Assignee, Ended, How, Moment, Task};
use crate::told::shortened;

/// Opens a task, unless it is open. A service level counts from its rule's anchor; whatever
/// else counts from now, so that a rule that fires late still gives people their time.
pub(crate) fn open(draft: &mut Draft<'_>, lead: &mut Lead, name: &Name, anchor: Moment) {
    let Some(spec) = draft.playbook.task(name) else {
        return;
    };
    if lead.open_task(name).is_some() {
        return;
    }
    let number = lead
        .tasks
        .iter()
        .filter(|task| task.name == *name)
        .map(|task| task.number)
        .max();
    let task = Task {
        name: name.clone(),
        number: number.unwrap_or(0).saturating_add(1),
        assignee: spec.role.clone().map_or(Assignee::Owner, Assignee::Role),
        opened_at: draft.now,
        anchor: if spec.is_service_level {
            anchor
        } else {
            Moment::now(draft.now)
        },
        ended: None,
    };
    let due_at = never_is_none(task_due_at(spec, &task, lead));
    lead.tasks.push(task);
    draft.happened(Event::TaskOpened {
        lead: lead.id,
        task: name.clone(),
        due_at,
    });
}

/// Ends the open tasks whose conditions have come true.
pub(crate) fn end_those_done(draft: &mut Draft<'_>, lead: &mut Lead) {
    let playbook = draft.playbook;
    let now = draft.now;
    let is_done =
        |condition: &Condition, lead: &Lead| condition.holds(&LeadFacts { playbook, lead }, now);
    for place in 0..lead.tasks.len() {
        let task = &lead.tasks[place];
        let spec = playbook.task(&task.name).filter(|_| task.ended.is_none());
        let Some(spec) =
            spec.filter(|spec| spec.done.as_ref().is_some_and(|done| is_done(done, lead)))
        else {
            continue;
        };
        end(draft, lead, place, Some(spec), How::Done, None);
    }
}

/// Ends the tasks that were the former owner's own: missed if they were late, else dropped.
pub(crate) fn end_those_of_owner(draft: &mut Draft<'_>, lead: &mut Lead) {
    let playbook = draft.playbook;
    for place in 0..lead.tasks.len() {
        let task = &lead.tasks[place];
        let spec = playbook
            .task(&task.name)
            .filter(|spec| spec.ends_with_owner && task.ended.is_none());
        let Some(spec) = spec else {
            continue;
        };
        let due_at = never_is_none(task_due_at(spec, task, lead));
        let how = if due_at.is_some_and(|due_at| due_at <= draft.happened_at) {
            How::Missed
        } else {
            How::Dropped
        };
        end(draft, lead, place, Some(spec), how, None);
    }
}

/// Ends the tasks that make no sense for a lead that is closed.
pub(crate) fn end_those_of_open_lead(draft: &mut Draft<'_>, lead: &mut Lead) {
    let playbook = draft.playbook;
    for place in 0..lead.tasks.len() {
        let task = &lead.tasks[place];
        let spec = playbook.task(&task.name);
        if task.ended.is_none() && spec.is_none_or(|spec| !spec.outlives_lead) {
            end(draft, lead, place, spec, How::Dropped, None);
        }
    }
}

/// Ends the tasks that the playbook doesn't know: nobody could complete them any more.
pub(crate) fn end_those_unknown(draft: &mut Draft<'_>, lead: &mut Lead) {
    let playbook = draft.playbook;
    for place in 0..lead.tasks.len() {
        let task = &lead.tasks[place];
        if task.ended.is_none() && playbook.task(&task.name).is_none() {
            end(draft, lead, place, None, How::Dropped, None);
        }
    }
}

fn end(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    place: usize,
    spec: Option<&TaskSpec>,
    how: How,
    choice: Option<Name>,
) {
    let due_at = spec.and_then(|spec| never_is_none(task_due_at(spec, &lead.tasks[place], lead)));
    let by = match &draft.actor {
        Actor::Rule(_) => None,
        actor => Some(smol_str::format_smolstr!("{actor}")),
    };
    let ended = Ended {
        at: draft.happened_at,
        due_at,
        how,
        by,
        choice: choice.clone(),
    };
    let kept = ended.kept();
    let task = lead.tasks[place].name.clone();
    lead.tasks[place].ended = Some(ended);
    draft.happened(Event::TaskEnded {
        lead: lead.id,
        task,
        how,
        kept,
        choice,
    });
}

/// Completes a task by hand, with a choice where it asks for one.
pub(crate) fn complete(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    name: &Name,
    choice: Option<&Name>,
) -> Result<(), Stop> {
    let open = lead
        .tasks
        .iter()
        .rposition(|task| task.ended.is_none() && task.name == *name);
    let (Some(place), Some(spec)) = (open, draft.playbook.task(name)) else {
        return Err(Refusal::NoOpenTask(name.clone()).into());
    };
    permit_assignee(draft, lead, place)?;
    // Else a service level would be kept by saying so.
    if let Some(done) = spec.done.as_ref().filter(|_| spec.is_service_level) {
        let (task, until) = (name.clone(), done.source().into());
        return Err(Refusal::NotDone { task, until }.into());
    }
    let chosen = match (spec.choices.is_empty(), choice) {
        (true, None) => None,
        (true, Some(other)) => {
            return Err(Refusal::Unknown {
                sort: "choice",
                name: other.as_str().into(),
                nearest: None,
                known: Vec::new(),
            }
            .into());
        }
        (false, choice) => {
            let found = spec
                .choices
                .iter()
                .find(|known| Some(&known.name) == choice);
            let choices = || {
                spec.choices
                    .iter()
                    .map(|choice| choice.name.clone())
                    .collect()
            };
            Some(found.ok_or_else(|| Refusal::ChoiceNeeded {
                choices: choices(),
                said: choice.map(|choice| shortened(choice.as_str())),
            })?)
        }
    };
    end(
        draft,
        lead,
        place,
        Some(spec),
        How::Done,
        chosen.map(|choice| choice.name.clone()),
    );
    touch(draft, lead);
    for action in chosen
        .map(|choice| choice.actions.as_slice())
        .unwrap_or_default()
    {
        insist(draft, lead, action, name, Moment::now(draft.now))?;
    }
    Ok(())
}

/// A task for a role is for that role alone, on the leads that it may act on; one for the owner, for
/// whoever may act on the lead.
fn permit_assignee(draft: &mut Draft<'_>, lead: &Lead, place: usize) -> Result<(), Stop> {
    match lead.tasks[place].assignee.clone() {
        Assignee::Role(role) => {
            permit_roles(draft, "complete", std::slice::from_ref(&role))?;
            permit_over(draft, lead, |known| known.name == role)
        }
        Assignee::Owner => {
            let order = LeadOrder::Complete {
                task: lead.tasks[place].name.clone(),
                choice: None,
            };
            permit(
                draft,
                &What::Lead {
                    lead: lead.id,
                    order,
                },
                Some(lead),
            )
        }
    }
}
