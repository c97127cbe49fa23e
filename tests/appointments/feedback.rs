//! What is said of an appointment that was held: asked for, given, heard.

use super::play_presentations;
use super::shop::{folder, play_folder};

#[test]
fn feedback_that_is_missing_is_chased_until_it_is_there() {
    play_presentations(
        "",
        r#"
[[scenario]]
name  = "chased, and then given"
start = "2026-03-02T10:00:00+01:00"       # a Monday; from nine to five

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com" }

[[scenario.step]]
feedback = { appointment = "presentation", says = "Good", by = "eva" }
expect   = { refused = ["not-held-yet"] }

[[scenario.step]]
book = { appointment = "presentation", at = "2026-03-02T15:00:00+01:00", by = "ana" }

[[scenario.step]]
at      = "2026-03-02T14:00:00+01:00"
no-show = { appointment = "presentation", by = "ana" }
expect  = { refused = ["appointment-ahead"] }

[[scenario.step]]
at     = "2026-03-02T16:00:00+01:00"
held   = { appointment = "presentation", by = "ana" }
expect = { tasks = ["presentation-feedback"], task-for = { presentation-feedback = "store" }, due = "2026-03-03T12:00:00+01:00", appointment = { presentation = "held" } }

[[scenario.step]]                           # also when nothing came of it
close  = { as = "lost", by = "ana" }
expect = { tasks = ["presentation-feedback"] }

[[scenario.step]]
at     = "2026-03-03T12:00:00+01:00"
expect = { notified = ["store"] }

[[scenario.step]]
feedback = { appointment = "presentation", says = "Good", by = "ana" }
expect   = { refused = ["not-permitted"] }

[[scenario.step]]
feedback = { appointment = "presentation", says = "Fine", by = "eva" }
expect   = { refused = ["says"], refusal-says = "Not for them" }

[[scenario.step]]
at       = "2026-03-03T12:30:00+01:00"
feedback = { appointment = "presentation", says = "not for them", by = "eva" }
expect   = { tasks = [], sla = { presentation-feedback = "broken" }, history = "feedback given on Presentation [Not for them]", nothing-due = true }
"#,
    );
}

#[test]
fn each_appointment_that_was_held_is_told_of_and_each_telling_is_heard() {
    play_presentations(
        r#"
[[rule]]
name = "heard"
on   = "feedback presentation"
do   = { notify = "seller", template = "said" }
"#,
        r#"
[[scenario]]
name  = "two before the first is told of, and one said again"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }
expect   = { history = "nothing was said of an appointment presentation" }

[[scenario.step]]
book = { appointment = "presentation", at = "2026-03-02T10:00:00+01:00", by = "ana" }

[[scenario.step]]
held = { appointment = "presentation", by = "ana" }

[[scenario.step]]
book = { appointment = "presentation", at = "2026-03-02T11:00:00+01:00", by = "ana" }

[[scenario.step]]
at   = "2026-03-02T11:00:00+01:00"
held = { appointment = "presentation", by = "ana" }

[[scenario.step]]
feedback = { appointment = "presentation", says = "Not for them", by = "eva" }
expect   = { tasks = ["presentation-feedback"], notified = ["seller"], mail-says = "Not for them" }

[[scenario.step]]                           # the lead has come to its end: that is heard as well
close = { as = "lost", by = "ana" }

[[scenario.step]]
feedback = { appointment = "presentation", says = "Good", by = "eva" }
expect   = { tasks = [], notified = ["seller"], mail-says = "Good" }

[[scenario.step]]                           # of the last one, where none waits
feedback = { appointment = "presentation", says = "Not for them", by = "eva" }
expect   = { notified = ["seller"], mail-says = "Not for them" }

[[scenario.step]]
expect = { history = "rule heard fired" }
"#,
    );
}

#[test]
fn each_appointment_that_was_held_has_its_own_time_for_feedback() {
    play_presentations(
        "",
        r#"
[[scenario]]
name  = "a second one before the first is told of, and both told in time"
start = "2026-03-02T10:00:00+01:00"       # a Monday; from nine to five

[[scenario.step]]
register = { ref = "luis", name = "Luis" }

[[scenario.step]]
book = { appointment = "presentation", at = "2026-03-02T10:00:00+01:00", by = "ana" }

[[scenario.step]]
held   = { appointment = "presentation", by = "ana" }
expect = { due = "2026-03-02T14:00:00+01:00" }

[[scenario.step]]
book = { appointment = "presentation", at = "2026-03-02T13:00:00+01:00", by = "ana" }

[[scenario.step]]
at     = "2026-03-02T13:00:00+01:00"
held   = { appointment = "presentation", by = "ana" }
expect = { due = "2026-03-02T14:00:00+01:00" }

[[scenario.step]]
at       = "2026-03-02T13:30:00+01:00"
feedback = { appointment = "presentation", says = "Not for them", by = "eva" }
expect   = { tasks = ["presentation-feedback"], due = "2026-03-02T17:00:00+01:00", history = "task done: presentation-feedback" }

[[scenario.step]]                           # nobody is chased for what is not late
at     = "2026-03-02T16:00:00+01:00"
expect = { notified = [] }

[[scenario.step]]
feedback = { appointment = "presentation", says = "Good", by = "eva" }
expect   = { tasks = [], sla = { presentation-feedback = "kept" }, nothing-due = true, silent = ["task done late"] }

[[scenario]]
name  = "the second one is chased in its own time"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }

[[scenario.step]]
book = { appointment = "presentation", at = "2026-03-02T10:00:00+01:00", by = "ana" }

[[scenario.step]]
held = { appointment = "presentation", by = "ana" }

[[scenario.step]]
book = { appointment = "presentation", at = "2026-03-02T13:00:00+01:00", by = "ana" }

[[scenario.step]]
at   = "2026-03-02T13:00:00+01:00"
held = { appointment = "presentation", by = "ana" }

[[scenario.step]]                           # the first one is
at     = "2026-03-02T14:00:00+01:00"
expect = { notified = ["store"] }

[[scenario.step]]
feedback = { appointment = "presentation", says = "Good", by = "eva" }
expect   = { due = "2026-03-02T17:00:00+01:00" }

[[scenario.step]]
at     = "2026-03-02T17:00:00+01:00"
expect = { notified = ["store"] }

[[scenario.step]]
at       = "2026-03-03T09:00:00+01:00"
feedback = { appointment = "presentation", says = "Good", by = "eva" }
expect   = { sla = { presentation-feedback = "broken" }, nothing-due = true }
"#,
    );
}

