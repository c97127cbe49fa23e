//! What the whole engine costs beside SQL written by hand:
//! `cargo bench -p leadkit-sqlite --bench engine`.
//!
//! *Draining*: leads of `playbooks/deferred-follow-up` whose first contact is due; the engine
//! claims pages of 500, loads leads and contacts, fires their rule and writes lead, contact,
//! message, facts and journal. *Single commands*: attempts, one commit each; *at once*: on the
//! thread that asks, as by hand. *Registrations*: leads of `playbooks/field-and-digital-sales`, 500 at
//! once, each given to an advisor by a pool, and the tasks that they open. By hand the same is claimed,
//! loaded and written, without deciding anything: see [`replay`].
//!
//! Both sides work on copies of one file, through connections opened by one function, and must
//! leave the same rows behind. They take turns; the median of the rounds counts.
//! `-- --leads 100000 --rounds 7 --singles 2000 --agents 20 --only draining` changes the size or
//! chooses; without `--bench` it only checks itself.

mod measure;
mod replay;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::{Actor, AgentSetup, Command, LeadOrder, NewLead, What};
use leadkit::engine::{Engine, Ticked};
use leadkit::ids::{CommandId, LeadId, Tenant};
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::store::Store;
use leadkit::time::{Elapsed, Instant};
use leadkit_sqlite::rusqlite::Connection;
use leadkit_sqlite::{Durability, Options, SqliteStore};
use measure::{Cost, measured, median, number_after};
use pollster::block_on;
use replay::{Raw, Recording, Script};

const TENANT: &str = "valle";

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let leads = number_after("--leads").unwrap_or(if is_measured { 20_000 } else { 60 });
    let rounds = number_after("--rounds").unwrap_or(if is_measured { 7 } else { 1 });
    let singles = number_after("--singles").unwrap_or(if is_measured { 2_000 } else { 20 });
    let folder = tempfile::tempdir_in(
        std::env::var_os("LEADKIT_BENCH_FOLDER")
            .unwrap_or_else(|| std::env::temp_dir().into_os_string()),
    );
    let folder = folder.expect("a folder");
    let agents = number_after("--agents").unwrap_or(20);
    let world = World::waiting(folder.path(), leads, rounds);
    let dealer = World::dealer(folder.path(), agents, rounds);
    println!(
        "{leads} leads, medians of {rounds} rounds; per second, and microseconds of CPU for each"
    );
    println!(
        "{:<42} {:>9} {:>9} {:>7} {:>9} {:>9} {:>7}",
        "a commit survives a", "raw", "engine", "ratio", "raw CPU", "eng. CPU", "ratio"
    );
    let wanted = |name: &str| {
        let only = std::env::args().skip_while(|argument| argument != "--only");
        only.skip(1).take(1).all(|wanted| name.contains(&wanted))
    };
    let singles = singles.min(leads) as usize;
    for durability in [Durability::Machine, Durability::Process] {
        let options = options(durability);
        let at_once = Options {
            commit_at_once: true,
            ..options.clone()
        };
        if wanted("draining") {
            world.compare("draining, pages of 500", &options, |engine| {
                world.drain(engine)
            });
        }
        if wanted("single commands") {
            let attempts = |engine: &Engine| world.attempt(engine, singles);
            world.compare("single commands", &options, attempts);
            world.compare("single commands at once", &at_once, attempts);
        }
        if wanted("registrations") {
            let register = |engine: &Engine| dealer.register(engine, leads);
            let name = format!("registrations, {agents} agents");
            dealer.compare(&name, &options, register);
        }
    }
}

/// A file to begin with, and everything to work on copies of it.
struct World {
    folder: PathBuf,
    first: PathBuf,
    rounds: u32,
    playbook: Arc<Playbook>,
    leads: Vec<LeadId>,
    /// When it is worked on: when all of them are due.
    now: Instant,
}

impl World {
    fn new(folder: &Path, playbook: &str, rounds: u32) -> Self {
        let playbooks = concat!(env!("CARGO_MANIFEST_DIR"), "/../../playbooks");
        let file = folder.join(format!("{playbook}.db"));
        let playbook = Playbook::load(Path::new(playbooks).join(playbook));
        Self {
            folder: folder.into(),
            first: file,
            rounds,
            playbook: Arc::new(playbook.expect("the playbook")),
            leads: Vec::new(),
            now: "2026-03-02T15:00:00Z".parse().expect("an instant"),
        }
    }

