//! What a replay says of each row that it was given: none is lost without a word, and what is probably
//! not meant is told.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod shop;
mod told;

use serde_json::{Value, json};
use shop::{Folder, LEADS, MAP, PLAYBOOK};
use told::{leadkit, write};

/// A lead is registered by its status, and closed by it.
const BY_STATUS: &str = r#"
[[file]]
path   = "leads.csv"
key    = "id"
values = { status = { Ganado = "won" } }

[[file.command]]
lead     = "id"
at       = "arrived"
if       = { status = ["Nuevo", "Ganado", "Perdio"] }
register = { name = "{name}", source = "web" }

[[file.command]]
lead  = "id"
at    = "ended"
if    = { status = "won" }
move  = { to = "talking" }
"#;

const STATUSES: &str = "\
id,name,status,arrived,ended
1,Luis,Nuevo,2026-03-02,
2,Rosa,Perdido,2026-03-03,
3,Eva,GANADO,2026-03-04,2026-03-05
4,José,,2026-03-04,
";

fn list<'a>(of: &'a Value, key: &str) -> &'a [Value] {
    of[key].as_array().unwrap()
}

/// The warnings about a file, each with its line.
fn warnings<'a>(replayed: &'a Value, file: &str) -> Vec<(u64, String, Option<&'a str>)> {
    let warnings = list(replayed, "warnings").iter();
    let warnings = warnings.filter(|warning| warning["file"].as_str().unwrap().ends_with(file));
    let told = warnings.map(|warning| {
        let line = warning["line"].as_u64().unwrap();
        let message = warning["message"].as_str().unwrap().to_owned();
        (line, message, warning["hint"].as_str())
    });
    told.collect()
}

#[test]
fn rows_that_match_no_command_are_told_with_their_lines() {
    let folder = Folder::new(&[("leads.csv", STATUSES), ("map.toml", BY_STATUS)]);
    let told = folder.replay(&["--json"]);
    assert_eq!(told.code, 0, "{}", told.out);
    let replayed = told.json();
    assert_eq!(replayed["carried_out"], 2);
    assert_eq!(replayed["files"][0]["passed_over"], json!([3, 5]));
    let text = folder.replay(&[]);
    let said = "leads.csv: 4 rows (UTF-8, `,`); 2 match no command (lines 3, 5)\n";
    assert!(text.out.starts_with(said), "{}", text.out);
}

/// Of many rows people are told the first few, programs all.
#[test]
fn of_many_rows_that_match_no_command_the_first_are_told() {
    let many: String = (5..30)
        .map(|id| format!("{id},Ana,Perdido,2026-03-04,\n"))
        .collect();
    let rows = format!("{STATUSES}{many}");
    let folder = Folder::new(&[("leads.csv", &rows), ("map.toml", BY_STATUS)]);
    let replayed = folder.replay(&["--json"]).json();
    assert_eq!(list(&replayed["files"][0], "passed_over").len(), 27);
    let said = "; 27 match no command (lines 3, 5, 6, 7, 8 and 22 more)\n";
    let text = folder.replay(&[]);
    assert!(text.out.contains(said), "{}", text.out);
}

#[test]
fn a_row_that_names_no_agent_to_set_up_matches_no_command() {
    let agents = "id,name,role,cities\nana,Ana,advisor,\n,Nobody,advisor,\nbea,Bea,advisor,\nmarco,Marco,manager,\n";
    let folder = Folder::new(&[("agents.csv", agents)]);
    let replayed = folder.replay(&["--json"]).json();
    assert_eq!(replayed["files"][0]["passed_over"], json!([3]));
}

#[test]
fn an_agent_who_is_said_in_two_ways_is_told() {
    let agents = "\
id,name,role,cities
ana,Ana Torres,advisor,
ana,Ana Torres,advisor,
ana,Ana Torres,manager,
ana,Ana T.,manager,
bea,Bea,advisor,
marco,Marco,manager,
";
    let folder = Folder::new(&[("agents.csv", agents)]);
    let told = folder.replay(&["--json"]);
    let replayed = told.json();
    let said = "the agent `ana` is said otherwise in agents.csv:2, which counts";
    let found = warnings(&replayed, "agents.csv");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((found[0].0, found[0].1.as_str()), (4, said));
    assert_eq!(told.code, 0, "{}", told.out);
}

