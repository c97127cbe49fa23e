//! Permissions: who may do what is in the playbook (requirement Z4).

use smol_str::format_smolstr;

use crate::decide::Stop;
use crate::decide::command::{Actor, What};
use crate::decide::draft::Draft;
use crate::decide::refusal::Refusal;
use crate::ids::Name;
use crate::playbook::people::{Over, Permission, Role};
use crate::record::{Agent, Lead};
use crate::store::Key;

/// Refuses what the actor may not do. The host may do everything, and so may rules and sweeps:
/// a sweep was permitted when it was started.
pub(crate) fn permit(draft: &Draft<'_>, what: &What, lead: Option<&Lead>) -> Result<(), Stop> {
    let Some(agent) = acting_agent(draft)? else {
        return Ok(());
    };
    let role = permit_agent(draft, agent, Permission::to_do(what))?;
    let Some(lead) = lead else {
        return Ok(());
    };
    let owner = lead.owner.as_ref();
    let is_theirs = match role.over {
        Over::All => true,
        Over::Own => owner.is_none_or(|owner| owner.agent == agent.id),
        Over::Team => owner.is_none_or(|owner| {
            owner.agent == agent.id || (owner.team.is_some() && owner.team == agent.team)
        }),
    };
    if is_theirs {
        return Ok(());
    }
    let owner = lead.owner_id().cloned();
    Err(Refusal::NotTheirs {
        actor: agent.id.as_str().into(),
        owner,
    }
    .into())
}

/// Refuses an agent whose role does not have a permission.
pub(crate) fn permit_agent<'a>(
    draft: &Draft<'a>,
    agent: &Agent,
    permission: Permission,
) -> Result<&'a Role, Stop> {
    let role = draft.playbook.role(&agent.role);
    role.filter(|role| role.may.contains(&permission))
        .ok_or_else(|| {
            not_permitted(draft, permission.word(), |role| {
                role.may.contains(&permission)
            })
        })
}

/// The agent who acts, or `None` if it is the host, a rule or a sweep.
pub(crate) fn acting_agent<'d>(draft: &'d Draft<'_>) -> Result<Option<&'d Agent>, Stop> {
    let Actor::Agent(id) = &draft.actor else {
        return Ok(None);
    };
    match draft.hint::<Agent>(&Key::agent(draft.tenant, id))? {
        Some(agent) => Ok(Some(agent)),
        None => Err(Refusal::NoSuchAgent(id.clone()).into()),
    }
}

/// Refuses an agent whose role is not among these. An empty list lets everybody through.
pub(crate) fn permit_roles(draft: &Draft<'_>, doing: &str, roles: &[Name]) -> Result<(), Stop> {
    if roles.is_empty() {
        return Ok(());
    }
    match acting_agent(draft)? {
        Some(agent) if !roles.contains(&agent.role) => Err(not_permitted(draft, doing, |role| {
            roles.contains(&role.name)
        })),
        _ => Ok(()),
    }
}

fn not_permitted(draft: &Draft<'_>, permission: &str, may: impl Fn(&Role) -> bool) -> Stop {
    let who_may = draft.playbook.roles.iter().filter(|role| may(role));
    let refusal = Refusal::NotPermitted {
        actor: format_smolstr!("{}", draft.actor),
        permission: permission.into(),
        who_may: who_may.map(|role| role.name.clone()).collect(),
    };
    refusal.into()
}
