//! From characters to tokens. A bad character or literal is a fault and a token all the same, so
//! that what follows it is read too.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use smol_str::{SmolStr, ToSmolStr, format_smolstr};

use super::Comparison;
use super::fault::{Fault, FaultKind, Shape, Span, excerpt};
use super::{Condition, micros, moment};
use crate::calendar::Impossible;
use crate::hint::day_meant;
use crate::time::Instant;
use crate::value::{Number, TwoWays, plain, without_separators};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Name,
    Text(SmolStr),
    Number(Number),
    Date(NaiveDate),
    Instant(Instant),
    /// In microseconds.
    Duration(i64),
    True,
    False,
    Now,
    And,
    Or,
    Not,
    Implies,
    In,
    Is,
    Compare(Comparison),
    NotEqual,
    Open,
    Close,
    OpenList,
    CloseList,
    Comma,
    Plus,
    Minus,
    /// Something about which a fault has been reported.
    Bad,
    End,
}

/// The tokens of `source`, the last of which is [`Token::End`].
pub(super) fn lex(source: &str, faults: &mut Vec<Fault>) -> Vec<(Token, Span)> {
    let mut lexer = Lexer {
        source,
        position: 0,
        is_in_list: false,
        faults,
    };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next();
        let ended = token.0 == Token::End;
        tokens.push(token);
        if ended {
            return tokens;
        }
    }
}

struct Lexer<'s> {
    source: &'s str,
    position: usize,
    /// Whether a comma stands between two values.
    is_in_list: bool,
    faults: &'s mut Vec<Fault>,
}

