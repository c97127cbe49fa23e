//! The raw side: what one would write by hand with tokio-postgres, over the same tables.
//!
//! It claims, loads and writes in one transaction, so it needs no leases and no versions, though
//! it counts them, as the store does. Arrays are unnested, statements are prepared once, and what
//! needs no answer is pipelined.

use futures::future::try_join_all;
use leadkit::ids::Id;
use leadkit::store::Kind;
use leadkit::time::{Elapsed, Instant};
use leadkit_postgres::tokio_postgres::types::ToSql;
use leadkit_postgres::tokio_postgres::{Client, Statement};
use uuid::Uuid;

use crate::server;
use crate::work::{self, Fact};

/// The columns of a lead's facts that the work writes.
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

pub(crate) struct Raw {
    client: Client,
    due: Statement,
    one: Statement,
    load: Statement,
    update: Statement,
    insert: Statement,
    lead_facts: Statement,
    message_facts: Statement,
    entries: Statement,
}

impl Raw {
    pub(crate) async fn connect(url: &str) -> Self {
        let client = server::connect(url).await;
        let lead = work::lead_facts("", "", 0);
        let message = work::message_facts("", "");
        let statements = [
            "SELECT id, wakes_at, body FROM leadkit_records
             WHERE tenant = $1 AND lane = $2 AND wakes_at <= $3
             ORDER BY wakes_at LIMIT $4 FOR UPDATE SKIP LOCKED"
                .to_owned(),
            "SELECT id, wakes_at, body FROM leadkit_records
             WHERE tenant = $1 AND kind = $2 AND id = $3 FOR UPDATE"
                .to_owned(),
            "SELECT id, body FROM leadkit_records
             WHERE tenant = $1 AND kind = $2 AND id = ANY ($3)"
                .to_owned(),
            "UPDATE leadkit_records r SET version = version + 1, wakes_at = $3, lane = $4, body = u.body
             FROM unnest($5::uuid[], $6::bytea[]) u (id, body)
             WHERE r.tenant = $1 AND r.kind = $2 AND r.id = u.id"
                .to_owned(),
            "INSERT INTO leadkit_records (tenant, kind, id, version, body)
             SELECT $1, $2, u.id, 1, u.body FROM unnest($3::uuid[], $4::bytea[]) u (id, body)"
                .to_owned(),
            facts_sql("lead_facts", &LEAD_COLUMNS, &lead, true),
            facts_sql("message_facts", &MESSAGE_COLUMNS, &message, false),
            "INSERT INTO leadkit_journal (tenant, command, body)
             SELECT $1, u.command, u.body FROM unnest($2::uuid[], $3::bytea[]) u (command, body)"
                .to_owned(),
        ];
        let prepared = try_join_all(statements.iter().map(|sql| client.prepare(sql))).await;
        let mut prepared = prepared.expect("statements").into_iter();
        let mut next = || prepared.next().expect("a statement");
        Self {
            due: next(),
            one: next(),
            load: next(),
            update: next(),
            insert: next(),
            lead_facts: next(),
            message_facts: next(),
            entries: next(),
            client,
        }
    }

    /// Fires everything that is due, in transactions of so many.
    pub(crate) async fn in_batches(&self, size: usize) -> usize {
        let mut fired = 0;
        loop {
            self.run("BEGIN").await;
            let (now, size) = (work::now().timestamp_micros(), size as i64);
            let params: [&(dyn ToSql + Sync); 4] = [&"acme", &"lane", &now, &size];
            let due = self
                .client
                .query(&self.due, &params)
                .await
                .expect("due records");
            if due.is_empty() {
                self.run("COMMIT").await;
                return fired;
            }
            let leads = due.iter().map(|row| (row.get(0), row.get(1), row.get(2)));
            self.fire(leads.collect()).await;
            fired += due.len();
        }
    }

    /// Fires these leads, each in a transaction of its own.
    pub(crate) async fn one_by_one(&self, leads: &[(Id, Instant)]) {
        for (lead, _) in leads {
            let id = Uuid::from_bytes(*lead.as_bytes());
            let kind = i16::from(Kind::Lead.number());
            let params: [&(dyn ToSql + Sync); 3] = [&"acme", &kind, &id];
            let found = self.client.query(&self.one, &params);
            let ((), rows) = futures::future::join(self.run("BEGIN"), found).await;
            let row = &rows.expect("a lead")[0];
            self.fire(vec![(row.get(0), row.get(1), row.get(2))]).await;
        }
    }

