//! A quote: what is offered to a contact at which price, and until when (requirement M11).
//!
//! A lead keeps the versions of its quote, and the last one is the one that counts. What a version
//! says never changes: prices, taxes and labels are copied into it, so that a changed playbook
//! changes no quote that a customer holds in his hands.

use chrono::NaiveDate;
use chrono::serde::ts_microseconds;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use crate::calendar::Zone;
use crate::ids::{LeadId, Name};
use crate::letters::unmistakable;
use crate::money::{Currency, Money, MoneyError, Rate, Rounding};
use crate::record::lead::Moment;
use crate::time::{Elapsed, Instant};
use crate::value::Number;

/// One version of a lead's quote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quote {
    /// Which version, counted from 1 over the lead's life.
    pub version: u32,
    /// What people call it: `Q-7K3M9PQA2X-1`.
    pub number: SmolStr,
    /// When it was made.
    pub made: Moment,
    /// Who made it.
    pub made_by: SmolStr,
    /// Until when it can be accepted: the end of its last day, which is no longer in it.
    #[serde(with = "ts_microseconds")]
    pub valid_until: Instant,
    /// What is offered: one line at least, at most [`Quote::MOST_LINES`].
    pub lines: Vec<QuoteLine>,
    /// What the lines come to, without taxes.
    pub net: Money,
    /// The taxes on them, each once, in the order in which the lines name them.
    pub taxes: Vec<QuoteTax>,
    /// What is to be paid.
    pub total: Money,
    /// On which terms.
    pub terms: Option<SmolStr>,
    /// What the customer said to it.
    pub reply: Option<Reply>,
}

/// A line of a quote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuoteLine {
    /// What is offered, to the customer.
    pub text: SmolStr,
    /// Which product of the playbook it was, if it was one.
    pub product: Option<Name>,
    /// How many, or how much of it.
    pub quantity: Number,
    /// What one costs, without taxes.
    pub unit_price: Money,
    /// What is taken off.
    pub discount: Rate,
    /// What the line comes to, without taxes: rounded once.
    pub net: Money,
    /// Which of the taxes falls on it.
    pub tax: Option<Name>,
}

/// A tax of a quote, as it was when the quote was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuoteTax {
    /// Its name in the playbook.
    pub tax: Name,
    /// What people call it.
    pub label: SmolStr,
    /// How high it is.
    pub rate: Rate,
    /// What it falls on.
    pub base: Money,
    /// How much it is.
    pub amount: Money,
}

/// What a customer said to a quote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Yes or no.
    pub says: Says,
    /// When.
    pub at: Moment,
    /// Who recorded it.
    pub recorded_by: SmolStr,
    /// Why not, as the customer gave it.
    pub reason: Option<SmolStr>,
}

/// Yes or no to a quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Says {
    /// It is accepted.
    Yes,
    /// It is declined.
    No,
}

words!(Says {
    Yes = "accepted",
    No = "declined"
});

impl Reply {
    /// How long a reason can be, in bytes.
    pub const LONGEST_REASON: usize = 1024;
}

impl Quote {
    /// How many lines a quote can have.
    pub const MOST_LINES: usize = 64;
    /// How long the text of a line can be, in bytes.
    pub const LONGEST_TEXT: usize = 512;
    /// How long the terms can be, in bytes.
    pub const LONGEST_TERMS: usize = 4096;

    /// The number of a version: a lead's own, whichever else are made at the same time.
    ///
    /// Ten letters and digits of the lead's id, of those that nobody takes for another one; no
    /// counter, which all quotes of an organisation would have to wait for.
    #[must_use]
    pub fn number_of(prefix: &str, lead: LeadId, version: u32) -> SmolStr {
        let letters = unmistakable(u128::from_be_bytes(*lead.0.as_bytes()), 10);
        format_smolstr!("{prefix}{letters}-{version}")
    }

    /// Whether the customer accepted it.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.accepted().is_some()
    }

    /// Whether the customer declined it.
    #[must_use]
    pub fn is_declined(&self) -> bool {
        self.reply
            .as_ref()
            .is_some_and(|reply| reply.says == Says::No)
    }

    /// When the customer accepted it.
    #[must_use]
    pub fn accepted(&self) -> Option<Moment> {
        let reply = self.reply.as_ref()?;
        (reply.says == Says::Yes).then_some(reply.at)
    }

    /// Whether it could be accepted at an instant, as far as its validity goes.
    #[must_use]
    pub fn is_valid_at(&self, at: Instant) -> bool {
        at < self.valid_until
    }

    /// The last day on which it can be accepted.
    #[must_use]
    pub fn last_day(&self, zone: &Zone) -> NaiveDate {
        let last = self.valid_until - Elapsed::microseconds(1);
        zone.to_local(last).date()
    }
}

/// What lines come to: without taxes, the taxes, and all together.
pub(crate) struct Sums {
    pub(crate) net: Money,
    pub(crate) taxes: Vec<QuoteTax>,
    pub(crate) total: Money,
}

