//! Held time does not spend a wait: laws over zones whose clocks change, and what a host sees.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use std::sync::LazyLock;

use chrono::{NaiveDateTime, TimeDelta};
use leadkit::calendar::{Calendar, CalendarSpec, Zone};
use leadkit::playbook::delay::Delay;
use leadkit::record::lead::Hold;
use leadkit::time::{Elapsed, Instant};
use proptest::prelude::*;
use shop::{at, play};

// ------------------------------------------------------------------ what a host sees

/// The clocks in Madrid go forward on 29 March 2026.
#[test]
fn a_wait_in_days_that_is_held_over_a_change_of_the_clocks_ends_at_the_same_local_time() {
    play(
        r#"
[[rule]]
name  = "ask-again"
on    = "registered"
after = "30 days"
do    = [{ task = "call" }]

[[rule]]
name  = "monthly"
on    = "registered"
after = "1 month"
every = "1 month"
do    = [{ task = "call" }]
"#,
        r#"
[[scenario]]
name  = "held from Friday to Monday"
start = "2026-03-13T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }
expect   = { next-at = "2026-04-12T10:00:00+02:00" }

[[scenario.step]]
at   = "2026-03-27T18:00:00+01:00"
hold = { as = "parked" }

[[scenario.step]]                           # three days more, at ten
at      = "2026-03-30T18:00:00+02:00"
release = { from = "parked" }
expect  = { next-at = "2026-04-15T10:00:00+02:00" }

[[scenario.step]]                           # the month too, and so what comes after it
at     = "2026-04-15T10:00:00+02:00"
expect = { next-at = "2026-04-16T10:00:00+02:00" }

[[scenario.step]]
at     = "2026-04-16T10:00:00+02:00"
expect = { next-at = "2026-05-16T10:00:00+02:00" }
"#,
    );
}

#[test]
fn a_wait_in_working_days_that_was_held_ends_while_somebody_is_there() {
    play(
        r#"
[[rule]]
name  = "two-days"
on    = "registered"
after = "2 business days"
do    = [{ task = "call" }]
"#,
        r#"
[[scenario]]
name  = "held for some hours"
start = "2026-03-05T16:00:00+01:00"

[[scenario.step]]                           # a Thursday
register = { ref = "luis", name = "Luis" }
expect   = { next-at = "2026-03-09T16:00:00+01:00" }

[[scenario.step]]
at   = "2026-03-06T10:00:00+01:00"
hold = { as = "parked" }

[[scenario.step]]                           # five hours held are not nine in the evening
at      = "2026-03-06T15:00:00+01:00"
release = { from = "parked" }
expect  = { next-at = "2026-03-10T13:00:00+01:00" }

[[scenario]]
name  = "held for a working day, and over a weekend"
start = "2026-03-05T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }
expect   = { next-at = "2026-03-09T10:00:00+01:00" }

[[scenario.step]]
at   = "2026-03-05T12:00:00+01:00"
hold = { as = "parked" }

[[scenario.step]]
at      = "2026-03-06T12:00:00+01:00"
release = { from = "parked" }
expect  = { next-at = "2026-03-10T10:00:00+01:00" }

[[scenario.step]]
at   = "2026-03-07T12:00:00+01:00"
hold = { as = "parked" }

[[scenario.step]]                           # nobody would have been there
at      = "2026-03-08T12:00:00+01:00"
release = { from = "parked" }
expect  = { next-at = "2026-03-10T10:00:00+01:00" }
"#,
    );
}

// ------------------------------------------------------------------ laws

const ZONES: [&str; 6] = [
    "Europe/Madrid",
    "America/Guayaquil",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "UTC",
];

/// Nine to one and two to six, on five days or on six.
fn office(zone: &str, saturdays: bool) -> Calendar {
    let days = if saturdays { "mon-sat" } else { "mon-fri" };
    let spec = CalendarSpec::new(zone).weekly(days, ["09:00-13:00", "14:00-18:00"]);
    Calendar::compile(&spec).unwrap()
}

/// Compiled once: that takes longer than all a law asks of one.
static OFFICES: LazyLock<Vec<Calendar>> = LazyLock::new(|| {
    let zones = ZONES.iter();
    let both = zones.flat_map(|zone| [office(zone, false), office(zone, true)]);
    both.collect()
});

fn calendars() -> impl Strategy<Value = Calendar> {
    (0..OFFICES.len()).prop_map(|office| OFFICES[office].clone())
}

/// Some instant of the years 2010 to 2040, to the minute.
fn instants() -> impl Strategy<Value = Instant> {
    (21_000_000_i64..36_800_000).prop_map(|minutes| Instant::UNIX_EPOCH + Elapsed::minutes(minutes))
}

