//! Telling records that have moved from those that somebody has in hand.

use std::collections::{BTreeMap, BTreeSet};

use crate::decide::Decision;
use crate::store::{Key, Version};

/// What was in vain in a round, to be told whether it ever will be otherwise. A record that has
/// moved has another version when it is loaded again; one that has the same is in somebody's hand, a
/// transaction of the host's that is open.
#[derive(Default)]
pub(super) struct Vain {
    /// What had moved in the round before.
    before: BTreeMap<Key, Version>,
    /// What has moved in this one.
    pub(super) moved: BTreeMap<Key, Version>,
    /// What would be written by those who were in vain.
    unwritten: BTreeSet<Key>,
    /// What is in somebody's hand.
    held: BTreeSet<Key>,
}

impl Vain {
    pub(super) fn since(before: BTreeMap<Key, Version>) -> Self {
        Self {
            before,
            ..Self::default()
        }
    }

    /// Notes a decision for which these records had moved, in the order of the jobs. Tells whether
    /// one of them is held.
    pub(super) fn is_held(&mut self, decision: &Decision, moved: Vec<Key>) -> bool {
        let mut is_held = false;
        for key in moved {
            // What builds on a decision that came to nothing tells nothing of the store.
            if !self.unwritten.contains(&key) {
                let read = version_read(decision, &key);
                if read.is_some() && self.before.get(&key).copied() == read {
                    self.held.insert(key.clone());
                }
                self.moved.extend(read.map(|read| (key.clone(), read)));
            }
            is_held |= self.held.contains(&key);
        }
        let writes = decision.writes.iter().map(|write| &write.key);
        self.unwritten.extend(writes.cloned());
        is_held
    }
}

/// At which version a decision rests on a record.
fn version_read(decision: &Decision, key: &Key) -> Option<Version> {
    let writes = decision.writes.iter().map(|write| (&write.key, write.read));
    let checks = decision.checks.iter();
    let mut reads = writes.chain(checks.map(|check| (&check.key, check.version)));
    reads.find(|(of, _)| *of == key).map(|(_, version)| version)
}
