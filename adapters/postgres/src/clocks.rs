//! Finding records that are due, and leasing them to who asked.
//!
//! A claim looks through a tenant's lanes from the earliest clock on, and what was claimed and written
//! before leaves dead entries there until the server has cleaned up. So each lane has a *mark*:
//! the next claim begins there where the last one ended. A mark is only a hint. All are forgotten
//! every second, and before anybody is told that nothing is due; and what this store writes
//! moves them back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use futures::future::{join, join_all, join3, try_join_all};
use leadkit::ids::Tenant;
use leadkit::store::{Changes, Due, Key, Lane, Lanes, Lease, NextDue, Rounds};
use leadkit::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::error::{Failure, Result};
use crate::facts::{escaped, unescaped};
use crate::session::{Param, Session, count, id, kind_of};
use crate::tables::Sql;

/// How long marks are believed.
const MARKS_LIFE: Duration = Duration::from_secs(1);
/// How far the clocks of those who ask may be apart. Whoever asks may have one that is ahead, and must not
/// end others' leases.
pub(crate) const CLOCKS_APART_MICROS: i64 = Lease::CLOCKS_APART.num_seconds() * 1_000_000;
/// How often leases that are over are swept away.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// No disk is waited for. The planner, who knows neither lanes nor marks, would now and then read
/// and sort a whole backlog for its first records: the settings keep it on the indexes, in their
/// order.
const BEGIN_CLAIM: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; \
    SELECT set_config('synchronous_commit', 'off', true), \
    set_config('jit', 'off', true), set_config('enable_bitmapscan', 'off', true), \
    set_config('enable_seqscan', 'off', true)";

/// Where to look for what is due.
#[derive(Debug, Default)]
pub(crate) struct Clocks {
    /// Whether the tables are distributed by tenant.
    is_distributed: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// From which clock on a lane is looked through, in microseconds; from its beginning, if
    /// it has no mark.
    marks: BTreeMap<Lane, i64>,
    marked_since: Option<tokio::time::Instant>,
    /// When leases are to be swept away next; nothing, before that was done at all.
    sweeps_at: Option<tokio::time::Instant>,
    /// Who may have leases that are to be swept away.
    leased: BTreeSet<Tenant>,
    rounds: Rounds,
}

impl Clocks {
    /// For tables that are distributed by tenant, or aren't.
    pub(crate) fn new(is_distributed: bool) -> Self {
        Self {
            is_distributed,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves marks back to what was written, or may have been.
    pub(crate) fn note(&self, changes: &[Changes]) {
        let mut state = self.state();
        for change in changes {
            for wakes in change.puts.iter().filter_map(|put| put.wakes.as_ref()) {
                let lane = Lane {
                    tenant: change.tenant.clone(),
                    name: wakes.lane.clone(),
                };
                if let Some(mark) = state.marks.get_mut(&lane) {
                    *mark = (*mark).min(wakes.at.timestamp_micros());
                }
            }
        }
    }

    /// Forgets marks that are too old.
    fn age(&self) {
        let mut state = self.state();
        let now = tokio::time::Instant::now();
        let since = *state.marked_since.get_or_insert(now);
        if now.duration_since(since) >= MARKS_LIFE {
            state.marks.clear();
            state.marked_since = Some(now);
        }
    }

    /// Forgets the marks of these lanes; tells whether there was any.
    fn forget(&self, lanes: &Lanes) -> bool {
        let mut state = self.state();
        let before = state.marks.len();
        state.marks.retain(|lane, _| !lanes.contains(lane));
        before > state.marks.len()
    }

    /// Whose leases to sweep away now: at first, what others left in these lanes when they died;
    /// then once in a while those that were given here.
    fn to_sweep(&self, lanes: &Lanes) -> BTreeSet<Tenant> {
        let mut state = self.state();
        let clock = tokio::time::Instant::now();
        if state.sweeps_at.is_some_and(|at| clock < at) {
            return BTreeSet::new();
        }
        if state.sweeps_at.is_none() {
            let tenants = lanes.iter().map(|lane| lane.tenant.clone());
            state.leased.extend(tenants);
        }
        state.sweeps_at = Some(clock + SWEEP_EVERY);
        std::mem::take(&mut state.leased)
    }

    /// Notes what a sweep has left.
    fn note_swept(&self, tenant: &Tenant, left: Left) {
        let mut state = self.state();
        match left {
            Left::Nothing => return,
            Left::Some => {}
            // There is more to be swept away, and the next look goes on with it.
            Left::Over => state.sweeps_at = Some(tokio::time::Instant::now()),
        }
        state.leased.insert(tenant.clone());
    }

    fn mark(&self, lane: &Lane) -> i64 {
        self.state().marks.get(lane).copied().unwrap_or(i64::MIN)
    }

    /// The tenants of these lanes in the order of their turns.
    fn turns<'l>(&self, lanes: &'l Lanes) -> Vec<Turn<'l>> {
        let mut turns: Vec<Turn<'l>> = Vec::new();
        for lane in lanes.iter() {
            match turns.last_mut() {
                Some(turn) if *turn.tenant == lane.tenant => turn.lanes.push(lane),
                _ => turns.push(Turn {
                    tenant: &lane.tenant,
                    lanes: vec![lane],
                    is_hungry: true,
                }),
            }
        }
        let state = self.state();
        turns.sort_by_key(|turn| state.rounds.last_turn(turn.lanes.iter().copied()));
        turns
    }
}

