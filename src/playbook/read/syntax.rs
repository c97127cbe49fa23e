//! What is no TOML, in words for people, and how it is written.

use std::ops::Range;

use smol_str::{SmolStr, format_smolstr};

use super::quotes::has_quotes;
use super::{floor, is_name, name_for};
use crate::calendar::Impossible;
use crate::hint::nearest;
use crate::value::{TwoWays, without_separators};

/// Something in a text that is no TOML.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slip {
    /// Where it stands in the text, in bytes.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: SmolStr,
    /// How it is written.
    pub hint: Option<SmolStr>,
    pub(super) leaves: Leaves,
}

/// How far what is read of a line can be relied on, though it is no TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaves {
    /// It is plain what is meant: what else is wrong on the line is wrong.
    NoDoubt,
    /// It is a key that can't stand without quotes. Who reads it tells better what it is no name of.
    AName,
    /// It is a guess, and so is whatever is wrong with it.
    AGuess,
}

impl Slip {
    pub(super) fn new(
        at: Range<usize>,
        leaves: Leaves,
        message: impl Into<SmolStr>,
        hint: impl Into<Option<SmolStr>>,
    ) -> Self {
        Self {
            at,
            message: message.into(),
            hint: hint.into(),
            leaves,
        }
    }

    /// The same, of a line that begins there.
    pub(super) fn behind(self, start: usize) -> Self {
        let at = start + self.at.start..start + self.at.end;
        Self { at, ..self }
    }
}

/// A line of a text, and where it begins.
pub(super) fn line_at(text: &str, at: usize) -> (usize, &str) {
    let at = floor(text, at);
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    (start, text[start..].lines().next().unwrap_or_default())
}

/// What the TOML reader says of a place, in words for people, and how to mend it.
pub(super) fn told(text: &str, at: Range<usize>, said: &str, lists: &[&str]) -> Slip {
    let (start, line) = line_at(text, at.start);
    let found = text.get(at.clone()).unwrap_or_default();
    let slip =
        |leaves, message: &str, hint: Option<SmolStr>| Slip::new(at.clone(), leaves, message, hint);
    let head = line.split('#').next().unwrap_or_default();
    if let Some(list) = listed(line, lists) {
        return of_a_list(at, list);
    }
    if let Some(whole) = with_braces(head) {
        let message = "what is said in a list stands in braces";
        return slip(
            Leaves::AGuess,
            message,
            Some(format_smolstr!("write `{whole}`")),
        );
    }
    if said.starts_with("unclosed table, expected") {
        return unclosed_name(at, line);
    }
    if said.starts_with("invalid date") || said.starts_with("invalid time") {
        if let Some(why) = Impossible::in_toml(found) {
            let message = format_smolstr!("there is no `{found}`: {why}");
            return slip(Leaves::AGuess, &message, None);
        }
        let hint = padded_date(found).map(|date| format_smolstr!("write `{date}`"));
        let message = "this is no day or time as TOML writes it";
        return slip(Leaves::AGuess, message, hint);
    }
    if said.starts_with("missing escaped value") {
        let why = "a backslash begins a sign of its own in these quotes";
        return slip(
            Leaves::NoDoubt,
            why,
            in_single_quotes(line, at.start - start),
        );
    }
    if said.starts_with("invalid unquoted key") {
        return unquoted_key((start, line), at, said);
    }
    let of_points = ["invalid mantissa", "invalid fraction", "invalid exponent"];
    if of_points.iter().any(|begins| said.starts_with(begins)) {
        let (word, message, hint) = of_a_point(line, at.start - start);
        return Slip::new(word, Leaves::AGuess, message, hint).behind(start);
    }
    let of_numbers = ["unexpected", "invalid float"];
    if of_numbers.iter().any(|begins| said.starts_with(begins)) {
        if let Some((message, hint)) = of_a_number(line, at.start - start, said) {
            return slip(Leaves::AGuess, message, Some(hint));
        }
    }
    if said.starts_with("invalid basic string") || said.starts_with("invalid literal string") {
        return match line.contains(['"', '\'']) {
            true => not_closed(at),
            false => slip(Leaves::AGuess, "this is a text, and stands in quotes", None),
        };
    }
    let is_of_a_word = [
        "string values must be quoted",
        "invalid boolean",
        "invalid float",
    ];
    if is_of_a_word.iter().any(|begins| said.starts_with(begins)) {
        let behind = &line[floor(line, at.end - start)..];
        let before = &line[..floor(line, at.start - start)];
        let (message, hint) = of_a_word(found, key_before(before), behind);
        return slip(Leaves::AGuess, message, Some(hint));
    }
    let hint = match said {
        said if said.starts_with("key with no value") => with_equals_sign(line),
        said if said.starts_with("unexpected key or value") && line.matches('"').count() > 2 => {
            Some("a text with quotes in it stands in single ones: 'like \"this\"'".into())
        }
        said if said.starts_with("duplicate key") => {
            let hint = match said_first(text, at.start) {
                Some(first) => {
                    format_smolstr!("it is said in line {first} already: leave one of the two")
                }
                None => "it is said above already: leave one of the two".into(),
            };
            return slip(Leaves::NoDoubt, said, Some(hint));
        }
        said if said.starts_with("unclosed array") => Some("close it with `]`".into()),
        said if said.starts_with("unclosed inline table") => Some("close it with `}`".into()),
        _ => None,
    };
    slip(Leaves::AGuess, said, hint)
}

