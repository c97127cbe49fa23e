//! `docs/playbook.md` holds every word that a playbook, its scenarios and its conditions know.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use leadkit::decide::refusal::Refusal;
use leadkit::facts::built_in;
use leadkit::playbook::Playbook;
use leadkit::playbook::fault::{Fault, FaultKind};
use leadkit::playbook::load::Folder;
use leadkit::playbook::people::Permission;
use leadkit::record::message::DropReason;
use leadkit::record::pool::PassedOver;
use leadkit::scenario;
use leadkit::store::Kind;
use leadkit::tax_number::TaxNumberKinds;
use leadkit::value::ValueType;

/// What the readers call with a key.
const ASK_FOR: [&str; 9] = [
    "optional(\"",
    "required(\"",
    "sections(\"",
    "section, \"",
    "root, \"",
    "actions(\"",
    "actions_if_any(\"",
    "        (\"",
    "text(\"",
];

fn sources(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = fs::read_dir(folder).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files.filter(|path| path.is_file()).collect()
}

/// Where the page tells the keys that a file reads; anywhere, for those that read parts of many.
/// Pipelines have their waits with them.
const TOLD_IN: [(&str, &str); 20] = [
    ("compile/laws.rs", "Leads"),
    ("calendars.rs", "Calendars"),
    ("compile/fields.rs", "Leads"),
    ("people.rs", "People"),
    ("pipelines.rs", "Leads"),
    ("rules.rs", "What happens in time"),
    ("tasks.rs", "What happens in time"),
    ("actions.rs", "What happens in time"),
    ("pipelines.rs", "What happens in time"),
    ("pricing.rs", "Prices and quotes"),
    ("compile/work.rs", "Appointments"),
    ("compile/work.rs", "Leads"),
    ("scenario/appointments.rs", "Scenarios"),
    ("scenario/contacts.rs", "Scenarios"),
    ("scenario/documents.rs", "Scenarios"),
    ("scenario/orders.rs", "Scenarios"),
    ("scenario/read.rs", "Scenarios"),
    ("scenario/referrals.rs", "Scenarios"),
    ("scenario/visits.rs", "Scenarios"),
    ("scenario/quotes.rs", "Scenarios"),
];

/// The keys for which a reader asks, as its source says them.
fn keys(file: &Path) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let source = fs::read_to_string(file).unwrap();
    let code = source.split("#[cfg(test)]").next().unwrap();
    for ask in ASK_FOR {
        for found in code.split(ask).skip(1) {
            let (key, behind) = found.split_once('"').unwrap();
            // Two words beside each other are one said in another way: no key.
            if behind.starts_with(", \"") && ask.starts_with(' ') {
                continue;
            }
            let is_key = |c: char| c.is_ascii_lowercase() || c == '-';
            // What there can be too many of is told in the plural; it is no key.
            if !key.is_empty()
                && !matches!(
                    key,
                    "appointments" | "bases" | "documents" | "rules" | "stages"
                )
                && key.chars().all(is_key)
            {
                keys.insert(key.to_owned());
            }
        }
    }
    keys
}

fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/playbook.md");
    fs::read_to_string(page).unwrap()
}

/// What stands under a heading; the whole page under none.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let mut sections = page.split("\n## ");
    match heading {
        "" => page,
        heading => sections.find(|text| text.starts_with(heading)).unwrap(),
    }
}

/// The words that stand between backticks, or inside of what does.
fn told(text: &str) -> BTreeSet<String> {
    let quoted = text
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let words = quoted.flat_map(|quoted| quoted.split(move |c| !is_part(c)));
    words.map(ToOwned::to_owned).collect()
}

/// The rows of the table with this head, without what stands around their cells: the first, and what
/// stands behind it.
fn table<'a>(page: &'a str, head: &str) -> Vec<(&'a str, &'a str)> {
    let lines = page.lines().skip_while(|line| !line.starts_with(head));
    let rows = lines.skip(2).map_while(|line| line.strip_prefix("| "));
    let rows = rows.map(|row| row.trim_end_matches(" |").split_once(" | ").unwrap());
    rows.collect()
}

