//! The mistakes of peers.

use super::*;

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
            world.set_up(agent, desk()).await.expect("an agent");
            for n in 0..10 {
                let past = NewLead::new(format!("Past {n}"))
                    .owner(id)
                    .field("city", "past");
                let lead = world
                    .tenant()
                    .register(past)
                    .by(desk())
                    .await
                    .expect("a lead");
                if n < won {
                    world
                        .tenant()
                        .move_to(lead.id, "won")
                        .by(desk())
                        .await
                        .expect("won");
                }
            }
        }
        if left {
            let gone = AgentSetup::new("senior").available(false);
            world.set_up(gone, desk()).await.expect("an agent");
        }
        let mut leads = Vec::new();
        for n in 0..30 {
            let new = NewLead::new(format!("Lead {n}"));
            leads.push(
                world
                    .tenant()
                    .register(new)
                    .by(desk())
                    .await
                    .expect("a lead"),
            );
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
