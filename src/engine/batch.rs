//! Deciding and committing many jobs at once: load what is needed, decide one after the other on
//! common records, commit in one go, and again for those whose records moved.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::job::{Decided, Job, Outcome, Undecided};
use super::vain::Vain;
use super::{Engine, Error};
use crate::clock::yield_now;
use crate::decide::Decision;
use crate::decide::records::{Applied, Records};
use crate::decide::refusal::Refusal;
use crate::record::journal::{Asked, JournalEntry};
use crate::record::stored;
use crate::store::{Changes, Key, StoreError, Verdict, Version};
use crate::time::Instant;

/// How often decisions are made anew because their records moved, and none of them is written.
const MOST_ROUNDS: u32 = 16;
/// After how many rounds a wake is left whose records somebody has in hand: its lease brings it back,
/// and others wait meanwhile. Of a command somebody waits for the answer.
const ROUNDS_HELD: u32 = 2;
/// How often records are loaded for one round; each load is for keys that the last one led to.
pub(super) const MOST_LOADS: u32 = 64;

/// After how many jobs in a row that need nothing new no more are asked what they need, before that
/// is loaded: to ask costs as much as to decide.
const BARREN: u32 = 32;

/// Jobs on their way through deciding and committing.
pub(super) struct Batch {
    jobs: Vec<Job>,
    now: Instant,
    /// The records at hand.
    records: Records,
    /// What became of each job, as far as that is known.
    outcomes: Vec<Option<Outcome>>,
    /// What had moved in the last round, by the version that was read there.
    moved: BTreeMap<Key, Version>,
}

/// What was decided about a batch in one go, to be committed.
#[derive(Default)]
pub(super) struct Round {
    /// By the place of the job.
    decided: Vec<(usize, Decided)>,
    /// What of that is to be written, as a store takes it.
    changes: Vec<Changes>,
    /// Jobs that come to nothing, or fail.
    settled: Vec<(usize, Outcome)>,
}

/// What jobs need, from the first one on that can't be decided yet.
#[derive(Default)]
struct Needs {
    keys: BTreeSet<Key>,
    /// How many in a row needed nothing new.
    barren: u32,
    /// What those behind it that could be decided overwrote in the records.
    overwritten: Applied,
}

impl Needs {
    /// Whether every job could be decided.
    fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Notes what a job needs. Returns whether enough is heard.
    fn note(&mut self, keys: Vec<Key>) -> bool {
        let known = self.keys.len();
        self.keys.extend(keys);
        self.barren = match self.keys.len() > known {
            true => 0,
            false => self.barren + 1,
        };
        self.barren >= BARREN
    }

    /// Notes what a decision overwrote, if it is to be taken back.
    fn note_applied(&mut self, overwritten: Applied) {
        if !self.is_empty() {
            self.overwritten.extend(overwritten);
        }
    }
}

