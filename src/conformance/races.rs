//! Many at once come to what one after the other would.

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, join, select};
use futures_timer::Delay;

use super::words::*;
use super::{BlockOn, Finding, Outcome, Subject, same};
use crate::condition::Filter;
use crate::ids::{CommandId, Id};
use crate::store::{JournalCursor, Key, Kind, Order, Put, Select, Store, Verdict, Version};

const RACERS: u32 = 8;
/// How often a race is run that is over in a moment.
const ROUNDS: u32 = 20;

/// How long a race is waited for: who isn't back by then waits for ever, as far as can be told.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 5 } else { 60 });

/// Runs each racer on a thread of its own, all from the same moment, and gives what they came
/// to, in their order. Within one task they would take turns where they await, and a store that
/// answers without awaiting would never be raced.
///
/// The thread of one that never comes back is left alone.
async fn race<F, T, E>(
    block_on: BlockOn,
    racers: impl IntoIterator<Item = F>,
) -> Result<Vec<T>, Finding>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Into<Finding> + Send + 'static,
{
    let racers: Vec<F> = racers.into_iter().collect();
    let start = Arc::new(Barrier::new(racers.len()));
    let run = |racer: F| {
        let start = start.clone();
        let (tell, told) = oneshot::channel();
        let thread = thread::spawn(move || {
            start.wait();
            block_on(Box::pin(async move {
                // Nobody listens any more when the check was given up.
                let _ = tell.send(racer.await);
                Ok(())
            }))
        });
        (thread, told)
    };
    // All are begun before the first is waited for.
    let running: Vec<_> = racers.into_iter().map(run).collect();
    let mut ends = Vec::new();
    let mut patience = Delay::new(PATIENCE);
    for (thread, told) in running {
        let end = match select(told, &mut patience).await {
            Either::Left((end, _)) => end,
            Either::Right(_) => return Err(Finding::StillWaiting(PATIENCE)),
        };
        match end {
            Ok(end) => ends.push(end.map_err(Into::into)),
            Err(oneshot::Canceled) => {
                if let Err(panic) = thread.join() {
                    resume_unwind(panic);
                }
                same("whether a racer was run", false, true)?;
            }
        }
    }
    ends.into_iter().collect()
}

pub(super) async fn of_racing_writers_one_wins(
    subject: &dyn Subject,
    block_on: BlockOn,
) -> Outcome {
    let store = fresh(subject).await;
    let _ = commit(&store, change("begin").and(put(lead(1), 0, b"x"))).await?;
    for round in 1..=u64::from(ROUNDS) {
        let racing = (0..RACERS).map(|racer| {
            let command = format!("{round}.{racer}");
            let write = change(&command).and(put(lead(1), round, command.as_bytes()));
            let store = store.clone();
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
        let version = load(&store, lead(1)).await?.version;
        same("the version", version, Version(round + 1))?;
    }
    Ok(())
}

pub(super) async fn of_racing_claims_one_wins(subject: &dyn Subject, block_on: BlockOn) -> Outcome {
    let store = fresh(subject).await;
    for round in 0..ROUNDS {
        let claim = || key(&acme(), Kind::Claim, round);
        let lead_of = |racer| lead(round * RACERS + racer);
        let racing = (0..RACERS).map(|racer| {
            let command = format!("{round}.{racer}");
            let write = change(&command)
                .and(put(claim(), 0, command.as_bytes()))
                .and(put(lead_of(racer), 0, command.as_bytes()));
            let store = store.clone();
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
            let found = load(&store, lead_of(racer)).await?;
            let is_there = found.version == Version(1);
            same("a racer's lead", is_there, winners.contains(&racer))?;
        }
    }
    Ok(())
}

pub(super) async fn racing_writers_lose_no_write(
    subject: &dyn Subject,
    block_on: BlockOn,
) -> Outcome {
    const WRITES: u8 = 25;
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
    race(block_on, racing).await?;
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

pub(super) async fn a_command_that_races_itself_acts_once(
    subject: &dyn Subject,
    block_on: BlockOn,
) -> Outcome {
    let store = fresh(subject).await;
    for round in 0..ROUNDS {
        let racing = (0..RACERS).map(|racer| {
            let write = change(&format!("webhook {round}"));
            let write = write.and(put(lead(round * RACERS + racer), 0, b"x"));
            let store = store.clone();
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
    let leads = selected(&store, all).await?.len();
    same("the leads", leads, ROUNDS as usize)
}

pub(super) async fn batches_that_cross_all_finish(
    subject: &dyn Subject,
    block_on: BlockOn,
) -> Outcome {
    const LEADS: u32 = 20;
    let store = fresh(subject).await;
    let begin = (0..LEADS).fold(change("begin"), |write, n| write.and(put(lead(n), 0, b"x")));
    let _ = commit(&store, begin).await?;
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
            let store = store.clone();
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
    let store = fresh(subject).await;
    let write = (0..LEADS).fold(change("a"), |write, number| {
        write.and(put(lead(number), 0, b"x").waking(at(i64::from(number))))
    });
    let _ = commit(&store, write).await?;
    for round in 1..=i64::from(ROUNDS) {
        // Each round begins when the leases of the last one end.
        let (now, lease_until) = (round * 1_000, round * 1_000 + 1_000);
        let racing = (0..RACERS).map(|_| {
            let store = store.clone();
            async move { due(&store, now, 10, lease_until).await }
        });
        let pages = race(block_on, racing).await?;
        let mut taken: Vec<Key> = pages.into_iter().flatten().collect();
        // Who raced may have been given less than a page; what is left is there for the next.
        taken.extend(due(&store, now, 1_000, lease_until).await?);
        same("what was given out", taken.len(), LEADS as usize)?;
        let different: BTreeSet<&Key> = taken.iter().collect();
        same("how many records", different.len(), LEADS as usize)?;
    }
    Ok(())
}

pub(super) async fn a_follower_beside_writers_misses_nothing(
    subject: &dyn Subject,
    block_on: BlockOn,
) -> Outcome {
    const WRITES: u32 = 6;
    let store = fresh(subject).await;
    let racing = (0..RACERS).map(|racer| {
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
    });
    let all_is_written = AtomicBool::new(false);
    let writing = async {
        let written = race(block_on, racing).await;
        all_is_written.store(true, Ordering::SeqCst);
        written
    };
    let following = async {
        let mut cursor = JournalCursor::default();
        let mut read: Vec<CommandId> = Vec::new();
        loop {
            // Looked at first: what was written by then is there to be read.
            let is_last = all_is_written.load(Ordering::SeqCst);
            let page = store.journal(&acme(), cursor, 3).await?;
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
    let store = fresh(subject).await;
    let begin = (0..LISTED).fold(change("begin"), |write, number| {
        write.and(sized(number, 0, number * 7 % 20))
    });
    let _ = commit(&store, begin).await?;
    let is_read = Arc::new(AtomicBool::new(false));
    let racing = (0..4).map(|racer| {
        let (store, is_read) = (store.clone(), is_read.clone());
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
