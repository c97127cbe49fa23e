//! The laws of fairness, over pools in which people are away, come back, are full, join and leave.

use std::collections::BTreeMap;
use std::sync::Arc;

use leadkit::assign::{Answer, Question, TURN, choose, take_turn};
use leadkit::ids::AgentId;
use leadkit::playbook::Playbook;
use leadkit::playbook::people::PoolSpec;
use leadkit::record::agent::Absence;
use leadkit::record::pool::{AgentCopy, Member};
use leadkit::record::workload::Tally;
use leadkit::record::{Agent, Pool};
use leadkit::time::{Elapsed, Instant};
use proptest::prelude::*;

use crate::shop::{PREMISES, at};

const POOLS: &str = r#"
[role.seller]
may = ["*"]

[pool.weighted]
members = 'available'
choose  = "weighted"

[pool.evenly]
members = 'available'
choose  = "evenly"

[pool.best]
members = 'available'

[pipeline.sales]
start = "new"

[pipeline.sales.stage]
new = { to = { won = [] } }
won = { final = "won", to = ["new"] }

[[route]]
to = "sales.new"
"#;

fn playbook() -> Playbook {
    let folder = leadkit::playbook::load::Folder {
        playbook: format!("{PREMISES}{POOLS}"),
        ..Default::default()
    };
    Playbook::read(&folder).unwrap()
}

fn start() -> Instant {
    at("2026-03-02T09:00:00Z")
}

/// What is thrown for a member: leads received and won, the capacity, and when it is away, in hours.
type Thrown = (u32, u32, u32, Option<(i64, i64)>);

fn thrown() -> impl Strategy<Value = Thrown> {
    let away = prop::option::of((0_i64..200, 1_i64..60));
    (10_u32..60, 0_u32..20, 0_u32..80, away)
}

fn member(n: usize, thrown: Thrown) -> Member {
    let (received, won, capacity, away) = thrown;
    let id = AgentId::from(format!("agent-{n:02}"));
    let email = "anybody@example.com".parse().unwrap();
    let mut agent = Agent::new(id.clone(), "Ana".into(), email, "seller".into());
    agent.capacity = Some(capacity);
    agent.absences = away
        .map(|(from, hours)| absence(from, hours))
        .into_iter()
        .collect();
    let mut tally = Tally::over(Elapsed::days(180));
    (0..received).for_each(|_| tally.receive(start()));
    (0..won.min(received)).for_each(|_| tally.win(start()));
    Member {
        agent: id,
        copy: Arc::new(AgentCopy::of(&agent)),
        load: 0,
        tally,
        credit: 0,
    }
}

fn absence(from: i64, hours: i64) -> Absence {
    let from = start() + Elapsed::hours(from);
    Absence {
        from,
        until: from + Elapsed::hours(hours),
    }
}

/// By how many leads somebody can be off the share: by one at each turn, and by what the past left to be
/// made good.
const LEADS_OFF: f64 = 6.0;

/// What happens before a lead.
#[derive(Clone, Copy, Debug)]
enum Change {
    Nothing,
    Joins(Thrown),
    Leaves(usize),
    ClosesALead(usize),
    WinsALead(usize),
    IsAvailable(usize, bool),
    /// So many days pass without a lead, and what was won is forgotten.
    Passes(i64),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        20 => Just(Change::Nothing),
        1 => thrown().prop_map(Change::Joins),
        1 => (0_usize..12).prop_map(Change::Leaves),
        4 => (0_usize..12).prop_map(Change::ClosesALead),
        4 => (0_usize..12).prop_map(Change::WinsALead),
        1 => (0_i64..300).prop_map(Change::Passes),
        1 => (0_usize..12, any::<bool>()).prop_map(|(n, is)| Change::IsAvailable(n, is)),
    ]
}

/// A pool that lives, an hour from lead to lead.
struct Life<'a> {
    spec: &'a PoolSpec,
    pool: Pool,
    now: Instant,
    joined: usize,
}

impl<'a> Life<'a> {
    fn of(spec: &'a PoolSpec, members: &[Thrown]) -> Self {
        let joined = members.len();
        let members = members.iter().enumerate();
        Self {
            spec,
            pool: Pool {
                choose: spec.choose,
                members: members.map(|(n, thrown)| member(n, *thrown)).collect(),
            },
            now: start(),
            joined,
        }
    }

