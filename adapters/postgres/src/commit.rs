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
use leadkit::store::{Changes, Key, Kind, Put, StoredFact, Verdict, Version};
use tokio::time::Instant;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::error::{Failure, Result};
use crate::facts::{Encoded, Layout, Place, escaped, is_short};
use crate::names::{Names, Slots, slot_of};
use crate::plan::{Plan, Truth};
use crate::reads::place;
use crate::session::{Param, Session, arrays, id, kind_number, signed, unsigned, uuid};
use crate::tables::{FactShape, Sql};
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
        let sql = desk.sql.write(&shapes);
        let tenant = escaped(tenant.as_str());
        let tenant = &*tenant;
        let mut params: Vec<Param<'_>> = vec![(&tenant, Type::TEXT)];
        records.bind(&mut params);
        let bound: Vec<Bound<'_>> = facts
            .iter()
            .zip(&shapes)
            .map(|(rows, shape)| rows.bound(&shape.columns))
            .collect();
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

/// The records of a plan as arrays, each in the order of the keys.
#[derive(Debug, Default)]
struct Records<'a> {
    checks: (Vec<i16>, Vec<Uuid>, Vec<i64>),
    new: Bodies<'a>,
    old: Bodies<'a>,
    old_reads: Vec<i64>,
    gone: (Vec<i16>, Vec<Uuid>, Vec<i64>),
    commands: Vec<Uuid>,
    entries: Vec<&'a [u8]>,
}

#[derive(Debug, Default)]
struct Bodies<'a> {
    kinds: Vec<i16>,
    ids: Vec<Uuid>,
    versions: Vec<i64>,
    lanes: Vec<Option<std::borrow::Cow<'a, str>>>,
    clocks: Vec<Option<i64>>,
    bodies: Vec<&'a [u8]>,
}

impl<'a> Records<'a> {
    fn of(plan: &Plan<'a>) -> Self {
        let mut records = Self::default();
        for ((kind, id), pending) in &plan.records {
            let (kind, id, stored) = (kind_number(*kind), uuid(*id), signed(pending.stored.0));
            let body = pending.put.and_then(|put| Some((put, put.body.as_ref()?)));
            match (pending.put, body) {
                (_, Some((put, body))) => {
                    let into = match pending.stored {
                        Version::ABSENT => &mut records.new,
                        _ => {
                            records.old_reads.push(stored);
                            &mut records.old
                        }
                    };
                    into.push(kind, id, put, body);
                }
                (Some(_), None) if pending.stored != Version::ABSENT => {
                    push(&mut records.gone, kind, id, stored);
                }
                // What was only looked at, and what is removed and wasn't there.
                _ => push(&mut records.checks, kind, id, stored),
            }
        }
        for change in &plan.written {
            records.commands.push(uuid(change.command.0));
            records.entries.push(&change.journal);
        }
        records
    }

    /// In the order of the function's parameters, behind the tenant.
    fn bind<'p>(&'p self, params: &mut Vec<Param<'p>>) {
        let Self {
            checks,
            new,
            old,
            old_reads,
            gone,
            commands,
            entries,
        } = self;
        params.push((&checks.0, Type::INT2_ARRAY));
        params.push((&checks.1, Type::UUID_ARRAY));
        params.push((&checks.2, Type::INT8_ARRAY));
        new.bind(None, params);
        old.bind(Some(old_reads), params);
        params.push((&gone.0, Type::INT2_ARRAY));
        params.push((&gone.1, Type::UUID_ARRAY));
        params.push((&gone.2, Type::INT8_ARRAY));
        params.push((commands, Type::UUID_ARRAY));
        params.push((entries, Type::BYTEA_ARRAY));
    }
}

fn push(keys: &mut (Vec<i16>, Vec<Uuid>, Vec<i64>), kind: i16, id: Uuid, version: i64) {
    keys.0.push(kind);
    keys.1.push(id);
    keys.2.push(version);
}

impl<'a> Bodies<'a> {
    fn push(&mut self, kind: i16, id: Uuid, put: &'a Put, body: &'a [u8]) {
        self.kinds.push(kind);
        self.ids.push(id);
        self.versions.push(signed(put.makes.0));
        let wakes = put.wakes.as_ref();
        self.lanes
            .push(wakes.map(|wakes| escaped(wakes.lane.as_str())));
        self.clocks
            .push(wakes.map(|wakes| wakes.at.timestamp_micros()));
        self.bodies.push(body);
    }

    fn bind<'p>(&'p self, reads: Option<&'p Vec<i64>>, params: &mut Vec<Param<'p>>) {
        params.push((&self.kinds, Type::INT2_ARRAY));
        params.push((&self.ids, Type::UUID_ARRAY));
        if let Some(reads) = reads {
            params.push((reads, Type::INT8_ARRAY));
        }
        params.push((&self.versions, Type::INT8_ARRAY));
        params.push((&self.lanes, Type::TEXT_ARRAY));
        params.push((&self.clocks, Type::INT8_ARRAY));
        params.push((&self.bodies, Type::BYTEA_ARRAY));
    }
}

