//! Hand-overs: a lead goes from team to team with its history, and which times go on is the playbook's.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use leadkit::clock::VirtualClock;
use leadkit::decide::command::{Actor, AgentSetup, NewLead};
use leadkit::engine::Engine;
use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::store::MemoryStore;
use pollster::block_on;
use shop::PREMISES;

/// A dealership: the call centre qualifies, and online sales sell, one lead each.
const TEAMS: &str = r#"
[team.call-centre]
[team.online-sales]

[role.seller]
may = ["*"]

[field]
temperature = { type = "choice", of = ["hot", "warm", "cold"] }

[pool.callers]
members  = 'team == "call-centre"'
choose   = "evenly"
capacity = 100

[pool.online]
members  = 'team == "online-sales"'
choose   = "evenly"
capacity = 1

[[route]]
to     = "sales.qualification"
assign = "callers"

[pipeline.sales]
start = "qualification"

[pipeline.sales.stage]
qualification = { to = ["online", "lost"], assign = "callers" }
online        = { to = ["qualification", "nurturing", "lost"], assign = "online" }
nurturing     = { to = ["online"] }
lost          = { final = "lost", to = [] }

[[rule]]
name   = "qualified"
when   = 'temperature == "hot"'
do     = [{ move = "online" }]

[[rule]]
name = "handed-over"
on   = "team"
if   = 'earlier_owner.team == "call-centre"'
do   = [{ task = "accept" }]

[task.accept]
text = "Is {{ contact.name }} qualified?"
done = 'owner.team != "online-sales"'

[task.accept.choices]
yes = { label = "Yes", do = [] }
no  = { label = "Back to qualification", do = [{ move = "qualification" }] }

[[rule]]
name = "overflow"
on   = "entered online"
if   = 'owner.team != "online-sales"'
do   = [{ assign = "online", then = { move = "nurturing" } }]

[task.speak]
text = "Speak with {{ contact.name }}"

[[rule]]
name  = "each-owner"
on    = "assigned"
after = "3 days"
do    = [{ task = "speak" }]

[[rule]]
name  = "each-team"
on    = "team"
after = "5 days"
do    = [{ task = "speak" }]

[[rule]]
name  = "whole-life"
on    = "registered"
after = "9 days"
do    = [{ task = "speak" }]
"#;

/// Levels that begin anew with each team, and with each touch.
const LEVELS: &str = r#"
[sla.team-speaks]
on     = "team"
within = "6 days"
done   = 'stage == "lost"'
task   = "Speak"
late   = [{ task = "speak" }]

[sla.owner-touches]
on     = "touched"
within = "6 days"
done   = 'stage == "lost"'
task   = "Touch"
late   = [{ task = "speak" }]
"#;

const PEOPLE: &str = r#"
[[agent]]
id    = "cora"
name  = "Cora"
email = "cora@example.com"
role  = "seller"
team  = "call-centre"

[[agent]]
id    = "otto"
name  = "Otto"
email = "otto@example.com"
role  = "seller"
team  = "online-sales"
"#;

const OLGA: &str = r#"
[[agent]]
id    = "olga"
name  = "Olga"
email = "olga@example.com"
role  = "seller"
team  = "online-sales"
"#;

fn folder(people: &str, scenarios: &str) -> Folder {
    Folder {
        playbook: format!("{PREMISES}{TEAMS}"),
        scenarios: vec![(
            "scenarios/teams.toml".into(),
            format!("{people}{scenarios}"),
        )],
        ..Folder::default()
    }
}

#[test]
fn a_stage_hands_a_lead_over_to_its_pool_and_the_pool_may_send_it_back() {
    shop::play_folder(&folder(
        PEOPLE,
        r#"
[[scenario]]
name  = "qualified, sent back, and qualified again"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }
expect   = { owner = "cora", stage = "qualification", tasks = [] }

[[scenario.step]]
set    = { temperature = "hot" }
expect = { owner = "otto", stage = "online", tasks = ["accept"], earlier-owners = ["cora"], reassignments = 0 }

[[scenario.step]]
complete = { task = "accept", choice = "no", by = "otto" }
expect   = { owner = "cora", stage = "qualification", tasks = [] }

[[scenario.step]]
move   = { to = "online", by = "cora" }
expect = { owner = "otto", tasks = ["accept"] }

[[scenario.step]]
complete = { task = "accept", choice = "yes", by = "otto" }
expect   = { owner = "otto", stage = "online", tasks = [] }
"#,
    ));
}

