//! What waits in a store: clocks, and the lanes in which they run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Key;
use crate::ids::{Name, Tenant};
use crate::time::{Elapsed, Instant};

/// A record's clock: its `wakes_at`, and the lane in which it waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wakes {
    /// When it wants to be woken.
    pub at: Instant,
    /// The name of its [`Lane`].
    pub lane: Name,
}

/// Where a tenant's records wait to be woken by workers that can serve them.
///
/// Leadkit names a lane by the hash of the playbook that clocked its records: a worker that
/// doesn't know the playbook leaves the whole lane to those who do. Stores give it no meaning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// Whose records.
    pub tenant: Tenant,
    /// Its name within the tenant.
    pub name: Name,
}

/// The lanes that a worker serves. Cheap to clone.
///
/// ```
/// use leadkit::store::{Lane, Lanes};
/// let lane = Lane { tenant: "acme".into(), name: "a playbook's hash".into() };
/// let lanes: Lanes = [lane.clone()].into_iter().collect();
/// assert!(lanes.contains(&lane));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Lanes(Arc<BTreeSet<Lane>>);

impl Lanes {
    /// Whether this is one of them.
    #[must_use]
    pub fn contains(&self, lane: &Lane) -> bool {
        self.0.contains(lane)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Lane> {
        self.0.iter()
    }
}

impl FromIterator<Lane> for Lanes {
    fn from_iter<I: IntoIterator<Item = Lane>>(lanes: I) -> Self {
        Self(Arc::new(lanes.into_iter().collect()))
    }
}

/// Who is to be served next: for stores whose [`due`](super::Store::due) goes round the tenants. It
/// remembers the lanes that were served, so that each question has a round of its own, whatever is
/// asked between two of its pages.
///
/// ```
/// use leadkit::store::{Lane, Rounds};
/// let lane = |tenant: &str| Lane { tenant: tenant.into(), name: "a playbook's hash".into() };
/// let (acme, zenith) = (lane("acme"), lane("zenith"));
/// let mut rounds = Rounds::default();
/// rounds.note(&acme);
/// assert!(rounds.last_turn([&zenith]) < rounds.last_turn([&acme]));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    /// The number of each lane's last turn.
    turns: BTreeMap<Lane, u64>,
    last: u64,
}

impl Rounds {
    /// How many lanes are remembered.
    pub const MOST: usize = 1 << 16;

    /// When whoever has these lanes was last served in one of them: as a number that grows with
    /// each turn, and is 0 for who was never served. The smallest is next.
    pub fn last_turn<'l>(&self, lanes: impl IntoIterator<Item = &'l Lane>) -> u64 {
        let turns = lanes.into_iter().filter_map(|lane| self.turns.get(lane));
        turns.copied().max().unwrap_or_default()
    }

    /// Notes that something in this lane was served.
    ///
    /// Of [`Rounds::MOST`] lanes that is remembered; who was not served for so many turns is next anyway.
    pub fn note(&mut self, lane: &Lane) {
        self.last += 1;
        if let Some(turn) = self.turns.get_mut(lane) {
            *turn = self.last;
            return;
        }
        if self.turns.len() == Self::MOST {
            let kept = self.last.saturating_sub(Self::MOST as u64 / 2);
            self.turns.retain(|_, turn| *turn > kept);
        }
        self.turns.insert(lane.clone(), self.last);
    }
}

/// For how long a record that is due is left to the worker who took it: for stores that keep leases.
///
/// ```
/// use leadkit::store::Lease;
/// use leadkit::time::{Elapsed, Instant};
/// let from: Instant = "2026-03-02T10:00:00Z".parse()?;
/// let lease = Lease { from, until: from + Elapsed::minutes(1) };
/// assert!(lease.runs_at(from) && !lease.runs_at(lease.until));
/// // Another worker's clock may be behind; but a clock that was set back waits for nobody.
/// assert!(lease.runs_at(from - Elapsed::minutes(9)));
/// assert!(!lease.runs_at(from - Elapsed::hours(1)));
/// # Ok::<(), chrono::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// When it was given, by the clock of who asked.
    pub from: Instant,
    /// When it ends, by the clock of whoever asks.
    pub until: Instant,
}

impl Lease {
    /// How far the clocks of those who ask may be apart.
    pub const CLOCKS_APART: Elapsed = Elapsed::minutes(10);
    /// How far a clock may be off the store's own: half of that, so that no two are further apart.
    pub const CLOCK_TOLERANCE: Elapsed = Elapsed::minutes(5);

    /// Whether it runs by this clock. A lease that was given further ahead than clocks are apart was given
    /// by a clock that has been set back since: else it would run for as long as that was.
    #[must_use]
    pub fn runs_at(&self, now: Instant) -> bool {
        now < self.until && self.from.signed_duration_since(now) <= Self::CLOCKS_APART
    }
}

/// When the records of a lane want to be woken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextDue {
    /// Which lane.
    pub lane: Lane,
    /// The earliest `wakes_at` of its records that aren't leased; it may be past.
    pub at: Option<Instant>,
    /// When the first of the leases ends that run on its records.
    pub leased_until: Option<Instant>,
}

/// A record whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Which record.
    pub key: Key,
    /// Its `wakes_at`.
    pub at: Instant,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(n: usize) -> Lane {
        Lane {
            tenant: "acme".into(),
            name: format!("playbook {n}").as_str().into(),
        }
    }

    #[test]
    fn lanes_that_were_not_served_for_long_are_forgotten() {
        let mut rounds = Rounds::default();
        (0..=Rounds::MOST).for_each(|n| rounds.note(&lane(n)));
        assert!(rounds.turns.len() <= Rounds::MOST);
        let [first, last] = [0, Rounds::MOST].map(|n| rounds.last_turn([&lane(n)]));
        assert_eq!(first, 0);
        assert!(last > rounds.last_turn([&lane(Rounds::MOST - 1)]));
    }
}
