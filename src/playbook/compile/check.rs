//! What is wrong with a playbook as a whole: stages that nobody reaches or leaves, rules that
//! start each other without end, rules that can never fire.

use std::collections::BTreeSet;
use std::ops::Range;

use smol_str::SmolStr;

use crate::hint::nearest;
use crate::ids::Name;
use crate::playbook::Playbook;
use crate::playbook::fault::FaultKind;
use crate::playbook::pipeline::Stage;
use crate::playbook::read::{Section, Source};
use crate::playbook::rule::{Action, Anchor, Leads, Rule};
use crate::record::Lead;
use crate::record::fields::Fields;

/// Where things stand in the file, for faults that are found only at the end.
pub(super) struct Places {
    stages: Vec<(Name, Name, Range<usize>)>,
    rules: Vec<(Name, Range<usize>)>,
}

impl Places {
    pub(super) fn of(root: &mut Section<'_>) -> Self {
        let mut stages = Vec::new();
        for (pipeline, mut section) in root.sections("pipeline") {
            let Some(mut all) = section.optional("stage").and_then(|node| node.section()) else {
                continue;
            };
            for (stage, node) in all.entries("a stage") {
                stages.push((pipeline.clone(), stage, node.key_span()));
            }
        }
        let mut rules = Vec::new();
        for node in root
            .optional("rule")
            .map(|node| node.list())
            .unwrap_or_default()
        {
            let name = node
                .section()
                .and_then(|mut section| section.optional("name")?.text());
            rules.extend(name.map(|name| (Name::from(name), node.span())));
        }
        for section in ["sla", "ageing", "wait", "reminder"] {
            let Some(mut all) = root.optional(section).and_then(|node| node.section()) else {
                continue;
            };
            for (name, node) in all.entries(section) {
                rules.push((name, node.span()));
            }
        }
        Self { stages, rules }
    }

    fn stage(&self, pipeline: &Name, stage: &Name) -> Range<usize> {
        let found = self
            .stages
            .iter()
            .find(|(p, s, _)| p == pipeline && s == stage);
        found.map_or(0..0, |(_, _, span)| span.clone())
    }

    /// The place of a rule, or of the short form that it was read from (`first-contact.late`).
    fn rule(&self, rule: &Name) -> Range<usize> {
        let short = rule.as_str().split('.').next().unwrap_or_default();
        let found = self
            .rules
            .iter()
            .find(|(name, _)| name == rule || *name == *short);
        found.map_or(0..0, |(_, span)| span.clone())
    }
}

pub(super) fn check(playbook: &Playbook, file: &Source<'_>, places: &Places) {
    check_stages(playbook, file, places);
    check_cycles(playbook, file, places);
    check_scopes(playbook, file, places);
    check_counts(playbook, file);
}

/// Every list in a record has a bound, and some of them are as long as the playbook makes them.
fn check_counts(playbook: &Playbook, file: &Source<'_>) {
    let counts = [
        ("fields", playbook.fields.len(), Fields::MOST),
        ("activities", playbook.activities.len(), Lead::MOST_KEPT),
        ("tasks", playbook.tasks.len(), Lead::MOST_KEPT),
        ("bases", playbook.bases.len(), MOST_BASES),
        ("rules", playbook.rules.len(), MOST_RULES),
    ];
    for (sort, found, most) in counts {
        if found > most {
            file.fault(0..0, FaultKind::TooMany { sort, found, most }, None);
        }
    }
}

/// How many bases a playbook can have: a lead holds a claim in each.
const MOST_BASES: usize = 16;
/// How many rules: a lead knows for each what it did last.
const MOST_RULES: usize = 512;

fn check_stages(playbook: &Playbook, file: &Source<'_>, places: &Places) {
    let moved_to: BTreeSet<&Name> = playbook
        .actions()
        .filter_map(|action| match action {
            Action::Move { stage, .. } => Some(stage),
            _ => None,
        })
        .collect();
    for pipeline in &playbook.pipelines {
        let mut reached: BTreeSet<&Name> = BTreeSet::new();
        let mut to_visit: Vec<&Name> = vec![&pipeline.start];
        let routed = playbook
            .routes
            .iter()
            .filter(|route| route.to.pipeline == pipeline.name);
        to_visit.extend(routed.map(|route| &route.to.stage));
        to_visit.extend(moved_to.iter().copied());
        let stages = pipeline.stages.iter().map(|stage| &stage.name);
        to_visit.extend(stages.filter(|stage| is_meant_elsewhere(stage, playbook, file)));
        while let Some(stage) = to_visit.pop() {
            if reached.insert(stage) {
                let ways = pipeline
                    .stage(stage)
                    .into_iter()
                    .flat_map(|stage| &stage.ways);
                to_visit.extend(ways.map(|way| &way.to));
            }
        }
        for stage in &pipeline.stages {
            let place = || places.stage(&pipeline.name, &stage.name);
            let name: SmolStr = stage.name.as_str().into();
            if !reached.contains(&stage.name) {
                file.fault(place(), FaultKind::UnreachableStage { stage: name }, None);
            } else if is_dead_end(stage, playbook) {
                let hint =
                    Some("give it `to`, or say how leads end in it: final = \"lost\"".into());
                file.fault(place(), FaultKind::DeadEnd { stage: name }, hint);
            }
        }
    }
}

