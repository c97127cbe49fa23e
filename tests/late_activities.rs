//! Activities that are told late: they touch their lead as of when they happened, and complete no task that
//! was opened after that.

mod shop;

use shop::play;

/// Who is quiet for three days is called, and is called once more a day later.
const QUIET: &str = r#"
[activity]
letter = {}

[[rule]]
name  = "gone-quiet"
on    = "touched"
after = "3 days"
do    = [{ task = "follow-up" }]

[task.follow-up]
text = "Follow up {{ contact.name }}"
done = 'touched_at >= now - 1d'
"#;

#[test]
fn what_is_told_late_touches_the_lead_as_of_when_it_happened_so_that_it_goes_quiet_from_then_on() {
    play(
        QUIET,
        r#"
[[scenario]]
name  = "a call of Tuesday is told on Wednesday, and one of Monday after that"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana" }
expect   = { next-at = "2026-03-05T10:00:00+01:00" }

[[scenario.step]]
at     = "2026-03-04T10:00:00+01:00"
tried  = { happened-at = "2026-03-03T15:00:00+01:00" }
expect = { next-at = "2026-03-06T15:00:00+01:00", count = { 'touched_at == 2026-03-03T15:00:00+01:00' = 1 } }

[[scenario.step]]
tried  = { happened-at = "2026-03-02T12:00:00+01:00" }
expect = { next-at = "2026-03-06T15:00:00+01:00", count = { 'touched_at == 2026-03-03T15:00:00+01:00' = 1 } }

[[scenario.step]]
tried  = {}
expect = { next-at = "2026-03-07T10:00:00+01:00" }
"#,
    );
}

/// Nobody is told late that a lead was quiet: it was, all the time.
#[test]
fn a_lead_that_was_quiet_for_long_since_what_is_told_late_is_followed_up_at_once() {
    let quiet = QUIET.replace("do    = [", "do    = [{ set = \"city\", to = \"quiet\" }, ");
    play(
        &quiet,
        r#"
[[scenario]]
name  = "followed up a week ago, and not since"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana" }

[[scenario.step]]
at     = "2026-03-13T10:00:00+01:00"
expect = { tasks = ["follow-up"], fields = { city = "quiet" } }

[[scenario.step]]                           # which is no touch
set    = { city = "Madrid" }
expect = { fields = { city = "Madrid" } }

[[scenario.step]]
answered = { happened-at = "2026-03-06T10:00:00+01:00" }
expect   = { tasks = ["follow-up"], fields = { city = "quiet" } }
"#,
    );
}

/// Whoever changes the lead itself has it in hand, whenever the change is said to have been.
#[test]
fn a_move_that_is_told_late_touches_the_lead_now() {
    play(
        QUIET,
        r#"
[[scenario]]
name  = "moved on Tuesday, told on Wednesday"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana" }

[[scenario.step]]
at     = "2026-03-04T10:00:00+01:00"
move   = { to = "talking", happened-at = "2026-03-03T10:00:00+01:00" }
expect = { next-at = "2026-03-07T10:00:00+01:00" }
"#,
    );
}

#[test]
fn what_is_told_late_does_not_do_what_is_to_be_done_since() {
    play(
        QUIET,
        r#"
[[scenario]]
name  = "a call of last week"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana" }

[[scenario.step]]
at     = "2026-03-05T10:00:00+01:00"
expect = { tasks = ["follow-up"] }

[[scenario.step]]
tried  = {}
expect = { tasks = [] }

[[scenario.step]]
at     = "2026-03-16T10:00:00+01:00"
expect = { tasks = ["follow-up"] }

[[scenario.step]]                           # it does not do what is to be done since the 8th
record = { activity = "letter", happened-at = "2026-03-07T10:00:00+01:00" }
expect = { tasks = ["follow-up"] }

[[scenario.step]]
answered = { happened-at = "2026-03-15T12:00:00+01:00" }
expect   = { tasks = [], next-at = "2026-03-18T12:00:00+01:00" }

[[scenario.step]]
at       = "2026-03-20T12:00:00+01:00"
complete = { task = "follow-up" }
expect   = { tasks = [], next-at = "2026-03-23T12:00:00+01:00" }
"#,
    );
}

/// On Thursday somebody is to call, and to hear from the contact; the conditions say nothing of when.
const CALL: &str = r#"
[[rule]]
name  = "call-on-thursday"
on    = "registered"
after = "3 days"
do    = [{ task = "ring" }, { task = "hear" }]

[task.ring]
text    = "Ring {{ contact.name }}"
done    = 'attempts.total >= 1'
by-hand = false

