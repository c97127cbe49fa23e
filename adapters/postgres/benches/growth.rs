//! How a due lead's cost grows with the leads that are stored, and with its history:
//! `cargo bench -p leadkit-postgres --bench growth`.
//!
//! One worker drains as many due leads of 10,000 and of 1,000,000, and with twenty entries in the
//! journal behind each; by hand the same is claimed, loaded and written, as in the bench `engine`.
//! `-- --due 10000 --stored 1000000 --attempts 20 --rounds 5` changes the size; without `--bench`
//! it only checks itself.

mod databases;
#[path = "../../sqlite/benches/grown/mod.rs"]
mod grown;
#[allow(dead_code, reason = "not all of it is printed here")]
#[path = "../../sqlite/benches/measure/mod.rs"]
mod measure;
#[path = "../../sqlite/benches/recording/mod.rs"]
mod recording;
#[allow(dead_code, reason = "of single commands nothing is asked here")]
mod replay;
#[path = "../tests/server/mod.rs"]
mod server;
#[allow(dead_code, reason = "of single commands nothing is asked here")]
#[path = "../../sqlite/benches/waiting/mod.rs"]
mod waiting;

use std::sync::Arc;

use databases::{Databases, Working};
use grown::Grown;
use leadkit::engine::Engine;
use measure::number_after;
use replay::{Raw, Script};
use server::block_on;
use waiting::{Size, drain};

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let rounds = number_after("--rounds").unwrap_or(if is_measured { 5 } else { 1 });
    let Some(_) = server::url() else { return };
    let sizes = grown::sizes(is_measured);
    let filled: Vec<(Databases, Arc<Script>)> = sizes
        .iter()
        .map(|size| {
            let databases = block_on(Databases::new(*size));
            let script = databases.script(databases.waiting.now, draining(*size));
            let script = Arc::new(block_on(script));
            (databases, script)
        })
        .collect();
    let mut grown = Grown::default();
    for _ in 0..rounds {
        grown.turn(|place| {
            let (databases, script) = &filled[place];
            let leads = sizes[place].due as usize;
            let by_hand = |raw: Raw, script: Arc<Script>, _: usize| -> Working {
                Box::pin(async move { raw.in_batches(&script, leads).await.expect("pages") })
            };
            let now = databases.waiting.now;
            databases.round(1, now, script, by_hand, draining(sizes[place]))
        });
    }
    grown.print(&sizes);
}

fn draining(size: Size) -> impl Fn(Engine, usize) -> Working {
    let leads = size.due as usize;
    move |engine, _| Box::pin(async move { drain(&engine, leads).await })
}
