//! Asking for something: `quito.move_to(lead, "contract").by("ana").await`.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::atomic::Ordering;

use super::follow::{Followed, lead_in};
use super::job::{Job, Outcome};
use super::{Engine, Error};
use crate::decide::command::{Actor, Command, What};
use crate::decide::records::Records;
use crate::ids::{CommandId, ContactId, LeadId, SweepId, Tenant};
use crate::record::contact::ContactPart;
use crate::record::journal::{Event, JournalEntry};
use crate::record::referral::ReferralCode;
use crate::record::{Lead, TenantRecord};
use crate::store::Key;
use crate::time::Instant;

/// A command that nobody has put a name to: say by whom, and it can be awaited.
///
/// Who acts decides what they may do, and stands in the lead's history; so there is no default.
///
/// ```compile_fail
/// # async fn main_(quito: leadkit::engine::TenantHandle<'_>, lead: leadkit::ids::LeadId) {
/// quito.tried(lead).await; // by whom?
/// # }
/// ```
///
/// ```
/// # async fn main_(quito: leadkit::engine::TenantHandle<'_>, lead: leadkit::ids::LeadId) {
/// quito.tried(lead).by("ana").await;
/// # }
/// ```
#[must_use = "nothing is asked until somebody asks it and it is awaited"]
#[derive(Debug)]
pub struct Unsigned<'e, T> {
    engine: &'e Engine,
    tenant: Tenant,
    what: What,
    answer: PhantomData<T>,
}

/// A command that waits to be sent: `await` it.
#[must_use = "nothing is asked until it is awaited"]
#[derive(Debug)]
pub struct Ask<'e, T> {
    unsigned: Unsigned<'e, T>,
    actor: Actor,
    happened_at: Option<Instant>,
    id: Option<CommandId>,
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
    /// What a registration, or a later step, said otherwise than what is known of its contact. What was
    /// known is kept: ask the person.
    pub contact_differs: Vec<ContactPart>,
    /// The referral code that was asked for.
    pub referral_code: Option<ReferralCode>,
    /// The contacts that it found to be possibly the same person as the lead's.
    pub possible_duplicates: Vec<ContactId>,
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

impl FromAnswer for ReferralCode {
    fn from_answer(answer: Answer) -> Result<Self, Error> {
        let code = answer.referral_code;
        code.ok_or(Error::NotThere("referral code in the answer"))
    }
}

impl FromAnswer for () {
    fn from_answer(_: Answer) -> Result<Self, Error> {
        Ok(())
    }
}

impl<'e, T> Unsigned<'e, T> {
    pub(super) fn new(engine: &'e Engine, tenant: Tenant, what: What) -> Self {
        Self {
            engine,
            tenant,
            what,
            answer: PhantomData,
        }
    }

    /// Who asks: an agent, if it is a text; see [`Actor`] for others.
    pub fn by(self, actor: impl Into<Actor>) -> Ask<'e, T> {
        Ask {
            unsigned: self,
            actor: actor.into(),
            happened_at: None,
            id: None,
        }
    }
}

