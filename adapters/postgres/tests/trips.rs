//! How often the server is asked and waited for: over a network that is what takes time.

mod server;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures::future::join;
use leadkit::condition::{FactName, Filter};
use leadkit::ids::{CommandId, Id};
use leadkit::store::{
    Changes, Key, Kind, Lane, Lanes, Order, Put, Select, Store, StoredFact, Verdict, Version, Wakes,
};
use leadkit::time::{Elapsed, Instant};
use leadkit_postgres::PostgresStore;
use leadkit_postgres::deadpool_postgres::{Manager, Pool};
use leadkit_postgres::tokio_postgres::config::Host;
use leadkit_postgres::tokio_postgres::{Config, NoTls};
use server::block_on;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};

/// How long an answer is on its way: long enough for everything to be asked before it comes.
const ON_ITS_WAY: Duration = Duration::from_millis(25);

/// A line to the server on which answers take their time, and on which it is counted how often
/// something is asked after an answer.
#[derive(Debug, Default)]
struct Line {
    answered: AtomicBool,
    trips: AtomicU32,
}

impl Line {
    async fn ask(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(read @ 1..) = from.read(&mut bytes).await {
            if self.answered.swap(false, Ordering::SeqCst) {
                self.trips.fetch_add(1, Ordering::SeqCst);
            }
            if to.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    }

    async fn answer(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(read @ 1..) = from.read(&mut bytes).await {
            tokio::time::sleep(ON_ITS_WAY).await;
            self.answered.store(true, Ordering::SeqCst);
            if to.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    }

    /// How often the server was waited for while this was done.
    async fn trips_of<T>(&self, work: impl Future<Output = T>) -> (T, u32) {
        self.trips.store(0, Ordering::SeqCst);
        self.answered.store(true, Ordering::SeqCst);
        let done = work.await;
        (done, self.trips.load(Ordering::SeqCst))
    }
}

/// A store with one connection over such a line, and the line.
async fn far_away() -> (PostgresStore, Arc<Line>, tempfile::TempDir) {
    let config: Config = server::fresh_database().await.parse().expect("a URL");
    let host = config.get_hosts()[0].clone();
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let folder = tempfile::tempdir().expect("a folder");
    let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).expect("a socket");
    let line = Arc::new(Line::default());
    let counting = line.clone();
    server::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let line = counting.clone();
            let (asks, hears) = client.into_split();
            match &host {
                Host::Unix(path) => {
                    let path: PathBuf = path.join(format!(".s.PGSQL.{port}"));
                    let server = UnixStream::connect(path).await.expect("the server");
                    let (answers, asked) = server.into_split();
                    server::spawn(carry(line, (asks, asked), (answers, hears)));
                }
                Host::Tcp(name) => {
                    let server = TcpStream::connect((name.as_str(), port)).await;
                    let (answers, asked) = server.expect("the server").into_split();
                    server::spawn(carry(line, (asks, asked), (answers, hears)));
                }
            }
        }
    });
    let mut to_line = Config::new();
    to_line
        .user(config.get_user().expect("a user"))
        .dbname(config.get_dbname().expect("a database"))
        .host_path(folder.path());
    if let Some(password) = config.get_password() {
        to_line.password(password);
    }
    let pool = Pool::builder(Manager::new(to_line, NoTls)).max_size(1);
    let pool = pool.build().expect("a pool");
    let store = PostgresStore::on(pool, &server::options()).await;
    (store.expect("a store"), line, folder)
}

async fn carry<A, B, C, D>(line: Arc<Line>, questions: (A, B), answers: (C, D))
where
    A: AsyncRead + Unpin,
    B: AsyncWrite + Unpin,
    C: AsyncRead + Unpin,
    D: AsyncWrite + Unpin,
{
    let asking = line.ask(questions.0, questions.1);
    join(asking, line.answer(answers.0, answers.1)).await;
}

const TENANTS: [&str; 3] = ["acme", "solar", "zenith"];

fn at(seconds: i64) -> Instant {
    Instant::default() + Elapsed::days(20_000) + Elapsed::seconds(seconds)
}

fn lead(tenant: &str, number: u8) -> Key {
    Key {
        id: Id::from_bytes([number; 16]),
        kind: Kind::Lead,
        tenant: tenant.into(),
    }
}

/// A lead that is due, with a message and facts.
fn change(tenant: &str, number: u8, read: u64) -> Changes {
    let put = |kind, wakes, facts| Put {
        key: Key {
            kind,
            ..lead(tenant, number)
        },
        read: Version(read),
        makes: Version(read).next(),
        body: Some(vec![0; 100]),
        wakes,
        facts,
    };
    let wakes = Wakes {
        at: at(number.into()),
        lane: "lane".into(),
    };
    let facts = vec![
        StoredFact::new("stage", "new"),
        StoredFact::new("product", "x3"),
    ];
    Changes {
        tenant: tenant.into(),
        command: CommandId::of(&format!("{number} {read}")),
        checks: Vec::new(),
        puts: vec![
            put(Kind::Lead, Some(wakes), facts),
            put(Kind::Contact, None, Vec::new()),
            put(
                Kind::Message,
                None,
                vec![StoredFact::new("state", "queued")],
            ),
        ],
        journal: vec![0; 20],
    }
}

