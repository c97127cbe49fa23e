//! A PostgreSQL server of our own, that can be killed and started again, or a given one.

use std::fs::File;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use leadkit_postgres::tokio_postgres::{self, Client, NoTls};
use smol_str::SmolStr;
use tokio::runtime::Runtime;

use super::process::{is_killed, last_lines};

/// How long a server is waited for: it may have much to recover.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

static RUNTIME: LazyLock<Option<Runtime>> = LazyLock::new(|| {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().ok()
});

/// Runs a future to its end, where connections are looked after meanwhile.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    match &*RUNTIME {
        Some(runtime) => runtime.block_on(future),
        // Without threads there is no connection either, which whoever asks for one is told.
        None => pollster::block_on(future),
    }
}

/// A connection to a database.
pub(super) async fn connect(url: &str) -> Result<Client, String> {
    let connected = tokio_postgres::connect(url, NoTls).await;
    let (client, connection) = connected.map_err(|error| format!("{error:?}"))?;
    tokio::spawn(connection);
    Ok(client)
}

/// Runs a statement in a database, for whoever wants to tamper with it. Returns how many rows it is
/// about.
///
/// # Errors
/// What the server says.
pub fn execute(url: &str, sql: &str) -> Result<u64, String> {
    let done = block_on(async {
        let client = connect(url).await?;
        let done = client.execute(sql, &[]).await;
        done.map_err(|error| format!("{error:?}"))
    });
    done.map_err(|error| format!("{sql}: {error}"))
}

/// Asks again and again until the answer is yes.
fn wait_until(what: &str, mut is_so: impl FnMut() -> Result<bool, String>) -> Result<(), String> {
    let times = PATIENCE.as_millis() / PAUSE.as_millis();
    let mut last = String::new();
    for _ in 0..times {
        match is_so() {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => last = error,
        }
        std::thread::sleep(PAUSE);
    }
    Err(format!("waited for {what} in vain: {last}"))
}

/// Waits until nobody else is connected to a database: what a worker that was killed had sent may
/// still be carried out.
pub(super) fn wait_for_quiet(url: &str) -> Result<(), String> {
    let asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    let client = block_on(connect(url))?;
    wait_until("the server to have done what it was told", || {
        let row = block_on(client.query_one(asked, &[])).map_err(|error| format!("{error:?}"))?;
        Ok(row.get::<_, i64>(0) == 0)
    })
}

/// What `amcheck` finds wrong with the tables of a database and their indexes; nothing, where it
/// isn't installed, or we may not use it.
pub(super) async fn faults(url: &str) -> Result<Vec<String>, String> {
    let told = |error: tokio_postgres::Error| format!("{error:?}");
    let client = connect(url).await?;
    let may = "SELECT EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'amcheck') \
        AND rolsuper FROM pg_roles WHERE rolname = current_user";
    let may_look: bool = client.query_one(may, &[]).await.map_err(told)?.get(0);
    if !may_look {
        return Ok(Vec::new());
    }
    let make = "CREATE EXTENSION IF NOT EXISTS amcheck";
    client.batch_execute(make).await.map_err(told)?;
    let tables = "SELECT c.relname, f.msg FROM pg_class c \
        CROSS JOIN LATERAL verify_heapam(c.oid) f \
        WHERE c.relkind = 'r' AND c.relname LIKE 'leadkit%'";
    let rows = client.query(tables, &[]).await.map_err(told)?;
    let mut faults: Vec<String> = rows
        .iter()
        .map(|row| format!("{}: {}", row.get::<_, &str>(0), row.get::<_, &str>(1)))
        .collect();
    // An index that is damaged raises an error.
    let indexes = "SELECT bt_index_check(c.oid::regclass, true) FROM pg_class c \
        JOIN pg_am a ON a.oid = c.relam \
        WHERE c.relkind = 'i' AND a.amname = 'btree' AND c.relname LIKE 'leadkit%'";
    if let Err(error) = client.query(indexes, &[]).await {
        faults.push(format!("{error:?}"));
    }
    Ok(faults)
}

/// A server for stores.
#[derive(Debug)]
pub struct Database {
    url: String,
    made: u64,
    own: Option<Cluster>,
}

/// A cluster that was made for this process.
#[derive(Debug)]
struct Cluster {
    binaries: PathBuf,
    folder: PathBuf,
    is_root: bool,
    /// Whether what is committed is on the disk.
    is_durable: bool,
    running: Option<Child>,
    is_kept: bool,
}

