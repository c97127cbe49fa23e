//! What is to be known of an agent, as a command says it.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::ids::Name;
use crate::record::agent::Absence;
use crate::time::Instant;

/// What is to be known of an agent. What is `None` stays as it is; of a new agent everything
/// that is needed and missing is listed at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentSetup {
    /// The host's name for the agent.
    pub agent: SmolStr,
    /// The name that customers see.
    pub name: Option<SmolStr>,
    /// The address that mail goes from.
    pub email: Option<SmolStr>,
    /// A phone number that customers may call.
    pub phone: Option<SmolStr>,
    /// The role.
    pub role: Option<Name>,
    /// The team; an empty one takes it away.
    pub team: Option<Name>,
    /// The cities whose leads the agent takes.
    pub cities: Option<Vec<SmolStr>>,
    /// The zones whose leads the agent takes, or watches over.
    pub zones: Option<Vec<SmolStr>>,
    /// What the agent knows how to sell, or to do.
    pub skills: Option<Vec<SmolStr>>,
    /// The calendar of the playbook in which the agent works; an empty one takes it away.
    pub hours: Option<Name>,
    /// When the agent is away: all of it, in place of what was known.
    pub absences: Option<Vec<Absence>>,
    /// How many open leads the agent can hold; [`Capacity::OfPool`] takes an own number away.
    pub capacity: Option<Capacity>,
    /// Whether the agent takes leads now.
    pub available: Option<bool>,
}

impl AgentSetup {
    /// For the agent whom the host knows by this name.
    pub fn new(agent: impl Into<SmolStr>) -> Self {
        Self {
            agent: agent.into(),
            ..Self::default()
        }
    }

    /// With the name that customers see.
    #[must_use]
    pub fn name(mut self, name: impl Into<SmolStr>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// With the address that mail goes from.
    #[must_use]
    pub fn email(mut self, email: impl Into<SmolStr>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// In this role.
    #[must_use]
    pub fn role(mut self, role: impl Into<Name>) -> Self {
        self.role = Some(role.into());
        self
    }

    /// In this team.
    #[must_use]
    pub fn team(mut self, team: impl Into<Name>) -> Self {
        self.team = Some(team.into());
        self
    }

    /// Taking leads of these cities.
    #[must_use]
    pub fn cities<T: Into<SmolStr>>(mut self, cities: impl IntoIterator<Item = T>) -> Self {
        self.cities = Some(cities.into_iter().map(Into::into).collect());
        self
    }

    /// Taking leads of these zones, or watching over them.
    #[must_use]
    pub fn zones<T: Into<SmolStr>>(mut self, zones: impl IntoIterator<Item = T>) -> Self {
        self.zones = Some(zones.into_iter().map(Into::into).collect());
        self
    }

    /// Knowing how to sell, or to do, this.
    #[must_use]
    pub fn skills<T: Into<SmolStr>>(mut self, skills: impl IntoIterator<Item = T>) -> Self {
        self.skills = Some(skills.into_iter().map(Into::into).collect());
        self
    }

    /// Working in the hours of this calendar of the playbook.
    #[must_use]
    pub fn hours(mut self, calendar: impl Into<Name>) -> Self {
        self.hours = Some(calendar.into());
        self
    }

    /// Away from the first instant until the second, and whenever else is said so.
    #[must_use]
    pub fn away(mut self, from: Instant, until: Instant) -> Self {
        let absences = self.absences.get_or_insert_default();
        absences.push(Absence { from, until });
        self
    }

    /// Able to hold this many open leads.
    #[must_use]
    pub fn capacity(mut self, leads: u32) -> Self {
        self.capacity = Some(Capacity::Own(leads));
        self
    }

    /// Able to hold as many open leads as each pool says, and with no number of its own any more.
    #[must_use]
    pub fn without_capacity(mut self) -> Self {
        self.capacity = Some(Capacity::OfPool);
        self
    }

    /// Taking leads, or not, from now on.
    #[must_use]
    pub fn available(mut self, available: bool) -> Self {
        self.available = Some(available);
        self
    }
}

/// How many open leads an agent is to hold at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Capacity {
    /// So many, a number of the agent's own.
    Own(u32),
    /// As many as each pool says; a number of the agent's own is taken away.
    OfPool,
}
