//! Reading a map and its files: walked by hand, so that all that is wrong with it is told at once, each
//! fault where it stands.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use chrono::NaiveDate;
use encoding_rs::Encoding;
use leadkit::calendar::Zone;
use leadkit::hint::nearest;
use leadkit::playbook::{Playbook, slips};
use leadkit::value::fold;
use smol_str::SmolStr;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::dates::Format;
use super::super::numbers::DecimalMark;
use super::{CommandMap, FileMap, Map, MapFault, Meaning};
use crate::spell;

/// A value with its place.
pub(super) type Said<'a> = Spanned<DeValue<'a>>;
/// What is written under a key, which has a place of its own.
pub(super) type Entry<'a, 'b> = (&'b str, Range<usize>, &'b Said<'a>);

/// What can stand above the files.
const OF_MAP: [&str; 3] = ["file", "from", "to"];
/// What a file can say.
const OF_FILE: [&str; 10] = [
    "path",
    "key",
    "zone",
    "delimiter",
    "encoding",
    "decimal",
    "empty",
    "dates",
    "values",
    "command",
];
/// The sections of which there are several, each in double brackets.
const LISTS: [&str; 2] = ["file", "file.command"];

/// Reads a map as far as it can be read, and tells all that is wrong with it. Of what is no TOML at
/// all, only that is told.
#[must_use]
pub fn read(path: &Path, text: &str, playbook: &Playbook) -> (Map, Vec<MapFault>) {
    let (table, _) = DeTable::parse_recoverable(text);
    let mut reader = Reader {
        playbook,
        text,
        columns: BTreeMap::new(),
        literals: BTreeMap::new(),
        agents: BTreeMap::new(),
        faults: Vec::new(),
    };
    let slips = slips(text, &LISTS);
    let mut map = Map::default();
    if slips.is_empty() {
        let base = path.parent().unwrap_or_else(|| Path::new(""));
        map = reader.map(&table, base);
    } else if is_table(text) {
        let hint = "a map is a TOML file that names the table: [[file]], then path = \"leads.csv\"; see leadkit \
                    replay --help";
        reader.fault(0..0, "this is no map but a table", Some(hint.into()));
    } else {
        for slip in slips {
            reader.fault(slip.at, slip.message, slip.hint.map(String::from));
        }
    }
    reader.faults.sort_by_key(|fault| fault.span.start);
    (map, reader.faults)
}

/// Whether what was given for a map is a table: its first line names columns.
fn is_table(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty()).unwrap_or_default();
    let is_toml = first.contains('=') || first.starts_with(['[', '#']);
    let is_sep = first.trim_matches('"').starts_with("sep=");
    is_sep || (!is_toml && first.contains([',', ';', '\t', '|']))
}

pub(super) struct Reader<'t> {
    pub(super) playbook: &'t Playbook,
    text: &'t str,
    /// The columns of the file that is being read.
    columns: BTreeMap<String, Range<usize>>,
    /// What its commands say in words of their own.
    pub(super) literals: BTreeMap<String, Range<usize>>,
    /// The agents whom they name so.
    pub(super) agents: BTreeMap<String, Range<usize>>,
    faults: Vec<MapFault>,
}

