//! Deciding: the pure core (the first design idea).
//!
//! ```text
//! decide(playbook, records, command id, command, now) -> Decision | Need(keys) | Refused(refusal)
//! ```
//!
//! A [`Decision`] is what to write: all of it or nothing. When a record that is needed is not at
//! hand, the answer is [`Stop::Need`]: load it and ask again. There is no I/O here, no clock and
//! no randomness; every id that a decision makes derives from its command's id, so deciding twice
//! makes the same things. Nothing here reads a query: whatever is decided about a set lives in
//! one record.
//!
//! [`wake`] decides in the same way what happens when a record's own time has come.

use std::sync::Arc;

use crate::facts::LeadFact;
use crate::ids::{CommandId, Name, Tenant};
use crate::mailer::Outgoing;
use crate::playbook::Playbook;
use crate::record::Record;
use crate::record::journal::{Asked, JournalEntry};
use crate::record::stored::{self, Unreadable};
use crate::store::{Changes, Check, Key, Kind, Put, Version, Wakes};
use crate::time::Instant;

mod act;
mod activities;
mod adoption;
mod agents;
mod appointments;
pub mod command;
mod contacts;
mod documents;
mod draft;
mod duplicates;
mod fields;
mod holds;
mod identities;
mod laws;
mod leaving;
mod life;
mod merging;
mod messages;
mod onboarding;
mod ownership;
mod permit;
mod places;
mod pools;
mod quotes;
pub mod records;
mod referrals;
pub mod refusal;
mod register;
mod settling;
pub mod stored_facts;
mod suppression;
mod sweeps;
mod taking_over;
mod tasks;
mod texts;
mod troubles;
mod visits;
mod waits;
mod wake;

pub(crate) use contacts::phone_in;
pub(crate) use onboarding::gaps_of_newcomer;

use command::{Command, Fate, LeadOrder, SweepOrder, Wake, What};
use draft::Draft;
use records::Records;
use refusal::Refusal;

/// What to write for one command.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Whose records.
    pub tenant: Tenant,
    /// The command.
    pub command: CommandId,
    /// Records that were relied on and aren't written.
    pub checks: Vec<Check>,
    /// Records to write.
    pub writes: Vec<Write>,
    /// What happened, for the journal.
    pub entry: JournalEntry,
}

/// A record to write.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Under which key.
    pub key: Key,
    /// The version that was read.
    pub read: Version,
    /// The version that this makes.
    pub makes: Version,
    /// The record, or `None` to remove it.
    pub record: Option<Arc<Record>>,
    /// When it wants to be woken.
    pub wakes_at: Option<Instant>,
}

impl Write {
    /// Its clock as a store takes it. Leads wait for who knows the playbook that clocked them;
    /// messages and sweeps beside them, since the active playbook can serve those as well; and
    /// messages by themselves, since who hands them over waits for others.
    fn wakes(&self, playbook: &Playbook) -> Option<Wakes> {
        let at = self.wakes_at?;
        let record = self.record.as_deref()?;
        let hash = playbook_of(record).unwrap_or(&playbook.hash);
        let lane = lane(record.kind(), hash);
        Some(Wakes { at, lane })
    }
}

/// Where the records of a playbook that are of this kind wait to be woken.
pub(crate) fn lane(kind: Kind, hash: &Name) -> Name {
    let mark = match kind {
        Kind::Message => MESSAGES,
        Kind::Sweep => SWEEPS,
        _ => return hash.clone(),
    };
    Name::from(smol_str::format_smolstr!("{mark}{hash}"))
}

/// Whether messages wait in a lane of this name.
pub(crate) fn is_lane_of_messages(lane: &Name) -> bool {
    lane.as_str().starts_with(MESSAGES)
}

/// Whether what waits in a lane of this name can be served by the active playbook, too.
pub(crate) fn is_served_lane(lane: &Name) -> bool {
    is_lane_of_messages(lane) || lane.as_str().starts_with(SWEEPS)
}

/// The playbook whose records wait in a lane, by hash.
pub(crate) fn playbook_of_lane(lane: &Name) -> Name {
    let name = lane.as_str();
    let mut marks = [MESSAGES, SWEEPS].into_iter();
    let hash = marks.find_map(|mark| name.strip_prefix(mark));
    Name::from(hash.unwrap_or(name))
}

