//! Recorded histories, replayed: what is read, what is refused and why, and what comes of it.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod shop;
mod told;

use shop::{Folder, LEADS, MAP, PLAYBOOK};
use told::{leadkit, write};

#[test]
fn a_history_is_lived_through_and_its_figures_come_from_the_database() {
    let folder = Folder::new(&[]);
    let told = folder.replay(&["--until", "2026-04-01", "--json"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let replayed = told.json();
    assert_eq!(replayed["files"][1]["delimiter"], ";");
    assert_eq!(replayed["carried_out"], 3 + 3 + 2 + 1);
    // All times are told in the playbook's zone, and which that is.
    assert_eq!(replayed["zone"], "America/Guayaquil");
    assert_eq!(replayed["lived_from"], "2026-03-02T10:00:00-05:00");
    assert_eq!(replayed["lives_until"], "2026-04-01T00:00:00-05:00");
    assert_eq!(replayed["clock"], "2026-04-01T00:00:00-05:00");
    // It is said before it begins, also where nobody watches.
    let begins = "living from 2026-03-02 10:00:00 -05:00 until 2026-04-01 00:00:00 -05:00 \
                  (America/Guayaquil): 9 commands\n";
    assert_eq!(told.err, begins);
    let figures = &replayed["figures"];
    assert_eq!(figures["leads"], 3);
    assert_eq!(figures["arrival_days"], 2);
    assert_eq!(figures["outcomes"]["won"], 1);
    assert_eq!(figures["closed_by_month"]["2026-03"]["won"], 1);
    let level = &figures["service_levels"]["first-contact"];
    // Luis was talked to late: the alarm had gone off on Tuesday at noon. Eva's rang on Monday, and
    // nobody has talked to her yet.
    assert_eq!(
        (&level["kept"], &level["broken"], &level["open"]),
        (&1.into(), &2.into(), &0.into())
    );
    assert_eq!(figures["messages"][0]["state"], "accepted");
    assert_eq!(figures["messages"][0]["count"], 2);
    assert_eq!(replayed["messages_handed_over"], 2);
    let ana = &figures["by_agent"][0];
    assert_eq!(
        (&ana["agent"], &ana["leads"], &ana["open"]),
        (&"ana".into(), &2.into(), &1.into())
    );

    let text = folder.replay(&["--until", "2026-04-01"]);
    assert_eq!(text.code, 0);
    for said in [
        "6 rows: 6 carried out\n9 commands: 9 carried out\n",
        "lived from 2026-03-02 10:00:00 -05:00 until 2026-04-01 00:00:00 -05:00 (times in America/Guayaquil)",
        "3 leads arrived on 2 days; 2 open",
        "first-contact",
        "ana",
    ] {
        assert!(text.out.contains(said), "{said}: {}", text.out);
    }
}

#[test]
fn leads_and_their_histories_are_found_in_the_database() {
    let folder = Folder::new(&[]);
    let db = folder.path("shop.db");
    assert_eq!(folder.replay(&["--db", &db]).code, 0);
    let playbook = folder.path("playbook");

    let listed = leadkit([
        "leads",
        &playbook,
        "--db",
        &db,
        "--where",
        "budget > 1000 and vip and visit < 2026-04-01",
        "--json",
    ]);
    let listed = listed.json();
    assert_eq!(listed["count"], 1);
    let jose = &listed["leads"][0];
    assert_eq!(jose["contact"], "José Peña");
    assert_eq!(jose["source"], "web");
    assert_eq!(jose["fields"]["budget"], 1234.5);
    assert_eq!(jose["fields"]["visit"], "2026-03-31");
    assert_eq!(jose["fields"]["vip"], true);
    assert_eq!(jose["registered_at"], "2026-03-02T10:00:00-05:00");
    assert_eq!(listed["zone"], "America/Guayaquil");

    let counted = leadkit([
        "leads",
        &playbook,
        "--db",
        &db,
        "--count-by",
        "owner,stage",
        "--json",
    ])
    .json();
    assert_eq!(counted["groups"].as_array().unwrap().len(), 3);
    // Stores compare texts whatever their case; people see what was written.
    let cities = [
        "leads",
        &playbook,
        "--db",
        &db,
        "--count-by",
        "city",
        "--where",
        "open",
    ];
    let counted = leadkit(cities.iter().chain(&["--json"])).json();
    assert_eq!(counted["groups"][0]["values"]["city"], "Cuenca");
    assert!(leadkit(cities).out.contains("Cuenca"));
    let ordered = leadkit([
        "leads",
        &playbook,
        "--db",
        &db,
        "--order",
        "registered_at",
        "--descending",
        "--limit",
        "1",
    ]);
    assert!(
        ordered.out.contains("Díaz; Eva") && ordered.out.contains("3 leads, 1 shown"),
        "{}",
        ordered.out
    );

    let wrong = leadkit([
        "leads",
        &playbook,
        "--db",
        &db,
        "--where",
        "stge == \"new\"",
    ]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("did you mean `stage`?"), "{}", wrong.err);
    let wrong = leadkit([
        "leads",
        &playbook,
        "--db",
        &db,
        "--where",
        "stge == \"new\"",
        "--json",
    ]);
    assert_eq!(wrong.json()["error"]["kind"], "condition-faults");
    let wrong = leadkit([
        "leads", &playbook, "--db", &db, "--tenant", "nobody", "--json",
    ]);
    assert_eq!(wrong.json()["error"]["kind"], "no-such-tenant");
    let wrong = leadkit([
        "leads",
        &playbook,
        "--db",
        &folder.path("other.db"),
        "--json",
    ]);
    assert_eq!(
        (wrong.code, wrong.json()["error"]["kind"].as_str()),
        (2, Some("no-database"))
    );
}

#[test]
fn a_lead_is_explained_by_its_id_or_its_address() {
    let folder = Folder::new(&[]);
    let db = folder.path("shop.db");
    assert_eq!(folder.replay(&["--db", &db]).code, 0);
    let playbook = folder.path("playbook");
    let jose = "contact.email == \"jose@example.com\"";
    let listed = leadkit(["leads", &playbook, "--db", &db, "--where", jose, "--json"]).json();
    let jose = &listed["leads"][0];
    let explained = leadkit([
        "explain",
        &playbook,
        "--db",
        &db,
        "--email",
        "LUIS@example.com",
    ]);
    assert_eq!(explained.code, 0, "{}", explained.err);
    for said in [
        "Luis Vera: sales.talking, owned by bea",
        "moved from new to talking",
        "task done late: first-contact",
    ] {
        assert!(explained.out.contains(said), "{said}: {}", explained.out);
    }
    let id = jose["lead"].as_str().unwrap();
    let explained = leadkit(["explain", &playbook, "--db", &db, id, "--json"]).json();
    assert_eq!(explained["contact"], "José Peña");
    assert!(!explained["history"].as_array().unwrap().is_empty());
    let nobody = leadkit([
        "explain",
        &playbook,
        "--db",
        &db,
        "--email",
        "no@example.com",
    ]);
    assert_eq!(nobody.code, 2);
    assert!(
        nobody.err.contains("no lead has the e-mail address"),
        "{}",
        nobody.err
    );
    write(
        folder.0.path(),
        &[(
            "playbook/playbook.toml",
            &PLAYBOOK.replace("A reason", "Why"),
        )],
    );
    let changed = leadkit(["explain", &playbook, "--db", &db, id]);
    assert!(
        changed.err.contains("another version of it"),
        "{}",
        changed.err
    );
}

#[test]
fn rows_that_can_not_be_carried_out_are_told_with_file_line_and_reason() {
    let rows = "\
7;Too Short
8;Bad Date;a@example.com;web;ana;;;;;31-02-2026;;;;
9;Bad Number;b@example.com;web;ana;;much;;;02-03-2026;;;;
10;No Agent;c@example.com;web;zoe;;;;;02-03-2026;;;;
11;No Email;nobody;wep;ana;;;;;02-03-2026;;;;
12;Too;Long;web;ana;;;;;02-03-2026;;;;;x
1;Twice;d@example.com;web;ana;;;;;02-03-2026;;;;
;No key;e@example.com;web;ana;;;;;02-03-2026;;;;
13;Lost;f@example.com;web;ana;;;;;02-03-2026;;05-03-2026;lost;
14;Won at once;g@example.com;web;ana;;;;;02-03-2026;;05-03-2026;won;
";
    let folder = Folder::new(&[("leads.csv", &format!("{LEADS}{rows}"))]);
    let told = folder.replay(&["--json"]);
    assert_eq!(told.code, 1);
    let replayed = told.json();
    let refused: Vec<(u64, &str, &str)> = replayed["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refused| {
            assert_eq!(refused["file"], "leads.csv");
            let text = |key: &str| refused[key].as_str().unwrap();
            (
                refused["line"].as_u64().unwrap(),
                text("code"),
                text("reason"),
            )
        })
        .collect();
    let wanted = [
        (
            5,
            "unreadable-row",
            "has 2 cells of 14, and none for `email`, `origin`, `advisor`, `city`",
        ),
        (
            6,
            "unreadable-value",
            "`arrived`: `31-02-2026` is no date: that month has days 01 to 28",
        ),
        (7, "unreadable-value", "`budget`: `much` is not a number"),
        (8, "no-such-agent", "there is no agent zoe"),
        (
            9,
            "incomplete",
            "source: `wep` is unknown; did you mean `web`?",
        ),
        (10, "unreadable-row", "has 15 cells, the header has 14"),
        (11, "key-twice", "`1` stands on line 2 already"),
        (12, "no-key", "nothing in `id`"),
        (13, "missing", "not yet: A reason (reason)"),
        (14, "no-way", "no way leads from new to won"),
    ];
    assert_eq!(refused.len(), wanted.len(), "{refused:#?}");
    for (found, wanted) in refused.iter().zip(wanted) {
        assert_eq!((found.0, found.1), (wanted.0, wanted.1));
        assert!(found.2.contains(wanted.2), "{}", found.2);
    }
    // Whoever was registered is there, with what could be done.
    assert_eq!(replayed["figures"]["leads"], 5);
    let text = folder.replay(&[]);
    assert_eq!(text.code, 1);
    assert!(text.out.contains("leads.csv:13"), "{}", text.out);
}

#[test]
fn how_long_a_lead_waits_is_refused_where_nobody_says_in_which_group() {
    let map = r#"
[[file]]
path = "moves.csv"

[[file.command]]
lead     = "id"
at       = "arrived"
register = { name = "Luis" }

[[file.command]]
lead = "id"
at   = "moved"
move = { to = "talking", wait = "{wait}", wait-days = "{days}" }
"#;
    let rows = "id,arrived,moved,wait,days\n\
                1,2026-03-02,2026-03-03,,\n\
                2,2026-03-02,2026-03-03,,45\n";
    let folder = Folder::new(&[("moves.csv", rows), ("map.toml", map)]);
    let told = folder.replay(&["--json"]).json();
    let refused = told["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 1, "{refused:#?}");
    let wanted = "`wait-days`: `45` is a wait in no group, and `wait` would say in which";
    assert_eq!(
        (&refused[0]["line"], &refused[0]["reason"]),
        (&3.into(), &wanted.into())
    );
}

#[test]
fn no_row_is_bent_until_it_fits() {
    let map = r#"
[[file]]
path = "leads.csv"

[[file.command]]
lead     = "id"
at       = "arrived"
register = { name = "{name}", phone = "{phone}", visit = "{visit}", wait = "{wait}", wait-days = "{days}" }
"#;
    let rows = "\
id,name,phone,visit,wait,days,arrived
1,No date,,,,,0001-01-01
2,Filled up,,,,,0026-03-02 10:00
3,No date either,,0001-01-01,,,2026-03-02
4,No digit,ask the boss,,,,2026-03-02
5,Turned \u{202e}round,,,,,2026-03-02
6,\"Two
lines\",,,,,2026-03-02
7,Below zero,,,,-5,2026-03-02
8,Too large,,,,99999999999,2026-03-02
9,No number,,,,soon,2026-03-02
10,Fits,+593 99 1,2026-04-01,,,2026-03-02
";
    let folder = Folder::new(&[("leads.csv", rows), ("map.toml", map)]);
    let told = folder.replay(&["--json"]);
    assert_eq!(told.code, 1);
    let replayed = told.json();
    let refused = replayed["refused"].as_array().unwrap();
    let reasons = [
        (
            2,
            "`arrived`: `0001-01-01` is no date to rely on: nothing happened in the year 0001",
        ),
        (3, "nothing happened in the year 0026"),
        (4, "`visit`: `0001-01-01` is no date to rely on"),
        (
            5,
            "phone: `ask the boss` is no phone number: it has no digit",
        ),
        (6, "name: holds the character U+202E"),
        (7, "name: holds a line break, which can't stand there"),
        (9, "`wait-days`: `-5` is below zero"),
        (10, "`wait-days`: `99999999999` is too large"),
        (11, "`wait-days`: `soon` is no whole number"),
    ];
    let mut told: Vec<(u64, &str)> = refused
        .iter()
        .map(|row| {
            (
                row["line"].as_u64().unwrap(),
                row["reason"].as_str().unwrap(),
            )
        })
        .collect();
    told.sort_unstable();
    assert_eq!(told.len(), reasons.len(), "{told:#?}");
    for ((line, told), (wanted_line, wanted)) in told.into_iter().zip(reasons) {
        assert_eq!(line, wanted_line);
        assert!(told.contains(wanted), "{line}: {told}");
    }
    assert_eq!(replayed["figures"]["leads"], 1);
}

#[test]
fn the_same_again_changes_nothing_and_rows_added_later_are_late_facts() {
    let folder = Folder::new(&[]);
    let db = folder.path("shop.db");
    let first = folder.replay(&["--db", &db, "--json"]).json();
    let again = folder.replay(&["--db", &db, "--json"]).json();
    assert_eq!(again["carried_out"], 0);
    assert_eq!(again["done_before"], first["carried_out"]);
    assert_eq!(again["figures"], first["figures"]);
    assert_eq!(again["clock"], first["clock"]);

    // A row more, and an older lead's end: both happened before what is in the database.
    let more = LEADS.replace(
        "06-03-2026 16:30;;;;",
        "06-03-2026 16:30;;10-03-2026 09:00;lost;no money",
    );
    let more = format!("{more}4;Rosa Paz;rosa@example.com;web;bea;;;;;03-03-2026 09:00;;;;\n");
    write(folder.0.path(), &[("leads.csv", &more)]);
    let third = folder.replay(&["--db", &db, "--json"]).json();
    assert_eq!(third["carried_out"], 2, "{third:#}");
    assert_eq!(third["figures"]["leads"], 4);
    assert_eq!(third["figures"]["arrival_days"], 3);
    assert_eq!(third["figures"]["closed_by_month"]["2026-03"]["lost"], 1);
    let eva = leadkit([
        "explain",
        &folder.path("playbook"),
        "--db",
        &db,
        "--email",
        "eva@example.com",
    ]);
    // It stands where it happened, and says once when it was told.
    let said = "moved from new to lost (told 2026-03-20 12:00:00 -05:00)\n";
    let line = eva.out.lines().find(|line| line.contains("moved from"));
    assert!(eva.out.contains(said), "{}", eva.out);
    assert!(line.is_some_and(|line| line.starts_with("  2026-03-10 09:00:00 -05:00  ")));
    assert_eq!(eva.out.matches("(told ").count(), 1, "{}", eva.out);

    let back = folder.replay(&["--db", &db, "--until", "2026-03-05"]);
    assert_eq!(back.code, 2);
    assert!(back.err.contains("has lived until"), "{}", back.err);
}

#[test]
fn a_tax_number_is_read_however_it_is_written_and_a_row_with_a_wrong_one_is_told() {
    let leads = "id,name,arrived,ruc\n1,Ana,2026-03-02,1792060346-001\n2,Eva,2026-03-02,\n\
                 3,Luis,2026-03-02,1792060346\n";
    let map = "[[file]]\npath = \"few.csv\"\nkey = \"id\"\n\n[[file.command]]\nlead = \"id\"\nat = \"arrived\"\n\
               register = { name = \"{name}\", ruc = \"{ruc}\" }\n";
    let field = "\n[field.ruc]\ntype = \"tax-number\"\nof = \"EC\"\n";
    let folder = Folder::new(&[
        ("few.csv", leads),
        ("map.toml", map),
        ("playbook/playbook.toml", &format!("{PLAYBOOK}{field}")),
    ]);
    let db = folder.path("few.db");
    let told = folder.replay(&["--db", &db, "--json"]);
    let said = "cannot be taken in: ruc: is no RUC: it has 10 characters, and not 13";
    assert_eq!(refused(&told.json()), [(4, said.to_owned())]);
    let playbook = folder.path("playbook");
    let asked = "ruc == \"1792060346 001\"";
    let sought = ["leads", &playbook, "--db", &db, "--where", asked, "--json"];
    let listed = leadkit(sought).json();
    assert_eq!(listed["leads"].as_array().unwrap().len(), 1);
    assert_eq!(listed["leads"][0]["fields"]["ruc"], "1792060346001");
}

#[test]
fn a_lead_that_is_won_before_it_arrives_is_registered_first_and_flagged() {
    let leads = LEADS
        .replace("20-03-2026 12:00;won", "20-02-2026 12:00;won")
        .replace("02-03-2026 11:00", "19-02-2026 11:00");
    let folder = Folder::new(&[("leads.csv", &leads)]);
    let told = folder.replay(&["--json"]);
    assert_eq!(told.code, 0, "{}", told.out);
    let flagged = told.json()["figures"]["flagged"].clone();
    assert_eq!(flagged[0]["contact"], "José Peña");
    assert_eq!(flagged[0]["flags"][0], "closed before it was registered");
    assert_eq!(
        told.json()["figures"]["closed_by_month"]["2026-02"]["won"],
        1
    );
    // Stopped before the lead arrives, its end is not lost but left out with it.
    let stopped = folder.replay(&["--until", "2026-02-25", "--json"]).json();
    assert_eq!(
        stopped["refused"].as_array().unwrap().len(),
        0,
        "{stopped:#}"
    );
    assert_eq!(stopped["figures"]["leads"], 0);
    assert_eq!(stopped["left_out"], 3 + 2 + 1);
}

/// The reasons why rows are refused, with their lines.
fn refused(replayed: &serde_json::Value) -> Vec<(u64, String)> {
    let refused = replayed["refused"].as_array().unwrap().iter();
    let refused = refused.map(|row| {
        let reason = row["reason"].as_str().unwrap().to_owned();
        (row["line"].as_u64().unwrap(), reason)
    });
    refused.collect()
}

#[test]
fn a_year_that_was_mistyped_is_refused_before_centuries_are_lived_through() {
    let rows = |year: &str| {
        format!("{LEADS}4;Rosa Paz;rosa@example.com;web;bea;;;;;03-03-{year} 09:00;;;;\n")
    };
    for year in ["1926", "2206", "9998", "9999"] {
        let folder = Folder::new(&[("leads.csv", &rows(year))]);
        let told = folder.replay(&["--json"]);
        assert_eq!(told.code, 1);
        let replayed = told.json();
        let said =
            format!("`arrived`: `03-03-{year} 09:00` lies more than 10 years from 2026-03-0");
        let refused = refused(&replayed);
        assert_eq!((refused.len(), refused[0].0), (1, 5), "{refused:?}");
        assert!(refused[0].1.starts_with(&said), "{refused:?}");
        assert_eq!(replayed["figures"]["leads"], 3);
        assert_eq!(replayed["clock"], "2026-03-20T12:00:00-05:00");
    }
    // A map that says how far its history goes is believed.
    let map = format!("from = 1926-01-01\n{MAP}");
    let folder = Folder::new(&[("leads.csv", &rows("1926")), ("map.toml", &map)]);
    let replayed = folder.replay(&["--until", "1926-04-01", "--json"]).json();
    assert_eq!(refused(&replayed), []);
    assert_eq!(replayed["figures"]["leads"], 1);
    let map = format!("from = \"2026-03-03\"\nto = 2026-03-31\n{MAP}");
    let folder = Folder::new(&[("map.toml", &map)]);
    let told = refused(&folder.replay(&["--json"]).json());
    let said = "is before 2026-03-03, the first day that the map allows";
    assert!(told[0].1.ends_with(said), "{told:?}");
}

#[test]
fn a_year_of_two_digits_is_no_year_of_four() {
    let row = "4;Rosa Paz;rosa@example.com;web;bea;;;;;26-03-02;;;;\n";
    let folder = Folder::new(&[("leads.csv", &format!("{LEADS}{row}"))]);
    let told = refused(&folder.replay(&["--json"]).json());
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, 5);
    let said = "`arrived`: `26-03-02` has a year of two digits";
    assert!(told[0].1.starts_with(said), "{told:?}");
}

#[test]
fn what_is_typed_in_place_of_a_phone_number_is_told() {
    let map = MAP.replace("email = \"{email}\", source", "phone = \"{email}\", source");
    let rows = LEADS
        .replace("jose@example.com", "000-000-0000")
        .replace("luis@example.com", "000-000-0000")
        .replace("eva@example.com", "099 123 4567");
    let folder = Folder::new(&[("map.toml", &map), ("leads.csv", &rows)]);
    let told = folder.replay(&["--json"]).json();
    let warnings = told["warnings"].as_array().unwrap();
    let of_leads = warnings.iter().find(|told| told["file"] == "leads.csv");
    let warning = of_leads.unwrap();
    assert_eq!(warning["lines"], serde_json::json!([2, 3]));
    let message = warning["message"].as_str().unwrap();
    assert!(message.contains("identifies nobody"), "{message}");
}

#[test]
fn who_is_there_already_is_told_with_the_row() {
    let base = "\n[base.everybody]\npipelines = [\"sales\"]\nunique = [\"contact.email\"]\n";
    let row = "4;Luis;luis@EXAMPLE.com;web;bea;;;;;03-03-2026 09:00;;;;\n";
    let folder = Folder::new(&[
        ("leads.csv", &format!("{LEADS}{row}")),
        ("playbook/playbook.toml", &format!("{PLAYBOOK}{base}")),
    ]);
    let told = folder.replay(&["--json"]);
    assert_eq!(told.code, 1, "{}{}", told.out, told.err);
    let said =
        "luis@EXAMPLE.com is already in the base `everybody`, with the lead `2` of leads.csv:3";
    assert_eq!(refused(&told.json()), [(5, said.to_owned())]);
}

#[test]
fn what_was_set_aside_is_among_the_figures() {
    let text = "Subject: Late\n\n{% if contact.name == 'Luis Vera' or contact.name == 'Díaz; Eva' %}\
                {% for a in range(9999) %}{% for b in range(9999) %}.{% endfor %}{% endfor %}{% endif %}Late\n";
    let folder = Folder::new(&[("playbook/templates/late.txt", text)]);
    let replayed = folder.replay(&["--until", "2026-04-01", "--json"]).json();
    assert_eq!(replayed["figures"]["set_aside"], 2, "{replayed:#}");
    let first = &replayed["figures"]["set_aside_examples"][0];
    assert_eq!(first["kind"], "message");
    assert_eq!(first["what"], "late to marco@example.com about Luis Vera");
    let told = folder.replay(&["--until", "2026-04-01"]);
    let said = "2 records set aside because they failed:";
    assert!(told.out.contains(said), "{}", told.out);
}

#[test]
fn leads_are_counted_by_time_in_the_zone_of_the_playbook() {
    let folder = Folder::new(&[]);
    let db = folder.path("shop.db");
    assert_eq!(folder.replay(&["--db", &db]).code, 0);
    let playbook = folder.path("playbook");
    let count = [
        "leads",
        &playbook,
        "--db",
        &db,
        "--count-by",
        "registered_at",
    ];
    let told = leadkit(count);
    for said in ["2026-03-02 10:00:00 -05:00", "(times in America/Guayaquil)"] {
        assert!(told.out.contains(said), "{said}: {}", told.out);
    }
    let json = leadkit(count.iter().chain(&["--json"])).json();
    assert_eq!(json["zone"], "America/Guayaquil");
    let groups = json["groups"].as_array().unwrap();
    let times: Vec<&str> = groups
        .iter()
        .map(|group| group["values"]["registered_at"].as_str().unwrap())
        .collect();
    assert!(times.contains(&"2026-03-02T10:00:00-05:00"), "{times:?}");
}

#[test]
fn what_comes_too_late_is_told_in_the_zone_of_the_playbook() {
    let folder = Folder::new(&[]);
    let db = folder.path("shop.db");
    assert_eq!(folder.replay(&["--db", &db]).code, 0);
    let ended = LEADS.replace(
        "04-03-2026 10:00;;;",
        "04-03-2026 10:00;03-03-2026 09:00;lost;no money",
    );
    write(folder.0.path(), &[("leads.csv", &ended)]);
    let told = folder.replay(&["--db", &db, "--json"]).json();
    let said = "reported too late: since 2026-03-04 10:00:00 -05:00 the lead's stage is talking";
    assert_eq!(refused(&told), [(3, said.to_owned())]);
}
