//! Handing messages over: decided and committed first, then given to the mailer, and what became
//! of it committed again.

use futures::StreamExt;
use futures::future::{Either, select};
use futures::stream;
use smol_str::format_smolstr;

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
/// How long after a hand-over was begun the server may still be called.
const LATEST_CALL: Elapsed = Elapsed::seconds(60);
/// And how long its answer is waited for: it must be written down before the message's deadline,
/// when others take the outcome for unknown.
const LATEST_ANSWER: Elapsed = Elapsed::seconds(100);

/// A message whose hand-over was committed, and the channel it goes over.
type Begun = (Box<Outgoing>, Name);

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
    async fn hand_over(&self, begun: Vec<Begun>, ticked: &mut Ticked) -> Result<(), Error> {
        let calls = begun.iter().enumerate();
        let calls =
            calls.map(|(place, begun)| async move { (place, self.call_mailer(begun).await) });
        let calls: Vec<_> = calls.collect();
        let mut heard = stream::iter(calls)
            .buffer_unordered(CALLS_AT_ONCE)
            .ready_chunks(TAKEN_ON_AT_ONCE);
        while let Some(mut outcomes) = heard.next().await {
            outcomes.sort_unstable_by_key(|(place, _)| *place);
            let outcomes = outcomes.into_iter();
            let outcomes = outcomes.map(|(place, outcome)| (&*begun[place].0, outcome));
            self.write_down(outcomes.collect(), ticked).await?;
        }
        Ok(())
    }

    async fn write_down(
        &self,
        heard: Vec<(&Outgoing, mailer::Outcome)>,
        ticked: &mut Ticked,
    ) -> Result<(), Error> {
        let mut keys = Vec::with_capacity(heard.len());
        let mut jobs = Vec::with_capacity(heard.len());
        for (outgoing, outcome) in heard {
            ticked.handed_over += 1;
            let wake = Wake::HandedOver {
                message: outgoing.id,
                attempt: outgoing.attempt,
                outcome,
            };
            keys.push(Key::message(&outgoing.tenant, outgoing.id));
            jobs.push(Job::Wake(outgoing.tenant.clone(), wake));
        }
        let now = self.inner.clock.now();
        for (key, outcome) in keys.into_iter().zip(self.carry_out(jobs, now).await) {
            // What can't be written down now is found in doubt when the worker's time is up.
            match outcome {
                Outcome::Failed(error @ Error::Store(_)) => return Err(error),
                Outcome::Failed(error) => ticked.failures.push((key, error)),
                Outcome::Written(..) | Outcome::AlreadyDone(_) | Outcome::Nothing => {}
            }
        }
        Ok(())
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