// A hash has only hexadecimal digits. Short, so that the names fit in place.
const MESSAGES: &str = "m:";
const SWEEPS: &str = "s:";

impl Decision {
    /// The same as a store takes it: bodies as bytes, stored facts computed.
    ///
    /// # Errors
    /// When a record can't be written as bytes, which no decided one is.
    pub fn changes(&self, playbook: &Playbook) -> Result<Changes, Unreadable> {
        let mut puts = Vec::with_capacity(self.writes.len());
        for write in &self.writes {
            puts.push(Put {
                key: write.key.clone(),
                read: write.read,
                makes: write.makes,
                body: write.record.as_deref().map(stored::encode).transpose()?,
                wakes: write.wakes(playbook),
                facts: write
                    .record
                    .as_deref()
                    .map(|record| stored_facts::of(playbook, record))
                    .unwrap_or_default(),
            });
        }
        Ok(Changes {
            tenant: self.tenant.clone(),
            command: self.command,
            checks: self.checks.clone(),
            puts,
            journal: stored::encode_entry(&self.entry)?,
        })
    }

    /// Gives what is written versions of its own. Whoever decides on before this is known to be
    /// written must stamp each decision in another way: else what others write meanwhile may be
    /// taken for this.
    pub fn stamp(&mut self, stamp: u32) {
        for write in &mut self.writes {
            write.makes = write.read.next_stamped(stamp);
        }
    }

    /// The record of this sort that is written under a key.
    #[must_use]
    pub fn written<T: crate::record::Recorded>(&self, key: &Key) -> Option<&T> {
        let write = self.writes.iter().find(|write| write.key == *key)?;
        T::from_record(write.record.as_deref()?)
    }
}

/// Why there is no decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// These records are needed; load them and ask again.
    Need(Vec<Key>),
    /// It is refused. Nothing is to be written.
    Refused(Box<Refusal>),
}

/// Decides what a command writes.
///
/// # Errors
/// [`Stop::Need`] when records are missing, [`Stop::Refused`] when it is not to be.
pub fn decide(
    playbook: &Playbook,
    records: &Records,
    id: CommandId,
    command: &Command,
    now: Instant,
) -> Result<Decision, Stop> {
    texts::check(command)?;
    let mut draft = Draft::new(
        playbook,
        records,
        &command.tenant,
        id,
        command.actor.clone(),
        now,
    );
    if let Some(happened_at) = command.happened_at {
        if happened_at > now {
            return Err(Refusal::InTheFuture.into());
        }
        draft.happened_at = happened_at;
        permit::permit_back_dating(&mut draft)?;
    }
    match &command.what {
        What::SetUpAgent(setup) => {
            permit::permit(&mut draft, &command.what, None)?;
            adoption::rely_on_active(&mut draft)?;
            agents::set_up(&mut draft, setup)?;
        }
        What::Leave(leaving) => {
            permit::permit(&mut draft, &command.what, None)?;
            adoption::rely_on_active(&mut draft)?;
            leaving::leave(&mut draft, leaving)?;
        }
        What::Register(new) => {
            permit::permit(&mut draft, &command.what, None)?;
            adoption::rely_on_active(&mut draft)?;
            register::register(&mut draft, new)?;
        }
        What::TellReferralCode { agent } => {
            referrals::permit_telling(&mut draft, agent)?;
            adoption::rely_on_active(&mut draft)?;
            referrals::tell_code(&mut draft, agent)?;
        }
        What::PlanVisits(new) => {
            permit::permit(&mut draft, &command.what, None)?;
            adoption::rely_on_active(&mut draft)?;
            visits::plan(&mut draft, new)?;
        }
        What::RecordVisit(report) => {
            adoption::rely_on_active(&mut draft)?;
            visits::record(&mut draft, report)?;
        }
        What::MergeContacts { into, from } => {
            permit::permit(&mut draft, &command.what, None)?;
            adoption::rely_on_active(&mut draft)?;
            merging::merge(&mut draft, *into, *from, &command.what)?;
        }
        What::UnmergeContact { contact } => {
            permit::permit(&mut draft, &command.what, None)?;
            adoption::rely_on_active(&mut draft)?;
            merging::unmerge(&mut draft, *contact, &command.what)?;
        }
        What::DistinguishContacts { one, other } => {
            permit::permit(&mut draft, &command.what, None)?;
            adoption::rely_on_active(&mut draft)?;
            duplicates::distinguish(&mut draft, *one, *other, &command.what)?;
        }
        What::Lead { lead, order } => life::carry_out(&mut draft, *lead, order, &command.what)?,
        What::StartSweep(new) => {
            permit::permit(&mut draft, &command.what, None)?;
            permit::permit_order(&mut draft, &new.order)?;
            adoption::rely_on_active(&mut draft)?;
            sweeps::start_asked(&mut draft, new)?;
        }
        What::Begin => {
            permit::permit(&mut draft, &command.what, None)?;
            adoption::begin(&mut draft)?;
        }
        What::Adopt(order) => {
            permit::permit(&mut draft, &command.what, None)?;
            adoption::adopt(&mut draft, order)?;
        }
        What::SettleMessage { message, fate } => {
            permit::permit_settling(&mut draft, &command.what, *message)?;
            match fate {
                Fate::Retry => adoption::rely_on_active(&mut draft)?,
                _ => adoption::stand_in(&mut draft, &Key::message(&command.tenant, *message))?,
            }
            messages::settle(&mut draft, *message, *fate)?;
        }
        What::Sweep { sweep, order } => {
            permit::permit_sweep(&mut draft, &command.what, *sweep)?;
            match order {
                SweepOrder::Retry => adoption::rely_on_active(&mut draft)?,
                _ => adoption::stand_in(&mut draft, &Key::sweep(&command.tenant, *sweep))?,
            }
            sweeps::obey(&mut draft, *sweep, *order)?;
        }
    }
    draft.asked = Some(Asked::by(command));
    Ok(draft.finish())
}

