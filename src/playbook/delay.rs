//! Durations as a playbook says them: "4 business hours", "2 days", "1 month", "its own wait".

use std::fmt;

use chrono::Datelike;
use smol_str::SmolStr;

use super::held::{Wait, put_off};
use crate::calendar::{Calendar, CalendarError};
use crate::hint::nearest;
use crate::record::lead::Hold;
use crate::time::{Elapsed, Instant};
use crate::value::plain;

/// A length of time that says which time it means. May be negative: "2 days before".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// Elapsed time: seconds, minutes, hours.
    Elapsed(Elapsed),
    /// Open time of the calendar: business minutes and hours.
    Business(Elapsed),
    /// Calendar days; ends at the same local time.
    Days(i32),
    /// Working days of the calendar; ends at the same local time, or at that day's closing.
    BusinessDays(i32),
    /// Calendar months; ends at the same local time.
    Months(i32),
    /// The lead's own wait.
    OwnWait,
}

impl Delay {
    /// No delay.
    pub const NONE: Self = Self::Elapsed(Elapsed::zero());

    /// Reads a duration: a whole number, a unit, and "before" if it is negative; or
    /// "its own wait". `None` when the text is nothing of that.
    ///
    /// Units: seconds, minutes, hours, days, weeks, months, years; business minutes, hours, days.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let (words, sign) = match words.as_slice() {
            ["its", "own", "wait"] => return Some(Self::OwnWait),
            [words @ .., "before"] => (words, -1),
            words => (words, 1),
        };
        let (count, business, unit) = match words {
            [count, "business", unit] => (count, true, *unit),
            [count, unit] => (count, false, *unit),
            _ => return None,
        };
        let count: i32 = if count.bytes().all(|byte| byte.is_ascii_digit()) {
            sign * count.parse::<i32>().ok()?
        } else {
            return None;
        };
        let elapsed = if business {
            Self::Business
        } else {
            Self::Elapsed
        };
        match (business, unit.strip_suffix('s').unwrap_or(unit)) {
            (false, "second") => Some(Self::Elapsed(Elapsed::seconds(count.into()))),
            (_, "minute") => Some(elapsed(Elapsed::minutes(count.into()))),
            (_, "hour") => Some(elapsed(Elapsed::hours(count.into()))),
            (true, "day") => Some(Self::BusinessDays(count)),
            (false, "day") => Some(Self::Days(count)),
            (false, "week") => Some(Self::Days(count.checked_mul(7)?)),
            (false, "month") => Some(Self::Months(count)),
            (false, "year") => Some(Self::Months(count.checked_mul(12)?)),
            _ => None,
        }
    }

    /// How far a duration can reach either way; longer ones are faults.
    pub const MOST: Elapsed = Elapsed::days(366 * 100);

    /// Whether it is within [`Delay::MOST`].
    #[must_use]
    pub fn is_bounded(self) -> bool {
        let most_days = Self::MOST.num_days();
        match self {
            Self::Elapsed(time) | Self::Business(time) => time.abs() <= Self::MOST,
            Self::Days(days) | Self::BusinessDays(days) => i64::from(days).abs() <= most_days,
            Self::Months(months) => i64::from(months).abs() <= most_days / 30,
            Self::OwnWait => true,
        }
    }

    /// Whether it points backwards.
    #[must_use]
    pub fn is_negative(self) -> bool {
        match self {
            Self::Elapsed(time) | Self::Business(time) => time < Elapsed::zero(),
            Self::Days(count) | Self::BusinessDays(count) | Self::Months(count) => count < 0,
            Self::OwnWait => false,
        }
    }

    /// An instant before which this is not over, whatever calendar, zone and holds say: near enough
    /// to tell far from near. `None` for what is before its beginning.
    pub(crate) fn not_over_before(self, from: Instant) -> Option<Instant> {
        let days = |days: i32| Elapsed::try_days(days.into());
        let at_least = match self {
            _ if self.is_negative() => return None,
            // Open time passes no faster than time.
            Self::Elapsed(time) | Self::Business(time) => Some(time),
            // Behind so many midnights; but for one day that a zone may have left out.
            Self::Days(count) | Self::BusinessDays(count) => days(count.saturating_sub(2).max(0)),
            Self::Months(count) => days(count.saturating_mul(27)),
            Self::OwnWait => None,
        };
        from.checked_add_signed(at_least.unwrap_or_default())
    }

    /// The same length in the other direction.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Elapsed(time) => Self::Elapsed(-time),
            Self::Business(time) => Self::Business(-time),
            Self::Days(days) => Self::Days(days.saturating_neg()),
            Self::BusinessDays(days) => Self::BusinessDays(days.saturating_neg()),
            Self::Months(months) => Self::Months(months.saturating_neg()),
            Self::OwnWait => Self::OwnWait,
        }
    }

    /// The same length forwards.
    #[must_use]
    pub(crate) fn forwards(self) -> Self {
        match self.is_negative() {
            true => self.opposite(),
            false => self,
        }
    }

    /// Whether it is no time at all.
    #[must_use]
    pub fn is_zero(self) -> bool {
        match self {
            Self::Elapsed(time) | Self::Business(time) => time.is_zero(),
            Self::Days(count) | Self::BusinessDays(count) | Self::Months(count) => count == 0,
            Self::OwnWait => false,
        }
    }

    /// This delay `times` over; the end of time if it is more than that.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        let count = i32::try_from(times).unwrap_or(i32::MAX);
        match self {
            Self::Elapsed(time) => Self::Elapsed(time.checked_mul(count).unwrap_or(Elapsed::MAX)),
            Self::Business(time) => Self::Business(time.checked_mul(count).unwrap_or(Elapsed::MAX)),
            Self::Days(days) => Self::Days(days.saturating_mul(count)),
            Self::BusinessDays(days) => Self::BusinessDays(days.saturating_mul(count)),
            Self::Months(months) => Self::Months(months.saturating_mul(count)),
            Self::OwnWait => Self::OwnWait,
        }
    }

    /// When this delay is over that began at `from`.
    ///
    /// Days and months end at the same local time in the calendar's zone, business time is the
    /// calendar's. `wait_days` is the lead's own wait.
    ///
    /// # Errors
    /// Beyond the year 9999, or when the calendar never opens.
    pub fn after(
        self,
        from: Instant,
        calendar: &Calendar,
        wait_days: Option<u32>,
    ) -> Result<Instant, CalendarError> {
        match self {
            Self::Elapsed(time) | Self::Business(time) if time.is_zero() => Ok(from),
            Self::Elapsed(time) => elapsed_after(from, time),
            Self::Business(time) => calendar.add(from, time),
            Self::Days(days) => calendar.zone().add_days(from, days.into()),
            Self::Months(months) => calendar.zone().add_months(from, months),
            Self::BusinessDays(days) => calendar.same_time_after(from, days.into()),
            Self::OwnWait => calendar
                .zone()
                .add_days(from, wait_days.unwrap_or(0).into()),
        }
    }

    /// When this delay is over that began at `from`, if the time that the holds took is not
    /// spent; `None` while a hold runs that began before.
    ///
    /// Held time is measured as the delay is:
    ///
    /// - hours and minutes are put off by the time that passed;
    /// - of business hours and business days what was left, in open time, when the hold began is
    ///   left when it ends. So they end while the calendar is open (or just closes), and where
    ///   every working day has the same hours, N working days held are N working days more;
    /// - days, weeks, months and the lead's own wait are put off by what the clock on the wall
    ///   showed to pass: N days held are N days more, at the same local time, also when the clocks
    ///   changed meanwhile.
    ///
    /// Holds that overlap or touch count as one.
    ///
    /// `holds` are those that stop this delay, in the order in which they began.
    ///
    /// # Errors
    /// As [`Delay::after`].
    pub fn after_holds<'a>(
        self,
        from: Instant,
        calendar: &Calendar,
        wait_days: Option<u32>,
        holds: impl Iterator<Item = &'a Hold>,
    ) -> Result<Option<Instant>, CalendarError> {
        let due = self.after(from, calendar, wait_days)?;
        let wait = Wait {
            length: self,
            from,
            calendar,
            own_days: wait_days,
        };
        put_off(wait, due, holds)
    }
}

