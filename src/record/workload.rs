//! What an agent has on hand: its open leads, and what became of those that it had.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::Name;
use crate::time::{Elapsed, Instant};

/// An agent's load and record.
///
/// They are the agent's own, and not of its membership in a pool: who leaves a pool and comes
/// back, or joins a second one, still holds its leads. Whoever changes the workload changes the
/// copies in all pools that have the agent in the same commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// How many open leads the agent holds, in all pipelines.
    pub load: u32,
    /// What became of the agent's leads, for each window of the active playbook's pools.
    pub tallies: Vec<Tally>,
    /// The pools that have the agent as a member, in the order of their names.
    pub pools: Vec<Name>,
    /// What the agent owed the other members of pools that it left: nothing or negative, as
    /// [`Pool::debt_of`](super::Pool::debt_of) says.
    pub debts: Vec<(Name, i64)>,
}

impl Workload {
    /// The tally over a window; an empty one, if there is none.
    #[must_use]
    pub fn tally(&self, window: Elapsed) -> Tally {
        let found = self.tallies.iter().find(|tally| tally.is_over(window));
        found.cloned().unwrap_or_else(|| Tally::over(window))
    }

    /// Keeps tallies for these windows and no others. A window that is new begins with what the
    /// next longer one knows, else the longest.
    pub fn keep_windows(&mut self, windows: &[Elapsed], now: Instant) {
        self.forget_ahead(now);
        let mut kept: Vec<Tally> = Vec::with_capacity(windows.len());
        for window in windows {
            if kept.iter().any(|tally| tally.is_over(*window)) {
                continue;
            }
            let known = self.tallies.iter().find(|tally| tally.is_over(*window));
            kept.push(match known {
                Some(known) => known.clone(),
                None => self.estimate(*window, now),
            });
        }
        self.tallies = kept;
    }

    fn estimate(&self, window: Elapsed, now: Instant) -> Tally {
        let wanted = Tally::over(window);
        let longer = self
            .tallies
            .iter()
            .filter(|tally| tally.window_ms >= wanted.window_ms);
        let nearest = longer
            .min_by_key(|tally| tally.window_ms)
            .or_else(|| self.tallies.iter().max_by_key(|tally| tally.window_ms));
        nearest.map_or(wanted, |tally| tally.estimated_over(window, now))
    }

    /// Begins the tallies anew that lie wholly after `now`: a clock counted there that was ahead, and until
    /// then they would count nothing and answer the same.
    pub fn forget_ahead(&mut self, now: Instant) {
        let ahead = self.tallies.iter_mut();
        let ahead = ahead.filter(|tally| tally.is_ahead_of(now.timestamp_millis()));
        ahead.for_each(|tally| *tally = Tally::over(Elapsed::milliseconds(tally.window_ms)));
    }

    /// Counts a lead that came at `at`, which may be told late.
    pub fn receive(&mut self, at: Instant) {
        self.tallies.iter_mut().for_each(|tally| tally.receive(at));
    }

    /// Counts a lead that was won at `at`, which may be told late.
    pub fn win(&mut self, at: Instant) {
        self.tallies.iter_mut().for_each(|tally| tally.win(at));
    }

    /// Counts a lead no more that was won at `at`: it was reopened, or ended otherwise after all.
    pub fn unwin(&mut self, at: Instant) {
        self.tallies.iter_mut().for_each(|tally| tally.unwin(at));
    }
}

/// What became of an agent's leads over a rolling window, counted in twelve parts.
///
/// The oldest part falls out whole, so a window of 180 days means 165 to 180.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Parts")]
pub struct Tally {
    window_ms: i64,
    /// In milliseconds of the epoch: a thousand tallies are asked at once, and numbers are compared
    /// sooner than dates.
    part_from_ms: i64,
    /// The youngest first.
    parts: [Counts; Self::PARTS],
    /// The sums of all parts: they are asked for whenever a pool chooses, and change with a lead.
    #[serde(skip_serializing)]
    sums: Counts,
}

/// A tally as it is kept.
#[derive(Deserialize)]
#[serde(rename = "Tally")]
struct Parts {
    window_ms: i64,
    part_from_ms: i64,
    parts: [Counts; Tally::PARTS],
}

impl From<Parts> for Tally {
    fn from(kept: Parts) -> Self {
        let Parts {
            window_ms,
            part_from_ms,
            parts,
        } = kept;
        Self {
            window_ms,
            part_from_ms,
            sums: summed(&parts),
            parts,
        }
    }
}

impl fmt::Debug for Tally {
    /// As it is kept.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally")
            .field("window_ms", &self.window_ms)
            .field("part_from_ms", &self.part_from_ms)
            .field("parts", &self.parts)
            .finish()
    }
}

/// How many leads came and how many were won.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Leads that came to the agent.
    pub received: u32,
    /// Leads that the agent won.
    pub won: u32,
}

