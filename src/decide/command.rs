//! Commands: everything that can be asked of leadkit, as data.
//!
//! A command says what is to happen, who asks, and, for what is reported late, when it
//! happened. Its id is given beside it: a command that comes twice under one id acts once.

use chrono::serde::{ts_microseconds, ts_microseconds_option};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::ids::{AgentId, ContactId, Id, LeadId, MessageId, Name, SweepId, Tenant};
use crate::record::appointment::Became;
use crate::time::Instant;
use crate::value::Value;

mod agent;
mod completion;
mod document;
mod quote;
mod visits;

pub use agent::{AgentSetup, Capacity};
pub use completion::Completion;
pub use document::NewDocument;
pub use quote::{NewQuote, NewQuoteLine, Validity};
pub use visits::{NewVisit, NewVisitPlan, VisitReport};

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
    /// Let an agent leave, and hand the open leads over by a sweep.
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
    /// It did not arrive and is to be sent again.
    SendAgain,
    /// It is not to be sent any more.
    Withdrawn,
    /// It was set aside and is to go on from where it was, under the active playbook: the gate is
    /// asked again, and what nobody knows the outcome of is in doubt.
    Retry,
}

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

/// What is to happen to a lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum LeadOrder {
    /// Let a pool choose its owner.
    Assign {
        /// Which pool.
        pool: Name,
    },
    /// Give it to this agent.
    Reassign {
        /// Whom.
        to: AgentId,
    },
    /// Record that contact was tried.
    Attempt {
        /// Whether the contact was reached.
        reached: bool,
    },
    /// Record that the contact answered.
    Answered,
    /// Record an activity of the playbook's.
    Record {
        /// Which.
        activity: Name,
        /// The fields that it asks for, all of them.
        fields: Vec<(Name, Option<Value>)>,
    },
    /// Move it to another stage.
    MoveTo {
        /// Which.
        stage: Name,
        /// Why, where the stage asks for a reason.
        reason: Option<SmolStr>,
        /// In which wait group, where leads wait; the lead keeps its own, if `None`.
        wait: Option<Waiting>,
    },
    /// End it in a final stage.
    Close {
        /// Which.
        stage: Name,
        /// Why.
        reason: Option<SmolStr>,
    },
    /// Take up again what was closed.
    Reopen {
        /// In which stage.
        stage: Name,
        /// In which wait group, where leads wait; the lead keeps its own, if `None`.
        wait: Option<Waiting>,
    },
    /// Stop its clocks.
    Hold {
        /// Under which of the playbook's holds.
        hold: Name,
    },
    /// Let its clocks go on.
    Release {
        /// Which hold.
        hold: Name,
    },
    /// Give fields values, or take values away.
    SetFields {
        /// Which, and what; `None` takes the value away.
        fields: Vec<(Name, Option<Value>)>,
    },
    /// Complete its open task of a name.
    Complete(Box<Completion>),
    /// Its contact wants no more marketing.
    Unsubscribe,
    /// Correct what is known of its contact, on all the contact's leads.
    CorrectContact(Correction),
    /// Note the e-mail address that was given with a later step: an appointment, a document, a form. The
    /// one that was given first names the contact and is kept; that another one was given is told.
    GiveEmail {
        /// The address, as typed.
        email: SmolStr,
    },
    /// Try again what was set aside.
    Retry,
    /// Come under another playbook.
    Adopt {
        /// Which, by hash; the active one.
        playbook: Name,
        /// Where leads go whose stage it no longer has.
        stages: Vec<StageMapping>,
    },
    /// Copy the owner's role, team and hours anew.
    FollowOwner,
    /// Make a quote, or a new version of it.
    MakeQuote(Box<NewQuote>),
    /// Record that the customer accepted the quote.
    AcceptQuote {
        /// Which version the customer saw: only the current one can be accepted.
        version: u32,
    },
    /// Record that the customer declined the quote.
    DeclineQuote {
        /// Which version the customer saw.
        version: u32,
        /// Why, as the customer gave it.
        reason: Option<SmolStr>,
    },
    /// Give it to who succeeds its owner, who left.
    Succeed(Leaving),
    /// Book an appointment.
    Book {
        /// Of which kind.
        appointment: Name,
        /// When it begins.
        #[serde(with = "ts_microseconds")]
        at: Instant,
        /// With whom; with the lead's owner, if `None`.
        with: Option<AgentId>,
    },
    /// Move its open appointment of a kind.
    MoveAppointment {
        /// Of which kind.
        appointment: Name,
        /// When it begins now.
        #[serde(with = "ts_microseconds")]
        to: Instant,
    },
    /// Record what became of its open appointment of a kind.
    EndAppointment {
        /// Of which kind.
        appointment: Name,
        /// What became of it.
        how: Became,
    },
    /// Record what is said of its last appointment of a kind that was held.
    GiveFeedback {
        /// Of which kind.
        appointment: Name,
        /// What is said: one of the choices, where the playbook names some.
        says: SmolStr,
    },
    /// Attach a document, or a new version of it.
    Attach {
        /// Of which kind.
        document: Name,
        /// Which file.
        file: Box<NewDocument>,
    },
}