fn elapsed_after(from: Instant, time: Elapsed) -> Result<Instant, CalendarError> {
    let after = from.checked_add_signed(time);
    within_time(after.ok_or(CalendarError::OutOfTime)?)
}

/// Refuses an instant beyond the years 1 to 9999.
pub(super) fn within_time(at: Instant) -> Result<Instant, CalendarError> {
    if (1..=9999).contains(&at.year()) {
        Ok(at)
    } else {
        Err(CalendarError::OutOfTime)
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit): (i64, &str) = match *self {
            Self::OwnWait => return f.write_str("its own wait"),
            Self::Elapsed(time) => whole(time, ["hour", "minute", "second"]),
            Self::Business(time) => whole(
                time,
                ["business hour", "business minute", "business second"],
            ),
            Self::Days(days) => (days.into(), "day"),
            Self::BusinessDays(days) => (days.into(), "business day"),
            Self::Months(months) => (months.into(), "month"),
        };
        let plural = if count.abs() == 1 { "" } else { "s" };
        let before = if count < 0 { " before" } else { "" };
        write!(f, "{} {unit}{plural}{before}", count.abs())
    }
}

fn whole(time: Elapsed, [hour, minute, second]: [&'static str; 3]) -> (i64, &'static str) {
    let seconds = time.num_seconds();
    if seconds % 3600 == 0 && seconds != 0 {
        (seconds / 3600, hour)
    } else if seconds % 60 == 0 {
        (seconds / 60, minute)
    } else {
        (seconds, second)
    }
}

/// The texts that a duration can have, for hints.
pub(crate) fn how_to_say() -> SmolStr {
    SmolStr::new_static(
        "a whole number and a unit: seconds, minutes, hours, days, weeks, months, or business \
         minutes, business hours, business days; as in `4 business hours`, `2 days`, `1 day before`",
    )
}

/// The duration that a text was probably meant to be: `2days`, `4 bussiness hours`, `3 horas`; one
/// with a minus before it points backwards.
pub(crate) fn meant_by(text: &str) -> Option<Delay> {
    let lower = plain(text.trim());
    let is_minus = |c| matches!(c, '-' | '−');
    let (sign, lower) = match lower.strip_prefix(is_minus) {
        Some(behind) => (-1, behind.trim_start()),
        None => (1, &*lower),
    };
    let digits = lower.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
    let (count, rest) = lower.split_at(digits);
    let words = std::iter::once(count).chain(rest.split(|c: char| !c.is_alphanumeric()));
    let words = words.filter(|word| !word.is_empty()).map(word_meant);
    let mut words = words.collect::<Option<Vec<_>>>()?;
    // `3 horas hábiles` says behind the unit what stands before it here.
    if let Some(at @ 2..) = words.iter().position(|word| *word == "business") {
        words[1..=at].rotate_right(1);
    }
    let delay = Delay::parse(&words.join(" "))?;
    Some(if sign < 0 { delay.opposite() } else { delay })
}

/// The word of durations that is meant by a word in small letters without accents.
fn word_meant(word: &str) -> Option<&str> {
    const WORDS: [&str; 9] = [
        "seconds", "minutes", "hours", "days", "weeks", "months", "years", "business", "before",
    ];
    const ELSEWHERE: [(&[&str], &str); 13] = [
        (&["segundo", "s", "sec"], "seconds"),
        (&["minuto", "m", "min"], "minutes"),
        (&["hora", "h", "hr"], "hours"),
        (&["dia", "d"], "days"),
        (&["semana", "w"], "weeks"),
        (&["mes", "mese"], "months"),
        (&["ano", "y"], "years"),
        (&["working", "work", "office"], "business"),
        (
            &["habil", "habile", "laborable", "util", "utei"],
            "business",
        ),
        (&["ante", "earlier"], "before"),
        (&["a", "an", "one", "un", "una"], "1"),
        (&["two", "do"], "2"),
        (&["three", "tre"], "3"),
    ];
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(word);
    }
    let singular = word.strip_suffix('s').unwrap_or(word);
    let is_it = |others: &[&str]| others.contains(&word) || others.contains(&singular);
    let found = ELSEWHERE.iter().find(|(others, _)| is_it(others));
    found
        .map(|(_, ours)| *ours)
        .or_else(|| nearest(word, WORDS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::CalendarSpec;
    use crate::ids::Name;
    use proptest::prelude::*;

    fn office() -> Calendar {
        let spec = CalendarSpec::new("America/Guayaquil")
            .weekly("mon-fri", ["09:00-13:00", "14:00-18:00"])
            .weekly("sat", ["09:00-12:00"]);
        Calendar::compile(&spec).unwrap()
    }

    fn at(local: &str) -> Instant {
        format!("{local}:00-05:00")
            .parse::<chrono::DateTime<chrono::FixedOffset>>()
            .unwrap()
            .into()
    }

    fn after(text: &str, local: &str) -> Instant {
        Delay::parse(text)
            .unwrap()
            .after(at(local), &office(), Some(90))
            .unwrap()
    }

    #[test]
    fn a_duration_reads_as_it_prints() {
        for text in [
            "4 business hours",
            "15 business minutes",
            "1 business day",
            "2 days",
            "1 month",
            "36 hours",
            "1 day before",
            "its own wait",
            "10 seconds",
        ] {
            assert_eq!(Delay::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Delay::parse("2 weeks"), Some(Delay::Days(14)));
        assert_eq!(Delay::parse("1 year"), Some(Delay::Months(12)));
        for text in [
            "",
            "4",
            "4 fortnights",
            "-1 day",
            "1.5 hours",
            "four hours",
            "4 business weeks",
            "99999999999 days",
            "400000000 weeks",
        ] {
            assert_eq!(Delay::parse(text), None, "{text}");
        }
    }

    #[test]
    fn each_sort_of_time_ends_where_people_expect() {
        assert_eq!(
            after("4 business hours", "2026-03-06T16:30"),
            at("2026-03-07T11:30")
        );
        assert_eq!(after("2 days", "2026-03-06T16:30"), at("2026-03-08T16:30"));
        assert_eq!(after("1 month", "2026-01-31T10:00"), at("2026-02-28T10:00"));
        assert_eq!(
            after("its own wait", "2026-03-06T16:30"),
            at("2026-06-04T16:30")
        );
        assert_eq!(
            after("1 business day", "2026-03-05T16:30"),
            at("2026-03-06T16:30")
        );
        // On Saturday the office closes at noon.
        assert_eq!(
            after("1 business day", "2026-03-06T16:30"),
            at("2026-03-07T12:00")
        );
        // What is given at night has the next working day, the whole of it.
        assert_eq!(
            after("1 business day", "2026-03-08T02:00"),
            at("2026-03-09T18:00")
        );
    }

    #[test]
    fn held_time_does_not_spend_a_wait() {
        let hold = |from: &str, until: Option<&str>| Hold {
            name: Name::from("parked"),
            from: at(from),
            until: until.map(at),
        };
        let due = |delay: &str, holds: &[Hold]| {
            Delay::parse(delay)
                .unwrap()
                .after_holds(at("2026-03-02T09:00"), &office(), None, holds.iter())
                .unwrap()
        };
        let noon_to_three = hold("2026-03-02T12:00", Some("2026-03-02T15:00"));
        assert_eq!(due("4 business hours", &[]), Some(at("2026-03-02T13:00")));
        assert_eq!(
            due("4 business hours", std::slice::from_ref(&noon_to_three)),
            Some(at("2026-03-02T16:00"))
        );
        assert_eq!(
            due("2 days", std::slice::from_ref(&noon_to_three)),
            Some(at("2026-03-04T12:00"))
        );
        // Overlapping holds count once, and one that begins after the end changes nothing.
        let two_to_four = hold("2026-03-02T14:00", Some("2026-03-02T16:00"));
        assert_eq!(
            due("4 business hours", &[noon_to_three.clone(), two_to_four]),
            Some(at("2026-03-02T17:00"))
        );
        let next_week = hold("2026-03-10T12:00", None);
        assert_eq!(
            due("4 business hours", &[next_week]),
            Some(at("2026-03-02T13:00"))
        );
        assert_eq!(
            due("4 business hours", &[hold("2026-03-02T12:00", None)]),
            None
        );
    }

    #[test]
    fn the_end_of_time_is_an_error_and_no_panic() {
        let late: Instant = "9999-12-31T23:00:00Z".parse().unwrap();
        for text in [
            "4 business hours",
            "2 days",
            "1 month",
            "5 hours",
            "3 business days",
        ] {
            assert!(
                Delay::parse(text)
                    .unwrap()
                    .after(late, &office(), None)
                    .is_err(),
                "{text}"
            );
        }
    }

    fn any_delay() -> impl Strategy<Value = Delay> {
        prop_oneof![
            (0i64..9_000).prop_map(|minutes| Delay::Elapsed(Elapsed::minutes(minutes))),
            (0i64..9_000).prop_map(|minutes| Delay::Business(Elapsed::minutes(minutes))),
            (0i32..40).prop_map(Delay::Days),
            (0i32..40).prop_map(Delay::BusinessDays),
            (0i32..30).prop_map(Delay::Months),
            Just(Delay::OwnWait),
        ]
    }

    proptest! {
        // Apia left out a day in 2011, and is on the other side of the date line since.
        #[test]
        fn nothing_is_over_before_it_may_be(
            delay in any_delay(),
            zone in prop_oneof![Just("Pacific/Apia"), Just("Europe/Madrid"), Just("America/New_York")],
            minutes in 21_500_000_i64..28_000_000,
        ) {
            let spec = CalendarSpec::new(zone)
                .weekly("mon-fri", ["00:00-03:00", "09:00-18:00"])
                .weekly("sun", ["22:00-24:00"]);
            let calendar = Calendar::compile(&spec).unwrap();
            let from = Instant::UNIX_EPOCH + Elapsed::minutes(minutes);
            let over = delay.after(from, &calendar, Some(3)).unwrap();
            prop_assert!(delay.not_over_before(from).unwrap() <= over);
            prop_assert!(delay.not_over_before(from).unwrap() >= from);
        }
    }
}
