//! TOML in which something was plainly forgotten: read on as it was meant, so that one slip is one
//! fault, and all others are told too.

use std::ops::Range;

use smol_str::{SmolStr, format_smolstr};
use toml::de::DeTable;

use super::{Source, WHOLE, floor, is_name, name_for, place_of};
use crate::playbook::fault::{Fault, FaultKind};

/// A text of TOML in which what was plainly forgotten is there: the `]` of `[need`, the second
/// brackets of `[rule]`, a closing quote. What stands below is meant, and whoever refers to it made
/// no mistake.
pub(crate) struct Mended {
    pub(super) text: String,
    /// Where in the mended text something was added, in order, and how many bytes.
    added: Vec<(usize, usize)>,
    /// Whether a bracket is left open, so that nothing behind it stands where it was meant to.
    is_left_open: bool,
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

impl Mended {
    /// Mends a text, and reports what is no TOML in it as it stands: one fault a line.
    pub(crate) fn of(file: &Source<'_>) -> Self {
        let (_, errors) = DeTable::parse_recoverable(file.text);
        let errors: Vec<(Range<usize>, &str)> = errors
            .iter()
            .map(|error| (error.span().unwrap_or(0..0), error.message()))
            .collect();
        let as_it_is = Self {
            text: file.text.to_owned(),
            added: Vec::new(),
            is_left_open: false,
        };
        if errors.is_empty() {
            return as_it_is;
        }
        let lists = mixed_lists(file.text, &errors);
        let mut mended = Self {
            text: String::with_capacity(file.text.len()),
            added: Vec::new(),
            is_left_open: false,
        };
        let mut told: Vec<(Range<usize>, SmolStr, Option<SmolStr>)> = Vec::new();
        let mut start = 0;
        for line in file.text.split_inclusive('\n') {
            let end = start + line.len();
            let of_line = |(at, _): &&(Range<usize>, &str)| {
                (start..end).contains(&at.start) || (at.start == end && end == file.text.len())
            };
            let error = errors.iter().find(of_line);
            if mended.add_line(line, error.map(|(_, said)| *said), &lists) {
                let (at, said) = error.map_or((start..start, ""), |(at, said)| (at.clone(), said));
                let (message, hint) = told_of_syntax(line, said);
                told.push((at, message, hint));
            }
            start = end;
        }
        let (_, left) = DeTable::parse_recoverable(&mended.text);
        let mut left: Vec<(Range<usize>, &str)> = if left.len() >= errors.len() {
            // It was something else.
            mended = as_it_is;
            told.clear();
            errors
        } else {
            let places = left.iter().map(|error| {
                let at = error.span().unwrap_or(0..0);
                let at = mended.in_the_file(at.start)..mended.in_the_file(at.end);
                (at, error.message())
            });
            places.collect()
        };
        left.sort_by_key(|(at, _)| at.start);
        left.dedup_by_key(|(at, _)| place_of(file.text, at.start).0);
        let open = left_open(file.text, &left);
        for (place, (at, said)) in left.iter().enumerate() {
            match open {
                Some(open) if place == open => told.push(told_open(at.clone(), said)),
                _ => told.push(told_at(file.text, at.clone(), said)),
            }
        }
        if let Some((at, _)) = open.and_then(|open| left.get(open)) {
            mended.is_left_open = true;
            told.retain(|(place, _, _)| place.start <= at.start);
        }
        told.sort_by_key(|(at, _, _)| at.start);
        told.dedup_by_key(|(at, _, _)| place_of(file.text, at.start).0);
        for (at, message, hint) in told {
            file.fault(at, FaultKind::Syntax(message), hint);
        }
        mended
    }

