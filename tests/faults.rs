//! The engine between stores and mailers that fail: whatever fails at whichever call, before,
//! after, or with the answer lost, nothing is half-written, nothing acknowledged is lost, no
//! marketing message is handed over again once it may have gone, and every alert goes.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use leadkit::agenda;
use leadkit::clock::VirtualClock;
use leadkit::decide::command::{Actor, AgentSetup, NewLead};
use leadkit::engine::{Engine, Error};
use leadkit::faults::{Call, FaultyMailer, FaultyStore, HandedOver, MailerFault, Plan, StoreFault};
use leadkit::ids::{CommandId, MessageId, Tenant};
use leadkit::mailer::{MemoryMailer, Outcome};
use leadkit::playbook::Playbook;
use leadkit::record::lead::Lead;
use leadkit::record::message::{Class, State};
use leadkit::store::{JournalCursor, Key, Kind, MemoryStore, Order, Store, StoreErrorKind};
use leadkit::time::{Elapsed, Instant};
use pollster::block_on;

/// Who acts where it doesn't matter.
fn desk() -> Actor {
    Actor::host("desk")
}

fn at(text: &str) -> Instant {
    text.parse::<chrono::DateTime<chrono::FixedOffset>>()
        .unwrap()
        .into()
}

const TENANTS: [(&str, &str); 2] = [
    ("quito", "playbooks/field-and-digital-sales"),
    ("toluca", "playbooks/deferred-follow-up"),
];

/// Two desks on one store, and whatever goes wrong with it and with the mail.
struct World {
    playbooks: BTreeMap<&'static str, Arc<Playbook>>,
    /// What is truly kept.
    kept: MemoryStore,
    store: FaultyStore,
    /// What truly arrived.
    arrived: MemoryMailer,
    mailer: FaultyMailer,
    clock: VirtualClock,
}

impl World {
    fn new(store_plan: Plan<StoreFault>, mailer_plan: Plan<MailerFault>) -> Self {
        let (kept, arrived) = (MemoryStore::default(), MemoryMailer::default());
        let clock = VirtualClock::at(at("2026-03-10T09:30:00-05:00"));
        Self {
            playbooks: TENANTS
                .map(|(tenant, folder)| (tenant, Arc::new(Playbook::load(folder).unwrap())))
                .into(),
            store: FaultyStore::new(kept.clone(), store_plan).clock(clock.clone()),
            mailer: FaultyMailer::new(arrived.clone(), mailer_plan).clock(clock.clone()),
            kept,
            arrived,
            clock,
        }
    }

    /// A worker on this store.
    fn engine(&self, store: Arc<dyn Store>) -> Engine {
        let mut builder = Engine::builder_on(store)
            .mailer("email", self.mailer.clone())
            .clock(self.clock.clone())
            .seed(1);
        for (tenant, playbook) in &self.playbooks {
            builder = builder.playbook(*tenant, playbook.clone());
        }
        builder.build().unwrap()
    }

    /// Lives through the days. A worker that waits for an answer that never comes is dead, and
    /// another one goes on.
    fn live(&self) {
        for _ in 0..10_000 {
            let engine = self.engine(Arc::new(self.store.clone()));
            if unless_stuck(days(&engine, &self.clock)).is_some() {
                return;
            }
        }
        panic!("worker after worker dies");
    }

    /// Everything that a host could see in the end, through a store that does not fail.
    fn assert_sound(&self, context: &str) -> Seen {
        block_on(async {
            let engine = self.engine(Arc::new(self.kept.clone()));
            let mut seen = Seen::default();
            for tenant in self.playbooks.keys() {
                for lead in self.leads(&engine, tenant).await {
                    seen.add(&lead);
                    let explained = engine.tenant(*tenant).explain(lead.id).await;
                    assert!(explained.is_ok(), "{context}: {explained:?}");
                }
                self.assert_clocks(&engine, tenant, context).await;
                self.assert_journal(tenant, context).await;
                self.assert_messages(&engine, tenant, context).await;
            }
            assert_handed_over(&self.mailer.handed_over(), context);
            seen
        })
    }

