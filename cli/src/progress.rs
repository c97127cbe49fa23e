//! Bars for work that takes longer than a second, and lines where nobody watches.

use std::borrow::Cow;
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
    pub(crate) fn say(self, text: &str) {
        if self != Self::Hidden {
            // A log that can't be written is no reason to stop.
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }
}

/// How many seconds lie between two lines of a log.
const LINE_SECONDS: u64 = 30;

/// A bar that appears when the work has taken a second.
pub(crate) struct Bar {
    bar: ProgressBar,
    progress: Progress,
    /// What it counts, where it is known how many there are.
    things: &'static str,
    is_waiting: bool,
    lines: u64,
}

impl Bar {
    /// For so many things, called by the word for several of them.
    pub(crate) fn new(
        progress: Progress,
        length: u64,
        things: &'static str,
        doing: impl Into<Cow<'static, str>>,
    ) -> Self {
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden());
        let template = format!("{{wide_bar}} {{msg}}, {{human_pos}} of {{human_len}} {things}");
        Self::styled(bar.with_message(doing), progress, things, &template)
    }

    /// For nobody knows how many.
    pub(crate) fn of_unknown(progress: Progress, doing: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let bar = bar.with_message(doing);
        Self::styled(bar, progress, "", "{spinner} {msg}: {human_pos}")
    }

    fn styled(bar: ProgressBar, progress: Progress, things: &'static str, template: &str) -> Self {
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self {
            bar,
            progress,
            things,
            is_waiting: progress == Progress::Shown,
            lines: 0,
        }
    }

    /// So many steps more.
    pub(crate) fn step(&mut self, steps: usize) {
        self.bar.inc(steps as u64);
        self.show();
    }

    /// Virtual time has come to this instant.
    pub(crate) fn lived(&mut self, zone: &Zone, now: Instant) {
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
                Some(length) => format!("{} of {length} {}", self.bar.position(), self.things),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn after(seconds: u64, progress: Progress) -> Bar {
        let mut bar = Bar::new(progress, 10, "leads", "searching");
        bar.bar = bar.bar.clone().with_elapsed(Duration::from_secs(seconds));
        bar.step(3);
        bar
    }

    #[test]
    fn a_bar_appears_when_the_work_has_taken_a_second_and_only_where_it_is_watched() {
        assert!(after(0, Progress::Shown).is_waiting);
        assert!(!after(2, Progress::Shown).is_waiting);
        for progress in [Progress::Told, Progress::Hidden] {
            assert!(after(2, progress).bar.is_hidden(), "{progress:?}");
        }
    }

    #[test]
    fn a_log_gets_a_line_every_half_minute_and_none_before() {
        for (seconds, lines) in [(29, 0), (31, 1), (95, 3)] {
            assert_eq!(after(seconds, Progress::Told).lines, lines, "{seconds} s");
        }
    }
}