impl<'s> Lexer<'s> {
    fn next(&mut self) -> (Token, Span) {
        self.take_while(char::is_whitespace);
        let start = self.position;
        let token = match self.rest().chars().next() {
            None => Token::End,
            Some('"') => self.text(),
            Some(first) if is_foreign_quote(first) => self.foreign_text(),
            Some(first) if is_operator(first) => self.operator(),
            Some(first) if first.is_ascii_digit() => self.literal(),
            Some(first) if is_name_start(first) => self.word(),
            Some(first) => match punctuation(first) {
                Some(token) => {
                    self.position += first.len_utf8();
                    match token {
                        Token::OpenList => self.is_in_list = true,
                        Token::CloseList => self.is_in_list = false,
                        _ => {}
                    }
                    token
                }
                None => self.unknown(),
            },
        };
        (token, self.since(start))
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.position..).unwrap_or_default()
    }

    fn since(&self, start: usize) -> Span {
        Span {
            start,
            end: self.position,
        }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.position += end;
        &rest[..end]
    }

    fn unknown_symbol(&mut self, start: usize) -> Fault {
        let at = self.since(start);
        let found = excerpt(at.of(self.source));
        Fault::new(at, FaultKind::UnknownSymbol { found })
    }

    fn unknown(&mut self) -> Token {
        let start = self.position;
        self.take_while(|c| {
            !(c == '"'
                || c.is_whitespace()
                || is_foreign_quote(c)
                || is_operator(c)
                || c.is_ascii_digit()
                || is_name_start(c)
                || punctuation(c).is_some())
        });
        let fault = self.unknown_symbol(start);
        self.faults.push(fault);
        Token::Bad
    }

    fn text(&mut self) -> Token {
        let start = self.position;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((offset, char)) = chars.next() {
            match char {
                '"' => {
                    self.position = start + offset + 1;
                    return Token::Text(text.into());
                }
                '\\' => match chars.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    Some((end, other)) => {
                        let at = Span {
                            start: start + offset,
                            end: start + end + other.len_utf8(),
                        };
                        let found = at.of(self.source).into();
                        let fault = Fault::new(at, FaultKind::UnknownEscape { found });
                        self.faults.push(fault.hint(format_smolstr!("\\\\{other}")));
                    }
                    None => break,
                },
                other => text.push(other),
            }
        }
        self.position = self.source.len();
        self.faults
            .push(Fault::new(self.since(start), FaultKind::UnclosedText));
        Token::Bad
    }

    /// Text in the quotes of another language or of a word processor.
    fn foreign_text(&mut self) -> Token {
        let start = self.position;
        let mut chars = self.rest().char_indices();
        let after_quote = chars.next().map_or(0, |(_, quote)| quote.len_utf8());
        let closing = chars.find(|(_, c)| is_foreign_quote(*c) || *c == '"');
        let text = match closing {
            Some((end, quote)) => {
                let text = &self.rest()[after_quote..end];
                self.position += end + quote.len_utf8();
                text
            }
            None => {
                self.position += after_quote;
                self.take_while(|c| c == '_' || c == '-' || c.is_alphanumeric())
            }
        };
        let fault = self.unknown_symbol(start).hint(quoted(text));
        self.faults.push(fault);
        Token::Text(text.into())
    }

    fn operator(&mut self) -> Token {
        let start = self.position;
        let (token, meant) = match self.take_while(is_operator) {
            "==" => return Token::Compare(Comparison::Equal),
            "!=" => return Token::NotEqual,
            "<" => return Token::Compare(Comparison::Less),
            "<=" => return Token::Compare(Comparison::AtMost),
            ">" => return Token::Compare(Comparison::More),
            ">=" => return Token::Compare(Comparison::AtLeast),
            "=" | "===" => (Token::Compare(Comparison::Equal), Some("==")),
            "<>" | "!==" => (Token::NotEqual, Some("!=")),
            "=<" => (Token::Compare(Comparison::AtMost), Some("<=")),
            "&" | "&&" => (Token::And, Some("and")),
            "|" | "||" => (Token::Or, Some("or")),
            "!" => (Token::Not, Some("not")),
            _ => (Token::Bad, None),
        };
        let fault = self.unknown_symbol(start);
        self.faults.push(fault.maybe_hint(meant.map(SmolStr::from)));
        token
    }

    fn word(&mut self) -> Token {
        let start = self.position;
        let rest = self.rest();
        let is_part = |(at, c): (usize, char)| match c {
            '-' => rest[at + 1..].starts_with(|c: char| c.is_alphanumeric() || c == '_'),
            '.' | '_' => true,
            other => other.is_alphanumeric(),
        };
        let end = rest.char_indices().find(|part| !is_part(*part));
        let mut word = &rest[..end.map_or(rest.len(), |(end, _)| end)];
        // `now-30d` is now, minus thirty days; no fact has such a name.
        if let Some(after) = word.strip_prefix("now-") {
            if after.starts_with(|c: char| c.is_ascii_digit()) {
                word = "now";
            }
        }
        self.position += word.len();
        if let Some(token) = keyword(word) {
            return token;
        }
        let lower = word.to_ascii_lowercase();
        match keyword(&lower) {
            Some(token) => {
                let fault = self.unknown_symbol(start).hint(lower);
                self.faults.push(fault);
                token
            }
            None => Token::Name,
        }
    }

    /// A literal that starts with a digit.
    fn literal(&mut self) -> Token {
        let start = self.position;
        let rest = self.rest();
        let mut in_instant = false;
        let mut end = rest.len();
        for (at, c) in rest.char_indices() {
            let goes_on = match c {
                '-' => rest[at + 1..].starts_with(|c: char| c.is_alphanumeric()),
                '+' => in_instant,
                '.' | ':' | '_' => true,
                other => other.is_alphanumeric(),
            };
            if !goes_on {
                end = at;
                break;
            }
            in_instant |= c == 'T';
        }
        if let Some(end) = self.end_of_foreign_literal(end) {
            return self.foreign_literal(end);
        }
        let word = &rest[..end];
        self.position += end;
        let read = match shape(word) {
            Shape::Number => Number::from_str(word).ok().map(Token::Number),
            Shape::Date => read_date(word).map(Token::Date),
            Shape::Instant => read_instant(word).map(Token::Instant),
            Shape::Duration => read_duration(word).map(Token::Duration),
        };
        let at = self.since(start);
        match read {
            Some(Token::Number(number)) => {
                let Some(ways) = TwoWays::of(word) else {
                    return Token::Number(number);
                };
                let TwoWays {
                    thousands,
                    fraction,
                } = ways;
                let kind = FaultKind::ReadsInTwoWays {
                    found: excerpt(word),
                    thousands,
                    fraction,
                };
                self.faults.push(Fault::new(at, kind));
                Token::Bad
            }
            Some(Token::Duration(length)) if length > MAX_DURATION_MICROS => {
                let limit_days = Condition::MAX_DAYS;
                let kind = FaultKind::DurationTooLong { limit_days };
                self.faults.push(Fault::new(at, kind));
                Token::Bad
            }
            Some(token) => token,
            None => {
                let found = excerpt(word);
                let kind = match (shape(word), Impossible::in_toml(word)) {
                    (Shape::Date | Shape::Instant, Some(why)) => {
                        FaultKind::Impossible { found, why }
                    }
                    (shape, _) => FaultKind::Malformed { found, shape },
                };
                self.faults
                    .push(Fault::new(at, kind).maybe_hint(well_formed(word)));
                Token::Bad
            }
        }
    }
}

