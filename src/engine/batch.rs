//! Deciding and committing many at once: load what is needed, decide one after the other on a
//! common view, commit in one go, and again for those whose records moved.

use std::sync::Arc;

use super::{Engine, Error};
use crate::decide::command::{Command, LeadOrder, Wake, What};
use crate::decide::records::Records;
use crate::decide::{self, Decision, Stop};
use crate::ids::{CommandId, Name, Tenant};
use crate::mailer::Outgoing;
use crate::playbook::Playbook;
use crate::record::stored;
use crate::record::tenant::TenantRecord;
use crate::store::{Changes, Key, Kind, Verdict};
use crate::time::Instant;

/// How often a decision is made anew because its records moved.
const MOST_ROUNDS: u32 = 16;
/// How often records are loaded for one round; each load is for keys that the last one led to.
pub(super) const MOST_LOADS: u32 = 64;

/// Something to decide.
#[derive(Clone, Debug)]
pub(super) enum Job {
    /// A command.
    Command(CommandId, Box<Command>),
    /// A record's time has come.
    Wake(Tenant, Wake),
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is written.
    Written(Box<Decision>, Option<Box<Outgoing>>),
    /// It was done before.
    AlreadyDone,
    /// There was nothing to do.
    Nothing,
    /// It failed.
    Failed(Error),
}

impl Job {
    fn tenant(&self) -> &Tenant {
        match self {
            Self::Command(_, command) => &command.tenant,
            Self::Wake(tenant, _) => tenant,
        }
    }

    /// Whether it takes leads over to the engine's playbook.
    fn takes_over(&self) -> bool {
        let Self::Command(_, command) = self else {
            return false;
        };
        matches!(
            command.what,
            What::Adopt(_)
                | What::Begin
                | What::Lead {
                    order: LeadOrder::Adopt { .. },
                    ..
                }
        )
    }

    /// The record whose playbook decides, where that isn't the tenant's active one.
    pub(super) fn subject(&self) -> Option<Key> {
        let tenant = self.tenant();
        match self {
            Self::Command(_, command) => subject_of(command),
            Self::Wake(_, wake) => match wake {
                Wake::Lead(lead) => Some(Key::lead(tenant, *lead)),
                Wake::Message(message) | Wake::HandedOver { message, .. } => {
                    Some(Key::message(tenant, *message))
                }
                Wake::SweepPage { .. } => None,
                Wake::Failed { key, .. } | Wake::Runaway { key, .. } => Some(key.clone()),
            },
        }
    }
}

/// The record whose playbook decides a command.
fn subject_of(command: &Command) -> Option<Key> {
    let tenant = &command.tenant;
    match &command.what {
        // Taking over is decided by the playbook that takes over.
        What::Lead {
            order: LeadOrder::Adopt { .. },
            ..
        } => None,
        What::Lead { lead, .. } => Some(Key::lead(tenant, *lead)),
        What::SettleMessage { message, .. } => Some(Key::message(tenant, *message)),
        What::SetUpAgent(_)
        | What::Register(_)
        | What::StartSweep(_)
        | What::Adopt(_)
        | What::Begin => None,
    }
}

/// The playbook that must decide a command, as far as the records at hand tell.
pub(super) fn playbook_of_command<'a>(command: &Command, records: &'a Records) -> Option<&'a Name> {
    let found = records.found(&subject_of(command)?)?;
    decide::playbook_of(found.record.as_deref()?)
}

/// Why a job can't be decided in this pass.
pub(super) enum Hitch {
    Need(Vec<Key>),
    Failed(Error),
}

/// Jobs on their way through deciding and committing.
pub(super) struct Batch {
    jobs: Vec<Job>,
    now: Instant,
    /// The records at hand.
    base: Records,
    /// What became of each job, as far as that is known.
    outcomes: Vec<Option<Outcome>>,
}

/// What was decided about a batch, to be committed.
#[derive(Default)]
pub(super) struct Drawn {
    decided: Vec<Decided>,
    /// Jobs that come to nothing, or fail.
    settled: Vec<(usize, Outcome)>,
}

/// A job that was decided.
struct Decided {
    job: usize,
    decision: Decision,
    outgoing: Option<Box<Outgoing>>,
    playbook: Arc<Playbook>,
}

impl Batch {
    /// Jobs that build on records of which some may be at hand.
    pub(super) fn new(jobs: Vec<Job>, now: Instant, base: Records) -> Self {
        Self {
            outcomes: jobs.iter().map(|_| None).collect(),
            jobs,
            now,
            base,
        }
    }

    /// When it is decided.
    pub(super) fn now(&self) -> Instant {
        self.now
    }

    fn pending(&self) -> Vec<usize> {
        let jobs = 0..self.jobs.len();
        jobs.filter(|&job| self.outcomes[job].is_none()).collect()
    }

    /// Nothing more can be done: what is pending failed.
    fn fail(&mut self, error: Error) {
        let (first, others) = match self.pending().split_first() {
            Some((first, others)) => (*first, others.to_vec()),
            None => return,
        };
        for job in others {
            self.outcomes[job] = Some(Outcome::Failed(again(&error)));
        }
        self.outcomes[first] = Some(Outcome::Failed(error));
    }

