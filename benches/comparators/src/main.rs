//! Queues for PostgreSQL that acknowledge jobs which do nothing, beside leadkit, which wakes leads,
//! decides and writes: as many of each, on one server, one after the other; how many a second.
//!
//! `cargo run --release --manifest-path benches/comparators/Cargo.toml -- --bench`, with `--jobs N`
//! for another number than 20,000. Without `--bench` the server does not sync, as in tests.
//!
//! Each queue has one worker, and fetches as many jobs at once as leadkit does. graphile_worker runs
//! eight of them at a time and acknowledges those of five milliseconds together; apalis-postgres is as
//! it comes, but for its batch. leadkit's worker is one thread.

#[path = "../../../adapters/postgres/tests/server/mod.rs"]
mod server;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use apalis::prelude::*;
use apalis_postgres::{Config, PgPool, PostgresStorage};
use graphile_worker::{
    IntoTaskHandlerResult, LocalQueueConfig, TaskHandler, WorkerContext as Context, WorkerOptions,
};
use leadkit::clock::VirtualClock;
use leadkit::decide::command::{Actor, Command, NewLead, What};
use leadkit::engine::Engine;
use leadkit::ids::{CommandId, Tenant};
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::time::Elapsed;
use leadkit_postgres::PostgresStore;
use serde::{Deserialize, Serialize};

/// How many jobs each worker of the queues fetches at once, and leadkit takes anyway.
const PAGE: usize = 500;

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--jobs");
    let jobs = arguments
        .nth(1)
        .map_or(20_000, |n| n.parse().expect("a number of jobs"));
    if server::url().is_none() {
        return;
    }
    println!("{jobs} jobs; acknowledged per second");
    server::block_on(async {
        tell(
            "leadkit: leads due, decided, a task opened",
            jobs,
            leadkit(jobs).await,
        );
        tell(
            "graphile_worker: jobs that do nothing",
            jobs,
            graphile_worker(jobs).await,
        );
        tell(
            "apalis-postgres: jobs that do nothing",
            jobs,
            apalis(jobs).await,
        );
    });
}

fn tell(what: &str, jobs: usize, took: Duration) {
    println!("{what:<45} {:>8.0}", jobs as f64 / took.as_secs_f64());
}

// ------------------------------------------------------------------------------------- leadkit

async fn leadkit(leads: usize) -> Duration {
    let url = server::fresh_database().await;
    let store = PostgresStore::open_with(&url, &server::options())
        .await
        .expect("a store");
    let clock = VirtualClock::at("2026-03-02T09:00:00Z".parse().expect("an instant"));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/playbook");
    let engine = Engine::builder(store)
        .playbook("comparison", Playbook::load(folder).expect("a playbook"))
        .mailer("email", MemoryMailer::default())
        .clock(clock.clone())
        .build()
        .expect("an engine");
    let numbers: Vec<usize> = (0..leads).collect();
    for page in numbers.chunks(PAGE) {
        let commands = page.iter().map(|number| registration(*number)).collect();
        let answers = engine.execute_all(commands).await.expect("answers");
        assert!(answers.iter().all(Result::is_ok));
    }
    clock.advance(Elapsed::hours(2));
    let begun = Instant::now();
    let ticked = engine.tick().await.expect("a tick");
    let took = begun.elapsed();
    assert_eq!(ticked.fired, leads as u64);
    took
}

fn registration(number: usize) -> (Option<CommandId>, Command) {
    let lead = NewLead::new(format!("Lead {number}")).email(format!("{number}@example.com"));
    let command = Command {
        tenant: Tenant::from("comparison"),
        actor: Actor::host("bench"),
        happened_at: None,
        what: What::Register(Box::new(lead)),
    };
    (Some(CommandId::of(&format!("lead {number}"))), command)
}

// ----------------------------------------------------------------------------- graphile_worker

static HANDLED: AtomicUsize = AtomicUsize::new(0);

#[derive(Clone, Deserialize, Serialize)]
struct Nothing;

impl TaskHandler for Nothing {
    const IDENTIFIER: &'static str = "nothing";

    async fn run(self, _: Context) -> impl IntoTaskHandlerResult {
        HANDLED.fetch_add(1, Ordering::Relaxed);
        Ok::<(), String>(())
    }
}

async fn graphile_worker(jobs: usize) -> Duration {
    let url = server::fresh_database().await;
    HANDLED.store(0, Ordering::Relaxed);
    let worker = WorkerOptions::default()
        .database_url(&url)
        .concurrency(8)
        .poll_interval(Duration::from_millis(10))
        .complete_job_batch_delay(Duration::from_millis(5))
        .local_queue(LocalQueueConfig::default().with_size(PAGE))
        .define_job::<Nothing>()
        .init()
        .await
        .expect("a worker");
    let client = server::connect(&url).await;
    let add = format!(
        "SELECT count(graphile_worker.add_job('nothing', 'null'::json)) FROM generate_series(1, {jobs})"
    );
    client.batch_execute(&add).await.expect("jobs");
    let left = "SELECT count(*) FROM graphile_worker._private_jobs";
    let begun = Instant::now();
    let measured = async {
        all_handled(jobs).await;
        let took = none_left(&client, left, begun).await;
        worker.request_shutdown();
        took
    };
    let (ran, took) = futures::join!(worker.run(), measured);
    ran.expect("a run");
    took
}

// ----------------------------------------------------------------------------- apalis-postgres

async fn nothing(_: Nothing) -> Result<(), BoxDynError> {
    HANDLED.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

async fn apalis(jobs: usize) -> Duration {
    let url = server::fresh_database().await;
    HANDLED.store(0, Ordering::Relaxed);
    let pool = PgPool::connect(&url).await.expect("a pool");
    PostgresStorage::setup(&pool).await.expect("tables");
    let config = Config::default().queue("nothing").batch_size(PAGE);
    let mut storage = PostgresStorage::new(&pool).with_config(config);
    let mut all = futures::stream::iter((0..jobs).map(|_| TaskBuilder::new(Nothing).build()));
    storage.push_all(&mut all).await.expect("jobs");
    let client = server::connect(&url).await;
    let left = "SELECT count(*) FROM apalis.jobs WHERE status <> 'Done'";
    let worker = WorkerBuilder::new("comparison")
        .backend(storage)
        .build(nothing);
    let begun = Instant::now();
    let (tell, told) = futures::channel::oneshot::channel::<()>();
    let measured = async {
        all_handled(jobs).await;
        let took = none_left(&client, left, begun).await;
        let _ = tell.send(());
        took
    };
    let stop = async move {
        let _ = told.await;
        Ok::<(), std::io::Error>(())
    };
    let (ran, took) = futures::join!(worker.run_until(stop), measured);
    ran.expect("a run");
    took
}

// -------------------------------------------------------------------------------------- common

async fn all_handled(jobs: usize) {
    while HANDLED.load(Ordering::Relaxed) < jobs {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// How long it took until nothing is left that is not acknowledged.
async fn none_left(
    client: &leadkit_postgres::tokio_postgres::Client,
    left: &str,
    begun: Instant,
) -> Duration {
    loop {
        let row = client.query_one(left, &[]).await.expect("a count");
        if row.get::<_, i64>(0) == 0 {
            return begun.elapsed();
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
