//! Each kind of rule.

use super::*;

#[test]
fn a_reminder_comes_before_its_date_and_follows_the_date_when_it_moves() {
    play(
        r#"
[reminder.delivery]
of = "delivery"
at = ["1 day before", "2 hours before"]
do = [{ send = "hello", class = "alert" }]

[reminder.birthday]
of = "birthday"
at = ["9 hours"]
do = [{ task = "call" }]
"#,
        r#"
[[scenario]]
name  = "a day before and two hours before"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", delivery = 2026-03-10T16:00:00+01:00 }
expect   = { next-at = "2026-03-09T16:00:00+01:00" }

[[scenario.step]]
at     = "2026-03-09T16:00:00+01:00"
expect = { mailed = ["hello"], next-at = "2026-03-10T14:00:00+01:00" }

[[scenario.step]]                           # it is put off: reminded anew
at     = "2026-03-10T13:59:00+01:00"
set    = { delivery = 2026-03-20T16:00:00+01:00 }
expect = { mailed = [], next-at = "2026-03-19T16:00:00+01:00" }

[[scenario.step]]
at     = "2026-03-19T16:00:00+01:00"
expect = { mailed = ["hello"], next-at = "2026-03-20T14:00:00+01:00" }

[[scenario.step]]
at     = "2026-03-20T14:00:00+01:00"
expect = { mailed = ["hello"], nothing-due = true }

[[scenario]]
name  = "at short notice only what is still ahead is reminded of"
start = "2026-03-10T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", delivery = 2026-03-10T16:00:00+01:00 }
expect   = { mailed = [], next-at = "2026-03-10T14:00:00+01:00" }

[[scenario]]
name  = "a delivery comes whatever holds the lead, and not when it is closed"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", delivery = 2026-03-10T16:00:00+01:00 }

[[scenario.step]]
hold   = { as = "parked" }
expect = { next-at = "2026-03-09T16:00:00+01:00" }

[[scenario.step]]
close  = { as = "lost" }
expect = { nothing-due = true }

[[scenario]]
name  = "a day begins at midnight where the playbook is"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", birthday = 2026-03-29 }
expect   = { next-at = "2026-03-29T10:00:00+02:00" }       # nine hours after midnight, that night
"#,
    );
}

#[test]
fn ageing_alerts_at_each_age_while_the_lead_is_where_it_was() {
    play(
        r#"
[ageing.too-long]
stage = "new"
after = ["5 days", "15 days"]
do    = [{ notify = "seller", template = "hello" }]

[ageing.slow]
stage = "talking"
since = "entered"
after = ["2 days"]
do    = [{ notify = "seller", template = "hello" }]
"#,
        r#"
[[scenario]]
name  = "at five and at fifteen days"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }

[[scenario.step]]
at     = "2026-03-07T09:59:59+01:00"
expect = { notified = [] }

[[scenario.step]]
at     = "2026-03-07T10:00:00+01:00"
expect = { notified = ["seller"], next-at = "2026-03-17T10:00:00+01:00" }

[[scenario.step]]
at     = "2026-03-10T10:00:00+01:00"
move   = { to = "talking" }
expect = { next-at = "2026-03-12T10:00:00+01:00" }

[[scenario.step]]                           # since the entry into this stage
at     = "2026-03-12T10:00:00+01:00"
expect = { notified = ["seller"], nothing-due = true }

[[scenario.step]]                           # it counts from the registration, and fires once each
at     = "2026-03-14T10:00:00+01:00"
move   = { to = "new" }
expect = { next-at = "2026-03-17T10:00:00+01:00" }

[[scenario.step]]
at     = "2026-12-01T10:00:00+01:00"
expect = { notified = ["seller"], nothing-due = true }
"#,
    );
}

