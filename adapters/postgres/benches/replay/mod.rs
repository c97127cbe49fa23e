//! The raw side: what the engine wrote, written by hand with tokio-postgres.
//!
//! The engine's run is recorded: which records it loaded, and what it committed. Here each
//! transaction claims leads by SQL, or takes the one that a command is about, loads the records
//! that go with them in a second round trip, and writes the same rows and commits in a third: many
//! from unnested arrays, one from plain values, with statements that are prepared once. Nothing
//! is decided, and no version is checked.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Datelike;
use futures::future::{join, try_join, try_join_all};
use leadkit::facts::built_in;
use leadkit::ids::Id;
use leadkit::store::{Changes, Key, Kind, Put};
use leadkit::time::Instant;
use leadkit::value::Value;
use leadkit_postgres::tokio_postgres::types::ToSql;
use leadkit_postgres::tokio_postgres::{Client, Error, Statement};
use uuid::Uuid;

use crate::recording::Asked;
use crate::waiting::TENANT;

/// The columns of a record behind its tenant.
const RECORD: [(&str, &str); 6] = [
    ("kind", "smallint"),
    ("id", "uuid"),
    ("version", "bigint"),
    ("lane", "text"),
    ("wakes_at", "bigint"),
    ("body", "bytea"),
];
const ENTRY: [(&str, &str); 2] = [("command", "uuid"), ("body", "bytea")];

/// A recording as rows, by the lead that each command is about.
pub(crate) struct Script {
    commands: BTreeMap<Uuid, Rows>,
    /// What is loaded beside, once for many commands.
    common: Vec<(i16, Uuid)>,
    /// How many leads were claimed at once.
    page: i64,
    now: i64,
    lane: String,
    lead_facts: Columns,
    message_facts: Columns,
}

/// What one command loads and writes.
struct Rows {
    loads: Vec<(i16, Uuid)>,
    records: Vec<Record>,
    command: Uuid,
    entry: Vec<u8>,
}

struct Record {
    kind: Kind,
    id: Uuid,
    is_new: bool,
    version: i64,
    lane: Option<String>,
    wakes_at: Option<i64>,
    body: Vec<u8>,
    facts: BTreeMap<String, Cell>,
}

/// A fact in its column.
enum Cell {
    Text(String),
    Number(i64),
}

