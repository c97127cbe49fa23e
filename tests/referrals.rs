//! Referrals (requirement M5): codes of those who refer, leads that come with one, and one reward for
//! each of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use std::sync::Arc;

use leadkit::decide::command::{Actor, AgentSetup, Command, NewLead, What};
use leadkit::decide::records::Records;
use leadkit::decide::{Stop, decide};
use leadkit::engine::Error;
use leadkit::ids::{AgentId, CommandId, Tenant};
use leadkit::playbook::Playbook;
use leadkit::playbook::fault::FaultKind;
use leadkit::record::referral::ReferralCode;
use leadkit::record::{Claim, Record};
use leadkit::scenario::World;
use leadkit::store::{Key, MemoryStore, Order, Version};
use pollster::block_on;
use shop::{at, folder, play, play_folder, read};

const REFERRALS: &str = r#"
[role.referrer]
may  = ["register", "refer"]
over = "own"
owns = false

[role.distributor]
may  = ["register", "refer", "move", "reopen"]
over = "own"

[role.clerk]
may = ["register"]

[source]
web  = { kind = "digital" }
word = { kind = "word-of-mouth" }

[referral]
source = "word"

[pool.sellers]
members = 'role == "seller"'

[pipeline.deals]
start = "offer"

[pipeline.deals.stage]
offer  = { to = ["bought"] }
bought = { final = "won", to = ["offer"] }

[[route]]
to     = "deals.offer"
assign = "sellers"

[[rule]]
name = "referred-lead-buys"
on   = "entered bought"
if   = 'referrer is present and reward is missing'
do   = [{ reward = "20.00 USD" }, { notify = "referrer", template = "hello" }]

[[rule]]
name = "for-distributors"
on   = "registered"
if   = 'referrer.role == "distributor"'
do   = [{ task = "call" }]
"#;

const PEOPLE: &str = r#"
[[agent]]
id    = "rita"
name  = "Rita"
email = "rita@example.com"
phone = "+34 600 111 222"
role  = "referrer"

[[agent]]
id    = "dario"
name  = "Darío"
email = "dario@example.com"
role  = "distributor"
"#;

fn play_referrals(scenario: &str) {
    play(REFERRALS, &format!("{PEOPLE}{scenario}"));
}

#[test]
fn a_lead_with_a_code_is_linked_assigned_and_rewarded_once() {
    play_referrals(
        r#"
[[scenario]]
name  = "rita refers luis, who buys twice"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
refer = { by = "rita" }

[[scenario.step]]
register = { ref = "luis", name = "Luis", referral = "rita" }
expect   = { owner = "ana", referrer = "rita", reward = "none", history = "referred by rita", tasks = [], count = { 'referrer == "rita" and source == "word"' = 1 } }

[[scenario.step]]
move   = { to = "bought", by = "ana" }
expect = { outcome = "won", reward = "20.00 USD", notified = ["referrer"], history = "rita rewarded with 20.00 USD", count = { 'referrer == "rita" and reward == 20' = 1 } }

[[scenario.step]]
at     = "2026-03-03T10:00:00+01:00"
reopen = { to = "offer", by = "ana" }
expect = { reward = "20.00 USD", count = { 'rewarded_at < now - 23h' = 1 } }

[[scenario.step]]                           # nothing comes of it a second time
move   = { to = "bought", by = "ana" }
expect = { outcome = "won", reward = "20.00 USD", notified = [], count = { 'rewarded_at < now - 23h' = 1 } }
"#,
    );
}

#[test]
fn a_rule_that_rewards_a_lead_again_and_again_rewards_it_once_and_one_that_nobody_referred_not() {
    let rules = REFERRALS.replace("if   = 'referrer is present and reward is missing'\n", "");
    let scenario = r#"
[[scenario]]
name  = "a rule without a condition"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
refer = { by = "rita" }

[[scenario.step]]
register = { ref = "luis", name = "Luis", referral = "rita" }

[[scenario.step]]
move   = { to = "bought", by = "ana" }
expect = { reward = "20.00 USD", count = { 'rewarded_at < now - 1h' = 0 } }

[[scenario.step]]
at     = "2026-03-03T10:00:00+01:00"
reopen = { to = "offer", by = "ana" }

[[scenario.step]]
move   = { to = "bought", by = "ana" }
expect = { reward = "20.00 USD", notified = ["referrer"], count = { 'rewarded_at < now - 1h' = 1 } }

[[scenario.step]]
register = { ref = "eva", name = "Eva", source = "web" }

[[scenario.step]]
move   = { to = "bought", by = "ana" }
expect = { reward = "none", notified = [], history = "could not reward" }
"#;
    play(&rules, &format!("{PEOPLE}{scenario}"));
}

