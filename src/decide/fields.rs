//! The fields of a lead: set as the playbook writes them, or refused with all that is wrong.

use chrono::NaiveTime;
use smol_str::{SmolStr, format_smolstr};

use crate::condition::{FactId, Facts as _};
use crate::decide::draft::Draft;
use crate::decide::permit::permit_roles;
use crate::decide::refusal::{Gaps, Problem, Refusal};
use crate::decide::{Stop, identities, places};
use crate::facts::LeadFact;
use crate::hint::nearest;
use crate::ids::Name;
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::delay::Delay;
use crate::playbook::pipeline::{Fixed, Misfit};
use crate::playbook::rule::{SetTo, Since};
use crate::record::Lead;
use crate::record::fields::Fields;
use crate::record::journal::Event;
use crate::record::lead::ToldAt;
use crate::time::Instant;
use crate::value::{Value, ValueRef, ValueType};

/// Sets the fields that somebody says, if they are theirs to tell.
pub(crate) fn set_by_hand(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    fields: &[(Name, Option<Value>)],
) -> Result<(), Stop> {
    for (name, value) in fields {
        if tellers(draft, name).is_empty() {
            continue;
        }
        let changes = |value: Option<Value>| !is_as_it_is(lead, name, value.as_ref());
        if accept(draft, name, value.as_ref()).is_ok_and(changes) {
            permit_telling(draft, name)?;
        }
    }
    set(draft, lead, fields)
}

/// Refuses to tell a field that is for other roles to tell.
pub(crate) fn permit_telling(draft: &mut Draft<'_>, name: &Name) -> Result<(), Stop> {
    match tellers(draft, name) {
        [] => Ok(()),
        roles => permit_roles(draft, &format!("set {name}"), roles),
    }
}

/// The roles that may tell a field; none, where all may.
fn tellers<'a>(draft: &Draft<'a>, name: &Name) -> &'a [Name] {
    let field = draft.playbook.field(name);
    field.map_or(&[], |field| field.by.as_slice())
}

/// Sets fields, whoever it is that tells them; all that is wrong with them is told at once.
pub(crate) fn set(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    fields: &[(Name, Option<Value>)],
) -> Result<(), Stop> {
    set_with(draft, lead, fields, Gaps::default())
}

/// The same, where something else may be wrong: it is told with what is wrong with the fields.
pub(crate) fn set_with(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    fields: &[(Name, Option<Value>)],
    mut gaps: Gaps,
) -> Result<(), Stop> {
    few(fields)?;
    let mut set = Vec::new();
    let before = identities::tax_numbers_in(draft.playbook, &lead.fields);
    // As the lead was before any of them: one may be told with what makes it fixed.
    let must_be = fields.iter().map(|(name, _)| fixed_as(draft, lead, name));
    let must_be: Vec<_> = must_be.collect();
    for ((name, value), must_be) in fields.iter().zip(must_be) {
        if gaps.is_about(name) {
            continue;
        }
        let value = match accept(draft, name, value.as_ref()) {
            Ok(value) => value,
            Err(problem) => {
                gaps.add(name.as_str(), problem);
                continue;
            }
        };
        if let Some(expected) = must_be.filter(|_| !is_as_it_is(lead, name, value.as_ref())) {
            let expected = expected.into();
            gaps.add(name.as_str(), Problem::Unfit { expected });
            continue;
        }
        note_date(draft, lead, name, value.as_ref());
        lead.fields.set(name.clone(), value);
        set.push(name.clone());
    }
    gaps.told()?;
    draft.happened(Event::FieldsSet {
        lead: lead.id,
        fields: set,
    });
    identities::follow_tax_numbers(draft, lead, &before)?;
    places::take(draft, lead)
}

