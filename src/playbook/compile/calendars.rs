//! `[calendar.*]` and the files of holidays.

use smol_str::SmolStr;

use super::{Head, round_the_clock};
use crate::calendar::{Calendar, CalendarSpec, Zone};
use crate::ids::Name;
use crate::playbook::fault::FaultKind;
use crate::playbook::load::Folder;
use crate::playbook::read::{Node, Section, Source, did_you_mean};
use crate::playbook::rule::NamedCalendar;

pub(super) fn read(root: &mut Section<'_>, folder: &Folder, zone: &Zone) -> Vec<NamedCalendar> {
    let mut calendars = Vec::new();
    for (name, mut section) in root.sections("calendar") {
        let (spec, places) = read_spec(&mut section, folder, zone);
        let calendar = match Calendar::compile(&spec) {
            Ok(calendar) => calendar,
            Err(faults) => {
                for fault in faults.faults() {
                    // `weekly.mon[1]` stands where `weekly.mon` does.
                    let found = places.iter().find(|(part, _)| {
                        let rest = fault.place.strip_prefix(part.as_str());
                        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
                    });
                    match found {
                        Some((_, node)) => {
                            node.fault(FaultKind::Calendar(fault.flaw.to_string().into()), None);
                        }
                        None => section.fault(FaultKind::Calendar(fault.to_string().into()), None),
                    }
                }
                round_the_clock(zone)
            }
        };
        section.finish();
        calendars.push(NamedCalendar { name, calendar });
    }
    calendars
}

/// What a calendar says, and where each part of it stands, by the part's name in faults.
fn read_spec<'s>(
    section: &mut Section<'s>,
    folder: &Folder,
    zone: &Zone,
) -> (CalendarSpec, Vec<(String, Node<'s>)>) {
    let mut places = Vec::new();
    let own_zone = section.optional("zone").and_then(|node| {
        places.push(("tz".to_owned(), node.clone()));
        node.text()
    });
    let mut spec = CalendarSpec::new(own_zone.unwrap_or_else(|| zone.name()));
    for (days, node) in hours_by_key(section, "weekly") {
        places.push((format!("weekly.{days}"), node.clone()));
        spec = spec.weekly(days, hours(&node));
    }
    for (date, node) in hours_by_key(section, "dates") {
        places.push((format!("overrides.{date}"), node.clone()));
        spec = spec.on_date(date, hours(&node));
    }
    for (day, node) in hours_by_key(section, "every-year") {
        places.push((format!("recurring_overrides.{day}"), node.clone()));
        spec = spec.every_year(day, hours(&node));
    }
    for (date, node) in hours_by_key(section, "breaks") {
        places.push((format!("breaks.{date}"), node.clone()));
        for pause in hours(&node) {
            spec = spec.break_on(date.clone(), pause);
        }
    }
    let holiday_nodes = section.optional("holidays").map(|node| node.list());
    for node in holiday_nodes.unwrap_or_default() {
        for date in holidays(&node, folder) {
            places.push((format!("holidays[{}]", spec.holidays.len()), node.clone()));
            spec = spec.holiday(date);
        }
    }
    (spec, places)
}

fn hours_by_key<'s>(section: &mut Section<'s>, key: &'static str) -> Vec<(String, Node<'s>)> {
    match section.optional(key).and_then(|node| node.section()) {
        Some(table) => table.keyed(),
        None => Vec::new(),
    }
}

fn hours(node: &Node<'_>) -> Vec<String> {
    node.list()
        .iter()
        .filter_map(|node| Some(node.text()?.to_owned()))
        .collect()
}

/// A date by itself, or all dates of a file of holidays.
fn holidays(node: &Node<'_>, folder: &Folder) -> Vec<String> {
    let Some(text) = node.text() else {
        return Vec::new();
    };
    if !text.ends_with(".csv") {
        return vec![text.to_owned()];
    }
    let Some((path, content)) = folder.holidays.iter().find(|(path, _)| path == text) else {
        let known = folder.holidays.iter().map(|(path, _)| path.as_str());
        let hint = did_you_mean(text, known);
        node.fault(
            FaultKind::UnknownName {
                sort: "file of holidays",
                name: text.into(),
            },
            hint,
        );
        return Vec::new();
    };
    let file = Source {
        file: path.clone(),
        text: content,
        faults: node.source.faults,
    };
    dates_of(&file)
}

/// The dates of a file of holidays: a line each, `2026-01-01,New Year`; a header and `#` comments
/// are passed over.
fn dates_of(file: &Source<'_>) -> Vec<String> {
    let mut dates = Vec::new();
    let mut start = 0;
    for line in file.text.split_inclusive('\n') {
        let place = start..start + line.len();
        start += line.len();
        let date = line.split(',').next().unwrap_or_default().trim();
        if date.is_empty() || date.starts_with('#') || (place.start == 0 && date == "date") {
            continue;
        }
        if date.parse::<chrono::NaiveDate>().is_ok() {
            dates.push(date.to_owned());
        } else {
            let text = SmolStr::from(date);
            let kind = FaultKind::Calendar(smol_str::format_smolstr!(
                "`{text}` is not a date; write YYYY-MM-DD"
            ));
            file.fault(place, kind, None);
        }
    }
    dates
}

/// The calendar that the playbook names as its own.
pub(super) fn default(head: &Head<'_>, calendars: &[NamedCalendar]) -> NamedCalendar {
    let known = calendars.iter().map(|calendar| &calendar.name);
    let known = known.collect::<Vec<_>>();
    let named = head.calendar.as_ref();
    let named = named.and_then(|node| node.known("calendar", known));
    let found = named.and_then(|name| calendars.iter().find(|calendar| calendar.name == name));
    found.cloned().unwrap_or_else(|| NamedCalendar {
        name: Name::from(""),
        calendar: round_the_clock(&head.zone),
    })
}
