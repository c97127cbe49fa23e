//! The engine: the thin async shell around deciding.
//!
//! It loads what a decision needs, asks the core, commits, and does it again for those whose
//! records moved meanwhile. It hands over messages, and wakes what is due. That is all: nothing
//! is decided here, and nothing below here is async or holds a [`Store`].
//!
//! ```
//! # pollster::block_on(async {
//! use std::sync::Arc;
//! use leadkit::decide::command::{Actor, NewLead};
//! use leadkit::engine::Engine;
//! use leadkit::mailer::MemoryMailer;
//! use leadkit::playbook::Playbook;
//! use leadkit::store::MemoryStore;
//!
//! let playbook = Playbook::load("playbooks/field-and-digital-sales")?;
//! let engine = Engine::builder(MemoryStore::default())
//!     .playbook("quito", playbook)
//!     .mailer("email", MemoryMailer::default())
//!     .build()?;
//!
//! let quito = engine.tenant("quito");
//! let lead = quito
//!     .register(NewLead::new("Luis Vera").email("luis@example.com").source("web").field("city", "Quito"))
//!     .by(Actor::host("web-form"))
//!     .await?;
//! assert!(lead.is_open());
//! engine.tick().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::clock::{Clock, SystemClock};
use crate::decide;
use crate::decide::command::{Actor, Command, What};
use crate::decide::refusal::Refusal;
use crate::ids::{CommandId, Id, Name, Tenant};
use crate::mailer::Mailer;
use crate::playbook::Playbook;
use crate::record::stored::Unreadable;
use crate::store::{Key, Kind, Lane, Store, StoreError};

mod ahead;
mod ask;
mod backoff;
mod batch;
mod damaged;
mod duplicates;
mod errands;
mod follow;
mod hand_over;
mod hands;
mod history;
mod job;
mod look;
mod pause;
mod pools;
mod run;
mod sweep;
mod tenant;
mod tick;
mod vain;
mod wakes;
mod within;

pub use ask::{Answer, Ask, FromAnswer, Unsigned};
pub use duplicates::Duplicate;
pub use errands::{Errand, Errands};
pub use look::{Counts, Page};
pub use tenant::TenantHandle;
pub use tick::{Left, Ticked};
pub use within::{Applied, apply_in, apply_in_async};

/// Follows the leads of one or more organisations. Cheap to clone; clones share everything.
#[derive(Clone, Debug)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    mailers: BTreeMap<Name, Arc<dyn Mailer>>,
    playbooks: BTreeMap<Tenant, Playbooks>,
    /// Those of all playbooks that the engine knows.
    lanes: hands::LanesByHand,
    command_ids: CommandIds,
    damaged: damaged::Damaged,
    pools: pools::KnownPools,
}

/// The playbooks that the engine knows of one tenant.
#[derive(Debug)]
struct Playbooks {
    /// The one that new leads come under.
    current: Arc<Playbook>,
    /// Those that clocked leads which are not taken over yet.
    earlier: Vec<Arc<Playbook>>,
    /// Whether the tenant has been seen to have an active playbook. Once it has one it always
    /// does, so that is asked of the store only once.
    has_begun: AtomicBool,
}

impl Playbooks {
    fn all(&self) -> impl Iterator<Item = &Arc<Playbook>> {
        std::iter::once(&self.current).chain(&self.earlier)
    }

    /// Makes the engine's playbook the active one of a tenant that has none.
    fn begin(&self, tenant: &Tenant) -> job::Job {
        let command = Command {
            tenant: tenant.clone(),
            actor: Actor::host("leadkit"),
            happened_at: None,
            what: What::Begin,
        };
        let id = CommandId::of(&format!("begin {}", self.current.hash));
        job::Job::Command(id, Box::new(command))
    }

    fn of_hash(&self, hash: &Name) -> Option<&Arc<Playbook>> {
        self.all().find(|playbook| playbook.hash == *hash)
    }
}

/// Makes ids for the commands to which the host gives none.
#[derive(Debug)]
struct CommandIds {
    seed: u64,
    made: AtomicU64,
    stamped: AtomicU64,
}

impl CommandIds {
    fn next(&self, now: crate::time::Instant) -> CommandId {
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        let bits = crate::ids::hash128(&[&self.seed.to_le_bytes(), &made.to_le_bytes()]);
        CommandId(Id::at(now, bits))
    }

    /// A stamp for a decision: another one each time, and in each process.
    fn stamp(&self) -> u32 {
        let made = self.stamped.fetch_add(1, Ordering::Relaxed);
        let bits = crate::ids::hash128(&[b"stamp", &self.seed.to_le_bytes(), &made.to_le_bytes()]);
        u32::from_le_bytes([bits[0], bits[1], bits[2], bits[3]])
    }
}