    fn undergo(&mut self, change: Change) {
        let count = self.pool.members.len();
        match change {
            Change::Joins(thrown) => {
                let mut member = member(self.joined, thrown);
                member.credit = self.pool.credit_of_newcomer(0, TURN);
                self.pool.members.push(member);
                self.joined += 1;
            }
            Change::Leaves(n) if n < count && count > 1 => {
                self.pool.members.remove(n);
            }
            Change::ClosesALead(n) if n < count => {
                let load = &mut self.pool.members[n].load;
                *load = load.saturating_sub(1);
            }
            Change::WinsALead(n) if n < count => {
                let member = &mut self.pool.members[n];
                member.load = member.load.saturating_sub(1);
                member.tally.win(self.now);
            }
            Change::Passes(days) => self.now += Elapsed::days(days),
            Change::IsAvailable(n, is) if n < count => {
                Arc::make_mut(&mut self.pool.members[n].copy).available = is;
            }
            _ => {}
        }
    }

    fn ask(&self) -> Answer {
        choose(self.spec, &self.pool, &Question::default(), self.now)
    }

    /// Gives the next lead; tells to whom.
    fn give(&mut self) -> Option<AgentId> {
        let answer = self.ask();
        assert_eq!(answer, self.ask(), "the same pool chooses otherwise");
        self.now += Elapsed::hours(1);
        let place = answer.chosen?;
        take_turn(&mut self.pool, &answer);
        let member = &mut self.pool.members[place];
        member.load += 1;
        member.tally.receive(self.now);
        Some(member.agent.clone())
    }

    fn may_have_one(&self, member: &Member) -> bool {
        let copy = &member.copy;
        copy.available
            && !copy.absences.iter().any(|absence| absence.covers(self.now))
            && member.load < copy.capacity.unwrap()
    }

