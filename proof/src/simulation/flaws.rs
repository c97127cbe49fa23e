//! Stores and mailers that are broken on purpose: what the simulation must catch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use async_trait::async_trait;
use leadkit::ids::{CommandId, Tenant};
use leadkit::mailer::{Mailer, Outcome, Outgoing};
use leadkit::store::{
    Changes, Count, Counted, Due, JournalCursor, Journaled, Key, Kind, Lanes, Loaded, NextDue,
    Page, Select, Store, StoreError, StoredFact, Verdict,
};
use leadkit::time::{Elapsed, Instant};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The store writes over what moved.
    NoVersionCheck,
    /// The store doesn't look at what a decision relied on.
    NoCheckOfWhatIsReliedOn,
    /// The store carries a command out again.
    CommandsTwice,
    /// The store says of some commits that they are written, and loses them.
    LosesCommits,
    /// The store loses a part of some commits.
    LosesParts,
    /// The store loses some clocks.
    LosesClocks,
    /// The store keeps some clocks a minute late.
    LateClocks,
    /// The store keeps some clocks in the lane of another playbook.
    WrongLane,
    /// The store keeps some facts as they were before.
    StaleFacts,
    /// The store answers some loads with what was there before.
    StaleLoads,
    /// The store answers some loads with a record of another tenant.
    TenantsMixed,
    /// The store forgets some journal entries.
    ForgetsJournal,
    /// The store keeps some journal entries with a byte too many, which read the same.
    PadsJournal,
    /// The store says of some changes of leads for ever that what they write has moved.
    MovedByNobody,
    /// The mailer says that what nobody knows surely did not go.
    UnknownIsLater,
    /// The mailer says of what was accepted that it did not go.
    AcceptedIsLater,
    /// The mailer says that it has handed over what it has not.
    LaterIsAccepted,
    /// The mailer sends some messages to where the one before went.
    WrongAddress,
    /// The mailer sends some messages in the name of whoever the one before came from.
    WrongSender,
    /// The store ignores leases. That breaks no promise to anybody: leases only spare work.
    IgnoresLeases,
}

/// A store with a flaw.
#[derive(Clone, Debug)]
pub(crate) struct FlawedStore {
    store: Arc<dyn Store>,
    flaw: Option<Flaw>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    calls: u64,
    repeated: u64,
    known: BTreeMap<Key, Loaded>,
    /// What was last loaded of each kind, for each tenant.
    of_tenants: BTreeMap<(Kind, Tenant), Vec<u8>>,
    facts: BTreeMap<Key, Vec<StoredFact>>,
}

impl FlawedStore {
    pub(crate) fn new(store: Arc<dyn Store>, flaw: Option<Flaw>) -> Self {
        let state = Arc::default();
        Self { store, flaw, state }
    }

    fn state<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Now and then.
    fn strikes(&self) -> bool {
        self.state(|state| {
            state.calls += 1;
            state.calls % 37 == 36
        })
    }

    async fn version(&self, key: &Key) -> Result<leadkit::store::Version, StoreError> {
        let loaded = self.store.load(std::slice::from_ref(key)).await?;
        let loaded = loaded.into_iter().next();
        Ok(loaded.map_or(leadkit::store::Version::ABSENT, |loaded| loaded.version))
    }

