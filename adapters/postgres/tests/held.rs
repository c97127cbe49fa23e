//! A transaction of the host's that has records in hand and takes its time: what it costs the
//! workers beside it.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod server;

use std::time::Duration;

use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::{Actor, AgentSetup, NewLead};
use leadkit::engine::{Engine, Error, Ticked};
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::time::{Elapsed, Instant};
use leadkit_postgres::PostgresStore;
use leadkit_postgres::tokio_postgres::{Client, Transaction};
use server::block_on;
use uuid::Uuid;

/// Every lead is given to somebody out of one pool after three hours, and written to.
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

[role.seller]
may = ["*"]

[pipeline.sales]
start = "new"

[pipeline.sales.stage]
new  = { to = { lost = [] } }
lost = { final = "lost", to = ["new"] }

[pool.sellers]
members = 'role == "seller"'
choose  = "evenly"

[[rule]]
name  = "take-up"
on    = "registered"
after = "3 hours"
do    = [{ assign = "sellers" }, { send = "hello", as = "organisation" }]

[[route]]
to = "sales.new"
"#;
/// How long the hosts' transactions may keep a worker, however much they have in hand.
const PATIENCE: Duration = Duration::from_secs(5);

struct Floor {
    engine: Engine,
    clock: VirtualClock,
    host: Client,
}

fn shop() -> Playbook {
    let hello = "Subject: Hello {{ contact.name }}\n\nHow are you?\n";
    let folder = Folder {
        playbook: SHOP.into(),
        templates: vec![("templates/hello.txt".into(), hello.into())],
        holidays: Vec::new(),
        scenarios: Vec::new(),
    };
    Playbook::read(&folder).unwrap_or_else(|faults| panic!("{:#?}", faults.0))
}

fn at(text: &str) -> Instant {
    text.parse().expect("an instant")
}

/// Two organisations, whose leads have all waited for too long at 13:00.
async fn floor(leads: [(&str, usize); 2]) -> Floor {
    let url = server::fresh_database().await;
    let store = PostgresStore::open_with(&url, &server::options()).await;
    let clock = VirtualClock::at(at("2026-03-10T10:00:00+01:00"));
    let engine = Engine::builder(store.unwrap())
        .playbook("acme", shop())
        .playbook("zenith", shop())
        .mailer("email", MemoryMailer::default())
        .clock(clock.clone())
        .seed(1)
        .build()
        .unwrap();
    for (tenant, leads) in leads {
        let tenant = engine.tenant(tenant);
        for id in ["ana", "bea"] {
            let agent = AgentSetup::new(id).name(id).role("seller");
            let agent = agent.email(format!("{id}@x.example"));
            tenant.set_up(agent).by(Actor::host("test")).await.unwrap();
        }
        for n in 0..leads {
            let lead = NewLead::new(format!("Luis {n}"));
            let lead = lead.email(format!("n{n}@example.com"));
            tenant.register(lead).by(Actor::host("test")).await.unwrap();
        }
    }
    engine.tick().await.unwrap();
    clock.set(at("2026-03-10T13:00:00+01:00"));
    let host = server::connect(&url).await;
    Floor {
        engine,
        clock,
        host,
    }
}

/// Takes the records in hand that this condition names.
async fn hold<'c>(host: &'c mut Client, condition: &str) -> Transaction<'c> {
    let tx = host.transaction().await.unwrap();
    let sql = format!("SELECT 1 FROM leadkit_records WHERE {condition} FOR UPDATE");
    assert!(!tx.query(&sql, &[]).await.unwrap().is_empty());
    tx
}

/// A tick that is over in time.
async fn tick(engine: &Engine) -> Ticked {
    let ticked = tokio::time::timeout(PATIENCE, engine.tick()).await;
    ticked.expect("a host's transaction is waited for").unwrap()
}

async fn taken_up(engine: &Engine, tenant: &str) -> u64 {
    let counted = engine.tenant(tenant).count("owner is present", &[]).await;
    counted.unwrap()[0].count
}

