//! Bases: what is unique among leads, and for how long a lead holds its place (requirements F6, A10).

mod shop;

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

fn play(base: &str, scenarios: &str) {
    let mut folder = shop::folder("[[route]]", scenarios);
    folder.playbook = format!("{}{}{PLATFORMS}{base}", shop::PREMISES, ROLES);
    folder.scenarios[0].1 = format!("{}{scenarios}", shop::AGENTS);
    play_folder(&folder);
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
