//! Handing messages over: decided and committed first, then given to the mailer, and what became
//! of it committed again.

use futures::StreamExt;
use futures::future::{Either, select};
use futures::stream;
use smol_str::format_smolstr;

use super::job::{Job, Outcome};
use super::{Engine, Error, Ticked};
use crate::decide::command::Wake;
use crate::decide::messages::HAND_OVER_TIME;
use crate::ids::Name;
use crate::mailer::{self, Outgoing};
use crate::record::message::Message;
use crate::store::Key;
use crate::time::Elapsed;

/// How many messages a worker takes on at once: each must be handed over within its worker's time.
pub(super) const TAKEN_ON_AT_ONCE: usize = 16;
/// How many of them are handed over at the same time, so that a slow server holds up few others,
/// and no server is called by too many at once.
const CALLS_AT_ONCE: usize = 4;
/// How long after a hand-over was begun the server may still be called.
const LATEST_CALL: Elapsed = Elapsed::seconds(60);

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

    /// Hands messages over, and commits what became of them in the order in which they were begun.
    async fn hand_over(&self, begun: Vec<Begun>, ticked: &mut Ticked) -> Result<(), Error> {
        let calls: Vec<_> = begun.iter().map(|begun| self.call_mailer(begun)).collect();
        let calls = stream::iter(calls).buffered(CALLS_AT_ONCE);
        let outcomes: Vec<mailer::Outcome> = calls.collect().await;
        let mut keys = Vec::with_capacity(begun.len());
        let mut heard = Vec::with_capacity(begun.len());
        for ((outgoing, _), outcome) in begun.into_iter().zip(outcomes) {
            ticked.handed_over += 1;
            let wake = Wake::HandedOver {
                message: outgoing.id,
                attempt: outgoing.attempt,
                outcome,
            };
            keys.push(Key::message(&outgoing.tenant, outgoing.id));
            heard.push(Job::Wake(outgoing.tenant, wake));
        }
        let now = self.inner.clock.now();
        for (key, outcome) in keys.into_iter().zip(self.carry_out(heard, now).await) {
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
                let patience = self.inner.clock.outlast(HAND_OVER_TIME - spent);
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