    async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.expect("a statement");
    }

    /// Fires these leads and commits.
    async fn fire(&self, leads: Vec<(Uuid, i64, Vec<u8>)>) {
        let bodies: Vec<Vec<u8>> = leads
            .iter()
            .map(|lead| work::fired(lead.2.clone()))
            .collect();
        let contacts: Vec<Id> = bodies.iter().map(|body| work::contact_of(body)).collect();
        let uuid = |id: &Id| Uuid::from_bytes(*id.as_bytes());
        let contact_ids: Vec<Uuid> = contacts.iter().map(uuid).collect();
        let kind = i16::from(Kind::Contact.number());
        let params: [&(dyn ToSql + Sync); 3] = [&"acme", &kind, &contact_ids];
        let rows = self
            .client
            .query(&self.load, &params)
            .await
            .expect("contacts");
        let loaded_ids: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
        let contact_bodies: Vec<Vec<u8>> = rows.iter().map(|row| work::fired(row.get(1))).collect();

        let ids: Vec<Uuid> = leads.iter().map(|lead| lead.0).collect();
        let texts: Vec<(String, String)> = ids
            .iter()
            .zip(&contacts)
            .map(|(lead, contact)| (lead.to_string(), contact.to_string()))
            .collect();
        let lead_facts: Vec<[Fact<'_>; 26]> = bodies
            .iter()
            .zip(&texts)
            .map(|(body, (_, contact))| {
                let fires = body[20];
                work::lead_facts(contact, work::owner(fires), i32::from(fires))
            })
            .collect();
        let message_facts: Vec<[Fact<'_>; 8]> = texts
            .iter()
            .map(|(lead, contact)| work::message_facts(lead, contact))
            .collect();
        let made: Vec<_> = leads
            .iter()
            .map(|(id, at, _)| {
                let at = Instant::from_timestamp_micros(*at).expect("an instant");
                work::wake(Id::from_bytes(*id.as_bytes()), at)
            })
            .collect();
        let commands: Vec<Uuid> = made.iter().map(|(command, _)| uuid(&command.0)).collect();
        let messages: Vec<Uuid> = made.iter().map(|(_, message)| uuid(message)).collect();
        let of_length = |length: usize| -> Vec<Vec<u8>> {
            ids.iter()
                .map(|id| work::body(id.as_bytes(), length))
                .collect()
        };
        let (message_bodies, entries) =
            (of_length(work::MESSAGE_BYTES), of_length(work::ENTRY_BYTES));
        let again = (work::now() + Elapsed::hours(work::AGAIN_HOURS)).timestamp_micros();
        let (none, no_lane): (Option<i64>, Option<&str>) = (None, None);
        let (lead_kind, message_kind) = (
            i16::from(Kind::Lead.number()),
            i16::from(Kind::Message.number()),
        );
        let lead_columns = columns(&lead_facts);
        let message_columns = columns(&message_facts);
        let mut lead_params: Vec<&(dyn ToSql + Sync)> = vec![&"acme", &ids];
        lead_params.extend(lead_columns.iter().map(Column::param));
        let mut message_params: Vec<&(dyn ToSql + Sync)> = vec![&"acme", &messages];
        message_params.extend(message_columns.iter().map(Column::param));
        let writes: [(&Statement, Vec<&(dyn ToSql + Sync)>); 6] = [
            (
                &self.update,
                vec![&"acme", &lead_kind, &again, &"lane", &ids, &bodies],
            ),
            (
                &self.update,
                vec![
                    &"acme",
                    &kind,
                    &none,
                    &no_lane,
                    &loaded_ids,
                    &contact_bodies,
                ],
            ),
            (
                &self.insert,
                vec![&"acme", &message_kind, &messages, &message_bodies],
            ),
            (&self.lead_facts, lead_params),
            (&self.message_facts, message_params),
            (&self.entries, vec![&"acme", &commands, &entries]),
        ];
        let writing = writes
            .iter()
            .map(|(statement, params)| self.client.execute(*statement, params));
        let (written, ()) = futures::future::join(try_join_all(writing), self.run("COMMIT")).await;
        written.expect("writes");
    }
}

/// A column of facts.
enum Column<'a> {
    Texts(Vec<&'a str>),
    Numbers(Vec<i64>),
}

impl Column<'_> {
    fn param(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Texts(texts) => texts,
            Self::Numbers(numbers) => numbers,
        }
    }
}

fn columns<'a, const N: usize>(rows: &[[Fact<'a>; N]]) -> Vec<Column<'a>> {
    let column = |place: usize| match rows[0][place] {
        Fact::Text(..) => {
            let text = |row: &[Fact<'a>; N]| match row[place] {
                Fact::Text(_, text) => text,
                _ => "",
            };
            Column::Texts(rows.iter().map(text).collect())
        }
        _ => Column::Numbers(rows.iter().map(|row| number(row[place])).collect()),
    };
    (0..N).map(column).collect()
}

fn number(fact: Fact<'_>) -> i64 {
    match fact {
        Fact::Text(..) => 0,
        Fact::Bool(_, value) => i64::from(value),
        Fact::Count(_, value) => i64::from(value) * 10_000,
        Fact::At(_, value) => value.timestamp_micros(),
    }
}

fn facts_sql(table: &str, columns: &[&str], facts: &[Fact<'_>], is_update: bool) -> String {
    let arrays: Vec<String> = (3..)
        .zip(facts)
        .map(|(place, fact)| match fact {
            Fact::Text(..) => format!("${place}::text[]"),
            _ => format!("${place}::bigint[]"),
        })
        .collect();
    let arrays = arrays.join(", ");
    let aliases: Vec<String> = (0..columns.len()).map(|n| format!("c{n}")).collect();
    let names: Vec<String> = columns.iter().map(|name| format!("\"{name}\"")).collect();
    let from = format!(
        "FROM unnest($2::uuid[], {arrays}) u (id, {})",
        aliases.join(", ")
    );
    if is_update {
        let set = names
            .iter()
            .zip(&aliases)
            .map(|(name, alias)| format!("{name} = u.{alias}"));
        let set = set.collect::<Vec<_>>().join(", ");
        return format!(
            "UPDATE leadkit_{table} f SET {set} {from} WHERE f.tenant = $1 AND f.id = u.id"
        );
    }
    format!(
        "INSERT INTO leadkit_{table} (tenant, id, {}) SELECT $1, u.* {from}",
        names.join(", ")
    )
}
