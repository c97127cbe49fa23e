//! The map of a replay: which columns of which files are which commands, and when. How one is written
//! stands in `map.txt`, which `leadkit replay --help` prints.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use leadkit::calendar::Zone;
use leadkit::ids::Name;
use leadkit::value::folded_eq;
use serde_json::json;

use super::dates::Format;
use super::numbers::DecimalMark;
use super::plan::Place;
use crate::snippets::{self, Style};

mod commands;
mod literals;
mod read;

pub use read::read;

/// A map, checked against its playbook.
#[derive(Clone, Debug, Default)]
pub struct Map {
    /// Its files, in order.
    pub files: Vec<FileMap>,
    /// The first day of its history, if it says so.
    pub from: Option<NaiveDate>,
    /// The last one.
    pub to: Option<NaiveDate>,
}

impl Map {
    /// A place in the files, as people read it: `leads.csv:12`.
    pub(super) fn place(&self, place: &Place) -> String {
        format!("{}:{}", self.files[place.file].name, place.line)
    }
}

/// What a file's rows are.
#[derive(Clone, Debug)]
pub struct FileMap {
    /// Its path as written, in its plainest form: it is part of the commands' ids.
    pub name: String,
    /// Where the map says so.
    pub span: Range<usize>,
    /// Where it lies.
    pub path: PathBuf,
    /// The column that names a row.
    pub key: Option<String>,
    /// Where the map says so.
    pub key_span: Range<usize>,
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
    /// Declared forms of dates, by column; `None` where what is declared is no form, and a fault of the
    /// map: that is not to be found out too.
    pub dates: BTreeMap<String, Option<Format>>,
    /// What cells mean to the playbook, by column.
    pub values: BTreeMap<String, Vec<Meaning>>,
    /// What its commands say in words of their own, names of the playbook left out, each with the first
    /// place where they do.
    pub literals: BTreeMap<String, Range<usize>>,
    /// The agents whom its commands name in words of their own, each with the first place where they do.
    pub agents: BTreeMap<String, Range<usize>>,
    /// What its rows are.
    pub commands: Vec<CommandMap>,
    /// All columns that the map speaks of, each with the first place where it does.
    pub columns: BTreeMap<String, Range<usize>>,
}

impl FileMap {
    /// The columns without which none of its rows can be carried out: what names a row, and of commands
    /// that all rows are, the lead and the time.
    #[must_use]
    pub fn needed(&self) -> Vec<&str> {
        let of_all = self.commands.iter();
        let of_all =
            of_all.filter(|command| command.only_if.is_empty() && command.unless.is_empty());
        let named = of_all.flat_map(|command| command.lead.iter().chain(&command.at));
        self.key.iter().chain(named).map(String::as_str).collect()
    }

    /// The columns that say something: what is declared of them alone says nothing.
    #[must_use]
    pub fn read(&self) -> BTreeSet<&str> {
        let of_commands = self.commands.iter().flat_map(CommandMap::read);
        let key = self.key.iter().map(String::as_str);
        key.chain(of_commands).collect()
    }

    /// A cell as it stands, or nothing where it means nothing.
    #[must_use]
    pub fn cell<'a>(&self, cell: &'a str) -> &'a str {
        let is_empty = self.empty.iter().any(|empty| folded_eq(empty, cell));
        if is_empty { "" } else { cell }
    }
}

/// What a cell means to the playbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The cell.
    pub cell: String,
    /// What it means.
    pub means: String,
    /// Where the map says so.
    pub span: Range<usize>,
}

/// A command that rows are.
#[derive(Clone, Debug)]
pub struct CommandMap {
    /// Its name among the file's commands.
    pub name: String,
    /// What it is.
    pub verb: Verb,
    /// Where the map says so.
    pub span: Range<usize>,
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
    /// What each line of its quote says, by name.
    pub lines: Vec<Vec<(String, Text)>>,
    /// When the appointments are with which a lead is registered, by kind.
    pub appointments: Vec<(Name, Text)>,
}

