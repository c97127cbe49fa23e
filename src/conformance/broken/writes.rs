//! Flaws in writing.

use std::collections::BTreeMap;

use super::Flaw;
use super::store::{Flawed, refusal};
use crate::conformance::words::yield_once;
use crate::ids::CommandId;
use crate::store::{
    Changes, JournalCursor, Journaled, Key, Kind, Put, Store, StoreError, Verdict, Version,
};
use crate::time::Instant;
use crate::value::Value;

const MOST: usize = 1_000;

impl Flawed {
    pub(super) async fn commit_spoiled(
        &self,
        changes: Vec<Changes>,
    ) -> Result<Vec<Verdict>, StoreError> {
        let mut changes: Vec<Changes> = changes.into_iter().map(|c| self.change(c)).collect();
        match self.flaw {
            Flaw::EmptyIsAnError if changes.is_empty() => Err(refusal()),
            Flaw::ChangesAtMostAThousand => {
                changes.truncate(MOST);
                self.memory.commit(changes).await
            }
            Flaw::CrossingBatchesWait => {
                let verdicts = self.memory.commit(changes).await?;
                let is_batch = verdicts.len() > 1;
                if is_batch && verdicts.iter().any(|v| matches!(v, Verdict::Moved(_))) {
                    return std::future::pending().await;
                }
                Ok(verdicts)
            }
            Flaw::PagesLookTwice => {
                let written = self.memory.commit(changes).await;
                self.come_in();
                written
            }
            Flaw::LeasesOfTheHandle => self.commit_to_all_handles(&changes),
            Flaw::HandlesRemember | Flaw::LeasesPlanned => {
                let puts = changes.iter().flat_map(|change| &change.puts);
                let keys: Vec<Key> = puts.map(|put| put.key.clone()).collect();
                let written = self.memory.commit(changes).await;
                let mut notes = self.notes();
                for key in &keys {
                    notes.read.remove(key);
                    notes.leases.remove(key);
                }
                drop(notes);
                self.come_in();
                written
            }
            Flaw::LockedInTheProcess => self.commit_under_its_own_lock(changes),
            Flaw::DroppedHoldsOthersUp => {
                if std::mem::replace(&mut self.notes().running, 1) > 0 {
                    return Err(refusal());
                }
                yield_once().await;
                let verdicts = self.memory.commit(changes).await;
                self.notes().running = 0;
                verdicts
            }
            Flaw::CrossingBatchesFail => self.commit_alone(changes).await,
            Flaw::VersionsBeforeBatch => {
                let before = self.versions(&changes).await?;
                let misfits = |change: &Changes| moved(change, &before);
                let fits = changes.iter().map(misfits).collect::<Vec<_>>();
                let mut verdicts = Vec::new();
                for (change, moved) in changes.into_iter().zip(fits) {
                    verdicts.push(match moved.is_empty() {
                        true => self.commit_one(change).await?,
                        false => Verdict::Moved(moved),
                    });
                }
                Ok(verdicts)
            }
            Flaw::OptimisticBatches => self.commit_optimistically(changes).await,
            Flaw::BatchesAreOneChange => {
                let mut verdicts = Vec::new();
                for change in changes {
                    let failed = verdicts.iter().any(|v| matches!(v, Verdict::Moved(_)));
                    verdicts.push(match failed {
                        true => Verdict::Moved(Vec::new()),
                        false => self.commit_one(change).await?,
                    });
                }
                Ok(verdicts)
            }
            Flaw::CommandsKnownBeforeBatch => {
                let mut seen: Vec<CommandId> = Vec::new();
                for change in &mut changes {
                    if seen.contains(&change.command) {
                        change.command = self.unheard_of();
                    }
                    seen.push(change.command);
                }
                self.memory.commit(changes).await
            }
            _ => {
                for change in &changes {
                    change.check()?;
                }
                let mut verdicts = Vec::new();
                for change in changes {
                    verdicts.push(self.commit_one(change).await?);
                }
                Ok(verdicts)
            }
        }
    }

