//! What becomes of messages, told as it is: on each store, whatever servers answer.

use std::sync::atomic::{AtomicBool, Ordering};

use leadkit::record::Message;
use leadkit::record::message::{DropReason, State};
use leadkit::store::{Changes, Verdict};

use super::shop::{folder, read};
use super::tapped::Tapped;
use super::*;

/// Marketing to the contact, and an alert to whoever is the manager.
const BOTH: &str = r#"
[cap]
messages = 1
within   = "7 days"

[role.manager]
may = []

[[rule]]
name = "welcome"
on   = "registered"
do   = [{ send = "hello" }]

[[rule]]
name = "tell"
on   = "registered"
do   = [{ notify = "manager", template = "hello" }]
"#;

/// Marketing alone.
const WELCOME: &str = r#"
[role.manager]
may = []

[[rule]]
name = "welcome"
on   = "registered"
do   = [{ send = "hello" }]
"#;

struct Shop {
    engine: Engine,
    clock: VirtualClock,
    mailer: FaultyMailer,
    lead: LeadId,
}

/// A lead has been registered, about whom two messages go: one of marketing, and an alert.
async fn shop(store: Arc<dyn Store>, rules: &str, plan: Plan<MailerFault>) -> Shop {
    let clock = VirtualClock::at(at("2026-03-02T10:00:00+01:00"));
    let mailer = FaultyMailer::new(MemoryMailer::default(), plan);
    let engine = Engine::builder_on(store)
        .playbook("shop", read(&folder(rules, "")))
        .mailer("email", mailer.clone())
        .clock(clock.clone())
        .seed(1)
        .build()
        .unwrap();
    let shop = engine.tenant("shop");
    for (id, role) in [("marta", "manager"), ("ana", "seller")] {
        let agent = AgentSetup::new(id).name(id).role(role);
        let agent = agent.email(format!("{id}@example.com"));
        shop.set_up(agent).by(desk()).await.unwrap();
    }
    let luis = NewLead::new("Luis").email("luis@example.com");
    let lead = shop.register(luis).by(desk()).await.unwrap().id;
    Shop {
        engine,
        clock,
        mailer,
        lead,
    }
}

impl Shop {
    async fn live(&self, time: Elapsed) {
        let until = self.clock.now() + time;
        let lived = self.engine.live_until(&self.clock, until, |_, _| {});
        lived.await.unwrap();
    }

    /// Ticks until so many messages were ever given to the mailer, and dies there.
    async fn dies_when_given(&self, messages: usize) {
        let are_given = std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            match self.mailer.handed_over().len() >= messages {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        });
        let tick = Box::pin(self.engine.tick());
        drop(futures::future::select(tick, are_given).await);
    }

    async fn messages(&self, condition: &str) -> Vec<Message> {
        let shop = self.engine.tenant("shop");
        shop.messages(condition, None, 100)
            .await
            .unwrap()
            .whole()
            .unwrap()
    }

    async fn marketing(&self) -> Message {
        self.messages(r#"class == "marketing""#).await.remove(0)
    }

    async fn settle(&self, fate: Fate) -> Result<(), &'static str> {
        let message = self.marketing().await.id;
        let settled = self.engine.tenant("shop").settle(message, fate).by(desk());
        settled.await.map_err(|error| match error {
            Error::Refused(refusal) => refusal.code(),
            other => panic!("{other}"),
        })
    }

    /// When each hand-over of a message was begun, in minutes from the first.
    fn tries(&self, of: &Message) -> Vec<i64> {
        let log = self.mailer.handed_over().into_iter();
        let of_it = log.filter(|handed| handed.message.id == of.id);
        let begun: Vec<Instant> = of_it.map(|handed| handed.message.at).collect();
        begun
            .iter()
            .map(|at| (*at - begun[0]).num_minutes())
            .collect()
    }
}

fn always(outcome: Outcome) -> Plan<MailerFault> {
    Plan::new().from(1, MailerFault::Says(outcome))
}

