//! What completes a task: what happened since it was to be done, and not what was before and is told later.
//!
//! A task is completed by its condition. An activity that is told late may make that true though it
//! happened before the task was opened: a call of Tuesday, told on Friday, is not the call that Thursday's
//! task asks for. Then the task stays open until something newer is told that its condition asks about.
//! Nothing needs to remember that: a task that is open though its condition was true when its lead was last
//! settled is one of these.

use crate::condition::{Condition, FactInfo, FactName, Facts};
use crate::decide::draft::Draft;
use crate::facts::LeadFact;
use crate::ids::{LeadId, Name};
use crate::playbook::Playbook;
use crate::playbook::catalogue::{LeadFacts, TaskFacts};
use crate::record::Lead;
use crate::record::lead::Task;
use crate::store::Key;
use crate::time::Instant;

/// An activity that is told of a lead.
#[derive(Clone, Debug)]
pub(crate) struct Activity {
    pub(crate) lead: LeadId,
    pub(crate) what: Done,
}

/// What was done, or what was heard.
#[derive(Clone, Debug)]
pub(crate) enum Done {
    Attempt,
    Answer,
    Recorded(Name),
}

impl Done {
    /// Whether a fact tells of it.
    fn is_told_by(&self, fact: &FactInfo) -> bool {
        match (LeadFact::numbered(fact.id.0), self) {
            (Some(LeadFact::TouchedAt), _) => true,
            (
                Some(
                    LeadFact::AttemptedAt
                    | LeadFact::ReachedAt
                    | LeadFact::Attempts
                    | LeadFact::Reached
                    | LeadFact::Unanswered
                    | LeadFact::AttemptsSinceOpened,
                ),
                Self::Attempt,
            )
            | (Some(LeadFact::Answered | LeadFact::AnsweredAt), Self::Answer) => true,
            (None, Self::Recorded(kind)) => is_about_activity(fact, kind),
            _ => false,
        }
    }
}

fn is_about_activity(fact: &FactInfo, kind: &Name) -> bool {
    let facts = ["activities", "recorded_at"];
    let mut names = facts
        .map(|of| FactName::with_argument(of, kind.as_str()))
        .into_iter();
    names.any(|name| name == fact.name)
}

/// Whether what completes a task is true at an instant.
pub(crate) fn holds_at(playbook: &Playbook, lead: &Lead, done: &Condition, now: Instant) -> bool {
    done.holds(&facts_of(playbook, lead, now), now)
}

fn facts_of<'a>(playbook: &'a Playbook, lead: &'a Lead, now: Instant) -> TaskFacts<'a> {
    TaskFacts(LeadFacts {
        playbook,
        lead,
        now,
    })
}

/// Whether a task whose condition is true stays open all the same: what made it true happened before the
/// task was opened.
pub(crate) fn is_older(
    draft: &Draft<'_>,
    lead: &Lead,
    task: &Task,
    done: &Condition,
    now: Instant,
) -> bool {
    let playbook = draft.playbook;
    let before = draft.as_loaded::<Lead>(&Key::lead(draft.tenant, lead.id));
    let same = |before: &&Lead| {
        let open = before.open_task(&task.name);
        open.is_some_and(|open| open.number == task.number)
    };
    // What another playbook made of it, or left, says nothing about this condition.
    let known = |before: &&Lead| before.playbook == lead.playbook;
    let Some(before) = before.filter(same).filter(known) else {
        return false;
    };
    let activity = draft.activity.as_ref();
    let activity = activity.filter(|activity| activity.lead == lead.id);
    let is_newer = happened_at(draft, lead) >= task.opened_at;
    if holds_at(playbook, before, done, before.settled_at) {
        let is_told = |fact: &FactInfo| match activity {
            Some(activity) => is_newer && activity.what.is_told_by(fact),
            None => false,
        };
        let (was, is) = (
            facts_of(playbook, before, now),
            facts_of(playbook, lead, now),
        );
        let is_other = |fact: &FactInfo| was.fact(fact.id) != is.fact(fact.id);
        let counts = activity.is_none() || is_newer;
        return !done
            .facts()
            .any(|fact| is_told(fact) || counts && is_other(fact));
    }
    activity.is_some() && !is_newer && !holds_at(playbook, before, done, now)
}

/// When what is being told happened, to a task: whoever calls somebody who walked in and enters the lead
/// afterwards has made the first contact.
fn happened_at(draft: &Draft<'_>, lead: &Lead) -> Instant {
    draft.happened_at.max(lead.registered.at)
}
