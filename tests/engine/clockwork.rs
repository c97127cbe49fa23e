//! Clocks that jump, end or tick in many places at once: each thing is done once.

use super::*;

#[test]
fn eight_workers_ticking_at_once_fire_each_rule_once() {
    block_on(async {
        let store = yielding();
        let Bench {
            engine,
            clock,
            mailer,
        } = bench(store.clone(), "2026-03-10T09:30:00-05:00");
        people(&engine).await;
        for n in 0..20 {
            let lead = NewLead::new("Somebody")
                .email(format!("n{n}@example.com"))
                .source("web")
                .field("city", "Quito");
            engine
                .tenant("quito")
                .register(lead)
                .by(desk())
                .await
                .unwrap();
        }
        clock.set(at("2026-03-10T15:00:00-05:00"));
        let results = join_all((0..8).map(|_| engine.tick())).await;
        for result in results {
            result.unwrap();
        }
        engine.tick().await.unwrap();
        assert_eq!(mailer.mailbox("marco@minegocio.example").len(), 20);
        let leads = engine
            .tenant("quito")
            .leads("reassignments == 1", Order::Id, None, 100)
            .await
            .unwrap();
        assert_eq!(leads.whole().unwrap().len(), 20);
        assert_clocks(&engine, store.as_ref(), &sales(), "quito").await;
    });
}

#[test]
fn a_clock_that_jumps_ten_years_ahead_and_back_does_each_thing_once() {
    block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let Bench {
            engine,
            clock,
            mailer,
        } = bench(store.clone(), "2026-03-10T09:30:00-06:00");
        people(&engine).await;
        engine
            .tenant("toluca")
            .register(rosa())
            .by("luisa")
            .await
            .unwrap();
        clock.set(at("2036-03-10T09:30:00-06:00"));
        engine.tick().await.unwrap();
        // First message and one re-contact: it catches up once, not forty times.
        assert_eq!(mailer.mailbox("rosa@example.com").len(), 2);
        clock.set(at("2026-03-11T09:30:00-06:00"));
        engine.tick().await.unwrap();
        assert_eq!(mailer.mailbox("rosa@example.com").len(), 2);
        assert_clocks(&engine, store.as_ref(), &follow_up(), "toluca").await;
    });
}

/// What a worker counted whose clock was ten years ahead says nothing of the agent today, and keeps nothing from
/// being counted.
#[test]
fn what_agents_have_won_is_counted_also_after_a_clock_that_was_ten_years_ahead() {
    block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let Bench { engine, clock, .. } = bench(store.clone(), "2036-03-10T09:30:00-05:00");
        people(&engine).await;
        let quito = engine.tenant("quito");
        let ahead = quito.register(luis()).by(desk()).await.unwrap();
        let owner = async |lead| {
            let lead = quito.lead(lead).await.unwrap().unwrap();
            lead.owner_id().unwrap().clone()
        };
        let agent = owner(ahead.id).await;
        let received = async || {
            let key = Key::workload(&"quito".into(), &agent);
            let loaded = store.load(&[key]).await.unwrap().remove(0);
            let record = leadkit::record::stored::decode(&loaded.body.unwrap()).unwrap();
            let leadkit::record::Record::Workload(workload) = record else {
                panic!("no workload")
            };
            workload.tallies[0].counts(clock.now()).received
        };
        assert_eq!(received().await, 1);
        clock.set(at("2026-03-10T09:30:00-05:00"));
        assert_eq!(received().await, 0, "it has not happened yet");
        for n in 1..=2 {
            let lead = luis().email(format!("n{n}@example.com"));
            let lead = quito.register(lead).by(desk()).await.unwrap().id;
            if owner(lead).await != agent {
                quito
                    .reassign(lead, agent.as_str())
                    .by(desk())
                    .await
                    .unwrap();
            }
            assert_eq!(received().await, n);
        }
    });
}

#[test]
fn the_end_of_time_and_the_future_are_refused_or_harmless() {
    block_on(async {
        let Bench { engine, clock, .. } = bench(
            Arc::new(MemoryStore::default()),
            "9999-12-30T09:30:00-06:00",
        );
        people(&engine).await;
        let toluca = engine.tenant("toluca");
        let lead = toluca.register(rosa()).by("luisa").await.unwrap();
        let explained = toluca.explain(lead.id).await.unwrap().to_string();
        assert!(
            explained.contains("never: the answer lies beyond"),
            "{explained}"
        );
        let future = clock.now() + Elapsed::days(1);
        let refused = toluca.tried(lead.id).by("luisa").happened_at(future).await;
        assert!(
            matches!(refused, Err(Error::Refused(refusal)) if refusal.code() == "in-the-future")
        );
        clock.set(Instant::MAX_UTC);
        engine.tick().await.unwrap();
    });
}