impl Batch {
    /// Jobs that build on records of which some may be at hand.
    pub(super) fn new(jobs: Vec<Job>, now: Instant, records: Records) -> Self {
        Self {
            outcomes: jobs.iter().map(|_| None).collect(),
            jobs,
            now,
            records,
            moved: BTreeMap::new(),
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
        let pending = self.pending();
        let Some((first, others)) = pending.split_first() else {
            return;
        };
        for job in others {
            self.outcomes[*job] = Some(Outcome::Failed(again(&error)));
        }
        self.outcomes[*first] = Some(Outcome::Failed(error));
        // Among them may be what was decided and is not written.
        self.records = Records::new();
    }

    /// Notes what became of a round, and tells whether all of the batch came true by it.
    pub(super) fn note(
        &mut self,
        round: Round,
        verdicts: Result<Vec<Verdict>, StoreError>,
    ) -> bool {
        let verdicts = match verdicts {
            Ok(verdicts) => verdicts,
            Err(error) => {
                self.fail(error.into());
                return false;
            }
        };
        let mut first_in_vain = usize::MAX;
        let mut vain = Vain::since(std::mem::take(&mut self.moved));
        for ((job, decided), verdict) in round.decided.into_iter().zip(verdicts) {
            let Decided {
                decision, outgoing, ..
            } = decided;
            if verdict == Verdict::Written {
                self.outcomes[job] = Some(Outcome::Written(Box::new(decision), outgoing));
                continue;
            }
            first_in_vain = first_in_vain.min(job);
            self.forget(&decision);
            match verdict {
                Verdict::Moved(keys) => {
                    keys.iter().for_each(|key| self.records.forget(key));
                    if vain.is_held(&decision, keys) && !self.jobs[job].is_command() {
                        self.outcomes[job] = Some(Outcome::Failed(Error::Contended(ROUNDS_HELD)));
                    }
                }
                _ => self.outcomes[job] = Some(Outcome::AlreadyDone(None)),
            }
        }
        self.moved = vain.moved;
        // What came to nothing or failed did so on what was decided before it, and counts only if
        // all of that came true.
        for (job, outcome) in round.settled {
            if job < first_in_vain {
                self.outcomes[job] = Some(outcome);
            }
        }
        first_in_vain == usize::MAX && self.pending().is_empty()
    }

    /// Takes back what came to nothing or failed in a round, and the records that it rested on:
    /// not all of them came true. What was decided shows by its versions.
    pub(super) fn doubt(&mut self, round: &mut Round) {
        round.settled.clear();
        self.begin_anew();
    }

    /// The records as they are if all that was decided is written, for who decides before that is
    /// known; if it is not, they are loaded again here.
    pub(super) fn hand_on(&mut self) -> Records {
        std::mem::take(&mut self.records)
    }

    /// Forgets the records at hand, so that all that is pending is decided on what is in the store.
    pub(super) fn begin_anew(&mut self) {
        self.records = Records::new();
    }

    /// Forgets what a decision read and would have made.
    fn forget(&mut self, decision: &Decision) {
        let writes = decision.writes.iter().map(|write| &write.key);
        let checks = decision.checks.iter().map(|check| &check.key);
        writes
            .chain(checks)
            .for_each(|key| self.records.forget(key));
    }
}

impl Round {
    fn is_empty(&self) -> bool {
        self.decided.is_empty() && self.settled.is_empty()
    }

    fn extend(&mut self, later: Self) {
        self.decided.extend(later.decided);
        self.settled.extend(later.settled);
    }

    /// The same with its changes, which are made here and not when it is committed: while the
    /// round before it is.
    async fn written_down(mut self) -> Result<Self, Error> {
        self.changes = Vec::with_capacity(self.decided.len());
        for (place, (_, decided)) in self.decided.iter().enumerate() {
            breathe(place).await;
            self.changes.push(decided.changes()?);
        }
        Ok(self)
    }

    /// What was decided, each with the place of its job.
    pub(super) fn decisions(&self) -> impl Iterator<Item = (usize, &Decision)> {
        let decided = self.decided.iter();
        decided.map(|(job, decided)| (*job, &decided.decision))
    }

    /// The records as they are if all of this is written: for who decides before that is known.
    pub(super) fn records(&self) -> Records {
        let mut records = Records::new();
        for (_, decided) in &self.decided {
            records.apply(&decided.decision);
        }
        records
    }
}

impl Decided {
    /// What it writes, as a store takes it.
    pub(super) fn changes(&self) -> Result<Changes, Error> {
        let decision = &self.decision;
        let changes = decision.changes(&self.playbook);
        changes.map_err(|source| Error::Unreadable {
            key: Key::journal(&decision.tenant, decision.command),
            source,
        })
    }
}

impl Engine {
    /// Decides and commits jobs in order, each seeing what the earlier ones write.
    pub(super) async fn carry_out(&self, jobs: Vec<Job>, now: Instant) -> Vec<Outcome> {
        self.complete(Batch::new(jobs, now, Records::new())).await
    }

    /// The same for one job.
    pub(super) async fn carry_out_one(&self, job: Job, now: Instant) -> Outcome {
        let outcomes = self.carry_out(vec![job], now).await;
        outcomes.into_iter().next().unwrap_or(Outcome::Nothing)
    }

