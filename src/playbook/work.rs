//! What is done around a lead: activities, appointments, documents, and visits of which leads come.

use smol_str::SmolStr;

use crate::ids::Name;
use crate::playbook::delay::Delay;
use crate::playbook::pipeline::Whose;

/// An activity that can be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivitySpec {
    /// Its stable name.
    pub name: Name,
    /// What people call it.
    pub label: SmolStr,
    /// The fields that are told with it, each time.
    pub asks: Vec<Name>,
    /// The roles that may record it; whoever may record, if empty.
    pub by: Vec<Name>,
}

/// A kind of appointment.
#[derive(Clone, Debug)]
pub struct AppointmentSpec {
    /// Its stable name.
    pub name: Name,
    /// What people call it.
    pub label: SmolStr,
    /// How long one lasts.
    pub lasts: Delay,
    /// The feedback that is asked for when one was held.
    pub feedback: Option<FeedbackSpec>,
}

/// The feedback that a kind of appointment asks for.
#[derive(Clone, Debug)]
pub struct FeedbackSpec {
    /// Who gives it. That of the owner, or of who was, is given by whoever may act on appointments.
    pub whose: Whose,
    /// What it can be; any text, if there are none.
    pub choices: Vec<SmolStr>,
    /// The service level that measures whether it comes in time.
    pub task: Name,
}

/// A kind of document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentSpec {
    /// Its stable name.
    pub name: Name,
    /// What people call it.
    pub label: SmolStr,
}

/// How visits are planned, and what can come of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisitsSpec {
    /// The field of a lead that says its zone.
    pub zone: Name,
    /// The source of the leads that come of visits.
    pub source: Name,
    /// What can come of a visit.
    pub results: Vec<VisitResultSpec>,
}

impl VisitsSpec {
    /// The result of this name.
    #[must_use]
    pub fn result(&self, name: &Name) -> Option<&VisitResultSpec> {
        self.results.iter().find(|result| result.name == *name)
    }
}

/// Something that can come of a visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisitResultSpec {
    /// Its stable name.
    pub name: Name,
    /// What people call it.
    pub label: SmolStr,
    /// Whether a lead is registered of it.
    pub registers: bool,
}
