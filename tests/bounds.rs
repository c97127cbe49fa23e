//! Every list in a record has a bound, and what is over is refused or goes without harm.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use std::sync::Arc;

use leadkit::agenda;
use leadkit::clock::VirtualClock;
use leadkit::condition::Condition;
use leadkit::decide::command::{Actor, AgentSetup, LeadOrder, NewLead, NewSweep};
use leadkit::engine::{Answer, Engine, Error};
use leadkit::ids::LeadId;
use leadkit::playbook::Playbook;
use leadkit::record::Lead;
use leadkit::record::fields::Fields;
use leadkit::scenario::World;
use leadkit::store::MemoryStore;
use leadkit::time::{Elapsed, Instant};
use leadkit::value::Value;
use pollster::block_on;
use shop::{at, folder, read};

struct Bench {
    world: World,
    lead: LeadId,
}

impl Bench {
    async fn new(rules: &str) -> Self {
        let playbook = read(&folder(rules, ""));
        let store = Arc::new(MemoryStore::default());
        let world = World::new(playbook, store, at("2026-03-02T10:00:00+01:00")).unwrap();
        let new = NewLead::new("Luis").email("luis@example.com");
        let lead = world
            .tenant()
            .register(new)
            .by(Actor::host("test"))
            .await
            .unwrap()
            .id;
        Self { world, lead }
    }

    async fn lead(&self) -> Lead {
        self.world.tenant().lead(self.lead).await.unwrap().unwrap()
    }

    async fn move_to(&self, stage: &str) {
        let tenant = self.world.tenant();
        tenant
            .move_to(self.lead, stage)
            .by(Actor::host("test"))
            .await
            .unwrap();
    }

    /// Held for an hour, and let go.
    async fn hold_for_an_hour(&self) -> Result<(), Error> {
        let tenant = self.world.tenant();
        tenant
            .hold(self.lead, "parked")
            .by(Actor::host("test"))
            .await?;
        let until = self.world.now() + Elapsed::hours(1);
        self.world.advance_to(until).await.unwrap();
        tenant
            .release(self.lead, "parked")
            .by(Actor::host("test"))
            .await?;
        Ok(())
    }

    async fn wakes_at(&self) -> Option<Instant> {
        agenda::wakes_at(self.world.playbook(), &self.lead().await)
    }
}

#[test]
fn no_hold_is_forgotten_that_a_clock_counts() {
    block_on(async {
        let bench = Bench::new(
            r#"
[[rule]]
name  = "in-half-a-year"
on    = "registered"
after = "4320 hours"
do    = [{ send = "hello" }]
"#,
        )
        .await;
        let begins = bench.wakes_at().await.unwrap();
        for _ in 0..Lead::MOST_HOLDS {
            bench.hold_for_an_hour().await.unwrap();
        }
        let held = begins + Elapsed::hours(64);
        assert_eq!(bench.wakes_at().await, Some(held));
        let Err(Error::Refused(refusal)) = bench.hold_for_an_hour().await else {
            panic!("one more would push out one that counts");
        };
        assert_eq!(refusal.code(), "too-many");
        assert_eq!(bench.wakes_at().await, Some(held));
    });
}

#[test]
fn no_hold_is_forgotten_that_a_rule_counts_which_fired_for_an_earlier_answer() {
    block_on(async {
        let bench = Bench::new(
            r#"
[[rule]]
name  = "in-half-a-year"
on    = "answered"
after = "4320 hours"
do    = [{ set = "city", to = "Madrid" }]
"#,
        )
        .await;
        let answered = async || {
            let tenant = bench.world.tenant();
            let answered = tenant.answered(bench.lead).by(Actor::host("test"));
            answered.await.unwrap();
        };
        answered().await;
        let fires_at = bench.wakes_at().await.unwrap();
        bench.world.advance_to(fires_at).await.unwrap();
        assert_eq!(bench.wakes_at().await, None);
        answered().await;
        let begins = bench.wakes_at().await.unwrap();
        for _ in 0..Lead::MOST_HOLDS {
            bench.hold_for_an_hour().await.unwrap();
        }
        let held = Some(begins + Elapsed::hours(64));
        assert_eq!(bench.wakes_at().await, held);
        let Err(Error::Refused(refusal)) = bench.hold_for_an_hour().await else {
            panic!("one more would push out one that counts");
        };
        assert_eq!(refusal.code(), "too-many");
        assert_eq!(bench.wakes_at().await, held);
    });
}

