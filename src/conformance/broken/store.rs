//! The wrapper: the reference store, with one flaw.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::Flaw;
use crate::ids::{CommandId, Id, Tenant};
use crate::store::{
    Changes, Count, Counted, Due, JournalCursor, Journaled, Key, Lanes, Loaded, MemoryStore,
    NextDue, Page, Select, Store, StoreError, StoreErrorKind, StoredFact, Verdict, Version, Wakes,
};
use crate::time::Instant;
use crate::value::ValueType;

#[derive(Debug)]
pub(super) struct Flawed {
    pub(super) memory: MemoryStore,
    pub(super) flaw: Flaw,
    notes: Mutex<Notes>,
}

/// What flaws keep beside the reference store.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) claims: BTreeMap<Id, Tenant>,
    pub(super) clocks: BTreeMap<Key, Wakes>,
    pub(super) commands: BTreeSet<CommandId>,
    pub(super) facts: BTreeMap<Key, Vec<StoredFact>>,
    pub(super) leases: BTreeMap<Key, Instant>,
    pub(super) leased_versions: BTreeMap<Key, (Version, Instant)>,
    pub(super) numbered: Vec<(Tenant, Journaled)>,
    pub(super) removed: BTreeSet<Key>,
    pub(super) running: u32,
    pub(super) taken: u64,
    pub(super) types: BTreeMap<String, ValueType>,
}

impl Flawed {
    pub(super) fn new(flaw: Flaw) -> Self {
        Self {
            memory: MemoryStore::default(),
            flaw,
            notes: Mutex::default(),
        }
    }

    pub(super) fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn key(&self, key: &Key) -> Key {
        let mut key = key.clone();
        match self.flaw {
            Flaw::IdsEndAtZero => {
                let mut bytes = *key.id.as_bytes();
                let end = bytes.iter().position(|byte| *byte == 0);
                bytes[end.unwrap_or(16)..].fill(0);
                key.id = Id::from_bytes(bytes);
            }
            Flaw::TenantsFolded => {
                key.tenant = Tenant::from(key.tenant.as_str().trim().to_lowercase());
            }
            _ => {}
        }
        key
    }
}

/// A refusal for no good reason.
pub(super) fn refusal() -> StoreError {
    StoreError {
        kind: StoreErrorKind::Unavailable,
        doing: "work properly",
        source: None,
    }
}

#[async_trait]
impl Store for Flawed {
    async fn load(&self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError> {
        self.load_spoiled(keys).await
    }

    async fn commit(&self, changes: Vec<Changes>) -> Result<Vec<Verdict>, StoreError> {
        self.commit_spoiled(changes).await
    }

    async fn due(
        &self,
        lanes: &Lanes,
        now: Instant,
        limit: usize,
        lease_until: Instant,
    ) -> Result<Vec<Due>, StoreError> {
        self.due_spoiled(lanes, now, limit, lease_until).await
    }

    async fn next_due(&self, now: Instant) -> Result<Vec<NextDue>, StoreError> {
        self.next_due_spoiled(now).await
    }

    async fn select(&self, select: &Select) -> Result<Page, StoreError> {
        self.select_spoiled(select).await
    }

    async fn count(&self, count: &Count) -> Result<Vec<Counted>, StoreError> {
        self.count_spoiled(count).await
    }

    async fn journal(
        &self,
        tenant: &Tenant,
        after: JournalCursor,
        limit: usize,
    ) -> Result<Vec<Journaled>, StoreError> {
        self.journal_spoiled(tenant, after, limit).await
    }
}
