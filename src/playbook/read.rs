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
use crate::letters::{hidden_in_line, hidden_in_text};
use crate::playbook::delay::{Delay, how_to_say, meant_by};
use crate::playbook::fault::{Fault, FaultKind};

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

/// A text of TOML in which what was plainly forgotten is there: the `]` of `[need`, the second
/// brackets of `[rule]`, a closing quote. What stands below is meant, and whoever refers to it made
/// no mistake.
pub(crate) struct Mended {
    text: String,
    /// Where in the mended text something was added, in order, and how many bytes.
    added: Vec<(usize, usize)>,
}

/// The sections of which there are several, each in double brackets.
const LISTS: [&str; 6] = [
    "rule",
    "route",
    "agent",
    "scenario",
    "scenario.step",
    "scenario.agent",
];

impl Mended {
    /// Mends a text, and reports what is no TOML in it as it stands: one fault a line.
    pub(crate) fn of(file: &Source<'_>) -> Self {
        let (_, errors) = DeTable::parse_recoverable(file.text);
        let errors: Vec<(Range<usize>, &str)> = errors
            .iter()
            .map(|error| (error.span().unwrap_or(0..0), error.message()))
            .collect();
        let as_it_is = Self {
            text: file.text.to_owned(),
            added: Vec::new(),
        };
        if errors.is_empty() {
            return as_it_is;
        }
        let lists = mixed_lists(file.text, &errors);
        let mut mended = Self {
            text: String::with_capacity(file.text.len()),
            added: Vec::new(),
        };
        let mut told: Vec<(Range<usize>, SmolStr, Option<SmolStr>)> = Vec::new();
        let mut start = 0;
        for line in file.text.split_inclusive('\n') {
            let end = start + line.len();
            let of_line = |(at, _): &&(Range<usize>, &str)| {
                (start..end).contains(&at.start) || (at.start == end && end == file.text.len())
            };
            let error = errors.iter().find(of_line);
            if mended.add_line(line, error.map(|(_, said)| *said), &lists) {
                let (at, said) = error.map_or((start..start, ""), |(at, said)| (at.clone(), said));
                let (message, hint) = told_of_syntax(line, said);
                told.push((at, message, hint));
            }
            start = end;
        }
        let (_, left) = DeTable::parse_recoverable(&mended.text);
        if left.len() >= errors.len() {
            // It was something else.
            mended = as_it_is;
            told.clear();
            for (at, said) in &errors {
                told.push(told_at(file.text, at.clone(), said));
            }
        } else {
            for error in &left {
                let at = error.span().unwrap_or(0..0);
                let at = mended.in_the_file(at.start)..mended.in_the_file(at.end);
                told.push(told_at(file.text, at, error.message()));
            }
        }
        told.sort_by_key(|(at, _, _)| at.start);
        told.dedup_by_key(|(at, _, _)| place_of(file.text, at.start).0);
        for (at, message, hint) in told {
            file.fault(at, FaultKind::Syntax(message), hint);
        }
        mended
    }

    /// Adds a line, mended if that is plainly possible; whether it was.
    fn add_line(&mut self, line: &str, error: Option<&str>, lists: &[&str]) -> bool {
        let head = line.split('#').next().unwrap_or_default().trim_end();
        let opened = head.bytes().take_while(|byte| *byte == b'[').count();
        let closed = head.bytes().rev().take_while(|byte| *byte == b']').count();
        let names = head.trim_matches(['[', ']']);
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_header = matches!(opened, 1 | 2) && !names.is_empty() && names.chars().all(is_name);
        let wanted = match opened {
            1 if lists.contains(&names) => 2,
            opened => opened,
        };
        if is_header && (wanted > opened || (error.is_some() && closed < opened)) {
            self.add("[", wanted.saturating_sub(opened));
            self.text.push_str(head);
            self.add("]", wanted.saturating_sub(closed));
            self.text.push_str(&line[head.len()..]);
            return true;
        }
        let quote = error.and_then(|said| match said {
            said if said.starts_with("invalid basic string") => Some("\""),
            said if said.starts_with("invalid literal string") => Some("'"),
            _ => None,
        });
        if let Some(quote) = quote {
            let text = line.trim_end().trim_end_matches([' ', '}', ']', ',']);
            self.text.push_str(text);
            self.add(quote, 1);
            self.text.push_str(&line[text.len()..]);
            return true;
        }
        self.text.push_str(line);
        false
    }

