//! What the host registered, as the playbook speaks of it: guards as needs, actions, and names that
//! can't be.

use smol_str::{SmolStr, format_smolstr};

use super::Names;
use crate::condition::{Catalogue as _, Condition};
use crate::ids::Name;
use crate::playbook::catalogue::LeadCatalogue;
use crate::playbook::fault::FaultKind;
use crate::playbook::host::Host;
use crate::playbook::pipeline::{Need, Pipeline};
use crate::playbook::read::{Node, Source, is_name, name_for};

/// Says which names the host can't have registered: those that are none, and those that are taken.
pub(super) fn check(names: &Names, file: &Source<'_>) {
    let catalogue = LeadCatalogue {
        host: &[],
        ..names.lead_catalogue()
    };
    let taken = catalogue.names();
    let facts = &names.host.facts;
    for (place, fact) in facts.iter().enumerate() {
        let (sort, name) = (fact.sort(), &fact.name);
        let is_second = facts[..place].iter().any(|other| other.name == *name);
        if is_second || taken.iter().any(|taken| *name == **taken) {
            is_taken(file, "fact", name);
        } else if !is_name(name.as_str()) || !can_be_asked(names, name) {
            is_no_name(file, sort, name);
        }
    }
    let actions = &names.host.actions;
    for (place, action) in actions.iter().enumerate() {
        let name = &action.name;
        if actions[..place].iter().any(|other| other.name == *name) {
            is_taken(file, "action", name);
        } else if !is_name(name.as_str()) {
            is_no_name(file, "an action of the host's", name);
        }
    }
}

/// Whether a condition can speak of it: it is no word of the language.
fn can_be_asked(names: &Names, fact: &Name) -> bool {
    let asked = format_smolstr!("{fact} is missing");
    Condition::parse(&asked, &names.lead_catalogue()).is_ok()
}

fn is_taken(file: &Source<'_>, sort: &'static str, name: &Name) {
    let name = name.as_str().into();
    let hint = "the host registered it as well: it takes another name";
    file.fault(
        0..0,
        FaultKind::DefinedTwice { sort, name },
        Some(hint.into()),
    );
}

fn is_no_name(file: &Source<'_>, sort: &'static str, name: &Name) {
    let hint = name_for(name.as_str());
    let name = name.as_str().into();
    file.fault(0..0, FaultKind::BadName { sort, name }, Some(hint));
}

/// The names of needs, and of the guards that can be asked for in the same way.
pub(super) fn with_guards(mut needs: Vec<Name>, host: &Host) -> Vec<Name> {
    for guard in host.guards() {
        if !needs.contains(guard) {
            needs.push(guard.clone());
        }
    }
    needs
}

/// Adds the guards that ways ask for by name and of which `[need]` says nothing: their names are
/// their texts.
pub(super) fn add_guards_as_needs(needs: &mut Vec<Need>, pipelines: &[Pipeline], names: &Names) {
    let stages = pipelines.iter().flat_map(|pipeline| &pipeline.stages);
    let ways = stages.flat_map(|stage| &stage.ways);
    for name in ways.flat_map(|way| &way.needs) {
        let is_guard = names.host.guard(name.as_str()).is_some();
        if is_guard && needs.iter().all(|need| need.name != *name) {
            needs.extend(names.asks(name).map(|condition| Need {
                name: name.clone(),
                condition,
                text: name.as_str().into(),
            }));
        }
    }
}

impl Names {
    /// The condition that a guard of the host's holds.
    pub(super) fn asks(&self, guard: &Name) -> Option<Condition> {
        Condition::parse(guard.as_str(), &self.lead_catalogue()).ok()
    }

    /// How to mend a need that says nothing: by a condition, or by a guard.
    pub(super) fn guards_that_there_are(&self) -> SmolStr {
        let guards: Vec<&str> = self.host.guards().map(Name::as_str).collect();
        match guards.as_slice() {
            [] => "say when it is met, or let the host register a guard of this name".into(),
            guards => format_smolstr!(
                "say when it is met, or name it as a guard of the host's: {}",
                guards.join(", ")
            ),
        }
    }

    /// The action of the host's that is named here.
    pub(super) fn host_action(&self, node: &Node<'_>) -> Option<Name> {
        let actions = self.host.actions.iter().map(|action| &action.name);
        let text = node.text()?;
        if self.host.action(text).is_none() && self.host.actions.is_empty() {
            let (sort, name) = ("action of the host's", text.into());
            let hint = format_smolstr!(
                "the host registers it: `Playbook::builder().action(\"{text}\", ..)`; to check the \
                 playbook without the host, `leadkit check --with action:{text}`"
            );
            node.fault(FaultKind::UnknownName { sort, name }, Some(hint));
            return None;
        }
        node.known("action of the host's", actions)
    }
}
