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
//! - What is wrong with the map, and with the columns it speaks of, is told all at once, before any
//!   row is carried out. A row that lies more than [`range::MOST_YEARS`] years from the middle one is
//!   refused, unless the map says how far its history goes.
//! - Every row is accounted for. Those that can't be read, and commands that are refused, are listed
//!   with file, line and reason; rows that match no command, and what comes after the time to stop at,
//!   with their lines; what is not listed was carried out.
//! - Who is known already by an e-mail address or a phone number, and is named otherwise by a row, stays
//!   known as before; such rows are listed, since what they say is kept nowhere.
//! - What is carried out and probably not meant is told as a warning ([`warnings`]).
//! - The same replay into the same database changes nothing; rows that were added since are
//!   carried out at the time at which the database stands, as late facts. What was refused is
//!   asked again.
//! - With a time to stop at, whatever happened then or later is left out. It may lie ten years after the
//!   last row, or as far as the map says.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};
use leadkit::clock::{Clock as _, VirtualClock};
use leadkit::explain::local;
use leadkit::hint::nearest;
use leadkit::ids::{AgentId, Tenant};
use leadkit::playbook::Playbook;
use leadkit::store::{Key, Store as _};
use leadkit::time::{Instant, LocalTime};
use serde::Serialize;

mod amounts;
mod appointments;
mod columns;
mod contacts;
pub mod dates;
mod documents;
mod fault;
pub mod figures;
mod hints;
pub mod map;
mod names;
pub mod numbers;
mod plan;
mod quotes;
pub mod range;
mod refused;
mod row;
mod run;
mod spellings;
pub mod table;
mod times;
mod told;
pub mod warnings;

pub use contacts::{ContactDiffers, Person};
pub use refused::{Refused, RowsOf};
pub use run::{LeftOut, NotPermitted};
pub use warnings::Warning;

use crate::database::{self, Database, For, Place};
use crate::progress::{Bar, Progress};
use crate::rehearsal::Origin;
use crate::report::counted;
use crate::{Asked, Failure, Reported, check, rehearsal};
use figures::{Figures, OfRun};
use map::{FileMap, Map, MapFault};
use plan::Plan;
use run::{Past, Ran, Run};
use table::{Reading, RowFault, Table, TableFault};

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
    /// How progress is shown.
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
    /// What became of them, each counted once.
    pub rows_of: RowsOf,
    /// How many commands they say, as far as these could be read.
    pub commands: u64,
    /// How many commands were carried out.
    pub carried_out: u64,
    /// How many had been carried out before.
    pub done_before: u64,
    /// How many happened after the run's end, and were left out.
    pub left_out: u64,
    /// Those.
    pub left_out_commands: Vec<LeftOut>,
    /// How many rows, and commands of rows, were refused as they were read, before any was carried out.
    pub refused_as_read: u64,
    /// How many times rules fired in this run.
    pub rules_fired: u64,
    /// How many times rules came to their time in this run, and their condition did not hold.
    pub rules_skipped: u64,
    /// How many messages were handed to the mailer that only accepts.
    pub messages_handed_over: u64,
    /// The playbook's zone, in which all times are told.
    pub zone: String,
    /// From when virtual time was lived through; `None`, if no row says when anything happened.
    pub lived_from: Option<LocalTime>,
    /// Until when it was to be.
    pub lives_until: Option<LocalTime>,
    /// Where the clock stands.
    pub clock: Option<LocalTime>,
    /// What was carried out, and is probably not meant.
    pub warnings: Vec<Warning>,
    /// The rows that say otherwise who their contact is, which is kept nowhere.
    pub contacts_differ: Vec<ContactDiffers>,
    /// What was not carried out.
    pub refused: Vec<Refused>,
    /// Who was refused for lack of permission.
    pub not_permitted: Vec<NotPermitted>,
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
    /// The lines of the rows that match no command.
    pub passed_over: Vec<u64>,
}

