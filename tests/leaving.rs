//! An agent leaves: what becomes of the leads, their tasks and messages, and of the agent
//! (requirement Z4: nothing goes to people who have left).

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use std::sync::Arc;

use leadkit::decide::command::{Actor, AgentSetup, Leaving, NewLead};
use leadkit::engine::Error;
use leadkit::ids::AgentId;
use leadkit::scenario::World;
use leadkit::store::{MemoryStore, Order as By};
use pollster::block_on;
use shop::{at, folder, play, read};

/// A shop where advisors sell and somebody cares for what was sold; a boss takes what is left over.
const RULES: &str = r#"
[role.advisor]
may = ["register", "attempt", "move", "complete"]

[role.boss]
may = ["*"]

[pool.digital]
members  = 'role == "seller"'
choose   = "evenly"
capacity = 2

[pool.bosses]
members = 'role == "boss"'

[base.sales]
pipelines = ["sales"]
unique    = ["owner", "contact.email"]

[pipeline.care]
start = "sold"

[pipeline.care.stage]
sold = { to = { done = [] } }
done = { final = "won", to = ["sold"] }

[[route]]
if = 'city == "Care"'
to = "care.sold"

[[route]]
to     = "sales.new"
assign = "digital"

[sla.first-call]
on     = "assigned"
within = "2 business hours"
done   = 'stage == "talking" or stage == "sold"'
task   = "Call"

[[rule]]
name     = "greet"
on       = "registered"
after    = "1 day"
pipeline = "sales"
do       = [{ send = "hello", class = "alert" }, { task = "call" }]

[[rule]]
name = "somebody-must"
when = 'owner is missing and open'
do   = [{ notify = "boss", template = "hello" }]
"#;

const PEOPLE: &str = r#"
[[agent]]
id    = "bea"
name  = "Bea"
email = "bea@example.com"
role  = "seller"

[[agent]]
id    = "max"
name  = "Max"
email = "max@example.com"
role  = "boss"
"#;

fn play_shop(scenarios: &str) {
    play(RULES, &format!("{PEOPLE}{scenarios}"));
}

#[test]
fn leads_go_to_the_heirs_of_their_pipeline_and_what_is_too_much_falls_to_another() {
    play_shop(
        r#"
[[scenario]]
name  = "a leaver's leads"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "known", name = "Known", email = "known@example.com", owner = "ana" }

[[scenario.step]]
at       = "2026-03-02T10:00:01+01:00"
register = { ref = "one", name = "One", email = "one@example.com", owner = "ana" }
expect   = { owner = "ana", tasks = ["first-call"] }

[[scenario.step]]
at       = "2026-03-02T10:00:02+01:00"
register = { ref = "two", name = "Two", email = "two@example.com", owner = "ana" }

[[scenario.step]]
register = { ref = "knows", name = "Known", email = "known@example.com", owner = "bea" }

[[scenario.step]]
register = { ref = "care", name = "Care", city = "Care", owner = "ana" }

[[scenario.step]]
register = { ref = "lost", name = "Lost", email = "lost@example.com", owner = "ana" }

[[scenario.step]]
close  = { as = "lost" }
expect = { open = false, owner = "ana" }

[[scenario.step]]
at     = "2026-03-02T10:30:00+01:00"
leave  = { agent = "ana", to = "digital", in = { care = "max" }, else = "bosses", by = "max" }
expect = { count = { 'owner == "ana"' = 1, 'owner == "bea"' = 2, 'owner == "max"' = 3 } }

[[scenario.step]]
lead   = "one"
expect = { owner = "bea", earlier-owners = ["ana"], tasks = ["first-call"], due = "2026-03-02T12:30:00+01:00" }

[[scenario.step]]
lead   = "known"
expect = { owner = "max", history = "bea holds the contact already" }

[[scenario.step]]
lead   = "two"
expect = { owner = "max", history = "bea is full" }

[[scenario.step]]
lead   = "care"
expect = { owner = "max", history = "sweep:leave" }

[[scenario.step]]
lead   = "lost"
reopen = { to = "new" }
expect = { no-owner = true, earlier-owners = ["ana"], notified = ["boss"], history = "nobody's now" }
"#,
    );
}

