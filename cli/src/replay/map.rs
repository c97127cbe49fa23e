//! The map of a replay: which columns of which files are which commands, and when.
//!
//! ```toml
//! # Which rows are which leads, and what happened to them.
//! [[file]]
//! path = "leads.csv"                  # relative to this map
//! key  = "id"                         # the column that names a row; its line, if nothing is said
//! zone = "America/Guayaquil"          # of its dates; the playbook's, if nothing is said
//!
//! [[file.command]]
//! lead     = "id"                     # the column that names the lead
//! at       = "arrived"                # the column that says when
//! register = { name = "{first} {last}", email = "{email}", source = "{origin}", city = "{city}" }
//!
//! [[file]]
//! path  = "deals.csv"
//! key   = "lead_id"
//! dates = { won_on = "dd-mm-yyyy" }   # found out over the whole column, if nothing is said
//!
//! [[file.command]]                    # the agents: once each, before everything else
//! if     = "seller"                   # only rows in which this column has something
//! set-up = { id = "{seller}", name = "{seller}", email = "{seller}@example.com", role = "advisor" }
//!
//! [[file.command]]
//! lead  = "lead_id"
//! at    = "won_on"
//! if    = { status = ["won", "signed"] }   # only rows in which this column is one of these
//! close = { as = "won", by = "{seller}" }
//! ```
//!
//! A command is said with the words of scenarios: `set-up` (an agent), `register`, `tried`,
//! `reached`, `answered`, `record`, `assign`, `reassign`, `move`, `close`, `reopen`, `hold`,
//! `release`, `set`, `complete`, `unsubscribe`. Its values are texts in which `{column}` stands
//! for the row's cell; a value whose columns are all empty is not said. `by` names the agent who
//! did it (`by = "host:crm"`: a part of the host); the host, if nothing is said. In `register`
//! and `set`, every other name is a field of the playbook.
//!
//! Also: `delimiter` and `encoding` of a file (found out, if nothing is said), its `decimal` mark
//! (`","` or `"."`; without it, a number that reads in two ways is refused), `empty` (texts that
//! mean nothing: `["NULL", "n/a"]`), `values` (what cells of a column mean to the playbook:
//! `[file.values.origin]`, then `"paid search" = "social"`), `unless` (as `if`), and `name` of a
//! command, which must differ among a file's commands of the same word.
//!
//! The id of a command derives from the file's path as written here, the row's key and the
//! command's name. So a replay into the same database does nothing twice, and rows that were added
//! are all that a second one carries out.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use leadkit::calendar::Zone;
use leadkit::playbook::Playbook;
use leadkit::value::fold;
use serde::Deserialize;
use serde_json::json;
use smol_str::SmolStr;
use toml::{Spanned, Value};

use super::dates::Order;
use super::numbers::DecimalMark;
use crate::snippets::{self, Style};
use crate::spell;

/// A map, checked against its playbook.
#[derive(Clone, Debug)]
pub struct Map {
    /// Its files, in order.
    pub files: Vec<FileMap>,
}

/// What a file's rows are.
#[derive(Clone, Debug)]
pub struct FileMap {
    /// Its path as written, which is part of the commands' ids.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// The column that names a row.
    pub key: Option<String>,
    /// The zone of its dates.
    pub zone: Zone,
    /// What stands between cells.
    pub delimiter: Option<u8>,
    /// The encoding's label.
    pub encoding: Option<String>,
    /// What stands before a number's fraction.
    pub decimal: Option<DecimalMark>,
    /// Texts that mean nothing.
    pub empty: Vec<String>,
    /// Declared orders of dates, by column.
    pub dates: BTreeMap<String, Order>,
    /// What cells mean to the playbook, by column.
    pub values: BTreeMap<String, BTreeMap<String, String>>,
    /// What its rows are.
    pub commands: Vec<CommandMap>,
}