/// A server that says "later" for two days is asked less and less often, and then no more.
#[test]
fn what_is_put_off_is_tried_less_and_less_often_and_given_up_after_two_days() {
    for store in stores() {
        block_on(async {
            let busy = Outcome::Later {
                said: "450 busy".into(),
            };
            let shop = shop(store, BOTH, always(busy)).await;
            shop.live(Elapsed::days(4)).await;
            for message in shop.messages("").await {
                let tries = shop.tries(&message);
                let pauses: Vec<i64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
                assert_eq!(pauses[..7], [1, 2, 4, 8, 16, 32, 64]);
                assert!(pauses[7..].iter().all(|pause| *pause == 64), "{pauses:?}");
                let last = *tries.last().unwrap();
                assert!((47 * 60..=48 * 60).contains(&last), "{last}");
                assert_eq!(message.state, State::Dropped(DropReason::Expired));
                assert_eq!(message.error.as_deref(), Some("450 busy"));
            }
            // What never went doesn't count: there is room for another one at once.
            let contact = shop.engine.tenant("shop").lead(shop.lead).await.unwrap();
            let contact = contact.unwrap().contact.id;
            let key = Key::contact(&"shop".into(), contact);
            let loaded = shop.engine.store().load(&[key]).await.unwrap().remove(0);
            let record = leadkit::record::stored::decode(&loaded.body.unwrap()).unwrap();
            let leadkit::record::Record::Contact(contact) = record else {
                panic!("no contact")
            };
            let now = shop.clock.now();
            let cap = leadkit::playbook::CapRule {
                defers: false,
                ..read(&folder(BOTH, "")).cap.unwrap()
            };
            let another = MessageId(leadkit::ids::Id::named("another", "message"));
            let room = leadkit::gate::room_for(another, &contact, cap, now);
            assert_eq!(room, Ok(now));
        });
    }
}

#[test]
fn what_grows_too_old_while_it_is_tried_is_dropped() {
    let rules = BOTH.replace(
        r#"{ send = "hello" }"#,
        r#"{ send = "hello", expires = "10 minutes" }"#,
    );
    assert_ne!(rules, BOTH);
    for store in stores() {
        block_on(async {
            let busy = Outcome::Later { said: "450".into() };
            let shop = shop(store, &rules, always(busy)).await;
            shop.live(Elapsed::hours(5)).await;
            let message = shop.marketing().await;
            assert_eq!(message.state, State::Dropped(DropReason::Expired));
            assert_eq!(shop.tries(&message), [0, 1, 3, 7]);
        });
    }
}

