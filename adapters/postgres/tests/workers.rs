//! Many workers on one database: each due record is given to one of them, and what was done
//! before doesn't slow the next down.

mod server;

use std::collections::BTreeSet;
use std::time::Duration;

use futures::FutureExt;
use leadkit::ids::{CommandId, Id, Tenant};
use leadkit::store::{Changes, Key, Kind, Lane, Lanes, Put, Store, Verdict, Version, Wakes};
use leadkit::time::{Elapsed, Instant};
use leadkit_postgres::tokio_postgres::IsolationLevel;
use leadkit_postgres::{Options, PostgresStore};
use server::block_on;

fn at(seconds: i64) -> Instant {
    Instant::default() + Elapsed::days(20_000) + Elapsed::seconds(seconds)
}

fn lane(tenant: &str) -> Lane {
    Lane {
        tenant: tenant.into(),
        name: "lane".into(),
    }
}

fn lanes(tenants: &[&str]) -> Lanes {
    tenants.iter().map(|tenant| lane(tenant)).collect()
}

fn put(tenant: &str, number: u32, read: u64, clock: Option<i64>) -> Put {
    let mut id = [0; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    Put {
        key: Key {
            id: Id::from_bytes(id),
            kind: Kind::Lead,
            tenant: tenant.into(),
        },
        read: Version(read),
        makes: Version(read).next(),
        body: Some(vec![0; 200]),
        wakes: clock.map(|clock| Wakes {
            at: at(clock),
            lane: "lane".into(),
        }),
        facts: Vec::new(),
    }
}

fn change(tenant: &str, command: &str, puts: Vec<Put>) -> Changes {
    Changes {
        tenant: Tenant::from(tenant),
        command: CommandId::of(command),
        checks: Vec::new(),
        puts,
        journal: Vec::new(),
    }
}

async fn write(store: &PostgresStore, tenant: &str, command: &str, puts: Vec<Put>) {
    let verdicts = store.commit(vec![change(tenant, command, puts)]).await;
    assert_eq!(verdicts.expect("a verdict"), [Verdict::Written]);
}

/// So many stores on one database, as so many processes would have them.
async fn workers(count: usize) -> Vec<PostgresStore> {
    let url = server::fresh_database().await;
    let mut workers = Vec::new();
    for _ in 0..count {
        let store = PostgresStore::open_with(&url, &server::options()).await;
        workers.push(store.expect("a store"));
    }
    workers
}

#[test]
fn workers_share_what_is_due_and_do_nothing_twice() {
    let Some(_) = server::url() else { return };
    block_on(async {
        const LEADS: u32 = 600;
        let workers = workers(4).await;
        let puts = (0..LEADS)
            .map(|n| put("acme", n, 0, Some(i64::from(n))))
            .collect();
        write(&workers[0], "acme", "begin", puts).await;
        let working = workers.iter().cloned().map(|store| {
            tokio::spawn(async move {
                let mut done = Vec::new();
                loop {
                    let due = store
                        .due(&lanes(&["acme"]), at(10_000), 20, at(20_000))
                        .await;
                    let due = due.expect("a page");
                    if due.is_empty() {
                        return done;
                    }
                    let puts = due.iter().map(|due| {
                        let number = &due.key.id.as_bytes()[12..];
                        let number = u32::from_be_bytes(number.try_into().expect("four bytes"));
                        put("acme", number, 1, None)
                    });
                    let first = due[0].key.id;
                    let change = change("acme", &format!("{first}"), puts.collect());
                    let verdicts = store.commit(vec![change]).await.expect("a verdict");
                    assert_eq!(verdicts, [Verdict::Written]);
                    done.extend(due.into_iter().map(|due| due.key));
                }
            })
        });
        let mut done = Vec::new();
        for worker in futures::future::join_all(working).await {
            done.extend(worker.expect("a worker"));
        }
        assert_eq!(done.len(), LEADS as usize);
        assert_eq!(
            done.into_iter().collect::<BTreeSet<_>>().len(),
            LEADS as usize
        );
    });
}

/// Somebody else was faster to lease what a claim had found free: there is more.
#[test]
fn who_comes_too_late_for_some_records_is_given_the_next() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let store = PostgresStore::open_with(&url, &server::options()).await;
        let store = store.expect("a store");
        let puts = (0..4).map(|number| put("acme", number, 0, Some(number.into())));
        write(&store, "acme", "register", puts.collect()).await;
        let mut client = server::connect(&url).await;
        let tx = client.transaction().await.expect("a transaction");
        let faster =
            "INSERT INTO leadkit_leases (tenant, kind, id, version, lane, leased_at, lease_until)
             SELECT tenant, kind, id, version, lane, 0, $1 FROM leadkit_records
             ORDER BY wakes_at LIMIT 2";
        let until = at(2_000).timestamp_micros();
        tx.execute(faster, &[&until]).await.expect("leases");
        let claiming = server::spawn(async move {
            let lanes = lanes(&["acme"]);
            let due = store.due(&lanes, at(1_000), 2, at(2_000));
            due.await.expect("a page")
        });
        let waits = "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while tx
            .query_one(waits, &[])
            .await
            .expect("a count")
            .get::<_, i64>(0)
            == 0
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tx.commit().await.expect("the end");
        let page = claiming.await.expect("a task");
        let clocks: Vec<Instant> = page.iter().map(|due| due.at).collect();
        assert_eq!(clocks, [at(2), at(3)]);
    });
}

