//! A record that can't be read is told beside the others of a listing, and fails none of them.

use leadkit::engine::Page;
use leadkit::record::stored::Unreadable;
use leadkit::store::{Changes, Cursor, Put, StoredFact, Verdict};
use leadkit::value::Value;

use super::*;

const QUITO: &str = "quito";

/// Three leads with a message each, and three sweeps, in the order of their ids.
async fn shop(store: &Arc<dyn Store>) -> Engine {
    let Bench { engine, clock, .. } = bench(store.clone(), "2026-03-10T09:30:00-05:00");
    people(&engine).await;
    let quito = engine.tenant(QUITO);
    for n in 1..=3 {
        let lead = luis().email(format!("n{n}@example.com"));
        quito.register(lead).by(desk()).await.unwrap();
        let sweep = NewSweep {
            name: format!("sweep-{n}").into(),
            audience: "open".into(),
            order: LeadOrder::Attempt { reached: false },
            starts_at: None,
            every_days: None,
        };
        quito.sweep(sweep).by(desk()).await.unwrap();
        clock.advance(Elapsed::minutes(1));
    }
    // Each is taken from its first owner, and the supervisor is told.
    let until = at("2026-03-10T18:30:00-05:00");
    let lived = engine.live_until(&clock, until, |_, _| {});
    lived.await.unwrap();
    engine
}

/// Puts bytes that are no record in the place of records; a lead stays where its order has it.
async fn damage(store: &Arc<dyn Store>, keys: &[Key]) {
    for (key, loaded) in keys.iter().zip(store.load(keys).await.unwrap()) {
        let facts = match key.kind {
            Kind::Lead => {
                let registered_at = at("2026-03-10T09:31:00-05:00");
                vec![StoredFact::new(
                    "registered_at",
                    Value::Instant(registered_at),
                )]
            }
            _ => Vec::new(),
        };
        let put = Put {
            key: key.clone(),
            read: loaded.version,
            makes: loaded.version.next(),
            body: Some(b"damaged".to_vec()),
            wakes: None,
            facts,
        };
        let changes = Changes {
            tenant: key.tenant.clone(),
            command: CommandId::of(&format!("damage {}", key.id)),
            checks: Vec::new(),
            puts: vec![put],
            journal: Vec::new(),
        };
        let verdicts = store.commit(vec![changes]).await.unwrap();
        assert_eq!(verdicts, [Verdict::Written]);
    }
}

/// What a listing tells: which records, and which of them can't be read.
type Told = (Vec<Key>, Vec<Key>);

/// Goes through a listing page by page, as `next` leads on.
async fn all<T>(
    page: impl AsyncFn(Option<Cursor>) -> Result<Page<T>, Error>,
    key: impl Fn(&T) -> Key,
) -> Told {
    let (mut read, mut unreadable) = (Vec::new(), Vec::new());
    let mut after = None;
    loop {
        let page = page(after).await.unwrap();
        read.extend(page.records.iter().map(&key));
        for (key, why) in page.unreadable {
            assert!(matches!(why, Unreadable::Format { .. }), "{why}");
            unreadable.push(key);
        }
        after = page.next;
        if after.is_none() {
            return (read, unreadable);
        }
    }
}

/// All listings that there are, in pages of a size.
async fn listings(engine: &Engine, limit: usize) -> [Told; 4] {
    let tenant = Tenant::from(QUITO);
    let quito = engine.tenant(QUITO);
    let lead = |lead: &Lead| Key::lead(&tenant, lead.id);
    let newest = Order::Descending("registered_at".into());
    [
        all(
            async |after| quito.leads("", Order::Id, after, limit).await,
            lead,
        )
        .await,
        all(
            async |after| quito.leads("", newest.clone(), after, limit).await,
            lead,
        )
        .await,
        all(
            async |after| quito.messages("", after, limit).await,
            |message| Key::message(&tenant, message.id),
        )
        .await,
        all(
            async |after| quito.sweeps("", after, limit).await,
            |sweep| Key::sweep(&tenant, sweep.id),
        )
        .await,
    ]
}

const PAGES: [usize; 4] = [1, 2, 3, 100];

#[test]
fn a_record_that_cannot_be_read_is_named_and_hides_none_of_the_others() {
    for store in stores() {
        block_on(async {
            let engine = shop(&store).await;
            let before = listings(&engine, 100).await;
            assert!(
                before
                    .iter()
                    .all(|(read, unreadable)| read.len() == 3 && unreadable.is_empty())
            );
            let [(leads, _), _, (messages, _), (sweeps, _)] = &before;
            let damaged = [&leads[1], &messages[1], &sweeps[1]].map(Clone::clone);
            damage(&store, &damaged).await;
            for limit in PAGES {
                let now = listings(&engine, limit).await;
                for ((before, _), (read, unreadable)) in before.iter().zip(now) {
                    assert_eq!(
                        read,
                        [before[0].clone(), before[2].clone()],
                        "pages of {limit}"
                    );
                    assert_eq!(unreadable, [before[1].clone()], "pages of {limit}");
                }
            }
        });
    }
}

#[test]
fn a_listing_of_which_nothing_can_be_read_comes_to_its_end() {
    for store in stores() {
        block_on(async {
            let engine = shop(&store).await;
            let before = listings(&engine, 100).await;
            let [(leads, _), _, (messages, _), (sweeps, _)] = &before;
            damage(&store, &[leads.as_slice(), messages, sweeps].concat()).await;
            for limit in PAGES {
                for (read, unreadable) in listings(&engine, limit).await {
                    assert_eq!((read.len(), unreadable.len()), (0, 3), "pages of {limit}");
                }
            }
        });
    }
}

#[test]
fn whoever_needs_a_whole_page_is_told_what_is_missing() {
    for store in stores() {
        block_on(async {
            let engine = shop(&store).await;
            let quito = engine.tenant(QUITO);
            let leads = quito
                .leads("", Order::Id, None, 100)
                .await
                .unwrap()
                .whole()
                .unwrap();
            let damaged = Key::lead(&Tenant::from(QUITO), leads[1].id);
            damage(&store, std::slice::from_ref(&damaged)).await;
            let page = quito.leads("", Order::Id, None, 100).await.unwrap();
            match page.whole() {
                Err(Error::Unreadable { key, .. }) => assert_eq!(key, damaged),
                other => panic!("{other:?}"),
            }
        });
    }
}
