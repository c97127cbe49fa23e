//! Time zones: from civil time to instants and back.
//!
//! The rules come from the IANA database that is compiled into the crate, never from the machine,
//! so the same instant has the same local time wherever the program runs.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::{Arc, LazyLock, OnceLock};

use chrono::{Datelike, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};
use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use strsim::osa_distance;

use super::offsets::Offsets;
use super::{CalendarError, DAY, EARLIEST_SECOND, LATEST_SECOND};
use crate::time::Instant;

/// From 1970 until 2100, in seconds since 1970: here offsets are looked up, beyond they are worked
/// out from the zone's rules, a little slower.
const NEAR: Range<i64> = 0..4_102_444_800;

/// How many known names an [`UnknownZone`] offers at most.
const HINTS: usize = 3;

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// An IANA time zone, such as `America/Mexico_City`.
///
/// It is entered by its name (`parse`, or serde, as a string); letter case does not matter and
/// the name is kept as the database writes it. Cloning is cheap. Two zones are equal when their
/// names are: a link and its target (`America/Buenos_Aires`, `America/Argentina/Buenos_Aires`)
/// are not, though they tell the same time.
///
/// ```
/// use leadkit::calendar::Zone;
///
/// let quito: Zone = "America/Guayaquil".parse()?;
/// let noon_utc = chrono::DateTime::from_timestamp(1_767_960_000, 0).ok_or("range")?;
/// assert_eq!(quito.to_local(noon_utc).to_string(), "2026-01-09 07:00:00");
///
/// let refused = "America/Guayaquill".parse::<Zone>().unwrap_err();
/// assert_eq!(refused.nearest, ["America/Guayaquil"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "SmolStr", try_from = "SmolStr")]
pub struct Zone {
    name: SmolStr,
    rules: TimeZone,
    /// Read when it is first asked for; clones share it.
    near: Arc<OnceLock<Offsets>>,
}

/// The name given is not a zone of the IANA database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone `{name}`{}", hint(.nearest))]
#[non_exhaustive]
pub struct UnknownZone {
    /// The name as it was given.
    pub name: String,
    /// The known names nearest to it, best first; at most three, often none.
    pub nearest: Vec<String>,
}

impl Zone {
    /// Coordinated universal time, where local times are those of [`Instant`] itself.
    #[must_use]
    pub fn utc() -> Self {
        Self {
            name: SmolStr::new_static("UTC"),
            rules: TimeZone::UTC,
            near: Arc::default(),
        }
    }

    /// The IANA name, as the database writes it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a clock on the wall in this zone shows at `at`.
    ///
    /// Beyond the years 1 to 9999 the offset of the nearest of them is used, and at the very ends
    /// of chrono's range the answer stays at the end.
    #[must_use]
    pub fn to_local(&self, at: Instant) -> NaiveDateTime {
        let offset = TimeDelta::seconds(self.offset_at(at.timestamp()));
        let end = if offset < TimeDelta::zero() {
            NaiveDateTime::MIN
        } else {
            NaiveDateTime::MAX
        };
        at.naive_utc().checked_add_signed(offset).unwrap_or(end)
    }

    /// The instant at which a clock on the wall in this zone shows `local`.
    ///
    /// - A time that the zone skips (a gap, as when clocks spring forward) moves forward by the
    ///   length of the gap: 02:30 in a gap from two to three is 03:30. Pacific/Apia's missing
    ///   2011-12-30 09:00 is 2011-12-31 09:00.
    /// - A time that comes twice (a fold, as when clocks fall back) is its first occurrence.
    ///
    /// This is what RFC 5545 asks for. Beyond the years 1 to 9999 it behaves as
    /// [`to_local`](Self::to_local) does.
    #[must_use]
    pub fn from_local(&self, local: NaiveDateTime) -> Instant {
        let second = local.and_utc().timestamp();
        let seconds = match NEAR.contains(&second) {
            true => self.near().at_local(second),
            false => self.local_offset_by_rules(local),
        };
        let end = if seconds < 0 {
            NaiveDateTime::MAX
        } else {
            NaiveDateTime::MIN
        };
        local
            .checked_sub_signed(TimeDelta::seconds(seconds))
            .unwrap_or(end)
            .and_utc()
    }

