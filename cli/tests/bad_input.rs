//! What is given wrongly, and how the program ends: 0 when all is well, 1 when something was found,
//! 2 when it could not be done. Whoever reads the message knows what to do.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod shop;
mod told;

use leadkit_sqlite::rusqlite::Connection;
use shop::Folder;
use told::{leadkit, repository, write};

const SALES: &str = "playbooks/field-and-digital-sales";

/// Asks twice, for people and for programs: the exit code and the message must be the same.
fn refused(arguments: &[&str], kind: &str, message: &str) {
    let told = leadkit(arguments);
    assert_eq!(told.code, 2, "{arguments:?}: {}{}", told.out, told.err);
    assert!(told.err.contains(message), "{arguments:?}: {}", told.err);
    assert_eq!(told.out, "", "{arguments:?}");
    let told = leadkit(arguments.iter().chain(&["--json"]));
    assert_eq!(told.code, 2, "{arguments:?}");
    assert_eq!(told.err, "", "{arguments:?}");
    let error = told.json()["error"].clone();
    assert_eq!(error["kind"], kind, "{arguments:?}");
}

#[test]
fn what_is_no_playbook_is_told_as_that_by_every_command() {
    let folder = Folder::new(&[]);
    let (map, db) = (folder.path("map.toml"), folder.path("shop.db"));
    folder.replay(&["--db", &db]);
    let commands: [&[&str]; 5] = [
        &["check"],
        &["test"],
        &["replay", "--map", &map],
        &["explain", "--db", &db, "--email", "luis@example.com"],
        &["leads", "--db", &db],
    ];
    for command in commands {
        let with = |playbook| [command, &[playbook]].concat();
        refused(
            &with("nowhere"),
            "no-playbook",
            "error: there is no folder nowhere",
        );
        refused(
            &with("src"),
            "no-playbook",
            "there is no playbook in src; a playbook is a folder with a playbook.toml in it",
        );
        refused(&with("README.md"), "no-playbook", "README.md is a file");
        let file = format!("{SALES}/playbook.toml");
        let folder = format!("give its folder: {SALES}");
        refused(&with(&file), "no-playbook", &folder);
    }
}

#[test]
fn faults_of_a_playbook_are_found_by_a_check_and_in_the_way_of_the_rest() {
    let folder = Folder::new(&[("playbook/playbook.toml", "[playbook]\nid = 3\n")]);
    let playbook = folder.path("playbook");
    for command in ["check", "test"] {
        let told = leadkit([command, &playbook]);
        assert_eq!(told.code, 1, "{command}");
        let json = leadkit([command, &playbook, "--json"]).json();
        assert_eq!(json["error"]["kind"], "playbook-faults");
    }
}

#[test]
fn what_is_no_database_of_leads_is_told_as_that() {
    let folder = Folder::new(&[("notes.txt", "no database at all, but some text\n")]);
    let path = |name: &str| folder.path(name);
    let other = path("other.db");
    Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE orders (x)")
        .unwrap();
    let (text, missing, a_folder) = (path("notes.txt"), path("missing.db"), path("playbook"));
    for (db, message) in [
        (&text, "it is no SQLite database"),
        (&missing, "`leadkit replay --db` makes one"),
        (&a_folder, "it is a folder"),
        (&other, "no leads are kept in it"),
    ] {
        refused(&["leads", SALES, "--db", db], "no-database", message);
        let explain = ["explain", SALES, "--db", db, "--email", "a@example.com"];
        refused(&explain, "no-database", message);
    }
    let (playbook, map) = (path("playbook"), path("map.toml"));
    let replay = |db| ["replay", &playbook, "--map", &map, "--db", db];
    refused(&replay(&text), "no-database", "it is no SQLite database");
    let nowhere = path("nowhere/shop.db");
    refused(&replay(&nowhere), "no-database", "there is no folder");
    // Under a file there is no file; nor may everybody read each.
    let within = path("notes.txt/shop.db");
    let why = "it can't be read: not a directory";
    refused(&replay(&within), "no-database", why);
    refused(&["leads", SALES, "--db", &within], "no-database", why);
}

#[test]
fn a_folder_of_a_playbook_that_can_not_be_read_is_a_fault_and_all_that_follows_is_none() {
    for sub_folder in ["scenarios", "templates", "holidays"] {
        let folder = Folder::new(&[]);
        let within = std::path::PathBuf::from(folder.path(&format!("playbook/{sub_folder}")));
        if within.is_dir() {
            std::fs::remove_dir_all(&within).unwrap();
        }
        std::fs::write(&within, "no folder").unwrap();
        let told = leadkit(["check", &folder.path("playbook"), "--json"]);
        assert_eq!(told.code, 1, "{sub_folder}");
        let error = told.json()["error"].clone();
        let faults = error["faults"].as_array().unwrap();
        assert_eq!(faults.len(), 1, "{faults:#?}");
        assert_eq!(faults[0]["message"], "cannot be read: not a directory");
        assert!(
            faults[0]["file"].as_str().unwrap().ends_with(sub_folder),
            "{faults:#?}"
        );
    }
}

