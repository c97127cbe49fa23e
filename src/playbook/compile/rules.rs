//! `[[rule]]` and its friendly short forms `sla`, `ageing`, `wait` and `reminder`; and `[task.*]`.
//! Behind this door there are only rules and tasks.

use smol_str::{SmolStr, format_smolstr};

use super::{Names, label_of, templates};
use crate::condition::Condition;
use crate::ids::Name;
use crate::playbook::delay::Delay;
use crate::playbook::fault::FaultKind;
use crate::playbook::pipeline::{Choice, TaskSpec};
use crate::playbook::read::{Node, Section};
use crate::playbook::rule::{
    Action, Anchor, Fingerprint, Late, Leads, NamedCalendar, Period, Rule, Scope, StageRef,
    StoppedBy,
};
use crate::playbook::template::Templates;

/// The names of all tasks: those of `[task.*]`, and one for each service level.
pub(super) fn task_names(root: &mut Section<'_>) -> Vec<Name> {
    let mut names = super::names_of(root, "task");
    names.extend(super::names_of(root, "sla"));
    names
}

pub(super) fn read(
    root: &mut Section<'_>,
    names: &Names,
    templates: &mut Templates,
) -> (Vec<TaskSpec>, Vec<Rule>) {
    let mut reader = Reader {
        names,
        templates,
        tasks: Vec::new(),
        rules: Vec::new(),
    };
    for (name, section) in root.sections("task") {
        reader.task(name, section);
    }
    for (name, section) in root.sections("sla") {
        reader.sla(&name, section);
    }
    for (name, section) in root.sections("wait") {
        reader.wait(&name, section);
    }
    for (name, section) in root.sections("ageing") {
        reader.ageing(&name, section);
    }
    for (name, section) in root.sections("reminder") {
        reader.reminder(&name, section);
    }
    let nodes = root
        .optional("rule")
        .map(|node| node.list())
        .unwrap_or_default();
    for section in nodes.iter().filter_map(Node::section) {
        reader.rule(section);
    }
    (reader.tasks, reader.rules)
}

struct Reader<'a> {
    names: &'a Names,
    templates: &'a mut Templates,
    tasks: Vec<TaskSpec>,
    rules: Vec<Rule>,
}

