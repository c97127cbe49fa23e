//! A choice by whole sets of members, held to one that goes from member to member by what the agents'
//! own records say; and what is prepared for it, to a pool that is made anew. Between two leads agents are
//! set up anew, join, leave, and have more or less on hand.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{Datelike, Timelike};
use leadkit::assign::{Answer, Question, TURN, choose, conversion_permille, take_turn, wanted};
use leadkit::calendar::Zone;
use leadkit::ids::{AgentId, Name};
use leadkit::playbook::Playbook;
use leadkit::playbook::people::{Choose, PoolSpec};
use leadkit::record::agent::Absence;
use leadkit::record::fields::Fields;
use leadkit::record::pool::{AgentCopy, Member, PassedOver, Ranked, Reasons};
use leadkit::record::workload::{Counts, Tally};
use leadkit::record::{Agent, Pool, Record, Recorded, stored};
use leadkit::time::{Elapsed, Instant};
use leadkit::value::Value;
use proptest::prelude::*;

use crate::shop::{PREMISES, at};

const POOLS: &str = r#"
[calendar.late]
weekly = { mon-fri = ["13:00-21:00"] }

[role.seller]
may = ["*"]

[role.helper]
may = ["*"]

[field]
city    = { type = "text" }
zone    = { type = "text" }
product = { type = "text" }

[pool.best]
members = 'available'
match   = { cities = "city", zones = "zone", skills = "product" }
only    = "at-work"

[pool.weighted]
members  = 'available'
match    = { zones = "zone" }
choose   = "weighted"
capacity = 2

[pool.evenly]
members = 'available'
choose  = "evenly"

[pipeline.sales]
start = "new"

[pipeline.sales.stage]
new = { to = { won = [] } }
won = { final = "won", to = ["new"] }

[[route]]
to = "sales.new"
"#;

const ROLES: [&str; 2] = ["seller", "helper"];
const TEAMS: [&str; 3] = ["a-team-of-some-length", "a-team-of-some-length-too", "b"];
const CITIES: [&str; 3] = ["Quito", "Santo Domingo", "Santo Domingo Este"];
const ZONES: [&str; 2] = ["north", "south"];
const SKILLS: [&str; 2] = ["vans", "Ñandú"];

/// What is thrown for an agent: mostly somebody who could have a lead.
#[derive(Clone, Debug)]
struct Thrown {
    number: usize,
    role: usize,
    team: Option<usize>,
    /// A bit for each of the lists' texts.
    cities: u8,
    zones: u8,
    skills: u8,
    capacity: Option<u32>,
    is_available: bool,
    is_late: bool,
    /// From when on and how long it is away, in hours.
    away: Vec<(i64, i64)>,
}

/// So many agents come and go: more than there are bits in a word.
const AGENTS: usize = 150;

fn thrown() -> impl Strategy<Value = Thrown> {
    let is = (0..AGENTS, 0..2_usize, prop::option::of(0..TEAMS.len()));
    let has = (1_u8..8, 1_u8..4, 1_u8..4);
    let can = (
        prop::option::of(0_u32..4),
        prop::bool::weighted(0.9),
        any::<bool>(),
        prop::collection::vec((0_i64..100, 1_i64..60), 0..3),
    );
    (is, has, can).prop_map(|(is, has, can)| {
        let (number, role, team) = is;
        let (cities, zones, skills) = has;
        let (capacity, is_available, is_late, away) = can;
        Thrown {
            number,
            role,
            team,
            cities,
            zones,
            skills,
            capacity,
            is_available,
            is_late,
            away,
        }
    })
}

fn id(number: usize) -> AgentId {
    AgentId::from(format!("agent-{number:03}"))
}

fn start() -> Instant {
    at("2026-03-02T09:00:00Z")
}