#[test]
fn every_key_that_is_read_stands_in_its_section_of_the_reference() {
    let page = page();
    let files = [sources("src/playbook/compile"), sources("src/scenario")].concat();
    let (mut missing, mut count) = (Vec::new(), 0);
    let mut sectioned = 0;
    for file in files {
        let headings = TOLD_IN.iter().filter(|(name, _)| file.ends_with(name));
        let mut headings: Vec<&str> = headings.map(|(_, heading)| *heading).collect();
        sectioned += headings.len();
        if headings.is_empty() {
            headings.push("");
        }
        // `[pipeline.NAME]` tells of `pipeline`.
        let told = headings
            .iter()
            .flat_map(|heading| told(section(&page, heading)));
        let told: BTreeSet<String> = told
            .flat_map(|word| word.split('.').map(ToOwned::to_owned).collect::<Vec<_>>())
            .collect();
        let keys = keys(&file);
        count += keys.len();
        let lacking = keys.difference(&told);
        missing.extend(lacking.map(|key| format!("`{key}` ({}) in {headings:?}", file.display())));
    }
    assert!(count > 120, "{count} keys");
    assert_eq!(sectioned, TOLD_IN.len());
    assert!(missing.is_empty(), "docs/playbook.md lacks {missing:#?}");
}

/// A key that nobody reads: whoever tells of it has asked for every other.
const NO_KEY: &str = "zzzz";

/// The keys in a cell: its code, but for what explains it in brackets, and what only holds a key.
fn keys_in(cell: &str) -> Vec<&str> {
    let is_key = |text: &&str| text.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    // What stands in brackets, `(an agent, `host:NAME`)`, is about the key before it.
    let plain = cell
        .split(" (")
        .enumerate()
        .map(|(place, part)| match place {
            0 => part,
            _ => part.split_once(')').map_or("", |(_, rest)| rest),
        });
    let code = plain.flat_map(|part| part.split('`').skip(1).step_by(2));
    code.filter(is_key).collect()
}

/// The keys of which a fault says that they mean nothing.
fn unread(faults: &[Fault]) -> Vec<&str> {
    let unread = faults.iter().filter_map(|fault| match &fault.kind {
        FaultKind::UnknownKey { key, .. } => Some(key.as_str()),
        FaultKind::UnknownName {
            sort: "field",
            name,
        } => Some(name.as_str()),
        _ => None,
    });
    unread.collect()
}

/// Which of these keys a playbook or scenario does not read, in a table of which all is asked for.
fn not_read<'k>(faults: &[Fault], keys: &[&'k str], of: &str) -> Vec<&'k str> {
    let unread = unread(faults);
    assert!(
        unread.contains(&NO_KEY),
        "{of}: {:#?}",
        faults.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    let keys = keys.iter().copied();
    keys.filter(|key| unread.contains(key)).collect()
}

/// The rows of all tables about keys under a heading: the heading of the table in a playbook, as `rule` or
/// `sla.x`, and the keys that are told of it.
fn told_of_tables(section: &str) -> Vec<(String, Vec<&str>)> {
    let mut rows: Vec<(String, Vec<&str>)> = Vec::new();
    let mut heading = None;
    for line in section.lines() {
        let Some(row) = line.strip_prefix('|') else {
            heading = None;
            continue;
        };
        if row.starts_with("---") {
            continue;
        }
        let cells = row.trim_end_matches('|').split('|').map(str::trim);
        let cells: Vec<&str> = cells.collect();
        match cells.as_slice() {
            ["key", "what it says"] if section.starts_with("What happens in time") => {
                heading = Some("rule".to_owned());
                continue;
            }
            ["key", "what it says"] if section.starts_with("Calendars") => {
                heading = Some("calendar.x".to_owned());
                continue;
            }
            [first, ..] => {
                let said = first
                    .strip_prefix("`[")
                    .and_then(|said| said.split_once(']'));
                let table = said.map(|(table, _)| table.trim_start_matches('['));
                let of_name = ["NAME", "STAGE", "RESULT"]
                    .iter()
                    .any(|name| first.contains(&format!("]` `{name} = {{")));
                let named = table.map(|table| match of_name {
                    true => format!("{table}.x").replace("NAME", "y"),
                    false => table.replace("NAME", "x"),
                });
                heading = named.or(heading);
            }
            [] => {}
        }
        let Some(heading) = &heading else { continue };
        let is_by_table = cells.len() == 3;
        let (key, says) = match cells.as_slice() {
            [_, key, says] => (*key, *says),
            [key, says] => (*key, *says),
            _ => continue,
        };
        let mut keys = keys_in(key);
        // `NAME = { kind, label }`
        let inside = key
            .split_once("= { ")
            .and_then(|(_, said)| said.split_once(" }"));
        let inside = inside.into_iter().flat_map(|(said, _)| said.split(", "));
        keys.extend(inside.filter(|key| *key != ".."));
        if is_by_table {
            let also = says.split_once("also ").map_or("", |(_, also)| also);
            keys.extend(keys_in(also));
        }
        // What begins so is about a part of the key before it.
        let is_inside = says.starts_with(".. ") && section.starts_with("Appointments");
        if !is_inside && !keys.is_empty() {
            rows.push((heading.clone(), keys));
        }
    }
    rows
}

