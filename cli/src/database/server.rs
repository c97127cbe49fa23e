//! A database on a PostgreSQL server.

use std::error::Error;
use std::sync::Arc;

use leadkit::store::Store;
use leadkit_postgres::{OpenError, Options, PostgresStore};
use tokio::runtime::{Builder, Runtime};

use super::{For, Url};
use crate::{Asked, Failure};

/// How many connections a command takes: it asks one thing after the other.
const MOST_CONNECTIONS: usize = 2;

/// A database on a server that is open, and what looks after the connections to it.
#[derive(Debug)]
pub(super) struct Server {
    store: PostgresStore,
    runtime: Runtime,
}

impl Server {
    /// Connects to a server. A command makes no tables, and brings none up to date: that is for whoever
    /// runs the workers.
    ///
    /// # Errors
    /// When it can't be had, or isn't a database of leads.
    pub(super) fn open(url: &Url, why: For) -> Result<Self, Failure> {
        let failed = |source: Box<dyn Error + Send + Sync>| Failure::Server {
            url: url.clone(),
            source,
        };
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| failed(error.into()))?;
        let options = Options {
            virtual_time: true,
            most_connections: MOST_CONNECTIONS,
            read_only: true,
            ..Options::default()
        };
        let opened = runtime.block_on(async {
            let reader = PostgresStore::open_with(url.with_password(), &options).await?;
            if why == For::Reading {
                return Ok(reader);
            }
            // The tables are there, and as they must be.
            let options = Options {
                read_only: false,
                ..options
            };
            PostgresStore::open_with(url.with_password(), &options).await
        });
        let store = opened.map_err(|error| match error {
            OpenError::Url(_) => Asked::NoUrl.into(),
            error => failed(error.into()),
        })?;
        Ok(Self { store, runtime })
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    /// Whose leads it holds: some of them; `None`, if that can't be told.
    pub(super) async fn tenants(&self) -> Option<Vec<String>> {
        let records = format!("{}records", Options::default().prefix);
        // From one name to the next, and not through all that each has.
        let sql = format!(
            r#"WITH RECURSIVE tenants (name) AS (
                SELECT min(tenant) FROM "{records}"
                UNION ALL
                SELECT (SELECT min(tenant) FROM "{records}" WHERE tenant > name)
                FROM tenants WHERE name IS NOT NULL
            )
            SELECT name FROM tenants WHERE name IS NOT NULL LIMIT 10"#
        );
        let client = self.store.pool().get().await.ok()?;
        let rows = client.query(&sql, &[]).await.ok()?;
        rows.iter().map(|row| row.try_get(0).ok()).collect()
    }

    pub(super) fn block_on<F: Future>(&self, asking: F) -> F::Output {
        self.runtime.block_on(asking)
    }
}
