//! Quotes in rows: what is offered, and what the customer says to it.

use leadkit::decide::command::{LeadOrder, NewQuote, NewQuoteLine, Validity};
use leadkit::money::{Money, Rate};
use leadkit::record::Lead;
use leadkit::record::quote::Says;
use leadkit::value::Number;
use smol_str::SmolStr;

use super::amounts::amount;
use super::fault::{Unfit, ValueFault};
use super::map::{CommandMap, Text};
use super::numbers;
use super::plan::Doing;
use super::row::{RowReading, named, shortened};

/// What the customer says to a quote.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    /// To which version; to the last one that was made, if `None`.
    version: Option<u32>,
    says: Says,
    reason: Option<SmolStr>,
}

impl Reply {
    /// The same as an order to the lead, as that stands when its turn comes.
    pub(super) fn order(&self, lead: Option<&Lead>) -> LeadOrder {
        let last = lead.and_then(Lead::quote).map(|quote| quote.version);
        // Without a quote it is refused, whichever is named.
        let version = self.version.or(last).unwrap_or(1);
        match self.says {
            Says::Yes => LeadOrder::AcceptQuote { version },
            Says::No => LeadOrder::DeclineQuote {
                version,
                reason: self.reason.clone(),
            },
        }
    }
}

impl RowReading<'_> {
    pub(super) fn reply(&self, command: &CommandMap, says: Says) -> Result<Doing, ValueFault> {
        Ok(Doing::Reply(Reply {
            version: self.number(command, "version")?,
            says,
            reason: self.said(command, "reason").map(SmolStr::from),
        }))
    }

    /// The quote that a row makes. A line of which the row says nothing is not offered.
    pub(super) fn quote(&self, command: &CommandMap) -> Result<NewQuote, ValueFault> {
        let mut lines = Vec::new();
        for (line, number) in command.lines.iter().zip(1..) {
            lines.extend(self.line(number, line)?);
        }
        Ok(NewQuote {
            lines,
            validity: self.number(command, "valid-days")?.map(Validity::Days),
            terms: self.said(command, "terms").map(SmolStr::from),
        })
    }

    fn line(
        &self,
        number: usize,
        line: &[(String, Text)],
    ) -> Result<Option<NewQuoteLine>, ValueFault> {
        let said = |name: &str| {
            let (_, text) = line.iter().find(|(known, _)| known == name)?;
            self.text(text)
        };
        let (text, product) = (said("text"), said("product"));
        if text.is_none() && product.is_none() {
            return Ok(None);
        }
        let refused = |name: &str, text: &str, why: Unfit| ValueFault::UnfitInQuote {
            of: name.into(),
            line: number,
            said: shortened(text),
            why,
        };
        let quantity = said("quantity").map(|text| {
            let quantity = self.decimal(&text);
            quantity.map_err(|fault| refused("quantity", &text, fault))
        });
        let discount = said("discount").map(|text| {
            let discount = self.discount(&text);
            discount.map_err(|fault| refused("discount", &text, fault))
        });
        let unit_price = said("unit-price").map(|text| {
            let price = self.price(&text);
            price.map_err(|fault| refused("unit-price", &text, fault))
        });
        let products = self.playbook.products.iter();
        let mut products = products.map(|product| (&product.name, product.label.as_str()));
        let taxes = self.playbook.taxes.iter();
        let mut taxes = taxes.map(|tax| (&tax.name, tax.label.as_str()));
        Ok(Some(NewQuoteLine {
            text: text.map(SmolStr::from),
            product: product
                .map(|product| named("product", &product, &mut products))
                .transpose()?,
            quantity: quantity.transpose()?.unwrap_or_else(|| Number::from(1)),
            unit_price: unit_price.transpose()?,
            discount: discount.transpose()?.unwrap_or(Rate::NONE),
            tax: said("tax")
                .map(|tax| named("tax", &tax, &mut taxes))
                .transpose()?,
        }))
    }

    fn decimal(&self, text: &str) -> Result<Number, Unfit> {
        Ok(numbers::number(text, self.map.decimal)?)
    }

    /// So many percent, with the sign or without: `7,5 %`.
    fn discount(&self, text: &str) -> Result<Rate, Unfit> {
        let percent = self.decimal(text.strip_suffix('%').unwrap_or(text))?;
        Rate::percent(percent).map_err(|_| Unfit::NoRate)
    }

    /// An amount in the playbook's currency, whether the cell names that or not: `1.249,00 USD`.
    fn price(&self, text: &str) -> Result<Money, Unfit> {
        let currency = self.playbook.currency;
        let number = amount(text, self.map.decimal, currency)?;
        Money::parse(&number.to_string(), currency).map_err(|_| Unfit::NoAmount(currency))
    }
}
