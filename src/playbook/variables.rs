//! What templates can ask for, in one form for checking and for sending: what a template is tried on
//! is what it gets.

use std::collections::BTreeMap;

use minijinja::Value as Jinja;

use crate::playbook::pipeline::Field;
use crate::value::{Number, ValueRef};

/// What templates can ask for beside the fields, each a text, and empty where it is not known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Variables<'a> {
    /// The lead's contact.
    pub(crate) contact: Person<'a>,
    /// The lead's owner, or the agent in whose name a message goes.
    pub(crate) owner: Person<'a>,
    /// Who had the lead before.
    pub(crate) earlier_owner: Person<'a>,
    /// Who referred the lead.
    pub(crate) referrer: Person<'a>,
    /// The agent who gets a message; nobody, when the contact gets it.
    pub(crate) recipient: Person<'a>,
    /// The lead's quote, in its current version.
    pub(crate) quote: Quoted<'a>,
    /// The lead's appointment: the next one, or the last that there was.
    pub(crate) appointment: Appointed<'a>,
    /// The organisation's name.
    pub(crate) organisation_name: &'a str,
    /// The organisation's address.
    pub(crate) organisation_email: &'a str,
    /// The lead's id.
    pub(crate) id: &'a str,
    /// The label of the lead's stage.
    pub(crate) stage: &'a str,
    /// The label of the lead's source.
    pub(crate) source: &'a str,
    /// The day on which the lead was registered, in the order of the playbook's language.
    pub(crate) registered_day: &'a str,
    /// The day on which somebody last did something with it.
    pub(crate) touched_day: &'a str,
    /// The code with which the lead came.
    pub(crate) referral_code: &'a str,
    /// With what its referrer was rewarded, as the playbook writes amounts.
    pub(crate) reward: &'a str,
}

/// What templates can say of a person.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Person<'a> {
    /// The name.
    pub(crate) name: &'a str,
    /// The e-mail address.
    pub(crate) email: &'a str,
    /// The phone number.
    pub(crate) phone: &'a str,
}

/// What templates can say of a quote: nothing, where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Quoted<'a> {
    /// Its number.
    pub(crate) number: &'a str,
    /// Which version it is.
    pub(crate) version: &'a str,
    /// What it comes to, with the currency, as the playbook writes amounts.
    pub(crate) total: &'a str,
    /// The last day on which it can be accepted, in the order of the playbook's language.
    pub(crate) valid_until: &'a str,
}

/// What templates can say of an appointment: nothing, where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Appointed<'a> {
    /// What people call its kind.
    pub(crate) label: &'a str,
    /// Its day in the playbook's zone, in the order of the playbook's language.
    pub(crate) day: &'a str,
    /// Its time of day.
    pub(crate) time: &'a str,
    /// The name of the agent with whom it is.
    pub(crate) with: &'a str,
    /// What was last said of one that was held.
    pub(crate) feedback: &'a str,
}

impl<'a> Person<'a> {
    fn parts(self) -> Vec<(&'static str, &'a str)> {
        vec![
            ("name", self.name),
            ("email", self.email),
            ("phone", self.phone),
        ]
    }
}

/// A variable with parts, and what each of them says: `contact`, with `name`.
pub(crate) type Object<'a> = (&'static str, Vec<(&'static str, &'a str)>);

