//! The tables in somebody else's database: how they are made, what their keys begin with, who
//! sees what, and how they are distributed.

mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use leadkit::clock::{Clock as _, SystemClock};
use leadkit::conformance::Subject;
use leadkit::ids::{CommandId, Id, Tenant};
use leadkit::store::{
    Changes, Key, Kind, Misuse, Put, Store, StoreErrorKind, StoredFact, Verdict, Version,
};
use leadkit::time::Instant;
use leadkit_postgres::deadpool_postgres::{Manager, Pool};
use leadkit_postgres::tokio_postgres::{Client, Config, NoTls};
use leadkit_postgres::{OpenError, Options, PostgresStore, Tables};
use server::block_on;

async fn number(client: &Client, asked: &str) -> i64 {
    client.query_one(asked, &[]).await.expect("a number").get(0)
}

fn lead(tenant: &str) -> Key {
    Key {
        id: Id::from_bytes([1; 16]),
        kind: Kind::Lead,
        tenant: Tenant::from(tenant),
    }
}

/// Puts a row of each of two tenants into every table, whatever its columns.
async fn seed(client: &Client, tables: &[String]) {
    for table in tables {
        let columns = "SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute
             WHERE attrelid = $1::text::regclass AND attnum > 0 AND attnotnull
               AND attname <> 'tenant' AND attidentity = ''";
        let columns = client.query(columns, &[table]).await.expect("columns");
        let (mut names, mut values) = (String::new(), String::new());
        for column in columns {
            let value = match column.get(1) {
                "uuid" => "gen_random_uuid()",
                "text" => "'text'",
                "bytea" => "'bytes'",
                _ => "7",
            };
            names.push_str(&format!(r#", "{}""#, column.get::<_, &str>(0)));
            values.push_str(&format!(", {value}"));
        }
        for tenant in ["acme", "zenith"] {
            let row = format!("INSERT INTO {table} (tenant{names}) VALUES ('{tenant}'{values})");
            client.batch_execute(&row).await.expect("a row");
        }
    }
}

/// A tenant's first lead, with a fact.
fn change(tenant: &str) -> Changes {
    Changes {
        tenant: Tenant::from(tenant),
        command: CommandId::of("first"),
        checks: Vec::new(),
        puts: vec![Put {
            key: lead(tenant),
            read: Version::ABSENT,
            makes: Version::ABSENT.next(),
            body: Some(tenant.as_bytes().to_vec()),
            wakes: None,
            facts: vec![StoredFact::new("stage", "new")],
        }],
        journal: Vec::new(),
    }
}

#[test]
fn whoever_opens_at_the_same_time_finds_the_tables_made_once() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let options = server::options();
        let opening = (0..4).map(|_| PostgresStore::open_with(&url, &options));
        for opened in futures::future::join_all(opening).await {
            opened.expect("a store");
        }
        let client = server::connect(&url).await;
        let made = "SELECT count(*) FROM leadkit_migrations";
        assert_eq!(number(&client, made).await, 1);
    });
}

#[test]
fn tables_of_different_prefixes_stand_side_by_side() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        for prefix in ["crm_", "x"] {
            let options = Options {
                prefix: prefix.into(),
                ..server::options()
            };
            let store = PostgresStore::open_with(&url, &options)
                .await
                .expect("a store");
            let written = store.commit(vec![change("acme")]).await.expect("a verdict");
            assert_eq!(written, [Verdict::Written]);
        }
        let client = server::connect(&url).await;
        assert_eq!(number(&client, "SELECT count(*) FROM xrecords").await, 1);
        assert_eq!(number(&client, "SELECT count(*) FROM crm_records").await, 1);
    });
    for wrong in ["", "1a", "pg_x", "A", "a-b", "a\"b", &"a".repeat(33)] {
        let refused = Tables::prefixed(wrong);
        assert!(matches!(refused, Err(OpenError::Prefix { .. })), "{wrong}");
    }
}

#[test]
fn who_only_reads_makes_no_tables_and_writes_nothing() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let options = Options {
            read_only: true,
            ..server::options()
        };
        let refused = PostgresStore::open_with(&url, &options).await;
        assert!(matches!(refused, Err(OpenError::NoTables)), "{refused:?}");
        let client = server::connect(&url).await;
        let ours = "SELECT count(*) FROM pg_class WHERE relname LIKE 'leadkit\\_%'";
        assert_eq!(number(&client, ours).await, 0);
        let writer = PostgresStore::open(&url).await.expect("a store");
        let written = writer.commit(vec![change("acme")]).await;
        assert_eq!(written.expect("a verdict"), [Verdict::Written]);
        let reader = PostgresStore::open_with(&url, &options).await;
        let reader = reader.expect("a store");
        let loaded = reader.load(&[lead("acme")]).await.expect("a record");
        assert_eq!(loaded[0].version, Version(1));
        let refused = reader.commit(vec![change("zenith")]).await;
        let refused = refused.expect_err("a refusal");
        assert_eq!(refused.kind, StoreErrorKind::Unavailable);
    });
}

