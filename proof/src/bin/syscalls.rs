//! Lets a worker fail at each of its writes and syncs, one after the other: killed there, told that
//! the disk is full, or that it is broken. Then looks at what is on the disk. Linux, with strace.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, ExitCode, Stdio};

use clap::Parser;
use leadkit_proof::kill::{Checked, End, Flaw, Life, Orders, Place, Running};

/// Lets a worker on SQLite fail at each of its writes and syncs.
#[derive(Debug, Parser)]
struct Arguments {
    /// What the organisation and its commands follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many rounds of commands the worker does.
    #[arg(long, default_value_t = 2)]
    rounds: u64,
    /// Fail only at every so-many-th of the calls.
    #[arg(long, default_value_t = 1)]
    every: usize,
    /// What is wrong with the worker that fails, on purpose.
    #[arg(long, value_enum, hide = true)]
    flaw: Option<Flaw>,
}

/// What happens at a call.
#[derive(Clone, Copy, Debug)]
enum Blow {
    /// The process is killed.
    Kill,
    /// The call fails, once.
    Once(&'static str),
    /// This call and all that follow fail.
    FromThereOn(&'static str),
}

impl Blow {
    /// Whether a worker may end like that. A blow may not fall: then it finishes.
    fn may_end(self, end: &End) -> bool {
        match self {
            Self::Kill => matches!(end, End::Killed | End::Finished),
            Self::Once(_) | Self::FromThereOn(_) => {
                matches!(end, End::GaveUp(_) | End::Finished)
            }
        }
    }
}

const BLOWS: [(&str, &[Blow]); 4] = [
    (
        "pwrite64",
        &[
            Blow::Kill,
            Blow::Once("EIO"),
            Blow::Once("ENOSPC"),
            Blow::FromThereOn("ENOSPC"),
        ],
    ),
    ("fsync", &[Blow::Kill, Blow::Once("EIO")]),
    (
        "fdatasync",
        &[Blow::Kill, Blow::Once("EIO"), Blow::FromThereOn("EIO")],
    ),
    // Mail and its log; and what is told.
    ("write", &[Blow::Kill]),
];

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let has_strace = Process::new("strace")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !has_strace {
        println!("skipped: there is no strace");
        return match std::env::var_os("CI") {
            None => ExitCode::SUCCESS,
            Some(_) => ExitCode::FAILURE,
        };
    }
    // What is looked at is looked at here, and may panic over it.
    let outcome = catch_unwind(|| run(&arguments));
    match outcome.unwrap_or_else(|_| Err("who looks at what is kept panics".into())) {
        Ok(true) => return ExitCode::SUCCESS,
        Ok(false) => {}
        Err(error) => eprintln!("{error}"),
    }
    let Arguments {
        seed,
        rounds,
        every,
        flaw: _,
    } = arguments;
    println!(
        "run it again: cargo run --release -p leadkit-proof --bin syscalls -- --seed {seed} \
         --rounds {rounds} --every {every}"
    );
    ExitCode::FAILURE
}

struct Proof {
    kill: PathBuf,
    base: Life,
    rounds: u64,
    flaw: Option<Flaw>,
}

fn run(arguments: &Arguments) -> Result<bool, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let kill = own.with_file_name(format!("kill{}", std::env::consts::EXE_SUFFIX));
    let mut seeds = arguments.seed..arguments.seed.saturating_add(20);
    // In some organisations all that is asked first is refused, and nothing is written.
    let (seed, _folder, proof, calls) = loop {
        let Some(seed) = seeds.next() else {
            return Err("nobody writes anything".into());
        };
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let proof = Proof::begin(folder.path(), &kill, seed, arguments)?;
        let calls = proof.count()?;
        if calls.contains_key("fsync") || calls.contains_key("fdatasync") {
            break (seed, folder, proof, calls);
        }
    };
    println!("a worker's calls, with the seed {seed}: {calls:?}");
    let shows_progress = std::io::stderr().is_terminal();
    let (mut all, mut all_fell) = (0_u64, 0_u64);
    for (call, blows) in BLOWS {
        let count = calls.get(call).copied().unwrap_or_default();
        for blow in blows {
            let (mut planned, mut fell) = (0, 0);
            for nth in (1..=count).step_by(arguments.every.max(1)) {
                let Some(has_fallen) = proof.strike(call, *blow, nth)? else {
                    return Ok(false);
                };
                planned += 1;
                fell += u64::from(has_fallen);
                if shows_progress {
                    eprint!("\r{call} {blow:?} {nth} of {count}   ");
                }
            }
            if fell < planned {
                println!("{call} {blow:?}: of {planned} blows {fell} fell");
            }
            if planned > 0 && fell == 0 {
                return Ok(false);
            }
            all += planned;
            all_fell += fell;
        }
    }
    if !proof.read_only()? {
        return Ok(false);
    }
    println!(
        "{all} blows, of which {all_fell} fell, and a file that can only be read; nothing was found"
    );
    Ok(true)
}

