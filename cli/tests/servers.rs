//! Databases on a PostgreSQL server: commands look at them, and act on them, as they do on files.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod live;
#[path = "../../adapters/postgres/tests/server/mod.rs"]
mod server;
mod told;

use std::sync::Arc;

use leadkit::clock::VirtualClock;
use leadkit::decide::command::{Actor, NewLead};
use leadkit::engine::Engine;
use leadkit::faults::{FaultyMailer, MailerFault, Plan};
use leadkit::mailer::{MemoryMailer, Outcome};
use leadkit::playbook::Playbook;
use leadkit::store::Store;
use leadkit_postgres::PostgresStore;
use live::{Live, PLAYBOOK, set_up};
use serde_json::Value;
use server::block_on;
use told::{Told, leadkit};

const WELCOME: &str = r#"
[[rule]]
name = "welcome"
on   = "registered"
do   = [{ send = "hello" }]
"#;

const TEXT: &str = "Subject: Hello\n\nHello\n";

/// One shop's leads, in a file and on the server.
struct Shop {
    live: Live,
    url: String,
}

impl Shop {
    async fn new() -> Self {
        let live = Live::new();
        let playbook = format!("{PLAYBOOK}{WELCOME}");
        let files = [("playbook.toml", &*playbook), ("templates/hello.txt", TEXT)];
        let playbook = live.write(&files);
        let url = server::fresh_database().await;
        let on_server = PostgresStore::open_with(&url, &server::options()).await;
        fill(Arc::new(on_server.unwrap()), &playbook).await;
        fill(Arc::new(live::store(live.db())), &playbook).await;
        Self { live, url }
    }

    fn on(&self, db: &str, command: &str, more: &[&str]) -> Told {
        let playbook = self.live.path("playbook");
        leadkit([&[command, &playbook, "--db", db], more].concat())
    }

    /// What a command says on the server.
    fn told(&self, command: &str, more: &[&str]) -> Told {
        self.on(&self.url, command, more)
    }

    /// What a command tells programs, of the file and of the server alike.
    fn both(&self, command: &str, more: &[&str]) -> Value {
        let more = [more, &["--json"]].concat();
        let of_file = self.on(&self.live.db(), command, &more);
        let of_server = self.told(command, &more);
        assert_eq!(of_server.json(), of_file.json(), "{command}");
        assert_eq!(of_server.code, 0, "{}", of_server.out);
        of_server.json()
    }
}

/// Two leads whose contacts share a phone; the message to the first is in doubt.
async fn fill(store: Arc<dyn Store>, playbook: &Arc<Playbook>) {
    let unknown = Outcome::Unknown {
        said: "the line dropped".into(),
    };
    let mailer = FaultyMailer::new(
        MemoryMailer::default(),
        Plan::new().at(1, MailerFault::Says(unknown)),
    );
    let clock = VirtualClock::at("2026-03-02T14:00:00Z".parse().unwrap());
    let engine = Engine::builder_on(store)
        .playbook("shop", playbook.clone())
        .mailer("email", mailer)
        .clock(clock)
        .seed(7)
        .build()
        .unwrap();
    set_up(&engine, &[("ana", "manager")]).await;
    for name in ["luis", "lucho"] {
        let lead = NewLead::new(name)
            .email(format!("{name}@example.com"))
            .phone("+593 99 123 4567");
        let asked = engine.tenant("shop").register(lead);
        asked.by(Actor::host("desk")).await.unwrap();
        engine.tick().await.unwrap();
    }
}

