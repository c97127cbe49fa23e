//! How a playbook that is explained is written: its sections, as TOML for people and as JSON for programs.

use std::fmt;

use serde_json::{Map, Value, json};

/// The sections of a playbook.
pub(in crate::check) struct Document(pub(super) Vec<Section>);

/// `[role.advisor]`, or one `[[rule]]`.
pub(super) struct Section {
    kind: &'static str,
    name: Option<String>,
    entries: Vec<(&'static str, Value)>,
}

impl Section {
    pub(super) fn of(kind: &'static str, entries: Vec<(&'static str, Value)>) -> Self {
        let name = None;
        Self {
            kind,
            name,
            entries,
        }
    }

    pub(super) fn named(
        kind: &'static str,
        name: &str,
        entries: Vec<(&'static str, Value)>,
    ) -> Self {
        let name = Some(name.to_owned());
        Self {
            kind,
            name,
            entries,
        }
    }

    fn is_one_of_many(&self) -> bool {
        matches!(self.kind, "rule" | "route")
    }

    fn json(&self) -> Value {
        let entries = self.entries.iter();
        let entries = entries.filter(|(_, value)| !value.is_null());
        Value::Object(
            entries
                .map(|(key, value)| ((*key).to_owned(), value.clone()))
                .collect(),
        )
    }
}

impl Document {
    pub(in crate::check) fn json(&self) -> Value {
        let mut all = Map::new();
        for section in &self.0 {
            let json = section.json();
            if section.is_one_of_many() {
                let list = all
                    .entry(section.kind)
                    .or_insert_with(|| Value::Array(Vec::new()));
                if let Some(list) = list.as_array_mut() {
                    list.push(json);
                }
                continue;
            }
            let mut place = &mut all;
            let mut parts: Vec<&str> = section.kind.split('.').collect();
            parts.extend(
                section
                    .name
                    .as_deref()
                    .into_iter()
                    .flat_map(|name| name.split('/')),
            );
            let last = parts.pop().unwrap_or_default();
            for part in parts {
                let inner = place.entry(part).or_insert_with(|| json!({}));
                match inner.as_object_mut() {
                    Some(inner) => place = inner,
                    None => return Value::Null,
                }
            }
            place.insert(last.to_owned(), json);
        }
        Value::Object(all)
    }
}

/// What stands above it.
const HEADING: &str = "\
# What this playbook means: every default is filled in, and every sla, wait, ageing and reminder
# stands as the tasks and rules that it becomes. This is a telling, and not a playbook: it can be
# read, and not be loaded.
";

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADING}")?;
        for section in &self.0 {
            match &section.name {
                _ if section.is_one_of_many() => writeln!(f, "[[{}]]", section.kind)?,
                Some(name) => writeln!(f, "[{}.{}]", section.kind, name.replace('/', "."))?,
                None => writeln!(f, "[{}]", section.kind)?,
            }
            let shown = || section.entries.iter().filter(|(_, value)| !value.is_null());
            let width = shown().map(|(key, _)| key.len()).max().unwrap_or(0);
            for (key, value) in shown() {
                write!(f, "{key:<width$} = ")?;
                write_value(f, value, 0)?;
                writeln!(f)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// A value as TOML writes it; a long list goes over several lines, `indent` deep.
fn write_value(f: &mut fmt::Formatter<'_>, value: &Value, indent: usize) -> fmt::Result {
    match value {
        Value::String(text) if text.contains('"') && !text.contains(['\'', '\n']) => {
            write!(f, "'{text}'")
        }
        // JSON's escapes are TOML's as well.
        Value::String(_) => write!(f, "{value}"),
        Value::Array(items) => write_list(f, items, indent),
        Value::Object(entries) => {
            f.write_str("{")?;
            let entries = entries.iter().filter(|(_, value)| !value.is_null());
            let mut count = 0;
            for (key, value) in entries {
                f.write_str(if count > 0 { ", " } else { " " })?;
                write!(f, "{key} = ")?;
                write_value(f, value, indent)?;
                count += 1;
            }
            f.write_str(if count == 0 { "}" } else { " }" })
        }
        other => write!(f, "{other}"),
    }
}

/// How many texts of a long list stand on a line.
const ON_A_LINE: usize = 6;

fn write_list(f: &mut fmt::Formatter<'_>, items: &[Value], indent: usize) -> fmt::Result {
    let of_tables = items.iter().any(Value::is_object);
    let on_a_line = match items.len() {
        0 | 1 => usize::MAX,
        _ if of_tables => 1,
        many if many > 2 * ON_A_LINE => ON_A_LINE,
        _ => usize::MAX,
    };
    let is_long = on_a_line < usize::MAX;
    f.write_str("[")?;
    for (place, item) in items.iter().enumerate() {
        if is_long && place % on_a_line == 0 {
            write!(f, "\n{:width$}", "", width = indent + 2)?;
        } else if place > 0 {
            f.write_str(" ")?;
        }
        write_value(f, item, indent + 2)?;
        if is_long || place + 1 < items.len() {
            f.write_str(",")?;
        }
    }
    if is_long {
        write!(f, "\n{:indent$}", "")?;
    }
    f.write_str("]")
}
