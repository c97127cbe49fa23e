//! What is wrong with what somebody said: each input with its problem, all of them at once.

use std::fmt;

use smol_str::SmolStr;

use super::{MOST_KNOWN, Refusal, listed, or_what_there_is};
use crate::hint::nearest;
use crate::ids::Name;
use crate::letters;
use crate::playbook::pipeline::Misfit;
use crate::tax_number::TaxNumberError;
use crate::told::shortened;

/// An input that is missing or can't be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The input.
    pub input: Name,
    /// What is wrong with it.
    pub problem: Problem,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.input, self.problem)
    }
}

/// What is wrong with inputs, gathered so that all of it is told at once.
#[derive(Debug, Default)]
pub(crate) struct Gaps(Vec<Gap>);

impl Gaps {
    pub(crate) fn add(&mut self, input: &str, problem: Problem) {
        let input = Name::from(input);
        self.0.push(Gap { input, problem });
    }

    /// Adds a text that is longer than it can be.
    pub(crate) fn add_too_long(&mut self, input: &str, text: Option<&str>, most_bytes: usize) {
        if text.is_some_and(|text| text.len() > most_bytes) {
            self.add(input, Problem::TooLong { most_bytes });
        }
    }

    /// Whether something is wrong with this input already.
    pub(crate) fn is_about(&self, input: &Name) -> bool {
        self.0.iter().any(|gap| gap.input == *input)
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Gap> {
        self.0.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A refusal for one thing alone.
    pub(crate) fn one(input: &str, problem: Problem) -> Refusal {
        let mut gaps = Self::default();
        gaps.add(input, problem);
        gaps.refusal()
    }

    pub(crate) fn refusal(self) -> Refusal {
        Refusal::Incomplete(self.0)
    }

    /// A refusal, if anything is wrong.
    pub(crate) fn told(self) -> Result<(), Refusal> {
        match self.is_empty() {
            true => Ok(()),
            false => Err(self.refusal()),
        }
    }
}

/// What is wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// It is needed.
    #[error("is needed")]
    Missing,
    /// It is who acts, and has no name.
    #[error("names nobody; say an agent's id, or host:NAME")]
    NamesNobody,
    /// It is no e-mail address.
    #[error("is no e-mail address")]
    NotAnEmail,
    /// It is no phone number.
    #[error("is no phone number: it has no digit")]
    NotAPhone,
    /// It is no tax number of the kinds that the playbook asks for.
    #[error("is {0}")]
    NotATaxNumber(TaxNumberError),
    /// It holds a character that no name has: a control character, an end of a line, or one that
    /// turns the direction of writing round.
    #[error("holds {}, which can't stand there", letters::told(*.character))]
    BadCharacter {
        /// The first one.
        character: char,
    },
    /// It is too long.
    #[error("is longer than {most_bytes} bytes")]
    TooLong {
        /// The limit.
        most_bytes: usize,
    },
    /// It has another type.
    #[error("must be {expected}")]
    Unfit {
        /// What it must be.
        expected: SmolStr,
    },
    /// The playbook has nothing of this name, or it is none of a field's choices.
    #[error("`{said}` is unknown{}", or_what_there_is(.nearest.as_deref(), .known))]
    Unknown {
        /// What was said, or how it begins.
        said: SmolStr,
        /// What was probably meant.
        nearest: Option<SmolStr>,
        /// What there is.
        known: Vec<SmolStr>,
    },
    /// The input is none, and no field of the playbook either.
    #[error("is no field of the playbook{}", or_what_there_is(.nearest.as_deref(), &[]))]
    NoSuchField {
        /// What was probably meant.
        nearest: Option<SmolStr>,
    },
    /// The field is not among those that are asked for here.
    #[error("is not asked for here; asked for: {}", listed(.asked))]
    NotAsked {
        /// Those that are.
        asked: Vec<Name>,
    },
    /// It is the referral code of nobody.
    #[error("is nobody's code; ask for it again, or leave it out")]
    NobodysCode,
    /// It is the referral code of somebody who left, or may refer no more.
    #[error("is the code of somebody who refers no more; leave it out")]
    RefersNoMore,
    /// It is the referral code of the contact.
    #[error("is the contact's own code, and nobody refers themselves; leave it out")]
    OwnCode,
    /// A wait outside the group's bounds.
    #[error("must be {least_days} days{}", .most_days.map_or_else(|| " or more".into(), |most| format!(" to {most} days")))]
    OutOfBounds {
        /// The shortest wait of the group.
        least_days: u32,
        /// The longest, if there is one.
        most_days: Option<u32>,
    },
}

impl From<Misfit> for Problem {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            // Whoever knows the choices tells them; see [`Problem::no_choice`].
            Misfit::NoChoice => Self::Unfit {
                expected: SmolStr::new_static("one of the choices"),
            },
            Misfit::Other { expected } => Self::Unfit { expected },
            Misfit::TooLong { most_bytes } => Self::TooLong { most_bytes },
            Misfit::NotATaxNumber(error) => Self::NotATaxNumber(error),
        }
    }
}

impl Problem {
    /// That something is said which is not among what there is.
    pub(crate) fn unknown<'a>(said: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<SmolStr> = known.into_iter().map(SmolStr::from).collect();
        let nearest = nearest(said, known.iter().map(SmolStr::as_str)).map(SmolStr::from);
        Self::Unknown {
            said: shortened(said),
            nearest,
            known,
        }
    }

    /// That something is said which is no choice: of few, all are told.
    pub(crate) fn no_choice(said: &str, choices: &[SmolStr]) -> Self {
        if choices.len() > MOST_KNOWN {
            return Self::unknown(said, choices.iter().map(SmolStr::as_str));
        }
        Self::Unknown {
            said: shortened(said),
            nearest: None,
            known: choices.to_vec(),
        }
    }
}
