//! What deciding costs: typical commands on records that are at hand, and a rule that fires.
//!
//! `cargo bench --bench decide`. The bar: a typical command under 2 microseconds, median.

#![allow(
    clippy::unwrap_used,
    reason = "a bench stops when its world is not as it should be"
)]

use std::sync::Arc;

use divan::{Bencher, black_box};
use leadkit::agenda::agenda;
use leadkit::clock::VirtualClock;
use leadkit::condition::Condition;
use leadkit::decide::command::{Actor, AgentSetup, Command, LeadOrder, NewLead, Wake, What};
use leadkit::decide::records::Records;
use leadkit::decide::{Stop, decide, wake};
use leadkit::engine::Engine;
use leadkit::ids::{CommandId, LeadId, Tenant};
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::playbook::catalogue::LeadFacts;
use leadkit::record::{Lead, stored};
use leadkit::store::{Key, MemoryStore, Store};
use leadkit::time::Instant;
use pollster::block_on;

fn main() {
    divan::main();
}

fn at(text: &str) -> Instant {
    text.parse::<chrono::DateTime<chrono::FixedOffset>>()
        .unwrap()
        .into()
}

/// A lead of a morning, its owner's task open, and a store to load from.
struct World {
    playbook: Arc<Playbook>,
    store: MemoryStore,
    tenant: Tenant,
    lead: LeadId,
}

fn world() -> World {
    let playbook = Arc::new(Playbook::load("playbooks/field-and-digital-sales").unwrap());
    let store = MemoryStore::default();
    let engine = Engine::builder(store.clone())
        .playbook("quito", playbook.clone())
        .mailer("email", MemoryMailer::default())
        .clock(VirtualClock::at(at("2026-03-10T09:30:00-05:00")))
        .seed(1)
        .build()
        .unwrap();
    let quito = engine.tenant("quito");
    let lead = block_on(async {
        for n in 0..20 {
            let id = format!("agent-{n}");
            let email = format!("{id}@minegocio.example");
            let agent = AgentSetup::new(&*id)
                .name("Ana")
                .email(email)
                .role("advisor")
                .cities(["Quito"]);
            quito.set_up(agent).by(Actor::host("bench")).await.unwrap();
        }
        let luis = NewLead::new("Luis Vera")
            .email("luis@example.com")
            .source("web")
            .field("city", "Quito");
        quito
            .register(luis)
            .by(Actor::host("bench"))
            .await
            .unwrap()
            .id
    });
    World {
        playbook,
        store,
        tenant: Tenant::from("quito"),
        lead,
    }
}

impl World {
    fn load(&self, records: &mut Records, keys: Vec<Key>) {
        let loaded = block_on(self.store.load(&keys)).unwrap();
        for (key, loaded) in keys.into_iter().zip(loaded) {
            let record = loaded
                .body
                .map(|body| Arc::new(stored::decode(&body).unwrap()));
            records.insert(key, loaded.version, record);
        }
    }

    /// Loads until a decision needs nothing more.
    fn at_hand<T>(&self, ask: impl Fn(&Records) -> Result<T, Stop>) -> Records {
        let mut records = Records::new();
        while let Err(Stop::Need(keys)) = ask(&records) {
            self.load(&mut records, keys);
        }
        records
    }

    fn lead(&self) -> Lead {
        let key = Key::lead(&self.tenant, self.lead);
        let mut records = Records::new();
        self.load(&mut records, vec![key.clone()]);
        records.record::<Lead>(&key).unwrap().clone()
    }

    fn command(&self, what: What) -> Command {
        Command {
            tenant: self.tenant.clone(),
            actor: Actor::agent("agent-0"),
            happened_at: None,
            what,
        }
    }
}

