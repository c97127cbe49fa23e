//! Values: what a field of a lead holds and what a condition compares.
//!
//! There are five types and no conversions between them. Text compares by *folded equality*
//! (upper and lower case are one, and so are an accent and its letter) and has no order; everything else compares as one expects.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

use crate::time::Instant;

/// The type of a fact or field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueType {
    /// True or false.
    Bool,
    /// An exact decimal number with four places.
    Number,
    /// Text, compared by folded equality.
    Text,
    /// A day of the civil calendar, without a zone.
    Date,
    /// A moment, in UTC.
    Instant,
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "text",
            Self::Date => "a date",
            Self::Instant => "an instant",
        })
    }
}

/// A value, owned: what a field holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// An exact decimal number.
    Number(Number),
    /// Text as it was given; comparisons fold it.
    Text(SmolStr),
    /// A civil day.
    Date(NaiveDate),
    /// A moment, in UTC.
    Instant(Instant),
}

impl Value {
    /// The type of this value.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        self.as_ref().value_type()
    }

    /// The same value, borrowed.
    #[must_use]
    #[inline]
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Bool(value) => ValueRef::Bool(*value),
            Self::Number(value) => ValueRef::Number(*value),
            Self::Text(value) => ValueRef::Text(value),
            Self::Date(value) => ValueRef::Date(*value),
            Self::Instant(value) => ValueRef::Instant(*value),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Number(Number::from(value))
    }
}

impl From<NaiveDate> for Value {
    fn from(value: NaiveDate) -> Self {
        Self::Date(value)
    }
}

impl From<Instant> for Value {
    fn from(value: Instant) -> Self {
        Self::Instant(value)
    }
}

/// A value, borrowed: what a fact of a record evaluates to, without allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueRef<'a> {
    /// True or false.
    Bool(bool),
    /// An exact decimal number.
    Number(Number),
    /// Text as it was given; comparisons fold it.
    Text(&'a str),
    /// A civil day.
    Date(NaiveDate),
    /// A moment, in UTC.
    Instant(Instant),
}

impl ValueRef<'_> {
    /// The type of this value.
    #[must_use]
    pub fn value_type(self) -> ValueType {
        match self {
            Self::Bool(_) => ValueType::Bool,
            Self::Number(_) => ValueType::Number,
            Self::Text(_) => ValueType::Text,
            Self::Date(_) => ValueType::Date,
            Self::Instant(_) => ValueType::Instant,
        }
    }

    /// The same value, owned.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self {
            Self::Bool(value) => Value::Bool(value),
            Self::Number(value) => Value::Number(value),
            Self::Text(value) => Value::Text(value.into()),
            Self::Date(value) => Value::Date(value),
            Self::Instant(value) => Value::Instant(value),
        }
    }
}

impl fmt::Display for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => f.write_str(value),
            Self::Date(value) => value.fmt(f),
            Self::Instant(value) => {
                f.write_str(&value.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
            }
        }
    }
}

/// An exact decimal number with four places, between about -922 and 922 trillion.
///
/// Counts, kilometres and amounts of money all fit; there is no rounding and no `NaN`.
///
/// ```
/// use leadkit::value::Number;
/// let price: Number = "24990.50".parse()?;
/// assert_eq!(price.to_string(), "24990.5");
/// assert!(Number::from(7) < price);
/// # Ok::<(), leadkit::value::NotANumber>(())
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Number(i64);

impl Number {
    const SCALE: i64 = 10_000;
    const PLACES: usize = 4;

    /// The number as a count of ten-thousandths: the form in which stores keep and order it.
    #[must_use]
    pub fn ten_thousandths(self) -> i64 {
        self.0
    }

    /// The number that is this many ten-thousandths.
    #[must_use]
    pub const fn from_ten_thousandths(count: i64) -> Self {
        Self(count)
    }

    /// The whole part, rounded towards zero.
    #[must_use]
    pub fn whole(self) -> i64 {
        self.0 / Self::SCALE
    }
}