    /// Decides and commits what is pending, again and again for what moved meanwhile.
    pub(super) async fn complete(&self, mut batch: Batch) -> Vec<Outcome> {
        let mut pending = batch.pending().len();
        let mut rounds_in_vain = 0;
        while pending > 0 && rounds_in_vain < MOST_ROUNDS {
            let mut round = self.decide_round(&mut batch).await;
            let verdicts = self.commit_round(&mut round).await;
            batch.note(round, verdicts);
            let left = batch.pending().len();
            rounds_in_vain = match left < pending {
                true => 0,
                false => rounds_in_vain + 1,
            };
            pending = left;
        }
        batch.fail(Error::Contended(MOST_ROUNDS));
        let outcomes: Vec<Outcome> = batch.outcomes.into_iter().flatten().collect();
        self.inner.pools.note_written(&outcomes);
        self.tell_repeats(&batch.jobs, outcomes).await
    }

    /// Decides what is pending.
    pub(super) async fn decide_round(&self, batch: &mut Batch) -> Round {
        let round = match self.decide_pending(batch).await {
            Ok(round) => round.written_down().await,
            Err(error) => Err(error),
        };
        match round {
            Ok(round) => round,
            Err(error) => {
                batch.fail(error);
                Round::default()
            }
        }
    }

    /// Commits what was decided.
    pub(super) async fn commit_round(&self, round: &mut Round) -> Result<Vec<Verdict>, StoreError> {
        let changes = std::mem::take(&mut round.changes);
        match changes.is_empty() {
            true => Ok(Vec::new()),
            false => self.inner.store.commit(changes).await,
        }
    }

    /// Decides on common records, loading until nothing more is needed. The records are then as
    /// if everything that was decided were written.
    ///
    /// What is decided before the first job that needs something holds; from that one on all is
    /// decided anew when it is loaded, since each job sees what the earlier ones write. Until then
    /// the later ones are decided only to hear what they will need.
    async fn decide_pending(&self, batch: &mut Batch) -> Result<Round, Error> {
        let pending = batch.pending();
        let mut unreadable: Vec<Error> = Vec::new();
        let mut round = Round::default();
        let mut begin = 0;
        for load in 0..=MOST_LOADS {
            let mut needs = Needs::default();
            let mut decided = Round::default();
            for (place, &job) in pending.iter().enumerate().skip(begin) {
                breathe(job).await;
                match self.decide(&batch.jobs[job], batch.now, &batch.records) {
                    Ok(Some(mut made)) => {
                        // The next jobs count on this, and it may come to nothing.
                        made.decision.stamp(self.inner.command_ids.stamp());
                        needs.note_applied(batch.records.apply(&made.decision));
                        decided.decided.push((job, made));
                    }
                    Ok(None) => decided.settled.push((job, Outcome::Nothing)),
                    Err(Undecided::Failed(error)) => {
                        decided.settled.push((job, Outcome::Failed(error)));
                    }
                    Err(Undecided::Need(keys)) => {
                        if let Some(error) =
                            keys.iter().find_map(|key| unreadable_at(&unreadable, key))
                        {
                            decided.settled.push((job, Outcome::Failed(again(error))));
                            continue;
                        }
                        if needs.is_empty() {
                            round.extend(std::mem::take(&mut decided));
                            begin = place;
                        }
                        if needs.note(keys) {
                            break;
                        }
                    }
                }
            }
            if needs.is_empty() {
                round.extend(decided);
                return Ok(round);
            }
            batch.records.undo(needs.overwritten);
            let is_at_hand = |key: &&Key| batch.records.found(key).is_some();
            let torn: Vec<Key> = needs.keys.iter().filter(is_at_hand).cloned().collect();
            if !torn.is_empty() && !round.is_empty() {
                // What is read anew would not be as what was decided before makes it: that is written first.
                torn.iter().for_each(|key| batch.records.forget(key));
                return Ok(round);
            }
            if load == MOST_LOADS {
                // What was decided before it holds; it comes first in the next round.
                if round.is_empty() {
                    let endless = Error::Contended(load);
                    round
                        .settled
                        .push((pending[begin], Outcome::Failed(endless)));
                }
                return Ok(round);
            }
            let needed = needs.keys.into_iter().collect();
            let found = self.load_into(&mut batch.records, needed).await?;
            unreadable.extend(found);
        }
        Err(Error::Contended(MOST_LOADS))
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
            let version = loaded.version;
            if let Some(known) = self.inner.pools.at(&key, version) {
                records.insert(key, version, Some(known));
                continue;
            }
            let body = loaded.body.as_deref();
            let record = body.map(|body| stored::decode_as(key.kind, body));
            match record.transpose() {
                Ok(record) => {
                    let record = record.map(Arc::new);
                    if let Some(record) = &record {
                        self.inner.pools.note(&key, version, record);
                    }
                    records.insert(key, version, record);
                }
                Err(source) => unreadable.push(Error::Unreadable { key, source }),
            }
        }
        Ok(unreadable)
    }