impl Lexer<'_> {
    /// Where `31/12/2026` or `50,000` ends, if one of those stands here.
    fn end_of_foreign_literal(&self, end: usize) -> Option<usize> {
        let rest = self.rest();
        let sign = rest[end..].chars().next()?;
        let is_foreign = sign == '/' || (sign == ',' && !self.is_in_list);
        let behind = rest[end..].get(1..)?;
        if !is_foreign || !behind.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let goes_on = |c: char| c.is_ascii_digit() || matches!(c, '/' | ',' | '.');
        let behind = rest[end..].find(|c| !goes_on(c));
        Some(behind.map_or(rest.len(), |behind| end + behind))
    }

    /// A day or a number as other languages write it.
    fn foreign_literal(&mut self, end: usize) -> Token {
        let start = self.position;
        let word = &self.rest()[..end];
        self.position += end;
        let found = excerpt(word);
        let (kind, hint) = if word.contains('/') {
            let shape = Shape::Date;
            let meant = day_meant(word).map(|day| day.to_smolstr());
            (FaultKind::Malformed { found, shape }, meant)
        } else if let Some(ways) = TwoWays::of(&word.replace(',', ".")) {
            let TwoWays {
                thousands,
                fraction,
            } = ways;
            let kind = FaultKind::ReadsInTwoWays {
                found,
                thousands,
                fraction,
            };
            (kind, None)
        } else {
            let shape = Shape::Number;
            let fraction = || {
                let (whole, behind) = word.split_once(',')?;
                let is_fraction = !behind.contains([',', '.']) && !whole.contains('.');
                is_fraction.then(|| format_smolstr!("{whole}.{behind}"))
            };
            let meant = without_separators(word).or_else(fraction);
            (FaultKind::Malformed { found, shape }, meant)
        };
        let fault = Fault::new(self.since(start), kind);
        self.faults.push(fault.maybe_hint(hint));
        Token::Bad
    }
}

const MICROS_PER_DAY: i64 = 86_400_000_000;
const MAX_DURATION_MICROS: i64 = Condition::MAX_DAYS as i64 * MICROS_PER_DAY;

fn is_operator(c: char) -> bool {
    matches!(c, '=' | '<' | '>' | '!' | '&' | '|')
}

fn is_foreign_quote(c: char) -> bool {
    matches!(c, '\'' | '`' | '“' | '”' | '„' | '‘' | '’' | '«' | '»')
}

fn is_name_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn punctuation(c: char) -> Option<Token> {
    Some(match c {
        '(' => Token::Open,
        ')' => Token::Close,
        '[' => Token::OpenList,
        ']' => Token::CloseList,
        ',' => Token::Comma,
        '+' => Token::Plus,
        '-' => Token::Minus,
        _ => return None,
    })
}

