//! The clockwork: waking what is due, page by page.

use std::future::{Future, ready};
use std::mem;

use futures::future::join;
use smol_str::SmolStr;

use super::batch::{Batch, Round};
use super::hand_over::TAKEN_ON_AT_ONCE;
use super::hands::Hand;
use super::job::{Job, Outcome};
use super::wakes::Wakes;
use super::{Engine, Error};
use crate::decide::command::Wake;
use crate::decide::records::Records;
use crate::ids::Tenant;
use crate::store::{Due, Key, Kind, Lane, Lanes, NextDue};
use crate::time::{Elapsed, Instant};
use crate::told;

/// How many due records are taken at once.
const BATCH: usize = 500;
/// How long a batch is ours alone.
pub(super) const LEASE: Elapsed = Elapsed::seconds(60);

/// What a tick did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Ticked {
    /// How many times rules fired, or came to their time and were skipped.
    pub fired: u64,
    /// How many messages were handed over, whatever came of it.
    pub handed_over: u64,
    /// How many pages of sweeps were done.
    pub pages: u64,
    /// What failed. It is on the records too, as far as they can be read, and is tried again, or
    /// set aside. What a template can't say is on its message alone.
    pub failures: Vec<(Key, Error)>,
    /// What was due and is left to other workers, because this one doesn't know its playbook.
    /// Nobody serves it, unless another worker does: give the engine that playbook too, or have
    /// its leads adopted.
    pub left: Vec<Left>,
    /// What lies ahead.
    pub(super) ahead: Ahead,
    /// Whether there is something to do for the other hand.
    pub(super) messages_are_due: bool,
    /// Lanes of former playbooks in which something is due that can be served in their place.
    former: Vec<Lane>,
    wakes: Wakes,
}

/// Records that are due and left to workers who know their playbook.
#[derive(Debug)]
#[non_exhaustive]
pub struct Left {
    /// Whose.
    pub tenant: Tenant,
    /// Since when the first of them has been due.
    pub since: Instant,
    /// [`Error::UnknownTenant`] or [`Error::UnknownPlaybook`].
    pub because: Error,
}

/// When a worker's records want to be woken next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ahead {
    /// The first of those that aren't leased.
    pub(super) at: Option<Instant>,
    /// When the first lease ends.
    pub(super) leased_until: Option<Instant>,
}

impl Ahead {
    pub(super) fn note(&mut self, next: &NextDue) {
        self.at = self.at.into_iter().chain(next.at).min();
        let ends = self.leased_until.into_iter().chain(next.leased_until);
        self.leased_until = ends.min();
    }
}

impl Ticked {
    /// Whether there was anything to do.
    #[must_use]
    pub fn did_something(&self) -> bool {
        self.moved_something() || !self.failures.is_empty()
    }

    pub(super) fn moved_something(&self) -> bool {
        self.fired + self.handed_over + self.pages > 0
    }

    /// Begins another part: what was told is over, and what goes on is kept.
    pub(super) fn go_on(&mut self) {
        *self = Self {
            former: mem::take(&mut self.former),
            wakes: mem::take(&mut self.wakes),
            ..Self::default()
        };
    }

    /// Notes what is left to others, of each playbook once.
    pub(super) fn note_left(&mut self, left: Left) {
        let why = left.because.to_string();
        let same =
            |known: &&mut Left| known.tenant == left.tenant && known.because.to_string() == why;
        match self.left.iter_mut().find(same) {
            Some(known) => known.since = known.since.min(left.since),
            None => self.left.push(left),
        }
    }

    /// When to tick next, as the store was after [`Engine::tick`]; `None` when nothing waits. What
    /// is written meanwhile may be due earlier.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        let Ahead { at, leased_until } = self.ahead;
        at.into_iter().chain(leased_until).min()
    }
}

/// Whether more is claimed.
#[derive(Clone, Copy)]
enum More {
    /// So many records.
    UpTo(usize),
    /// No: as many as were asked for are done, or the worker is to stop.
    No,
}

impl More {
    fn after(done: usize, most: usize, may_go_on: &mut impl FnMut() -> bool) -> Self {
        match BATCH.min(most - done) {
            limit if limit > 0 && may_go_on() => Self::UpTo(limit),
            _ => Self::No,
        }
    }
}

/// How much a tick does before it looks ahead and tells of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// So many records; a page of a sweep is one.
    pub(super) most: usize,
    /// Until when something is begun.
    pub(super) until: Instant,
}

impl Bounds {
    fn more(self, done: usize, now: Instant, may_go_on: &mut impl FnMut() -> bool) -> More {
        match now < self.until {
            true => More::after(done, self.most, may_go_on),
            false => More::No,
        }
    }
}

/// What is due, as the store gave it.
struct Claimed {
    now: Instant,
    due: Vec<Due>,
}

/// The same, by what is to be done with it.
#[derive(Default)]
struct Sorted {
    leads: Vec<(Key, Job)>,
    messages: Vec<(Key, Job)>,
    sweeps: Vec<Key>,
}

