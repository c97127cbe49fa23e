//! Amounts as people write them: a number with the sign or the code of its currency before or behind it.

use leadkit::money::Currency;
use leadkit::value::Number;
use smol_str::SmolStr;

use super::numbers::{DecimalMark, NumberFault, number};

/// Signs, and the currencies that are written with each.
const SIGNS: &[(&str, &str)] = &[
    (
        "$",
        "USD ARS AUD BSD CAD CLP COP CUP DOP HKD MXN NZD SGD TWD UYU",
    ),
    ("US$", "USD"),
    ("U$S", "USD"),
    ("MX$", "MXN"),
    ("R$", "BRL"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("¥", "JPY CNY"),
    ("S/", "PEN"),
    ("S/.", "PEN"),
    ("BS", "BOB"),
    ("BS.", "BOB"),
    ("₲", "PYG"),
    ("₡", "CRC"),
];

/// Why a text is not read as an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AmountFault {
    /// It is no number, or one that reads in two ways.
    #[error(transparent)]
    Number(#[from] NumberFault),
    /// It is in another currency.
    #[error("is in `{said}`, and the playbook's currency is {wanted}")]
    OtherCurrency {
        /// As it is written.
        said: SmolStr,
        /// The one that is read.
        wanted: Currency,
    },
}

/// Reads a number, or an amount of this currency.
///
/// # Errors
/// When it is none, can be read in two ways, or is in another currency.
pub(super) fn amount(
    text: &str,
    mark: Option<DecimalMark>,
    currency: Currency,
) -> Result<Number, AmountFault> {
    let is_minus = |c: char| matches!(c, '-' | '−');
    let bare = text.trim();
    let bare = bare.strip_prefix(is_minus).unwrap_or(bare).trim_start();
    let is_digit = |c: char| c.is_ascii_digit();
    let (Some(first), Some(last)) = (bare.find(is_digit), bare.rfind(is_digit)) else {
        return Ok(number(text, mark)?);
    };
    let before = bare[..first].trim_end();
    let minus_behind = before.strip_suffix(is_minus).map(str::trim_end);
    let (before, after) = (minus_behind.unwrap_or(before), bare[last + 1..].trim());
    let (("", said) | (said, "")) = (before, after) else {
        return Ok(number(text, mark)?);
    };
    match of_currency(said) {
        Some(codes) if codes.split(' ').any(|code| code == currency.code()) => {
            let minus = match (text.trim_start().starts_with(is_minus), minus_behind) {
                (false, None) => "",
                (true, None) | (false, Some(_)) => "-",
                (true, Some(_)) => return Ok(number(text, mark)?),
            };
            Ok(number(&format!("{minus}{}", &bare[first..=last]), mark)?)
        }
        Some(_) => Err(AmountFault::OtherCurrency {
            said: said.into(),
            wanted: currency,
        }),
        None => Ok(number(text, mark)?),
    }
}

/// The currencies that a sign or a code says, if it says any.
fn of_currency(said: &str) -> Option<&'static str> {
    let said = said.to_uppercase();
    let sign = SIGNS.iter().find(|(sign, _)| *sign == said);
    let code = || Currency::codes().find(|code| *code == said);
    sign.map(|(_, codes)| *codes).or_else(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, currency: &str) -> Result<String, AmountFault> {
        let currency = currency.parse().unwrap();
        amount(text, None, currency).map(|number| number.to_string())
    }

    #[test]
    fn a_number_may_have_its_currency_before_or_behind_it() {
        for (text, currency, wanted) in [
            ("$ 24.990,00", "USD", "24990"),
            ("$24,990.50", "MXN", "24990.5"),
            ("US$ 24.990,00", "USD", "24990"),
            ("24.990,00 USD", "USD", "24990"),
            ("usd 1500", "USD", "1500"),
            ("1.500,00 €", "EUR", "1500"),
            ("R$\u{a0}1.500,00", "BRL", "1500"),
            ("S/. 12", "PEN", "12"),
            ("-$5", "USD", "-5"),
            ("$ -5", "USD", "-5"),
            ("−5 $", "USD", "-5"),
            ("24,9", "USD", "24.9"),
            ("-5", "USD", "-5"),
        ] {
            assert_eq!(read(text, currency).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn another_currency_is_told_and_not_taken_for_this_one() {
        for (text, currency, said) in [
            ("1.500,00 €", "USD", "€"),
            ("$ 5", "EUR", "$"),
            ("US$ 5", "MXN", "US$"),
            ("5 MXN", "USD", "MXN"),
        ] {
            let wanted: Currency = currency.parse().unwrap();
            let told = AmountFault::OtherCurrency {
                said: said.into(),
                wanted,
            };
            assert_eq!(read(text, currency), Err(told), "{text}");
        }
    }

    #[test]
    fn what_says_no_currency_is_no_amount() {
        for text in [
            "5 km",
            "$",
            "approx. 5",
            "$ 5 USD",
            "5-",
            "$ 5 %",
            "1-2 $",
            "-$-5",
            "12 ABC",
        ] {
            let told = Err(NumberFault::NotANumber.into());
            assert_eq!(read(text, "USD"), told, "{text}");
        }
        assert!(matches!(
            read("$ 24.990", "USD"),
            Err(AmountFault::Number(NumberFault::Ambiguous { .. }))
        ));
    }
}
