//! A store of one's own, written from the documentation of `Store` alone, and the tests that
//! say whether it is right.
//!
//! ```sh
//! cargo run  --example custom_store    # a lead is followed through on it
//! cargo test --example custom_store    # one test for each promise of the port
//! ```
//!
//! It keeps everything behind one lock and looks through everything for every question: the
//! shortest thing that is correct. A store worth having answers from indexes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use leadkit::decide::command::{Actor, AgentSetup, NewLead};
use leadkit::engine::Engine;
use leadkit::ids::{CommandId, Tenant};
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::store::{
    Changes, Count, Counted, Cursor, Due, JournalCursor, Journaled, Key, Kind, Lane, Lanes, Lease,
    Loaded, NextDue, Order, Page, Put, Rounds, Select, Store, StoreError, StoredFact, Verdict,
    Version, Wakes,
};
use leadkit::time::Instant;
use leadkit::value::Value;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = ShelfStore::default();
    let engine = Engine::builder(store.clone())
        .playbook(
            "quito",
            Playbook::load("playbooks/field-and-digital-sales")?,
        )
        .mailer("email", MemoryMailer::default())
        .build()?;
    pollster::block_on(async {
        let quito = engine.tenant("quito");
        let ana = AgentSetup::new("ana")
            .name("Ana")
            .email("ana@example.com")
            .role("advisor")
            .cities(["Quito"]);
        quito.set_up(ana).by(Actor::host("setup")).await?;
        let luis = NewLead::new("Luis Vera")
            .email("luis@example.com")
            .source("web")
            .field("city", "Quito");
        let lead = quito.register(luis).by(Actor::host("web-form")).await?;
        engine.tick().await?;
        println!("{} is followed through", lead.id);
        Ok::<_, leadkit::engine::Error>(())
    })?;
    println!("the store holds {} records", store.shelf().records.len());
    Ok(())
}

/// Keeps everything on one shelf. Clones share it.
#[derive(Clone, Debug, Default)]
struct ShelfStore(Arc<Mutex<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    records: BTreeMap<Key, Record>,
    /// Each tenant's entries, in the order of their commits; a cursor is a place in it.
    journal: BTreeMap<Tenant, Vec<(CommandId, Vec<u8>)>>,
    /// Whose turn it is, so that the next page begins with somebody else.
    rounds: Rounds,
}

#[derive(Debug)]
struct Record {
    version: Version,
    body: Vec<u8>,
    wakes: Option<Wakes>,
    lease: Option<Lease>,
    facts: Vec<StoredFact>,
}

impl ShelfStore {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // Whoever panicked did so before anything was written: changes are checked first.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for ShelfStore {
    async fn load(&self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError> {
        let shelf = self.shelf();
        Ok(keys.iter().map(|key| shelf.load(key)).collect())
    }

    async fn commit(&self, changes: Vec<Changes>) -> Result<Vec<Verdict>, StoreError> {
        for change in &changes {
            change.check()?; // before anything of the batch is written
        }
        let mut shelf = self.shelf();
        Ok(changes
            .into_iter()
            .map(|change| shelf.commit(change))
            .collect())
    }

    async fn due(
        &self,
        lanes: &Lanes,
        now: Instant,
        limit: usize,
        lease_until: Instant,
    ) -> Result<Vec<Due>, StoreError> {
        Ok(self.shelf().due(lanes, now, limit, lease_until))
    }

    async fn next_due(&self, now: Instant) -> Result<Vec<NextDue>, StoreError> {
        Ok(self.shelf().next_due(now))
    }

    async fn select(&self, select: &Select) -> Result<Page, StoreError> {
        select.check()?;
        Ok(self.shelf().select(select))
    }

    async fn count(&self, count: &Count) -> Result<Vec<Counted>, StoreError> {
        count.check()?;
        Ok(self.shelf().count(count))
    }

    async fn journal(
        &self,
        tenant: &Tenant,
        after: JournalCursor,
        limit: usize,
    ) -> Result<Vec<Journaled>, StoreError> {
        let shelf = self.shelf();
        let entries = shelf.journal.get(tenant).into_iter().flatten();
        let journaled = |(place, (command, body)): (u64, &(CommandId, Vec<u8>))| Journaled {
            cursor: JournalCursor(place),
            command: *command,
            body: body.clone(),
        };
        let behind = (1..).zip(entries).filter(|(place, _)| *place > after.0);
        Ok(behind.map(journaled).take(limit).collect())
    }
}

impl Shelf {
    fn entry(&self, tenant: &Tenant, command: CommandId) -> Option<&Vec<u8>> {
        let mut entries = self.journal.get(tenant)?.iter();
        let entry = entries.find(|(other, _)| *other == command)?;
        Some(&entry.1)
    }

