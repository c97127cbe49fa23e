//! Slips in files and maps, as they come from a dealer's spreadsheets: each is told where it stands, and
//! none moves a lead or loses one without a word.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod shop;
mod told;

use serde_json::{Value, json};
use shop::{AGENTS, Folder, LEADS, MAP};
use told::leadkit;

/// A file of leads, and the map that registers them; `more` goes into the file's part of it.
const MAP_OF: &str = r#"
[[file]]
path = "leads.csv"
key  = "id"
MORE

[[file.command]]
lead     = "id"
at       = "arrived"
register = { name = "{name}", email = "{email}", source = "web" }
"#;

const DMY: &str = "dates = { arrived = \"dd-mm-yyyy\" }";

fn folder(more: &str, leads: &str) -> Folder {
    let map = MAP_OF.replace("MORE", more);
    Folder::new(&[("map.toml", &map), ("leads.csv", leads)])
}

fn list<'a>(of: &'a Value, key: &str) -> &'a [Value] {
    of[key].as_array().unwrap()
}

fn messages(of: &[Value]) -> Vec<&str> {
    let messages = of.iter().map(|one| one["message"].as_str().unwrap());
    messages.collect()
}

/// The faults of a map, each with its hint.
fn faults(folder: &Folder) -> Vec<(String, String)> {
    let told = folder.replay(&["--json"]);
    assert_eq!(told.code, 2, "{}", told.out);
    let told = told.json();
    let faults = list(&told["error"], "faults").iter();
    let faults = faults.map(|fault| {
        let said = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
        (said("message"), said("hint"))
    });
    faults.collect()
}

#[test]
fn a_row_that_took_in_another_and_is_refused_is_told_with_both() {
    // Once the table refuses it, once the command that comes of it.
    for (rows, code) in [
        (
            "2;\"Kia sin cierre;a@example.com;03-03-2026\n3;\"Kia \"\"Río\"\" 71\";b@example.com;04-03-2026\n",
            "unreadable-row",
        ),
        (
            "2;\"Kia;a@example.com;03-03-2026\r\n3;Bar\";b@example.com;04-03-2026\n",
            "incomplete",
        ),
    ] {
        let leads = format!(
            "id;name;email;arrived\n1;Ana;c@example.com;02-03-2026\n{rows}4;Eva;d@example.com;13-03-2026\n"
        );
        let folder = folder(DMY, &leads);
        let told = folder.replay(&["--json"]).json();
        let [refused] = list(&told, "refused") else {
            panic!("{told:#}");
        };
        assert_eq!(refused["code"], code);
        assert_eq!(
            (&refused["line"], &refused["last_line"]),
            (&json!(3), &json!(4))
        );
        assert_eq!(refused["rows"], 2);
        let [warning] = list(&told, "warnings") else {
            panic!("{told:#}");
        };
        assert_eq!(warning["lines"], json!([3, 4]));
        assert_eq!(
            warning["message"],
            "a cell of this row holds what looks like 1 other row"
        );
        assert_eq!(told["figures"]["leads"], 2);
        let text = folder.replay(&[]).out;
        assert!(text.contains("leads.csv:3-4"), "{text}");
    }
}

/// In the first column and in the last, whatever its lines hold.
#[test]
fn a_note_of_several_lines_takes_in_no_row() {
    let leads = "\
name,email,id,arrived,note
\"Ana
y Eva\",a@example.com,1,2026-03-02,
Luis,b@example.com,2,2026-03-02,\"first, this
then, that\"
";
    let told = folder("", leads).replay(&["--json"]).json();
    let warnings = messages(list(&told, "warnings"));
    assert_eq!(warnings, ["leads.csv: nothing reads the column `note`"]);
}

/// What would have told the order of the dates stands behind the quote.
#[test]
fn an_open_quote_is_told_before_dates_that_read_in_two_ways() {
    let leads = "\
id;name;email;arrived
1;Ana;a@example.com;02/03/2026
2;\"Kia sin cierre;b@example.com;03/03/2026
3;Eva;c@example.com;31/03/2026
";
    let faults = faults(&folder("", leads));
    let [(quote, hint), (dates, _)] = faults.as_slice() else {
        panic!("{faults:?}");
    };
    assert!(
        quote.starts_with("leads.csv:3: a quote is opened and never closed"),
        "{quote}"
    );
    assert_eq!(hint, "mend the quote first: what follows was not read");
    assert!(dates.contains("can be read in two ways"), "{dates}");
}