/// A command that rows are.
#[derive(Clone, Debug)]
pub struct CommandMap {
    /// Its name among the file's commands.
    pub name: String,
    /// What it is.
    pub verb: Verb,
    /// The column that says when.
    pub at: Option<String>,
    /// The column that names the lead.
    pub lead: Option<String>,
    /// Only these rows.
    pub only_if: Vec<Test>,
    /// Not these rows.
    pub unless: Vec<Test>,
    /// Who did it.
    pub by: Option<Text>,
    /// What it says, by name.
    pub says: Vec<(String, Text)>,
}

impl CommandMap {
    /// What it says under a name.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&Text> {
        let said = self.says.iter().find(|(known, _)| known == name);
        said.map(|(_, text)| text)
    }
}

/// A test of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// The column.
    pub column: String,
    /// What it may be; anything at all, if empty.
    pub among: Vec<String>,
}

/// A text in which columns stand for cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub Vec<Part>);

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// As it stands.
    Plain(String),
    /// The row's cell of this column.
    Column(String),
}

impl Text {
    fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let doubled = rest.starts_with("{{") || rest.starts_with("}}");
            if doubled {
                plain.push(c);
                rest = &rest[2..];
            } else if c == '{' {
                let Some((column, after)) = rest[1..].split_once('}') else {
                    return Err("a `{` is not closed; write `{{` for the sign itself".into());
                };
                if !plain.is_empty() {
                    parts.push(Part::Plain(std::mem::take(&mut plain)));
                }
                parts.push(Part::Column(column.trim().into()));
                rest = after;
            } else if c == '}' {
                return Err("a `}` closes nothing; write `}}` for the sign itself".into());
            } else {
                plain.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
        if !plain.is_empty() || parts.is_empty() {
            parts.push(Part::Plain(plain));
        }
        Ok(Self(parts))
    }

    /// The columns that it speaks of.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Column(column) => Some(column.as_str()),
            Part::Plain(_) => None,
        })
    }

    /// The column, if it is nothing but one.
    #[must_use]
    pub fn only_column(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Column(column)] => Some(column),
            _ => None,
        }
    }
}

macro_rules! verbs {
    ($($variant:ident = $word:literal: $needs:expr, $may:expr;)+) => {
        /// What a row can be.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each is the command of its word")]
        pub enum Verb {
            $($variant,)+
        }

        impl Verb {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its word.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// What it must say.
            #[must_use]
            pub fn needs(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => &$needs,)+
                }
            }

            /// What it can say beside that.
            #[must_use]
            pub fn may(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => &$may,)+
                }
            }
        }
    };
}

verbs! {
    SetUp = "set-up": ["id"], ["name", "email", "phone", "role", "team", "cities", "capacity", "available"];
    Register = "register": ["name"], ["email", "phone", "source", "wait", "wait-days", "owner"];
    Tried = "tried": [], [];
    Reached = "reached": [], [];
    Answered = "answered": [], [];
    Record = "record": ["activity"], [];
    Assign = "assign": ["pool"], [];
    Reassign = "reassign": ["to"], [];
    Move = "move": ["to"], ["reason", "wait", "wait-days"];
    Close = "close": ["as"], ["reason"];
    Reopen = "reopen": ["to"], ["wait", "wait-days"];
    Hold = "hold": ["as"], [];
    Release = "release": ["from"], [];
    Set = "set": [], [];
    Complete = "complete": ["task"], ["choice"];
    Unsubscribe = "unsubscribe": [], [];
}

impl Verb {
    /// Whether it says fields of the playbook.
    #[must_use]
    pub fn says_fields(self) -> bool {
        matches!(self, Self::Register | Self::Set)
    }
}

/// Something wrong with a map.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MapFault {
    /// Where, in bytes.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub hint: Option<String>,
}

impl MapFault {
    pub(crate) fn told(&self, path: &Path, text: &str, style: Style) -> String {
        let place = snippets::Placed {
            path,
            text,
            span: self.span.clone(),
            message: &self.message,
            hint: self.hint.as_deref(),
        };
        snippets::placed(&place, style)
    }

