//! What races with an adoption.

use super::*;

/// Deciding by hand, so that what others do comes in between.
struct Hand<'a> {
    world: &'a World,
    playbook: &'a Playbook,
}

impl Hand<'_> {
    async fn decide(&self, id: &str, what: What) -> Result<Decision, Stop> {
        let command = Command {
            tenant: Tenant::from(TENANT),
            actor: Actor::host("hand"),
            happened_at: None,
            what,
        };
        let mut records = Records::new();
        loop {
            let now = self.world.clock.now();
            match decide(self.playbook, &records, CommandId::of(id), &command, now) {
                Err(Stop::Need(keys)) => {
                    let loaded = self.world.store.load(&keys).await.unwrap();
                    for (key, loaded) in keys.into_iter().zip(loaded) {
                        let record = loaded.body.map(|body| stored::decode(&body).unwrap());
                        records.insert(key, loaded.version, record.map(Arc::new));
                    }
                }
                decided => return decided,
            }
        }
    }

    async fn commit(&self, decision: &Decision) -> Verdict {
        let changes = decision.changes(self.playbook).unwrap();
        self.world
            .store
            .commit(vec![changes])
            .await
            .unwrap()
            .remove(0)
    }
}

/// Whatever the active playbook decides is decided again when another one becomes active.
#[test]
fn what_races_with_an_adoption_is_decided_again() {
    let (one, two) = (shop(""), shop("[activity]\nvisit = {}"));
    let ana = AgentSetup::new("ana")
        .name("Ana")
        .email("ana@example.com")
        .role("seller");
    let racing = [
        What::Register(Box::new(luis())),
        What::SetUpAgent(Box::new(ana)),
        What::StartSweep(Box::new(weekly("open"))),
    ];
    for what in racing {
        block_on(async {
            let world = World::new();
            register(&world.engine(&[&one])).await;
            let hand = Hand {
                world: &world,
                playbook: &one,
            };
            let decision = hand.decide("late", what.clone()).await.unwrap();
            let engine = world.engine(&[&one, &two]);
            world.adopt(&engine).await;
            let Verdict::Moved(moved) = hand.commit(&decision).await else {
                panic!("was written behind the adoption's back");
            };
            assert!(moved.contains(&Key::tenant(&TENANT.into())), "{moved:?}");
            // Decided again by the old playbook it is refused.
            let Err(Stop::Refused(refusal)) = hand.decide("late", what).await else {
                panic!("was decided by a playbook that is not the active one");
            };
            assert_eq!(refusal.code(), "not-active");
        });
    }
}

/// A store on which this engine adopts, and its sweep goes through all leads, just before the next commit.
fn with_an_adoption_before_the_next_commit(store: Arc<dyn Store>, engine: Engine) -> Tapped {
    let adopts = Mutex::new(Some(engine));
    Tapped::new(store, move |store, changes| {
        let engine = adopts.lock().unwrap().take();
        Box::pin(async move {
            if let Some(engine) = engine {
                let adopts = engine.tenant(TENANT).adopt(Vec::new());
                adopts.by(Actor::host("test")).await.unwrap();
                engine.tick().await.unwrap();
            }
            store.commit(changes).await
        })
    })
}

/// A registration is decided; before it is written another worker adopts a playbook, and its
/// sweep has gone through all the leads that there are.
#[test]
fn a_registration_that_races_with_an_adoption_is_not_left_under_the_old_playbook() {
    let (one, two) = (shop(""), shop("[activity]\nvisit = {}"));
    block_on(async {
        for knows_both in [true, false] {
            let world = World::new();
            register(&world.engine(&[&one])).await;
            let other = world.engine(&[&one, &two]);
            let store = with_an_adoption_before_the_next_commit(world.store.clone(), other);
            let racing = World {
                store: Arc::new(store),
                clock: world.clock.clone(),
                mailer: world.mailer.clone(),
                start: world.start,
            };
            let engine = match knows_both {
                true => racing.engine(&[&two, &one]),
                false => racing.engine(&[&one]),
            };
            let eva = NewLead::new("Eva").email("eva@example.com");
            match engine
                .tenant(TENANT)
                .register(eva)
                .by(Actor::host("test"))
                .await
            {
                Ok(lead) => assert_eq!(lead.playbook, two.hash),
                Err(Error::NotAdopted { active, .. }) => {
                    assert!(!knows_both);
                    assert_eq!(active, two.hash);
                }
                Err(error) => panic!("{error}"),
            }
            world.assert_clocks(&two).await;
        }
    });
}