/// Replays a recorded history.
///
/// # Errors
/// When the playbook or the map has faults, a file can't be read as a table, or the database
/// fails. Single rows are no error: they are listed in the report.
pub fn replay(replay: &Replay) -> Result<Reported, Failure> {
    let (replayed, _) = run(replay)?;
    let is_well = replayed.refused.is_empty() && replayed.figures.unreadable.is_empty();
    Ok(Reported::new(told::told(&replayed), &replayed, is_well))
}

/// The same, as a value.
///
/// # Errors
/// As [`replay`].
pub fn run(replay: &Replay) -> Result<(Replayed, Arc<Playbook>), Failure> {
    carry_out(replay).map_err(|failure| match &replay.db {
        Some(path) => failure.in_file(path),
        None => failure,
    })
}

fn carry_out(replay: &Replay) -> Result<(Replayed, Arc<Playbook>), Failure> {
    let playbook = Arc::new(check::read(&replay.playbook)?.playbook);
    let until = match &replay.until {
        Some(text) => Some(instant(text, &playbook)?),
        None => None,
    };
    let tenant = database::tenant(replay.tenant.as_deref(), &playbook);
    let are_known = |agents: &[&str]| match &replay.db {
        Some(db) if !agents.is_empty() => are_in_a_replay(db, &tenant, agents),
        _ => Ok(vec![false; agents.len()]),
    };
    let (map, mut plan, files) = plan(&replay.map, &playbook, are_known, replay.progress)?;
    if let Some(until) = until {
        plan.must_not_live_too_long(&map, &playbook.zone, until)?;
        plan.warn_of_early_end(&map, &playbook.zone, until);
    }
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
    let asked = Database {
        playbook: replay.playbook.clone(),
        db: Place::File(db.clone()),
        tenant: replay.tenant.clone(),
    };
    let (mut ran, lived) = live(&asked, db, &playbook, &map, &plan, until, replay.progress)?;
    let store = database::open(db, For::Reading)?;
    let now = ran.stopped_at.unwrap_or(NO_TIME);
    let clock = VirtualClock::at(now);
    let engine = database::engine(Arc::new(store), &tenant, playbook.clone(), clock)?;
    let mut of_run = OfRun {
        entries_before: ran.entries_before,
        ..OfRun::default()
    };
    let figures = Figures::read(&engine, &tenant, now, replay.progress, &mut of_run);
    let figures = pollster::block_on(figures)?;
    let mut refused = plan.refused;
    let refused_as_read = refused.len() as u64;
    refused.extend(ran.refused);
    for one in &mut refused {
        if let Some(taken_in) = plan.taken_in.get(&(one.file.clone(), one.line)) {
            one.note(*taken_in);
        }
    }
    let in_order = |name: &str, line: u64| {
        let file = map.files.iter().position(|file| file.name == name);
        (file, line)
    };
    refused.sort_by_key(|refused| in_order(&refused.file, refused.line));
    ran.left_out
        .sort_by_key(|left| in_order(&left.file, left.line));
    ran.contacts_differ
        .sort_by_key(|differs| in_order(&differs.file, differs.line));
    let mut warnings = plan.warnings;
    warnings.extend(warnings::said_otherwise(&map, &ran.said_otherwise));
    // Told where a later replay can come.
    if replay.db.is_some() {
        warnings.extend(plan.by_line_told);
    }
    let in_zone = |at| local(&playbook.zone, at);
    let of_commands = refused.iter().filter(|one| one.command.is_some()).count() as u64;
    let left_out = ran.left_out.len() as u64;
    let replayed = Replayed {
        playbook: playbook.id.as_str().into(),
        rows: plan.rows,
        rows_of: RowsOf::count(&files, &refused, &ran.left_out, &ran.rows_done),
        commands: ran.done + ran.done_before + left_out + of_commands,
        files,
        carried_out: ran.done,
        done_before: ran.done_before,
        left_out,
        left_out_commands: ran.left_out,
        refused_as_read,
        rules_fired: of_run.rules_fired,
        rules_skipped: of_run.rules_skipped,
        messages_handed_over: ran.messages,
        zone: playbook.zone.name().into(),
        lived_from: lived.map(|lived| in_zone(lived.from)),
        lives_until: lived.map(|lived| in_zone(lived.until)),
        clock: ran.stopped_at.map(in_zone),
        warnings,
        contacts_differ: ran.contacts_differ,
        refused,
        not_permitted: ran.not_permitted.into_values().collect(),
        figures,
    };
    Ok((replayed, playbook))
}

