//! A contact: the person behind one or more leads; and claims, which keep things unique.

use chrono::serde::{ts_microseconds, ts_microseconds_option};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::email::Email;
use crate::ids::{AgentId, ContactId, Id, LeadId, MessageId, Name};
use crate::phone::{self, Dialling};
use crate::record::Lead;
use crate::record::referral::ReferralCode;
use crate::time::{Elapsed, Instant};

/// A person, with all that must be decided about them together: their open leads, and the
/// messages that count towards the cap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// The name, as first given.
    pub name: SmolStr,
    /// The e-mail address.
    pub email: Option<Email>,
    /// The phone number, as given.
    pub phone: Option<SmolStr>,
    /// Since when the contact wants no more marketing.
    #[serde(with = "ts_microseconds_option")]
    pub unsubscribed_at: Option<Instant>,
    /// Since when mail to the contact comes back for good.
    #[serde(with = "ts_microseconds_option")]
    pub email_invalid_at: Option<Instant>,
    /// The open leads, at most [`Contact::MOST_OPEN_LEADS`].
    pub leads: Vec<LeadId>,
    /// The messages that count towards the cap.
    pub book: MessageBook,
    /// By what it is known, at most [`Contact::MOST_IDENTITIES`].
    pub identities: Vec<Identity>,
    /// The contacts that are possibly the same person, since they share an identity; the latest last. At
    /// most [`Contact::MOST_DUPLICATES`]: the first ones are forgotten here, and still know this one, even
    /// when they share nothing any more.
    pub duplicates: Vec<ContactId>,
    /// Closed leads that keep a place in a base, the latest last; at most [`Contact::MOST_OPEN_LEADS`].
    pub keeping: Vec<LeadId>,
    /// The contact that it was merged into, which stands for it since then; the rest of it stays as it was,
    /// but that closed leads which come to that contact later, as when they are reopened, are added to its
    /// leads, and messages that go to that contact instead leave its book.
    pub merged_into: Option<ContactId>,
    /// What it took over from contacts that were merged into it, the latest last; at most
    /// [`Contact::MOST_TAKEN`].
    pub taken: Vec<Taken>,
    /// The contacts of which somebody said that they are other persons, whatever they share; at most
    /// [`Contact::MOST_DISTINCT`].
    pub distinct: Vec<ContactId>,
}

/// A contact that was merged into another one, and what that one had before of what was joined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// The contact that was merged into it.
    pub from: ContactId,
    /// Whether it took over the e-mail address, since it had none.
    pub email: bool,
    /// Whether it took over the phone number, since it had none.
    pub phone: bool,
    /// By what it was known before.
    pub identities: Vec<Identity>,
    /// Its possible duplicates before.
    pub duplicates: Vec<ContactId>,
    /// Who was distinct from it before.
    pub distinct: Vec<ContactId>,
}

/// Something by which a contact is known: a claim, if nobody else is known by it already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// What sort of thing it is.
    pub sort: IdentitySort,
    /// The claim to it.
    pub claim: Id,
}

/// By what a contact can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum IdentitySort {
    /// The e-mail address.
    Email,
    /// The phone number.
    Phone,
    /// A tax number.
    TaxNumber,
}

words!(IdentitySort {
    Email = "email",
    Phone = "phone",
    TaxNumber = "tax-number"
});

impl Identity {
    /// An e-mail address.
    #[must_use]
    pub fn email(email: &Email) -> Self {
        let claim = Claim::to_email(email);
        let sort = IdentitySort::Email;
        Self { sort, claim }
    }

    /// A phone number, where numbers that name no country are at `home`; `None` if it can't be one
    /// person's ([`phone::is_of_somebody`]).
    #[must_use]
    pub fn phone(said: &str, home: Option<&Dialling>) -> Option<Self> {
        let said = Some(said).filter(|said| phone::is_of_somebody(said))?;
        let claim = Id::named("contact-by-phone", &phone::key(said, home)?);
        let sort = IdentitySort::Phone;
        Some(Self { sort, claim })
    }

    /// A tax number in its compact form.
    #[must_use]
    pub fn tax_number(compact: &str) -> Self {
        let claim = Id::named("contact-by-tax-number", compact);
        let sort = IdentitySort::TaxNumber;
        Self { sort, claim }
    }
}

