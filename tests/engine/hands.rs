//! A worker that runs: post goes beside clocks, so that no mail server keeps leads waiting.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Poll, Waker};

use async_trait::async_trait;
use leadkit::clock::SystemClock;
use leadkit::decide::command::{Command, What};
use leadkit::mailer::{Mailer, Outgoing};
use leadkit::record::message::State;
use leadkit::store::StoreErrorKind;

use super::shop::{folder, read};
use super::*;

/// One message at once, and each hour a field that tells how far it came.
const RULES: &str = r#"
[[rule]]
name = "welcome"
on   = "registered"
do   = [{ send = "hello" }]

[[rule]]
name  = "first"
on    = "registered"
after = "1 hour"
do    = [{ set = "city", to = "Quito" }]

[[rule]]
name  = "second"
on    = "registered"
after = "2 hours"
do    = [{ set = "city", to = "Cuenca" }]
"#;

/// A server that takes a message and says nothing until it is let go.
#[derive(Clone, Debug, Default)]
struct Stuck {
    goes_on: Arc<AtomicBool>,
    waiting: Arc<Mutex<Vec<Waker>>>,
    taken: MemoryMailer,
}

impl Stuck {
    fn let_go(&self) {
        self.goes_on.store(true, Ordering::Relaxed);
        for waiting in self.waiting.lock().unwrap().drain(..) {
            waiting.wake();
        }
    }
}

#[async_trait]
impl Mailer for Stuck {
    async fn hand_over(&self, message: &Outgoing) -> Outcome {
        std::future::poll_fn(|context| match self.goes_on.load(Ordering::Relaxed) {
            true => Poll::Ready(()),
            false => {
                self.waiting.lock().unwrap().push(context.waker().clone());
                Poll::Pending
            }
        })
        .await;
        self.taken.hand_over(message).await
    }
}

/// A clock whose patience is over at once.
#[derive(Clone, Debug)]
struct Impatient(VirtualClock);

#[async_trait]
impl Clock for Impatient {
    fn now(&self) -> Instant {
        self.0.now()
    }

    async fn sleep_until(&self, until: Instant) {
        self.0.sleep_until(until).await;
    }

    async fn wait_out(&self, _: Elapsed) {}
}

const START: &str = "2026-03-02T10:00:00+01:00";

/// A shop that a lead was registered in, and nothing was ticked yet.
async fn shop(
    store: &Arc<dyn Store>,
    clock: impl Clock + 'static,
    mailer: impl Mailer + 'static,
) -> (Engine, LeadId) {
    let engine = Engine::builder_on(store.clone())
        .playbook("shop", read(&folder(RULES, "")))
        .mailer("email", mailer)
        .clock(clock)
        .seed(1)
        .build()
        .unwrap();
    let luis = NewLead::new("Luis").email("luis@example.com");
    let lead = engine.tenant("shop").register(luis).by(desk()).await;
    (engine, lead.unwrap().id)
}

async fn message(engine: &Engine) -> leadkit::record::Message {
    let page = engine.tenant("shop").messages("", None, 10).await;
    page.unwrap().whole().unwrap().remove(0)
}

async fn city(engine: &Engine, lead: LeadId) -> String {
    let lead = engine.tenant("shop").lead(lead).await.unwrap().unwrap();
    let city = lead
        .fields
        .value(&"city".into())
        .map(|city| city.to_string());
    city.unwrap_or_default()
}

