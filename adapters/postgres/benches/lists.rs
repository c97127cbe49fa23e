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
#[path = "../tests/server/mod.rs"]
mod server;

use leadkit::condition::{Comparison, FactName, Filter};
use leadkit::ids::{CommandId, Id, Tenant};
use leadkit::store::{
    Changes, Count, Key, Kind, Order, Put, Select, Store, StoredFact, Verdict, Version,
};
use leadkit::time::{Elapsed, Instant};
use leadkit::value::Value;
use leadkit_postgres::PostgresStore;
use leadkit_postgres::tokio_postgres::Client;
use measure::{median, number_after};
use server::block_on;

const TENANT: &str = "acme";
const PAGE: usize = 100;

fn main() {
    let benches = std::env::args().any(|argument| argument == "--bench");
    let leads = number_after("--leads").unwrap_or(if benches { 200_000 } else { 3_000 });
    let rounds = number_after("--rounds").unwrap_or(if benches { 7 } else { 1 });
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let store = PostgresStore::open_with(&url, &server::options()).await;
        let store = store.expect("a store");
        let client = server::connect(&url).await;
        fill(&store, leads).await;
        by_hand(&client).await;
        println!("{leads} leads, medians of {rounds} rounds, milliseconds");
        println!("{:<52} {:>9} {:>9} {:>7}", "", "raw", "store", "ratio");
        for indexed in [false, true] {
            if indexed {
                make_indexes(&store, &client).await;
            }
            for question in questions() {
                compare(&store, &client, &question, indexed, rounds).await;
            }
        }
    });
}

/// The same in both languages.
struct Question {
    name: &'static str,
    filter: Filter,
    by_hand: &'static str,
    /// What an index over the typed columns holds behind the tenant.
    index: &'static str,
}

fn now() -> Instant {
    Instant::default() + Elapsed::days(20_000)
}

fn compared(fact: &str, op: Comparison, value: impl Into<Value>) -> Filter {
    let (fact, value) = (FactName::new(fact), value.into());
    Filter::Compare { fact, op, value }
}

fn questions() -> Vec<Question> {
    use Comparison::{AtLeast, Equal, Less, More};
    let week_ago = now() - Elapsed::days(7);
    vec![
        Question {
            name: "a stage",
            filter: compared("stage", Equal, "stage 3"),
            by_hand: "stage = 'stage 3'",
            index: "stage",
        },
        Question {
            name: "open leads of an owner",
            filter: Filter::All(vec![
                compared("owner", Equal, "agent 7"),
                compared("open", Equal, true),
            ]),
            by_hand: "owner = 'agent 7' AND open",
            index: "open, owner",
        },
        Question {
            name: "many attempts",
            filter: compared("attempts.total", AtLeast, 98),
            by_hand: "attempts >= 98",
            index: "attempts",
        },
        Question {
            name: "registered lately, in one of two stages",
            filter: Filter::All(vec![
                compared("registered_at", More, week_ago),
                Filter::In {
                    fact: FactName::new("stage"),
                    values: vec!["stage 1".into(), "stage 2".into()],
                },
            ]),
            by_hand: "registered_at > timestamptz 'epoch' + interval '19993 days' \
                      AND stage IN ('stage 1', 'stage 2')",
            index: "stage, registered_at",
        },
        Question {
            name: "not of an owner, and closed",
            filter: Filter::All(vec![
                Filter::Not(Box::new(compared("owner", Equal, "agent 7"))),
                compared("open", Equal, false),
            ]),
            by_hand: "owner IS DISTINCT FROM 'agent 7' AND NOT open",
            index: "open",
        },
        Question {
            name: "own fields: a product below a price",
            filter: Filter::All(vec![
                compared("product", Equal, "x12"),
                compared("price", Less, 1_000),
            ]),
            by_hand: "product = 'x12' AND price < 1000",
            index: "product, price",
        },
    ]
}

