//! Pools and workloads: what agents have on hand is right wherever it is kept, whoever comes,
//! leaves, returns or is put under another playbook.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use leadkit::agenda;
use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::{AgentSetup, LeadOrder, NewLead};
use leadkit::email::Email;
use leadkit::engine::{Engine, Error};
use leadkit::ids::{AgentId, CommandId, LeadId, Name, Tenant};
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::playbook::people::Choose;
use leadkit::record::contact::Claim;
use leadkit::record::lead::{Because, Lead};
use leadkit::record::pool::Member;
use leadkit::record::workload::Tally;
use leadkit::record::{Agent, Pool, Record, Recorded, TenantRecord, Workload, stored};
use leadkit::store::{Changes, Key, Kind, MemoryStore, Order as By, Put, Store, Verdict, Version};
use leadkit::time::{Elapsed, Instant};
use pollster::block_on;
use proptest::prelude::*;

const TENANT: &str = "shop";

const SHOP: &str = r#"
[playbook]
id       = "shop"
zone     = "Europe/Madrid"
calendar = "office"

[organisation]
name  = "Shop"
email = "shop@example.com"

[calendar.office]
weekly = { mon-fri = ["09:00-17:00"] }

[pipeline.sales]
start = "new"

[pipeline.sales.stage]
new  = { to = { won = [], lost = [] } }
won  = { final = "won", to = ["new"] }
lost = { final = "lost", to = ["new"] }
"#;

fn shop(rest: &str) -> Arc<Playbook> {
    let folder = Folder {
        playbook: format!("{SHOP}{rest}"),
        ..Folder::default()
    };
    Arc::new(Playbook::read(&folder).unwrap_or_else(|faults| panic!("{:#?}", faults.0)))
}

struct World {
    store: Arc<MemoryStore>,
    clock: VirtualClock,
    /// How many engines there were: each makes its own ids.
    engines: AtomicU64,
}

impl World {
    fn new() -> Self {
        let start = "2026-03-02T09:00:00Z".parse().unwrap();
        Self {
            store: Arc::new(MemoryStore::default()),
            clock: VirtualClock::at(start),
            engines: AtomicU64::new(0),
        }
    }

    /// An engine that knows these; new leads come under the last one.
    fn engine(&self, playbooks: &[&Arc<Playbook>]) -> Engine {
        let mut builder = Engine::builder_on(self.store.clone())
            .clock(self.clock.clone())
            .mailer("email", MemoryMailer::default())
            .seed(self.engines.fetch_add(1, Ordering::Relaxed));
        for playbook in playbooks {
            builder = builder.playbook(TENANT, (*playbook).clone());
        }
        builder.build().unwrap()
    }

    async fn load<T: Recorded>(&self, key: &Key) -> Option<T> {
        let loaded = self.store.load(std::slice::from_ref(key)).await.unwrap();
        let record = stored::decode(loaded[0].body.as_ref()?).unwrap();
        T::from_record(&record).cloned()
    }

    async fn pool(&self, name: &str) -> Option<Pool> {
        let key = Key::pool(&Tenant::from(TENANT), &Name::from(name));
        self.load(&key).await
    }

    async fn workload(&self, agent: &str) -> Workload {
        let key = Key::workload(&Tenant::from(TENANT), &AgentId::from(agent));
        self.load(&key).await.unwrap_or_default()
    }

    /// Writes records behind everybody's back, for what would take too long to bring about.
    async fn seed(&self, records: Vec<(Key, Record)>) {
        let puts = records.into_iter().map(|(key, record)| Put {
            key,
            read: Version::ABSENT,
            body: Some(stored::encode(&record).unwrap()),
            wakes_at: None,
            facts: Vec::new(),
        });
        let changes = Changes {
            tenant: TENANT.into(),
            command: CommandId::of("seed"),
            checks: Vec::new(),
            puts: puts.collect(),
            journal: Vec::new(),
        };
        let verdicts = self.store.commit(vec![changes]).await.unwrap();
        assert_eq!(verdicts, [Verdict::Written]);
    }
}

