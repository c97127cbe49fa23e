//! Leads as they might be, to try templates on: some of which everything is known, and one of which
//! only that is known which must be.

use std::cell::RefCell;

use minijinja::Value as Jinja;

use smol_str::SmolStr;

use crate::ids::Name;
use crate::playbook::pipeline::Field;
use crate::playbook::variables::{Appointed, Person, Quoted, Variables, field_shown, shown};
use crate::tax_number::TaxNumberKinds;
use crate::value::{Number, ValueRef, ValueType};

/// Whom a text can speak of beside the contact, by where it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// A message to an agent.
    ToAgent,
    /// A message to the contact, who is no `recipient`.
    ToContact,
    /// The text of a task, which knows no agents.
    Task,
}

/// For whom each template is, as far as rules and tasks said when they were read.
#[derive(Debug, Default)]
pub(super) struct Uses(RefCell<Vec<(Name, Use)>>);

impl Uses {
    /// Somebody gets what is written with a template.
    pub(super) fn add(&self, template: &Name, of: Use) {
        self.0.borrow_mut().push((template.clone(), of));
    }

    /// The uses of a template; none of one that nobody uses yet.
    pub(super) fn said_of(&self, template: &str) -> Vec<Use> {
        let all = self.0.borrow();
        let is_used = |of: &Use| {
            all.iter()
                .any(|(name, one)| *name == *template && one == of)
        };
        let both = [Use::ToAgent, Use::ToContact];
        both.into_iter().filter(is_used).collect()
    }

    /// The uses of a template; whatever there is for one that nobody uses yet.
    pub(super) fn of(&self, template: &str) -> Vec<Use> {
        let used = self.said_of(template);
        match used.is_empty() {
            true => vec![Use::ToAgent, Use::ToContact],
            false => used,
        }
    }
}

/// A number without a fraction, and one with: filters tell the two apart.
const NUMBERS: [Number; 2] = [
    Number::from_ten_thousandths(70_000),
    Number::from_ten_thousandths(245_000),
];

const SOMEBODY: Person<'_> = Person {
    name: "Ana Vera",
    email: "ana@example.com",
    phone: "+593 99 123 4567",
};

const NOBODY: Person<'_> = Person {
    name: "",
    email: "",
    phone: "",
};

const A_QUOTE: Quoted<'_> = Quoted {
    number: "Q-7K3M9PQA2X-1",
    version: "1",
    total: "1,667.50 USD",
    valid_until: "2026-03-25",
};

const AN_APPOINTMENT: Appointed<'_> = Appointed {
    label: "Presentation",
    day: "2026-03-10",
    time: "14:30",
    with: SOMEBODY.name,
    feedback: "They want two",
};

const A_DAY: &str = "2026-03-10";

const ID: &str = "0192f0c1-2345-7abc-8def-0123456789ab";

/// The variables of leads of which everything is known that a text of this use can know: one with
/// whole numbers, and one with fractions.
pub(super) fn full(fields: &[Field], of: Use) -> [Jinja; 2] {
    let agent = match of {
        Use::ToAgent | Use::ToContact => SOMEBODY,
        Use::Task => NOBODY,
    };
    let variables = Variables {
        contact: SOMEBODY,
        owner: agent,
        earlier_owner: agent,
        referrer: agent,
        recipient: recipient(of),
        quote: A_QUOTE,
        appointment: Appointed {
            with: agent.name,
            ..AN_APPOINTMENT
        },
        organisation_name: SOMEBODY.name,
        organisation_email: SOMEBODY.email,
        id: ID,
        stage: "New",
        source: "Web",
        registered_day: A_DAY,
        touched_day: A_DAY,
        referral_code: "7K3M9P",
        reward: "20.00 USD",
    };
    NUMBERS.map(|number| {
        let fields = fields.iter();
        variables.with_fields(fields.map(|field| (field.name.as_str(), sample(field, number))))
    })
}

/// The variables of a lead of which only that is known which must be: its contact has a name, and an
/// agent who gets a message has an address. No field is: a playbook that requires one is adopted by
/// leads that were registered without.
pub(super) fn sparse(fields: &[Field], of: Use) -> Jinja {
    let recipient = Person {
        phone: "",
        ..recipient(of)
    };
    let variables = Variables {
        contact: Person {
            name: SOMEBODY.name,
            ..NOBODY
        },
        recipient,
        organisation_name: SOMEBODY.name,
        organisation_email: SOMEBODY.email,
        id: ID,
        stage: "New",
        registered_day: A_DAY,
        touched_day: A_DAY,
        ..Variables::default()
    };
    let fields = fields.iter();
    variables.with_fields(fields.map(|field| (field.name.as_str(), Jinja::from(""))))
}

fn recipient(of: Use) -> Person<'static> {
    match of {
        Use::ToAgent => SOMEBODY,
        Use::ToContact | Use::Task => NOBODY,
    }
}

/// What rendering makes of a value of this field.
fn sample(field: &Field, number: Number) -> Jinja {
    let example = field.tax_numbers.as_ref().map(TaxNumberKinds::example);
    let choice = field.choices.first().map(SmolStr::as_str);
    let text = example.or(choice).unwrap_or(field.label.as_str());
    match field.value_type {
        ValueType::Bool => Jinja::from(true),
        ValueType::Number => shown(ValueRef::Number(number)),
        ValueType::Date => Jinja::from("2026-03-10"),
        ValueType::Instant => Jinja::from("2026-03-10 14:30"),
        ValueType::Text => field_shown(field, ValueRef::Text(text)),
    }
}