impl<T> Ask<'_, T> {
    /// When it happened, if it is reported late.
    pub fn happened_at(mut self, at: Instant) -> Self {
        self.happened_at = Some(at);
        self
    }

    /// Under this id: sent again under the same one, it acts once. Another command under an id that
    /// is taken is refused.
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
                unsigned,
                actor,
                happened_at,
                id,
            } = self;
            let Unsigned {
                engine,
                tenant,
                what,
                ..
            } = unsigned;
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
    /// With an id of the host's, the command acts once however often it is sent, and another
    /// command under that id is refused; without one, each call is another command.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is not to be; nothing was written then.
    pub async fn execute(&self, id: Option<CommandId>, command: Command) -> Result<Answer, Error> {
        let answers = self.execute_all(vec![(id, command)]).await?;
        let answer = answers.into_iter().next();
        answer.unwrap_or(Err(Error::NotThere("answer")))
    }

    /// Carries out commands that come at the same instant as one batch, and what is due at once
    /// because of them: an import, the rows of a recorded history.
    ///
    /// The commands are carried out in order, each on what the earlier ones wrote, and one that is
    /// refused takes no other down. Many go to the store in portions; where it fails, nothing
    /// that comes behind is carried out. What is due at once because of them comes after the
    /// whole batch. There is one answer for each command, in order.
    ///
    /// # Errors
    /// When the store fails before anything was asked of it. What becomes of each command is in
    /// its own answer, as from [`Engine::execute`].
    pub async fn execute_all(
        &self,
        commands: Vec<(Option<CommandId>, Command)>,
    ) -> Result<Vec<Result<Answer, Error>>, Error> {
        let now = self.inner.clock.now();
        let mut tenants: Vec<&Tenant> = Vec::new();
        for (_, command) in &commands {
            if !tenants.contains(&&command.tenant) {
                tenants.push(&command.tenant);
            }
        }
        for tenant in tenants {
            self.begin_tenant(tenant, now).await?;
        }
        let mut asked = Vec::with_capacity(commands.len());
        let mut jobs = Vec::with_capacity(commands.len());
        for (id, mut command) in commands {
            if let What::Adopt(adoption) = &mut command.what {
                let occupied = self.occupied_stages(&command.tenant).await?;
                adoption.occupied = Some(occupied);
            }
            let id = id.unwrap_or_else(|| self.inner.command_ids.next(now));
            let lead = match &command.what {
                What::Lead { lead, .. } => Some(*lead),
                _ => None,
            };
            let about = lead.map(|lead| Key::lead(&command.tenant, lead));
            asked.push((id, command.tenant.clone(), lead));
            jobs.push((Job::Command(id, Box::new(command)), about));
        }
        let (outcomes, leads) = self.follow_through(jobs, now).await;
        let mut answers = Vec::with_capacity(asked.len());
        for ((id, tenant, lead), outcome) in asked.into_iter().zip(outcomes) {
            answers.push(self.answer(id, &tenant, lead, outcome, &leads).await);
        }
        Ok(answers)
    }

    /// What came of a command.
    async fn answer(
        &self,
        command: CommandId,
        tenant: &Tenant,
        asked_about: Option<LeadId>,
        outcome: Outcome,
        leads: &Followed,
    ) -> Result<Answer, Error> {
        let (entry, already_done) = match outcome {
            Outcome::Written(decision, _) => (Some(decision.entry), false),
            Outcome::AlreadyDone(entry) => (entry.map(|entry| *entry), true),
            Outcome::Nothing => (None, true),
            Outcome::Failed(error) => return Err(error),
        };
        let id = entry.as_ref().and_then(lead_in).or(asked_about);
        let lead = match id {
            None => None,
            Some(id) => match leads.lead(&Key::lead(tenant, id)) {
                Some(lead) => Some(lead.clone()),
                None => self.lead(tenant, id).await?,
            },
        };
        Ok(Answer {
            command,
            already_done,
            lead,
            sweep: entry.as_ref().and_then(sweep_in),
            possible_duplicates: match (&entry, id) {
                (Some(entry), Some(lead)) => duplicates_in(entry, lead),
                _ => Vec::new(),
            },
            contact_differs: entry.as_ref().map(differing_in).unwrap_or_default(),
            referral_code: entry.as_ref().and_then(code_in),
        })
    }

    /// Makes the playbook of a tenant that nobody has seen before the active one.
    async fn begin_tenant(&self, tenant: &Tenant, now: Instant) -> Result<(), Error> {
        let playbooks = self.playbooks(tenant)?;
        if playbooks.has_begun.load(Ordering::Relaxed) {
            return Ok(());
        }
        let key = Key::tenant(tenant);
        let mut records = Records::new();
        self.load_into(&mut records, vec![key.clone()]).await?;
        if records.record::<TenantRecord>(&key).is_some() {
            playbooks.has_begun.store(true, Ordering::Relaxed);
            return Ok(());
        }
        match self.carry_out_one(playbooks.begin(tenant), now).await {
            Outcome::Failed(error) => Err(error),
            _ => Ok(()),
        }
    }
}

fn differing_in(entry: &JournalEntry) -> Vec<ContactPart> {
    let found = entry.events.iter().find_map(|event| match event {
        Event::ContactDiffers { what, .. } => Some(what.clone()),
        Event::OtherEmailGiven { .. } => Some(vec![ContactPart::Email]),
        _ => None,
    });
    found.unwrap_or_default()
}

fn code_in(entry: &JournalEntry) -> Option<ReferralCode> {
    entry.events.iter().find_map(|event| match event {
        Event::ReferralCodeTold { code, .. } => Some(code.clone()),
        _ => None,
    })
}

fn duplicates_in(entry: &JournalEntry, of: LeadId) -> Vec<ContactId> {
    let found = entry.events.iter().filter_map(|event| match event {
        Event::DuplicateFound { lead, other, .. } if *lead == of => Some(*other),
        _ => None,
    });
    found.collect()
}

fn sweep_in(entry: &JournalEntry) -> Option<SweepId> {
    entry.events.iter().find_map(|event| match event {
        Event::SweepStarted { sweep, .. } => Some(*sweep),
        _ => None,
    })
}
