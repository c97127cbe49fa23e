//! The cases of Odoo's own tests of duplicates and merging, as facts in our words: each is held by a
//! scenario, and what of it differs on purpose is listed with the reason.

use std::collections::BTreeSet;
use std::path::Path;

use leadkit::playbook::load::Folder;
use leadkit::scenario;
use serde_json::Value;

use crate::shop::{PREMISES, play_folder};

/// What of a case differs, and why.
const DIFFERS: [(&str, &str); 9] = [
    (
        "crm-001: one company, one name within another, one parent company",
        "many people are called alike or work in one place: `--find` finds them, and nobody is told that they are one person",
    ),
    ("crm-001: one domain of addresses", DOMAIN),
    ("crm-002: one domain of addresses", DOMAIN),
    ("crm-003: the one that got furthest survives", NAMED),
    (
        "crm-003: the others are deleted, and their descriptions joined",
        "nothing is deleted: each lead goes on under the contact that stands for both, so that it can be taken back",
    ),
    ("crm-003: all get one owner", KEPT),
    ("crm-004: opportunities survive before leads", NAMED),
    ("crm-004: team and stage are those of the merge", KEPT),
    (
        "crm-005: duplicates are looked for when leads are converted",
        "a copy is refused when it comes, by the base that says what must be unique",
    ),
];
const DOMAIN: &str =
    "who has an address at one domain is a colleague, or a customer of one provider";
const NAMED: &str = "which contact survives is for the person to say who merges";
const KEPT: &str = "merging says who the person is: owner, team and stage stay those of each lead";

const PLAYBOOK: &str = r#"
[role.seller]
may = ["*"]

[field]
company = { type = "text" }
bulk    = { type = "bool" }

[base.bulk]
pipelines = ["bulk"]
unique    = ["contact"]

[pipeline.sales]
start = "new"

[pipeline.sales.stage]
new     = { to = { talking = [], won = [], lost = [] } }
talking = { to = { offer = [], lost = [] } }
offer   = { to = { won = [], lost = [] } }
won     = { final = "won" }
lost     = { final = "lost" }

[pipeline.bulk]
start = "here"

[pipeline.bulk.stage]
here = { to = { gone = [] } }
gone = { final = "gone" }

[[route]]
if = 'bulk'
to = "bulk.here"

[[route]]
to = "sales.new"
"#;

const SCENARIOS: &str = r#"
[[scenario]]
name   = "who gives one address is one person, and who shares a company, a name or a domain is none"
covers = ["crm-001"]
start  = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "1", name = "Alice", company = "Alice", email = "alice@odoo.example" }

[[scenario.step]]
register = { ref = "2", name = "Alice", email = "alice@odoo.example" }
expect   = { same-contact-as = "1" }

[[scenario.step]]
register = { ref = "3", name = "Alice", email = "alice@odoo.example" }
expect   = { same-contact-as = "1", duplicates = [] }

[[scenario.step]]
register = { ref = "4", name = "4", company = "Alice Doe" }

[[scenario.step]]
register = { ref = "5", name = "5", company = "Alice Doe" }
expect   = { duplicates = [] }

[[scenario.step]]
register = { ref = "6", name = "6", company = "Bob Doe" }

[[scenario.step]]
register = { ref = "7", name = "7", company = "Bob Doe", email = "bob@odoo.example" }
expect   = { duplicates = [] }

[[scenario.step]]
register = { ref = "8", name = "8", email = "bob@mymail.example" }

[[scenario.step]]
register = { ref = "9", name = "9", email = "alice@mymail.example" }

[[scenario.step]]
register = { ref = "10", name = "9", email = "alice@mymail.example" }

[[scenario.step]]                           # what is lost is of the same person all the same
close  = { as = "lost" }
expect = { same-contact-as = "9", duplicates = [] }

[[scenario.step]]
register = { ref = "11", name = "charlie" }

[[scenario.step]]
register = { ref = "12", name = "Charlie Chapelin" }
expect   = { duplicates = [] }

[[scenario.step]]
register = { ref = "13", name = "Dave", company = "My company", email = "dave@odoo.example" }

[[scenario.step]]
register = { ref = "14", name = "Eve", company = "My company", email = "eve@odoo.example" }
expect   = { duplicates = [] }

[[scenario]]
name   = "an address that is none is refused, and troubles nobody else"
covers = ["crm-002"]
start  = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "1", name = "1", email = "mail\"1@mymail.example" }
expect   = { refused = ["email"] }

[[scenario.step]]
register = { ref = "2", name = "2", email = "mail2@mymail.example" }
expect   = { duplicates = [] }

[[scenario.step]]
register = { ref = "3", name = "3", email = "odoo.example" }
expect   = { refused = ["email"] }

[[scenario.step]]
register = { ref = "5", name = "5", email = "myodoo.example" }
expect   = { refused = ["email"] }

[[scenario]]
name   = "of six who are merged the open leads become the survivor's, and what has ended stays as it was"
covers = ["crm-003"]
start  = "2026-03-02T10:00:00+01:00"

