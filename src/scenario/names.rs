//! The names that scenarios use, of the playbook's parts and of their own agents and leads: one that
//! there isn't is a fault where it stands, and not only when the scenario is played.

use smol_str::{SmolStr, format_smolstr};

use crate::hint::nearest;
use crate::letters::is_blank;
use crate::playbook::Playbook;
use crate::playbook::fault::FaultKind;
use crate::playbook::people::AgentList;
use crate::playbook::read::{Node, Section, did_you_mean};
use crate::playbook::rule::{Action, Whom};
use crate::value::Value;

/// What an agent is called in faults.
pub(super) const AGENT: &str = "agent";

/// What a lead of a scenario is called in faults.
pub(super) const LEAD: &str = "lead";

/// What a name can be the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Activity,
    Agent,
    Appointment,
    Choice,
    Document,
    FinalStage,
    Field,
    Hold,
    Lead,
    Level,
    Outcome,
    Pipeline,
    Pool,
    Role,
    Source,
    Stage,
    Task,
    Template,
    VisitResult,
    Wait,
}

impl Sort {
    fn word(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Agent => AGENT,
            Self::Appointment => "appointment",
            Self::Choice => "choice",
            Self::Document => "document",
            Self::FinalStage => "final stage",
            Self::Field => "field",
            Self::Hold => "hold",
            Self::Lead => LEAD,
            Self::Level => "service level",
            Self::Outcome => "outcome",
            Self::Pipeline => "pipeline",
            Self::Pool => "pool",
            Self::Role => "role",
            Self::Source => "source",
            Self::Stage => "stage",
            Self::Task => "task",
            Self::Template => "template",
            Self::VisitResult => "result of visits",
            Self::Wait => "wait group",
        }
    }
}

/// The names that there are; everything is one where no playbook says which.
pub(super) struct Names<'a> {
    pub(super) playbook: Option<&'a Playbook>,
    agents: Vec<SmolStr>,
    /// The teams of all agents.
    teams: Vec<SmolStr>,
    leads: Vec<SmolStr>,
}

impl<'a> Names<'a> {
    pub(super) fn new(playbook: Option<&'a Playbook>) -> Self {
        Self {
            playbook,
            agents: Vec::new(),
            teams: Vec::new(),
            leads: Vec::new(),
        }
    }

    /// Takes note of the agents of a file, who work in all scenarios.
    pub(super) fn add_agents(&mut self, root: &Section<'_>) {
        self.agents.extend(each(root, "agent", "id"));
        self.teams.extend(each(root, "agent", "team"));
    }

    /// These, and those of a scenario: its own agents, also those whom its steps set up, and its leads.
    pub(super) fn within(&self, scenario: &Section<'_>) -> Self {
        let steps = said(scenario, "step").map_or_else(Vec::new, |node| node.list());
        let steps: Vec<Section<'_>> = steps.iter().filter_map(quiet_section).collect();
        let of_steps = |verb, key| {
            let tables = steps.iter().filter_map(move |step| said(step, verb));
            tables.filter_map(move |table| text_of(&said(&quiet_section(&table)?, key)?))
        };
        let own = each(scenario, "agent", "id").into_iter();
        let teams = each(scenario, "agent", "team").into_iter();
        let set_up = steps.iter().filter_map(set_up_anew);
        Self {
            playbook: self.playbook,
            agents: self
                .agents
                .iter()
                .cloned()
                .chain(own)
                .chain(set_up)
                .collect(),
            teams: self.teams.iter().cloned().chain(teams).collect(),
            leads: of_steps("register", "ref")
                .chain(of_steps("record-visit", "ref"))
                .collect(),
        }
    }

