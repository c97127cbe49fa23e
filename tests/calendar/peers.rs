//! Mistakes that people meet in other systems, and the rules that keep them out of this one.

use leadkit::calendar::{CalendarError, CalendarSpec};
use leadkit::time::Elapsed;

use crate::{at, calendar, nine_to_five};

/// Frappe CRM counts the hours from the lead's own time of day on the next working day.
#[test]
fn a_lead_of_saturday_afternoon_is_due_on_monday_counted_from_the_opening() {
    let office = nine_to_five("UTC");
    let saturday_at_three = at("2026-01-10T15:00:00Z");
    let due = office.add(saturday_at_three, Elapsed::hours(4)).unwrap();
    assert_eq!(due, at("2026-01-12T13:00:00Z"));
}

/// Chatwoot adds plain hours, and a conversation of the late afternoon falls due in the evening.
#[test]
fn nothing_is_due_after_closing() {
    let office = nine_to_five("UTC");
    let four_in_the_afternoon = at("2026-01-05T16:00:00Z");
    let due = office
        .add(four_in_the_afternoon, Elapsed::hours(3))
        .unwrap();
    assert_eq!(due, at("2026-01-06T11:00:00Z"));
}

/// Counting in the offset of the start makes everything after a clock change an hour off.
#[test]
fn a_due_time_across_a_clock_change_is_right_on_the_wall() {
    let office = nine_to_five("Europe/Madrid");
    let friday_at_four = at("2026-03-27T15:00:00Z");
    let due = office.add(friday_at_four, Elapsed::hours(2)).unwrap();
    assert_eq!(
        office.zone().to_local(due).to_string(),
        "2026-03-30 10:00:00"
    );
    assert_eq!(due, at("2026-03-30T08:00:00Z"));
}

/// Mexico's clocks no longer change since October 2022, Brazil's since 2019: an old table of
/// rules is an hour off for half of every year.
#[test]
fn zones_that_gave_up_changing_their_clocks_keep_their_hours_all_year() {
    let mexico = nine_to_five("America/Mexico_City");
    assert_eq!(
        mexico.next_opening(at("2022-07-04T00:00:00Z")),
        Some(at("2022-07-04T14:00:00Z"))
    );
    assert_eq!(
        mexico.next_opening(at("2023-07-03T00:00:00Z")),
        Some(at("2023-07-03T15:00:00Z"))
    );
    let brazil = nine_to_five("America/Sao_Paulo");
    assert_eq!(
        brazil.next_opening(at("2019-01-07T00:00:00Z")),
        Some(at("2019-01-07T11:00:00Z"))
    );
    assert_eq!(
        brazil.next_opening(at("2020-01-06T00:00:00Z")),
        Some(at("2020-01-06T12:00:00Z"))
    );
}

#[test]
fn hours_that_end_at_lunch_are_due_before_lunch() {
    let office =
        calendar(CalendarSpec::new("UTC").weekly("mon-fri", ["09:00-13:00", "14:00-18:00"]));
    let (nine, one) = (at("2026-01-05T09:00:00Z"), at("2026-01-05T13:00:00Z"));
    assert_eq!(office.add(nine, Elapsed::hours(4)), Ok(one));
    // Backwards as well: of the two instants an hour before three, the closing.
    assert_eq!(
        office.add(at("2026-01-05T15:00:00Z"), Elapsed::hours(-1)),
        Ok(one)
    );
}

#[test]
fn no_time_is_the_same_instant_or_the_next_opening() {
    let office = nine_to_five("UTC");
    let none = Elapsed::zero();
    let (opening, closing) = (at("2026-01-05T09:00:00Z"), at("2026-01-05T17:00:00Z"));
    assert_eq!(office.add(opening, none), Ok(opening));
    assert_eq!(office.add(closing, none), Ok(closing));
    let just_closed = closing + Elapsed::nanoseconds(1);
    let next = at("2026-01-06T09:00:00Z");
    assert_eq!(office.add(just_closed, none), Ok(next));
    assert_eq!(office.previous_open_or_same(just_closed), Some(closing));
    // "Can we call now?" is another question: at the closing, no.
    assert_eq!(office.next_open_or_same(closing), Some(next));
}

#[test]
fn a_night_shift_lasts_as_long_as_the_night_really_is() {
    let nights = calendar(CalendarSpec::new("Europe/Madrid").weekly("mon-sun", ["00:00-06:00"]));
    let length = |midnight| nights.windows_after(at(midnight)).next().unwrap().length();
    assert_eq!(length("2026-03-28T23:00:00Z"), Elapsed::hours(5));
    assert_eq!(length("2026-10-24T22:00:00Z"), Elapsed::hours(7));
    assert_eq!(length("2026-07-01T22:00:00Z"), Elapsed::hours(6));
}

