//! Many workers on one store: some don't know a playbook, some have records in hand, some can't
//! read one. Nobody spins, nobody is late, and virtual time goes its way.

use leadkit::store::{Changes, Lane, Lanes, Put, Verdict, Version, Wakes};

use super::*;

fn worker(store: &Arc<dyn Store>, clock: &VirtualClock, quito: Arc<Playbook>) -> Engine {
    Engine::builder_on(store.clone())
        .playbook("quito", quito)
        .playbook("cuenca", sales())
        .mailer("email", MemoryMailer::default())
        .clock(clock.clone())
        .seed(7)
        .build()
        .unwrap()
}

const FIRST_OF_CUENCA: &str = "2026-03-10T15:05:00-05:00";

/// A lead in each of two tenants: that of Quito has been due for hours at 15:00, that of Cuenca
/// is due at 15:05.
async fn two_leads(store: &Arc<dyn Store>, clock: &VirtualClock) -> Engine {
    let engine = worker(store, clock, sales());
    for (tenant, registered) in [
        ("quito", "2026-03-10T09:30:00-05:00"),
        ("cuenca", "2026-03-10T10:05:00-05:00"),
    ] {
        clock.set(at(registered));
        let tenant = engine.tenant(tenant);
        let ana = AgentSetup::new("ana").name("Ana").email("ana@x.example");
        let ana = ana.role("advisor").cities(["Quito"]);
        tenant.set_up(ana).by(desk()).await.unwrap();
        tenant.register(luis()).by(desk()).await.unwrap();
    }
    clock.set(at("2026-03-10T15:00:00-05:00"));
    engine
}

