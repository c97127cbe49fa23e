//! What `leadkit check` says to somebody who takes a playbook over and slips: everything at once, each where it
//! can be opened, and with what to do.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod told;

use std::fs;
use std::path::{Path, PathBuf};

use told::{Told, leadkit, repository};

/// A copy of a playbook, in which texts can be changed.
struct Copy(tempfile::TempDir);

impl Copy {
    fn of(playbook: &str) -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        let from = repository().join("playbooks").join(playbook);
        copy_all(&from, copy.0.path());
        copy
    }

    fn at(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn change(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.at(file)).unwrap();
        assert!(text.contains(from), "{file} lacks {from}");
        fs::write(self.at(file), text.replacen(from, to, 1)).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Told {
        let (command, rest) = arguments.split_first().unwrap();
        let path = self.0.path().to_str().unwrap();
        leadkit([*command, path].iter().chain(rest))
    }

    /// Where the first line stands that begins so: `FOLDER/playbook.toml:12`.
    fn line(&self, file: &str, begins: &str) -> String {
        let text = fs::read_to_string(self.at(file)).unwrap();
        let line = text
            .lines()
            .position(|line| line.starts_with(begins))
            .unwrap();
        format!("{}:{}", self.at(file).display(), line + 1)
    }
}

fn copy_all(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let to = to.join(file.file_name());
        if file.path().is_dir() {
            fs::create_dir(&to).unwrap();
            copy_all(&file.path(), &to);
        } else {
            fs::copy(file.path(), &to).unwrap();
        }
    }
}

const TEST_DRIVE: &str = "\n[pipeline.sales.stage.test-drive]\nlabel = \"PRUEBA\"\n";

/// With a stage that can be entered from the store, and left along these ways.
fn with_test_drive(ways: &str) -> Copy {
    let copy = Copy::of("dealership-teams");
    let playbook = fs::read_to_string(copy.at("playbook.toml")).unwrap();
    let store = playbook.find("[pipeline.sales.stage.store]").unwrap();
    let way = store + playbook[store..].find("to").unwrap();
    let brace = way + playbook[way..].find('{').unwrap() + 1;
    let (before, behind) = playbook.split_at(brace);
    let changed = format!("{before} test-drive = [],{behind}{TEST_DRIVE}to = {ways}\n");
    fs::write(copy.at("playbook.toml"), changed).unwrap();
    copy
}

#[test]
fn a_stage_that_nobody_can_leave_is_a_fault_in_a_playbook_whose_rules_move_leads_of_any_stage() {
    for ways in ["[]", "[\"test-drive\"]"] {
        let told = with_test_drive(ways).run(&["check"]);
        let wanted = "no lead can leave the stage `test-drive`, and it is not final";
        assert_eq!(told.code, 1, "{}", told.out);
        assert!(told.out.contains(wanted), "{ways}: {}", told.out);
    }
}

#[test]
fn a_stage_that_can_go_cold_is_told_where_it_stands_and_with_the_rules_that_could_name_it() {
    let copy = with_test_drive("[\"store\"]");
    let told = copy.run(&["check"]);
    assert_eq!(told.code, 0, "{}", told.out);
    let at = copy.line("playbook.toml", "[pipeline.sales.stage.test-drive]");
    let told = told.out.lines().find(|line| line.contains("can go cold"));
    let told = told.unwrap();
    assert!(
        told.trim_start().starts_with(&format!("warning: {at}:")),
        "{told}"
    );
    let rule = copy.line("playbook.toml", "name       = \"still-quiet\"");
    let (file, line) = rule.rsplit_once(':').unwrap();
    let head = line.parse::<usize>().unwrap() - 1;
    let wanted = format!("(name `test-drive` in the `stage` of `still-quiet` ({file}:{head}))");
    assert!(told.ends_with(&wanted), "{told}");
}

#[test]
fn faults_of_scenarios_and_agents_are_told_beside_those_of_the_playbook() {
    let copy = Copy::of("dealership-teams");
    copy.change(
        "playbook.toml",
        "assign = \"callers\"",
        "assign = \"calers\"",
    );
    copy.change(
        "scenarios/agents.toml",
        "role  = \"caller\"",
        "role  = \"callr\"",
    );
    copy.change("scenarios/store.toml", "by = \"tina\"", "by = \"tinna\"");
    let told = copy.run(&["check"]);
    for wanted in [
        "no pool `calers`",
        "no role `callr`",
        "no agent `tinna`",
        ": 3 faults; the \
        scenarios were checked as far as the playbook can be read",
    ] {
        assert!(told.out.contains(wanted), "{wanted}: {}", told.out);
    }
    let error = copy.run(&["check", "--json"]).json()["error"].clone();
    assert_eq!(error["scenarios"], "checked-in-part");
    assert_eq!(error["faults"].as_array().unwrap().len(), 3);
    // Where only they have faults, all of them were checked.
    copy.change(
        "playbook.toml",
        "assign = \"calers\"",
        "assign = \"callers\"",
    );
    let error = copy.run(&["check", "--json"]).json()["error"].clone();
    assert!(error["scenarios"].is_null(), "{error:#}");
    assert_eq!(error["faults"].as_array().unwrap().len(), 2);
}

