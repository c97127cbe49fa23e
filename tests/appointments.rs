//! Appointments: booked, moved, held or not; the clocks that count from them, and feedback.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use leadkit::playbook::Playbook;
use leadkit::playbook::fault::FaultKind;
use shop::{folder, play, play_folder};

/// A store shows what online sales brought, and tells them how it went.
const PRESENTATIONS: &str = r#"
[role.store]
may = ["appointment", "complete"]

[role.bystander]
may = ["register"]

[appointment.presentation]
label    = "Presentation"
lasts    = "1 hour"
feedback = { for = "store", within = "4 business hours", of = ["Good", "Not for them"] }

[appointment.visit]
feedback = { for = "team:field", within = "1 business day" }

[reminder.birthday]
of = "birthday"
at = ["1 day before"]
do = { task = "call" }

[[rule]]
name  = "remind"
on    = "appointment presentation"
after = "1 day before"
do    = { send = "hello", class = "alert" }

[[rule]]
name = "alert"
on   = "missed presentation"
do   = { notify = "owner", template = "hello" }

[[rule]]
name = "called-off"
on   = "cancelled presentation"
do   = { notify = "owner", template = "hello" }

[[rule]]
name    = "chase"
on      = "overdue presentation-feedback"
every   = "1 day"
at-most = 2
do      = { notify = "store", template = "hello" }
"#;

const PEOPLE: &str = r#"
[[agent]]
id    = "eva"
name  = "Eva"
email = "eva@example.com"
role  = "store"

[[agent]]
id    = "ben"
name  = "Ben"
email = "ben@example.com"
role  = "bystander"
"#;

fn play_presentations(more: &str, scenarios: &str) {
    let rules = format!("{PRESENTATIONS}{more}");
    let mut folder = folder(&rules, &format!("{PEOPLE}{scenarios}"));
    if more.contains("\"said\"") {
        let said = "Subject: What was said\n\n{{ appointment.feedback }}\n";
        let said = ("templates/said.txt".into(), said.into());
        folder.templates.push(said);
    }
    play_folder(&folder);
}

#[test]
fn a_moved_appointment_takes_its_reminder_with_it_and_it_is_done_anew() {
    play_presentations(
        "",
        r#"
[[scenario]]
name  = "moved after its reminder, and back"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", owner = "ana" }
expect   = { appointment = { presentation = "none" } }

[[scenario.step]]
book   = { appointment = "presentation", at = "2026-03-05T15:00:00+01:00", with = "eva", by = "ana" }
expect = { appointment = { presentation = "2026-03-05T15:00:00+01:00" }, next-at = "2026-03-04T15:00:00+01:00", history = "Presentation booked for 2026-03-05 15:00:00 +01:00 [with eva]" }

[[scenario.step]]
at     = "2026-03-04T15:00:00+01:00"
expect = { mailed = ["hello"], nothing-due = true }

[[scenario.step]]
rebook = { appointment = "presentation", to = "2026-03-09T11:00:00+01:00", by = "ana" }
expect = { next-at = "2026-03-08T11:00:00+01:00", history = "moved to 2026-03-09 11:00" }

[[scenario.step]]
at     = "2026-03-08T11:00:00+01:00"
expect = { mailed = ["hello"] }

[[scenario.step]]                           # further away again: the customer is reminded again
rebook = { appointment = "presentation", to = "2026-03-12T11:00:00+01:00", by = "ana" }

[[scenario.step]]                           # at short notice there is nothing to remind of
rebook = { appointment = "presentation", to = "2026-03-08T18:00:00+01:00", by = "ana" }
expect = { nothing-due = true }

[[scenario.step]]
rebook = { appointment = "presentation", to = "2026-03-12T11:00:00+01:00", by = "ana" }

[[scenario.step]]
at     = "2026-03-11T11:00:00+01:00"
expect = { mailed = ["hello"] }
"#,
    );
}

