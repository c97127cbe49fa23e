//! The words for time that everything shares.
//!
//! Time is an argument everywhere in this crate: nothing here reads a clock.

/// A moment on the time line, in UTC, to the microsecond.
///
/// Civil times (office hours, "at nine") always carry their zone beside them and become an
/// `Instant` before they are stored or compared.
pub type Instant = chrono::DateTime<chrono::Utc>;

/// An exact length of elapsed time, without regard to calendars or zones.
pub type Elapsed = chrono::TimeDelta;
