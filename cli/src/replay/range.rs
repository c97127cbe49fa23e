//! From when until when a history goes: a year that was mistyped is found, and refused, before
//! virtual time lives through the centuries on the way there. One that is wrong by a few years may
//! be right, and is only told.

use std::fmt;

use chrono::{Days, Months, NaiveDate, NaiveTime};
use leadkit::calendar::Zone;
use leadkit::time::{Elapsed, Instant};

use super::map::Map;

/// How many years a row may lie from the middle one, if the map says nothing.
pub const MOST_YEARS: u32 = 10;

/// From when until when a history goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    from: Bound,
    to: Bound,
}

/// Where it begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// The map says this day, and so it begins or is over at this instant.
    Said(NaiveDate, Instant),
    /// So many years from the middle one of all times, which is on this day.
    FromMiddle(NaiveDate, Instant),
}

impl Bound {
    fn at(self) -> Instant {
        let (Self::Said(_, at) | Self::FromMiddle(_, at)) = self;
        at
    }
}

impl Range {
    /// The range of a history whose rows have these times; nothing, if it has none.
    pub(super) fn of(map: &Map, zone: &Zone, times: &mut [Instant]) -> Option<Self> {
        let middle = times.len() / 2;
        if times.is_empty() {
            return None;
        }
        let (_, middle, _) = times.select_nth_unstable(middle);
        let middle = zone.to_local(*middle).date();
        let years = Months::new(12 * MOST_YEARS);
        let starts = |day: NaiveDate| zone.from_local(day.and_time(NaiveTime::MIN));
        let ends = |day: NaiveDate| {
            let next = day.checked_add_days(Days::new(1));
            next.map_or(Instant::MAX_UTC, starts)
        };
        let earliest = middle.checked_sub_months(years).unwrap_or(NaiveDate::MIN);
        let latest = middle.checked_add_months(years).unwrap_or(NaiveDate::MAX);
        Some(Self {
            from: match map.from {
                Some(day) => Bound::Said(day, starts(day)),
                None => Bound::FromMiddle(middle, starts(earliest)),
            },
            to: match map.to {
                Some(day) => Bound::Said(day, ends(day)),
                None => Bound::FromMiddle(middle, ends(latest)),
            },
        })
    }

    /// Why a time is refused, if it is.
    pub(super) fn refuses(&self, at: Instant) -> Option<Outside> {
        if at < self.from.at() {
            Some(Outside::Before(self.from))
        } else if at >= self.to.at() {
            Some(Outside::Behind(self.to))
        } else {
            None
        }
    }
}

/// Why a time is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outside {
    Before(Bound),
    Behind(Bound),
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bound, key) = match self {
            Self::Before(bound) => (bound, "from"),
            Self::Behind(bound) => (bound, "to"),
        };
        match (bound, self) {
            (Bound::Said(day, _), Self::Before(_)) => {
                write!(f, "is before {day}, the first day that the map allows")
            }
            (Bound::Said(day, _), Self::Behind(_)) => {
                write!(f, "is after {day}, the last day that the map allows")
            }
            (Bound::FromMiddle(middle, _), _) => write!(
                f,
                "lies more than {MOST_YEARS} years from {middle}, the middle one of all rows; if it \
                 is right, say above the files of the map how far its history goes: {key} = YYYY-MM-DD"
            ),
        }
    }
}

/// How many days may lie between two rows of one history, before one of them is told as a warning:
/// half a year.
pub const LONGEST_PAUSE_DAYS: i64 = 183;

/// Where most of a history lies: more than half of its rows, with no long pause between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bulk {
    first: Instant,
    last: Instant,
    /// Whether the map says itself how far the history goes.
    has_from: bool,
    has_to: bool,
}

impl Bulk {
    /// Where most of these times lie; nothing, if they are scattered.
    pub(super) fn of(map: &Map, times: &mut [Instant]) -> Option<Self> {
        times.sort_unstable();
        let pause = Elapsed::days(LONGEST_PAUSE_DAYS);
        let mut parts = times.chunk_by(|one, next| *next - *one <= pause);
        let part = parts.find(|part| part.len() * 2 > times.len())?;
        Some(Self {
            first: *part.first()?,
            last: *part.last()?,
            has_from: map.from.is_some(),
            has_to: map.to.is_some(),
        })
    }

