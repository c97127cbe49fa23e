//! Segments that are shown all day are found by indexes, and nothing else changes.

#[path = "../../sqlite/tests/lists/mod.rs"]
mod lists;
mod server;

use leadkit::condition::{Comparison, FactName, Filter};
use leadkit::store::{Count, Kind, Order, Store};
use leadkit::time::{Elapsed, Instant};
use leadkit::value::Value;
use leadkit_postgres::{PostgresStore, tokio_postgres};
use lists::{
    acme, fact, fill, fill_for_playbooks, is, put, seen, segments, segments_of_playbooks, select,
    write,
};
use server::block_on;

fn names_of(columns: &[&str]) -> Vec<String> {
    let name = |columns| format!("leadkit_lead_facts_by_{columns}");
    columns.iter().map(name).collect()
}

#[test]
fn the_indexes_that_segments_ask_for_are_used() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let store = PostgresStore::open(&url).await.expect("a store");
        fill(&store).await;
        let segments = segments();
        let client = server::connect(&url).await;
        client.batch_execute("ANALYZE").await.expect("statistics");
        let mut before = Vec::new();
        for (segment, _) in &segments {
            let plan = store.plan(&select(segment)).await.expect("a plan");
            assert!(!plan.contains("_by_"), "{plan}");
            before.push(seen(&store, segment).await);
        }
        for (segment, names) in &segments {
            let made = store
                .index(&acme(), Kind::Lead, std::slice::from_ref(segment))
                .await;
            assert_eq!(made.expect("indexes"), names_of(names));
        }
        for ((segment, names), before) in segments.iter().zip(before) {
            let plan = store.plan(&select(segment)).await.expect("a plan");
            for name in names_of(names) {
                assert!(plan.contains(&name), "{name} isn't used:\n{plan}");
            }
            assert!(before.1 > 0, "a segment of nobody");
            assert_eq!(seen(&store, segment).await, before);
        }
        client.batch_execute("VACUUM").await.expect("a vacuum");
        let (by_texts, _) = &segments[0];
        let plan = store.plan(&select(by_texts)).await.expect("a plan");
        assert!(plan.contains("Index Only Scan"), "rows are read:\n{plan}");
        let not_first = "SELECT count(*) FROM pg_index i
             JOIN pg_class t ON t.oid = i.indrelid
             JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
             WHERE t.relname = 'leadkit_lead_facts' AND a.attname <> 'tenant'";
        let row = client.query_one(not_first, &[]).await.expect("a count");
        assert_eq!(row.get::<_, i64>(0), 0);
    });
}

/// What the language makes of texts, times and a playbook's own fields is what the indexes hold.
#[test]
fn lists_in_the_words_of_the_shipped_playbooks_are_found_by_their_indexes() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let store = PostgresStore::open(&url).await.expect("a store");
        let now = Instant::default() + Elapsed::days(20_500);
        fill_for_playbooks(&store, now).await;
        let client = server::connect(&url).await;
        client.batch_execute("ANALYZE").await.expect("statistics");
        let segments = segments_of_playbooks(now);
        let mut before = Vec::new();
        for (list, segment) in &segments {
            let plan = store.plan(&select(segment)).await.expect("a plan");
            assert!(!plan.contains("_by_"), "{list}: {plan}");
            before.push(seen(&store, segment).await);
        }
        let all: Vec<Filter> = segments.iter().map(|(_, filter)| filter.clone()).collect();
        let made = store.index(&acme(), Kind::Lead, &all).await;
        made.expect("indexes");
        for ((list, segment), before) in segments.iter().zip(before) {
            let alone = std::slice::from_ref(segment);
            let own = store.index(&acme(), Kind::Lead, alone).await;
            let own = own.expect("an index");
            assert!(!own.is_empty(), "{list}: no index helps");
            let plan = store.plan(&select(segment)).await.expect("a plan");
            for name in own {
                assert!(plan.contains(&name), "{list}: {name} isn't used:\n{plan}");
            }
            assert!(before.1 > 0, "{list}: nobody");
            assert_eq!(seen(&store, segment).await, before, "{list}");
        }
    });
}

