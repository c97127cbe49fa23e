//! Quotes as people set them: around a text that has some in it, as a word processor turns them, or only one of
//! the two.

use std::ops::Range;

use smol_str::{SmolStr, format_smolstr};
use toml::de::DeTable;

use super::mended::Mend;
use super::syntax::{Leaves, Slip, not_closed};

/// How many ways of reading a line are tried: many quotes can be paired in very many ways.
const MOST_TRIED: usize = 1_000;

/// A line with the quotes that were meant, as long as it was; nothing, if that is not plain.
pub(super) fn mended(line: &str) -> Option<Mend> {
    with_quotes(line, is_toml).or_else(|| {
        let mut mend = with_quotes(line, is_toml_but_for_values)?;
        mend.slip.leaves = Leaves::AGuess;
        Some(mend)
    })
}

fn with_quotes(line: &str, is_plain: fn(&str) -> bool) -> Option<Mend> {
    let mut search = Search {
        line,
        is_plain,
        tried: 0,
        first: None,
    };
    let mended = search.from(String::with_capacity(line.len()), 0)?;
    Some(Mend {
        line: mended,
        added: Vec::new(),
        slip: search.first?,
    })
}

/// A line in which a text lacks its last quote, with it.
pub(super) fn closed(line: &str, at: Range<usize>, said: &str) -> Option<Mend> {
    let quote = match said {
        said if said.starts_with("invalid basic string") => '"',
        said if said.starts_with("invalid literal string") => '\'',
        _ => return None,
    };
    let text = line.trim_end().trim_end_matches([' ', '}', ']', ',']);
    let closed = format!("{text}{quote}{}", &line[text.len()..]);
    (line.contains(quote) && is_toml(&closed)).then(|| Mend {
        line: closed,
        added: vec![text.len()],
        slip: not_closed(at),
    })
}

/// A line in which texts before others lack one of their quotes, with both.
pub(super) fn with_both(line: &str) -> Option<Mend> {
    let is_odd = |quote: char| line.matches(quote).count() % 2 == 1;
    let mut quotes = ['"', '\''].into_iter();
    quotes.find_map(|quote| {
        let first = || is_odd(quote).then(|| with_first(line, quote)).flatten();
        with_last(line, quote).or_else(first)
    })
}

/// A line with the quotes that texts lack behind them: `["call, "write"]`. The next quote then stands where
/// a text begins.
fn with_last(line: &str, quote: char) -> Option<Mend> {
    let (mut whole, mut added, mut slip) =
        (String::with_capacity(line.len() + 1), Vec::new(), None);
    let mut at = 0;
    while let Some(opens) = line[at..].find(quote).map(|opens| at + opens) {
        let inside = opens + 1;
        let Some(next) = line[inside..].find(quote).map(|next| inside + next) else {
            break;
        };
        let inner = &line[inside..next];
        let ends = match inner.trim_end() {
            list if list.ends_with(',') => inner.rfind(','),
            table if table.ends_with('=') => inner.find(','),
            _ => None,
        };
        let text = ends.map(|ends| inner[..ends].trim_end());
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            whole.push_str(&line[at..=next]);
            at = next + 1;
            continue;
        };
        let end = inside + text.len();
        whole.push_str(&line[at..end]);
        added.push(whole.len());
        whole.push(quote);
        whole.push_str(&line[end..next]);
        at = next;
        slip.get_or_insert_with(|| {
            let message = format_smolstr!("the quote behind `{text}` is missing");
            let hint = format_smolstr!("write `{quote}{text}{quote}`");
            Slip::new(opens..end, Leaves::NoDoubt, message, hint)
        });
    }
    whole.push_str(&line[at..]);
    let slip = slip.filter(|_| is_toml(&whole))?;
    Some(Mend {
        line: whole,
        added,
        slip,
    })
}

/// A line with the quote that a text lacks before it: `["call", write"]`.
fn with_first(line: &str, quote: char) -> Option<Mend> {
    let mut starts = line.match_indices(['[', ',', '=']).map(|(at, sign)| {
        let behind = &line[at + sign.len()..];
        line.len() - behind.trim_start().len()
    });
    starts.find_map(|start| {
        let inner = &line[start..start + line[start..].find(quote)?];
        let message = format_smolstr!("the quote before `{inner}` is missing");
        let hint = format_smolstr!("write `{quote}{inner}{quote}`");
        let at = start..start + inner.len() + 1;
        let whole = format!("{}{quote}{}", &line[..start], &line[start..]);
        (!inner.is_empty() && is_toml(&whole)).then(|| Mend {
            line: whole,
            added: vec![start],
            slip: Slip::new(at, Leaves::NoDoubt, message, hint),
        })
    })
}

