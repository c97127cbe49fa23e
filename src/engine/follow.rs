//! Carrying commands out, and behind them what is due at once: wave behind wave, the next decided while
//! the last is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join;

use super::batch::{Batch, Round, same};
use super::job::{Job, Outcome};
use super::{Engine, Error};
use crate::decide::Decision;
use crate::decide::command::Wake;
use crate::decide::records::Records;
use crate::ids::LeadId;
use crate::record::journal::{Event, JournalEntry};
use crate::record::{Lead, Record, Recorded};
use crate::store::{Key, StoreError};
use crate::time::Instant;

/// How many commands are committed at once.
const COMMANDS: usize = 250;
/// For how many leads at once rules fire behind them.
const LEADS: usize = 500;
/// How many rules fire at once behind one command; the rest is left to the next tick.
const MOST_AT_ONCE: u32 = 16;

/// A command to carry out, and the lead that it is about, unless that shows only when it is decided.
pub(super) type Asked = (Job, Option<Key>);

/// Jobs that were decided and wait to be committed.
struct Wave {
    batch: Batch,
    round: Round,
    /// The lead that each job is about.
    leads: Vec<Option<Key>>,
    /// Whether these are leads whose time has come, and not commands.
    is_due: bool,
}

/// Leads as commands and what was due behind them left them.
#[derive(Default)]
pub(super) struct Followed {
    leads: BTreeMap<Key, Left>,
}

/// A lead as it was left.
struct Left {
    record: Option<Arc<Record>>,
    wakes_at: Option<Instant>,
    /// How often it was woken behind its commands.
    woken: u32,
}

impl Engine {
    /// Carries commands out, and then fires what is due for their leads at once. Returns what became
    /// of each command, and of the leads. What fails behind a command is done, or reported, by the
    /// next tick.
    pub(super) async fn follow_through(
        &self,
        commands: Vec<Asked>,
        now: Instant,
    ) -> (Vec<Outcome>, Followed) {
        let mut outcomes = Vec::with_capacity(commands.len());
        let mut followed = Followed::default();
        let mut commands = commands.into_iter();
        let mut wave = self
            .decide_commands(&mut commands, now, Records::new())
            .await;
        while let Some(mut last) = wave {
            // As if all of it were written.
            let expected = match commands.len() {
                0 => last.due_if_written(&followed, now),
                _ => BTreeSet::new(),
            };
            let decide_ahead = async {
                if expected.is_empty() && commands.len() == 0 {
                    return None;
                }
                let records = last.batch.hand_on();
                match expected.is_empty() {
                    true => self.decide_commands(&mut commands, now, records).await,
                    false => Some(self.decide_due(&expected, now, records).await),
                }
            };
            let (verdicts, ahead) = join(self.commit_round(&mut last.round), decide_ahead).await;
            let came_true = last.batch.note(last.round, verdicts);
            let done = self.complete(last.batch).await;
            followed.note(&last.leads, &done, last.is_due);
            let failure = done.iter().find_map(Outcome::store_failure);
            if !last.is_due {
                outcomes.extend(done);
            }
            if let Some(failure) = failure {
                // Nothing is done behind what was not.
                let asked = ahead.filter(|ahead| !ahead.is_due);
                let left = asked.map_or(0, |ahead| ahead.leads.len()) + commands.len();
                let failed = || Outcome::Failed(Error::Store(same(&failure)));
                outcomes.extend(std::iter::repeat_with(failed).take(left));
                break;
            }
            let due = followed.due(now);
            wave = match ahead {
                Some(ahead) if ahead.is_due && due != expected => None,
                Some(ahead) if !came_true => Some(self.decide_anew(ahead).await),
                ahead => ahead,
            };
            if wave.is_none() && !due.is_empty() {
                wave = Some(self.decide_due(&due, now, Records::new()).await);
            }
        }
        (outcomes, followed)
    }

    /// Decides the next commands, if there are any.
    async fn decide_commands(
        &self,
        commands: &mut impl Iterator<Item = Asked>,
        now: Instant,
        records: Records,
    ) -> Option<Wave> {
        let (jobs, leads): (Vec<_>, _) = commands.take(COMMANDS).unzip();
        match jobs.is_empty() {
            true => None,
            false => Some(self.decide_wave(jobs, leads, now, records).await),
        }
    }

