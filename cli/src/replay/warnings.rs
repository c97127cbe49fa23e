//! What a replay carries out and tells all the same, since it is probably not meant.

use std::collections::{BTreeMap, BTreeSet};

use leadkit::hint::nearest;
use leadkit::phone::is_of_somebody;
use leadkit::value::fold;
use serde::Serialize;
use smol_str::SmolStr;

use super::map::{FileMap, Map, MapFault, Meaning, Must, Part, Test, Verb};
use super::plan::{Doing, Planned};
use super::row::shortened;
use super::table::Table;
use crate::report::counted;

/// Something that is probably not meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The file of the row, as the map names it; the map's own path, where it is the map.
    pub file: String,
    /// The line; the first one, where it is told of several.
    pub line: u64,
    /// The first [`Warning::MOST_LINES`] lines of which it is told.
    pub lines: Vec<u64>,
    /// Of how many lines it is told.
    pub count: u64,
    /// What it says.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Warning {
    /// How many lines are listed at most.
    pub const MOST_LINES: usize = 1000;

    /// A warning of one line.
    pub(super) fn of_line(
        file: impl Into<String>,
        line: u64,
        message: String,
        hint: Option<String>,
    ) -> Self {
        Self {
            file: file.into(),
            line,
            lines: vec![line],
            count: 1,
            message,
            hint,
        }
    }

    /// A warning of some lines, told once.
    pub(super) fn of_lines(
        file: impl Into<String>,
        lines: &BTreeSet<u64>,
        message: String,
        hint: Option<String>,
    ) -> Self {
        Self {
            file: file.into(),
            line: lines.first().copied().unwrap_or_default(),
            lines: lines.iter().copied().take(Self::MOST_LINES).collect(),
            count: lines.len() as u64,
            message,
            hint,
        }
    }
}

/// How many values of a column are told at most.
const MOST_TOLD: usize = 12;

/// What the map says of a file's rows and no row has, or is a column's name: a slip of the pen leaves rows
/// out, or writes the same into all of them, as if it were meant to.
pub(super) fn asked_in_vain(map: &FileMap, table: &Table) -> Vec<MapFault> {
    let commands = map.commands.iter();
    let tests = commands.flat_map(|command| command.only_if.iter().chain(&command.unless));
    if table.rows.is_empty() {
        return Vec::new();
    }
    let tests = tests.flat_map(|test| in_vain(test, map, &cells(&test.column, map, table)));
    let values = map.values.iter();
    let values = values.filter_map(|(column, meanings)| {
        let meanings = meanings.as_slice();
        meant_in_vain(column, meanings, map, &cells(column, map, table))
    });
    tests
        .chain(values)
        .chain(columns_as_texts(map, table))
        .collect()
}

/// Cells that the map translates and no row has.
fn meant_in_vain(
    column: &str,
    meanings: &[Meaning],
    map: &FileMap,
    cells: &Cells<'_>,
) -> Option<MapFault> {
    let absent = meanings.iter();
    let absent: Vec<&Meaning> = absent
        .filter(|meaning| !cells.contains_key(&fold(&meaning.cell)))
        .collect();
    let first = absent.first()?;
    let told = absent.iter().take(MOST_TOLD);
    let told: Vec<String> = told.map(|meaning| format!("`{}`", meaning.cell)).collect();
    let more = match absent.len().saturating_sub(MOST_TOLD) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let there = cells.values().copied().filter(|cell| !cell.is_empty());
    let near = nearest(&first.cell, there);
    Some(MapFault {
        span: first.span.clone(),
        message: format!(
            "{}: no row has {}{more} in `{column}`, of which the map says the meaning",
            map.name,
            told.join(", ")
        ),
        hint: near.map(|near| format!("did you mean `{near}`?")),
    })
}

/// Texts of commands that are names of columns, and names of everybody: cells were probably meant.
fn columns_as_texts(map: &FileMap, table: &Table) -> Vec<MapFault> {
    let mut faults = Vec::new();
    for (text, span) in &map.literals {
        let columns = columns_in(text, table);
        let is_name = || {
            let registers = map.commands.iter();
            let mut registers = registers.filter(|command| command.verb == Verb::Register);
            registers.any(|command| {
                let name = command.text("name").map(|name| name.0.as_slice());
                matches!(name, Some([Part::Plain(name)]) if name.trim() == text)
            })
        };
        let (is, hint) = match columns {
            Some((1, meant)) => (
                "is said as it stands, and is a column",
                format!("write {meant} for what the row has there"),
            ),
            Some((_, meant)) => (
                "is said as it stands, and is made of columns",
                format!("write {meant} for what the row has there"),
            ),
            None if is_name() => (
                "is said as it stands, and becomes the name of every lead",
                "write the columns of the name in braces: name = \"{COLUMN}\"".to_owned(),
            ),
            None => continue,
        };
        faults.push(MapFault {
            span: span.clone(),
            message: format!("{}: `{text}` {is}", map.name),
            hint: Some(hint),
        });
    }
    faults
}

