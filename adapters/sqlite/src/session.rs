//! A connection at work: its statements, and the names it knows.
//!
//! Everything that a store does is here and below, in the caller's transaction;
//! [`crate::store`] and [`crate::within`] say whose transaction that is.

mod commit;
mod due;
mod indexes;
mod names;

use leadkit::ids::{CommandId, Id, Tenant};
use leadkit::store::{Changes, JournalCursor, Journaled, Key, Kind, Loaded, Verdict, Version};
use rusqlite::{CachedStatement, Connection, OptionalExtension};

use crate::error::Unreadable;
use crate::tables::Sql;
pub(crate) use due::Leases;
use names::Names;
pub(crate) use names::{Known, Slots};

/// A connection with its prepared statements.
#[derive(Debug)]
pub(crate) struct Session<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) sql: &'c Sql,
    names: Names<'c>,
    record: Prepared<'c>,
    entry: Prepared<'c>,
    begin_read: Prepared<'c>,
    begin_write: Prepared<'c>,
    end: Prepared<'c>,
    write: commit::Statements<'c>,
    due: due::Statements<'c>,
}

/// A statement that is taken from the connection's cache when it is first used.
struct Prepared<'c> {
    connection: &'c Connection,
    sql: &'c str,
    statement: Option<CachedStatement<'c>>,
}

impl std::fmt::Debug for Prepared<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Prepared").field(&self.sql).finish()
    }
}

impl<'c> Prepared<'c> {
    fn new(connection: &'c Connection, sql: &'c str) -> Self {
        Self {
            connection,
            sql,
            statement: None,
        }
    }

    fn get(&mut self) -> rusqlite::Result<&mut CachedStatement<'c>> {
        match &mut self.statement {
            Some(statement) => Ok(statement),
            none => Ok(none.insert(self.connection.prepare_cached(self.sql)?)),
        }
    }

    /// Runs a statement that returns nothing.
    fn run(&mut self) -> rusqlite::Result<()> {
        self.get()?.raw_execute().map(drop)
    }
}

/// How many entries a tenant's journal has room for.
const JOURNAL_ROOM: i64 = 1 << 40;

impl<'c> Session<'c> {
    pub(crate) fn new(connection: &'c Connection, sql: &'c Sql, known: &'c mut Known) -> Self {
        let prepared = |sql: &'c str| Prepared::new(connection, sql);
        Self {
            connection,
            sql,
            names: Names::new(connection, sql, known),
            record: prepared(&sql.record),
            entry: prepared(&sql.entry),
            begin_read: prepared("BEGIN"),
            begin_write: prepared("BEGIN IMMEDIATE"),
            end: prepared("COMMIT"),
            write: commit::Statements::new(connection, sql),
            due: due::Statements::new(connection, sql),
        }
    }

