//! A database of real leads, as a host's workers write it, and the playbook beside it.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, reason = "this is a test")]

use std::path::Path;
use std::sync::Arc;

use leadkit::decide::command::{Actor, AgentSetup};
use leadkit::engine::{Engine, EngineBuilder};
use leadkit::playbook::Playbook;
use leadkit_sqlite::{Options, SqliteStore};
use tempfile::TempDir;

use crate::told::{Told, leadkit, write};

/// A shop in which leads come in, and end.
pub(crate) const PLAYBOOK: &str = r#"
[playbook]
id       = "shop"
zone     = "America/Guayaquil"
country  = "EC"
calendar = "office"

[organisation]
name  = "Shop"
email = "shop@example.com"

[calendar.office]
weekly = { mon-fri = ["09:00-17:00"] }

[role.seller]
may = ["attempt"]

[role.manager]
may = ["*"]

[[route]]
to = "sales.new"

[pipeline.sales]
start = "new"

[pipeline.sales.stage]
new  = { to = { lost = [] } }
lost = { final = "lost" }
"#;

/// A folder with a playbook, and with the database of its leads.
pub(crate) struct Live(TempDir);

impl Live {
    /// With nothing in it yet.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes files of the playbook, and reads it.
    pub(crate) fn write(&self, files: &[(&str, &str)]) -> Arc<Playbook> {
        let folder = self.0.path().join("playbook");
        write(&folder, files);
        Arc::new(Playbook::load(folder).unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn db(&self) -> String {
        self.path("leads.db")
    }

    /// A worker on the database, to be told its clock and its mailers.
    pub(crate) fn worker(&self, playbook: &Arc<Playbook>) -> EngineBuilder {
        Engine::builder(store(self.db())).playbook("shop", playbook.clone())
    }

    /// Runs a command on the database, under the playbook.
    pub(crate) fn run(&self, command: &str, more: &[&str]) -> Told {
        let (playbook, db) = (self.path("playbook"), self.db());
        let begin = [command, &playbook, "--db", &db];
        leadkit(begin.iter().chain(more))
    }

    pub(crate) fn json(&self, command: &str, more: &[&str]) -> serde_json::Value {
        let more: Vec<&str> = more.iter().copied().chain(["--json"]).collect();
        self.run(command, &more).json()
    }
}

/// The store in a file, whatever the clock of its workers says.
pub(crate) fn store(db: impl AsRef<Path>) -> SqliteStore {
    let options = Options {
        virtual_time: true,
        ..Options::default()
    };
    SqliteStore::open_with(db, &options).unwrap()
}

/// Sets agents up, each with its role.
pub(crate) async fn set_up(engine: &Engine, agents: &[(&str, &str)]) {
    for &(id, role) in agents {
        let agent = AgentSetup::new(id).name(id).role(role);
        let agent = agent.email(format!("{id}@example.com"));
        let asked = engine.tenant("shop").set_up(agent);
        asked.by(Actor::host("desk")).await.unwrap();
    }
}
