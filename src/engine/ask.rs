//! Asking for something: `quito.move_to(lead, "contract").by("ana").await`.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;

use super::batch::{Job, Outcome};
use super::{Engine, Error};
use crate::decide::command::{Actor, Command, What};
use crate::ids::{CommandId, LeadId, SweepId, Tenant};
use crate::record::journal::{Event, JournalEntry};
use crate::record::{Lead, stored};
use crate::store::Key;
use crate::time::Instant;

/// A command that waits to be sent: say who asks, then `await` it.
#[must_use = "nothing is asked until it is awaited"]
#[derive(Debug)]
pub struct Ask<'e, T> {
    engine: &'e Engine,
    tenant: Tenant,
    what: What,
    actor: Actor,
    happened_at: Option<Instant>,
    id: Option<CommandId>,
    answer: PhantomData<T>,
}

/// What came of a command.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its id.
    pub command: CommandId,
    /// Whether it had been carried out before, under the same id; then nothing was done now.
    pub already_done: bool,
    /// The lead that it was about or that it made, as it is now.
    pub lead: Option<Lead>,
    /// The sweep that it started.
    pub sweep: Option<SweepId>,
}

/// What a command answers with.
pub trait FromAnswer: Sized {
    /// Takes its part of the answer.
    ///
    /// # Errors
    /// When the answer has no such part.
    fn from_answer(answer: Answer) -> Result<Self, Error>;
}

impl FromAnswer for Answer {
    fn from_answer(answer: Answer) -> Result<Self, Error> {
        Ok(answer)
    }
}

impl FromAnswer for Lead {
    fn from_answer(answer: Answer) -> Result<Self, Error> {
        answer.lead.ok_or(Error::NotThere("lead in the answer"))
    }
}

impl FromAnswer for () {
    fn from_answer(_: Answer) -> Result<Self, Error> {
        Ok(())
    }
}

impl<'e, T> Ask<'e, T> {
    pub(super) fn new(engine: &'e Engine, tenant: Tenant, what: What) -> Self {
        let actor = Actor::host("host");
        Self {
            engine,
            tenant,
            what,
            actor,
            happened_at: None,
            id: None,
            answer: PhantomData,
        }
    }

    /// Who asks. An agent, if it is a text; the host application, if nothing is said.
    pub fn by(mut self, actor: impl Into<Actor>) -> Self {
        self.actor = actor.into();
        self
    }

    /// When it happened, if it is reported late.
    pub fn happened_at(mut self, at: Instant) -> Self {
        self.happened_at = Some(at);
        self
    }

    /// Under this id: sent again under the same one, it acts once.
    pub fn id(mut self, id: CommandId) -> Self {
        self.id = Some(id);
        self
    }
}

impl<'e, T: FromAnswer + Send + 'e> IntoFuture for Ask<'e, T> {
    type Output = Result<T, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'e>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self {
                engine,
                tenant,
                what,
                actor,
                happened_at,
                id,
                ..
            } = self;
            let command = Command {
                tenant,
                actor,
                happened_at,
                what,
            };
            T::from_answer(engine.execute(id, command).await?)
        })
    }
}

impl Engine {
    /// Carries out a command, and what is due at once because of it.
    ///
    /// With an id of the host's, the command acts once however often it is sent; without one,
    /// each call is another command.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is not to be; nothing was written then.
    pub async fn execute(&self, id: Option<CommandId>, command: Command) -> Result<Answer, Error> {
        let now = self.inner.clock.now();
        let id = id.unwrap_or_else(|| self.inner.command_ids.next(now));
        let tenant = command.tenant.clone();
        self.begin_tenant(&tenant, now).await?;
        let asked_about = match &command.what {
            What::Lead { lead, .. } => Some(*lead),
            _ => None,
        };
        let outcomes = self.run(&[Job::Command(id, Box::new(command))], now).await;
        let (entry, already_done) = match outcomes.into_iter().next() {
            Some(Outcome::Written(decision, _)) => {
                let lead = lead_in(&decision.entry).or(asked_about);
                let lead_now = match lead {
                    Some(lead) => self.follow_through(&tenant, lead, &decision, now).await?,
                    None => None,
                };
                let sweep = sweep_in(&decision.entry);
                return Ok(Answer {
                    command: id,
                    already_done: false,
                    lead: lead_now,
                    sweep,
                });
            }
            Some(Outcome::AlreadyDone) => (self.journal_entry(&tenant, id).await?, true),
            Some(Outcome::Failed(error)) => return Err(error),
            Some(Outcome::Nothing) | None => (None, true),
        };
        let lead = entry.as_ref().and_then(lead_in).or(asked_about);
        let lead = match lead {
            Some(lead) => self.lead(&tenant, lead).await?,
            None => None,
        };
        Ok(Answer {
            command: id,
            already_done,
            lead,
            sweep: entry.as_ref().and_then(sweep_in),
        })
    }

    /// Fires what is due for a lead at once, and returns the lead as it then is.
    async fn follow_through(
        &self,
        tenant: &Tenant,
        id: LeadId,
        decision: &crate::decide::Decision,
        now: Instant,
    ) -> Result<Option<Lead>, Error> {
        let key = Key::lead(tenant, id);
        let wakes_at = decision
            .writes
            .iter()
            .find(|write| write.key == key)
            .and_then(|write| write.wakes_at);
        let mut latest = decision.written::<Lead>(&key).cloned();
        let mut wakes_at = wakes_at;
        for _ in 0..MOST_AT_ONCE {
            if wakes_at.is_none_or(|wakes_at| wakes_at > now) {
                break;
            }
            let wake = Job::Wake(tenant.clone(), crate::decide::command::Wake::Lead(id));
            match self.run(&[wake], now).await.into_iter().next() {
                Some(Outcome::Written(decision, _)) => {
                    wakes_at = decision
                        .writes
                        .iter()
                        .find(|write| write.key == key)
                        .and_then(|write| write.wakes_at);
                    latest = decision.written::<Lead>(&key).cloned();
                }
                // What fails here is done, or reported, by the next tick.
                _ => break,
            }
        }
        match latest {
            Some(lead) => Ok(Some(lead)),
            None => self.lead(tenant, id).await,
        }
    }

    /// The journal's entry of a command.
    pub(super) async fn journal_entry(
        &self,
        tenant: &Tenant,
        command: CommandId,
    ) -> Result<Option<JournalEntry>, Error> {
        let key = Key::journal(tenant, command);
        let loaded = self.inner.store.load(std::slice::from_ref(&key)).await?;
        let body = loaded.into_iter().next().and_then(|loaded| loaded.body);
        let entry = body.as_deref().map(stored::decode_entry).transpose();
        entry.map_err(|source| Error::Unreadable { key, source })
    }
}

/// How many rules fire at once behind one command; the rest is left to the next tick.
const MOST_AT_ONCE: usize = 16;

fn lead_in(entry: &JournalEntry) -> Option<LeadId> {
    entry.events.iter().find_map(|event| match event {
        Event::Registered { lead, .. } => Some(*lead),
        _ => None,
    })
}

fn sweep_in(entry: &JournalEntry) -> Option<SweepId> {
    entry.events.iter().find_map(|event| match event {
        Event::SweepStarted { sweep, .. } => Some(*sweep),
        _ => None,
    })
}
