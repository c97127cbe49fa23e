//! A history with appointments, documents and referrals, replayed through a playbook that knows them.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod shop;
mod told;

use shop::{Folder, PLAYBOOK};
use told::{Told, leadkit};

/// Sellers who meet people, and may refer them.
const KINDS: &str = r#"
[role.seller]
may = ["register", "move", "appointment", "attach", "refer"]

[referral]
source = "walk-in"

[appointment.visit]
label    = "Visit"
feedback = { of = ["good", "bad"], within = "1 day" }

[appointment.test-drive]
label = "Trial"

[document.contract]
label = "Contract"
"#;

const MAP: &str = r#"
[[file]]
path = "agents.csv"

[[file.command]]
if    = { refers = "yes" }
refer = { agent = "{id}" }

[[file.command]]
set-up = { id = "{id}", name = "{id}", email = "{id}@example.com", role = "seller" }

[[file]]
path  = "leads.csv"
key   = "id"
dates = { arrived = "yyyy-mm-dd" }      # the others are found out

[file.values.code]
"RITA 10" = "rita"
"OLD"     = "bea"

[[file.command]]
lead     = "id"
at       = "arrived"
register = { name = "{name}", owner = "{owner}", appointment = { visit = "{visit}" }, referral = "{code}" }

[[file]]
path = "diary.csv"
key  = "no"

[[file.command]]
lead = "lead"
at   = "on"
if   = { what = "booked" }
book = { appointment = "{kind}", at = "{time}", with = "{who}", by = "{by}" }

[[file.command]]
lead   = "lead"
at     = "on"
if     = { what = "moved" }
rebook = { appointment = "{kind}", to = "{time}", by = "{by}" }

[[file.command]]
lead = "lead"
at   = "on"
if   = { what = "came" }
held = { appointment = "{kind}" }

[[file.command]]
lead    = "lead"
at      = "on"
if      = { what = "stayed away" }
no-show = { appointment = "{kind}" }

[[file.command]]
lead   = "lead"
at     = "on"
if     = { what = "called off" }
cancel = { appointment = "{kind}" }

[[file.command]]
lead     = "lead"
at       = "on"
if       = { what = "said" }
feedback = { appointment = "{kind}", says = "{text}" }

[[file.command]]
lead   = "lead"
at     = "on"
if     = { what = "signed" }
attach = { document = "contract", name = "{text}", sha256 = "{hash}" }
"#;

const AGENTS: &str = "id,refers,since\nana,,\nrita,yes,2026-03-02 10:00\nbea,,\n";

/// The days of visits come before their months: 25/03.
const LEADS: &str = "\
id,name,owner,arrived,visit,code
1,Luis Vera,ana,2026-03-02 10:00,25/03/2026 10:00,
2,Rosa Paz,,2026-03-02 10:00,,RITA 10
3,Eva Díaz,ana,2026-03-03 10:00,01/03/2026 10:00,
4,Inés Gil,ana,2026-03-03 10:00,,OLD
5,Tomás Sol,ana,2026-03-03 10:00,,RITA10
";

const DIARY: &str = "\
no,lead,on,what,kind,time,who,by,text,hash
1,1,2026-03-04 09:00,moved,visit,2026-03-05 10:00,,ana,,
2,1,2026-03-05 11:00,came,visit,,,,,
3,1,2026-03-05 12:00,said,visit,,,,good,
4,1,2026-03-06 10:00,booked,Test_Drive,2026-03-09 16:00,BEA,ana,,
5,1,2026-03-09 17:00,stayed away,test-drive,,,,,
6,1,2026-03-10 10:00,booked,test-drive,2026-03-12 16:00,,,,
7,1,2026-03-11 10:00,called off,test-drive,,,,,
8,1,2026-03-13 10:00,signed,,,,,contract.pdf,
9,1,2026-03-14 10:00,signed,,,,,contract.pdf,abc
10,2,2026-03-04 10:00,booked,Trial,2026-03-09 16:00,,,,
11,2,2026-03-04 10:00,booked,visit,someday,,,,
";

fn folder(map: &str) -> Folder {
    let playbook = format!("{PLAYBOOK}{KINDS}");
    Folder::new(&[
        ("playbook/playbook.toml", &playbook),
        ("map.toml", map),
        ("agents.csv", AGENTS),
        ("leads.csv", LEADS),
        ("diary.csv", DIARY),
    ])
}

fn replay(folder: &Folder) -> Told {
    let db = folder.path("shop.db");
    folder.replay(&["--db", &db, "--until", "2026-03-20", "--json"])
}

