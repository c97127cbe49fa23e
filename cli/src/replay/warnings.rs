//! What a replay carries out and tells all the same, since it is probably not meant.

use std::collections::BTreeMap;

use leadkit::hint::nearest;
use leadkit::value::fold;
use serde::Serialize;
use smol_str::SmolStr;

use super::map::{FileMap, MapFault, Must, Test};
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
}

/// How many values of a column are told at most.
const MOST_TOLD: usize = 12;

/// What the commands of a file ask of its rows and no row has: a slip of the pen leaves rows out as
/// if they were meant to be.
pub(super) fn asked_in_vain(map: &FileMap, table: &Table) -> Vec<MapFault> {
    let commands = map.commands.iter();
    let tests = commands.flat_map(|command| command.only_if.iter().chain(&command.unless));
    let tests = tests.filter(|_| !table.rows.is_empty());
    tests
        .flat_map(|test| in_vain(test, map, &cells(&test.column, map, table)))
        .collect()
}

/// Rows in one of whose cells a whole row stands: a quote that is opened by mistake takes in what
/// follows it, up to the next one.
pub(super) fn swallowing(file: &str, table: &Table) -> Vec<Warning> {
    let between = table.headers.len().saturating_sub(1);
    let is_row = |line: &str| between > 1 && line.matches(table.delimiter).count() == between;
    let swallowing = table.rows.iter().filter_map(|row| {
        let lines = row.cells.iter().flat_map(|cell| cell.split('\n').skip(1));
        let swallowed = lines.filter(|line| is_row(line)).count();
        (swallowed > 0).then(|| {
            let swallowed = counted(swallowed as u64, "other row");
            let message = format!("a cell of this row holds what looks like {swallowed}");
            let hint = "is there a quote too many, or one too few?".to_owned();
            Warning::of_line(file, row.line, message, Some(hint))
        })
    });
    swallowing.collect()
}

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
    let mut meanings = meanings.filter(|(_, meaning)| fold(meaning) == fold(asked));
    if let Some((cell, _)) = meanings.next() {
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
