//! The post office: what truly was handed over, whatever anybody says of it, held to its laws at
//! every hand-over.

use std::collections::BTreeMap;

use leadkit::ids::{ContactId, MessageId, Tenant};
use leadkit::mailer::{Outcome, Outgoing};
use leadkit::record::Message;
use leadkit::record::message::{Class, Recipient};
use leadkit::store::Key;
use leadkit::time::Instant;
use smol_str::SmolStr;

use crate::ledger::{Ledger, MessageTally, crowded};

/// A message that a worker handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// Whose.
    pub tenant: Tenant,
    /// Which message.
    pub message: MessageId,
    /// Which attempt.
    pub attempt: u32,
    /// Marketing or alert.
    pub class: Class,
    /// From which address, as a key.
    pub from: SmolStr,
    /// To which address, as a key.
    pub to: SmolStr,
    /// To which contact it was then, if that was seen: who is merged may be another later.
    pub contact: Option<ContactId>,
    /// When, by the worker's clock.
    pub at: Instant,
    /// What truly became of it; `None` while it is under way, and for ever if the worker died.
    pub outcome: Option<Outcome>,
}

impl Dial {
    /// Whether the message may have arrived through it.
    #[must_use]
    pub fn may_have_gone(&self) -> bool {
        !matches!(
            self.outcome,
            Some(Outcome::Later { .. } | Outcome::Refused { .. })
        )
    }

    /// Whether it is known not to have been taken, so that it may be handed over again.
    fn is_free(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Later { .. }))
    }
}

/// What is wrong with the addresses of a hand-over, if it was announced.
fn wrongly_addressed(dial: &Dial, told: &MessageTally) -> Vec<(&'static str, String)> {
    let place = usize::try_from(dial.attempt).ok();
    let place = place.and_then(|attempt| attempt.checked_sub(1));
    let Some(ought) = place.and_then(|place| told.addresses.get(place)) else {
        return Vec::new();
    };
    let mut wrong = Vec::new();
    if ought.to.as_ref() != Some(&dial.to) {
        wrong.push("mail goes to whom it is for");
    }
    if !ought.from.contains(&dial.from) {
        wrong.push("mail comes from its own organisation");
    }
    let wrong = wrong.into_iter();
    wrong
        .map(|law| (law, format!("{dial:?}, which may be {ought:?}")))
        .collect()
}

/// The contact for whom a message is, as it stands.
fn contact_of(message: &Message) -> Option<ContactId> {
    match message.to {
        Recipient::Contact(contact) => Some(contact),
        _ => None,
    }
}

/// All hand-overs, in order.
#[derive(Clone, Debug, Default)]
pub struct Post {
    dials: Vec<Dial>,
    of_message: BTreeMap<(Tenant, MessageId), Vec<usize>>,
}

impl Post {
    /// All of them.
    #[must_use]
    pub fn dials(&self) -> &[Dial] {
        &self.dials
    }

    /// The hand-overs of a message.
    pub fn of<'a>(
        &'a self,
        tenant: &Tenant,
        message: MessageId,
    ) -> impl Iterator<Item = &'a Dial> + use<'a> {
        let places = self.of_message.get(&(tenant.clone(), message));
        let places = places.map_or(&[][..], Vec::as_slice).iter();
        places.filter_map(|place| self.dials.get(*place))
    }

    /// A hand-over begins. Returns its place, for [`Post::end`].
    pub fn begin(&mut self, message: &Outgoing, ledger: &mut Ledger) -> usize {
        let key = Key::message(&message.tenant, message.id);
        let contact = ledger.record::<Message>(&key).and_then(contact_of);
        let dial = Dial {
            tenant: message.tenant.clone(),
            message: message.id,
            attempt: message.attempt,
            class: message.class,
            from: message.from.email.key(),
            to: message.to.email.key(),
            contact,
            at: message.at,
            outcome: None,
        };
        self.add(dial, ledger)
    }

    /// Takes over a hand-over, and holds it to the laws.
    pub fn add(&mut self, dial: Dial, ledger: &mut Ledger) -> usize {
        let key = Key::message(&dial.tenant, dial.message);
        let told = ledger.message(&key).cloned().unwrap_or_default();
        let mut broken = Vec::new();
        if told.attempts < dial.attempt {
            broken.push(("hand-overs are announced", format!("{dial:?}: {told:?}")));
        }
        if ledger.is_whole() {
            broken.extend(wrongly_addressed(&dial, &told));
        }
        for earlier in self.of(&dial.tenant, dial.message) {
            if earlier.attempt == dial.attempt {
                let what = format!("{dial:?} after {earlier:?}");
                broken.push(("an attempt is made once", what));
                continue;
            }
            let again = told.sent_again_after.iter();
            let was_settled = again
                .into_iter()
                .any(|after| (earlier.attempt..dial.attempt).contains(after));
            if dial.class == Class::Marketing && !earlier.is_free() && !was_settled {
                let what = format!("{dial:?} after {earlier:?}");
                broken.push(("marketing goes once", what));
            }
        }
        for (law, what) in broken {
            ledger.find(law, what, Some(&key));
        }
        let place = self.dials.len();
        let of_message = (dial.tenant.clone(), dial.message);
        self.of_message.entry(of_message).or_default().push(place);
        self.dials.push(dial);
        place
    }

    /// What truly became of a hand-over.
    pub fn end(&mut self, place: usize, outcome: Outcome) {
        if let Some(dial) = self.dials.get_mut(place) {
            dial.outcome = Some(outcome);
        }
    }

    /// Whether no stretch of time holds more marketing to one contact than a tenant's cap.
    pub fn hold_to_cap(&self, tenant: &Tenant, ledger: &mut Ledger) {
        let Some(cap) = ledger.cap(tenant) else {
            return;
        };
        let mut by_contact: BTreeMap<ContactId, Vec<&Dial>> = BTreeMap::new();
        let dials = self.dials.iter().filter(|dial| dial.tenant == *tenant);
        for dial in dials.filter(|dial| dial.class == Class::Marketing && dial.may_have_gone()) {
            let message = ledger.record::<Message>(&Key::message(tenant, dial.message));
            if let Some(contact) = dial.contact.or_else(|| message.and_then(contact_of)) {
                by_contact.entry(contact).or_default().push(dial);
            }
        }
        for (to, mut dials) in by_contact {
            dials.sort_by_key(|dial| dial.at);
            let mut crowded = crowded(cap, &dials, |dial| dial.at);
            if let Some(stretch) = crowded.next() {
                let what = format!("{cap:?} to {to}: {stretch:?}");
                let last = stretch
                    .last()
                    .map(|last| Key::message(tenant, last.message));
                ledger.find("caps hold", what, last.as_ref());
            }
        }
    }
}
