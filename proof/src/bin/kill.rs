//! Kills workers while they work, or the server that they work on, again and again, and looks at what
//! is kept.

use std::io::IsTerminal as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use leadkit_proof::dice::Dice;
use leadkit_proof::kill::{
    Checked, Database, End, Flaw, GAVE_UP, Life, Orders, Place, Running, work,
};

/// Starts workers, kills them or their server at random moments (`kill -9`), and looks at what is
/// kept: what was acknowledged must be there, and nothing may have happened twice.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    inner: Option<Inner>,
    /// Where the records are kept: sqlite or postgres. PostgreSQL is a throwaway cluster, or, for
    /// workers, what LEADKIT_TEST_POSTGRES_URL names.
    #[arg(long, default_value = "sqlite", value_parser = Place::named)]
    store: Place,
    /// What to kill.
    #[arg(long, value_enum, default_value_t = Target::Worker)]
    kill: Target,
    /// How many of them to kill.
    #[arg(long, default_value_t = 200)]
    times: u64,
    /// How many work at once; two, or four where the server is killed.
    #[arg(long)]
    workers: Option<u64>,
    /// After how many kills to begin anew in an empty folder; forty workers, or ten servers.
    #[arg(long)]
    life: Option<u64>,
    /// What all chance follows from, but for the moments at which workers are when they die.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The longest that a worker lives or a server works, in milliseconds: 150 on SQLite, 300 on
    /// PostgreSQL, and 800 for a server.
    #[arg(long)]
    longest_ms: Option<u64>,
    /// Tell the figures as JSON.
    #[arg(long)]
    json: bool,
    /// What is wrong with the workers, on purpose.
    #[arg(long, value_enum, hide = true)]
    flaw: Option<Flaw>,
}

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Worker processes.
    Worker,
    /// The database server, with all its processes.
    Server,
}

#[derive(Debug, Subcommand)]
enum Inner {
    /// Works until it is killed: what this program starts.
    #[command(hide = true)]
    Worker {
        #[arg(long, value_parser = Place::named)]
        store: Place,
        #[arg(long)]
        folder: PathBuf,
        #[arg(long)]
        seed: u64,
        #[arg(long)]
        incarnation: u64,
        #[arg(long)]
        now_micros: i64,
        #[arg(long)]
        rounds: Option<u64>,
        #[arg(long, value_enum)]
        flaw: Option<Flaw>,
    },
}

/// How much happened.
#[derive(Debug, Default, serde::Serialize)]
struct Figures {
    store: String,
    killed: String,
    seed: u64,
    kills: u64,
    lives: u64,
    commands: u64,
    acknowledged: u64,
    entries: u64,
    hand_overs: u64,
    seconds: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (outcome, error_code) = match &arguments.inner {
        Some(inner) => (inner.work().map(|()| true), ExitCode::from(GAVE_UP)),
        None => (kill(&arguments), ExitCode::FAILURE),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            error_code
        }
    }
}