/// The line, from 1, on which a header, or a key of its section, is said first that is said again at a
/// place.
fn said_first(text: &str, at: usize) -> Option<usize> {
    let (start, line) = line_at(text, at);
    let head = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
    let key = |line: &str| Some(line.split_once('=')?.0.trim().to_owned());
    let is_header = line.trim_start().starts_with('[');
    let section = match is_header {
        true => 0,
        false => text[..start].rfind("\n[").map_or(0, |newline| newline + 1),
    };
    if !is_header && !text[start..floor(text, at)].trim().is_empty() {
        return None;
    }
    let is_same = |other: &str| match is_header {
        true => head(other) == head(line),
        false => key(other).is_some() && key(other) == key(line),
    };
    let place = text[section..start].lines().position(is_same)?;
    Some(text[..section].matches('\n').count() + place + 1)
}

/// The list whose header a line is, in single brackets.
pub(super) fn listed<'l>(line: &str, lists: &[&'l str]) -> Option<&'l str> {
    let head = line.split('#').next().unwrap_or_default();
    let name = head.trim_matches(|c: char| matches!(c, '[' | ']') || c.is_whitespace());
    let mut known = lists.iter().copied();
    known.find(|list| line.starts_with('[') && *list == name)
}

pub(super) fn of_a_list(at: Range<usize>, list: &str) -> Slip {
    let hint = format_smolstr!("write `[[{list}]]`, each time");
    let message = "this is one of several, and stands in double brackets";
    Slip::new(at, Leaves::NoDoubt, message, hint)
}

/// A header without its last bracket.
pub(super) fn unclosed_name(at: Range<usize>, line: &str) -> Slip {
    let head = line.split('#').next().unwrap_or_default();
    let name = head.trim_matches(|c: char| matches!(c, '[' | ']') || c.is_whitespace());
    let opened = line.bytes().take_while(|byte| *byte == b'[').count();
    let opened = opened.clamp(1, 2);
    let hint = format_smolstr!("write `{}{name}{}`", "[".repeat(opened), "]".repeat(opened));
    let message = "this section's name is not closed";
    Slip::new(at, Leaves::NoDoubt, message, hint)
}

/// A text without its last quote.
pub(super) fn not_closed(at: Range<usize>) -> Slip {
    let hint = SmolStr::new_static("a quote is missing behind it");
    Slip::new(at, Leaves::NoDoubt, "this text is not closed", hint)
}

/// `do = [ task = "call" ]`, where the braces were forgotten, with them.
fn with_braces(line: &str) -> Option<SmolStr> {
    let (key, list) = line.split_once('=')?;
    let inner = list.trim().strip_prefix('[')?.trim_end_matches([']', ' ']);
    let (word, value) = inner.split_once('=')?;
    let is_plain = is_name(word.trim()) && value.trim().starts_with('"');
    let (key, inner) = (key.trim(), inner.trim());
    is_plain.then(|| format_smolstr!("{key} = [{{ {inner} }}]"))
}

