//! A PostgreSQL server for the tests of one binary, and a runtime to talk to it.
//!
//! `LEADKIT_TEST_POSTGRES_URL` names one that runs already; else a throwaway cluster is made of
//! the server's binaries on this machine, on a socket in a temporary folder. Without either, the
//! tests say so and pass, unless `CI` is `true`.

#![allow(dead_code, reason = "no test binary needs all of it")]

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, OnceLock};

use leadkit_postgres::tokio_postgres::{self, Client, NoTls};
use leadkit_postgres::{Options, PostgresStore};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// Where the server is, if there is one.
static SERVER: OnceLock<Option<String>> = OnceLock::new();

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all();
    runtime.build().expect("a runtime")
});

/// Runs a future to its end.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

/// The URL of the server's first database; `None`, and a word about it, if there is no server.
pub(crate) fn url() -> Option<&'static str> {
    let url = SERVER.get_or_init(|| match std::env::var("LEADKIT_TEST_POSTGRES_URL") {
        Ok(url) => Some(url),
        Err(_) => Some(start(&binaries()?)),
    });
    if url.is_none() {
        let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!is_ci, "PostgreSQL's server binaries are missing");
        eprintln!("skipped: neither LEADKIT_TEST_POSTGRES_URL nor PostgreSQL's binaries");
    }
    url.as_deref()
}

/// The newest server on this machine that is new enough.
fn binaries() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").ok();
    let mut versions: Vec<u32> = debian
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|version| *version >= 15)
        .collect();
    versions.sort_unstable();
    let newest = versions
        .pop()
        .map(|v| PathBuf::from(format!("/usr/lib/postgresql/{v}/bin")));
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|folder| folder.join("initdb").exists())
    };
    newest
        .filter(|folder| folder.join("initdb").exists())
        .or_else(on_path)
}

/// Makes a cluster and starts it; a shell of its own stops it when this process has ended.
#[expect(clippy::zombie_processes, reason = "the shell outlives this process")]
fn start(binaries: &Path) -> String {
    let folder = tempfile::Builder::new()
        .prefix("leadkit-pg-")
        .tempdir()
        .expect("a temporary folder")
        .keep();
    let is_root = Command::new("id").arg("-u").output().expect("id").stdout == b"0\n";
    if is_root {
        run(Command::new("chown").arg("postgres").arg(&folder));
    }
    let data = folder.join("data");
    // PostgreSQL doesn't run as root.
    let as_server = |program: &str| {
        let program = binaries.join(program);
        match is_root {
            true => {
                let mut command = Command::new("setpriv");
                command.args([
                    "--reuid=postgres",
                    "--regid=postgres",
                    "--clear-groups",
                    "--",
                ]);
                command.arg(program);
                command
            }
            false => Command::new(program),
        }
    };
    run(as_server("initdb")
        .arg("-D")
        .arg(&data)
        .args(["-A", "trust", "-U", "leadkit", "-E", "UTF8", "--locale=C"])
        .arg("--no-sync"));
    // Tests lose nothing when the machine goes down; measurements are of what a host would have.
    let durability = match std::env::args().any(|argument| argument == "--bench") {
        true => "-c shared_buffers=512MB -c max_wal_size=4GB",
        false => "-c shared_buffers=64MB -c fsync=off",
    };
    let options = format!(
        "-c listen_addresses='' -c unix_socket_directories='{}' -c max_connections=300 {durability}",
        folder.display()
    );
    run(as_server("pg_ctl")
        .arg("-D")
        .arg(&data)
        .arg("-l")
        .arg(folder.join("log"))
        .args(["-w", "-o", &options, "start"]));
    let stop = format!(
        "trap '' INT TERM; while kill -0 {} 2>/dev/null; do sleep 1; done; kill -INT $(head -n 1 '{}/postmaster.pid'); \
         sleep 2; rm -rf '{}'",
        std::process::id(),
        data.display(),
        folder.display()
    );
    Command::new("sh")
        .args(["-c", &stop])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    format!("postgres://leadkit@%2F{}/postgres", encoded(&folder))
}

/// A path in a URL, without its first slash.
fn encoded(path: &Path) -> String {
    let path = path.to_str().expect("a path in Unicode");
    path.trim_start_matches('/').replace('/', "%2F")
}

fn run(command: &mut Command) {
    let output = command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .expect("a program");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

/// A connection to a database.
pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("a connection");
    tokio::spawn(connection);
    client
}

/// Runs a future as a task of its own.
pub(crate) fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    RUNTIME.spawn(future)
}

/// A database of its own on the server, which goes with the server.
pub(crate) async fn fresh_database() -> String {
    database("template0").await
}

/// A copy of another one, to which nobody is connected, as files that are on the disk.
pub(crate) async fn copy_of(url: &str) -> String {
    database(&format!("{} STRATEGY file_copy", name_in(url))).await
}

/// Drops a database, whoever is still connected to it.
pub(crate) async fn drop_database(database: &str) {
    let client = connect(url().expect("a server")).await;
    let drop = format!("DROP DATABASE {} WITH (FORCE)", name_in(database));
    client.batch_execute(&drop).await.expect("no database");
}

/// The name of the database in a URL.
pub(crate) fn name_in(url: &str) -> &str {
    &url[url.rfind('/').expect("a database in the URL") + 1..]
}

async fn database(template: &str) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let url = url().expect("a server");
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("leadkit_{}_{made}", std::process::id());
    let client = connect(url).await;
    let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
    client.batch_execute(&create).await.expect("a database");
    let end = url.rfind('/').expect("a database in the URL");
    format!("{}/{name}", &url[..end])
}

pub(crate) fn options() -> Options {
    Options {
        virtual_time: true,
        ..Options::default()
    }
}

/// An empty store in a database of its own.
pub(crate) async fn fresh_store() -> PostgresStore {
    let url = fresh_database().await;
    PostgresStore::open_with(&url, &options())
        .await
        .expect("a store")
}
