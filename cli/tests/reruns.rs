//! Files replayed into a database that earlier runs made: what is new in them, and what is told.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod shop;
mod told;

use serde_json::{Value, json};
use shop::{Folder, LEADS, MAP};
use told::write;

#[test]
fn the_next_export_under_another_name_registers_no_lead_again() {
    let folder = Folder::new(&[]);
    let db = folder.path("shop.db");
    let first = folder.replay(&["--db", &db, "--json"]).json();
    let next = LEADS.replace("Luis Vera;luis@", "Olga Ruiz;olga@");
    let renamed = MAP.replace("leads.csv", "april.csv");
    write(
        folder.0.path(),
        &[("april.csv", &next), ("map.toml", &renamed)],
    );
    for _ in 0..2 {
        let told = folder.replay(&["--db", &db, "--json"]);
        assert_eq!(told.code, 1);
        let again = told.json();
        assert_eq!(again["carried_out"], 0);
        assert_eq!(again["figures"]["leads"], first["figures"]["leads"]);
        let refused = again["refused"].as_array().unwrap();
        let of_luis = refused.iter().filter(|refused| refused["line"] == 3);
        let codes: Vec<_> = of_luis.map(|refused| &refused["code"]).collect();
        assert_eq!(codes, ["registered-already", "no-such-lead"]);
        let reason = refused[0]["reason"].as_str().unwrap();
        assert!(reason.contains("by another row of leads.csv"), "{reason}");
    }

    // Leads of other names are others.
    let others = next.replace("\n1;", "\n11;").replace("\n2;", "\n12;");
    write(folder.0.path(), &[("april.csv", &others)]);
    let third = folder.replay(&["--db", &db, "--json"]).json();
    assert_eq!(third["figures"]["leads"], 5);
}

#[test]
fn a_row_that_says_something_else_than_when_it_was_carried_out_is_told() {
    let folder = Folder::new(&[]);
    let db = folder.path("shop.db");
    folder.replay(&["--db", &db, "--until", "2026-03-07"]);
    // A lead's end that comes late is a late fact, and says the same again.
    let ended = LEADS.replace("10:00;;;\n3", "10:00;05-03-2026 09:00;lost;far away\n3");
    assert_ne!(ended, LEADS);
    write(folder.0.path(), &[("leads.csv", &ended)]);
    for _ in 0..2 {
        let same = folder.replay(&["--db", &db, "--json"]).json();
        assert_eq!(warnings_of_leads(&same), Vec::<Value>::new());
    }

    let changed = ended
        .replace(";900;", ";999;")
        .replace("04-03-2026 10:00", "04-03-2026 10:30")
        .replace("1.234,50", "1.234,5");
    write(folder.0.path(), &[("leads.csv", &changed)]);
    let again = folder.replay(&["--db", &db, "--json"]).json();
    let warnings = warnings_of_leads(&again);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0]["lines"], json!([3, 4]));
    let message = warnings[0]["message"].as_str().unwrap();
    assert!(message.contains("2 rows say something else"), "{message}");
}

#[test]
fn rows_that_only_their_lines_tell_apart_are_warned_of_and_named_as_the_cause_where_they_shift() {
    let map = MAP.replace("key   = \"id\"\n", "");
    assert_ne!(map, MAP);
    let folder = Folder::new(&[("map.toml", &map)]);
    let no_key = |told: &Value| {
        let warnings = told["warnings"].as_array().unwrap().iter();
        let mut of_map =
            warnings.filter(|one| one["message"].as_str().unwrap().contains("no `key`"));
        let found = of_map.next().map(|one| {
            assert!(one["file"].as_str().unwrap().ends_with("map.toml"), "{one}");
            let hint = one["hint"].as_str().unwrap();
            assert!(hint.contains("key = \"COLUMN\""), "{hint}");
            (one["line"].clone(), one["message"].clone())
        });
        assert_eq!(of_map.next(), None);
        found
    };
    let wanted =
        "leads.csv: the file has no `key`, so a later replay knows its rows by their lines alone";
    // Nothing comes after a replay into no database; and agents are known by their ids.
    assert_eq!(no_key(&folder.replay(&["--json"]).json()), None);
    let db = folder.path("shop.db");
    for _ in 0..2 {
        let told = folder.replay(&["--db", &db, "--json"]).json();
        assert_eq!(no_key(&told), Some((json!(9), json!(wanted))));
        assert_eq!(warnings_of_leads(&told), Vec::<Value>::new());
    }

    let more = "9;Olga Ruiz;olga@example.com;web;ana;;;;;03-03-2026 10:00;;;;\n";
    let inserted = LEADS.replace("2;Luis", &format!("{more}2;Luis"));
    write(folder.0.path(), &[("leads.csv", &inserted)]);
    let shifted = folder.replay(&["--db", &db, "--json"]).json();
    let warnings = warnings_of_leads(&shifted);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0]["lines"], json!([3, 4]));
    let hint = |one: &Value| one["hint"].as_str().unwrap().to_owned();
    let cause = "the file has no `key`, so its rows are known by their lines alone";
    assert!(hint(&warnings[0]).contains(cause), "{warnings:?}");
    let refused = shifted["refused"].as_array().unwrap();
    let moved = refused
        .iter()
        .find(|one| one["code"] == "registered-already");
    let moved = moved.unwrap_or_else(|| panic!("{refused:#?}"));
    assert!(hint(moved).contains(cause), "{moved}");
}

/// What is told of the rows of leads, and not of the map.
fn warnings_of_leads(replayed: &Value) -> Vec<Value> {
    let warnings = replayed["warnings"].as_array().unwrap().iter();
    let of_leads = warnings.filter(|warning| warning["file"] == "leads.csv");
    of_leads.cloned().collect()
}