impl Thrown {
    fn agent(&self) -> Agent {
        let some = |bits: u8, of: &[&str]| {
            let texts = of.iter().enumerate();
            let some = texts.filter(|(n, _)| bits & (1 << n) != 0);
            some.map(|(_, text)| (*text).into()).collect()
        };
        let absence = |(from, hours): &(i64, i64)| {
            let from = start() + Elapsed::hours(*from);
            let until = from + Elapsed::hours(*hours);
            Absence { from, until }
        };
        let email = "anybody@example.com".parse().unwrap();
        let role = ROLES[self.role].into();
        let mut agent = Agent::new(id(self.number), "Ana".into(), email, role);
        agent.team = self.team.map(|team| TEAMS[team].into());
        agent.cities = some(self.cities, &CITIES);
        agent.zones = some(self.zones, &ZONES);
        agent.skills = some(self.skills, &SKILLS);
        agent.capacity = self.capacity;
        agent.available = self.is_available;
        agent.hours = self.is_late.then(|| "late".into());
        agent.absences = self.away.iter().map(absence).collect();
        agent
    }
}

/// What happens between two leads.
#[derive(Clone, Debug)]
enum Change {
    /// Joins, or is another in all but its id.
    IsSetUp(Thrown),
    Leaves(usize),
    Closes(usize, bool),
    Passes(i64),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => thrown().prop_map(Change::IsSetUp),
        2 => (0..AGENTS).prop_map(Change::Leaves),
        3 => (0..AGENTS, any::<bool>()).prop_map(|(n, is_won)| Change::Closes(n, is_won)),
        2 => (1_i64..40).prop_map(Change::Passes),
        1 => (400_i64..3_000).prop_map(Change::Passes),
    ]
}

/// A lead, and who is not to have it.
#[derive(Clone, Debug)]
struct Coming {
    city: Option<usize>,
    zone: Option<usize>,
    skill: Option<usize>,
    /// Whether helpers own leads.
    helpers_own: bool,
    had_it: Vec<usize>,
    hold_it: Vec<usize>,
}

fn coming() -> impl Strategy<Value = Coming> {
    let some = |of: usize| prop::option::weighted(0.95, 0..of);
    let agents = || prop::collection::vec(0..AGENTS, 0..6);
    let asks = (some(CITIES.len()), some(ZONES.len()), some(SKILLS.len()));
    (asks, any::<bool>(), agents(), agents()).prop_map(
        |((city, zone, skill), helpers_own, had_it, hold_it)| Coming {
            city,
            zone,
            skill,
            helpers_own,
            had_it,
            hold_it,
        },
    )
}

struct Life<'a> {
    spec: &'a PoolSpec,
    pool: Pool,
    agents: BTreeMap<AgentId, Agent>,
    zone: Zone,
    now: Instant,
}

impl<'a> Life<'a> {
    fn of(spec: &'a PoolSpec, agents: &[Thrown]) -> Self {
        let mut life = Self {
            spec,
            pool: Pool {
                choose: spec.choose,
                ..Pool::default()
            },
            agents: BTreeMap::new(),
            zone: "Europe/Madrid".parse().unwrap(),
            now: start(),
        };
        for agent in agents {
            life.undergo(&Change::IsSetUp(agent.clone()));
        }
        life
    }

    fn undergo(&mut self, change: &Change) {
        match change {
            Change::IsSetUp(thrown) => self.set_up(thrown.agent()),
            Change::Leaves(n) => drop(self.pool.members.remove(&id(*n))),
            Change::Closes(n, is_won) => {
                if let Ok(place) = self.pool.place_of(&id(*n)) {
                    let figures = self.pool.members.figures(place).unwrap();
                    *figures.load = figures.load.saturating_sub(1);
                    if *is_won {
                        figures.tally.win(self.now);
                    }
                }
            }
            Change::Passes(hours) => self.now += Elapsed::hours(*hours),
        }
    }

    fn set_up(&mut self, agent: Agent) {
        let copy = Arc::new(AgentCopy::of(&agent));
        let member = match self.pool.place_of(&agent.id) {
            Ok(place) => Member {
                copy,
                ..self.pool.members[place].clone()
            },
            Err(_) => Member {
                agent: agent.id.clone(),
                copy,
                load: 0,
                tally: Tally::over(self.spec.over),
                credit: self.pool.credit_of_newcomer(0, TURN),
            },
        };
        self.pool.members.put(member);
        self.agents.insert(agent.id.clone(), agent);
    }

