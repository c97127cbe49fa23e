//! Roles and pools: who may do what, and who gets which leads.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::condition::Condition;
use crate::decide::command::{LeadOrder, SweepOrder, What};
use crate::ids::Name;
use crate::time::Elapsed;

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
    /// Whether a lead that such an agent registers is the agent's at once (M4).
    pub owns: bool,
}

/// On whose leads a role may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The agent's own, and those that nobody owns.
    Own,
    /// Those of the agent's team.
    Team,
    /// All.
    All,
}

words!(Over {
    Own = "own",
    Team = "team",
    All = "all"
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
    Record = "record", "Record an activity.";
    Move = "move", "Move a lead to another stage, also to a final one.";
    Reopen = "reopen", "Take up again what was closed.";
    Hold = "hold", "Stop a lead's clocks, and let them go on.";
    Set = "set", "Set fields.";
    Complete = "complete", "Complete tasks.";
    Quote = "quote", "Make quotes, and record what the customer says to them.";
    Unsubscribe = "unsubscribe", "Record that a contact wants no more marketing.";
    CorrectContact = "correct-contact", "Correct a contact's name or phone number.";
    SetUpAgents = "set-up-agents", "Make and change agents.";
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
            What::SetUpAgent(_) => Self::SetUpAgents,
            What::Register(_) => Self::Register,
            What::StartSweep(_) => Self::Sweep,
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
            LeadOrder::Reassign { .. } | LeadOrder::FollowOwner => Self::Reassign,
            LeadOrder::Attempt { .. } => Self::Attempt,
            LeadOrder::Answered => Self::Answered,
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
    /// The field of the lead that must be one of the agent's cities.
    pub match_city: Option<Name>,
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