impl Reader<'_> {
    fn add(&mut self, section: &Section<'_>, rule: Rule) {
        if self.rules.iter().any(|known| known.name == rule.name) {
            section.fault(
                FaultKind::DefinedTwice {
                    sort: "rule",
                    name: rule.name.as_str().into(),
                },
                None,
            );
        }
        let task = match &rule.anchor {
            Anchor::Overdue(task) => self.tasks.iter().find(|spec| spec.name == *task),
            _ => None,
        };
        self.rules.push(rule.fingerprinted(task));
    }

    /// Adds a rule once for each delay, named after it: `lead-is-old.5-days`.
    fn add_for_each(
        &mut self,
        section: &Section<'_>,
        rule: &Rule,
        delays: impl Iterator<Item = Delay>,
    ) {
        for delay in delays {
            let name = Name::from(format_smolstr!("{}.{}", rule.name, dashed(&delay)));
            let rule = Rule {
                name,
                delay,
                ..rule.clone()
            };
            self.add(section, rule);
        }
    }

    /// The long form.
    fn rule(&mut self, mut section: Section<'_>) {
        let name = section.required("name").and_then(|node| {
            let text = node.text()?;
            if !crate::playbook::read::is_name(text) {
                node.fault(
                    FaultKind::BadName {
                        sort: "a rule",
                        name: text.into(),
                    },
                    None,
                );
            }
            Some(Name::from(text))
        });
        let mut scope = self.scope(&mut section);
        let anchor = self.anchor(&mut section, &mut scope);
        let delay = section.optional("after").and_then(|node| node.delay());
        let every = self.period(&mut section);
        let stopped_by = self.stopped_by(&mut section, anchor.as_ref());
        let late = late(&mut section);
        let calendar = self.calendar(&mut section);
        let (only_if, until) = (self.only_if(&mut section), self.until(&mut section));
        let actions = section
            .required("do")
            .map(|node| self.names.actions(&node))
            .unwrap_or_default();
        if let (Some(name), Some(anchor)) = (name, anchor) {
            let delay = delay.unwrap_or(Delay::NONE);
            let rule = Rule {
                name,
                scope,
                anchor,
                delay,
                every,
                only_if,
                until,
                stopped_by,
                late,
                calendar,
                actions,
                fingerprint: Fingerprint::default(),
            };
            self.add(&section, rule);
        }
        section.finish();
    }

    /// A service level: a task with a countdown, and what happens when it is not kept.
    fn sla(&mut self, name: &Name, mut section: Section<'_>) {
        let mut scope = self.scope(&mut section);
        let anchor = self.anchor(&mut section, &mut scope);
        let only_if = self.only_if(&mut section);
        let calendar = self.calendar(&mut section);
        let stopped_by = self.stopped_by(&mut section, anchor.as_ref());
        let within = section
            .required("within")
            .and_then(|node| node.forward_delay());
        let done = section
            .required("done")
            .and_then(|node| node.condition(&self.names.lead_catalogue()));
        let role = section
            .optional("for")
            .and_then(|node| self.assignee(&node))
            .flatten();
        let text = match section.required("task") {
            Some(node) => self.task_text(name, &node),
            None => SmolStr::default(),
        };
        let late_actions = section
            .optional("late")
            .map(|node| self.names.actions(&node))
            .unwrap_or_default();
        let ends_with_owner = anchor == Some(Anchor::Assigned);
        self.tasks.push(TaskSpec {
            name: name.clone(),
            text,
            role,
            within,
            calendar: calendar.clone(),
            stopped_by: stopped_by.clone(),
            done,
            choices: Vec::new(),
            ends_with_owner,
            is_service_level: true,
            outlives_lead: false,
        });
        if let Some(anchor) = anchor {
            let opens = Rule {
                name: name.clone(),
                scope: scope.clone(),
                anchor,
                delay: Delay::NONE,
                every: None,
                only_if,
                until: None,
                stopped_by: stopped_by.clone(),
                late: within.map_or(Late::Fire, Late::FireWithin),
                calendar: calendar.clone(),
                actions: vec![Action::Task(name.clone())],
                fingerprint: Fingerprint::default(),
            };
            self.add(&section, opens);
        }
        if !late_actions.is_empty() {
            let missed = Rule {
                name: Name::from(format_smolstr!("{name}.late")),
                scope: Scope::default(),
                anchor: Anchor::Overdue(name.clone()),
                delay: Delay::NONE,
                every: None,
                only_if: None,
                until: None,
                stopped_by,
                late: Late::Skip,
                calendar,
                actions: late_actions,
                fingerprint: Fingerprint::default(),
            };
            self.add(&section, missed);
        }
        section.finish();
    }

    /// Alerts at some ages of a lead that is still where it was.
    fn ageing(&mut self, name: &Name, mut section: Section<'_>) {
        let scope = self.scope(&mut section);
        let only_if = self.only_if(&mut section);
        let calendar = self.calendar(&mut section);
        let late = late(&mut section);
        let on = [
            ("registered", Anchor::Registered),
            ("entered", Anchor::Entered),
        ];
        let on_words: Vec<(&'static str, usize)> = on
            .iter()
            .enumerate()
            .map(|(i, (word, _))| (*word, i))
            .collect();
        let anchor = section
            .optional("since")
            .and_then(|node| node.word(&on_words));
        let anchor = on[anchor.unwrap_or(0)].1.clone();
        let stopped_by = self.stopped_by(&mut section, Some(&anchor));
        let ages = section
            .required("after")
            .map(|node| node.list())
            .unwrap_or_default();
        let actions = section
            .required("do")
            .map(|node| self.names.actions(&node))
            .unwrap_or_default();
        let rule = Rule {
            name: name.clone(),
            scope,
            anchor,
            delay: Delay::NONE,
            every: None,
            only_if,
            until: None,
            stopped_by,
            late,
            calendar,
            actions,
            fingerprint: Fingerprint::default(),
        };
        let delays = ages.iter().filter_map(Node::forward_delay);
        self.add_for_each(&section, &rule, delays);
        section.finish();
    }

    /// A wait group: the first contact when the lead's own wait is over, and then again and again.
    ///
    /// The first contact is what was agreed, so `until` ends only what comes after it. One that
    /// starts late may be caught up; what comes after it keeps to its times.
    fn wait(&mut self, name: &Name, mut section: Section<'_>) {
        let _ = label_of(&mut section, name);
        section.optional("wait");
        let stopped_by = self.stopped_by(&mut section, Some(&Anchor::Entered));
        let until = self.until(&mut section);
        let late = late(&mut section);
        let first = section
            .required("first")
            .map(|node| self.names.actions(&node))
            .unwrap_or_default();
        let scope = Scope {
            stages: self.names.waiting_stages.clone(),
            wait: Some(name.clone()),
            leads: Leads::Open,
        };
        let rule = Rule {
            name: Name::from(format_smolstr!("{name}.first")),
            scope,
            anchor: Anchor::Entered,
            delay: Delay::OwnWait,
            every: None,
            only_if: None,
            until: None,
            stopped_by,
            late,
            calendar: self.names.default_calendar.clone(),
            actions: first,
            fingerprint: Fingerprint::default(),
        };
        if let Some(mut every) = section.optional("every").and_then(|node| node.section()) {
            let length = every
                .required("after")
                .and_then(|node| period_length(&node));
            let actions = every
                .required("do")
                .map(|node| self.names.actions(&node))
                .unwrap_or_default();
            every.finish();
            if let Some(length) = length {
                let again = Rule {
                    name: Name::from(format_smolstr!("{name}.every")),
                    until,
                    late: Late::Skip,
                    every: Some(Period {
                        length,
                        first: 1,
                        at_most: None,
                    }),
                    actions,
                    ..rule.clone()
                };
                self.add(&section, again);
            }
        }
        self.add(&section, rule);
        section.finish();
    }

    /// Something at some times before or after a date in a field.
    fn reminder(&mut self, name: &Name, mut section: Section<'_>) {
        let scope = self.scope(&mut section);
        let field = section
            .required("of")
            .and_then(|node| self.dated_field(&node));
        let anchor = field.map(Anchor::Field);
        let only_if = self.only_if(&mut section);
        let calendar = self.calendar(&mut section);
        let late = late(&mut section);
        let stopped_by = self.stopped_by(&mut section, anchor.as_ref());
        let times = section
            .required("at")
            .map(|node| node.list())
            .unwrap_or_default();
        let actions = section
            .required("do")
            .map(|node| self.names.actions(&node))
            .unwrap_or_default();
        if let Some(anchor) = anchor {
            let rule = Rule {
                name: name.clone(),
                scope,
                anchor,
                delay: Delay::NONE,
                every: None,
                only_if,
                until: None,
                stopped_by,
                late,
                calendar,
                actions,
                fingerprint: Fingerprint::default(),
            };
            self.add_for_each(&section, &rule, times.iter().filter_map(Node::delay));
        }
        section.finish();
    }

    fn task(&mut self, name: Name, mut section: Section<'_>) {
        if self.tasks.iter().any(|task| task.name == name) {
            section.fault(
                FaultKind::DefinedTwice {
                    sort: "task",
                    name: name.as_str().into(),
                },
                None,
            );
        }
        let text = match section.required("text") {
            Some(node) => self.task_text(&name, &node),
            None => SmolStr::default(),
        };
        let role = section
            .optional("for")
            .and_then(|node| self.assignee(&node))
            .flatten();
        let within = section
            .optional("within")
            .and_then(|node| node.forward_delay());
        let calendar = self.calendar(&mut section);
        let stopped_by = self.stopped_by(&mut section, None);
        let done = section
            .optional("done")
            .and_then(|node| node.condition(&self.names.lead_catalogue()));
        let outlives_lead = section
            .optional("outlives-lead")
            .and_then(|node| node.bool());
        let mut choices = Vec::new();
        if let Some(mut all) = section.optional("choices").and_then(|node| node.section()) {
            for (choice, node) in all.entries("a choice") {
                choices.extend(self.choice(choice, &node));
            }
        }
        section.finish();
        self.tasks.push(TaskSpec {
            name,
            text,
            role,
            within,
            calendar,
            stopped_by,
            done,
            choices,
            ends_with_owner: false,
            is_service_level: false,
            outlives_lead: outlives_lead.unwrap_or(false),
        });
    }

    fn choice(&mut self, name: Name, node: &Node<'_>) -> Option<Choice> {
        let mut section = node.section()?;
        let label = label_of(&mut section, &name);
        let actions = section
            .optional("do")
            .map(|node| self.names.actions(&node))
            .unwrap_or_default();
        section.finish();
        Some(Choice {
            name,
            label,
            actions,
        })
    }

    fn task_text(&mut self, task: &Name, node: &Node<'_>) -> SmolStr {
        let Some(text) = node.text() else {
            return SmolStr::default();
        };
        let part = format!("{task}.task");
        match self.templates.add(part.clone(), text.to_owned()) {
            Ok(()) => {
                for variable in
                    templates::unknown_variables(self.templates, &part, &self.names.fields)
                {
                    let hint = templates::near(&variable, &self.names.fields);
                    node.fault(
                        FaultKind::UnknownVariable {
                            variable: variable.into(),
                        },
                        hint,
                    );
                }
            }
            Err(error) => {
                node.fault(
                    FaultKind::Template(crate::playbook::template::told(&error)),
                    None,
                );
            }
        }
        text.into()
    }

    fn scope(&mut self, section: &mut Section<'_>) -> Scope {
        let pipeline = section
            .optional("pipeline")
            .and_then(|node| node.known("pipeline", &self.names.pipelines));
        let nodes = section
            .optional("stage")
            .map(|node| node.list())
            .unwrap_or_default();
        let mut stages: Vec<StageRef> = nodes
            .iter()
            .filter_map(|node| self.names.stage(node, pipeline.as_ref()))
            .collect();
        if let Some(pipeline) = pipeline.filter(|_| stages.is_empty()) {
            let all = self.names.stages.iter();
            stages = all
                .filter(|at| at.pipeline == pipeline && !self.names.is_final(at))
                .cloned()
                .collect();
        }
        let all_final = !stages.is_empty() && stages.iter().all(|at| self.names.is_final(at));
        let leads = if all_final {
            Leads::Closed
        } else {
            Leads::Open
        };
        Scope {
            stages,
            wait: None,
            leads,
        }
    }

    /// `on = "entered lost"`, or `when = 'condition'`.
    fn anchor(&mut self, section: &mut Section<'_>, scope: &mut Scope) -> Option<Anchor> {
        let when = section.optional("when");
        let on = section.optional("on");
        let node = match (on, when) {
            (Some(_), Some(node)) => {
                node.fault(
                    FaultKind::Contradiction {
                        one: "on".into(),
                        other: "when".into(),
                    },
                    None,
                );
                return None;
            }
            (None, Some(node)) => {
                return node
                    .condition(&self.names.lead_catalogue())
                    .map(Anchor::Turns);
            }
            (None, None) => section.required("on")?,
            (Some(node), None) => node,
        };
        let text = node.text()?;
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match (word, rest.trim()) {
            ("registered", "") => Some(Anchor::Registered),
            ("assigned", "") => Some(Anchor::Assigned),
            ("answered", "") => Some(Anchor::Answered),
            ("attempted", "") => Some(Anchor::Attempted),
            ("closed", "") => {
                scope.leads = Leads::Closed;
                Some(Anchor::Closed)
            }
            ("entered", "") => Some(Anchor::Entered),
            ("entered", stage) => {
                let at = self.names.stage_named(&node, stage, None)?;
                scope.leads = if self.names.is_final(&at) {
                    Leads::Closed
                } else {
                    Leads::Open
                };
                scope.stages = vec![at];
                Some(Anchor::Entered)
            }
            ("field", field) => {
                let fields = &self.names.fields;
                let found = fields.iter().find(|known| known.name == *field);
                if found.is_none() {
                    node.unknown(
                        "field",
                        field,
                        fields.iter().map(|field| field.name.as_str()),
                    );
                }
                Some(Anchor::Field(found?.name.clone()))
            }
            ("overdue", task) => {
                let found = self.names.tasks.iter().find(|known| **known == *task);
                if found.is_none() {
                    node.unknown("task", task, self.names.tasks.iter().map(Name::as_str));
                }
                if self
                    .tasks
                    .iter()
                    .any(|spec| spec.name == *task && spec.outlives_lead)
                {
                    scope.leads = Leads::All;
                }
                Some(Anchor::Overdue(found?.clone()))
            }
            _ => {
                let said = ANCHORS.map(|(word, of)| format!("{word} {of}"));
                let said = said.each_ref().map(|said| said.trim_end());
                let kind = FaultKind::UnknownWord {
                    word: text.into(),
                    among: said.join(", ").into(),
                };
                let words = ANCHORS.map(|(word, _)| word);
                node.fault(kind, crate::playbook::read::did_you_mean(word, words));
                None
            }
        }
    }

    fn dated_field(&self, node: &Node<'_>) -> Option<Name> {
        use crate::value::ValueType::{Date, Instant};
        let text = node.text()?;
        let fields = &self.names.fields;
        let Some(field) = fields.iter().find(|field| field.name == *text) else {
            node.unknown(
                "field",
                text,
                fields.iter().map(|field| field.name.as_str()),
            );
            return None;
        };
        if !matches!(field.value_type, Date | Instant) {
            let found = format_smolstr!("{}", field.value_type);
            node.fault(
                FaultKind::WrongType {
                    expected: "a field that is a date or an instant",
                    found,
                },
                None,
            );
            return None;
        }
        Some(field.name.clone())
    }

    fn period(&mut self, section: &mut Section<'_>) -> Option<Period> {
        let at_most = section
            .optional("at-most")
            .and_then(|node| node.count(1..1_000_001));
        let length = section
            .optional("every")
            .and_then(|node| period_length(&node))?;
        Some(Period {
            length,
            first: 0,
            at_most,
        })
    }

    /// Dates come when they come; whatever else is stopped by every hold, if nothing is said.
    fn stopped_by(&mut self, section: &mut Section<'_>, anchor: Option<&Anchor>) -> StoppedBy {
        let Some(node) = section.optional("stopped-by") else {
            return match anchor {
                Some(Anchor::Field(_)) => StoppedBy::Named(Vec::new()),
                _ => StoppedBy::Any,
            };
        };
        let nodes = node.list();
        StoppedBy::Named(
            nodes
                .iter()
                .filter_map(|node| node.known("hold", &self.names.holds))
                .collect(),
        )
    }

    fn calendar(&mut self, section: &mut Section<'_>) -> NamedCalendar {
        let named = section.optional("calendar").and_then(|node| {
            let known = self.names.calendars.iter().map(|calendar| &calendar.name);
            let name = node.known("calendar", known.collect::<Vec<_>>())?;
            self.names.calendars.iter().find(|known| known.name == name)
        });
        named.unwrap_or(&self.names.default_calendar).clone()
    }

    /// `if` and `unless` as one condition.
    fn only_if(&mut self, section: &mut Section<'_>) -> Option<Condition> {
        let catalogue = self.names.lead_catalogue();
        let holds = section
            .optional("if")
            .and_then(|node| node.condition(&catalogue));
        let fails = section
            .optional("unless")
            .and_then(|node| node.condition(&catalogue));
        let text = match (holds, fails) {
            (holds, None) => return holds,
            (None, Some(fails)) => format!("not ({fails})"),
            (Some(holds), Some(fails)) => format!("({holds}) and not ({fails})"),
        };
        Condition::parse(&text, &catalogue).ok()
    }

    fn until(&mut self, section: &mut Section<'_>) -> Option<Condition> {
        section
            .optional("until")?
            .condition(&self.names.lead_catalogue())
    }

    /// `for = "owner"`, or a role.
    fn assignee(&self, node: &Node<'_>) -> Option<Option<Name>> {
        if node.is_text() && node.text() == Some("owner") {
            return Some(None);
        }
        node.known("role", &self.names.roles).map(Some)
    }
}

/// What a rule can count from, and of what.
const ANCHORS: [(&str, &str); 8] = [
    ("registered", ""),
    ("assigned", ""),
    ("entered", "STAGE"),
    ("answered", ""),
    ("attempted", ""),
    ("closed", ""),
    ("field", "NAME"),
    ("overdue", "TASK"),
];

fn late(section: &mut Section<'_>) -> Late {
    let Some(node) = section.optional("late-start") else {
        return Late::Skip;
    };
    match node.text() {
        Some("skip") | None => Late::Skip,
        Some("fire") => Late::Fire,
        Some(_) => node.elapsed().map_or(Late::Skip, Late::Spread),
    }
}

fn period_length(node: &Node<'_>) -> Option<Delay> {
    let length = node.forward_delay()?;
    if length.is_zero() || length == Delay::OwnWait {
        node.unfit("a period must have a length of its own");
        return None;
    }
    Some(length)
}

fn dashed(delay: &Delay) -> SmolStr {
    delay.to_string().replace(' ', "-").into()
}
