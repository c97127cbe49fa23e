//! What can be wrong with the text of a condition, where, and what was probably meant.

use std::fmt;
use std::ops::Range;

use smol_str::SmolStr;

use crate::calendar::Impossible;
use crate::tax_number::TaxNumberError;
use crate::value::ValueType;

/// Something wrong with the text of a condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}{}", DidYouMean(.hint.as_deref()))]
pub struct Fault {
    /// Where, in bytes of the source; empty at the place where something is missing.
    pub at: Range<usize>,
    /// What is wrong.
    pub kind: FaultKind,
    /// What was probably meant in the place of `at`.
    pub hint: Option<SmolStr>,
}

impl Fault {
    pub(super) fn new(at: Span, kind: FaultKind) -> Self {
        Self {
            at: at.start..at.end,
            kind,
            hint: None,
        }
    }

    pub(super) fn hint(self, hint: impl Into<SmolStr>) -> Self {
        self.maybe_hint(Some(hint.into()))
    }

    pub(super) fn maybe_hint(self, hint: Option<SmolStr>) -> Self {
        Self { hint, ..self }
    }
}

struct DidYouMean<'a>(Option<&'a str>);

impl fmt::Display for DidYouMean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(hint) => write!(f, ": did you mean `{hint}`?"),
            None => Ok(()),
        }
    }
}

/// How a date or an instant is written that was compared with a text.
fn or_unquoted(left: ValueType, right: ValueType) -> &'static str {
    let is = |other| left == other || right == other;
    match is(ValueType::Text) && (is(ValueType::Date) || is(ValueType::Instant)) {
        true => "; dates stand without quotes, as in 2026-03-25",
        false => "",
    }
}

struct ButOneOf<'a>(Option<&'a str>);

impl fmt::Display for ButOneOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(among) => write!(f, ", but one of {among}"),
            None => Ok(()),
        }
    }
}

/// What is wrong with the text of a condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// The source is longer than [`Condition::MAX_BYTES`](super::Condition::MAX_BYTES).
    #[error("a condition has at most {limit} bytes; this one has {bytes}")]
    TooLong {
        /// How long the source is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// Parentheses are nested deeper than [`Condition::MAX_DEPTH`](super::Condition::MAX_DEPTH).
    /// What follows was not read.
    #[error("parentheses are nested more than {limit} deep")]
    TooDeep {
        /// How deep they may be nested.
        limit: usize,
    },
    /// There are more terms than [`Condition::MAX_TERMS`](super::Condition::MAX_TERMS).
    /// What follows was not read.
    #[error("a condition has at most {limit} terms")]
    TooManyTerms {
        /// How many terms there may be.
        limit: usize,
    },
    /// A sign or word that is not part of the language.
    #[error("`{found}` is not part of the language")]
    UnknownSymbol {
        /// What stands there.
        found: SmolStr,
    },
    /// A text without its closing quote.
    #[error("this text is not closed with `\"`")]
    UnclosedText,
    /// A backslash before something else than a quote or a backslash.
    #[error("`{found}` is no escape; only `\\\"` and `\\\\` are")]
    UnknownEscape {
        /// The backslash and what follows it.
        found: SmolStr,
    },
    /// A parenthesis or bracket without its partner.
    #[error("this `{open}` is not closed")]
    Unclosed {
        /// The opening sign.
        open: char,
    },
    /// Something that cannot be read as the literal that it resembles.
    #[error("`{found}` is not {shape}")]
    Malformed {
        /// What stands there.
        found: SmolStr,
        /// What it resembles.
        shape: Shape,
    },
    /// A day or a time that there is not: `2026-02-30`.
    #[error("there is no `{found}`: {why}")]
    Impossible {
        /// What stands there.
        found: SmolStr,
        /// Why there is none.
        why: Impossible,
    },
    /// A duration of more than [`Condition::MAX_DAYS`](super::Condition::MAX_DAYS).
    #[error("a duration has at most {limit_days} days")]
    DurationTooLong {
        /// The longest duration, in days.
        limit_days: u32,
    },
    /// Something else stands where something was expected.
    #[error("expected {expected}, found `{found}`")]
    Unexpected {
        /// What stands there.
        found: SmolStr,
        /// What may stand there.
        expected: Expected,
    },
    /// The condition ends too early.
    #[error("expected {expected}, but the condition ends")]
    Ends {
        /// What should follow.
        expected: Expected,
    },
    /// A comparison of a comparison, as in `1 < x < 5`.
    #[error("comparisons do not chain: write `a < b and b < c`")]
    Chained,
    /// A duration that is added to something else than `now`.
    #[error("a duration is only added to or taken from `now`")]
    OnlyNowMoves,
    /// A fact that the catalogue does not know.
    #[error("there is no fact `{name}`")]
    UnknownFact {
        /// The name as it was written.
        name: SmolStr,
    },
    /// A fact that is about one thing out of many, without that thing.
    #[error("`{name}` needs an argument, as in `{name}(\"..\")`")]
    NeedsArgument {
        /// The name of the fact.
        name: SmolStr,
    },
    /// An argument for a fact that takes none.
    #[error("`{name}` takes no argument")]
    TakesNoArgument {
        /// The name of the fact.
        name: SmolStr,
    },
    /// An argument that the fact does not know.
    #[error("`{name}` knows no \"{argument}\"")]
    UnknownArgument {
        /// The name of the fact.
        name: SmolStr,
        /// The argument as it was written.
        argument: SmolStr,
    },
    /// A fact of which nothing tells when it turns, where that is waited for.
    #[error("nothing tells when `{name}` turns, so nothing can wait for it: ask it in an `if`")]
    NeverTurns {
        /// The name of the fact.
        name: SmolStr,
    },
    /// `missing` or `present`, compared with.
    #[error("whether a value is {name} is asked, and not compared")]
    NotCompared {
        /// Which of the two.
        name: SmolStr,
    },
    /// A term that is neither a comparison nor a true-or-false fact.
    #[error("{value_type} is no condition by itself: compare it, or ask whether it `is present`")]
    NotACondition {
        /// The type of what stands there.
        value_type: ValueType,
    },
    /// A fact that is true for a while, in a comparison.
    #[error("`{name}` is asked by itself, or behind `not`")]
    OnlyByItself {
        /// The name of the fact.
        name: SmolStr,
    },
    /// `in` and `is` ask about a fact; something else stands on their left.
    #[error("only a fact can be `in` a list, `is missing` or `is present`")]
    NotAFact,
    /// A comparison whose answer is already known: neither side is a fact, nor one side `now`.
    #[error("this compares nothing that could change")]
    ComparesNothing,
    /// A comparison between values of two types.
    #[error("{left} is compared with {right}{}", or_unquoted(*.left, *.right))]
    Mismatch {
        /// The type of what stands on the left.
        left: ValueType,
        /// The type of what stands on the right.
        right: ValueType,
    },
    /// An ordering of values that have none.
    #[error("{value_type} has no order: only `==` and `!=` compare it")]
    NoOrder {
        /// The type of the values.
        value_type: ValueType,
    },
    /// A text that a fact with a closed set of choices can never be.
    #[error("`{fact}` is never \"{text}\"{}", ButOneOf(.among.as_deref()))]
    NotAChoice {
        /// The name of the fact.
        fact: SmolStr,
        /// The text.
        text: SmolStr,
        /// What it can be, as far as a line holds it; nothing, where the hint says what was meant.
        among: Option<SmolStr>,
    },
    /// A number with a point before three digits, which may separate thousands.
    #[error("`{found}` reads in two ways: write `{thousands}` or `{fraction}`")]
    ReadsInTwoWays {
        /// The number as it was written.
        found: SmolStr,
        /// What it is if the point separates thousands.
        thousands: SmolStr,
        /// What it is if a fraction stands behind the point.
        fraction: SmolStr,
    },
    /// A text with which a tax number is compared, and which is none.
    #[error("`{fact}` is never \"{}\": {error}", excerpt(.text))]
    NotATaxNumber {
        /// The name of the fact.
        fact: SmolStr,
        /// The text.
        text: SmolStr,
        /// What is wrong with it.
        error: TaxNumberError,
    },
    /// A date of which the catalogue cannot tell the instant at which it starts.
    #[error("the day cannot be placed in time")]
    NoSuchDay,
}

