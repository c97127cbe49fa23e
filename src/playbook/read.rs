//! Reading TOML with places: every value knows where it stands, every fault is collected.
//!
//! Serde stops at the first fault and forgets where things stood; a playbook's reader tells all
//! of them. So the file is read into a tree of spanned values, and walked by hand.

use std::cell::RefCell;
use std::ops::Range;

use smol_str::{SmolStr, ToSmolStr, format_smolstr};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::condition::{Catalogue, Condition};
use crate::hint::nearest;
use crate::ids::Name;
use crate::playbook::delay::{Delay, how_to_say};
use crate::playbook::fault::{Fault, FaultKind};

/// A file of a playbook, and the faults that were found in it.
pub(crate) struct Source<'s> {
    pub(crate) file: SmolStr,
    pub(crate) text: &'s str,
    pub(crate) faults: &'s RefCell<Vec<Fault>>,
}

impl Source<'_> {
    /// Reports a fault at a place of this file.
    pub(crate) fn fault(&self, span: Range<usize>, kind: FaultKind, hint: Option<SmolStr>) {
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

    /// The table in this file; what is no TOML is reported and left out.
    pub(crate) fn parse<'a>(&self, text: &'a str) -> Spanned<DeTable<'a>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            self.fault(span, FaultKind::Syntax(error.message().to_smolstr()), None);
        }
        table
    }
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
    /// What it is, for faults: "`sla.first-contact`".
    pub(crate) path: SmolStr,
}

impl<'s> Node<'s> {
    pub(crate) fn span(&self) -> Range<usize> {
        self.value.span()
    }

    pub(crate) fn fault(&self, kind: FaultKind, hint: Option<SmolStr>) {
        self.source.fault(self.span(), kind, hint);
    }

    fn expected(&self, expected: &'static str) {
        let found = self.value.get_ref().type_str().to_smolstr();
        self.fault(FaultKind::WrongType { expected, found }, None);
    }

    pub(crate) fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    pub(crate) fn is_text(&self) -> bool {
        self.value.get_ref().is_str()
    }

