//! The reference store: everything in memory, every promise in a few lines.
//!
//! Tests, simulations and hosts without a database use it. It keeps nothing when the process
//! ends, and it is not meant to be small: every body is held as it was put.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use smol_str::SmolStr;

use super::{
    Changes, Count, Counted, Cursor, Due, JournalCursor, Journaled, Key, Kind, Lane, Lanes, Lease,
    Loaded, NextDue, Order, Page, Put, Rounds, Select, Store, StoreError, StoredFact, Verdict,
    Version, Wakes,
};
use crate::condition::Filter;
use crate::ids::{CommandId, Id, Name, Tenant};
use crate::time::Instant;
use crate::value::Value;

/// Keeps everything in memory. Clones share what they hold.
///
/// ```
/// use leadkit::store::{MemoryStore, Store};
/// let store = MemoryStore::default();
/// let now = "2026-03-06T16:30:00Z".parse()?;
/// assert!(pollster::block_on(store.next_due(now))?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

/// A record's name within its tenant.
type Slot = (Kind, Id);

#[derive(Debug, Default)]
struct State {
    tenants: BTreeMap<Tenant, Shelf>,
    rounds: Rounds,
}

/// What one tenant has.
#[derive(Debug, Default)]
struct Shelf {
    records: BTreeMap<Slot, Record>,
    /// Every record with a clock, by its lane and there by its instant; no lane is empty.
    clocks: BTreeMap<Name, BTreeSet<(Instant, Kind, Id)>>,
    leases: BTreeMap<Slot, Lease>,
    journal: Vec<(CommandId, Vec<u8>)>,
    /// Where in the journal a command stands.
    places: BTreeMap<CommandId, usize>,
}

#[derive(Debug)]
struct Record {
    version: Version,
    body: Vec<u8>,
    wakes: Option<Wakes>,
    /// By name.
    facts: Vec<StoredFact>,
}

impl MemoryStore {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held can't leave half a change: changes are checked first.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError> {
        let state = self.state();
        let load = |key: &Key| match state.tenants.get(&key.tenant) {
            Some(shelf) => shelf.load(key.kind, key.id),
            None => Loaded::absent(),
        };
        Ok(keys.iter().map(load).collect())
    }

    async fn commit(&self, changes: Vec<Changes>) -> Result<Vec<Verdict>, StoreError> {
        for change in &changes {
            change.check()?;
        }
        let mut state = self.state();
        let commit = |change: Changes| {
            let shelf = state.tenants.entry(change.tenant.clone());
            shelf.or_default().commit(change)
        };
        Ok(changes.into_iter().map(commit).collect())
    }

    async fn due(
        &self,
        lanes: &Lanes,
        now: Instant,
        limit: usize,
        lease_until: Instant,
    ) -> Result<Vec<Due>, StoreError> {
        Ok(self.state().lease_due(lanes, now, limit, lease_until))
    }

    async fn next_due(&self, now: Instant) -> Result<Vec<NextDue>, StoreError> {
        let state = self.state();
        let shelves = state.tenants.iter();
        Ok(shelves
            .flat_map(|(tenant, shelf)| shelf.next_due(tenant, now))
            .collect())
    }

    async fn select(&self, select: &Select) -> Result<Page, StoreError> {
        select.check()?;
        let state = self.state();
        let Some(shelf) = state.tenants.get(&select.tenant) else {
            return Ok(Page::default());
        };
        Ok(shelf.select(select))
    }

    async fn count(&self, count: &Count) -> Result<Vec<Counted>, StoreError> {
        count.check()?;
        let state = self.state();
        let shelf = state.tenants.get(&count.tenant);
        let mut groups: BTreeMap<Vec<MissingLast>, u64> = BTreeMap::new();
        if count.by.is_empty() {
            groups.insert(Vec::new(), 0);
        }
        for (_, record) in shelf
            .into_iter()
            .flat_map(|s| s.filtered(count.kind, &count.filter))
        {
            let value = |name: &SmolStr| MissingLast(record.fact(name).cloned());
            *groups
                .entry(count.by.iter().map(value).collect())
                .or_default() += 1;
        }
        let counted = |(values, count): (Vec<MissingLast>, u64)| Counted {
            values: values.into_iter().map(|value| value.0).collect(),
            count,
        };
        Ok(groups.into_iter().map(counted).collect())
    }

    async fn journal(
        &self,
        tenant: &Tenant,
        after: JournalCursor,
        limit: usize,
    ) -> Result<Vec<Journaled>, StoreError> {
        let state = self.state();
        let Some(shelf) = state.tenants.get(tenant) else {
            return Ok(Vec::new());
        };
        let read = usize::try_from(after.0).unwrap_or(usize::MAX);
        let entries = (1..).zip(&shelf.journal).skip(read).take(limit);
        let journaled = |(place, (command, body)): (u64, &(CommandId, Vec<u8>))| Journaled {
            cursor: JournalCursor(place),
            command: *command,
            body: body.clone(),
        };
        Ok(entries.map(journaled).collect())
    }
}