    fn add(&mut self, sign: &str, count: usize) {
        if count > 0 {
            self.added.push((self.text.len(), count));
            self.text.push_str(&sign.repeat(count));
        }
    }

    /// Where a place of the mended text stands in the file.
    fn in_the_file(&self, at: usize) -> usize {
        let before = self.added.iter().filter(|(behind, _)| *behind < at);
        let added: usize = before
            .map(|(behind, count)| (*count).min(at - behind))
            .sum();
        at - added
    }

    /// Whether a header was closed at or behind a place of the file, on the same line.
    fn is_closed(&self, line: &Range<usize>) -> bool {
        let mut before = 0;
        self.added.iter().any(|(behind, count)| {
            let at = behind - before;
            before += count;
            line.contains(&at) || at == line.end
        })
    }
}

/// The lists of which one is written in single brackets, and so stands in the way of the next.
fn mixed_lists(text: &str, errors: &[(Range<usize>, &str)]) -> Vec<&'static str> {
    let lines = errors
        .iter()
        .filter(|(_, said)| said.starts_with("duplicate key"));
    let heads = lines.map(|(at, _)| {
        line_at(text, at.start)
            .split('#')
            .next()
            .unwrap_or_default()
    });
    let names: Vec<&str> = heads
        .filter(|head| head.starts_with('['))
        .map(|head| head.trim().trim_matches(['[', ']']))
        .collect();
    LISTS
        .into_iter()
        .filter(|list| names.contains(list))
        .collect()
}

fn line_at(text: &str, at: usize) -> &str {
    let at = floor(text, at);
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    text[start..].lines().next().unwrap_or_default()
}

fn told_at(text: &str, at: Range<usize>, said: &str) -> (Range<usize>, SmolStr, Option<SmolStr>) {
    let (message, hint) = told_of_syntax(line_at(text, at.start), said);
    (at, message, hint)
}