/// Entries have their places from who reads them, and that is written.
#[test]
fn who_only_reads_is_told_the_journal_as_far_as_others_have_read_it() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let writer = PostgresStore::open(&url).await.expect("a store");
        let options = Options {
            read_only: true,
            ..server::options()
        };
        let reader = PostgresStore::open_with(&url, &options).await;
        let reader = reader.expect("a store");
        let told = async |store: &PostgresStore| {
            let entries = store.journal(&"acme".into(), Default::default(), 10).await;
            let entries = entries.expect("a journal").into_iter();
            entries.map(|entry| entry.command).collect::<Vec<_>>()
        };
        let first = change("acme");
        let mut second = change("acme");
        second.command = CommandId::of("second");
        second.puts[0].read = Version(1);
        let (one, two) = (first.command, second.command);
        let written = writer.commit(vec![first]).await.expect("a verdict");
        assert_eq!(written, [Verdict::Written]);
        assert_eq!(told(&reader).await, []);
        assert_eq!(told(&writer).await, [one]);
        let written = writer.commit(vec![second]).await.expect("a verdict");
        assert_eq!(written, [Verdict::Written]);
        assert_eq!(told(&reader).await, [one]);
        assert_eq!(told(&writer).await, [one, two]);
        assert_eq!(told(&reader).await, [one, two]);
    });
}

#[test]
fn a_history_that_was_edited_or_is_newer_is_refused() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let options = server::options();
        PostgresStore::open_with(&url, &options)
            .await
            .expect("a store");
        let client = server::connect(&url).await;
        let newer = "INSERT INTO leadkit_migrations VALUES (2, 'later')";
        client.batch_execute(newer).await.expect("a migration");
        let refused = PostgresStore::open_with(&url, &options).await;
        assert!(matches!(
            refused,
            Err(OpenError::NewerTables { found: 2, known: 1 })
        ));
        let edited = "UPDATE leadkit_migrations SET hash = 'another' WHERE version = 1";
        client.batch_execute(edited).await.expect("an edit");
        let refused = PostgresStore::open_with(&url, &options).await;
        assert!(matches!(
            refused,
            Err(OpenError::EditedMigration { version: 1 })
        ));
    });
}

/// What Citus asks of tables that are distributed, and what keeps tenants apart in the indexes.
#[test]
fn every_key_and_every_unique_index_begins_with_the_tenant() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        PostgresStore::open(&url).await.expect("a store");
        let client = server::connect(&url).await;
        let indexes = "SELECT t.relname, i.indisunique, a.attname
             FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
             JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
             WHERE t.relname LIKE 'leadkit\\_%'";
        let mut unique = 0;
        for row in client.query(indexes, &[]).await.expect("indexes") {
            let (table, is_unique, column): (String, bool, String) =
                (row.get(0), row.get(1), row.get(2));
            if table == "leadkit_migrations" {
                continue;
            }
            unique += u32::from(is_unique);
            assert_eq!(column, "tenant", "an index of {table}");
        }
        assert!(unique >= 9, "{unique} unique indexes");
        let tables: Vec<String> = Tables::default().names().collect();
        let without = "SELECT count(*) FROM pg_class t WHERE t.relname = ANY ($1) AND NOT EXISTS (
             SELECT 1 FROM pg_constraint c WHERE c.conrelid = t.oid AND c.contype = 'p')";
        let row = client
            .query_one(without, &[&tables])
            .await
            .expect("a count");
        assert_eq!(row.get::<_, i64>(0), 0, "a table has no primary key");
        let all =
            "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'leadkit\\_%'";
        // Beside those, the migrations only.
        assert_eq!(number(&client, all).await, tables.len() as i64 + 1);
        let foreign = "SELECT count(*) FROM pg_constraint WHERE contype = 'f'";
        assert_eq!(number(&client, foreign).await, 0);
    });
}

