//! Stages that were left out of what is said of all others: probably added later than that was written.
//!
//! Only where a name is told after another: a rule or a law of every stage leaves none out. It may be meant,
//! so it is a warning.

use smol_str::format_smolstr;

use super::leads;
use super::places::Places;
use crate::condition::Known;
use crate::facts::LeadFact;
use crate::ids::Name;
use crate::playbook::Playbook;
use crate::playbook::fault::FaultKind;
use crate::playbook::law::{Asked, Law};
use crate::playbook::pipeline::{Pipeline, Stage};
use crate::playbook::read::Source;
use crate::playbook::rule::{Action, Anchor, Rule};

/// Warns of stages in which nobody minds a lead without an owner, and of ends that a law leaves out.
pub(super) fn warn(playbook: &Playbook, file: &Source<'_>, places: &Places) {
    for pipeline in &playbook.pipelines {
        warn_of_unowned(playbook, pipeline, file, places);
        for law in &playbook.laws {
            warn_of_end(pipeline, law, file, places);
        }
    }
}

/// A lead that nobody owns is looked after in some stages of a pipeline: then in each, but for those to which it
/// is moved so.
fn warn_of_unowned(playbook: &Playbook, pipeline: &Pipeline, file: &Source<'_>, places: &Places) {
    let open = pipeline.stages.iter();
    let open: Vec<&Stage> = open.filter(|stage| stage.outcome.is_none()).collect();
    let minding = playbook.rules.iter().filter(|rule| {
        let mut stages = open.iter();
        stages.any(|stage| waits_for_no_owner(playbook, rule, pipeline, stage))
    });
    let minding: Vec<&Rule> = minding.collect();
    let Some(first) = minding.first() else {
        return;
    };
    let actions = minding.iter().flat_map(|rule| &rule.actions);
    let actions: Vec<&Action> = actions.flat_map(Action::with_fallbacks).collect();
    for stage in open {
        let is_meant = actions
            .iter()
            .any(|action| moves_to(action) == Some(&stage.name));
        let waits = |rule: &&&Rule| waits_for_no_owner(playbook, rule, pipeline, stage);
        let waiting: Vec<&&Rule> = minding.iter().filter(waits).collect();
        let is_minded = waiting
            .iter()
            .any(|rule| way_that_lacks(rule, stage).is_none());
        let finds = |rule: &Rule| finds_owner(playbook, rule, pipeline, stage);
        if is_meant || is_minded || playbook.rules.iter().any(finds) {
            continue;
        }
        let rule = waiting.first().unwrap_or(&first);
        let lacks = way_that_lacks(rule, stage).filter(|_| !waiting.is_empty());
        let hint = match lacks {
            Some(to) => format_smolstr!("give it a way to `{to}`, where `{}` moves it", rule.name),
            None => format_smolstr!(
                "add it to the stages of `{}`, or a rule of its own",
                rule.name
            ),
        };
        let kind = FaultKind::Unminded {
            stage: stage.name.clone(),
            rule: rule.name.clone(),
        };
        let place = places.stage(&pipeline.name, &stage.name);
        file.fault(place, kind, Some(hint));
    }
}

/// Where a rule moves leads of this stage to, though no way leads there.
fn way_that_lacks<'r>(rule: &'r Rule, stage: &Stage) -> Option<&'r Name> {
    let mut targets = rule.actions.iter().filter_map(moves_to);
    targets.find(|to| stage.ways.iter().all(|way| way.to != **to))
}

fn moves_to(action: &Action) -> Option<&Name> {
    match action {
        Action::Move { stage, .. } => Some(stage),
        _ => None,
    }
}

/// Whether a rule waits, in this stage, until nobody owns a lead.
fn waits_for_no_owner(
    playbook: &Playbook,
    rule: &Rule,
    pipeline: &Pipeline,
    stage: &Stage,
) -> bool {
    let Anchor::Turns(when) = &rule.anchor else {
        return false;
    };
    let Some(mut unowned) = unowned_in(playbook, rule, pipeline, stage) else {
        return false;
    };
    let mut owned = leads::of_any();
    owned.is_there(leads::id(LeadFact::Owner));
    unowned.assume(when, true);
    !when.can_hold(&owned) && unowned.is_possible()
}

/// Whether a rule gives away what nobody owns in this stage.
fn finds_owner(playbook: &Playbook, rule: &Rule, pipeline: &Pipeline, stage: &Stage) -> bool {
    let mut actions = rule.actions.iter().flat_map(Action::with_fallbacks);
    if !actions.any(|action| matches!(action, Action::Assign(_))) {
        return false;
    }
    let Some(mut unowned) = unowned_in(playbook, rule, pipeline, stage) else {
        return false;
    };
    if let Anchor::Turns(when) = &rule.anchor {
        unowned.assume(when, true);
    }
    let only_if = rule.only_if.as_ref();
    unowned.is_possible() && only_if.is_none_or(|only_if| only_if.can_hold(&unowned))
}

/// What is known of a lead in this stage that nobody owns, if the rule is for any.
fn unowned_in<'a>(
    playbook: &Playbook,
    rule: &Rule,
    pipeline: &Pipeline,
    stage: &Stage,
) -> Option<Known<'a>> {
    let stages = leads::stages_of(playbook, rule);
    let here = stages
        .into_iter()
        .find(|(at, _)| at.is(&pipeline.name, &stage.name))?;
    let mut known = leads::of_rule(playbook, rule);
    leads::are_in(&mut known, &[here]);
    for fact in [
        LeadFact::Owner,
        LeadFact::OwnerRole,
        LeadFact::OwnerTeam,
        LeadFact::AssignedAt,
    ] {
        known.is_missing(leads::id(fact));
    }
    Some(known)
}

/// A law that is asked of all ends of a pipeline but one, and of nothing else there.
fn warn_of_end(pipeline: &Pipeline, law: &Law, file: &Source<'_>, places: &Places) {
    let is_asked = |stage: &Stage| {
        let mut stages = law.stages.iter();
        stages.any(|at| at.is(&pipeline.name, &stage.name))
    };
    let asked = pipeline.stages.iter().filter(|stage| is_asked(stage));
    let (ends, others): (Vec<&Stage>, Vec<&Stage>) =
        asked.partition(|stage| stage.outcome.is_some());
    let left_out = pipeline.stages.iter();
    let left_out = left_out.filter(|stage| stage.outcome.is_some() && !is_asked(stage));
    let left_out: Vec<&Stage> = left_out.collect();
    let ([stage], true) = (left_out.as_slice(), ends.len() > 1 && others.is_empty()) else {
        return;
    };
    if law.asked == Asked::Leaving {
        return;
    }
    let kind = FaultKind::OutsideLaw {
        stage: stage.name.clone(),
        law: law.name.clone(),
    };
    let hint = format_smolstr!(
        "add it to `{}`, if the law is meant of every end",
        law.asked.as_str()
    );
    file.fault(places.stage(&pipeline.name, &stage.name), kind, Some(hint));
}