#[test]
fn what_a_team_can_not_have_is_nurtured() {
    shop::play_folder(&folder(
        PEOPLE,
        r#"
[[scenario]]
name  = "a second lead, where online sales have room for one"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", temperature = "hot" }
expect   = { owner = "otto", stage = "online" }

[[scenario.step]]
register = { ref = "eva", name = "Eva", temperature = "hot" }
expect   = { owner = "cora", stage = "nurturing" }
"#,
    ));
}

#[test]
fn a_time_restarts_with_each_owner_with_each_team_or_never() {
    shop::play_folder(&folder(
        &format!("{PEOPLE}{OLGA}"),
        r#"
[[scenario]]
name  = "from Cora to Otto, and to Olga of the same team"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }
expect   = { owner = "cora", next-at = "2026-03-05T10:00:00+01:00" }

[[scenario.step]]
at       = "2026-03-04T10:00:00+01:00"
reassign = { to = "otto" }
expect   = { next-at = "2026-03-07T10:00:00+01:00" }

[[scenario.step]]
at       = "2026-03-06T10:00:00+01:00"
reassign = { to = "olga" }
expect   = { next-at = "2026-03-09T10:00:00+01:00" }

[[scenario.step]]                       # both: three days with Olga, five with the team
at     = "2026-03-09T10:00:00+01:00"
expect = { history = ["rule each-team fired", "rule each-owner fired"], next-at = "2026-03-11T10:00:00+01:00" }
"#,
    ));
}

#[test]
fn an_explanation_tells_what_a_hand_over_restarts_and_what_it_restarted() {
    block_on(async {
        let mut folder = folder(PEOPLE, "");
        folder.playbook.push_str(LEVELS);
        let playbook = Playbook::read(&folder).unwrap();
        let start = shop::at("2026-03-02T09:00:00Z");
        let engine = Engine::builder(MemoryStore::default())
            .playbook("shop", playbook)
            .clock(VirtualClock::at(start))
            .build()
            .unwrap();
        let shop = engine.tenant("shop");
        let host = || Actor::host("test");
        for (id, team) in [("cora", "call-centre"), ("otto", "online-sales")] {
            let agent = AgentSetup::new(id)
                .name(id)
                .email(format!("{id}@example.com"));
            let agent = agent.role("seller").team(team);
            shop.set_up(agent).by(host()).await.unwrap();
        }
        let lead = shop
            .register(NewLead::new("Luis"))
            .by(host())
            .await
            .unwrap();
        let told = shop.explain(lead.id).await.unwrap();
        assert!(told.handed_over.is_none());
        let on_hand_over = |rule: &str| {
            let mut rules = told.rules.iter();
            rules.find(|told| told.rule == rule).unwrap().on_hand_over
        };
        assert_eq!(on_hand_over("each-owner"), "restarts");
        assert_eq!(on_hand_over("each-team"), "restarts-with-team");
        assert_eq!(on_hand_over("whole-life"), "goes-on");
        // Of a service level both its beginning and its end.
        for rule in ["team-speaks", "team-speaks.late"] {
            assert_eq!(on_hand_over(rule), "restarts-with-team", "{rule}");
        }
        for rule in ["owner-touches", "owner-touches.late"] {
            assert_eq!(on_hand_over(rule), "restarts", "{rule}");
        }

        shop.reassign(lead.id, "otto").by(host()).await.unwrap();
        let told = shop.explain(lead.id).await.unwrap();
        let handed_over = told.handed_over.as_ref().unwrap();
        assert_eq!(handed_over.from, "cora");
        assert_eq!(
            handed_over.restarted,
            [
                "team-speaks",
                "team-speaks.late",
                "owner-touches",
                "owner-touches.late",
                "handed-over",
                "each-owner",
                "each-team"
            ]
        );
        assert_eq!(handed_over.went_on, ["qualified", "whole-life"]);
        let page = told.to_string();
        assert!(page.contains("Handed over from cora 2026-03-02"), "{page}");
    });
}

/// Whether the lead comes to another team or its owner does.
#[test]
fn a_level_of_a_team_ends_where_the_owner_joins_a_team_that_has_none() {
    let levels = LEVELS.replacen(
        "on     = \"team\"",
        "on     = \"team\"\nunless = 'owner.team == \"online-sales\"'",
        1,
    );
    let scenarios = r#"
[[scenario]]
name  = "Cora goes to online sales with her leads"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }
expect   = { owner = "cora", tasks = ["team-speaks", "owner-touches"] }

[[scenario.step]]
at     = "2026-03-04T10:00:00+01:00"
set-up = { id = "cora", team = "online-sales" }

[[scenario.step]]
lead   = "luis"
expect = { owner = "cora", tasks = ["owner-touches"] }
"#;
    let mut folder = folder(PEOPLE, scenarios);
    folder.playbook += &levels;
    shop::play_folder(&folder);
}
