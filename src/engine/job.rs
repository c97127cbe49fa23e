//! Jobs: commands and wakes, the playbook that decides each of them, and what is decided.

use std::sync::Arc;

use super::{Engine, Error};
use crate::decide::command::{Command, Fate, LeadOrder, SweepOrder, Wake, What};
use crate::decide::records::Records;
use crate::decide::{self, Decision, Stop};
use crate::ids::{CommandId, LeadId, MessageId, Name, Tenant};
use crate::mailer::Outgoing;
use crate::playbook::Playbook;
use crate::record::journal::JournalEntry;
use crate::record::message::Message;
use crate::record::{Recorded, TenantRecord};
use crate::store::{Key, Kind};
use crate::time::Instant;

/// Something to decide.
#[derive(Clone, Debug)]
pub(super) enum Job {
    /// A command.
    Command(CommandId, Box<Command>),
    /// A record's time has come.
    Wake(Tenant, Wake),
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is written.
    Written(Box<Decision>, Option<Box<Outgoing>>),
    /// It was done before. Of a command the journal tells what came of it.
    AlreadyDone(Option<Box<JournalEntry>>),
    /// There was nothing to do.
    Nothing,
    /// It failed.
    Failed(Error),
}

/// What a job comes to, to be committed.
pub(super) struct Decided {
    pub(super) decision: Decision,
    /// A message to hand over once that is written.
    pub(super) outgoing: Option<Box<Outgoing>>,
    /// By which it was decided.
    pub(super) playbook: Arc<Playbook>,
}

/// Why a job is not decided.
pub(super) enum Undecided {
    /// These records are needed; load them and ask again.
    Need(Vec<Key>),
    /// It fails.
    Failed(Error),
}

impl From<Stop> for Undecided {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Need(keys) => Self::Need(keys),
            Stop::Refused(refusal) => Self::Failed(Error::Refused(*refusal)),
        }
    }
}

impl From<Error> for Undecided {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Job {
    /// What to do with a record whose time has come; nothing, if its kind is never woken.
    pub(super) fn waking(key: &Key) -> Option<Self> {
        let wake = match key.kind {
            Kind::Lead => Wake::Lead(LeadId(key.id)),
            Kind::Message => Wake::Message(MessageId(key.id)),
            _ => return None,
        };
        Some(Self::Wake(key.tenant.clone(), wake))
    }

    /// Whether somebody waits for the answer.
    pub(super) fn is_command(&self) -> bool {
        matches!(self, Self::Command(..))
    }

    fn tenant(&self) -> &Tenant {
        match self {
            Self::Command(_, command) => &command.tenant,
            Self::Wake(tenant, _) => tenant,
        }
    }

    /// What is loaded to find the playbook, and who acts with it: that is asked for next.
    fn with_who_acts(&self, undecided: Undecided, records: &Records) -> Undecided {
        match (undecided, self) {
            (Undecided::Need(mut keys), Self::Command(_, command)) => {
                let agent = command.actor.as_agent();
                let agent = agent.map(|agent| Key::agent(&command.tenant, agent));
                keys.extend(agent.filter(|agent| records.found(agent).is_none()));
                Undecided::Need(keys)
            }
            (undecided, _) => undecided,
        }
    }

    /// Whose playbook decides it.
    fn decider(&self) -> Decider<'_> {
        let tenant = self.tenant();
        match self {
            Self::Command(_, command) => decider_of(command),
            Self::Wake(_, wake) => match wake {
                Wake::Lead(lead) => Decider::OfLead(Key::lead(tenant, *lead)),
                Wake::Message(message) | Wake::HandedOver { message, .. } => {
                    Decider::OfServed(Key::message(tenant, *message))
                }
                Wake::SweepPage { sweep, .. } => Decider::OfServed(Key::sweep(tenant, *sweep)),
                Wake::Failed { key, .. } | Wake::Runaway { key, .. } => match key.kind {
                    Kind::Lead => Decider::OfLead(key.clone()),
                    _ => Decider::OfServed(key.clone()),
                },
            },
        }
    }
}

/// Whose playbook decides a job.
pub(super) enum Decider<'a> {
    /// The one that clocked this lead, and no other; the active one, if there is no such lead.
    OfLead(Key),
    /// The one that serves this message or sweep. If that is not known here, the active one: then
    /// it can only be an older one, which perhaps nobody knows any more.
    OfServed(Key),
    /// The one of this hash.
    Named(&'a Name),
    /// The tenant's active one.
    Active,
    /// The one that the engine was given: the tenant has none yet.
    Given,
}

