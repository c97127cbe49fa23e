//! Conditions: the one small language of guards, rules, segments, list filters and reports.
//!
//! ```text
//! product == "X3" and group in ["3-6m", "6m+"] and not contact.unsubscribed
//!     and attempts.total >= 5 and registered_at < now - 30d
//! ```
//!
//! A [`Condition`] is read once, against a [`Catalogue`] of the facts it may speak of, and then
//! asked of many records, each seen through its [`Facts`]. Names and types are checked when it is
//! read: all [`Fault`]s are told at once, each with its place and what was probably meant. Asking
//! reads no clock (`now` is an argument), allocates nothing and cannot fail.
//!
//! # The language
//!
//! ```text
//! condition  = either { "implies" either }            binds loosest; a implies b implies c
//! either     = both { "or" both }                       is a implies (b implies c)
//! both       = negation { "and" negation }
//! negation   = { "not" } ( "(" condition ")" | term )  binds tightest, around a whole term
//! term       = operand ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) operand
//!            | fact [ "not" ] "in" "[" literal { "," literal } "]"
//!            | fact "is" ( "missing" | "present" )
//!            | fact                                    of type bool
//!            | "true" | "false"
//! operand    = fact | literal | "now" [ ( "+" | "-" ) duration ]
//! fact       = name [ "(" text ")" ]                   contact.email, activities("information")
//! name       = words of a-z, 0-9, _ and inner -, joined by dots; no keyword
//! literal    = text | number | "true" | "false" | date | instant
//! text       = "X3"                                    \" is a quote, \\ a backslash
//! number     = 24990.50                                at most four places; -3
//! date       = 2018-04-01
//! instant    = 2018-04-01T09:30:00+02:00               or ..Z; at most microseconds
//! duration   = 30d, 1d12h                              units w d h m s, each a fixed length
//! ```
//!
//! - Both sides of a comparison are of one type. **Text** compares without regard to case
//!   ([`folded_eq`](crate::value::folded_eq)) and has no order; neither have bools. A fact that is a
//!   tax number compares with one however it is written.
//! - A date that is compared with an instant is the start of that day in the catalogue's zone.
//!   So `registered_at < 2018-04-01` means "up to the end of March", and `==` means midnight.
//! - `now` moves by exact lengths: `1d` is 24 hours, whatever the clocks do that night. A moved
//!   `now` stops at the ends of what an [`Instant`] can say. Instants compare to the microsecond.
//! - A fact that is true for a while stands by itself or behind `not`: whether an appointment is today.
//! - One side of a comparison is a fact, or one is `now`; anything else could not change.
//!
//! # Missing values
//!
//! - A comparison with a missing value is false, and so are `in` and a missing bool by itself.
//! - `a != b` is `not (a == b)`, and `x not in [..]` is `not (x in [..])`: both are true when the
//!   value is missing. Who has no product is among those whose product isn't the X3.
//! - `is missing` and `is present` ask.
//!
//! The same holds everywhere: for a [`Condition`], a [`Filter`] and the SQL made from it.
//!
//! # An example
//!
//! ```
//! use leadkit::condition::{
//!     Catalogue, Condition, FactId, FactInfo, FactName, Facts, Unresolved,
//! };
//! use leadkit::time::Instant;
//! use leadkit::value::{Number, ValueRef, ValueType};
//! use smol_str::SmolStr;
//!
//! const PRODUCT: FactId = FactId(0);
//! const ATTEMPTS: FactId = FactId(1);
//! const ENTERED: FactId = FactId(2);
//!
//! struct Leads; // what a condition on leads may speak of
//!
//! impl Catalogue for Leads {
//!     fn resolve(&self, name: &str, argument: Option<&str>) -> Result<FactInfo, Unresolved> {
//!         let (id, value_type) = match name {
//!             "product" => (PRODUCT, ValueType::Text),
//!             "attempts.total" => (ATTEMPTS, ValueType::Number),
//!             "entered" => (ENTERED, ValueType::Instant),
//!             _ => return Err(Unresolved::UnknownName),
//!         };
//!         match argument {
//!             None => Ok(FactInfo::stored(id, FactName::new(name), value_type)),
//!             Some(_) => Err(Unresolved::TakesNoArgument),
//!         }
//!     }
//!
//!     fn names(&self) -> Vec<SmolStr> {
//!         ["product", "attempts.total", "entered"].map(SmolStr::from).into()
//!     }
//!
//!     fn start_of_day(&self, date: chrono::NaiveDate) -> Option<Instant> {
//!         Some(date.and_hms_opt(0, 0, 0)?.and_utc())
//!     }
//! }
//!
//! struct Lead {
//!     product: Option<SmolStr>,
//!     attempts: u32,
//!     entered: Instant,
//! }
//!
//! impl Facts for Lead {
//!     fn fact(&self, id: FactId) -> Option<ValueRef<'_>> {
//!         match id {
//!             PRODUCT => self.product.as_deref().map(ValueRef::Text),
//!             ATTEMPTS => Some(ValueRef::Number(Number::from(self.attempts))),
//!             ENTERED => Some(ValueRef::Instant(self.entered)),
//!             _ => None,
//!         }
//!     }
//! }
//!
//! let now: Instant = "2026-03-06T16:30:00Z".parse()?;
//! let lead = Lead { product: None, attempts: 5, entered: "2026-03-05T09:00:00Z".parse()? };
//!
//! let silent = r#"product != "X3" and attempts.total >= 5 and entered < now - 2d"#;
//! let silent = Condition::parse(silent, &Leads).map_err(|faults| faults[0].clone())?;
//! assert!(!silent.holds(&lead, now));
//!
//! // It will hold just after two days, and what stands in its way until then can be told.
//! let turns: Instant = "2026-03-07T09:00:00.000001Z".parse()?;
//! assert_eq!(silent.turns_at(&lead, now), Some(turns));
//! assert!(silent.holds(&lead, turns));
//! let why: Vec<String> = silent.why(&lead, now).iter().map(ToString::to_string).collect();
//! assert_eq!(why[1], "attempts.total >= 5 (is 5)");
//!
//! // A mistake has a place and a hint.
//! let faults = Condition::parse(r#"prodct == "X3""#, &Leads).unwrap_err();
//! assert_eq!(faults[0].at, 0..6);
//! assert_eq!(faults[0].to_string(), "there is no fact `prodct`: did you mean `product`?");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod eval;
mod fault;
mod filter;
mod folded;
mod known;
mod lex;
mod lookup;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate};
use smol_str::{SmolStr, format_smolstr};

