//! A shop's history, replayed into a database.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, reason = "this is a test")]

use crate::shop::Folder;
use crate::told::{Told, leadkit};

/// A shop that has lived until some day.
pub(crate) struct Rehearsal {
    pub(crate) folder: Folder,
    pub(crate) db: String,
}

impl Rehearsal {
    pub(crate) fn until(day: &str, files: &[(&str, &str)]) -> Self {
        let folder = Folder::new(files);
        let db = folder.path("rehearsal.db");
        let rehearsal = Self { folder, db };
        let told = rehearsal.replay(day);
        assert_eq!(told.code, 0, "{}{}", told.out, told.err);
        rehearsal
    }

    pub(crate) fn replay(&self, until: &str) -> Told {
        self.folder.replay(&["--db", &self.db, "--until", until])
    }

    pub(crate) fn run(&self, command: &str, more: &[&str]) -> Told {
        self.under("playbook", command, more)
    }

    /// Under the playbook in another folder.
    pub(crate) fn under(&self, playbook: &str, command: &str, more: &[&str]) -> Told {
        let playbook = self.folder.path(playbook);
        let begin = [command, &playbook, "--db", &self.db];
        leadkit(begin.iter().chain(more))
    }

    pub(crate) fn json(&self, command: &str, more: &[&str]) -> serde_json::Value {
        self.run(command, &[more, &["--json"]].concat()).json()
    }
}
