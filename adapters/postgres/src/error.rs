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
        Failure::Postgres(error) => of_server(error),
        Failure::Pool(PoolError::Backend(error)) => error.code().map_or(UNREACHED, of_state),
        Failure::Pool(_) => UNREACHED,
        Failure::Overdue(_) | Failure::Contended(_) => StoreErrorKind::Unavailable,
        Failure::Unreadable(_) => StoreErrorKind::Corrupt,
        Failure::Unaskable => StoreErrorKind::Invalid,
    }
}

/// Where no connection could be had, nothing was read: whatever failed says nothing of what is
/// stored.
const UNREACHED: StoreErrorKind = StoreErrorKind::Unavailable;

fn of_server(error: &tokio_postgres::Error) -> StoreErrorKind {
    if let Some(state) = error.code() {
        return of_state(state);
    }
    // What isn't from the server is a lost connection, or a value that can't be read or sent.
    let Some(source) = std::error::Error::source(error).filter(|_| !error.is_closed()) else {
        return StoreErrorKind::Unavailable;
    };
    match source.downcast_ref::<std::io::Error>() {
        // More than a message holds.
        Some(io) if io.kind() == std::io::ErrorKind::InvalidInput => StoreErrorKind::Invalid,
        Some(_) => StoreErrorKind::Unavailable,
        None => StoreErrorKind::Corrupt,
    }
}

fn of_state(state: &SqlState) -> StoreErrorKind {
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

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio_postgres::config::SslMode;
    use tokio_postgres::{Config, NoTls};

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        runtime.block_on(future)
    }

    /// As of a body that is longer than a message can be: two gigabytes, which no test sends. A
    /// socket's name has a limit, too, and fails in the same way.
    fn too_long() -> tokio_postgres::Error {
        let mut config = Config::new();
        config.host_path("/".repeat(500)).user("crm");
        block_on(async { config.connect(NoTls).await.err() }).expect("no server")
    }

    /// A server that agrees to TLS, which then fails for a reason of its own.
    fn no_handshake() -> tokio_postgres::Error {
        let mut config = Config::new();
        config.user("crm").ssl_mode(SslMode::Require);
        let failed = block_on(async {
            let (near, mut far) = tokio::io::duplex(64);
            far.write_all(b"S").await.expect("an answer");
            config.connect_raw(near, NoTls).await.err()
        });
        failed.expect("no connection")
    }

    #[test]
    fn what_is_too_long_to_be_sent_is_not_tried_for_ever() {
        assert_eq!(kind(&too_long().into()), StoreErrorKind::Invalid);
    }

    #[test]
    fn nothing_that_fails_before_there_is_a_connection_tells_of_what_is_stored() {
        for error in [too_long(), no_handshake()] {
            let failure = Failure::Pool(PoolError::Backend(error));
            assert_eq!(kind(&failure), StoreErrorKind::Unavailable, "{failure:?}");
        }
    }
}