    /// Leads that wait.
    fn waiting(folder: &Path, leads: u32, rounds: u32) -> Self {
        let mut world = Self::new(folder, "deferred-follow-up", rounds);
        world.fill(leads);
        world
    }

    /// Advisors who wait for leads; a first one has come, so that the tables know the fields.
    fn dealer(folder: &Path, agents: u32, rounds: u32) -> Self {
        let world = Self::new(folder, "field-and-digital-sales", rounds);
        let store = open(&world.first, &options(Durability::Process));
        let clock = VirtualClock::at(world.now - Elapsed::hours(1));
        let engine = world.engine(store, &clock);
        for number in 0..agents {
            let id = format!("advisor-{number}");
            let setup = AgentSetup::new(&*id)
                .name(&*id)
                .email(format!("{id}@minegocio.example"))
                .role("advisor")
                .cities(["Quito"])
                .capacity(1_000_000);
            let asked = engine.tenant(TENANT).set_up(setup).by(Actor::host("bench"));
            block_on(asked).expect("an agent");
        }
        world.register(&engine, 1);
        world
    }

    /// Takes leads in, 500 at once.
    fn register(&self, engine: &Engine, leads: u32) {
        let numbers: Vec<u32> = (0..leads).collect();
        for numbers in numbers.chunks(500) {
            let commands = numbers.iter().map(|number| (None, from_the_web(*number)));
            let answers = block_on(engine.execute_all(commands.collect())).expect("answers");
            for answer in answers {
                let lead = answer.expect("a lead").lead.expect("a lead");
                assert!(lead.owner.is_some() && !lead.tasks.is_empty());
            }
        }
    }

    /// Registers leads in a wait group, some every second.
    fn fill(&mut self, leads: u32) {
        let store = open(&self.first, &options(Durability::Process));
        let clock = VirtualClock::at(self.now);
        let engine = self.engine(store, &clock);
        let numbers: Vec<u32> = (0..leads).collect();
        for agent in ["ana", "bea", "carla", "diego"] {
            let setup = AgentSetup::new(agent)
                .name(agent)
                .email(format!("{agent}@autosdelvalle.example"))
                .role("seller");
            let asked = engine.tenant(TENANT).set_up(setup).by(Actor::host("bench"));
            block_on(asked).expect("an agent");
        }
        for numbers in numbers.chunks(20) {
            clock.advance(Elapsed::seconds(1));
            let commands = numbers.iter().map(|number| (None, register(*number)));
            let answers = block_on(engine.execute_all(commands.collect())).expect("answers");
            for answer in answers {
                let lead = answer.expect("a lead").lead.expect("a lead");
                self.leads.push(lead.id);
            }
        }
        // The wait is ninety days; what is more lets every lead be due.
        clock.advance(Elapsed::days(91));
        self.now = clock.now();
    }

    fn engine(&self, store: impl Store + 'static, clock: &VirtualClock) -> Engine {
        let engine = Engine::builder(store)
            .playbook(TENANT, self.playbook.clone())
            .mailer("email", MemoryMailer::default())
            .clock(clock.clone())
            .seed(1);
        engine.build().expect("an engine")
    }

    /// Fires what was due before anything is fired: the messages that it makes wait behind it.
    fn drain(&self, engine: &Engine) {
        let mut ticked = Ticked::default();
        let most = self.leads.len();
        let due = block_on(engine.tick_up_to(&mut ticked, most)).expect("a tick");
        assert_eq!(due, most);
        assert_eq!(ticked.fired, self.leads.len() as u64);
        assert_eq!(ticked.handed_over, 0);
    }

    fn attempt(&self, engine: &Engine, singles: usize) {
        for (number, lead) in self.leads.iter().take(singles).enumerate() {
            let command = Command {
                tenant: Tenant::from(TENANT),
                actor: Actor::host("crm"),
                happened_at: None,
                what: What::Lead {
                    lead: *lead,
                    order: LeadOrder::Attempt { reached: false },
                },
            };
            let id = CommandId::of(&format!("attempt {number}"));
            block_on(engine.execute(Some(id), command)).expect("an attempt");
        }
    }