#[test]
fn what_was_fired_for_a_time_fires_again_when_the_appointment_comes_back_to_it() {
    play_presentations(
        "",
        r#"
[[scenario]]
name  = "to another day and back"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", owner = "ana" }

[[scenario.step]]
book = { appointment = "presentation", at = "2026-03-05T15:00:00+01:00", by = "ana" }

[[scenario.step]]
at     = "2026-03-04T16:00:00+01:00"
expect = { mailed = ["hello"] }

[[scenario.step]]
cancel = { appointment = "presentation", by = "ana" }
expect = { notified = ["seller"], appointment = { presentation = "cancelled" }, history = "Presentation cancelled" }

[[scenario.step]]
book   = { appointment = "presentation", at = "2026-03-09T15:00:00+01:00", by = "ana" }
expect = { next-at = "2026-03-08T15:00:00+01:00" }

[[scenario.step]]
at      = "2026-03-09T15:00:00+01:00"
no-show = { appointment = "presentation", by = "ana" }
expect  = { notified = ["seller"], appointment = { presentation = "missed" } }

[[scenario.step]]                           # a second one is missed, and that is told again
book    = { appointment = "presentation", at = "2026-03-09T16:00:00+01:00", by = "ana" }

[[scenario.step]]
at      = "2026-03-09T16:00:00+01:00"
no-show = { appointment = "presentation", by = "ana" }
expect  = { notified = ["seller"] }
"#,
    );
}

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
fn what_cannot_be_is_refused_with_the_reason() {
    play_presentations(
        "",
        r#"
[[scenario]]
name  = "refused"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }

[[scenario.step]]
rebook = { appointment = "presentation", to = "2026-03-05T15:00:00+01:00", by = "ana" }
expect = { refused = ["no-appointment"] }

[[scenario.step]]
book   = { appointment = "presentation", at = "2026-03-02T09:59:59+01:00", by = "ana" }
expect = { refused = ["at"], refusal-says = "a time that is not over" }

[[scenario.step]]
book   = { appointment = "presentation", at = "2026-03-05T15:00:00+01:00", with = "zoe", by = "ana" }
expect = { refused = ["no-such-agent"] }

[[scenario.step]]
book   = { appointment = "presentation", at = "2026-03-05T15:00:00+01:00", by = "ben" }
expect = { refused = ["not-permitted"] }

[[scenario.step]]
book   = { appointment = "presentacion", at = "2026-03-05T15:00:00+01:00", by = "ana" }
expect = { refused = ["unknown"], refusal-says = "did you mean `presentation`?" }

[[scenario.step]]
book = { appointment = "presentation", at = "2026-03-05T15:00:00+01:00", by = "ana" }

[[scenario.step]]
book   = { appointment = "presentation", at = "2026-03-06T15:00:00+01:00", by = "ana" }
expect = { refused = ["appointment-open"] }

[[scenario.step]]                           # of another kind, at the same time
book   = { appointment = "visit", at = "2026-03-05T15:00:00+01:00", by = "ana" }
expect = { appointment = { visit = "2026-03-05T15:00:00+01:00" } }

[[scenario.step]]                           # what was so before it was booked undoes nothing
at     = "2026-03-02T12:00:00+01:00"
cancel = { appointment = "visit", by = "import:ana", happened-at = "2026-03-02T09:00:00+01:00" }
expect = { refused = ["overtaken"] }

[[scenario.step]]
at     = "2026-03-04T12:00:00+01:00"
held   = { appointment = "presentation", by = "ana" }
expect = { refused = ["appointment-ahead"] }
"#,
    );
}

