//! Fields that are not for everybody to set: told when a lead is registered, and evidence that nobody can make
//! up afterwards; or told by some roles alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use leadkit::playbook::Playbook;
use shop::{folder, play};

const MET: &str = r#"
[field.met_at]
type  = "instant"
fixed = true

[activity.met]
asks = [ASKED]

[task.meet]
text    = "Meet"
choices = { met = { asks = [ASKED] } }

[[rule]]
name = "meets"
on   = "answered"
do   = [{ set = "SET", to = "now" }, { task = "meet" }]
"#;

fn rules(set: &str, asked: &str) -> String {
    MET.replace("SET", set).replace("ASKED", asked)
}

#[test]
fn a_fixed_field_is_told_at_the_registration_and_never_changed_after() {
    play(
        &rules("delivery", "\"city\""),
        r#"
[[scenario]]
name  = "met before, and never made up"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", met_at = 2026-03-01T10:00:00+01:00 }

[[scenario.step]]
set    = { met_at = 2026-02-01T10:00:00+01:00 }
expect = { refused = ["met_at"], refusal-says = "when the lead was registered" }

[[scenario.step]]                           # who writes all fields again changes nothing
set    = { met_at = 2026-03-01T10:00:00+01:00, city = "Vigo" }
expect = { fields = { city = "Vigo", met_at = 2026-03-01T10:00:00+01:00 } }

[[scenario.step]]
register = { ref = "vera", name = "Vera" }

[[scenario.step]]
set    = { met_at = 2026-03-01T10:00:00+01:00 }
expect = { refused = ["met_at"], count = { 'met_at is present' = 1 } }
"#,
    );
}

/// Else the task could never be completed, and the rule would be refused each time.
#[test]
fn whatever_would_set_a_fixed_field_later_is_a_fault() {
    let faulty = rules("met_at", "\"met_at\"");
    let faults = Playbook::read(&folder(&faulty, "")).unwrap_err().0;
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:#?}");
    for fault in told {
        assert!(fault.contains("told when a lead is registered"), "{fault}");
    }
}

/// What it asks for is judged as things stood before: a field can be told with what makes it fixed.
#[test]
fn a_field_is_changed_no_more_while_what_it_says_holds_on_closed_leads_neither_and_by_no_rule() {
    let rules = r#"
[field.plan]
type  = "text"
fixed = 'activities("signed") >= 1 and stage != "talking"'

[activity.signed]
asks = ["plan"]

[[rule]]
name = "vigo-is-small"
when = 'city == "Vigo"'
do   = [{ set = "plan", to = "small" }]
"#;
    play(
        rules,
        r#"
[[scenario]]
name  = "signed, and that was it"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", plan = "small" }

[[scenario.step]]
set    = { plan = "large" }
expect = { fields = { plan = "large" } }

[[scenario.step]]
record = { activity = "signed", plan = "huge" }
expect = { fields = { plan = "huge" } }

[[scenario.step]]
record = { activity = "signed", plan = "small" }
expect = { refused = ["plan"], refusal-says = "it is changed no more", fields = { plan = "huge" } }

[[scenario.step]]                           # nor is it taken away
set    = { plan = "" }
expect = { refused = ["plan"] }

[[scenario.step]]                           # who writes all fields again changes nothing
set    = { plan = "huge", city = "Soria" }
expect = { fields = { city = "Soria", plan = "huge" } }

[[scenario.step]]
set    = { city = "Vigo" }
expect = { fields = { plan = "huge" }, history = "rule vigo-is-small could not set" }

[[scenario.step]]
close = { as = "lost" }

[[scenario.step]]
set    = { plan = "small" }
expect = { refused = ["plan"] }

[[scenario.step]]
reopen = { to = "new" }

[[scenario.step]]
move = { to = "talking" }

[[scenario.step]]                           # where it may be, it may be
set    = { plan = "small" }
expect = { fields = { plan = "small" } }
"#,
    );
}

#[test]
fn what_fixes_a_field_can_hold_and_can_fail_and_is_no_flag_in_quotes() {
    let fixed = |said: &str| {
        let rules = format!("[field.plan]\ntype  = \"text\"\nfixed = {said}\n");
        Playbook::read(&folder(&rules, ""))
    };
    for (said, told) in [
        ("'planned is present'", "planned"),
        ("'stage == \"new\" and stage == \"lost\"'", "can never hold"),
        ("\"true\"", "without quotes"),
        ("'broken(\"some\")'", "broken"),
    ] {
        let faults = fixed(said).unwrap_err().0;
        assert_eq!(faults.len(), 1, "{said}: {faults:#?}");
        assert_eq!(
            (faults[0].line, faults[0].file.as_str()),
            (38, "playbook.toml")
        );
        assert!(
            faults[0].to_string().contains(told),
            "{said}: {}",
            faults[0]
        );
    }
    let warned = fixed("'stage == \"new\" or stage != \"new\"'").unwrap();
    let warned: Vec<String> = warned.warnings.iter().map(ToString::to_string).collect();
    assert!(
        warned.iter().any(|told| told.contains("always holds")),
        "{warned:?}"
    );
}

const MERCY: &str = r#"
[role.clerk]
may = ["register", "set", "record", "complete"]

