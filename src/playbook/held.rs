//! Held time: what holds do to the end of a wait.
//!
//! A hold that begins before a wait is over puts its end off, by as much as was held, measured in
//! the wait's own time; how that is measured is told at [`Delay::after_holds`]. Two things hold for
//! every sort: a hold never makes a wait end earlier, and no wait ends while it is held.

use chrono::{Months, NaiveDateTime};

use super::delay::{Delay, within_time};
use crate::calendar::{Calendar, CalendarError};
use crate::record::lead::Hold;
use crate::time::{Elapsed, Instant};

/// When a wait is over that began at `from` and is over at `due` if nothing holds it; `None` while
/// a hold runs that began before. `holds` come in the order in which they began.
pub(super) fn put_off<'a>(
    wait: Wait<'_>,
    due: Instant,
    holds: impl Iterator<Item = &'a Hold>,
) -> Result<Option<Instant>, CalendarError> {
    let mut end = End { due, wall: None };
    let mut stretch: Option<Stretch> = None;
    for hold in holds {
        let next = Stretch {
            began: hold.from.max(wait.from),
            until: hold.until,
        };
        if next.until.is_some_and(|until| until <= next.began) {
            continue;
        }
        stretch = match stretch {
            Some(held) if held.touches(next) => Some(held.with(next)),
            Some(held) => {
                if !end.move_by(held, &wait)? {
                    return Ok(None);
                }
                Some(next)
            }
            None => Some(next),
        };
    }
    match stretch {
        Some(held) if !end.move_by(held, &wait)? => Ok(None),
        _ => Ok(Some(end.due)),
    }
}

/// A wait, before anything holds it.
pub(super) struct Wait<'a> {
    pub(super) length: Delay,
    pub(super) from: Instant,
    pub(super) calendar: &'a Calendar,
    pub(super) own_days: Option<u32>,
}

impl Wait<'_> {
    /// What the clock on the wall shows at its end, for waits that end at a local time. Not the
    /// local time of the instant: where the clocks skip it on that day, they won't on another.
    fn wall(&self) -> Option<NaiveDateTime> {
        let from = self.calendar.zone().to_local(self.from);
        let days = |days: i64| from.checked_add_signed(Elapsed::try_days(days)?);
        match self.length {
            Delay::Days(count) => days(count.into()),
            Delay::OwnWait => days(self.own_days.unwrap_or(0).into()),
            Delay::Months(count) if count < 0 => {
                from.checked_sub_months(Months::new(count.unsigned_abs()))
            }
            Delay::Months(count) => from.checked_add_months(Months::new(count.unsigned_abs())),
            Delay::Elapsed(_) | Delay::Business(_) | Delay::BusinessDays(_) => None,
        }
    }
}

/// Time that is held without a gap.
#[derive(Clone, Copy)]
struct Stretch {
    began: Instant,
    until: Option<Instant>,
}

impl Stretch {
    fn touches(self, later: Self) -> bool {
        self.until.is_none_or(|until| later.began <= until)
    }

    fn with(self, later: Self) -> Self {
        let until = self.until.zip(later.until);
        Self {
            began: self.began,
            until: until.map(|(one, other)| one.max(other)),
        }
    }
}

/// The end of a wait, as far as holds have put it off.
struct End {
    due: Instant,
    /// What the clock on the wall shows then, for waits that end at a local time.
    wall: Option<NaiveDateTime>,
}

impl End {
    /// Puts the end off, if it was not over when the stretch began; `false` while that still runs.
    fn move_by(&mut self, held: Stretch, wait: &Wait<'_>) -> Result<bool, CalendarError> {
        if held.began >= self.due {
            return Ok(true);
        }
        let Some(until) = held.until else {
            return Ok(false);
        };
        let calendar = wait.calendar;
        self.due = match wait.length {
            Delay::Elapsed(_) => {
                let passed = until.signed_duration_since(held.began);
                let due = self.due.checked_add_signed(passed);
                within_time(due.ok_or(CalendarError::OutOfTime)?)?
            }
            Delay::Business(_) | Delay::BusinessDays(_) => {
                let left = calendar.between(held.began, self.due);
                let due = calendar.add(until, left)?.max(self.due);
                // A day that ends at nine in the morning does not end at six the evening before,
                // though no open time lies between them.
                let in_days = matches!(wait.length, Delay::BusinessDays(_));
                if in_days && calendar.is_open(self.due) {
                    calendar
                        .next_open_or_same(due)
                        .ok_or(CalendarError::NeverOpen)?
                } else {
                    due
                }
            }
            Delay::Days(_) | Delay::Months(_) | Delay::OwnWait => {
                let zone = calendar.zone();
                let shown = zone.to_local(until) - zone.to_local(held.began);
                // While the clocks go back, less than nothing is shown to pass.
                let passed = shown.max(Elapsed::zero());
                let wall = self.wall.or_else(|| wait.wall());
                let wall = wall.and_then(|wall| wall.checked_add_signed(passed));
                self.wall = Some(wall.ok_or(CalendarError::OutOfTime)?);
                let due = self.wall.map_or(self.due, |wall| zone.from_local(wall));
                within_time(due.max(until).max(self.due))?
            }
        };
        Ok(true)
    }
}
