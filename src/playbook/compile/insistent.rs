//! Rules that write to the contact again and again: without end, or more often than anybody wants to be
//! written to. Nobody is to be harassed by a slip of the pen; it may be meant, so it is no fault.

use super::places::Places;
use crate::playbook::Playbook;
use crate::playbook::delay::Delay;
use crate::playbook::fault::FaultKind;
use crate::playbook::read::Source;
use crate::playbook::rule::{Action, Period, Rule, Send};
use crate::record::message::Class;
use crate::time::Elapsed;

/// What comes to one person more often is a slip.
const OFTEN: Elapsed = Elapsed::hours(1);

/// Warns of rules that insist.
pub(super) fn warn(playbook: &Playbook, file: &Source<'_>, places: &Places) {
    for rule in &playbook.rules {
        let Some(period) = rule.every else { continue };
        let sends = rule.actions.iter().filter_map(|action| match action {
            Action::Send(send) => Some(send),
            _ => None,
        });
        let sends: Vec<&Send> = sends.collect();
        let name = rule.name.as_str().into();
        let uncapped = sends.iter().find(|send| !is_capped(playbook, send));
        let (kind, hint) = match uncapped {
            _ if !sends.is_empty() && is_often(period) => {
                let every = period.length.to_string().into();
                let hint = "say hours or days, or do it once: without `every`";
                (FaultKind::TooOften { rule: name, every }, hint)
            }
            Some(send) if !ends(rule, period) => {
                let hint = match send.class {
                    Class::Marketing => {
                        "say `at-most` or `until`, or how much a contact gets, with `[cap]`"
                    }
                    Class::Alert => "say `at-most` or `until`; no `[cap]` holds alerts back",
                };
                (FaultKind::WithoutEnd { rule: name }, hint)
            }
            _ => continue,
        };
        let (_, place) = places.part_of_rule(&rule.name, &["every"]);
        file.fault(place, kind, Some(hint.into()));
    }
}

fn is_often(period: Period) -> bool {
    match period.length {
        Delay::Elapsed(time) | Delay::Business(time) => time < OFTEN,
        _ => false,
    }
}

/// Whether the rule itself says when it is over; what moves the lead takes it away from the rule.
fn ends(rule: &Rule, period: Period) -> bool {
    let moves = |action: &Action| matches!(action, Action::Move { .. });
    period.at_most.is_some() || rule.until.is_some() || rule.actions.iter().any(moves)
}

fn is_capped(playbook: &Playbook, send: &Send) -> bool {
    playbook.cap.is_some() && send.class == Class::Marketing
}