    /// What a turn is worth for each who may have a lead now.
    fn weights(&self) -> BTreeMap<AgentId, f64> {
        let ranked = |member: &Member| {
            // Everybody else is passed over, so that this one's conversion is told.
            let others = self.pool.members.iter().map(|other| other.agent.clone());
            let not: Vec<AgentId> = others.filter(|other| *other != member.agent).collect();
            let question = Question {
                not: &not,
                ..Question::default()
            };
            let answer = choose(self.spec, &self.pool, &question, self.now);
            let ranked = answer.reasons.ranked.first()?;
            let weight = match self.spec.name.as_str() {
                "weighted" => f64::from(ranked.conversion_permille.max(1)),
                _ => 1.0,
            };
            Some((member.agent.clone(), weight))
        };
        self.pool.members.iter().filter_map(ranked).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever gets a lead could have it; and if anybody could, somebody got it.
    #[test]
    fn nobody_gets_a_lead_who_is_unavailable_away_full_or_gone(
        members in prop::collection::vec(thrown(), 1..8),
        changes in prop::collection::vec(change(), 200),
    ) {
        let playbook = playbook();
        for spec in &playbook.pools {
            let mut life = Life::of(spec, &members);
            for change in &changes {
                life.undergo(*change);
                let could: Vec<AgentId> = life
                    .pool
                    .members
                    .iter()
                    .filter(|member| life.may_have_one(member))
                    .map(|member| member.agent.clone())
                    .collect();
                match life.give() {
                    Some(agent) => prop_assert!(could.contains(&agent), "{agent} got one"),
                    None => prop_assert!(could.is_empty(), "{could:?} could have had one"),
                }
            }
        }
    }

    /// The same history gives the same assignments.
    #[test]
    fn the_same_history_gives_the_same_assignments(
        members in prop::collection::vec(thrown(), 1..8),
        changes in prop::collection::vec(change(), 200),
    ) {
        let playbook = playbook();
        for spec in &playbook.pools {
            let live = || -> Vec<Option<AgentId>> {
                let mut life = Life::of(spec, &members);
                changes.iter().map(|change| { life.undergo(*change); life.give() }).collect()
            };
            prop_assert_eq!(live(), live());
        }
    }

    /// Whatever happened before: over any 200 leads among the same members nobody is further from
    /// the share, as it is at each lead, than the leads that the past can leave to be made good.
    #[test]
    fn over_any_two_hundred_leads_each_gets_the_share(
        members in prop::collection::vec(thrown(), 2..8),
        changes in prop::collection::vec(change(), 0..120),
    ) {
        let playbook = playbook();
        for spec in playbook.pools.iter().filter(|spec| spec.name != "best") {
            let mut life = Life::of(spec, &members);
            for change in &changes {
                life.undergo(*change);
                life.give();
            }
            // From now on they are all there, with room.
            for member in &mut life.pool.members {
                let copy = Arc::make_mut(&mut member.copy);
                (copy.available, copy.capacity) = (true, Some(1_000));
                copy.absences.clear();
            }
            let mut off: BTreeMap<AgentId, f64> = BTreeMap::new();
            for turn in 1..=200_u32 {
                let weights = life.weights();
                let sum: f64 = weights.values().sum();
                for (agent, weight) in weights {
                    *off.entry(agent).or_default() -= weight / sum;
                }
                *off.entry(life.give().unwrap()).or_default() += 1.0;
                for (agent, off) in &off {
                    prop_assert!(off.abs() <= LEADS_OFF, "{agent} is {off} leads off after {turn}");
                }
            }
        }
    }

    /// What the past can leave to be made good is little, however many come, go and are away, and whatever
    /// they win.
    #[test]
    fn nobody_is_ever_owed_more_than_a_few_leads(
        members in prop::collection::vec(thrown(), 2..8),
        changes in prop::collection::vec(change(), 200),
    ) {
        let playbook = playbook();
        for spec in playbook.pools.iter().filter(|spec| spec.name != "best") {
            let mut life = Life::of(spec, &members);
            for change in &changes {
                life.undergo(*change);
                life.give();
                for member in &life.pool.members {
                    let owed = member.credit as f64 / TURN as f64;
                    prop_assert!(owed.abs() <= LEADS_OFF, "{} is owed {owed} leads", member.agent);
                }
            }
        }
    }

    /// Who comes back after a long time, in which less was won than before, is not given one lead after the
    /// other, nor none at all.
    #[test]
    fn who_comes_back_is_not_flooded_and_does_not_starve(
        members in prop::collection::vec(thrown(), 2..8),
        changes in prop::collection::vec(change(), 0..120),
        days in 0_i64..400,
    ) {
        let playbook = playbook();
        for spec in playbook.pools.iter().filter(|spec| spec.name != "best") {
            let mut life = Life::of(spec, &members);
            for change in &changes {
                life.undergo(*change);
                life.give();
            }
            life.now += Elapsed::days(days);
            for member in &mut life.pool.members {
                let copy = Arc::make_mut(&mut member.copy);
                (copy.available, copy.capacity) = (true, Some(1_000));
                copy.absences.clear();
            }
            let mut in_a_row = (None, 0);
            for _ in 0..100 {
                let agent = life.give();
                in_a_row = if in_a_row.0 == agent { (agent, in_a_row.1 + 1) } else { (agent, 1) };
                let count = life.pool.members.len();
                let weights = life.weights();
                let sum: f64 = weights.values().sum();
                let most = weights.values().fold(0.0, |most: f64, weight| most.max(*weight));
                // Who is alone, or wins almost all, gets almost all.
                let many = count > 1 && most / sum < 0.75 && in_a_row.1 > 12;
                prop_assert!(!many, "{} in a row of {count}", in_a_row.1);
            }
        }
    }

    /// A newcomer gets the share from the first lead on, and no more.
    #[test]
    fn a_new_agent_is_not_flooded(
        members in prop::collection::vec(thrown(), 2..8),
        before in 0_usize..150,
        newcomer in thrown(),
    ) {
        let playbook = playbook();
        for spec in playbook.pools.iter().filter(|spec| spec.name != "best") {
            let all_there = |(received, won, _, _): Thrown| (received, won, 1_000, None);
            let members: Vec<Thrown> = members.iter().map(|thrown| all_there(*thrown)).collect();
            let mut life = Life::of(spec, &members);
            for _ in 0..before {
                life.give();
            }
            life.undergo(Change::Joins(all_there(newcomer)));
            let new = life.pool.members.last().unwrap().agent.clone();
            let mut off = 0.0;
            for turn in 1..=200_u32 {
                let weights = life.weights();
                off -= weights[&new] / weights.values().sum::<f64>();
                if life.give().unwrap() == new {
                    off += 1.0;
                }
                prop_assert!(off.abs() <= 1.5, "{off} off after {turn}");
            }
        }
    }
}
