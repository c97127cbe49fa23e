//! The timeline of a lead: everything that was decided about it and about its messages, in order,
//! and of a long history the newest (requirement Z3).

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use leadkit::clock::VirtualClock;
use leadkit::decide::command::{Actor, Fate, LeadOrder, NewLead};
use leadkit::engine::Engine;
use leadkit::explain::{Explanation, Past, explain};
use leadkit::ids::{LeadId, MessageId};
use leadkit::mailer::{Mailer, Outcome, Outgoing};
use leadkit::record::lead::Trouble;
use leadkit::store::{JournalCursor, MemoryStore};
use leadkit::time::Elapsed;
use leadkit::value::Value;
use pollster::block_on;
use shop::{at, folder, play, read};

/// Says what it is told to say, and then that it took the message.
#[derive(Clone, Debug, Default)]
struct Says(Arc<Mutex<VecDeque<Outcome>>>);

#[async_trait]
impl Mailer for Says {
    async fn hand_over(&self, _: &Outgoing) -> Outcome {
        let said = self.0.lock().unwrap().pop_front();
        said.unwrap_or(Outcome::Accepted)
    }
}

struct Bench {
    engine: Engine,
    clock: VirtualClock,
    lead: LeadId,
}

impl Bench {
    async fn new(rules: &str, says: impl IntoIterator<Item = Outcome>) -> Self {
        let clock = VirtualClock::at(at("2026-03-02T10:00:00+01:00"));
        let mailer = Says(Arc::new(Mutex::new(says.into_iter().collect())));
        let engine = Engine::builder(MemoryStore::default())
            .playbook("shop", read(&folder(rules, "")))
            .mailer("email", mailer)
            .clock(clock.clone())
            .seed(1)
            .build()
            .unwrap();
        let new = NewLead::new("Luis").email("luis@example.com");
        let lead = engine
            .tenant("shop")
            .register(new)
            .by(Actor::host("test"))
            .await
            .unwrap()
            .id;
        let bench = Self {
            engine,
            clock,
            lead,
        };
        bench.live_for(Elapsed::zero()).await;
        bench
    }

    async fn live_for(&self, time: Elapsed) {
        let until = leadkit::clock::Clock::now(&self.clock) + time;
        let lived = self.engine.live_until(&self.clock, until, |_, _| {});
        lived.await.unwrap();
        self.engine.tick().await.unwrap();
    }

    /// The only message.
    async fn message(&self) -> MessageId {
        let page = self.engine.tenant("shop").messages("", None, 1).await;
        page.unwrap().whole().unwrap().remove(0).id
    }

    async fn explained(&self) -> Explanation {
        let shop = self.engine.tenant("shop");
        shop.explain(self.lead).await.unwrap()
    }

    /// What the history says of messages, each with the time and the reason.
    async fn of_messages(&self) -> Vec<String> {
        let history = self.explained().await.history;
        let lines = history
            .iter()
            .filter(|line| line.what.starts_with("message"));
        let told = lines.map(|line| {
            let why = line.why.as_deref().map(|why| format!(" [{why}]"));
            let time = line.at.format("%H:%M");
            format!("{time} {}{}", line.what, why.unwrap_or_default())
        });
        told.collect()
    }
}

const WELCOME: &str = r#"
[[rule]]
name = "welcome"
on   = "registered"
do   = [{ send = "hello" }]
"#;

// ------------------------------------------------------------------ messages

#[test]
fn what_becomes_of_a_message_is_told_where_it_happened() {
    block_on(async {
        let later = || Outcome::Later {
            said: "451 busy".into(),
        };
        let bench = Bench::new(WELCOME, [later(), later(), Outcome::Accepted]).await;
        bench.live_for(Elapsed::hours(1)).await;
        let told = bench.of_messages().await;
        let wanted = [
            "10:00 message hello to the contact: queued",
            "10:00 message hello to the contact: handed over",
            "10:00 message hello to the contact: to be tried again later",
            "10:01 message hello to the contact: handed over",
            "10:01 message hello to the contact: to be tried again later",
            "10:03 message hello to the contact: handed over",
            "10:03 message hello to the contact: accepted",
        ];
        assert_eq!(told, wanted);
    });
}