fn lead(number: u32) -> Put {
    let mut id = [0; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    let n = i32::try_from(number).unwrap_or(i32::MAX);
    let registered = now() - Elapsed::minutes(i64::from(n % 500_000));
    let text = |name: &str, value: String| StoredFact::new(name, value.as_str());
    Put {
        key: Key {
            id: Id::from_bytes(id),
            kind: Kind::Lead,
            tenant: TENANT.into(),
        },
        read: Version::ABSENT,
        makes: Version::ABSENT.next(),
        body: Some(vec![0; 250]),
        wakes: None,
        facts: vec![
            text("stage", format!("stage {}", n / 7 % 10)),
            StoredFact::new("open", n % 3 > 0),
            text("owner", format!("agent {}", n % 60)),
            StoredFact::new("registered_at", registered),
            StoredFact::new("attempts.total", n / 11 % 100),
            text("product", format!("x{}", n / 3 % 50)),
            StoredFact::new("price", n % 5_000),
        ],
    }
}

async fn fill(store: &PostgresStore, leads: u32) {
    let numbers: Vec<u32> = (0..leads).collect();
    for numbers in numbers.chunks(2_000) {
        let change = Changes {
            tenant: TENANT.into(),
            command: CommandId::of(&numbers[0].to_string()),
            checks: Vec::new(),
            puts: numbers.iter().copied().map(lead).collect(),
            journal: Vec::new(),
        };
        let verdicts = store.commit(vec![change]).await.expect("a verdict");
        assert_eq!(verdicts, [Verdict::Written]);
    }
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
    let segments: Vec<Filter> = questions().into_iter().map(|q| q.filter).collect();
    let made = store.index(&TENANT.into(), Kind::Lead, &segments).await;
    assert_eq!(made.expect("indexes").len(), segments.len());
    for question in questions() {
        let index = format!("CREATE INDEX ON by_hand (tenant, {}, id)", question.index);
        client.batch_execute(&index).await.expect("an index");
    }
    client
        .batch_execute("VACUUM ANALYZE")
        .await
        .expect("a vacuum");
}

async fn compare(
    store: &PostgresStore,
    client: &Client,
    question: &Question,
    indexed: bool,
    rounds: u32,
) {
    let from = format!("FROM by_hand WHERE tenant = $1 AND {}", question.by_hand);
    let page = format!("SELECT id {from} ORDER BY id LIMIT {}", PAGE + 1);
    let total = format!("SELECT count(*) {from}");
    let page = client.prepare(&page).await.expect("a statement");
    let total = client.prepare(&total).await.expect("a statement");
    let select = Select {
        tenant: Tenant::from(TENANT),
        kind: Kind::Lead,
        filter: question.filter.clone(),
        order: Order::Id,
        after: None,
        limit: PAGE,
    };
    let count = Count {
        tenant: Tenant::from(TENANT),
        kind: Kind::Lead,
        filter: question.filter.clone(),
        by: Vec::new(),
    };
    let (mut pages, mut totals) = (Vec::new(), Vec::new());
    // The first round warms both up.
    for _ in 0..=rounds {
        let (mut rows, mut keys) = (Vec::new(), Vec::new());
        let raw = timed(async { rows = client.query(&page, &[&TENANT]).await.expect("rows") });
        let raw = raw.await;
        let own = timed(async { keys = store.select(&select).await.expect("a page").keys }).await;
        assert_eq!(rows.len().min(PAGE), keys.len(), "{}", question.name);
        pages.push((raw, own));

        let (mut by_hand, mut counted) = (0_i64, 0);
        let raw = timed(async {
            let row = client.query_one(&total, &[&TENANT]).await;
            by_hand = row.expect("a count").get(0);
        });
        let raw = raw.await;
        let own = timed(async {
            counted = store.count(&count).await.expect("a count")[0].count;
        });
        let own = own.await;
        assert_eq!(by_hand.unsigned_abs(), counted, "{}", question.name);
        assert!(counted > 0, "{}", question.name);
        totals.push((raw, own));
    }
    for (what, times) in [("page", &pages[1..]), ("total", &totals[1..])] {
        let of = |time: &dyn Fn(&(f64, f64)) -> f64| median(times.iter().map(time).collect());
        let name = match indexed {
            true => format!("{}: {what}, indexed", question.name),
            false => format!("{}: {what}", question.name),
        };
        println!(
            "{name:<52} {:>9.3} {:>9.3} {:>7.2}",
            of(&|(raw, _)| *raw),
            of(&|(_, store)| *store),
            of(&|(raw, store)| store / raw),
        );
    }
}

/// How many milliseconds this takes.
async fn timed(work: impl Future<Output = ()>) -> f64 {
    let begun = tokio::time::Instant::now();
    work.await;
    begun.elapsed().as_secs_f64() * 1e3
}
