//! Many at once come to what one after the other would.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join;

use super::handles::Handles;
use super::racing::{RACERS, ROUNDS, race};
use super::words::*;
use super::{BlockOn, Finding, Outcome, Subject, same};
use crate::condition::Filter;
use crate::ids::{CommandId, Id};
use crate::store::{JournalCursor, Key, Kind, Order, Put, Select, Store, Verdict, Version};
use crate::time::{Elapsed, Instant};

pub(super) async fn of_racing_writers_one_wins(
    subject: &dyn Subject,
    block_on: BlockOn,
) -> Outcome {
    let handles = Handles::fresh(subject).await;
    let store = handles.first();
    let _ = commit(store, change("begin").and(put(lead(1), 0, b"x"))).await?;
    for round in 1..=u64::from(ROUNDS) {
        let racing = (0..RACERS).map(|racer| {
            let command = format!("{round}.{racer}");
            let write = change(&command).and(put(lead(1), round, command.as_bytes()));
            let store = handles.of(racer);
            async move { commit(&store, write).await }
        });
        let mut winners = 0;
        for verdict in race(block_on, racing).await? {
            match verdict {
                Some(Verdict::Written) => winners += 1,
                other => same(
                    "a loser's verdict",
                    other,
                    Some(Verdict::Moved(vec![lead(1)])),
                )?,
            }
        }
        same("the winners", winners, 1)?;
        let version = load(store, lead(1)).await?.version;
        same("the version", version, Version(round + 1))?;
    }
    Ok(())
}

