//! TOML in which something was plainly forgotten: read on as it was meant, so that one slip is one
//! fault, and all others are told too.

use std::borrow::Cow;
use std::ops::Range;

use smol_str::{SmolStr, format_smolstr};
use toml::de::DeTable;

use super::syntax::{self, Leaves, Slip, line_at, listed, of_a_list, unclosed_name};
use super::{Source, commas, keys, quotes};
use crate::playbook::fault::FaultKind;

/// A text of TOML in which what was plainly forgotten is there: the `]` of `[need`, the second
/// brackets of `[rule]`, a closing quote, a comma. What stands below is meant, and whoever refers to it made
/// no mistake.
pub(crate) struct Mended {
    pub(super) text: String,
    /// Where in the mended text a byte was added, in order.
    added: Vec<usize>,
    /// Whether a bracket is left open, so that nothing behind it stands where it was meant to.
    pub(crate) is_left_open: bool,
    /// What is no TOML in it as it stands, one a line, in order.
    pub(super) slips: Vec<Slip>,
}

/// The sections of which there are several, each in double brackets.
const LISTS: [&str; 6] = [
    "rule",
    "route",
    "agent",
    "scenario",
    "scenario.step",
    "scenario.agent",
];

/// What is no TOML in a text, one slip a line, in the order of lines. Of `lists`, the sections that
/// stand in double brackets, it is told where one stands in single ones.
///
/// ```
/// let slips = leadkit::playbook::slips("path = \"C:\\leads.csv\"", &["file"]);
/// assert_eq!(slips[0].hint.as_deref(), Some("write `'C:\\leads.csv'`"));
/// ```
#[must_use]
pub fn slips(text: &str, lists: &[&str]) -> Vec<Slip> {
    Mended::with_lists(text, lists).slips
}

/// A line as it was meant, and what was wrong with it.
pub(super) struct Mend {
    pub(super) line: String,
    /// Where in this line a byte was added, in order.
    pub(super) added: Vec<usize>,
    pub(super) slip: Slip,
}

/// A line of a file, as it is read.
struct Line<'t> {
    /// Where it begins in the file.
    start: usize,
    text: Cow<'t, str>,
    added: Vec<usize>,
    /// For which error no mend was found: a search that is not begun again.
    in_vain: Option<(Range<usize>, SmolStr)>,
}

/// How long a line is that people wrote.
const MOST_BYTES: usize = 4_096;

/// How often a text is read again: what is mended lets the reader see what stands behind it.
const MOST_READINGS: usize = 64;

impl Mended {
    /// Mends a text, and reports what is no TOML in it as it stands: one fault a line.
    pub(crate) fn of(file: &Source<'_>) -> Self {
        let mended = Self::with_lists(file.text, &LISTS);
        for slip in &mended.slips {
            let kind = FaultKind::Syntax(slip.message.clone());
            file.fault(slip.at.clone(), kind, slip.hint.clone());
        }
        mended
    }

    fn with_lists(text: &str, lists: &[&str]) -> Self {
        let mut lines = lines_of(text);
        let (mut mixed, mut slips) = (Vec::new(), Vec::new());
        let mut mended = Self::joined(&lines);
        let mut left = errors_of(&mended.text);
        for _ in 0..MOST_READINGS {
            mixed.extend(mixed_lists(&mended.text, &left, lists));
            let found = mend_lines(&mut lines, &left, &mixed);
            if left.is_empty() || found.is_empty() {
                break;
            }
            slips.extend(found);
            mended = Self::joined(&lines);
            left = errors_of(&mended.text);
        }
        tell_lists_once(text, &mut slips, lists);
        for (at, _) in &mut left {
            *at = mended.in_the_file(at.start)..mended.in_the_file(at.end);
        }
        left.dedup_by_key(|(at, _)| line_at(text, at.start).0);
        tell_headers_once(text, &mut left);
        let open = left_open(text, &left);
        for (place, (at, said)) in left.iter().enumerate() {
            slips.push(match open {
                Some(open) if place == open => told_open(at.clone(), said),
                _ => syntax::told(text, at.clone(), said, lists),
            });
        }
        if let Some((at, _)) = open.and_then(|open| left.get(open)) {
            mended.is_left_open = true;
            slips.retain(|slip| slip.at.start <= at.start);
        }
        slips.sort_by_key(|slip| slip.at.start);
        slips.dedup_by_key(|slip| line_at(text, slip.at.start).0);
        Self { slips, ..mended }
    }

