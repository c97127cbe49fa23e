//! The simulation: an organisation or two, several workers on one store, and everything that can go
//! wrong, in an order that follows from the seed.
//!
//! All of it runs in one thread. Each call to a store or mailer lets the others run, and whose turn
//! it is follows from the seed; so do the commands, the faults of the stores and mailers, the
//! deaths of workers and the jumps of their clocks. The same seed gives the same journal, byte
//! for byte: its digest is part of the [`Report`].

use std::collections::BTreeSet;
use std::sync::Arc;

use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::Command;
use leadkit::engine::Engine;
use leadkit::faults::{FaultyMailer, FaultyStore, MailerFault, Plan, StoreFault};
use leadkit::ids::{CommandId, MessageId, Tenant};
use leadkit::mailer::{MemoryMailer, Outcome};
use leadkit::record::visits::VisitPlan;
use leadkit::record::{Agent, Contact, Lead};
use leadkit::store::MemoryStore;
use leadkit::time::{Elapsed, Instant};

use crate::desk::{self, View};
use crate::dice::Dice;
use crate::houses::{Books, House};
use crate::ledger::{Finding, Ledger};

mod end;
mod flaws;
mod tap;
mod worker;

pub use flaws::Flaw;
use flaws::{FlawedMailer, FlawedStore};
use tap::{Shared, TappedMailer, TappedStore};
use worker::{Heard, Step, Task, Told, Worker};

/// What came of a seed.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// At which step something was found; the number of steps, if nothing was.
    pub step: usize,
    /// What was found.
    pub findings: Vec<Finding>,
    /// The history of the lead that it was found at.
    pub timeline: Vec<String>,
    /// What tells this run from any other: a hash over the journals and the hand-overs.
    pub digest: String,
    /// How much happened.
    pub figures: Figures,
}

impl Report {
    /// Holds the run to what came of the same seed when it was run again.
    pub fn hold_to(&mut self, again: &Self) {
        if self.digest != again.digest {
            self.findings.push(Finding {
                law: "the same seed gives the same journal",
                what: format!("its digest is {}, and again {}", self.digest, again.digest),
                lead: None,
            });
        }
    }
}

/// How much happened in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Commands that hosts sent, repeats included.
    pub commands: u64,
    /// Entries in the journals.
    pub entries: u64,
    /// Messages that were handed over.
    pub hand_overs: u64,
    /// Calls to stores and mailers that went wrong.
    pub faults: u64,
    /// Workers that died.
    pub deaths: u64,
    /// Jumps of clocks.
    pub jumps: u64,
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.commands += other.commands;
        self.entries += other.entries;
        self.hand_overs += other.hand_overs;
        self.faults += other.faults;
        self.deaths += other.deaths;
        self.jumps += other.jumps;
    }
}

/// Runs a seed, with a flaw built in if one is given.
#[must_use]
pub fn run(seed: u64, flaw: Option<Flaw>) -> Report {
    let mut simulation = Simulation::new(seed, flaw);
    let mut step = 0;
    while step < simulation.steps && simulation.is_sound() {
        simulation.step();
        step += 1;
    }
    if simulation.is_sound() {
        simulation.end();
    }
    simulation.report(step)
}

/// A command that a host sent, and what it heard.
#[derive(Clone, Debug)]
struct Asked {
    id: CommandId,
    command: Command,
    /// How often it heard that this was carried out now.
    done: u32,
    /// Whether it heard that this is carried out.
    is_acknowledged: bool,
    /// Whether it heard nothing some time.
    is_unknown: bool,
}

struct Simulation {
    seed: u64,
    steps: usize,
    dice: Dice,
    flaw: Option<Flaw>,
    houses: Vec<House>,
    /// What is truly kept.
    kept: MemoryStore,
    /// What truly arrived.
    arrived: MemoryMailer,
    truth: Shared,
    workers: Vec<Worker>,
    /// The faults of the workers' stores and mailers.
    faulty: Vec<(FaultyStore, FaultyMailer)>,
    asked: Vec<Asked>,
    /// The latest that any clock ever showed.
    latest: Instant,
    figures: Figures,
}