impl CommandMap {
    /// Whether it sets up agents who are there from the beginning: each once, by the first row that
    /// says so.
    #[must_use]
    pub fn sets_up_at_once(&self) -> bool {
        self.verb == Verb::SetUp && self.at.is_none()
    }

    /// The columns that it reads.
    pub fn read(&self) -> impl Iterator<Item = &str> {
        let tests = self.only_if.iter().chain(&self.unless);
        let tests = tests.map(|test| test.column.as_str());
        let named = self.at.iter().chain(&self.lead).map(String::as_str);
        let says = self.says.iter().chain(self.lines.iter().flatten());
        let texts = says.map(|(_, text)| text);
        let appointments = self.appointments.iter().map(|(_, at)| at);
        let texts = texts.chain(appointments).chain(&self.by);
        named.chain(tests).chain(texts.flat_map(Text::columns))
    }

    /// What it says of times, beside the fields of the playbook.
    pub fn times(&self) -> impl Iterator<Item = &Text> {
        let own = match self.verb {
            Verb::Book => self.text("at"),
            Verb::Rebook => self.text("to"),
            _ => None,
        };
        let appointments = self.appointments.iter().map(|(_, at)| at);
        own.into_iter().chain(appointments)
    }

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
    /// What its cell must be.
    pub must: Must,
    /// Where the map says so.
    pub span: Range<usize>,
}

/// What a cell must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Must {
    /// Anything that means something.
    Present,
    /// One of these, whatever their case.
    Among(Vec<String>),
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
    SetUp = "set-up": ["id"], ["name", "email", "phone", "role", "team", "cities", "zones", "skills", "hours", "capacity", "available"];
    Register = "register": ["name"], ["email", "phone", "source", "wait", "wait-days", "owner", "appointment", "referral"];
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
    Complete = "complete": ["task"], ["choice", "reason"];
    Quote = "quote": ["lines"], ["valid-days", "terms"];
    Accept = "accept": [], ["version"];
    Decline = "decline": [], ["version", "reason"];
    Book = "book": ["appointment", "at"], ["with"];
    Rebook = "rebook": ["appointment", "to"], [];
    Held = "held": ["appointment"], [];
    NoShow = "no-show": ["appointment"], [];
    Cancel = "cancel": ["appointment"], [];
    Feedback = "feedback": ["appointment", "says"], [];
    Attach = "attach": ["document", "name"], ["uri", "sha256", "media-type"];
    Unsubscribe = "unsubscribe": [], [];
    Correct = "correct": [], ["name", "phone"];
    GiveEmail = "give-email": ["email"], [];
    Refer = "refer": ["agent"], [];
    Leave = "leave": ["agent", "to"], ["else"];
}

impl Verb {
    /// The name under which it knows a word: `wait_days`, as conditions write it, is `wait-days`.
    #[must_use]
    pub fn own(self, said: &str) -> Option<&'static str> {
        let said = said.replace('_', "-");
        let mut own = self.needs().iter().chain(self.may());
        own.find(|own| **own == said).copied()
    }

    /// Whether it is about a lead, or about an agent.
    #[must_use]
    pub fn is_about_a_lead(self) -> bool {
        !matches!(self, Self::SetUp | Self::Refer | Self::Leave)
    }

    /// Whether it can be there from the beginning, and need not say when.
    #[must_use]
    pub fn is_of_the_beginning(self) -> bool {
        matches!(self, Self::SetUp | Self::Refer)
    }

    /// Whether it says fields of the playbook.
    #[must_use]
    pub fn says_fields(self) -> bool {
        matches!(
            self,
            Self::Register | Self::Record | Self::Set | Self::Complete
        )
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

    /// The line on which it begins.
    pub(crate) fn line(&self, text: &str) -> u64 {
        let before = text.get(..self.span.start).unwrap_or(text);
        before.matches('\n').count() as u64 + 1
    }

    pub(crate) fn json(&self, path: &Path, text: &str) -> serde_json::Value {
        let before = text.get(..self.span.start).unwrap_or(text);
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        json!({
            "file": path,
            "line": self.line(text),
            "column": column,
            "message": self.message,
            "hint": self.hint,
        })
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