#[test]
fn holds_that_no_clock_counts_any_more_make_room() {
    block_on(async {
        let bench = Bench::new(
            r#"
[[rule]]
name  = "in-half-a-year"
stage = "talking"
on    = "entered"
after = "4320 hours"
do    = [{ send = "hello" }]

[[rule]]
name  = "done-with-them"
on    = "registered"
after = "1 hour"
do    = [{ set = "city", to = "Madrid" }]
"#,
        )
        .await;
        for _ in 0..Lead::MOST_HOLDS {
            bench.hold_for_an_hour().await.unwrap();
        }
        // Its clocks begin anew with the stage, and what counted from the registration has fired.
        bench
            .world
            .advance_to(bench.world.now() + Elapsed::hours(2))
            .await
            .unwrap();
        bench.move_to("talking").await;
        let begins = bench.wakes_at().await.unwrap();
        bench.hold_for_an_hour().await.unwrap();
        assert_eq!(bench.wakes_at().await, Some(begins + Elapsed::hours(1)));
        assert_eq!(bench.lead().await.holds.len(), 1);
    });
}

#[test]
fn what_is_to_be_done_is_never_forgotten_for_what_was() {
    block_on(async {
        let bench = Bench::new(
            r#"
[task.decide]
text = "Decide"

[[rule]]
name = "decide"
on   = "registered"
do   = [{ task = "decide" }]

[[rule]]
name = "call"
on   = "entered new"
do   = [{ task = "call" }]
"#,
        )
        .await;
        for _ in 0..70 {
            bench.move_to("talking").await;
            bench.move_to("new").await;
        }
        let lead = bench.lead().await;
        assert_eq!(lead.tasks.len(), Lead::MOST_KEPT);
        assert!(lead.open_task(&"decide".into()).is_some());
        let last = lead.open_task(&"call".into()).unwrap();
        assert_eq!(last.number, 71);
    });
}

/// A playbook with forty fields of its own.
fn with_fields(letter: char) -> Playbook {
    let fields: String = (0..40)
        .map(|n| format!("[field.{letter}{n}]\ntype = \"date\"\n"))
        .collect();
    read(&folder(&fields, ""))
}

fn today(letter: char) -> impl Iterator<Item = (leadkit::ids::Name, Value)> {
    let date = chrono::NaiveDate::from_ymd_opt(2026, 3, 2).unwrap();
    (0..40).map(move |n| (format!("{letter}{n}").into(), Value::Date(date)))
}

#[test]
fn fields_of_playbooks_of_the_past_make_room_for_those_of_the_present() {
    block_on(async {
        let store = Arc::new(MemoryStore::default());
        let engine = |playbooks: Vec<Playbook>| {
            let mut builder = Engine::builder_on(store.clone())
                .clock(VirtualClock::at(at("2026-03-02T10:00:00+01:00")))
                .seed(playbooks.len() as u64);
            for playbook in playbooks {
                builder = builder.playbook("shop", playbook);
            }
            builder.build().unwrap()
        };
        let first = engine(vec![with_fields('f')]);
        let mut new = NewLead::new("Luis");
        new.fields = today('f').collect();
        let lead = first
            .tenant("shop")
            .register(new)
            .by(Actor::host("test"))
            .await
            .unwrap();
        assert_eq!(lead.fields.len(), 40);

        let second = engine(vec![with_fields('f'), with_fields('g')]);
        let shop = second.tenant("shop");
        shop.adopt(Vec::new())
            .by(Actor::host("test"))
            .await
            .unwrap();
        second.tick().await.unwrap();
        let fields = today('g').map(|(name, value)| (name, Some(value)));
        let order = LeadOrder::SetFields {
            fields: fields.collect(),
        };
        let lead = shop
            .order(lead.id, order)
            .by(Actor::host("test"))
            .await
            .unwrap();
        assert!(lead.fields.len() <= Fields::MOST);
        for (name, value) in today('g') {
            assert_eq!(lead.fields.value(&name), Some(value.as_ref()));
        }
        assert_eq!(lead.dates_told.len(), lead.fields.len());
    });
}

