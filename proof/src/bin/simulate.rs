//! Runs the seeded simulation.

use std::io::IsTerminal as _;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use clap::Parser;
use leadkit_proof::simulation::{self, Figures, Report};

/// Random commands, several workers, failing stores and mailers and clocks that jump: seed by seed,
/// until something is found.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Run this seed alone, twice, and tell what happened.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// How many seeds to run at once; one for each processor, if nothing is said.
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Go on after something was found.
    #[arg(long)]
    keep_going: bool,
}

/// Of many seeds, one in so many is run twice.
const TWICE_EVERY: u64 = 100;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.seed {
        Some(seed) => one(seed),
        None => many(&arguments),
    }
}

/// What came of a seed; the seed, if it panicked.
fn run(seed: u64) -> Result<Report, u64> {
    catch_unwind(AssertUnwindSafe(|| simulation::run(seed, None))).map_err(|_| seed)
}

/// Runs a seed twice, which must come out the same.
fn run_twice(seed: u64) -> Result<Report, u64> {
    let mut report = run(seed)?;
    report.hold_to(&run(seed)?);
    Ok(report)
}

fn one(seed: u64) -> ExitCode {
    let Ok(report) = run_twice(seed) else {
        tell_of_panic(seed);
        return ExitCode::FAILURE;
    };
    println!(
        "seed {seed}, {} steps: {}",
        report.step,
        told(&report.figures)
    );
    println!("digest {}", report.digest);
    if report.findings.is_empty() {
        return ExitCode::SUCCESS;
    }
    tell(&report);
    ExitCode::FAILURE
}

fn many(arguments: &Arguments) -> ExitCode {
    let threads = arguments
        .threads
        .or_else(|| std::thread::available_parallelism().ok())
        .map_or(1, NonZeroUsize::get);
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let stop = AtomicBool::new(false);
    let sums: Mutex<(Figures, Vec<u64>)> = Mutex::default();
    let shows_progress = std::io::stderr().is_terminal();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= arguments.seeds {
                        break;
                    }
                    let seed = arguments.from + number;
                    let outcome = match number.is_multiple_of(TWICE_EVERY) {
                        true => run_twice(seed),
                        false => run(seed),
                    };
                    let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                    if shows_progress && done.is_multiple_of(20) {
                        eprint!("\r{done} of {} seeds", arguments.seeds);
                    }
                    let Ok(mut sums) = sums.lock() else {
                        return;
                    };
                    let is_sound = match &outcome {
                        Ok(report) => {
                            sums.0 += report.figures;
                            report.findings.is_empty()
                        }
                        Err(_) => false,
                    };
                    if is_sound {
                        continue;
                    }
                    sums.1.push(seed);
                    stop.store(!arguments.keep_going, Ordering::Relaxed);
                    match outcome {
                        Ok(report) => tell(&report),
                        Err(seed) => tell_of_panic(seed),
                    }
                }
            });
        }
    });
    if shows_progress {
        eprint!("\r");
    }
    let Ok((figures, failed)) = sums.into_inner() else {
        return ExitCode::FAILURE;
    };
    let done = done.into_inner();
    println!("{done} seeds from {}: {}", arguments.from, told(&figures));
    if failed.is_empty() {
        println!("nothing was found");
        return ExitCode::SUCCESS;
    }
    println!("{} seeds failed: {failed:?}", failed.len());
    ExitCode::FAILURE
}

fn told(figures: &Figures) -> String {
    let Figures {
        commands,
        entries,
        hand_overs,
        faults,
        deaths,
        jumps,
    } = figures;
    format!(
        "{commands} commands, {entries} journal entries, {hand_overs} hand-overs, {faults} faults, \
         {deaths} workers died, {jumps} clocks jumped"
    )
}

fn tell(report: &Report) {
    println!("seed {} failed at step {}:", report.seed, report.step);
    for finding in report.findings.iter().take(5) {
        println!("  {finding}");
    }
    for line in &report.timeline {
        println!("    {line}");
    }
    tell_how_to_run_again(report.seed);
}

fn tell_of_panic(seed: u64) {
    println!("seed {seed} panics");
    tell_how_to_run_again(seed);
}

fn tell_how_to_run_again(seed: u64) {
    println!("run it again: cargo run --release -p leadkit-proof --bin simulate -- --seed {seed}");
}
