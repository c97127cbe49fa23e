//! The working days of the years people mostly ask about, counted for looking up.

use chrono::DateTime;

use super::index::{COMPILED_FROM, COMPILED_UNTIL};
use super::rules::{Rules, Shift};
use super::walk::HORIZON;
use super::{Calendar, CalendarError, DAY, EARLIEST_SECOND, LATEST_SECOND, nanos};
use crate::time::Instant;

/// The first day of the compiled years, counted from 1970, and the first behind them.
const FIRST: i64 = COMPILED_FROM / DAY;
const END: i64 = COMPILED_UNTIL / DAY;

/// How many days on from twice as many days as are asked for an answer is near.
const NEAR: usize = 16;

/// A time of a working day, from its local midnight; beyond 24 hours on a shift that runs into the
/// next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Time {
    second: i64,
    nanos: u32,
}

impl Time {
    /// Before and after every day's hours.
    const START: Self = Self::of(0);
    const END: Self = Self::of(2 * DAY);

    const fn of(second: i64) -> Self {
        Self { second, nanos: 0 }
    }
}

/// How many working days there are up to each day of the compiled years.
#[derive(Debug)]
pub(super) struct WorkingDays {
    /// How many come before a day, by days since [`FIRST`]; the last place is behind them all.
    before: Box<[u16]>,
}

impl WorkingDays {
    pub(super) fn compile(rules: &Rules) -> Self {
        let mut count = 0;
        let counted = (FIRST..END).map(|day| {
            count += u16::from(rules.is_working_day(day));
            count
        });
        Self {
            before: std::iter::once(0).chain(counted).collect(),
        }
    }

    /// The working day that is `count` after a day, or before it if negative; `None` unless both
    /// are within the compiled years. Days are counted from 1970.
    pub(super) fn away(&self, day: i64, count: i64) -> Option<i64> {
        let before = &*self.before;
        let place = usize::try_from(day - FIRST).ok()?;
        let (up_to, at) = (*before.get(place + 1)?, before[place]);
        let found = if count > 0 {
            let wanted = i64::from(up_to).saturating_add(count);
            // Most weeks have more working days than others: the answer is most often near.
            let far = usize::try_from(count).unwrap_or(usize::MAX);
            let near = place
                .saturating_add(far.saturating_mul(2))
                .saturating_add(NEAR);
            let is_near = before
                .get(near)
                .is_some_and(|&count| i64::from(count) >= wanted);
            let end = if is_near { near } else { before.len() };
            let reached = place + before[place..end].partition_point(|&n| i64::from(n) < wanted);
            (reached < before.len()).then(|| reached - 1)
        } else {
            let wanted = i64::from(at).saturating_add(count);
            let behind = before[..=place].partition_point(|&n| i64::from(n) <= wanted);
            behind.checked_sub(1)
        };
        Some(FIRST + i64::try_from(found?).ok()?)
    }
}

impl Calendar {
    /// The same local time `days` working days after `at`, or before it when negative; `at` itself
    /// when zero.
    ///
    /// A shift belongs to the day it starts on: at one in the morning of a night shift it is still
    /// that day. Where the day that is found is closed at that time, it is its closing before, and
    /// its first opening where there is none. What lies outside of every day's hours has whole days:
    /// one working day from Saturday night is over at Monday's last closing, and began, backwards,
    /// at Friday's first opening.
    ///
    /// What is later on the wall never gets an earlier answer.
    ///
    /// # Errors
    ///
    /// As [`add_working_days`](Self::add_working_days).
    pub fn same_time_after(&self, at: Instant, days: i64) -> Result<Instant, CalendarError> {
        if days == 0 {
            return Ok(at);
        }
        let (day, time) = self.working_time(at, days > 0);
        self.open_at(self.working_day_away(day, days)?, time)
    }

    /// The day from which an instant's working days are counted, and its time on each.
    ///
    /// Outside of every day's hours it is the end of the day before if they are counted `forwards`,
    /// and else the start of the next.
    fn working_time(&self, at: Instant, forwards: bool) -> (i64, Time) {
        // In seconds throughout: a civil time costs more to make than all that is looked up here.
        let local = self.zone().local_second(at.timestamp());
        let on = |day: i64| Time {
            second: local - day * DAY,
            nanos: nanos(at).unsigned_abs(),
        };
        let today = local.div_euclid(DAY);
        let hours = self.span(today);
        let mut last = today - 1;
        // A shift over midnight may go on from yesterday.
        for (day, hours) in [(today, hours), (today - 1, self.span(today - 1))] {
            let Some((_, closes)) = hours.filter(|(opens, _)| *opens <= on(day)) else {
                continue;
            };
            if on(day) <= closes && self.is_amid(at, (day, closes)) {
                return (day, on(day));
            }
            last = last.max(day);
        }
        match forwards {
            true => (last, Time::END),
            false => (last + 1, Time::START),
        }
    }

