//! Business hours: when an office is open, and how much open time lies between two instants.
//!
//! A [`Calendar`] is compiled once from a [`CalendarSpec`], which is plain data: weekly hours in a
//! time zone, holidays, and what differs on some dates. It then answers two questions above all:
//! when is something due that may take four hours of open time ([`add`](Calendar::add)), and how
//! much open time has passed ([`between`](Calendar::between)). [`Zone`] holds the rules of a time
//! zone by themselves, for what follows the wall clock but not the office hours.
//!
//! ```
//! use leadkit::calendar::{Calendar, CalendarSpec};
//! use leadkit::time::{Elapsed, Instant};
//!
//! let office = Calendar::compile(
//!     &CalendarSpec::new("Europe/Madrid")
//!         .weekly("mon-fri", ["09:00-13:00", "14:00-18:00"])
//!         .holiday("2026-01-06"),
//! )?;
//!
//! // A lead of Monday, five in the afternoon, to be answered within four office hours.
//! let lead: Instant = "2026-01-05T16:00:00Z".parse()?;
//! let due = office.add(lead, Elapsed::hours(4))?;
//! assert_eq!(due.to_string(), "2026-01-07 11:00:00 UTC"); // Wednesday at noon
//! assert_eq!(office.between(lead, due), Elapsed::hours(4));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What the rules mean
//!
//! - **An opening is open, a closing is not**: hours are `[from, to)`. Stretches that touch, as at
//!   midnight round the clock, are one: nothing opens or closes where they meet.
//! - **A due time that falls on a closing is that closing**, not the next opening. The four hours
//!   that end at 13:00, before lunch, are due at 13:00. Backwards it is the same: of the instants
//!   that measure alike, the answer is always the first.
//! - **A shift belongs to the day it starts on**, and one over midnight goes on into the next. A
//!   day closed by a holiday or by an empty override has nothing open between its two midnights:
//!   not the tail of the night before either. Hours that replace a day's hours replace the shifts
//!   that start on it, and leave that tail.
//! - **A holiday beats an override, an override of a date beats a recurring one, and that beats the
//!   week.** Breaks are cut out of whatever is left.
//! - **Open time is elapsed time.** Hours are written as the wall shows them, and are as long as
//!   they really last: 00:00-06:00 is five hours on the day the clocks spring forward. Where the
//!   wall skips or repeats a time, hours begin and end as [`Zone::from_local`] says; a shift that
//!   ends up ending before it begins, and every shift of a day that the zone skips, is left out.
//! - **Working days** are those on which a shift starts. [`add_working_days`] counts those strictly
//!   after (or before) a date, so one working day after a Saturday is Monday. [`same_time_after`]
//!   counts them from an instant: from outside of a day's hours they are whole days.
//!
//! # Range and speed
//!
//! The years 2010 to 2049 are compiled into an index of 200 to 300 kilobytes as a rule, in
//! which [`add`](Calendar::add), [`between`](Calendar::between) and
//! [`is_open`](Calendar::is_open) take tens of nanoseconds. In the other years from 1 to 9999 they
//! give the same answers from the rules themselves, in some microseconds for each year passed
//! over. Nothing is ever open outside these years. A search gives up once it has found nothing open
//! for [`HORIZON_YEARS`].
//!
//! # What it does not do
//!
//! It reads no clock, knows no country's holidays, and does no I/O: the zone database is compiled
//! in. It does not say why a moment is closed (holiday, break or night).
//!
//! [`add_working_days`]: Calendar::add_working_days
//! [`same_time_after`]: Calendar::same_time_after

mod impossible;
mod index;
mod offsets;
mod rules;
mod spec;
mod walk;
mod working_days;
mod zone;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::time::{Elapsed, Instant};
use index::{Index, Place};
use rules::{DAY, Rules};
use walk::{HORIZON, Walk, Way};
use working_days::WorkingDays;

pub use impossible::Impossible;
pub use spec::{CalendarFault, CalendarFaults, CalendarSpec, Flaw, Hours, parse_days};
pub use zone::{UnknownZone, Zone};

/// For how many years a search goes on without finding anything open. The civil calendar repeats
/// after as many, so what has not been found by then comes only from a date further off still.
pub const HORIZON_YEARS: i64 = 400;