#[test]
fn whether_an_appointment_is_today_turns_with_the_day_of_the_zone() {
    play(
        r#"
[appointment.presentation]

[task.watch]
text = "Nothing was shown, and nothing will be today"

[[rule]]
name = "unseen"
when = 'not (appointments_held("presentation") >= 1 or appointment_today("presentation"))'
do   = { task = "watch" }

[[rule]]
name = "today"
when = 'appointment_today("presentation")'
do   = { send = "hello", class = "alert" }
"#,
        r#"
[[scenario]]
name  = "from midnight to midnight, over the change of the clocks"
start = "2026-03-27T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", owner = "ana" }

[[scenario.step]]                           # the clocks change in the night to the 29th
book   = { appointment = "presentation", at = "2026-03-29T15:00:00+02:00", by = "ana" }
expect = { next-at = "2026-03-29T00:00:00+01:00" }

[[scenario.step]]
complete = { task = "watch", by = "ana" }

[[scenario.step]]
at     = "2026-03-29T00:00:00+01:00"
expect = { mailed = ["hello"], tasks = [], next-at = "2026-03-30T00:00:00+02:00" }

[[scenario.step]]                           # nobody said that it took place
at     = "2026-03-30T00:00:00+02:00"
expect = { tasks = ["watch"] }

[[scenario.step]]
complete = { task = "watch", by = "ana" }

[[scenario.step]]
held   = { appointment = "presentation", by = "ana" }
expect = { tasks = [], nothing-due = true }
"#,
    );
}

#[test]
fn a_message_tells_when_the_appointment_is_and_with_whom() {
    let mut folder = folder(
        PRESENTATIONS,
        &format!(
            "{PEOPLE}{}",
            r#"
[[scenario]]
name  = "in the order of the language"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", owner = "ana" }

[[scenario.step]]
book = { appointment = "presentation", at = "2026-03-05T15:00:00+01:00", with = "eva", by = "ana" }

[[scenario.step]]
at     = "2026-03-04T15:00:00+01:00"
expect = { mail-says = "Presentation: 05/03/2026 15:00, Eva" }
"#
        ),
    );
    folder.playbook = folder
        .playbook
        .replace("[playbook]", "[playbook]\nlocale = \"es-ES\"");
    folder.templates[0].1 = "Subject: Hello\n\n{{ appointment.label }}: {{ appointment.day }} \
        {{ appointment.time }}, {{ appointment.with }}\n"
        .into();
    play_folder(&folder);
}

#[test]
fn a_fact_that_is_true_for_a_while_is_not_compared() {
    let rule = |when: &str| {
        let rules = format!(
            "[appointment.visit]\n[[rule]]\nname = \"a\"\nwhen = '{when}'\ndo = {{ task = \"call\" }}\n"
        );
        Playbook::read(&folder(&rules, ""))
    };
    for when in [
        r#"appointment_today("visit") == true"#,
        r#"appointment_today("visit") is missing"#,
    ] {
        let faults = rule(when).unwrap_err().0;
        assert_eq!(faults.len(), 1, "{faults:#?}");
        assert!(matches!(faults[0].kind, FaultKind::Condition(_)));
    }
    assert!(rule(r#"not appointment_today("visit")"#).is_ok());
}

#[test]
fn a_lead_is_registered_with_its_appointment_so_that_a_law_can_ask_for_one() {
    play_presentations(
        r#"
[law.presented]
stage = "new"
if    = 'appointment_today("presentation")'
text  = "A presentation today"
"#,
        r#"
[[scenario]]
name  = "with a presentation today, tomorrow and of a kind that there isn't"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }
expect   = { refused = ["presented"] }

[[scenario.step]]
register = { ref = "luis", name = "Luis", appointment = { presentation = "2026-03-03T15:00:00+01:00" } }
expect   = { refused = ["presented"] }

[[scenario.step]]
register = { ref = "luis", name = "Luis", appointment = { presentation = "2026-03-02T09:00:00+01:00" } }
expect   = { refused = ["at"] }

[[scenario.step]]
register = { ref = "luis", name = "Luis", appointment = { presentatoin = "2026-03-02T15:00:00+01:00" } }
expect   = { refused = ["unknown"], refusal-says = "did you mean `presentation`?" }

[[scenario.step]]                           # who may not book, may not so either
register = { ref = "luis", name = "Luis", appointment = { presentation = "2026-03-02T15:00:00+01:00" }, by = "ben" }
expect   = { refused = ["not-permitted"], refusal-says = "appointment" }

[[scenario.step]]
register = { ref = "luis", name = "Luis", appointment = { presentation = "2026-03-02T15:00:00+01:00" } }
expect   = { appointment = { presentation = "2026-03-02T15:00:00+01:00" }, history = "Presentation booked for" }
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
