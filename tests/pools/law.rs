//! The law, over random sequences of what can happen to agents and leads.

use super::*;

/// Two playbooks between which the shop changes: pools of each sort, one that asks whether the
/// agent is available, some that are in one of them only, windows and ways to choose that differ.
fn two_playbooks() -> [Arc<Playbook>; 2] {
    let common = r#"
[role.seller]
may = ["*"]

[role.boss]
may = ["*"]

[field]
pool = { type = "text" }

[[route]]
if     = 'pool == "all"'
to     = "sales.new"
assign = "all"

[[route]]
to     = "sales.new"
assign = "inside"

[[rule]]
name  = "somebody-else"
on    = "assigned"
after = "3 days"
do    = [{ assign = "inside", not = "earlier-owners", then = { assign = "all" } }]
"#;
    let one = r#"
[pool.inside]
members  = 'available and role == "seller"'
choose   = "evenly"
capacity = 2
over     = "180 days"

[pool.all]
members  = 'role == "seller" or team == "north"'
choose   = "weighted"
capacity = 3
over     = "90 days"

[pool.north]
members  = 'team == "north"'
over     = "180 days"
"#;
    let two = r#"
[pool.inside]
members  = 'available and team != "south"'
choose   = "weighted"
capacity = 3
over     = "30 days"

[pool.all]
members  = 'role == "boss" or available'
choose   = "best"
capacity = 2
over     = "90 days"
"#;
    [one, two].map(|pools| shop(&format!("{common}{pools}")))
}

#[derive(Clone, Debug)]
enum Step {
    SetUp {
        agent: u8,
        available: Option<bool>,
        team: Option<u8>,
        role: Option<bool>,
        capacity: Option<u32>,
    },
    Register {
        to: u8,
    },
    Close {
        lead: u8,
        won: bool,
    },
    Reopen {
        lead: u8,
    },
    Reassign {
        lead: u8,
        to: u8,
    },
    Assign {
        lead: u8,
        all: bool,
    },
    /// Is set up again with this absence, from so many hours on.
    IsAway {
        agent: u8,
        from: u8,
        hours: u8,
    },
    /// Leaves, until set up again.
    Leave {
        agent: u8,
    },
    Adopt,
    /// One page of what is due, so that an adoption's sweep is only half done.
    TickPage,
    Pass {
        hours: u16,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let setup = (
        any::<u8>(),
        any::<Option<bool>>(),
        any::<Option<u8>>(),
        prop::option::weighted(0.2, any::<bool>()),
        prop::option::weighted(0.2, 0u32..4),
    );
    let step = prop_oneof![
        5 => setup.prop_map(|(agent, available, team, role, capacity)| {
            Step::SetUp { agent, available, team, role, capacity }
        }),
        8 => any::<u8>().prop_map(|to| Step::Register { to }),
        3 => (any::<u8>(), any::<bool>()).prop_map(|(lead, won)| Step::Close { lead, won }),
        2 => any::<u8>().prop_map(|lead| Step::Reopen { lead }),
        3 => (any::<u8>(), any::<u8>()).prop_map(|(lead, to)| Step::Reassign { lead, to }),
        3 => (any::<u8>(), any::<bool>()).prop_map(|(lead, all)| Step::Assign { lead, all }),
        2 => (any::<u8>(), any::<u8>(), any::<u8>())
            .prop_map(|(agent, from, hours)| Step::IsAway { agent, from, hours }),
        1 => any::<u8>().prop_map(|agent| Step::Leave { agent }),
        1 => Just(Step::Adopt),
        2 => Just(Step::TickPage),
        2 => (0u16..200).prop_map(|hours| Step::Pass { hours }),
    ];
    prop::collection::vec(step, 1..60)
}

const PEOPLE: [&str; 5] = ["ana", "bea", "cid", "dora", "eva"];

struct Life {
    world: World,
    playbooks: [Arc<Playbook>; 2],
    /// The engine by which each of them is adopted.
    engines: [Engine; 2],
    active: usize,
    leads: Vec<LeadId>,
    /// Who owned each lead since when, after the last step.
    owned: BTreeMap<LeadId, (AgentId, Moment)>,
}

impl Life {
    async fn begin(playbooks: &[Arc<Playbook>; 2]) -> Self {
        let world = World::new();
        let [one, two] = playbooks;
        let engines = [world.engine(&[two, one]), world.engine(&[one, two])];
        let life = Self {
            world,
            playbooks: playbooks.clone(),
            engines,
            active: 0,
            leads: Vec::new(),
            owned: BTreeMap::new(),
        };
        for id in PEOPLE {
            set_up(&life.engines[0], agent(id)).await;
        }
        life
    }

