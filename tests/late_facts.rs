//! Late facts: what is told after it happened undoes nothing that came since, and what contradicts itself
//! is kept and flagged.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use leadkit::clock::VirtualClock;
use leadkit::decide::command::{Actor, AgentSetup, NewLead};
use leadkit::engine::Engine;
use leadkit::store::MemoryStore;
use leadkit::time::Elapsed;
use pollster::block_on;
use shop::{at, folder, play, read};

#[test]
fn what_is_reported_late_moves_no_lead_that_was_moved_since_and_takes_it_from_no_newer_owner() {
    play(
        "",
        r#"
[[agent]]
id    = "jon"
name  = "Jon"
email = "jon@example.com"
role  = "seller"

[[agent]]
id    = "cleo"
name  = "Cleo"
email = "cleo@example.com"
role  = "seller"

[[scenario]]
name  = "a late move and a late reassignment"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", owner = "ana" }

[[scenario.step]]
at   = "2026-03-04T10:00:00+01:00"
move = { to = "talking" }

[[scenario.step]]
reassign = { to = "cleo" }

[[scenario.step]]                           # of Tuesday, told on Thursday: on Wednesday it went on
at     = "2026-03-05T10:00:00+01:00"
move   = { to = "new", happened-at = "2026-03-03T10:00:00+01:00" }
expect = { refused = ["overtaken"], refusal-says = "talking", stage = "talking" }

[[scenario.step]]
close  = { as = "lost", happened-at = "2026-03-03T10:00:00+01:00" }
expect = { refused = ["overtaken"], open = true }

[[scenario.step]]
reassign = { to = "jon", happened-at = "2026-03-03T10:00:00+01:00" }
expect   = { refused = ["overtaken"], refusal-says = "cleo", owner = "cleo" }

[[scenario.step]]                           # what came after Wednesday is news
move   = { to = "new", happened-at = "2026-03-04T18:00:00+01:00" }
expect = { stage = "new" }

[[scenario.step]]
reassign = { to = "jon", happened-at = "2026-03-04T18:00:00+01:00" }
expect   = { owner = "jon" }
"#,
    );
}

/// What happens now is not late, whatever the clock said before.
#[test]
fn a_clock_that_jumps_back_makes_nothing_late() {
    block_on(async {
        let clock = VirtualClock::at(at("2026-03-02T10:00:00+01:00"));
        let engine = Engine::builder(MemoryStore::default())
            .playbook("shop", read(&folder("", "")))
            .clock(clock.clone())
            .seed(1)
            .build()
            .unwrap();
        let shop = engine.tenant("shop");
        for id in ["ana", "bea"] {
            let email = format!("{id}@example.com");
            let agent = AgentSetup::new(id).name(id).email(email).role("seller");
            shop.set_up(agent).by(Actor::host("test")).await.unwrap();
        }
        let new = NewLead::new("Luis").owner("ana");
        let lead = shop.register(new).by(Actor::host("test")).await.unwrap().id;
        clock.advance(Elapsed::hours(2));
        shop.move_to(lead, "talking")
            .by(Actor::host("test"))
            .await
            .unwrap();
        shop.reassign(lead, "bea")
            .by(Actor::host("test"))
            .await
            .unwrap();
        clock.set(at("2026-03-02T11:00:00+01:00"));
        shop.move_to(lead, "new")
            .by(Actor::host("test"))
            .await
            .unwrap();
        shop.reassign(lead, "ana")
            .by(Actor::host("test"))
            .await
            .unwrap();
    });
}

/// The one deal that was won before its first contact: a history that contradicts itself is kept
/// and flagged, and nothing of it is refused.
#[test]
fn what_happened_before_the_registration_is_kept_and_flagged() {
    play(
        "",
        r#"
[[scenario]]
name  = "lost before it was taken in"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", owner = "ana" }

[[scenario.step]]
move   = { to = "talking", happened-at = "2026-02-28T10:00:00+01:00" }
expect = { stage = "talking" }

[[scenario.step]]
close  = { as = "lost", happened-at = "2026-02-28T10:00:00+01:00" }
expect = { open = false, history = "flagged: closed before it was registered" }
"#,
    );
}