    /// The civil day in which an instant lies: when it begins, and when the next one does.
    #[must_use]
    pub fn day_of(&self, at: Instant) -> (Instant, Instant) {
        let date = self.to_local(at).date();
        let starts = |date: NaiveDate| self.from_local(date.and_time(NaiveTime::MIN));
        (starts(date), date.succ_opt().map_or(at, starts))
    }

    /// The same local time `days` civil days later, or earlier when negative.
    ///
    /// A day is a day on the wall calendar, not 24 hours: nine in the morning stays nine in the
    /// morning when the clocks change in between. A local time that does not exist on the day
    /// reached, or comes twice, is resolved as by [`from_local`](Self::from_local).
    ///
    /// ```
    /// use leadkit::calendar::Zone;
    ///
    /// let madrid: Zone = "Europe/Madrid".parse()?;
    /// let friday_nine: leadkit::time::Instant = "2026-03-27T08:00:00Z".parse()?;
    /// assert_eq!(madrid.add_days(friday_nine, 3)?.to_string(), "2026-03-30 07:00:00 UTC");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CalendarError::OutOfTime`] when the answer is not within the years 1 to 9999 (UTC).
    pub fn add_days(&self, at: Instant, days: i64) -> Result<Instant, CalendarError> {
        let local = TimeDelta::try_days(days)
            .and_then(|length| self.to_local(at).checked_add_signed(length))
            .ok_or(CalendarError::OutOfTime)?;
        within_time(self.from_local(local))
    }

    /// The same local time on the same day of the month, `months` later, or earlier when negative.
    ///
    /// Where the month reached is too short, its last day: one month after 31 January is 28 or 29
    /// February. A local time that does not exist on the day reached, or comes twice, is resolved
    /// as by [`from_local`](Self::from_local).
    ///
    /// # Errors
    ///
    /// [`CalendarError::OutOfTime`] when the answer is not within the years 1 to 9999 (UTC).
    pub fn add_months(&self, at: Instant, months: i32) -> Result<Instant, CalendarError> {
        let length = Months::new(months.unsigned_abs());
        let from = self.to_local(at);
        let local = if months < 0 {
            from.checked_sub_months(length)
        } else {
            from.checked_add_months(length)
        };
        within_time(self.from_local(local.ok_or(CalendarError::OutOfTime)?))
    }

    /// Whether the zone leaves out a day (counted from 1970), as Samoa did 2011-12-30.
    pub(super) fn leaves_out(&self, day: i64) -> bool {
        let (begins, ends) = (day * DAY, (day + 1) * DAY);
        if NEAR.contains(&begins) && NEAR.contains(&ends) && !self.near().leave_out_days {
            return false;
        }
        self.second_of(begins) >= self.second_of(ends)
    }

    /// The local second at a second, both since 1970.
    pub(super) fn local_second(&self, second: i64) -> i64 {
        second + self.offset_at(second)
    }

    /// The second of a local second, both since 1970, as [`from_local`](Self::from_local) has it;
    /// `None` beyond what a civil time can say.
    pub(super) fn second_of(&self, local: i64) -> Option<i64> {
        let offset = match NEAR.contains(&local) {
            true => self.near().at_local(local),
            false => {
                let civil = chrono::DateTime::from_timestamp(local, 0)?.naive_utc();
                self.local_offset_by_rules(civil)
            }
        };
        Some(local - offset)
    }

    /// Seconds to add to UTC for local time, at a second since 1970.
    fn offset_at(&self, second: i64) -> i64 {
        match NEAR.contains(&second) {
            true => self.near().at(second),
            false => self.offset_by_rules(second),
        }
    }

    fn offset_by_rules(&self, second: i64) -> i64 {
        self.rules.to_offset(timestamp(second)).seconds().into()
    }

    /// In a gap and in a fold alike, the offset before the change.
    fn local_offset_by_rules(&self, local: NaiveDateTime) -> i64 {
        match self
            .rules
            .to_ambiguous_timestamp(civil_time(local))
            .offset()
        {
            AmbiguousOffset::Unambiguous { offset }
            | AmbiguousOffset::Gap { before: offset, .. }
            | AmbiguousOffset::Fold { before: offset, .. } => offset.seconds().into(),
        }
    }