    fn load(&self, key: &Key) -> Loaded {
        let loaded = |version, body: &Vec<u8>| Loaded {
            version,
            body: Some(body.clone()),
        };
        let found = match key.kind {
            Kind::Journal => {
                let entry = self.entry(&key.tenant, CommandId(key.id));
                entry.map(|body| loaded(Version(1), body))
            }
            _ => self
                .records
                .get(key)
                .map(|record| loaded(record.version, &record.body)),
        };
        found.unwrap_or_else(Loaded::absent)
    }

    fn version(&self, key: &Key) -> Version {
        self.records
            .get(key)
            .map_or(Version::ABSENT, |record| record.version)
    }

    /// Everything or nothing: all that could stand against it is looked at first.
    fn commit(&mut self, changes: Changes) -> Verdict {
        // Destructured, so that a part that is added some day can't be forgotten.
        let Changes {
            tenant,
            command,
            checks,
            puts,
            journal,
        } = changes;
        if self.entry(&tenant, command).is_some() {
            return Verdict::AlreadyDone;
        }
        let read = puts.iter().map(|put| (&put.key, put.read));
        let checked = checks.iter().map(|check| (&check.key, check.version));
        let differs = |(key, version): &(&Key, Version)| self.version(key) != *version;
        let mut moved: Vec<Key> = read
            .chain(checked)
            .filter(differs)
            .map(|(key, _)| key.clone())
            .collect();
        if !moved.is_empty() {
            moved.sort();
            moved.dedup();
            return Verdict::Moved(moved);
        }
        for put in puts {
            self.put(put);
        }
        self.journal
            .entry(tenant)
            .or_default()
            .push((command, journal));
        Verdict::Written
    }

    fn put(&mut self, put: Put) {
        let Put {
            key,
            read: _,
            makes,
            body,
            wakes,
            facts,
        } = put;
        match body {
            None => drop(self.records.remove(&key)),
            Some(body) => {
                let record = Record {
                    version: makes,
                    body,
                    wakes,
                    lease: None, // a write ends it
                    facts,
                };
                self.records.insert(key, record);
            }
        }
    }

    /// One record of each tenant in turn, the earliest in any of its lanes, until the page is
    /// full.
    fn due(&mut self, lanes: &Lanes, now: Instant, limit: usize, lease_until: Instant) -> Vec<Due> {
        let mut queues: BTreeMap<Tenant, Vec<(Lane, Due)>> = BTreeMap::new();
        for (key, record) in &self.records {
            let Some((lane, at)) = record.clock(key) else {
                continue;
            };
            if at <= now && lanes.contains(&lane) && !record.is_leased(now) {
                let (tenant, key) = (lane.tenant.clone(), key.clone());
                queues
                    .entry(tenant)
                    .or_default()
                    .push((lane, Due { key, at }));
            }
        }
        let mut queues: Vec<Vec<(Lane, Due)>> = queues.into_values().collect();
        queues.sort_by_key(|queue| self.rounds.last_turn(queue.iter().map(|(lane, _)| lane)));
        for queue in &mut queues {
            queue.sort_by(|(_, a), (_, b)| (b.at, &b.key).cmp(&(a.at, &a.key))); // the earliest at the end
        }
        let mut page = Vec::new();
        while page.len() < limit && queues.iter().any(|queue| !queue.is_empty()) {
            for queue in &mut queues {
                if page.len() == limit {
                    break;
                }
                if let Some((lane, due)) = queue.pop() {
                    page.push(due);
                    self.rounds.note(&lane);
                }
            }
        }
        for due in &page {
            if let Some(record) = self.records.get_mut(&due.key) {
                record.lease = Some(Lease {
                    from: now,
                    until: lease_until,
                });
            }
        }
        page.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
        page
    }