impl Inner {
    fn work(&self) -> Result<(), String> {
        let Self::Worker {
            store,
            folder,
            seed,
            incarnation,
            now_micros,
            rounds,
            flaw,
        } = self;
        work(&Orders {
            place: *store,
            folder: folder.clone(),
            seed: *seed,
            incarnation: *incarnation,
            now_micros: *now_micros,
            rounds: *rounds,
            flaw: *flaw,
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "how long the run took")]
fn kill(arguments: &Arguments) -> Result<bool, String> {
    let began = std::time::Instant::now();
    let database = match (arguments.store, arguments.kill) {
        (Place::Sqlite, Target::Worker) => None,
        (Place::Sqlite, Target::Server) => return Err("SQLite has no server to kill".into()),
        (Place::Postgres, target) => match server(target)? {
            None => return Ok(true),
            database => database,
        },
    };
    let mut storm = Storm::new(arguments, database)?;
    while storm.figures.kills < arguments.times {
        // What is looked at is looked at here, and may panic over it.
        let lived = catch_unwind(AssertUnwindSafe(|| storm.live()));
        let lived = lived.unwrap_or_else(|_| Err("who looks at what is kept panics".into()));
        if !matches!(lived, Ok(true)) {
            println!("run it again: {}", storm.again());
            return lived;
        }
    }
    storm.figures.seconds = began.elapsed().as_secs();
    storm.tell()?;
    Ok(true)
}

/// The server that is worked on; `None`, and a word about it, if there is none.
fn server(target: Target) -> Result<Option<Database>, String> {
    if let (Target::Worker, Ok(url)) = (target, std::env::var("LEADKIT_TEST_POSTGRES_URL")) {
        return Ok(Some(Database::given(url)));
    }
    // A worker's death loses nothing that its server only believes to be on the disk.
    let database = Database::throwaway(target == Target::Server)?;
    if database.is_none() {
        if std::env::var("CI").is_ok_and(|ci| ci == "true") {
            return Err("PostgreSQL's server binaries are missing".into());
        }
        println!("skipped: there is no PostgreSQL");
    }
    Ok(database)
}

/// All that is done to workers and their server.
struct Storm<'a> {
    arguments: &'a Arguments,
    own: PathBuf,
    database: Option<Database>,
    dice: Dice,
    figures: Figures,
    workers: u64,
    life: u64,
    longest_ms: i64,
    /// How many had been killed when the folder that is lived in now was begun.
    killed_before: u64,
}

impl<'a> Storm<'a> {
    fn new(arguments: &'a Arguments, database: Option<Database>) -> Result<Self, String> {
        let (workers, life, longest_ms) = match (arguments.kill, arguments.store) {
            (Target::Worker, Place::Sqlite) => (2, 40, 150),
            (Target::Worker, Place::Postgres) => (2, 40, 300),
            (Target::Server, _) => (4, 10, 800),
        };
        let longest_ms = arguments.longest_ms.unwrap_or(longest_ms);
        let figures = Figures {
            store: arguments.store.name().into(),
            killed: match arguments.kill {
                Target::Worker => "workers".into(),
                Target::Server => "servers".into(),
            },
            seed: arguments.seed,
            ..Figures::default()
        };
        Ok(Self {
            arguments,
            own: std::env::current_exe().map_err(|error| error.to_string())?,
            database,
            dice: Dice::of(arguments.seed, 0),
            figures,
            workers: arguments.workers.unwrap_or(workers).max(1),
            life: arguments.life.unwrap_or(life).max(1),
            longest_ms: i64::try_from(longest_ms).unwrap_or(i64::MAX),
            killed_before: 0,
        })
    }

    /// What the folder that is lived in follows from: nothing else of the run does.
    fn seed(&self) -> u64 {
        self.arguments.seed.wrapping_add(self.figures.lives)
    }

    /// How to live in the same folder again.
    fn again(&self) -> String {
        let Arguments {
            inner: _,
            store,
            kill,
            times,
            workers,
            life,
            seed: _,
            longest_ms,
            json: _,
            flaw: _,
        } = self.arguments;
        let target = match kill {
            Target::Worker => "worker",
            Target::Server => "server",
        };
        let times = times.saturating_sub(self.killed_before).min(self.life);
        let mut again = format!(
            "cargo run --release -p leadkit-proof --bin kill -- --store {} --kill {target} \
             --seed {} --times {times}",
            store.name(),
            self.seed(),
        );
        let others = [
            ("workers", workers),
            ("life", life),
            ("longest-ms", longest_ms),
        ];
        for (name, given) in others {
            if let Some(given) = given {
                again += &format!(" --{name} {given}");
            }
        }
        again
    }

    /// One folder and its database, from the first worker to the last.
    fn live(&mut self) -> Result<bool, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let seed = self.seed();
        self.dice = Dice::of(seed, 0);
        self.killed_before = self.figures.kills;
        let place = self.arguments.store;
        let url = self.database.as_mut().map(Database::fresh).transpose()?;
        if let Some(url) = &url {
            let file = place.file(folder.path());
            std::fs::write(&file, url).map_err(|error| format!("{file:?}: {error}"))?;
        }
        let life = Life::begin(place, folder.path().into(), seed)?;
        let is_sound = self.live_through(life)?;
        if !is_sound {
            let _ = folder.keep();
            if let Some(kept) = self.database.as_mut().and_then(Database::keep) {
                println!("the cluster is kept in {}", kept.display());
            }
            return Ok(false);
        }
        match (&self.database, &url) {
            (Some(database), Some(url)) => database.drop_database(url).map(|()| true),
            _ => Ok(true),
        }
    }

