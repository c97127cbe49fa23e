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
        let text = self.text()?;
        let rate = text.parse().ok();
        if rate.is_none() {
            let plain = text.trim().replace(',', ".");
            let meant = plain.trim_end_matches(['%', ' ']).parse().ok();
            let meant = meant.and_then(|percent| Rate::percent(percent).ok());
            let hint = meant.map(|rate| format_smolstr!("did you mean `{rate}`?"));
            self.is_no("a rate, as in `15 %`", text, hint);
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
