//! Teams, zones, skills, own hours and absences: who can get a lead, in whose hours its clocks run,
//! and who may act on it (requirements M2, M16, Z1, Z4).

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use shop::{PREMISES, play_folder};

/// A dealer with two zones, two teams, and somebody who works in the evening.
const DEALER: &str = r#"
[calendar.evening]
weekly = { mon-fri = ["15:00-23:00"] }

[team.call-centre]
label = "Call centre"

[team.field]
label = "Field sales"

[role.advisor]
may   = ["register", "attempt", "answered", "move"]
over  = "own"
needs = ["phone", "zones"]

[role.supervisor]
may  = ["*"]
over = { zones = "zone" }

[role.boss]
may = ["*"]

[field]
city    = { type = "text" }
zone    = { type = "choice", of = ["north", "south"] }
product = { type = "text" }

[pool.digital]
members = 'role == "advisor" and available and team == "call-centre"'
match   = { cities = "city", zones = "zone", skills = "product" }
choose  = "evenly"

[pool.at-work]
members = 'role == "advisor" and available'
only    = "at-work"
choose  = "evenly"

[pipeline.sales]
start = "new"

[pipeline.sales.stage]
new     = { to = { talking = [], lost = [] } }
talking = { to = { lost = [] }, by = ["supervisor", "boss"] }
lost    = { final = "lost", to = ["new"] }

[[route]]
if     = 'product == "anything"'
to     = "sales.new"
assign = "at-work"

[[route]]
to     = "sales.new"
assign = "digital"

[sla.first-contact]
on       = "assigned"
within   = "2 business hours"
calendar = "owner"
done     = 'stage != "new"'
task     = "Call"
"#;

const PEOPLE: &str = r#"
[[agent]]
id     = "ana"
name   = "Ana"
email  = "ana@example.com"
phone  = "+34 600 000 001"
role   = "advisor"
team   = "call-centre"
cities = ["Madrid"]
zones  = ["North"]
skills = ["vans"]

[[agent]]
id     = "bea"
name   = "Bea"
email  = "bea@example.com"
phone  = "+34 600 000 002"
role   = "advisor"
team   = "call-centre"
cities = ["Madrid", "Toledo"]
zones  = ["north", "south"]
skills = ["cars", "Vans "]
hours  = "evening"

[[agent]]
id    = "sue"
name  = "Sue"
email = "sue@example.com"
role  = "supervisor"
zones = ["south"]
"#;

fn folder(scenarios: &str) -> Folder {
    Folder {
        playbook: format!("{PREMISES}{DEALER}"),
        scenarios: vec![(
            "scenarios/people.toml".into(),
            format!("{PEOPLE}{scenarios}"),
        )],
        ..Folder::default()
    }
}

fn play(scenarios: &str) {
    play_folder(&folder(scenarios));
}

/// What is wrong with a playbook in which this stands in place of that.
fn faults_with(that: &str, this: &str) -> String {
    let mut folder = folder("");
    assert!(folder.playbook.contains(that), "{that}");
    folder.playbook = folder.playbook.replacen(that, this, 1);
    let faults = Playbook::read(&folder).unwrap_err();
    faults.to_string()
}

#[test]
fn a_pool_says_of_everybody_whom_it_passes_over_what_did_not_match() {
    play(
        r#"
[[scenario]]
name  = "what agent and lead have in common"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "one", name = "One", city = "madrid", zone = "north", product = "VANS" }
expect   = { owner = "ana", ranked = ["ana", "bea"] }

[[scenario.step]]
register = { ref = "two", name = "Two", city = "Toledo", zone = "north", product = "vans" }
expect   = { owner = "bea", passed-over = { ana = "other-city" } }

[[scenario.step]]
register = { ref = "three", name = "Three", city = "Madrid", zone = "south", product = "vans" }
expect   = { owner = "bea", passed-over = { ana = "other-zone" } }

[[scenario.step]]
register = { ref = "four", name = "Four", city = "Madrid", zone = "north", product = "cars" }
expect   = { owner = "bea", passed-over = { ana = "lacks-skill" }, history = "lacks the skill" }

[[scenario.step]]
register = { ref = "five", name = "Five", city = "Madrid", zone = "north" }
expect   = { no-owner = true, history = "nobody in the pool" }
"#,
    );
}