/// A tax as a quote copies it: name, label, rate.
pub(crate) type TaxOfLine = (Name, SmolStr, Rate);

impl Sums {
    /// Adds up lines, each with the tax on it. Taxes are rounded where `rounding` says.
    ///
    /// # Errors
    /// When it is more than money can be, or of two currencies.
    pub(crate) fn of(
        lines: &[(Money, Option<TaxOfLine>)],
        currency: Currency,
        rounding: Rounding,
    ) -> Result<Self, MoneyError> {
        let net = Money::sum(currency, lines.iter().map(|(net, _)| *net))?;
        let mut taxes: Vec<QuoteTax> = Vec::new();
        for (net, tax) in lines {
            let Some((name, label, rate)) = tax else {
                continue;
            };
            let of_line = net.part(*rate)?;
            match taxes.iter_mut().find(|known| known.tax == *name) {
                Some(tax) => {
                    tax.base = tax.base.plus(*net)?;
                    tax.amount = tax.amount.plus(of_line)?;
                }
                None => taxes.push(QuoteTax {
                    tax: name.clone(),
                    label: label.clone(),
                    rate: *rate,
                    base: *net,
                    amount: of_line,
                }),
            }
        }
        if rounding == Rounding::PerTotal {
            for tax in &mut taxes {
                tax.amount = tax.base.part(tax.rate)?;
            }
        }
        let amounts = taxes.iter().map(|tax| tax.amount);
        let total = net.plus(Money::sum(currency, amounts)?)?;
        Ok(Self { net, taxes, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Id;
    use proptest::prelude::*;

    fn line(minor: i64, rate: i64) -> (Money, Option<TaxOfLine>) {
        let net = Money::of_minor(minor, Currency::USD).unwrap();
        let percent = Rate::percent(Number::from_ten_thousandths(rate)).unwrap();
        let name = Name::from(format_smolstr!("tax-{rate}"));
        (net, Some((name, "IVA".into(), percent)))
    }

    #[test]
    fn a_tax_is_rounded_on_the_total_or_on_each_line() {
        // Three lines of 0.33 at 15 %: 0.0495 each, 0.1485 together.
        let lines = [line(33, 150_000), line(33, 150_000), line(33, 150_000)];
        let sums = |rounding| Sums::of(&lines, Currency::USD, rounding).unwrap();
        let (total, by_line) = (sums(Rounding::PerTotal), sums(Rounding::PerLine));
        assert_eq!(
            (total.taxes[0].amount.minor(), total.total.minor()),
            (15, 114)
        );
        assert_eq!(
            (by_line.taxes[0].amount.minor(), by_line.total.minor()),
            (15, 114)
        );
        let lines = [line(10, 150_000), line(10, 150_000), line(10, 150_000)];
        let sums = |rounding| Sums::of(&lines, Currency::USD, rounding).unwrap();
        assert_eq!(sums(Rounding::PerTotal).taxes[0].amount.minor(), 5);
        assert_eq!(sums(Rounding::PerLine).taxes[0].amount.minor(), 6);
    }

    #[test]
    fn numbers_are_short_and_hold_no_letter_that_looks_like_another() {
        let lead = LeadId(Id::from_bytes([0xFF; 16]));
        assert_eq!(Quote::number_of("COT-", lead, 2), "COT-ZZZZZZZZZZ-2");
        let lead = LeadId(Id::from_bytes([0; 16]));
        assert_eq!(Quote::number_of("", lead, 1), "0000000000-1");
    }

    proptest! {
        #[test]
        fn the_total_is_the_lines_and_their_taxes(
            lines in prop::collection::vec((0..10_000_000_i64, 0..4_i64), 1..20),
            per_line: bool,
        ) {
            let lines: Vec<_> = lines.iter().map(|(net, rate)| line(*net, rate * 50_000)).collect();
            let rounding = if per_line { Rounding::PerLine } else { Rounding::PerTotal };
            let sums = Sums::of(&lines, Currency::USD, rounding).unwrap();
            let sum = |amounts: Vec<Money>| Money::sum(Currency::USD, amounts).unwrap();
            prop_assert_eq!(sums.net, sum(lines.iter().map(|(net, _)| *net).collect()));
            prop_assert_eq!(sums.net, sum(sums.taxes.iter().map(|tax| tax.base).collect()));
            let taxes = sum(sums.taxes.iter().map(|tax| tax.amount).collect());
            prop_assert_eq!(sums.total, sums.net.plus(taxes).unwrap());
            for tax in &sums.taxes {
                let exact = i128::from(tax.base.minor()) * i128::from(tax.rate.in_percent().ten_thousandths());
                let off = (i128::from(tax.amount.minor()) * 1_000_000 - exact).abs() * 2;
                let roundings = if per_line { lines.len() } else { 1 };
                prop_assert!(off <= 1_000_000 * roundings as i128);
            }
        }
    }
}
