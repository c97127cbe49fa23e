//! Reading scenarios from TOML, with all faults at once.

use std::cell::RefCell;

use smol_str::{SmolStr, format_smolstr};

use super::agents::{self, SetUp};
use super::names::{self, Names, Sort, is_empty, text_of};
use super::orders::{read_new_lead, read_order};
use super::refusals::{self, Refused};
use super::{Asked, Doing, Expected, Merging, Scenario, Step, expect, offsets, referrals, visits};
use crate::decide::command::{Actor, AgentSetup, Leaving};
use crate::ids::Name;
use crate::playbook::Playbook;
use crate::playbook::fault::{Fault, FaultKind, Faults};
use crate::playbook::load::{Folder, without_bom};
use crate::playbook::read::{Mended, Node, Section, Source, drop_echoes, the_first_stands_at};
use crate::time::Instant;
use crate::value::Value;

pub(super) fn read(folder: &Folder, playbook: Option<&Playbook>) -> Result<Vec<Scenario>, Faults> {
    let faults = RefCell::new(Vec::new());
    let mut agents: Vec<AgentSetup> = Vec::new();
    // Where each of them stands, for who defines it again.
    let mut places: Vec<SmolStr> = Vec::new();
    // Whether somebody stands there who can't be read.
    let mut is_unread = false;
    let mut scenarios = Vec::new();
    let names = names_in(folder, playbook);
    for (path, text) in &folder.scenarios {
        let file = Source::new(path.clone(), without_bom(text), &faults);
        let mended = Mended::of(&file);
        let file = file.mended(&mended);
        let table = file.table();
        let mut root = Section::new(&file, table.get_ref(), 0..0, SmolStr::default());
        if let Some(playbook) = playbook {
            offsets::check(&root, playbook);
        }
        for section in sections(&mut root, "agent") {
            let place = section.place_of("id");
            let stands_at = file.the_first_stands_at(section.start());
            let Some(agent) = agents::read(section, &names, SetUp::Shared) else {
                is_unread = true;
                continue;
            };
            let known = agents.iter().position(|known| known.agent == agent.agent);
            if let Some(first) = known.and_then(|known| places.get(known)) {
                let (sort, name) = ("agent", agent.agent.clone());
                let kind = FaultKind::DefinedTwice { sort, name };
                file.fault(place, kind, Some(first.clone()));
            }
            agents.push(agent);
            places.push(stands_at);
        }
        for section in sections(&mut root, "scenario") {
            let place = section.place_of("name");
            let Some(scenario) = read_scenario(section, &names) else {
                continue;
            };
            let mut known = scenarios.iter();
            if let Some(first) = known.find(|known: &&Scenario| known.name == scenario.name) {
                let hint = the_first_stands_at(&first.file, first.line);
                let (sort, name) = ("scenario", scenario.name.clone());
                file.fault(place, FaultKind::DefinedTwice { sort, name }, Some(hint));
            }
            scenarios.push(scenario);
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
        is_unread |= mended.is_left_open;
    }
    agents::tell_once_who_is_not_there(agents.is_empty(), is_unread, &mut faults);
    faults.sort_by(|a, b| (&a.file, a.span.start).cmp(&(&b.file, b.span.start)));
    Err(Faults(faults))
}

/// The names that all scenarios of a folder can use.
fn names_in<'a>(folder: &Folder, playbook: Option<&'a Playbook>) -> Names<'a> {
    let unheard = RefCell::new(Vec::new());
    let mut names = Names::new(playbook);
    for (path, text) in &folder.scenarios {
        let file = Source::new(path.clone(), without_bom(text), &unheard);
        let mended = Mended::of(&file);
        let file = file.mended(&mended);
        let table = file.table();
        let root = Section::new(&file, table.get_ref(), 0..0, SmolStr::default());
        names.add_agents(&root);
    }
    names
}

