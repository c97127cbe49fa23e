//! Where a fact lies in the tables, and how its value is written there.
//!
//! A built-in fact has a column of its name. A playbook's own field takes one of the spare
//! columns, and when those are used up a place in the overflow. A name and a type make a place:
//! a fact whose type changes takes another, and one record has a name in one of them only.

use std::borrow::Cow;
use std::sync::LazyLock;

use chrono::{DateTime, Datelike, NaiveDate};
use leadkit::facts;
use leadkit::store::Kind;
use leadkit::value::{Number, Value, ValueType};
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::error::Unreadable;

/// Spare columns for text, `t1` to `t8`; as many follow for all other types, `n1` to `n8`.
pub(crate) const SPARE: u32 = 8;

/// How many columns behind the last one are tried before a fact is searched for by name.
const LOOK_AHEAD: usize = 4;

/// All types in the order of [`Value`]'s.
pub(crate) const TYPES: [ValueType; 5] = [
    ValueType::Bool,
    ValueType::Number,
    ValueType::Text,
    ValueType::Date,
    ValueType::Instant,
];

/// The number under which slots keep a type; never reused.
pub(crate) fn type_number(value_type: ValueType) -> u8 {
    match value_type {
        ValueType::Bool => 1,
        ValueType::Number => 2,
        ValueType::Text => 3,
        ValueType::Date => 4,
        ValueType::Instant => 5,
    }
}

/// The columns of one kind's facts, numbered as the catalogue and the slots number them; the table
/// may have them in another order.
#[derive(Debug)]
pub(crate) struct Layout {
    kind: Kind,
    built_in: Vec<&'static facts::BuiltIn>,
    /// The built-in facts' names, with their places in `built_in`, by name.
    by_name: Vec<(&'static str, usize)>,
}

/// Where a fact of a certain name and type lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the n-th column behind the key, counted from 0.
    Column(usize),
    /// In the overflow, under this slot.
    Overflow(u32),
}

static LAYOUTS: LazyLock<Vec<Layout>> = LazyLock::new(|| {
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.has_facts());
    kinds.map(Layout::new).collect()
});

impl Layout {
    /// The columns of this kind, if it has facts.
    pub(crate) fn of(kind: Kind) -> Option<&'static Self> {
        LAYOUTS.iter().find(|layout| layout.kind == kind)
    }

    fn new(kind: Kind) -> Self {
        let built_in: Vec<_> = facts::built_in(kind)
            .iter()
            .filter(|fact| fact.stored)
            .collect();
        let mut by_name: Vec<_> = built_in.iter().map(|fact| fact.name).zip(0..).collect();
        by_name.sort_unstable();
        Self {
            kind,
            built_in,
            by_name,
        }
    }

    /// Whose facts these are.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The table's name without the prefix.
    pub(crate) fn table(&self) -> &'static str {
        match self.kind {
            Kind::Lead => "lead_facts",
            Kind::Agent => "agent_facts",
            Kind::Message => "message_facts",
            Kind::Sweep => "sweep_facts",
            _ => "facts",
        }
    }

    /// The names of all columns between the key and the overflow.
    pub(crate) fn columns(&self) -> impl Iterator<Item = String> {
        (0..self.built_in.len() + 2 * SPARE as usize).map(|index| self.column(index))
    }

    /// The name of the n-th column behind the key.
    pub(crate) fn column(&self, index: usize) -> String {
        let spare = SPARE as usize;
        match index.checked_sub(self.built_in.len()) {
            None => self.built_in[index].name.replace('.', "_"),
            Some(text) if text < spare => format!("t{}", text + 1),
            Some(other) => format!("n{}", other - spare + 1),
        }
    }

    /// The place of a built-in fact, if there is one of this name and type.
    pub(crate) fn built_in(&self, name: &str, value_type: ValueType) -> Option<Place> {
        self.built_in_behind(&mut 0, name, value_type)
    }

    /// The same for facts that come in the order of the columns, as those of a record do: `next`
    /// is where to look first, and is moved behind what was found.
    #[inline]
    pub(crate) fn built_in_behind(
        &self,
        next: &mut usize,
        name: &str,
        value_type: ValueType,
    ) -> Option<Place> {
        let ahead = self.built_in[*next..]
            .iter()
            .take(LOOK_AHEAD)
            .position(|fact| fact.name == name);
        let index = match ahead {
            Some(ahead) => *next + ahead,
            None => self.built_in_by_name(name)?,
        };
        *next = index + 1;
        (self.built_in[index].value_type == value_type).then_some(Place::Column(index))
    }

    fn built_in_by_name(&self, name: &str) -> Option<usize> {
        let found = self
            .by_name
            .binary_search_by(|(other, _)| (*other).cmp(name));
        Some(self.by_name[found.ok()?].1)
    }

    /// The place of a slot.
    pub(crate) fn slot(&self, slot: u32) -> Place {
        match slot {
            1..=16 => Place::Column(self.built_in.len() + slot as usize - 1),
            _ => Place::Overflow(slot),
        }
    }
}

