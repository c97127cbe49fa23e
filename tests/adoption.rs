//! A changed playbook: which one decides, what it does to leads in flight, and what races with it.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use leadkit::agenda;
use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::{
    Actor, Adoption, AgentSetup, Command, Fate, LeadOrder, NewLead, NewSweep, StageMapping, What,
};
use leadkit::decide::records::Records;
use leadkit::decide::{Decision, Stop, decide};
use leadkit::engine::{Engine, Error};
use leadkit::ids::{CommandId, LeadId, Name, SweepId, Tenant};
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::record::journal::Event;
use leadkit::record::lead::{How, Lead};
use leadkit::record::{Sweep, TenantRecord, stored};
use leadkit::store::{
    Changes, Count, Counted, Due, JournalCursor, Journaled, Key, Kind, Loaded, MemoryStore, Order,
    Page, Select, Store, StoreError, Verdict,
};
use leadkit::time::{Elapsed, Instant};
use pollster::block_on;

const TENANT: &str = "shop";

/// A shop without rules.
const SHOP: &str = r#"
[playbook]
id       = "shop"
zone     = "Europe/Madrid"
calendar = "office"

[organisation]
name  = "Shop"
email = "shop@example.com"

[calendar.office]
weekly = { mon-fri = ["09:00-17:00"] }

[role.seller]
may = ["register", "attempt"]

[hold]
parked = {}

[[route]]
to = "sales.new"

[pipeline.sales]
start = "new"
"#;

const STAGES: &str = r#"
[pipeline.sales.stage]
new     = { to = { talking = [], lost = [] } }
talking = { to = { new = [], lost = [] } }
lost    = { final = "lost", to = ["new"] }
"#;

const HELLO: &str = "Subject: Hello {{ contact.name }}\n\nHow are you?\n";

fn with_template(text: &str, hello: &str) -> Arc<Playbook> {
    let folder = Folder {
        playbook: text.into(),
        templates: vec![("templates/hello.txt".into(), hello.into())],
        ..Folder::default()
    };
    Arc::new(Playbook::read(&folder).unwrap_or_else(|faults| panic!("{:#?}", faults.0)))
}

/// The shop with these rules.
fn shop(rules: &str) -> Arc<Playbook> {
    with_template(&format!("{SHOP}{STAGES}{rules}"), HELLO)
}

/// A rule that writes to the contact.
fn writes(name: &str, when: &str) -> String {
    format!("\n[[rule]]\nname = \"{name}\"\n{when}\ndo = [{{ send = \"hello\" }}]\n")
}

/// A store, and engines on it that know one playbook or another.
struct World {
    store: Arc<dyn Store>,
    clock: VirtualClock,
    mailer: MemoryMailer,
    start: Instant,
}

impl World {
    fn new() -> Self {
        let start = "2026-03-02T09:00:00Z".parse().unwrap();
        Self {
            store: Arc::new(MemoryStore::default()),
            clock: VirtualClock::at(start),
            mailer: MemoryMailer::default(),
            start,
        }
    }

    /// An engine that knows these; new leads come under the last one.
    fn engine(&self, playbooks: &[&Arc<Playbook>]) -> Engine {
        let mut builder = Engine::builder_on(self.store.clone())
            .clock(self.clock.clone())
            .mailer("email", self.mailer.clone());
        for playbook in playbooks {
            builder = builder.playbook(TENANT, (*playbook).clone());
        }
        builder.build().unwrap()
    }

    async fn live_to_day(&self, engine: &Engine, day: i64) {
        let until = self.start + Elapsed::days(day);
        engine
            .live_until(&self.clock, until, |_, _| {})
            .await
            .unwrap();
        engine.tick().await.unwrap();
    }

    async fn adopt(&self, engine: &Engine) {
        engine.tenant(TENANT).adopt(Vec::new()).await.unwrap();
        engine.tick().await.unwrap();
    }

    /// How many messages Luis has got.
    fn messages(&self) -> usize {
        self.mailer.mailbox("luis@example.com").len()
    }

    async fn record<T: leadkit::record::Recorded>(&self, key: Key) -> T {
        let loaded = self.store.load(std::slice::from_ref(&key)).await.unwrap();
        let record = stored::decode(loaded[0].body.as_ref().unwrap()).unwrap();
        T::from_record(&record).unwrap().clone()
    }

    async fn sweep(&self, id: SweepId) -> Sweep {
        self.record(Key::sweep(&TENANT.into(), id)).await
    }

    async fn tenant(&self) -> TenantRecord {
        self.record(Key::tenant(&TENANT.into())).await
    }

    async fn events(&self) -> Vec<Event> {
        let journal = self
            .store
            .journal(&TENANT.into(), JournalCursor::default(), 100_000)
            .await
            .unwrap();
        let entries = journal
            .iter()
            .map(|entry| stored::decode_entry(&entry.body).unwrap());
        entries.flat_map(|entry| entry.events).collect()
    }

