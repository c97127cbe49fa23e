//! Parts in percent, and where what they make is rounded.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use crate::value::Number;

/// A part in percent, as taxes and discounts are: `15 %`. Exact to four places, from none to
/// [`Rate::MOST`] percent.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Rate(Number);

/// A text that is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rate; write it as in `15 %` or `0.5 %`, from 0 to {most} percent", most = Rate::MOST)]
pub struct NotARate(SmolStr);

impl Rate {
    /// The highest rate, in percent.
    pub const MOST: i32 = 1000;

    /// Nothing of it.
    pub const NONE: Self = Self(Number::from_ten_thousandths(0));

    /// So many percent.
    ///
    /// # Errors
    /// When it is below zero, or above [`Rate::MOST`].
    pub fn percent(percent: Number) -> Result<Self, NotARate> {
        match (Number::from(0)..=Number::from(Self::MOST)).contains(&percent) {
            true => Ok(Self(percent)),
            false => Err(NotARate(format_smolstr!("{percent} %"))),
        }
    }

    /// All of it: `100 %`.
    pub const ALL: Self = Self(Number::from_ten_thousandths(1_000_000));

    /// How many percent.
    #[must_use]
    pub fn in_percent(self) -> Number {
        self.0
    }

    pub(super) fn fraction(self) -> Decimal {
        Decimal::new(self.0.ten_thousandths(), 6)
    }
}

/// Reads `15 %`, also without the space; never a number without its sign.
impl FromStr for Rate {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Self, NotARate> {
        let percent = text.strip_suffix('%').map(str::trim_end);
        let percent = percent.and_then(|percent| percent.parse().ok());
        let rate = percent.and_then(|percent| Self::percent(percent).ok());
        rate.ok_or_else(|| NotARate(text.into()))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// Where the tax on several lines is rounded; the law decides which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rounding {
    /// Each tax once, on the sum of its lines: the default. Whoever gets the quote can check it with
    /// the base and the rate that stand there, and it is never more than half a unit off.
    #[default]
    PerTotal,
    /// Line by line, and the tax is the sum of that, as electronic invoices in Mexico want it.
    PerLine,
}

words!(Rounding {
    PerTotal = "per-total",
    PerLine = "per-line"
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_say_that_they_are_percent() {
        for (text, printed) in [("15 %", "15 %"), ("0.5%", "0.5 %"), ("0 %", "0 %")] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), printed);
        }
        for text in [
            "15",
            "0.15",
            "%",
            "-1 %",
            "1001 %",
            "1,5 %",
            "15 % %",
            "0.00001 %",
        ] {
            assert!(text.parse::<Rate>().is_err(), "{text} was read");
        }
    }
}
