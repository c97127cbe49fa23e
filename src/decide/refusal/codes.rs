//! The codes of refusals, in one list for switching on one and for expecting one.

use super::Refusal;

/// Gives refusals their codes, of which there is no other list.
macro_rules! codes {
    ($($refusal:pat => $code:literal,)+) => {
        impl Refusal {
            /// Every code.
            pub const CODES: &'static [&'static str] = &[$($code),+];

            /// A short stable name of its kind, for hosts that switch on it and for reports.
            #[must_use]
            pub fn code(&self) -> &'static str {
                match self {
                    $($refusal => $code,)+
                }
            }
        }
    };
}

codes! {
    Self::Missing(_) => "missing",
    Self::Incomplete(_) => "incomplete",
    Self::NoWay { .. } => "no-way",
    Self::NotPermitted { .. } => "not-permitted",
    Self::NotTheirs { .. } => "not-theirs",
    Self::NotTheirTask { .. } => "not-their-task",
    Self::NotTheirSweep { .. } => "not-their-sweep",
    Self::NoSuchAgent(_) => "no-such-agent",
    Self::HasLeft(_) => "has-left",
    Self::OwnsNoLeads { .. } => "owns-no-leads",
    Self::NoSuchLead(_) => "no-such-lead",
    Self::NoSuchRecord(_) => "no-such-record",
    Self::Unknown { .. } => "unknown",
    Self::AlreadyHeld { .. } => "already-held",
    Self::LeadIsClosed => "lead-is-closed",
    Self::LeadIsOpen => "lead-is-open",
    Self::NotFinal(_) => "not-final",
    Self::NoOpenTask(_) => "no-open-task",
    Self::NotDone { .. } => "not-done",
    Self::ChoiceNeeded { .. } => "choice-needed",
    Self::NotHeld(_) => "not-held",
    Self::HeldAlready(_) => "held-already",
    Self::NobodyEligible(_) => "nobody-eligible",
    Self::InTheFuture => "in-the-future",
    Self::Overtaken { .. } => "overtaken",
    Self::TooMany { .. } => "too-many",
    Self::StagesVanish(_) => "stages-vanish",
    Self::EndsDiffer(_) => "ends-differ",
    Self::NobodyWaits { .. } => "nobody-waits",
    Self::BadCondition(_) => "bad-condition",
    Self::IdTaken => "id-taken",
    Self::NotCounted => "not-counted",
    Self::Settled(_) => "settled",
    Self::NotSetAside => "not-set-aside",
    Self::NotActive { .. } => "not-active",
    Self::SweepIsOver => "sweep-is-over",
    Self::TakesOver => "takes-over",
    Self::NoQuote => "no-quote",
    Self::NotTheCurrentQuote { .. } => "not-the-current-quote",
    Self::QuoteExpired { .. } => "quote-expired",
    Self::QuoteReplied { .. } => "quote-replied",
    Self::AppointmentOpen { .. } => "appointment-open",
    Self::NoAppointment(_) => "no-appointment",
    Self::AppointmentAhead { .. } => "appointment-ahead",
    Self::AttachedAlready { .. } => "attached-already",
    Self::NotHeldYet(_) => "not-held-yet",
    Self::NoReferrals => "no-referrals",
    Self::CodesTaken => "codes-taken",
    Self::NoVisits => "no-visits",
    Self::NotTheirZone { .. } => "not-their-zone",
    Self::WeekIsOver(_) => "week-is-over",
    Self::NoSuchVisit { .. } => "no-such-visit",
    Self::VisitRecorded { .. } => "visit-recorded",
    Self::VisitAhead { .. } => "visit-ahead",
    Self::SameContact(_) => "same-contact",
    Self::Merged { .. } => "merged",
    Self::NotMerged(_) => "not-merged",
    Self::MergedSince(_) => "merged-since",
    Self::NothingShared { .. } => "nothing-shared",
    Self::DistinctAlready { .. } => "distinct-already",
    Self::RivalLeads { .. } => "rival-leads",
    Self::TooMuchForOne { .. } => "too-much-for-one",
    Self::NotTakenOver(_) => "not-taken-over",
}
