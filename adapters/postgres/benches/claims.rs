//! What dead entries cost a claim: `cargo bench -p leadkit-postgres --bench claims`.
//!
//! Leads that were done lie in the index before all that is due. A worker that goes on knows where
//! they end; one that has just come does not, and as long as somebody reads an old state the server
//! can't clear them away. `-- --dead 50000 --claims 1000` changes the size; without `--bench` it only
//! checks itself.

#[allow(dead_code, reason = "only the arithmetic is needed")]
#[path = "../../sqlite/benches/measure/mod.rs"]
mod measure;
#[path = "../tests/server/mod.rs"]
mod server;

use leadkit::ids::{CommandId, Id, Tenant};
use leadkit::store::{Changes, Key, Kind, Lane, Lanes, Put, Store, Verdict, Version, Wakes};
use leadkit::time::{Elapsed, Instant};
use leadkit_postgres::PostgresStore;
use leadkit_postgres::deadpool_postgres::Pool;
use measure::number_after;
use server::block_on;

const BATCH: usize = 500;
/// How much longer a claim may take among dead entries.
const BAR: f64 = 3.0;

fn main() {
    let benches = std::env::args().any(|argument| argument == "--bench");
    let dead = number_after("--dead").unwrap_or(if benches { 50_000 } else { 120 });
    let claims = number_after("--claims").unwrap_or(if benches { 1_000 } else { 5 });
    let Some(_) = server::url() else { return };
    block_on(compare(dead, claims));
}

/// Claims of one where nothing was claimed before, and behind dead entries.
async fn compare(dead: u32, claims: u32) {
    let url = server::fresh_database().await;
    let store = PostgresStore::open_with(&url, &server::options()).await;
    let bench = Bench {
        pool: store.expect("a store").pool().clone(),
        claims,
    };
    let due: Vec<u32> = (dead..dead + 2 * claims).collect();
    bench.write(&due, 0).await;
    let fresh = bench.series().await;
    // Whoever looks may clean up what nobody can see any more; this transaction sees all.
    let mut reader = server::connect(&url).await;
    let old = reader.transaction().await.expect("a transaction");
    let sees = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1";
    old.batch_execute(sees).await.expect("a snapshot");
    let done: Vec<u32> = (0..dead).collect();
    bench.write(&done, 0).await;
    bench.write(&done, 1).await;
    println!("p99 of {claims} claims of one before which {dead} dead entries lie, in microseconds");
    println!("{:42} {:>9} {:>9} {:>7}", "", "fresh", "dead", "ratio");
    let kept = bench.series().await;
    tell(
        "a worker that goes on, an old state is read",
        fresh.0,
        kept.0,
    );
    tell("a new worker each, an old state is read", fresh.1, kept.1);
    old.rollback().await.expect("the end");
    let free = bench.series().await;
    tell("a worker that goes on", fresh.0, free.0);
    tell("a new worker each", fresh.1, free.1);
}

fn tell(who: &str, fresh: f64, dead: f64) {
    let ratio = dead / fresh;
    let missed = if ratio > BAR { "missed" } else { "" };
    println!("{who:42} {fresh:>9.0} {dead:>9.0} {ratio:>7.2} {missed}");
}

struct Bench {
    /// Connections that know all statements.
    pool: Pool,
    claims: u32,
}

impl Bench {
    async fn store(&self) -> PostgresStore {
        let store = PostgresStore::on(self.pool.clone(), &server::options()).await;
        store.expect("a store")
    }

    /// The 99th percentiles of claims of one worker, and of as many workers that have just come.
    async fn series(&self) -> (f64, f64) {
        let store = self.store().await;
        let mut of_one = Vec::new();
        for _ in 0..self.claims {
            of_one.push(claim(&store).await);
        }
        self.end_leases().await;
        let mut of_new = Vec::new();
        for _ in 0..self.claims {
            let store = self.store().await;
            of_new.push(claim(&store).await);
        }
        self.end_leases().await;
        (p99(of_one), p99(of_new))
    }

    /// Gives back what was claimed, so that each series begins alike.
    async fn end_leases(&self) {
        let client = self.pool.get().await.expect("a connection");
        let end = "TRUNCATE leadkit_leases";
        client.batch_execute(end).await.expect("no leases");
    }

    /// Writes these leads at this version: with a clock, in the order of their numbers, if they are
    /// new, and without one, if they are done.
    async fn write(&self, numbers: &[u32], read: u64) {
        let store = self.store().await;
        for numbers in numbers.chunks(BATCH) {
            let changes = numbers.iter().map(|number| {
                let clock = Wakes {
                    at: now() - Elapsed::days(1) + Elapsed::milliseconds(i64::from(*number)),
                    lane: lane().name,
                };
                let mut id = [0; 16];
                id[12..].copy_from_slice(&number.to_be_bytes());
                Changes {
                    tenant: lane().tenant,
                    command: CommandId::of(&format!("{read} {number}")),
                    checks: Vec::new(),
                    puts: vec![Put {
                        key: Key {
                            id: Id::from_bytes(id),
                            kind: Kind::Lead,
                            tenant: lane().tenant,
                        },
                        read: Version(read),
                        makes: Version(read).next(),
                        body: Some(vec![0; 260]),
                        wakes: (read == 0).then_some(clock),
                        facts: Vec::new(),
                    }],
                    journal: Vec::new(),
                }
            });
            let verdicts = store.commit(changes.collect()).await.expect("verdicts");
            assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Written));
        }
    }
}

fn now() -> Instant {
    Instant::default() + Elapsed::days(20_000)
}

fn lane() -> Lane {
    Lane {
        tenant: Tenant::from("acme"),
        name: "lane".into(),
    }
}

/// How long it takes to claim one, in microseconds.
async fn claim(store: &PostgresStore) -> f64 {
    let lanes: Lanes = [lane()].into_iter().collect();
    let lease = now() + Elapsed::minutes(5);
    let begun = tokio::time::Instant::now();
    let due = store.due(&lanes, now(), 1, lease).await.expect("a claim");
    let took = begun.elapsed().as_secs_f64() * 1e6;
    assert_eq!(due.len(), 1);
    took
}

fn p99(mut took: Vec<f64>) -> f64 {
    took.sort_by(f64::total_cmp);
    took[took.len() * 99 / 100]
}
