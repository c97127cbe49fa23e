//! The engine under bad luck: races, repeats, what servers answer, clocks that jump. Stores and
//! mailers that fail are in `faults.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;
use leadkit::agenda;
use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::{Actor, AgentSetup, Fate, LeadOrder, NewLead, NewSweep};
use leadkit::engine::{Answer, Engine, Error};
use leadkit::faults::{FaultyMailer, FaultyStore, MailerFault, Plan, StoreFault};
use leadkit::ids::{CommandId, LeadId, MessageId, Tenant};
use leadkit::mailer::{MemoryMailer, Outcome};
use leadkit::playbook::Playbook;
use leadkit::record::Lead;
use leadkit::record::lead::Trouble;
use leadkit::store::{Key, Kind, MemoryStore, Order, Store};
use leadkit::time::{Elapsed, Instant};
use pollster::block_on;

mod workers;

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
    let clock = VirtualClock::at(at(start));
    let mailer = MemoryMailer::default();
    let engine = Engine::builder_on(store)
        .playbook("quito", sales())
        .playbook("toluca", follow_up())
        .mailer("email", mailer.clone())
        .clock(clock.clone())
        .seed(1)
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
            .cities(["Quito"]);
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
        .leads;
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

// ------------------------------------------------------------------ races and repeats

/// A store that lets other tasks run before and after each call, so that racing futures
/// interleave.
fn yielding() -> Arc<dyn Store> {
    let plan = Plan::new().from(1, StoreFault::Delay(Elapsed::zero()));
    Arc::new(FaultyStore::new(MemoryStore::default(), plan))
}

#[test]
fn two_registrations_of_one_email_by_one_agent_racing_each_other_make_one_lead() {
    block_on(async {
        let store = yielding();
        let Bench { engine, .. } = bench(store, "2026-03-10T09:30:00-06:00");
        people(&engine).await;
        let toluca = engine.tenant("toluca");
        let racing = (0..8).map(|_| async { toluca.register(rosa()).by("luisa").await });
        let results = join_all(racing).await;
        let registered: Vec<&Lead> = results
            .iter()
            .filter_map(|result| result.as_ref().ok())
            .collect();
        assert_eq!(registered.len(), 1);
        let refused = results.iter().filter_map(|result| result.as_ref().err());
        for error in refused {
            let Error::Refused(refusal) = error else {
                panic!("{error}")
            };
            assert_eq!(refusal.code(), "already-held");
        }
        assert_eq!(toluca.count("", &[]).await.unwrap()[0].count, 1);
    });
}

#[test]
fn the_same_command_twice_acts_once_and_answers_with_the_same_lead() {
    block_on(async {
        let Bench { engine, clock, .. } = bench(
            Arc::new(MemoryStore::default()),
            "2026-03-10T09:30:00-05:00",
        );
        people(&engine).await;
        let quito = engine.tenant("quito");
        let id = CommandId::of("webhook 7");
        let first = quito.register(luis()).by(desk()).id(id).await.unwrap();
        clock.advance(Elapsed::hours(1));
        let again = quito.register(luis()).by(desk()).id(id).await.unwrap();
        assert_eq!(again.id, first.id);
        let tried = CommandId::of("webhook 8");
        for _ in 0..3 {
            quito.tried(first.id).by("ana").id(tried).await.unwrap();
        }
        assert_eq!(
            quito
                .lead(first.id)
                .await
                .unwrap()
                .unwrap()
                .attempts
                .total(),
            1
        );
        let answer: Answer = engine
            .execute(
                Some(tried),
                leadkit::decide::command::Command {
                    tenant: "quito".into(),
                    actor: Actor::agent("ana"),
                    happened_at: None,
                    what: leadkit::decide::command::What::Lead {
                        lead: first.id,
                        order: LeadOrder::Attempt { reached: false },
                    },
                },
            )
            .await
            .unwrap();
        assert!(answer.already_done);
    });
}