impl Reader<'_> {
    /// Notes a fault, once at each place.
    pub(super) fn fault(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        let fault = MapFault {
            span,
            message: message.into(),
            hint,
        };
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// What a table says, in the order in which it stands there.
    pub(super) fn entries<'a, 'b>(table: &'b DeTable<'a>) -> Vec<Entry<'a, 'b>> {
        let mut entries: Vec<Entry<'a, 'b>> = table
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), key.span(), value))
            .collect();
        entries.sort_by_key(|(_, span, _)| span.start);
        entries
    }

    fn unknown(&mut self, key: &str, span: Range<usize>, place: &str, known: &[&str]) {
        let message = format!("`{key}` means nothing in {place}");
        let hint = spell::hint(key, known.iter().copied());
        self.fault(span, message, Some(hint));
    }

    pub(super) fn string(&mut self, key: &str, value: &Said<'_>) -> Option<String> {
        let text = value.get_ref().as_str().map(ToOwned::to_owned);
        if text.is_none() {
            let hint = Some(format!("write {key} = \"..\""));
            self.fault(value.span(), format!("`{key}` must be a text"), hint);
        }
        text
    }

    /// A text, or a number or a date as it is written.
    pub(super) fn scalar(&self, value: &Said<'_>) -> Option<String> {
        match value.get_ref() {
            DeValue::String(text) => Some(text.as_ref().to_owned()),
            DeValue::Array(_) | DeValue::Table(_) => None,
            _ => self.text.get(value.span()).map(ToOwned::to_owned),
        }
    }

    fn map(&mut self, table: &Spanned<DeTable<'_>>, base: &Path) -> Map {
        let mut map = Map::default();
        let mut files = None;
        for (key, span, value) in Self::entries(table.get_ref()) {
            match key {
                "file" => files = Some(value),
                "from" => map.from = self.day(key, value),
                "to" => map.to = self.day(key, value),
                _ => self.unknown(key, span, "a map", &OF_MAP),
            }
        }
        if let (Some(from), Some(to)) = (map.from, map.to)
            && from > to
        {
            let message = format!("the history would end on {to}, before it begins on {from}");
            self.fault(0..0, message, None);
        }
        let hint = "say with [[file]] which files there are; see leadkit replay --help";
        let Some(files) = files else {
            self.fault(0..0, "the map names no file", Some(hint.into()));
            return map;
        };
        let listed = self.tables(files, "file", hint);
        for (span, table) in listed {
            let file = self.file(table, base, span);
            if let Some(known) = map.files.iter().find(|known| is_same(known, &file)) {
                let message = match known.name == file.name {
                    true => format!("the file `{}` is mapped twice", file.name),
                    false => format!(
                        "`{}` is the file `{}`, mapped already",
                        file.name, known.name
                    ),
                };
                let hint = Some("put all its commands under one [[file]]".into());
                self.fault(file.span.clone(), message, hint);
            }
            map.files.push(file);
        }
        map
    }

    /// The tables of a list of tables.
    pub(super) fn tables<'a, 'b>(
        &mut self,
        value: &'b Said<'a>,
        key: &str,
        hint: &str,
    ) -> Vec<(Range<usize>, &'b DeTable<'a>)> {
        let mut tables = Vec::new();
        for one in value
            .get_ref()
            .as_array()
            .into_iter()
            .flat_map(|list| list.iter())
        {
            match one.get_ref().as_table() {
                Some(table) => tables.push((one.span(), table)),
                None => self.fault(one.span(), format!("`{key}` must be a table"), None),
            }
        }
        if !value.get_ref().is_array() {
            let message = format!("`{key}` must be a list of tables");
            self.fault(value.span(), message, Some(hint.into()));
        }
        tables
    }

    fn day(&mut self, key: &str, value: &Said<'_>) -> Option<NaiveDate> {
        let day = self.scalar(value).and_then(|text| text.parse().ok());
        if day.is_none() {
            let message = format!("`{key}` must be a day");
            let hint = format!("write for instance {key} = 2018-04-01");
            self.fault(value.span(), message, Some(hint));
        }
        day
    }

    fn file(&mut self, table: &DeTable<'_>, base: &Path, span: Range<usize>) -> FileMap {
        self.columns = BTreeMap::new();
        self.literals = BTreeMap::new();
        self.agents = BTreeMap::new();
        let mut file = FileMap {
            path: PathBuf::new(),
            name: String::new(),
            span: span.clone(),
            key: None,
            key_span: span.clone(),
            zone: self.playbook.zone.clone(),
            delimiter: None,
            encoding: None,
            decimal: None,
            empty: Vec::new(),
            dates: BTreeMap::new(),
            values: BTreeMap::new(),
            literals: BTreeMap::new(),
            agents: BTreeMap::new(),
            commands: Vec::new(),
            columns: BTreeMap::new(),
        };
        let mut commands = None;
        let mut has_path = false;
        let entries = Self::entries(table);
        for (key, place, value) in &entries {
            match *key {
                "path" => {
                    has_path = true;
                    file.span = value.span();
                    let path = self.string(key, value).unwrap_or_default();
                    file.name = plain_path(&path, base);
                    file.path = base.join(path);
                }
                "key" => {
                    file.key_span = value.span();
                    file.key = self.column(key, value);
                }
                "zone" => file.zone = self.zone(value).unwrap_or(file.zone),
                "delimiter" => file.delimiter = self.delimiter(value),
                "encoding" => file.encoding = self.encoding(value),
                "decimal" => file.decimal = self.decimal(value),
                "empty" => file.empty = self.empty(value),
                "dates" => file.dates = self.dates(value),
                "values" => file.values = self.values(value),
                "command" => commands = Some(*value),
                _ => {
                    // What is there under a slip of the pen is not also missing.
                    has_path |= nearest(key, OF_FILE) == Some("path");
                    self.unknown(key, place.clone(), "a file", &OF_FILE);
                }
            }
        }
        if !has_path {
            self.fault(span.clone(), "a file needs its `path`", None);
        }
        let hint = "say with [[file.command]] what its rows are";
        if let Some(commands) = commands {
            let meanings = entries.iter().find(|(key, ..)| *key == "values");
            let meanings = meanings.map(|(.., value)| *value);
            for (span, table) in self.tables(commands, "command", hint) {
                let Some(command) = self.command(table, span.clone(), meanings) else {
                    continue;
                };
                let mut known = file.commands.iter();
                if known.any(|known: &CommandMap| known.name == command.name) {
                    let message = format!("this file has two commands named `{}`", command.name);
                    let hint = "give each a `name` of its own; it is part of their ids".to_owned();
                    self.fault(span, message, Some(hint));
                }
                file.commands.push(command);
            }
        }
        let is_empty = commands.is_none_or(|commands| {
            let list = commands.get_ref().as_array();
            list.is_some_and(|list| list.iter().next().is_none())
        });
        let is_misspelt = entries
            .iter()
            .any(|(key, ..)| *key != "command" && nearest(key, OF_FILE) == Some("command"));
        if is_empty && !is_misspelt {
            self.fault(span, "this file has no commands", Some(hint.into()));
        }
        file.columns = std::mem::take(&mut self.columns);
        file.literals = std::mem::take(&mut self.literals);
        file.agents = std::mem::take(&mut self.agents);
        file
    }

    /// A key whose value names a column.
    pub(super) fn column(&mut self, key: &str, value: &Said<'_>) -> Option<String> {
        let column = self.string(key, value)?;
        self.speaks_of(&column, value.span());
        Some(column)
    }

    pub(super) fn speaks_of(&mut self, column: &str, span: Range<usize>) {
        self.columns.entry(column.to_owned()).or_insert(span);
    }

    fn zone(&mut self, value: &Said<'_>) -> Option<Zone> {
        let said = self.string("zone", value)?;
        match said.parse::<Zone>() {
            Ok(zone) => Some(zone),
            Err(unknown) => {
                let near = unknown.nearest.first();
                let hint = near.map(|near| format!("did you mean `{near}`?"));
                let place = "name the zone by a place in it, as in `America/Guayaquil`";
                let hint = hint.or_else(|| Some(place.to_owned()));
                let message = format!("there is no time zone `{said}`");
                self.fault(value.span(), message, hint);
                None
            }
        }
    }

    fn delimiter(&mut self, value: &Said<'_>) -> Option<u8> {
        let said = self.string("delimiter", value)?;
        if let [one] = said.as_bytes() {
            return Some(*one);
        }
        let hint = Some("write for instance \";\" or \"\\t\"".into());
        self.fault(value.span(), "a delimiter is one sign", hint);
        None
    }

    fn encoding(&mut self, value: &Said<'_>) -> Option<String> {
        let said = self.string("encoding", value)?;
        if Encoding::for_label(said.trim().as_bytes()).is_some() {
            return Some(said);
        }
        let hint = "write for instance \"utf-8\", \"windows-1252\", \"utf-16le\"".to_owned();
        self.fault(value.span(), format!("`{said}` is no encoding"), Some(hint));
        None
    }

    fn decimal(&mut self, value: &Said<'_>) -> Option<DecimalMark> {
        let said = self.string("decimal", value)?;
        let mark = DecimalMark::declared(&said);
        if mark.is_none() {
            let hint = Some("write decimal = \",\" or decimal = \".\"".into());
            self.fault(value.span(), "a decimal mark is a comma or a point", hint);
        }
        mark
    }

    fn empty(&mut self, value: &Said<'_>) -> Vec<String> {
        let list = value.get_ref().as_array();
        let texts = list.and_then(|list| list.iter().map(|one| self.scalar(one)).collect());
        if texts.is_none() {
            let hint = Some("write for instance empty = [\"NULL\", \"n/a\"]".into());
            self.fault(value.span(), "`empty` must be a list of texts", hint);
        }
        texts.unwrap_or_default()
    }

    /// A table whose keys are columns.
    fn by_column<'a, 'b>(
        &mut self,
        key: &str,
        value: &'b Said<'a>,
        hint: &str,
    ) -> Vec<Entry<'a, 'b>> {
        let Some(table) = value.get_ref().as_table() else {
            let message = format!("`{key}` must be a table of columns");
            self.fault(value.span(), message, Some(hint.into()));
            return Vec::new();
        };
        let entries = Self::entries(table);
        for (column, span, _) in &entries {
            self.speaks_of(column, span.clone());
        }
        entries
    }

    fn dates(&mut self, value: &Said<'_>) -> BTreeMap<String, Option<Format>> {
        let mut dates = BTreeMap::new();
        let forms = "write for instance \"yyyy-mm-dd\", \"dd-mm-yyyy\", \"m/d/yyyy\"";
        for (column, _, form) in self.by_column("dates", value, forms) {
            let Some(said) = self.string(column, form) else {
                continue;
            };
            let format = Format::declared(&said);
            if format.is_none() {
                let message = format!("`{said}` is no form of a date");
                self.fault(form.span(), message, Some(forms.into()));
            }
            dates.insert(column.to_owned(), format);
        }
        dates
    }

    fn values(&mut self, value: &Said<'_>) -> BTreeMap<String, Vec<Meaning>> {
        let hint = "write [file.values.COLUMN], then \"cell\" = \"what it means\"";
        let columns = self.by_column("values", value, hint);
        let mut values = BTreeMap::new();
        for (column, _, meanings) in columns {
            let Some(table) = meanings.get_ref().as_table() else {
                let message = format!("the values of `{column}` must be a table");
                self.fault(meanings.span(), message, Some(hint.into()));
                continue;
            };
            let meanings = self.meanings(table);
            values.insert(column.to_owned(), meanings);
        }
        values
    }

    /// What cells of a column mean: each cell one thing, whatever its case.
    fn meanings(&mut self, table: &DeTable<'_>) -> Vec<Meaning> {
        let mut known: BTreeMap<SmolStr, (&str, String)> = BTreeMap::new();
        let mut meanings = Vec::new();
        for (cell, span, value) in Self::entries(table) {
            let Some(meaning) = self.scalar(value) else {
                let message = format!("what `{cell}` means must be a text");
                self.fault(value.span(), message, None);
                continue;
            };
            let before = known.insert(fold(cell), (cell, meaning.clone()));
            if let Some((other, _)) = before.filter(|(_, known)| *known != meaning) {
                let message = format!("`{other}` and `{cell}` are one cell with two meanings");
                let hint = "case makes no difference; keep one of them".to_owned();
                self.fault(span.clone(), message, Some(hint));
            }
            meanings.push(Meaning {
                cell: cell.to_owned(),
                means: meaning,
                span,
            });
        }
        meanings
    }
}

