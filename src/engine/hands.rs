//! The two hands of a worker. Clocks are seen to with one of them and post with the other, so that a
//! server which takes its time over a message keeps no lead waiting.

use std::pin::Pin;

use futures::future::{FusedFuture, Future, poll_fn};

use crate::decide;
use crate::store::{Lane, Lanes};

/// What a worker does with which hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hand {
    /// Wakes leads, and goes through sweeps.
    Clocks,
    /// Hands messages over.
    Post,
    /// Does one after the other, until nothing is due.
    Both,
}

impl Hand {
    /// Whether it serves a lane.
    pub(super) fn serves(self, lane: &Lane) -> bool {
        match self {
            Self::Clocks => !decide::is_lane_of_messages(&lane.name),
            Self::Post => decide::is_lane_of_messages(&lane.name),
            Self::Both => true,
        }
    }
}

/// The lanes that a worker serves, by hand.
#[derive(Debug)]
pub(super) struct Served {
    clocks: Lanes,
    post: Lanes,
    both: Lanes,
}

impl Served {
    pub(super) fn new(both: Lanes) -> Self {
        let of = |hand: Hand| {
            let lanes = both.iter().filter(|lane| hand.serves(lane));
            lanes.cloned().collect()
        };
        Self {
            clocks: of(Hand::Clocks),
            post: of(Hand::Post),
            both,
        }
    }

    pub(super) fn by(&self, hand: Hand) -> &Lanes {
        match hand {
            Hand::Clocks => &self.clocks,
            Hand::Post => &self.post,
            Hand::Both => &self.both,
        }
    }
}

/// Goes on with what one hand does while the other does something. Returns what that came to; and what the
/// first came to, if it ended meanwhile.
pub(super) async fn beside<F, T>(
    mut one: Pin<&mut F>,
    other: impl Future<Output = T>,
) -> (T, Option<F::Output>)
where
    F: FusedFuture,
{
    let mut other = std::pin::pin!(other);
    let mut ended = None;
    let done = poll_fn(|context| {
        if !one.is_terminated()
            && let std::task::Poll::Ready(end) = one.as_mut().poll(context)
        {
            ended = Some(end);
        }
        other.as_mut().poll(context)
    });
    (done.await, ended)
}
