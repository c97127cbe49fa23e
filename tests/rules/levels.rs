//! How service levels end: kept, broken, or neither.

use super::*;

/// What is to be done within two hours, and what is done where it was not.
const ATTEMPT: &str = r#"
[sla.attempt]
on     = "registered"
within = "2 hours"
done   = 'attempts.total >= 1'
task   = "Try {{ contact.name }}"
late   = [{ set = "city", to = "late" }]
"#;

#[test]
fn a_service_level_that_is_overdue_when_its_lead_is_closed_is_broken_and_any_other_open_one_is_neither()
 {
    play(
        ATTEMPT,
        r#"
[[scenario]]
name   = "closed when its time was over, and before that"
start  = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana" }
expect   = { sla = { attempt = "open" } }

[[scenario.step]]
register = { ref = "rosa", name = "Rosa", owner = "ana" }

[[scenario.step]]
at       = "2026-03-02T11:00:00+01:00"
register = { ref = "eva", name = "Eva", owner = "ana" }

[[scenario.step]]
at     = "2026-03-02T12:30:00+01:00"
lead   = "luis"
close  = { as = "lost" }
expect = { sla = { attempt = "broken" }, history = "task missed: attempt" }

[[scenario.step]]                           # told late, and it was no longer to be done in time
lead   = "rosa"
close  = { as = "lost", happened-at = "2026-03-02T11:30:00+01:00" }
expect = { sla = { attempt = "none" }, history = "task dropped: attempt" }

[[scenario.step]]
lead   = "eva"
close  = { as = "lost" }
expect = { sla = { attempt = "none" }, history = "task dropped: attempt" }
"#,
    );
}

/// A level that time alone keeps, so many hours after the registration.
fn rested(hours: u32) -> String {
    ATTEMPT.replace(
        "attempts.total >= 1",
        &format!("registered_at <= now - {hours}h"),
    )
}

#[test]
fn a_service_level_that_time_alone_keeps_is_kept_when_its_condition_comes_true_and_not_found_late()
{
    for (hours, kept_at) in [(1, "11"), (2, "12")] {
        play(
            &rested(hours),
            &format!(
                r#"
[[scenario]]
name  = "nobody does anything"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = {{ ref = "luis", name = "Luis", owner = "ana" }}
expect   = {{ sla = {{ attempt = "open" }}, next-at = "2026-03-02T{kept_at}:00:00+01:00", history = "the task is done" }}

[[scenario.step]]
at     = "2026-03-02T{kept_at}:00:00+01:00"
expect = {{ sla = {{ attempt = "kept" }}, tasks = [], nothing-due = true, history = "task done: attempt" }}

[[scenario.step]]
at     = "2026-03-02T13:00:00+01:00"
expect = {{ count = {{ 'city == "late"' = 0 }} }}
"#
            ),
        );
    }
}

#[test]
fn what_time_kept_while_the_process_was_down_was_kept() {
    play(
        &rested(1),
        r#"
[[scenario]]
name  = "down"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana" }

[[scenario.step]]
down-until = "2026-03-05T10:00:00+01:00"
expect     = { sla = { attempt = "kept" }, count = { 'city == "late"' = 0 }, nothing-due = true }
"#,
    );
}

#[test]
fn what_time_completes_behind_the_deadline_is_late_all_the_same() {
    play(
        &rested(3),
        r#"
[[scenario]]
name  = "an hour late"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana" }

[[scenario.step]]
at     = "2026-03-02T12:00:00+01:00"
expect = { sla = { attempt = "open" }, fields = { city = "late" }, next-at = "2026-03-02T13:00:00+01:00" }

[[scenario.step]]
at     = "2026-03-02T13:00:00+01:00"
expect = { sla = { attempt = "broken" }, history = "task done late: attempt" }
"#,
    );
}

#[test]
fn only_an_open_task_wakes_its_lead_for_its_condition() {
    play(
        r#"
[task.rest]
text = "Let {{ contact.name }} rest"
done = 'registered_at <= now - 1d'

[[rule]]
name = "rest"
on   = "answered"
do   = [{ task = "rest" }]
"#,
        r#"
[[scenario]]
name  = "answered, and lost"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana" }
expect   = { nothing-due = true }

[[scenario.step]]
answered = {}
expect   = { tasks = ["rest"], next-at = "2026-03-03T10:00:00+01:00" }

[[scenario.step]]
close  = { as = "lost" }
expect = { tasks = [], nothing-due = true }
"#,
    );
}