/// Of each of these agents, whether an earlier replay into this database set it up.
fn are_in_a_replay(db: &Path, tenant: &Tenant, agents: &[&str]) -> Result<Vec<bool>, Failure> {
    let origin = rehearsal::origin(db).map_err(|error| Failure::Database {
        path: db.to_owned(),
        error,
    })?;
    if origin != Origin::Replay {
        return Ok(vec![false; agents.len()]);
    }
    let store = database::open(db, For::Reading)?;
    let keys = agents.iter();
    let keys: Vec<Key> = keys
        .map(|agent| Key::agent(tenant, &AgentId::from(*agent)))
        .collect();
    let found = pollster::block_on(store.load(&keys))?;
    Ok(found.iter().map(|found| found.body.is_some()).collect())
}

/// Reads the map and all files, and plans what their rows say. All that is wrong with the map, with the
/// columns that it speaks of and with the agents whom it names, is told at once; who is none of a row's
/// agents may be known already.
fn plan(
    path: &Path,
    playbook: &Playbook,
    are_known: impl Fn(&[&str]) -> Result<Vec<bool>, Failure>,
    progress: Progress,
) -> Result<(Map, Plan, Vec<FileRead>), Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::File {
        path: path.to_owned(),
        error,
    })?;
    let (map, mut faults) = map::read(path, &text, playbook);
    let mut plan = Plan::default();
    let mut files = Vec::new();
    let mut unreadable = Vec::new();
    let mut in_vain = Vec::new();
    for (place, file) in map.files.iter().enumerate() {
        match read_file(place, file, &mut plan, playbook, progress) {
            Ok((read, asked)) => {
                files.push(read);
                in_vain.extend(asked);
            }
            Err(Unread::Columns(found)) => faults.extend(found),
            // Without a path, that is what is wrong.
            Err(Unread::File(_) | Unread::NotThere) if file.name.is_empty() => {}
            Err(Unread::NotThere) => faults.push(not_there(file, path)),
            Err(Unread::File(failure)) => unreadable.push((file, *failure)),
        }
    }
    if faults.is_empty() && unreadable.len() == 1 {
        return Err(unreadable.remove(0).1);
    }
    // Or they may be set up by what can't be read.
    let is_whole = files.len() == map.files.len();
    if is_whole && (faults.is_empty() || plan.sets_up_agents()) {
        let strangers = plan.strangers(&map);
        let agents: Vec<&str> = strangers.iter().map(|(agent, _)| *agent).collect();
        let are_known = are_known(&agents)?;
        for ((agent, span), is_known) in strangers.into_iter().zip(are_known) {
            if !is_known {
                faults.push(plan.no_agent(agent, span));
            }
        }
    }
    faults.extend(unreadable.into_iter().map(|(file, failure)| MapFault {
        span: file.span.clone(),
        message: crate::failure::chain(&failure),
        hint: None,
    }));
    if !faults.is_empty() {
        faults.sort_by_key(|fault| fault.span.start);
        return Err(Failure::Map {
            path: path.to_owned(),
            text,
            faults,
        });
    }
    let as_warning = |fault: MapFault| {
        let line = fault.line(&text);
        Warning::of_line(path.display().to_string(), line, fault.message, fault.hint)
    };
    in_vain.extend(columns::no_source(&map, playbook));
    let in_vain = in_vain.into_iter().map(as_warning);
    plan.warnings.splice(..0, in_vain);
    let by_line = warnings::known_by_line(&map, &plan.by_line).into_iter();
    plan.by_line_told = by_line.map(as_warning).collect();
    plan.write_agents_alike(&map);
    plan.refuse_far(&map, playbook);
    plan.warn_of_far(&map, &playbook.zone);
    plan.warn_of_moved(&map);
    plan.warnings
        .extend(warnings::phones_of_nobody(&map, &plan.commands));
    plan.warnings
        .extend(columns::empty_sources(&map, &plan.commands, playbook));
    plan.sort();
    Ok((map, plan, files))
}

