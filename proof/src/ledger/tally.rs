//! What the journal tells of leads and messages, event by event.

use std::collections::{BTreeMap, BTreeSet};

use leadkit::decide::command::Actor;
use leadkit::ids::{AgentId, LeadId, MessageId, Name, Tenant};
use leadkit::record::journal::{Event, JournalEntry};
use leadkit::record::message::DropReason;
use leadkit::record::{Agent, Lead};

use leadkit::store::Key;
use smol_str::SmolStr;

use super::Ledger;
use super::addresses::Addresses;
use super::fires::Came;
use super::work::WorkTally;

/// What a lead must look like, as its history tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeadTally {
    /// How often it was taken in.
    pub registered: u32,
    /// Where it is; `None` when that can't be told.
    pub stage: Option<(Name, Name)>,
    /// Who holds it.
    pub owner: Option<AgentId>,
    /// Whether it is closed; `None` when that can't be told.
    pub closed: Option<bool>,
    /// How often its contact was reached.
    pub reached: u32,
    /// How often not.
    pub unanswered: u32,
    /// How often each activity was recorded.
    pub activities: BTreeMap<Name, u32>,
    /// How many tasks of each name are open.
    pub tasks: BTreeMap<Name, i64>,
    /// Which holds stop its clocks.
    pub holds: BTreeSet<Name>,
    /// What else was done for it.
    pub(super) work: WorkTally,
    /// The playbook that clocks it, as far as it is known.
    pub(super) playbook: Option<Name>,
    /// Which occurrences of each rule came since the rule began anew.
    pub(super) fired: BTreeMap<Name, BTreeSet<Came>>,
}

/// What became of a message, as the journal tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessageTally {
    /// How often it was queued by a rule.
    pub queued: u32,
    /// The lead it is about.
    pub lead: Option<LeadId>,
    /// The name of its state.
    pub state: SmolStr,
    /// How often a hand-over was begun.
    pub attempts: u32,
    /// The addresses that each hand-over may have, from the first; none, if not every commit was seen.
    pub addresses: Vec<Addresses>,
    /// After how many hand-overs somebody said that it did not arrive, and is to be sent again.
    pub sent_again_after: Vec<u32>,
    /// Whether somebody withdrew it.
    pub is_withdrawn: bool,
}

impl MessageTally {
    /// Whether the mailer said of the hand-over that was last put on record that it did not go.
    fn heard_that_it_did_not_go(&self, state: &str, actor: &Actor) -> bool {
        let is_asked = matches!(&*self.state, "handing-over" | "in-doubt");
        is_asked && is_engine(actor) && matches!(state, "to-retry" | "refused" | "dropped")
    }
}

/// The message that an event is about.
pub(super) fn message_of(event: &Event) -> Option<MessageId> {
    match event {
        Event::Queued { message, .. } | Event::MessageIs { message, .. } => Some(*message),
        _ => None,
    }
}

/// The engine itself, when it wakes a record.
pub(super) fn is_engine(actor: &Actor) -> bool {
    *actor == Actor::host("leadkit")
}

impl Ledger {
    /// Takes over what an entry tells.
    pub(super) fn tally(&mut self, tenant: &Tenant, entry: &JournalEntry) {
        for event in &entry.events {
            self.tally_visit(tenant, event);
            self.hold_to_leaving(tenant, event);
            if let Some(message) = message_of(event) {
                self.tally_message(&Key::message(tenant, message), event, entry);
            } else if let Some(lead) = lead_of(event) {
                self.tally_lead(&Key::lead(tenant, lead), event, &entry.actor);
            }
        }
    }

    fn tally_message(&mut self, key: &Key, event: &Event, entry: &JournalEntry) {
        let actor = &entry.actor;
        let message = self.messages.entry(key.clone()).or_default();
        match event {
            Event::Queued { lead, .. } => {
                message.queued += 1;
                message.lead = Some(*lead);
                message.state = "queued".into();
            }
            Event::MessageIs { state, because, .. } => {
                if state == "handing-over" {
                    message.attempts += 1;
                }
                if state == "queued" && !is_engine(actor) {
                    message.sent_again_after.push(message.attempts);
                }
                message.is_withdrawn = *because == Some(DropReason::Withdrawn) && !is_engine(actor);
                let did_not_go = message.heard_that_it_did_not_go(state, actor);
                message.state = state.clone();
                if did_not_go {
                    self.count_no_more(key);
                }
                if state == "handing-over" && self.is_whole {
                    let addresses = self.addresses(key);
                    let message = self.messages.entry(key.clone()).or_default();
                    message.addresses.push(addresses);
                    self.may_be_handed_over(key);
                    self.count_towards_cap(key, entry.at);
                }
            }
            _ => {}
        }
    }