    /// Reports a name that there isn't.
    pub(super) fn check(&self, sort: Sort, node: &Node<'_>, name: &str) {
        let Some(playbook) = self.playbook else {
            return;
        };
        let known = self.known(playbook, sort);
        if known.contains(&name) {
            return;
        }
        if sort == Sort::FinalStage {
            let stages = playbook.pipelines.iter().flat_map(|of| &of.stages);
            let ends_so = |outcome: &crate::ids::Name| *outcome == *name;
            let mut ends = stages.filter(|stage| stage.outcome.as_ref().is_some_and(ends_so));
            if let (Some(stage), None) = (ends.next(), ends.next()) {
                let (sort, name) = (sort.word(), name.into());
                let hint = format_smolstr!("did you mean `{}`?", stage.name);
                return node.fault(FaultKind::UnknownName { sort, name }, Some(hint));
            }
        }
        // `sales.lost`, as routes say it: in a scenario the lead's own pipeline is meant.
        let bare = name.rsplit('.').next().unwrap_or(name);
        if matches!(sort, Sort::Stage | Sort::FinalStage) && known.contains(&bare) {
            let (sort, name) = (sort.word(), name.into());
            let hint = format_smolstr!("did you mean `{bare}`?");
            return node.fault(FaultKind::UnknownName { sort, name }, Some(hint));
        }
        node.unknown(sort.word(), name, known.into_iter());
    }

    /// The same of a field, in whose place `others` could stand.
    pub(super) fn check_field(&self, node: &Node<'_>, name: &str, others: &[&str]) {
        let Some(playbook) = self.playbook else {
            return;
        };
        let fields = self.known(playbook, Sort::Field);
        if fields.contains(&name) {
            return;
        }
        // The others only where one of them is meant: there are too many to tell them all.
        let all = || fields.iter().chain(others).copied();
        match nearest(name, all()) {
            Some(_) => node.unknown(Sort::Field.word(), name, all()),
            None => node.unknown(Sort::Field.word(), name, fields.iter().copied()),
        }
    }

    /// Reports who acts, if it is an agent that there isn't: `ana` or `import:ana`.
    pub(super) fn check_actor(&self, node: &Node<'_>, said: &str) {
        let Some((before, behind)) = said.split_once(':') else {
            return self.check(Sort::Agent, node, said);
        };
        match before {
            "host" => {}
            "import" => self.check(Sort::Agent, node, behind),
            _ if self.playbook.is_some() => {
                let hint = did_you_mean(before, ["host", "import"]);
                let hint = hint.map_or_else(
                    || "who acts is an agent, `host:NAME` or `import:AGENT`".into(),
                    |hint| SmolStr::from(hint.replace("`?", &format!(":{behind}`?"))),
                );
                let (sort, name) = (Sort::Agent.word(), said.into());
                node.fault(FaultKind::UnknownName { sort, name }, Some(hint));
            }
            _ => {}
        }
    }

    /// The value of a field, as the playbook writes it; reports one that the field can't have.
    pub(super) fn value(&self, field: &str, node: &Node<'_>) -> Option<Value> {
        let field = self
            .playbook
            .and_then(|playbook| playbook.field(&field.into()));
        match field {
            Some(field) => node.value_of(field),
            None => node.value(),
        }
    }

    /// The same; an empty text is none at all.
    pub(super) fn value_or_none(&self, field: &str, node: &Node<'_>) -> Option<Option<Value>> {
        match is_empty(node) {
            true => Some(None),
            false => self.value(field, node).map(Some),
        }
    }

    /// Reports a calendar that there is not; an empty text takes an agent's own hours away.
    pub(super) fn check_hours(&self, node: &Node<'_>, hours: &str) {
        let Some(playbook) = self.playbook.filter(|_| !is_blank(hours)) else {
            return;
        };
        let known = || playbook.calendars.iter().map(|known| known.name.as_str());
        if !known().any(|known| known == hours) {
            node.unknown("calendar", hours, known());
        }
    }

    /// Reports a team that there is not, where the playbook says which there are and it `must_be` one; or
    /// one that resembles a team whom the playbook tells something, where nobody is in that.
    pub(super) fn check_team(&self, node: &Node<'_>, team: &str, must_be: bool) {
        let declared = || {
            let teams = self.playbook.into_iter().flat_map(|known| &known.teams);
            teams.map(|team| team.name.as_str())
        };
        if must_be && !is_blank(team) && declared().next().is_some() {
            if !declared().any(|known| known == team) {
                node.unknown("team", team, declared());
            }
            return;
        }
        let actions = self.playbook.into_iter().flat_map(Playbook::actions);
        let told: Vec<&str> = actions
            .filter_map(|action| match action {
                Action::Notify {
                    whom: Whom::Team(team),
                    ..
                } => Some(team.as_str()),
                _ => None,
            })
            .collect();
        let meant = nearest(team, told.iter().copied());
        let is_slip = meant.is_some_and(|meant| !self.teams.iter().any(|team| team == meant));
        if is_slip && !told.contains(&team) {
            node.unknown("team", team, told.into_iter());
        }
    }

