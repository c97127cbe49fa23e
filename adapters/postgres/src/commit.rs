//! Writing a batch of one tenant's changes, in one statement.
//!
//! What a batch makes of each record is worked out here, and written all or nothing, in the
//! belief that nothing has moved. When something has, versions are read, the changes that don't
//! fit are left out, and what is left is written: until it is, or nothing is left.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deadpool_postgres::Pool;
use leadkit::ids::{CommandId, Id, Tenant};
use leadkit::store::{Changes, Check, Key, Kind, Put, StoredFact, Verdict, Version};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::error::{Failure, Result};
use crate::facts::{Encoded, Layout, Place, escaped, is_short};
use crate::names::{Names, Slots, slot_of};
use crate::reads::place;
use crate::session::{Param, Session, arrays, id, kind_number, signed, unsigned, uuid};
use crate::tables::{FactShape, Sql};
use crate::wide::Widths;

/// How often a batch is written anew because others were faster, or have it in hand.
const MOST_ROUNDS: u32 = 12;
/// The same for one change of a batch that somebody had in hand for as long as that.
const ROUNDS_ALONE: u32 = 3;
/// How long to wait for those who have it in hand, at most.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// What is true in the tables, as far as a batch is concerned.
#[derive(Debug, Default)]
struct Truth {
    /// Of the records that are there.
    versions: BTreeMap<(Kind, Id), Version>,
    /// The batch's commands that are in the journal.
    done: BTreeSet<CommandId>,
}

/// A record in the course of a batch.
#[derive(Clone, Copy, Debug)]
struct Pending<'a> {
    /// In the tables.
    stored: Version,
    /// After the changes so far.
    version: Version,
    /// The last of them.
    put: Option<&'a Put>,
}

/// What a batch comes to.
#[derive(Debug, Default)]
struct Plan<'a> {
    verdicts: Vec<Verdict>,
    records: BTreeMap<(Kind, Id), Pending<'a>>,
    /// The changes that are written.
    written: Vec<&'a Changes>,
}

impl<'a> Plan<'a> {
    /// Works out a batch. Without the truth, what is read first of each record is believed; then
    /// the answer is `None` as soon as something doesn't fit.
    fn new(changes: &[&'a Changes], truth: Option<&Truth>) -> Option<Self> {
        let mut plan = Self::default();
        let mut commands: BTreeSet<CommandId> = BTreeSet::new();
        for change in changes {
            let verdict = plan.decide(change, truth, &commands);
            match verdict {
                Verdict::Written => {
                    commands.insert(change.command);
                    plan.written.push(change);
                }
                _ if truth.is_none() => return None,
                _ => {}
            }
            plan.verdicts.push(verdict);
        }
        Some(plan)
    }

    fn decide(
        &mut self,
        change: &'a Changes,
        truth: Option<&Truth>,
        commands: &BTreeSet<CommandId>,
    ) -> Verdict {
        let Changes {
            tenant: _,
            command,
            checks,
            puts,
            journal: _,
        } = change;
        let done = truth.is_some_and(|truth| truth.done.contains(command));
        if done || commands.contains(command) {
            return Verdict::AlreadyDone;
        }
        let mut moved: Vec<&Key> = Vec::new();
        let read = puts.iter().map(|put| (&put.key, put.read));
        let checked = checks.iter().map(|Check { key, version }| (key, *version));
        for (key, version) in read.chain(checked) {
            let slot = (key.kind, key.id);
            let pending = self.records.entry(slot).or_insert_with(|| {
                let stored = match truth {
                    Some(truth) => truth.versions.get(&slot).copied().unwrap_or_default(),
                    None => version,
                };
                Pending {
                    stored,
                    version: stored,
                    put: None,
                }
            });
            if pending.version != version && !moved.contains(&key) {
                moved.push(key);
            }
        }
        if !moved.is_empty() {
            return Verdict::Moved(moved.into_iter().cloned().collect());
        }
        for put in puts {
            if let Some(pending) = self.records.get_mut(&(put.key.kind, put.key.id)) {
                pending.put = Some(put);
                pending.version = match put.body {
                    Some(_) => put.makes,
                    None => Version::ABSENT,
                };
            }
        }
        Verdict::Written
    }

    /// Drops what only changes that aren't written have looked at.
    fn keep_what_counts(&mut self) {
        let mut counts: BTreeSet<(Kind, Id)> = BTreeSet::new();
        for change in &self.written {
            let puts = change.puts.iter().map(|put| &put.key);
            let checks = change.checks.iter().map(|check| &check.key);
            counts.extend(puts.chain(checks).map(|key| (key.kind, key.id)));
        }
        self.records.retain(|slot, _| counts.contains(slot));
    }

    fn puts(&self) -> Vec<&'a Put> {
        self.records.values().filter_map(|p| p.put).collect()
    }
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
    ) -> Result<Vec<Verdict>> {
        let together = self.commit_together(desk, tenant, changes, MOST_ROUNDS);
        if let Some(verdicts) = together.await? {
            return Ok(verdicts);
        }
        let mut verdicts = Vec::with_capacity(changes.len());
        for change in changes {
            let alone = [*change];
            let alone = self
                .commit_together(desk, tenant, &alone, ROUNDS_ALONE)
                .await?;
            verdicts.extend(alone.unwrap_or_else(|| vec![all_moved(change)]));
        }
        Ok(verdicts)
    }

    /// The same; nothing, if somebody had one of the records in hand all the time.
    async fn commit_together(
        self,
        desk: Desk<'_>,
        tenant: &Tenant,
        changes: &[&Changes],
        rounds: u32,
    ) -> Result<Option<Vec<Verdict>>> {
        let mut plan = Plan::new(changes, None);
        for round in 0..rounds {
            if let Some(plan) = &mut plan {
                plan.keep_what_counts();
                if plan.written.is_empty() || self.write(desk, tenant, plan).await? {
                    return Ok(Some(std::mem::take(&mut plan.verdicts)));
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

fn all_moved(changes: &Changes) -> Verdict {
    let puts = changes.puts.iter().map(|put| &put.key);
    let checks = changes.checks.iter().map(|check| &check.key);
    Verdict::Moved(puts.chain(checks).cloned().collect())
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