/// There at an instant.
fn reached(clock: &VirtualClock, until: Instant) -> impl Future<Output = ()> + use<> {
    let clock = clock.clone();
    std::future::poll_fn(move |context| {
        context.waker().wake_by_ref();
        match clock.now() >= until {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
}

#[test]
fn a_server_that_takes_its_time_keeps_no_lead_waiting() {
    for store in stores() {
        block_on(async {
            let clock = VirtualClock::at(at(START));
            let server = Stuck::default();
            let (engine, lead) = shop(&store, clock.clone(), server.clone()).await;
            let mut seen = Vec::new();
            let is_over = async {
                for hours in [1, 2] {
                    reached(
                        &clock,
                        at(START) + Elapsed::hours(hours) + Elapsed::seconds(2),
                    )
                    .await;
                    seen.push(city(&engine, lead).await);
                }
                assert!(matches!(
                    message(&engine).await.state,
                    State::HandingOver { .. }
                ));
                server.let_go();
            };
            engine.run(is_over).await.unwrap();
            assert_eq!(seen, ["Quito", "Cuenca"]);
            // What was begun is finished.
            assert_eq!(server.taken.messages().len(), 1);
            assert_eq!(message(&engine).await.state, State::Accepted);
        });
    }
}

#[test]
fn a_server_that_never_answers_is_not_waited_for_and_the_message_is_in_doubt() {
    for store in stores() {
        block_on(async {
            let clock = VirtualClock::at(at(START));
            let server = Stuck::default();
            let (engine, _) = shop(&store, Impatient(clock.clone()), server).await;
            engine.tick().await.unwrap();
            let message = message(&engine).await;
            assert_eq!(message.state, State::InDoubt);
            let told = engine.tenant("shop").explain(message.lead).await.unwrap();
            assert!(told.to_string().contains("no answer"), "{told}");
        });
    }
}

/// A clock whose patience is over by itself.
#[derive(Clone, Debug)]
struct Punctual(VirtualClock);

#[async_trait]
impl Clock for Punctual {
    fn now(&self) -> Instant {
        self.0.now()
    }

    async fn sleep_until(&self, until: Instant) {
        self.0.sleep_until(until).await;
    }

    async fn wait_out(&self, patience: Elapsed) {
        reached(&self.0, self.0.now() + patience).await;
    }
}

/// A server that takes so long over the first message, and a minute over the next.
#[derive(Clone, Debug)]
struct Slow {
    clock: VirtualClock,
    first: Elapsed,
    is_called: Arc<AtomicBool>,
    taken: MemoryMailer,
}

#[async_trait]
impl Mailer for Slow {
    async fn hand_over(&self, message: &Outgoing) -> Outcome {
        if self.is_called.swap(true, Ordering::Relaxed) {
            let until = self.clock.now() + Elapsed::minutes(1);
            let mut is_begun = false;
            // Whose patience it is sees each second, and wakes this one.
            std::future::poll_fn(|_| {
                if std::mem::replace(&mut is_begun, true) {
                    self.clock.advance(Elapsed::seconds(1));
                }
                match self.clock.now() >= until {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
            .await;
        } else {
            self.clock.advance(self.first);
        }
        self.taken.hand_over(message).await
    }
}

#[test]
fn a_call_that_is_begun_at_the_last_moment_has_its_minute() {
    let last = Elapsed::seconds(40);
    for (first, state) in [
        (Elapsed::zero(), "accepted"),
        (last - Elapsed::microseconds(1), "accepted"),
        (last, "to-retry"),
        (Elapsed::seconds(59), "to-retry"),
    ] {
        for store in stores() {
            block_on(async {
                let clock = VirtualClock::at(at(START));
                let server = Slow {
                    clock: clock.clone(),
                    first,
                    is_called: Arc::default(),
                    taken: MemoryMailer::default(),
                };
                let (engine, _) = shop(&store, Punctual(clock), server.clone()).await;
                let eva = NewLead::new("Eva").email("eva@example.com");
                let shop = engine.tenant("shop");
                shop.register(eva).by(desk()).await.unwrap();
                engine.tick().await.unwrap();
                let messages = shop.messages("", None, 10).await.unwrap();
                let messages = messages.whole().unwrap();
                let mut states: Vec<&str> = messages
                    .iter()
                    .map(|message| message.state.as_str())
                    .collect();
                states.sort_unstable();
                assert_eq!(states, ["accepted", state], "{first}");
                let taken = states.iter().filter(|state| **state == "accepted").count();
                assert_eq!(server.taken.messages().len(), taken, "{first}");
            });
        }
    }
}

#[test]
fn what_clocks_wrote_goes_at_once_and_is_told_with_them() {
    // Virtual time goes on while a store that works elsewhere is waited for.
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    block_on(async {
        let clock = VirtualClock::at(at(START));
        let (engine, _) = shop(&store, clock.clone(), MemoryMailer::default()).await;
        let mut sent = None;
        let looked_at = |now, ticked: &Ticked, _: Option<&Error>| {
            if ticked.handed_over > 0 {
                sent = Some(now);
            }
        };
        let is_over = reached(&clock, at(START) + Elapsed::minutes(1));
        engine.run_watched(is_over, looked_at).await.unwrap();
        assert_eq!(sent, Some(at(START)));
    });
}

#[test]
fn a_worker_with_nothing_to_do_looks_once_a_second() {
    // A store that works elsewhere: each answer is waited for.
    let slowly = StoreFault::Delay(Elapsed::zero());
    let store = FaultyStore::new(MemoryStore::default(), Plan::new().from(1, slowly));
    let counted = store.clone();
    block_on(async {
        let engine = Engine::builder(store)
            .playbook("shop", read(&folder(RULES, "")))
            .mailer("email", MemoryMailer::default())
            .build()
            .unwrap();
        let luis = NewLead::new("Luis").email("luis@example.com");
        let shop = engine.tenant("shop");
        shop.register(luis).by(desk()).await.unwrap();
        let over = SystemClock.now() + Elapsed::milliseconds(2_500);
        engine.run(SystemClock.sleep_until(over)).await.unwrap();
        assert_eq!(message(&engine).await.state, State::Accepted);
    });
    let looks = counted.calls().into_iter();
    let looks = looks.filter(|call| *call == Call::Due).count();
    assert!(looks <= 10, "{looks} looks in two seconds and a half");
}

/// A clock by which everything takes a while.
#[derive(Clone, Debug)]
struct Busy(VirtualClock);

#[async_trait]
impl Clock for Busy {
    fn now(&self) -> Instant {
        self.0.advance(Elapsed::milliseconds(100));
        self.0.now()
    }

    async fn sleep_until(&self, until: Instant) {
        self.0.sleep_until(until).await;
    }

    async fn wait_out(&self, patience: Elapsed) {
        self.0.wait_out(patience).await;
    }
}

/// Many leads are gone through, by one sweep or by many that begin at once, which takes some seconds: a
/// message that is due meanwhile goes within about one of them.
#[test]
fn long_sweeps_keep_no_message_waiting() {
    for (sweeps, leads, pages_in_all) in [(1, 2_000, 11), (12, 150, 12)] {
        let (pages, before) = block_on(pages_before_mail(sweeps, leads));
        assert_eq!(pages, pages_in_all);
        assert!(before < pages, "{before} of {pages} pages first");
    }
}

/// How many pages of sweeps were done in all, and how many before the first message went.
async fn pages_before_mail(sweeps: u32, leads: u32) -> (u64, u64) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let clock = VirtualClock::at(at(START));
    let (engine, _) = shop(&store, Busy(clock.clone()), MemoryMailer::default()).await;
    let others = (0..leads).map(|n| {
        let lead = NewLead::new("Eva").email(format!("eva{n}@example.com"));
        let command = Command {
            tenant: "shop".into(),
            actor: desk(),
            happened_at: None,
            what: What::Register(Box::new(lead)),
        };
        (None, command)
    });
    engine.execute_all(others.collect()).await.unwrap();
    for number in 0..sweeps {
        let sweep = NewSweep {
            name: format!("told-{number}").into(),
            audience: "open".into(),
            order: LeadOrder::Attempt { reached: false },
            starts_at: None,
            every_days: None,
        };
        engine.tenant("shop").sweep(sweep).by(desk()).await.unwrap();
    }
    let (mut pages, mut before) = (0, None);
    let looked_at = |_, ticked: &Ticked, _: Option<&Error>| {
        pages += ticked.pages;
        if ticked.handed_over > 0 {
            before.get_or_insert(pages);
        }
    };
    let is_over = reached(&clock, at(START) + Elapsed::minutes(10));
    engine.run_watched(is_over, looked_at).await.unwrap();
    (pages, before.expect("mail"))
}

/// A server that answers all but the first at once, and that one never.
#[derive(Clone, Debug, Default)]
struct StuckAtFirst {
    calls: Arc<AtomicUsize>,
    taken: MemoryMailer,
}

#[async_trait]
impl Mailer for StuckAtFirst {
    async fn hand_over(&self, message: &Outgoing) -> Outcome {
        if self.calls.fetch_add(1, Ordering::Relaxed) == 0 {
            std::future::pending::<()>().await;
        }
        self.taken.hand_over(message).await
    }
}

/// A clock whose patience is over when it is told so.
#[derive(Clone, Debug)]
struct Patient {
    clock: VirtualClock,
    is_over: Arc<AtomicBool>,
}

#[async_trait]
impl Clock for Patient {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    async fn sleep_until(&self, until: Instant) {
        self.clock.sleep_until(until).await;
    }

    async fn wait_out(&self, _: Elapsed) {
        std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            match self.is_over.load(Ordering::Relaxed) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
}

#[test]
fn one_call_that_hangs_keeps_no_other_message_of_its_portion_waiting() {
    for store in stores() {
        block_on(async {
            let clock = Patient {
                clock: VirtualClock::at(at(START)),
                is_over: Arc::default(),
            };
            let server = StuckAtFirst::default();
            let (engine, _) = shop(&store, clock.clone(), server.clone()).await;
            for n in 1..16 {
                let eva = NewLead::new("Eva").email(format!("eva{n}@example.com"));
                engine
                    .tenant("shop")
                    .register(eva)
                    .by(desk())
                    .await
                    .unwrap();
            }
            let accepted = async {
                loop {
                    let sent = engine.tenant("shop");
                    let sent = sent.messages(r#"state == "accepted""#, None, 20).await;
                    if sent.unwrap().whole().unwrap().len() == 15 {
                        clock.is_over.store(true, Ordering::Relaxed);
                        break;
                    }
                }
            };
            let (ticked, ()) = futures::future::join(engine.tick(), accepted).await;
            assert_eq!(ticked.unwrap().handed_over, 16);
            let stuck = engine.tenant("shop");
            let stuck = stuck.messages(r#"state == "in-doubt""#, None, 20).await;
            assert_eq!(stuck.unwrap().whole().unwrap().len(), 1);
        });
    }
}

#[test]
fn a_store_that_fails_when_messages_are_asked_for_is_tried_again() {
    block_on(async {
        let clock = VirtualClock::at(at(START));
        let memory: Arc<dyn Store> = Arc::new(MemoryStore::default());
        shop(&memory, clock.clone(), MemoryMailer::default()).await;
        // The hand for leads asks first, and then that for messages.
        let plan = Plan::new().on(Call::Due, 2, StoreFault::Before);
        let failing: Arc<dyn Store> = Arc::new(FaultyStore::on(memory, plan));
        let engine = Engine::builder_on(failing)
            .playbook("shop", read(&folder(RULES, "")))
            .mailer("email", MemoryMailer::default())
            .clock(clock.clone())
            .build()
            .unwrap();
        let mut broken = 0;
        let looked_at = |_, _: &Ticked, error: Option<&Error>| {
            broken += u32::from(error.is_some());
        };
        let over = reached(&clock, at(START) + Elapsed::seconds(30));
        engine.run_watched(over, looked_at).await.unwrap();
        assert_eq!(broken, 1);
        assert_eq!(message(&engine).await.state, State::Accepted);
    });
}

/// A clock that ran two hours ahead when the store failed, and is set right: nobody waits for two hours to hear
/// of what waits.
#[test]
fn a_clock_that_is_set_back_after_the_store_failed_keeps_no_message_waiting() {
    block_on(async {
        let clock = VirtualClock::at(at(START));
        let plan = Plan::new().on(Call::Due, 2, StoreFault::Before);
        let engine = failing_worker(&clock, plan).await;
        clock.advance(Elapsed::hours(3));
        let set_right = at(START) + Elapsed::hours(1);
        let (mut has_failed, is_right) = (false, AtomicBool::new(false));
        let looked_at = |_, _: &Ticked, error: Option<&Error>| {
            if has_failed && !is_right.swap(true, Ordering::Relaxed) {
                clock.set(set_right);
            }
            has_failed |= error.is_some();
        };
        let over = std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            let is_over = clock.now() >= set_right + Elapsed::seconds(30);
            match is_right.load(Ordering::Relaxed) && is_over {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        engine.run_watched(over, looked_at).await.unwrap();
        assert_eq!(message(&engine).await.state, State::Accepted);
    });
}

/// A worker on a store that fails as planned, which has Luis and a message to him.
async fn failing_worker(clock: &VirtualClock, plan: Plan<StoreFault>) -> Engine {
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::default());
    shop(&memory, clock.clone(), MemoryMailer::default()).await;
    Engine::builder(FaultyStore::on(memory, plan))
        .playbook("shop", read(&folder(RULES, "")))
        .mailer("email", MemoryMailer::default())
        .clock(clock.clone())
        .build()
        .unwrap()
}

#[test]
fn a_worker_that_is_to_stop_does_so_also_where_the_store_cannot_be_reached() {
    block_on(async {
        let clock = VirtualClock::at(at(START));
        let engine = failing_worker(&clock, Plan::new().from(1, StoreFault::Before)).await;
        engine.run(std::future::ready(())).await.unwrap();
    });
}

#[test]
fn a_store_whose_content_cannot_be_right_stops_both_hands_whichever_finds_out() {
    for look in [1, 2] {
        block_on(async {
            let clock = VirtualClock::at(at(START));
            let plan = Plan::new().on(Call::Due, look, StoreFault::Corrupt);
            let engine = failing_worker(&clock, plan).await;
            let stopped = engine.run(std::future::pending()).await;
            let Err(Error::Store(error)) = stopped else {
                panic!("{stopped:?}");
            };
            assert_eq!(error.kind, StoreErrorKind::Corrupt);
        });
    }
}
