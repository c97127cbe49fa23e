//! `[calendar.*]` and the files of holidays.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use smol_str::{SmolStr, format_smolstr};

use super::{Head, round_the_clock};
use crate::calendar::{Calendar, CalendarFault, CalendarSpec, Flaw, Impossible, Zone, parse_days};
use crate::hint::{day_meant, nearest};
use crate::ids::Name;
use crate::playbook::fault::FaultKind;
use crate::playbook::load::{Folder, without_bom};
use crate::playbook::read::{Node, Section, Source, did_you_mean};
use crate::playbook::rule::{BusinessTime, NamedCalendar};

/// All calendars, and for each the file in which its last holiday is written down.
pub(super) fn read(
    root: &mut Section<'_>,
    folder: &Folder,
    zone: &Zone,
) -> (Vec<NamedCalendar>, BTreeMap<Name, SmolStr>) {
    let mut calendars = Vec::new();
    let mut written_in = BTreeMap::new();
    for (name, mut section) in root.sections("calendar") {
        let faults_before = section.source.faults.borrow().len();
        let (spec, places) = read_spec(&mut section, folder, zone);
        let is_read = section.source.faults.borrow().len() == faults_before;
        let calendar = match Calendar::compile(&spec) {
            Ok(calendar) => {
                if is_read && !opens(&spec) {
                    let kind = FaultKind::Calendar("it is never open".into());
                    let hint = "say when it is open: weekly = { mon-fri = [\"09:00-18:00\"] }";
                    let place = section.place_of("weekly");
                    section.source.fault(place, kind, Some(hint.into()));
                }
                calendar
            }
            Err(faults) => {
                for fault in faults.faults() {
                    let hint = hint_of(&fault.flaw);
                    match place_of(&places, &fault.place) {
                        Some(node) => {
                            let node = match is_about_key(fault) {
                                true => node.at_its_key(),
                                false => node,
                            };
                            node.fault(FaultKind::Calendar(fault.flaw.to_string().into()), hint);
                        }
                        None => section.fault(FaultKind::Calendar(fault.to_string().into()), hint),
                    }
                }
                round_the_clock(zone)
            }
        };
        if name == *BusinessTime::OWNER {
            let hint =
                "`calendar = \"owner\"` says the hours of a lead's owner; choose another name";
            let name = name.as_str().into();
            let sort = "calendar";
            section.fault(FaultKind::DefinedTwice { sort, name }, Some(hint.into()));
        }
        section.finish();
        written_in.extend(file_of_last(&spec, &places, folder).map(|file| (name.clone(), file)));
        calendars.push(NamedCalendar { name, calendar });
    }
    (calendars, written_in)
}

/// Whether a calendar has any hours at all.
fn opens(spec: &CalendarSpec) -> bool {
    let days = [&spec.weekly, &spec.overrides, &spec.recurring_overrides];
    let mut hours = days.into_iter().flat_map(|days| days.values());
    hours.any(|hours| !hours.is_empty())
}

/// Where a part of a calendar stands: `weekly.mon[1]` is the second shift of `weekly.mon`.
fn place_of<'s>(places: &[(String, Node<'s>)], part: &str) -> Option<Node<'s>> {
    let (node, rest) = places.iter().find_map(|(known, node)| {
        let rest = part.strip_prefix(known.as_str())?;
        (rest.is_empty() || rest.starts_with('[')).then_some((node, rest))
    })?;
    let shift = rest.trim_start_matches('[').split(']').next();
    let shift: Option<usize> = shift.and_then(|shift| shift.parse().ok());
    let shift = shift.and_then(|shift| node.list().into_iter().nth(shift));
    Some(shift.unwrap_or_else(|| node.clone()))
}

/// Whether a fault lies in the day under which hours stand, and not in the hours.
fn is_about_key(fault: &CalendarFault) -> bool {
    let is_of_day = matches!(
        fault.flaw,
        Flaw::BadDays { .. }
            | Flaw::DayTwice { .. }
            | Flaw::BadDate { .. }
            | Flaw::BadMonthDay { .. }
            | Flaw::NoSuchDay { .. }
    );
    is_of_day && !fault.place.starts_with("holidays")
}

