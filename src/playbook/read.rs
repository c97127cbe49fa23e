//! Reading TOML with places: every value knows where it stands, every fault is collected.
//!
//! Serde stops at the first fault and forgets where things stood; a playbook's reader tells all
//! of them. So the file is read into a tree of spanned values, and walked by hand.

mod amounts;
mod commas;
mod echoes;
mod keys;
mod lengths;
mod mended;
mod misspelled;
mod quotes;
mod section;
mod syntax;

use std::cell::RefCell;
use std::ops::Range;

use smol_str::{SmolStr, ToSmolStr, format_smolstr};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::condition::{Catalogue, Condition};
use crate::hint::{day_meant, nearest};
use crate::ids::Name;
use crate::letters::{hidden_in_line, hidden_in_text};
use crate::playbook::fault::{Fault, FaultKind};
use crate::playbook::pipeline::{Field, Misfit};
use crate::value::{Number, TwoWays, Value, ValueType, plain, without_separators};

pub(crate) use echoes::{
    drop_echoes, drop_echoes_of_headings, drop_echoes_of_names, tell_once_that_none_is_there,
    unknown_name,
};
pub(crate) use mended::Mended;
pub use mended::slips;
pub(crate) use misspelled::tell_misspelled_once;
pub(crate) use section::Section;
pub use syntax::Slip;

/// A file of a playbook, and the faults that were found in it.
pub(crate) struct Source<'s> {
    pub(crate) file: SmolStr,
    pub(crate) text: &'s str,
    /// What was read in place of the text, if some headers had to be closed.
    mended: Option<&'s Mended>,
    pub(crate) faults: &'s RefCell<Vec<Fault>>,
}

impl<'s> Source<'s> {
    /// A file whose text is read as it is.
    pub(crate) fn new(
        file: impl Into<SmolStr>,
        text: &'s str,
        faults: &'s RefCell<Vec<Fault>>,
    ) -> Self {
        Self {
            file: file.into(),
            text,
            mended: None,
            faults,
        }
    }

    /// Reports a fault at a place of this file.
    pub(crate) fn fault(&self, span: Range<usize>, kind: FaultKind, hint: Option<SmolStr>) {
        let span = self.in_the_file(span);
        let (line, column) = place_of(self.text, span.start);
        let file = self.file.clone();
        self.faults.borrow_mut().push(Fault {
            file,
            line,
            column,
            span,
            kind,
            hint,
        });
    }

    /// Where in the file a part of what was read stands.
    fn in_the_file(&self, span: Range<usize>) -> Range<usize> {
        match self.mended {
            Some(mended) => mended.in_the_file(span.start)..mended.in_the_file(span.end),
            None => span,
        }
    }

    /// Line and column of a place of what was read.
    fn place(&self, at: usize) -> (usize, usize) {
        place_of(self.text, self.in_the_file(at..at).start)
    }

    /// The line of a place of what was read.
    pub(crate) fn line_of(&self, at: usize) -> usize {
        self.place(at).0
    }

    /// Where the first of two stands of which the other is told.
    pub(crate) fn the_first_stands_at(&self, at: usize) -> SmolStr {
        let (line, _) = self.place(at);
        the_first_stands_at(&self.file, line)
    }

    /// The same file, read as what closed headers make of it.
    pub(crate) fn mended(self, mended: &'s Mended) -> Self {
        Self {
            mended: Some(mended),
            ..self
        }
    }

    /// The text that is read: that of the file, but for closed headers.
    fn read_text(&self) -> &'s str {
        self.mended.map_or(self.text, |mended| &mended.text)
    }

    /// The table in this file; what is no TOML is left out, and is reported by
    /// [`Mended::of`] already.
    pub(crate) fn table(&self) -> Spanned<DeTable<'s>> {
        DeTable::parse_recoverable(self.read_text()).0
    }
}

/// Of the first of two of which the other is told: `the first one stands at playbook.toml:12`.
pub(crate) fn the_first_stands_at(file: &str, line: usize) -> SmolStr {
    format_smolstr!("the first one stands at {file}:{line}")
}

