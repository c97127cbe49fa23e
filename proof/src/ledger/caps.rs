//! No stretch of time holds more marketing to one contact than its organisation's cap. The ledger counts
//! what is put on record, for whom a contact stands at that time: who was merged counts with whom it was
//! merged into, and by itself again when they are parted. The post office counts what truly went.

use leadkit::ids::ContactId;
use leadkit::record::Message;
use leadkit::record::contact::Cap;
use leadkit::record::message::{Class, Recipient};
use leadkit::store::Key;
use leadkit::time::Instant;

use super::Ledger;

/// A hand-over that counts, unless it turns out that the message did not go.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    message: Key,
    /// For whom it was then.
    to: ContactId,
    at: Instant,
}

/// The stretches of time that hold more than a cap, of what happened in this order.
pub(crate) fn crowded<T>(
    cap: Cap,
    all: &[T],
    at: impl Fn(&T) -> Instant,
) -> impl Iterator<Item = &[T]> {
    let most = usize::try_from(cap.most).unwrap_or(usize::MAX);
    let stretches = all.windows(most.saturating_add(1));
    stretches.filter(move |stretch| {
        let (first, last) = (at(&stretch[0]), at(&stretch[most]));
        last.signed_duration_since(first) < cap.within
    })
}

impl Ledger {
    /// A hand-over is put on record.
    pub(super) fn count_towards_cap(&mut self, key: &Key, at: Instant) {
        let Some(message) = self.record::<Message>(key) else {
            return;
        };
        let Recipient::Contact(to) = message.to else {
            return;
        };
        if message.class != Class::Marketing {
            return;
        }
        let message = key.clone();
        self.counted.push(Counted { message, to, at });
        self.hold_to_cap(key, to, at);
    }

    /// It is heard that the last hand-over of a message did not go.
    pub(super) fn count_no_more(&mut self, key: &Key) {
        let mut counted = self.counted.iter();
        if let Some(last) = counted.rposition(|counted| counted.message == *key) {
            self.counted.remove(last);
        }
    }

