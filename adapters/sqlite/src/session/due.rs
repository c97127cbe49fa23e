//! Finding records that are due, and leasing them to who asked.
//!
//! Leases are kept in memory, beside the connection: they only spare work, and a column for
//! them would be written twice for every record that wakes.

use leadkit::ids::{Id, Tenant};
use leadkit::store::{Due, Key, Kind};
use leadkit::time::Instant;
use rusqlite::Connection;
use rusqlite::types::Type;
use rustc_hash::FxHashMap;

use crate::error::Unreadable;
use crate::session::{Prepared, Session, kind};
use crate::tables::Sql;

/// The statements that find due records.
#[derive(Debug)]
pub(super) struct Statements<'c> {
    tenants: Prepared<'c>,
    due: Prepared<'c>,
    next_due: Prepared<'c>,
}

impl<'c> Statements<'c> {
    pub(super) fn new(connection: &'c Connection, sql: &'c Sql) -> Self {
        Self {
            tenants: Prepared::new(connection, &sql.due_tenants),
            due: Prepared::new(connection, &sql.due),
            next_due: Prepared::new(connection, &sql.next_due),
        }
    }
}

/// Who has been given what. A lease is on a record with the clock that it had then: one whose
/// clock was moved by another connection is no longer leased.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    /// Looked up by key; its order decides nothing.
    running: FxHashMap<Key, Lease>,
    /// The tenant that the last page ended with; the next one begins behind it.
    served_last: Option<i64>,
}

#[derive(Debug)]
struct Lease {
    /// The clock of the record, in microseconds.
    at: i64,
    until: Instant,
}

impl Leases {
    /// Ends the lease on a record that was written.
    pub(crate) fn release(&mut self, key: &Key) {
        if !self.running.is_empty() {
            self.running.remove(key);
        }
    }
}

/// A tenant's turn.
#[derive(Debug)]
struct Turn {
    number: i64,
    tenant: Tenant,
    taken: Vec<Found>,
    /// Whether it may have more.
    hungry: bool,
}

/// A due record: its clock in microseconds, its kind and its id.
type Found = (i64, Kind, Id);

impl Session<'_> {
    /// Leases due records, each tenant's share of the page.
    pub(crate) fn due(
        &mut self,
        leases: &mut Leases,
        now: Instant,
        limit: usize,
        lease_until: Instant,
    ) -> rusqlite::Result<Vec<Due>> {
        leases.running.retain(|_, lease| now < lease.until);
        let mut turns = self.turns(now)?;
        let behind = turns.partition_point(|turn| Some(turn.number) <= leases.served_last);
        turns.rotate_left(behind);
        let mut left = limit;
        loop {
            let hungry = turns.iter().filter(|turn| turn.hungry).count();
            if left == 0 || hungry == 0 {
                break;
            }
            let share = (left / hungry).max(1);
            for turn in turns.iter_mut().filter(|turn| turn.hungry) {
                let before = turn.taken.len();
                let wanted = before + share.min(left);
                if left == 0 {
                    break;
                }
                turn.taken = self.take(leases, turn, now, wanted)?;
                turn.hungry = turn.taken.len() == wanted;
                left -= turn.taken.len() - before;
                leases.served_last = Some(turn.number);
            }
        }
        let mut page: Vec<(i64, Key)> = Vec::with_capacity(limit - left);
        for Turn { tenant, taken, .. } in turns {
            for (at, kind, id) in taken {
                let until = lease_until;
                let tenant = tenant.clone();
                let key = Key { id, kind, tenant };
                leases.running.insert(key.clone(), Lease { at, until });
                page.push((at, key));
            }
        }
        page.sort_unstable();
        page.into_iter().map(due).collect()
    }

    /// The tenants for whom something is due, leased or not, in the order of their numbers.
    fn turns(&mut self, now: Instant) -> rusqlite::Result<Vec<Turn>> {
        let mut rows = self.due.tenants.get()?.query([now.timestamp_micros()])?;
        let mut turns = Vec::new();
        while let Some(row) = rows.next()? {
            turns.push(Turn {
                number: row.get(0)?,
                tenant: Tenant::from(row.get_ref(1)?.as_str()?),
                taken: Vec::new(),
                hungry: true,
            });
        }
        Ok(turns)
    }

    /// The first due records of a tenant that aren't leased.
    fn take(
        &mut self,
        leases: &Leases,
        turn: &Turn,
        now: Instant,
        wanted: usize,
    ) -> rusqlite::Result<Vec<Found>> {
        let statement = self.due.due.get()?;
        let mut rows = statement.query((turn.number, now.timestamp_micros()))?;
        let mut taken = Vec::new();
        while taken.len() < wanted {
            let Some(row) = rows.next()? else {
                break;
            };
            let at: i64 = row.get(0)?;
            let kind = kind(1, row)?;
            let id = Id::from_bytes(row.get(2)?);
            let lease = match leases.running.is_empty() {
                true => None,
                false => {
                    let tenant = turn.tenant.clone();
                    leases.running.get(&Key { id, kind, tenant })
                }
            };
            if lease.is_none_or(|lease| lease.at != at) {
                taken.push((at, kind, id));
            }
        }
        Ok(taken)
    }

    pub(crate) fn next_due(&mut self) -> rusqlite::Result<Option<Instant>> {
        let statement = self.due.next_due.get()?;
        let first: Option<i64> = statement.query_row([], |row| row.get(0))?;
        first.map(instant).transpose()
    }
}

fn due((at, key): (i64, Key)) -> rusqlite::Result<Due> {
    let at = instant(at)?;
    Ok(Due { key, at })
}

fn instant(micros: i64) -> rusqlite::Result<Instant> {
    chrono::DateTime::from_timestamp_micros(micros)
        .ok_or_else(|| Unreadable::from(0, Type::Integer))
}