/// The instants at which a worker that runs until then ticked, and at which something fired; and
/// what it said about leads that it left.
async fn ran(
    engine: &Engine,
    clock: &VirtualClock,
    until: Instant,
) -> (Vec<Instant>, Vec<Instant>, BTreeSet<String>) {
    let (mut ticks, mut fired, mut left) = (Vec::new(), Vec::new(), BTreeSet::new());
    let is_over = std::future::poll_fn(|context| {
        if clock.now() >= until {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    });
    let looked_at = |now, ticked: &Ticked, _: Option<&Error>| {
        ticks.push(now);
        if ticked.fired > 0 {
            fired.push(now);
        }
        left.extend(
            ticked
                .left
                .iter()
                .map(|left| format!("{}: {}", left.tenant, left.because)),
        );
    };
    engine.run_watched(is_over, looked_at).await.unwrap();
    (ticks, fired, left)
}

#[test]
fn a_worker_tells_of_ticks_that_a_store_broke_off_and_goes_on() {
    for store in stores() {
        block_on(async {
            let clock = VirtualClock::at(at("2026-03-10T09:30:00-05:00"));
            two_leads(&store, &clock).await;
            let plan = Plan::new().on(Call::Due, 1, StoreFault::Before).on(
                Call::Due,
                2,
                StoreFault::Before,
            );
            let failing: Arc<dyn Store> = Arc::new(FaultyStore::on(store, plan));
            let engine = worker(&failing, &clock, sales());
            let until = clock.now() + Elapsed::minutes(1);
            let is_over = std::future::poll_fn(|context| {
                context.waker().wake_by_ref();
                match clock.now() >= until {
                    true => std::task::Poll::Ready(()),
                    false => std::task::Poll::Pending,
                }
            });
            let (mut broken, mut fired) = (0, 0);
            let looked_at = |_, ticked: &Ticked, error: Option<&Error>| {
                broken += u32::from(matches!(error, Some(Error::Store(_))));
                fired += ticked.fired;
            };
            engine.run_watched(is_over, looked_at).await.unwrap();
            assert_eq!(broken, 2);
            assert!(fired > 0);
        });
    }
}

#[test]
fn a_worker_leaves_leads_of_a_playbook_that_it_does_not_know_to_those_who_do() {
    for store in stores() {
        block_on(async {
            let clock = VirtualClock::at(at("2026-03-10T09:30:00-05:00"));
            let knows_both = two_leads(&store, &clock).await;
            let knows_one = worker(&store, &clock, follow_up());
            let until = at("2026-03-10T15:06:00-05:00");
            let (ticks, fired, left) = ran(&knows_one, &clock, until).await;
            assert!(ticks.len() <= 400, "{} ticks in six minutes", ticks.len());
            assert_eq!(fired, [at(FIRST_OF_CUENCA)]);
            let hash = &sales().hash;
            let told = format!("quito: {}", Error::UnknownPlaybook(hash.clone()));
            assert_eq!(left, BTreeSet::from([told]));
            // It was left, not taken in hand: who knows it need not wait for a lease to end.
            assert!(knows_both.tick().await.unwrap().fired > 0);
        });
    }
}

#[test]
fn virtual_time_is_not_moved_by_a_lead_of_an_unknown_tenant() {
    for store in stores() {
        block_on(async {
            let clock = VirtualClock::at(at("2026-03-10T09:30:00-05:00"));
            two_leads(&store, &clock).await;
            let knows_one = Engine::builder_on(store.clone())
                .playbook("cuenca", sales())
                .mailer("email", MemoryMailer::default())
                .clock(clock.clone())
                .build()
                .unwrap();
            let ticked = knows_one.tick().await.unwrap();
            assert_eq!(ticked.next(), Some(at(FIRST_OF_CUENCA)));
            let left: Vec<&Tenant> = ticked.left.iter().map(|left| &left.tenant).collect();
            assert_eq!(left, ["quito"]);
            let mut ticks = Vec::new();
            let until = at("2026-03-10T15:06:00-05:00");
            let lived = knows_one.live_until(&clock, until, |now, _| ticks.push(now));
            lived.await.unwrap();
            assert_eq!(ticks, [at(FIRST_OF_CUENCA)]);
            assert_eq!(clock.now(), until);
        });
    }
}

/// Puts bytes that are no record in the place of a lead that is due.
async fn damage(store: &Arc<dyn Store>, tenant: &str, playbook: &Playbook, due: Instant) {
    let tenant = Tenant::from(tenant);
    let lane = playbook.hash.clone();
    let put = Put {
        key: Key::lead(
            &tenant,
            "019ad0c4-2c10-7cc3-98c4-dc0c0c07398f".parse().unwrap(),
        ),
        read: Version::ABSENT,
        makes: Version::ABSENT.next(),
        body: Some(b"damaged".to_vec()),
        wakes: Some(Wakes { at: due, lane }),
        facts: Vec::new(),
    };
    let changes = Changes {
        tenant,
        command: CommandId::of("damage"),
        checks: Vec::new(),
        puts: vec![put],
        journal: Vec::new(),
    };
    let verdicts = store.commit(vec![changes]).await.unwrap();
    assert_eq!(verdicts, [Verdict::Written]);
}

#[test]
fn a_lead_that_cannot_be_read_is_reported_and_holds_nobody_up() {
    for store in stores() {
        block_on(async {
            let clock = VirtualClock::at(at("2026-03-10T09:30:00-05:00"));
            let engine = two_leads(&store, &clock).await;
            engine.tick().await.unwrap();
            damage(&store, "cuenca", &sales(), at("2026-03-10T14:00:00-05:00")).await;
            let ticked = engine.tick().await.unwrap();
            let failed: Vec<String> = ticked
                .failures
                .iter()
                .map(|(_, error)| error.to_string())
                .collect();
            assert_eq!(
                failed,
                ["the record 019ad0c4-2c10-7cc3-98c4-dc0c0c07398f can't be read"]
            );
            let until = at("2026-03-10T15:06:00-05:00");
            let (ticks, fired, _) = ran(&engine, &clock, until).await;
            assert!(ticks.len() <= 400, "{} ticks in six minutes", ticks.len());
            assert_eq!(fired, [at(FIRST_OF_CUENCA)]);
            // Half a year has 260,000 minutes; it is not tried in each of them, but some times more
            // whenever the others wake somebody.
            let ticks = ticks_in_half_a_year(&engine, &clock).await;
            let clock = VirtualClock::at(at("2026-03-10T09:30:00-05:00"));
            let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
            let undamaged = two_leads(&store, &clock).await;
            let without = ticks_in_half_a_year(&undamaged, &clock).await;
            assert!(ticks < 6 * without, "{ticks} ticks, else {without}");
        });
    }
}

async fn ticks_in_half_a_year(engine: &Engine, clock: &VirtualClock) -> u32 {
    let mut ticks = 0;
    let until = at("2026-09-10T15:06:00-05:00");
    let lived = engine.live_until(clock, until, |_, _| ticks += 1);
    lived.await.unwrap();
    ticks
}

#[test]
fn a_lead_that_cannot_be_read_is_tried_less_and_less_often() {
    block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let clock = VirtualClock::at(at("2026-03-10T09:30:00-05:00"));
        let engine = two_leads(&store, &clock).await;
        engine.tick().await.unwrap();
        damage(&store, "cuenca", &sales(), at("2026-03-10T09:30:00-05:00")).await;
        let mut tried = Vec::new();
        for minute in 0..6 * 60 {
            if !engine.tick().await.unwrap().failures.is_empty() {
                tried.push(minute);
            }
            clock.advance(Elapsed::minutes(1));
        }
        assert_eq!(tried, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303]);
    });
}

