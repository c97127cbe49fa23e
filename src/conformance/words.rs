//! The words in which the checks are written.

use std::sync::Arc;

use super::Subject;
use crate::condition::Filter;
use crate::ids::{CommandId, Id, Tenant};
use crate::store::{
    Changes, Check, Cursor, JournalCursor, Key, Kind, Lane, Lanes, Loaded, Order, Put, Select,
    Store, StoreError, StoreErrorKind, StoredFact, Verdict, Version, Wakes,
};
use crate::time::{Elapsed, Instant};
use crate::value::Value;

pub(super) async fn fresh(subject: &dyn Subject) -> Arc<dyn Store> {
    let store = subject.fresh().await;
    let written = store.journal(&acme(), JournalCursor::default(), 1).await;
    let is_used = written.is_ok_and(|entries| !entries.is_empty());
    assert!(
        !is_used,
        "the store that `Subject::fresh` gave holds something: each promise needs a new one"
    );
    store
}

pub(super) fn acme() -> Tenant {
    Tenant::from("acme")
}

pub(super) fn id(number: u32) -> Id {
    let mut bytes = [0; 16];
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    Id::from_bytes(bytes)
}

pub(super) fn key(tenant: &Tenant, kind: Kind, number: u32) -> Key {
    Key {
        id: id(number),
        kind,
        tenant: tenant.clone(),
    }
}

/// A lead of acme.
pub(super) fn lead(number: u32) -> Key {
    key(&acme(), Kind::Lead, number)
}

/// So many seconds after the beginning of the tests' time.
pub(super) fn at(seconds: i64) -> Instant {
    let start = Instant::default() + Elapsed::days(20_000);
    start + Elapsed::seconds(seconds)
}

/// The lane of records that name no other.
pub(super) const LANE: &str = "lane";

pub(super) fn lane_of(tenant: &str, name: &str) -> Lane {
    Lane {
        tenant: tenant.into(),
        name: name.into(),
    }
}

/// The usual lane of each of these tenants.
pub(super) fn lanes_of(tenants: &[&str]) -> Lanes {
    tenants.iter().map(|tenant| lane_of(tenant, LANE)).collect()
}

/// The earliest clock that isn't leased, in whatever lane.
pub(super) async fn next_due(store: &Arc<dyn Store>) -> Result<Option<Instant>, StoreError> {
    let lanes = store.next_due(at(0)).await?;
    Ok(lanes.into_iter().filter_map(|next| next.at).min())
}

/// A change of acme that only journals.
pub(super) fn change(command: &str) -> Changes {
    change_of(&acme(), command)
}

pub(super) fn change_of(tenant: &Tenant, command: &str) -> Changes {
    Changes {
        tenant: tenant.clone(),
        command: CommandId::of(command),
        checks: Vec::new(),
        puts: Vec::new(),
        journal: command.as_bytes().to_vec(),
    }
}

/// A record without clock and facts.
pub(super) fn put(key: Key, read: u64, body: &[u8]) -> Put {
    Put {
        key,
        read: Version(read),
        makes: Version(read).next(),
        body: Some(body.to_vec()),
        wakes: None,
        facts: Vec::new(),
    }
}

impl Put {
    pub(super) fn waking(self, at: Instant) -> Self {
        self.waking_in(LANE, at)
    }

    pub(super) fn waking_in(mut self, lane: &str, at: Instant) -> Self {
        let lane = lane.into();
        self.wakes = Some(Wakes { at, lane });
        self
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.push(StoredFact::new(name, value));
        self
    }

    pub(super) fn making(mut self, version: u64) -> Self {
        self.makes = Version(version);
        self
    }

    pub(super) fn removed(mut self) -> Self {
        self.body = None;
        self
    }
}

impl Changes {
    pub(super) fn and(mut self, put: Put) -> Self {
        self.puts.push(put);
        self
    }

    pub(super) fn if_still(mut self, key: Key, version: u64) -> Self {
        let version = Version(version);
        self.checks.push(Check { key, version });
        self
    }
}

/// A value as facts and filters hold it: text is folded.
pub(super) fn folded(value: impl Into<Value>) -> Value {
    StoredFact::new("", value).value
}

pub(super) fn loaded(version: u64, body: &[u8]) -> Loaded {
    Loaded {
        version: Version(version),
        body: Some(body.to_vec()),
    }
}

pub(super) async fn load(store: &Arc<dyn Store>, key: Key) -> Result<Loaded, StoreError> {
    let loaded = store.load(&[key]).await?;
    Ok(loaded.into_iter().next().unwrap_or_else(Loaded::absent))
}

/// Commits one change.
pub(super) async fn commit(
    store: &Arc<dyn Store>,
    change: Changes,
) -> Result<Option<Verdict>, StoreError> {
    Ok(store.commit(vec![change]).await?.pop())
}

/// The keys of what is due at `now` in acme's usual lane and was not leased.
pub(super) async fn due(
    store: &Arc<dyn Store>,
    now: i64,
    limit: usize,
    lease_until: i64,
) -> Result<Vec<Key>, StoreError> {
    due_in(store, &lanes_of(&["acme"]), now, limit, lease_until).await
}

/// The keys of what is due at `now` in these lanes and was not leased.
pub(super) async fn due_in(
    store: &Arc<dyn Store>,
    lanes: &Lanes,
    now: i64,
    limit: usize,
    lease_until: i64,
) -> Result<Vec<Key>, StoreError> {
    let due = store.due(lanes, at(now), limit, at(lease_until)).await?;
    Ok(due.into_iter().map(|due| due.key).collect())
}

/// What kind of failure this is, if it is one.
pub(super) fn failure<T>(result: Result<T, StoreError>) -> Option<StoreErrorKind> {
    result.err().map(|error| error.kind)
}

/// All leads of acme that a filter lets through.
pub(super) fn leads(filter: Filter) -> Select {
    Select {
        tenant: acme(),
        kind: Kind::Lead,
        filter,
        order: Order::Id,
        after: None,
        limit: 1_000,
    }
}

/// The ids of a whole selection, read in pages of `select.limit`, as far as `at_most` pages.
pub(super) async fn paged(
    store: &Arc<dyn Store>,
    mut select: Select,
    at_most: usize,
) -> Result<(Vec<Id>, Option<Cursor>), StoreError> {
    let mut ids = Vec::new();
    for _ in 0..at_most {
        let page = store.select(&select).await?;
        ids.extend(page.keys.into_iter().map(|key| key.id));
        select.after = page.next;
        if select.after.is_none() {
            break;
        }
    }
    Ok((ids, select.after))
}

/// The ids of a selection in one page.
pub(super) async fn selected(
    store: &Arc<dyn Store>,
    select: Select,
) -> Result<Vec<Id>, StoreError> {
    Ok(paged(store, select, 1).await?.0)
}

/// Numbers that look random, the same in every run.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below this one.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(super) fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }

    /// Whether something that happens once in so many times does.
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// Lets the others of a race go first.
pub(super) async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if yielded {
            return std::task::Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