    /// Whether it is open or just closing at an instant, or opens again before its day ends: a holiday may
    /// cut off the rest of a night, and a pause the rest of a day.
    fn is_amid(&self, at: Instant, (day, closes): (i64, Time)) -> bool {
        let opens_again = || {
            let ends = self.zone().second_of(day * DAY + closes.second)?;
            Some(self.next_opening(at)?.timestamp() < ends)
        };
        self.is_open_or_closing(at) || opens_again() == Some(true)
    }

    /// From the first opening of a working day to its last closing, or to where the next day's
    /// shifts begin; `None` on other days.
    fn span(&self, day: i64) -> Option<(Time, Time)> {
        let rules = &self.compiled.rules;
        let Shift { from, mut to } = rules.hours(day)?;
        if to > DAY {
            let next = rules.hours(day + 1);
            to = next.map_or(to, |next| to.min(next.from + DAY));
        }
        Some((Time::of(from), Time::of(to)))
    }

    /// A working day at a time if it is open then, and else the closing before that it has; its
    /// first opening if it has none.
    fn open_at(&self, day: i64, time: Time) -> Result<Instant, CalendarError> {
        let (opens, closes) = self.span(day).ok_or(CalendarError::NeverOpen)?;
        let resolve = |time: Time| {
            let second = self.zone().second_of(day * DAY + time.second);
            second
                .and_then(|second| DateTime::from_timestamp(second, time.nanos))
                .ok_or(CalendarError::OutOfTime)
        };
        let same_time = resolve(time.clamp(opens, closes))?;
        if self.is_open(same_time) {
            return Ok(same_time);
        }
        let opens = resolve(opens)?;
        match self.previous_open_or_same(same_time) {
            Some(closing) if closing > opens => Ok(closing),
            _ => self
                .next_open_or_same(opens)
                .ok_or(CalendarError::NeverOpen),
        }
    }

    /// The working day so many working days from a day, both since 1970; the day itself for none.
    pub(super) fn working_day_away(&self, day: i64, days: i64) -> Result<i64, CalendarError> {
        let compiled = &self.compiled.working_days;
        match compiled.away(day, days).filter(|_| days != 0) {
            Some(found) => Ok(found),
            None => self.walk_working_days(day, days),
        }
    }

    /// The same, day by day.
    fn walk_working_days(&self, mut day: i64, days: i64) -> Result<i64, CalendarError> {
        let (mut left, mut idle_days) = (days, 0);
        while left != 0 {
            day += left.signum();
            if !(EARLIEST_SECOND..LATEST_SECOND).contains(&(day * DAY)) {
                return Err(CalendarError::OutOfTime);
            }
            idle_days += 1;
            if self.compiled.rules.is_working_day(day) {
                left -= left.signum();
                idle_days = 0;
            } else if idle_days * DAY >= HORIZON {
                return Err(CalendarError::NeverOpen);
            }
        }
        Ok(day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::CalendarSpec;

    /// The counts and the walk are two ways to one answer, a day that was left out included.
    #[test]
    fn counted_working_days_agree_with_a_walk_from_day_to_day() {
        let spec = CalendarSpec::new("Pacific/Apia")
            .weekly("mon-fri", ["09:00-17:00"])
            .weekly("sat", ["22:00-06:00"])
            .holiday("2011-12-26")
            .holiday("2012-01-02");
        let calendar = Calendar::compile(&spec).unwrap();
        let mut counted = 0;
        let days = (FIRST - 3..FIRST + 900).chain(END - 40..END + 3);
        for day in days {
            for count in (-30..=30).chain([-400, 400, i64::MIN, i64::MAX]) {
                let found = calendar.compiled.working_days.away(day, count);
                if let Some(found) = found.filter(|_| count != 0) {
                    let walked = calendar.walk_working_days(day, count);
                    assert_eq!(Ok(found), walked, "{day} {count}");
                    counted += 1;
                }
            }
        }
        assert!(counted > 50_000, "{counted}");
    }

    #[test]
    fn the_same_time_some_working_days_on_is_what_the_clock_on_the_wall_shows() {
        for zone in ["Pacific/Apia", "Europe/Madrid", "America/St_Johns"] {
            let spec = CalendarSpec::new(zone).weekly("mon-fri", ["00:00-24:00"]);
            let calendar = Calendar::compile(&spec).unwrap();
            let zone = calendar.zone();
            // Once inside the years that are looked up, and once in others.
            for start in [1_300_000_000, 5_000_000_000] {
                for step in 0..400 {
                    let at = DateTime::from_timestamp(start + step * 100_000, 7).unwrap();
                    let (days, local) = (1 + step % 5, zone.to_local(at));
                    if !calendar.is_working_day(local.date()) {
                        continue; // What comes at the weekend has whole days.
                    }
                    let date = calendar.add_working_days(local.date(), days).unwrap();
                    let shown = zone.from_local(date.and_time(local.time()));
                    assert_eq!(calendar.same_time_after(at, days), Ok(shown), "{at} {days}");
                }
            }
        }
    }
}