#[test]
fn a_clock_that_is_set_back_keeps_nobody_waiting_for_what_was_leased_or_left_alone_before() {
    for store in stores() {
        block_on(async {
            let clock = VirtualClock::at(at("2026-03-10T09:30:00-05:00"));
            let engine = two_leads(&store, &clock).await;
            engine.tick().await.unwrap();
            damage(&store, "cuenca", &sales(), at("2026-03-10T07:30:00-05:00")).await;
            let fails = async || !engine.tick().await.unwrap().failures.is_empty();
            assert!(fails().await);
            assert!(!fails().await);
            clock.set(at("2026-03-10T08:30:00-05:00"));
            assert!(fails().await);
            assert!(!fails().await);
        });
    }
}

#[test]
fn what_another_worker_has_in_hand_is_waited_for_and_not_spun_on() {
    for store in stores() {
        block_on(async {
            let clock = VirtualClock::at(at("2026-03-10T09:30:00-05:00"));
            let engine = two_leads(&store, &clock).await;
            let lane = Lane {
                tenant: "quito".into(),
                name: sales().hash.clone(),
            };
            let lanes: Lanes = [lane].into_iter().collect();
            let ends = at("2026-03-10T15:01:00-05:00");
            // It takes the lead, and is heard of no more.
            let taken = store.due(&lanes, clock.now(), 10, ends).await.unwrap();
            assert_eq!(taken.len(), 1);
            let until = at("2026-03-10T15:02:00-05:00");
            let (ticks, fired, _) = ran(&engine, &clock, until).await;
            assert!(ticks.len() <= 140, "{} ticks in two minutes", ticks.len());
            assert_eq!(fired, [ends]);
            // What others write meanwhile may be due earlier than what this one waits for.
            let pauses = ticks.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(pauses.max() <= Some(Elapsed::seconds(1)));
        });
    }
}

#[test]
fn virtual_time_waits_for_a_lease_and_for_nothing_else() {
    for store in stores() {
        block_on(async {
            let clock = VirtualClock::at(at("2026-03-10T09:30:00-05:00"));
            let engine = two_leads(&store, &clock).await;
            let all = store.next_due(clock.now()).await.unwrap().into_iter();
            let quito = all
                .map(|next| next.lane)
                .filter(|lane| lane.tenant == "quito");
            let ends = at("2026-03-10T15:04:30-05:00");
            let taken = store
                .due(&quito.collect(), clock.now(), 10, ends)
                .await
                .unwrap();
            assert_eq!(taken.len(), 1);
            let mut fired = Vec::new();
            let until = at("2026-03-10T15:06:00-05:00");
            let looked_at = |now, ticked: &Ticked| {
                if ticked.fired > 0 {
                    fired.push(now);
                }
            };
            engine.live_until(&clock, until, looked_at).await.unwrap();
            assert_eq!(fired, [ends, at(FIRST_OF_CUENCA)]);
        });
    }
}

