//! Money: exact amounts of a currency, what rates make of them, and how they are written.
//!
//! An amount is a whole number of its currency's smallest unit, cents for the dollar. What a quantity
//! or a rate makes of it is computed as an exact decimal and rounded once, to the smallest unit, half
//! away from zero ([`Money::times`]). Nothing here is ever a float, nothing guesses what a text means,
//! and amounts of two currencies are not added: that is an error, and no exchange.
//!
//! ```
//! use leadkit::money::{Money, Rate};
//! let price: Money = "24990.50 USD".parse()?;
//! let tax: Rate = "15 %".parse()?;
//! assert_eq!(price.part(tax)?.to_string(), "3748.58 USD");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use crate::value::Number;

mod currency;
mod notation;
mod rate;

pub use currency::{Currency, UnknownCurrency};
pub use notation::Notation;
pub use rate::{NotARate, Rate, Rounding};

/// An exact amount of a currency: a whole number of its smallest unit, also below zero.
///
/// It lies within a hundred trillion ([`Money::MOST`]) in either direction. So a quantity and two
/// rates of it still fit into the 96 bits of a decimal, and what is rounded is exact until then.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// Why there is no such amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoneyError {
    /// Amounts of two currencies don't make one.
    #[error("{0} and {1} don't add up; exchange one of them first")]
    Mixed(Currency, Currency),
    /// It is more than an amount can be.
    #[error("more than {most} {0} can't be reckoned with", most = Money::MOST)]
    TooMuch(Currency),
    /// The text is no amount of this currency.
    #[error("`{text}` is no amount of {currency}; write it as in {}", example(*.currency))]
    NotAnAmount {
        /// The text.
        text: SmolStr,
        /// The currency.
        currency: Currency,
    },
    /// The text does not say its currency.
    #[error("`{0}` is no amount; write the number and the currency, as in 24990.50 USD")]
    NoCurrency(SmolStr),
    /// The text says a currency that there isn't.
    #[error(transparent)]
    UnknownCurrency(#[from] UnknownCurrency),
}

/// What an amount of a currency looks like.
fn example(currency: Currency) -> Money {
    let minor = 1450 * currency.minor_in_one();
    Money { minor, currency }
}

impl Money {
    /// How much it can be, in whole units of whatever currency.
    pub const MOST: i64 = 100_000_000_000_000;

    /// So many of the currency's smallest unit.
    ///
    /// # Errors
    /// [`MoneyError::TooMuch`].
    pub fn of_minor(minor: i64, currency: Currency) -> Result<Self, MoneyError> {
        Self::of_exact_minor(minor.into(), currency)
    }

    fn of_exact_minor(minor: i128, currency: Currency) -> Result<Self, MoneyError> {
        let most = i128::from(Self::MOST) * i128::from(currency.minor_in_one());
        match i64::try_from(minor) {
            Ok(minor) if i128::from(minor).abs() <= most => Ok(Self { minor, currency }),
            _ => Err(MoneyError::TooMuch(currency)),
        }
    }

