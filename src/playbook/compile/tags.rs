//! What a template says between `{{` and `}}`, or `{%` and `%}`, word by word.
//!
//! The template engine asks for filters and tests by name only when it comes to them, so a slip of
//! the pen in a branch that is rarely taken would be found by a customer. Here all of them are
//! found, each with its place.

use std::ops::Range;

use smol_str::{SmolStr, format_smolstr};

use crate::playbook::fault::FaultKind;
use crate::playbook::read::did_you_mean;
use crate::playbook::template::Templates;

/// Something wrong at a place of a template, and how to mend it.
pub(super) type Flaw = (Range<usize>, FaultKind, Option<SmolStr>);

/// A piece of what a tag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'t> {
    pub(super) at: usize,
    pub(super) what: What<'t>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What<'t> {
    /// A tag begins: `{%`, or `{{`.
    Begins { is_statement: bool },
    /// It ends: `%}`, or `}}`.
    Ends,
    /// `city`
    Word(&'t str),
    /// A text in quotes.
    Text,
    /// Anything else but blanks.
    Sign(char),
}

/// What stands in single braces outside of all tags, each with its place.
pub(super) fn single_braces(text: &str) -> Vec<(Range<usize>, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(opened) = text[at..].find('{') {
        at += opened;
        let rest = &text[at..];
        let closing = match rest.as_bytes().get(1) {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            Some(b'#') => "#}",
            _ => "}",
        };
        let Some(end) = rest.find(closing) else {
            break;
        };
        let end = end + closing.len();
        let said = rest[1..end - 1].trim();
        if closing == "}" {
            match said.rfind('{') {
                Some(_) => at += 1,
                None => {
                    found.push((at..at + end, said));
                    at += end;
                }
            }
        } else {
            let is_raw = closing == "%}" && said.trim_matches(['%', '-', ' ']) == "raw";
            let behind = rest[end..].find("endraw").filter(|_| is_raw);
            at += end + behind.unwrap_or(0);
        }
    }
    found
}

/// All pieces of all tags of a template.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find('{') {
        at += found;
        let rest = &text[at..];
        if rest.starts_with("{#") {
            at += rest.find("#}").map_or(rest.len(), |end| end + 2);
        } else if rest.starts_with("{{") || rest.starts_with("{%") {
            let first = pieces.len();
            at = read_tag(text, at, &mut pieces);
            let is_raw = |piece: &Piece<'_>| piece.what == What::Word("raw");
            let is_statement = rest.starts_with("{%");
            if is_statement && pieces.get(first + 1).is_some_and(is_raw) {
                at += text[at..].find("endraw").unwrap_or(text.len() - at);
            }
        } else {
            at += 1;
        }
    }
    pieces
}

/// Reads one tag; where it ends.
fn read_tag<'t>(text: &'t str, start: usize, pieces: &mut Vec<Piece<'t>>) -> usize {
    let is_statement = text[start..].starts_with("{%");
    let closing = if is_statement { "%}" } else { "}}" };
    let what = What::Begins { is_statement };
    pieces.push(Piece { at: start, what });
    let mut at = start + 2;
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    while let Some(c) = text[at..].chars().next() {
        if text[at..].starts_with(closing) {
            let what = What::Ends;
            pieces.push(Piece { at, what });
            return at + closing.len();
        }
        let (what, length) = if matches!(c, '"' | '\'') {
            (What::Text, text_length(&text[at..], c))
        } else if is_word(c) {
            let rest = &text[at..];
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            (What::Word(&rest[..length]), length)
        } else {
            (What::Sign(c), c.len_utf8())
        };
        // Blanks, and the signs by which a tag takes blanks with it.
        let is_trim = matches!(c, '-' | '+') && at == start + 2;
        if !c.is_whitespace() && !is_trim {
            pieces.push(Piece { at, what });
        }
        at += length;
    }
    at
}

