//! `[task.*]`, and what a service level says of its task.

use smol_str::SmolStr;

use super::rules::Reader;
use super::samples::Use;
use super::{label_of, templates};
use crate::ids::Name;
use crate::playbook::fault::FaultKind;
use crate::playbook::pipeline::{Choice, TaskSpec};
use crate::playbook::read::{Node, Section};
use crate::playbook::rule::OnHandOver;

/// The names of all tasks: those of `[task.*]`, one for each service level, and one for each kind of
/// appointment that asks for feedback.
pub(super) fn names(root: &mut Section<'_>) -> Vec<Name> {
    let mut names = super::names_of(root, "task");
    names.extend(super::names_of(root, "sla"));
    names.extend(super::work::feedback_tasks(root));
    names
}

/// What nobody completes by hand needs something else that does, and offers nothing to choose.
fn completed_by_itself(node: &Node<'_>, section: &mut Section<'_>, choices: &[Choice]) {
    section.required_or(
        "done",
        Some("nobody completes it by hand, so say what does"),
    );
    if !choices.is_empty() {
        let (one, other) = ("by-hand = false".into(), "choices".into());
        let hint = "whoever chooses completes it by hand";
        node.fault(FaultKind::Contradiction { one, other }, Some(hint.into()));
    }
}

impl Reader<'_> {
    pub(super) fn task(&mut self, name: Name, mut section: Section<'_>) {
        self.define("task", &name, &section);
        let text = match section.required("text") {
            Some(node) => self.task_text(&name, &node),
            None => SmolStr::default(),
        };
        let whose = self.whose(&mut section);
        let within = section
            .optional("within")
            .and_then(|node| self.deadline(&node));
        let calendar = self.calendar(&mut section);
        let stopped_by = self.stopped_by(&mut section, None);
        let done = section
            .optional("done")
            .and_then(|node| node.condition(&self.names.catalogue_of_waiting()));
        let by_hand = section.optional("by-hand");
        let not_by_hand = by_hand.filter(|node| node.bool() == Some(false));
        let outlives_lead = section
            .optional("outlives-lead")
            .and_then(|node| node.bool());
        let mut choices = Vec::new();
        if let Some(mut all) = section.optional("choices").and_then(|node| node.section()) {
            for (choice, node) in all.entries("a choice") {
                choices.extend(self.choice(choice, &node));
            }
        }
        if let Some(node) = &not_by_hand {
            completed_by_itself(node, &mut section, &choices);
        }
        section.finish();
        self.tasks.push(TaskSpec {
            name,
            text,
            whose,
            within,
            on_hand_over: OnHandOver::of(None, &calendar),
            calendar,
            stopped_by,
            done,
            by_hand: not_by_hand.is_none(),
            choices,
            is_service_level: false,
            outlives_lead: outlives_lead.unwrap_or(false),
        });
    }

    fn choice(&mut self, name: Name, node: &Node<'_>) -> Option<Choice> {
        let mut section = node.section()?;
        let label = label_of(&mut section, &name);
        let asks = section.optional("asks").map(|node| node.list());
        let asks = asks.unwrap_or_default();
        let asks = asks.iter().filter_map(|node| self.names.set_later(node));
        let asks = asks.collect();
        let reason = section.optional("reason").and_then(|node| node.bool());
        let actions = section
            .optional("do")
            .map(|node| self.names.actions(&node))
            .unwrap_or_default();
        section.finish();
        Some(Choice {
            name,
            label,
            asks,
            asks_reason: reason.unwrap_or(false),
            actions,
        })
    }

    /// A text of a task that says nothing of the lead.
    pub(super) fn plain_task_text(&mut self, task: &Name, text: &SmolStr) -> SmolStr {
        let escaped = format!("{{% raw %}}{text}{{% endraw %}}");
        templates::read_part(self.templates, &format!("{task}.task"), &escaped);
        text.clone()
    }

    pub(super) fn task_text(&mut self, task: &Name, node: &Node<'_>) -> SmolStr {
        let Some(text) = node.text() else {
            return SmolStr::default();
        };
        if crate::letters::is_blank(text) {
            let hint = "say what is to be done".into();
            node.fault(FaultKind::Empty { what: "the text" }, Some(hint));
        }
        let part = format!("{task}.task");
        let mut flaws = templates::read_part(self.templates, &part, text);
        if flaws.is_empty() {
            flaws =
                templates::unknown_variables(self.templates, &part, text, self.names, &[Use::Task]);
            flaws.extend(templates::agents_asked_for(self.templates, &part, text));
        }
        let unsure = templates::speaks_of_faulty(self.templates, &part, self.names);
        if flaws.is_empty() && !unsure {
            let fields = &self.names.fields;
            flaws.extend(templates::failure(
                self.templates,
                &part,
                text,
                fields,
                &[Use::Task],
            ));
        }
        for (place, kind, hint) in flaws {
            node.fault_inside(text, place, kind, hint);
        }
        text.into()
    }
}
