//! Reading the commands of a map: what a row is, when, of which lead, and which rows are.

use std::ops::Range;

use leadkit::hint::nearest;
use leadkit::ids::Name;
use toml::de::{DeTable, DeValue};

use super::literals::Sort;
use super::read::{Reader, Said};
use super::{CommandMap, Must, Part, Test, Text, Verb};
use crate::spell;

/// What a line of a quote can say.
const OF_LINE: [&str; 6] = [
    "text",
    "product",
    "quantity",
    "unit-price",
    "discount",
    "tax",
];

/// What stands in a command's own table.
#[derive(Default)]
struct Own {
    by: Option<Text>,
    says: Vec<(String, Text)>,
    lines: Vec<Vec<(String, Text)>>,
    appointments: Vec<(Name, Text)>,
}

/// What a command can say beside what it is.
const OF_COMMAND: [&str; 5] = ["name", "at", "lead", "if", "unless"];

impl Reader<'_> {
    /// A command, as far as it can be read.
    pub(super) fn command(
        &mut self,
        table: &DeTable<'_>,
        span: Range<usize>,
        meanings: Option<&Said<'_>>,
    ) -> Option<CommandMap> {
        let (mut name, mut at, mut lead) = (None, None, None);
        let (mut only_if, mut unless) = (Vec::new(), Vec::new());
        // What is there, if only under a slip of the pen, is not also missing.
        let mut meant: Vec<&str> = Vec::new();
        let mut verbs: Vec<(Verb, &Said<'_>)> = Vec::new();
        let words = || Verb::ALL.iter().map(|verb| verb.word());
        for (key, place, value) in Self::entries(table) {
            match key {
                "name" => name = self.string(key, value),
                "at" => at = self.column(key, value),
                "lead" => lead = self.column(key, value),
                "if" => only_if = self.tests(key, value),
                "unless" => unless = self.tests(key, value),
                _ => {
                    let near = if words().any(|word| word == key) {
                        Some(key)
                    } else {
                        let message = format!("`{key}` means nothing in a command");
                        let near = nearest(key, words().chain(OF_COMMAND));
                        let hint = near.map(|near| format!("did you mean `{near}`?"));
                        self.fault(place, message, hint);
                        near
                    };
                    let verb = Verb::ALL.iter().find(|verb| Some(verb.word()) == near);
                    verbs.extend(verb.map(|verb| (*verb, value)));
                    meant.extend(near);
                }
            }
        }
        let (verb, value) = match verbs.as_slice() {
            [one] => *one,
            [] => {
                if meant.is_empty() {
                    let words: Vec<&str> = words().collect();
                    let hint = Some(format!("one of: {}", words.join(", ")));
                    self.fault(span, "a command must say what it is", hint);
                }
                return None;
            }
            [(one, _), (other, value), ..] => {
                let (one, other) = (one.word(), other.word());
                let message = format!("one command is either `{one}` or `{other}`");
                let hint = Some("write two [[file.command]]".into());
                self.fault(value.span(), message, hint);
                return None;
            }
        };
        for key in ["at", "lead"] {
            let is_said = table.iter().any(|(known, _)| known.get_ref() == key);
            let is_needed = match key {
                "lead" => verb.is_about_a_lead(),
                _ => !verb.is_of_the_beginning(),
            };
            if is_needed && !is_said && !meant.contains(&key) {
                let message = format!("`{}` needs `{key}`, a column", verb.word());
                self.fault(span.clone(), message, None);
            }
        }
        let own = self.says(verb, value, meanings);
        let is_misspelt = !table.iter().any(|(key, _)| key.get_ref() == verb.word());
        if is_misspelt {
            return None;
        }
        Some(CommandMap {
            name: name.unwrap_or_else(|| verb.word().into()),
            verb,
            span: value.span(),
            at,
            lead,
            only_if,
            unless,
            by: own.by,
            says: own.says,
            lines: own.lines,
            appointments: own.appointments,
        })
    }

    /// What stands in a command's own table.
    fn says(&mut self, verb: Verb, value: &Said<'_>, meanings: Option<&Said<'_>>) -> Own {
        let word = verb.word();
        let Some(table) = value.get_ref().as_table() else {
            let hint = format!("write {word} = {{}} where nothing more is to be said");
            let message = format!("`{word}` must be a table");
            self.fault(value.span(), message, Some(hint));
            return Own::default();
        };
        let fields = self.playbook.fields.iter();
        let fields = fields.filter(|_| verb.says_fields());
        let fields: Vec<Name> = fields.map(|field| field.name.clone()).collect();
        let known: Vec<&str> = verb
            .needs()
            .iter()
            .chain(verb.may())
            .copied()
            .chain(["by"])
            .chain(fields.iter().map(Name::as_str))
            .collect();
        let (mut said, mut meant) = (Own::default(), Vec::new());
        for (key, span, value) in Self::entries(table) {
            let is_field = fields.iter().any(|field| field.as_str() == key);
            let own = verb.own(key).filter(|own| *own == key || !is_field);
            let Some(name) = own.or_else(|| known.contains(&key).then_some(key)) else {
                meant.extend(nearest(key, known.iter().copied()));
                let hint = spell::hint(key, known.iter().copied());
                self.fault(span, format!("`{word}` knows no `{key}`"), Some(hint));
                continue;
            };
            meant.push(name);
            match (verb, name) {
                (Verb::Quote, "lines") => {
                    said.lines = self.lines(value, meanings);
                    continue;
                }
                (Verb::Register, "appointment") => {
                    said.appointments = self.appointments(value);
                    continue;
                }
                _ => {}
            }
            let Some(text) = self.said(name, value) else {
                continue;
            };
            self.check_literal(verb, name, &text, value.span(), meanings);
            match name {
                "by" => said.by = Some(text),
                name => said.says.push((name.to_owned(), text)),
            }
        }
        for needed in verb.needs().iter().filter(|needed| !meant.contains(needed)) {
            let message = format!("`{word}` needs `{needed}`");
            self.fault(value.span(), message, None);
        }
        if verb == Verb::Set && meant.iter().all(|meant| *meant == "by") {
            self.fault(value.span(), "`set` needs a field and its value", None);
        }
        said
    }

    /// When the appointments are that a lead comes with: `appointment = { visit = "{visit_on}" }`.
    fn appointments(&mut self, value: &Said<'_>) -> Vec<(Name, Text)> {
        let Some(table) = value.get_ref().as_table() else {
            let hint =
                "say of which kind, and when it is: appointment = { visit = \"{visit_on}\" }";
            let message = "`appointment` must be a table";
            self.fault(value.span(), message, Some(hint.into()));
            return Vec::new();
        };
        let entries = Self::entries(table).into_iter();
        let appointments = entries.filter_map(|(kind, span, at)| {
            let kind = self.named(Sort::Appointment, kind, span);
            Some((kind, self.said("appointment", at)?))
        });
        appointments.collect()
    }

    /// The lines of a quote: `lines = [{ product = "{product}", quantity = "{quantity}" }]`.
    fn lines(&mut self, value: &Said<'_>, meanings: Option<&Said<'_>>) -> Vec<Vec<(String, Text)>> {
        let hint =
            "write for instance lines = [{ product = \"{product}\", quantity = \"{quantity}\" }]";
        let tables = self.tables(value, "lines", hint);
        if tables.is_empty() && value.get_ref().is_array() {
            self.fault(value.span(), "a quote needs a line", Some(hint.into()));
        }
        let lines = tables.into_iter().map(|(span, table)| {
            let line = self.line(table, meanings);
            if table.iter().next().is_none() {
                let hint = format!("say at least one of: {}", OF_LINE.join(", "));
                self.fault(span, "this line offers nothing", Some(hint));
            }
            line
        });
        lines.collect()
    }

    fn line(&mut self, table: &DeTable<'_>, meanings: Option<&Said<'_>>) -> Vec<(String, Text)> {
        let mut line = Vec::new();
        for (key, span, value) in Self::entries(table) {
            let said = key.replace('_', "-");
            let Some(name) = OF_LINE.into_iter().find(|name| *name == said) else {
                let message = format!("a line of a quote knows no `{key}`");
                self.fault(span, message, Some(spell::hint(key, OF_LINE)));
                continue;
            };
            if let Some(text) = self.said(name, value) {
                self.check_literal(Verb::Quote, name, &text, value.span(), meanings);
                line.push((name.to_owned(), text));
            }
        }
        line
    }

    /// A text in which columns stand for cells.
    fn said(&mut self, key: &str, value: &Said<'_>) -> Option<Text> {
        let Some(said) = self.scalar(value) else {
            self.fault(value.span(), format!("`{key}` must be a text"), None);
            return None;
        };
        match Text::parse(&said) {
            Ok(text) => {
                for part in &text.0 {
                    if let Part::Column(column) = part {
                        self.speaks_of(column, value.span());
                    }
                }
                Some(text)
            }
            Err(message) => {
                self.fault(value.span(), format!("in `{key}`: {message}"), None);
                None
            }
        }
    }

    /// `if = "column"`, or `if = { column = "text", other = ["one", "another"] }`.
    fn tests(&mut self, key: &str, value: &Said<'_>) -> Vec<Test> {
        match value.get_ref() {
            DeValue::String(column) => {
                self.speaks_of(column.as_ref(), value.span());
                let (column, must) = (column.as_ref().to_owned(), Must::Present);
                let span = value.span();
                vec![Test { column, must, span }]
            }
            DeValue::Table(table) => {
                let entries = Self::entries(table);
                if entries.is_empty() {
                    let hint = format!("leave `{key}` out, or say which column it asks for");
                    let message = format!("`{key}` asks for nothing");
                    self.fault(value.span(), message, Some(hint));
                }
                let tests = entries.into_iter().map(|(column, span, among)| {
                    self.speaks_of(column, span);
                    Test {
                        column: column.to_owned(),
                        must: self.among(key, among),
                        span: among.span(),
                    }
                });
                tests.collect()
            }
            _ => {
                self.no_test(key, value);
                Vec::new()
            }
        }
    }

    /// What a cell must be: a text, or one of a list of them.
    fn among(&mut self, key: &str, value: &Said<'_>) -> Must {
        let list = value.get_ref().as_array();
        if list.is_some_and(|list| list.iter().next().is_none()) {
            let hint = format!("name what the column may be, or write {key} = \"column\"");
            self.fault(value.span(), "no row is one of none", Some(hint));
        }
        let among: Option<Vec<String>> = match list {
            Some(list) => list.iter().map(|one| self.scalar(one)).collect(),
            None => self.scalar(value).map(|one| vec![one]),
        };
        if among.is_none() {
            self.no_test(key, value);
        }
        Must::Among(among.unwrap_or_default())
    }

    fn no_test(&mut self, key: &str, value: &Said<'_>) {
        let hint = format!("write {key} = \"column\", or {key} = {{ column = \"text\" }}");
        self.fault(value.span(), "this is no test of a row", Some(hint));
    }
}