/// What a literal resembles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// `24990.50`
    Number,
    /// `2018-04-01`
    Date,
    /// `2018-04-01T09:30:00+02:00`
    Instant,
    /// `1d12h`
    Duration,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "a number of at most four places",
            Self::Date => "a date such as 2018-04-01",
            Self::Instant => "an instant such as 2018-04-01T09:30:00Z, to the microsecond",
            Self::Duration => {
                "a duration such as 1d12h, with the units w d h m s in this order, each once"
            }
        })
    }
}

/// What may stand at a place of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// A comparison, a true-or-false fact, `not`, or a parenthesis.
    Term,
    /// A fact, a literal or `now`.
    Operand,
    /// A literal.
    Literal,
    /// `and`, `or`, `implies`, a closing parenthesis or the end.
    Operator,
    /// A list of literals in brackets.
    List,
    /// A comma or the closing bracket of a list.
    CommaOrEnd,
    /// `in`, after `not`.
    In,
    /// `missing` or `present`, after `is`.
    MissingOrPresent,
    /// A duration, after `now -` or `now +`.
    Duration,
    /// The argument of a fact: a text.
    Argument,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Term => "a condition",
            Self::Operand => "a fact, a value or `now`",
            Self::Literal => "a value",
            Self::Operator => "`and`, `or`, `implies` or the end",
            Self::List => "a list such as [\"a\", \"b\"]",
            Self::CommaOrEnd => "`,` or `]`",
            Self::In => "`in`",
            Self::MissingOrPresent => "`missing` or `present`",
            Self::Duration => "a duration such as 1d12h",
            Self::Argument => "one text in quotes and `)`",
        })
    }
}

/// A range of bytes of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    pub(super) fn to(self, end: Self) -> Self {
        Self {
            start: self.start,
            end: end.end,
        }
    }

    pub(super) fn of(self, source: &str) -> &str {
        source.get(self.start..self.end).unwrap_or_default()
    }
}

/// What to call a piece of the source in a fault: the piece, or the beginning of a long one.
pub(super) fn excerpt(piece: &str) -> SmolStr {
    const MAX_CHARS: usize = 40;
    match piece.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => [&piece[..end], ".."].concat().into(),
        None => piece.into(),
    }
}
