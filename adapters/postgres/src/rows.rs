//! What a plan writes, as parameters of the statement that writes it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use leadkit::ids::Id;
use leadkit::store::{Kind, Put, StoredFact, Version};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::error::{Failure, Result};
use crate::facts::{Encoded, Layout, Place, escaped, is_short};
use crate::names::{Slots, slot_of};
use crate::plan::Plan;
use crate::session::{Param, kind_number, signed, uuid};
use crate::tables::{FactShape, Form};
use crate::wide::Widths;

/// The records of a plan, and the journal's entries.
#[derive(Debug)]
pub(crate) enum Records<'a> {
    One(One<'a>),
    Many(Box<Many<'a>>),
}

impl<'a> Records<'a> {
    pub(crate) fn of(plan: &Plan<'a>) -> Self {
        match One::of(plan) {
            Some(one) => Self::One(one),
            None => Self::Many(Box::new(Many::of(plan))),
        }
    }

    pub(crate) fn form(&self) -> Form {
        match self {
            Self::One(_) => Form::One,
            Self::Many(_) => Form::Many,
        }
    }

    /// In the order of the function's parameters, behind the tenant.
    pub(crate) fn bind<'p>(&'p self, params: &mut Vec<Param<'p>>) {
        match self {
            Self::One(one) => one.bind(params),
            Self::Many(many) => many.bind(params),
        }
    }
}

/// A single record that is there, changed by a single command.
#[derive(Debug)]
pub(crate) struct One<'a> {
    kind: i16,
    id: Uuid,
    read: i64,
    version: i64,
    lane: Option<Cow<'a, str>>,
    clock: Option<i64>,
    body: &'a [u8],
    command: Uuid,
    entry: &'a [u8],
}

impl<'a> One<'a> {
    fn of(plan: &Plan<'a>) -> Option<Self> {
        let &[change] = plan.written.as_slice() else {
            return None;
        };
        if plan.records.len() > 1 {
            return None;
        }
        let ((kind, id), pending) = plan.records.first_key_value()?;
        let put = pending.put?;
        // With the version that it had, leases on it must be ended as well.
        let is_changed = pending.stored != Version::ABSENT && put.makes != pending.stored;
        let body = put.body.as_deref().filter(|_| is_changed)?;
        Some(Self {
            kind: kind_number(*kind),
            id: uuid(*id),
            read: signed(pending.stored.0),
            version: signed(put.makes.0),
            lane: lane(put),
            clock: clock(put),
            body,
            command: uuid(change.command.0),
            entry: &change.journal,
        })
    }

    fn bind<'p>(&'p self, params: &mut Vec<Param<'p>>) {
        params.push((&self.kind, Type::INT2));
        params.push((&self.id, Type::UUID));
        params.push((&self.read, Type::INT8));
        params.push((&self.version, Type::INT8));
        params.push((&self.lane, Type::TEXT));
        params.push((&self.clock, Type::INT8));
        params.push((&self.body, Type::BYTEA));
        params.push((&self.command, Type::UUID));
        params.push((&self.entry, Type::BYTEA));
    }
}

/// In which lane a record waits, as it is kept.
fn lane(put: &Put) -> Option<Cow<'_, str>> {
    let wakes = put.wakes.as_ref();
    wakes.map(|wakes| escaped(wakes.lane.as_str()))
}

/// Until when, in microseconds.
fn clock(put: &Put) -> Option<i64> {
    let wakes = put.wakes.as_ref();
    wakes.map(|wakes| wakes.at.timestamp_micros())
}

/// Records as arrays, each in the order of the keys.
#[derive(Debug, Default)]
pub(crate) struct Many<'a> {
    checks: KeysAt,
    new: Bodies<'a>,
    old: Bodies<'a>,
    old_reads: Vec<i64>,
    gone: KeysAt,
    commands: Vec<Uuid>,
    entries: Vec<&'a [u8]>,
}

/// The keys of records, each with a version.
#[derive(Debug, Default)]
struct KeysAt {
    kinds: Vec<i16>,
    ids: Vec<Uuid>,
    versions: Vec<i64>,
}

#[derive(Debug, Default)]
struct Bodies<'a> {
    made: KeysAt,
    lanes: Vec<Option<Cow<'a, str>>>,
    clocks: Vec<Option<i64>>,
    bodies: Vec<&'a [u8]>,
}

impl<'a> Many<'a> {
    fn of(plan: &Plan<'a>) -> Self {
        let mut records = Self::default();
        for (&(kind, id), pending) in &plan.records {
            let body = pending.put.and_then(|put| Some((put, put.body.as_ref()?)));
            match (pending.put, body) {
                (_, Some((put, body))) => {
                    let into = match pending.stored {
                        Version::ABSENT => &mut records.new,
                        stored => {
                            records.old_reads.push(signed(stored.0));
                            &mut records.old
                        }
                    };
                    into.push(kind, id, put, body);
                }
                (Some(_), None) if pending.stored != Version::ABSENT => {
                    records.gone.push(kind, id, pending.stored);
                }
                // What was only looked at, and what is removed and wasn't there.
                _ => records.checks.push(kind, id, pending.stored),
            }
        }
        for change in &plan.written {
            records.commands.push(uuid(change.command.0));
            records.entries.push(&change.journal);
        }
        records
    }

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
        checks.bind(params);
        new.bind(None, params);
        old.bind(Some(old_reads), params);
        gone.bind(params);
        params.push((commands, Type::UUID_ARRAY));
        params.push((entries, Type::BYTEA_ARRAY));
    }
}