impl From<i32> for Number {
    #[inline]
    fn from(whole: i32) -> Self {
        Self(i64::from(whole) * Self::SCALE)
    }
}

impl From<u32> for Number {
    #[inline]
    fn from(whole: u32) -> Self {
        Self(i64::from(whole) * Self::SCALE)
    }
}

/// A text that is no [`Number`]: not decimal, too many places, or out of range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no decimal number of at most four places")]
pub struct NotANumber {
    text: String,
}

impl FromStr for Number {
    type Err = NotANumber;

    fn from_str(text: &str) -> Result<Self, NotANumber> {
        parse_decimal(text).ok_or_else(|| NotANumber { text: text.into() })
    }
}

fn parse_decimal(text: &str) -> Option<Number> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let fraction_digits = fraction.trim_end_matches('0');
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.is_empty() || fraction_digits.len() > Number::PLACES {
        return None;
    }
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let places = u32::try_from(Number::PLACES - fraction_digits.len()).ok()?;
    let fraction = match fraction_digits {
        "" => 0,
        digits => digits.parse::<i64>().ok()? * 10_i64.pow(places),
    };
    let magnitude = whole
        .parse::<i64>()
        .ok()?
        .checked_mul(Number::SCALE)?
        .checked_add(fraction)?;
    Some(Number(if negative { -magnitude } else { magnitude }))
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let scale = Self::SCALE.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let fraction = format!("{:04}", magnitude % scale);
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{sign}{}", magnitude / scale),
            digits => write!(f, "{sign}{}.{digits}", magnitude / scale),
        }
    }
}

/// Both ways in which a number reads whose point stands before three digits: in much of the world it
/// separates thousands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TwoWays {
    /// How it is written without the point.
    pub(crate) thousands: SmolStr,
    /// How it is written so that its point can only stand before a fraction.
    pub(crate) fraction: SmolStr,
}

impl TwoWays {
    /// Those of `20.000`; `0.125` and `2000.125` read in one.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, behind) = digits.split_once('.')?;
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let may_separate = (1..=3).contains(&whole.len())
            && !whole.starts_with('0')
            && behind.len() == 3
            && is_number(whole)
            && is_number(behind);
        if !may_separate {
            return None;
        }
        // `20.0` and `2.1250` read in one way.
        let fraction = match text.trim_end_matches('0') {
            short if short.ends_with('.') => format_smolstr!("{short}0"),
            short if short.len() < text.len() => short.into(),
            _ => format_smolstr!("{text}0"),
        };
        Some(Self {
            thousands: text.replace('.', "").into(),
            fraction,
        })
    }
}

/// `1.234.567` or `20_000` without what separates its thousands.
pub(crate) fn without_separators(text: &str) -> Option<SmolStr> {
    let mut groups = text.split(['.', '_', ',']);
    let first = groups.next()?;
    let is_number = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let fits = (1..=3).contains(&first.len()) && is_number(first);
    let fits = fits && groups.all(|group| group.len() == 3 && is_number(group));
    fits.then(|| text.replace(['.', '_', ','], "").into())
}

/// Folds text for equality, as [`folded_eq`] compares it: lower case, character by character, and
/// composed, so that an accent is the same whether it was typed with its letter or behind it.
///
/// Stores keep text facts in this form, so that their equality is the core's.
#[must_use]
pub fn fold(text: &str) -> SmolStr {
    // Nearly all that is folded is folded already: a name, an id, an address as people type it.
    if text
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
    {
        return text.into();
    }
    match is_composed(text) {
        true => lower(text).collect(),
        false => lower(text).nfc().collect(),
    }
}

/// A text without capitals and accents, in whatever language it is.
#[must_use]
pub fn plain(text: &str) -> String {
    let letters = text.nfd().filter(|letter| !is_combining_mark(*letter));
    let letters: String = letters.map(without_stroke).collect();
    fold(&letters).into()
}

