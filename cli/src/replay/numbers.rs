//! Numbers as people write them: `1,234.50`, `1.234,50`, `1 234,5`. Which sign is the decimal mark
//! is declared, or plain from the number itself; `24,990` alone is both, and never guessed.

use leadkit::value::Number;

/// The sign between the whole and the fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalMark {
    /// `24.99`
    Point,
    /// `24,99`
    Comma,
}

impl DecimalMark {
    /// The mark that a map declares.
    #[must_use]
    pub fn declared(text: &str) -> Option<Self> {
        match text {
            "." => Some(Self::Point),
            "," => Some(Self::Comma),
            _ => None,
        }
    }

    fn sign(self) -> char {
        match self {
            Self::Point => '.',
            Self::Comma => ',',
        }
    }
}

/// Why a text is not read as a number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NumberFault {
    /// It is none, or not written with the declared mark, or has more places than are kept.
    #[error("is not a number")]
    NotANumber,
    /// Its only sign may part thousands as well as a fraction.
    #[error(
        "may be {decimal} or {whole}; say which sign is the decimal mark of the file: decimal = \".\", or decimal = \",\""
    )]
    Ambiguous {
        /// As a decimal mark.
        decimal: Number,
        /// As a thousands separator.
        whole: Number,
    },
}

/// Reads a number; without a declared mark, only if there is one way to read it.
///
/// # Errors
/// When it is none, or can be read in two ways.
pub fn number(text: &str, mark: Option<DecimalMark>) -> Result<Number, NumberFault> {
    let read = |mark| read(text, mark).ok_or(NumberFault::NotANumber);
    match mark {
        Some(mark) => read(Some(mark)),
        None => match readings(text).as_slice() {
            [one] => Ok(*one),
            [decimal, whole] => Err(NumberFault::Ambiguous {
                decimal: *decimal,
                whole: *whole,
            }),
            _ => read(None),
        },
    }
}

/// All ways to read it, each value once; the one with a fraction is the smaller.
fn readings(text: &str) -> Vec<Number> {
    let marks = [DecimalMark::Point, DecimalMark::Comma];
    let mut readings: Vec<Number> = Vec::new();
    for mark in marks {
        readings.extend(read(text, Some(mark)));
    }
    readings.sort_unstable_by_key(|number| number.ten_thousandths().unsigned_abs());
    readings.dedup();
    readings
}

/// What parts thousands, beside the sign that is not the decimal mark.
const GAPS: [char; 5] = [' ', '\u{a0}', '\u{202f}', '\'', '’'];

/// Reads it with this decimal mark, or as a whole number.
fn read(text: &str, mark: Option<DecimalMark>) -> Option<Number> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix(['-', '−']) {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let parts = mark.and_then(|mark| digits.split_once(mark.sign()));
    let (whole, fraction) = match parts {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let whole = ungrouped(whole, mark)?;
    match fraction {
        None => format!("{sign}{whole}").parse().ok(),
        Some(fraction) => format!("{sign}{whole}.{fraction}").parse().ok(),
    }
}

/// The digits of a whole number: one to three, then groups of three, all parted by one sign.
fn ungrouped(whole: &str, mark: Option<DecimalMark>) -> Option<String> {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if is_digits(whole) {
        return Some(whole.to_owned());
    }
    let separator = whole.chars().find(|c| !c.is_ascii_digit())?;
    let parts_thousands = GAPS.contains(&separator)
        || matches!(separator, '.' | ',') && mark.map(DecimalMark::sign) != Some(separator);
    let mut groups = whole.split(separator);
    let first = groups.next()?;
    let is_grouped = is_digits(first) && first.len() <= 3 && !first.starts_with('0');
    let all_of_three = groups.all(|group| group.len() == 3 && is_digits(group));
    let digits = || whole.chars().filter(char::is_ascii_digit).collect();
    (parts_thousands && is_grouped && all_of_three).then(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, mark: Option<DecimalMark>) -> Result<String, NumberFault> {
        number(text, mark).map(|number| number.to_string())
    }

    #[test]
    fn what_reads_in_one_way_needs_no_declaration() {
        for (text, wanted) in [
            ("0", "0"),
            ("1234", "1234"),
            ("-5", "-5"),
            ("+5", "5"),
            ("24,9", "24.9"),
            ("24.99", "24.99"),
            ("24,9900", "24.99"),
            ("1.234,50", "1234.5"),
            ("1,234.50", "1234.5"),
            ("1,234,567", "1234567"),
            ("1.234.567", "1234567"),
            ("1 234 567", "1234567"),
            ("1\u{a0}234,5", "1234.5"),
            ("1'234.5", "1234.5"),
            ("1 234,567", "1234.567"),
            ("24990,125", "24990.125"),
            // No thousand begins with a zero.
            ("0,125", "0.125"),
            ("0.125", "0.125"),
        ] {
            assert_eq!(read(text, None).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_reads_in_two_ways_is_not_guessed() {
        for (text, decimal, whole) in [
            ("24,990", "24.99", "24990"),
            ("24.990", "24.99", "24990"),
            ("-1,234", "-1.234", "-1234"),
        ] {
            let Err(NumberFault::Ambiguous {
                decimal: found,
                whole: other,
            }) = number(text, None)
            else {
                panic!("{text} was read");
            };
            assert_eq!(
                (found.to_string(), other.to_string()),
                (decimal.into(), whole.into())
            );
        }
    }

    #[test]
    fn a_declared_mark_decides_and_must_be_kept_to() {
        let (comma, point) = (Some(DecimalMark::Comma), Some(DecimalMark::Point));
        assert_eq!(read("24,990", comma).as_deref(), Ok("24.99"));
        assert_eq!(read("24,990", point).as_deref(), Ok("24990"));
        assert_eq!(read("1.234", comma).as_deref(), Ok("1234"));
        assert_eq!(read("1.234,5", comma).as_deref(), Ok("1234.5"));
        for (text, mark) in [("24.99", comma), ("24,99", point), ("1,234.5", comma)] {
            assert_eq!(number(text, mark), Err(NumberFault::NotANumber), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in [
            "",
            "-",
            "much",
            "1,2,3",
            "1.2.3",
            "12 34",
            "1,234 567",
            "5.",
            ".5",
            "1e5",
            "$ 5",
            "1,,234",
            "1234,567,890",
            "1.23456",
            "٣",
        ] {
            for mark in [None, Some(DecimalMark::Comma), Some(DecimalMark::Point)] {
                assert_eq!(number(text, mark), Err(NumberFault::NotANumber), "{text}");
            }
        }
    }
}
