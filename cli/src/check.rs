//! `leadkit check`: everything that is wrong with a playbook at once.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use leadkit::calendar::Hours;
use leadkit::explain::local;
use leadkit::playbook::Playbook;
use leadkit::playbook::fault::{Fault, FaultKind};
use leadkit::playbook::holidays::EndingHolidays;
use leadkit::playbook::load::Folder;
use leadkit::playbook::rule::NamedCalendar;
use leadkit::scenario::{self, Scenario};
use leadkit::time::Instant;
use serde::Serialize;

use crate::report::counted;
use crate::snippets::{ToldFault, listed};
use crate::{Failure, Reported};

mod declared;
mod explained;

pub use declared::{Declared, DeclaresNothing};

/// A playbook that has no faults, and its scenarios.
#[derive(Debug)]
pub struct Checked {
    /// The playbook.
    pub playbook: Playbook,
    /// Its scenarios.
    pub scenarios: Vec<Scenario>,
    /// The texts of both.
    pub folder: Folder,
}

/// Reads a playbook and its scenarios.
///
/// # Errors
/// [`Failure::NoPlaybook`], or [`Failure::Faults`] with all that is wrong with either.
pub fn read(path: &Path) -> Result<Checked, Failure> {
    read_with(path, &[])
}

/// The same of a playbook that speaks of what a host registers.
fn read_with(path: &Path, declared: &[Declared]) -> Result<Checked, Failure> {
    // One of which nobody may know is told when it can't be read.
    let is_there = path.join("playbook.toml").try_exists();
    if !is_there.unwrap_or_else(|why| why.kind() == ErrorKind::PermissionDenied) {
        return Err(Failure::NoPlaybook(path.to_owned()));
    }
    let (folder, mut faults) = Folder::load_what_can_be(path);
    let failed = |folder, faults| Failure::Faults {
        path: path.to_owned(),
        folder: Box::new(folder),
        faults,
    };
    if folder.playbook.is_empty() && !faults.is_empty() {
        return Err(failed(folder, faults));
    }
    match scenario::read_with_playbook(&declared::builder(declared), &folder) {
        Ok((playbook, scenarios)) if faults.is_empty() => Ok(Checked {
            playbook,
            scenarios,
            folder,
        }),
        read => {
            let mut others = read.err().map(|faults| faults.0).unwrap_or_default();
            others.retain(|fault| !is_of_unread(fault, &faults));
            faults.extend(others);
            Err(failed(folder, faults))
        }
    }
}

/// Whether a fault only says that a file isn't there, of which it is told that it can't be read.
fn is_of_unread(fault: &Fault, unread: &[Fault]) -> bool {
    let (FaultKind::UnknownName { sort, name } | FaultKind::NoneThere { sort, named: name }) =
        &fault.kind
    else {
        return false;
    };
    unread.iter().any(|unread| match *sort {
        "template" => unread.file == "templates" || unread.file == format!("templates/{name}.txt"),
        "file" | "file of holidays" => unread.file == "holidays" || unread.file == *name,
        "agent" => unread.file.starts_with("scenarios"),
        _ => false,
    })
}

#[derive(Serialize)]
struct Summary<'a> {
    playbook: &'a str,
    label: &'a str,
    hash: &'a str,
    pipelines: usize,
    stages: usize,
    rules: usize,
    tasks: usize,
    templates: usize,
    scenarios: usize,
    warnings: Vec<Warning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explained: Option<serde_json::Value>,
}

