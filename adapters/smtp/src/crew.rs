//! The threads that talk to the server, and the sessions that they share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use leadkit::mailer::Outcome;
use smol_str::SmolStr;

use crate::line::{after, now};
use crate::session::{Handed, Mail, Session};
use crate::settings::Settings;

/// How often idle sessions are looked at, at the most.
const LEAST_WATCH: Duration = Duration::from_millis(100);

/// A message to hand over.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) mail: Mail,
    /// When everything but the answer to its end must be done.
    pub(crate) until: Instant,
    /// Who asked may have gone meanwhile.
    pub(crate) answer: oneshot::Sender<Outcome>,
}

/// What the threads share.
#[derive(Debug)]
pub(crate) struct Crew {
    pub(crate) settings: Settings,
    jobs: Mutex<Receiver<Job>>,
    /// Sessions that nobody uses, the last used last. Taken from the end, so that one after the
    /// other needs only one.
    idle: Mutex<Vec<Session>>,
    /// Until when the server is left in peace, and why.
    trouble: Mutex<Option<(Instant, SmolStr)>>,
}

impl Crew {
    /// Starts `size` threads. They end when the last sender of jobs is gone.
    pub(crate) fn start(
        settings: Settings,
        size: usize,
    ) -> std::io::Result<(Sender<Job>, Arc<Self>)> {
        let (sender, jobs) = channel();
        let crew = Arc::new(Self {
            settings,
            jobs: Mutex::new(jobs),
            idle: Mutex::default(),
            trouble: Mutex::default(),
        });
        for _ in 0..size {
            let crew = Arc::clone(&crew);
            std::thread::Builder::new()
                .name("leadkit-smtp".into())
                .spawn(move || crew.serve())?;
        }
        Ok((sender, crew))
    }

    fn serve(&self) {
        while let Some(job) = self.next_job() {
            // Who dropped the future wants nothing sent any more.
            if job.answer.is_canceled() {
                continue;
            }
            let outcome = spared(|| self.hand_over(&job.mail, job.until));
            // Who asked may have gone meanwhile; the session has its answer, and is in step.
            let _ = job.answer.send(outcome);
        }
        let idle = std::mem::take(&mut *held(&self.idle));
        idle.into_iter().for_each(Session::quit);
    }

    /// The next job, as soon as there is one; meanwhile sessions that are idle too long end.
    fn next_job(&self) -> Option<Job> {
        let jobs = held(&self.jobs);
        loop {
            match jobs.recv_timeout(self.settings.timeouts.idle.max(LEAST_WATCH)) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.end_idle(),
            }
        }
    }

    fn end_idle(&self) {
        let mut idle = held(&self.idle);
        let (ended, kept) = std::mem::take(&mut *idle)
            .into_iter()
            .partition(|session| !self.is_fresh(session));
        *idle = kept;
        drop(idle);
        Vec::into_iter(ended).for_each(Session::quit);
    }

    fn is_fresh(&self, session: &Session) -> bool {
        now().duration_since(session.used_at) < self.settings.timeouts.idle
    }

    fn hand_over(&self, mail: &Mail, until: Instant) -> Outcome {
        loop {
            if now() >= until {
                let said = "no connection became free in time".into();
                return Outcome::Later { said };
            }
            let idle = held(&self.idle).pop();
            let session = match idle {
                Some(session) if !self.is_fresh(&session) => {
                    session.quit();
                    continue;
                }
                Some(session) => session,
                None => match self.begin(until) {
                    Ok(session) => session,
                    Err(said) => return Outcome::Later { said },
                },
            };
            match session.hand_over(mail, &self.settings, until) {
                Handed::Done(outcome, session) => {
                    held(&self.idle).push(session);
                    return outcome;
                }
                Handed::Last(outcome) => return outcome,
                // Each such session is gone for good, so this ends with a new one.
                Handed::Stale => {}
            }
        }
    }

    fn begin(&self, until: Instant) -> Result<Session, SmolStr> {
        if let Some((in_peace_until, said)) = &*held(&self.trouble) {
            if now() < *in_peace_until {
                return Err(said.clone());
            }
        }
        let begun = Session::begin(&self.settings, until);
        *held(&self.trouble) = match &begun {
            // Who came late says nothing about the server.
            Err(said) if now() < until => Some((after(self.settings.timeouts.pause), said.clone())),
            _ => None,
        };
        begun
    }
}

/// What a hand-over comes to. One that panics costs its session, and not the thread: it is then
/// unknown how far it had come.
fn spared(hand_over: impl FnOnce() -> Outcome) -> Outcome {
    catch_unwind(AssertUnwindSafe(hand_over)).unwrap_or_else(|_| Outcome::Unknown {
        said: "the thread for mail panicked".into(),
    })
}

/// A panic while it was held can't leave half of anything.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_over_that_panics_has_an_unknown_outcome_and_leaves_the_thread_at_work() {
        let panicked = spared(|| unreachable!("an assumption that did not hold"));
        assert!(matches!(panicked, Outcome::Unknown { .. }), "{panicked:?}");
        assert_eq!(spared(|| Outcome::Accepted), Outcome::Accepted);
    }
}
