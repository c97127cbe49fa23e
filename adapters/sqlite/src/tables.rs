//! The names of the tables, and every fixed statement over them.

use std::sync::Arc;

use leadkit::store::Kind;
use rusqlite::{Connection, Transaction};

use crate::facts::Layout;
use crate::migrate;
use crate::open::{OpenError, Options};
use crate::within::Within;

/// The tables of one prefix. Cheap to clone.
///
/// A host without a [`SqliteStore`](crate::SqliteStore) uses it to make the tables in its own
/// database, and to work in its own transactions:
///
/// ```
/// use leadkit_sqlite::{Tables, rusqlite::Connection};
/// let mut connection = Connection::open_in_memory()?;
/// let tables = Tables::prefixed("crm_")?;
/// tables.migrate(&mut connection)?;
/// let tx = connection.transaction()?;
/// let absent = tables.within(&tx).load(&[])?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tables {
    sql: Arc<Sql>,
}

impl Default for Tables {
    /// The tables named `leadkit_*`.
    fn default() -> Self {
        let sql = Arc::new(Sql::new(&Options::default().prefix));
        Self { sql }
    }
}

impl Tables {
    /// The tables whose names begin with this.
    ///
    /// # Errors
    ///
    /// [`OpenError::Prefix`], unless it is 1 to 32 of `a-z`, `0-9` and `_`, a letter first, and
    /// not SQLite's own `sqlite_`.
    pub fn prefixed(prefix: &str) -> Result<Self, OpenError> {
        let letter = |byte: u8| byte.is_ascii_lowercase();
        let valid = prefix.len() <= 32
            && prefix.bytes().next().is_some_and(letter)
            && prefix
                .bytes()
                .all(|byte| letter(byte) || byte.is_ascii_digit() || byte == b'_')
            && !prefix.starts_with("sqlite_");
        match valid {
            true => Ok(Self {
                sql: Arc::new(Sql::new(prefix)),
            }),
            false => Err(OpenError::Prefix {
                prefix: prefix.into(),
            }),
        }
    }

    /// What the tables' names begin with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.sql.prefix
    }

    /// Makes the tables, or brings them up to date, in one transaction.
    ///
    /// # Errors
    ///
    /// [`OpenError::NewerTables`] and [`OpenError::EditedMigration`], when they aren't this
    /// crate's; [`OpenError::Sqlite`].
    pub fn migrate(&self, connection: &mut Connection) -> Result<(), OpenError> {
        migrate::migrate(connection, self)
    }

    /// Records within the host's own transaction.
    #[must_use]
    pub fn within<'a>(&'a self, tx: &'a Transaction<'_>) -> Within<'a> {
        Within::new(self, tx, None)
    }

    pub(crate) fn sql(&self) -> &Sql {
        &self.sql
    }
}

/// The fixed statements.
#[derive(Debug)]
pub(crate) struct Sql {
    pub(crate) prefix: String,
    pub(crate) tenant: String,
    pub(crate) new_tenant: String,
    pub(crate) lane: String,
    pub(crate) new_lane: String,
    pub(crate) lane_name: String,
    pub(crate) slots: String,
    pub(crate) new_slot: String,
    pub(crate) record: String,
    pub(crate) version: String,
    pub(crate) insert: String,
    pub(crate) update: String,
    pub(crate) delete: String,
    /// Per kind with facts.
    pub(crate) facts: Vec<(Kind, FactsSql)>,
    pub(crate) entry: String,
    pub(crate) last_place: String,
    pub(crate) new_entry: String,
    pub(crate) journal: String,
    pub(crate) last_entry: String,
    pub(crate) first_clock: String,
    pub(crate) next_lane: String,
    pub(crate) due: String,
}

/// The fixed statements over the facts of one kind.
#[derive(Debug)]
pub(crate) struct FactsSql {
    pub(crate) table: String,
    pub(crate) write: String,
    pub(crate) overflow: String,
    pub(crate) delete: String,
}

