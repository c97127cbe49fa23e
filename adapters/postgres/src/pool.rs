//! A pool of the store's own, whose connections keep to its options.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::{Config, NoTls};

use crate::open::{OpenError, Options};

/// How long a connection says nothing before it is asked whether the server is still there.
const KEEPALIVES_IDLE: Duration = Duration::from_secs(30);
/// How often it is asked again.
const KEEPALIVES_INTERVAL: Duration = Duration::from_secs(10);
/// After how many questions without an answer the connection is lost.
const KEEPALIVES_RETRIES: u32 = 3;

/// Whose a pool is, and so who says how long a statement may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The store's own.
    Own,
    /// The host's.
    Hosts,
}

/// A pool of the store's own.
pub(crate) fn own(url: &str, options: &Options) -> Result<Pool, OpenError> {
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = Manager::from_config(config(url, options)?, NoTls, recycling);
    let wait = Some(options.deadlines.connection);
    let pool = Pool::builder(manager)
        .max_size(options.most_connections.max(1))
        .wait_timeout(wait)
        .create_timeout(wait)
        .runtime(Runtime::Tokio1)
        .build();
    pool.map_err(|error| OpenError::Pool(Box::new(error)))
}

/// What a connection is made by: as the URL says, and where it says nothing so that a server that has
/// gone is noticed.
fn config(url: &str, options: &Options) -> Result<Config, OpenError> {
    let mut config: Config = url.parse().map_err(OpenError::Url)?;
    let settings = settings(options, config.get_options());
    config.options(settings);
    if config.get_connect_timeout().is_none() {
        // Of several hosts each has its share.
        let hosts = config.get_hosts().len().max(config.get_hostaddrs().len());
        let hosts = u32::try_from(hosts.max(1)).unwrap_or(u32::MAX);
        config.connect_timeout(options.deadlines.connection / hosts);
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

/// The settings that a connection begins with. What the URL sets itself comes behind, and counts.
fn settings(options: &Options, of_url: Option<&str>) -> String {
    let deadlines = &options.deadlines;
    let own = [
        ("statement_timeout", millis(deadlines.statement)),
        (
            "idle_in_transaction_session_timeout",
            millis(deadlines.call),
        ),
        // Where the database has a stricter one, a lost race would be a failure.
        (
            "default_transaction_isolation",
            Some(r"read\ committed".to_owned()),
        ),
        (
            "default_transaction_read_only",
            options.read_only.then(|| "on".to_owned()),
        ),
    ];
    let own = own.into_iter();
    let own = own.filter_map(|(name, value)| Some(format!("-c {name}={}", value?)));
    let all: Vec<String> = own.chain(of_url.map(str::to_owned)).collect();
    all.join(" ")
}

/// A deadline as the server takes it, who knows 0 for none and no more than 24 days.
fn millis(deadline: Duration) -> Option<String> {
    let millis = i32::try_from(deadline.as_millis()).ok()?;
    Some(millis.max(1).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadlines::Deadlines;

    fn of(url: &str) -> Config {
        config(url, &Options::default()).expect("a URL")
    }

    #[test]
    fn the_longest_deadline_is_none_and_the_shortest_is_one() {
        let deadlines = Deadlines {
            call: Duration::MAX,
            statement: Duration::ZERO,
            ..Deadlines::default()
        };
        let options = Options {
            deadlines,
            ..Options::default()
        };
        assert_eq!(
            settings(&options, None),
            r"-c statement_timeout=1 -c default_transaction_isolation=read\ committed"
        );
    }

    #[test]
    fn what_the_url_says_counts() {
        let said = of(
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
        let two = of("postgres://crm@one,other/crm");
        assert_eq!(two.get_connect_timeout(), Some(&Duration::from_secs(5)));
    }
}