    fn joined(lines: &[Line<'_>]) -> Self {
        let mut text = String::new();
        let mut added = Vec::new();
        for line in lines {
            added.extend(line.added.iter().map(|at| text.len() + at));
            text.push_str(&line.text);
        }
        Self {
            text,
            added,
            is_left_open: false,
            slips: Vec::new(),
        }
    }

    /// Where a place of the mended text stands in the file.
    pub(super) fn in_the_file(&self, at: usize) -> usize {
        at - self.added.partition_point(|added| *added < at)
    }

    /// Whether a header was closed at or behind a place of the file, on the same line.
    pub(super) fn is_closed(&self, line: &Range<usize>) -> bool {
        self.added.iter().any(|added| {
            let at = self.in_the_file(*added);
            line.contains(&at) || at == line.end
        })
    }
}

fn lines_of(text: &str) -> Vec<Line<'_>> {
    let mut start = 0;
    let lines = text.split_inclusive('\n').map(|line| {
        start += line.len();
        Line {
            start: start - line.len(),
            text: Cow::Borrowed(line),
            added: Vec::new(),
            in_vain: None,
        }
    });
    lines.collect()
}

/// What the TOML reader has to say, in the order of the text.
fn errors_of(text: &str) -> Vec<(Range<usize>, SmolStr)> {
    let (_, errors) = DeTable::parse_recoverable(text);
    let errors = errors.iter();
    let mut errors: Vec<_> = errors
        .map(|error| (error.span().unwrap_or(0..0), error.message().into()))
        .collect();
    errors.sort_by_key(|(at, _)| at.start);
    errors
}