fn sections<'s>(section: &mut Section<'s>, key: &'static str) -> Vec<Section<'s>> {
    let nodes = section
        .optional(key)
        .map(|node| node.list())
        .unwrap_or_default();
    nodes.iter().filter_map(Node::section).collect()
}

fn read_scenario(mut section: Section<'_>, names: &Names<'_>) -> Option<Scenario> {
    let names = names.within(&section);
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
        .filter_map(|agent| agents::read(agent, &names, SetUp::Before))
        .collect();
    let mut last_lead = None;
    let mut now = start;
    let mut steps = Vec::new();
    let told = section.optional("step").map(|node| node.list());
    // Of what can't be read whole, the steps may be what can't.
    if told.is_none() && name.is_some() && start.is_some() {
        section.missing("step", None);
    }
    for step in told.iter().flatten().filter_map(Node::section) {
        steps.extend(read_step(step, &mut last_lead, &mut now, &names));
    }
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
    moment(node).map(Instant::from)
}

fn moment(node: &Node<'_>) -> Option<chrono::DateTime<chrono::FixedOffset>> {
    let unquoted = node.datetime();
    let text = match &unquoted {
        Some(text) => text.as_str(),
        None => node.text()?,
    };
    let parsed = text.parse().ok();
    if parsed.is_some() && unquoted.is_none() {
        return parsed;
    }
    if node.is_impossible(text) {
        return None;
    }
    let hint = match parsed {
        Some(_) => format_smolstr!("in quotes: `\"{text}\"`"),
        None => "in quotes and with its offset, as in `\"2026-03-06T16:30:00-05:00\"`".into(),
    };
    let (expected, found) = ("an instant with its offset, in quotes", text.into());
    node.fault(FaultKind::WrongType { expected, found }, Some(hint));
    None
}

fn read_step(
    mut section: Section<'_>,
    last_lead: &mut Option<SmolStr>,
    now: &mut Option<Instant>,
    names: &Names<'_>,
) -> Option<Step> {
    let line = section.line();
    let at = section.optional("at").and_then(|node| later(&node, now));
    if let Some(node) = section.optional("lead") {
        if let Some(lead) = node.text() {
            names.check(Sort::Lead, &node, lead);
            *last_lead = Some(lead.into());
        }
    }
    let refused = Refused::of(&section);
    refusals::check(&section, names);
    let named = Named {
        names,
        refused: &refused,
    };
    let doing = read_doing(&mut section, last_lead, now, &named);
    let expect = section.optional("expect");
    let expected = match expect.as_ref().and_then(Node::section) {
        Some(expect) => expect::read(expect, names),
        None => Vec::new(),
    };
    let is_told = doing
        .as_ref()
        .is_none_or(|doing| matches!(doing, Doing::Order(..)));
    if last_lead.is_none() && !is_told && expected.iter().any(Expected::is_of_a_lead) {
        expect.iter().for_each(no_lead);
    }
    section.finish();
    Some(Step {
        at,
        doing: doing?,
        expected,
        lead: last_lead.clone(),
        line,
    })
}

/// Says that a step is about a lead, and that none was spoken of.
fn no_lead(node: &Node<'_>) {
    let kind = FaultKind::Scenario("no lead was spoken of before this step".into());
    let hint = "register one in a step before it";
    node.at_its_key().fault(kind, Some(hint.into()));
}

/// How many years a step lets pass at most.
const MOST_YEARS: i64 = 10;

/// The instant until which a step lets time pass: never one that is over, nor one that is far away.
fn later(node: &Node<'_>, now: &mut Option<Instant>) -> Option<Instant> {
    let at = moment(node)?;
    if let Some(is) = now.filter(|now| at < *now) {
        let is = super::told::with_offset(is, *at.offset());
        let kind = FaultKind::Scenario(format_smolstr!(
            "this is in the past: it is {is} when this step begins"
        ));
        node.fault(kind, Some("steps stand in the order of their times".into()));
    }
    let years = now.map_or(0, |now| (at.to_utc() - now).num_days() / 365);
    if years > MOST_YEARS {
        let kind = FaultKind::Scenario(format_smolstr!(
            "this is {years} years after the step before, and {MOST_YEARS} are the most"
        ));
        let hint = "a scenario lives through all that is due on the way; take a nearer day";
        node.fault(kind, Some(hint.into()));
    }
    *now = Some(at.into());
    *now
}