    async fn commit_one(&self, mut change: Changes) -> Result<Verdict, StoreError> {
        let versions = self.versions(std::slice::from_ref(&change)).await?;
        let moved = moved(&change, &versions);
        let repeated = moved.clone();
        match self.flaw {
            Flaw::CommandsForgotten => change.command = self.unheard_of(),
            Flaw::CommandsOfAll if !self.notes().commands.insert(change.command) => {
                return Ok(Verdict::AlreadyDone);
            }
            Flaw::CommandsRace => {
                let entry = [Key::journal(&change.tenant, change.command)];
                let done = self.memory.load(&entry).await?;
                if done.iter().any(|entry| entry.body.is_some()) {
                    return Ok(Verdict::AlreadyDone);
                }
                self.let_others_in();
                change.command = self.unheard_of();
            }
            // First the records, then the journal.
            Flaw::DroppedIsHalfWritten if moved.is_empty() => {
                let command = std::mem::replace(&mut change.command, self.unheard_of());
                let mut entry = change.clone();
                entry.puts.clear();
                entry.checks.clear();
                entry.command = command;
                let _ = self.memory.commit(vec![change]).await?;
                yield_once().await;
                change = entry;
            }
            Flaw::ChecksRace if moved.is_empty() && !change.checks.is_empty() => {
                self.let_most_in();
                change.checks.clear();
            }
            // It lets go of its lock when it has read the versions.
            Flaw::CheckedThenWritten if moved.is_empty() => {
                self.let_others_in();
                return self.write_over(change).await;
            }
            Flaw::VersionNotChecked => return self.write_over(change).await,
            Flaw::VersionsFirst if !moved.is_empty() => return Ok(Verdict::Moved(moved)),
            Flaw::MovedIsHalfWritten if !moved.is_empty() => {
                let mut half = change.clone();
                half.puts.retain(|put| !moved.contains(&put.key));
                half.command = self.unheard_of();
                let _ = self.memory.commit(vec![half]).await?;
            }
            Flaw::RemovalFailsOnAbsent => {
                let mut removals = change.puts.iter().filter(|put| put.body.is_none());
                if let Some(put) = removals.find(|put| put.read == Version::ABSENT) {
                    return Ok(Verdict::Moved(vec![put.key.clone()]));
                }
            }
            Flaw::RemovedForEver => {
                let mut notes = self.notes();
                if let Some(put) = change
                    .puts
                    .iter()
                    .find(|put| notes.removed.contains(&put.key))
                {
                    return Ok(Verdict::Moved(vec![put.key.clone()]));
                }
                let removals = change.puts.iter().filter(|put| put.body.is_none());
                notes.removed.extend(removals.map(|put| put.key.clone()));
            }
            Flaw::EntriesNumberedEarly => return self.number_early(change).await,
            Flaw::ClaimsOfAll => {
                let mut notes = self.notes();
                for put in change.puts.iter().filter(|put| put.key.kind == Kind::Claim) {
                    let holder = notes.claims.entry(put.key.id);
                    let holder = holder.or_insert_with(|| change.tenant.clone());
                    if *holder != change.tenant {
                        return Ok(Verdict::Moved(vec![put.key.clone()]));
                    }
                }
            }
            _ => {}
        }
        let verdict = self.memory.commit(vec![change]).await?.pop();
        let verdict = verdict.ok_or_else(refusal)?;
        Ok(match verdict {
            Verdict::Moved(_) if self.is(Flaw::MovedIsRepeated) => Verdict::Moved(repeated),
            Verdict::Moved(mut keys) if self.is(Flaw::MovedIsBrief) => {
                keys.truncate(1);
                Verdict::Moved(keys)
            }
            verdict => verdict,
        })
    }

    /// Each handle has a copy of everything, and leases of its own.
    fn commit_to_all_handles(&self, changes: &[Changes]) -> Result<Vec<Verdict>, StoreError> {
        let mut verdicts = Ok(Vec::new());
        let copies = self.copies();
        for copy in copies.iter() {
            verdicts = pollster::block_on(copy.commit(changes.to_vec()));
        }
        verdicts
    }

