//! What must hold of every calendar, instant and amount.

use chrono::{Datelike, Days, NaiveDate, NaiveTime};
use leadkit::calendar::{Calendar, CalendarError, CalendarSpec, Hours};
use leadkit::time::{Elapsed, Instant};
use proptest::prelude::*;

const ZONES: [&str; 9] = [
    "America/Guayaquil",
    "America/Mexico_City",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Europe/Madrid",
    "Pacific/Apia",
    "UTC",
];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const FROM_2010: i64 = 1_262_304_000;
const UNTIL_2040: i64 = 2_208_988_800;

fn config() -> ProptestConfig {
    // A case asks one calendar many questions; compiling it is what takes long.
    ProptestConfig::with_cases(128)
}

fn time_of_day() -> impl Strategy<Value = u32> {
    // Mostly whole hours, so that shifts of neighbouring days touch and breaks hit their ends.
    prop_oneof![3 => (0..24_u32).prop_map(|hour| hour * 60), 1 => 0..24 * 60_u32]
}

fn text(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Up to three shifts that do not overlap; the last may go over midnight.
fn shifts() -> impl Strategy<Value = Vec<Hours>> {
    (
        prop::collection::btree_set(time_of_day(), 0..=6),
        any::<bool>(),
    )
        .prop_map(|(times, overnight)| {
            let times: Vec<u32> = times.into_iter().collect();
            let mut hours: Vec<Hours> = times
                .chunks_exact(2)
                .map(|pair| Hours::from((text(pair[0]), text(pair[1]))))
                .collect();
            if overnight && times.len() >= 2 {
                if let Some(last) = hours.last_mut() {
                    last.to = text(times[0].min(6 * 60));
                }
            }
            hours
        })
}

fn date() -> impl Strategy<Value = String> {
    // A third within one year, so that dated rules meet each other.
    let day = prop_oneof![2 => 0..11_000_u64, 1 => 5_500..5_865_u64];
    day.prop_map(|day| (NaiveDate::default() + Days::new(14_610 + day)).to_string())
}

fn month_day() -> impl Strategy<Value = String> {
    (1..=12_u32, 1..=29_u32)
        .prop_filter("in every leap year", |(month, day)| {
            NaiveDate::from_ymd_opt(2000, *month, *day).is_some()
        })
        .prop_map(|(month, day)| format!("{month:02}-{day:02}"))
}

fn spec(zones: &'static [&'static str]) -> impl Strategy<Value = CalendarSpec> {
    (
        prop::sample::select(zones),
        prop::collection::btree_map(prop::sample::select(&DAYS[..]), shifts(), 1..=7),
        prop::collection::btree_map(date(), shifts(), 0..8),
        prop::collection::btree_map(date(), shifts(), 0..8),
        prop::collection::vec(date(), 0..30),
        prop::collection::btree_map(month_day(), shifts(), 0..4),
    )
        .prop_map(
            |(tz, weekly, overrides, breaks, holidays, recurring_overrides)| CalendarSpec {
                tz: tz.to_owned(),
                weekly: weekly
                    .into_iter()
                    .map(|(day, hours)| (day.to_owned(), hours))
                    .collect(),
                overrides,
                breaks,
                holidays,
                recurring_overrides,
            },
        )
}

fn calendar() -> impl Strategy<Value = Calendar> {
    spec(&ZONES).prop_map(|spec| Calendar::compile(&spec).expect("no faults"))
}

fn instant() -> impl Strategy<Value = Instant> {
    // Whole hours hit openings and closings; parts of a second must not be lost.
    let hours = (FROM_2010 / 3600..UNTIL_2040 / 3600).prop_map(|hour| (hour * 3600, 0));
    let any = (FROM_2010..UNTIL_2040, 0..1_000_000_000_u32);
    prop_oneof![hours, any]
        .prop_map(|(second, nanos)| Instant::from_timestamp(second, nanos).expect("in range"))
}

fn amount() -> impl Strategy<Value = Elapsed> {
    let hours = (-400..400_i64).prop_map(Elapsed::hours);
    let short = (-200_000..200_000_i64).prop_map(Elapsed::seconds);
    let nanos = (-2_000_000_000..2_000_000_000_i64).prop_map(Elapsed::nanoseconds);
    prop_oneof![
        hours,
        short.clone(),
        (short, nanos).prop_map(|(seconds, nanos)| seconds + nanos)
    ]
}

fn is_due_time(calendar: &Calendar, at: Instant) -> bool {
    calendar.previous_open_or_same(at) == Some(at)
}

/// The last instant that a calendar tells, or the first for amounts that go back.
fn the_end_of_time(amount: Elapsed) -> Instant {
    let end = match amount < Elapsed::zero() {
        true => "0001-01-01T00:00:00Z",
        false => "9999-12-31T23:59:59Z",
    };
    end.parse().expect("an instant")
}

