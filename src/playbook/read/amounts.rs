//! Amounts of money, rates and days, as playbooks and scenarios write them.

use chrono::NaiveDate;
use smol_str::{SmolStr, format_smolstr};

use super::Node;
use crate::calendar::Impossible;
use crate::money::{Currency, Money, MoneyError, Rate};
use crate::playbook::fault::FaultKind;
use crate::value::{Number, TwoWays, Value};

impl Node<'_> {
    /// An amount with its currency: `"49.00 USD"`.
    pub(crate) fn money(&self) -> Option<Money> {
        let text = self.text()?;
        match text.parse() {
            Ok(money) => Some(money),
            Err(error) => {
                let expected = "an amount with its currency, as in `49.00 USD`";
                match &error {
                    MoneyError::NotAnAmount { text, currency } => {
                        let hint = format_smolstr!("{error}");
                        self.is_no_amount(expected, text, *currency, Some(hint));
                    }
                    _ => self.is_no(expected, text, Some(format_smolstr!("{error}"))),
                }
                None
            }
        }
    }

    /// The same, in this currency.
    pub(crate) fn money_in(&self, currency: Currency) -> Option<Money> {
        // A number alone, in quotes or not, doesn't say of what.
        let alone = self.written().filter(|said| !said.contains(' '));
        let alone = alone.filter(|said| !amounts_meant(said, currency).is_empty());
        if let Some(said) = alone {
            self.is_no_amount("an amount with its currency", &said, currency, None);
            return None;
        }
        let money = self.money()?;
        if money.currency() != currency {
            let expected = "an amount in the playbook's currency";
            let hint = format_smolstr!("prices are in {currency} here");
            self.is_no(expected, self.text()?, Some(hint));
            return None;
        }
        Some(money)
    }

    /// Says that this is no amount, and how those that it can be are written.
    fn is_no_amount(
        &self,
        expected: &'static str,
        said: &str,
        currency: Currency,
        otherwise: Option<SmolStr>,
    ) {
        let quoted = |money: &Money| format!("\"{money}\"");
        match amounts_meant(said, currency).as_slice() {
            [thousands, fraction] => {
                self.reads_in_two_ways(said, &quoted(thousands), &quoted(fraction));
            }
            [meant, ..] => {
                let hint = format_smolstr!("write `{}`", quoted(meant));
                self.is_no(expected, said, Some(hint));
            }
            [] => self.is_no(expected, said, otherwise),
        }
    }

    /// A part in percent: `"15 %"`.
    pub(crate) fn rate(&self) -> Option<Rate> {
        let said = match self.written() {
            Some(written) => written,
            None => format_smolstr!("{}", self.value()?),
        };
        let rate = said.parse().ok().filter(|_| self.is_text());
        if rate.is_none() {
            let hint = rate_meant(&said).map(|rate| format_smolstr!("write `\"{rate}\"`"));
            self.is_no("a rate, as in `\"15 %\"`", &said, hint);
        }
        rate
    }

    /// A number, also one with a fraction.
    pub(crate) fn decimal(&self) -> Option<Number> {
        match self.value()? {
            Value::Number(number) => Some(number),
            other => {
                self.is_no("a number", &format_smolstr!("{other}"), None);
                None
            }
        }
    }

    /// A day, as TOML writes it: `2026-03-25`.
    pub(crate) fn date(&self) -> Option<NaiveDate> {
        match self.value()? {
            Value::Date(date) => Some(date),
            Value::Text(text) if self.is_impossible(&text) => None,
            other => {
                let hint = Some("without quotes: 2026-03-25".into());
                self.is_no("a day", &format_smolstr!("{other}"), hint);
                None
            }
        }
    }

    /// Says that there is no such day or time, if that is so.
    pub(crate) fn is_impossible(&self, text: &str) -> bool {
        let why = Impossible::in_toml(text);
        if let Some(why) = why {
            let told = format_smolstr!("there is no `{text}`: {why}");
            self.fault(FaultKind::Calendar(told), None);
        }
        why.is_some()
    }

    fn is_no(&self, expected: &'static str, found: &str, hint: Option<SmolStr>) {
        let found = format_smolstr!("`{found}`");
        self.fault(FaultKind::WrongType { expected, found }, hint);
    }
}

/// The amounts that were probably meant by a number: of `12.000` two, if its point may separate thousands.
fn amounts_meant(said: &str, currency: Currency) -> Vec<Money> {
    if let Ok(money) = Money::parse(said, currency) {
        return vec![money];
    }
    let exact = |text: &str| {
        let number: Number = text.parse().ok()?;
        let places = 10_i64.pow(4 - currency.digits());
        let fits = number.ten_thousandths() % places == 0;
        let minor = fits.then(|| number.ten_thousandths() / places)?;
        Money::of_minor(minor, currency).ok()
    };
    let thousands = TwoWays::of(said).and_then(|ways| Money::parse(&ways.thousands, currency).ok());
    thousands.into_iter().chain(exact(said)).collect()
}

/// The rate that was probably meant: `15` is 15 %, and so is `0.15`.
fn rate_meant(said: &str) -> Option<Rate> {
    let plain = said.trim().replace(',', ".");
    let number: Number = plain.trim_end_matches(['%', ' ']).parse().ok()?;
    let is_part = !plain.ends_with('%') && number.ten_thousandths().abs() < 10_000;
    let times = if is_part { 100 } else { 1 };
    let percent = number.ten_thousandths().checked_mul(times)?;
    Rate::percent(Number::from_ten_thousandths(percent)).ok()
}