/// The facts of one kind's records, by column.
#[derive(Debug)]
struct FactRows<'a> {
    layout: &'static Layout,
    ids: Vec<Uuid>,
    /// Of each column the rows that hold something, and what.
    cells: Vec<Vec<(usize, Encoded<'a>)>>,
    overflow: Vec<Option<String>>,
}

impl<'a> FactRows<'a> {
    fn of(
        layout: &'static Layout,
        puts: &[&'a Put],
        slots: Option<&Slots>,
    ) -> Result<Option<Self>> {
        let puts = puts.iter().filter(|put| put.key.kind == layout.kind);
        let mut rows = Self {
            layout,
            ids: Vec::new(),
            cells: vec![Vec::new(); layout.width()],
            overflow: Vec::new(),
        };
        for put in puts.filter(|put| put.body.is_some()) {
            let mut overflow = serde_json::Map::new();
            let mut next = 0;
            for StoredFact { name, value } in &put.facts {
                let value_type = value.value_type();
                let place = match layout.built_in_behind(&mut next, name, value_type) {
                    Some(place) => place,
                    None => {
                        let slot = slots.and_then(|slots| slot_of(slots, name, value_type));
                        layout.slot(slot.ok_or(Failure::Unreadable("slot"))?)
                    }
                };
                match (place, Encoded::of(value)) {
                    (Place::Column(column), Encoded::Text(text)) if !is_short(&text) => {
                        overflow.insert(layout.column(column), text.into());
                    }
                    (Place::Column(column), value) => {
                        rows.cells[column].push((rows.ids.len(), value));
                    }
                    (Place::Overflow(slot), Encoded::Integer(number)) => {
                        overflow.insert(format!("s{slot}"), number.into());
                    }
                    (Place::Overflow(slot), Encoded::Text(text)) => {
                        overflow.insert(format!("s{slot}"), text.into());
                    }
                }
            }
            rows.ids.push(uuid(put.key.id));
            let overflow = (!overflow.is_empty()).then_some(overflow);
            let overflow = overflow.map(|map| serde_json::Value::Object(map).to_string());
            rows.overflow.push(overflow);
        }
        Ok((!rows.ids.is_empty()).then_some(rows))
    }

    fn shape(&self, widths: &Widths) -> FactShape<'static> {
        let cells = self.cells.iter().enumerate();
        let columns = cells.filter(|(_, cells)| !cells.is_empty());
        let columns: Vec<usize> = columns.map(|(column, _)| column).collect();
        FactShape {
            layout: self.layout,
            columns: widths.widen(self.layout, &columns),
            is_one: self.ids.len() == 1,
        }
    }

    /// The facts as arrays, one for each of these columns.
    fn bound<'b>(&'b self, columns: &[usize]) -> Bound<'b> {
        let column = |column: &usize| {
            let cells = &self.cells[*column];
            match self.layout.holds_text(*column) {
                true => {
                    let mut texts = vec![None; self.ids.len()];
                    for (row, value) in cells {
                        if let Encoded::Text(text) = value {
                            texts[*row] = Some(&**text);
                        }
                    }
                    Column::Texts(texts)
                }
                false => {
                    let mut numbers = vec![None; self.ids.len()];
                    for (row, value) in cells {
                        if let Encoded::Integer(number) = value {
                            numbers[*row] = Some(*number);
                        }
                    }
                    Column::Numbers(numbers)
                }
            }
        };
        Bound {
            ids: &self.ids,
            columns: columns.iter().map(column).collect(),
            overflow: &self.overflow,
        }
    }
}

#[derive(Debug)]
struct Bound<'a> {
    ids: &'a Vec<Uuid>,
    columns: Vec<Column<'a>>,
    overflow: &'a Vec<Option<String>>,
}

#[derive(Debug)]
enum Column<'a> {
    Texts(Vec<Option<&'a str>>),
    Numbers(Vec<Option<i64>>),
}

impl Bound<'_> {
    fn bind<'p>(&'p self, params: &mut Vec<Param<'p>>) {
        params.push(given(self.ids, Type::UUID, Type::UUID_ARRAY));
        for column in &self.columns {
            params.push(match column {
                Column::Texts(texts) => given(texts, Type::TEXT, Type::TEXT_ARRAY),
                Column::Numbers(numbers) => given(numbers, Type::INT8, Type::INT8_ARRAY),
            });
        }
        params.push(given(self.overflow, Type::TEXT, Type::TEXT_ARRAY));
    }
}

/// The only value of a column, or the array of them.
fn given<T: ToSql + Sync>(values: &Vec<T>, one: Type, many: Type) -> Param<'_> {
    match values.as_slice() {
        [value] => (value, one),
        _ => (values, many),
    }
}