impl Sql {
    fn new(p: &str) -> Self {
        let facts = Kind::ALL.into_iter().filter_map(|kind| {
            let layout = Layout::of(kind)?;
            Some((kind, FactsSql::new(p, layout)))
        });
        Self {
            prefix: p.to_owned(),
            tenant: format!(r#"SELECT number FROM "{p}tenants" WHERE name = ?1"#),
            new_tenant: format!(r#"INSERT INTO "{p}tenants" (name) VALUES (?1)"#),
            lane: format!(r#"SELECT number FROM "{p}lanes" WHERE tenant = ?1 AND name = ?2"#),
            new_lane: format!(r#"INSERT INTO "{p}lanes" (tenant, name) VALUES (?1, ?2)"#),
            lane_name: format!(
                r#"SELECT t.name, l.name FROM "{p}lanes" l JOIN "{p}tenants" t
                   ON t.number = l.tenant WHERE l.number = ?1"#
            ),
            slots: format!(
                r#"SELECT field, type, slot FROM "{p}slots" WHERE tenant = ?1 AND kind = ?2"#
            ),
            new_slot: format!(
                r#"INSERT INTO "{p}slots" (tenant, kind, field, type, slot)
                   VALUES (?1, ?2, ?3, ?4, ?5)"#
            ),
            record: format!(
                r#"SELECT version, body FROM "{p}records"
                   WHERE tenant = ?1 AND kind = ?2 AND id = ?3"#
            ),
            version: format!(
                r#"SELECT version FROM "{p}records" WHERE tenant = ?1 AND kind = ?2 AND id = ?3"#
            ),
            insert: format!(
                r#"INSERT OR IGNORE INTO "{p}records"
                   (tenant, kind, id, version, wakes_at, lane, body)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"#
            ),
            update: format!(
                r#"UPDATE "{p}records" SET version = ?4, wakes_at = ?5, lane = ?6, body = ?7
                   WHERE tenant = ?1 AND kind = ?2 AND id = ?3 AND version = ?8"#
            ),
            delete: format!(
                r#"DELETE FROM "{p}records"
                   WHERE tenant = ?1 AND kind = ?2 AND id = ?3 AND version = ?4"#
            ),
            facts: facts.collect(),
            entry: format!(r#"SELECT body FROM "{p}journal" WHERE tenant = ?1 AND command = ?2"#),
            last_place: format!(
                r#"SELECT max(place) FROM "{p}journal" WHERE place > ?1 AND place <= ?2"#
            ),
            new_entry: format!(
                r#"INSERT OR IGNORE INTO "{p}journal" (place, tenant, command, body)
                   VALUES (?1, ?2, ?3, ?4)"#
            ),
            journal: format!(
                r#"SELECT place, command, body FROM "{p}journal"
                   WHERE place > ?1 AND place <= ?2 ORDER BY place"#
            ),
            last_entry: format!(
                r#"SELECT place, command, body FROM "{p}journal"
                   WHERE place > ?1 AND place <= ?2 ORDER BY place DESC LIMIT 1"#
            ),
            first_clock: format!(
                r#"SELECT wakes_at FROM "{p}records" WHERE lane = ?1 AND wakes_at IS NOT NULL
                   ORDER BY wakes_at LIMIT 1"#
            ),
            // From lane to lane by the index: lanes that nobody waits in any more cost nothing.
            next_lane: format!(
                r#"SELECT lane, wakes_at FROM "{p}records"
                   WHERE lane > ?1 AND wakes_at IS NOT NULL ORDER BY lane, wakes_at LIMIT 1"#
            ),
            due: format!(
                r#"SELECT wakes_at, kind, id FROM "{p}records"
                   WHERE lane = ?1 AND wakes_at IS NOT NULL AND wakes_at <= ?2
                   ORDER BY wakes_at, kind, id"#
            ),
        }
    }

    pub(crate) fn facts(&self, kind: Kind) -> Option<&FactsSql> {
        let of_kind = self.facts.iter().find(|(other, _)| *other == kind);
        of_kind.map(|(_, sql)| sql)
    }
}

impl FactsSql {
    fn new(prefix: &str, layout: &Layout) -> Self {
        let table = format!("{prefix}{}", layout.table());
        let columns: Vec<String> = layout
            .columns()
            .map(|name| format!(r#""{name}""#))
            .collect();
        let names = columns.join(", ");
        let places: Vec<String> = (3..columns.len() + 3).map(|n| format!("?{n}")).collect();
        let places = places.join(", ");
        Self {
            write: format!(
                r#"INSERT OR REPLACE INTO "{table}" (tenant, id, {names})
                   VALUES (?1, ?2, {places})"#
            ),
            overflow: format!(
                r#"UPDATE "{table}" SET overflow = jsonb(?3) WHERE tenant = ?1 AND id = ?2"#
            ),
            delete: format!(r#"DELETE FROM "{table}" WHERE tenant = ?1 AND id = ?2"#),
            table,
        }
    }
}
