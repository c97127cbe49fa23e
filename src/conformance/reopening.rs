//! A crash takes nothing away, and what follows it follows what was before.

use super::words::*;
use super::{Outcome, Subject, same};
use crate::condition::{FactName, Filter};
use crate::store::{JournalCursor, Loaded, Verdict};

pub(super) async fn what_is_written_survives_reopening(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let write = put(lead(1), 0, b"one")
        .waking(at(5))
        .with("stage", "new")
        .with("city", "Quito");
    let _ = commit(&store, change("a").and(write)).await?;
    let _ = due(&store, 10, 10, 1_000).await?;
    let Some(store) = subject.reopened(store).await else {
        return Ok(());
    };
    same(
        "the record",
        load(&store, lead(1)).await?,
        loaded(1, b"one"),
    )?;
    // When the lease is over: whether leases outlive a crash is a store's own affair.
    let lanes = store.next_due(at(1_000)).await?;
    let clock = lanes.into_iter().find_map(|next| next.at);
    same("its clock", clock, Some(at(5)))?;
    let quito = Filter::In {
        fact: FactName::new("city"),
        values: vec!["quito".into()],
    };
    same(
        "its facts",
        selected(&store, leads(quito)).await?,
        vec![id(1)],
    )?;
    same(
        "its command",
        commit(&store, change("a")).await?,
        Some(Verdict::AlreadyDone),
    )?;
    let entries = store.journal(&acme(), JournalCursor(0), 10).await?;
    same("its entry", entries.len(), 1)
}

pub(super) async fn writing_goes_on_after_reopening(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let born = put(lead(1), 0, b"one").waking(at(5)).with("city", "Quito");
    let batch = vec![
        change("a").and(born),
        change("b").and(put(lead(2), 0, b"x")),
    ];
    let _ = store.commit(batch).await?;
    // A follower has read the first entry, whichever that is of one batch, and not yet the second one.
    let read = store.journal(&acme(), JournalCursor(0), 1).await?;
    let first = read.first().map(|entry| entry.cursor).unwrap_or_default();
    let other: &[u8] = match read.first().map(|entry| &entry.body[..]) {
        Some(b"b") => b"a",
        _ => b"b",
    };
    let Some(store) = subject.reopened(store).await else {
        return Ok(());
    };
    let moved = change("c").and(put(lead(1), 0, b"late"));
    let moved = commit(&store, moved).await?;
    let wanted = Some(Verdict::Moved(vec![lead(1)]));
    same("a write of what was absent once", moved, wanted)?;
    let bumped = put(lead(1), 1, b"two")
        .waking(at(7))
        .with("city", "Cuenca")
        .with("size", 7);
    let gone = put(lead(2), 1, b"").removed();
    let verdicts = store
        .commit(vec![change("d").and(bumped), change("e").and(gone)])
        .await?;
    same("the writes", verdicts, vec![Verdict::Written; 2])?;
    let found = store.load(&[lead(1), lead(2)]).await?;
    let wanted = vec![loaded(2, b"two"), Loaded::absent()];
    same("the records", found, wanted)?;
    let in_city = |city: &str| {
        leads(Filter::In {
            fact: FactName::new("city"),
            values: vec![city.into()],
        })
    };
    let listed = selected(&store, in_city("cuenca")).await?;
    same("who has the new fact", listed, vec![id(1)])?;
    let listed = selected(&store, in_city("quito")).await?;
    same("who has the old one", listed, vec![])?;
    let read = store.journal(&acme(), first, 10).await?;
    let mut bodies: Vec<_> = read.iter().map(|entry| &entry.body[..]).collect();
    let reads_on = bodies.first() == Some(&other);
    same("whether the other follows the first entry", reads_on, true)?;
    bodies.sort_unstable();
    same("what follows it", bodies, vec![other, b"d", b"e"])?;
    let rising = read.windows(2).all(|pair| pair[0].cursor < pair[1].cursor);
    same("whether cursors rise", rising, true)?;
    // Once more, and from the last one on.
    let last = read.last().map(|entry| entry.cursor).unwrap_or_default();
    let Some(store) = subject.reopened(store).await else {
        return Ok(());
    };
    let _ = commit(&store, change("f")).await?;
    let read = store.journal(&acme(), last, 10).await?;
    let bodies: Vec<_> = read.iter().map(|entry| &entry.body[..]).collect();
    same("what follows the last one", bodies, vec![b"f"])
}
