//! How things must have ended when nothing is left to do: nothing that was due waits, each message
//! has come to an end, and every alert has arrived, is known not to, or was dropped for a reason that
//! stops alerts.

use leadkit::ids::MessageId;
use leadkit::mailer::Outcome;
use leadkit::record::message::{Class, DropReason, OnOwnerChange, Recipient, Sender, State};
use leadkit::record::{Message, Record};
use leadkit::time::{Elapsed, Instant};

use crate::ledger::Ledger;
use crate::post::Post;

/// How long a message is tried before it is given up, and the longest wait between two tries.
const TRIED_FOR: Elapsed = Elapsed::days(2);
const LONGEST_WAIT: Elapsed = Elapsed::minutes(64);

/// Holds all records to their ends, at an instant by which whatever waits has been done.
pub fn hold_to_ends(ledger: &mut Ledger, post: &Post, now: Instant) {
    let mut broken = Vec::new();
    for (key, held) in ledger.records() {
        if held.wakes.as_ref().is_some_and(|wakes| wakes.at <= now) {
            let what = format!("{key:?} is due since {:?}: {:?}", held.wakes, held.record);
            broken.push((key.clone(), "what is due is done", what));
        }
        if let Record::Agent(agent) = &held.record {
            let load = ledger.load(&key.tenant, &agent.id);
            if agent.left_at.is_some() && load > 0 {
                let what = format!("{} left and holds {load} open leads", agent.id);
                broken.push((key.clone(), "who left is gone", what));
            }
        }
        let Record::Message(message) = &held.record else {
            continue;
        };
        let arrived = post
            .of(&key.tenant, MessageId(key.id))
            .any(|dial| matches!(dial.outcome, Some(Outcome::Accepted)));
        let agent = match &message.to {
            Recipient::Agent(agent) => Some(agent),
            Recipient::Contact(_) => None,
        };
        let known = Known {
            arrived,
            has_left: agent.is_some_and(|agent| ledger.has_ever_left(&key.tenant, agent)),
            is_withdrawn: ledger.message(key).is_some_and(|tally| tally.is_withdrawn),
        };
        if let Some(what) = wrong_end(message, known) {
            broken.push((key.clone(), "alerts arrive", what));
        }
    }
    for (key, law, what) in broken {
        ledger.find(law, what, Some(&key));
    }
    ledger.check_copies();
}

/// What else is known of a message.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// Whether a server took it.
    arrived: bool,
    /// Whether the agent that it is for left some time, and perhaps came back.
    has_left: bool,
    /// Whether a host withdrew it.
    is_withdrawn: bool,
}

/// What is wrong with how a message ended, if something is.
fn wrong_end(message: &Message, known: Known) -> Option<String> {
    let is_right = match (&message.state, message.class) {
        // It was set aside, or was queued so late that it is yet to be tried for the third time.
        _ if message.trouble.is_some() => message.template == *"heavy",
        (State::Accepted, Class::Alert) => known.arrived,
        (State::Accepted | State::InDoubt, Class::Marketing) => true,
        // Somebody who knows it says so.
        (State::Delivered, _) => true,
        (State::Refused, _) => true,
        (State::Dropped(because), Class::Alert) => stops_an_alert(*because, message, known),
        (State::Dropped(_), Class::Marketing) => true,
        // It waits for its turn under the cap.
        (State::Queued { .. }, Class::Marketing) => true,
        _ => false,
    };
    (!is_right).then(|| format!("{message:?}, {known:?}"))
}

/// Whether something that must be known may have been dropped for this reason.
fn stops_an_alert(because: DropReason, message: &Message, known: Known) -> bool {
    match because {
        // They stop marketing alone.
        DropReason::Unsubscribed | DropReason::Closed | DropReason::Cap => false,
        DropReason::OwnerChanged => {
            let is_in_an_owners_name = matches!(message.sender, Sender::Owner(_));
            is_in_an_owners_name && message.on_owner_change == OnOwnerChange::Drop
        }
        DropReason::Expired => is_too_old(message),
        // A contact may have been given a better address since. An agent always has one.
        DropReason::InvalidAddress | DropReason::NoAddress => {
            matches!(message.to, Recipient::Contact(_))
        }
        // Leads and contacts stay.
        DropReason::Gone => known.has_left,
        DropReason::Withdrawn => known.is_withdrawn,
    }
}

