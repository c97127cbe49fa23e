//! What is wrong with scenarios is told once, where it is to be mended, and before they are played.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::scenario;
use shop::folder;

const SCENARIO: &str = r#"
[[scenario]]
name  = "somebody calls"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", by = "ana" }
expect   = { owner = "ana" }

[[scenario.step]]
tried = { by = "bea" }
"#;

/// The faults of the scenarios, as they are told, each with its place.
fn told(folder: &Folder) -> Vec<String> {
    let playbook = shop::read(folder);
    match scenario::read_for(&playbook, folder) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.0.iter().map(ToString::to_string).collect(),
    }
}

/// The shop with these agents in a file of their own, or with no such file.
fn shop_of(agents: Option<&str>) -> Folder {
    let mut shop = folder("", "");
    let agents = agents.map(|text| ("scenarios/agents.toml".into(), text.into()));
    shop.scenarios = agents.into_iter().collect();
    let steps = ("scenarios/steps.toml".into(), SCENARIO.into());
    shop.scenarios.push(steps);
    shop
}

fn agent(id: &str) -> String {
    shop::AGENTS.replace("ana", id)
}

#[test]
fn a_folder_without_agents_is_one_fault_and_not_one_for_each_who_acts() {
    let both = agent("ana") + &agent("bea");
    assert_eq!(told(&shop_of(Some(&both))), [""; 0]);
    for nobody in [None, Some("")] {
        assert_eq!(
            told(&shop_of(nobody)),
            [
                "scenarios/agents.toml: there are no agents, and there should be `ana`, `bea` (those \
                 of all scenarios stand there, each an `[[agent]]`; those of one are its \
                 `[[scenario.agent]]`s)"
            ]
        );
    }
    // So it is where a scenario has an agent of its own, and a slip of the pen is told as that.
    let eva = "start = \"2026-03-02T10:00:00+01:00\"\nagent = [{ id = \"evaristo\" }]\n";
    let own = "\n[[scenario.step]]\ntried = { by = \"evaristto\" }\n";
    let mut shop = shop_of(None);
    let steps = &mut shop.scenarios[0].1;
    *steps = steps.replacen("start = \"2026-03-02T10:00:00+01:00\"\n", eva, 1) + own;
    let both = told(&shop);
    assert_eq!(both.len(), 2, "{both:#?}");
    assert!(both[0].contains("there are no agents"), "{both:#?}");
    assert!(both[1].contains("did you mean `evaristo`?"), "{both:#?}");
    // One who is there, and another who isn't, is told where that one acts.
    assert_eq!(
        told(&shop_of(Some(&agent("ana")))),
        ["scenarios/steps.toml:11:16: there is no agent `bea` (known: ana)"]
    );
}

#[test]
fn agents_who_can_not_be_read_are_told_where_they_stand_alone() {
    for (slip, mended) in [("[[agnet]]", "[[agent]]"), ("idd ", "id "), ("\"\"\"", "")] {
        let agents = (agent("ana") + &agent("bea")).replacen(mended, slip, 1);
        let told = told(&shop_of(Some(&agents)));
        let is_there = |told: &String| told.starts_with("scenarios/agents.toml:");
        assert!(!told.is_empty() && told.iter().all(is_there), "{told:#?}");
    }
}

#[test]
fn a_playbook_whose_templates_are_not_there_has_one_fault() {
    let rules = ["a", "b", "c", "d", "d"].map(|name| {
        format!(
            "[[rule]]\nname = \"r-{name}\"\non = \"registered\"\ndo = [{{ send = \"{name}\" }}]\n"
        )
    });
    let mut shop = folder(&rules[..4].concat(), "");
    shop.templates.clear();
    let faults = Playbook::read(&shop).unwrap_err().0;
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "templates: there are no templates, and there should be `a`, `b`, `c` and 1 more (each \
             stands in a file of its own, `templates/NAME.txt`)"
        ]
    );
}
