//! Stages in which an open lead can go cold: nothing ever comes due there.

use crate::playbook::Playbook;
use crate::playbook::rule::{Anchor, Leads, Rule, StageRef};

impl Playbook {
    /// The stages in which an open lead may come to have nothing due for ever: no rule comes there
    /// again and again by time alone.
    ///
    /// A rule counts if it is for all stages or for this one, has no last occurrence, and begins with
    /// the lead (`registered`, `assigned`, `entered`, `touched`) or with a condition that asks for
    /// `now`. That its `if` or `until` may be in the way is not looked at.
    #[must_use]
    pub fn cold_stages(&self) -> Vec<StageRef> {
        let rules: Vec<&Rule> = self
            .rules
            .iter()
            .filter(|rule| rule.comes_again())
            .collect();
        let mut cold = Vec::new();
        for pipeline in &self.pipelines {
            let stages = pipeline.stages.iter();
            for stage in stages.filter(|stage| stage.outcome.is_none()) {
                let is_for = |rule: &&Rule| {
                    let mut stages = rule.scope.stages.iter();
                    rule.scope.stages.is_empty()
                        || stages.any(|at| at.is(&pipeline.name, &stage.name))
                };
                if !rules.iter().any(is_for) {
                    cold.push(StageRef {
                        pipeline: pipeline.name.clone(),
                        stage: stage.name.clone(),
                    });
                }
            }
        }
        cold
    }
}

impl Rule {
    /// Whether it looks after quiet leads: it comes for open ones again and again, by time alone.
    pub(super) fn comes_again(&self) -> bool {
        let is_endless = self.every.is_some_and(|every| every.at_most.is_none());
        let begins = match &self.anchor {
            Anchor::Registered
            | Anchor::Assigned
            | Anchor::Team
            | Anchor::Entered
            | Anchor::Touched => true,
            Anchor::Turns(condition) => condition.is_about_time(),
            _ => false,
        };
        is_endless && begins && self.scope.leads != Leads::Closed
    }
}
