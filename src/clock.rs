//! The port to time: `now`, and waiting until some instant. The one place that reads a clock.

use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use async_trait::async_trait;

use crate::time::{Elapsed, Instant};

/// Tells the time, and waits.
#[async_trait]
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The time now, in UTC.
    fn now(&self) -> Instant;

    /// Returns at `until`, or at once if it is past.
    async fn sleep_until(&self, until: Instant);

    /// Returns once so much real time has passed, also where this clock is virtual: how long the
    /// engine waits for a mailer. A clock of a test's own may return at once.
    async fn wait_out(&self, patience: Elapsed);
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
        self.wait_out(until.signed_duration_since(self.now())).await;
    }

    async fn wait_out(&self, patience: Elapsed) {
        wait(patience).await;
    }
}

async fn wait(long: Elapsed) {
    if let Ok(long) = long.to_std() {
        futures_timer::Delay::new(long).await;
    }
}

/// A clock that stands still until it is set: for tests, rehearsals and replays.
///
/// Give a clone of it to the engine ([`EngineBuilder::clock`](crate::engine::EngineBuilder::clock)),
/// keep the other, and let time go on with [`Engine::live_until`](crate::engine::Engine::live_until).
/// Under [`Engine::run`](crate::engine::Engine::run) it goes on also while a store or a mailer is waited for.
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

    async fn wait_out(&self, patience: Elapsed) {
        wait(patience).await;
    }
}

/// Lets others go on, once.
pub(crate) async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Bits that differ from process to process, for the ids of commands that have none.
pub(crate) fn entropy() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    // The standard library seeds each `RandomState` from the operating system.
    std::hash::RandomState::new().build_hasher().finish()
}
