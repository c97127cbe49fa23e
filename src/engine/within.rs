//! Inside the host's own transaction: its order row and our lead, or neither.
//!
//! Nothing here is async and nothing is retried: when records moved, the store rolls its part
//! back to a savepoint, and the host repeats its whole unit. What is due at once because of a
//! command is done by the engine's next tick.

use std::sync::Arc;

use super::batch::{MOST_LOADS, repeat_of};
use super::job::{Decided, Job, Undecided, playbook_of_command};
use super::{Error, TenantHandle};
use crate::decide::command::Command;
use crate::decide::records::Records;
use crate::decide::refusal::Refusal;
use crate::decide::{Decision, decide};
use crate::ids::CommandId;
use crate::playbook::Playbook;
use crate::record::journal::Asked;
use crate::record::stored;
use crate::store::{Changes, Key, UnitOfWork, Verdict};
use crate::time::Instant;

/// What came of a command inside the host's transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Applied {
    /// It is written, if the host commits.
    Written(Box<Decision>),
    /// It was carried out before, under the same id. Nothing was written.
    AlreadyDone,
    /// Records moved meanwhile. Roll back, and repeat the whole unit.
    Moved(Vec<Key>),
}

impl TenantHandle<'_> {
    /// Carries out a command inside the host's transaction, under the playbook that clocks the
    /// lead, or else the organisation's active one. What is due at once because of it is done by
    /// the engine's next tick.
    ///
    /// `leadkit-sqlite` has the [`UnitOfWork`] of a transaction of rusqlite's:
    ///
    /// ```
    /// # use leadkit::decide::command::{Actor, Command, LeadOrder, NewLead, What};
    /// # use leadkit::engine::{Applied, Engine};
    /// # use leadkit::ids::CommandId;
    /// # use leadkit::mailer::MemoryMailer;
    /// # use leadkit::playbook::Playbook;
    /// # use leadkit_sqlite::{Options, SqliteStore, rusqlite::TransactionBehavior};
    /// # let folder = std::env::temp_dir().join(format!("leadkit-within-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # let path = folder.join("crm.db");
    /// # let playbook = Playbook::load("playbooks/field-and-digital-sales")?;
    /// let store = SqliteStore::open(&path)?;
    /// let mut connection = Options::default().connect(&path)?; // the host's own, to the same file
    /// # connection.execute_batch("CREATE TABLE IF NOT EXISTS orders (lead TEXT)")?;
    /// # let engine = Engine::builder(store.clone()).playbook("quito", playbook)
    /// #     .mailer("email", MemoryMailer::default()).build()?;
    /// # let quito = engine.tenant("quito");
    /// # let luis = NewLead::new("Luis Vera").email("luis@example.com").source("web").field("city", "Quito");
    /// # let registered = quito.register(luis).by(Actor::host("web-form"));
    /// # let lead = pollster::block_on(registered)?.id;
    /// # let now = engine.clock().now();
    /// let command = Command {
    ///     tenant: quito.name().clone(),
    ///     actor: Actor::host("orders"),
    ///     happened_at: None,
    ///     what: What::Lead { lead, order: LeadOrder::Attempt { reached: true } },
    /// };
    ///
    /// let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    /// tx.execute("INSERT INTO orders VALUES (?1)", [lead.to_string()])?;
    /// match quito.apply_in(&mut store.within(&tx), CommandId::of("order 7"), &command, now)? {
    ///     Applied::Written(_) | Applied::AlreadyDone => tx.commit()?, // our lead's move: both or neither
    ///     Applied::Moved(_) => tx.rollback()?,                        // and begin again
    /// }
    /// # assert_eq!(pollster::block_on(quito.lead(lead))?.unwrap().attempts.total(), 1);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Engine::execute`](super::Engine::execute). Nothing was written then, and the host's
    /// own part is untouched.
    pub fn apply_in(
        &self,
        store: &mut dyn UnitOfWork,
        id: CommandId,
        command: &Command,
        now: Instant,
    ) -> Result<Applied, Error> {
        if command.tenant != self.tenant {
            return Err(Error::OtherTenant {
                command: command.tenant.clone(),
                handle: self.tenant.clone(),
            });
        }
        let job = Job::Command(id, Box::new(command.clone()));
        let mut unit = Unit::new(store, command, id);
        unit.apply(|records| match self.engine.decide(&job, now, records)? {
            Some(Decided {
                decision, playbook, ..
            }) => written(decision, &playbook),
            None => Err(Error::NotThere("decision").into()),
        })
    }
}