fn agent(id: &str) -> AgentSetup {
    AgentSetup::new(id)
        .name(id)
        .email(format!("{id}@example.com"))
        .role("seller")
}

async fn set_up(engine: &Engine, setup: AgentSetup) {
    engine.tenant(TENANT).set_up(setup).await.unwrap();
}

async fn register(engine: &Engine) -> Lead {
    let lead = NewLead::new("Somebody");
    engine.tenant(TENANT).register(lead).await.unwrap()
}

async fn leads(engine: &Engine) -> Vec<Lead> {
    let shop = engine.tenant(TENANT);
    shop.leads("", By::Id, None, 10_000).await.unwrap().leads
}

fn owner(lead: &Lead) -> Option<&str> {
    lead.owner_id().map(AgentId::as_str)
}

// ------------------------------------------------------------------ leaving and coming back

/// Who is available is in the pool, two leads each at most.
fn takes_pauses() -> Arc<Playbook> {
    shop(
        r#"
[role.seller]
may = ["*"]

[[route]]
to     = "sales.new"
assign = "inside"

[pool.inside]
members  = 'available'
choose   = "evenly"
capacity = 2
over     = "180 days"
"#,
    )
}

#[test]
fn who_leaves_a_pool_and_comes_back_still_holds_its_leads() {
    let playbook = takes_pauses();
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&playbook]);
        set_up(&engine, agent("ana")).await;
        for _ in 0..2 {
            assert_eq!(owner(&register(&engine).await), Some("ana"));
        }
        set_up(&engine, AgentSetup::new("ana").available(false)).await;
        assert!(world.pool("inside").await.unwrap().members.is_empty());
        set_up(&engine, AgentSetup::new("ana").available(true)).await;
        let pool = world.pool("inside").await.unwrap();
        assert_eq!(pool.members[0].load, 2);
        assert_eq!(pool.members[0].tally.counts(world.clock.now()).received, 2);
        assert_eq!(owner(&register(&engine).await), None, "ana is full");
    });
}

#[test]
fn what_happens_to_its_leads_while_an_agent_is_away_is_known_when_it_comes_back() {
    let playbook = takes_pauses();
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&playbook]);
        set_up(&engine, agent("ana")).await;
        let lead = register(&engine).await;
        register(&engine).await;
        set_up(&engine, AgentSetup::new("ana").available(false)).await;
        engine
            .tenant(TENANT)
            .close(lead.id, "won", "")
            .await
            .unwrap();
        set_up(&engine, AgentSetup::new("ana").available(true)).await;
        let member = world.pool("inside").await.unwrap().members.remove(0);
        let counts = member.tally.counts(world.clock.now());
        assert_eq!((member.load, counts.received, counts.won), (1, 2, 1));
    });
}

#[test]
fn who_joins_a_second_pool_brings_load_and_record_along() {
    let playbook = shop(
        r#"
[role.seller]
may = ["*"]

[[route]]
to     = "sales.new"
assign = "all"

[pool.all]
members  = 'role == "seller"'
capacity = 10
over     = "180 days"

[pool.north]
members  = 'team == "north"'
capacity = 2
over     = "90 days"
"#,
    );
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&playbook]);
        set_up(&engine, agent("ana")).await;
        let lead = register(&engine).await;
        register(&engine).await;
        engine
            .tenant(TENANT)
            .close(lead.id, "won", "")
            .await
            .unwrap();
        register(&engine).await;
        set_up(&engine, AgentSetup::new("ana").team("north")).await;
        let member = world.pool("north").await.unwrap().members.remove(0);
        let counts = member.tally.counts(world.clock.now());
        assert_eq!((member.load, counts.received, counts.won), (2, 3, 1));
        let fourth = engine
            .tenant(TENANT)
            .register(NewLead::new("Eva").owner("ana"))
            .await;
        let refused = engine
            .tenant(TENANT)
            .assign(fourth.unwrap().id, "north")
            .await;
        assert!(
            matches!(refused, Err(Error::Refused(refusal)) if refusal.code() == "nobody-eligible")
        );
    });
}

