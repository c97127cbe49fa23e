//! Inside the host's own transaction: its order row and our lead, or neither.
//!
//! Nothing is retried: when records moved, the store leaves nothing of its part, and the host
//! repeats its whole unit. What is due at once because of a command is done by the engine's next
//! tick.
//!
//! The transactions of some databases block and those of others are awaited, and no one port
//! serves both: a future over a blocking transaction couldn't be sent to another thread, which
//! hosts that await need. So what is to be read and written next is worked out by [`Unit`], which
//! does neither, and each sort of transaction has its own few lines around it.

use std::sync::Arc;

use super::batch::{MOST_LOADS, repeat_of};
use super::job::{Decided, Job, Undecided, playbook_of_command};
use super::{Engine, Error, TenantHandle};
use crate::decide::command::Command;
use crate::decide::records::Records;
use crate::decide::refusal::Refusal;
use crate::decide::{Decision, decide};
use crate::ids::CommandId;
use crate::playbook::Playbook;
use crate::record::journal::Asked;
use crate::record::stored;
use crate::store::{AsyncUnitOfWork, Changes, Key, Loaded, UnitOfWork, Verdict};
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
        let by = self.deciding(id, command, now)?;
        work(store, &mut Unit::new(&by, command, id))
    }

    /// [`apply_in`](Self::apply_in) for a transaction that is awaited, as `leadkit-postgres` has.
    ///
    /// # Errors
    /// As [`Engine::execute`](super::Engine::execute). Nothing was written then; whether the
    /// transaction can go on is the store's to say.
    pub async fn apply_in_async(
        &self,
        store: &mut dyn AsyncUnitOfWork,
        id: CommandId,
        command: &Command,
        now: Instant,
    ) -> Result<Applied, Error> {
        let by = self.deciding(id, command, now)?;
        work_async(store, &mut Unit::new(&by, command, id)).await
    }

    fn deciding(
        &self,
        id: CommandId,
        command: &Command,
        now: Instant,
    ) -> Result<ByEngine<'_>, Error> {
        if command.tenant != self.tenant {
            return Err(Error::OtherTenant {
                command: command.tenant.clone(),
                handle: self.tenant.clone(),
            });
        }
        Ok(ByEngine {
            engine: self.engine,
            job: Job::Command(id, Box::new(command.clone())),
            now,
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
    let by = ByPlaybook {
        playbook,
        id,
        command,
        now,
    };
    work(store, &mut Unit::new(&by, command, id))
}

/// [`apply_in`] for a transaction that is awaited.
///
/// # Errors
/// As [`apply_in`]; whether the transaction can go on is the store's to say.
pub async fn apply_in_async(
    store: &mut dyn AsyncUnitOfWork,
    playbook: &Playbook,
    id: CommandId,
    command: &Command,
    now: Instant,
) -> Result<Applied, Error> {
    let by = ByPlaybook {
        playbook,
        id,
        command,
        now,
    };
    work_async(store, &mut Unit::new(&by, command, id)).await
}

/// Does in a transaction what a unit asks for, until it is done.
fn work(store: &mut dyn UnitOfWork, unit: &mut Unit<'_>) -> Result<Applied, Error> {
    let mut step = unit.next()?;
    loop {
        step = match step {
            Step::Load(keys) => {
                let loaded = store.load(&keys)?;
                unit.take(keys, loaded)?
            }
            Step::Commit(decided) => {
                let verdict = store.commit(&decided.1)?;
                unit.committed(decided.0, verdict)
            }
            Step::Done(applied) => return Ok(applied),
        };
    }
}

/// The same, awaiting the transaction.
async fn work_async(
    store: &mut dyn AsyncUnitOfWork,
    unit: &mut Unit<'_>,
) -> Result<Applied, Error> {
    let mut step = unit.next()?;
    loop {
        step = match step {
            Step::Load(keys) => {
                let loaded = store.load(&keys).await?;
                unit.take(keys, loaded)?
            }
            Step::Commit(decided) => {
                let verdict = store.commit(&decided.1).await?;
                unit.committed(decided.0, verdict)
            }
            Step::Done(applied) => return Ok(applied),
        };
    }
}

/// Who decides in a unit. What is decided depends on the records alone, so that it can be
/// decided anew whenever more of them are at hand.
trait Decides: Sync {
    /// What the command comes to, and what that writes.
    fn decide(&self, records: &Records) -> Result<(Decision, Changes), Undecided>;
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

/// An engine, which knows the playbooks.
struct ByEngine<'a> {
    engine: &'a Engine,
    job: Job,
    now: Instant,
}

impl Decides for ByEngine<'_> {
    fn decide(&self, records: &Records) -> Result<(Decision, Changes), Undecided> {
        match self.engine.decide(&self.job, self.now, records)? {
            Some(Decided {
                decision, playbook, ..
            }) => written(decision, &playbook),
            None => Err(Error::NotThere("decision").into()),
        }
    }
}

