//! What fails three times is set aside: listed with its error, in nobody's way, and released by
//! who mended it. So is what a worker doesn't know the playbook of: left, and in nobody's way.

use leadkit::decide::command::Wake;
use leadkit::decide::records::Records;
use leadkit::decide::wake;
use leadkit::playbook::load::Folder;
use leadkit::record::{Sweep, stored};
use leadkit::store::Verdict;

use super::shop::{folder, read};
use super::*;

/// Whose city is `endless` has rules that start each other without end after an hour, which can't be told when they
/// are read: it depends on the day. Who is called `Broken` gets a text that can't be rendered.
const RULES: &str = r#"
[[rule]]
name = "welcome"
on   = "registered"
do   = [{ send = "hello" }]

[[rule]]
name  = "again"
on    = "registered"
after = "2 days"
do    = [{ send = "hello" }]

[[rule]]
name  = "begin"
on    = "registered"
after = "1 hour"
if    = 'city == "endless"'
do    = [{ set = "city", to = "round" }]

[[rule]]
name = "to"
when = 'city == "round" and now > 2001-01-01'
do   = [{ set = "city", to = "about" }]

[[rule]]
name = "fro"
when = 'city == "about"'
do   = [{ set = "city", to = "round" }]
"#;

const BROKEN: &str = "Subject: Hello\n\n{% if contact.name == 'Broken' %}{% for a in range(9999) %}\
                      {% for b in range(9999) %}.{% endfor %}{% endfor %}{% endif %}Hello\n";

fn with_text(rules: &str, text: &str) -> Arc<Playbook> {
    let templates = vec![("templates/hello.txt".into(), text.into())];
    Arc::new(read(&Folder {
        templates,
        ..folder(rules, "")
    }))
}

fn broken() -> Arc<Playbook> {
    with_text(RULES, BROKEN)
}

/// Another version of it, whose text is mended.
fn mended() -> Arc<Playbook> {
    with_text(RULES, "Subject: Hello\n\nHello\n")
}

/// A clock that goes on while it is looked at: rules that start each other do so at another time
/// each time.
#[derive(Clone, Debug)]
struct Goes(VirtualClock);

#[async_trait::async_trait]
impl Clock for Goes {
    fn now(&self) -> Instant {
        self.0.advance(Elapsed::microseconds(1));
        self.0.now()
    }

    async fn sleep_until(&self, until: Instant) {
        self.0.sleep_until(until).await;
    }

    async fn wait_out(&self, patience: Elapsed) {
        self.0.wait_out(patience).await;
    }
}

struct Shop {
    store: Arc<dyn Store>,
    clock: VirtualClock,
    mailer: MemoryMailer,
}

impl Shop {
    fn on(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            clock: VirtualClock::at(at("2026-03-02T10:00:00+01:00")),
            mailer: MemoryMailer::default(),
        }
    }

    /// A worker that knows these; new leads come under the last one.
    fn worker(&self, playbooks: &[&Arc<Playbook>]) -> Engine {
        let mut builder = Engine::builder_on(self.store.clone())
            .clock(Goes(self.clock.clone()))
            .mailer("email", self.mailer.clone());
        for playbook in playbooks {
            builder = builder.playbook("shop", (*playbook).clone());
        }
        builder.build().unwrap()
    }

    async fn live(&self, engine: &Engine, time: Elapsed) {
        let until = self.clock.now() + time;
        let lived = engine.live_until(&self.clock, until, |_, _| {});
        lived.await.unwrap();
    }

    fn mail(&self, name: &str) -> usize {
        self.mailer.mailbox(&format!("{name}@example.com")).len()
    }
}

async fn register(engine: &Engine, name: &str, city: &str) -> LeadId {
    let email = format!("{}@example.com", name.to_lowercase());
    let lead = NewLead::new(name).email(email).field("city", city);
    let lead = engine.tenant("shop").register(lead).by(desk());
    lead.await.unwrap().id
}

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    match result {
        Err(Error::Refused(refusal)) => refusal.code(),
        other => panic!("{other:?}"),
    }
}

async fn adopt(engine: &Engine) {
    let adopted = engine.tenant("shop").adopt(Vec::new()).by(desk());
    adopted.await.unwrap();
    engine.tick().await.unwrap();
}