    /// Makes of a change what the flawed store makes of it; `None`, if nothing.
    async fn spoil(&self, mut change: Changes) -> Result<Option<Changes>, StoreError> {
        match self.flaw {
            Some(Flaw::NoVersionCheck) => {
                change.checks.clear();
                for put in &mut change.puts {
                    put.read = self.version(&put.key).await?;
                }
            }
            Some(Flaw::NoCheckOfWhatIsReliedOn) => change.checks.clear(),
            Some(Flaw::CommandsTwice) => {
                let key = Key::journal(&change.tenant, change.command);
                if self.version(&key).await? != leadkit::store::Version::ABSENT {
                    let number = self.state(|state| {
                        state.repeated += 1;
                        state.repeated
                    });
                    change.command = CommandId::of(&format!("again {number}"));
                }
            }
            Some(Flaw::LosesCommits) if self.strikes() => return Ok(None),
            Some(Flaw::LosesParts) if change.puts.len() > 1 && self.strikes() => {
                change.puts.pop();
            }
            Some(Flaw::LosesClocks) if self.strikes() => {
                change.puts.iter_mut().for_each(|put| put.wakes = None);
            }
            Some(Flaw::LateClocks) if self.strikes() => {
                for put in &mut change.puts {
                    if let Some(wakes) = &mut put.wakes {
                        wakes.at += Elapsed::minutes(1);
                    }
                }
            }
            Some(Flaw::WrongLane) if self.strikes() => {
                let clocks = change.puts.iter_mut().filter_map(|put| put.wakes.as_mut());
                clocks.for_each(|wakes| wakes.lane = "of another playbook".into());
            }
            Some(Flaw::StaleFacts) => {
                for put in &mut change.puts {
                    let strikes = self.strikes();
                    let now = (put.key.clone(), put.facts.clone());
                    let before = self.state(|state| state.facts.insert(now.0, now.1));
                    match before {
                        Some(old) if strikes => put.facts = old,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        Ok(Some(change))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Store for FlawedStore {
    async fn load(&self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError> {
        let mut loaded = self.store.load(keys).await?;
        if self.flaw == Some(Flaw::StaleLoads) {
            // What was there when it was last asked for, under the version that is.
            for (key, loaded) in keys.iter().zip(&mut loaded) {
                let strikes = self.strikes();
                let before = self.state(|state| state.known.insert(key.clone(), loaded.clone()));
                match before {
                    Some(old) if strikes && old.body.is_some() => loaded.body = old.body,
                    _ => {}
                }
            }
        }
        if self.flaw == Some(Flaw::TenantsMixed) {
            for (key, loaded) in keys.iter().zip(&mut loaded) {
                let Some(body) = &mut loaded.body else {
                    continue;
                };
                let mine = (key.kind, key.tenant.clone());
                let others = self.state(|state| {
                    state.of_tenants.insert(mine.clone(), body.clone());
                    let mut others = state.of_tenants.iter();
                    let other = others.find(|((kind, of), _)| *kind == mine.0 && *of != mine.1);
                    other.map(|(_, body)| body.clone())
                });
                match others {
                    Some(others) if self.strikes() => *body = others,
                    _ => {}
                }
            }
        }
        Ok(loaded)
    }

    async fn commit(&self, changes: Vec<Changes>) -> Result<Vec<Verdict>, StoreError> {
        let mut verdicts = Vec::new();
        for change in changes {
            let is_of_a_lead = change.puts.iter().any(|put| put.key.kind == Kind::Lead);
            let is_hopeless = is_of_a_lead && change.command.0.as_bytes()[15] % 37 == 0;
            if self.flaw == Some(Flaw::MovedByNobody) && is_hopeless {
                let moved = change.puts.into_iter().map(|put| put.key);
                verdicts.push(Verdict::Moved(moved.collect()));
                continue;
            }
            match self.spoil(change).await? {
                Some(change) => verdicts.extend(self.store.commit(vec![change]).await?),
                None => verdicts.push(Verdict::Written),
            }
        }
        Ok(verdicts)
    }

    async fn due(
        &self,
        lanes: &Lanes,
        now: Instant,
        limit: usize,
        lease_until: Instant,
    ) -> Result<Vec<Due>, StoreError> {
        let lease_until = match self.flaw {
            Some(Flaw::IgnoresLeases) => Instant::UNIX_EPOCH,
            _ => lease_until,
        };
        self.store.due(lanes, now, limit, lease_until).await
    }

    async fn next_due(&self, now: Instant) -> Result<Vec<NextDue>, StoreError> {
        self.store.next_due(now).await
    }

    async fn select(&self, select: &Select) -> Result<Page, StoreError> {
        self.store.select(select).await
    }

    async fn count(&self, count: &Count) -> Result<Vec<Counted>, StoreError> {
        self.store.count(count).await
    }

    async fn journal(
        &self,
        tenant: &Tenant,
        after: JournalCursor,
        limit: usize,
    ) -> Result<Vec<Journaled>, StoreError> {
        let mut page = self.store.journal(tenant, after, limit).await?;
        if self.flaw == Some(Flaw::ForgetsJournal) {
            page.retain(|entry| entry.cursor.0 % 37 != 36);
        }
        if self.flaw == Some(Flaw::PadsJournal) {
            let some = page.iter_mut().filter(|entry| entry.cursor.0 % 37 == 36);
            some.for_each(|entry| entry.body.push(0));
        }
        Ok(page)
    }
}

/// A mailer with a flaw.
#[derive(Clone, Debug)]
pub(crate) struct FlawedMailer {
    mailer: Arc<dyn Mailer>,
    flaw: Option<Flaw>,
    handed_over: Arc<Mutex<HandedOver>>,
}

#[derive(Debug, Default)]
struct HandedOver {
    messages: u64,
    last: Option<Outgoing>,
}

impl FlawedMailer {
    pub(crate) fn new(mailer: Arc<dyn Mailer>, flaw: Option<Flaw>) -> Self {
        let handed_over = Arc::default();
        Self {
            mailer,
            flaw,
            handed_over,
        }
    }

    /// Makes of a message what the flawed mailer makes of it.
    fn spoil(&self, message: &Outgoing) -> Outgoing {
        let mut message = message.clone();
        let mut handed_over = self
            .handed_over
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        handed_over.messages += 1;
        let strikes = handed_over.messages % 7 == 6;
        let before = handed_over.last.replace(message.clone());
        match (self.flaw, before.filter(|_| strikes)) {
            (Some(Flaw::WrongAddress), Some(before)) => message.to = before.to,
            (Some(Flaw::WrongSender), Some(before)) => message.from = before.from,
            _ => {}
        }
        message
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Mailer for FlawedMailer {
    async fn hand_over(&self, message: &Outgoing) -> Outcome {
        let outcome = self.mailer.hand_over(&self.spoil(message)).await;
        let said = "so it says".into();
        match (self.flaw, outcome) {
            (Some(Flaw::UnknownIsLater), Outcome::Unknown { .. })
            | (Some(Flaw::AcceptedIsLater), Outcome::Accepted) => Outcome::Later { said },
            (Some(Flaw::LaterIsAccepted), Outcome::Later { .. }) => Outcome::Accepted,
            (_, outcome) => outcome,
        }
    }
}
