//! `[[rule]]` and its friendly short forms `law`, `sla`, `ageing`, `wait` and `reminder`. Behind this door
//! there are only rules and tasks.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use smol_str::{SmolStr, format_smolstr};

use super::parts::{late, period_length};
use super::{Names, label_of};
use crate::ids::Name;
use crate::playbook::delay::Delay;
use crate::playbook::fault::FaultKind;
use crate::playbook::fingerprint::Fingerprint;
use crate::playbook::law::Law;
use crate::playbook::pipeline::TaskSpec;
use crate::playbook::read::{Node, Section};
use crate::playbook::rule::{
    Action, Anchor, BusinessTime, Late, Leads, OnHandOver, Period, Rule, Scope, StoppedBy,
};
use crate::playbook::template::Templates;
use crate::playbook::work::AppointmentSpec;

pub(super) fn read(
    root: &mut Section<'_>,
    names: &Names,
    laws: &[Law],
    templates: &mut Templates,
) -> (Vec<TaskSpec>, Vec<Rule>, Vec<AppointmentSpec>) {
    let mut reader = Reader {
        names,
        templates,
        tasks: Vec::new(),
        rules: Vec::new(),
        defined: BTreeMap::new(),
    };
    for (name, section) in root.sections("task") {
        reader.task(name, section);
    }
    for (name, section) in root.sections("law") {
        reader.law(laws, &name, section);
    }
    for (name, section) in root.sections("sla") {
        reader.sla(&name, section);
    }
    let mut appointments = Vec::new();
    for (name, section) in root.sections("appointment") {
        appointments.push(reader.appointment(name, section));
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
    (reader.tasks, reader.rules, appointments)
}

/// Reads sections, and adds the rules and tasks that they become.
pub(super) struct Reader<'a> {
    pub(super) names: &'a Names,
    pub(super) templates: &'a mut Templates,
    pub(super) tasks: Vec<TaskSpec>,
    rules: Vec<Rule>,
    /// Where each task and rule begins, by its sort and name.
    defined: BTreeMap<(&'static str, Name), usize>,
}

impl Reader<'_> {
    /// Notes where the first of a name stands; of another, says that the name is taken, and where.
    pub(super) fn define(&mut self, sort: &'static str, name: &Name, section: &Section<'_>) {
        let start = section.start();
        let first = match self.defined.entry((sort, name.clone())) {
            Entry::Vacant(first) => {
                first.insert(start);
                return;
            }
            Entry::Occupied(first) => *first.get(),
        };
        // One section may make two rules of a name.
        let hint = (first != start).then(|| section.source.the_first_stands_at(first));
        let name = name.as_str().into();
        section.fault(FaultKind::DefinedTwice { sort, name }, hint);
    }

    pub(super) fn add(&mut self, section: &Section<'_>, rule: Rule) {
        self.define("rule", &rule.name, section);
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
                    Some(crate::playbook::read::name_for(text)),
                );
            }
            Some(Name::from(text))
        });
        let (scope, anchor) = self.scope_and_anchor(&mut section);
        let delay = section.optional("after").and_then(|node| node.delay());
        let every = self.period(&mut section);
        let stopped_by = self.stopped_by(&mut section, anchor.as_ref());
        let calendar = self.calendar(&mut section);
        let (only_if, until) = (self.only_if(&mut section), self.until(&mut section));
        let actions = self.actions("do", &mut section);
        let delay = delay.unwrap_or(Delay::NONE);
        let acts_at_once = delay.is_zero() && every.is_none();
        let is_news = anchor.as_ref().is_some_and(|of| !of.may_lie_ahead());
        // That a lead is quiet is so however late the last touch was told: it is not passed over.
        let is_quiet = matches!(anchor, Some(Anchor::Touched));
        let is_taken_up = is_quiet || acts_at_once && is_news;
        let late = match is_taken_up && !writes_to_the_contact(&actions) {
            true => late(&mut section, Late::FireIfTold),
            false => late(&mut section, Late::Skip),
        };
        if let (Some(name), Some(anchor)) = (name, anchor) {
            let rule = Rule {
                scope,
                delay,
                every,
                only_if,
                until,
                stopped_by,
                late,
                actions,
                ..bare(name, anchor, &calendar)
            };
            self.add(&section, rule);
        }
        section.finish();
    }

    /// A service level: a task with a countdown, and what happens when it is not kept.
    fn sla(&mut self, name: &Name, mut section: Section<'_>) {
        let (scope, anchor) = self.scope_and_anchor(&mut section);
        let only_if = self.only_if(&mut section);
        let calendar = self.calendar(&mut section);
        let stopped_by = self.stopped_by(&mut section, anchor.as_ref());
        let within = section
            .required("within")
            .and_then(|node| self.deadline(&node));
        let done = section
            .required("done")
            .and_then(|node| node.condition(&self.names.catalogue_of_waiting()));
        let whose = self.whose(&mut section);
        let text = match section.required("task") {
            Some(node) => self.task_text(name, &node),
            None => SmolStr::default(),
        };
        let late_actions = self.actions_if_any("late", &mut section);
        let on_hand_over = OnHandOver::of(anchor.as_ref(), &calendar);
        self.define("task", name, &section);
        self.tasks.push(TaskSpec {
            name: name.clone(),
            text,
            whose,
            within,
            calendar: calendar.clone(),
            stopped_by: stopped_by.clone(),
            done,
            by_hand: false,
            choices: Vec::new(),
            on_hand_over,
            is_service_level: true,
            outlives_lead: false,
        });
        if let Some(anchor) = anchor {
            let opens = Rule {
                scope,
                only_if,
                stopped_by: stopped_by.clone(),
                late: within.map_or(Late::Fire, Late::FireWithin),
                actions: vec![Action::Task(name.clone())],
                ..bare(name.clone(), anchor, &calendar)
            };
            self.add(&section, opens);
        }
        if !late_actions.is_empty() {
            let late = Name::from(format_smolstr!("{name}.late"));
            let missed = Rule {
                stopped_by,
                actions: late_actions,
                ..bare(late, Anchor::Overdue(name.clone()), &calendar)
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
        let late = late(&mut section, Late::Skip);
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
        let actions = self.actions("do", &mut section);
        let rule = Rule {
            scope,
            only_if,
            stopped_by,
            late,
            actions,
            ..bare(name.clone(), anchor, &calendar)
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
        let late = late(&mut section, Late::Skip);
        let first = self.actions("first", &mut section);
        let scope = Scope {
            stages: self.names.waiting_stages.clone(),
            wait: Some(name.clone()),
            leads: Leads::Open,
        };
        let first_name = Name::from(format_smolstr!("{name}.first"));
        let calendar = BusinessTime::fixed(self.names.default_calendar.clone());
        let rule = Rule {
            scope,
            delay: Delay::OwnWait,
            stopped_by,
            late,
            actions: first,
            ..bare(first_name, Anchor::Entered, &calendar)
        };
        if let Some(mut every) = section.optional("every").and_then(|node| node.section()) {
            let length = every
                .required("after")
                .and_then(|node| period_length(&node));
            let actions = self.actions("do", &mut every);
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
        let late = late(&mut section, Late::Skip);
        let stopped_by = self.stopped_by(&mut section, anchor.as_ref());
        let times = section
            .required("at")
            .map(|node| node.list())
            .unwrap_or_default();
        let actions = self.actions("do", &mut section);
        if let Some(anchor) = anchor {
            let rule = Rule {
                scope,
                only_if,
                stopped_by,
                late,
                actions,
                ..bare(name.clone(), anchor, &calendar)
            };
            self.add_for_each(&section, &rule, times.iter().filter_map(Node::delay));
        }
        section.finish();
    }
}

/// A rule that is due right at its anchor, anywhere, once, and does nothing yet.
pub(super) fn bare(name: Name, anchor: Anchor, calendar: &BusinessTime) -> Rule {
    Rule {
        name,
        scope: Scope::default(),
        anchor,
        delay: Delay::NONE,
        every: None,
        only_if: None,
        until: None,
        stopped_by: StoppedBy::Any,
        late: Late::Skip,
        calendar: calendar.clone(),
        actions: Vec::new(),
        fingerprint: Fingerprint::default(),
    }
}

fn writes_to_the_contact(actions: &[Action]) -> bool {
    let mut actions = actions.iter().flat_map(Action::with_fallbacks);
    actions.any(|action| matches!(action, Action::Send(_)))
}

fn dashed(delay: &Delay) -> SmolStr {
    delay.to_string().replace(' ', "-").into()
}
