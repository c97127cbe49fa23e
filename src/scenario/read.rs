//! Reading scenarios from TOML, with all faults at once.

use std::cell::RefCell;

use smol_str::{SmolStr, format_smolstr};

use super::{Asked, Doing, Scenario, Step};
use crate::decide::command::{Actor, AgentSetup, LeadOrder, Leaving, NewLead, Waiting};
use crate::ids::Name;
use crate::playbook::Playbook;
use crate::playbook::fault::{Fault, FaultKind, Faults};
use crate::playbook::load::{Folder, without_bom};
use crate::playbook::read::{Mended, Node, Section, Source, drop_echoes};
use crate::record::agent::Absence;
use crate::time::Instant;
use crate::value::Value;

pub(super) fn read(folder: &Folder, playbook: Option<&Playbook>) -> Result<Vec<Scenario>, Faults> {
    let faults = RefCell::new(Vec::new());
    let mut agents = Vec::new();
    let mut scenarios = Vec::new();
    for (path, text) in &folder.scenarios {
        let file = Source::new(path.clone(), without_bom(text), &faults);
        let mended = Mended::of(&file);
        let file = file.mended(&mended);
        let table = file.table();
        let mut root = Section::new(&file, table.get_ref(), 0..0, SmolStr::default());
        agents.extend(
            sections(&mut root, "agent")
                .into_iter()
                .filter_map(read_agent),
        );
        for section in sections(&mut root, "scenario") {
            scenarios.extend(read_scenario(section, playbook));
        }
        root.finish();
    }
    for scenario in &mut scenarios {
        let own = std::mem::take(&mut scenario.agents);
        scenario.agents = agents.iter().cloned().chain(own).collect();
    }
    let mut faults: Vec<Fault> = faults.into_inner();
    if faults.is_empty() {
        return Ok(scenarios);
    }
    for (path, text) in &folder.scenarios {
        let text = without_bom(text);
        let unheard = RefCell::new(Vec::new());
        let mended = Mended::of(&Source::new(path.clone(), text, &unheard));
        drop_echoes(path, text, &mended, &mut faults);
    }
    faults.sort_by(|a, b| (&a.file, a.span.start).cmp(&(&b.file, b.span.start)));
    Err(Faults(faults))
}

fn sections<'s>(section: &mut Section<'s>, key: &'static str) -> Vec<Section<'s>> {
    let nodes = section
        .optional(key)
        .map(|node| node.list())
        .unwrap_or_default();
    nodes.iter().filter_map(Node::section).collect()
}

fn read_scenario(mut section: Section<'_>, playbook: Option<&Playbook>) -> Option<Scenario> {
    let (file, line) = (section.source.file.clone(), section.line());
    let name = section.required("name").and_then(|node| node.text());
    let covers = section
        .optional("covers")
        .map(|node| node.list())
        .unwrap_or_default();
    let covers = covers
        .iter()
        .filter_map(|node| Some(node.text()?.into()))
        .collect();
    let start = section.required("start").and_then(|node| instant(&node));
    let agents = sections(&mut section, "agent")
        .into_iter()
        .filter_map(read_agent)
        .collect();
    let mut last_lead = None;
    let steps = sections(&mut section, "step")
        .into_iter()
        .filter_map(|step| read_step(step, &mut last_lead, playbook))
        .collect();
    section.finish();
    Some(Scenario {
        name: name?.into(),
        covers,
        start: start?,
        agents,
        steps,
        file,
        line,
    })
}

/// An instant with its offset: `2026-03-06T16:30:00-05:00`.
pub(super) fn instant(node: &Node<'_>) -> Option<Instant> {
    let text = node.text()?;
    let parsed = text.parse::<chrono::DateTime<chrono::FixedOffset>>();
    if parsed.is_err() {
        let hint = Some("write for instance 2026-03-06T16:30:00-05:00".into());
        let found = text.into();
        node.fault(
            FaultKind::WrongType {
                expected: "an instant with its offset",
                found,
            },
            hint,
        );
    }
    Some(parsed.ok()?.into())
}