/// The names of a scenario, and which of them a step expects to be refused for.
pub(super) struct Named<'a> {
    pub(super) names: &'a Names<'a>,
    pub(super) refused: &'a Refused,
}

impl Named<'_> {
    /// Whether the step expects to be refused, for whatever it is.
    pub(super) fn expects_refusal(&self) -> bool {
        self.refused.is_anything()
    }

    /// What `key` says, which must be a name of this sort.
    pub(super) fn required<'s>(
        &self,
        section: &mut Section<'s>,
        key: &'static str,
        sort: Sort,
    ) -> Option<&'s str> {
        let node = section.required(key)?;
        self.name(&node, key, sort)
    }

    /// The same, where nothing need be said.
    pub(super) fn optional<'s>(
        &self,
        section: &mut Section<'s>,
        key: &'static str,
        sort: Sort,
    ) -> Option<&'s str> {
        let node = section.optional(key)?;
        self.name(&node, key, sort)
    }

    fn name<'s>(&self, node: &Node<'s>, key: &str, sort: Sort) -> Option<&'s str> {
        let name = node.text()?;
        if !self.refused.is_for(sort, key) {
            self.names.check(sort, node, name);
        }
        Some(name)
    }

    /// Whatever else stands in a table are fields of the playbook.
    pub(super) fn fields(&self, section: &mut Section<'_>) -> Vec<(Name, Value)> {
        let fields = self.all_fields(section, |_| false).into_iter();
        fields
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// The same of what is changed: an empty text takes a field's value away.
    pub(super) fn changes(&self, section: &mut Section<'_>) -> Vec<(Name, Option<Value>)> {
        self.all_fields(section, is_empty)
    }

    fn all_fields(
        &self,
        section: &mut Section<'_>,
        is_none: impl Fn(&Node<'_>) -> bool,
    ) -> Vec<(Name, Option<Value>)> {
        let mut fields = Vec::new();
        for (name, node) in section.rest() {
            if let Some(hint) = beside(&name, &section.path) {
                let (key, section) = (name.into(), format_smolstr!("[{}]", section.path));
                let kind = FaultKind::UnknownKey { key, section };
                node.at_its_key().fault(kind, Some(hint));
                continue;
            }
            let may_be_unknown = self.refused.is_for(Sort::Field, &name);
            if !may_be_unknown {
                self.names
                    .check_field(&node.at_its_key(), &name, section.asked());
            }
            let value = match (is_none(&node), may_be_unknown) {
                (true, _) => Some(None),
                (false, true) => node.value().map(Some),
                (false, false) => self.names.value(&name, &node).map(Some),
            };
            fields.extend(value.map(|value| (Name::from(name), value)));
        }
        fields
    }
}

/// Where a key stands that is said of the step, and not of what happens in it.
fn beside(key: &str, path: &str) -> Option<SmolStr> {
    let is_of_step = matches!(key, "at" | "lead" | "expect");
    let verb = path.rsplit('.').next().unwrap_or_default();
    is_of_step.then(|| format_smolstr!("`{key}` stands beside `{verb}`, not in it"))
}

const VERBS: [&str; 37] = [
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
    "quote",
    "accept",
    "decline",
    "book",
    "rebook",
    "held",
    "no-show",
    "cancel",
    "feedback",
    "attach",
    "unsubscribe",
    "correct",
    "give-email",
    "retry",
    "set-up",
    "refer",
    "plan-visits",
    "record-visit",
    "leave",
    "merge",
    "unmerge",
    "distinguish",
    "down-until",
];

fn read_doing(
    section: &mut Section<'_>,
    last_lead: &mut Option<SmolStr>,
    now: &mut Option<Instant>,
    named: &Named<'_>,
) -> Option<Doing> {
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
        "down-until" => return later(node, now).map(Doing::DownUntil),
        "set-up" => {
            let asked = Asked {
                by: Actor::host("set-up"),
                happened_at: None,
                id: None,
            };
            let agent = agents::read(node.section()?, named.names, SetUp::InStep)?;
            return Some(Doing::SetUp(Box::new(agent), asked));
        }
        _ => {}
    }
    if node.is_text() {
        let who = node.text().unwrap_or_default();
        let key = said_of(verb);
        let hint = format_smolstr!("write `{verb} = {{ {key} = \"{who}\" }}`");
        node.expected_or("a table", Some(hint));
        return None;
    }
    let mut section = node.section()?;
    let asked = read_asked(&mut section, named);
    let doing = if verb == "register" {
        let reference = section.required("ref").and_then(|node| node.text());
        let new = read_new_lead(&mut section, named);
        // One without is told, and whatever is said behind it is of that lead.
        *last_lead = Some(reference.unwrap_or_default().into());
        Doing::Register(Box::new(new), asked)
    } else if verb == "refer" {
        let (names, refused) = (named.names, named.refused);
        let agent = referrals::read(&mut section, names, refused, &asked)?;
        Doing::Refer(agent, asked)
    } else if verb == "plan-visits" {
        Doing::PlanVisits(Box::new(visits::read_plan(&mut section, named)?), asked)
    } else if verb == "record-visit" {
        let (report, reference) = visits::read_report(&mut section, named)?;
        *last_lead = reference.or_else(|| last_lead.take());
        Doing::RecordVisit(Box::new(report), asked)
    } else if verb == "leave" {
        Doing::Leave(Box::new(read_leaving(&mut section)?), asked)
    } else if matches!(verb, "merge" | "unmerge" | "distinguish") {
        let merging = Merging::read(verb, &mut section, named)?;
        *last_lead = Some(merging.lead().clone());
        Doing::Merge(merging, asked)
    } else {
        // One inside of what happens is told as that, and meant.
        let inside = names::said(&section, "lead").filter(|_| last_lead.is_none());
        if let Some(lead) = inside {
            *last_lead = Some(text_of(&lead).unwrap_or_default());
        } else if last_lead.is_none() {
            no_lead(node);
        }
        Doing::Order(read_order(verb, &mut section, named)?, asked)
    };
    let path = section.path.clone();
    section.finish_with(|key| beside(key, &path));
    Some(doing)
}

