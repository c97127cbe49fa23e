//! The records: everything that is kept about an organisation's leads.
//!
//! Each sort of record is one bounded value that is read and written whole. What a decision
//! needs to know about a *set* lives in one record on purpose: a lead's attempts and tasks in
//! the [`Lead`], a contact's open leads and messages in the [`Contact`], shares in the [`Pool`],
//! an agent's load in its [`Workload`], the visits of a zone and week in a [`VisitPlan`]. Whatever waits carries its own clock, `wakes_at`, which the core computes.

use serde::{Deserialize, Serialize};

use crate::ids::{AgentId, CommandId, ContactId, Id, LeadId, MessageId, Name, SweepId, Tenant};
use crate::store::{Key, Kind};
use crate::week::Week;

pub mod agent;
pub mod appointment;
pub mod compared;
pub mod contact;
pub mod document;
pub mod fields;
pub mod history;
pub mod journal;
pub mod lead;
pub mod members;
pub mod message;
pub mod pool;
pub mod quote;
pub mod referral;
pub(crate) mod roster;
pub mod stored;
pub mod sweep;
pub mod tenant;
pub mod visits;
pub mod workload;

pub use agent::{Agent, Group};
pub use appointment::{Appointment, Appointments};
pub use contact::{Claim, Contact};
pub use document::{Document, Documents};
pub use history::History;
pub use lead::Lead;
pub use message::Message;
pub use pool::Pool;
pub use quote::Quote;
pub use referral::Referral;
pub use sweep::Sweep;
pub use tenant::TenantRecord;
pub use visits::VisitPlan;
pub use workload::Workload;

/// Any record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each variant is named by what it holds")]
pub enum Record {
    Tenant(TenantRecord),
    Lead(Box<Lead>),
    Contact(Contact),
    Agent(Agent),
    Group(Group),
    Pool(Pool),
    Claim(Claim),
    Message(Box<Message>),
    Sweep(Sweep),
    Workload(Workload),
    VisitPlan(VisitPlan),
}

impl Record {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Tenant(_) => Kind::Tenant,
            Self::Lead(_) => Kind::Lead,
            Self::Contact(_) => Kind::Contact,
            Self::Agent(_) => Kind::Agent,
            Self::Group(_) => Kind::Group,
            Self::Pool(_) => Kind::Pool,
            Self::Claim(_) => Kind::Claim,
            Self::Message(_) => Kind::Message,
            Self::Sweep(_) => Kind::Sweep,
            Self::Workload(_) => Kind::Workload,
            Self::VisitPlan(_) => Kind::VisitPlan,
        }
    }
}

/// A sort of record that a decision can ask for by type.
pub trait Recorded: Clone {
    /// Its kind.
    const KIND: Kind;
    /// The record as one of its sort.
    fn from_record(record: &Record) -> Option<&Self>;
    /// One of its sort as a record.
    fn into_record(self) -> Record;
    /// Its history, where one is kept.
    fn history(&mut self) -> Option<&mut History> {
        None
    }
    /// The playbook that serves it, where whoever decides about it makes it theirs. A lead is no
    /// such record: it comes under another playbook only by being taken over.
    fn served_by(&mut self) -> Option<&mut Name> {
        None
    }
}

macro_rules! recorded {
    ($type:ty, $variant:ident, |$value:ident| $wrap:expr $(, $method:ident: $field:ident as $part:ty)*) => {
        impl Recorded for $type {
            const KIND: Kind = Kind::$variant;

            fn from_record(record: &Record) -> Option<&Self> {
                match record {
                    Record::$variant(value) => Some(value),
                    _ => None,
                }
            }

            fn into_record(self) -> Record {
                let $value = self;
                Record::$variant($wrap)
            }

            $(fn $method(&mut self) -> Option<&mut $part> {
                Some(&mut self.$field)
            })*
        }
    };
}

recorded!(TenantRecord, Tenant, |value| value, history: history as History);
recorded!(Lead, Lead, |value| Box::new(value), history: history as History);
// A lead is large: whoever changes one takes it as it lies.
recorded!(Box<Lead>, Lead, |value| value, history: history as History);
recorded!(Contact, Contact, |value| value);
recorded!(Agent, Agent, |value| value, history: history as History);
recorded!(Group, Group, |value| value);
recorded!(Pool, Pool, |value| value);
recorded!(Workload, Workload, |value| value);
recorded!(Claim, Claim, |value| value);
recorded!(VisitPlan, VisitPlan, |value| value, history: history as History);
recorded!(Message, Message, |value| Box::new(value),
    history: history as History, served_by: playbook as Name);
recorded!(Sweep, Sweep, |value| value,
    history: history as History, served_by: playbook as Name);

impl Key {
    fn new(tenant: &Tenant, kind: Kind, id: Id) -> Self {
        Self {
            tenant: tenant.clone(),
            kind,
            id,
        }
    }

    /// The tenant's own record.
    #[must_use]
    pub fn tenant(tenant: &Tenant) -> Self {
        Self::new(tenant, Kind::Tenant, Id::named("tenant", tenant.as_str()))
    }

    /// A lead.
    #[must_use]
    pub fn lead(tenant: &Tenant, id: LeadId) -> Self {
        Self::new(tenant, Kind::Lead, id.0)
    }

    /// A contact.
    #[must_use]
    pub fn contact(tenant: &Tenant, id: ContactId) -> Self {
        Self::new(tenant, Kind::Contact, id.0)
    }

    /// An agent.
    #[must_use]
    pub fn agent(tenant: &Tenant, id: &AgentId) -> Self {
        Self::new(tenant, Kind::Agent, Id::named("agent", id.as_str()))
    }

    /// What an agent has on hand.
    #[must_use]
    pub fn workload(tenant: &Tenant, agent: &AgentId) -> Self {
        Self::new(tenant, Kind::Workload, Id::named("agent", agent.as_str()))
    }

    /// The agents of a role.
    #[must_use]
    pub fn role(tenant: &Tenant, role: &Name) -> Self {
        Self::new(tenant, Kind::Group, Id::named("role", role.as_str()))
    }

    /// The agents of a team.
    #[must_use]
    pub fn team(tenant: &Tenant, team: &Name) -> Self {
        Self::new(tenant, Kind::Group, Id::named("team", team.as_str()))
    }

    /// A pool.
    #[must_use]
    pub fn pool(tenant: &Tenant, pool: &Name) -> Self {
        Self::new(tenant, Kind::Pool, Id::named("pool", pool.as_str()))
    }

    /// A unique claim, by what it is a claim to.
    #[must_use]
    pub fn claim(tenant: &Tenant, id: Id) -> Self {
        Self::new(tenant, Kind::Claim, id)
    }

    /// A message.
    #[must_use]
    pub fn message(tenant: &Tenant, id: MessageId) -> Self {
        Self::new(tenant, Kind::Message, id.0)
    }

    /// A sweep.
    #[must_use]
    pub fn sweep(tenant: &Tenant, id: SweepId) -> Self {
        Self::new(tenant, Kind::Sweep, id.0)
    }

    /// The visits of a zone in a week. However the zone is written, it is the same one.
    #[must_use]
    pub fn visit_plan(tenant: &Tenant, zone: &str, week: Week) -> Self {
        let text = format!("{}\u{1f}{week}", compared::compared_text(zone));
        Self::new(tenant, Kind::VisitPlan, Id::named("visit-plan", &text))
    }

    /// A command's journal entry.
    #[must_use]
    pub fn journal(tenant: &Tenant, command: CommandId) -> Self {
        Self::new(tenant, Kind::Journal, command.0)
    }
}