/// A playbook, which the host names.
struct ByPlaybook<'a> {
    playbook: &'a Playbook,
    id: CommandId,
    command: &'a Command,
    now: Instant,
}

impl Decides for ByPlaybook<'_> {
    fn decide(&self, records: &Records) -> Result<(Decision, Changes), Undecided> {
        let Self {
            playbook,
            id,
            command,
            now,
        } = *self;
        match playbook_of_command(command, records) {
            Some(hash) if *hash != playbook.hash => {
                return Err(Error::UnknownPlaybook(hash.clone()).into());
            }
            _ => {}
        }
        written(decide(playbook, records, id, command, now)?, playbook)
    }
}

/// What a unit asks of the transaction.
enum Step {
    Load(Vec<Key>),
    Commit(Box<(Decision, Changes)>),
    Done(Applied),
}

/// A command on its way into a host's transaction: what was read in it, and what comes next.
/// Reads and writes nothing itself, so that one of it serves transactions that block and
/// transactions that are awaited.
struct Unit<'d> {
    by: &'d dyn Decides,
    command: &'d Command,
    entry: Key,
    records: Records,
    loads: u32,
    /// Why the command fails, unless the journal's entry that is being loaded tells that it was
    /// carried out before.
    otherwise: Option<Error>,
}

impl<'d> Unit<'d> {
    fn new(by: &'d dyn Decides, command: &'d Command, id: CommandId) -> Self {
        Self {
            by,
            command,
            entry: Key::journal(&command.tenant, id),
            records: Records::new(),
            loads: 0,
            otherwise: None,
        }
    }

    /// Decides, as far as the records at hand allow.
    fn next(&mut self) -> Result<Step, Error> {
        match self.by.decide(&self.records) {
            Ok(decided) => Ok(Step::Commit(Box::new(decided))),
            Err(Undecided::Need(keys)) => {
                self.loads += 1;
                match self.loads > MOST_LOADS {
                    true => Err(Error::Contended(MOST_LOADS)),
                    false => Ok(Step::Load(keys)),
                }
            }
            // A repeat may be refused by what it did itself the first time.
            Err(Undecided::Failed(error @ Error::Refused(_))) => Ok(self.unless_repeated(error)),
            Err(Undecided::Failed(error)) => Err(error),
        }
    }

    /// Looks whether the journal has this command under its id.
    fn unless_repeated(&mut self, otherwise: Error) -> Step {
        self.otherwise = Some(otherwise);
        Step::Load(vec![self.entry.clone()])
    }

    /// Takes in what was loaded.
    fn take(&mut self, keys: Vec<Key>, loaded: Vec<Loaded>) -> Result<Step, Error> {
        if let Some(otherwise) = self.otherwise.take() {
            return self.repeated(loaded, otherwise).map(Step::Done);
        }
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
        self.next()
    }

    /// A repeat, if this is the journal's entry and tells of this command.
    fn repeated(&self, loaded: Vec<Loaded>, otherwise: Error) -> Result<Applied, Error> {
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

    /// Takes in what became of a decision.
    fn committed(&mut self, decision: Decision, verdict: Verdict) -> Step {
        match verdict {
            Verdict::Written => Step::Done(Applied::Written(Box::new(decision))),
            Verdict::Moved(keys) => Step::Done(Applied::Moved(keys)),
            Verdict::AlreadyDone => self.unless_repeated(Error::NotThere("journal entry")),
        }
    }
}
