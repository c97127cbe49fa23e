//! What is unusually long, large or many is kept like everything else.

use super::words::*;
use super::{Outcome, Subject, same};
use crate::condition::{Comparison, FactName, Filter};
use crate::ids::Id;
use crate::store::{
    Count, Counted, JournalCursor, Key, Kind, Lanes, Loaded, Order, Select, Verdict,
};
use crate::value::{Number, Value};

/// More than fit into one statement of any database by parameters.
const MANY: u32 = 2_500;

pub(super) async fn many_keys_are_loaded_at_once(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let _ = commit(&store, change("a").and(put(lead(MANY - 1), 0, b"last"))).await?;
    // Three statements' worth, and every kind of answer.
    let mut keys: Vec<Key> = (0..MANY).map(lead).collect();
    keys.extend((0..MANY).map(|number| key(&acme(), Kind::Contact, number)));
    keys.push(lead(MANY - 1));
    let mut wanted = vec![Loaded::absent(); keys.len()];
    let last = keys.len() - 1;
    wanted[MANY as usize - 1] = loaded(1, b"last");
    wanted[last] = loaded(1, b"last");
    same("what is loaded", store.load(&keys).await?, wanted)
}

pub(super) async fn many_large_bodies_are_read_at_once(subject: &dyn Subject) -> Outcome {
    const LEADS: u32 = 24;
    let store = fresh(subject).await;
    // No two alike, so that none is taken for another.
    let body = |number: u32| vec![number as u8 + 1; 1 << 20];
    let write = |number: u32| {
        let mut write = change(&format!("{number}")).and(put(lead(number), 0, &body(number)));
        write.journal = body(number);
        write
    };
    let verdicts = store.commit((0..LEADS).map(write).collect()).await?;
    same(
        "the verdicts",
        verdicts,
        vec![Verdict::Written; LEADS as usize],
    )?;
    let keys: Vec<Key> = (0..LEADS).map(lead).collect();
    let found = store.load(&keys).await?;
    same("the records", found.len(), keys.len())?;
    for (number, found) in (0..).zip(found) {
        let is_whole = found == loaded(1, &body(number));
        same(
            "whether a record is whole",
            (number, is_whole),
            (number, true),
        )?;
    }
    let entries = store.journal(&acme(), JournalCursor(0), usize::MAX).await?;
    same("the entries", entries.len(), keys.len())?;
    // In the order of their numbers: a store may number those of different records in another one.
    let mut bodies: Vec<Vec<u8>> = entries
        .into_iter()
        .map(|entry| entry.body.to_vec())
        .collect();
    bodies.sort_unstable();
    for (number, found) in (0..).zip(bodies) {
        let is_whole = found == body(number);
        same(
            "whether an entry is whole",
            (number, is_whole),
            (number, true),
        )?;
    }
    Ok(())
}

pub(super) async fn many_long_records_are_listed_and_counted(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let long = "x".repeat(1_000);
    let cities = ["Quito", "Cuenca"];
    for batch in (0..MANY).collect::<Vec<_>>().chunks(500) {
        let batch = batch.iter().map(|number| {
            let city = cities[*number as usize % 2];
            let put = put(lead(*number), 0, long.as_bytes());
            let put = put.with("product", long.as_str()).with("city", city);
            change(&format!("change {number}")).and(put)
        });
        let _ = store.commit(batch.collect()).await?;
    }
    let having_it = || Filter::Compare {
        fact: FactName::new("product"),
        op: Comparison::Equal,
        value: folded(long.as_str()),
    };
    let all = Select {
        limit: MANY as usize,
        ..leads(having_it())
    };
    let listed = selected(&store, all).await?;
    same("the list", listed, (0..MANY).map(id).collect())?;
    let counted = |by: &[&str]| Count {
        tenant: acme(),
        kind: Kind::Lead,
        filter: having_it(),
        by: by.iter().map(|name| (*name).into()).collect(),
    };
    let group = |values, count| Counted { values, count };
    let total = store.count(&counted(&[])).await?;
    same("the total", total, vec![group(vec![], u64::from(MANY))])?;
    let by_city = store.count(&counted(&["city"])).await?;
    let half = |city| group(vec![Some(folded(city))], u64::from(MANY / 2));
    same("by city", by_city, vec![half("cuenca"), half("quito")])?;
    let by_both = store.count(&counted(&["product", "city"])).await?;
    same("by both", by_both.len(), 2)
}

pub(super) async fn many_lanes_are_served_at_once(subject: &dyn Subject) -> Outcome {
    // More than one statement's parameters, if each lane were one.
    const LANES: u32 = 70_000;
    let store = fresh(subject).await;
    let name = |number: u32| format!("lane {number:05}");
    let write = [0, LANES / 2, LANES - 1]
        .into_iter()
        .fold(change("a"), |write, number| {
            let put = put(lead(number), 0, b"x");
            write.and(put.waking_in(&name(number), at(i64::from(number))))
        });
    let _ = commit(&store, write).await?;
    let lanes: Lanes = (0..LANES).map(|n| lane_of("acme", &name(n))).collect();
    let now = i64::from(LANES);
    let found = due_in(&store, &lanes, now, 10, now + 100).await?;
    let wanted = vec![lead(0), lead(LANES / 2), lead(LANES - 1)];
    same("what is due", found, wanted)
}