    /// The stored clock of every lead is the one that its playbook computes.
    async fn assert_clocks(&self, playbook: &Playbook) {
        let far = "2999-01-01T00:00:00Z".parse().unwrap();
        let due = self.store.due(far, 100_000, Instant::UNIX_EPOCH).await;
        let due = due.unwrap();
        for lead in leads(&self.engine(&[&shop("")])).await {
            let key = Key::lead(&TENANT.into(), lead.id);
            let stored = due.iter().find(|due| due.key == key).map(|due| due.at);
            assert_eq!(lead.playbook, playbook.hash);
            assert_eq!(stored, agenda::wakes_at(playbook, &lead), "{lead:#?}");
        }
    }
}

async fn leads(engine: &Engine) -> Vec<Lead> {
    let shop = engine.tenant(TENANT);
    shop.leads("", Order::Id, None, 1_000).await.unwrap().leads
}

fn luis() -> NewLead {
    NewLead::new("Luis").email("luis@example.com")
}

async fn register(engine: &Engine) -> LeadId {
    engine.tenant(TENANT).register(luis()).await.unwrap().id
}

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    match result {
        Err(Error::Refused(refusal)) => refusal.code(),
        other => panic!("{other:?}"),
    }
}

// ------------------------------------------------------------------ fingerprints

fn fingerprint(text: &str, rule: &str) -> leadkit::playbook::rule::Fingerprint {
    shop(text).rule(&Name::from(rule)).unwrap().fingerprint
}

#[test]
fn a_fingerprint_tells_whatever_moves_a_rule_in_time_and_nothing_else() {
    let rule = |change: (&str, &str)| {
        let text = r#"
[calendar.night]
weekly = { mon-fri = ["19:00-23:00"] }

[[rule]]
name       = "chase"
on         = "registered"
after      = "2 days"
every      = "3 days"
at-most    = 5
stage      = "new"
until      = 'answered'
stopped-by = ["parked"]
late-start = "fire"
calendar   = "office"
if         = 'attempts.total < 3'
do         = [{ send = "hello" }]
"#;
        let (from, to) = change;
        assert!(from.is_empty() || text.contains(from), "{from}");
        fingerprint(&text.replacen(from, to, 1), "chase")
    };
    let as_it_is = rule(("", ""));
    for change in [
        (r#"on         = "registered""#, r#"on         = "assigned""#),
        (r#"after      = "2 days""#, r#"after      = "3 days""#),
        (r#"every      = "3 days""#, r#"every      = "4 days""#),
        ("at-most    = 5", "at-most    = 6"),
        (r#"stage      = "new""#, r#"stage      = "talking""#),
        (
            r#"until      = 'answered'"#,
            "until      = 'attempts.total > 1'",
        ),
        (r#"["parked"]"#, "[]"),
        (r#"late-start = "fire""#, r#"late-start = "3 days""#),
        (r#"calendar   = "office""#, r#"calendar   = "night""#),
    ] {
        assert_ne!(rule(change), as_it_is, "{change:?}");
    }
    for change in [
        (r#"if         = 'attempts.total < 3'"#, ""),
        (r#"[{ send = "hello" }]"#, r#"[{ move = "talking" }]"#),
        ("19:00", "20:00"),
    ] {
        assert_eq!(rule(change), as_it_is, "{change:?}");
    }
}

#[test]
fn what_moves_the_deadline_of_a_task_moves_the_rules_that_count_from_it() {
    let late = |within: &str| {
        let sla = format!(
            r#"
[sla.first-contact]
on     = "registered"
within = "{within}"
done   = 'stage != "new"'
task   = "Call"
late   = [{{ send = "hello" }}]
"#
        );
        fingerprint(&sla, "first-contact.late")
    };
    assert_eq!(late("4 business hours"), late("4 business hours"));
    assert_ne!(late("4 business hours"), late("1 business hour"));
}

// ------------------------------------------------------------------ rules that change in flight

#[test]
fn a_wait_that_is_shortened_sends_nothing_to_those_in_between() {
    let thirty = shop(&writes(
        "check-in",
        "on = \"registered\"\nafter = \"30 days\"",
    ));
    for (late, expected) in [("", [0, 0]), ("\nlate-start = \"fire\"", [1, 1])] {
        let when = format!("on = \"registered\"\nafter = \"10 days\"{late}");
        let ten = shop(&writes("check-in", &when));
        block_on(async {
            let world = World::new();
            register(&world.engine(&[&thirty])).await;
            world.live_to_day(&world.engine(&[&thirty]), 20).await;
            let engine = world.engine(&[&thirty, &ten]);
            world.adopt(&engine).await;
            assert_eq!(world.messages(), expected[0]);
            world.live_to_day(&engine, 60).await;
            assert_eq!(world.messages(), expected[1]);
            world.assert_clocks(&ten).await;
        });
    }
}

#[test]
fn a_wait_that_is_shortened_in_time_ends_when_it_says_now() {
    let thirty = shop(&writes(
        "check-in",
        "on = \"registered\"\nafter = \"30 days\"",
    ));
    let ten = shop(&writes(
        "check-in",
        "on = \"registered\"\nafter = \"10 days\"",
    ));
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&thirty])).await;
        world.live_to_day(&world.engine(&[&thirty]), 5).await;
        let engine = world.engine(&[&thirty, &ten]);
        world.adopt(&engine).await;
        world.live_to_day(&engine, 9).await;
        assert_eq!(world.messages(), 0);
        world.live_to_day(&engine, 10).await;
        assert_eq!(world.messages(), 1);
        world.live_to_day(&engine, 60).await;
        assert_eq!(world.messages(), 1);
    });
}

#[test]
fn what_fired_once_does_not_fire_again_because_its_rule_changed_or_went_and_came_back() {
    let late = "\nlate-start = \"fire\"";
    let first = shop(&writes(
        "check-in",
        &format!("on = \"registered\"\nafter = \"3 days\"{late}"),
    ));
    let longer = shop(&writes(
        "check-in",
        &format!("on = \"registered\"\nafter = \"9 days\"{late}"),
    ));
    let without = shop("");
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&first])).await;
        world.live_to_day(&world.engine(&[&first]), 5).await;
        assert_eq!(world.messages(), 1);
        let playbooks = [&first, &longer, &without, &first];
        for known in 2..=playbooks.len() {
            let engine = world.engine(&playbooks[..known]);
            world.adopt(&engine).await;
            let day = 5 + i64::try_from(known).unwrap();
            world.live_to_day(&engine, day).await;
        }
        world.live_to_day(&world.engine(&playbooks), 60).await;
        assert_eq!(world.messages(), 1);
        world.assert_clocks(&first).await;
    });
}

