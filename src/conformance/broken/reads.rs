//! Flaws in reading records and the journal.

use super::Flaw;
use super::store::Flawed;
use crate::ids::Tenant;
use crate::store::{JournalCursor, Journaled, Key, Kind, Loaded, Store, StoreError, Version};

const MOST_KEYS: usize = 1_000;
const MOST_BYTES: usize = 1 << 20;

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
        let mut bytes = 0;
        for (key, loaded) in keys.iter().zip(&mut loaded) {
            bytes += loaded.body.as_ref().map_or(0, Vec::len);
            match self.flaw {
                Flaw::AnswersEndAtAMegabyte if bytes > MOST_BYTES => *loaded = Loaded::absent(),
                Flaw::HandlesRemember if key.kind != Kind::Journal => {
                    let mut notes = self.notes();
                    let first = notes.read.entry(key.clone());
                    *loaded = first.or_insert_with(|| loaded.clone()).clone();
                }
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
        if self.is(Flaw::NumbersBeginAnew) {
            return self.renumbered_entries(tenant, after, limit).await;
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

    /// What was written since it was opened, counted from the beginning again.
    async fn renumbered_entries(
        &self,
        tenant: &Tenant,
        after: JournalCursor,
        limit: usize,
    ) -> Result<Vec<Journaled>, StoreError> {
        let begin = JournalCursor(0);
        let mut entries = self.memory.journal(tenant, begin, usize::MAX).await?;
        let before = self.notes().entries_before.get(tenant).copied();
        for entry in &mut entries {
            if let Some(place) = entry.cursor.0.checked_sub(before.unwrap_or_default()) {
                entry.cursor.0 = if place > 0 { place } else { entry.cursor.0 };
            }
        }
        entries.retain(|entry| entry.cursor > after);
        entries.truncate(limit);
        Ok(entries)
    }
}