/// 0001-01-01T00:00:00Z, in seconds since 1970.
const EARLIEST_SECOND: i64 = -62_135_596_800;
/// 10000-01-01T00:00:00Z, likewise.
const LATEST_SECOND: i64 = 253_402_300_800;

const NANOS: i32 = 1_000_000_000;

/// Office hours, ready to be asked.
///
/// Cloning is cheap and shares everything. Two calendars are equal when their specs are. Serde
/// reads and writes the [`CalendarSpec`]; reading one with faults fails and names them all.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "CalendarSpec", try_from = "CalendarSpec")]
pub struct Calendar {
    compiled: Arc<Compiled>,
}

struct Compiled {
    spec: CalendarSpec,
    rules: Rules,
    index: Index,
    working_days: WorkingDays,
}

/// Why a calendar or a zone has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CalendarError {
    /// Nothing is open for [`HORIZON_YEARS`] in the direction asked: the calendar has no hours
    /// there. Give it some; asking again cannot help.
    #[error("the calendar is not open in the next or last {HORIZON_YEARS} years")]
    NeverOpen,
    /// The answer lies beyond the years 1 to 9999.
    #[error("the answer lies beyond the years 1 to 9999")]
    OutOfTime,
}

/// A stretch of open time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// When it opens, or the instant the windows were asked from, if it was open already.
    pub opens: Instant,
    /// When it closes, or the instant the windows were asked back from, if it was open still.
    pub closes: Instant,
}

impl Window {
    /// How long it is open, in elapsed time.
    #[must_use]
    pub fn length(&self) -> Elapsed {
        self.closes - self.opens
    }
}

impl Calendar {
    /// Checks a spec and compiles it; about a millisecond.
    ///
    /// # Errors
    ///
    /// [`CalendarFaults`] with everything that is wrong with the spec, each with its place. A
    /// calendar that is never open is not a fault.
    pub fn compile(spec: &CalendarSpec) -> Result<Self, CalendarFaults> {
        let rules = Rules::read(spec)?;
        let index = Index::compile(&rules);
        let working_days = WorkingDays::compile(&rules);
        Ok(Self {
            compiled: Arc::new(Compiled {
                spec: spec.clone(),
                rules,
                index,
                working_days,
            }),
        })
    }

    /// A calendar of this zone that is always open.
    #[must_use]
    pub fn round_the_clock(zone: Zone) -> Self {
        let spec = CalendarSpec::new(zone.name()).weekly("mon-sun", ["00:00-24:00"]);
        let rules = Rules::round_the_clock(zone);
        let index = Index::compile(&rules);
        let working_days = WorkingDays::compile(&rules);
        Self {
            compiled: Arc::new(Compiled {
                spec,
                rules,
                index,
                working_days,
            }),
        }
    }

    /// The spec it was compiled from, as it was written.
    #[must_use]
    pub fn spec(&self) -> &CalendarSpec {
        &self.compiled.spec
    }

