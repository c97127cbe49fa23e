//! Going on: doing what is due, sleeping until something is, living through virtual time.

use std::future::{Future, ready};
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use futures::future::{Either, Fuse, FusedFuture, FutureExt, select};
use futures::task::{Context, noop_waker_ref};

use super::hands::{Hand, beside};
use super::tick::{Ahead, LEASE, Left, Ticked};
use super::{Engine, Error};
use crate::clock::{Clock, VirtualClock};
use crate::decide;
use crate::decide::records::Records;
use crate::record::TenantRecord;
use crate::store::{Key, Lane, StoreErrorKind};
use crate::time::{Elapsed, Instant};

/// How often `run` looks for what is due, at least: others may write what is due earlier.
const LONGEST_SLEEP: Elapsed = Elapsed::seconds(1);
/// How long `run` sleeps between two ticks, at least.
const SHORTEST_SLEEP: Elapsed = Elapsed::milliseconds(10);
/// How many records `run` does before it tells of them, and looks for former playbooks' lanes.
const MOST: usize = 10_000;
/// How long `run` waits after a store could not be reached, at first.
const SHORTEST_PAUSE: Elapsed = Elapsed::seconds(1);
/// And at most.
const LONGEST_PAUSE: Elapsed = Elapsed::seconds(30);

/// What one hand did without looking at the other.
struct Part {
    ticked: Ticked,
    /// How many records were due: [`MOST`], when there may be more.
    due: Result<usize, Error>,
}

impl Part {
    /// Tells what the other hand did, too. Returns that hand's tick, to go on with.
    fn add(&mut self, mut other: Self) -> Ticked {
        self.ticked.add(&mut other.ticked);
        match (&mut self.due, other.due) {
            (Ok(due), Ok(others)) => *due = others.max(*due),
            (due @ Ok(_), error) => *due = error,
            (Err(_), _) => {}
        }
        other.ticked
    }
}

impl Engine {
    /// Does everything that is due now. One record that fails blocks no other.
    ///
    /// # Errors
    /// When the store fails; what was done by then is done.
    pub async fn tick(&self) -> Result<Ticked, Error> {
        let mut ticked = Ticked::default();
        self.tick_up_to(&mut ticked, usize::MAX).await?;
        Ok(ticked)
    }

    /// Notes what is due next, and what is left to others. Returns the lanes of former playbooks in
    /// which something is due that can be served in their place. That is asked anew each time:
    /// whoever stops knowing the active playbook leaves them to those who know it.
    pub(super) async fn look_ahead(
        &self,
        hand: Hand,
        ticked: &mut Ticked,
    ) -> Result<Vec<Lane>, Error> {
        let now = self.inner.clock.now();
        let mut former = Vec::new();
        ticked.ahead = Ahead::default();
        ticked.left.clear();
        let all = self.inner.store.next_due(now).await?;
        for next in all.into_iter().filter(|next| hand.serves(&next.lane)) {
            let is_due = next.at.is_some_and(|at| at <= now);
            if self.inner.served.by(hand).contains(&next.lane) {
                ticked.ahead.note(&next);
            } else if self.can_serve(&next.lane).await? {
                ticked.ahead.note(&next);
                former.extend(Some(next.lane).filter(|_| is_due));
            } else if let Some(since) = next.at.filter(|_| is_due) {
                ticked.note_left(self.left(next.lane, since));
            }
        }
        Ok(former)
    }

    /// Those of these lanes that can be served in the place of former playbooks.
    pub(super) async fn still_served(&self, lanes: Vec<Lane>) -> Result<Vec<Lane>, Error> {
        let mut served = Vec::with_capacity(lanes.len());
        for lane in lanes {
            if self.can_serve(&lane).await? {
                served.push(lane);
            }
        }
        Ok(served)
    }

    /// Whether a lane of a playbook that isn't known here can be served all the same: messages and
    /// sweeps can, by who knows the tenant's active playbook, since the other is an older one then.
    async fn can_serve(&self, lane: &Lane) -> Result<bool, Error> {
        let Ok(playbooks) = self.playbooks(&lane.tenant) else {
            return Ok(false);
        };
        if !decide::is_served_lane(&lane.name) {
            return Ok(false);
        }
        let key = Key::tenant(&lane.tenant);
        let mut records = Records::new();
        self.load_into(&mut records, vec![key.clone()]).await?;
        let active = records.record::<TenantRecord>(&key);
        Ok(active.is_some_and(|active| playbooks.of_hash(&active.playbook).is_some()))
    }

    fn left(&self, lane: Lane, since: Instant) -> Left {
        let Lane { tenant, name } = lane;
        let because = match self.playbooks(&tenant) {
            Ok(_) => Error::UnknownPlaybook(decide::playbook_of_lane(&name)),
            Err(unknown) => unknown,
        };
        Left {
            tenant,
            since,
            because,
        }
    }

