//! Leads as they might be, to try templates on: one of which everything is known, and one of which
//! only that is known which must be.

use std::collections::BTreeMap;

use minijinja::Value as Jinja;

use super::templates::VARIABLES;
use crate::playbook::pipeline::Field;
use crate::playbook::variables::shown;
use crate::value::{Number, ValueRef, ValueType};

/// A number without a fraction, and one with: filters tell the two apart.
pub(super) const WHOLE: Number = Number::from_ten_thousandths(70_000);
pub(super) const FRACTIONAL: Number = Number::from_ten_thousandths(245_000);

/// The variables of a lead of which everything is known; its numbers are this one.
pub(super) fn full(fields: &[Field], number: Number) -> Jinja {
    let all = fields.iter().map(|field| (field, sample(field, number)));
    variables(all, |variable| match variable.rsplit('.').next() {
        Some("email") => "ana@example.com",
        Some("phone") => "+593 99 123 4567",
        Some("id") => "0192f0c1-2345-7abc-8def-0123456789ab",
        Some("name") => "Ana Vera",
        _ => "Web",
    })
}

/// The variables of a lead of which only that is known which must be: there is a name, and somebody
/// gets the message.
pub(super) fn sparse(fields: &[Field]) -> Jinja {
    let known = fields.iter().map(|field| match field.required {
        true => (field, sample(field, WHOLE)),
        false => (field, Jinja::from("")),
    });
    variables(known, |variable| match variable {
        "contact.name" | "recipient.name" | "organisation.name" => "Ana Vera",
        "recipient.email" | "organisation.email" => "ana@example.com",
        "lead.id" => "0192f0c1-2345-7abc-8def-0123456789ab",
        "lead.stage" => "new",
        _ => "",
    })
}

/// What rendering makes of a value of this field.
fn sample(field: &Field, number: Number) -> Jinja {
    let text = field
        .choices
        .first()
        .map_or(field.label.as_str(), |choice| choice);
    match field.value_type {
        ValueType::Bool => Jinja::from(true),
        ValueType::Number => shown(ValueRef::Number(number)),
        ValueType::Date => Jinja::from("2026-03-10"),
        ValueType::Instant => Jinja::from("2026-03-10T14:30:00Z"),
        _ => Jinja::from(text),
    }
}

fn variables<'f>(
    fields: impl Iterator<Item = (&'f Field, Jinja)>,
    said: impl Fn(&str) -> &'static str,
) -> Jinja {
    let mut all: BTreeMap<&str, Jinja> = fields
        .map(|(field, value)| (field.name.as_str(), value))
        .collect();
    for object in VARIABLES.into_iter().filter(|name| !name.contains('.')) {
        let parts = VARIABLES.into_iter().filter_map(|variable| {
            let part = variable.strip_prefix(object)?.strip_prefix('.')?;
            Some((part, Jinja::from(said(variable))))
        });
        all.insert(object, Jinja::from_pairs(parts));
    }
    Jinja::from_pairs(all)
}