/// Line and column, both from 1, the column in characters.
fn place_of(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..floor(text, at)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// A value and its place.
#[derive(Clone)]
pub(crate) struct Node<'s> {
    pub(crate) source: &'s Source<'s>,
    value: &'s Spanned<DeValue<'s>>,
    /// Where its key stands, if it has one.
    key: Option<Range<usize>>,
    /// Whether it is the key that its faults are about.
    faulty_at_key: bool,
    /// What it is, for faults: "`sla.first-contact`".
    pub(crate) path: SmolStr,
}

impl<'s> Node<'s> {
    pub(crate) fn span(&self) -> Range<usize> {
        self.value.span()
    }

    pub(crate) fn fault(&self, kind: FaultKind, hint: Option<SmolStr>) {
        let span = match self.faulty_at_key {
            true => self.key_span(),
            false => self.span(),
        };
        self.source.fault(span, kind, hint);
    }

    /// Where its key stands; where it stands itself, if it has none.
    pub(crate) fn key_span(&self) -> Range<usize> {
        self.key.clone().unwrap_or_else(|| self.span())
    }

    /// The same, whose faults stand at its key.
    pub(crate) fn at_its_key(&self) -> Self {
        Self {
            faulty_at_key: true,
            ..self.clone()
        }
    }

    fn expected(&self, expected: &'static str) {
        self.expected_or(expected, None);
    }

    pub(crate) fn expected_or(&self, expected: &'static str, hint: Option<SmolStr>) {
        let found = self.value.get_ref().type_str().to_smolstr();
        self.fault(FaultKind::WrongType { expected, found }, hint);
    }

    pub(crate) fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    pub(crate) fn is_text(&self) -> bool {
        self.value.get_ref().is_str()
    }

    pub(crate) fn is_false(&self) -> bool {
        self.value.get_ref().as_bool() == Some(false)
    }

