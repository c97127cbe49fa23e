//! Each kind of rule, and the mistakes of peers, on small playbooks.

mod shop;

use std::sync::Arc;

use leadkit::clock::VirtualClock;
use leadkit::decide::command::{Actor, AgentSetup, NewLead};
use leadkit::engine::Engine;
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::record::lead::Lead;
use leadkit::scenario::World;
use leadkit::store::{MemoryStore, Store};
use leadkit::time::Elapsed;
use shop::{at, folder, play, read};

// ------------------------------------------------------------------- time

/// Frappe CRM: a lead of Saturday 15:00 with four business hours is due on Tuesday.
#[test]
fn four_business_hours_from_saturday_afternoon_end_on_monday_at_one() {
    play(
        r#"
[sla.first-contact]
on     = "registered"
within = "4 business hours"
done   = 'stage != "new"'
task   = "First contact"
"#,
        r#"
[[scenario]]
name  = "a lead of Saturday afternoon"
start = "2026-03-07T15:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }
expect   = { due = { first-contact = "2026-03-09T13:00:00+01:00" } }

[[scenario]]
name  = "over the weekend on which the clocks go forward"
start = "2026-03-27T16:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }
expect   = { due = { first-contact = "2026-03-30T12:00:00+02:00" } }

[[scenario]]
name  = "over the weekend on which they go back"
start = "2026-10-23T16:00:00+02:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }
expect   = { due = { first-contact = "2026-10-26T12:00:00+01:00" } }
"#,
    );
}

/// Dittofeed: an hour off across a change of the clocks.
#[test]
fn a_day_ends_at_the_same_local_time_and_24_hours_do_not() {
    play(
        r#"
[[rule]]
name  = "a-day"
on    = "registered"
after = "1 day"
do    = [{ send = "hello" }]

[[rule]]
name  = "24-hours"
on    = "registered"
after = "24 hours"
do    = [{ task = "call" }]
"#,
        r#"
[[scenario]]
name  = "the night on which the clocks go forward"
start = "2026-03-28T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com" }

[[scenario.step]]
at     = "2026-03-29T10:00:00+02:00"
expect = { mailed = ["hello"], tasks = [], next-at = "2026-03-29T11:00:00+02:00" }

[[scenario.step]]
at     = "2026-03-29T11:00:00+02:00"
expect = { tasks = ["call"], nothing-due = true }

[[scenario]]
name  = "half past two does not exist that night: it comes once, an hour later"
start = "2026-03-28T02:30:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com" }

[[scenario.step]]
at     = "2026-03-29T03:29:59+02:00"
expect = { mailed = [] }

[[scenario.step]]
at     = "2026-03-29T03:30:00+02:00"
expect = { mailed = ["hello"], tasks = ["call"], nothing-due = true }

[[scenario]]
name  = "half past two comes twice in autumn, and the message once"
start = "2026-10-24T02:30:00+02:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com" }

[[scenario.step]]
at     = "2026-10-25T02:30:00+02:00"
expect = { mailed = ["hello"] }

[[scenario.step]]
at     = "2026-10-25T12:00:00+01:00"
expect = { mailed = [], nothing-due = true }
"#,
    );
}

// ------------------------------------------------------------------- kinds of rules

