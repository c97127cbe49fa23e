//! Random sequences and random filters, against the reference. The same ones in every run.

use std::sync::Arc;

use chrono::NaiveDate;

use super::words::*;
use super::{Finding, Outcome, Subject, same};
use crate::condition::{Comparison, FactName, Filter};
use crate::ids::Tenant;
use crate::store::{
    Changes, Check, Count, JournalCursor, Key, Kind, Lanes, MemoryStore, Order, Put, Select, Store,
    StoredFact, Verdict, Version, Wakes,
};
use crate::time::{Elapsed, Instant};
use crate::value::{Number, Value};

const TENANTS: [&str; 2] = ["acme", "zenith"];
const LANES: [&str; 2] = [LANE, "other"];
const KINDS: [Kind; 4] = [Kind::Lead, Kind::Contact, Kind::Claim, Kind::Message];
/// Built-in facts of leads, some of messages too, and a playbook's own.
const FACTS: [&str; 14] = [
    "stage",
    "owner",
    "open",
    "attempts.total",
    "attempts.reached",
    "registered_at",
    "closed_at",
    "state",
    "product",
    "size",
    "test_drive",
    "f0",
    "é\"'$",
    "never",
];

pub(super) async fn any_sequence_ends_as_in_memory(subject: &dyn Subject) -> Outcome {
    for seed in 0..6 {
        let store = fresh(subject).await;
        let memory: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let mut sequence = Sequence {
            random: Random::new(seed),
            versions: Vec::new(),
            commands: 0,
        };
        for step in 0..120_i64 {
            sequence.step(&store, &memory, step * 10).await?;
        }
        for name in TENANTS {
            let tenant = Tenant::from(name);
            let keys = all_keys(&tenant);
            let wanted = memory.load(&keys).await?;
            same("the records", store.load(&keys).await?, wanted)?;
            same(
                "the journal",
                commands_of(&store, &tenant).await?,
                commands_of(&memory, &tenant).await?,
            )?;
        }
    }
    Ok(())
}

fn all_keys(tenant: &Tenant) -> Vec<Key> {
    let of_kind = |kind| (0..5).map(move |number| key(tenant, kind, number));
    KINDS.into_iter().flat_map(of_kind).collect()
}

async fn commands_of(
    store: &Arc<dyn Store>,
    tenant: &Tenant,
) -> Result<Vec<(crate::ids::CommandId, Vec<u8>)>, Finding> {
    let read = store.journal(tenant, JournalCursor(0), 10_000).await?;
    let entries = read.into_iter().map(|entry| (entry.command, entry.body));
    Ok(entries.collect())
}

struct Sequence {
    random: Random,
    /// What the records' versions were at some time; some are right, others stale.
    versions: Vec<(Key, Version)>,
    commands: u64,
}

impl Sequence {
    async fn step(&mut self, store: &Arc<dyn Store>, memory: &Arc<dyn Store>, now: i64) -> Outcome {
        match self.random.below(6) {
            // Everything that is due, so that no choice is left to a store.
            0 => {
                let lease = now + self.random.below(60) as i64;
                let lanes = LANES.iter().filter(|_| !self.random.once_in(3));
                let lanes = lanes.flat_map(|lane| TENANTS.map(|tenant| lane_of(tenant, lane)));
                let lanes: Lanes = lanes.collect();
                let found = due_in(store, &lanes, now, 1_000, lease).await?;
                let wanted = due_in(memory, &lanes, now, 1_000, lease).await?;
                same("what is due", found, wanted)?;
                let next = store.next_due(at(now)).await?;
                let next: Vec<_> = next.into_iter().map(|next| (next.lane, next.at)).collect();
                let wanted = memory.next_due(at(now)).await?;
                let wanted = wanted.into_iter().map(|next| (next.lane, next.at));
                same("when each lane is due next", next, wanted.collect())
            }
            1 => {
                let tenant = Tenant::from(*self.random.one_of(&TENANTS));
                let select = random_select(&mut self.random, tenant);
                let wanted = memory.select(&select).await?;
                same(
                    "a page",
                    (&select, store.select(&select).await?),
                    (&select, wanted),
                )
            }
            _ => {
                let batch: Vec<Changes> = (0..=self.random.below(4))
                    .map(|_| self.change(now))
                    .collect();
                let wanted = sorted(memory.commit(batch.clone()).await?);
                let verdicts = sorted(store.commit(batch.clone()).await?);
                same("the verdicts", (verdicts, &batch), (wanted, &batch))?;
                self.look(memory).await
            }
        }
    }