#[test]
fn a_distributor_keeps_what_comes_without_a_code_and_not_what_it_refers() {
    play_referrals(
        r#"
[[scenario]]
name  = "two leads of dario's"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
refer = { by = "dario" }

[[scenario.step]]
register = { ref = "luis", name = "Luis", source = "web", by = "dario" }
expect   = { owner = "dario" }

[[scenario.step]]
register = { ref = "eva", name = "Eva", source = "web", referral = "dario", by = "dario" }
expect   = { owner = "ana", referrer = "dario", tasks = ["call"], count = { 'source == "web"' = 2 } }

[[scenario.step]]                           # nor is it kept by naming oneself: that gives it away
register = { ref = "rosa", name = "Rosa", referral = "dario", owner = "dario", by = "dario" }
expect   = { refused = ["not-permitted"], refusal-says = "dario may not reassign; who may: seller" }

[[scenario.step]]                           # who registers a lead with another one's code keeps it
refer = { by = "rita" }

[[scenario.step]]
register = { ref = "ines", name = "Inés", referral = "rita", by = "dario" }
expect   = { owner = "dario", referrer = "rita" }
"#,
    );
}

#[test]
fn who_refers_is_known_by_the_number_however_it_is_written() {
    let scenario = r#"
[[scenario]]
name  = "rita writes her number as it is dialled at home"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
refer = { by = "rita" }

[[scenario.step]]
register = { ref = "luis", name = "Rita", phone = "600 111 222", referral = "rita" }
expect   = { refused = ["referral"], refusal-says = "the contact's own code" }
"#;
    let mut folder = folder(REFERRALS, &format!("{PEOPLE}{scenario}"));
    let country = "[playbook]\ncountry = \"ES\"\n";
    folder.playbook = folder.playbook.replacen("[playbook]\n", country, 1);
    play_folder(&folder);
}

#[test]
fn a_code_that_refers_nobody_is_refused_and_says_why() {
    play_referrals(
        r#"
[[scenario]]
name  = "codes that are none"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", referral = "7K3M0P" }
expect   = { refused = ["referral"], refusal-says = "is nobody's code", count = { 'open' = 0 } }

[[scenario.step]]
register = { ref = "luis", name = "", referral = "who knows?" }
expect   = { refused = ["name", "referral"] }

[[scenario.step]]
refer = { by = "rita" }

[[scenario.step]]                           # nobody refers themselves, whatever they are called
register = { ref = "luis", name = "Rita", email = "Rita@Example.com", referral = "rita" }
expect   = { refused = ["referral"], refusal-says = "the contact's own code" }

[[scenario.step]]
register = { ref = "luis", name = "Rita", phone = "+34-600-111222", referral = "rita" }
expect   = { refused = ["referral"], refusal-says = "the contact's own code" }

[[scenario.step]]
set-up = { id = "rita", role = "clerk" }

[[scenario.step]]
register = { ref = "luis", name = "Luis", referral = "rita" }
expect   = { refused = ["referral"], refusal-says = "refers no more" }

[[scenario.step]]                           # it is still hers
set-up = { id = "rita", role = "referrer" }

[[scenario.step]]
register = { ref = "luis", name = "Luis", referral = "rita" }
expect   = { referrer = "rita" }
"#,
    );
}

#[test]
fn who_left_refers_no_more_and_is_rewarded_for_what_was_referred_before() {
    play_referrals(
        r#"
[[scenario]]
name  = "rita leaves and comes back"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
refer = { by = "rita" }

[[scenario.step]]
register = { ref = "luis", name = "Luis", referral = "rita" }

[[scenario.step]]
at    = "2026-03-03T10:00:00+01:00"
leave = { agent = "rita", to = "sellers" }

[[scenario.step]]
register = { ref = "eva", name = "Eva", referral = "rita" }
expect   = { refused = ["referral"], refusal-says = "refers no more" }

[[scenario.step]]                           # an import tells of the day before
register = { ref = "ines", name = "Inés", referral = "rita", by = "import:ana", happened-at = "2026-03-02T18:00:00+01:00" }
expect   = { referrer = "rita" }

[[scenario.step]]
lead   = "luis"
move   = { to = "bought", by = "ana" }
expect = { reward = "20.00 USD", notified = [], history = "nobody who is there referred it" }

[[scenario.step]]
refer  = { by = "rita" }
expect = { refused = ["has-left"] }

[[scenario.step]]
set-up = { id = "rita" }

[[scenario.step]]
register = { ref = "eva", name = "Eva", referral = "rita" }
expect   = { referrer = "rita" }
"#,
    );
}