/// Requirement Z5, also for who reads the tables without us.
#[test]
fn with_row_level_security_a_role_sees_one_tenants_rows() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let store = PostgresStore::open(&url).await.expect("a store");
        let role = format!("dealer_{}", std::process::id());
        let owner = server::connect(&url).await;
        let policies = store.tables().row_level_security();
        for _ in 0..2 {
            owner.batch_execute(&policies).await.expect("policies");
        }
        let grants = format!(
            "DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN;
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
             GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role};"
        );
        owner.batch_execute(&grants).await.expect("a role");
        let written = store.commit(vec![change("acme"), change("zenith")]).await;
        assert_eq!(written.expect("verdicts"), vec![Verdict::Written; 2]);

        // It would find nothing due, and tell nobody.
        let as_dealer = format!("{url}?options=-c%20role%3D{role}");
        let opened = PostgresStore::open(&as_dealer).await;
        assert!(matches!(opened, Err(OpenError::BoundRole)), "{opened:?}");

        let mut dealer = server::connect(&url).await;
        let become_it = format!("SET ROLE {role}");
        dealer.batch_execute(&become_it).await.expect("a role");
        let tables: Vec<String> = store.tables().names().collect();
        seed(&owner, &tables).await;
        let of_table =
            |table: &String, whose: &str| format!("SELECT count(*) FROM {table} WHERE {whose}");
        for table in &tables {
            let all = of_table(table, "true");
            assert_eq!(number(&dealer, &all).await, 0, "{table}, without a tenant");
        }
        let tenant = "SET leadkit.tenant = 'acme'";
        dealer.batch_execute(tenant).await.expect("a setting");
        for table in &tables {
            let (own, theirs) = ("tenant = 'acme'", "tenant <> 'acme'");
            let all_own = number(&owner, &of_table(table, own)).await;
            assert!(all_own > 0, "{table} has no row");
            assert_eq!(
                number(&dealer, &of_table(table, own)).await,
                all_own,
                "{table}"
            );
            assert!(
                number(&owner, &of_table(table, theirs)).await > 0,
                "{table}"
            );
            assert_eq!(
                number(&dealer, &of_table(table, theirs)).await,
                0,
                "{table}"
            );
        }

        // In its own transaction it works for its tenant, and for no other.
        let tx = dealer.transaction().await.expect("a transaction");
        let unit = store.tables().within(&tx);
        let seen = unit
            .load(&[lead("acme"), lead("zenith")])
            .await
            .expect("records");
        assert_eq!(seen[0].version, Version(1));
        assert_eq!(seen[1].version, Version::ABSENT);
        let mut second = change("acme");
        second.command = CommandId::of("second");
        second.puts[0].read = Version(1);
        assert_eq!(
            unit.commit(&second).await.expect("a verdict"),
            Verdict::Written
        );
        let mut theirs = change("zenith");
        theirs.command = CommandId::of("stolen");
        theirs.puts[0].key.id = Id::from_bytes([2; 16]);
        let refused = unit.commit(&theirs).await.expect_err("a refusal");
        assert_eq!(refused.kind, StoreErrorKind::Unavailable);
        tx.rollback().await.expect("a rollback");
        // The owner's store is not concerned.
        let all = store
            .load(&[lead("acme"), lead("zenith")])
            .await
            .expect("records");
        assert!(all.iter().all(|loaded| loaded.version == Version(1)));
        let gone = format!("DROP OWNED BY {role}; DROP ROLE {role}");
        owner.batch_execute(&gone).await.expect("an end");
    });
}

#[test]
fn a_worker_whose_clock_is_wrong_is_refused() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let store = PostgresStore::open(&url).await.expect("a store");
        let now: Instant = "2001-01-01T00:00:00Z".parse().expect("an instant");
        let refused = store.due(&Default::default(), now, 1, now).await;
        let refused = refused.expect_err("a refusal");
        assert_eq!(refused.kind, StoreErrorKind::Invalid);
        let source = refused.source.expect("a source");
        assert_eq!(source.downcast_ref::<Misuse>(), Some(&Misuse::OffClock));
    });
}

