//! Agents who leave, and who takes over.

use serde::{Deserialize, Serialize};

use crate::ids::{AgentId, Name};

/// An agent who leaves, and who takes over.
///
/// An heir is a pool of the playbook, which then chooses, or an agent, by name; a name that both
/// have is the pool's. What no heir can take is nobody's (`owner is missing`), and the rules of the
/// playbook say what then.
///
/// ```
/// use leadkit::decide::command::Leaving;
/// let leaving = Leaving::new("ana", "digital")
///     .in_pipeline("care", "bea")
///     .or_else("supervisors");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    /// Who leaves.
    pub agent: AgentId,
    /// Who takes the leads.
    pub to: Name,
    /// Who takes those of some pipelines, by the pipeline.
    pub in_pipelines: Vec<(Name, Name)>,
    /// Who takes what the others can't: who are full, for instance, or know the contact already.
    pub otherwise: Option<Name>,
}

impl Leaving {
    /// This agent leaves, and this pool or agent takes over.
    pub fn new(agent: impl Into<AgentId>, to: impl Into<Name>) -> Self {
        Self {
            agent: agent.into(),
            to: to.into(),
            in_pipelines: Vec::new(),
            otherwise: None,
        }
    }

    /// In this pipeline another one takes over.
    #[must_use]
    pub fn in_pipeline(mut self, pipeline: impl Into<Name>, to: impl Into<Name>) -> Self {
        self.in_pipelines.push((pipeline.into(), to.into()));
        self
    }

    /// What the others can't take falls to this one.
    #[must_use]
    pub fn or_else(mut self, to: impl Into<Name>) -> Self {
        self.otherwise = Some(to.into());
        self
    }

    /// To whom a lead of a pipeline falls, in the order in which they are asked.
    pub fn heirs_in(&self, pipeline: &Name) -> impl Iterator<Item = &Name> {
        let own = self.in_pipelines.iter();
        let own = own.rev().find(|(known, _)| known == pipeline);
        let first = own.map_or(&self.to, |(_, heir)| heir);
        std::iter::once(first).chain(&self.otherwise)
    }
}
