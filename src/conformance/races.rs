//! Many at once come to what one after the other would.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::{join, join_all};

use super::words::*;
use super::{Finding, Outcome, Subject, same};
use crate::condition::Filter;
use crate::ids::{CommandId, Id};
use crate::store::{JournalCursor, Key, Kind, Order, Select, Store, Verdict, Version};

const RACERS: u32 = 8;

pub(super) async fn of_racing_claims_one_wins(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let claim = || key(&acme(), Kind::Claim, 1);
    let racing = (0..RACERS).map(|racer| {
        let body = [racer as u8];
        let write = change(&format!("racer {racer}"))
            .and(put(claim(), 0, &body))
            .and(put(lead(racer), 0, &body));
        let store = store.clone();
        async move { commit(&store, write).await }
    });
    let mut winners = Vec::new();
    for (racer, verdict) in (0..).zip(join_all(racing).await) {
        match verdict? {
            Some(Verdict::Written) => winners.push(racer),
            other => same(
                "a loser's verdict",
                other,
                Some(Verdict::Moved(vec![claim()])),
            )?,
        }
    }
    same("the winners", winners.len(), 1)?;
    for racer in 0..RACERS {
        let found = load(&store, lead(racer)).await?;
        let is_there = found.version == Version(1);
        same("a racer's lead", is_there, winners.contains(&racer))?;
    }
    Ok(())
}

pub(super) async fn racing_writers_lose_no_write(subject: &dyn Subject) -> Outcome {
    const WRITES: u8 = 5;
    let store = fresh(subject).await;
    let _ = commit(&store, change("begin").and(put(lead(1), 0, &[0]))).await?;
    let racing = (0..RACERS).map(|racer| {
        let store = store.clone();
        async move {
            for write in 0..WRITES {
                count_up(&store, &format!("{racer}.{write}")).await?;
            }
            Ok::<(), Finding>(())
        }
    });
    for outcome in join_all(racing).await {
        outcome?;
    }
    let all = RACERS as u8 * WRITES;
    same(
        "the count",
        load(&store, lead(1)).await?,
        loaded(u64::from(all) + 1, &[all]),
    )?;
    let entries = store.journal(&acme(), JournalCursor(0), 1_000).await?;
    same("the entries", entries.len(), usize::from(all) + 1)
}

/// Adds one to the lead's body, again and again until nobody else was faster.
async fn count_up(store: &Arc<dyn Store>, command: &str) -> Outcome {
    // Whoever is beaten was beaten by a write, and there are only so many.
    for _ in 0..1_000 {
        let found = load(store, lead(1)).await?;
        let count = found.body.and_then(|body| body.first().copied());
        let next = [count.unwrap_or_default() + 1];
        let write = change(command).and(put(lead(1), found.version.0, &next));
        match commit(store, write).await? {
            Some(Verdict::Moved(_)) => {}
            other => return same("the verdict", other, Some(Verdict::Written)),
        }
    }
    same("whether a writer ever wins", false, true)
}

pub(super) async fn a_command_that_races_itself_acts_once(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let racing = (0..RACERS).map(|racer| {
        let write = change("webhook").and(put(lead(racer), 0, b"x"));
        let store = store.clone();
        async move { commit(&store, write).await }
    });
    let mut written = 0;
    for verdict in join_all(racing).await {
        match verdict? {
            Some(Verdict::Written) => written += 1,
            other => same("a repetition", other, Some(Verdict::AlreadyDone))?,
        }
    }
    same("how often it was written", written, 1)?;
    let all = leads(Filter::Constant(true));
    same("the leads", selected(&store, all).await?.len(), 1)
}

pub(super) async fn batches_that_cross_all_finish(subject: &dyn Subject) -> Outcome {
    const LEADS: u32 = 20;
    let store = fresh(subject).await;
    let begin = (0..LEADS).fold(change("begin"), |write, n| write.and(put(lead(n), 0, b"x")));
    let _ = commit(&store, begin).await?;
    let racing = (0..RACERS).map(|racer| {
        // Every second one goes the other way round.
        let mut order: Vec<u32> = (0..LEADS).collect();
        if racer % 2 == 1 {
            order.reverse();
        }
        let batch = order.into_iter().map(|number| {
            let command = format!("{racer}.{number}");
            change(&command).and(put(lead(number), 1, command.as_bytes()))
        });
        let batch: Vec<_> = batch.collect();
        let store = store.clone();
        async move { store.commit(batch).await }
    });
    let mut written = 0;
    for verdicts in join_all(racing).await {
        let verdicts = verdicts?;
        same("the verdicts", verdicts.len(), LEADS as usize)?;
        let won = verdicts.iter().filter(|v| **v == Verdict::Written);
        written += won.count();
    }
    same("how many changes were written", written, LEADS as usize)
}

