//! `[activity]`, `[appointment.*]`, `[document.*]` and `[visits]`: what is done around a lead, the service
//! level that feedback on it is, and what can come of a visit.

use smol_str::{SmolStr, format_smolstr};

use super::people::text_field;
use super::rules::{Reader, bare};
use super::{Names, label_of};
use crate::condition::Condition;
use crate::ids::Name;
use crate::playbook::delay::Delay;
use crate::playbook::pipeline::TaskSpec;
use crate::playbook::read::{Node, Section};
use crate::playbook::rule::{Action, Anchor, Late, Leads, OnHandOver, Rule, Scope, StoppedBy};
use crate::playbook::work::{
    ActivitySpec, AppointmentSpec, DocumentSpec, FeedbackSpec, VisitResultSpec, VisitsSpec,
};
use crate::record::appointment::Became;

/// How long an appointment lasts where nothing is said.
const AN_HOUR: &str = "1 hour";

/// The names of the tasks in which feedback is asked for.
pub(super) fn feedback_tasks(root: &mut Section<'_>) -> Vec<Name> {
    let Some(all) = root.optional("appointment").and_then(|node| node.section()) else {
        return Vec::new();
    };
    let kinds = all.keyed().into_iter();
    let asking = kinds.filter(|(_, node)| {
        let section = node.is_table().then(|| node.section()).flatten();
        section.is_some_and(|mut section| section.optional("feedback").is_some())
    });
    asking.map(|(kind, _)| feedback_task(&kind)).collect()
}

fn feedback_task(kind: &str) -> Name {
    Name::from(format_smolstr!("{kind}-feedback"))
}

/// `invoice = { label, asks = ["invoice_number"], by = ["administration"] }`
pub(super) fn read_activities(root: &mut Section<'_>, names: &Names) -> Vec<ActivitySpec> {
    let mut activities = Vec::new();
    for (name, mut section) in root.sections("activity") {
        let label = label_of(&mut section, &name);
        let asks = section.optional("asks").map(|node| node.list());
        let asks = asks.unwrap_or_default();
        let asks = asks.iter().filter_map(|node| names.set_later(node));
        let by = section.optional("by").map(|node| node.list());
        let by = by.unwrap_or_default();
        let by = by
            .iter()
            .filter_map(|node| node.known("role", &names.roles));
        activities.push(ActivitySpec {
            label,
            asks: asks.collect(),
            by: by.collect(),
            name,
        });
        section.finish();
    }
    activities
}

/// The kinds of documents.
pub(super) fn read_documents(root: &mut Section<'_>) -> Vec<DocumentSpec> {
    let sections = root.sections("document").into_iter();
    let documents = sections.map(|(name, mut section)| {
        let label = label_of(&mut section, &name);
        section.finish();
        DocumentSpec { name, label }
    });
    documents.collect()
}

/// `[visits]`: the zone's field, the source of the leads, and what can come of a visit.
pub(super) fn read_visits(root: &mut Section<'_>, names: &Names) -> Option<VisitsSpec> {
    let mut section = root.optional("visits")?.section()?;
    let zone = section.required("zone");
    let zone = zone.and_then(|node| text_field(&node, names));
    let sources = || names.sources.iter().map(|source| &source.name);
    let source = section.required("source");
    let source = source.and_then(|node| node.known("source", sources()));
    section.required("result");
    let mut results = Vec::new();
    for (name, mut section) in section.sections("result") {
        let label = label_of(&mut section, &name);
        let registers = section.optional("register").and_then(|node| node.bool());
        section.finish();
        results.push(VisitResultSpec {
            name,
            label,
            registers: registers.unwrap_or(false),
        });
    }
    section.finish();
    Some(VisitsSpec {
        zone: zone?,
        source: source?,
        results,
    })
}

impl Reader<'_> {
    /// A kind of appointment.
    pub(super) fn appointment(&mut self, name: Name, mut section: Section<'_>) -> AppointmentSpec {
        let label = label_of(&mut section, &name);
        let lasts = section.optional("lasts");
        let lasts =
            lasts.and_then(|node| node.length("an appointment must have a length of its own"));
        let lasts = lasts.or_else(|| Delay::parse(AN_HOUR));
        let feedback = section.optional("feedback");
        let feedback = feedback.and_then(|node| self.feedback(&name, &label, node.section()?));
        section.finish();
        AppointmentSpec {
            name,
            label,
            lasts: lasts.unwrap_or(Delay::NONE),
            feedback,
        }
    }

    /// Feedback is a service level: a task that is opened when an appointment was held, also of a lead
    /// that was closed then, and kept as soon as the feedback is there.
    fn feedback(
        &mut self,
        kind: &Name,
        label: &SmolStr,
        mut section: Section<'_>,
    ) -> Option<FeedbackSpec> {
        let task = feedback_task(kind.as_str());
        self.define("task", &task, &section);
        let whose = self.whose(&mut section);
        let within = section.required("within");
        let within = within.and_then(|node| self.deadline(&node));
        let choices = section.optional("of").map(|node| node.list());
        let choices = choices.unwrap_or_default();
        let choices = choices.iter().filter_map(Node::text).map(SmolStr::from);
        let choices: Vec<SmolStr> = choices.collect();
        let calendar = self.calendar(&mut section);
        let text = match section.optional("task") {
            Some(node) => self.task_text(&task, &node),
            None => self.plain_task_text(&task, label),
        };
        let done = format!("not feedback_due(\"{kind}\")");
        let done = Condition::parse(&done, &self.names.catalogue_of_waiting()).ok();
        self.tasks.push(TaskSpec {
            name: task.clone(),
            text,
            whose: whose.clone(),
            within,
            calendar: calendar.clone(),
            stopped_by: StoppedBy::Named(Vec::new()),
            done,
            by_hand: false,
            choices: Vec::new(),
            on_hand_over: OnHandOver::of(None, &calendar),
            is_service_level: true,
            outlives_lead: true,
        });
        let opens = Rule {
            scope: Scope {
                leads: Leads::All,
                ..Scope::default()
            },
            stopped_by: StoppedBy::Named(Vec::new()),
            late: within.map_or(Late::Fire, Late::FireWithin),
            actions: vec![Action::Task(task.clone())],
            ..bare(
                task.clone(),
                Anchor::AppointmentEnded(kind.clone(), Became::Held),
                &calendar,
            )
        };
        self.add(&section, opens);
        section.finish();
        Some(FeedbackSpec {
            whose,
            choices,
            task,
        })
    }
}