fn unquoted_key((start, line): (usize, &str), at: Range<usize>, said: &str) -> Slip {
    let mut words = line.split(['=', '[', ']', '.', '{', ',']);
    let foreign = words.find(|word| !word.is_ascii() && !word.contains(['"', '\'']));
    if let Some(foreign) = foreign {
        let name = foreign.trim();
        let message = format_smolstr!("`{name}` is no name");
        // A space that is none in TOML may stand before it.
        let begins = start + line.find(name).unwrap_or_default();
        let at = match begins > at.start {
            true => begins..begins + name.len(),
            false => at,
        };
        return Slip::new(at, Leaves::AName, message, name_for(foreign));
    }
    Slip::new(at, Leaves::AGuess, said, with_equals_sign(line))
}

/// `name: "Ana"`, with the sign that TOML has.
fn with_equals_sign(line: &str) -> Option<SmolStr> {
    let (key, _) = line.split_once(':')?;
    let key = key.trim();
    is_name(key).then(|| format_smolstr!("write `{key} = ..`"))
}

/// The key whose value begins where this ends: `final`, of `lost = { final = `.
fn key_before(line: &str) -> &str {
    let line = line.trim_end().strip_suffix('=').unwrap_or_default();
    let is_of_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let key = line.trim_end().rsplit(|c| !is_of_key(c)).next();
    key.unwrap_or_default()
}

/// What is wrong with a word that stands without quotes behind its key, before the rest of its line, and how
/// it is written.
fn of_a_word(word: &str, key: &str, behind: &str) -> (&'static str, SmolStr) {
    if word.is_empty() {
        return ("nothing is said here", "write a value behind `=`".into());
    }
    if behind.trim_start().starts_with('=') {
        let hint = "write `{` before it, and `}` behind the last of them";
        return ("what is said of something stands in braces", hint.into());
    }
    let lower = word.to_lowercase();
    let truth = match lower.as_str() {
        "yes" | "si" | "sí" | "sim" | "verdadero" => Some("true"),
        "no" | "não" | "falso" => Some("false"),
        lower => nearest(lower, ["true", "false"]),
    };
    if truth.is_some() && key == "final" {
        let hint = "say how leads end there: `final = \"won\"`, or `\"lost\"`";
        return ("this is a text, and stands in quotes", hint.into());
    }
    if let Some(truth) = truth {
        let hint = format_smolstr!("write `{truth}`; a text stands in quotes");
        return ("this is neither true nor false", hint);
    }
    let is_plain = !word.contains(['\\', '\n']) && !has_quotes(word);
    let hint = match is_plain {
        true => format_smolstr!("write `\"{word}\"`"),
        false => "write it \"like this\"; with quotes in it, 'like \"this\"'".into(),
    };
    ("this is a text, and stands in quotes", hint)
}

/// `2026-3-5`, with all its digits.
fn padded_date(found: &str) -> Option<SmolStr> {
    let numbers: Option<Vec<u32>> = found.split('-').map(|part| part.parse().ok()).collect();
    let [year, month, day] = numbers?.try_into().ok()?;
    let date = format_smolstr!("{year:04}-{month:02}-{day:02}");
    let is_date = year > 999 && date.parse::<chrono::NaiveDate>().is_ok();
    is_date.then_some(date)
}

/// `'C:\crm\leads.csv'`: the text around a place of a line, in quotes in which a backslash is one.
fn in_single_quotes(line: &str, at: usize) -> Option<SmolStr> {
    let at = floor(line, at);
    let start = line[..at].rfind('"')? + 1;
    let inner = &line[start..start + line[start..].find('"')?];
    let is_plain = !inner.contains('\'');
    is_plain.then(|| format_smolstr!("write `'{inner}'`"))
}

/// The word around a place of a text, between blanks and what else ends one.
pub(super) fn word_around(text: &str, at: usize, ends: &[char]) -> Range<usize> {
    let ends = |c: char| c.is_whitespace() || ends.contains(&c);
    let at = floor(text, at);
    let mut before = text[..at].char_indices().rev();
    let before = before.find(|(_, c)| ends(*c));
    let start = before.map_or(0, |(before, c)| before + c.len_utf8());
    let end = text[at..].find(ends).map_or(text.len(), |end| at + end);
    start..end
}