#[test]
fn eight_workers_ticking_at_once_fire_each_rule_once() {
    block_on(async {
        let store = yielding();
        let Bench {
            engine,
            clock,
            mailer,
        } = bench(store.clone(), "2026-03-10T09:30:00-05:00");
        people(&engine).await;
        for n in 0..20 {
            let lead = NewLead::new("Somebody")
                .email(format!("n{n}@example.com"))
                .source("web")
                .field("city", "Quito");
            engine
                .tenant("quito")
                .register(lead)
                .by(desk())
                .await
                .unwrap();
        }
        clock.set(at("2026-03-10T15:00:00-05:00"));
        let results = join_all((0..8).map(|_| engine.tick())).await;
        for result in results {
            result.unwrap();
        }
        engine.tick().await.unwrap();
        assert_eq!(mailer.mailbox("marco@minegocio.example").len(), 20);
        let leads = engine
            .tenant("quito")
            .leads("reassignments == 1", Order::Id, None, 100)
            .await
            .unwrap();
        assert_eq!(leads.leads.len(), 20);
        assert_clocks(&engine, store.as_ref(), &sales(), "quito").await;
    });
}

// ------------------------------------------------------------------ mailers that fail

/// A mailer whose first answer is this one; then it accepts.
fn says(outcome: Outcome) -> FaultyMailer {
    let plan = Plan::new().at(1, MailerFault::Says(outcome));
    FaultyMailer::new(MemoryMailer::default(), plan)
}

/// An engine on which Rosa's first message is due, and a mailer that answers so.
async fn first_message(outcome: Outcome) -> (Engine, VirtualClock, FaultyMailer, LeadId) {
    let clock = VirtualClock::at(at("2026-03-10T09:30:00-06:00"));
    let mailer = says(outcome);
    let engine = Engine::builder(MemoryStore::default())
        .playbook("toluca", follow_up())
        .mailer("email", mailer.clone())
        .clock(clock.clone())
        .seed(1)
        .build()
        .unwrap();
    let toluca = engine.tenant("toluca");
    let luisa = AgentSetup::new("luisa")
        .name("Luisa")
        .email("luisa@x.example")
        .role("seller");
    toluca.set_up(luisa).by(desk()).await.unwrap();
    let lead = toluca.register(rosa()).by("luisa").await.unwrap();
    let ninety_days_on = at("2026-06-08T09:30:00-06:00");
    engine
        .live_until(&clock, ninety_days_on, |_, _| {})
        .await
        .unwrap();
    engine.tick().await.unwrap();
    (engine, clock, mailer, lead.id)
}

async fn message_states(engine: &Engine) -> Vec<String> {
    let messages = engine
        .tenant("toluca")
        .messages("", None, 100)
        .await
        .unwrap();
    messages
        .iter()
        .map(|message| message.state.as_str().to_owned())
        .collect()
}

#[test]
fn later_is_tried_again_a_little_later() {
    block_on(async {
        let (engine, clock, mailer, _) = first_message(Outcome::Later {
            said: "busy".into(),
        })
        .await;
        assert_eq!(message_states(&engine).await, ["to-retry"]);
        engine
            .live_until(&clock, clock.now() + Elapsed::minutes(5), |_, _| {})
            .await
            .unwrap();
        assert_eq!(message_states(&engine).await, ["accepted"]);
        let handed = mailer.handed_over();
        assert_eq!(handed.len(), 2);
        assert_eq!(handed[0].message.message_id, handed[1].message.message_id);
    });
}

