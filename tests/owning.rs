//! Who can own leads: agents of a role that `owns = false` are given none, whatever the way
//! (requirements M2, M5).

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use std::sync::Arc;

use leadkit::clock::VirtualClock;
use leadkit::decide::command::{Actor, AgentSetup, Leaving, NewLead};
use leadkit::engine::{Engine, Error};
use leadkit::ids::LeadId;
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::scenario::World;
use leadkit::store::MemoryStore;
use pollster::block_on;
use shop::{at, folder, play, read};

/// Scouts bring leads and own none. What is new for a day goes to somebody else.
const RULES: &str = r#"
[role.scout]
may  = ["*"]
owns = false

[role.boss]
may = ["*"]

[pool.everybody]
members = 'role != "boss"'
choose  = "evenly"

[pool.scouts]
members = 'role == "scout"'

[pipeline.care]
start = "sold"

[pipeline.care.stage]
sold = { to = { told = [] } }
told = { assign = "everybody", to = { sold = [] } }

[[route]]
if     = 'city == "Nowhere"'
to     = "sales.new"
assign = "scouts"

[[route]]
if = 'city == "Care"'
to = "care.sold"

[[route]]
to     = "sales.new"
assign = "everybody"

[[rule]]
name     = "new-for-a-day"
on       = "entered"
after    = "1 day"
pipeline = "sales"
do       = [{ assign = "everybody", then = { notify = "boss", template = "hello" } }]
"#;

const PEOPLE: &str = r#"
[[agent]]
id    = "max"
name  = "Max"
email = "max@example.com"
role  = "boss"

[[agent]]
id    = "sam"
name  = "Sam"
email = "sam@example.com"
role  = "scout"
"#;

fn play_shop(scenario: &str) {
    let start = "[[scenario]]\nname = \"owning\"\nstart = \"2026-03-02T10:00:00+01:00\"\n";
    play(RULES, &format!("{PEOPLE}{start}{scenario}"));
}

#[test]
fn nobody_gives_a_lead_by_name_to_an_agent_whose_role_owns_none() {
    play_shop(
        r#"
[[scenario.step]]
register = { ref = "one", name = "One", owner = "sam" }
expect   = { refused = ["owns-no-leads"], refusal-says = "sam is of the role scout, which owns no leads" }

[[scenario.step]]
register = { ref = "own", name = "Own", owner = "sam", by = "sam" }
expect   = { refused = ["owns-no-leads"] }

[[scenario.step]]
register = { ref = "two", name = "Two", owner = "ana", by = "sam" }
expect   = { owner = "ana" }

[[scenario.step]]
reassign = { to = "sam" }
expect   = { owner = "ana", refused = ["owns-no-leads"] }
"#,
    );
}

#[test]
fn a_pool_passes_its_members_over_whose_role_owns_no_leads_and_says_so() {
    play_shop(
        r#"
[[scenario.step]]
register = { ref = "one", name = "One" }
expect   = { owner = "ana", ranked = ["ana"], passed-over = { sam = "owns-no-leads" }, history = "sam is of a role that owns no leads" }

[[scenario.step]]
register = { ref = "brought", name = "Brought", by = "sam" }
expect   = { owner = "ana", ranked = ["ana"] }

[[scenario.step]]
register = { ref = "nobodys", name = "Nobody's", city = "Nowhere" }
expect   = { no-owner = true, history = "sam is of a role that owns no leads" }

[[scenario.step]]
assign = { pool = "scouts" }
expect = { no-owner = true, refused = ["nobody-eligible"] }

[[scenario.step]]
register = { ref = "care", name = "Care", city = "Care", owner = "max" }

[[scenario.step]]
move   = { to = "told" }
expect = { owner = "ana", passed-over = { sam = "owns-no-leads" } }
"#,
    );
}

#[test]
fn a_rule_gives_no_lead_to_an_agent_whose_role_owns_none() {
    play_shop(
        r#"
[[scenario.step]]
register = { ref = "one", name = "One", owner = "ana" }

[[scenario.step]]
at     = "2026-03-03T10:00:00+01:00"
expect = { owner = "ana", notified = ["boss"], history = "sam is of a role that owns no leads" }
"#,
    );
}

