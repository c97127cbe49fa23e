//! Agents in scenarios: who is there from the beginning, and who is set up in a step.

use smol_str::{SmolStr, format_smolstr};

use super::names::{AGENT, Names, Sort};
use super::read::instant;
use crate::decide::command::{AgentSetup, Capacity};
use crate::decide::refusal::Problem;
use crate::decide::{gaps_of_newcomer, phone_in};
use crate::email::Email;
use crate::ids::Name;
use crate::letters::is_blank;
use crate::playbook::Playbook;
use crate::playbook::fault::{Fault, FaultKind};
use crate::playbook::read::{Node, Section, tell_once_that_none_is_there, unknown_name};
use crate::record::agent::Absence;
use crate::time::Instant;

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
    let told = section.source.faults.borrow().len();
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
    let is_phone = |said: &str| is_blank(said) || phone_in(said).is_some();
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
    let setup = AgentSetup {
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
    };
    let is_sound = section.source.faults.borrow().len() == told;
    if let (true, SetUp::Shared, Some(playbook)) = (is_sound, set_up, names.playbook) {
        tell_what_is_refused(&setup, playbook, &section);
    }
    section.finish();
    Some(setup)
}

/// Tells why this agent would be refused, before the first step.
fn tell_what_is_refused(setup: &AgentSetup, playbook: &Playbook, section: &Section<'_>) {
    let gaps = gaps_of_newcomer(playbook, setup, Instant::UNIX_EPOCH);
    for gap in gaps.iter() {
        let place = section.place_of(gap.input.as_str());
        let kind = FaultKind::Scenario(format_smolstr!("of the agent `{}`: {gap}", setup.agent));
        let is_missing = gap.problem == Problem::Missing;
        let hint = is_missing.then(|| said_so(gap.input.as_str(), playbook));
        section.source.fault(place, kind, hint);
    }
}

/// How what an agent needs is said, with the values that there are.
fn said_so(input: &str, playbook: &Playbook) -> SmolStr {
    let known: Vec<&str> = match input {
        "team" => playbook
            .teams
            .iter()
            .map(|team| team.name.as_str())
            .collect(),
        _ => Vec::new(),
    };
    match known.as_slice() {
        [] => format_smolstr!("say `{input} = ..`"),
        known => format_smolstr!("say `{input} = \"..\"`; known: {}", known.join(", ")),
    }
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

/// Where the agents stand with whom all scenarios can reckon.
const AGENTS: &str = "scenarios/agents.toml";

/// Tells once that there are no agents for all scenarios, or only why they can't be read, and not of each
/// wherever one is spoken of.
pub(super) fn tell_once_who_is_not_there(
    is_nobody_there: bool,
    is_unread: bool,
    faults: &mut Vec<Fault>,
) {
    let mut of_agents = faults.iter().filter(|fault| fault.file == AGENTS);
    let is_misnamed = |fault: &Fault| matches!(fault.kind, FaultKind::UnknownKey { .. });
    let is_told = is_unread || of_agents.any(|fault| is_nobody_there || is_misnamed(fault));
    if is_told {
        faults.retain(|fault| unknown_name(AGENT, fault).is_none());
    } else if is_nobody_there {
        let hint = "those of all scenarios stand there, each an `[[agent]]`; those of one are its \
            `[[scenario.agent]]`s";
        tell_once_that_none_is_there((AGENT, AGENTS), hint, faults);
    }
}
