//! Slips in files and maps, as they come from a dealer's spreadsheets: each is told where it stands, and
//! none moves a lead or loses one without a word.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod shop;
mod told;

use serde_json::{Value, json};
use shop::{AGENTS, Folder, LEADS, MAP};

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
    assert_eq!(list(&told, "warnings"), [] as [Value; 0]);
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
