//! Tasks: opened by rules, done by people or by themselves, ended with what they were for.

use smol_str::{SmolStr, format_smolstr};

use crate::agenda::{task_due_at, turns_at};
use crate::condition::Condition;
use crate::decide::Stop;
use crate::decide::act::insist;
use crate::decide::command::{Actor, Completion, LeadOrder, What};
use crate::decide::draft::{Draft, never_is_none};
use crate::decide::leaving::{earlier_owner, give_up_if_left, has_left};
use crate::decide::life::{LONGEST_REASON, move_to, touch};
use crate::decide::permit::{acting_agent, named, permit, permit_over, permit_roles};
use crate::decide::refusal::{Problem, Refusal};
use crate::decide::{activities, fields};
use crate::ids::Name;
use crate::letters::is_blank;
use crate::playbook::Playbook;
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::people::{Over, Permission, Role};
use crate::playbook::pipeline::{Choice, TaskSpec, Whose};
use crate::playbook::rule::{Action, OnHandOver};
use crate::record::journal::Event;
use crate::record::lead::{Assignee, Ended, How, Moment, Task};
use crate::record::{Agent, Lead};
use crate::store::Key;
use crate::time::Instant;
use crate::told::shortened;

/// Opens a task, unless it is open. A service level counts from its rule's anchor; whatever
/// else counts from now, so that a rule that fires late still gives people their time.
pub(crate) fn open(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    name: &Name,
    anchor: Moment,
) -> Result<(), Stop> {
    let Some(spec) = draft.playbook.task(name) else {
        return Ok(());
    };
    if lead.open_task(name).is_some() && !ends_to_begin_anew(draft, lead, spec, anchor) {
        return Ok(());
    }
    let number = lead
        .tasks
        .iter()
        .filter(|task| task.name == *name)
        .map(|task| task.number)
        .max();
    let assignee = assignee(draft, lead, spec)?;
    // Open leads are handed over; of a closed one nobody may have had anything to do until now.
    if assignee == Assignee::Owner && !lead.is_open() {
        give_up_if_left(draft, lead)?;
    }
    let task = Task {
        name: name.clone(),
        number: number.unwrap_or(0).saturating_add(1),
        assignee,
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
    Ok(())
}

/// Ends an open service level where what it counts from began anew since: missed, if its time was over by
/// then, else dropped. Says whether it did.
fn ends_to_begin_anew(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    spec: &TaskSpec,
    anchor: Moment,
) -> bool {
    let is_before =
        |task: &Task| task.ended.is_none() && task.name == spec.name && task.anchor.at < anchor.at;
    let place = lead.tasks.iter().position(is_before);
    let Some(place) = place.filter(|_| spec.on_hand_over.is_a_restart()) else {
        return false;
    };
    let how = undone(lead, place, spec, anchor.at);
    end_at(draft, lead, place, Some(spec), anchor.at, (how, None, None));
    true
}

/// Who is to do a task that is opened now.
fn assignee(draft: &mut Draft<'_>, lead: &Lead, spec: &TaskSpec) -> Result<Assignee, Stop> {
    Ok(match &spec.whose {
        Whose::Owner => Assignee::Owner,
        Whose::Role(role) => Assignee::Role(role.clone()),
        Whose::Team(team) => Assignee::Team(team.clone()),
        Whose::EarlierOwner(team) => match (earlier_owner(draft, lead, team.as_ref())?, team) {
            (Some(agent), _) => Assignee::Agent(agent),
            (None, Some(team)) => Assignee::Team(team.clone()),
            (None, None) => Assignee::Owner,
        },
    })
}

/// Ends the open tasks whose conditions have come true.
pub(crate) fn end_those_done(draft: &mut Draft<'_>, lead: &mut Lead) {
    end_those_done_until(draft, lead, draft.now);
}

/// The same, of those that had come true by then.
pub(crate) fn end_those_done_until(draft: &mut Draft<'_>, lead: &mut Lead, until: Instant) {
    let playbook = draft.playbook;
    for place in 0..lead.tasks.len() {
        let task = Some(&lead.tasks[place]).filter(|task| task.ended.is_none());
        let spec = task.and_then(|task| playbook.task(&task.name));
        let Some((spec, done)) = spec.and_then(|spec| Some((spec, spec.done.as_ref()?))) else {
            continue;
        };
        let by_time = before_this(draft, lead, place, done)
            .or_else(|| after_what_is_told_late(draft, lead, place, done, until));
        match by_time {
            Some(at) => end_by_time(draft, lead, place, spec, at),
            None if holds_at(playbook, lead, done, until) => {
                end(draft, lead, place, Some(spec), How::Done);
            }
            None => {}
        }
    }
}

fn holds_at(playbook: &Playbook, lead: &Lead, condition: &Condition, now: Instant) -> bool {
    let facts = LeadFacts {
        playbook,
        lead,
        now,
    };
    condition.holds(&facts, now)
}

/// The lead as it was before this decision, if this task of it was open then, and can be done by time
/// alone.
fn open_before<'a>(
    draft: &Draft<'a>,
    lead: &Lead,
    place: usize,
    done: &Condition,
) -> Option<&'a Lead> {
    if !done.is_about_time() {
        return None;
    }
    let before: &Lead = draft.as_loaded(&Key::lead(draft.tenant, lead.id))?;
    let task = &lead.tasks[place];
    let same = before.open_task(&task.name)?;
    (same.number == task.number).then_some(before)
}

