//! How long things may take.
//!
//! The server ends a statement that takes too long, and so what it has locked. It can't where the
//! network is cut or the server itself stands still: so a whole call has a deadline on this side, too.

use std::time::Duration;

use deadpool_postgres::{Object, Pool, PoolError};

/// How long things may take. What takes longer fails, kind
/// [`Unavailable`](leadkit::store::StoreErrorKind::Unavailable). [`Duration::MAX`] is as long as ever.
///
/// ```
/// use std::time::Duration;
/// use leadkit_postgres::{Deadlines, Options};
///
/// let statement = Duration::from_secs(5);
/// let deadlines = Deadlines { statement, ..Deadlines::default() };
/// let options = Options { deadlines, ..Options::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// For a whole call of the store, from the wait for a connection to the last answer, and for
    /// its opening; its connection is closed then. Making and dropping indexes has none. Default: 60
    /// seconds.
    pub call: Duration,
    /// For a connection to be free, and for a new one to be made. Only where the store is opened by
    /// its URL: a pool of the host's has its own. Default: 10 seconds.
    pub connection: Duration,
    /// For one statement, waiting for locks included, after which the server gives it up. Only where
    /// the store is opened by its URL: its connections then begin with `statement_timeout`, and
    /// with an `idle_in_transaction_session_timeout` as long as a call may take. Default: 30
    /// seconds.
    pub statement: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(60),
            connection: Duration::from_secs(10),
            statement: Duration::from_secs(30),
        }
    }
}

/// What was not done in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overdue(pub(crate) Duration);

/// A connection on which something is asked. Unless its answer was waited for, it is closed, and not
/// given back: nobody else shall wait for the answers that are still due on it.
struct Asked(Option<Object>);

impl Drop for Asked {
    fn drop(&mut self) {
        drop(self.0.take().map(Object::take));
    }
}

/// Does work on a connection of a pool, within a deadline that begins with the wait for it. The pool
/// keeps the connection only if the work came to its end: not if it took too long, and not if
/// whoever called dropped this future.
pub(crate) async fn on_connection<T, E: From<PoolError> + From<Overdue>>(
    pool: &Pool,
    deadline: Duration,
    work: impl AsyncFnOnce(&mut Object) -> Result<T, E>,
) -> Result<T, E> {
    let working = async {
        let mut asked = Asked(None);
        let done = work(asked.0.insert(pool.get().await?)).await;
        drop(asked.0.take());
        done
    };
    match tokio::time::timeout(deadline, working).await {
        Ok(done) => done,
        Err(_) => Err(Overdue(deadline).into()),
    }
}