/// Something that may be meant, and should be known: of a stage, of a calendar, or at a place.
#[derive(Default, Serialize)]
struct Warning {
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calendar: Option<String>,
    /// Where there is a file, and no place in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    #[serde(flatten)]
    place: Option<ToldFault>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(message) = &self.message {
            f.write_str(message)?;
        }
        let Some(fault) = &self.place else {
            return Ok(());
        };
        let (file, line, column) = (fault.file.display(), fault.line, fault.column);
        write!(f, "{file}:{line}:{column}: {}", fault.message)?;
        match &fault.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

fn warnings(path: &Path, folder: &Folder, playbook: &Playbook, now: Instant) -> Vec<Warning> {
    let cold = listed(path, folder, &playbook.cold).into_iter();
    let cold = cold.zip(&playbook.cold).map(|(told, fault)| Warning {
        stage: match &fault.kind {
            FaultKind::GoesCold { stage } => Some(stage.to_string()),
            _ => None,
        },
        place: Some(told),
        ..Warning::default()
    });
    let placed = listed(path, folder, &playbook.warnings).into_iter();
    let placed = placed.map(|fault| Warning {
        place: Some(fault),
        ..Warning::default()
    });
    let nights = playbook.calendars.iter().flat_map(long_nights);
    let holidays = ending_holidays(path, playbook, now);
    placed.chain(cold).chain(nights).chain(holidays).collect()
}

/// Calendars that are soon, or now, without holidays: behind the last one every day counts as usual.
fn ending_holidays(
    path: &Path,
    playbook: &Playbook,
    now: Instant,
) -> impl Iterator<Item = Warning> {
    let today = local(&playbook.zone, now).date_naive();
    let ending = playbook.ending_holidays(today).into_iter();
    ending.map(move |ending| {
        let EndingHolidays { calendar, last, .. } = &ending;
        let file = path.join(&*ending.file);
        let how_far = match *last < today {
            true => format!("was {last}, {} ago", days(today - *last)),
            false => format!("is {last}, less than a year ahead"),
        };
        Warning {
            message: Some(format!(
                "the last holiday of the calendar `{calendar}` {how_far}: behind it every holiday counts \
                 as a working day; write down those that follow in {}",
                file.display()
            )),
            calendar: Some(calendar.to_string()),
            file: Some(file),
            ..Warning::default()
        }
    })
}

/// A time in whole months, or in days where it is shorter.
fn days(time: TimeDelta) -> String {
    let days = u64::try_from(time.num_days()).unwrap_or_default();
    match days / 30 {
        0 | 1 => counted(days, "day"),
        months => counted(months, "month"),
    }
}

/// Shifts that go on over midnight and last longer than half a day: they may be meant, and more
/// often the two times were swapped.
fn long_nights(calendar: &NamedCalendar) -> Vec<Warning> {
    let spec = calendar.calendar.spec();
    let all = [
        &spec.weekly,
        &spec.overrides,
        &spec.recurring_overrides,
        &spec.breaks,
    ];
    let days = all.into_iter().flatten();
    let shifts = days.flat_map(|(day, shifts)| shifts.iter().map(move |shift| (day, shift)));
    let warn = |(day, shift): (&String, &Hours)| {
        let minutes = |time: &str| -> Option<i64> {
            let (hours, minutes) = time.split_once(':')?;
            let minutes = minutes.split(':').next()?;
            Some(hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?)
        };
        let (from, to) = (minutes(&shift.from)?, minutes(&shift.to)?);
        let lasts = to - from + 24 * 60;
        // What ends at midnight doesn't go on over it.
        (0 < to && to < from && lasts > 12 * 60).then(|| Warning {
            calendar: Some(calendar.name.to_string()),
            message: Some(format!(
                "in the calendar `{}`, {day}: {}-{} goes on over midnight and lasts {}; if the two \
                 times are swapped, write {}-{}",
                calendar.name,
                shift.from,
                shift.to,
                lasting(lasts),
                shift.to,
                shift.from,
            )),
            ..Warning::default()
        })
    };
    shifts.filter_map(warn).collect()
}

fn lasting(minutes: i64) -> String {
    match (minutes / 60, minutes % 60) {
        (hours, 0) => format!("{hours} hours"),
        (hours, minutes) => format!("{hours} hours and {minutes} minutes"),
    }
}

/// How much is said about a playbook without faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// How much there is of what.
    Summary,
    /// All of it, with every default filled in and every friendly word as the rule it becomes.
    Explained,
}

/// Checks a playbook, which may speak of what a host registers if that is declared. From `now` on its
/// holidays should be known for a year.
///
/// # Errors
/// [`Failure::Faults`] with all that is wrong with it.
pub fn check(
    path: &Path,
    declared: &[Declared],
    depth: Depth,
    now: Instant,
) -> Result<Reported, Failure> {
    let Checked {
        playbook,
        scenarios,
        folder,
    } = read_with(path, declared)?;
    let stages = playbook
        .pipelines
        .iter()
        .map(|pipeline| pipeline.stages.len());
    let explained = (depth == Depth::Explained).then(|| explained::explained(&playbook));
    let summary = Summary {
        playbook: playbook.id.as_str(),
        label: &playbook.label,
        hash: playbook.hash.as_str(),
        pipelines: playbook.pipelines.len(),
        stages: stages.sum(),
        rules: playbook.rules.len(),
        tasks: playbook.tasks.len(),
        templates: playbook.templates.names().count(),
        scenarios: scenarios.len(),
        warnings: warnings(path, &folder, &playbook, now),
        explained: explained.as_ref().map(explained::Document::json),
    };
    let mut text = String::new();
    if let Some(document) = &explained {
        let _ = writeln!(text, "{document}");
    }
    let _ = writeln!(text, "{} is without fault", playbook.id);
    let counts = [
        (summary.pipelines, "pipeline"),
        (summary.stages, "stage"),
        (summary.rules, "rule"),
        (summary.tasks, "task"),
        (summary.templates, "template"),
        (summary.scenarios, "scenario"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .map(|(count, what)| counted(*count as u64, what))
        .collect();
    let _ = writeln!(text, "  {}", counts.join(", "));
    for warning in &summary.warnings {
        let _ = writeln!(text, "  warning: {warning}");
    }
    Ok(Reported::new(text, &summary, true))
}
