//! Going on: doing what is due, sleeping until something is, living through virtual time.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use futures::StreamExt as _;
use futures::channel::mpsc;
use futures::future::{Either, join, select};
use futures::task::{Context, noop_waker_ref};

use super::backoff::Backoff;
use super::hand_over::TAKEN_ON_AT_ONCE;
use super::hands::Hand;
use super::pause::Pause;
use super::tick::{Bounds, LEASE, Ticked};
use super::{Engine, Error};
use crate::clock::{Clock, VirtualClock, yield_now};
use crate::time::{Elapsed, Instant};

/// How often `run` looks for what is due, at least: others may write what is due earlier.
const LONGEST_SLEEP: Elapsed = Elapsed::seconds(1);
/// How long `run` sleeps between two ticks, at least.
const SHORTEST_SLEEP: Elapsed = Elapsed::milliseconds(10);
/// How many leads `run` wakes before it tells of them and looks for messages and lanes of former playbooks.
const MOST_LEADS: usize = 10_000;
/// For how long it does so: a page of a sweep counts for one, and a store may be slow.
const LONGEST_PART: Elapsed = Elapsed::seconds(1);
/// How many messages: a server may take more than a minute over each portion.
const MOST_MESSAGES: usize = 2 * TAKEN_ON_AT_ONCE;

impl Engine {
    /// Does everything that is due now. One record that fails blocks no other.
    ///
    /// What became of messages that were handed over is not given up at once where the store can't be
    /// told: that is tried again until two minutes after they were begun.
    ///
    /// # Errors
    /// When the store fails; what was done by then is done.
    pub async fn tick(&self) -> Result<Ticked, Error> {
        let mut ticked = Ticked::default();
        self.tick_up_to(&mut ticked, usize::MAX).await?;
        Ok(ticked)
    }

    /// Ticks until `shutdown` is there: whenever something is due, and at least once a second.
    /// Messages are handed over beside that, so that a server which takes its time keeps no lead
    /// waiting.
    ///
    /// When `shutdown` is there, what was begun is finished, and no more is begun: that takes as
    /// long as the page or the portion of messages at hand, two minutes if a mailer does not answer or the
    /// store does not take what became of them.
    ///
    /// A store that can't be reached is tried again, a little later each time, until `shutdown`.
    ///
    /// # Errors
    /// When the store answers that trying again can't help.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        self.run_watched(shutdown, |_, _, _| {}).await
    }

    /// As [`Engine::run`]; `looked_at` is told of every tick: when it was over, what it did, what
    /// failed, and what was left because this engine doesn't know its playbook; and of the error
    /// that broke it off, if one did. A host logs that. Leads and messages have ticks of their own,
    /// and one that goes on and on is told in parts.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub async fn run_watched(
        &self,
        shutdown: impl Future<Output = ()>,
        looked_at: impl FnMut(Instant, &Ticked, Option<&Error>),
    ) -> Result<(), Error> {
        let shift = Shift {
            engine: self,
            is_over: AtomicBool::new(false),
            looked_at: Mutex::new(looked_at),
        };
        let (nudge, nudges) = mpsc::channel(1);
        let leads = shift.see_to_leads(shutdown, nudge);
        let (leads, messages) = join(leads, shift.see_to_messages(nudges)).await;
        leads.and(messages)
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

/// What both hands of a worker know while it runs.
struct Shift<'e, F> {
    engine: &'e Engine,
    /// No more is begun.
    is_over: AtomicBool,
    looked_at: Mutex<F>,
}

/// What one hand did.
struct Part {
    ticked: Ticked,
    /// How many records were due: as many as were asked for, if there may be more.
    due: Result<usize, Error>,
}

