//! Tasks for others than the owner, and choices that ask for more.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use leadkit::playbook::Playbook;
use shop::{folder, play};

const FOLLOW_UP: &str = r#"
[role.boss]
may = ["complete", "reassign"]

[role.clerk]
may = ["complete"]

[role.helper]
may  = ["complete", "move"]
over = "own"

[team.field]

[team.desk]

[field.competitor]
type = "text"

[task.follow]
text = "See that it is sold"
for  = "earlier-owner"

[task.pack]
text   = "Pack it"
for    = "team:field"
within = "1 business hour"

[task.decide]
text    = "Go on, or not?"
choices = { go-on = {}, lose = { asks = ["competitor"], reason = true, do = { move = "lost" } } }

[[rule]]
name   = "handed-over"
on     = "assigned"
unless = 'owner == "ana"'
do     = [{ task = "follow" }, { task = "pack" }, { task = "decide" }]
"#;

const PEOPLE: &str = r#"
[[agent]]
id    = "eva"
name  = "Eva"
email = "eva@example.com"
role  = "helper"
team  = "field"

[[agent]]
id    = "ben"
name  = "Ben"
email = "ben@example.com"
role  = "helper"

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

fn play_follow_up(scenarios: &str) {
    play(FOLLOW_UP, &format!("{PEOPLE}{scenarios}"));
}

#[test]
fn after_a_hand_over_who_had_the_lead_keeps_a_task_until_its_end() {
    play_follow_up(
        r#"
[[scenario]]
name  = "handed over twice"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana" }
expect   = { tasks = [] }

[[scenario.step]]
reassign = { to = "ben" }
expect   = { owner = "ben", tasks = ["follow", "pack", "decide"], task-for = { follow = "ana", pack = "team:field", decide = "owner" }, due = { pack = "2026-03-02T11:00:00+01:00" } }

[[scenario.step]]                           # it stays hers, whoever has the lead
reassign = { to = "eva" }
expect   = { owner = "eva", task-for = { follow = "ana" } }

[[scenario.step]]
complete = { task = "follow", by = "eva" }
expect   = { refused = ["not-their-task"], refusal-says = "it is for ana; who may any: seller, boss" }

[[scenario.step]]                           # who completes tasks on all leads, and gives none to others
complete = { task = "follow", by = "carl" }
expect   = { refused = ["not-their-task"], refusal-says = "who may any: seller, boss" }

[[scenario.step]]
complete = { task = "pack", by = "carl" }
expect   = { refused = ["not-their-task"] }

[[scenario.step]]
complete = { task = "pack", by = "ben" }
expect   = { refused = ["not-their-task"], refusal-says = "it is for team:field" }

[[scenario.step]]
complete = { task = "pack", by = "eva" }
expect   = { tasks = ["follow", "decide"] }

[[scenario.step]]
close  = { as = "lost" }
expect = { tasks = [] }

[[scenario]]
name  = "nobody had it before, or who had it is gone"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ben" }
expect   = { task-for = { follow = "owner" } }

[[scenario.step]]
complete = { task = "follow", by = "bo" }
expect   = { tasks = ["pack", "decide"] }

[[scenario.step]]
leave  = { agent = "ben", to = "eva" }
expect = { owner = "eva", task-for = { follow = "owner" } }
"#,
    );
}

#[test]
fn what_was_to_be_done_by_who_left_is_the_owners_to_do() {
    play_follow_up(
        r#"
[[scenario]]
name  = "who followed the lead leaves"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana" }

[[scenario.step]]
reassign = { to = "ben" }
expect   = { task-for = { follow = "ana" } }

[[scenario.step]]
complete = { task = "follow", by = "ben" }
expect   = { refused = ["not-their-task"] }

[[scenario.step]]
leave = { agent = "ana", to = "bo" }

[[scenario.step]]                           # of a lead that isn't hers
lead     = "luis"
complete = { task = "follow", by = "eva" }
expect   = { refused = ["not-theirs"], history = "ben                       See that it is sold (follow)" }

[[scenario.step]]
complete = { task = "follow", by = "ben" }
expect   = { tasks = ["pack", "decide"] }
"#,
    );
}