pub(super) async fn ids_of_any_bytes_are_kept(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let ids = [
        [0x00; 16],
        [0x7f; 16],
        [0x80; 16],
        *b"a'b\"c\\d%e_f\0\n\r\x01\t",
        [0xff; 16],
    ];
    let mut ids: Vec<Id> = ids.into_iter().map(Id::from_bytes).collect();
    let key = |id: &Id| Key { id: *id, ..lead(0) };
    let write = ids.iter().fold(change("a"), |write, id| {
        write.and(put(key(id), 0, id.as_bytes()).waking(at(5)))
    });
    let _ = commit(&store, write).await?;
    for id in &ids {
        let found = load(&store, key(id)).await?;
        same("the record", found, loaded(1, id.as_bytes()))?;
    }
    ids.sort();
    let (listed, _) = paged(
        &store,
        Select {
            limit: 2,
            ..leads(Filter::Constant(true))
        },
        10,
    )
    .await?;
    same("the list", listed, ids.clone())?;
    let found = due(&store, 5, 10, 10).await?;
    same("what is due", found, ids.iter().map(key).collect())
}

pub(super) async fn a_large_batch_is_written_whole(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let batch = (0..MANY).map(|number| {
        let wrong = u64::from(number % 100 == 99);
        change(&format!("change {number}"))
            .and(put(lead(number), wrong, b"x").waking(at(5)).with("size", 1))
            .if_still(lead(number), wrong)
    });
    let verdicts = store.commit(batch.collect()).await?;
    let wanted = (0..MANY).map(|number| match number % 100 {
        99 => Verdict::Moved(vec![lead(number)]),
        _ => Verdict::Written,
    });
    same("the verdicts", verdicts, wanted.collect())?;
    let written = (MANY - MANY / 100) as usize;
    let all = Select {
        limit: MANY as usize,
        ..leads(Filter::Constant(true))
    };
    same("the leads", selected(&store, all).await?.len(), written)?;
    let entries = store
        .journal(&acme(), JournalCursor(0), MANY as usize)
        .await?;
    same("the entries", entries.len(), written)?;
    let found = due(&store, 5, MANY as usize, 10).await?;
    same("what is due", found.len(), written)
}

pub(super) async fn a_large_change_is_written_whole(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let many = (0..MANY).fold(change("a"), |write, number| {
        write
            .and(put(lead(number), 0, b"x"))
            .if_still(key(&acme(), Kind::Contact, number), 0)
    });
    let verdict = commit(&store, many).await?;
    same("the verdict", verdict, Some(Verdict::Written))?;
    let ends = store.load(&[lead(0), lead(MANY - 1)]).await?;
    same("its ends", ends, vec![loaded(1, b"x"); 2])
}

pub(super) async fn a_fact_may_be_long(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    // Hard to compress, so that no index entry hides how long it is.
    let mut random = Random::new(7);
    let long: String = (0..20_000)
        .map(|_| char::from(b'a' + random.below(26) as u8))
        .collect();
    let alike = format!("{long}!");
    for (number, fact) in (1..).zip(["stage", "owner", "product"]) {
        let write = change(fact)
            .and(put(lead(2 * number), 0, b"x").with(fact, long.as_str()))
            .and(put(lead(2 * number + 1), 0, b"x").with(fact, alike.as_str()));
        let verdict = commit(&store, write).await?;
        same("the write", verdict, Some(Verdict::Written))?;
        let filter = Filter::Compare {
            fact: FactName::new(fact),
            op: Comparison::Equal,
            value: folded(long.as_str()),
        };
        let found = selected(&store, leads(filter)).await?;
        same("who has it", found, vec![id(2 * number)])?;
    }
    Ok(())
}

pub(super) async fn numbers_are_exact_to_their_ends(subject: &dyn Subject) -> Outcome {
    let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
    let number = |count: i64| Value::Number(Number::from_ten_thousandths(count));
    for fact in ["attempts.total", "budget"] {
        let store = fresh(subject).await;
        let write = (0..).zip(ends).fold(change("a"), |write, (place, count)| {
            write.and(put(lead(place), 0, b"x").with(fact, number(count)))
        });
        let _ = commit(&store, write).await?;
        for (place, count) in (0_u32..).zip(ends) {
            let select = |op| {
                leads(Filter::Compare {
                    fact: FactName::new(fact),
                    op,
                    value: number(count),
                })
            };
            let equal = selected(&store, select(Comparison::Equal)).await?;
            same("who has it", equal, vec![id(place)])?;
            let less = selected(&store, select(Comparison::Less)).await?;
            same("who has less", less, (0..place).map(id).collect())?;
        }
        let ordered = Select {
            order: Order::Descending(fact.into()),
            limit: 2,
            ..leads(Filter::Constant(true))
        };
        let (found, _) = paged(&store, ordered, 10).await?;
        same("the order", found, (0..7).rev().map(id).collect())?;
    }
    Ok(())
}

pub(super) async fn a_limit_may_be_boundless(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let _ = commit(&store, change("a").and(put(lead(1), 0, b"x").waking(at(1)))).await?;
    let all = Select {
        limit: usize::MAX,
        ..leads(Filter::Constant(true))
    };
    same("the leads", selected(&store, all).await?, vec![id(1)])?;
    let read = store.journal(&acme(), JournalCursor(0), usize::MAX).await?;
    same("the entries", read.len(), 1)?;
    let found = due(&store, 1, usize::MAX, 2).await?;
    same("what is due", found, vec![lead(1)])
}
