//! What templates may speak of: the lead, its fields, and the people around it.

use minijinja::Value as Jinja;
use smol_str::{SmolStr, format_smolstr};

use crate::ids::Name;
use crate::playbook::Playbook;
use crate::playbook::pipeline::{Field, TaskSpec};
use crate::playbook::template::RenderError;
use crate::playbook::variables::{Appointed, Person, Quoted, Variables, field_shown};
use crate::playbook::written;
use crate::record::{Agent, Lead, Quote};
use crate::time::Instant;
use crate::value::ValueRef;

/// The agents whom a text may speak of.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    /// The lead's owner.
    pub owner: Option<Agent>,
    /// Who had it before.
    pub earlier_owner: Option<Agent>,
    /// Who referred it.
    pub referrer: Option<Agent>,
    /// The agent with whom the lead's appointment is, if it is not the owner.
    pub with: Option<Agent>,
    /// The agent who gets the message, if an agent does.
    pub recipient: Option<Agent>,
}

/// The variables of a template: those of the lead by the names of its facts.
#[must_use]
pub fn context(playbook: &Playbook, lead: &Lead, cast: &Cast) -> Jinja {
    let fields = playbook.fields.iter().map(|field| {
        // A field without a value is there, and empty; one that nobody defined is an error.
        let value = lead.fields.value(&field.name);
        let value = value.map(|value| shown(playbook, field, value));
        let value = value.unwrap_or_else(|| Jinja::from(""));
        (field.name.as_str(), value)
    });
    let contact = &lead.contact;
    let email = contact.email.as_ref().map(|email| email.as_str());
    let id = lead.id.to_string();
    let source = lead.source.as_ref();
    let source = source.and_then(|source| playbook.source(source));
    let stage = playbook.stage(&lead.pipeline, &lead.stage);
    let quote = lead.quote().map(|quote| QuoteTexts::of(playbook, quote));
    let appointment = lead.next_appointment();
    let feedback = lead.last_feedback();
    let feedback = feedback.map_or("", |feedback| feedback.says.as_str());
    let appointment =
        appointment.map(|(kind, one)| AppointmentTexts::of(playbook, kind, one.at, feedback));
    let referral = lead.referral.as_ref();
    let reward = referral.and_then(|referral| referral.reward.as_ref());
    let reward = reward.map(|reward| playbook.quoting.amount(reward.amount));
    let with = cast.with.as_ref().or(cast.owner.as_ref());
    let day_of = |at| written::day(&playbook.locale, playbook.zone.to_local(at));
    let (registered_day, touched_day) = (day_of(lead.registered.at), day_of(lead.touched.at));
    let variables = Variables {
        contact: Person {
            name: contact.name.as_str(),
            email: email.unwrap_or_default(),
            phone: contact.phone.as_deref().unwrap_or_default(),
        },
        owner: person(cast.owner.as_ref()),
        earlier_owner: person(cast.earlier_owner.as_ref()),
        referrer: person(cast.referrer.as_ref()),
        recipient: person(cast.recipient.as_ref()),
        quote: quote.as_ref().map(QuoteTexts::said).unwrap_or_default(),
        appointment: appointment
            .as_ref()
            .map(|texts| texts.said(with))
            .unwrap_or_default(),
        organisation_name: playbook.organisation.name.as_str(),
        organisation_email: playbook.organisation.email.as_str(),
        id: &id,
        stage: stage.map_or(lead.stage.as_str(), |stage| stage.label.as_str()),
        source: source
            .map(|source| source.label.as_str())
            .unwrap_or_default(),
        registered_day: &registered_day,
        touched_day: &touched_day,
        referral_code: referral.map_or("", |referral| referral.code.as_str()),
        reward: reward.as_deref().unwrap_or_default(),
    };
    variables.with_fields(fields)
}

/// What a field is in a template: a day and a time as the playbook's language writes them, by the clocks of
/// its zone.
fn shown(playbook: &Playbook, field: &Field, value: ValueRef<'_>) -> Jinja {
    let locale = &playbook.locale;
    match value {
        ValueRef::Date(day) => Jinja::from(written::day(locale, day.into()).as_str()),
        ValueRef::Instant(at) => {
            let local = playbook.zone.to_local(at);
            let (day, time) = (
                written::day(locale, local),
                written::time_of_day(locale, local),
            );
            Jinja::from(format!("{day} {time}"))
        }
        other => field_shown(field, other),
    }
}

/// An appointment as texts.
struct AppointmentTexts<'a> {
    label: &'a str,
    day: SmolStr,
    time: SmolStr,
    feedback: &'a str,
}

impl<'a> AppointmentTexts<'a> {
    fn of(playbook: &'a Playbook, kind: &'a Name, at: Instant, feedback: &'a str) -> Self {
        let local = playbook.zone.to_local(at);
        Self {
            label: playbook.appointment_label(kind),
            day: written::day(&playbook.locale, local),
            time: written::time_of_day(&playbook.locale, local),
            feedback,
        }
    }

    fn said<'t>(&'t self, with: Option<&'t Agent>) -> Appointed<'t> {
        Appointed {
            label: self.label,
            day: &self.day,
            time: &self.time,
            with: with.map_or("", |with| with.name.as_str()),
            feedback: self.feedback,
        }
    }
}

/// A quote as texts.
struct QuoteTexts<'a> {
    number: &'a str,
    version: SmolStr,
    total: SmolStr,
    valid_until: SmolStr,
}

impl<'a> QuoteTexts<'a> {
    fn of(playbook: &Playbook, quote: &'a Quote) -> Self {
        Self {
            number: &quote.number,
            version: format_smolstr!("{}", quote.version),
            total: playbook.quoting.amount(quote.total),
            valid_until: playbook.written_day(quote.last_day(&playbook.zone)),
        }
    }

    fn said(&self) -> Quoted<'_> {
        Quoted {
            number: self.number,
            version: &self.version,
            total: &self.total,
            valid_until: &self.valid_until,
        }
    }
}

/// What templates can say of an agent: nothing, of nobody.
fn person(agent: Option<&Agent>) -> Person<'_> {
    agent.map_or_else(Person::default, |agent| Person {
        name: agent.name.as_str(),
        email: agent.email.as_str(),
        phone: agent.phone.as_deref().unwrap_or_default(),
    })
}

/// What a task says for a lead.
///
/// # Errors
/// When its text can't be rendered.
pub fn task_text(playbook: &Playbook, lead: &Lead, spec: &TaskSpec) -> Result<String, RenderError> {
    playbook
        .templates
        .render_task(&spec.name, &context(playbook, lead, &Cast::default()))
}
