//! Handing messages over: decided and committed first, then given to the mailer, and what became
//! of it committed again.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt;
use futures::future::{Either, select};
use futures::stream;
use smol_str::format_smolstr;

use super::backoff::{Backoff, is_passing};
use super::job::{Job, Outcome};
use super::{Engine, Error, Ticked};
use crate::decide::command::Wake;
use crate::ids::Name;
use crate::mailer::{self, Outgoing};
use crate::record::message::Message;
use crate::store::Key;
use crate::time::Elapsed;

/// How many messages a worker takes on at once: each must be handed over within its worker's time.
pub(super) const TAKEN_ON_AT_ONCE: usize = 16;
/// How many of them are handed over at the same time, so that a call which takes its time holds up few
/// others, and no server is called by too many at once.
const CALLS_AT_ONCE: usize = 4;
/// How long after a hand-over was begun the server may still be called: so that each call has the
/// minute which mailers are told they have.
const LATEST_CALL: Elapsed = Elapsed::seconds(40);
/// And how long its answer is waited for: it must be written down before the message's deadline,
/// when others take the outcome for unknown.
const LATEST_ANSWER: Elapsed = Elapsed::seconds(100);
/// Until when what became of it is tried to be written down: a little before that deadline.
const LATEST_NOTE: Elapsed = Elapsed::seconds(115);
/// For how long that is tried where somebody has the records in hand: a host's transaction is short, and
/// the messages of others are not to wait for it.
const PATIENCE_WITH_HOLDERS: Elapsed = Elapsed::seconds(5);

/// A message whose hand-over was committed, and the channel it goes over.
type Begun = (Box<Outgoing>, Name);

/// What became of a message, until that is written down.
struct Heard<'b> {
    /// In the order in which they were begun.
    place: usize,
    outgoing: &'b Outgoing,
    outcome: mailer::Outcome,
}

impl Heard<'_> {
    fn key(&self) -> Key {
        Key::message(&self.outgoing.tenant, self.outgoing.id)
    }

    fn job(&self) -> Job {
        let wake = Wake::HandedOver {
            message: self.outgoing.id,
            attempt: self.outgoing.attempt,
            outcome: self.outcome.clone(),
        };
        Job::Wake(self.outgoing.tenant.clone(), wake)
    }
}

impl Engine {
    /// Does what is due for messages.
    pub(super) async fn wake_messages(
        &self,
        due: &[(Key, Job)],
        ticked: &mut Ticked,
    ) -> Result<(), Error> {
        let now = self.inner.clock.now();
        let jobs: Vec<Job> = due.iter().map(|(_, job)| job.clone()).collect();
        let mut begun: Vec<Begun> = Vec::new();
        let mut failed = Vec::new();
        for ((key, _), outcome) in due.iter().zip(self.carry_out(jobs, now).await) {
            match outcome {
                Outcome::Written(decision, outgoing) => {
                    let message = decision.written::<Message>(key);
                    begun.extend(outgoing.zip(message.map(|message| message.channel.clone())));
                }
                Outcome::AlreadyDone(_) | Outcome::Nothing => {}
                Outcome::Failed(error) => failed.push((key.clone(), error)),
            }
        }
        self.hand_over(begun, ticked).await?;
        self.note_failures(failed, now, ticked).await
    }

    /// Hands messages over, and commits what became of them: what is heard together at once, in the
    /// order in which it was begun, and whatever else takes its time behind it.
    ///
    /// What a store does not take is kept, and tried again for as long as it is worth it. While the store can't
    /// be reached nothing more is given to mailers that might be in doubt then.
    async fn hand_over(&self, begun: Vec<Begun>, ticked: &mut Ticked) -> Result<(), Error> {
        let is_told = AtomicBool::new(true);
        let calls = begun.iter().enumerate().map(|(place, begun)| {
            let is_told = &is_told;
            async move {
                let outgoing = &*begun.0;
                let outcome = match is_told.load(Ordering::Relaxed) {
                    true => self.call_mailer(begun).await,
                    false => mailer::Outcome::Later {
                        said: "what became of others could not be written down".into(),
                    },
                };
                Heard {
                    place,
                    outgoing,
                    outcome,
                }
            }
        });
        let calls: Vec<_> = calls.collect();
        let mut calling = stream::iter(calls)
            .buffer_unordered(CALLS_AT_ONCE)
            .ready_chunks(TAKEN_ON_AT_ONCE);
        let mut unwritten: Vec<Heard<'_>> = Vec::new();
        let mut failed = None;
        while let Some(heard) = calling.next().await {
            ticked.handed_over += u64::try_from(heard.len()).unwrap_or_default();
            unwritten.extend(heard);
            unwritten.sort_unstable_by_key(|heard| heard.place);
            failed = self.write_down(&mut unwritten, ticked).await?;
            let is_away = matches!(failed, Some(Error::Store(_)));
            is_told.store(!is_away, Ordering::Relaxed);
        }
        self.write_down_late(unwritten, failed, ticked).await
    }