#[test]
fn what_a_command_asks_for_and_no_row_has_is_a_warning() {
    let folder = Folder::new(&[("leads.csv", STATUSES), ("map.toml", BY_STATUS)]);
    let replayed = folder.replay(&["--json"]).json();
    let no_row = |value| format!("leads.csv: no row has `{value}` in `status`");
    let wanted = [
        (10, no_row("Perdio"), Some("did you mean `Perdido`?")),
        (
            16,
            no_row("won"),
            Some("write it as the file does: `Ganado`"),
        ),
    ];
    assert_eq!(warnings(&replayed, "map.toml"), wanted);
    let map = BY_STATUS
        .replace("\"Perdio\"", "\"archivado por el gerente\"")
        .replace(
            "if    = { status = \"won\" }",
            "if    = \"name\"\nunless = \"notes\"",
        );
    let rows = STATUSES.replace("ended\n", "ended,notes\n");
    let rows = rows.replace("-05\n", "-05,\n").replace(",\n", ",,\n");
    write(folder.0.path(), &[("map.toml", &map), ("leads.csv", &rows)]);
    let replayed = folder.replay(&["--json"]).json();
    let there = Some("there are: `GANADO`, `Nuevo`, `Perdido`");
    let nothing = "leads.csv: no row has anything in `notes`".to_owned();
    let wanted = [
        (10, no_row("archivado por el gerente"), there),
        (17, nothing, None),
    ];
    assert_eq!(warnings(&replayed, "map.toml"), wanted);
    let text = folder.replay(&[]).out;
    assert!(
        text.contains("map.toml:17: leads.csv: no row has anything"),
        "{text}"
    );
}

#[test]
fn a_test_that_asks_for_nothing_is_a_fault() {
    for key in ["if", "unless"] {
        let map = BY_STATUS.replace("if    = { status = \"won\" }", &format!("{key} = {{}}"));
        let folder = Folder::new(&[("leads.csv", STATUSES), ("map.toml", &map)]);
        let told = folder.replay(&["--json"]);
        assert_eq!(told.code, 2, "{}", told.out);
        let faults = list(&told.json()["error"], "faults").to_vec();
        assert_eq!(faults.len(), 1, "{faults:#?}");
        assert_eq!(faults[0]["line"], 16);
        assert_eq!(faults[0]["message"], format!("`{key}` asks for nothing"));
    }
}

#[test]
fn what_comes_after_the_end_is_told_with_its_lines() {
    let folder = Folder::new(&[]);
    let until = ["--until", "2026-03-04"];
    let replayed = folder.replay(&[&until[..], &["--json"]].concat()).json();
    assert_eq!(replayed["left_out"], 3);
    let left =
        |line: u64, command: &str| json!({ "file": "leads.csv", "line": line, "command": command });
    let wanted = [left(2, "close"), left(3, "move"), left(4, "register")];
    assert_eq!(list(&replayed, "left_out_commands"), wanted);
    let text = folder.replay(&until);
    assert_eq!(text.code, 0);
    for said in [
        "6 rows: 3 carried out, 3 left out by --until\n",
        "left out: leads.csv lines 2, 3, 4\n",
    ] {
        assert!(text.out.contains(said), "{said}: {}", text.out);
    }
}

#[test]
fn a_year_that_is_wrong_by_a_few_is_believed_and_told() {
    let row = "4;Rosa Paz;rosa@example.com;web;bea;;;;;03-03-2024 09:00;04-03-2024 10:00;;;\n";
    let folder = Folder::new(&[("leads.csv", &format!("{LEADS}{row}"))]);
    let told = folder.replay(&["--json"]);
    assert_eq!(told.code, 0, "{}", told.out);
    let replayed = told.json();
    assert_eq!(replayed["figures"]["leads"], 4);
    let far = |column: &str, said: &str| {
        let message = format!(
            "`{column}`: `{said}` lies more than half a year before most of the history (2026-03-02 to \
             2026-03-20); is it meant?"
        );
        let hint =
            "if so, say above the files of the map how far its history goes: from = YYYY-MM-DD";
        (5, message, Some(hint))
    };
    let wanted = [
        far("arrived", "03-03-2024 09:00"),
        far("talked", "04-03-2024 10:00"),
    ];
    assert_eq!(warnings(&replayed, "leads.csv"), wanted);
    let text = folder.replay(&[]).out;
    assert!(text.contains("\nwarning: leads.csv:5: `arrived`"), "{text}");
    // A map that says so is believed.
    let map = format!("from = 2024-01-01\n{MAP}");
    write(folder.0.path(), &[("map.toml", &map)]);
    let replayed = folder.replay(&["--json"]).json();
    assert_eq!(warnings(&replayed, "leads.csv"), []);
}

