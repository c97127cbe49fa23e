//! Each playbook as whoever takes it over meets it: the folder is copied, a stage, a rule and a scenario are
//! added as `playbooks/README.md` says, and it is checked and tested. No line of code is written.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod told;

use std::fs;
use std::path::Path;

use told::{leadkit, repository, warnings_but_of_holidays, write};

/// What is added to a playbook.
struct Added {
    playbook: &'static str,
    /// Texts of the playbook that stand there once, and what they become: the way to the new stage, and the
    /// rules that look after it.
    changed: &'static [(&'static str, &'static str)],
    /// What stands behind the rest of it: the stage and the rule.
    behind: &'static str,
    scenario: &'static str,
}

const ADDED: [Added; 4] = [
    Added {
        playbook: "field-and-digital-sales",
        changed: &[(
            r#"to    = { proposal = ["quote"], lost = ["reason"] }"#,
            r#"to    = { proposal = ["quote"], demo = [], lost = ["reason"] }"#,
        )],
        behind: r#"
[pipeline.sales.stage.demo]
label = "DEMOSTRACIÓN"
to    = { proposal = ["quote"], lost = ["reason"] }

[[rule]]
name  = "after-the-demo"
stage = "demo"
on    = "entered"
after = "2 days"
do    = [{ notify = "owner", template = "quiet" }]
"#,
        scenario: r#"
[[scenario]]
name   = "a demonstration"
start  = "2026-03-10T10:00:00-05:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis Vera", source = "call", by = "ana" }

[[scenario.step]]
reached = { by = "ana" }

[[scenario.step]]
move = { to = "in-progress", by = "ana" }

[[scenario.step]]
move   = { to = "demo", by = "ana" }
expect = { stage = "demo" }

[[scenario.step]]
at     = "2026-03-12T10:00:00-05:00"
expect = { notified = ["advisor"], history = "rule after-the-demo fired" }

[[scenario.step]]
leave = { agent = "ana", to = "supervisors", by = "marco" }

[[scenario.step]]
at     = "2026-03-12T10:00:01-05:00"
lead   = "luis"
expect = { owner = "sofia", stage = "demo" }

[[scenario]]
name   = "whose advisor leaves during the demonstration, and nobody can have it"
start  = "2026-03-10T10:00:00-05:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis Vera", source = "call", by = "ana" }

[[scenario.step]]
reached = { by = "ana" }

[[scenario.step]]
move = { to = "in-progress", by = "ana" }

[[scenario.step]]
move = { to = "demo", by = "ana" }

[[scenario.step]]
set-up = { id = "sofia", available = false }

[[scenario.step]]
leave  = { agent = "ana", to = "digital", by = "marco" }
expect = { no-owner = true }

[[scenario.step]]
set-up = { id = "sofia", available = true }