use crate::tax_number::TaxNumberKinds;
use crate::time::Instant;
use crate::value::{Value, ValueRef, ValueType};

use eval::{Node, Program};

pub(crate) use known::Known;
pub(crate) use lex::quoted;

pub use fault::{Expected, Fault, FaultKind, Shape};
pub use filter::{Comparison, ComputedFact, FactName, Filter};
pub use lookup::SoughtFact;

/// A fact, as the catalogue that resolved it numbers it.
///
/// It means something only together with that catalogue: a condition is asked of records whose
/// [`Facts`] know the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactId(pub u16);

/// What a catalogue knows about a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactInfo {
    /// The number under which [`Facts::fact`] is asked for it.
    pub id: FactId,
    /// Its stable name, under which stores keep it.
    pub name: FactName,
    /// The type of its values.
    pub value_type: ValueType,
    /// Whether stores keep it, so that a list can be filtered on it; else it is computed when it
    /// is asked for.
    pub stored: bool,
    /// For text: all that it can ever be, if that is known.
    pub choices: Option<Arc<[SmolStr]>>,
    /// For text: the kinds of tax number that it is kept as, in the compact form.
    pub tax_numbers: Option<TaxNumberKinds>,
    /// For what is true from one instant until another: the facts that tell the two. The fact itself is
    /// never asked then, and stands in a condition by itself or behind `not`.
    pub during: Option<Box<[Self; 2]>>,
}

impl FactInfo {
    /// A fact that stores keep.
    #[must_use]
    pub fn stored(id: FactId, name: FactName, value_type: ValueType) -> Self {
        Self {
            id,
            name,
            value_type,
            stored: true,
            choices: None,
            tax_numbers: None,
            during: None,
        }
    }

    /// A fact that is computed when it is asked for, and cannot be filtered on.
    #[must_use]
    pub fn computed(id: FactId, name: FactName, value_type: ValueType) -> Self {
        Self {
            stored: false,
            ..Self::stored(id, name, value_type)
        }
    }

    /// The same fact with a closed set of choices.
    #[must_use]
    pub fn with_choices(self, choices: impl Into<Arc<[SmolStr]>>) -> Self {
        Self {
            choices: Some(choices.into()),
            ..self
        }
    }

    /// The same fact, true from the instant that one fact tells until the one of the other.
    #[must_use]
    pub fn with_during(self, from: Self, until: Self) -> Self {
        Self {
            during: Some(Box::new([from, until])),
            ..self
        }
    }

    /// The same fact as a tax number: what it is compared with is read as one.
    #[must_use]
    pub fn with_tax_numbers(self, kinds: TaxNumberKinds) -> Self {
        Self {
            tax_numbers: Some(kinds),
            ..self
        }
    }
}

