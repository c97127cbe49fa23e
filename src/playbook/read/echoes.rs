//! Faults that are none: what a slip brings about elsewhere is told once, where the slip is.

use std::ops::Range;

use smol_str::{SmolStr, format_smolstr};

use super::mended::Mended;
use super::syntax::{Leaves, word_around};
use super::{WHOLE, floor};
use crate::condition;
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

/// Drops what is told of a name that is none, wherever it is spoken of, as it stands or as it was meant:
/// that it is none is one fault.
pub(crate) fn drop_echoes_of_names(faults: &mut Vec<Fault>) {
    let names = names_that_are_none(faults);
    let is_echo = |kind: &FaultKind| {
        let spoken_of = match kind {
            FaultKind::UnknownName { name, .. } => name,
            FaultKind::UnknownVariable { variable } => variable,
            FaultKind::Condition(condition::FaultKind::UnknownFact { name }) => name,
            FaultKind::Condition(condition::FaultKind::UnknownArgument { argument, .. }) => {
                argument
            }
            FaultKind::Condition(condition::FaultKind::NotAChoice { text, .. }) => text,
            _ => return false,
        };
        let bare = spoken_of.rsplit('.').next().unwrap_or_default();
        [spoken_of.as_str(), bare]
            .iter()
            .any(|said| names.contains(&letters(said)))
    };
    faults.retain(|fault| !is_echo(&fault.kind));
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