    /// It knows of nobody but those who use this handle.
    fn commit_under_its_own_lock(&self, changes: Vec<Changes>) -> Result<Vec<Verdict>, StoreError> {
        for change in &changes {
            change.check()?;
        }
        let _alone = self.alone();
        let commit = |change: Changes| {
            pollster::block_on(async {
                let versions = self.versions(std::slice::from_ref(&change)).await?;
                if self.is_shared() && moved(&change, &versions).is_empty() {
                    self.let_others_in();
                    return self.write_over(change).await;
                }
                let verdict = self.memory.commit(vec![change]).await?.pop();
                verdict.ok_or_else(refusal)
            })
        };
        changes.into_iter().map(commit).collect()
    }

    /// Takes its number in the journal, writes, and publishes its entry; the first one when
    /// somebody has read the entry of another.
    async fn number_early(&self, change: Changes) -> Result<Verdict, StoreError> {
        let taken = {
            let mut notes = self.notes();
            notes.taken += 1;
            notes.taken
        };
        if taken == 1 {
            self.let_others_in();
        }
        let entry = Journaled {
            cursor: JournalCursor(taken),
            command: change.command,
            body: change.journal.clone(),
        };
        let tenant = change.tenant.clone();
        let verdict = self.memory.commit(vec![change]).await?.pop();
        let verdict = verdict.ok_or_else(refusal)?;
        if verdict == Verdict::Written {
            self.notes().numbered.push((tenant, entry));
        }
        Ok(verdict)
    }

    /// Writes a change whatever it has read, and whoever writes meanwhile.
    async fn write_over(&self, mut change: Changes) -> Result<Verdict, StoreError> {
        change.checks.clear();
        loop {
            let now = self.versions(std::slice::from_ref(&change)).await?;
            for put in &mut change.puts {
                put.read = now.get(&put.key).copied().unwrap_or_default();
            }
            match self.memory.commit(vec![change.clone()]).await?.pop() {
                Some(Verdict::Moved(_)) => {}
                verdict => return verdict.ok_or_else(refusal),
            }
        }
    }

    /// Takes it for granted that the earlier changes of a batch are written.
    async fn commit_optimistically(
        &self,
        changes: Vec<Changes>,
    ) -> Result<Vec<Verdict>, StoreError> {
        let mut expected = self.versions(&changes).await?;
        let mut verdicts = Vec::new();
        for change in changes {
            let moved = moved(&change, &expected);
            for put in &change.puts {
                expected.insert(put.key.clone(), put.makes);
            }
            verdicts.push(match moved.is_empty() {
                true => self.write_over(change).await?,
                false => Verdict::Moved(moved),
            });
        }
        Ok(verdicts)
    }

    /// Like a database that finds two batches waiting for each other, and an adapter that
    /// doesn't try again.
    async fn commit_alone(&self, changes: Vec<Changes>) -> Result<Vec<Verdict>, StoreError> {
        let others = {
            let mut notes = self.notes();
            notes.running += 1;
            notes.running - 1
        };
        self.let_others_in();
        let verdicts = match others {
            0 => self.memory.commit(changes).await,
            _ => Err(refusal()),
        };
        self.notes().running -= 1;
        verdicts
    }

    async fn versions(&self, changes: &[Changes]) -> Result<BTreeMap<Key, Version>, StoreError> {
        let puts = changes.iter().flat_map(|change| &change.puts);
        let checks = changes.iter().flat_map(|change| &change.checks);
        let keys: Vec<Key> = puts
            .map(|put| put.key.clone())
            .chain(checks.map(|check| check.key.clone()))
            .collect();
        let loaded = self.memory.load(&keys).await?;
        let versions = loaded.into_iter().map(|loaded| loaded.version);
        Ok(keys.into_iter().zip(versions).collect())
    }

    fn unheard_of(&self) -> CommandId {
        let mut notes = self.notes();
        notes.taken += 1;
        CommandId::of(&format!("unheard of {}", notes.taken))
    }

