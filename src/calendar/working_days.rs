//! The working days of the years people mostly ask about, counted for looking up.

use super::DAY;
use super::index::{COMPILED_FROM, COMPILED_UNTIL};
use super::rules::Rules;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{Calendar, CalendarSpec, rules};

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
                    assert_eq!(
                        Ok(found),
                        walked.map(rules::days_since_1970),
                        "{day} {count}"
                    );
                    counted += 1;
                }
            }
        }
        assert!(counted > 50_000, "{counted}");
    }
}
