//! The `leadkit` program: checks, tests, explains and replays playbooks, and looks after databases.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser as _;
use leadkit::clock::{Clock as _, SystemClock};
use leadkit_cli::adopt::{Adopt, Mode};
use leadkit_cli::by_ids::ByIds;
use leadkit_cli::check::Depth;
use leadkit_cli::database::Place;
use leadkit_cli::duplicates::{Distinguish, Duplicates, Merge, Unmerge};
use leadkit_cli::explain::{Explain, Which};
use leadkit_cli::leads::{Direction, Leads};
use leadkit_cli::messages::{Messages, Settle};
use leadkit_cli::replay::Replay;
use leadkit_cli::set_aside::SetAside;
use leadkit_cli::snippets::Style;
use leadkit_cli::sweeps::Sweeps;
use leadkit_cli::{
    Failure, Progress, Reported, Warned, adopt, check, duplicates, explain, leads, messages,
    replay, set_aside, sweeps, test,
};

use arguments::{Cli, Command, OfDatabase, On, Waiting};

mod arguments;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return wrongly_asked(&error),
    };
    let wants_json = cli.json;
    let style = |is_terminal: bool| {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if is_terminal && !no_colour {
            Style::Coloured
        } else {
            Style::Plain
        }
    };
    let (printed, code) = match carry_out(cli) {
        Ok(reported) => {
            let code = u8::from(!reported.is_well);
            if wants_json {
                (print(io::stdout(), &pretty(&reported.json)), code)
            } else {
                let printed = print(io::stdout(), &reported.text);
                let warned = warned(&reported.warnings);
                (printed.and_then(|()| print(io::stderr(), &warned)), code)
            }
        }
        Err(failure) if wants_json => (
            print(io::stdout(), &pretty(&failure.json())),
            failure.exit_code(),
        ),
        Err(failure) => {
            // What a check finds is what was asked for; the rest is in the way of it.
            let told = |style| format!("{}\n", failure.told(style));
            let printed = if failure.exit_code() == 1 {
                print(io::stdout(), &told(style(io::stdout().is_terminal())))
            } else {
                print(io::stderr(), &told(style(io::stderr().is_terminal())))
            };
            (printed, failure.exit_code())
        }
    };
    match printed {
        Err(error) if !read_enough(&error) => {
            // There may be nowhere left to say so.
            let _ = print(
                io::stderr(),
                &format!("error: nothing could be printed: {error}\n"),
            );
            ExitCode::from(2)
        }
        _ => ExitCode::from(code),
    }
}

fn warned(warnings: &[Warned]) -> String {
    let lines = warnings.iter().map(|one| format!("warning: {one}\n"));
    lines.collect()
}