    /// The zone its hours are in.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        self.compiled.rules.zone()
    }

    /// The instant by which `business` open time has passed since `at`, or since which it has when
    /// negative.
    ///
    /// The answer is the first instant with that measure: `between(at, add(at, d)) == d`, and what
    /// uses up a stretch ends at its closing. A negative `business` that uses up a stretch from its
    /// opening on therefore ends at the closing before. (At the very first opening of a calendar
    /// there is none, and the opening is the answer.)
    ///
    /// No time at all is the same instant if it is open or a closing, otherwise the next opening;
    /// [`previous_open_or_same`](Self::previous_open_or_same) looks back instead.
    ///
    /// ```
    /// use leadkit::calendar::{Calendar, CalendarSpec};
    /// use leadkit::time::{Elapsed, Instant};
    ///
    /// let spec = CalendarSpec::new("UTC").weekly("mon-fri", ["09:00-13:00", "14:00-18:00"]);
    /// let office = Calendar::compile(&spec)?;
    /// let nine: Instant = "2026-01-05T09:00:00Z".parse()?;
    /// let one: Instant = "2026-01-05T13:00:00Z".parse()?;
    /// let two: Instant = "2026-01-05T14:00:00Z".parse()?;
    /// assert_eq!(office.add(nine, Elapsed::hours(4))?, one);
    /// assert_eq!(office.add(two + Elapsed::hours(1), Elapsed::hours(-1))?, one);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CalendarError::NeverOpen`] when nothing opens for [`HORIZON_YEARS`] on the way,
    /// [`CalendarError::OutOfTime`] when the answer is beyond the years 1 to 9999.
    pub fn add(&self, at: Instant, business: Elapsed) -> Result<Instant, CalendarError> {
        if business.is_zero() {
            return self.settle(at);
        }
        match self.add_compiled(at, business) {
            Some(due) => Ok(due),
            None => self.add_walking(at, business),
        }
    }

    /// The open time from `a` to `b`; negative when `b` is before `a`.
    ///
    /// Instants beyond the years 1 to 9999 count as the ends of them.
    #[must_use]
    pub fn between(&self, a: Instant, b: Instant) -> Elapsed {
        match self.between_compiled(a, b) {
            Some(open) => open,
            None if a <= b => self.between_walking(a, b),
            None => -self.between_walking(b, a),
        }
    }

    /// Whether it is open at `at`: an opening is, a closing is not.
    #[must_use]
    pub fn is_open(&self, at: Instant) -> bool {
        self.state(at.timestamp()).0
    }

    /// The first opening strictly after `at`; `None` if there is none within [`HORIZON_YEARS`].
    #[must_use]
    pub fn next_opening(&self, at: Instant) -> Option<Instant> {
        let from = at.timestamp();
        let open = self
            .walk(Way::Forwards, from)
            .find(|open| open.start > from)?;
        within_horizon(from, open.start)
    }

    /// The first closing strictly after `at`; `None` if there is none within [`HORIZON_YEARS`].
    #[must_use]
    pub fn next_closing(&self, at: Instant) -> Option<Instant> {
        let from = at.timestamp();
        within_horizon(from, self.walk(Way::Forwards, from).next()?.end)
    }

    /// The last opening strictly before `at`; `None` if there is none within [`HORIZON_YEARS`].
    #[must_use]
    pub fn previous_opening(&self, at: Instant) -> Option<Instant> {
        let from = ceiling(at);
        within_horizon(from, self.walk(Way::Backwards, from).next()?.start)
    }

    /// The last closing strictly before `at`; `None` if there is none within [`HORIZON_YEARS`].
    #[must_use]
    pub fn previous_closing(&self, at: Instant) -> Option<Instant> {
        let from = ceiling(at);
        let open = self
            .walk(Way::Backwards, from)
            .find(|open| open.end < from)?;
        within_horizon(from, open.end)
    }

    /// `at` if it is open then, otherwise the next opening: when work can start at the earliest.
    /// At a closing that is the next opening, unlike `add` of no time. `None` if there is none
    /// within [`HORIZON_YEARS`].
    #[must_use]
    pub fn next_open_or_same(&self, at: Instant) -> Option<Instant> {
        if self.is_open(at) {
            Some(at)
        } else {
            self.next_opening(at)
        }
    }

    /// `at` if it is open then or just closing, otherwise the closing before: when work ended at
    /// the latest. `None` if there is none within [`HORIZON_YEARS`].
    #[must_use]
    pub fn previous_open_or_same(&self, at: Instant) -> Option<Instant> {
        if self.is_open_or_closing(at) {
            Some(at)
        } else {
            self.previous_closing(at)
        }
    }

    /// The stretches of open time from `at` on, in order; the first begins at `at` if it is open
    /// then.
    ///
    /// They end where time does (year 9999), or when nothing opens for [`HORIZON_YEARS`]; take as
    /// many as you need. One that never closes is cut after [`HORIZON_YEARS`] and goes on in the
    /// next.
    ///
    /// ```
    /// use leadkit::calendar::{Calendar, CalendarSpec};
    /// use leadkit::time::{Elapsed, Instant};
    ///
    /// let spec = CalendarSpec::new("UTC").weekly("mon-fri", ["09:00-13:00", "14:00-18:00"]);
    /// let office = Calendar::compile(&spec)?;
    /// let noon: Instant = "2026-01-09T12:00:00Z".parse()?;
    /// let lengths: Vec<i64> =
    ///     office.windows_after(noon).take(3).map(|window| window.length().num_hours()).collect();
    /// assert_eq!(lengths, [1, 4, 4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn windows_after(&self, at: Instant) -> Windows<'_> {
        Windows {
            walk: self.walk(Way::Forwards, at.timestamp()),
            way: Way::Forwards,
            at,
        }
    }

    /// The stretches of open time before `at`, the latest first; the first ends at `at` if it is
    /// open until then. Otherwise as [`windows_after`](Self::windows_after).
    pub fn windows_before(&self, at: Instant) -> Windows<'_> {
        Windows {
            walk: self.walk(Way::Backwards, ceiling(at)),
            way: Way::Backwards,
            at,
        }
    }

    /// Whether a shift starts on `date`, a date of the calendar's zone. Not so on holidays and
    /// other closed days, nor on a date that the zone skips. Breaks do not matter.
    #[must_use]
    pub fn is_working_day(&self, date: NaiveDate) -> bool {
        self.compiled
            .rules
            .is_working_day(rules::days_since_1970(date))
    }

    /// The working day `days` working days after `date`, or before it when negative; `date` itself
    /// when zero.
    ///
    /// `date` is not counted, whether it is a working day or not: one working day after a Friday,
    /// a Saturday or a Sunday is Monday.
    ///
    /// # Errors
    ///
    /// [`CalendarError::NeverOpen`] when there is no working day for [`HORIZON_YEARS`] on the way,
    /// [`CalendarError::OutOfTime`] when the answer is beyond the years 1 to 9999.
    pub fn add_working_days(&self, date: NaiveDate, days: i64) -> Result<NaiveDate, CalendarError> {
        let day = self.working_day_away(rules::days_since_1970(date), days)?;
        rules::date_of(day).ok_or(CalendarError::OutOfTime)
    }

    fn walk(&self, way: Way, from: i64) -> Walk<'_> {
        Walk::new(&self.compiled.rules, &self.compiled.index, way, from)
    }

    /// Whether a second since 1970 is open, and whether it begins with a closing.
    fn state(&self, second: i64) -> (bool, bool) {
        if let Some(place) = self.compiled.index.place(second) {
            return (place.is_open, place.is_closing);
        }
        if !(EARLIEST_SECOND..=LATEST_SECOND).contains(&second) {
            return (false, false);
        }
        let from = (second - 1).max(EARLIEST_SECOND);
        let around = self
            .compiled
            .rules
            .open(from, (second + 1).min(LATEST_SECOND));
        let is_open = around.iter().any(|open| open.end > second);
        (
            is_open,
            !is_open && around.iter().any(|open| open.end == second),
        )
    }

    fn is_open_or_closing(&self, at: Instant) -> bool {
        let (is_open, is_closing) = self.state(at.timestamp());
        is_open || is_closing && nanos(at) == 0
    }

    /// `add` of no time.
    fn settle(&self, at: Instant) -> Result<Instant, CalendarError> {
        if self.is_open_or_closing(at) {
            return Ok(at);
        }
        let mut walk = self.walk(Way::Forwards, at.timestamp());
        walk.next()
            .map(|open| instant(open.start))
            .ok_or_else(|| walk.ended())
    }

    #[inline]
    fn between_compiled(&self, a: Instant, b: Instant) -> Option<Elapsed> {
        let index = &self.compiled.index;
        let (from, to) = (index.place(a.timestamp())?, index.place(b.timestamp())?);
        elapsed(to.open - from.open, open_nanos(b, to) - open_nanos(a, from))
    }

    #[inline]
    fn add_compiled(&self, at: Instant, business: Elapsed) -> Option<Instant> {
        let index = &self.compiled.index;
        let place = index.place(at.timestamp())?;
        let nanos = open_nanos(at, place) + business.subsec_nanos();
        let carry = i64::from(nanos.div_euclid(NANOS));
        let nanos = nanos.rem_euclid(NANOS).unsigned_abs();
        let wanted = place.open.checked_add(business.num_seconds())? + carry;
        // Find the second that completes it, and take back what is left of that second.
        let rest = i64::from(nanos > 0);
        DateTime::from_timestamp(index.reach(place, wanted + rest)? - rest, nanos)
    }

    /// `add` of some time in any year, from the rules.
    fn add_walking(&self, at: Instant, business: Elapsed) -> Result<Instant, CalendarError> {
        // Open time cannot pass faster than time itself: spare a walk to the end of time.
        let soonest = at
            .checked_add_signed(business)
            .ok_or(CalendarError::OutOfTime)?;
        zone::within_time(soonest)?;
        let forwards = business > Elapsed::zero();
        let mut windows = if forwards {
            self.windows_after(at)
        } else {
            self.windows_before(at)
        };
        let mut left = business.abs();
        let mut used_up = None;
        for window in &mut windows {
            if forwards && left <= window.length() {
                return Ok(window.opens + left);
            }
            if !forwards && left < window.length() {
                return Ok(window.closes - left);
            }
            left -= window.length();
            used_up = left.is_zero().then_some(window.opens);
        }
        used_up.ok_or_else(|| windows.walk.ended())
    }

    /// `between` of two instants in order, in any years, from the rules.
    fn between_walking(&self, a: Instant, b: Instant) -> Elapsed {
        const STEP: i64 = 512 * DAY;
        let within = |at: Instant| at.timestamp().clamp(EARLIEST_SECOND, LATEST_SECOND);
        let (mut cursor, until) = (within(a), within(b));
        let mut seconds = 0;
        while cursor < until {
            let next = until.min(cursor + STEP);
            let open = self.compiled.rules.open(cursor, next);
            seconds += open.iter().map(|open| open.end - open.start).sum::<i64>();
            cursor = next;
        }
        let part = |at| {
            if self.is_open(at) {
                i64::from(nanos(at))
            } else {
                0
            }
        };
        Elapsed::seconds(seconds) + Elapsed::nanoseconds(part(b) - part(a))
    }
}

