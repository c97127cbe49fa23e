//! What other systems' suites hold true; see README.md beside this file.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveDateTime};
use leadkit::calendar::{Calendar, CalendarSpec, Window};
use leadkit::time::{Elapsed, Instant};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Case {
    id: String,
    #[serde(default)]
    grade: String,
    calendar: String,
    holidays: Option<Vec<String>>,
    op: String,
    at: String,
    to: Option<String>,
    seconds: Option<i64>,
    days: Option<i64>,
    n: Option<usize>,
    zero_dir: Option<String>,
    #[serde(default)]
    inclusive: bool,
    expected: Value,
    accept: Option<Vec<Instant>>,
}

#[test]
fn every_core_case_of_other_suites_holds() {
    let calendars = Calendars::read();
    let cases: Vec<Case> = lines(include_str!("suites.jsonl"))
        .into_iter()
        .filter(|c| c.grade == "core")
        .collect();
    assert_eq!(cases.len(), 268);
    let failed: Vec<String> = cases
        .iter()
        .filter_map(|c| check(c, &calendars.of(c)))
        .collect();
    assert!(
        failed.is_empty(),
        "{} fail:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

#[test]
fn every_case_of_mexico_and_ecuador_holds() {
    let calendars = Calendars::read();
    let cases = lines(include_str!("mx_ec.jsonl"));
    assert_eq!(cases.len(), 500);
    let failed: Vec<String> = cases
        .iter()
        .filter_map(|c| check(c, &calendars.of(c)))
        .collect();
    assert!(
        failed.is_empty(),
        "{} fail:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

/// Suites differ on what a working day after a Sunday is; on what follows a working day they agree.
#[test]
fn working_days_are_counted_as_other_suites_count_them_from_a_working_day() {
    let calendars = Calendars::read();
    let (mut checked, mut failed) = (0, Vec::new());
    for case in lines(include_str!("suites.jsonl")) {
        let calendar = calendars.of(&case);
        let starts_at_work = case.at.parse().map_or_else(
            |_| calendar.is_working_day(date(&case.at)),
            |at| calendar.is_open(at),
        );
        let is_offered = case.op == "add_days" && starts_at_work;
        if is_offered || (case.op == "days_between" && !case.inclusive) {
            checked += 1;
            failed.extend(check(&case, &calendar));
        }
    }
    assert_eq!(checked, 46);
    assert!(
        failed.is_empty(),
        "{} fail:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

/// What is wrong with our answer to a case, if anything.
fn check(case: &Case, calendar: &Calendar) -> Option<String> {
    let ours = answer(case, calendar);
    let expected = match &case.accept {
        // The two differ by closed time only, so the closing is the earlier.
        Some(both) => json(*both.iter().min().expect("answers")),
        None => case.expected.clone(),
    };
    (ours != expected).then(|| format!("{} {}: {ours}, expected {expected}", case.id, case.op))
}

fn answer(case: &Case, calendar: &Calendar) -> Value {
    let at = || -> Instant { case.at.parse().expect("an instant") };
    let windows = |windows: Vec<Window>| -> Value {
        windows
            .iter()
            .map(|window| vec![json(window.opens), json(window.closes)])
            .collect()
    };
    match (case.op.as_str(), case.zero_dir.as_deref()) {
        ("add", Some("before")) => optional(calendar.previous_open_or_same(at())),
        ("add", None) => {
            let business = Elapsed::seconds(case.seconds.expect("seconds"));
            json(calendar.add(at(), business).expect("a due time"))
        }
        ("between", None) => {
            let to = case.to.as_ref().expect("to").parse().expect("an instant");
            calendar.between(at(), to).num_seconds().into()
        }
        ("is_open", None) => calendar.is_open(at()).into(),
        ("is_working_day", None) => calendar.is_working_day(date(&case.at)).into(),
        ("next_open_or_same", None) => optional(calendar.next_open_or_same(at())),
        ("prev_open_or_same", None) => optional(calendar.previous_open_or_same(at())),
        ("windows_after", None) => windows(
            calendar
                .windows_after(at())
                .take(case.n.expect("n"))
                .collect(),
        ),
        ("windows_before", None) => windows(
            calendar
                .windows_before(at())
                .take(case.n.expect("n"))
                .collect(),
        ),
        ("add_days", _) => add_days(case, calendar),
        ("days_between", None) => {
            let (from, to) = (date(&case.at), date(case.to.as_ref().expect("to")));
            let days = from.iter_days().take_while(|day| *day < to);
            days.filter(|day| calendar.is_working_day(*day))
                .count()
                .into()
        }
        (op, zero_dir) => panic!("{}: no such question: {op} {zero_dir:?}", case.id),
    }
}

/// Working days from a date, or from an instant to the same local time.
fn add_days(case: &Case, calendar: &Calendar) -> Value {
    let days = case.days.expect("days");
    let moved = |date| {
        calendar
            .add_working_days(date, days)
            .expect("a working day")
    };
    match case.at.parse::<Instant>() {
        Ok(at) => {
            let local = calendar.zone().to_local(at);
            let day: NaiveDateTime = moved(local.date()).and_time(local.time());
            json(calendar.zone().from_local(day))
        }
        Err(_) => moved(date(&case.at)).to_string().into(),
    }
}

fn json(at: Instant) -> Value {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string().into()
}

fn optional(at: Option<Instant>) -> Value {
    at.map_or(Value::Null, json)
}

fn date(text: &str) -> NaiveDate {
    text.get(..10).expect("a date").parse().expect("a date")
}

fn lines(text: &str) -> Vec<Case> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a case"))
        .collect()
}

struct Calendars(BTreeMap<String, Calendar>);

impl Calendars {
    fn read() -> Self {
        Self(serde_json::from_str(include_str!("calendars.json")).expect("calendars"))
    }

    fn of(&self, case: &Case) -> Calendar {
        let calendar = self.0[&case.calendar].clone();
        match &case.holidays {
            None => calendar,
            Some(holidays) => {
                let spec = CalendarSpec {
                    holidays: holidays.clone(),
                    ..calendar.spec().clone()
                };
                Calendar::compile(&spec).expect("a calendar")
            }
        }
    }
}