    fn live_through(&mut self, mut life: Life) -> Result<bool, String> {
        let shows_progress = std::io::stderr().is_terminal();
        let last = self.figures.kills + self.life;
        // The first sets the people up, in peace.
        let orders = life.next_orders(Some(1))?;
        let first = Running::start(&orders, &self.own, &[])?;
        let end = life.hear(first, |end| *end == End::Finished)?;
        if end != End::Finished {
            return Err(format!("a worker that nothing happens to {end}"));
        }
        let times = self.arguments.times;
        while self.figures.kills < times.min(last) {
            match self.arguments.kill {
                Target::Worker => self.kill_workers(&mut life)?,
                Target::Server => self.kill_server(&mut life)?,
            }
            let found = life.check()?;
            if !is_sound(&found, self.figures.kills, life.folder()) {
                return Ok(false);
            }
            life.pass_time();
            if shows_progress {
                eprint!("\r{} of {times} kills", self.figures.kills);
            }
        }
        let found = life.end()?;
        let figures = &mut self.figures;
        figures.lives += 1;
        figures.commands += life.asked() as u64;
        figures.acknowledged += life.acknowledged() as u64;
        figures.entries += found.entries as u64;
        figures.hand_overs += found.hand_overs as u64;
        Ok(is_sound(&found, figures.kills, life.folder()))
    }

    fn start_workers(&self, life: &mut Life) -> Result<Vec<Running>, String> {
        let workers = 0..self.workers;
        let start = workers.map(|_| {
            let orders = Orders {
                flaw: self.arguments.flaw,
                ..life.next_orders(None)?
            };
            Running::start(&orders, &self.own, &[])
        });
        start.collect()
    }

    fn pause(&mut self, least: i64) {
        let ms = self.dice.between(least, self.longest_ms.max(least));
        std::thread::sleep(Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
    }

    /// Kills some workers, one after the other.
    fn kill_workers(&mut self, life: &mut Life) -> Result<(), String> {
        for worker in self.start_workers(life)? {
            self.pause(0);
            let end = life.kill(worker)?;
            self.figures.kills += u64::from(end == End::Killed);
        }
        Ok(())
    }

    /// Kills the server while workers work, and some of them with it. The others must come back to it by
    /// themselves, and work on until they are killed.
    fn kill_server(&mut self, life: &mut Life) -> Result<(), String> {
        let database = || "there is no server to kill";
        let running = self.start_workers(life)?;
        // So long that most have begun.
        self.pause(100);
        self.database.as_mut().ok_or_else(database)?.kill()?;
        self.figures.kills += 1;
        let mut survivors = Vec::new();
        for worker in running {
            match self.dice.one_in(3) {
                true => drop(life.kill(worker)?),
                false => survivors.push(worker),
            }
        }
        self.database.as_mut().ok_or_else(database)?.start()?;
        let answers: Vec<usize> = survivors.iter().map(Running::answers).collect();
        for (worker, before) in survivors.iter_mut().zip(answers) {
            await_answer(worker, before)?;
        }
        for worker in survivors {
            self.pause(0);
            life.kill(worker)?;
        }
        Ok(())
    }

    fn tell(&self) -> Result<(), String> {
        if self.arguments.json {
            let text = serde_json::to_string(&self.figures).map_err(|error| error.to_string())?;
            println!("{text}");
            return Ok(());
        }
        let Figures {
            store,
            killed,
            seed: _,
            kills,
            lives,
            commands,
            acknowledged,
            entries,
            hand_overs,
            seconds,
        } = &self.figures;
        println!(
            "{kills} {killed} killed on {store} in {lives} folders: {commands} commands, \
             {acknowledged} acknowledged, {entries} journal entries, {hand_overs} hand-overs, \
             {seconds} s; nothing was found"
        );
        Ok(())
    }
}

/// Waits until a worker is answered again by the server, which is back. One that has ended is found
/// when it is heard.
fn await_answer(worker: &mut Running, before: usize) -> Result<(), String> {
    for _ in 0..3_000 {
        if worker.answers() > before || worker.has_ended()? {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err("a worker did not come back to its server within half a minute".into())
}

fn is_sound(found: &Checked, kills: u64, folder: &Path) -> bool {
    if found.findings.is_empty() {
        return true;
    }
    println!("after {kills} kills, in {}:", folder.display());
    for finding in found.findings.iter().take(8) {
        println!("  {finding}");
    }
    for line in &found.timelines {
        println!("    {line}");
    }
    false
}
