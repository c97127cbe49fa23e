//! What a calendar is written as, and what can be wrong with it.

use std::collections::BTreeMap;
use std::fmt;

use chrono::Weekday;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::ser::{SerializeTuple, Serializer};
use serde::{Deserialize, Serialize};

use super::Impossible;

/// A calendar as people write it: plain data, nothing checked yet.
///
/// [`Calendar::compile`](super::Calendar::compile) checks it and lists every fault at once. It is
/// read and written by serde; in JSON:
///
/// ```json
/// {"tz": "America/Guayaquil",
///  "weekly": {"mon-thu": [["08:30", "13:00"], ["14:00", "18:30"]], "fri": ["08:30-13:00"]},
///  "overrides": {"2026-12-24": [["09:00", "12:00"]], "2026-12-26": []},
///  "recurring_overrides": {"12-31": [["09:00", "12:00"]]},
///  "breaks": {"2026-03-04": [["10:00", "11:00"]]},
///  "holidays": ["2026-12-25"]}
/// ```
///
/// All times are local times of `tz`. Only `tz` is required. Times are `HH:MM` or `HH:MM:SS`,
/// dates `YYYY-MM-DD` in the years 1 to 9999.
///
/// ```
/// use leadkit::calendar::{Calendar, CalendarSpec};
///
/// let spec = CalendarSpec::new("America/Guayaquil")
///     .weekly("mon-fri", ["08:30-13:00", "14:00-18:30"])
///     .weekly("sat", ["09:00-12:00"])
///     .holiday("2026-12-25");
/// assert!(Calendar::compile(&spec).is_ok());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarSpec {
    /// The IANA zone of every time and date below, such as `Europe/Madrid`.
    pub tz: String,
    /// The hours of each day of the week. A key names days as [`parse_days`] reads them (`mon`,
    /// `mon-fri`, `tue,thu`); no day may be named twice, and the shifts of one list may touch but
    /// not overlap. A day that is not named has no hours.
    #[serde(default)]
    pub weekly: BTreeMap<String, Vec<Hours>>,
    /// Dates whose hours replace those of the week, and of `recurring_overrides`. An empty list
    /// closes the day as a holiday does.
    #[serde(default)]
    pub overrides: BTreeMap<String, Vec<Hours>>,
    /// Pauses on a date, cut out of whatever is open then. They may overlap.
    #[serde(default)]
    pub breaks: BTreeMap<String, Vec<Hours>>,
    /// Dates on which nothing is open, whatever else is written for them.
    #[serde(default)]
    pub holidays: Vec<String>,
    /// Days of every year, as `MM-DD`, whose hours replace those of the week. An empty list closes
    /// the day. `02-29` counts in leap years only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recurring_overrides: BTreeMap<String, Vec<Hours>>,
}

impl CalendarSpec {
    /// A calendar of the zone `tz` that is never open, to be filled in.
    #[must_use]
    pub fn new(tz: impl Into<String>) -> Self {
        Self {
            tz: tz.into(),
            ..Self::default()
        }
    }

    /// Sets the hours of some days of the week (`mon`, `mon-fri`, `tue,thu`).
    #[must_use]
    pub fn weekly<H: Into<Hours>>(
        mut self,
        days: impl Into<String>,
        hours: impl IntoIterator<Item = H>,
    ) -> Self {
        self.weekly.insert(days.into(), list(hours));
        self
    }

    /// Replaces the hours of one date; no hours close it.
    #[must_use]
    pub fn on_date<H: Into<Hours>>(
        mut self,
        date: impl Into<String>,
        hours: impl IntoIterator<Item = H>,
    ) -> Self {
        self.overrides.insert(date.into(), list(hours));
        self
    }

    /// Replaces the hours of one day of every year, given as `MM-DD`; no hours close it.
    #[must_use]
    pub fn every_year<H: Into<Hours>>(
        mut self,
        month_day: impl Into<String>,
        hours: impl IntoIterator<Item = H>,
    ) -> Self {
        self.recurring_overrides
            .insert(month_day.into(), list(hours));
        self
    }

    /// Adds a pause on one date.
    #[must_use]
    pub fn break_on(mut self, date: impl Into<String>, hours: impl Into<Hours>) -> Self {
        self.breaks
            .entry(date.into())
            .or_default()
            .push(hours.into());
        self
    }

    /// Closes one date.
    #[must_use]
    pub fn holiday(mut self, date: impl Into<String>) -> Self {
        self.holidays.push(date.into());
        self
    }
}

fn list<H: Into<Hours>>(hours: impl IntoIterator<Item = H>) -> Vec<Hours> {
    hours.into_iter().map(Into::into).collect()
}

/// One shift or pause, from one local time up to another.
///
/// A `to` at or before `from` lies on the next day, so `22:00-06:00` is a night shift and
/// `00:00-00:00` a whole day; `24:00` is the end of the day itself. Serde reads a pair
/// (`["09:00", "13:00"]`) or a text (`"09:00-13:00"`), and writes the pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// When it opens, `HH:MM` or `HH:MM:SS`.
    pub from: String,
    /// When it closes, in the same form, or `24:00`.
    pub to: String,
}

impl From<&str> for Hours {
    /// Reads `09:00-13:00`; a text without a dash becomes a fault when the calendar is compiled.
    fn from(text: &str) -> Self {
        let (from, to) = text.split_once('-').unwrap_or((text, ""));
        Self {
            from: from.trim().to_owned(),
            to: to.trim().to_owned(),
        }
    }
}