#[test]
fn an_earlier_owner_of_a_team_is_who_of_it_had_the_lead_last_and_else_the_team_is_meant() {
    let rules = FOLLOW_UP.replace("for  = \"earlier-owner\"", "for  = \"earlier-owner:field\"");
    let rules = rules.replace(
        "do     = [{ task = \"follow\" }",
        "do     = [{ notify = \"earlier-owner:field\", template = \"hello\" }, { task = \"follow\" }",
    );
    play(
        &rules,
        &format!(
            r#"{PEOPLE}
[[agent]]
id    = "flo"
name  = "Flo"
email = "flo@example.com"
role  = "boss"
team  = "field"

[[scenario]]
name  = "by way of others"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = {{ ref = "luis", name = "Luis", owner = "ana" }}

[[scenario.step]]
reassign = {{ to = "ben" }}
expect   = {{ task-for = {{ follow = "team:field" }}, notified = ["boss", "helper"] }}

[[scenario.step]]
complete = {{ task = "follow", by = "eva" }}

[[scenario.step]]
reassign = {{ to = "eva" }}

[[scenario.step]]
complete = {{ task = "follow", by = "flo" }}

[[scenario.step]]
reassign = {{ to = "ana" }}

[[scenario.step]]
reassign = {{ to = "bo" }}
expect   = {{ task-for = {{ follow = "eva" }}, notified = ["helper"] }}

[[scenario.step]]
complete = {{ task = "follow", by = "eva" }}

[[scenario.step]]                           # who is in another team now is nobody of this one
set-up = {{ id = "eva", team = "desk" }}

[[scenario.step]]
lead     = "luis"
reassign = {{ to = "ben" }}
expect   = {{ task-for = {{ follow = "team:field" }}, notified = ["boss"] }}
"#
        ),
    );
    let unknown = rules.replace("earlier-owner:field\"", "earlier-owner:fields\"");
    let faults = Playbook::read(&folder(&unknown, "")).unwrap_err().0;
    assert_eq!(faults.len(), 2, "{faults:#?}");
    assert!(faults[0].to_string().contains("did you mean `field`?"));
}

#[test]
fn a_choice_asks_for_a_reason_and_fields_and_tells_all_that_is_missing_at_once() {
    play_follow_up(
        r#"
[[scenario]]
name  = "lost to a competitor"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ben" }

[[scenario.step]]
complete = { task = "decide", choice = "lose", by = "ben" }
expect   = { refused = ["competitor", "reason"], tasks = ["follow", "pack", "decide"] }

[[scenario.step]]
complete = { task = "decide", choice = "go-on", city = "Quito", by = "ben" }
expect   = { refused = ["city"] }

[[scenario.step]]
complete = { task = "decide", choice = "lose", competitor = "Acme", reason = "Too dear", by = "ben" }
expect   = { outcome = "lost", fields = { competitor = "Acme" }, history = "closed: lost [Too dear]" }
"#,
    );
}

#[test]
fn a_deadline_of_no_time_is_a_fault_that_says_what_at_once_means() {
    let faulty = FOLLOW_UP.replace("\"1 business hour\"", "\"0 minutes\"");
    let faults = Playbook::read(&folder(&faulty, "")).unwrap_err().0;
    assert_eq!(faults.len(), 1, "{faults:#?}");
    let hint = faults[0].hint.as_deref().unwrap();
    assert!(hint.starts_with("at once is `1 business hour`"), "{hint}");
}

#[test]
fn a_task_that_is_not_done_by_hand_is_done_by_what_it_asks_for_alone() {
    let rules = FOLLOW_UP.replace(
        "text   = \"Pack it\"",
        "text   = \"Pack it\"\nby-hand = false\ndone   = 'stage == \"talking\"'",
    );
    let scenario = r#"
[[scenario]]
name  = "packed when it is"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ben" }

[[scenario.step]]                           # whose it is not, hears that first
complete = { task = "pack", by = "ben" }
expect   = { refused = ["not-their-task"] }

[[scenario.step]]
complete = { task = "pack", by = "eva" }
expect   = { refused = ["not-done"], refusal-says = "stage", tasks = ["follow", "pack", "decide"] }

[[scenario.step]]
complete = { task = "pack", by = "bo" }
expect   = { refused = ["not-done"] }

[[scenario.step]]
move   = { to = "talking", by = "ben" }
expect = { tasks = ["follow", "decide"] }
"#;
    play(&rules, &format!("{PEOPLE}{scenario}"));
}

#[test]
fn a_task_that_nothing_could_complete_or_that_asks_for_a_choice_of_nobody_is_a_fault() {
    for (text, expected) in [
        ("text   = \"Pack it\"", "needs `done`"),
        (
            "text    = \"Go on, or not?\"\ndone = 'stage == \"talking\"'",
            "`by-hand = false` and `choices`",
        ),
    ] {
        let (known, _) = text.split_once("\ndone").unwrap_or((text, ""));
        let faulty = FOLLOW_UP.replace(known, &format!("{text}\nby-hand = false"));
        let faults = Playbook::read(&folder(&faulty, "")).unwrap_err().0;
        assert_eq!(faults.len(), 1, "{faults:#?}");
        let told = faults[0].to_string();
        assert!(told.contains(expected), "{told}");
    }
}

/// One answer does both: nothing is left that would look at the second one later.
#[test]
fn a_task_that_waits_for_others_is_done_with_the_last_of_them() {
    play(
        r#"
[[rule]]
name = "two"
on   = "registered"
do   = [{ task = "tidy" }, { task = "hear" }]

[task.tidy]
text = "Tidy up"
done = 'tasks.open == 1'

[task.hear]
text = "Hear"
done = 'answered'
"#,
        r#"
[[scenario]]
name  = "answered"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana" }
expect   = { tasks = ["tidy", "hear"] }

[[scenario.step]]
answered = {}
expect   = { tasks = [] }
"#,
    );
}
