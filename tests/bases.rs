//! Bases: what is unique among leads, and for how long a lead holds its place (requirements F6, A10).

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use shop::play_folder;

const PLATFORMS: &str = r#"
[field]
platform = { type = "text" }

[pipeline.onboarding]
start = "new"

[pipeline.onboarding.stage]
new        = { to = { accredited = [], lost = [] } }
accredited = { final = "won", to = ["new", "lost"] }
lost       = { final = "lost", to = ["new", "accredited"] }

[[route]]
to = "onboarding.new"
"#;

fn folder(base: &str, scenarios: &str) -> Folder {
    let mut folder = shop::folder("[[route]]", scenarios);
    folder.playbook = format!("{}{}{PLATFORMS}{base}", shop::PREMISES, ROLES);
    folder.scenarios[0].1 = format!("{}{scenarios}", shop::AGENTS);
    folder
}

fn play(base: &str, scenarios: &str) {
    play_folder(&folder(base, scenarios));
}

const ROLES: &str = "[role.seller]\nmay = [\"*\"]\n";

#[test]
fn who_is_accredited_on_a_platform_is_refused_as_a_lead_of_it() {
    play(
        r#"
[base.accredited]
pipelines = ["onboarding"]
unique    = ["contact.email", "platform"]
holds     = "won"
"#,
        r#"
[[scenario]]
name   = "accredited already"
covers = ["A10"]
start  = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "first", name = "Store", email = "store@example.com", platform = "Alpha" }

[[scenario.step]]
close  = { as = "accredited" }
expect = { open = false, outcome = "won" }

[[scenario.step]]                           # however it is written
register = { ref = "again", name = "Store", email = "Store@Example.com", platform = "ALPHA" }
expect   = { refused = ["already-held"], refusal-says = "base `accredited`" }

[[scenario.step]]                           # on another platform it is welcome, as is who names none
register = { ref = "other", name = "Store", email = "store@example.com", platform = "beta" }

[[scenario.step]]
register = { ref = "none", name = "Store", email = "store@example.com" }

[[scenario.step]]                           # and does not come to the first one by a correction
lead   = "other"
set    = { platform = "alpha" }
expect = { refused = ["already-held"] }

[[scenario.step]]                           # which is what a form says, too
lead   = "none"
set    = { platform = "gamma" }
expect = { open = true }

[[scenario.step]]
register = { ref = "third", name = "Store", email = "store@example.com", platform = "gamma" }
expect   = { refused = ["already-held"] }

[[scenario.step]]                           # who lost what was won holds no place any more
lead  = "first"
reopen = { to = "new" }

[[scenario.step]]
lead  = "first"
close = { as = "lost" }

[[scenario.step]]
register = { ref = "back", name = "Store", email = "store@example.com", platform = "alpha" }

[[scenario.step]]                           # and can't win again beside the one who came back
lead   = "first"
reopen = { to = "accredited" }
expect = { refused = ["already-held"], outcome = "lost" }
"#,
    );
}

#[test]
fn a_place_for_good_is_held_however_the_lead_ends_and_one_of_open_leads_is_not() {
    let base = |holds: &str| {
        format!(
            "[base.once]\npipelines = [\"onboarding\"]\nunique = [\"contact.email\"]\nholds = \"{holds}\"\n"
        )
    };
    let scenario = |expect: &str| {
        format!(
            r#"
[[scenario]]
name  = "registered again"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = {{ ref = "first", name = "Store", email = "store@example.com" }}

[[scenario.step]]
close = {{ as = "lost" }}

[[scenario.step]]
register = {{ ref = "again", name = "Store", email = "store@example.com" }}
expect   = {{ {expect} }}
"#
        )
    };
    play(&base("for-good"), &scenario("refused = [\"already-held\"]"));
    play(&base("open"), &scenario("open = true"));
}

const KEPT: &str = r#"
[activity]
certified = {}

[base.certified]
pipelines = ["onboarding"]
unique    = ["contact"]
keeps     = 'activities("certified") >= 1'
"#;

#[test]
fn a_closed_lead_keeps_its_place_as_long_as_what_the_base_asks_for_holds() {
    play(
        KEPT,
        r#"
[[scenario]]
name  = "certified before the end, and after it"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "first", name = "Store", email = "store@example.com" }

[[scenario.step]]
record = { activity = "certified" }

[[scenario.step]]
close = { as = "lost" }

[[scenario.step]]
register = { ref = "again", name = "Store", email = "store@example.com" }
expect   = { refused = ["already-held"], refusal-says = "base `certified`" }

[[scenario.step]]                           # its own place is in nobody's way
lead   = "first"
reopen = { to = "new" }
expect = { open = true }

[[scenario.step]]
register = { ref = "other", name = "Shop", email = "shop@example.com" }

[[scenario.step]]
close = { as = "lost" }

[[scenario.step]]                           # told after the end
record = { activity = "certified" }

[[scenario.step]]
register = { ref = "other-again", name = "Shop", email = "shop@example.com" }
expect   = { refused = ["already-held"] }

[[scenario.step]]
register = { ref = "third", name = "Stall", email = "stall@example.com" }

[[scenario.step]]
close = { as = "lost" }

[[scenario.step]]
register = { ref = "third-again", name = "Stall", email = "stall@example.com" }
expect   = { open = true }

[[scenario.step]]                           # what is told then takes no place from who has it
lead   = "third"
record = { activity = "certified" }
expect = { history = "certified" }

[[scenario.step]]
lead  = "third-again"
close = { as = "lost" }

[[scenario.step]]                           # and is in the way of the next one, once that place is free
lead   = "third"
record = { activity = "certified" }

[[scenario.step]]
register = { ref = "fourth", name = "Stall", email = "stall@example.com" }
expect   = { refused = ["already-held"] }
"#,
    );
}

