//! What the whole engine costs on PostgreSQL beside SQL written by hand:
//! `cargo bench -p leadkit-postgres --bench engine`.
//!
//! *Draining*: leads of `playbooks/deferred-follow-up` whose first contact is due; workers, each
//! with an engine and a store of its own, claim pages of 500, load leads and contacts, fire their
//! rule and write lead, contact, message, facts and journal. *Single commands*: attempts, one
//! transaction each. By hand the same is claimed, loaded and written, without deciding anything:
//! see [`replay`].
//!
//! Both sides work on copies of one database and must leave the same rows behind. They take
//! turns; the median of the rounds counts. `-- --leads 100000 --rounds 7 --singles 2000 --only
//! draining` changes the size or chooses; without `--bench` it only checks itself.

mod databases;
#[allow(dead_code, reason = "single questions are not timed here")]
#[path = "../../sqlite/benches/measure/mod.rs"]
mod measure;
#[path = "../../sqlite/benches/recording/mod.rs"]
mod recording;
mod replay;
#[path = "../tests/server/mod.rs"]
mod server;
#[path = "../../sqlite/benches/waiting/mod.rs"]
mod waiting;

use std::sync::Arc;

use databases::{Databases, Working};
use leadkit::engine::Engine;
use leadkit::ids::LeadId;
use leadkit::time::{Elapsed, Instant};
use measure::{is_wanted, number_after, print_compared};
use replay::{Raw, Script};
use server::block_on;
use uuid::Uuid;
use waiting::{Size, drain, try_to_reach};

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let leads = number_after("--leads").unwrap_or(if is_measured { 20_000 } else { 60 });
    let rounds = number_after("--rounds").unwrap_or(if is_measured { 5 } else { 1 });
    let singles = number_after("--singles").unwrap_or(if is_measured { 2_000 } else { 24 });
    let Some(_) = server::url() else { return };
    let databases = block_on(Databases::new(Size::all_due(leads)));
    println!("{leads} leads, medians of {rounds} rounds");
    measure::print_heads("", "engine");
    let run = Run { databases, rounds };
    for workers in [1, 4] {
        run.draining(workers);
    }
    for workers in [1, 8] {
        run.single_commands(workers, singles as usize);
    }
}

struct Run {
    databases: Databases,
    rounds: u32,
}

impl Run {
    fn draining(&self, workers: usize) {
        let waiting = &self.databases.waiting;
        let share = waiting.leads.len() / workers;
        let all = waiting.leads.len();
        let drained = |leads: usize| {
            move |engine: Engine, _: usize| -> Working {
                Box::pin(async move { drain(&engine, leads).await })
            }
        };
        let by_hand = move |raw: Raw, script: Arc<Script>, _: usize| -> Working {
            Box::pin(async move { raw.in_batches(&script, share).await.expect("pages") })
        };
        let name = format!("draining, pages of 500, {workers} workers");
        self.compare(
            &name,
            workers,
            waiting.now,
            drained(all),
            by_hand,
            drained(share),
        );
    }

    fn single_commands(&self, workers: usize, singles: usize) {
        let waiting = &self.databases.waiting;
        let singles = singles.min(waiting.leads.len());
        let reached = |workers: usize| {
            let leads = waiting.leads[..singles].to_vec();
            move |engine: Engine, worker: usize| -> Working {
                let leads = share_of(&leads, workers, worker);
                Box::pin(async move { try_to_reach(&engine, &leads).await })
            }
        };
        let leads = waiting.leads[..singles].to_vec();
        let by_hand = move |raw: Raw, script: Arc<Script>, worker: usize| -> Working {
            let leads = share_of(&leads, workers, worker).into_iter();
            let leads: Vec<Uuid> = leads
                .map(|lead| Uuid::from_bytes(*lead.0.as_bytes()))
                .collect();
            Box::pin(async move { raw.one_by_one(&script, &leads).await.expect("commands") })
        };
        let name = format!("single commands, {workers} connections");
        let now = waiting.now - Elapsed::days(30);
        self.compare(&name, workers, now, reached(1), by_hand, reached(workers));
    }

    /// Records what one engine does, and compares what workers do.
    fn compare(
        &self,
        name: &str,
        workers: usize,
        now: Instant,
        recorded: impl Fn(Engine, usize) -> Working,
        by_hand: impl Fn(Raw, Arc<Script>, usize) -> Working,
        through_engine: impl Fn(Engine, usize) -> Working,
    ) {
        if !is_wanted(name) {
            return;
        }
        let script = Arc::new(block_on(self.databases.script(now, recorded)));
        let round = |_| (self.databases).round(workers, now, &script, &by_hand, &through_engine);
        let rounds: Vec<_> = (0..self.rounds).map(round).collect();
        print_compared(name, script.size(), &rounds, "");
    }
}

/// What one of so many workers does.
fn share_of(leads: &[LeadId], workers: usize, worker: usize) -> Vec<LeadId> {
    leads
        .iter()
        .skip(worker)
        .step_by(workers)
        .copied()
        .collect()
}
