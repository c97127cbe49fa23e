//! Going on: doing what is due, sleeping until something is, living through virtual time.

use std::future::Future;

use futures::future::{Either, select};
use futures::task::{Context, noop_waker_ref};

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
/// How long `run` waits after a store could not be reached, at most.
const LONGEST_PAUSE: Elapsed = Elapsed::seconds(30);

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
    pub(super) async fn look_ahead(&self, ticked: &mut Ticked) -> Result<Vec<Lane>, Error> {
        let now = self.inner.clock.now();
        let mut former = Vec::new();
        ticked.ahead = Ahead::default();
        ticked.left.clear();
        for next in self.inner.store.next_due(now).await? {
            let is_due = next.at.is_some_and(|at| at <= now);
            if self.inner.lanes.contains(&next.lane) {
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

    /// As [`Engine::run`]; `looked_at` is told of every tick: when it was over, what it did, what
    /// failed, and what was left because this engine doesn't know its playbook; and of the error
    /// that broke it off, if one did. A host logs that.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub async fn run_watched(
        &self,
        shutdown: impl Future<Output = ()>,
        mut looked_at: impl FnMut(Instant, &Ticked, Option<&Error>),
    ) -> Result<(), Error> {
        let mut shutdown = Box::pin(shutdown);
        let mut pause = Elapsed::seconds(1);
        loop {
            let mut ticked = Ticked::default();
            let mut is_over = false;
            let may_go_on = || {
                let mut asking = Context::from_waker(noop_waker_ref());
                is_over = is_over || shutdown.as_mut().poll(&mut asking).is_ready();
                !is_over
            };
            let done = self.tick_while(&mut ticked, usize::MAX, may_go_on).await;
            let now = self.inner.clock.now();
            looked_at(now, &ticked, done.as_ref().err());
            if is_over {
                return done.map(drop);
            }
            let wait = match done {
                Ok(_) => {
                    pause = Elapsed::seconds(1);
                    let wait = ticked.next().map(|next| next.signed_duration_since(now));
                    wait.map_or(LONGEST_SLEEP, |wait| {
                        wait.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
                    })
                }
                Err(Error::Store(error)) if error.kind == StoreErrorKind::Unavailable => {
                    let waited = pause;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    waited
                }
                Err(error) => return Err(error),
            };
            let until = now.checked_add_signed(wait).unwrap_or(now);
            let sleep = self.inner.clock.sleep_until(until);
            match select(shutdown, sleep).await {
                Either::Left(((), _)) => return Ok(()),
                Either::Right(((), waiting)) => shutdown = waiting,
            }
        }
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
        self.look_ahead(&mut ticked).await?;
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
