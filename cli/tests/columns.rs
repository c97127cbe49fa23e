//! What a map forgets, or names by mistake: columns that nothing reads, keys that are none, files without
//! rows, and a time to stop at before everything.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod shop;
mod told;

use serde_json::Value;
use shop::{Folder, LEADS, MAP, PLAYBOOK};

fn list<'a>(of: &'a Value, key: &str) -> &'a [Value] {
    of[key].as_array().unwrap()
}

/// The warnings of a replay: the file's name, the line and the message of each.
fn warnings(replayed: &Value) -> Vec<(String, u64, String)> {
    let warnings = list(replayed, "warnings").iter();
    let warnings = warnings.map(|warning| {
        let file = warning["file"].as_str().unwrap();
        let file = file.rsplit('/').next().unwrap();
        let message = warning["message"].as_str().unwrap();
        (
            file.to_owned(),
            warning["line"].as_u64().unwrap(),
            message.to_owned(),
        )
    });
    // The map of the shop asks for more than its few rows have.
    let others = warnings.filter(|(.., message)| !message.contains("no row has"));
    others.collect()
}

fn of_map(line: u64, message: &str) -> (String, u64, String) {
    ("map.toml".to_owned(), line, message.to_owned())
}

/// By the source it is decided where a lead goes.
fn routed() -> String {
    PLAYBOOK.replace(
        "[[route]]\nto = \"sales.new\"",
        "[[route]]\nif = 'source.kind == \"digital\"'\nto = \"sales.new\"\n\n[[route]]\nto = \"sales.new\"",
    )
}

#[test]
fn a_column_that_a_map_forgets_is_told_with_all_that_nothing_reads() {
    let map = MAP
        .replace(", source = \"{origin}\"", "")
        .replace(", city = \"{city}\"", "")
        .replace(
            "key   = \"id\"\n",
            "key   = \"id\"\nvalues = { origin = { Web = \"web\", \"walk in\" = \"walk-in\" } }\n",
        );
    let folder = Folder::new(&[("map.toml", &map)]);
    let told = folder.replay(&["--json"]);
    assert_eq!(told.code, 0, "{}", told.out);
    let wanted = [
        of_map(9, "leads.csv: nothing reads the columns `origin`, `city`"),
        of_map(
            11,
            "leads.csv: `values` speaks of `origin`, which nothing reads",
        ),
    ];
    assert_eq!(warnings(&told.json()), wanted);
    // Where routes ask for it, the lead goes another way.
    let folder = Folder::new(&[("map.toml", &map), ("playbook/playbook.toml", &routed())]);
    let found = warnings(&folder.replay(&["--json"]).json());
    let said = "leads.csv: `register` says no `source`, and the playbook's routes ask for it";
    assert_eq!(found[..2], wanted);
    assert_eq!(found[2..], [of_map(17, said)]);
}

#[test]
fn whatever_is_read_is_not_told() {
    let folder = Folder::new(&[("playbook/playbook.toml", &routed())]);
    assert_eq!(warnings(&folder.replay(&["--json"]).json()), []);
    // Of one lead nobody knows the source.
    let rows = LEADS.replace(";walk in;", ";;");
    let folder = Folder::new(&[("playbook/playbook.toml", &routed()), ("leads.csv", &rows)]);
    let said = "a lead without a `source`, for which the playbook's routes ask".to_owned();
    let wanted = [("leads.csv".to_owned(), 3, said)];
    assert_eq!(warnings(&folder.replay(&["--json"]).json()), wanted);
    let folder = Folder::new(&[("leads.csv", &rows)]);
    assert_eq!(warnings(&folder.replay(&["--json"]).json()), []);
}

#[test]
fn a_key_that_names_many_rows_is_a_fault_of_the_map() {
    let row = "Rosa;r@example.com;web;ana;;;;;03-03-2026;;;;\n";
    let rows: String = (4..44).map(|id| format!("{id};{row}")).collect();
    let rows = format!("{LEADS}{rows}");
    let map = MAP.replace("key   = \"id\"", "key   = \"origin\"");
    let folder = Folder::new(&[("map.toml", &map), ("leads.csv", &rows)]);
    let told = folder.replay(&["--json"]);
    assert_eq!(told.code, 2, "{}", told.out);
    let faults = told.json()["error"]["faults"].clone();
    assert_eq!(faults.as_array().unwrap().len(), 1, "{faults:#}");
    assert_eq!(faults[0]["line"], 10);
    let said = "leads.csv: `origin` names no row: 40 of 43 rows have what another row has there";
    assert_eq!(faults[0]["message"], said);
    let hint = "name a column in which no two rows are the same, as in key = \"id\"";
    assert_eq!(faults[0]["hint"], hint);
    // Where no column will do, none need be named.
    let without = map.replace("\"id\"", "\"name\"");
    let rows = "id;name;email;origin;advisor;city;budget;visit;vip;arrived;talked;ended;end;why\n";
    let rows = format!("{rows}7;{row}8;{row}7;{row}8;Ana{row}7;Eva{row}");
    let folder = Folder::new(&[("map.toml", &without), ("leads.csv", &rows)]);
    let faults = folder.replay(&["--json"]).json()["error"]["faults"].clone();
    let hint = faults[0]["hint"].as_str().unwrap();
    assert!(hint.ends_with("rows are known by their lines"), "{hint}");
}

/// A file that was appended to itself has two of each.
#[test]
fn a_row_that_is_there_twice_is_told_as_such() {
    let (_, rows) = LEADS.split_once('\n').unwrap();
    let folder = Folder::new(&[("leads.csv", &format!("{LEADS}{rows}{rows}"))]);
    let told = folder.replay(&["--json"]);
    assert_eq!(told.code, 1, "{}", told.out);
    let told = told.json();
    let refused = list(&told, "refused");
    assert_eq!(refused.len(), 6);
    let said = |row: &Value| row["reason"].as_str().unwrap().to_owned();
    for (row, first) in refused.iter().zip([2, 3, 4, 2, 3, 4]) {
        assert_eq!(said(row), format!("the same row as line {first}"));
        assert_eq!(
            (&row["code"], &row["hint"]),
            (&"same-row".into(), &Value::Null)
        );
    }
    assert_eq!(told["figures"]["leads"], 3);
}

#[test]
fn a_file_that_has_only_its_header_is_told() {
    let (header, _) = LEADS.split_once('\n').unwrap();
    let folder = Folder::new(&[("leads.csv", header)]);
    let told = folder.replay(&["--json"]).json();
    assert_eq!(warnings(&told), [of_map(9, "leads.csv has no rows")]);
}

#[test]
fn a_time_to_stop_at_before_all_rows_is_told() {
    let folder = Folder::new(&[]);
    let warned = |until: &str| warnings(&folder.replay(&["--until", until, "--json"]).json());
    let said = "--until 2026-01-01 00:00:00 -05:00 lies before this row, the first of all (2026-03-02 10:00:00 -05:00)";
    let wanted = [("leads.csv".to_owned(), 2, said.to_owned())];
    assert_eq!(warned("2026-01-01"), wanted);
    // What happens then is left out, too.
    assert_eq!(warned("2026-03-02T10:00:00-05:00").len(), 1);
    assert_eq!(warned("2026-03-02T10:00:01-05:00"), []);
}
