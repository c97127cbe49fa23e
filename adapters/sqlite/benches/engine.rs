//! What the whole engine costs beside SQL written by hand:
//! `cargo bench -p leadkit-sqlite --bench engine`.
//!
//! *Draining*: leads of `playbooks/deferred-follow-up` whose first contact is due; the engine
//! claims pages of 500, loads leads and contacts, fires their rule and writes lead, contact,
//! message, facts and journal. *Single commands*: attempts, one commit each; *at once*: on the
//! thread that asks, as by hand. *Registrations*: leads of `playbooks/field-and-digital-sales`, 500 at
//! once, each given to an advisor by a pool, and the tasks that they open. By hand the same is claimed,
//! loaded and written, without deciding anything: see [`replay`].
//!
//! Both sides work on copies of one file, through connections opened by one function, and must
//! leave the same rows behind. They take turns; the median of the rounds counts.
//! `-- --leads 100000 --rounds 7 --singles 2000 --agents 20 --only draining` changes the size or
//! chooses; without `--bench` it only checks itself.

mod files;
#[allow(dead_code, reason = "single questions are not timed here")]
mod measure;
mod recording;
mod replay;
mod waiting;

use files::Files;
use leadkit::engine::Engine;
use leadkit::time::{Elapsed, Instant};
use leadkit_sqlite::{Durability, Options};
use measure::{is_wanted, number_after, print_compared};
use waiting::{Size, drain, take_in, try_to_reach};

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let leads = number_after("--leads").unwrap_or(if is_measured { 20_000 } else { 60 });
    let rounds = number_after("--rounds").unwrap_or(if is_measured { 7 } else { 1 });
    let singles = number_after("--singles").unwrap_or(if is_measured { 2_000 } else { 20 });
    let agents = number_after("--agents").unwrap_or(20);
    let folder = files::folder();
    let files = Files::new(folder.path(), "first.db", Size::all_due(leads));
    let dealer = Files::with_advisors(folder.path(), "dealer.db", agents);
    println!("{leads} leads, medians of {rounds} rounds");
    measure::print_heads("a commit survives a", "engine");
    let waiting = &files.waiting.leads;
    let singles = &waiting[..waiting.len().min(singles as usize)];
    let now = files.waiting.now;
    for durability in [Durability::Machine, Durability::Process] {
        let options = files::options(durability);
        let at_once = Options {
            at_once: true,
            ..options.clone()
        };
        let run = |files, options| Run {
            files,
            options,
            rounds,
        };
        let draining = async |engine: &Engine| drain(engine, waiting.len()).await;
        run(&files, &options).compare("draining, pages of 500", now, draining);
        let reaching = async |engine: &Engine| try_to_reach(engine, singles).await;
        let before = now - Elapsed::days(30);
        run(&files, &options).compare("single commands", before, reaching);
        run(&files, &at_once).compare("single commands at once", before, reaching);
        let registering = async |engine: &Engine| take_in(engine, leads).await;
        let name = format!("registrations, {agents} agents");
        run(&dealer, &options).compare(&name, dealer.waiting.now, registering);
    }
}

struct Run<'a> {
    files: &'a Files,
    options: &'a Options,
    rounds: u32,
}

impl Run<'_> {
    fn compare(&self, name: &str, now: Instant, work: impl AsyncFn(&Engine)) {
        if !is_wanted(name) {
            return;
        }
        let survives = match self.options.durability {
            Durability::Machine => "machine's crash",
            Durability::Process => "process's crash",
        };
        let script = self.files.script(self.options, now, &work);
        let round = |_| {
            let costs = self.files.round(self.options, now, &script, &work);
            self.files.assert_same();
            costs
        };
        let rounds: Vec<_> = (0..self.rounds).map(round).collect();
        let (commands, batches) = script.size();
        print_compared(
            &format!("{name}, {survives}"),
            commands,
            &rounds,
            &format!("{commands} in {batches} commits"),
        );
    }
}