#[test]
fn what_was_told_too_late_to_be_asked_for_is_not_asked_for_behind_another_one_either() {
    play_presentations(
        "",
        r#"
[[scenario]]
name  = "the second of three was told the day after"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }

[[scenario.step]]
book = { appointment = "presentation", at = "2026-03-02T10:00:00+01:00", by = "ana" }

[[scenario.step]]
held = { appointment = "presentation", by = "ana" }

[[scenario.step]]
book = { appointment = "presentation", at = "2026-03-02T11:00:00+01:00", by = "ana" }

[[scenario.step]]
at   = "2026-03-03T10:00:00+01:00"
held = { appointment = "presentation", by = "ana", happened-at = "2026-03-02T11:00:00+01:00" }

[[scenario.step]]
feedback = { appointment = "presentation", says = "Good", by = "eva" }
expect   = { tasks = [], sla = { presentation-feedback = "broken" } }

[[scenario.step]]
book = { appointment = "presentation", at = "2026-03-03T10:00:00+01:00", by = "ana" }

[[scenario.step]]
held   = { appointment = "presentation", by = "ana" }
expect = { due = "2026-03-03T14:00:00+01:00" }

[[scenario.step]]                           # of the second one: the time of the third runs
feedback = { appointment = "presentation", says = "Good", by = "eva" }
expect   = { due = "2026-03-03T14:00:00+01:00" }

[[scenario.step]]
feedback = { appointment = "presentation", says = "Good", by = "eva" }
expect   = { tasks = [], sla = { presentation-feedback = "kept" } }
"#,
    );
}

#[test]
fn a_team_that_is_asked_for_feedback_gives_it_and_nobody_else_does() {
    play_presentations(
        "",
        r#"
[[scenario]]
name  = "a visit that the field team reports on"
start = "2026-03-02T10:00:00+01:00"

[[scenario.agent]]
id   = "eva"
team = "field"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }

[[scenario.step]]
book = { appointment = "visit", at = "2026-03-02T10:00:00+01:00", by = "ana" }

[[scenario.step]]
held   = { appointment = "visit", by = "ana" }
expect = { task-for = { visit-feedback = "team:field" } }

[[scenario.step]]
feedback = { appointment = "visit", says = "Nobody was in", by = "ben" }
expect   = { refused = ["not-their-task"] }

[[scenario.step]]
feedback = { appointment = "visit", says = "They want two", by = "eva" }
expect   = { tasks = [], sla = { visit-feedback = "kept" } }
"#,
    );
}

#[test]
fn who_brought_a_customer_hears_what_was_said_of_the_visit() {
    let mut folder = folder(
        r#"
[appointment.visit]
feedback = { within = "1 business day" }

[[rule]]
name = "tell"
when = 'appointments_held("visit") >= 1 and not feedback_due("visit")'
do   = { notify = "earlier-owner", template = "said" }
"#,
        r#"
[[agent]]
id    = "bea"
name  = "Bea"
email = "bea@example.com"
role  = "seller"

[[scenario]]
name  = "brought by Ana, received by Bea"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana" }

[[scenario.step]]
reassign = { to = "bea", by = "host:desk" }

[[scenario.step]]
book = { appointment = "visit", at = "2026-03-02T10:00:00+01:00", by = "bea" }

[[scenario.step]]
held = { appointment = "visit", by = "bea" }

[[scenario.step]]                           # the next one is no reason to say nothing of the last
book = { appointment = "visit", at = "2026-03-05T10:00:00+01:00", by = "bea" }

[[scenario.step]]
feedback = { appointment = "visit", says = "They want two", by = "bea" }
expect   = { mail-says = "To Ana: They want two" }

[[scenario]]
name  = "where nobody had the lead before, its owner hears it"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana" }

[[scenario.step]]
book = { appointment = "visit", at = "2026-03-02T10:00:00+01:00", by = "ana" }

[[scenario.step]]
held = { appointment = "visit", by = "ana" }

[[scenario.step]]
feedback = { appointment = "visit", says = "They want one", by = "ana" }
expect   = { mail-says = "To Ana: They want one" }
"#,
    );
    folder.templates.push((
        "templates/said.txt".into(),
        "Subject: Said\n\nTo {{ recipient.name }}: {{ appointment.feedback }}\n".into(),
    ));
    play_folder(&folder);
}
