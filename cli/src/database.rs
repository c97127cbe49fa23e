//! Opening a database of leads.
//!
//! A replay lives through time with a mailer that only accepts: on a database with real leads in
//! it, messages would count as sent that nobody got. So a database that a replay made is marked as
//! one (`rehearsal`), and a replay goes into no other.
//!
//! Real leads are looked at, and acted on, by the clock of the machine; those of a rehearsal at the
//! time at which their history stands.
//!
//! Real leads may be on a PostgreSQL server, too, where the feature `postgres` is on; a rehearsal is in
//! a file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use leadkit::clock::{Clock, VirtualClock};
use leadkit::engine::{Engine, EngineBuilder, Error, TenantHandle};
use leadkit::explain::local;
use leadkit::ids::{Id, LeadId, Name, Tenant};
use leadkit::mailer::{Mailer, Outcome, Outgoing};
use leadkit::playbook::Playbook;
use leadkit::record::{Recorded, TenantRecord, stored};
use leadkit::store::{Key, Kind, Store};
use leadkit::time::Instant;
use leadkit_sqlite::{Durability, OpenError, Options, SqliteStore};

use crate::listing::{Found, Unreadable};
use crate::rehearsal::{self, Origin};
use crate::report::rfc3339;
use crate::{Asked, Failure, check};

use kept::Kept;

mod kept;
mod place;
#[cfg(feature = "postgres")]
mod server;
#[cfg(not(feature = "postgres"))]
#[path = "database/no_server.rs"]
mod server;

pub use place::{Place, Url};

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

/// What is to be known of the messages in a database that a replay made.
pub const REHEARSED: &str =
    "rehearsed: no message was sent; an accepted one is one that would have been";

/// A database, whose leads in it, and the playbook that they are under.
#[derive(Clone, Debug, clap::Args)]
pub struct Database {
    /// The folder of the playbook that the leads are under
    pub playbook: PathBuf,
    /// The database: an SQLite file, or the URL of one on a PostgreSQL server (postgres://..), for
    /// which this program is installed with `--features postgres`
    #[arg(long, value_name = "FILE|URL")]
    pub db: Place,
    /// Whose leads [default: the playbook's id]
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
}

impl Database {
    /// Reads the playbook.
    ///
    /// # Errors
    /// As [`check::read`].
    pub fn playbook(&self) -> Result<Arc<Playbook>, Failure> {
        Ok(Arc::new(check::read(&self.playbook)?.playbook))
    }

    /// How its leads are taken over to this playbook.
    pub(crate) fn adopt(&self) -> String {
        let (playbook, db) = (self.playbook.display(), &self.db);
        let tenant = self
            .tenant
            .as_deref()
            .map(|tenant| format!(" --tenant {tenant}"));
        let tenant = tenant.unwrap_or_default();
        format!("leadkit adopt {playbook} --db {db}{tenant} --by WHO")
    }

    /// Opens the database under its playbook.
    ///
    /// # Errors
    /// When the playbook has faults; as [`open`].
    pub fn open(&self, why: For) -> Result<Opened<'_>, Failure> {
        self.open_under(self.playbook()?, why)
    }

    /// Opens the database under a playbook that was read before.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open_under(&self, playbook: Arc<Playbook>, why: For) -> Result<Opened<'_>, Failure> {
        let tenant = tenant(self.tenant.as_deref(), &playbook);
        let kept = Kept::open(&self.db, why)?;
        let rehearsal = kept
            .rehearsal(&tenant)
            .map_err(|failure| failure.in_place(&self.db))?;
        let builder = builder(kept.store(), &tenant, playbook.clone());
        let engine = match &rehearsal {
            Some(clock) => builder.clock(clock.clone()).build()?,
            None => builder.build()?,
        };
        Ok(Opened {
            asked: self,
            playbook,
            tenant,
            engine,
            rehearsal,
            kept,
        })
    }

    /// Opens the database to look at it as of some time.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open_at(&self, playbook: Arc<Playbook>, now: Instant) -> Result<Opened<'_>, Failure> {
        let tenant = tenant(self.tenant.as_deref(), &playbook);
        let kept = Kept::open(&self.db, For::Reading)?;
        let clock = VirtualClock::at(now);
        let engine = engine(kept.store(), &tenant, playbook.clone(), clock)?;
        Ok(Opened {
            asked: self,
            playbook,
            tenant,
            engine,
            rehearsal: None,
            kept,
        })
    }
}

