//! What is to happen to a lead.

use chrono::serde::ts_microseconds;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{Completion, Leaving, NewDocument, NewQuote, StageMapping};
use crate::ids::{AgentId, Name};
use crate::record::appointment::Became;
use crate::time::Instant;
use crate::value::Value;

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
    /// Its contact wants no more marketing. None goes to its address, whoever has it, then or later.
    Unsubscribe,
    /// Correct what is known of its contact, on all the contact's leads.
    CorrectContact(Correction),
    /// Note the e-mail address that was given with a later step: an appointment, a document, a form. The
    /// one that was given first names the contact and is kept; that another one was given is told. Where
    /// somebody wanted no marketing at the address, this contact wants none either.
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