impl State {
    /// Takes from the tenants in turn, one record each and of each its earliest, until the page is
    /// full.
    fn lease_due(
        &mut self,
        lanes: &Lanes,
        now: Instant,
        limit: usize,
        lease_until: Instant,
    ) -> Vec<Due> {
        let mut queues: BTreeMap<&Tenant, Vec<_>> = BTreeMap::new();
        for lane in lanes.iter() {
            let shelf = self.tenants.get(&lane.tenant);
            let mut due = shelf.map(|shelf| shelf.due(&lane.name, now).peekable());
            if let Some(due) = due.take_if(|due| due.peek().is_some()) {
                queues.entry(&lane.tenant).or_default().push((lane, due));
            }
        }
        let mut queues: Vec<_> = queues.into_iter().collect();
        queues.sort_by_cached_key(|(_, lanes)| {
            let lanes = lanes.iter().map(|(lane, _)| *lane);
            self.rounds.last_turn(lanes)
        });

        let mut page: Vec<Due> = Vec::new();
        while page.len() < limit && !queues.is_empty() {
            queues.retain_mut(|(tenant, lanes)| {
                if page.len() == limit {
                    return true;
                }
                // Of one tenant's lanes the earliest, whichever that is in.
                let clocks = lanes.iter_mut().enumerate();
                let first = clocks
                    .filter_map(|(place, (_, due))| Some((*due.peek()?, place)))
                    .min();
                let Some(((at, kind, id), place)) = first else {
                    return false;
                };
                let (lane, due) = &mut lanes[place];
                due.next();
                self.rounds.note(lane);
                let tenant = Tenant::clone(tenant);
                let key = Key { id, kind, tenant };
                page.push(Due { key, at });
                true
            });
        }
        drop(queues);
        let lease = Lease {
            from: now,
            until: lease_until,
        };
        for Due { key, .. } in &page {
            if let Some(shelf) = self.tenants.get_mut(&key.tenant) {
                shelf.leases.insert((key.kind, key.id), lease);
            }
        }
        page.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
        page
    }
}

impl Shelf {
    fn load(&self, kind: Kind, id: Id) -> Loaded {
        if kind == Kind::Journal {
            let place = self.places.get(&CommandId(id));
            let entry = place.and_then(|place| self.journal.get(*place));
            return entry.map_or_else(Loaded::absent, |(_, body)| Loaded {
                version: Version(1),
                body: Some(body.clone()),
            });
        }
        match self.records.get(&(kind, id)) {
            Some(record) => Loaded {
                version: record.version,
                body: Some(record.body.clone()),
            },
            None => Loaded::absent(),
        }
    }

    fn version(&self, key: &Key) -> Version {
        let record = self.records.get(&(key.kind, key.id));
        record.map_or(Version::ABSENT, |record| record.version)
    }

    fn commit(&mut self, changes: Changes) -> Verdict {
        let Changes {
            tenant: _,
            command,
            checks,
            puts,
            journal,
        } = changes;
        if self.places.contains_key(&command) {
            return Verdict::AlreadyDone;
        }
        let read = puts.iter().map(|put| (&put.key, put.read));
        let checked = checks.iter().map(|check| (&check.key, check.version));
        let moved: BTreeSet<&Key> = read
            .chain(checked)
            .filter(|(key, version)| self.version(key) != *version)
            .map(|(key, _)| key)
            .collect();
        if !moved.is_empty() {
            return Verdict::Moved(moved.into_iter().cloned().collect());
        }
        for put in puts {
            self.put(put);
        }
        self.places.insert(command, self.journal.len());
        self.journal.push((command, journal));
        Verdict::Written
    }

    fn put(&mut self, put: Put) {
        let Put {
            key,
            read: _,
            makes,
            body,
            wakes,
            mut facts,
        } = put;
        let (kind, id) = (key.kind, key.id);
        let wakes = wakes.filter(|_| body.is_some());
        let old = match body {
            Some(body) => {
                facts.sort_by(|a, b| a.name.cmp(&b.name));
                let record = Record {
                    version: makes,
                    body,
                    wakes: wakes.clone(),
                    facts,
                };
                self.records.insert((kind, id), record)
            }
            None => self.records.remove(&(kind, id)),
        };
        if let Some(Wakes { at, lane }) = old.and_then(|record| record.wakes) {
            if let Some(clocks) = self.clocks.get_mut(&lane) {
                clocks.remove(&(at, kind, id));
                if clocks.is_empty() {
                    self.clocks.remove(&lane);
                }
            }
        }
        if let Some(Wakes { at, lane }) = wakes {
            self.clocks.entry(lane).or_default().insert((at, kind, id));
        }
        self.leases.remove(&(kind, id));
    }