/// Two adoptions while nobody sweeps: the lead comes from the first playbook to the third.
#[test]
fn what_the_playbook_in_between_added_is_new_to_a_lead_that_never_saw_it() {
    let one = shop("");
    let welcome = writes("welcome", "on = \"registered\"\nafter = \"2 days\"");
    let two = shop(&welcome);
    let three = shop(&format!(
        "{welcome}{}",
        writes("later", "on = \"registered\"\nafter = \"40 days\"")
    ));
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&one])).await;
        world.live_to_day(&world.engine(&[&one]), 10).await;
        let engine = world.engine(&[&one, &two]);
        engine.tenant(TENANT).adopt(Vec::new()).await.unwrap();
        let engine = world.engine(&[&one, &two, &three]);
        world.adopt(&engine).await;
        world.live_to_day(&engine, 30).await;
        assert_eq!(
            world.messages(),
            0,
            "the welcome would have come eight days ago"
        );
        world.live_to_day(&engine, 60).await;
        assert_eq!(world.messages(), 1);
        world.assert_clocks(&three).await;
    });
}

#[test]
fn a_rule_that_did_not_change_and_is_late_because_nobody_worked_still_fires() {
    let welcome = writes("welcome", "on = \"registered\"\nafter = \"2 days\"");
    let one = shop(&welcome);
    let two = shop(&format!(
        "{welcome}{}",
        writes("other", "on = \"registered\"\nafter = \"40 days\"")
    ));
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&one])).await;
        world.clock.advance(Elapsed::days(10));
        // One that knows the old playbook too would fire it before it takes the lead over.
        let engine = world.engine(&[&two]);
        world.adopt(&engine).await;
        world.clock.advance(Elapsed::minutes(2));
        engine.tick().await.unwrap();
        assert_eq!(world.messages(), 1);
        world.assert_clocks(&two).await;
    });
}

#[test]
fn to_a_lead_whose_playbook_is_forgotten_every_rule_is_new() {
    let welcome = writes("welcome", "on = \"registered\"\nafter = \"2 days\"");
    let ages: Vec<Arc<Playbook>> = (0..=TenantRecord::MOST_ADOPTED)
        .map(|n| {
            shop(&format!(
                "{welcome}{}",
                writes(
                    "other",
                    &format!("on = \"registered\"\nafter = \"{} days\"", 40 + n)
                )
            ))
        })
        .collect();
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&ages[0]])).await;
        world.clock.advance(Elapsed::days(10));
        let known: Vec<&Arc<Playbook>> = ages.iter().collect();
        for n in 1..ages.len() {
            let engine = world.engine(&known[..=n]);
            engine.tenant(TENANT).adopt(Vec::new()).await.unwrap();
        }
        let tenant = world.tenant().await;
        assert_eq!(tenant.adopted.len(), TenantRecord::MOST_ADOPTED);
        assert!(tenant.adopted(&ages[0].hash).is_none());
        // Where its own playbook is not known any more it is taken over, not woken.
        let engine = world.engine(&known[ages.len() - 1..]);
        engine.tick().await.unwrap();
        world.live_to_day(&engine, 30).await;
        assert_eq!(world.messages(), 0);
        world.assert_clocks(ages.last().unwrap()).await;
    });
}