/// Two machines have two clocks: what counts is the server's, which they share.
#[test]
fn a_worker_that_is_off_the_servers_clock_is_refused() {
    let Some(_) = server::url() else { return };
    block_on(async {
        for (ahead, is_refused) in [("4 minutes", false), ("1 hour", true), ("-1 hour", true)] {
            let url = server::fresh_database().await;
            let wrong = format!(
                "CREATE SCHEMA wrong;
                 CREATE FUNCTION wrong.clock_timestamp() RETURNS timestamptz LANGUAGE sql
                 AS $$ SELECT pg_catalog.clock_timestamp() + interval '{ahead}' $$;
                 ALTER DATABASE {} SET search_path = public, wrong, pg_catalog",
                server::name_in(&url)
            );
            let client = server::connect(&url).await;
            client.batch_execute(&wrong).await.expect("another clock");
            let store = PostgresStore::open(&url).await.expect("a store");
            let now = SystemClock.now();
            let answer = store.due(&Default::default(), now, 1, now).await;
            assert_eq!(answer.is_err(), is_refused, "{ahead}: {answer:?}");
        }
    });
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    block_on(async {
        let nowhere = "postgres://nobody@%2Fnowhere%2Fat%2Fall/crm";
        let refused = PostgresStore::open(nowhere).await;
        assert!(matches!(refused, Err(OpenError::Pool(_))));
        assert!(matches!(
            PostgresStore::open("no URL").await,
            Err(OpenError::Url(_))
        ));
    });
}

/// With Citus at hand (`LEADKIT_TEST_CITUS_URL` names a database of its own), the tables are
/// distributed, and every promise is put to the test on them.
#[test]
fn the_tables_can_be_distributed_by_tenant() {
    let Ok(url) = std::env::var("LEADKIT_TEST_CITUS_URL") else {
        eprintln!("skipped: LEADKIT_TEST_CITUS_URL is not set");
        return;
    };
    let client = block_on(async {
        let client = server::connect(&url).await;
        let citus = "CREATE EXTENSION IF NOT EXISTS citus; SET citus.shard_count TO 4";
        client.batch_execute(citus).await.expect("Citus");
        client
    });
    // What is made goes again, also where the test fails.
    let tested = url.clone();
    let testing = std::thread::spawn(move || broken_on_citus(tested, client)).join();
    block_on(async { drop_schemas(&server::connect(&url).await).await });
    let broken = match testing {
        Ok(broken) => broken,
        Err(failed) => std::panic::resume_unwind(failed),
    };
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn broken_on_citus(url: String, client: Client) -> Vec<String> {
    let citus = Citus {
        url,
        client,
        made: AtomicU32::new(0),
    };
    let mut broken = Vec::new();
    for promise in leadkit::conformance::all() {
        if let Err(error) = promise.check(&citus, |check| block_on(check)) {
            broken.push(format!("{error}: {:?}", error.found));
        }
    }
    broken
}

/// What the names of this test's schemas begin with.
fn schemas() -> String {
    format!("leadkit_{}_", std::process::id())
}

/// One after the other: all at once they are more than a transaction can lock.
async fn drop_schemas(client: &Client) {
    let ours = "SELECT nspname::text FROM pg_namespace WHERE starts_with(nspname, $1)";
    for row in client.query(ours, &[&schemas()]).await.expect("schemas") {
        let gone = format!("DROP SCHEMA {} CASCADE", row.get::<_, &str>(0));
        client.batch_execute(&gone).await.expect("no schema");
    }
}

/// Stores in one database, each in a schema of its own.
struct Citus {
    url: String,
    client: Client,
    made: AtomicU32,
}

impl Citus {
    async fn open(&self, prefix: String) -> PostgresStore {
        let mut config: Config = self.url.parse().expect("a URL");
        config.options(format!("-c search_path={}{prefix},public", schemas()));
        let pool = Pool::builder(Manager::new(config, NoTls)).build();
        let options = Options {
            prefix,
            distributed: true,
            ..server::options()
        };
        let store = PostgresStore::on(pool.expect("a pool"), &options).await;
        store.expect("a store")
    }
}

fn prefix_of(store: &Arc<dyn Store>) -> String {
    let told = format!("{store:?}");
    told.split('"').nth(1).expect("the prefix").to_owned()
}

#[async_trait::async_trait]
impl Subject for Citus {
    async fn fresh(&self) -> Arc<dyn Store> {
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        let (prefix, schema) = (format!("t{made}_"), format!("{}t{made}_", schemas()));
        let create = format!("CREATE SCHEMA {schema}; SET search_path TO {schema},public");
        self.client.batch_execute(&create).await.expect("a schema");
        let store = self.open(prefix).await;
        let distribution = store.tables().distribution();
        let distributed = self.client.batch_execute(&distribution).await;
        distributed.expect("distributed tables");
        Arc::new(store)
    }

    async fn reopened(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        let prefix = prefix_of(&store);
        drop(store);
        Some(Arc::new(self.open(prefix).await))
    }

    async fn another(&self, store: &Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        Some(Arc::new(self.open(prefix_of(store)).await))
    }
}
