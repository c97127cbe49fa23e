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
