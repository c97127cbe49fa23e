//! A message on its way to a contact or an agent.

use chrono::serde::{ts_microseconds, ts_microseconds_option};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::ids::{AgentId, CommandId, ContactId, LeadId, MessageId, Name};
use crate::record::history::History;
use crate::record::lead::Trouble;
use crate::time::Instant;

/// A message, from the rule that queued it to its fate. Its text is rendered only at
/// hand-over, from the records as they are then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its id, from which its Message-ID header derives.
    pub id: MessageId,
    /// The playbook that serves it, by hash: the one that it was queued under, until another one
    /// decides about it.
    pub playbook: Name,
    /// The template.
    pub template: Name,
    /// The lead it is about.
    pub lead: LeadId,
    /// Who gets it.
    pub to: Recipient,
    /// In whose name it goes.
    pub sender: Sender,
    /// What becomes of it if the owner is another one by then.
    pub on_owner_change: OnOwnerChange,
    /// Marketing or alert.
    pub class: Class,
    /// The mailer that hands it over.
    pub channel: Name,
    /// The command that queued it.
    pub queued_by: CommandId,
    /// When it was queued.
    #[serde(with = "ts_microseconds")]
    pub queued_at: Instant,
    /// When it is too old to go.
    #[serde(with = "ts_microseconds_option")]
    pub expires_at: Option<Instant>,
    /// Where it is.
    pub state: State,
    /// When it came there.
    #[serde(with = "ts_microseconds")]
    pub state_since: Instant,
    /// How often its hand-over was begun.
    pub attempts: u32,
    /// When it was begun first.
    #[serde(with = "ts_microseconds_option")]
    pub first_tried_at: Option<Instant>,
    /// What the last hand-over said, where it wasn't accepted.
    pub error: Option<SmolStr>,
    /// What went wrong with its clock, until it goes well again.
    pub trouble: Option<Trouble>,
    /// Its history in the journal.
    pub history: History,
}

/// Who gets a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recipient {
    /// The lead's contact.
    Contact(ContactId),
    /// An agent.
    Agent(AgentId),
}

/// In whose name a message goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sender {
    /// The agent who owned the lead when the message was queued.
    Owner(AgentId),
    /// The organisation.
    Organisation,
}

/// What a message is, which decides what may stop it and what an unknown outcome means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// To a contact, who can unsubscribe, under the cap. Never handed over again after an
    /// unknown outcome.
    Marketing,
    /// Something that must be known. Handed over again after an unknown outcome.
    Alert,
}

words!(Class { Marketing = "marketing", Alert = "alert" });

/// What becomes of a message in an owner's name when the owner changes before it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnOwnerChange {
    /// It goes in the new owner's name: the default.
    NewOwner,
    /// It is dropped.
    Drop,
}

words!(OnOwnerChange { NewOwner = "new-owner", Drop = "drop" });

/// Where a message is on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Waits until it may go.
    Queued {
        /// Not before this instant.
        #[serde(with = "ts_microseconds")]
        not_before: Instant,
    },
    /// A worker is talking to the server; at the deadline the outcome is unknown.
    HandingOver {
        /// When the worker's time is up.
        #[serde(with = "ts_microseconds")]
        deadline: Instant,
    },
    /// The server took it.
    Accepted,
    /// It is known to have arrived: somebody said so, a receipt for instance
    /// ([`Fate::Delivered`](crate::decide::command::Fate)).
    Delivered,
    /// The server refused it for good.
    Refused,
    /// The server asked to try later: after a minute, then two, four, up to 64 minutes. What has been
    /// tried for two days is dropped as expired.
    ToRetry {
        /// When.
        #[serde(with = "ts_microseconds")]
        at: Instant,
    },
    /// Nobody knows whether the server took it. A person settles it.
    InDoubt,
    /// It was not sent, because.
    Dropped(DropReason),
}

impl State {
    /// All names, in the order of the variants.
    pub const WORDS: [&'static str; 8] = [
        "queued",
        "handing-over",
        "accepted",
        "delivered",
        "refused",
        "to-retry",
        "in-doubt",
        "dropped",
    ];

    /// Its name in facts and lists.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        Self::WORDS[match self {
            Self::Queued { .. } => 0,
            Self::HandingOver { .. } => 1,
            Self::Accepted => 2,
            Self::Delivered => 3,
            Self::Refused => 4,
            Self::ToRetry { .. } => 5,
            Self::InDoubt => 6,
            Self::Dropped(_) => 7,
        }]
    }

    /// Whether nothing more will happen by itself.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !matches!(
            self,
            Self::Queued { .. } | Self::HandingOver { .. } | Self::ToRetry { .. }
        )
    }
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DropReason {
    /// The contact unsubscribed, or somebody else who had its address.
    Unsubscribed,
    /// Mail to the recipient's address came back for good.
    InvalidAddress,
    /// The lead was closed.
    Closed,
    /// The lead has another owner.
    OwnerChanged,
    /// The cap was reached and the playbook drops what is above it.
    Cap,
    /// It grew too old before it could go.
    Expired,
    /// The lead or the recipient is no longer there.
    Gone,
    /// Somebody withdrew it.
    Withdrawn,
    /// The recipient has no address.
    NoAddress,
}

words!(DropReason {
    Unsubscribed = "unsubscribed",
    InvalidAddress = "invalid-address",
    Closed = "closed",
    OwnerChanged = "owner-changed",
    Cap = "cap",
    Expired = "expired",
    Gone = "gone",
    Withdrawn = "withdrawn",
    NoAddress = "no-address",
});

impl Message {
    /// When it wants to be woken: a pure function of its state.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Instant> {
        if let Some(trouble) = &self.trouble {
            return trouble.retry_at;
        }
        match self.state {
            State::Queued { not_before } => Some(not_before),
            State::HandingOver { deadline } => Some(deadline),
            State::ToRetry { at } => Some(at),
            State::Accepted
            | State::Delivered
            | State::Refused
            | State::InDoubt
            | State::Dropped(_) => None,
        }
    }
}