/// A customer who is renewed each year is somebody's, and what is done with is moved about no more.
#[test]
fn a_closed_lead_for_which_something_is_to_come_is_handed_over_too() {
    let renewal = r#"
[[rule]]
name  = "renew"
stage = "care.done"
on    = "entered"
after = "300 days"
do    = [{ task = "renew" }]

[task.renew]
text          = "Renew"
outlives-lead = true

[[rule]]
name  = "complaint"
stage = "lost"
when  = 'city == "Complaint"'
do    = [{ task = "renew" }]
"#;
    play(
        &format!("{RULES}{renewal}"),
        &format!(
            r#"{PEOPLE}
[[scenario]]
name  = "a customer and a lost lead"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = {{ ref = "lost", name = "Lost", owner = "ana" }}

[[scenario.step]]
close = {{ as = "lost" }}

[[scenario.step]]
register = {{ ref = "care", name = "Care", city = "Care", owner = "ana" }}

[[scenario.step]]
close = {{ as = "done" }}

[[scenario.step]]
leave  = {{ agent = "ana", to = "digital", in = {{ care = "max" }}, by = "max" }}
expect = {{ count = {{ 'owner == "ana"' = 1, 'owner == "max"' = 1 }} }}

[[scenario.step]]
at     = "2027-01-15T10:00:00+01:00"
lead   = "care"
expect = {{ owner = "max", tasks = ["renew"], task-for = {{ renew = "owner" }} }}

[[scenario.step]]                           # what comes up later is nobody's, and not who left
lead   = "lost"
set    = {{ city = "Complaint", by = "max" }}
expect = {{ no-owner = true, tasks = ["renew"] }}
"#
        ),
    );
}

/// What an earlier owner has to do on a closed lead of somebody else, or nobody has as there is none.
const LATER: &str = r#"
[task.look-after]
text          = "Look after it"
for           = "earlier-owner"
outlives-lead = true

[[rule]]
name  = "complaint"
stage = "lost"
when  = 'city == "Complaint"'
do    = [{ task = "look-after" }]
"#;

#[test]
fn a_closed_lead_on_which_another_leaver_had_a_task_is_handed_over_with_it() {
    play(
        &format!("{RULES}{LATER}"),
        &format!(
            r#"{PEOPLE}
[[scenario]]
name  = "both leave"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = {{ ref = "lost", name = "Lost", owner = "bea" }}

[[scenario.step]]
reassign = {{ to = "ana" }}

[[scenario.step]]
close = {{ as = "lost" }}

[[scenario.step]]
set    = {{ city = "Complaint", by = "max" }}
expect = {{ owner = "ana", task-for = {{ look-after = "bea" }} }}

[[scenario.step]]
leave  = {{ agent = "bea", to = "bosses", by = "max" }}
expect = {{ owner = "ana", tasks = ["look-after"] }}

[[scenario.step]]
leave  = {{ agent = "ana", to = "bosses", by = "max" }}
expect = {{ owner = "max", tasks = ["look-after"] }}
"#
        ),
    );
}

#[test]
fn a_task_that_falls_back_on_an_owner_who_left_is_on_a_lead_that_is_nobodys() {
    play(
        &format!("{RULES}{LATER}"),
        &format!(
            r#"{PEOPLE}
[[scenario]]
name  = "nobody had it before"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = {{ ref = "lost", name = "Lost", owner = "ana" }}

[[scenario.step]]
close = {{ as = "lost" }}

[[scenario.step]]
leave  = {{ agent = "ana", to = "bosses", by = "max" }}
expect = {{ owner = "ana" }}

[[scenario.step]]
set    = {{ city = "Complaint", by = "max" }}
expect = {{ no-owner = true, task-for = {{ look-after = "owner" }} }}
"#
        ),
    );
}

#[test]
fn an_heir_who_is_full_away_or_unavailable_is_passed_over_and_that_is_told() {
    for (heir, why) in [
        ("capacity = 1", "bea is full"),
        ("available = false", "bea is unavailable"),
        (
            "absences = [{ from = \"2026-03-02T09:00:00+01:00\", until = \"2026-03-03T09:00:00+01:00\" }]",
            "bea is away",
        ),
        ("capacity = 2", "bea holds the contact already"),
    ] {
        play_shop(&format!(
            r#"
[[scenario]]
name  = "an heir"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = {{ ref = "one", name = "One", email = "one@example.com", owner = "ana" }}

[[scenario.step]]
register = {{ ref = "same", name = "One", email = "one@example.com", owner = "bea" }}

[[scenario.step]]
set-up = {{ id = "bea", {heir} }}

[[scenario.step]]
leave = {{ agent = "ana", to = "bea", else = "max", by = "max" }}

[[scenario.step]]
lead   = "one"
expect = {{ owner = "max", history = "{why}" }}
"#
        ));
    }
}

#[test]
fn an_heir_without_a_number_of_its_own_takes_what_its_pools_allow() {
    let rules = RULES.replace(
        "members = 'role == \"boss\"'",
        "members = 'role in [\"boss\", \"seller\"]'\ncapacity = 1",
    );
    let scenario = r#"
[[scenario]]
name  = "three leads, and room for two"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "one", name = "One", owner = "ana" }

