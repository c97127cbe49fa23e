//! Who may do what: by hand, through a sweep, and of things that are said to have happened
//! earlier (requirement Z4).

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use std::sync::Arc;

use leadkit::decide::command::{
    Actor, AgentSetup, Command, Fate, LeadOrder, Leaving, NewLead, NewSweep, What,
};
use leadkit::decide::records::Records;
use leadkit::decide::{Decision, Stop, decide};
use leadkit::engine::{Answer, Error};
use leadkit::ids::{CommandId, LeadId};
use leadkit::record::message::State;
use leadkit::record::stored;
use leadkit::scenario::World;
use leadkit::store::{Key, MemoryStore, Store, Verdict};
use leadkit::time::Elapsed;
use pollster::block_on;
use shop::{at, folder, play, read};

/// A junior may act on the own leads, start sweeps, and not give leads away or date back.
const ROLES: &str = r#"
[role.junior]
may  = ["register", "attempt", "answered", "move", "hold", "sweep", "settle", "complete"]
over = "own"

[role.guest]
may = []

[role.clerk]
may  = ["register", "attempt", "answered", "move", "reassign", "complete", "back-date"]
"#;

const PEOPLE: &str = r#"
[[agent]]
id    = "jon"
name  = "Jon"
email = "jon@example.com"
role  = "junior"

[[agent]]
id    = "cleo"
name  = "Cleo"
email = "cleo@example.com"
role  = "clerk"
"#;

// ------------------------------------------------------------------ through a sweep

struct Bench {
    world: World,
    store: Arc<MemoryStore>,
}

impl Bench {
    async fn new(rules: &str) -> Self {
        let store = Arc::new(MemoryStore::default());
        let playbook = read(&folder(&format!("{ROLES}{rules}"), ""));
        let start = at("2026-03-02T10:00:00+01:00");
        let mut world = World::new(playbook, store.clone(), start).unwrap();
        for (id, role) in [("ana", "seller"), ("jon", "junior"), ("cleo", "clerk")] {
            let email = format!("{id}@example.com");
            let agent = AgentSetup::new(id).name(id).email(email).role(role);
            world.set_up(agent, Actor::host("test")).await.unwrap();
        }
        Self { world, store }
    }

    async fn lead(&self, name: &str, owner: &str) -> LeadId {
        let new = NewLead::new(name).owner(owner);
        self.world
            .tenant()
            .register(new)
            .by(Actor::host("test"))
            .await
            .unwrap()
            .id
    }

    async fn sweep(&self, order: LeadOrder, by: &str) -> Result<Answer, Error> {
        let sweep = NewSweep {
            name: "tidy".into(),
            audience: r#"stage == "new""#.into(),
            order,
            starts_at: None,
            every_days: None,
        };
        self.world.tenant().sweep(sweep).by(by).await
    }

    async fn stage(&self, lead: LeadId) -> String {
        let lead = self.world.tenant().lead(lead).await.unwrap().unwrap();
        lead.stage.as_str().to_owned()
    }

    async fn sweep_counts(&self, answer: &Answer) -> (u64, u64) {
        let key = Key::sweep(self.world.tenant().name(), answer.sweep.unwrap());
        let loaded = self.store.load(&[key]).await.unwrap();
        let body = loaded[0].body.as_deref().unwrap();
        match stored::decode(body).unwrap() {
            leadkit::record::Record::Sweep(sweep) => (sweep.reached, sweep.refused),
            other => panic!("{other:?}"),
        }
    }
}

fn to_talking() -> LeadOrder {
    LeadOrder::MoveTo {
        stage: "talking".into(),
        reason: None,
        wait: None,
    }
}

#[test]
fn an_agent_reaches_through_a_sweep_only_leads_that_the_agent_may_act_on() {
    block_on(async {
        let bench = Bench::new("").await;
        let own = bench.lead("Own", "jon").await;
        let others = bench.lead("Other", "ana").await;
        let sweep = bench.sweep(to_talking(), "jon").await.unwrap();
        bench.world.tick().await.unwrap();
        assert_eq!(bench.stage(own).await, "talking");
        assert_eq!(bench.stage(others).await, "new");
        // Whom it could not reach is counted, not passed over in silence.
        assert_eq!(bench.sweep_counts(&sweep).await, (2, 1));
        let told = bench.world.tenant().explain(own).await.unwrap().to_string();
        assert!(told.contains("sweep:tidy for jon"), "{told}");
    });
}

