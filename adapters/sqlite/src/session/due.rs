//! Finding records that are due, and leasing them to who asked.
//!
//! Leases are kept in memory, beside the connection: they only spare work, and a column for
//! them would be written twice for every record that wakes.

use leadkit::ids::{Id, Tenant};
use leadkit::store::{Due, Key, Kind, Lane, Lanes, Lease, NextDue, Rounds};
use leadkit::time::Instant;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension};
use rustc_hash::FxHashMap;

use crate::error::Unreadable;
use crate::session::{Prepared, Session, kind};
use crate::tables::Sql;

/// The statements that find due records.
#[derive(Debug)]
pub(super) struct Statements<'c> {
    first_clock: Prepared<'c>,
    next_lane: Prepared<'c>,
    due: Prepared<'c>,
}

impl<'c> Statements<'c> {
    pub(super) fn new(connection: &'c Connection, sql: &'c Sql) -> Self {
        Self {
            first_clock: Prepared::new(connection, &sql.first_clock),
            next_lane: Prepared::new(connection, &sql.next_lane),
            due: Prepared::new(connection, &sql.due),
        }
    }
}

/// Who has been given what. A lease is on a record with the clock that it had then, in the lane that
/// it was in: one whose clock was moved by another connection is no longer leased.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    /// Looked up by key; its order decides nothing.
    running: FxHashMap<Key, Leased>,
    rounds: Rounds,
}

#[derive(Debug)]
struct Leased {
    /// The clock of the record, in microseconds.
    at: i64,
    /// The number of the lane that it was in.
    lane: i64,
    lease: Lease,
}

impl Leases {
    /// Ends the lease on a record that was written.
    pub(crate) fn release(&mut self, key: &Key) {
        if !self.running.is_empty() {
            self.running.remove(key);
        }
    }

    /// Forgets leases that have ended by every clock: whoever asks may have one that is ahead, and
    /// must not end those of others.
    fn forget_ended(&mut self, now: Instant) {
        let ended = now.checked_sub_signed(Lease::CLOCKS_APART).unwrap_or(now);
        self.running.retain(|_, leased| ended < leased.lease.until);
    }

    /// Whether a record with this clock is leased now.
    fn holds(&self, tenant: &Tenant, (at, kind, id): Found, now: Instant) -> bool {
        if self.running.is_empty() {
            return false;
        }
        let tenant = tenant.clone();
        let leased = self.running.get(&Key { id, kind, tenant });
        leased.is_some_and(|leased| leased.at == at && leased.lease.runs_at(now))
    }

    /// When the first lease of each lane ends, by the lane's number.
    fn first_ends(&self, now: Instant) -> FxHashMap<i64, Instant> {
        let mut ends = FxHashMap::default();
        let running = self.running.values();
        for Leased { lane, lease, .. } in running.filter(|leased| leased.lease.runs_at(now)) {
            let first = ends.entry(*lane).or_insert(lease.until);
            *first = (*first).min(lease.until);
        }
        ends
    }
}

