//! Where everything passes: a store and a mailer that let others run before and after each call, and
//! put down in the ledger and at the post office what truly happened.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use async_trait::async_trait;
use leadkit::ids::Tenant;
use leadkit::mailer::{Mailer, Outcome, Outgoing};
use leadkit::store::{
    Changes, Count, Counted, Due, JournalCursor, Journaled, Key, Lanes, Loaded, NextDue, Page,
    Select, Store, StoreError, Verdict,
};
use leadkit::time::Instant;

use crate::ledger::Ledger;
use crate::post::Post;

/// What truly happened.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) ledger: Ledger,
    pub(crate) post: Post,
}

/// The truth, shared by all who add to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Arc<Mutex<Truth>>);

impl Shared {
    pub(crate) fn new(ledger: Ledger) -> Self {
        let post = Post::default();
        Self(Arc::new(Mutex::new(Truth { ledger, post })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Truth> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets others run.
async fn give_way() {
    let mut has_yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A store whose commits are put down in the ledger.
#[derive(Clone, Debug)]
pub(crate) struct TappedStore {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) truth: Shared,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Store for TappedStore {
    async fn load(&self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError> {
        give_way().await;
        let loaded = self.store.load(keys).await;
        give_way().await;
        loaded
    }

    async fn commit(&self, changes: Vec<Changes>) -> Result<Vec<Verdict>, StoreError> {
        give_way().await;
        let verdicts = self.store.commit(changes.clone()).await?;
        {
            let ledger = &mut self.truth.lock().ledger;
            for (change, verdict) in changes.iter().zip(&verdicts) {
                if *verdict == Verdict::Written {
                    ledger.write(change);
                }
            }
        }
        give_way().await;
        Ok(verdicts)
    }

    async fn due(
        &self,
        lanes: &Lanes,
        now: Instant,
        limit: usize,
        lease_until: Instant,
    ) -> Result<Vec<Due>, StoreError> {
        give_way().await;
        self.store.due(lanes, now, limit, lease_until).await
    }

    async fn next_due(&self, now: Instant) -> Result<Vec<NextDue>, StoreError> {
        self.store.next_due(now).await
    }

    async fn select(&self, select: &Select) -> Result<Page, StoreError> {
        give_way().await;
        self.store.select(select).await
    }

    async fn count(&self, count: &Count) -> Result<Vec<Counted>, StoreError> {
        give_way().await;
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

/// A mailer whose hand-overs are put down at the post office.
#[derive(Clone, Debug)]
pub(crate) struct TappedMailer {
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) truth: Shared,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Mailer for TappedMailer {
    async fn hand_over(&self, message: &Outgoing) -> Outcome {
        give_way().await;
        let place = {
            let truth = &mut *self.truth.lock();
            truth.post.begin(message, &mut truth.ledger)
        };
        give_way().await;
        let outcome = self.mailer.hand_over(message).await;
        self.truth.lock().post.end(place, outcome.clone());
        give_way().await;
        outcome
    }
}
