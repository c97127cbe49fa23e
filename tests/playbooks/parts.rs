//! The parts of a playbook that a test takes out or changes.

use std::ops::{Deref, DerefMut};

use leadkit::condition::Condition;
use leadkit::ids::Name;
use leadkit::playbook::Playbook;
use leadkit::playbook::people::{PoolSpec, Role};
use leadkit::playbook::pipeline::{Field, Stage, TaskSpec, WaitGroup};
use leadkit::playbook::rule::{Action, Anchor, Assign, Rule};
use leadkit::playbook::work::VisitsSpec;

pub(crate) fn without_rule(playbook: &mut Playbook, name: &str) {
    let before = playbook.rules.len();
    playbook.change_rules(|rules| rules.retain(|rule| rule.name != *name));
    assert_eq!(playbook.rules.len(), before - 1, "no rule {name}");
}

pub(crate) fn without_need(playbook: &mut Playbook, name: &str) {
    assert!(playbook.need(&Name::from(name)).is_some(), "no need {name}");
    let stages = playbook.pipelines.iter_mut();
    let stages = stages.flat_map(|pipeline| &mut pipeline.stages);
    for way in stages.flat_map(|stage| &mut stage.ways) {
        way.needs.retain(|need| *need != *name);
    }
}

/// Has a need ask for something else.
pub(crate) fn asks(playbook: &mut Playbook, need: &str, text: &str) {
    let condition = condition(playbook, text);
    let mut needs = playbook.needs.iter_mut();
    let need = needs.find(|known| known.name == *need);
    need.expect("a need").condition = condition;
}

/// Has a rule wait for something else.
pub(crate) fn waits_for(playbook: &mut Playbook, name: &str, text: &str) {
    let condition = condition(playbook, text);
    rule(playbook, name).anchor = Anchor::Turns(condition);
}

pub(crate) fn condition(playbook: &Playbook, text: &str) -> Condition {
    playbook.condition(text).expect("a condition")
}

pub(crate) fn rule<'a>(playbook: &'a mut Playbook, name: &str) -> Changed<'a, Rule> {
    let rule = playbook.rule(&Name::from(name)).expect("a rule").clone();
    Changed {
        now: rule,
        put_back: |playbook, changed| {
            let is_it = |rule: &&mut Rule| rule.name == changed.name;
            playbook.change_rules(|rules| {
                rules
                    .iter_mut()
                    .filter(is_it)
                    .for_each(|rule| *rule = changed.clone())
            });
        },
        playbook,
    }
}

pub(crate) fn task<'a>(playbook: &'a mut Playbook, name: &str) -> Changed<'a, TaskSpec> {
    let task = playbook.task(&Name::from(name)).expect("a task").clone();
    Changed {
        now: task,
        put_back: |playbook, changed| {
            let is_it = |task: &&mut TaskSpec| task.name == changed.name;
            playbook.change_tasks(|tasks| {
                tasks
                    .iter_mut()
                    .filter(is_it)
                    .for_each(|task| *task = changed.clone())
            });
        },
        playbook,
    }
}

/// A rule or a task as it is to be; in the playbook once it is let go.
pub(crate) struct Changed<'a, T> {
    playbook: &'a mut Playbook,
    now: T,
    put_back: fn(&mut Playbook, &T),
}

impl<T> Deref for Changed<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.now
    }
}

impl<T> DerefMut for Changed<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.now
    }
}

impl<T> Drop for Changed<'_, T> {
    fn drop(&mut self) {
        (self.put_back)(self.playbook, &self.now);
    }
}

pub(crate) fn role<'a>(playbook: &'a mut Playbook, name: &str) -> &'a mut Role {
    let mut roles = playbook.roles.iter_mut();
    roles.find(|role| role.name == *name).expect("a role")
}

pub(crate) fn visits(playbook: &mut Playbook) -> &mut VisitsSpec {
    playbook.visits.as_mut().expect("visits")
}

pub(crate) fn field<'a>(playbook: &'a mut Playbook, name: &str) -> &'a mut Field {
    let mut fields = playbook.fields.iter_mut();
    fields.find(|field| field.name == *name).expect("a field")
}

pub(crate) fn wait<'a>(playbook: &'a mut Playbook, name: &str) -> &'a mut WaitGroup {
    let mut waits = playbook.waits.iter_mut();
    waits.find(|wait| wait.name == *name).expect("a wait group")
}

pub(crate) fn stage<'a>(playbook: &'a mut Playbook, name: &str) -> &'a mut Stage {
    let mut stages = playbook.pipelines[0].stages.iter_mut();
    stages.find(|stage| stage.name == *name).expect("a stage")
}

pub(crate) fn pool(playbook: &mut Playbook) -> &mut PoolSpec {
    &mut playbook.pools[0]
}

pub(crate) fn change_late_assign(playbook: &mut Playbook, change: fn(&mut Assign)) {
    match rule(playbook, "first-contact.late").actions.first_mut() {
        Some(Action::Assign(assign)) => change(assign),
        other => panic!("not the first action: {other:?}"),
    }
}
