//! Roles that are named among those who may do something, and may not do it for want of a permission; and
//! those that have a permission, and can't use it.

use std::ops::Range;

use smol_str::format_smolstr;

use super::places::Places;
use crate::ids::Name;
use crate::playbook::Playbook;
use crate::playbook::fault::FaultKind;
use crate::playbook::people::Permission;
use crate::playbook::pipeline::Field;
use crate::playbook::read::Source;
use crate::playbook::rule::Action;

/// Warns of roles that `by` or `entered-by` names in vain. Rules need no permission.
pub(super) fn warn(playbook: &Playbook, file: &Source<'_>, places: &Places) {
    let choices = playbook.tasks.iter().flat_map(|task| &task.choices);
    let chosen = choices.flat_map(|choice| &choice.actions);
    let mut chosen = chosen.flat_map(Action::with_fallbacks);
    let by_choice = chosen.any(|action| matches!(action, Action::Move { .. }));
    let by_choice = by_choice.then_some(Permission::Complete);
    let moving: Vec<Permission> = [Permission::Move].into_iter().chain(by_choice).collect();
    let also_reopening: Vec<Permission> =
        moving.iter().copied().chain([Permission::Reopen]).collect();
    for pipeline in &playbook.pipelines {
        for stage in &pipeline.stages {
            let path = format!("stage.{}.{}", pipeline.name, stage.name);
            let at = |key: &str| places.at(&format!("{path}.{key}"));
            let out = match stage.outcome {
                Some(_) => &also_reopening,
                None => &moving,
            };
            warn_of(playbook, &stage.by, out, (file, at("by")));
            let into = (file, at("entered-by"));
            warn_of(playbook, &stage.entered_by, &also_reopening, into);
        }
    }
    for field in &playbook.fields {
        let place = places.at(&format!("field.{}.by", field.name));
        let any_of = [Permission::Set, Permission::Register];
        warn_of(playbook, &field.by, &any_of, (file, place.clone()));
        warn_of_shut_out(playbook, field, (file, place));
    }
    for activity in &playbook.activities {
        let place = places.at(&format!("activity.{}.by", activity.name));
        warn_of(playbook, &activity.by, &[Permission::Record], (file, place));
    }
}

/// Warns of roles that may register leads and can't: none is registered without this field, and it is not
/// theirs to tell.
fn warn_of_shut_out(
    playbook: &Playbook,
    field: &Field,
    (file, place): (&Source<'_>, Range<usize>),
) {
    if !field.required || field.by.is_empty() {
        return;
    }
    let registering = playbook.roles.iter();
    let registering = registering.filter(|role| role.may.contains(&Permission::Register));
    let shut_out = registering.filter(|role| !field.by.contains(&role.name));
    for role in shut_out {
        let kind = FaultKind::ShutOut {
            role: role.name.clone(),
            field: field.name.clone(),
        };
        let hint = "name the role here as well, or let a need or a law ask for the field later";
        file.fault(place.clone(), kind, Some(hint.into()));
    }
}

fn warn_of(
    playbook: &Playbook,
    named: &[Name],
    any_of: &[Permission],
    (file, place): (&Source<'_>, Range<usize>),
) {
    let named = named.iter().filter_map(|role| playbook.role(role));
    let powerless = named.filter(|role| !any_of.iter().any(|may| role.may.contains(may)));
    for role in powerless {
        let words: Vec<&str> = any_of.iter().map(|may| may.word()).collect();
        let kind = FaultKind::Powerless {
            role: role.name.clone(),
            may_not: words.join("` nor `").into(),
        };
        let hint = format_smolstr!("give the role `{}` in its `may`, or leave it out", words[0]);
        file.fault(place.clone(), kind, Some(hint));
    }
}
