//! What the journal tells of leads and messages, event by event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leadkit::decide::command::Actor;
use leadkit::ids::{AgentId, LeadId, MessageId, Name, Tenant};
use leadkit::playbook::Playbook;
use leadkit::playbook::rule::Anchor;
use leadkit::record::journal::{Event, JournalEntry};
use leadkit::record::lead::How;
use leadkit::record::message::DropReason;
use leadkit::record::quote::Says;
use leadkit::record::{Agent, Lead};

use leadkit::store::Key;
use leadkit::time::Instant;
use smol_str::SmolStr;

use super::Ledger;
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
    playbook: Option<Name>,
    /// Which occurrences of each rule came, by anchor, since the rule began anew.
    fired: BTreeMap<Name, BTreeSet<(Instant, u32)>>,
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
    /// After how many hand-overs somebody said that it did not arrive, and is to be sent again.
    pub sent_again_after: Vec<u32>,
    /// Whether somebody withdrew it.
    pub is_withdrawn: bool,
}

/// The message that an event is about.
pub(super) fn message_of(event: &Event) -> Option<MessageId> {
    match event {
        Event::Queued { message, .. } | Event::MessageIs { message, .. } => Some(*message),
        _ => None,
    }
}

/// The engine itself, when it wakes a record.
fn is_engine(actor: &Actor) -> bool {
    *actor == Actor::host("leadkit")
}

impl Ledger {
    /// Takes over what an entry tells.
    pub(super) fn tally(&mut self, tenant: &Tenant, entry: &JournalEntry) {
        for event in &entry.events {
            self.tally_visit(tenant, event);
            self.hold_to_leaving(tenant, event);
            if let Some(message) = message_of(event) {
                self.tally_message(&Key::message(tenant, message), event, &entry.actor);
            } else if let Some(lead) = lead_of(event) {
                self.tally_lead(&Key::lead(tenant, lead), event, &entry.actor);
            }
        }
    }