/// Whether a slip of the pen elsewhere was probably meant to lead to this stage.
fn is_meant_elsewhere(stage: &Name, playbook: &Playbook, file: &Source<'_>) -> bool {
    let stages = || {
        let stages = playbook.pipelines.iter().flat_map(|of| &of.stages);
        stages.map(|stage| stage.name.as_str())
    };
    let faults = file.faults.borrow();
    faults.iter().any(|fault| match &fault.kind {
        FaultKind::UnknownName { sort, name } if sort.ends_with("stage") => {
            let name = name.rsplit('.').next().unwrap_or_default();
            nearest(name, stages()) == Some(stage.as_str())
        }
        FaultKind::Ambiguous { name } => *name == stage.as_str(),
        _ => false,
    })
}

fn is_dead_end(stage: &Stage, playbook: &Playbook) -> bool {
    let moves_out = |rule: &Rule| {
        let here = rule.scope.stages.is_empty()
            || rule.scope.stages.iter().any(|at| at.stage == stage.name);
        here && rule
            .actions
            .iter()
            .flat_map(Action::with_fallbacks)
            .any(|action| matches!(action, Action::Move { .. }))
    };
    stage.outcome.is_none() && stage.ways.is_empty() && !playbook.rules.iter().any(moves_out)
}

/// Whether one rule's action is another's anchor, so that the other fires at the same instant.
fn starts(action: &Action, rule: &Rule) -> bool {
    if !rule.delay.is_zero() {
        return false;
    }
    match (action, &rule.anchor) {
        // Rules stop reassigning at some time, if they are told to.
        (Action::Assign(assign), Anchor::Assigned) => assign.at_most.is_none(),
        (Action::Move { stage, .. }, Anchor::Entered) => {
            rule.scope.stages.is_empty() || rule.scope.stages.iter().any(|at| at.stage == *stage)
        }
        (Action::Set { field, .. }, Anchor::Field(on)) => field == on,
        _ => false,
    }
}

fn check_cycles(playbook: &Playbook, file: &Source<'_>, places: &Places) {
    let next = |rule: &Rule| -> Vec<usize> {
        let actions: Vec<&Action> = rule
            .actions
            .iter()
            .flat_map(Action::with_fallbacks)
            .collect();
        let started = |other: &Rule| actions.iter().any(|action| starts(action, other));
        let others = playbook.rules.iter().enumerate();
        others
            .filter(|(_, other)| started(other))
            .map(|(place, _)| place)
            .collect()
    };
    let edges: Vec<Vec<usize>> = playbook.rules.iter().map(next).collect();
    let mut told = BTreeSet::new();
    for start in 0..edges.len() {
        let Some(cycle) = cycle_through(start, &edges) else {
            continue;
        };
        if told.insert(cycle.iter().copied().collect::<BTreeSet<_>>()) {
            let names: Vec<&str> = cycle
                .iter()
                .map(|&rule| playbook.rules[rule].name.as_str())
                .collect();
            let place = places.rule(&playbook.rules[start].name);
            let hint =
                Some("give one of them a delay, a limit (`at-most`), or another stage".into());
            file.fault(
                place,
                FaultKind::RuleCycle {
                    cycle: names.join(" -> ").into(),
                },
                hint,
            );
        }
    }
}

/// A way from a rule back to itself, if there is one.
fn cycle_through(start: usize, edges: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut paths = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while let Some(path) = paths.pop() {
        let last = *path.last()?;
        for &next in &edges[last] {
            if next == start {
                return Some(path);
            }
            if seen.insert(next) {
                let mut longer = path.clone();
                longer.push(next);
                paths.push(longer);
            }
        }
    }
    None
}

fn check_scopes(playbook: &Playbook, file: &Source<'_>, places: &Places) {
    for rule in &playbook.rules {
        let all_final = !rule.scope.stages.is_empty()
            && rule.scope.stages.iter().all(|at| {
                playbook
                    .stage(&at.pipeline, &at.stage)
                    .is_some_and(|stage| stage.outcome.is_some())
            });
        let why = if all_final && rule.scope.leads == Leads::Open {
            Some("its stages are final, and it is for open leads")
        } else if rule.anchor == Anchor::Entered && rule.delay.is_negative() {
            Some("it is due before the lead enters the stage")
        } else {
            None
        };
        if let Some(why) = why {
            let kind = FaultKind::NeverFires {
                rule: rule.name.as_str().into(),
                why,
            };
            file.fault(places.rule(&rule.name), kind, None);
        }
    }
}