proptest! {
    #![proptest_config(config())]

    /// Who comes later on the wall is not due earlier, whether it was open then or not.
    #[test]
    fn working_days_never_end_earlier_for_what_comes_later(
        calendar in calendar(),
        questions in prop::collection::vec((instant(), 0..300_000_i64, 1..8_i64, any::<bool>()), 30),
    ) {
        for (at, apart, days, forwards) in questions {
            let later = at + Elapsed::seconds(apart);
            let days = if forwards { days } else { -days };
            let both = [at, later].map(|at| calendar.same_time_after(at, days));
            let [Ok(first), Ok(second)] = both else { continue };
            let zone = calendar.zone();
            if zone.to_local(at) <= zone.to_local(later) {
                prop_assert!(first <= second, "{at} -> {first}, {later} -> {second}, {days} days");
            }
            if forwards {
                prop_assert!(first >= at, "{at} -> {first}");
            }
            prop_assert!(calendar.is_open(first) || is_due_time(&calendar, first), "{at} -> {first}");
        }
    }

    #[test]
    fn what_is_added_is_measured_again(
        calendar in calendar(),
        questions in prop::collection::vec((instant(), amount()), 30),
    ) {
        for (at, amount) in questions {
            let due = match calendar.add(at, amount) {
                Ok(due) => due,
                // Only calendars of which nothing is left open may not answer,
                Err(CalendarError::NeverOpen) => continue,
                // and those that are open so rarely that time ends before the amount is reached.
                Err(_) => {
                    let left = calendar.between(at, the_end_of_time(amount)).abs();
                    prop_assert!(left < amount.abs(), "{} {} {}", at, amount, left);
                    continue;
                }
            };
            prop_assert_eq!(calendar.between(at, due), amount, "{} {} {}", at, amount, due);
            if !amount.is_zero() {
                prop_assert!(is_due_time(&calendar, due), "{} {} {}", at, amount, due);
                // And it is the first such instant, so never an opening with a closing before it.
                let sooner = due - Elapsed::nanoseconds(1);
                prop_assert!(calendar.between(at, sooner) < amount, "{} {} {}", at, amount, due);
            }
        }
    }

    #[test]
    fn later_or_more_is_never_due_sooner(
        calendar in calendar(),
        mut instants in prop::collection::vec(instant(), 8),
        mut amounts in prop::collection::vec(amount(), 8),
    ) {
        instants.sort();
        amounts.push(Elapsed::zero());
        amounts.sort();
        for pair in instants.windows(2) {
            for amount in &amounts {
                if let (Ok(a), Ok(b)) = (calendar.add(pair[0], *amount), calendar.add(pair[1], *amount)) {
                    prop_assert!(a <= b, "{:?} {}", pair, amount);
                }
            }
        }
        for at in &instants {
            for pair in amounts.windows(2) {
                if let (Ok(a), Ok(b)) = (calendar.add(*at, pair[0]), calendar.add(*at, pair[1])) {
                    prop_assert!(a <= b, "{} {:?}", at, pair);
                }
            }
        }
    }

    #[test]
    fn amounts_added_one_after_the_other_are_added_at_once(
        calendar in calendar(),
        questions in prop::collection::vec((instant(), amount(), amount()), 20),
    ) {
        for (at, one, other) in questions {
            let (one, other) = (one.abs() + Elapsed::seconds(1), other.abs() + Elapsed::seconds(1));
            if let Ok(due) = calendar.add(at, one) {
                prop_assert_eq!(calendar.add(due, other), calendar.add(at, one + other));
            }
        }
    }

    #[test]
    fn open_time_adds_up(
        calendar in calendar(),
        questions in prop::collection::vec((instant(), instant(), instant()), 30),
    ) {
        for (a, b, c) in questions {
            let between = |a, b| calendar.between(a, b);
            prop_assert_eq!(between(a, b) + between(b, c), between(a, c), "{} {} {}", a, b, c);
            prop_assert_eq!(between(a, b), -between(b, a));
            prop_assert!(between(a, b).abs() <= (b - a).abs());
            prop_assert!((between(a, b) < Elapsed::zero()) <= (b < a));
        }
    }

    #[test]
    fn windows_are_what_is_open(calendar in calendar(), from in instant(), hours in 1..2_000_i64) {
        let to = from + Elapsed::hours(hours);
        let after: Vec<_> = calendar.windows_after(from).take_while(|w| w.opens < to).collect();
        let mut open = Elapsed::zero();
        for (i, window) in after.iter().enumerate() {
            prop_assert!(window.opens < window.closes);
            prop_assert!(i == 0 || after[i - 1].closes < window.opens);
            prop_assert!(calendar.is_open(window.opens));
            prop_assert!(!calendar.is_open(window.closes));
            prop_assert_eq!(calendar.next_closing(window.opens), Some(window.closes));
            prop_assert_eq!(calendar.previous_closing(window.closes + Elapsed::nanoseconds(1)), Some(window.closes));
            if window.opens > from {
                prop_assert_eq!(calendar.next_opening(window.opens - Elapsed::nanoseconds(1)), Some(window.opens));
                prop_assert_eq!(calendar.previous_opening(window.closes), Some(window.opens));
            }
            open += window.closes.min(to) - window.opens;
        }
        prop_assert_eq!(calendar.between(from, to), open);
        // The same stretches, from the other end.
        let before: Vec<_> = calendar.windows_before(to).take_while(|w| w.closes > from).collect();
        let lengths = |w: &leadkit::calendar::Window| w.closes.min(to) - w.opens.max(from);
        prop_assert!(after.iter().map(lengths).eq(before.iter().rev().map(lengths)));
    }

    /// Years that are compiled and years that are not have the same answers: the civil calendar
    /// repeats after 400 years, and so do the rules of these zones.
    #[test]
    fn beyond_the_compiled_years_the_answers_are_the_same(
        spec in spec(&["America/Guayaquil", "Asia/Kathmandu", "Europe/Madrid", "UTC"]),
        questions in prop::collection::vec((instant(), instant(), amount()), 5),
    ) {
        let calendar = Calendar::compile(&CalendarSpec {
            overrides: Default::default(), breaks: Default::default(), holidays: Vec::new(), ..spec
        }).expect("no faults");
        let cycle = Elapsed::days(146_097);
        for (a, b, amount) in questions {
            prop_assert_eq!(calendar.between(a, b), calendar.between(a + cycle, b + cycle));
            prop_assert_eq!(calendar.is_open(a), calendar.is_open(a + cycle));
            let due = calendar.add(a, amount);
            // Before 2010 these zones had other rules, which do not come again.
            if due.is_ok_and(|due| due.timestamp() >= FROM_2010) {
                let far = calendar.add(a + cycle, amount);
                prop_assert_eq!(due.map(|due| due + cycle), far, "{} {}", a, amount);
            }
        }
    }

    /// In a zone whose clocks never change, open is what the wall clock and the written hours say.
    #[test]
    fn open_is_what_the_hours_on_the_wall_say(
        spec in spec(&["America/Guayaquil", "Asia/Kathmandu", "UTC"]),
        instants in prop::collection::vec(instant(), 60),
        days in prop::collection::vec(0..20_usize, 30),
    ) {
        let calendar = Calendar::compile(&spec).expect("no faults");
        let dated: Vec<&String> = spec.overrides.keys().chain(spec.breaks.keys()).chain(&spec.holidays).collect();
        // Random instants seldom meet a dated rule: ask around those dates as well.
        let near_dates = days.iter().zip(&instants).filter_map(|(day, at)| {
            let date: NaiveDate = dated.get(*day)?.parse().ok()?;
            let local = date.and_time(at.time()) + Elapsed::hours(at.timestamp() % 12);
            Some(calendar.zone().from_local(local))
        });
        for at in instants.iter().copied().chain(near_dates) {
            let local = calendar.zone().to_local(at);
            prop_assert_eq!(calendar.is_open(at), on_the_wall(&spec, local), "{}", at);
            let working = !hours_of(&spec, local.date()).unwrap_or_default().is_empty();
            prop_assert_eq!(calendar.is_working_day(local.date()), working);
        }
    }
}