/// How many messages Luis has after each day, with a rule that comes every so often and whose
/// period changes on a day.
fn by_day(before: &str, after: &str, changes_on: i64, last: i64) -> Vec<usize> {
    let rule = |every: &str| {
        let when = format!("on = \"registered\"\nafter = \"{every}\"\nevery = \"{every}\"");
        shop(&writes("check-in", &when))
    };
    let (before, after) = (rule(before), rule(after));
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&before])).await;
        let mut messages = Vec::new();
        for day in 0..=last {
            let engine = match day < changes_on {
                true => world.engine(&[&before]),
                false => world.engine(&[&before, &after]),
            };
            if day == changes_on {
                world.adopt(&engine).await;
            }
            world.live_to_day(&engine, day).await;
            messages.push(world.messages());
        }
        world.assert_clocks(&after).await;
        messages
    })
}

/// The days on which a message came.
fn days(messages: &[usize]) -> Vec<usize> {
    let pairs = messages.windows(2).enumerate();
    pairs
        .filter(|(_, pair)| pair[1] > pair[0])
        .map(|(day, _)| day + 1)
        .collect()
}

#[test]
fn what_comes_again_and_again_keeps_to_its_new_period() {
    // What a shorter period would have done before now is not made up for.
    let shorter = by_day("30 days", "10 days", 55, 75);
    assert_eq!(days(&shorter), [30, 60, 70]);
    // And a longer one is not counted as if each time it fired had been one of its own.
    let longer = by_day("10 days", "30 days", 55, 100);
    assert_eq!(days(&longer), [10, 20, 30, 40, 50, 60, 90]);
}

#[test]
fn a_rule_whose_condition_stays_knows_since_when_it_is_true() {
    let rule = |condition: &str, after: &str| {
        shop(&writes(
            "silent",
            &format!("when = '{condition}'\nafter = \"{after}\""),
        ))
    };
    let silent = "attempts.total == 0";
    let old = rule(silent, "30 days");
    // Counted from day 0, when it came true.
    let sooner = rule(silent, "25 days");
    // Of another condition nobody knows since when it is true; it is no backlog of today's.
    let other = rule("attempts.total < 2", "0 hours");
    for (new, expected) in [(&sooner, [0, 1]), (&other, [0, 0])] {
        block_on(async {
            let world = World::new();
            register(&world.engine(&[&old])).await;
            world.live_to_day(&world.engine(&[&old]), 20).await;
            let engine = world.engine(&[&old, new]);
            world.adopt(&engine).await;
            world.live_to_day(&engine, 24).await;
            assert_eq!(world.messages(), expected[0]);
            world.live_to_day(&engine, 80).await;
            assert_eq!(world.messages(), expected[1]);
            world.assert_clocks(new).await;
        });
    }
}

#[test]
fn a_lead_that_is_mapped_to_a_stage_gets_no_backlog_of_its_rules() {
    let chase = writes("chase", "on = \"entered talking\"\nafter = \"2 days\"");
    let (one, two) = (
        shop(&chase),
        with_template(
            &format!(
                "{SHOP}{chase}\n[pipeline.sales.stage]\nfresh = {{ to = {{ talking = [] }} }}\ntalking = {{ to = {{ lost = [] }} }}\nlost = {{ final = \"lost\", to = [] }}\n"
            )
            .replace("start = \"new\"", "start = \"fresh\"")
            .replace("sales.new", "sales.fresh"),
            HELLO,
        ),
    );
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&one])).await;
        world.live_to_day(&world.engine(&[&one]), 50).await;
        let engine = world.engine(&[&one, &two]);
        let mapping = StageMapping {
            from: ("sales".into(), "new".into()),
            to: ("sales".into(), "talking".into()),
        };
        engine.tenant(TENANT).adopt(vec![mapping]).await.unwrap();
        world.live_to_day(&engine, 51).await;
        assert_eq!(leads(&engine).await[0].stage, "talking");
        assert_eq!(world.messages(), 0);
        world.assert_clocks(&two).await;
    });
}

#[test]
fn a_task_that_the_playbook_no_longer_has_is_dropped() {
    let one = shop(
        "[task.call]\ntext = \"Call\"\n[[rule]]\nname = \"call\"\non = \"registered\"\ndo = [{ task = \"call\" }]",
    );
    let two = shop("");
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&one])).await;
        let engine = world.engine(&[&one, &two]);
        world.adopt(&engine).await;
        let lead = leads(&engine).await.remove(0);
        assert_eq!(lead.tasks[0].ended.as_ref().unwrap().how, How::Dropped);
        assert_eq!(
            engine
                .tenant(TENANT)
                .count("tasks.open > 0", &[])
                .await
                .unwrap()[0]
                .count,
            0
        );
    });
}

// ------------------------------------------------------------------ which playbook decides

