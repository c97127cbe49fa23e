//! What is wrong with a playbook as a whole: stages that nobody reaches or leaves, rules that
//! start each other without end, rules that can never fire; and what is probably a slip.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::places::Places;
use super::{cold, cycles, insistent, left_out, never, powerless, unused};
use crate::hint::nearest;
use crate::ids::Name;
use crate::playbook::Playbook;
use crate::playbook::fault::FaultKind;
use crate::playbook::load::Folder;
use crate::playbook::pipeline::{Pipeline, Stage};
use crate::playbook::read::Source;
use crate::playbook::rule::Action;
use crate::record::fields::Fields;
use crate::record::{Lead, TenantRecord};

pub(super) fn check(playbook: &Playbook, file: &Source<'_>, places: &Places) {
    check_stages(playbook, file, places);
    cycles::check(playbook, file, places);
    never::check(playbook, file, places);
    check_counts(playbook, file);
}

/// Warns of what is no fault and probably a slip. `calendar` is the one that counts where none is
/// named.
pub(super) fn warn(
    playbook: &Playbook,
    folder: &Folder,
    calendar: &Name,
    file: &Source<'_>,
    places: &Places,
) {
    cold::warn(playbook, file, places);
    never::warn(playbook, file, places);
    insistent::warn(playbook, file, places);
    powerless::warn(playbook, file, places);
    left_out::warn(playbook, file, places);
    unused::warn(playbook, folder, calendar, file, places);
}

/// Every list in a record has a bound, and some of them are as long as the playbook makes them.
fn check_counts(playbook: &Playbook, file: &Source<'_>) {
    let counts = [
        ("fields", playbook.fields.len(), Fields::MOST),
        ("activities", playbook.activities.len(), Lead::MOST_KEPT),
        (
            "appointments",
            playbook.appointments.len(),
            Lead::MOST_KINDS,
        ),
        ("documents", playbook.documents.len(), Lead::MOST_KINDS),
        ("stages", playbook.stages.len(), TenantRecord::MOST_STAGES),
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
                let hint = "name it in the `to` of a stage from which leads come, or leave it out";
                file.fault(
                    place(),
                    FaultKind::UnreachableStage { stage: name },
                    Some(hint.into()),
                );
            } else if is_dead_end(stage) {
                let hint =
                    Some("give it `to`, or say how leads end in it: final = \"lost\"".into());
                file.fault(place(), FaultKind::DeadEnd { stage: name }, hint);
            }
        }
        check_circles(pipeline, &reached, file, places);
    }
}

/// In a pipeline in which leads end, a lead can come to an end from every stage, or it goes round and round.
fn check_circles(
    pipeline: &Pipeline,
    reached: &BTreeSet<&Name>,
    file: &Source<'_>,
    places: &Places,
) {
    let mut stages = pipeline.stages.iter();
    if !stages.any(|stage| stage.outcome.is_some()) {
        return;
    }
    let mut ends: BTreeSet<&Name> = BTreeSet::new();
    loop {
        let before = ends.len();
        for stage in &pipeline.stages {
            // One without ways to others is told by itself.
            let is_end = stage.outcome.is_some() || is_dead_end(stage);
            let leads_to_one = || stage.ways.iter().any(|way| ends.contains(&way.to));
            if is_end || leads_to_one() {
                ends.insert(&stage.name);
            }
        }
        if ends.len() == before {
            break;
        }
    }
    let stages = pipeline.stages.iter();
    let round: Vec<&Stage> = stages
        .filter(|stage| reached.contains(&stage.name) && !ends.contains(&stage.name))
        .collect();
    if let Some(first) = round.first() {
        let names: Vec<_> = round.iter().map(|stage| stage.name.as_str()).collect();
        let place = places.stage(&pipeline.name, &first.name);
        let stages = names.join("`, `").into();
        let hint = Some("add a stage to `to` from which leads come to an end".into());
        file.fault(place, FaultKind::RoundAndRound { stages }, hint);
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

/// Whether an open lead stays in this stage for good. Rules and choices move leads along the same ways.
pub(super) fn is_dead_end(stage: &Stage) -> bool {
    stage.outcome.is_none() && stage.ways.iter().all(|way| way.to == stage.name)
}