/// A path in its plainest form, relative to the map where it can be: however it is written, the file
/// is the same, and so are the ids of its rows.
fn plain_path(path: &str, base: &Path) -> String {
    let path = Path::new(path);
    let path = match path.is_absolute() {
        true => std::path::absolute(base)
            .ok()
            .and_then(|base| path.strip_prefix(base).ok().map(Path::to_owned))
            .unwrap_or_else(|| path.to_owned()),
        false => path.to_owned(),
    };
    let mut plain = PathBuf::new();
    for part in path.components() {
        let is_in_folder = matches!(plain.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::CurDir => {}
            Component::ParentDir if is_in_folder => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain.to_string_lossy().into_owned()
}

/// Whether both are one file, also where links lead to it.
fn is_same(one: &FileMap, other: &FileMap) -> bool {
    if one.name == other.name {
        return true;
    }
    let (one, other) = (one.path.canonicalize(), other.path.canonicalize());
    matches!((one, other), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_however_it_is_written() {
        let base = Path::new("/history");
        for path in [
            "s.csv",
            "./s.csv",
            "a/../s.csv",
            ".//s.csv",
            "/history/./s.csv",
        ] {
            assert_eq!(plain_path(path, base), "s.csv", "{path}");
        }
        assert_eq!(plain_path("../s.csv", base), "../s.csv");
        assert_eq!(plain_path("/other/s.csv", base), "/other/s.csv");
    }
}
