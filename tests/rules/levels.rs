//! How service levels end: kept, broken, or neither.

use leadkit::decide::command::LeadOrder;
use leadkit::record::lead::{Ended, How};

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

/// A rule that is due half an hour after the registration.
const NUDGE: &str = r#"
[[rule]]
name  = "nudge"
on    = "registered"
after = "30 minutes"
do    = [{ set = "city", to = "nudged" }]
"#;

#[test]
fn what_time_kept_was_kept_also_where_another_rule_or_another_task_comes_first_behind_a_downtime() {
    let second = ATTEMPT
        .replace("sla.attempt", "sla.rest")
        .replace("attempts.total >= 1", "registered_at <= now - 90m");
    play(
        &format!("{NUDGE}{}{second}", rested(1)),
        r#"
[[scenario]]
name  = "down, with a rule due at 10:30, and two levels kept at 11:00 and 11:30"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana" }
expect   = { sla = { attempt = "open", rest = "open" } }

[[scenario.step]]
down-until = "2026-03-05T10:00:00+01:00"
expect     = { sla = { attempt = "kept", rest = "kept" }, fields = { city = "nudged" }, nothing-due = true }
"#,
    );
}

#[test]
fn an_overdue_rule_that_was_due_before_time_completed_its_task_fires_behind_a_downtime() {
    play(
        &format!("{NUDGE}{}", rested(3)),
        r#"
[[scenario]]
name  = "down, and an hour late"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana" }

[[scenario.step]]
at     = "2026-03-02T10:30:00+01:00"
expect = { fields = { city = "nudged" } }

[[scenario.step]]
down-until = "2026-03-05T10:00:00+01:00"
expect     = { sla = { attempt = "broken" }, fields = { city = "late" }, history = "task done late: attempt" }
"#,
    );
}

/// What became of the level of a lead that was registered at 10:00 and is to rest for an hour, if Ana orders
/// this before a worker looks.
fn ordered_before_the_tick(now: &str, order: LeadOrder, happened_at: &str) -> Ended {
    pollster::block_on(async {
        let clock = VirtualClock::at(at("2026-03-02T10:00:00+01:00"));
        let engine = Engine::builder(MemoryStore::default())
            .playbook("shop", read(&folder(&rested(1), "")))
            .clock(clock.clone())
            .build()
            .expect("an engine");
        let shop = engine.tenant("shop");
        let ana = AgentSetup::new("ana").name("Ana").email("ana@example.com");
        let set_up = shop.set_up(ana.role("seller")).by(desk()).await;
        set_up.expect("an agent");
        let new = NewLead::new("Luis").owner("ana");
        let lead = shop.register(new).by(desk()).await.expect("a lead").id;
        clock.set(at(now));
        let order = shop.order(lead, order).by(Actor::agent("ana"));
        let lead = order.happened_at(at(happened_at)).await;
        let ended = lead.expect("it is obeyed").tasks[0].ended.clone();
        ended.expect("a level that ended")
    })
}

fn lost() -> LeadOrder {
    let (stage, reason) = ("lost".into(), None);
    LeadOrder::Close { stage, reason }
}

#[test]
fn what_time_kept_was_kept_by_nobody_where_a_command_or_a_close_comes_before_the_tick() {
    let now = "2026-03-05T10:00:00+01:00";
    for order in [LeadOrder::Answered, lost()] {
        let ended = ordered_before_the_tick(now, order, now);
        assert_eq!(ended.at, at("2026-03-02T11:00:00+01:00"));
        assert_eq!((ended.how, ended.by.as_deref()), (How::Done, None));
        assert!(ended.kept());
    }
}

#[test]
fn what_is_told_late_neither_completes_what_time_completed_nor_is_completed_by_a_later_time() {
    let now = "2026-03-02T11:30:00+01:00";
    let before = "2026-03-02T10:40:00+01:00";
    let ended = ordered_before_the_tick(now, LeadOrder::Answered, before);
    assert_eq!(ended.at, at("2026-03-02T11:00:00+01:00"));
    assert_eq!((ended.how, ended.by), (How::Done, None));
    // A lead that was closed before that was not to be rested any more.
    let ended = ordered_before_the_tick(now, lost(), before);
    assert_eq!((ended.at, ended.how), (at(before), How::Dropped));
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

/// A level that begins anew with what it counts from, for two teams and three agents.
fn anew(on: &str, scenario: &str) {
    let rules = format!(
        r#"
[team.north]
[team.south]

[sla.answer]
on     = "{on}"
within = "4 business hours"
done   = 'stage == "talking"'
task   = "Answer {{{{ contact.name }}}}"
late   = [{{ set = "city", to = "late" }}]
"#
    );
    let agents = [("nora", "north"), ("nils", "north"), ("sara", "south")];
    let agents = agents.map(|(agent, team)| {
        format!(
            "[[agent]]\nid = \"{agent}\"\nname = \"{agent}\"\nemail = \"{agent}@example.com\"\nrole = \"seller\"\nteam = \"{team}\"\n\n"
        )
    });
    let begins = r#"
[[scenario]]
name  = "from hand to hand"
start = "2026-03-02T09:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "nora" }
expect   = { sla = { answer = "open" }, due = "2026-03-02T13:00:00+01:00" }
"#;
    play(&rules, &format!("{}{begins}{scenario}", agents.concat()));
}

#[test]
fn a_level_that_counts_from_the_team_begins_anew_with_a_team_and_goes_on_within_one() {
    anew(
        "team",
        r#"
[[scenario.step]]
at       = "2026-03-02T10:00:00+01:00"
reassign = { to = "nils" }
expect   = { due = "2026-03-02T13:00:00+01:00" }

[[scenario.step]]
at       = "2026-03-02T11:00:00+01:00"
reassign = { to = "sara" }
expect   = { due = "2026-03-02T15:00:00+01:00", history = "task dropped: answer" }

[[scenario.step]]
at     = "2026-03-02T14:00:00+01:00"
expect = { sla = { answer = "open" }, silent = "rule answer.late" }

[[scenario.step]]
at     = "2026-03-02T15:30:00+01:00"
expect = { fields = { city = "late" } }

[[scenario.step]]                           # its time was over when it came back
reassign = { to = "nora" }
expect   = { due = "2026-03-03T11:30:00+01:00", history = "task missed: answer" }
"#,
    );
}

#[test]
fn a_level_that_counts_from_the_last_touch_begins_anew_with_each() {
    anew(
        "touched",
        r#"
[[scenario.step]]
at     = "2026-03-02T10:00:00+01:00"
tried  = {}
expect = { due = "2026-03-02T14:00:00+01:00", history = "task dropped: answer" }

[[scenario.step]]
at       = "2026-03-02T11:00:00+01:00"
reassign = { to = "nils" }
expect   = { due = "2026-03-02T15:00:00+01:00", silent = "rule answer.late" }

[[scenario.step]]
at     = "2026-03-02T15:30:00+01:00"
tried  = {}
expect = { due = "2026-03-03T11:30:00+01:00", fields = { city = "late" }, history = "task missed: answer" }
"#,
    );
}

#[test]
fn who_is_given_a_lead_that_they_have_already_gains_no_time() {
    anew(
        "assigned",
        r#"
[[scenario.step]]
at       = "2026-03-02T10:00:00+01:00"
reassign = { to = "nora", by = "nora" }
expect   = { due = "2026-03-02T13:00:00+01:00", silent = "task dropped: answer" }

[[scenario.step]]
at       = "2026-03-02T11:00:00+01:00"
reassign = { to = "nils" }
expect   = { due = "2026-03-02T15:00:00+01:00" }
"#,
    );
}