/// A line in which spaces of word processors stand between words, with plain ones in their place.
pub(super) fn with_plain_spaces(line: &str) -> Option<Mend> {
    let (whole, first) = plain_spaces(line);
    let at = first.filter(|_| is_toml(&whole))?;
    let hint = SmolStr::new_static("write a plain one, or none");
    let message = "this is no space as TOML knows it";
    Some(Mend {
        line: whole,
        added: Vec::new(),
        slip: Slip::new(at, Leaves::NoDoubt, message, hint),
    })
}

/// A line with plain spaces between words, as long as it was, and where the first of the others stands.
pub(super) fn plain_spaces(line: &str) -> (String, Option<Range<usize>>) {
    let (mut whole, mut inside, mut first) = (String::with_capacity(line.len()), None, None);
    for (at, c) in line.char_indices() {
        match inside {
            None if matches!(c, '"' | '\'') => inside = Some(c),
            Some(quote) if quote == c => inside = None,
            _ => {}
        }
        if inside.is_none() && c.is_whitespace() && !c.is_ascii() {
            first.get_or_insert_with(|| at..at + c.len_utf8());
            whole.extend(std::iter::repeat_n(' ', c.len_utf8()));
        } else {
            whole.push(c);
        }
    }
    (whole, first)
}

/// Whether a line is TOML by itself, or as a part of a list.
pub(super) fn is_toml(line: &str) -> bool {
    around(line).any(|whole| DeTable::parse(&whole).is_ok())
}

/// Whether a line is TOML in a list alone, also as the last line of it.
pub(super) fn is_of_a_list(line: &str) -> bool {
    let mut ends = ["\n]", ""].into_iter();
    ends.any(|end| DeTable::parse(&format!("x = [{line}{end}")).is_ok())
}

/// Whether it is but for some values, which leave no doubt of where the next one begins.
fn is_toml_but_for_values(line: &str) -> bool {
    let of_values = [
        "string values must be quoted",
        "invalid boolean",
        "invalid float",
        "invalid date",
        "invalid time",
        "invalid unquoted key",
        "missing escaped value",
    ];
    around(line).any(|whole| {
        let (_, errors) = DeTable::parse_recoverable(&whole);
        let mut messages = errors.iter().map(|error| error.message());
        messages.all(|said| of_values.iter().any(|begins| said.starts_with(begins)))
    })
}

/// A line as a text by itself, and as the first, the last or another line of a list.
fn around(line: &str) -> impl Iterator<Item = String> {
    let around = [("", ""), ("x = [", "\n]"), ("", "\n]"), ("x = [", "")];
    around
        .into_iter()
        .map(move |(above, below)| format!("{above}{line}{below}"))
}

struct Search<'l> {
    line: &'l str,
    /// Whether a line leaves no doubt of where its texts end.
    is_plain: fn(&str) -> bool,
    tried: usize,
    first: Option<Slip>,
}

impl Search<'_> {
    /// The rest of the line from a place on, behind what is mended of it so far.
    fn from(&mut self, so_far: String, at: usize) -> Option<String> {
        self.tried += 1;
        let Some((opens, open)) = opening(self.line, at) else {
            let whole = so_far + &self.line[at..];
            if whole == self.line {
                // Each text ends where it can, so it is no quote that is wrong.
                self.tried = MOST_TRIED + 1;
                return None;
            }
            return (self.is_plain)(&whole).then_some(whole);
        };
        let inside = opens + open.len_utf8();
        let quotes = self.line[inside..].char_indices();
        let closing = quotes.filter(|(_, c)| is_quote(*c));
        for (end, close) in closing.map(|(end, close)| (inside + end, close)) {
            let behind = end + close.len_utf8();
            if self.tried > MOST_TRIED || !ends_there(&self.line[behind..]) {
                continue;
            }
            let Some(text) = Text::of(open, &self.line[inside..end], close) else {
                continue;
            };
            let before = format!("{so_far}{}{}", &self.line[at..opens], text.in_place);
            if let Some(whole) = self.from(before, behind) {
                if text.is_mended {
                    // Set from the last to the first.
                    self.first = Some(text.told(open, opens..behind));
                }
                return Some(whole);
            }
        }
        None
    }
}