#[test]
fn a_condition_over_time_fires_when_it_turns_and_again_when_it_turns_again() {
    play(
        r#"
[[rule]]
name = "silent-for-thirty-days"
when = 'attempted_at < now - 30d'
do   = [{ send = "hello" }]
"#,
        r#"
[[scenario]]
name  = "no contact for thirty days"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]                           # never tried: there is nothing to be thirty days old
register = { ref = "luis", name = "Luis", email = "luis@example.com" }
expect   = { nothing-due = true }

[[scenario.step]]
at    = "2026-03-03T10:00:00+01:00"
tried = {}

[[scenario.step]]
at     = "2026-04-02T10:59:59+02:00"
expect = { mailed = [] }

[[scenario.step]]                           # thirty times 24 hours
at     = "2026-04-02T11:00:01+02:00"
expect = { mailed = ["hello"], nothing-due = true }

[[scenario.step]]                           # the condition is false again: re-armed
at    = "2026-04-10T11:00:00+02:00"
tried = {}

[[scenario.step]]
at     = "2026-05-10T11:00:01+02:00"
expect = { mailed = ["hello"], nothing-due = true }

[[scenario]]
name  = "an outage fires it once"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com" }

[[scenario.step]]
tried = {}

[[scenario.step]]
down-until = "2026-08-01T10:00:00+02:00"
expect     = { mailed = ["hello"], nothing-due = true }
"#,
    );
}

#[test]
fn a_condition_that_a_command_turns_fires_too_and_can_be_given_time() {
    play(
        r#"
[[rule]]
name  = "many-tries"
when  = 'attempts.unanswered >= 2 and stage == "new"'
after = "1 day"
do    = [{ send = "hello" }]
"#,
        r#"
[[scenario]]
name  = "a day after the second try, unless the lead has moved on"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com" }

[[scenario.step]]
tried = {}
expect = { nothing-due = true }

[[scenario.step]]
tried  = {}
expect = { next-at = "2026-03-03T10:00:00+01:00" }

[[scenario.step]]
move   = { to = "talking" }
expect = { nothing-due = true }

[[scenario.step]]
at     = "2026-03-05T10:00:00+01:00"
move   = { to = "new" }
expect = { next-at = "2026-03-06T10:00:00+01:00" }

[[scenario.step]]
at     = "2026-03-06T10:00:00+01:00"
expect = { mailed = ["hello"], nothing-due = true }
"#,
    );
}

#[test]
fn what_comes_again_and_again_catches_up_once_and_ends() {
    let rules = r#"
[[rule]]
name    = "weekly"
on      = "registered"
every   = "7 days"
at-most = 6
until   = 'answered'
do      = [{ send = "hello" }]
"#;

    play(
        rules,
        r#"
[[scenario]]
name  = "weekly, six times at most"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com" }
expect   = { mailed = ["hello"], next-at = "2026-03-09T10:00:00+01:00" }

[[scenario.step]]
at     = "2026-03-16T10:00:00+01:00"
expect = { mailed = ["hello", "hello"] }

[[scenario.step]]                           # what was due on 23 and 30 March is made up for once
down-until = "2026-04-01T08:00:00+02:00"
expect     = { mailed = ["hello"], next-at = "2026-04-06T10:00:00+02:00" }

[[scenario.step]]                           # the sixth, counted by its time
at     = "2026-04-06T10:00:00+02:00"
expect = { mailed = ["hello"], nothing-due = true }

[[scenario]]
name  = "until the contact answers"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com" }

[[scenario.step]]
at       = "2026-03-08T10:00:00+01:00"
answered = {}
expect   = { mailed = [], nothing-due = true }

[[scenario]]
name  = "reported late, it goes on from where it would be now"
start = "2026-03-20T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", happened-at = "2026-03-02T10:00:00+01:00" }
expect   = { mailed = [], next-at = "2026-03-23T10:00:00+01:00" }
"#,
    );
}