#[test]
fn whose_leads_and_under_which_playbook_must_fit_the_database() {
    let folder = Folder::new(&[]);
    let (playbook, db) = (folder.path("playbook"), folder.path("shop.db"));
    folder.replay(&["--db", &db]);
    let leads = ["leads", SALES, "--db", &db];
    refused(&leads, "no-such-tenant", "say whose: --tenant shop");
    let leads = ["leads", SALES, "--db", &db, "--tenant", "shop"];
    refused(&leads, "other-playbook", "are under another playbook");
    let text = shop::PLAYBOOK.replace("4 business hours", "5 business hours");
    write(folder.0.path(), &[("playbook/playbook.toml", &text)]);
    let hint = "Give the folder as it was, or adopt this one: `leadkit adopt ";
    refused(&["leads", &playbook, "--db", &db], "other-playbook", hint);
    // A stage that only the other version has is no slip in the condition.
    let of_other = ["--where", "stage == \"in-talks\""];
    let asked = [&["leads", &playbook, "--db", &db][..], &of_other].concat();
    refused(&asked, "other-playbook", hint);
    let map = folder.path("map.toml");
    let replay = ["replay", &playbook, "--map", &map, "--db", &db];
    refused(&replay, "other-playbook", hint);
    let explain = [
        "explain",
        &playbook,
        "--db",
        &db,
        "--email",
        "eva@example.com",
    ];
    refused(&explain, "other-playbook", hint);
}

#[test]
fn leads_and_facts_that_are_not_there_are_named() {
    let folder = Folder::new(&[]);
    let (playbook, db) = (folder.path("playbook"), folder.path("shop.db"));
    folder.replay(&["--db", &db]);
    let explain = |lead: &str, kind: &str, message: &str| {
        refused(&["explain", &playbook, "--db", &db, lead], kind, message);
    };
    explain("nonsense", "no-id", "an id looks like 019");
    explain(
        "019cc50e-afc0-7403-9de0-ed55b9aa0e9e",
        "no-such-lead",
        "there is no lead 019cc50e-afc0-7403-9de0-ed55b9aa0e9e of `shop`",
    );
    let by = [
        "explain",
        &playbook,
        "--db",
        &db,
        "--email",
        "x@example.com",
    ];
    refused(
        &by,
        "no-such-lead",
        "no lead has the e-mail address x@example.com",
    );
    let leads = |option: &str, value: &str, kind: &str, message: &str| {
        refused(
            &["leads", &playbook, "--db", &db, option, value],
            kind,
            message,
        );
    };
    leads(
        "--where",
        "stge == \"new\"",
        "condition-faults",
        "did you mean `stage`?",
    );
    // The same hint for programs.
    let wrong = [
        "leads",
        &playbook,
        "--db",
        &db,
        "--where",
        "stge == 3",
        "--json",
    ];
    let fault = leadkit(wrong).json()["error"]["faults"][0].clone();
    assert_eq!(fault["hint"], "did you mean `stage`?");
    leads(
        "--where",
        "contact.name == \"x\"",
        "condition-faults",
        "is computed",
    );
    leads(
        "--count-by",
        "stge",
        "no-such-fact",
        "--count-by: there is no fact `stge`",
    );
    leads(
        "--order",
        "contact.name",
        "no-such-fact",
        "--order: `contact.name` is computed",
    );
    leads(
        "--now",
        "yesterday",
        "no-time",
        "write for instance 2018-04-01",
    );
    let say = "say by which fact, for instance stage or owner";
    leads("--count-by", "", "no-such-fact", say);
    leads("--count-by", "stage,", "no-such-fact", say);
    let no_fact = "`open and stage` is no fact, which is one word";
    leads("--count-by", "open and stage", "no-such-fact", no_fact);
    leads("--limit", "-1", "usage", "invalid value '-1'");
    // Groups have an order of their own.
    for order in [
        &["--order", "stage"][..],
        &["--order", "stage", "--descending"],
    ] {
        let counted = ["leads", &playbook, "--db", &db, "--count-by", "stage"];
        let both = [&counted[..], order].concat();
        refused(&both, "usage", "cannot be used with");
    }
    refused(
        &["explain", &playbook, "--db", &db],
        "usage",
        "--email <ADDRESS>",
    );
}

#[test]
fn files_of_a_replay_that_are_missing_or_empty_are_named() {
    let folder = Folder::new(&[("leads.csv", ""), ("empty.toml", "")]);
    let (playbook, map) = (folder.path("playbook"), folder.path("map.toml"));
    let replay = |map: &str, kind: &str, message: &str| {
        refused(&["replay", &playbook, "--map", map], kind, message);
    };
    replay(
        &map,
        "unreadable-table",
        "leads.csv: the file is empty; its first line must name",
    );
    replay(
        &folder.path("no.toml"),
        "unreadable-file",
        "there is no file",
    );
    replay(
        &folder.path("empty.toml"),
        "map-faults",
        "say with [[file]]",
    );
    std::fs::remove_file(folder.path("leads.csv")).unwrap();
    let told = leadkit(["replay", &playbook, "--map", &map]);
    assert!(told.err.contains("there is no file"), "{}", told.err);
    // A table without rows is a history in which nothing happened.
    let header = shop::LEADS.lines().next().unwrap();
    write(folder.0.path(), &[("leads.csv", header)]);
    let told = folder.replay(&[]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(
        told.out.contains("no row says when anything happened"),
        "{}",
        told.out
    );
    assert!(folder.replay(&["--json"]).json()["clock"].is_null());
}

#[cfg(target_os = "linux")]
#[test]
fn what_can_not_be_printed_is_no_success() {
    use std::process::{Command, Stdio};
    let full = || Stdio::from(std::fs::File::create("/dev/full").unwrap());
    let run = |arguments: &[&str], out: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leadkit"));
        let command = command.args(arguments).current_dir(repository());
        let child = command.stdout(out).stderr(Stdio::piped()).spawn();
        let output = child.unwrap().wait_with_output().unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, err) = run(&["check", SALES], full());
    assert_eq!(code, 2);
    assert!(err.contains("nothing could be printed"), "{err}");
    // `leadkit --help | head -1`
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(run(&["--help"], Stdio::from(writer)), (0, String::new()));
}
