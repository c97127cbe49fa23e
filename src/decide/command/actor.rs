//! Who acts.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::ids::{AgentId, Name};

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Actor {
    /// An agent; may do what the role may.
    Agent(AgentId),
    /// An import that tells what an agent did at the time: may do what the agent may, and may
    /// tell it late.
    Import(AgentId),
    /// The host application itself, by the name of its part (`"web-form"`). It links this
    /// library, so it may do everything.
    Host(SmolStr),
    /// A rule of the playbook. Exempt from permissions, not from needs.
    Rule(Name),
    /// A sweep.
    Sweep {
        /// Its name.
        name: Name,
        /// The agent who started it, as whom it acts: it may do what the agent may, when it does
        /// it. `None` where it acts for the host, or keeps up what the engine itself keeps.
        for_agent: Option<AgentId>,
    },
}

impl Actor {
    /// An agent, by the host's name for them.
    pub fn agent(id: impl Into<AgentId>) -> Self {
        Self::Agent(id.into())
    }

    /// An import that tells what this agent did.
    pub fn import(id: impl Into<AgentId>) -> Self {
        Self::Import(id.into())
    }

    /// A part of the host application.
    pub fn host(name: impl Into<SmolStr>) -> Self {
        Self::Host(name.into())
    }

    /// Reads who acts, as scenarios and maps say it: `host:web-form`, `import:ana`, or an agent.
    #[must_use]
    pub fn said(text: &str) -> Self {
        match text.split_once(':') {
            Some(("host", name)) => Self::host(name),
            Some(("import", agent)) => Self::import(agent),
            _ => Self::agent(text),
        }
    }

    /// The agent whose permissions count, if any do.
    #[must_use]
    pub fn as_agent(&self) -> Option<&AgentId> {
        match self {
            Self::Agent(agent) | Self::Import(agent) => Some(agent),
            Self::Sweep { for_agent, .. } => for_agent.as_ref(),
            Self::Host(_) | Self::Rule(_) => None,
        }
    }
}

/// A text names an agent: `.by("ana")`.
impl From<&str> for Actor {
    fn from(agent: &str) -> Self {
        Self::agent(agent)
    }
}

impl From<&AgentId> for Actor {
    fn from(agent: &AgentId) -> Self {
        Self::Agent(agent.clone())
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Agent(agent) => write!(f, "{agent}"),
            Self::Host(name) => write!(f, "host:{name}"),
            Self::Rule(name) => write!(f, "rule:{name}"),
            Self::Import(agent) => write!(f, "import:{agent}"),
            Self::Sweep { name, for_agent } => match for_agent {
                Some(agent) => write!(f, "sweep:{name} for {agent}"),
                None => write!(f, "sweep:{name}"),
            },
        }
    }
}
