//! Referrals in scenarios: a step asks for a code, and a later one registers a lead with it.

use super::Asked;
use super::names::{Names, Sort};
use super::refusals::Refused;
use super::world::World;
use crate::decide::command::NewLead;
use crate::engine::Error;
use crate::ids::AgentId;
use crate::playbook::read::Section;

/// `{ by = "rita" }`, for oneself; `{ agent = "rita", by = "host:portal" }`.
pub(super) fn read(
    section: &mut Section<'_>,
    names: &Names<'_>,
    refused: &Refused,
    asked: &Asked,
) -> Option<AgentId> {
    let agent = match asked.by.as_agent() {
        Some(by) => match section.optional("agent") {
            Some(node) => node,
            None => return Some(by.clone()),
        },
        None => section.required("agent")?,
    };
    let id = agent.text()?;
    if !refused.is_for(Sort::Agent, "agent") {
        names.check(Sort::Agent, &agent, id);
    }
    Some(id.into())
}

/// A registration says whose code it is; the code itself nobody can know beforehand. What is no
/// agent's name stays as it is said.
pub(super) async fn with_code(world: &World, new: &NewLead) -> Result<Box<NewLead>, Error> {
    let mut new = Box::new(new.clone());
    let Some(said) = &new.referral else {
        return Ok(new);
    };
    let agent = AgentId::from(said.clone());
    if let Some(agent) = world.tenant().agent(&agent).await? {
        let code = agent.referral_code;
        new.referral = code.map(|code| code.as_str().into()).or(new.referral);
    }
    Ok(new)
}
