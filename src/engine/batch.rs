//! Deciding and committing many at once: load what is needed, decide one after the other on a
//! common view, commit in one go, and again for those whose records moved.

use std::sync::Arc;

use super::{Engine, Error};
use crate::decide::command::{Command, Fate, LeadOrder, SweepOrder, Wake, What};
use crate::decide::records::Records;
use crate::decide::{self, Decision, Stop};
use crate::ids::{CommandId, Name, Tenant};
use crate::mailer::Outgoing;
use crate::playbook::Playbook;
use crate::record::{Recorded, Sweep, TenantRecord, stored};
use crate::store::{Changes, Key, Kind, Verdict};
use crate::time::Instant;

/// How often decisions are made anew because their records moved, and none of them is written.
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

    /// Whose playbook decides it.
    fn decider(&self) -> Decider<'_> {
        let tenant = self.tenant();
        match self {
            Self::Command(_, command) => decider_of(command),
            Self::Wake(_, wake) => match wake {
                Wake::Lead(lead) => Decider::OfLead(Key::lead(tenant, *lead)),
                Wake::Message(message) | Wake::HandedOver { message, .. } => {
                    Decider::OfServed(Key::message(tenant, *message))
                }
                Wake::SweepPage { sweep, .. } => Decider::OfServed(Key::sweep(tenant, *sweep)),
                Wake::Failed { key, .. } | Wake::Runaway { key, .. } => match key.kind {
                    Kind::Lead => Decider::OfLead(key.clone()),
                    _ => Decider::OfServed(key.clone()),
                },
            },
        }
    }
}

/// Whose playbook decides a job.
enum Decider<'a> {
    /// The one that clocked this lead, and no other; the active one, if there is no such lead.
    OfLead(Key),
    /// The one that serves this message or sweep. If that is not known here, the active one: then
    /// it can only be an older one, which perhaps nobody knows any more.
    OfServed(Key),
    /// The one of this hash.
    Named(&'a Name),
    /// The tenant's active one.
    Active,
    /// The one that the engine was given: the tenant has none yet.
    Given,
}

fn decider_of(command: &Command) -> Decider<'_> {
    let tenant = &command.tenant;
    match &command.what {
        What::Lead {
            order: LeadOrder::Adopt { playbook, .. },
            ..
        } => Decider::Named(playbook),
        What::Lead { lead, .. } => Decider::OfLead(Key::lead(tenant, *lead)),
        // What was set aside under its own playbook may go well under a mended one.
        What::SettleMessage {
            fate: Fate::Retry, ..
        }
        | What::Sweep {
            order: SweepOrder::Retry,
            ..
        } => Decider::Active,
        What::SettleMessage { message, .. } => Decider::OfServed(Key::message(tenant, *message)),
        What::Sweep { sweep, .. } => Decider::OfServed(Key::sweep(tenant, *sweep)),
        What::Adopt(adoption) => Decider::Named(&adoption.playbook),
        What::SetUpAgent(_) | What::Register(_) | What::StartSweep(_) => Decider::Active,
        What::Begin => Decider::Given,
    }
}

