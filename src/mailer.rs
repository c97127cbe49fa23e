//! The port to mail: hands over one message and tells what became of it.
//!
//! Other channels are mailers too: the playbook names them (`channel = "whatsapp"`), the host
//! plugs them in.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::email::Email;
use crate::ids::{MessageId, Name, Tenant};
use crate::playbook::template::Rendered;
use crate::record::message::Class;
use crate::time::Instant;

/// Somebody in the head of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// The name that is shown, as it was given: the mailer makes it fit for a header.
    pub name: SmolStr,
    /// The address.
    pub email: Email,
}

/// A message, ready to be handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The organisation.
    pub tenant: Tenant,
    /// The message's id.
    pub id: MessageId,
    /// Which attempt at handing it over this is, from 1.
    pub attempt: u32,
    /// The Message-ID header (RFC 5322, 3.6.4), without angle brackets: unique among all tenants,
    /// and the same whenever the message is handed over, whoever owns the lead by then. It ends with the domain of
    /// the organisation's address, so a playbook that changes that domain changes it.
    pub message_id: SmolStr,
    /// The template it was rendered from.
    pub template: Name,
    /// In whose name it goes; answers come there.
    pub from: Mailbox,
    /// Who gets it.
    pub to: Mailbox,
    /// Marketing or alert.
    pub class: Class,
    /// Subject, text and HTML.
    pub rendered: Rendered,
    /// When it is handed over: the Date header.
    pub at: Instant,
}

/// What became of a hand-over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The server took it.
    Accepted,
    /// The server refused it for good.
    Refused {
        /// What it said.
        said: SmolStr,
        /// Whether it refused because there is no such address.
        address_invalid: bool,
    },
    /// The server asked to try later, or couldn't be reached before anything was handed over.
    Later {
        /// What it said.
        said: SmolStr,
    },
    /// Nobody knows whether the server took it.
    Unknown {
        /// What happened.
        said: SmolStr,
    },
}

/// Hands over messages.
#[async_trait]
pub trait Mailer: Send + Sync + std::fmt::Debug {
    /// Hands over one message.
    ///
    /// To be correct:
    /// - [`Outcome::Accepted`] only after the server took responsibility for it;
    /// - [`Outcome::Later`] only if it surely did not;
    /// - in doubt, [`Outcome::Unknown`];
    /// - within a minute: the engine calls at the latest 40 seconds after the hand-over was put on record,
    ///   and a hundred after it takes the outcome for unknown, and drops the future;
    /// - without blocking the thread: an engine that runs sees to its leads on it;
    /// - without a panic, which goes through the engine to whoever runs it;
    /// - the same `id` may come again, perhaps with another text and time; a mailer that can tell
    ///   does not double it.
    async fn hand_over(&self, message: &Outgoing) -> Outcome;
}

/// A mailer that keeps what it is given, for tests and rehearsals.
#[derive(Clone, Debug, Default)]
pub struct MemoryMailer {
    messages: Arc<Mutex<Vec<Outgoing>>>,
}

impl MemoryMailer {
    /// Everything that was handed over, in order.
    #[must_use]
    pub fn messages(&self) -> Vec<Outgoing> {
        self.messages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What was handed over for this address, in order.
    #[must_use]
    pub fn mailbox(&self, address: &str) -> Vec<Outgoing> {
        let mut messages = self.messages();
        messages.retain(|message| message.to.email.as_str().eq_ignore_ascii_case(address));
        messages
    }
}

#[async_trait]
impl Mailer for MemoryMailer {
    async fn hand_over(&self, message: &Outgoing) -> Outcome {
        self.messages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(message.clone());
        Outcome::Accepted
    }
}
