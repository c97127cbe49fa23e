//! What a replay says of rows that it could not carry out, or not as they stand: what to do about it.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod shop;
mod told;

use serde_json::{Value, json};
use shop::{Folder, LEADS, MAP};

/// The commands that were refused, each with the hint.
fn refused(files: &[(&str, &str)]) -> Vec<(u64, String, String)> {
    let folder = Folder::new(files);
    let told = folder.replay(&["--json"]).json();
    let refused = told["refused"].as_array().unwrap().iter();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    let refused = refused.map(|one| {
        let line = one["line"].as_u64().unwrap();
        (line, text(one, "command"), text(one, "hint"))
    });
    refused.collect()
}

fn hint(files: &[(&str, &str)], of: (u64, &str)) -> String {
    let all = refused(files);
    let mut found = all.iter();
    let found = found.find(|(line, command, _)| (*line, command.as_str()) == of);
    let (_, _, hint) = found.unwrap_or_else(|| panic!("{all:#?}"));
    hint.clone()
}

#[test]
fn a_cell_that_the_playbook_does_not_know_is_refused_with_how_the_map_can_say_what_it_means() {
    let leads = LEADS.replace(";Web;", ";Paid Search;");
    let said = hint(&[("leads.csv", &leads)], (2, "register"));
    assert_eq!(
        said,
        "say in the map what the cell means: [file.values.origin], then \"Paid Search\" = \"..\""
    );
    let near = LEADS.replace(";Web;", ";Webb;");
    let said = hint(&[("leads.csv", &near)], (2, "register"));
    assert!(said.ends_with("then \"Webb\" = \"web\""), "{said}");
    // And so it can.
    let map = MAP.replace(
        "[[file.command]]\nlead     = \"id\"",
        "[file.values.origin]\n\"Paid Search\" = \"web\"\n\n[[file.command]]\nlead     = \"id\"",
    );
    assert_ne!(map, MAP);
    assert_eq!(refused(&[("leads.csv", &leads), ("map.toml", &map)]), []);
    let truth = LEADS.replace(";sí;", ";quizás;");
    let said = hint(&[("leads.csv", &truth)], (2, "register"));
    assert!(
        said.contains("[file.values.vip], then \"quizás\" = \"yes\""),
        "{said}"
    );
}

/// A command on the first lead, for a shop with a hold and two tasks, one of which asks for a choice.
fn hint_of(command: &str, of: &str) -> String {
    const WORK: &str = r#"
[hold]
parked = {}

[field.document]
type = "text"

[activity.call]
asks = ["document"]

[task.write]
text = "Write"

[task.ask]
text = "Ask"

[task.ask.choices]
yes = { label = "Yes", do = [] }
no  = { label = "No", do = [] }

[[rule]]
name = "work"
on   = "registered"
do   = [{ task = "write" }, { task = "ask" }]
"#;
    let playbook = format!("{}{WORK}", shop::PLAYBOOK);
    let head = "\n[[file.command]]\nlead = \"id\"\nat = \"talked\"\nif = { id = \"1\" }\n";
    let map = format!("{MAP}{head}{command}\n");
    let files = [
        ("playbook/playbook.toml", playbook.as_str()),
        ("map.toml", &map),
    ];
    hint(&files, (2, of))
}

#[test]
fn what_is_not_known_is_said_of_the_column_that_names_it_and_of_no_other() {
    let said = hint_of("hold = { as = \"{city}\", by = \"host:desk\" }", "hold");
    assert_eq!(
        said,
        "say in the map what the cell means: [file.values.city], then \"Quito\" = \"..\""
    );
    // Whatever other names the command says before.
    let command = "record = { document = \"{email}\", activity = \"{city}\", by = \"host:desk\" }";
    let said = hint_of(command, "record");
    assert!(said.contains("[file.values.city]"), "{said}");
}

#[test]
fn a_choice_for_a_task_that_has_none_is_told_to_be_left_out_and_no_cell_to_be_translated() {
    let command = "complete = { task = \"write\", choice = \"{city}\", by = \"host:desk\" }";
    let said = hint_of(command, "complete");
    assert_eq!(
        said,
        "the task has nothing to choose from: complete it without `choice`"
    );
}

#[test]
fn a_reason_that_is_missing_is_asked_for_where_it_can_be_said() {
    let lost = LEADS.replace("12:00;won;", "12:00;lost;");
    let said = hint(&[("leads.csv", &lost)], (2, "close"));
    assert_eq!(
        said,
        "the row has nothing in `why`: fill it in, or leave such rows out (if = \"why\")"
    );
    let map = MAP.replace(", reason = \"{why}\"", "");
    let said = hint(&[("leads.csv", &lost), ("map.toml", &map)], (2, "close"));
    assert!(
        said.starts_with("say it in the command: reason = \"{COLUMN}\""),
        "{said}"
    );
}

#[test]
fn a_row_of_which_the_lead_or_the_time_or_the_way_is_missing_is_told_what_to_do() {
    let untimed = LEADS.replace(";02-03-2026 16:00;", ";;");
    let files = [("leads.csv", untimed.as_str())];
    let said = hint(&files, (3, "register"));
    assert_eq!(
        said,
        "fill it in, or leave such rows out (if = \"arrived\")"
    );
    let nobody = LEADS.replace("walk in;bea;", "walk in;zoe;");
    let said = hint(&[("leads.csv", &nobody)], (3, "register"));
    assert!(
        said.contains("set-up") && said.contains("\"zoe\" = "),
        "{said}"
    );
    // From `new` no way leads to `won`.
    let hasty = LEADS.replace("02-03-2026 11:00;20-03-2026", ";20-03-2026");
    let said = hint(&[("leads.csv", &hasty)], (2, "close"));
    assert!(said.starts_with("a row may be missing"), "{said}");
}

#[test]
fn a_time_that_no_clock_showed_is_told_with_what_it_was_taken_for() {
    let map = MAP.replace(
        "key   = \"id\"",
        "key   = \"id\"\nzone  = \"Europe/Madrid\"",
    );
    let leads = LEADS
        .replace("02-03-2026 10:00", "29-03-2026 02:30")
        .replace("02-03-2026 11:00", "29-03-2026 03:00")
        .replace("02-03-2026 16:00", "29-03-2026 02:59:59")
        .replace("04-03-2026 10:00", "30-03-2026 10:00")
        .replace("20-03-2026 12:00", "30-03-2026 12:00");
    let folder = Folder::new(&[("map.toml", &map), ("leads.csv", &leads)]);
    let told = folder.replay(&["--json"]).json();
    let warnings = told["warnings"].as_array().unwrap().iter();
    let moved: Vec<&Value> = warnings
        .filter(|one| one["message"].as_str().unwrap().contains("no clock showed"))
        .collect();
    let [one] = moved.as_slice() else {
        panic!("{told:#}");
    };
    assert_eq!(
        (&one["file"], &one["lines"]),
        (&json!("leads.csv"), &json!([2, 3]))
    );
    let message = one["message"].as_str().unwrap();
    assert!(
        message.starts_with("`arrived`: 2 rows, first `29-03-2026 02:30`"),
        "{message}"
    );
    assert!(
        message.ends_with("taken for 2026-03-29 03:30:00"),
        "{message}"
    );
    assert!(one["hint"].as_str().unwrap().contains("zone = "));
}