/// A worker's mark is behind what another one writes with an earlier clock: it is found when
/// there is nothing else, and within a second in any case.
#[test]
fn what_another_worker_writes_for_an_earlier_time_is_found() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let workers = workers(2).await;
        let acme = lanes(&["acme"]);
        let puts = (100..110)
            .map(|n| put("acme", n, 0, Some(i64::from(n))))
            .collect();
        write(&workers[0], "acme", "begin", puts).await;
        let page = workers[0]
            .due(&acme, at(1_000), 5, at(2_000))
            .await
            .expect("a page");
        assert_eq!(page.len(), 5);
        write(
            &workers[1],
            "acme",
            "early",
            vec![put("acme", 1, 0, Some(1))],
        )
        .await;
        let page = workers[0]
            .due(&acme, at(1_000), 10, at(2_000))
            .await
            .expect("a page");
        assert_eq!(page.len(), 6);
        assert_eq!(page[0].at, at(1));
        // One's own writes move the mark back at once, also when the page is full.
        let puts = (200..300)
            .map(|n| put("acme", n, 0, Some(i64::from(n))))
            .collect();
        write(&workers[0], "acme", "more", puts).await;
        let page = workers[0]
            .due(&acme, at(1_000), 5, at(2_000))
            .await
            .expect("a page");
        assert_eq!(page[0].at, at(200));
        write(
            &workers[0],
            "acme",
            "earliest",
            vec![put("acme", 2, 0, Some(2))],
        )
        .await;
        let page = workers[0]
            .due(&acme, at(1_000), 5, at(2_000))
            .await
            .expect("a page");
        assert_eq!(page[0].at, at(2));
    });
}

/// A lane of many is served by many: each page begins with another.
#[test]
fn many_lanes_are_served_in_turn() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let [store] = &workers(1).await[..] else {
            panic!("one")
        };
        let names: Vec<String> = (0..30).map(|n| format!("tenant {n:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for name in &names {
            let puts = (0..3)
                .map(|n| put(name, n, 0, Some(i64::from(n))))
                .collect();
            write(store, name, "begin", puts).await;
        }
        let mut served = Vec::new();
        for _ in 0..6 {
            let page = store
                .due(&lanes(&names), at(10), 5, at(100))
                .await
                .expect("a page");
            assert_eq!(page.len(), 5);
            served.extend(page.into_iter().map(|due| due.key.tenant));
        }
        let different: BTreeSet<Tenant> = served.into_iter().collect();
        assert_eq!(different.len(), 30, "who was served first");
        let rest = store
            .due(&lanes(&names), at(10), 1_000, at(100))
            .await
            .expect("a page");
        assert_eq!(rest.len(), 60);
    });
}

/// A lease is on a version, and versions begin anew.
#[test]
fn what_was_removed_and_comes_back_is_not_leased() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let [store] = &workers(1).await[..] else {
            panic!("one")
        };
        let acme = lanes(&["acme"]);
        write(store, "acme", "a", vec![put("acme", 1, 0, Some(1))]).await;
        let page = store.due(&acme, at(10), 5, at(100)).await.expect("a page");
        assert_eq!(page.len(), 1);
        let mut gone = put("acme", 1, 1, None);
        gone.body = None;
        write(store, "acme", "b", vec![gone]).await;
        // Back at the version under which it was leased.
        write(store, "acme", "c", vec![put("acme", 1, 0, Some(1))]).await;
        let page = store.due(&acme, at(10), 5, at(100)).await.expect("a page");
        assert_eq!(page.len(), 1);
    });
}