impl From<String> for Hours {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl<F: Into<String>, T: Into<String>> From<(F, T)> for Hours {
    fn from((from, to): (F, T)) -> Self {
        Self {
            from: from.into(),
            to: to.into(),
        }
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&self.from)?;
        pair.serialize_element(&self.to)?;
        pair.end()
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairOrText;

        impl<'de> Visitor<'de> for PairOrText {
            type Value = Hours;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("hours as [\"09:00\", \"13:00\"] or \"09:00-13:00\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Hours, E> {
                Ok(text.into())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Hours, A::Error> {
                let mut end = |length| {
                    seq.next_element::<String>()?
                        .ok_or_else(|| de::Error::invalid_length(length, &Self))
                };
                let hours = Hours {
                    from: end(0)?,
                    to: end(1)?,
                };
                match seq.next_element::<de::IgnoredAny>()? {
                    None => Ok(hours),
                    Some(_) => Err(de::Error::invalid_length(3, &Self)),
                }
            }
        }

        deserializer.deserialize_any(PairOrText)
    }
}

/// Reads the days of a `weekly` key: a day (`mon`), a range (`mon-fri`; `sat-mon` goes over
/// Sunday), or several of them between commas (`mon-wed,fri`).
///
/// Days are the first three letters of their English names, in either case. `None` when the text
/// is anything else. A day that the text names twice is answered twice.
///
/// ```
/// use chrono::Weekday::{Fri, Mon, Sat, Sun};
/// use leadkit::calendar::parse_days;
///
/// assert_eq!(parse_days("fri-mon"), Some(vec![Fri, Sat, Sun, Mon]));
/// assert_eq!(parse_days("friday"), None);
/// ```
#[must_use]
pub fn parse_days(text: &str) -> Option<Vec<Weekday>> {
    /// More commas than this cannot name seven days; it bounds what a hostile text can cost.
    const MOST_PARTS: usize = 14;
    if text.split(',').count() > MOST_PARTS {
        return None;
    }
    let mut days = Vec::new();
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (parse_day(first)?, parse_day(last)?),
            None => (parse_day(part)?, parse_day(part)?),
        };
        days.push(first);
        let mut day = first;
        while day != last {
            day = day.succ();
            days.push(day);
        }
    }
    Some(days)
}

fn parse_day(text: &str) -> Option<Weekday> {
    use Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
    let names = [
        ("mon", Mon),
        ("tue", Tue),
        ("wed", Wed),
        ("thu", Thu),
        ("fri", Fri),
        ("sat", Sat),
        ("sun", Sun),
    ];
    names
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text.trim()))
        .map(|(_, day)| day)
}

/// Everything that is wrong with a [`CalendarSpec`]; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the calendar has {} fault{}: {}", .0.len(), if .0.len() == 1 { "" } else { "s" }, crate::told::joined(.0, "; "))]
pub struct CalendarFaults(pub(super) Vec<CalendarFault>);

impl CalendarFaults {
    /// The faults, in the order of the spec's fields.
    #[must_use]
    pub fn faults(&self) -> &[CalendarFault] {
        &self.0
    }
}

/// One thing that is wrong with a [`CalendarSpec`], and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {flaw}")]
#[non_exhaustive]
pub struct CalendarFault {
    /// Where in the spec: `tz`, `weekly.mon[1]` (the second shift of Monday), `holidays[0]`,
    /// `overrides.2026-02-30`. The middle part is a key as it was written.
    pub place: String,
    /// What is wrong there.
    pub flaw: Flaw,
}

/// What can be wrong at one place of a [`CalendarSpec`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// The zone is not in the IANA database.
    #[error(transparent)]
    UnknownZone(#[from] super::UnknownZone),
    /// Not a time of day. `24:00` is one only where hours end.
    #[error("`{text}` is not a time; write HH:MM, from 00:00 to 24:00")]
    BadTime {
        /// The text found.
        text: String,
    },
    /// Not a day of the week, nor a range of them.
    #[error("`{text}` is not a day; write mon, mon-fri or mon,wed")]
    BadDays {
        /// The key found.
        text: String,
    },
    /// A day of the week that an earlier key, or the same, has named already.
    #[error("{day} has its hours already from `{earlier}`")]
    DayTwice {
        /// The day named again.
        day: Weekday,
        /// The key that named it first.
        earlier: String,
    },
    /// A day that there is not: `2026-02-30`, or `02-30` of every year.
    #[error("there is no `{text}`: {why}")]
    NoSuchDay {
        /// The text found.
        text: String,
        /// Why there is none.
        why: Impossible,
    },
    /// A time that there is not: `25:00`, or hours that begin at `24:00`.
    #[error("there is no `{text}`: {why}")]
    NoSuchTime {
        /// The text found.
        text: String,
        /// Why there is none.
        why: Impossible,
    },
    /// Not a date.
    #[error("`{text}` is not a date; write YYYY-MM-DD")]
    BadDate {
        /// The text found.
        text: String,
    },
    /// Not a day of the year.
    #[error("`{text}` is not a day of the year; write MM-DD")]
    BadMonthDay {
        /// The text found.
        text: String,
    },
    /// The shift begins before another one of the same list is over.
    #[error("overlaps `{shift}`, the shift [{other}] of the same list")]
    Overlap {
        /// The index of that other shift in the list.
        other: usize,
        /// That other shift.
        shift: String,
    },
}
