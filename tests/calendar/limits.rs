//! Nothing that can be asked or written down makes the calendar panic, or search for ever.

use leadkit::calendar::{Calendar, CalendarError, CalendarSpec};
use leadkit::time::{Elapsed, Instant};
use proptest::prelude::*;

use crate::{at, calendar, nine_to_five};

fn instants() -> Vec<Instant> {
    let mut all = vec![Instant::MIN_UTC, Instant::MAX_UTC, Instant::UNIX_EPOCH];
    for text in [
        "0000-12-31T23:59:59.999999999Z",
        "0001-01-01T00:00:00Z",
        "0001-01-02T12:00:00.000000001Z",
        "2009-12-31T23:59:59Z",
        "2010-01-01T00:00:00Z",
        "2026-06-30T23:59:60Z",
        "2049-12-31T23:59:59.5Z",
        "2050-01-01T00:00:00Z",
        "9999-12-30T22:00:00Z",
        "9999-12-31T23:59:59.999999999Z",
    ] {
        all.push(at(text));
    }
    all
}

fn calendars() -> Vec<Calendar> {
    let mut all = vec![
        calendar(CalendarSpec::new("Asia/Manila").weekly("mon-sun", ["00:00-24:00"])),
        calendar(
            CalendarSpec::new("UTC")
                .on_date("9999-12-31", ["00:00-00:00"])
                .on_date("0001-01-01", ["10:00-09:00"]),
        ),
        calendar(CalendarSpec::new("Europe/Madrid").every_year("02-29", ["02:00-03:00"])),
        calendar(CalendarSpec::new("UTC").weekly("sun", ["09:00-09:00:01"])),
    ];
    all.extend(["Pacific/Apia", "Pacific/Kiritimati", "America/Guayaquil"].map(nine_to_five));
    all
}

#[test]
fn no_question_panics() {
    let amounts = [
        Elapsed::zero(),
        Elapsed::MAX,
        Elapsed::MIN,
        Elapsed::nanoseconds(1),
        Elapsed::nanoseconds(-1),
        Elapsed::hours(4),
        Elapsed::hours(-4),
    ];
    for calendar in calendars() {
        for at in instants() {
            for amount in amounts {
                if let Ok(due) = calendar.add(at, amount) {
                    let measured = calendar.between(at, due);
                    // A leap second is told as the end of the second before it, and beyond the
                    // years nothing is open.
                    assert!(
                        (measured - amount).abs() <= Elapsed::seconds(1),
                        "{calendar:?} {at} {amount}"
                    );
                }
            }
            assert!(calendar.next_opening(at).is_none_or(|next| next > at));
            assert!(calendar.next_closing(at).is_none_or(|next| next > at));
            assert!(
                calendar
                    .previous_opening(at)
                    .is_none_or(|previous| previous < at)
            );
            assert!(
                calendar
                    .previous_closing(at)
                    .is_none_or(|previous| previous < at)
            );
            assert!(calendar.windows_after(at).take(2).count() <= 2);
            assert!(calendar.windows_before(at).take(2).count() <= 2);
            assert!(calendar.next_open_or_same(at).is_none_or(|next| next >= at));
            assert!(
                calendar
                    .previous_open_or_same(at)
                    .is_none_or(|previous| previous <= at)
            );
            let _ = calendar.is_working_day(at.date_naive());
            let _ = calendar.add_working_days(at.date_naive(), 3);
            let _ = calendar.add_working_days(at.date_naive(), -3);
        }
        assert_eq!(
            calendar.add_working_days(chrono::NaiveDate::MAX, 1),
            Err(CalendarError::OutOfTime)
        );
    }
}