/// The columns of one kind's facts that are ever written, with their types.
struct Columns(BTreeMap<String, &'static str>);

/// Which spare column a playbook's own field has.
type Slots = BTreeMap<(i16, String), i32>;

impl Script {
    /// The rows of a recording, for the tables of this database.
    pub(crate) async fn of(recorded: &[Asked], now: Instant, client: &Client) -> Self {
        let slots = "SELECT kind, field, slot FROM leadkit_slots";
        let slots = client.query(slots, &[]).await.expect("the slots");
        let slots = slots.iter().map(|r| ((r.get(0), r.get(1)), r.get(2)));
        let slots: Slots = slots.collect();
        let lane =
            "SELECT lane FROM leadkit_records WHERE kind = 2 AND wakes_at IS NOT NULL LIMIT 1";
        let lane = client.query_one(lane, &[]).await.expect("a lane").get(0);
        let (mut commands, mut common) = (BTreeMap::new(), BTreeSet::new());
        for asked in recorded {
            let loads: BTreeSet<&Key> = asked.loads.iter().collect();
            let puts = asked.commits.iter().flat_map(|changes| &changes.puts);
            let keys: Vec<&Key> = puts.map(|put| &put.key).collect();
            let mut written: BTreeSet<&Key> = BTreeSet::new();
            assert!(keys.iter().all(|key| written.insert(key)), "written twice");
            let beside: Vec<_> = loads.difference(&written).map(|key| place(key)).collect();
            for changes in &asked.commits {
                let mut rows = Rows::of(changes, &slots);
                match asked.commits.len() {
                    1 => rows.loads.extend(&beside),
                    _ => common.extend(&beside),
                }
                commands.insert(rows.lead(), rows);
            }
        }
        let columns = |kind| Columns::of(kind, &commands);
        Self {
            lead_facts: columns(Kind::Lead),
            message_facts: columns(Kind::Message),
            common: common.into_iter().collect(),
            page: recorded
                .iter()
                .map(|a| a.commits.len() as i64)
                .max()
                .unwrap_or(1),
            now: now.timestamp_micros(),
            lane,
            commands,
        }
    }

    /// How many commands are written.
    pub(crate) fn size(&self) -> usize {
        self.commands.len()
    }
}

impl Rows {
    fn of(changes: &Changes, slots: &Slots) -> Self {
        let old = changes.puts.iter().filter(|put| put.read.0 > 0);
        let old = old.filter(|put| put.key.kind != Kind::Lead);
        Self {
            loads: old.map(|put| place(&put.key)).collect(),
            records: changes
                .puts
                .iter()
                .map(|put| Record::of(put, slots))
                .collect(),
            command: uuid(changes.command.0),
            entry: changes.journal.clone(),
        }
    }

    fn lead(&self) -> Uuid {
        let mut records = self.records.iter();
        records.find(|r| r.kind == Kind::Lead).expect("a lead").id
    }
}

impl Record {
    fn of(put: &Put, slots: &Slots) -> Self {
        let kind = put.key.kind;
        let facts = put.facts.iter().map(|fact| {
            let cell = match &fact.value {
                Value::Bool(value) => Cell::Number(i64::from(*value)),
                Value::Number(value) => Cell::Number(value.ten_thousandths()),
                Value::Text(value) => Cell::Text(value.to_string()),
                Value::Date(value) => Cell::Number(i64::from(value.num_days_from_ce())),
                Value::Instant(value) => Cell::Number(value.timestamp_micros()),
            };
            (column(slots, kind, &fact.name), cell)
        });
        Self {
            kind,
            id: uuid(put.key.id),
            is_new: put.read.0 == 0,
            version: i64::try_from(put.makes.0).expect("a version"),
            lane: put.wakes.as_ref().map(|wakes| wakes.lane.to_string()),
            wakes_at: put.wakes.as_ref().map(|wakes| wakes.at.timestamp_micros()),
            body: put.body.clone().expect("nothing is removed here"),
            facts: facts.collect(),
        }
    }
}

impl Columns {
    fn of(kind: Kind, commands: &BTreeMap<Uuid, Rows>) -> Self {
        let records = commands.values().flat_map(|rows| &rows.records);
        let facts = records.filter(|r| r.kind == kind).flat_map(|r| &r.facts);
        let typed = facts.map(|(name, cell)| match cell {
            Cell::Text(_) => (name.clone(), "text"),
            Cell::Number(_) => (name.clone(), "bigint"),
        });
        Self(typed.collect())
    }

    /// The id, and each column.
    fn typed(&self) -> Vec<(&str, &'static str)> {
        let columns = self.0.iter().map(|(name, kind)| (name.as_str(), *kind));
        std::iter::once(("id", "uuid")).chain(columns).collect()
    }

    fn arrays<'a>(&self, records: &[&'a Record]) -> Vec<Array<'a>> {
        let column = |(name, kind): (&String, &&'static str)| match *kind {
            "text" => Array::Texts(each(records, |record| match record.facts.get(name) {
                Some(Cell::Text(text)) => Some(text.as_str()),
                _ => None,
            })),
            _ => Array::Numbers(each(records, |record| match record.facts.get(name) {
                Some(Cell::Number(number)) => Some(*number),
                _ => None,
            })),
        };
        let ids = Array::Ids(each(records, |record| record.id));
        std::iter::once(ids)
            .chain(self.0.iter().map(column))
            .collect()
    }
}

/// The column of a fact: its own, or the spare one that a playbook's field has.
fn column(slots: &Slots, kind: Kind, fact: &str) -> String {
    if built_in(kind).iter().any(|known| known.name == fact) {
        return fact.replace('.', "_");
    }
    match slots[&(i16::from(kind.number()), fact.to_owned())] {
        slot @ 1..=8 => format!("t{slot}"),
        slot => format!("n{}", slot - 8),
    }
}

fn uuid(id: Id) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

fn place(key: &Key) -> (i16, Uuid) {
    (i16::from(key.kind.number()), uuid(key.id))
}

fn each<'a, T>(records: &[&'a Record], value: impl Fn(&'a Record) -> T) -> Vec<T> {
    records.iter().map(|record| value(record)).collect()
}