fn explained(folder: &Folder, who: &str) -> String {
    let (playbook, db) = (folder.path("playbook"), folder.path("shop.db"));
    leadkit(["explain", &playbook, "--find", who, "--db", &db]).out
}

#[test]
fn appointments_documents_and_referrals_of_a_history_are_lived_through() {
    let folder = folder(MAP);
    let told = replay(&folder).json();
    let refused: Vec<(&str, u64, &str)> = told["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["file"].as_str().unwrap(),
                row["line"].as_u64().unwrap(),
                row["reason"].as_str().unwrap(),
            )
        })
        .collect();
    let nobodys = "is nobody's code";
    let wanted = [
        ("leads.csv", 4, "must be a time that is not over"),
        ("leads.csv", 5, nobodys),
        ("leads.csv", 6, nobodys),
        (
            "diary.csv",
            10,
            "`sha256`: `abc` is not 64 hexadecimal digits",
        ),
        ("diary.csv", 11, "is the label of `test-drive`"),
        ("diary.csv", 12, "`at`: `someday` is no date"),
    ];
    assert_eq!(refused.len(), wanted.len(), "{refused:#?}");
    for ((file, line, reason), (in_file, on_line, said)) in refused.iter().zip(wanted) {
        assert_eq!((*file, *line), (in_file, on_line), "{refused:#?}");
        assert!(reason.contains(said), "{said}: {reason}");
    }

    let luis = explained(&folder, "Luis");
    for said in ["Visit", "good", "Trial", "with bea", "contract.pdf"] {
        assert!(luis.contains(said), "{said}: {luis}");
    }
    let rosa = explained(&folder, "Rosa");
    assert!(rosa.contains("rita"), "{rosa}");
}

#[test]
fn a_lead_comes_with_a_code_that_its_referrer_has_had_since_that_very_minute() {
    let map = MAP.replace("refer = {", "at    = \"since\"\nrefer = {");
    let folder = folder(&map);
    let told = replay(&folder).json();
    let refused = told["refused"].as_array().unwrap();
    let refused: Vec<_> = refused.iter().map(|row| &row["line"]).collect();
    assert!(refused.iter().all(|line| **line != 3), "{refused:?}");
    let rosa = explained(&folder, "Rosa");
    assert!(rosa.contains("rita"), "{rosa}");
}

#[test]
fn who_replays_it_again_does_nothing_twice_and_hears_of_no_change() {
    let folder = folder(MAP);
    let first = replay(&folder).json();
    let again = replay(&folder).json();
    assert_eq!(again["carried_out"], 0, "{again:#}");
    assert_eq!(again["done_before"], first["carried_out"], "{again:#}");
    let warnings = again["warnings"].as_array().unwrap();
    let changed = |warning: &&serde_json::Value| {
        let message = warning["message"].as_str().unwrap();
        let others = [
            "is taken for the agent",
            "has no `key`",
            "nothing reads the column `since`",
        ];
        !others.iter().any(|other| message.contains(other))
    };
    let changed: Vec<_> = warnings.iter().filter(changed).collect();
    assert!(changed.is_empty(), "{changed:#?}");
}

#[test]
fn what_a_map_says_wrong_of_appointments_and_documents_is_told_where_it_stands() {
    let map = MAP
        .replace("{ visit = \"{visit}\" }", "{ visti = \"{visit}\" }")
        .replace(
            "appointment = \"{kind}\", says",
            "appointment = \"vsit\", says",
        )
        .replace(
            "document = \"contract\", name",
            "document = \"contrat\", nam",
        )
        .replace("at = \"{time}\", ", "");
    let told = replay(&folder(&map));
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    let said = told.out + &told.err;
    for wanted in [
        "the playbook has no appointment `visti`",
        "the playbook has no appointment `vsit`",
        "did you mean `visit`?",
        "the playbook has no document `contrat`",
        "`attach` knows no `nam`",
        "`book` needs `at`",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    let map = MAP.replace(
        "appointment = { visit = \"{visit}\" }",
        "appointment = \"visit\"",
    );
    let said = replay(&folder(&map)).out;
    assert!(said.contains("`appointment` must be a table"), "{said}");
}

#[test]
fn everything_that_a_row_can_be_is_told_in_the_help() {
    let help = leadkit(["replay", "--help"]).out;
    let told = help
        .split("A command is said with the words of scenarios:")
        .nth(1);
    let told = told.unwrap().split("Its values are").next().unwrap();
    let told: Vec<&str> = told.split([',', '.', '(', ')']).map(str::trim).collect();
    for verb in leadkit_cli::replay::map::Verb::ALL {
        assert!(told.contains(&verb.word()), "{}: {told:?}", verb.word());
    }
}
