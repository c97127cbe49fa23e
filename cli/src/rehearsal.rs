//! What the database of a rehearsal tells of itself: that it is one, and the time at which its
//! history stands.
//!
//! A replay lives through virtual time, and may live on behind the last thing that happened. Whoever
//! acts in its database acts at that time: by the clock on the wall, a message would be settled years
//! behind its history, and what is replayed afterwards would come late.

use std::path::Path;

use leadkit::engine::Error;
use leadkit::ids::Tenant;
use leadkit::record::stored;
use leadkit::store::Key;
use leadkit::time::Instant;
use leadkit_sqlite::rusqlite::{self, Connection, OptionalExtension};
use leadkit_sqlite::{OpenError, Options, SqliteStore};

use crate::Failure;

/// SQLite's `application_id` of databases that replays made: `lkrp`.
const MADE_BY_A_REPLAY: i32 = i32::from_be_bytes(*b"lkrp");

/// Who made a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It isn't there, or nothing is in it.
    Fresh,
    /// A replay did.
    Replay,
    /// Somebody else did, for leads.
    Other,
    /// It is none of leadkit's.
    Stranger,
}

/// Looks who made a database, and leaves it and its folder as they are.
pub(crate) fn origin(path: &Path) -> Result<Origin, OpenError> {
    if !path.exists() {
        return Ok(Origin::Fresh);
    }
    let connection = to_read(path)?;
    let is_empty = || {
        let sql = "SELECT count(*) = 0 FROM sqlite_schema";
        connection.query_row(sql, [], |row| row.get(0))
    };
    Ok(match application_id(&connection)? {
        MADE_BY_A_REPLAY => Origin::Replay,
        0 if is_empty()? => Origin::Fresh,
        _ if has_table(&connection, &tenants())? => Origin::Other,
        _ => Origin::Stranger,
    })
}

/// Marks a database as a rehearsal's.
pub(crate) fn mark(path: &Path) -> Result<(), OpenError> {
    let connection = Options::default().connect(path)?;
    connection.pragma_update(None, "application_id", MADE_BY_A_REPLAY)?;
    Ok(())
}

/// Notes until when a tenant's history has been lived through.
pub(crate) fn note_lived(path: &Path, tenant: &Tenant, until: Instant) -> Result<(), OpenError> {
    let connection = Options::default().connect(path)?;
    connection.execute_batch(&format!(
        r#"CREATE TABLE IF NOT EXISTS "{}" (
            tenant      TEXT PRIMARY KEY,
            lived_until INTEGER NOT NULL
        ) STRICT;"#,
        table()
    ))?;
    let sql = format!(r#"INSERT OR REPLACE INTO "{}" VALUES (?1, ?2)"#, table());
    connection.execute(&sql, (tenant.as_str(), until.timestamp_micros()))?;
    Ok(())
}

/// Whether a replay made a database, which its leads' history says nothing of.
pub(crate) fn is_rehearsal(path: &Path) -> Result<bool, OpenError> {
    Ok(application_id(&to_read(path)?)? == MADE_BY_A_REPLAY)
}

/// The time at which a tenant's history stands in the database of a rehearsal: until when it was
/// lived through, or the last thing that happened, where a replay was broken off. `None` if nothing
/// happened yet.
pub(crate) fn stands_at(
    path: &Path,
    store: &SqliteStore,
    tenant: &Tenant,
) -> Result<Option<Instant>, Failure> {
    let lived = to_read(path).and_then(|connection| Ok(lived_until(&connection, tenant)?));
    let lived = lived.map_err(|error| Failure::Database {
        path: path.to_owned(),
        error,
    })?;
    Ok(lived.max(last_entry(store, tenant)?))
}

/// When the last entry of a tenant's journal was written.
fn last_entry(store: &SqliteStore, tenant: &Tenant) -> Result<Option<Instant>, Failure> {
    let Some(last) = pollster::block_on(store.last_entry(tenant))? else {
        return Ok(None);
    };
    let entry = stored::decode_entry(&last.body).map_err(|source| {
        let key = Key::journal(tenant, last.command);
        Error::Unreadable { key, source }
    })?;
    Ok(Some(entry.at))
}

pub(crate) fn to_read(path: &Path) -> Result<Connection, OpenError> {
    let options = Options {
        read_only: true,
        ..Options::default()
    };
    options.connect(path)
}

fn application_id(connection: &Connection) -> rusqlite::Result<i32> {
    connection.query_row("PRAGMA application_id", [], |row| row.get(0))
}

fn lived_until(connection: &Connection, tenant: &Tenant) -> rusqlite::Result<Option<Instant>> {
    if !has_table(connection, &table())? {
        return Ok(None);
    }
    let sql = format!(r#"SELECT lived_until FROM "{}" WHERE tenant = ?1"#, table());
    let lived = connection.query_row(&sql, [tenant.as_str()], |row| row.get(0));
    Ok(lived.optional()?.and_then(Instant::from_timestamp_micros))
}

/// The table beside those of the store.
fn table() -> String {
    format!("{}rehearsals", Options::default().prefix)
}

/// A table that every database of leads has.
fn tenants() -> String {
    format!("{}tenants", Options::default().prefix)
}

pub(crate) fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    connection.query_row(sql, [name], |row| row.get(0))
}