/// What one column of some rows holds.
enum Array<'a> {
    Kinds(Vec<i16>),
    Ids(Vec<Uuid>),
    Numbers(Vec<Option<i64>>),
    Texts(Vec<Option<&'a str>>),
    Bodies(Vec<&'a [u8]>),
}

impl Array<'_> {
    /// The parameter for many rows, or the one for the only row.
    fn param(&self, is_one: bool) -> &(dyn ToSql + Sync) {
        match (self, is_one) {
            (Self::Kinds(values), false) => values,
            (Self::Kinds(values), true) => &values[0],
            (Self::Ids(values), false) => values,
            (Self::Ids(values), true) => &values[0],
            (Self::Numbers(values), false) => values,
            (Self::Numbers(values), true) => &values[0],
            (Self::Texts(values), false) => values,
            (Self::Texts(values), true) => &values[0],
            (Self::Bodies(values), false) => values,
            (Self::Bodies(values), true) => &values[0],
        }
    }
}

/// A statement that writes rows: of many, and of one.
struct Write {
    many: Statement,
    one: Statement,
}

impl Write {
    async fn prepare(
        client: &Client,
        columns: &[(&str, &str)],
        sql: impl Fn(&str) -> String,
    ) -> Result<Self, Error> {
        let names: Vec<String> = columns.iter().map(|(n, _)| format!("\"{n}\"")).collect();
        let values = |array: &str| {
            let places = (2..).zip(columns);
            let values = places.map(|(place, (_, kind))| format!("${place}::{kind}{array}"));
            values.collect::<Vec<_>>().join(", ")
        };
        let names = names.join(", ");
        let many = sql(&format!("unnest({}) u ({names})", values("[]")));
        let one = sql(&format!("(SELECT {}) u ({names})", values("")));
        let (many, one) = try_join(client.prepare(&many), client.prepare(&one)).await?;
        Ok(Self { many, one })
    }

    async fn run(&self, client: &Client, rows: usize, arrays: &[Array<'_>]) -> Result<(), Error> {
        let statement = match rows {
            0 => return Ok(()),
            1 => &self.one,
            _ => &self.many,
        };
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![&TENANT];
        params.extend(arrays.iter().map(|array| array.param(rows == 1)));
        client.execute(statement, &params).await.map(drop)
    }
}

/// A connection with its statements.
pub(crate) struct Raw {
    client: Client,
    claim: Statement,
    lead: Statement,
    load: Statement,
    update: Write,
    insert: Write,
    entries: Write,
    lead_facts: Write,
    message_facts: Write,
}

impl Raw {
    pub(crate) async fn prepare(client: Client, script: &Script) -> Result<Self, Error> {
        let set = |columns: &[(&str, &str)]| {
            let set = columns
                .iter()
                .map(|(name, _)| format!("\"{name}\" = u.\"{name}\""));
            set.collect::<Vec<_>>().join(", ")
        };
        let insert = |table: &'static str, columns: &[(&str, &str)]| {
            let names: Vec<String> = columns.iter().map(|(n, _)| format!("\"{n}\"")).collect();
            let names = names.join(", ");
            move |rows: &str| {
                format!("INSERT INTO leadkit_{table} (tenant, {names}) SELECT $1, u.* FROM {rows}")
            }
        };
        let set_record = set(&RECORD[2..]);
        let update = move |rows: &str| {
            format!(
                "UPDATE leadkit_records r SET {set_record} FROM {rows}
                 WHERE r.tenant = $1 AND r.kind = u.kind AND r.id = u.id"
            )
        };
        let (of_lead, of_message) = (script.lead_facts.typed(), script.message_facts.typed());
        // A column is named, also where none is written.
        let set_facts = set(&of_lead);
        let update_facts = move |rows: &str| {
            format!(
                "UPDATE leadkit_lead_facts f SET {set_facts} FROM {rows}
                 WHERE f.tenant = $1 AND f.id = u.id"
            )
        };
        Ok(Self {
            claim: client
                .prepare(
                    "SELECT id, body FROM leadkit_records
                     WHERE tenant = $1 AND lane = $2 AND wakes_at <= $3
                     ORDER BY wakes_at, kind, id LIMIT $4 FOR UPDATE SKIP LOCKED",
                )
                .await?,
            lead: client
                .prepare(
                    "SELECT id, body FROM leadkit_records
                     WHERE tenant = $1 AND kind = 2 AND id = $2 FOR UPDATE",
                )
                .await?,
            load: client
                .prepare(
                    "SELECT r.body FROM unnest($2::smallint[], $3::uuid[]) k (kind, id)
                     JOIN leadkit_records r ON r.tenant = $1 AND r.kind = k.kind AND r.id = k.id",
                )
                .await?,
            update: Write::prepare(&client, &RECORD, update).await?,
            insert: Write::prepare(&client, &RECORD, insert("records", &RECORD)).await?,
            entries: Write::prepare(&client, &ENTRY, insert("journal", &ENTRY)).await?,
            lead_facts: Write::prepare(&client, &of_lead, update_facts).await?,
            message_facts: {
                let sql = insert("message_facts", &of_message);
                Write::prepare(&client, &of_message, sql).await?
            },
            client,
        })
    }