pub(super) async fn of_racing_claims_one_wins(subject: &dyn Subject, block_on: BlockOn) -> Outcome {
    let handles = Handles::fresh(subject).await;
    let store = handles.first();
    for round in 0..ROUNDS {
        let claim = || key(&acme(), Kind::Claim, round);
        let lead_of = |racer| lead(round * RACERS + racer);
        let racing = (0..RACERS).map(|racer| {
            let command = format!("{round}.{racer}");
            let write = change(&command)
                .and(put(claim(), 0, command.as_bytes()))
                .and(put(lead_of(racer), 0, command.as_bytes()));
            let store = handles.of(racer);
            async move { commit(&store, write).await }
        });
        let mut winners = Vec::new();
        for (racer, verdict) in (0..).zip(race(block_on, racing).await?) {
            match verdict {
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
            let found = load(store, lead_of(racer)).await?;
            let is_there = found.version == Version(1);
            same("a racer's lead", is_there, winners.contains(&racer))?;
        }
    }
    Ok(())
}

pub(super) async fn a_check_holds_until_the_change_is_written(
    subject: &dyn Subject,
    block_on: BlockOn,
) -> Outcome {
    let handles = Handles::fresh(subject).await;
    let store = handles.first();
    let begin = change("begin")
        .and(put(lead(0), 0, b"x"))
        .and(put(lead(1), 0, b"x"));
    let _ = commit(store, begin).await?;
    for round in 0..ROUNDS {
        // In every second round one of the two is yet to be made.
        let made = match round % 2 {
            0 => lead(1),
            _ => lead(2 + round),
        };
        let both = [lead(0), made];
        let found = store.load(&both).await?;
        let versions: Vec<u64> = found.iter().map(|found| found.version.0).collect();
        let racing = (0..RACERS).map(|racer| {
            // By each handle somebody writes this one, and somebody that one.
            let (own, other) = [(0, 1), (1, 0)][racer as usize / 2 % 2];
            let write = change(&format!("{round}.{racer}"))
                .and(put(both[own].clone(), versions[own], b"x"))
                .if_still(both[other].clone(), versions[other]);
            let store = handles.of(racer);
            async move { commit(&store, write).await }
        });
        let mut written = 0;
        for verdict in race(block_on, racing).await? {
            match verdict {
                Some(Verdict::Written) => written += 1,
                Some(Verdict::Moved(keys)) if !keys.is_empty() => {
                    let known = keys.iter().all(|key| both.contains(key));
                    same("whether what has moved was read", known, true)?;
                }
                other => same("a loser's verdict", other, Some(Verdict::Moved(vec![])))?,
            }
        }
        same("how many were written at most", written.max(1), 1)?;
        let found = store.load(&both).await?;
        let now: u64 = found.iter().map(|found| found.version.0).sum();
        let before: u64 = versions.iter().sum();
        same("how often they were written", now - before, written)?;
    }
    Ok(())
}

pub(super) async fn racing_writers_lose_no_write(
    subject: &dyn Subject,
    block_on: BlockOn,
) -> Outcome {
    const WRITES: u8 = 25;
    let handles = Handles::fresh(subject).await;
    let store = handles.first();
    let _ = commit(store, change("begin").and(put(lead(1), 0, &[0]))).await?;
    let racing = (0..RACERS).map(|racer| {
        let store = handles.of(racer);
        async move {
            for write in 0..WRITES {
                count_up(&store, &format!("{racer}.{write}")).await?;
            }
            Ok::<(), Finding>(())
        }
    });
    race(block_on, racing).await?;
    let all = RACERS as u8 * WRITES;
    same(
        "the count",
        load(store, lead(1)).await?,
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

pub(super) async fn a_command_that_races_itself_acts_once(
    subject: &dyn Subject,
    block_on: BlockOn,
) -> Outcome {
    let handles = Handles::fresh(subject).await;
    let store = handles.first();
    for round in 0..ROUNDS {
        let racing = (0..RACERS).map(|racer| {
            let write = change(&format!("webhook {round}"));
            let write = write.and(put(lead(round * RACERS + racer), 0, b"x"));
            let store = handles.of(racer);
            async move { commit(&store, write).await }
        });
        let mut written = 0;
        for verdict in race(block_on, racing).await? {
            match verdict {
                Some(Verdict::Written) => written += 1,
                other => same("a repetition", other, Some(Verdict::AlreadyDone))?,
            }
        }
        same("how often it was written", written, 1)?;
    }
    let all = leads(Filter::Constant(true));
    let leads = selected(store, all).await?.len();
    same("the leads", leads, ROUNDS as usize)
}

pub(super) async fn batches_that_cross_all_finish(
    subject: &dyn Subject,
    block_on: BlockOn,
) -> Outcome {
    const LEADS: u32 = 20;
    let handles = Handles::fresh(subject).await;
    let store = handles.first();
    let begin = (0..LEADS).fold(change("begin"), |write, n| write.and(put(lead(n), 0, b"x")));
    let _ = commit(store, begin).await?;
    for round in 1..=u64::from(ROUNDS) {
        let racing = (0..RACERS).map(|racer| {
            // Every second one goes the other way round.
            let mut order: Vec<u32> = (0..LEADS).collect();
            if racer % 2 == 1 {
                order.reverse();
            }
            let batch = order.into_iter().map(|number| {
                let command = format!("{round}.{racer}.{number}");
                change(&command).and(put(lead(number), round, command.as_bytes()))
            });
            let batch: Vec<_> = batch.collect();
            let store = handles.of(racer);
            async move { store.commit(batch).await }
        });
        let mut written = 0;
        for verdicts in race(block_on, racing).await? {
            same("the verdicts", verdicts.len(), LEADS as usize)?;
            let won = verdicts.iter().filter(|v| **v == Verdict::Written);
            written += won.count();
        }
        same("how many changes were written", written, LEADS as usize)?;
    }
    Ok(())
}

pub(super) async fn racing_workers_share_what_is_due(
    subject: &dyn Subject,
    block_on: BlockOn,
) -> Outcome {
    const LEADS: u32 = 80;
    let handles = Handles::fresh(subject).await;
    let write = (0..LEADS).fold(change("a"), |write, number| {
        write.and(put(lead(number), 0, b"x").waking(at(i64::from(number))))
    });
    let _ = commit(handles.first(), write).await?;
    for round in 1..=i64::from(ROUNDS) {
        // Each round begins when the leases of the last one end.
        let (now, lease_until) = (round * 1_000, round * 1_000 + 1_000);
        let racing = (0..RACERS).map(|racer| {
            let store = handles.of(racer);
            async move { due(&store, now, 10, lease_until).await }
        });
        let pages = race(block_on, racing).await?;
        for (who, store) in handles.leasing().iter().enumerate() {
            let own = (pages.iter().enumerate()).filter(|(n, _)| handles.leases_of(*n) == who);
            let mut taken: Vec<Key> = own.flat_map(|(_, page)| page.clone()).collect();
            // Who raced may have been given less than a page; what is left is there for the next.
            taken.extend(due(store, now, 1_000, lease_until).await?);
            same("what was given out", taken.len(), LEADS as usize)?;
            let different: BTreeSet<&Key> = taken.iter().collect();
            same("how many records", different.len(), LEADS as usize)?;
        }
    }
    Ok(())
}

/// Half of them write all leads anew, each once and for an earlier time, while the other half claims
/// whatever is due. A lease is on the clock with which a lead was given out: who has another one by
/// then is free.
pub(super) async fn a_write_beside_due_ends_the_lease(
    subject: &dyn Subject,
    block_on: BlockOn,
) -> Outcome {
    const LEADS: u32 = 40;
    let handles = Handles::fresh(subject).await;
    let clock = |round: u32, number: u32| at(i64::from(number) - i64::from(round * LEADS));
    let waking = move |round, number| {
        let put = put(lead(number), u64::from(round), b"x");
        put.waking(clock(round, number))
    };
    let begin = (0..LEADS).fold(change("begin"), |write, n| write.and(waking(0, n)));
    let _ = commit(handles.first(), begin).await?;
    for round in 1..=ROUNDS {
        // Each round begins when the leases of the last one end.
        let now = at(i64::from(round) * 1_000);
        let lease_until = now + Elapsed::seconds(1_000);
        let racing = (0..RACERS).map(|racer| {
            let store = handles.of(racer / 2);
            async move {
                if racer % 2 == 0 {
                    let lanes = lanes_of(&["acme"]);
                    let page = store.due(&lanes, now, LEADS as usize, lease_until).await?;
                    return Ok(page);
                }
                for number in (racer / 2..LEADS).step_by(RACERS as usize / 2) {
                    let write = change(&format!("{round}.{number}")).and(waking(round, number));
                    let verdict = commit(&store, write).await?;
                    same("a write", verdict, Some(Verdict::Written))?;
                }
                Ok::<_, Finding>(Vec::new())
            }
        });
        let pages = race(block_on, racing).await?;
        for (who, store) in handles.leasing().iter().enumerate() {
            let own = (pages.iter().enumerate()).filter(|(n, _)| handles.leases_of(n / 2) == who);
            let given: Vec<(Instant, &Key)> = own
                .flat_map(|(_, page)| page.iter().map(|due| (due.at, &due.key)))
                .collect();
            let different: BTreeSet<_> = given.iter().collect();
            same("leases of different clocks", different.len(), given.len())?;
            let free = (0..LEADS).filter(|n| !given.contains(&(clock(round, *n), &lead(*n))));
            let free: Vec<Key> = free.map(lead).collect();
            let lanes = lanes_of(&["acme"]);
            let found = store.due(&lanes, now, LEADS as usize, lease_until).await?;
            let found: Vec<Key> = found.into_iter().map(|due| due.key).collect();
            same("who was written since and is free", found, free)?;
        }
    }
    Ok(())
}

pub(super) async fn a_follower_beside_writers_misses_nothing(
    subject: &dyn Subject,
    block_on: BlockOn,
) -> Outcome {
    const WRITES: u32 = 6;
    let handles = Handles::fresh(subject).await;
    let racing = (0..RACERS).map(|racer| {
        let store = handles.of(racer);
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
    });
    let all_is_written = AtomicBool::new(false);
    let writing = async {
        let written = race(block_on, racing).await;
        all_is_written.store(true, Ordering::SeqCst);
        written
    };
    let follower = handles.of(1);
    let following = async {
        let mut cursor = JournalCursor::default();
        let mut read: Vec<CommandId> = Vec::new();
        loop {
            // Looked at first: what was written by then is there to be read.
            let is_last = all_is_written.load(Ordering::SeqCst);
            let page = follower.journal(&acme(), cursor, 3).await?;
            if is_last && page.is_empty() {
                return Ok::<_, Finding>(read);
            }
            for entry in page {
                same("whether the cursor rises", entry.cursor > cursor, true)?;
                cursor = entry.cursor;
                read.push(entry.command);
            }
            yield_once().await;
        }
    };
    let (written, read) = join(writing, following).await;
    written?;
    let mut read = read?;
    let total = (RACERS * WRITES) as usize;
    same("the entries", read.len(), total)?;
    read.sort();
    read.dedup();
    same("how many different ones", read.len(), total)
}

/// One reader goes through all pages, again and again in each order, while others write without a
/// pause: leads come, go and change their places between those that stay.
pub(super) async fn paging_while_others_write_misses_nothing_that_stays(
    subject: &dyn Subject,
    block_on: BlockOn,
) -> Outcome {
    const PASSES: u32 = 3;
    let handles = Handles::fresh(subject).await;
    let store = handles.first();
    let begin = (0..LISTED).fold(change("begin"), |write, number| {
        write.and(sized(number, 0, number * 7 % 20))
    });
    let _ = commit(store, begin).await?;
    let is_read = Arc::new(AtomicBool::new(false));
    let racing = (0..4).map(|racer| {
        let (store, is_read) = (handles.of(racer), is_read.clone());
        async move {
            if racer > 0 {
                return keep_writing(&store, racer, &is_read).await;
            }
            let mut read = Ok(());
            for pass in 0..PASSES * 3 {
                let order = match pass % 3 {
                    0 => Order::Id,
                    1 => Order::Ascending("size".into()),
                    _ => Order::Descending("size".into()),
                };
                read = read.and(page_through(&store, order).await);
            }
            is_read.store(true, Ordering::SeqCst);
            read
        }
    });
    race(block_on, racing).await.map(drop)
}

/// How many leads are listed; each fourth of them stays as it is.
const LISTED: u32 = 40;

fn sized(number: u32, read: u64, size: u32) -> Put {
    put(lead(number), read, b"x").with("size", size as i32)
}

/// Moves one writer's leads about, takes them away and brings them back, until all is read.
async fn keep_writing(store: &Arc<dyn Store>, racer: u32, is_read: &AtomicBool) -> Outcome {
    for round in 0_u32.. {
        for number in (racer..LISTED).step_by(4) {
            // Each is there at version 1, then 2, then not at all.
            let (read, write) = match round % 3 {
                0 => (1, sized(number, 1, (number + round) % 20)),
                1 => (2, put(lead(number), 2, b"").removed()),
                _ => (0, sized(number, 0, (number + round) % 20)),
            };
            if is_read.load(Ordering::SeqCst) {
                return Ok(());
            }
            let write = change(&format!("{round}.{number}.{read}")).and(write);
            same(
                "a write",
                commit(store, write).await?,
                Some(Verdict::Written),
            )?;
        }
    }
    Ok(())
}

/// Goes through all pages once: whoever stays is there once.
async fn page_through(store: &Arc<dyn Store>, order: Order) -> Outcome {
    let mut select = Select {
        order: order.clone(),
        limit: 3,
        ..leads(Filter::Constant(true))
    };
    let mut seen: Vec<Id> = Vec::new();
    // Whoever comes back behind the last page is read again, some time or other not any more.
    for _ in 0..100 * LISTED {
        let page = store.select(&select).await?;
        seen.extend(page.keys.iter().map(|key| key.id));
        select.after = page.next;
        if select.after.is_none() {
            break;
        }
    }
    for number in (0..LISTED).step_by(4) {
        let times = seen.iter().filter(|seen| **seen == id(number)).count();
        same(
            "how often a lead that stayed was seen",
            (&order, number, times),
            (&order, number, 1),
        )?;
    }
    Ok(())
}