#[test]
fn a_lead_that_was_set_aside_is_listed_with_its_error_in_nobodys_way_and_can_be_released() {
    for store in stores() {
        block_on(async {
            let shop = Shop::on(store);
            let engine = shop.worker(&[&broken()]);
            let before = register(&engine, "Ana", "Quito").await;
            let endless = register(&engine, "Luis", "endless").await;
            register(&engine, "Rosa", "Quito").await;
            shop.live(&engine, Elapsed::days(1)).await;
            let handle = engine.tenant("shop");
            let listed = handle.leads("set_aside", Order::Id, None, 10);
            let listed = listed.await.unwrap().whole().unwrap();
            assert_eq!(listed.len(), 1);
            assert_eq!(listed[0].id, endless);
            let trouble = listed[0].trouble.clone().unwrap();
            let said = "its rules start each other without end";
            assert_eq!(trouble.error, said);
            shop.live(&engine, Elapsed::days(2)).await;
            assert_eq!([shop.mail("ana"), shop.mail("rosa")], [2, 2]);
            assert_eq!(shop.mail("luis"), 1);
            assert_eq!(engine.tick().await.unwrap().next(), None, "it has no clock");

            let city = handle.set(endless, "city", "Quito").by(desk());
            city.await.unwrap();
            assert_eq!(engine.tick().await.unwrap().next(), None, "nor has it now");
            handle.retry(endless).by(desk()).await.unwrap();
            shop.live(&engine, Elapsed::days(1)).await;
            assert_eq!(shop.mail("luis"), 2);
            let none = handle.leads("set_aside", Order::Id, None, 10);
            assert!(none.await.unwrap().whole().unwrap().is_empty());
            for lead in [endless, before] {
                let again = handle.retry(lead).by(desk()).await;
                assert_eq!(code(again), "not-set-aside");
            }
        });
    }
}

/// What failed once, and is no longer to be done when it would be tried again, is no trouble any
/// more: else the lead would be woken for it for ever.
#[test]
fn a_lead_whose_failing_rule_is_no_longer_due_is_in_no_trouble() {
    const ASKS: &str = "[[rule]]\nname = \"ask\"\nwhen = 'city == \"Quito\"'\nafter = \"1 hour\"\n\
                        do = [{ send = \"hello\" }]\n";
    for store in stores() {
        block_on(async {
            let shop = Shop::on(store);
            let playbook = with_text(ASKS, "Subject: Hello\n\nHello\n");
            let engine = shop.worker(&[&playbook]);
            let id = register(&engine, "Luis", "Quito").await;
            let key = Key::lead(&Tenant::from("shop"), id);
            shop.clock.advance(Elapsed::minutes(30));
            let failed = Wake::Failed {
                key: key.clone(),
                error: "no room".into(),
            };
            let mut records = Records::new();
            let loaded = shop.store.load(std::slice::from_ref(&key)).await.unwrap();
            let record = stored::decode(loaded[0].body.as_ref().unwrap()).unwrap();
            records.insert(key.clone(), loaded[0].version, Some(Arc::new(record)));
            let now = shop.clock.now();
            let woken = wake(&playbook, &records, &key.tenant, &failed, now).unwrap();
            let changes = woken.decision.unwrap().changes(&playbook).unwrap();
            let verdicts = shop.store.commit(vec![changes]).await.unwrap();
            assert_eq!(verdicts, [Verdict::Written]);

            let handle = engine.tenant("shop");
            let troubled = handle.lead(id).await.unwrap().unwrap();
            let retry_at = troubled.trouble.as_ref().unwrap().retry_at.unwrap();
            assert_eq!(agenda::wakes_at(&playbook, &troubled), Some(retry_at));
            handle.set(id, "city", "Lima").by(desk()).await.unwrap();
            shop.live(&engine, Elapsed::days(1)).await;
            let lead = handle.lead(id).await.unwrap().unwrap();
            assert_eq!(lead.trouble, None);
            assert_eq!(engine.tick().await.unwrap().next(), None);
            assert_eq!(shop.mail("luis"), 0);
            assert_clocks(&engine, &*shop.store, &playbook, "shop").await;
        });
    }
}