    /// Why a time is probably not meant, if it lies elsewhere. A map that says how far its history
    /// goes is believed.
    pub(super) fn lacks(&self, at: Instant) -> Option<Far<'_>> {
        let is_early = at < self.first && !self.has_from;
        let is_late = at > self.last && !self.has_to;
        (is_early || is_late).then_some(Far {
            is_early,
            from: self,
        })
    }
}

/// Why a time is probably not meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Far<'a> {
    is_early: bool,
    from: &'a Bulk,
}

impl Far<'_> {
    /// The side of the history on which it lies.
    pub(super) fn side(&self) -> &'static str {
        if self.is_early { "before" } else { "after" }
    }

    /// What is wrong with so many rows.
    pub(super) fn told(&self, rows: usize, zone: &Zone) -> String {
        let day = |at| zone.to_local(at).date();
        let (first, last) = (day(self.from.first), day(self.from.last));
        let side = self.side();
        let (lies, is_it) = match rows {
            1 => ("lies", "is it"),
            _ => ("lie", "are they"),
        };
        format!(
            "{lies} more than half a year {side} most of the history ({first} to {last}); {is_it} meant?"
        )
    }

    pub(super) fn hint(&self) -> String {
        let key = if self.is_early { "from" } else { "to" };
        format!(
            "if so, say above the files of the map how far its history goes: {key} = YYYY-MM-DD"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quito() -> Zone {
        "America/Guayaquil".parse().unwrap()
    }

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn ten_years_from_the_middle_one_of_all_rows_are_near_enough() {
        let mut times = [
            "1926-03-02",
            "2026-03-01",
            "2026-03-02",
            "2026-03-03",
            "9999-01-01",
        ]
        .map(|day| at(&format!("{day}T12:00:00Z")));
        let range = Range::of(&Map::default(), &quito(), &mut times).unwrap();
        for (near, is_near) in [
            ("2016-03-02T05:00:00Z", true),
            ("2016-03-02T04:59:59Z", false),
            ("2036-03-03T04:59:59Z", true),
            ("2036-03-03T05:00:00Z", false),
        ] {
            assert_eq!(range.refuses(at(near)).is_none(), is_near, "{near}");
        }
    }

    #[test]
    fn what_the_map_says_goes_instead() {
        let map = Map {
            from: NaiveDate::from_ymd_opt(1990, 1, 1),
            ..Map::default()
        };
        let range = Range::of(&map, &quito(), &mut [at("2026-03-02T12:00:00Z")]).unwrap();
        assert_eq!(range.refuses(at("1990-01-01T05:00:00Z")), None);
        let told = range.refuses(at("1990-01-01T04:59:59Z")).unwrap();
        assert_eq!(
            told.to_string(),
            "is before 1990-01-01, the first day that the map allows"
        );
        // Of the other end nothing is said.
        assert!(range.refuses(at("2040-01-01T00:00:00Z")).is_some());
    }

    #[test]
    fn what_lies_half_a_year_from_most_of_the_history_is_probably_not_meant() {
        let day = |text: &str| at(&format!("{text}T12:00:00Z"));
        let mut times = [
            "2024-03-03",
            "2024-03-04",
            "2026-01-01",
            "2026-03-01",
            "2026-07-01",
            "2027-07-02",
        ]
        .map(day);
        let bulk = |map: &Map, times: &mut [Instant]| Bulk::of(map, times);
        assert_eq!(
            bulk(&Map::default(), &mut times),
            None,
            "no more than half lie together"
        );
        let mut times: Vec<Instant> = times.into_iter().chain([day("2026-07-03")]).collect();
        let found = bulk(&Map::default(), &mut times).unwrap();
        let told = |text: &str| found.lacks(day(text)).map(|far| far.told(1, &quito()));
        let early = "lies more than half a year before most of the history (2026-01-01 to 2026-07-03); is it meant?";
        assert_eq!(told("2024-03-04").as_deref(), Some(early));
        assert!(told("2027-07-02").unwrap().contains("half a year after"));
        assert_eq!(told("2026-03-01"), None);
        let map = Map {
            from: NaiveDate::from_ymd_opt(2024, 1, 1),
            ..Map::default()
        };
        let found = bulk(&map, &mut times).unwrap();
        assert!(found.lacks(day("2024-03-04")).is_none(), "the map says so");
        assert!(found.lacks(day("2027-07-02")).is_some());
    }
}