    /// A change as a store with this flaw understands it.
    fn change(&self, mut change: Changes) -> Changes {
        let tenant = change.tenant.clone();
        match self.flaw {
            Flaw::ChecksForgotten => change.checks.clear(),
            Flaw::JournalKeysIgnored => {
                change.puts.retain(|put| put.key.kind != Kind::Journal);
                change
                    .checks
                    .retain(|check| check.key.kind != Kind::Journal);
            }
            Flaw::OtherTenantsIgnored => {
                change.puts.retain(|put| put.key.tenant == tenant);
                change.checks.retain(|check| check.key.tenant == tenant);
            }
            Flaw::LastPutWins => {
                let mut last: Vec<Put> = Vec::new();
                for put in change.puts.drain(..) {
                    last.retain(|other| other.key != put.key);
                    last.push(put);
                }
                change.puts = last;
            }
            Flaw::PutsAtMostAThousand => change.puts.truncate(MOST),
            Flaw::FourthWriteLost => change.puts.retain(|put| put.read.count() < 3),
            Flaw::TenantsFolded => {
                change.tenant = tenant.as_str().trim().to_lowercase().into();
            }
            _ => {}
        }
        for check in &mut change.checks {
            check.key = self.key(&check.key);
        }
        for put in &mut change.puts {
            self.spoil(put);
        }
        if self.is(Flaw::ClaimNotChecked) {
            let state = pollster::block_on(self.versions(std::slice::from_ref(&change)));
            let state = state.unwrap_or_default();
            for put in change
                .puts
                .iter_mut()
                .filter(|put| put.read == Version::ABSENT)
            {
                put.read = state.get(&put.key).copied().unwrap_or_default();
            }
        }
        change
    }

    fn spoil(&self, put: &mut Put) {
        put.key = self.key(&put.key);
        put.facts = put.facts.drain(..).map(|fact| self.fact(fact)).collect();
        let mut notes = self.notes();
        match self.flaw {
            Flaw::BodiesAreShort => {
                if let Some(body) = &mut put.body {
                    body.truncate(64 << 10);
                }
            }
            Flaw::BodiesAreText => {
                let text = |body: Vec<u8>| String::from_utf8_lossy(&body).into_owned().into();
                put.body = put.body.take().map(text);
            }
            Flaw::ClocksInSeconds => {
                if let Some(wakes) = &mut put.wakes {
                    let seconds = Instant::from_timestamp(wakes.at.timestamp(), 0);
                    wakes.at = seconds.unwrap_or(wakes.at);
                }
            }
            Flaw::ClocksStay => match &put.wakes {
                Some(wakes) => drop(notes.clocks.insert(put.key.clone(), wakes.clone())),
                None => put.wakes = notes.clocks.get(&put.key).cloned(),
            },
            Flaw::LanesStay => {
                if let Some(wakes) = &mut put.wakes {
                    let first = notes.clocks.entry(put.key.clone());
                    wakes.lane = first.or_insert_with(|| wakes.clone()).lane.clone();
                }
            }
            Flaw::VersionsAreCounted => put.makes = put.read.next(),
            Flaw::RemovedAreEmpty => put.body = Some(put.body.take().unwrap_or_default()),
            Flaw::FactsOfAll if !put.key.kind.has_facts() => put.facts.clear(),
            Flaw::EmptyTextIsMissing => put.facts.retain(|fact| fact.value != Value::from("")),
            Flaw::FactsAreFew => put.facts.truncate(16),
            Flaw::FactsKeepTheirType => put.facts.retain(|fact| {
                let value_type = fact.value.value_type();
                let types = &mut notes.types;
                *types.entry(fact.name.to_string()).or_insert(value_type) == value_type
            }),
            Flaw::UnheardOfIsAnError => {
                let types = put.facts.iter();
                let types = types.map(|fact| (fact.name.to_string(), fact.value.value_type()));
                notes.types.extend(types);
            }
            Flaw::FactsAddUp => {
                let facts = notes.facts.entry(put.key.clone()).or_default();
                facts.retain(|old| put.facts.iter().all(|new| new.name != old.name));
                facts.append(&mut put.facts);
                put.facts.clone_from(facts);
            }
            _ => {}
        }
    }
}

/// The keys of a change whose versions aren't these.
fn moved(change: &Changes, versions: &BTreeMap<Key, Version>) -> Vec<Key> {
    let read = change.puts.iter().map(|put| (&put.key, put.read));
    let checked = change
        .checks
        .iter()
        .map(|check| (&check.key, check.version));
    let differs = |(key, version): &(&Key, Version)| {
        versions.get(*key).copied().unwrap_or_default() != *version
    };
    read.chain(checked)
        .filter(differs)
        .map(|(key, _)| key.clone())
        .collect()
}