[task.hear]
text = "Hear from {{ contact.name }}"
done = 'answered or stage == "talking"'
"#;

const REGISTERED: &str = r#"
[[scenario]]
name  = "told late"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana" }

[[scenario.step]]
at     = "2026-03-06T10:00:00+01:00"
expect = { tasks = ["ring", "hear"] }
"#;

#[test]
fn a_task_is_completed_by_what_happened_since_it_was_opened_and_not_by_what_was_before() {
    play(
        CALL,
        &format!(
            r#"{REGISTERED}
[[scenario.step]]                           # a call of Tuesday is not the one that Thursday asks for
tried  = {{ happened-at = "2026-03-03T15:00:00+01:00" }}
expect = {{ tasks = ["ring", "hear"] }}

[[scenario.step]]
answered = {{ happened-at = "2026-03-03T15:00:00+01:00" }}
expect   = {{ tasks = ["ring", "hear"] }}

[[scenario.step]]                           # it is not completed by what has nothing to do with it either
set    = {{ city = "Madrid" }}
expect = {{ tasks = ["ring", "hear"] }}

[[scenario.step]]
at     = "2026-03-06T11:00:00+01:00"
tried  = {{ happened-at = "2026-03-05T09:59:59+01:00" }}
expect = {{ tasks = ["ring", "hear"] }}

[[scenario.step]]
tried  = {{ happened-at = "2026-03-05T10:00:00+01:00" }}
expect = {{ tasks = ["hear"] }}

[[scenario.step]]
answered = {{}}
expect   = {{ tasks = [] }}
"#
        ),
    );
}

#[test]
fn a_task_that_waits_for_something_newer_is_done_when_its_lead_comes_to_be_what_it_asks_for() {
    play(
        CALL,
        &format!(
            r#"{REGISTERED}
[[scenario.step]]
answered = {{ happened-at = "2026-03-03T15:00:00+01:00" }}
expect   = {{ tasks = ["ring", "hear"] }}

[[scenario.step]]
move   = {{ to = "talking" }}
expect = {{ tasks = ["ring"] }}
"#
        ),
    );
}

/// A move is what is so, whenever it is told: nobody is to talk to who is talked to.
#[test]
fn a_task_is_done_by_a_move_that_is_told_late() {
    play(
        CALL,
        &format!(
            r#"{REGISTERED}
[[scenario.step]]
move   = {{ to = "talking", happened-at = "2026-03-03T15:00:00+01:00" }}
expect = {{ tasks = ["ring"] }}
"#
        ),
    );
}

/// A first contact within two hours, measured in the two ways in which playbooks do.
const FIRST: &str = r#"
[activity]
letter = {}

[sla.any]
on     = "registered"
within = "2 hours"
done   = 'attempts.total >= 1'
task   = "Try {{ contact.name }}"

[sla.since]
on     = "entered new"
within = "2 hours"
done   = 'attempted_at >= entered_at and recorded_at("letter") >= entered_at'
task   = "Try {{ contact.name }}"
"#;

#[test]
fn who_calls_a_walk_in_and_enters_the_lead_afterwards_has_made_the_first_contact() {
    play(
        FIRST,
        r#"
[[scenario]]
name  = "entered when it was done"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana" }
expect   = { sla = { any = "open", since = "open" } }

[[scenario.step]]
at     = "2026-03-02T10:05:00+01:00"
tried  = { happened-at = "2026-03-02T09:50:00+01:00" }
expect = { sla = { any = "kept", since = "open" }, count = { 'touched_at == 2026-03-02T10:00:00+01:00' = 1 } }

[[scenario.step]]
record = { activity = "letter", happened-at = "2026-03-02T09:55:00+01:00" }
expect = { sla = { any = "kept", since = "kept" } }
"#,
    );
}

/// A task is to be done since its rule was due, and not only since that was told.
#[test]
fn a_lead_that_is_entered_late_is_called_by_what_happened_since_it_came() {
    let call = CALL.replace("after = \"3 days\"\n", "");
    play(
        &call,
        r#"
[[scenario]]
name  = "of Monday, entered on Wednesday"
start = "2026-03-04T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana", happened-at = "2026-03-02T10:00:00+01:00" }
expect   = { tasks = ["ring", "hear"] }

[[scenario.step]]
tried  = { happened-at = "2026-03-03T11:00:00+01:00" }
expect = { tasks = ["hear"] }

[[scenario.step]]
answered = { happened-at = "2026-03-01T11:00:00+01:00" }
expect   = { tasks = [] }
"#,
    );
}
