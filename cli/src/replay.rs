//! `leadkit replay`: a recorded history, lived through again under a playbook, in virtual time.
//!
//! The rows of CSV files become commands ([`map`] says how), each carried out at its own time on
//! a SQLite database, and between them everything happens that the playbook's rules make happen:
//! tasks open and are missed, leads are reassigned, messages are queued and handed to a mailer
//! that only accepts. Nothing is sent. The [`figures::Figures`] come from the reopened database.
//!
//! - Commands of all files are merged by their time; of one time, in the order of files and lines.
//! - A command on a lead that no row has registered yet waits until one has, and is then carried
//!   out as a late fact, with its own time as `happened_at`, told by an import rather than by the
//!   agent (`import:ana`): that asks for no permission to date back. What contradicts itself is
//!   flagged on the lead, not dropped; what would undo something newer is refused.
//! - Rows that can't be read, and commands that are refused, are listed with file, line and
//!   reason; what is not listed was carried out.
//! - The same replay into the same database changes nothing; rows that were added since are
//!   carried out at the time at which the database stands, as late facts. What was refused is
//!   asked again.
//! - With a time to stop at, whatever happened then or later is left out.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};
use leadkit::clock::VirtualClock;
use leadkit::explain::local;
use leadkit::ids::Tenant;
use leadkit::playbook::Playbook;
use leadkit::time::Instant;
use serde::Serialize;

pub mod dates;
pub mod figures;
pub mod map;
pub mod numbers;
mod plan;
mod progress;
mod run;
pub mod table;

pub use plan::Refused;
pub use progress::Progress;

use crate::database::{self, For};
use crate::report::{counted, grouped, table as text_table, table_of_numbers, times};
use crate::{Failure, Reported, check};
use figures::Figures;
use map::Map;
use plan::Plan;
use progress::Bar;
use run::{Past, Ran, Run};
use table::{Reading, Table};

/// What is to be replayed, and where.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The playbook's folder.
    pub playbook: PathBuf,
    /// The map.
    pub map: PathBuf,
    /// The database; one that is thrown away afterwards, if `None`.
    pub db: Option<PathBuf>,
    /// Where to stop: an instant, or a date of the playbook's zone.
    pub until: Option<String>,
    /// The tenant; the playbook's id, if `None`.
    pub tenant: Option<String>,
    /// Whether progress is shown.
    pub progress: Progress,
}

/// What a replay did, and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Replayed {
    /// The playbook's id.
    pub playbook: String,
    /// The files that were read.
    pub files: Vec<FileRead>,
    /// How many rows they have.
    pub rows: u64,
    /// How many commands were carried out.
    pub carried_out: u64,
    /// How many had been carried out before.
    pub done_before: u64,
    /// How many happened after the run's end, and were left out.
    pub left_out: u64,
    /// How many messages were handed to the mailer that only accepts.
    pub messages_handed_over: u64,
    /// Where the clock stands.
    pub clock: Option<Instant>,
    /// What was not carried out.
    pub refused: Vec<Refused>,
    /// What came of it, from the reopened database.
    pub figures: Figures,
}

/// A file that was read.
#[derive(Clone, Debug, Serialize)]
pub struct FileRead {
    /// As the map names it.
    pub file: String,
    /// The encoding that was found, or declared.
    pub encoding: &'static str,
    /// The delimiter.
    pub delimiter: char,
    /// How many rows it has, those included that were refused.
    pub rows: usize,
}

/// Replays a recorded history.
///
/// # Errors
/// When the playbook or the map has faults, a file can't be read as a table, or the database
/// fails. Single rows are no error: they are listed in the report.
pub fn replay(replay: &Replay) -> Result<Reported, Failure> {
    let (replayed, playbook) = run(replay)?;
    let is_well = replayed.refused.is_empty();
    Ok(Reported::new(
        told(&replayed, &playbook),
        &replayed,
        is_well,
    ))
}

