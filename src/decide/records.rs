//! What a decision reads: records by key, as they were loaded.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::record::{Record, Recorded};
use crate::store::{Key, Version};

/// The records that are at hand for deciding. What isn't among them is asked for.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// Looked up by key, and never gone through: its order decides nothing.
    found: FxHashMap<Key, Found>,
}

/// A record as it was loaded: its version, and itself unless it is absent.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its version.
    pub version: Version,
    /// The record.
    pub record: Option<Arc<Record>>,
}

/// What stood where decisions were applied, in the order of applying.
pub(crate) type Applied = Vec<(Key, Option<Found>)>;

impl Records {
    /// None at hand.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a record at hand, or its absence.
    pub fn insert(&mut self, key: Key, version: Version, record: Option<Arc<Record>>) {
        self.found.insert(key, Found { version, record });
    }

    /// Puts at hand what a decision writes, so that the next decision builds on it. Returns
    /// what was there instead, in order.
    pub(crate) fn apply(&mut self, decision: &super::Decision) -> Applied {
        let apply = |write: &super::Write| {
            let version = match write.record {
                Some(_) => write.makes,
                None => Version::ABSENT,
            };
            let record = write.record.clone();
            let before = self
                .found
                .insert(write.key.clone(), Found { version, record });
            (write.key.clone(), before)
        };
        decision.writes.iter().map(apply).collect()
    }

    /// Puts back what was there before decisions were applied, the last one first.
    pub(crate) fn undo(&mut self, applied: Applied) {
        for (key, before) in applied.into_iter().rev() {
            match before {
                Some(found) => self.found.insert(key, found),
                None => self.found.remove(&key),
            };
        }
    }

    /// Forgets a record, so that it is loaded anew.
    pub fn forget(&mut self, key: &Key) {
        self.found.remove(key);
    }

    /// What was loaded under a key; `None` if nothing was.
    #[must_use]
    pub fn found(&self, key: &Key) -> Option<&Found> {
        self.found.get(key)
    }

    /// The record of this sort under a key, if it was loaded and is there.
    #[must_use]
    pub fn record<T: Recorded>(&self, key: &Key) -> Option<&T> {
        T::from_record(self.found.get(key)?.record.as_deref()?)
    }
}
