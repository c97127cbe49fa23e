//! Records that can't be read: nothing can be noted on them, so a worker remembers by itself to
//! come back to them less and less often.

use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;

use super::pause::Pause;
use crate::store::Key;
use crate::time::{Elapsed, Instant};

/// How long a record is left alone after the first time.
const FIRST: Elapsed = Elapsed::minutes(1);
/// How long at most.
const LONGEST: Elapsed = Elapsed::hours(1);
/// How many are remembered; whatever is beyond is tried whenever its lease has ended.
const MOST: usize = 10_000;

/// What a worker could not read, and when it tries again.
#[derive(Debug, Default)]
pub(super) struct Damaged {
    /// Looked up by key; its order decides nothing.
    found: Mutex<FxHashMap<Key, Pause>>,
}

/// Whether a pause is so long over that whatever was damaged has been read since.
fn is_forgotten(pause: &Pause, now: Instant) -> bool {
    pause.over_for(now) > LONGEST
}

impl Damaged {
    /// Notes that a record could not be read.
    pub(super) fn note(&self, key: &Key, now: Instant) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= MOST {
            found.retain(|_, pause| !is_forgotten(pause, now));
        }
        let known = found.get(key).filter(|pause| !is_forgotten(pause, now));
        if known.is_some() || found.len() < MOST {
            let length = known.map_or(FIRST, |pause| (pause.length() * 2).min(LONGEST));
            found.insert(key.clone(), Pause::from(now, length));
        }
    }

    /// Whether a record could not be read lately, and is not tried yet.
    pub(super) fn is_left_alone(&self, key: &Key, now: Instant) -> bool {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.get(key).is_some_and(|pause| !pause.is_over(now))
    }
}
