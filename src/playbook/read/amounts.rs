//! Amounts of money, rates and days, as playbooks and scenarios write them.

use chrono::NaiveDate;
use smol_str::{SmolStr, format_smolstr};

use super::Node;
use crate::money::{Currency, Money, Rate};
use crate::playbook::fault::FaultKind;
use crate::value::{Number, Value};

impl Node<'_> {
    /// An amount with its currency: `"49.00 USD"`.
    pub(crate) fn money(&self) -> Option<Money> {
        let text = self.text()?;
        match text.parse() {
            Ok(money) => Some(money),
            Err(error) => {
                let expected = "an amount with its currency, as in `49.00 USD`";
                self.is_no(expected, text, Some(format_smolstr!("{error}")));
                None
            }
        }
    }

    /// The same, in this currency.
    pub(crate) fn money_in(&self, currency: Currency) -> Option<Money> {
        // A number alone, in quotes or not, doesn't say of what.
        let said = match self.is_text() {
            true => SmolStr::from(self.text()?),
            false => format_smolstr!("{}", self.value()?),
        };
        if let Ok(money) = Money::parse(&said, currency) {
            let expected = "an amount with its currency";
            let hint = format_smolstr!("write `\"{money}\"`");
            self.is_no(expected, &said, Some(hint));
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

    /// A part in percent: `"15 %"`.
    pub(crate) fn rate(&self) -> Option<Rate> {
        let said = match self.is_text() {
            true => SmolStr::from(self.text()?),
            false => format_smolstr!("{}", self.value()?),
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
            other => {
                let hint = Some("without quotes: 2026-03-25".into());
                self.is_no("a day", &format_smolstr!("{other}"), hint);
                None
            }
        }
    }

    fn is_no(&self, expected: &'static str, found: &str, hint: Option<SmolStr>) {
        let found = format_smolstr!("`{found}`");
        self.fault(FaultKind::WrongType { expected, found }, hint);
    }
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
