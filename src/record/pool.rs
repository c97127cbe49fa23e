//! A pool: the agents among whom leads are assigned, with what assignment must know of them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{AgentId, Name};
use crate::playbook::people::{AgentList, Choose};
use crate::record::agent::{Absence, Agent};
use crate::record::compared::{Compared, ComparedList};
use crate::record::members::Members;
use crate::record::workload::Tally;
use crate::time::Instant;

/// The members of one pool of the playbook, their load, their record and their shares.
///
/// All of it stands in one record, so that an assignment is decided on one consistent view
/// and two assignments at once can't overfill anybody. Load and tallies are the agents' own and
/// copied here from each one's [`Workload`](super::Workload), in the commit that changes them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// How it chooses, and so what its members' credits count.
    pub choose: Choose,
    /// The members, in the order of their ids; at most [`Pool::MOST`].
    pub members: Members,
}

impl Pool {
    /// How many members a pool can have.
    pub const MOST: usize = 5_000;

    /// Where an agent stands among the members, or belongs.
    ///
    /// # Errors
    /// Where the agent belongs, if it is no member.
    pub fn place_of(&self, agent: &AgentId) -> Result<usize, usize> {
        self.members.place_of(agent)
    }

    /// The credit of somebody who joins with a debt, which is nothing or negative, where a lead
    /// counts so much: who owes one gets it back in a round of turns.
    ///
    /// Who joins stands where the others are on the mean and is owed nothing, whatever they are
    /// owed: nobody is flooded. Who left after having got a lead still owes it, so that a pause
    /// doesn't jump the queue; but nobody waits for more than a round because of it.
    #[must_use]
    pub fn credit_of_newcomer(&self, debt: i64, turn: i64) -> i64 {
        let debt = debt.min(0).max(turn.saturating_neg());
        mean_of(&self.members, None).saturating_add(debt)
    }

    /// What a member owes the others, as nothing or a negative number: how far its credit is
    /// below their mean.
    #[must_use]
    pub fn debt_of(&self, member: &Member) -> i64 {
        let mean = mean_of(&self.members, Some(&member.agent));
        member.credit.saturating_sub(mean).min(0)
    }
}

/// The mean credit of all members but one.
fn mean_of(members: &[Member], but: Option<&AgentId>) -> i64 {
    let counted = members.iter().filter(|member| Some(&member.agent) != but);
    let (sum, count) = counted.fold((0_i128, 0_i128), |(sum, count), member| {
        (sum + i128::from(member.credit), count + 1)
    });
    i64::try_from(sum / count.max(1)).unwrap_or(0)
}

/// One agent in a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The agent.
    pub agent: AgentId,
    /// What assignment asks of the agent.
    pub copy: Arc<AgentCopy>,
    /// How many open leads the agent holds, in all pipelines; copied from its workload.
    pub load: u32,
    /// What became of the agent's leads over the pool's window; copied from its workload.
    pub tally: Tally,
    /// What the agent is owed by the turns of this pool, in parts of a lead: a whole one is
    /// [`TURN`](crate::assign::TURN). What one member gains the others lose.
    pub credit: i64,
}

/// What a pool keeps of an agent; whoever sets the agent up renews it in the same commit. Whether
/// the agent is away or at work is judged by it when a lead is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentCopy {
    /// The role.
    pub role: Name,
    /// The team.
    pub team: Option<Name>,
    /// The cities, as they are compared, in order.
    pub cities: ComparedList,
    /// The zones, likewise.
    pub zones: ComparedList,
    /// The skills, likewise.
    pub skills: ComparedList,
    /// How many open leads the agent can hold, if the agent has a number of its own.
    pub capacity: Option<u32>,
    /// Whether the agent takes leads.
    pub available: bool,
    /// The agent's own hours, by the name of their calendar.
    pub hours: Option<Name>,
    /// When the agent is away.
    pub absences: Vec<Absence>,
}

impl AgentCopy {
    /// The copy of an agent as it is.
    #[must_use]
    pub fn of(agent: &Agent) -> Self {
        Self {
            role: agent.role.clone(),
            team: agent.team.clone(),
            cities: ComparedList::of(&agent.cities),
            zones: ComparedList::of(&agent.zones),
            skills: ComparedList::of(&agent.skills),
            capacity: agent.capacity,
            available: agent.available,
            hours: agent.hours.clone(),
            absences: agent.absences.clone(),
        }
    }