/// When time alone completed an open task before what is decided now happened: whatever comes first
/// once a worker is there again, it was done then.
fn before_this(draft: &Draft<'_>, lead: &Lead, place: usize, done: &Condition) -> Option<Instant> {
    let before = open_before(draft, lead, place, done)?;
    let turned = turns_at(draft.playbook, before, done, before.settled_at);
    turned.filter(|at| *at <= draft.happened_at && holds_at(draft.playbook, before, done, *at))
}

/// The same between what is told late and now: with what is told, it was not done yet.
fn after_what_is_told_late(
    draft: &Draft<'_>,
    lead: &Lead,
    place: usize,
    done: &Condition,
    until: Instant,
) -> Option<Instant> {
    let (playbook, from) = (draft.playbook, draft.happened_at);
    if from >= until || holds_at(playbook, lead, done, from) {
        return None;
    }
    open_before(draft, lead, place, done)?;
    let turned = turns_at(playbook, lead, done, from);
    turned.filter(|at| *at <= until && holds_at(playbook, lead, done, until))
}

/// Ends an open task whose condition came true by time alone, as of when it did: however late that
/// is noticed, it was kept if it was done in time; and nobody did it.
fn end_by_time(draft: &mut Draft<'_>, lead: &mut Lead, place: usize, spec: &TaskSpec, at: Instant) {
    end_at(draft, lead, place, Some(spec), at, (How::Done, None, None));
    let ended = lead.tasks[place].ended.as_mut();
    ended.into_iter().for_each(|ended| ended.by = None);
}

/// Ends an open task with what was done just now, though its condition asks for more by now.
pub(crate) fn end_as_done(draft: &mut Draft<'_>, lead: &mut Lead, name: &Name) {
    let is_open = |task: &Task| task.ended.is_none() && task.name == *name;
    if let Some(place) = lead.tasks.iter().position(is_open) {
        let spec = draft.playbook.task(name);
        end(draft, lead, place, spec, How::Done);
    }
}

/// Ends the tasks whose time begins anew with each owner.
pub(crate) fn end_those_of_owner(draft: &mut Draft<'_>, lead: &mut Lead) {
    end_undone(draft, lead, |spec| {
        spec.on_hand_over == OnHandOver::Restarts
    });
}

/// Ends the tasks whose time begins anew with each team.
pub(crate) fn end_those_of_team(draft: &mut Draft<'_>, lead: &mut Lead) {
    end_undone(draft, lead, |spec| {
        spec.on_hand_over == OnHandOver::RestartsWithTeam
    });
}

/// Ends the tasks that make no sense for a lead that is closed.
pub(crate) fn end_those_of_open_lead(draft: &mut Draft<'_>, lead: &mut Lead) {
    end_undone(draft, lead, |spec| !spec.outlives_lead);
    end_those_unknown(draft, lead);
}

