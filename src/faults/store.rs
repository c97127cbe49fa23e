//! A store that fails.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;

use super::pass;
use super::plan::{Call, Course, Plan, Struck};
use crate::clock::{Clock, SystemClock, yield_now};
use crate::ids::Tenant;
use crate::store::{
    Changes, Count, Counted, Due, JournalCursor, Journaled, Key, Lanes, Loaded, NextDue, Page,
    Select, Store, StoreError, StoreErrorKind, Verdict,
};
use crate::time::{Elapsed, Instant};

/// What can go wrong at a call to a store.
///
/// ```
/// use futures::FutureExt;
/// use leadkit::clock::{Clock, VirtualClock};
/// use leadkit::faults::{FaultyStore, Plan, StoreFault};
/// use leadkit::store::{MemoryStore, Store};
/// use leadkit::time::{Elapsed, Instant};
///
/// let plan = Plan::new()
///     .at(1, StoreFault::Before)
///     .at(2, StoreFault::After)
///     .at(3, StoreFault::AnswerLost)
///     .at(4, StoreFault::Delay(Elapsed::minutes(3)))
///     .at(5, StoreFault::Repeat)
///     .at(6, StoreFault::Midway);
/// let clock = VirtualClock::at(Instant::UNIX_EPOCH);
/// let store = FaultyStore::new(MemoryStore::default(), plan).clock(clock.clone());
/// # pollster::block_on(async {
/// let now = clock.now();
/// assert!(store.next_due(now).await.is_err()); // nothing happened
/// assert!(store.next_due(now).await.is_err()); // it happened all the same
/// assert!(store.next_due(now).now_or_never().is_none()); // and now nobody will ever answer
/// store.next_due(now).await?; // slow
/// assert_eq!(clock.now() - now, Elapsed::minutes(3));
/// store.next_due(now).await?; // asked twice, answered once
/// assert!(store.commit(Vec::new()).await.is_err()); // of more changes the first half is written
/// assert_eq!(store.struck().len(), 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// It fails before anything happened, as [`StoreErrorKind::Unavailable`].
    Before,
    /// It does what it is asked, and then fails as `Unavailable`: the caller can't tell this from
    /// [`StoreFault::Before`].
    After,
    /// It commits the first half of a batch, and then fails as `Unavailable`: each change is written whole or
    /// not at all, a batch need not be. Of an odd number the one in the middle is not written; any other
    /// call fails as by [`StoreFault::Before`].
    Midway,
    /// It fails before anything happened, as [`StoreErrorKind::Corrupt`]: to try again can't help.
    Corrupt,
    /// It does what it is asked and never answers: what is left of a worker that dies while it
    /// waits. The caller's future must be dropped.
    AnswerLost,
    /// It takes so long, by the clock. Others run before and after, even if it is nothing: so
    /// races can be had in one thread.
    Delay(Elapsed),
    /// It does what it is asked twice, and answers as the second time: a request that was sent
    /// again on the way.
    Repeat,
}

/// The source of the errors that are part of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("so it was planned")]
pub struct Planned;

/// A store that fails where its plan says so, and is the one it wraps everywhere else. Clones
/// share the plan and where in it they are.
///
/// ```
/// use leadkit::faults::{FaultyStore, Plan, StoreFault};
/// use leadkit::store::{MemoryStore, Store, StoreErrorKind};
///
/// let store = FaultyStore::new(MemoryStore::default(), Plan::new().at(2, StoreFault::Before));
/// # pollster::block_on(async {
/// let now = "2026-03-06T14:00:00Z".parse()?;
/// assert!(store.next_due(now).await?.is_empty());
/// assert_eq!(store.next_due(now).await.unwrap_err().kind, StoreErrorKind::Unavailable);
/// assert!(store.next_due(now).await?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct FaultyStore {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    course: Arc<Course<StoreFault>>,
}

impl FaultyStore {
    /// Wraps a store.
    #[must_use]
    pub fn new(store: impl Store + 'static, plan: Plan<StoreFault>) -> Self {
        Self::on(Arc::new(store), plan)
    }