fn keyword(word: &str) -> Option<Token> {
    Some(match word {
        "and" => Token::And,
        "or" => Token::Or,
        "not" => Token::Not,
        "implies" => Token::Implies,
        "in" => Token::In,
        "is" => Token::Is,
        "now" => Token::Now,
        "true" => Token::True,
        "false" => Token::False,
        _ => return None,
    })
}

fn shape(word: &str) -> Shape {
    if word
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        Shape::Number
    } else if word.contains('T') {
        Shape::Instant
    } else if word.contains('-') {
        Shape::Date
    } else if word.ends_with(|c: char| c.is_alphabetic()) {
        Shape::Duration
    } else {
        Shape::Number
    }
}

fn read_date(word: &str) -> Option<NaiveDate> {
    let padded = word.len() == "2018-04-01".len();
    NaiveDate::parse_from_str(word, "%Y-%m-%d")
        .ok()
        .filter(|_| padded)
}

fn read_instant(word: &str) -> Option<Instant> {
    let instant = DateTime::parse_from_rfc3339(word).ok()?.with_timezone(&Utc);
    // Finer than a microsecond is not ours to round.
    (moment(micros(instant)) == instant).then_some(instant)
}

fn read_duration(word: &str) -> Option<i64> {
    const UNITS: [(char, i64); 5] = [
        ('w', 7 * MICROS_PER_DAY),
        ('d', MICROS_PER_DAY),
        ('h', 3_600_000_000),
        ('m', 60_000_000),
        ('s', 1_000_000),
    ];
    let mut units = UNITS.iter();
    let mut total = 0_i64;
    let mut rest = word;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit = rest[digits..].chars().next()?;
        let (_, length) = units.find(|(name, _)| *name == unit)?;
        // Longer than any limit, and no overflow.
        let count = rest[..digits].parse::<i64>().ok()?.min(1_000_000_000_000);
        total = total.saturating_add(count.saturating_mul(*length));
        rest = &rest[digits + 1..];
    }
    Some(total)
}

/// How a malformed literal should have been written.
pub(super) fn well_formed(word: &str) -> Option<SmolStr> {
    match shape(word) {
        Shape::Number => without_separators(word),
        Shape::Date => NaiveDate::parse_from_str(word, "%Y-%m-%d")
            .ok()
            .or_else(|| day_meant(word))
            .map(|date| date.to_smolstr())
            .filter(|text| read_date(text).is_some()),
        Shape::Instant => {
            let with_offset = format_smolstr!("{word}Z");
            read_instant(&with_offset).map(|_| with_offset)
        }
        Shape::Duration => {
            let unit = word.find(|c: char| !c.is_ascii_digit())?;
            let (count, word) = word.split_at(unit);
            let word = plain(word.trim());
            let word = word.strip_suffix('s').unwrap_or(&word);
            let (_, times, short) = UNITS_ELSEWHERE
                .iter()
                .find(|(others, ..)| others.contains(&word))?;
            let count = count.parse::<u32>().ok()?.checked_mul(*times)?;
            Some(format_smolstr!("{count}{short}"))
        }
    }
}

/// What units of time are called elsewhere, and about how many of ours one is.
const UNITS_ELSEWHERE: [(&[&str], u32, char); 7] = [
    (&["week", "semana"], 1, 'w'),
    (&["day", "dia"], 1, 'd'),
    (&["hour", "hora", "hr"], 1, 'h'),
    (&["minute", "min", "minuto"], 1, 'm'),
    (&["second", "sec", "segundo"], 1, 's'),
    (&["month", "me", "mese"], 30, 'd'),
    (&["year", "ano"], 365, 'd'),
];

/// A text as the language writes it.
pub(crate) fn quoted(text: &str) -> SmolStr {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted.into()
}