/// What the TOML reader says of a line, in words for people, and how to mend it.
fn told_of_syntax(line: &str, said: &str) -> (SmolStr, Option<SmolStr>) {
    let head = line.split('#').next().unwrap_or_default();
    let name = head.trim_matches(|c: char| matches!(c, '[' | ']') || c.is_whitespace());
    if line.starts_with('[') && LISTS.contains(&name) {
        let hint = format_smolstr!("write `[[{name}]]`, each time");
        return (
            "this is one of several, and stands in double brackets".into(),
            Some(hint),
        );
    }
    if said.starts_with("unclosed table, expected") {
        let opened = line.bytes().take_while(|byte| *byte == b'[').count();
        let opened = opened.clamp(1, 2);
        let whole = format_smolstr!("write `{}{name}{}`", "[".repeat(opened), "]".repeat(opened));
        return ("this section's name is not closed".into(), Some(whole));
    }
    if said.starts_with("invalid basic string") || said.starts_with("invalid literal string") {
        return (
            "this text is not closed".into(),
            Some("a quote is missing behind it".into()),
        );
    }
    let key = line.split(':').next().unwrap_or_default().trim();
    let hint = match said {
        said if said.contains("string values must be quoted") => {
            Some("write texts in quotes: \"like this\"".into())
        }
        said if said.starts_with("duplicate key") => {
            Some("it is said above already: leave one of the two".into())
        }
        said if said.starts_with("invalid unquoted key") && line.contains(':') && is_name(key) => {
            Some(format_smolstr!("write `{key} = ..`"))
        }
        _ => None,
    };
    (said.into(), hint)
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
            self.expected_or("a whole number", hint);
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
        let bare = name.rsplit_once('.').map(|(bare, _)| bare);
        let bare = bare.and_then(|bare| known.iter().find(|known| **known == bare));
        let bare = bare.map(|bare| format_smolstr!("did you mean `{bare}`?"));
        let near = || did_you_mean(name, known.iter().copied());
        let hint = bare.or_else(near).or_else(|| match known.as_slice() {
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
        if let Some(number) = self.value.get_ref().as_integer() {
            let hint = format_smolstr!("say of what: `\"{} days\"`", number.as_str());
            let (expected, found) = ("a duration in quotes", number.as_str().into());
            self.fault(FaultKind::WrongType { expected, found }, Some(hint));
            return None;
        }
        let text = self.text()?;
        let Some(delay) = Delay::parse(text) else {
            let hint = match meant_by(text) {
                Some(meant) => format_smolstr!("did you mean `{meant}`?"),
                None => how_to_say(),
            };
            self.fault(FaultKind::BadDuration { text: text.into() }, Some(hint));
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
            self.unfit("it must not point backwards", None);
            return None;
        }
        Some(delay)
    }

    pub(crate) fn unfit(&self, why: &'static str, hint: Option<SmolStr>) {
        let text = self.text().unwrap_or_default().into();
        self.fault(FaultKind::UnfitDuration { text, why }, hint);
    }

    /// A length of elapsed time; days have 24 hours here.
    pub(crate) fn elapsed(&self) -> Option<crate::time::Elapsed> {
        match self.forward_delay()? {
            Delay::Elapsed(time) => Some(time),
            Delay::Days(days) => Some(crate::time::Elapsed::days(days.into())),
            other => {
                let hint = match other {
                    Delay::Months(months) => Some(days_for(months)),
                    Delay::Business(time) => {
                        let plain = Delay::Elapsed(time);
                        Some(format_smolstr!(
                            "write `{plain}`: time that passes, day and night"
                        ))
                    }
                    Delay::BusinessDays(days) => {
                        Some(format_smolstr!("write `{}`", Delay::Days(days)))
                    }
                    _ => None,
                };
                let why = "it must be plain time: seconds, minutes, hours, days or weeks";
                self.unfit(why, hint);
                None
            }
        }
    }

    /// A number of days.
    pub(crate) fn days(&self) -> Option<u32> {
        match self.forward_delay()? {
            Delay::Days(days) => u32::try_from(days).ok(),
            other => {
                let hint = match other {
                    Delay::Months(months) => days_for(months),
                    Delay::BusinessDays(days) => format_smolstr!("write `{}`", Delay::Days(days)),
                    _ => "write for instance `2 days` or `1 week`".into(),
                };
                self.unfit("it must be days or weeks", Some(hint));
                None
            }
        }
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
        let place = self.table.get_key_value(key).map(|(key, _)| key.span());
        Node {
            source: self.source,
            value,
            key: place,
            faulty_at_key: false,
            path: self.child_path(key),
        }
    }

    pub(crate) fn optional(&mut self, key: &'static str) -> Option<Node<'s>> {
        self.asked.push(key);
        let value = self.table.get(key)?;
        Some(self.node(key, value))
    }

    pub(crate) fn required(&mut self, key: &'static str) -> Option<Node<'s>> {
        self.required_or(key, None)
    }

    /// The same; what could be said, if it isn't there.
    pub(crate) fn required_or(
        &mut self,
        key: &'static str,
        hint: Option<&'static str>,
    ) -> Option<Node<'s>> {
        let node = self.optional(key);
        if node.is_none() {
            let section = self.said();
            let key = key.into();
            let kind = FaultKind::MissingKey { key, section };
            self.fault(kind, hint.map(SmolStr::from));
        }
        node
    }

    /// Reports what hides in any text of this table.
    pub(crate) fn check_letters(&self) {
        for (_, node) in self.keyed() {
            node.check_letters(false);
        }
    }

    fn said(&self) -> SmolStr {
        match self.path.as_str() {
            "" => WHOLE.into(),
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
                let kind = FaultKind::BadName {
                    sort,
                    name: name.into(),
                };
                self.source.fault(key.span(), kind, Some(name_for(name)));
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
        self.source.place(self.span.start).0
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
        self.finish_all(|_| None, otherwise);
    }

    /// The same; with a hint for some of them, before any other.
    pub(crate) fn finish_with(self, special: impl Fn(&str) -> Option<SmolStr>) {
        self.finish_all(special, None);
    }

    fn finish_all(self, special: impl Fn(&str) -> Option<SmolStr>, otherwise: Option<SmolStr>) {
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
            let hint = special(name).or(hint).or_else(|| otherwise.clone());
            let hint = hint.or_else(|| self.known_keys());
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
    /// What can be said here, if that is little.
    fn known_keys(&self) -> Option<SmolStr> {
        let is_few = (1..=12).contains(&self.asked.len());
        let mut asked = self.asked.clone();
        asked.sort_unstable();
        asked.dedup();
        is_few.then(|| format_smolstr!("known: {}", asked.join(", ")))
    }

    /// A key that is there under a slip of the pen is one fault, and not also missing.
    fn is_not_missing(&self, meant: &str) {
        let section = self.said();
        let place = self.source.in_the_file(self.span.clone());
        self.source.faults.borrow_mut().retain(|fault| {
            let FaultKind::MissingKey { key, section: at } = &fault.kind else {
                return true;
            };
            *key != meant || *at != section || fault.span != place
        });
    }
}

/// A number of days that is about as long as some months.
fn days_for(months: i32) -> SmolStr {
    let days = Delay::Days(months.saturating_mul(30));
    format_smolstr!("months differ in length: write `{days}`")
}

/// Drops what a header that is no TOML (`[[[`) brings about: whatever stands below it was read into
/// another section, and means nothing there. Only the header itself is to be mended.
pub(crate) fn drop_echoes(file: &str, text: &str, mended: &Mended, faults: &mut Vec<Fault>) {
    let starts_line = |at: usize| text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let is_syntax =
        |fault: &&Fault| fault.file == file && matches!(fault.kind, FaultKind::Syntax(_));
    let broken: Vec<Range<usize>> = faults
        .iter()
        .filter(is_syntax)
        .filter_map(|fault| {
            let from = starts_line(floor(text, fault.span.start));
            let below = text[from..]
                .find('\n')
                .map_or(text.len(), |newline| from + newline + 1);
            let is_header =
                text[from..].trim_start().starts_with('[') && !mended.is_closed(&(from..below));
            let until = match text[below..].starts_with('[') {
                true => below,
                false => text[below..]
                    .find("\n[")
                    .map_or(text.len(), |at| below + at + 1),
            };
            is_header.then_some(from..until)
        })
        .collect();
    // What is read of a line that is no TOML is a guess, and so is what it is missing.
    let lines: Vec<usize> = faults
        .iter()
        .filter(is_syntax)
        .filter(|fault| !is_of_words_alone(&fault.kind))
        .map(|fault| fault.line)
        .collect();
    let is_guessed = |fault: &Fault| {
        let is_missing = match &fault.kind {
            FaultKind::MissingKey { section, .. } => section == WHOLE,
            FaultKind::DeadEnd { .. } | FaultKind::UnreachableStage { .. } => true,
            _ => false,
        };
        !lines.is_empty() && (is_missing || lines.contains(&fault.line))
    };
    faults.retain(|fault| {
        let is_echo = !matches!(fault.kind, FaultKind::Syntax(_))
            && fault.file == file
            && (is_guessed(fault)
                || broken
                    .iter()
                    .any(|broken| broken.contains(&fault.span.start)));
        !is_echo
    });
}

/// Whether a fault of the TOML leaves no doubt of what is said.
fn is_of_words_alone(kind: &FaultKind) -> bool {
    let FaultKind::Syntax(said) = kind else {
        return true;
    };
    said.starts_with("duplicate key") || said.starts_with("this ")
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
    let lower = text.trim().to_lowercase();
    let plain: Vec<&str> = lower
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .collect();
    let meant = plain.join("-");
    let is_whole = lower.is_ascii();
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