/// The next quote that can open a text, from a place on.
fn opening(line: &str, from: usize) -> Option<(usize, char)> {
    let is_value = |at: usize| line[..at].trim_end().ends_with(['=', '[', ',', '{']);
    let mut quotes = line[from..].char_indices().map(|(at, c)| (from + at, c));
    quotes.find(|(at, c)| is_quote(*c) && (*at == 0 || is_value(*at)))
}

/// Whether a text can end before this.
fn ends_there(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.is_empty() || rest.starts_with([',', '}', ']', '#'])
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'') || is_foreign(c)
}

/// Whether there is a quote in a text, of whatever kind.
pub(super) fn has_quotes(text: &str) -> bool {
    text.contains(is_quote)
}

/// The quotes of a word processor, or of another language.
fn is_foreign(c: char) -> bool {
    matches!(c, '`' | '“' | '”' | '„' | '‘' | '’' | '«' | '»')
}

/// A text with the quotes that it needs.
struct Text {
    /// As long as it was.
    in_place: String,
    /// As it is written.
    written: String,
    is_mended: bool,
    is_foreign: bool,
}

impl Text {
    fn of(open: char, inner: &str, close: char) -> Option<Self> {
        let is_foreign_outside = is_foreign(open) || is_foreign(close);
        let is_mixed = open != close && !(is_foreign(open) && is_foreign(close));
        if is_mixed && (!is_foreign_outside || inner.contains([open, close])) {
            return None;
        }
        let is_whole = open == close && !inner.contains(open) && !is_foreign_outside;
        if is_whole {
            let written = format!("{open}{inner}{close}");
            return Some(Self {
                in_place: written.clone(),
                written,
                is_mended: false,
                is_foreign: false,
            });
        }
        let is_single = matches!(open, '\'' | '‘' | '’');
        let are_pairs = inner.matches('\'').count() % 2 == 0;
        let inner_in_place = match is_single && are_pairs {
            true => inner.replace('\'', "\""),
            false => inner.to_owned(),
        };
        let (inner_in_place, inner) = match is_foreign_outside {
            true => with_our_quotes(&inner_in_place),
            false => (inner_in_place.clone(), inner_in_place),
        };
        let quote = match (inner.contains('"'), inner.contains(['\'', '\n'])) {
            (false, _) if !inner.contains('\\') => '"',
            (_, false) => '\'',
            _ => return None,
        };
        let blanks = |c: char| " ".repeat(c.len_utf8() - 1);
        Some(Self {
            in_place: format!(
                "{}{quote}{inner_in_place}{quote}{}",
                blanks(open),
                blanks(close)
            ),
            written: format!("{quote}{inner}{quote}"),
            is_mended: true,
            is_foreign: is_foreign_outside,
        })
    }

    fn told(&self, open: char, at: Range<usize>) -> Slip {
        let message = match self.is_foreign {
            true if is_foreign(open) => format_smolstr!("`{open}` opens no text"),
            true => "this text is not closed with the quote that opens it".into(),
            false => "the quotes inside end this text".into(),
        };
        let hint = format_smolstr!("write `{}`", self.written);
        Slip::new(at, Leaves::NoDoubt, message, hint)
    }
}

/// A text whose foreign quotes are ours: as long as it was, and as it is written.
fn with_our_quotes(text: &str) -> (String, String) {
    let (mut in_place, mut written) = (String::new(), String::new());
    let mut opens = true;
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let is_inside = |around: char| around.is_alphanumeric();
        // Or it is an apostrophe.
        let is_quote = !is_inside(before) || !chars.peek().copied().is_some_and(is_inside);
        before = c;
        if !is_foreign(c) || !is_quote {
            in_place.push(c);
            written.push(c);
            continue;
        }
        let blanks = " ".repeat(c.len_utf8() - 1);
        match opens {
            true => in_place.extend([blanks.as_str(), "\""]),
            false => in_place.extend(["\"", blanks.as_str()]),
        }
        written.push('"');
        opens = !opens;
    }
    (in_place, written)
}