impl Database {
    /// A server that runs already.
    #[must_use]
    pub fn given(url: String) -> Self {
        Self {
            url,
            made: 0,
            own: None,
        }
    }

    /// Makes a throwaway cluster of the server's binaries on this machine, and starts it; `None` if
    /// there are none. It syncs what is committed, if it is to be durable.
    ///
    /// # Errors
    /// When it can't be made or started.
    pub fn throwaway(is_durable: bool) -> Result<Option<Self>, String> {
        let Some(binaries) = binaries() else {
            return Ok(None);
        };
        let folder = tempfile::Builder::new().prefix("leadkit-pg-").tempdir();
        let folder = folder.map_err(|error| error.to_string())?.keep();
        let user = Process::new("id").arg("-u").output();
        let is_root = user.is_ok_and(|output| output.stdout == b"0\n");
        let mut cluster = Cluster {
            binaries,
            folder,
            is_root,
            is_durable,
            running: None,
            is_kept: false,
        };
        cluster.make()?;
        let url = cluster.url();
        cluster.start(&url)?;
        Ok(Some(Self {
            url,
            made: 0,
            own: Some(cluster),
        }))
    }

    /// Makes an empty database. Returns its URL.
    ///
    /// # Errors
    /// What the server says.
    pub fn fresh(&mut self) -> Result<String, String> {
        let name = format!("leadkit_proof_{}_{}", std::process::id(), self.made);
        self.made += 1;
        self.run(&format!("CREATE DATABASE {name} TEMPLATE template0"))?;
        let end = self.url.rfind('/').ok_or("the URL names no database")?;
        Ok(format!("{}/{name}", &self.url[..end]))
    }

    /// Drops a database that was made here.
    ///
    /// # Errors
    /// What the server says.
    pub fn drop_database(&self, url: &str) -> Result<(), String> {
        let name = url.rsplit('/').next().unwrap_or_default();
        self.run(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    }

    fn run(&self, sql: &str) -> Result<(), String> {
        execute(&self.url, sql).map(drop)
    }

    /// Kills the server with all its processes at once (`kill -9`), and waits until they are gone.
    ///
    /// # Errors
    /// When it isn't ours, or can't be killed.
    pub fn kill(&mut self) -> Result<(), String> {
        let cluster = self.own.as_mut().ok_or("only our own server is killed")?;
        cluster.kill()
    }

    /// Starts the server again after it was killed, and waits until it has recovered.
    ///
    /// # Errors
    /// When it doesn't come back.
    pub fn start(&mut self) -> Result<(), String> {
        let cluster = self.own.as_mut().ok_or("only our own server is started")?;
        cluster.start(&self.url)
    }

    /// Leaves the files of the cluster where they are when this process ends. Returns where.
    pub fn keep(&mut self) -> Option<&Path> {
        let cluster = self.own.as_mut()?;
        cluster.is_kept = true;
        // The shell that cleans up looks for it.
        let _ = File::create(cluster.folder.join("keep"));
        Some(&cluster.folder)
    }
}

/// The newest server on this machine that is new enough.
fn binaries() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").ok();
    let newest = debian
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|version| *version >= 15)
        .max();
    let newest = newest.map(|v| PathBuf::from(format!("/usr/lib/postgresql/{v}/bin")));
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|folder| folder.join("initdb").exists())
    };
    newest
        .filter(|folder| folder.join("initdb").exists())
        .or_else(on_path)
}

