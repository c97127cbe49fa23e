//! Slips in how leads end.

use leadkit::playbook::Playbook;

use super::shop::{self, folder};

/// The shop, some words of which are others, and its faults with their places.
fn slipped(rules: &str, was: &str, is: &str) -> Vec<String> {
    let mut folder = folder(rules, "");
    assert!(folder.playbook.contains(was), "{was}");
    folder.playbook = folder.playbook.replacen(was, is, 1);
    let faults = Playbook::read(&folder).unwrap_err().0;
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn a_lead_ends_won_lost_or_as_what_resembles_neither() {
    let lost = "final = \"lost\"";
    for (word, meant) in [("lots", "lost"), ("Lost", "lost"), ("wonn", "won")] {
        let told = slipped("", lost, &format!("final = \"{word}\""));
        let fault = "is none of won, lost, or a word that resembles neither";
        assert_eq!(
            told,
            [format!(
                "playbook.toml:31:21: `{word}` {fault} (did you mean `{meant}`?)"
            )]
        );
    }
    let told = slipped("", lost, "final = si");
    let hint = "say how leads end there: `final = \"won\"`, or `\"lost\"`";
    let slip = "this is a text, and stands in quotes";
    assert_eq!(told, [format!("playbook.toml:31:21: {slip} ({hint})")]);
    let told = slipped("", lost, "final = true");
    assert!(
        told[0].starts_with("playbook.toml:31:21: expected a text, found boolean (say how leads"),
        "{told:?}"
    );
    let mut own = folder("", "");
    own.playbook = own.playbook.replace(lost, "final = \"gone-elsewhere\"");
    shop::read(&own);
}

#[test]
fn a_condition_asks_for_an_outcome_that_a_stage_has() {
    let rule = r#"
[[rule]]
name = "thank"
on   = "entered lost"
if   = 'outcome == "lost"'
do   = [{ task = "call" }]
"#;
    shop::read(&folder(rule, ""));
    let told = slipped(rule, "outcome == \"lost\"", "outcome == \"lots\"");
    let fault = "in the condition: `outcome` is never \"lots\" (did you mean `\"lost\"`?)";
    assert_eq!(told, [format!("playbook.toml:40:20: {fault}")]);
    let told = slipped(rule, "outcome == \"lost\"", "outcome == \"won\"");
    assert_eq!(told.len(), 1, "{told:?}");
    // Of a stage whose own word is a slip, it is one fault.
    let told = slipped(rule, "final = \"lost\"", "final = \"lst\"");
    assert_eq!(told.len(), 1, "{told:?}");
}
