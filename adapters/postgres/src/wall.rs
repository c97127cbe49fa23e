//! The server's clock, which no worker's may be far off: where all of them are on one machine, that is the
//! machine's; where they are on many, the one that they share.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use leadkit::store::Lease;
use leadkit::time::{Elapsed, Instant};

use crate::error::Result;
use crate::session::Session;

const SERVER_NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// How long it is believed that the machine's clock goes as the server's does.
const BELIEVED_FOR: Duration = Duration::from_secs(60);

/// How far the server's clock is ahead of this machine's.
#[derive(Debug, Default)]
pub(crate) struct ServerClock {
    measured: Mutex<Option<(tokio::time::Instant, Elapsed)>>,
}

impl ServerClock {
    /// Whether a clock is further off the server's than is put up with.
    pub(crate) async fn is_off(&self, now: Instant, session: Session<'_>) -> Result<bool> {
        let ahead = match self.known() {
            Some(ahead) => ahead,
            None => self.measure(session).await?,
        };
        let server = system_now().checked_add_signed(ahead).unwrap_or(now);
        Ok(now.signed_duration_since(server).abs() > Lease::CLOCK_TOLERANCE)
    }

    fn known(&self) -> Option<Elapsed> {
        let measured = *self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let (when, ahead) = measured?;
        (when.elapsed() < BELIEVED_FOR).then_some(ahead)
    }

    async fn measure(&self, session: Session<'_>) -> Result<Elapsed> {
        let rows = session.query(SERVER_NOW, &[]).await?;
        let server = rows.first().map(|row| row.try_get(0)).transpose()?;
        let server = server.and_then(Instant::from_timestamp_micros);
        let here = system_now();
        let ahead = server.unwrap_or(here).signed_duration_since(here);
        let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        *measured = Some((tokio::time::Instant::now(), ahead));
        Ok(ahead)
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
