//! What can go wrong in a store.

/// What went wrong in a store, and so what the caller should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// It can't be reached, is busy or out of room. Whether a commit took place is unknown:
    /// some changes of a batch may be written, others not. Repeating it is safe, since its command acts
    /// once. Retry later.
    Unavailable,
    /// What it holds can't be right, or it can't go on. Stop, and look at it.
    Corrupt,
    /// What it was asked can't be right (another tenant's key, a list of the journal). Stop.
    Invalid,
}

/// A failure of a store.
#[derive(Debug, thiserror::Error)]
#[error("the store could not {doing}")]
pub struct StoreError {
    /// What the caller should do.
    pub kind: StoreErrorKind,
    /// What it was doing, to end a sentence: "commit", "read due records".
    pub doing: &'static str,
    /// What lies beneath.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// A failure with what lies beneath it.
    pub fn new(
        kind: StoreErrorKind,
        doing: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        let source = Some(source.into());
        Self {
            kind,
            doing,
            source,
        }
    }

    /// The refusal of something that can't be right.
    #[must_use]
    pub fn misused(doing: &'static str, misuse: Misuse) -> Self {
        Self::new(StoreErrorKind::Invalid, doing, misuse)
    }
}

/// Why a store refuses what it is asked: the source of a [`StoreErrorKind::Invalid`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// A change of one tenant names a record of another.
    #[error("a key belongs to another tenant than the change")]
    OtherTenant,
    /// The journal is written through [`Changes::journal`](super::Changes::journal) only, and read with [`Store::load`](super::Store::load)
    /// and [`Store::journal`](super::Store::journal) only.
    #[error("the journal is not written or selected like a record")]
    JournalKey,
    /// One change puts the same record twice.
    #[error("a change puts the same record twice")]
    PutTwice,
    /// A record of this kind has no stored facts.
    #[error("records of this kind have no stored facts")]
    NoFacts,
    /// The `now` that was passed is far from the clock of a store that wasn't opened for
    /// virtual time.
    #[error(
        "now is more than five minutes off the clock of the store's machine; for a `VirtualClock` open the store \
         with `Options {{ virtual_time: true, .. }}`"
    )]
    OffClock,
}