/// Whether a message was too old to go when it was dropped, or had been tried for long enough.
fn is_too_old(message: &Message) -> bool {
    let dropped_at = message.state_since;
    let has_expired = message.expires_at.is_some_and(|at| at <= dropped_at);
    let tried_since = message.first_tried_at.filter(|_| message.attempts > 1);
    has_expired || tried_since.is_some_and(|since| dropped_at + LONGEST_WAIT > since + TRIED_FOR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadkit::ids::{CommandId, ContactId, Id, LeadId};
    use leadkit::record::history::History;

    fn alert(because: DropReason) -> Message {
        let dropped_at = Instant::UNIX_EPOCH + Elapsed::days(20_000);
        Message {
            id: MessageId(Id::from_bytes([1; 16])),
            playbook: "book".into(),
            template: "late".into(),
            lead: LeadId(Id::from_bytes([2; 16])),
            to: Recipient::Agent("ana".into()),
            sender: Sender::Organisation,
            on_owner_change: OnOwnerChange::NewOwner,
            class: Class::Alert,
            channel: "email".into(),
            queued_by: CommandId::of("queue"),
            queued_at: dropped_at - Elapsed::days(3),
            expires_at: None,
            state: State::Dropped(because),
            state_since: dropped_at,
            attempts: 0,
            first_tried_at: None,
            error: None,
            trouble: None,
            history: History::default(),
        }
    }

    /// A message of which nothing more is known.
    const UNKNOWN: Known = Known {
        arrived: false,
        has_left: false,
        is_withdrawn: false,
    };

    fn may_end(message: &Message) -> bool {
        wrong_end(message, UNKNOWN).is_none()
    }

    #[test]
    fn no_alert_is_dropped_without_a_reason_that_stops_alerts() {
        for because in [
            DropReason::Unsubscribed,
            DropReason::InvalidAddress,
            DropReason::NoAddress,
            DropReason::Closed,
            DropReason::OwnerChanged,
            DropReason::Cap,
            DropReason::Expired,
            DropReason::Gone,
            DropReason::Withdrawn,
        ] {
            assert!(!may_end(&alert(because)), "{because:?}");
        }
    }

    #[test]
    fn an_alert_is_dropped_when_it_was_tried_for_two_days_or_had_expired() {
        let mut message = alert(DropReason::Expired);
        message.attempts = 30;
        message.first_tried_at = Some(message.state_since - Elapsed::days(2));
        assert!(may_end(&message));
        message.first_tried_at = Some(message.state_since - Elapsed::days(1));
        assert!(!may_end(&message), "given up too early");

        let mut message = alert(DropReason::Expired);
        message.expires_at = Some(message.state_since);
        assert!(may_end(&message));
        message.expires_at = Some(message.state_since + Elapsed::seconds(1));
        assert!(!may_end(&message), "not yet expired");
    }

    #[test]
    fn an_alert_in_an_owners_name_is_dropped_when_it_was_to_be() {
        let mut message = alert(DropReason::OwnerChanged);
        message.on_owner_change = OnOwnerChange::Drop;
        assert!(!may_end(&message), "it is in nobody's name");
        message.sender = Sender::Owner("bea".into());
        assert!(may_end(&message));
        message.on_owner_change = OnOwnerChange::NewOwner;
        assert!(!may_end(&message), "it was to go in the new owner's name");
    }

    #[test]
    fn an_alert_is_dropped_when_its_recipient_can_not_be_written_to() {
        let mut message = alert(DropReason::InvalidAddress);
        message.to = Recipient::Contact(ContactId(Id::from_bytes([3; 16])));
        assert!(may_end(&message));

        let known = Known {
            has_left: true,
            ..UNKNOWN
        };
        assert_eq!(wrong_end(&alert(DropReason::Gone), known), None);
    }

    #[test]
    fn an_alert_is_dropped_when_somebody_withdrew_it() {
        let known = Known {
            is_withdrawn: true,
            ..UNKNOWN
        };
        assert_eq!(wrong_end(&alert(DropReason::Withdrawn), known), None);
    }
}
