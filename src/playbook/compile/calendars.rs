//! `[calendar.*]` and the files of holidays.

use smol_str::SmolStr;

use super::{Head, round_the_clock, unknown_name};
use crate::calendar::{Calendar, CalendarSpec, Zone};
use crate::ids::Name;
use crate::playbook::fault::FaultKind;
use crate::playbook::load::Folder;
use crate::playbook::read::{Node, Section, Source, did_you_mean};

pub(super) fn read(root: &mut Section<'_>, folder: &Folder, zone: &Zone) -> Vec<(Name, Calendar)> {
    let mut calendars = Vec::new();
    for (name, mut section) in root.sections("calendar") {
        let spec = read_spec(&mut section, folder, zone);
        let calendar = match Calendar::compile(&spec) {
            Ok(calendar) => calendar,
            Err(faults) => {
                for fault in faults.faults() {
                    section.fault(FaultKind::Calendar(fault.to_string().into()), None);
                }
                round_the_clock(zone)
            }
        };
        section.finish();
        calendars.push((name, calendar));
    }
    calendars
}

fn read_spec(section: &mut Section<'_>, folder: &Folder, zone: &Zone) -> CalendarSpec {
    let own_zone = section.optional("zone").and_then(|node| node.text());
    let mut spec = CalendarSpec::new(own_zone.unwrap_or_else(|| zone.name()));
    for (days, node) in hours_by_key(section, "weekly") {
        spec = spec.weekly(days, hours(&node));
    }
    for (date, node) in hours_by_key(section, "dates") {
        spec = spec.on_date(date, hours(&node));
    }
    for (day, node) in hours_by_key(section, "every-year") {
        spec = spec.every_year(day, hours(&node));
    }
    for (date, node) in hours_by_key(section, "breaks") {
        for pause in hours(&node) {
            spec = spec.break_on(date.clone(), pause);
        }
    }
    for node in section
        .optional("holidays")
        .map(|node| node.list())
        .unwrap_or_default()
    {
        for date in holidays(&node, folder) {
            spec = spec.holiday(date);
        }
    }
    spec
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
pub(super) fn default(root: &Section<'_>, head: &Head, calendars: &[(Name, Calendar)]) -> Calendar {
    let named = head.calendar.as_ref();
    let found = named.and_then(|name| calendars.iter().find(|(known, _)| known == name));
    match (found, named) {
        (Some((_, calendar)), _) => calendar.clone(),
        (None, Some(name)) => {
            unknown_name(root, "calendar", name, calendars);
            round_the_clock(&head.zone)
        }
        (None, None) => round_the_clock(&head.zone),
    }
}