#[test]
fn round_the_clock_nothing_opens_or_closes_at_midnight() {
    let always = calendar(
        CalendarSpec::new("UTC")
            .weekly("mon-sun", ["00:00-24:00"])
            .holiday("2026-01-06"),
    );
    let tuesday = at("2026-01-06T00:00:00Z");
    assert_eq!(
        always.next_closing(at("2026-01-01T05:00:00Z")),
        Some(tuesday)
    );
    assert_eq!(
        always.next_opening(at("2026-01-01T05:00:00Z")),
        Some(at("2026-01-07T00:00:00Z"))
    );
    assert_eq!(always.previous_opening(tuesday), None);
    assert_eq!(always.next_closing(at("2026-01-07T05:00:00Z")), None);
}

#[test]
fn a_shift_over_midnight_belongs_to_the_day_it_starts_on() {
    let spec = CalendarSpec::new("UTC").weekly("mon-fri", ["22:00-06:00"]);
    let windows = |spec: CalendarSpec| -> Vec<String> {
        let windows = calendar(spec);
        let monday = at("2026-01-05T12:00:00Z");
        let told = |at: leadkit::time::Instant| at.format("%a %H").to_string();
        windows
            .windows_after(monday)
            .take(3)
            .map(|window| format!("{}-{}", told(window.opens), told(window.closes)))
            .collect()
    };
    assert_eq!(
        windows(spec.clone()),
        ["Mon 22-Tue 06", "Tue 22-Wed 06", "Wed 22-Thu 06"]
    );
    // A closed Tuesday has no shift of its own, and none of Monday's tail.
    let closed = ["Mon 22-Tue 00", "Wed 22-Thu 06", "Thu 22-Fri 06"];
    assert_eq!(windows(spec.clone().holiday("2026-01-06")), closed);
    assert_eq!(windows(spec.clone().on_date("2026-01-06", [""; 0])), closed);
    assert_eq!(windows(spec.clone().every_year("01-06", [""; 0])), closed);
    // Other hours on Tuesday leave Monday's tail alone.
    assert_eq!(
        windows(spec.clone().on_date("2026-01-06", ["10:00-12:00"])),
        ["Mon 22-Tue 06", "Tue 10-Tue 12", "Wed 22-Thu 06"]
    );
    // A break over midnight is cut out of both days.
    assert_eq!(
        windows(spec.break_on("2026-01-05", "23:00-02:00")),
        ["Mon 22-Mon 23", "Tue 02-Tue 06", "Tue 22-Wed 06"]
    );
}

#[test]
fn a_holiday_beats_a_date_which_beats_a_day_of_the_year_which_beats_the_week() {
    let hours = |spec: CalendarSpec| {
        let day = at("2026-12-24T00:00:00Z");
        calendar(spec)
            .between(day, day + Elapsed::days(1))
            .num_hours()
    };
    let week = CalendarSpec::new("UTC").weekly("mon-sun", ["09:00-17:00"]);
    assert_eq!(hours(week.clone()), 8);
    let yearly = week.every_year("12-24", ["09:00-13:00"]);
    assert_eq!(hours(yearly.clone()), 4);
    let dated = yearly.on_date("2026-12-24", ["09:00-11:00"]);
    assert_eq!(hours(dated.clone()), 2);
    let paused = dated
        .break_on("2026-12-24", "10:00-10:30")
        .break_on("2026-12-24", "10:15-11:00");
    assert_eq!(hours(paused.clone()), 1);
    assert_eq!(hours(paused.holiday("2026-12-24")), 0);
}

#[test]
fn a_working_day_has_hours_of_its_own() {
    let spec = CalendarSpec::new("UTC")
        .weekly("mon-fri", ["22:00-06:00"])
        .holiday("2026-01-06");
    let nights = calendar(spec);
    let date = |text: &str| text.parse::<chrono::NaiveDate>().unwrap();
    assert!(nights.is_working_day(date("2026-01-05")));
    assert!(!nights.is_working_day(date("2026-01-06")));
    // Saturday's six open hours are Friday's.
    assert!(!nights.is_working_day(date("2026-01-10")));
    let after = |text, days| {
        nights
            .add_working_days(date(text), days)
            .unwrap()
            .to_string()
    };
    assert_eq!(after("2026-01-05", 1), "2026-01-07");
    assert_eq!(after("2026-01-10", 1), "2026-01-12");
    assert_eq!(after("2026-01-10", -1), "2026-01-09");
    assert_eq!(after("2026-01-10", 0), "2026-01-10");
}

