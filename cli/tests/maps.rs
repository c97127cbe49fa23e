//! The map of a replay: what is wrong with it is told before any row is carried out, and what it declares
//! is held.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod shop;
mod told;

use shop::{Folder, LEADS, MAP, PLAYBOOK};
use told::{leadkit, write};

#[test]
fn whatever_is_wrong_with_a_map_is_told_where_it_stands() {
    let map = r#"
[[file]]
path      = "leads.csv"
zone      = "America/Guayaqil"
delimiter = ";;"
dates     = { arrived = "sometime" }
decimal   = ";"
values    = { origin = { Web = "web", WEB = "walk-in", shop = "walk-in" } }

[[file.command]]
lead     = "id"
at       = "arrived"
register = { nme = "{name}", cty = "{city}" }

[[file.command]]
lead = "id"
at   = "arrived"
mvoe = { to = "won" }

[[file.command]]
lead  = "id"
move  = { to = "{won" }
if    = 3

[[file.command]]
lead  = "id"
at    = "arrived"
move  = { to = "won" }
close = { as = "won" }

[[file.command]]
lead  = "id"
at    = "arrived"
tried = {}

[[file.command]]
lead  = "id"
at    = "talked"
tried = {}
"#;
    let folder = Folder::new(&[("map.toml", map)]);
    let told = folder.replay(&["--json"]);
    assert_eq!(told.code, 2);
    let faults = told.json()["error"]["faults"].clone();
    let found: Vec<(u64, &str)> = faults
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| {
            (
                fault["line"].as_u64().unwrap(),
                fault["message"].as_str().unwrap(),
            )
        })
        .collect();
    let wanted = [
        (4, "there is no time zone `America/Guayaqil`"),
        (5, "a delimiter is one sign"),
        (6, "`sometime` is no form of a date"),
        (7, "a decimal mark is a comma or a point"),
        (8, "`Web` and `WEB` are one cell with two meanings"),
        (13, "`register` knows no `nme`"),
        (13, "`register` knows no `cty`"),
        (18, "`mvoe` means nothing in a command"),
        (20, "`move` needs `at`, a column"),
        (22, "in `to`: a `{` is not closed"),
        (23, "this is no test of a row"),
        (29, "one command is either `move` or `close`"),
        (36, "this file has two commands named `tried`"),
        (
            38,
            "leads.csv: the dates of `talked` can be read in two ways",
        ),
    ];
    for (found, wanted) in found.iter().zip(wanted) {
        assert_eq!(found.0, wanted.0, "{found:?} {wanted:?}");
        assert!(found.1.contains(wanted.1), "{found:?} {wanted:?}");
    }
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
    let text = folder.replay(&[]);
    assert!(
        text.err.contains("did you mean `name`?") && text.err.contains("did you mean `move`?"),
        "{}",
        text.err
    );
    // What is no TOML is told too.
    write(folder.0.path(), &[("map.toml", "[[file]]\npth = 3")]);
    let told = folder.replay(&[]);
    assert_eq!(told.code, 2);
    for said in [
        "`pth` means nothing in a file",
        "did you mean `path`?",
        "this file has no commands",
    ] {
        assert!(told.err.contains(said), "{said}: {}", told.err);
    }
    assert!(!told.err.contains("needs its `path`"), "{}", told.err);
}

#[test]
fn a_slip_in_a_command_of_a_map_is_one_fault() {
    let map = "[[file]]\npath = \"leads.csv\"\ndates = { arrived = \"dd-mm-yyyy\" }\n\n[[file.command]]\nlead = \"id\"\nat = \"arrived\"\ncomplete = { tsk = \"first-contact\" }\n";
    let folder = Folder::new(&[("map.toml", map)]);
    let faults = folder.replay(&["--json"]).json()["error"]["faults"].clone();
    let faults = faults.as_array().unwrap();
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert_eq!(faults[0]["message"], "`complete` knows no `tsk`");
    assert_eq!(faults[0]["hint"], "did you mean `task`?");
}

