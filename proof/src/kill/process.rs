//! A worker's process, as who started it sees it: what it tells, and how it ends.

use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::path::Path;
use std::process::{Child, Command as Process, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use clap::ValueEnum as _;

use super::Orders;
use super::worker::{GAVE_UP, Says};

/// How a worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It did all its rounds, and said so.
    Finished,
    /// It was killed.
    Killed,
    /// It said what keeps it from beginning, which is this.
    GaveUp(String),
    /// It ended by itself in any other way: it panicked, a signal ended it, or it left without a
    /// word. This is its status, and the last that it said.
    Crashed(String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("finished"),
            Self::Killed => f.write_str("was killed"),
            Self::GaveUp(why) => write!(f, "gave up: {why}"),
            Self::Crashed(how) => write!(f, "ended by itself: {how}"),
        }
    }
}

/// A worker that runs.
#[derive(Debug)]
pub struct Running {
    incarnation: u64,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    listener: JoinHandle<()>,
    errors: File,
}

/// What there is to know of a worker that is no more.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) incarnation: u64,
    pub(super) says: Vec<Says>,
    pub(super) end: End,
}

impl Running {
    /// Starts a worker: the program `kill`, through another one (`strace`) if one is given with its
    /// arguments.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(orders: &Orders, kill: &Path, through: &[String]) -> Result<Self, String> {
        let mut process = match through.split_first() {
            Some((program, words)) => {
                let mut process = Process::new(program);
                process.args(words).arg(kill);
                process
            }
            None => Process::new(kill),
        };
        process
            .arg("worker")
            .args(["--store", orders.place.name()])
            .args(["--seed", &orders.seed.to_string()])
            .args(["--incarnation", &orders.incarnation.to_string()])
            .args(["--now-micros", &orders.now_micros.to_string()])
            .arg("--folder")
            .arg(&orders.folder);
        if let Some(rounds) = orders.rounds {
            process.args(["--rounds", &rounds.to_string()]);
        }
        if let Some(flaw) = orders.flaw.and_then(|flaw| flaw.to_possible_value()) {
            process.args(["--flaw", flaw.get_name()]);
        }
        let told = |error: std::io::Error| format!("the worker can't be started: {error}");
        let errors = tempfile::tempfile().map_err(told)?;
        let mut child = process
            .stdout(Stdio::piped())
            .stderr(errors.try_clone().map_err(told)?)
            .spawn()
            .map_err(told)?;
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let out = child.stdout.take().ok_or("the worker has no pipe")?;
        let heard = Arc::clone(&lines);
        let listener = std::thread::spawn(move || {
            let mut out = BufReader::new(out);
            let mut line = String::new();
            while out.read_line(&mut line).is_ok_and(|read| read > 0) {
                // What was cut off was not said.
                if line.ends_with('\n') {
                    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                    heard.push(std::mem::take(&mut line));
                }
                line.clear();
            }
        });
        Ok(Self {
            incarnation: orders.incarnation,
            child,
            lines,
            listener,
            errors,
        })
    }

    /// How many answers of its store it has told of.
    #[must_use]
    pub fn answers(&self) -> usize {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let told = lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok());
        told.filter(|says| matches!(says, Says::Done(_) | Says::Before(_) | Says::Refused(_)))
            .count()
    }

    /// Whether it is no more.
    ///
    /// # Errors
    /// When the system doesn't know.
    pub fn has_ended(&mut self) -> Result<bool, String> {
        let status = self.child.try_wait().map_err(|error| error.to_string())?;
        Ok(status.is_some())
    }

    /// Kills it, unless it has ended by itself meanwhile.
    pub(super) fn kill(&mut self) -> Result<(), String> {
        self.child.kill().map_err(|error| error.to_string())
    }

    /// Waits for its end.
    pub(super) fn wait(mut self) -> Result<Ended, String> {
        let status = self.child.wait().map_err(|error| error.to_string())?;
        let _ = self.listener.join();
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let says = lines
            .iter()
            .map(|line| serde_json::from_str(line).map_err(|error| format!("{line}: {error}")));
        let says: Vec<Says> = says.collect::<Result<_, _>>()?;
        let has_finished = says.iter().any(|says| matches!(says, Says::Finished));
        let last = last_lines(&mut self.errors).unwrap_or_else(|error| error.to_string());
        let end = match (status.code(), has_finished) {
            _ if is_killed(status) => End::Killed,
            (Some(0), true) => End::Finished,
            (Some(code), false) if code == i32::from(GAVE_UP) => End::GaveUp(last),
            _ => End::Crashed(format!("{status}; {last}")),
        };
        Ok(Ended {
            incarnation: self.incarnation,
            says,
            end,
        })
    }
}

/// The last of what was written to a file.
pub(super) fn last_lines(file: &mut File) -> std::io::Result<String> {
    const MOST: usize = 16;
    let mut text = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let mut last: Vec<&str> = text.lines().rev().take(MOST).collect();
    last.reverse();
    Ok(last.join("\n"))
}

/// Whether a process was killed (`kill -9`).
#[cfg(unix)]
pub(super) fn is_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    const SIGKILL: i32 = 9;
    status.signal() == Some(SIGKILL)
}

/// Whether a process was killed: one ends like that only then.
#[cfg(not(unix))]
pub(super) fn is_killed(status: ExitStatus) -> bool {
    status.code() == Some(1)
}
