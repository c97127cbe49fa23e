//! Many leads due at once: while one page of them is committed the next is decided, and nobody
//! can tell.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;

use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::{Actor, AgentSetup, Command, NewLead, What};
use leadkit::engine::{Engine, Ticked};
use leadkit::faults::{Call, FaultyStore, Plan, StoreFault};
use leadkit::ids::{CommandId, Tenant};
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::record::{Lead, Pool};
use leadkit::store::{Key, MemoryStore, Order, Store};
use leadkit::time::Elapsed;
use leadkit_sqlite::{Options, SqliteStore};
use pollster::block_on;

const LEADS: usize = 1_200;

/// A worker; each has a seed of its own.
fn engine(store: Arc<dyn Store>, seed: u64) -> (Engine, VirtualClock) {
    let clock = VirtualClock::at("2026-03-06T14:00:00Z".parse().unwrap());
    let playbook = Playbook::load("playbooks/field-and-digital-sales").unwrap();
    let engine = Engine::builder_on(store)
        .playbook("quito", playbook)
        .mailer("email", MemoryMailer::default())
        .clock(clock.clone())
        .seed(seed)
        .build()
        .unwrap();
    (engine, clock)
}

fn register(number: usize) -> (Option<CommandId>, Command) {
    let lead = NewLead::new(format!("Luis Vera {number}"))
        .email(format!("luis.vera.{number}@example.com"))
        .source("web")
        .field("city", "Quito");
    let command = Command {
        tenant: Tenant::from("quito"),
        actor: Actor::host("test"),
        happened_at: None,
        what: What::Register(Box::new(lead)),
    };
    (Some(CommandId::of(&format!("lead {number}"))), command)
}

/// Leads that nobody answered in four business hours, more than two pages of them: all are to go
/// to somebody else, and each choice depends on the ones before it.
async fn unanswered(store: Arc<dyn Store>) -> (Engine, VirtualClock) {
    let (engine, clock) = engine(store, 1);
    let quito = engine.tenant("quito");
    for (agent, role) in [
        ("ana", "advisor"),
        ("bea", "advisor"),
        ("carla", "advisor"),
        ("sofia", "supervisor"),
        ("marco", "sales-manager"),
    ] {
        let email = format!("{agent}@minegocio.example");
        let setup = AgentSetup::new(agent).name(agent).email(email).role(role);
        let setup = setup
            .cities(["Quito"])
            .zones(["Norte"])
            .capacity(LEADS as u32);
        quito.set_up(setup).by(Actor::host("test")).await.unwrap();
    }
    let answers = engine.execute_all((0..LEADS).map(register).collect()).await;
    assert!(answers.unwrap().iter().all(Result::is_ok));
    (engine, clock)
}

/// Who holds the leads, by name; and what the pools believe.
async fn outcome(engine: &Engine) -> BTreeMap<String, String> {
    let quito = engine.tenant("quito");
    let page = quito.leads("", Order::Id, None, LEADS).await.unwrap();
    let leads = page.whole().unwrap();
    assert_eq!(leads.len(), LEADS);
    let mut held: BTreeMap<&str, u32> = BTreeMap::new();
    for lead in &leads {
        assert_eq!(lead.reassignments, 1, "{} times", lead.reassignments);
        *held.entry(lead.owner_id().unwrap().as_str()).or_default() += 1;
    }
    let pool: Pool = record(
        engine,
        &Key::pool(&Tenant::from("quito"), &"digital".into()),
    )
    .await;
    for member in &pool.members {
        let held = held.get(member.agent.as_str()).copied().unwrap_or(0);
        assert_eq!(member.load, held, "{}", member.agent);
    }
    let owner = |lead: &Lead| lead.owner_id().unwrap().to_string();
    let leads = leads.iter();
    leads
        .map(|lead| (lead.contact.name.to_string(), owner(lead)))
        .collect()
}

async fn record<T: leadkit::record::Recorded>(engine: &Engine, key: &Key) -> T {
    let loaded = engine.store().load(std::slice::from_ref(key)).await;
    let body = loaded.unwrap().remove(0).body.unwrap();
    let record = leadkit::record::stored::decode(&body).unwrap();
    T::from_record(&record).unwrap().clone()
}

#[test]
fn pages_that_are_decided_ahead_build_on_those_before_them_in_every_store() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let mut outcomes = Vec::new();
        for store in [
            Arc::new(MemoryStore::default()) as Arc<dyn Store>,
            file(folder.path()),
        ] {
            let (engine, clock) = unanswered(store).await;
            clock.advance(Elapsed::hours(5));
            let ticked = engine.tick().await.unwrap();
            assert!(ticked.failures.is_empty());
            outcomes.push(outcome(&engine).await);
        }
        assert_eq!(outcomes[0], outcomes[1]);
    });
}

