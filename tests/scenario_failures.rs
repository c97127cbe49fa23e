//! A scenario fails with whatever fails in it, unless it says that it is to.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use std::sync::Arc;

use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::{Actor, NewLead};
use leadkit::engine::Engine;
use leadkit::playbook::load::Folder;
use leadkit::scenario;
use leadkit::store::{MemoryStore, Store};
use leadkit::time::{Elapsed, Instant};
use pollster::block_on;
use shop::{at, folder, play_folder, read, unmet};

/// A text that takes too much work for one lead, which nobody can find out before it is rendered.
const LABORIOUS: &str = "Subject: Hello\n\n{% if contact.name == 'Luis' %}{% for a in range(9999) %}\
                         {% for b in range(9999) %}.{% endfor %}{% endfor %}{% endif %}Hello\n";

const WELCOME: &str = r#"
[[rule]]
name = "welcome"
on   = "answered"
do   = [{ send = "hello" }]
"#;

const REGISTERED: &str = r#"
[[scenario]]
name  = "somebody calls"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com" }
"#;

const ANSWERS: &str = "
[[scenario.step]]
answered = {}
";

fn shop(steps: &[&str]) -> Folder {
    Folder {
        templates: vec![("templates/hello.txt".into(), LABORIOUS.into())],
        ..folder(WELCOME, &[&[REGISTERED], steps].concat().concat())
    }
}

#[test]
fn a_message_that_fails_fails_its_scenario() {
    let told = unmet(&shop(&[ANSWERS]));
    let [told] = told.as_slice() else {
        panic!("{told:#?}");
    };
    assert!(told.starts_with("the message hello failed: "), "{told}");
}

#[test]
fn what_is_expected_to_fail_may_do_so_and_must() {
    let fails = |part: &str| format!("expect = {{ fails = \"{part}\" }}\n");
    let later = "\n[[scenario.step]]\nat = \"2026-03-03T10:00:00+01:00\"\n";
    // It is tried again, and said once.
    play_folder(&shop(&[ANSWERS, &fails("hello"), later]));
    let told = unmet(&shop(&[ANSWERS, &fails("each other")]));
    assert_eq!(told.len(), 2, "{told:#?}");
    assert_eq!(told[0], "should fail: \"each other\"");
    assert!(
        told[1].starts_with("the message hello failed: "),
        "{told:#?}"
    );
    let tried = "\n[[scenario.step]]\ntried = {}\n";
    assert_eq!(
        unmet(&shop(&[tried, &fails("hello")])),
        ["should fail: \"hello\""]
    );
}

#[test]
fn what_one_is_expected_to_fail_with_excuses_no_other() {
    let fails = "expect = { fails = \"hello\" }\n";
    let eva = "\n[[scenario.step]]\nregister = { ref = \"eva\", name = \"Luis\", email = \"eva@example.com\" }\n";
    let answers = "\n[[scenario.step]]\nlead = \"eva\"\nanswered = {}\n";
    let told = unmet(&shop(&[ANSWERS, fails, eva, answers]));
    let [told] = told.as_slice() else {
        panic!("{told:#?}");
    };
    assert!(told.starts_with("the message hello failed: "), "{told}");
}

#[test]
fn an_empty_part_is_a_part_of_every_error_and_so_a_fault() {
    let folder = shop(&[ANSWERS, "expect = { fails = [\"hello\", \" \"] }\n"]);
    let faults = scenario::read_for(&read(&folder), &folder).unwrap_err();
    let told: Vec<String> = faults.0.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(
        told[0].contains("the part of the error is empty"),
        "{told:#?}"
    );
}

/// A clock that goes on while it is looked at.
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

/// Rules that start each other without end, which depends on the day.
const ENDLESS: &str = r#"
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

#[test]
fn a_lead_that_is_set_aside_fails_its_scenario_also_where_no_step_names_it() {
    block_on(async {
        let steps =
            REGISTERED.replace("somebody calls", "in a store in which a lead was set aside");
        let folder = folder(ENDLESS, &steps);
        let playbook = Arc::new(read(&folder));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let clock = VirtualClock::at(at("2026-03-02T08:00:00+01:00"));
        let engine = Engine::builder_on(store.clone())
            .playbook("world", playbook.clone())
            .clock(Goes(clock.clone()))
            .build()
            .unwrap();
        let eva = NewLead::new("Eva").field("city", "endless");
        let eva = engine.tenant("world").register(eva).by(Actor::host("test"));
        eva.await.unwrap();
        clock.advance(Elapsed::hours(1));
        engine.tick().await.unwrap();
        let scenarios = scenario::read_for(&playbook, &folder).unwrap();
        let failure = scenario::run(&playbook, &scenarios[0], store).await.failure;
        assert_eq!(
            failure.unwrap().unmet,
            ["a rule of a lead failed: its rules start each other without end"]
        );
    });
}
