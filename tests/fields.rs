//! Fields that are told when a lead is registered, and stay so: evidence that nobody can make up afterwards.

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
