//! Writing a batch of changes, in one of two ways.
//!
//! *Straight*: every record is written where its version still is the one that was read, in
//! the order of the changes. That reads nothing twice; but when a record has moved, earlier
//! records of the same change are written already, and the whole transaction must be undone.
//!
//! *With care*, then: versions are read first, changes that don't fit are left out, and what
//! is left of the batch is written at the end, each record once.

use std::collections::BTreeMap;

use leadkit::ids::{Id, Tenant};
use leadkit::store::{Changes, Check, Key, Kind, Put, StoredFact, Verdict, Version};
use rusqlite::Connection;

use crate::facts::{Encoded, Layout, Overflow, Place};
use crate::session::{JOURNAL_ROOM, Prepared, Session, bind_key, version, version_number};
use crate::tables::Sql;

/// The statements that write.
#[derive(Debug)]
pub(super) struct Statements<'c> {
    version: Prepared<'c>,
    insert: Prepared<'c>,
    update: Prepared<'c>,
    delete: Prepared<'c>,
    new_entry: Prepared<'c>,
    last_place: Prepared<'c>,
    facts: Vec<Facts<'c>>,
}

/// The statements that write the facts of one kind.
#[derive(Debug)]
struct Facts<'c> {
    kind: Kind,
    layout: &'static Layout,
    write: Prepared<'c>,
    overflow: Prepared<'c>,
    delete: Prepared<'c>,
}

impl<'c> Statements<'c> {
    pub(super) fn new(connection: &'c Connection, sql: &'c Sql) -> Self {
        let prepared = |sql: &'c str| Prepared::new(connection, sql);
        let facts = sql.facts.iter().filter_map(|(kind, sql)| {
            Some(Facts {
                kind: *kind,
                layout: Layout::of(*kind)?,
                write: prepared(&sql.write),
                overflow: prepared(&sql.overflow),
                delete: prepared(&sql.delete),
            })
        });
        Self {
            version: prepared(&sql.version),
            insert: prepared(&sql.insert),
            update: prepared(&sql.update),
            delete: prepared(&sql.delete),
            new_entry: prepared(&sql.new_entry),
            last_place: prepared(&sql.last_place),
            facts: facts.collect(),
        }
    }
}

/// What a batch makes of the records that it touches, and of the journals it writes.
#[derive(Debug, Default)]
struct Batch<'a> {
    records: BTreeMap<(i64, Kind, Id), Pending<'a>>,
    places: Places,
}

/// The last place taken in each tenant's journal.
type Places = BTreeMap<i64, i64>;

/// A record in the course of a batch.
#[derive(Debug)]
struct Pending<'a> {
    /// In the file.
    stored: Version,
    /// After the changes so far.
    version: Version,
    /// The last of them.
    put: Option<&'a Put>,
}