/// How long a text in quotes is, with them; all of the rest, if it is not closed.
fn text_length(rest: &str, quote: char) -> usize {
    length_of_closed(rest, quote).unwrap_or(rest.len())
}

fn length_of_closed(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    None
}

/// Whether the text in quotes is closed that begins here, in its own tag.
pub(super) fn is_closed_text(rest: &str) -> bool {
    let quote = rest.chars().next().unwrap_or_default();
    let length = length_of_closed(rest, quote);
    length.is_some_and(|length| !rest[..length].contains("{%") && !rest[..length].contains("{{"))
}

/// Filters, tests and statements that there aren't.
pub(super) fn flaws(text: &str, templates: &Templates) -> Vec<Flaw> {
    let pieces = pieces(text);
    let word_at = |place: usize| match pieces.get(place)?.what {
        What::Word(word) => Some((word, pieces[place].at)),
        _ => None,
    };
    let mut flaws = Vec::new();
    for (place, piece) in pieces.iter().enumerate() {
        let flaw = match piece.what {
            What::Begins { is_statement: true } => match word_at(place + 1) {
                Some(("filter", _)) => {
                    word_at(place + 2).and_then(|word| no_filter(word, templates))
                }
                Some(word) => no_statement(word),
                None => None,
            },
            What::Sign('|') => word_at(place + 1).and_then(|word| no_filter(word, templates)),
            What::Word("is") => {
                let is_not = word_at(place + 1).is_some_and(|(word, _)| word == "not");
                let word = word_at(place + 1 + usize::from(is_not));
                word.and_then(|word| no_test(word, templates))
            }
            _ => None,
        };
        flaws.extend(flaw);
    }
    flaws
}

fn no_statement((word, at): (&str, usize)) -> Option<Flaw> {
    let is_about_others = matches!(word, "include" | "import" | "from" | "extends" | "block");
    is_about_others.then(|| {
        let why = format_smolstr!("`{word}` speaks of another template, and each stands by itself");
        let hint = "write here what the other one says".into();
        (at..at + word.len(), FaultKind::Template(why), Some(hint))
    })
}

fn no_filter((word, at): (&str, usize), templates: &Templates) -> Option<Flaw> {
    let known = Templates::FILTERS.iter().copied();
    (!templates.has_filter(word)).then(|| unknown("filter", word, at, known))
}

fn no_test((word, at): (&str, usize), templates: &Templates) -> Option<Flaw> {
    let known = Templates::TESTS.iter().copied();
    (!templates.has_test(word)).then(|| unknown("test", word, at, known))
}

/// A function that there isn't, if a template calls what no variable is.
pub(super) fn no_function(text: &str, variable: &str) -> Option<Flaw> {
    let pieces = pieces(text);
    let called = pieces.windows(3).find(|three| {
        three[0].what != What::Sign('.')
            && three[1].what == What::Word(variable)
            && three[2].what == What::Sign('(')
    });
    called.map(|three| {
        let known = Templates::FUNCTIONS.iter().copied();
        let (place, kind, hint) = unknown("function", variable, three[1].at, known);
        let filter = Templates::FILTERS.contains(&variable);
        let filter = filter.then(|| format_smolstr!("it is a filter: write `.. | {variable}`"));
        (place, kind, filter.or(hint))
    })
}

fn unknown<'a>(
    sort: &'static str,
    word: &str,
    at: usize,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Flaw {
    let hint = did_you_mean(word, known.clone()).unwrap_or_else(|| {
        let known: Vec<&str> = known.collect();
        format_smolstr!("known: {}", known.join(", "))
    });
    let name = word.into();
    let kind = FaultKind::UnknownName { sort, name };
    (at..at + word.len(), kind, Some(hint))
}

