//! Faults that are none: what a slip brings about elsewhere is told once, where the slip is.

use std::ops::Range;

use smol_str::{SmolStr, format_smolstr};
use toml::de::DeTable;

use super::mended::Mended;
use super::syntax::{Leaves, word_around};
use super::{WHOLE, floor};
use crate::condition;
use crate::hint::nearest;
use crate::playbook::fault::{Fault, FaultKind};
use crate::value::plain;

/// Drops what a slip in a file's TOML brings about.
pub(crate) fn drop_echoes(file: &str, text: &str, mended: &Mended, faults: &mut Vec<Fault>) {
    if mended.is_left_open {
        // Names of the playbook are missing wherever they are spoken of.
        let is_of_it = |fault: &Fault| fault.file == file || file == "playbook.toml";
        faults.retain(|fault| is_syntax(fault) || !is_of_it(fault));
        return;
    }
    drop_misplaced(file, text, mended, faults);
    drop_told_as_names(file, text, mended, faults);
    // What is read of a line that is no TOML is a guess, and so is what it is missing.
    let is_guess = |fault: &&Fault| {
        let slips = mended.slips.iter();
        let mut guesses = slips.filter(|slip| slip.leaves != Leaves::NoDoubt);
        is_syntax(fault) && fault.file == file && guesses.any(|slip| slip.at == fault.span)
    };
    let guesses = faults.iter().filter(is_guess);
    let lines: Vec<usize> = guesses.map(|fault| fault.line).collect();
    let is_guessed = |fault: &Fault| {
        let is_missing = match &fault.kind {
            FaultKind::MissingKey { section, .. } => section == WHOLE,
            FaultKind::DeadEnd { .. }
            | FaultKind::RoundAndRound { .. }
            | FaultKind::UnreachableStage { .. } => true,
            _ => false,
        };
        !lines.is_empty() && (is_missing || lines.contains(&fault.line))
    };
    faults.retain(|fault| is_syntax(fault) || fault.file != file || !is_guessed(fault));
}

fn is_syntax(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::Syntax(_))
}

/// Drops what a header that is no TOML (`[[[`) brings about: whatever stands below it was read into
/// another section, and means nothing there. Only the header itself is to be mended.
fn drop_misplaced(file: &str, text: &str, mended: &Mended, faults: &mut Vec<Fault>) {
    let starts_line = |at: usize| text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let broken: Vec<Range<usize>> = faults
        .iter()
        .filter(|fault| fault.file == file && is_syntax(fault))
        .filter_map(|fault| {
            let from = starts_line(floor(text, fault.span.start));
            let below = text[from..]
                .find('\n')
                .map_or(text.len(), |newline| from + newline + 1);
            let is_name = mended
                .slips
                .iter()
                .any(|slip| slip.at == fault.span && slip.leaves == Leaves::AName);
            let is_header = text[from..].trim_start().starts_with('[')
                && !is_name
                && !mended.is_closed(&(from..below));
            let until = match text[below..].starts_with('[') {
                true => below,
                false => text[below..]
                    .find("\n[")
                    .map_or(text.len(), |at| below + at + 1),
            };
            is_header.then_some(from..until)
        })
        .collect();
    faults.retain(|fault| {
        let is_inside = broken
            .iter()
            .any(|broken| broken.contains(&fault.span.start));
        is_syntax(fault) || fault.file != file || !is_inside
    });
}

/// What ends a name, beside blanks.
const ENDS_OF_NAMES: [char; 10] = ['[', ']', '{', '}', '=', '.', ',', '#', '"', '\''];

/// A key that can't stand without quotes is told by who reads it, as no name of a stage or as no day; and
/// where it only speaks of something, at what it speaks of.
fn drop_told_as_names(file: &str, text: &str, mended: &Mended, faults: &mut Vec<Fault>) {
    let names = names_that_are_none(faults);
    let slips = mended.slips.iter();
    let slips = slips.filter(|slip| slip.leaves == Leaves::AName);
    let told: Vec<Range<usize>> = slips
        .filter(|slip| {
            let word = word_around(text, slip.at.start, &ENDS_OF_NAMES);
            let is_of_it = |fault: &Fault| fault.span == word || fault.span == slip.at;
            let mut others = faults.iter().filter(|fault| !is_syntax(fault));
            others.any(|fault| fault.file == file && is_of_it(fault))
                || names.contains(&letters(&text[word.clone()]))
        })
        .map(|slip| slip.at.clone())
        .collect();
    faults.retain(|fault| !is_syntax(fault) || fault.file != file || !told.contains(&fault.span));
}

/// Drops what a heading brings about that means nothing where it stands (`[stage.new]`): whatever is named
/// below it is there, and only the heading is to be mended.
pub(crate) fn drop_echoes_of_headings(mended: &Mended, faults: &mut Vec<Fault>) {
    drop_echoes_of_pipelines(faults);
    let mut headings = Vec::new();
    let mut is_of_stage = false;
    for fault in faults.iter() {
        if let FaultKind::UnknownKey { key, section } = &fault.kind {
            headings.push(fault.span.start);
            let is_near = nearest(key, ["pipeline", "stage"]).is_some();
            is_of_stage |= section.starts_with("[pipeline.") || is_near;
        }
    }
    let mut names = Vec::new();
    let (table, _) = DeTable::parse_recoverable(&mended.text);
    let is_there = |at: usize| headings.contains(&mended.in_the_file(at));
    add_misplaced(table.get_ref(), &is_there, &mut names);
    if names.is_empty() {
        return;
    }
    drop_spoken_of(&names, faults);
    faults.retain(|fault| match &fault.kind {
        _ if !is_of_stage => true,
        FaultKind::MissingKey { section, .. } => !section.starts_with("[pipeline."),
        kind => !is_of_course(kind),
    });
}

