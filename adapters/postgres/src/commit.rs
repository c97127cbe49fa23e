//! Writing a batch of one tenant's changes, in one statement.
//!
//! What a batch makes of each record is worked out ([`Plan`]), and written all or nothing, in the
//! belief that nothing has moved. When something has, versions are read, the changes that don't
//! fit are left out, and what is left is written: until it is, or nothing is left. What somebody
//! else's transaction has in hand is waited for a little, and then left out as well.

use std::collections::BTreeSet;
use std::time::Duration;

use deadpool_postgres::Pool;
use leadkit::ids::{CommandId, Id, Tenant};
use leadkit::store::{Changes, Key, Kind, Verdict, Version};
use tokio::time::Instant;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::error::{Failure, Result};
use crate::facts::{Layout, escaped};
use crate::names::Names;
use crate::plan::{Plan, Truth};
use crate::reads::place;
use crate::rows::{Bound, FactRows, Records};
use crate::session::{Param, Session, arrays, id, kind_number, unsigned, uuid};
use crate::tables::{Sql, WriteShape};
use crate::wide::Widths;

/// How often a batch is written anew because others were faster, or have it in hand.
const MOST_ROUNDS: u32 = 12;
/// The same for one change of a batch, when it is written by itself.
const ROUNDS_ALONE: u32 = 2;
/// How long to wait between two rounds for those who have it in hand, at most.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// After how long no more is begun that waits for them. A round that has begun goes on for as long as
/// the server waits for a lock, which is a tenth of a second.
const PATIENCE: Duration = Duration::from_millis(300);

/// Until when a call of the store that begins now waits for what others have in hand.
pub(crate) fn patience() -> Instant {
    Instant::now() + PATIENCE
}

/// What a commit needs beside a session.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) sql: &'a Sql,
    pub(crate) widths: &'a Widths,
    /// Not in the host's transaction, which may be rolled back.
    pub(crate) names: Option<&'a Names>,
    /// In the host's transaction, if there is a store beside it.
    pub(crate) pool: Option<&'a Pool>,
}