/// What was probably meant.
fn hint_of(flaw: &Flaw) -> Option<SmolStr> {
    let meant = match flaw {
        Flaw::BadDays { text } => meant_days(text)?,
        Flaw::BadTime { text } if text.is_empty() => {
            return Some("a shift has two times, as in `09:00-13:00`".into());
        }
        Flaw::BadTime { text } => meant_time(text)?,
        Flaw::NoSuchTime { text, .. } => {
            let (hour, minute) = text.split_once(':')?;
            let hour = hour.parse::<u32>().ok()?.checked_sub(24)?;
            let is_night = (1..=6).contains(&hour);
            return is_night.then(|| format_smolstr!("past midnight it is `{hour:02}:{minute}`"));
        }
        _ => return None,
    };
    Some(format_smolstr!("did you mean `{meant}`?"))
}

/// `mon-fry`, `Monday-Friday`, `lun-vie`: the days as the calendar writes them.
fn meant_days(text: &str) -> Option<String> {
    const DAYS: [(&str, &str); 7] = [
        ("mon", "monday"),
        ("tue", "tuesday"),
        ("wed", "wednesday"),
        ("thu", "thursday"),
        ("fri", "friday"),
        ("sat", "saturday"),
        ("sun", "sunday"),
    ];
    let day = |word: &str| {
        let word = word.trim().to_lowercase();
        if let Some(day) = day_elsewhere(&word) {
            return Some(day);
        }
        let whole = DAYS
            .iter()
            .find(|(_, whole)| word.len() > 2 && whole.starts_with(&word));
        // One letter of three is another day as easily as a slip: `fry` is `fri`, `jue` is not `tue`.
        let begins_so = |day: &&str| word.chars().take(2).eq(day.chars().take(2));
        let short = || nearest(&word, DAYS.map(|(short, _)| short)).filter(begins_so);
        let long = nearest(&word, DAYS.map(|(_, whole)| whole));
        let long = long.and_then(|long| DAYS.iter().find(|(_, whole)| *whole == long));
        whole.or(long).map(|(short, _)| *short).or_else(short)
    };
    let range = |part: &str| {
        let ends = part.split(['-', '–', '/']).map(day);
        Some(ends.collect::<Option<Vec<_>>>()?.join("-"))
    };
    let said = AS_SPOKEN
        .iter()
        .fold(text.to_lowercase(), |said, (spoken, ours)| {
            said.replace(spoken, ours)
        });
    let meant = said
        .split(',')
        .map(range)
        .collect::<Option<Vec<_>>>()?
        .join(",");
    parse_days(&meant).map(|_| meant)
}

/// How people say days, and how they are written here.
const AS_SPOKEN: [(&str, &str); 9] = [
    ("-feira", ""),
    (" a ", "-"),
    (" al ", "-"),
    (" to ", "-"),
    (" até ", "-"),
    (" y ", ","),
    (" e ", ","),
    (" and ", ","),
    (" & ", ","),
];

/// The day that is called so in Spanish or Portuguese, whole or by three letters at least.
fn day_elsewhere(word: &str) -> Option<&'static str> {
    const ELSEWHERE: [(&str, &str); 15] = [
        ("lunes", "mon"),
        ("martes", "tue"),
        ("miércoles", "wed"),
        ("miercoles", "wed"),
        ("jueves", "thu"),
        ("viernes", "fri"),
        ("sábado", "sat"),
        ("sabado", "sat"),
        ("domingo", "sun"),
        ("segunda", "mon"),
        ("terça", "tue"),
        ("terca", "tue"),
        ("quarta", "wed"),
        ("quinta", "thu"),
        ("sexta", "fri"),
    ];
    let is_it = |name: &str| word.chars().count() > 2 && name.starts_with(word);
    let found = ELSEWHERE.iter().find(|(name, _)| is_it(name));
    found.map(|(_, day)| *day)
}

