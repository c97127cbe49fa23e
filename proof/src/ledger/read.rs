//! Reading a store whole, and the parts of its port that change most.

use std::collections::BTreeMap;

use leadkit::condition::Filter;
use leadkit::ids::Tenant;
use leadkit::store::{Key, Kind, Lanes, Order, Put, Select, Store, StoreError};
use leadkit::time::Instant;

use super::Ledger;

/// The clock that a put sets.
pub(super) fn wakes_at(put: &Put) -> Option<Instant> {
    let wakes = put.wakes.as_ref().filter(|_| put.body.is_some())?;
    Some(wakes.at)
}

/// Every clock that a store has.
async fn clocks(store: &dyn Store) -> Result<BTreeMap<Key, Instant>, StoreError> {
    let now = Instant::MAX_UTC;
    let lanes = store.next_due(now).await?.into_iter().map(|next| next.lane);
    let lanes: Lanes = lanes.collect();
    // A lease that is over before it begins.
    let due = store
        .due(&lanes, now, usize::MAX >> 1, Instant::UNIX_EPOCH)
        .await?;
    Ok(due.into_iter().map(|due| (due.key, due.at)).collect())
}

/// Reads a tenant's records.
pub(super) async fn records(
    ledger: &mut Ledger,
    store: &dyn Store,
    tenant: &Tenant,
) -> Result<(), StoreError> {
    let clocks = clocks(store).await?;
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
                let wakes_at = clocks.get(key).copied();
                ledger.put(key, loaded.version, loaded.body.as_deref(), wakes_at);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(())
}
