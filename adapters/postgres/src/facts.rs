//! Where a fact lies in the tables, and how its value is written there.
//!
//! A built-in fact has a column of its name. A playbook's own field takes one of the spare
//! columns, and when those are used up a place in the overflow. A name and a type make a place:
//! a fact whose type changes takes another, and one record has a name in one of them only. What is
//! too long for a row of an index stands in the overflow, too, under the name of its column, which
//! is NULL then: so every index holds all rows, and much is answered from it alone.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::LazyLock;

use chrono::{DateTime, Datelike, NaiveDate};
use leadkit::facts;
use leadkit::store::Kind;
use leadkit::value::{Number, Value, ValueType};

/// Spare columns for text, `t1` to `t8`; as many follow for all other types, `n1` to `n8`.
pub(crate) const SPARE: u32 = 8;

/// The longest text that stands in a column, in bytes. A row of an index has room for some 2,700.
const LONGEST_TEXT: usize = 256;

/// Whether a text stands in its column.
pub(crate) fn is_short(text: &str) -> bool {
    text.len() <= LONGEST_TEXT
}

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
pub(crate) fn type_number(value_type: ValueType) -> i16 {
    match value_type {
        ValueType::Bool => 1,
        ValueType::Number => 2,
        ValueType::Text => 3,
        ValueType::Date => 4,
        ValueType::Instant => 5,
    }
}

/// The columns of one kind's facts.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) kind: Kind,
    built_in: Vec<&'static facts::BuiltIn>,
    /// The built-in facts' names, with their places in `built_in`, by name.
    by_name: Vec<(&'static str, usize)>,
}

/// There is one for each kind.
impl PartialEq for Layout {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Eq for Layout {}

impl PartialOrd for Layout {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Layout {
    fn cmp(&self, other: &Self) -> Ordering {
        self.kind.cmp(&other.kind)
    }
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

    /// Of every kind that has facts.
    pub(crate) fn all() -> &'static [Self] {
        &LAYOUTS
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

    /// How many columns there are between the key and the overflow.
    pub(crate) fn width(&self) -> usize {
        self.built_in.len() + 2 * SPARE as usize
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

    /// Whether the n-th column holds text; all others hold integers.
    pub(crate) fn holds_text(&self, index: usize) -> bool {
        match index.checked_sub(self.built_in.len()) {
            None => self.built_in[index].value_type == ValueType::Text,
            Some(spare) => spare < SPARE as usize,
        }
    }

    /// The place of a built-in fact, if there is one of this name and type.
    pub(crate) fn built_in(&self, name: &str, value_type: ValueType) -> Option<Place> {
        self.built_in_behind(&mut 0, name, value_type)
    }

    /// The same for facts that come in the order of the columns, as those of a record do: `next`
    /// is where to look first, and is moved behind what was found.
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

/// Reads a value of this type that isn't text; `None` for what can't have been written.
pub(crate) fn decoded(value_type: ValueType, number: i64) -> Option<Value> {
    match value_type {
        ValueType::Bool => Some(Value::Bool(match number {
            0 => false,
            1 => true,
            _ => return None,
        })),
        ValueType::Number => Some(Value::Number(Number::from_ten_thousandths(number))),
        ValueType::Text => None,
        ValueType::Date => {
            let day = NaiveDate::from_num_days_from_ce_opt(i32::try_from(number).ok()?);
            day.map(Value::Date)
        }
        ValueType::Instant => DateTime::from_timestamp_micros(number).map(Value::Instant),
    }
}

/// PostgreSQL's texts hold no NUL, so NUL is written as `\u{1}0` and `\u{1}` as `\u{1}1`, which
/// keeps the order of texts.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
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

pub(crate) fn unescaped(text: &str) -> Cow<'_, str> {
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
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn escaped_text_comes_back_in_its_order(a in "[\0\u{1}01a\u{2}]{0,4}", b in "[\0\u{1}01a\u{2}]{0,4}") {
            let written = escaped(&a);
            prop_assert!(!written.contains('\0'));
            prop_assert_eq!(&*unescaped(&written), &*a);
            prop_assert_eq!(escaped(&a).cmp(&escaped(&b)), a.cmp(&b));
        }
    }
}