    /// Tells repeats of commands from what is refused. What was carried out before may be refused
    /// now, by what it did itself: the lead is closed by this very command. So of every command
    /// that is refused, or whose id is taken, the journal is asked what that id was.
    async fn tell_repeats(&self, jobs: &[Job], mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
        let mut asked = Vec::new();
        for (place, (job, outcome)) in jobs.iter().zip(&outcomes).enumerate() {
            let may_be_a_repeat = matches!(
                outcome,
                Outcome::AlreadyDone(_) | Outcome::Failed(Error::Refused(_))
            );
            if let (Job::Command(id, command), true) = (job, may_be_a_repeat) {
                asked.push((place, command, Key::journal(&command.tenant, *id)));
            }
        }
        if asked.is_empty() {
            return outcomes;
        }
        let keys: Vec<Key> = asked.iter().map(|(_, _, key)| key.clone()).collect();
        let loaded = match self.inner.store.load(&keys).await {
            Ok(loaded) => loaded,
            Err(error) => {
                for (place, ..) in &asked {
                    outcomes[*place] = Outcome::Failed(Error::Store(same(&error)));
                }
                return outcomes;
            }
        };
        for ((place, command, key), loaded) in asked.into_iter().zip(loaded) {
            let Some(body) = loaded.body else {
                continue;
            };
            outcomes[place] = match repeat_of(&body, Asked::by(command)) {
                Ok(Some(entry)) => Outcome::AlreadyDone(Some(Box::new(entry))),
                Ok(None) => Outcome::Failed(Error::Refused(Refusal::IdTaken)),
                Err(source) => Outcome::Failed(Error::Unreadable { key, source }),
            };
        }
        outcomes
    }
}

/// What a command did when it was carried out before, from the bytes of the journal's entry under
/// its id; nothing, if that was another command.
pub(super) fn repeat_of(
    body: &[u8],
    asked: Asked,
) -> Result<Option<JournalEntry>, stored::Unreadable> {
    let entry = stored::decode_entry(body)?;
    Ok(Some(entry).filter(|entry| entry.asked == Some(asked)))
}

/// Lets others go on now and then, so that who commits a page sees soon that it is committed.
async fn breathe(place: usize) {
    const EVERY: usize = 32;
    if place % EVERY == EVERY - 1 {
        yield_now().await;
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
        Error::Store(error) => Error::Store(same(error)),
        Error::Unreadable { key, source } => Error::Unreadable {
            key: key.clone(),
            source: source.clone(),
        },
        Error::Contended(times) => Error::Contended(*times),
        _ => Error::Contended(MOST_LOADS),
    }
}

/// The same error of the store, without what lies beneath.
pub(super) fn same(error: &StoreError) -> StoreError {
    StoreError {
        kind: error.kind,
        doing: error.doing,
        source: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::command::Wake;
    use crate::ids::{Id, LeadId, Tenant};

    /// A page on which nothing was to be done, as it seemed while the page before was committed.
    fn nothing_to_do() -> (Batch, Round) {
        let lead = LeadId(Id::named("lead", "luis"));
        let job = Job::Wake(Tenant::from("quito"), Wake::Lead(lead));
        let round = Round {
            settled: vec![(0, Outcome::Nothing)],
            ..Round::default()
        };
        (
            Batch::new(vec![job], Instant::UNIX_EPOCH, Records::new()),
            round,
        )
    }

    #[test]
    fn what_came_to_nothing_on_records_that_did_not_come_true_is_decided_anew() {
        let (mut batch, mut round) = nothing_to_do();
        batch.doubt(&mut round);
        assert!(!batch.note(round, Ok(Vec::new())));
        assert_eq!(batch.pending(), [0]);

        let (mut batch, round) = nothing_to_do();
        assert!(batch.note(round, Ok(Vec::new())));
        assert!(batch.pending().is_empty());
    }
}
