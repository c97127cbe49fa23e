//! What one command writes, and what becomes of it.

use smol_str::SmolStr;

use super::{Key, Kind, Misuse, StoreError, Wakes};
use crate::ids::{CommandId, Tenant};
use crate::value::{self, Value};

/// Names one write of a record; an absent record has version 0. Below 2^63, so that stores with
/// signed numbers can keep it.
///
/// A bare count would not do: who decides about a record before an earlier change of it is
/// written counts on that change, and if it comes to nothing while somebody else writes, the
/// record has been written as often as was expected, and is not what was expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// The version of a record that isn't there.
    pub const ABSENT: Self = Self(0);

    /// The version that a write gives to a record read at this one.
    #[must_use]
    pub const fn next(self) -> Self {
        self.next_stamped(0)
    }

    /// The version that a write gives to a record read at this one, and no other write that has
    /// another stamp. Stamps have 31 bits.
    #[must_use]
    pub const fn next_stamped(self, stamp: u32) -> Self {
        // 0 is for what is absent.
        let count = match self.count().wrapping_add(1) {
            0 => 1,
            count => count,
        };
        Self(((stamp & 0x7fff_ffff) as u64) << 32 | count as u64)
    }

    /// How often the record was written since it was absent, modulo 2^32.
    #[must_use]
    pub const fn count(self) -> u32 {
        (self.0 & 0xffff_ffff) as u32
    }
}

/// A fact of a record that may be filtered on, as the core computed it. Text is folded.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredFact {
    /// Its name in the fact catalogue (`stage`) or the field's name (`product`).
    pub name: SmolStr,
    /// Its value. A missing fact is not listed.
    pub value: Value,
}

impl StoredFact {
    /// A fact in the form in which stores keep it: text is folded.
    #[must_use]
    pub fn new(name: impl Into<SmolStr>, value: impl Into<Value>) -> Self {
        let value = match value.into() {
            Value::Text(text) => Value::Text(value::fold(&text)),
            other => other,
        };
        let name = name.into();
        Self { name, value }
    }
}

/// Everything that one command writes: all of it or nothing.
///
/// Exhaustive on purpose: an adapter destructures it, so that a new part can't be forgotten.
#[derive(Clone, Debug, PartialEq)]
pub struct Changes {
    /// Whose records. Every key in here has this tenant.
    pub tenant: Tenant,
    /// The command; once it is in the journal it is never carried out again.
    pub command: CommandId,
    /// Records that must still have this version although they aren't written.
    pub checks: Vec<Check>,
    /// Records to write or remove, each once.
    pub puts: Vec<Put>,
    /// The journal's entry for this command.
    pub journal: Vec<u8>,
}

impl Changes {
    /// Whether a store may be asked to commit this; every store asks before it writes.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Invalid`](super::StoreErrorKind::Invalid), with the [`Misuse`] as its source.
    pub fn check(&self) -> Result<(), StoreError> {
        let misused = |misuse| Err(StoreError::misused("commit", misuse));
        let put = self.puts.iter().map(|put| &put.key);
        for key in put.chain(self.checks.iter().map(|check| &check.key)) {
            if key.tenant != self.tenant {
                return misused(Misuse::OtherTenant);
            }
            if key.kind == Kind::Journal {
                return misused(Misuse::JournalKey);
            }
        }
        for (place, put) in self.puts.iter().enumerate() {
            if !put.facts.is_empty() && !put.key.kind.has_facts() {
                return misused(Misuse::NoFacts);
            }
            let same = |other: &Put| other.key.id == put.key.id && other.key.kind == put.key.kind;
            if self.puts[..place].iter().any(same) {
                return misused(Misuse::PutTwice);
            }
        }
        Ok(())
    }
}

/// A record that a decision relied on. It holds until the change is written; but what isn't there
/// need not be held: see [`Store::commit`](super::Store::commit).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Which.
    pub key: Key,
    /// The version that the decision read, [`Version::ABSENT`] for "there is none".
    pub version: Version,
}

/// A record to write or remove.
#[derive(Clone, Debug, PartialEq)]
pub struct Put {
    /// Which record.
    pub key: Key,
    /// The version that the decision read; written only if it still is.
    pub read: Version,
    /// The version that it makes.
    pub makes: Version,
    /// Its new bytes, or `None` to remove it.
    pub body: Option<Vec<u8>>,
    /// When it wants to be woken next, and by whom, if ever.
    pub wakes: Option<Wakes>,
    /// All its stored facts, each name once; they replace the earlier ones.
    pub facts: Vec<StoredFact>,
}

/// What became of one [`Changes`] of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// All of it is written, durably.
    Written,
    /// Its command is in the journal already. Nothing was written.
    AlreadyDone,
    /// These records have other versions than the ones read. Nothing was written.
    Moved(Vec<Key>),
}