    /// The offsets in force from `from` to `until` (seconds since 1970), with days to spare.
    pub(super) fn offsets(&self, from: i64, until: i64) -> Offsets {
        const SPARE: i64 = 8 * 86_400;
        let (from, until) = (from - SPARE, until + SPARE);
        let changes = self.rules.following(timestamp(from)).map(|change| {
            let offset = i64::from(change.offset().seconds());
            (change.timestamp().as_second(), offset)
        });
        let first = self.offset_by_rules(from);
        Offsets::new(first, changes.take_while(|(at, _)| *at <= until))
    }

    /// The offsets of the years in which nearly everything happens.
    fn near(&self) -> &Offsets {
        self.near.get_or_init(|| self.offsets(NEAR.start, NEAR.end))
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        let known = DATABASE.get(name).ok().filter(|zone| !zone.is_unknown());
        match known {
            Some(rules) => {
                let name = SmolStr::new(rules.iana_name().unwrap_or(name));
                let near = Arc::default();
                Ok(Self { name, rules, near })
            }
            None => Err(UnknownZone {
                name: name.to_owned(),
                nearest: nearest(name),
            }),
        }
    }
}

impl TryFrom<SmolStr> for Zone {
    type Error = UnknownZone;

    fn try_from(name: SmolStr) -> Result<Self, UnknownZone> {
        name.parse()
    }
}

impl From<Zone> for SmolStr {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Zone").field(&self.name).finish()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Refuses an instant beyond the years 1 to 9999.
pub(super) fn within_time(at: Instant) -> Result<Instant, CalendarError> {
    if (EARLIEST_SECOND..LATEST_SECOND).contains(&at.timestamp()) {
        Ok(at)
    } else {
        Err(CalendarError::OutOfTime)
    }
}

fn timestamp(second: i64) -> jiff::Timestamp {
    let end = if second < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    };
    jiff::Timestamp::from_second(second).unwrap_or(end)
}

fn civil_time(local: NaiveDateTime) -> civil::DateTime {
    let end = if local.year() < 0 {
        civil::DateTime::MIN
    } else {
        civil::DateTime::MAX
    };
    let small = |number: u32| i8::try_from(number).unwrap_or(i8::MAX);
    i16::try_from(local.year())
        .ok()
        .and_then(|year| {
            civil::DateTime::new(
                year,
                small(local.month()),
                small(local.day()),
                small(local.hour()),
                small(local.minute()),
                small(local.second()),
                0,
            )
            .ok()
        })
        .unwrap_or(end)
}

fn hint(nearest: &[String]) -> String {
    if nearest.is_empty() {
        String::new()
    } else {
        format!("; near it: {}", nearest.join(", "))
    }
}

/// The known names that a slip of the pen, a missing continent or another one would turn into `name`:
/// what people know of a zone is the city.
fn nearest(name: &str) -> Vec<String> {
    const LONGEST: usize = 64;
    if name.is_empty() || name.len() > LONGEST {
        return Vec::new();
    }
    let wanted = plain(name);
    let known = DATABASE.available();
    let mut found: Vec<(usize, String)> = known
        .filter_map(|known| Some((far(&wanted, &plain(known.as_str()))?, known.as_str().into())))
        .collect();
    found.sort();
    // Names that are a letter or two off are noise beside one that fits better.
    let best = found.first().map_or(0, |first| first.0);
    found
        .into_iter()
        .filter(|known| known.0 <= best + 1)
        .take(HINTS)
        .map(|known| known.1)
        .collect()
}

/// How far what was said is from a known name; nothing, if it is surely not meant.
fn far(wanted: &str, known: &str) -> Option<usize> {
    const ELSEWHERE: usize = 2;
    let (region, city) = known.rsplit_once('/').unwrap_or(("", known));
    let (said_region, said_city) = wanted.rsplit_once('/').unwrap_or(("", wanted));
    let slips = osa_distance(said_city, city);
    let is_there = said_region.is_empty() || osa_distance(said_region, region) <= 1;
    if is_there && slips <= said_city.len() / 4 {
        return Some(slips);
    }
    // Three letters are a code, and a letter off another one.
    if said_city.len() < 4 {
        return None;
    }
    let goes_on = city
        .strip_prefix(said_city)
        .is_some_and(|rest| rest.starts_with('_'));
    if is_there && goes_on || slips <= 1 {
        return Some(ELSEWHERE + slips.min(1));
    }
    // `Mexico/City`, or `Europe Madrid`.
    let joined = wanted.replace('/', "_");
    let is_whole =
        osa_distance(&joined, city).min(osa_distance(&joined, &known.replace('/', "_"))) <= 1;
    is_whole.then_some(ELSEWHERE)
}