    async fn leads(&self, engine: &Engine, tenant: &str) -> Vec<Lead> {
        let tenant = engine.tenant(tenant);
        tenant
            .leads("", Order::Id, None, 100)
            .await
            .unwrap()
            .whole()
            .unwrap()
    }

    /// A lead whose stored clock is not the computed one goes cold, or was half-written.
    async fn assert_clocks(&self, engine: &Engine, tenant: &str, context: &str) {
        let playbook = &self.playbooks[tenant];
        let leads = self.leads(engine, tenant).await;
        let computed: BTreeMap<Key, Instant> = leads
            .iter()
            .filter_map(|lead| {
                let key = Key::lead(&Tenant::from(tenant), lead.id);
                Some((key, agenda::wakes_at(playbook, lead)?))
            })
            .collect();
        let end = at("2999-01-01T00:00:00Z");
        let lanes = self.kept.next_due(end).await.unwrap().into_iter();
        let lanes = lanes.map(|next| next.lane).collect();
        let due = self
            .kept
            .due(&lanes, end, 100_000, Instant::UNIX_EPOCH)
            .await;
        let is_lead = |key: &Key| key.kind == Kind::Lead && key.tenant == *tenant;
        let due = due.unwrap().into_iter().filter(|due| is_lead(&due.key));
        let stored: BTreeMap<Key, Instant> = due.map(|due| (due.key, due.at)).collect();
        assert_eq!(stored, computed, "{context}");
    }

    /// Each command acts once.
    async fn assert_journal(&self, tenant: &str, context: &str) {
        let tenant = Tenant::from(tenant);
        let entries = self.kept.journal(&tenant, JournalCursor::default(), 10_000);
        let entries = entries.await.unwrap();
        let commands: BTreeSet<CommandId> = entries.iter().map(|entry| entry.command).collect();
        assert_eq!(commands.len(), entries.len(), "{context}");
    }

    /// Every message has come to its end: an alert has arrived, and a marketing message is
    /// accepted or on the list of those in doubt.
    async fn assert_messages(&self, engine: &Engine, tenant: &str, context: &str) {
        let messages = engine
            .tenant(tenant)
            .messages("", None, 100)
            .await
            .unwrap()
            .whole()
            .unwrap();
        let arrived: BTreeSet<MessageId> =
            self.arrived.messages().iter().map(|mail| mail.id).collect();
        for message in messages {
            let has_arrived = arrived.contains(&message.id);
            match (message.class, &message.state) {
                (_, State::Accepted) => assert!(has_arrived, "{context}: {message:?}"),
                (Class::Marketing, State::InDoubt) => {}
                _ => panic!("{context}: {message:?}"),
            }
        }
    }
}

/// No marketing message is handed over again once it may have gone.
fn assert_handed_over(log: &[HandedOver], context: &str) {
    let mut may_have_gone = BTreeSet::new();
    for handed in log {
        let message = &handed.message;
        if message.class == Class::Marketing {
            assert!(
                !may_have_gone.contains(&message.id),
                "{context}: {message:?} was handed over again"
            );
        }
        let surely_not = matches!(handed.outcome, Some(Outcome::Later { .. }));
        if !surely_not {
            may_have_gone.insert(message.id);
        }
    }
}

/// What became of the leads: the same however often something fails, and nearly at the same times.
#[derive(Debug, Default)]
struct Seen {
    leads: Vec<String>,
    times: Vec<Instant>,
}

impl Seen {
    fn add(&mut self, lead: &Lead) {
        let tasks: Vec<String> = lead
            .tasks
            .iter()
            .map(|task| format!("{} {:?}", task.name, task.ended.as_ref().map(|end| end.how)))
            .collect();
        self.leads.push(format!(
            "{} {} {:?} {} {tasks:?} {}",
            lead.contact.name,
            lead.stage,
            lead.owner_id(),
            lead.attempts.total(),
            lead.fired.len(),
        ));
        let ended = lead.tasks.iter().filter_map(|task| task.ended.as_ref());
        self.times.extend(ended.map(|ended| ended.at));
    }

