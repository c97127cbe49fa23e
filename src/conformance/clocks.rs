//! What is due is found in time, once, and fairly.

use super::words::*;
use super::{Outcome, Subject, same};
use crate::ids::Tenant;
use crate::store::{Due, Key, Kind, Lanes, NextDue, Verdict};
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
    )?;
    // Gone and back within a batch, at the version under which it is leased.
    let gone = change("d").and(put(lead(1), 2, b"").removed());
    let back = change("e").and(put(lead(1), 0, b"z").making(2).waking(at(5)));
    let verdicts = store.commit(vec![gone, back]).await?;
    same("both writes", verdicts, vec![Verdict::Written; 2])?;
    same(
        "when it is back",
        due(&store, 10, 10, 100).await?,
        vec![lead(1)],
    )?;
    // Written by itself, at the version under which it is leased.
    let write = change("f").and(put(lead(1), 2, b"z").making(2).waking(at(5)));
    same(
        "the write that makes no other version",
        commit(&store, write).await?,
        Some(Verdict::Written),
    )?;
    same("after that", due(&store, 10, 10, 100).await?, vec![lead(1)])
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
    let found = store.due(&lanes_of(&["acme"]), at(10), 10, at(10)).await?;
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
    same("the next clock", next_due(&store).await?, Some(at(20)))?;
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
        next_due(&store).await?,
        wanted.first().map(|due| due.at),
    )?;
    let lanes = lanes_of(&["acme"]);
    for (before, due) in wanted.iter().enumerate() {
        let found = store.due(&lanes, due.at, 10, due.at).await?;
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
    let page = due_in(&store, &all_three(), 10_000, 30, 20_000).await?;
    let shares = (of(&page, "large"), of(&page, "small"), of(&page, "other"));
    same("the small tenant's part", shares.1, 3)?;
    let fair = shares.0.abs_diff(shares.2) <= 1;
    same("whether the others share the rest", fair, true)?;
    same("the page", page.len(), 30)?;
    let in_order = page
        .windows(2)
        .all(|pair| place(&pair[0]) <= place(&pair[1]));
    same("whether the earliest come first", in_order, true)?;
    let rest = due_in(&store, &all_three(), 10_000, 1_000, 20_000).await?;
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
        served.extend(due_in(&store, &all_three(), 10_000, 1, 20_000).await?);
    }
    let shares = (
        of(&served, "large"),
        of(&served, "small"),
        of(&served, "other"),
    );
    same("who was served by three pages of one", shares, (1, 1, 1))?;
    let next = due_in(&store, &all_three(), 10_000, 1, 20_000).await?;
    same("who is served then", of(&next, "large"), 1)
}

/// A worker asks for leads with one hand and for messages with the other: more tenants than a page
/// holds have leads, and one of them has messages.
pub(super) async fn each_question_has_its_own_round(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    backlog(&store, &[("large", 50), ("small", 50), ("other", 50)]).await?;
    let large = Tenant::from("large");
    let beside = (100..110).fold(change_of(&large, "beside"), |write, number| {
        write.and(put(key(&large, Kind::Lead, number), 0, b"x").waking_in("beside", at(5)))
    });
    let _ = commit(&store, beside).await?;
    let others: Lanes = [lane_of("large", "beside")].into_iter().collect();
    let mut served = Vec::new();
    for _ in 0..3 {
        served.extend(due_in(&store, &all_three(), 10_000, 1, 20_000).await?);
        due_in(&store, &others, 10_000, 1, 20_000).await?;
    }
    let shares = (
        of(&served, "large"),
        of(&served, "small"),
        of(&served, "other"),
    );
    same("who was served by three pages of one", shares, (1, 1, 1))
}

fn all_three() -> Lanes {
    lanes_of(&["large", "small", "other"])
}

