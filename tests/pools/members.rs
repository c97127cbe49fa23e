//! Who is in a pool, and what is known of them there.

use super::*;

// ------------------------------------------------------------------ leaving and coming back

/// Who is available is in the pool, two leads each at most.
fn takes_pauses() -> Arc<Playbook> {
    shop(
        r#"
[role.seller]
may = ["*"]

[[route]]
to     = "sales.new"
assign = "inside"

[pool.inside]
members  = 'available'
choose   = "evenly"
capacity = 2
over     = "180 days"
"#,
    )
}

#[test]
fn who_leaves_a_pool_and_comes_back_still_holds_its_leads() {
    let playbook = takes_pauses();
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&playbook]);
        set_up(&engine, agent("ana")).await;
        for _ in 0..2 {
            assert_eq!(owner(&register(&engine).await), Some("ana"));
        }
        set_up(&engine, AgentSetup::new("ana").available(false)).await;
        assert!(world.pool("inside").await.unwrap().members.is_empty());
        set_up(&engine, AgentSetup::new("ana").available(true)).await;
        let pool = world.pool("inside").await.unwrap();
        assert_eq!(pool.members[0].load, 2);
        assert_eq!(pool.members[0].tally.counts(world.clock.now()).received, 2);
        assert_eq!(owner(&register(&engine).await), None, "ana is full");
    });
}

#[test]
fn what_happens_to_its_leads_while_an_agent_is_away_is_known_when_it_comes_back() {
    let playbook = takes_pauses();
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&playbook]);
        set_up(&engine, agent("ana")).await;
        let lead = register(&engine).await;
        register(&engine).await;
        set_up(&engine, AgentSetup::new("ana").available(false)).await;
        engine
            .tenant(TENANT)
            .close(lead.id, "won", "")
            .by(Actor::host("test"))
            .await
            .unwrap();
        set_up(&engine, AgentSetup::new("ana").available(true)).await;
        let member = world.pool("inside").await.unwrap().members[0].clone();
        let counts = member.tally.counts(world.clock.now());
        assert_eq!((member.load, counts.received, counts.won), (1, 2, 1));
    });
}

#[test]
fn who_joins_a_second_pool_brings_load_and_record_along() {
    let playbook = shop(
        r#"
[role.seller]
may = ["*"]

[[route]]
to     = "sales.new"
assign = "all"

[pool.all]
members  = 'role == "seller"'
capacity = 10
over     = "180 days"

[pool.north]
members  = 'team == "north"'
capacity = 2
over     = "90 days"
"#,
    );
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&playbook]);
        set_up(&engine, agent("ana")).await;
        let lead = register(&engine).await;
        register(&engine).await;
        engine
            .tenant(TENANT)
            .close(lead.id, "won", "")
            .by(Actor::host("test"))
            .await
            .unwrap();
        register(&engine).await;
        set_up(&engine, AgentSetup::new("ana").team("north")).await;
        let member = world.pool("north").await.unwrap().members[0].clone();
        let counts = member.tally.counts(world.clock.now());
        assert_eq!((member.load, counts.received, counts.won), (2, 3, 1));
        let fourth = engine
            .tenant(TENANT)
            .register(NewLead::new("Eva").owner("ana"))
            .by(Actor::host("test"))
            .await;
        let refused = engine
            .tenant(TENANT)
            .assign(fourth.unwrap().id, "north")
            .by(Actor::host("test"))
            .await;
        assert!(
            matches!(refused, Err(Error::Refused(refusal)) if refusal.code() == "nobody-eligible")
        );
    });
}

// ------------------------------------------------------------------ turns

fn evenly() -> Arc<Playbook> {
    shop(
        r#"
[role.seller]
may = ["*"]

[[route]]
to     = "sales.new"
assign = "inside"

[pool.inside]
members  = 'available'
choose   = "evenly"
capacity = 1000
"#,
    )
}

#[test]
fn who_is_new_in_a_pool_gets_its_share_and_no_flood() {
    let playbook = evenly();
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&playbook]);
        for id in ["ana", "bea", "cid"] {
            set_up(&engine, agent(id)).await;
        }
        for _ in 0..31 {
            register(&engine).await;
        }
        set_up(&engine, agent("dora")).await;
        let mut dora = 0;
        for n in 1..=40 {
            dora += usize::from(owner(&register(&engine).await) == Some("dora"));
            let share = n / 4;
            assert!(
                dora >= share.max(1) - 1 && dora <= share + 1,
                "{dora} of {n}"
            );
        }
    });
}

/// An agent who takes a break after each lead, as short as it may be. The leads are done with at
/// once, so that nobody's load decides.
#[test]
fn leaving_after_a_lead_and_coming_back_does_not_jump_the_queue() {
    let playbook = evenly();
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&playbook]);
        for id in ["ana", "bea", "cid", "dora"] {
            set_up(&engine, agent(id)).await;
        }
        let mut got: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..80 {
            let lead = register(&engine).await;
            let owner = owner(&lead).unwrap().to_owned();
            engine
                .tenant(TENANT)
                .move_to(lead.id, "lost")
                .by(Actor::host("test"))
                .await
                .unwrap();
            if owner == "ana" {
                set_up(&engine, AgentSetup::new("ana").available(false)).await;
                set_up(&engine, AgentSetup::new("ana").available(true)).await;
            }
            *got.entry(owner).or_default() += 1;
        }
        assert!(got.values().all(|got| *got == 20), "{got:?}");
    });
}

