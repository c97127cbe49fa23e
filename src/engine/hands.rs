//! The two hands of a worker. It sees to leads and sweeps with one of them and hands messages over
//! with the other, so that a server which takes its time over a message keeps no lead waiting.

use crate::decide;
use crate::store::{Lane, Lanes};

/// What a worker does with which hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hand {
    /// Wakes leads, and goes through sweeps.
    Leads,
    /// Hands messages over.
    Messages,
    /// Does one after the other, until nothing is due.
    Both,
}

impl Hand {
    /// Whether what waits in this lane is for it.
    pub(super) fn is_for(self, lane: &Lane) -> bool {
        match self {
            Self::Leads => !decide::is_lane_of_messages(&lane.name),
            Self::Messages => decide::is_lane_of_messages(&lane.name),
            Self::Both => true,
        }
    }
}

/// The lanes of the playbooks that a worker knows, by hand.
#[derive(Debug)]
pub(super) struct LanesByHand {
    leads: Lanes,
    messages: Lanes,
    both: Lanes,
}

impl LanesByHand {
    pub(super) fn new(both: Lanes) -> Self {
        let of = |hand: Hand| {
            let lanes = both.iter().filter(|lane| hand.is_for(lane));
            lanes.cloned().collect()
        };
        Self {
            leads: of(Hand::Leads),
            messages: of(Hand::Messages),
            both,
        }
    }

    pub(super) fn of(&self, hand: Hand) -> &Lanes {
        match hand {
            Hand::Leads => &self.leads,
            Hand::Messages => &self.messages,
            Hand::Both => &self.both,
        }
    }
}
