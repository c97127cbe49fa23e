//! What tells a playbook from a changed one: what it says, and not how it is laid out.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use shop::{folder, read};

const RULES: &str = r#"
[cap]
messages = 3
within   = "30 days"

[[rule]]
name = "welcome"
on   = "registered"
do   = [{ send = "hello" }]

[[rule]]
name = "later"
on   = "registered"
after = "1 day"
do   = [{ send = "hello" }]
"#;

fn hash(rules: &str) -> String {
    read(&folder(rules, "")).hash.to_string()
}

#[test]
fn a_comment_or_another_layout_is_no_other_playbook() {
    let same = [
        RULES.replace("[cap]", "# Nobody is harassed.\n[cap]   # three in a month"),
        RULES
            .replace("messages = 3\nwithin   = ", "within = ")
            .replace("\"30 days\"", "'30 days'\nmessages=0x3"),
        RULES.replace(
            "[{ send = \"hello\" }]",
            "[\n  { send = \"hello\" }, # politely\n]",
        ),
        RULES.replace('\n', "\r\n"),
    ];
    // The order of keys is that of rules, and counts.
    assert_ne!(hash(&same[1]), hash(RULES));
    for same in [&same[0], &same[2], &same[3]] {
        assert_eq!(hash(same), hash(RULES), "{same}");
    }
    let mut scenarios = folder(RULES, "");
    scenarios.scenarios.clear();
    assert_eq!(read(&scenarios).hash.to_string(), hash(RULES));
}

#[test]
fn whatever_it_says_otherwise_makes_it_another_playbook() {
    let mut seen = vec![hash(RULES)];
    let mut differs = |changed: &Folder| {
        let hash = Playbook::read(changed).unwrap().hash.to_string();
        assert!(!seen.contains(&hash), "{}", changed.playbook);
        seen.push(hash);
    };
    let whole = folder(RULES, "").playbook;
    for (from, to) in [
        ("messages = 3", "messages = 4"),
        ("name = \"welcome\"", "name = \"welcome-2\""),
        ("after = \"1 day\"", "after = \"2 days\""),
        ("Call {{ contact.name }}", "Call  {{ contact.name }}"),
        ("city        =", "town        ="),
        ("name  = \"Shop\"", "name  = \"Shop # 1\""),
        ("may = [\"*\"]", "may = [\"*\"]\nowns = false"),
        ("may = [\"*\"]", "may = [\"*\"]\nowns = true"),
        (
            "on   = \"registered\"\ndo",
            "on   = \"registered\"\nif = 'held'\ndo",
        ),
    ] {
        let mut changed = folder("", "");
        changed.playbook = whole.replacen(from, to, 1);
        assert_ne!(changed.playbook, whole, "{from}");
        differs(&changed);
    }
    // Rules in another order fire in another order.
    let (cap, rules) = RULES.split_at(RULES.find("[[rule]]").unwrap());
    let (first, second) = rules.split_at(rules.rfind("[[rule]]").unwrap());
    differs(&folder(&format!("{cap}{second}{first}"), ""));
    let mut template = folder(RULES, "");
    template.templates[0].1.push_str("Bye\n");
    differs(&template);
    let mut holidays = folder(RULES, "");
    holidays
        .holidays
        .push(("holidays/es.csv".into(), "2026-05-01,Labour Day\n".into()));
    differs(&holidays);
}

#[test]
fn a_folder_that_is_not_there_is_told_as_that() {
    let nowhere = Playbook::load("nowhere/at-all").unwrap_err().to_string();
    assert!(
        nowhere.contains("nowhere/at-all: there is no such folder"),
        "{nowhere}"
    );
    let file = Playbook::load("Cargo.toml").unwrap_err().to_string();
    assert!(
        file.contains("Cargo.toml: is a file, and no folder"),
        "{file}"
    );
}