/// Else an old file buries everything else that is told, a line for each of its rows.
#[test]
fn many_rows_that_lie_far_away_are_told_once_for_each_column() {
    let far = |number: usize| {
        format!("{number};Rosa {number};r{number}@example.com;web;bea;;;;;03-03-2024 09:00;;;;\n")
    };
    let near = |number: usize| {
        format!("{number};Ana {number};a{number}@example.com;web;bea;;;;;03-03-2026 09:00;;;;\n")
    };
    let mut rows = LEADS.to_owned();
    rows.extend((0..1100).map(|number| far(5000 + number)));
    rows.extend((0..1200).map(|number| near(9000 + number)));
    let folder = Folder::new(&[("leads.csv", &rows)]);
    let replayed = folder.replay(&["--json"]).json();
    let told = warnings(&replayed, "leads.csv");
    assert_eq!(told.len(), 1, "{told:?}");
    let (line, message, _) = &told[0];
    assert_eq!(*line, 5);
    let said = "`arrived`: 1100 rows, first `03-03-2024 09:00`, lie more than half a year before";
    assert!(message.starts_with(said), "{message}");
    let mut all = list(&replayed, "warnings").iter();
    let warning = all.find(|warning| warning["message"] == *message).unwrap();
    assert_eq!(warning["count"], 1100);
    assert_eq!(list(warning, "lines").len(), 1000);
    let text = folder.replay(&[]).out;
    assert!(text.contains("\n  lines 5, 6, 7"), "{text}");
}

#[test]
fn what_happened_to_a_lead_whose_registration_was_refused_says_so() {
    let rows = "\
4;Rosa Paz;rosa@example.com;fax;bea;;;;;03-03-2026 09:00;04-03-2026 10:00;;;
5;Juan Paz;juan@example.com;web;bea;;;;;31-02-2026 09:00;04-03-2026 10:00;;;
6;Inés Paz;ines@example.com;web;bea;;;;;03-03-1926 09:00;04-03-2026 10:00;;;
";
    let folder = Folder::new(&[("leads.csv", &format!("{LEADS}{rows}"))]);
    let replayed = folder.replay(&["--json"]).json();
    let refused = list(&replayed, "refused");
    let moves = refused
        .iter()
        .filter(|refused| refused["command"] == "move");
    let reasons: Vec<&str> = moves.map(|one| one["reason"].as_str().unwrap()).collect();
    let wanted = [(4, 5), (5, 6), (6, 7)].map(|(lead, line)| {
        format!("the registration of the lead `{lead}` in leads.csv:{line} was refused")
    });
    assert_eq!(reasons, wanted);
    let source = "source: `fax` is unknown; there are: web, walk-in";
    let told = refused[0]["reason"].as_str().unwrap();
    assert!(told.contains(source), "{told}");
}

#[test]
fn who_may_not_do_what_the_rows_say_is_named() {
    let map = MAP.replace(
        "close  = { as = \"{end}\"",
        "close  = { by = \"{advisor}\", as = \"{end}\"",
    );
    let playbook = PLAYBOOK.replace("\"record\", \"move\", \"set\"", "\"record\", \"set\"");
    let folder = Folder::new(&[("map.toml", &map), ("playbook/playbook.toml", &playbook)]);
    let told = folder.replay(&["--json"]);
    assert_eq!(told.code, 1, "{}", told.out);
    let replayed = told.json();
    let not = |actor: &str, commands: u64| json!({ "actor": actor, "may_not": "move", "who_may": ["manager"], "commands": commands });
    assert_eq!(
        list(&replayed, "not_permitted"),
        [not("ana", 2), not("bea", 1)]
    );
    let text = folder.replay(&[]).out;
    let table: Vec<Vec<&str>> = text
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("not permitted"))
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(table[2], ["ana", "move", "manager", "2"], "{text}");
    // Whoever may move leads may not move those of others.
    let map = MAP.replace("by = \"{advisor}\" }", "by = \"bea\" }");
    let playbook = PLAYBOOK.replace("[role.advisor]\n", "[role.advisor]\nover = \"own\"\n");
    let folder = Folder::new(&[("map.toml", &map), ("playbook/playbook.toml", &playbook)]);
    let replayed = folder.replay(&["--json"]).json();
    let others = "act on leads of others";
    // The table names the roles that the row names.
    let bea = json!({ "actor": "bea", "may_not": others, "who_may": ["manager"], "commands": 1 });
    assert_eq!(list(&replayed, "not_permitted"), [bea]);
}