/// The texts with which a template compares a variable without parts, each with its place: `car == "X1"`,
/// `"X1" != car`, `car in ["X1", "X3"]`.
pub(super) fn compared_with<'t>(text: &'t str, variable: &str) -> Vec<(Range<usize>, &'t str)> {
    let pieces = pieces(text);
    let what = |place: usize| pieces.get(place).map(|piece| piece.what);
    let is_equal = |place: usize| {
        matches!(what(place), Some(What::Sign('=' | '!')))
            && what(place + 1) == Some(What::Sign('='))
    };
    let mut found = Vec::new();
    for (place, piece) in pieces.iter().enumerate() {
        let is_part = place > 0 && what(place - 1) == Some(What::Sign('.'));
        let goes_on = matches!(what(place + 1), Some(What::Sign('.' | '[' | '(' | '|')));
        if piece.what != What::Word(variable) || is_part || goes_on {
            continue;
        }
        if is_equal(place + 1) {
            found.push(place + 3);
        }
        if place > 2 && is_equal(place - 2) {
            found.push(place - 3);
        }
        let is_not = usize::from(what(place + 1) == Some(What::Word("not")));
        let opens = place + 2 + is_not;
        if what(opens - 1) == Some(What::Word("in")) && what(opens) == Some(What::Sign('[')) {
            let is_inside =
                |place: &usize| matches!(what(*place), Some(What::Text | What::Sign(',')));
            found.extend((opens + 1..).take_while(is_inside));
        }
    }
    let texts = found.into_iter().filter_map(|place| pieces.get(place));
    let texts = texts.filter(|piece| piece.what == What::Text);
    let said = texts.filter_map(|piece| {
        let rest = &text[piece.at..];
        let length = text_length(rest, rest.chars().next()?);
        let inside = piece.at + 1..(piece.at + length).checked_sub(1)?;
        Some((inside.clone(), text.get(inside)?))
    });
    said.filter(|(_, said)| !said.contains('\\')).collect()
}

/// The parts of an object that a template writes whatever is known: in a tag that offers nothing else,
/// and under no condition. Each with its place.
pub(super) fn always_written<'t>(text: &'t str, object: &str) -> Vec<(Range<usize>, &'t str)> {
    let (mut depth, mut found) = (0_usize, Vec::new());
    let pieces = pieces(text);
    for tag in pieces.split(|piece| piece.what == What::Ends) {
        let [begins, said @ ..] = tag else { continue };
        let first = said.first().map(|piece| piece.what);
        if begins.what == (What::Begins { is_statement: true }) {
            match first {
                Some(What::Word("if" | "for")) => depth += 1,
                Some(What::Word("endif" | "endfor")) => depth = depth.saturating_sub(1),
                _ => {}
            }
            continue;
        }
        let offers =
            |piece: &Piece<'_>| matches!(piece.what, What::Word("or" | "if" | "default" | "d"));
        if depth > 0 || first != Some(What::Word(object)) || said.iter().any(offers) {
            continue;
        }
        let names = said
            .iter()
            .take_while(|piece| matches!(piece.what, What::Word(_) | What::Sign('.')));
        let end = names.last().map_or(begins.at, |last| match last.what {
            What::Word(word) => last.at + word.len(),
            _ => last.at,
        });
        let place = said[0].at..end;
        found.push((place.clone(), &text[place]));
    }
    found
}

