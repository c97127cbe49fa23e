//! The raw side: what the engine wrote, written by hand with rusqlite.
//!
//! The engine's run is recorded: which records each batch loaded, and what it committed. Here
//! each batch is one transaction that claims by SQL, loads the same records and writes the same
//! rows with statements that are prepared once. Nothing is decided, and no version is checked:
//! a transaction that claims, reads and writes needs none.

use std::path::Path;

use chrono::Datelike;
use leadkit::facts::built_in;
use leadkit::store::{Changes, Kind, Put, Wakes};
use leadkit::value::Value;
use leadkit_sqlite::Options;
use leadkit_sqlite::rusqlite::{self, CachedStatement, Connection, types};

use crate::recording::Asked;

/// Batches as rows, ready to be bound.
pub(crate) struct Script {
    batches: Vec<Batch>,
    /// Number and name of the lanes that the recording left behind.
    lanes: Vec<(i64, String)>,
    lead_columns: Columns,
    message_columns: Columns,
}

struct Batch {
    claimed: Option<(i64, i64)>,
    loads: Vec<(u8, [u8; 16])>,
    changes: Vec<Rows>,
}

/// What one command writes.
struct Rows {
    records: Vec<Record>,
    command: [u8; 16],
    entry: Vec<u8>,
}

struct Record {
    kind: Kind,
    id: [u8; 16],
    is_new: bool,
    version: i64,
    body: Vec<u8>,
    wakes_at: Option<i64>,
    lane: Option<i64>,
    facts: Vec<types::Value>,
}

/// The columns of one kind's facts that are ever written; all others stay NULL.
struct Columns {
    kind: Kind,
    table: &'static str,
    names: Vec<String>,
}

impl Script {
    /// The rows of a recording, for the tables of this file.
    pub(crate) fn of(recorded: Vec<Asked>, path: &Path) -> Self {
        let connection = Connection::open(path).expect("the file");
        let columns = |kind, table| Columns::of(kind, table, &recorded, &connection);
        let lead_columns = columns(Kind::Lead, "leadkit_lead_facts");
        let message_columns = columns(Kind::Message, "leadkit_message_facts");
        let facts = |put: &Put| match put.key.kind {
            Kind::Lead => lead_columns.row(put, &connection),
            Kind::Message => message_columns.row(put, &connection),
            _ => Vec::new(),
        };
        let lanes = lanes(&connection).expect("the lanes");
        let lane = |wakes: &Wakes| {
            let mut lanes = lanes.iter();
            let found = lanes.find(|(_, name)| *name == wakes.lane.as_str());
            found.expect("a lane of the file").0
        };
        let record = |put: &Put| Record {
            kind: put.key.kind,
            id: *put.key.id.as_bytes(),
            is_new: put.read.0 == 0,
            body: put.body.clone().expect("nothing is removed here"),
            version: i64::try_from(put.makes.0).expect("a version"),
            wakes_at: put.wakes.as_ref().map(|wakes| wakes.at.timestamp_micros()),
            lane: put.wakes.as_ref().map(lane),
            facts: facts(put),
        };
        let rows = |changes: &Changes| Rows {
            records: changes.puts.iter().map(record).collect(),
            command: *changes.command.0.as_bytes(),
            entry: changes.journal.clone(),
        };
        let batch = |asked: &Asked| Batch {
            claimed: asked
                .claimed
                .map(|(now, limit)| (now.timestamp_micros(), limit as i64)),
            loads: asked
                .loads
                .iter()
                .map(|key| (key.kind.number(), *key.id.as_bytes()))
                .collect(),
            changes: asked.commits.iter().map(rows).collect(),
        };
        Self {
            batches: recorded.iter().map(batch).collect(),
            lanes: lanes.clone(),
            lead_columns,
            message_columns,
        }
    }

    /// How many commands are written, in how many batches.
    pub(crate) fn size(&self) -> (usize, usize) {
        let commands = self.batches.iter().map(|batch| batch.changes.len());
        (commands.sum(), self.batches.len())
    }
}

fn lanes(connection: &Connection) -> rusqlite::Result<Vec<(i64, String)>> {
    let mut lanes = connection.prepare("SELECT number, name FROM leadkit_lanes ORDER BY number")?;
    lanes.query_map([], |row| row.try_into())?.collect()
}

