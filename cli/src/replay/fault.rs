//! Why what a row says makes no command.

use leadkit::ids::Name;
use leadkit::money::Currency;
use leadkit::value::ValueType;
use smol_str::SmolStr;

use super::amounts::AmountFault;
use super::dates::DateFault;
use super::numbers::NumberFault;
use super::row::shortened;

/// Why what a row says makes no command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ValueFault {
    /// The column that names the lead is empty.
    #[error("the row names no lead: `{0}` is empty")]
    NoLead(String),
    /// The column that says when is empty.
    #[error("`{0}` is empty, and says when")]
    NoTime(String),
    /// What the command needs is empty.
    #[error("`{0}` is empty")]
    Empty(SmolStr),
    /// What is there is no value of its kind.
    #[error("`{of}`: `{said}` {why}")]
    Unfit {
        /// The column, the field, or the word of the command.
        of: SmolStr,
        /// The beginning of what is there.
        said: SmolStr,
        /// What is wrong with it.
        why: Unfit,
    },
    /// The same in a line of a quote.
    #[error("`{of}` of line {line} of the quote: `{said}` {why}")]
    UnfitInQuote {
        /// The word of the line.
        of: SmolStr,
        /// Which line, from 1.
        line: usize,
        /// The beginning of what is there.
        said: SmolStr,
        /// What is wrong with it.
        why: Unfit,
    },
}

impl ValueFault {
    /// What to do about it, where that is not plain.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::NoLead(column) | Self::NoTime(column) => Some(format!(
                "fill it in, or leave such rows out (if = \"{column}\")"
            )),
            _ => None,
        }
    }

    pub(super) fn unfit(of: &str, said: &str, why: impl Into<Unfit>) -> Self {
        Self::Unfit {
            of: of.into(),
            said: shortened(said),
            why: why.into(),
        }
    }
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// It is no date that can be relied on.
    #[error(transparent)]
    Date(#[from] DateFault),
    /// It is no number that reads in one way.
    #[error(transparent)]
    Number(#[from] NumberFault),
    /// It is no amount of the playbook's currency that reads in one way.
    #[error(transparent)]
    Amount(#[from] AmountFault),
    /// It is no whole number.
    #[error("is no whole number")]
    NotWhole,
    /// It is a number below zero.
    #[error("is below zero")]
    BelowZero,
    /// It is a number that is larger than any that is meant.
    #[error("is too large")]
    TooLarge,
    /// It is neither yes nor no.
    #[error("is neither yes nor no")]
    NotYesOrNo,
    /// It is none of the field's type.
    #[error("is not {0}")]
    NotOfType(ValueType),
    /// It is no discount.
    #[error("is not from 0 % to 1000 %")]
    NoRate,
    /// It is no price.
    #[error("is no amount of {0}")]
    NoAmount(Currency),
    /// It is no SHA-256.
    #[error("is not 64 hexadecimal digits")]
    NoHash,
    /// It is a wait in no group.
    #[error("is a wait in no group, and `wait` would say in which")]
    NoWait,
    /// It is what people call something that the playbook knows by a name.
    #[error("is the label of `{0}`; say so in the file's `values`, or write the name")]
    Label(Name),
}