/// An empty list is not taken for a column that says anything at all.
#[test]
fn a_test_for_none_of_many_is_a_fault() {
    for (test, hint) in [
        ("if = { name = [] }", "write if = \"column\""),
        ("unless = { name = [] }", "write unless = \"column\""),
    ] {
        let map = format!(
            "[[file]]\npath = \"leads.csv\"\ndates = {{ arrived = \"dd-mm-yyyy\" }}\n\n\
             [[file.command]]\nlead = \"id\"\nat = \"arrived\"\n{test}\ntried = {{}}\n"
        );
        let folder = Folder::new(&[("map.toml", &map)]);
        let told = folder.replay(&["--json"]);
        assert_eq!(told.code, 2, "{test}: {}", told.out);
        let faults = told.json()["error"]["faults"].clone();
        assert_eq!(faults[0]["line"], 8, "{faults:#}");
        assert_eq!(faults[0]["message"], "no row is one of none", "{faults:#}");
        let told = faults[0]["hint"].as_str().unwrap();
        assert!(told.contains(hint), "{told}");
        assert_eq!(faults.as_array().unwrap().len(), 1, "{faults:#}");
    }
}

#[test]
fn a_column_that_is_not_there_is_named_with_the_nearest() {
    let folder = Folder::new(&[("leads.csv", &LEADS.replacen("arrived", "arived", 1))]);
    let told = folder.replay(&[]);
    assert_eq!(told.code, 2);
    for said in [
        "map.toml:11:",
        "leads.csv: there is no column `arrived`",
        "did you mean `arived`?",
    ] {
        assert!(told.err.contains(said), "{said}: {}", told.err);
    }
    let folder = Folder::new(&[("leads.csv", &LEADS.replacen("vip", "name", 1))]);
    assert!(
        folder
            .replay(&[])
            .err
            .contains("the column `name` is there 2 times")
    );
    let folder = Folder::new(&[("leads.csv", "")]);
    assert!(folder.replay(&[]).err.contains("the file is empty"));
}

#[test]
fn a_file_that_is_not_there_is_told_where_the_map_names_it_with_the_one_that_was_meant() {
    let fault = |path: &str| {
        let map = MAP.replace("path  = \"leads.csv\"", &format!("path  = \"{path}\""));
        let folder = Folder::new(&[("map.toml", &map), ("march/leads-2026.csv", LEADS)]);
        let told = folder.replay(&["--json"]);
        assert_eq!(told.code, 2);
        let error = told.json()["error"].clone();
        assert_eq!(error["kind"], "map-faults");
        let faults = error["faults"].as_array().unwrap().clone();
        let [fault] = faults.try_into().unwrap();
        let message = fault["message"].as_str().unwrap();
        assert!(message.starts_with("there is no file "), "{message}");
        assert!(message.ends_with(path), "{message}");
        assert!(fault["file"].as_str().unwrap().ends_with("map.toml"));
        // The line of `path`, in the second file.
        assert_eq!(fault["line"], 9, "{fault:#}");
        assert!(fault["column"].as_u64() > Some(1), "{fault:#}");
        fault["hint"].as_str().map(ToOwned::to_owned)
    };
    assert_eq!(fault("lead.csv").unwrap(), "did you mean `leads.csv`?");
    let near = fault("march/lead-2026.csv").unwrap();
    assert_eq!(near, "did you mean `march/leads-2026.csv`?");
    assert!(
        fault("april/leads.csv")
            .unwrap()
            .starts_with("there is no folder ")
    );
    assert_eq!(fault("wheelbase.xyz"), None);
}

#[test]
fn names_of_the_playbook_are_checked_before_any_row() {
    let map = MAP
        .replace("role = \"{role}\"", "role = \"advisr\"")
        .replace("to = \"talking\"", "to = \"taking\"")
        .replace("as = \"{end}\"", "as = \"talking\"")
        .replace(
            "key   = \"id\"\n",
            "key   = \"id\"\nvalues = { origin = { Web = \"wbe\" } }\n",
        );
    let more = "\n[[file.command]]\nlead = \"id\"\nat = \"arrivd\"\ncomplete = { task = \"first-call\" }\n";
    let folder = Folder::new(&[("map.toml", &format!("{map}{more}"))]);
    let faults = folder.replay(&["--json"]).json()["error"]["faults"].clone();
    let told: Vec<&str> = faults
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["message"].as_str().unwrap())
        .collect();
    let wanted = [
        "the playbook has no role `advisr`",
        "the playbook has no source `wbe`",
        "the playbook has no stage `taking`",
        "the playbook has no stage in which leads end `talking`",
        "leads.csv: there is no column `arrivd`",
        "the playbook has no task `first-call`",
    ];
    assert_eq!(told, wanted);
    assert_eq!(faults[0]["hint"], "did you mean `advisor`?");
    // Also by another spelling of the same.
    let map = MAP.replace("role = \"{role}\"", "role = \"Advisor\"");
    let folder = Folder::new(&[("map.toml", &map)]);
    assert_eq!(folder.replay(&[]).code, 0);
}

