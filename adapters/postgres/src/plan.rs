//! What a batch of one tenant's changes comes to, worked out without asking anybody: each change's
//! verdict, and what is to be written of each record.

use std::collections::{BTreeMap, BTreeSet};

use leadkit::ids::{CommandId, Id};
use leadkit::store::{Changes, Check, Key, Kind, Put, Verdict, Version};

/// What is true in the tables, as far as a batch is concerned.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// Of the records that are there.
    pub(crate) versions: BTreeMap<(Kind, Id), Version>,
    /// The batch's commands that are in the journal.
    pub(crate) done: BTreeSet<CommandId>,
    /// The records that somebody else's transaction has in hand, as far as that was asked.
    pub(crate) held: BTreeSet<(Kind, Id)>,
}

/// A record in the course of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending<'a> {
    /// In the tables.
    pub(crate) stored: Version,
    /// After the changes so far.
    version: Version,
    /// The last of them.
    pub(crate) put: Option<&'a Put>,
}

/// What a batch comes to.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) records: BTreeMap<(Kind, Id), Pending<'a>>,
    /// The changes that are written.
    pub(crate) written: Vec<&'a Changes>,
}

impl<'a> Plan<'a> {
    /// Works out a batch. Without the truth, what is read first of each record is believed; then
    /// the answer is `None` as soon as something doesn't fit.
    pub(crate) fn new(changes: &[&'a Changes], truth: Option<&Truth>) -> Option<Self> {
        let mut plan = Self::default();
        let mut commands: BTreeSet<CommandId> = BTreeSet::new();
        for change in changes {
            let verdict = plan.decide(change, truth, &commands);
            match verdict {
                Verdict::Written => {
                    commands.insert(change.command);
                    plan.written.push(change);
                }
                _ if truth.is_none() => return None,
                _ => {}
            }
            plan.verdicts.push(verdict);
        }
        Some(plan)
    }

    fn decide(
        &mut self,
        change: &'a Changes,
        truth: Option<&Truth>,
        commands: &BTreeSet<CommandId>,
    ) -> Verdict {
        let Changes {
            tenant: _,
            command,
            checks,
            puts,
            journal: _,
        } = change;
        let done = truth.is_some_and(|truth| truth.done.contains(command));
        if done || commands.contains(command) {
            return Verdict::AlreadyDone;
        }
        let mut moved: Vec<&Key> = Vec::new();
        let read = puts.iter().map(|put| (&put.key, put.read));
        let checked = checks.iter().map(|Check { key, version }| (key, *version));
        for (key, version) in read.chain(checked) {
            let slot = (key.kind, key.id);
            let pending = self.records.entry(slot).or_insert_with(|| {
                let stored = match truth {
                    Some(truth) => truth.versions.get(&slot).copied().unwrap_or_default(),
                    None => version,
                };
                Pending {
                    stored,
                    version: stored,
                    put: None,
                }
            });
            let is_held = truth.is_some_and(|truth| truth.held.contains(&slot));
            if (is_held || pending.version != version) && !moved.contains(&key) {
                moved.push(key);
            }
        }
        if !moved.is_empty() {
            return Verdict::Moved(moved.into_iter().cloned().collect());
        }
        for put in puts {
            if let Some(pending) = self.records.get_mut(&(put.key.kind, put.key.id)) {
                pending.put = Some(put);
                pending.version = match put.body {
                    Some(_) => put.makes,
                    None => Version::ABSENT,
                };
            }
        }
        Verdict::Written
    }

    /// Drops what only changes that aren't written have looked at.
    pub(crate) fn keep_what_counts(&mut self) {
        let mut counts: BTreeSet<(Kind, Id)> = BTreeSet::new();
        for change in &self.written {
            let puts = change.puts.iter().map(|put| &put.key);
            let checks = change.checks.iter().map(|check| &check.key);
            counts.extend(puts.chain(checks).map(|key| (key.kind, key.id)));
        }
        self.records.retain(|slot, _| counts.contains(slot));
    }

    /// The records that are not there, and are made.
    pub(crate) fn new_records(&self) -> impl Iterator<Item = (Kind, Id)> {
        let is_made = |pending: &Pending<'_>| {
            let makes = pending.put.is_some_and(|put| put.body.is_some());
            makes && pending.stored == Version::ABSENT
        };
        let records = self.records.iter();
        records
            .filter(move |(_, p)| is_made(p))
            .map(|(slot, _)| *slot)
    }

    pub(crate) fn puts(&self) -> Vec<&'a Put> {
        self.records.values().filter_map(|p| p.put).collect()
    }
}
