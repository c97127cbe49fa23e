//! Measuring: what a run took, and what was asked of it.

use std::time::Duration;

/// The number behind this argument.
pub(crate) fn number_after(name: &str) -> Option<u32> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1)?.parse().ok()
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What a run took.
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    /// Of all threads; steadier where the machine has other work.
    pub(crate) processor: Duration,
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
pub(crate) fn measured(work: impl FnOnce()) -> Cost {
    let (start, used) = (std::time::Instant::now(), processor_time());
    work();
    Cost {
        wall: start.elapsed(),
        processor: processor_time().saturating_sub(used),
    }
}

/// What the threads of this process have used so far; nothing where the system doesn't tell.
fn processor_time() -> Duration {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return Duration::ZERO;
    };
    let used = threads.flatten().filter_map(|thread| {
        let told = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        told.split(' ')
            .next()?
            .parse()
            .ok()
            .map(Duration::from_nanos)
    });
    used.sum()
}

/// Whether this comparison is asked for: all are, unless `--only` names some.
pub(crate) fn is_wanted(name: &str) -> bool {
    let only = std::env::args().skip_while(|argument| argument != "--only");
    only.skip(1).take(1).all(|wanted| name.contains(&wanted))
}

/// What the columns of [`print_compared`] hold.
pub(crate) fn print_heads(first: &str, other: &str) {
    println!("how many per second, and microseconds of this process's CPU for each");
    println!(
        "{first:<42} {:>9} {other:>9} {:>7} {:>9} {:>9} {:>7}",
        "raw", "ratio", "raw CPU", "CPU", "ratio"
    );
}

/// Prints what so many of something took in each round: by hand, and otherwise.
pub(crate) fn print_compared(name: &str, count: usize, rounds: &[(Cost, Cost)], note: &str) {
    let rate = |time: Duration| count as f64 / time.as_secs_f64();
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
    let ratio = |raw: Duration, other: Duration| raw.as_secs_f64() / other.as_secs_f64();
    let of = |value: &dyn Fn(&(Cost, Cost)) -> f64| median(rounds.iter().map(value).collect());
    println!(
        "{name:<42} {:>9.0} {:>9.0} {:>7.2} {:>9.1} {:>9.1} {:>7.2}   {note}",
        of(&|(raw, _)| rate(raw.wall)),
        of(&|(_, other)| rate(other.wall)),
        of(&|(raw, other)| ratio(raw.wall, other.wall)),
        of(&|(raw, _)| micros(raw.processor)),
        of(&|(_, other)| micros(other.processor)),
        of(&|(raw, other)| ratio(raw.processor, other.processor)),
    );
}

/// How many milliseconds this takes, and what comes of it.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (f64, T) {
    let start = std::time::Instant::now();
    let done = work.await;
    (start.elapsed().as_secs_f64() * 1e3, done)
}