impl Simulation {
    fn new(seed: u64, flaw: Option<Flaw>) -> Self {
        let mut dice = Dice::of(seed, 0);
        let tenants = ["quito", "toluca"];
        let houses: Vec<House> = tenants[..1 + dice.below(2)]
            .iter()
            .map(|tenant| {
                let versions = 1 + dice.below(3);
                House::build(tenant, versions, &mut Dice::of(seed, dice.number()))
            })
            .collect();
        let mut simulation = Self {
            seed,
            steps: 400 + dice.below(2_000),
            flaw,
            truth: Shared::new(Ledger::new(Books::of(&houses))),
            houses,
            kept: MemoryStore::default(),
            arrived: MemoryMailer::default(),
            workers: Vec::new(),
            faulty: Vec::new(),
            asked: Vec::new(),
            latest: Instant::UNIX_EPOCH,
            figures: Figures::default(),
            dice,
        };
        simulation.begin();
        simulation
    }

    /// The people are set up while all is well, and then the workers come.
    fn begin(&mut self) {
        let day = self.dice.between(0, 364);
        let start = Instant::UNIX_EPOCH + Elapsed::days(20_500 + day) + Elapsed::hours(13);
        let healthy = self.healthy_engine(VirtualClock::at(start), 1);
        for place in 0..self.houses.len() {
            let house = &self.houses[place];
            let commands = desk::set_up(&house.tenant, &house.versions[0], &mut self.dice);
            for command in commands {
                let id = self.ask(command.clone());
                let answer = pollster::block_on(healthy.execute(Some(id), command));
                if let Err(error) = answer {
                    let what = format!("the people can't be set up: {error:?}");
                    self.truth.lock().ledger.find("a run can begin", what, None);
                }
            }
        }
        let workers = 2 + self.dice.below(7);
        for number in 0..workers {
            let skew = self.dice.seconds(-30, 30);
            let knows = match number {
                0 => self.versions(),
                _ => 1 + self.dice.below(self.versions()),
            };
            let worker = self.worker(VirtualClock::at(start + skew), knows);
            self.workers.push(worker);
        }
    }

    fn versions(&self) -> usize {
        let versions = self.houses.iter().map(|house| house.versions.len());
        versions.max().unwrap_or(1)
    }

    /// A command that is asked, under an id of its own.
    fn ask(&mut self, command: Command) -> CommandId {
        let id = CommandId::of(&format!("{} {}", self.seed, self.asked.len()));
        self.asked.push(Asked {
            id,
            command,
            done: 0,
            is_acknowledged: false,
            is_unknown: false,
        });
        id
    }

    fn is_sound(&self) -> bool {
        self.truth.lock().ledger.findings().is_empty()
    }

    fn tapped_store(&self) -> TappedStore {
        TappedStore {
            store: Arc::new(FlawedStore::new(Arc::new(self.kept.clone()), self.flaw)),
            truth: self.truth.clone(),
        }
    }

    /// An engine to which nothing happens.
    fn healthy_engine(&mut self, clock: VirtualClock, knows: usize) -> Engine {
        let mailer = TappedMailer {
            mailer: Arc::new(self.arrived.clone()),
            truth: self.truth.clone(),
        };
        self.engine(Arc::new(self.tapped_store()), mailer, clock, knows)
    }

    fn engine(
        &mut self,
        store: Arc<dyn leadkit::store::Store>,
        mailer: TappedMailer,
        clock: VirtualClock,
        knows: usize,
    ) -> Engine {
        let mailer = FlawedMailer::new(Arc::new(mailer), self.flaw);
        let mut builder = Engine::builder_on(store)
            .clock(clock)
            .mailer("email", mailer)
            .seed(self.dice.number());
        for house in &self.houses {
            for book in house.versions.iter().take(knows) {
                builder = builder.playbook(house.tenant.clone(), Arc::clone(book));
            }
        }
        match builder.build() {
            Ok(engine) => engine,
            Err(error) => panic!("no engine: {error}"),
        }
    }

    /// A worker to which everything happens.
    fn worker(&mut self, clock: VirtualClock, knows: usize) -> Worker {
        let store_plan = self.store_plan();
        let store = FaultyStore::on(Arc::new(self.tapped_store()), store_plan).clock(clock.clone());
        let mailer_plan = self.mailer_plan();
        let faulty = FaultyMailer::new(self.arrived.clone(), mailer_plan).clock(clock.clone());
        let mailer = TappedMailer {
            mailer: Arc::new(faulty.clone()),
            truth: self.truth.clone(),
        };
        let engine = self.engine(Arc::new(store.clone()), mailer, clock.clone(), knows);
        self.faulty.push((store, faulty));
        Worker::new(engine, clock, knows)
    }

