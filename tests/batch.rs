//! Commands that come together, and commands that come again.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::sync::Arc;

use futures::future::join;
use leadkit::clock::VirtualClock;
use leadkit::decide::command::{Actor, AgentSetup, Command, LeadOrder, NewLead, What};
use leadkit::engine::{Answer, Engine, Error};
use leadkit::faults::{Call, FaultyStore, Plan, StoreFault};
use leadkit::ids::CommandId;
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::scenario::World;
use leadkit::store::MemoryStore;
use leadkit::time::Elapsed;

fn world() -> World {
    let playbook = Playbook::load("playbooks/field-and-digital-sales").unwrap();
    let start = "2026-03-10T14:30:00Z".parse().unwrap();
    World::new(playbook, Arc::new(MemoryStore::default()), start).unwrap()
}

fn command(world: &World, id: &str, what: What) -> (Option<CommandId>, Command) {
    let command = Command {
        tenant: world.tenant().name().clone(),
        actor: Actor::host("import"),
        happened_at: None,
        what,
    };
    (Some(CommandId::of(id)), command)
}

fn register(name: &str) -> What {
    What::Register(Box::new(
        NewLead::new(name).source("web").field("city", "Quito"),
    ))
}

fn set_up_ana() -> What {
    let agent = AgentSetup::new("ana")
        .name("Ana")
        .email("ana@example.com")
        .role("advisor")
        .cities(["Quito"]);
    What::SetUpAgent(Box::new(agent))
}

fn run(world: &World, commands: Vec<(Option<CommandId>, Command)>) -> Vec<Result<Answer, Error>> {
    pollster::block_on(world.engine().execute_all(commands)).unwrap()
}

#[test]
fn each_command_of_a_batch_has_its_answer_and_a_refused_one_takes_no_other_down() {
    let world = world();
    let batch = vec![
        command(&world, "ana", set_up_ana()),
        command(&world, "luis", register("Luis")),
        command(&world, "nobody", register("")),
        command(&world, "eva", register("Eva")),
        command(&world, "luis", register("Luis")),
    ];
    let answers = run(&world, batch);
    let lead = |place: usize| answers[place].as_ref().unwrap().lead.clone().unwrap();
    assert!(answers[0].as_ref().unwrap().lead.is_none());
    assert!(matches!(&answers[2], Err(Error::Refused(refusal)) if refusal.code() == "incomplete"));
    assert_eq!(lead(3).contact.name, "Eva");
    assert!(answers[4].as_ref().unwrap().already_done);
    assert_eq!(lead(4).id, lead(1).id);
    // What is due at once has happened: the countdown runs since the assignment.
    assert_eq!(lead(1).owner_id().unwrap().as_str(), "ana");
    assert!(lead(1).open_task(&"first-contact".into()).is_some());
}

#[test]
fn a_repeat_that_its_first_time_made_impossible_is_done_not_refused() {
    let world = world();
    let batch = vec![
        command(&world, "ana", set_up_ana()),
        command(&world, "luis", register("Luis")),
    ];
    let lead = run(&world, batch)[1]
        .as_ref()
        .unwrap()
        .lead
        .as_ref()
        .unwrap()
        .id;
    let order = |order| What::Lead { lead, order };
    let reached = order(LeadOrder::Attempt { reached: true });
    let close = order(LeadOrder::Close {
        stage: "lost".into(),
        reason: Some("no money".into()),
    });
    for (id, what) in [("reached", reached), ("close", close.clone())] {
        assert!(
            !run(&world, vec![command(&world, id, what)])[0]
                .as_ref()
                .unwrap()
                .already_done
        );
    }
    // The acknowledgement was lost, and the host sends it again.
    let again = run(&world, vec![command(&world, "close", close.clone())]);
    assert!(again[0].as_ref().unwrap().already_done);
    // Another command that says the same is refused.
    let other = run(&world, vec![command(&world, "another", close)]);
    assert!(
        matches!(&other[0], Err(Error::Refused(refusal)) if refusal.code() == "lead-is-closed")
    );
}