/// The same, as a value.
///
/// # Errors
/// As [`replay`].
pub fn run(replay: &Replay) -> Result<(Replayed, Arc<Playbook>), Failure> {
    let playbook = Arc::new(check::read(&replay.playbook)?.playbook);
    let map = read_map(&replay.map, &playbook)?;
    let until = match &replay.until {
        Some(text) => Some(instant(text, &playbook)?),
        None => None,
    };
    let (plan, files) = plan(&map, &replay.map, &playbook)?;
    let tenant = database::tenant(replay.tenant.as_deref(), &playbook);
    let scratch;
    let db = match &replay.db {
        Some(path) => path,
        None => {
            scratch = tempfile::tempdir().map_err(|error| Failure::File {
                path: std::env::temp_dir(),
                error,
            })?;
            &scratch.path().join("replay.db")
        }
    };
    let ran = live(&playbook, &map, &plan, db, &tenant, until, replay.progress)?;
    let store = database::open(db, For::Reading)?;
    let now = ran.stopped_at.unwrap_or(NO_TIME);
    let engine = database::engine(store, &tenant, playbook.clone(), VirtualClock::at(now))?;
    let figures = Figures::read(&engine, &tenant, now, replay.progress);
    let figures = pollster::block_on(figures)?;
    let mut refused = plan.refused;
    refused.extend(ran.refused);
    refused.sort_by_key(|refused| {
        let file = map.files.iter().position(|file| file.name == refused.file);
        (file, refused.line)
    });
    let replayed = Replayed {
        playbook: playbook.id.as_str().into(),
        files,
        rows: plan.rows,
        carried_out: ran.done,
        done_before: ran.done_before,
        left_out: ran.later,
        messages_handed_over: ran.messages,
        clock: ran.stopped_at,
        refused,
        figures,
    };
    Ok((replayed, playbook))
}

fn read_map(path: &Path, playbook: &Playbook) -> Result<Map, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::File {
        path: path.to_owned(),
        error,
    })?;
    map::read(path, &text, playbook).map_err(|faults| Failure::Map {
        path: path.to_owned(),
        text,
        faults,
    })
}

/// Reads all files and plans what their rows say.
fn plan(map: &Map, map_path: &Path, playbook: &Playbook) -> Result<(Plan, Vec<FileRead>), Failure> {
    let mut plan = Plan::default();
    let mut files = Vec::new();
    for (place, file) in map.files.iter().enumerate() {
        let bytes = std::fs::read(&file.path).map_err(|error| Failure::File {
            path: file.path.clone(),
            error,
        })?;
        let columns = file.columns();
        let reading = Reading {
            delimiter: file.delimiter,
            encoding: file.encoding.as_deref(),
            columns: &columns,
        };
        let table = Table::read(&bytes, &reading).map_err(|source| Failure::Table {
            path: file.path.clone(),
            source,
        })?;
        files.push(FileRead {
            file: file.name.clone(),
            encoding: table.encoding,
            delimiter: table.delimiter,
            rows: table.rows.len() + table.refused.len(),
        });
        plan.add(place, file, &table, playbook).map_err(|fault| {
            let text = std::fs::read_to_string(map_path).unwrap_or_default();
            let span = text.find(file.name.as_str()).unwrap_or(0);
            Failure::Map {
                path: map_path.to_owned(),
                text,
                faults: vec![map::MapFault {
                    span: span..span + file.name.len(),
                    message: fault.to_string(),
                    hint: Some(fault.hint()),
                }],
            }
        })?;
    }
    plan.sort();
    Ok((plan, files))
}

/// Lives through a plan.
fn live(
    playbook: &Arc<Playbook>,
    map: &Map,
    plan: &Plan,
    db: &Path,
    tenant: &Tenant,
    until: Option<Instant>,
    progress: Progress,
) -> Result<Ran, Failure> {
    let first = plan.commands.iter().find_map(|planned| planned.at);
    let first = first.or(until).unwrap_or(NO_TIME);
    let clock = VirtualClock::at(until.map_or(first, |until| first.min(until)));
    let store = database::open(db, For::Replaying)?;
    let engine = database::engine(store, tenant, playbook.clone(), clock.clone())?;
    pollster::block_on(async {
        database::must_be_under(playbook, &engine, tenant).await?;
        let past = Past::read(&engine, tenant, progress).await?;
        if let Some(last) = past.last {
            clock.set(last);
            if let Some(until) = until.filter(|until| *until < last) {
                let (last, until) = (local(&playbook.zone, last), local(&playbook.zone, until));
                return Err(Failure::Asked(format!(
                    "the database has lived until {last} already; it can't stop at {until}"
                )));
            }
        }
        let bar = Bar::new(progress, plan.commands.len());
        let mut run = Run {
            engine: &engine,
            clock: &clock,
            tenant,
            map,
            past,
            bar,
        };
        let mut ran = run.run(plan, until).await?;
        ran.stopped_at = ran.stopped_at.filter(|at| *at != NO_TIME);
        Ok(ran)
    })
}

