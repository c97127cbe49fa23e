//! A worker that runs: post goes beside clocks, so that no mail server keeps leads waiting.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker};

use async_trait::async_trait;
use leadkit::mailer::{Mailer, Outgoing};
use leadkit::record::message::State;

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

    async fn outlast(&self, _: Elapsed) {}
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
