//! Why a template can't be read, in the words of whoever writes it.
//!
//! The template engine says which token it met where it expected another, and so where it noticed. Most
//! often what is wrong stands before: a statement that nobody closed, a sign of another language.

use smol_str::{SmolStr, format_smolstr};

use super::tags::{Flaw, Piece, What, pieces};
use crate::hint::nearest;
use crate::playbook::fault::FaultKind;

/// The statements that are closed by an `end..` of their own.
const CLOSED: [&str; 7] = ["if", "for", "filter", "with", "macro", "call", "autoescape"];

/// The statements that hints name.
const NAMED: [&str; 7] = ["if", "elif", "else", "endif", "for", "endfor", "set"];

/// The first thing that is plainly wrong; nothing, where only the engine knows.
pub(super) fn reason(source: &str) -> Option<Flaw> {
    let mut comments = source.match_indices("{#");
    if let Some((at, sign)) = comments.find(|(at, _)| !source[*at..].contains("#}")) {
        let why = "a comment is not closed".into();
        return Some(flaw(at, sign, why, "close it with `#}`".into()));
    }
    let pieces = pieces(source);
    let mut open: Vec<(&str, usize)> = Vec::new();
    let tags = pieces.chunk_by(|_, next| !matches!(next.what, What::Begins { .. }));
    for tag in tags {
        let flaw = in_tag(source, tag).or_else(|| in_order(source, tag, &mut open));
        if flaw.is_some() {
            return flaw;
        }
    }
    let (word, at) = open.pop()?;
    let why = format_smolstr!("`{word}` is not closed");
    let hint = format_smolstr!("close it with `{{% end{word} %}}`");
    Some(flaw(at, word, why, hint))
}

fn flaw(at: usize, said: &str, why: SmolStr, hint: SmolStr) -> Flaw {
    (at..at + said.len(), FaultKind::Template(why), Some(hint))
}

