//! Agents: the people who hold leads, and the groups they are told as.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::email::Email;
use crate::ids::{AgentId, Name};
use crate::record::history::History;

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
    /// How many open leads the agent can hold; `None` is the pool's own number.
    pub capacity: Option<u32>,
    /// Whether the agent takes leads now.
    pub available: bool,
    /// The agent's history in the journal.
    pub history: History,
}

impl Agent {
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
            capacity: None,
            available: true,
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
