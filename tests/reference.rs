//! `docs/playbook.md` holds every word that a playbook, its scenarios and its conditions know.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use leadkit::decide::refusal::Refusal;
use leadkit::facts::built_in;
use leadkit::playbook::Playbook;
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
    for (head, kind) in [
        ("| of a lead |", Kind::Lead),
        ("| of an agent ", Kind::Agent),
        ("| of a message ", Kind::Message),
        ("| of a sweep ", Kind::Sweep),
    ] {
        let told: BTreeSet<(String, String)> = table(&page, head)
            .into_iter()
            .map(|(name, about)| (name.to_owned(), about.to_owned()))
            .collect();
        let known: BTreeSet<(String, String)> = built_in(kind)
            .iter()
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
    const PARTS: [&str; 19] = [
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