    pub(crate) fn text(&self) -> Option<&'s str> {
        let text = self.value.get_ref().as_str();
        if text.is_none() {
            self.expected("a text");
        }
        text
    }

    pub(crate) fn bool(&self) -> Option<bool> {
        let value = self.value.get_ref().as_bool();
        if value.is_none() {
            self.expected("true or false");
        }
        value
    }

    pub(crate) fn number(&self, range: Range<i64>) -> Option<i64> {
        let Some(integer) = self.value.get_ref().as_integer() else {
            self.expected("a whole number");
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

    /// A value of a lead's field.
    pub(crate) fn value(&self) -> Option<crate::value::Value> {
        use crate::value::Value;
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

    /// The elements of a list; one element alone is a list of it.
    pub(crate) fn list(&self) -> Vec<Self> {
        let value = self.value;
        match value.get_ref().as_array() {
            Some(array) => array
                .iter()
                .map(|value| Self {
                    source: self.source,
                    value,
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
    pub(crate) fn word<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known = words.iter().map(|(word, _)| *word);
            let among = known.clone().collect::<Vec<_>>().join(", ").into();
            let hint = did_you_mean(text, known);
            self.fault(
                FaultKind::UnknownWord {
                    word: text.into(),
                    among,
                },
                hint,
            );
        }
        found.map(|(_, value)| *value)
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
        let hint = did_you_mean(name, known.iter().copied()).or_else(|| match known.as_slice() {
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

    pub(crate) fn delay(&self) -> Option<Delay> {
        let text = self.text()?;
        let Some(delay) = Delay::parse(text) else {
            self.fault(
                FaultKind::BadDuration { text: text.into() },
                Some(how_to_say()),
            );
            return None;
        };
        if !delay.is_bounded() {
            let why = "it is longer than a hundred years";
            self.fault(
                FaultKind::UnfitDuration {
                    text: text.into(),
                    why,
                },
                None,
            );
            return None;
        }
        Some(delay)
    }

    /// A duration that points forwards.
    pub(crate) fn forward_delay(&self) -> Option<Delay> {
        let delay = self.delay()?;
        if delay.is_negative() {
            self.unfit("it must not point backwards");
            return None;
        }
        Some(delay)
    }

    pub(crate) fn unfit(&self, why: &'static str) {
        let text = self.text().unwrap_or_default().into();
        self.fault(FaultKind::UnfitDuration { text, why }, None);
    }

    /// A length of elapsed time; days have 24 hours here.
    pub(crate) fn elapsed(&self) -> Option<crate::time::Elapsed> {
        match self.forward_delay()? {
            Delay::Elapsed(time) => Some(time),
            Delay::Days(days) => Some(crate::time::Elapsed::days(days.into())),
            _ => {
                self.unfit("it must be plain time: seconds, minutes, hours, days or weeks");
                None
            }
        }
    }

    /// A number of days.
    pub(crate) fn days(&self) -> Option<u32> {
        match self.forward_delay()? {
            Delay::Days(days) => u32::try_from(days).ok(),
            _ => {
                self.unfit("it must be days or weeks");
                None
            }
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
        let raw = self.source.text.get(span.clone()).unwrap_or_default();
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

/// A table that is read key by key; what nobody asked for is a fault in the end.
pub(crate) struct Section<'s> {
    pub(crate) source: &'s Source<'s>,
    table: &'s DeTable<'s>,
    span: Range<usize>,
    pub(crate) path: SmolStr,
    asked: Vec<&'static str>,
    takes_all: bool,
}

impl<'s> Section<'s> {
    pub(crate) fn new(
        source: &'s Source<'s>,
        table: &'s DeTable<'s>,
        span: Range<usize>,
        path: SmolStr,
    ) -> Self {
        Self {
            source,
            table,
            span,
            path,
            asked: Vec::new(),
            takes_all: false,
        }
    }

    pub(crate) fn fault(&self, kind: FaultKind, hint: Option<SmolStr>) {
        self.source.fault(self.span.clone(), kind, hint);
    }

    fn child_path(&self, key: &str) -> SmolStr {
        match self.path.as_str() {
            "" => key.into(),
            path => format_smolstr!("{path}.{key}"),
        }
    }

    fn node(&self, key: &str, value: &'s Spanned<DeValue<'s>>) -> Node<'s> {
        Node {
            source: self.source,
            value,
            path: self.child_path(key),
        }
    }

    pub(crate) fn optional(&mut self, key: &'static str) -> Option<Node<'s>> {
        self.asked.push(key);
        let value = self.table.get(key)?;
        Some(self.node(key, value))
    }

    pub(crate) fn required(&mut self, key: &'static str) -> Option<Node<'s>> {
        let node = self.optional(key);
        if node.is_none() {
            let section = self.said();
            self.fault(
                FaultKind::MissingKey {
                    key: key.into(),
                    section,
                },
                None,
            );
        }
        node
    }

    fn said(&self) -> SmolStr {
        match self.path.as_str() {
            "" => "the playbook".into(),
            path => format_smolstr!("[{path}]"),
        }
    }

    /// Everything in this table, in the order of the file. Each key must be a name.
    pub(crate) fn entries(&mut self, sort: &'static str) -> Vec<(Name, Node<'s>)> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut named = Vec::new();
        for (key, value) in entries {
            let name = key.get_ref().as_ref();
            if is_name(name) {
                named.push((Name::from(name), self.node(name, value)));
            } else {
                let hint = Some(
                    "small letters, digits and - or _, beginning with a letter or digit".into(),
                );
                self.source.fault(
                    key.span(),
                    FaultKind::BadName {
                        sort,
                        name: name.into(),
                    },
                    hint,
                );
            }
        }
        named
    }

    /// Everything in this table under whatever keys, in the order of the file.
    pub(crate) fn keyed(&self) -> Vec<(String, Node<'s>)> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let keyed = entries.into_iter().map(|(key, value)| {
            let key = key.get_ref().as_ref();
            (key.to_owned(), self.node(key, value))
        });
        keyed.collect()
    }

    /// The tables of the section of this name, if it is there.
    pub(crate) fn sections(&mut self, key: &'static str) -> Vec<(Name, Self)> {
        let Some(mut all) = self.optional(key).and_then(|node| node.section()) else {
            return Vec::new();
        };
        let entries = all.entries(key).into_iter();
        entries
            .filter_map(|(name, node)| Some((name, node.section()?)))
            .collect()
    }

    /// The line on which it begins.
    pub(crate) fn line(&self) -> usize {
        place_of(self.source.text, self.span.start).0
    }

    /// Whatever nobody asked for so far; after this it counts as asked for.
    pub(crate) fn rest(&mut self) -> Vec<(String, Node<'s>)> {
        let mut rest = self.keyed();
        rest.retain(|(key, _)| !self.asked.contains(&key.as_str()));
        self.takes_all = true;
        rest
    }

    /// Reports the keys that nobody asked for.
    pub(crate) fn finish(self) {
        self.finish_or(None);
    }

    /// The same; with a hint for those that resemble none that was asked for.
    pub(crate) fn finish_or(self, otherwise: Option<SmolStr>) {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if self.takes_all || self.asked.contains(&name) {
                continue;
            }
            let section = self.said();
            let near = nearest(name, self.asked.iter().copied());
            if let Some(meant) = near {
                self.is_not_missing(meant);
            }
            let hint = near.map(|near| format_smolstr!("did you mean `{near}`?"));
            let hint = hint.or_else(|| otherwise.clone());
            self.source.fault(
                key.span(),
                FaultKind::UnknownKey {
                    key: name.into(),
                    section,
                },
                hint,
            );
        }
    }
}

impl Section<'_> {
    /// A key that is there under a slip of the pen is one fault, and not also missing.
    fn is_not_missing(&self, meant: &str) {
        let section = self.said();
        self.source.faults.borrow_mut().retain(|fault| {
            let FaultKind::MissingKey { key, section: at } = &fault.kind else {
                return true;
            };
            *key != meant || *at != section || fault.span != self.span
        });
    }
}

/// Drops what a header that is no TOML (`[[[`) brings about: whatever stands below it was read into
/// another section, and means nothing there. Only the header itself is to be mended.
pub(crate) fn drop_echoes(file: &str, text: &str, faults: &mut Vec<Fault>) {
    let starts_line = |at: usize| text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let is_syntax =
        |fault: &&Fault| fault.file == file && matches!(fault.kind, FaultKind::Syntax(_));
    let broken: Vec<Range<usize>> = faults
        .iter()
        .filter(is_syntax)
        .filter_map(|fault| {
            let from = starts_line(floor(text, fault.span.start));
            let is_header = text[from..].trim_start().starts_with('[');
            let below = text[from..]
                .find('\n')
                .map_or(text.len(), |newline| from + newline + 1);
            let until = match text[below..].starts_with('[') {
                true => below,
                false => text[below..]
                    .find("\n[")
                    .map_or(text.len(), |at| below + at + 1),
            };
            is_header.then_some(from..until)
        })
        .collect();
    faults.retain(|fault| {
        let is_echo = !matches!(fault.kind, FaultKind::Syntax(_))
            && fault.file == file
            && broken
                .iter()
                .any(|broken| broken.contains(&fault.span.start));
        !is_echo
    });
}

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

pub(crate) fn did_you_mean<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<SmolStr> {
    nearest(name, known).map(|near| format_smolstr!("did you mean `{near}`?"))
}