pub(super) async fn racing_workers_share_what_is_due(subject: &dyn Subject) -> Outcome {
    const LEADS: u32 = 80;
    let store = fresh(subject).await;
    let write = (0..LEADS).fold(change("a"), |write, number| {
        write.and(put(lead(number), 0, b"x").waking(at(i64::from(number))))
    });
    let _ = commit(&store, write).await?;
    let racing = (0..RACERS).map(|_| {
        let store = store.clone();
        async move { due(&store, 1_000, 10, 2_000).await }
    });
    let mut taken: Vec<Key> = Vec::new();
    for page in join_all(racing).await {
        taken.extend(page?);
    }
    // Who raced may have been given less than a page; what is left is there for the next.
    taken.extend(due(&store, 1_000, 1_000, 2_000).await?);
    same("what was given out", taken.len(), LEADS as usize)?;
    let different: BTreeSet<&Key> = taken.iter().collect();
    same("how many records", different.len(), LEADS as usize)
}

pub(super) async fn a_follower_beside_writers_misses_nothing(subject: &dyn Subject) -> Outcome {
    const WRITES: u32 = 6;
    let store = fresh(subject).await;
    let writing = join_all((0..RACERS).map(|racer| {
        let store = store.clone();
        async move {
            for write in 0..WRITES {
                let name = format!("{racer}.{write}");
                // Longer and shorter ones overtake each other.
                let records = (0..write % 3 * 20).map(|n| racer * 1_000 + write * 100 + n);
                let batch = records.fold(change(&name), |w, n| w.and(put(lead(n), 0, b"x")));
                let verdict = commit(&store, batch).await?;
                same("a write", verdict, Some(Verdict::Written))?;
            }
            Ok::<(), Finding>(())
        }
    }));
    let total = (RACERS * WRITES) as usize;
    let following = async {
        let mut cursor = JournalCursor::default();
        let mut read: Vec<CommandId> = Vec::new();
        // It reads until it has them all; who skipped one would read nothing for ever.
        let mut idle = 0;
        while read.len() < total && idle < 10_000 {
            let page = store.journal(&acme(), cursor, 3).await?;
            idle = if page.is_empty() { idle + 1 } else { 0 };
            for entry in page {
                same("whether the cursor rises", entry.cursor > cursor, true)?;
                cursor = entry.cursor;
                read.push(entry.command);
            }
            yield_once().await;
        }
        Ok::<_, Finding>(read)
    };
    let (written, read) = join(writing, following).await;
    for outcome in written {
        outcome?;
    }
    let mut read = read?;
    same("the entries", read.len(), total)?;
    read.sort();
    read.dedup();
    same("how many different ones", read.len(), total)
}

pub(super) async fn paging_beside_writes_misses_nothing_that_stays(
    subject: &dyn Subject,
) -> Outcome {
    const LEADS: u32 = 40;
    let orders = [
        Order::Id,
        Order::Ascending("size".into()),
        Order::Descending("attempts.total".into()),
    ];
    for order in orders {
        let store = fresh(subject).await;
        // Every third has no value to order by, every fifth stays as it is.
        let lead_of = |number: u32, read: u64, size: u32| {
            let write = put(lead(number), read, b"x");
            match number % 3 {
                0 => write,
                _ => write
                    .with("size", size as i32)
                    .with("attempts.total", size as i32),
            }
        };
        let begin = (0..LEADS).fold(change("begin"), |write, number| {
            write.and(lead_of(number, 0, number * 7 % 20))
        });
        let _ = commit(&store, begin).await?;
        let mut select = Select {
            order: order.clone(),
            limit: 3,
            ..leads(Filter::Constant(true))
        };
        let mut seen: Vec<Id> = Vec::new();
        for page_number in 0..LEADS {
            let page = store.select(&select).await?;
            seen.extend(page.keys.iter().map(|key| key.id));
            select.after = page.next;
            if select.after.is_none() {
                break;
            }
            // Between two pages one lead goes, one changes its place, and one comes.
            let (gone, moved) = (page_number * 5 + 1, page_number * 5 + 2);
            let mut write =
                change(&format!("{page_number}")).and(lead_of(1_000 + page_number, 0, page_number));
            if moved < LEADS {
                write = write.and(put(lead(gone), 1, b"").removed()).and(lead_of(
                    moved,
                    1,
                    19 - page_number,
                ));
            }
            let verdict = commit(&store, write).await?;
            same("a write in between", verdict, Some(Verdict::Written))?;
        }
        for number in (0..LEADS).step_by(5) {
            let times = seen.iter().filter(|seen| **seen == id(number)).count();
            same(
                "how often a lead that stayed was seen",
                (&order, number, times),
                (&order, number, 1),
            )?;
        }
    }
    Ok(())
}