// ------------------------------------------------------------------ adoption

#[test]
fn an_adoption_makes_its_pools_from_all_agents_also_of_roles_that_it_lacks() {
    let one = shop(
        r#"
[role.seller]
may = ["*"]

[role.freelance]
may = ["*"]

[[route]]
to = "sales.new"

[pool.inside]
members  = 'role == "seller"'
over     = "180 days"

[pool.outside]
members  = 'role == "freelance"'
"#,
    );
    let two = shop(
        r#"
[role.seller]
may = ["*"]

[[route]]
to = "sales.new"

[pool.inside]
members  = 'role == "seller" and team == "north"'
choose   = "evenly"
over     = "90 days"

[pool.north]
members  = 'team == "north"'
over     = "30 days"
"#,
    );
    const AGENTS: usize = 1_200;
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&one]);
        let id = |n: usize| format!("agent-{n:04}");
        for n in 0..AGENTS {
            let setup = agent(&id(n)).team(if n % 2 == 0 { "north" } else { "south" });
            let setup = if n % 3 == 0 {
                setup.role("freelance")
            } else {
                setup
            };
            set_up(&engine, setup).await;
        }
        // Some have something on hand.
        for n in 0..10 {
            let lead = NewLead::new("Somebody").owner(id(n).as_str());
            engine
                .tenant(TENANT)
                .register(lead)
                .by(Actor::host("test"))
                .await
                .unwrap();
        }
        assert_eq!(world.pool("inside").await.unwrap().members.len(), 800);

        let engine = world.engine(&[&one, &two]);
        engine
            .tenant(TENANT)
            .adopt(Vec::new())
            .by(Actor::host("test"))
            .await
            .unwrap();
        assert!(world.pool("outside").await.is_none());
        let inside = world.pool("inside").await.unwrap();
        let north = world.pool("north").await.unwrap();
        assert_eq!((inside.members.len(), north.members.len()), (400, 600));
        assert_eq!(inside.choose, Choose::Evenly);
        // 0, 6, 12 .. are freelances of the north, whose role the playbook lacks.
        assert!(north.place_of(&AgentId::from("agent-0006")).is_ok());
        let loads = |pool: &Pool| pool.members.iter().map(|member| member.load).sum::<u32>();
        assert_eq!((loads(&inside), loads(&north)), (3, 5));
        let workload = world.workload("agent-0002").await;
        assert_eq!(workload.pools, ["inside", "north"]);

        // A lead that the old playbook still decides counts in the new one's pools.
        let two_s = leads(&engine).await;
        let lead = two_s
            .iter()
            .find(|lead| owner(lead) == Some("agent-0002"))
            .unwrap();
        assert_eq!(lead.playbook, one.hash);
        engine
            .tenant(TENANT)
            .close(lead.id, "won", "")
            .by(Actor::host("test"))
            .await
            .unwrap();
        let north = world.pool("north").await.unwrap();
        let place = north.place_of(&AgentId::from("agent-0002")).unwrap();
        let member = &north.members[place];
        let counts = member.tally.counts(world.clock.now());
        assert_eq!((member.load, counts.received, counts.won), (0, 1, 1));
    });
}

#[test]
fn an_adoption_that_races_with_an_agents_setup_misses_nobody() {
    use leadkit::decide::command::{Adoption, Command, What};
    use leadkit::decide::records::Records;
    use leadkit::decide::{Stop, decide};
    let (one, two) = (evenly(), takes_pauses());
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&one]);
        set_up(&engine, agent("ana")).await;
        let adoption = Adoption {
            playbook: two.hash.clone(),
            stages: Vec::new(),
            occupied: Some(Vec::new()),
        };
        let command = Command {
            tenant: TENANT.into(),
            actor: Actor::host("test"),
            happened_at: None,
            what: What::Adopt(Box::new(adoption)),
        };
        let mut records = Records::new();
        let decision = loop {
            let now = world.clock.now();
            match decide(&two, &records, CommandId::of("adopt"), &command, now) {
                Ok(decision) => break decision,
                Err(Stop::Need(keys)) => {
                    for (key, loaded) in keys.iter().zip(world.store.load(&keys).await.unwrap()) {
                        let record = loaded.body.map(|body| stored::decode(&body).unwrap());
                        records.insert(key.clone(), loaded.version, record.map(Arc::new));
                    }
                }
                Err(Stop::Refused(refusal)) => panic!("{refusal}"),
            }
        };
        set_up(&engine, agent("bea")).await;
        let changes = decision.changes(&two).unwrap();
        let verdict = world.store.commit(vec![changes]).await.unwrap().remove(0);
        assert!(
            matches!(verdict, Verdict::Moved(_)),
            "bea would be in no pool"
        );
    });
}

