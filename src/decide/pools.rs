//! Pools and workloads: who is in which pool, what each agent has on hand, and the copies of it
//! that the pools keep.
//!
//! The law: what a pool says of a member's load and record is what the agent's workload says, and
//! the workload's load is the number of open leads that the agent owns.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::assign;
use crate::decide::Stop;
use crate::decide::draft::Draft;
use crate::decide::refusal::Refusal;
use crate::ids::{AgentId, Name};
use crate::playbook::catalogue::MemberFacts;
use crate::playbook::people::PoolSpec;
use crate::record::agent::Group;
use crate::record::pool::{AgentCopy, Member};
use crate::record::{Agent, Pool, TenantRecord, Workload};
use crate::store::Key;
use crate::time::{Elapsed, Instant};

/// Changes what an agent has on hand, there and in all pools that have the agent. It is told when
/// what is decided happened.
pub(crate) fn change_workload(
    draft: &mut Draft<'_>,
    agent: &AgentId,
    change: impl FnOnce(&mut Workload, Instant),
) -> Result<(), Stop> {
    let key = Key::workload(draft.tenant, agent);
    let mut workload: Workload = draft.read(&key)?.unwrap_or_default();
    let pools: Vec<Key> = workload
        .pools
        .iter()
        .map(|pool| Key::pool(draft.tenant, pool))
        .collect();
    draft.need(pools.iter().cloned())?;
    workload.forget_ahead(draft.now);
    change(&mut workload, draft.happened_at);
    for key in &pools {
        let pool = draft.look_at::<Pool>(key)?;
        let Some(Ok(place)) = pool.map(|pool| pool.place_of(agent)) else {
            continue;
        };
        draft.change_pool(key, |pool| {
            let Some(figures) = pool.members.figures(place) else {
                return;
            };
            *figures.load = workload.load;
            let mut tallies = workload.tallies.iter();
            if let Some(tally) = tallies.find(|tally| tally.is_like(figures.tally)) {
                *figures.tally = tally.clone();
            }
        })?;
    }
    draft.put(key, workload, None);
    Ok(())
}

/// An agent as a member of a pool, with a credit that is still to be said.
fn member_of(agent: &Agent, workload: &Workload, spec: &PoolSpec) -> Member {
    Member {
        agent: agent.id.clone(),
        copy: Arc::new(AgentCopy::of(agent)),
        load: workload.load,
        tally: workload.tally(spec.over),
        credit: 0,
    }
}

fn belongs(member: &Member, spec: &PoolSpec, now: Instant) -> bool {
    let facts = MemberFacts {
        member,
        default_capacity: spec.capacity,
    };
    spec.members.holds(&facts, now)
}

/// The windows over which the pools of the playbook count.
fn windows(draft: &Draft<'_>) -> Vec<Elapsed> {
    draft.playbook.pools.iter().map(|spec| spec.over).collect()
}

fn keys_of_pools(draft: &Draft<'_>) -> Vec<Key> {
    let pools = draft.playbook.pools.iter();
    pools
        .map(|spec| Key::pool(draft.tenant, &spec.name))
        .collect()
}

/// The records that [`place_agent`] will read.
pub(crate) fn foreseen(draft: &Draft<'_>, agent: &AgentId) -> Vec<Key> {
    let mut keys = keys_of_pools(draft);
    keys.push(Key::workload(draft.tenant, agent));
    keys
}

/// Puts an agent that was made or changed into the pools whose condition holds, and out of the
/// others.
pub(crate) fn place_agent(draft: &mut Draft<'_>, agent: &Agent) -> Result<(), Stop> {
    let (playbook, now) = (draft.playbook, draft.now);
    let key = Key::workload(draft.tenant, &agent.id);
    let before: Option<Workload> = draft.read(&key)?;
    let mut workload = before.clone().unwrap_or_default();
    workload.keep_windows(&windows(draft), now);
    for (spec, key) in playbook.pools.iter().zip(keys_of_pools(draft)) {
        let empty = Pool::default();
        let pool = draft.look_at::<Pool>(&key)?.unwrap_or(&empty);
        let known = pool.place_of(&agent.id);
        let mut member = member_of(agent, &workload, spec);
        let belongs = agent.left_at.is_none() && belongs(&member, spec, now);
        let member = match (known, belongs) {
            (Err(_), false) => continue,
            (Ok(place), true) => {
                member.credit = pool.members[place].credit;
                if pool.members[place] == member {
                    continue;
                }
                Some(member)
            }
            (Ok(place), false) => {
                let debt = pool.debt_of(&pool.members[place]);
                leave(&mut workload, &spec.name, debt);
                None
            }
            (Err(_), true) => {
                bound(pool.members.len() + 1)?;
                let debt = join(&mut workload, &spec.name);
                member.credit = pool.credit_of_newcomer(debt, assign::TURN);
                Some(member)
            }
        };
        draft.change_pool(&key, |pool| {
            pool.choose = spec.choose;
            match member {
                Some(member) => pool.members.put(member),
                None => drop(pool.members.remove(&agent.id)),
            }
        })?;
    }
    if before.as_ref() != Some(&workload) {
        draft.put(key, workload, None);
    }
    Ok(())
}

fn bound(members: usize) -> Result<(), Refusal> {
    if members <= Pool::MOST {
        return Ok(());
    }
    Err(Refusal::TooMany {
        sort: "members of one pool",
        most: Pool::MOST,
    })
}