    /// Runs `work` in a transaction that sees one state of the file.
    pub(crate) fn reading<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.begin_read.run()?;
        self.ending(work)
    }

    /// Runs `work` in a transaction that nobody else writes beside.
    pub(crate) fn writing<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.begin_write.run()?;
        self.ending(work)
    }

    /// Like [`writing`](Self::writing), but undoes everything when `work` answers `None`.
    fn trying<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> rusqlite::Result<Option<T>>,
    ) -> rusqlite::Result<Option<T>> {
        self.begin_write.run()?;
        let done = work(self).and_then(|done| {
            if done.is_some() {
                self.end.run()?;
            }
            Ok(done)
        });
        if !matches!(done, Ok(Some(_))) {
            self.undo();
        }
        done
    }

    fn undo(&mut self) {
        self.names.forget();
        if !self.connection.is_autocommit() {
            // What went wrong first is what the caller should hear of.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    fn ending<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let done = work(self).and_then(|done| {
            self.end.run()?;
            Ok(done)
        });
        if done.is_err() {
            self.undo();
        }
        done
    }

    /// Writes one change in somebody else's transaction, all of it or nothing.
    pub(crate) fn in_savepoint(&mut self, changes: &Changes) -> rusqlite::Result<Verdict> {
        self.connection.execute_batch("SAVEPOINT leadkit")?;
        let done = self.write_with_care([changes]).and_then(|mut verdicts| {
            let verdict = verdicts.pop().ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            self.connection.execute_batch("RELEASE leadkit")?;
            Ok(verdict)
        });
        if done.is_err() {
            self.names.forget();
            // What went wrong first is what the caller should hear of; some failures have
            // rolled everything back already.
            let _ = self
                .connection
                .execute_batch("ROLLBACK TO leadkit; RELEASE leadkit");
        }
        done
    }

    /// Loads records as they are at one moment, outside of any transaction.
    pub(crate) fn load_now(&mut self, keys: &[Key]) -> rusqlite::Result<Vec<Loaded>> {
        match keys {
            [_] => self.load(keys),
            _ => self.reading(|session| session.load(keys)),
        }
    }

    /// Loads records within a transaction.
    pub(crate) fn load(&mut self, keys: &[Key]) -> rusqlite::Result<Vec<Loaded>> {
        keys.iter().map(|key| self.load_one(key)).collect()
    }

    fn load_one(&mut self, key: &Key) -> rusqlite::Result<Loaded> {
        let Some(tenant) = self.names.tenant(&key.tenant)? else {
            return Ok(Loaded::absent());
        };
        if key.kind == Kind::Journal {
            let statement = self.entry.get()?;
            let mut rows = statement.query((tenant, key.id.as_bytes()))?;
            return match rows.next()? {
                Some(row) => Ok(Loaded {
                    version: Version(1),
                    body: Some(row.get_ref(0)?.as_blob()?.to_vec()),
                }),
                None => Ok(Loaded::absent()),
            };
        }
        let statement = self.record.get()?;
        bind_key(statement, tenant, key.kind, key.id)?;
        let mut rows = statement.raw_query();
        match rows.next()? {
            Some(row) => Ok(Loaded {
                version: version(row)?,
                body: Some(row.get_ref(1)?.as_blob()?.to_vec()),
            }),
            None => Ok(Loaded::absent()),
        }
    }

    pub(crate) fn tenant(&mut self, tenant: &Tenant) -> rusqlite::Result<Option<i64>> {
        self.names.tenant(tenant)
    }

    pub(crate) fn slots(&mut self, tenant: i64, kind: Kind) -> rusqlite::Result<Slots> {
        self.names.slots(tenant, kind)
    }

    pub(crate) fn journal(
        &mut self,
        tenant: &Tenant,
        after: JournalCursor,
        limit: usize,
    ) -> rusqlite::Result<Vec<Journaled>> {
        let Some(tenant) = self.names.tenant(tenant)? else {
            return Ok(Vec::new());
        };
        let base = tenant * JOURNAL_ROOM;
        let after = i64::try_from(after.0).map_or(JOURNAL_ROOM - 1, |n| n.min(JOURNAL_ROOM - 1));
        let mut statement = self.connection.prepare_cached(&self.sql.journal)?;
        let mut rows = statement.query((base + after, base + (JOURNAL_ROOM - 1)))?;
        let mut entries = Vec::new();
        while entries.len() < limit {
            let Some(row) = rows.next()? else {
                break;
            };
            entries.push(journaled(base, row)?);
        }
        Ok(entries)
    }

    /// The newest entry of a tenant's journal.
    pub(crate) fn last_entry(&mut self, tenant: &Tenant) -> rusqlite::Result<Option<Journaled>> {
        let Some(tenant) = self.names.tenant(tenant)? else {
            return Ok(None);
        };
        let base = tenant * JOURNAL_ROOM;
        let mut statement = self.connection.prepare_cached(&self.sql.last_entry)?;
        let places = (base, base + (JOURNAL_ROOM - 1));
        let entry = statement.query_row(places, |row| journaled(base, row));
        entry.optional()
    }
}

/// Reads an entry of the journal whose places are counted from `base`.
fn journaled(base: i64, row: &rusqlite::Row<'_>) -> rusqlite::Result<Journaled> {
    let place: i64 = row.get(0)?;
    Ok(Journaled {
        cursor: JournalCursor((place - base).unsigned_abs()),
        command: CommandId(Id::from_bytes(row.get(1)?)),
        body: row.get_ref(2)?.as_blob()?.to_vec(),
    })
}

/// A limit as SQLite takes it.
pub(crate) fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Reads a version from the first column.
fn version(row: &rusqlite::Row<'_>) -> rusqlite::Result<Version> {
    Ok(Version(row.get::<_, i64>(0)?.unsigned_abs()))
}

/// A version as SQLite keeps it, in signed numbers: versions are below 2^63.
fn version_number(version: Version) -> i64 {
    i64::try_from(version.0).unwrap_or(i64::MAX)
}

/// Reads a kind by its number.
fn kind(column: usize, row: &rusqlite::Row<'_>) -> rusqlite::Result<Kind> {
    let number: u8 = row.get(column)?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.number() == number);
    kind.ok_or_else(|| Unreadable::from(column, rusqlite::types::Type::Integer))
}

/// Binds a record's key to the first three parameters.
fn bind_key(
    statement: &mut CachedStatement<'_>,
    tenant: i64,
    kind: Kind,
    id: Id,
) -> rusqlite::Result<()> {
    statement.raw_bind_parameter(1, tenant)?;
    statement.raw_bind_parameter(2, kind.number())?;
    statement.raw_bind_parameter(3, id.as_bytes())
}