#[test]
fn a_command_that_sets_more_fields_than_a_lead_can_have_is_refused() {
    block_on(async {
        let bench = Bench::new("").await;
        let fields = vec![("city".into(), Some(Value::from("Madrid"))); Fields::MOST + 1];
        let order = LeadOrder::SetFields { fields };
        let tenant = bench.world.tenant();
        let refused = tenant
            .order(bench.lead, order.clone())
            .by(Actor::host("test"))
            .await;
        let Err(Error::Refused(refusal)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(refusal.code(), "too-many");
        // A sweep would keep the order.
        let sweep = NewSweep {
            name: "all".into(),
            audience: "open".into(),
            order,
            starts_at: None,
            every_days: None,
        };
        let refused: Result<Answer, Error> = tenant.sweep(sweep).by(Actor::host("test")).await;
        assert!(matches!(refused, Err(Error::Refused(refusal)) if refusal.code() == "too-many"));
    });
}

#[test]
fn an_agents_texts_and_a_sweeps_are_bounded() {
    block_on(async {
        let bench = Bench::new("").await;
        let tenant = bench.world.tenant();
        let long = "x".repeat(257);
        let agent = || {
            AgentSetup::new("ana")
                .name("Ana")
                .email("ana@example.com")
                .role("seller")
        };
        let setups = [
            ("role", agent().role(long.as_str())),
            ("team", agent().team(long.as_str())),
            ("cities", agent().cities(["Madrid", &long])),
        ];
        for (input, setup) in setups {
            let refused = tenant.set_up(setup).by(Actor::host("test")).await;
            assert!(wrong_inputs(refused).contains(&input.to_owned()), "{input}");
        }
        let fits = agent().team("x".repeat(256)).cities(["x".repeat(256)]);
        tenant.set_up(fits).by(Actor::host("test")).await.unwrap();

        let sweep = NewSweep {
            name: "all".into(),
            audience: "open".into(),
            order: LeadOrder::Attempt { reached: false },
            starts_at: None,
            every_days: None,
        };
        let mut long_name = sweep.clone();
        long_name.name = long.as_str().into();
        let mut long_order = sweep.clone();
        long_order.order = LeadOrder::Close {
            stage: "lost".into(),
            reason: Some("x".repeat(70_000).into()),
        };
        for (input, sweep) in [("name", long_name), ("order", long_order)] {
            let refused = tenant.sweep(sweep).by(Actor::host("test")).await;
            assert_eq!(wrong_inputs(refused), [input]);
        }
        let mut long_audience = sweep;
        let endless = vec!["open"; Condition::MAX_BYTES / 4].join(" or ");
        long_audience.audience = endless.into();
        let refused: Result<Answer, Error> =
            tenant.sweep(long_audience).by(Actor::host("test")).await;
        assert!(
            matches!(refused, Err(Error::Refused(refusal)) if refusal.code() == "bad-condition")
        );
    });
}

/// The inputs that a refusal names.
fn wrong_inputs<T: std::fmt::Debug>(refused: Result<T, Error>) -> Vec<String> {
    let Err(Error::Refused(refusal)) = refused else {
        panic!("{refused:?}");
    };
    refusal.missing().map(ToString::to_string).collect()
}