#[test]
fn what_the_server_said_stands_with_the_refusal() {
    block_on(async {
        let refused = Outcome::Refused {
            said: "550 no such user".into(),
            address_invalid: true,
        };
        let bench = Bench::new(WELCOME, [refused]).await;
        let told = bench.of_messages().await;
        let wanted = "10:00 message hello to the contact: refused [550 no such user]";
        assert_eq!(told.last().unwrap(), wanted);
        // The refusal changed the lead too: it stands in both histories, and is told once.
        let page = bench.explained().await.to_string();
        assert_eq!(page.matches(": refused").count(), 1, "{page}");
        assert!(page.contains("mail to the contact comes back"), "{page}");
    });
}

/// What the server said before stands no longer where the message waits again.
#[test]
fn what_the_server_said_is_not_told_of_what_a_person_did() {
    block_on(async {
        let refused = Outcome::Refused {
            said: "554 relay access denied".into(),
            address_invalid: false,
        };
        let bench = Bench::new(WELCOME, [refused, Outcome::Accepted]).await;
        let shop = bench.engine.tenant("shop");
        let again = shop.settle(bench.message().await, Fate::SendAgain);
        again.by(Actor::host("test")).await.unwrap();
        let told = bench.of_messages().await;
        let wanted = "10:00 message hello to the contact: waits for its turn";
        assert_eq!(told.last().unwrap(), wanted);
    });
}

#[test]
fn a_message_in_doubt_is_told_and_so_is_who_settled_it() {
    block_on(async {
        let unknown = Outcome::Unknown {
            said: "connection lost".into(),
        };
        let bench = Bench::new(WELCOME, [unknown]).await;
        let shop = bench.engine.tenant("shop");
        shop.settle(bench.message().await, Fate::Accepted)
            .by(Actor::host("test"))
            .await
            .unwrap();
        let history = bench.explained().await.history;
        let told: Vec<(&str, &str)> = history
            .iter()
            .filter(|line| line.what.starts_with("message"))
            .map(|line| (line.who.as_str(), line.what.as_str()))
            .collect();
        assert_eq!(told[2].0, "host:leadkit");
        assert!(told[2].1.contains("in doubt"), "{told:?}");
        assert_eq!(told[3].0, "host:test");
        assert!(told[3].1.ends_with("accepted"), "{told:?}");
    });
}

#[test]
fn a_message_that_waits_for_the_cap_and_is_dropped_is_told() {
    play(
        r#"
[cap]
messages = 1
within   = "2 days"

[[rule]]
name = "two"
on   = "registered"
do   = [{ send = "hello" }, { send = "hello" }]
"#,
        r#"
[[scenario]]
name  = "unsubscribed while one waits"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com" }
expect   = { history = ["message hello to the contact: accepted", "not before 2026-03-04 10:00:00 +01:00"] }

[[scenario.step]]
unsubscribe = {}

[[scenario.step]]
at     = "2026-03-05T10:00:00+01:00"
expect = { history = "message hello to the contact: dropped, unsubscribed" }
"#,
    );
}

// ------------------------------------------------------------------ rules and tasks

#[test]
fn a_rule_that_was_skipped_is_not_told_as_fired() {
    block_on(async {
        let rules = r#"
[[rule]]
name = "greet-twins"
on   = "registered"
if   = 'city == "Twinsburg"'
do   = [{ send = "hello" }]

[[rule]]
name = "greet"
on   = "registered"
do   = [{ send = "hello" }]
"#;
        let told = Bench::new(rules, []).await.explained().await;
        let of = |name: &str| told.rules.iter().find(|rule| rule.rule == name).unwrap();
        let (skipped, fired) = (of("greet-twins"), of("greet"));
        let wanted = "skipped 2026-03-02 10:00:00 +01:00: city == \"Twinsburg\" did not hold";
        assert_eq!(skipped.standing, wanted);
        assert_eq!(skipped.state, "skipped");
        assert_eq!(fired.standing, "fired 2026-03-02 10:00:00 +01:00");
        assert_eq!(fired.state, "fired");
        let page = told.to_string();
        assert!(page.contains(wanted), "{page}");
    });
}