/// What comes of waking a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Woken {
    /// What to write; nothing, if it was not due after all.
    pub decision: Option<Decision>,
    /// A message to hand over once that is written.
    pub outgoing: Option<Outgoing>,
}

/// Decides what happens when a record's time has come, or when a worker heard something.
///
/// One rule fires per decision; then the record has a new agenda, and may be due again.
///
/// # Errors
/// [`Stop::Need`] when records are missing; [`Stop::Refused`] when a message or a sweep is another
/// playbook's and this one is not the active one. What a rule's actions want and may not is put on
/// record, and the rest is done.
pub fn wake(
    playbook: &Playbook,
    records: &Records,
    tenant: &Tenant,
    wake: &Wake,
    now: Instant,
) -> Result<Woken, Stop> {
    wake::wake(playbook, records, tenant, wake, now)
}

/// Which playbook clocked a lead, or serves a message or a sweep; `None` for records that any
/// playbook can decide about.
#[must_use]
pub fn playbook_of(record: &Record) -> Option<&Name> {
    match record {
        Record::Lead(lead) => Some(&lead.playbook),
        Record::Message(message) => Some(&message.playbook),
        Record::Sweep(sweep) => Some(&sweep.playbook),
        Record::Tenant(_)
        | Record::Contact(_)
        | Record::Agent(_)
        | Record::Group(_)
        | Record::Pool(_)
        | Record::Claim(_)
        | Record::Workload(_)
        | Record::VisitPlan(_) => None,
    }
}

/// Whether an order may be given to a closed lead.
fn is_for_closed(order: &LeadOrder) -> bool {
    matches!(
        order,
        LeadOrder::Reopen { .. }
            | LeadOrder::Complete { .. }
            | LeadOrder::Unsubscribe
            | LeadOrder::CorrectContact(_)
            | LeadOrder::GiveEmail { .. }
            | LeadOrder::Retry
            | LeadOrder::Adopt { .. }
            | LeadOrder::FollowOwner
            | LeadOrder::Succeed(_)
            | LeadOrder::Record { .. }
            | LeadOrder::SetFields { .. }
            | LeadOrder::EndAppointment { .. }
            | LeadOrder::GiveFeedback { .. }
            | LeadOrder::Attach { .. }
    )
}

/// The fact that tells which leads a changed playbook has not taken over yet.
const PLAYBOOK_FACT: LeadFact = LeadFact::Playbook;