impl<F> Shift<'_, F>
where
    F: FnMut(Instant, &Ticked, Option<&Error>),
{
    /// Wakes leads whenever they are due, looks ahead, and nudges the other hand when there are
    /// messages to be handed over. It rests when the nudges end.
    async fn see_to_leads(
        &self,
        shutdown: impl Future<Output = ()>,
        mut nudge: mpsc::Sender<()>,
    ) -> Result<(), Error> {
        let clock = &self.engine.inner.clock;
        let mut shutdown = pin!(shutdown);
        let mut backoff = Backoff::default();
        let mut ticked = Ticked::default();
        let ended = loop {
            let mut nudges_at = later(clock.now(), LONGEST_PART);
            let may_go_on = || {
                let mut asking = Context::from_waker(noop_waker_ref());
                if !self.is_over() && shutdown.as_mut().poll(&mut asking).is_ready() {
                    self.end();
                }
                // What was claimed is done, and may be the sweeps of many.
                let now = clock.now();
                if now >= nudges_at {
                    nudge.try_send(()).ok();
                    nudges_at = later(now, LONGEST_PART);
                }
                !self.is_over()
            };
            let bounds = Bounds {
                most: MOST_LEADS,
                until: later(clock.now(), LONGEST_PART),
            };
            let part = self.part(Hand::Leads, ticked, bounds, may_go_on).await;
            let now = clock.now();
            if part.ticked.messages_are_due {
                // One that waits already is as good.
                nudge.try_send(()).ok();
                yield_now().await;
            }
            let wait = match part.due {
                Ok(MOST_LEADS..) => Elapsed::zero(),
                Ok(_) => {
                    backoff.reset();
                    let next = part.ticked.next();
                    let wait = next.map(|next| next.signed_duration_since(now));
                    wait.map_or(LONGEST_SLEEP, |wait| {
                        wait.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
                    })
                }
                Err(error) => match backoff.pause_after(error) {
                    Ok(pause) => pause,
                    Err(error) => break Err(error),
                },
            };
            if self.is_over() {
                break Ok(());
            }
            ticked = part.ticked;
            let sleep = clock.sleep_until(later(now, wait));
            if let Either::Left(_) = select(shutdown.as_mut(), sleep).await {
                break Ok(());
            }
        };
        self.end();
        ended
    }

    /// Hands messages over, as often as it is nudged, until the nudges end.
    async fn see_to_messages(&self, mut nudges: mpsc::Receiver<()>) -> Result<(), Error> {
        let clock = &self.engine.inner.clock;
        let mut backoff = Backoff::default();
        let mut ticked = Ticked::default();
        let mut pause: Option<Pause> = None;
        while nudges.next().await.is_some() {
            let mut may_be_more = pause.is_none_or(|pause| pause.is_over(clock.now()));
            while may_be_more && !self.is_over() {
                let may_go_on = || !self.is_over();
                let bounds = Bounds {
                    most: MOST_MESSAGES,
                    until: Instant::MAX_UTC,
                };
                let part = self.part(Hand::Messages, ticked, bounds, may_go_on).await;
                ticked = part.ticked;
                may_be_more = match part.due {
                    Ok(due) => {
                        backoff.reset();
                        due >= MOST_MESSAGES
                    }
                    Err(error) => match backoff.pause_after(error) {
                        Ok(length) => {
                            pause = Some(Pause::from(clock.now(), length));
                            false
                        }
                        Err(error) => {
                            self.end();
                            return Err(error);
                        }
                    },
                };
            }
        }
        Ok(())
    }

    /// Does a part of what there is for one hand, and tells of it.
    async fn part(
        &self,
        hand: Hand,
        mut ticked: Ticked,
        bounds: Bounds,
        may_go_on: impl FnMut() -> bool,
    ) -> Part {
        ticked.go_on();
        let tick = self.engine.tick_while(hand, &mut ticked, bounds, may_go_on);
        let due = tick.await;
        let now = self.engine.inner.clock.now();
        let mut looked_at = self
            .looked_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        looked_at(now, &ticked, due.as_ref().err());
        drop(looked_at);
        Part { ticked, due }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn later(now: Instant, wait: Elapsed) -> Instant {
    now.checked_add_signed(wait).unwrap_or(now)
}
