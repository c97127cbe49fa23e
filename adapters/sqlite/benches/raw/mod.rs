//! The raw side: what one would write by hand with rusqlite, over the same tables.
//!
//! Its connection is opened by [`Options::connect`], as the store's is; its statements are
//! prepared once. It claims, loads and writes in one transaction, so it needs no versions,
//! though it counts them, as the store does.

pub(crate) mod work;

use std::path::Path;

use leadkit::ids::Id;
use leadkit::store::Kind;
use leadkit::time::{Elapsed, Instant};
use leadkit_sqlite::{Options, rusqlite};
use rusqlite::{CachedStatement, Connection};
use work::Fact;

pub(crate) struct Raw {
    connection: Connection,
    /// The last place in the journal.
    place: i64,
}

/// The columns of a lead's facts that the work writes; all others become NULL.
const LEAD_COLUMNS: [&str; 26] = [
    "pipeline",
    "stage",
    "open",
    "source",
    "source_kind",
    "owner",
    "owner_role",
    "owner_team",
    "registered_at",
    "assigned_at",
    "entered_at",
    "answered",
    "attempts_total",
    "attempts_reached",
    "attempts_unanswered",
    "reassignments",
    "held",
    "set_aside",
    "flagged",
    "tasks_open",
    "registered_by",
    "contact_email",
    "contact_unsubscribed",
    "playbook",
    "t1",
    "t2",
];

const MESSAGE_COLUMNS: [&str; 8] = [
    "state",
    "template",
    "class",
    "channel",
    "lead",
    "to",
    "from",
    "queued_at",
];

struct Statements<'c> {
    due: CachedStatement<'c>,
    load: CachedStatement<'c>,
    update: CachedStatement<'c>,
    insert: CachedStatement<'c>,
    lead_facts: CachedStatement<'c>,
    message_facts: CachedStatement<'c>,
    entry: CachedStatement<'c>,
}

fn facts_sql(table: &str, columns: &[&str]) -> String {
    let names: Vec<String> = columns.iter().map(|name| format!("\"{name}\"")).collect();
    let places: Vec<String> = (3..columns.len() + 3).map(|n| format!("?{n}")).collect();
    format!(
        "INSERT OR REPLACE INTO leadkit_{table} (tenant, id, {}) VALUES (?1, ?2, {})",
        names.join(", "),
        places.join(", ")
    )
}