fn plain(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables and the rules are two ways to one answer.
    #[test]
    fn looked_up_offsets_agree_with_the_rules_around_every_change() {
        for name in [
            "America/Guayaquil",
            "America/Mexico_City",
            "America/Sao_Paulo",
            "America/St_Johns",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
            "Europe/Dublin",
            "Europe/Madrid",
            "Pacific/Apia",
            "Africa/Casablanca",
            "UTC",
        ] {
            let zone: Zone = name.parse().unwrap();
            let (from, until) = (NEAR.start - 400 * 86_400, NEAR.end + 400 * 86_400);
            let offsets = zone.offsets(from, until);
            let around = zone
                .rules
                .following(timestamp(from))
                .map(|c| c.timestamp().as_second());
            let mut checked = 0;
            for change in around.take_while(|at| *at < until).chain([from, until]) {
                for step in -200..200 {
                    let local = change + step * 900;
                    let naive = chrono::DateTime::from_timestamp(local, 0)
                        .unwrap()
                        .naive_utc();
                    let hint = offsets.start(local);
                    let by_rules = local - zone.local_offset_by_rules(naive);
                    assert_eq!(offsets.resolve(hint, local), by_rules, "{name} {naive}");
                    assert_eq!(zone.from_local(naive).timestamp(), by_rules);
                    assert_eq!(zone.offset_at(local), zone.offset_by_rules(local));
                    checked += 1;
                }
            }
            assert!(checked >= 800);
        }
    }

    #[test]
    fn a_zone_name_is_kept_as_the_database_writes_it() {
        assert_eq!(
            "europe/madrid".parse::<Zone>().unwrap().name(),
            "Europe/Madrid"
        );
        assert_eq!("UTC".parse::<Zone>().unwrap(), Zone::utc());
        assert!("Etc/Unknown".parse::<Zone>().is_err());
    }

    #[test]
    fn an_unknown_zone_is_told_with_the_names_near_it() {
        let near = |name: &str| name.parse::<Zone>().unwrap_err().nearest;
        assert_eq!(near("America/Mexico City"), ["America/Mexico_City"]);
        assert_eq!(near("Madrid"), ["Europe/Madrid"]);
        assert_eq!(near("Guayaquil"), ["America/Guayaquil"]);
        // What is right is the city, and people say it in many ways.
        for (said, meant) in [
            ("Spain/Madrid", "Europe/Madrid"),
            ("Brasil/São Paulo", "America/Sao_Paulo"),
            ("America/Bogotá", "America/Bogota"),
            ("America/Mexico", "America/Mexico_City"),
            ("Mexico/City", "America/Mexico_City"),
            ("Europe Madrid", "Europe/Madrid"),
            ("America/Sao Paulo", "America/Sao_Paulo"),
            ("America/Guayaquill", "America/Guayaquil"),
            ("Europe/Madird", "Europe/Madrid"),
        ] {
            assert_eq!(
                near(said).first().map(String::as_str),
                Some(meant),
                "{said}"
            );
        }
        // Another place that is spelled a little alike is not meant.
        for nowhere in [
            "ECT",
            "Pacific Time",
            "America/Quito",
            "Europe/Barcelona",
            "Ecuador",
        ] {
            assert_eq!(near(nowhere), [""; 0], "{nowhere}");
        }
        assert!(near("").is_empty());
        assert!(near("the office's clock").is_empty());
        assert!(near(&"x".repeat(100_000)).is_empty());
        let text = "Madrid".parse::<Zone>().unwrap_err().to_string();
        assert_eq!(text, "unknown time zone `Madrid`; near it: Europe/Madrid");
    }
}
