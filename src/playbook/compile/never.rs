//! What can never be, and what always is: conditions that contradict themselves or where they stand,
//! rules that can't fire, and those that can do nothing but fire.
//!
//! Only what is certain is a fault. What decides nothing does no harm: that is a warning.

use smol_str::{SmolStr, format_smolstr};

use super::check::is_dead_end;
use super::leads;
use super::places::Places;
use crate::condition::{Condition, Known};
use crate::ids::Name;
use crate::playbook::Playbook;
use crate::playbook::fault::FaultKind;
use crate::playbook::law::{Asked, Law};
use crate::playbook::people::Choose;
use crate::playbook::pipeline::{Fixed, Stage};
use crate::playbook::read::Source;
use crate::playbook::rule::{Action, Anchor, Late, Leads, Rule, StageRef};

/// Finds what can never be, which is a fault.
pub(super) fn check(playbook: &Playbook, file: &Source<'_>, places: &Places) {
    let finding = Finding {
        playbook,
        file,
        places,
        is_whole: file.faults.borrow().is_empty(),
    };
    for rule in &playbook.rules {
        finding.rule_that_never_fires(rule);
        if finding.is_whole {
            finding.move_without_a_way(rule);
        }
    }
    for need in &playbook.needs {
        let path = format!("need.{}.if", need.name);
        finding.never_holds(&need.condition, &leads::of_any(), "the need", &path);
    }
    for (name, condition) in fixed(playbook) {
        let path = format!("field.{name}.fixed");
        finding.never_holds(condition, &leads::of_any(), "`fixed`", &path);
    }
    for law in &playbook.laws {
        let path = format!("law.{}.if", law.name);
        finding.never_holds(&law.condition, &finding.known_of(law), "the law", &path);
    }
    for task in &playbook.tasks {
        let section = if task.is_service_level { "sla" } else { "task" };
        let path = format!("{section}.{}.done", task.name);
        if let Some(done) = &task.done {
            finding.never_holds(done, &leads::of_any(), "`done`", &path);
        }
    }
    for pool in &playbook.pools {
        let path = format!("pool.{}.members", pool.name);
        finding.never_holds(&pool.members, &Known::default(), "`members`", &path);
    }
    finding.routes();
}

/// Finds what always is, to warn of it.
pub(super) fn warn(playbook: &Playbook, file: &Source<'_>, places: &Places) {
    let finding = Finding {
        playbook,
        file,
        places,
        is_whole: true,
    };
    let of_laws = |rule: &&Rule| playbook.law_of_rule(&rule.name).is_some();
    for rule in playbook.rules.iter().filter(|rule| !of_laws(rule)) {
        finding.condition_that_decides_nothing(rule);
        finding.task_that_is_done_at_once(rule);
    }
    finding.pools_without_a_win();
    for law in &playbook.laws {
        if !law.condition.can_fail(&finding.known_of(law)) {
            let of = format_smolstr!("the law `{}`", law.name);
            let place = places.at(&format!("law.{}.if", law.name));
            file.fault(place, FaultKind::AlwaysHolds { of }, None);
        }
    }
    for (name, condition) in fixed(playbook) {
        if !condition.can_fail(&leads::of_any()) {
            let of = format_smolstr!("what fixes the field `{name}`");
            let place = places.at(&format!("field.{name}.fixed"));
            let hint = "if it is never to be changed, write `fixed = true`";
            file.fault(place, FaultKind::AlwaysHolds { of }, Some(hint.into()));
        }
    }
    for need in &playbook.needs {
        if !need.condition.can_fail(&leads::of_any()) {
            let of = format_smolstr!("the need `{}`", need.name);
            let place = places.at(&format!("need.{}.if", need.name));
            file.fault(place, FaultKind::AlwaysHolds { of }, None);
        }
    }
}

/// The conditions under which fields are changed no more.
fn fixed(playbook: &Playbook) -> impl Iterator<Item = (&Name, &Condition)> {
    playbook
        .fields
        .iter()
        .filter_map(|field| match &field.fixed {
            Fixed::While(condition) => Some((&field.name, condition)),
            Fixed::Never | Fixed::FromRegistration => None,
        })
}

const WITHOUT_IT: &str = "without it the rule is the same";
const FROM_THE_START: &str = "if it is meant from the start, say `on = \"registered\"`";

/// A stage, as faults name it.
fn told((at, _): &(StageRef, &Stage)) -> SmolStr {
    format_smolstr!("`{}`", at.stage)
}

struct Finding<'a> {
    playbook: &'a Playbook,
    file: &'a Source<'a>,
    places: &'a Places,
    /// Whether nothing else is wrong. Else a stage that can't be read would be missed everywhere.
    is_whole: bool,
}

