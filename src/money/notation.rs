//! How people write amounts and numbers.

use smol_str::{SmolStr, format_smolstr};

use crate::value::Number;

/// How people of a country write amounts, told by an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notation {
    /// A point and no groups: what programs read.
    Plain,
    /// Commas between thousands and a point: Mexico, the United States. The default.
    #[default]
    Commas,
    /// Points between thousands and a comma: Brazil, Ecuador.
    Points,
    /// Blanks between thousands, on which no line breaks, and a comma: Spain, Portugal.
    Gaps,
}

words!(Notation {
    Plain = "1234.50",
    Commas = "1,234.50",
    Points = "1.234,50",
    Gaps = "1 234,50"
});

impl Notation {
    /// What stands before the fraction.
    #[must_use]
    pub fn point(self) -> char {
        match self {
            Self::Plain | Self::Commas => '.',
            Self::Points | Self::Gaps => ',',
        }
    }

    /// A number written so, with its digits as they are.
    #[must_use]
    pub fn number(self, number: Number) -> SmolStr {
        let plain = number.to_string();
        let (sign, plain) = match plain.strip_prefix('-') {
            Some(plain) => ("-", plain),
            None => ("", plain.as_str()),
        };
        match plain.split_once('.') {
            Some((whole, fraction)) => {
                format_smolstr!("{sign}{}{}{fraction}", self.grouped(whole), self.point())
            }
            None => format_smolstr!("{sign}{}", self.grouped(plain)),
        }
    }

    pub(super) fn grouped(self, digits: &str) -> String {
        let between = match self {
            Self::Plain => return digits.to_owned(),
            Self::Commas => ',',
            Self::Points => '.',
            // A space on which no line breaks.
            Self::Gaps => '\u{A0}',
        };
        let mut grouped = String::with_capacity(digits.len() * 2);
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place) % 3 == 0 {
                grouped.push(between);
            }
            grouped.push(digit);
        }
        grouped
    }
}
