//! The words for time that everything shares.
//!
//! Time is an argument everywhere in this crate: nothing here reads a clock.

/// A moment on the time line, in UTC, to the microsecond.
///
/// Civil times (office hours, "at nine") always carry their zone beside them and become an
/// `Instant` before they are stored or compared.
pub type Instant = chrono::DateTime<chrono::Utc>;

/// A moment as it is in a zone: told as `2026-03-06 16:30:00 -05:00`, and to programs, by serde, as RFC
/// 3339 has it: `2026-03-06T16:30:00-05:00`.
pub type LocalTime = chrono::DateTime<chrono::FixedOffset>;

/// An exact length of elapsed time, without regard to calendars or zones.
pub type Elapsed = chrono::TimeDelta;