pub(super) async fn a_tenants_lanes_are_gone_through_together(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let mut write = change("a");
    for number in 0..12 {
        // Two at a time, so that neither lane after lane nor one of each in turn is in order.
        let lane = ["a lane", "b lane", "z lane"][number as usize / 2 % 3];
        let clock = at(i64::from(number));
        write = write.and(put(lead(number), 0, b"x").waking_in(lane, clock));
    }
    let _ = commit(&store, write).await?;
    let zenith = Tenant::from("zenith");
    let theirs = (0..12).fold(change_of(&zenith, "a"), |write, number| {
        write.and(put(key(&zenith, Kind::Lead, number), 0, b"x").waking(at(50)))
    });
    let _ = commit(&store, theirs).await?;
    let ours = ["a lane", "b lane", "z lane"].map(|name| lane_of("acme", name));
    let alone: Lanes = ours.iter().cloned().collect();
    let page = due_in(&store, &alone, 100, 3, 200).await?;
    let wanted: Vec<_> = (0..3).map(lead).collect();
    same("a page of three lanes", page, wanted)?;
    // Who has more lanes has no larger part.
    let both: Lanes = ours.into_iter().chain([lane_of("zenith", LANE)]).collect();
    let page = due_in(&store, &both, 100, 10, 200).await?;
    let wanted: Vec<_> = (3..8).map(lead).collect();
    same(
        "our part of a shared page",
        page.get(..5),
        Some(&wanted[..]),
    )?;
    same("the other's part", of(&page, "zenith"), 5)?;
    let page = due_in(&store, &alone, 100, 100, 200).await?;
    let wanted: Vec<_> = (8..12).map(lead).collect();
    same("the rest of ours", page, wanted)
}

pub(super) async fn other_lanes_are_left_to_others(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let mut write = change("a").and(put(lead(50), 0, b"x").waking(at(9)));
    for number in 0..50 {
        let earlier = at(i64::from(number % 9));
        write = write.and(put(lead(number), 0, b"x").waking_in("other", earlier));
    }
    let zenith = Tenant::from("zenith");
    let theirs = put(key(&zenith, Kind::Lead, 1), 0, b"x").waking(at(1));
    let _ = commit(&store, write).await?;
    let _ = commit(&store, change_of(&zenith, "a").and(theirs)).await?;
    same(
        "a page in our lane",
        due(&store, 10, 10, 100).await?,
        vec![lead(50)],
    )?;
    let nobodys = Lanes::default();
    let nothing = due_in(&store, &nobodys, 10, 10, 100).await?;
    same("a page in no lane", nothing, vec![])?;
    // The others' records were not leased by us.
    let others = [lane_of("acme", "other")].into_iter().collect();
    let page = due_in(&store, &others, 10, 100, 100).await?;
    same("the other lane's records", page.len(), 50)?;
    let page = due_in(&store, &lanes_of(&["zenith"]), 10, 100, 100).await?;
    same("the other tenant's records", page.len(), 1)
}

pub(super) async fn a_record_may_change_its_lane(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let write = change("a")
        .and(put(lead(1), 0, b"x").waking(at(5)))
        .and(put(lead(2), 0, b"x").waking(at(5)));
    let _ = commit(&store, write).await?;
    let moved = change("b").and(put(lead(1), 1, b"x").waking_in("other", at(5)));
    let _ = commit(&store, moved).await?;
    same(
        "what is left in the lane",
        due(&store, 10, 10, 100).await?,
        vec![lead(2)],
    )?;
    let other = [lane_of("acme", "other")].into_iter().collect();
    let page = due_in(&store, &other, 10, 10, 100).await?;
    same("what is in the other one", page, vec![lead(1)])
}

pub(super) async fn next_due_is_the_earliest_clock_of_each_lane(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    same("in an empty store", store.next_due(at(0)).await?, vec![])?;
    backlog(&store, &[("late", 0), ("large", 2), ("small", 1)]).await?;
    let write = change_of(&Tenant::from("large"), "b")
        .and(put(key(&Tenant::from("large"), Kind::Lead, 7), 0, b"x").waking_in("other", at(3)));
    let _ = commit(&store, write).await?;
    let next = |tenant, lane, seconds| NextDue {
        lane: lane_of(tenant, lane),
        at: Some(at(seconds)),
        leased_until: None,
    };
    let wanted = vec![
        next("large", LANE, 1_000),
        next("large", "other", 3),
        next("small", LANE, 2_000),
    ];
    // Past or to come: that makes no difference.
    for now in [0, 1_500, 9_000] {
        let found = store.next_due(at(now)).await?;
        same("when each lane is due next", found, wanted.clone())?;
    }
    let gone = change_of(&Tenant::from("small"), "c");
    let gone = gone.and(put(key(&Tenant::from("small"), Kind::Lead, 0), 1, b"x"));
    let _ = commit(&store, gone).await?;
    let found = store.next_due(at(0)).await?;
    same("without the last clock of a lane", &found[..], &wanted[..2])
}

