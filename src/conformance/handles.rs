//! Several handles on the same data are one store.

use std::sync::Arc;

use super::words::*;
use super::{LeaseScope, Outcome, Subject, same};
use crate::condition::Filter;
use crate::conformance::queries::{equal, everything};
use crate::store::{Count, Counted, JournalCursor, Kind, Loaded, Store, StoreError, Verdict};

/// A fresh store by each of its handles: two, where there may be more than one.
pub(super) struct Handles {
    all: Vec<Arc<dyn Store>>,
    leases: LeaseScope,
}

impl Handles {
    pub(super) async fn fresh(subject: &dyn Subject) -> Self {
        let first = fresh(subject).await;
        let another = subject.another(&first).await;
        Self {
            all: [first].into_iter().chain(another).collect(),
            leases: subject.leases(),
        }
    }

    pub(super) fn first(&self) -> &Arc<dyn Store> {
        &self.all[0]
    }

    /// Whose number is even takes the first, and everybody else another.
    pub(super) fn of(&self, racer: u32) -> Arc<dyn Store> {
        self.all[racer as usize % self.all.len()].clone()
    }

    /// Handles that know of different leases.
    pub(super) fn leasing(&self) -> &[Arc<dyn Store>] {
        match self.leases {
            LeaseScope::Shared => &self.all[..1],
            LeaseScope::Handle => &self.all,
        }
    }

    /// Which of [those](Self::leasing) knows of the leases that this racer is given.
    pub(super) fn leases_of(&self, racer: usize) -> usize {
        racer % self.leasing().len()
    }
}

pub(super) async fn what_one_handle_writes_all_find(subject: &dyn Subject) -> Outcome {
    let handles = Handles::fresh(subject).await;
    let [one, other] = &handles.all[..] else {
        return Ok(());
    };
    // Whoever has looked once has something to remember.
    for store in [one, other] {
        let found = store.load(&[lead(1), lead(2)]).await?;
        same("before all", found, vec![Loaded::absent(); 2])?;
        same("who is in Quito", in_city(store, "Quito").await?, 0)?;
        same("the lanes", store.next_due(at(0)).await?.len(), 0)?;
    }
    let born = put(lead(1), 0, b"one").waking(at(5)).with("city", "Quito");
    let write = change("a").and(born);
    let written = Some(Verdict::Written);
    same(
        "a write",
        commit(one, write.clone()).await?,
        written.clone(),
    )?;
    let found = load(other, lead(1)).await?;
    same("what one wrote", found, loaded(1, b"one"))?;
    same("in a list", in_city(other, "Quito").await?, 1)?;
    same("its clock", next_due(other).await?, Some(at(5)))?;
    let repeated = commit(other, write).await?;
    same("its command", repeated, Some(Verdict::AlreadyDone))?;

    // Of another lane, and with a field that nobody had before.
    let write = change("b")
        .and(put(lead(1), 1, b"two").waking(at(5)).with("size", 7))
        .and(put(lead(2), 0, b"x").waking_in("other", at(3)));
    same(
        "the next write",
        commit(other, write).await?,
        written.clone(),
    )?;
    let found = one.load(&[lead(1), lead(2)]).await?;
    let wanted = vec![loaded(2, b"two"), loaded(1, b"x")];
    same("what the other one wrote", found, wanted)?;
    same("who has left Quito", in_city(one, "Quito").await?, 0)?;
    let sized = selected(one, leads(equal("size", 7))).await?;
    same("who has the new field", sized, vec![id(1)])?;
    let lanes: Vec<_> = one.next_due(at(0)).await?;
    let lanes: Vec<_> = lanes.into_iter().map(|next| next.lane).collect();
    let both = vec![lane_of("acme", LANE), lane_of("acme", "other")];
    same("the lanes now", lanes, both)?;
    for store in [one, other] {
        let read = store.journal(&acme(), JournalCursor(0), 10).await?;
        let bodies: Vec<_> = read.iter().map(|entry| &entry.body[..]).collect();
        same("the journal", bodies, vec![b"a", b"b"])?;
    }
    let gone = change("c").and(put(lead(2), 1, b"").removed());
    same("a removal", commit(one, gone).await?, written)?;
    let found = load(other, lead(2)).await?;
    same("what was removed", found, Loaded::absent())
}

async fn in_city(store: &Arc<dyn Store>, city: &str) -> Result<u64, StoreError> {
    let count = Count {
        tenant: acme(),
        kind: Kind::Lead,
        filter: Filter::All(vec![everything(), equal("city", city)]),
        by: Vec::new(),
    };
    let counted = store.count(&count).await?;
    Ok(counted.iter().map(|group: &Counted| group.count).sum())
}

pub(super) async fn leases_are_known_as_far_as_is_said(subject: &dyn Subject) -> Outcome {
    let handles = Handles::fresh(subject).await;
    let [one, other] = &handles.all[..] else {
        return Ok(());
    };
    let write = change("a").and(put(lead(1), 0, b"x").waking(at(9)));
    let _ = commit(one, write).await?;
    same("by one", due(one, 10, 10, 100).await?, vec![lead(1)])?;
    let others = due(other, 10, 10, 100).await?;
    let wanted = match handles.leases {
        LeaseScope::Shared => vec![],
        LeaseScope::Handle => vec![lead(1)],
    };
    same("by the other meanwhile", others, wanted)?;
    for store in [one, other] {
        let again = due(store, 20, 10, 100).await?;
        same("by whoever knows of the lease", again, vec![])?;
    }
    // A write for another time ends the lease, whoever knows of it.
    let write = change("b").and(put(lead(1), 1, b"x").waking(at(8)));
    same(
        "the write",
        commit(other, write).await?,
        Some(Verdict::Written),
    )?;
    let again = due(one, 20, 10, 100).await?;
    same("by one, when another wrote it", again, vec![lead(1)])
}
