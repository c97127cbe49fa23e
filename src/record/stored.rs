//! How records become bytes and come back: a format byte, then postcard.
//!
//! The format byte changes with any of the record types; older formats stay readable. The samples
//! in `tests/golden` hold that, byte for byte.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::record::Record;
use crate::record::journal::JournalEntry;
use crate::store::Kind;

/// The format that this version writes.
const FORMAT: u8 = 1;

/// Bytes that are no record that this version can read.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// There is nothing.
    #[error("the body is empty")]
    Empty,
    /// It was written by another version.
    #[error("the body has format {found}; this version reads format {FORMAT}")]
    Format {
        /// The format byte.
        found: u8,
    },
    /// The bytes don't make sense.
    #[error("the body is damaged")]
    Damaged(#[source] postcard::Error),
    /// It is another sort of record than its key says.
    #[error("the body is a {found:?}, and its key says {wanted:?}")]
    OtherKind {
        /// What the body is.
        found: Kind,
        /// What the key says.
        wanted: Kind,
    },
}

/// A record as the bytes that a store keeps.
///
/// # Errors
/// None for a record that was read or decided; postcard's error otherwise.
pub fn encode(record: &Record) -> Result<Vec<u8>, Unreadable> {
    write(record)
}

/// The record in a store's bytes.
///
/// # Errors
/// When they are no record in a format that this version reads.
pub fn decode(body: &[u8]) -> Result<Record, Unreadable> {
    read(body)
}

/// The record of this kind in a store's bytes.
///
/// # Errors
/// As [`decode`], and when it is of another kind.
pub fn decode_as(wanted: Kind, body: &[u8]) -> Result<Record, Unreadable> {
    let record = decode(body)?;
    match record.kind() {
        found if found == wanted => Ok(record),
        found => Err(Unreadable::OtherKind { found, wanted }),
    }
}

/// A journal entry as the bytes that a store keeps.
///
/// # Errors
/// None for an entry that was decided; postcard's error otherwise.
pub fn encode_entry(entry: &JournalEntry) -> Result<Vec<u8>, Unreadable> {
    write(entry)
}

/// The journal entry in a store's bytes.
///
/// # Errors
/// When they are no entry in a format that this version reads.
pub fn decode_entry(body: &[u8]) -> Result<JournalEntry, Unreadable> {
    read(body)
}

fn write(value: &impl Serialize) -> Result<Vec<u8>, Unreadable> {
    let mut body = Vec::with_capacity(512);
    body.push(FORMAT);
    postcard::to_extend(value, body).map_err(Unreadable::Damaged)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Unreadable> {
    match body.split_first() {
        None => Err(Unreadable::Empty),
        Some((&FORMAT, rest)) => postcard::from_bytes(rest).map_err(Unreadable::Damaged),
        Some((&found, _)) => Err(Unreadable::Format { found }),
    }
}