#[test]
fn a_later_adoption_ends_the_sweep_of_the_earlier_one_which_takes_nothing_back() {
    let (one, two, three) = (
        shop(""),
        shop("[activity]\nvisit = {}"),
        shop("[activity]\ncall = {}"),
    );
    block_on(async {
        let world = World::new();
        let lead = register(&world.engine(&[&one])).await;
        let engine = world.engine(&[&one, &two]);
        let earlier = engine
            .tenant(TENANT)
            .adopt(Vec::new())
            .by(Actor::host("test"))
            .await
            .unwrap()
            .sweep
            .unwrap();
        // A worker is in the middle of the earlier sweep's page ...
        let hand = Hand {
            world: &world,
            playbook: &two,
        };
        let take_over = || What::Lead {
            lead,
            order: LeadOrder::Adopt {
                playbook: two.hash.clone(),
                stages: Vec::new(),
            },
        };
        let decision = hand.decide("target", take_over()).await.unwrap();
        // ... when the later adoption comes.
        let engine = world.engine(&[&one, &two, &three]);
        let later = engine
            .tenant(TENANT)
            .adopt(Vec::new())
            .by(Actor::host("test"))
            .await
            .unwrap()
            .sweep
            .unwrap();
        assert_eq!(world.sweep(earlier).await.next_at, None);
        assert_eq!(world.tenant().await.sweep, Some(later));
        assert!(matches!(hand.commit(&decision).await, Verdict::Moved(_)));
        let Err(Stop::Refused(refusal)) = hand.decide("target", take_over()).await else {
            panic!("was taken back");
        };
        assert_eq!(refusal.code(), "not-active");
        // The adoption's own sweep is not to be cancelled: leads would be left behind.
        assert_eq!(
            code(
                engine
                    .tenant(TENANT)
                    .cancel_sweep(later)
                    .by(Actor::host("test"))
                    .await
            ),
            "takes-over"
        );
        engine.tick().await.unwrap();
        world.assert_clocks(&three).await;
        assert_eq!(world.sweep(later).await.reached, 1);
        assert_eq!(world.sweep(earlier).await.reached, 0);
    });
}

#[test]
fn a_page_that_somebody_else_did_meanwhile_counts_once() {
    use leadkit::decide::command::Wake;
    let playbook = shop("");
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&playbook]);
        register(&engine).await;
        let sweep = engine
            .tenant(TENANT)
            .sweep(weekly("open"))
            .by(Actor::host("test"))
            .await
            .unwrap();
        let sweep = sweep.sweep.unwrap();
        engine.tick().await.unwrap();
        let after = world.sweep(sweep).await;
        assert_eq!((after.occurrence, after.reached), (1, 1));
        // A worker whose lease ran out comes with the same page.
        let late = Wake::SweepPage {
            sweep,
            occurrence: 0,
            from: None,
            reached: None,
            counts: (1, 0),
        };
        let key = Key::sweep(&TENANT.into(), sweep);
        let mut records = Records::new();
        let loaded = world.store.load(std::slice::from_ref(&key)).await.unwrap();
        let record = stored::decode(loaded[0].body.as_ref().unwrap()).unwrap();
        records.insert(key, loaded[0].version, Some(Arc::new(record)));
        let now = world.clock.now();
        let woken = leadkit::decide::wake(&playbook, &records, &TENANT.into(), &late, now);
        assert!(woken.unwrap().decision.is_none());
    });
}
