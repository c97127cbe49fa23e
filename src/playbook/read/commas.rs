//! Commas that are missing between the parts of a list or table, and those that stand in a number.

use std::ops::Range;

use smol_str::{SmolStr, format_smolstr};

use super::keys::outside_of_texts;
use super::mended::Mend;
use super::quotes::{is_of_a_list, is_toml};
use super::syntax::{Leaves, NumberMeant, Slip};

/// A line with the commas that are missing in its lists and tables, also where `;` stands for them.
pub(super) fn with_commas(line: &str) -> Option<Mend> {
    let gaps = gaps(line, &parts(line)?);
    let Gap { left, right, .. } = gaps.first()?;
    let (first, second) = (&line[left.clone()], &line[right.clone()]);
    let message = format_smolstr!("a comma is missing behind `{first}`");
    let hint = format_smolstr!("write `{first}, {second}`");
    let slip = Slip::new(left.clone(), Leaves::NoDoubt, message, hint);
    let (mut mended, mut added) = (String::with_capacity(line.len() + gaps.len()), Vec::new());
    let mut at = 0;
    for gap in &gaps {
        let end = gap.semicolon.unwrap_or(gap.left.end);
        mended.push_str(&line[at..end]);
        if gap.semicolon.is_none() {
            added.push(mended.len());
        }
        mended.push(',');
        at = end + usize::from(gap.semicolon.is_some());
    }
    mended.push_str(&line[at..]);
    is_toml(&mended).then_some(Mend {
        line: mended,
        added,
        slip,
    })
}

/// A line of a list with the comma that is missing behind the line above.
pub(super) fn with_comma_before(line: &str, at: Range<usize>, said: &str) -> Option<Mend> {
    let (before, behind) = (line.get(..at.start)?, line.get(at.start..)?);
    let is_meant = said.starts_with("missing comma between array elements");
    let first = parts(behind)?.first()?.clone();
    let message = format_smolstr!("a comma is missing before `{}`", &behind[first]);
    let hint = SmolStr::new_static("write it behind the line above");
    (is_meant && before.trim().is_empty() && is_of_a_list(behind)).then(|| Mend {
        line: format!("{before},{behind}"),
        added: vec![at.start],
        slip: Slip::new(at, Leaves::NoDoubt, message, hint),
    })
}

/// A line whose numbers have a point where a comma stands before their fraction, and nothing between their
/// thousands, as long as it was: `{ price = 1.249,50 }`.
pub(super) fn with_points(line: &str) -> Option<Mend> {
    let (mut mended, mut first) = (line.to_owned(), None);
    for (at, _) in outside_of_texts(line).filter(|(_, c)| *c == '=') {
        let behind = &line[at + 1..];
        let start = at + 1 + (behind.len() - behind.trim_start().len());
        let ends = |c: char| !matches!(c, '0'..='9' | '.' | ',' | '-');
        let end = line[start..]
            .find(ends)
            .map_or(line.len(), |end| start + end);
        let word = line[start..end].trim_end_matches(',');
        let end = start + word.len();
        let Some(meant) = word.contains(',').then(|| NumberMeant::by(word)).flatten() else {
            continue;
        };
        let in_place = format!("{:width$}", meant.number, width = word.len());
        mended.replace_range(start..end, &in_place);
        first.get_or_insert_with(|| {
            Slip::new(start..end, Leaves::AGuess, meant.message, meant.hint)
        });
    }
    let slip = first.filter(|_| is_toml(&mended))?;
    Some(Mend {
        line: mended,
        added: Vec::new(),
        slip,
    })
}

/// Two parts of a list or table between which a comma is missing.
struct Gap {
    left: Range<usize>,
    right: Range<usize>,
    /// Where a `;` stands for it.
    semicolon: Option<usize>,
}

fn gaps(line: &str, parts: &[Range<usize>]) -> Vec<Gap> {
    let sign = |part: &Range<usize>| line[part.clone()].chars().next().filter(|c| is_sign(*c));
    let ends_a_value = |part: &Range<usize>| matches!(sign(part), None | Some(']' | '}'));
    let begins_one = |part: &Range<usize>| matches!(sign(part), None | Some('[' | '{'));
    // A line without a key goes on with a list that was opened above.
    let (mut depth, mut is_in_list) = (0_usize, true);
    let mut gaps = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        match sign(part) {
            Some('[' | '{') => depth += 1,
            Some(']' | '}') => depth = depth.saturating_sub(1),
            Some('=') if depth == 0 => is_in_list = false,
            _ => {}
        }
        if !ends_a_value(part) || !(depth > 0 || is_in_list) {
            continue;
        }
        let behind = parts.get(place + 1);
        let semicolon = behind.filter(|next| sign(next) == Some(';'));
        let next = match semicolon {
            Some(_) => parts.get(place + 2),
            None => behind,
        };
        // A comma may stand behind the last part of a list.
        let is_next = |next: &&Range<usize>| begins_one(next) || semicolon.is_some();
        let Some(next) = next.filter(is_next) else {
            continue;
        };
        // A quote with a word right at it stands in a text.
        let is_apart = semicolon.is_some() || part.end < next.start;
        if is_apart || sign(part).is_some() || sign(next).is_some() {
            gaps.push(Gap {
                left: part.clone(),
                right: next.clone(),
                semicolon: semicolon.map(|semicolon| semicolon.start),
            });
        }
    }
    gaps
}

/// The texts, words and signs of a line; nothing, if one of the texts is not closed.
fn parts(line: &str) -> Option<Vec<Range<usize>>> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(c) = line[at..].chars().next() {
        let length = match c {
            '#' => break,
            '"' | '\'' => length_of_text(&line[at..], c)?,
            c if c.is_whitespace() || is_sign(c) => c.len_utf8(),
            _ => {
                let ends =
                    |c: char| c.is_whitespace() || is_sign(c) || matches!(c, '"' | '\'' | '#');
                line[at..].find(ends).unwrap_or(line.len() - at)
            }
        };
        if !c.is_whitespace() {
            parts.push(at..at + length);
        }
        at += length;
    }
    Some(parts)
}

/// How long the text is that begins with this quote.
fn length_of_text(text: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !is_escaped {
            return Some(at + c.len_utf8());
        }
        is_escaped = quote == '"' && c == '\\' && !is_escaped;
    }
    None
}

fn is_sign(c: char) -> bool {
    matches!(c, '[' | ']' | '{' | '}' | '=' | ',' | ';')
}
