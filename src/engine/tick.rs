//! The clockwork: waking what is due, handing over messages, going through sweeps.

use std::sync::atomic::Ordering;

use futures::future::join;
use rustc_hash::FxHashMap;
use smol_str::{SmolStr, format_smolstr};

use super::batch::{Batch, Drawn, Job, Outcome, wake_of};
use super::{Engine, Error};
use crate::decide::command::{Command, Wake, What};
use crate::decide::records::Records;
use crate::ids::{LeadId, Name, SweepId, Tenant};
use crate::mailer::{self, Outgoing};
use crate::record::Sweep;
use crate::record::message::Message;
use crate::record::tenant::TenantRecord;
use crate::store::{Due, Key, Kind, Lanes, NextDue, Order, Select};
use crate::time::{Elapsed, Instant};

/// How many due records are taken at once.
const BATCH: usize = 500;
/// How many messages a worker takes on at once.
const HANDED_AT_ONCE: usize = 16;
/// How long after a hand-over was begun the server may still be called.
const LATEST_DIAL: Elapsed = Elapsed::seconds(60);
/// How long a batch is ours alone.
pub(super) const LEASE: Elapsed = Elapsed::seconds(60);
/// How often one record may be woken in one tick: more often than a playbook can have rules. Beyond
/// that they start each other without end, and the record is set aside.
const MOST_WAKES: u32 = 1_024;

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
    /// set aside.
    pub failures: Vec<(Key, Error)>,
    /// What was due and is left to other workers, because this one doesn't know its playbook.
    /// Nobody serves it, unless another worker does: give the engine that playbook too, or have
    /// its leads adopted.
    pub left: Vec<Left>,
    /// What lies ahead.
    pub(super) ahead: Ahead,
    /// How often each record was woken. Looked up by key, and never gone through.
    wakes: FxHashMap<Key, u32>,
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

/// What is due, by what is to be done with it.
#[derive(Default)]
struct Claimed {
    now: Instant,
    leads: Vec<(Key, Job)>,
    messages: Vec<(Key, Job)>,
    sweeps: Vec<Key>,
}

impl Claimed {
    fn len(&self) -> usize {
        self.leads.len() + self.messages.len() + self.sweeps.len()
    }
}

