//! Appointments of a lead: of each kind the open one, and what became of those before.

use chrono::serde::ts_microseconds;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::ids::{AgentId, Name};
use crate::record::lead::Moment;
use crate::time::Instant;

/// The appointments of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Appointments {
    /// The kind, as the playbook names it.
    pub kind: Name,
    /// The latest ones, in the order in which they were booked: only the last can be open. At most
    /// [`Appointments::MOST_KEPT`]: the first ones are forgotten, and stay counted.
    pub latest: Vec<Appointment>,
    /// How many took place, and the last time that one did.
    pub held: Tally,
    /// To how many somebody did not come, and the last time.
    pub missed: Tally,
    /// How many were cancelled, and the last time.
    pub cancelled: Tally,
}

/// How often something became of an appointment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How often.
    pub count: u32,
    /// The last time.
    pub last: Option<Moment>,
}

/// An appointment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Appointment {
    /// Which of its kind, from 1.
    pub number: u32,
    /// When it begins.
    #[serde(with = "ts_microseconds")]
    pub at: Instant,
    /// When it was booked for this time, or moved to it.
    pub booked: Moment,
    /// With whom, if not with the lead's owner.
    pub with: Option<AgentId>,
    /// What became of it.
    pub ended: Option<AppointmentEnd>,
    /// What was said of it afterwards.
    pub feedback: Option<Feedback>,
}

/// What became of an appointment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppointmentEnd {
    /// What.
    pub how: Became,
    /// When.
    pub at: Moment,
    /// Who said so.
    pub by: SmolStr,
}

/// What can become of an appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Became {
    /// It took place.
    Held,
    /// Somebody did not come.
    Missed,
    /// It was called off.
    Cancelled,
}

words!(Became {
    Held = "held",
    Missed = "missed",
    Cancelled = "cancelled",
});

/// What was said of an appointment that was held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// What.
    pub says: SmolStr,
    /// When.
    pub at: Moment,
    /// Who said it.
    pub by: SmolStr,
}

impl Feedback {
    /// How long it can be, in bytes.
    pub const LONGEST: usize = 1024;
}

impl Appointments {
    /// How many of one kind are kept.
    pub const MOST_KEPT: usize = 8;

    /// Of a kind of which there was none.
    #[must_use]
    pub fn of_kind(kind: Name) -> Self {
        Self {
            kind,
            latest: Vec::new(),
            held: Tally::default(),
            missed: Tally::default(),
            cancelled: Tally::default(),
        }
    }

    /// The open one.
    #[must_use]
    pub fn open(&self) -> Option<&Appointment> {
        self.latest.last().filter(|last| last.ended.is_none())
    }

    /// What became of them in one way.
    #[must_use]
    pub fn tally(&self, how: Became) -> &Tally {
        match how {
            Became::Held => &self.held,
            Became::Missed => &self.missed,
            Became::Cancelled => &self.cancelled,
        }
    }

    /// The same, to change it.
    pub(crate) fn tally_mut(&mut self, how: Became) -> &mut Tally {
        match how {
            Became::Held => &mut self.held,
            Became::Missed => &mut self.missed,
            Became::Cancelled => &mut self.cancelled,
        }
    }

    /// Whether one that was held waits for feedback, as long as it is kept.
    #[must_use]
    pub fn wants_feedback(&self) -> bool {
        self.latest.iter().any(Appointment::wants_feedback)
    }

    /// When those were held that wait for feedback, the first one at the beginning.
    pub(crate) fn waiting_for_feedback(&self) -> Vec<Moment> {
        let waiting = self.latest.iter().filter(|one| one.wants_feedback());
        let ended = waiting.filter_map(|one| one.ended.as_ref());
        ended.map(|ended| ended.at).collect()
    }

    /// What was said last of one that was held, whichever it was.
    #[must_use]
    pub fn last_feedback(&self) -> Option<&Feedback> {
        let said = self.latest.iter().filter_map(|one| one.feedback.as_ref());
        said.max_by_key(|feedback| feedback.at.recorded)
    }

    /// The one that is meant by what is said now: the first that waits for feedback; where none does, the
    /// last that was held.
    pub(crate) fn meant_by_feedback(&mut self) -> Option<&mut Appointment> {
        let waiting = self.latest.iter().position(Appointment::wants_feedback);
        let last_held = || self.latest.iter().rposition(Appointment::was_held);
        let place = waiting.or_else(last_held)?;
        self.latest.get_mut(place)
    }
}

impl Appointment {
    /// Whether it took place.
    #[must_use]
    pub fn was_held(&self) -> bool {
        let ended = self.ended.as_ref();
        ended.is_some_and(|ended| ended.how == Became::Held)
    }

    /// Whether it took place, and nothing was said of it yet.
    #[must_use]
    pub fn wants_feedback(&self) -> bool {
        self.was_held() && self.feedback.is_none()
    }
}