#[test]
fn every_key_of_a_table_that_the_reference_tells_is_read_there() {
    let page = page();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for heading in [
        "Head",
        "Calendars",
        "People",
        "Leads",
        "Prices and quotes",
        "Appointments",
        "What happens in time",
    ] {
        for (table, keys) in told_of_tables(section(&page, heading)) {
            let (open, close) = match matches!(table.as_str(), "rule" | "route") {
                true => ("[[", "]]"),
                false => ("[", "]"),
            };
            let said: String = keys.iter().map(|key| format!("{key} = 1\n")).collect();
            let folder = Folder {
                playbook: format!("{open}{table}{close}\n{NO_KEY} = 1\n{said}"),
                ..Folder::default()
            };
            let faults = Playbook::read(&folder).unwrap_err().0;
            count += keys.len();
            let unread = not_read(&faults, &keys, &table);
            wrong.extend(unread.iter().map(|key| format!("[{table}] {key}")));
        }
    }
    assert!(count > 110, "{count} keys");
    assert!(wrong.is_empty(), "docs/playbook.md tells {wrong:#?}");
}

/// Something that can be said under a key of a step, so that what stands beside it is read.
fn value_of(verb: &str, key: &str) -> &'static str {
    match (verb, key) {
        ("rebook", "to") | (_, "at") => "\"2026-03-03T10:00:00+01:00\"",
        (_, "version" | "visit") => "1",
        (_, "week") => "\"2026-W11\"",
        (_, "visits") => "[]",
        _ => "\"x\"",
    }
}

#[test]
fn every_key_of_a_step_that_the_reference_tells_is_read_there() {
    let page = page();
    let scenarios = section(&page, "Scenarios");
    let playbook = shop::read(&shop::folder("[appointment.visit]\n", ""));
    let mut steps = Vec::new();
    for (verbs, keys) in table(scenarios, "| key |") {
        let Some(verbs) = verbs.strip_prefix("in ") else {
            continue;
        };
        let verbs = keys_in(verbs);
        let parts: Vec<&str> = keys.split("; ").collect();
        for (place, verb) in verbs.iter().enumerate() {
            let said = match verbs.len() {
                1 => keys,
                _ => parts.get(place).copied().unwrap_or(keys),
            };
            let said = said.split(", which").next().unwrap_or_default();
            let keys = keys_in(said);
            let inside = |key: &&str| format!("{key} = {}, ", value_of(verb, key));
            let inside: String = keys.iter().map(inside).collect();
            steps.push((
                (*verb).to_owned(),
                keys,
                format!("{verb} = {{ {inside}{NO_KEY} = 1 }}"),
            ));
        }
    }
    assert!(steps.len() > 25, "{steps:#?}");
    for (keys, _) in table(
        scenarios.split("What can be expected").nth(1).unwrap(),
        "| key |",
    ) {
        let keys = keys_in(keys);
        let inside: String = keys.iter().map(|key| format!("{key} = 1, ")).collect();
        steps.push((
            "expect".into(),
            keys,
            format!("expect = {{ {inside}{NO_KEY} = 1 }}"),
        ));
    }
    let mut wrong = Vec::new();
    for (verb, keys, step) in &steps {
        let text = format!(
            "{}[[scenario]]\nname = \"s\"\nstart = \"2026-03-02T10:00:00+01:00\"\n\n\
             [[scenario.step]]\nregister = {{ ref = \"luis\", name = \"Luis\" }}\n\n\
             [[scenario.step]]\n{step}\n",
            shop::AGENTS
        );
        let mut folder = shop::folder("", "");
        folder.scenarios = vec![("scenarios/s.toml".into(), text)];
        let faults = scenario::read_for(&playbook, &folder).unwrap_err().0;
        let unread = not_read(&faults, keys, step);
        wrong.extend(unread.iter().map(|key| format!("{verb}: {key}")));
    }
    assert!(wrong.is_empty(), "docs/playbook.md tells {wrong:#?}");
}