    /// Adds a line, mended if that is plainly possible; whether it was.
    fn add_line(&mut self, line: &str, error: Option<&str>, lists: &[&str]) -> bool {
        let head = line.split('#').next().unwrap_or_default().trim_end();
        let opened = head.bytes().take_while(|byte| *byte == b'[').count();
        let closed = head.bytes().rev().take_while(|byte| *byte == b']').count();
        let names = head.trim_matches(['[', ']']);
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_header = matches!(opened, 1 | 2) && !names.is_empty() && names.chars().all(is_name);
        let wanted = match opened {
            1 if lists.contains(&names) => 2,
            opened => opened,
        };
        if is_header && (wanted > opened || (error.is_some() && closed < opened)) {
            self.add("[", wanted.saturating_sub(opened));
            self.text.push_str(head);
            self.add("]", wanted.saturating_sub(closed));
            self.text.push_str(&line[head.len()..]);
            return true;
        }
        let quote = error.and_then(|said| match said {
            said if said.starts_with("invalid basic string") => Some("\""),
            said if said.starts_with("invalid literal string") => Some("'"),
            _ => None,
        });
        if let Some(quote) = quote {
            let text = line.trim_end().trim_end_matches([' ', '}', ']', ',']);
            self.text.push_str(text);
            self.add(quote, 1);
            self.text.push_str(&line[text.len()..]);
            return true;
        }
        self.text.push_str(line);
        false
    }

    fn add(&mut self, sign: &str, count: usize) {
        if count > 0 {
            self.added.push((self.text.len(), count));
            self.text.push_str(&sign.repeat(count));
        }
    }

    /// Where a place of the mended text stands in the file.
    pub(super) fn in_the_file(&self, at: usize) -> usize {
        let before = self.added.iter().filter(|(behind, _)| *behind < at);
        let added: usize = before
            .map(|(behind, count)| (*count).min(at - behind))
            .sum();
        at - added
    }

