//! Appointments: booked, moved, held or not; the clocks that count from them.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod feedback;
#[path = "../shop/mod.rs"]
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
