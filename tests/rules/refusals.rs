//! Rules whose actions are refused in the middle.

use super::*;

/// A choice moves a lead out of its end, but its place in the base was taken meanwhile.
#[test]
fn what_an_action_is_refused_leaves_no_trace() {
    play(
        r#"
[base.own]
pipelines = ["sales"]
unique    = ["contact.email"]

[task.decide]
text          = "Decide on {{ contact.name }}"
outlives-lead = true

[task.decide.choices]
again = { do = [{ move = "new" }, { task = "call" }] }

[[rule]]
name = "decide"
on   = "entered lost"
do   = [{ task = "decide" }]

[[rule]]
name  = "again"
on    = "entered lost"
after = "1 day"
do    = [{ move = "new" }, { task = "call" }]
"#,
        r#"
[[scenario]]
name  = "the place is taken"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "first", name = "Luis", email = "luis@example.com" }

[[scenario.step]]
close  = { as = "lost" }
expect = { tasks = ["decide"] }

[[scenario.step]]
register = { ref = "second", name = "Luis", email = "luis@example.com" }

[[scenario.step]]
lead     = "first"
complete = { task = "decide", choice = "again" }
expect   = { refused = ["already-held"], stage = "lost", open = false, tasks = ["decide"], silent = ["reopened", "moved from lost"] }

[[scenario.step]]                           # a rule goes on, and what it could not do is on record
at     = "2026-03-03T10:00:00+01:00"
expect = { stage = "lost", open = false, tasks = ["decide", "call"], history = "rule again could not move", silent = ["reopened", "moved from lost"] }

[[scenario.step]]                           # the second one still holds the place
register = { ref = "third", name = "Luis", email = "luis@example.com" }
expect   = { refused = ["already-held"] }
"#,
    );
}