#[test]
fn what_starts_late_is_skipped_or_fires_or_is_spread_as_the_rule_says() {
    let scenario = |expected: &str| {
        format!(
            r#"
[[scenario]]
name  = "registered ten days late"
start = "2026-03-12T10:00:00+01:00"

[[scenario.step]]
register = {{ ref = "luis", name = "Luis", email = "luis@example.com", happened-at = "2026-03-02T10:00:00+01:00" }}
expect   = {expected}

[[scenario.step]]
at     = "2026-03-14T10:00:00+01:00"
expect = {{ nothing-due = true }}
"#
        )
    };
    let rule = |late: &str| {
        format!(
            r#"
[[rule]]
name  = "welcome"
on    = "registered"
after = "5 days"
{late}
do    = [{{ send = "hello" }}]
"#
        )
    };
    play(&rule(""), &scenario("{ mailed = [], nothing-due = true }"));
    play(
        &rule(r#"late-start = "fire""#),
        &scenario(r#"{ mailed = ["hello"] }"#),
    );
    play(
        &rule(r#"late-start = "2 days""#),
        &scenario("{ mailed = [] }").replace(
            "expect = { nothing-due = true }",
            r#"expect = { mailed = ["hello"], nothing-due = true }"#,
        ),
    );
}

/// An import doesn't write to everybody at the same moment.
#[test]
fn a_spread_start_is_spread() {
    let folder = folder(
        r#"
[[rule]]
name       = "welcome"
on         = "registered"
late-start = "10 days"
do         = [{ send = "hello" }]
"#,
        "",
    );
    let playbook = read(&folder);
    let start = at("2026-03-12T10:00:00+01:00");
    pollster::block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let world = World::new(playbook, store, start).expect("a world");
        for n in 0..100 {
            let new = NewLead::new(format!("Lead {n}")).email(format!("lead{n}@example.com"));
            let long_ago = start - Elapsed::days(100);
            let tenant = world.tenant();
            tenant
                .register(new)
                .by(desk())
                .happened_at(long_ago)
                .await
                .expect("a lead");
        }
        world.tick().await.expect("a tick");
        let mut sent = Vec::new();
        for day in 1..=10 {
            world
                .advance_to(start + Elapsed::days(day))
                .await
                .expect("time");
            let all = (0..100).map(|n| world.mailbox(&format!("lead{n}@example.com")).len());
            sent.push(all.sum::<usize>());
        }
        assert_eq!(sent.last(), Some(&100), "each once");
        let each_day = sent.windows(2).map(|days| days[1] - days[0]);
        assert!(
            each_day.clone().all(|count| (2..25).contains(&count)),
            "{sent:?}"
        );
    });
}

/// Reports by the day, or a test's steps, come at one instant.
#[test]
fn what_counts_from_an_assignment_or_a_stage_begins_anew_with_each() {
    play(
        r#"
[sla.first-contact]
on     = "assigned"
within = "4 business hours"
done   = 'stage != "new"'
task   = "First contact"

[[rule]]
name = "again"
on   = "entered new"
do   = [{ send = "hello" }]
"#,
        r#"
[[scenario]]
name  = "given away and moved to and fro at one instant"
start = "2026-03-02T10:00:00+01:00"

[[scenario.agent]]
id    = "bea"
name  = "Bea"
email = "bea@example.com"
role  = "seller"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", owner = "ana" }
expect   = { tasks = ["first-contact"], mailed = ["hello"] }

[[scenario.step]]
reassign = { to = "bea" }
expect   = { tasks = ["first-contact"], due = "2026-03-02T14:00:00+01:00" }

[[scenario.step]]
move = { to = "talking" }

[[scenario.step]]
move   = { to = "new" }
expect = { mailed = ["hello"] }
"#,
    );
}

#[test]
fn what_is_reported_late_does_not_undo_what_came_after_it() {
    play(
        r#"
[[rule]]
name  = "thanks"
on    = "answered"
after = "1 day"
do    = [{ send = "hello" }]
"#,
        r#"
[[scenario]]
name  = "an older answer is reported after a newer one"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com" }

[[scenario.step]]
at       = "2026-03-05T10:00:00+01:00"
answered = {}
expect   = { next-at = "2026-03-06T10:00:00+01:00" }

[[scenario.step]]
answered = { happened-at = "2026-03-04T18:00:00+01:00" }
expect   = { next-at = "2026-03-06T10:00:00+01:00" }
"#,
    );
}