#[test]
fn an_heir_whose_role_owns_no_leads_is_refused_when_the_leaving_is_asked_for() {
    play_shop(
        r#"
[[scenario.step]]
register = { ref = "one", name = "One", owner = "ana" }

[[scenario.step]]
leave  = { agent = "ana", to = "sam", in = { care = "sam" }, else = "sam" }
expect = { owner = "ana", refused = ["to", "care", "else"], refusal-says = "an agent of another role: scout owns no leads" }

[[scenario.step]]
leave  = { agent = "ana", to = "everybody", else = "max" }
expect = { owner = "max", history = "sam is of a role that owns no leads" }
"#,
    );
}

fn agent(id: &str, role: &str) -> AgentSetup {
    let email = format!("{id}@example.com");
    AgentSetup::new(id).name(id).email(email).role(role)
}

fn host() -> Actor {
    Actor::host("test")
}

#[test]
fn an_heir_who_comes_to_such_a_role_before_the_lead_does_is_passed_over() {
    block_on(async {
        let (playbook, store) = (read(&folder(RULES, "")), Arc::new(MemoryStore::default()));
        let start = at("2026-03-02T10:00:00+01:00");
        let mut world = World::new(playbook, store, start).unwrap();
        for (id, role) in [("ana", "seller"), ("bea", "seller"), ("max", "boss")] {
            world.set_up(agent(id, role), host()).await.unwrap();
        }
        let tenant = world.tenant();
        let registered = tenant.register(NewLead::new("One").owner("ana"));
        let lead = registered.by(host()).await.unwrap().id;
        let leaving = Leaving::new("ana", "bea").or_else("max");
        tenant.leave(leaving).by(host()).await.unwrap();
        let bea = AgentSetup::new("bea").role("scout");
        tenant.set_up(bea).by(host()).await.unwrap();
        world.tick().await.unwrap();

        let lead = world.tenant().lead(lead).await.unwrap().unwrap();
        assert_eq!(lead.owner_id(), Some(&"max".into()));
    });
}

/// An engine on a store that knows this playbook, and the former one.
fn engine(store: &Arc<MemoryStore>, playbooks: &[&Arc<Playbook>]) -> Engine {
    let clock = VirtualClock::at(at("2026-03-02T10:00:00+01:00"));
    let builder = Engine::builder_on(store.clone()).clock(clock);
    let mut builder = builder.mailer("email", MemoryMailer::default());
    for playbook in playbooks {
        builder = builder.playbook("shop", (*playbook).clone());
    }
    builder.build().unwrap()
}

async fn owner(engine: &Engine, lead: LeadId) -> Option<String> {
    let lead = engine.tenant("shop").lead(lead).await.unwrap().unwrap();
    lead.owner_id().map(|owner| owner.as_str().to_owned())
}

#[test]
fn who_owns_leads_keeps_them_when_the_role_owns_none_any_more_and_gets_no_new_one() {
    let owning = RULES.replace("owns = false", "");
    let before = Arc::new(read(&folder(&owning, "")));
    let after = Arc::new(read(&folder(RULES, "")));
    let store = Arc::new(MemoryStore::default());
    block_on(async {
        let former = engine(&store, &[&before]);
        let tenant = former.tenant("shop");
        for (id, role) in [("ana", "seller"), ("sam", "scout")] {
            tenant.set_up(agent(id, role)).by(host()).await.unwrap();
        }
        let new = NewLead::new("One").owner("sam");
        let kept = tenant.register(new).by(host()).await.unwrap().id;

        let engine = engine(&store, &[&before, &after]);
        let tenant = engine.tenant("shop");
        tenant.adopt(Vec::new()).by(host()).await.unwrap();
        engine.tick().await.unwrap();
        assert_eq!(owner(&engine, kept).await.as_deref(), Some("sam"));

        let new = NewLead::new("Two").owner("sam");
        let refused = tenant.register(new).by(host()).await.unwrap_err();
        assert!(matches!(&refused, Error::Refused(why) if why.code() == "owns-no-leads"));
        for _ in 0..3 {
            let chosen = tenant.register(NewLead::new("Three")).by(host());
            let chosen = chosen.await.unwrap().id;
            assert_eq!(owner(&engine, chosen).await.as_deref(), Some("ana"));
        }
    });
}