impl Columns {
    fn of(kind: Kind, table: &'static str, recorded: &[Asked], connection: &Connection) -> Self {
        let mut names: Vec<String> = Vec::new();
        let changes = recorded.iter().flat_map(|asked| &asked.commits);
        let puts = changes.flat_map(|changes| &changes.puts);
        for put in puts.filter(|put| put.key.kind == kind) {
            for fact in &put.facts {
                let name = column(connection, kind, &fact.name);
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        Self { kind, table, names }
    }

    fn row(&self, put: &Put, connection: &Connection) -> Vec<types::Value> {
        let mut row = vec![types::Value::Null; self.names.len()];
        for fact in &put.facts {
            let name = column(connection, self.kind, &fact.name);
            let place = self.names.iter().position(|known| *known == name);
            row[place.expect("a known column")] = match &fact.value {
                Value::Bool(value) => i64::from(*value).into(),
                Value::Number(value) => value.ten_thousandths().into(),
                Value::Text(value) => value.to_string().into(),
                Value::Date(value) => i64::from(value.num_days_from_ce()).into(),
                Value::Instant(value) => value.timestamp_micros().into(),
            };
        }
        row
    }

    fn sql(&self) -> String {
        let names: Vec<String> = self
            .names
            .iter()
            .map(|name| format!("\"{name}\""))
            .collect();
        let places: Vec<String> = (3..names.len() + 3).map(|n| format!("?{n}")).collect();
        format!(
            "INSERT OR REPLACE INTO {} (tenant, id, {}) VALUES (1, ?2, {})",
            self.table,
            names.join(", "),
            places.join(", ")
        )
    }
}

/// The column of a fact: its own, or the spare one that a playbook's field has.
fn column(connection: &Connection, kind: Kind, fact: &str) -> String {
    if built_in(kind).iter().any(|known| known.name == fact) {
        return fact.replace('.', "_");
    }
    let slot: u32 = connection
        .prepare_cached("SELECT slot FROM leadkit_slots WHERE kind = ?1 AND field = ?2")
        .and_then(|mut slot| slot.query_row((kind.number(), fact), |row| row.get(0)))
        .expect("the field's slot");
    match slot {
        1..=8 => format!("t{slot}"),
        _ => format!("n{}", slot - 8),
    }
}

/// A connection and the journal's last place.
pub(crate) struct Raw {
    connection: Connection,
    place: i64,
}

struct Statements<'c> {
    claim: CachedStatement<'c>,
    load: CachedStatement<'c>,
    update: CachedStatement<'c>,
    insert: CachedStatement<'c>,
    lead_facts: CachedStatement<'c>,
    message_facts: CachedStatement<'c>,
    entry: CachedStatement<'c>,
    begin: CachedStatement<'c>,
    commit: CachedStatement<'c>,
}

impl<'c> Statements<'c> {
    fn new(connection: &'c Connection, script: &Script) -> rusqlite::Result<Self> {
        let facts = |columns: &Columns| match columns.names.is_empty() {
            true => connection.prepare_cached("SELECT 1"),
            false => connection.prepare_cached(&columns.sql()),
        };
        Ok(Self {
            claim: connection.prepare_cached(
                "SELECT id, kind, wakes_at FROM leadkit_records
                 WHERE lane = 1 AND wakes_at IS NOT NULL AND wakes_at <= ?1
                 ORDER BY wakes_at, kind, id LIMIT ?2",
            )?,
            load: connection.prepare_cached(
                "SELECT body FROM leadkit_records WHERE tenant = 1 AND kind = ?1 AND id = ?2",
            )?,
            update: connection.prepare_cached(
                "UPDATE leadkit_records SET version = ?3, wakes_at = ?4, lane = ?5, body = ?6
                 WHERE tenant = 1 AND kind = ?1 AND id = ?2",
            )?,
            insert: connection.prepare_cached(
                "INSERT INTO leadkit_records (tenant, kind, id, version, wakes_at, lane, body)
                 VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)",
            )?,
            lead_facts: facts(&script.lead_columns)?,
            message_facts: facts(&script.message_columns)?,
            entry: connection.prepare_cached(
                "INSERT INTO leadkit_journal (place, tenant, command, body) VALUES (?1, 1, ?2, ?3)",
            )?,
            begin: connection.prepare_cached("BEGIN IMMEDIATE")?,
            commit: connection.prepare_cached("COMMIT")?,
        })
    }
}

impl Raw {
    pub(crate) fn open(path: &Path, options: &Options) -> Self {
        let connection = options.connect(path).expect("a connection");
        let place = connection
            .query_row("SELECT max(place) FROM leadkit_journal", [], |row| {
                row.get(0)
            })
            .expect("the journal's end");
        Self { connection, place }
    }

    /// Does what the script says, each batch in one transaction.
    pub(crate) fn play(&mut self, script: &Script) {
        for lane in &script.lanes {
            let insert =
                "INSERT OR IGNORE INTO leadkit_lanes (number, tenant, name) VALUES (?1, 1, ?2)";
            self.connection
                .execute(insert, (lane.0, &lane.1))
                .expect("a lane");
        }
        let mut statements = Statements::new(&self.connection, script).expect("statements");
        for batch in &script.batches {
            play(&mut statements, &mut self.place, batch).expect("a batch");
        }
    }
}

fn play(statements: &mut Statements<'_>, place: &mut i64, batch: &Batch) -> rusqlite::Result<()> {
    statements.begin.raw_execute()?;
    if let Some(claimed) = batch.claimed {
        let claimed: Vec<([u8; 16], u8, i64)> = statements
            .claim
            .query_map(claimed, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        assert_eq!(claimed.len(), batch.changes.len(), "the same leads are due");
    }
    let mut read = 0;
    for (kind, id) in &batch.loads {
        let body: Option<Vec<u8>> = rusqlite::OptionalExtension::optional(
            statements.load.query_row((kind, id), |row| row.get(0)),
        )?;
        read += body.map_or(0, |body| body.len());
    }
    std::hint::black_box(read);
    for rows in &batch.changes {
        for record in &rows.records {
            let statement = match record.is_new {
                true => &mut statements.insert,
                false => &mut statements.update,
            };
            let kind = record.kind.number();
            let (version, wakes_at, lane) = (record.version, record.wakes_at, record.lane);
            statement.execute((kind, &record.id, version, wakes_at, lane, &record.body))?;
            let facts = match record.kind {
                Kind::Lead => &mut statements.lead_facts,
                Kind::Message => &mut statements.message_facts,
                _ => continue,
            };
            facts.raw_bind_parameter(2, record.id)?;
            for (column, value) in (3..).zip(&record.facts) {
                facts.raw_bind_parameter(column, value)?;
            }
            facts.raw_execute()?;
        }
        *place += 1;
        let row = (*place, &rows.command, &rows.entry);
        statements.entry.execute(row)?;
    }
    statements.commit.raw_execute()?;
    Ok(())
}
