//! The laws of fairness, over pools in which people are away, come back, are full, join and leave.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{Datelike, Timelike};
use leadkit::assign::{Answer, Question, TURN, choose, take_turn, wanted};
use leadkit::calendar::Zone;
use leadkit::ids::AgentId;
use leadkit::playbook::Playbook;
use leadkit::playbook::people::PoolSpec;
use leadkit::record::agent::Absence;
use leadkit::record::fields::Fields;
use leadkit::record::pool::{AgentCopy, Member};
use leadkit::record::workload::Tally;
use leadkit::record::{Agent, Pool};
use leadkit::time::{Elapsed, Instant};
use leadkit::value::Value;
use proptest::prelude::*;

use crate::shop::{PREMISES, at};

const POOLS: &str = r#"
[role.seller]
may = ["*"]

[field]
city = { type = "text" }

[pool.weighted]
members = 'available'
match   = "city"
choose  = "weighted"

[pool.evenly]
members = 'available'
match   = "city"
choose  = "evenly"

[pool.best]
members = 'available'
match   = "city"

[pool.at-work]
members = 'available'
match   = "city"
choose  = "evenly"
only    = "at-work"

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

const CITIES: [&str; 3] = ["Quito", "Loja", "Ambato"];

/// What is thrown for a member.
#[derive(Clone, Copy, Debug)]
struct Thrown {
    received: u32,
    won: u32,
    capacity: u32,
    /// From when on and how long it is away, in hours.
    away: Option<(i64, i64)>,
    /// A bit for each of its cities.
    cities: u8,
}

impl Thrown {
    /// There all the time, with room, in all cities.
    fn all_there(self) -> Self {
        Self {
            capacity: 1_000,
            away: None,
            cities: u8::MAX,
            ..self
        }
    }

    fn cities(self) -> impl Iterator<Item = &'static str> {
        let is_there = move |n: &usize| self.cities & (1 << n) != 0;
        (0..CITIES.len()).filter(is_there).map(|n| CITIES[n])
    }
}

fn thrown() -> impl Strategy<Value = Thrown> {
    let away = prop::option::of((0_i64..200, 1_i64..60));
    (10_u32..60, 0_u32..20, 0_u32..80, away, 1_u8..8).prop_map(
        |(received, won, capacity, away, cities)| Thrown {
            received,
            won,
            capacity,
            away,
            cities,
        },
    )
}

/// A lead: of which city, if it says so, who had it before, and who holds its contact.
#[derive(Clone, Debug)]
struct Coming {
    city: Option<usize>,
    had_it: Vec<usize>,
    holds_it: Option<usize>,
}

/// One of all cities in which members are, for those who are in all.
const ANY: Coming = Coming {
    city: Some(0),
    had_it: Vec::new(),
    holds_it: None,
};

fn coming() -> impl Strategy<Value = Coming> {
    (
        prop::option::weighted(0.95, 0..CITIES.len()),
        prop::collection::vec(0_usize..12, 0..3),
        prop::option::weighted(0.3, 0_usize..12),
    )
        .prop_map(|(city, had_it, holds_it)| Coming {
            city,
            had_it,
            holds_it,
        })
}

/// A lead that says its city, and that nobody had or holds.
fn of_a_city() -> impl Strategy<Value = Coming> {
    (0..CITIES.len()).prop_map(|city| Coming {
        city: Some(city),
        ..ANY
    })
}

fn id(n: usize) -> AgentId {
    AgentId::from(format!("agent-{n:02}"))
}