/// What is due is looked for behind what was claimed before: dead entries that the server can't
/// clear away yet, since somebody reads an old state, are not gone through again.
#[test]
fn what_was_done_before_is_not_gone_through_again() {
    let Some(_) = server::url() else { return };
    block_on(async {
        const DONE: u32 = 6_000;
        let url = server::fresh_database().await;
        let options = server::options();
        let open = || PostgresStore::open_with(&url, &options);
        let store = open().await.expect("a store");
        let acme = lanes(&["acme"]);
        let mut reader = server::connect(&url).await;
        let old = reader.build_transaction();
        let old = old.isolation_level(IsolationLevel::RepeatableRead).start();
        let old = old.await.expect("a transaction");
        old.batch_execute("SELECT 1").await.expect("a snapshot");
        let all: Vec<u32> = (0..DONE + 100).collect();
        for numbers in all.chunks(1_000) {
            let clocked = |n: &u32| put("acme", *n, 0, Some(i64::from(*n)));
            let puts = numbers.iter().map(clocked).collect();
            write(&store, "acme", &format!("begin {}", numbers[0]), puts).await;
        }
        for numbers in all[..DONE as usize].chunks(1_000) {
            let puts = numbers.iter().map(|n| put("acme", *n, 1, None)).collect();
            write(&store, "acme", &format!("end {}", numbers[0]), puts).await;
        }
        let first_look = blocks_of_a_claim(&url, &store, &acme).await;
        let mut later = Vec::new();
        for _ in 0..5 {
            later.push(blocks_of_a_claim(&url, &store, &acme).await);
        }
        // Once a second everything is looked through; that may have been one of these.
        let later = later.into_iter().min().expect("five");
        assert!(later * 4 < first_look, "{later} of {first_look}");
    });
}

/// How many blocks of the index by clocks are looked at to claim one record.
async fn blocks_of_a_claim(url: &str, store: &PostgresStore, lanes: &Lanes) -> i64 {
    let watcher = server::connect(url).await;
    let looked_at = "SELECT idx_blks_hit + idx_blks_read FROM pg_statio_user_indexes
                     WHERE indexrelname = 'leadkit_records_by_clock'";
    let flush = async || {
        let client = store.pool().get().await.expect("a connection");
        let flush = "SELECT pg_stat_force_next_flush()";
        client.batch_execute(flush).await.expect("statistics");
    };
    flush().await;
    let before = watcher.query_one(looked_at, &[]).await.expect("a count");
    let page = store.due(lanes, at(10_000), 1, at(20_000)).await;
    assert_eq!(page.expect("a page").len(), 1);
    flush().await;
    let after = watcher.query_one(looked_at, &[]).await.expect("a count");
    after.get::<_, i64>(0) - before.get::<_, i64>(0)
}

/// A host's transaction has a lead of one tenant in hand, and takes its time.
#[test]
fn nobody_waits_for_a_record_of_another_tenant() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let store = PostgresStore::open_with(&url, &server::options()).await;
        let store = store.expect("a store");
        for tenant in ["acme", "zenith"] {
            let puts = (1..4).map(|n| put(tenant, n, 0, Some(1))).collect();
            write(&store, tenant, "begin", puts).await;
        }
        let mut host = server::connect(&url).await;
        let tx = host.transaction().await.expect("a transaction");
        let unit = store.within(&tx);
        let held = change("acme", "held", vec![put("acme", 1, 1, Some(2))]);
        let written = unit.commit(&held).await.expect("a verdict");
        assert_eq!(written, Verdict::Written);
        let others = async {
            let both = lanes(&["acme", "zenith"]);
            let page = store.due(&both, at(10), 100, at(100)).await;
            let page = page.expect("a page").into_iter().map(|due| due.key);
            let free = [
                ("acme", 2),
                ("acme", 3),
                ("zenith", 1),
                ("zenith", 2),
                ("zenith", 3),
            ];
            let free = free.map(|(tenant, n)| put(tenant, n, 0, None).key);
            assert_eq!(page.collect::<BTreeSet<_>>(), free.into_iter().collect());
            let next = store.next_due(at(10)).await.expect("lanes");
            assert_eq!(next.len(), 2);
            let batch = [("zenith", 1), ("acme", 2), ("zenith", 2)].map(|(tenant, n)| {
                change(
                    tenant,
                    &format!("then {n}"),
                    vec![put(tenant, n, 1, Some(2))],
                )
            });
            let verdicts = store.commit(batch.to_vec()).await.expect("verdicts");
            assert_eq!(verdicts, vec![Verdict::Written; 3]);
            // What builds on the record in hand has moved; nothing else is kept from being written.
            let batch = [("zenith", 3), ("acme", 1), ("acme", 3)].map(|(tenant, n)| {
                change(
                    tenant,
                    &format!("beside {n}"),
                    vec![put(tenant, n, 1, Some(2))],
                )
            });
            let verdicts = store.commit(batch.to_vec()).await.expect("verdicts");
            let held = put("acme", 1, 1, None).key;
            let moved = Verdict::Moved(vec![held]);
            assert_eq!(verdicts, [Verdict::Written, moved, Verdict::Written]);
            for tenant in ["acme", "zenith"] {
                let journal = store.journal(&tenant.into(), Default::default(), 10).await;
                assert!(journal.expect("entries").len() > 1);
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(5), others).await;
        in_time.expect("somebody waits for the host's transaction");
        tx.commit().await.expect("a commit");
    });
}