#[test]
fn a_rule_that_is_held_names_the_holds_that_stop_it_and_no_others() {
    block_on(async {
        let rules = r#"
[hold.waits-for-parts]

[[rule]]
name       = "greet"
on         = "registered"
after      = "3 days"
stopped-by = ["parked"]
do         = [{ send = "hello" }]
"#;
        let bench = Bench::new(rules, []).await;
        for hold in ["waits-for-parts", "parked"] {
            let held = bench.engine.tenant("shop").hold(bench.lead, hold);
            held.by(Actor::host("test")).await.unwrap();
        }
        let told = bench.explained().await;
        let greet = told.rules.iter().find(|rule| rule.rule == "greet").unwrap();
        assert_eq!(
            (greet.state, greet.standing.as_str()),
            ("held", "stopped by parked")
        );
    });
}

#[test]
fn a_rule_that_waits_for_a_condition_tells_what_stands_in_its_way() {
    block_on(async {
        let rules = r#"
[[rule]]
name = "give-up"
when = 'stage == "new" and attempts.total >= 5 and registered_at < now - 2d'
do   = [{ task = "call" }]
"#;
        let bench = Bench::new(rules, []).await;
        let give_up = async || {
            let told = bench.explained().await.rules;
            told.into_iter()
                .find(|rule| rule.rule == "give-up")
                .unwrap()
        };
        let wanted = "not so yet: attempts.total >= 5 (is 0); \
                      registered_at < now - 2d (is 2026-03-02 10:00:00 +01:00)";
        assert_eq!(give_up().await.standing, wanted);
        assert_eq!(give_up().await.state, "not-yet");
        let page = bench.explained().await.to_string();
        assert!(page.contains(wanted), "{page}");
        // What time made true is told so even before anybody woke the lead for it.
        for _ in 0..5 {
            let tried = bench.engine.tenant("shop").tried(bench.lead);
            tried.by(Actor::host("test")).await.unwrap();
        }
        bench.clock.set(at("2026-03-05T10:00:00+01:00"));
        let told = give_up().await.standing;
        assert!(
            told.starts_with("so by now, and not noticed yet: stage"),
            "{told}"
        );
    });
}

#[test]
fn an_open_task_whose_time_is_over_is_marked() {
    block_on(async {
        let rules = r#"
[[rule]]
name = "open-it"
on   = "registered"
do   = [{ task = "write" }]

[task.write]
text   = "Write"
within = "1 day"
"#;
        let bench = Bench::new(rules, []).await;
        let told = bench.explained().await;
        assert!(!told.tasks[0].is_overdue);
        assert!(!told.to_string().contains("overdue"), "{told}");
        bench.live_for(Elapsed::days(2)).await;
        let told = bench.explained().await;
        assert!(told.tasks[0].is_overdue);
        assert!(
            told.to_string().contains("Write (write, overdue by 1 day)"),
            "{told}"
        );
    });
}

// ------------------------------------------------------------------ ends