/// A database that is open. Its engine only carries out what somebody asks for, beside the workers
/// that may be at it, and sends nothing.
#[derive(Debug)]
pub struct Opened<'a> {
    asked: &'a Database,
    /// The playbook that was given.
    pub playbook: Arc<Playbook>,
    /// Whose leads.
    pub tenant: Tenant,
    /// The engine.
    pub engine: Engine,
    /// The engine's clock, where the database is a rehearsal's.
    pub(crate) rehearsal: Option<VirtualClock>,
    kept: Kept,
}

impl Opened<'_> {
    /// Runs a future that asks it to its end.
    ///
    /// # Errors
    /// As the future's; where the database is damaged, [`Failure::Damaged`].
    pub fn block_on<T>(
        &self,
        asking: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let asked = self.kept.block_on(asking);
        asked.map_err(|failure| failure.in_place(&self.asked.db))
    }

    /// Its tenant.
    #[must_use]
    pub fn handle(&self) -> TenantHandle<'_> {
        self.engine.tenant(self.tenant.clone())
    }

    /// Tells people that this is a rehearsal, and the time at which it stands; nothing of real leads.
    pub(crate) fn tell_rehearsal(&self, text: &mut String) {
        if let Some(clock) = &self.rehearsal {
            let zone = &self.playbook.zone;
            let at = local(zone, clock.now());
            let _ = writeln!(
                text,
                "in a rehearsal, whose history stands at {at} ({})",
                zone.name()
            );
        }
    }

    /// The time at which a rehearsal stands, for programs; `None` for real leads.
    pub(crate) fn rehearsal_at(&self) -> Option<String> {
        let clock = self.rehearsal.as_ref()?;
        Some(rfc3339(&self.playbook.zone, clock.now()))
    }

    /// Refuses a tenant of whom the database holds nothing, probably a slip of the pen.
    ///
    /// # Errors
    /// [`Failure::NoSuchTenant`] says whose leads there are.
    pub async fn must_be_there(&self) -> Result<(), Failure> {
        match active(&self.engine, &self.tenant).await? {
            Some(_) => Ok(()),
            None => Err(Failure::NoSuchTenant {
                tenant: self.tenant.clone(),
                there: self.kept.tenants().await,
            }),
        }
    }

    /// Refuses a tenant of whom the database holds nothing, and a playbook that is not the active
    /// one there.
    ///
    /// # Errors
    /// [`Failure::NoSuchTenant`], [`Failure::OtherPlaybook`].
    pub async fn must_be_under_its_playbook(&self) -> Result<(), Failure> {
        self.must_be_there().await?;
        must_be_under(self.asked, &self.playbook, &self.engine, &self.tenant).await
    }
}

