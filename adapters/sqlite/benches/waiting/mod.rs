//! Leads of `playbooks/deferred-follow-up` that wait for their first contact, and what the engine
//! does with them, on any store.

use std::path::Path;
use std::sync::Arc;

use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::{Actor, AgentSetup, Command, LeadOrder, NewLead, What};
use leadkit::engine::{Engine, Ticked};
use leadkit::ids::{CommandId, LeadId, Tenant};
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::store::Store;
use leadkit::time::{Elapsed, Instant};

pub(crate) const TENANT: &str = "valle";

const AGENTS: [&str; 4] = ["ana", "bea", "carla", "diego"];
/// How many commands are committed at once, where nothing is measured.
const AT_ONCE: usize = 500;
/// How long it takes until so many leads have come in.
const UNTIL_NEXT: Elapsed = Elapsed::seconds(25);

/// How many leads there are, and what is behind them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Those that are due, evenly among all.
    pub(crate) due: u32,
    pub(crate) stored: u32,
    /// How many attempts at contact lie behind each that is due: as many entries in the journal.
    pub(crate) attempts: u32,
}

impl Size {
    /// All of them are due, and nothing is behind them.
    pub(crate) fn all_due(leads: u32) -> Self {
        Self {
            due: leads,
            stored: leads,
            attempts: 0,
        }
    }
}

/// What waits in a store, and what is needed to go on with it.
pub(crate) struct Waiting {
    playbook: Arc<Playbook>,
    /// Those whose wait is over.
    pub(crate) leads: Vec<LeadId>,
    /// When it is.
    pub(crate) now: Instant,
}

impl Waiting {
    fn under(playbook: &str) -> Self {
        let playbooks = concat!(env!("CARGO_MANIFEST_DIR"), "/../../playbooks");
        let playbook = Playbook::load(Path::new(playbooks).join(playbook));
        Self {
            playbook: Arc::new(playbook.expect("the playbook")),
            leads: Vec::new(),
            now: "2026-03-02T15:00:00Z".parse().expect("an instant"),
        }
    }

    /// Advisors who wait for leads; a first one has come, so that the tables know the fields.
    #[allow(dead_code, reason = "not all benches register leads")]
    pub(crate) async fn for_leads(store: impl Store + 'static, agents: u32) -> Self {
        let waiting = Self::under("field-and-digital-sales");
        let clock = VirtualClock::at(waiting.now - Elapsed::hours(1));
        let engine = waiting.engine(store, &clock);
        for number in 0..agents {
            let id = format!("advisor-{number}");
            let setup = AgentSetup::new(&*id)
                .name(&*id)
                .email(format!("{id}@minegocio.example"))
                .role("advisor")
                .cities(["Quito"])
                .capacity(1_000_000);
            let asked = engine.tenant(TENANT).set_up(setup).by(Actor::host("bench"));
            asked.await.expect("an agent");
        }
        take_in(&engine, 1).await;
        waiting
    }

    /// Registers leads: those that are due wait ninety days, all others twice as long.
    pub(crate) async fn fill(store: impl Store + 'static, size: Size) -> Self {
        let mut waiting = Self::under("deferred-follow-up");
        let clock = VirtualClock::at(waiting.now);
        let engine = waiting.engine(store, &clock);
        for agent in AGENTS {
            let setup = AgentSetup::new(agent)
                .name(agent)
                .email(format!("{agent}@autosdelvalle.example"))
                .role("seller");
            let asked = engine.tenant(TENANT).set_up(setup).by(Actor::host("bench"));
            asked.await.expect("an agent");
        }
        waiting.register(&engine, &clock, size).await;
        for number in 0..size.attempts {
            clock.advance(Elapsed::hours(1));
            for leads in waiting.leads.chunks(AT_ONCE) {
                let attempts = leads.iter().map(|lead| attempt(*lead, number));
                let done = engine.execute_all(attempts.collect()).await;
                let done = done.expect("answers").into_iter();
                done.for_each(|done| drop(done.expect("an attempt")));
            }
        }
        clock.set(waiting.now + Elapsed::days(91));
        waiting.now = clock.now();
        waiting
    }

    async fn register(&mut self, engine: &Engine, clock: &VirtualClock, size: Size) {
        let every = size.stored / size.due;
        let numbers: Vec<u32> = (0..size.stored).collect();
        for numbers in numbers.chunks(AT_ONCE) {
            clock.advance(UNTIL_NEXT);
            let is_due = |number: &u32| number.is_multiple_of(every) && number / every < size.due;
            let commands = numbers.iter().map(|n| (None, register(*n, is_due(n))));
            let answers = engine.execute_all(commands.collect()).await;
            for (number, answer) in numbers.iter().zip(answers.expect("answers")) {
                let lead = answer.expect("a lead").lead.expect("a lead");
                if is_due(number) {
                    self.leads.push(lead.id);
                }
            }
        }
        self.now = clock.now();
    }

    pub(crate) fn engine(&self, store: impl Store + 'static, clock: &VirtualClock) -> Engine {
        let engine = Engine::builder(store)
            .playbook(TENANT, self.playbook.clone())
            .mailer("email", MemoryMailer::default())
            .clock(clock.clone())
            .seed(1);
        engine.build().expect("an engine")
    }
}

/// Fires so much of what was due before anything is fired: the messages that it makes wait
/// behind it.
pub(crate) async fn drain(engine: &Engine, leads: usize) {
    let mut ticked = Ticked::default();
    let due = engine.tick_up_to(&mut ticked, leads).await.expect("a tick");
    assert_eq!(due, leads);
    assert_eq!(ticked.fired, leads as u64);
    assert_eq!(ticked.handed_over, 0);
}

/// Takes leads in, so many at once, each given to an advisor.
#[allow(dead_code, reason = "not all benches register leads")]
pub(crate) async fn take_in(engine: &Engine, leads: u32) {
    let numbers: Vec<u32> = (0..leads).collect();
    for numbers in numbers.chunks(AT_ONCE) {
        let commands = numbers.iter().map(|number| (None, from_the_web(*number)));
        let answers = engine.execute_all(commands.collect()).await;
        for answer in answers.expect("answers") {
            let lead = answer.expect("a lead").lead.expect("a lead");
            assert!(lead.owner.is_some() && !lead.tasks.is_empty());
        }
    }
}

/// Tries to reach each of these leads, one commit each.
pub(crate) async fn try_to_reach(engine: &Engine, leads: &[LeadId]) {
    for lead in leads {
        let (id, command) = attempt(*lead, u32::MAX);
        engine.execute(id, command).await.expect("an attempt");
    }
}

fn attempt(lead: LeadId, number: u32) -> (Option<CommandId>, Command) {
    let command = Command {
        tenant: Tenant::from(TENANT),
        actor: Actor::host("crm"),
        happened_at: None,
        what: What::Lead {
            lead,
            order: LeadOrder::Attempt { reached: false },
        },
    };
    let id = CommandId::of(&format!("attempt {number} at {lead}"));
    (Some(id), command)
}

fn register(number: u32, is_due: bool) -> Command {
    let agent = AGENTS[number as usize % AGENTS.len()];
    let wait = match is_due {
        true => "three-to-six-months",
        false => "more-than-six-months",
    };
    let lead = NewLead::new(format!("Luis Vera {number}"))
        .email(format!("luis.vera.{number}@example.com"))
        .source("web")
        .field("car", "X3")
        .wait(wait);
    Command {
        tenant: Tenant::from(TENANT),
        actor: Actor::agent(agent),
        happened_at: None,
        what: What::Register(Box::new(lead)),
    }
}

#[allow(dead_code, reason = "not all benches register leads")]
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