#[test]
fn each_end_is_told_with_the_reason_of_that_time() {
    block_on(async {
        let bench = Bench::new("", []).await;
        let shop = bench.engine.tenant("shop");
        for reason in ["no money", "moved away"] {
            shop.close(bench.lead, "lost", reason)
                .by(Actor::host("test"))
                .await
                .unwrap();
            shop.reopen(bench.lead, "new")
                .by(Actor::host("test"))
                .await
                .unwrap();
        }
        // One without a reason, and the last.
        shop.move_to(bench.lead, "lost")
            .by(Actor::host("test"))
            .await
            .unwrap();
        shop.reopen(bench.lead, "new")
            .by(Actor::host("test"))
            .await
            .unwrap();
        let told = ends(&bench.explained().await);
        assert_eq!(
            told,
            [Some("no money"), Some("moved away"), None].map(owned)
        );
        let lead = shop
            .close(bench.lead, "lost", "bought elsewhere")
            .by(Actor::host("test"))
            .await;
        assert_eq!(lead.unwrap().reason.as_deref(), Some("bought elsewhere"));
        let told = ends(&bench.explained().await);
        assert_eq!(told[0].as_deref(), Some("no money"));
        assert_eq!(told[3].as_deref(), Some("bought elsewhere"));
        // The journal itself does not hold what people type.
        let (after, tenant) = (JournalCursor::default(), shop.name());
        let journal = bench.engine.store().journal(tenant, after, 100);
        for entry in journal.await.unwrap() {
            let text = String::from_utf8_lossy(&entry.body).into_owned();
            assert!(!text.contains("money") && !text.contains("Luis"), "{text}");
        }
    });
}

fn owned(reason: Option<&str>) -> Option<String> {
    reason.map(str::to_owned)
}

fn ends(explained: &Explanation) -> Vec<Option<String>> {
    let history = explained.history.iter();
    let ends = history.filter(|line| line.what.starts_with("closed"));
    ends.map(|line| owned(line.why.as_deref())).collect()
}

#[test]
fn reasons_of_ends_are_bounded_and_the_oldest_go() {
    block_on(async {
        let bench = Bench::new("", []).await;
        let shop = bench.engine.tenant("shop");
        for n in 0..30 {
            let closed = shop.close(bench.lead, "lost", format!("reason {n}"));
            closed.by(Actor::host("test")).await.unwrap();
            shop.reopen(bench.lead, "new")
                .by(Actor::host("test"))
                .await
                .unwrap();
        }
        let told = ends(&bench.explained().await);
        assert_eq!(told[0], None);
        assert_eq!(told[29].as_deref(), Some("reason 29"));
        let kept = told.iter().flatten().count();
        assert_eq!(kept, leadkit::record::Lead::MOST_REASONS);
    });
}

// ------------------------------------------------------------------ long histories

#[test]
fn of_a_long_history_the_newest_is_told_and_how_much_is_older() {
    block_on(async {
        let bench = Bench::new(WELCOME, []).await;
        let shop = bench.engine.tenant("shop");
        for _ in 0..450 {
            shop.tried(bench.lead)
                .by(Actor::host("test"))
                .await
                .unwrap();
        }
        let entries = 450 + 2;
        let told = bench.explained().await;
        assert_eq!(told.older, entries - Past::NEWEST);
        // The newest, and how the lead came.
        assert_eq!(told.history.len(), Past::NEWEST as usize + 1);
        assert_eq!(told.history[0].what, "registered");
        let page = told.to_string();
        let told = "registered\n  (252 older entries are not told)";
        assert!(page.contains(told), "{page}");
        // What happens again and again is told once.
        assert!(
            page.contains("contact tried, no answer (200 times)"),
            "{page}"
        );
        // All of it, if that is asked for: each thing once, the message's own too.
        let all = shop.explain_newest(bench.lead, 1_000).await.unwrap();
        assert_eq!(all.older, 0);
        let tried = |line: &&leadkit::explain::Line| line.what == "contact tried, no answer";
        assert_eq!(all.history.iter().filter(tried).count(), 450);
        let of_message = all
            .history
            .iter()
            .filter(|line| line.what.starts_with("message"));
        assert_eq!(of_message.count(), 3);
        assert!(all.history[0].what.starts_with("registered"));
    });
}