    fn tally_message(&mut self, key: &Key, event: &Event, actor: &Actor) {
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
                message.state = state.clone();
                if state == "handing-over" && self.is_whole {
                    self.may_be_handed_over(key);
                }
            }
            _ => {}
        }
    }

    fn tally_lead(&mut self, key: &Key, event: &Event, actor: &Actor) {
        if let Event::Fired {
            rule, occurrence, ..
        } = event
        {
            self.fire(key, rule, Some(*occurrence));
        }
        if let Event::Skipped { rule, .. } = event {
            self.fire(key, rule, None);
        }
        self.begin_anew(key, event);
        if is_touch(event, actor) {
            let begins = counts_from(self.book_of(key), vec![Anchor::Touched]);
            self.forget_fired(key, begins);
        }
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

    /// A condition that no longer holds begins anew when it comes true again.
    pub(super) fn forget_what_turned(&mut self, key: &Key) {
        let Some(book) = self.book_of(key) else {
            return;
        };
        let Some(lead) = self.record::<Lead>(key).cloned() else {
            return;
        };
        let waits = |name: &Name| {
            let rule = book.rule(name);
            rule.is_some_and(|rule| matches!(rule.anchor, Anchor::Turns(_)))
                && !lead.since.iter().any(|(known, _)| known == name)
        };
        if let Some(tally) = self.leads.get_mut(key) {
            tally.fired.retain(|rule, _| !waits(rule));
        }
    }

    /// The playbook by which a lead was decided.
    fn book_of(&self, key: &Key) -> Option<Arc<Playbook>> {
        let known = self.leads.get(key).and_then(|lead| lead.playbook.clone());
        let hash = known.or_else(|| Some(self.record::<Lead>(key)?.playbook.clone()))?;
        self.books.get(&hash).cloned()
    }

    /// A rule came to its time. From a store that is read, the anchor can't be told.
    fn fire(&mut self, key: &Key, rule: &Name, occurrence: Option<u32>) {
        if !self.is_whole {
            return;
        }
        // Where the rule's own action began its anchor anew, nothing is left of it.
        let Some(fired) = self
            .record::<Lead>(key)
            .and_then(|lead| lead.last_fired(rule))
        else {
            return;
        };
        if occurrence.is_some_and(|occurrence| occurrence != fired.occurrence) {
            return;
        }
        let (anchor, occurrence) = (fired.anchor, fired.occurrence);
        let lead = self.leads.entry(key.clone()).or_default();
        let came = lead.fired.entry(rule.clone()).or_default();
        if !came.insert((anchor, occurrence)) {
            let what = format!("{rule} came to occurrence {occurrence} of {anchor} again");
            self.find("a rule fires once", what, Some(key));
        }
    }

    /// What counts from an event that comes again begins anew, and so does a rule that changed.
    fn begin_anew(&mut self, key: &Key, event: &Event) {
        let now = self.book_of(key);
        let begins: Box<dyn Fn(&Name) -> bool> = match event {
            Event::Moved { .. } => Box::new(counts_from(now, vec![Anchor::Entered])),
            Event::Assigned { .. } | Event::Reopened { .. } | Event::GivenUp { .. } => {
                Box::new(counts_from(now, vec![Anchor::Assigned, Anchor::Team]))
            }
            Event::OwnerFollowed { .. } => Box::new(counts_from(now, vec![Anchor::Team])),
            Event::AppointmentBooked { kind, .. } | Event::AppointmentMoved { kind, .. } => {
                Box::new(counts_from(now, vec![Anchor::Appointment(kind.clone())]))
            }
            Event::AppointmentEnded { kind, how, .. } => {
                let ended = Anchor::AppointmentEnded(kind.clone(), *how);
                Box::new(counts_from(now, vec![ended]))
            }
            Event::FeedbackGiven { kind, .. } => {
                Box::new(counts_from(now, vec![Anchor::Feedback(kind.clone())]))
            }
            Event::DocumentAttached { kind, .. } => {
                Box::new(counts_from(now, vec![Anchor::Attached(kind.clone())]))
            }
            Event::QuoteMade { .. } => {
                let anchors = vec![Anchor::Quoted, Anchor::QuoteExpires, Anchor::Accepted];
                Box::new(counts_from(now, anchors))
            }
            Event::QuoteReplied {
                says: Says::Yes, ..
            } => Box::new(counts_from(now, vec![Anchor::Accepted])),
            Event::Closed { .. } => Box::new(counts_from(now, vec![Anchor::Closed])),
            Event::TaskOpened { task, .. } => {
                Box::new(counts_from(now, vec![Anchor::Overdue(task.clone())]))
            }
            Event::FieldsSet { fields, .. } => {
                let fields = fields.iter().cloned().map(Anchor::Field);
                Box::new(counts_from(now, fields.collect()))
            }
            Event::LeadAdopted { playbook, .. } => {
                let next = self.books.get(playbook).cloned();
                let lead = self.leads.get(key);
                let before = lead.and_then(|lead| lead.playbook.clone());
                let before = before.and_then(|hash| self.books.get(&hash).cloned());
                Box::new(move |name| {
                    let rule =
                        |book: &Option<Arc<Playbook>>| Some(book.as_ref()?.rule(name)?.fingerprint);
                    rule(&before) != rule(&next)
                })
            }
            Event::Registered { .. } => {
                let playbook = self.record::<Lead>(key).map(|lead| lead.playbook.clone());
                self.leads.entry(key.clone()).or_default().playbook =
                    playbook.filter(|_| self.is_whole);
                return;
            }
            _ => return,
        };
        self.forget_fired(key, begins);
    }

    /// What these rules came to is of the past: they begin anew.
    fn forget_fired(&mut self, key: &Key, begins: impl Fn(&Name) -> bool) {
        if let Some(lead) = self.leads.get_mut(key) {
            lead.fired.retain(|rule, _| !begins(rule));
        }
    }
}

/// Whether somebody did something with a lead. What a rule does is no touch, but for giving the lead
/// to an agent.
fn is_touch(event: &Event, actor: &Actor) -> bool {
    match event {
        Event::Assigned { .. } => true,
        Event::Answered { .. }
        | Event::Attempted { .. }
        | Event::Recorded { .. }
        | Event::Moved { .. }
        | Event::Held { .. }
        | Event::Released { .. }
        | Event::AppointmentBooked { .. }
        | Event::AppointmentMoved { .. }
        | Event::AppointmentEnded { .. }
        | Event::FeedbackGiven { .. }
        | Event::DocumentAttached { .. }
        | Event::QuoteMade { .. }
        | Event::QuoteReplied { .. } => !is_engine(actor),
        Event::TaskEnded { how, .. } => *how == How::Done && !is_engine(actor),
        _ => false,
    }
}

fn counts_from(book: Option<Arc<Playbook>>, anchors: Vec<Anchor>) -> impl Fn(&Name) -> bool {
    move |name| {
        let rule = book.as_ref().and_then(|book| book.rule(name));
        rule.is_none_or(|rule| anchors.contains(&rule.anchor))
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
