//! What waits for a person in a database of real leads: messages in doubt, and what was set aside.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod live;
mod told;

use std::sync::Arc;

use leadkit::clock::{Clock, SystemClock};
use leadkit::decide::command::{Actor, LeadOrder, NewLead, NewSweep};
use leadkit::engine::Engine;
use leadkit::faults::{FaultyMailer, MailerFault, Plan};
use leadkit::mailer::{MemoryMailer, Outcome};
use leadkit::playbook::Playbook;
use leadkit::time::{Elapsed, Instant};
use leadkit_sqlite::rusqlite::Connection;
use live::{Live, PLAYBOOK, set_up};
use pollster::block_on;
use told::{Told, leadkit};

const WELCOME: &str = r#"
[[rule]]
name = "welcome"
on   = "registered"
do   = [{ send = "hello" }]
"#;

const TEXT: &str = "Subject: Hello\n\n{% if contact.name == 'Broken' %}{% for a in range(9999) %}\
                    {% for b in range(9999) %}.{% endfor %}{% endfor %}{% endif %}Hello\n";

const FIELD: &str = "\n[field]\ncar = { type = \"text\" }\n";

/// A clock that an hour can be added to, as if a worker had run that long.
#[derive(Clone, Debug)]
struct Later(Elapsed);

#[async_trait::async_trait]
impl Clock for Later {
    fn now(&self) -> Instant {
        SystemClock.now() + self.0
    }

    async fn sleep_until(&self, _: Instant) {}

    async fn wait_out(&self, patience: Elapsed) {
        SystemClock.wait_out(patience).await;
    }
}

struct Shop {
    live: Live,
    playbook: Arc<Playbook>,
}

impl Shop {
    /// Three leads: one whose message is in doubt, one whose message was set aside, and one whose
    /// message was refused. And a sweep that was set aside, since no car is known any more.
    fn new() -> Self {
        let live = Live::new();
        let write = |playbook: &str| {
            live.write(&[("playbook.toml", playbook), ("templates/hello.txt", TEXT)])
        };
        let rules = format!("{PLAYBOOK}{WELCOME}");
        let with_car = write(&format!("{rules}{FIELD}"));
        let playbook = write(&rules);
        let shop = Self { live, playbook };
        let says = |outcome| MailerFault::Says(outcome);
        let plan = Plan::new()
            .at(
                1,
                says(Outcome::Unknown {
                    said: "the line dropped".into(),
                }),
            )
            .at(
                2,
                says(Outcome::Refused {
                    said: "550 no".into(),
                    address_invalid: false,
                }),
            );
        let engine = shop.engine(&with_car, Elapsed::hours(-30), plan);
        block_on(async {
            let handle = engine.tenant("shop");
            let host = || Actor::host("desk");
            set_up(&engine, &[("ana", "seller"), ("marta", "manager")]).await;
            for name in ["Luis", "Rosa", "Broken"] {
                let email = format!("{}@example.com", name.to_lowercase());
                let lead = NewLead::new(name).email(email);
                handle.register(lead).by(host()).await.unwrap();
                engine.tick().await.unwrap();
            }
            let daily = NewSweep {
                name: "cars".into(),
                audience: "car is missing".into(),
                order: LeadOrder::Attempt { reached: false },
                starts_at: None,
                every_days: Some(1),
            };
            handle.sweep(daily).by(host()).await.unwrap();
            engine.tick().await.unwrap();
            let adopted = shop.engine(&shop.playbook, Elapsed::hours(-29), Plan::new());
            adopted
                .tenant("shop")
                .adopt(Vec::new())
                .by(host())
                .await
                .unwrap();
            for hours in [-29, -5, -4, -3] {
                let later = shop.engine(&shop.playbook, Elapsed::hours(hours), Plan::new());
                later.tick().await.unwrap();
            }
        });
        shop
    }

    fn engine(&self, playbook: &Arc<Playbook>, by: Elapsed, plan: Plan<MailerFault>) -> Engine {
        let mailer = FaultyMailer::new(MemoryMailer::default(), plan);
        let worker = self.live.worker(playbook).mailer("email", mailer);
        worker.clock(Later(by)).build().unwrap()
    }