#[test]
fn who_ends_in_a_stage_is_not_said_to_end_in_an_outcome() {
    let playbook = PLAYBOOK
        .replace("won = []", "customer = []")
        .replace("won     = {", "customer = {");
    let map = MAP.replace("as = \"{end}\"", "as = \"won\"");
    let folder = Folder::new(&[("playbook/playbook.toml", &playbook), ("map.toml", &map)]);
    let faults = folder.replay(&["--json"]).json()["error"]["faults"].clone();
    assert_eq!(faults.as_array().unwrap().len(), 1, "{faults:#}");
    let hint = "did you mean `customer`? Leads that come there are won";
    assert_eq!(faults[0]["hint"], hint);
}

#[test]
fn a_zone_is_named_by_a_place() {
    let file = "path  = \"leads.csv\"\n";
    let map = MAP.replace(file, &format!("{file}zone = \"Ecuador\"\n"));
    let folder = Folder::new(&[("map.toml", &map)]);
    let faults = folder.replay(&["--json"]).json()["error"]["faults"].clone();
    let hint = "name the zone by a place in it, as in `America/Guayaquil`";
    assert_eq!(faults[0]["hint"], hint, "{faults:#}");
}

#[test]
fn a_file_is_the_same_however_its_path_is_written() {
    let folder = Folder::new(&[]);
    let db = folder.path("shop.db");
    let first = folder.replay(&["--db", &db, "--json"]).json();
    let map = MAP.replace("path  = \"leads.csv\"", "path  = \"./agents/../leads.csv\"");
    std::fs::create_dir(folder.path("agents")).unwrap();
    write(folder.0.path(), &[("map.toml", &map)]);
    let again = folder.replay(&["--db", &db, "--json"]).json();
    assert_eq!(again["carried_out"], 0);
    assert_eq!(again["figures"]["leads"], first["figures"]["leads"]);
    let twice = format!(
        "{MAP}\n[[file]]\npath = \"./leads.csv\"\n[[file.command]]\nlead = \"id\"\nat = \"talked\"\ntried = {{}}\n"
    );
    write(folder.0.path(), &[("map.toml", &twice)]);
    let told = folder.replay(&[]);
    assert!(
        told.err.contains("`leads.csv` is mapped twice"),
        "{}",
        told.err
    );
}

#[test]
fn dates_that_read_in_two_ways_are_not_guessed() {
    let leads = "id,name,arrived\n1,Ana,01/02/2026\n2,Eva,03/04/2026\n";
    let map = "[[file]]\npath = \"few.csv\"\nkey = \"id\"\n\n[[file.command]]\nlead = \"id\"\nat = \"arrived\"\nregister = { name = \"{name}\" }\n";
    let folder = Folder::new(&[("few.csv", leads), ("map.toml", map)]);
    let told = folder.replay(&["--json"]);
    assert_eq!(told.code, 2);
    let fault = told.json()["error"]["faults"][0].clone();
    assert!(
        fault["message"]
            .as_str()
            .unwrap()
            .contains("`arrived` can be read in two ways")
    );
    assert!(
        fault["hint"]
            .as_str()
            .unwrap()
            .contains("dates = { arrived = \"dd-mm-yyyy\" }")
    );
    for (format, day) in [("dd/mm/yyyy", "2026-02-01"), ("m/d/yyyy", "2026-01-02")] {
        let declared = map.replace(
            "key = \"id\"",
            &format!("key = \"id\"\ndates = {{ arrived = \"{format}\" }}"),
        );
        write(folder.0.path(), &[("map.toml", &declared)]);
        let db = folder.path(&format!("{day}.db"));
        assert_eq!(folder.replay(&["--db", &db]).code, 0);
        let listed = leadkit(["leads", &folder.path("playbook"), "--db", &db, "--json"]).json();
        assert_eq!(
            listed["leads"][0]["registered_at"],
            format!("{day}T00:00:00-05:00")
        );
    }
}

