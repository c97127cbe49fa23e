//! What is due is found in time, once, and fairly.

use super::words::*;
use super::{Outcome, Subject, same};
use crate::ids::Tenant;
use crate::store::{Due, Key, Kind, Verdict};
use crate::time::Instant;

pub(super) async fn a_lease_ends_when_the_record_is_written(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let _ = commit(&store, change("a").and(put(lead(1), 0, b"x").waking(at(5)))).await?;
    same(
        "what is due",
        due(&store, 10, 10, 100).await?,
        vec![lead(1)],
    )?;
    same("while leased", due(&store, 10, 10, 100).await?, vec![])?;
    let moved = change("b").and(put(lead(1), 0, b"y").waking(at(5)));
    let _ = commit(&store, moved).await?;
    same(
        "after a write that moved",
        due(&store, 10, 10, 100).await?,
        vec![],
    )?;
    // Woken again by the same instant: another rule was due then too.
    let write = change("c").and(put(lead(1), 1, b"y").waking(at(5)));
    same(
        "the write",
        commit(&store, write).await?,
        Some(Verdict::Written),
    )?;
    same(
        "after the write",
        due(&store, 10, 10, 100).await?,
        vec![lead(1)],
    )
}

pub(super) async fn due_is_what_is_due_the_earliest_first(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let contact = key(&acme(), Kind::Contact, 9);
    let write = change("a")
        .and(put(lead(1), 0, b"x").waking(at(10)))
        .and(put(lead(2), 0, b"x").waking(at(5)))
        .and(put(lead(3), 0, b"x").waking(at(11)))
        .and(put(lead(4), 0, b"x"))
        .and(put(contact.clone(), 0, b"x").waking(at(7)));
    let _ = commit(&store, write).await?;
    same(
        "before anything is due",
        due(&store, 4, 10, 100).await?,
        vec![],
    )?;
    let found = store.due(at(10), 10, at(10)).await?;
    let one = |key: Key, seconds| Due {
        key,
        at: at(seconds),
    };
    let wanted = vec![one(lead(2), 5), one(contact, 7), one(lead(1), 10)];
    same("what is due", found, wanted)?;
    same("a second later", due(&store, 11, 10, 100).await?.len(), 4)
}

pub(super) async fn a_new_clock_replaces_the_old(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let write = change("a")
        .and(put(lead(1), 0, b"x").waking(at(5)))
        .and(put(lead(2), 0, b"x").waking(at(5)));
    let _ = commit(&store, write).await?;
    let later = change("b")
        .and(put(lead(1), 1, b"x").waking(at(20)))
        .and(put(lead(2), 1, b"x"));
    let _ = commit(&store, later).await?;
    same("at the old clock", due(&store, 10, 10, 100).await?, vec![])?;
    same("the next clock", store.next_due().await?, Some(at(20)))?;
    same(
        "at the new clock",
        due(&store, 20, 10, 100).await?,
        vec![lead(1)],
    )
}

pub(super) async fn clocks_are_exact_in_every_year(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let instants = [
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00Z",
        "2026-03-08T06:59:59.000001Z",
        "2026-03-08T06:59:59.000002Z",
        "9999-12-31T23:59:59.999999Z",
    ];
    let instants = instants
        .iter()
        .filter_map(|text| text.parse::<Instant>().ok());
    let mut write = change("a");
    let mut wanted = Vec::new();
    for (number, at) in (0..).zip(instants) {
        write = write.and(put(lead(number), 0, b"x").waking(at));
        let key = lead(number);
        wanted.push(Due { key, at });
    }
    let _ = commit(&store, write).await?;
    same(
        "the next clock",
        store.next_due().await?,
        wanted.first().map(|due| due.at),
    )?;
    for (before, due) in wanted.iter().enumerate() {
        let found = store.due(due.at, 10, due.at).await?;
        same("what is due by then", &found[..], &wanted[..=before])?;
    }
    Ok(())
}