/// Opens a database in a file.
///
/// # Errors
/// When it isn't there or isn't one, or must not be replayed into.
pub fn open(path: &Path, why: For) -> Result<SqliteStore, Failure> {
    let failed = |error| Failure::Database {
        path: path.to_owned(),
        error,
    };
    match why {
        For::Reading | For::Acting if matches!(path.try_exists(), Ok(false)) => {
            return Err(Failure::NoDatabase(path.to_owned()));
        }
        For::Reading => {}
        For::Acting => match rehearsal::origin(path).map_err(failed)? {
            Origin::Fresh | Origin::Stranger => return Err(failed(OpenError::NoTables)),
            Origin::Replay | Origin::Other => {}
        },
        For::Replaying => match rehearsal::origin(path).map_err(failed)? {
            Origin::Fresh => rehearsal::mark(path).map_err(failed)?,
            Origin::Replay => {}
            Origin::Other => return Err(Failure::NotAReplay(path.to_owned())),
            Origin::Stranger => return Err(Failure::NotOurs(path.to_owned())),
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
        at_once: true,
        ..Options::default()
    };
    SqliteStore::open_with(path, &options).map_err(failed)
}

/// Refuses a playbook that is not the active one: its words may mean something else there.
///
/// # Errors
/// [`Failure::OtherPlaybook`].
pub async fn must_be_under(
    database: &Database,
    playbook: &Playbook,
    engine: &Engine,
    tenant: &Tenant,
) -> Result<(), Failure> {
    match active(engine, tenant).await? {
        Some(active) if active != playbook.hash => Err(Failure::OtherPlaybook {
            tenant: tenant.clone(),
            active,
            given: playbook.hash.clone(),
            adopt: database.adopt(),
        }),
        _ => Ok(()),
    }
}

/// A record as it is in the store.
///
/// # Errors
/// When the store fails, or the record can't be read.
pub(crate) async fn record<T: Recorded>(engine: &Engine, key: Key) -> Result<Option<T>, Failure> {
    let loaded = engine.store().load(std::slice::from_ref(&key)).await?;
    let body = loaded.into_iter().find_map(|loaded| loaded.body);
    let record = body
        .map(|body| stored::decode_as(key.kind, &body))
        .transpose();
    let record = record.map_err(|source| Error::Unreadable { key, source })?;
    Ok(record.as_ref().and_then(T::from_record).cloned())
}

/// Those records of some that are there.
///
/// # Errors
/// When the store fails.
pub(crate) async fn records<T: Recorded>(
    engine: &Engine,
    keys: &[Key],
) -> Result<Found<T>, Failure> {
    let mut found = Found::default();
    for (key, loaded) in keys.iter().zip(engine.store().load(keys).await?) {
        let Some(body) = loaded.body else {
            continue;
        };
        match stored::decode_as(key.kind, &body) {
            Ok(record) => found.records.extend(T::from_record(&record).cloned()),
            Err(why) => found.unreadable.push(Unreadable::new(key, &why)),
        }
    }
    Ok(found)
}

/// The active playbook of a tenant, by hash.
async fn active(engine: &Engine, tenant: &Tenant) -> Result<Option<Name>, Failure> {
    let record = record::<TenantRecord>(engine, Key::tenant(tenant)).await?;
    Ok(record.map(|record| record.playbook))
}

/// An engine on a store, which sends nothing.
///
/// # Errors
/// When it can't be built.
pub fn engine(
    store: Arc<dyn Store>,
    tenant: &Tenant,
    playbook: Arc<Playbook>,
    clock: impl Clock + 'static,
) -> Result<Engine, Failure> {
    let builder = builder(store, tenant, playbook);
    Ok(builder.clock(clock).seed(0).build()?)
}

fn builder(store: Arc<dyn Store>, tenant: &Tenant, playbook: Arc<Playbook>) -> EngineBuilder {
    let channels = playbook.channels();
    let builder = Engine::builder_on(store).playbook(tenant.clone(), playbook);
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
    typed.iter().map(|typed| id(typed)).collect()
}

/// One id, as it is typed.
///
/// # Errors
/// When it is none.
pub fn id(typed: &str) -> Result<Id, Failure> {
    let id = typed.trim().parse::<LeadId>();
    let id = id.map_err(Asked::from)?;
    Ok(id.0)
}

/// The tenant's name: as given, or the playbook's id.
#[must_use]
pub fn tenant(given: Option<&str>, playbook: &Playbook) -> Tenant {
    Tenant::from(given.unwrap_or(playbook.id.as_str()))
}