    pub(crate) fn text(&self) -> Option<&'s str> {
        let text = self.value.get_ref().as_str();
        if text.is_none() {
            let said = match self.value.get_ref() {
                DeValue::Integer(integer) => Some(integer.as_str().to_smolstr()),
                DeValue::Float(float) => Some(float.as_str().to_smolstr()),
                _ => self.datetime().map(SmolStr::from),
            };
            let hint = said.map(|said| format_smolstr!("in quotes: `\"{said}\"`"));
            self.expected_or("a text", hint);
        }
        text
    }

    /// A date or time that stands without quotes.
    pub(crate) fn datetime(&self) -> Option<String> {
        let datetime = self.value.get_ref().as_datetime();
        datetime.map(ToString::to_string)
    }

    pub(crate) fn bool(&self) -> Option<bool> {
        let value = self.value.get_ref().as_bool();
        if value.is_none() {
            let text = self.value.get_ref().as_str();
            let hint = match text.map(str::to_lowercase).as_deref() {
                Some("true" | "yes" | "1" | "si" | "sí") => Some("without quotes: true".into()),
                Some("false" | "no" | "0") => Some("without quotes: false".into()),
                _ => None,
            };
            self.expected_or("true or false", hint);
        }
        value
    }

    pub(crate) fn number(&self, range: Range<i64>) -> Option<i64> {
        let Some(integer) = self.value.get_ref().as_integer() else {
            let text = self.value.get_ref().as_str();
            let number = text.and_then(|text| text.trim().parse::<i64>().ok());
            let hint = number.map(|number| format_smolstr!("without quotes: {number}"));
            // A fraction can't be meant here.
            let written = self
                .written()
                .and_then(|written| without_separators(&written));
            let whole = written.map(|whole| format_smolstr!("write `{whole}`"));
            self.expected_or("a whole number", hint.or(whole));
            return None;
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        if let Some(number) = number.filter(|number| range.contains(number)) {
            return Some(number);
        }
        let found = integer.as_str().to_smolstr();
        let (least, most) = (range.start, range.end - 1);
        self.fault(FaultKind::OutOfRange { found, least, most }, None);
        None
    }

    pub(crate) fn count(&self, range: Range<u32>) -> Option<u32> {
        u32::try_from(self.number(range.start.into()..range.end.into())?).ok()
    }

    /// A number as it is written, without quotes or in them.
    fn written(&self) -> Option<SmolStr> {
        match self.value.get_ref() {
            DeValue::String(text) => Some(text.as_ref().into()),
            DeValue::Integer(integer) => Some(integer.as_str().into()),
            DeValue::Float(float) => Some(float.as_str().into()),
            _ => None,
        }
    }

    /// Says that a number reads in two ways, and how each is written.
    fn reads_in_two_ways(&self, found: &str, thousands: &str, fraction: &str) {
        let found = found.into();
        let hint = format_smolstr!("write `{thousands}` or `{fraction}`");
        self.fault(FaultKind::ReadsInTwoWays { found }, Some(hint));
    }

    /// A value of a lead's field.
    pub(crate) fn value(&self) -> Option<Value> {
        if let DeValue::Float(float) = self.value.get_ref() {
            if let Some(ways) = TwoWays::of(float.as_str()) {
                self.reads_in_two_ways(float.as_str(), &ways.thousands, &ways.fraction);
                return None;
            }
        }
        match self.value.get_ref() {
            DeValue::String(text) => Some(Value::from(text.as_ref())),
            DeValue::Boolean(value) => Some(Value::from(*value)),
            DeValue::Integer(integer) => integer.as_str().parse().ok().map(Value::Number),
            DeValue::Float(float) => float.as_str().parse().ok().map(Value::Number),
            DeValue::Datetime(datetime) => {
                let text = datetime.to_string();
                let date = text.parse().ok().map(Value::Date);
                date.or_else(|| text.parse().ok().map(Value::Instant))
            }
            DeValue::Array(_) | DeValue::Table(_) => None,
        }
        .or_else(|| {
            self.expected("a value");
            None
        })
    }

    /// A value of this field, as the playbook writes it.
    pub(crate) fn value_of(&self, field: &Field) -> Option<Value> {
        let value = self.value()?;
        let accepted = field.accept(&value);
        if let Err(misfit) = &accepted {
            let (found, plain) = match &value {
                Value::Text(text) => (format_smolstr!("`{text}`"), text.clone()),
                other => (format_smolstr!("{other}"), format_smolstr!("{other}")),
            };
            let hint = match (misfit, field.choices.as_slice()) {
                (Misfit::NotATaxNumber(error), _) => format_smolstr!("{error}"),
                (_, []) => {
                    let written = as_written(&value, field.value_type);
                    format_smolstr!("`{}` is {}{written}", field.name, field.value_type)
                }
                (_, choices) => {
                    let choices: Vec<&str> = choices.iter().map(SmolStr::as_str).collect();
                    let near = did_you_mean(&plain, choices.iter().copied());
                    let near = near.map_or_else(String::new, |near| format!("{near} "));
                    let all = choices.join(", ");
                    format_smolstr!("{near}`{}` is one of {all}", field.name)
                }
            };
            let expected = "a value of this field";
            self.fault(FaultKind::WrongType { expected, found }, Some(hint));
        }
        accepted.ok()
    }

    /// The elements of a list; one element alone is a list of it.
    pub(crate) fn list(&self) -> Vec<Self> {
        let value = self.value;
        match value.get_ref().as_array() {
            Some(array) => array
                .iter()
                .map(|value| Self {
                    source: self.source,
                    value,
                    key: None,
                    faulty_at_key: false,
                    path: self.path.clone(),
                })
                .collect(),
            None => vec![self.clone()],
        }
    }

    pub(crate) fn section(&self) -> Option<Section<'s>> {
        let Some(table) = self.value.get_ref().as_table() else {
            self.expected("a table");
            return None;
        };
        Some(Section::new(
            self.source,
            table,
            self.span(),
            self.path.clone(),
        ))
    }

    /// One of some words.
    pub(crate) fn word<T: Clone>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let among = known.join(", ").into();
            let hint = as_list(text, &known).or_else(|| did_you_mean(text, known));
            self.fault(
                FaultKind::UnknownWord {
                    word: text.into(),
                    among,
                },
                hint,
            );
        }
        found.map(|(_, value)| value.clone())
    }

    /// The name of something that is defined elsewhere.
    pub(crate) fn known<'a, I>(&self, sort: &'static str, known: I) -> Option<Name>
    where
        I: IntoIterator<Item = &'a Name>,
        I::IntoIter: Clone,
    {
        let text = self.text()?;
        let known = known.into_iter();
        let found = known.clone().find(|name| **name == *text);
        if found.is_none() {
            self.unknown(sort, text, known.map(Name::as_str));
        }
        found.cloned()
    }

    /// Where a template would stand that the playbook asks for and that is not there.
    fn file_of_template(&self, sort: &str, name: &str) -> Option<SmolStr> {
        let is_written = sort == "template" && self.source.file == "playbook.toml" && is_name(name);
        is_written.then(|| format_smolstr!("write `templates/{name}.txt`"))
    }

    pub(crate) fn unknown<'a>(
        &self,
        sort: &'static str,
        name: &str,
        known: impl Iterator<Item = &'a str>,
    ) {
        let mut told: Vec<&str> = Vec::new();
        for known in known {
            if !told.contains(&known) {
                told.push(known);
            }
        }
        let known = told;
        let bare = name.rsplit_once('.').map(|(bare, _)| bare);
        let bare = bare.and_then(|bare| known.iter().find(|known| **known == bare));
        let bare = bare.map(|bare| format_smolstr!("did you mean `{bare}`?"));
        let near = || did_you_mean(name, known.iter().copied());
        let list = as_list(name, &known);
        let hint = bare
            .or(list)
            .or_else(near)
            .or_else(|| self.file_of_template(sort, name))
            .or_else(|| match known.as_slice() {
                [] => None,
                few if few.len() <= 8 => Some(format_smolstr!("known: {}", few.join(", "))),
                _ => None,
            });
        self.fault(
            FaultKind::UnknownName {
                sort,
                name: name.into(),
            },
            hint,
        );
    }

    /// Reports a fault of a part of this text.
    pub(crate) fn fault_inside(
        &self,
        text: &str,
        part: Range<usize>,
        kind: FaultKind,
        hint: Option<SmolStr>,
    ) {
        self.source.fault(self.inside(text, part), kind, hint);
    }

    /// Reports what hides in the texts and keys from here on down.
    pub(crate) fn check_letters(&self, is_line: bool) {
        if let Some(section) = self.value.get_ref().as_table() {
            for (key, value) in section {
                let name = key.get_ref();
                if let Some((_, character)) = hidden_in_line(name) {
                    let kind = FaultKind::HiddenCharacter { character };
                    self.source.fault(key.span(), kind, None);
                }
                let is_line = matches!(&**name, "label" | "name" | "email");
                self.child(value).check_letters(is_line);
            }
        }
        for value in self.value.get_ref().as_array().into_iter().flatten() {
            self.child(value).check_letters(is_line);
        }
        let Some(text) = self.value.get_ref().as_str() else {
            return;
        };
        let found = match is_line {
            true => hidden_in_line(text),
            false => hidden_in_text(text),
        };
        if let Some((at, character)) = found {
            let kind = FaultKind::HiddenCharacter { character };
            self.fault_inside(text, at..at + character.len_utf8(), kind, None);
        }
    }

    fn child(&self, value: &'s Spanned<DeValue<'s>>) -> Self {
        Self {
            source: self.source,
            value,
            key: None,
            faulty_at_key: false,
            path: self.path.clone(),
        }
    }

    pub(crate) fn condition(&self, catalogue: &dyn Catalogue) -> Option<Condition> {
        let text = self.text()?;
        match Condition::parse(text, catalogue) {
            Ok(condition) => Some(condition),
            Err(faults) => {
                for fault in faults {
                    let span = self.inside(text, fault.at.clone());
                    let hint = fault
                        .hint
                        .map(|hint| format_smolstr!("did you mean `{hint}`?"));
                    self.source
                        .fault(span, FaultKind::Condition(fault.kind), hint);
                }
                None
            }
        }
    }

    /// Where in the file a part of this text stands. A text with escapes is pointed at as a whole.
    fn inside(&self, text: &str, part: Range<usize>) -> Range<usize> {
        let span = self.span();
        let raw = self
            .source
            .read_text()
            .get(span.clone())
            .unwrap_or_default();
        for quotes in ["'''\n", "\"\"\"\n", "'''", "\"\"\"", "'", "\""] {
            let Some(body) = raw.strip_prefix(quotes) else {
                continue;
            };
            if body.starts_with(text) {
                let start = span.start + quotes.len();
                return start + part.start..start + part.end;
            }
        }
        span
    }
}

