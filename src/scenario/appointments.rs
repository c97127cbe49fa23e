//! Appointments in scenarios: what is done with them in a step, and what is expected of them.

use smol_str::SmolStr;

use super::names::{Names, Sort};
use super::read::instant;
use super::refusals::Refused;
use super::told::moment;
use crate::decide::command::LeadOrder;
use crate::ids::Name;
use crate::playbook::Playbook;
use crate::playbook::read::{Node, Section};
use crate::record::Lead;
use crate::record::appointment::Became;
use crate::time::Instant;

/// The words for what becomes of an appointment, as steps say it.
const BECAME: [(&str, Became); 3] = [
    ("held", Became::Held),
    ("no-show", Became::Missed),
    ("cancel", Became::Cancelled),
];

/// `book = { appointment = "presentation", at = "..", with = "bea" }`, `held = { appointment = ".." }`;
/// nothing, if the verb is about something else.
pub(super) fn read_order(
    verb: &str,
    section: &mut Section<'_>,
    names: &Names<'_>,
    refused: &Refused,
) -> Option<LeadOrder> {
    let became = BECAME.iter().find(|(word, _)| *word == verb);
    if became.is_none() && !matches!(verb, "book" | "rebook" | "feedback") {
        return None;
    }
    let mut named = |key, sort| {
        let node = match key {
            "with" => section.optional("with"),
            _ => section.required("appointment"),
        }?;
        let name = node.text()?;
        if !refused.is_for(sort, key) {
            names.check(sort, &node, name);
        }
        Some(SmolStr::from(name))
    };
    let appointment = named("appointment", Sort::Appointment)?.into();
    Some(match (verb, became) {
        (_, Some((_, how))) => LeadOrder::EndAppointment {
            appointment,
            how: *how,
        },
        ("book", None) => {
            let with = named("with", Sort::Agent).map(Into::into);
            LeadOrder::Book {
                appointment,
                at: section.required("at").and_then(|node| instant(&node))?,
                with,
            }
        }
        ("rebook", None) => LeadOrder::MoveAppointment {
            appointment,
            to: section.required("to").and_then(|node| instant(&node))?,
        },
        _ => LeadOrder::GiveFeedback {
            appointment,
            says: section.required("says")?.text()?.into(),
        },
    })
}

/// What a lead is registered with: `appointment = { presentation = ".." }`.
pub(super) fn read_booked(
    section: &mut Section<'_>,
    names: &Names<'_>,
    refused: &Refused,
) -> Vec<(Name, Instant)> {
    let booked = section.optional("appointment");
    let Some(mut booked) = booked.and_then(|node| node.section()) else {
        return Vec::new();
    };
    let mut appointments = Vec::new();
    for (kind, node) in booked.rest() {
        if !refused.is_for(Sort::Appointment, "appointment") {
            names.check(Sort::Appointment, &node.at_its_key(), &kind);
        }
        appointments.extend(instant(&node).map(|at| (Name::from(kind), at)));
    }
    appointments
}

/// How a lead stands with its appointments of a kind: when the open one is, or what became of the last
/// one.
#[derive(Clone, Debug)]
pub enum ExpectedAppointment {
    /// It is open, and at this time.
    At(Instant),
    /// `none`, if there was none; or what became of it: `held`, `missed`, `cancelled`.
    Is(SmolStr),
}

/// `"none"`, `"held"`, `"missed"`, `"cancelled"`, or when it is.
pub(super) fn read_expected(node: &Node<'_>) -> Option<ExpectedAppointment> {
    let text = node.text()?;
    let is_word = text == NONE || Became::WORDS.iter().any(|(word, _)| *word == text);
    match is_word {
        true => Some(ExpectedAppointment::Is(text.into())),
        false => instant(node).map(ExpectedAppointment::At),
    }
}

const NONE: &str = "none";

impl ExpectedAppointment {
    /// Why it did not come true; nothing if it did.
    pub(super) fn unmet(&self, kind: &SmolStr, lead: &Lead, playbook: &Playbook) -> Option<String> {
        let of_kind = lead.appointments_of(&Name::from(kind.as_str()));
        let last = of_kind.and_then(|of| of.latest.last());
        let told = |at: Instant| moment(&playbook.zone, at);
        let found = match last {
            None => NONE.into(),
            Some(last) => match &last.ended {
                None => told(last.at),
                Some(ended) => ended.how.as_str().into(),
            },
        };
        let wanted = match self {
            Self::At(at) => told(*at),
            Self::Is(word) => word.clone(),
        };
        super::unmet::differ(&format!("appointment {kind}"), wanted, found)
    }
}
