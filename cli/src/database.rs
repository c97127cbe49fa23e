//! Opening a database of leads.

use std::path::Path;
use std::sync::Arc;

use leadkit::clock::Clock;
use leadkit::engine::Engine;
use leadkit::ids::Tenant;
use leadkit::mailer::{Mailer, Outcome, Outgoing};
use leadkit::playbook::Playbook;
use leadkit_sqlite::{Durability, Options, SqliteStore};

use crate::Failure;

/// A mailer that takes everything and sends nothing.
#[derive(Clone, Copy, Debug)]
pub struct OnlyAccepts;

#[async_trait::async_trait]
impl Mailer for OnlyAccepts {
    async fn hand_over(&self, _: &Outgoing) -> Outcome {
        Outcome::Accepted
    }
}

/// What a database is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// To look at it; it must be there.
    Reading,
    /// To replay into it; it is made if it isn't there. What was written survives a crash of the
    /// process: a replay can be repeated.
    Replaying,
}

/// Opens a database.
///
/// # Errors
/// When it isn't there or isn't one.
pub fn open(path: &Path, why: For) -> Result<SqliteStore, Failure> {
    if why == For::Reading && !path.exists() {
        return Err(Failure::NoDatabase(path.to_owned()));
    }
    let options = Options {
        virtual_time: true,
        durability: Durability::Process,
        read_only: why == For::Reading,
        ..Options::default()
    };
    SqliteStore::open_with(path, &options).map_err(|source| Failure::Database {
        path: path.to_owned(),
        source,
    })
}

/// An engine on a store, which sends nothing.
///
/// # Errors
/// When it can't be built.
pub fn engine(
    store: SqliteStore,
    tenant: &Tenant,
    playbook: Arc<Playbook>,
    clock: impl Clock + 'static,
) -> Result<Engine, Failure> {
    let channels = playbook.channels();
    let mut builder = Engine::builder(store)
        .playbook(tenant.clone(), playbook)
        .clock(clock)
        .seed(0);
    for channel in channels {
        builder = builder.mailer(channel, OnlyAccepts);
    }
    Ok(builder.build()?)
}

/// The tenant's name: as given, or the playbook's id.
#[must_use]
pub fn tenant(given: Option<&str>, playbook: &Playbook) -> Tenant {
    Tenant::from(given.unwrap_or(playbook.id.as_str()))
}
