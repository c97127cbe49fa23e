//! Quotes to make: what is offered, for how long, on which terms.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::ids::Name;
use crate::money::{Money, Rate};
use crate::value::Number;

/// A quote to make. Taxes and products are the playbook's, and amounts are in its currency.
///
/// ```
/// use leadkit::decide::command::{NewQuote, NewQuoteLine};
/// let quote = NewQuote::default()
///     .line(NewQuoteLine::of_product("terminal").quantity(2.into()).discount("10 %".parse()?))
///     .line(NewQuoteLine::new("Installation", "50.00 USD".parse()?).tax("iva"))
///     .valid_for_days(30);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewQuote {
    /// What is offered.
    pub lines: Vec<NewQuoteLine>,
    /// For how long; as the playbook says, if `None`.
    pub validity: Option<Validity>,
    /// On which terms; the playbook's, if `None`.
    pub terms: Option<SmolStr>,
}

/// For how long a quote is good. Days are those of the playbook's zone, each to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Validity {
    /// So many days, the day on which it is made not counted.
    Days(u32),
    /// Through this day.
    Through(NaiveDate),
}

/// A line of a quote to make. What is `None` is as its product says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewQuoteLine {
    /// What is offered, to the customer; the product's label, if `None`.
    pub text: Option<SmolStr>,
    /// Which product it is, if it is one of the playbook's.
    pub product: Option<Name>,
    /// How many, or how much of it.
    pub quantity: Number,
    /// What one costs, without taxes.
    pub unit_price: Option<Money>,
    /// What is taken off.
    pub discount: Rate,
    /// Which tax falls on it.
    pub tax: Option<Name>,
}

impl NewQuote {
    /// With this line behind the others.
    #[must_use]
    pub fn line(mut self, line: NewQuoteLine) -> Self {
        self.lines.push(line);
        self
    }

    /// Good for so many days, the day on which it is made not counted.
    #[must_use]
    pub fn valid_for_days(mut self, days: u32) -> Self {
        self.validity = Some(Validity::Days(days));
        self
    }

    /// Good through this day.
    #[must_use]
    pub fn valid_through(mut self, date: NaiveDate) -> Self {
        self.validity = Some(Validity::Through(date));
        self
    }

    /// On these terms.
    #[must_use]
    pub fn terms(mut self, terms: impl Into<SmolStr>) -> Self {
        self.terms = Some(terms.into());
        self
    }
}

impl NewQuoteLine {
    /// One of something that the playbook doesn't know, at this price without taxes.
    pub fn new(text: impl Into<SmolStr>, unit_price: Money) -> Self {
        Self {
            text: Some(text.into()),
            unit_price: Some(unit_price),
            ..Self::empty()
        }
    }

    /// One of a product of the playbook's.
    pub fn of_product(product: impl Into<Name>) -> Self {
        Self {
            product: Some(product.into()),
            ..Self::empty()
        }
    }

    /// One of what is still to be said.
    pub(crate) fn empty() -> Self {
        Self {
            text: None,
            product: None,
            quantity: Number::from(1),
            unit_price: None,
            discount: Rate::NONE,
            tax: None,
        }
    }

    /// So many of it.
    #[must_use]
    pub fn quantity(mut self, quantity: Number) -> Self {
        self.quantity = quantity;
        self
    }

    /// For this price each, without taxes.
    #[must_use]
    pub fn unit_price(mut self, unit_price: Money) -> Self {
        self.unit_price = Some(unit_price);
        self
    }

    /// Less this.
    #[must_use]
    pub fn discount(mut self, discount: Rate) -> Self {
        self.discount = discount;
        self
    }

    /// With this tax of the playbook's.
    #[must_use]
    pub fn tax(mut self, tax: impl Into<Name>) -> Self {
        self.tax = Some(tax.into());
        self
    }
}