/// An answer of Monday, told on Thursday, of a lead that came to its stage on Wednesday.
#[test]
fn a_condition_that_comes_true_late_counts_from_the_stage_and_not_from_before_it() {
    play(
        r#"
[[rule]]
name  = "go-on"
stage = "talking"
when  = 'answered'
after = "3 days"
do    = [{ task = "call" }]
"#,
        r#"
[[scenario]]
name  = "an answer is told late"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com" }

[[scenario.step]]
at   = "2026-03-04T10:00:00+01:00"
move = { to = "talking" }

[[scenario.step]]
at       = "2026-03-05T10:00:00+01:00"
answered = { happened-at = "2026-03-02T12:00:00+01:00" }
expect   = { next-at = "2026-03-07T10:00:00+01:00" }
"#,
    );
}

/// What is told on Friday of Monday is no reason why something was so on Monday that time made so on Wednesday.
#[test]
fn what_is_told_late_does_not_date_back_a_condition_that_it_did_not_turn() {
    block_on(async {
        let rules = r#"
[[rule]]
name  = "quiet"
when  = 'registered_at < now - 2d'
after = "5 days"
do    = [{ task = "call" }]
"#;
        let clock = VirtualClock::at(at("2026-03-02T10:00:00+01:00"));
        let engine = Engine::builder(MemoryStore::default())
            .playbook("shop", read(&folder(rules, "")))
            .clock(clock.clone())
            .seed(1)
            .build()
            .unwrap();
        let shop = engine.tenant("shop");
        let test = || Actor::host("test");
        let lead = shop
            .register(NewLead::new("Luis"))
            .by(test())
            .await
            .unwrap()
            .id;
        // Nobody woke the lead on Wednesday: the process was down.
        let told_at = at("2026-03-06T10:00:00+01:00");
        clock.set(told_at);
        let answered = shop.answered(lead).by(test());
        answered
            .happened_at(at("2026-03-02T12:00:00+01:00"))
            .await
            .unwrap();
        let lead = shop.lead(lead).await.unwrap().unwrap();
        let [(_, since)] = lead.since.as_slice() else {
            panic!("{:?}", lead.since);
        };
        assert_eq!(since.at, told_at);
    });
}

/// A contract that was signed on Friday and is told on Monday is invoiced; but nobody hears on Monday what
/// was to be said on Friday.
#[test]
fn what_is_to_be_done_at_once_is_done_when_it_is_told_and_contacts_are_not_written_to_late() {
    play(
        r#"
[[rule]]
name = "at-once"
on   = "answered"
do   = [{ set = "birthday", to = "answered_at + 1 month" }, { task = "ask" }]

[[rule]]
name = "writes"
on   = "answered"
do   = [{ send = "hello" }]

[[rule]]
name  = "an-hour-later"
on    = "answered"
after = "1 hour"
do    = [{ task = "thank" }]

[[rule]]
name = "of-a-date"
on   = "field delivery"
do   = [{ task = "thank" }]

[task.ask]
text = "Ask"

[task.thank]
text = "Thank"
"#,
        r#"
[[scenario]]
name  = "an answer of Friday is told on Monday"
start = "2026-03-06T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", owner = "ana" }

[[scenario.step]]
at       = "2026-03-09T10:00:00+01:00"
answered = { happened-at = "2026-03-06T16:00:00+01:00" }
expect   = { tasks = ["ask"], mailed = [], fields = { birthday = 2026-04-06 } }

[[scenario.step]]
set    = { delivery = 2026-03-01T10:00:00+01:00 }
expect = { tasks = ["ask"] }
"#,
    );
}