fn bench_command(bencher: Bencher<'_, '_>, what: impl Fn(&World) -> What) {
    let world = world();
    let command = world.command(what(&world));
    let (id, now) = (CommandId::of("one"), at("2026-03-10T10:00:00-05:00"));
    let records = world.at_hand(|records| decide(&world.playbook, records, id, &command, now));
    assert!(decide(&world.playbook, &records, id, &command, now).is_ok());
    bencher.bench_local(|| {
        decide(
            black_box(&world.playbook),
            black_box(&records),
            id,
            black_box(&command),
            now,
        )
    });
}

#[divan::bench(sample_size = 100)]
fn an_attempt(bencher: Bencher<'_, '_>) {
    bench_command(bencher, |world| What::Lead {
        lead: world.lead,
        order: LeadOrder::Attempt { reached: false },
    });
}

#[divan::bench(sample_size = 100)]
fn setting_a_field(bencher: Bencher<'_, '_>) {
    let fields = vec![("business".into(), Some("bakery".into()))];
    bench_command(bencher, |world| What::Lead {
        lead: world.lead,
        order: LeadOrder::SetFields {
            fields: fields.clone(),
        },
    });
}

#[divan::bench(sample_size = 100)]
fn a_registration_assigned_among_twenty(bencher: Bencher<'_, '_>) {
    let world = world();
    let rosa = NewLead::new("Rosa Lara")
        .email("rosa@example.com")
        .source("web")
        .field("city", "Quito");
    let command = Command {
        actor: Actor::host("web-form"),
        ..world.command(What::Register(Box::new(rosa)))
    };
    let (id, now) = (CommandId::of("one"), at("2026-03-10T10:00:00-05:00"));
    let records = world.at_hand(|records| decide(&world.playbook, records, id, &command, now));
    bencher.bench_local(|| {
        decide(
            black_box(&world.playbook),
            black_box(&records),
            id,
            black_box(&command),
            now,
        )
    });
}

#[divan::bench(sample_size = 100)]
fn a_service_level_that_is_missed(bencher: Bencher<'_, '_>) {
    let world = world();
    let due = at("2026-03-10T14:30:00-05:00");
    let ask = Wake::Lead(world.lead);
    let records = world.at_hand(|records| wake(&world.playbook, records, &world.tenant, &ask, due));
    bencher.bench_local(|| {
        wake(
            black_box(&world.playbook),
            black_box(&records),
            &world.tenant,
            &ask,
            due,
        )
    });
}

#[divan::bench(sample_size = 100)]
fn the_agenda_of_a_lead(bencher: Bencher<'_, '_>) {
    let world = world();
    let lead = world.lead();
    bencher.bench_local(|| agenda(black_box(&world.playbook), black_box(&lead)).len());
}

/// Five predicates on a real lead of a real playbook, all of them evaluated.
#[divan::bench(sample_size = 1000)]
fn a_condition_of_five_terms(bencher: Bencher<'_, '_>) {
    let world = world();
    let lead = world.lead();
    let condition: Condition = world
        .playbook
        .condition(
            r#"city == "Quito" and stage in ["new", "no-answer"] and not contact.unsubscribed
               and attempts.total < 5 and registered_at < now - 10m"#,
        )
        .unwrap();
    let now = at("2026-03-10T10:00:00-05:00");
    let facts = LeadFacts {
        playbook: &world.playbook,
        lead: &lead,
        now,
    };
    assert!(condition.holds(&facts, now));
    bencher.bench_local(|| black_box(&condition).holds(black_box(&facts), black_box(now)));
}

#[divan::bench(sample_size = 100)]
fn writing_a_lead_as_bytes(bencher: Bencher<'_, '_>) {
    let record = leadkit::record::Record::Lead(Box::new(world().lead()));
    bencher.bench_local(|| stored::encode(black_box(&record)).unwrap().len());
}

#[divan::bench(sample_size = 100)]
fn reading_a_lead_from_bytes(bencher: Bencher<'_, '_>) {
    let record = leadkit::record::Record::Lead(Box::new(world().lead()));
    let body = stored::encode(&record).unwrap();
    bencher.bench_local(|| stored::decode(black_box(&body)).unwrap().kind());
}
