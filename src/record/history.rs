//! The history of a record: a chain of journal entries, each of which names the one before.
//!
//! Every [`History::STRIDE`]-th entry is a milestone and names the milestone before as well, so that
//! a long history is read in many places at once and not one entry after the other.

use serde::{Deserialize, Serialize};

use crate::ids::{CommandId, Id};

/// Where the history of a record ends, and how long it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The last command that touched the record.
    pub last: Option<CommandId>,
    /// The last one whose entry is a milestone.
    pub milestone: Option<CommandId>,
    /// How many commands touched it.
    pub length: u32,
}

/// A record to whose history a journal entry belongs, and where that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The record.
    pub record: Id,
    /// The command before, in the record's history.
    pub before: Option<CommandId>,
    /// The milestone before, if this is one.
    pub milestone: Option<CommandId>,
}

impl History {
    /// How many entries lie between one milestone and the next.
    pub const STRIDE: u32 = 16;

    /// The history with one more command, and how that command's entry goes on to it.
    #[must_use]
    pub fn and(self, command: CommandId, record: Id) -> (Self, Subject) {
        let is_milestone = self.length % Self::STRIDE == 0;
        let subject = Subject {
            record,
            before: self.last,
            milestone: self.milestone.filter(|_| is_milestone),
        };
        let history = Self {
            last: Some(command),
            milestone: if is_milestone {
                Some(command)
            } else {
                self.milestone
            },
            length: self.length.saturating_add(1),
        };
        (history, subject)
    }
}