    /// Reports cities that no lead can have, where the field that pools match is a choice.
    pub(super) fn check_city(&self, node: &Node<'_>) {
        let Some(playbook) = self.playbook else {
            return;
        };
        let matched = playbook
            .pools
            .iter()
            .flat_map(|pool| &pool.matches)
            .filter(|matched| matched.list == AgentList::Cities);
        let fields = matched.filter_map(|matched| playbook.field(&matched.field));
        let choices: Vec<&SmolStr> = fields.flat_map(|field| &field.choices).collect();
        let Some(city) = node.text().filter(|_| !choices.is_empty()) else {
            return;
        };
        if !choices
            .iter()
            .any(|choice| crate::value::folded_eq(choice, city))
        {
            node.unknown("city", city, choices.iter().map(|choice| choice.as_str()));
        }
    }

    /// Reports a condition that can't be asked of leads.
    pub(super) fn check_condition(&self, node: &Node<'_>, text: &str) {
        let Some(Err(faults)) = self.playbook.map(|playbook| playbook.condition(text)) else {
            return;
        };
        for fault in faults {
            let hint = fault
                .hint
                .map(|hint| format_smolstr!("did you mean `{hint}`?"));
            node.at_its_key()
                .fault(FaultKind::Condition(fault.kind), hint);
        }
    }

    /// Reports a choice that a task doesn't offer.
    pub(super) fn check_choice(&self, task: &str, node: &Node<'_>) {
        let task = self
            .playbook
            .and_then(|playbook| playbook.task(&task.into()));
        if let Some(task) = task {
            node.known("choice", task.choices.iter().map(|choice| &choice.name));
        }
    }

    /// Reports the names in an expectation that there aren't.
    pub(super) fn check_expected(&self, expect: &Section<'_>) {
        for (sort, keys) in EXPECTED {
            for node in keys.iter().filter_map(|key| said(expect, key)) {
                self.check_each(*sort, &node);
            }
        }
        // The organisation is told by its address.
        if let Some(node) = said(expect, "mailed-as").filter(|node| !is_address(node)) {
            self.check_each(Sort::Agent, &node);
        }
        for (_, node) in said(expect, "task-for").iter().flat_map(keyed) {
            match text_of(&node) {
                Some(who) if who.starts_with("team:") || self.agents.contains(&who) => {}
                Some(who) if who != "owner" => self.check(Sort::Role, &node, &who),
                _ => {}
            }
        }
        for (condition, node) in said(expect, "count").iter().flat_map(keyed) {
            self.check_condition(&node, &condition);
        }
    }

    /// Reports names that there aren't among the keys of a table, or the texts of a list.
    fn check_each(&self, sort: Sort, node: &Node<'_>) {
        if node.is_table() {
            for (name, node) in keyed(node) {
                self.check(sort, &node.at_its_key(), &name);
            }
            return;
        }
        for node in node.list() {
            if let Some(name) = text_of(&node) {
                self.check(sort, &node, &name);
            }
        }
    }

