//! The server's clock, which no worker's may be far off: where all of them are on one machine, that is the
//! machine's; where they are on many, the one that they share.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use leadkit::store::Lease;
use leadkit::time::{Elapsed, Instant};

use crate::error::{Failure, Result};
use crate::session::Session;

const SERVER_NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// How long what the server's clock says is counted on from before it is asked again.
const COUNTED_FOR: Duration = Duration::from_secs(60);

/// What the server's clock said, and when that was.
#[derive(Debug, Default)]
pub(crate) struct ServerClock {
    said: Mutex<Option<(Instant, tokio::time::Instant)>>,
}

/// A worker's clock, by how far it is ahead of this machine's: to be taken before anything is waited for,
/// which can take longer than a clock may be off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkerClock {
    ahead: Elapsed,
}

impl WorkerClock {
    pub(crate) fn that_says(now: Instant) -> Self {
        let ahead = now.signed_duration_since(system_now());
        Self { ahead }
    }

    fn is_off(self, server: Instant) -> bool {
        let now = system_now().checked_add_signed(self.ahead);
        let off = now.map(|now| now.signed_duration_since(server).abs());
        off.is_none_or(|off| off > Lease::CLOCK_TOLERANCE)
    }
}

impl ServerClock {
    /// Whether a worker's clock is further off the server's than is put up with. The server is asked, before
    /// anybody is refused.
    pub(crate) async fn refuses(&self, clock: WorkerClock, session: Session<'_>) -> Result<bool> {
        if self
            .counted_on()
            .is_some_and(|server| !clock.is_off(server))
        {
            return Ok(false);
        }
        Ok(clock.is_off(self.ask(session).await?))
    }

    fn counted_on(&self) -> Option<Instant> {
        let said = *self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let (server, when) = said?;
        let since = Some(when.elapsed()).filter(|since| *since < COUNTED_FOR)?;
        server.checked_add_signed(Elapsed::from_std(since).ok()?)
    }

    async fn ask(&self, session: Session<'_>) -> Result<Instant> {
        let rows = session.query(SERVER_NOW, &[]).await?;
        let server = rows.first().map(|row| row.try_get(0)).transpose()?;
        let server = server.and_then(Instant::from_timestamp_micros);
        let server = server.ok_or(Failure::Unreadable("clock_timestamp"))?;
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        *said = Some((server, tokio::time::Instant::now()));
        Ok(server)
    }
}

/// What the system's clock says.
#[expect(
    clippy::disallowed_methods,
    reason = "only to refuse a `now` that is far off: nothing is decided by it"
)]
fn system_now() -> Instant {
    std::time::SystemTime::now().into()
}