/// Where a template first asks for a variable (`contact.name`).
pub(super) fn place_of_variable(text: &str, variable: &str) -> Option<Range<usize>> {
    let pieces = pieces(text);
    let parts: Vec<&str> = variable.split('.').collect();
    let length = 2 * parts.len() - 1;
    let is_dot = |at: usize| {
        pieces
            .get(at)
            .is_some_and(|piece| piece.what == What::Sign('.'))
    };
    let is_it = |some: &[Piece<'_>]| {
        let mut places = some.iter().enumerate();
        places.all(|(place, piece)| match place % 2 {
            0 => piece.what == What::Word(parts[place / 2]),
            _ => piece.what == What::Sign('.'),
        })
    };
    // Not the end of another variable (`contact.name` for `name`), nor its beginning.
    let stands = |at: usize| is_it(&pieces[at..at + length]) && (at == 0 || !is_dot(at - 1));
    let mut places = (0..pieces.len().saturating_sub(length - 1)).filter(|at| stands(*at));
    let first = places.clone().next()?;
    let at = places.find(|at| !is_dot(at + length)).unwrap_or(first);
    let found = &pieces[at..at + length];
    let (first, last) = (found[0].at, found[length - 1]);
    let last_length = parts.last().map_or(0, |part| part.len());
    Some(first..last.at + last_length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let flaws = flaws(text, &Templates::new()).into_iter();
        flaws
            .map(|(place, kind, _)| format!("{}: {kind}", &text[place]))
            .collect()
    }

    #[test]
    fn filters_tests_and_statements_that_there_are_not_are_found_wherever_they_stand() {
        let none: [&str; 0] = [];
        for fine in [
            "Hi {{ contact.name|upper|default('|nothing') }} | shout, is odd",
            "{% if city is defined and city is not none %}{{ \"}} | no\" }}{% endif %}",
            "{# {{ x|shout }} #}{% raw %}{{ x|shout }}{% endraw %}{%- filter upper -%}x{% endfilter %}",
            "{ a|b } {% set x = 3 %}",
        ] {
            assert_eq!(told(fine), none, "{fine}");
        }
        let text = "{{ a|uper }}{% if b is ood %}{{ 'x'|lower|shout }}{% else %}{%- include 'late.txt' %}{% endif %}";
        assert_eq!(
            told(text),
            [
                "uper: there is no filter `uper`",
                "ood: there is no test `ood`",
                "shout: there is no filter `shout`",
                "include: the template can't be read: `include` speaks of another template, and each stands by itself",
            ]
        );
    }

    #[test]
    fn a_variable_is_found_in_a_tag_and_as_a_whole() {
        let text = "car {{ cart }} {{ contact.car }} {{ x + car }}";
        assert_eq!(place_of_variable(text, "car"), Some(40..43));
        assert_eq!(place_of_variable(text, "contact.car"), Some(18..29));
        assert_eq!(place_of_variable(text, "contact"), Some(18..25));
        assert_eq!(place_of_variable(text, "lead.id"), None);
        let text = "{{ owner.name }}{{ owner }}";
        assert_eq!(place_of_variable(text, "owner"), Some(19..24));
        assert!(no_function("{{ now() }}", "now").is_some());
        assert!(no_function("{{ now.x() }}", "x").is_none());
    }

    #[test]
    fn what_is_written_under_no_condition_is_found() {
        let written = |text| -> Vec<&str> {
            let found = always_written(text, "recipient");
            found.into_iter().map(|(_, variable)| variable).collect()
        };
        assert_eq!(written("Hola, {{ recipient.name }}:"), ["recipient.name"]);
        assert_eq!(
            written("{% if city %}{{ city }}{% endif %}{{- recipient.name | upper -}}"),
            ["recipient.name"]
        );
        for asked_first in [
            "{% if recipient.name %}Hola, {{ recipient.name }}{% else %}Hola{% endif %}",
            "{{ recipient.name or contact.name }}",
            "{{ recipient.name | default(contact.name, true) }}",
            "{{ contact.name }}",
        ] {
            assert!(written(asked_first).is_empty(), "{asked_first}");
        }
    }

    #[test]
    fn what_hints_name_is_there() {
        let templates = Templates::new();
        assert!(
            Templates::FILTERS
                .iter()
                .all(|name| templates.has_filter(name))
        );
        assert!(Templates::TESTS.iter().all(|name| templates.has_test(name)));
        let functions: Vec<_> = Templates::FUNCTIONS.to_vec();
        assert!(functions.iter().all(|name| templates.has_function(name)));
    }
}