    /// A lease that was taken and not heard of delays what was due by a minute.
    fn assert_like(&self, expected: &Self, at_most_late: Elapsed, context: &str) {
        assert_eq!(self.leads, expected.leads, "{context}");
        assert_eq!(self.times.len(), expected.times.len(), "{context}");
        for (found, expected) in self.times.iter().zip(&expected.times) {
            let late = found.signed_duration_since(*expected);
            assert!(
                Elapsed::zero() <= late && late <= at_most_late,
                "{context}: {found} is not {expected}"
            );
        }
    }
}

/// Some days at two desks, each command under its own id and sent again when the store failed.
async fn days(engine: &Engine, clock: &VirtualClock) {
    macro_rules! insist {
        ($ask:expr) => {
            loop {
                match $ask.await {
                    Ok(answer) => break answer,
                    Err(Error::Store(error)) if error.kind == StoreErrorKind::Unavailable => {}
                    Err(error) => panic!("{error}"),
                }
            }
        };
    }
    let (quito, toluca) = (engine.tenant("quito"), engine.tenant("toluca"));
    let agent = |id: &str, role: &str| {
        let agent = AgentSetup::new(id)
            .name(id)
            .role(role)
            .cities(["Quito"])
            .zones(["Norte"]);
        agent.email(format!("{id}@x.example"))
    };
    for (id, role) in [
        ("ana", "advisor"),
        ("bea", "advisor"),
        ("sofia", "supervisor"),
        ("marco", "sales-manager"),
    ] {
        insist!(
            quito
                .set_up(agent(id, role))
                .by(desk())
                .id(CommandId::of(id))
        );
    }
    let luisa = agent("luisa", "seller");
    insist!(
        toluca
            .set_up(luisa.clone())
            .by(desk())
            .id(CommandId::of("luisa"))
    );
    let luis = NewLead::new("Luis Vera")
        .email("luis@example.com")
        .source("web")
        .field("city", "Quito");
    let rosa = NewLead::new("Rosa Lara")
        .email("rosa@example.com")
        .source("web")
        .field("car", "X3")
        .wait("three-to-six-months");
    let lead = insist!(
        quito
            .register(luis.clone())
            .by(desk())
            .id(CommandId::of("1"))
    );
    let rosa = || toluca.register(rosa.clone()).by("luisa");
    insist!(rosa().id(CommandId::of("2")));
    insist!(quito.tried(lead.id).by("ana").id(CommandId::of("3")));
    for until in ["2026-03-10T15:00:00-05:00", "2026-03-12T15:00:00-05:00"] {
        insist!(engine.live_until(clock, at(until), |_, _| {}));
    }
    // Else his owner would be reminded until the end of June, and each reminder can fail.
    insist!(quito.reached(lead.id).by(desk()).id(CommandId::of("4")));
    insist!(
        quito
            .close(lead.id, "lost", "No le interesa")
            .by(desk())
            .id(CommandId::of("5"))
    );
    insist!(engine.live_until(clock, at("2026-06-30T12:00:00-05:00"), |_, _| {}));
}

/// Polls a future to its end, or until it waits for what never comes.
fn unless_stuck<T>(future: impl Future<Output = T>) -> Option<T> {
    #[derive(Default)]
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut future = Box::pin(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return Some(done),
            Poll::Pending if woken.0.swap(false, Ordering::SeqCst) => {}
            Poll::Pending => return None,
        }
    }
}

/// A little while, which nobody's deadline minds.
const A_WHILE: Elapsed = Elapsed::milliseconds(50);

const STORE_FAULTS: [StoreFault; 6] = [
    StoreFault::Before,
    StoreFault::After,
    StoreFault::Midway,
    StoreFault::AnswerLost,
    StoreFault::Delay(A_WHILE),
    StoreFault::Repeat,
];

fn mailer_faults() -> [MailerFault; 6] {
    let said = || "450 come back later".into();
    [
        MailerFault::Before,
        MailerFault::After,
        MailerFault::AnswerLost,
        MailerFault::Delay(A_WHILE),
        MailerFault::Repeat,
        MailerFault::Says(Outcome::Later { said: said() }),
    ]
}