    fn path(&self, name: &str) -> String {
        self.live.path(name)
    }

    fn run(&self, command: &str, more: &[&str]) -> Told {
        self.live.run(command, more)
    }

    fn json(&self, command: &str, more: &[&str]) -> serde_json::Value {
        self.live.json(command, more)
    }

    /// Puts bytes that are no record in the place of leads, messages and sweeps.
    fn damage(&self, ids: &[String]) {
        let database = Connection::open(self.path("leads.db")).unwrap();
        for id in ids {
            let id = id.replace('-', "");
            let sql = format!(
                "UPDATE leadkit_records SET body = CAST('damaged' AS BLOB) \
                 WHERE kind IN (2, 8, 9) AND id = x'{id}'"
            );
            assert_eq!(database.execute(&sql, ()).unwrap(), 1);
        }
    }

    fn only_message(&self, more: &[&str]) -> serde_json::Value {
        let json = self.json("messages", more);
        assert_eq!(json["count"], 1, "{json:#}");
        json["messages"][0].clone()
    }
}

fn id(json: &serde_json::Value) -> &str {
    json.as_str().unwrap()
}

#[test]
fn messages_in_doubt_are_listed_with_who_gets_them_and_what_was_said() {
    let shop = Shop::new();
    let listed = shop.run("messages", &["--in-doubt"]);
    assert_eq!(listed.code, 0, "{}", listed.err);
    for said in [
        "in-doubt",
        "luis@example.com",
        "hello",
        "the line dropped",
        "1 message (times in America/Guayaquil)\n",
    ] {
        assert!(listed.out.contains(said), "{said}: {}", listed.out);
    }
    let doubtful = shop.only_message(&["--in-doubt"]);
    assert_eq!(doubtful["name"], "Luis");
    assert_eq!(doubtful["class"], "marketing");
    assert_eq!(doubtful["set_aside"], false);
    let aside = shop.only_message(&["--set-aside"]);
    assert_eq!(aside["email"], "broken@example.com");
    assert_eq!(aside["failures"], 3);
    assert!(aside["error"].as_str().unwrap().contains("hello"));
    let waiting = shop.json("messages", &["--set-aside", "--in-doubt"]);
    assert_eq!(waiting["count"], 2);
    let refused = shop.only_message(&["--where", r#"state == "refused""#]);
    assert_eq!(refused["error"], "550 no");
    assert_eq!(shop.json("messages", &[])["count"], 3);
    let some = shop.run("messages", &["--limit", "1"]);
    assert!(some.out.contains("3 messages, 1 shown"), "{}", some.out);
    // Both conditions hold.
    let none = shop.json(
        "messages",
        &["--in-doubt", "--where", r#"class == "alert""#],
    );
    assert_eq!(none["count"], 0);
    let fault = shop.run(
        "messages",
        &["--in-doubt", "--where", "stat == \"refused\""],
    );
    assert_eq!(fault.code, 2);
    assert!(fault.err.contains("did you mean `state`?"), "{}", fault.err);
}

#[test]
fn what_is_in_doubt_is_settled_by_who_may_and_once() {
    let shop = Shop::new();
    let doubtful = shop.only_message(&["--in-doubt"]);
    let message = id(&doubtful["message"]);
    let unsigned = shop.run("settle", &[message, "accepted"]);
    assert_eq!(unsigned.code, 2);
    assert!(unsigned.err.contains("--by"), "{}", unsigned.err);
    for (by, code) in [("ana", "not-permitted"), ("nobody", "no-such-agent")] {
        let refused = shop.run("settle", &[message, "accepted", "--by", by, "--json"]);
        assert_eq!(refused.code, 2);
        let error = &refused.json()["error"];
        assert_eq!(
            (&error["kind"], &error["code"]),
            (&"refused".into(), &code.into())
        );
    }
    let settled = shop.run("settle", &[message, "accepted", "--by", "marta"]);
    assert_eq!(settled.code, 0, "{}", settled.err);
    assert_eq!(settled.out, format!("message {message} is accepted\n"));
    let again = shop.json("settle", &[message, "send-again", "--by", "marta"]);
    assert_eq!(again["error"]["code"], "settled");
    for nobody in ["host:", "import: ", ""] {
        let told = shop.json("settle", &[message, "delivered", "--by", nobody]);
        assert_eq!(told["error"]["code"], "incomplete", "{nobody}: {told:#}");
        let says = told.to_string();
        assert!(
            says.contains("by: names nobody; say an agent's id"),
            "{says}"
        );
    }
    let receipt = shop.json(
        "settle",
        &[message, "delivered", "--by", "host:mail-provider"],
    );
    assert_eq!(receipt["settled"]["state"], "delivered");
    let unknown = "019ad0c4-2c10-7cc3-98c4-dc0c0c07398f";
    let unknown = shop.json("settle", &[unknown, "accepted", "--by", "marta"]);
    assert_eq!(unknown["error"]["code"], "no-such-record");
}

#[test]
fn what_is_to_be_sent_again_is_left_to_the_next_worker() {
    let shop = Shop::new();
    let doubtful = shop.only_message(&["--in-doubt"]);
    let message = id(&doubtful["message"]);
    let again = shop.json("settle", &[message, "send-again", "--by", "host:it-desk"]);
    assert_eq!(again["settled"]["state"], "queued");
    assert_eq!(again["settled"]["attempts"], 1);
    let worker = shop.engine(&shop.playbook, Elapsed::minutes(1), Plan::new());
    assert_eq!(block_on(worker.tick()).unwrap().handed_over, 1);
    let sent = shop.only_message(&["--where", r#"state == "accepted""#]);
    assert_eq!(sent["message"], message);
}

#[test]
fn what_was_set_aside_is_listed_whatever_it_is_and_goes_on_when_it_is_tried_again() {
    let shop = Shop::new();
    let listed = shop.run("set-aside", &[]);
    assert_eq!(listed.code, 0, "{}", listed.err);
    for said in [
        "hello to broken@example.com",
        "cars on car is missing",
        "`car`",
    ] {
        assert!(listed.out.contains(said), "{said}: {}", listed.out);
    }
    assert!(
        listed.out.ends_with("2 records set aside\n"),
        "{}",
        listed.out
    );
    let json = shop.json("set-aside", &[]);
    assert_eq!(json["count"], 2);
    let ids: Vec<&str> = ["message", "sweep"]
        .iter()
        .map(|kind| {
            let all = json["set_aside"].as_array().unwrap();
            let one = all.iter().find(|aside| aside["kind"] == *kind);
            id(&one.unwrap()["id"])
        })
        .collect();
    let refused = shop.run("retry", &[ids[0], ids[1], "--by", "ana"]);
    assert_eq!(refused.code, 1, "{}", refused.out);
    assert_eq!(
        refused.out.matches("may not settle").count(),
        2,
        "{}",
        refused.out
    );
    let lead = shop.only_message(&["--in-doubt"]);
    let lead = id(&lead["lead"]);
    let unknown = "019ad0c4-2c10-7cc3-98c4-dc0c0c07398f";
    let retried = shop.run(
        "retry",
        &[ids[0], lead, unknown, ids[1], "--by", "marta", "--json"],
    );
    assert_eq!(retried.code, 1, "{}", retried.out);
    let codes: Vec<String> = retried.json()["retried"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", one["kind"], one["refused"]["code"]).replace('"', ""))
        .collect();
    let expected = [
        "message null",
        "lead not-set-aside",
        "null no-such-record",
        "sweep null",
    ];
    assert_eq!(codes, expected);
    let listed = shop.run("set-aside", &[]);
    assert_eq!(listed.out, "0 records set aside\n");
}

/// What was done before it stays done: it is told, whatever becomes of the others.
#[test]
fn a_record_that_fails_is_told_with_its_id_beside_what_was_done() {
    let shop = Shop::new();
    let aside = shop.json("set-aside", &[])["set_aside"].clone();
    let of_kind = |kind: &str| {
        let all = aside.as_array().unwrap();
        let one = all.iter().find(|aside| aside["kind"] == kind);
        id(&one.unwrap()["id"]).to_owned()
    };
    let (message, sweep) = (of_kind("message"), of_kind("sweep"));
    let lead = shop.only_message(&["--in-doubt"])["lead"].clone();
    let lead = id(&lead).to_owned();
    shop.damage(std::slice::from_ref(&lead));
    let ids = [message.as_str(), &lead, &sweep];
    let told = shop.run("retry", &[&ids[..], &["--by", "marta", "--json"]].concat());
    assert_eq!(told.code, 1, "{}", told.out);
    let retried = told.json()["retried"].clone();
    for (place, kind) in ["message", "lead", "sweep"].iter().enumerate() {
        assert_eq!(retried[place]["id"], ids[place], "{retried:#}");
        assert_eq!(retried[place]["kind"], *kind, "{retried:#}");
    }
    assert!(retried[0]["refused"].is_null(), "{retried:#}");
    assert!(retried[2]["refused"].is_null(), "{retried:#}");
    let refused = &retried[1]["refused"];
    assert_eq!(refused["code"], "engine", "{retried:#}");
    let reason = refused["reason"].as_str().unwrap();
    assert!(reason.contains("can't be read"), "{reason}");
}

#[test]
fn a_sweep_is_listed_and_cancelled_by_who_may_also_when_it_was_set_aside() {
    let shop = Shop::new();
    let listed = shop.run("sweeps", &[]);
    assert_eq!(listed.code, 0, "{}", listed.err);
    for said in ["cars", "car is missing", "host:desk", "set aside"] {
        assert!(listed.out.contains(said), "{said}: {}", listed.out);
    }
    let sweeps = shop.json("sweeps", &[])["sweeps"].clone();
    let sweep = sweeps
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "cars");
    let sweep = sweep.unwrap();
    assert_eq!(sweep["state"], "set-aside");
    let sweep = id(&sweep["sweep"]);
    let lead = shop.only_message(&["--in-doubt"])["lead"].clone();
    let refused = shop.run("cancel", &[sweep, "--by", "ana"]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.out.contains("may not sweep"), "{}", refused.out);
    let cancelled = shop.run("cancel", &[sweep, id(&lead), "--by", "marta", "--json"]);
    assert_eq!(cancelled.code, 1, "{}", cancelled.out);
    let cancelled = cancelled.json()["cancelled"].clone();
    assert!(cancelled[0]["refused"].is_null(), "{cancelled:#}");
    assert_eq!(cancelled[1]["refused"]["code"], "no-sweep");
    let again = shop.run("cancel", &[sweep, "--by", "marta"]);
    assert!(again.out.contains("the sweep is over"), "{}", again.out);
    // It is nobody's trouble any more.
    let aside = shop.run("set-aside", &[]);
    assert!(!aside.out.contains("cars"), "{}", aside.out);
    let all = shop.json("sweeps", &["--all"])["sweeps"].clone();
    let all = all
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "cars");
    assert_eq!(all.unwrap()["state"], "over");
}

#[test]
fn nothing_is_settled_in_a_database_that_is_not_there_or_is_anothers() {
    let shop = Shop::new();
    let doubtful = shop.only_message(&["--in-doubt"]);
    let message = id(&doubtful["message"]);
    let playbook = shop.path("playbook");
    let nowhere = shop.path("nowhere.db");
    let settle = [
        "settle", &playbook, message, "accepted", "--by", "marta", "--json",
    ];
    let told = leadkit(settle.iter().chain(&["--db", nowhere.as_str()]));
    assert_eq!(told.json()["error"]["kind"], "no-database");
    assert!(!std::path::Path::new(&nowhere).exists());
    let told = shop.json(
        "settle",
        &[message, "accepted", "--by", "marta", "--tenant", "other"],
    );
    assert_eq!(told["error"]["kind"], "no-such-tenant");
    let changed = format!("{PLAYBOOK}{WELCOME}{FIELD}");
    shop.live.write(&[("playbook.toml", &changed)]);
    for command in ["settle", "retry"] {
        let fate: &[&str] = if command == "settle" {
            &["accepted"]
        } else {
            &[]
        };
        let more: Vec<&str> = [&[message], fate, &["--by", "marta"]].concat();
        let told = shop.json(command, &more);
        assert_eq!(told["error"]["kind"], "other-playbook", "{command}");
    }
}

/// One lead, one message and one sweep can't be read; all else is told, and so is that.
#[test]
fn a_record_that_cannot_be_read_is_told_beside_the_others_and_ends_with_1() {
    let shop = Shop::new();
    let leads = shop.json("leads", &[])["leads"].clone();
    let messages = shop.json("messages", &[])["messages"].clone();
    let sweeps = shop.json("sweeps", &["--all"])["sweeps"].clone();
    let aside = shop.only_message(&["--set-aside"])["message"].clone();
    let cars = shop.json("sweeps", &[])["sweeps"][0].clone();
    assert_eq!(cars["name"], "cars");
    let damaged = [&leads[1]["lead"], &aside, &cars["sweep"]].map(|json| id(json).to_owned());
    shop.damage(&damaged);
    let [lead, message, sweep] = &damaged;

    for (command, more, all, kind, damaged) in [
        (
            "leads",
            &["--order", "registered_at"][..],
            &leads,
            "lead",
            lead,
        ),
        ("leads", &["--limit", "2"], &leads, "lead", lead),
        ("messages", &[], &messages, "message", message),
        ("sweeps", &["--all"], &sweeps, "sweep", sweep),
    ] {
        let told = shop.run(command, more);
        assert_eq!(told.code, 1, "{command}: {}", told.err);
        let line = format!("\n{kind} {damaged} can't be read: the body has format 100; ");
        assert!(told.out.contains(&line), "{command}: {}", told.out);
        let json = shop.json(command, more);
        assert_eq!(json["count"], all.as_array().unwrap().len(), "{json:#}");
        let unreadable = json["unreadable"].as_array().unwrap();
        assert_eq!(unreadable.len(), 1, "{json:#}");
        assert_eq!(unreadable[0]["kind"], kind);
        assert_eq!(unreadable[0]["id"], damaged.as_str());
        assert!(!unreadable[0]["error"].as_str().unwrap().is_empty());
        let listed: Vec<&str> = json[command]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| id(&one[kind]))
            .collect();
        let readable = all.as_array().unwrap().iter().map(|one| id(&one[kind]));
        let mut readable: Vec<&str> = readable.filter(|id| id != damaged).collect();
        if more.contains(&"--limit") {
            readable.truncate(1);
        }
        assert!(readable.iter().all(|id| listed.contains(id)), "{json:#}");
        assert_eq!(listed.len(), readable.len(), "{json:#}");
    }

    let told = shop.run("set-aside", &[]);
    assert_eq!(told.code, 1, "{}", told.err);
    assert!(
        told.out.contains("2 records set aside, 0 shown"),
        "{}",
        told.out
    );
    let unreadable = shop.json("set-aside", &[])["unreadable"].clone();
    assert_eq!(unreadable[0]["id"], message.as_str(), "{unreadable:#}");
    assert_eq!(unreadable[1]["id"], sweep.as_str(), "{unreadable:#}");

    // Where nothing of it is asked for, all is well.
    let told = shop.run("messages", &["--in-doubt"]);
    assert_eq!(told.code, 0, "{}", told.out);
    let json = shop.json("messages", &["--in-doubt"]);
    assert_eq!(json["unreadable"], serde_json::json!([]));
}

#[test]
fn a_lead_that_cannot_be_read_is_not_taken_for_one_that_is_not_there() {
    let shop = Shop::new();
    let leads = shop.json("leads", &[])["leads"].clone();
    let rosa = leads.as_array().unwrap().iter();
    let rosa = rosa.clone().find(|lead| lead["contact"] == "Rosa").unwrap();
    shop.damage(&[id(&rosa["lead"]).to_owned()]);
    let told = shop.run("explain", &["--email", "rosa@example.com"]);
    assert_eq!(told.code, 2);
    let said = format!("the record {} can't be read", id(&rosa["lead"]));
    assert!(told.err.contains(&said), "{}", told.err);
    let told = shop.run("leads", &["--count-by", "contact.email"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.contains("rosa@example.com"), "{}", told.out);
}