/// A worker died, and what it had leased is still there.
#[test]
fn leases_that_have_ended_are_swept_away() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let options = server::options();
        let open = || PostgresStore::open_with(&url, &options);
        let client = server::connect(&url).await;
        let leases = async || {
            let rows = client
                .query("SELECT tenant FROM leadkit_leases ORDER BY 1", &[])
                .await;
            let rows = rows.expect("leases").into_iter();
            rows.map(|row| row.get(0)).collect::<Vec<String>>()
        };
        let died = open().await.expect("a store");
        let tenants = ["acme", "zenith"];
        for tenant in tenants {
            write(&died, tenant, "begin", vec![put(tenant, 1, 0, Some(1))]).await;
        }
        let page = died.due(&lanes(&tenants), at(10), 5, at(20)).await;
        assert_eq!(page.expect("a page").len(), 2);
        // By a clock that is ahead as far as may be, it hasn't ended.
        let ahead = open().await.expect("a store");
        let look = async |store: &PostgresStore, tenants: &[&str], now: Instant| {
            // In lanes in which there is nothing.
            let lanes = tenants.iter().map(|tenant| Lane {
                name: "another".into(),
                ..lane(tenant)
            });
            let page = store.due(&lanes.collect(), now, 5, at(700)).await;
            assert!(page.expect("a page").is_empty());
        };
        look(&ahead, &tenants, at(20 + 599)).await;
        assert_eq!(leases().await, tenants);
        // Those that it serves.
        let other = open().await.expect("a store");
        look(&other, &["acme"], at(20 + 600)).await;
        assert_eq!(leases().await, ["zenith"]);
    });
}

/// A burst of work: every lease is over long before it ends, since its record was written.
#[test]
fn leases_on_what_was_written_since_are_swept_away_however_many_they_are() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let workers = workers(2).await;
        let all: Vec<u32> = (0..25_000).collect();
        let put_all = async |read: u64, clock: Option<i64>| {
            for numbers in all.chunks(5_000) {
                let puts = numbers.iter().map(|n| put("acme", *n, read, clock));
                let command = format!("{read} {}", numbers[0]);
                write(&workers[0], "acme", &command, puts.collect()).await;
            }
        };
        put_all(0, Some(1)).await;
        let all_leased =
            "INSERT INTO leadkit_leases (tenant, kind, id, version, lane, leased_at, lease_until)
             SELECT tenant, kind, id, version, lane, 0, $1 FROM leadkit_records";
        let client = workers[0].pool().get().await.expect("a connection");
        let until = at(70).timestamp_micros();
        client.execute(all_leased, &[&until]).await.expect("leases");
        drop(client);
        put_all(1, None).await;
        let acme = lanes(&["acme"]);
        let mut left = vec![leases(&workers[1]).await];
        for _ in 0..3 {
            let page = workers[1].due(&acme, at(11), 10, at(71)).await;
            assert!(page.expect("a page").is_empty());
            left.push(leases(&workers[1]).await);
        }
        assert_eq!(left, [25_000, 15_000, 5_000, 0]);
    });
}

/// How many leases there are, over or not.
async fn leases(store: &PostgresStore) -> i64 {
    let client = store.pool().get().await.expect("a connection");
    let count = "SELECT count(*) FROM leadkit_leases";
    client.query_one(count, &[]).await.expect("a count").get(0)
}