// ------------------------------------------------------------------ turns

fn evenly() -> Arc<Playbook> {
    shop(
        r#"
[role.seller]
may = ["*"]

[[route]]
to     = "sales.new"
assign = "inside"

[pool.inside]
members  = 'available'
choose   = "evenly"
capacity = 1000
"#,
    )
}

#[test]
fn who_is_new_in_a_pool_gets_its_share_and_no_flood() {
    let playbook = evenly();
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&playbook]);
        for id in ["ana", "bea", "cid"] {
            set_up(&engine, agent(id)).await;
        }
        for _ in 0..31 {
            register(&engine).await;
        }
        set_up(&engine, agent("dora")).await;
        let mut dora = 0;
        for n in 1..=40 {
            dora += usize::from(owner(&register(&engine).await) == Some("dora"));
            let share = n / 4;
            assert!(
                dora >= share.max(1) - 1 && dora <= share + 1,
                "{dora} of {n}"
            );
        }
    });
}

/// An agent who takes a break after each lead, as short as it may be. The leads are done with at
/// once, so that nobody's load decides.
#[test]
fn leaving_after_a_lead_and_coming_back_does_not_jump_the_queue() {
    let playbook = evenly();
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&playbook]);
        for id in ["ana", "bea", "cid", "dora"] {
            set_up(&engine, agent(id)).await;
        }
        let mut got: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..80 {
            let lead = register(&engine).await;
            let owner = owner(&lead).unwrap().to_owned();
            engine
                .tenant(TENANT)
                .move_to(lead.id, "lost")
                .await
                .unwrap();
            if owner == "ana" {
                set_up(&engine, AgentSetup::new("ana").available(false)).await;
                set_up(&engine, AgentSetup::new("ana").available(true)).await;
            }
            *got.entry(owner).or_default() += 1;
        }
        assert!(got.values().all(|got| *got == 20), "{got:?}");
    });
}

// ------------------------------------------------------------------ adoption

#[test]
fn an_adoption_makes_its_pools_from_all_agents_also_of_roles_that_it_lacks() {
    let one = shop(
        r#"
[role.seller]
may = ["*"]

[role.freelance]
may = ["*"]

[[route]]
to = "sales.new"

[pool.inside]
members  = 'role == "seller"'
over     = "180 days"

[pool.outside]
members  = 'role == "freelance"'
"#,
    );
    let two = shop(
        r#"
[role.seller]
may = ["*"]

[[route]]
to = "sales.new"

[pool.inside]
members  = 'role == "seller" and team == "north"'
choose   = "evenly"
over     = "90 days"

[pool.north]
members  = 'team == "north"'
over     = "30 days"
"#,
    );
    const AGENTS: usize = 1_200;
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&one]);
        let id = |n: usize| format!("agent-{n:04}");
        for n in 0..AGENTS {
            let setup = agent(&id(n)).team(if n % 2 == 0 { "north" } else { "south" });
            let setup = if n % 3 == 0 {
                setup.role("freelance")
            } else {
                setup
            };
            set_up(&engine, setup).await;
        }
        // Some have something on hand.
        for n in 0..10 {
            let lead = NewLead::new("Somebody").owner(id(n).as_str());
            engine.tenant(TENANT).register(lead).await.unwrap();
        }
        assert_eq!(world.pool("inside").await.unwrap().members.len(), 800);

        let engine = world.engine(&[&one, &two]);
        engine.tenant(TENANT).adopt(Vec::new()).await.unwrap();
        assert!(world.pool("outside").await.is_none());
        let inside = world.pool("inside").await.unwrap();
        let north = world.pool("north").await.unwrap();
        assert_eq!((inside.members.len(), north.members.len()), (400, 600));
        assert_eq!(inside.choose, Choose::Evenly);
        // 0, 6, 12 .. are freelances of the north, whose role the playbook lacks.
        assert!(north.place_of(&AgentId::from("agent-0006")).is_ok());
        let loads = |pool: &Pool| pool.members.iter().map(|member| member.load).sum::<u32>();
        assert_eq!((loads(&inside), loads(&north)), (3, 5));
        let workload = world.workload("agent-0002").await;
        assert_eq!(workload.pools, ["inside", "north"]);

        // A lead that the old playbook still decides counts in the new one's pools.
        let two_s = leads(&engine).await;
        let lead = two_s
            .iter()
            .find(|lead| owner(lead) == Some("agent-0002"))
            .unwrap();
        assert_eq!(lead.playbook, one.hash);
        engine
            .tenant(TENANT)
            .close(lead.id, "won", "")
            .await
            .unwrap();
        let north = world.pool("north").await.unwrap();
        let place = north.place_of(&AgentId::from("agent-0002")).unwrap();
        let member = &north.members[place];
        let counts = member.tally.counts(world.clock.now());
        assert_eq!((member.load, counts.received, counts.won), (0, 1, 1));
    });
}

