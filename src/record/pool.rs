//! A pool: the agents among whom leads are assigned, with what assignment must know of them.

use std::sync::Arc;

use chrono::serde::ts_microseconds;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::ids::{AgentId, Name};
use crate::time::{Elapsed, Instant};

/// The members of one pool of the playbook, their load, their record and their shares.
///
/// All of it stands in one record, so that an assignment is decided on one consistent view
/// and two assignments at once can't overfill anybody.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// The members, in the order of their ids.
    pub members: Vec<Member>,
}

/// One agent in a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The agent.
    pub agent: AgentId,
    /// The role, copied from the agent.
    pub role: Name,
    /// The team, copied from the agent.
    pub team: Option<Name>,
    /// The cities, copied from the agent, folded.
    pub cities: Arc<[SmolStr]>,
    /// The capacity, copied from the agent.
    pub capacity: Option<u32>,
    /// Whether the agent takes leads now, copied from the agent.
    pub available: bool,
    /// How many open leads the agent holds, in all pipelines.
    pub load: u32,
    /// What became of the agent's leads.
    pub tally: Tally,
    /// What the agent is owed by weighted assignment, in thousandths of a lead.
    pub credit: i64,
}

/// What became of an agent's leads over a rolling window, counted in twelve parts.
///
/// The oldest part falls out whole, so a window of 180 days means 165 to 180.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    #[serde(with = "ts_microseconds")]
    part_from: Instant,
    parts: [Counts; Self::PARTS],
}

/// How many leads came and how many were won.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Leads that came to the agent.
    pub received: u32,
    /// Leads that the agent won.
    pub won: u32,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            part_from: Instant::UNIX_EPOCH,
            parts: [Counts::default(); Self::PARTS],
        }
    }
}

impl Tally {
    const PARTS: usize = 12;

    /// The sums over the window that ends at `now`.
    #[must_use]
    pub fn counts(&self, window: Elapsed, now: Instant) -> Counts {
        let (begun, _) = self.parts_begun(window, now);
        let kept = Self::PARTS - begun.min(Self::PARTS);
        self.parts[..kept]
            .iter()
            .fold(Counts::default(), |sum, part| Counts {
                received: sum.received.saturating_add(part.received),
                won: sum.won.saturating_add(part.won),
            })
    }

    /// Counts a lead that came.
    pub fn receive(&mut self, window: Elapsed, now: Instant) {
        self.advance(window, now);
        self.parts[0].received = self.parts[0].received.saturating_add(1);
    }

    /// Counts a lead that was won.
    pub fn win(&mut self, window: Elapsed, now: Instant) {
        self.advance(window, now);
        self.parts[0].won = self.parts[0].won.saturating_add(1);
    }

    /// How many parts have begun since the first one, and for how long the last of them has run,
    /// in milliseconds. A clock that jumps back begins none.
    fn parts_begun(&self, window: Elapsed, now: Instant) -> (usize, i64) {
        let part_ms = (window.num_milliseconds() / Self::PARTS as i64).max(1);
        let gone_ms = now.signed_duration_since(self.part_from).num_milliseconds();
        let begun = usize::try_from(gone_ms / part_ms).unwrap_or(0);
        (begun, gone_ms % part_ms)
    }

    /// Begins new parts until the first one contains `now`.
    fn advance(&mut self, window: Elapsed, now: Instant) {
        let (begun, running_ms) = self.parts_begun(window, now);
        if begun == 0 {
            return;
        }
        let kept = Self::PARTS - begun.min(Self::PARTS);
        self.parts.copy_within(0..kept, Self::PARTS - kept);
        self.parts[..Self::PARTS - kept].fill(Counts::default());
        let part_starts_ms = now.timestamp_millis() - running_ms;
        self.part_from = Instant::from_timestamp_millis(part_starts_ms).unwrap_or(now);
    }
}

/// Why a pool chose an agent: kept with the lead and in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reasons {
    /// The pool.
    pub pool: Name,
    /// The agents who could have had the lead, the chosen first, at most [`Reasons::MOST`].
    pub ranked: Vec<Ranked>,
    /// How many could have had it.
    pub eligible: u32,
    /// Who was passed over and why, at most [`Reasons::MOST`].
    pub passed_over: Vec<(AgentId, PassedOver)>,
}

impl Reasons {
    /// How many agents are kept in each list.
    pub const MOST: usize = 8;
}

/// An agent who could have had a lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// The agent.
    pub agent: AgentId,
    /// The conversion, shrunk towards the team's mean, in thousandths.
    pub conversion_permille: u32,
    /// The open leads held.
    pub load: u32,
    /// The capacity.
    pub capacity: u32,
}

/// Why an agent did not get a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PassedOver {
    /// The agent takes no leads now.
    Unavailable,
    /// The agent does not take this city's leads.
    OtherCity,
    /// The agent holds as many open leads as it can.
    Full,
    /// The agent had this lead before.
    HadItBefore,
    /// The agent already holds this contact in its base.
    HoldsTheContact,
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
        let window = Elapsed::days(180);
        let mut tally = Tally::default();
        tally.receive(window, day(0));
        tally.win(window, day(0));
        assert_eq!(
            tally.counts(window, day(160)),
            Counts {
                received: 1,
                won: 1
            }
        );
        assert_eq!(tally.counts(window, day(181)), Counts::default());
    }

    proptest! {
        #[test]
        fn a_window_counts_what_is_younger_than_eleven_twelfths_of_it(
            mut days in prop::collection::vec(0i64..400, 1..40),
            after in 0i64..400,
        ) {
            let window = Elapsed::days(120);
            days.sort_unstable();
            let now = days[days.len() - 1] + after;
            let mut tally = Tally::default();
            for &n in &days {
                tally.receive(window, day(n));
            }
            let counted = tally.counts(window, day(now)).received as usize;
            let surely = days.iter().filter(|&&n| now - n < 110).count();
            let possibly = days.iter().filter(|&&n| now - n <= 120).count();
            prop_assert!(surely <= counted && counted <= possibly);
        }
    }
}