#[test]
fn a_reminder_comes_before_its_date_and_follows_the_date_when_it_moves() {
    play(
        r#"
[reminder.appointment]
of = "appointment"
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
register = { ref = "luis", name = "Luis", email = "luis@example.com", appointment = 2026-03-10T16:00:00+01:00 }
expect   = { next-at = "2026-03-09T16:00:00+01:00" }

[[scenario.step]]
at     = "2026-03-09T16:00:00+01:00"
expect = { mailed = ["hello"], next-at = "2026-03-10T14:00:00+01:00" }

[[scenario.step]]                           # it is put off: reminded anew
at     = "2026-03-10T13:59:00+01:00"
set    = { appointment = 2026-03-20T16:00:00+01:00 }
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
register = { ref = "luis", name = "Luis", email = "luis@example.com", appointment = 2026-03-10T16:00:00+01:00 }
expect   = { mailed = [], next-at = "2026-03-10T14:00:00+01:00" }

[[scenario]]
name  = "an appointment comes whatever holds the lead, and not when it is closed"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", appointment = 2026-03-10T16:00:00+01:00 }

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

// ------------------------------------------------------------------- refused in the middle

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

// ------------------------------------------------------------------- mistakes of peers

/// Mautic: "not equal" drops those whose value is missing.
#[test]
fn not_equal_keeps_those_whose_value_is_missing() {
    play(
        r#"
[[rule]]
name = "elsewhere"
on   = "registered"
if   = 'city != "Madrid"'
do   = [{ send = "hello" }]
"#,
        r#"
[[scenario]]
name  = "who is not of Madrid, as far as we know"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "unknown", name = "Luis", email = "luis@example.com" }
expect   = { mailed = ["hello"] }

[[scenario.step]]
register = { ref = "madrid", name = "Rosa", email = "rosa@example.com", city = "MADRID" }
expect   = { mailed = [] }

[[scenario.step]]
register = { ref = "vigo", name = "Eva", email = "eva@example.com", city = "Vigo" }
expect   = { mailed = ["hello"], count = { 'city != "Madrid"' = 2, 'not (city == "Madrid")' = 2, 'city == "Madrid"' = 1, 'city is missing' = 1 } }
"#,
    );
}

const POOL: &str = r#"
[pool.sellers]
members  = 'role == "seller"'
choose   = "CHOOSE"
capacity = 1000

[[route]]
to     = "sales.new"
assign = "sellers"
"#;

/// Thirty leads after two histories: the senior won eight of ten, the junior one of ten.
fn thirty_leads(choose: &str, left: bool) -> Vec<Lead> {
    let rules = POOL.replace("CHOOSE", choose).replace(
        "[pool",
        r#"[pipeline.past]
start = "open"

[pipeline.past.stage]
open = { to = { won = [] } }
won  = { final = "won", to = [] }

[pool"#,
    );
    let rules = rules.replace(
        "[[route]]",
        "[[route]]\nif = 'city == \"past\"'\nto = \"past.open\"\n\n[[route]]",
    );
    let playbook = read(&folder(&rules, ""));
    pollster::block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let mut world =
            World::new(playbook, store, at("2026-03-02T10:00:00+01:00")).expect("a world");
        for (id, won) in [("senior", 8), ("junior", 1)] {
            let agent = AgentSetup::new(id).name(id).role("seller");
            let agent = agent.email(format!("{id}@example.com"));
            world
                .set_up(agent, Actor::host("test"))
                .await
                .expect("an agent");
            for n in 0..10 {
                let past = NewLead::new(format!("Past {n}"))
                    .owner(id)
                    .field("city", "past");
                let lead = world.tenant().register(past).await.expect("a lead");
                if n < won {
                    world.tenant().move_to(lead.id, "won").await.expect("won");
                }
            }
        }
        if left {
            let gone = AgentSetup::new("senior").available(false);
            world
                .set_up(gone, Actor::host("test"))
                .await
                .expect("an agent");
        }
        let mut leads = Vec::new();
        for n in 0..30 {
            let new = NewLead::new(format!("Lead {n}"));
            leads.push(world.tenant().register(new).await.expect("a lead"));
        }
        leads
    })
}

fn of(leads: &[Lead], agent: &str) -> usize {
    let owners = leads.iter().filter_map(Lead::owner_id);
    owners.filter(|owner| owner.as_str() == agent).count()
}

/// Odoo: all thirty leads to the senior agent.
#[test]
fn weighted_assignment_gives_each_a_share_by_conversion() {
    let weighted = thirty_leads("weighted", false);
    let (senior, junior) = (of(&weighted, "senior"), of(&weighted, "junior"));
    assert_eq!(senior + junior, 30);
    assert!(senior > junior && junior >= 5, "{senior} and {junior}");
    let evenly = thirty_leads("evenly", false);
    assert_eq!((of(&evenly, "senior"), of(&evenly, "junior")), (15, 15));
    // Whoever asks for the best gets the best; capacity is what bounds it.
    assert_eq!(of(&thirty_leads("best", false), "senior"), 30);
}