fn read_agent(mut section: Section<'_>) -> Option<AgentSetup> {
    let id = section.required("id").and_then(|node| node.text());
    let mut text = |key: &'static str| {
        section
            .optional(key)
            .and_then(|node| node.text())
            .map(SmolStr::from)
    };
    let (name, email, phone, role, team) = (
        text("name"),
        text("email"),
        text("phone"),
        text("role"),
        text("team"),
    );
    let cities = section.optional("cities").map(|node| texts(&node));
    let zones = section.optional("zones").map(|node| texts(&node));
    let skills = section.optional("skills").map(|node| texts(&node));
    let hours = section.optional("hours").and_then(|node| node.text());
    let absences = section.optional("absences").map(|node| node.list());
    let absences = absences.map(|nodes| nodes.iter().filter_map(read_absence).collect());
    let capacity = section
        .optional("capacity")
        .and_then(|node| node.count(0..1_000_001));
    let available = section.optional("available").and_then(|node| node.bool());
    section.finish();
    Some(AgentSetup {
        agent: id?.into(),
        name,
        email,
        phone,
        role: role.map(Name::from),
        team: team.map(Name::from),
        cities,
        zones,
        skills,
        hours: hours.map(Name::from),
        absences,
        capacity,
        available,
    })
}

fn texts(node: &Node<'_>) -> Vec<SmolStr> {
    let nodes = node.list();
    let texts = nodes.iter().filter_map(|node| Some(node.text()?.into()));
    texts.collect()
}

/// `{ from = "2026-03-06T00:00:00-05:00", until = "2026-03-09T00:00:00-05:00" }`
fn read_absence(node: &Node<'_>) -> Option<Absence> {
    let mut section = node.section()?;
    let from = section.required("from").and_then(|node| instant(&node));
    let until = section.required("until").and_then(|node| instant(&node));
    section.finish();
    Some(Absence {
        from: from?,
        until: until?,
    })
}

fn read_step(
    mut section: Section<'_>,
    last_lead: &mut Option<SmolStr>,
    playbook: Option<&Playbook>,
) -> Option<Step> {
    let line = section.line();
    let at = section.optional("at").and_then(|node| instant(&node));
    if let Some(lead) = section.optional("lead").and_then(|node| node.text()) {
        *last_lead = Some(lead.into());
    }
    let doing = read_doing(&mut section, last_lead);
    let expected = match section.optional("expect").and_then(|node| node.section()) {
        Some(expect) => super::expect::read(expect, playbook),
        None => Vec::new(),
    };
    section.finish();
    Some(Step {
        at,
        doing: doing?,
        expected,
        lead: last_lead.clone(),
        line,
    })
}

const VERBS: [&str; 19] = [
    "register",
    "tried",
    "reached",
    "answered",
    "record",
    "move",
    "close",
    "reopen",
    "assign",
    "reassign",
    "hold",
    "release",
    "set",
    "complete",
    "unsubscribe",
    "retry",
    "set-up",
    "leave",
    "down-until",
];

fn read_doing(section: &mut Section<'_>, last_lead: &mut Option<SmolStr>) -> Option<Doing> {
    let mut said = Vec::new();
    for verb in VERBS {
        if let Some(node) = section.optional(verb) {
            said.push((verb, node));
        }
    }
    let (verb, node) = match said.as_slice() {
        [] => return Some(Doing::Look),
        [(verb, node)] => (*verb, node),
        [(one, _), (other, node), ..] => {
            let (one, other) = ((*one).into(), (*other).into());
            node.fault(
                FaultKind::Contradiction { one, other },
                Some("one thing happens in a step".into()),
            );
            return None;
        }
    };
    match verb {
        "down-until" => return instant(node).map(Doing::DownUntil),
        "set-up" => {
            let asked = Asked {
                by: Actor::host("set-up"),
                happened_at: None,
                id: None,
            };
            return Some(Doing::SetUp(Box::new(read_agent(node.section()?)?), asked));
        }
        _ => {}
    }
    if node.is_text() {
        let who = node.text().unwrap_or_default();
        let hint = format_smolstr!("write `{verb} = {{ by = \"{who}\" }}`");
        node.expected_or("a table", Some(hint));
        return None;
    }
    let mut section = node.section()?;
    let asked = read_asked(&mut section);
    let doing = if verb == "register" {
        let reference = section.required("ref").and_then(|node| node.text());
        let new = read_new_lead(&mut section);
        *last_lead = Some(reference?.into());
        Doing::Register(Box::new(new), asked)
    } else if verb == "leave" {
        Doing::Leave(Box::new(read_leaving(&mut section)?), asked)
    } else {
        Doing::Order(read_order(verb, &mut section)?, asked)
    };
    section.finish_with(|key| {
        let is_of_step = matches!(key, "at" | "lead" | "expect");
        is_of_step.then(|| format_smolstr!("`{key}` stands beside `{verb}`, not in it"))
    });
    Some(doing)
}