/// Where the clock stands while nothing has a time.
const NO_TIME: Instant = Instant::UNIX_EPOCH;

/// An instant with its offset, or the first moment of a date in the playbook's zone.
///
/// # Errors
/// When it is neither.
pub fn instant(text: &str, playbook: &Playbook) -> Result<Instant, Failure> {
    if let Ok(at) = text.parse::<chrono::DateTime<chrono::FixedOffset>>() {
        return Ok(at.to_utc());
    }
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(playbook.zone.from_local(date.and_time(NaiveTime::MIN)));
    }
    Err(Failure::Asked(format!(
        "`{text}` is no time; write for instance 2018-04-01 or 2018-04-01T00:00:00Z"
    )))
}

impl map::FileMap {
    /// All columns that the map speaks of.
    #[must_use]
    pub fn columns(&self) -> Vec<&str> {
        let mut columns: Vec<&str> = Vec::new();
        columns.extend(self.key.as_deref());
        columns.extend(self.dates.keys().map(String::as_str));
        columns.extend(self.values.keys().map(String::as_str));
        for command in &self.commands {
            columns.extend(command.at.as_deref());
            columns.extend(command.lead.as_deref());
            let tests = command.only_if.iter().chain(&command.unless);
            columns.extend(tests.map(|test| test.column.as_str()));
            let texts = command.says.iter().map(|(_, text)| text);
            columns.extend(texts.chain(&command.by).flat_map(map::Text::columns));
        }
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

/// The report for people.
fn told(replayed: &Replayed, playbook: &Playbook) -> String {
    let mut text = String::new();
    let figures = &replayed.figures;
    for file in &replayed.files {
        let delimiter = match file.delimiter {
            '\t' => "tab".to_owned(),
            sign => format!("`{sign}`"),
        };
        let rows = counted(file.rows as u64, "row");
        let _ = writeln!(
            text,
            "{}: {rows} ({}, {delimiter})",
            file.file, file.encoding
        );
    }
    let clock = replayed.clock.map(|clock| local(&playbook.zone, clock));
    let _ = writeln!(
        text,
        "{} carried out, {} done before, {} left out as later; {} refused",
        counted(replayed.carried_out, "command"),
        grouped(replayed.done_before),
        grouped(replayed.left_out),
        grouped(replayed.refused.len() as u64),
    );
    let _ = writeln!(
        text,
        "rules fired {} and were skipped {}; {}",
        times(figures.rules_fired),
        times(figures.rules_skipped),
        clock.map_or_else(
            || "no row says when anything happened".to_owned(),
            |clock| format!("the clock stands at {clock}")
        ),
    );
    let _ = writeln!(
        text,
        "\n{} arrived on {}; {} open{}",
        counted(figures.leads, "lead"),
        counted(figures.arrival_days as u64, "day"),
        grouped(figures.open),
        figures
            .outcomes
            .iter()
            .map(|(outcome, leads)| format!(", {} {outcome}", grouped(*leads)))
            .collect::<String>(),
    );
    tell_stages(&mut text, figures);
    tell_months(&mut text, figures);
    tell_agents(&mut text, figures);
    tell_tasks(&mut text, figures);
    if !figures.messages.is_empty() {
        let mut table = table_of_numbers(2, ["message", "state", "count"]);
        for messages in &figures.messages {
            table.add_row([
                &messages.template,
                &messages.state,
                &grouped(messages.count),
            ]);
        }
        let _ = writeln!(text, "\n{table}");
    }
    if !figures.flagged.is_empty() {
        let mut table = text_table(["flagged lead", "contact", "because"]);
        for flagged in figures.flagged.iter().take(MOST_TOLD) {
            table.add_row([&flagged.lead, &flagged.contact, &flagged.flags.join(", ")]);
        }
        let _ = writeln!(text, "\n{table}");
        tell_more(&mut text, figures.flagged.len());
    }
    if !replayed.refused.is_empty() {
        let mut table = text_table(["refused at", "command", "because"]);
        for refused in replayed.refused.iter().take(MOST_TOLD) {
            let place = format!("{}:{}", refused.file, refused.line);
            let command = refused.command.as_deref().unwrap_or("the row");
            table.add_row([place.as_str(), command, &refused.reason]);
        }
        let _ = writeln!(text, "\n{table}");
        tell_more(&mut text, replayed.refused.len());
    }
    text
}

/// How many lines of a list people are told; `--json` has all.
const MOST_TOLD: usize = 40;

fn tell_more(text: &mut String, count: usize) {
    if count > MOST_TOLD {
        let _ = writeln!(
            text,
            "and {} more; --json lists all",
            grouped((count - MOST_TOLD) as u64)
        );
    }
}

fn tell_stages(text: &mut String, figures: &Figures) {
    let mut table = table_of_numbers(3, ["pipeline", "stage", "outcome", "leads"]);
    for stage in &figures.by_stage {
        table.add_row([
            stage.pipeline.as_str(),
            &stage.stage,
            stage.outcome.as_deref().unwrap_or("open"),
            &grouped(stage.leads),
        ]);
    }
    let _ = writeln!(text, "\n{table}");
}

fn tell_months(text: &mut String, figures: &Figures) {
    let outcomes: Vec<&String> = figures.outcomes.keys().collect();
    let mut headings = vec!["month".to_owned(), "arrived".to_owned()];
    headings.extend(outcomes.iter().map(|outcome| (*outcome).clone()));
    let mut months: Vec<&String> = figures.arrived_by_month.keys().collect();
    months.extend(figures.closed_by_month.keys());
    months.sort_unstable();
    months.dedup();
    if months.is_empty() {
        return;
    }
    let mut table = table_of_numbers(1, headings);
    for month in months {
        let arrived = figures.arrived_by_month.get(month).copied();
        let closed = figures.closed_by_month.get(month);
        let closed = outcomes.iter().map(|outcome| {
            let count = closed.and_then(|closed| closed.get(*outcome)).copied();
            grouped(count.unwrap_or(0))
        });
        let row = [month.clone(), grouped(arrived.unwrap_or(0))];
        table.add_row(row.into_iter().chain(closed));
    }
    let _ = writeln!(text, "\n{table}");
}

fn tell_agents(text: &mut String, figures: &Figures) {
    let outcomes: Vec<&String> = figures.outcomes.keys().collect();
    let mut headings = vec!["agent".to_owned(), "leads".to_owned(), "open".to_owned()];
    headings.extend(outcomes.iter().map(|outcome| (*outcome).clone()));
    if figures.by_agent.is_empty() {
        return;
    }
    let mut table = table_of_numbers(1, headings);
    for of in figures.by_agent.iter().take(MOST_TOLD) {
        let ended = outcomes
            .iter()
            .map(|outcome| grouped(of.outcomes.get(*outcome).copied().unwrap_or(0)));
        let agent = of.agent.clone().unwrap_or_else(|| "nobody".into());
        let row = [agent, grouped(of.leads), grouped(of.open)];
        table.add_row(row.into_iter().chain(ended));
    }
    let _ = writeln!(text, "\n{table}");
    tell_more(text, figures.by_agent.len());
}

fn tell_tasks(text: &mut String, figures: &Figures) {
    if !figures.tasks.is_empty() {
        let mut table = table_of_numbers(
            1,
            [
                "task", "opened", "done", "late", "missed", "dropped", "open", "overdue",
            ],
        );
        for (name, tasks) in &figures.tasks {
            let counts = [tasks.opened, tasks.done, tasks.done_late];
            let more = [tasks.missed, tasks.dropped, tasks.open, tasks.overdue];
            let counts = counts.into_iter().chain(more).map(grouped);
            table.add_row([name.clone()].into_iter().chain(counts));
        }
        let _ = writeln!(text, "\n{table}");
    }
    if !figures.service_levels.is_empty() {
        let mut table = table_of_numbers(
            1,
            ["service level", "kept", "broken", "running", "kept in %"],
        );
        for (name, level) in &figures.service_levels {
            let ended = level.kept + level.broken;
            let share = match ended {
                0 => "-".to_owned(),
                ended => format!("{:.1}", level.kept as f64 * 100.0 / ended as f64),
            };
            let counts = [level.kept, level.broken, level.open].map(grouped);
            table.add_row([name.clone()].into_iter().chain(counts).chain([share]));
        }
        let _ = writeln!(text, "\n{table}");
    }
}
