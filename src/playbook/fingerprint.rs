//! What tells a rule from a changed one.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use crate::ids::hash128;
use crate::playbook::pipeline::TaskSpec;
use crate::playbook::rule::{Anchor, Rule};

/// A stable hash over a rule's name and what determines when it fires.
///
/// A changed playbook takes leads over rule by rule: one whose fingerprint their former playbook
/// had goes on as it was, any other is new to them. What a rule does, its `if`, and what its
/// calendar holds don't count: none of them moves its time to another anchor or delay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fingerprint(u64);

impl Fingerprint {
    fn over(parts: &[SmolStr]) -> Self {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        let [a, b, c, d, e, f, g, h, ..] = hash128(&parts);
        Self(u64::from_le_bytes([a, b, c, d, e, f, g, h]))
    }
}

impl Rule {
    /// The rule with its fingerprint. `task` is the one whose deadline it counts from, if it
    /// counts from one: what moves the deadline moves the rule.
    #[must_use]
    pub(crate) fn fingerprinted(mut self, task: Option<&TaskSpec>) -> Self {
        let text = |part: &dyn fmt::Display| format_smolstr!("{part}");
        let optional = |part: Option<&dyn fmt::Display>| match part {
            Some(part) => format_smolstr!("{part}"),
            None => SmolStr::default(),
        };
        let mut parts = vec![
            text(&self.name),
            text(&self.scope),
            text(&self.anchor),
            text(&self.delay),
            text(&self.calendar.name()),
            optional(self.every.as_ref().map(|every| every as _)),
            optional(self.until.as_ref().map(|until| until as _)),
            text(&self.stopped_by),
            text(&self.late),
        ];
        if let Some(task) = task {
            parts.extend([
                optional(task.within.as_ref().map(|within| within as _)),
                text(&task.calendar.name()),
                text(&task.stopped_by),
            ]);
        }
        self.fingerprint = Fingerprint::over(&parts);
        self
    }

    /// The fingerprint of the condition that it waits for: since when that is true of a lead is
    /// still known under a changed playbook that waits for the same one.
    #[must_use]
    pub fn condition_fingerprint(&self) -> Option<Fingerprint> {
        let Anchor::Turns(condition) = &self.anchor else {
            return None;
        };
        let parts = [self.name.as_str(), condition.source()];
        Some(Fingerprint::over(&parts.map(SmolStr::from)))
    }
}