    fn ask(&self, pool: &Pool, lead: &Coming) -> Answer {
        let mut fields = Fields::default();
        let texts = [
            ("city", lead.city.map(|n| CITIES[n])),
            ("zone", lead.zone.map(|n| ZONES[n])),
            ("product", lead.skill.map(|n| SKILLS[n])),
        ];
        for (name, text) in texts {
            // As a person may have typed it.
            let text = text.map(|text| format!(" {}", text.to_uppercase()));
            fields.set(name.into(), text.map(|text| Value::Text(text.into())));
        }
        let not_owning: &[Name] = &["helper".into()];
        let ids = |numbers: &[usize]| Vec::from_iter(numbers.iter().map(|n| id(*n)));
        let (not, mut holders) = (ids(&lead.had_it), ids(&lead.hold_it));
        holders.sort();
        let question = Question {
            wanted: wanted(self.spec, &fields),
            not_owning: if lead.helpers_own { &[] } else { not_owning },
            not: &not,
            holders: &holders,
        };
        choose(self.spec, pool, &question, self.now)
    }

    /// What hinders somebody, said once more by hand.
    fn hindrance(&self, member: &Member, lead: &Coming) -> Option<PassedOver> {
        let agent = &self.agents[&member.agent];
        let asks_for_all = self.spec.name == "best";
        let asks_for_zone = asks_for_all || self.spec.name == "weighted";
        let lacks = |list: &[smol_str::SmolStr], wanted: Option<&str>| {
            wanted.is_none_or(|wanted| !list.iter().any(|known| known == wanted))
        };
        let local = self.zone.to_local(self.now);
        let opens = if agent.hours.is_some() { 13 } else { 9 };
        let is_at_work =
            local.weekday().number_from_monday() < 6 && (opens..opens + 8).contains(&local.hour());
        let is_full = member.load >= agent.capacity.unwrap_or(self.spec.capacity);
        let is_away = agent
            .absences
            .iter()
            .any(|absence| absence.covers(self.now));
        let of = |numbers: &[usize]| numbers.iter().any(|n| id(*n) == agent.id);
        let hindrances = [
            (
                !lead.helpers_own && agent.role == "helper",
                PassedOver::OwnsNoLeads,
            ),
            (!agent.available, PassedOver::Unavailable),
            (is_away, PassedOver::Absent),
            (
                asks_for_all && lacks(&agent.cities, lead.city.map(|n| CITIES[n])),
                PassedOver::OtherCity,
            ),
            (
                asks_for_zone && lacks(&agent.zones, lead.zone.map(|n| ZONES[n])),
                PassedOver::OtherZone,
            ),
            (
                asks_for_all && lacks(&agent.skills, lead.skill.map(|n| SKILLS[n])),
                PassedOver::LacksSkill,
            ),
            (asks_for_all && !is_at_work, PassedOver::OffHours),
            (is_full, PassedOver::Full),
            (of(&lead.had_it), PassedOver::HadItBefore),
            (of(&lead.hold_it), PassedOver::HoldsTheContact),
        ];
        let first = hindrances.iter().find(|(is_hindered, _)| *is_hindered);
        first.map(|(_, why)| *why)
    }

    /// How each member's leads convert, with those of its team.
    fn conversions(&self) -> BTreeMap<AgentId, u32> {
        let team = |member: &Member| self.agents[&member.agent].team.clone();
        let mut of_teams: BTreeMap<Option<Name>, Counts> = BTreeMap::new();
        for member in &self.pool.members {
            let sum = of_teams.entry(team(member)).or_default();
            *sum = sum.plus(member.tally.counts(self.now));
        }
        let conversion = |member: &Member| {
            let own = member.tally.counts(self.now);
            let conversion = conversion_permille(own, of_teams[&team(member)], self.spec.prior);
            (member.agent.clone(), conversion)
        };
        self.pool.members.iter().map(conversion).collect()
    }