    /// Whether one of the agent's lists holds this.
    #[must_use]
    #[inline]
    pub fn has(&self, list: AgentList, wanted: &Compared) -> bool {
        let list = match list {
            AgentList::Cities => &self.cities,
            AgentList::Zones => &self.zones,
            AgentList::Skills => &self.skills,
        };
        list.has(wanted)
    }

    /// Whether the agent is away at an instant.
    #[must_use]
    pub fn is_away(&self, at: Instant) -> bool {
        self.absences.iter().any(|absence| absence.covers(at))
    }
}

/// Why a pool chose an agent: kept with the lead and in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reasons {
    /// The pool.
    pub pool: Name,
    /// The agents who could have had the lead, the chosen first, at most [`Reasons::MOST`].
    pub ranked: Vec<Ranked>,
    /// How many could have had it.
    pub eligible: u32,
    /// Who was passed over and why, at most [`Reasons::MOST`].
    pub passed_over: Vec<(AgentId, PassedOver)>,
}

impl Reasons {
    /// How many agents are kept in each list.
    pub const MOST: usize = 8;
}

/// An agent who could have had a lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// The agent.
    pub agent: AgentId,
    /// The conversion, shrunk towards the team's mean, in thousandths.
    pub conversion_permille: u32,
    /// The open leads held.
    pub load: u32,
    /// The capacity.
    pub capacity: u32,
}

/// Why an agent did not get a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PassedOver {
    /// Agents of this role own no leads.
    OwnsNoLeads,
    /// The agent takes no leads now.
    Unavailable,
    /// The agent is away.
    Absent,
    /// The agent is not at work now, and the pool asks for it.
    OffHours,
    /// The agent does not take this city's leads.
    OtherCity,
    /// The agent does not take this zone's leads.
    OtherZone,
    /// The agent doesn't know what the lead asks for.
    LacksSkill,
    /// The agent holds as many open leads as it can.
    Full,
    /// The agent had this lead before.
    HadItBefore,
    /// The agent already holds this contact in its base.
    HoldsTheContact,
}

words!(PassedOver {
    OwnsNoLeads = "owns-no-leads",
    Unavailable = "unavailable",
    Absent = "absent",
    OffHours = "off-hours",
    OtherCity = "other-city",
    OtherZone = "other-zone",
    LacksSkill = "lacks-skill",
    Full = "full",
    HadItBefore = "had-it-before",
    HoldsTheContact = "holds-the-contact",
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Elapsed;

    fn pool(credits: &[i64]) -> Pool {
        let member = |(n, credit): (usize, &i64)| Member {
            agent: AgentId::from(format!("agent-{n}")),
            copy: Arc::new(AgentCopy::of(&Agent::new(
                "anybody".into(),
                "Anybody".into(),
                "anybody@example.com".parse().unwrap(),
                "seller".into(),
            ))),
            load: 0,
            tally: Tally::over(Elapsed::days(180)),
            credit: *credit,
        };
        Pool {
            choose: Choose::Evenly,
            members: credits.iter().enumerate().map(member).collect(),
        }
    }

    #[test]
    fn who_is_new_stands_where_the_others_are_on_the_mean() {
        // Many left just after a lead: those who stayed are owed theirs, the newcomer is not.
        assert_eq!(pool(&[9, 7, 5]).credit_of_newcomer(0, 4), 7);
        assert_eq!(pool(&[]).credit_of_newcomer(0, 0), 0);
        // What somebody was owed before is not made up for.
        assert_eq!(pool(&[9, 7, 5]).credit_of_newcomer(3, 4), 7);
    }

    #[test]
    fn a_debt_is_kept_and_is_at_most_a_round() {
        let mut pool = pool(&[1, 1, 1, -3]);
        let debt = pool.debt_of(&pool.members[3]);
        assert_eq!(debt, -4);
        let left = pool.members.remove(&"agent-3".into()).unwrap();
        assert_eq!(pool.credit_of_newcomer(debt, 4), left.credit);
        assert_eq!(pool.credit_of_newcomer(-1_000, 4), left.credit);
        assert_eq!(pool.debt_of(&pool.members[0]), 0);
    }
}