#[test]
fn a_working_day_ends_at_the_same_time_and_for_what_came_outside_of_hours_at_the_last_closing() {
    let spec = CalendarSpec::new("UTC")
        .weekly("mon-fri", ["09:00-13:00", "15:00-20:00"])
        .weekly("sat", ["10:00-14:00"])
        .holiday("2026-01-06");
    let shop = calendar(spec);
    let days_from = |days: i64, text: &str| {
        let at = format!("{text}:00Z").parse().unwrap();
        let there = shop.same_time_after(at, days).unwrap();
        there.format("%m-%dT%H:%M").to_string()
    };
    // Friday 9 January. While it is open, the same time.
    assert_eq!(days_from(1, "2026-01-08T16:30"), "01-09T16:30");
    assert_eq!(days_from(1, "2026-01-08T20:00"), "01-09T20:00");
    // On a shorter day, its closing; over lunch, that of the morning.
    assert_eq!(days_from(1, "2026-01-09T16:30"), "01-10T14:00");
    assert_eq!(days_from(1, "2026-01-08T14:10"), "01-09T13:00");
    // Whoever comes on Saturday after the last closing, on Sunday at half past three in the morning
    // and on Monday before the first opening has Monday, the whole of it.
    for night in ["2026-01-10T14:01", "2026-01-11T03:30", "2026-01-12T08:59"] {
        assert_eq!(days_from(1, night), "01-12T20:00", "{night}");
        assert_eq!(days_from(3, night), "01-14T20:00", "{night}");
    }
    // A holiday is none of them.
    assert_eq!(days_from(1, "2026-01-05T21:00"), "01-07T20:00");
    assert_eq!(days_from(1, "2026-01-06T11:00"), "01-07T20:00");
    // One working day before Sunday began when Saturday did.
    assert_eq!(days_from(-1, "2026-01-11T12:00"), "01-10T10:00");
    assert_eq!(days_from(-2, "2026-01-12T08:00"), "01-09T09:00");
    assert_eq!(days_from(-1, "2026-01-12T16:00"), "01-10T14:00");
}

#[test]
fn the_only_working_day_is_the_next_one() {
    let fair = calendar(CalendarSpec::new("UTC").on_date("2026-03-04", ["10:00-18:00"]));
    let due = fair.same_time_after(at("2026-03-01T12:00:00Z"), 1);
    assert_eq!(due, Ok(at("2026-03-04T18:00:00Z")));
    let due = fair.same_time_after(at("2026-03-04T12:00:00Z"), 1);
    assert_eq!(due, Err(CalendarError::NeverOpen));
}

#[test]
fn at_one_in_the_morning_a_night_shift_is_still_the_day_before() {
    let spec = CalendarSpec::new("UTC").weekly("mon-fri", ["22:00-06:00"]);
    let nights = calendar(spec);
    // Saturday at one is Friday's night; the next is Monday's.
    let there = nights.same_time_after(at("2026-01-10T01:00:00Z"), 1);
    assert_eq!(there, Ok(at("2026-01-13T01:00:00Z")));
    let there = nights.same_time_after(at("2026-01-13T01:00:00Z"), -1);
    assert_eq!(there, Ok(at("2026-01-10T01:00:00Z")));
}

#[test]
fn what_comes_when_a_holiday_or_a_pause_has_cut_off_the_rest_of_a_day_has_whole_days() {
    let spec = CalendarSpec::new("UTC")
        .weekly("mon-fri", ["22:00-06:00"])
        .holiday("2026-01-07");
    let nights = calendar(spec);
    // Tuesday's night ends with Tuesday, and the next is Thursday's.
    let there = nights.same_time_after(at("2026-01-07T01:00:00Z"), 1);
    assert_eq!(there, Ok(at("2026-01-09T06:00:00Z")));

    let spec = CalendarSpec::new("UTC")
        .weekly("mon-fri", ["09:00-18:00"])
        .break_on("2026-01-08", "14:00-18:00");
    let office = calendar(spec);
    let there = office.same_time_after(at("2026-01-08T16:00:00Z"), 1);
    assert_eq!(there, Ok(at("2026-01-09T18:00:00Z")));
}

/// Samoa went over the date line and had no 30 December 2011, a Friday.
#[test]
fn a_day_that_a_zone_skips_has_no_hours() {
    let office = nine_to_five("Pacific/Apia");
    let thursday_at_four = at("2011-12-30T02:00:00Z");
    let due = office.add(thursday_at_four, Elapsed::hours(2)).unwrap();
    assert_eq!(
        office.zone().to_local(due).to_string(),
        "2012-01-02 10:00:00"
    );
    assert!(!office.is_working_day("2011-12-30".parse().unwrap()));
    assert!(office.is_working_day("2011-12-29".parse().unwrap()));
}