fn delays() -> impl Strategy<Value = Delay> {
    prop_oneof![
        (1i64..5_000).prop_map(|minutes| Delay::Elapsed(Elapsed::minutes(minutes))),
        (1i64..5_000).prop_map(|minutes| Delay::Business(Elapsed::minutes(minutes))),
        (1i32..200).prop_map(Delay::Days),
        (1i32..60).prop_map(Delay::BusinessDays),
        (1i32..12).prop_map(Delay::Months),
        Just(Delay::OwnWait),
    ]
}

fn in_days() -> impl Strategy<Value = Delay> {
    prop_oneof![
        (1i32..200).prop_map(Delay::Days),
        (1i32..12).prop_map(Delay::Months),
        Just(Delay::OwnWait),
    ]
}

/// Minutes after the wait's beginning at which holds begin, and how long they last.
fn spans() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((0i64..100_000, 0i64..20_000), 0..5)
}

fn hold(from: Instant, until: Option<Instant>) -> Hold {
    let name = "parked".into();
    Hold { name, from, until }
}

fn holds(from: Instant, spans: &[(i64, i64)]) -> Vec<Hold> {
    let mut holds: Vec<Hold> = spans
        .iter()
        .map(|(begin, length)| {
            let began = from + Elapsed::minutes(*begin);
            hold(began, Some(began + Elapsed::minutes(*length)))
        })
        .collect();
    holds.sort_by_key(|hold| hold.from);
    holds
}

const OWN_WAIT: Option<u32> = Some(90);

fn end(delay: Delay, from: Instant, calendar: &Calendar, holds: &[Hold]) -> Instant {
    let end = delay.after_holds(from, calendar, OWN_WAIT, holds.iter());
    end.unwrap().unwrap()
}

/// A local time that comes once on its day.
fn is_plain(zone: &Zone, local: NaiveDateTime) -> bool {
    let hours = [-3, 0, 3].map(|hours| local + TimeDelta::hours(hours));
    let offsets = hours.map(|local| local - zone.from_local(local).naive_utc());
    let is_there = zone.to_local(zone.from_local(local)) == local;
    is_there && offsets[0] == offsets[1] && offsets[1] == offsets[2]
}

/// A day that a zone skipped has no plain times.
#[test]
fn a_time_on_a_day_that_was_skipped_is_not_plain() {
    let apia: Zone = "Pacific/Apia".parse().unwrap();
    assert!(is_plain(&apia, "2011-12-28T00:00:00".parse().unwrap()));
    assert!(!is_plain(&apia, "2011-12-30T00:00:00".parse().unwrap()));
}