/// The days when nothing fails.
fn quiet_days() -> (World, Seen) {
    let quiet = World::new(Plan::new(), Plan::new());
    quiet.live();
    let expected = quiet.assert_sound("quiet");
    (quiet, expected)
}

#[test]
fn a_store_that_fails_at_any_call_loses_nothing_and_does_nothing_twice() {
    let (quiet, expected) = quiet_days();
    let calls = quiet.store.calls();
    assert!(calls.len() > 50, "{}", calls.len());
    for fault in STORE_FAULTS {
        for (nth, call) in (1..).zip(&calls) {
            // Nothing but a commit can be done by half.
            if fault == StoreFault::Midway && *call != Call::Commit {
                continue;
            }
            let world = World::new(Plan::new().at(nth, fault), Plan::new());
            world.live();
            let context = format!("{fault:?} at call {nth}");
            assert_eq!(world.store.struck().len(), 1, "{context}");
            let seen = world.assert_sound(&context);
            seen.assert_like(&expected, Elapsed::minutes(2), &context);
        }
    }
}

#[test]
fn a_mailer_that_fails_at_any_message_loses_no_alert_and_doubles_no_marketing() {
    let (quiet, expected) = quiet_days();
    let messages = u64::try_from(quiet.mailer.handed_over().len()).unwrap();
    let of_class = |class| {
        let log = quiet.mailer.handed_over();
        log.iter().filter(|h| h.message.class == class).count()
    };
    assert!(of_class(Class::Marketing) > 0 && of_class(Class::Alert) > 0);
    for fault in mailer_faults() {
        for nth in 1..=messages {
            let world = World::new(Plan::new(), Plan::new().at(nth, fault.clone()));
            world.live();
            let context = format!("{fault:?} at message {nth}");
            assert_eq!(world.mailer.struck().len(), 1, "{context}");
            let seen = world.assert_sound(&context);
            seen.assert_like(&expected, Elapsed::minutes(5), &context);
        }
    }
}

#[test]
fn when_everything_fails_now_and_then_the_days_end_the_same() {
    let (_, expected) = quiet_days();
    let mut struck = 0;
    for seed in 0..60 {
        let storm = || Plan::seeded(seed, 12, STORE_FAULTS);
        let world = World::new(storm(), Plan::seeded(seed, 3, mailer_faults()));
        world.live();
        struck += world.store.struck().len() + world.mailer.struck().len();
        let context = format!("seed {seed}");
        let seen = world.assert_sound(&context);
        seen.assert_like(&expected, Elapsed::hours(1), &context);
    }
    assert!(struck > 400, "{struck}");
}

#[test]
fn a_store_that_is_gone_for_good_is_told_of_and_stops_the_worker_at_once() {
    block_on(async {
        let world = World::new(Plan::new().from(1, StoreFault::Before), Plan::new());
        let engine = world.engine(Arc::new(world.store.clone()));
        let lead = NewLead::new("Luis Vera").email("luis@example.com");
        let failed = engine
            .tenant("quito")
            .register(lead)
            .by(desk())
            .await
            .unwrap_err();
        assert!(matches!(failed, Error::Store(_)), "{failed}");
        assert!(matches!(engine.tick().await, Err(Error::Store(_))));
        assert_eq!(world.store.calls().len(), 2);
    });
}

#[test]
fn the_same_plan_gives_the_same_days() {
    let days = |seed| {
        let world = World::new(
            Plan::seeded(seed, 8, STORE_FAULTS),
            Plan::seeded(seed, 2, mailer_faults()),
        );
        world.live();
        let mut journal = Vec::new();
        for (tenant, _) in TENANTS {
            let tenant = Tenant::from(tenant);
            let entries = world
                .kept
                .journal(&tenant, JournalCursor::default(), 10_000);
            journal.extend(block_on(entries).unwrap());
        }
        (world.store.struck(), world.mailer.struck(), journal)
    };
    assert!(days(7) == days(7));
    assert!(days(7) != days(8));
}