    fn pick(&self, lead: u8) -> Option<LeadId> {
        self.leads
            .get(usize::from(lead) % self.leads.len().max(1))
            .copied()
    }

    async fn live(&mut self, step: &Step) {
        let engine = self.engines[self.active].clone();
        let shop = engine.tenant(TENANT);
        let person = |n: u8| PEOPLE[usize::from(n) % PEOPLE.len()];
        match step {
            Step::SetUp {
                agent,
                available,
                team,
                role,
                capacity,
            } => {
                let teams = ["north", "south"];
                let setup = AgentSetup {
                    available: *available,
                    team: team.map(|team| teams[usize::from(team) % 2].into()),
                    role: role.map(|boss| if boss { "boss" } else { "seller" }.into()),
                    capacity: capacity.map(Capacity::Own),
                    ..AgentSetup::new(person(*agent))
                };
                shop.set_up(setup).by(Actor::host("test")).await.unwrap();
            }
            Step::Register { to } => {
                let new = NewLead::new("Somebody");
                let new = match to % 7 {
                    0 => new.owner(person(to / 7)),
                    1 | 2 => new.field("pool", "all"),
                    _ => new,
                };
                match shop.register(new).by(Actor::host("test")).await {
                    Ok(lead) => self.leads.push(lead.id),
                    // The owner that was named has left.
                    Err(Error::Refused(_)) if to % 7 == 0 => {}
                    Err(error) => panic!("{error}"),
                }
            }
            Step::Close { lead, won } => {
                let stage = if *won { "won" } else { "lost" };
                self.ask(&engine, *lead, |_| LeadOrder::MoveTo {
                    stage: stage.into(),
                    reason: None,
                    wait: None,
                })
                .await;
            }
            Step::Reopen { lead } => {
                self.ask(&engine, *lead, |_| LeadOrder::Reopen {
                    stage: "new".into(),
                    wait: None,
                })
                .await;
            }
            Step::Reassign { lead, to } => {
                self.ask(&engine, *lead, |_| LeadOrder::Reassign {
                    to: person(*to).into(),
                })
                .await;
            }
            Step::Assign { lead, all } => {
                let pool = if *all { "all" } else { "inside" };
                self.ask(&engine, *lead, |_| LeadOrder::Assign { pool: pool.into() })
                    .await;
            }
            Step::IsAway { agent, from, hours } => {
                let from = self.world.clock.now() + Elapsed::hours((*from).into());
                let until = from + Elapsed::hours(i64::from(*hours) + 1);
                let setup = AgentSetup::new(person(*agent)).away(from, until);
                shop.set_up(setup).by(Actor::host("test")).await.unwrap();
            }
            Step::Leave { agent } => {
                let leaving = Leaving::new(person(*agent), "inside").or_else("all");
                match shop.leave(leaving).by(Actor::host("test")).await {
                    Ok(_) | Err(Error::Refused(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            Step::Adopt => {
                self.active = 1 - self.active;
                let engine = &self.engines[self.active];
                engine
                    .tenant(TENANT)
                    .adopt(Vec::new())
                    .by(Actor::host("test"))
                    .await
                    .unwrap();
            }
            Step::TickPage => {
                let mut ticked = leadkit::engine::Ticked::default();
                engine.tick_up_to(&mut ticked, 1).await.unwrap();
            }
            Step::Pass { hours } => {
                let until = self.world.clock.now() + Elapsed::hours((*hours).into());
                engine
                    .live_until(&self.world.clock, until, |_, _| {})
                    .await
                    .unwrap();
            }
        }
    }

    /// Asks; most of it is refused.
    async fn ask(&self, engine: &Engine, lead: u8, order: impl Fn(()) -> LeadOrder) {
        let Some(lead) = self.pick(lead) else {
            return;
        };
        match engine
            .tenant(TENANT)
            .order(lead, order(()))
            .by(Actor::host("test"))
            .await
        {
            Ok(_) | Err(Error::Refused(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }

    async fn check(&mut self) {
        let engine = &self.engines[self.active];
        let playbook = &self.playbooks[self.active];
        let all = leads(engine).await;
        let tenant = Tenant::from(TENANT);
        let record: TenantRecord = self.world.load(&Key::tenant(&tenant)).await.unwrap();
        assert_eq!(record.playbook, playbook.hash);
        for id in PEOPLE {
            let open = all
                .iter()
                .filter(|lead| lead.is_open() && owner(lead) == Some(id));
            let open = u32::try_from(open.count()).unwrap();
            let workload = self.world.workload(id).await;
            assert_eq!(workload.load, open, "what {id} has on hand");
            assert!(workload.debts.iter().all(|(pool, debt)| {
                *debt < 0 && playbook.pool(pool).is_some() && !workload.pools.contains(pool)
            }));
            let agent: Agent = self
                .world
                .load(&Key::agent(&tenant, &AgentId::from(id)))
                .await
                .unwrap();
            for spec in &playbook.pools {
                let pool = self.world.pool(spec.name.as_str()).await;
                // A pool that never had a member need not be there.
                let pool = pool.unwrap_or(Pool {
                    choose: spec.choose,
                    members: Members::default(),
                });
                assert_eq!(pool.choose, spec.choose);
                let place = pool.place_of(&agent.id);
                assert_eq!(
                    place.is_ok(),
                    belongs(self.active, spec.name.as_str(), &agent)
                );
                assert_eq!(place.is_ok(), workload.pools.contains(&spec.name));
                let Ok(place) = place else {
                    continue;
                };
                let member = &pool.members[place];
                assert_eq!(member.load, open, "the load of {id} in {}", spec.name);
                assert_eq!(
                    member.tally,
                    workload.tally(spec.over),
                    "{id} in {}",
                    spec.name
                );
                assert_eq!(*member.copy, AgentCopy::of(&agent));
            }
        }
        for pool in &record.pools {
            assert!(playbook.pool(pool).is_some());
        }
        if self.active == 1 {
            assert_eq!(self.world.pool("north").await, None);
        }
        self.check_choices(&all).await;
        self.check_clocks(&all).await;
    }

    /// Nobody was chosen in this step who was full, gone, unavailable or away then.
    async fn check_choices(&mut self, all: &[Lead]) {
        for lead in all {
            let Some(owner) = &lead.owner else {
                self.owned.remove(&lead.id);
                continue;
            };
            let owned = (owner.agent.clone(), owner.assigned);
            let is_new = self.owned.insert(lead.id, owned.clone()) != Some(owned);
            let Because::Chosen(reasons) = &owner.because else {
                continue;
            };
            let chosen = &reasons.ranked[0];
            assert!(chosen.load < chosen.capacity, "{lead:#?}");
            // What is reopened comes to its owner once more, and nobody chooses.
            if !is_new || lead.opened == owner.assigned && lead.registered != lead.opened {
                continue;
            }
            let key = Key::agent(&Tenant::from(TENANT), &owner.agent);
            let agent: Agent = self.world.load(&key).await.unwrap();
            let at = owner.assigned.at;
            let is_away = agent.absences.iter().any(|absence| absence.covers(at));
            let is_there = agent.left_at.is_none() && agent.available && !is_away;
            assert!(is_there, "{agent:#?} was given {lead:#?}");
        }
    }

    async fn check_clocks(&self, all: &[Lead]) {
        let far: Instant = "9999-01-01T00:00:00Z".parse().unwrap();
        let lane = |playbook: &Arc<Playbook>| Lane {
            tenant: TENANT.into(),
            name: playbook.hash.clone(),
        };
        let lanes = self.playbooks.iter().map(lane).collect();
        let store = &self.world.store;
        let due = store.due(&lanes, far, 100_000, Instant::UNIX_EPOCH).await;
        let due = due.unwrap();
        let clocks: BTreeMap<Key, Instant> = due
            .into_iter()
            .filter(|due| due.key.kind == Kind::Lead)
            .map(|due| (due.key, due.at))
            .collect();
        for lead in all {
            let mut known = self.playbooks.iter();
            let playbook = known
                .find(|playbook| playbook.hash == lead.playbook)
                .unwrap();
            let stored = clocks.get(&Key::lead(&TENANT.into(), lead.id)).copied();
            assert_eq!(stored, agenda::wakes_at(playbook, lead), "{lead:#?}");
        }
    }
}

/// Who is in which pool, said once more by hand.
fn belongs(playbook: usize, pool: &str, agent: &Agent) -> bool {
    if agent.left_at.is_some() {
        return false;
    }
    let is = |role: &str| agent.role == role;
    let in_team = |team: &str| agent.team.as_ref().is_some_and(|name| name == team);
    match (playbook, pool) {
        (0, "inside") => agent.available && is("seller"),
        (0, "all") => is("seller") || in_team("north"),
        (0, "north") => in_team("north"),
        (1, "inside") => agent.available && !in_team("south"),
        (1, "all") => is("boss") || agent.available,
        _ => panic!("{pool}"),
    }
}

#[test]
fn what_an_agent_has_on_hand_is_what_it_owns_and_every_pool_knows_it() {
    let playbooks = two_playbooks();
    let config = ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let rng = proptest::test_runner::TestRng::deterministic_rng(
        proptest::test_runner::RngAlgorithm::ChaCha,
    );
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(config, rng);
    runner
        .run(&steps(), |steps| {
            block_on(async {
                let mut life = Life::begin(&playbooks).await;
                for step in &steps {
                    life.live(step).await;
                    life.check().await;
                }
            });
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
