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

/// Whoever mends one fault after the other must not be told of three new ones at last.
#[test]
fn faults_of_scenarios_are_told_beside_those_of_their_playbook_and_none_that_follow_from_them() {
    let told = |rules: &str, steps: &str| {
        let mut shop = folder(rules, "");
        let steps = SCENARIO.to_owned() + steps;
        let agents = agent("ana").replace("role  = ", "role  = \"sel\" # ");
        shop.scenarios = vec![
            ("scenarios/agents.toml".into(), agents),
            ("scenarios/steps.toml".into(), steps),
        ];
        let faults = scenario::read_with_playbook(&Playbook::builder(), &shop)
            .unwrap_err()
            .0;
        let told = faults
            .iter()
            .map(|fault| format!("{}: {}", fault.file, fault.kind));
        told.collect::<Vec<_>>()
    };
    let route =
        "\n[[rule]]\nname = \"new\"\non = \"registered\"\ndo = [{ assign = \"callers\" }]\n";
    let faulty = told(route, "");
    assert_eq!(
        faulty,
        [
            "playbook.toml: there is no pool `callers`",
            "scenarios/agents.toml: there is no role `sel`",
            "scenarios/steps.toml: there is no agent `bea`",
        ]
    );
    // What the playbook says where it can't be read is there for its scenarios.
    let broken = "\n[activty]\nvisit = {}\n";
    let step = "\n[[scenario.step]]\nrecord = { activity = \"visit\", by = \"ana\" }\n";
    let faulty = told(broken, step);
    assert!(faulty[0].contains("`activty` means nothing"), "{faulty:#?}");
    assert_eq!(faulty.len(), 3, "{faulty:#?}");
    let step = step.replace("\"visit\"", "\"vsit\"");
    assert_eq!(told(broken, &step).len(), 4);
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

/// The faults of steps behind the registration of luis, in a shop with a choice, a need and a pool.
fn told_of(steps: &str) -> Vec<String> {
    let rules = r#"
[field.car]
type = "choice"
of   = ["X1", "X3"]

[pool.all]
members = 'available'

[need.paid]
if   = 'car is present'
text = "A car"
"#;
    let scenario = format!(
        "[[scenario]]\nname = \"s\"\nstart = \"2026-03-02T10:00:00+01:00\"\n\n[[scenario.step]]\n\
         register = {{ ref = \"luis\", name = \"Luis\" }}\n\n[[scenario.step]]\n{steps}\n"
    );
    told(&folder(rules, &scenario))
}

#[test]
fn what_no_refusal_says_is_a_fault_before_the_scenario_is_played() {
    let place = "scenarios/shop.toml:16:";
    for (word, hint) in [
        ("not-permited", "did you mean `not-permitted`?"),
        ("payd", "did you mean `paid`?"),
        ("crash-landing", "it says the names of needs, laws, fields"),
    ] {
        let told = told_of(&format!(
            "tried  = {{ by = \"ana\" }}\nexpect = {{ refused = [\"{word}\"] }}"
        ));
        assert_eq!(told.len(), 1, "{told:#?}");
        let wanted = format!("no refusal says `{word}` ({hint}");
        assert!(
            told[0].starts_with(place) && told[0].contains(&wanted),
            "{told:#?}"
        );
    }
    // Codes, needs, fields, inputs, and what the step itself says.
    for word in [
        "not-permitted",
        "paid",
        "car",
        "reason",
        "lines.2.tax",
        "colour",
    ] {
        let told = told_of(&format!(
            "set    = {{ colour = \"red\" }}\nexpect = {{ refused = [\"{word}\", \"colour\"] }}"
        ));
        assert_eq!(told, [""; 0], "{word}");
    }
}

#[test]
fn why_somebody_is_passed_over_or_a_message_dropped_is_one_of_few_words() {
    for (expected, fault) in [
        (
            "passed-over = { ana = \"ful\" }",
            "`ful` is none of owns-no-leads, ",
        ),
        ("passed-over = { ana = \"ful\" }", "(did you mean `full`?)"),
        ("dropped = { hello = \"capp\" }", "(did you mean `cap`?)"),
    ] {
        let told = told_of(&format!("expect = {{ {expected} }}"));
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(told[0].contains(fault), "{told:#?}");
    }
}

#[test]
fn a_step_about_a_lead_comes_behind_one_that_speaks_of_it() {
    let fault = "no lead was spoken of before this step (register one in a step before it)";
    let scenario = |steps: &str| {
        let start = "start = \"2026-03-02T10:00:00+01:00\"";
        let text = format!("[[scenario]]\nname = \"s\"\n{start}\n\n[[scenario.step]]\n{steps}\n");
        told(&folder("", &text))
    };
    let behind = "\n[[scenario.step]]\nregister = { ref = \"luis\", name = \"Luis\" }";
    for (steps, column) in [
        (
            "tried  = { by = \"ana\" }\nexpect = { owner = \"ana\" }",
            "12:1",
        ),
        (
            "at     = \"2026-03-02T11:00:00+01:00\"\nexpect = { open = true }",
            "13:1",
        ),
    ] {
        let wanted = format!("scenarios/shop.toml:{column}: {fault}");
        assert_eq!(scenario(&format!("{steps}\n{behind}")), [wanted], "{steps}");
    }
    // What is told of all leads, or of none, needs none.
    let counted = "expect = { count = { 'open' = 0 }, notified = [], mailed = [] }";
    assert_eq!(scenario(counted), [""; 0]);
    // A registration that can't be read is the only fault.
    let nameless = "register = { name = \"Luis\" }\n\n[[scenario.step]]\ntried = { by = \"ana\" }";
    let told = scenario(nameless);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("needs `ref`"), "{told:#?}");
}