#[test]
fn a_place_is_merged_with_the_lead_that_keeps_it() {
    play(
        KEPT,
        r#"
[[scenario]]
name  = "certified after the end, and then known as another one"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "first", name = "Store", email = "store@example.com" }

[[scenario.step]]
close = { as = "lost" }

[[scenario.step]]
record = { activity = "certified" }

[[scenario.step]]
register = { ref = "other", name = "Shop", email = "shop@example.com" }

[[scenario.step]]
close = { as = "lost" }

[[scenario.step]]
merge = { from = "first", into = "other" }

[[scenario.step]]
register = { ref = "again", name = "Shop", email = "shop@example.com" }
expect   = { refused = ["already-held"] }
"#,
    );
}

#[test]
fn a_closed_lead_whose_place_is_another_ones_takes_what_is_told_of_it_all_the_same() {
    play(
        r#"
[activity]
certified = {}
visited   = { asks = ["platform"] }

[[rule]]
name  = "platform"
on    = "closed"
after = "30 days"
do    = [{ set = "platform", to = "gamma" }]

[base.certified]
pipelines = ["onboarding"]
unique    = ["contact"]
keeps     = 'activities("certified") >= 1'
"#,
        r#"
[[scenario]]
name  = "certified when another one has the place"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "first", name = "Store", email = "store@example.com" }

[[scenario.step]]
close = { as = "lost" }

[[scenario.step]]
register = { ref = "second", name = "Store", email = "store@example.com" }
expect   = { open = true }

[[scenario.step]]
lead   = "first"
record = { activity = "certified" }

[[scenario.step]]
lead   = "first"
set    = { platform = "alpha" }
expect = { fields = { platform = "alpha" } }

[[scenario.step]]
lead   = "first"
record = { activity = "visited", platform = "beta" }
expect = { fields = { platform = "beta" } }

[[scenario.step]]                           # a rule's as well
lead   = "first"
at     = "2026-04-02T10:00:00+02:00"
expect = { fields = { platform = "gamma" } }

[[scenario.step]]                           # and takes nothing from who has the place
lead   = "second"
expect = { open = true }

[[scenario.step]]                           # but can't come back beside it
lead   = "first"
reopen = { to = "new" }
expect = { refused = ["already-held"] }
"#,
    );
}

#[test]
fn a_place_that_a_field_or_a_rule_keeps_is_merged_with_its_lead() {
    let rule = r#"
[[rule]]
name  = "platform"
on    = "closed"
after = "1 day"
if    = 'contact.email == "store@example.com"'
do    = [{ set = "platform", to = "alpha" }]
"#;
    let base = r#"
[base.on-a-platform]
pipelines = ["onboarding"]
unique    = ["contact"]
keeps     = 'platform == "alpha"'
"#;
    let scenario = |told: &str| {
        format!(
            r#"
[[scenario]]
name  = "on a platform after the end, and then known as another one"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = {{ ref = "first", name = "Store", email = "store@example.com" }}

[[scenario.step]]
close = {{ as = "lost" }}

[[scenario.step]]
lead   = "first"
{told}
expect = {{ fields = {{ platform = "alpha" }} }}

[[scenario.step]]
register = {{ ref = "other", name = "Shop", email = "shop@example.com" }}

[[scenario.step]]
close = {{ as = "lost" }}

[[scenario.step]]
merge = {{ from = "first", into = "other" }}

[[scenario.step]]
register = {{ ref = "again", name = "Shop", email = "shop@example.com" }}
expect   = {{ refused = ["already-held"] }}
"#
        )
    };
    play(base, &scenario("set = { platform = \"alpha\" }"));
    let later = scenario("at = \"2026-03-04T10:00:00+01:00\"");
    play(&format!("{rule}{base}"), &later);
}

/// Nobody looks after a closed lead, so nothing would give its place back in time.
#[test]
fn a_place_that_would_be_kept_for_a_time_is_a_fault() {
    let timed = KEPT.replace(
        "activities(\"certified\") >= 1",
        "recorded_at(\"certified\") > now - 365d",
    );
    let faults = Playbook::read(&folder(&timed, "")).unwrap_err().0;
    assert_eq!(faults.len(), 1, "{faults:#?}");
    let told = faults[0].to_string();
    assert!(told.contains("not kept for a time"), "{told}");
}

/// Nobody asks closed leads again when something around them changes.
#[test]
fn a_place_that_would_be_kept_by_what_changes_around_the_lead_is_a_fault() {
    for (asked, fact) in [
        ("tasks.open >= 1", "tasks.open"),
        ("owner.team is present", "owner.team"),
        ("not contact.unsubscribed", "contact.unsubscribed"),
        ("platform is present and set_aside", "set_aside"),
    ] {
        let folder = folder(&KEPT.replace("activities(\"certified\") >= 1", asked), "");
        let faults = Playbook::read(&folder).unwrap_err().0;
        assert_eq!(faults.len(), 1, "{faults:#?}");
        let told = faults[0].to_string();
        assert!(told.contains(&format!("`{fact}`")), "{told}");
        assert!(told.contains("activities"), "{told}");
    }
    for asked in [
        "platform is present",
        "outcome.reason == \"certified\"",
        "was_in(\"accredited\")",
        "recorded_at(\"certified\") is present",
        "quote.accepted or attempts.reached >= 1",
    ] {
        let folder = folder(&KEPT.replace("activities(\"certified\") >= 1", asked), "");
        Playbook::read(&folder).unwrap();
    }
}