    /// Whether a header was closed at or behind a place of the file, on the same line.
    fn is_closed(&self, line: &Range<usize>) -> bool {
        let mut before = 0;
        self.added.iter().any(|(behind, count)| {
            let at = behind - before;
            before += count;
            line.contains(&at) || at == line.end
        })
    }
}

/// The first of the errors, one a line, behind which the next line is one too: there, a bracket that was opened above is not closed,
/// and takes in the rest of the file.
fn left_open(text: &str, errors: &[(Range<usize>, &str)]) -> Option<usize> {
    let inside = ["array", "inline table", "key-value pairs"];
    let is_inside = |(_, said): &(Range<usize>, &str)| inside.iter().any(|one| said.contains(one));
    let next_line = |at: usize| {
        let at = floor(text, at);
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
fn told_open(at: Range<usize>, said: &str) -> (Range<usize>, SmolStr, Option<SmolStr>) {
    let bracket = if said.contains("array") { "]" } else { "}" };
    let hint = format_smolstr!("close it with `{bracket}`; what stands below can't be read before");
    let message = "something is opened above and not closed".into();
    (at, message, Some(hint))
}

/// The lists of which one is written in single brackets, and so stands in the way of the next.
fn mixed_lists(text: &str, errors: &[(Range<usize>, &str)]) -> Vec<&'static str> {
    let lines = errors
        .iter()
        .filter(|(_, said)| said.starts_with("duplicate key"));
    let heads = lines.map(|(at, _)| {
        line_at(text, at.start)
            .split('#')
            .next()
            .unwrap_or_default()
    });
    let names: Vec<&str> = heads
        .filter(|head| head.starts_with('['))
        .map(|head| head.trim().trim_matches(['[', ']']))
        .collect();
    LISTS
        .into_iter()
        .filter(|list| names.contains(list))
        .collect()
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

fn line_at(text: &str, at: usize) -> &str {
    let at = floor(text, at);
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    text[start..].lines().next().unwrap_or_default()
}

fn told_at(text: &str, at: Range<usize>, said: &str) -> (Range<usize>, SmolStr, Option<SmolStr>) {
    let (message, hint) = told_of_syntax(line_at(text, at.start), said);
    (at, message, hint)
}

/// What the TOML reader says of a line, in words for people, and how to mend it.
fn told_of_syntax(line: &str, said: &str) -> (SmolStr, Option<SmolStr>) {
    let head = line.split('#').next().unwrap_or_default();
    let name = head.trim_matches(|c: char| matches!(c, '[' | ']') || c.is_whitespace());
    if line.starts_with('[') && LISTS.contains(&name) {
        let hint = format_smolstr!("write `[[{name}]]`, each time");
        return (
            "this is one of several, and stands in double brackets".into(),
            Some(hint),
        );
    }
    if let Some(whole) = with_braces(head) {
        let message = "what is said in a list stands in braces";
        return (message.into(), Some(format_smolstr!("write `{whole}`")));
    }
    if said.starts_with("unclosed table, expected") {
        let opened = line.bytes().take_while(|byte| *byte == b'[').count();
        let opened = opened.clamp(1, 2);
        let whole = format_smolstr!("write `{}{name}{}`", "[".repeat(opened), "]".repeat(opened));
        return ("this section's name is not closed".into(), Some(whole));
    }
    if said.starts_with("invalid basic string") || said.starts_with("invalid literal string") {
        return (
            "this text is not closed".into(),
            Some("a quote is missing behind it".into()),
        );
    }
    let key = line.split(':').next().unwrap_or_default().trim();
    let mut words = line.split(['=', '[', ']', '.', '{', ',']);
    let foreign = words.find(|word| !word.is_ascii() && !word.contains(['"', '\'']));
    let hint = match said {
        said if said.starts_with("invalid unquoted key") && foreign.is_some() => {
            foreign.map(name_for)
        }
        said if said.contains("string values must be quoted") => {
            Some("write texts in quotes: \"like this\"".into())
        }
        said if said.starts_with("duplicate key") => {
            Some("it is said above already: leave one of the two".into())
        }
        said if said.starts_with("invalid unquoted key") && line.contains(':') && is_name(key) => {
            Some(format_smolstr!("write `{key} = ..`"))
        }
        _ => None,
    };
    (said.into(), hint)
}

/// Drops what a header that is no TOML (`[[[`) brings about: whatever stands below it was read into
/// another section, and means nothing there. Only the header itself is to be mended.
pub(crate) fn drop_echoes(file: &str, text: &str, mended: &Mended, faults: &mut Vec<Fault>) {
    if mended.is_left_open {
        // Names of the playbook are missing wherever they are spoken of.
        let is_of_it = |fault: &Fault| fault.file == file || file == "playbook.toml";
        faults.retain(|fault| matches!(fault.kind, FaultKind::Syntax(_)) || !is_of_it(fault));
        return;
    }
    let starts_line = |at: usize| text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let is_syntax =
        |fault: &&Fault| fault.file == file && matches!(fault.kind, FaultKind::Syntax(_));
    let broken: Vec<Range<usize>> = faults
        .iter()
        .filter(is_syntax)
        .filter_map(|fault| {
            let from = starts_line(floor(text, fault.span.start));
            let below = text[from..]
                .find('\n')
                .map_or(text.len(), |newline| from + newline + 1);
            let is_header =
                text[from..].trim_start().starts_with('[') && !mended.is_closed(&(from..below));
            let until = match text[below..].starts_with('[') {
                true => below,
                false => text[below..]
                    .find("\n[")
                    .map_or(text.len(), |at| below + at + 1),
            };
            is_header.then_some(from..until)
        })
        .collect();
    // What is read of a line that is no TOML is a guess, and so is what it is missing.
    let lines: Vec<usize> = faults
        .iter()
        .filter(is_syntax)
        .filter(|fault| !is_of_words_alone(&fault.kind))
        .map(|fault| fault.line)
        .collect();
    let is_guessed = |fault: &Fault| {
        let is_missing = match &fault.kind {
            FaultKind::MissingKey { section, .. } => section == WHOLE,
            FaultKind::DeadEnd { .. } | FaultKind::UnreachableStage { .. } => true,
            _ => false,
        };
        !lines.is_empty() && (is_missing || lines.contains(&fault.line))
    };
    faults.retain(|fault| {
        let is_echo = !matches!(fault.kind, FaultKind::Syntax(_))
            && fault.file == file
            && (is_guessed(fault)
                || broken
                    .iter()
                    .any(|broken| broken.contains(&fault.span.start)));
        !is_echo
    });
}

/// Whether a fault of the TOML leaves no doubt of what is said.
fn is_of_words_alone(kind: &FaultKind) -> bool {
    let FaultKind::Syntax(said) = kind else {
        return true;
    };
    said.starts_with("duplicate key") || said.starts_with("this ")
}
