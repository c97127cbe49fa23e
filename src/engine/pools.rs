//! Pools as they were last read or written. A pool of a thousand agents is large: to make a record of
//! its bytes takes longer than to choose among them, and every registration asks for it.

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

use super::job::Outcome;
use crate::record::Record;
use crate::store::{Key, Kind, Version};

/// How many are remembered; beyond that it is begun anew.
const MOST: usize = 256;

/// The pools of a store, each with the version that it had. A version names one write, so one that
/// a store tells again is that record again.
#[derive(Debug, Default)]
pub(super) struct KnownPools {
    /// Looked up by key; its order decides nothing.
    known: Mutex<FxHashMap<Key, (Version, Arc<Record>)>>,
}

impl KnownPools {
    /// The pool that a store has at this version, if that is known.
    pub(super) fn at(&self, key: &Key, version: Version) -> Option<Arc<Record>> {
        if key.kind != Kind::Pool {
            return None;
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (known_at, record) = known.get(key)?;
        (*known_at == version).then(|| Arc::clone(record))
    }

    /// Notes a pool that was read; other records are not remembered.
    pub(super) fn note(&self, key: &Key, version: Version, record: &Arc<Record>) {
        if key.kind != Kind::Pool {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST && !known.contains_key(key) {
            known.clear();
        }
        known.insert(key.clone(), (version, Arc::clone(record)));
    }

    /// Notes the pools that were written.
    pub(super) fn note_written(&self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            let Outcome::Written(decision, _) = outcome else {
                continue;
            };
            for write in &decision.writes {
                if let Some(record) = &write.record {
                    self.note(&write.key, write.makes, record);
                }
            }
        }
    }
}