#[test]
fn the_messages_of_a_rehearsal_are_told_as_such() {
    let folder = Folder::new(&[]);
    let db = folder.path("shop.db");
    let rehearsed = "rehearsed: no message was sent; an accepted one is one that would have been";
    let told = folder.replay(&["--db", &db, "--until", "2026-04-01"]);
    assert!(told.out.contains(rehearsed), "{}", told.out);
    let playbook = folder.path("playbook");
    let of_luis = ["--email", "luis@example.com"];
    for (command, more) in [("messages", &[][..]), ("explain", &of_luis)] {
        let asked = [&[command, &playbook, "--db", &db][..], more].concat();
        let text = leadkit(&asked).out;
        assert!(text.contains(rehearsed), "{command}: {text}");
        let json = leadkit(asked.iter().chain(&["--json"])).json();
        assert_eq!(json["rehearsed"], true, "{command}");
    }
}

#[test]
fn rows_that_a_quote_too_many_takes_in_are_told() {
    let leads = "\
id,name,status,arrived,notes
1,Luis,Nuevo,2026-03-02,\"call later
2,Rosa,Nuevo,2026-03-03,
3,Eva,Nuevo,2026-03-04,soon\"
4,José,Nuevo,2026-03-04,\"two lines,
and no row\"
";
    let map = BY_STATUS.replace("ended", "arrived");
    let folder = Folder::new(&[("leads.csv", leads), ("map.toml", map.as_str())]);
    let told = folder.replay(&["--json"]).json();
    let warned = warnings(&told, "leads.csv");
    let [(2, message, Some(hint))] = warned.as_slice() else {
        panic!("{warned:?}");
    };
    assert_eq!(
        message,
        "a cell of this row holds what looks like 2 other rows"
    );
    assert_eq!(*hint, "is there a quote too many, or one too few?");
}

