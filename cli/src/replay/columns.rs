//! What a map says of whole columns, held against the file: a column that nothing reads is kept nowhere,
//! a key that names several rows is none, and a file may have no rows at all.

use std::collections::{BTreeMap, BTreeSet};

use leadkit::facts::LeadFact;
use leadkit::playbook::Playbook;

use super::map::{FileMap, Map, MapFault, Verb};
use super::plan::{Doing, Planned};
use super::table::{Row, Table};
use super::warnings::Warning;
use crate::report::counted;

/// The columns of a file that nothing reads, all in one warning, and what the map says of them in vain;
/// and that a file has no rows.
pub(super) fn unread(map: &FileMap, table: &Table) -> Vec<MapFault> {
    let mut warnings = Vec::new();
    if table.rows.is_empty() && table.refused.is_empty() {
        warnings.push(MapFault {
            span: map.span.clone(),
            message: format!("{} has no rows", map.name),
            hint: None,
        });
    }
    let read = map.read();
    let headers = table.headers.iter().map(String::as_str);
    let unread: Vec<String> = headers
        .filter(|header| !header.is_empty() && !read.contains(header))
        .map(|header| format!("`{header}`"))
        .collect();
    if let [first, others @ ..] = unread.as_slice() {
        let word = if others.is_empty() {
            "column"
        } else {
            "columns"
        };
        let [names, example] = [unread.join(", "), first.replace('`', "")];
        warnings.push(MapFault {
            span: map.span.clone(),
            message: format!("{}: nothing reads the {word} {names}", map.name),
            hint: Some(format!(
                "what stands there is kept nowhere; if a command is to say it, write {{{example}}}"
            )),
        });
    }
    let values = map.values.keys().map(|column| (column, "values"));
    let dates = map.dates.keys().map(|column| (column, "dates"));
    let in_vain = values.chain(dates);
    let in_vain = in_vain.filter(|(column, _)| !read.contains(column.as_str()));
    warnings.extend(in_vain.map(|(column, of)| MapFault {
        span: map.columns.get(column).unwrap_or(&map.span).clone(),
        message: format!(
            "{}: `{of}` speaks of `{column}`, which nothing reads",
            map.name
        ),
        hint: Some(format!(
            "write {{{column}}} in the command that is to say it"
        )),
    }));
    warnings
}

/// That the column by which rows are named names most of them after others, and which one could.
pub(super) fn key_of_many(map: &FileMap, table: &Table) -> Option<MapFault> {
    let key = map.key.as_ref()?;
    let place = table.column(key)?;
    let is_named = |row: &&Row| !map.cell(&row.cells[place]).is_empty();
    let rows: BTreeSet<&[String]> = table
        .rows
        .iter()
        .filter(is_named)
        .map(|row| row.cells.as_slice())
        .collect();
    let names: BTreeSet<&str> = rows.iter().map(|cells| cells[place].as_str()).collect();
    let again = rows.len() - names.len();
    if again * 2 <= rows.len() {
        return None;
    }
    let names_each = |column: &&String| {
        let Some(place) = table.column(column).filter(|_| !column.is_empty()) else {
            return false;
        };
        let cells = rows.iter().map(|cells| map.cell(&cells[place]));
        let cells: BTreeSet<&str> = cells.filter(|cell| !cell.is_empty()).collect();
        cells.len() == rows.len()
    };
    let instead = match table.headers.iter().find(names_each) {
        Some(column) => format!("as in key = {column:?}"),
        None => "or none: without a `key` rows are known by their lines".to_owned(),
    };
    Some(MapFault {
        span: map.key_span.clone(),
        message: format!(
            "{}: `{key}` names no row: {again} of {} have what another row has there",
            map.name,
            counted(rows.len() as u64, "row"),
        ),
        hint: Some(format!(
            "name a column in which no two rows are the same, {instead}"
        )),
    })
}

/// The commands of a map that register leads without a source, where a route asks for it.
pub(super) fn no_source(map: &Map, playbook: &Playbook) -> Vec<MapFault> {
    if !asks_for_source(playbook) {
        return Vec::new();
    }
    let commands = map
        .files
        .iter()
        .flat_map(|file| file.commands.iter().map(move |command| (file, command)));
    let registers = commands
        .filter(|(_, command)| command.verb == Verb::Register && command.text("source").is_none());
    let warnings = registers.map(|(file, command)| MapFault {
        span: command.span.clone(),
        message: format!(
            "{}: `register` says no `source`, and the playbook's routes ask for it",
            file.name
        ),
        hint: Some("say from which column it is known: source = \"{COLUMN}\"".to_owned()),
    });
    warnings.collect()
}

/// The rows that register leads and leave the source empty that the map reads, where a route asks for it:
/// once of each file.
pub(super) fn empty_sources(map: &Map, commands: &[Planned], playbook: &Playbook) -> Vec<Warning> {
    if !asks_for_source(playbook) {
        return Vec::new();
    }
    let mut of_files: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
    for planned in commands {
        let place = &planned.place;
        let command = &map.files[place.file].commands[place.command];
        let is_empty = matches!(&planned.doing, Doing::Register(new) if new.source.is_none());
        if is_empty && command.text("source").is_some() {
            of_files.entry(place.file).or_default().insert(place.line);
        }
    }
    let warnings = of_files.into_iter().map(|(file, lines)| {
        let message = match lines.len() {
            1 => "a lead without a `source`, for which the playbook's routes ask".to_owned(),
            count => {
                format!("{count} leads without a `source`, for which the playbook's routes ask")
            }
        };
        Warning::of_lines(map.files[file].name.as_str(), &lines, message, None)
    });
    warnings.collect()
}

/// Whether it depends on a lead's source to which stage it goes.
fn asks_for_source(playbook: &Playbook) -> bool {
    let conditions = playbook
        .routes
        .iter()
        .filter_map(|route| route.only_if.as_ref());
    let mut facts = conditions.flat_map(|condition| condition.facts());
    facts.any(|fact| {
        let fact = LeadFact::named(fact.name.as_str());
        matches!(fact, Some(LeadFact::Source | LeadFact::SourceKind))
    })
}
