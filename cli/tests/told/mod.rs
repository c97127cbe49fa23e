//! Running the program and reading what it prints.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, reason = "this is a test")]

mod page;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The repository's root.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The recorded data that must not lie in the repository; nothing, with a message, where it is
/// absent and `LEADKIT_TEST_DATA` does not say that it is there.
pub(crate) fn data(folder: &str) -> Option<PathBuf> {
    let said = std::env::var_os("LEADKIT_TEST_DATA").map(PathBuf::from);
    let must_be_there = said.is_some();
    let base = said.unwrap_or_else(|| repository().join("../shared/data"));
    let path = base.join(folder);
    if path.is_dir() {
        return Some(path.canonicalize().unwrap());
    }
    assert!(!must_be_there, "there is no {}", path.display());
    println!(
        "skipped: there is no {}; set LEADKIT_TEST_DATA",
        path.display()
    );
    None
}

/// What the program printed, and how it ended.
pub(crate) struct Told {
    arguments: Vec<String>,
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Told {
    /// What it printed, which is as `cli/README.md` promises.
    pub(crate) fn json(&self) -> serde_json::Value {
        let json = serde_json::from_str(&self.out);
        let json = json.unwrap_or_else(|error| panic!("{error}: {}", self.out));
        page::must_tell(&self.arguments, &json);
        json
    }
}

/// What `check --json` warns of, but for holidays that end: shipped playbooks know theirs until some year.
pub(crate) fn warnings_but_of_holidays(checked: &Told) -> Vec<serde_json::Value> {
    let all = checked.json()["warnings"].as_array().unwrap().clone();
    let is_of_holidays = |warning: &serde_json::Value| {
        let message = warning["message"].as_str();
        message.is_some_and(|message| message.starts_with("the last holiday of"))
    };
    let others = all.into_iter().filter(|warning| !is_of_holidays(warning));
    others.collect()
}

/// Runs the program in the repository's root.
pub(crate) fn leadkit<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Told {
    let arguments = arguments.into_iter();
    let arguments = arguments.map(|argument| argument.as_ref().to_str().unwrap().to_owned());
    let arguments: Vec<String> = arguments.collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_leadkit"));
    let command = command.args(&arguments).current_dir(repository());
    let Output {
        status,
        stdout,
        stderr,
    } = command.env("NO_COLOR", "1").output().unwrap();
    Told {
        arguments,
        code: status.code().unwrap(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// Writes files into a folder.
pub(crate) fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// Makes a record unreadable, as a database of another version has them.
pub(crate) fn damage(db: &str, key: &leadkit::store::Key) {
    let database = leadkit_sqlite::rusqlite::Connection::open(db).unwrap();
    let harm = "UPDATE leadkit_records SET body = x'00' WHERE id = ?1";
    assert!(database.execute(harm, [key.id.as_bytes()]).unwrap() >= 1);
}
