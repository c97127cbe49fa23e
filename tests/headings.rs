//! A heading that stands in the wrong place, or under a wrong name, is one fault: what it brings about
//! elsewhere is none.

mod shop;

use leadkit::playbook::Playbook;
use shop::folder;

/// A stage that much speaks of.
const RULES: &str = r#"
[need.won-before]
if   = 'was_in("quoted")'
text = "Was quoted"

[pipeline.sales.stage.quoted]
to = ["lost"]

[pipeline.sales.stage.asked]
to = { quoted = [], lost = ["won-before"] }

[[rule]]
name = "ask"
on   = "entered quoted"
do   = [{ task = "call" }]

[[route]]
if = 'city == "Loja"'
to = "sales.asked"

[[route]]
to = "sales.new"
"#;

/// The faults of the shop with the heading of its stage so, as they are told without their places.
fn told(heading: &str) -> Vec<String> {
    let rules = RULES.replace("[pipeline.sales.stage.quoted]", heading);
    let faults = Playbook::read(&folder(&rules, "")).err();
    let faults = faults.into_iter().flat_map(|faults| faults.0);
    let told = faults.map(|fault| match &fault.hint {
        Some(hint) => format!("{} ({hint})", fault.kind),
        None => fault.kind.to_string(),
    });
    told.collect()
}

#[test]
fn a_stage_under_a_wrong_heading_is_one_fault() {
    assert_eq!(told("[pipeline.sales.stage.quoted]"), [""; 0]);
    for (heading, fault) in [
        (
            "[stage.quoted]",
            "`stage` means nothing in the playbook (a stage stands in its pipeline: \
             `[pipeline.NAME.stage.STAGE]`)",
        ),
        (
            "[pipeline.sales.quoted]",
            "`quoted` means nothing in [pipeline.sales] (write `[pipeline.sales.stage.quoted]`)",
        ),
        (
            "[pipeline.sales.stages.quoted]",
            "`stages` means nothing in [pipeline.sales] (did you mean `stage`?)",
        ),
        (
            "[pipeline.stage.quoted]",
            "`quoted` means nothing in [pipeline.stage] (write `[pipeline.NAME.stage.quoted]`)",
        ),
        (
            "[pipelines.sales.stage.quoted]",
            "`pipelines` means nothing in the playbook (did you mean `pipeline`?)",
        ),
        (
            "[pipeline.sale.stage.quoted]",
            "[pipeline.sale] needs `start` (did you mean `[pipeline.sales.stage]`?)",
        ),
        (
            "[pipeline.sales.stage.qouted]",
            "nothing speaks of `qouted`; `quoted`, which is not there, is spoken of 3 times (did you \
             mean `quoted`?)",
        ),
    ] {
        assert_eq!(told(heading), [fault], "{heading}");
    }
}

#[test]
fn a_heading_hides_no_fault_that_it_does_not_bring_about() {
    let rules = RULES.replace("[pipeline.sales.stage.quoted]", "[stage.quoted]");
    let rules = rules.replace("{ task = \"call\" }", "{ task = \"cal\" }");
    let faults = Playbook::read(&folder(&rules, "")).err();
    let faults = faults.map_or(0, |faults| faults.0.len());
    assert_eq!(faults, 2);
}

#[test]
fn a_name_that_is_misspelled_where_it_is_spoken_of_is_told_there() {
    let rules = RULES.replace("on   = \"entered quoted\"", "on   = \"entered qouted\"");
    let faults = Playbook::read(&folder(&rules, "")).err();
    let told: Vec<String> = faults
        .iter()
        .flat_map(|faults| &faults.0)
        .map(ToString::to_string)
        .collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(
        told[0].contains("there is no stage `qouted` (did you mean `quoted`?)"),
        "{told:#?}"
    );
}