/// Whether whoever reads has read enough: `| head -1`.
fn read_enough(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// Help and the version are what was asked for; the rest is told as JSON if that was asked for.
fn wrongly_asked(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().any(|argument| argument == "--json");
    let printed = if error.use_stderr() && wants_json {
        let message = error.to_string();
        let json = serde_json::json!({ "error": { "kind": "usage", "message": message.trim() } });
        print(io::stdout(), &pretty(&json))
    } else {
        error.print()
    };
    let code = if error.use_stderr() { 2 } else { 0 };
    match printed {
        Err(error) if !read_enough(&error) => ExitCode::from(2),
        _ => ExitCode::from(code),
    }
}

fn print(mut to: impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}

fn pretty(json: &serde_json::Value) -> String {
    format!("{json:#}\n")
}

/// Bars where somebody watches, and lines in a log.
fn progress() -> Progress {
    match io::stderr().is_terminal() {
        true => Progress::Shown,
        false => Progress::Told,
    }
}

fn carry_out(cli: Cli) -> Result<Reported, Failure> {
    match cli.command {
        Command::Check {
            playbook,
            explain,
            with,
        } => {
            let depth = if explain {
                Depth::Explained
            } else {
                Depth::Summary
            };
            check::check(&playbook, &with, depth, SystemClock.now())
        }
        Command::Test { playbook, only, on } => {
            let on = match on {
                On::Memory => test::On::Memory,
                On::Sqlite => test::On::Sqlite,
                On::Both => test::On::Both,
            };
            test::test(&playbook, only.as_deref(), on, progress())
        }
        Command::Replay {
            playbook,
            map,
            db,
            until,
            tenant,
        } => replay::replay(&Replay {
            playbook,
            map,
            db: db.map(Place::to_replay_into).transpose()?,
            until,
            tenant,
            progress: progress(),
        }),
        Command::OfDatabase(asked) => of_database(asked),
    }
}

/// Those that look into a database, or settle what waits there.
fn of_database(asked: OfDatabase) -> Result<Reported, Failure> {
    match asked {
        OfDatabase::Explain {
            database,
            lead,
            email,
            find,
            last,
        } => {
            let which = match (lead, email, find) {
                (_, Some(email), _) => Which::Email(email),
                (_, _, Some(text)) => Which::Find(text),
                (lead, ..) => Which::Id(lead.unwrap_or_default()),
            };
            explain::explain(&Explain {
                database,
                which,
                last,
                progress: progress(),
            })
        }
        OfDatabase::Leads {
            database,
            condition,
            find,
            count_by,
            order,
            descending,
            limit,
            now,
        } => leads::leads(&Leads {
            database,
            condition,
            find,
            count_by: count_by.iter().map(|fact| fact.trim().into()).collect(),
            order,
            direction: if descending {
                Direction::Descending
            } else {
                Direction::Ascending
            },
            limit,
            now,
            progress: progress(),
        }),
        OfDatabase::Messages {
            database,
            in_doubt,
            set_aside,
            to,
            condition,
            limit,
        } => messages::messages(&Messages {
            database,
            which: match (in_doubt, set_aside) {
                (false, false) => messages::Which::All,
                (true, false) => messages::Which::InDoubt,
                (false, true) => messages::Which::SetAside,
                (true, true) => messages::Which::Waiting,
            },
            to,
            condition,
            limit,
        }),
        OfDatabase::Adopt {
            database,
            former,
            stages,
            by,
            yes,
            dry_run: _,
        } => adopt::adopt(&Adopt {
            database,
            former,
            stages,
            by,
            mode: match yes {
                true => Mode::Done,
                false => Mode::Shown,
            },
            progress: progress(),
        }),
        OfDatabase::Waiting(asked) => waiting(asked),
    }
}

/// Those that list and settle what waits.
fn waiting(asked: Waiting) -> Result<Reported, Failure> {
    match asked {
        Waiting::Settle {
            database,
            message,
            fate,
            who,
        } => messages::settle(&Settle {
            database,
            message,
            fate: fate.into(),
            by: who.by,
        }),
        Waiting::SetAside { database, limit } => {
            set_aside::set_aside(&SetAside { database, limit })
        }
        Waiting::Sweeps { database, all } => sweeps::sweeps(&Sweeps {
            database,
            which: if all {
                sweeps::Which::All
            } else {
                sweeps::Which::Unfinished
            },
        }),
        Waiting::Duplicates { database } => duplicates::duplicates(&Duplicates {
            database,
            progress: progress(),
        }),
        Waiting::Merge {
            database,
            into,
            from,
            by,
        } => duplicates::merge(&Merge {
            database,
            into,
            from,
            by,
        }),
        Waiting::Unmerge {
            database,
            contact,
            by,
        } => duplicates::unmerge(&Unmerge {
            database,
            contact,
            by,
        }),
        Waiting::Distinguish {
            database,
            one,
            other,
            by,
        } => duplicates::distinguish(&Distinguish {
            database,
            one,
            other,
            by,
        }),
        Waiting::Cancel { database, ids, by } => sweeps::cancel(&ByIds { database, ids, by }),
        Waiting::Retry { database, ids, who } => set_aside::retry(&ByIds {
            database,
            ids,
            by: who.by,
        }),
    }
}
