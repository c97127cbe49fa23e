//! What a replay did and what came of it, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::figures::Figures;
use super::{ContactDiffers, FileRead, LeftOut, Refused, Replayed, RowsOf, Warning, refused};
use crate::database::REHEARSED;
use crate::report::{counted, grouped, table as text_table, table_of_numbers, times};
use crate::{listing, set_aside};

/// The report for people.
pub(super) fn told(replayed: &Replayed) -> String {
    let mut text = String::new();
    let figures = &replayed.figures;
    for file in &replayed.files {
        tell_file(&mut text, file);
    }
    tell_rows(&mut text, replayed);
    tell_left_out(&mut text, replayed);
    match (&replayed.lived_from, &replayed.clock) {
        (Some(from), Some(clock)) => {
            let zone = &replayed.zone;
            let _ = writeln!(text, "lived from {from} until {clock} (times in {zone})");
        }
        _ => text.push_str("no row says when anything happened\n"),
    }
    tell_rules(&mut text, replayed);
    let _ = writeln!(
        text,
        "\n{} arrived on {}; {} open{}",
        counted(figures.leads, "lead"),
        counted(figures.arrival_days as u64, "day"),
        grouped(figures.open),
        figures
            .outcomes
            .iter()
            .map(|(outcome, leads)| format!(", {} {outcome}", grouped(*leads)))
            .collect::<String>(),
    );
    tell_stages(&mut text, figures);
    tell_months(&mut text, figures);
    tell_agents(&mut text, figures);
    tell_tasks(&mut text, figures);
    if !figures.messages.is_empty() {
        let _ = writeln!(text, "\n{REHEARSED}");
        let mut table = table_of_numbers(2, ["message", "state", "count"]);
        for messages in &figures.messages {
            table.add_row([
                &messages.template,
                &messages.state,
                &grouped(messages.count),
            ]);
        }
        let _ = writeln!(text, "{table}");
    }
    tell_nobody(&mut text, figures);
    tell_troubles(&mut text, figures);
    if !figures.flagged.is_empty() {
        let mut table = text_table(["flagged lead", "contact", "because"]);
        for flagged in figures.flagged.iter().take(MOST_TOLD) {
            table.add_row([&flagged.lead, &flagged.contact, &flagged.flags.join(", ")]);
        }
        let _ = writeln!(text, "\n{table}");
        tell_more(&mut text, figures.flagged.len());
    }
    tell_warnings(&mut text, replayed);
    tell_contacts(&mut text, &replayed.contacts_differ);
    tell_refused(&mut text, replayed);
    text
}

/// What became of all rows, and of the commands in them: either adds up.
fn tell_rows(text: &mut String, replayed: &Replayed) {
    let RowsOf {
        carried_out,
        done_before,
        left_out,
        passed_over,
        refused,
    } = replayed.rows_of;
    let rows = adding_up(&[
        (carried_out, "carried out"),
        (done_before, "done before"),
        (left_out, "left out by --until"),
        (passed_over, "of no command"),
        (refused, "refused"),
    ]);
    let listed = replayed.refused.iter();
    let refused = listed.filter(|one| one.command.is_some()).count() as u64;
    let commands = adding_up(&[
        (replayed.carried_out, "carried out"),
        (replayed.done_before, "done before"),
        (replayed.left_out, "left out by --until"),
        (refused, "refused"),
    ]);
    let _ = writeln!(text, "{}{rows}", counted(replayed.rows, "row"));
    let _ = writeln!(text, "{}{commands}", counted(replayed.commands, "command"));
}

/// A file, how it was read, and how many of its rows match no command.
fn tell_file(text: &mut String, file: &FileRead) {
    let delimiter = match file.delimiter {
        '\t' => "tab".to_owned(),
        sign => format!("`{sign}`"),
    };
    let (name, encoding) = (&file.file, file.encoding);
    let rows = counted(file.rows as u64, "row");
    let _ = write!(text, "{name}: {rows} ({encoding}, {delimiter})");
    let lines = file.passed_over.as_slice();
    if !lines.is_empty() {
        let count = grouped(lines.len() as u64);
        let word = if lines.len() == 1 { "matches" } else { "match" };
        let lines = told_lines(lines);
        let _ = write!(text, "; {count} {word} no command ({lines})");
    }
    text.push('\n');
}