    /// Ticks until `shutdown` is there: whenever something is due, and at least once a second.
    /// Messages are handed over beside that, so that a server which takes its time keeps no lead
    /// waiting.
    ///
    /// A tick that goes on is ended then too, between two pages or two portions of messages: what
    /// was begun is finished.
    ///
    /// A store that can't be reached is tried again, a little later each time.
    ///
    /// # Errors
    /// When the store answers that trying again can't help.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        self.run_watched(shutdown, |_, _, _| {}).await
    }

    /// As [`Engine::run`]; `looked_at` is told of every tick, and of what became of messages since
    /// the last one: when it was over, what it did, what failed, and what was left because this
    /// engine doesn't know its playbook; and of the error that broke it off, if one did. A host logs
    /// that. A tick that goes on and on is told in parts.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub async fn run_watched(
        &self,
        shutdown: impl Future<Output = ()>,
        mut looked_at: impl FnMut(Instant, &Ticked, Option<&Error>),
    ) -> Result<(), Error> {
        let mut shutdown = Box::pin(shutdown);
        let is_over = AtomicBool::new(false);
        let mut pause = SHORTEST_PAUSE;
        let mut ticked = Ticked::default();
        let mut post = pin!(Fuse::terminated());
        // What the other hand told last, if that is not yet looked at; and its tick, while it rests.
        let (mut posted, mut resting) = (None, Some(Ticked::default()));
        let ended = loop {
            let may_go_on = || {
                let mut asking = Context::from_waker(noop_waker_ref());
                if !is_over.load(Relaxed) {
                    is_over.store(shutdown.as_mut().poll(&mut asking).is_ready(), Relaxed);
                }
                !is_over.load(Relaxed)
            };
            let clocks = self.tick_part(Hand::Clocks, ticked, may_go_on);
            let (mut part, ended) = beside(post.as_mut(), clocks).await;
            resting = posted
                .take()
                .or(ended)
                .map(|posted| part.add(posted))
                .or(resting);
            // Behind the clocks, so that what they wrote goes at once; and not if the store is gone.
            let may_begin = part.due.is_ok() && !is_over.load(Relaxed);
            if let Some(last) = resting.take_if(|_| may_begin) {
                let may_go_on = || !is_over.load(Relaxed);
                post.set(self.tick_part(Hand::Post, last, may_go_on).fuse());
                let ((), ended) = beside(post.as_mut(), ready(())).await;
                resting = ended.map(|posted| part.add(posted));
            }
            let now = self.inner.clock.now();
            looked_at(now, &part.ticked, part.due.as_ref().err());
            let wait = match part.due {
                due if is_over.load(Relaxed) => break due.map(drop),
                Ok(MOST..) => Elapsed::zero(),
                Ok(_) => {
                    pause = SHORTEST_PAUSE;
                    let next = part.ticked.next();
                    let wait = next.map(|next| next.signed_duration_since(now));
                    wait.map_or(LONGEST_SLEEP, |wait| {
                        wait.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
                    })
                }
                Err(Error::Store(error)) if error.kind == StoreErrorKind::Unavailable => {
                    let waited = pause;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    waited
                }
                Err(error) => break Err(error),
            };
            ticked = part.ticked;
            let until = now.checked_add_signed(wait).unwrap_or(now);
            let sleep = select(shutdown.as_mut(), self.inner.clock.sleep_until(until));
            match select(post.as_mut(), sleep).await {
                Either::Left((ended, _)) => posted = Some(ended),
                Either::Right((Either::Left(_), _)) => break Ok(()),
                Either::Right((Either::Right(_), _)) => {}
            }
        };
        is_over.store(true, Relaxed);
        if post.is_terminated() {
            return ended;
        }
        let posted = post.await;
        looked_at(
            self.inner.clock.now(),
            &posted.ticked,
            posted.due.as_ref().err(),
        );
        ended.and(posted.due.map(drop))
    }

    /// Does a part of what there is for one hand.
    async fn tick_part(
        &self,
        hand: Hand,
        mut ticked: Ticked,
        may_go_on: impl FnMut() -> bool,
    ) -> Part {
        ticked.go_on();
        let due = self.tick_while(hand, &mut ticked, MOST, may_go_on).await;
        Part { ticked, due }
    }

    /// Lives through virtual time: sets the clock to each instant at which something is due, up
    /// to `until`, and ticks there. `looked_at` is told of every tick.
    ///
    /// The clock must be the engine's own, and the store opened for virtual time: see
    /// [`VirtualClock`].
    ///
    /// # Errors
    /// As [`Engine::tick`].
    pub async fn live_until(
        &self,
        clock: &VirtualClock,
        until: Instant,
        mut looked_at: impl FnMut(Instant, &Ticked),
    ) -> Result<(), Error> {
        // What was leased and did not move is waited for longer and longer, so that a record which
        // nobody can read does not turn half a year into as many ticks as it has minutes.
        let mut patience = LEASE;
        let mut not_before = Instant::MIN_UTC;
        let mut ticked = Ticked::default();
        self.look_ahead(Hand::Both, &mut ticked).await?;
        loop {
            let now = clock.now();
            let ahead = ticked.ahead;
            let leased = ahead.leased_until.map(|ends| ends.max(not_before));
            let next = ahead.at.into_iter().chain(leased).min();
            let Some(next) = next.filter(|next| *next <= until) else {
                clock.set(until.max(now));
                return Ok(());
            };
            let at = next.max(now);
            clock.set(at);
            ticked = self.tick().await?;
            if ticked.moved_something() {
                patience = LEASE;
            } else if leased == Some(next) {
                not_before = at.checked_add_signed(patience).unwrap_or(at);
                patience = patience.checked_mul(2).unwrap_or(patience);
            }
            looked_at(at, &ticked);
        }
    }
}