#[test]
fn a_message_of_a_playbook_that_nobody_knows_goes_under_the_active_one() {
    let one = shop(&writes("welcome", "on = \"registered\""));
    let (two, three) = (
        shop("[activity]\nvisit = {}"),
        shop("[activity]\ncall = {}"),
    );
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&one])).await;
        // Who knows neither its playbook nor the active one leaves it alone, and says so.
        let stranger = world.engine(&[&three]);
        let ticked = stranger.tick().await.unwrap();
        assert!(
            ticked
                .left
                .iter()
                .any(|(key, error)| key.kind == Kind::Message
                    && matches!(error, Error::UnknownPlaybook(_)))
        );
        world.clock.advance(Elapsed::minutes(2));
        stranger.tick().await.unwrap();
        assert_eq!(world.messages(), 0);

        let engine = world.engine(&[&two]);
        engine.tenant(TENANT).adopt(Vec::new()).await.unwrap();
        world.clock.advance(Elapsed::minutes(2));
        engine.tick().await.unwrap();
        assert_eq!(world.messages(), 1);
        let message = &engine.tenant(TENANT).messages("", None, 10).await.unwrap()[0];
        assert_eq!(message.playbook, two.hash);
        assert_eq!(message.state.as_str(), "accepted");
        world.assert_clocks(&two).await;
    });
}

#[test]
fn a_lead_waits_for_its_own_playbook_or_to_be_taken_over() {
    let (one, two) = (shop(""), shop("[activity]\nvisit = {}"));
    block_on(async {
        let world = World::new();
        let lead = register(&world.engine(&[&one])).await;
        let engine = world.engine(&[&two]);
        engine.tenant(TENANT).adopt(Vec::new()).await.unwrap();
        let tried = engine.tenant(TENANT).tried(lead).await;
        assert!(matches!(tried, Err(Error::UnknownPlaybook(hash)) if hash == one.hash));
        engine.tick().await.unwrap();
        engine.tenant(TENANT).tried(lead).await.unwrap();
    });
}

fn weekly(audience: &str) -> NewSweep {
    NewSweep {
        name: "weekly".into(),
        audience: audience.into(),
        order: LeadOrder::Attempt { reached: false },
        starts_at: None,
        every_days: Some(7),
    }
}

#[test]
fn a_sweep_that_comes_again_outlives_its_playbook() {
    let (one, two) = (shop(""), shop("[activity]\nvisit = {}"));
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&one]);
        let lead = register(&engine).await;
        let sweep = engine.tenant(TENANT).sweep(weekly("open")).await.unwrap();
        world.live_to_day(&engine, 1).await;
        let engine = world.engine(&[&two]);
        world.adopt(&engine).await;
        world.live_to_day(&engine, 15).await;
        let lead = engine.tenant(TENANT).lead(lead).await.unwrap().unwrap();
        assert_eq!(lead.attempts.total(), 3);
        assert_eq!(world.sweep(sweep.sweep.unwrap()).await.playbook, two.hash);
    });
}

#[test]
fn an_adoption_is_decided_by_the_playbook_that_it_names() {
    let (one, two) = (shop(""), shop("[activity]\nvisit = {}"));
    block_on(async {
        let world = World::new();
        let lead = register(&world.engine(&[&one])).await;
        let adoption = Adoption {
            playbook: two.hash.clone(),
            stages: Vec::new(),
            occupied: Vec::new(),
        };
        let command = |what| Command {
            tenant: TENANT.into(),
            actor: Actor::host("test"),
            happened_at: None,
            what,
        };
        let adopt = command(What::Adopt(Box::new(adoption)));
        let refused = world.engine(&[&one]).execute(None, adopt.clone()).await;
        assert!(matches!(refused, Err(Error::UnknownPlaybook(hash)) if hash == two.hash));
        // It is not the engine's current one that counts.
        let engine = world.engine(&[&two, &one]);
        engine.execute(None, adopt).await.unwrap();
        assert_eq!(world.tenant().await.playbook, two.hash);
        // And no lead comes under a playbook that is not the active one.
        let back = LeadOrder::Adopt {
            playbook: one.hash.clone(),
            stages: Vec::new(),
        };
        let order = command(What::Lead { lead, order: back });
        assert_eq!(code(engine.execute(None, order).await), "not-active");
    });
}

// ------------------------------------------------------------------ sweeps that can't go on

/// A lead in a stage that the new playbook lacks, whose adoption was asked for as if there were
/// none: it stays behind under the old one.
async fn left_behind(world: &World, one: &Arc<Playbook>, two: &Arc<Playbook>) -> LeadId {
    let engine = world.engine(&[one]);
    let lead = register(&engine).await;
    engine
        .tenant(TENANT)
        .move_to(lead, "talking")
        .await
        .unwrap();
    let adoption = Adoption {
        playbook: two.hash.clone(),
        stages: Vec::new(),
        occupied: Vec::new(),
    };
    let command = Command {
        tenant: TENANT.into(),
        actor: Actor::host("test"),
        happened_at: None,
        what: What::Adopt(Box::new(adoption)),
    };
    let engine = world.engine(&[one, two]);
    engine.execute(None, command).await.unwrap();
    engine.tick().await.unwrap();
    let left = engine.tenant(TENANT).lead(lead).await.unwrap().unwrap();
    assert_eq!(left.playbook, one.hash);
    lead
}