#[test]
fn who_is_absent_is_given_nothing_until_the_minute_of_coming_back() {
    play(
        r#"
[[scenario]]
name  = "away"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
set-up = { id = "ana", absences = [{ from = "2026-03-02T12:00:00+01:00", until = "2026-03-03T12:00:00+01:00" }] }

[[scenario.step]]
register = { ref = "before", name = "Before", city = "Madrid", zone = "north", product = "vans" }
expect   = { owner = "ana" }

[[scenario.step]]
at       = "2026-03-02T12:00:00+01:00"
register = { ref = "one", name = "One", city = "Madrid", zone = "north", product = "vans" }
expect   = { owner = "bea", passed-over = { ana = "absent" }, history = "ana is away" }

[[scenario.step]]
at       = "2026-03-03T11:59:00+01:00"
register = { ref = "two", name = "Two", city = "Madrid", zone = "north", product = "vans" }
expect   = { owner = "bea", passed-over = { ana = "absent" } }

[[scenario.step]]
at       = "2026-03-03T12:00:00+01:00"
register = { ref = "three", name = "Three", city = "Madrid", zone = "north", product = "vans" }
expect   = { ranked = ["bea", "ana"] }
"#,
    );
}

#[test]
fn hours_are_no_hindrance_but_where_the_pool_asks_for_them() {
    play(
        r#"
[[scenario]]
name  = "at work"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "one", name = "One", product = "anything" }
expect   = { owner = "ana", passed-over = { bea = "off-hours" } }

[[scenario.step]]
at       = "2026-03-02T18:00:00+01:00"
register = { ref = "two", name = "Two", product = "anything" }
expect   = { owner = "bea", passed-over = { ana = "off-hours" } }

[[scenario.step]]
at       = "2026-03-02T23:30:00+01:00"
register = { ref = "three", name = "Three", product = "anything" }
expect   = { no-owner = true }

[[scenario.step]]
register = { ref = "four", name = "Four", city = "Madrid", zone = "south", product = "cars" }
expect   = { owner = "bea" }
"#,
    );
}

#[test]
fn a_time_that_runs_in_the_owners_hours_is_counted_anew_under_another_owner() {
    play(
        r#"
[[scenario]]
name  = "whose hours"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "one", name = "One", owner = "ana" }
expect   = { task = "first-contact", due = "2026-03-02T12:00:00+01:00" }

[[scenario.step]]
register = { ref = "two", name = "Two", owner = "bea" }
expect   = { task = "first-contact", due = "2026-03-02T17:00:00+01:00" }

[[scenario.step]]
lead     = "one"
reassign = { to = "bea" }
expect   = { task = "first-contact", due = "2026-03-02T17:00:00+01:00" }

[[scenario.step]]
set-up = { id = "bea", hours = "office" }

[[scenario.step]]
at     = "2026-03-02T10:01:00+01:00"
lead   = "two"
expect = { task = "first-contact", due = "2026-03-02T12:00:00+01:00" }

[[scenario.step]]
set-up = { id = "bea", hours = "" }

[[scenario.step]]
at     = "2026-03-02T12:30:00+01:00"
lead   = "two"
expect = { sla = { first-contact = "open" }, due = "2026-03-02T12:00:00+01:00" }
"#,
    );
}

#[test]
fn what_the_former_owner_did_in_time_is_not_late_in_the_new_owners_hours() {
    // Two hours from two o'clock are over at four for ana, and at five for bea, whose they were.
    play(
        r#"
[[scenario]]
name  = "judged in the hours of whose it was"
start = "2026-03-02T14:00:00+01:00"

[[scenario.step]]
register = { ref = "one", name = "One", owner = "bea" }
expect   = { due = "2026-03-02T17:00:00+01:00" }

[[scenario.step]]
at       = "2026-03-02T16:30:00+01:00"
reassign = { to = "ana" }
expect   = { history = "task dropped: first-contact" }
"#,
    );
}

