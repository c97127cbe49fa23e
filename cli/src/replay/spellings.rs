//! Agents whose ids the files write in several ways: `ana` and `ANA` are one agent, as whoever sets it up
//! first writes it.

use std::collections::{BTreeMap, BTreeSet};

use leadkit::decide::command::{Actor, LeadOrder};
use leadkit::value::fold;
use smol_str::SmolStr;

use super::map::Map;
use super::plan::{Doing, Place, Planned};
use super::warnings::Warning;

/// How agents are written.
#[derive(Debug, Default)]
pub(super) struct Spellings {
    /// Each agent's id, as it is first set up, by what it is whatever its case.
    ids: BTreeMap<SmolStr, SmolStr>,
    /// The rows that write it otherwise, by file and by how they do.
    others: BTreeMap<(usize, SmolStr), BTreeSet<u64>>,
}

impl Spellings {
    /// An agent is set up under this id.
    pub(super) fn set_up(&mut self, id: &SmolStr, place: &Place) {
        self.ids.entry(fold(id)).or_insert_with(|| id.clone());
        self.first(id, place);
    }

    /// Writes all agents that a command names as they are set up.
    pub(super) fn write(&mut self, planned: &mut Planned) {
        let Planned {
            by, doing, place, ..
        } = planned;
        let mut write = |id: &str| self.first(id, place);
        if let Actor::Agent(agent) | Actor::Import(agent) = by
            && let Some(id) = write(agent.as_str())
        {
            *agent = id.into();
        }
        match doing {
            Doing::SetUp(setup) => {
                if let Some(id) = write(&setup.agent) {
                    setup.agent = id;
                }
            }
            Doing::Register(lead) => {
                if let Some(id) = lead.owner.as_ref().and_then(|owner| write(owner.as_str())) {
                    lead.owner = Some(id.into());
                }
                if let Some(id) = lead.referral.as_deref().and_then(&mut write) {
                    lead.referral = Some(id);
                }
            }
            Doing::Order(LeadOrder::Reassign { to }) => {
                if let Some(id) = write(to.as_str()) {
                    *to = id.into();
                }
            }
            Doing::Order(LeadOrder::Book {
                with: Some(with), ..
            }) => {
                if let Some(id) = write(with.as_str()) {
                    *with = id.into();
                }
            }
            Doing::Refer(agent) => {
                if let Some(id) = write(agent.as_str()) {
                    *agent = id.into();
                }
            }
            Doing::Leave(leaving) => {
                if let Some(id) = write(leaving.agent.as_str()) {
                    leaving.agent = id.into();
                }
                for heir in [Some(&mut leaving.to), leaving.otherwise.as_mut()] {
                    let Some(heir) = heir else { continue };
                    if let Some(id) = write(heir.as_str()) {
                        *heir = id.into();
                    }
                }
            }
            Doing::Order(_) | Doing::Reply(_) => {}
        }
    }

    /// How an agent is first written, where a row writes it otherwise.
    fn first(&mut self, said: &str, place: &Place) -> Option<SmolStr> {
        let first = self.ids.get(&fold(said)).filter(|first| *first != said)?;
        let rows = self.others.entry((place.file, said.into())).or_default();
        rows.insert(place.line);
        Some(first.clone())
    }

    /// What was written otherwise, once for each file and each way.
    pub(super) fn warnings(&self, map: &Map) -> Vec<Warning> {
        let others = self.others.iter();
        let warnings = others.filter_map(|((file, said), lines)| {
            let first = self.ids.get(&fold(said))?;
            let message = format!("`{said}` is taken for the agent `{first}`");
            let hint = "case makes no difference; write the id in one way".to_owned();
            let file = map.files[*file].name.as_str();
            Some(Warning::of_lines(file, lines, message, Some(hint)))
        });
        warnings.collect()
    }
}
