//! Taxes, products and how quotes are made.

use leadkit::playbook::Playbook;
use leadkit::playbook::pricing::{Product, Quoting, Tax};
use serde_json::{Value, json};

use super::Section;

/// What is said of prices; of quotes also where the playbook says nothing.
pub(super) fn sections(playbook: &Playbook) -> Vec<Section> {
    let mut sections: Vec<Section> = playbook.taxes.iter().map(tax).collect();
    sections.extend(playbook.products.iter().map(product));
    let quoting = &playbook.quoting;
    sections.push(Section::of("quote", quote(quoting)));
    let labels = quoting.labels.by_key();
    let labels = labels.map(|(key, label)| (key, json!(label)));
    sections.push(Section::named("quote", "labels", labels.collect()));
    sections
}

fn tax(tax: &Tax) -> Section {
    let entries = vec![
        ("rate", json!(tax.rate.to_string())),
        ("label", json!(tax.label)),
    ];
    Section::named("tax", tax.name.as_str(), entries)
}

fn product(product: &Product) -> Section {
    let entries = vec![
        ("label", json!(product.label)),
        ("price", json!(product.price.to_string())),
        ("tax", json!(product.tax)),
    ];
    Section::named("product", product.name.as_str(), entries)
}

fn quote(quoting: &Quoting) -> Vec<(&'static str, Value)> {
    vec![
        ("valid", json!(format!("{} days", quoting.valid_days))),
        ("prefix", json!(quoting.prefix)),
        ("rounding", json!(quoting.rounding.as_str())),
        ("numbers", json!(quoting.notation.as_str())),
        ("terms", json!(quoting.terms)),
    ]
}
