//! No rule comes to the same occurrence of an anchor twice.
//!
//! Who saw every commit knows the anchor that a rule counted from. Who reads a store whole knows only
//! the rule and which occurrence it was, and tells from the journal when the anchor came anew. Of a
//! condition the journal does not tell that it turned: rules that wait for one are left out then.

use std::sync::Arc;

use leadkit::decide::command::Actor;
use leadkit::ids::Name;
use leadkit::playbook::Playbook;
use leadkit::playbook::delay::Delay;
use leadkit::playbook::pipeline::TaskSpec;
use leadkit::playbook::rule::{Anchor, BusinessTime};
use leadkit::record::Lead;
use leadkit::record::journal::Event;
use leadkit::record::lead::How;
use leadkit::record::quote::Says;
use leadkit::store::Key;
use leadkit::time::Instant;

use super::Ledger;
use super::tally::is_engine;

/// An occurrence of a rule: the anchor that it counted from, if that is known, and its number.
pub(super) type Came = (Option<Instant>, u32);

impl Ledger {
    /// Takes over what an event tells of the lead's rules.
    pub(super) fn tally_rules(&mut self, key: &Key, event: &Event, actor: &Actor) {
        match event {
            Event::Fired {
                rule, occurrence, ..
            } => self.fire(key, rule, Some(*occurrence)),
            Event::Skipped { rule, .. } => self.fire(key, rule, None),
            _ => {}
        }
        self.begin_anew(key, event);
        if is_touch(event, actor) {
            let begins = counts_from(self.book_of(key), vec![Anchor::Touched]);
            self.forget_fired(key, begins);
        }
        if !self.is_whole {
            self.begin_anew_untold(key, event);
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

    /// A rule came to its time.
    fn fire(&mut self, key: &Key, rule: &Name, occurrence: Option<u32>) {
        let came = match self.is_whole {
            true => self.came_as_kept(key, rule, occurrence),
            false => self.came_as_told(key, rule, occurrence),
        };
        let Some((anchor, occurrence)) = came else {
            return;
        };
        let lead = self.leads.entry(key.clone()).or_default();
        let before = lead.fired.entry(rule.clone()).or_default();
        if !before.insert((anchor, occurrence)) {
            let anchor = anchor.map(|anchor| anchor.to_rfc3339());
            let anchor = anchor.as_deref().unwrap_or("one anchor");
            let what = format!("{rule} came to occurrence {occurrence} of {anchor} again");
            self.find("a rule fires once", what, Some(key));
        }
    }

    /// What the lead keeps of it. Where the rule's own action began its anchor anew, nothing is left.
    fn came_as_kept(&self, key: &Key, rule: &Name, occurrence: Option<u32>) -> Option<Came> {
        let fired = self.record::<Lead>(key)?.last_fired(rule)?;
        let is_it = occurrence.is_none_or(|occurrence| occurrence == fired.occurrence);
        is_it.then_some((Some(fired.anchor), fired.occurrence))
    }

    /// What its event alone tells of it. One that was skipped tells no number: a rule that comes once
    /// has but one.
    fn came_as_told(&self, key: &Key, rule: &Name, occurrence: Option<u32>) -> Option<Came> {
        let book = self.book_of(key)?;
        let rule = book.rule(rule)?;
        if matches!(rule.anchor, Anchor::Turns(_)) {
            return None;
        }
        let first = rule.every.is_none().then_some(0);
        Some((None, occurrence.or(first)?))
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
                let playbook = match self.is_whole {
                    true => self.record::<Lead>(key).map(|lead| lead.playbook.clone()),
                    // The record tells of its last playbook, the journal only of those after the first.
                    false => match self.books.of_tenant(&key.tenant) {
                        [only] => Some(only.hash.clone()),
                        _ => None,
                    },
                };
                self.leads.entry(key.clone()).or_default().playbook = playbook;
                return;
            }
            _ => return,
        };
        self.forget_fired(key, begins);
    }

    /// What comes anew as well, and can't be told from before by who does not know the anchor.
    fn begin_anew_untold(&mut self, key: &Key, event: &Event) {
        let Some(book) = self.book_of(key) else {
            return;
        };
        // Where a deadline lies follows from the holds that stop it, and perhaps from the lead's own wait
        // or its owner's hours.
        let moves = |task: &TaskSpec| match event {
            Event::Held { hold, .. } | Event::Released { hold, .. } => task.stopped_by.covers(hold),
            Event::Moved { .. } => task.within == Some(Delay::OwnWait),
            Event::Assigned { .. }
            | Event::GivenUp { .. }
            | Event::OwnerFollowed { .. }
            | Event::Reopened { .. } => task.calendar.name() == BusinessTime::OWNER,
            _ => false,
        };
        let begins = |anchor: &Anchor| match (anchor, event) {
            (Anchor::Answered, Event::Answered { .. }) => true,
            (Anchor::Attempted, Event::Attempted { .. }) => true,
            // Stages may have been mapped.
            (_, Event::LeadAdopted { playbook, .. }) => *playbook != book.hash,
            (Anchor::Overdue(task), _) => book.task(task).is_none_or(moves),
            _ => false,
        };
        self.forget_fired(key, |rule| {
            book.rule(rule).is_none_or(|rule| begins(&rule.anchor))
        });
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
