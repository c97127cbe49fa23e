//! Bars for work that takes longer than a second, and lines where nobody watches.

use std::io::Write as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use leadkit::calendar::Zone;
use leadkit::time::Instant;

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// On the terminal, as bars, for what takes longer than a second.
    Shown,
    /// On standard error, a line every half minute: for logs.
    Told,
    /// Not at all.
    #[default]
    Hidden,
}

impl Progress {
    /// Says something at once.
    pub(super) fn say(self, text: &str) {
        if self != Self::Hidden {
            // A log that can't be written is no reason to stop.
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }
}

/// How many seconds lie between two lines of a log.
const LINE_SECONDS: u64 = 30;

/// A bar that appears when the work has taken a second.
pub(super) struct Bar {
    bar: ProgressBar,
    progress: Progress,
    is_waiting: bool,
    lines: u64,
}

impl Bar {
    /// For so many commands.
    pub(super) fn new(progress: Progress, length: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(length as u64), ProgressDrawTarget::hidden());
        let template = "{wide_bar} {msg}, {human_pos} of {human_len} commands";
        Self::styled(bar, progress, template)
    }

    /// For nobody knows how many.
    pub(super) fn of_unknown(progress: Progress, doing: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let bar = bar.with_message(doing);
        Self::styled(bar, progress, "{spinner} {msg}: {human_pos}")
    }

    fn styled(bar: ProgressBar, progress: Progress, template: &str) -> Self {
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self {
            bar,
            progress,
            is_waiting: progress == Progress::Shown,
            lines: 0,
        }
    }

    /// So many steps more.
    pub(super) fn step(&mut self, steps: usize) {
        self.bar.inc(steps as u64);
        self.show();
    }

    /// Virtual time has come to this instant.
    pub(super) fn lived(&mut self, zone: &Zone, now: Instant) {
        let day = zone.to_local(now).format("%Y-%m-%d");
        self.bar.set_message(day.to_string());
        self.show();
    }

    fn show(&mut self) {
        let seconds = self.bar.elapsed().as_secs();
        if self.is_waiting && seconds >= 1 {
            self.is_waiting = false;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        if self.progress == Progress::Told && seconds >= (self.lines + 1) * LINE_SECONDS {
            self.lines = seconds / LINE_SECONDS;
            let done = match self.bar.length() {
                Some(length) => format!("{} of {length} commands", self.bar.position()),
                None => self.bar.position().to_string(),
            };
            self.progress
                .say(&format!("{}: {done}", self.bar.message()));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
