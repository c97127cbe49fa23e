//! `[law.*]`: what must hold of leads in some stages, and the rule that waits for its being broken.

use super::Names;
use super::pipelines::asked_for;
use super::rules::{Reader, bare};
use crate::condition::Condition;
use crate::ids::Name;
use crate::playbook::fault::FaultKind;
use crate::playbook::law::{Asked, Law};
use crate::playbook::read::{Node, Section};
use crate::playbook::rule::{
    Action, Anchor, BusinessTime, Late, Leads, Rule, Scope, StageRef, StoppedBy,
};

/// The names of those that can be broken by leads that stand in their stages.
pub(super) fn that_stand(root: &mut Section<'_>) -> Vec<Name> {
    let Some(all) = root.optional("law").and_then(|node| node.section()) else {
        return Vec::new();
    };
    let mut names = Vec::new();
    for (name, node) in all.keyed() {
        let section = node.is_table().then(|| node.section()).flatten();
        let stands = section.is_some_and(|mut section| {
            let mut moves = [Asked::Entering, Asked::Leaving].into_iter();
            moves.all(|asked| section.optional(asked.as_str()).is_none())
        });
        if stands {
            names.push(Name::from(name));
        }
    }
    names
}

/// What the laws say; what is done when one is broken is read with the rules.
pub(super) fn read(root: &mut Section<'_>, names: &Names) -> Vec<Law> {
    let mut laws = Vec::new();
    for (name, mut section) in root.sections("law") {
        if names.needs.contains(&name) {
            let (sort, name) = ("need or law", name.as_str().into());
            let hint = "a refusal names needs and laws together: each has a name of its own";
            section.fault(FaultKind::DefinedTwice { sort, name }, Some(hint.into()));
        }
        let (asked, stages) = asked(&mut section, names);
        let condition = section
            .required("if")
            .and_then(|node| node.condition(&names.catalogue_of_laws()));
        let text = section.required("text").and_then(|node| asked_for(&node));
        if let (Some(condition), Some(text)) = (condition, text) {
            laws.push(Law {
                name,
                asked,
                stages,
                condition,
                text: text.into(),
            });
        }
    }
    laws
}

/// `stage = ..`, `entering = ..` or `leaving = ..`; of every stage, if none is said or `"*"`.
fn asked(section: &mut Section<'_>, names: &Names) -> (Asked, Vec<StageRef>) {
    let mut said: Option<(Asked, Vec<StageRef>)> = None;
    for &(word, asked) in Asked::WORDS {
        let Some(node) = section.optional(word) else {
            continue;
        };
        if let Some((other, _)) = &said {
            let (one, other) = (other.as_str().into(), word.into());
            let hint = "make a law of each";
            node.fault(FaultKind::Contradiction { one, other }, Some(hint.into()));
            continue;
        }
        let stages = stages_of(&node, names);
        said = Some((asked, stages));
    }
    said.unwrap_or((Asked::Standing, Vec::new()))
}

/// The stages that a law names; none, where it is every one of them.
fn stages_of(node: &Node<'_>, names: &Names) -> Vec<StageRef> {
    let nodes = node.list();
    let is_every = |node: &&Node<'_>| node.is_text() && node.text() == Some("*");
    let (every, named): (Vec<&Node<'_>>, Vec<&Node<'_>>) = nodes.iter().partition(is_every);
    if nodes.is_empty() {
        let (what, hint) = ("the list of stages", "`\"*\"` is every stage");
        node.fault(FaultKind::Empty { what }, Some(hint.into()));
    }
    if let (Some(_), Some(other)) = (every.first(), named.first()) {
        let (one, other) = ("*".into(), other.text().unwrap_or_default().into());
        let hint = "`\"*\"` is every stage already: leave the others out, or it";
        node.fault(FaultKind::Contradiction { one, other }, Some(hint.into()));
        return Vec::new();
    }
    let named = named.into_iter();
    named.filter_map(|node| names.stage(node, None)).collect()
}

impl Reader<'_> {
    /// The rule that a law becomes: it waits until the law is broken by a lead that stands there.
    pub(super) fn law(&mut self, laws: &[Law], name: &Name, mut section: Section<'_>) {
        // What the law says is read already.
        for key in ["stage", "entering", "leaving", "if", "text"] {
            section.optional(key);
        }
        let node = section.optional("broken");
        let actions = node.as_ref().map(|node| self.names.actions(node));
        if let Some(rule) = self.rule_of_law(laws, name, node.as_ref(), actions) {
            self.add(&section, rule);
        }
        section.finish();
    }

    fn rule_of_law(
        &self,
        laws: &[Law],
        name: &Name,
        node: Option<&Node<'_>>,
        actions: Option<Vec<Action>>,
    ) -> Option<Rule> {
        let law = laws.iter().find(|law| law.name == *name)?;
        if law.asked != Asked::Standing {
            node.into_iter()
                .for_each(|node| nobody_stands(node, law.asked));
            return None;
        }
        let text = format!("not ({})", law.condition);
        let broken = Condition::parse(&text, &self.names.catalogue_of_laws()).ok()?;
        let scope = Scope {
            stages: law.stages.clone(),
            wait: None,
            leads: match law.stages.is_empty() {
                true => Leads::Open,
                false => Leads::All,
            },
        };
        let calendar = BusinessTime::fixed(self.names.default_calendar.clone());
        Some(Rule {
            scope,
            stopped_by: StoppedBy::Named(Vec::new()),
            late: Late::Fire,
            actions: actions.unwrap_or_default(),
            ..bare(law.rule_name(), Anchor::Turns(broken), &calendar)
        })
    }
}

/// Says that a law which is only asked of moves is never broken.
fn nobody_stands(node: &Node<'_>, asked: Asked) {
    let one = "broken".into();
    let other = asked.as_str().into();
    let hint =
        "a move that breaks this law is refused; one that is to hold afterwards too says `stage`";
    node.fault(FaultKind::Contradiction { one, other }, Some(hint.into()));
}
