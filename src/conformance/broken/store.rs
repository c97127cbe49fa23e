//! The wrapper: the reference store, with one flaw.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use async_trait::async_trait;

use super::Flaw;
use crate::conformance::racing::RACERS;
use crate::conformance::words::acme;
use crate::ids::{CommandId, Id, Tenant};
use crate::store::{
    Changes, Count, Counted, Due, JournalCursor, Journaled, Key, Lanes, Lease, Loaded, MemoryStore,
    NextDue, Page, Select, Store, StoreError, StoreErrorKind, StoredFact, Verdict, Version, Wakes,
};
use crate::time::Instant;
use crate::value::ValueType;

#[derive(Debug)]
pub(super) struct Flawed {
    pub(super) memory: MemoryStore,
    pub(super) flaw: Flaw,
    notes: Mutex<Notes>,
    /// Held by whoever is alone at work on this handle.
    turn: Mutex<()>,
    /// What each handle has, where each has everything.
    copies: Arc<Mutex<Vec<MemoryStore>>>,
    /// All handles' racers meet there.
    gap: Arc<Gap>,
}

/// What flaws keep beside the reference store.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) claims: BTreeMap<Id, Tenant>,
    pub(super) clocks: BTreeMap<Key, Wakes>,
    pub(super) commands: BTreeSet<CommandId>,
    pub(super) facts: BTreeMap<Key, Vec<StoredFact>>,
    /// How many entries each tenant had when this was opened.
    pub(super) entries_before: BTreeMap<Tenant, u64>,
    pub(super) leases: BTreeMap<Key, Lease>,
    pub(super) leased_versions: BTreeMap<Key, (Version, Lease)>,
    pub(super) numbered: Vec<(Tenant, Journaled)>,
    pub(super) read: BTreeMap<Key, Loaded>,
    pub(super) removed: BTreeSet<Key>,
    pub(super) running: u32,
    pub(super) served_last: Option<Tenant>,
    pub(super) taken: u64,
    pub(super) types: BTreeMap<String, ValueType>,
}

impl Flawed {
    pub(super) fn new(flaw: Flaw) -> Self {
        let memory = MemoryStore::default();
        Self {
            copies: Arc::new(Mutex::new(vec![memory.clone()])),
            memory,
            flaw,
            notes: Mutex::default(),
            turn: Mutex::default(),
            gap: Arc::new(Gap::new()),
        }
    }

    /// Another handle on the same data, without a note of what was done by this one. A copy is made
    /// while there is nothing yet.
    pub(super) fn another(&self) -> Self {
        let memory = match self.flaw {
            Flaw::LeasesOfTheHandle => MemoryStore::default(),
            _ => self.memory.clone(),
        };
        self.copies().push(memory.clone());
        Self {
            memory,
            flaw: self.flaw,
            notes: Mutex::default(),
            turn: Mutex::default(),
            copies: self.copies.clone(),
            gap: self.gap.clone(),
        }
    }

    /// Another handle that knows how much there was when it was opened, of one tenant.
    pub(super) async fn reopened(&self) -> Result<Self, StoreError> {
        let tenant = acme();
        let reopened = self.another();
        let begin = JournalCursor(0);
        let entries = self.memory.journal(&tenant, begin, usize::MAX).await?;
        let before = entries.len() as u64;
        reopened.notes().entries_before.insert(tenant, before);
        Ok(reopened)
    }

    pub(super) fn copies(&self) -> MutexGuard<'_, Vec<MemoryStore>> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn alone(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there are several handles on the data.
    pub(super) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.gap) > 1
    }

    pub(super) fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A moment without a lock, between looking and writing.
    pub(super) fn let_others_in(&self) {
        self.gap.wait_for(2);
    }

    /// Such a moment, until more are there than want the same where half of all do.
    pub(super) fn let_most_in(&self) {
        self.gap.wait_for(RACERS / 2 + 1);
    }

    /// A moment in which somebody writes, if anybody does.
    pub(super) fn let_one_write(&self) {
        self.gap.wait_for_one_more();
    }

    /// Ends such a moment.
    pub(super) fn come_in(&self) {
        self.gap.come_in();
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

/// Where the first of several racers wait until others are there too, so that what is between
/// threads for a few nanoseconds now and then is there in every test.
#[derive(Debug)]
struct Gap {
    came: Mutex<u32>,
    another_came: Condvar,
    /// Nobody else can come while this one waits.
    thread_of_the_check: ThreadId,
}

impl Gap {
    /// Far longer than a racer needs to come; it is not waited for when one did.
    const AT_MOST: Duration = Duration::from_secs(20);
    /// Far longer than a writer who goes on and on takes for one write.
    const AT_MOST_FOR_ONE: Duration = Duration::from_millis(500);

    fn new() -> Self {
        Self {
            came: Mutex::default(),
            another_came: Condvar::new(),
            thread_of_the_check: thread::current().id(),
        }
    }

    fn come_in(&self) {
        *self.came.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.another_came.notify_all();
    }

    /// Waits until so many racers are there, with this one. Who is alone after all was in no race, and there is nothing for the suite
    /// to catch.
    fn wait_for(&self, racers: u32) {
        if thread::current().id() != self.thread_of_the_check {
            self.come_in();
            self.wait_until(Self::AT_MOST, |_, came| came >= racers);
        }
    }

    /// Waits for somebody who comes from now on.
    fn wait_for_one_more(&self) {
        if thread::current().id() != self.thread_of_the_check {
            self.wait_until(Self::AT_MOST_FOR_ONE, |before, came| came > before);
        }
    }

    /// Waits until so many came, of whom so many had come before, and no longer than that.
    fn wait_until(&self, at_most: Duration, is_enough: impl Fn(u32, u32) -> bool) {
        let came = self.came.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *came;
        let is_waited_for = |came: &mut u32| !is_enough(before, *came);
        let _ = self
            .another_came
            .wait_timeout_while(came, at_most, is_waited_for);
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
