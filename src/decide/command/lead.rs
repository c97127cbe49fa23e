//! Leads to take in.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::ids::{AgentId, Name};
use crate::time::Instant;
use crate::value::Value;

/// A lead to take in.
///
/// ```
/// use leadkit::decide::command::NewLead;
/// let lead = NewLead::new("Luis Vera")
///     .email("luis@example.com")
///     .source("web")
///     .field("city", "Quito");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewLead {
    /// The contact's name.
    pub name: SmolStr,
    /// The contact's e-mail address, as typed.
    pub email: Option<SmolStr>,
    /// The contact's phone number, as typed.
    pub phone: Option<SmolStr>,
    /// Where the lead comes from.
    pub source: Option<Name>,
    /// The wait group, for who will buy in some months.
    pub wait: Option<Name>,
    /// The lead's own wait inside the group's bounds, in days.
    pub wait_days: Option<u32>,
    /// The agent who is to own it, where that is already decided.
    pub owner: Option<AgentId>,
    /// The referral code with which it comes, as typed.
    pub referral: Option<SmolStr>,
    /// The playbook's own fields.
    pub fields: Vec<(Name, Value)>,
    /// The appointments that are booked with it, by kind: when each is.
    pub appointments: Vec<(Name, Instant)>,
}

impl NewLead {
    /// A lead of a contact with this name.
    pub fn new(name: impl Into<SmolStr>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// With this e-mail address.
    #[must_use]
    pub fn email(mut self, email: impl Into<SmolStr>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// With this phone number.
    #[must_use]
    pub fn phone(mut self, phone: impl Into<SmolStr>) -> Self {
        self.phone = Some(phone.into());
        self
    }

    /// From this source.
    #[must_use]
    pub fn source(mut self, source: impl Into<Name>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// In this wait group.
    #[must_use]
    pub fn wait(mut self, group: impl Into<Name>) -> Self {
        self.wait = Some(group.into());
        self
    }

    /// With a wait of its own, in days.
    #[must_use]
    pub fn wait_days(mut self, days: u32) -> Self {
        self.wait_days = Some(days);
        self
    }

    /// Owned by this agent.
    #[must_use]
    pub fn owner(mut self, agent: impl Into<AgentId>) -> Self {
        self.owner = Some(agent.into());
        self
    }

    /// Coming with this referral code.
    #[must_use]
    pub fn referral(mut self, code: impl Into<SmolStr>) -> Self {
        self.referral = Some(code.into());
        self
    }

    /// With this value of a field of the playbook's.
    #[must_use]
    pub fn field(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// With an appointment of this kind, which is booked with its owner in the same commit: so a law
    /// that asks for one is kept from the beginning.
    #[must_use]
    pub fn appointment(mut self, kind: impl Into<Name>, at: Instant) -> Self {
        self.appointments.push((kind.into(), at));
        self
    }
}