    fn store_plan(&mut self) -> Plan<StoreFault> {
        let one_in = self.dice.pick(&[0, 0, 200, 60, 20]);
        let mut faults = vec![
            StoreFault::Before,
            StoreFault::After,
            StoreFault::Midway,
            StoreFault::Repeat,
        ];
        faults.push(StoreFault::Delay(self.dice.seconds(0, 300)));
        if self.dice.one_in(2) {
            faults.push(StoreFault::AnswerLost);
        }
        Plan::seeded(self.dice.number(), one_in, faults)
    }

    fn mailer_plan(&mut self) -> Plan<MailerFault> {
        let one_in = self.dice.pick(&[0, 10, 3, 2]);
        let said = || "so it was planned".into();
        if self.flaw == Some(Flaw::UnknownIsLater) {
            // It shows only where nobody knows what became of a message.
            let unknown = [MailerFault::Says(Outcome::Unknown { said: said() })];
            return Plan::seeded(self.dice.number(), 2, unknown);
        }
        let faults = [
            MailerFault::Before,
            MailerFault::After,
            MailerFault::AnswerLost,
            MailerFault::Repeat,
            MailerFault::Delay(self.dice.seconds(0, 200)),
            MailerFault::Says(Outcome::Later { said: said() }),
            MailerFault::Says(Outcome::Unknown { said: said() }),
            MailerFault::Says(Outcome::Refused {
                said: said(),
                address_invalid: false,
            }),
            MailerFault::Says(Outcome::Refused {
                said: said(),
                address_invalid: self.dice.one_in(4),
            }),
        ];
        Plan::seeded(self.dice.number(), one_in, faults)
    }

    /// One thing happens.
    fn step(&mut self) {
        match self.dice.below(1_000) {
            0..=7 => self.pass_time(),
            8..=10 => self.jump(),
            11 | 12 => {
                let victim = self.dice.below(self.workers.len());
                self.die(victim);
            }
            _ => {
                let place = self.dice.below(self.workers.len());
                self.turn(place);
            }
        }
    }

    /// A worker's turn.
    fn turn(&mut self, place: usize) {
        if self.workers[place].is_idle() {
            let task = self.task(place);
            let written = self.truth.lock().ledger.entries();
            self.workers[place].begin(task, written);
        }
        let worker = &mut self.workers[place];
        match worker.step(|| self.truth.lock().ledger.entries()) {
            Step::GoesOn => {}
            Step::Done(told) => {
                let others_wrote = worker.others_wrote;
                self.hear(told, others_wrote);
            }
            Step::Stuck => self.die(place),
        }
    }

    /// A worker dies with what it was at, and another one takes its place.
    fn die(&mut self, place: usize) {
        self.figures.deaths += 1;
        for number in &self.workers[place].at {
            self.asked[*number].is_unknown = true;
        }
        let (clock, knew) = (self.workers[place].clock.clone(), self.workers[place].knows);
        // Who comes back may know more.
        let knows = match self.dice.one_in(3) {
            true => knew.max(1 + self.dice.below(self.versions())),
            false => knew,
        };
        self.workers[place] = self.worker(clock, knows);
    }

    /// Time passes for everybody.
    fn pass_time(&mut self) {
        let by = match self.dice.below(10) {
            0..=3 => self.dice.seconds(1, 120),
            4..=6 => self.dice.seconds(60, 4 * 3_600),
            7 | 8 => self.dice.seconds(3_600, 3 * 86_400),
            _ => self.dice.seconds(86_400, 30 * 86_400),
        };
        self.workers
            .iter()
            .for_each(|worker| worker.clock.advance(by));
    }

    /// A clock jumps, by up to a year, and comes back some time.
    fn jump(&mut self) {
        self.figures.jumps += 1;
        self.note_clocks();
        let place = self.dice.below(self.workers.len());
        let other = self.dice.below(self.workers.len());
        let clock = &self.workers[place].clock;
        let at = clock.now();
        let to = match self.dice.below(6) {
            0 => at.checked_add_signed(self.dice.seconds(0, 365 * 86_400)),
            1 => at.checked_sub_signed(self.dice.seconds(0, 365 * 86_400)),
            2 => at.checked_sub_signed(self.dice.seconds(0, 3_600)),
            _ => Some(self.workers[other].clock.now()),
        };
        clock.set(to.unwrap_or(at));
    }

    /// Notes how late it was, before a clock goes back.
    fn note_clocks(&mut self) {
        let clocks = self.workers.iter().map(|worker| worker.clock.now());
        self.latest = clocks.chain([self.latest]).max().unwrap_or(self.latest);
    }