impl Contact {
    /// By how many things one contact can be known; one more names nobody.
    pub const MOST_IDENTITIES: usize = 16;
    /// How many possible duplicates one contact knows.
    pub const MOST_DUPLICATES: usize = 16;
    /// How many contacts can be called distinct from one.
    pub const MOST_DISTINCT: usize = 64;
    /// How many contacts can be merged into one.
    pub const MOST_TAKEN: usize = 16;
    /// How many open leads one contact can have; a further registration is refused.
    pub const MOST_OPEN_LEADS: usize = 64;

    /// The e-mail addresses by which it is known: its own, and those of whom it stands for.
    pub fn addresses(&self) -> impl Iterator<Item = Identity> + '_ {
        let own = self.email.as_ref().map(Identity::email);
        let others = self.identities.iter().copied();
        let others =
            others.filter(move |known| known.sort == IdentitySort::Email && Some(*known) != own);
        own.into_iter().chain(others)
    }

    /// Notes that a closed lead keeps a place in a base, if it does; of too many, the oldest go.
    pub(crate) fn keep(&mut self, lead: &Lead) {
        if lead.claims.is_empty() {
            return;
        }
        self.keeping.push(lead.id);
        let too_many = self.keeping.len().saturating_sub(Self::MOST_OPEN_LEADS);
        self.keeping.drain(..too_many);
    }

    /// What both contacts are known by.
    pub fn shares<'c>(&'c self, other: &'c Self) -> impl Iterator<Item = IdentitySort> + 'c {
        let own = self.identities.iter();
        own.filter(|identity| other.identities.contains(identity))
            .map(|identity| identity.sort)
    }
}

/// What can be known of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ContactPart {
    /// The name.
    Name,
    /// The phone number.
    Phone,
    /// The e-mail address.
    Email,
}

words!(ContactPart {
    Name = "name",
    Phone = "phone",
    Email = "e-mail address"
});

/// When messages went, or will go, to a contact: what a rolling cap counts.
///
/// It has [`MessageBook::MOST`] slots: where a rule is faster than the cap lets its messages go, the
/// queue does not grow without end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageBook {
    slots: Vec<Slot>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Slot {
    #[serde(with = "ts_microseconds")]
    at: Instant,
    /// Who holds it; nobody when the message that may have gone here was sent again.
    message: Option<MessageId>,
}

/// At most `most` messages in any `within`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// How many.
    pub most: u32,
    /// In any stretch of this length.
    pub within: Elapsed,
}

impl Cap {
    /// The highest cap: well below the slots of a book, so that there is room for what waits.
    pub const HIGHEST: u32 = 100;
}

impl MessageBook {
    /// How many messages can hold a slot.
    pub const MOST: usize = 256;

    /// The earliest instant, `from` or later, at which this message keeps within the cap, whether
    /// it holds a slot already or not; `None` when there is none before the end of time, or when
    /// other messages hold all slots.
    #[must_use]
    pub fn earliest(&self, cap: Cap, message: MessageId, from: Instant) -> Option<Instant> {
        let most = usize::try_from(cap.most).unwrap_or(usize::MAX);
        if most == 0 {
            return None;
        }
        let forget_before = forget_before(cap, from);
        let held = self
            .slots
            .iter()
            .filter(|slot| slot.at >= forget_before && slot.message != Some(message));
        if held.count() >= Self::MOST {
            return None;
        }
        let mut at = from;
        // Each turn moves `at` behind another slot, so this ends.
        for _ in 0..=self.slots.len() {
            let Some(clear) = self.crowded_until(cap.within, most, message, at)? else {
                return Some(at);
            };
            at = clear;
        }
        Some(at)
    }