/// Why a file gives no rows.
enum Unread {
    /// It is none, or no table.
    File(Box<Failure>),
    /// There is no such file.
    NotThere,
    /// The map says of its columns what is not so.
    Columns(Vec<MapFault>),
}

/// That a file that the map names is not there, and which was probably meant.
fn not_there(file: &FileMap, map: &Path) -> MapFault {
    let folder = file
        .path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let (name, said) = match file.path.file_name().and_then(OsStr::to_str) {
        Some(name) => (name, file.name.strip_suffix(name).unwrap_or_default()),
        None => ("", ""),
    };
    let hint = match std::fs::read_dir(folder) {
        Err(_) => Some(format!("there is no folder {}", folder.display())),
        Ok(entries) => {
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            let mut names: Vec<String> = names
                .filter(|name| Some(OsStr::new(name)) != map.file_name())
                .collect();
            names.sort();
            let near = nearest(name, names.iter().map(String::as_str));
            near.map(|near| format!("did you mean `{said}{near}`?"))
        }
    };
    MapFault {
        span: file.span.clone(),
        message: format!("there is no file {}", file.path.display()),
        hint,
    }
}

/// Reads a file and plans what its rows say; and what its commands ask for in vain.
fn read_file(
    place: usize,
    file: &FileMap,
    plan: &mut Plan,
    playbook: &Playbook,
    progress: Progress,
) -> Result<(FileRead, Vec<MapFault>), Unread> {
    let path = || file.path.clone();
    let failed = |failure| Unread::File(Box::new(failure));
    let bytes = std::fs::read(&file.path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Unread::NotThere,
        _ => failed(Failure::File {
            path: path(),
            error,
        }),
    })?;
    let columns: Vec<&str> = file.columns.keys().map(String::as_str).collect();
    let reading = Reading {
        delimiter: file.delimiter,
        encoding: file.encoding.as_deref(),
        columns: &columns,
        needed: &file.needed(),
    };
    // The place where the map speaks of a column, or of the file.
    let span = |column: &str| file.columns.get(column).unwrap_or(&file.span).clone();
    let table = Table::read(&bytes, &reading).map_err(|source| match source {
        TableFault::Columns(faults) => {
            let faults = faults.iter().map(|fault| MapFault {
                span: span(fault.column()),
                message: format!("{}: {fault}", file.name),
                hint: fault.hint().map(ToOwned::to_owned),
            });
            Unread::Columns(faults.collect())
        }
        source => failed(Failure::Table {
            path: path(),
            source,
        }),
    })?;
    if let Some(fault) = columns::key_of_many(file, &table) {
        return Err(Unread::Columns(vec![fault]));
    }
    let doing = format!("reading {}", file.name);
    let mut bar = Bar::new(progress, table.rows.len() as u64, "rows", doing);
    let passed_over = plan.add(place, file, &table, playbook, &mut bar);
    let passed_over = passed_over.map_err(|faults| {
        // The dates that would have told the order may stand in what a quote took in.
        let quotes = table.refused.iter().filter_map(|bad| {
            let is_open = matches!(bad.fault, RowFault::Unclosed { .. });
            (is_open || bad.taken_in.is_some()).then(|| MapFault {
                span: file.span.clone(),
                message: format!("{}:{}: {}", file.name, bad.line, bad.fault),
                hint: Some("mend the quote first: what follows was not read".to_owned()),
            })
        });
        let faults = faults.iter().map(|fault| MapFault {
            span: span(fault.column()),
            message: format!("{}: {fault}", file.name),
            hint: Some(fault.hint()),
        });
        Unread::Columns(quotes.chain(faults).collect())
    })?;
    plan.warnings
        .extend(warnings::swallowing(&file.name, &table));
    plan.warnings
        .extend(warnings::ending_early(&file.name, &table));
    plan.warnings.extend(warnings::of_no_command(file, &table));
    let read = FileRead {
        file: file.name.clone(),
        encoding: table.encoding,
        delimiter: table.delimiter,
        rows: table.rows.len() + table.refused.len(),
        passed_over,
    };
    let mut in_vain = columns::unread(file, &table);
    in_vain.extend(warnings::asked_in_vain(file, &table));
    Ok((read, in_vain))
}