/// A page of leads that was decided and waits to be committed.
struct Page {
    keys: Vec<Key>,
    batch: Batch,
    drawn: Drawn,
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
        self.tick_while(ticked, most, || true).await
    }

    /// The same, as long as it may go on: asked between two pages, and between two portions of
    /// messages. What was claimed and not begun is for whoever comes when its lease ends.
    pub(super) async fn tick_while(
        &self,
        ticked: &mut Ticked,
        most: usize,
        mut may_go_on: impl FnMut() -> bool,
    ) -> Result<usize, Error> {
        let mut done = 0;
        let mut page: Option<Page> = None;
        let mut lanes = self.inner.lanes.clone();
        loop {
            // Before the last page is committed, so that the same is found however fast that is.
            let limit = match may_go_on() {
                true => BATCH.min(most - done),
                false => 0,
            };
            let claimed = self.claim(&lanes, ticked, limit).await?;
            let found = claimed.len();
            done += found;
            if found > 0 || page.is_some() {
                page = self.turn(page, claimed, ticked, &mut may_go_on).await?;
                continue;
            }
            // Nothing is due any more: whatever is woken from here on is not started by itself.
            if limit > 0 {
                ticked.wakes.clear();
            }
            let former = self.look_ahead(ticked).await?;
            if done == most || limit == 0 || former.iter().all(|lane| lanes.contains(lane)) {
                return Ok(done);
            }
            lanes = lanes.iter().cloned().chain(former).collect();
        }
    }

    /// Takes what is due, and tells it apart.
    async fn claim(
        &self,
        lanes: &Lanes,
        ticked: &mut Ticked,
        limit: usize,
    ) -> Result<Claimed, Error> {
        // A tick can take long, and what falls due meanwhile is due.
        let now = self.inner.clock.now();
        let mut claimed = Claimed {
            now,
            ..Claimed::default()
        };
        if limit == 0 {
            return Ok(claimed);
        }
        let lease_until = now.checked_add_signed(LEASE).unwrap_or(now);
        let due = self.inner.store.due(lanes, now, limit, lease_until);
        for Due { key, .. } in due.await? {
            let count = ticked.wakes.entry(key.clone()).or_default();
            *count += 1;
            let wake = match key.kind {
                Kind::Sweep => {
                    claimed.sweeps.push(key);
                    continue;
                }
                _ if *count > MOST_WAKES => {
                    let error = SmolStr::new_static("its rules start each other without end");
                    let key = key.clone();
                    Some(Wake::Runaway { key, error })
                }
                _ => wake_of(&key),
            };
            let Some(wake) = wake else {
                continue;
            };
            let job = Job::Wake(key.tenant.clone(), wake);
            let portion = match key.kind {
                Kind::Message => &mut claimed.messages,
                _ => &mut claimed.leads,
            };
            portion.push((key, job));
        }
        Ok(claimed)
    }

    /// Commits a page of leads while the next one is decided; then does what else was claimed.
    /// Returns the page that waits to be committed.
    async fn turn(
        &self,
        page: Option<Page>,
        claimed: Claimed,
        ticked: &mut Ticked,
        may_go_on: &mut impl FnMut() -> bool,
    ) -> Result<Option<Page>, Error> {
        let Claimed {
            now,
            leads,
            messages,
            sweeps,
        } = claimed;
        // What the last page writes, as if it were written. Where that turns out otherwise, the
        // versions tell.
        let records = page.as_ref().map(|page| page.drawn.records());
        let next = self.decide_page(leads, now, records.unwrap_or_default());
        let (landed, next) = join(self.land_page(page, ticked), next).await;
        landed?;
        if messages.is_empty() && sweeps.is_empty() {
            return Ok(next);
        }
        self.land_page(next, ticked).await?;
        // Few messages at once: each must be handed over within its worker's time.
        for portion in messages.chunks(HANDED_AT_ONCE) {
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
        Ok(None)
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
        let drawn = self.draw(&mut batch).await;
        Some(Page { keys, batch, drawn })
    }

    /// Commits a page of leads, and does again what moved meanwhile.
    async fn land_page(&self, page: Option<Page>, ticked: &mut Ticked) -> Result<(), Error> {
        let Some(Page {
            keys,
            mut batch,
            drawn,
        }) = page
        else {
            return Ok(());
        };
        let now = batch.now();
        self.land(&mut batch, drawn).await;
        let mut failed = Vec::new();
        for (key, outcome) in keys.into_iter().zip(self.complete(batch).await) {
            match outcome {
                Outcome::Written(..) => ticked.fired += 1,
                Outcome::AlreadyDone | Outcome::Nothing => {}
                Outcome::Failed(error) => failed.push((key, error)),
            }
        }
        self.note_failures(failed, now, ticked).await
    }

    async fn wake_messages(
        &self,
        portion: &[(Key, Job)],
        ticked: &mut Ticked,
    ) -> Result<(), Error> {
        let now = self.inner.clock.now();
        let jobs: Vec<Job> = portion.iter().map(|(_, job)| job.clone()).collect();
        let mut outgoing = Vec::new();
        let mut failed = Vec::new();
        for ((key, _), outcome) in portion.iter().zip(self.carry_out(jobs, now).await) {
            match outcome {
                Outcome::Written(decision, message) => {
                    let channel = decision
                        .written::<Message>(key)
                        .map(|message| message.channel.clone());
                    outgoing.extend(message.zip(channel));
                }
                Outcome::AlreadyDone | Outcome::Nothing => {}
                Outcome::Failed(error) => failed.push((key.clone(), error)),
            }
        }
        self.hand_over(outgoing, ticked).await?;
        self.note_failures(failed, now, ticked).await
    }

    /// Puts failures on their records. A store that fails is nobody's fault but its own.
    async fn note_failures(
        &self,
        failed: Vec<(Key, Error)>,
        now: Instant,
        ticked: &mut Ticked,
    ) -> Result<(), Error> {
        let mut jobs = Vec::new();
        for (key, error) in failed {
            match error {
                Error::Store(error) => return Err(Error::Store(error)),
                // What moved again and again is tried again; what another playbook decides is for
                // workers who know that one. Nothing of that is on the records.
                Error::Contended(_) | Error::UnknownPlaybook(_) | Error::UnknownTenant(_) => {
                    ticked.failures.push((key, error));
                }
                error => {
                    let told = told(&error);
                    // Who can't be read can't be written on either; the lease keeps it out of
                    // the way, and it is reported whenever that has ended.
                    if !matches!(error, Error::Unreadable { .. }) {
                        jobs.push(Job::Wake(
                            key.tenant.clone(),
                            Wake::Failed {
                                key: key.clone(),
                                error: told,
                            },
                        ));
                    }
                    ticked.failures.push((key, error));
                }
            }
        }
        for outcome in self.carry_out(jobs, now).await {
            if let Outcome::Failed(Error::Store(error)) = outcome {
                return Err(Error::Store(error));
            }
        }
        Ok(())
    }

    /// Hands messages over whose hand-over was just committed, and commits what became of them.
    async fn hand_over(
        &self,
        outgoing: Vec<(Box<Outgoing>, Name)>,
        ticked: &mut Ticked,
    ) -> Result<(), Error> {
        let mut jobs = Vec::with_capacity(outgoing.len());
        for (message, channel) in outgoing {
            let spent = self.inner.clock.now().signed_duration_since(message.at);
            let outcome = match self.inner.mailers.get(&channel) {
                // Nobody has talked to a server yet, so this one is surely not sent.
                _ if spent >= LATEST_DIAL => mailer::Outcome::Later {
                    said: "the worker ran out of time".into(),
                },
                Some(mailer) => mailer.hand_over(&message).await,
                None => mailer::Outcome::Later {
                    said: format_smolstr!("no mailer for {channel}"),
                },
            };
            ticked.handed_over += 1;
            jobs.push(Job::Wake(
                message.tenant,
                Wake::HandedOver {
                    message: message.id,
                    attempt: message.attempt,
                    outcome,
                },
            ));
        }
        let now = self.inner.clock.now();
        for outcome in self.carry_out(jobs, now).await {
            // What can't be written down now is found in doubt when the worker's time is up.
            if let Outcome::Failed(Error::Store(error)) = outcome {
                return Err(Error::Store(error));
            }
        }
        Ok(())
    }

    /// Does one page of a sweep.
    async fn sweep_page(&self, key: &Key, now: Instant, ticked: &mut Ticked) -> Result<(), Error> {
        let Some((sweep, playbook)) = self.sweep_at_hand(key).await? else {
            return Ok(());
        };
        if sweep.wakes_at().is_none_or(|wakes_at| wakes_at > now) {
            return Ok(());
        }
        let tenant = &key.tenant;
        let condition = playbook
            .condition(&sweep.audience)
            .map_err(|faults| Error::Condition(joined(&faults)))?;
        let filter = condition.filter(sweep.occurrence_at);
        let filter = filter.map_err(|computed| Error::Condition(format_smolstr!("{computed}")))?;
        let page = self
            .inner
            .store
            .select(&Select {
                tenant: tenant.clone(),
                kind: Kind::Lead,
                filter,
                order: Order::Id,
                after: sweep
                    .cursor
                    .map(|id| crate::store::Cursor { value: None, id }),
                limit: Sweep::PAGE,
            })
            .await?;
        let targets = self.sweep_targets(&sweep, tenant, &page.keys, now, ticked);
        let (reached, refused) = targets.await?;
        let wake = Wake::SweepPage {
            sweep: SweepId(key.id),
            occurrence: sweep.occurrence,
            from: sweep.cursor,
            reached: page.next.map(|cursor| cursor.id),
            counts: (reached, refused),
        };
        ticked.pages += 1;
        match self
            .carry_out(vec![Job::Wake(tenant.clone(), wake)], now)
            .await
            .into_iter()
            .next()
        {
            Some(Outcome::Failed(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Carries a sweep's command out on the targets of a page. A target that refuses is counted,
    /// and so is one that can't be read, which is told as well. What else fails fails the page,
    /// so that it is done again, by somebody who can: no target is left out.
    async fn sweep_targets(
        &self,
        sweep: &Sweep,
        tenant: &Tenant,
        targets: &[Key],
        now: Instant,
        ticked: &mut Ticked,
    ) -> Result<(u64, u64), Error> {
        let jobs: Vec<Job> = targets
            .iter()
            .map(|target| {
                let lead = LeadId(target.id);
                let command = Command {
                    tenant: tenant.clone(),
                    actor: sweep.actor(),
                    happened_at: None,
                    what: What::Lead {
                        lead,
                        order: sweep.order.clone(),
                    },
                };
                Job::Command(sweep.command_for(lead), Box::new(command))
            })
            .collect();
        let mut refused = 0;
        for (target, outcome) in targets.iter().zip(self.carry_out(jobs, now).await) {
            match outcome {
                Outcome::Written(..) | Outcome::AlreadyDone | Outcome::Nothing => {}
                Outcome::Failed(Error::Refused(_)) => refused += 1,
                Outcome::Failed(error @ Error::Unreadable { .. }) => {
                    refused += 1;
                    ticked.failures.push((target.clone(), error));
                }
                Outcome::Failed(error) => return Err(error),
            }
        }
        Ok((u64::try_from(targets.len()).unwrap_or(u64::MAX), refused))
    }

    /// Makes the playbook of a tenant that nobody has seen before the active one.
    pub(super) async fn begin_tenant(&self, tenant: &Tenant, now: Instant) -> Result<(), Error> {
        let playbooks = self.playbooks(tenant)?;
        if playbooks.has_begun.load(Ordering::Relaxed) {
            return Ok(());
        }
        let key = Key::tenant(tenant);
        let mut records = Records::new();
        self.load_into(&mut records, vec![key.clone()]).await?;
        if records.record::<TenantRecord>(&key).is_some() {
            playbooks.has_begun.store(true, Ordering::Relaxed);
            return Ok(());
        }
        let begun = self.carry_out(vec![playbooks.begin(tenant)], now).await;
        match begun.into_iter().next() {
            Some(Outcome::Failed(error)) => Err(error),
            _ => Ok(()),
        }
    }
}

/// An error in one line, with what lies beneath it.
fn told(error: &Error) -> SmolStr {
    use std::error::Error as _;
    match error.source() {
        Some(source) => format_smolstr!("{error}: {source}"),
        None => format_smolstr!("{error}"),
    }
}

pub(super) fn joined(faults: &[crate::condition::Fault]) -> SmolStr {
    faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
        .into()
}