pub(super) async fn a_lease_hides_a_record_until_it_ends(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let write = change("a")
        .and(put(lead(1), 0, b"x").waking(at(5)))
        .and(put(lead(2), 0, b"x").waking(at(6)));
    let _ = commit(&store, write).await?;
    same(
        "the first page",
        due(&store, 10, 1, 20).await?,
        vec![lead(1)],
    )?;
    same(
        "the second page",
        due(&store, 10, 1, 30).await?,
        vec![lead(2)],
    )?;
    same(
        "while both are leased",
        due(&store, 19, 10, 40).await?,
        vec![],
    )?;
    same(
        "when a lease ends",
        due(&store, 20, 10, 30).await?,
        vec![lead(1)],
    )?;
    same(
        "when both end",
        due(&store, 30, 10, 40).await?,
        vec![lead(1), lead(2)],
    )
}

pub(super) async fn due_keeps_to_its_limit(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let mut write = change("a");
    for number in 0..25 {
        write = write.and(put(lead(number), 0, b"x").waking(at(i64::from(number))));
    }
    let _ = commit(&store, write).await?;
    let page = |numbers: std::ops::Range<u32>| numbers.map(lead).collect::<Vec<_>>();
    same(
        "the first page",
        due(&store, 100, 10, 200).await?,
        page(0..10),
    )?;
    same(
        "the second page",
        due(&store, 100, 10, 200).await?,
        page(10..20),
    )?;
    same(
        "the last page",
        due(&store, 100, 10, 200).await?,
        page(20..25),
    )
}

/// Writes so many due leads for each of these tenants; an earlier tenant's clocks are earlier.
async fn backlog(
    store: &std::sync::Arc<dyn crate::store::Store>,
    tenants: &[(&str, u32)],
) -> Outcome {
    for (place, (name, count)) in (0..).zip(tenants) {
        let tenant = Tenant::from(*name);
        let mut write = change_of(&tenant, "backlog");
        for number in 0..*count {
            let clock = at(i64::from(place * 1_000 + number));
            write = write.and(put(key(&tenant, Kind::Lead, number), 0, b"x").waking(clock));
        }
        same(
            "the backlog",
            commit(store, write).await?,
            Some(Verdict::Written),
        )?;
    }
    Ok(())
}

fn of(keys: &[Key], tenant: &str) -> usize {
    keys.iter().filter(|key| key.tenant == tenant).count()
}

pub(super) async fn tenants_share_a_page_of_due_records(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    backlog(&store, &[("large", 100), ("small", 3), ("other", 100)]).await?;
    let page = due(&store, 10_000, 30, 20_000).await?;
    let shares = (of(&page, "large"), of(&page, "small"), of(&page, "other"));
    same("the small tenant's part", shares.1, 3)?;
    let fair = shares.0.abs_diff(shares.2) <= 1;
    same("whether the others share the rest", fair, true)?;
    same("the page", page.len(), 30)?;
    let in_order = page
        .windows(2)
        .all(|pair| place(&pair[0]) <= place(&pair[1]));
    same("whether the earliest come first", in_order, true)?;
    let rest = due(&store, 10_000, 1_000, 20_000).await?;
    same("the rest", rest.len(), 173)
}

/// Where a tenant's clocks lie in [`backlog`].
fn place(key: &Key) -> usize {
    let names = ["large", "small", "other"];
    let place = names.iter().position(|name| key.tenant == *name);
    place.unwrap_or(names.len())
}

pub(super) async fn no_tenant_waits_for_anothers_backlog(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    backlog(&store, &[("large", 50), ("small", 1), ("other", 1)]).await?;
    let mut served = Vec::new();
    for _ in 0..3 {
        served.extend(due(&store, 10_000, 1, 20_000).await?);
    }
    let shares = (
        of(&served, "large"),
        of(&served, "small"),
        of(&served, "other"),
    );
    same("who was served by three pages of one", shares, (1, 1, 1))?;
    let next = due(&store, 10_000, 1, 20_000).await?;
    same("who is served then", of(&next, "large"), 1)
}

pub(super) async fn next_due_is_the_earliest_clock(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    same("in an empty store", store.next_due().await?, None)?;
    backlog(&store, &[("late", 0), ("large", 2), ("small", 1)]).await?;
    same("the next clock", store.next_due().await?, Some(at(1_000)))?;
    let _ = due(&store, 10_000, 10, 20_000).await?;
    same("while leased", store.next_due().await?, Some(at(1_000)))
}