impl Session<'_> {
    /// Writes changes that [`Changes::check`] accepts, in a transaction of their own.
    pub(crate) fn commit<'a>(
        &mut self,
        changes: impl Iterator<Item = &'a Changes> + Clone,
    ) -> rusqlite::Result<Vec<Verdict>> {
        let straight = self.trying(|session| session.write_straight(changes.clone()))?;
        match straight {
            Some(verdicts) => Ok(verdicts),
            None => self.writing(|session| session.write_with_care(changes)),
        }
    }

    /// Writes changes one after the other; `None` when a record has moved, and everything must
    /// be undone.
    fn write_straight<'a>(
        &mut self,
        changes: impl Iterator<Item = &'a Changes>,
    ) -> rusqlite::Result<Option<Vec<Verdict>>> {
        let mut places = Places::default();
        let mut verdicts = Vec::with_capacity(changes.size_hint().0);
        for changes in changes {
            match self.write_one(&mut places, changes)? {
                Some(verdict) => verdicts.push(verdict),
                None => return Ok(None),
            }
        }
        Ok(Some(verdicts))
    }

    fn write_one(
        &mut self,
        places: &mut Places,
        changes: &Changes,
    ) -> rusqlite::Result<Option<Verdict>> {
        let Changes {
            tenant,
            command,
            checks,
            puts,
            journal,
        } = changes;
        let tenant = self.names.tenant_or_new(tenant)?;
        if !self.journal_once(places, tenant, command.0, journal)? {
            return Ok(Some(Verdict::AlreadyDone));
        }
        // Before the puts: a record that is put may be checked as well.
        for Check { key, version } in checks {
            if self.stored_version(tenant, key)? != *version {
                return Ok(None);
            }
        }
        for put in puts {
            if !self.put(tenant, put, put.read)? {
                return Ok(None);
            }
        }
        Ok(Some(Verdict::Written))
    }

    /// Writes the changes that fit; within a transaction that writes.
    pub(crate) fn write_with_care<'a>(
        &mut self,
        changes: impl IntoIterator<Item = &'a Changes>,
    ) -> rusqlite::Result<Vec<Verdict>> {
        let mut batch = Batch::default();
        let mut verdicts = Vec::new();
        for changes in changes {
            verdicts.push(self.decide(&mut batch, changes)?);
        }
        for ((tenant, ..), pending) in batch.records {
            if let Some(put) = pending.put
                && !self.put(tenant, put, pending.stored)?
            {
                // Nobody else writes within this transaction.
                return Err(rusqlite::Error::StatementChangedRows(0));
            }
        }
        Ok(verdicts)
    }

    /// What becomes of one change. Its journal entry is written here, which also finds a
    /// repeated command; its records wait in the batch.
    fn decide<'a>(
        &mut self,
        batch: &mut Batch<'a>,
        changes: &'a Changes,
    ) -> rusqlite::Result<Verdict> {
        let Changes {
            tenant: name,
            command,
            checks,
            puts,
            journal,
        } = changes;
        let tenant = self.names.tenant(name)?;
        let mut moved: Vec<&Key> = Vec::new();
        let read = puts.iter().map(|put| (&put.key, put.read));
        let checked = checks.iter().map(|check| (&check.key, check.version));
        for (key, version) in read.chain(checked) {
            let found = match tenant {
                Some(tenant) => self.version(batch, tenant, key)?,
                None => Version::ABSENT,
            };
            if found != version && !moved.contains(&key) {
                moved.push(key);
            }
        }
        if !moved.is_empty() {
            let repeated = match tenant {
                Some(tenant) => self.entry.get()?.exists((tenant, command.0.as_bytes()))?,
                None => false,
            };
            return Ok(match repeated {
                true => Verdict::AlreadyDone,
                false => Verdict::Moved(moved.into_iter().cloned().collect()),
            });
        }
        let tenant = self.tenant_for(name, tenant)?;
        if !self.journal_once(&mut batch.places, tenant, command.0, journal)? {
            return Ok(Verdict::AlreadyDone);
        }
        for put in puts {
            let pending = Pending {
                stored: Version::ABSENT,
                version: Version::ABSENT,
                put: None,
            };
            let key = (tenant, put.key.kind, put.key.id);
            let pending = batch.records.entry(key).or_insert(pending);
            pending.put = Some(put);
            pending.version = match put.body {
                Some(_) => put.makes,
                None => Version::ABSENT,
            };
        }
        Ok(Verdict::Written)
    }

    fn tenant_for(&mut self, name: &Tenant, known: Option<i64>) -> rusqlite::Result<i64> {
        match known {
            Some(tenant) => Ok(tenant),
            None => self.names.tenant_or_new(name),
        }
    }

    /// A record's version as this point of the batch sees it.
    fn version(
        &mut self,
        batch: &mut Batch<'_>,
        tenant: i64,
        key: &Key,
    ) -> rusqlite::Result<Version> {
        let place = (tenant, key.kind, key.id);
        if let Some(pending) = batch.records.get(&place) {
            return Ok(pending.version);
        }
        let stored = self.stored_version(tenant, key)?;
        let pending = Pending {
            stored,
            version: stored,
            put: None,
        };
        batch.records.insert(place, pending);
        Ok(stored)
    }

    fn stored_version(&mut self, tenant: i64, key: &Key) -> rusqlite::Result<Version> {
        let statement = self.write.version.get()?;
        bind_key(statement, tenant, key.kind, key.id)?;
        let mut rows = statement.raw_query();
        match rows.next()? {
            Some(row) => version(row),
            None => Ok(Version::ABSENT),
        }
    }

    /// Enters a command in the journal, unless it is there.
    fn journal_once(
        &mut self,
        places: &mut Places,
        tenant: i64,
        command: Id,
        body: &[u8],
    ) -> rusqlite::Result<bool> {
        let last = match places.get(&tenant) {
            Some(last) => *last,
            None => {
                let base = tenant * JOURNAL_ROOM;
                let room = (base, base + (JOURNAL_ROOM - 1));
                let last: Option<i64> = self
                    .write
                    .last_place
                    .get()?
                    .query_row(room, |row| row.get(0))?;
                last.unwrap_or(base)
            }
        };
        let statement = self.write.new_entry.get()?;
        statement.raw_bind_parameter(1, last + 1)?;
        statement.raw_bind_parameter(2, tenant)?;
        statement.raw_bind_parameter(3, command.as_bytes())?;
        statement.raw_bind_parameter(4, body)?;
        let written = statement.raw_execute()? == 1;
        places.insert(tenant, last + i64::from(written));
        Ok(written)
    }

    /// Writes a record over the one of this version; tells whether it was there.
    fn put(&mut self, tenant: i64, put: &Put, stored: Version) -> rusqlite::Result<bool> {
        let Put {
            key,
            read: _,
            makes,
            body,
            wakes,
            facts,
        } = put;
        let Some(body) = body else {
            return self.remove(tenant, key, stored);
        };
        let lane = match wakes {
            Some(wakes) => Some(self.names.lane_or_new(tenant, &wakes.lane)?),
            None => None,
        };
        let wakes_at = wakes.as_ref().map(|wakes| wakes.at.timestamp_micros());
        let statement = match stored {
            Version::ABSENT => self.write.insert.get()?,
            _ => {
                let update = self.write.update.get()?;
                update.raw_bind_parameter(8, version_number(stored))?;
                update
            }
        };
        bind_key(statement, tenant, key.kind, key.id)?;
        statement.raw_bind_parameter(4, version_number(*makes))?;
        statement.raw_bind_parameter(5, wakes_at)?;
        statement.raw_bind_parameter(6, lane)?;
        statement.raw_bind_parameter(7, body.as_slice())?;
        if statement.raw_execute()? == 0 {
            return Ok(false);
        }
        self.put_facts(tenant, key.kind, key.id, facts)?;
        Ok(true)
    }

    fn remove(&mut self, tenant: i64, key: &Key, stored: Version) -> rusqlite::Result<bool> {
        if stored == Version::ABSENT {
            return Ok(self.stored_version(tenant, key)? == Version::ABSENT);
        }
        let statement = self.write.delete.get()?;
        bind_key(statement, tenant, key.kind, key.id)?;
        statement.raw_bind_parameter(4, version_number(stored))?;
        if statement.raw_execute()? == 0 {
            return Ok(false);
        }
        let mut facts = self.write.facts.iter_mut();
        if let Some(facts) = facts.find(|facts| facts.kind == key.kind) {
            let row = (tenant, key.id.as_bytes());
            facts.delete.get()?.execute(row)?;
        }
        Ok(true)
    }

    /// Replaces a record's facts. The row is there even without a fact: it is what a
    /// selection goes through.
    fn put_facts(
        &mut self,
        tenant: i64,
        kind: Kind,
        id: Id,
        facts: &[StoredFact],
    ) -> rusqlite::Result<()> {
        let Some(of_kind) = self.write.facts.iter_mut().find(|facts| facts.kind == kind) else {
            return Ok(());
        };
        let layout = of_kind.layout;
        let mut overflow = Overflow::default();
        let statement = of_kind.write.get()?;
        statement.clear_bindings();
        let mut next = 0;
        for StoredFact { name, value } in facts {
            let value_type = value.value_type();
            let place = match layout.built_in_behind(&mut next, name, value_type) {
                Some(place) => place,
                None => layout.slot(self.names.slot_or_new(tenant, kind, name, value_type)?),
            };
            match place {
                Place::Column(column) => {
                    statement.raw_bind_parameter(column + 3, Encoded::of(value))?;
                }
                Place::Overflow(slot) => overflow.add(slot, Encoded::of(value)),
            }
        }
        statement.raw_bind_parameter(1, tenant)?;
        statement.raw_bind_parameter(2, id.as_bytes())?;
        statement.raw_execute()?;
        if let Some(json) = overflow.finish() {
            let statement = of_kind.overflow.get()?;
            statement.execute((tenant, id.as_bytes(), json))?;
        }
        Ok(())
    }
}
