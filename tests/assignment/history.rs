//! 6,711 opportunities of a computer dealer that were won or lost, told to the engine: the pool then
//! ranks the agents as their conversion does.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use leadkit::assign::{Question, choose};
use leadkit::clock::VirtualClock;
use leadkit::decide::command::{Actor, AgentSetup, Command, LeadOrder, NewLead, What};
use leadkit::engine::Engine;
use leadkit::ids::{AgentId, LeadId, Name, Tenant};
use leadkit::playbook::Playbook;
use leadkit::record::pool::Ranked;
use leadkit::record::{Pool, Recorded, stored};
use leadkit::store::{Key, MemoryStore, Store};
use leadkit::time::Instant;
use pollster::block_on;

use crate::data;
use crate::shop::{PREMISES, at};

const TENANT: &str = "dealer";

/// What counts is what became of an agent's own leads: no sample is filled up with the team's mean,
/// and nothing is so old that it is forgotten.
const DEALER: &str = r#"
[role.agent]
may = ["*"]

[pool.everybody]
members = 'role == "agent"'
choose  = "best"
over    = "3660 days"
prior   = 0

[pipeline.sales]
start = "engaging"

[pipeline.sales.stage]
engaging = { to = { won = [], lost = [] } }
won      = { final = "won", to = ["engaging"] }
lost     = { final = "lost", to = ["engaging"] }

[[route]]
to     = "sales.engaging"
assign = "everybody"
"#;

