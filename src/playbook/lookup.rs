//! The tasks and the rules of a playbook, and where those stand that every decision asks for.

use std::ops::Deref;

use rustc_hash::FxHashMap;

use crate::condition::Condition;
use crate::ids::Name;
use crate::playbook::law::{Law, law_of_rule};
use crate::playbook::pipeline::TaskSpec;
use crate::playbook::rule::{Anchor, Rule, StageRef};

/// The tasks of a playbook, in its order.
#[derive(Debug, Default)]
pub struct Tasks {
    all: Vec<TaskSpec>,
    places: FxHashMap<Name, usize>,
    /// Those whose `done` asks for `now`.
    done_by_time: Vec<usize>,
}

impl Tasks {
    pub(super) fn new(all: Vec<TaskSpec>) -> Self {
        let by_time = |task: &TaskSpec| task.done.as_ref().is_some_and(Condition::is_about_time);
        Self {
            places: by_name(all.iter().map(|task| &task.name)),
            done_by_time: places(&all, by_time),
            all,
        }
    }

    pub(super) fn named(&self, name: &Name) -> Option<&TaskSpec> {
        self.places.get(name).map(|place| &self.all[*place])
    }

    /// The tasks that can be done by time alone, and what completes them.
    pub(crate) fn done_by_time(&self) -> impl Iterator<Item = (&TaskSpec, &Condition)> {
        let tasks = self.done_by_time.iter().map(|place| &self.all[*place]);
        tasks.filter_map(|task| Some((task, task.done.as_ref()?)))
    }

    pub(super) fn into_vec(self) -> Vec<TaskSpec> {
        self.all
    }
}

impl Deref for Tasks {
    type Target = [TaskSpec];

    fn deref(&self) -> &[TaskSpec] {
        &self.all
    }
}

impl<'a> IntoIterator for &'a Tasks {
    type Item = &'a TaskSpec;
    type IntoIter = std::slice::Iter<'a, TaskSpec>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter()
    }
}

/// The rules of a playbook, in its order.
#[derive(Debug, Default)]
pub struct Rules {
    all: Vec<Rule>,
    places: FxHashMap<Name, usize>,
    /// The rules for each stage of which a rule speaks, those for any stage among them.
    at_stages: Vec<(StageRef, Vec<usize>)>,
    /// The rules for any stage.
    anywhere: Vec<usize>,
    waiting_for_laws: Vec<usize>,
    waiting_for_others: Vec<usize>,
}

impl Rules {
    pub(super) fn new(all: Vec<Rule>, laws: &[Law]) -> Self {
        let is_anywhere = |rule: &Rule| rule.scope.stages.is_empty();
        let mut stages: Vec<&StageRef> = all.iter().flat_map(|rule| &rule.scope.stages).collect();
        stages.sort_unstable();
        stages.dedup();
        let at_stages = stages.into_iter().map(|at| {
            let is_for = |rule: &Rule| is_anywhere(rule) || rule.scope.stages.contains(at);
            (at.clone(), places(&all, is_for))
        });
        let waits = |rule: &Rule| matches!(rule.anchor, Anchor::Turns(_));
        let is_of_law = |rule: &Rule| law_of_rule(laws, &rule.name).is_some();
        Self {
            places: by_name(all.iter().map(|rule| &rule.name)),
            at_stages: at_stages.collect(),
            anywhere: places(&all, is_anywhere),
            waiting_for_laws: places(&all, |rule| waits(rule) && is_of_law(rule)),
            waiting_for_others: places(&all, |rule| waits(rule) && !is_of_law(rule)),
            all,
        }
    }

    pub(super) fn named(&self, name: &Name) -> Option<&Rule> {
        self.places.get(name).map(|place| &self.all[*place])
    }

    /// The rules for a stage, those for any stage among them, in the order of the playbook.
    pub(crate) fn at(&self, pipeline: &Name, stage: &Name) -> impl Iterator<Item = &Rule> {
        // Few, and names that are not the same mostly differ in their length.
        let mut stages = self.at_stages.iter();
        let spoken_of = stages.find(|(at, _)| at.is(pipeline, stage));
        let places = spoken_of.map_or(&self.anywhere, |(_, places)| places);
        places.iter().map(|place| &self.all[*place])
    }