    /// Notes what became of what was decided.
    fn note(&mut self, drawn: Drawn, verdicts: Vec<Verdict>) {
        let mut first_moved = usize::MAX;
        for (decided, verdict) in drawn.decided.into_iter().zip(verdicts) {
            let job = decided.job;
            match verdict {
                Verdict::Written => {
                    let decision = Box::new(decided.decision);
                    self.outcomes[job] = Some(Outcome::Written(decision, decided.outgoing));
                }
                Verdict::AlreadyDone => {
                    first_moved = first_moved.min(job);
                    forget(&mut self.base, &decided.decision);
                    self.outcomes[job] = Some(Outcome::AlreadyDone);
                }
                Verdict::Moved(keys) => {
                    first_moved = first_moved.min(job);
                    forget(&mut self.base, &decided.decision);
                    keys.iter().for_each(|key| self.base.forget(key));
                }
            }
        }
        // A refusal counts only if everything before it came true.
        for (job, outcome) in drawn.settled {
            if job < first_moved {
                self.outcomes[job] = Some(outcome);
            }
        }
    }
}

impl Drawn {
    /// The records as they are if all of this is written: for who decides before that is known.
    pub(super) fn records(&self) -> Records {
        let mut records = Records::new();
        for decided in &self.decided {
            records.apply(&decided.decision);
        }
        records
    }
}

impl Engine {
    /// Decides and commits jobs in order, each seeing what the earlier ones write.
    pub(super) async fn carry_out(&self, jobs: Vec<Job>, now: Instant) -> Vec<Outcome> {
        self.complete(Batch::new(jobs, now, Records::new())).await
    }

    /// Decides and commits what is pending, again and again for what moved meanwhile.
    pub(super) async fn complete(&self, mut batch: Batch) -> Vec<Outcome> {
        for _ in 0..MOST_ROUNDS {
            if batch.outcomes.iter().all(Option::is_some) {
                break;
            }
            let drawn = self.draw(&mut batch).await;
            self.land(&mut batch, drawn).await;
        }
        let contended = || Outcome::Failed(Error::Contended(MOST_ROUNDS));
        let outcomes = batch.outcomes.into_iter();
        outcomes
            .map(|outcome| outcome.unwrap_or_else(contended))
            .collect()
    }

    /// Decides what is pending.
    pub(super) async fn draw(&self, batch: &mut Batch) -> Drawn {
        match self.decide_all(batch).await {
            Ok(drawn) => drawn,
            Err(error) => {
                batch.fail(error);
                Drawn::default()
            }
        }
    }

    /// Commits what was decided, and notes what became of it.
    pub(super) async fn land(&self, batch: &mut Batch, drawn: Drawn) {
        match self.commit(&drawn).await {
            Ok(verdicts) => batch.note(drawn, verdicts),
            Err(error) => batch.fail(error),
        }
    }

    async fn commit(&self, drawn: &Drawn) -> Result<Vec<Verdict>, Error> {
        let mut changes: Vec<Changes> = Vec::with_capacity(drawn.decided.len());
        for Decided {
            decision, playbook, ..
        } in &drawn.decided
        {
            let made = decision.changes(playbook);
            changes.push(made.map_err(|source| Error::Unreadable {
                key: Key::journal(&decision.tenant, decision.command),
                source,
            })?);
        }
        match changes.is_empty() {
            true => Ok(Vec::new()),
            false => Ok(self.inner.store.commit(changes).await?),
        }
    }

    /// Decides on common records, loading until nothing more is needed. The records are then as
    /// if everything that was decided were written.
    async fn decide_all(&self, batch: &mut Batch) -> Result<Drawn, Error> {
        let mut unreadable: Vec<Error> = Vec::new();
        let pending = batch.pending();
        for _ in 0..MOST_LOADS {
            let base = &mut batch.base;
            let mut applied = Vec::new();
            let mut needed: Vec<Key> = Vec::new();
            let mut drawn = Drawn {
                decided: Vec::with_capacity(pending.len()),
                settled: Vec::new(),
            };
            for &job in &pending {
                match self.decide_one(&batch.jobs[job], batch.now, base) {
                    Ok(Some((decision, outgoing, playbook))) => {
                        applied.extend(base.apply(&decision));
                        drawn.decided.push(Decided {
                            job,
                            decision,
                            outgoing,
                            playbook,
                        });
                    }
                    Ok(None) => drawn.settled.push((job, Outcome::Nothing)),
                    Err(Hitch::Failed(error)) => drawn.settled.push((job, Outcome::Failed(error))),
                    Err(Hitch::Need(keys)) => {
                        match keys.iter().find_map(|key| unreadable_at(&unreadable, key)) {
                            Some(error) => drawn.settled.push((job, Outcome::Failed(again(error)))),
                            None => needed.extend(keys),
                        }
                    }
                }
            }
            if needed.is_empty() {
                return Ok(drawn);
            }
            base.undo(applied);
            needed.sort_unstable();
            needed.dedup();
            unreadable.extend(self.load_into(base, needed).await?);
        }
        Err(Error::Contended(MOST_LOADS))
    }