/// How a value is written that is said in quotes and has none, or the reverse; nothing, if it is
/// something else.
fn as_written(value: &Value, wanted: ValueType) -> SmolStr {
    let Value::Text(text) = value else {
        return match wanted {
            ValueType::Text => format_smolstr!(", in quotes: \"{value}\""),
            _ => SmolStr::default(),
        };
    };
    let day = day_meant(text).map(|day| day.to_smolstr());
    let example = match wanted {
        ValueType::Number if text.parse::<Number>().is_ok() && TwoWays::of(text).is_none() => text,
        ValueType::Bool if matches!(text.as_str(), "true" | "false") => text,
        ValueType::Instant if text.parse::<chrono::DateTime<chrono::Utc>>().is_ok() => text,
        ValueType::Text => return SmolStr::default(),
        ValueType::Number => "24990.50",
        ValueType::Bool => "true",
        ValueType::Date => day.as_deref().unwrap_or("2026-03-25"),
        ValueType::Instant => "2026-03-25T16:30:00-05:00",
    };
    format_smolstr!(", without quotes: {example}")
}

/// How a list is written, of which a text says several in one pair of quotes; nothing, where they are not
/// all known.
fn as_list(text: &str, known: &[&str]) -> Option<SmolStr> {
    let all = parts_of_list(text)?;
    let is_known =
        |part: &str| known.contains(&part) || nearest(part, known.iter().copied()).is_some();
    let are_known = all.iter().all(|part| is_known(part));
    are_known.then(|| list_of(&all))
}