/// `agent = "ana", to = "digital", in = { care = "bea" }, else = "supervisors"`
fn read_leaving(section: &mut Section<'_>) -> Option<Leaving> {
    let (agent, to) = (text(section, "agent"), text(section, "to"));
    let mut leaving = Leaving::new(agent?, to?);
    if let Some(mut heirs) = section.optional("in").and_then(|node| node.section()) {
        for (pipeline, node) in heirs.rest() {
            leaving = leaving.in_pipeline(pipeline, node.text()?);
        }
    }
    if let Some(heir) = section.optional("else").and_then(|node| node.text()) {
        leaving = leaving.or_else(heir);
    }
    Some(leaving)
}

/// `by = "ana"`, `by = "host:web-form"`, or `by = "import:ana"`; the host, if nothing is said.
fn read_asked(section: &mut Section<'_>) -> Asked {
    let by = section.optional("by").and_then(|node| node.text());
    let by = match by {
        None => Actor::host("scenario"),
        Some(text) => Actor::said(text),
    };
    let happened_at = section
        .optional("happened-at")
        .and_then(|node| instant(&node));
    let id = section
        .optional("id")
        .and_then(|node| node.text())
        .map(SmolStr::from);
    Asked {
        by,
        happened_at,
        id,
    }
}

fn read_new_lead(section: &mut Section<'_>) -> NewLead {
    let mut text = |key: &'static str| {
        section
            .optional(key)
            .and_then(|node| node.text())
            .map(SmolStr::from)
    };
    let mut new = NewLead {
        name: text("name").unwrap_or_default(),
        email: text("email"),
        phone: text("phone"),
        source: text("source").map(Name::from),
        wait: text("wait").map(Name::from),
        owner: text("owner").map(|owner| owner.as_str().into()),
        ..NewLead::default()
    };
    new.wait_days = wait_days(section);
    new.fields = rest(section);
    new
}

fn text<'s>(section: &mut Section<'s>, key: &'static str) -> Option<&'s str> {
    section.required(key)?.text()
}

fn reason(section: &mut Section<'_>) -> Option<SmolStr> {
    section.optional("reason")?.text().map(SmolStr::from)
}

/// `wait = "three-to-six-months", wait-days = 120`
fn waiting(section: &mut Section<'_>) -> Option<Waiting> {
    let group = section.optional("wait").and_then(|node| node.text());
    let wait_days = wait_days(section);
    Some(Waiting {
        group: group?.into(),
        wait_days,
    })
}

fn wait_days(section: &mut Section<'_>) -> Option<u32> {
    section
        .optional("wait-days")
        .and_then(|node| node.count(0..1_000_001))
}

/// Whatever else stands in a table are fields of the playbook.
fn rest(section: &mut Section<'_>) -> Vec<(Name, Value)> {
    let values = section.rest().into_iter();
    values
        .filter_map(|(name, node)| Some((Name::from(name), node.value()?)))
        .collect()
}

fn read_order(verb: &str, section: &mut Section<'_>) -> Option<LeadOrder> {
    Some(match verb {
        "tried" => LeadOrder::Attempt { reached: false },
        "reached" => LeadOrder::Attempt { reached: true },
        "answered" => LeadOrder::Answered,
        "record" => LeadOrder::Record {
            activity: text(section, "activity")?.into(),
        },
        "move" => {
            let stage = text(section, "to")?.into();
            LeadOrder::MoveTo {
                stage,
                reason: reason(section),
                wait: waiting(section),
            }
        }
        "close" => {
            let stage = text(section, "as")?.into();
            LeadOrder::Close {
                stage,
                reason: reason(section),
            }
        }
        "reopen" => LeadOrder::Reopen {
            stage: text(section, "to")?.into(),
            wait: waiting(section),
        },
        "assign" => LeadOrder::Assign {
            pool: text(section, "pool")?.into(),
        },
        "reassign" => LeadOrder::Reassign {
            to: text(section, "to")?.into(),
        },
        "hold" => LeadOrder::Hold {
            hold: text(section, "as")?.into(),
        },
        "release" => LeadOrder::Release {
            hold: text(section, "from")?.into(),
        },
        "set" => {
            let fields = rest(section)
                .into_iter()
                .map(|(name, value)| (name, Some(value)))
                .collect();
            LeadOrder::SetFields { fields }
        }
        "complete" => {
            let task = text(section, "task")?.into();
            let choice = section
                .optional("choice")
                .and_then(|node| node.text())
                .map(Name::from);
            LeadOrder::Complete { task, choice }
        }
        "unsubscribe" => LeadOrder::Unsubscribe,
        "retry" => LeadOrder::Retry,
        other => {
            let kind = FaultKind::Scenario(format_smolstr!("nothing is known of `{other}`"));
            section.fault(kind, None);
            return None;
        }
    })
}