    /// If a message at `at` made some stretch hold more than `most`: when that stretch is over.
    fn crowded_until(
        &self,
        within: Elapsed,
        most: usize,
        message: MessageId,
        at: Instant,
    ) -> Option<Option<Instant>> {
        let from = at.checked_sub_signed(within).unwrap_or(Instant::MIN_UTC);
        let to = at.checked_add_signed(within).unwrap_or(Instant::MAX_UTC);
        let near: Vec<Instant> = self
            .slots
            .iter()
            .filter(|slot| slot.message != Some(message))
            .map(|slot| slot.at)
            .filter(|slot| from < *slot && *slot < to)
            .collect();
        for stretch in near.windows(most) {
            let (first, last) = (stretch[0].min(at), stretch[most - 1].max(at));
            if last.signed_duration_since(first) < within {
                return Some(Some(stretch[0].checked_add_signed(within)?));
            }
        }
        Some(None)
    }

    /// Takes the slot of a message at the instant that [`MessageBook::earliest`] gave. Slots that
    /// count towards the cap no more, `now`, are forgotten when there are too many of them, and not
    /// by their age: a worker whose clock runs ahead, by however much, must not make the others
    /// forget what counts.
    pub fn take(&mut self, cap: Cap, message: MessageId, at: Instant, now: Instant) {
        let forget_before = forget_before(cap, now);
        self.slots.retain(|slot| slot.message != Some(message));
        let over = self.slots.len().saturating_sub(Self::MOST_REMEMBERED);
        let old = self.slots.partition_point(|slot| slot.at < forget_before);
        self.slots.drain(..over.min(old));
        let place = self.slots.partition_point(|slot| slot.at <= at);
        let message = Some(message);
        self.slots.insert(place, Slot { at, message });
    }

    /// More than any cap counts.
    const MOST_REMEMBERED: usize = 128;

    /// Gives the slot of a dropped message back.
    pub fn release(&mut self, message: MessageId) {
        self.slots.retain(|slot| slot.message != Some(message));
    }

    /// Leaves the slot of a message that may have arrived where it is, and lets the message, which
    /// a person sends again, take another one.
    pub fn leave(&mut self, message: MessageId) {
        for slot in &mut self.slots {
            slot.message = slot.message.filter(|held| *held != message);
        }
    }

    /// Takes the slots of another book in, so that the cap counts both.
    pub fn join(&mut self, other: &Self) {
        self.slots.extend(other.slots.iter().cloned());
        self.slots.sort_by_key(|slot| slot.at);
    }

    /// Gives the slots back that came with another book, as they are now: a message that was sent since
    /// or dropped takes its slot along, or has none.
    #[must_use]
    pub fn part(&mut self, other: &Self) -> Self {
        let mut parted = Self::default();
        for theirs in &other.slots {
            let is_theirs = |slot: &Slot| match theirs.message {
                Some(message) => slot.message == Some(message),
                None => slot == theirs,
            };
            if let Some(place) = self.slots.iter().position(is_theirs) {
                parted.slots.push(self.slots.remove(place));
            }
        }
        parted.slots.sort_by_key(|slot| slot.at);
        parted
    }

    /// How many slots are held, or left behind by what may have arrived.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether none does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

/// What is older counts towards no stretch that can still be filled.
fn forget_before(cap: Cap, now: Instant) -> Instant {
    now.checked_sub_signed(cap.within)
        .unwrap_or(Instant::MIN_UTC)
}

/// A record of which there is one for its key: who holds an identity, a place or a code, or that an address
/// wants no marketing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Claim {
    /// The contact that this identity names.
    Contact(ContactId),
    /// The open lead that holds this place in a base.
    Lead(LeadId),
    /// The agent whose referral code this is.
    Agent(AgentId),
    /// No marketing goes to this e-mail address, whoever has it.
    Suppressed {
        /// Since when.
        #[serde(with = "ts_microseconds")]
        since: Instant,
    },
}

impl Claim {
    /// The claim to an e-mail address as a contact's identity.
    #[must_use]
    pub fn to_email(email: &Email) -> Id {
        Id::named("contact-by-email", &email.key())
    }

    /// What is said of a contact's e-mail address when no marketing is wanted there.
    #[must_use]
    pub fn to_suppression(address: Identity) -> Id {
        Id::named("suppression", &address.claim.to_string())
    }

    /// The claim to a referral code.
    #[must_use]
    pub fn to_code(code: &ReferralCode) -> Id {
        Id::named("referral-code", code.as_str())
    }