/// From when until when virtual time is lived through.
#[derive(Clone, Copy, Debug)]
struct Lived {
    from: Instant,
    until: Instant,
}

/// Lives through a plan.
fn live(
    asked: &Database,
    db: &Path,
    playbook: &Arc<Playbook>,
    map: &Map,
    plan: &Plan,
    until: Option<Instant>,
    progress: Progress,
) -> Result<(Ran, Option<Lived>), Failure> {
    let first = plan.commands.iter().find_map(|planned| planned.at);
    let last = plan.commands.iter().rev().find_map(|planned| planned.at);
    let first = first.or(until).unwrap_or(NO_TIME);
    let clock = VirtualClock::at(until.map_or(first, |until| first.min(until)));
    let tenant = &database::tenant(asked.tenant.as_deref(), playbook);
    let store = database::open(db, For::Replaying)?;
    let on_store = Arc::new(store.clone());
    let engine = database::engine(on_store, tenant, playbook.clone(), clock.clone())?;
    let zone = &playbook.zone;
    let failed = |error| Failure::Database {
        path: db.to_owned(),
        error,
    };
    pollster::block_on(async {
        database::must_be_under(asked, playbook, &engine, tenant).await?;
        let past = Past::read(&engine, tenant, progress).await?;
        if let Some(stands_at) = rehearsal::stands_at(db, &store, tenant)? {
            clock.set(stands_at);
            if let Some(until) = until.filter(|until| *until < stands_at) {
                let (lived, until) = (local(zone, stands_at), local(zone, until));
                return Err(Asked::LivedAlready { lived, until }.into());
            }
        }
        let lived = until.or(last).map(|until| Lived {
            from: clock.now(),
            until: until.max(clock.now()),
        });
        let is_in_time = |planned: &&plan::Planned| planned.is_before(until);
        let commands = plan.commands.iter().filter(is_in_time).count();
        if let Some(Lived { from, until }) = lived {
            let (from, until) = (local(zone, from), local(zone, until));
            let zone = zone.name();
            let commands = counted(commands as u64, "command");
            let refused = match refused::distinct(&plan.refused).len() as u64 {
                0 => String::new(),
                refused => format!("; {} refused in reading", counted(refused, "row")),
            };
            progress.say(&format!(
                "living from {from} until {until} ({zone}): {commands}{refused}"
            ));
        }
        let earlier = names::earlier(db, tenant, &past).map_err(failed)?;
        names::keep(db, tenant, map, plan).map_err(failed)?;
        let bar = Bar::new(progress, commands as u64, "commands", "");
        let mut run = Run {
            engine: &engine,
            clock: &clock,
            tenant,
            map,
            playbook,
            zone,
            past,
            earlier,
            bar,
        };
        let mut ran = run.run(plan, until).await?;
        ran.stopped_at = ran.stopped_at.filter(|at| *at != NO_TIME);
        if let Some(at) = ran.stopped_at {
            rehearsal::note_lived(db, tenant, at).map_err(failed)?;
        }
        Ok((ran, lived))
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
    Err(Asked::NoTime(text.to_owned()).into())
}