/// Read so, the third of April would be the fourth of March.
#[test]
fn dates_that_are_declared_in_the_wrong_order_are_a_fault_before_any_lead_moves() {
    let leads = "\
id,name,email,arrived
1,Ana,a@example.com,03/04/2026 10:00
2,Luis,b@example.com,31/03/2026
3,Eva,c@example.com,13/04/2026
4,Rosa,d@example.com,soon
";
    let declared = |order: &str| folder(&format!("dates = {{ arrived = \"{order}\" }}"), leads);
    let told = (
        "leads.csv: the dates of `arrived` are declared as mm-dd-yyyy, and 2 rows can only be dd-mm-yyyy \
         (first `31/03/2026` on line 3)"
            .to_owned(),
        "write: dates = { arrived = \"dd-mm-yyyy\" }".to_owned(),
    );
    assert_eq!(faults(&declared("mm-dd-yyyy")), [told]);
    let replayed = declared("dd-mm-yyyy").replay(&["--json"]).json();
    assert_eq!(replayed["figures"]["leads"], 3);
    // Where no order reads them all, a row is wrong and not the declaration.
    let leads = leads.replace("13/04/2026", "04/13/2026");
    let mixed = folder(DMY, &leads).replay(&["--json"]).json();
    let lines: Vec<_> = list(&mixed, "refused")
        .iter()
        .map(|row| &row["line"])
        .collect();
    assert_eq!(lines, [&json!(4), &json!(5)]);
}

#[test]
fn a_name_that_is_the_same_for_all_is_told_with_the_columns_that_were_meant() {
    let name = |said: &str| {
        MAP.replace(
            "register = { name = \"{name}\"",
            &format!("register = {{ name = \"{said}\""),
        )
    };
    for (said, is, hint) in [
        ("name", "and is a column", "write {name} for"),
        (
            "name city",
            "and is made of columns",
            "write {name} {city} for",
        ),
        (
            "city, name",
            "and is made of columns",
            "write {city}, {name} for",
        ),
        (
            "name of client",
            "and becomes the name of every lead",
            "in braces",
        ),
    ] {
        let folder = Folder::new(&[("map.toml", &name(said))]);
        let told = folder.replay(&["--json"]).json();
        let message = format!("leads.csv: `{said}` is said as it stands, {is}");
        let mut warnings = list(&told, "warnings").iter();
        let warning = warnings.find(|warning| warning["message"] == message);
        let warning = warning.unwrap_or_else(|| panic!("{:#?}", told["warnings"]));
        assert!(
            warning["hint"].as_str().unwrap().contains(hint),
            "{warning}"
        );
    }
    for said in ["{name}", "Lead {id}"] {
        let folder = Folder::new(&[("map.toml", &name(said))]);
        let told = folder.replay(&["--json"]).json();
        let mut said_so = messages(list(&told, "warnings")).into_iter();
        assert!(
            !said_so.any(|message| message.contains("as it stands")),
            "{said}"
        );
    }
}

#[test]
fn notices_that_went_to_nobody_are_told() {
    let agents = AGENTS.replace("marco,Marco Paredes,manager,\n", "");
    let folder = Folder::new(&[("agents.csv", &agents), ("leads.csv", LEADS)]);
    let told = folder.replay(&["--until", "2026-04-01", "--json"]).json();
    let nobody = list(&told["figures"], "told_nobody");
    let [of] = nobody else {
        panic!("{nobody:?}");
    };
    assert_eq!(
        (&of["whom"], &of["notices"]),
        (&json!("manager"), &json!(2))
    );
    let text = folder.replay(&["--until", "2026-04-01"]).out;
    let said = "warning: nobody has the role manager: 2 notices went to nobody, since 2026-03-03";
    assert!(text.contains(said), "{text}");
}

/// Of `n/a` and `S/N` the map can say that they mean nothing.
#[test]
fn what_stands_in_place_of_an_address_or_a_number_is_shown_and_the_hint_says_how_to_leave_it_out() {
    let map = MAP_OF.replace(
        "email = \"{email}\"",
        "email = \"{email}\", phone = \"{phone}\"",
    );
    let leads = "\
id,name,email,phone,arrived
1,Ana,n/a,S/N,2026-03-02
2,Eva,eva@@example.com,0991234567,2026-03-03
3,Luis,Luis Vera <luis@example.com>,,2026-03-04
";
    let replay = |more: &str| {
        let map = map.replace("MORE", more);
        let folder = Folder::new(&[("map.toml", &map), ("leads.csv", leads)]);
        let db = folder.path("shop.db");
        let told = folder.replay(&["--db", &db, "--json"]).json();
        let refused = list(&told, "refused").iter();
        let refused = refused.map(|row| (row["reason"].clone(), row["hint"].clone()));
        (refused.collect::<Vec<_>>(), folder)
    };
    let (refused, folder) = replay("");
    let wrong = (
        json!("cannot be taken in: email: `eva@@example.com` is no e-mail address"),
        Value::Null,
    );
    let nothing = (
        json!(
            "cannot be taken in: phone: `S/N` is no phone number: it has no digit, email: `n/a` is no e-mail address"
        ),
        json!("if that means that there is none, say so of the file: empty = [\"S/N\", \"n/a\"]"),
    );
    assert_eq!(refused, [nothing, wrong.clone()]);
    let (playbook, db) = (folder.path("playbook"), folder.path("shop.db"));
    let luis = leadkit([
        "explain",
        &playbook,
        "--db",
        &db,
        "--email",
        "luis@example.com",
    ]);
    assert_eq!(luis.code, 0, "{}", luis.err);
    let (refused, _) = replay("empty = [\"n/a\", \"S/N\"]");
    assert_eq!(refused, [wrong]);
}