#[test]
fn a_message_that_was_set_aside_is_listed_with_its_error_in_nobodys_way_and_can_be_released() {
    for store in stores() {
        block_on(async {
            let shop = Shop::on(store);
            let engine = shop.worker(&[&broken()]);
            for name in ["Ana", "Broken", "Rosa"] {
                register(&engine, name, "Quito").await;
            }
            engine.tick().await.unwrap();
            assert_eq!([shop.mail("ana"), shop.mail("rosa")], [1, 1], "at once");
            shop.live(&engine, Elapsed::hours(1)).await;
            let handle = engine.tenant("shop");
            let listed = handle
                .messages("set_aside", None, 10)
                .await
                .unwrap()
                .whole()
                .unwrap();
            assert_eq!(listed.len(), 1);
            let trouble = listed[0].trouble.clone().unwrap();
            assert_eq!(trouble.failures, Trouble::PATIENCE);
            assert!(trouble.error.contains("hello"), "{}", trouble.error);
            shop.live(&engine, Elapsed::days(3)).await;
            assert_eq!([shop.mail("ana"), shop.mail("rosa")], [2, 2]);
            assert_eq!(shop.mail("broken"), 0);

            let engine = shop.worker(&[&broken(), &mended()]);
            adopt(&engine).await;
            let handle = engine.tenant("shop");
            let listed = handle
                .messages("set_aside", None, 10)
                .await
                .unwrap()
                .whole()
                .unwrap();
            let [first, second] = &listed[..] else {
                panic!("{listed:?}")
            };
            let released = handle.settle(first.id, Fate::Retry).by(desk());
            released.await.unwrap();
            let withdrawn = handle.settle(second.id, Fate::Withdrawn).by(desk());
            withdrawn.await.unwrap();
            engine.tick().await.unwrap();
            assert_eq!(shop.mail("broken"), 1);
            let none = handle
                .messages("set_aside", None, 10)
                .await
                .unwrap()
                .whole()
                .unwrap();
            assert!(none.is_empty(), "{none:?}");
            for message in [first, second] {
                let again = handle.settle(message.id, Fate::Retry).by(desk()).await;
                assert_eq!(code(again), "not-set-aside");
            }
        });
    }
}

#[test]
fn a_sweep_that_was_set_aside_is_listed_with_its_error_in_nobodys_way_and_can_be_released() {
    let with_car = with_text("[field.car]\ntype = \"text\"\n", BROKEN);
    let without = with_text("", BROKEN);
    let weekly = |name: &str, audience: &str| NewSweep {
        name: name.into(),
        audience: audience.into(),
        order: LeadOrder::Attempt { reached: false },
        starts_at: None,
        every_days: Some(7),
    };
    for store in stores() {
        block_on(async {
            let shop = Shop::on(store);
            let engine = shop.worker(&[&with_car]);
            let lead = register(&engine, "Ana", "Quito").await;
            let handle = engine.tenant("shop");
            for (name, audience) in [("cars", "car is missing"), ("all", "open")] {
                let sweep = handle.sweep(weekly(name, audience)).by(desk());
                sweep.await.unwrap();
            }
            engine.tick().await.unwrap();
            let attempts = async |engine: &Engine| {
                let lead = engine.tenant("shop").lead(lead).await.unwrap().unwrap();
                lead.attempts.total()
            };
            assert_eq!(attempts(&engine).await, 2);
            // The next playbook has no cars, and nobody knows the last one.
            let engine = shop.worker(&[&without]);
            adopt(&engine).await;
            shop.live(&engine, Elapsed::days(15)).await;
            let handle = engine.tenant("shop");
            let listed = handle
                .sweeps("set_aside", None, 10)
                .await
                .unwrap()
                .whole()
                .unwrap();
            let names = |sweeps: &[Sweep]| -> Vec<String> {
                sweeps.iter().map(|sweep| sweep.name.to_string()).collect()
            };
            assert_eq!(names(&listed), ["cars"]);
            let trouble = listed[0].trouble.clone().unwrap();
            assert!(trouble.error.contains("`car`"), "{}", trouble.error);
            assert_eq!(attempts(&engine).await, 4, "the other one goes on");

            let engine = shop.worker(&[&without, &with_car]);
            adopt(&engine).await;
            let handle = engine.tenant("shop");
            let released = handle.retry_sweep(listed[0].id).by(desk());
            released.await.unwrap();
            engine.tick().await.unwrap();
            assert_eq!(attempts(&engine).await, 5);
            let none = handle
                .sweeps("set_aside", None, 10)
                .await
                .unwrap()
                .whole()
                .unwrap();
            assert!(none.is_empty(), "{none:?}");
            let again = handle.retry_sweep(listed[0].id).by(desk()).await;
            assert_eq!(code(again), "not-set-aside");
        });
    }
}