/// Whether a fault is about the ways between stages, which nobody knows when a stage was not read.
pub(super) fn is_of_course(kind: &FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::DeadEnd { .. }
            | FaultKind::NoWay { .. }
            | FaultKind::RoundAndRound { .. }
            | FaultKind::UnreachableStage { .. }
    )
}

/// Drops that stages of one pipeline are not those of another, where one of the two is a slip of the pen.
fn drop_echoes_of_pipelines(faults: &mut Vec<Fault>) {
    let has_hint = |fault: &Fault, begins: &str| {
        let hint = fault.hint.as_ref();
        hint.is_some_and(|hint| hint.starts_with(begins))
    };
    let is_slip = |fault: &Fault| {
        let is_start = matches!(&fault.kind, FaultKind::MissingKey { key, .. } if key == "start");
        is_start && has_hint(fault, "did you mean `[pipeline.")
    };
    if faults.iter().any(is_slip) {
        let is_elsewhere = |fault: &Fault| has_hint(fault, "it is one of `");
        faults.retain(|fault| unknown_name("stage", fault).is_none() || !is_elsewhere(fault));
    }
}

/// The names of tables that stand below keys that mean nothing, and those keys.
fn add_misplaced(table: &DeTable<'_>, is_unknown: &dyn Fn(usize) -> bool, names: &mut Vec<String>) {
    for (key, value) in table {
        let Some(below) = value.get_ref().as_table() else {
            continue;
        };
        match is_unknown(key.span().start) {
            true => add_tables(key.get_ref(), below, names),
            false => add_misplaced(below, is_unknown, names),
        }
    }
}

fn add_tables(name: &str, table: &DeTable<'_>, names: &mut Vec<String>) {
    names.push(letters(name));
    for (key, value) in table {
        if let Some(below) = value.get_ref().as_table() {
            add_tables(key.get_ref(), below, names);
        }
    }
}

/// Drops what is told of a name that is none, wherever it is spoken of, as it stands or as it was meant:
/// that it is none is one fault.
pub(crate) fn drop_echoes_of_names(faults: &mut Vec<Fault>) {
    drop_spoken_of(&names_that_are_none(faults), faults);
}

/// Drops the faults that say that one of some names is not there.
fn drop_spoken_of(names: &[String], faults: &mut Vec<Fault>) {
    let is_echo = |kind: &FaultKind| {
        let Some(spoken_of) = spoken_of(kind) else {
            return false;
        };
        let bare = spoken_of.rsplit('.').next().unwrap_or_default();
        [spoken_of, bare]
            .iter()
            .any(|said| names.contains(&letters(said)))
    };
    faults.retain(|fault| !is_echo(&fault.kind));
}

/// The name of which a fault says that it is not there.
pub(super) fn spoken_of(kind: &FaultKind) -> Option<&str> {
    Some(match kind {
        FaultKind::UnknownName { name, .. } => name,
        FaultKind::UnknownVariable { variable } => variable,
        FaultKind::Condition(condition::FaultKind::UnknownFact { name }) => name,
        FaultKind::Condition(condition::FaultKind::UnknownArgument { argument, .. }) => argument,
        FaultKind::Condition(condition::FaultKind::NotAChoice { text, .. }) => text,
        _ => return None,
    })
}

/// Tells once, of the `file` in which they would stand, that nothing of a sort is there, where that was
/// told wherever one of several is spoken of.
pub(crate) fn tell_once_that_none_is_there(
    (sort, file): (&'static str, &str),
    hint: &'static str,
    faults: &mut Vec<Fault>,
) {
    // One that resembles another that is there is a slip of the pen.
    let is_slip = |hint: &SmolStr| hint.starts_with("did you mean");
    let is_of_it = |fault: &Fault| {
        unknown_name(sort, fault).is_some() && !fault.hint.as_ref().is_some_and(is_slip)
    };
    let places = faults.iter().filter(|fault| is_of_it(fault));
    let mut names: Vec<&str> = places
        .filter_map(|fault| unknown_name(sort, fault))
        .collect();
    if names.len() < 2 {
        return;
    }
    names.sort_unstable();
    names.dedup();
    let named = match names.as_slice() {
        [one, other, third, _, ..] => {
            format_smolstr!("`{one}`, `{other}`, `{third}` and {} more", names.len() - 3)
        }
        few => format_smolstr!("`{}`", few.join("`, `")),
    };
    faults.retain(|fault| !is_of_it(fault));
    faults.push(Fault {
        file: file.into(),
        line: 0,
        column: 0,
        span: 0..0,
        kind: FaultKind::NoneThere { sort, named },
        hint: Some(hint.into()),
    });
}

/// The name of this sort that a fault says is not there.
pub(crate) fn unknown_name<'f>(sort: &str, fault: &'f Fault) -> Option<&'f str> {
    match &fault.kind {
        FaultKind::UnknownName { sort: of, name } if *of == sort => Some(name),
        _ => None,
    }
}

/// The letters of all that was told to be no name.
fn names_that_are_none(faults: &[Fault]) -> Vec<String> {
    let names = faults.iter().filter_map(|fault| match &fault.kind {
        FaultKind::BadName { name, .. } => Some(letters(name)),
        _ => None,
    });
    names.filter(|name| !name.is_empty()).collect()
}

/// The letters and digits of a name, however it is written.
fn letters(name: &str) -> String {
    let plain = plain(name);
    let letters = plain.chars().filter(char::is_ascii_alphanumeric);
    letters.collect()
}
