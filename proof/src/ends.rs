//! How things must have ended when nothing is left to do: nothing that was due waits, each message
//! has come to an end, and every alert has arrived or is known not to.

use leadkit::ids::MessageId;
use leadkit::mailer::Outcome;
use leadkit::record::message::{Class, DropReason, State};
use leadkit::record::{Message, Record};
use leadkit::time::Instant;

use crate::ledger::Ledger;
use crate::post::Post;

/// Holds all records to their ends, at an instant by which whatever waits has been done.
pub fn hold_to_ends(ledger: &mut Ledger, post: &Post, now: Instant) {
    let mut broken = Vec::new();
    for (key, held) in ledger.records() {
        if held.wakes_at.is_some_and(|at| at <= now) {
            let what = format!(
                "{key:?} is due since {:?}: {:?}",
                held.wakes_at, held.record
            );
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
        if let Some(what) = wrong_end(message, arrived) {
            broken.push((key.clone(), "alerts arrive", what));
        }
    }
    for (key, law, what) in broken {
        ledger.find(law, what, Some(&key));
    }
    ledger.check_copies();
}

/// What is wrong with how a message ended, if something is.
fn wrong_end(message: &Message, arrived: bool) -> Option<String> {
    let is_right = match (&message.state, message.class) {
        // It was set aside, or was queued so late that it is yet to be tried for the third time.
        _ if message.trouble.is_some() => message.template == *"heavy",
        (State::Accepted, Class::Alert) => arrived,
        (State::Accepted | State::InDoubt, Class::Marketing) => true,
        // Somebody who knows it says so.
        (State::Delivered, _) => true,
        (State::Refused, _) => true,
        (State::Dropped(DropReason::Expired), Class::Alert) => {
            message.attempts > 1 || message.expires_at.is_some()
        }
        (State::Dropped(_), _) => true,
        // It waits for its turn under the cap.
        (State::Queued { .. }, Class::Marketing) => true,
        _ => false,
    };
    (!is_right).then(|| format!("{message:?}, arrived: {arrived}"))
}
