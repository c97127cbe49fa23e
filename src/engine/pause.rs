//! Leaving something alone for a while, by a clock that may jump.

use crate::time::{Elapsed, Instant};

/// A while in which something is left alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    from: Instant,
    length: Elapsed,
}

impl Pause {
    pub(super) fn from(now: Instant, length: Elapsed) -> Self {
        Self { from: now, length }
    }

    pub(super) fn length(&self) -> Elapsed {
        self.length
    }

    /// Whether it is over by this clock. One that has not begun yet was begun before the clock was set
    /// back: else it would last for as long as that was.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let passed = now.signed_duration_since(self.from);
        passed < Elapsed::zero() || passed >= self.length
    }

    /// For how long it has been over; less than nothing, where it is not.
    pub(super) fn over_for(&self, now: Instant) -> Elapsed {
        now.signed_duration_since(self.from) - self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_lasts_its_length_and_no_longer_where_the_clock_is_set_back() {
        let from: Instant = "2026-03-02T10:00:00Z".parse().unwrap();
        let pause = Pause::from(from, Elapsed::seconds(30));
        for (seconds, is_over) in [
            (0, false),
            (29, false),
            (30, true),
            (-1, true),
            (-3600, true),
        ] {
            assert_eq!(
                pause.is_over(from + Elapsed::seconds(seconds)),
                is_over,
                "{seconds}"
            );
        }
    }
}
