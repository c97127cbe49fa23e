//! Segments that are shown all day are found by indexes, and nothing else changes.

mod lists;

use leadkit::condition::Filter;
use leadkit::store::Kind;
use leadkit::time::{Elapsed, Instant};
use leadkit_sqlite::{SqliteStore, rusqlite};
use lists::{
    acme, fact, fill, fill_for_playbooks, is, put, seen, segments, segments_of_playbooks, select,
    write,
};
use pollster::block_on;

#[test]
fn the_indexes_that_segments_ask_for_are_used() {
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(folder.path().join("leads.db")).expect("a store");
        fill(&store).await;
        let mut before = Vec::new();
        for (segment, _) in &segments() {
            let plan = store.plan(&select(segment)).await.expect("a plan");
            assert!(!plan.contains("_by_"), "{plan}");
            before.push(seen(&store, segment).await);
        }
        for _ in 0..2 {
            for (segment, columns) in &segments() {
                let name = |columns| format!("leadkit_lead_facts_by_{columns}");
                let names: Vec<String> = columns.iter().map(name).collect();
                let one = std::slice::from_ref(segment);
                let made = store.index(&acme(), Kind::Lead, one).await;
                assert_eq!(made.expect("indexes"), names);
                let plan = store.plan(&select(segment)).await.expect("a plan");
                for name in names {
                    assert!(plan.contains(&name), "{name} isn't used:\n{plan}");
                }
            }
        }
        for ((segment, _), before) in segments().iter().zip(before) {
            assert!(before.1 > 0, "a segment of nobody");
            assert_eq!(seen(&store, segment).await, before);
        }
    });
}

/// What the language makes of texts, times and a playbook's own fields is what the indexes hold.
#[test]
fn lists_in_the_words_of_the_shipped_playbooks_are_found_by_their_indexes() {
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(folder.path().join("leads.db")).expect("a store");
        let now = Instant::default() + Elapsed::days(20_500);
        fill_for_playbooks(&store, now).await;
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

#[test]
fn indexes_made_of_few_leads_are_used_when_there_are_many_and_they_are_asked_for_again() {
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(folder.path().join("leads.db")).expect("a store");
        write(&store, vec![put(99_999, vec![fact("price", 7)])]).await;
        for is_full in [false, true] {
            if is_full {
                fill(&store).await;
            }
            for (segment, columns) in &segments() {
                let one = std::slice::from_ref(segment);
                let made = store
                    .index(&acme(), Kind::Lead, one)
                    .await
                    .expect("indexes");
                assert_eq!(made.len(), columns.len());
                let plan = store.plan(&select(segment)).await.expect("a plan");
                let missing = made.iter().find(|name| !plan.contains(name.as_str()));
                assert!(
                    !is_full || missing.is_none(),
                    "{missing:?} isn't used:\n{plan}"
                );
            }
        }
    });
}

/// A playbook that was changed asks for other lists: what the former ones had slows no write for good. What
/// else lies on the table is somebody else's.
#[test]
fn indexes_that_nobody_needs_any_more_are_dropped_and_the_hosts_own_stay() {
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("leads.db");
        let store = SqliteStore::open(&path).expect("a store");
        let connection = rusqlite::Connection::open(&path).expect("a connection");
        let theirs = "CREATE INDEX of_the_host ON leadkit_lead_facts (tenant, owner)";
        connection.execute_batch(theirs).expect("an index");
        let former = [is("owner", "ana"), is("stage", "new"), is("price", 5)];
        store
            .index(&acme(), Kind::Lead, &former)
            .await
            .expect("indexes");
        let needed = store.index(&acme(), Kind::Lead, &former[1..2]).await;
        let needed = needed.expect("indexes");
        let needless = ["n1", "owner"].map(|column| format!("leadkit_lead_facts_by_{column}"));
        for gone in [&needless[..], &[]] {
            let dropped = store.retain_indexes(Kind::Lead, &needed).await;
            assert_eq!(dropped.expect("names"), gone);
        }
        let left = "SELECT group_concat(name, ' ' ORDER BY name) FROM sqlite_schema
                    WHERE type = 'index' AND tbl_name = 'leadkit_lead_facts' AND sql IS NOT NULL";
        let left: String = connection
            .query_row(left, [], |row| row.get(0))
            .expect("indexes");
        assert_eq!(left, "leadkit_lead_facts_by_stage of_the_host");
        let of_claims = store.retain_indexes(Kind::Claim, &[]).await;
        assert!(of_claims.expect("nothing").is_empty());
    });
}

#[test]
fn what_has_no_column_of_its_own_gets_no_index() {
    block_on(async {
        let store = SqliteStore::in_memory().expect("a store");
        let names: Vec<String> = (0..10).map(|n| format!("field {n}")).collect();
        let facts = names.iter().map(|name| fact(name, name.as_str()));
        write(&store, vec![put(1, facts.collect())]).await;
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