impl Counts {
    /// Both numbers added up.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            received: self.received.saturating_add(other.received),
            won: self.won.saturating_add(other.won),
        }
    }
}

impl Tally {
    const PARTS: usize = 12;

    /// Nothing yet, over this window.
    #[must_use]
    pub fn over(window: Elapsed) -> Self {
        Self {
            window_ms: window.num_milliseconds(),
            part_from_ms: 0,
            parts: [Counts::default(); Self::PARTS],
            sums: Counts::default(),
        }
    }

    /// Whether it counts over this window.
    #[must_use]
    pub fn is_over(&self, window: Elapsed) -> bool {
        self.window_ms == window.num_milliseconds()
    }

    /// Whether it counts over the same window as another one.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.window_ms == other.window_ms
    }

    /// The sums over the window that ends at `now`.
    #[must_use]
    pub fn counts(&self, now: Instant) -> Counts {
        self.counts_at(now.timestamp_millis())
    }

    /// The same for who asks many tallies at one instant, in milliseconds of the epoch.
    pub(crate) fn counts_at(&self, now_ms: i64) -> Counts {
        let gone_ms = now_ms - self.part_from_ms;
        // Mostly no part has begun since, and to divide takes longer than to compare.
        match gone_ms < self.part_ms() {
            true if self.is_ahead_of(now_ms) => Counts::default(),
            true => self.sums,
            false => {
                let begun = usize::try_from(gone_ms / self.part_ms()).unwrap_or(0);
                summed(&self.parts[..Self::PARTS - begun.min(Self::PARTS)])
            }
        }
    }

    /// Counts a lead that came at `at`.
    pub fn receive(&mut self, at: Instant) {
        self.advance(at);
        if let Some(part) = self.part_mut(at) {
            part.received = part.received.saturating_add(1);
        }
        self.sums = summed(&self.parts);
    }

    /// Counts a lead that was won at `at`.
    pub fn win(&mut self, at: Instant) {
        self.advance(at);
        if let Some(part) = self.part_mut(at) {
            part.won = part.won.saturating_add(1);
        }
        self.sums = summed(&self.parts);
    }

    /// Counts a lead no more that was won at `at`.
    pub fn unwin(&mut self, at: Instant) {
        if let Some(part) = self.part_mut(at) {
            part.won = part.won.saturating_sub(1);
        }
        self.sums = summed(&self.parts);
    }

    /// The part in which this happened. What is told late belongs to an older one than the
    /// youngest, and to none when it is older than the window.
    fn part_mut(&mut self, at: Instant) -> Option<&mut Counts> {
        let gone_ms = at.timestamp_millis() - self.part_from_ms;
        let age = gone_ms.div_euclid(self.part_ms()).min(0).unsigned_abs();
        self.parts.get_mut(usize::try_from(age).ok()?)
    }

    /// Whether even the oldest part begins after `now`, in milliseconds of the epoch.
    fn is_ahead_of(&self, now_ms: i64) -> bool {
        let older_ms = self.part_ms() * (Self::PARTS as i64 - 1);
        self.part_from_ms > now_ms.saturating_add(older_ms)
    }

    fn part_ms(&self) -> i64 {
        (self.window_ms / Self::PARTS as i64).max(1)
    }

    /// How many parts have begun since the first one, and for how long the last of them has run,
    /// in milliseconds. A clock that jumps back begins none.
    fn parts_begun(&self, now: Instant) -> (usize, i64) {
        let part_ms = self.part_ms();
        let gone_ms = now.timestamp_millis() - self.part_from_ms;
        let begun = usize::try_from(gone_ms / part_ms).unwrap_or(0);
        (begun, gone_ms % part_ms)
    }

    /// Begins new parts until the first one contains `now`.
    fn advance(&mut self, now: Instant) {
        let (begun, running_ms) = self.parts_begun(now);
        if begun == 0 {
            return;
        }
        let kept = Self::PARTS - begun.min(Self::PARTS);
        self.parts.copy_within(0..kept, Self::PARTS - kept);
        self.parts[..Self::PARTS - kept].fill(Counts::default());
        self.part_from_ms = now.timestamp_millis() - running_ms;
        self.sums = summed(&self.parts);
    }

    /// The same over another window, as well as it can be known: each part counts as if all of
    /// it had happened in its middle.
    fn estimated_over(&self, window: Elapsed, now: Instant) -> Self {
        let mut known = self.clone();
        known.advance(now);
        let mut estimate = Self {
            part_from_ms: now.timestamp_millis(),
            ..Self::over(window)
        };
        let (from_ms, to_ms) = (known.part_ms(), estimate.part_ms());
        for (age_ms, part) in (0..)
            .map(|n: i64| n * from_ms + from_ms / 2)
            .zip(known.parts)
        {
            let place = usize::try_from(age_ms / to_ms).unwrap_or(usize::MAX);
            if let Some(counts) = estimate.parts.get_mut(place) {
                *counts = counts.plus(part);
            }
        }
        estimate.sums = summed(&estimate.parts);
        estimate
    }
}

