//! Reading scenarios beside a playbook that has faults of its own: what is wrong with either is told at once, and
//! nothing that only follows from what is wrong with the playbook.

use super::names::{AGENT, LEAD};
use super::{Scenario, read, read_for};
use crate::playbook::Playbook;
use crate::playbook::fault::{Fault, FaultKind, Faults};
use crate::playbook::host::Builder;
use crate::playbook::load::Folder;

/// Reads a playbook and its scenarios, which are checked as [`read_for`] does. Where the playbook has faults,
/// they are held to what can be read of it: a name that stands nowhere in `playbook.toml` is a fault
/// whatever is mended there; values, conditions and offsets are looked at when the playbook is whole.
///
/// # Errors
/// Everything that is wrong with the playbook, and then with the scenarios, each with its place.
pub fn read_with_playbook(
    builder: &Builder,
    folder: &Folder,
) -> Result<(Playbook, Vec<Scenario>), Faults> {
    let (playbook, mut faults) = builder.read_what_can_be(folder);
    match playbook {
        Some(playbook) if faults.is_empty() => {
            let scenarios = read_for(&playbook, folder)?;
            Ok((playbook, scenarios))
        }
        playbook => {
            faults.extend(beside(playbook.as_ref(), folder));
            Err(Faults(faults))
        }
    }
}

/// The faults of scenarios that don't follow from those of their playbook.
fn beside(playbook: Option<&Playbook>, folder: &Folder) -> Vec<Fault> {
    let of = |read: Result<_, Faults>| read.err().map_or_else(Vec::new, |faults| faults.0);
    let mut faults: Vec<Fault> = of(read(folder));
    let held = playbook.map_or_else(Vec::new, |playbook| of(read_for(playbook, folder)));
    for fault in held {
        if !faults.contains(&fault) && stays(&fault, folder) {
            faults.push(fault);
        }
    }
    faults.sort_by(|a, b| (&a.file, a.span.start).cmp(&(&b.file, b.span.start)));
    faults
}

/// Whether something is wrong whatever is mended in the playbook. Agents and leads are the scenarios' own.
fn stays(fault: &Fault, folder: &Folder) -> bool {
    match &fault.kind {
        FaultKind::UnknownName { sort, .. } | FaultKind::NoneThere { sort, .. }
            if [AGENT, LEAD].contains(sort) =>
        {
            true
        }
        FaultKind::UnknownName { name, .. } => !is_spoken_of(name, folder),
        FaultKind::DefinedTwice { .. } => true,
        _ => false,
    }
}

/// Whether the playbook has a name anywhere, be it where it can't be read.
fn is_spoken_of(name: &str, folder: &Folder) -> bool {
    let mut paths = folder.templates.iter().map(|(path, _)| path.as_str());
    has_word(&folder.playbook, name) || paths.any(|path| has_word(path, name))
}

/// Whether a name stands in a text, and not only as a part of another one.
fn has_word(text: &str, name: &str) -> bool {
    let text = text.to_lowercase();
    let name = name.to_lowercase();
    let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    text.match_indices(&*name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + name.len()..].chars().next();
        !before.is_some_and(is_of_name) && !behind.is_some_and(is_of_name)
    })
}