/// What is known of a contact, corrected by who asked the person. What is `None` stays as it is.
///
/// The e-mail address that was given first names the contact and is not corrected: whoever writes from
/// another one is registered as another contact, and merged into this one if it is the same person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The name.
    pub name: Option<SmolStr>,
    /// The phone number; an empty one takes the number away.
    pub phone: Option<SmolStr>,
}

impl Correction {
    /// This is the name.
    #[must_use]
    pub fn name(mut self, name: impl Into<SmolStr>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// This is the phone number.
    #[must_use]
    pub fn phone(mut self, phone: impl Into<SmolStr>) -> Self {
        self.phone = Some(phone.into());
        self
    }
}

/// A wait group to put a lead in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Waiting {
    /// Which.
    pub group: Name,
    /// The lead's own wait inside the group's bounds, in days; the group's, if `None`.
    pub wait_days: Option<u32>,
}

impl Waiting {
    /// In this group, for as long as the group says.
    pub fn new(group: impl Into<Name>) -> Self {
        let (group, wait_days) = (group.into(), None);
        Self { group, wait_days }
    }

    /// With a wait of its own, in days.
    #[must_use]
    pub fn days(mut self, wait_days: u32) -> Self {
        self.wait_days = Some(wait_days);
        self
    }
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

/// An agent who leaves, and who takes over.
///
/// An heir is a pool of the playbook, which then chooses, or an agent, by name; a name that both
/// have is the pool's. What no heir can take is nobody's (`owner is missing`), and the rules of the
/// playbook say what then.
///
/// ```
/// use leadkit::decide::command::Leaving;
/// let leaving = Leaving::new("ana", "digital")
///     .in_pipeline("care", "bea")
///     .or_else("supervisors");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    /// Who leaves.
    pub agent: AgentId,
    /// Who takes the leads.
    pub to: Name,
    /// Who takes those of some pipelines, by the pipeline.
    pub in_pipelines: Vec<(Name, Name)>,
    /// Who takes what the others can't: who are full, for instance, or know the contact already.
    pub otherwise: Option<Name>,
}

impl Leaving {
    /// This agent leaves, and this pool or agent takes over.
    pub fn new(agent: impl Into<AgentId>, to: impl Into<Name>) -> Self {
        Self {
            agent: agent.into(),
            to: to.into(),
            in_pipelines: Vec::new(),
            otherwise: None,
        }
    }

    /// In this pipeline another one takes over.
    #[must_use]
    pub fn in_pipeline(mut self, pipeline: impl Into<Name>, to: impl Into<Name>) -> Self {
        self.in_pipelines.push((pipeline.into(), to.into()));
        self
    }

    /// What the others can't take falls to this one.
    #[must_use]
    pub fn or_else(mut self, to: impl Into<Name>) -> Self {
        self.otherwise = Some(to.into());
        self
    }

    /// To whom a lead of a pipeline falls, in the order in which they are asked.
    pub fn heirs_in(&self, pipeline: &Name) -> impl Iterator<Item = &Name> {
        let own = self.in_pipelines.iter();
        let own = own.rev().find(|(known, _)| known == pipeline);
        let first = own.map_or(&self.to, |(_, heir)| heir);
        std::iter::once(first).chain(&self.otherwise)
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