/// What a field must be that is changed no more.
fn fixed_as(draft: &Draft<'_>, lead: &Lead, name: &Name) -> Option<&'static str> {
    let (playbook, now) = (draft.playbook, draft.happened_at);
    match &playbook.field(name)?.fixed {
        Fixed::Never => None,
        Fixed::FromRegistration => Some("what was told when the lead was registered"),
        Fixed::While(condition) => {
            let facts = LeadFacts {
                playbook,
                lead,
                now,
            };
            let holds = condition.holds(&facts, now);
            holds.then_some("what it is: it is changed no more")
        }
    }
}

/// Whether a field has this value already: who writes all fields again changes nothing.
fn is_as_it_is(lead: &Lead, name: &Name, value: Option<&Value>) -> bool {
    lead.fields.value(name) == value.map(Value::as_ref)
}

/// What a field is to be set to now; nothing, where its value is taken away. Refused where the date is
/// missing from which it is reckoned, or beyond the year 9999.
pub(crate) fn reckoned(
    draft: &Draft<'_>,
    lead: &Lead,
    field: &Name,
    to: &SetTo,
) -> Result<Option<Value>, Refusal> {
    let (from, by) = match to {
        SetTo::Value(value) => return Ok(Some(value.clone())),
        SetTo::Nothing => return Ok(None),
        SetTo::Later { from, by } => (from, *by),
    };
    let zone = &draft.playbook.zone;
    let from = match from {
        Since::Now => draft.happened_at,
        Since::Field(from) => match lead.fields.value(from) {
            Some(ValueRef::Date(date)) => zone.from_local(date.and_time(NaiveTime::MIN)),
            Some(ValueRef::Instant(at)) => at,
            _ => return Err(Gaps::one(from.as_str(), Problem::Missing)),
        },
        Since::Fact(fact) => match instant_of(draft, lead, *fact) {
            Some(at) => at,
            None => return Err(Gaps::one(fact.built_in().name, Problem::Missing)),
        },
    };
    let at = match by {
        Delay::Days(days) => zone.add_days(from, days.into()),
        Delay::Months(months) => zone.add_months(from, months),
        by => by.after(from, &draft.playbook.calendar, None),
    };
    let at = at.map_err(|error| {
        let expected = format_smolstr!("a date that there is: {error}");
        Gaps::one(field.as_str(), Problem::Unfit { expected })
    })?;
    let spec = draft.playbook.field(field);
    Ok(Some(match spec.map(|spec| spec.value_type) {
        Some(ValueType::Date) => Value::Date(zone.to_local(at).date()),
        _ => Value::Instant(at),
    }))
}

/// What a lead knows of itself that is an instant.
fn instant_of(draft: &Draft<'_>, lead: &Lead, fact: LeadFact) -> Option<Instant> {
    let (playbook, now) = (draft.playbook, draft.happened_at);
    let facts = LeadFacts {
        playbook,
        lead,
        now,
    };
    match facts.fact(FactId(fact as u16)) {
        Some(ValueRef::Instant(at)) => Some(at),
        _ => None,
    }
}

/// Refuses more fields than a lead can have.
pub(crate) fn few(fields: &[(Name, Option<Value>)]) -> Result<(), Refusal> {
    let (sort, most) = ("fields of one lead", Fields::MOST);
    if fields.len() > most {
        return Err(Refusal::TooMany { sort, most });
    }
    Ok(())
}

/// A date that is told today can't have been missed yesterday. One that was known is not told
/// again, however often it is said.
fn note_date(draft: &Draft<'_>, lead: &mut Lead, name: &Name, value: Option<&Value>) {
    if lead.fields.value(name) == value.map(Value::as_ref) {
        return;
    }
    lead.dates_told.retain(|(known, _)| known != name);
    if matches!(value, Some(Value::Date(_) | Value::Instant(_))) {
        lead.dates_told.push((name.clone(), ToldAt(draft.now)));
    }
}

/// The value of a field as it is kept.
pub(crate) fn accept(
    draft: &Draft<'_>,
    name: &Name,
    value: Option<&Value>,
) -> Result<Option<Value>, Problem> {
    let Some(field) = draft.playbook.field(name) else {
        let known = draft
            .playbook
            .fields
            .iter()
            .map(|field| field.name.as_str());
        return Err(Problem::NoSuchField {
            nearest: nearest(name.as_str(), known).map(SmolStr::from),
        });
    };
    match value {
        None if field.required => Err(Problem::Missing),
        Some(Value::Text(text)) if field.required && text.trim().is_empty() => {
            Err(Problem::Missing)
        }
        None => Ok(None),
        Some(value) => match (field.accept(value), value) {
            (Ok(value), _) => Ok(Some(value)),
            (Err(Misfit::NoChoice), Value::Text(said)) => {
                Err(Problem::no_choice(said, &field.choices))
            }
            (Err(misfit), _) => Err(misfit.into()),
        },
    }
}
