//! What lists and reports cost beside SQL written by hand over typed columns:
//! `cargo bench -p leadkit-sqlite --bench lists`.
//!
//! Both sides ask one file for the same pages and totals, and must be told the same. They take
//! turns; the median of the rounds counts. First without indexes, then with those that the store
//! makes for these segments, and with the same over the typed columns. `-- --leads 1000000
//! --rounds 7` changes the size, and with `--at-once` the store reads on the thread that asks; without
//! `--bench` it only checks itself.

#[allow(dead_code, reason = "only the arithmetic is needed")]
mod measure;
mod questions;

use leadkit::store::Kind;
use leadkit_sqlite::rusqlite::Connection;
use leadkit_sqlite::{Durability, Options, SqliteStore};
use measure::number_after;
use pollster::block_on;
use questions::{
    PAGE, Question, TENANT, compare, fill, print_heads, questions, segments, week_ago,
};

fn main() {
    let benches = std::env::args().any(|argument| argument == "--bench");
    let leads = number_after("--leads").unwrap_or(if benches { 1_000_000 } else { 3_000 });
    let rounds = number_after("--rounds").unwrap_or(if benches { 7 } else { 1 });
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("leads.db");
    let options = Options {
        virtual_time: true,
        durability: Durability::Process,
        at_once: std::env::args().any(|argument| argument == "--at-once"),
        ..Options::default()
    };
    let store = SqliteStore::open_with(&path, &options).expect("a store");
    let connection = options.connect(&path).expect("a connection");
    block_on(async {
        fill(&store, leads).await;
        by_hand(&connection);
        print_heads(leads, rounds);
        for is_indexed in [false, true] {
            if is_indexed {
                make_indexes(&store, &connection).await;
            }
            for question in questions() {
                ask(&store, &connection, &question, (is_indexed, rounds)).await;
            }
        }
    });
}

/// The same facts as somebody would keep them who knew what will be asked.
fn by_hand(connection: &Connection) {
    let sql = "
        CREATE TABLE by_hand (
            tenant INTEGER NOT NULL, id BLOB NOT NULL,
            stage TEXT, open INTEGER, owner TEXT,
            registered_at INTEGER, attempts INTEGER, product TEXT, price INTEGER,
            PRIMARY KEY (tenant, id)) STRICT, WITHOUT ROWID;
        INSERT INTO by_hand
        SELECT tenant, id, stage, open, owner, registered_at, attempts_total / 10000, t1, n1 / 10000
        FROM leadkit_lead_facts;
        ";
    connection.execute_batch(sql).expect("a table");
}

async fn make_indexes(store: &SqliteStore, connection: &Connection) {
    let made = store.index(&TENANT.into(), Kind::Lead, &segments()).await;
    assert_eq!(made.expect("indexes").len(), segments().len());
    for (number, question) in questions().iter().enumerate() {
        let columns = question.index;
        let index = format!("CREATE INDEX by_hand_{number} ON by_hand (tenant, {columns})");
        connection.execute_batch(&index).expect("an index");
    }
    connection.execute_batch("ANALYZE by_hand").expect("counts");
}

async fn ask(store: &SqliteStore, connection: &Connection, question: &Question, how: (bool, u32)) {
    let week_ago = week_ago().timestamp_micros().to_string();
    let holds = question.by_hand.replace("{week_ago}", &week_ago);
    let from = format!("FROM by_hand WHERE tenant = 1 AND {holds}");
    let page = format!("SELECT id {from} ORDER BY id LIMIT {}", PAGE + 1);
    let total = format!("SELECT count(*) {from}");
    let rows = async || {
        let mut page = connection.prepare_cached(&page).expect("a statement");
        let ids = page.query_map([], |row| row.get::<_, [u8; 16]>(0));
        ids.expect("rows").filter(Result::is_ok).count()
    };
    let count = async || {
        let mut total = connection.prepare_cached(&total).expect("a statement");
        total.query_row([], |row| row.get(0)).expect("a count")
    };
    compare(store, question, how, rows, count).await;
}