#[test]
fn a_date_in_two_columns_is_read_in_the_order_of_its_day() {
    let leads = "id,name,day,hour\n1,Ana,01/02/2026,10:30\n";
    let map = |dates: &str| {
        format!(
            "[[file]]\npath = \"few.csv\"\nkey = \"id\"\n{dates}\n[[file.command]]\nlead = \"id\"\n\
             at = \"day\"\nregister = {{ name = \"{{name}}\", visit = \"{{day}} {{hour}}\" }}\n"
        )
    };
    let declared = map("dates = { day = \"dd/mm/yyyy\" }");
    let folder = Folder::new(&[("few.csv", leads), ("map.toml", &declared)]);
    let db = folder.path("few.db");
    assert_eq!(folder.replay(&["--db", &db]).code, 0);
    let listed = leadkit(["leads", &folder.path("playbook"), "--db", &db, "--json"]).json();
    assert_eq!(listed["leads"][0]["fields"]["visit"], "2026-02-01");
    write(folder.0.path(), &[("map.toml", &map(""))]);
    assert_eq!(folder.replay(&[]).code, 2);
}

#[test]
fn numbers_that_read_in_two_ways_are_not_guessed() {
    let row = |budget: &str| LEADS.replace("1.234,50", budget);
    let folder = Folder::new(&[("leads.csv", &row("24,990"))]);
    let told = folder.replay(&["--json"]);
    assert_eq!(told.code, 1);
    let refused = told.json()["refused"][0].clone();
    assert_eq!(
        (&refused["line"], &refused["code"]),
        (&2.into(), &"unreadable-value".into())
    );
    assert_eq!(
        refused["reason"],
        "`budget`: `24,990` may be 24.99 or 24990; say which sign is the decimal mark of the file: \
         decimal = \".\", or decimal = \",\""
    );
    for (mark, budget) in [(",", 24.99), (".", 24_990.0)] {
        let declared = format!("key   = \"id\"\ndecimal = \"{mark}\"");
        let map = MAP.replace("key   = \"id\"", &declared);
        write(folder.0.path(), &[("map.toml", &map)]);
        let db = folder.path(&format!("{budget}.db"));
        assert_eq!(folder.replay(&["--db", &db]).code, 0);
        let listed = leadkit(["leads", &folder.path("playbook"), "--db", &db, "--json"]).json();
        let found = listed["leads"][0]["fields"]["budget"].as_f64();
        assert_eq!(found, Some(budget));
    }
}

#[test]
fn a_table_that_is_given_for_a_map_is_one_fault() {
    for table in [LEADS, "sep=;\nid;name\n1;Ana\n"] {
        let folder = Folder::new(&[("map.toml", table)]);
        let told = folder.replay(&["--json"]);
        assert_eq!(told.code, 2);
        let faults = told.json()["error"]["faults"].clone();
        assert_eq!(faults.as_array().unwrap().len(), 1, "{faults:#}");
        assert_eq!(faults[0]["message"], "this is no map but a table");
    }
}

#[test]
fn a_bracket_that_a_map_lacks_is_one_fault_where_it_breaks() {
    let end = "if     = { end = [\"won\", \"lost\"] }";
    for (slip, by, line, message) in [
        (
            "set-up = {",
            "set-up = ",
            6,
            "what is said of something stands in braces",
        ),
        (
            end,
            "if = { end = [\"won\", \"lost\" }",
            27,
            "something is opened above and not closed",
        ),
    ] {
        let folder = Folder::new(&[("map.toml", &MAP.replace(slip, by))]);
        let faults = folder.replay(&["--json"]).json()["error"]["faults"].clone();
        assert_eq!(faults.as_array().unwrap().len(), 1, "{faults:#}");
        assert_eq!(faults[0]["message"], message, "{faults:#}");
        assert_eq!(faults[0]["line"], line);
    }
}

