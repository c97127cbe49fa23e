//! Commands that race, come twice or say nonsense.

use super::*;

#[test]
fn two_registrations_of_one_email_by_one_agent_racing_each_other_make_one_lead() {
    block_on(async {
        let store = yielding();
        let Bench { engine, .. } = bench(store, "2026-03-10T09:30:00-06:00");
        people(&engine).await;
        let toluca = engine.tenant("toluca");
        let racing = (0..8).map(|_| async { toluca.register(rosa()).by("luisa").await });
        let results = join_all(racing).await;
        let registered: Vec<&Lead> = results
            .iter()
            .filter_map(|result| result.as_ref().ok())
            .collect();
        assert_eq!(registered.len(), 1);
        let refused = results.iter().filter_map(|result| result.as_ref().err());
        for error in refused {
            let Error::Refused(refusal) = error else {
                panic!("{error}")
            };
            assert_eq!(refusal.code(), "already-held");
        }
        assert_eq!(toluca.count("", &[]).await.unwrap()[0].count, 1);
    });
}

#[test]
fn another_command_under_an_id_that_is_taken_is_refused_and_not_taken_for_a_repeat() {
    block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let Bench { engine, clock, .. } = bench(store.clone(), "2026-03-10T09:30:00-05:00");
        people(&engine).await;
        let quito = engine.tenant("quito");
        let id = CommandId::of("webhook 7");
        let first = quito.register(luis()).by(desk()).id(id).await.unwrap();
        let other = NewLead::new("Eva Paz")
            .email("eva@example.com")
            .source("web")
            .field("city", "Quito");
        let taken = quito.register(other.clone()).by(desk()).id(id).await;
        assert!(matches!(taken, Err(Error::Refused(refusal)) if refusal.code() == "id-taken"));
        // Neither is one that would be refused anyway.
        let closed = quito.reopen(first.id, "new").by(desk()).id(id).await;
        assert!(matches!(closed, Err(Error::Refused(refusal)) if refusal.code() == "id-taken"));
        assert_eq!(quito.count("", &[]).await.unwrap()[0].count, 1);
        // Two workers with one seed make the same ids: the second is told, and loses no lead
        // without a word.
        let one = bench_of(store.clone(), clock.clone(), 7).engine;
        let two = bench_of(store, clock, 7).engine;
        one.tenant("quito").tried(first.id).by("ana").await.unwrap();
        let lost = two.tenant("quito").register(other).by(desk()).await;
        assert!(matches!(lost, Err(Error::Refused(refusal)) if refusal.code() == "id-taken"));
    });
}

#[test]
fn the_same_command_twice_acts_once_and_answers_with_the_same_lead() {
    block_on(async {
        let Bench { engine, clock, .. } = bench(
            Arc::new(MemoryStore::default()),
            "2026-03-10T09:30:00-05:00",
        );
        people(&engine).await;
        let quito = engine.tenant("quito");
        let id = CommandId::of("webhook 7");
        let first = quito.register(luis()).by(desk()).id(id).await.unwrap();
        clock.advance(Elapsed::hours(1));
        let again = quito.register(luis()).by(desk()).id(id).await.unwrap();
        assert_eq!(again.id, first.id);
        let tried = CommandId::of("webhook 8");
        for _ in 0..3 {
            quito.tried(first.id).by("ana").id(tried).await.unwrap();
        }
        assert_eq!(
            quito
                .lead(first.id)
                .await
                .unwrap()
                .unwrap()
                .attempts
                .total(),
            1
        );
        let answer: Answer = engine
            .execute(
                Some(tried),
                leadkit::decide::command::Command {
                    tenant: "quito".into(),
                    actor: Actor::agent("ana"),
                    happened_at: None,
                    what: leadkit::decide::command::What::Lead {
                        lead: first.id,
                        order: LeadOrder::Attempt { reached: false },
                    },
                },
            )
            .await
            .unwrap();
        assert!(answer.already_done);
    });
}

#[test]
fn what_is_wrong_with_a_lead_is_told_all_at_once() {
    block_on(async {
        let Bench { engine, .. } = bench(
            Arc::new(MemoryStore::default()),
            "2026-03-10T09:30:00-06:00",
        );
        people(&engine).await;
        let wrong = NewLead::new(" ")
            .email("not an address")
            .source("wbe")
            .wait("three-to-six-months")
            .wait_days(7)
            .field("car", "Beetle")
            .field("colour", "red");
        let Err(Error::Refused(refusal)) =
            engine.tenant("toluca").register(wrong).by("luisa").await
        else {
            panic!("was taken in");
        };
        let wrong: Vec<&str> = refusal.missing().map(|input| input.as_str()).collect();
        assert_eq!(
            wrong,
            ["name", "email", "source", "car", "colour", "wait_days"]
        );
        let told = refusal.to_string();
        for said in [
            "source: `wbe` is unknown; did you mean `web`?",
            "car: `Beetle` is unknown; there are: X1, X3, X5, Serie 3",
            "colour: is no field of the playbook",
            "must be 90 days to 180 days",
        ] {
            assert!(told.contains(said), "{said}: {told}");
        }
        assert_eq!(
            engine.tenant("toluca").count("", &[]).await.unwrap()[0].count,
            0
        );
    });
}

#[test]
fn two_engines_that_begin_a_tenant_at_once_do_not_take_it_over_from_each_other() {
    block_on(async {
        let store = yielding();
        let engine_with = |playbook: Arc<Playbook>| {
            Engine::builder_on(store.clone())
                .playbook("quito", playbook)
                .mailer("email", MemoryMailer::default())
                .clock(VirtualClock::at(at("2026-03-10T09:30:00-05:00")))
                .build()
                .unwrap()
        };
        let (one, other) = (engine_with(sales()), engine_with(follow_up()));
        let marco = |role: &str| {
            AgentSetup::new("marco")
                .name("M")
                .email("m@x.example")
                .role(role)
        };
        let (one, other) = (one.tenant("quito"), other.tenant("quito"));
        let results = futures::future::join(
            async { one.set_up(marco("sales-manager")).by(desk()).await },
            async { other.set_up(marco("manager")).by(desk()).await },
        )
        .await;
        // One of them is the first; the other is told that its playbook is not the active one.
        assert!(results.0.is_ok() != results.1.is_ok(), "{results:?}");
        let sweeps = one.count_of(Kind::Sweep, "", &[]).await.unwrap();
        assert_eq!(sweeps[0].count, 0);
    });
}

#[test]
fn a_command_of_an_agent_costs_one_load_and_one_commit() {
    block_on(async {
        let store = Arc::new(FaultyStore::new(MemoryStore::default(), Plan::new()));
        let bench = bench(store.clone(), "2026-03-10T09:30:00-05:00");
        people(&bench.engine).await;
        let quito = bench.engine.tenant("quito");
        let lead = quito.register(luis()).by(desk()).await.unwrap();
        let owner = lead.owner_id().unwrap().as_str();
        let before = store.calls().len();
        quito.tried(lead.id).by(owner).await.unwrap();
        assert_eq!(store.calls()[before..], [Call::Load, Call::Commit]);
    });
}