proptest! {
    #[test]
    fn what_is_not_held_ends_as_if_there_were_no_holds(
        calendar in calendars(), delay in delays(), from in instants(), length in 1i64..1_000,
    ) {
        let due = delay.after(from, &calendar, OWN_WAIT).unwrap();
        prop_assert_eq!(end(delay, from, &calendar, &[]), due);
        let before = hold(from - Elapsed::minutes(length), Some(from));
        let behind = hold(due, None);
        prop_assert_eq!(end(delay, from, &calendar, &[before, behind]), due);
    }

    #[test]
    fn a_hold_ends_no_wait_earlier_and_no_wait_ends_while_it_is_held(
        calendar in calendars(), delay in delays(), from in instants(), spans in spans(),
    ) {
        let holds = holds(from, &spans);
        let mut last = end(delay, from, &calendar, &[]);
        for many in 1..=holds.len() {
            let due = end(delay, from, &calendar, &holds[..many]);
            prop_assert!(due >= last);
            last = due;
        }
        for held in &holds {
            let until = held.until.unwrap();
            prop_assert!(last <= held.from || last >= until || until == held.from);
        }
    }

    #[test]
    fn a_hold_that_still_runs_ends_no_wait(
        calendar in calendars(), delay in delays(), from in instants(), spans in spans(),
    ) {
        let due = delay.after(from, &calendar, OWN_WAIT).unwrap();
        prop_assume!(due > from);
        let mut holds = holds(from, &spans);
        holds.insert(0, hold(from, None));
        let held = delay.after_holds(from, &calendar, OWN_WAIT, holds.iter());
        prop_assert_eq!(held.unwrap(), None);
    }

    #[test]
    fn holds_that_overlap_or_touch_count_as_one(
        calendar in calendars(), delay in delays(), from in instants(),
        (begin, first, second, overlap) in (0i64..50_000, 1i64..10_000, 1i64..10_000, 0i64..10_000),
    ) {
        let instant = |minutes| from + Elapsed::minutes(minutes);
        let (middle, last) = (begin + first, begin + first + second);
        let one = hold(instant(begin), Some(instant(last)));
        let early = hold(instant(begin), Some(instant(middle)));
        let late = hold(instant((middle - overlap).max(begin)), Some(instant(last)));
        prop_assert_eq!(
            end(delay, from, &calendar, &[early, late.clone()]),
            end(delay, from, &calendar, std::slice::from_ref(&one))
        );
        prop_assert_eq!(
            end(delay, from, &calendar, &[one.clone(), late]),
            end(delay, from, &calendar, &[one])
        );
    }

    /// The law that a hold over a change of the clocks broke: an hour off.
    #[test]
    fn days_held_are_as_many_days_more_at_the_same_local_time(
        calendar in calendars(), delay in in_days(), from in instants(),
        begin in 0i64..40_000, days in 1i64..400,
    ) {
        let zone = calendar.zone();
        let due = delay.after(from, &calendar, OWN_WAIT).unwrap();
        let began = from + Elapsed::minutes(begin);
        prop_assume!(began < due);
        let until = zone.add_days(began, days).unwrap();
        let more = zone.to_local(due) + TimeDelta::days(days);
        let times = [zone.to_local(began), zone.to_local(until), zone.to_local(due), more];
        prop_assume!(times.into_iter().all(|local| is_plain(zone, local)));
        let held = end(delay, from, &calendar, &[hold(began, Some(until))]);
        prop_assert_eq!(zone.to_local(held), more);
    }

    #[test]
    fn where_the_clocks_never_change_held_time_is_what_passed(
        delay in in_days(), from in instants(), begin in 0i64..40_000, length in 1i64..20_000,
    ) {
        let calendar = &OFFICES[2];
        prop_assert_eq!(calendar.zone().name(), "America/Guayaquil");
        let due = delay.after(from, calendar, OWN_WAIT).unwrap();
        let began = from + Elapsed::minutes(begin);
        prop_assume!(began < due);
        let until = began + Elapsed::minutes(length);
        let held = end(delay, from, calendar, &[hold(began, Some(until))]);
        prop_assert_eq!(held - due, Elapsed::minutes(length));
    }

    #[test]
    fn hours_are_spent_only_while_nothing_holds(
        calendar in calendars(), minutes in 1i64..5_000, business in any::<bool>(),
        from in instants(), spans in spans(),
    ) {
        let length = Elapsed::minutes(minutes);
        let delay = if business { Delay::Business(length) } else { Delay::Elapsed(length) };
        let holds = holds(from, &spans);
        let due = end(delay, from, &calendar, &holds);
        let measure = |a: Instant, b: Instant| if business { calendar.between(a, b) } else { b - a };
        let mut spent = Elapsed::zero();
        let mut at = from;
        for held in &holds {
            let began = held.from.min(due);
            spent += measure(at, began.max(at));
            at = at.max(held.until.unwrap().min(due));
        }
        prop_assert_eq!(spent + measure(at, due), length);
    }

    #[test]
    fn working_days_end_while_it_is_open_or_just_closes(
        calendar in calendars(), days in 1i32..60, from in instants(), spans in spans(),
    ) {
        let due = end(Delay::BusinessDays(days), from, &calendar, &holds(from, &spans));
        prop_assert_eq!(calendar.previous_open_or_same(due), Some(due));
        // What would have ended while it is open still does.
        let unheld = end(Delay::BusinessDays(days), from, &calendar, &[]);
        prop_assert!(calendar.is_open(due) || !calendar.is_open(unheld));
    }

    #[test]
    fn working_days_held_are_as_many_working_days_more(
        calendar in calendars(), days in 5i32..60, held_days in 1i32..60, from in instants(),
        begin in 0i64..8_000,
    ) {
        let delay = Delay::BusinessDays(days);
        let due = delay.after(from, &calendar, None).unwrap();
        let began = calendar.next_open_or_same(from + Elapsed::minutes(begin)).unwrap();
        prop_assume!(began < due);
        let more = |at| Delay::BusinessDays(held_days).after(at, &calendar, None).unwrap();
        let held = end(delay, from, &calendar, &[hold(began, Some(more(began)))]);
        prop_assert_eq!(held, more(due));
    }
}

/// The clocks go back: what the wall shows to pass is less than nothing.
#[test]
fn a_hold_while_the_clocks_go_back_takes_nothing_from_the_wait() {
    let calendar = office("Europe/Madrid", false);
    let from = at("2026-10-24T01:00:00Z");
    // From ten to three, summer time, to ten past two, winter time: twenty minutes.
    let (began, until) = (at("2026-10-25T00:50:00Z"), at("2026-10-25T01:10:00Z"));
    let held = [hold(began, Some(until))];
    let two_days = Delay::Days(2);
    let due = end(two_days, from, &calendar, &[]);
    assert_eq!(end(two_days, from, &calendar, &held), due);
    // A wait that would end in the hold ends with it.
    let a_day = Delay::Days(1);
    let from = at("2026-10-24T00:55:00Z");
    assert_eq!(end(a_day, from, &calendar, &held), until);
}