#[test]
fn an_agent_cannot_start_a_sweep_of_what_the_agent_may_not_do_by_hand() {
    block_on(async {
        let bench = Bench::new("").await;
        let lead = bench.lead("Own", "jon").await;
        let order = LeadOrder::Reassign { to: "ana".into() };
        let Err(Error::Refused(refusal)) = bench.sweep(order, "jon").await else {
            panic!("jon may not reassign, and started a sweep that does");
        };
        assert_eq!(refusal.code(), "not-permitted");
        assert!(refusal.to_string().contains("clerk"), "{refusal}");
        bench.world.tick().await.unwrap();
        let lead = bench.world.tenant().lead(lead).await.unwrap().unwrap();
        assert_eq!(lead.owner_id().unwrap().as_str(), "jon");
    });
}

#[test]
fn nobody_starts_a_sweep_of_what_only_follows_from_something_else() {
    block_on(async {
        let bench = Bench::new("").await;
        let leaving = Leaving::new("jon", "ana");
        let adopt = LeadOrder::Adopt {
            playbook: "another".into(),
            stages: Vec::new(),
        };
        for order in [LeadOrder::Succeed(leaving), LeadOrder::FollowOwner, adopt] {
            let Err(Error::Refused(refusal)) = bench.sweep(order, "ana").await else {
                panic!("the sweep was started");
            };
            let told = refusal.to_string();
            assert!(told.contains("an order that people give"), "{told}");
        }
    });
}

#[test]
fn a_sweep_stops_acting_for_an_agent_who_may_no_more() {
    block_on(async {
        let bench = Bench::new("").await;
        let own = bench.lead("Own", "jon").await;
        let sweep = NewSweep {
            name: "later".into(),
            audience: r#"stage == "new""#.into(),
            order: to_talking(),
            starts_at: Some(bench.world.now() + Elapsed::days(1)),
            every_days: None,
        };
        let quito = bench.world.tenant();
        let _: Answer = quito.sweep(sweep).by("jon").await.unwrap();
        // Until the sweep comes by, jon's role is one that may do nothing.
        let guest = AgentSetup::new("jon").role("guest");
        quito.set_up(guest).by(Actor::host("test")).await.unwrap();
        let tomorrow = bench.world.now() + Elapsed::days(2);
        bench.world.advance_to(tomorrow).await.unwrap();
        assert_eq!(bench.stage(own).await, "new");
    });
}

#[test]
fn a_sweep_of_the_host_reaches_everybody() {
    block_on(async {
        let bench = Bench::new("").await;
        let leads = [
            bench.lead("One", "jon").await,
            bench.lead("Two", "ana").await,
        ];
        let sweep = NewSweep {
            name: "tidy".into(),
            audience: r#"stage == "new""#.into(),
            order: to_talking(),
            starts_at: None,
            every_days: None,
        };
        let _: Answer = bench
            .world
            .tenant()
            .sweep(sweep)
            .by(Actor::host("test"))
            .await
            .unwrap();
        bench.world.tick().await.unwrap();
        for lead in leads {
            assert_eq!(bench.stage(lead).await, "talking");
        }
    });
}

#[test]
fn an_agent_over_the_own_leads_cancels_only_the_own_sweeps() {
    block_on(async {
        let bench = Bench::new("").await;
        let of_jon = bench.sweep(to_talking(), "jon").await.unwrap();
        let of_ana = bench.sweep(to_talking(), "ana").await.unwrap();
        let shop = bench.world.tenant();
        let refused = shop.cancel_sweep(of_ana.sweep.unwrap()).by("jon").await;
        let Err(Error::Refused(refusal)) = refused else {
            panic!("jon cancelled ana's sweep: {refused:?}");
        };
        assert_eq!(refusal.code(), "not-their-sweep");
        assert!(refusal.to_string().contains("ana"), "{refusal}");
        let refused = shop.retry_sweep(of_ana.sweep.unwrap()).by("jon").await;
        assert!(
            matches!(refused, Err(Error::Refused(refusal)) if refusal.code() == "not-their-sweep")
        );
        shop.cancel_sweep(of_jon.sweep.unwrap())
            .by("jon")
            .await
            .unwrap();
        // Who may act on all leads may cancel everybody's.
        let of_jon = bench.sweep(to_talking(), "jon").await.unwrap();
        shop.cancel_sweep(of_jon.sweep.unwrap())
            .by("ana")
            .await
            .unwrap();
    });
}

// ------------------------------------------------------------------ messages and tasks of others