    /// Remembers some versions as they are now.
    async fn look(&mut self, memory: &Arc<dyn Store>) -> Outcome {
        for name in TENANTS {
            let keys = all_keys(&Tenant::from(name));
            let found = memory.load(&keys).await?;
            for (key, loaded) in keys.into_iter().zip(found) {
                if self.random.once_in(5) {
                    continue;
                }
                self.versions.retain(|(other, _)| *other != key);
                self.versions.push((key, loaded.version));
            }
        }
        Ok(())
    }

    fn version(&mut self, key: &Key) -> Version {
        let known = self.versions.iter().find(|(other, _)| other == key);
        let version = known.map_or(Version::ABSENT, |(_, version)| *version);
        // Now and then what the same batch may have made of it, or nonsense.
        match self.random.below(12) {
            0 => self.made_of(version),
            1 => Version(self.random.below(3)),
            _ => version,
        }
    }

    /// One of the versions that a write may make of one.
    fn made_of(&mut self, version: Version) -> Version {
        version.next_stamped(self.random.below(2) as u32)
    }

    fn change(&mut self, now: i64) -> Changes {
        let tenant = Tenant::from(*self.random.one_of(&TENANTS));
        // Now and then an earlier command comes again.
        if !self.random.once_in(8) {
            self.commands += 1;
        }
        let mut change = change_of(&tenant, &format!("command {}", self.commands));
        for _ in 0..self.random.below(4) {
            let put = self.put(&tenant, now);
            if change.puts.iter().all(|other| other.key != put.key) {
                change.puts.push(put);
            }
        }
        if self.random.once_in(3) {
            let key = self.key(&tenant);
            let version = self.version(&key);
            change.checks.push(Check { key, version });
        }
        change
    }

    fn key(&mut self, tenant: &Tenant) -> Key {
        let kind = *self.random.one_of(&KINDS);
        key(tenant, kind, self.random.below(5) as u32)
    }

    fn put(&mut self, tenant: &Tenant, now: i64) -> Put {
        let key = self.key(tenant);
        let read = self.version(&key);
        let makes = self.made_of(read);
        let body = vec![0; self.random.below(9) as usize];
        let removes = self.random.once_in(5);
        let waits = !self.random.once_in(3);
        let facts = match key.kind.has_facts() {
            true => random_facts(&mut self.random),
            false => Vec::new(),
        };
        Put {
            key,
            read,
            makes,
            body: (!removes).then_some(body),
            wakes: waits.then(|| Wakes {
                at: at(now - 20 + self.random.below(90) as i64),
                lane: (*self.random.one_of(&LANES)).into(),
            }),
            facts,
        }
    }
}

/// What moved comes in any order.
fn sorted(mut verdicts: Vec<Verdict>) -> Vec<Verdict> {
    for verdict in &mut verdicts {
        if let Verdict::Moved(keys) = verdict {
            keys.sort();
        }
    }
    verdicts
}

fn random_facts(random: &mut Random) -> Vec<StoredFact> {
    let mut facts: Vec<StoredFact> = Vec::new();
    for name in FACTS {
        if name != "never" && random.once_in(2) {
            facts.push(StoredFact::new(name, random_value(random)));
        }
    }
    facts
}