/// What is wrong where a number lacks digits before or behind its point, in which word of the line, and how
/// it is written.
fn of_a_point(line: &str, at: usize) -> (Range<usize>, &'static str, SmolStr) {
    let at = word_around(line, at, &['=', '[', ']', '{', '}', ',', '#']);
    let word = &line[at.clone()];
    let digits = word.trim_start_matches(['+', '-']);
    let sign = &word[..word.len() - digits.len()];
    let are_digits = |part: &str| part.bytes().all(|c| c.is_ascii_digit());
    let parts = digits.split_once('.');
    let meant = match parts.filter(|(whole, fraction)| are_digits(whole) && are_digits(fraction)) {
        Some(("", fraction)) if !fraction.is_empty() => format_smolstr!("{sign}0.{fraction}"),
        Some((whole, "")) if !whole.is_empty() => format_smolstr!("{sign}{whole}"),
        _ => {
            let key = key_before(&line[..at.start]);
            let (message, hint) = of_a_word(word, key, &line[at.end..]);
            return (at, message, hint);
        }
    };
    let message = "a number has digits before its point and behind it";
    (at, message, format_smolstr!("write `{meant}`"))
}

/// What is wrong with a number that is written as people write it, and how it is written.
fn of_a_number(line: &str, at: usize, said: &str) -> Option<(&'static str, SmolStr)> {
    let word = &line[word_around(line, at, &['=', '[', ']', '{', '}', '#'])];
    let word = word.trim_end_matches(',');
    let is_number =
        !word.is_empty() && word.bytes().all(|c| matches!(c, b'0'..=b'9' | b'.' | b','));
    if !is_number {
        return None;
    }
    if said.starts_with("unexpected leading zero") {
        let number = word.trim_start_matches('0');
        let hint =
            format_smolstr!("a text stands in quotes, `\"{word}\"`; the number is `{number}`");
        return Some(("a number has no zero before it", hint));
    }
    let NumberMeant { message, hint, .. } = NumberMeant::by(word)?;
    Some((message, hint))
}

/// What is meant by a number that has commas or points as people set them.
pub(super) struct NumberMeant {
    /// The number; the larger, if it reads in two ways.
    pub(super) number: SmolStr,
    pub(super) message: &'static str,
    pub(super) hint: SmolStr,
}

impl NumberMeant {
    pub(super) fn by(word: &str) -> Option<Self> {
        let with_point = word.replace(',', ".");
        if let Some(ways) = TwoWays::of(&with_point) {
            let TwoWays {
                thousands,
                fraction,
            } = ways;
            return Some(Self {
                hint: format_smolstr!("write `{thousands}` or `{fraction}`"),
                number: thousands,
                message: "this number reads in two ways",
            });
        }
        let number = match word.matches([',', '.']).count() {
            1 => with_point.into(),
            _ => with_fraction(word).or_else(|| without_separators(word))?,
        };
        Some(Self {
            hint: format_smolstr!("write `{number}`"),
            number,
            message: "nothing separates thousands here, and a point stands before a fraction",
        })
    }
}

/// `1.249,50` or `1,249.50` with nothing between its thousands, and a point before its fraction.
fn with_fraction(word: &str) -> Option<SmolStr> {
    let (whole, fraction) = word.rsplit_once([',', '.'])?;
    let digits = whole.trim_start_matches('-');
    let sign = &whole[..whole.len() - digits.len()];
    let separates = word[whole.len()..].chars().next()?;
    let is_fraction = !digits.contains(separates) && !fraction.is_empty();
    let thousands = is_fraction.then(|| without_separators(digits)).flatten()?;
    Some(format_smolstr!("{sign}{thousands}.{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::word_around;

    #[test]
    fn a_word_begins_behind_whatever_space_stands_before_it() {
        for text in ["x=\u{a0}größe = 1", "\u{3000}größe", "x größe]", "größe"] {
            let starts = text.find("größe").unwrap();
            for at in starts..=starts + "größe".len() {
                assert_eq!(
                    &text[word_around(text, at, &['=', ']'])],
                    "größe",
                    "{text:?}"
                );
            }
        }
    }
}