/// What went wrong, and so what the caller should do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command is not to be. Nothing was written; the refusal says why.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The store failed. Its kind says whether to try again; a command with an id of the host's
    /// can be sent again without fear.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// Others changed the same records again and again, or have them in hand. Try later.
    #[error("the records moved, or were in somebody's hand, {0} times while this was decided")]
    Contended(u32),
    /// The engine has no playbook for this tenant.
    #[error("no playbook was given for the tenant `{0}`")]
    UnknownTenant(Tenant),
    /// A command of one organisation was given to the handle of another.
    #[error("the command is for the tenant `{command}`, and was given to `{handle}`")]
    OtherTenant {
        /// Whose command it is.
        command: Tenant,
        /// To whose handle it was given.
        handle: Tenant,
    },
    /// A lead is under a playbook that this engine was not given: name it to the engine before the
    /// current one, until all leads are taken over.
    #[error(
        "the playbook {0} is not known here; give it to the engine too, before the current one, \
         until its leads are taken over"
    )]
    UnknownPlaybook(Name),
    /// What the tenant's active playbook is to decide, and this engine doesn't know it: adopt the
    /// one given, or give the engine the active one too.
    #[error("the tenant's active playbook is {active}, not {given}; adopt it first")]
    NotAdopted {
        /// The active one, by hash.
        active: Name,
        /// The one that the engine was given.
        given: Name,
    },
    /// A record can't be read.
    #[error("the record {} can't be read", .key.id)]
    Unreadable {
        /// Which.
        key: Key,
        /// Why.
        #[source]
        source: Unreadable,
    },
    /// A condition can't be read, or can't be pushed down to the store.
    #[error("the condition can't be used: {0}")]
    Condition(smol_str::SmolStr),
    /// A playbook sends over a channel for which this engine was given no mailer. A worker meets that only at
    /// messages of playbooks it was not given: each is left to workers who have the mailer, when its lease of a
    /// minute ends.
    #[error("no mailer was given for the channel `{0}`")]
    NoMailer(Name),
    /// Something that was asked for is not there.
    #[error("there is no {0}")]
    NotThere(&'static str),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Puts an engine together.
#[derive(Debug)]
pub struct EngineBuilder {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    mailers: BTreeMap<Name, Arc<dyn Mailer>>,
    playbooks: BTreeMap<Tenant, Playbooks>,
    seed: Option<u64>,
}

impl EngineBuilder {
    /// With this playbook for a tenant: the one that new leads come under.
    #[must_use]
    pub fn playbook(
        mut self,
        tenant: impl Into<Tenant>,
        playbook: impl Into<Arc<Playbook>>,
    ) -> Self {
        let current = playbook.into();
        let tenant = tenant.into();
        match self.playbooks.get_mut(&tenant) {
            Some(known) => {
                let earlier = std::mem::replace(&mut known.current, current);
                known.earlier.push(earlier);
            }
            None => {
                self.playbooks.insert(
                    tenant,
                    Playbooks {
                        current,
                        earlier: Vec::new(),
                        has_begun: AtomicBool::new(false),
                    },
                );
            }
        }
        self
    }

    /// With this mailer for a channel. The channel of messages that name none is `email`.
    #[must_use]
    pub fn mailer(mut self, channel: impl Into<Name>, mailer: impl Mailer + 'static) -> Self {
        self.mailers.insert(channel.into(), Arc::new(mailer));
        self
    }

    /// With this clock in place of the machine's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// With this seed for the ids of commands to which the host gives none, and for the versions of
    /// what is written: for simulations. Each engine on a store must have another one, also one that
    /// is put together anew; a command whose id was made before is refused as
    /// [`Refusal::IdTaken`]. Without a seed each engine takes its own.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The engine.
    ///
    /// # Errors
    /// [`Error::NoMailer`] when a playbook sends over a channel that has no mailer. Earlier
    /// playbooks count too: they still clock the leads that are not taken over.
    pub fn build(self) -> Result<Engine, Error> {
        let playbooks = self.playbooks.values();
        let playbooks =
            playbooks.flat_map(|known| std::iter::once(&known.current).chain(&known.earlier));
        for channel in playbooks.flat_map(|playbook| playbook.channels()) {
            if !self.mailers.contains_key(&channel) {
                return Err(Error::NoMailer(channel));
            }
        }
        let seed = self.seed.unwrap_or_else(crate::clock::entropy);
        let lanes = self.playbooks.iter().flat_map(|(tenant, playbooks)| {
            playbooks.all().flat_map(|playbook| {
                [Kind::Lead, Kind::Message, Kind::Sweep].map(|kind| Lane {
                    tenant: tenant.clone(),
                    name: decide::lane(kind, &playbook.hash),
                })
            })
        });
        let lanes = hands::LanesByHand::new(lanes.collect());
        Ok(Engine {
            inner: Arc::new(Inner {
                store: self.store,
                clock: self.clock,
                mailers: self.mailers,
                playbooks: self.playbooks,
                lanes,
                damaged: damaged::Damaged::default(),
                pools: pools::KnownPools::default(),
                command_ids: CommandIds {
                    seed,
                    made: AtomicU64::new(0),
                    stamped: AtomicU64::new(0),
                },
            }),
        })
    }
}

impl Engine {
    /// Begins an engine on a store.
    pub fn builder(store: impl Store + 'static) -> EngineBuilder {
        Self::builder_on(Arc::new(store))
    }

    /// Begins an engine on a store that is shared.
    #[must_use]
    pub fn builder_on(store: Arc<dyn Store>) -> EngineBuilder {
        EngineBuilder {
            store,
            clock: Arc::new(SystemClock),
            mailers: BTreeMap::new(),
            playbooks: BTreeMap::new(),
            seed: None,
        }
    }

    /// One organisation.
    pub fn tenant(&self, tenant: impl Into<Tenant>) -> TenantHandle<'_> {
        TenantHandle {
            engine: self,
            tenant: tenant.into(),
        }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.inner.store
    }

    /// The engine's clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    fn playbooks(&self, tenant: &Tenant) -> Result<&Playbooks, Error> {
        self.inner
            .playbooks
            .get(tenant)
            .ok_or_else(|| Error::UnknownTenant(tenant.clone()))
    }
}
