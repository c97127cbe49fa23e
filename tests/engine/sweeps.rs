//! Sweeps that are interrupted, and those that come again and again.

use super::shop::{folder, read};
use super::*;

#[test]
fn a_sweep_reaches_each_target_once_however_often_it_is_interrupted() {
    block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let Bench { engine, clock, .. } = bench(store.clone(), "2026-03-10T09:30:00-05:00");
        people(&engine).await;
        let quito = engine.tenant("quito");
        for n in 0..450 {
            let lead = NewLead::new("Somebody")
                .email(format!("n{n}@example.com"))
                .source("route");
            quito.register(lead).by(desk()).await.unwrap();
        }
        let sweep = NewSweep {
            name: "parked".into(),
            audience: r#"source == "route""#.into(),
            order: LeadOrder::Hold {
                hold: "customer-asked".into(),
            },
            starts_at: None,
            every_days: None,
        };
        let answer = quito.sweep(sweep).by(desk()).await.unwrap();
        assert!(answer.sweep.is_some());
        clock.advance(Elapsed::seconds(1));
        let ticked = engine.tick().await.unwrap();
        assert_eq!(ticked.pages, 3);
        assert_eq!(quito.count("held", &[]).await.unwrap()[0].count, 450);
        assert_clocks(&engine, store.as_ref(), &sales(), "quito").await;
    });
}

#[test]
fn a_sweep_that_comes_every_week_catches_up_once_and_keeps_its_hour() {
    block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let Bench { engine, clock, .. } = bench(store, "2026-03-02T09:30:00-05:00");
        people(&engine).await;
        let quito = engine.tenant("quito");
        let lead = quito.register(luis()).by(desk()).await.unwrap();
        let sweep = NewSweep {
            name: "weekly".into(),
            audience: "open".into(),
            order: LeadOrder::Record {
                activity: "information".into(),
                fields: Vec::new(),
            },
            starts_at: Some(at("2026-03-02T10:00:00-05:00")),
            every_days: Some(7),
        };
        quito.sweep(sweep).by(desk()).await.unwrap();
        let recorded = async || {
            quito
                .lead(lead.id)
                .await
                .unwrap()
                .unwrap()
                .activities
                .first()
                .map_or(0, |a| a.count)
        };
        clock.set(at("2026-03-02T10:00:00-05:00"));
        engine.tick().await.unwrap();
        assert_eq!(recorded().await, 1);
        // Down for four weeks and a bit: the one that is late, and no more.
        clock.set(at("2026-03-31T12:00:00-05:00"));
        engine.tick().await.unwrap();
        assert_eq!(recorded().await, 2);
        clock.set(at("2026-04-06T09:59:59-05:00"));
        engine.tick().await.unwrap();
        assert_eq!(recorded().await, 2);
        clock.set(at("2026-04-06T10:00:00-05:00"));
        engine.tick().await.unwrap();
        assert_eq!(recorded().await, 3);
    });
}

/// The night in which clocks go back has 25 hours: what comes at ten every day is not yet due when 24 of
/// them are over, and not to be left out.
#[test]
fn a_sweep_that_comes_every_day_leaves_out_no_day_when_the_clocks_go_back_or_forth() {
    let changes = [
        [
            "2026-10-24T10:00:00+02:00",
            "2026-10-25T09:30:00+01:00",
            "2026-10-25T10:00:00+01:00",
        ],
        [
            "2026-03-28T10:00:00+01:00",
            "2026-03-29T09:59:00+02:00",
            "2026-03-29T10:00:00+02:00",
        ],
    ];
    for [starts_at, finished_at, next_at] in changes {
        block_on(async {
            let clock = VirtualClock::at(at(starts_at));
            let engine = Engine::builder(MemoryStore::default())
                .playbook("shop", read(&folder("", "")))
                .clock(clock.clone())
                .seed(1)
                .build()
                .unwrap();
            let shop = engine.tenant("shop");
            let sweep = NewSweep {
                name: "daily".into(),
                audience: "open".into(),
                order: LeadOrder::Answered,
                starts_at: None,
                every_days: Some(1),
            };
            shop.sweep(sweep).by(desk()).await.unwrap();
            clock.set(at(finished_at));
            engine.tick().await.unwrap();
            let sweeps = shop.sweeps("", None, 10).await.unwrap().whole().unwrap();
            assert_eq!(sweeps[0].next_at, Some(at(next_at)));
        });
    }
}

#[test]
fn a_target_that_was_reached_before_its_worker_died_does_not_count_as_refused() {
    block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let Bench { engine, clock, .. } = bench(store.clone(), "2026-03-10T09:30:00-05:00");
        people(&engine).await;
        let quito = engine.tenant("quito");
        let lead = quito.register(luis()).by(desk()).await.unwrap();
        let sweep = NewSweep {
            name: "parked".into(),
            audience: "open".into(),
            order: LeadOrder::Hold {
                hold: "customer-asked".into(),
            },
            starts_at: None,
            every_days: None,
        };
        quito.sweep(sweep).by(desk()).await.unwrap();
        clock.advance(Elapsed::seconds(1));
        // The first commit is that of the page's leads, the second that of the sweep itself.
        let plan = Plan::new().on(Call::Commit, 2, StoreFault::Before);
        let dying = FaultyStore::on(store.clone(), plan);
        let Bench { engine, .. } = bench_of(Arc::new(dying), clock.clone(), 2);
        assert!(matches!(engine.tick().await, Err(Error::Store(_))));
        let Bench { engine, .. } = bench_of(store, clock.clone(), 3);
        let quito = engine.tenant("quito");
        assert!(!quito.lead(lead.id).await.unwrap().unwrap().holds.is_empty());
        clock.advance(Elapsed::minutes(2));
        engine.tick().await.unwrap();
        let swept = quito
            .sweeps("", None, 1)
            .await
            .unwrap()
            .whole()
            .unwrap()
            .remove(0);
        assert_eq!((swept.reached, swept.refused, swept.next_at), (1, 0, None));
    });
}