/// SuiteCRM: leads to people who have left.
#[test]
fn nobody_who_has_left_gets_a_lead() {
    for choose in ["best", "weighted", "evenly"] {
        assert_eq!(of(&thirty_leads(choose, true), "senior"), 0, "{choose}");
    }
}

// ------------------------------------------------------------------- a changed playbook

/// The same for what a new service level or a new condition over time would have done.
#[test]
fn a_changed_playbook_takes_no_lead_away_whose_time_was_over_before_it() {
    let rules = r#"
[sla.first-contact]
on     = "registered"
within = "4 business hours"
done   = 'stage != "new"'
task   = "First contact"
late   = [{ send = "hello" }]

[[rule]]
name = "silent"
when = 'attempted_at < now - 2d or attempted_at is missing'
do   = [{ send = "hello" }]
"#;
    assert_eq!(messages_by_day("", rules), [0; 20]);
    // What it does to a lead that comes later is another matter.
    assert_eq!(messages_by_day(rules, rules)[0], 2);
}

/// What a playbook that is adopted after ten days does to a lead of the first day, until the
/// thirtieth: how many messages the contact has, day by day.
fn messages_after_adoption(late: &str) -> Vec<usize> {
    let rule = format!(
        r#"
[[rule]]
name  = "welcome"
on    = "registered"
after = "5 days"
{late}
do    = [{{ send = "hello" }}]

[[rule]]
name  = "check-in"
on    = "registered"
after = "20 days"
do    = [{{ send = "hello" }}]
"#
    );
    messages_by_day("", &rule)
}

fn messages_by_day(old: &str, new: &str) -> Vec<usize> {
    let (old, new) = (read(&folder(old, "")), read(&folder(new, "")));
    let (old, new) = (Arc::new(old), Arc::new(new));
    let start = at("2026-03-02T10:00:00+01:00");
    pollster::block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let (clock, mailer) = (VirtualClock::at(start), MemoryMailer::default());
        let engine = |playbooks: &[&Arc<Playbook>]| {
            let mut builder = Engine::builder_on(store.clone())
                .clock(clock.clone())
                .mailer("email", mailer.clone())
                .seed(0);
            for playbook in playbooks {
                builder = builder.playbook("shop", (*playbook).clone());
            }
            builder.build().expect("an engine")
        };
        let before = engine(&[&old]);
        let luis = NewLead::new("Luis").email("luis@example.com");
        let lead = before.tenant("shop").register(luis).await.expect("a lead");
        let ten_days = start + Elapsed::days(10);
        before
            .live_until(&clock, ten_days, |_, _| {})
            .await
            .expect("time");
        drop(before);

        let after = engine(&[&old, &new]);
        after
            .tenant("shop")
            .adopt(Vec::new())
            .await
            .expect("adopted");
        let mut messages = Vec::new();
        for day in 10..30 {
            let until = start + Elapsed::days(day);
            after
                .live_until(&clock, until, |_, _| {})
                .await
                .expect("time");
            after.tick().await.expect("a tick");
            messages.push(mailer.mailbox("luis@example.com").len());
        }
        let lead = after.tenant("shop").lead(lead.id).await.expect("a store");
        assert_eq!(lead.expect("the lead").playbook, new.hash);
        messages
    })
}

/// Several peers: an automation that is published again sends its whole backlog at once.
#[test]
fn a_changed_playbook_sends_no_backlog_unless_it_says_so() {
    let skipped = messages_after_adoption("");
    assert_eq!(skipped[..10], [0; 10]);
    assert_eq!(skipped[10..], [1; 10], "what is still ahead comes");

    let fired = messages_after_adoption(r#"late-start = "fire""#);
    assert_eq!(fired[..10], [1; 10]);
    assert_eq!(fired[10..], [2; 10]);

    let spread = messages_after_adoption(r#"late-start = "6 days""#);
    assert_eq!(spread[0], 0, "not at once");
    assert_eq!(spread[6], 1, "within six days");
    assert_eq!(spread[19], 2);
}