/// How many columns a text names, and the same with each in braces, if it is made of nothing else.
fn columns_in(text: &str, table: &Table) -> Option<(usize, String)> {
    let mut headers: Vec<&str> = table.headers.iter().map(String::as_str).collect();
    headers.retain(|header| !header.is_empty());
    // `Name 2` before `Name`.
    headers.sort_by_key(|header| std::cmp::Reverse(header.len()));
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut count, mut meant, mut rest) = (0, String::new(), text);
    while let Some(sign) = rest.chars().next() {
        let ends = |header: &&&str| {
            let behind = rest.strip_prefix(**header);
            behind.is_some_and(|behind| !behind.starts_with(is_word))
        };
        if let Some(header) = headers.iter().find(ends) {
            count += 1;
            meant.push_str(&format!("{{{header}}}"));
            rest = &rest[header.len()..];
        } else if is_word(sign) {
            return None;
        } else {
            meant.push(sign);
            rest = &rest[sign.len_utf8()..];
        }
    }
    (count > 0).then_some((count, meant))
}

/// The values of columns by which commands are told apart, and for which there is none.
pub(super) fn of_no_command(map: &FileMap, table: &Table) -> Vec<Warning> {
    let asks = map.commands.iter().flat_map(|command| &command.only_if);
    let asks = asks.filter(|test| matches!(test.must, Must::Among(_)));
    let columns: BTreeSet<&str> = asks.map(|test| test.column.as_str()).collect();
    let warnings = columns
        .into_iter()
        .filter_map(|column| no_command_for(column, map, table));
    warnings.collect()
}

fn no_command_for(column: &str, map: &FileMap, table: &Table) -> Option<Warning> {
    let place = table.column(column)?;
    let mut named: BTreeSet<SmolStr> = BTreeSet::new();
    let commands = map.commands.iter();
    let tests = commands.flat_map(|command| command.only_if.iter().chain(&command.unless));
    for test in tests.filter(|test| test.column == column) {
        match &test.must {
            Must::Among(among) => named.extend(among.iter().map(|one| fold(one))),
            // A command that asks for nothing more is for all of them.
            Must::Present => return None,
        }
    }
    let mut left: BTreeMap<&str, u64> = BTreeMap::new();
    let mut lines = BTreeSet::new();
    for row in &table.rows {
        let cell = map.cell(&row.cells[place]);
        if !cell.is_empty() && !named.contains(&fold(cell)) {
            *left.entry(cell).or_default() += 1;
            lines.insert(row.line);
        }
    }
    let message = format!("`{column}`: no command is for {}", told_values(&left));
    let hint = "if that is meant, name it in an `unless`, or in the file's `empty`".to_owned();
    let warning = || Warning::of_lines(map.name.as_str(), &lines, message, Some(hint));
    (!left.is_empty()).then(warning)
}

/// `Cancelled` (2 rows), `Open` (1 row) and 3 more values.
fn told_values(values: &BTreeMap<&str, u64>) -> String {
    let told = values.iter().take(MOST_TOLD);
    let told: Vec<String> = told
        .map(|(value, rows)| format!("`{}` ({})", shortened(value), counted(*rows, "row")))
        .collect();
    match values.len().saturating_sub(MOST_TOLD) {
        0 => told.join(", "),
        more => format!(
            "{} and {}",
            told.join(", "),
            counted(more as u64, "more value")
        ),
    }
}

/// Rows in one of whose cells other rows stand: a quote that is opened by mistake takes in what
/// follows it, up to the next one.
pub(super) fn swallowing(file: &str, table: &Table) -> Vec<Warning> {
    let warnings = table.taken_in().map(|(line, taken_in)| {
        let rows = counted(taken_in.rows, "other row");
        let message = format!("a cell of this row holds what looks like {rows}");
        let hint = "is there a quote too many, or one too few?".to_owned();
        let lines = (line..=taken_in.last_line).collect();
        Warning::of_lines(file, &lines, message, Some(hint))
    });
    let mut warnings: Vec<Warning> = warnings.collect();
    warnings.sort_by_key(|warning| warning.line);
    warnings
}

/// The rows at whose end cells are missing, once of each file.
pub(super) fn ending_early(file: &str, table: &Table) -> Option<Warning> {
    let lines = &table.ends_early;
    let message = match lines.len() {
        0 => return None,
        1 => "the row ends early; the cells that are missing at its end are taken as empty"
            .to_owned(),
        count => format!(
            "{count} rows end early; the cells that are missing at their ends are taken as empty"
        ),
    };
    Some(Warning::of_lines(file, lines, message, None))
}

