//! Trying again, a little later each time.

use super::Error;
use crate::store::StoreErrorKind;
use crate::time::Elapsed;

/// How long a store is left alone that could not be reached, at first.
const SHORTEST_PAUSE: Elapsed = Elapsed::seconds(1);
/// And at most.
const LONGEST_PAUSE: Elapsed = Elapsed::seconds(30);

/// How long to leave a store alone that could not be reached: longer each time.
pub(super) struct Backoff {
    pause: Elapsed,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            pause: SHORTEST_PAUSE,
        }
    }
}

impl Backoff {
    pub(super) fn reset(&mut self) {
        self.pause = SHORTEST_PAUSE;
    }

    /// The error, if trying again can't help.
    pub(super) fn pause_after(&mut self, error: Error) -> Result<Elapsed, Error> {
        if !is_passing(&error) {
            return Err(error);
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        Ok(pause)
    }
}

/// Whether trying again can help.
pub(super) fn is_passing(error: &Error) -> bool {
    match error {
        Error::Store(error) => error.kind == StoreErrorKind::Unavailable,
        Error::Contended(_) => true,
        _ => false,
    }
}