/// Mends the lines where that is plainly possible; what was wrong with those.
fn mend_lines(
    lines: &mut [Line<'_>],
    errors: &[(Range<usize>, SmolStr)],
    mixed: &[&str],
) -> Vec<Slip> {
    let length: usize = lines.iter().map(|line| line.text.len()).sum();
    let mut slips = Vec::new();
    let mut start = 0;
    for line in lines {
        let end = start + line.text.len();
        let is_of_line = |(at, _): &&(Range<usize>, SmolStr)| {
            at.start < end || (at.start == end && end == length)
        };
        // Each once: what is wrong with it then is something else.
        if let Cow::Borrowed(text) = line.text {
            let first = errors.partition_point(|(at, _)| at.start < start);
            let error = errors.get(first).filter(is_of_line);
            let error = error.map(|(at, said)| (at.start - start..at.end - start, said.clone()));
            let at = error.as_ref().map(|(at, _)| at.clone());
            let mend = whole_header(text, at, mixed).or_else(|| {
                let error = error.as_ref().filter(|_| error != line.in_vain);
                error.and_then(|(at, said)| mend_of(text, at.clone(), said))
            });
            match mend {
                Some(mend) => {
                    slips.push(mend.slip.behind(line.start));
                    line.text = Cow::Owned(mend.line);
                    line.added = mend.added;
                }
                None => line.in_vain = error,
            }
        }
        start = end;
    }
    slips
}

/// A line as it was meant, if that is plain.
fn mend_of(line: &str, at: Range<usize>, said: &str) -> Option<Mend> {
    if line.len() > MOST_BYTES {
        return None;
    }
    quotes::with_plain_spaces(line)
        .or_else(|| commas::with_points(line))
        .or_else(|| commas::with_commas(line))
        .or_else(|| quotes::with_both(line))
        .or_else(|| quotes::mended(line))
        .or_else(|| keys::with_quoted_columns(line))
        .or_else(|| keys::with_equals_sign(line))
        .or_else(|| keys::with_quoted_keys(line))
        .or_else(|| commas::with_comma_before(line, at.clone(), said))
        .or_else(|| quotes::closed(line, at, said))
}

/// A header with the brackets that it lacks.
fn whole_header(line: &str, error: Option<Range<usize>>, mixed: &[&str]) -> Option<Mend> {
    let head = line.split('#').next().unwrap_or_default().trim_end();
    let opened = head.bytes().take_while(|byte| *byte == b'[').count();
    let closed = head.bytes().rev().take_while(|byte| *byte == b']').count();
    let name = head.trim_matches(['[', ']']);
    let can_stand = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_header = matches!(opened, 1 | 2) && !name.is_empty() && name.chars().all(can_stand);
    let wanted = match opened {
        1 if mixed.contains(&name) => 2,
        opened => opened,
    };
    let lacks_some = wanted > opened || (error.is_some() && closed < opened);
    if !is_header || !lacks_some {
        return None;
    }
    let before = wanted.saturating_sub(opened);
    let behind = wanted.saturating_sub(closed);
    let end = before + head.len();
    let at = error.unwrap_or(0..0);
    Some(Mend {
        line: format!(
            "{}{head}{}{}",
            "[".repeat(before),
            "]".repeat(behind),
            &line[head.len()..]
        ),
        added: (0..before).chain(end..end + behind).collect(),
        slip: match mixed.contains(&name) {
            true => of_a_list(at, name),
            false => unclosed_name(at, line),
        },
    })
}

/// Tells of each list once, at the first of its headers in single brackets.
fn tell_lists_once(text: &str, slips: &mut Vec<Slip>, lists: &[&str]) {
    let mut told: Vec<&str> = Vec::new();
    slips.sort_by_key(|slip| slip.at.start);
    slips.retain(|slip| {
        let (_, line) = line_at(text, slip.at.start);
        let Some(list) = listed(line, lists) else {
            return true;
        };
        let is_first = !told.contains(&list);
        told.push(list);
        is_first
    });
}

/// The first of the errors, one a line, behind which the next line is one too: there, a bracket that was
/// opened above is not closed, and takes in the rest of the file.
fn left_open(text: &str, errors: &[(Range<usize>, SmolStr)]) -> Option<usize> {
    let inside = ["array", "inline table", "key-value pairs"];
    let is_inside =
        |(_, said): &(Range<usize>, SmolStr)| inside.iter().any(|one| said.contains(one));
    let next_line = |at: usize| {
        let at = super::floor(text, at);
        let mut start = at + text[at..].find('\n')? + 1;
        for line in text[start..].split_inclusive('\n') {
            let is_blank = line.trim().is_empty() || line.trim_start().starts_with('#');
            if !is_blank {
                return Some(start..start + line.len());
            }
            start += line.len();
        }
        None
    };
    errors.windows(2).position(|two| {
        let goes_on =
            || next_line(two[0].0.start).is_some_and(|line| line.contains(&two[1].0.start));
        two.iter().all(is_inside) && goes_on()
    })
}

/// What is told of a bracket that is left open, where the TOML reader comes to notice.
fn told_open(at: Range<usize>, said: &str) -> Slip {
    let bracket = if said.contains("array") { "]" } else { "}" };
    let hint = format_smolstr!("close it with `{bracket}`; what stands below can't be read before");
    let message = "something is opened above and not closed";
    Slip::new(at, Leaves::AGuess, message, hint)
}

/// Whatever stands under a header that is there twice is there twice as well: the header is the slip.
fn tell_headers_once(text: &str, errors: &mut Vec<(Range<usize>, SmolStr)>) {
    let mut told_until = 0;
    errors.retain(|(at, said)| {
        let is_twice = said.starts_with("duplicate key");
        if is_twice && at.start < told_until {
            return false;
        }
        let (start, line) = line_at(text, at.start);
        if is_twice && line.trim_start().starts_with('[') {
            let next = text[start..].find("\n[");
            told_until = next.map_or(text.len(), |next| start + next);
        }
        true
    });
}

/// The lists of which one is written in single brackets, and so stands in the way of the next.
fn mixed_lists<'l>(
    text: &str,
    errors: &[(Range<usize>, SmolStr)],
    lists: &[&'l str],
) -> Vec<&'l str> {
    let lines = errors
        .iter()
        .filter(|(_, said)| said.starts_with("duplicate key"));
    let mixed: Vec<&str> = lines
        .filter_map(|(at, _)| listed(line_at(text, at.start).1, lists))
        .collect();
    let lists = lists.iter().copied();
    lists.filter(|list| mixed.contains(list)).collect()
}