fn batch(tenants: &[&str], read: u64) -> Vec<Changes> {
    let of_tenant = |tenant| (0..50).map(move |number| change(tenant, number, read));
    tenants.iter().copied().flat_map(of_tenant).collect()
}

fn lanes(tenants: &[&str]) -> Lanes {
    let lane = |tenant: &&str| Lane {
        tenant: (*tenant).into(),
        name: "lane".into(),
    };
    tenants.iter().map(lane).collect()
}

/// Once each statement is prepared and each field has its column.
#[test]
fn what_is_asked_often_takes_one_round_trip() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let (store, line, _folder) = far_away().await;
        let (_, first) = line.trips_of(store.commit(batch(&TENANTS, 0))).await;
        assert!(first > 1, "the line counts nothing");
        for (read, tenants) in [(1, &TENANTS[..1]), (2, &TENANTS[..1])] {
            let (verdicts, trips) = line.trips_of(store.commit(batch(tenants, read))).await;
            assert_eq!(verdicts.expect("verdicts"), vec![Verdict::Written; 50]);
            assert_eq!(trips, 1, "a batch");
        }
        let (verdicts, trips) = line.trips_of(store.commit(batch(&TENANTS[1..], 1))).await;
        assert_eq!(verdicts.expect("verdicts"), vec![Verdict::Written; 100]);
        assert_eq!(trips, 1, "a batch of two tenants");

        let keys: Vec<Key> = TENANTS
            .iter()
            .flat_map(|tenant| {
                [
                    lead(tenant, 1),
                    Key::journal(&(*tenant).into(), CommandId::of("1 0")),
                ]
            })
            .collect();
        let _ = store.load(&keys).await.expect("records");
        let (loaded, trips) = line.trips_of(store.load(&keys)).await;
        let loaded = loaded.expect("records");
        assert!(loaded.iter().all(|loaded| loaded.body.is_some()));
        assert_eq!(
            trips, 1,
            "records of three tenants, and entries of their journals"
        );

        let select = Select {
            tenant: "acme".into(),
            kind: Kind::Lead,
            filter: Filter::In {
                fact: FactName::new("product"),
                values: vec!["x3".into()],
            },
            order: Order::Id,
            after: None,
            limit: 10,
        };
        let _ = store.select(&select).await.expect("a page");
        let (page, trips) = line.trips_of(store.select(&select)).await;
        assert_eq!(page.expect("a page").keys.len(), 10);
        assert_eq!(trips, 1, "a list over a field");

        // To be followed by what is free of the same tenants.
        let page = async |tenants: &[&str]| {
            let lanes = lanes(tenants);
            let due = store.due(&lanes, at(1_000), 10, at(2_000));
            let (page, trips) = line.trips_of(due).await;
            assert_eq!(page.expect("a page").len(), 10);
            trips
        };
        // Every few seconds one of them also tidies up: the least counts.
        let least = async |tenants: &[&str]| {
            let mut least = page(tenants).await;
            for _ in 0..2 {
                least = least.min(page(tenants).await);
            }
            least
        };
        page(&TENANTS).await;
        assert_eq!(least(&TENANTS[..1]).await, 1, "a claim");
        let several = least(&TENANTS).await;
        assert_eq!(several, 2, "who has something due, and the claims");
    });
}

/// To plan takes longer than to read or write a record.
#[test]
fn what_is_asked_often_is_planned_once() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let (store, _line, _folder) = far_away().await;
        for read in 0..12 {
            let verdicts = store.commit(vec![change("acme", 1, read)]).await;
            assert_eq!(verdicts.expect("a verdict"), [Verdict::Written]);
            let keys = [
                lead("acme", 1),
                Key::journal(&"acme".into(), CommandId::of("1 0")),
            ];
            store.load(&keys).await.expect("records");
        }
        let client = store.pool().get().await.expect("the connection");
        let planned = "SELECT statement, custom_plans FROM pg_prepared_statements
             WHERE custom_plans + generic_plans >= 10";
        let planned = client.query(planned, &[]).await.expect("the statements");
        assert_eq!(planned.len(), 3, "a batch, its records, and an entry");
        for row in planned {
            let (sql, plans): (&str, i64) = (row.get(0), row.get(1));
            assert!(plans <= 5, "{plans} plans: {sql}");
        }
    });
}