    pub(crate) fn json(&self, path: &Path, text: &str) -> serde_json::Value {
        let before = text.get(..self.span.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        json!({
            "file": path,
            "line": line,
            "column": column,
            "message": self.message,
            "hint": self.hint,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MapToml {
    file: Vec<Spanned<FileToml>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FileToml {
    path: Spanned<String>,
    key: Option<String>,
    zone: Option<Spanned<String>>,
    delimiter: Option<Spanned<String>>,
    encoding: Option<String>,
    decimal: Option<Spanned<String>>,
    #[serde(default)]
    empty: Vec<String>,
    #[serde(default)]
    dates: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    values: BTreeMap<String, Spanned<BTreeMap<String, String>>>,
    #[serde(default)]
    command: Vec<Spanned<BTreeMap<String, Spanned<Value>>>>,
}

/// Reads a map.
///
/// # Errors
/// All that is wrong with it; of what is no map at all, the first fault.
pub fn read(path: &Path, text: &str, playbook: &Playbook) -> Result<Map, Vec<MapFault>> {
    let map: MapToml = toml::from_str(text).map_err(|error| {
        vec![MapFault {
            span: error.span().unwrap_or(0..0),
            message: error.message().to_owned(),
            hint: (!text.contains("[[file]]")).then(|| {
                "say with [[file]] which files there are; see leadkit replay --help".into()
            }),
        }]
    })?;
    let mut reader = Reader {
        playbook,
        faults: Vec::new(),
    };
    let base = path.parent().unwrap_or_else(|| Path::new(""));
    let mut files: Vec<FileMap> = Vec::new();
    for file in map.file {
        let span = file.span();
        let file = reader.file(file.into_inner(), base, span.clone());
        if files.iter().any(|known| known.name == file.name) {
            let message = format!("the file `{}` is mapped twice", file.name);
            reader.fault(
                span,
                message,
                Some("put all its commands under one [[file]]".into()),
            );
        }
        files.push(file);
    }
    if reader.faults.is_empty() {
        return Ok(Map { files });
    }
    reader.faults.sort_by_key(|fault| fault.span.start);
    Err(reader.faults)
}

struct Reader<'a> {
    playbook: &'a Playbook,
    faults: Vec<MapFault>,
}

impl Reader<'_> {
    fn fault(&mut self, span: Range<usize>, message: impl Into<String>, hint: Option<String>) {
        self.faults.push(MapFault {
            span,
            message: message.into(),
            hint,
        });
    }

    fn file(&mut self, file: FileToml, base: &Path, span: Range<usize>) -> FileMap {
        let zone = file
            .zone
            .and_then(|zone| match zone.get_ref().parse::<Zone>() {
                Ok(found) => Some(found),
                Err(unknown) => {
                    let near = unknown.nearest.first();
                    let hint = near.map(|near| format!("did you mean `{near}`?"));
                    self.fault(
                        zone.span(),
                        format!("there is no time zone `{}`", zone.get_ref()),
                        hint,
                    );
                    None
                }
            });
        let delimiter = file
            .delimiter
            .and_then(|said| match said.get_ref().as_bytes() {
                [one] => Some(*one),
                _ => {
                    let hint = Some("write for instance \";\" or \"\\t\"".into());
                    self.fault(said.span(), "a delimiter is one sign", hint);
                    None
                }
            });
        let decimal = file.decimal.and_then(|said| {
            let mark = DecimalMark::declared(said.get_ref());
            if mark.is_none() {
                let hint = Some("write decimal = \",\" or decimal = \".\"".into());
                self.fault(said.span(), "a decimal mark is a comma or a point", hint);
            }
            mark
        });
        let values = file.values.into_iter();
        let values = values.map(|(column, values)| (column, self.values(values)));
        let values = values.collect();
        let mut dates = BTreeMap::new();
        for (column, format) in file.dates {
            match Order::declared(format.get_ref()) {
                Some(order) => {
                    dates.insert(column, order);
                }
                None => {
                    let hint = Some(
                        "write for instance \"yyyy-mm-dd\", \"dd-mm-yyyy\", \"m/d/yyyy\"".into(),
                    );
                    let message = format!("`{}` is no form of a date", format.get_ref());
                    self.fault(format.span(), message, hint);
                }
            }
        }
        let mut commands: Vec<CommandMap> = Vec::new();
        for command in file.command {
            let span = command.span();
            let Some(command) = self.command(command.into_inner(), span.clone()) else {
                continue;
            };
            if commands.iter().any(|known| known.name == command.name) {
                let message = format!("this file has two commands named `{}`", command.name);
                let hint = "give each a `name` of its own; it is part of their ids".to_owned();
                self.fault(span, message, Some(hint));
            }
            commands.push(command);
        }
        if commands.is_empty() && self.faults.is_empty() {
            let hint = Some("say with [[file.command]] what its rows are".into());
            self.fault(span, "this file has no commands", hint);
        }
        FileMap {
            path: base.join(file.path.get_ref()),
            name: file.path.into_inner(),
            key: file.key,
            zone: zone.unwrap_or_else(|| self.playbook.zone.clone()),
            delimiter,
            encoding: file.encoding,
            decimal,
            empty: file.empty,
            dates,
            values,
            commands,
        }
    }

    /// What cells of a column mean: each cell one thing, whatever its case.
    fn values(&mut self, said: Spanned<BTreeMap<String, String>>) -> BTreeMap<String, String> {
        let span = said.span();
        let values = said.into_inner();
        let mut meanings: BTreeMap<SmolStr, (&String, &String)> = BTreeMap::new();
        for (cell, meaning) in &values {
            let known = meanings.insert(fold(cell), (cell, meaning));
            if let Some((other, _)) = known.filter(|(_, known)| *known != meaning) {
                let message = format!("`{other}` and `{cell}` are one cell with two meanings");
                let hint = "case makes no difference; keep one of them".to_owned();
                self.fault(span.clone(), message, Some(hint));
            }
        }
        values
    }

    fn command(
        &mut self,
        mut said: BTreeMap<String, Spanned<Value>>,
        span: Range<usize>,
    ) -> Option<CommandMap> {
        let mut text = |reader: &mut Self, key: &str| {
            let value = said.remove(key)?;
            let text = value.get_ref().as_str().map(ToOwned::to_owned);
            if text.is_none() {
                reader.fault(value.span(), format!("`{key}` must be a text"), None);
            }
            text
        };
        let (name, at, lead) = (text(self, "name"), text(self, "at"), text(self, "lead"));
        let only_if = said.remove("if").map(|value| self.tests(&value));
        let unless = said.remove("unless").map(|value| self.tests(&value));
        let mut verbs = Vec::new();
        for (key, value) in said {
            match Verb::ALL.iter().find(|verb| verb.word() == key) {
                Some(verb) => verbs.push((*verb, value)),
                None => {
                    let words = Verb::ALL.iter().map(|verb| verb.word());
                    let known = words.chain(["name", "at", "lead", "if", "unless"]);
                    let near = spell::nearest(&key, known);
                    let hint = near.map(|near| format!("did you mean `{near}`?"));
                    self.fault(
                        value.span(),
                        format!("`{key}` means nothing in a command"),
                        hint,
                    );
                }
            }
        }
        let (verb, value) = match verbs.as_slice() {
            [one] => one,
            [] => {
                let words: Vec<&str> = Verb::ALL.iter().map(|verb| verb.word()).collect();
                let hint = Some(format!("one of: {}", words.join(", ")));
                self.fault(span, "a command must say what it is", hint);
                return None;
            }
            [(one, _), (other, value), ..] => {
                let message = format!(
                    "one command is either `{}` or `{}`",
                    one.word(),
                    other.word()
                );
                self.fault(
                    value.span(),
                    message,
                    Some("write two [[file.command]]".into()),
                );
                return None;
            }
        };
        let (by, says) = self.says(*verb, value);
        for (column, key) in [(&at, "at"), (&lead, "lead")] {
            if column.is_none() && *verb != Verb::SetUp {
                let message = format!("`{}` needs `{key}`, a column", verb.word());
                self.fault(span.clone(), message, None);
            }
        }
        Some(CommandMap {
            name: name.unwrap_or_else(|| verb.word().into()),
            verb: *verb,
            at,
            lead,
            only_if: only_if.unwrap_or_default(),
            unless: unless.unwrap_or_default(),
            by,
            says,
        })
    }

    /// What stands in a command's own table.
    fn says(&mut self, verb: Verb, value: &Spanned<Value>) -> (Option<Text>, Vec<(String, Text)>) {
        let word = verb.word();
        let Some(table) = value.get_ref().as_table() else {
            let hint = Some(format!(
                "write {word} = {{}} where nothing more is to be said"
            ));
            self.fault(value.span(), format!("`{word}` must be a table"), hint);
            return (None, Vec::new());
        };
        let mut by = None;
        let mut says = Vec::new();
        // What is there under a slip of the pen is not also missing.
        let mut meant = Vec::new();
        for (key, said) in table {
            let said = match said {
                Value::String(text) => text.clone(),
                Value::Array(_) | Value::Table(_) => {
                    self.fault(value.span(), format!("`{key}` must be a text"), None);
                    continue;
                }
                other => other.to_string(),
            };
            let text = match Text::parse(&said) {
                Ok(text) => text,
                Err(message) => {
                    self.fault(value.span(), format!("in `{key}`: {message}"), None);
                    continue;
                }
            };
            let fields = self.playbook.fields.iter().map(|field| field.name.as_str());
            let fields = fields.filter(|_| verb.says_fields());
            let own = verb.needs().iter().chain(verb.may()).copied();
            let mut known = own.chain(["by"]).chain(fields);
            if key == "by" {
                by = Some(text);
            } else if known.any(|known| known == key) {
                says.push((key.clone(), text));
            } else {
                let fields = self.playbook.fields.iter().map(|field| field.name.as_str());
                let fields = fields.filter(|_| verb.says_fields());
                let own = verb.needs().iter().chain(verb.may()).copied();
                let known: Vec<&str> = own.chain(["by"]).chain(fields).collect();
                meant.extend(spell::nearest(key, known.iter().copied()));
                let hint = spell::hint(key, known.iter().copied());
                self.fault(
                    value.span(),
                    format!("`{word}` knows no `{key}`"),
                    Some(hint),
                );
            }
        }
        for needed in verb.needs() {
            let is_said = says.iter().any(|(known, _)| known == needed);
            if !is_said && !meant.contains(needed) {
                self.fault(value.span(), format!("`{word}` needs `{needed}`"), None);
            }
        }
        if verb == Verb::Set && says.is_empty() {
            self.fault(value.span(), "`set` needs a field and its value", None);
        }
        (by, says)
    }

    /// `if = "column"`, or `if = { column = "text", other = ["one", "another"] }`.
    fn tests(&mut self, value: &Spanned<Value>) -> Vec<Test> {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Array(_) | Value::Table(_) => None,
            other => Some(other.to_string()),
        };
        let found = match value.get_ref() {
            Value::String(column) => Some(vec![Test {
                column: column.clone(),
                among: Vec::new(),
            }]),
            Value::Table(table) => table
                .iter()
                .map(|(column, among)| {
                    let among = match among {
                        Value::Array(list) => list.iter().map(text).collect::<Option<_>>()?,
                        one => vec![text(one)?],
                    };
                    let column = column.clone();
                    Some(Test { column, among })
                })
                .collect(),
            _ => None,
        };
        if found.is_none() {
            let hint = "write if = \"column\", or if = { column = \"text\" }".to_owned();
            self.fault(value.span(), "this is no test of a row", Some(hint));
        }
        found.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_in_braces_and_braces_are_doubled() {
        let text = Text::parse("{a}@x {{b}} { c }").unwrap();
        assert_eq!(text.columns().collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(text.0[1], Part::Plain("@x {b} ".into()));
        assert!(Text::parse("{a").is_err());
        assert!(Text::parse("a}").is_err());
        assert_eq!(Text::parse("{a}").unwrap().only_column(), Some("a"));
        assert_eq!(Text::parse("").unwrap().only_column(), None);
    }
}
