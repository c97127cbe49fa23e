//! How those who race are run.

use std::panic::resume_unwind;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, select};
use futures_timer::Delay;

use super::{BlockOn, Finding, same};

pub(super) const RACERS: u32 = 8;
/// How often a race is run that is over in a moment.
pub(super) const ROUNDS: u32 = 20;

/// How long a race is waited for: who isn't back by then waits for ever, as far as can be told.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 5 } else { 60 });

/// Runs each racer on a thread of its own, all from the same moment, and gives what they came
/// to, in their order. Within one task they would take turns where they await, and a store that
/// answers without awaiting would never be raced.
///
/// The thread of one that never comes back is left alone.
pub(super) async fn race<F, T, E>(
    block_on: BlockOn,
    racers: impl IntoIterator<Item = F>,
) -> Result<Vec<T>, Finding>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Into<Finding> + Send + 'static,
{
    let racers: Vec<F> = racers.into_iter().collect();
    let start = Arc::new(Barrier::new(racers.len()));
    let run = |racer: F| {
        let start = start.clone();
        let (tell, told) = oneshot::channel();
        let thread = thread::spawn(move || {
            start.wait();
            block_on(Box::pin(async move {
                // Nobody listens any more when the check was given up.
                let _ = tell.send(racer.await);
                Ok(())
            }))
        });
        (thread, told)
    };
    // All are begun before the first is waited for.
    let running: Vec<_> = racers.into_iter().map(run).collect();
    let mut ends = Vec::new();
    let mut patience = Delay::new(PATIENCE);
    for (thread, told) in running {
        let end = match select(told, &mut patience).await {
            Either::Left((end, _)) => end,
            Either::Right(_) => return Err(Finding::StillWaiting(PATIENCE)),
        };
        match end {
            Ok(end) => ends.push(end.map_err(Into::into)),
            Err(oneshot::Canceled) => {
                if let Err(panic) = thread.join() {
                    resume_unwind(panic);
                }
                same("whether a racer was run", false, true)?;
            }
        }
    }
    ends.into_iter().collect()
}