    /// Each lane's earliest clock that isn't leased, and the end of its first lease.
    fn next_due(&self, now: Instant) -> Vec<NextDue> {
        let mut lanes: BTreeMap<Lane, NextDue> = BTreeMap::new();
        for (key, record) in &self.records {
            let Some((lane, at)) = record.clock(key) else {
                continue;
            };
            let next = lanes.entry(lane.clone()).or_insert(NextDue {
                lane,
                at: None,
                leased_until: None,
            });
            let (earliest, found) = match record.is_leased(now) {
                true => (
                    &mut next.leased_until,
                    record.lease.map(|lease| lease.until),
                ),
                false => (&mut next.at, Some(at)),
            };
            *earliest = earliest.or(found).min(found);
        }
        lanes.into_values().collect()
    }

    fn filtered<'a>(
        &'a self,
        tenant: &'a Tenant,
        kind: Kind,
        filter: &'a leadkit::condition::Filter,
    ) -> impl Iterator<Item = (&'a Key, &'a Record)> {
        self.records
            .iter()
            .filter(move |(key, _)| key.tenant == *tenant && key.kind == kind)
            .filter(|(_, record)| filter.matches(|name| record.fact(name).map(Value::as_ref)))
    }

    fn select(&self, select: &Select) -> Page {
        let mut found: Vec<Cursor> = self
            .filtered(&select.tenant, select.kind, &select.filter)
            .map(|(key, record)| Cursor {
                value: select
                    .order
                    .by()
                    .and_then(|name| record.fact(name).cloned()),
                id: key.id,
            })
            .filter(|cursor| {
                let after = select.after.as_ref();
                after.is_none_or(|after| place(&select.order, cursor) > place(&select.order, after))
            })
            .collect();
        found.sort_by(|a, b| place(&select.order, a).cmp(&place(&select.order, b)));
        let more = found.len() > select.limit;
        found.truncate(select.limit);
        let key = |cursor: &Cursor| Key {
            id: cursor.id,
            kind: select.kind,
            tenant: select.tenant.clone(),
        };
        Page {
            keys: found.iter().map(key).collect(),
            next: found.pop().filter(|_| more),
        }
    }

    fn count(&self, count: &Count) -> Vec<Counted> {
        let mut groups: BTreeMap<Vec<MissingLast>, u64> = BTreeMap::new();
        if count.by.is_empty() {
            groups.insert(Vec::new(), 0); // a total is there even when it is 0
        }
        for (_, record) in self.filtered(&count.tenant, count.kind, &count.filter) {
            let value = |name: &smol_str::SmolStr| missing_last(record.fact(name));
            *groups
                .entry(count.by.iter().map(value).collect())
                .or_default() += 1;
        }
        let counted = |(values, count): (Vec<MissingLast>, u64)| Counted {
            values: values.into_iter().map(|(_, value)| value).collect(),
            count,
        };
        groups.into_iter().map(counted).collect()
    }
}

impl Record {
    /// Where it waits, and until when.
    fn clock(&self, key: &Key) -> Option<(Lane, Instant)> {
        let Wakes { at, lane } = self.wakes.clone()?;
        let (tenant, name) = (key.tenant.clone(), lane);
        Some((Lane { tenant, name }, at))
    }

    fn is_leased(&self, now: Instant) -> bool {
        self.lease.is_some_and(|lease| lease.runs_at(now))
    }

    fn fact(&self, name: &str) -> Option<&Value> {
        let fact = self.facts.iter().find(|fact| fact.name == name)?;
        Some(&fact.value)
    }
}

/// A value that is ordered behind all others when it is missing.
type MissingLast = (bool, Option<Value>);

fn missing_last(value: Option<&Value>) -> MissingLast {
    (value.is_none(), value.cloned())
}

/// Where a record stands in an order: what has the fact first, then by its value, then by id.
fn place<'a>(order: &Order, cursor: &'a Cursor) -> impl Ord + use<'a> {
    let value = cursor.value.as_ref();
    let (rising, falling) = match order {
        Order::Descending(_) => (None, value.map(std::cmp::Reverse)),
        Order::Ascending(_) | Order::Id => (value, None),
    };
    (value.is_none(), rising, falling, cursor.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadkit::conformance::Subject;

    struct Shelves;

    #[async_trait]
    impl Subject for Shelves {
        async fn fresh(&self) -> Arc<dyn Store> {
            Arc::new(ShelfStore::default())
        }

        async fn reopened(&self, _: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
            None // it keeps nothing
        }

        async fn another(&self, _: &Arc<dyn Store>) -> Option<Arc<dyn Store>> {
            None // nobody else can open what is in this process
        }
    }

    leadkit::conformance_tests!(Shelves, pollster::block_on);
}
