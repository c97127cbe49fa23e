//! `[tax]`, `[product.*]` and `[quote]`.

use smol_str::SmolStr;

use super::label_of;
use crate::ids::Name;
use crate::money::{Currency, Money, Notation, Rate, Rounding};
use crate::playbook::fault::FaultKind;
use crate::playbook::pricing::{Product, QuoteLabels, Quoting, Tax};
use crate::playbook::read::{Node, Section};
use crate::record::quote::Quote;

/// What can't be read is there all the same for whoever refers to it: its fault is told.
pub(super) fn read_taxes(root: &mut Section<'_>) -> Vec<Tax> {
    let Some(mut all) = root.optional("tax").and_then(|node| node.section()) else {
        return Vec::new();
    };
    let taxes = all.entries("a tax").into_iter();
    taxes.map(|(name, node)| tax(name, &node)).collect()
}

/// `iva = "15 %"`, or `iva = { rate = "15 %", label = "IVA" }`.
fn tax(name: Name, node: &Node<'_>) -> Tax {
    let (label, rate) = match node.is_table().then(|| node.section()).flatten() {
        None => (name.as_str().into(), node.rate()),
        Some(mut section) => {
            let label = label_of(&mut section, &name);
            let rate = section.required("rate").and_then(|node| node.rate());
            section.finish();
            (label, rate)
        }
    };
    let rate = rate.unwrap_or(Rate::NONE);
    Tax { name, label, rate }
}

pub(super) fn read_products(
    root: &mut Section<'_>,
    taxes: &[Tax],
    currency: Currency,
) -> Vec<Product> {
    let mut products = Vec::new();
    for (name, mut section) in root.sections("product") {
        let label = label_of(&mut section, &name);
        let price = section.required("price");
        let price = price.and_then(|node| node.money_in(currency));
        let known = || taxes.iter().map(|tax| &tax.name);
        // Where there are taxes, none is said by one of 0 %.
        let tax = match taxes.is_empty() {
            true => section.optional("tax"),
            false => section.required("tax"),
        };
        let tax = tax.and_then(|node| node.known("tax", known()));
        section.finish();
        products.push(Product {
            name,
            label,
            price: price.unwrap_or_else(|| Money::zero(currency)),
            tax,
        });
    }
    products
}

pub(super) fn read_quoting(root: &mut Section<'_>) -> Quoting {
    let mut quoting = Quoting::default();
    let Some(mut section) = root.optional("quote").and_then(|node| node.section()) else {
        return quoting;
    };
    if let Some(days) = section.optional("valid").and_then(|node| valid_days(&node)) {
        quoting.valid_days = days;
    }
    if let Some(prefix) = section.optional("prefix").and_then(|node| prefix(&node)) {
        quoting.prefix = prefix;
    }
    let rounding = section.optional("rounding");
    if let Some(rounding) = rounding.and_then(|node| node.word(Rounding::WORDS)) {
        quoting.rounding = rounding;
    }
    let numbers = section.optional("numbers");
    if let Some(notation) = numbers.and_then(|node| node.word(Notation::WORDS)) {
        quoting.notation = notation;
    }
    quoting.terms = section.optional("terms").and_then(|node| terms(&node));
    if let Some(labels) = section.optional("labels").and_then(|node| node.section()) {
        read_labels(labels, &mut quoting.labels);
    }
    section.finish();
    quoting
}

fn valid_days(node: &Node<'_>) -> Option<u32> {
    let days = node.days()?;
    if days > Quoting::MOST_DAYS {
        node.unfit("it is longer than ten years", None);
        return None;
    }
    Some(days)
}

/// What stands before a number: a few letters and digits, which people read out on the telephone.
fn prefix(node: &Node<'_>) -> Option<SmolStr> {
    let text = node.text()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '.');
    if text.len() <= Quoting::LONGEST_PREFIX && text.chars().all(fits) {
        return Some(text.into());
    }
    let hint = "at most eight letters, digits, -, / or .: `COT-`";
    let name = text.into();
    let sort = "the beginning of a number";
    node.fault(FaultKind::BadName { sort, name }, Some(hint.into()));
    None
}

fn terms(node: &Node<'_>) -> Option<SmolStr> {
    let text = node.text()?;
    if text.len() > Quote::LONGEST_TERMS {
        let most_bytes = Quote::LONGEST_TERMS;
        node.fault(FaultKind::TooLarge { most_bytes }, None);
    }
    Some(text.into())
}

fn read_labels(mut section: Section<'_>, labels: &mut QuoteLabels) {
    for (key, label) in labels.by_key_mut() {
        if let Some(text) = section.optional(key).and_then(|node| node.text()) {
            *label = text.into();
        }
    }
    section.finish();
}