fn without_talking() -> Arc<Playbook> {
    let stages = "\n[pipeline.sales.stage]\nnew = { to = { lost = [] } }\nlost = { final = \"lost\", to = [\"new\"] }\n";
    with_template(&format!("{SHOP}{stages}"), HELLO)
}

#[test]
fn a_page_with_a_lead_that_nobody_here_knows_is_left_to_others_and_no_lead_is_left_out() {
    let (one, two) = (shop(""), without_talking());
    block_on(async {
        let world = World::new();
        let lead = left_behind(&world, &one, &two).await;
        let ignorant = world.engine(&[&two]);
        let sweep = ignorant.tenant(TENANT).sweep(weekly("open")).await.unwrap();
        let sweep = sweep.sweep.unwrap();
        for _ in 0..5 {
            let ticked = ignorant.tick().await.unwrap();
            assert!(ticked.left.iter().any(|(key, _)| key.kind == Kind::Sweep));
            let swept = world.sweep(sweep).await;
            assert_eq!((swept.reached, swept.refused, swept.trouble), (0, 0, None));
            world.clock.advance(Elapsed::minutes(2));
        }
        let engine = world.engine(&[&one, &two]);
        engine.tick().await.unwrap();
        let swept = world.sweep(sweep).await;
        assert_eq!((swept.reached, swept.refused), (1, 0));
        let lead = engine.tenant(TENANT).lead(lead).await.unwrap().unwrap();
        assert_eq!(lead.attempts.total(), 1);
    });
}

#[test]
fn adopting_again_with_a_mapping_takes_over_who_was_left_behind() {
    let (one, two) = (shop(""), without_talking());
    block_on(async {
        let world = World::new();
        left_behind(&world, &one, &two).await;
        let engine = world.engine(&[&one, &two]);
        let before = world.tenant().await;
        // Asking again for the same changes nothing.
        let again = engine.tenant(TENANT).adopt(Vec::new()).await;
        assert_eq!(code(again), "stages-vanish");
        let mapping = StageMapping {
            from: ("sales".into(), "talking".into()),
            to: ("sales".into(), "new".into()),
        };
        engine.tenant(TENANT).adopt(vec![mapping]).await.unwrap();
        engine.tick().await.unwrap();
        world.assert_clocks(&two).await;
        engine.tenant(TENANT).adopt(Vec::new()).await.unwrap();
        let after = world.tenant().await;
        assert_eq!(after.adopted.len(), before.adopted.len());
        assert_ne!(after.sweep, before.sweep);
    });
}

#[test]
fn a_sweep_that_fails_three_times_is_set_aside_with_its_error_and_can_be_tried_again_or_cancelled()
{
    let (one, two) = (shop("[field]\ncar = { type = \"text\" }"), shop(""));
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&one]);
        let lead = register(&engine).await;
        engine.tenant(TENANT).set(lead, "car", "X3").await.unwrap();
        let sweep = engine.tenant(TENANT).sweep(weekly(r#"car == "X3""#)).await;
        let sweep = sweep.unwrap().sweep.unwrap();
        world.live_to_day(&engine, 1).await;
        let attempts = async |engine: &Engine| {
            let lead = engine.tenant(TENANT).lead(lead).await.unwrap().unwrap();
            lead.attempts.total()
        };
        assert_eq!(attempts(&engine).await, 1);
        // The changed playbook has no such field, and nobody knows the old one.
        let without = world.engine(&[&two]);
        world.adopt(&without).await;
        world.live_to_day(&without, 8).await;
        let trouble = world.sweep(sweep).await.trouble.unwrap();
        assert!(trouble.is_set_aside());
        assert!(trouble.error.contains("`car`"), "{}", trouble.error);

        let ana = AgentSetup::new("ana")
            .name("Ana")
            .email("ana@example.com")
            .role("seller");
        without.tenant(TENANT).set_up(ana).await.unwrap();
        let shop = without.tenant(TENANT);
        assert_eq!(
            code(shop.retry_sweep(sweep).by("ana").await),
            "not-permitted"
        );
        assert_eq!(
            code(shop.cancel_sweep(sweep).by("ana").await),
            "not-permitted"
        );

        // Back under a playbook that has the field, it is tried again and goes well.
        let back = world.engine(&[&two, &one]);
        back.tenant(TENANT).adopt(Vec::new()).await.unwrap();
        world.live_to_day(&back, 9).await;
        assert_eq!(attempts(&back).await, 1);
        back.tenant(TENANT).retry_sweep(sweep).await.unwrap();
        back.tick().await.unwrap();
        assert_eq!(attempts(&back).await, 2);
        assert_eq!(
            code(back.tenant(TENANT).retry_sweep(sweep).await),
            "not-set-aside"
        );

        back.tenant(TENANT).cancel_sweep(sweep).await.unwrap();
        world.live_to_day(&back, 40).await;
        assert_eq!(attempts(&back).await, 2);
        assert_eq!(
            code(back.tenant(TENANT).cancel_sweep(sweep).await),
            "sweep-is-over"
        );
        let events = world.events().await;
        assert!(events.contains(&Event::Retried { record: sweep.0 }));
        assert!(events.contains(&Event::SweepCancelled { sweep }));
    });
}

