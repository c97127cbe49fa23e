//! Weeks of the calendar, as ISO 8601 counts them: from Monday to Sunday, `2026-W11`.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, Days, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A week of the calendar. The first one of a year is that of its first Thursday.
///
/// ```
/// use leadkit::week::Week;
/// let week: Week = "2026-W11".parse()?;
/// assert_eq!(week.monday().to_string(), "2026-03-09");
/// assert_eq!(Week::of(week.sunday()), week);
/// # Ok::<(), leadkit::week::NotAWeek>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Week(NaiveDate);

/// A text that is no week.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no week; write the year and the week, as in 2026-W11")]
pub struct NotAWeek {
    text: SmolStr,
}

impl Week {
    /// The week in which a day is.
    #[must_use]
    pub fn of(day: NaiveDate) -> Self {
        let since_monday = Days::new(day.weekday().num_days_from_monday().into());
        // The first week of all time has no Monday; it begins with its first day.
        Self(day.checked_sub_days(since_monday).unwrap_or(NaiveDate::MIN))
    }

    /// The week of this number in a year; nothing, if that year has no such week.
    #[must_use]
    pub fn numbered(year: i32, number: u32) -> Option<Self> {
        NaiveDate::from_isoywd_opt(year, number, Weekday::Mon).map(Self)
    }

    /// Its first day.
    #[must_use]
    pub fn monday(self) -> NaiveDate {
        self.0
    }

    /// Its last day.
    #[must_use]
    pub fn sunday(self) -> NaiveDate {
        let last = self.0.checked_add_days(Days::new(6));
        last.unwrap_or(NaiveDate::MAX)
    }

    /// Whether a day is in it.
    #[must_use]
    pub fn contains(self, day: NaiveDate) -> bool {
        (self.monday()..=self.sunday()).contains(&day)
    }
}

impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let week = self.0.iso_week();
        write!(f, "{:04}-W{:02}", week.year(), week.week())
    }
}

impl fmt::Debug for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Week {
    type Err = NotAWeek;

    fn from_str(text: &str) -> Result<Self, NotAWeek> {
        let digits = |part: &str, count| {
            let fits = part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
            fits.then(|| part.parse::<u32>().ok()).flatten()
        };
        let parts = text.split_once("-W");
        let parts = parts.and_then(|(year, week)| Some((digits(year, 4)?, digits(week, 2)?)));
        let week = parts.and_then(|(year, week)| Self::numbered(i32::try_from(year).ok()?, week));
        week.ok_or_else(|| NotAWeek { text: text.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_year_has_as_many_weeks_as_thursdays() {
        assert!(Week::numbered(2026, 53).is_some());
        assert!(Week::numbered(2025, 53).is_none());
        // The first days of a year may be of the last week of the year before.
        let new_year = NaiveDate::from_ymd_opt(2027, 1, 1).unwrap();
        assert_eq!(Week::of(new_year).to_string(), "2026-W53");
    }

    #[test]
    fn what_is_none_is_no_week() {
        for text in [
            "", "2026", "2026-11", "2026-W1", "2026-W00", "2025-W53", "2026-w11", "+026-W11",
        ] {
            assert!(text.parse::<Week>().is_err(), "{text}");
        }
    }

    #[test]
    fn there_are_weeks_at_the_ends_of_time() {
        for day in [NaiveDate::MIN, NaiveDate::MAX] {
            assert!(Week::of(day).contains(day), "{day}");
        }
    }

    proptest! {
        #[test]
        fn each_day_is_in_one_week_which_reads_as_it_prints(days in 0..3_000_000_i32) {
            let day = NaiveDate::from_num_days_from_ce_opt(days + 366).unwrap();
            let week = Week::of(day);
            prop_assert!(week.contains(day));
            prop_assert!(!week.contains(week.sunday() + Days::new(1)));
            prop_assert_eq!(week.to_string().parse(), Ok(week));
        }
    }
}