/// Few values of each type, so that they are equal often; and the ends of each.
fn random_value(random: &mut Random) -> Value {
    match random.below(5) {
        0 => Value::Bool(random.once_in(2)),
        1 => {
            let counts = [-1, 0, 1, 2, i64::MIN, i64::MAX];
            Value::Number(Number::from_ten_thousandths(*random.one_of(&counts)))
        }
        2 => folded(*random.one_of(&["", "a", "b", "É", "\0", "\u{1}0", "\"", "車"])),
        3 => {
            let days = [-719_162, -1, 0, 1, 2_932_896];
            let days = chrono::TimeDelta::days(*random.one_of(&days));
            Value::Date(NaiveDate::default() + days)
        }
        _ => {
            let micros = [-62_135_596_800_000_000, -1, 0, 1, 253_402_300_799_999_999];
            let micros = Elapsed::microseconds(*random.one_of(&micros));
            Value::Instant(Instant::UNIX_EPOCH + micros)
        }
    }
}

fn random_fact(random: &mut Random) -> FactName {
    FactName::new(*random.one_of(&FACTS))
}

fn random_filter(random: &mut Random, depth: u32) -> Filter {
    let ops = [
        Comparison::Equal,
        Comparison::Less,
        Comparison::AtMost,
        Comparison::More,
        Comparison::AtLeast,
    ];
    let some = |random: &mut Random| {
        let parts = random.below(4);
        (0..parts)
            .map(|_| random_filter(random, depth - 1))
            .collect()
    };
    match random.below(if depth == 0 { 5 } else { 9 }) {
        0 => Filter::IsMissing(random_fact(random)),
        1 | 2 => Filter::Compare {
            fact: random_fact(random),
            op: *random.one_of(&ops),
            value: random_value(random),
        },
        3 => Filter::CompareFacts {
            left: random_fact(random),
            op: *random.one_of(&ops),
            right: random_fact(random),
        },
        4 => {
            let fact = random_fact(random);
            let values = random.below(4);
            let values = (0..values).map(|_| random_value(random)).collect();
            Filter::In { fact, values }
        }
        5 => Filter::All(some(random)),
        6 => Filter::Any(some(random)),
        7 => Filter::Constant(random.once_in(2)),
        _ => Filter::Not(Box::new(random_filter(random, depth - 1))),
    }
}

fn random_order(random: &mut Random) -> Order {
    let fact = FACTS[random.below(FACTS.len() as u64) as usize].into();
    match random.below(3) {
        0 => Order::Id,
        1 => Order::Ascending(fact),
        _ => Order::Descending(fact),
    }
}

fn random_select(random: &mut Random, tenant: Tenant) -> Select {
    Select {
        tenant,
        kind: *random.one_of(&KINDS),
        filter: random_filter(random, 3),
        order: random_order(random),
        after: None,
        limit: 1 + random.below(6) as usize,
    }
}

pub(super) async fn any_filter_selects_what_it_matches(subject: &dyn Subject) -> Outcome {
    let mut random = Random::new(11);
    for round in 0..4 {
        let store = fresh(subject).await;
        let memory: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let write = (0..12).fold(change("some leads"), |write, number| {
            let mut put = put(lead(number), 0, b"x");
            put.facts = random_facts(&mut random);
            write.and(put)
        });
        for store in [&store, &memory] {
            let _ = commit(store, write.clone()).await?;
        }
        for _ in 0..80 {
            let select = Select {
                kind: Kind::Lead,
                ..random_select(&mut random, acme())
            };
            let wanted = paged(&memory, select.clone(), 20).await?;
            let found = paged(&store, select.clone(), 20).await?;
            same(
                "a selection",
                (round, &select, found),
                (round, &select, wanted),
            )?;
            let by = (0..random.below(3)).map(|_| *random.one_of(&FACTS));
            let count = Count {
                tenant: acme(),
                kind: Kind::Lead,
                by: by.map(Into::into).collect(),
                filter: select.filter,
            };
            let wanted = memory.count(&count).await?;
            let found = store.count(&count).await?;
            same("a count", (round, &count, found), (round, &count, wanted))?;
        }
    }
    Ok(())
}