/// What a sweep has left of a tenant's leases.
#[derive(Clone, Copy, Debug)]
enum Left {
    Nothing,
    /// Those that run, or could not be swept away now.
    Some,
    /// So many that one sweep did not come to all that are over.
    Over,
}

/// A tenant's turn.
#[derive(Debug)]
struct Turn<'l> {
    tenant: &'l Tenant,
    lanes: Vec<&'l Lane>,
    /// Whether it may have more.
    is_hungry: bool,
}

impl<'l> Turn<'l> {
    /// What a claim of this tenant came to.
    fn taken(&self, rows: Vec<Row>) -> Result<Taken<'l>> {
        let seen = rows.len();
        let mut leased = Vec::with_capacity(seen);
        for row in rows {
            if row.try_get(4)? {
                leased.push(self.found(&row)?);
            }
        }
        leased.sort_unstable();
        Ok(Taken { leased, seen })
    }

    fn found(&self, row: &Row) -> Result<(Found, &'l Lane)> {
        let kind = kind_of(row.try_get(0)?)?;
        let id = id(row.try_get::<_, Uuid>(1)?);
        let tenant = self.tenant.clone();
        let lane = self.lanes.get(crate::reads::place(row.try_get(3)?)?);
        let lane = *lane.ok_or(Failure::Unreadable("place"))?;
        Ok(((row.try_get(2)?, Key { id, kind, tenant }), lane))
    }
}

/// A due record: its clock in microseconds, and its key.
type Found = (i64, Key);

/// What a claim came to.
#[derive(Debug, Default)]
struct Taken<'l> {
    /// In the order of time, each with its lane.
    leased: Vec<(Found, &'l Lane)>,
    /// How many there were, with those that somebody else was faster to lease.
    seen: usize,
}

/// What due records are asked for.
#[derive(Clone, Copy, Debug)]
struct Claim {
    now: i64,
    lease_until: i64,
}

/// Leases due records of these lanes, each tenant's share of the page.
pub(crate) async fn due(
    client: &ClientWrapper,
    sql: &Sql,
    clocks: &Clocks,
    lanes: &Lanes,
    (now, limit, lease_until): (Instant, usize, Instant),
) -> Result<Vec<Due>> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let claim = Claim {
        now: now.timestamp_micros(),
        lease_until: lease_until.timestamp_micros(),
    };
    clocks.age();
    let mut page = Vec::new();
    fill(client, sql, clocks, lanes, claim, limit, &mut page).await?;
    if page.len() < limit && clocks.forget(lanes) {
        fill(client, sql, clocks, lanes, claim, limit, &mut page).await?;
    }
    let ended = (claim.now).saturating_sub(CLOCKS_APART_MICROS);
    end_leases(client, sql, clocks, &clocks.to_sweep(lanes), ended).await;
    page.sort_unstable();
    // A lease that is over when it begins hides nothing from the second look.
    page.dedup();
    page.into_iter().map(due_of).collect()
}

