//! A store whose commits, and what is read of it, a test takes in hand.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use leadkit::ids::Tenant;
use leadkit::store::{
    Changes, Count, Counted, Due, JournalCursor, Journaled, Key, Lanes, Loaded, NextDue, Page,
    Select, Store, StoreError, Verdict,
};
use leadkit::time::Instant;

type Verdicts = Result<Vec<Verdict>, StoreError>;
type Commit = dyn Fn(Arc<dyn Store>, Vec<Changes>) -> BoxFuture<'static, Verdicts> + Send + Sync;

type Reads = dyn Fn(&Key, Loaded) -> Loaded + Send + Sync;

/// Commits and reads as the test says, and is the store behind it in all else.
pub(crate) struct Tapped {
    store: Arc<dyn Store>,
    commit: Box<Commit>,
    reads: Box<Reads>,
}

impl Tapped {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        commit: impl Fn(Arc<dyn Store>, Vec<Changes>) -> BoxFuture<'static, Verdicts>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            store,
            commit: Box::new(commit),
            reads: Box::new(|_, loaded| loaded),
        }
    }

    /// What is read is as the test says.
    #[allow(dead_code, reason = "not all tests take reads in hand")]
    pub(crate) fn reading(
        store: Arc<dyn Store>,
        reads: impl Fn(&Key, Loaded) -> Loaded + Send + Sync + 'static,
    ) -> Self {
        let commit = |store: Arc<dyn Store>, changes| -> BoxFuture<'static, Verdicts> {
            Box::pin(async move { store.commit(changes).await })
        };
        Self {
            reads: Box::new(reads),
            ..Self::new(store, commit)
        }
    }
}

impl fmt::Debug for Tapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tapped").field(&self.store).finish()
    }
}

#[async_trait]
impl Store for Tapped {
    async fn load(&self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError> {
        let loaded = self.store.load(keys).await?;
        let read = keys.iter().zip(loaded);
        Ok(read
            .map(|(key, loaded)| (self.reads)(key, loaded))
            .collect())
    }

    async fn commit(&self, changes: Vec<Changes>) -> Verdicts {
        (self.commit)(self.store.clone(), changes).await
    }

    async fn due(
        &self,
        lanes: &Lanes,
        now: Instant,
        limit: usize,
        lease_until: Instant,
    ) -> Result<Vec<Due>, StoreError> {
        self.store.due(lanes, now, limit, lease_until).await
    }

    async fn next_due(&self, now: Instant) -> Result<Vec<NextDue>, StoreError> {
        self.store.next_due(now).await
    }

    async fn select(&self, select: &Select) -> Result<Page, StoreError> {
        self.store.select(select).await
    }

    async fn count(&self, count: &Count) -> Result<Vec<Counted>, StoreError> {
        self.store.count(count).await
    }

    async fn journal(
        &self,
        tenant: &Tenant,
        after: JournalCursor,
        limit: usize,
    ) -> Result<Vec<Journaled>, StoreError> {
        self.store.journal(tenant, after, limit).await
    }
}
