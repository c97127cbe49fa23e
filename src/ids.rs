//! Identities: sixteen bytes for records, short text for what people name.
//!
//! No identity is drawn at random here. What a decision makes derives from its command
//! ([`Id::derived`]), so deciding twice makes the same things; a [`CommandId`] comes from the
//! host ([`CommandId::of`]), or from bits that the host's generator passes in.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher13};
use smol_str::SmolStr;
use std::hash::{Hash, Hasher};
use uuid::Uuid;

use crate::time::Instant;

/// Sixteen bytes that name a record within its tenant and kind.
///
/// Ids made by a decision begin with its instant (RFC 9562, version 7), so that they sort by
/// time and indexes grow at their end. Ids of things that are known by a text (an agent, a
/// claim) are that text's hash (version 8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id([u8; 16]);

impl Id {
    /// The id for the `ordinal`-th thing called `what` that the command `cause` makes at `at`.
    #[must_use]
    pub fn derived(at: Instant, cause: &CommandId, what: &str, ordinal: u32) -> Self {
        let hash = hash128(&[&cause.0.0, what.as_bytes(), &ordinal.to_le_bytes()]);
        Self::at(at, hash)
    }

    /// The id of the thing of this sort that is known by this text: the same text, the same id.
    #[must_use]
    pub fn named(sort: &str, text: &str) -> Self {
        let hash = hash128(&[sort.as_bytes(), text.as_bytes()]);
        Self(*uuid::Builder::from_custom_bytes(hash).as_uuid().as_bytes())
    }

    /// An id that begins with `at` and ends in bits that the caller chose.
    #[must_use]
    pub fn at(at: Instant, bits: [u8; 16]) -> Self {
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        let mut tail = [0; 10];
        tail.copy_from_slice(&bits[..10]);
        let builder = uuid::Builder::from_unix_timestamp_millis(millis, &tail);
        Self(*builder.as_uuid().as_bytes())
    }

    /// The id with exactly these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The sixteen bytes, as stores keep them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// A stable 128-bit hash (SipHash-1-3) of parts, each ended by its length: no two lists of
/// parts run together. Not meant to withstand an attacker: a collision is a version conflict.
pub(crate) fn hash128(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = SipHasher13::new();
    for part in parts {
        hasher.write(part);
        hasher.write(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
    }
    hasher.finish128().as_bytes()
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_bytes(self.0).hyphenated().fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no id; an id looks like 019ad0c4-2c10-7cc3-98c4-dc0c0c07398f")]
pub struct NotAnId {
    text: String,
}

impl FromStr for Id {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        match Uuid::parse_str(text) {
            Ok(uuid) => Ok(Self(*uuid.as_bytes())),
            Err(_) => Err(NotAnId { text: text.into() }),
        }
    }
}

macro_rules! record_id {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub Id);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                text.parse().map(Self)
            }
        }
    };
}

record_id!(
    /// Names a lead.
    LeadId
);
record_id!(
    /// Names a contact: the person behind one or more leads.
    ContactId
);
record_id!(
    /// Names a message.
    MessageId
);
record_id!(
    /// Names a sweep.
    SweepId
);
record_id!(
    /// Names an errand: what an action of the host's own leaves for the host to carry out.
    ErrandId
);
record_id!(
    /// Names a command. The journal is unique on it: a command that comes twice acts once.
    CommandId
);

impl CommandId {
    /// The id of the command that the host knows by this text (a webhook's delivery id, a line
    /// of an import). The same text always gives the same id, and so takes effect once.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Id::named("command", text))
    }

    /// The id of a command that another command, or a record's clock, gives rise to.
    #[must_use]
    pub fn following(at: Instant, parts: &[&[u8]]) -> Self {
        Self(Id::at(at, hash128(parts)))
    }
}

/// Whether two names are the same. They are short and compared all the time, so they are compared
/// word by word in place, which takes half as long as a call does.
#[inline]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    fn words<const N: usize>(a: &[u8], b: &[u8]) -> bool {
        // The last word may overlap the one before it.
        a.first_chunk::<N>() == b.first_chunk::<N>() && a.last_chunk::<N>() == b.last_chunk::<N>()
    }
    a.len() == b.len()
        && match a.len() {
            0..4 => a.iter().eq(b),
            4..8 => words::<4>(a, b),
            8..=16 => words::<8>(a, b),
            _ => a == b,
        }
}

macro_rules! text_id {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Clone, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(SmolStr);

        impl PartialEq for $name {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                is_same(self.0.as_bytes(), other.0.as_bytes())
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.0.hash(state);
            }
        }

        impl $name {
            /// The same, as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl From<SmolStr> for $name {
            fn from(text: SmolStr) -> Self {
                Self(text)
            }
        }

        impl From<&$name> for $name {
            fn from(name: &$name) -> Self {
                name.clone()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, text: &str) -> bool {
                self.0 == text
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, text: &&str) -> bool {
                self.0 == *text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.0.as_str(), f)
            }
        }
    };
}

text_id!(
    /// One organisation among those that share a store. Nothing crosses from one to another.
    Tenant
);
text_id!(
    /// The stable name of something in a playbook: a stage, a rule, a field, a role.
    ///
    /// Renaming it is a migration; changing its text is not.
    Name
);
text_id!(
    /// An agent, by the name under which the host knows them (`"ana"`, an employee number).
    AgentId
);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn what_a_command_makes_has_the_same_id_however_often_it_is_decided() {
        let noon = at("2026-03-06T12:00:00Z");
        let command = CommandId::of("webhook 7");
        let lead = Id::derived(noon, &command, "lead", 0);
        assert_eq!(lead, Id::derived(noon, &command, "lead", 0));
        assert_ne!(lead, Id::derived(noon, &command, "lead", 1));
        assert_ne!(lead, Id::derived(noon, &command, "contact", 0));
        assert_ne!(
            lead,
            Id::derived(noon, &CommandId::of("webhook 8"), "lead", 0)
        );
    }

    #[test]
    fn derived_ids_sort_by_time() {
        let command = CommandId::of("any");
        let earlier = Id::derived(at("2026-03-06T12:00:00Z"), &command, "lead", 9);
        let later = Id::derived(at("2026-03-06T12:00:00.001Z"), &command, "lead", 0);
        assert!(earlier < later);
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(hash128(&[b"ab", b"c"]), hash128(&[b"a", b"bc"]));
        assert_ne!(hash128(&[b"ab"]), hash128(&[b"ab", b""]));
    }

    #[test]
    fn an_id_reads_as_it_prints_and_other_text_is_refused() {
        let id = Id::named("agent", "ana");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("ana".parse::<Id>().is_err());
    }

    #[test]
    fn hashes_never_change_since_stores_keep_them() {
        assert_eq!(
            Id::named("agent", "ana").to_string(),
            "e3f2b13c-0b1b-8bad-97c8-504c9e4bf76b"
        );
    }
}