    fn compare(&self, name: &str, options: &Options, work: impl Fn(&Engine)) {
        let clock = VirtualClock::at(
            self.now
                - if name.starts_with("single") {
                    Elapsed::days(30)
                } else {
                    Elapsed::zero()
                },
        );
        let script = {
            let path = self.copy("recorded.db");
            let recording = Recording::new(open(&path, options));
            work(&self.engine(recording.clone(), &clock));
            Script::of(recording.batches(), &path)
        };
        let (commands, batches) = script.size();
        let mut rounds: Vec<(Cost, Cost)> = Vec::new();
        for _ in 0..self.rounds {
            let by_hand = self.copy("raw.db");
            let mut raw = Raw::open(&by_hand, options);
            let raw_cost = measured(|| raw.play(&script));
            drop(raw);

            let through_engine = self.copy("engine.db");
            let engine = self.engine(open(&through_engine, options), &clock);
            let engine_cost = measured(|| work(&engine));
            drop(engine);
            assert_same(&by_hand, &through_engine);
            rounds.push((raw_cost, engine_cost));
        }
        let survives = match options.durability {
            Durability::Machine => "machine's crash",
            Durability::Process => "process's crash",
        };
        let rate = |time: Duration| commands as f64 / time.as_secs_f64();
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / commands as f64;
        let ratio = |raw: Duration, engine: Duration| raw.as_secs_f64() / engine.as_secs_f64();
        let of = |value: &dyn Fn(&(Cost, Cost)) -> f64| median(rounds.iter().map(value).collect());
        println!(
            "{:<42} {:>9.0} {:>9.0} {:>7.2} {:>9.1} {:>9.1} {:>7.2}   {commands} in {batches} commits",
            format!("{name}, {survives}"),
            of(&|(raw, _)| rate(raw.wall)),
            of(&|(_, engine)| rate(engine.wall)),
            of(&|(raw, engine)| ratio(raw.wall, engine.wall)),
            of(&|(raw, _)| micros(raw.processor)),
            of(&|(_, engine)| micros(engine.processor)),
            of(&|(raw, engine)| ratio(raw.processor, engine.processor)),
        );
    }

    fn copy(&self, name: &str) -> PathBuf {
        let path = self.folder.join(name);
        for ending in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(self.folder.join(format!("{name}{ending}")));
        }
        std::fs::copy(&self.first, &path).expect("a copy");
        path
    }
}

fn options(durability: Durability) -> Options {
    Options {
        virtual_time: true,
        durability,
        ..Options::default()
    }
}

fn open(path: &Path, options: &Options) -> SqliteStore {
    SqliteStore::open_with(path, options).expect("a store")
}

fn register(number: u32) -> Command {
    let agent = ["ana", "bea", "carla", "diego"][number as usize % 4];
    let lead = NewLead::new(format!("Luis Vera {number}"))
        .email(format!("luis.vera.{number}@example.com"))
        .source("web")
        .field("car", "X3")
        .wait("three-to-six-months");
    Command {
        tenant: Tenant::from(TENANT),
        actor: Actor::agent(agent),
        happened_at: None,
        what: What::Register(Box::new(lead)),
    }
}

fn from_the_web(number: u32) -> Command {
    let lead = NewLead::new(format!("Luis Vera {number}"))
        .email(format!("luis.vera.{number}@example.com"))
        .source("web")
        .field("city", "Quito")
        .field("business", "Panadería");
    Command {
        tenant: Tenant::from(TENANT),
        actor: Actor::host("import"),
        happened_at: None,
        what: What::Register(Box::new(lead)),
    }
}

/// Both files hold the same rows in every table, and nearly as many bytes.
fn assert_same(by_hand: &Path, through_engine: &Path) {
    let connection = Connection::open(by_hand).expect("the file");
    let other = through_engine.to_string_lossy();
    connection
        .execute("ATTACH ?1 AS engine", [&*other])
        .expect("the other file");
    let pages = |name: &str| -> f64 {
        let counted =
            connection.query_row(&format!("PRAGMA {name}.page_count"), [], |row| row.get(0));
        counted.expect("the number of pages")
    };
    let (one, two) = (pages("main"), pages("engine"));
    assert!((one / two - 1.0).abs() < 0.02, "{one} and {two} pages");
    let tables: Vec<String> = connection
        .prepare(
            "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name LIKE 'leadkit_%'",
        )
        .and_then(|mut names| names.query_map([], |row| row.get(0))?.collect())
        .expect("the tables");
    assert!(tables.len() > 5);
    for table in tables {
        for (one, two) in [("main", "engine"), ("engine", "main")] {
            let more: i64 = connection
                .query_row(
                    &format!(
                        "SELECT count(*) FROM
                         (SELECT * FROM {one}.{table} EXCEPT SELECT * FROM {two}.{table})"
                    ),
                    [],
                    |row| row.get(0),
                )
                .expect("a comparison");
            assert_eq!(more, 0, "{table}: rows only in {one}");
        }
    }
}