impl Finding<'_> {
    /// What is known of the leads for which a rule is.
    fn known<'k>(&self, rule: &Rule) -> Known<'k> {
        match self.is_whole {
            true => leads::of_rule(self.playbook, rule),
            false => Known::default(),
        }
    }

    /// What is known of the leads of which a law is asked.
    fn known_of<'k>(&self, law: &Law) -> Known<'k> {
        let mut known = leads::of_any();
        if self.is_whole && law.asked != Asked::Leaving && !law.stages.is_empty() {
            let stages = law.stages.iter();
            let stages: Vec<(StageRef, &Stage)> = stages
                .filter_map(|at| Some((at.clone(), self.playbook.stage(&at.pipeline, &at.stage)?)))
                .collect();
            leads::are_in(&mut known, &stages);
        }
        known
    }

    fn rule_that_never_fires(&self, rule: &Rule) {
        // What is wrong with a law is said of the law.
        if self.playbook.law_of_rule(&rule.name).is_some() {
            return;
        }
        let Some((why, keys)) = self.why_never(rule) else {
            return;
        };
        let (_, place) = self.places.part_of_rule(&rule.name, keys);
        let rule = rule.name.as_str().into();
        self.file
            .fault(place, FaultKind::NeverFires { rule, why }, None);
    }

    /// Why a rule can never fire, and under which keys that is said.
    fn why_never(&self, rule: &Rule) -> Option<(&'static str, &'static [&'static str])> {
        let all_final = self.is_for_final_stages(rule);
        if all_final && rule.scope.leads == Leads::Open {
            return Some(("its stages are final, and it is for open leads", &["stage"]));
        }
        if rule.scope.leads == Leads::Closed && self.is_for_open_stages(rule) {
            let why = "none of its stages is final, and it is for closed leads";
            return Some((why, &["stage", "pipeline"]));
        }
        if rule.delay.is_negative() && !rule.anchor.may_lie_ahead() && rule.late == Late::Skip {
            let why = "it is due before what it counts from happens; only a date lies ahead";
            return Some((why, &["after"]));
        }
        let mut known = self.known(rule);
        if let Anchor::Turns(when) = &rule.anchor {
            if !when.can_hold(&Known::default()) {
                return Some(("its `when` contradicts itself", &["when"]));
            }
            if !when.can_hold(&known) {
                return Some((
                    "its `when` can't hold of the leads that it is for",
                    &["when"],
                ));
            }
            known.assume(when, true);
        }
        if let Some(only_if) = &rule.only_if {
            if !only_if.can_hold(&Known::default()) {
                return Some(("its `if` or `unless` contradicts itself", &["if", "unless"]));
            }
            if !only_if.can_hold(&known) {
                let why = "its `if` or `unless` can't be met by the leads that it is for then";
                return Some((why, &["if", "unless"]));
            }
        }
        let until = rule.until.as_ref()?;
        let ends_at_once = !until.can_fail(&known);
        ends_at_once.then_some(("its `until` holds from the start", &["until"]))
    }

    fn is_for_final_stages(&self, rule: &Rule) -> bool {
        self.all_stages(rule, |stage| stage.outcome.is_some())
    }

    fn is_for_open_stages(&self, rule: &Rule) -> bool {
        self.all_stages(rule, |stage| stage.outcome.is_none())
    }

    /// Whether this is so of all stages that a rule names. A stage that can't be read is not known.
    fn all_stages(&self, rule: &Rule, is_so: impl Fn(&Stage) -> bool) -> bool {
        let mut stages = rule.scope.stages.iter();
        !rule.scope.stages.is_empty()
            && stages.all(|at| {
                let stage = self.playbook.stage(&at.pipeline, &at.stage);
                stage.is_some_and(&is_so)
            })
    }

    /// Says that a rule moves leads where no way leads: from none of its stages, or not from each that
    /// it names and in which it can fire.
    fn move_without_a_way(&self, rule: &Rule) {
        let mut actions = rule.actions.iter().flat_map(Action::with_fallbacks);
        let Some(to) = actions.find_map(|action| match action {
            Action::Move { stage, .. } => Some(stage),
            _ => None,
        }) else {
            return;
        };
        let stages = leads::stages_of(self.playbook, rule);
        let leads_there = |stage: &Stage| stage.ways.iter().any(|way| way.to == *to);
        let is_stuck = |(at, stage): &&(StageRef, &Stage)| {
            !leads_there(stage) && at.stage != *to && self.can_fire_in(rule, at, stage)
        };
        let names_none = rule.scope.stages.is_empty();
        // Of one without ways to others it is told by itself.
        let has_ways = |(_, stage): &&(StageRef, &Stage)| !is_dead_end(stage);
        let from: Vec<SmolStr> = match stages.iter().any(|(_, stage)| leads_there(stage)) {
            true if names_none => return,
            true => stages
                .iter()
                .filter(is_stuck)
                .filter(has_ways)
                .map(told)
                .collect(),
            false => stages.iter().filter(has_ways).map(told).collect(),
        };
        if from.is_empty() {
            return;
        }
        let kind = FaultKind::NoWay {
            rule: rule.name.as_str().into(),
            from: from.join(", ").into(),
            to: to.as_str().into(),
        };
        let hint = format_smolstr!("give the stage a way: to = [\"{to}\"]");
        let (_, place) = self.places.part_of_rule(&rule.name, &["do"]);
        self.file.fault(place, kind, Some(hint));
    }

    /// Whether a rule can fire for leads in this one of its stages.
    fn can_fire_in(&self, rule: &Rule, at: &StageRef, stage: &Stage) -> bool {
        let mut known = self.known(rule);
        leads::are_in(&mut known, &[(at.clone(), stage)]);
        if let Anchor::Turns(when) = &rule.anchor {
            known.assume(when, true);
        }
        let only_if = rule.only_if.as_ref();
        known.is_possible() && only_if.is_none_or(|only_if| only_if.can_hold(&known))
    }

    fn never_holds(&self, condition: &Condition, known: &Known<'_>, of: &str, path: &str) {
        if condition.can_hold(known) {
            return;
        }
        let name = path.split('.').nth(1).unwrap_or_default();
        let of = format_smolstr!("{of} of `{name}`");
        self.file
            .fault(self.places.at(path), FaultKind::NeverHolds { of }, None);
    }

    fn routes(&self) {
        let mut known = leads::of_any();
        let mut takes_all = false;
        for (place, route) in self.playbook.routes.iter().enumerate() {
            let path = format!("route.{place}");
            let place = self.places.at(&format!("{path}.if"));
            match &route.only_if {
                _ if takes_all || !known.is_possible() => {
                    let hint =
                        "the first route whose `if` holds counts; one without `if` stands last";
                    self.file.fault(
                        self.places.at(&path),
                        FaultKind::NeverTaken,
                        Some(hint.into()),
                    );
                }
                Some(condition) if !condition.can_hold(&leads::of_any()) => {
                    let of = "the condition of this route".into();
                    self.file.fault(place, FaultKind::NeverHolds { of }, None);
                }
                Some(condition) if !condition.can_hold(&known) => {
                    self.file.fault(place, FaultKind::NeverTaken, None);
                }
                Some(condition) => known.assume(condition, false),
                // Its `if` can't be read, so nobody knows which leads it takes.
                None if self.places.is_there(&format!("{path}.if")) => {}
                None => takes_all = true,
            }
        }
    }

    /// Warns of pools that choose by who won most, where no stage is said to be won.
    fn pools_without_a_win(&self) {
        let mut stages = self.playbook.pipelines.iter().flat_map(|of| &of.stages);
        if stages.any(|stage| stage.outcome.as_ref().is_some_and(|word| *word == *"won")) {
            return;
        }
        let choose = self.playbook.pools.iter();
        for pool in choose.filter(|pool| pool.choose != Choose::Evenly) {
            let place = self.places.at(&format!("pool.{}.choose", pool.name));
            let pool = pool.name.as_str().into();
            let hint = "say `final = \"won\"` where leads are won, or `choose = \"evenly\"`";
            self.file
                .fault(place, FaultKind::NoneWon { pool }, Some(hint.into()));
        }
    }

    fn condition_that_decides_nothing(&self, rule: &Rule) {
        let mut known = self.known(rule);
        let warn = |word: &'static str| {
            let (key, place) = self.places.part_of_rule(&rule.name, &[word, "unless"]);
            let of = format_smolstr!("`{}` of the rule `{}`", key.unwrap_or(word), rule.name);
            // `if` and `unless` are one condition: where that holds, `unless` doesn't.
            let (kind, hint) = match (key, word) {
                (Some("unless"), _) => (FaultKind::NeverHolds { of }, WITHOUT_IT),
                (_, "when") => (FaultKind::AlwaysHolds { of }, FROM_THE_START),
                _ => (FaultKind::AlwaysHolds { of }, WITHOUT_IT),
            };
            self.file.fault(place, kind, Some(hint.into()));
        };
        if let Anchor::Turns(when) = &rule.anchor {
            if !when.can_fail(&known) {
                warn("when");
            }
            known.assume(when, true);
        }
        if let Some(only_if) = &rule.only_if {
            if !only_if.can_fail(&known) {
                warn("if");
            }
        }
    }

    /// Warns of a task that is done as soon as a rule opens it.
    fn task_that_is_done_at_once(&self, rule: &Rule) {
        let is_quiet = |action: &Action| {
            matches!(
                action,
                Action::Task(_) | Action::Send(_) | Action::Notify { .. }
            )
        };
        if !rule.actions.iter().all(is_quiet) {
            return;
        }
        let mut known = self.known(rule);
        if let Anchor::Turns(when) = &rule.anchor {
            known.assume(when, true);
        }
        if let Some(only_if) = &rule.only_if {
            known.assume(only_if, true);
        }
        for action in &rule.actions {
            let Action::Task(task) = action else {
                continue;
            };
            let done = self.playbook.task(task).and_then(|task| task.done.as_ref());
            if done.is_some_and(|done| !done.can_fail(&known)) {
                let (_, place) = self
                    .places
                    .part_of_rule(&rule.name, &["do", "done", "first"]);
                let of = format_smolstr!(
                    "`done` of `{task}`, where the rule `{}` opens it,",
                    rule.name
                );
                let hint = "the task ends as soon as it is opened".into();
                self.file
                    .fault(place, FaultKind::AlwaysHolds { of }, Some(hint));
            }
        }
    }
}
