//! Keys and texts without the quotes that they need, and keys with the sign of another language behind them.

use std::ops::Range;

use smol_str::format_smolstr;

use super::mended::Mend;
use super::quotes::{self, is_toml};
use super::syntax::{Leaves, Slip};
use super::{is_name, name_for};

/// A line whose keys have blanks in them, or other signs that no name has, with quotes around those:
/// `[task.close negotiation]`, `first contact = {}`.
pub(super) fn with_quoted_keys(line: &str) -> Option<Mend> {
    let (line, _) = &quotes::plain_spaces(line);
    let mut parts = match line.starts_with('[') {
        true => parts_of_header(line)?,
        false => parts_of_keys(line),
    };
    let can_stand = |part: &&Range<usize>| {
        let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        line[(*part).clone()].chars().all(bare)
    };
    parts.retain(|part| !part.is_empty() && !can_stand(&part));
    let first = parts.first()?.clone();
    let name = &line[first.clone()];
    let message = format_smolstr!("`{name}` is no name");
    let slip = Slip::new(first, Leaves::AName, message, name_for(name));
    let quoted = quoted(line, &parts, slip);
    is_toml(&quoted.line).then_some(quoted)
}

/// A line with quotes around what a column is called by, `email = {email}`, and with its other quotes as
/// they were meant.
pub(super) fn with_quoted_columns(line: &str) -> Option<Mend> {
    let mut columns = Vec::new();
    for (at, _) in outside_of_texts(line).filter(|(_, c)| *c == '{') {
        let is_value = line[..at].trim_end().ends_with(['=', '[', ',']);
        let inner = line[at + 1..].split('}').next().unwrap_or_default();
        let is_column = !inner.trim().is_empty() && !inner.contains(['=', '{', '"', '\'', ',']);
        let end = at + inner.len() + 2;
        if is_value && is_column && line[..end.min(line.len())].ends_with('}') {
            columns.push(at..end);
        }
    }
    let first = columns.first()?.clone();
    let hint = format_smolstr!("write `\"{}\"`", &line[first.clone()]);
    let message = "this is a text, and stands in quotes";
    let slip = Slip::new(first, Leaves::NoDoubt, message, hint);
    let quoted = quoted(line, &columns, slip);
    if is_toml(&quoted.line) {
        return Some(quoted);
    }
    let others = quotes::mended(&quoted.line)?;
    Some(Mend {
        line: others.line,
        ..quoted
    })
}

/// A line that has `:` where TOML has `=`.
pub(super) fn with_equals_sign(line: &str) -> Option<Mend> {
    let (key, rest) = line.split_once(':')?;
    let key = key.trim();
    let mended = format!("{}={rest}", &line[..line.len() - rest.len() - 1]);
    let hint = format_smolstr!("write `{key} = {}`", rest.trim());
    let start = line.find(key).unwrap_or(0);
    let message = "a key and its value have `=` between them";
    let slip = Slip::new(start..start + key.len(), Leaves::NoDoubt, message, hint);
    (is_name(key) && is_toml(&mended)).then_some(Mend {
        line: mended,
        added: Vec::new(),
        slip,
    })
}

/// A line with quotes around some of its parts.
fn quoted(line: &str, parts: &[Range<usize>], slip: Slip) -> Mend {
    let (mut mended, mut added) = (String::with_capacity(line.len() + 2), Vec::new());
    let mut at = 0;
    for part in parts {
        mended.push_str(&line[at..part.start]);
        added.push(mended.len());
        mended.push('"');
        mended.push_str(&line[part.clone()]);
        added.push(mended.len());
        mended.push('"');
        at = part.end;
    }
    mended.push_str(&line[at..]);
    Mend {
        line: mended,
        added,
        slip,
    }
}

/// The names between the brackets of a header.
fn parts_of_header(line: &str) -> Option<Vec<Range<usize>>> {
    let start = line.find(|c: char| c != '[')?;
    let end = start + line[start..].find(']')?;
    let is_plain = !line[start..end].contains(['"', '\'']);
    is_plain.then(|| parts(line, start..end))
}

/// The keys of a line, and of the tables in it.
fn parts_of_keys(line: &str) -> Vec<Range<usize>> {
    let mut keys = Vec::new();
    let mut start = 0;
    for (at, c) in outside_of_texts(line) {
        match c {
            '{' | ',' => start = at + 1,
            '=' => {
                let is_plain = !line[start..at].contains(['"', '\'', ']', '}']);
                keys.extend(
                    is_plain
                        .then(|| parts(line, start..at))
                        .into_iter()
                        .flatten(),
                );
                start = at + 1;
            }
            _ => {}
        }
    }
    keys
}

/// The parts of a dotted key, without the blanks around them.
fn parts(line: &str, key: Range<usize>) -> Vec<Range<usize>> {
    let mut start = key.start;
    let parts = line[key].split('.').map(|part| {
        let trimmed = start + (part.len() - part.trim_start().len());
        start += part.len() + 1;
        trimmed..trimmed + part.trim().len()
    });
    parts.collect()
}

/// The signs of a line that stand in no text, nor in what is noted behind it.
pub(super) fn outside_of_texts(line: &str) -> impl Iterator<Item = (usize, char)> {
    let mut open: Option<char> = None;
    let signs = line.char_indices().filter_map(move |(at, c)| {
        let was_open = open;
        open = match (open, c) {
            (None, '"' | '\'') => Some(c),
            (Some(quote), c) if quote == c => None,
            (open, _) => open,
        };
        (was_open.is_none() && open.is_none()).then_some((at, c))
    });
    signs.take_while(|(_, c)| *c != '#')
}
