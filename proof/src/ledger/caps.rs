//! No stretch of time holds more marketing to one contact than its organisation's cap, as it is when a
//! hand-over is put on record: who was merged counts with whom it was merged into, and by itself again
//! when they are parted.

use leadkit::ids::ContactId;
use leadkit::record::Message;
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
        let book = self.books.of_tenant(&key.tenant).first();
        let Some(cap) = book.and_then(|book| book.cap).map(|rule| rule.cap) else {
            return;
        };
        let stands_for = |id| self.stands_for(&key.tenant, id).map(|contact| contact.id);
        let whom = stands_for(to);
        let of_tenant = self.counted.iter();
        let of_tenant = of_tenant.filter(|counted| counted.message.tenant == key.tenant);
        let of_contact = of_tenant.filter(|counted| stands_for(counted.to) == whom);
        let mut instants: Vec<Instant> = of_contact.map(|counted| counted.at).collect();
        instants.sort_unstable();
        let most = usize::try_from(cap.most).unwrap_or(usize::MAX);
        // Those without this one were right when they began, for whoever stood for whom then.
        let crowded = instants.windows(most.saturating_add(1)).find(|stretch| {
            let (first, last) = (stretch[0], stretch[most]);
            (first..=last).contains(&at) && last.signed_duration_since(first) < cap.within
        });
        if let Some(stretch) = crowded {
            let what = format!("{cap:?} to {whom:?}: {stretch:?}");
            self.find("caps hold", what, Some(key));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use leadkit::ids::{CommandId, Id, LeadId, MessageId, Tenant};
    use leadkit::playbook::Playbook;
    use leadkit::record::contact::MessageBook;
    use leadkit::record::history::History;
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
}