// ------------------------------------------------------------------ bounds

fn member(id: &str) -> Member {
    Member {
        agent: id.into(),
        copy: Arc::new(AgentCopy::of(&Agent::new(
            id.into(),
            id.into(),
            "anybody@example.com".parse().unwrap(),
            "seller".into(),
        ))),
        load: 0,
        tally: Tally::over(Elapsed::days(180)),
        credit: 0,
    }
}

#[test]
fn a_pool_that_is_full_takes_no_further_member() {
    let playbook = evenly();
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&playbook]);
        let members = (0..Pool::MOST).map(|n| member(&format!("agent-{n:04}")));
        let pool = Pool {
            choose: Choose::Evenly,
            members: members.collect(),
        };
        let key = Key::pool(&Tenant::from(TENANT), &Name::from("inside"));
        world.seed(vec![(key, pool.into_record())]).await;
        let refused = engine
            .tenant(TENANT)
            .set_up(agent("zoe"))
            .by(Actor::host("test"))
            .await;
        let Err(Error::Refused(refusal)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(refusal.code(), "too-many");
        assert!(
            refusal.to_string().contains("5000 members of one pool"),
            "{refusal}"
        );
    });
}

/// A base in which each agent holds a contact once, and two hundred agents.
#[test]
fn the_one_of_two_hundred_who_does_not_hold_the_contact_gets_the_lead() {
    const AGENTS: usize = 200;
    let playbook = shop(
        r#"
[role.seller]
may = ["*"]

[[route]]
to     = "sales.new"
assign = "inside"

[pool.inside]
members  = 'role == "seller"'
choose   = "evenly"

[base.own]
pipelines = ["sales"]
unique    = ["owner", "contact.email"]
"#,
    );
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&playbook]);
        let id = |n: usize| format!("agent-{n:03}");
        for n in 0..AGENTS {
            set_up(&engine, agent(&id(n))).await;
        }
        let other = LeadId(leadkit::ids::Id::named("lead", "another"));
        let email: Email = "luis@example.com".parse().unwrap();
        let hold = |n: usize| {
            let place = Claim::to_place(&"own".into(), &[id(n).into(), email.key()]);
            let key = Key::claim(&Tenant::from(TENANT), place);
            (key, Claim::Lead(other).into_record())
        };
        let all_but_one = (0..AGENTS).filter(|n| *n != 137).map(hold);
        world.seed(all_but_one.collect()).await;
        let luis = || NewLead::new("Luis").email("luis@example.com");
        let lead = engine
            .tenant(TENANT)
            .register(luis())
            .by(Actor::host("test"))
            .await
            .unwrap();
        assert_eq!(owner(&lead), Some("agent-137"));
        // Now everybody holds the contact, and nobody is to have the lead.
        let lead = engine
            .tenant(TENANT)
            .register(luis())
            .by(Actor::host("test"))
            .await
            .unwrap();
        assert_eq!(owner(&lead), None);
    });
}

// ------------------------------------------------------------------ what was won

/// In its last step the lead ends as won directly out of having been lost.
#[test]
fn a_lead_is_won_once_however_often_it_is_closed() {
    let text = SHOP.replace(
        r#"lost = { final = "lost", to = ["new"] }"#,
        r#"lost = { final = "lost", to = ["new", "won"] }"#,
    );
    let people = r#"
[role.seller]
may = ["*"]

[[route]]
to     = "sales.new"
assign = "inside"

[pool.inside]
members  = 'available'
capacity = 2
over     = "180 days"
"#;
    let playbook = with_text(&format!("{text}{people}"));
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&playbook]);
        set_up(&engine, agent("ana")).await;
        let lead = register(&engine).await.id;
        let shop = engine.tenant(TENANT);
        let won = async || {
            let counts = |tally: &Tally| tally.counts(world.clock.now());
            let own = counts(&world.workload("ana").await.tallies[0]);
            let pool = world.pool("inside").await.unwrap();
            assert_eq!(counts(&pool.members[0].tally), own);
            assert_eq!(own.received, 1);
            own.won
        };
        for (stage, expected) in [
            ("won", 1),
            ("new", 0),
            ("won", 1),
            ("new", 0),
            ("lost", 0),
            ("won", 1),
        ] {
            // Each in another part of the window.
            world.clock.advance(Elapsed::days(16));
            let is_open = shop.lead(lead).await.unwrap().unwrap().is_open();
            let asked = match is_open {
                true => shop.move_to(lead, stage),
                false => shop.reopen(lead, stage),
            };
            asked.by(Actor::host("test")).await.unwrap();
            assert_eq!(won().await, expected, "{stage}");
        }
    });
}

/// Of two with one id, the later.
#[test]
fn members_who_are_collected_are_one_for_each_id() {
    let member = |id: &str, load| Member { load, ..member(id) };
    let all = [member("bea", 1), member("ana", 2), member("bea", 3)];
    let members: Members = all.into_iter().collect();
    let loads = members.iter().map(|one| (one.agent.as_str(), one.load));
    assert_eq!(loads.collect::<Vec<_>>(), [("ana", 2), ("bea", 3)]);
}