    fn task(&mut self, place: usize) -> Task {
        let knows = self.workers[place].knows;
        match self.dice.below(40) {
            0..=17 => Task::Tick,
            18 if knows > 1 => {
                let house = self.dice.pick_in(&self.houses);
                Task::Adopt(house.tenant.clone(), house.stages.clone())
            }
            _ => {
                let many = if self.dice.one_in(4) { 3 } else { 1 };
                let now = self.workers[place].clock.now();
                let commands = (0..many).map(|_| self.command(now));
                Task::Commands(commands.collect())
            }
        }
    }

    /// A new command, or one that was sent before.
    fn command(&mut self, now: Instant) -> (usize, CommandId, Command) {
        self.figures.commands += 1;
        if self.dice.one_in(5) && !self.asked.is_empty() {
            // One of the last, rather than one of the first.
            let back = self.dice.below(12).min(self.asked.len() - 1);
            let number = self.asked.len() - 1 - back;
            let asked = &self.asked[number];
            return (number, asked.id, asked.command.clone());
        }
        let place = self.dice.below(self.houses.len());
        let house = &self.houses[place];
        let command = {
            let truth = self.truth.lock();
            let leads: Vec<&Lead> = truth.ledger.leads_of(&house.tenant).collect();
            let contacts: Vec<&Contact> = truth.ledger.all_of(&house.tenant).collect();
            let agents: Vec<&Agent> = truth.ledger.all_of(&house.tenant).collect();
            let plans: Vec<&VisitPlan> = truth.ledger.all_of(&house.tenant).collect();
            let messages = truth.ledger.messages_of(&house.tenant);
            let messages: Vec<MessageId> = messages.map(|key| MessageId(key.id)).collect();
            let book = self.dice.pick_in(&house.versions);
            let view = View {
                tenant: &house.tenant,
                book,
                leads: &leads,
                contacts: &contacts,
                agents: &agents,
                plans: &plans,
                messages: &messages,
                now,
            };
            view.command(&mut self.dice)
        };
        let id = self.ask(command.clone());
        (self.asked.len() - 1, id, command)
    }

    /// Hears what came of a task, and holds the engine to its word.
    fn hear(&mut self, told: Told, others_wrote: usize) {
        let mut truth = self.truth.lock();
        if told.was_contended_by_nobody(others_wrote) {
            let what = format!("{told:?}, and others wrote {others_wrote} times");
            truth
                .ledger
                .find("what moves was moved by somebody", what, None);
        }
        for alarm in told.alarms {
            truth
                .ledger
                .find("nothing fails but by faults", alarm, None);
        }
        for (number, heard) in told.heard {
            let asked = &mut self.asked[number];
            match heard {
                Heard::Done => asked.done += 1,
                Heard::Before | Heard::Refused => {}
                Heard::Nothing => asked.is_unknown = true,
            }
            if !matches!(heard, Heard::Done | Heard::Before) {
                continue;
            }
            asked.is_acknowledged = true;
            let what = format!("{:?} was acknowledged", asked.command.what);
            if !truth.ledger.has(&asked.command.tenant, asked.id) {
                let what = format!("{what} and is not in the journal");
                truth
                    .ledger
                    .find("what is acknowledged is kept", what, None);
            }
            if asked.done > 1 {
                let what = format!("{what} as done now {} times", asked.done);
                truth.ledger.find("a command acts once", what, None);
            }
        }
    }

    fn report(mut self, step: usize) -> Report {
        self.figures.faults = self
            .faulty
            .iter()
            .map(|(store, mailer)| store.struck().len() + mailer.struck().len())
            .map(|struck| struck as u64)
            .sum();
        let truth = self.truth.lock();
        self.figures.entries = truth.ledger.entries() as u64;
        self.figures.hand_overs = truth.post.dials().len() as u64;
        let findings = truth.ledger.findings().to_vec();
        let about: BTreeSet<_> = findings.iter().filter_map(|f| f.lead.clone()).collect();
        let timeline = about.iter().next().map(|(tenant, lead)| {
            let mut lines = vec![format!("lead {lead} of {tenant}")];
            lines.extend(truth.ledger.timeline(tenant, *lead));
            lines
        });
        Report {
            seed: self.seed,
            step,
            findings,
            timeline: timeline.unwrap_or_default(),
            digest: end::digest(&truth),
            figures: self.figures,
        }
    }

    fn tenants(&self) -> Vec<Tenant> {
        let houses = self.houses.iter();
        houses.map(|house| house.tenant.clone()).collect()
    }
}