/// The rows whose phone number can't be one person's, once of each file.
pub(super) fn phones_of_nobody(map: &Map, commands: &[Planned]) -> Vec<Warning> {
    let mut of_files: BTreeMap<usize, (&str, BTreeSet<u64>)> = BTreeMap::new();
    for planned in commands {
        let Doing::Register(new) = &planned.doing else {
            continue;
        };
        let phone = new.phone.as_deref().filter(|said| {
            let has_digit = said.contains(|c: char| c.is_ascii_digit());
            has_digit && !is_of_somebody(said)
        });
        let Some(phone) = phone else {
            continue;
        };
        let of_file = of_files.entry(planned.place.file);
        let (_, lines) = of_file.or_insert_with(|| (phone, BTreeSet::new()));
        lines.insert(planned.place.line);
    }
    let warnings = of_files.into_iter().map(|(file, (first, lines))| {
        let first = shortened(first);
        let message = match lines.len() {
            1 => format!("`{first}` can't be one person's phone number, and identifies nobody"),
            count => format!(
                "{count} rows, first `{first}`, have what can't be one person's phone number, and \
                 identifies nobody"
            ),
        };
        let hint = "it is kept as it stands; leave it empty if it is no number".to_owned();
        let file = map.files[file].name.as_str();
        Warning::of_lines(file, &lines, message, Some(hint))
    });
    warnings.collect()
}

/// The files whose rows are known by their lines alone, which a later replay relies on.
pub(super) fn known_by_line(map: &Map, by_line: &BTreeSet<usize>) -> Vec<MapFault> {
    let files = by_line.iter().map(|place| {
        let file = &map.files[*place];
        MapFault {
            span: file.span.clone(),
            message: format!(
                "{}: the file has no `key`, so a later replay knows its rows by their lines alone",
                file.name
            ),
            hint: Some(
                "name a column in which no two rows are the same: key = \"COLUMN\"; without one, put new rows \
                 behind the last one and never between others"
                    .to_owned(),
            ),
        }
    });
    files.collect()
}

/// The rows that say something else than when they were carried out, once of each file.
pub(super) fn said_otherwise(map: &Map, rows: &BTreeSet<(usize, u64)>) -> Vec<Warning> {
    let files = map.files.iter().enumerate();
    let warnings = files.filter_map(|(place, file)| {
        let of_file = rows.range((place, 0)..=(place, u64::MAX));
        let lines: BTreeSet<u64> = of_file.map(|(_, line)| *line).collect();
        let says = match lines.len() {
            0 => return None,
            1 => "the row says something else than when it was".to_owned(),
            count => format!("{count} rows say something else than when they were"),
        };
        let message = format!("{says} carried out; what was said then stands");
        let hint = match file.key {
            Some(_) => "say what changed in a command of its own, with its time",
            None => SHIFTED,
        };
        Some(Warning::of_lines(
            file.name.as_str(),
            &lines,
            message,
            Some(hint.to_owned()),
        ))
    });
    warnings.collect()
}

/// What to do where rows are taken for others, since nothing but their lines tells them apart.
pub(super) const SHIFTED: &str = "the file has no `key`, so its rows are known by their lines alone: one that was put between others, or \
     taken out, makes all behind it seem to be others. Put rows behind the last one only, or name a `key` and \
     replay into a new database";

/// The values of a column, by what they are whatever their case.
type Cells<'a> = BTreeMap<SmolStr, &'a str>;

fn cells<'a>(column: &str, map: &FileMap, table: &'a Table) -> Cells<'a> {
    let Some(place) = table.column(column) else {
        return Cells::new();
    };
    let cells = table.rows.iter().map(|row| map.cell(&row.cells[place]));
    cells.map(|cell| (fold(cell), cell)).collect()
}

fn in_vain(test: &Test, map: &FileMap, cells: &Cells<'_>) -> Vec<MapFault> {
    let (column, file) = (&test.column, &map.name);
    let warned = |message: String, hint| MapFault {
        span: test.span.clone(),
        message,
        hint,
    };
    match &test.must {
        Must::Present if cells.keys().all(SmolStr::is_empty) => {
            vec![warned(
                format!("{file}: no row has anything in `{column}`"),
                None,
            )]
        }
        Must::Present => Vec::new(),
        Must::Among(among) => {
            let absent = among.iter().filter(|one| !cells.contains_key(&fold(one)));
            let absent = absent.map(|one| {
                let message = format!("{file}: no row has `{one}` in `{column}`");
                warned(message, Some(what_is_there(one, test, map, cells)))
            });
            absent.collect()
        }
    }
}

/// What was probably meant by a value that no row has.
fn what_is_there(asked: &str, test: &Test, map: &FileMap, cells: &Cells<'_>) -> String {
    let meanings = map.values.get(&test.column).into_iter().flatten();
    let mut meanings = meanings.filter(|meaning| fold(&meaning.means) == fold(asked));
    if let Some(Meaning { cell, .. }) = meanings.next() {
        return format!("write it as the file does: `{cell}`");
    }
    let there = cells.values().copied().filter(|cell| !cell.is_empty());
    if let Some(near) = nearest(asked, there.clone()) {
        return format!("did you mean `{near}`?");
    }
    let count = there.clone().count();
    let told: Vec<String> = there
        .take(MOST_TOLD)
        .map(|cell| format!("`{cell}`"))
        .collect();
    match (told.as_slice(), count > MOST_TOLD) {
        ([], _) => "the column is empty".into(),
        (told, false) => format!("there are: {}", told.join(", ")),
        (told, true) => format!(
            "there are: {} and {} more",
            told.join(", "),
            count - told.len()
        ),
    }
}
