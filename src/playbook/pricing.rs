//! What things cost and how quotes are made: taxes, products, and the paper around them.

use smol_str::{SmolStr, format_smolstr};

use crate::ids::Name;
use crate::money::{Money, Notation, Rate, Rounding};

/// A tax on what is sold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tax {
    /// Its stable name.
    pub name: Name,
    /// What people call it.
    pub label: SmolStr,
    /// How high it is.
    pub rate: Rate,
}

/// Something that is sold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its stable name.
    pub name: Name,
    /// What customers call it.
    pub label: SmolStr,
    /// What one costs, without taxes.
    pub price: Money,
    /// The tax on it, if there is one.
    pub tax: Option<Name>,
}

/// How quotes are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoting {
    /// For how many days a quote is good that says nothing else, the day on which it is made not
    /// counted.
    pub valid_days: u32,
    /// What the numbers of quotes begin with.
    pub prefix: SmolStr,
    /// Where taxes are rounded.
    pub rounding: Rounding,
    /// The terms of a quote that says no others.
    pub terms: Option<SmolStr>,
    /// How amounts are written for customers.
    pub notation: Notation,
    /// What stands beside the parts of a quote.
    pub labels: QuoteLabels,
}

impl Quoting {
    /// For how many days a quote can be good at most.
    pub const MOST_DAYS: u32 = 3_650;
    /// How long a prefix can be, in bytes.
    pub const LONGEST_PREFIX: usize = 8;

    /// An amount with its currency, as customers read it.
    #[must_use]
    pub fn amount(&self, money: Money) -> SmolStr {
        format_smolstr!("{} {}", money.written(self.notation), money.currency())
    }
}

impl Default for Quoting {
    fn default() -> Self {
        Self {
            valid_days: 15,
            prefix: "Q-".into(),
            rounding: Rounding::default(),
            terms: None,
            notation: Notation::default(),
            labels: QuoteLabels::default(),
        }
    }
}

macro_rules! labels {
    ($($field:ident = $key:literal, $default:literal, $about:literal;)+) => {
        /// What stands beside the parts of a quote, in the customer's language.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct QuoteLabels {
            $(#[doc = $about] pub $field: SmolStr,)+
        }

        impl Default for QuoteLabels {
            fn default() -> Self {
                Self { $($field: SmolStr::new_static($default),)+ }
            }
        }

        impl QuoteLabels {
            /// Every label by its key in a playbook.
            pub fn by_key(&self) -> impl Iterator<Item = (&'static str, &SmolStr)> {
                [$(($key, &self.$field),)+].into_iter()
            }

            /// The same, to be changed.
            pub(crate) fn by_key_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut SmolStr)> {
                [$(($key, &mut self.$field),)+].into_iter()
            }
        }
    };
}

labels! {
    quote = "quote", "Quote", "What the paper is.";
    date = "date", "Date", "Before the day on which it was made.";
    valid_until = "valid-until", "Valid until", "Before the last day on which it can be accepted.";
    customer = "customer", "For", "Before whom it is for.";
    made_by = "made-by", "Your contact", "Before who made it.";
    text = "text", "Description", "Above what is offered.";
    quantity = "quantity", "Quantity", "Above how many.";
    unit_price = "unit-price", "Unit price", "Above what one costs.";
    discount = "discount", "Discount", "Above what is taken off.";
    amount = "amount", "Amount", "Above what a line comes to.";
    net = "net", "Subtotal", "Before the sum without taxes.";
    total = "total", "Total", "Before what is to be paid.";
    terms = "terms", "Terms", "Above the terms.";
    page = "page", "Page", "Before the number of a page.";
}