/// The parts of a text that says several, with commas between them.
pub(crate) fn parts_of_list(text: &str) -> Option<Vec<&str>> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    (parts.len() > 1 && !parts.contains(&"")).then_some(parts)
}

/// That these are to be written as a list.
pub(crate) fn list_of(parts: &[&str]) -> SmolStr {
    format_smolstr!(
        "each in quotes of its own: `[\"{}\"]`",
        parts.join("\", \"")
    )
}

/// What the playbook as a whole is called in faults.
const WHOLE: &str = "the playbook";

/// The boundary of a character at or before a place.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Names are small letters, digits and single `-` or `_` between them.
pub(crate) fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 64
        && !text.is_empty()
        && text
            .split(['-', '_'])
            .all(|word| !word.is_empty() && word.chars().all(inner))
}

/// How to mend what is no name.
pub(crate) fn name_for(text: &str) -> SmolStr {
    let letters = plain(text.trim());
    let words: Vec<&str> = letters
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let meant = words.join("-");
    let is_whole = letters.is_ascii();
    match is_name(&meant) && is_whole {
        true => format_smolstr!("small letters, digits and - or _: `{meant}`"),
        false => "small letters, digits and - or _, beginning with a letter or digit".into(),
    }
}

pub(crate) fn did_you_mean<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<SmolStr> {
    nearest(name, known).map(|near| format_smolstr!("did you mean `{near}`?"))
}