/// Each is told where it stands, and how it is written.
#[test]
fn what_is_no_toml_in_a_map_is_told_as_in_a_playbook() {
    let map = MAP
        .replace("[[file]]", "[file]")
        .replace("\"leads.csv\"", "\"C:\\crm\\leads.csv\"")
        .replace("\"{email}\"", "{email}")
        .replace("if    = \"talked\"", "if = “talked”");
    let folder = Folder::new(&[("map.toml", &map)]);
    let faults = folder.replay(&["--json"]).json()["error"]["faults"].clone();
    let told: Vec<(u64, &str)> = faults
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| {
            let hint = fault["hint"].as_str().unwrap();
            (fault["line"].as_u64().unwrap(), hint)
        })
        .collect();
    let wanted = [
        (2, "write `[[file]]`, each time"),
        (9, "write `'C:\\crm\\leads.csv'`"),
        (16, "write `\"{email}\"`"),
        (21, "write `\"talked\"`"),
    ];
    assert_eq!(told, wanted);
}

#[test]
fn an_agent_whom_no_row_sets_up_is_told_before_any_row_is_carried_out() {
    let by = |agent: &str| MAP.replace("by = \"{advisor}\"", &format!("by = \"{agent}\""));
    let faults = |map: &str| {
        let folder = Folder::new(&[("map.toml", map)]);
        let told = folder.replay(&["--json"]).json()["error"]["faults"].clone();
        let faults = told.as_array().cloned().unwrap_or_default();
        let told = faults.iter().map(|fault| {
            let said = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
            format!("{}; {}", said("message"), said("hint"))
        });
        told.collect::<Vec<_>>()
    };
    let bea = "no row sets up an agent `bia`; did you mean `bea`?";
    assert_eq!(faults(&by("bia")), [bea]);
    assert_eq!(faults(&by("import:bia")), [bea]);
    assert_eq!(
        faults(&by("bia").replace("owner = \"{advisor}\"", "owner = \"anna\"")),
        ["no row sets up an agent `anna`; did you mean `ana`?", bea]
    );
    // With the map's other faults.
    let both = faults(&by("bia").replace("to = \"talking\"", "to = \"taking\""));
    assert_eq!(both.len(), 2, "{both:?}");
    // Whoever is set up, however the id is written, and what no agent did.
    for somebody in ["bea", "BEA", "host:crm"] {
        assert_eq!(faults(&by(somebody)), [""; 0], "{somebody}");
    }
    // Nobody can be told to be a stranger while the file of agents can't be read.
    let columns = faults(&by("bia").replace("id = \"{id}\"", "id = \"{nummer}\""));
    assert_eq!(columns.len(), 1, "{columns:?}");
    assert!(columns[0].contains("no column `nummer`"), "{columns:?}");
}

/// The next month's map need not set them up again.
#[test]
fn an_agent_whom_an_earlier_replay_set_up_is_no_stranger() {
    let folder = Folder::new(&[]);
    let db = folder.path("shop.db");
    assert_eq!(folder.replay(&["--db", &db]).code, 0);
    let (_, leads) = MAP.split_once("\n[[file]]\npath  =").unwrap();
    let leads = format!("[[file]]\npath  ={leads}");
    let leads = leads.replace("by = \"{advisor}\"", "by = \"ana\"");
    write(folder.0.path(), &[("map.toml", &leads)]);
    assert_eq!(folder.replay(&["--db", &db]).code, 0);
    let told = folder.replay(&[]);
    assert_eq!(told.code, 2);
    let stranger = "no row sets up an agent `ana`";
    assert!(told.err.contains(stranger), "{}", told.err);
}

/// What people call a source is no name of it; the map says which one it is.
#[test]
fn a_label_in_place_of_a_name_is_told_with_the_name_and_values_translate_it() {
    let playbook = PLAYBOOK.replace(
        "web      = { kind = \"digital\" }",
        "web = { kind = \"digital\", label = \"Our page\" }",
    );
    let leads = LEADS.replacen(";web;", ";our page;", 1);
    let folder = Folder::new(&[("leads.csv", &leads), ("playbook/playbook.toml", &playbook)]);
    let replayed = folder.replay(&["--json"]).json();
    let refused = replayed["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 1, "{replayed:#}");
    assert_eq!(
        refused[0]["reason"],
        "`source`: `our page` is the label of `web`; say so in the file's `values`, or write the name"
    );
    let map = MAP.replace(
        "key   = \"id\"\n",
        "key   = \"id\"\nvalues = { origin = { \"Our page\" = \"web\" } }\n",
    );
    write(folder.0.path(), &[("map.toml", &map)]);
    let told = folder.replay(&[]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
}
