//! Pools and workloads: what agents have on hand is right wherever it is kept, whoever comes,
//! leaves, returns or is put under another playbook.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod law;
mod members;
#[path = "../shop/mod.rs"]
mod shop;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use leadkit::agenda;
use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::{Actor, AgentSetup, Capacity, LeadOrder, Leaving, NewLead};
use leadkit::email::Email;
use leadkit::engine::{Engine, Error};
use leadkit::ids::{AgentId, CommandId, LeadId, Name, Tenant};
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::playbook::people::Choose;
use leadkit::record::contact::Claim;
use leadkit::record::lead::{Because, Lead, Moment};
use leadkit::record::members::Members;
use leadkit::record::pool::{AgentCopy, Member};
use leadkit::record::workload::Tally;
use leadkit::record::{Agent, Pool, Record, Recorded, TenantRecord, Workload, stored};
use leadkit::store::{
    Changes, Key, Kind, Lane, MemoryStore, Order as By, Put, Store, Verdict, Version,
};
use leadkit::time::{Elapsed, Instant};
use pollster::block_on;
use proptest::prelude::*;
use shop::{PREMISES, read};

const TENANT: &str = "shop";

const SHOP: &str = r#"
[pipeline.sales]
start = "new"

[pipeline.sales.stage]
new  = { to = { won = [], lost = [] } }
won  = { final = "won", to = ["new"] }
lost = { final = "lost", to = ["new"] }
"#;

fn shop(rest: &str) -> Arc<Playbook> {
    with_text(&format!("{SHOP}{rest}"))
}

fn with_text(text: &str) -> Arc<Playbook> {
    let folder = Folder {
        playbook: format!("{PREMISES}{text}"),
        ..Folder::default()
    };
    Arc::new(read(&folder))
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
            makes: Version::ABSENT.next(),
            body: Some(stored::encode(&record).unwrap()),
            wakes: None,
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
    engine
        .tenant(TENANT)
        .set_up(setup)
        .by(Actor::host("test"))
        .await
        .unwrap();
}

async fn register(engine: &Engine) -> Lead {
    let lead = NewLead::new("Somebody");
    engine
        .tenant(TENANT)
        .register(lead)
        .by(Actor::host("test"))
        .await
        .unwrap()
}

async fn leads(engine: &Engine) -> Vec<Lead> {
    let shop = engine.tenant(TENANT);
    shop.leads("", By::Id, None, 10_000)
        .await
        .unwrap()
        .whole()
        .unwrap()
}

fn owner(lead: &Lead) -> Option<&str> {
    lead.owner_id().map(AgentId::as_str)
}
