//! How long things may take, and the pool of a store's own, which keeps to it.
//!
//! The server ends a statement that takes too long, and so what it has locked. It can't where the
//! network is cut or the server itself stands still: so a whole call has a deadline on this side, too.

use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
};
use tokio_postgres::{Config, NoTls};

use crate::open::{OpenError, Options};

/// How long a connection says nothing before it is asked whether the server is still there.
const KEEPALIVES_IDLE: Duration = Duration::from_secs(30);
/// How often it is asked again.
const KEEPALIVES_INTERVAL: Duration = Duration::from_secs(10);
/// After how many questions without an answer the connection is lost.
const KEEPALIVES_RETRIES: u32 = 3;

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
    /// its opening; its connection is closed then. Making indexes has none. Default: 60 seconds.
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

impl Deadlines {
    /// The settings that a connection begins with. What a URL sets itself comes behind, and counts.
    fn settings(&self, of_url: Option<&str>) -> String {
        let settings = [
            ("statement_timeout", self.statement),
            ("idle_in_transaction_session_timeout", self.call),
        ];
        let mut told: Vec<String> = settings
            .iter()
            .filter_map(|(name, deadline)| Some(format!("-c {name}={}", millis(*deadline)?)))
            .collect();
        told.extend(of_url.map(str::to_owned));
        told.join(" ")
    }

    /// What a connection is made by: as the URL says, and where it says nothing so that a server
    /// that has gone is noticed.
    fn config(&self, url: &str) -> Result<Config, OpenError> {
        let mut config: Config = url.parse().map_err(OpenError::Url)?;
        let settings = self.settings(config.get_options());
        config.options(settings);
        if config.get_connect_timeout().is_none() {
            // Of several hosts each has its share.
            let hosts = config.get_hosts().len().max(config.get_hostaddrs().len());
            let hosts = u32::try_from(hosts.max(1)).unwrap_or(u32::MAX);
            config.connect_timeout(self.connection / hosts);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(KEEPALIVES_IDLE + KEEPALIVES_INTERVAL * KEEPALIVES_RETRIES);
        }
        if config.get_keepalives_idle() == Config::new().get_keepalives_idle() {
            config.keepalives_idle(KEEPALIVES_IDLE);
        }
        if config.get_keepalives_interval().is_none() {
            config.keepalives_interval(KEEPALIVES_INTERVAL);
        }
        if config.get_keepalives_retries().is_none() {
            config.keepalives_retries(KEEPALIVES_RETRIES);
        }
        Ok(config)
    }
}

/// Whose a pool is, and so who says how long a statement may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The store's own.
    Own,
    /// The host's.
    Hosts,
}

/// A pool of the store's own.
pub(crate) fn pool(url: &str, options: &Options) -> Result<Pool, OpenError> {
    let Options {
        deadlines,
        most_connections,
        ..
    } = options;
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = Manager::from_config(deadlines.config(url)?, NoTls, recycling);
    let pool = Pool::builder(manager)
        .max_size((*most_connections).max(1))
        .wait_timeout(Some(deadlines.connection))
        .create_timeout(Some(deadlines.connection))
        .runtime(Runtime::Tokio1)
        .build();
    pool.map_err(|error| OpenError::Pool(Box::new(error)))
}

/// What was not done in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overdue(pub(crate) Duration);

/// Does work on a connection of a pool, within a deadline that begins with the wait for it.
pub(crate) async fn on_connection<T, E: From<PoolError> + From<Overdue>>(
    pool: &Pool,
    deadline: Duration,
    work: impl AsyncFnOnce(&mut Object) -> Result<T, E>,
) -> Result<T, E> {
    let mut had = None;
    let working = async {
        let client = had.insert(pool.get().await?);
        work(client).await
    };
    match tokio::time::timeout(deadline, working).await {
        Ok(done) => done,
        Err(_) => {
            // Nobody else shall wait for the answers that are still due on it: it is closed.
            drop(had.map(Object::take));
            Err(Overdue(deadline).into())
        }
    }
}

/// A deadline as the server takes it, who knows 0 for none and no more than 24 days.
fn millis(deadline: Duration) -> Option<i32> {
    let millis = i32::try_from(deadline.as_millis()).ok()?;
    Some(millis.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(deadlines: &Deadlines, url: &str) -> Config {
        deadlines.config(url).expect("a URL")
    }

    #[test]
    fn the_longest_deadline_is_none_and_the_shortest_is_one() {
        let endless = Deadlines {
            call: Duration::MAX,
            statement: Duration::ZERO,
            ..Deadlines::default()
        };
        assert_eq!(endless.settings(None), "-c statement_timeout=1");
    }

    #[test]
    fn what_the_url_says_counts() {
        let said = config(
            &Deadlines::default(),
            "postgres://crm@localhost/crm?connect_timeout=3&keepalives_idle=5&tcp_user_timeout=7\
             &options=-c%20statement_timeout%3D9",
        );
        assert_eq!(said.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(said.get_keepalives_idle(), Duration::from_secs(5));
        assert_eq!(said.get_tcp_user_timeout(), Some(&Duration::from_secs(7)));
        let options = said.get_options().expect("settings");
        assert!(options.ends_with(" -c statement_timeout=9"), "{options}");
    }

    #[test]
    fn the_hosts_of_a_url_share_the_time_for_a_connection() {
        let two = config(&Deadlines::default(), "postgres://crm@one,other/crm");
        assert_eq!(two.get_connect_timeout(), Some(&Duration::from_secs(5)));
    }
}
