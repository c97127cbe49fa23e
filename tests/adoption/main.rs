//! A changed playbook: which one decides, what it does to leads in flight, and what races with it
//! (requirement Z10).

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod deciders;
mod laws;
mod races;
mod rules;
#[path = "../shop/mod.rs"]
mod shop;
#[path = "../tapped/mod.rs"]
mod tapped;

use std::sync::{Arc, Mutex};

use leadkit::agenda;
use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::{
    Actor, Adoption, AgentSetup, Command, Correction, Fate, LeadOrder, NewLead, NewSweep,
    StageMapping, Waiting, What,
};
use leadkit::decide::records::Records;
use leadkit::decide::refusal::Refusal;
use leadkit::decide::{Decision, Stop, decide};
use leadkit::engine::{Engine, Error, Ticked};
use leadkit::ids::{CommandId, LeadId, Name, SweepId, Tenant};
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::record::journal::Event;
use leadkit::record::lead::{How, Lead};
use leadkit::record::{Sweep, TenantRecord, stored};
use leadkit::store::{JournalCursor, Key, Kind, Lane, MemoryStore, Order, Store, Verdict};
use leadkit::time::{Elapsed, Instant};
use pollster::block_on;
use shop::{PREMISES, read};
use tapped::Tapped;

const TENANT: &str = "shop";

/// A shop without rules.
const SHOP: &str = r#"
[role.seller]
may = ["register", "attempt"]

[hold]
parked = {}

[[route]]
to = "sales.new"

[pipeline.sales]
start = "new"
"#;

const STAGES: &str = r#"
[pipeline.sales.stage]
new     = { to = { talking = [], lost = [] } }
talking = { to = { new = [], lost = [] } }
lost    = { final = "lost", to = ["new"] }
"#;

const HELLO: &str = "Subject: Hello {{ contact.name }}\n\nHow are you?\n";

fn with_template(text: &str, hello: &str) -> Arc<Playbook> {
    let folder = Folder {
        playbook: format!("{PREMISES}{text}"),
        templates: vec![("templates/hello.txt".into(), hello.into())],
        ..Folder::default()
    };
    Arc::new(read(&folder))
}

/// The shop with these rules.
fn shop(rules: &str) -> Arc<Playbook> {
    with_template(&format!("{SHOP}{STAGES}{rules}"), HELLO)
}

/// A rule that writes to the contact.
fn writes(name: &str, when: &str) -> String {
    format!("\n[[rule]]\nname = \"{name}\"\n{when}\ndo = [{{ send = \"hello\" }}]\n")
}

/// A store, and engines on it that know one playbook or another.
struct World {
    store: Arc<dyn Store>,
    clock: VirtualClock,
    mailer: MemoryMailer,
    start: Instant,
}

impl World {
    fn new() -> Self {
        let start = "2026-03-02T09:00:00Z".parse().unwrap();
        Self {
            store: Arc::new(MemoryStore::default()),
            clock: VirtualClock::at(start),
            mailer: MemoryMailer::default(),
            start,
        }
    }

    /// An engine that knows these; new leads come under the last one.
    fn engine(&self, playbooks: &[&Arc<Playbook>]) -> Engine {
        let mut builder = Engine::builder_on(self.store.clone())
            .clock(self.clock.clone())
            .mailer("email", self.mailer.clone());
        for playbook in playbooks {
            builder = builder.playbook(TENANT, (*playbook).clone());
        }
        builder.build().unwrap()
    }

    async fn live_to_day(&self, engine: &Engine, day: i64) {
        let until = self.start + Elapsed::days(day);
        engine
            .live_until(&self.clock, until, |_, _| {})
            .await
            .unwrap();
        engine.tick().await.unwrap();
    }

    async fn adopt(&self, engine: &Engine) {
        engine
            .tenant(TENANT)
            .adopt(Vec::new())
            .by(Actor::host("test"))
            .await
            .unwrap();
        engine.tick().await.unwrap();
    }

    /// How many messages Luis has got.
    fn messages(&self) -> usize {
        self.mailer.mailbox("luis@example.com").len()
    }

    async fn record<T: leadkit::record::Recorded>(&self, key: Key) -> T {
        let loaded = self.store.load(std::slice::from_ref(&key)).await.unwrap();
        let record = stored::decode(loaded[0].body.as_ref().unwrap()).unwrap();
        T::from_record(&record).unwrap().clone()
    }

    async fn sweep(&self, id: SweepId) -> Sweep {
        self.record(Key::sweep(&TENANT.into(), id)).await
    }

    async fn tenant(&self) -> TenantRecord {
        self.record(Key::tenant(&TENANT.into())).await
    }

    async fn events(&self) -> Vec<Event> {
        let journal = self
            .store
            .journal(&TENANT.into(), JournalCursor::default(), 100_000)
            .await
            .unwrap();
        let entries = journal
            .iter()
            .map(|entry| stored::decode_entry(&entry.body).unwrap());
        entries.flat_map(|entry| entry.events).collect()
    }

    /// The stored clock of every lead is the one that its playbook computes.
    async fn assert_clocks(&self, playbook: &Playbook) {
        let far = "2999-01-01T00:00:00Z".parse().unwrap();
        let lane = Lane {
            tenant: TENANT.into(),
            name: playbook.hash.clone(),
        };
        let lanes = [lane].into_iter().collect();
        let store = &self.store;
        let due = store.due(&lanes, far, 100_000, Instant::UNIX_EPOCH).await;
        let due = due.unwrap();
        for lead in leads(&self.engine(&[&shop("")])).await {
            let key = Key::lead(&TENANT.into(), lead.id);
            let stored = due.iter().find(|due| due.key == key).map(|due| due.at);
            assert_eq!(lead.playbook, playbook.hash);
            assert_eq!(stored, agenda::wakes_at(playbook, &lead), "{lead:#?}");
        }
    }
}

async fn leads(engine: &Engine) -> Vec<Lead> {
    let shop = engine.tenant(TENANT);
    shop.leads("", Order::Id, None, 1_000)
        .await
        .unwrap()
        .whole()
        .unwrap()
}

fn luis() -> NewLead {
    NewLead::new("Luis").email("luis@example.com")
}

async fn register(engine: &Engine) -> LeadId {
    engine
        .tenant(TENANT)
        .register(luis())
        .by(Actor::host("test"))
        .await
        .unwrap()
        .id
}

/// A sweep that comes every week.
fn weekly(audience: &str) -> NewSweep {
    NewSweep {
        name: "weekly".into(),
        audience: audience.into(),
        order: LeadOrder::Attempt { reached: false },
        starts_at: None,
        every_days: Some(7),
    }
}

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    match result {
        Err(Error::Refused(refusal)) => refusal.code(),
        other => panic!("{other:?}"),
    }
}