[[scenario.agent]]
id    = "u"
name  = "U"
email = "u@example.com"
role  = "seller"

[[scenario.step]]
register = { ref = "contact", name = "With contact" }

[[scenario.step]]
move = { to = "talking" }

[[scenario.step]]
move = { to = "offer" }

[[scenario.step]]
register = { ref = "email", name = "With email", email = "email@example.com" }

[[scenario.step]]
move = { to = "talking" }

[[scenario.step]]
register = { ref = "one", name = "One", owner = "u" }

[[scenario.step]]
register = { ref = "partner", name = "With partner" }

[[scenario.step]]
register = { ref = "won", name = "Won" }

[[scenario.step]]
move = { to = "won" }

[[scenario.step]]
register = { ref = "lost", name = "Lost" }

[[scenario.step]]
close = { as = "lost" }

[[scenario.step]]
merge  = { from = "email", into = "contact" }
expect = { same-contact-as = "contact", stage = "talking", contact = { name = "With contact", email = "email@example.com" } }

[[scenario.step]]
merge  = { from = "one", into = "contact" }
expect = { same-contact-as = "contact", stage = "new", owner = "u" }

[[scenario.step]]
merge  = { from = "partner", into = "contact" }
expect = { same-contact-as = "contact", no-owner = true }

[[scenario.step]]
merge  = { from = "won", into = "contact" }
expect = { outcome = "won", contact = { name = "Won", email = "" } }

[[scenario.step]]
merge  = { from = "lost", into = "contact" }
expect = { outcome = "lost", contact = { name = "Lost", email = "" }, count = { 'open' = 4, 'not open' = 2 } }

[[scenario.step]]
lead   = "contact"
expect = { stage = "offer", duplicates = [] }

[[scenario]]
name   = "which contact survives is said, however far the leads of the others are"
covers = ["crm-004"]
start  = "2026-03-02T10:00:00+01:00"

[[scenario.agent]]
id    = "u"
name  = "U"
email = "u@example.com"
role  = "seller"
team  = "t"

[[scenario.agent]]
id    = "v"
name  = "V"
email = "v@example.com"
role  = "seller"

[[scenario.step]]
register = { ref = "one", name = "One", owner = "u" }

[[scenario.step]]
register = { ref = "contact", name = "With contact", owner = "v" }

[[scenario.step]]
move = { to = "talking" }

[[scenario.step]]
move = { to = "offer" }

[[scenario.step]]
merge  = { from = "contact", into = "one" }
expect = { same-contact-as = "one", contact = { name = "One" }, owner = "v", stage = "offer" }

[[scenario.step]]
lead   = "one"
expect = { owner = "u", stage = "new" }

[[scenario]]
name   = "of each pair one is there, whatever becomes of the other pair"
covers = ["crm-005"]
start  = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "1", name = "One", email = "one@example.com", bulk = true }

[[scenario.step]]
register = { ref = "copy-1", name = "One", email = "one@example.com", bulk = true }
expect   = { refused = ["already-held"] }

[[scenario.step]]
register = { ref = "2", name = "Two", email = "two@example.com", bulk = true }

[[scenario.step]]
register = { ref = "copy-2", name = "Two", email = "two@example.com", bulk = true }
expect   = { refused = ["already-held"], count = { 'open' = 2 } }
"#;

fn folder() -> Folder {
    Folder {
        playbook: format!("{PREMISES}{PLAYBOOK}"),
        templates: Vec::new(),
        holidays: Vec::new(),
        scenarios: vec![("scenarios/odoo.toml".into(), SCENARIOS.into())],
    }
}

#[test]
fn what_is_ours_as_well_of_the_cases_of_another_crm_is_held() {
    play_folder(&folder());
}

/// The cases themselves may not lie in the repository.
#[test]
fn every_case_of_duplicates_and_merging_is_held() {
    let scenarios = scenario::read(&folder()).unwrap();
    let held = scenarios.iter().flat_map(|scenario| &scenario.covers);
    let held: BTreeSet<&str> = held.map(|case| case.as_str()).collect();
    for (part, why) in DIFFERS {
        let case = part.split(':').next().unwrap();
        assert!(held.contains(case) && !why.is_empty(), "{part}");
    }
    let said = std::env::var_os("LEADKIT_TEST_DATA").map(Into::into);
    let must_be_there = said.is_some();
    let base = said.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    let Ok(text) = std::fs::read_to_string(base.join("crm/odoo_cases.jsonl")) else {
        assert!(
            !must_be_there,
            "no crm/odoo_cases.jsonl in {}",
            base.display()
        );
        println!(
            "skipped: no crm/odoo_cases.jsonl in {}; set LEADKIT_TEST_DATA",
            base.display()
        );
        return;
    };
    let cases = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let cases = cases.filter(|case| matches!(case["area"].as_str(), Some("duplicates" | "merge")));
    let cases: BTreeSet<String> = cases
        .map(|case| case["id"].as_str().unwrap().into())
        .collect();
    assert_eq!(
        cases.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        held
    );
}