    /// Tries again to write down what became of messages, until others take it for unknown.
    async fn write_down_late(
        &self,
        mut unwritten: Vec<Heard<'_>>,
        mut failed: Option<Error>,
        ticked: &mut Ticked,
    ) -> Result<(), Error> {
        let clock = &self.inner.clock;
        let begun = clock.now();
        let mut backoff = Backoff::default();
        while let Some(error) = failed {
            let ends = unwritten
                .iter()
                .map(|heard| heard.outgoing.at + LATEST_NOTE);
            let held = matches!(error, Error::Contended(_)).then(|| begun + PATIENCE_WITH_HOLDERS);
            let ends = ends.chain(held).min().unwrap_or(begun);
            let left = ends.signed_duration_since(clock.now());
            if left <= Elapsed::zero() {
                return self.give_up(unwritten, error, ticked);
            }
            let pause = backoff.pause_after(error)?.min(left);
            clock.sleep_until(clock.now() + pause).await;
            failed = self.write_down(&mut unwritten, ticked).await?;
        }
        Ok(())
    }

    /// Leaves it to whoever finds these messages in doubt when the worker's time is up.
    fn give_up(
        &self,
        unwritten: Vec<Heard<'_>>,
        error: Error,
        ticked: &mut Ticked,
    ) -> Result<(), Error> {
        let Error::Contended(times) = error else {
            return Err(error);
        };
        let failed = unwritten.iter().map(|heard| heard.key());
        let failed = failed.map(|key| (key, Error::Contended(times)));
        ticked.failures.extend(failed);
        Ok(())
    }

    /// Commits what became of messages, and keeps those of which it could not be written down now,
    /// and why not.
    async fn write_down(
        &self,
        unwritten: &mut Vec<Heard<'_>>,
        ticked: &mut Ticked,
    ) -> Result<Option<Error>, Error> {
        let jobs = unwritten.iter().map(Heard::job).collect();
        let now = self.inner.clock.now();
        let mut outcomes = self.carry_out(jobs, now).await.into_iter();
        let mut why = None;
        let mut left = Vec::new();
        for heard in unwritten.drain(..) {
            match outcomes.next() {
                Some(Outcome::Failed(error)) if is_passing(&error) => {
                    left.push(heard);
                    // A store that can't be reached says more than records in somebody's hand.
                    if !matches!(why, Some(Error::Store(_))) {
                        why = Some(error);
                    }
                }
                Some(Outcome::Failed(error @ Error::Store(_))) => return Err(error),
                Some(Outcome::Failed(error)) => ticked.failures.push((heard.key(), error)),
                _ => {}
            }
        }
        *unwritten = left;
        Ok(why)
    }

    async fn call_mailer(&self, (outgoing, channel): &Begun) -> mailer::Outcome {
        let spent = self.inner.clock.now().signed_duration_since(outgoing.at);
        match self.inner.mailers.get(channel) {
            // Nobody has talked to a server yet, so this one is surely not sent.
            _ if spent >= LATEST_CALL => mailer::Outcome::Later {
                said: "the worker ran out of time".into(),
            },
            Some(mailer) => {
                let patience = self.inner.clock.wait_out(LATEST_ANSWER - spent);
                match select(mailer.hand_over(outgoing), patience).await {
                    Either::Left((outcome, _)) => outcome,
                    Either::Right(_) => mailer::Outcome::Unknown {
                        said: "no answer within the worker's time".into(),
                    },
                }
            }
            // Seen to when it was decided.
            None => mailer::Outcome::Later {
                said: format_smolstr!("no mailer for {channel}"),
            },
        }
    }
}