[role.boss]
may = ["register", "set"]

[field.mercy]
type = "bool"
by   = ["boss"]

[activity.pardoned]
asks = ["mercy"]

[task.pardon]
text    = "Pardon?"
choices = { yes = { do = [{ set = "mercy", to = true }] } }

[[rule]]
name = "ask"
on   = "registered"
do   = [{ task = "pardon" }]

[[rule]]
name = "hard"
when = 'city == "Soria"'
do   = [{ set = "mercy", to = false }]
"#;

const CLERKS: &str = r#"
[[agent]]
id    = "carl"
name  = "Carl"
email = "carl@example.com"
role  = "clerk"

[[agent]]
id    = "bo"
name  = "Bo"
email = "bo@example.com"
role  = "boss"
"#;

#[test]
fn a_field_is_told_by_those_roles_that_may_and_by_what_the_playbook_lets_set_it() {
    let scenario = r#"
[[scenario]]
name  = "whose mercy it is"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "no", name = "No", mercy = true, by = "carl" }
expect   = { refused = ["not-permitted"], refusal-says = "carl may not set mercy; who may: boss", count = { 'open' = 0 } }

[[scenario.step]]                           # who imports it may no more than that
register = { ref = "no", name = "No", mercy = true, by = "import:carl" }
expect   = { refused = ["not-permitted"] }

[[scenario.step]]
register = { ref = "boss", name = "Luis", mercy = true, by = "bo" }
expect   = { fields = { mercy = true } }

[[scenario.step]]
register = { ref = "luis", name = "Luis", city = "Vigo", by = "carl" }

[[scenario.step]]
set    = { mercy = true, city = "Lugo", by = "carl" }
expect = { refused = ["not-permitted"], refusal-says = "who may: boss", fields = { city = "Vigo" } }

[[scenario.step]]
complete = { task = "pardon", choice = "yes", by = "carl" }
expect   = { fields = { mercy = true } }

[[scenario.step]]                           # who writes all fields again changes nothing
set    = { mercy = true, city = "Soria", by = "carl" }
expect = { fields = { mercy = false, city = "Soria" } }

[[scenario.step]]
record = { activity = "pardoned", mercy = true, by = "carl" }
expect = { fields = { mercy = true } }

[[scenario.step]]
set    = { mercy = false, by = "bo" }
expect = { fields = { mercy = false } }

[[scenario.step]]
set    = { mercy = true, by = "host:desk" }
expect = { fields = { mercy = true } }
"#;
    play(MERCY, &format!("{CLERKS}{scenario}"));
}

#[test]
fn a_field_of_a_role_that_is_not_there_is_a_fault_and_of_one_that_may_not_set_a_warning() {
    let unknown = MERCY.replace("by   = [\"boss\"]", "by = [\"bos\"]");
    let faults = Playbook::read(&folder(&unknown, "")).unwrap_err().0;
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert_eq!(faults[0].hint.as_deref(), Some("did you mean `boss`?"));
    let powerless = MERCY.replace("may = [\"register\", \"set\"]", "may = [\"move\"]");
    let warnings = shop::read(&folder(&powerless, "")).warnings;
    let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    let is_told = |told: &String| told.contains("`boss`") && told.contains("`set` nor `register`");
    assert!(told.iter().any(is_told), "{told:#?}");
}

#[test]
fn a_role_that_may_register_and_not_tell_what_is_required_is_a_warning() {
    let shut_out = |rules: &str| -> Vec<String> {
        let warnings = shop::read(&folder(rules, "")).warnings;
        let told = warnings.iter().map(ToString::to_string);
        told.filter(|told| told.contains("which is required"))
            .collect()
    };
    let required = MERCY.replace("by   = [\"boss\"]", "required = true\nby = [\"boss\"]");
    let told = shut_out(&required);
    assert_eq!(told.len(), 2, "{told:#?}");
    for role in ["seller", "clerk"] {
        let says = format!("the role `{role}` may `register`, and not tell `mercy`");
        assert!(told.iter().any(|told| told.contains(&says)), "{told:#?}");
    }
    let all = required.replace("by = [\"boss\"]", "by = [\"boss\", \"clerk\", \"seller\"]");
    assert_eq!(shut_out(&all), [""; 0]);
    assert_eq!(shut_out(MERCY), [""; 0]);
}

#[test]
fn a_rule_takes_a_value_away_unless_no_lead_can_be_without_it() {
    let rules = r#"
[field.reached_by]
type = "text"

[[rule]]
name = "moved-house"
when = 'city == "Soria"'
do   = [{ clear = "reached_by" }]
"#;
    let scenario = r#"
[[scenario]]
name  = "another address"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", city = "Vigo", reached_by = "post" }

[[scenario.step]]
set    = { city = "Soria", by = "ana" }
expect = { fields = { city = "Soria", reached_by = "" }, history = "rule moved-house fired" }
"#;
    play(rules, scenario);
    let required = rules.replace("type = \"text\"", "type = \"text\"\nrequired = true");
    let faults = Playbook::read(&folder(&required, "")).unwrap_err().0;
    assert_eq!(faults.len(), 1, "{faults:#?}");
    let told = faults[0].to_string();
    assert!(told.contains("no lead is without it"), "{told}");
}