/// The slots that a field of this type may take.
pub(crate) fn spare_slots(value_type: ValueType) -> std::ops::RangeInclusive<u32> {
    match value_type {
        ValueType::Text => 1..=SPARE,
        _ => SPARE + 1..=2 * SPARE,
    }
}

/// A value as the tables hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Encoded<'a> {
    Integer(i64),
    Text(Cow<'a, str>),
}

impl<'a> Encoded<'a> {
    #[inline]
    pub(crate) fn of(value: &'a Value) -> Self {
        match value {
            Value::Bool(value) => Self::Integer(i64::from(*value)),
            Value::Number(value) => Self::Integer(value.ten_thousandths()),
            Value::Text(value) => Self::Text(escaped(value)),
            Value::Date(value) => Self::Integer(i64::from(value.num_days_from_ce())),
            Value::Instant(value) => Self::Integer(value.timestamp_micros()),
        }
    }
}

impl rusqlite::ToSql for Encoded<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
        }))
    }
}

/// Reads a value of this type from a column.
pub(crate) fn decode(
    value_type: ValueType,
    column: usize,
    raw: ValueRef<'_>,
) -> rusqlite::Result<Option<Value>> {
    let unreadable = || Unreadable::from(column, raw.data_type());
    let value = match (value_type, raw) {
        (_, ValueRef::Null) => return Ok(None),
        (ValueType::Text, ValueRef::Text(bytes)) => {
            let text = str::from_utf8(bytes).map_err(|_| unreadable())?;
            Some(Value::from(&*unescaped(text)))
        }
        (ValueType::Bool, ValueRef::Integer(value @ 0..=1)) => Some(Value::Bool(value == 1)),
        (ValueType::Number, ValueRef::Integer(count)) => {
            Some(Value::Number(Number::from_ten_thousandths(count)))
        }
        (ValueType::Date, ValueRef::Integer(days)) => i32::try_from(days)
            .ok()
            .and_then(NaiveDate::from_num_days_from_ce_opt)
            .map(Value::Date),
        (ValueType::Instant, ValueRef::Integer(micros)) => {
            DateTime::from_timestamp_micros(micros).map(Value::Instant)
        }
        _ => None,
    };
    value.map(Some).ok_or_else(unreadable)
}

/// The overflow of one record, as JSON in the making.
#[derive(Debug, Default)]
pub(crate) struct Overflow {
    json: String,
}

impl Overflow {
    pub(crate) fn add(&mut self, slot: u32, value: Encoded<'_>) {
        use std::fmt::Write;
        self.json.push(if self.json.is_empty() { '{' } else { ',' });
        // Writing to a string can't fail.
        let _ = match value {
            Encoded::Integer(value) => write!(self.json, r#""s{slot}":{value}"#),
            Encoded::Text(text) => write!(self.json, r#""s{slot}":{}"#, Quoted(&text)),
        };
    }

    /// The JSON, or `None` when nothing was added.
    pub(crate) fn finish(mut self) -> Option<String> {
        if self.json.is_empty() {
            return None;
        }
        self.json.push('}');
        Some(self.json)
    }
}

/// A text as JSON writes it.
struct Quoted<'a>(&'a str);

impl std::fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\"")?;
        for letter in self.0.chars() {
            match letter {
                '"' | '\\' => write!(f, "\\{letter}")?,
                '\0'..='\x1f' => write!(f, "\\u{:04x}", u32::from(letter))?,
                _ => write!(f, "{letter}")?,
            }
        }
        f.write_str("\"")
    }
}