[[scenario.step]]
at     = "2026-03-10T11:00:01-05:00"
lead   = "luis"
expect = { owner = "sofia", stage = "demo" }
"#,
    },
    Added {
        playbook: "deferred-follow-up",
        changed: &[
            (
                r#"talking    = { label = "En conversación", to = { bought = [], not-interested = ["reason"] } }"#,
                r#"talking    = { label = "En conversación", to = { bought = [], test-drive = [], not-interested = ["reason"] } }
test-drive = { label = "Prueba de manejo", to = { bought = [], not-interested = ["reason"] } }"#,
            ),
            (
                "stage      = [\"follow-up.talking\", \"immediate.new\", \"immediate.talking\"]\non         = \"touched\"\nafter      = \"165",
                "stage      = [\"follow-up.talking\", \"immediate.new\", \"immediate.talking\", \"immediate.test-drive\"]\non         = \"touched\"\nafter      = \"165",
            ),
        ],
        behind: r#"
[[rule]]
name  = "after-the-drive"
stage = "immediate.test-drive"
on    = "entered"
after = "2 days"
do    = [{ task = "follow-up" }]
"#,
        scenario: r#"
[[scenario]]
name   = "a test drive"
start  = "2026-03-10T11:00:00-06:00"

[[scenario.step]]
register = { ref = "juan", name = "Juan Pérez", car = "X3", gender = "male", source = "showroom", by = "luisa" }

[[scenario.step]]
move = { to = "talking", by = "luisa" }

[[scenario.step]]
move   = { to = "test-drive", by = "luisa" }
expect = { stage = "test-drive", tasks = [] }

[[scenario.step]]
at     = "2026-03-12T11:00:00-06:00"
expect = { tasks = ["follow-up"] }
"#,
    },
    Added {
        playbook: "platform-onboarding",
        changed: &[
            (
                r#"evaluation     = { label = "AVALIAÇÃO", to = { customer = ["adhesion-term"], not-interested = ["reason"] } }"#,
                r#"evaluation     = { label = "AVALIAÇÃO", to = { customer = ["adhesion-term"], contract = [], not-interested = ["reason"] } }
contract       = { label = "CONTRATO", to = { customer = ["adhesion-term"], not-interested = ["reason"] } }"#,
            ),
            (
                "stage      = [\"presentation\", \"accreditation\", \"evaluation\"]\non         = \"touched\"\nafter      = \"15",
                "stage      = [\"presentation\", \"accreditation\", \"evaluation\", \"contract\"]\non         = \"touched\"\nafter      = \"15",
            ),
        ],
        behind: r#"
[[rule]]
name  = "contract-begins"
on    = "entered contract"
do    = [{ task = "follow-up" }, { notify = "team:commercial", template = "quiet" }]
"#,
        scenario: r#"
[[scenario]]
name   = "a contract before the term"
start  = "2026-03-10T10:00:00-03:00"

[[scenario.step]]
register = { ref = "loja", name = "Loja Cedro", source = "form", platform = "Feirão Digital", products = "Anúncios", type = "evaluation", presented_at = 2026-03-09T15:00:00-03:00, by = "rita" }

[[scenario.step]]
at     = "2026-03-12T10:00:00-03:00"
move   = { to = "contract", by = "rita" }
expect = { stage = "contract", notified = ["commercial"], history = "rule contract-begins fired" }

[[scenario.step]]
close  = { as = "customer", by = "rita" }
expect = { refused = ["adhesion-term"] }

[[scenario.step]]
set-up = { id = "clara", available = false }

[[scenario.step]]                           # and nobody is responsible any more
leave  = { agent = "rita", to = "clara", by = "adriana" }
expect = { no-owner = true, stage = "contract", notified = ["commercial"], mail-says = "Lead sem responsável" }
"#,
    },
    Added {
        playbook: "dealership-teams",
        changed: &[
            (
                r#"to     = ["online", "reserved", "sold", "nurturing", "lost"]"#,
                r#"to     = ["online", "valuation", "reserved", "sold", "nurturing", "lost", "passed-on"]"#,
            ),
            (
                "stage      = [\"qualification\", \"online\", \"store\", \"reserved\"]\non         = \"touched\"\nafter      = \"6",
                "stage      = [\"qualification\", \"online\", \"store\", \"valuation\", \"reserved\"]\non         = \"touched\"\nafter      = \"6",
            ),
        ],
        behind: r#"
[pipeline.sales.stage.valuation]
label = "TASACIÓN"
to    = ["reserved", "sold", "nurturing", "lost"]

[pipeline.sales.stage.passed-on]
label = "TRASPASADO A OTRO CONCESIONARIO"
final = "passed-on"
to    = []

[[rule]]
name  = "not-valued"
stage = "valuation"
on    = "entered"
after = "1 business day"
do    = [{ notify = "manager", template = "quiet" }]
"#,
        scenario: r#"
[[scenario]]
name   = "the customer's own car is valued"
start  = "2026-03-10T10:00:00+01:00"

[[scenario.step]]
register = { ref = "eva", name = "Eva Luna", source = "showroom" }

[[scenario.step]]
move   = { to = "valuation", by = "tina" }
expect = { stage = "valuation", owner = "tina" }

[[scenario.step]]
at     = "2026-03-11T10:00:00+01:00"
expect = { notified = ["manager"] }

[[scenario.step]]                           # who values it leaves, and the store has nobody else
leave  = { agent = "tina", to = "store", by = "manu" }
expect = { stage = "nurturing", owner = "marta", notified = ["manager"], mail-says = "pasa a nurturing" }

[[scenario]]
name   = "a customer who is passed on to another dealership: an end with its reason, as any other"
start  = "2026-03-10T10:00:00+01:00"

[[scenario.step]]
register = { ref = "eva", name = "Eva Luna", source = "showroom" }

[[scenario.step]]
close  = { as = "passed-on", by = "tina" }
expect = { refused = ["final-reason"] }

[[scenario.step]]
close  = { as = "passed-on", reason = "Vive en Vigo", by = "tina" }
expect = { outcome = "passed-on" }
"#,
    },
];

/// Without this a dealer's IT would need ours.
#[test]
fn each_playbook_is_copied_and_a_stage_a_rule_and_a_scenario_are_added() {
    for added in ADDED {
        let Added { playbook, .. } = added;
        let copy = tempfile::tempdir().unwrap();
        copy_folder(&repository().join("playbooks").join(playbook), copy.path());
        let path = copy.path().to_str().unwrap();
        let before = leadkit(["test", path, "--json"]).json();
        let text = fs::read_to_string(copy.path().join("playbook.toml")).unwrap();
        let text = added.changed.iter().fold(text, |text, (from, to)| {
            assert_eq!(text.matches(from).count(), 1, "{playbook}: {from}");
            text.replace(from, to)
        });
        let text = format!("{text}{}", added.behind);
        let scenario = ("scenarios/added.toml", added.scenario);
        write(copy.path(), &[("playbook.toml", &text), scenario]);

        let checked = leadkit(["check", path, "--json"]);
        assert_eq!(checked.code, 0, "{playbook}: {}", checked.out);
        let warnings = warnings_but_of_holidays(&checked);
        assert!(warnings.is_empty(), "{playbook}: {warnings:#?}");

        let tested = leadkit(["test", path]);
        assert_eq!(tested.code, 0, "{playbook}: {}", tested.out);
        let after = leadkit(["test", path, "--json"]).json();
        let passed = |told: &serde_json::Value| told["passed"].as_u64().unwrap();
        assert!(passed(&after) > passed(&before), "{playbook}");
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}
