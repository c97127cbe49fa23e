//! Stages in which an open lead can go cold, and the rules that look after quiet leads elsewhere.

use smol_str::{SmolStr, format_smolstr};

use super::places::Places;
use crate::playbook::Playbook;
use crate::playbook::fault::FaultKind;
use crate::playbook::pipeline::Stage;
use crate::playbook::read::Source;
use crate::playbook::rule::{Action, Anchor, Rule, StageRef};

/// How many rules a warning names.
const MOST_NAMED: usize = 3;

pub(super) fn warn(playbook: &Playbook, file: &Source<'_>, places: &Places) {
    for at in playbook.cold_stages() {
        let Some(stage) = playbook.stage(&at.pipeline, &at.stage) else {
            continue;
        };
        let could = |rule: &&Rule| rule.comes_again() && could_name(rule, &at, stage);
        let mut rules: Vec<&Rule> = playbook.rules.iter().filter(could).collect();
        // Others may come again for another reason than that a lead is quiet.
        let is_of_quiet = |rule: &&Rule| matches!(rule.anchor, Anchor::Touched);
        if rules.iter().any(is_of_quiet) {
            rules.retain(is_of_quiet);
        }
        let told = rules.into_iter().take(MOST_NAMED).map(|rule| {
            let line = file.line_of(places.rule(&rule.name).start);
            format_smolstr!("`{}` ({}:{line})", rule.name, file.file)
        });
        let told: Vec<SmolStr> = told.collect();
        let hint = match told.as_slice() {
            [] => "write a rule for it with `on = \"touched\"`, `after` and `every`".into(),
            told => format_smolstr!(
                "name `{}` in the `stage` of {}",
                at.stage,
                told.join(" or ")
            ),
        };
        let place = places.stage(&at.pipeline, &at.stage);
        let stage = format_smolstr!("{at}");
        file.fault(place, FaultKind::GoesCold { stage }, Some(hint));
    }
}

/// Whether a rule for other stages of the pipeline could be for this one: wherever it moves leads, a way leads.
fn could_name(rule: &Rule, at: &StageRef, stage: &Stage) -> bool {
    let mut stages = rule.scope.stages.iter();
    let is_near = stages.any(|other| other.pipeline == at.pipeline);
    let mut actions = rule.actions.iter().flat_map(Action::with_fallbacks);
    is_near
        && actions.all(|action| match action {
            Action::Move { stage: to, .. } => stage.ways.iter().any(|way| way.to == *to),
            _ => true,
        })
}
