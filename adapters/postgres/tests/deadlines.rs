//! Nobody waits for ever: not for a connection, not for a lock, not for a server that says nothing.

mod server;

use std::time::Duration;

use leadkit::condition::{Comparison, FactName, Filter};
use leadkit::store::{Kind, Order, Select, Store, StoreError, StoreErrorKind};
use leadkit_postgres::deadpool_postgres::{Manager, Pool};
use leadkit_postgres::tokio_postgres::{Client, Config, NoTls};
use leadkit_postgres::{Deadlines, OpenError, Options, PostgresStore};
use server::block_on;
use tokio::time::timeout;

/// What a test waits for at most, where nothing else would end the wait.
const LONG: Duration = Duration::from_secs(60);
/// Long enough for what nothing stands in the way of.
const SHORT: Duration = Duration::from_secs(1);

/// Deadlines of which none but one that is set ends anything within a test.
const ENDLESS: Deadlines = Deadlines {
    call: Duration::MAX,
    connection: Duration::MAX,
    statement: Duration::MAX,
};

fn with(deadlines: Deadlines) -> Options {
    Options {
        most_connections: 1,
        deadlines,
        ..server::options()
    }
}

/// A database with our tables.
async fn database() -> String {
    let url = server::fresh_database().await;
    open(&url, ENDLESS).await;
    url
}

async fn open(url: &str, deadlines: Deadlines) -> PostgresStore {
    let store = PostgresStore::open_with(url, &with(deadlines)).await;
    store.expect("a store")
}

/// A pool as a host makes it, of one connection.
fn pool(config: Config) -> Pool {
    let pool = Pool::builder(Manager::new(config, NoTls)).max_size(1);
    pool.build().expect("a pool")
}

/// All leads of a tenant, as any page of a host asks for them.
async fn list(store: &PostgresStore) -> Result<(), StoreError> {
    let all = Select {
        tenant: "acme".into(),
        kind: Kind::Lead,
        filter: Filter::All(Vec::new()),
        order: Order::Id,
        after: None,
        limit: 50,
    };
    let page = timeout(LONG, store.select(&all)).await;
    page.expect("an answer within the deadline").map(drop)
}

async fn is_unavailable(store: &PostgresStore) {
    let refused = list(store).await.expect_err("a refusal");
    assert_eq!(refused.kind, StoreErrorKind::Unavailable, "{refused:?}");
}

/// A setting, as the pool's connection has it.
async fn setting(pool: &Pool, name: &str) -> String {
    let client = pool.get().await.expect("a connection");
    let shown = client.query_one(&format!("SHOW {name}"), &[]).await;
    shown.expect("a setting").get(0)
}

async fn lock_all_leads(client: &Client) {
    let lock = "BEGIN; LOCK TABLE leadkit_lead_facts";
    client.batch_execute(lock).await.expect("a lock");
}

#[test]
fn who_finds_all_connections_taken_hears_of_it_in_time() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = database().await;
        let connection = Deadlines {
            connection: SHORT,
            ..ENDLESS
        };
        let store = open(&url, connection).await;
        let taken = store.pool().get().await.expect("a connection");
        is_unavailable(&store).await;
        drop(taken);
        list(&store).await.expect("a page");
    });
}

#[test]
fn a_statement_that_waits_for_a_lock_is_given_up_in_time() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = database().await;
        let statement = Deadlines {
            statement: SHORT,
            ..ENDLESS
        };
        let store = open(&url, statement).await;
        let client = server::connect(&url).await;
        lock_all_leads(&client).await;
        is_unavailable(&store).await;
        client.batch_execute("ROLLBACK").await.expect("an end");
        list(&store).await.expect("a page");
    });
}

/// On the host's pool nothing but the deadline of the call ends the wait, and the connection on which
/// an answer is still due is nobody's any more.
#[test]
fn a_call_on_the_hosts_pool_ends_in_time_and_leaves_the_pool_as_it_was() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = database().await;
        let mut config: Config = url.parse().expect("a URL");
        config.options("-c statement_timeout=77s -c idle_in_transaction_session_timeout=78s");
        let pool = pool(config);
        let call = Deadlines {
            call: SHORT,
            ..Deadlines::default()
        };
        let store = PostgresStore::on(pool.clone(), &with(call)).await;
        let store = store.expect("a store");
        let client = server::connect(&url).await;
        lock_all_leads(&client).await;
        is_unavailable(&store).await;
        let taken = pool.get().await.expect("a connection");
        is_unavailable(&store).await;
        drop(taken);
        client.batch_execute("ROLLBACK").await.expect("an end");
        list(&store).await.expect("a page");
        assert_eq!(setting(&pool, "statement_timeout").await, "77s");
        let idle = setting(&pool, "idle_in_transaction_session_timeout").await;
        assert_eq!(idle, "78s");
        assert!(pool.timeouts().wait.is_none() && pool.timeouts().create.is_none());
    });
}