#[test]
fn an_adoption_that_races_with_an_agents_setup_misses_nobody() {
    use leadkit::decide::command::{Actor, Adoption, Command, What};
    use leadkit::decide::records::Records;
    use leadkit::decide::{Stop, decide};
    let (one, two) = (evenly(), takes_pauses());
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&one]);
        set_up(&engine, agent("ana")).await;
        let adoption = Adoption {
            playbook: two.hash.clone(),
            stages: Vec::new(),
            occupied: Vec::new(),
        };
        let command = Command {
            tenant: TENANT.into(),
            actor: Actor::host("test"),
            happened_at: None,
            what: What::Adopt(Box::new(adoption)),
        };
        let mut records = Records::new();
        let decision = loop {
            let now = world.clock.now();
            match decide(&two, &records, CommandId::of("adopt"), &command, now) {
                Ok(decision) => break decision,
                Err(Stop::Need(keys)) => {
                    for (key, loaded) in keys.iter().zip(world.store.load(&keys).await.unwrap()) {
                        let record = loaded.body.map(|body| stored::decode(&body).unwrap());
                        records.insert(key.clone(), loaded.version, record.map(Arc::new));
                    }
                }
                Err(Stop::Refused(refusal)) => panic!("{refusal}"),
            }
        };
        set_up(&engine, agent("bea")).await;
        let changes = decision.changes(&two).unwrap();
        let verdict = world.store.commit(vec![changes]).await.unwrap().remove(0);
        assert!(
            matches!(verdict, Verdict::Moved(_)),
            "bea would be in no pool"
        );
    });
}

// ------------------------------------------------------------------ bounds

fn member(id: &str) -> Member {
    Member {
        agent: id.into(),
        role: "seller".into(),
        team: None,
        cities: Vec::new().into(),
        capacity: None,
        available: true,
        load: 0,
        tally: Tally::over(Elapsed::days(180)),
        credit: 0,
    }
}

#[test]
fn a_pool_that_is_full_takes_no_further_member() {
    let playbook = evenly();
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&playbook]);
        let members = (0..Pool::MOST).map(|n| member(&format!("agent-{n:04}")));
        let pool = Pool {
            choose: Choose::Evenly,
            members: members.collect(),
        };
        let key = Key::pool(&Tenant::from(TENANT), &Name::from("inside"));
        world.seed(vec![(key, pool.into_record())]).await;
        let refused = engine.tenant(TENANT).set_up(agent("zoe")).await;
        let Err(Error::Refused(refusal)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(refusal.code(), "too-many");
        assert!(
            refusal.to_string().contains("5000 members of one pool"),
            "{refusal}"
        );
    });
}