    /// The claim to a place in a base: its name and the values that must be unique in it.
    #[must_use]
    pub fn to_place(base: &Name, values: &[SmolStr]) -> Id {
        let mut text = String::from(base.as_str());
        for value in values {
            text.push('\u{1f}');
            text.push_str(value);
        }
        Id::named("base", &text)
    }
}

/// What is dialled of a phone number, however it is written.
#[must_use]
pub fn dialled(phone: &str) -> String {
    phone
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == '+')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::CommandId;
    use proptest::prelude::*;

    fn day(n: i64) -> Instant {
        Instant::UNIX_EPOCH + Elapsed::days(20_000 + n)
    }

    fn message(n: u32) -> MessageId {
        MessageId(Id::derived(day(0), &CommandId::of("test"), "message", n))
    }

    const THREE_A_WEEK: Cap = Cap {
        most: 3,
        within: Elapsed::days(7),
    };

    /// Mautic delays the fourth of "three a week" by three weeks.
    #[test]
    fn the_fourth_of_three_a_week_waits_until_the_first_is_a_week_old() {
        let mut book = MessageBook::default();
        for n in 0..3 {
            assert_eq!(
                book.earliest(THREE_A_WEEK, message(9), day(n)),
                Some(day(n))
            );
            book.take(
                THREE_A_WEEK,
                message(u32::try_from(n).unwrap()),
                day(n),
                day(0),
            );
        }
        assert_eq!(
            book.earliest(THREE_A_WEEK, message(9), day(3)),
            Some(day(7))
        );
        book.release(message(1));
        assert_eq!(
            book.earliest(THREE_A_WEEK, message(9), day(3)),
            Some(day(3))
        );
    }

    #[test]
    fn a_worker_whose_clock_runs_ahead_makes_nobody_forget_what_counts() {
        let mut book = MessageBook::default();
        for n in 0..3 {
            book.take(THREE_A_WEEK, message(n), day(0), day(0));
        }
        book.take(THREE_A_WEEK, message(3), day(3_000), day(3_000));
        assert_eq!(
            book.earliest(THREE_A_WEEK, message(9), day(1)),
            Some(day(7))
        );
        // Nor does the book grow for ever.
        for n in 0..1_000 {
            book.take(THREE_A_WEEK, message(n), day(n.into()), day(n.into()));
        }
        assert!(book.len() <= 129, "{}", book.len());
    }

    #[test]
    fn a_cap_of_none_lets_nothing_through() {
        let none = Cap {
            most: 0,
            within: Elapsed::days(7),
        };
        assert_eq!(
            MessageBook::default().earliest(none, message(9), day(0)),
            None
        );
    }

    #[test]
    fn a_full_book_has_no_room_until_slots_are_old() {
        let mut book = MessageBook::default();
        for n in 0..300 {
            let at = book.earliest(THREE_A_WEEK, message(n), day(0));
            match at {
                Some(at) => book.take(THREE_A_WEEK, message(n), at, day(0)),
                None => assert!(n >= 256, "{n}"),
            }
        }
        assert_eq!(book.len(), MessageBook::MOST);
        // Who holds a slot can still move it.
        assert!(book.earliest(THREE_A_WEEK, message(255), day(0)).is_some());
        assert_eq!(book.earliest(THREE_A_WEEK, message(999), day(6)), None);
        // A week on, the first three count no more.
        let at = book.earliest(THREE_A_WEEK, message(999), day(8)).unwrap();
        book.take(THREE_A_WEEK, message(999), at, day(8));
        assert_eq!(book.len(), MessageBook::MOST - 2);
    }

    proptest! {
        #[test]
        fn no_stretch_ever_holds_more_than_the_cap(
            wishes in prop::collection::vec(0i64..40, 1..30),
            most in 1u32..5,
            days in 1i64..10,
        ) {
            let cap = Cap { most, within: Elapsed::days(days) };
            let mut book = MessageBook::default();
            for (n, wish) in wishes.into_iter().enumerate() {
                let at = book.earliest(cap, message(u32::MAX), day(wish)).unwrap();
                prop_assert!(at >= day(wish));
                book.take(cap, message(u32::try_from(n).unwrap()), at, day(0));
            }
            for window in book.slots.windows(most as usize + 1) {
                prop_assert!(window[most as usize].at - window[0].at >= cap.within);
            }
        }
    }
}