#[test]
fn the_stores_own_connections_begin_with_its_deadlines_unless_the_url_has_others() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = database().await;
        let store = open(&url, Deadlines::default()).await;
        assert_eq!(setting(store.pool(), "statement_timeout").await, "30s");
        let idle = "idle_in_transaction_session_timeout";
        assert_eq!(setting(store.pool(), idle).await, "1min");
        let other = format!("{url}?options=-c%20statement_timeout%3D9s");
        let store = open(&other, Deadlines::default()).await;
        assert_eq!(setting(store.pool(), "statement_timeout").await, "9s");
    });
}

/// To make an index takes as long as there are leads.
#[test]
fn an_index_is_made_however_long_it_takes() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = database().await;
        let store = open(
            &url,
            Deadlines {
                statement: SHORT,
                call: SHORT,
                ..ENDLESS
            },
        )
        .await;
        let mut client = server::connect(&url).await;
        // It waits for whoever writes.
        let writes = client.transaction().await.expect("a transaction");
        let lock = "LOCK TABLE leadkit_lead_facts IN ROW EXCLUSIVE MODE";
        writes.batch_execute(lock).await.expect("a lock");
        let making = {
            let store = store.clone();
            server::spawn(async move {
                let by_stage = Filter::Compare {
                    fact: FactName::new("stage"),
                    op: Comparison::Equal,
                    value: "new".into(),
                };
                store.index(&"acme".into(), Kind::Lead, &[by_stage]).await
            })
        };
        let waits_long = "SELECT count(*) FROM pg_stat_activity
                          WHERE datname = current_database() AND wait_event_type = 'Lock'
                            AND clock_timestamp() - query_start > '1500 ms'";
        while !making.is_finished() {
            let waiting = writes.query_one(waits_long, &[]).await.expect("a count");
            if waiting.get::<_, i64>(0) > 0 {
                break;
            }
        }
        writes.commit().await.expect("an end");
        let made = timeout(LONG, making).await.expect("an answer");
        assert_eq!(made.expect("a task").expect("indexes").len(), 1);
    });
}

/// A host that takes connections and then says nothing: a network that is cut, a disk that hangs.
#[test]
fn a_server_that_says_nothing_keeps_nobody_waiting() {
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(".s.PGSQL.5432");
        let _silent = tokio::net::UnixListener::bind(path).expect("a socket");
        let folder = folder.path().to_str().expect("a path in Unicode");
        let url = format!("postgres://crm@{}/crm", folder.replace('/', "%2F"));
        let connection = Deadlines {
            connection: SHORT,
            ..ENDLESS
        };
        let refused = timeout(LONG, PostgresStore::open_with(&url, &with(connection))).await;
        let refused = refused.expect("an answer within the deadline");
        assert!(matches!(refused, Err(OpenError::Pool(_))), "{refused:?}");
        let call = Deadlines {
            call: SHORT,
            ..ENDLESS
        };
        let pool = pool(url.parse().expect("a URL"));
        let refused = timeout(LONG, PostgresStore::on(pool, &with(call))).await;
        let refused = refused.expect("an answer within the deadline");
        assert!(
            matches!(refused, Err(OpenError::Overdue(SHORT))),
            "{refused:?}"
        );
    });
}

/// Whoever waits for a page and goes away, as a server does with a request that is cancelled.
#[test]
fn a_call_that_is_dropped_keeps_nobody_else_waiting() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = database().await;
        let store = open(&url, ENDLESS).await;
        let client = server::connect(&url).await;
        lock_all_leads(&client).await;
        timeout(SHORT, list(&store)).await.expect_err("it waits");
        // On the only connection: nothing is due there that the lock holds up.
        let key = leadkit::store::Key {
            tenant: "acme".into(),
            kind: Kind::Contact,
            id: leadkit::ids::Id::from_bytes([1; 16]),
        };
        let loaded = timeout(LONG, store.load(&[key])).await;
        loaded.expect("an answer").expect("a record");
        client.batch_execute("ROLLBACK").await.expect("an end");
        list(&store).await.expect("a page");
    });
}

/// An administrator, or a failover.
#[test]
fn a_connection_that_is_ended_from_outside_costs_one_call() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = database().await;
        let store = open(&url, ENDLESS).await;
        let client = server::connect(&url).await;
        lock_all_leads(&client).await;
        let listing = {
            let store = store.clone();
            server::spawn(async move { list(&store).await })
        };
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while client
            .query_one(end, &[])
            .await
            .expect("a count")
            .get::<_, i64>(0)
            == 0
        {}
        let ended = timeout(LONG, listing).await.expect("an answer");
        let ended = ended.expect("a task").expect_err("no page");
        assert_eq!(ended.kind, StoreErrorKind::Unavailable, "{ended:?}");
        client.batch_execute("ROLLBACK").await.expect("an end");
        list(&store).await.expect("a page");
    });
}
