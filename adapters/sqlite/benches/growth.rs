//! How a due lead's cost grows with the leads that are stored, and with its history:
//! `cargo bench -p leadkit-sqlite --bench growth`.
//!
//! The engine drains as many due leads of 10,000 and of 1,000,000, and with twenty entries in the
//! journal behind each; by hand the same is claimed, loaded and written, as in the bench `engine`.
//! `-- --due 10000 --stored 1000000 --attempts 20 --rounds 5` changes the size; without `--bench`
//! it only checks itself.

mod files;
mod grown;
#[allow(dead_code, reason = "not all of it is printed here")]
mod measure;
mod recording;
#[allow(dead_code, reason = "of single commands nothing is asked here")]
mod replay;
#[allow(dead_code, reason = "of single commands nothing is asked here")]
mod waiting;

use files::Files;
use grown::Grown;
use leadkit::engine::Engine;
use leadkit_sqlite::Durability;
use measure::number_after;
use replay::Script;
use waiting::drain;

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let rounds = number_after("--rounds").unwrap_or(if is_measured { 5 } else { 1 });
    let folder = files::folder();
    let sizes = grown::sizes(is_measured);
    let draining = |files: &Files| {
        let leads = files.waiting.leads.len();
        async move |engine: &Engine| drain(engine, leads).await
    };
    let options = files::options(Durability::Machine);
    let filled = ["small.db", "long.db", "large.db"].iter().zip(sizes);
    let filled: Vec<(Files, Script)> = filled
        .map(|(name, size)| {
            let files = Files::new(folder.path(), name, size);
            let script = files.script(&options, files.waiting.now, draining(&files));
            (files, script)
        })
        .collect();
    let mut grown = Grown::default();
    for round in 0..rounds {
        grown.turn(|size| {
            let (files, script) = &filled[size];
            let costs = files.round(&options, files.waiting.now, script, draining(files));
            // To go through a million leads takes longer than all that is measured.
            if round == 0 {
                files.assert_same();
            }
            costs
        });
    }
    grown.print(&sizes);
}