#[test]
fn a_name_that_is_taken_is_told_with_where_the_first_one_stands() {
    let mut twice = shop_of(Some(&(agent("ana") + &agent("bea"))));
    let again = ("scenarios/there.toml".into(), SCENARIO.into());
    twice.scenarios.push(again);
    assert_eq!(
        told(&twice),
        [
            "scenarios/there.toml:3:9: the scenario `somebody calls` is defined already (the first \
             one stands at scenarios/steps.toml:2)"
        ]
    );
}

#[test]
fn an_offset_that_no_clock_of_the_playbook_has_then_is_a_fault() {
    let step = |at: &str| told_of(&format!("at     = \"{at}\"\nexpect = {{ open = true }}"));
    assert_eq!(
        step("2026-07-01T10:00:00+01:00"),
        [
            "scenarios/shop.toml:15:10: in Europe/Madrid it is 2026-07-01T11:00:00+02:00 then (write \
             `2026-07-01T10:00:00+02:00`; or `2026-07-01T11:00:00+02:00`, if the instant is right)"
        ]
    );
    // In the hour that comes twice both are right; UTC always is, and so are the clocks of a calendar.
    for right in [
        "2026-07-01T10:00:00+02:00",
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:30:00+01:00",
        "2026-07-01T10:00:00Z",
    ] {
        assert_eq!(step(right), [""; 0], "{right}");
    }
    let quito = "\n[calendar.quito]\nweekly = { mon-fri = [\"09:00-17:00\"] }\nzone = \"America/Guayaquil\"\n";
    let steps = SCENARIO.replace("2026-03-02T10:00:00+01:00", "2026-03-02T10:00:00-05:00");
    let of_quito = folder(quito, &(agent("bea") + &steps));
    assert_eq!(told(&of_quito), [""; 0]);
    assert_eq!(told(&folder("", &(agent("bea") + &steps))).len(), 1);
}

#[test]
fn who_would_be_refused_before_the_first_step_is_a_fault_where_the_agent_stands() {
    let mut shop = shop_of(Some(&(agent("ana") + &agent("bea"))));
    shop.playbook = shop.playbook.replace(
        "may = [\"*\"]",
        "may = [\"*\"]\nneeds = [\"phone\", \"cities\"]",
    );
    let long = format!(
        "cities = [\"Quito\"]\nphone = \"{}\"\nrole ",
        "1".repeat(300)
    );
    let agents = &mut shop.scenarios[0].1;
    *agents = agents.replacen("role ", &long, 1);
    assert_eq!(
        told(&shop),
        [
            "scenarios/agents.toml:7:9: of the agent `ana`: phone: is longer than 256 bytes",
            "scenarios/agents.toml:10:1: of the agent `bea`: phone: is needed (say `phone = ..`)",
            "scenarios/agents.toml:10:1: of the agent `bea`: cities: is needed (say `cities = ..`)",
        ]
    );
}