/// SQLite's functions end a text at its first NUL, so NUL is written as `\u{1}0` and `\u{1}`
/// as `\u{1}1`, which keeps the order of texts.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte <= 1) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '\0' => escaped.push_str("\u{1}0"),
            '\u{1}' => escaped.push_str("\u{1}1"),
            _ => escaped.push(letter),
        }
    }
    escaped.into()
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1}') {
        return text.into();
    }
    let mut letters = text.chars();
    let unescape = || match letters.next()? {
        '\u{1}' => match letters.next()? {
            '0' => Some('\0'),
            _ => Some('\u{1}'),
        },
        letter => Some(letter),
    };
    std::iter::from_fn(unescape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tables;
    use proptest::prelude::*;
    use rusqlite::Connection;

    #[test]
    fn every_built_in_fact_has_its_column_in_the_tables() {
        let mut connection = Connection::open_in_memory().unwrap();
        let tables = Tables::default();
        tables.migrate(&mut connection).unwrap();
        for layout in LAYOUTS.iter() {
            let text = |name: String| (name, "TEXT");
            let integer = |name: String| (name, "INTEGER");
            let mut columns: Vec<(String, &str)> = vec![
                integer("tenant".into()),
                ("id".into(), "BLOB"),
                ("overflow".into(), "BLOB"),
            ];
            for (place, name) in layout.columns().enumerate() {
                let is_text = match layout.built_in.get(place) {
                    Some(fact) => fact.value_type == ValueType::Text,
                    None => name.starts_with('t'),
                };
                columns.push(if is_text { text(name) } else { integer(name) });
            }
            columns.sort_unstable();
            let mut made = columns_of(&connection, layout);
            made.sort_unstable();
            let made: Vec<(String, &str)> = made.iter().map(|(n, t)| (n.clone(), &**t)).collect();
            assert_eq!(made, columns);
        }
    }

    /// SQLite walks through a row's columns up to the one it wants: a list that is asked for all day
    /// must not pay for facts that few leads have.
    #[test]
    fn what_lists_of_leads_ask_for_comes_before_what_few_do() {
        let mut connection = Connection::open_in_memory().unwrap();
        Tables::default().migrate(&mut connection).unwrap();
        let columns = columns_of(&connection, Layout::of(Kind::Lead).unwrap());
        let place = |name: &str| {
            columns
                .iter()
                .position(|(column, _)| column == name)
                .unwrap()
        };
        let asked = ["stage", "open", "owner", "registered_at", "attempts_total"];
        let own = ["t1", "t8", "n1", "n8"];
        for rare in ["wait_days", "quote_total", "reward", "overflow"] {
            for often in asked.iter().chain(&own) {
                assert!(place(often) < place(rare), "{often} behind {rare}");
            }
        }
        for (asked, own) in asked.iter().zip(own) {
            assert!(place(asked) < place(own), "{asked} behind {own}");
        }
    }

    /// Names and types, in the order of the table.
    fn columns_of(connection: &Connection, layout: &Layout) -> Vec<(String, String)> {
        let table = format!("leadkit_{}", layout.table());
        let asked = "SELECT name, type FROM pragma_table_info(?1) ORDER BY cid";
        let mut statement = connection.prepare(asked).unwrap();
        let columns = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)));
        columns.unwrap().collect::<Result<_, _>>().unwrap()
    }

    proptest! {
        #[test]
        fn escaped_text_comes_back_in_its_order(a in "[\0\u{1}01a\u{2}]{0,4}", b in "[\0\u{1}01a\u{2}]{0,4}") {
            let written = escaped(&a);
            prop_assert_eq!(&*unescaped(&written), &*a);
            prop_assert_eq!(escaped(&a).cmp(&escaped(&b)), a.cmp(&b));
        }

        #[test]
        fn quoted_text_is_what_sqlite_reads(text in "\\PC{0,9}|[\u{1}-\u{1f}\"\\\\]{0,9}") {
            let connection = Connection::open_in_memory().unwrap();
            let json = format!(r#"{{"a":{}}}"#, Quoted(&text));
            let read: String = connection
                .query_row("SELECT json_extract(jsonb(?1), '$.a')", [json], |row| row.get(0))
                .unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
