//! Walking along the open time, forwards and backwards, through all of time.

use std::collections::VecDeque;

use super::index::{COMPILED_FROM, Index};
use super::rules::{DAY, Open, Rules};
use super::{CalendarError, EARLIEST_SECOND, HORIZON_YEARS, LATEST_SECOND};

/// The Gregorian calendar repeats after 400 years, which are this many days.
pub(super) const HORIZON: i64 = HORIZON_YEARS * 146_097 / 400 * DAY;
/// The first step is about a week, and each is twice the one before, up to this.
const LONGEST_STEP: i64 = 512 * DAY;

/// The stretches of open time from an instant on, or back from it, cut at that instant.
///
/// Stretches that touch are one. One that is longer than the horizon is cut there, and goes on in
/// the next. Ends when nothing has been open for a whole horizon, or where time ends.
#[derive(Debug, Clone)]
pub(super) struct Walk<'a> {
    rules: &'a Rules,
    index: &'a Index,
    way: Way,
    /// What has been read already ends here.
    cursor: i64,
    /// Where the last stretch given out ends, or the walk began.
    last: i64,
    step: i64,
    /// Read, and not given out yet; the next in front.
    ready: VecDeque<Open>,
}

/// Which way along the time line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Forwards,
    Backwards,
}

impl<'a> Walk<'a> {
    /// A walk from `from`, in seconds since 1970.
    pub(super) fn new(rules: &'a Rules, index: &'a Index, way: Way, from: i64) -> Self {
        let from = from.clamp(EARLIEST_SECOND, LATEST_SECOND);
        let ready = VecDeque::new();
        Self {
            rules,
            index,
            way,
            cursor: from,
            last: from,
            step: 8 * DAY,
            ready,
        }
    }

    /// Why a walk that is over has ended.
    pub(super) fn ended(&self) -> CalendarError {
        if self.is_at_end() {
            CalendarError::OutOfTime
        } else {
            CalendarError::NeverOpen
        }
    }

    fn is_at_end(&self) -> bool {
        match self.way {
            Way::Forwards => self.cursor >= LATEST_SECOND,
            Way::Backwards => self.cursor <= EARLIEST_SECOND,
        }
    }

    /// Reads the next stretch of days.
    fn read_on(&mut self) {
        let edges = [
            EARLIEST_SECOND,
            COMPILED_FROM,
            self.index.until(),
            LATEST_SECOND,
        ];
        let open = match self.way {
            Way::Forwards => {
                let edge = edges.into_iter().find(|edge| *edge > self.cursor);
                let until = (self.cursor + self.step).min(edge.unwrap_or(LATEST_SECOND));
                let open = self.open(self.cursor, until);
                self.cursor = until;
                open
            }
            Way::Backwards => {
                let edge = edges.into_iter().rev().find(|edge| *edge < self.cursor);
                let from = (self.cursor - self.step).max(edge.unwrap_or(EARLIEST_SECOND));
                let mut open = self.open(from, self.cursor);
                open.reverse();
                self.cursor = from;
                open
            }
        };
        self.ready = open.into();
        self.step = (self.step * 2).min(LONGEST_STEP);
    }

    /// The open time between two seconds that are on the same side of the edges of the index.
    fn open(&self, from: i64, until: i64) -> Vec<Open> {
        if from >= COMPILED_FROM && until <= self.index.until() {
            self.index.open(from, until)
        } else {
            self.rules.open(from, until)
        }
    }

    /// Both as one, if they touch.
    fn joined(&self, held: Open, next: Open) -> Option<Open> {
        let (first, second) = match self.way {
            Way::Forwards => (held, next),
            Way::Backwards => (next, held),
        };
        (first.end == second.start).then_some(Open {
            start: first.start,
            end: second.end,
        })
    }

    fn far_end(&self, open: Open) -> i64 {
        match self.way {
            Way::Forwards => open.end,
            Way::Backwards => open.start,
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Open;

    fn next(&mut self) -> Option<Open> {
        let mut held: Option<Open> = None;
        loop {
            while let Some(next) = self.ready.front().copied() {
                let together = held.map_or(Some(next), |held| self.joined(held, next));
                if together.is_none() {
                    break;
                }
                held = together;
                self.ready.pop_front();
            }
            match held {
                Some(open)
                    if !self.ready.is_empty()
                        || self.far_end(open) != self.cursor
                        || self.is_at_end()
                        || open.end - open.start >= HORIZON =>
                {
                    self.last = self.far_end(open);
                    return Some(open);
                }
                None if self.is_at_end() || self.cursor.abs_diff(self.last) >= HORIZON as u64 => {
                    return None;
                }
                _ => self.read_on(),
            }
        }
    }
}
