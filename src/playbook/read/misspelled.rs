//! A name that is misspelled where it is defined, and right wherever it is spoken of: one fault, where it
//! is defined.

use std::collections::BTreeMap;
use std::ops::Range;

use smol_str::{SmolStr, format_smolstr};
use toml::de::DeTable;

use super::echoes::{is_of_course, spoken_of};
use super::mended::Mended;
use super::place_of;
use crate::playbook::fault::{Fault, FaultKind};

/// How often a name is spoken of at least, for the one definition to be wrong and not those.
const OFTEN: usize = 2;

/// Tells of each misspelled definition in a file, in place of all that speaks of what was meant.
pub(crate) fn tell_misspelled_once(
    file: &str,
    text: &str,
    mended: &Mended,
    faults: &mut Vec<Fault>,
) {
    let (table, _) = DeTable::parse_recoverable(&mended.text);
    for (meant, (defined, count)) in misspelled(faults) {
        let is_only_defined = words(&mended.text, &defined) == 1;
        let place = key_of(table.get_ref(), &defined).filter(|_| is_only_defined && count >= OFTEN);
        let Some(place) = place else {
            continue;
        };
        faults.retain(|fault| spoken_of(&fault.kind) != Some(&meant) && !is_of_course(&fault.kind));
        let span = mended.in_the_file(place.start)..mended.in_the_file(place.end);
        let (line, column) = place_of(text, span.start);
        let hint = Some(format_smolstr!("did you mean `{meant}`?"));
        let kind = FaultKind::SpokenOfOtherwise {
            defined,
            meant,
            count,
        };
        faults.push(Fault {
            file: file.into(),
            line,
            column,
            span,
            kind,
            hint,
        });
    }
}

/// The names that are not there and always taken for the same one that is: with that one, and how often.
fn misspelled(faults: &[Fault]) -> BTreeMap<SmolStr, (SmolStr, usize)> {
    let mut all: BTreeMap<SmolStr, Option<(SmolStr, usize)>> = BTreeMap::new();
    for fault in faults {
        let Some(name) = spoken_of(&fault.kind) else {
            continue;
        };
        let near = fault.hint.as_ref().and_then(|hint| {
            let near = hint.strip_prefix("did you mean `")?.strip_suffix("`?")?;
            Some(SmolStr::from(near.trim_matches('"')))
        });
        let known = all.entry(name.into());
        let known = known.or_insert_with(|| near.clone().map(|near| (near, 0)));
        *known = known
            .take()
            .filter(|(so_far, _)| near.as_ref() == Some(so_far))
            .map(|(so_far, count)| (so_far, count + 1));
    }
    all.into_iter()
        .filter_map(|(name, found)| Some((name, found?)))
        .collect()
}

/// How often a name stands in a text as a whole.
fn words(text: &str, name: &str) -> usize {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    text.match_indices(name)
        .filter(|(at, _)| {
            !text[..*at].ends_with(is_part) && !text[at + name.len()..].starts_with(is_part)
        })
        .count()
}

/// Where a key of this name stands.
fn key_of(table: &DeTable<'_>, name: &str) -> Option<Range<usize>> {
    table.iter().find_map(|(key, value)| {
        if key.get_ref() == name {
            return Some(key.span());
        }
        key_of(value.get_ref().as_table()?, name)
    })
}