#[test]
fn what_is_told_of_a_servers_database_is_what_is_told_of_a_file() {
    let Some(_) = server::url() else { return };
    let shop = block_on(Shop::new());
    let leads = shop.both("leads", &["--where", r#"stage == "new""#]);
    assert_eq!(leads["count"], 2);
    shop.both("leads", &["--count-by", "stage,owner"]);
    shop.both(
        "leads",
        &[
            "--now",
            "2026-03-03",
            "--where",
            "registered_at < now - 10h",
        ],
    );
    shop.both("explain", &["--email", "luis@example.com"]);
    let messages = shop.both("messages", &["--in-doubt"]);
    assert_eq!(messages["count"], 1);
    let duplicates = shop.both("duplicates", &[]);
    assert_eq!(
        duplicates["sets"][0]["contacts"].as_array().unwrap().len(),
        2
    );
    shop.both("set-aside", &[]);
    shop.both("sweeps", &["--all"]);
    shop.both("adopt", &["--by", "host:desk"]);
}

#[test]
fn what_is_done_on_a_server_is_done() {
    let Some(_) = server::url() else { return };
    let shop = block_on(Shop::new());
    let by = ["--by", "ana"];
    let messages = shop.told("messages", &["--in-doubt", "--json"]).json();
    let message = messages["messages"][0]["message"].as_str().unwrap();
    let settled = shop.told("settle", &[&[message, "accepted"], &by[..]].concat());
    assert_eq!(settled.code, 0, "{}", settled.err);
    let messages = shop.told("messages", &["--in-doubt", "--json"]).json();
    assert_eq!(messages["count"], 0);
    let duplicates = shop.told("duplicates", &["--json"]).json();
    let contacts = &duplicates["sets"][0]["contacts"];
    let [into, from] = [0, 1].map(|place| contacts[place]["id"].as_str().unwrap());
    for (command, contacts) in [
        ("merge", &[into, from][..]),
        ("unmerge", &[from]),
        ("distinguish", &[into, from]),
    ] {
        let done = shop.told(command, &[contacts, &by].concat());
        assert_eq!(done.code, 0, "{command}: {}", done.err);
    }
    let duplicates = shop.told("duplicates", &["--json"]).json();
    assert_eq!(duplicates["sets"], Value::Array(Vec::new()));
    let retried = shop.told("retry", &[&[message], &by[..]].concat());
    assert_eq!(retried.code, 1, "it was not set aside: {}", retried.out);
    let adopted = shop.told("adopt", &["--by", "host:desk", "--yes"]);
    assert_eq!(adopted.code, 0, "{}", adopted.err);
}

#[test]
fn a_database_without_leads_stays_as_it_is() {
    let Some(_) = server::url() else { return };
    let (shop, empty) = block_on(async { (Shop::new().await, server::fresh_database().await) });
    for (command, more) in [
        ("leads", &[][..]),
        ("adopt", &["--by", "host:desk", "--yes"]),
    ] {
        let told = shop.on(&empty, command, more);
        assert_eq!(told.code, 2);
        assert!(told.err.contains("no leads are kept in it"), "{}", told.err);
    }
    let tables = block_on(async {
        let client = server::connect(&empty).await;
        let ours = "SELECT count(*) FROM pg_class WHERE relname LIKE 'leadkit%'";
        client.query_one(ours, &[]).await.unwrap().get::<_, i64>(0)
    });
    assert_eq!(tables, 0);
}

#[test]
fn a_slip_in_the_tenants_name_is_told_with_those_that_there_are() {
    let Some(_) = server::url() else { return };
    let shop = block_on(Shop::new());
    let told = shop.told("leads", &["--tenant", "shpo"]);
    assert_eq!(told.code, 2);
    assert!(told.err.contains("--tenant shop"), "{}", told.err);
}

/// Who is refused, who finds nobody there, and whose URL can't be read: all see why, and nobody who looks over
/// their shoulder sees the password.
#[test]
fn a_password_is_never_told() {
    let live = Live::new();
    live.write(&[("playbook.toml", PLAYBOOK)]);
    let playbook = live.path("playbook");
    for (db, said) in [
        (
            "postgres://crm:secret@127.0.0.1:1/crm",
            "postgres://crm@127.0.0.1:1/crm",
        ),
        (
            "postgres://crm@127.0.0.1:1/crm?password=secret",
            "postgres://crm@127.0.0.1:1/crm",
        ),
        ("postgres://crm:secret@127.0.0.1:port/crm", "can't be read"),
        (
            "postgres://crm:se?secret=1@127.0.0.1:1/crm",
            "postgres://..",
        ),
    ] {
        let leads = ["leads", &playbook, "--db", db];
        let told = leadkit(leads);
        assert_eq!(told.code, 2);
        assert!(told.err.contains(said), "{}", told.err);
        assert!(!told.err.contains("secret"), "{}", told.err);
        let told = leadkit([&leads[..], &["--json"]].concat());
        assert_eq!(told.json()["error"]["kind"], "no-database");
        assert!(!told.out.contains("secret"), "{}", told.out);
    }
}