impl Cluster {
    /// A path in the folder, percent-encoded: the socket is beside the data.
    fn url(&self) -> String {
        let folder = self.folder.to_string_lossy().replace('/', "%2F");
        format!("postgres://leadkit@{folder}/postgres")
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// One of the server's programs; it doesn't run as root.
    fn program(&self, name: &str) -> Process {
        let program = self.binaries.join(name);
        let mut process = match self.is_root {
            true => {
                let mut process = Process::new("setpriv");
                let who = ["--reuid=postgres", "--regid=postgres", "--clear-groups"];
                process.args(who).arg("--").arg(program);
                process
            }
            false => Process::new(program),
        };
        process.current_dir("/").stdin(Stdio::null());
        process
    }

    fn make(&self) -> Result<(), String> {
        if self.is_root {
            run(Process::new("chown").arg("postgres").arg(&self.folder))?;
        }
        let mut initdb = self.program("initdb");
        initdb.arg("-D").arg(self.data());
        initdb.args(["-A", "trust", "-U", "leadkit", "-E", "UTF8", "--locale=C"]);
        // If it is durable at all, what is synced later is worth nothing without this.
        if !self.is_durable {
            initdb.arg("--no-sync");
        }
        run(&mut initdb)?;
        self.clean_up_later()
    }

    /// A shell of its own cleans up when this process has ended, however it did.
    fn clean_up_later(&self) -> Result<(), String> {
        let folder = self.folder.display();
        let clean_up = format!(
            "trap '' INT TERM; while kill -0 {} 2>/dev/null; do sleep 1; done; \
             kill -INT $(head -n 1 '{folder}/data/postmaster.pid'); sleep 2; \
             [ -e '{folder}/keep' ] || rm -rf '{folder}'",
            std::process::id(),
        );
        let mut shell = Process::new("sh");
        shell.args(["-c", &clean_up]);
        shell.stdin(Stdio::null()).stdout(Stdio::null());
        let started = shell.stderr(Stdio::null()).spawn();
        started.map(drop).map_err(|error| error.to_string())
    }

    fn start(&mut self, url: &str) -> Result<(), String> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))
            .map_err(|error| error.to_string())?;
        let folder = self.folder.display();
        let mut server = self.program("postgres");
        server.arg("-D").arg(self.data());
        for setting in [
            "listen_addresses=".to_owned(),
            format!("unix_socket_directories={folder}"),
            "max_connections=300".to_owned(),
            "shared_buffers=64MB".to_owned(),
            format!("fsync={}", if self.is_durable { "on" } else { "off" }),
        ] {
            server.args(["-c", &setting]);
        }
        // A child of ours, so that nothing is left of it in the list of processes once it is dead.
        let started = server.stdout(Stdio::null()).stderr(log).spawn();
        let child = started.map_err(|error| format!("the server can't be started: {error}"))?;
        self.running = Some(child);
        wait_until("the server", || block_on(connect(url)).map(|_| true))
    }

    fn kill(&mut self) -> Result<(), String> {
        let mut postmaster = self.running.take().ok_or("the server does not run")?;
        let id = postmaster.id();
        // What stands still starts nobody.
        signal("STOP", &[id])?;
        let children = children_of(id);
        // Some may have ended meanwhile.
        let _ = signal("KILL", &children);
        postmaster.kill().map_err(|error| error.to_string())?;
        let status = postmaster.wait().map_err(|error| error.to_string())?;
        if !is_killed(status) {
            let log = File::open(self.folder.join("log"));
            let last = log.and_then(|mut log| last_lines(&mut log));
            let last = last.unwrap_or_else(|error| error.to_string());
            return Err(format!("the server ended by itself: {status}; {last}"));
        }
        wait_until("the server's end", || {
            Ok(!children.iter().any(|child| is_alive(*child)))
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut server) = self.running.take() {
            let _ = signal("INT", &[server.id()]);
            let _ = server.wait();
        }
        if !self.is_kept {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn run(process: &mut Process) -> Result<(), String> {
    let output = process.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{process:?}: {said}")),
    }
}

fn signal(name: &str, processes: &[u32]) -> Result<(), String> {
    let processes: Vec<SmolStr> = processes
        .iter()
        .map(|id| smol_str::format_smolstr!("{id}"))
        .collect();
    let kill = format!("kill -{name} {}", processes.join(" "));
    run(Process::new("sh").args(["-c", &kill]))
}

/// The processes that a process has started.
fn children_of(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten();
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|id| status(*id).is_some_and(|(_, of)| of == parent))
        .collect()
}

/// Whether a process is more than an entry in the list that nobody has removed.
fn is_alive(process: u32) -> bool {
    status(process).is_some_and(|(state, _)| state != "Z" && state != "X")
}

/// A process's state and its parent.
fn status(process: u32) -> Option<(SmolStr, u32)> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Its name is in brackets, and may hold anything.
    let mut words = text.rsplit_once(')')?.1.split_whitespace();
    let state = words.next()?.into();
    Some((state, words.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

    use super::*;

    #[test]
    fn a_server_that_has_ended_by_itself_is_not_one_that_was_killed() {
        let Some(mut server) = Database::throwaway(false).unwrap() else {
            let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!is_ci, "PostgreSQL's server binaries are missing");
            eprintln!("skipped: there is no PostgreSQL");
            return;
        };
        let cluster = server.own.as_ref().unwrap();
        let postmaster = cluster.running.as_ref().unwrap().id();
        signal("INT", &[postmaster]).unwrap();
        wait_until("the server's end", || Ok(!is_alive(postmaster))).unwrap();
        let error = server.kill().unwrap_err();
        assert!(error.contains("ended by itself"), "{error}");
        assert!(error.contains("shut down"), "{error}");
    }
}