/// What is wrong with a tag by itself.
fn in_tag(source: &str, tag: &[Piece<'_>]) -> Option<Flaw> {
    let (first, rest) = tag.split_first()?;
    let is_statement = first.what == (What::Begins { is_statement: true });
    let (begins, ends) = match is_statement {
        true => ("{%", "%}"),
        false => ("{{", "}}"),
    };
    let next = |place: usize| {
        let (piece, next) = (rest.get(place)?, rest.get(place + 1)?);
        (next.at == piece.at + 1).then_some(next.what)
    };
    let mut flaws = rest.iter().enumerate();
    let flaw_of_piece = flaws.find_map(|(place, piece)| in_piece(source, *piece, next(place)));
    if let Some(flaw) = half_closed(source, tag, (begins, ends)) {
        let is_first = |other: &Flaw| other.0.start < flaw.0.start;
        return flaw_of_piece.filter(is_first).or(Some(flaw));
    }
    if flaw_of_piece.is_some() {
        return flaw_of_piece;
    }
    // Another tag begins in it, or the text ends.
    let begins_anew = |(place, piece): (usize, &Piece<'_>)| {
        let is_begun = matches!(next(place), Some(What::Sign('{' | '%')));
        piece.what == What::Sign('{') && is_begun
    };
    let is_closed = rest.last().is_some_and(|last| last.what == What::Ends);
    if !is_closed || rest.iter().enumerate().any(begins_anew) {
        let why = format_smolstr!("`{begins}` is not closed");
        let hint = format_smolstr!("close it with `{ends}`");
        return Some(flaw(first.at, begins, why, hint));
    }
    match rest {
        [only] if only.what == What::Ends => {
            let why = "it says nothing".into();
            let hint = "say what is to be shown, or leave it out".into();
            Some(flaw(first.at, begins, why, hint))
        }
        [
            Piece {
                at,
                what: What::Word(word),
            },
            ..,
        ] if !is_statement && is_statement_word(word) => {
            let why = format_smolstr!("`{word}` is a statement, and shows nothing");
            let hint = format_smolstr!("write `{{% {word} .. %}}`");
            Some(flaw(*at, word, why, hint))
        }
        [
            Piece {
                what: What::Word("set" | "with" | "for"),
                ..
            },
            said @ ..,
        ] => in_brackets(said, false),
        said => in_brackets(said, true),
    }
}

/// A brace that closes nothing: the tag is meant to end there, and what follows was never meant for it.
fn half_closed(source: &str, tag: &[Piece<'_>], (begins, ends): (&str, &str)) -> Option<Flaw> {
    let (first, rest) = tag.split_first()?;
    let mut open = 0_usize;
    let lone = rest.iter().find(|piece| match piece.what {
        What::Sign('{') => {
            open += 1;
            false
        }
        What::Sign('}') => {
            let is_lone = open == 0;
            open = open.saturating_sub(1);
            is_lone
        }
        _ => false,
    })?;
    let said = source.get(first.at + begins.len()..lone.at)?;
    let last = said.split_whitespace().next_back()?;
    let why = format_smolstr!("`{ends}` is missing behind `{last}`");
    let hint = format_smolstr!("write `{ends}` for `}}`");
    Some(flaw(lone.at, "}", why, hint))
}

fn is_statement_word(word: &str) -> bool {
    let is_end = |word: &str| {
        word.strip_prefix("end")
            .is_some_and(|of| CLOSED.contains(&of))
    };
    CLOSED.contains(&word) || NAMED.contains(&word) || is_end(word)
}

/// Signs and words of other languages, wherever they stand in a tag.
fn in_piece(source: &str, piece: Piece<'_>, next: Option<What<'_>>) -> Option<Flaw> {
    let at = piece.at;
    match (piece.what, next) {
        (What::Text, _) => {
            let rest = &source[at..];
            let quote = rest.get(..1)?;
            let is_closed = super::tags::is_closed_text(rest);
            let hint = format_smolstr!("close it with `{quote}`");
            (!is_closed).then(|| flaw(at, quote, "a text is not closed".into(), hint))
        }
        (What::Sign(c), _) if "“”„«»‘’".contains(c) => {
            let sign = c.to_string();
            let why = format_smolstr!("`{c}` is no quote here");
            Some(flaw(at, &sign, why, "write `\"`".into()))
        }
        (What::Sign('&'), Some(What::Sign('&'))) => Some(other_sign(at, "&&", "`and`")),
        (What::Sign('|'), Some(What::Sign('|'))) => Some(other_sign(at, "||", "`or`")),
        (What::Sign('!'), next) if next != Some(What::Sign('=')) => {
            Some(other_sign(at, "!", "`not`"))
        }
        (What::Sign('?'), _) => Some(other_sign(at, "?", "`\"a\" if city else \"b\"`")),
        (What::Sign(';'), _) => Some(flaw(
            at,
            ";",
            "`;` means nothing".into(),
            "leave it out".into(),
        )),
        (What::Word("then"), _) => Some(flaw(
            at,
            "then",
            "`then` means nothing".into(),
            "leave it out".into(),
        )),
        (What::Word("contains"), _) => Some(other_sign(at, "contains", "`\"Qui\" in city`")),
        _ => None,
    }
}

fn other_sign(at: usize, said: &str, ours: &str) -> Flaw {
    let why = format_smolstr!("`{said}` means nothing");
    flaw(at, said, why, format_smolstr!("write {ours}"))
}

/// A bracket that is not closed; or a single `=`, where two things are compared.
fn in_brackets(said: &[Piece<'_>], compares: bool) -> Option<Flaw> {
    let mut open: Vec<(char, usize)> = Vec::new();
    let is_sign = |place: Option<usize>, signs: &str| {
        let piece = place.and_then(|place| said.get(place));
        matches!(piece.map(|piece| piece.what), Some(What::Sign(c)) if signs.contains(c))
    };
    for (place, piece) in said.iter().enumerate() {
        let is_single = || {
            let before = is_sign(place.checked_sub(1), "=!<>");
            !before && !is_sign(Some(place + 1), "=")
        };
        match piece.what {
            What::Sign(c @ ('(' | '[' | '{')) => open.push((c, piece.at)),
            What::Sign(')' | ']' | '}') => drop(open.pop()),
            What::Sign('=') if compares && open.is_empty() && is_single() => {
                return Some(other_sign(piece.at, "=", "`==`"));
            }
            _ => {}
        }
    }
    let (bracket, at) = open.pop()?;
    let closing = match bracket {
        '(' => ')',
        '[' => ']',
        _ => '}',
    };
    let why = format_smolstr!("`{bracket}` is not closed");
    let hint = format_smolstr!("close it with `{closing}`");
    Some(flaw(at, &bracket.to_string(), why, hint))
}

/// What is wrong with a statement where it stands among the others.
fn in_order<'t>(source: &str, tag: &[Piece<'t>], open: &mut Vec<(&'t str, usize)>) -> Option<Flaw> {
    let [
        begins,
        Piece {
            at,
            what: What::Word(word),
        },
        rest @ ..,
    ] = tag
    else {
        return None;
    };
    if begins.what != (What::Begins { is_statement: true }) {
        return None;
    }
    let at = *at;
    let innermost = open.last().map(|(word, _)| *word);
    let is_if = |piece: &Piece<'_>| piece.what == What::Word("if");
    match *word {
        "raw" if !source[at..].contains("endraw") => {
            let hint = "close it with `{% endraw %}`".into();
            Some(flaw(at, word, "`raw` is not closed".into(), hint))
        }
        "else" if rest.first().is_some_and(is_if) => {
            Some(other_sign(at, "else", "`{% elif .. %}` for `else if`"))
        }
        "elseif" | "elsif" => Some(other_sign(at, word, "`{% elif .. %}`")),
        "end" | "fi" | "endfi" if innermost.is_some() => {
            let ours = format_smolstr!("`{{% end{} %}}`", innermost.unwrap_or_default());
            Some(other_sign(at, word, &ours))
        }
        "elif" if innermost != Some("if") => Some(stray(at, word, "if")),
        "else" if !matches!(innermost, Some("if" | "for")) => Some(stray(at, word, "if")),
        "set" => {
            let is_block = !rest.iter().any(|piece| piece.what == What::Sign('='));
            open.extend(is_block.then_some((*word, at)));
            None
        }
        word if CLOSED.contains(&word) => {
            open.push((word, at));
            None
        }
        word => match word.strip_prefix("end") {
            Some(of) if CLOSED.contains(&of) || of == "set" => match open.pop() {
                Some((known, _)) => wrongly_closed(at, word, known),
                None => Some(stray(at, word, of)),
            },
            _ => no_statement(at, word),
        },
    }
}

/// An `end..` that is not that of the statement to be closed.
fn wrongly_closed(at: usize, word: &str, known: &str) -> Option<Flaw> {
    if word.strip_prefix("end") == Some(known) {
        return None;
    }
    let why = format_smolstr!("`{word}` stands where `{known}` is to be closed");
    let hint = format_smolstr!("write `{{% end{known} %}}`");
    Some(flaw(at, word, why, hint))
}

/// What belongs to a statement that is not open.
fn stray(at: usize, word: &str, of: &str) -> Flaw {
    let why = format_smolstr!("`{word}` belongs to no `{of}`");
    let hint = format_smolstr!("open it with `{{% {of} .. %}}`, or leave it out");
    flaw(at, word, why, hint)
}

fn no_statement(at: usize, word: &str) -> Option<Flaw> {
    let is_known = matches!(
        word,
        "else"
            | "elif"
            | "raw"
            | "do"
            | "break"
            | "continue"
            | "include"
            | "import"
            | "from"
            | "extends"
            | "block"
    );
    if is_known {
        return None;
    }
    let hint = match nearest(word, NAMED) {
        Some(near) => format_smolstr!("did you mean `{near}`?"),
        None => format_smolstr!(
            "known: {}; what is to be shown stands in `{{{{ .. }}}}`",
            NAMED.join(", ")
        ),
    };
    let (sort, name) = ("statement", word.into());
    let kind = FaultKind::UnknownName { sort, name };
    Some((at..at + word.len(), kind, Some(hint)))
}

/// What the engine says of tokens, in words for people: `unexpected identifier, expected end of block`.
pub(super) fn translated(said: &str) -> SmolStr {
    let Some(said) = said.strip_prefix("unexpected ") else {
        let word = said.strip_prefix("unknown statement ");
        return word.map_or_else(
            || said.into(),
            |word| format_smolstr!("`{word}` can't stand here"),
        );
    };
    match said.split_once(", expected ") {
        Some((found, wanted)) => {
            format_smolstr!(
                "{} stands where {} is expected",
                token(found),
                token(wanted)
            )
        }
        None => format_smolstr!("{} can't stand here", token(said)),
    }
}

fn token(theirs: &str) -> SmolStr {
    let ours = match theirs {
        "end of variable block" => "`}}`",
        "end of block" => "`%}`",
        "end of input" | "end of string" | "end of comment" | "end of raw block" => {
            "the end of the text"
        }
        "identifier" | "identifier or integer" => "a name",
        "integer" | "float" => "a number",
        "string" => "a text",
        "character" => "this sign",
        quoted if quoted.starts_with('`') => quoted,
        word => return format_smolstr!("`{word}`"),
    };
    ours.into()
}