/// The stretches of open time from an instant on or back from it; see
/// [`Calendar::windows_after`] and [`Calendar::windows_before`].
#[derive(Debug, Clone)]
#[must_use = "an iterator does nothing until it is asked"]
pub struct Windows<'a> {
    walk: Walk<'a>,
    way: Way,
    at: Instant,
}

impl Iterator for Windows<'_> {
    type Item = Window;

    fn next(&mut self) -> Option<Window> {
        let open = self.walk.next()?;
        let (opens, closes) = (instant(open.start), instant(open.end));
        Some(match self.way {
            Way::Forwards => Window {
                opens: opens.max(self.at),
                closes,
            },
            Way::Backwards => Window {
                opens,
                closes: closes.min(self.at),
            },
        })
    }
}

impl TryFrom<CalendarSpec> for Calendar {
    type Error = CalendarFaults;

    fn try_from(spec: CalendarSpec) -> Result<Self, CalendarFaults> {
        Self::compile(&spec)
    }
}

impl From<Calendar> for CalendarSpec {
    fn from(calendar: Calendar) -> Self {
        calendar.compiled.spec.clone()
    }
}

impl PartialEq for Calendar {
    fn eq(&self, other: &Self) -> bool {
        self.spec() == other.spec()
    }
}

impl Eq for Calendar {}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Calendar").field(self.spec()).finish()
    }
}