fn member(n: usize, thrown: Thrown) -> Member {
    let email = "anybody@example.com".parse().unwrap();
    let mut agent = Agent::new(id(n), "Ana".into(), email, "seller".into());
    agent.capacity = Some(thrown.capacity);
    agent.cities = thrown.cities().map(Into::into).collect();
    agent.absences = thrown
        .away
        .map(|(from, hours)| absence(from, hours))
        .into_iter()
        .collect();
    let mut tally = Tally::over(Elapsed::days(180));
    (0..thrown.received).for_each(|_| tally.receive(start()));
    (0..thrown.won.min(thrown.received)).for_each(|_| tally.win(start()));
    Member {
        agent: id(n),
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

/// How many leads somebody can be owed, or have had too many, where so many take turns and the largest weight
/// is this part of all.
///
/// Nobody has more than one too many: whoever gets a lead was owed no less than all others. And who is owed
/// most is owed more than each of the others by no more than a turn adds: among two of them at most half a
/// lead, among three a third, .., and never more than the largest weight.
fn reach(members: usize, largest: f64) -> f64 {
    let turns = 2..=members.max(1);
    let adds = turns.map(|among| largest.min(1.0 / among as f64));
    1.0 + adds.sum::<f64>()
}

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
    /// All who ever joined, by their numbers.
    joined: Vec<Thrown>,
    /// Where the shop is, which works from nine to five.
    zone: Zone,
}

impl<'a> Life<'a> {
    fn of(spec: &'a PoolSpec, members: &[Thrown]) -> Self {
        let joined = members.to_vec();
        let members = members.iter().enumerate();
        Self {
            spec,
            pool: Pool {
                choose: spec.choose,
                members: members.map(|(n, thrown)| member(n, *thrown)).collect(),
            },
            now: start(),
            joined,
            zone: "Europe/Madrid".parse().unwrap(),
        }
    }

    fn undergo(&mut self, change: Change) {
        let count = self.pool.members.len();
        match change {
            Change::Joins(thrown) => {
                let mut member = member(self.joined.len(), thrown);
                member.credit = self.pool.credit_of_newcomer(0, TURN);
                self.pool.members.put(member);
                self.joined.push(thrown);
            }
            Change::Leaves(n) if n < count && count > 1 => {
                let agent = self.pool.members[n].agent.clone();
                self.pool.members.remove(&agent);
            }
            Change::ClosesALead(n) if n < count => {
                let load = self.pool.members.figures(n).unwrap().load;
                *load = load.saturating_sub(1);
            }
            Change::WinsALead(n) if n < count => {
                let figures = self.pool.members.figures(n).unwrap();
                *figures.load = figures.load.saturating_sub(1);
                figures.tally.win(self.now);
            }
            Change::Passes(days) => self.now += Elapsed::days(days),
            Change::IsAvailable(n, is) if n < count => {
                let mut member = self.pool.members[n].clone();
                Arc::make_mut(&mut member.copy).available = is;
                self.pool.members.put(member);
            }
            _ => {}
        }
    }

    fn ask(&self, lead: &Coming) -> Answer {
        self.ask_but(lead, &[])
    }

    fn ask_but(&self, lead: &Coming, not: &[AgentId]) -> Answer {
        let mut fields = Fields::default();
        let city = lead.city.map(|city| Value::from(CITIES[city]));
        fields.set("city".into(), city);
        let had_it = lead.had_it.iter().map(|n| id(*n));
        let not: Vec<AgentId> = had_it.chain(not.iter().cloned()).collect();
        let holders: Vec<AgentId> = lead.holds_it.map(id).into_iter().collect();
        let question = Question {
            wanted: wanted(self.spec, &fields),
            not: &not,
            holders: &holders,
            ..Question::default()
        };
        choose(self.spec, &self.pool, &question, self.now)
    }

    /// Gives the next lead; tells to whom.
    fn give(&mut self, lead: &Coming) -> Option<AgentId> {
        let answer = self.ask(lead);
        assert_eq!(answer, self.ask(lead), "the same pool chooses otherwise");
        self.now += Elapsed::hours(1);
        let place = answer.chosen?;
        take_turn(&mut self.pool, &answer);
        let figures = self.pool.members.figures(place).unwrap();
        *figures.load += 1;
        figures.tally.receive(self.now);
        Some(self.pool.members[place].agent.clone())
    }

    /// Said once more by hand.
    fn may_have(&self, member: &Member, lead: &Coming) -> bool {
        let copy = &member.copy;
        let n: usize = member.agent.as_str()["agent-".len()..].parse().unwrap();
        let works_there = |city: usize| self.joined[n].cities & (1 << city) != 0;
        let is_office_time = || {
            let local = self.zone.to_local(self.now);
            local.weekday().number_from_monday() < 6 && (9..17).contains(&local.hour())
        };
        copy.available
            && !copy.absences.iter().any(|absence| absence.covers(self.now))
            && member.load < copy.capacity.unwrap()
            && lead.city.is_some_and(works_there)
            && !lead.had_it.contains(&n)
            && lead.holds_it != Some(n)
            && (self.spec.name != "at-work" || is_office_time())
    }

    /// What a turn is worth for each who may have this lead.
    fn weights(&self, lead: &Coming) -> BTreeMap<AgentId, f64> {
        let ranked = |member: &Member| {
            // Everybody else is passed over, so that this one's conversion is told.
            let others = self.pool.members.iter().map(|other| other.agent.clone());
            let not: Vec<AgentId> = others.filter(|other| *other != member.agent).collect();
            let answer = self.ask_but(lead, &not);
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

/// How far each is off the share of the leads that it could have had, since it joined: now, and at most in
/// either direction.
#[derive(Default)]
struct Off(BTreeMap<AgentId, [f64; 3]>);

impl Off {
    /// Counts a lead among those who could have it; tells the largest part that was anybody's.
    fn count(&mut self, weights: &BTreeMap<AgentId, f64>, given: Option<&AgentId>) -> f64 {
        let sum: f64 = weights.values().sum();
        let mut largest: f64 = 0.0;
        for (agent, weight) in weights {
            let [off, least, most] = self.0.entry(agent.clone()).or_default();
            *off -= weight / sum;
            *off += f64::from(u8::from(given == Some(agent)));
            (*least, *most) = (least.min(*off), most.max(*off));
            largest = largest.max(weight / sum);
        }
        largest
    }

    /// How far anybody was off over any run of leads.
    fn furthest(&self) -> f64 {
        let spans = self.0.values().map(|[_, least, most]| most - least);
        spans.fold(0.0, f64::max)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever gets a lead could have it; and if anybody could, somebody got it.
    #[test]
    fn nobody_gets_a_lead_who_is_unavailable_away_full_or_gone(
        members in prop::collection::vec(thrown(), 1..8),
        changes in prop::collection::vec((change(), coming()), 200),
    ) {
        let playbook = playbook();
        for spec in &playbook.pools {
            let mut life = Life::of(spec, &members);
            let mut gone = Vec::new();
            for (change, lead) in &changes {
                let there = |life: &Life<'_>| -> Vec<AgentId> {
                    life.pool.members.iter().map(|member| member.agent.clone()).collect()
                };
                let before = there(&life);
                life.undergo(*change);
                let after = there(&life);
                gone.extend(before.into_iter().filter(|agent| !after.contains(agent)));
                let members = life.pool.members.iter();
                let could = members.filter(|member| life.may_have(member, lead));
                let could: Vec<AgentId> = could.map(|member| member.agent.clone()).collect();
                match life.give(lead) {
                    Some(agent) => {
                        prop_assert!(could.contains(&agent), "{agent} got one");
                        prop_assert!(!gone.contains(&agent), "{agent} is gone");
                    }
                    None => prop_assert!(could.is_empty(), "{could:?} could have had one"),
                }
            }
        }
    }

    /// The same history gives the same assignments.
    #[test]
    fn the_same_history_gives_the_same_assignments(
        members in prop::collection::vec(thrown(), 1..8),
        changes in prop::collection::vec((change(), coming()), 200),
    ) {
        let playbook = playbook();
        for spec in &playbook.pools {
            let live = || -> Vec<Option<AgentId>> {
                let mut life = Life::of(spec, &members);
                let changes = changes.iter();
                changes.map(|(change, lead)| { life.undergo(*change); life.give(lead) }).collect()
            };
            prop_assert_eq!(live(), live());
        }
    }

    /// Among the same members nobody is further from the share, as it is at each lead, than the largest
    /// weight allows.
    #[test]
    fn over_any_two_hundred_leads_each_gets_the_share(
        members in prop::collection::vec(thrown(), 2..8),
    ) {
        let playbook = playbook();
        for spec in by_turns(&playbook) {
            let members: Vec<Thrown> = members.iter().map(|thrown| thrown.all_there()).collect();
            let mut life = Life::of(spec, &members);
            let (mut off, mut largest) = (Off::default(), 0.0_f64);
            for turn in 1..=400_u32 {
                let weights = life.weights(&ANY);
                largest = largest.max(off.count(&weights, life.give(&ANY).as_ref()));
                let (is, most) = (off.furthest(), reach(members.len(), largest));
                prop_assert!(is <= most + 1e-6, "somebody is {is} off after {turn}, of {most}");
            }
        }
    }

    /// The same, of the leads that each could have had, where leads are of cities, and people join, leave, are
    /// away, come back, are full, and win meanwhile: who was left out of other leads is off by as much again.
    #[test]
    fn whoever_comes_and_goes_each_gets_the_share_of_what_it_could_have(
        members in prop::collection::vec(thrown(), 2..8),
        changes in prop::collection::vec((change(), of_a_city()), 300),
    ) {
        let playbook = playbook();
        for spec in by_turns(&playbook) {
            let mut life = Life::of(spec, &members);
            let (mut off, mut largest, mut count) = (Off::default(), 0.0_f64, 0);
            for (turn, (change, lead)) in changes.iter().enumerate() {
                life.undergo(*change);
                count = count.max(life.pool.members.len());
                let weights = life.weights(lead);
                largest = largest.max(off.count(&weights, life.give(lead).as_ref()));
                let (is, most) = (off.furthest(), 2.0 * reach(count, largest));
                prop_assert!(is <= most, "somebody is {is} off after {turn}, of {most}");
            }
        }
    }

    /// What the past can leave to be made good is little, however many come, go and are away, and whatever
    /// they win.
    #[test]
    fn nobody_is_ever_owed_more_than_a_few_leads(
        members in prop::collection::vec(thrown(), 2..8),
        changes in prop::collection::vec((change(), of_a_city()), 200),
    ) {
        let playbook = playbook();
        for spec in by_turns(&playbook) {
            let mut life = Life::of(spec, &members);
            let mut count = 0;
            for (change, lead) in &changes {
                life.undergo(*change);
                life.give(lead);
                count = count.max(life.pool.members.len());
                for member in &life.pool.members {
                    let owed = member.credit as f64 / TURN as f64;
                    let most = 2.0 * reach(count, 1.0);
                    prop_assert!(owed.abs() <= most, "{} is owed {owed} leads, of {most}", member.agent);
                }
            }
        }
    }

    /// Who comes back after a long time, in which less was won than before, is not given one lead after the
    /// other, nor none at all.
    #[test]
    fn who_comes_back_is_not_flooded_and_does_not_starve(
        members in prop::collection::vec(thrown(), 2..8),
        changes in prop::collection::vec((change(), of_a_city()), 0..120),
        days in 0_i64..400,
    ) {
        let playbook = playbook();
        for spec in by_turns(&playbook) {
            let mut life = Life::of(spec, &members);
            for (change, lead) in &changes {
                life.undergo(*change);
                life.give(lead);
            }
            life.now += Elapsed::days(days);
            let there = life.pool.members.iter().cloned().map(|mut member| {
                let copy = Arc::make_mut(&mut member.copy);
                (copy.available, copy.capacity) = (true, Some(1_000));
                copy.absences.clear();
                copy.cities = AgentCopy::of(&all_over()).cities;
                member
            });
            life.pool.members = there.collect();
            let mut in_a_row = (None, 0);
            for _ in 0..100 {
                let agent = life.give(&ANY);
                in_a_row = if in_a_row.0 == agent { (agent, in_a_row.1 + 1) } else { (agent, 1) };
                let count = life.pool.members.len();
                let weights = life.weights(&ANY);
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
        for spec in by_turns(&playbook) {
            let members: Vec<Thrown> = members.iter().map(|thrown| thrown.all_there()).collect();
            let mut life = Life::of(spec, &members);
            for _ in 0..before {
                life.give(&ANY);
            }
            life.undergo(Change::Joins(newcomer.all_there()));
            let new = life.pool.members.last().unwrap().agent.clone();
            let mut off = 0.0;
            for turn in 1..=200_u32 {
                let weights = life.weights(&ANY);
                off -= weights[&new] / weights.values().sum::<f64>();
                if life.give(&ANY).unwrap() == new {
                    off += 1.0;
                }
                prop_assert!(off.abs() <= 1.5, "{off} off after {turn}");
            }
        }
    }
}

/// The pools in which members take turns, whenever a lead comes.
fn by_turns(playbook: &Playbook) -> impl Iterator<Item = &PoolSpec> {
    let pools = playbook.pools.iter();
    pools.filter(|spec| matches!(spec.name.as_str(), "weighted" | "evenly"))
}

fn all_over() -> Agent {
    let email = "anybody@example.com".parse().unwrap();
    let mut agent = Agent::new(id(0), "Ana".into(), email, "seller".into());
    agent.cities = CITIES.map(Into::into).into();
    agent
}
