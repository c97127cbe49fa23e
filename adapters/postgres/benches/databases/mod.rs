//! A database of leads that wait, and both sides at work on copies of it.

use std::pin::Pin;
use std::sync::Arc;

use futures::future::join_all;
use leadkit::clock::VirtualClock;
use leadkit::engine::Engine;
use leadkit::time::Instant;
use leadkit_postgres::PostgresStore;

use crate::measure::{Cost, measured};
use crate::recording::Recording;
use crate::replay::{Raw, Script};
use crate::server::{self, block_on};
use crate::waiting::{Size, Waiting};

/// What one worker does.
pub(crate) type Working = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) struct Databases {
    first: String,
    pub(crate) waiting: Waiting,
}

impl Databases {
    /// Fills a database, and leaves it as autovacuum would.
    pub(crate) async fn new(size: Size) -> Self {
        let first = server::fresh_database().await;
        let client = server::connect(&first).await;
        // What is lost with the machine is made again.
        let setting = format!("ALTER DATABASE {}", server::name_in(&first));
        let quick = format!("{setting} SET synchronous_commit TO off");
        client.batch_execute(&quick).await.expect("a setting");
        let waiting = Waiting::fill(open(&first).await, size).await;
        let reset = format!("{setting} RESET ALL");
        client.batch_execute(&reset).await.expect("a setting");
        client
            .batch_execute("VACUUM ANALYZE")
            .await
            .expect("a vacuum");
        Self { first, waiting }
    }

    /// What one engine asks of a store when it does this.
    pub(crate) async fn script(
        &self,
        now: Instant,
        work: impl Fn(Engine, usize) -> Working,
    ) -> Script {
        let url = server::copy_of(&self.first).await;
        let recording = Recording::new(open(&url).await);
        let clock = VirtualClock::at(now);
        work(self.waiting.engine(recording.clone(), &clock), 0).await;
        let client = server::connect(&url).await;
        let script = Script::of(&recording.batches(), now, &client).await;
        drop((client, recording));
        server::drop_database(&url).await;
        script
    }

    /// What so many workers take to do the same by hand, and each with an engine of its own.
    pub(crate) fn round(
        &self,
        workers: usize,
        now: Instant,
        script: &Arc<Script>,
        by_hand: impl Fn(Raw, Arc<Script>, usize) -> Working,
        through_engine: impl Fn(Engine, usize) -> Working,
    ) -> (Cost, Cost) {
        let url = block_on(server::copy_of(&self.first));
        let raw = async || Raw::prepare(server::connect(&url).await, script).await;
        let raws = (0..workers).map(|_| block_on(raw()).expect("statements"));
        let working: Vec<_> = (0..)
            .zip(raws)
            .map(|(n, raw)| by_hand(raw, script.clone(), n))
            .collect();
        let raw_cost = measured(|| all_of(working));
        let left_by_hand = block_on(contents(&url));
        block_on(server::drop_database(&url));

        let url = block_on(server::copy_of(&self.first));
        let clock = VirtualClock::at(now);
        let engine = || self.waiting.engine(block_on(open(&url)), &clock);
        let working: Vec<_> = (0..workers).map(|n| through_engine(engine(), n)).collect();
        let engine_cost = measured(|| all_of(working));
        assert_eq!(
            left_by_hand,
            block_on(contents(&url)),
            "both sides write the same"
        );
        block_on(server::drop_database(&url));
        (raw_cost, engine_cost)
    }
}

async fn open(url: &str) -> PostgresStore {
    let store = PostgresStore::open_with(url, &server::options()).await;
    store.expect("a store")
}

/// Does all of this at once, each as a task.
fn all_of(working: Vec<Working>) {
    let tasks: Vec<_> = working.into_iter().map(server::spawn).collect();
    let done = block_on(join_all(tasks));
    done.into_iter().for_each(|done| done.expect("a task"));
}

/// How many rows each table has, and a sum over all that they hold. Of versions only how often
/// the record was written: engines stamp what they write.
async fn contents(url: &str) -> Vec<(i64, String)> {
    let client = server::connect(url).await;
    let tables = [
        (
            "records",
            "(r.kind, r.id, r.version & 4294967295, r.lane, r.wakes_at, r.body)",
        ),
        ("journal", "(r.command, r.body)"),
        ("lead_facts", "r"),
        ("message_facts", "r"),
    ];
    let mut found = Vec::new();
    for (table, row) in tables {
        let sum = format!(
            "SELECT count(*), coalesce(sum(hashtextextended({row}::text, 0)), 0)::text
             FROM leadkit_{table} r"
        );
        let row = client.query_one(&sum, &[]).await.expect("a sum");
        found.push((row.get(0), row.get(1)));
    }
    found
}