impl Session<'_> {
    /// Writes changes of one tenant that [`Changes::check`] accepts.
    ///
    /// A record that somebody else's transaction has in hand for long has moved, as far as can be told:
    /// it costs the changes that build on it, and none of the others.
    pub(crate) async fn commit(
        self,
        desk: Desk<'_>,
        tenant: &Tenant,
        changes: &[&Changes],
        until: Instant,
    ) -> Result<Vec<Verdict>> {
        let together = self.commit_together(desk, tenant, changes, MOST_ROUNDS, until);
        if let Some(verdicts) = together.await? {
            return Ok(verdicts);
        }
        match changes {
            // What the host's transaction holds already isn't to be locked by asking.
            [change] => Ok(vec![moved(change, |_| true)]),
            _ => self.commit_beside(desk, tenant, changes).await,
        }
    }

    /// The same; nothing, if somebody had one of the records in hand all the time.
    async fn commit_together(
        self,
        desk: Desk<'_>,
        tenant: &Tenant,
        changes: &[&Changes],
        rounds: u32,
        until: Instant,
    ) -> Result<Option<Vec<Verdict>>> {
        let mut plan = Plan::new(changes, None);
        for round in 0..rounds {
            if let Some(plan) = &mut plan {
                if self.write_what_counts(desk, tenant, plan).await? {
                    return Ok(Some(std::mem::take(&mut plan.verdicts)));
                }
                if Instant::now() >= until {
                    return Ok(None);
                }
                if round > 1 {
                    // It fitted what was read, so somebody has it in hand.
                    let pause = Duration::from_millis(1 << round.min(6)).min(LONGEST_PAUSE);
                    tokio::time::sleep(pause).await;
                }
            }
            let truth = self.truth(desk.sql, tenant, changes).await?;
            plan = Plan::new(changes, Some(&truth));
        }
        Ok(None)
    }

    /// Writes what doesn't build on records that somebody has in hand.
    async fn commit_beside(
        self,
        desk: Desk<'_>,
        tenant: &Tenant,
        changes: &[&Changes],
    ) -> Result<Vec<Verdict>> {
        let mut truth = self.truth(desk.sql, tenant, changes).await?;
        truth.held = self.held(desk.sql, tenant, changes, &truth).await?;
        let mut plan = Plan::new(changes, Some(&truth)).unwrap_or_default();
        if self.write_what_counts(desk, tenant, &mut plan).await? {
            return Ok(plan.verdicts);
        }
        // What is to be new can be in hand as well.
        let being_made = self.being_made(desk.sql, tenant, &plan).await?;
        truth.held.extend(being_made);
        let mut plan = Plan::new(changes, Some(&truth)).unwrap_or_default();
        if self.write_what_counts(desk, tenant, &mut plan).await? {
            return Ok(plan.verdicts);
        }
        // And what is in hand changes while it is asked about.
        let until = patience();
        let mut verdicts = Vec::with_capacity(changes.len());
        for (change, verdict) in changes.iter().zip(plan.verdicts) {
            let in_vain = || {
                moved(change, |key| {
                    !truth.versions.contains_key(&(key.kind, key.id))
                })
            };
            let is_over = Instant::now() >= until;
            verdicts.push(match verdict {
                Verdict::Written if is_over => in_vain(),
                Verdict::Written => {
                    let alone = [*change];
                    let alone = self.commit_together(desk, tenant, &alone, ROUNDS_ALONE, until);
                    let alone = alone.await?.and_then(|mut verdicts| verdicts.pop());
                    alone.unwrap_or_else(in_vain)
                }
                verdict => verdict,
            });
        }
        Ok(verdicts)
    }

    async fn truth(self, sql: &Sql, tenant: &Tenant, changes: &[&Changes]) -> Result<Truth> {
        let puts = changes.iter().flat_map(|change| &change.puts);
        let checks = changes.iter().flat_map(|change| &change.checks);
        let keys: BTreeSet<&Key> = puts
            .map(|put| &put.key)
            .chain(checks.map(|check| &check.key))
            .collect();
        let tenant = escaped(tenant.as_str());
        let (kinds, ids) = arrays(keys.iter().copied());
        let params: [Param<'_>; 3] = [
            (&&*tenant, Type::TEXT),
            (&kinds, Type::INT2_ARRAY),
            (&ids, Type::UUID_ARRAY),
        ];
        // Versions first: what a command did is never seen before the command.
        let rows = self.query(&sql.versions, &params).await?;
        let keys: Vec<&Key> = keys.into_iter().collect();
        let mut truth = Truth::default();
        for row in rows {
            let key = keys.get(place(row.try_get(0)?)?);
            let key = key.ok_or(Failure::Unreadable("place"))?;
            let version = Version(unsigned(row.try_get(1)?, "version")?);
            truth.versions.insert((key.kind, key.id), version);
        }
        let commands: Vec<Uuid> = changes.iter().map(|c| uuid(c.command.0)).collect();
        let params: [Param<'_>; 2] = [(&&*tenant, Type::TEXT), (&commands, Type::UUID_ARRAY)];
        for row in self.query(&sql.done, &params).await? {
            truth.done.insert(CommandId(id(row.try_get(0)?)));
        }
        Ok(truth)
    }

    /// Which of these records somebody else's transaction has in hand: those that are there, and
    /// can't be locked now as they would be to be written, or to be relied on.
    async fn held(
        self,
        sql: &Sql,
        tenant: &Tenant,
        changes: &[&Changes],
        truth: &Truth,
    ) -> Result<BTreeSet<(Kind, Id)>> {
        let puts = changes.iter().flat_map(|change| &change.puts);
        let puts: BTreeSet<&Key> = puts.map(|put| &put.key).collect();
        let checks = changes.iter().flat_map(|change| &change.checks);
        let checks = checks.map(|check| &check.key);
        let checks: BTreeSet<&Key> = checks.filter(|key| !puts.contains(key)).collect();
        let tenant = escaped(tenant.as_str());
        let mut held: BTreeSet<(Kind, Id)> = truth.versions.keys().copied().collect();
        for (free, keys) in [(&sql.free_to_write, puts), (&sql.free_to_check, checks)] {
            let (kinds, ids) = arrays(keys.iter().copied());
            let params: [Param<'_>; 3] = [
                (&&*tenant, Type::TEXT),
                (&kinds, Type::INT2_ARRAY),
                (&ids, Type::UUID_ARRAY),
            ];
            let keys: Vec<&Key> = keys.into_iter().collect();
            for row in self.query(free, &params).await? {
                let key = keys.get(place(row.try_get(0)?)?);
                let key = key.ok_or(Failure::Unreadable("place"))?;
                held.remove(&(key.kind, key.id));
            }
        }
        Ok(held)
    }

    /// Which of the records that a plan makes are being made by somebody else's transaction.
    async fn being_made(
        self,
        sql: &Sql,
        tenant: &Tenant,
        plan: &Plan<'_>,
    ) -> Result<Vec<(Kind, Id)>> {
        let new: Vec<(Kind, Id)> = plan.new_records().collect();
        let (kinds, ids): (Vec<i16>, Vec<Uuid>) = new
            .iter()
            .map(|(kind, id)| (kind_number(*kind), uuid(*id)))
            .unzip();
        let tenant = escaped(tenant.as_str());
        let params: [Param<'_>; 3] = [
            (&&*tenant, Type::TEXT),
            (&kinds, Type::INT2_ARRAY),
            (&ids, Type::UUID_ARRAY),
        ];
        let mut being_made = Vec::new();
        for row in self.query(&sql.in_hand, &params).await? {
            let made = new.get(place(row.try_get(0)?)?);
            being_made.push(*made.ok_or(Failure::Unreadable("place"))?);
        }
        Ok(being_made)
    }

    /// Writes what counts in a plan, all of it or nothing; tells whether it is written.
    async fn write_what_counts(
        self,
        desk: Desk<'_>,
        tenant: &Tenant,
        plan: &mut Plan<'_>,
    ) -> Result<bool> {
        plan.keep_what_counts();
        Ok(plan.written.is_empty() || self.write(desk, tenant, plan).await?)
    }

    /// Writes a plan, all of it or nothing; tells which.
    async fn write(self, desk: Desk<'_>, tenant: &Tenant, plan: &Plan<'_>) -> Result<bool> {
        let puts = plan.puts();
        let slots = self
            .slots_for(desk.sql, tenant, &puts, desk.names, desk.pool)
            .await?;
        let records = Records::of(plan);
        let mut facts: Vec<FactRows<'_>> = Vec::new();
        for layout in Layout::all() {
            let rows = FactRows::of(layout, &puts, slots.get(&layout.kind))?;
            facts.extend(rows);
        }
        let shapes: Vec<_> = facts.iter().map(|rows| rows.shape(desk.widths)).collect();
        let bound: Vec<Bound<'_>> = facts
            .iter()
            .zip(&shapes)
            .map(|(rows, shape)| rows.bound(&shape.columns))
            .collect();
        let shape = WriteShape {
            records: records.form(),
            facts: shapes,
        };
        let sql = desk.widths.statement(shape, |shape| desk.sql.write(shape));
        let tenant = escaped(tenant.as_str());
        let tenant = &*tenant;
        let mut params: Vec<Param<'_>> = vec![(&tenant, Type::TEXT)];
        records.bind(&mut params);
        for bound in &bound {
            bound.bind(&mut params);
        }
        let rows = self.query(&sql, &params).await?;
        let written = rows.first().ok_or(Failure::Unreadable("is_so"))?;
        Ok(written.try_get(0)?)
    }
}

/// In vain for what a change writes and checks, each once: those that may be in somebody's hand, or
/// all, if none may.
fn moved(changes: &Changes, may_be_held: impl Fn(&Key) -> bool) -> Verdict {
    let puts = changes.puts.iter().map(|put| &put.key);
    let checks = changes.checks.iter().map(|check| &check.key);
    let all: BTreeSet<&Key> = puts.chain(checks).collect();
    let held: Vec<Key> = { all.iter() }
        .filter(|key| may_be_held(key))
        .map(|key| (*key).clone())
        .collect();
    Verdict::Moved(match held.is_empty() {
        true => all.into_iter().cloned().collect(),
        false => held,
    })
}
