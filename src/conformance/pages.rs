//! Lists come in their order, and page by page.

use super::queries::{equal, everything, not, with_leads};
use super::words::*;
use super::{Outcome, Subject, same};
use crate::condition::Filter;
use crate::ids::Id;
use crate::store::{Cursor, Order, Put, Select, Verdict};

fn ranked(fact: &str) -> Vec<Put> {
    let ranks = [
        (1, Some(5)),
        (2, Some(-1)),
        (3, None),
        (4, Some(5)),
        (5, Some(2)),
        (6, None),
        (7, Some(2)),
    ];
    let lead = |(number, rank): (u32, Option<i32>)| match rank {
        Some(rank) => put(lead(number), 0, b"x").with(fact, rank),
        None => put(lead(number), 0, b"x"),
    };
    ranks.into_iter().map(lead).collect()
}

pub(super) async fn records_come_in_the_order_asked_for(subject: &dyn Subject) -> Outcome {
    for fact in ["attempts.total", "rank"] {
        let store = with_leads(subject, ranked(fact)).await?;
        for (order, wanted) in [
            (Order::Id, [1, 2, 3, 4, 5, 6, 7]),
            (Order::Ascending(fact.into()), [2, 5, 7, 1, 4, 3, 6]),
            (Order::Descending(fact.into()), [1, 4, 5, 7, 2, 3, 6]),
            (Order::Ascending("unheard_of".into()), [1, 2, 3, 4, 5, 6, 7]),
        ] {
            let select = Select {
                order: order.clone(),
                ..leads(everything())
            };
            let found = selected(&store, select).await?;
            let wanted = wanted.map(id).to_vec();
            same("the leads", (&order, found), (&order, wanted))?;
        }
    }
    Ok(())
}

pub(super) async fn pages_follow_without_gap_or_repetition(subject: &dyn Subject) -> Outcome {
    for fact in ["attempts.total", "rank"] {
        let store = with_leads(subject, ranked(fact)).await?;
        let orders = [
            Order::Id,
            Order::Ascending(fact.into()),
            Order::Descending(fact.into()),
            Order::Descending("unheard_of".into()),
        ];
        for order in orders {
            let select = |limit| Select {
                order: order.clone(),
                limit,
                ..leads(not(equal(fact, -1)))
            };
            let whole = selected(&store, select(100)).await?;
            same("the whole", whole.len(), 6)?;
            for limit in 1..=7 {
                // No page is asked for that has nothing.
                let pages = whole.len().div_ceil(limit);
                let (found, left) = paged(&store, select(limit), pages).await?;
                same(
                    "page by page",
                    (&order, limit, found),
                    (&order, limit, whole.clone()),
                )?;
                same("behind the last page", left, None)?;
            }
            same(
                "a page without room",
                paged(&store, select(0), 1).await?,
                (vec![], None),
            )?;
        }
        // Behind a position that no lead has.
        let between = Select {
            order: Order::Ascending(fact.into()),
            after: Some(Cursor {
                value: Some(3.into()),
                id: id(0),
            }),
            ..leads(everything())
        };
        same(
            "behind 3",
            selected(&store, between).await?,
            [1, 4, 3, 6].map(id).to_vec(),
        )?;
    }
    Ok(())
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
