//! Bars for work that takes longer than a second.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use leadkit::time::Instant;

/// Whether progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// On the terminal, for what takes longer than a second.
    Shown,
    /// Not at all.
    #[default]
    Hidden,
}

/// A bar that appears when the work has taken a second.
pub(super) struct Bar {
    bar: ProgressBar,
    is_waiting: bool,
}

impl Bar {
    /// For so many steps.
    pub(super) fn new(progress: Progress, length: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(length as u64), ProgressDrawTarget::hidden());
        Self::styled(bar, progress, "{wide_bar} {human_pos}/{human_len} {msg}")
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
        let is_waiting = progress == Progress::Shown;
        Self { bar, is_waiting }
    }

    /// So many steps more, which led to this day.
    pub(super) fn step_to(&mut self, steps: usize, now: Instant) {
        self.bar.set_message(now.format("%Y-%m-%d").to_string());
        self.step(steps);
    }

    /// So many steps more.
    pub(super) fn step(&mut self, steps: usize) {
        if self.is_waiting && self.bar.elapsed().as_secs() >= 1 {
            self.is_waiting = false;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.inc(steps as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
