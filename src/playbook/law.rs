//! Laws: what must hold of leads in some stages, however they come there.

use smol_str::{SmolStr, format_smolstr};

use crate::condition::Condition;
use crate::ids::Name;
use crate::playbook::rule::StageRef;
use crate::record::Lead;

/// What must hold of a lead that comes into some stages, stands there or leaves them. A refusal lists
/// its name, a form shows its text.
#[derive(Clone, Debug)]
pub struct Law {
    /// Its stable name.
    pub name: Name,
    /// When it is asked.
    pub asked: Asked,
    /// Of which stages; of all, if empty.
    pub stages: Vec<StageRef>,
    /// What must hold.
    pub condition: Condition,
    /// What is asked for, in the organisation's language.
    pub text: SmolStr,
}

/// When a law is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Of whoever comes into its stages, and of whoever stands there: it can be broken later.
    Standing,
    /// Of whoever comes into its stages.
    Entering,
    /// Of whoever leaves its stages.
    Leaving,
}

words!(Asked {
    Standing = "stage",
    Entering = "entering",
    Leaving = "leaving"
});

impl Law {
    /// The rule that waits for the law's being broken by a lead that stands in its stages.
    #[must_use]
    pub fn rule_name(&self) -> Name {
        rule_of(&self.name)
    }

    /// Whether it is asked of a lead that has come to where it is.
    #[must_use]
    pub fn is_for_entering(&self, lead: &Lead) -> bool {
        self.asked != Asked::Leaving && self.is_for(&(&lead.pipeline, &lead.stage))
    }

    /// Whether it is asked of a lead that stands where it is; of a closed one only if it names that stage.
    #[must_use]
    pub fn is_for_standing(&self, lead: &Lead) -> bool {
        let names_stages = !self.stages.is_empty();
        self.asked == Asked::Standing
            && (lead.is_open() || names_stages)
            && self.is_for_entering(lead)
    }

    /// Whether it is asked of a lead that has left where it came from.
    #[must_use]
    pub fn is_for_leaving(&self, lead: &Lead) -> bool {
        let from = lead.came_from.as_ref();
        self.asked == Asked::Leaving
            && from.is_some_and(|(pipeline, stage)| self.is_for(&(pipeline, stage)))
    }

    fn is_for(&self, (pipeline, stage): &(&Name, &Name)) -> bool {
        self.stages.is_empty() || self.stages.iter().any(|at| at.is(pipeline, stage))
    }
}

/// The name of the rule that a standing law becomes: `NAME.broken`.
pub(crate) fn rule_of(law: &Name) -> Name {
    Name::from(format_smolstr!("{law}{BROKEN}"))
}

/// The law for whose being broken the rule of this name waits.
pub(super) fn law_of_rule<'a>(laws: &'a [Law], rule: &Name) -> Option<&'a Law> {
    let name = rule.as_str().strip_suffix(BROKEN)?;
    let mut standing = laws.iter().filter(|law| law.asked == Asked::Standing);
    standing.find(|law| law.name == *name)
}

/// What the names of these rules end with.
const BROKEN: &str = ".broken";