    /// Fires so many leads of those that are due, page by page.
    pub(crate) async fn in_batches(&self, script: &Script, leads: usize) -> Result<(), Error> {
        let mut fired = 0;
        while fired < leads {
            let limit = script.page.min((leads - fired) as i64);
            let params: [&(dyn ToSql + Sync); 4] = [&TENANT, &script.lane, &script.now, &limit];
            let claimed = self.client.query(&self.claim, &params);
            let (_, rows) = try_join(self.client.batch_execute("BEGIN"), claimed).await?;
            assert!(!rows.is_empty(), "as many are due as the engine fired");
            fired += rows.len();
            let leads: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
            let common = script.common.iter().copied();
            self.fire(script, &leads, common.collect()).await?;
        }
        Ok(())
    }

    /// Carries out what is to be done with each of these leads, in a transaction of its own.
    pub(crate) async fn one_by_one(&self, script: &Script, leads: &[Uuid]) -> Result<(), Error> {
        for lead in leads {
            let params: [&(dyn ToSql + Sync); 2] = [&TENANT, lead];
            let found = self.client.query(&self.lead, &params);
            let (_, rows) = try_join(self.client.batch_execute("BEGIN"), found).await?;
            assert_eq!(rows.len(), 1);
            self.fire(script, &[*lead], Vec::new()).await?;
        }
        Ok(())
    }

    /// Loads what goes with these leads, writes and commits.
    async fn fire(
        &self,
        script: &Script,
        leads: &[Uuid],
        mut loads: Vec<(i16, Uuid)>,
    ) -> Result<(), Error> {
        let rows: Vec<&Rows> = leads.iter().map(|lead| &script.commands[lead]).collect();
        loads.extend(rows.iter().flat_map(|rows| &rows.loads));
        if !loads.is_empty() {
            let (kinds, ids): (Vec<i16>, Vec<Uuid>) = loads.into_iter().unzip();
            let params: [&(dyn ToSql + Sync); 3] = [&TENANT, &kinds, &ids];
            let loaded = self.client.query(&self.load, &params).await?;
            std::hint::black_box(loaded);
        }

        let records: Vec<&Record> = rows.iter().flat_map(|rows| &rows.records).collect();
        let chosen = |choose: &dyn Fn(&Record) -> bool| -> Vec<&Record> {
            records.iter().copied().filter(|r| choose(r)).collect()
        };
        let (old, new) = (chosen(&|r| !r.is_new), chosen(&|r| r.is_new));
        let of_leads = chosen(&|r| r.kind == Kind::Lead);
        let of_messages = chosen(&|r| r.kind == Kind::Message);
        let commands = Array::Ids(rows.iter().map(|rows| rows.command).collect());
        let entries = Array::Bodies(rows.iter().map(|rows| &*rows.entry).collect());
        let (old_arrays, new_arrays) = (arrays(&old), arrays(&new));
        let lead_arrays = script.lead_facts.arrays(&of_leads);
        let message_arrays = script.message_facts.arrays(&of_messages);
        let entries = [commands, entries];
        let writes = [
            self.update.run(&self.client, old.len(), &old_arrays),
            self.insert.run(&self.client, new.len(), &new_arrays),
            self.lead_facts
                .run(&self.client, of_leads.len(), &lead_arrays),
            self.message_facts
                .run(&self.client, of_messages.len(), &message_arrays),
            self.entries.run(&self.client, rows.len(), &entries),
        ];
        let commit = self.client.batch_execute("COMMIT");
        let (written, committed) = join(try_join_all(writes), commit).await;
        written?;
        committed
    }
}

/// In the order of [`RECORD`].
fn arrays<'a>(records: &[&'a Record]) -> Vec<Array<'a>> {
    vec![
        Array::Kinds(each(records, |r| i16::from(r.kind.number()))),
        Array::Ids(each(records, |r| r.id)),
        Array::Numbers(each(records, |r| Some(r.version))),
        Array::Texts(each(records, |r| r.lane.as_deref())),
        Array::Numbers(each(records, |r| r.wakes_at)),
        Array::Bodies(each(records, |r| &*r.body)),
    ]
}
