//! A lead, seen through the facts that complete its tasks.

use crate::condition::{FactId, Facts};
use crate::facts::LeadFact;
use crate::playbook::catalogue::{ABOUT, LeadFacts, Sort};
use crate::value::ValueRef;

/// The facts of a lead as the condition asks them that completes a task: what was done before the lead
/// was registered counts as of its registration. So `attempted_at >= assigned_at` is true of somebody who
/// walked in, was called, and was entered afterwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskFacts<'a>(pub(crate) LeadFacts<'a>);

impl Facts for TaskFacts<'_> {
    fn fact(&self, id: FactId) -> Option<ValueRef<'_>> {
        let registered_at = self.0.lead.registered.at;
        match self.0.fact(id)? {
            ValueRef::Instant(at) if at < registered_at && self.is_of_activity(id) => {
                Some(ValueRef::Instant(registered_at))
            }
            value => Some(value),
        }
    }
}

impl TaskFacts<'_> {
    /// Whether this is the time of an attempt, an answer or an activity.
    fn is_of_activity(&self, id: FactId) -> bool {
        let playbook = self.0.playbook;
        match LeadFact::numbered(id.0) {
            Some(fact) => matches!(
                fact,
                LeadFact::AttemptedAt | LeadFact::ReachedAt | LeadFact::AnsweredAt
            ),
            None => {
                let first = LeadFact::ALL.len() + playbook.fields.len();
                let place = usize::from(id.0).checked_sub(first);
                let activities = ABOUT
                    .iter()
                    .filter(|(sort, _)| matches!(sort, Sort::Activity));
                let facts: usize = activities.map(|(_, facts)| facts.len()).sum();
                place.is_some_and(|place| place < facts * playbook.activities.len())
            }
        }
    }
}