#[test]
fn an_alert_whose_outcome_is_never_known_goes_again_and_is_given_up_after_two_days() {
    for store in stores() {
        block_on(async {
            let dropped = Outcome::Unknown {
                said: "the line dropped".into(),
            };
            let shop = shop(store, BOTH, always(dropped)).await;
            shop.live(Elapsed::days(4)).await;
            let alert = shop.messages(r#"class == "alert""#).await.remove(0);
            assert!(shop.tries(&alert).len() > 40);
            assert_eq!(alert.state, State::Dropped(DropReason::Expired));
            let marketing = shop.marketing().await;
            assert_eq!(shop.tries(&marketing), [0]);
            assert_eq!(marketing.state, State::InDoubt);
        });
    }
}

/// A worker died while it talked to the server: nobody else talks before its time is up.
#[test]
fn a_hand_over_that_nobody_finished_is_in_doubt_when_its_time_is_up_and_not_before() {
    for store in stores() {
        block_on(async {
            let plan = Plan::new().from(1, MailerFault::AnswerLost);
            let shop = shop(store.clone(), BOTH, plan).await;
            shop.dies_when_given(2).await;
            let states = |messages: Vec<Message>| {
                let states = messages.into_iter().map(|message| message.state);
                states.map(|state| state.as_str()).collect::<Vec<_>>()
            };
            let handing = ["handing-over", "handing-over"];
            assert_eq!(states(shop.messages("").await), handing);
            let arrived = MemoryMailer::default();
            let next = Engine::builder_on(store)
                .playbook("shop", read(&folder(BOTH, "")))
                .mailer("email", arrived.clone())
                .clock(shop.clock.clone())
                .seed(2)
                .build()
                .unwrap();
            let until = shop.clock.now() + Elapsed::seconds(119);
            next.live_until(&shop.clock, until, |_, _| {})
                .await
                .unwrap();
            assert_eq!(states(shop.messages("").await), handing);
            let until = shop.clock.now() + Elapsed::minutes(5);
            next.live_until(&shop.clock, until, |_, _| {})
                .await
                .unwrap();
            assert_eq!(shop.marketing().await.state, State::InDoubt);
            let arrived = arrived.messages();
            assert_eq!(arrived.len(), 1, "only the alert");
            assert_eq!(arrived[0].to.email.as_str(), "marta@example.com");
        });
    }
}

#[test]
fn what_is_in_doubt_is_listed_until_a_person_says_what_became_of_it() {
    for (fate, state) in [
        (Fate::Accepted, "accepted"),
        (Fate::Delivered, "delivered"),
        (Fate::Withdrawn, "dropped"),
        (Fate::SendAgain, "accepted"),
    ] {
        for store in stores() {
            block_on(async {
                let plan = Plan::new()
                    .at(1, MailerFault::After)
                    .at(2, MailerFault::After);
                let shop = shop(store, BOTH, plan).await;
                shop.live(Elapsed::days(30)).await;
                let listed = shop.messages(r#"state == "in-doubt""#).await;
                assert_eq!(listed.len(), 1);
                assert_eq!(listed[0].error.as_deref(), Some("so it was planned, after"));
                assert_eq!(shop.settle(Fate::Retry).await, Err("not-set-aside"));
                assert_eq!(shop.settle(fate).await, Ok(()));
                shop.live(Elapsed::days(8)).await;
                assert_eq!(shop.marketing().await.state.as_str(), state);
                let again = usize::from(fate == Fate::SendAgain);
                assert_eq!(shop.tries(&listed[0]).len(), 1 + again);
                assert_eq!(shop.messages(r#"state == "in-doubt""#).await.len(), 0);
            });
        }
    }
}

/// Whoever reads why a message is in doubt is not to take an earlier "later" for this one.
#[test]
fn what_an_earlier_attempt_said_is_not_said_of_a_later_one() {
    for store in stores() {
        block_on(async {
            let said = || "450 busy".into();
            let plan = Plan::new()
                .at(1, MailerFault::Says(Outcome::Later { said: said() }))
                .at(2, MailerFault::AnswerLost);
            let shop = shop(store, WELCOME, plan).await;
            shop.engine.tick().await.unwrap();
            assert_eq!(shop.marketing().await.error, Some(said()));
            shop.clock.advance(Elapsed::minutes(1));
            shop.dies_when_given(2).await;
            assert_eq!(shop.marketing().await.error, None);
            shop.live(Elapsed::minutes(5)).await;
            let message = shop.marketing().await;
            assert_eq!(message.state, State::InDoubt);
            let told = message.error.expect("a reason");
            assert!(told.starts_with("nothing was heard of it"), "{told}");
            assert_eq!(shop.settle(Fate::Accepted).await, Ok(()));
            assert_eq!(shop.marketing().await.error, None);
        });
    }
}

/// The server that denied us is mended after a long weekend.
#[test]
fn what_was_given_up_is_sent_again_when_a_person_says_so_unless_it_is_too_old() {
    for (rule, settled) in [
        (WELCOME.to_owned(), Ok(())),
        (
            WELCOME.replace("\"hello\" }", "\"hello\", expires = \"3 days\" }"),
            Err("settled"),
        ),
    ] {
        for store in stores() {
            block_on(async {
                let denied = Outcome::Later {
                    said: "554 5.7.1 relay access denied".into(),
                };
                let shop = shop(store, &rule, always(denied)).await;
                shop.live(Elapsed::days(4)).await;
                let message = shop.marketing().await;
                assert_eq!(message.state, State::Dropped(DropReason::Expired));
                let tries = shop.tries(&message).len();
                assert_eq!(shop.settle(Fate::SendAgain).await, settled);
                shop.live(Elapsed::days(1)).await;
                let message = shop.marketing().await;
                let is_tried_again = shop.tries(&message).len() > tries + 1;
                assert_eq!(is_tried_again, settled.is_ok());
            });
        }
    }
}

/// A server that was set up wrongly refused it; now it is mended, and asks for a little patience.
#[test]
fn what_was_refused_is_sent_again_when_a_person_says_so_and_tried_as_long_as_the_first_time() {
    for store in stores() {
        block_on(async {
            let refused = Outcome::Refused {
                said: "554 relay access denied".into(),
                address_invalid: false,
            };
            let later = Outcome::Later {
                said: "451 greylisted".into(),
            };
            let plan = Plan::new()
                .at(1, MailerFault::Says(refused))
                .at(2, MailerFault::Says(later));
            let shop = shop(store, WELCOME, plan).await;
            shop.live(Elapsed::days(3)).await;
            assert_eq!(shop.marketing().await.state, State::Refused);
            assert_eq!(shop.settle(Fate::SendAgain).await, Ok(()));
            shop.live(Elapsed::hours(1)).await;
            let message = shop.marketing().await;
            assert_eq!(message.state, State::Accepted);
            assert_eq!(message.error, None);
            assert_eq!(shop.tries(&message).len(), 3);
        });
    }
}

#[test]
fn what_was_accepted_can_be_known_to_have_arrived_and_what_was_settled_stays_so() {
    for store in stores() {
        block_on(async {
            let shop = shop(store, BOTH, Plan::new()).await;
            shop.live(Elapsed::minutes(1)).await;
            for fate in [Fate::Accepted, Fate::SendAgain, Fate::Withdrawn] {
                assert_eq!(shop.settle(fate).await, Err("settled"), "{fate:?}");
            }
            assert_eq!(shop.settle(Fate::Delivered).await, Ok(()));
            assert_eq!(shop.marketing().await.state, State::Delivered);
            assert_eq!(shop.settle(Fate::Delivered).await, Err("settled"));
        });
    }
}

/// A shop with eleven leads, about each of whom two messages go.
async fn crowded(store: Arc<dyn Store>) -> Shop {
    // A server that takes a moment over each, so that only four are called when the first is heard.
    let slowly = Plan::new().from(1, MailerFault::Delay(Elapsed::zero()));
    let shop = shop(store, BOTH, slowly).await;
    for n in 0..10 {
        let eva = NewLead::new("Eva").email(format!("eva{n}@example.com"));
        let eva = shop.engine.tenant("shop").register(eva).by(desk());
        eva.await.unwrap();
    }
    shop
}

impl Shop {
    /// What a worker does that sees another store than this one.
    async fn tick_on(&self, store: Arc<dyn Store>) -> Result<Ticked, Error> {
        let worker = Engine::builder_on(store)
            .playbook("shop", read(&folder(BOTH, "")))
            .mailer("email", self.mailer.clone())
            .clock(self.clock.clone())
            .seed(2)
            .build()
            .unwrap();
        worker.tick().await
    }
}

/// The store fails when it is told what became of the messages: at so many commits in a row.
async fn told_in_vain(times: u64) -> (Shop, Result<Ticked, Error>) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let shop = crowded(store.clone()).await;
    // The first commit of a portion says that it is begun.
    let plan = (0..times).fold(Plan::new(), |plan, nth| {
        plan.on(Call::Commit, 2 + nth, StoreFault::Before)
    });
    let ticked = shop.tick_on(Arc::new(FaultyStore::on(store, plan))).await;
    (shop, ticked)
}

#[test]
fn what_became_of_messages_is_told_again_when_the_store_is_back_and_nothing_is_in_doubt() {
    for times in [1, 3, 6] {
        // How many are called before the first is heard the threads of the machine's timers have a say in: once
        // in some hundred runs it is all of them.
        let mut calls = (0..5).map(|_| block_on(called_in_vain(times)));
        // Who was not called yet is not sent, for sure, and comes again.
        assert!(calls.any(|called| called < 22));
    }
}

/// How many of 22 messages are called while the store does not take what became of them; all are told in the end.
async fn called_in_vain(times: u64) -> usize {
    let (shop, ticked) = told_in_vain(times).await;
    let ticked = ticked.unwrap();
    assert!(ticked.failures.is_empty(), "{ticked:?}");
    let called = shop.mailer.handed_over().len();
    assert!((4..=22).contains(&called), "{called} of 22 were called");
    shop.live(Elapsed::hours(1)).await;
    for message in shop.messages("").await {
        assert_eq!(message.state, State::Accepted);
        assert_eq!(shop.tries(&message).len(), 1);
    }
    assert_eq!(shop.mailer.handed_over().len(), 22);
    called
}

#[test]
fn a_store_that_stays_away_is_given_up_before_others_take_the_outcome_for_unknown() {
    block_on(async {
        let begun = at("2026-03-02T10:00:00+01:00");
        let (shop, ticked) = told_in_vain(1_000).await;
        assert!(matches!(ticked, Err(Error::Store(_))), "{ticked:?}");
        assert_eq!(shop.clock.now() - begun, Elapsed::seconds(115));
    });
}

/// A store in which a transaction of the host's has a message in hand, from when its hand-over is
/// begun.
fn in_hand(store: Arc<dyn Store>, message: Key) -> Tapped {
    let is_begun = AtomicBool::new(false);
    Tapped::new(store, move |store, changes: Vec<Changes>| {
        let is_held = |changes: &Changes| {
            let writes_it = changes.puts.iter().any(|put| put.key == message);
            writes_it && is_begun.swap(true, Ordering::Relaxed)
        };
        let held: Vec<bool> = changes.iter().map(is_held).collect();
        let moved = Verdict::Moved(vec![message.clone()]);
        Box::pin(async move {
            let free = changes.into_iter().zip(&held).filter(|(_, held)| !**held);
            let free = free.map(|(changes, _)| changes).collect();
            let mut verdicts = store.commit(free).await?.into_iter();
            let verdict = |held| match held {
                true => Some(moved.clone()),
                false => verdicts.next(),
            };
            Ok(held.into_iter().filter_map(verdict).collect())
        })
    })
}

#[test]
fn a_message_that_somebody_has_in_hand_keeps_no_other_from_being_handed_over() {
    block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let shop = crowded(store.clone()).await;
        let begun = shop.clock.now();
        let held = shop.marketing().await.id;
        let in_hand = in_hand(store, Key::message(&"shop".into(), held));
        let ticked = shop.tick_on(Arc::new(in_hand)).await.unwrap();
        assert!(
            matches!(ticked.failures[..], [(_, Error::Contended(_))]),
            "{ticked:?}"
        );
        assert!(shop.clock.now() - begun <= Elapsed::seconds(5));
        assert_eq!(shop.mailer.handed_over().len(), 22);
        for message in shop.messages("").await {
            let is_held = message.id == held;
            assert_eq!(message.state == State::Accepted, !is_held, "{message:?}");
        }
    });
}