/// The hours that start on a date, or `None` when it is closed: the rules, read once more.
fn hours_of(spec: &CalendarSpec, date: NaiveDate) -> Option<Vec<Hours>> {
    let name = date.to_string();
    if spec.holidays.contains(&name) {
        return None;
    }
    let replaced = spec
        .overrides
        .get(&name)
        .or_else(|| spec.recurring_overrides.get(&name[5..]));
    match replaced {
        Some(hours) if hours.is_empty() => None,
        Some(hours) => Some(hours.clone()),
        None => {
            let day = DAYS[date.weekday().num_days_from_monday() as usize];
            Some(spec.weekly.get(day).cloned().unwrap_or_default())
        }
    }
}

fn on_the_wall(spec: &CalendarSpec, local: chrono::NaiveDateTime) -> bool {
    let (today, now) = (local.date(), local.time());
    let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").expect("a time");
    let is_overnight = |hours: &Hours| time(&hours.to) <= time(&hours.from);
    let covers_today =
        |hours: &Hours| time(&hours.from) <= now && (is_overnight(hours) || now < time(&hours.to));
    let covers_since_yesterday = |hours: &Hours| is_overnight(hours) && now < time(&hours.to);
    let yesterday = today - Days::new(1);
    let breaks = |date: NaiveDate| {
        spec.breaks
            .get(&date.to_string())
            .cloned()
            .unwrap_or_default()
    };

    let Some(hours) = hours_of(spec, today) else {
        return false;
    };
    let is_in_shift = hours.iter().any(covers_today)
        || hours_of(spec, yesterday)
            .unwrap_or_default()
            .iter()
            .any(covers_since_yesterday);
    let is_in_break = breaks(today).iter().any(covers_today)
        || breaks(yesterday).iter().any(covers_since_yesterday);
    is_in_shift && !is_in_break
}