impl KeysAt {
    fn push(&mut self, kind: Kind, id: Id, version: Version) {
        self.kinds.push(kind_number(kind));
        self.ids.push(uuid(id));
        self.versions.push(signed(version.0));
    }

    fn bind<'p>(&'p self, params: &mut Vec<Param<'p>>) {
        params.push((&self.kinds, Type::INT2_ARRAY));
        params.push((&self.ids, Type::UUID_ARRAY));
        params.push((&self.versions, Type::INT8_ARRAY));
    }
}

impl<'a> Bodies<'a> {
    fn push(&mut self, kind: Kind, id: Id, put: &'a Put, body: &'a [u8]) {
        self.made.push(kind, id, put.makes);
        self.lanes.push(lane(put));
        self.clocks.push(clock(put));
        self.bodies.push(body);
    }

    fn bind<'p>(&'p self, reads: Option<&'p Vec<i64>>, params: &mut Vec<Param<'p>>) {
        params.push((&self.made.kinds, Type::INT2_ARRAY));
        params.push((&self.made.ids, Type::UUID_ARRAY));
        if let Some(reads) = reads {
            params.push((reads, Type::INT8_ARRAY));
        }
        params.push((&self.made.versions, Type::INT8_ARRAY));
        params.push((&self.lanes, Type::TEXT_ARRAY));
        params.push((&self.clocks, Type::INT8_ARRAY));
        params.push((&self.bodies, Type::BYTEA_ARRAY));
    }
}

/// The facts of one kind's records.
#[derive(Debug)]
pub(crate) struct FactRows<'a> {
    layout: &'static Layout,
    ids: Vec<Uuid>,
    /// What columns hold.
    cells: Vec<Cell<'a>>,
    overflow: Vec<Option<String>>,
}

#[derive(Debug)]
struct Cell<'a> {
    row: usize,
    column: usize,
    value: Encoded<'a>,
}

impl<'a> FactRows<'a> {
    pub(crate) fn of(
        layout: &'static Layout,
        puts: &[&'a Put],
        slots: Option<&Slots>,
    ) -> Result<Option<Self>> {
        let puts = puts.iter().filter(|put| put.key.kind == layout.kind);
        let mut rows = Self {
            layout,
            ids: Vec::new(),
            cells: Vec::new(),
            overflow: Vec::new(),
        };
        for put in puts.filter(|put| put.body.is_some()) {
            let mut overflow = serde_json::Map::new();
            let mut next = 0;
            rows.cells.reserve(put.facts.len());
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
                        let row = rows.ids.len();
                        rows.cells.push(Cell { row, column, value });
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

    pub(crate) fn shape(&self, widths: &Widths) -> FactShape {
        let columns: BTreeSet<usize> = self.cells.iter().map(|cell| cell.column).collect();
        FactShape {
            layout: self.layout,
            columns: widths.widen(self.layout.kind, &columns),
            form: match self.ids.len() {
                1 => Form::One,
                _ => Form::Many,
            },
        }
    }

    /// The facts column by column, of these columns.
    pub(crate) fn bound<'b>(&'b self, columns: &[usize]) -> Bound<'b> {
        let rows = self.ids.len();
        let empty = |column: &usize| match (self.layout.holds_text(*column), rows) {
            (true, 1) => Column::Text(None),
            (true, _) => Column::Texts(vec![None; rows]),
            (false, 1) => Column::Number(None),
            (false, _) => Column::Numbers(vec![None; rows]),
        };
        let mut bound: Vec<Column<'b>> = columns.iter().map(empty).collect();
        for Cell { row, column, value } in &self.cells {
            let place = columns.binary_search(column).ok();
            match (place.and_then(|place| bound.get_mut(place)), value) {
                (Some(Column::Text(one)), Encoded::Text(text)) => *one = Some(text),
                (Some(Column::Texts(all)), Encoded::Text(text)) => all[*row] = Some(text),
                (Some(Column::Number(one)), Encoded::Integer(number)) => *one = Some(*number),
                (Some(Column::Numbers(all)), Encoded::Integer(number)) => {
                    all[*row] = Some(*number);
                }
                // A column holds one type, and all that are held are given.
                _ => {}
            }
        }
        Bound {
            ids: &self.ids,
            columns: bound,
            overflow: &self.overflow,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Bound<'a> {
    ids: &'a Vec<Uuid>,
    columns: Vec<Column<'a>>,
    overflow: &'a Vec<Option<String>>,
}

/// What a column holds, of one record or of many.
#[derive(Debug)]
enum Column<'a> {
    Text(Option<&'a str>),
    Texts(Vec<Option<&'a str>>),
    Number(Option<i64>),
    Numbers(Vec<Option<i64>>),
}

impl Bound<'_> {
    pub(crate) fn bind<'p>(&'p self, params: &mut Vec<Param<'p>>) {
        params.push(match self.ids.as_slice() {
            [id] => (id, Type::UUID),
            _ => (self.ids, Type::UUID_ARRAY),
        });
        for column in &self.columns {
            params.push(match column {
                Column::Text(text) => (text, Type::TEXT),
                Column::Texts(texts) => (texts, Type::TEXT_ARRAY),
                Column::Number(number) => (number, Type::INT8),
                Column::Numbers(numbers) => (numbers, Type::INT8_ARRAY),
            });
        }
        params.push(match self.overflow.as_slice() {
            [overflow] => (overflow, Type::TEXT),
            _ => (self.overflow, Type::TEXT_ARRAY),
        });
    }
}