/// A page of leads that was decided and waits to be committed.
struct Page {
    keys: Vec<Key>,
    batch: Batch,
    round: Round,
}

impl Engine {
    /// Does what is due now, at most so many records, and adds it to what the tick did: for
    /// hosts with a scheduler of their own.
    ///
    /// Returns how many records were due: when they are fewer than `most`, there is nothing more
    /// to do before [`Ticked::next`]. A tick that goes on in parts keeps its [`Ticked`], so that
    /// rules which start each other without end are found.
    ///
    /// # Errors
    /// As [`Engine::tick`].
    pub async fn tick_up_to(&self, ticked: &mut Ticked, most: usize) -> Result<usize, Error> {
        let until = Instant::MAX_UTC;
        let bounds = Bounds { most, until };
        self.tick_while(Hand::Both, ticked, bounds, || true).await
    }

    /// The same with one hand, as long as it may go on: asked between two pages, and between two
    /// portions of messages. What was claimed and not begun is for whoever comes when its lease ends.
    pub(super) async fn tick_while(
        &self,
        hand: Hand,
        ticked: &mut Ticked,
        bounds: Bounds,
        mut may_go_on: impl FnMut() -> bool,
    ) -> Result<usize, Error> {
        let clock = &self.inner.clock;
        let former = self.servable(mem::take(&mut ticked.former)).await?;
        let mut lanes = with(self.inner.lanes.of(hand), former);
        let mut more = More::after(0, bounds.most, &mut may_go_on);
        let mut claimed = self.claim(&lanes, more).await?;
        let mut done = claimed.due.len();
        let mut last: Option<Page> = None;
        loop {
            if claimed.due.is_empty() && last.is_none() {
                let former = self.look_ahead(hand, ticked).await?;
                let More::UpTo(_) = more else {
                    ticked.former = former;
                    return Ok(done);
                };
                // Nothing is due any more: what is woken from here on is not started by itself.
                ticked.wakes.clear();
                if former.iter().all(|lane| lanes.contains(lane)) {
                    return Ok(done);
                }
                lanes = with(&lanes, former);
            }
            let now = claimed.now;
            let Sorted {
                leads,
                messages,
                sweeps,
            } = self.sort(claimed, ticked);
            // What the last page writes, as if it were written. Where that turns out otherwise, what
            // rests on it is decided anew.
            let records = last.as_ref().map(|page| page.round.records());
            let decide = self.decide_page(leads, now, records.unwrap_or_default());
            if messages.is_empty() && sweeps.is_empty() {
                more = bounds.more(done, clock.now(), &mut may_go_on);
                // Behind the last page and before this one, so that the same is found however fast
                // they are.
                let claim = self.claim(&lanes, more);
                (claimed, last) = self.turn_page(last, decide, claim, ticked).await?;
            } else {
                let nothing = ready(Ok(()));
                let ((), page) = self.turn_page(last, decide, nothing, ticked).await?;
                self.commit_page(page, ticked, ready(Ok(()))).await?;
                last = None;
                self.work_off(messages, sweeps, ticked, &mut may_go_on)
                    .await?;
                more = bounds.more(done, clock.now(), &mut may_go_on);
                claimed = self.claim(&lanes, more).await?;
            }
            done += claimed.due.len();
        }
    }

    /// Commits the last page while the next is decided. Returns what came of `behind`, and the next
    /// page.
    async fn turn_page<T>(
        &self,
        last: Option<Page>,
        decide: impl Future<Output = Option<Page>>,
        behind: impl Future<Output = Result<T, Error>>,
        ticked: &mut Ticked,
    ) -> Result<(T, Option<Page>), Error> {
        let (committed, mut next) = join(self.commit_page(last, ticked, behind), decide).await;
        let (behind, came_true) = committed?;
        if let Some(page) = next.as_mut().filter(|_| !came_true) {
            page.batch.doubt(&mut page.round);
        }
        Ok((behind, next))
    }

    /// Takes what is due.
    async fn claim(&self, lanes: &Lanes, more: More) -> Result<Claimed, Error> {
        // A tick can take long, and what falls due meanwhile is due.
        let now = self.inner.clock.now();
        let lease_until = now.checked_add_signed(LEASE).unwrap_or(now);
        let due = match more {
            More::UpTo(limit) => self.inner.store.due(lanes, now, limit, lease_until).await?,
            More::No => Vec::new(),
        };
        Ok(Claimed { now, due })
    }

    /// Tells apart what is due. What can't be read is left alone for a while.
    fn sort(&self, Claimed { now, due }: Claimed, ticked: &mut Ticked) -> Sorted {
        let mut sorted = Sorted::default();
        for Due { key, .. } in due {
            if self.inner.damaged.is_left_alone(&key, now) {
                continue;
            }
            let job = match key.kind {
                Kind::Sweep => {
                    sorted.sweeps.push(key);
                    continue;
                }
                _ if ticked.wakes.are_too_many(&key, now) => Some(runaway(&key)),
                _ => Job::waking(&key),
            };
            match key.kind {
                Kind::Message => sorted.messages.extend(job.map(|job| (key, job))),
                _ => sorted.leads.extend(job.map(|job| (key, job))),
            }
        }
        sorted
    }