    /// Decides what rules do with the first of the leads whose time has come.
    async fn decide_due(&self, due: &BTreeSet<Key>, now: Instant, records: Records) -> Wave {
        let waking = |key: &Key| Job::Wake(key.tenant.clone(), Wake::Lead(LeadId(key.id)));
        let due = || due.iter().take(LEADS);
        let jobs = due().map(waking).collect();
        let leads = due().cloned().map(Some).collect();
        let wave = self.decide_wave(jobs, leads, now, records).await;
        Wave {
            is_due: true,
            ..wave
        }
    }

    async fn decide_wave(
        &self,
        jobs: Vec<Job>,
        leads: Vec<Option<Key>>,
        now: Instant,
        records: Records,
    ) -> Wave {
        let mut batch = Batch::new(jobs, now, records);
        let round = self.decide_round(&mut batch).await;
        Wave {
            batch,
            round,
            leads,
            is_due: false,
        }
    }

    /// Decides a wave again, on nothing of what it was decided on: not all of that came true.
    async fn decide_anew(&self, mut wave: Wave) -> Wave {
        wave.batch.begin_anew();
        wave.round = self.decide_round(&mut wave.batch).await;
        wave
    }
}

impl Wave {
    /// The leads that are due at once if all of this is written.
    fn due_if_written(&self, followed: &Followed, now: Instant) -> BTreeSet<Key> {
        let mut due = followed.due(now);
        for key in self.leads.iter().flatten().filter(|_| self.is_due) {
            due.remove(key);
        }
        for (job, decision) in self.round.decisions() {
            if let Some((key, mut left)) = written_lead(self.leads[job].as_ref(), decision) {
                left.woken = followed.woken(&key) + u32::from(self.is_due);
                match left.is_due(now) {
                    true => due.insert(key),
                    false => due.remove(&key),
                };
            }
        }
        due
    }
}

impl Followed {
    /// Takes over what was written of leads. A command that wrote nothing of its lead says nothing
    /// of it; a lead that was due and of which nothing was written is not woken again.
    fn note(&mut self, leads: &[Option<Key>], outcomes: &[Outcome], were_due: bool) {
        for (lead, outcome) in leads.iter().zip(outcomes) {
            if let Outcome::Written(decision, _) = outcome {
                if let Some((key, mut left)) = written_lead(lead.as_ref(), decision) {
                    left.woken = self.woken(&key) + u32::from(were_due);
                    self.leads.insert(key, left);
                }
                continue;
            }
            let left = lead.as_ref().filter(|_| were_due);
            if let Some(left) = left.and_then(|lead| self.leads.get_mut(lead)) {
                left.wakes_at = None;
            }
        }
    }

    fn woken(&self, key: &Key) -> u32 {
        self.leads.get(key).map_or(0, |left| left.woken)
    }

    /// Which of them are due.
    fn due(&self, now: Instant) -> BTreeSet<Key> {
        let due = self.leads.iter().filter(|(_, left)| left.is_due(now));
        due.map(|(key, _)| key.clone()).collect()
    }

    /// A lead, if anything was written of it.
    pub(super) fn lead(&self, key: &Key) -> Option<&Lead> {
        Lead::from_record(self.leads.get(key)?.record.as_deref()?)
    }
}

impl Left {
    fn is_due(&self, now: Instant) -> bool {
        self.woken < MOST_AT_ONCE && self.wakes_at.is_some_and(|wakes_at| wakes_at <= now)
    }
}

impl Outcome {
    /// What the store failed with.
    fn store_failure(&self) -> Option<StoreError> {
        match self {
            Self::Failed(Error::Store(error)) => Some(same(error)),
            _ => None,
        }
    }
}

/// What a decision writes of the lead that it is about.
fn written_lead(asked_about: Option<&Key>, decision: &Decision) -> Option<(Key, Left)> {
    let registered = lead_in(&decision.entry).map(|lead| Key::lead(&decision.tenant, lead));
    let key = registered.or_else(|| asked_about.cloned())?;
    let write = decision.writes.iter().find(|write| write.key == key)?;
    let left = Left {
        record: write.record.clone(),
        wakes_at: write.wakes_at,
        woken: 0,
    };
    Some((key, left))
}

/// The lead that a command registered.
pub(super) fn lead_in(entry: &JournalEntry) -> Option<LeadId> {
    entry.events.iter().find_map(|event| match event {
        Event::Registered { lead, .. } => Some(*lead),
        _ => None,
    })
}
