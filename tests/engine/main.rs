//! The engine under bad luck: races, repeats, what servers answer, clocks that jump. Stores and
//! mailers that fail are in `faults.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;
use leadkit::agenda;
use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::{Actor, AgentSetup, Fate, LeadOrder, NewLead, NewSweep};
use leadkit::engine::{Answer, Engine, Error, Ticked};
use leadkit::faults::{Call, FaultyMailer, FaultyStore, MailerFault, Plan, StoreFault};
use leadkit::ids::{CommandId, LeadId, MessageId, Tenant};
use leadkit::mailer::{MemoryMailer, Outcome};
use leadkit::playbook::Playbook;
use leadkit::record::Lead;
use leadkit::record::lead::Trouble;
use leadkit::store::{Key, Kind, MemoryStore, Order, Store};
use leadkit::time::{Elapsed, Instant};
use leadkit_sqlite::{Options, SqliteStore};
use pollster::block_on;

mod clockwork;
mod commands;
mod hand_over;
mod hands;
mod listing;
mod messages;
mod set_aside;
#[path = "../shop/mod.rs"]
mod shop;
mod sweeps;
#[path = "../tapped/mod.rs"]
mod tapped;
mod workers;

/// The stores on which all this must hold.
fn stores() -> Vec<Arc<dyn Store>> {
    let virtual_time = Options {
        virtual_time: true,
        ..Options::default()
    };
    let sqlite = SqliteStore::in_memory_with(&virtual_time).unwrap();
    vec![Arc::new(MemoryStore::default()), Arc::new(sqlite)]
}

/// Who acts where it doesn't matter.
fn desk() -> Actor {
    Actor::host("desk")
}

fn at(text: &str) -> Instant {
    text.parse::<chrono::DateTime<chrono::FixedOffset>>()
        .unwrap()
        .into()
}

fn sales() -> Arc<Playbook> {
    Arc::new(Playbook::load("playbooks/field-and-digital-sales").unwrap())
}

fn follow_up() -> Arc<Playbook> {
    Arc::new(Playbook::load("playbooks/deferred-follow-up").unwrap())
}

struct Bench {
    engine: Engine,
    clock: VirtualClock,
    mailer: MemoryMailer,
}

fn bench(store: Arc<dyn Store>, start: &str) -> Bench {
    bench_of(store, VirtualClock::at(at(start)), 1)
}

/// One of several workers on a store.
fn bench_of(store: Arc<dyn Store>, clock: VirtualClock, seed: u64) -> Bench {
    let mailer = MemoryMailer::default();
    let engine = Engine::builder_on(store)
        .playbook("quito", sales())
        .playbook("toluca", follow_up())
        .mailer("email", mailer.clone())
        .clock(clock.clone())
        .seed(seed)
        .build()
        .unwrap();
    Bench {
        engine,
        clock,
        mailer,
    }
}

async fn people(engine: &Engine) {
    let quito = engine.tenant("quito");
    for (id, role) in [
        ("ana", "advisor"),
        ("bea", "advisor"),
        ("sofia", "supervisor"),
        ("marco", "sales-manager"),
    ] {
        let email = format!("{id}@minegocio.example");
        let agent = AgentSetup::new(id)
            .name(id)
            .email(email)
            .role(role)
            .cities(["Quito"])
            .zones(["Norte"]);
        quito.set_up(agent).by(desk()).await.unwrap();
    }
    let toluca = engine.tenant("toluca");
    for id in ["luisa", "pablo"] {
        let email = format!("{id}@autosdelvalle.example");
        toluca
            .set_up(AgentSetup::new(id).name(id).email(email).role("seller"))
            .by(desk())
            .await
            .unwrap();
    }
}

fn luis() -> NewLead {
    NewLead::new("Luis Vera")
        .email("luis@example.com")
        .source("web")
        .field("city", "Quito")
}

fn rosa() -> NewLead {
    NewLead::new("Rosa Lara")
        .email("rosa@example.com")
        .source("web")
        .field("car", "X3")
        .wait("three-to-six-months")
}

/// What a host sees of a lead when its stored clock is not the computed one: it goes cold.
async fn assert_clocks(engine: &Engine, store: &dyn Store, playbook: &Playbook, tenant: &str) {
    let leads = engine
        .tenant(tenant)
        .leads("", Order::Id, None, 1_000)
        .await
        .unwrap()
        .whole()
        .unwrap();
    let mut expected: Vec<(Key, Instant)> = Vec::new();
    for lead in &leads {
        let wakes_at = agenda::wakes_at(playbook, lead);
        expected.extend(wakes_at.map(|at| (Key::lead(&Tenant::from(tenant), lead.id), at)));
    }
    let end = at("2999-01-01T00:00:00Z");
    let lanes = store.next_due(end).await.unwrap().into_iter();
    let lanes = lanes.map(|next| next.lane).collect();
    let due = store.due(&lanes, end, 100_000, Instant::UNIX_EPOCH);
    let due = due.await.unwrap();
    let stored = due
        .into_iter()
        .filter(|due| due.key.kind == Kind::Lead && due.key.tenant == *tenant);
    let mut stored: Vec<(Key, Instant)> = stored.map(|due| (due.key, due.at)).collect();
    stored.sort();
    expected.sort();
    assert_eq!(stored, expected);
}

/// A store that lets other tasks run before and after each call, so that racing futures
/// interleave.
fn yielding() -> Arc<dyn Store> {
    let plan = Plan::new().from(1, StoreFault::Delay(Elapsed::zero()));
    Arc::new(FaultyStore::new(MemoryStore::default(), plan))
}
