//! The port to time: `now`, and waiting until some instant. The one place that reads a clock.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::time::{Elapsed, Instant};

/// Tells the time, and waits.
#[async_trait]
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The time now, in UTC.
    fn now(&self) -> Instant;

    /// Returns at `until`, or at once if it is past.
    async fn sleep_until(&self, until: Instant);

    /// Returns when so much time has passed on the machine, whatever this clock shows: how long
    /// somebody outside is waited for. Virtual time stands still meanwhile.
    async fn outlast(&self, patience: Elapsed) {
        futures_timer::Delay::new(patience.to_std().unwrap_or_default()).await;
    }
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Instant {
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let micros = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
        Instant::from_timestamp_micros(micros).unwrap_or(Instant::UNIX_EPOCH)
    }

    async fn sleep_until(&self, until: Instant) {
        if let Ok(wait) = until.signed_duration_since(self.now()).to_std() {
            futures_timer::Delay::new(wait).await;
        }
    }
}

/// A clock that stands still until it is set: for tests, rehearsals and replays.
///
/// Give a clone of it to the engine ([`EngineBuilder::clock`](crate::engine::EngineBuilder::clock)),
/// keep the other, and let time go on with [`Engine::live_until`](crate::engine::Engine::live_until).
/// The store must allow it: [`MemoryStore`](crate::store::MemoryStore) does, one on disk only if it
/// was opened for that (`Options { virtual_time: true, .. }` of `leadkit-sqlite` and
/// `leadkit-postgres`), since on real leads a clock that is wrong would wake all of them at once. Else
/// it answers [`Misuse::OffClock`](crate::store::Misuse::OffClock).
#[derive(Clone, Debug)]
pub struct VirtualClock {
    now: Arc<Mutex<Instant>>,
}

impl VirtualClock {
    /// A clock that shows this instant.
    #[must_use]
    pub fn at(now: Instant) -> Self {
        Self {
            now: Arc::new(Mutex::new(now)),
        }
    }

    /// Sets the clock, forwards or back.
    pub fn set(&self, now: Instant) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Sets the clock forwards.
    pub fn advance(&self, by: Elapsed) {
        let now = self.now();
        self.set(now.checked_add_signed(by).unwrap_or(now));
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Virtual time passes at once: the clock is set to `until`.
    async fn sleep_until(&self, until: Instant) {
        if until > self.now() {
            self.set(until);
        }
    }
}

/// Bits that differ from process to process, for the ids of commands that have none.
pub(crate) fn entropy() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    // The standard library seeds each `RandomState` from the operating system.
    std::hash::RandomState::new().build_hasher().finish()
}