/// A base in which each agent holds a contact once, and two hundred agents.
#[test]
fn the_one_of_two_hundred_who_does_not_hold_the_contact_gets_the_lead() {
    const AGENTS: usize = 200;
    let playbook = shop(
        r#"
[role.seller]
may = ["*"]

[[route]]
to     = "sales.new"
assign = "inside"

[pool.inside]
members  = 'role == "seller"'
choose   = "evenly"

[base.own]
pipelines = ["sales"]
unique    = ["owner", "contact.email"]
"#,
    );
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&playbook]);
        let id = |n: usize| format!("agent-{n:03}");
        for n in 0..AGENTS {
            set_up(&engine, agent(&id(n))).await;
        }
        let other = LeadId(leadkit::ids::Id::named("lead", "another"));
        let email: Email = "luis@example.com".parse().unwrap();
        let hold = |n: usize| {
            let place = Claim::to_place(&"own".into(), &[id(n).into(), email.key()]);
            let key = Key::claim(&Tenant::from(TENANT), place);
            (key, Claim::Lead(other).into_record())
        };
        let all_but_one = (0..AGENTS).filter(|n| *n != 137).map(hold);
        world.seed(all_but_one.collect()).await;
        let luis = || NewLead::new("Luis").email("luis@example.com");
        let lead = engine.tenant(TENANT).register(luis()).await.unwrap();
        assert_eq!(owner(&lead), Some("agent-137"));
        // Now everybody holds the contact, and nobody is to have the lead.
        let lead = engine.tenant(TENANT).register(luis()).await.unwrap();
        assert_eq!(owner(&lead), None);
    });
}

// ------------------------------------------------------------------ the law

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
                    capacity: *capacity,
                    ..AgentSetup::new(person(*agent))
                };
                shop.set_up(setup).await.unwrap();
            }
            Step::Register { to } => {
                let new = NewLead::new("Somebody");
                let new = match to % 7 {
                    0 => new.owner(person(to / 7)),
                    1 | 2 => new.field("pool", "all"),
                    _ => new,
                };
                let lead = shop.register(new).await.unwrap();
                self.leads.push(lead.id);
            }
            Step::Close { lead, won } => {
                let stage = if *won { "won" } else { "lost" };
                self.ask(&engine, *lead, |_| LeadOrder::MoveTo {
                    stage: stage.into(),
                    reason: None,
                })
                .await;
            }
            Step::Reopen { lead } => {
                self.ask(&engine, *lead, |_| LeadOrder::Reopen {
                    stage: "new".into(),
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
            Step::Adopt => {
                self.active = 1 - self.active;
                let engine = &self.engines[self.active];
                engine.tenant(TENANT).adopt(Vec::new()).await.unwrap();
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
        match engine.tenant(TENANT).order(lead, order(())).await {
            Ok(_) | Err(Error::Refused(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }

    async fn check(&self) {
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
                    members: Vec::new(),
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
                assert_eq!(
                    (
                        &member.role,
                        &member.team,
                        member.available,
                        member.capacity
                    ),
                    (&agent.role, &agent.team, agent.available, agent.capacity)
                );
            }
        }
        for pool in &record.pools {
            assert!(playbook.pool(pool).is_some());
        }
        if self.active == 1 {
            assert_eq!(self.world.pool("north").await, None);
        }
        for lead in &all {
            // Nobody was ever chosen who was full.
            if let Some(Because::Chosen(reasons)) = lead.owner.as_ref().map(|owner| &owner.because)
            {
                let chosen = &reasons.ranked[0];
                assert!(chosen.load < chosen.capacity, "{lead:#?}");
            }
        }
        self.check_clocks(&all).await;
    }

    async fn check_clocks(&self, all: &[Lead]) {
        let far: Instant = "9999-01-01T00:00:00Z".parse().unwrap();
        let due = self
            .world
            .store
            .due(far, 100_000, Instant::UNIX_EPOCH)
            .await
            .unwrap();
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