    /// Why the pool must choose whom, and what each must be owed once the turn is taken.
    fn one_by_one(&self, lead: &Coming) -> (Reasons, BTreeMap<AgentId, i64>) {
        let conversions = self.conversions();
        let mut passed_over = Vec::new();
        let mut could: Vec<&Member> = Vec::new();
        for member in &self.pool.members {
            match self.hindrance(member, lead) {
                Some(why) => passed_over.push((member.agent.clone(), why)),
                None => could.push(member),
            }
        }
        passed_over.truncate(Reasons::MOST);
        let weight = |member: &Member| match self.spec.choose {
            Choose::Best => 0,
            Choose::Weighted => i64::from(conversions[&member.agent].max(1)),
            Choose::Evenly => 1,
        };
        let sum: i64 = could.iter().map(|member| weight(member)).sum();
        let share = |member: &Member| weight(member) * (TURN / sum.max(1));
        could.sort_by_cached_key(|member| {
            let rank = match self.spec.choose {
                Choose::Best => i64::from(conversions[&member.agent]),
                Choose::Weighted | Choose::Evenly => member.credit + share(member),
            };
            (Reverse(rank), member.load, member.agent.clone())
        });
        let members = self.pool.members.iter();
        let credits = members.map(|member| (member.agent.clone(), member.credit));
        let mut credits: BTreeMap<AgentId, i64> = credits.collect();
        for member in &could {
            *credits.get_mut(&member.agent).unwrap() += share(member);
        }
        if let Some(first) = could.first() {
            let whole: i64 = could.iter().map(|member| share(member)).sum();
            *credits.get_mut(&first.agent).unwrap() -= whole;
        }
        let ranked = could.iter().take(Reasons::MOST).map(|member| Ranked {
            agent: member.agent.clone(),
            conversion_permille: conversions[&member.agent],
            load: member.load,
            capacity: self.agents[&member.agent]
                .capacity
                .unwrap_or(self.spec.capacity),
        });
        let reasons = Reasons {
            pool: self.spec.name.clone(),
            ranked: ranked.collect(),
            eligible: u32::try_from(could.len()).unwrap(),
            passed_over,
        };
        (reasons, credits)
    }

    /// The pool as another worker would read it.
    fn made_anew(&self) -> Pool {
        let bytes = stored::encode(&self.pool.clone().into_record()).unwrap();
        match stored::decode(&bytes).unwrap() {
            Record::Pool(pool) => pool,
            other => panic!("{other:?}"),
        }
    }

    /// Gives a lead to whom the pool chooses.
    fn give(&mut self, answer: &Answer) {
        take_turn(&mut self.pool, answer);
        if let Some(place) = answer.chosen {
            let figures = self.pool.members.figures(place).unwrap();
            *figures.load += 1;
            figures.tally.receive(self.now);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pool_chooses_as_if_it_asked_one_member_after_the_other(
        agents in prop::collection::vec(thrown(), 1..200),
        changes in prop::collection::vec((change(), coming()), 1..40),
    ) {
        let folder = leadkit::playbook::load::Folder {
            playbook: format!("{PREMISES}{POOLS}"),
            ..Default::default()
        };
        let playbook = Playbook::read(&folder).unwrap();
        for spec in &playbook.pools {
            let mut life = Life::of(spec, &agents);
            for (change, lead) in &changes {
                life.undergo(change);
                let answer = life.ask(&life.pool, lead);
                prop_assert_eq!(&answer, &life.ask(&life.made_anew(), lead));
                let (reasons, credits) = life.one_by_one(lead);
                prop_assert_eq!(&answer.reasons, &reasons);
                let chosen = answer.chosen.map(|place| &life.pool.members[place].agent);
                prop_assert_eq!(chosen, reasons.ranked.first().map(|first| &first.agent));
                life.give(&answer);
                for member in &life.pool.members {
                    prop_assert_eq!(member.credit, credits[&member.agent], "{}", member.agent);
                }
            }
        }
    }
}