impl<'a> Variables<'a> {
    /// All variables beside the fields. There is no other list of them.
    pub(crate) fn objects(self) -> [Object<'a>; 9] {
        let organisation = vec![
            ("name", self.organisation_name),
            ("email", self.organisation_email),
        ];
        let lead = vec![
            ("id", self.id),
            ("stage", self.stage),
            ("source", self.source),
            ("registered_day", self.registered_day),
            ("touched_day", self.touched_day),
            ("referral_code", self.referral_code),
            ("reward", self.reward),
        ];
        let quote = vec![
            ("number", self.quote.number),
            ("version", self.quote.version),
            ("total", self.quote.total),
            ("valid_until", self.quote.valid_until),
        ];
        let appointment = vec![
            ("label", self.appointment.label),
            ("day", self.appointment.day),
            ("time", self.appointment.time),
            ("with", self.appointment.with),
            ("feedback", self.appointment.feedback),
        ];
        [
            ("contact", self.contact.parts()),
            ("owner", self.owner.parts()),
            ("earlier_owner", self.earlier_owner.parts()),
            ("referrer", self.referrer.parts()),
            ("recipient", self.recipient.parts()),
            ("organisation", organisation),
            ("lead", lead),
            ("quote", quote),
            ("appointment", appointment),
        ]
    }

    /// What a template is rendered with: these, and the fields beside them.
    pub(crate) fn with_fields<'f>(
        self,
        fields: impl IntoIterator<Item = (&'f str, Jinja)>,
    ) -> Jinja {
        let mut all: BTreeMap<&str, Jinja> = fields.into_iter().collect();
        for (object, parts) in self.objects() {
            let parts = parts.into_iter();
            let parts = parts.map(|(part, said)| (part, Jinja::from(said)));
            all.insert(object, Jinja::from_pairs(parts));
        }
        Jinja::from_pairs(all)
    }
}

/// The names of what a template can ask for beside the fields: `contact.name`, never `contact`.
pub(crate) fn names() -> Vec<String> {
    let objects = Variables::default().objects().into_iter();
    let names = objects.flat_map(|(object, parts)| {
        let parts = parts.into_iter();
        parts.map(move |(part, _)| format!("{object}.{part}"))
    });
    names.collect()
}

/// Whether it is known of leads that are referred alone.
pub(crate) fn is_of_referrals(name: &str) -> bool {
    name.split('.').next() == Some("referrer")
        || matches!(name, "lead.referral_code" | "lead.reward")
}

/// The parts of a variable that has some, by their whole names; a field has none.
pub(crate) fn parts_of(object: &str) -> Vec<String> {
    let mut names = names();
    names.retain(|name| name.split('.').next() == Some(object));
    names
}

/// What a field is in a template: a tax number as people read it, else the value. Days and times depend on
/// the playbook: [`context`](crate::render::context) writes them.
pub(crate) fn field_shown(field: &Field, value: ValueRef<'_>) -> Jinja {
    match field.formatted(value) {
        Some(formatted) => Jinja::from(formatted.as_str()),
        None => shown(value),
    }
}

/// What a value is in a template.
pub(crate) fn shown(value: ValueRef<'_>) -> Jinja {
    match value {
        ValueRef::Bool(value) => Jinja::from(value),
        ValueRef::Number(number) => number_shown(number),
        other => Jinja::from(other.to_string()),
    }
}

/// A number to reckon with, which printed by itself is exactly what it was.
fn number_shown(number: Number) -> Jinja {
    if number.ten_thousandths() % 10_000 == 0 {
        return Jinja::from(number.whole());
    }
    let exact = number.to_string();
    // A fraction of more than fifteen digits is not always what its float prints. Then it stays a
    // text: reckoning with it fails and is seen, where a price that is a little off would not be.
    let float = exact.parse::<f64>().ok();
    match float.filter(|float| float.to_string() == exact) {
        Some(float) => Jinja::from(float),
        None => Jinja::from(exact),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_prints_exactly(count in -9_000_000_000_000_000_000..9_000_000_000_000_000_000_i64) {
            let number = Number::from_ten_thousandths(count);
            prop_assert_eq!(number_shown(number).to_string(), number.to_string());
        }

        #[test]
        fn what_cars_cost_can_be_reckoned_with(count in -1_000_000_000_000..1_000_000_000_000_i64) {
            let number = Number::from_ten_thousandths(count);
            prop_assert!(number_shown(number).is_number(), "{number}");
            prop_assert_eq!(number_shown(number).to_string(), number.to_string());
        }
    }
}
