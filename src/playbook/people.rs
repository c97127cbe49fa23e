//! Roles and pools: who may do what, and who gets which leads.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::condition::Condition;
use crate::decide::command::{LeadOrder, SweepOrder, What};
use crate::ids::Name;
use crate::playbook::rule::BusinessTime;
use crate::record::compared::Compared;
use crate::record::fields::Fields;
use crate::record::pool::AgentCopy;
use crate::time::Elapsed;
use crate::value::ValueRef;

/// A team that the playbook declares. Where it declares any, every agent's team is one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Its stable name.
    pub name: Name,
    /// What people call it.
    pub label: SmolStr,
}

/// A role: what its agents may do.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its stable name.
    pub name: Name,
    /// What people call it.
    pub label: SmolStr,
    /// What its agents may do.
    pub may: Vec<Permission>,
    /// On whose leads.
    pub over: Over,
    /// Whether such an agent can own leads: then one that the agent registers is the agent's at
    /// once (M4); else nobody gives the agent any.
    pub owns: bool,
    /// What must be known of such an agent beside name, address and role.
    pub needs: Vec<Detail>,
}

/// How leads are referred: by agents whose roles may `refer`, each with a code of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referring {
    /// How many letters a code has.
    pub letters: u32,
    /// The source of a lead that comes with a code and says no other.
    pub source: Option<Name>,
}

impl Referring {
    /// How many letters a code can have: fewer are soon taken, more nobody reads out.
    pub const LETTERS: std::ops::RangeInclusive<u32> = 4..=10;
}

/// Something that can be known of an agent, and that a role can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A phone number.
    Phone,
    /// The team.
    Team,
    /// The cities whose leads the agent takes.
    Cities,
    /// The zones whose leads the agent takes, or watches over.
    Zones,
    /// What the agent knows how to sell, or to do.
    Skills,
    /// The calendar in which the agent works.
    Hours,
    /// How many open leads the agent can hold.
    Capacity,
}

words!(Detail {
    Phone = "phone",
    Team = "team",
    Cities = "cities",
    Zones = "zones",
    Skills = "skills",
    Hours = "hours",
    Capacity = "capacity",
});

/// On whose leads a role may act: beside all those that the agent owns, and those that nobody does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Over {
    /// No others.
    Own,
    /// Those of the agent's team.
    Team,
    /// Those that match the agent: of the zones that a supervisor watches over, for instance.
    Matching(Vec<Match>),
    /// All.
    All,
}

/// What an agent and a lead have in common: one of the agent's lists holds what the lead's field
/// says. A lead whose field says nothing matches nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Which list of the agent.
    pub list: AgentList,
    /// Which field of the lead.
    pub field: Name,
}

impl Match {
    /// What the lead says, as it is compared; nothing, where its field is empty.
    #[must_use]
    pub fn wanted(&self, fields: &Fields) -> Option<Compared> {
        match fields.value(&self.field)? {
            ValueRef::Text(text) => Some(Compared::of(text)),
            _ => None,
        }
    }

    /// Whether agent and lead match.
    #[must_use]
    pub fn holds(&self, agent: &AgentCopy, fields: &Fields) -> bool {
        let wanted = self.wanted(fields);
        wanted.is_some_and(|wanted| agent.has(self.list, &wanted))
    }
}

/// A list that is known of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentList {
    /// Cities.
    Cities,
    /// Zones.
    Zones,
    /// Skills.
    Skills,
}

words!(AgentList {
    Cities = "cities",
    Zones = "zones",
    Skills = "skills",
});