    fn is_leased(&self, kind: Kind, id: Id, now: Instant) -> bool {
        let lease = self.leases.get(&(kind, id));
        lease.is_some_and(|lease| lease.runs_at(now))
    }

    /// What is due in a lane and not leased, the earliest first.
    fn due(&self, lane: &Name, now: Instant) -> impl Iterator<Item = (Instant, Kind, Id)> {
        let clocks = self.clocks.get(lane).into_iter().flatten().copied();
        clocks
            .take_while(move |(at, ..)| *at <= now)
            .filter(move |(_, kind, id)| !self.is_leased(*kind, *id, now))
    }

    /// Each lane's next clock, and the end of its first lease.
    fn next_due(&self, tenant: &Tenant, now: Instant) -> Vec<NextDue> {
        let mut leases: BTreeMap<&Name, Instant> = BTreeMap::new();
        for (slot, lease) in self.leases.iter().filter(|(_, lease)| lease.runs_at(now)) {
            let record = self.records.get(slot);
            if let Some(Wakes { lane, .. }) = record.and_then(|record| record.wakes.as_ref()) {
                let first = leases.entry(lane).or_insert(lease.until);
                *first = (*first).min(lease.until);
            }
        }
        let next_due = |(name, clocks): (&Name, &BTreeSet<(Instant, Kind, Id)>)| {
            let mut clocks = clocks.iter();
            let free = clocks.find(|(_, kind, id)| !self.is_leased(*kind, *id, now));
            let (tenant, name) = (tenant.clone(), name.clone());
            NextDue {
                at: free.map(|(at, ..)| *at),
                leased_until: leases.get(&name).copied(),
                lane: Lane { tenant, name },
            }
        };
        self.clocks.iter().map(next_due).collect()
    }

    fn filtered<'a>(
        &'a self,
        kind: Kind,
        filter: &'a Filter,
    ) -> impl Iterator<Item = (Id, &'a Record)> {
        let first = (kind, Id::from_bytes([u8::MIN; 16]));
        let last = (kind, Id::from_bytes([u8::MAX; 16]));
        self.records
            .range(first..=last)
            .filter(|(_, record)| record.matches(filter))
            .map(|((_, id), record)| (*id, record))
    }

    fn select(&self, select: &Select) -> Page {
        let Select {
            tenant,
            kind,
            filter,
            order,
            after,
            limit,
        } = select;
        let position = |(id, record): (Id, &Record)| Cursor {
            value: order.by().and_then(|name| record.fact(name).cloned()),
            id,
        };
        let behind = |cursor: &Cursor| match after {
            Some(after) => order.compare(cursor, after) == Ordering::Greater,
            None => true,
        };
        let mut found: Vec<Cursor> = self
            .filtered(*kind, filter)
            .map(position)
            .filter(behind)
            .collect();
        found.sort_by(|a, b| order.compare(a, b));
        let more = found.len() > *limit;
        found.truncate(*limit);
        let key = |cursor: &Cursor| Key {
            id: cursor.id,
            kind: *kind,
            tenant: tenant.clone(),
        };
        Page {
            keys: found.iter().map(key).collect(),
            next: found.pop().filter(|_| more),
        }
    }
}

impl Record {
    fn fact(&self, name: &str) -> Option<&Value> {
        let place = self
            .facts
            .binary_search_by(|fact| fact.name.as_str().cmp(name));
        place.ok().map(|place| &self.facts[place].value)
    }

    fn matches(&self, filter: &Filter) -> bool {
        filter.matches(|name| self.fact(name).map(Value::as_ref))
    }
}

impl Order {
    /// Which of two positions comes first.
    fn compare(&self, a: &Cursor, b: &Cursor) -> Ordering {
        let missing_last = a.value.is_none().cmp(&b.value.is_none());
        let values = match self {
            Self::Id => Ordering::Equal,
            Self::Ascending(_) => missing_last.then_with(|| a.value.cmp(&b.value)),
            Self::Descending(_) => missing_last.then_with(|| b.value.cmp(&a.value)),
        };
        values.then_with(|| a.id.cmp(&b.id))
    }
}

/// A group's value; a missing one comes behind every other.
#[derive(Clone, Debug, PartialEq, Eq)]
struct MissingLast(Option<Value>);

impl Ord for MissingLast {
    fn cmp(&self, other: &Self) -> Ordering {
        let missing_last = self.0.is_none().cmp(&other.0.is_none());
        missing_last.then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for MissingLast {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