#[test]
fn what_comes_every_day_is_told_once_and_until_when() {
    block_on(async {
        let rules = r#"
[[rule]]
name  = "remind"
on    = "registered"
after = "1 day"
every = "1 day"
do    = [{ send = "hello" }]
"#;
        let bench = Bench::new(rules, []).await;
        bench.live_for(Elapsed::days(5) + Elapsed::hours(1)).await;
        let told = bench.explained().await;
        let fired = |line: &&leadkit::explain::Line| line.what.contains("remind fired");
        assert_eq!(told.history.iter().filter(fired).count(), 5);
        let page = told.to_string();
        assert_eq!(page.matches("remind fired").count(), 1, "{page}");
        let same = "... the same 4 times more, until 2026-03-07 10:00:00 +01:00";
        assert!(page.contains(same), "{page}");
        // Each time, where somebody looks for one.
        assert_eq!(format!("{told:#}").matches("remind fired").count(), 5);
        // Something else between them is not lost among them.
        let shop = bench.engine.tenant("shop");
        let tried = shop.tried(bench.lead).by(Actor::host("test"));
        tried.await.unwrap();
        bench.live_for(Elapsed::days(2)).await;
        let page = bench.explained().await.to_string();
        let places = [
            "the same 4 times",
            "contact tried",
            "(no. 6)",
            "the same again",
        ];
        let places = places.map(|said| page.find(said).unwrap_or_else(|| panic!("{said}: {page}")));
        assert!(places.is_sorted(), "{page}");
    });
}

#[test]
fn what_is_told_late_stands_where_it_happened() {
    block_on(async {
        let bench = Bench::new("", []).await;
        bench.live_for(Elapsed::hours(3)).await;
        let shop = bench.engine.tenant("shop");
        let answered = shop.answered(bench.lead).by(Actor::host("test"));
        answered.await.unwrap();
        let eleven = at("2026-03-02T11:00:00+01:00");
        let tried = shop.tried(bench.lead).by(Actor::host("test"));
        tried.happened_at(eleven).await.unwrap();
        let told = bench.explained().await;
        let history = told.history.iter();
        let whats: Vec<&str> = history.map(|line| line.what.as_str()).collect();
        let tried = "contact tried, no answer";
        assert_eq!(whats[whats.len() - 2..], [tried, "the contact answered"]);
        let page = told.to_string();
        let line = "2026-03-02 11:00:00 +01:00  host:test  contact tried, no answer (told 2026-03-02 13:00:00 +01:00)";
        assert!(page.contains(line), "{page}");
    });
}

/// The journal has no values. What was set last still stands on the lead; of what it was before nothing is known.
#[test]
fn what_fields_were_set_to_last_is_told() {
    block_on(async {
        let bench = Bench::new("", []).await;
        let shop = bench.engine.tenant("shop");
        let due = at("2026-03-09T10:00:00+01:00");
        let told = [
            ("city", Some(Value::from("Quito"))),
            ("city", Some(Value::from("Cuenca"))),
            ("delivery", Some(Value::Instant(due))),
            ("birthday", None),
        ];
        for (field, value) in told {
            let fields = vec![(field.into(), value)];
            let order = LeadOrder::SetFields { fields };
            let set = shop.order(bench.lead, order).by(Actor::host("test"));
            set.await.unwrap();
        }
        let told = bench.explained().await;
        let set = told.history.iter();
        let set = set.filter(|line| line.what.starts_with("set "));
        let set: Vec<_> = set
            .map(|line| (line.what.as_str(), line.why.as_deref()))
            .collect();
        assert_eq!(
            set,
            [
                ("set city", None),
                ("set city", Some("city = Cuenca")),
                (
                    "set delivery",
                    Some("delivery = 2026-03-09 10:00:00 +01:00")
                ),
                ("set birthday", Some("birthday taken away")),
            ]
        );
    });
}