#[test]
fn every_kind_of_tax_number_stands_where_the_reference_tells_of_fields() {
    let page = page();
    let told = told(section(&page, "Leads"));
    for word in TaxNumberKinds::words() {
        assert!(told.contains(word), "docs/playbook.md lacks `{word}`");
    }
}

#[test]
fn every_permission_stands_where_the_reference_tells_what_roles_may() {
    let page = page();
    let told = told(section(&page, "People"));
    for permission in Permission::ALL {
        let word = permission.word();
        assert!(told.contains(word), "docs/playbook.md lacks `{word}`");
    }
}

/// Whoever writes a scenario finds there what it can be refused for, why an agent is passed over, and why
/// a message is dropped.
#[test]
fn every_word_that_a_step_can_expect_stands_where_the_reference_tells_of_scenarios() {
    let page = page();
    let told = told(section(&page, "Scenarios"));
    let passed_over = PassedOver::WORDS.iter().map(|(word, _)| word);
    for word in Refusal::CODES.iter().chain(passed_over) {
        assert!(told.contains(*word), "docs/playbook.md lacks `{word}`");
    }
    let row = "| `dropped` | text | ";
    let dropped = page.lines().find(|line| line.starts_with(row)).unwrap();
    for (word, _) in DropReason::WORDS {
        assert!(dropped.contains(word), "docs/playbook.md lacks `{word}`");
    }
    let codes = table(&page, "| code |");
    for (code, _) in codes {
        let code = code.trim_matches('`');
        assert!(Refusal::CODES.contains(&code), "there is no `{code}`");
    }
}