/// A command that comes again is decided again before anybody knows that it is a repeat, and the
/// commands behind it on what it would make. If somebody else writes meanwhile, the record was
/// written as often as they expect; they must not take what it holds for what they expect.
#[test]
fn what_builds_on_a_command_that_comes_to_nothing_does_not_write_over_what_others_did() {
    pollster::block_on(async {
        let kept = MemoryStore::default();
        let playbook = || Playbook::load("playbooks/field-and-digital-sales").unwrap();
        let start = "2026-03-10T14:30:00Z".parse().unwrap();
        let world = World::new(playbook(), Arc::new(kept.clone()), start).unwrap();
        let (_, registration) = command(&world, "", register("Luis"));
        let lead = world.engine().execute(None, registration).await.unwrap();
        let lead = lead.lead.unwrap().id;
        let attempt = |id: &str| {
            let order = LeadOrder::Attempt { reached: false };
            command(&world, id, What::Lead { lead, order })
        };
        let (id, first) = attempt("first");
        world.engine().execute(id, first).await.unwrap();

        // A commit that takes its time: others run before it.
        let plan = Plan::new().on(Call::Commit, 1, StoreFault::Delay(Elapsed::zero()));
        let slow = Engine::builder(FaultyStore::new(kept, plan))
            .playbook(world.tenant().name().clone(), playbook())
            .mailer("email", MemoryMailer::default())
            .clock(VirtualClock::at(world.now()))
            .build()
            .unwrap();
        let repeat_and_second = slow.execute_all(vec![attempt("first"), attempt("second")]);
        let (id, other) = attempt("other");
        let (answers, _) = join(repeat_and_second, world.engine().execute(id, other)).await;
        assert!(answers.unwrap().iter().all(Result::is_ok));

        let found = world.tenant().lead(lead).await.unwrap().unwrap();
        assert_eq!(found.attempts.unanswered, 3);
    });
}

/// An engine on a store, with twenty advisors.
fn advisors(world: &World, store: FaultyStore) -> Engine {
    let playbook = Playbook::load("playbooks/field-and-digital-sales").unwrap();
    let engine = Engine::builder(store)
        .playbook(world.tenant().name().clone(), playbook)
        .mailer("email", MemoryMailer::default())
        .clock(VirtualClock::at(world.now()))
        .build()
        .unwrap();
    let set_up = (0..20).map(|n| {
        let agent = AgentSetup::new(format!("advisor-{n}"))
            .name(format!("Advisor {n}"))
            .email(format!("advisor.{n}@example.com"))
            .role("advisor")
            .cities(["Quito"]);
        command(
            world,
            &format!("advisor {n}"),
            What::SetUpAgent(Box::new(agent)),
        )
    });
    let answers = pollster::block_on(world.engine().execute_all(set_up.collect())).unwrap();
    assert!(answers.iter().all(Result::is_ok));
    engine
}

fn registrations(world: &World, whose: &str, many: u32) -> Vec<(Option<CommandId>, Command)> {
    let numbers = 0..many;
    let registration = |n| {
        command(
            world,
            &format!("{whose} {n}"),
            register(&format!("{whose} {n}")),
        )
    };
    numbers.map(registration).collect()
}

fn kept_world() -> (MemoryStore, World) {
    let kept = MemoryStore::default();
    let playbook = Playbook::load("playbooks/field-and-digital-sales").unwrap();
    let start = "2026-03-10T14:30:00Z".parse().unwrap();
    let world = World::new(playbook, Arc::new(kept.clone()), start).unwrap();
    (kept, world)
}

#[test]
fn what_many_commands_need_is_loaded_at_once() {
    let (kept, world) = kept_world();
    let store = FaultyStore::new(kept, Plan::new());
    let engine = advisors(&world, store.clone());
    let answers = pollster::block_on(engine.execute_all(registrations(&world, "Luis", 300)));
    assert!(answers.unwrap().iter().all(Result::is_ok));
    let loads = store
        .calls()
        .iter()
        .filter(|call| **call == Call::Load)
        .count();
    assert!(loads <= 12, "{loads} loads for 300 registrations");
}