impl<'c> Statements<'c> {
    fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let key = "tenant = ?1 AND kind = ?2 AND id = ?3";
        Ok(Self {
            due: connection.prepare_cached(
                "SELECT id, wakes_at FROM leadkit_records
                 WHERE lane = ?1 AND wakes_at IS NOT NULL AND wakes_at <= ?2
                 ORDER BY wakes_at LIMIT ?3",
            )?,
            load: connection
                .prepare_cached(&format!("SELECT body FROM leadkit_records WHERE {key}"))?,
            update: connection.prepare_cached(&format!(
                "UPDATE leadkit_records SET version = version + 1, wakes_at = ?4, body = ?5 WHERE {key}"
            ))?,
            insert: connection.prepare_cached(
                "INSERT INTO leadkit_records (tenant, kind, id, version, wakes_at, body)
                 VALUES (?1, ?2, ?3, 1, ?4, ?5)",
            )?,
            lead_facts: connection.prepare_cached(&facts_sql("lead_facts", &LEAD_COLUMNS))?,
            message_facts: connection
                .prepare_cached(&facts_sql("message_facts", &MESSAGE_COLUMNS))?,
            entry: connection.prepare_cached(
                "INSERT INTO leadkit_journal (place, tenant, command, body) VALUES (?1, ?2, ?3, ?4)",
            )?,
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

    /// Fires everything that is due, in transactions of so many.
    pub(crate) fn in_batches(&mut self, size: usize) -> usize {
        let mut statements = Statements::new(&self.connection).expect("statements");
        let mut fired = 0;
        loop {
            let batch = batch(&self.connection, &mut statements, &mut self.place, size);
            match batch.expect("a batch") {
                0 => return fired,
                count => fired += count,
            }
        }
    }

    /// Fires these leads, each in a transaction of its own.
    pub(crate) fn one_by_one(&mut self, leads: &[(Id, Instant)]) {
        let mut statements = Statements::new(&self.connection).expect("statements");
        for (lead, at) in leads {
            let at = at.timestamp_micros();
            let fired = self
                .connection
                .execute_batch("BEGIN IMMEDIATE")
                .and_then(|()| {
                    fire(&mut statements, &mut self.place, *lead, at)?;
                    self.connection.execute_batch("COMMIT")
                });
            fired.expect("a fire");
        }
    }
}

fn batch(
    connection: &Connection,
    statements: &mut Statements<'_>,
    place: &mut i64,
    size: usize,
) -> rusqlite::Result<usize> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let due: Vec<([u8; 16], i64)> = statements
        .due
        .query_map((1, work::now().timestamp_micros(), size as i64), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<Result<_, _>>()?;
    for (lead, at) in &due {
        fire(statements, place, Id::from_bytes(*lead), *at)?;
    }
    connection.execute_batch("COMMIT")?;
    Ok(due.len())
}

fn load(statement: &mut CachedStatement<'_>, kind: Kind, id: Id) -> rusqlite::Result<Vec<u8>> {
    statement.query_row((1, kind.number(), id.as_bytes()), |row| row.get(0))
}

fn fire(
    statements: &mut Statements<'_>,
    place: &mut i64,
    lead: Id,
    at: i64,
) -> rusqlite::Result<()> {
    let body = work::fired(load(&mut statements.load, Kind::Lead, lead)?);
    let contact = work::contact_of(&body);
    let contact_body = work::fired(load(&mut statements.load, Kind::Contact, contact)?);
    let at = Instant::from_timestamp_micros(at).expect("an instant");
    let (command, message) = work::wake(lead, at);
    let (lead_text, contact_text) = (lead.to_string(), contact.to_string());

    let again = work::now() + Elapsed::hours(work::AGAIN_HOURS);
    let again = again.timestamp_micros();
    let kind = Kind::Lead.number();
    statements
        .update
        .execute((1, kind, lead.as_bytes(), again, &body))?;
    let fires = body[20];
    let facts = work::lead_facts(&contact_text, work::owner(fires), i32::from(fires));
    write_facts(&mut statements.lead_facts, lead, &facts)?;

    let kind = Kind::Contact.number();
    let none = rusqlite::types::Null;
    statements
        .update
        .execute((1, kind, contact.as_bytes(), none, &contact_body))?;

    let kind = Kind::Message.number();
    let message_body = work::body(lead.as_bytes(), work::MESSAGE_BYTES);
    statements
        .insert
        .execute((1, kind, message.as_bytes(), none, &message_body))?;
    let facts = work::message_facts(&lead_text, &contact_text);
    write_facts(&mut statements.message_facts, message, &facts)?;

    *place += 1;
    let entry = work::body(lead.as_bytes(), work::ENTRY_BYTES);
    statements
        .entry
        .execute((*place, 1, command.0.as_bytes(), &entry))?;
    Ok(())
}

fn write_facts(
    statement: &mut CachedStatement<'_>,
    id: Id,
    facts: &[Fact<'_>],
) -> rusqlite::Result<()> {
    statement.raw_bind_parameter(1, 1)?;
    statement.raw_bind_parameter(2, id.as_bytes())?;
    for (column, fact) in (3..).zip(facts) {
        match fact {
            Fact::Text(_, value) => statement.raw_bind_parameter(column, value)?,
            Fact::Bool(_, value) => statement.raw_bind_parameter(column, value)?,
            Fact::Count(_, value) => {
                statement.raw_bind_parameter(column, i64::from(*value) * 10_000)?;
            }
            Fact::At(_, value) => {
                statement.raw_bind_parameter(column, value.timestamp_micros())?;
            }
        }
    }
    statement.raw_execute().map(drop)
}