#[test]
fn an_unknown_outcome_of_marketing_is_in_doubt_until_a_person_settles_it() {
    block_on(async {
        let (engine, clock, mailer, _) = first_message(Outcome::Unknown {
            said: "the line dropped".into(),
        })
        .await;
        engine
            .live_until(&clock, clock.now() + Elapsed::days(30), |_, _| {})
            .await
            .unwrap();
        assert_eq!(message_states(&engine).await, ["in-doubt"]);
        assert_eq!(mailer.handed_over().len(), 1);
        let toluca = engine.tenant("toluca");
        let doubtful = toluca
            .messages(r#"state == "in-doubt""#, None, 10)
            .await
            .unwrap();
        toluca
            .settle(doubtful[0].id, Fate::SendAgain)
            .by(desk())
            .await
            .unwrap();
        engine.tick().await.unwrap();
        assert_eq!(message_states(&engine).await, ["accepted"]);
        let settled = toluca
            .settle(doubtful[0].id, Fate::Accepted)
            .by(desk())
            .await;
        assert!(matches!(settled, Err(Error::Refused(refusal)) if refusal.code() == "settled"));
    });
}

#[test]
fn an_address_that_is_refused_for_good_gets_nothing_more() {
    block_on(async {
        let refused = Outcome::Refused {
            said: "550 no such user".into(),
            address_invalid: true,
        };
        let (engine, clock, mailer, lead) = first_message(refused).await;
        assert_eq!(message_states(&engine).await, ["refused"]);
        engine
            .live_until(&clock, clock.now() + Elapsed::days(400), |_, _| {})
            .await
            .unwrap();
        assert_eq!(mailer.handed_over().len(), 1);
        let lead = engine.tenant("toluca").lead(lead).await.unwrap().unwrap();
        assert!(lead.contact.email_invalid);
    });
}

#[test]
fn an_alert_whose_outcome_is_unknown_is_handed_over_again() {
    block_on(async {
        let clock = VirtualClock::at(at("2026-03-10T09:30:00-05:00"));
        let mailer = says(Outcome::Unknown {
            said: "the line dropped".into(),
        });
        let engine = Engine::builder(MemoryStore::default())
            .playbook("quito", sales())
            .mailer("email", mailer.clone())
            .clock(clock.clone())
            .build()
            .unwrap();
        let quito = engine.tenant("quito");
        for (id, role) in [
            ("ana", "advisor"),
            ("marco", "sales-manager"),
            ("sofia", "supervisor"),
        ] {
            let agent = AgentSetup::new(id)
                .name(id)
                .email(format!("{id}@x.example"))
                .role(role)
                .cities(["Quito"]);
            quito.set_up(agent).by(desk()).await.unwrap();
        }
        quito.register(luis()).by(desk()).await.unwrap();
        engine
            .live_until(&clock, at("2026-03-10T15:30:00-05:00"), |_, _| {})
            .await
            .unwrap();
        assert_eq!(mailer.handed_over().len(), 2);
    });
}

// ------------------------------------------------------------------ clocks that jump, odd times

#[test]
fn a_clock_that_jumps_ten_years_ahead_and_back_does_each_thing_once() {
    block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let Bench {
            engine,
            clock,
            mailer,
        } = bench(store.clone(), "2026-03-10T09:30:00-06:00");
        people(&engine).await;
        engine
            .tenant("toluca")
            .register(rosa())
            .by("luisa")
            .await
            .unwrap();
        clock.set(at("2036-03-10T09:30:00-06:00"));
        engine.tick().await.unwrap();
        // First message and one re-contact: it catches up once, not forty times.
        assert_eq!(mailer.mailbox("rosa@example.com").len(), 2);
        clock.set(at("2026-03-11T09:30:00-06:00"));
        engine.tick().await.unwrap();
        assert_eq!(mailer.mailbox("rosa@example.com").len(), 2);
        assert_clocks(&engine, store.as_ref(), &follow_up(), "toluca").await;
    });
}

#[test]
fn the_end_of_time_and_the_future_are_refused_or_harmless() {
    block_on(async {
        let Bench { engine, clock, .. } = bench(
            Arc::new(MemoryStore::default()),
            "9999-12-30T09:30:00-06:00",
        );
        people(&engine).await;
        let toluca = engine.tenant("toluca");
        let lead = toluca.register(rosa()).by("luisa").await.unwrap();
        let explained = toluca.explain(lead.id).await.unwrap().to_string();
        assert!(
            explained.contains("never: the answer lies beyond"),
            "{explained}"
        );
        let future = clock.now() + Elapsed::days(1);
        let refused = toluca.tried(lead.id).by("luisa").happened_at(future).await;
        assert!(
            matches!(refused, Err(Error::Refused(refusal)) if refusal.code() == "in-the-future")
        );
        clock.set(Instant::MAX_UTC);
        engine.tick().await.unwrap();
    });
}

