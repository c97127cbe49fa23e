//! Days and times that are written as days and times are, and that there are not.

use chrono::{Datelike, NaiveDate};

use super::rules::digits;

/// Why there is no such day or time, though it is written as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Impossible {
    /// A month beyond the twelfth, or before the first.
    #[error("a year has months 01 to 12")]
    Month,
    /// A day that this month does not have.
    #[error("that month has days 01 to {last}")]
    Day {
        /// The last day that it has.
        last: u32,
    },
    /// A time behind the end of its day.
    #[error("a day ends at 24:00")]
    Hour,
    /// A minute or second beyond the sixtieth.
    #[error("an hour has minutes 00 to 59, and a minute seconds 00 to 59")]
    Minute,
    /// Hours that begin where the day ends.
    #[error("the day is over then; 00:00 begins the next one")]
    Begins,
}

impl Impossible {
    /// Why there is no such day as `2026-02-30`; nothing, if there is one, or it is written otherwise.
    pub(crate) fn date(text: &str) -> Option<Self> {
        let [year, month, day] = digits(text, b"0000-00-00")?;
        let year = i32::try_from(year).ok().filter(|year| *year > 0)?;
        Self::day(year, month, day)
    }

    /// Why no year has such a day as `02-30`.
    pub(crate) fn month_day(text: &str) -> Option<Self> {
        let [month, day, _] = digits(text, b"00-00")?;
        // A leap year has every day that a year can have.
        Self::day(2000, month, day)
    }

    /// Why there is no such time as `25:00` on the wall.
    pub(crate) fn time(text: &str) -> Option<Self> {
        let [hour, minute, second] =
            digits(text, b"00:00").or_else(|| digits(text, b"00:00:00"))?;
        match (
            minute > 59 || second > 59,
            hour * 3600 + minute * 60 + second,
        ) {
            (true, _) => Some(Self::Minute),
            (false, seconds) => (seconds > 24 * 3600).then_some(Self::Hour),
        }
    }

    /// Why there is no such date, time or instant as TOML writes it: `2026-02-30T09:00:00Z`.
    pub(crate) fn in_toml(text: &str) -> Option<Self> {
        let (date, time) = match text.split_once(['T', 't', ' ']) {
            Some((date, time)) => (date, time),
            None if text.contains(':') => ("", text),
            None => (text, ""),
        };
        let wall = time.split(['Z', 'z', '+', '-', '.']).next();
        Self::date(date).or_else(|| Self::time(wall.unwrap_or_default()))
    }

    fn day(year: i32, month: u32, day: u32) -> Option<Self> {
        let Some(first) = NaiveDate::from_ymd_opt(year, month, 1) else {
            return Some(Self::Month);
        };
        let last = u32::from(first.num_days_in_month());
        (!(1..=last).contains(&day)).then_some(Self::Day { last })
    }
}