    /// The rules that wait for a law to be broken, and what they wait for.
    pub(crate) fn waiting_for_laws(&self) -> impl Iterator<Item = (&Rule, &Condition)> {
        self.waiting_in(&self.waiting_for_laws)
    }

    /// The rules that wait for other conditions.
    pub(crate) fn waiting_for_others(&self) -> impl Iterator<Item = (&Rule, &Condition)> {
        self.waiting_in(&self.waiting_for_others)
    }

    fn waiting_in<'a>(
        &'a self,
        places: &'a [usize],
    ) -> impl Iterator<Item = (&'a Rule, &'a Condition)> {
        places.iter().filter_map(|place| {
            let rule = &self.all[*place];
            match &rule.anchor {
                Anchor::Turns(condition) => Some((rule, condition)),
                _ => None,
            }
        })
    }

    pub(super) fn into_vec(self) -> Vec<Rule> {
        self.all
    }
}

impl Deref for Rules {
    type Target = [Rule];

    fn deref(&self) -> &[Rule] {
        &self.all
    }
}

impl<'a> IntoIterator for &'a Rules {
    type Item = &'a Rule;
    type IntoIter = std::slice::Iter<'a, Rule>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter()
    }
}

/// Where those stand in a list that are meant.
fn places<T>(list: &[T], is_meant: impl Fn(&T) -> bool) -> Vec<usize> {
    let list = list.iter().enumerate();
    let meant = list.filter(|(_, one)| is_meant(one));
    meant.map(|(place, _)| place).collect()
}

fn by_name<'a>(names: impl Iterator<Item = &'a Name>) -> FxHashMap<Name, usize> {
    let mut places = FxHashMap::default();
    for (place, name) in names.enumerate() {
        places.entry(name.clone()).or_insert(place);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::Playbook;

    fn names<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Vec<&'a Name> {
        rules.into_iter().map(|rule| &rule.name).collect()
    }

    fn looked_up_is_as_listed(playbook: &Playbook) {
        for task in &playbook.tasks {
            assert_eq!(playbook.task(&task.name).unwrap().name, task.name);
        }
        for rule in &playbook.rules {
            assert_eq!(playbook.rule(&rule.name).unwrap().name, rule.name);
        }
        assert!(playbook.rule(&"nobody's".into()).is_none());
        let is_anywhere = |rule: &&Rule| rule.scope.stages.is_empty();
        for at in &playbook.stages {
            let is_for = |rule: &&Rule| is_anywhere(rule) || rule.scope.stages.contains(at);
            let found = names(playbook.rules.at(&at.pipeline, &at.stage));
            assert_eq!(found, names(playbook.rules.iter().filter(is_for)), "{at}");
        }
        let found = names(playbook.rules.at(&"no".into(), &"stage".into()));
        assert_eq!(found, names(playbook.rules.iter().filter(is_anywhere)));
        let of_law = |rule: &&Rule| playbook.law_of_rule(&rule.name).is_some();
        let waits = |rule: &&Rule| matches!(rule.anchor, Anchor::Turns(_));
        let waiting = || playbook.rules.iter().filter(waits);
        let found = names(playbook.rules.waiting_for_laws().map(|(rule, _)| rule));
        assert_eq!(found, names(waiting().filter(of_law)));
        let found = names(playbook.rules.waiting_for_others().map(|(rule, _)| rule));
        assert_eq!(found, names(waiting().filter(|rule| !of_law(rule))));
        let by_time = |task: &&TaskSpec| task.done.as_ref().is_some_and(Condition::is_about_time);
        let found = playbook.tasks.done_by_time().map(|(task, _)| &task.name);
        let by_time = playbook.tasks.iter().filter(by_time);
        assert!(found.eq(by_time.map(|task| &task.name)));
    }

    #[test]
    fn what_is_looked_up_is_what_the_lists_say() {
        let mut playbook = Playbook::load("playbooks/platform-onboarding").unwrap();
        assert!(playbook.rules.waiting_for_laws().count() > 0);
        looked_up_is_as_listed(&playbook);
        let by_time = playbook.condition("entered_at <= now - 2d").unwrap();
        playbook.change_rules(|rules| drop(rules.remove(0)));
        playbook.change_tasks(|tasks| {
            tasks.remove(0);
            tasks[1].done = Some(by_time);
        });
        assert!(playbook.tasks.done_by_time().count() > 0);
        looked_up_is_as_listed(&playbook);
    }
}