/// The letters whose stroke is a part of them, so that nothing takes it off as an accent.
fn without_stroke(letter: char) -> char {
    match letter {
        'ł' | 'Ł' => 'l',
        'ø' | 'Ø' => 'o',
        'đ' | 'Đ' => 'd',
        'ħ' | 'Ħ' => 'h',
        'ŧ' | 'Ŧ' => 't',
        'ı' => 'i',
        letter => letter,
    }
}

/// Lower case, character by character.
fn lower(text: &str) -> impl Iterator<Item = char> + Clone {
    text.chars().flat_map(char::to_lowercase)
}

/// Whether a text is certainly composed in lower case, as nearly all are.
fn is_composed(text: &str) -> bool {
    is_nfc_quick(lower(text)) == IsNormalized::Yes
}

/// Whether two texts are equal when upper and lower case are one, and a letter and its accent the
/// letter with the accent. Allocates nothing for texts that are composed.
#[must_use]
#[inline]
pub fn folded_eq(a: &str, b: &str) -> bool {
    for (place, (left, right)) in a.bytes().zip(b.bytes()).enumerate() {
        if !left.is_ascii() || !right.is_ascii() {
            return folded_eq_from(place, a, b);
        }
        if !left.eq_ignore_ascii_case(&right) {
            return false;
        }
    }
    // No character folds to nothing, so what is left over on one side is a difference.
    a.len() == b.len()
}

/// The same for texts whose first `place` bytes are ASCII and equal.
#[cold]
fn folded_eq_from(place: usize, a: &str, b: &str) -> bool {
    let (a, b) = (&a[place..], &b[place..]);
    if a == b || lower(a).eq(lower(b)) {
        return true;
    }
    !(is_composed(a) && is_composed(b)) && lower(a).nfc().eq(lower(b).nfc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_read_and_print_exactly() {
        for (text, printed) in [
            ("0", "0"),
            ("-0.5", "-0.5"),
            ("12.3400", "12.34"),
            ("922337203685477.5807", "922337203685477.5807"),
        ] {
            assert_eq!(text.parse::<Number>().unwrap().to_string(), printed);
        }
        for text in [
            "",
            ".5",
            "5.",
            "1.23456",
            "1e3",
            "--1",
            "+1",
            "922337203685478",
            "٣",
        ] {
            assert!(text.parse::<Number>().is_err(), "{text} was read");
        }
    }

    #[test]
    fn a_letter_that_is_two_in_lower_case_keeps_its_accents_in_order() {
        let (composed, apart) = ("\u{130}\u{31c}", "I\u{307}\u{31c}");
        assert_eq!(fold(composed), fold(apart));
        assert!(folded_eq(composed, apart));
    }

    proptest! {
        #[test]
        fn a_number_is_what_it_prints(count: i64) {
            let number = Number::from_ten_thousandths(count);
            if count != i64::MIN {
                prop_assert_eq!(number.to_string().parse::<Number>().unwrap(), number);
            }
        }

        #[test]
        fn a_text_is_the_same_composed_or_not(text in "[A-Zi\u{130}\\u{300}-\u{345}\u{e0}-\u{24f}\u{1e00}-\u{1fff}]{0,6}|\\PC{0,6}") {
            let (composed, apart) = (text.nfc().to_string(), text.nfd().to_string());
            prop_assert_eq!(fold(&composed), fold(&apart));
            prop_assert_eq!(fold(&text), fold(&apart));
            prop_assert!(folded_eq(&composed, &apart) && folded_eq(&apart, &composed));
        }

        #[test]
        fn equality_of_text_is_equality_of_its_fold(a in "\\PC{0,6}", b in "\\PC{0,6}") {
            prop_assert_eq!(folded_eq(&a, &b), fold(&a) == fold(&b));
            prop_assert!(folded_eq(&a, &fold(&a)) == (fold(&a) == fold(&fold(&a))));
        }
    }
}
