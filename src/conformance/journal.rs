//! The journal tells everything that happened, in order.

use super::words::*;
use super::{Outcome, Subject, same};
use crate::ids::{CommandId, Tenant};
use crate::store::{JournalCursor, Journaled, Verdict};

pub(super) async fn the_journal_is_read_by_cursor_without_gap(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let mut cursor = JournalCursor::default();
    let mut read: Vec<Journaled> = Vec::new();
    for round in 0..4 {
        let batch = (0..3).map(|n| change(&format!("{round}.{n}"))).collect();
        let _ = store.commit(batch).await?;
        // One of three is left for the next round.
        let page = store.journal(&acme(), cursor, 2).await?;
        same("a page", page.len(), 2)?;
        cursor = page.last().map_or(cursor, |entry| entry.cursor);
        read.extend(page);
    }
    read.extend(store.journal(&acme(), cursor, 100).await?);
    let names: Vec<String> = (0..12).map(|n| format!("{}.{}", n / 3, n % 3)).collect();
    let commands: Vec<CommandId> = names.iter().map(|name| CommandId::of(name)).collect();
    let bodies: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
    same(
        "the commands",
        read.iter().map(|entry| entry.command).collect(),
        commands,
    )?;
    same(
        "the entries",
        read.iter().map(|entry| &entry.body[..]).collect(),
        bodies,
    )?;
    let rising = read.windows(2).all(|pair| pair[0].cursor < pair[1].cursor);
    same("whether cursors rise", rising, true)?;
    let last = read.last().map_or(cursor, |entry| entry.cursor);
    same(
        "behind the last",
        store.journal(&acme(), last, 100).await?,
        vec![],
    )?;
    let beyond = JournalCursor(u64::MAX);
    same(
        "far behind the last",
        store.journal(&acme(), beyond, 100).await?,
        vec![],
    )
}

pub(super) async fn the_journal_keeps_the_order_of_versions(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let write = |version: u64| change(&format!("write {version}")).and(put(lead(1), version, b"x"));
    let _ = store.commit((0..3).map(write).collect()).await?;
    let moved = store.commit(vec![write(9), write(3), write(4)]).await?;
    same(
        "what wasn't written",
        moved.first(),
        Some(&Verdict::Moved(vec![lead(1)])),
    )?;
    let read = store.journal(&acme(), JournalCursor(0), 100).await?;
    let commands: Vec<_> = read.iter().map(|entry| entry.command).collect();
    let wanted = (0..5).map(|version| write(version).command).collect();
    same("the commands", commands, wanted)
}

pub(super) async fn a_journal_is_its_tenants_own(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let zenith = Tenant::from("zenith");
    let batch = vec![change("a"), change_of(&zenith, "b"), change("c")];
    let _ = store.commit(batch).await?;
    for (tenant, wanted) in [
        (acme(), vec!["a", "c"]),
        (zenith, vec!["b"]),
        ("nobody".into(), vec![]),
    ] {
        let read = store.journal(&tenant, JournalCursor(0), 100).await?;
        let commands: Vec<_> = read.iter().map(|entry| entry.command).collect();
        let wanted = wanted.into_iter().map(CommandId::of).collect();
        same("the tenant's commands", commands, wanted)?;
    }
    Ok(())
}
