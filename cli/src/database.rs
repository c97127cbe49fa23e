//! Opening a database of leads.
//!
//! A replay lives through time with a mailer that only accepts: on a database with real leads in
//! it, messages would count as sent that nobody got. So a database that a replay made is marked as
//! one, and a replay goes into no other.

use std::path::Path;
use std::sync::Arc;

use leadkit::clock::Clock;
use leadkit::engine::{Engine, EngineBuilder, Error};
use leadkit::ids::{Id, LeadId, Name, Tenant};
use leadkit::mailer::{Mailer, Outcome, Outgoing};
use leadkit::playbook::Playbook;
use leadkit::record::{Record, stored};
use leadkit::store::{Key, Kind};
use leadkit_sqlite::rusqlite::{self, Connection, OpenFlags};
use leadkit_sqlite::{Durability, OpenError, Options, SqliteStore};

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
    /// To replay into it; it is made if it isn't there, and must have been made so if it is. What
    /// was written survives a crash of the process: a replay can be repeated.
    Replaying,
    /// To say something about what is in it, beside the workers that are at it; it must be there.
    Acting,
}

/// SQLite's `application_id` of databases that replays made: `lkrp`.
const MADE_BY_A_REPLAY: i32 = i32::from_be_bytes(*b"lkrp");

/// Opens a database.
///
/// # Errors
/// When it isn't there or isn't one, or must not be replayed into.
pub fn open(path: &Path, why: For) -> Result<SqliteStore, Failure> {
    let failed = |error| Failure::Database {
        path: path.to_owned(),
        error,
    };
    match why {
        For::Reading | For::Acting if !path.exists() => {
            return Err(Failure::NoDatabase(path.to_owned()));
        }
        For::Reading | For::Acting => {}
        For::Replaying => match origin(path).map_err(|error| failed(error.into()))? {
            Origin::Fresh => mark(path).map_err(failed)?,
            Origin::Replay => {}
            Origin::Other => return Err(Failure::NotAReplay(path.to_owned())),
        },
    }
    let options = Options {
        virtual_time: true,
        durability: match why {
            For::Acting => Durability::Machine,
            For::Reading | For::Replaying => Durability::Process,
        },
        read_only: why == For::Reading,
        // Nobody else is served here.
        commit_at_once: true,
        ..Options::default()
    };
    SqliteStore::open_with(path, &options).map_err(failed)
}

/// Who made a database.
enum Origin {
    /// It isn't there, or nothing is in it.
    Fresh,
    /// A replay did.
    Replay,
    /// Somebody else did.
    Other,
}

/// Looks without touching anything.
fn origin(path: &Path) -> rusqlite::Result<Origin> {
    if !path.exists() {
        return Ok(Origin::Fresh);
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i32>(0));
    Ok(match number("PRAGMA application_id")? {
        MADE_BY_A_REPLAY => Origin::Replay,
        0 if number("SELECT count(*) FROM sqlite_schema")? == 0 => Origin::Fresh,
        _ => Origin::Other,
    })
}

fn mark(path: &Path) -> Result<(), OpenError> {
    let connection = Options::default().connect(path)?;
    connection.pragma_update(None, "application_id", MADE_BY_A_REPLAY)?;
    Ok(())
}

/// Refuses a tenant of whom the database holds nothing, probably a slip of the pen.
///
/// # Errors
/// [`Failure::NoSuchTenant`] says whose leads there are.
pub async fn must_be_there(path: &Path, engine: &Engine, tenant: &Tenant) -> Result<(), Failure> {
    match active(engine, tenant).await? {
        Some(_) => Ok(()),
        None => Err(Failure::NoSuchTenant {
            tenant: tenant.clone(),
            there: tenants(path).unwrap_or_default(),
        }),
    }
}

/// Refuses a playbook that is not the active one: its words may mean something else there.
///
/// # Errors
/// [`Failure::OtherPlaybook`].
pub async fn must_be_under(
    playbook: &Playbook,
    engine: &Engine,
    tenant: &Tenant,
) -> Result<(), Failure> {
    match active(engine, tenant).await? {
        Some(active) if active != playbook.hash => Err(Failure::OtherPlaybook {
            tenant: tenant.clone(),
            active,
            given: playbook.hash.clone(),
        }),
        _ => Ok(()),
    }
}

/// The active playbook of a tenant, by hash.
async fn active(engine: &Engine, tenant: &Tenant) -> Result<Option<Name>, Failure> {
    let key = Key::tenant(tenant);
    let loaded = engine.store().load(std::slice::from_ref(&key)).await?;
    let body = loaded.into_iter().find_map(|loaded| loaded.body);
    let record = body.map(|body| stored::decode(&body)).transpose();
    match record.map_err(|source| Error::Unreadable { key, source })? {
        Some(Record::Tenant(record)) => Ok(Some(record.playbook)),
        _ => Ok(None),
    }
}

/// Whose leads a database holds.
fn tenants(path: &Path) -> rusqlite::Result<Vec<String>> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let prefix = Options::default().prefix;
    let sql = format!(r#"SELECT name FROM "{prefix}tenants" ORDER BY name LIMIT 10"#);
    let mut names = connection.prepare(&sql)?;
    let names = names.query_map([], |row| row.get(0))?;
    names.collect()
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
    let builder = builder(store, tenant, playbook);
    Ok(builder.clock(clock).seed(0).build()?)
}

/// An engine on a store at which others are: it only carries out what somebody asks
/// for, and sends nothing.
///
/// # Errors
/// When it can't be built.
pub fn acting(
    store: SqliteStore,
    tenant: &Tenant,
    playbook: Arc<Playbook>,
) -> Result<Engine, Failure> {
    Ok(builder(store, tenant, playbook).build()?)
}

fn builder(store: SqliteStore, tenant: &Tenant, playbook: Arc<Playbook>) -> EngineBuilder {
    let channels = playbook.channels();
    let builder = Engine::builder(store).playbook(tenant.clone(), playbook);
    channels.into_iter().fold(builder, |builder, channel| {
        builder.mailer(channel, OnlyAccepts)
    })
}

/// Of which kind the record of this id is that may be set aside; `None`, if there is none.
///
/// # Errors
/// When the store fails.
pub async fn kind_of(engine: &Engine, tenant: &Tenant, id: Id) -> Result<Option<Kind>, Failure> {
    let keys = [Kind::Lead, Kind::Message, Kind::Sweep].map(|kind| Key {
        id,
        kind,
        tenant: tenant.clone(),
    });
    let loaded = engine.store().load(&keys).await?;
    let there = keys.iter().zip(loaded);
    let mut there = there.filter(|(_, loaded)| loaded.body.is_some());
    Ok(there.next().map(|(key, _)| key.kind))
}

/// Ids as somebody typed them.
///
/// # Errors
/// When one is none.
pub fn ids(typed: &[String]) -> Result<Vec<Id>, Failure> {
    let ids = typed.iter().map(|id| id.trim().parse::<LeadId>());
    let ids: Result<Vec<LeadId>, _> = ids.collect();
    let ids = ids.map_err(|error| Failure::Asked(error.to_string()))?;
    Ok(ids.into_iter().map(|id| id.0).collect())
}

/// The tenant's name: as given, or the playbook's id.
#[must_use]
pub fn tenant(given: Option<&str>, playbook: &Playbook) -> Tenant {
    Tenant::from(given.unwrap_or(playbook.id.as_str()))
}