/// Who is set aside, and what was set aside with it, is released by those who may.
#[test]
fn whoever_releases_may_settle() {
    for store in stores() {
        block_on(async {
            let shop = Shop::on(store);
            let rules = format!("[role.trainee]\nmay = [\"attempt\"]\n{RULES}");
            let engine = shop.worker(&[&with_text(&rules, BROKEN)]);
            let handle = engine.tenant("shop");
            for (id, role) in [("ana", "seller"), ("bea", "trainee")] {
                let agent = AgentSetup::new(id).name(id).role(role);
                let agent = agent.email(format!("{id}@example.com"));
                handle.set_up(agent).by(desk()).await.unwrap();
            }
            let lead = register(&engine, "Broken", "endless").await;
            shop.live(&engine, Elapsed::hours(2)).await;
            let message = handle
                .messages("set_aside", None, 10)
                .await
                .unwrap()
                .whole()
                .unwrap();
            let message = message[0].id;
            assert_eq!(code(handle.retry(lead).by("bea").await), "not-permitted");
            let settled = handle.settle(message, Fate::Retry).by("bea").await;
            assert_eq!(code(settled), "not-permitted");
            let settled = handle.settle(message, Fate::Retry).by("nobody").await;
            assert_eq!(code(settled), "no-such-agent");
            handle.retry(lead).by("ana").await.unwrap();
            let settled = handle.settle(message, Fate::Retry).by("ana");
            settled.await.unwrap();
        });
    }
}

/// More leads than a page holds wait for workers who know their playbook; the one lead of this
/// worker is done at once, and so is what comes after it.
#[test]
fn leads_of_a_playbook_that_a_worker_does_not_know_never_fill_its_pages() {
    const MORE_THAN_A_PAGE: usize = 510;
    let (old, new) = (broken(), mended());
    for store in stores() {
        block_on(async {
            let shop = Shop::on(store);
            let knows_old = shop.worker(&[&old]);
            let of_old = register(&knows_old, "Ana", "Quito").await;
            knows_old.tick().await.unwrap();
            let knows_new = shop.worker(&[&old, &new]);
            let handle = knows_new.tenant("shop");
            // Nobody has carried the adoption out yet.
            handle.adopt(Vec::new()).by(desk()).await.unwrap();
            for n in 0..MORE_THAN_A_PAGE {
                register(&knows_new, &format!("n{n}"), "Quito").await;
            }
            shop.clock.advance(Elapsed::days(2));
            let mut ticked = Ticked::default();
            let done = knows_old.tick_up_to(&mut ticked, 1).await.unwrap();
            assert_eq!((done, ticked.fired), (1, 1), "the first place of its page");
            let ticked = knows_old.tick().await.unwrap();
            assert_eq!([shop.mail("ana"), shop.mail("n0")], [2, 0]);
            let told: BTreeSet<String> = ticked
                .left
                .iter()
                .map(|left| left.because.to_string())
                .collect();
            let hash = &new.hash;
            let unknown = Error::UnknownPlaybook(hash.clone()).to_string();
            assert!(unknown.contains("give it to the engine too"), "{unknown}");
            assert_eq!(told, BTreeSet::from([unknown]));
            let lead = handle.lead(of_old).await.unwrap().unwrap();
            assert_eq!(lead.playbook, old.hash, "its adoption is left, too");
            // They were left, not taken in hand: who knows them waits for nothing.
            knows_new.tick().await.unwrap();
            let each = (0..MORE_THAN_A_PAGE).map(|n| shop.mail(&format!("n{n}")));
            assert_eq!(each.collect::<BTreeSet<_>>(), BTreeSet::from([2]));
            let lead = handle.lead(of_old).await.unwrap().unwrap();
            assert_eq!(lead.playbook, new.hash);
            assert_eq!(shop.mail("ana"), 2);
        });
    }
}