#[test]
fn a_supervisor_acts_on_the_leads_of_the_zone() {
    play(
        r#"
[[scenario]]
name   = "over a zone"
covers = ["M16"]
start  = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "south", name = "South", zone = "south", owner = "bea" }

[[scenario.step]]
register = { ref = "north", name = "North", zone = "north", owner = "bea" }

[[scenario.step]]
register = { ref = "nowhere", name = "Nowhere", owner = "bea" }

[[scenario.step]]
lead   = "south"
move   = { to = "talking", by = "sue" }
expect = { stage = "talking" }

[[scenario.step]]
lead   = "north"
move   = { to = "talking", by = "sue" }
expect = { refused = ["not-theirs"], refusal-says = "it is bea's; who may on everybody's: boss" }

[[scenario.step]]
lead   = "nowhere"
move   = { to = "talking", by = "sue" }
expect = { refused = ["not-theirs"] }

[[scenario.step]]
register = { ref = "own", name = "Own", zone = "north", owner = "sue" }

[[scenario.step]]
lead   = "own"
move   = { to = "talking", by = "sue" }
expect = { stage = "talking" }

[[scenario.step]]
lead   = "south"
move   = { to = "lost", by = "bea" }
expect = { stage = "talking", refused = ["not-permitted"], refusal-says = "bea may not move; who may: supervisor, boss" }
"#,
    );
}

#[test]
fn onboarding_lists_everything_that_is_missing_or_wrong_at_once() {
    play(
        r#"
[[scenario]]
name   = "onboarding"
covers = ["R17"]
start  = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
set-up = { id = "new", role = "advisor", email = "nobody", team = "call-center", hours = "evenning", absences = [{ from = "2026-03-02T12:00:00+01:00", until = "2026-03-02T12:00:00+01:00" }] }
expect = { refused = ["name", "email", "team", "hours", "absences", "phone", "zones"] }

[[scenario.step]]
set-up = { id = "new", name = "New", role = "advisor", email = "new@example.com", team = "call-center", phone = "1", zones = ["north"] }
expect = { refused = ["team"], refusal-says = "did you mean `call-centre`?" }
"#,
    );
}

#[test]
fn an_empty_team_takes_the_team_away() {
    play(
        r#"
[[scenario]]
name   = "no team any more"
covers = ["R17"]
start  = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
set-up = { id = "sue", team = "call-centre" }

[[scenario.step]]
register = { ref = "one", name = "One", email = "one@example.com", owner = "sue" }
expect   = { count = { 'owner.team is present' = 1 } }

[[scenario.step]]
set-up = { id = "sue", team = "" }

[[scenario.step]]
lead   = "one"
expect = { count = { 'owner.team is present' = 0 } }
"#,
    );
}

#[test]
fn an_empty_capacity_takes_the_own_one_away_and_that_of_the_pool_counts_again() {
    play(
        r#"
[[scenario]]
name   = "no capacity of its own any more"
covers = ["M2", "R17"]
start  = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
set-up = { id = "ana", capacity = 0 }

[[scenario.step]]
register = { ref = "one", name = "One", city = "Madrid", zone = "north", product = "vans" }
expect   = { owner = "bea", passed-over = { ana = "full" } }

[[scenario.step]]
set-up = { id = "ana", phone = "+34 600 000 003" }

[[scenario.step]]
register = { ref = "two", name = "Two", city = "Madrid", zone = "north", product = "vans" }
expect   = { owner = "bea", passed-over = { ana = "full" } }

[[scenario.step]]
set-up = { id = "ana", capacity = "" }

[[scenario.step]]
register = { ref = "three", name = "Three", city = "Madrid", zone = "north", product = "vans" }
expect   = { ranked = ["ana", "bea"] }
"#,
    );
}

#[test]
fn a_capacity_that_the_role_asks_for_is_not_taken_away() {
    let mut folder = folder(
        r#"
[[scenario]]
name   = "a capacity that is needed"
covers = ["R17"]
start  = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
set-up = { id = "max", name = "Max", email = "max@example.com", role = "boss", capacity = 3 }

[[scenario.step]]
set-up = { id = "max", capacity = "" }
expect = { refused = ["capacity"] }
"#,
    );
    let (boss, needs) = ("[role.boss]\n", "[role.boss]\nneeds = [\"capacity\"]\n");
    assert!(folder.playbook.contains(boss));
    folder.playbook = folder.playbook.replacen(boss, needs, 1);
    play_folder(&folder);
}

