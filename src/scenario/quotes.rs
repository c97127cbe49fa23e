//! Quotes in scenarios: what is offered in a step, and what is expected of it.

use chrono::NaiveDate;
use smol_str::SmolStr;

use super::unmet::differ;
use crate::decide::command::{LeadOrder, NewQuote, NewQuoteLine, Validity};
use crate::ids::Name;
use crate::money::Money;
use crate::playbook::Playbook;
use crate::playbook::fault::FaultKind;
use crate::playbook::read::{Node, Section};
use crate::record::Lead;

/// `quote = { lines = [{ product = "terminal", quantity = 2 }], valid-days = 30 }`
pub(super) fn read_order(section: &mut Section<'_>) -> LeadOrder {
    let lines = section.required("lines").map(|node| node.list());
    let lines = lines.unwrap_or_default();
    let lines = lines.iter().filter_map(|node| Some(line(node.section()?)));
    let quote = NewQuote {
        lines: lines.collect(),
        validity: validity(section),
        terms: text(section, "terms"),
    };
    LeadOrder::MakeQuote(Box::new(quote))
}

fn line(mut section: Section<'_>) -> NewQuoteLine {
    let line = NewQuoteLine::empty();
    let quantity = section.optional("quantity").and_then(|node| node.decimal());
    let unit_price = section.optional("unit-price").and_then(|node| node.money());
    let discount = section.optional("discount").and_then(|node| node.rate());
    let line = NewQuoteLine {
        text: text(&mut section, "text"),
        product: text(&mut section, "product").map(Name::from),
        quantity: quantity.unwrap_or(line.quantity),
        unit_price,
        discount: discount.unwrap_or(line.discount),
        tax: text(&mut section, "tax").map(Name::from),
    };
    section.finish();
    line
}

fn text(section: &mut Section<'_>, key: &'static str) -> Option<SmolStr> {
    section.optional(key)?.text().map(SmolStr::from)
}

fn validity(section: &mut Section<'_>) -> Option<Validity> {
    let days = section.optional("valid-days");
    let until = section.optional("valid-until");
    match (days, until) {
        (Some(_), Some(node)) => {
            let (one, other) = ("valid-days".into(), "valid-until".into());
            node.fault(FaultKind::Contradiction { one, other }, None);
            None
        }
        (Some(node), None) => node.count(0..1_000_001).map(Validity::Days),
        (None, node) => node?.date().map(Validity::Through),
    }
}

/// The version that a step is about.
pub(super) fn version(section: &mut Section<'_>) -> Option<u32> {
    section.required("version")?.count(1..1_000_001)
}

/// Something that a step expects of the lead's quote.
#[derive(Clone, Debug)]
pub enum ExpectedQuote {
    /// Which version it is.
    Version(u32),
    /// What it comes to.
    Total(Money),
    /// The last day on which it can be accepted.
    ValidUntil(NaiveDate),
    /// Whether it is `open`, `accepted` or `declined`; `none`, if there is no quote.
    Is(SmolStr),
}

/// `quote = { version = 2, total = "115.00 USD", valid-until = 2026-03-25, is = "open" }`
pub(super) fn read_expected(node: &Node<'_>) -> Vec<ExpectedQuote> {
    let Some(mut section) = node.section() else {
        return Vec::new();
    };
    let version = section.optional("version");
    let version = version.and_then(|node| node.count(1..1_000_001));
    let total = section.optional("total").and_then(|node| node.money());
    let until = section.optional("valid-until");
    let until = until.and_then(|node| node.date());
    let words = STATES.map(|state| (state, state));
    let is = section.optional("is").and_then(|node| node.word(&words));
    section.finish();
    let expected = [
        version.map(ExpectedQuote::Version),
        total.map(ExpectedQuote::Total),
        until.map(ExpectedQuote::ValidUntil),
        is.map(|state| ExpectedQuote::Is(state.into())),
    ];
    expected.into_iter().flatten().collect()
}

/// How a lead can stand with its quote.
const STATES: [&str; 4] = ["none", "open", "accepted", "declined"];

impl ExpectedQuote {
    /// Why it did not come true; nothing if it did.
    pub(super) fn unmet(&self, lead: &Lead, playbook: &Playbook) -> Option<String> {
        let quote = lead.quote();
        match self {
            Self::Version(wanted) => {
                let found = quote.map(|quote| quote.version);
                differ("version of the quote", Some(*wanted), found)
            }
            Self::Total(wanted) => {
                let found = quote.map(|quote| quote.total);
                differ("total of the quote", Some(*wanted), found)
            }
            Self::ValidUntil(wanted) => {
                let found = quote.map(|quote| quote.last_day(&playbook.zone));
                differ("last day of the quote", Some(*wanted), found)
            }
            Self::Is(wanted) => {
                let reply = quote.map(|quote| quote.reply.as_ref());
                let found = match reply {
                    None => "none",
                    Some(None) => "open",
                    Some(Some(reply)) => reply.says.as_str(),
                };
                differ("the quote is", wanted.as_str(), found)
            }
        }
    }
}