    fn hold_to_cap(&mut self, key: &Key, to: ContactId, at: Instant) {
        let Some(cap) = self.books.cap(&key.tenant) else {
            return;
        };
        let stands_for = |id| self.stands_for(&key.tenant, id).map(|contact| contact.id);
        let whom = stands_for(to);
        let of_tenant = self.counted.iter();
        let of_tenant = of_tenant.filter(|counted| counted.message.tenant == key.tenant);
        let of_contact = of_tenant.filter(|counted| stands_for(counted.to) == whom);
        let mut instants: Vec<Instant> = of_contact.map(|counted| counted.at).collect();
        instants.sort_unstable();
        // Only those that hold this one: a merge may have overfilled others, which were right then.
        let stretch = crowded(cap, &instants, |at| *at).find(|stretch| stretch.contains(&at));
        if let Some(stretch) = stretch {
            let what = format!("{cap:?} to {whom:?}: {stretch:?}");
            self.find("caps hold", what, Some(key));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use leadkit::decide::command::Actor;
    use leadkit::ids::{CommandId, Id, LeadId, MessageId, Tenant};
    use leadkit::playbook::Playbook;
    use leadkit::record::contact::MessageBook;
    use leadkit::record::history::History;
    use leadkit::record::journal::{Event, JournalEntry};
    use leadkit::record::message::{OnOwnerChange, Sender, State};
    use leadkit::record::{Contact, Record};
    use leadkit::store::Version;
    use leadkit::time::Elapsed;

    use super::super::Held;
    use super::*;
    use crate::houses::{Books, House};

    const LUIS: ContactId = ContactId(Id::from_bytes([1; 16]));
    const LUIS_AGAIN: ContactId = ContactId(Id::from_bytes([2; 16]));

    /// Of an organisation that sends three a month.
    fn ledger() -> Ledger {
        let playbook = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../playbooks/deferred-follow-up"
        );
        let playbook = Playbook::load(Path::new(playbook)).expect("the playbook");
        let house = House {
            tenant: "valle".into(),
            versions: vec![Arc::new(playbook)],
            stages: Vec::new(),
        };
        let mut ledger = Ledger::new(Books::of(&[house]));
        hold(&mut ledger, Record::Contact(contact(LUIS, None)));
        hold(&mut ledger, Record::Contact(contact(LUIS_AGAIN, None)));
        ledger
    }

    fn hold(ledger: &mut Ledger, record: Record) {
        let tenant = Tenant::from("valle");
        let key = match &record {
            Record::Contact(contact) => Key::contact(&tenant, contact.id),
            Record::Message(message) => Key::message(&tenant, message.id),
            other => panic!("{other:?}"),
        };
        let held = Held {
            version: Version::ABSENT.next(),
            record,
            wakes: None,
        };
        ledger.records.insert(key, held);
    }

    fn contact(id: ContactId, merged_into: Option<ContactId>) -> Contact {
        Contact {
            id,
            name: "Luis Vera".into(),
            email: None,
            phone: None,
            unsubscribed_at: None,
            email_invalid_at: None,
            leads: Vec::new(),
            book: MessageBook::default(),
            identities: Vec::new(),
            duplicates: Vec::new(),
            keeping: Vec::new(),
            merged_into,
            taken: Vec::new(),
            distinct: Vec::new(),
        }
    }

    /// A message goes on this day. Returns its key.
    fn goes(ledger: &mut Ledger, to: ContactId, day: u8) -> Key {
        let at = Instant::UNIX_EPOCH + Elapsed::days(day.into());
        let id = MessageId(Id::from_bytes([day; 16]));
        let message = Message {
            id,
            playbook: "book".into(),
            template: "offer".into(),
            lead: LeadId(Id::from_bytes([9; 16])),
            to: Recipient::Contact(to),
            sender: Sender::Organisation,
            on_owner_change: OnOwnerChange::NewOwner,
            class: Class::Marketing,
            channel: "email".into(),
            queued_by: CommandId::of("queue"),
            queued_at: at,
            expires_at: None,
            state: State::HandingOver { deadline: at },
            state_since: at,
            attempts: 1,
            first_tried_at: Some(at),
            error: None,
            trouble: None,
            history: History::default(),
        };
        hold(ledger, Record::Message(Box::new(message)));
        let key = Key::message(&"valle".into(), id);
        ledger.count_towards_cap(&key, at);
        key
    }

    fn is_broken(ledger: &Ledger) -> bool {
        let mut findings = ledger.findings().iter();
        findings.any(|finding| finding.law == "caps hold")
    }

    #[test]
    fn the_fourth_of_a_month_is_one_too_many_and_the_first_of_the_next_is_not() {
        let mut ledger = ledger();
        for day in [1, 2, 3, 31, 32] {
            goes(&mut ledger, LUIS, day);
            assert!(!is_broken(&ledger), "{day}");
        }
        goes(&mut ledger, LUIS, 30);
        assert!(is_broken(&ledger));
    }

    #[test]
    fn who_is_merged_counts_with_whom_it_was_merged_into() {
        let mut ledger = ledger();
        for (to, day) in [(LUIS, 1), (LUIS, 2), (LUIS_AGAIN, 3), (LUIS_AGAIN, 4)] {
            goes(&mut ledger, to, day);
        }
        let merged = contact(LUIS_AGAIN, Some(LUIS));
        hold(&mut ledger, Record::Contact(merged));
        // The merge made four of one month, before this one.
        goes(&mut ledger, LUIS, 40);
        assert!(!is_broken(&ledger));
        goes(&mut ledger, LUIS, 5);
        assert!(is_broken(&ledger));
    }

    #[test]
    fn who_is_parted_counts_alone_again() {
        let mut ledger = ledger();
        hold(
            &mut ledger,
            Record::Contact(contact(LUIS_AGAIN, Some(LUIS))),
        );
        for day in [1, 2] {
            goes(&mut ledger, LUIS, day);
        }
        hold(&mut ledger, Record::Contact(contact(LUIS_AGAIN, None)));
        for day in [3, 4, 5] {
            goes(&mut ledger, LUIS_AGAIN, day);
        }
        assert!(!is_broken(&ledger));
        goes(&mut ledger, LUIS_AGAIN, 6);
        assert!(is_broken(&ledger));
    }

    #[test]
    fn what_did_not_go_does_not_count() {
        let mut ledger = ledger();
        for day in [1, 2, 3] {
            let message = goes(&mut ledger, LUIS, day);
            ledger.count_no_more(&message);
        }
        for day in [4, 5, 6] {
            goes(&mut ledger, LUIS, day);
        }
        assert!(!is_broken(&ledger));
    }

    #[test]
    fn of_a_message_that_went_perhaps_and_is_sent_again_the_first_time_counts() {
        let mut ledger = ledger();
        for day in [1, 2, 3] {
            goes(&mut ledger, LUIS, day);
        }
        let again = Key::message(&"valle".into(), MessageId(Id::from_bytes([1; 16])));
        let at = Instant::UNIX_EPOCH + Elapsed::days(31);
        ledger.count_towards_cap(&again, at);
        assert!(!is_broken(&ledger));
        ledger.count_no_more(&again);
        goes(&mut ledger, LUIS, 29);
        assert!(is_broken(&ledger));
    }

    /// A message becomes this and that, as the journal tells, and then three more go. Returns whether it
    /// counted.
    fn counts(states: &[(&str, &str)]) -> bool {
        let mut ledger = ledger();
        let message = goes(&mut ledger, LUIS, 1);
        ledger.count_no_more(&message);
        for (actor, state) in states {
            let entry = JournalEntry {
                at: Instant::UNIX_EPOCH + Elapsed::days(1),
                happened_at: None,
                actor: Actor::host(*actor),
                asked: None,
                subjects: Vec::new(),
                events: vec![Event::MessageIs {
                    message: MessageId(message.id),
                    state: (*state).into(),
                    because: None,
                }],
            };
            ledger.tally(&message.tenant, &entry);
        }
        for day in [2, 3, 4] {
            goes(&mut ledger, LUIS, day);
        }
        is_broken(&ledger)
    }

    #[test]
    fn what_was_handed_over_counts_unless_the_mailer_said_that_it_did_not_go() {
        let (begun, said) = (("leadkit", "handing-over"), |state| ("leadkit", state));
        assert!(counts(&[begun]));
        assert!(counts(&[begun, said("accepted")]));
        assert!(counts(&[begun, said("in-doubt")]));
        assert!(counts(&[begun, said("in-doubt"), ("desk", "dropped")]));
        assert!(!counts(&[begun, said("to-retry")]));
        assert!(!counts(&[begun, said("refused")]));
        assert!(!counts(&[begun, said("in-doubt"), said("refused")]));
        assert!(!counts(&[begun, said("dropped")]));
    }
}
