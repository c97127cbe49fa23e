//! What a failure of PostgreSQL means to the caller of a store.

use std::time::Duration;

use deadpool_postgres::PoolError;
use leadkit::store::{StoreError, StoreErrorKind};
use tokio_postgres::error::SqlState;

use crate::deadlines::Overdue;

/// A failure, met while something was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Of the server, or on the way to it.
    #[error("PostgreSQL failed")]
    Postgres(#[from] tokio_postgres::Error),
    /// No connection could be had.
    #[error("no connection could be had")]
    Pool(#[from] PoolError),
    /// No answer came in time.
    #[error("there was no answer within {0:?}")]
    Overdue(Duration),
    /// A stored value that leadkit can't have written.
    #[error("the column {0} holds what leadkit can't have written")]
    Unreadable(&'static str),
    /// Others wrote the same records again and again.
    #[error("others wrote the same records {0} times while this was written")]
    Contended(u32),
    /// A question that SQL can't be asked.
    #[error("a value of this type can't be asked for")]
    Unaskable,
}

impl From<Overdue> for Failure {
    fn from(Overdue(deadline): Overdue) -> Self {
        Self::Overdue(deadline)
    }
}

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Makes failures that were met while `doing` into failures of the store.
pub(crate) fn failed(doing: &'static str) -> impl Fn(Failure) -> StoreError {
    move |failure| StoreError::new(kind(&failure), doing, failure)
}

fn kind(failure: &Failure) -> StoreErrorKind {
    match failure {
        Failure::Postgres(error) | Failure::Pool(PoolError::Backend(error)) => of_server(error),
        Failure::Pool(_) | Failure::Overdue(_) | Failure::Contended(_) => {
            StoreErrorKind::Unavailable
        }
        Failure::Unreadable(_) => StoreErrorKind::Corrupt,
        Failure::Unaskable => StoreErrorKind::Invalid,
    }
}

fn of_server(error: &tokio_postgres::Error) -> StoreErrorKind {
    let Some(state) = error.code() else {
        // What isn't from the server is a lost connection, or a value that can't be read.
        let conversion = std::error::Error::source(error)
            .is_some_and(|source| source.downcast_ref::<std::io::Error>().is_none());
        return match conversion && !error.is_closed() {
            true => StoreErrorKind::Corrupt,
            false => StoreErrorKind::Unavailable,
        };
    };
    match (state, state.code().get(..2)) {
        (&SqlState::READ_ONLY_SQL_TRANSACTION | &SqlState::INSUFFICIENT_PRIVILEGE, _) => {
            StoreErrorKind::Unavailable
        }
        // Connections, transactions that were ended from outside, logins, rollbacks of a
        // transaction, resources, locks, interventions, and the operating system; and a plan that a
        // migration beside it has made stale. It helps to begin again.
        (&SqlState::FEATURE_NOT_SUPPORTED, _)
        | (_, Some("08" | "25" | "28" | "40" | "53" | "55" | "57" | "58")) => {
            StoreErrorKind::Unavailable
        }
        // A statement too deep, or with too many values.
        (_, Some("54")) => StoreErrorKind::Invalid,
        _ => StoreErrorKind::Corrupt,
    }
}
