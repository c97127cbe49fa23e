//! Records that are woken again and again.

use rustc_hash::FxHashMap;

use crate::store::Key;
use crate::time::{Elapsed, Instant};

/// How often one record may be woken within an hour: more often than a playbook can have rules. Beyond
/// that they start each other without end, and the record is set aside.
const MOST_WAKES: u32 = 1_024;
/// How long is counted.
const COUNTED_FOR: Elapsed = Elapsed::hours(1);

/// How often each record was woken lately.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    since: Option<Instant>,
    /// Looked up by key, and never gone through.
    counts: FxHashMap<Key, u32>,
}

impl Wakes {
    /// Counts one, and tells whether there were too many.
    pub(super) fn are_too_many(&mut self, key: &Key, now: Instant) -> bool {
        let counted_since = *self.since.get_or_insert(now);
        if now.signed_duration_since(counted_since).abs() > COUNTED_FOR {
            self.clear();
            self.since = Some(now);
        }
        let count = self.counts.entry(key.clone()).or_default();
        *count += 1;
        *count > MOST_WAKES
    }

    /// Begins to count anew.
    pub(super) fn clear(&mut self) {
        self.since = None;
        self.counts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Id, LeadId};

    #[test]
    fn what_is_woken_seldom_is_woken_as_often_as_it_likes() {
        let key = Key::lead(&"quito".into(), LeadId(Id::named("lead", "one")));
        let is_runaway = |every: Elapsed| {
            let mut wakes = Wakes::default();
            let mut now = Instant::UNIX_EPOCH;
            (0..10 * MOST_WAKES).any(|_| {
                now += every;
                wakes.are_too_many(&key, now)
            })
        };
        assert!(!is_runaway(Elapsed::minutes(1)));
        assert!(is_runaway(Elapsed::seconds(1)));
        assert!(is_runaway(Elapsed::zero()));
    }

    #[test]
    fn what_was_woken_an_hour_ago_is_forgotten() {
        let mut wakes = Wakes::default();
        let mut now = Instant::UNIX_EPOCH;
        for n in 0..10_000 {
            now += Elapsed::seconds(10);
            let lead = LeadId(Id::named("lead", &n.to_string()));
            wakes.are_too_many(&Key::lead(&"quito".into(), lead), now);
            assert!(wakes.counts.len() <= 361);
        }
    }
}
