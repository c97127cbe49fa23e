//! Activities that are told late: they touch their lead as of when they happened.

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
fn last_weeks_call_does_not_follow_up_who_is_quiet_now() {
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

[[scenario.step]]                           # which is no movement of these days
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

/// On Thursday somebody is to call, and says whether it may be any call, or one since then.
const CALL: &str = r#"
[[rule]]
name  = "call-on-thursday"
on    = "registered"
after = "3 days"
do    = [{ move = "talking" }, { task = "ring" }, { task = "ring-again" }]

[task.ring]
text    = "Ring {{ contact.name }}"
done    = 'attempts.total >= 2'
by-hand = false

[task.ring-again]
text    = "Ring {{ contact.name }} now that there is a price"
done    = 'attempted_at >= entered_at'
by-hand = false
"#;

/// A condition says itself since when: so a task is done by the same calls, in whatever order they are told.
#[test]
fn a_task_is_done_by_what_its_condition_asks_for_in_whatever_order_it_is_told() {
    let call = |at: &str, expected: &str| {
        format!(
            "\n[[scenario.step]]\ntried = {{ happened-at = \"2026-03-{at}+01:00\" }}\nexpect = \
             {{ tasks = [{expected}] }}\n"
        )
    };
    let (tuesday, friday) = ("03T15:00:00", "06T09:00:00");
    let older_first = call(tuesday, "\"ring\", \"ring-again\"") + &call(friday, "");
    let newer_first = call(friday, "\"ring\"") + &call(tuesday, "");
    for told in [older_first, newer_first] {
        play(
            CALL,
            &format!(
                r#"
[[scenario]]
name  = "told late"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = {{ ref = "luis", name = "Luis", owner = "ana" }}

[[scenario.step]]
at     = "2026-03-06T10:00:00+01:00"
expect = {{ tasks = ["ring", "ring-again"] }}
{told}"#
            ),
        );
    }
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
