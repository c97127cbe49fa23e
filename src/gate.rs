//! The gate: may this message go now? Asked when it is queued, and again at hand-over.
//!
//! A pure function of the message and the records as they are at that moment.

use crate::ids::{AgentId, MessageId};
use crate::playbook::CapRule;
use crate::record::message::{Class, DropReason, Message, OnOwnerChange, Recipient, Sender};
use crate::record::{Contact, Lead};
use crate::time::Instant;

/// What the gate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may go, in this agent's name; `None` is the organisation's.
    Go {
        /// In whose name.
        sender: Option<AgentId>,
    },
    /// The cap is reached now; not before this instant.
    Defer(Instant),
    /// It may not.
    Drop(DropReason),
}

/// What the gate looks at.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The message.
    pub message: &'a Message,
    /// The lead it is about, as it is now.
    pub lead: Option<&'a Lead>,
    /// The contact it goes to, if it goes to one.
    pub contact: Option<&'a Contact>,
    /// Since when no marketing goes to the contact's address, whoever has it.
    pub suppressed_since: Option<Instant>,
    /// The cap on marketing, if there is one.
    pub cap: Option<CapRule>,
    /// Now.
    pub now: Instant,
}

/// Asks whether a message may go.
#[must_use]
pub fn gate(asked: Asked<'_>) -> Verdict {
    let Asked {
        message,
        lead,
        contact,
        suppressed_since,
        cap,
        now,
    } = asked;
    let Some(lead) = lead else {
        return Verdict::Drop(DropReason::Gone);
    };
    if message
        .expires_at
        .is_some_and(|expires_at| expires_at <= now)
    {
        return Verdict::Drop(DropReason::Expired);
    }
    if let Recipient::Contact(_) = message.to {
        let Some(contact) = contact else {
            return Verdict::Drop(DropReason::Gone);
        };
        if let Some(reason) = hindrance(message.class, lead, contact) {
            return Verdict::Drop(reason);
        }
        if message.class == Class::Marketing && suppressed_since.is_some() {
            return Verdict::Drop(DropReason::Unsubscribed);
        }
        if let Some(rule) = cap.filter(|_| message.class == Class::Marketing) {
            match room_for(message.id, contact, rule, now) {
                Ok(at)
                    if message
                        .expires_at
                        .is_some_and(|expires_at| expires_at <= at) =>
                {
                    return Verdict::Drop(DropReason::Expired);
                }
                Ok(at) if at > now => return Verdict::Defer(at),
                Ok(_) => {}
                Err(reason) => return Verdict::Drop(reason),
            }
        }
    }
    match &message.sender {
        Sender::Organisation => Verdict::Go { sender: None },
        Sender::Owner(queued_for) => match lead.owner_id() {
            // As a message is that is sent while nobody owns the lead.
            None if message.on_owner_change == OnOwnerChange::NewOwner => {
                Verdict::Go { sender: None }
            }
            Some(owner)
                if owner == queued_for || message.on_owner_change == OnOwnerChange::NewOwner =>
            {
                Verdict::Go {
                    sender: Some(owner.clone()),
                }
            }
            _ => Verdict::Drop(DropReason::OwnerChanged),
        },
    }
}

/// When the cap lets one more message to a contact go: now, later, or never. The message's own
/// slot does not count against it.
///
/// # Errors
/// [`DropReason::Cap`] when it would have to wait and the playbook drops what is above the cap, or
/// when so many wait already that the contact's book is full.
pub fn room_for(
    message: MessageId,
    contact: &Contact,
    rule: CapRule,
    now: Instant,
) -> Result<Instant, DropReason> {
    match contact.book.earliest(rule.cap, message, now) {
        Some(at) if at <= now || rule.defers => Ok(at),
        _ => Err(DropReason::Cap),
    }
}

/// Why a contact can't be written to.
#[must_use]
pub fn hindrance(class: Class, lead: &Lead, contact: &Contact) -> Option<DropReason> {
    if class == Class::Marketing && contact.unsubscribed_at.is_some() {
        return Some(DropReason::Unsubscribed);
    }
    if contact.email.is_none() {
        return Some(DropReason::NoAddress);
    }
    if contact.email_invalid_at.is_some() {
        return Some(DropReason::InvalidAddress);
    }
    if class == Class::Marketing && !lead.is_open() {
        return Some(DropReason::Closed);
    }
    None
}