[[scenario.step]]
at       = "2026-03-02T10:00:01+01:00"
register = { ref = "two", name = "Two", owner = "ana" }

[[scenario.step]]
at       = "2026-03-02T10:00:02+01:00"
register = { ref = "three", name = "Three", owner = "ana" }

[[scenario.step]]
leave  = { agent = "ana", to = "bea", by = "max" }
expect = { count = { 'owner == "bea"' = 2, 'owner is missing' = 1 } }

[[scenario.step]]
lead   = "three"
expect = { no-owner = true, history = "bea is full" }
"#;
    play(&rules, &format!("{PEOPLE}{scenario}"));
}

#[test]
fn what_nobody_can_take_is_nobodys_and_the_playbook_says_what_then() {
    play_shop(
        r#"
[[scenario]]
name  = "no heir"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
set-up = { id = "bea", available = false, capacity = 0 }

[[scenario.step]]
register = { ref = "one", name = "One", email = "one@example.com", owner = "ana" }

[[scenario.step]]
leave  = { agent = "ana", to = "digital" }
expect = { no-owner = true, earlier-owners = ["ana"], tasks = [], notified = ["boss"], history = "ana left, and nobody could take it" }

[[scenario.step]]
at     = "2026-03-03T10:00:00+01:00"
expect = { tasks = ["call"], mailed = ["hello"], mailed-as = "shop@example.com" }

[[scenario.step]]
assign = { pool = "bosses" }
expect = { owner = "max" }
"#,
    );
}

#[test]
fn who_left_gets_nothing_and_may_do_nothing_until_set_up_again() {
    play_shop(
        r#"
[[scenario]]
name  = "gone and back"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "one", name = "One", email = "one@example.com", owner = "bea" }

[[scenario.step]]
leave = { agent = "ana", to = "digital" }

[[scenario.step]]
leave  = { agent = "ana", to = "digital" }
expect = { refused = ["has-left"], refusal-says = "ana has left; set up again" }

[[scenario.step]]
lead   = "one"
tried  = { by = "ana" }
expect = { refused = ["has-left"] }

[[scenario.step]]
tried  = { by = "import:ana", happened-at = "2026-03-02T10:00:00+01:00" }
expect = { refused = ["has-left"] }

[[scenario.step]]
reassign = { to = "ana" }
expect   = { refused = ["has-left"], owner = "bea" }

[[scenario.step]]
register = { ref = "two", name = "Two", owner = "ana" }
expect   = { refused = ["has-left"] }

[[scenario.step]]
register = { ref = "three", name = "Three", email = "three@example.com" }
expect   = { owner = "bea", ranked = ["bea"] }

[[scenario.step]]
set-up = { id = "ana" }

[[scenario.step]]
register = { ref = "four", name = "Four", email = "four@example.com" }
expect   = { owner = "ana" }

[[scenario.step]]
tried = { by = "ana" }
"#,
    );
}

#[test]
fn what_an_import_tells_was_done_before_the_agent_left() {
    play_shop(
        r#"
[[scenario]]
name  = "told late"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "one", name = "One", email = "one@example.com", owner = "bea" }

[[scenario.step]]
at    = "2026-03-02T12:00:00+01:00"
leave = { agent = "ana", to = "digital" }

[[scenario.step]]
lead   = "one"
tried  = { by = "import:ana", happened-at = "2026-03-02T11:00:00+01:00" }
expect = { history = "contact tried" }

[[scenario.step]]
register = { ref = "two", name = "Two", email = "two@example.com", by = "import:ana", happened-at = "2026-03-02T11:00:00+01:00" }
expect   = { owner = "bea" }
"#,
    );
}

#[test]
fn heirs_that_there_are_not_are_told_all_at_once() {
    play_shop(
        r#"
[[scenario]]
name  = "wrong heirs"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "one", name = "One", email = "one@example.com", owner = "ana" }

[[scenario.step]]
leave  = { agent = "ana", to = "digitl", in = { care = "ana", sale = "bea" }, else = "nobody" }
expect = { owner = "ana", refused = ["to", "care", "sale", "else"], refusal-says = "did you mean `digital`?" }

[[scenario.step]]
leave  = { agent = "anna", to = "digital" }
expect = { refused = ["no-such-agent"] }

[[scenario.step]]
leave  = { agent = "ana", to = "digital", by = "bea" }
expect = { owner = "bea" }
"#,
    );
}