/// An answer, if it is within the horizon and not just where time ends.
fn within_horizon(from: i64, second: i64) -> Option<Instant> {
    let is_real = EARLIEST_SECOND < second && second < LATEST_SECOND;
    (is_real && from.abs_diff(second) < HORIZON.unsigned_abs()).then(|| instant(second))
}

/// The instant of a second since 1970 between `EARLIEST_SECOND` and `LATEST_SECOND`.
fn instant(second: i64) -> Instant {
    DateTime::from_timestamp(second, 0).unwrap_or(Instant::MAX_UTC)
}

/// The first whole second since 1970 at or after `at`.
fn ceiling(at: Instant) -> i64 {
    at.timestamp() + i64::from(at.timestamp_subsec_nanos() > 0)
}

/// How much of the second of `place` has been open at `at`.
#[inline]
fn open_nanos(at: Instant, place: Place) -> i32 {
    nanos(at) * i32::from(place.is_open)
}

/// Seconds, and less than a second of either sign.
#[inline]
fn elapsed(seconds: i64, nanos: i32) -> Option<Elapsed> {
    let borrow = i64::from(nanos < 0);
    Elapsed::new(seconds - borrow, nanos.rem_euclid(NANOS).unsigned_abs())
}

/// Nanoseconds into the second; a leap second is told as the end of the second before it.
#[inline]
fn nanos(at: Instant) -> i32 {
    at.timestamp_subsec_nanos().min(999_999_999) as i32
}