/// What a condition may speak of.
pub trait Catalogue {
    /// The fact of this name.
    ///
    /// - A fact that is about one thing out of many takes the `argument` that names this thing,
    ///   as in `activities("information")`; each argument is a fact with an id of its own.
    /// - The same name and argument always give the same id, and no others do.
    ///
    /// # Errors
    ///
    /// [`Unresolved`] says what does not fit.
    fn resolve(&self, name: &str, argument: Option<&str>) -> Result<FactInfo, Unresolved>;

    /// The names of all facts, without arguments. Only used to say which one was probably meant.
    fn names(&self) -> Vec<SmolStr>;

    /// The instant at which a civil day starts in the zone in which dates are meant, if it does.
    fn start_of_day(&self, date: NaiveDate) -> Option<Instant>;
}

/// Why a catalogue has no such fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// It knows no fact of this name.
    UnknownName,
    /// It knows the fact, and something is wrong with it that is told where it is defined. The
    /// condition can't be used, and has no fault of its own.
    FaultyFact,
    /// It knows the fact, and nothing tells when it turns; and that is what the condition is for.
    NeverTurns,
    /// It knows the fact, but not this argument of it.
    UnknownArgument {
        /// The arguments that it knows, as far as they can be listed.
        known: Vec<SmolStr>,
    },
    /// The fact needs an argument and got none.
    NeedsArgument {
        /// The arguments that it knows, as far as they can be listed.
        known: Vec<SmolStr>,
    },
    /// The fact takes no argument and got one.
    TakesNoArgument,
}

/// A record, seen through its facts.
pub trait Facts {
    /// The value of a fact, or nothing if it is missing.
    ///
    /// - The value is of the type that the catalogue gave; one of another type compares as if it
    ///   were missing.
    /// - Text is given as it is; comparisons fold it.
    /// - It is called once or twice for each term that is evaluated, so it must not allocate. A
    ///   small one is worth an `#[inline]`: a value that is handed back through memory costs
    ///   more than comparing it.
    fn fact(&self, id: FactId) -> Option<ValueRef<'_>>;
}

impl<F: Facts + ?Sized> Facts for &F {
    fn fact(&self, id: FactId) -> Option<ValueRef<'_>> {
        (**self).fact(id)
    }
}

/// A condition, read and checked. Cheap to clone; the [module](self) tells the language.
#[derive(Clone, PartialEq)]
pub struct Condition(Arc<Inner>);

#[derive(PartialEq)]
struct Inner {
    source: Box<str>,
    root: Node,
    program: Program,
    facts: Vec<FactInfo>,
    is_about_time: bool,
}

impl Condition {
    /// How long the source of a condition may be.
    pub const MAX_BYTES: usize = 4096;
    /// How deep parentheses may be nested.
    pub const MAX_DEPTH: usize = 32;
    /// How many terms a condition may have.
    pub const MAX_TERMS: usize = 128;
    /// The longest duration: a hundred years.
    pub const MAX_DAYS: u32 = 36_525;

    /// Reads a condition, and checks it against what it may speak of.
    ///
    /// # Errors
    ///
    /// All faults, in the order of the source. Where one hides what follows (a limit is reached),
    /// it says so. None, if a fact is faulty where it is defined ([`Unresolved::FaultyFact`]).
    pub fn parse(source: &str, catalogue: &dyn Catalogue) -> Result<Self, Vec<Fault>> {
        if source.len() > Self::MAX_BYTES {
            return Err(vec![too_long(source)]);
        }
        let mut faults = Vec::new();
        let ast = parse::parse(source, &mut faults);
        let checked = check::check(ast, source, catalogue, &mut faults);
        if checked.rests_on_faults || !faults.is_empty() {
            faults.sort_by_key(|fault| (fault.at.start, fault.at.end));
            return Err(faults);
        }
        let about_time = |test: &eval::Test| test.kind.is_about_time();
        Ok(Self(Arc::new(Inner {
            source: source.into(),
            is_about_time: checked.tests.iter().any(about_time),
            program: Program::link(&checked.root, checked.tests),
            root: checked.root,
            facts: checked.facts,
        })))
    }

    /// The text from which it was read.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Whether it is true of this record at this instant. Allocates nothing.
    #[must_use]
    pub fn holds<F: Facts + ?Sized>(&self, facts: &F, now: Instant) -> bool {
        self.0.program.holds(facts, self.0.clock(now))
    }

    /// When its truth changes next, if the facts stay as they are.
    ///
    /// This is the first instant after `now` at which [`holds`](Self::holds) gives another answer
    /// than now; between the two it gives the same answer throughout. `entered_at < now - 2d` turns
    /// true a microsecond after the two days, `entered_at <= now - 2d` with them. Nothing if it
    /// never turns.
    #[must_use]
    pub fn turns_at<F: Facts + ?Sized>(&self, facts: &F, now: Instant) -> Option<Instant> {
        if !self.0.is_about_time {
            return None;
        }
        self.0.program.turns_at(facts, micros(now)).map(moment)
    }