/// Carries out a command inside the host's transaction, without an engine.
///
/// `playbook` must be the one that clocks the lead, or for what is about no lead the
/// organisation's active one; [`TenantHandle::apply_in`] finds it by itself.
///
/// # Errors
/// [`Error::Refused`] when it is not to be; [`Error::UnknownPlaybook`] for a lead of another
/// playbook. Nothing was written then, and the host's own part is untouched.
pub fn apply_in(
    store: &mut dyn UnitOfWork,
    playbook: &Playbook,
    id: CommandId,
    command: &Command,
    now: Instant,
) -> Result<Applied, Error> {
    Unit::new(store, command, id).apply(|records| {
        match playbook_of_command(command, records) {
            Some(hash) if *hash != playbook.hash => {
                return Err(Error::UnknownPlaybook(hash.clone()).into());
            }
            _ => {}
        }
        written(decide(playbook, records, id, command, now)?, playbook)
    })
}

/// A decision with what it writes.
fn written(decision: Decision, playbook: &Playbook) -> Result<(Decision, Changes), Undecided> {
    match decision.changes(playbook) {
        Ok(changes) => Ok((decision, changes)),
        Err(source) => {
            let key = Key::journal(&decision.tenant, decision.command);
            Err(Error::Unreadable { key, source }.into())
        }
    }
}

/// A command on its way into a host's transaction, and what was read there.
struct Unit<'s> {
    store: &'s mut dyn UnitOfWork,
    command: &'s Command,
    entry: Key,
    records: Records,
}

impl<'s> Unit<'s> {
    fn new(store: &'s mut dyn UnitOfWork, command: &'s Command, id: CommandId) -> Self {
        Self {
            store,
            command,
            entry: Key::journal(&command.tenant, id),
            records: Records::new(),
        }
    }

    /// Decides, loading until nothing more is needed, and writes what was decided.
    fn apply(
        &mut self,
        decide: impl Fn(&Records) -> Result<(Decision, Changes), Undecided>,
    ) -> Result<Applied, Error> {
        for _ in 0..MOST_LOADS {
            match decide(&self.records) {
                Ok((decision, changes)) => {
                    return match self.store.commit(&changes)? {
                        Verdict::Written => Ok(Applied::Written(Box::new(decision))),
                        Verdict::Moved(keys) => Ok(Applied::Moved(keys)),
                        Verdict::AlreadyDone => self.repeated(Error::NotThere("journal entry")),
                    };
                }
                Err(Undecided::Need(keys)) => self.load(keys)?,
                // A repeat may be refused by what it did itself the first time.
                Err(Undecided::Failed(error @ Error::Refused(_))) => return self.repeated(error),
                Err(Undecided::Failed(error)) => return Err(error),
            }
        }
        Err(Error::Contended(MOST_LOADS))
    }

    /// A repeat, if the journal has this command under its id.
    fn repeated(&mut self, otherwise: Error) -> Result<Applied, Error> {
        let loaded = self.store.load(std::slice::from_ref(&self.entry))?;
        let Some(body) = loaded.into_iter().find_map(|loaded| loaded.body) else {
            return Err(otherwise);
        };
        match repeat_of(&body, Asked::by(self.command)) {
            Ok(Some(_)) => Ok(Applied::AlreadyDone),
            Ok(None) => Err(Refusal::IdTaken.into()),
            Err(source) => Err(Error::Unreadable {
                key: self.entry.clone(),
                source,
            }),
        }
    }

    fn load(&mut self, keys: Vec<Key>) -> Result<(), Error> {
        let loaded = self.store.load(&keys)?;
        for (key, loaded) in keys.into_iter().zip(loaded) {
            let body = loaded.body.as_deref();
            let record = body.map(|body| stored::decode_as(key.kind, body));
            match record.transpose() {
                Ok(record) => self
                    .records
                    .insert(key, loaded.version, record.map(Arc::new)),
                Err(source) => return Err(Error::Unreadable { key, source }),
            }
        }
        Ok(())
    }
}
