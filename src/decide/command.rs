//! Commands: everything that can be asked of leadkit, as data.
//!
//! A command says what is to happen, who asks, and, for what is reported late, when it
//! happened. Its id is given beside it: a command that comes twice under one id acts once.

use chrono::serde::ts_microseconds_option;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::ids::{AgentId, ContactId, Id, LeadId, MessageId, Name, SweepId, Tenant};
use crate::time::Instant;

mod actor;
mod agent;
mod completion;
mod document;
mod lead;
mod leaving;
mod order;
mod quote;
mod visits;

pub use actor::Actor;
pub use agent::{AgentSetup, Capacity};
pub use completion::Completion;
pub use document::NewDocument;
pub use lead::NewLead;
pub use leaving::Leaving;
pub use order::{Correction, LeadOrder, Waiting};
pub use quote::{NewQuote, NewQuoteLine, Validity};
pub use visits::{NewVisit, NewVisitPlan, VisitReport};

/// What is asked, by whom, for which organisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// The organisation.
    pub tenant: Tenant,
    /// Who asks.
    pub actor: Actor,
    /// When it happened, if it is reported late; now, if not. Never in the future; before now only
    /// from a host, an import, or an agent whose role may `back-date`.
    #[serde(with = "ts_microseconds_option")]
    pub happened_at: Option<Instant>,
    /// What is asked.
    pub what: What,
}

/// What a command asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum What {
    /// Make an agent, or change one.
    SetUpAgent(Box<AgentSetup>),
    /// Let an agent leave, and hand over by a sweep the leads that are open or have something to come.
    Leave(Box<Leaving>),
    /// Take a lead in.
    Register(Box<NewLead>),
    /// Do something with a lead.
    Lead {
        /// Which.
        lead: LeadId,
        /// What.
        order: LeadOrder,
    },
    /// Merge a contact into another one: they are the same person.
    MergeContacts {
        /// Which stands for both from now on.
        into: ContactId,
        /// Which is merged into it.
        from: ContactId,
    },
    /// Take a merge back: they are two persons.
    UnmergeContact {
        /// Which was merged into another one.
        contact: ContactId,
    },
    /// Say of two contacts that share something that they are two persons: they are no possible
    /// duplicates of each other any more.
    DistinguishContacts {
        /// One of them.
        one: ContactId,
        /// The other.
        other: ContactId,
    },
    /// Do something with many leads, page by page.
    StartSweep(Box<NewSweep>),
    /// Make a playbook the active one, and take the leads over to it by a sweep.
    Adopt(Box<Adoption>),
    /// Make a playbook the active one of a tenant that has none yet.
    Begin,
    /// Say what became of a message that is in doubt, withdraw one that is still queued, or try
    /// again one that was set aside.
    SettleMessage {
        /// Which.
        message: MessageId,
        /// Its fate.
        fate: Fate,
    },
    /// Do something with a sweep.
    Sweep {
        /// Which.
        sweep: SweepId,
        /// What.
        order: SweepOrder,
    },
    /// Tell an agent the code to refer with; it is made the first time, out of the command's id.
    TellReferralCode {
        /// Whose code.
        agent: AgentId,
    },
    /// Plan the visits of a zone in a week.
    PlanVisits(Box<NewVisitPlan>),
    /// Record what came of a planned visit, and register the lead, where one comes of it.
    RecordVisit(Box<VisitReport>),
}

/// What is to happen to a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SweepOrder {
    /// Try it again, under the active playbook: it was set aside.
    Retry,
    /// End it where it is, also one that would come again.
    Cancel,
}

/// The fate that a person gives to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// The server did take it.
    Accepted,
    /// It is known to have arrived: there is an answer, or a receipt.
    Delivered,
    /// It did not arrive and is to be sent again: it was in doubt, set aside, refused by a server that would
    /// take it now, or given up after it had been tried for two days, and is not too old.
    SendAgain,
    /// It is not to be sent any more.
    Withdrawn,
    /// It was set aside and is to go on from where it was, under the active playbook: the gate is
    /// asked again, and what nobody knows the outcome of is in doubt.
    Retry,
}

/// Where the leads of a stage go that a changed playbook no longer has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StageMapping {
    /// Pipeline and stage that were.
    pub from: (Name, Name),
    /// Pipeline and stage that are.
    pub to: (Name, Name),
    /// The wait group of those who have none, where leads wait.
    pub wait: Option<Waiting>,
}

impl StageMapping {
    /// From this pipeline and stage to that one.
    pub fn new<T: Into<Name>>(from: (T, T), to: (T, T)) -> Self {
        let named = |(pipeline, stage): (T, T)| (pipeline.into(), stage.into());
        Self {
            from: named(from),
            to: named(to),
            wait: None,
        }
    }

    /// Who has no wait group comes into this one.
    #[must_use]
    pub fn wait(mut self, wait: Waiting) -> Self {
        self.wait = Some(wait);
        self
    }
}

/// A sweep to start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewSweep {
    /// What it is called.
    pub name: Name,
    /// Whom it reaches: a condition over stored facts.
    pub audience: SmolStr,
    /// What is done to each.
    pub order: LeadOrder,
    /// When it begins; at once, if `None`.
    #[serde(with = "ts_microseconds_option")]
    pub starts_at: Option<Instant>,
    /// How many days lie between its occurrences, if it comes again.
    pub every_days: Option<u32>,
}

/// A playbook to make the active one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adoption {
    /// Which, by hash.
    pub playbook: Name,
    /// Where leads go whose stage it no longer has.
    pub stages: Vec<StageMapping>,
    /// The stages that hold leads now. The engine counts them itself when it is asked; in a host's
    /// own transaction they are said, as
    /// [`TenantHandle::occupied_stages`](crate::engine::TenantHandle::occupied_stages) counts them.
    /// The adoption is refused while one of them would vanish without a mapping.
    pub occupied: Option<Vec<(Name, Name)>>,
}

/// What the engine's own clockwork asks for. A host never sends these.
#[derive(Clone, Debug, PartialEq)]
pub enum Wake {
    /// A lead's time has come.
    Lead(LeadId),
    /// A message's time has come.
    Message(MessageId),
    /// A worker heard what became of a hand-over.
    HandedOver {
        /// Which message.
        message: MessageId,
        /// Which attempt at handing it over.
        attempt: u32,
        /// What the mailer said.
        outcome: crate::mailer::Outcome,
    },
    /// A page of a sweep is done: these were its targets.
    SweepPage {
        /// Which sweep.
        sweep: SweepId,
        /// Of which occurrence.
        occurrence: u32,
        /// The target behind which the page began.
        from: Option<Id>,
        /// The last target, or `None` when there are no more.
        reached: Option<Id>,
        /// How many targets the page had, and how many of them refused.
        counts: (u64, u64),
    },
    /// Waking a record leads to no end.
    Runaway {
        /// Which.
        key: crate::store::Key,
        /// What is to be said of it.
        error: SmolStr,
    },
    /// Waking a record failed.
    Failed {
        /// Which.
        key: crate::store::Key,
        /// What it said.
        error: SmolStr,
    },
}