/// A database that was just filled has no statistics, and for the planner hardly a row: whatever it
/// makes of that, what is written is found by its key, and not among all that the tenant has.
#[test]
fn what_is_written_is_found_by_its_key_whatever_the_planner_knows() {
    const LEADS: u32 = 6_000;
    const WRITTEN: u32 = 100;
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let store = PostgresStore::open(&url).await.expect("a store");
        let client = server::connect(&url).await;
        let unknown = "ALTER TABLE leadkit_records SET (autovacuum_enabled = false)";
        client.batch_execute(unknown).await.expect("a setting");
        for numbers in (0..LEADS).collect::<Vec<_>>().chunks(500) {
            write(
                &store,
                numbers.iter().map(|n| put(*n, Vec::new())).collect(),
            )
            .await;
        }
        let again = |number, body: Option<Vec<u8>>| {
            let first = put(number, Vec::new());
            let (read, makes) = (first.makes, first.makes.next());
            leadkit::store::Put {
                read,
                makes,
                body,
                ..first
            }
        };
        for (first, body) in [(1_001, Some(vec![1])), (3_001, None)] {
            let before = entries_read(&client, 0).await;
            let numbers = first..first + WRITTEN;
            write(&store, numbers.map(|n| again(n, body.clone())).collect()).await;
            let read = entries_read(&client, before + i64::from(WRITTEN)).await - before;
            assert!(read < i64::from(LEADS / 4), "{read} entries read");
        }
    });
}

/// How many entries of the records' indexes were read so far: what a connection read is told when it
/// has been idle for a moment, so it is waited for until it comes to this.
async fn entries_read(client: &tokio_postgres::Client, at_least: i64) -> i64 {
    const READ: &str = "SELECT coalesce(sum(idx_tup_read), 0)::bigint
                        FROM pg_stat_user_indexes WHERE relname = 'leadkit_records'";
    let mut last = -1;
    for _ in 0..100 {
        let row = client.query_one(READ, &[]).await.expect("statistics");
        let read = row.get(0);
        if read >= at_least && read == last {
            return read;
        }
        last = read;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    panic!("{last} entries read, and not {at_least}");
}

/// PostgreSQL's indexes have room for 2,700 bytes; a fact may be longer.
#[test]
fn a_text_that_is_longer_than_an_index_has_room_for_is_written_and_found() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let store = server::fresh_store().await;
        let segment = Filter::All(vec![is("stage", "x"), is("note", "x")]);
        let made = store.index(&acme(), Kind::Lead, &[segment]).await;
        assert_eq!(made.expect("an index").len(), 1);
        // Letters that can't be made shorter by compressing them.
        let mut state = 1_u32;
        let mut letter = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from_u32(0x4e00 + (state >> 16) % 20_000).expect("a letter")
        };
        let long: String = (0..20_000).map(|_| letter()).collect();
        let other = format!("{long}.");
        let with = |number, note: &str| put(number, vec![fact("stage", note), fact("note", note)]);
        write(&store, vec![with(1, &long), with(2, &other)]).await;
        for (number, note) in [(1, &long), (2, &other)] {
            let same = Filter::All(vec![is("note", note.as_str()), is("stage", note.as_str())]);
            let (found, count) = seen(&store, &same).await;
            assert_eq!((found, count), (vec![put(number, vec![]).key], 1));
            let listed = Filter::In {
                fact: FactName::new("note"),
                values: vec![note.as_str().into(), "x".into()],
            };
            assert_eq!(seen(&store, &listed).await.1, 1);
            let others = Filter::Not(Box::new(is("note", note.as_str())));
            assert_eq!(seen(&store, &others).await.1, 1);
        }
        // Short ones and long ones are in one order, and in groups as they are.
        let short = "\u{fffd}";
        write(&store, vec![with(3, short)]).await;
        let mut in_order = select(&Filter::Not(Box::new(Filter::IsMissing(FactName::new(
            "note",
        )))));
        in_order.order = Order::Ascending("note".into());
        let page = store.select(&in_order).await.expect("a page");
        let keys: Vec<_> = [1, 2, 3].map(|number| put(number, vec![]).key).into();
        assert_eq!(page.keys, keys);
        let by_note = Count {
            tenant: acme(),
            kind: Kind::Lead,
            filter: Filter::CompareFacts {
                left: FactName::new("note"),
                op: Comparison::Equal,
                right: FactName::new("stage"),
            },
            by: vec!["note".into()],
        };
        let counted = store.count(&by_note).await.expect("counts");
        let groups: Vec<_> = counted.iter().map(|group| &group.values[0]).collect();
        let notes = [long.as_str(), other.as_str(), short].map(|note| Some(Value::from(note)));
        assert_eq!(groups, notes.iter().collect::<Vec<_>>());
    });
}

