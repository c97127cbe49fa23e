//! Messages, whatever servers answer and however long they take.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use leadkit::mailer::{Mailer, Outgoing};

use super::*;

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
        .unwrap()
        .whole()
        .unwrap();
    messages
        .iter()
        .map(|message| message.state.as_str().to_owned())
        .collect()
}

/// A mailer whose first call hangs until three others have been answered.
#[derive(Debug, Default)]
struct FirstHangs {
    calls: AtomicUsize,
    answered: AtomicUsize,
}

#[async_trait::async_trait]
impl Mailer for FirstHangs {
    async fn hand_over(&self, _: &Outgoing) -> Outcome {
        if self.calls.fetch_add(1, Ordering::Relaxed) == 0 {
            let mut patience = 1_000;
            poll_fn(|context| {
                patience -= 1;
                context.waker().wake_by_ref();
                match self.answered.load(Ordering::Relaxed) >= 3 || patience == 0 {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
            .await;
            let said = format!("behind {}", self.answered.load(Ordering::Relaxed));
            return Outcome::Refused {
                said: said.into(),
                address_invalid: false,
            };
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
        Outcome::Accepted
    }
}

#[test]
fn a_server_that_is_slow_to_answer_for_one_message_holds_up_few_others() {
    block_on(async {
        let clock = VirtualClock::at(at("2026-03-10T09:30:00-06:00"));
        let engine = Engine::builder(MemoryStore::default())
            .playbook("toluca", follow_up())
            .mailer("email", FirstHangs::default())
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
        for number in 0..4 {
            let lead = rosa().email(format!("rosa.{number}@example.com"));
            toluca.register(lead).by("luisa").await.unwrap();
        }
        let ninety_days_on = at("2026-06-08T09:30:00-06:00");
        engine
            .live_until(&clock, ninety_days_on, |_, _| {})
            .await
            .unwrap();
        engine.tick().await.unwrap();
        let messages = toluca
            .messages("", None, 100)
            .await
            .unwrap()
            .whole()
            .unwrap();
        let said = |message: &leadkit::record::Message| message.error.clone();
        let mut states: Vec<_> = messages
            .iter()
            .map(|message| (message.state.as_str(), said(message)))
            .collect();
        states.sort();
        let accepted = ("accepted", None);
        let hung = ("refused", Some("behind 3".into()));
        assert_eq!(states, [accepted.clone(), accepted.clone(), accepted, hung]);
    });
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
            .unwrap()
            .whole()
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
fn what_may_have_arrived_counts_towards_the_cap_even_if_it_was_to_be_sent_again() {
    block_on(async {
        let clock = VirtualClock::at(at("2026-03-10T09:30:00-06:00"));
        let mailer = says(Outcome::Unknown {
            said: "the line dropped".into(),
        });
        let engine = Engine::builder(MemoryStore::default())
            .playbook("toluca", follow_up())
            .mailer("email", mailer.clone())
            .clock(clock.clone())
            .seed(1)
            .build()
            .unwrap();
        let toluca = engine.tenant("toluca");
        // Rosa is in four bases; her fourth message is due a day after the others.
        for (id, days) in [("luisa", 0), ("marta", 0), ("nora", 0), ("olga", 1)] {
            clock.set(clock.now() + Elapsed::days(days));
            let agent = AgentSetup::new(id)
                .name(id)
                .email(format!("{id}@x.example"))
                .role("seller");
            toluca.set_up(agent).by(desk()).await.unwrap();
            toluca.register(rosa()).by(id).await.unwrap();
        }
        let three_are_due = at("2026-06-08T10:00:00-06:00");
        engine
            .live_until(&clock, three_are_due, |_, _| {})
            .await
            .unwrap();
        assert_eq!(mailer.handed_over().len(), 3);

        let doubtful = toluca
            .messages(r#"state == "in-doubt""#, None, 10)
            .await
            .unwrap()
            .whole()
            .unwrap();
        for fate in [Fate::SendAgain, Fate::Withdrawn] {
            let settled = toluca.settle(doubtful[0].id, fate).by(desk()).await;
            settled.unwrap();
        }
        let cap_is_over = at("2026-07-08T09:30:00-06:00");
        engine
            .live_until(&clock, cap_is_over - Elapsed::hours(1), |_, _| {})
            .await
            .unwrap();
        assert_eq!(mailer.handed_over().len(), 3);
        engine
            .live_until(&clock, cap_is_over + Elapsed::hours(1), |_, _| {})
            .await
            .unwrap();
        assert_eq!(mailer.handed_over().len(), 4);
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
        let toluca = engine.tenant("toluca");
        let count = async |condition| {
            toluca
                .messages(condition, None, 10)
                .await
                .unwrap()
                .whole()
                .unwrap()
                .len()
        };
        assert_eq!(count(r#"class == "marketing""#).await, 1);
        // A word that no message has is a fault, and not nobody.
        let fault = toluca.messages(r#"state == "sent""#, None, 10).await;
        let fault = fault.unwrap_err().to_string();
        assert!(fault.contains("did you mean `\"accepted\"`?"), "{fault}");
        // But the seller hears that nothing more goes there.
        assert_eq!(count(r#"template == "not-taken-up""#).await, 2);
        assert_eq!(mailer.handed_over().len(), 3);
        let lead = toluca.lead(lead).await.unwrap().unwrap();
        assert!(lead.contact.email_invalid);
        // Nobody is the manager here, and that is on record.
        let told = toluca.explain(lead.id).await.unwrap().to_string();
        assert!(told.contains("message not-taken-up told nobody"), "{told}");
        assert!(told.contains("nobody has the role manager"), "{told}");
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
                .cities(["Quito"])
                .zones(["Norte"]);
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

#[test]
fn a_message_that_cannot_be_rendered_is_set_aside_and_blocks_nobody() {
    use leadkit::playbook::load::Folder;
    block_on(async {
        let mut folder = Folder::load("playbooks/field-and-digital-sales".as_ref()).unwrap();
        for (path, text) in &mut folder.templates {
            if path == "templates/late.txt" {
                // Too much work, though only for this lead: only its own rendering can find that out.
                *text = "Subject: Late\n\n{% if contact.name == 'Luis Vera' %}{% for a in range(9999) %}{% for b in range(9999) %}.{% endfor %}{% endfor %}{% endif %}".into();
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
                .cities(["Quito"])
                .zones(["Norte"]);
            quito.set_up(agent).by(desk()).await.unwrap();
        }
        quito.register(luis()).by(desk()).await.unwrap();
        engine
            .live_until(&clock, at("2026-03-10T18:30:00-05:00"), |_, _| {})
            .await
            .unwrap();
        let messages = quito.messages("", None, 10).await.unwrap().whole().unwrap();
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
        assert_eq!(leads.whole().unwrap().len(), 1);
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

/// After an outage of three days servers often say "later" to whom they don't know any more.
#[test]
fn what_waited_long_before_it_was_tried_is_tried_for_its_full_time() {
    block_on(async {
        let later = || Outcome::Later {
            said: "450 greylisted".into(),
        };
        let clock = VirtualClock::at(at("2026-03-06T16:30:00-05:00"));
        let plan = Plan::new()
            .at(1, MailerFault::Says(later()))
            .at(2, MailerFault::Says(later()));
        let mailer = FaultyMailer::new(MemoryMailer::default(), plan);
        let engine = Engine::builder(MemoryStore::default())
            .playbook("toluca", follow_up())
            .mailer("email", mailer)
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
        toluca.register(rosa()).by("luisa").await.unwrap();
        // The first message is queued, and then nobody is there for three days.
        clock.advance(Elapsed::days(91));
        engine.tick_up_to(&mut Ticked::default(), 1).await.unwrap();
        assert_eq!(message_states(&engine).await, ["queued"]);
        clock.advance(Elapsed::days(3));
        for state in ["to-retry", "to-retry", "accepted"] {
            engine.tick().await.unwrap();
            assert_eq!(message_states(&engine).await, [state]);
            clock.advance(Elapsed::minutes(5));
        }
    });
}