#[test]
fn a_message_that_was_set_aside_is_tried_again_when_its_text_is_mended() {
    let rule = writes("welcome", "on = \"registered\"");
    let text = format!("{SHOP}{STAGES}{rule}");
    let broken = "Subject: Hello\n\n{% for a in range(9999) %}{% for b in range(9999) %}.{% endfor %}{% endfor %}";
    let (broken, mended) = (with_template(&text, broken), with_template(&text, HELLO));
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&broken]);
        register(&engine).await;
        world.live_to_day(&engine, 1).await;
        let engine = world.engine(&[&broken, &mended]);
        world.adopt(&engine).await;
        let shop = engine.tenant(TENANT);
        let message = shop.messages("", None, 10).await.unwrap().remove(0);
        assert!(message.trouble.unwrap().is_set_aside());
        assert_eq!(world.messages(), 0);
        shop.settle(message.id, Fate::Retry).await.unwrap();
        engine.tick().await.unwrap();
        assert_eq!(world.messages(), 1);
        assert_eq!(
            code(shop.settle(message.id, Fate::Retry).await),
            "not-set-aside"
        );
    });
}

// ------------------------------------------------------------------ races

/// Deciding by hand, so that what others do comes in between.
struct Hand<'a> {
    world: &'a World,
    playbook: &'a Playbook,
}

impl Hand<'_> {
    async fn decide(&self, id: &str, what: What) -> Result<Decision, Stop> {
        let command = Command {
            tenant: Tenant::from(TENANT),
            actor: Actor::host("hand"),
            happened_at: None,
            what,
        };
        let mut records = Records::new();
        loop {
            let now = self.world.clock.now();
            match decide(self.playbook, &records, CommandId::of(id), &command, now) {
                Err(Stop::Need(keys)) => {
                    let loaded = self.world.store.load(&keys).await.unwrap();
                    for (key, loaded) in keys.into_iter().zip(loaded) {
                        let record = loaded.body.map(|body| stored::decode(&body).unwrap());
                        records.insert(key, loaded.version, record.map(Arc::new));
                    }
                }
                decided => return decided,
            }
        }
    }

    async fn commit(&self, decision: &Decision) -> Verdict {
        let changes = decision.changes(self.playbook).unwrap();
        self.world
            .store
            .commit(vec![changes])
            .await
            .unwrap()
            .remove(0)
    }
}

/// Whatever the active playbook decides is decided again when another one becomes active.
#[test]
fn what_races_with_an_adoption_is_decided_again() {
    let (one, two) = (shop(""), shop("[activity]\nvisit = {}"));
    let ana = AgentSetup::new("ana")
        .name("Ana")
        .email("ana@example.com")
        .role("seller");
    let racing = [
        What::Register(Box::new(luis())),
        What::SetUpAgent(Box::new(ana)),
        What::StartSweep(Box::new(weekly("open"))),
    ];
    for what in racing {
        block_on(async {
            let world = World::new();
            register(&world.engine(&[&one])).await;
            let hand = Hand {
                world: &world,
                playbook: &one,
            };
            let decision = hand.decide("late", what.clone()).await.unwrap();
            let engine = world.engine(&[&one, &two]);
            world.adopt(&engine).await;
            let Verdict::Moved(moved) = hand.commit(&decision).await else {
                panic!("was written behind the adoption's back");
            };
            assert!(moved.contains(&Key::tenant(&TENANT.into())), "{moved:?}");
            // Decided again by the old playbook it is refused.
            let Err(Stop::Refused(refusal)) = hand.decide("late", what).await else {
                panic!("was decided by a playbook that is not the active one");
            };
            assert_eq!(refusal.code(), "not-active");
        });
    }
}

/// A store on which something happens just before the next commit.
#[derive(Debug)]
struct Interposing {
    store: Arc<dyn Store>,
    before_commit: Mutex<Option<Deed>>,
}

/// What happens: an engine's adoption, and its sweep.
#[derive(Debug)]
struct Deed(Engine);