/// How often rules fired, and how often they came to their time in vain: in this run, and in all of
/// those into the same database.
fn tell_rules(text: &mut String, replayed: &Replayed) {
    let in_all = replayed.figures.rules_fired;
    text.push_str(&match replayed.rules_fired {
        0 => "no rule fired".to_owned(),
        fired => format!("rules fired {}", times(fired)),
    });
    if in_all > replayed.rules_fired {
        let _ = write!(text, " in this run, {} in all", times(in_all));
    }
    if replayed.rules_skipped > 0 {
        let skipped = times(replayed.rules_skipped);
        let _ = write!(
            text,
            "; {skipped} one was skipped, since its condition did not hold"
        );
    }
    text.push('\n');
}

/// What comes after the time to stop at: file by file, with its first lines. Rows of which something
/// else was refused count as that, and are listed there.
fn tell_left_out(text: &mut String, replayed: &Replayed) {
    let refused = refused::distinct(&replayed.refused);
    let is_refused = |left: &&LeftOut| refused.contains(&(left.file.as_str(), left.line));
    let (of_refused, left_out): (Vec<&LeftOut>, Vec<&LeftOut>) =
        replayed.left_out_commands.iter().partition(is_refused);
    let files = left_out.chunk_by(|one, next| one.file == next.file);
    let mut told: Vec<String> = files
        .filter_map(|of_file| {
            let mut lines: Vec<u64> = of_file.iter().map(|left| left.line).collect();
            lines.dedup();
            Some(format!("{} {}", of_file.first()?.file, told_lines(&lines)))
        })
        .collect();
    if !of_refused.is_empty() {
        let commands = counted(of_refused.len() as u64, "command");
        told.push(format!("{commands} of rows that count as refused"));
    }
    if !told.is_empty() {
        let _ = writeln!(text, "left out: {}", told.join("; "));
    }
}

/// What was carried out, and is probably not meant.
fn tell_warnings(text: &mut String, replayed: &Replayed) {
    let warnings = &replayed.warnings;
    for (number, warning) in warnings.iter().take(MOST_TOLD).enumerate() {
        let Warning {
            file,
            line,
            lines,
            count,
            message,
            hint,
        } = warning;
        let margin = if number == 0 { "\n" } else { "" };
        let hint = hint.as_ref().map(|hint| format!("\n  {hint}"));
        let hint = hint.unwrap_or_default();
        let _ = writeln!(text, "{margin}warning: {file}:{line}: {message}{hint}");
        if *count > 1 {
            let _ = writeln!(text, "  {}", told_of(lines, *count));
        }
    }
    tell_more(text, warnings.len());
}

/// The rows that say otherwise who somebody is.
fn tell_contacts(text: &mut String, differ: &[ContactDiffers]) {
    if differ.is_empty() {
        return;
    }
    let rows = counted(differ.len() as u64, "row");
    let is_about = match differ.len() {
        1 => "names a contact",
        _ => "name contacts",
    };
    let mut table = text_table(["row", "says", "known as", "from", "by the same"]);
    for one in differ.iter().take(MOST_TOLD) {
        let from = one.known_from.as_deref().unwrap_or("-");
        table.add_row([
            format!("{}:{}", one.file, one.line),
            one.says.told(&one.what),
            one.known.told(&one.what),
            from.to_owned(),
            format!("{} {}", one.shares, one.shared),
        ]);
    }
    let _ = writeln!(
        text,
        "\n{rows} {is_about} known already by another name or number; what is known was kept, and what \
         the row says of the person is kept nowhere:\n{table}"
    );
    tell_more(text, differ.len());
}

/// What was not carried out, and who was not permitted to.
fn tell_refused(text: &mut String, replayed: &Replayed) {
    if replayed.refused.len() > MOST_TOLD {
        tell_kinds(text, &replayed.refused);
    }
    if !replayed.refused.is_empty() {
        let mut table = text_table(["refused at", "command", "because"]);
        let same = |one: &Refused, next: &Refused| {
            (&one.file, one.line, &one.reason) == (&next.file, next.line, &next.reason)
        };
        let mut told = 0;
        for of_row in replayed.refused.chunk_by(same).take(MOST_TOLD) {
            let [refused, ..] = of_row else { continue };
            let place = refused.place();
            let commands: Vec<&str> = of_row
                .iter()
                .map(|one| one.command.as_deref().unwrap_or("the row"))
                .collect();
            table.add_row([place, commands.join(", "), refused.told()]);
            told += of_row.len();
        }
        let _ = writeln!(text, "\n{table}");
        tell_rest(text, replayed.refused.len() - told);
    }
    if !replayed.not_permitted.is_empty() {
        let mut table = text_table(["not permitted", "may not", "who may", "refused"]);
        for one in replayed.not_permitted.iter().take(MOST_TOLD) {
            let who_may = match one.who_may.as_slice() {
                [] => "-".to_owned(),
                roles => roles.join(", "),
            };
            table.add_row([&one.actor, &one.may_not, &who_may, &grouped(one.commands)]);
        }
        let _ = writeln!(text, "\n{table}");
        tell_more(text, replayed.not_permitted.len());
    }
}