#[test]
fn an_agent_asks_for_its_own_code_if_its_role_may_refer() {
    play_referrals(
        r#"
[[scenario]]
name  = "who may ask"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
refer  = { agent = "rita", by = "dario" }
expect = { refused = ["not-permitted"], refusal-says = "dario may not set-up-agents" }

[[scenario.step]]
refer = { agent = "rita", by = "ana" }

[[scenario.step]]
refer = { agent = "dario", by = "host:portal" }

[[scenario.step]]
refer  = { agent = "nobody", by = "host:portal" }
expect = { refused = ["no-such-agent"] }
"#,
    );
    // Whoever asks, it is the bearer whose role must allow it.
    let rules = REFERRALS.replace("[\"register\", \"refer\"]", "[\"register\"]");
    let refused = block_on(async {
        let world = world(read(&folder(&rules, "")));
        let asked = world
            .tenant()
            .referral_code("rita")
            .by(Actor::host("portal"));
        asked.await.unwrap_err().to_string()
    });
    let told = "rita may not refer; who may: seller, distributor";
    assert!(refused.contains(told), "{refused}");
}

/// A world in which Ana, Rita and Darío work.
fn world(playbook: Playbook) -> World {
    world_on(Arc::new(MemoryStore::default()), playbook)
}

fn world_on(store: Arc<MemoryStore>, playbook: Playbook) -> World {
    let mut world = World::new(playbook, store, at("2026-03-02T10:00:00Z")).unwrap();
    let agents = [
        ("ana", "seller"),
        ("rita", "referrer"),
        ("dario", "distributor"),
    ];
    for (id, role) in agents {
        let agent = AgentSetup::new(id).name(id).role(role);
        let agent = agent.email(format!("{id}@example.com"));
        block_on(world.set_up(agent, Actor::host("test"))).unwrap();
    }
    world
}

#[test]
fn a_code_is_short_and_stays_the_same_and_each_agent_has_another_one() {
    block_on(async {
        let world = world(read(&folder(REFERRALS, "")));
        let shop = world.tenant();
        let code = |agent: &'static str| shop.referral_code(agent).by(agent);
        let first: ReferralCode = code("rita").await.unwrap();
        assert_eq!(first.as_str().len(), 6);
        assert_eq!(code("rita").await.unwrap(), first);
        assert_ne!(code("dario").await.unwrap(), first);
        // A command that comes twice is answered the same.
        let id = CommandId::of("the portal's button");
        for _ in 0..2 {
            assert_eq!(code("rita").id(id).await.unwrap(), first);
        }
        let typed = format!(
            " {}-{} ",
            &first.as_str()[..3],
            first.as_str()[3..].to_lowercase()
        );
        let new = NewLead::new("Luis").referral(typed);
        let lead = shop
            .register(new)
            .by(Actor::host("web-form"))
            .await
            .unwrap();
        assert_eq!(lead.referrer(), Some(&AgentId::from("rita")));
        let found = shop
            .leads("referrer == \"rita\"", Order::Id, None, 9)
            .await
            .unwrap();
        assert_eq!(found.whole().unwrap().len(), 1);
    });
}

#[test]
fn a_changed_playbook_rewards_no_lead_a_second_time() {
    let changed = REFERRALS.replace("referred-lead-buys", "whoever-buys");
    let changed = changed.replace("if   = 'referrer is present and reward is missing'\n", "");
    let changed = changed.replace("20.00 USD", "50.00 USD");
    let changed = changed.replace(
        "on   = \"entered bought\"",
        "on = \"entered bought\"\nlate-start = \"fire\"",
    );
    block_on(async {
        let store = Arc::new(MemoryStore::default());
        let before = world_on(store.clone(), read(&folder(REFERRALS, "")));
        let shop = before.tenant();
        let code = shop.referral_code("rita").by("rita").await.unwrap();
        let new = NewLead::new("Luis").referral(code.as_str());
        let lead = shop
            .register(new)
            .by(Actor::host("web-form"))
            .await
            .unwrap();
        let lead = shop.move_to(lead.id, "bought").by("ana").await.unwrap();
        assert!(lead.reward().is_some());

        let start = at("2026-03-03T10:00:00Z");
        let after = World::new(read(&folder(&changed, "")), store, start).unwrap();
        let shop = after.tenant();
        shop.adopt(Vec::new()).by(Actor::host("crm")).await.unwrap();
        after.advance_to(at("2026-03-04T10:00:00Z")).await.unwrap();
        let rule = "whoever-buys".into();
        let rewarded = shop.lead(lead.id).await.unwrap().unwrap();
        assert!(
            rewarded
                .last_fired(&rule)
                .is_some_and(|fired| !fired.was_skipped)
        );
        assert_eq!(rewarded.reward(), lead.reward());
    });
}