#[test]
fn a_place_in_a_hint_can_be_opened_as_that_of_the_fault() {
    let copy = Copy::of("dealership-teams");
    copy.change(
        "scenarios/agents.toml",
        "id    = \"otto\"",
        "id    = \"cora\"",
    );
    let first = copy.at("scenarios/agents.toml");
    let wanted = format!("the first one stands at {}:", first.display());
    let told = copy.run(&["check"]);
    assert!(told.out.contains(&wanted), "{}", told.out);
    let faults = copy.run(&["check", "--json"]).json()["error"]["faults"].clone();
    let mut hints = faults
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|fault| fault["hint"].as_str());
    assert!(hints.any(|hint| hint.starts_with(&wanted)), "{faults:#}");
}

#[test]
fn what_an_agent_lacks_is_told_with_the_agent() {
    let copy = Copy::of("dealership-teams");
    copy.change("scenarios/agents.toml", "team  = \"call-centre\"\n", "");
    let told = copy.run(&["check"]);
    assert!(
        told.out.contains("of the agent `cora`: team: is needed"),
        "{}",
        told.out
    );
    assert!(
        told.out.contains("say `team = \"..\"`; known: "),
        "{}",
        told.out
    );
}

#[test]
fn what_is_not_there_is_told_with_what_to_write() {
    let copy = Copy::of("dealership-teams");
    let playbook = fs::read_to_string(copy.at("playbook.toml")).unwrap();
    let rule = "\n[[rule]]\nname = \"new-one\"\non = \"registered\"\n\
        do = [{ send = \"price-list\" }]\n";
    let lonely = "\n[pipeline.sales.stage.lonely]\nto = [\"lost\"]\n";
    fs::write(copy.at("playbook.toml"), playbook.clone() + rule + lonely).unwrap();
    let told = copy.run(&["check"]);
    assert!(
        told.out.contains("write `templates/price-list.txt`"),
        "{}",
        told.out
    );
    let wanted = "name it in the `to` of a stage from which leads come, or leave it out";
    assert!(told.out.contains(wanted), "{}", told.out);
    let open = "\n[[rule]]\nname = \"new-one\"\non = \"registered\"\ndo = [{ close = \"lost\" }\n";
    fs::write(copy.at("playbook.toml"), playbook + open).unwrap();
    let told = copy.run(&["check"]);
    assert!(told.out.contains("close it with `]`"), "{}", told.out);
}

#[test]
fn a_fact_that_no_store_keeps_is_told_where_it_stands_and_with_what_can_be_asked_instead() {
    let copy = Copy::of("dealership-teams");
    let playbook = copy.0.path().to_str().unwrap();
    for (condition, at, hint) in [
        ("open and came_from == \"store\"", (9, 29), None),
        (
            "contact.name == \"luis\"",
            (0, 22),
            Some("--find finds names and phone numbers"),
        ),
        ("quote.declined", (0, 14), Some("ask for `quote.accepted`")),
    ] {
        let ask = ["leads", playbook, "--db", "none.db", "--where", condition];
        let told = leadkit(ask);
        let name = condition
            .trim_start_matches("open and ")
            .split(' ')
            .next()
            .unwrap();
        let arrow = format!("--> condition:1:{}", at.0 + 1);
        let wanted = format!("`{name}` is computed when it is asked for");
        assert!(
            told.err.contains(&arrow) && told.err.contains(&wanted),
            "{}",
            told.err
        );
        assert!(
            hint.is_none_or(|hint| told.err.contains(hint)),
            "{}",
            told.err
        );
        let json = leadkit(ask.iter().chain(&["--json"])).json();
        let fault = &json["error"]["faults"][0];
        assert_eq!(
            (fault["from"].as_u64(), fault["to"].as_u64()),
            (Some(at.0), Some(at.1))
        );
        assert_eq!(fault["hint"].as_str(), hint);
    }
}