#[async_trait]
impl Store for Interposing {
    async fn load(&self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError> {
        self.store.load(keys).await
    }

    async fn commit(&self, changes: Vec<Changes>) -> Result<Vec<Verdict>, StoreError> {
        let deed = self.before_commit.lock().unwrap().take();
        if let Some(Deed(engine)) = deed {
            engine.tenant(TENANT).adopt(Vec::new()).await.unwrap();
            engine.tick().await.unwrap();
        }
        self.store.commit(changes).await
    }

    async fn due(
        &self,
        now: Instant,
        limit: usize,
        lease_until: Instant,
    ) -> Result<Vec<Due>, StoreError> {
        self.store.due(now, limit, lease_until).await
    }

    async fn next_due(&self) -> Result<Option<Instant>, StoreError> {
        self.store.next_due().await
    }

    async fn select(&self, select: &Select) -> Result<Page, StoreError> {
        self.store.select(select).await
    }

    async fn count(&self, count: &Count) -> Result<Vec<Counted>, StoreError> {
        self.store.count(count).await
    }

    async fn journal(
        &self,
        tenant: &Tenant,
        after: JournalCursor,
        limit: usize,
    ) -> Result<Vec<Journaled>, StoreError> {
        self.store.journal(tenant, after, limit).await
    }
}

/// A registration is decided; before it is written another worker adopts a playbook, and its
/// sweep has gone through all the leads that there are.
#[test]
fn a_registration_that_races_with_an_adoption_is_not_left_under_the_old_playbook() {
    let (one, two) = (shop(""), shop("[activity]\nvisit = {}"));
    block_on(async {
        for knows_both in [true, false] {
            let world = World::new();
            register(&world.engine(&[&one])).await;
            let interposing = Arc::new(Interposing {
                store: world.store.clone(),
                before_commit: Mutex::new(None),
            });
            let racing = World {
                store: interposing.clone(),
                clock: world.clock.clone(),
                mailer: world.mailer.clone(),
                start: world.start,
            };
            let engine = match knows_both {
                true => racing.engine(&[&two, &one]),
                false => racing.engine(&[&one]),
            };
            let deed = Deed(world.engine(&[&one, &two]));
            *interposing.before_commit.lock().unwrap() = Some(deed);
            let eva = NewLead::new("Eva").email("eva@example.com");
            match engine.tenant(TENANT).register(eva).await {
                Ok(lead) => assert_eq!(lead.playbook, two.hash),
                Err(Error::NotAdopted { active, .. }) => {
                    assert!(!knows_both);
                    assert_eq!(active, two.hash);
                }
                Err(error) => panic!("{error}"),
            }
            world.assert_clocks(&two).await;
        }
    });
}

#[test]
fn a_later_adoption_ends_the_sweep_of_the_earlier_one_which_takes_nothing_back() {
    let (one, two, three) = (
        shop(""),
        shop("[activity]\nvisit = {}"),
        shop("[activity]\ncall = {}"),
    );
    block_on(async {
        let world = World::new();
        let lead = register(&world.engine(&[&one])).await;
        let engine = world.engine(&[&one, &two]);
        let earlier = engine
            .tenant(TENANT)
            .adopt(Vec::new())
            .await
            .unwrap()
            .sweep
            .unwrap();
        // A worker is in the middle of the earlier sweep's page ...
        let hand = Hand {
            world: &world,
            playbook: &two,
        };
        let take_over = || What::Lead {
            lead,
            order: LeadOrder::Adopt {
                playbook: two.hash.clone(),
                stages: Vec::new(),
            },
        };
        let decision = hand.decide("target", take_over()).await.unwrap();
        // ... when the later adoption comes.
        let engine = world.engine(&[&one, &two, &three]);
        let later = engine
            .tenant(TENANT)
            .adopt(Vec::new())
            .await
            .unwrap()
            .sweep
            .unwrap();
        assert_eq!(world.sweep(earlier).await.next_at, None);
        assert_eq!(world.tenant().await.sweep, Some(later));
        assert!(matches!(hand.commit(&decision).await, Verdict::Moved(_)));
        let Err(Stop::Refused(refusal)) = hand.decide("target", take_over()).await else {
            panic!("was taken back");
        };
        assert_eq!(refusal.code(), "not-active");
        // The adoption's own sweep is not to be cancelled: leads would be left behind.
        assert_eq!(
            code(engine.tenant(TENANT).cancel_sweep(later).await),
            "takes-over"
        );
        engine.tick().await.unwrap();
        world.assert_clocks(&three).await;
        assert_eq!(world.sweep(later).await.reached, 1);
        assert_eq!(world.sweep(earlier).await.reached, 0);
    });
}

#[test]
fn a_page_that_somebody_else_did_meanwhile_counts_once() {
    use leadkit::decide::command::Wake;
    let playbook = shop("");
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&playbook]);
        register(&engine).await;
        let sweep = engine.tenant(TENANT).sweep(weekly("open")).await.unwrap();
        let sweep = sweep.sweep.unwrap();
        engine.tick().await.unwrap();
        let after = world.sweep(sweep).await;
        assert_eq!((after.occurrence, after.reached), (1, 1));
        // A worker whose lease ran out comes with the same page.
        let late = Wake::SweepPage {
            sweep,
            occurrence: 0,
            from: None,
            reached: None,
            counts: (1, 0),
        };
        let key = Key::sweep(&TENANT.into(), sweep);
        let mut records = Records::new();
        let loaded = world.store.load(std::slice::from_ref(&key)).await.unwrap();
        let record = stored::decode(loaded[0].body.as_ref().unwrap()).unwrap();
        records.insert(key, loaded[0].version, Some(Arc::new(record)));
        let now = world.clock.now();
        let woken = leadkit::decide::wake(&playbook, &records, &TENANT.into(), &late, now);
        assert!(woken.unwrap().decision.is_none());
    });
}