    fn known<'n>(&'n self, playbook: &'n Playbook, sort: Sort) -> Vec<&'n str> {
        fn texts<'n>(names: impl Iterator<Item = &'n crate::ids::Name>) -> Vec<&'n str> {
            names.map(crate::ids::Name::as_str).collect()
        }
        let stages = || playbook.pipelines.iter().flat_map(|of| &of.stages);
        match sort {
            Sort::Activity => texts(playbook.activities.iter().map(|of| &of.name)),
            Sort::Appointment => texts(playbook.appointments.iter().map(|of| &of.name)),
            Sort::Agent => self.agents.iter().map(SmolStr::as_str).collect(),
            Sort::Choice => {
                let choices = playbook.tasks.iter().flat_map(|task| &task.choices);
                texts(choices.map(|choice| &choice.name))
            }
            Sort::Document => texts(playbook.documents.iter().map(|of| &of.name)),
            Sort::FinalStage => {
                let ends = stages().filter(|stage| stage.outcome.is_some());
                texts(ends.map(|stage| &stage.name))
            }
            Sort::Field => texts(playbook.fields.iter().map(|field| &field.name)),
            Sort::Hold => texts(playbook.holds.iter()),
            Sort::Lead => self.leads.iter().map(SmolStr::as_str).collect(),
            Sort::Level => {
                let levels = playbook.tasks.iter().filter(|task| task.is_service_level);
                texts(levels.map(|task| &task.name))
            }
            Sort::Outcome => texts(stages().filter_map(|stage| stage.outcome.as_ref())),
            Sort::Pipeline => texts(playbook.pipelines.iter().map(|of| &of.name)),
            Sort::Pool => texts(playbook.pools.iter().map(|pool| &pool.name)),
            Sort::Role => texts(playbook.roles.iter().map(|role| &role.name)),
            Sort::Source => texts(playbook.sources.iter().map(|source| &source.name)),
            Sort::Stage => texts(stages().map(|stage| &stage.name)),
            Sort::Task => texts(playbook.tasks.iter().map(|task| &task.name)),
            Sort::Template => texts(playbook.templates.names()),
            Sort::VisitResult => {
                let results = playbook.visits.iter().flat_map(|visits| &visits.results);
                texts(results.map(|result| &result.name))
            }
            Sort::Wait => texts(playbook.waits.iter().map(|wait| &wait.name)),
        }
    }
}

/// Whether an empty text stands there.
pub(super) fn is_empty(node: &Node<'_>) -> bool {
    node.is_text() && node.text() == Some("")
}

fn is_address(node: &Node<'_>) -> bool {
    text_of(node).is_some_and(|text| text.contains('@'))
}

/// Whose names the words of an expectation are.
const EXPECTED: &[(Sort, &[&str])] = &[
    (
        Sort::Agent,
        &[
            "owner",
            "ranked",
            "earlier-owners",
            "passed-over",
            "referrer",
        ],
    ),
    (Sort::Appointment, &["appointment"]),
    (Sort::Document, &["documents"]),
    (Sort::Field, &["fields"]),
    (
        Sort::Lead,
        &["same-lead-as", "same-contact-as", "duplicates"],
    ),
    (Sort::Level, &["sla"]),
    (Sort::Outcome, &["outcome"]),
    (Sort::Pipeline, &["pipeline"]),
    (Sort::Role, &["notified"]),
    (Sort::Stage, &["stage"]),
    (Sort::Task, &["task", "tasks", "task-for"]),
    (Sort::Template, &["mailed", "queued", "dropped"]),
];

/// What each of some tables says under a key.
fn each(section: &Section<'_>, tables: &str, key: &str) -> Vec<SmolStr> {
    let tables = said(section, tables).map_or_else(Vec::new, |node| node.list());
    let tables = tables.iter().filter_map(quiet_section);
    tables
        .filter_map(|table| text_of(&said(&table, key)?))
        .collect()
}

/// Whom a step makes an agent: it says what an agent needs, and does not only change one.
fn set_up_anew(step: &Section<'_>) -> Option<SmolStr> {
    let agent = quiet_section(&said(step, "set-up")?)?;
    let is_whole = ["name", "email", "role"]
        .iter()
        .any(|key| said(&agent, key).is_some());
    text_of(&said(&agent, "id")?).filter(|_| is_whole)
}

/// What stands under a key, which is looked at beforehand and read later.
pub(super) fn said<'s>(section: &Section<'s>, key: &str) -> Option<Node<'s>> {
    let mut all = section.keyed().into_iter();
    all.find(|(known, _)| known == key).map(|(_, node)| node)
}

pub(super) fn quiet_section<'s>(node: &Node<'s>) -> Option<Section<'s>> {
    node.is_table().then(|| node.section()).flatten()
}

pub(super) fn text_of(node: &Node<'_>) -> Option<SmolStr> {
    let text = node.is_text().then(|| node.text()).flatten();
    text.map(SmolStr::from)
}

pub(super) fn keyed<'s>(node: &Node<'s>) -> Vec<(String, Node<'s>)> {
    quiet_section(node).map_or_else(Vec::new, |section| section.keyed())
}
