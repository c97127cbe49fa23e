//! Questions for records: selections and counts.

use smol_str::SmolStr;

use super::{Key, Kind, Misuse, StoreError};
use crate::condition::Filter;
use crate::ids::{Id, Tenant};
use crate::value::Value;

/// A question for the records of one kind that a filter lets through.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// Whose records.
    pub tenant: Tenant,
    /// Of what kind.
    pub kind: Kind,
    /// Which of them.
    pub filter: Filter,
    /// In what order.
    pub order: Order,
    /// Only those behind this position.
    pub after: Option<Cursor>,
    /// At most so many.
    pub limit: usize,
}

impl Select {
    /// Whether a store may be asked this; every store asks before it reads.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Invalid`](super::StoreErrorKind::Invalid), with the [`Misuse`] as its source.
    pub fn check(&self) -> Result<(), StoreError> {
        match self.kind {
            Kind::Journal => Err(StoreError::misused("select records", Misuse::JournalKey)),
            _ => Ok(()),
        }
    }
}

/// The order of a selection. Ties, and records without the fact, are ordered by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By id: for leads, the order of registration.
    #[default]
    Id,
    /// By a stored fact, the smallest first; records without it come last.
    Ascending(SmolStr),
    /// By a stored fact, the largest first; records without it come last.
    Descending(SmolStr),
}

impl Order {
    /// The fact that orders, unless it is the id.
    #[must_use]
    pub fn by(&self) -> Option<&str> {
        match self {
            Self::Id => None,
            Self::Ascending(name) | Self::Descending(name) => Some(name),
        }
    }
}

/// A position in a selection: just behind the record with this value and id.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    /// The record's value of the fact that orders; `None` when it has none, or in order of id.
    pub value: Option<Value>,
    /// The record's id.
    pub id: Id,
}

/// A page of a selection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The records' keys, in order.
    pub keys: Vec<Key>,
    /// Where the next page begins, unless this is the last.
    pub next: Option<Cursor>,
}

/// A question for how many records a filter lets through, by groups of equal facts.
#[derive(Clone, Debug, PartialEq)]
pub struct Count {
    /// Whose records.
    pub tenant: Tenant,
    /// Of what kind.
    pub kind: Kind,
    /// Which of them.
    pub filter: Filter,
    /// The stored facts by which to group; none for a single total.
    pub by: Vec<SmolStr>,
}

impl Count {
    /// Whether a store may be asked this; every store asks before it reads.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Invalid`](super::StoreErrorKind::Invalid), with the [`Misuse`] as its source.
    pub fn check(&self) -> Result<(), StoreError> {
        match self.kind {
            Kind::Journal => Err(StoreError::misused("count records", Misuse::JournalKey)),
            _ => Ok(()),
        }
    }
}

/// One group of a count.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// The group's values, in the order of [`Count::by`]; `None` where missing. Text is folded.
    pub values: Vec<Option<Value>>,
    /// How many records.
    pub count: u64,
}