    /// Each term with the values it saw and whether it held: what explains the answer of
    /// [`holds`](Self::holds).
    ///
    /// The values may be personal ones: an explanation is for showing, not for a log.
    #[must_use]
    pub fn why<F: Facts + ?Sized>(&self, facts: &F, now: Instant) -> Vec<Term> {
        let condition = &*self.0;
        let now = condition.clock(now);
        let term = |test: &eval::Test| {
            let seen = test.kind.facts().map(|known| Seen {
                name: condition.info(known).name.clone(),
                value: facts.fact(known.id).map(ValueRef::to_value),
            });
            Term {
                source: test.at.of(&condition.source).into(),
                at: test.at.start..test.at.end,
                seen: seen.collect(),
                held: test.holds(facts, now),
                wanted: test.wanted,
            }
        };
        condition.program.tests.iter().map(term).collect()
    }

    /// The facts it speaks of, each once.
    pub fn facts(&self) -> impl Iterator<Item = &FactInfo> {
        self.0.facts.iter()
    }

    /// Whether `now` occurs in it, so that it may turn by itself.
    #[must_use]
    pub fn is_about_time(&self) -> bool {
        self.0.is_about_time
    }

    /// The condition at this instant, for stores to push down.
    ///
    /// For a record whose stored facts are the folded facts, the filter matches when the
    /// condition holds.
    ///
    /// # Errors
    ///
    /// The first fact that is not a stored one, with its place.
    pub fn filter(&self, now: Instant) -> Result<Filter, ComputedFact> {
        filter::bind(&self.0, micros(now))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.source)
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.0.source).finish()
    }
}

impl Inner {
    fn info(&self, known: eval::Known) -> &FactInfo {
        &self.facts[usize::from(known.place)]
    }

    #[inline]
    /// `now` as evaluation wants it, for whoever asks about time.
    fn clock(&self, now: Instant) -> i64 {
        match self.is_about_time {
            true => micros(now),
            false => 0,
        }
    }
}

/// One term of a condition, and what became of it. Prints as `attempts.total >= 5 (is 3)`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Term {
    /// The term as it stands in the condition.
    pub source: SmolStr,
    /// Where it stands there, in bytes.
    pub at: Range<usize>,
    /// The facts it looked at: one, two, or none when only `now` is compared.
    pub seen: Vec<Seen>,
    /// Whether it held.
    pub held: bool,
    /// Whether the condition rather wants it to hold: true but for terms under an odd number of
    /// `not`, or on the left of `implies`. Where `held` is not `wanted`, the term stands in the
    /// way.
    pub wanted: bool,
}

/// A fact that a term looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// The fact.
    pub name: FactName,
    /// Its value; nothing if it was missing.
    pub value: Option<Value>,
}

impl Term {
    /// The same text as it prints, with instants as `at` writes them: in some zone.
    pub fn written(&self, at: impl Fn(Instant) -> SmolStr) -> String {
        let value = |value: &Value| match value {
            Value::Instant(instant) => at(*instant),
            other => format_smolstr!("{other}"),
        };
        match &*self.seen {
            [] => self.source.to_string(),
            [one] => match &one.value {
                Some(seen) => format!("{} (is {})", self.source, value(seen)),
                None => format!("{} (missing)", self.source),
            },
            many => {
                let seen = many.iter().map(|seen| match &seen.value {
                    Some(said) => format!("{} is {}", seen.name, value(said)),
                    None => format!("{} is missing", seen.name),
                });
                let seen: Vec<String> = seen.collect();
                format!("{} ({})", self.source, seen.join(", "))
            }
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written(|at| format_smolstr!("{}", Value::Instant(at))))
    }
}

fn too_long(source: &str) -> Fault {
    let (bytes, limit) = (source.len(), Condition::MAX_BYTES);
    let fits = (0..=limit).rev().find(|end| source.is_char_boundary(*end));
    let at = fault::Span {
        start: fits.unwrap_or_default(),
        end: bytes,
    };
    Fault::new(at, FaultKind::TooLong { bytes, limit })
}

const MIN_MICROS: i64 = DateTime::<chrono::Utc>::MIN_UTC.timestamp_micros();
const MAX_MICROS: i64 = DateTime::<chrono::Utc>::MAX_UTC.timestamp_micros();

#[inline]
fn micros(instant: Instant) -> i64 {
    instant.timestamp_micros()
}

/// The instant at so many microseconds, or the end of time beyond which there is none.
fn moment(micros: i64) -> Instant {
    let within = micros.clamp(MIN_MICROS, MAX_MICROS);
    DateTime::from_timestamp_micros(within).unwrap_or(DateTime::<chrono::Utc>::MAX_UTC)
}
