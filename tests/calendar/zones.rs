//! Local times, and the same local time another day.

use chrono::NaiveDateTime;
use leadkit::calendar::{CalendarError, Zone};
use leadkit::time::Instant;
use proptest::prelude::*;

use crate::at;

fn zone(name: &str) -> Zone {
    name.parse().expect("a zone")
}

fn local(text: &str) -> NaiveDateTime {
    text.parse().expect("a local time")
}

#[test]
fn a_local_time_that_is_skipped_moves_on_and_one_that_is_repeated_is_the_first() {
    let madrid = zone("Europe/Madrid");
    assert_eq!(
        madrid.from_local(local("2026-03-29T02:30:00")),
        at("2026-03-29T01:30:00Z")
    );
    assert_eq!(
        madrid.from_local(local("2026-10-25T02:30:00")),
        at("2026-10-25T00:30:00Z")
    );
    // Half an hour is skipped here, and there a whole day.
    let lord_howe = zone("Australia/Lord_Howe");
    let moved = lord_howe.from_local(local("2026-10-04T02:10:00"));
    assert_eq!(lord_howe.to_local(moved), local("2026-10-04T02:40:00"));
    let apia = zone("Pacific/Apia");
    let moved = apia.from_local(local("2011-12-30T09:00:00"));
    assert_eq!(apia.to_local(moved), local("2011-12-31T09:00:00"));
}

#[test]
fn a_day_later_is_the_same_time_on_the_wall() {
    let madrid = zone("Europe/Madrid");
    let eve = at("2026-03-28T08:00:00Z");
    assert_eq!(madrid.add_days(eve, 1), Ok(at("2026-03-29T07:00:00Z")));
    assert_eq!(madrid.add_days(at("2026-03-29T07:00:00Z"), -1), Ok(eve));
    assert_eq!(madrid.add_days(eve, 0), Ok(eve));
}

#[test]
fn a_month_later_is_the_same_day_or_the_last_of_a_shorter_month() {
    let quito = zone("America/Guayaquil");
    let january_31 = at("2026-01-31T15:00:00Z");
    assert_eq!(
        quito.add_months(january_31, 1),
        Ok(at("2026-02-28T15:00:00Z"))
    );
    assert_eq!(
        quito.add_months(january_31, 25),
        Ok(at("2028-02-29T15:00:00Z"))
    );
    assert_eq!(
        quito.add_months(january_31, -2),
        Ok(at("2025-11-30T15:00:00Z"))
    );
    // The day is that of the zone: in UTC this is already the first of February.
    assert_eq!(
        quito.add_months(at("2026-02-01T03:00:00Z"), 1),
        Ok(at("2026-03-01T03:00:00Z"))
    );
}

#[test]
fn beyond_the_years_there_is_an_error_and_no_panic() {
    let ends = [
        Instant::MIN_UTC,
        Instant::MAX_UTC,
        at("9999-12-31T23:59:59Z"),
        at("0001-01-01T00:00:00Z"),
    ];
    for name in ["UTC", "Pacific/Apia", "America/Guayaquil", "Asia/Manila"] {
        let zone = zone(name);
        for end in ends {
            let _ = zone.from_local(zone.to_local(end));
            for days in [
                i64::MIN,
                i64::MAX,
                i64::from(i32::MAX),
                -9_000_000,
                9_000_000,
            ] {
                assert_eq!(
                    zone.add_days(end, days),
                    Err(CalendarError::OutOfTime),
                    "{name} {end} {days}"
                );
            }
            for months in [i32::MIN, i32::MAX, 12 * 10_000, -12 * 10_000] {
                assert!(
                    (end == Instant::MIN_UTC || end == Instant::MAX_UTC)
                        || zone.add_months(end, months) == Err(CalendarError::OutOfTime)
                );
            }
        }
        let _ = zone.from_local(NaiveDateTime::MIN);
        let _ = zone.from_local(NaiveDateTime::MAX);
    }
    let last = at("9999-12-31T12:00:00Z");
    assert_eq!(Zone::utc().add_days(last, 0), Ok(last));
    assert_eq!(Zone::utc().add_days(last, 1), Err(CalendarError::OutOfTime));
    assert_eq!(
        Zone::utc().add_months(last, 1),
        Err(CalendarError::OutOfTime)
    );
}

#[test]
fn a_zone_is_written_as_its_name() {
    let quito: Zone = serde_json::from_str("\"america/guayaquil\"").unwrap();
    assert_eq!(
        serde_json::to_string(&quito).unwrap(),
        "\"America/Guayaquil\""
    );
    let refused = serde_json::from_str::<Zone>("\"America/Quito\"").unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("unknown time zone `America/Quito`")
    );
}

proptest! {
    /// A local time leads back to itself, unless it is skipped; then to one later by the gap.
    #[test]
    fn local_times_lead_back(
        name in prop::sample::select(&[
            "Europe/Madrid", "Pacific/Apia", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu",
        ][..]),
        second in 1_262_304_000..2_208_988_800_i64,
    ) {
        let zone = zone(name);
        let at = Instant::from_timestamp(second, 0).unwrap();
        let back = zone.from_local(zone.to_local(at));
        // In a fold, the first of the two.
        prop_assert!(back <= at && zone.to_local(back) == zone.to_local(at));
        let wall = at.naive_utc();
        prop_assert!(zone.to_local(zone.from_local(wall)) >= wall);
    }
}
