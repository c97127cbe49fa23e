//! A sweep: one command, carried out on many leads (the fifth design idea).
//!
//! A campaign, a recall, a leaver's leads, the adoption of a changed playbook: all one record
//! with a clock, an audience, a command, a cursor and a schedule. It does one page per wake;
//! a target's command id derives from (sweep, occurrence, target), so a restart repeats nothing.

use chrono::serde::{ts_microseconds, ts_microseconds_option};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::decide::command::{Actor, LeadOrder};
use crate::ids::{AgentId, CommandId, Id, LeadId, Name, SweepId};
use crate::record::history::History;
use crate::record::lead::Trouble;
use crate::time::Instant;

/// A command that goes through many leads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// Its id.
    pub id: SweepId,
    /// What it is called.
    pub name: Name,
    /// Whom it reaches: a condition over stored facts, in the language of the playbook.
    pub audience: SmolStr,
    /// What is done to each.
    pub order: LeadOrder,
    /// The playbook that serves it, by hash: the one that it was started under, until another one
    /// decides about it.
    pub playbook: Name,
    /// When it was started.
    #[serde(with = "ts_microseconds")]
    pub started_at: Instant,
    /// Who started it.
    pub started_by: SmolStr,
    /// The agent as whom it acts, if it was an agent who started it: each target's command is
    /// permitted as if that agent asked for it then.
    pub for_agent: Option<AgentId>,
    /// How many days lie between its occurrences, if it comes again.
    pub every_days: Option<u32>,
    /// Which occurrence this is, from 0.
    pub occurrence: u32,
    /// When this occurrence began, or begins; conditions take it for `now`.
    #[serde(with = "ts_microseconds")]
    pub occurrence_at: Instant,
    /// The last target of this occurrence that was reached.
    pub cursor: Option<Id>,
    /// How many targets were reached, over all occurrences.
    pub reached: u64,
    /// How many of them refused the command.
    pub refused: u64,
    /// When it goes on, or `None` when it is finished.
    #[serde(with = "ts_microseconds_option")]
    pub next_at: Option<Instant>,
    /// What went wrong with its clock, until it goes well again.
    pub trouble: Option<Trouble>,
    /// Its history in the journal.
    pub history: History,
}

impl Sweep {
    /// How many targets one wake reaches.
    pub const PAGE: usize = 200;

    /// The command with which it reaches a target in this occurrence.
    #[must_use]
    pub fn command_for(&self, target: LeadId) -> CommandId {
        CommandId::following(
            self.occurrence_at,
            &[
                b"sweep",
                self.id.0.as_bytes(),
                &self.occurrence.to_le_bytes(),
                target.0.as_bytes(),
            ],
        )
    }

    /// Who acts when it acts.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::Sweep {
            name: self.name.clone(),
            for_agent: self.for_agent.clone(),
        }
    }

    /// When it wants to be woken.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Instant> {
        match &self.trouble {
            Some(trouble) => trouble.retry_at,
            None => self.next_at,
        }
    }
}