/// Sweeps away these tenants' leases that are over, one after the other, in one round trip: those
/// that ended by then, and those on what was written since. A page that is claimed is not lost to one
/// that can't be swept.
async fn end_leases(
    client: &ClientWrapper,
    sql: &Sql,
    clocks: &Clocks,
    tenants: &BTreeSet<Tenant>,
    ended: i64,
) {
    let sweeping = tenants.iter().map(|tenant| async move {
        let name = escaped(tenant.as_str());
        let params: [Param<'_>; 2] = [(&&*name, Type::TEXT), (&ended, Type::INT8)];
        let swept = Session::Own(client).query(&sql.clocks.end_leases, &params);
        let left = match swept.await.as_deref() {
            Ok([row]) => left_of(row),
            _ => Left::Some,
        };
        clocks.note_swept(tenant, left);
    });
    join_all(sweeping).await;
}

fn left_of(row: &Row) -> Left {
    match (row.try_get(0), row.try_get(1)) {
        (Ok(true), _) => Left::Over,
        (_, Ok(false)) => Left::Nothing,
        _ => Left::Some,
    }
}

/// Takes from the tenants in turn until the page is full, or nothing is left.
async fn fill(
    client: &ClientWrapper,
    sql: &Sql,
    clocks: &Clocks,
    lanes: &Lanes,
    claim: Claim,
    limit: usize,
    page: &mut Vec<Found>,
) -> Result<()> {
    let mut turns = clocks.turns(lanes);
    if turns.len() > 1 {
        leave_out_idle(client, sql, clocks, claim.now, &mut turns).await?;
    }
    loop {
        let left = limit - page.len();
        let hungry = turns.iter().filter(|turn| turn.is_hungry).count();
        if left == 0 || hungry == 0 {
            return Ok(());
        }
        // What can't be shared evenly goes to those whose turn comes first.
        let shares = (0..hungry).map(|turn| left / hungry + usize::from(turn < left % hungry));
        let round = turns.iter_mut().filter(|turn| turn.is_hungry).zip(shares);
        let round: Vec<(&mut Turn<'_>, usize)> = round.filter(|(_, share)| *share > 0).collect();
        let taken = match claims(client, sql, clocks, &round, claim).await {
            Err(_) if !page.is_empty() => return Ok(()),
            taken => taken?,
        };
        for ((turn, share), Taken { leased, seen }) in round.into_iter().zip(taken) {
            turn.is_hungry = seen == share;
            let mut state = clocks.state();
            if !leased.is_empty() {
                state.leased.insert(turn.tenant.clone());
            }
            for (found, lane) in leased {
                // In the order of time: each lane's last one stays.
                state.marks.insert(lane.clone(), found.0);
                state.rounds.note(lane);
                page.push(found);
            }
        }
    }
}

/// Leaves out lanes in which nothing is due, and tenants who have no other.
async fn leave_out_idle(
    client: &ClientWrapper,
    sql: &Sql,
    clocks: &Clocks,
    now: i64,
    turns: &mut Vec<Turn<'_>>,
) -> Result<()> {
    let lanes_due = &sql.clocks.of_lanes(clocks.is_distributed).due;
    let has_due = match clocks.is_distributed {
        true => try_join_all(turns.iter().map(|turn| {
            lanes_due_of(
                client,
                lanes_due,
                Some(turn.tenant),
                &turn.lanes,
                clocks,
                now,
            )
        }))
        .await?
        .concat(),
        false => {
            let lanes: Vec<&Lane> = turns.iter().flat_map(|turn| turn.lanes.clone()).collect();
            lanes_due_of(client, lanes_due, None, &lanes, clocks, now).await?
        }
    };
    let mut has_due = has_due.into_iter();
    turns.retain_mut(|turn| {
        turn.lanes.retain(|_| has_due.next().unwrap_or(true));
        !turn.lanes.is_empty()
    });
    Ok(())
}

/// Which of these lanes have something due: all of one tenant, or of any.
async fn lanes_due_of(
    client: &ClientWrapper,
    lanes_due: &str,
    tenant: Option<&Tenant>,
    lanes: &[&Lane],
    clocks: &Clocks,
    now: i64,
) -> Result<Vec<bool>> {
    let tenant = tenant.map(|tenant| escaped(tenant.as_str()));
    let tenants: Vec<_> = lanes.iter().map(|l| escaped(l.tenant.as_str())).collect();
    let names: Vec<_> = lanes.iter().map(|l| escaped(l.name.as_str())).collect();
    let marks: Vec<i64> = lanes.iter().map(|lane| clocks.mark(lane)).collect();
    let whose: Param<'_> = match &tenant {
        Some(tenant) => (tenant, Type::TEXT),
        None => (&tenants, Type::TEXT_ARRAY),
    };
    let params: [Param<'_>; 4] = [
        whose,
        (&names, Type::TEXT_ARRAY),
        (&marks, Type::INT8_ARRAY),
        (&now, Type::INT8),
    ];
    let mut has_due = vec![false; lanes.len()];
    for row in Session::Own(client).query(lanes_due, &params).await? {
        let place = crate::reads::place(row.try_get(0)?)?;
        *has_due.get_mut(place).ok_or(Failure::Unreadable("place"))? = true;
    }
    Ok(has_due)
}

/// Claims up to so many records of each of these tenants (its share), the earliest in any of its lanes: one
/// statement for each, in a transaction of its own, and one round trip. No disk is waited for, since
/// leases only spare work.
async fn claims<'l>(
    client: &ClientWrapper,
    sql: &Sql,
    clocks: &Clocks,
    turns: &[(&mut Turn<'l>, usize)],
    claim: Claim,
) -> Result<Vec<Taken<'l>>> {
    let types = [
        Type::TEXT,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8,
        Type::INT8,
        Type::INT8,
    ];
    let statement = client
        .prepare_typed_cached(&sql.clocks.claim, &types)
        .await?;
    let taking = turns.iter().map(|(turn, share)| {
        let tenant = escaped(turn.tenant.as_str());
        let names: Vec<_> = turn
            .lanes
            .iter()
            .map(|l| escaped(l.name.as_str()))
            .collect();
        let marks: Vec<i64> = turn.lanes.iter().map(|lane| clocks.mark(lane)).collect();
        let (statement, share) = (&statement, count(*share));
        async move {
            let Claim { now, lease_until } = claim;
            let params: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
                [&&*tenant, &names, &marks, &now, &share, &lease_until];
            // All three are sent before any answer is waited for, and nothing between them: whoever
            // drops this future leaves no transaction open, and it doesn't matter in which order the
            // tenants' are polled, or whether all are.
            let (begun, rows, ended) = join3(
                client.batch_execute(BEGIN_CLAIM),
                client.query(statement, &params),
                client.batch_execute("COMMIT"),
            )
            .await;
            begun.and(rows).and_then(|rows| ended.map(|()| rows))
        }
    });
    let taken = join_all(taking).await;
    let mut failed = None;
    let mut found = Vec::with_capacity(turns.len());
    for ((turn, _), rows) in turns.iter().zip(taken) {
        let taken = rows
            .map_err(Failure::from)
            .and_then(|rows| turn.taken(rows));
        // What was claimed of others is claimed, and not to wait for the end of its leases.
        found.push(taken.unwrap_or_else(|error| {
            failed.get_or_insert(error);
            Taken::default()
        }));
    }
    let is_empty = found.iter().all(|taken| taken.seen == 0);
    match failed {
        Some(error) if is_empty => Err(error),
        _ => Ok(found),
    }
}

/// When each lane is due next.
pub(crate) async fn next_due(
    client: &ClientWrapper,
    sql: &Sql,
    clocks: &Clocks,
    now: Instant,
) -> Result<Vec<NextDue>> {
    let session = Session::Own(client);
    let of_lanes = sql.clocks.of_lanes(clocks.is_distributed);
    let now = now.timestamp_micros();
    let params: [Param<'_>; 1] = [(&now, Type::INT8)];
    let asked = join(
        session.query(&of_lanes.next, &params),
        session.query(&of_lanes.lease_ends, &params),
    );
    let (lanes, ends) = asked.await;
    let lane_of = |row: &Row| -> Result<Lane> {
        Ok(Lane {
            tenant: unescaped(row.try_get(0)?).as_ref().into(),
            name: unescaped(row.try_get(1)?).as_ref().into(),
        })
    };
    let mut first_ends = BTreeMap::new();
    for row in ends? {
        first_ends.insert(lane_of(&row)?, instant(row.try_get(2)?)?);
    }
    let next = lanes?.into_iter().map(|row| {
        let lane = lane_of(&row)?;
        let at: Option<i64> = row.try_get(2)?;
        Ok(NextDue {
            at: at.map(instant).transpose()?,
            leased_until: first_ends.get(&lane).copied(),
            lane,
        })
    });
    let mut next = next.collect::<Result<Vec<NextDue>>>()?;
    next.sort_unstable_by(|a, b| a.lane.cmp(&b.lane));
    Ok(next)
}

fn due_of((at, key): Found) -> Result<Due> {
    let at = instant(at)?;
    Ok(Due { key, at })
}

fn instant(micros: i64) -> Result<Instant> {
    chrono::DateTime::from_timestamp_micros(micros).ok_or(Failure::Unreadable("wakes_at"))
}