#[test]
fn commands_come_together_to_what_they_come_to_one_by_one() {
    let owners = |together: bool| {
        let (kept, world) = kept_world();
        let engine = advisors(&world, FaultyStore::new(kept, Plan::new()));
        let commands = registrations(&world, "Luis", 100);
        let answers = match together {
            true => pollster::block_on(engine.execute_all(commands)).unwrap(),
            false => {
                let one = |(id, command)| pollster::block_on(engine.execute(id, command));
                commands.into_iter().map(one).collect()
            }
        };
        let lead = |answer: Result<Answer, Error>| answer.unwrap().lead.unwrap();
        let leads: Vec<_> = answers.into_iter().map(lead).collect();
        let told = |lead: leadkit::record::Lead| {
            let tasks: Vec<_> = lead.tasks.iter().map(|task| task.name.clone()).collect();
            (lead.id, lead.owner_id().cloned(), tasks)
        };
        leads.into_iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(owners(true), owners(false));
}

/// What is due behind a batch is decided while the batch is committed. Where others were faster, that
/// was decided on what never came true.
#[test]
fn what_is_due_behind_commands_is_done_also_if_they_were_decided_in_vain() {
    pollster::block_on(async {
        let (kept, world) = kept_world();
        let plan = Plan::new().on(Call::Commit, 1, StoreFault::Delay(Elapsed::zero()));
        let slow = advisors(&world, FaultyStore::new(kept, plan));
        let late = slow.execute_all(registrations(&world, "Luis", 40));
        let early = world.engine().execute_all(registrations(&world, "Eva", 40));
        let (late, early) = join(late, early).await;
        let answers = late.unwrap().into_iter().chain(early.unwrap());
        for lead in answers.map(|answer| answer.unwrap().lead.unwrap()) {
            let stored = world.tenant().lead(lead.id).await.unwrap().unwrap();
            assert_eq!(lead, stored);
            assert!(lead.owner.is_some() && !lead.tasks.is_empty());
        }
    });
}

/// Commands go to the store in portions, and each is decided while the one before is on its way. Where
/// one of these came to nothing, the refusals behind it were decided on what never came true.
#[test]
fn a_repeat_among_many_commands_makes_none_behind_it_be_refused() {
    let (kept, world) = kept_world();
    // The second portion takes so long that the third is decided before it is there.
    let plan = || Plan::new().on(Call::Commit, 2, StoreFault::Delay(Elapsed::zero()));
    let slow = FaultyStore::new(kept, plan());
    let slow = (0..40).fold(slow, |slow, _| FaultyStore::new(slow, plan()));
    let engine = advisors(&world, slow);
    let of = |name: &str| {
        let answers = run(&world, vec![command(&world, name, register(name))]);
        answers[0].as_ref().unwrap().lead.as_ref().unwrap().id
    };
    // What is repeated is about another lead: nothing behind it rests on what it would have written.
    let (lead, other) = (of("Luis"), of("Otto"));
    let order = |id, order| command(&world, id, What::Lead { lead, order });
    let reached = |lead, id| {
        let order = LeadOrder::Attempt { reached: true };
        command(&world, id, What::Lead { lead, order })
    };
    run(&world, vec![reached(lead, "luis"), reached(other, "otto")]);

    // Each is about a lead of its own, so that none is decided anew for another's sake.
    let leads = run(&world, registrations(&world, "Eva", 650)).into_iter();
    let leads = leads.map(|answer| answer.unwrap().lead.unwrap().id);
    let tried = |(n, lead)| {
        let order = LeadOrder::Attempt { reached: false };
        command(&world, &format!("tried {n}"), What::Lead { lead, order })
    };
    let mut commands: Vec<_> = leads.enumerate().map(tried).collect();
    commands[100] = reached(other, "otto");
    let (stage, reason) = ("lost".into(), Some("no money".into()));
    commands[300] = order("close", LeadOrder::Close { stage, reason });
    commands[600] = order(
        "reopen",
        LeadOrder::Reopen {
            stage: "new".into(),
            wait: None,
        },
    );
    let answers = pollster::block_on(engine.execute_all(commands)).unwrap();
    for (place, answer) in answers.iter().enumerate() {
        let answer = answer
            .as_ref()
            .unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!(answer.already_done, place == 100);
    }
}

#[test]
fn what_comes_behind_commands_that_the_store_did_not_take_is_not_carried_out() {
    let (kept, world) = kept_world();
    let plan = Plan::new().on(Call::Commit, 2, StoreFault::Before);
    let engine = advisors(&world, FaultyStore::new(kept, plan));
    let commands = registrations(&world, "Eva", 700);
    let answers = pollster::block_on(engine.execute_all(commands)).unwrap();
    let done: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    let first_in_vain = done.iter().position(|done| !done).unwrap();
    assert!((1..700).contains(&first_in_vain));
    assert!(done[first_in_vain..].iter().all(|done| !done));
    let stored = pollster::block_on(world.tenant().count(r#"source == "web""#, &[])).unwrap();
    let count: u64 = stored.iter().map(|counted| counted.count).sum();
    assert_eq!(count, u64::try_from(first_in_vain).unwrap());
}