/// Why rows were refused, those reasons first that most have.
fn tell_kinds(text: &mut String, refused: &[Refused]) {
    let mut kinds: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for one in refused {
        let kind = kinds.entry(one.kind());
        let (count, _) = kind.or_insert_with(|| (0, one.place()));
        *count += 1;
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    let mut table = text_table(["refused because", "how many", "first"]);
    for (kind, (count, first)) in kinds.iter().take(MOST_TOLD) {
        table.add_row([kind, &grouped(*count), first]);
    }
    let _ = writeln!(text, "\n{table}");
    match kinds.len().saturating_sub(MOST_TOLD) as u64 {
        0 => {}
        more => {
            let _ = writeln!(text, "and {}", counted(more, "more reason"));
        }
    }
}

/// How many lines are named where only a few are.
const FEW_LINES: usize = 5;

/// `line 3`; `lines 3, 5, 8, 9, 12 and 7 more`.
fn told_lines(lines: &[u64]) -> String {
    told_of(lines, lines.len() as u64)
}

/// The first of so many lines.
fn told_of(lines: &[u64], count: u64) -> String {
    let few = lines.iter().take(FEW_LINES);
    let few: Vec<String> = few.map(ToString::to_string).collect();
    let word = if count == 1 { "line" } else { "lines" };
    match count.saturating_sub(few.len() as u64) {
        0 => format!("{word} {}", few.join(", ")),
        more => format!("{word} {} and {} more", few.join(", "), grouped(more)),
    }
}

/// How many lines of a list people are told; `--json` has all.
const MOST_TOLD: usize = 40;

fn tell_more(text: &mut String, count: usize) {
    tell_rest(text, count.saturating_sub(MOST_TOLD));
}

fn tell_rest(text: &mut String, rest: usize) {
    if rest > 0 {
        let rest = grouped(rest as u64);
        let _ = writeln!(text, "and {rest} more; --json lists all");
    }
}

/// Who was to be told, or found, and was not there.
fn tell_nobody(text: &mut String, figures: &Figures) {
    if !figures.told_nobody.is_empty() || !figures.found_nobody.is_empty() {
        text.push('\n');
    }
    for of in &figures.told_nobody {
        let why = match (of.whom.as_str(), of.whom.strip_prefix("team:")) {
            ("owner", _) => "nobody owns the lead".to_owned(),
            ("referrer", _) => "nobody who is there referred the lead".to_owned(),
            (_, Some(team)) => format!("nobody is in the team {team}"),
            (role, None) => format!("nobody has the role {role}"),
        };
        let (notices, since) = (counted(of.notices, "notice"), &of.since);
        let _ = writeln!(
            text,
            "warning: {why}: {notices} went to nobody, since {since}"
        );
    }
    for of in &figures.found_nobody {
        let (pool, times, since) = (&of.pool, times(of.times), &of.since);
        let _ = writeln!(
            text,
            "warning: the pool {pool} found nobody {times}, since {since}"
        );
    }
}

/// What was set aside, and what can't be read.
fn tell_troubles(text: &mut String, figures: &Figures) {
    if figures.set_aside > 0 {
        let count = counted(figures.set_aside, "record");
        let table = set_aside::listed(&figures.set_aside_examples);
        let shown = figures.set_aside_examples.len() as u64;
        let some = match shown < figures.set_aside {
            true => format!(", {} of them", grouped(shown)),
            false => String::new(),
        };
        let _ = writeln!(
            text,
            "\n{count} set aside because they failed{some}:\n{table}"
        );
    }
    if !figures.unreadable.is_empty() {
        let count = counted(figures.unreadable.len() as u64, "record");
        let _ = writeln!(
            text,
            "\nwhat can't be read is missing from the figures ({count}):"
        );
        let told = figures.unreadable.len().min(MOST_TOLD);
        listing::tell(text, &figures.unreadable[..told]);
        tell_more(text, figures.unreadable.len());
    }
}

fn tell_stages(text: &mut String, figures: &Figures) {
    let mut table = table_of_numbers(3, ["pipeline", "stage", "outcome", "leads"]);
    for stage in &figures.by_stage {
        table.add_row([
            stage.pipeline.as_str(),
            &stage.stage,
            stage.outcome.as_deref().unwrap_or("open"),
            &grouped(stage.leads),
        ]);
    }
    let _ = writeln!(text, "\n{table}");
}

fn tell_months(text: &mut String, figures: &Figures) {
    let outcomes: Vec<&String> = figures.outcomes.keys().collect();
    let mut headings = vec!["month".to_owned(), "arrived".to_owned()];
    headings.extend(outcomes.iter().map(|outcome| (*outcome).clone()));
    let mut months: Vec<&String> = figures.arrived_by_month.keys().collect();
    months.extend(figures.closed_by_month.keys());
    months.sort_unstable();
    months.dedup();
    if months.is_empty() {
        return;
    }
    let mut table = table_of_numbers(1, headings);
    for month in months {
        let arrived = figures.arrived_by_month.get(month).copied();
        let closed = figures.closed_by_month.get(month);
        let closed = outcomes.iter().map(|outcome| {
            let count = closed.and_then(|closed| closed.get(*outcome)).copied();
            grouped(count.unwrap_or(0))
        });
        let row = [month.clone(), grouped(arrived.unwrap_or(0))];
        table.add_row(row.into_iter().chain(closed));
    }
    let _ = writeln!(text, "\n{table}");
}

fn tell_agents(text: &mut String, figures: &Figures) {
    let outcomes: Vec<&String> = figures.outcomes.keys().collect();
    let mut headings = vec!["agent".to_owned(), "leads".to_owned(), "open".to_owned()];
    headings.extend(outcomes.iter().map(|outcome| (*outcome).clone()));
    if figures.by_agent.is_empty() {
        return;
    }
    let mut table = table_of_numbers(1, headings);
    for of in figures.by_agent.iter().take(MOST_TOLD) {
        let ended = outcomes
            .iter()
            .map(|outcome| grouped(of.outcomes.get(*outcome).copied().unwrap_or(0)));
        let agent = of.agent.clone().unwrap_or_else(|| "nobody".into());
        let row = [agent, grouped(of.leads), grouped(of.open)];
        table.add_row(row.into_iter().chain(ended));
    }
    let _ = writeln!(text, "\n{table}");
    tell_more(text, figures.by_agent.len());
}

fn tell_tasks(text: &mut String, figures: &Figures) {
    if !figures.tasks.is_empty() {
        let mut table = table_of_numbers(
            1,
            [
                "task", "opened", "done", "late", "missed", "dropped", "open", "overdue",
            ],
        );
        for (name, tasks) in &figures.tasks {
            let counts = [tasks.opened, tasks.done, tasks.done_late];
            let more = [tasks.missed, tasks.dropped, tasks.open, tasks.overdue];
            let counts = counts.into_iter().chain(more).map(grouped);
            table.add_row([name.clone()].into_iter().chain(counts));
        }
        let _ = writeln!(text, "\n{table}");
    }
    if !figures.service_levels.is_empty() {
        let mut table = table_of_numbers(
            1,
            ["service level", "kept", "broken", "running", "kept in %"],
        );
        for (name, level) in &figures.service_levels {
            let ended = level.kept + level.broken;
            let share = match ended {
                0 => "-".to_owned(),
                ended => format!("{:.1}", level.kept as f64 * 100.0 / ended as f64),
            };
            let counts = [level.kept, level.broken, level.open].map(grouped);
            table.add_row([name.clone()].into_iter().chain(counts).chain([share]));
        }
        let _ = writeln!(text, "\n{table}");
    }
}

/// `: 3 carried out, 1 refused`: those of which there are any.
fn adding_up(counts: &[(u64, &str)]) -> String {
    let some = counts.iter().filter(|(count, _)| *count > 0);
    let some: Vec<String> = some
        .map(|(count, what)| format!("{} {what}", grouped(*count)))
        .collect();
    match some.is_empty() {
        true => String::new(),
        false => format!(": {}", some.join(", ")),
    }
}
