//! A store that keeps what it is asked, so that the same can be done by hand.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use leadkit::ids::Tenant;
use leadkit::store::{
    Changes, Count, Counted, Due, JournalCursor, Journaled, Key, Lanes, Loaded, NextDue, Page,
    Select, Store, StoreError, Verdict,
};
use leadkit::time::Instant;

/// A store that keeps what it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Recording<S> {
    store: S,
    batches: Arc<Mutex<Vec<Asked>>>,
}

/// What one batch asked of the store, up to its commit.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) claimed: Option<(Instant, usize)>,
    pub(crate) loads: Vec<Key>,
    pub(crate) commits: Vec<Changes>,
}

impl<S: Store> Recording<S> {
    pub(crate) fn new(store: S) -> Self {
        let batches = Arc::default();
        Self { store, batches }
    }

    pub(crate) fn batches(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.batches.lock().expect("the recording"))
    }

    fn note(&self, note: impl FnOnce(&mut Asked)) {
        let mut batches = self.batches.lock().expect("the recording");
        if batches.last().is_none_or(|last| !last.commits.is_empty()) {
            batches.push(Asked::default());
        }
        note(batches.last_mut().expect("a batch"));
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Store> Store for Recording<S> {
    async fn load(&self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError> {
        self.note(|asked| asked.loads.extend_from_slice(keys));
        self.store.load(keys).await
    }

    async fn commit(&self, changes: Vec<Changes>) -> Result<Vec<Verdict>, StoreError> {
        self.note(|asked| asked.commits.extend_from_slice(&changes));
        self.store.commit(changes).await
    }

    async fn due(
        &self,
        lanes: &Lanes,
        now: Instant,
        limit: usize,
        lease_until: Instant,
    ) -> Result<Vec<Due>, StoreError> {
        self.note(|asked| asked.claimed = Some((now, limit)));
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