#[test]
fn a_tick_in_parts_does_no_more_than_it_was_allowed() {
    block_on(async {
        let (engine, clock) = unanswered(Arc::new(MemoryStore::default())).await;
        clock.advance(Elapsed::hours(5));
        let mut ticked = Ticked::default();
        let mut done = 0;
        for most in [1, 700, 0] {
            assert_eq!(engine.tick_up_to(&mut ticked, most).await.unwrap(), most);
            done += most as u64;
            assert_eq!(ticked.fired, done);
        }
    });
}

/// A page may be written and not heard of, or not written, while the next is decided on it.
#[test]
fn a_store_that_fails_at_a_page_makes_no_lead_move_twice_and_none_stay() {
    block_on(async {
        for (nth, fault) in [
            (1, StoreFault::Before),
            (1, StoreFault::After),
            (1, StoreFault::Midway),
            (2, StoreFault::Before),
            (2, StoreFault::After),
            (2, StoreFault::Midway),
            (2, StoreFault::Repeat),
            (3, StoreFault::After),
        ] {
            let kept = MemoryStore::default();
            let (_, clock) = unanswered(Arc::new(kept.clone())).await;
            let plan = Plan::new().on(Call::Commit, nth, fault);
            let store = FaultyStore::new(kept, plan);
            let (engine, its_clock) = engine(Arc::new(store.clone()), 2);
            its_clock.set(clock.now() + Elapsed::hours(5));
            let first = engine.tick().await;
            assert_eq!(store.struck().len(), 1, "{fault:?} at commit {nth}");
            assert!(first.is_err() || fault == StoreFault::Repeat);
            // What was claimed and not done is leased for a while.
            its_clock.advance(Elapsed::minutes(2));
            engine.tick().await.unwrap();
            outcome(&engine).await;
        }
    });
}

/// Two processes on one file know nothing of each other's leases: what one writes while the other
/// decides ahead must be decided again, not lost and not done twice.
#[test]
fn two_workers_on_one_file_move_each_lead_once() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let open = || file(folder.path());
        let (first, clock) = unanswered(open()).await;
        let (second, other_clock) = engine(open(), 2);
        clock.advance(Elapsed::hours(5));
        other_clock.set(clock.now());
        let (one, two) = futures::future::join(first.tick(), second.tick()).await;
        assert!(one.unwrap().failures.is_empty() && two.unwrap().failures.is_empty());
        outcome(&first).await;
    });
}

fn file(folder: &Path) -> Arc<dyn Store> {
    let virtual_time = Options {
        virtual_time: true,
        ..Options::default()
    };
    Arc::new(SqliteStore::open_with(folder.join("leads.db"), &virtual_time).unwrap())
}

/// Each assignment of a batch depends on the one before it, and each agent's workload is a record
/// of its own: all of them are decided all the same, however many agents there are.
#[test]
fn a_batch_is_shared_among_more_agents_than_it_has_rounds_to_load_them() {
    block_on(async {
        let (engine, _) = engine(Arc::new(MemoryStore::default()), 1);
        let quito = engine.tenant("quito");
        for number in 0..150 {
            let agent = format!("agent-{number:03}");
            let email = format!("{agent}@minegocio.example");
            let setup = AgentSetup::new(&agent).name(&agent).email(email);
            let setup = setup.role("advisor").cities(["Quito"]);
            quito.set_up(setup).by(Actor::host("test")).await.unwrap();
        }
        let answers = engine.execute_all((0..300).map(register).collect()).await;
        let answers = answers.unwrap();
        let owners: Vec<_> = answers
            .iter()
            .map(|answer| answer.as_ref().unwrap().lead.as_ref().unwrap())
            .map(|lead| lead.owner_id().unwrap().clone())
            .collect();
        let mut each: BTreeMap<_, u32> = BTreeMap::new();
        for owner in owners {
            *each.entry(owner).or_default() += 1;
        }
        assert!(each.len() > 64, "{} agents", each.len());
    });
}

#[test]
fn a_worker_that_is_to_stop_finishes_its_page_and_leaves_the_rest() {
    block_on(async {
        let (engine, clock) = unanswered(Arc::new(MemoryStore::default())).await;
        clock.advance(Elapsed::hours(5));
        let mut asked = 0;
        let shutdown = std::future::poll_fn(|_| {
            asked += 1;
            match asked {
                1 => Poll::Pending,
                _ => Poll::Ready(()),
            }
        });
        let mut fired = 0;
        let looked_at =
            |_, ticked: &Ticked, _: Option<&leadkit::engine::Error>| fired = ticked.fired;
        engine.run_watched(shutdown, looked_at).await.unwrap();
        assert_eq!(fired, 500);
    });
}