#[test]
fn what_is_wrong_with_a_lead_is_told_all_at_once() {
    block_on(async {
        let Bench { engine, .. } = bench(
            Arc::new(MemoryStore::default()),
            "2026-03-10T09:30:00-06:00",
        );
        people(&engine).await;
        let wrong = NewLead::new(" ")
            .email("not an address")
            .source("wbe")
            .wait("three-to-six-months")
            .wait_days(7)
            .field("car", "Beetle")
            .field("colour", "red");
        let Err(Error::Refused(refusal)) =
            engine.tenant("toluca").register(wrong).by("luisa").await
        else {
            panic!("was taken in");
        };
        let wrong: Vec<&str> = refusal.missing().map(|input| input.as_str()).collect();
        assert_eq!(
            wrong,
            ["name", "email", "source", "car", "colour", "wait_days"]
        );
        let told = refusal.to_string();
        assert!(told.contains("did you mean `web`?"), "{told}");
        assert!(told.contains("must be 90 days to 180 days"), "{told}");
        assert_eq!(
            engine.tenant("toluca").count("", &[]).await.unwrap()[0].count,
            0
        );
    });
}

// ------------------------------------------------------------------ what fails is set aside

#[test]
fn a_message_that_cannot_be_rendered_is_set_aside_and_blocks_nobody() {
    use leadkit::playbook::load::Folder;
    block_on(async {
        let mut folder = Folder::load("playbooks/field-and-digital-sales".as_ref()).unwrap();
        for (path, text) in &mut folder.templates {
            if path == "templates/late.txt" {
                // Too much work, though well-formed: only rendering can find that out.
                *text = "Subject: Late\n\n{% for a in range(9999) %}{% for b in range(9999) %}.{% endfor %}{% endfor %}".into();
            }
        }
        let playbook = Arc::new(Playbook::read(&folder).unwrap());
        let clock = VirtualClock::at(at("2026-03-10T09:30:00-05:00"));
        let mailer = MemoryMailer::default();
        let engine = Engine::builder(MemoryStore::default())
            .playbook("quito", playbook)
            .mailer("email", mailer.clone())
            .clock(clock.clone())
            .build()
            .unwrap();
        let quito = engine.tenant("quito");
        for (id, role) in [
            ("ana", "advisor"),
            ("marco", "sales-manager"),
            ("sofia", "supervisor"),
        ] {
            let agent = AgentSetup::new(id)
                .name(id)
                .email(format!("{id}@x.example"))
                .role(role)
                .cities(["Quito"]);
            quito.set_up(agent).by(desk()).await.unwrap();
        }
        quito.register(luis()).by(desk()).await.unwrap();
        engine
            .live_until(&clock, at("2026-03-10T18:30:00-05:00"), |_, _| {})
            .await
            .unwrap();
        let messages = quito.messages("", None, 10).await.unwrap();
        let trouble = messages[0].trouble.as_ref().unwrap();
        assert!(trouble.is_set_aside());
        assert_eq!(trouble.failures, Trouble::PATIENCE);
        assert!(trouble.error.contains("late"), "{}", trouble.error);
        assert!(mailer.messages().is_empty());
        // The lead itself went on to the supervisor.
        let leads = quito
            .leads(r#"owner == "sofia""#, Order::Id, None, 10)
            .await
            .unwrap();
        assert_eq!(leads.leads.len(), 1);
    });
}

// ------------------------------------------------------------------ sweeps

#[test]
fn a_sweep_reaches_each_target_once_however_often_it_is_interrupted() {
    block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let Bench { engine, clock, .. } = bench(store.clone(), "2026-03-10T09:30:00-05:00");
        people(&engine).await;
        let quito = engine.tenant("quito");
        for n in 0..450 {
            let lead = NewLead::new("Somebody")
                .email(format!("n{n}@example.com"))
                .source("route");
            quito.register(lead).by(desk()).await.unwrap();
        }
        let sweep = NewSweep {
            name: "parked".into(),
            audience: r#"source == "route""#.into(),
            order: LeadOrder::Hold {
                hold: "customer-asked".into(),
            },
            starts_at: None,
            every_days: None,
        };
        let answer = quito.sweep(sweep).by(desk()).await.unwrap();
        assert!(answer.sweep.is_some());
        clock.advance(Elapsed::seconds(1));
        let ticked = engine.tick().await.unwrap();
        assert_eq!(ticked.pages, 3);
        assert_eq!(quito.count("held", &[]).await.unwrap()[0].count, 450);
        assert_clocks(&engine, store.as_ref(), &sales(), "quito").await;
    });
}