    fn tally_lead(&mut self, key: &Key, event: &Event, actor: &Actor) {
        self.tally_rules(key, event, actor);
        let mut contradictions = Vec::new();
        let is_whole = self.is_whole;
        let record: Option<Lead> = self.record::<Lead>(key).cloned();
        let lead = self.leads.entry(key.clone()).or_default();
        let is_otherwise = lead.work.tell(event);
        match event {
            Event::Registered { into, .. } => {
                lead.registered += 1;
                lead.stage = Some(into.clone());
                lead.closed = Some(false);
            }
            Event::Assigned { to, from, .. } => {
                if lead.owner != *from {
                    contradictions.push(format!("{from:?} gave it, {:?} held it", lead.owner));
                }
                lead.owner = Some(to.clone());
            }
            Event::GivenUp { from, .. } => {
                if lead.owner.as_ref() != Some(from) {
                    contradictions.push(format!("{from} lost it, {:?} held it", lead.owner));
                }
                lead.owner = None;
            }
            Event::Moved { from, to, .. } => {
                if lead.stage.as_ref().is_some_and(|stage| stage != from) {
                    contradictions.push(format!("moved from {from:?}, was in {:?}", lead.stage));
                }
                lead.stage = Some(to.clone());
            }
            Event::Closed { .. } => lead.closed = Some(true),
            Event::Reopened { .. } => lead.closed = Some(false),
            Event::Attempted { reached: true, .. } => lead.reached += 1,
            Event::Attempted { reached: false, .. } => lead.unanswered += 1,
            Event::Recorded { activity, .. } => {
                *lead.activities.entry(activity.clone()).or_default() += 1;
            }
            Event::Held { hold, .. } => {
                lead.holds.insert(hold.clone());
            }
            Event::Released { hold, .. } => {
                lead.holds.remove(hold);
            }
            Event::TaskOpened { task, .. } => *lead.tasks.entry(task.clone()).or_default() += 1,
            Event::TaskEnded { task, .. } => *lead.tasks.entry(task.clone()).or_default() -= 1,
            Event::LeadAdopted { playbook, .. } => {
                lead.playbook = Some(playbook.clone());
                // Stages may have been mapped, which the journal does not tell.
                let found = record.filter(|_| is_whole);
                let found = found.map(|lead| (lead.pipeline, lead.stage, lead.closed.is_some()));
                lead.closed = found.as_ref().map(|(_, _, closed)| *closed);
                lead.stage = found.map(|(pipeline, stage, _)| (pipeline, stage));
            }
            _ => {}
        }
        for what in contradictions {
            self.find("the journal tells what is so", what, Some(key));
        }
        if let Some(what) = is_otherwise {
            self.find("what is over is over once", what, Some(key));
        }
    }

    /// Notes who left. Nobody who did is given a lead.
    fn hold_to_leaving(&mut self, tenant: &Tenant, event: &Event) {
        if let Event::AgentLeft { agent } = event {
            self.left.insert((tenant.clone(), agent.clone()));
        }
        let Event::Assigned { lead, to, .. } = event else {
            return;
        };
        let agent = self.record::<Agent>(&Key::agent(tenant, to));
        let has_left = agent.is_some_and(|agent| agent.left_at.is_some());
        if has_left && self.is_whole {
            let what = format!("{to}, who left, was given it");
            self.find("who left is gone", what, Some(&Key::lead(tenant, *lead)));
        }
    }
}

/// The lead that an event is about.
fn lead_of(event: &Event) -> Option<LeadId> {
    match event {
        Event::Registered { lead, .. }
        | Event::Assigned { lead, .. }
        | Event::Attempted { lead, .. }
        | Event::Answered { lead, .. }
        | Event::Recorded { lead, .. }
        | Event::Moved { lead, .. }
        | Event::Closed { lead, .. }
        | Event::Reopened { lead }
        | Event::Held { lead, .. }
        | Event::Released { lead, .. }
        | Event::TaskOpened { lead, .. }
        | Event::TaskEnded { lead, .. }
        | Event::FieldsSet { lead, .. }
        | Event::Fired { lead, .. }
        | Event::Skipped { lead, .. }
        | Event::LeadAdopted { lead, .. }
        | Event::GivenUp { lead, .. }
        | Event::OwnerFollowed { lead }
        | Event::AppointmentBooked { lead, .. }
        | Event::AppointmentMoved { lead, .. }
        | Event::AppointmentEnded { lead, .. }
        | Event::FeedbackGiven { lead, .. }
        | Event::DocumentAttached { lead, .. }
        | Event::QuoteMade { lead, .. }
        | Event::QuoteReplied { lead, .. }
        | Event::Referred { lead, .. }
        | Event::Rewarded { lead, .. } => Some(*lead),
        _ => None,
    }
}