fn rows(folder: &Path, file: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(folder.join(file)).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

fn engine(store: MemoryStore) -> (Engine, Playbook) {
    let folder = leadkit::playbook::load::Folder {
        playbook: format!("{PREMISES}{DEALER}"),
        ..Default::default()
    };
    let playbook = Arc::new(Playbook::read(&folder).unwrap());
    let engine = Engine::builder(store)
        .playbook(TENANT, playbook)
        .clock(VirtualClock::at(at("2018-01-01T10:00:00Z")))
        .seed(1)
        .build()
        .unwrap();
    (engine, Playbook::read(&folder).unwrap())
}

/// What happened on a day, told by the host.
fn told(what: What, day: &str) -> Command {
    Command {
        tenant: TENANT.into(),
        actor: Actor::host("history"),
        happened_at: Some(day_at(day)),
        what,
    }
}

fn day_at(day: &str) -> Instant {
    at(&format!("{day}T12:00:00Z"))
}

async fn carry_out(engine: &Engine, commands: Vec<Command>) -> Vec<LeadId> {
    let mut leads = Vec::with_capacity(commands.len());
    for portion in commands.chunks(500) {
        let portion = portion.iter().map(|command| (None, command.clone()));
        for answer in engine.execute_all(portion.collect()).await.unwrap() {
            leads.push(answer.unwrap().lead.unwrap().id);
        }
    }
    leads
}

async fn live(
    engine: &Engine,
    agents: &[BTreeMap<String, String>],
    deals: &[BTreeMap<String, String>],
) {
    for agent in agents {
        let id = agent["sales_agent"].as_str();
        let email = format!("{}@example.com", id.replace(' ', "."));
        let setup = AgentSetup::new(id).name(id).email(email).role("agent");
        let asked = engine.tenant(TENANT).set_up(setup);
        asked.by(Actor::host("history")).await.unwrap();
    }
    let register = deals.iter().map(|deal| {
        let new = NewLead::new("Somebody").owner(deal["sales_agent"].as_str());
        told(What::Register(Box::new(new)), &deal["engage_date"])
    });
    let leads = carry_out(engine, register.collect()).await;
    let close = leads.iter().zip(deals).map(|(lead, deal)| {
        let order = LeadOrder::Close {
            stage: deal["deal_stage"].to_lowercase().as_str().into(),
            reason: None,
        };
        told(What::Lead { lead: *lead, order }, &deal["close_date"])
    });
    carry_out(engine, close.collect()).await;
}

/// All members in the order in which the pool would choose them.
async fn ranking(store: &MemoryStore, playbook: &Playbook) -> Vec<Ranked> {
    let name = Name::from("everybody");
    let key = Key::pool(&Tenant::from(TENANT), &name);
    let loaded = store.load(&[key]).await.unwrap();
    let record = stored::decode(loaded[0].body.as_ref().unwrap()).unwrap();
    let pool = Pool::from_record(&record).unwrap();
    let spec = playbook.pool(&name).unwrap();
    let mut ranking: Vec<Ranked> = Vec::new();
    // Only the first ones are told, so those are passed over the next time.
    while ranking.len() < pool.members.len() {
        let not: Vec<AgentId> = ranking.iter().map(|ranked| ranked.agent.clone()).collect();
        let question = Question {
            not: &not,
            ..Question::default()
        };
        let answer = choose(spec, pool, &question, at("2018-01-01T10:00:00Z"));
        ranking.extend(answer.reasons.ranked);
    }
    ranking
}

/// Everybody who had a lead, the highest rate first, as the deals themselves tell: won over won and lost.
fn reckoned(deals: &[BTreeMap<String, String>]) -> Vec<(Reverse<u32>, String)> {
    let mut counts: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for deal in deals {
        let (won, all) = counts.entry(&deal["sales_agent"]).or_default();
        *won += u32::from(deal["deal_stage"] == "Won");
        *all += 1;
    }
    let rates = counts.into_iter();
    let rates = rates.map(|(agent, (won, all))| (Reverse(won * 1000 / all), agent.to_owned()));
    let mut rates: Vec<_> = rates.collect();
    rates.sort();
    rates
}

/// Agents and the rates at which they win, as the expectations tell them.
fn expected(folder: &Path, key: &str) -> Vec<(String, f64)> {
    let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(all[key].clone()).unwrap()
}

#[test]
fn agents_are_ranked_as_their_history_says() {
    let Some(folder) = data("maven_crm") else {
        return;
    };
    let agents = rows(&folder, "sales_teams.csv");
    let mut deals = rows(&folder, "sales_pipeline.csv");
    // What is still under way is neither won nor lost; the expectations leave it out.
    deals.retain(|deal| matches!(deal["deal_stage"].as_str(), "Won" | "Lost"));
    assert_eq!(deals.len(), 6_711);
    let store = MemoryStore::default();
    let (engine, playbook) = engine(store.clone());
    block_on(async {
        live(&engine, &agents, &deals).await;
        let ranking = ranking(&store, &playbook).await;
        assert_eq!(ranking.len(), 35);
        let has_history = |ranked: &&Ranked| {
            deals
                .iter()
                .any(|deal| deal["sales_agent"] == ranked.agent.as_str())
        };
        let tried: Vec<&Ranked> = ranking.iter().filter(has_history).collect();
        assert_eq!(tried.len(), 30);
        // Who never had a lead converted none, and comes last.
        assert_eq!(tried, ranking.iter().take(30).collect::<Vec<_>>());
        let told = tried.iter().map(|ranked| {
            let agent = ranked.agent.as_str().to_owned();
            (Reverse(ranked.conversion_permille), agent)
        });
        assert_eq!(told.collect::<Vec<_>>(), reckoned(&deals));
        let top = expected(&folder, "agent_win_rate_top");
        let bottom = expected(&folder, "agent_win_rate_bottom");
        let best = tried.iter().take(top.len());
        let worst = tried.iter().skip(tried.len() - bottom.len());
        for (ranked, (name, rate)) in best.chain(worst).zip(top.iter().chain(&bottom)) {
            assert_eq!(ranked.agent.as_str(), name);
            assert_eq!(ranked.conversion_permille, (rate * 1000.0) as u32, "{name}");
            assert_eq!(ranked.load, 0);
        }
        let new = engine.tenant(TENANT).register(NewLead::new("New"));
        let lead = new.by(Actor::host("web")).await.unwrap();
        assert_eq!(lead.owner_id().unwrap().as_str(), top[0].0);
    });
}
