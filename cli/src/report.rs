//! What a command found, for people and for programs.

use std::fmt::{self, Display};

use comfy_table::{CellAlignment, ContentArrangement, Table, TableComponent, presets};
use leadkit::calendar::Zone;
use leadkit::explain::local;
use leadkit::time::Instant;
use serde::Serialize;

/// What a command found.
#[derive(Clone, Debug)]
pub struct Reported {
    /// For people.
    pub text: String,
    /// For programs: stable, and documented in the README.
    pub json: serde_json::Value,
    /// Whether all is well; if not, the program ends with 1.
    pub is_well: bool,
    /// What is no failure, and probably not meant; in the JSON too.
    pub warnings: Vec<Warned>,
}

/// Something that is probably not meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warned {
    /// What it is.
    pub message: String,
    /// What was probably meant.
    pub hint: Option<String>,
}

impl Display for Warned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl Reported {
    /// A report whose JSON is `json`.
    pub(crate) fn new(text: String, json: &impl Serialize, is_well: bool) -> Self {
        let json = serde_json::to_value(json).unwrap_or(serde_json::Value::Null);
        Self {
            text,
            json,
            is_well,
            warnings: Vec::new(),
        }
    }

    /// The same with warnings, also where there are none.
    pub(crate) fn with_warnings(mut self, warnings: Vec<Warned>) -> Self {
        self.json["warnings"] = serde_json::json!(warnings);
        self.warnings = warnings;
        self
    }
}

/// A table with a heading for each column, as wide as the terminal allows.
pub(crate) fn table<H: Display>(headings: impl IntoIterator<Item = H>) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_style(TableComponent::HeaderLines, '─')
        .set_style(TableComponent::MiddleHeaderIntersections, ' ')
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(headings.into_iter().map(|heading| heading.to_string()));
    table
}

/// The same, with numbers in all columns but the first few, which align to the right.
pub(crate) fn table_of_numbers<H: Display>(
    words: usize,
    headings: impl IntoIterator<Item = H>,
) -> Table {
    let mut table = table(headings);
    for column in table.column_iter_mut().skip(words) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// An instant in a zone, to the second, for programs: `2026-03-06T16:30:00-05:00`.
pub(crate) fn rfc3339(zone: &Zone, at: Instant) -> String {
    local(zone, at).to_rfc3339()
}

/// A text as a condition writes it.
pub(crate) fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// `once`, `twice`, `3 times`.
pub(crate) fn times(count: u64) -> String {
    match count {
        0 => "never".into(),
        1 => "once".into(),
        2 => "twice".into(),
        count => format!("{} times", grouped(count)),
    }
}

/// `1 lead`, `2 leads`.
pub(crate) fn counted(count: impl Into<u64>, one: &str) -> String {
    let count = count.into();
    let number = grouped(count);
    match count {
        1 => format!("{number} {one}"),
        _ => format!("{number} {one}s"),
    }
}

/// `8,000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(counted(1u32, "lead"), "1 lead");
        assert_eq!(counted(8000u32, "lead"), "8,000 leads");
        assert_eq!(counted(2u32, "day"), "2 days");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
