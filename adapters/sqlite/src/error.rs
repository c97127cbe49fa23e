//! What a failure of SQLite means to the caller of a store.

use leadkit::store::{StoreError, StoreErrorKind};
use rusqlite::{Error, ErrorCode};

/// Makes failures of SQLite, met while `doing`, into failures of the store.
pub(crate) fn failed(doing: &'static str) -> impl Fn(Error) -> StoreError {
    move |error| StoreError::new(kind(&error), doing, error)
}

fn kind(error: &Error) -> StoreErrorKind {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::ReadOnly
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationInterrupted
            | ErrorCode::OperationAborted
            | ErrorCode::PermissionDenied
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::AuthorizationForStatementDenied
            | ErrorCode::NoLargeFileSupport,
        ) => StoreErrorKind::Unavailable,
        // A statement too deep or with too many values is a question that can't be asked;
        // a missing table or column would show at the first load.
        Some(ErrorCode::TooBig | ErrorCode::ParameterOutOfRange | ErrorCode::Unknown) => {
            StoreErrorKind::Invalid
        }
        _ => StoreErrorKind::Corrupt,
    }
}

/// A stored value that leadkit can't have written.
#[derive(Debug, thiserror::Error)]
#[error("column {column} holds {found}, which leadkit can't have written")]
pub(crate) struct Unreadable {
    pub(crate) column: usize,
    pub(crate) found: &'static str,
}

impl Unreadable {
    pub(crate) fn from(column: usize, found: rusqlite::types::Type) -> Error {
        let name = match found {
            rusqlite::types::Type::Null => "null",
            rusqlite::types::Type::Integer => "an integer out of range",
            rusqlite::types::Type::Real => "a floating-point number",
            rusqlite::types::Type::Text => "text",
            rusqlite::types::Type::Blob => "a blob",
        };
        let found_name = Self {
            column,
            found: name,
        };
        Error::FromSqlConversionFailure(column, found, Box::new(found_name))
    }
}