#[test]
fn codes_that_others_have_are_passed_over_and_codes_get_longer() {
    let playbook = read(&folder(REFERRALS, ""));
    let (tenant, now) = (Tenant::from("shop"), at("2026-03-02T10:00:00Z"));
    let id = CommandId::of("rita asks");
    let command = Command {
        tenant: tenant.clone(),
        actor: Actor::agent("rita"),
        happened_at: None,
        what: What::TellReferralCode {
            agent: AgentId::from("rita"),
        },
    };
    // Everybody else has what the command draws first.
    let code_when_taken = |taken: u32| {
        let mut records = Records::new();
        let others = |nth| ReferralCode::drawn(id, nth, 6 + nth / 4);
        let others: Vec<Key> = (0..taken)
            .map(|nth| Key::claim(&tenant, Claim::to_code(&others(nth))))
            .collect();
        loop {
            match decide(&playbook, &records, id, &command, now) {
                Ok(decision) => {
                    let agent = decision.written(&Key::agent(&tenant, &AgentId::from("rita")));
                    let agent: &leadkit::record::Agent = agent.unwrap();
                    return Ok(agent.referral_code.clone().unwrap());
                }
                Err(Stop::Refused(refusal)) => return Err(refusal.code()),
                Err(Stop::Need(keys)) => {
                    for key in keys {
                        let record = match key {
                            ref key if others.contains(key) => {
                                Some(Record::Claim(Claim::Agent(AgentId::from("somebody"))))
                            }
                            ref key if *key == Key::agent(&tenant, &AgentId::from("rita")) => {
                                Some(Record::Agent(rita()))
                            }
                            _ => None,
                        };
                        let version = Version(u64::from(record.is_some()));
                        records.insert(key, version, record.map(Arc::new));
                    }
                }
            }
        }
    };
    assert_eq!(code_when_taken(0), Ok(ReferralCode::drawn(id, 0, 6)));
    assert_eq!(code_when_taken(3), Ok(ReferralCode::drawn(id, 3, 6)));
    assert_eq!(code_when_taken(4), Ok(ReferralCode::drawn(id, 4, 7)));
    assert_eq!(code_when_taken(32), Err("codes-taken"));
}

fn rita() -> leadkit::record::Agent {
    let email = "rita@example.com".parse().unwrap();
    leadkit::record::Agent::new("rita".into(), "Rita".into(), email, "referrer".into())
}

#[test]
fn without_the_section_there_are_neither_codes_nor_rewards() {
    let without = REFERRALS.replace("[referral]\nsource = \"word\"\n", "");
    let faults = Playbook::read(&folder(&without, "")).unwrap_err();
    let missing = |fault: &leadkit::playbook::fault::Fault| matches!(&fault.kind, FaultKind::MissingKey { key, .. } if key == "[referral]");
    assert_eq!(faults.0.iter().filter(|fault| missing(fault)).count(), 1);
    // The role of that name is told then, as any other role.
    let told = without.replace("{ reward = \"20.00 USD\" }, ", "");
    block_on(async {
        let world = world(read(&folder(&told, "")));
        let asked = world.tenant().referral_code("rita").by("rita").await;
        assert!(matches!(asked, Err(Error::Refused(refusal)) if refusal.code() == "no-referrals"));
        let new = NewLead::new("Luis").referral("7K3M0P");
        let lead = world
            .tenant()
            .register(new)
            .by(Actor::host("web-form"))
            .await;
        assert!(lead.unwrap_err().to_string().contains("is nobody's code"));
    });
}

#[test]
fn a_reward_is_more_than_nothing_and_in_the_playbooks_currency() {
    for amount in ["\"0.00 USD\"", "\"-5.00 USD\"", "\"20.00 EUR\"", "20"] {
        let rules = REFERRALS.replace("\"20.00 USD\"", amount);
        assert!(Playbook::read(&folder(&rules, "")).is_err(), "{amount}");
    }
}
