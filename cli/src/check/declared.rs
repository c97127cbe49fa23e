//! `leadkit check --with`: names that a host registers, so that its playbook is checked without it.

use std::str::FromStr;

use leadkit::playbook::Playbook;
use leadkit::playbook::host::{Builder, Effects};
use leadkit::playbook::pipeline::Field;
use leadkit::value::ValueType;

/// A guard, a fact or an action that the host registers. It stands for the name alone: nothing is
/// asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declared {
    /// `guard:NAME`
    Guard(String),
    /// `fact:NAME:TYPE`
    Fact(String, ValueType),
    /// `action:NAME`
    Action(String),
}

/// A text that declares nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "say guard:NAME, action:NAME or fact:NAME:TYPE, where the type is text, number, bool, date or instant"
)]
pub struct DeclaresNothing;

impl FromStr for Declared {
    type Err = DeclaresNothing;

    fn from_str(text: &str) -> Result<Self, DeclaresNothing> {
        let (sort, name) = text.split_once(':').ok_or(DeclaresNothing)?;
        match (sort, name.split_once(':')) {
            ("guard", None) => Ok(Self::Guard(name.into())),
            ("action", None) => Ok(Self::Action(name.into())),
            ("fact", Some((name, value_type))) => Ok(Self::Fact(name.into(), typed(value_type)?)),
            _ => Err(DeclaresNothing),
        }
    }
}

/// A type in the word that fields have for it; of facts there are no choices.
fn typed(word: &str) -> Result<ValueType, DeclaresNothing> {
    let of_fields_alone = [Field::CHOICE, Field::TAX_NUMBER];
    let mut types = Field::TYPES.iter();
    let found = types.find(|(known, _)| *known == word && !of_fields_alone.contains(known));
    found
        .map(|(_, value_type)| *value_type)
        .ok_or(DeclaresNothing)
}

/// Reads playbooks that speak of these names.
pub(super) fn builder(declared: &[Declared]) -> Builder {
    declared
        .iter()
        .fold(Playbook::builder(), |builder, declared| match declared {
            Declared::Guard(name) => builder.guard(name.as_str(), |_| false),
            Declared::Fact(name, value_type) => builder.fact(name.as_str(), *value_type, |_| None),
            Declared::Action(name) => builder.action(name.as_str(), |_| Effects::none()),
        })
}