/// `9:00`, `9`, `9h30`, `6pm`: the time as the calendar writes it.
fn meant_time(text: &str) -> Option<String> {
    let lower = text.trim().to_lowercase();
    let is_afternoon = lower.ends_with("pm");
    let plain = lower.trim_end_matches(|c: char| !c.is_ascii_digit());
    let (hour, minute) = plain.split_once([':', '.', 'h']).unwrap_or((plain, "0"));
    let (hour, minute): (u32, u32) = (hour.trim().parse().ok()?, minute.parse().ok()?);
    // Twelve is the hour before one: `12am` is midnight, and `12pm` noon.
    let hour = match hour {
        12 if lower.ends_with("am") => 0,
        1..12 if is_afternoon => hour + 12,
        _ => hour,
    };
    (hour < 24 && minute < 60).then(|| format!("{hour:02}:{minute:02}"))
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

/// The file in which the last holiday of a calendar is written down.
fn file_of_last(
    spec: &CalendarSpec,
    places: &[(String, Node<'_>)],
    folder: &Folder,
) -> Option<SmolStr> {
    let dates = spec.holidays.iter().enumerate();
    let dates = dates.filter_map(|(place, date)| Some((date.parse::<NaiveDate>().ok()?, place)));
    let (_, last) = dates.max()?;
    let part = format!("holidays[{last}]");
    let (_, node) = places.iter().find(|(known, _)| *known == part)?;
    let said = node.is_text().then(|| node.text()).flatten();
    let mut files = folder.holidays.iter().map(|(path, _)| path.as_str());
    let file = files.find(|path| Some(*path) == said);
    Some(file.map_or_else(|| node.source.file.clone(), SmolStr::from))
}

fn hours_by_key<'s>(section: &mut Section<'s>, key: &'static str) -> Vec<(String, Node<'s>)> {
    match section.optional(key).and_then(|node| node.section()) {
        Some(table) => table.keyed(),
        None => Vec::new(),
    }
}

fn hours(node: &Node<'_>) -> Vec<String> {
    let texts = node.list();
    let texts = texts.iter().filter_map(Node::text);
    let texts: Vec<&str> = texts.collect();
    let is_time = |text: &&str| !text.contains('-') && meant_time(text).is_some();
    if texts.len() % 2 == 0 && !texts.is_empty() && texts.iter().all(is_time) {
        let shifts = texts
            .chunks(2)
            .map(|ends| format!("\"{}\"", ends.join("-")));
        let hint = format_smolstr!("write `[{}]`", shifts.collect::<Vec<_>>().join(", "));
        let message = "a shift is one text, from when until when";
        node.fault(FaultKind::Calendar(message.into()), Some(hint));
        return Vec::new();
    }
    for (text, node) in texts.iter().zip(node.list()) {
        if no_time_or_a_day(text) {
            let message = format_smolstr!("`{text}` is no time at all, or a whole day");
            let hint = "write `[]` for no time, and `00:00-24:00` for the whole day";
            node.fault(FaultKind::Calendar(message), Some(hint.into()));
        }
    }
    let shifts = texts.iter().zip(node.list());
    shifts
        .map(|(text, node)| with_our_dash(text, &node))
        .collect()
}

/// A shift with the dash that stands between its times; another one, as a word processor sets it, is told.
fn with_our_dash(text: &str, node: &Node<'_>) -> String {
    let is_other = |c: char| matches!(c, '\u{2010}'..='\u{2015}' | '−');
    let Some(dash) = text.chars().find(|c| is_other(*c)) else {
        return text.to_owned();
    };
    let meant = text.replace(is_other, "-");
    let message = format_smolstr!("`{dash}` is another dash than `-`");
    let hint = format_smolstr!("write `{meant}`");
    node.fault(FaultKind::Calendar(message), Some(hint));
    meant
}

/// Whether hours end when they begin; from midnight to midnight is a day to everybody.
fn no_time_or_a_day(text: &str) -> bool {
    let ends = text.split_once('-');
    let ends = ends.and_then(|(from, to)| Some((meant_time(from)?, meant_time(to)?)));
    ends.is_some_and(|(from, to)| from == to && from != "00:00")
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
        let mut known = known.peekable();
        let one = known
            .peek()
            .copied()
            .filter(|one| one.ends_with(&format!("/{text}")));
        let one = one.map(|one| format_smolstr!("did you mean `{one}`?"));
        let hint = one.or_else(|| did_you_mean(text, known));
        node.fault(
            FaultKind::UnknownName {
                sort: "file of holidays",
                name: text.into(),
            },
            hint,
        );
        return Vec::new();
    };
    let file = Source::new(path.clone(), without_bom(content), node.source.faults);
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
        let is_whole = date.len() == "2026-01-01".len() && !date.starts_with('0');
        if is_whole && date.parse::<NaiveDate>().is_ok() {
            dates.push(date.to_owned());
        } else {
            let text = date.to_owned();
            let flaw = match Impossible::date(date) {
                Some(why) => Flaw::NoSuchDay { text, why },
                None => Flaw::BadDate { text },
            };
            let kind = FaultKind::Calendar(format_smolstr!("{flaw}"));
            let columns = [';', '\t'].into_iter().find(|c| date.contains(*c));
            let hint = columns.map(|_| "put a comma between the date and its name".into());
            let line = place.start + line.find(date).unwrap_or(0);
            let place = line..line + date.len();
            file.fault(place, kind, hint.or_else(|| meant_date(date)));
        }
    }
    dates
}

fn meant_date(text: &str) -> Option<SmolStr> {
    day_meant(text).map(|day| format_smolstr!("did you mean `{day}`?"))
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
