//! Agents: the people who hold leads, and the groups they are told as.

use chrono::serde::{ts_microseconds, ts_microseconds_option};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::email::Email;
use crate::ids::{AgentId, Name};
use crate::record::history::History;
use crate::record::referral::ReferralCode;
use crate::time::Instant;

/// An agent: advisor, seller, supervisor, whoever acts on leads or is told about them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// The host's name for the agent.
    pub id: AgentId,
    /// The name that customers see.
    pub name: SmolStr,
    /// The address that mail goes from and answers come to.
    pub email: Email,
    /// A phone number that customers may call.
    pub phone: Option<SmolStr>,
    /// The role, which decides what the agent may do.
    pub role: Name,
    /// The team.
    pub team: Option<Name>,
    /// The cities whose leads the agent takes.
    pub cities: Vec<SmolStr>,
    /// The zones whose leads the agent takes, or watches over.
    pub zones: Vec<SmolStr>,
    /// What the agent knows how to sell, or to do.
    pub skills: Vec<SmolStr>,
    /// The calendar of the playbook in which the agent works; the playbook's own, if `None`.
    pub hours: Option<Name>,
    /// When the agent is away, the earliest first. At most [`Agent::MOST_ABSENCES`]; those that are
    /// over go when the agent is next set up.
    pub absences: Vec<Absence>,
    /// How many open leads the agent can hold; `None` is the pool's own number.
    pub capacity: Option<u32>,
    /// Whether the agent takes leads now.
    pub available: bool,
    /// The code with which the agent refers, once there is one; it stays the same.
    pub referral_code: Option<ReferralCode>,
    /// When the agent left: since then the agent gets nothing and may do nothing.
    #[serde(with = "ts_microseconds_option")]
    pub left_at: Option<Instant>,
    /// The agent's history in the journal.
    pub history: History,
}

/// A time in which an agent is away and is given no lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Absence {
    /// From when.
    #[serde(with = "ts_microseconds")]
    pub from: Instant,
    /// Until when: the agent is there again at this instant.
    #[serde(with = "ts_microseconds")]
    pub until: Instant,
}

impl Absence {
    /// Whether it is so at an instant.
    #[must_use]
    pub fn covers(&self, at: Instant) -> bool {
        self.from <= at && at < self.until
    }
}

impl Agent {
    /// How many absences are kept.
    pub const MOST_ABSENCES: usize = 64;

    /// Somebody of whom nothing more is known, who takes leads.
    #[must_use]
    pub fn new(id: AgentId, name: SmolStr, email: Email, role: Name) -> Self {
        Self {
            id,
            name,
            email,
            phone: None,
            role,
            team: None,
            cities: Vec::new(),
            zones: Vec::new(),
            skills: Vec::new(),
            hours: None,
            absences: Vec::new(),
            capacity: None,
            available: true,
            referral_code: None,
            left_at: None,
            history: History::default(),
        }
    }
}

/// The agents of one role or team, so that a rule can tell all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its members, in the order of their ids.
    pub members: Vec<AgentId>,
}

impl Group {
    /// How many members a group can have.
    pub const MOST: usize = 5_000;

    /// Adds a member, once.
    pub fn add(&mut self, agent: &AgentId) {
        if let Err(place) = self.members.binary_search(agent) {
            self.members.insert(place, agent.clone());
        }
    }

    /// Takes a member away.
    pub fn remove(&mut self, agent: &AgentId) {
        if let Ok(place) = self.members.binary_search(agent) {
            self.members.remove(place);
        }
    }
}