    /// Nothing.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Reads an amount of a currency: digits, and behind a point as many as the currency has, or
    /// none. Separators of thousands and decimal commas are not guessed at.
    ///
    /// # Errors
    /// [`MoneyError::NotAnAmount`] and [`MoneyError::TooMuch`].
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let not_an_amount = || MoneyError::NotAnAmount {
            text: text.into(),
            currency,
        };
        let (is_negative, plain) = match text.strip_prefix('-') {
            Some(plain) => (true, plain),
            None => (false, text),
        };
        let (whole, fraction) = match plain.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (plain, None),
        };
        let digits = currency.digits() as usize;
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
        let fits = |fraction: &str| is_number(fraction) && fraction.len() == digits;
        if !is_number(whole) || fraction.is_some_and(|fraction| !fits(fraction)) {
            return Err(not_an_amount());
        }
        let all = format!("{whole}{:0<digits$}", fraction.unwrap_or_default());
        let minor: i128 = all.parse().map_err(|_| MoneyError::TooMuch(currency))?;
        Self::of_exact_minor(if is_negative { -minor } else { minor }, currency)
    }

    /// How many of the currency's smallest unit.
    #[must_use]
    pub fn minor(self) -> i64 {
        self.minor
    }

    /// Of which currency.
    #[must_use]
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// The amount as a number without its currency, as conditions compare it.
    #[must_use]
    pub fn number(self) -> Option<Number> {
        let places = 10_i64.pow(4 - self.currency.digits());
        self.minor
            .checked_mul(places)
            .map(Number::from_ten_thousandths)
    }

    /// Both together.
    ///
    /// # Errors
    /// [`MoneyError::Mixed`] and [`MoneyError::TooMuch`].
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.combined(other, i128::from(other.minor))
    }

    /// What is left of it without the other.
    ///
    /// # Errors
    /// [`MoneyError::Mixed`] and [`MoneyError::TooMuch`].
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.combined(other, -i128::from(other.minor))
    }

    fn combined(self, other: Self, minor: i128) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed(self.currency, other.currency));
        }
        Self::of_exact_minor(i128::from(self.minor) + minor, self.currency)
    }

    /// All of these together; nothing of the currency, if there are none.
    ///
    /// # Errors
    /// [`MoneyError::Mixed`] and [`MoneyError::TooMuch`].
    pub fn sum(
        currency: Currency,
        amounts: impl IntoIterator<Item = Self>,
    ) -> Result<Self, MoneyError> {
        let mut amounts = amounts.into_iter();
        amounts.try_fold(Self::zero(currency), Self::plus)
    }

    /// So many times this, less a discount; rounded once, half away from zero.
    ///
    /// # Errors
    /// [`MoneyError::TooMuch`].
    pub fn times(self, quantity: Number, discount: Rate) -> Result<Self, MoneyError> {
        let left = Decimal::ONE - discount.fraction();
        let quantity = Decimal::new(quantity.ten_thousandths(), 4);
        let gross = self.exact().checked_mul(quantity);
        // What is too much before the discount is refused as well, so that the product is exact.
        let gross = gross.ok_or(MoneyError::TooMuch(self.currency))?;
        Self::rounded(gross, self.currency)?;
        let net = gross.checked_mul(left);
        Self::rounded(
            net.ok_or(MoneyError::TooMuch(self.currency))?,
            self.currency,
        )
    }

    /// This part of it; rounded once, half away from zero.
    ///
    /// # Errors
    /// [`MoneyError::TooMuch`].
    pub fn part(self, rate: Rate) -> Result<Self, MoneyError> {
        let part = self.exact().checked_mul(rate.fraction());
        Self::rounded(
            part.ok_or(MoneyError::TooMuch(self.currency))?,
            self.currency,
        )
    }

    /// Split by weights into shares that together are exactly this: each is rounded down towards
    /// zero, and what is left goes, unit by unit, to those who lost most by it, the earlier first.
    /// With no weight at all there is nobody to get anything, and no share.
    ///
    /// ```
    /// # use leadkit::money::Money;
    /// let whole: Money = "100.00 USD".parse()?;
    /// let shares: Vec<String> = whole.split(&[1, 1, 1]).iter().map(ToString::to_string).collect();
    /// assert_eq!(shares, ["33.34 USD", "33.33 USD", "33.33 USD"]);
    /// # Ok::<(), leadkit::money::MoneyError>(())
    /// ```
    #[must_use]
    pub fn split(self, weights: &[u32]) -> Vec<Self> {
        let all: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
        if all == 0 {
            return Vec::new();
        }
        let whole = i128::from(self.minor).abs();
        let weighted = |weight: &u32| whole * i128::from(*weight);
        let mut shares: Vec<i128> = weights
            .iter()
            .map(|weight| weighted(weight) / all)
            .collect();
        let mut by_loss: Vec<usize> = (0..weights.len()).collect();
        by_loss.sort_by_key(|place| std::cmp::Reverse(weighted(&weights[*place]) % all));
        let mut left = whole - shares.iter().sum::<i128>();
        for place in by_loss {
            if left == 0 {
                break;
            }
            shares[place] += 1;
            left -= 1;
        }
        let shares = shares.into_iter().map(|share| {
            let share = i64::try_from(share).unwrap_or(i64::MAX);
            let minor = share * self.minor.signum();
            Self { minor, ..self }
        });
        shares.collect()
    }

    fn exact(self) -> Decimal {
        Decimal::new(self.minor, 0)
    }

    /// The one rounding: to the smallest unit, half away from zero.
    fn rounded(exact: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let whole = exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
        Self::of_exact_minor(whole.trunc().mantissa(), currency)
    }

    /// The amount as people write it, without its currency.
    #[must_use]
    pub fn written(self, as_in: Notation) -> SmolStr {
        let digits = self.currency.digits() as usize;
        let sign = if self.minor < 0 { "-" } else { "" };
        let minor = format!("{:0>width$}", self.minor.unsigned_abs(), width = digits + 1);
        let (whole, fraction) = minor.split_at(minor.len() - digits);
        let whole = as_in.grouped(whole);
        match fraction {
            "" => format_smolstr!("{sign}{whole}"),
            fraction => format_smolstr!("{sign}{whole}{}{fraction}", as_in.point()),
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.written(Notation::Plain), self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads `24990.50 USD`, as it is printed.
impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let no_currency = || MoneyError::NoCurrency(text.into());
        let (amount, code) = text.split_once(' ').ok_or_else(no_currency)?;
        Self::parse(amount, code.parse::<Currency>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currencies() -> impl Strategy<Value = Currency> {
        let codes: Vec<&'static str> = Currency::codes().collect();
        proptest::sample::select(codes).prop_map(|code| code.parse().unwrap())
    }

    fn amounts() -> impl Strategy<Value = Money> {
        (-1_000_000_000_000_i64..1_000_000_000_000, currencies())
            .prop_map(|(minor, currency)| Money::of_minor(minor, currency).unwrap())
    }

    fn rates() -> impl Strategy<Value = Rate> {
        (0..=1_000_000_i64)
            .prop_map(|count| Rate::percent(Number::from_ten_thousandths(count)).unwrap())
    }

    #[test]
    fn an_amount_is_not_guessed_at() {
        let usd = Currency::USD;
        let clp = "CLP".parse().unwrap();
        for (text, currency, minor) in [
            ("0", usd, 0),
            ("1450", usd, 145_000),
            ("24990.50", usd, 2_499_050),
            ("-0.05", usd, -5),
            ("990", clp, 990),
        ] {
            assert_eq!(
                Money::parse(text, currency).unwrap().minor(),
                minor,
                "{text}"
            );
        }
        for text in [
            "", "-", ".50", "5.", "1,450.00", "1.450,00", "1450,00", "12.5", "12.345", "1e3", "+1",
            " 1", "1_000", "$5", "٣",
        ] {
            assert!(Money::parse(text, usd).is_err(), "{text} was read");
        }
        assert!(Money::parse("1.00", clp).is_err());
        for text in [
            "24990.50",
            "USD 24990.50",
            "24990.50USD",
            "24990.50  USD",
            "1.00 usd",
        ] {
            assert!(text.parse::<Money>().is_err(), "{text} was read");
        }
    }

    #[test]
    fn what_is_too_much_or_mixed_is_an_error() {
        let usd = Currency::USD;
        let most = Money::parse("100000000000000", usd).unwrap();
        let cent = Money::of_minor(1, usd).unwrap();
        assert_eq!(most.plus(cent), Err(MoneyError::TooMuch(usd)));
        assert_eq!(
            Money::zero(usd).minus(most).unwrap().minus(cent),
            Err(MoneyError::TooMuch(usd))
        );
        assert_eq!(
            most.times(Number::from(2), Rate::NONE),
            Err(MoneyError::TooMuch(usd))
        );
        let endless = Number::from_ten_thousandths(i64::MAX);
        assert_eq!(
            most.times(endless, Rate::NONE),
            Err(MoneyError::TooMuch(usd))
        );
        let eur = "EUR".parse().unwrap();
        assert_eq!(
            cent.plus(Money::zero(eur)),
            Err(MoneyError::Mixed(usd, eur))
        );
        assert_eq!(
            Money::parse("99999999999999999999999999999999999999999", usd),
            Err(MoneyError::TooMuch(usd))
        );
    }

    #[test]
    fn half_a_unit_goes_away_from_zero() {
        let half = "50 %".parse().unwrap();
        for (minor, part) in [(1, 1), (3, 2), (-1, -1), (-3, -2), (2, 1)] {
            let money = Money::of_minor(minor, Currency::USD).unwrap();
            assert_eq!(money.part(half).unwrap().minor(), part, "{minor}");
        }
    }

    #[test]
    fn amounts_are_written_as_the_country_does() {
        let money: Money = "-1234567.50 USD".parse().unwrap();
        let written = |notation: Notation| money.written(notation);
        assert_eq!(written(Notation::Plain), "-1234567.50");
        assert_eq!(written(Notation::Commas), "-1,234,567.50");
        assert_eq!(written(Notation::Points), "-1.234.567,50");
        assert_eq!(written(Notation::Gaps), "-1\u{A0}234\u{A0}567,50");
        let peso: Money = "990 CLP".parse().unwrap();
        assert_eq!(peso.written(Notation::Points), "990");
        assert_eq!(
            Notation::Points.number("1500.25".parse().unwrap()),
            "1.500,25"
        );
    }

    proptest! {
        #[test]
        fn an_amount_is_what_it_prints(money in amounts()) {
            prop_assert_eq!(money.to_string().parse::<Money>().unwrap(), money);
        }

        #[test]
        fn shares_together_are_the_whole(money in amounts(), weights in prop::collection::vec(0..10_000_u32, 1..20)) {
            let shares = money.split(&weights);
            if weights.iter().all(|weight| *weight == 0) {
                prop_assert!(shares.is_empty());
            } else {
                prop_assert_eq!(Money::sum(money.currency(), shares.iter().copied()).unwrap(), money);
                let all: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
                for (share, weight) in shares.iter().zip(&weights) {
                    let off = i128::from(share.minor()) * all - i128::from(money.minor()) * i128::from(*weight);
                    prop_assert!(off.abs() < all, "a share is a whole unit off");
                }
            }
        }

        #[test]
        fn a_part_is_at_most_half_a_unit_off(money in amounts(), rate in rates()) {
            let part = i128::from(money.part(rate).unwrap().minor());
            let whole = 1_000_000_i128;
            let exact = i128::from(money.minor()) * i128::from(rate.in_percent().ten_thousandths());
            prop_assert!(((part * whole - exact) * 2).abs() <= whole);
            if (exact * 2) % whole == 0 && exact % whole != 0 {
                prop_assert!((part * whole).abs() > exact.abs(), "half a unit goes away from zero");
            }
        }

        #[test]
        fn a_product_is_at_most_half_a_unit_off(money in amounts(), count in 0..900_000_i64, rate in rates()) {
            let quantity = Number::from_ten_thousandths(count);
            let net = i128::from(money.times(quantity, rate).unwrap().minor());
            let left = 1_000_000 - i128::from(rate.in_percent().ten_thousandths());
            let (whole, exact) = (10_000_000_000_i128, i128::from(money.minor()) * i128::from(count) * left);
            prop_assert!(((net * whole - exact) * 2).abs() <= whole);
        }

        #[test]
        fn sums_do_not_depend_on_their_order(minors in prop::collection::vec(-1_000_000..1_000_000_i64, 0..20)) {
            let money = |minor: &i64| Money::of_minor(*minor, Currency::USD).unwrap();
            let forth = Money::sum(Currency::USD, minors.iter().map(money)).unwrap();
            let back = Money::sum(Currency::USD, minors.iter().rev().map(money)).unwrap();
            prop_assert_eq!(forth, back);
            prop_assert_eq!(forth.minor(), minors.iter().sum::<i64>());
        }
    }
}