    /// Hands messages over, and goes through sweeps.
    async fn work_off(
        &self,
        messages: Vec<(Key, Job)>,
        sweeps: Vec<Key>,
        ticked: &mut Ticked,
        may_go_on: &mut impl FnMut() -> bool,
    ) -> Result<(), Error> {
        for portion in messages.chunks(TAKEN_ON_AT_ONCE) {
            if may_go_on() {
                self.wake_messages(portion, ticked).await?;
            }
        }
        for key in sweeps {
            if !may_go_on() {
                break;
            }
            let now = self.inner.clock.now();
            if let Err(error) = self.sweep_page(&key, now, ticked).await {
                self.note_failures(vec![(key, error)], now, ticked).await?;
            }
        }
        Ok(())
    }

    /// Decides what happens to a page of leads.
    async fn decide_page(
        &self,
        leads: Vec<(Key, Job)>,
        now: Instant,
        records: Records,
    ) -> Option<Page> {
        if leads.is_empty() {
            return None;
        }
        let (keys, jobs) = leads.into_iter().unzip();
        let mut batch = Batch::new(jobs, now, records);
        let round = self.decide_round(&mut batch).await;
        Some(Page { keys, batch, round })
    }

    /// Commits a page of leads, if there is one; then begins what comes behind that, and meanwhile
    /// does again what had moved. Returns what the other came to, and whether all was written as it
    /// was decided.
    async fn commit_page<T>(
        &self,
        page: Option<Page>,
        ticked: &mut Ticked,
        behind: impl Future<Output = Result<T, Error>>,
    ) -> Result<(T, bool), Error> {
        let Some(Page {
            keys,
            mut batch,
            mut round,
        }) = page
        else {
            return Ok((behind.await?, true));
        };
        let verdicts = self.commit_round(&mut round).await;
        let is_written = verdicts.is_ok();
        let note = async {
            let came_true = batch.note(round, verdicts);
            self.note_page(keys, batch, ticked).await?;
            Ok::<bool, Error>(came_true)
        };
        if !is_written {
            // Nothing is claimed that this tick won't come to.
            let came_true = note.await?;
            return Ok((behind.await?, came_true));
        }
        let (behind, came_true) = join(behind, note).await;
        let came_true = came_true?;
        Ok((behind?, came_true))
    }

    /// Counts what fired, and puts failures on their records.
    async fn note_page(
        &self,
        keys: Vec<Key>,
        batch: Batch,
        ticked: &mut Ticked,
    ) -> Result<(), Error> {
        let now = batch.now();
        let mut failed = Vec::new();
        for (key, outcome) in keys.into_iter().zip(self.complete(batch).await) {
            match outcome {
                Outcome::Written(..) => ticked.fired += 1,
                Outcome::AlreadyDone(_) | Outcome::Nothing => {}
                Outcome::Failed(error) => failed.push((key, error)),
            }
        }
        self.note_failures(failed, now, ticked).await
    }

    /// Puts failures on their records. A store that fails is nobody's fault but its own.
    pub(super) async fn note_failures(
        &self,
        failed: Vec<(Key, Error)>,
        now: Instant,
        ticked: &mut Ticked,
    ) -> Result<(), Error> {
        let mut jobs = Vec::new();
        for (key, error) in failed {
            match &error {
                Error::Store(_) => return Err(error),
                // What moved again and again is tried again; what another playbook decides, or
                // another mailer sends, is for workers who have that. It is not put on records.
                Error::Contended(_)
                | Error::UnknownPlaybook(_)
                | Error::NotAdopted { .. }
                | Error::NoMailer(_)
                | Error::UnknownTenant(_) => {}
                // What can't be read can't be written on either.
                Error::Unreadable { .. } => self.inner.damaged.note(&key, now),
                _ => {
                    let tenant = key.tenant.clone();
                    let (key, error) = (key.clone(), told::with_its_source(&error));
                    jobs.push(Job::Wake(tenant, Wake::Failed { key, error }));
                }
            }
            ticked.failures.push((key, error));
        }
        for outcome in self.carry_out(jobs, now).await {
            if let Outcome::Failed(Error::Store(error)) = outcome {
                return Err(Error::Store(error));
            }
        }
        Ok(())
    }
}

/// These lanes, and more.
fn with(lanes: &Lanes, more: Vec<Lane>) -> Lanes {
    if more.is_empty() {
        return lanes.clone();
    }
    lanes.iter().cloned().chain(more).collect()
}

fn runaway(key: &Key) -> Job {
    let wake = Wake::Runaway {
        key: key.clone(),
        error: SmolStr::new_static("its rules start each other without end"),
    };
    Job::Wake(key.tenant.clone(), wake)
}