/// Ends open tasks that are no longer to be done: done if time completed them before, missed if their time
/// was over, else dropped.
fn end_undone(draft: &mut Draft<'_>, lead: &mut Lead, ends: impl Fn(&TaskSpec) -> bool) {
    let playbook = draft.playbook;
    for place in 0..lead.tasks.len() {
        let task = Some(&lead.tasks[place]).filter(|task| task.ended.is_none());
        let spec = task.and_then(|task| playbook.task(&task.name));
        let Some(spec) = spec.filter(|spec| ends(spec)) else {
            continue;
        };
        let done = spec.done.as_ref();
        if let Some(at) = done.and_then(|done| before_this(draft, lead, place, done)) {
            end_by_time(draft, lead, place, spec, at);
            continue;
        }
        let how = undone(lead, place, spec, draft.happened_at);
        end(draft, lead, place, Some(spec), how);
    }
}

/// How a task ends that nobody did: missed, if its time was over by then.
fn undone(lead: &Lead, place: usize, spec: &TaskSpec, at: Instant) -> How {
    let due_at = never_is_none(task_due_at(spec, &lead.tasks[place], lead));
    match due_at.is_some_and(|due_at| due_at <= at) {
        true => How::Missed,
        false => How::Dropped,
    }
}

/// Ends the tasks that the playbook doesn't know: nobody could complete them any more.
pub(crate) fn end_those_unknown(draft: &mut Draft<'_>, lead: &mut Lead) {
    let playbook = draft.playbook;
    for place in 0..lead.tasks.len() {
        let task = &lead.tasks[place];
        if task.ended.is_none() && playbook.task(&task.name).is_none() {
            end(draft, lead, place, None, How::Dropped);
        }
    }
}

fn end(draft: &mut Draft<'_>, lead: &mut Lead, place: usize, spec: Option<&TaskSpec>, how: How) {
    let at = draft.happened_at;
    end_at(draft, lead, place, spec, at, (how, None, None));
}

/// The same at another time, or with what was chosen and why.
fn end_at(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    place: usize,
    spec: Option<&TaskSpec>,
    at: Instant,
    (how, choice, reason): (How, Option<Name>, Option<SmolStr>),
) {
    let due_at = spec.and_then(|spec| never_is_none(task_due_at(spec, &lead.tasks[place], lead)));
    let by = match &draft.actor {
        Actor::Rule(_) => None,
        actor => Some(format_smolstr!("{actor}")),
    };
    // What was done before it was to be done, and is told later, was done when it was to be.
    let counts_from = lead.tasks[place].anchor.at.min(draft.now);
    let ended = Ended {
        at: at.max(counts_from),
        due_at,
        how,
        by,
        choice: choice.clone(),
        reason,
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

/// Completes a task by hand, with a choice where it asks for one, and with what that asks for.
pub(crate) fn complete(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    completion: &Completion,
) -> Result<(), Stop> {
    let name = &completion.task;
    let open = lead
        .tasks
        .iter()
        .rposition(|task| task.ended.is_none() && task.name == *name);
    let (Some(place), Some(spec)) = (open, draft.playbook.task(name)) else {
        return Err(Refusal::NoOpenTask(name.clone()).into());
    };
    permit_assignee(draft, lead, place)?;
    // Else a service level would be kept by saying so.
    if let Some(done) = spec.done.as_ref().filter(|_| !spec.by_hand) {
        let (task, until) = (name.clone(), done.source().into());
        return Err(Refusal::NotDone { task, until }.into());
    }
    let chosen = chosen(spec, completion.choice.as_ref())?;
    let reason = told_with(draft, lead, chosen, completion)?;
    let choice = chosen.map(|choice| choice.name.clone());
    let ended = (How::Done, choice, reason.clone());
    let at = draft.happened_at;
    end_at(draft, lead, place, Some(spec), at, ended);
    touch(draft, lead);
    for action in chosen.map_or(&[][..], |choice| choice.actions.as_slice()) {
        match action {
            // What somebody gives as the reason is the reason of the end that it leads to.
            Action::Move {
                stage,
                reason: None,
            } => move_to(draft, lead, stage, reason.as_ref(), None)?,
            action => insist(draft, lead, action, name, Moment::now(draft.now))?,
        }
    }
    Ok(())
}

/// The choice that is meant, of those that the task offers.
fn chosen<'s>(spec: &'s TaskSpec, choice: Option<&Name>) -> Result<Option<&'s Choice>, Refusal> {
    if spec.choices.is_empty() {
        return match choice {
            None => Ok(None),
            Some(other) => Err(Refusal::Unknown {
                sort: "choice",
                name: other.as_str().into(),
                nearest: None,
                known: Vec::new(),
            }),
        };
    }
    let found = spec
        .choices
        .iter()
        .find(|known| Some(&known.name) == choice);
    let names = || spec.choices.iter().map(|choice| choice.name.clone());
    let needed = || Refusal::ChoiceNeeded {
        choices: names().collect(),
        said: choice.map(|choice| shortened(choice.as_str())),
    };
    found.map(Some).ok_or_else(needed)
}

