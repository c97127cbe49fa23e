//! The facts of agents, messages and sweeps: no playbook adds to them.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};
use smol_str::{SmolStr, ToSmolStr};

use super::number;
use crate::calendar::Zone;
use crate::condition::{Catalogue, FactInfo, FactName, Unresolved};
use crate::facts::{AgentFact, BuiltIn, MessageFact, built_in};
use crate::ids::Name;
use crate::playbook::Playbook;
use crate::record::message::{Class, DropReason, State};
use crate::store::Kind;
use crate::time::Instant;

pub(super) fn info_of(place: usize, fact: &BuiltIn) -> FactInfo {
    let name = FactName::new(fact.name);
    if fact.stored {
        FactInfo::stored(number(place), name, fact.value_type)
    } else {
        FactInfo::computed(number(place), name, fact.value_type)
    }
}

/// The facts of agents, messages or sweeps: the built-in ones alone.
#[derive(Debug)]
pub(crate) struct BuiltInCatalogue<'a> {
    pub(crate) kind: Kind,
    pub(crate) zone: &'a Zone,
    /// The closed sets of text facts, by the facts' places.
    pub(crate) choices: Vec<(usize, Arc<[SmolStr]>)>,
}

impl<'a> BuiltInCatalogue<'a> {
    /// The facts of agents, who have these roles, and are in these teams; in any, if there are none.
    pub(crate) fn of_agents<'n>(
        zone: &'a Zone,
        roles: impl IntoIterator<Item = &'n Name>,
        teams: impl IntoIterator<Item = &'n Name>,
    ) -> Self {
        let mut choices = vec![(AgentFact::Role as usize, words(roles))];
        let teams = words(teams);
        if !teams.is_empty() {
            choices.push((AgentFact::Team as usize, teams));
        }
        Self {
            kind: Kind::Agent,
            zone,
            choices,
        }
    }

    /// The facts of messages of this playbook.
    pub(crate) fn of_messages(playbook: &'a Playbook) -> Self {
        let channels = playbook.channels();
        let choices = [
            (
                MessageFact::State,
                State::WORDS.iter().map(ToSmolStr::to_smolstr).collect(),
            ),
            (MessageFact::Template, words(playbook.templates.names())),
            (MessageFact::Class, told(Class::WORDS)),
            (MessageFact::Channel, words(&channels)),
            (MessageFact::Dropped, told(DropReason::WORDS)),
        ];
        let choices = choices.map(|(fact, words)| (fact as usize, words));
        Self {
            kind: Kind::Message,
            zone: &playbook.zone,
            choices: choices.into(),
        }
    }
}

fn words<'n>(names: impl IntoIterator<Item = &'n Name>) -> Arc<[SmolStr]> {
    let names = names.into_iter();
    names.map(|name| name.as_str().into()).collect()
}

/// The words of an enum.
fn told<T>(words: &[(&'static str, T)]) -> Arc<[SmolStr]> {
    let words = words.iter();
    words.map(|(word, _)| SmolStr::new_static(word)).collect()
}

impl Catalogue for BuiltInCatalogue<'_> {
    fn resolve(&self, name: &str, argument: Option<&str>) -> Result<FactInfo, Unresolved> {
        let facts = built_in(self.kind);
        let Some(place) = facts.iter().position(|fact| fact.name == name) else {
            return Err(Unresolved::UnknownName);
        };
        if argument.is_some() {
            return Err(Unresolved::TakesNoArgument);
        }
        let info = info_of(place, &facts[place]);
        let choices = self.choices.iter().find(|(of, _)| *of == place);
        Ok(match choices {
            Some((_, choices)) => info.with_choices(choices.clone()),
            None => info,
        })
    }

    fn names(&self) -> Vec<SmolStr> {
        built_in(self.kind)
            .iter()
            .map(|fact| fact.name.into())
            .collect()
    }

    fn start_of_day(&self, date: NaiveDate) -> Option<Instant> {
        Some(self.zone.from_local(date.and_time(NaiveTime::MIN)))
    }
}