/// The inputs that commands name in refusals, as their source says them.
fn inputs() -> BTreeSet<String> {
    let told_by = [
        "gaps.add(\"",
        "Gaps::one(\"",
        "add_too_long(\"",
        "self.line(\"",
        "self.maybe(\"",
        "self.paragraph(\"",
    ];
    let mut inputs = BTreeSet::new();
    for file in sources("src/decide") {
        let source = fs::read_to_string(file).unwrap();
        for word in told_by {
            let named = source.split(word).skip(1);
            inputs.extend(named.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    inputs
}

#[test]
fn every_input_that_a_refusal_names_stands_in_the_reference_and_can_be_expected() {
    let page = page();
    let refusals = section(&page, "Scenarios");
    let refusals = refusals.split("### What a step is refused for").nth(1);
    let listed = refusals.unwrap().split("| code |").next().unwrap();
    let inputs = inputs();
    assert!(inputs.len() > 20, "{inputs:?}");
    let expected: Vec<String> = told(listed)
        .union(&inputs)
        .filter(|word| *word != "refused")
        .inspect(|word| assert!(listed.contains(&format!("`{word}`")), "{word}"))
        .map(|word| format!("\"{word}\""))
        .collect();
    let scenario = format!(
        "[[scenario]]\nname = \"s\"\nstart = \"2026-03-02T10:00:00+01:00\"\n\n[[scenario.step]]\n\
         register = {{ ref = \"luis\" }}\nexpect = {{ refused = [{}] }}\n",
        expected.join(", ")
    );
    let folder = shop::folder("", &scenario);
    let read = scenario::read_for(&shop::read(&folder), &folder);
    assert!(read.is_ok(), "{}", read.unwrap_err());
}

/// The tables of facts say what the catalogue says, types and all, word for word, and no more.
#[test]
fn every_fact_stands_in_the_reference_as_the_catalogue_tells_it() {
    let page = page();
    // Which can be filtered on is what the tables are about: a list that asks for another is refused.
    for (head, kind, stored) in [
        ("| of a lead |", Kind::Lead, true),
        (
            "| of a lead, and not to be filtered on |",
            Kind::Lead,
            false,
        ),
        ("| of an agent ", Kind::Agent, true),
        ("| of a message ", Kind::Message, true),
        ("| of a sweep ", Kind::Sweep, true),
    ] {
        let told: BTreeSet<(String, String)> = table(&page, head)
            .into_iter()
            .map(|(name, about)| (name.to_owned(), about.to_owned()))
            .collect();
        let known: BTreeSet<(String, String)> = built_in(kind)
            .iter()
            .filter(|fact| fact.stored == stored || kind != Kind::Lead)
            .inspect(|fact| assert_eq!(fact.stored, stored, "`{}`", fact.name))
            .map(|fact| {
                let about = fact.about.trim_end_matches('.');
                let value_type = match fact.value_type {
                    ValueType::Bool => "true or false",
                    ValueType::Number => "number",
                    ValueType::Text => "text",
                    ValueType::Date => "date",
                    ValueType::Instant => "instant",
                };
                let name = format!("`{}`", fact.name);
                (name, format!("{value_type} | {about}"))
            })
            .collect();
        let lacking: Vec<_> = known.difference(&told).collect();
        assert!(lacking.is_empty(), "docs/playbook.md lacks {lacking:#?}");
        let beyond: Vec<_> = told.difference(&known).collect();
        assert!(beyond.is_empty(), "there are no such facts: {beyond:#?}");
    }
}

/// What stands between two marks of a text.
fn between<'t>(text: &'t str, open: &str, close: &str) -> Vec<&'t str> {
    let parts = text.split(open).skip(1);
    parts
        .filter_map(|part| Some(part.split_once(close)?.0))
        .collect()
}

#[test]
fn the_conditions_that_the_stores_show_can_be_asked() {
    let playbook = Playbook::load("playbooks/field-and-digital-sales").unwrap();
    for file in [
        "adapters/sqlite/src/store.rs",
        "adapters/postgres/src/store.rs",
    ] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let source = fs::read_to_string(source).unwrap();
        let mut shown = between(&source, "playbook.condition(r#\"", "\"#)");
        let code = source
            .lines()
            .flat_map(|line| line.split('`').skip(1).step_by(2));
        shown.extend(code.filter(|code| code.contains("< now -")));
        assert!(shown.len() >= 2, "{file}: {shown:?}");
        for condition in shown {
            let read = playbook.condition(condition);
            assert!(read.is_ok(), "{file}: {condition}: {read:?}");
        }
    }
}

/// Whether a template may ask for this.
fn is_variable(name: &str) -> bool {
    let mut folder = shop::folder("[referral]\n[appointment.visit]\n", "");
    folder.templates[0].1 = format!("Subject: Hello\n\n{{{{ {name} }}}}\n");
    Playbook::read(&folder).is_ok()
}

#[test]
fn the_reference_names_the_variables_of_templates_and_no_others() {
    const OBJECTS: [&str; 10] = [
        "contact",
        "owner",
        "earlier_owner",
        "referrer",
        "recipient",
        "organisation",
        "lead",
        "agent",
        "quote",
        "appointment",
    ];
    const PARTS: [&str; 21] = [
        "name",
        "email",
        "phone",
        "id",
        "stage",
        "source",
        "city",
        "label",
        "pipeline",
        "number",
        "version",
        "total",
        "valid_until",
        "day",
        "time",
        "with",
        "feedback",
        "registered_day",
        "touched_day",
        "referral_code",
        "reward",
    ];
    let page = page();
    let rows = table(section(&page, "Templates"), "| variable |");
    let names: String = rows.iter().map(|(names, _)| format!("{names}\n")).collect();
    let told = told(&names);
    let mut known = 0;
    for object in OBJECTS {
        for part in PARTS {
            let name = format!("{object}.{part}");
            assert_eq!(is_variable(&name), told.contains(&name), "{name}");
            known += usize::from(told.contains(&name));
        }
    }
    let dotted = told.iter().filter(|name| name.contains('.')).count();
    assert_eq!((known, known >= 16), (dotted, true), "{told:?}");
}
