//! Flaws in reading records and the journal.

use super::Flaw;
use super::store::Flawed;
use crate::ids::Tenant;
use crate::store::{JournalCursor, Journaled, Key, Kind, Loaded, Store, StoreError, Version};

const MOST_KEYS: usize = 1_000;

impl Flawed {
    pub(super) async fn load_spoiled(&self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError> {
        let mut keys: Vec<Key> = keys.iter().map(|key| self.key(key)).collect();
        match self.flaw {
            Flaw::AnswersSorted => keys.sort(),
            Flaw::KeysAtMostAThousand => keys.truncate(MOST_KEYS),
            Flaw::KindForgotten => {
                let contacts = keys.iter_mut().filter(|key| key.kind == Kind::Contact);
                contacts.for_each(|key| key.kind = Kind::Lead);
            }
            _ => {}
        }
        let mut loaded = self.memory.load(&keys).await?;
        for (key, loaded) in keys.iter().zip(&mut loaded) {
            match self.flaw {
                Flaw::AbsentIsEmpty if loaded.body.is_none() => loaded.body = Some(Vec::new()),
                Flaw::JournalNotLoaded if key.kind == Kind::Journal => *loaded = Loaded::absent(),
                Flaw::VersionsStandStill => loaded.version = loaded.version.min(Version(2)),
                _ => {}
            }
        }
        Ok(loaded)
    }

    pub(super) async fn journal_spoiled(
        &self,
        tenant: &Tenant,
        after: JournalCursor,
        limit: usize,
    ) -> Result<Vec<Journaled>, StoreError> {
        if self.is(Flaw::EntriesNumberedEarly) {
            let entries = self.numbered_entries(tenant, after, limit);
            if !entries.is_empty() {
                self.come_in();
            }
            return Ok(entries);
        }
        let (mut tenant, mut after, mut limit) = (tenant.clone(), after, limit);
        match self.flaw {
            Flaw::JournalIsMore => limit = limit.saturating_add(1),
            Flaw::JournalOfAll => tenant = Tenant::from("acme"),
            // It takes a cursor for the place of the next entry.
            Flaw::EntriesSkipped if after.0 > 0 => after.0 = after.0.saturating_add(1),
            _ => {}
        }
        let mut entries = self.memory.journal(&tenant, after, limit).await?;
        if self.is(Flaw::EntriesSortedById) {
            entries.sort_by_key(|entry| entry.command);
        }
        Ok(entries)
    }

    /// What was published so far, by the numbers that writers took before they wrote.
    fn numbered_entries(
        &self,
        tenant: &Tenant,
        after: JournalCursor,
        limit: usize,
    ) -> Vec<Journaled> {
        let notes = self.notes();
        let own = notes.numbered.iter().filter(|(other, _)| other == tenant);
        let mut entries: Vec<Journaled> = own.map(|(_, entry)| entry.clone()).collect();
        entries.retain(|entry| entry.cursor > after);
        entries.sort_by_key(|entry| entry.cursor);
        entries.truncate(limit);
        entries
    }
}
