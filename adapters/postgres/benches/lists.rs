//! What lists and reports cost beside SQL written by hand over typed columns:
//! `cargo bench -p leadkit-postgres --bench lists`.
//!
//! Both sides ask one database for the same pages and totals, and must be told the same. They take
//! turns; the median of the rounds counts. First without indexes, then with those that the store
//! makes for these segments, and with the same over the typed columns. `-- --leads 1000000
//! --rounds 7` changes the size; without `--bench` it only checks itself.

#[allow(dead_code, reason = "only the arithmetic is needed")]
#[path = "../../sqlite/benches/measure/mod.rs"]
mod measure;
#[path = "../../sqlite/benches/questions/mod.rs"]
mod questions;
#[path = "../tests/server/mod.rs"]
mod server;

use leadkit::store::Kind;
use leadkit_postgres::PostgresStore;
use leadkit_postgres::tokio_postgres::Client;
use measure::number_after;
use questions::{
    PAGE, Question, TENANT, compare, fill, print_heads, questions, segments, week_ago,
};
use server::block_on;

fn main() {
    let benches = std::env::args().any(|argument| argument == "--bench");
    let leads = number_after("--leads").unwrap_or(if benches { 1_000_000 } else { 3_000 });
    let rounds = number_after("--rounds").unwrap_or(if benches { 7 } else { 1 });
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let store = PostgresStore::open_with(&url, &server::options()).await;
        let store = store.expect("a store");
        let client = server::connect(&url).await;
        fill(&store, leads).await;
        by_hand(&client).await;
        print_heads(leads, rounds);
        for is_indexed in [false, true] {
            if is_indexed {
                make_indexes(&store, &client).await;
            }
            for question in questions() {
                ask(&store, &client, &question, (is_indexed, rounds)).await;
            }
        }
    });
}

/// The same facts as somebody would keep them who knew what will be asked.
async fn by_hand(client: &Client) {
    let sql = r#"
        CREATE TABLE by_hand (
            tenant text COLLATE "C" NOT NULL, id uuid NOT NULL,
            stage text COLLATE "C", open boolean, owner text COLLATE "C",
            registered_at timestamptz, attempts integer, product text COLLATE "C", price integer,
            PRIMARY KEY (tenant, id));
        INSERT INTO by_hand
        SELECT tenant, id, stage, open = 1, owner,
               timestamptz 'epoch' + registered_at * interval '1 microsecond',
               attempts_total / 10000, t1, n1 / 10000
        FROM leadkit_lead_facts;
        "#;
    client.batch_execute(sql).await.expect("a table");
    client
        .batch_execute("VACUUM ANALYZE")
        .await
        .expect("a vacuum");
}

async fn make_indexes(store: &PostgresStore, client: &Client) {
    let made = store.index(&TENANT.into(), Kind::Lead, &segments()).await;
    assert_eq!(made.expect("indexes").len(), segments().len());
    for question in questions() {
        let index = format!("CREATE INDEX ON by_hand (tenant, {}, id)", question.index);
        client.batch_execute(&index).await.expect("an index");
    }
    client
        .batch_execute("VACUUM ANALYZE")
        .await
        .expect("a vacuum");
}

async fn ask(store: &PostgresStore, client: &Client, question: &Question, how: (bool, u32)) {
    let week_ago = format!("timestamptz '{}'", week_ago().to_rfc3339());
    let holds = question.by_hand.replace("{week_ago}", &week_ago);
    let from = format!("FROM by_hand WHERE tenant = $1 AND {holds}");
    let page = format!("SELECT id {from} ORDER BY id LIMIT {}", PAGE + 1);
    let page = client.prepare(&page).await.expect("a statement");
    let total = format!("SELECT count(*) {from}");
    let total = client.prepare(&total).await.expect("a statement");
    let rows = async || client.query(&page, &[&TENANT]).await.expect("rows").len();
    let count = async || {
        let row = client.query_one(&total, &[&TENANT]).await;
        row.expect("a count").get(0)
    };
    compare(store, question, how, rows, count).await;
}