#[test]
fn an_agent_over_the_own_leads_settles_only_their_messages() {
    block_on(async {
        let rules = r#"
[cap]
messages = 1
within   = "2 days"

[[rule]]
name = "hello"
on   = "registered"
do   = [{ send = "hello" }, { send = "hello" }]
"#;
        let bench = Bench::new(rules).await;
        let shop = bench.world.tenant();
        for (owner, refused) in [("ana", Some("not-theirs")), ("jon", None)] {
            let email = format!("{owner}s-lead@example.com");
            let new = NewLead::new("Luis").email(email).owner(owner);
            let lead = shop.register(new).by(Actor::host("test")).await.unwrap().id;
            bench.world.tick().await.unwrap();
            // The second one waits for the cap.
            let messages = shop.messages("", None, 100).await.unwrap().whole().unwrap();
            let waits = |message: &&leadkit::record::Message| {
                message.lead == lead && matches!(message.state, State::Queued { .. })
            };
            let waiting = messages.iter().find(waits).unwrap().id;
            let settled = shop.settle(waiting, Fate::Withdrawn).by("jon").await;
            let code = match settled {
                Ok(()) => None,
                Err(Error::Refused(refusal)) => Some(refusal.code()),
                Err(error) => panic!("{error}"),
            };
            assert_eq!(code, refused, "{owner}'s lead");
        }
    });
}

#[test]
fn a_task_for_a_role_is_completed_only_on_leads_that_the_role_is_over() {
    play(
        &format!(
            "{ROLES}{}",
            r#"
[task.check]
text = "Check"
for  = "junior"

[[rule]]
name = "check"
on   = "registered"
do   = [{ task = "check" }]
"#
        ),
        &format!(
            "{PEOPLE}{}",
            r#"
[[scenario]]
name  = "the task of a lead that is ana's"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", owner = "ana" }

[[scenario.step]]
complete = { task = "check", by = "jon" }
expect   = { refused = ["not-theirs"], refusal-says = "ana" }

[[scenario.step]]
reassign = { to = "jon" }

[[scenario.step]]
complete = { task = "check", by = "jon" }
"#
        ),
    );
}

// ------------------------------------------------------------------ a role that changes meanwhile

/// Loads what a decision needs, as the engine does.
async fn decided(bench: &Bench, command: &Command) -> Decision {
    let mut records = Records::new();
    loop {
        let id = CommandId::of("racing");
        let now = bench.world.engine().clock().now();
        match decide(bench.world.playbook(), &records, id, command, now) {
            Ok(decision) => return decision,
            Err(Stop::Refused(refusal)) => panic!("{refusal}"),
            Err(Stop::Need(keys)) => {
                let loaded = bench.store.load(&keys).await.unwrap();
                for (key, loaded) in keys.into_iter().zip(loaded) {
                    let record = loaded.body.as_deref().map(stored::decode).transpose();
                    records.insert(key, loaded.version, record.unwrap().map(Arc::new));
                }
            }
        }
    }
}

#[test]
fn a_role_that_is_taken_away_while_a_command_is_decided_is_noticed() {
    block_on(async {
        let bench = Bench::new("").await;
        let lead = bench.lead("Own", "jon").await;
        let command = Command {
            tenant: bench.world.tenant().name().clone(),
            actor: Actor::agent("cleo"),
            happened_at: None,
            what: What::Lead {
                lead,
                order: LeadOrder::Reassign { to: "ana".into() },
            },
        };
        let decision = decided(&bench, &command).await;
        // Between deciding and writing, cleo comes under a role that may not give leads away.
        let demoted = AgentSetup::new("cleo").role("junior");
        bench
            .world
            .tenant()
            .set_up(demoted)
            .by(Actor::host("test"))
            .await
            .unwrap();
        let changes = decision.changes(bench.world.playbook()).unwrap();
        let verdicts = bench.store.commit(vec![changes]).await.unwrap();
        let cleo = Key::agent(bench.world.tenant().name(), &"cleo".into());
        match &verdicts[..] {
            [Verdict::Moved(keys)] => assert!(keys.contains(&cleo), "{keys:?}"),
            verdicts => panic!("{verdicts:?}"),
        }
    });
}

// ------------------------------------------------------------------ told late