#[test]
fn of_open_tasks_the_one_that_is_due_first_stands_first() {
    block_on(async {
        let rules = r#"
[[rule]]
name = "open-them"
on   = "registered"
do   = [{ task = "some-day" }, { task = "later" }, { task = "soon" }]

[task.some-day]
text = "Some day"

[task.later]
text   = "Later"
within = "3 days"

[task.soon]
text   = "Soon"
within = "1 day"
"#;
        let told = Bench::new(rules, []).await.explained().await;
        let tasks: Vec<&str> = told.tasks.iter().map(|task| task.task.as_str()).collect();
        assert_eq!(tasks, ["soon", "later", "some-day"]);
    });
}

#[test]
fn of_each_open_task_the_time_that_is_left_is_told_in_the_hours_in_which_it_counts() {
    block_on(async {
        let rules = r#"
[[rule]]
name = "open-them"
on   = "registered"
do   = [{ task = "soon" }, { task = "later" }, { task = "some-day" }]

[task.soon]
text   = "Soon"
within = "4 business hours"

[task.later]
text   = "Later"
within = "26 hours"

[task.some-day]
text = "Some day"
"#;
        let bench = Bench::new(rules, []).await;
        let left = async || {
            let tasks = bench.explained().await.tasks.into_iter();
            let left = tasks.map(|task| (task.left.map(String::from), task.left_seconds));
            left.collect::<Vec<_>>()
        };
        let told = |text: &str, seconds| (Some(text.to_owned()), Some(seconds));
        bench.live_for(Elapsed::minutes(160)).await;
        let whole = [
            told("1 business hour 20 minutes left", 4_800),
            told("23 hours 20 minutes left", 84_000),
            (None, None),
        ];
        assert_eq!(left().await, whole);
        // From 14:00 to closing at 17:00, and the next morning from 9:00 to 9:30.
        bench.live_for(Elapsed::minutes(20 * 60 + 50)).await;
        let page = bench.explained().await.to_string();
        for told in [
            "Soon (soon, overdue by 3 business hours 30 minutes)",
            "Later (later, 2 hours 30 minutes left)",
            "Some day (some-day)",
        ] {
            assert!(page.contains(told), "{told}: {page}");
        }
        assert_eq!(left().await[0].1, Some(-12_600));
    });
}

// ------------------------------------------------------------------ trouble

#[test]
fn of_a_lead_that_failed_the_error_is_told_and_when_it_is_tried_again_and_nothing_is_due_before() {
    block_on(async {
        let rules = r#"
[[rule]]
name  = "late"
on    = "registered"
after = "1 hour"
do    = [{ send = "hello" }]
"#;
        let bench = Bench::new(rules, []).await;
        let playbook = read(&folder(rules, ""));
        let lead = bench.engine.tenant("shop").lead(bench.lead).await;
        let mut lead = lead.unwrap().unwrap();
        let now = at("2026-03-02T11:01:00+01:00");
        let retry_at = at("2026-03-02T11:05:00+01:00");
        let error = "its rules start each other without end";
        let mut explained = |failures, retry_at| {
            lead.trouble = Some(Trouble {
                failures,
                error: error.into(),
                retry_at,
            });
            explain(&playbook, &lead, Past::default(), now)
        };
        let told = explained(1, Some(retry_at));
        assert_eq!(told.next[0].at, retry_at);
        assert!(told.rules[0].is_due);
        let page = told.to_string();
        let second_line = page.lines().nth(1).unwrap();
        assert_eq!(
            second_line,
            format!("Failed once, tried again 2026-03-02 11:05:00 +01:00: {error}")
        );

        let told = explained(3, None);
        assert!(told.next.is_empty());
        assert_eq!(
            (told.rules[0].is_due, told.rules[0].state),
            (false, "set-aside")
        );
        let page = told.to_string();
        let second_line = page.lines().nth(1).unwrap();
        assert_eq!(
            second_line,
            format!("Set aside until it is retried: failed 3 times: {error}")
        );
        assert!(!page.contains("Due next"), "{page}");
        assert!(
            page.contains("set aside: would be due 2026-03-02 11:00:00"),
            "{page}"
        );
    });
}