/// How many wakes were given up because somebody has their records in hand.
fn contended(ticked: &Ticked) -> usize {
    let is_contended = |error: &Error| matches!(error, Error::Contended(_));
    let failures = ticked.failures.iter();
    failures.filter(|(_, error)| is_contended(error)).count()
}

/// Each of a hundred leads needs something that is in hand: it is left, and comes back when its
/// lease ends.
#[test]
fn what_one_tenants_host_has_in_hand_does_not_keep_the_other_tenants_clocks() {
    let Some(_) = server::url() else { return };
    block_on(async {
        const LEADS: u64 = 100;
        let mut floor = floor([("acme", LEADS as usize), ("zenith", 5)]).await;
        // Not the leads themselves, which no claim would give to a worker then.
        let tx = hold(&mut floor.host, "tenant = 'acme' AND kind = 3").await;
        let ticked = tick(&floor.engine).await;
        assert_eq!(contended(&ticked), LEADS as usize);
        assert_eq!(taken_up(&floor.engine, "zenith").await, 5);
        assert_eq!(taken_up(&floor.engine, "acme").await, 0);
        tx.rollback().await.unwrap();
        floor.clock.set(floor.clock.now() + Elapsed::seconds(61));
        let ticked = tick(&floor.engine).await;
        assert_eq!(contended(&ticked), 0);
        assert_eq!(taken_up(&floor.engine, "acme").await, LEADS);
    });
}

/// One contact is in hand, whose lead is given out of the same pool as all the others.
#[test]
fn what_is_in_hand_costs_the_leads_that_need_it_and_none_beside_them() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let mut floor = floor([("acme", 40), ("zenith", 5)]).await;
        let one_contact = "tenant = 'acme' AND (kind, id) = (SELECT kind, id
            FROM leadkit_records WHERE tenant = 'acme' AND kind = 3 ORDER BY id LIMIT 1)";
        let tx = hold(&mut floor.host, one_contact).await;
        let ticked = tick(&floor.engine).await;
        assert_eq!(contended(&ticked), 1);
        assert_eq!(taken_up(&floor.engine, "acme").await, 39);
        assert_eq!(taken_up(&floor.engine, "zenith").await, 5);
        tx.rollback().await.unwrap();
    });
}

/// What is to be new can be in hand as well: two of the messages that forty leads of one pool queue.
/// Their ids follow from those of the leads, so another floor has told them.
#[test]
fn what_is_being_made_costs_the_leads_that_need_it_and_none_beside_them() {
    let Some(_) = server::url() else { return };
    block_on(async {
        const LEADS: [(&str, usize); 2] = [("acme", 40), ("zenith", 5)];
        let two_messages = "SELECT id FROM leadkit_records
            WHERE tenant = 'acme' AND kind = 8 ORDER BY md5(id::text) LIMIT 2";
        let other = floor(LEADS).await;
        tick(&other.engine).await;
        let rows = other.host.query(two_messages, &[]).await.unwrap();
        let ids: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(ids.len(), 2);

        let mut floor = floor(LEADS).await;
        let tx = floor.host.transaction().await.unwrap();
        let make = "INSERT INTO leadkit_records (tenant, kind, id, version, body)
            SELECT 'acme', 8, unnest($1::uuid[]), 1, ''";
        tx.execute(make, &[&ids]).await.unwrap();
        let ticked = tick(&floor.engine).await;
        assert_eq!(contended(&ticked), 2);
        assert_eq!(taken_up(&floor.engine, "acme").await, 38);
        assert_eq!(taken_up(&floor.engine, "zenith").await, 5);
        tx.rollback().await.unwrap();
        floor.clock.set(floor.clock.now() + Elapsed::seconds(61));
        assert_eq!(contended(&tick(&floor.engine).await), 0);
        assert_eq!(taken_up(&floor.engine, "acme").await, 40);
    });
}