/// Sets the fields that a choice asks for, and gives the reason; all that is missing is told at once.
fn told_with(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    chosen: Option<&Choice>,
    completion: &Completion,
) -> Result<Option<SmolStr>, Stop> {
    let asks = chosen.map_or(&[][..], |choice| choice.asks.as_slice());
    let mut gaps = activities::asked(asks, &completion.fields);
    let reason = completion.reason.as_ref();
    let reason = reason.filter(|reason| !is_blank(reason));
    if reason.is_none() && chosen.is_some_and(|choice| choice.asks_reason) {
        gaps.add("reason", Problem::Missing);
    }
    gaps.add_too_long("reason", reason.map(SmolStr::as_str), LONGEST_REASON);
    if !completion.fields.is_empty() || !gaps.is_empty() {
        fields::set_with(draft, lead, &completion.fields, gaps)?;
    }
    Ok(reason.cloned())
}

/// A task for a role is for that role alone, on the leads that it may act on; one for a team, for
/// whoever is in it; one for an agent, for that agent; and one for the owner, or for an agent who left, for
/// whoever may act on the lead.
fn permit_assignee(draft: &mut Draft<'_>, lead: &Lead, place: usize) -> Result<(), Stop> {
    let assignee = lead.tasks[place].assignee.clone();
    match &assignee {
        Assignee::Role(role) => {
            permit_roles(draft, "complete", std::slice::from_ref(role))?;
            permit_over(draft, lead, |known| known.name == *role)
        }
        Assignee::Team(team) => {
            permit_task(draft, &assignee, |agent| agent.team.as_ref() == Some(team))
        }
        Assignee::Agent(agent) if !has_left(draft, agent)? => {
            permit_task(draft, &assignee, |acting| acting.id == *agent)
        }
        // What was to be done by who left is the owner's.
        Assignee::Agent(_) | Assignee::Owner => {
            let completion = Completion::new(lead.tasks[place].name.clone());
            let order = LeadOrder::Complete(Box::new(completion));
            let id = lead.id;
            permit(draft, &What::Lead { lead: id, order }, Some(lead))
        }
    }
}

/// Refuses a task that is somebody else's, to all but those who may complete tasks on all leads and give
/// leads to others: whose it is may be away, and who could give the lead away can stand in.
pub(crate) fn permit_task(
    draft: &mut Draft<'_>,
    assignee: &Assignee,
    is_theirs: impl Fn(&Agent) -> bool,
) -> Result<(), Stop> {
    let Some(agent) = acting_agent(draft)? else {
        return Ok(());
    };
    let both = [Permission::Complete, Permission::Reassign];
    let may = |role: &&Role| {
        role.over == Over::All && both.iter().all(|needed| role.may.contains(needed))
    };
    let role = draft.playbook.role(&agent.role);
    if is_theirs(&agent) || role.as_ref().is_some_and(may) {
        return Ok(());
    }
    let who_may = draft.playbook.roles.iter().filter(may);
    let who_may = who_may.map(|role| role.name.clone()).collect();
    Err(Refusal::NotTheirTask {
        actor: named(draft),
        assignee: format_smolstr!("{assignee}"),
        who_may,
    }
    .into())
}