/// The playbook that must decide a command, as far as the records at hand tell. Of what the
/// active one decides, or stands in for, the decision itself makes sure.
pub(super) fn playbook_of_command<'a>(
    command: &'a Command,
    records: &'a Records,
) -> Option<&'a Name> {
    match decider_of(command) {
        Decider::OfLead(key) => decide::playbook_of(records.found(&key)?.record.as_deref()?),
        Decider::Named(hash) => Some(hash),
        Decider::OfServed(_) | Decider::Active | Decider::Given => None,
    }
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
    fn is_empty(&self) -> bool {
        self.decided.is_empty() && self.settled.is_empty()
    }

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
        let mut pending = batch.pending().len();
        let mut rounds_in_vain = 0;
        while pending > 0 && rounds_in_vain < MOST_ROUNDS {
            let drawn = self.draw(&mut batch).await;
            self.land(&mut batch, drawn).await;
            let left = batch.pending().len();
            rounds_in_vain = if left < pending {
                0
            } else {
                rounds_in_vain + 1
            };
            pending = left;
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
        for load in 0..=MOST_LOADS {
            let base = &mut batch.base;
            let mut applied = Vec::new();
            let mut needed: Vec<Key> = Vec::new();
            let mut drawn = Drawn::default();
            for &job in &pending {
                match self.decide_one(&batch.jobs[job], batch.now, base) {
                    Ok(Some((mut decision, outgoing, playbook))) => {
                        // The next jobs count on this, and it may come to nothing.
                        decision.stamp(self.inner.command_ids.stamp());
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
                            // What was decided before it holds; it comes first in the next round.
                            None if load == MOST_LOADS && !drawn.is_empty() => return Ok(drawn),
                            None if load == MOST_LOADS => {
                                drawn
                                    .settled
                                    .push((job, Outcome::Failed(Error::Contended(load))));
                                return Ok(drawn);
                            }
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

    /// The playbook that decides a job.
    fn playbook_for(&self, job: &Job, view: &Records) -> Result<Arc<Playbook>, Hitch> {
        let playbooks = self.playbooks(job.tenant()).map_err(Hitch::Failed)?;
        let unknown = |hash: &Name| Hitch::Failed(Error::UnknownPlaybook(hash.clone()));
        let of_hash = |hash: &Name| playbooks.of_hash(hash).cloned();
        match job.decider() {
            Decider::Given => Ok(playbooks.current.clone()),
            Decider::Named(hash) => of_hash(hash).ok_or_else(|| unknown(hash)),
            Decider::OfLead(key) => match hash_of(&key, view)? {
                Some(hash) => of_hash(hash).ok_or_else(|| unknown(hash)),
                None => self.active_playbook(job, view),
            },
            Decider::OfServed(key) => match hash_of(&key, view)?.and_then(of_hash) {
                Some(playbook) => Ok(playbook),
                None => self.active_playbook(job, view),
            },
            Decider::Active => self.active_playbook(job, view),
        }
    }

    /// The tenant's active playbook, if this engine knows it.
    fn active_playbook(&self, job: &Job, view: &Records) -> Result<Arc<Playbook>, Hitch> {
        let playbooks = self.playbooks(job.tenant()).map_err(Hitch::Failed)?;
        let key = Key::tenant(job.tenant());
        let Some(found) = view.found(&key) else {
            return Err(Hitch::Need(vec![key]));
        };
        let record = found.record.as_deref();
        let Some(record) = record.and_then(TenantRecord::from_record) else {
            // Whoever relies on it first makes it the active one.
            return Ok(playbooks.current.clone());
        };
        let active = &record.playbook;
        let is_register =
            matches!(job, Job::Command(_, command) if matches!(command.what, What::Register(_)));
        playbooks.of_hash(active).cloned().ok_or_else(|| {
            let (active, given) = (active.clone(), playbooks.current.hash.clone());
            Hitch::Failed(if is_register {
                Error::NotAdopted { active, given }
            } else {
                Error::UnknownPlaybook(active)
            })
        })
    }

    /// A sweep as it is, and the playbook that serves it; nothing if there is no such sweep.
    pub(super) async fn sweep_at_hand(
        &self,
        key: &Key,
    ) -> Result<Option<(Sweep, Arc<Playbook>)>, Error> {
        let page = Wake::SweepPage {
            sweep: crate::ids::SweepId(key.id),
            occurrence: 0,
            from: None,
            reached: None,
            counts: (0, 0),
        };
        let job = Job::Wake(key.tenant.clone(), page);
        let mut records = Records::new();
        loop {
            let hitch = match records.found(key) {
                None => Hitch::Need(vec![key.clone()]),
                Some(_) => match (
                    records.record::<Sweep>(key),
                    self.playbook_for(&job, &records),
                ) {
                    (None, _) => return Ok(None),
                    (Some(sweep), Ok(playbook)) => return Ok(Some((sweep.clone(), playbook))),
                    (_, Err(hitch)) => hitch,
                },
            };
            match hitch {
                Hitch::Failed(error) => return Err(error),
                Hitch::Need(keys) => {
                    let unreadable = self.load_into(&mut records, keys).await?;
                    if let Some(error) = unreadable.into_iter().next() {
                        return Err(error);
                    }
                }
            }
        }
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

/// The playbook of a record, by hash, if there is such a record.
fn hash_of<'a>(key: &Key, view: &'a Records) -> Result<Option<&'a Name>, Hitch> {
    match view.found(key) {
        Some(found) => Ok(found.record.as_deref().and_then(decide::playbook_of)),
        None => Err(Hitch::Need(vec![key.clone()])),
    }
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