/// Notes that the agent is in a pool now; what it owes there is no longer to be remembered.
fn join(workload: &mut Workload, pool: &Name) -> i64 {
    if let Err(place) = workload.pools.binary_search(pool) {
        workload.pools.insert(place, pool.clone());
    }
    let debt = workload.debts.iter().find(|(name, _)| name == pool);
    let debt = debt.map_or(0, |(_, debt)| *debt);
    workload.debts.retain(|(name, _)| name != pool);
    debt
}

fn leave(workload: &mut Workload, pool: &Name, debt: i64) {
    workload.pools.retain(|name| name != pool);
    workload.debts.retain(|(name, _)| name != pool);
    if debt < 0 {
        workload.debts.push((pool.clone(), debt));
    }
}

/// Makes the pools of a playbook that is adopted, from all agents that there are: from this
/// commit on there is no pool but the playbook's. Who was in a pool of the same name that chooses
/// in the same way keeps its turn.
pub(crate) fn rebuild(draft: &mut Draft<'_>, before: &TenantRecord) -> Result<(), Stop> {
    let playbook = draft.playbook;
    let tenant = draft.tenant;
    let old = before.pools.iter().map(|pool| Key::pool(tenant, pool));
    let vanishing: Vec<Key> = old
        .filter(|key| !keys_of_pools(draft).contains(key))
        .collect();
    let groups: Vec<Key> = before
        .roles
        .iter()
        .map(|role| Key::role(tenant, role))
        .collect();
    let pools = keys_of_pools(draft);
    draft.need(groups.iter().chain(&pools).chain(&vanishing).cloned())?;
    let mut agents = everybody(draft, &groups)?;
    let windows = windows(draft);
    for (_, _, workload) in agents.values_mut() {
        workload.keep_windows(&windows, draft.now);
        workload.pools.clear();
        workload
            .debts
            .retain(|(pool, _)| playbook.pool(pool).is_some());
    }
    for (spec, key) in playbook.pools.iter().zip(pools) {
        let known: Option<Pool> = draft.read(&key)?;
        let pool = rebuilt(spec, known.as_ref(), &mut agents, draft.now)?;
        if known.as_ref() != Some(&pool) {
            draft.put(key, pool, None);
        }
    }
    for key in vanishing {
        if draft.look_at::<Pool>(&key)?.is_some() {
            draft.remove(key);
        }
    }
    for (id, (_, before, workload)) in agents {
        if before.as_ref() != Some(&workload) {
            draft.put(Key::workload(tenant, &id), workload, None);
        }
    }
    Ok(())
}

/// Agents, each with its workload as it was and as it is to be.
type Agents = BTreeMap<AgentId, (Agent, Option<Workload>, Workload)>;

fn everybody(draft: &mut Draft<'_>, groups: &[Key]) -> Result<Agents, Stop> {
    let mut ids: Vec<AgentId> = Vec::new();
    for group in groups {
        let group = draft.look_at::<Group>(group)?;
        ids.extend(
            group
                .into_iter()
                .flat_map(|group| group.members.iter().cloned()),
        );
    }
    let tenant = draft.tenant;
    let keys = ids
        .iter()
        .flat_map(|id| [Key::agent(tenant, id), Key::workload(tenant, id)]);
    draft.need(keys)?;
    let mut agents = Agents::new();
    for id in ids {
        let agent: Option<Agent> = draft.read(&Key::agent(tenant, &id))?;
        let workload: Option<Workload> = draft.read(&Key::workload(tenant, &id))?;
        if let Some(agent) = agent {
            let after = workload.clone().unwrap_or_default();
            agents.insert(id, (agent, workload, after));
        }
    }
    Ok(agents)
}

fn rebuilt(
    spec: &PoolSpec,
    known: Option<&Pool>,
    agents: &mut Agents,
    now: Instant,
) -> Result<Pool, Stop> {
    // Credits of another way to choose count something else: all begin anew.
    let comparable = known.filter(|known| known.choose == spec.choose);
    let mut staying = Vec::new();
    let mut newcomers = Vec::new();
    for (id, (agent, _, workload)) in agents.iter_mut() {
        let mut member = member_of(agent, workload, spec);
        let was = comparable.and_then(|known| Some(&known.members[known.place_of(id).ok()?]));
        if comparable.is_none() {
            workload.debts.retain(|(pool, _)| *pool != spec.name);
        }
        match (was, belongs(&member, spec, now)) {
            (None, false) => {}
            (Some(was), false) => {
                let debt = comparable.map_or(0, |known| known.debt_of(was));
                leave(workload, &spec.name, debt);
            }
            (Some(was), true) => {
                join(workload, &spec.name);
                member.credit = was.credit;
                staying.push(member);
            }
            (None, true) => newcomers.push((join(workload, &spec.name), member)),
        }
    }
    let mut pool = Pool {
        choose: spec.choose,
        members: staying.into_iter().collect(),
    };
    // They all join the same pool: none of them is before another.
    for (debt, member) in &mut newcomers {
        member.credit = pool.credit_of_newcomer(*debt, assign::TURN);
    }
    pool.members
        .extend(newcomers.into_iter().map(|(_, member)| member));
    bound(pool.members.len())?;
    Ok(pool)
}