/// What is said first of what happens, where one word is all that is said.
fn said_of(verb: &str) -> &'static str {
    match verb {
        "move" | "reopen" | "reassign" => "to",
        "close" | "hold" => "as",
        "release" => "from",
        "register" => "name",
        "record" => "activity",
        "assign" => "pool",
        "complete" => "task",
        "attach" => "document",
        "correct" => "name",
        "give-email" => "email",
        "leave" => "agent",
        "merge" => "from",
        "unmerge" | "distinguish" => "contact",
        "book" | "rebook" | "held" | "no-show" | "cancel" | "feedback" => "appointment",
        _ => "by",
    }
}

/// `agent = "ana", to = "digital", in = { care = "bea" }, else = "supervisors"`
fn read_leaving(section: &mut Section<'_>) -> Option<Leaving> {
    let mut said = |key| section.required(key).and_then(|node| node.text());
    let (agent, to) = (said("agent"), said("to"));
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
fn read_asked(section: &mut Section<'_>, named: &Named<'_>) -> Asked {
    let by = section.optional("by").and_then(|node| {
        let said = node.text()?;
        if !named.refused.is_for(Sort::Agent, "by") {
            named.names.check_actor(&node, said);
        }
        Some(Actor::said(said))
    });
    let by = by.unwrap_or_else(|| Actor::host("scenario"));
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