    #[allow(clippy::type_complexity, reason = "named by its one caller")]
    pub(super) fn decide_one(
        &self,
        job: &Job,
        now: Instant,
        view: &Records,
    ) -> Result<Option<(Decision, Option<Box<Outgoing>>, Arc<Playbook>)>, Hitch> {
        let playbook = self.playbook_for(job, view)?;
        let stopped = |stop: Stop| match stop {
            Stop::Need(keys) => Hitch::Need(keys),
            Stop::Refused(refusal) => Hitch::Failed(Error::Refused(*refusal)),
        };
        match job {
            Job::Command(id, command) => {
                let decision =
                    decide::decide(&playbook, view, *id, command, now).map_err(stopped)?;
                Ok(Some((decision, None, playbook)))
            }
            Job::Wake(tenant, wake) => {
                let woken = decide::wake(&playbook, view, tenant, wake, now).map_err(stopped)?;
                Ok(woken
                    .decision
                    .map(|decision| (decision, woken.outgoing.map(Box::new), playbook)))
            }
        }
    }

    /// The playbook that decides a job: the one that clocked the record, else the active one.
    fn playbook_for(&self, job: &Job, view: &Records) -> Result<Arc<Playbook>, Hitch> {
        let playbooks = self.playbooks(job.tenant()).map_err(Hitch::Failed)?;
        if let Some(key) = job.subject() {
            let Some(found) = view.found(&key) else {
                return Err(Hitch::Need(vec![key]));
            };
            if let Some(hash) = found.record.as_deref().and_then(decide::playbook_of) {
                return known(playbooks.of_hash(hash), hash);
            }
        }
        if job.takes_over() {
            return Ok(playbooks.current.clone());
        }
        let key = Key::tenant(job.tenant());
        let Some(found) = view.found(&key) else {
            return Err(Hitch::Need(vec![key]));
        };
        let record = found
            .record
            .as_deref()
            .and_then(<TenantRecord as crate::record::Recorded>::from_record);
        let Some(record) = record else {
            return Err(Hitch::Failed(Error::NotThere("active playbook")));
        };
        let is_register =
            matches!(job, Job::Command(_, command) if matches!(command.what, What::Register(_)));
        if is_register
            && record.playbook != playbooks.current.hash
            && playbooks.of_hash(&record.playbook).is_none()
        {
            let (active, given) = (record.playbook.clone(), playbooks.current.hash.clone());
            return Err(Hitch::Failed(Error::NotAdopted { active, given }));
        }
        known(playbooks.of_hash(&record.playbook), &record.playbook)
    }

    /// Loads records. Those that can't be read are returned, not taken for absent.
    pub(super) async fn load_into(
        &self,
        records: &mut Records,
        keys: Vec<Key>,
    ) -> Result<Vec<Error>, Error> {
        let mut unreadable = Vec::new();
        let loaded = self.inner.store.load(&keys).await?;
        for (key, loaded) in keys.into_iter().zip(loaded) {
            let body = loaded.body.as_deref();
            let record = body.map(|body| stored::decode_as(key.kind, body));
            let record = match record.transpose() {
                Ok(record) => record,
                Err(source) => {
                    unreadable.push(Error::Unreadable { key, source });
                    continue;
                }
            };
            records.insert(key, loaded.version, record.map(Arc::new));
        }
        Ok(unreadable)
    }
}

fn known(playbook: Option<&Arc<Playbook>>, hash: &Name) -> Result<Arc<Playbook>, Hitch> {
    playbook
        .cloned()
        .ok_or_else(|| Hitch::Failed(Error::UnknownPlaybook(hash.clone())))
}

fn forget(base: &mut Records, decision: &Decision) {
    for write in &decision.writes {
        base.forget(&write.key);
    }
    for check in &decision.checks {
        base.forget(&check.key);
    }
}

fn unreadable_at<'a>(unreadable: &'a [Error], wanted: &Key) -> Option<&'a Error> {
    unreadable
        .iter()
        .find(|error| matches!(error, Error::Unreadable { key, .. } if key == wanted))
}

/// The same error for another job: its kind and words, without what lies beneath.
fn again(error: &Error) -> Error {
    match error {
        Error::Store(error) => Error::Store(crate::store::StoreError {
            kind: error.kind,
            doing: error.doing,
            source: None,
        }),
        Error::Unreadable { key, .. } => Error::Unreadable {
            key: key.clone(),
            source: stored::Unreadable::Empty,
        },
        _ => Error::Contended(MOST_LOADS),
    }
}

/// The kinds that are woken.
pub(super) fn wake_of(key: &Key) -> Option<Wake> {
    match key.kind {
        Kind::Lead => Some(Wake::Lead(crate::ids::LeadId(key.id))),
        Kind::Message => Some(Wake::Message(crate::ids::MessageId(key.id))),
        _ => None,
    }
}