macro_rules! permissions {
    ($($variant:ident = $word:literal, $about:literal;)+) => {
        /// Something that a role may do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Permission {
            $(#[doc = $about] $variant,)+
        }

        impl Permission {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its word in a playbook.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    };
}

permissions! {
    Register = "register", "Take leads in.";
    Assign = "assign", "Let a pool choose an owner.";
    Reassign = "reassign", "Give a lead to another agent.";
    Attempt = "attempt", "Record that contact was tried.";
    Answered = "answered", "Record that the contact answered.";
    Record = "record", "Record an activity, or what came of a visit of one's own.";
    Move = "move", "Move a lead to another stage, also to a final one.";
    Reopen = "reopen", "Take up again what was closed.";
    Hold = "hold", "Stop a lead's clocks, and let them go on.";
    Set = "set", "Set fields.";
    Complete = "complete", "Complete tasks.";
    Quote = "quote", "Make quotes, and record what the customer says to them.";
    Appointment = "appointment", "Book appointments, move them, and record what became of them.";
    Attach = "attach", "Attach documents.";
    Unsubscribe = "unsubscribe", "Record that a contact wants no more marketing.";
    CorrectContact = "correct-contact", "Correct a contact's name or phone number.";
    Merge = "merge", "Merge contacts who are the same person, take that back, and say which possible duplicates are none.";
    PlanVisits = "plan-visits", "Plan visits in the zones that one watches over, and record what came of any of them.";
    Refer = "refer", "Have a code of one's own, and refer leads with it.";
    SetUpAgents = "set-up-agents", "Make and change agents, and let them leave.";
    Sweep = "sweep", "Start a command that goes through many leads, or end one.";
    Adopt = "adopt", "Make a changed playbook the active one.";
    BackDate = "back-date", "Say that something happened earlier than it is told.";
    Settle = "settle", "Settle messages in doubt, and try again what was set aside.";
}

impl Permission {
    /// What is needed to ask for this.
    #[must_use]
    pub fn to_do(what: &What) -> Self {
        match what {
            What::SetUpAgent(_) | What::Leave(_) => Self::SetUpAgents,
            What::TellReferralCode { .. } => Self::Refer,
            What::PlanVisits(_) => Self::PlanVisits,
            What::RecordVisit(_) => Self::Record,
            What::Register(_) => Self::Register,
            What::StartSweep(_) => Self::Sweep,
            What::MergeContacts { .. }
            | What::UnmergeContact { .. }
            | What::DistinguishContacts { .. } => Self::Merge,
            What::Adopt(_) | What::Begin => Self::Adopt,
            What::SettleMessage { .. } => Self::Settle,
            What::Sweep { order, .. } => match order {
                SweepOrder::Retry => Self::Settle,
                SweepOrder::Cancel => Self::Sweep,
            },
            What::Lead { order, .. } => Self::of_order(order),
        }
    }

    /// What is needed to give this order on a lead.
    #[must_use]
    pub fn of_order(order: &LeadOrder) -> Self {
        match order {
            LeadOrder::Assign { .. } => Self::Assign,
            LeadOrder::Reassign { .. } | LeadOrder::FollowOwner | LeadOrder::Succeed(_) => {
                Self::Reassign
            }
            LeadOrder::Attempt { .. } => Self::Attempt,
            LeadOrder::Answered | LeadOrder::GiveEmail { .. } => Self::Answered,
            LeadOrder::Record { .. } => Self::Record,
            LeadOrder::MoveTo { .. } | LeadOrder::Close { .. } => Self::Move,
            LeadOrder::Reopen { .. } => Self::Reopen,
            LeadOrder::Hold { .. } | LeadOrder::Release { .. } => Self::Hold,
            LeadOrder::SetFields { .. } => Self::Set,
            LeadOrder::Complete { .. } => Self::Complete,
            LeadOrder::Unsubscribe => Self::Unsubscribe,
            LeadOrder::CorrectContact(_) => Self::CorrectContact,
            LeadOrder::Retry => Self::Settle,
            LeadOrder::Adopt { .. } => Self::Adopt,
            LeadOrder::MakeQuote(_)
            | LeadOrder::AcceptQuote { .. }
            | LeadOrder::DeclineQuote { .. } => Self::Quote,
            LeadOrder::Book { .. }
            | LeadOrder::MoveAppointment { .. }
            | LeadOrder::EndAppointment { .. }
            | LeadOrder::GiveFeedback { .. } => Self::Appointment,
            LeadOrder::Attach { .. } => Self::Attach,
        }
    }
}

/// A pool: the agents among whom leads are assigned, and how.
#[derive(Clone, Debug)]
pub struct PoolSpec {
    /// Its stable name.
    pub name: Name,
    /// Who is in it: a condition over agents.
    pub members: Condition,
    /// What an agent and a lead must have in common.
    pub matches: Vec<Match>,
    /// Whether an agent must be at work: in these hours. Outside of them, if `None`, leads are
    /// given as well.
    pub at_work: Option<BusinessTime>,
    /// How an owner is chosen.
    pub choose: Choose,
    /// The window over which conversion counts.
    pub over: Elapsed,
    /// With how many pseudo-leads a small sample is shrunk towards the team's mean.
    pub prior: u32,
    /// How many open leads an agent can hold that has no number of its own.
    pub capacity: u32,
}

/// How a pool chooses among those who could have a lead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Choose {
    /// The highest conversion first; then the smallest load: the default.
    #[default]
    Best,
    /// Each in proportion to its conversion.
    Weighted,
    /// Each in turn.
    Evenly,
}

words!(Choose {
    Best = "best",
    Weighted = "weighted",
    Evenly = "evenly"
});