fn summed(parts: &[Counts]) -> Counts {
    let (mut received, mut won) = (0_u64, 0_u64);
    for part in parts {
        received += u64::from(part.received);
        won += u64::from(part.won);
    }
    let counted = |sum: u64| u32::try_from(sum).unwrap_or(u32::MAX);
    Counts {
        received: counted(received),
        won: counted(won),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(n: i64) -> Instant {
        Instant::UNIX_EPOCH + Elapsed::days(20_000 + n)
    }

    #[test]
    fn a_window_forgets_what_is_older_than_itself() {
        let mut tally = Tally::over(Elapsed::days(180));
        tally.receive(day(0));
        tally.win(day(0));
        assert_eq!(
            tally.counts(day(160)),
            Counts {
                received: 1,
                won: 1
            }
        );
        assert_eq!(tally.counts(day(181)), Counts::default());
    }

    #[test]
    fn a_window_that_a_changed_playbook_asks_for_begins_with_what_is_known() {
        let mut workload = Workload::default();
        workload.keep_windows(&[Elapsed::days(180)], day(0));
        for n in [0, 60, 100, 120] {
            workload.receive(day(n));
        }
        workload.win(day(120));
        let (shorter, longer) = (Elapsed::days(90), Elapsed::days(360));
        workload.keep_windows(&[shorter, longer, shorter], day(150));
        assert_eq!(workload.tallies.len(), 2);
        let counts = |window| workload.tally(window).counts(day(150));
        assert_eq!((counts(shorter).received, counts(shorter).won), (2, 1));
        assert_eq!((counts(longer).received, counts(longer).won), (4, 1));
        // What is not asked for any more is forgotten.
        assert_eq!(
            workload.tally(Elapsed::days(180)).counts(day(150)).received,
            0
        );
    }

    #[test]
    fn what_is_told_late_counts_when_it_happened_and_not_when_it_was_told() {
        let mut tally = Tally::over(Elapsed::days(120));
        tally.receive(day(200));
        tally.receive(day(130));
        tally.win(day(130));
        tally.receive(day(20));
        let (received, won) = (2, 1);
        assert_eq!(tally.counts(day(200)), Counts { received, won });
        // Ten days more than its window later it is forgotten, and what came after it is not.
        let (received, won) = (1, 0);
        assert_eq!(tally.counts(day(260)), Counts { received, won });
    }

    #[test]
    fn what_a_clock_counted_that_was_years_ahead_is_not_counted_before_then() {
        let mut tally = Tally::over(Elapsed::days(120));
        tally.receive(day(3_650));
        assert_eq!(tally.counts(day(0)), Counts::default());
        assert_eq!(tally.counts(day(3_539)), Counts::default());
        assert_eq!(tally.counts(day(3_541)).received, 1);
        assert_eq!(tally.counts(day(3_700)).received, 1);
    }

    #[test]
    fn a_workload_in_which_a_clock_counted_that_was_years_ahead_begins_anew() {
        let window = Elapsed::days(120);
        let mut workload = Workload::default();
        workload.keep_windows(&[window], day(0));
        workload.receive(day(3_650));
        workload.forget_ahead(day(1));
        workload.receive(day(1));
        workload.win(day(2));
        let (received, won) = (1, 1);
        assert_eq!(
            workload.tally(window).counts(day(2)),
            Counts { received, won }
        );
        // A clock that was a little ahead takes nothing away.
        workload.forget_ahead(day(-60));
        assert_eq!(
            workload.tally(window).counts(day(2)),
            Counts { received, won }
        );
    }

    #[test]
    fn a_win_is_taken_back_where_it_was_counted() {
        let mut tally = Tally::over(Elapsed::days(120));
        tally.win(day(0));
        tally.win(day(100));
        tally.unwin(day(0));
        assert_eq!(tally.counts(day(100)).won, 1);
        assert_eq!(tally.counts(day(180)).won, 1);
        // There is nothing left to take back there.
        tally.unwin(day(0));
        assert_eq!(tally.counts(day(100)).won, 1);
    }

    proptest! {
        #[test]
        fn a_window_counts_what_is_younger_than_eleven_twelfths_of_it(
            days in prop::collection::vec(0i64..400, 1..40),
            after in 0i64..400,
        ) {
            // In whatever order they are told.
            let now = days.iter().max().unwrap_or(&0) + after;
            let mut tally = Tally::over(Elapsed::days(120));
            for &n in &days {
                tally.receive(day(n));
            }
            let counted = tally.counts(day(now)).received as usize;
            let surely = days.iter().filter(|&&n| now - n < 110).count();
            let possibly = days.iter().filter(|&&n| now - n <= 120).count();
            prop_assert!(surely <= counted && counted <= possibly);
        }
    }
}