#[test]
fn a_calendar_that_is_never_open_says_so() {
    let never = calendar(
        CalendarSpec::new("Europe/Madrid")
            .weekly("mon-fri", ["09:00-17:00"])
            .weekly("sat", [""; 0])
            .every_year("01-01", [""; 0]),
    );
    assert!(
        never
            .add(at("2026-01-01T00:00:00Z"), Elapsed::hours(1))
            .is_ok()
    );
    let never = calendar(CalendarSpec::new("Europe/Madrid"));
    for amount in [-1, 0, 1] {
        for when in [
            "0500-01-01T00:00:00Z",
            "2026-01-01T00:00:00Z",
            "3000-01-01T00:00:00Z",
        ] {
            assert_eq!(
                never.add(at(when), Elapsed::hours(amount)),
                Err(CalendarError::NeverOpen)
            );
        }
    }
    let now = at("2026-01-01T00:00:00Z");
    assert_eq!(never.next_opening(now), None);
    assert_eq!(never.next_closing(now), None);
    assert_eq!(never.previous_opening(now), None);
    assert_eq!(never.previous_closing(now), None);
    assert_eq!(never.windows_after(now).next(), None);
    assert_eq!(never.windows_before(now).next(), None);
    assert_eq!(
        never.between(Instant::MIN_UTC, Instant::MAX_UTC),
        Elapsed::zero()
    );
    assert_eq!(
        never.add_working_days(now.date_naive(), 1),
        Err(CalendarError::NeverOpen)
    );
}

#[test]
fn the_only_day_of_a_calendar_is_found_however_far_and_not_passed() {
    let once = calendar(CalendarSpec::new("UTC").on_date("2226-05-04", ["09:00-12:00"]));
    let now = at("2026-01-01T00:00:00Z");
    let (nine, noon) = (at("2226-05-04T09:00:00Z"), at("2226-05-04T12:00:00Z"));
    assert_eq!(once.next_opening(now), Some(nine));
    assert_eq!(once.add(now, Elapsed::hours(3)), Ok(noon));
    assert_eq!(
        once.add(now, Elapsed::hours(4)),
        Err(CalendarError::NeverOpen)
    );
    assert_eq!(
        once.between(now, noon + Elapsed::days(1)),
        Elapsed::hours(3)
    );
    // There is no closing before the first opening: the opening itself is as far back as it goes.
    assert_eq!(once.add(noon, Elapsed::hours(-3)), Ok(nine));
    assert_eq!(
        once.add(noon, Elapsed::hours(-4)),
        Err(CalendarError::NeverOpen)
    );
}

#[test]
fn where_time_ends_so_do_the_answers() {
    let office = nine_to_five("UTC");
    let last = at("9999-12-31T16:00:00Z"); // a Friday
    assert_eq!(
        office.add(last, Elapsed::hours(1)),
        Ok(at("9999-12-31T17:00:00Z"))
    );
    assert_eq!(
        office.add(last, Elapsed::hours(2)),
        Err(CalendarError::OutOfTime)
    );
    assert_eq!(office.next_opening(last), None);
    let first = at("0001-01-01T10:00:00Z"); // a Monday
    assert_eq!(
        office.add(first, Elapsed::hours(-2)),
        Err(CalendarError::OutOfTime)
    );
    let far = Elapsed::days(365 * 9_000);
    assert_eq!(
        office.add(at("2026-01-01T00:00:00Z"), far),
        Err(CalendarError::OutOfTime)
    );
}

/// Some thirty thousand stretches are compiled at most; the answers do not end with them.
#[test]
fn a_calendar_of_very_many_shifts_stays_right_beyond_what_is_compiled() {
    let shifts = (0..24 * 30).map(|i| {
        let text = |minute: i32| format!("{:02}:{:02}", minute / 60, minute % 60);
        (text(i * 2), text(i * 2 + 1))
    });
    let busy = calendar(CalendarSpec::new("UTC").weekly("mon-sun", shifts));
    let (from, to) = (at("2010-01-01T00:00:00Z"), at("2012-01-01T00:00:00Z"));
    assert_eq!(busy.between(from, to), (to - from) / 2);
    assert_eq!(
        busy.add(from, (to - from) / 2),
        Ok(to - Elapsed::minutes(1))
    );
}

proptest! {
    /// Whatever is written down is either a calendar or a list of faults.
    #[test]
    fn no_spec_panics(
        tz in "\\PC{0,12}",
        key in "\\PC{0,12}",
        from in "[0-9:]{0,6}",
        to in "\\PC{0,6}",
        date in "[0-9-]{0,11}",
    ) {
        let spec = CalendarSpec::new(tz)
            .weekly(key, [(from.clone(), to.clone())])
            .on_date(date.clone(), [(from.clone(), to.clone())])
            .every_year(date.clone(), [(to.clone(), from.clone())])
            .break_on(date.clone(), (from, to))
            .holiday(date);
        if let Err(faults) = Calendar::compile(&spec) {
            prop_assert!(!faults.faults().is_empty());
        }
    }
}