pub(super) async fn next_due_tells_leases_from_clocks(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let write = change("a")
        .and(put(lead(1), 0, b"x").waking(at(5)))
        .and(put(lead(2), 0, b"x").waking(at(6)))
        .and(put(lead(3), 0, b"x").waking(at(50)));
    let _ = commit(&store, write).await?;
    let _ = due(&store, 10, 1, 40).await?;
    let _ = due(&store, 10, 1, 30).await?;
    let wanted = |at_seconds: Option<i64>, until: Option<i64>| {
        vec![NextDue {
            lane: lane_of("acme", LANE),
            at: at_seconds.map(at),
            leased_until: until.map(at),
        }]
    };
    let next = |now| store.next_due(at(now));
    same(
        "while two are leased",
        next(10).await?,
        wanted(Some(50), Some(30)),
    )?;
    same(
        "when one lease has ended",
        next(30).await?,
        wanted(Some(6), Some(40)),
    )?;
    same("when both have", next(40).await?, wanted(Some(5), None))?;
    let _ = due(&store, 60, 10, 99).await?;
    same(
        "while all are leased",
        next(60).await?,
        wanted(None, Some(99)),
    )?;
    let write = change("b").and(put(lead(2), 1, b"x").waking(at(70)));
    let _ = commit(&store, write).await?;
    same(
        "when one was written",
        next(60).await?,
        wanted(Some(70), Some(99)),
    )
}

pub(super) async fn a_clock_that_is_ahead_ends_no_lease(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let _ = commit(&store, change("a").and(put(lead(1), 0, b"x").waking(at(5)))).await?;
    let next = |at_seconds: Option<i64>, until: Option<i64>| {
        vec![NextDue {
            lane: lane_of("acme", LANE),
            at: at_seconds.map(at),
            leased_until: until.map(at),
        }]
    };
    same(
        "the first time",
        due(&store, 10, 10, 70).await?,
        vec![lead(1)],
    )?;
    // Two minutes ahead: it looks, and takes nothing.
    let ahead = store.next_due(at(140)).await?;
    same("what is next for it", ahead, next(Some(5), None))?;
    same("what it takes", due(&store, 140, 0, 200).await?, vec![])?;
    same("what is due here", due(&store, 20, 10, 80).await?, vec![])?;
    let here = store.next_due(at(20)).await?;
    same("what is next here", here, next(None, Some(70)))?;
    let ended = due(&store, 70, 10, 130).await?;
    same("when the lease has ended", ended, vec![lead(1)])
}

pub(super) async fn a_clock_that_is_set_back_ends_leases(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let hour = 3_600;
    let _ = commit(&store, change("a").and(put(lead(1), 0, b"x").waking(at(5)))).await?;
    let one = || vec![lead(1)];
    same(
        "the first time",
        due(&store, hour, 10, hour + 60).await?,
        one(),
    )?;
    let behind = due(&store, hour - 300, 10, hour).await?;
    same("by a clock that is five minutes behind", behind, vec![])?;
    let next = |at_seconds: Option<i64>, until: Option<i64>| {
        vec![NextDue {
            lane: lane_of("acme", LANE),
            at: at_seconds.map(at),
            leased_until: until.map(at),
        }]
    };
    let set_back = store.next_due(at(10)).await?;
    same("what is next, set back", set_back, next(Some(5), None))?;
    same("what is due then", due(&store, 10, 10, 70).await?, one())?;
    same("leased anew", due(&store, 20, 10, 80).await?, vec![])?;
    let leased = store.next_due(at(20)).await?;
    same("what is next while it is", leased, next(None, Some(70)))
}

pub(super) async fn leases_are_judged_by_the_passed_now(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let year = 365 * 24 * 3_600;
    let _ = commit(&store, change("a").and(put(lead(1), 0, b"x").waking(at(5)))).await?;
    let one = || vec![lead(1)];
    // A lease that is over when it begins is none.
    same("the first time", due(&store, 10, 10, 10).await?, one())?;
    same("with no lease", due(&store, 10, 10, 7).await?, one())?;
    same("once more", due(&store, 10, 10, year).await?, one())?;
    same(
        "leased for a year",
        due(&store, year - 1, 10, 2 * year).await?,
        vec![],
    )?;
    same("back in time", due(&store, 10, 10, 2 * year).await?, vec![])?;
    same(
        "a year later",
        due(&store, year, 10, 3 * year).await?,
        one(),
    )?;
    same(
        "within the second",
        due(&store, 2 * year, 10, 3 * year).await?,
        vec![],
    )?;
    let far = at(7_000 * year);
    let found = store.due(&lanes_of(&["acme"]), far, 10, far).await?;
    same("far in time", found.len(), 1)
}