/// Leases are swept away behind a claim, by whose page nothing of that is felt.
#[test]
fn a_page_is_not_lost_where_leases_cannot_be_swept_away() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let options = server::options();
        let store = PostgresStore::open_with(&url, &options).await;
        let store = store.expect("a store");
        write(&store, "acme", "begin", vec![put("acme", 1, 0, Some(1))]).await;
        let no_sweeping = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
             AS 'BEGIN RAISE EXCEPTION ''not now''; END';
             CREATE TRIGGER refuse BEFORE DELETE ON leadkit_leases
             FOR EACH STATEMENT EXECUTE FUNCTION refuse()";
        let client = server::connect(&url).await;
        client.batch_execute(no_sweeping).await.expect("a trigger");
        let page = store.due(&lanes(&["acme"]), at(10), 5, at(70)).await;
        assert_eq!(page.expect("a page").len(), 1);
    });
}

/// Nobody but us is connected to the database, and none of us keeps a transaction open.
async fn no_transaction_is_left_open(url: &str) {
    let watcher = server::connect(url).await;
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND pid <> pg_backend_pid() AND (state = 'active' OR state LIKE 'idle in transaction%')";
    let count = async |sql| -> i64 { watcher.query_one(sql, &[]).await.expect("a count").get(0) };
    // What was sent is carried out, whoever waits for it; between two statements of it a connection is in
    // a transaction and idle, too.
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    while count(busy).await > 0 {
        let is_left_open = tokio::time::Instant::now() > until;
        assert!(!is_left_open, "a transaction is left open");
    }
}

/// More than are polled at once by whoever joins futures.
const MANY: usize = 100;

async fn many_tenants(store: &PostgresStore) -> Vec<String> {
    let names: Vec<String> = (0..MANY).map(|n| format!("tenant {n:03}")).collect();
    for name in &names {
        let puts = (0..3).map(|n| put(name, n, 0, Some(i64::from(n))));
        write(store, name, "begin", puts.collect()).await;
    }
    names
}

/// What is committed after a claim is committed, and not within what a claim has left open.
#[test]
fn a_claim_of_many_tenants_ends_all_of_its_transactions() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let options = Options {
            most_connections: 1,
            ..server::options()
        };
        let store = PostgresStore::open_with(&url, &options).await;
        let store = store.expect("a store");
        let names = many_tenants(&store).await;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let page = store.due(&lanes(&names), at(10), MANY, at(100)).await;
        assert_eq!(page.expect("a page").len(), MANY);
        no_transaction_is_left_open(&url).await;
        write(
            &store,
            "tenant 000",
            "then",
            vec![put("tenant 000", 9, 0, None)],
        )
        .await;
        drop(store);
        let other = PostgresStore::open_with(&url, &options).await;
        let key = put("tenant 000", 9, 0, None).key;
        let loaded = other
            .expect("a store")
            .load(&[key])
            .await
            .expect("a record");
        assert!(loaded[0].body.is_some());
    });
}

/// Whoever asked has gone, at whichever point.
#[test]
fn a_claim_that_is_dropped_leaves_no_transaction_open() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let store = PostgresStore::open_with(&url, &server::options()).await;
        let store = store.expect("a store");
        let names = many_tenants(&store).await;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let lanes = lanes(&names);
        for polls in 1..12 {
            let mut claim = store.due(&lanes, at(10), MANY, at(100));
            for _ in 0..polls {
                if (&mut claim).now_or_never().is_some() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            drop(claim);
            no_transaction_is_left_open(&url).await;
        }
        // Clocks of leases that ended, so that nothing is hidden.
        let page = store.due(&lanes, at(200), 3 * MANY, at(300)).await;
        assert_eq!(page.expect("a page").len(), 3 * MANY);
    });
}

#[test]
fn one_tenants_failed_claim_leaves_the_others_theirs() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let store = PostgresStore::open_with(&url, &server::options()).await;
        let store = store.expect("a store");
        let names = many_tenants(&store).await;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let no_leases = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
             AS 'BEGIN RAISE EXCEPTION ''not this one''; END';
             CREATE TRIGGER refuse BEFORE INSERT ON leadkit_leases
             FOR EACH ROW WHEN (NEW.tenant = 'tenant 050') EXECUTE FUNCTION refuse()";
        let client = server::connect(&url).await;
        client.batch_execute(no_leases).await.expect("a trigger");
        let page = store.due(&lanes(&names), at(10), MANY, at(100)).await;
        let page = page.expect("a page");
        let served: BTreeSet<Tenant> = page.iter().map(|due| due.key.tenant.clone()).collect();
        assert_eq!(served.len(), MANY - 1);
        assert!(!served.contains(&Tenant::from("tenant 050")));
        no_transaction_is_left_open(&url).await;
        let alone = store
            .due(&lanes(&["tenant 050"]), at(10), MANY, at(100))
            .await;
        alone.expect_err("a refusal");
    });
}