#[test]
fn a_sweep_that_comes_every_week_catches_up_once_and_keeps_its_hour() {
    block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let Bench { engine, clock, .. } = bench(store, "2026-03-02T09:30:00-05:00");
        people(&engine).await;
        let quito = engine.tenant("quito");
        let lead = quito.register(luis()).by(desk()).await.unwrap();
        let sweep = NewSweep {
            name: "weekly".into(),
            audience: "open".into(),
            order: LeadOrder::Record {
                activity: "information".into(),
            },
            starts_at: Some(at("2026-03-02T10:00:00-05:00")),
            every_days: Some(7),
        };
        quito.sweep(sweep).by(desk()).await.unwrap();
        let recorded = async || {
            quito
                .lead(lead.id)
                .await
                .unwrap()
                .unwrap()
                .activities
                .first()
                .map_or(0, |a| a.count)
        };
        clock.set(at("2026-03-02T10:00:00-05:00"));
        engine.tick().await.unwrap();
        assert_eq!(recorded().await, 1);
        // Down for four weeks and a bit: the one that is late, and no more.
        clock.set(at("2026-03-31T12:00:00-05:00"));
        engine.tick().await.unwrap();
        assert_eq!(recorded().await, 2);
        clock.set(at("2026-04-06T09:59:59-05:00"));
        engine.tick().await.unwrap();
        assert_eq!(recorded().await, 2);
        clock.set(at("2026-04-06T10:00:00-05:00"));
        engine.tick().await.unwrap();
        assert_eq!(recorded().await, 3);
    });
}

#[test]
fn a_slow_server_makes_messages_late_and_none_of_them_twice_or_in_doubt() {
    block_on(async {
        let clock = VirtualClock::at(at("2026-03-10T09:30:00-06:00"));
        let handed = MemoryMailer::default();
        let plan = Plan::new().from(1, MailerFault::Delay(Elapsed::seconds(25)));
        let slow = FaultyMailer::new(handed.clone(), plan).clock(clock.clone());
        let engine = Engine::builder(MemoryStore::default())
            .playbook("toluca", follow_up())
            .mailer("email", slow)
            .clock(clock.clone())
            .seed(1)
            .build()
            .unwrap();
        let toluca = engine.tenant("toluca");
        let luisa = AgentSetup::new("luisa")
            .name("Luisa")
            .email("luisa@x.example")
            .role("seller");
        toluca.set_up(luisa).by(desk()).await.unwrap();
        for n in 0..40 {
            let lead = rosa().email(format!("n{n}@example.com"));
            toluca.register(lead).by("luisa").await.unwrap();
        }
        clock.set(at("2026-06-09T09:30:00-06:00"));
        for _ in 0..60 {
            engine.tick().await.unwrap();
            clock.advance(Elapsed::minutes(5));
        }
        let sent: BTreeSet<MessageId> = handed.messages().iter().map(|mail| mail.id).collect();
        assert_eq!(handed.messages().len(), 40);
        assert_eq!(sent.len(), 40);
        assert!(
            message_states(&engine)
                .await
                .iter()
                .all(|state| state == "accepted")
        );
    });
}

#[test]
fn two_engines_that_begin_a_tenant_at_once_do_not_take_it_over_from_each_other() {
    block_on(async {
        let store = yielding();
        let engine_with = |playbook: Arc<Playbook>| {
            Engine::builder_on(store.clone())
                .playbook("quito", playbook)
                .mailer("email", MemoryMailer::default())
                .clock(VirtualClock::at(at("2026-03-10T09:30:00-05:00")))
                .build()
                .unwrap()
        };
        let (one, other) = (engine_with(sales()), engine_with(follow_up()));
        let marco = |role: &str| {
            AgentSetup::new("marco")
                .name("M")
                .email("m@x.example")
                .role(role)
        };
        let (one, other) = (one.tenant("quito"), other.tenant("quito"));
        let results = futures::future::join(
            async { one.set_up(marco("sales-manager")).by(desk()).await },
            async { other.set_up(marco("manager")).by(desk()).await },
        )
        .await;
        // One of them is the first; the other is told that its playbook is not the active one.
        assert!(results.0.is_ok() != results.1.is_ok(), "{results:?}");
        let sweeps = one.count_of(Kind::Sweep, "", &[]).await.unwrap();
        assert_eq!(sweeps[0].count, 0);
    });
}