impl Proof {
    /// An organisation that has begun to work.
    fn begin(folder: &Path, kill: &Path, seed: u64, arguments: &Arguments) -> Result<Self, String> {
        let mut base = Life::begin(Place::Sqlite, folder.into(), seed)?;
        let orders = base.next_orders(Some(4))?;
        finish(&mut base, Running::start(&orders, kill, &[])?)?;
        base.pass_time();
        Ok(Self {
            kill: kill.into(),
            base,
            rounds: arguments.rounds,
            flaw: arguments.flaw,
        })
    }

    /// A copy of the folder, to fail in.
    fn copy(&self) -> Result<(tempfile::TempDir, Life), String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        copy(self.base.folder(), folder.path()).map_err(|error| error.to_string())?;
        let life = self.base.moved_to(folder.path().into());
        Ok((folder, life))
    }

    /// How often the busiest thread of a worker makes each call.
    fn count(&self) -> Result<BTreeMap<String, usize>, String> {
        let (folder, mut life) = self.copy()?;
        let log = folder.path().join("calls");
        let trace = "trace=pwrite64,write,fsync,fdatasync";
        let through = ["strace", "-f", "-qq", "-e", trace, "-o"].map(String::from);
        let mut through = Vec::from(through);
        through.push(log.display().to_string());
        let orders = life.next_orders(Some(self.rounds))?;
        let worker = Running::start(&orders, &self.kill, &through)?;
        finish(&mut life, worker)?;
        let text = std::fs::read_to_string(log).map_err(|error| error.to_string())?;
        let mut by_thread: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for line in text.lines() {
            let Some((thread, rest)) = line.split_once(char::is_whitespace) else {
                continue;
            };
            if let Some((call, _)) = rest.trim_start().split_once('(') {
                *by_thread.entry((thread, call)).or_default() += 1;
            }
        }
        let mut most: BTreeMap<String, usize> = BTreeMap::new();
        for ((_, call), count) in by_thread {
            let known = most.entry(call.to_owned()).or_default();
            *known = count.max(*known);
        }
        Ok(most)
    }

    /// One failure, what is on the disk then, and whether work goes on from there. Returns whether the
    /// blow fell, as a worker may come to fewer calls than the one that was counted; nothing, if
    /// something was found.
    fn strike(&self, call: &str, blow: Blow, nth: usize) -> Result<Option<bool>, String> {
        let (folder, mut life) = self.copy()?;
        let inject = match blow {
            Blow::Kill => format!("inject={call}:signal=KILL:when={nth}"),
            Blow::Once(error) => format!("inject={call}:error={error}:when={nth}"),
            Blow::FromThereOn(error) => format!("inject={call}:error={error}:when={nth}+"),
        };
        let log = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
        let through = injecting(call, &inject, log.path());
        let orders = Orders {
            flaw: self.flaw,
            ..life.next_orders(Some(self.rounds))?
        };
        let worker = Running::start(&orders, &self.kill, &through)?;
        let end = life.hear(worker, |end| blow.may_end(end))?;
        let told = std::fs::read_to_string(log.path()).map_err(|error| error.to_string())?;
        let has_fallen = match blow {
            Blow::Kill => end == End::Killed,
            Blow::Once(_) | Blow::FromThereOn(_) => told.contains("(INJECTED)"),
        };
        let context = format!("{call} {blow:?} {nth}");
        if !is_sound(&life.check()?, &context, folder.path()) {
            let _ = folder.keep();
            return Ok(None);
        }
        life.pass_time();
        let orders = life.next_orders(Some(1))?;
        let worker = Running::start(&orders, &self.kill, &[])?;
        if let Err(error) = finish(&mut life, worker) {
            println!("{context}: {error}");
            let _ = folder.keep();
            return Ok(None);
        }
        let found = life.end()?;
        if !is_sound(&found, &context, folder.path()) {
            let _ = folder.keep();
            return Ok(None);
        }
        Ok(Some(has_fallen))
    }

    /// A file that can only be read: nothing is acknowledged, and nothing changes.
    fn read_only(&self) -> Result<bool, String> {
        let (folder, mut life) = self.copy()?;
        let before = life.check()?.entries;
        let (acknowledged, asked) = (life.acknowledged(), life.asked());
        let inject = "inject=pwrite64:error=EROFS:when=1+";
        let log = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
        let mut through = injecting("pwrite64", inject, log.path());
        // Not what the readers share, without which nobody could even begin.
        let file = Place::Sqlite.file(folder.path()).display().to_string();
        for path in [format!("{file}-wal"), file] {
            through.extend(["-P".to_owned(), path]);
        }
        let orders = life.next_orders(Some(self.rounds))?;
        let worker = Running::start(&orders, &self.kill, &through)?;
        life.hear(worker, |end| Blow::FromThereOn("EROFS").may_end(end))?;
        // What was not tried proves nothing.
        let told = std::fs::read_to_string(log.path()).map_err(|error| error.to_string())?;
        if life.asked() == asked || !told.contains("(INJECTED)") {
            println!("nobody tried to write to a file that can only be read");
            return Ok(false);
        }
        let found = life.check()?;
        if found.entries != before || life.acknowledged() != acknowledged {
            println!(
                "a file that can only be read had {before} entries and has {}",
                found.entries
            );
            return Ok(false);
        }
        Ok(is_sound(&found, "read-only", folder.path()))
    }
}

/// Hears a worker that nothing happens to.
fn finish(life: &mut Life, worker: Running) -> Result<(), String> {
    match life.hear(worker, |end| *end == End::Finished)? {
        End::Finished => Ok(()),
        end => Err(format!("a worker that nothing happens to {end}")),
    }
}

/// What a worker is started through, so that a call of its fails; told in `log`.
fn injecting(call: &str, inject: &str, log: &Path) -> Vec<String> {
    let trace = format!("trace={call}");
    let log = log.display().to_string();
    // With `--seccomp-bpf` it would be faster, and strace loses most of the signals that it is to send.
    let through = ["strace", "-f", "-qq", "-o", &log];
    let through = through.into_iter().chain(["-e", &trace, "-e", inject]);
    through.map(String::from).collect()
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => std::fs::copy(entry.path(), target).map(drop)?,
        }
    }
    Ok(())
}

fn is_sound(found: &Checked, context: &str, folder: &Path) -> bool {
    if found.findings.is_empty() {
        return true;
    }
    println!("{context}, in {}:", folder.display());
    for finding in found.findings.iter().take(8) {
        println!("  {finding}");
    }
    for line in &found.timelines {
        println!("    {line}");
    }
    false
}