/// A tenant's turn.
#[derive(Debug)]
struct Turn<'l> {
    tenant: &'l Tenant,
    /// Its lanes in which something is due, each with its number.
    lanes: Vec<(&'l Lane, i64)>,
    /// Each with the number of its lane.
    taken: Vec<(Found, i64)>,
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
        lanes: &Lanes,
        now: Instant,
        limit: usize,
        lease_until: Instant,
    ) -> rusqlite::Result<Vec<Due>> {
        leases.forget_ended(now);
        let mut turns = self.turns(lanes, now)?;
        turns.sort_by_cached_key(|turn| {
            let lanes = turn.lanes.iter().map(|(lane, _)| *lane);
            leases.rounds.last_turn(lanes)
        });
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
                turn.taken.clear();
                for (_, lane) in &turn.lanes {
                    let until = now.timestamp_micros();
                    let found = self.take(leases, *lane, turn.tenant, now, until, wanted)?;
                    turn.taken
                        .extend(found.into_iter().map(|found| (found, *lane)));
                }
                // Of one tenant's lanes the earliest, whichever they are in.
                turn.taken.sort_unstable();
                turn.taken.truncate(wanted);
                turn.hungry = turn.taken.len() == wanted;
                left -= turn.taken.len() - before;
            }
        }
        let mut page: Vec<(i64, Key)> = Vec::with_capacity(limit - left);
        for turn in turns {
            let Turn {
                tenant,
                lanes,
                taken,
                ..
            } = turn;
            for (lane, number) in lanes {
                if taken.iter().any(|(_, of)| *of == number) {
                    leases.rounds.note(lane);
                }
            }
            for ((at, kind, id), lane) in taken {
                let lease = Lease {
                    from: now,
                    until: lease_until,
                };
                let tenant = tenant.clone();
                let key = Key { id, kind, tenant };
                leases
                    .running
                    .insert(key.clone(), Leased { at, lane, lease });
                page.push((at, key));
            }
        }
        page.sort_unstable();
        page.into_iter().map(due).collect()
    }

    /// The tenants for whom something is due in these lanes, leased or not, in their order.
    fn turns<'l>(&mut self, lanes: &'l Lanes, now: Instant) -> rusqlite::Result<Vec<Turn<'l>>> {
        let mut turns: Vec<Turn<'l>> = Vec::new();
        for lane in lanes.iter() {
            let Some(tenant) = self.names.tenant(&lane.tenant)? else {
                continue;
            };
            let Some(number) = self.names.lane(tenant, &lane.name)? else {
                continue;
            };
            let first = self.due.first_clock.get()?;
            let first = first.query_row([number], |row| row.get::<_, i64>(0));
            if first
                .optional()?
                .is_none_or(|at| at > now.timestamp_micros())
            {
                continue;
            }
            match turns.last_mut() {
                Some(turn) if *turn.tenant == lane.tenant => turn.lanes.push((lane, number)),
                _ => turns.push(Turn {
                    tenant: &lane.tenant,
                    lanes: vec![(lane, number)],
                    taken: Vec::new(),
                    hungry: true,
                }),
            }
        }
        Ok(turns)
    }

    /// The first records of a lane that wake by `until` and aren't leased now.
    fn take(
        &mut self,
        leases: &Leases,
        lane: i64,
        tenant: &Tenant,
        now: Instant,
        until: i64,
        wanted: usize,
    ) -> rusqlite::Result<Vec<Found>> {
        let statement = self.due.due.get()?;
        let mut rows = statement.query((lane, until))?;
        let mut taken = Vec::new();
        while taken.len() < wanted {
            let Some(row) = rows.next()? else {
                break;
            };
            let found = (row.get(0)?, kind(1, row)?, Id::from_bytes(row.get(2)?));
            if !leases.holds(tenant, found, now) {
                taken.push(found);
            }
        }
        Ok(taken)
    }

    /// When each lane is due next.
    pub(crate) fn next_due(
        &mut self,
        leases: &mut Leases,
        now: Instant,
    ) -> rusqlite::Result<Vec<NextDue>> {
        leases.forget_ended(now);
        let ends = leases.first_ends(now);
        let mut found = Vec::new();
        let mut last = i64::MIN;
        loop {
            let next = self.due.next_lane.get()?.query_row([last], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            });
            let Some((number, first)) = next.optional()? else {
                break;
            };
            last = number;
            let lane = self.names.lane_named(number)?;
            let leased_until = ends.get(&number).copied();
            let at = match leased_until {
                None => Some(first),
                Some(_) => {
                    let free = self.take(leases, number, &lane.tenant, now, i64::MAX, 1)?;
                    free.first().map(|(at, ..)| *at)
                }
            };
            found.push(NextDue {
                lane,
                at: at.map(instant).transpose()?,
                leased_until,
            });
        }
        found.sort_unstable_by(|a, b| a.lane.cmp(&b.lane));
        Ok(found)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Tables;

    #[test]
    fn what_is_due_is_found_by_the_index_however_many_records_there_are() {
        let mut connection = Connection::open_in_memory().unwrap();
        let tables = Tables::default();
        tables.migrate(&mut connection).unwrap();
        let sql = tables.sql();
        for statement in [&sql.first_clock, &sql.next_lane, &sql.due] {
            let mut plan = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
                .unwrap();
            let parameters = vec![0; plan.parameter_count()];
            let steps: Vec<String> = plan
                .query_map(rusqlite::params_from_iter(parameters), |row| row.get(3))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            let [step] = steps.as_slice() else {
                panic!("{statement}: {steps:?}");
            };
            let searches = step.starts_with("SEARCH") && step.contains("COVERING INDEX");
            assert!(searches && step.contains("by_clock"), "{statement}: {step}");
        }
    }
}