#[test]
fn what_a_playbook_says_of_people_is_told_with_the_nearest_name() {
    let team = faults_with("team == \"call-centre\"", "team == \"callcentre\"");
    assert!(team.contains("call-centre"), "{team}");
    let zones = faults_with("over = { zones = \"zone\" }", "over = \"zone\"");
    assert!(
        zones.contains("as in `over = { zones = \"FIELD\" }`"),
        "{zones}"
    );
    let field = faults_with("zones = \"zone\", skills", "zones = \"zona\", skills");
    assert!(field.contains("did you mean `zone`?"), "{field}");
    let list = faults_with("skills = \"product\" }", "skill = \"product\" }");
    assert!(list.contains("did you mean `skills`?"), "{list}");
    let needs = faults_with("needs = [\"phone\"", "needs = [\"telephone\"");
    assert!(needs.contains("`telephone` is none of phone"), "{needs}");
    let calendar = faults_with("calendar = \"owner\"", "calendar = \"owners\"");
    assert!(calendar.contains("did you mean `owner`?"), "{calendar}");
    let named = faults_with("[calendar.evening]", "[calendar.owner]");
    assert!(named.contains("choose another name"), "{named}");
}

#[test]
fn what_is_told_to_a_team_names_one_that_there_is() {
    let rule = "[[rule]]\nname = \"told\"\non = \"registered\"\ndo = [{ notify = \"team:feild\", template = \"hello\" }]\n\n[sla.first-contact]";
    let faults = faults_with("[sla.first-contact]", rule);
    assert!(faults.contains("there is no team `feild`"), "{faults}");
    assert!(faults.contains("did you mean `field`?"), "{faults}");
}

#[test]
fn a_role_that_is_named_where_it_may_not_act_is_a_warning() {
    let rules = |may: &str, task: &str| {
        format!(
            "[role.clerk]\nmay = [{may}]\n\n[activity.visit]\nby = [\"clerk\", \"seller\"]\n\n\
             [pipeline.sales.stage.asked]\nto = [\"lost\"]\nby = [\"clerk\"]\n\
             entered-by = [\"clerk\", \"seller\"]\n\n[[route]]\nif = 'city == \"Loja\"'\n\
             to = \"sales.asked\"\n\n[[route]]\nto = \"sales.new\"\n{task}"
        )
    };
    let warnings = |may: &str, task: &str| -> Vec<String> {
        let playbook = shop::read(&shop::folder(&rules(may, task), ""));
        let told = playbook.warnings.iter().map(|one| one.kind.to_string());
        told.filter(|told| told.contains("clerk")).collect()
    };
    assert_eq!(
        warnings("\"attempt\"", ""),
        [
            "the role `clerk` is named here, and may not `record`",
            "the role `clerk` is named here, and may not `move`",
            "the role `clerk` is named here, and may not `move` nor `reopen`",
        ]
    );
    assert_eq!(warnings("\"record\", \"move\"", ""), [""; 0]);
    // A choice moves a lead as well, by whoever completes its task.
    let choice = "[task.ask]\ntext = \"Ask\"\n\n[task.ask.choices]\nyes = { do = [{ move = \"asked\" }] }\n\
        no = {}\n";
    assert_eq!(warnings("\"record\", \"complete\"", choice), [""; 0]);
    // So does what comes in the place of an owner whom nobody is found for.
    let fallback = "[pool.sellers]\nmembers = 'role == \"seller\"'\nchoose = \"evenly\"\n\n\
        [task.ask]\ntext = \"Ask\"\n\n[task.ask.choices]\nno = {}\n\
        yes = { do = [{ assign = \"sellers\", then = { move = \"asked\" } }] }\n";
    assert_eq!(warnings("\"record\", \"complete\"", fallback), [""; 0]);
}
