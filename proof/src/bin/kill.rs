//! Kills workers while they work, again and again, and looks at what is on the disk.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use leadkit_proof::dice::Dice;
use leadkit_proof::kill::{Checked, Life, Orders, Place, work};

/// Starts workers, kills them at random moments (`kill -9`), and looks at what is on the disk: what
/// was acknowledged must be there, and nothing may have happened twice.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    inner: Option<Inner>,
    /// Where the records are kept: sqlite.
    #[arg(long, default_value = "sqlite", value_parser = Place::named)]
    store: Place,
    /// How many workers to kill.
    #[arg(long, default_value_t = 200)]
    times: u64,
    /// How many work at once.
    #[arg(long, default_value_t = 2)]
    workers: u64,
    /// After how many kills to begin anew in an empty folder.
    #[arg(long, default_value_t = 40)]
    life: u64,
    /// What all chance follows from, but for the moments at which workers are when they die.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The longest that a worker lives, in milliseconds.
    #[arg(long, default_value_t = 150)]
    longest_ms: u64,
    /// Tell the figures as JSON.
    #[arg(long)]
    json: bool,
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
    },
}

/// How much happened.
#[derive(Debug, Default, serde::Serialize)]
struct Figures {
    store: String,
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
    let outcome = match &arguments.inner {
        Some(Inner::Worker {
            store,
            folder,
            seed,
            incarnation,
            now_micros,
            rounds,
        }) => work(&Orders {
            place: *store,
            folder: folder.clone(),
            seed: *seed,
            incarnation: *incarnation,
            now_micros: *now_micros,
            rounds: *rounds,
        })
        .map(|()| true),
        None => kill(&arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long the run took")]
fn kill(arguments: &Arguments) -> Result<bool, String> {
    let began = std::time::Instant::now();
    let mut figures = Figures {
        store: arguments.store.name().into(),
        seed: arguments.seed,
        ..Figures::default()
    };
    let mut dice = Dice::of(arguments.seed, 0);
    while figures.kills < arguments.times {
        if !live(arguments, &mut figures, &mut dice)? {
            return Ok(false);
        }
    }
    figures.seconds = began.elapsed().as_secs();
    if arguments.json {
        let text = serde_json::to_string(&figures).map_err(|error| error.to_string())?;
        println!("{text}");
    } else {
        let Figures {
            store,
            kills,
            lives,
            commands,
            acknowledged,
            entries,
            hand_overs,
            seconds,
            ..
        } = &figures;
        println!(
            "{kills} workers killed on {store} in {lives} folders: {commands} commands, \
             {acknowledged} acknowledged, {entries} journal entries, {hand_overs} hand-overs, \
             {seconds} s; nothing was found"
        );
    }
    Ok(true)
}

/// One folder, from the first worker to the last.
fn live(arguments: &Arguments, figures: &mut Figures, dice: &mut Dice) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let seed = arguments.seed.wrapping_add(figures.lives);
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut life = Life::begin(arguments.store, folder.path().into(), seed)?;
    let shows_progress = std::io::stderr().is_terminal();
    let last = figures.kills + arguments.life;
    // The first sets the people up, in peace.
    let orders = life.next_orders(Some(1))?;
    let first = Life::start(&orders, &own, &[])?;
    life.hear(first, false)?;
    while figures.kills < arguments.times.min(last) {
        let mut running = Vec::new();
        for _ in 0..arguments.workers.max(1) {
            let orders = life.next_orders(None)?;
            running.push(Life::start(&orders, &own, &[])?);
        }
        for worker in running {
            let most = i64::try_from(arguments.longest_ms).unwrap_or(100);
            let lives_ms = u64::try_from(dice.between(0, most)).unwrap_or(0);
            std::thread::sleep(Duration::from_millis(lives_ms));
            life.hear(worker, true)?;
            figures.kills += 1;
        }
        let found = life.check()?;
        if !is_sound(&found, figures.kills, folder.path()) {
            let _ = folder.keep();
            return Ok(false);
        }
        life.pass_time();
        if shows_progress {
            eprint!("\r{} of {} kills", figures.kills, arguments.times);
        }
    }
    let found = life.end()?;
    figures.lives += 1;
    figures.commands += life.asked() as u64;
    figures.acknowledged += life.acknowledged() as u64;
    figures.entries += found.entries as u64;
    figures.hand_overs += found.hand_overs as u64;
    let is_sound = is_sound(&found, figures.kills, folder.path());
    if !is_sound {
        let _ = folder.keep();
    }
    Ok(is_sound)
}

fn is_sound(found: &Checked, kills: u64, folder: &std::path::Path) -> bool {
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
