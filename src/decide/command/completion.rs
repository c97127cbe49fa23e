//! Tasks to complete: with a choice, and with what that asks for.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::ids::Name;
use crate::value::Value;

/// A task to complete.
///
/// ```
/// use leadkit::decide::command::Completion;
/// let lost = Completion::new("decide")
///     .choice("lost")
///     .reason("Too dear")
///     .field("competitor", "Acme");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// Which task.
    pub task: Name,
    /// The choice, where the task asks for one.
    pub choice: Option<Name>,
    /// The fields that the choice asks for.
    pub fields: Vec<(Name, Option<Value>)>,
    /// Why, where the choice asks for a reason.
    pub reason: Option<SmolStr>,
}

impl Completion {
    /// Of this task.
    pub fn new(task: impl Into<Name>) -> Self {
        Self {
            task: task.into(),
            choice: None,
            fields: Vec::new(),
            reason: None,
        }
    }

    /// With this choice.
    #[must_use]
    pub fn choice(mut self, choice: impl Into<Name>) -> Self {
        self.choice = Some(choice.into());
        self
    }

    /// With this value of a field.
    #[must_use]
    pub fn field(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.fields.push((name.into(), Some(value.into())));
        self
    }

    /// For this reason.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<SmolStr>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}