    /// Wraps a store that is shared.
    #[must_use]
    pub fn on(store: Arc<dyn Store>, plan: Plan<StoreFault>) -> Self {
        Self {
            store,
            clock: Arc::new(SystemClock),
            course: Arc::new(Course::new(plan)),
        }
    }

    /// With this clock for delays in place of the machine's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Every call until now, those that went wrong included.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.course.calls()
    }

    /// The calls that went wrong until now.
    #[must_use]
    pub fn struck(&self) -> Vec<Struck<StoreFault>> {
        self.course.struck()
    }

    /// Asks the store, through whatever goes wrong now.
    async fn around<'a, T: Send>(
        &self,
        call: Call,
        ask: impl Fn() -> BoxFuture<'a, Result<T, StoreError>> + Send + Sync,
    ) -> Result<T, StoreError> {
        self.through(self.course.next(call), call, ask).await
    }

    /// The same, through this.
    async fn through<'a, T: Send>(
        &self,
        fault: Option<StoreFault>,
        call: Call,
        ask: impl Fn() -> BoxFuture<'a, Result<T, StoreError>> + Send + Sync,
    ) -> Result<T, StoreError> {
        let failed_as = |kind| StoreError::new(kind, doing(call), Planned);
        let failed = || failed_as(StoreErrorKind::Unavailable);
        match fault {
            None => ask().await,
            // Nothing but a commit can be done by half.
            Some(StoreFault::Before | StoreFault::Midway) => Err(failed()),
            Some(StoreFault::After) => {
                ask().await?;
                Err(failed())
            }
            Some(StoreFault::Corrupt) => Err(failed_as(StoreErrorKind::Corrupt)),
            Some(StoreFault::AnswerLost) => {
                drop(ask().await);
                std::future::pending().await
            }
            Some(StoreFault::Delay(by)) => {
                pass(self.clock.as_ref(), by).await;
                let answer = ask().await;
                yield_now().await;
                answer
            }
            Some(StoreFault::Repeat) => {
                drop(ask().await);
                ask().await
            }
        }
    }
}

fn doing(call: Call) -> &'static str {
    match call {
        Call::Load => "load",
        Call::Commit => "commit",
        Call::Due => "read due records",
        Call::NextDue => "read the next due time",
        Call::Select => "select records",
        Call::Count => "count records",
        Call::Journal => "read the journal",
        Call::HandOver => "hand over",
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Store for FaultyStore {
    async fn load(&self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError> {
        self.around(Call::Load, || self.store.load(keys)).await
    }

    async fn commit(&self, mut changes: Vec<Changes>) -> Result<Vec<Verdict>, StoreError> {
        let mut fault = self.course.next(Call::Commit);
        if fault == Some(StoreFault::Midway) {
            changes.truncate(changes.len() / 2);
            fault = Some(StoreFault::After);
        }
        self.through(fault, Call::Commit, || self.store.commit(changes.clone()))
            .await
    }

    async fn due(
        &self,
        lanes: &Lanes,
        now: Instant,
        limit: usize,
        lease_until: Instant,
    ) -> Result<Vec<Due>, StoreError> {
        self.around(Call::Due, || self.store.due(lanes, now, limit, lease_until))
            .await
    }

    async fn next_due(&self, now: Instant) -> Result<Vec<NextDue>, StoreError> {
        self.around(Call::NextDue, || self.store.next_due(now))
            .await
    }

    async fn select(&self, select: &Select) -> Result<Page, StoreError> {
        self.around(Call::Select, || self.store.select(select))
            .await
    }

    async fn count(&self, count: &Count) -> Result<Vec<Counted>, StoreError> {
        self.around(Call::Count, || self.store.count(count)).await
    }

    async fn journal(
        &self,
        tenant: &Tenant,
        after: JournalCursor,
        limit: usize,
    ) -> Result<Vec<Journaled>, StoreError> {
        self.around(Call::Journal, || self.store.journal(tenant, after, limit))
            .await
    }
}