/// Two people on one address become one contact, and the second name stands nowhere but in the file.
#[test]
fn who_shares_an_address_or_a_number_with_somebody_else_is_told() {
    let map = r#"
[[file]]
path = "leads.csv"
key  = "id"

[[file.command]]
lead     = "id"
at       = "arrived"
register = { name = "{name}", email = "{email}", phone = "{phone}", source = "web" }
"#;
    let rows = "\
id,name,email,phone,arrived
1,Luis Vera,luis@example.com,,2026-03-02
2,Rosa Paz,LUIS@example.com,,2026-03-03
3,Juan Paz,,099 123,2026-03-03
4,Inés Paz,,099-123,2026-03-04
5,luis vera,luis@example.com,,2026-03-05
";
    let folder = Folder::new(&[("leads.csv", rows), ("map.toml", map)]);
    let db = folder.path("shop.db");
    let told = folder.replay(&["--db", &db, "--json"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let differs = |line: u64, says: &str, known: &str, from: &str, shares: &str| {
        let differ = list(&told.json(), "contacts_differ").to_vec();
        let of_line = differ.iter().find(|one| one["line"] == line);
        let one = of_line.unwrap_or_else(|| panic!("{line}: {differ:#?}"));
        assert_eq!(one["file"], "leads.csv");
        assert_eq!(one["says"]["name"], says);
        assert_eq!(one["known"]["name"], known);
        assert_eq!(one["known_from"], from);
        assert_eq!(one["shares"], shares);
    };
    differs(3, "Rosa Paz", "Luis Vera", "leads.csv:2", "email");
    differs(5, "Inés Paz", "Juan Paz", "leads.csv:4", "phone");
    assert_eq!(list(&told.json(), "contacts_differ").len(), 2);
    let text = folder.replay(&[]).out;
    for said in [
        "2 rows name contacts known already by another name or number",
        "leads.csv:3",
        "email LUIS@example.com",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    // The same history says the same again.
    let first = told.json()["contacts_differ"].clone();
    let again = folder.replay(&["--db", &db, "--json"]).json();
    assert_eq!(again["carried_out"], 0);
    assert_eq!(again["contacts_differ"], first);
    // A row that was added later finds the one of an earlier run.
    let more = format!("{rows}8,Eva Luna,luis@example.com,,2026-03-06\n");
    write(folder.0.path(), &[("leads.csv", &more)]);
    let again = folder.replay(&["--db", &db, "--json"]).json();
    let differ = list(&again, "contacts_differ");
    let [earlier @ .., added] = differ else {
        panic!("{again:#}");
    };
    assert_eq!(earlier, list(&told.json(), "contacts_differ"));
    assert_eq!(added["line"], 7);
    assert_eq!(added["known_from"], "leads.csv:2");
}

#[test]
fn an_agent_is_the_same_however_the_id_is_written() {
    let agents = "id,name,role,cities\nana,Ana,advisor,\nbea,Bea,advisor,\nBEA,Bea,advisor,\nmarco,M,manager,\n";
    let leads = LEADS
        .replace("web;ana;", "web;ANA;")
        .replace("walk in;bea", "walk in;Bea");
    let folder = Folder::new(&[("agents.csv", agents), ("leads.csv", &leads)]);
    let told = folder.replay(&["--json"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let replayed = told.json();
    let owners = list(&replayed["figures"], "by_agent").iter();
    let owners: Vec<&str> = owners.map(|of| of["agent"].as_str().unwrap()).collect();
    assert_eq!(owners, ["ana", "bea"]);
    let messages = |file| -> Vec<(u64, String)> {
        let told = warnings(&replayed, file).into_iter();
        told.map(|(line, message, _)| (line, message)).collect()
    };
    let taken = |said: &str, first: &str| format!("`{said}` is taken for the agent `{first}`");
    let of_leads = [(4, taken("ANA", "ana")), (3, taken("Bea", "bea"))];
    assert_eq!(messages("leads.csv"), of_leads);
    let otherwise = "the agent `BEA` is said otherwise in agents.csv:3, which counts".to_owned();
    let of_agents = [(4, otherwise), (4, taken("BEA", "bea"))];
    assert_eq!(messages("agents.csv"), of_agents);
}

#[test]
fn values_for_which_there_is_no_command_are_told_once_for_each_column() {
    let rows = format!("{STATUSES}5,Ana,Anulado,2026-03-04,\n6,Luz,anulado,2026-03-04,\n");
    let map = BY_STATUS
        .replace("\"Perdio\"", "\"Nuevo\"")
        .replace("{ status = \"won\" }", "\"ended\"");
    let folder = Folder::new(&[("leads.csv", &rows), ("map.toml", &map)]);
    let replayed = folder.replay(&["--json"]).json();
    let told = warnings(&replayed, "leads.csv");
    let said =
        "`status`: no command is for `Anulado` (1 row), `Perdido` (1 row), `anulado` (1 row)";
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].0, told[0].1.as_str()), (3, said));
    let mut all = list(&replayed, "warnings").iter();
    let warning = all.find(|warning| warning["message"] == said).unwrap();
    assert_eq!(warning["lines"], json!([3, 6, 7]));
    // Who says that it means nothing is believed.
    let map = map.replace(
        "key    = \"id\"",
        "key = \"id\"\nempty = [\"anulado\", \"perdido\"]",
    );
    write(folder.0.path(), &[("map.toml", &map)]);
    let replayed = folder.replay(&["--json"]).json();
    assert_eq!(warnings(&replayed, "leads.csv"), []);
}

#[test]
fn what_a_map_says_and_no_row_or_only_a_column_has_is_a_warning() {
    let map = BY_STATUS
        .replace("name = \"{name}\"", "name = \"name\"")
        .replace("Ganado = \"won\"", "Ganad = \"won\", Nuevo = \"new\"")
        .replace(", \"Perdio\"", ", \"Perdido\"")
        .replace("if    = { status = \"won\" }", "if    = \"ended\"");
    let folder = Folder::new(&[("leads.csv", STATUSES), ("map.toml", &map)]);
    let replayed = folder.replay(&["--json"]).json();
    let in_vain = "leads.csv: no row has `Ganad` in `status`, of which the map says the meaning";
    let column = "leads.csv: `name` is said as it stands, and is a column";
    let unread = "leads.csv: nothing reads the column `name`";
    let kept = "what stands there is kept nowhere; if a command is to say it, write {name}";
    let wanted = [
        (3, unread.to_owned(), Some(kept)),
        (5, in_vain.to_owned(), Some("did you mean `GANADO`?")),
        (
            11,
            column.to_owned(),
            Some("write {name} for what the row has there"),
        ),
    ];
    assert_eq!(warnings(&replayed, "map.toml"), wanted);
    // A key that other programs know is named by ours.
    let map = BY_STATUS.replace("name = \"{name}\"", "nombre = \"{name}\"");
    write(folder.0.path(), &[("map.toml", &map)]);
    let told = folder.replay(&["--json"]).json();
    assert_eq!(
        told["error"]["faults"][0]["hint"], "did you mean `name`?",
        "{told:#}"
    );
}

/// Two ways of counting make numbers that nobody can add up.
#[test]
fn each_row_is_counted_once_and_the_counts_add_up() {
    let rows = "\
4;Rosa;rosa@example.com;web;ana;;much;;;06-03-2026 16:30;06-03-2026 17:30;;;
;Luz;luz@example.com;web;ana;;;;;06-03-2026 16:30;;;;
6;Inés;ines@example.com;fax;ana;;;;;06-03-2026 16:30;07-03-2026 09:00;07-03-2026 09:30;won;
";
    let folder = Folder::new(&[("leads.csv", &format!("{LEADS}{rows}"))]);
    let db = folder.path("shop.db");
    let until = ["--db", &db, "--until", "2026-03-07T09:15:00-05:00"];
    let told = folder.replay(&until);
    // Of the last row, one command is refused, one waits in vain, and one is left out.
    for said in [
        "9 rows: 5 carried out, 1 left out by --until, 3 refused\n",
        "14 commands: 8 carried out, 2 left out by --until, 4 refused\n",
    ] {
        assert!(told.out.contains(said), "{said}: {}", told.out);
    }
    // As many lines as rows, where one reason counts for all of a row.
    let lines = told.out.lines();
    let refused = lines.filter(|line| line.starts_with(" leads.csv:"));
    assert_eq!(refused.count(), 5, "{}", told.out);
    let json = folder.replay(&[&until[..], &["--json"]].concat()).json();
    let sum = |of: &Value, keys: &[&str]| -> u64 {
        keys.iter().map(|key| of[*key].as_u64().unwrap()).sum()
    };
    let all = [
        "carried_out",
        "done_before",
        "left_out",
        "passed_over",
        "refused",
    ];
    assert_eq!(json["rows"], sum(&json["rows_of"], &all), "{json:#}");
    assert_eq!(json["rows_of"]["done_before"], 5);
    let of_commands = list(&json, "refused");
    let of_commands = of_commands.iter().filter(|one| !one["command"].is_null());
    let commands = sum(&json, &all[..3]) + of_commands.count() as u64;
    assert_eq!(json["commands"], commands);
}

#[test]
fn what_is_told_of_a_run_is_of_that_run() {
    let bad = "4;Rosa;rosa@example.com;web;ana;;much;;;06-03-2026 16:30;;;;\n";
    let unknown = "5;Luz;luz@example.com;fax;ana;;;;;06-03-2026 16:30;;;;\n";
    let folder = Folder::new(&[("leads.csv", &format!("{LEADS}{bad}{unknown}"))]);
    let db = folder.path("shop.db");
    let first = folder.replay(&["--db", &db]);
    for said in [
        "8 rows: 6 carried out, 2 refused\n",
        "11 commands: 9 carried out, 2 refused\n",
        "rules fired",
    ] {
        assert!(first.out.contains(said), "{said}: {}", first.out);
    }
    let begins = "10 commands; 1 row refused in reading\n";
    assert!(first.err.contains(begins), "{}", first.err);
    let again = folder.replay(&["--db", &db]);
    assert!(
        again.out.contains("no rule fired in this run, "),
        "{}",
        again.out
    );
    let again = folder.replay(&["--db", &db, "--json"]).json();
    assert_eq!(again["rules_fired"], 0);
    assert!(again["figures"]["rules_fired"].as_u64() > Some(0));
}
