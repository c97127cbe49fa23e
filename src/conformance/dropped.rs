//! Calls that nobody waits for to the end.

use futures::FutureExt;

use super::words::*;
use super::{Outcome, Subject, same};
use crate::condition::Filter;
use crate::store::{Count, JournalCursor, Key, Kind, Put, Verdict, Version};

/// How often all is asked and dropped: each time a little later.
const ROUNDS: u32 = 12;

/// How often a command is repeated until it is known to be done.
const MOST_REPEATS: u32 = 20;

fn writing(round: u32) -> (String, Put) {
    let command = format!("write {round}");
    let written = put(lead(1), u64::from(round), command.as_bytes());
    (command, written.waking(at(1)).with("rank", 1))
}

/// Goes on with a call for so many polls, and drops it.
macro_rules! dropped {
    ($call:expr, $polls:expr) => {{
        let mut call = $call;
        for _ in 0..$polls {
            if (&mut call).now_or_never().is_some() {
                break;
            }
            yield_once().await;
        }
    }};
}

pub(super) async fn a_call_that_is_dropped_leaves_the_store_in_order(
    subject: &dyn Subject,
) -> Outcome {
    let store = fresh(subject).await;
    let (acme, lanes, key) = (acme(), lanes_of(&["acme"]), [lead(1)]);
    let everything = leads(Filter::Constant(true));
    let count = Count {
        tenant: acme.clone(),
        kind: Kind::Lead,
        filter: Filter::Constant(true),
        by: Vec::new(),
    };
    let (command, first) = writing(0);
    let _ = commit(&store, change(&command).and(first)).await?;
    for round in 1..=ROUNDS {
        let (command, write) = writing(round);
        let write = change(&command).and(write);
        dropped!(store.load(&key), round);
        dropped!(store.commit(vec![write.clone()]), round);
        dropped!(store.due(&lanes, at(2), 10, at(3)), round);
        dropped!(store.next_due(at(2)), round);
        dropped!(store.select(&everything), round);
        dropped!(store.count(&count), round);
        dropped!(store.journal(&acme, JournalCursor::default(), 10), round);

        let found = load(&store, lead(1)).await?;
        let (old, _) = writing(round - 1);
        let wanted = match found.version == Version(u64::from(round)) {
            true => loaded(u64::from(round), old.as_bytes()),
            false => loaded(u64::from(round) + 1, command.as_bytes()),
        };
        same("what was there, or was written", found, wanted)?;
        // Whoever doesn't know says it again, and what is still being written is in somebody's hand.
        let mut verdict = None;
        for _ in 0..MOST_REPEATS {
            verdict = commit(&store, write.clone()).await?;
            if !matches!(verdict, Some(Verdict::Moved(_))) {
                break;
            }
        }
        let is_done = matches!(verdict, Some(Verdict::Written | Verdict::AlreadyDone));
        same("whether it is done when it is repeated", is_done, true)?;
        let written = loaded(u64::from(round) + 1, command.as_bytes());
        same("what is written", load(&store, lead(1)).await?, written)?;
        let keys: Vec<Key> = store.select(&everything).await?.keys;
        same("what is listed", keys, vec![lead(1)])?;
        let counted = store.count(&count).await?;
        same("what is counted", counted.len(), 1)?;
        let _ = store.due(&lanes, at(2), 10, at(3)).await?;
        let lanes_told_of = store.next_due(at(2)).await?.len();
        same("the lanes with a clock", lanes_told_of, 1)?;
    }
    let journal = store.journal(&acme, JournalCursor::default(), 100).await?;
    let commands: Vec<_> = journal.iter().map(|entry| &entry.body[..]).collect();
    let all: Vec<String> = (0..=ROUNDS).map(|round| writing(round).0).collect();
    let all: Vec<_> = all.iter().map(|command| command.as_bytes()).collect();
    same("the journal", commands, all)
}