#[test]
fn messages_in_the_name_of_who_left_go_on_under_the_new_owner_or_are_dropped() {
    let rules = r#"
[cap]
messages = 1
within   = "1 day"

[[rule]]
name = "news"
on   = "registered"
do   = [{ send = "hello" }, { send = "hello" }, { send = "hello", on-owner-change = "drop" }]
"#;
    let scenario = r#"
[[scenario]]
name  = "messages on their way"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "one", name = "One", email = "one@example.com", city = "Care", owner = "ana" }
expect   = { mailed = ["hello"], mailed-as = "ana@example.com" }

[[scenario.step]]
leave  = { agent = "ana", to = "digital" }
expect = { owner = "bea" }

[[scenario.step]]
at     = "2026-03-03T10:00:00+01:00"
expect = { mailed = ["hello"], mailed-as = "bea@example.com" }

[[scenario.step]]
at     = "2026-03-04T10:00:00+01:00"
expect = { mailed = [], dropped = { hello = "owner-changed" } }
"#;
    play(&format!("{RULES}{rules}"), &format!("{PEOPLE}{scenario}"));
}

/// Leads of a leaver, more than a sweep reaches at once.
async fn leaver_with(leads: usize) -> World {
    let store = Arc::new(MemoryStore::default());
    let rules = RULES.replace("capacity = 2", "capacity = 1000");
    let playbook = read(&folder(&rules, ""));
    let start = at("2026-03-02T10:00:00+01:00");
    let mut world = World::new(playbook, store, start).unwrap();
    for id in ["ana", "bea", "cleo"] {
        let email = format!("{id}@example.com");
        let agent = AgentSetup::new(id).name(id).email(email).role("seller");
        world.set_up(agent, Actor::host("test")).await.unwrap();
    }
    for n in 0..leads {
        let new = NewLead::new("Somebody").email(format!("n{n}@example.com"));
        let lead = world.tenant().register(new.owner("ana"));
        lead.by(Actor::host("test")).await.unwrap();
    }
    world
}

async fn owned_by(world: &World, agent: &str) -> usize {
    let filter = format!("owner == \"{agent}\"");
    let page = world.tenant().leads(&filter, By::Id, None, 10_000).await;
    page.unwrap().whole().unwrap().len()
}

#[test]
fn a_leavers_many_leads_are_handed_over_page_by_page_in_even_shares() {
    block_on(async {
        let world = leaver_with(450).await;
        let leaving = Leaving::new("ana", "digital");
        let answer = world.tenant().leave(leaving).by(Actor::host("test")).await;
        assert!(answer.unwrap().sweep.is_some());
        // Nobody gets anything of the leaver's any more, whether or not the sweep has come by.
        let given = world.tenant().register(NewLead::new("New").owner("ana"));
        let refused = given.by(Actor::host("test")).await.unwrap_err();
        assert!(matches!(refused, Error::Refused(_)), "{refused}");
        world.tick().await.unwrap();
        assert_eq!(owned_by(&world, "ana").await, 0);
        assert_eq!(owned_by(&world, "bea").await, 225);
        assert_eq!(owned_by(&world, "cleo").await, 225);
        let gone = world.tenant().agent(&AgentId::from("ana")).await.unwrap();
        assert!(gone.unwrap().left_at.is_some());
    });
}

#[test]
fn a_message_in_the_name_of_who_left_waits_a_day_for_an_heir() {
    block_on(async {
        let world = leaver_with(1).await;
        world
            .advance_to(at("2026-03-03T09:30:00+01:00"))
            .await
            .unwrap();
        let leaving = world.tenant().leave(Leaving::new("ana", "digital"));
        let sweep = leaving.by(Actor::host("test")).await.unwrap().sweep;
        let cancelled = world.tenant().cancel_sweep(sweep.unwrap());
        cancelled.by(Actor::host("test")).await.unwrap();
        for (until, state) in [
            ("2026-03-03T12:00:00+01:00", "queued"),
            ("2026-03-04T09:31:00+01:00", "accepted"),
        ] {
            world.advance_to(at(until)).await.unwrap();
            let page = world.tenant().messages("", None, 10).await;
            let messages = page.unwrap().whole().unwrap();
            assert_eq!(messages[0].state.as_str(), state, "{until}");
        }
        assert_eq!(owned_by(&world, "ana").await, 1);
    });
}

#[test]
fn leads_that_a_sweep_has_not_reached_stay_with_an_agent_who_is_back() {
    block_on(async {
        let mut world = leaver_with(3).await;
        let leaving = Leaving::new("ana", "digital");
        let asked = world.tenant().leave(leaving).by(Actor::host("test"));
        asked.await.unwrap();
        world
            .set_up(AgentSetup::new("ana"), Actor::host("test"))
            .await
            .unwrap();
        world.tick().await.unwrap();
        assert_eq!(owned_by(&world, "ana").await, 3);
    });
}