#[test]
fn a_worker_sleeps_until_the_next_due_time_and_looks_at_least_once_a_second() {
    for store in stores() {
        block_on(async {
            let clock = VirtualClock::at(at("2026-03-10T09:30:00-05:00"));
            let engine = two_leads(&store, &clock).await;
            engine.tick().await.unwrap();
            // Five minutes and a bit before the next one: not a whole number of seconds.
            clock.set(at("2026-03-10T15:00:00.400-05:00"));
            let until = at("2026-03-10T15:06:00-05:00");
            let (ticks, fired, _) = ran(&engine, &clock, until).await;
            assert_eq!(fired, [at(FIRST_OF_CUENCA)]);
            assert!(ticks.len() <= 400, "{} ticks in six minutes", ticks.len());
            let pauses = ticks.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(pauses.max() <= Some(Elapsed::seconds(1)));
        });
    }
}

#[test]
fn what_others_write_for_an_earlier_time_is_noticed_within_a_second() {
    for store in stores() {
        block_on(async {
            let clock = VirtualClock::at(at("2026-03-10T09:30:00-05:00"));
            let worker_of_all = two_leads(&store, &clock).await;
            worker_of_all.tick().await.unwrap();
            let another = worker(&store, &clock, sales());
            clock.set(at("2026-03-10T15:00:00-05:00"));
            // What it waits for is five minutes away; the other one starts something in between.
            let (begins, until) = (
                at("2026-03-10T15:02:00.300-05:00"),
                at("2026-03-10T15:04:00-05:00"),
            );
            let mut written = None;
            let mut noticed = None;
            let is_over = std::future::poll_fn(|context| {
                if clock.now() >= begins && written.is_none() {
                    let starts = NewSweep {
                        name: "now".into(),
                        audience: "open".into(),
                        order: LeadOrder::Attempt { reached: false },
                        starts_at: None,
                        every_days: None,
                    };
                    let starts = another.tenant("quito").sweep(starts).by(desk());
                    block_on(async { starts.await.unwrap() });
                    written = Some(clock.now());
                }
                context.waker().wake_by_ref();
                match clock.now() >= until {
                    true => std::task::Poll::Ready(()),
                    false => std::task::Poll::Pending,
                }
            });
            let looked_at = |now, ticked: &Ticked, _: Option<&Error>| {
                if ticked.pages > 0 {
                    noticed.get_or_insert(now);
                }
            };
            worker_of_all.run_watched(is_over, looked_at).await.unwrap();
            let late = noticed.unwrap() - written.unwrap();
            assert!(late <= Elapsed::seconds(1), "{late}");
        });
    }
}

/// Their calls to the store interleave, and they look at the same leads at the same time.
#[test]
fn workers_that_run_on_one_store_share_the_work_and_do_nothing_twice() {
    const LEADS: usize = 20;
    for store in stores() {
        block_on(async {
            let plan = Plan::new().from(1, StoreFault::Delay(Elapsed::zero()));
            let store: Arc<dyn Store> = Arc::new(FaultyStore::on(store, plan));
            let clock = VirtualClock::at(at("2026-03-10T09:30:00-05:00"));
            let workers: Vec<Bench> = (1..=4)
                .map(|seed| bench_of(store.clone(), clock.clone(), seed))
                .collect();
            people(&workers[0].engine).await;
            for n in 0..LEADS {
                let lead = luis().email(format!("n{n}@example.com"));
                let quito = workers[n % 4].engine.tenant("quito");
                quito.register(lead).by(desk()).await.unwrap();
                // Each is due at a time of its own: else whoever comes first takes them all in one page.
                clock.advance(Elapsed::minutes(1));
            }
            let until = at("2026-03-10T18:00:00-05:00");
            let running = workers.iter().map(|w| ran(&w.engine, &clock, until));
            let ran = join_all(running).await;
            let busy = ran.iter().filter(|(_, fired, _)| !fired.is_empty());
            assert!(busy.count() > 1, "one did it all");
            let of_marco = |worker: &Bench| worker.mailer.mailbox("marco@minegocio.example");
            let told: usize = workers.iter().map(|worker| of_marco(worker).len()).sum();
            assert_eq!(told, LEADS);
            let quito = workers[0].engine.tenant("quito");
            let moved = quito.count("reassignments == 1", &[]).await.unwrap();
            assert_eq!(moved[0].count, LEADS as u64);
            assert_clocks(&workers[0].engine, store.as_ref(), &sales(), "quito").await;
        });
    }
}
