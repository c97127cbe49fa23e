//! Reading and writing calendars, and what is said of those that cannot be.

use chrono::Weekday;
use leadkit::calendar::{Calendar, CalendarSpec, Flaw, Hours, parse_days};
use serde_json::{Value, json};

use crate::calendar;

#[test]
fn a_calendar_is_written_as_it_was_read() {
    let all: std::collections::BTreeMap<String, Value> =
        serde_json::from_str(include_str!("calendars.json")).unwrap();
    assert!(all.len() > 50);
    for (name, written) in all {
        let read: Calendar = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), written, "{name}");
        assert_eq!(calendar(read.spec().clone()), read);
    }
}

#[test]
fn hours_are_read_as_a_pair_or_as_one_text() {
    let read: CalendarSpec = serde_json::from_value(json!({
        "tz": "UTC",
        "weekly": {"mon-fri": ["09:00-13:00", ["14:00", "18:00"]]},
        "recurring_overrides": {"02-29": []},
    }))
    .unwrap();
    let built = CalendarSpec::new("UTC")
        .weekly("mon-fri", ["09:00-13:00", "14:00 - 18:00"])
        .every_year("02-29", [""; 0]);
    assert_eq!(read, built);
    for wrong in [
        json!(["09:00"]),
        json!(["09:00", "10:00", "11:00"]),
        json!(9),
    ] {
        assert!(serde_json::from_value::<Hours>(wrong).is_err());
    }
    let unknown = json!({"tz": "UTC", "holydays": ["2026-01-01"]});
    assert!(serde_json::from_value::<CalendarSpec>(unknown).is_err());
}

#[test]
fn every_fault_is_told_with_its_place() {
    let spec = CalendarSpec::new("Amercia/Guayaquil")
        .weekly("mon", ["09:00-13:00", "12:00-18:00"])
        .weekly("friday", ["09:00-17:00"])
        .weekly(
            "sat-mon",
            ["10:00-25:00", "24:00-01:00", "9-17", "nonsense"],
        )
        .on_date("2026-02-30", ["09:00-12:60"])
        .on_date("0000-01-01", [""; 0])
        .every_year("02-30", ["09:00-10:00"])
        .every_year("2-3", ["09:00-10:00"])
        .break_on("2026-01-01", "12:00-13:00")
        .break_on("2026-01-01", "12:30-13:30")
        .break_on("2026-13-01", "12:00")
        .holiday("2026-01-01")
        .holiday("01/05/2026");
    let faults = Calendar::compile(&spec).unwrap_err();
    let places: Vec<&str> = faults
        .faults()
        .iter()
        .map(|fault| fault.place.as_str())
        .collect();
    assert_eq!(
        places,
        [
            "tz",
            "weekly.friday",
            "weekly.mon[1]",
            "weekly.sat-mon[0]",
            "weekly.sat-mon[1]",
            "weekly.sat-mon[2]",
            "weekly.sat-mon[2]",
            "weekly.sat-mon[3]",
            "weekly.sat-mon[3]",
            "weekly.sat-mon",
            "overrides.0000-01-01",
            "overrides.2026-02-30",
            "overrides.2026-02-30[0]",
            "breaks.2026-13-01",
            "breaks.2026-13-01[0]",
            "holidays[1]",
            "recurring_overrides.02-30",
            "recurring_overrides.2-3",
        ]
    );
    let flaw = |place: &str| {
        &faults
            .faults()
            .iter()
            .find(|fault| fault.place == place)
            .unwrap()
            .flaw
    };
    let overlap = flaw("weekly.mon[1]");
    assert!(
        matches!(overlap, Flaw::Overlap { other: 0, .. }),
        "{overlap}"
    );
    assert_eq!(
        flaw("weekly.sat-mon"),
        &Flaw::DayTwice {
            day: Weekday::Mon,
            earlier: "mon".to_owned()
        }
    );
    let Flaw::UnknownZone(unknown) = flaw("tz") else {
        panic!("{faults}")
    };
    assert_eq!(unknown.nearest, ["America/Guayaquil"]);
    let told = faults.to_string();
    assert!(
        told.starts_with("the calendar has 18 faults: tz: unknown time zone"),
        "{told}"
    );
    assert!(
        told.contains("weekly.sat-mon[0]: there is no `25:00`: a day ends at 24:00"),
        "{told}"
    );
    // Through serde, the same text.
    let written = serde_json::to_value(&spec).unwrap();
    assert_eq!(
        serde_json::from_value::<Calendar>(written)
            .unwrap_err()
            .to_string(),
        told
    );
}

#[test]
fn shifts_of_a_list_may_touch_but_not_overlap() {
    let week = |hours: &[&'static str]| {
        let spec = CalendarSpec::new("UTC").weekly("mon", hours.iter().copied());
        Calendar::compile(&spec).map_err(|faults| faults.to_string())
    };
    assert!(week(&["09:00-13:00", "13:00-18:00"]).is_ok());
    assert!(week(&["13:00-18:00", "9:00-13:00:00"]).is_ok());
    assert!(week(&["00:00-00:00"]).is_ok());
    let told = week(&["22:00-06:00", "09:00-10:00", "23:00-23:30"]).unwrap_err();
    assert_eq!(
        told,
        "the calendar has 1 fault: weekly.mon[2]: overlaps `22:00-06:00`, the shift [0] of the same list"
    );
    // A long shift hides none of those it covers.
    let told = week(&["08:00-18:00", "09:00-10:00", "11:00-12:00"]).unwrap_err();
    assert!(told.contains("mon[1]") && told.contains("mon[2]"), "{told}");
    // The tail of a night may reach into the next day's shift: that is one stretch.
    let spec = CalendarSpec::new("UTC")
        .weekly("mon", ["22:00-10:00"])
        .weekly("tue", ["09:00-12:00"]);
    let monday = crate::at("2026-01-05T00:00:00Z");
    let window = calendar(spec).windows_after(monday).next().unwrap();
    assert_eq!(window.length().num_hours(), 14);
}

#[test]
fn days_are_read_singly_in_ranges_and_in_lists() {
    use Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
    assert_eq!(parse_days("mon-fri"), Some(vec![Mon, Tue, Wed, Thu, Fri]));
    assert_eq!(parse_days("SAT-Mon"), Some(vec![Sat, Sun, Mon]));
    assert_eq!(parse_days("mon, wed-thu"), Some(vec![Mon, Wed, Thu]));
    assert_eq!(parse_days("sun-sun"), Some(vec![Sun]));
    for wrong in ["", "mon-", "-", "mon-fri-sun", "m", "montag", ",", "mon,"] {
        assert_eq!(parse_days(wrong), None, "{wrong}");
    }
    assert_eq!(parse_days(&"mon,".repeat(100_000)), None);
}

#[test]
fn a_calendar_goes_between_threads_and_its_clones_share_it() {
    fn shared<T: Send + Sync + Clone + std::fmt::Debug + Eq + 'static>(value: &T) -> T {
        value.clone()
    }
    let office = crate::nine_to_five("Europe/Madrid");
    assert!(std::ptr::eq(shared(&office).spec(), office.spec()));
    shared(office.zone());
}