#[test]
fn a_number_may_be_an_amount_of_the_playbooks_currency() {
    let rows = LEADS
        .replace("1.234,50", "US$ 24.990,50")
        .replace(";900;", ";900 EUR;");
    let folder = Folder::new(&[("leads.csv", &rows)]);
    let db = folder.path("shop.db");
    let told = folder.replay(&["--db", &db, "--json"]).json();
    let [refused] = list(&told, "refused") else {
        panic!("{:#}", told["refused"]);
    };
    let reason = "`budget`: `900 EUR` is in `EUR`, and the playbook's currency is USD";
    assert_eq!(refused["reason"], reason);
    let playbook = folder.path("playbook");
    let found = leadkit([
        "leads",
        &playbook,
        "--where",
        "budget == 24990.5",
        "--db",
        &db,
        "--json",
    ]);
    assert_eq!(found.json()["count"], 1);
}

#[test]
fn a_long_list_of_refused_rows_is_told_by_reason_first() {
    let mut leads = "id,name,email,arrived\n".to_owned();
    for row in 0..30 {
        leads += &format!("{row},Ana,nobody{row},2026-03-02\n");
        leads += &format!("{row},Eva,e{row}@example.com,2026-03-02\n");
    }
    let text = folder("", &leads).replay(&[]).out;
    let told: Vec<Vec<&str>> = text
        .lines()
        .skip_while(|line| !line.contains("refused because"))
        .skip(2)
        .take(2)
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect();
    assert_eq!(
        told,
        [
            ["`…` stands on line … already", "30", "leads.csv:3"],
            [
                "cannot be taken in: email: `…` is no e-mail address",
                "30",
                "leads.csv:2"
            ],
        ],
        "{text}"
    );
    // A short one is told as it is.
    let text = folder("", &leads[..200]).replay(&[]).out;
    assert!(!text.contains("refused because"), "{text}");
}

/// Every rule would come to its time through the centuries.
#[test]
fn a_replay_does_not_live_on_for_more_than_ten_years_unless_the_map_says_so() {
    let shop = Folder::new(&[]);
    let told = shop.replay(&["--until", "9999-12-31", "--json"]);
    assert_eq!(told.code, 2);
    let error = &told.json()["error"];
    assert_eq!(error["kind"], "lives-too-long");
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.contains("to = YYYY-MM-DD"), "{hint}");
    assert_eq!(shop.replay(&["--until", "2036-03-21"]).code, 0);
    assert_eq!(shop.replay(&["--until", "2036-03-22"]).code, 2);
    let map = format!("to = 2040-01-31\n{MAP}");
    let shop = Folder::new(&[("map.toml", &map)]);
    assert_eq!(shop.replay(&["--until", "2040-02-01"]).code, 0);
    assert_eq!(shop.replay(&["--until", "2040-02-02"]).code, 2);
}

/// Spreadsheets leave out what is empty at the end of a line.
#[test]
fn empty_cells_that_are_missing_at_the_end_of_a_line_are_empty() {
    let leads = "\
id,arrived,name,email,notes,why
1,2026-03-02,Ana,ana@example.com
2,2026-03-03,Eva
3,2026-03-04,Luis,luis@example.com,,
4
5,2026-03-05,Rosa,,first,
";
    let told = folder("", leads).replay(&["--json"]).json();
    let refused: Vec<_> = list(&told, "refused")
        .iter()
        .map(|row| &row["line"])
        .collect();
    assert_eq!(refused, [&json!(5)], "a row without its time is none");
    assert_eq!(told["figures"]["leads"], 4);
    let [_, warning] = list(&told, "warnings") else {
        panic!("{:#}", told["warnings"]);
    };
    assert_eq!(
        warning["lines"],
        json!([3]),
        "the others have all that the map asks for"
    );
    // A row that an end of line parts in two is neither of them.
    let parted = "id,arrived,name,email,notes\n1,2026-03-02,Ana\nLuz,ana@example.com,x\n";
    let told = folder("", parted).replay(&["--json"]).json();
    let refused: Vec<_> = list(&told, "refused")
        .iter()
        .map(|row| &row["line"])
        .collect();
    assert_eq!(refused, [&json!(2), &json!(3)]);
}

#[test]
fn rows_that_are_left_out_are_as_many_as_are_listed() {
    // The second lead's row has one command that comes too late, and one that can't be read.
    let rows = LEADS.replace("04-03-2026 10:00;", "soon;");
    let folder = Folder::new(&[("leads.csv", &rows)]);
    let told = folder.replay(&["--until", "2026-03-01", "--json"]).json();
    assert_eq!(told["rows_of"]["left_out"], 2);
    let text = folder.replay(&["--until", "2026-03-01"]).out;
    let said = "left out: leads.csv lines 2, 4; 1 command of rows that count as refused\n";
    assert!(text.contains(said), "{text}");
}
