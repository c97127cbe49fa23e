//! Agents in scenarios: who is there from the beginning, and who is set up in a step.

use smol_str::SmolStr;

use super::names::{Names, Sort};
use super::read::instant;
use crate::decide::command::{AgentSetup, Capacity};
use crate::email::Email;
use crate::ids::Name;
use crate::letters::is_blank;
use crate::playbook::fault::FaultKind;
use crate::playbook::read::{Node, Section};
use crate::record::agent::Absence;

/// Where an agent is set up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SetUp {
    /// Before all scenarios: everything must be said that an agent needs.
    Shared,
    /// Before one scenario; it may change who is set up for all.
    Before,
    /// In a step: whoever is not made anew must be there.
    InStep,
}

pub(super) fn read(
    mut section: Section<'_>,
    names: &Names<'_>,
    set_up: SetUp,
) -> Option<AgentSetup> {
    let id_node = section.required("id");
    let id = id_node.as_ref().and_then(|node| node.text());
    if let (SetUp::InStep, Some(node), Some(id)) = (set_up, &id_node, id) {
        names.check(Sort::Agent, node, id);
    }
    if set_up == SetUp::Shared {
        for key in ["name", "email", "role"] {
            section.required(key);
        }
    }
    let mut text = |key: &'static str, can_be: fn(&str) -> bool, expected: &'static str| {
        let node = section.optional(key)?;
        let said = node.text()?;
        // Who is set up in a step may be refused for it.
        if set_up != SetUp::InStep && !can_be(said) {
            let found = said.into();
            node.fault(FaultKind::WrongType { expected, found }, None);
        }
        Some(SmolStr::from(said))
    };
    let name = text("name", |_| true, "a name");
    let is_email = |said: &str| said.parse::<Email>().is_ok();
    let email = text("email", is_email, "an e-mail address");
    let is_phone = |said: &str| is_blank(said) || said.contains(|c: char| c.is_ascii_digit());
    let phone = text("phone", is_phone, "a phone number");
    let team = section.optional("team").and_then(|node| {
        let team = node.text()?;
        names.check_team(&node, team, set_up != SetUp::InStep);
        Some(Name::from(team))
    });
    let role = section.optional("role").and_then(|node| {
        let role = node.text()?;
        names.check(Sort::Role, &node, role);
        Some(Name::from(role))
    });
    let cities = section.optional("cities").map(|node| {
        node.list().iter().for_each(|node| names.check_city(node));
        texts(&node)
    });
    let zones = section.optional("zones").map(|node| texts(&node));
    let skills = section.optional("skills").map(|node| texts(&node));
    let hours = section.optional("hours").and_then(|node| {
        let hours = node.text()?;
        if set_up != SetUp::InStep {
            names.check_hours(&node, hours);
        }
        Some(hours)
    });
    let absences = section.optional("absences").map(|node| node.list());
    let absences = absences.map(|nodes| {
        let absences = nodes.iter().filter_map(|node| read_absence(node, set_up));
        absences.collect()
    });
    let capacity = section.optional("capacity");
    let capacity = capacity.and_then(|node| read_capacity(&node));
    let available = section.optional("available").and_then(|node| node.bool());
    section.finish();
    Some(AgentSetup {
        agent: id?.into(),
        name,
        email,
        phone,
        role,
        team,
        cities,
        zones,
        skills,
        hours: hours.map(Name::from),
        absences,
        capacity,
        available,
    })
}

/// A number, or an empty text, which takes it away.
fn read_capacity(node: &Node<'_>) -> Option<Capacity> {
    if node.is_text() && node.text().is_some_and(is_blank) {
        return Some(Capacity::OfPool);
    }
    node.count(0..1_000_001).map(Capacity::Own)
}

fn texts(node: &Node<'_>) -> Vec<SmolStr> {
    let nodes = node.list();
    let texts = nodes.iter().filter_map(|node| Some(node.text()?.into()));
    texts.collect()
}

/// `{ from = "2026-03-06T00:00:00-05:00", until = "2026-03-09T00:00:00-05:00" }`
fn read_absence(node: &Node<'_>, set_up: SetUp) -> Option<Absence> {
    let mut section = node.section()?;
    let from = section.required("from").and_then(|node| instant(&node));
    let node = section.required("until");
    let until = node.as_ref().and_then(instant);
    // Who is set up in a step may be refused for it.
    let is_backwards = from.zip(until).is_some_and(|(from, until)| until <= from);
    if let Some(node) = node.filter(|_| is_backwards && set_up != SetUp::InStep) {
        let kind = FaultKind::Scenario("an absence ends after it begins".into());
        node.fault(kind, None);
    }
    section.finish();
    Some(Absence {
        from: from?,
        until: until?,
    })
}
