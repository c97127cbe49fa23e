//! Reading a store whole, and the parts of its port that change most.

use std::collections::{BTreeMap, BTreeSet};

use leadkit::condition::Filter;
use leadkit::decide::{playbook_of, stored_facts};
use leadkit::facts;
use leadkit::ids::Tenant;
use leadkit::store::{Count, Key, Kind, Lanes, Order, Select, Store, StoreError, Wakes};
use leadkit::time::Instant;
use leadkit::value::Value;
use smol_str::SmolStr;

use super::Ledger;

/// Every clock of a tenant that a store has, lane by lane.
async fn clocks(store: &dyn Store, tenant: &Tenant) -> Result<BTreeMap<Key, Wakes>, StoreError> {
    let now = Instant::MAX_UTC;
    let mut clocks = BTreeMap::new();
    let lanes = store.next_due(now).await?.into_iter().map(|next| next.lane);
    for lane in lanes.filter(|lane| lane.tenant == *tenant) {
        let alone: Lanes = [lane.clone()].into_iter().collect();
        // A lease that is over before it begins.
        let due = store.due(&alone, now, usize::MAX >> 1, Instant::UNIX_EPOCH);
        for due in due.await? {
            let wakes = Wakes {
                at: due.at,
                lane: lane.name.clone(),
            };
            clocks.insert(due.key, wakes);
        }
    }
    Ok(clocks)
}

/// Holds the facts that a store keeps of a tenant's records to those that follow from the records. What
/// it keeps is asked for by grouping by all of them.
async fn hold_facts(
    ledger: &mut Ledger,
    store: &dyn Store,
    tenant: &Tenant,
    kind: Kind,
) -> Result<(), StoreError> {
    let mut ought: Vec<BTreeMap<SmolStr, Value>> = Vec::new();
    for (key, held) in ledger.records() {
        if key.tenant != *tenant || key.kind != kind {
            continue;
        }
        let book = match playbook_of(&held.record) {
            Some(hash) => ledger.books.get(hash),
            // It is another's facts that depend on it.
            None => ledger.books.any(),
        };
        // That it is none of this run is found by another law.
        let Some(book) = book else { return Ok(()) };
        let facts = stored_facts::of(book, &held.record).into_iter();
        ought.push(facts.map(|fact| (fact.name, fact.value)).collect());
    }
    let built_in = facts::built_in(kind).iter().filter(|fact| fact.stored);
    let built_in = built_in.map(|fact| SmolStr::new_static(fact.name));
    let own = ought.iter().flat_map(|facts| facts.keys().cloned());
    let names: BTreeSet<SmolStr> = built_in.chain(own).collect();
    if names.is_empty() {
        return Ok(());
    }
    let count = Count {
        tenant: tenant.clone(),
        kind,
        filter: Filter::Constant(true),
        by: names.iter().cloned().collect(),
    };
    let mut kept: BTreeMap<Vec<Option<Value>>, u64> = BTreeMap::new();
    for group in store.count(&count).await? {
        kept.insert(group.values, group.count);
    }
    for facts in ought {
        let values: Vec<Option<Value>> = { names.iter() }
            .map(|name| facts.get(name).cloned())
            .collect();
        match kept.get_mut(&values) {
            Some(left @ 1..) => *left -= 1,
            _ => {
                let what = format!("no {kind:?} of {tenant} is kept with {facts:?}");
                ledger.find("stored facts are the computed ones", what, None);
                return Ok(());
            }
        }
    }
    if let Some((values, _)) = kept.iter().find(|(_, left)| **left > 0) {
        let what = format!("a {kind:?} of {tenant} is kept with {values:?}");
        ledger.find("stored facts are the computed ones", what, None);
    }
    Ok(())
}

/// Reads a tenant's records.
pub(super) async fn records(
    ledger: &mut Ledger,
    store: &dyn Store,
    tenant: &Tenant,
) -> Result<(), StoreError> {
    let clocks = clocks(store, tenant).await?;
    for kind in Kind::ALL {
        if kind == Kind::Journal {
            continue;
        }
        let mut after = None;
        loop {
            let select = Select {
                tenant: tenant.clone(),
                kind,
                filter: Filter::Constant(true),
                order: Order::Id,
                after,
                limit: 1_000,
            };
            let page = store.select(&select).await?;
            let loaded = store.load(&page.keys).await?;
            for (key, loaded) in page.keys.iter().zip(loaded) {
                let wakes = clocks.get(key).cloned();
                ledger.put(key, loaded.version, loaded.body.as_deref(), wakes);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        hold_facts(ledger, store, tenant, kind).await?;
    }
    Ok(())
}