#[test]
fn an_agent_needs_a_permission_to_say_that_it_happened_earlier() {
    play(
        &format!(
            "{ROLES}{}",
            r#"
[need.two-days]
if   = 'entered_at < now - 2d'
text = "Two days of talking"

[pipeline.slow]
start = "asked"

[pipeline.slow.stage]
asked   = { to = { talking = [] } }
talking = { to = { done = ["two-days"] } }
done    = { final = "won" }

[[route]]
to = "slow.asked"
"#
        ),
        &format!(
            "{PEOPLE}{}",
            r#"
[[scenario]]
name  = "two days are not over because somebody says so"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", happened-at = "2026-02-20T10:00:00+01:00" }

[[scenario.step]]
move   = { to = "talking", by = "jon", happened-at = "2026-02-25T10:00:00+01:00" }
expect = { refused = ["not-permitted"], refusal-says = "back-date", stage = "asked" }

[[scenario.step]]                           # at the very instant nothing is dated back
move   = { to = "talking", by = "jon", happened-at = "2026-03-02T10:00:00+01:00" }
expect = { stage = "talking" }

[[scenario.step]]
close  = { as = "done" }
expect = { refused = ["two-days"] }

[[scenario.step]]                           # it is judged as of when it is said to have happened
at     = "2026-03-05T10:00:00+01:00"
close  = { as = "done", happened-at = "2026-03-03T10:00:00+01:00" }
expect = { refused = ["two-days"], stage = "talking" }

[[scenario.step]]
close  = { as = "done", by = "jon" }
expect = { stage = "done" }

[[scenario]]
name  = "who may date back, an import and the host say when it was"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", by = "import:jon", happened-at = "2026-02-20T10:00:00+01:00" }
expect   = { owner = "jon", history = "registered" }

[[scenario.step]]
move   = { to = "talking", by = "cleo", happened-at = "2026-02-25T10:00:00+01:00" }
expect = { stage = "talking" }

[[scenario.step]]                           # an import tells what the agent did, who may not do everything
reassign = { to = "ana", by = "import:jon", happened-at = "2026-02-26T10:00:00+01:00" }
expect   = { refused = ["not-permitted"], refusal-says = "jon", owner = "jon" }

[[scenario.step]]
close  = { as = "done", by = "import:jon", happened-at = "2026-02-28T10:00:00+01:00" }
expect = { stage = "done" }
"#
        ),
    );
}

#[test]
fn who_takes_a_part_of_the_host_for_an_agent_is_told_how_to_say_it() {
    block_on(async {
        let bench = Bench::new("").await;
        let lead = bench.lead("Luis", "ana").await;
        let told = bench.world.tenant().tried(lead).by("host:crm").await;
        let told = told.unwrap_err().to_string();
        let hint = "no agent host:crm; a part of the host is said as Actor::host(\"crm\")";
        assert!(told.ends_with(hint), "{told}");
    });
}

// ------------------------------------------------------------------ into a stage

/// Whoever may move leads moves none into a stage that is for others, by no order; a rule does.
#[test]
fn a_stage_is_entered_by_whom_it_names_and_whoever_else_tries_hears_who_may() {
    play(
        r#"
[role.junior]
may  = ["register", "move", "reopen", "complete"]

[role.clerk]
may  = ["register", "move", "reopen", "complete"]

[pipeline.judged]
start = "asked"

[pipeline.judged.stage]
asked    = { to = ["answered", "refused"] }
answered = { final = "won", to = ["refused"] }
refused  = { final = "lost", to = ["asked"], entered-by = ["clerk"] }

[source]
letter = { kind = "other" }

[[route]]
if = 'source == "letter"'
to = "judged.asked"

[[rule]]
name  = "judge"
on    = "entered asked"
do    = { task = "judge" }

[[rule]]
name  = "forgotten"
on    = "entered asked"
after = "1 day"
do    = { move = "refused" }

[task.judge]
text    = "Judge"
choices = { refuse = { do = { move = "refused" } } }
"#,
        &format!(
            r#"{PEOPLE}
[[scenario]]
name  = "refused by a junior, by a clerk and by a rule"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = {{ ref = "luis", name = "Luis", source = "letter", by = "jon" }}

[[scenario.step]]
move   = {{ to = "refused", by = "jon" }}
expect = {{ refused = ["not-permitted"], refusal-says = "who may: clerk", stage = "asked" }}

[[scenario.step]]
close  = {{ as = "refused", by = "jon" }}
expect = {{ refused = ["not-permitted"], open = true }}

[[scenario.step]]
move   = {{ to = "answered", by = "jon" }}

[[scenario.step]]
reopen = {{ to = "refused", by = "jon" }}
expect = {{ refused = ["not-permitted"], outcome = "won" }}

[[scenario.step]]
reopen = {{ to = "refused", by = "cleo" }}
expect = {{ outcome = "lost" }}

[[scenario.step]]
reopen = {{ to = "asked", by = "jon" }}

[[scenario.step]]
complete = {{ task = "judge", choice = "refuse", by = "jon" }}
expect   = {{ refused = ["not-permitted"], task = "judge" }}

[[scenario.step]]
at       = "2026-03-03T10:00:00+01:00"
expect   = {{ outcome = "lost" }}
"#
        ),
    );
}