fn decider_of(command: &Command) -> Decider<'_> {
    let tenant = &command.tenant;
    match &command.what {
        What::Lead {
            order: LeadOrder::Adopt { playbook, .. },
            ..
        } => Decider::Named(playbook),
        What::Lead { lead, .. } => Decider::OfLead(Key::lead(tenant, *lead)),
        // What was set aside under its own playbook may go well under a mended one.
        What::SettleMessage {
            fate: Fate::Retry, ..
        }
        | What::Sweep {
            order: SweepOrder::Retry,
            ..
        } => Decider::Active,
        What::SettleMessage { message, .. } => Decider::OfServed(Key::message(tenant, *message)),
        What::Sweep { sweep, .. } => Decider::OfServed(Key::sweep(tenant, *sweep)),
        What::Adopt(adoption) => Decider::Named(&adoption.playbook),
        What::SetUpAgent(_)
        | What::Leave(_)
        | What::Register(_)
        | What::MergeContacts { .. }
        | What::UnmergeContact { .. }
        | What::DistinguishContacts { .. }
        | What::StartSweep(_)
        | What::TellReferralCode { .. }
        | What::PlanVisits(_)
        | What::RecordVisit(_) => Decider::Active,
        What::Begin => Decider::Given,
    }
}

/// The playbook that must decide a command, as far as the records at hand tell. Of what the
/// active one decides, or stands in for, the decision itself makes sure.
pub(super) fn playbook_of_command<'a>(
    command: &'a Command,
    records: &'a Records,
) -> Option<&'a Name> {
    match decider_of(command) {
        Decider::OfLead(key) => decide::playbook_of(records.found(&key)?.record.as_deref()?),
        Decider::Named(hash) => Some(hash),
        Decider::OfServed(_) | Decider::Active | Decider::Given => None,
    }
}

impl Engine {
    /// Decides a job on the records at hand; nothing, if there is nothing to do.
    pub(super) fn decide(
        &self,
        job: &Job,
        now: Instant,
        records: &Records,
    ) -> Result<Option<Decided>, Undecided> {
        let playbook = self.playbook_for(job.tenant(), job.decider(), records);
        let playbook = playbook.map_err(|undecided| job.with_who_acts(undecided, records))?;
        let (decision, outgoing) = match job {
            Job::Command(id, command) => {
                let decision = decide::decide(&playbook, records, *id, command, now)?;
                (Some(decision), None)
            }
            Job::Wake(tenant, wake) => {
                let woken = decide::wake(&playbook, records, tenant, wake, now)?;
                if let (Some(decision), Some(outgoing)) = (&woken.decision, &woken.outgoing) {
                    self.refuse_without_mailer(decision, outgoing)?;
                }
                (woken.decision, woken.outgoing.map(Box::new))
            }
        };
        Ok(decision.map(|decision| Decided {
            decision,
            outgoing,
            playbook,
        }))
    }

    /// Leaves a message to workers who have a mailer for its channel, before anything is written
    /// of it: one of a playbook that this engine was not given may go over any.
    fn refuse_without_mailer(&self, decision: &Decision, outgoing: &Outgoing) -> Result<(), Error> {
        let key = Key::message(&outgoing.tenant, outgoing.id);
        match decision.written::<Message>(&key) {
            Some(message) if !self.inner.mailers.contains_key(&message.channel) => {
                Err(Error::NoMailer(message.channel.clone()))
            }
            _ => Ok(()),
        }
    }

    /// The playbook that decides.
    pub(super) fn playbook_for(
        &self,
        tenant: &Tenant,
        decider: Decider<'_>,
        records: &Records,
    ) -> Result<Arc<Playbook>, Undecided> {
        let playbooks = self.playbooks(tenant)?;
        let known = |hash: &Name| playbooks.of_hash(hash).cloned();
        let named = |hash: &Name| {
            known(hash).ok_or_else(|| Undecided::Failed(Error::UnknownPlaybook(hash.clone())))
        };
        match decider {
            Decider::Given => Ok(playbooks.current.clone()),
            Decider::Named(hash) => named(hash),
            Decider::OfLead(key) => match hash_of(&key, records)? {
                Some(hash) => named(hash),
                None => self.active_playbook(tenant, records),
            },
            Decider::OfServed(key) => match hash_of(&key, records)?.and_then(known) {
                Some(playbook) => Ok(playbook),
                None => self.active_playbook(tenant, records),
            },
            Decider::Active => self.active_playbook(tenant, records),
        }
    }

    /// The tenant's active playbook, if this engine knows it.
    fn active_playbook(
        &self,
        tenant: &Tenant,
        records: &Records,
    ) -> Result<Arc<Playbook>, Undecided> {
        let playbooks = self.playbooks(tenant)?;
        let key = Key::tenant(tenant);
        let Some(found) = records.found(&key) else {
            return Err(Undecided::Need(vec![key]));
        };
        let record = found.record.as_deref();
        let Some(record) = record.and_then(TenantRecord::from_record) else {
            // Whoever relies on it first makes it the active one.
            return Ok(playbooks.current.clone());
        };
        let active = &record.playbook;
        playbooks.of_hash(active).cloned().ok_or_else(|| {
            Undecided::Failed(Error::NotAdopted {
                active: active.clone(),
                given: playbooks.current.hash.clone(),
            })
        })
    }
}

/// The playbook of a record, by hash, if there is such a record.
fn hash_of<'a>(key: &Key, records: &'a Records) -> Result<Option<&'a Name>, Undecided> {
    match records.found(key) {
        Some(found) => Ok(found.record.as_deref().and_then(decide::playbook_of)),
        None => Err(Undecided::Need(vec![key.clone()])),
    }
}