/// A playbook that was changed asks for other lists: what the former ones had slows no write for good. What
/// else lies on the table is somebody else's.
#[test]
fn indexes_that_nobody_needs_any_more_are_dropped_and_the_hosts_own_stay() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let store = PostgresStore::open(&url).await.expect("a store");
        let client = server::connect(&url).await;
        let theirs = "CREATE INDEX of_the_host ON leadkit_lead_facts (tenant, owner)";
        client.batch_execute(theirs).await.expect("an index");
        let former = [is("owner", "ana"), is("stage", "new"), is("price", 5)];
        store
            .index(&acme(), Kind::Lead, &former)
            .await
            .expect("indexes");
        let needed = store.index(&acme(), Kind::Lead, &former[1..2]).await;
        let needed = needed.expect("indexes");
        for gone in [names_of(&["n1", "owner"]), Vec::new()] {
            let dropped = store.retain_indexes(Kind::Lead, &needed).await;
            assert_eq!(dropped.expect("names"), gone);
        }
        let left = "SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes
                    WHERE tablename = 'leadkit_lead_facts'";
        let row = client.query_one(left, &[]).await.expect("indexes");
        assert_eq!(
            row.get::<_, &str>(0),
            "leadkit_lead_facts_by_stage leadkit_lead_facts_pkey of_the_host"
        );
        let of_claims = store.retain_indexes(Kind::Claim, &[]).await;
        assert!(of_claims.expect("nothing").is_empty());
    });
}

#[test]
fn processes_that_ask_at_once_make_an_index_once() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let mut stores = Vec::new();
        for _ in 0..4 {
            stores.push(PostgresStore::open(&url).await.expect("a store"));
        }
        let segments = [is("owner", "ana"), is("stage", "new"), is("price", 5)];
        let (acme, segments) = (acme(), &segments);
        let asking = stores
            .iter()
            .map(|store| store.index(&acme, Kind::Lead, segments));
        for made in futures::future::join_all(asking).await {
            assert_eq!(made.expect("indexes").len(), 3);
        }
        // One that nobody finished is made anew.
        let client = server::connect(&url).await;
        let broken = "UPDATE pg_index SET indisvalid = false
                      WHERE indexrelid = 'leadkit_lead_facts_by_owner'::regclass";
        client.batch_execute(broken).await.expect("an update");
        let again = stores[0].index(&acme, Kind::Lead, segments).await;
        assert_eq!(again.expect("indexes").len(), 3);
        let whole = "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
             WHERE i.indisvalid AND c.relname IN ('leadkit_lead_facts_by_owner',
                 'leadkit_lead_facts_by_stage', 'leadkit_lead_facts_by_n1')";
        let row = client.query_one(whole, &[]).await.expect("a count");
        assert_eq!(row.get::<_, i64>(0), 3);
    });
}

/// What lies beyond the spare columns is of another type in other tenants' rows.
#[test]
fn what_has_no_column_of_its_own_gets_no_index() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let store = server::fresh_store().await;
        let names: Vec<String> = (0..10).map(|n| format!("field {n}")).collect();
        let facts = names.iter().map(|name| fact(name, name.as_str())).collect();
        write(&store, vec![put(1, facts)]).await;
        let segments: Vec<Filter> = names.iter().map(|name| is(name, name.as_str())).collect();
        let made = store.index(&acme(), Kind::Lead, &segments).await;
        assert_eq!(made.expect("indexes").len(), 8);
        for segment in &segments {
            assert_eq!(seen(&store, segment).await.1, 1);
        }
        let either = Filter::Any(segments);
        let made = store.index(&acme(), Kind::Lead, &[either]).await;
        assert!(made.expect("indexes").is_empty(), "of no use");
        let claims = store
            .index(&acme(), Kind::Claim, &[is("owner", "ana")])
            .await;
        assert!(claims.expect("nothing").is_empty());
    });
}
