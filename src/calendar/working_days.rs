//! The working days of the years people mostly ask about, counted for looking up.

use chrono::DateTime;

use super::index::{COMPILED_FROM, COMPILED_UNTIL};
use super::rules::Rules;
use super::walk::HORIZON;
use super::{Calendar, CalendarError, DAY, EARLIEST_SECOND, LATEST_SECOND, instant, nanos};
use crate::time::Instant;

/// The first day of the compiled years, counted from 1970, and the first behind them.
const FIRST: i64 = COMPILED_FROM / DAY;
const END: i64 = COMPILED_UNTIL / DAY;

/// How many days on from twice as many days as are asked for an answer is near.
const NEAR: usize = 16;

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
    /// when zero. Where that day is closed then, its closing before; where there is none, the next
    /// opening.
    ///
    /// # Errors
    ///
    /// As [`add_working_days`](Self::add_working_days).
    pub fn same_time_after(&self, at: Instant, days: i64) -> Result<Instant, CalendarError> {
        if days == 0 {
            return Ok(at);
        }
        // In seconds throughout: a civil time costs more to make than all that is looked up here.
        let zone = self.zone();
        let local = zone.local_second(at.timestamp());
        let day = self.working_day_away(local.div_euclid(DAY), days)?;
        let second_at = |time: i64| {
            let second = zone.second_of(day * DAY + time);
            second.ok_or(CalendarError::OutOfTime)
        };
        let same_time = second_at(local.rem_euclid(DAY))?;
        let same_time = DateTime::from_timestamp(same_time, nanos(at).unsigned_abs())
            .ok_or(CalendarError::OutOfTime)?;
        if self.is_open(same_time) {
            return Ok(same_time);
        }
        let day_starts = instant(second_at(0)?);
        match self.previous_open_or_same(same_time) {
            Some(closing) if closing > day_starts => Ok(closing),
            _ => self
                .next_opening(day_starts)
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
                    let date = calendar.add_working_days(local.date(), days).unwrap();
                    let shown = zone.from_local(date.and_time(local.time()));
                    assert_eq!(calendar.same_time_after(at, days), Ok(shown), "{at} {days}");
                }
            }
        }
    }
}
