//! The names of the tables, and every fixed statement over them.

use std::sync::Arc;

use leadkit::store::Kind;
use tokio_postgres::{Client, Transaction};

use crate::clocks::CLOCKS_APART_MICROS;
use crate::facts::Layout;
use crate::migrate;
use crate::open::{OpenError, Options};
use crate::within::Within;

/// The tables of one prefix. Cheap to clone.
///
/// A host without a [`PostgresStore`](crate::PostgresStore) uses it to make the tables in its own
/// database, and to work in its own transactions.
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
    /// not PostgreSQL's own `pg_`.
    pub fn prefixed(prefix: &str) -> Result<Self, OpenError> {
        let letter = |byte: u8| byte.is_ascii_lowercase();
        let valid = prefix.len() <= 32
            && prefix.bytes().next().is_some_and(letter)
            && prefix
                .bytes()
                .all(|byte| letter(byte) || byte.is_ascii_digit() || byte == b'_')
            && !prefix.starts_with("pg_");
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

    /// The names of the tables that hold tenants' rows, each with a first column `tenant`.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let prefix = self.sql.prefix.clone();
        let facts = Layout::all().iter().map(Layout::table);
        ["records", "leases", "journal", "journal_ends", "slots"]
            .into_iter()
            .chain(facts)
            .map(move |name| format!("{prefix}{name}"))
    }

    /// Makes the tables, or brings them up to date, in one transaction. Processes that do so at
    /// the same time wait for each other.
    ///
    /// # Errors
    ///
    /// [`OpenError::OldServer`] and [`OpenError::Encoding`], when the database won't do;
    /// [`OpenError::NewerTables`] and [`OpenError::EditedMigration`], when the tables aren't this
    /// crate's; [`OpenError::Postgres`].
    pub async fn migrate(&self, client: &mut Client) -> Result<(), OpenError> {
        migrate::migrate(client, self).await
    }

    /// SQL that keeps every role but the tables' owner (and superusers) to the rows of one tenant:
    /// the one whose name is in the setting `leadkit.tenant`. Without the setting there are none.
    ///
    /// A role may set it to any name: this guards a host against slips in its own SQL. Who may write SQL
    /// of their own and is to see one organisation alone needs a policy of the host's, by role.
    ///
    /// It is for roles that read for one organisation, and for hosts that work
    /// [within](Self::within) their own transactions as such a role, after
    /// `SET LOCAL leadkit.tenant = 'acme'`. A store's own connections serve all tenants: they
    /// belong to the owner, or to a role with `BYPASSRLS`; a role that is bound is refused when a store is
    /// opened, whatever other policies it has. Carrying it out again changes nothing.
    #[must_use]
    pub fn row_level_security(&self) -> String {
        let prefix = self.prefix();
        let of_table = |table: String| {
            let own = "tenant = current_setting('leadkit.tenant', true)";
            format!(
                r#"ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS "{prefix}own_rows" ON "{table}";
CREATE POLICY "{prefix}own_rows" ON "{table}" USING ({own}) WITH CHECK ({own});
"#
            )
        };
        self.names().map(of_table).collect()
    }

    /// SQL that distributes the tables by tenant with Citus, for a database in which its extension
    /// is made. To be carried out once, after the tables are made; then stores are opened as
    /// [`Options::distributed`]. It has never been carried out on Citus: see the
    /// [crate's documentation](crate).
    #[must_use]
    pub fn distribution(&self) -> String {
        let of_table =
            |table: String| format!("SELECT create_distributed_table('\"{table}\"', 'tenant');\n");
        self.names().map(of_table).collect()
    }

    /// Records within the host's own transaction.
    #[must_use]
    pub fn within<'a>(&'a self, tx: &'a Transaction<'a>) -> Within<'a> {
        Within::new(self, tx, None)
    }

    pub(crate) fn sql(&self) -> &Sql {
        &self.sql
    }
}

/// The fixed statements. All but those that look into lanes are about one tenant.
#[derive(Debug)]
pub(crate) struct Sql {
    pub(crate) prefix: String,
    pub(crate) load: String,
    pub(crate) load_entries: String,
    pub(crate) versions: String,
    pub(crate) free_to_write: String,
    pub(crate) free_to_check: String,
    pub(crate) in_hand: String,
    pub(crate) done: String,
    pub(crate) slots: String,
    pub(crate) new_slots: String,
    pub(crate) clocks: ClockSql,
    pub(crate) journal: String,
}

/// The fixed statements over clocks and leases.
#[derive(Debug)]
pub(crate) struct ClockSql {
    pub(crate) claim: String,
    pub(crate) end_leases: String,
    on_one_server: LaneSql,
    by_shard: LaneSql,
}

/// The statements that ask what there is in lanes.
#[derive(Debug)]
pub(crate) struct LaneSql {
    /// Of any tenants' lanes; by shard: of one tenant's.
    pub(crate) due: String,
    pub(crate) next: String,
    /// It reads all leases, without an index that every claim would have to write: those that are
    /// over are swept away, so that there are few beside those that run.
    pub(crate) lease_ends: String,
}

/// How many of a tenant's leases are swept away at once.
const MOST_ENDED: u32 = 10_000;

/// Whether the lease `l` runs at `now`, as [`Lease::runs_at`](leadkit::store::Lease::runs_at) says it.
fn runs(now: &str) -> String {
    format!("(l.lease_until > {now} AND l.leased_at <= {now} + {CLOCKS_APART_MICROS})")
}

/// Whether a lease runs on the record `r` at `now`. A subquery of its own for each record: the
/// planner must not read all leases to find out about some.
fn leased(p: &str, now: &str) -> String {
    let runs = runs(now);
    format!(
        r#"coalesce((SELECT {runs} FROM "{p}leases" l
           WHERE l.tenant = r.tenant AND l.kind = r.kind AND l.id = r.id
             AND l.version = r.version), false)"#
    )
}

impl LaneSql {
    fn on_one_server(p: &str) -> Self {
        let (leased, runs) = (leased(p, "$1"), runs("$1"));
        Self {
            due: format!(
                r#"SELECT l.place
                   FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY
                       l (tenant, lane, mark, place)
                   CROSS JOIN LATERAL (
                       SELECT 1 FROM "{p}records" r
                       WHERE r.tenant = l.tenant AND r.lane = l.lane
                         AND r.wakes_at >= l.mark AND r.wakes_at <= $4 LIMIT 1
                   ) r"#
            ),
            // From lane to lane, at the front of each one's part of the index.
            next: format!(
                r#"WITH RECURSIVE lanes AS (
                       (SELECT r.tenant, r.lane FROM "{p}records" r
                        WHERE r.wakes_at IS NOT NULL ORDER BY r.tenant, r.lane LIMIT 1)
                       UNION ALL
                       SELECT n.tenant, n.lane FROM lanes l CROSS JOIN LATERAL (
                           SELECT r.tenant, r.lane FROM "{p}records" r
                           WHERE r.wakes_at IS NOT NULL AND (r.tenant, r.lane) > (l.tenant, l.lane)
                           ORDER BY r.tenant, r.lane LIMIT 1
                       ) n
                   )
                   SELECT lanes.tenant, lanes.lane, (
                       SELECT r.wakes_at FROM "{p}records" r
                       WHERE r.tenant = lanes.tenant AND r.lane = lanes.lane
                         AND r.wakes_at IS NOT NULL AND NOT {leased}
                       ORDER BY r.wakes_at, r.kind, r.id LIMIT 1
                   ) FROM lanes ORDER BY 1, 2"#
            ),
            lease_ends: format!(
                r#"SELECT l.tenant, l.lane, min(l.lease_until)
                   FROM "{p}leases" l CROSS JOIN LATERAL (
                       SELECT 1 FROM "{p}records" r
                       WHERE r.tenant = l.tenant AND r.kind = l.kind AND r.id = l.id
                         AND r.version = l.version LIMIT 1
                   ) r
                   WHERE {runs} GROUP BY l.tenant, l.lane"#
            ),
        }
    }

    /// About one tenant, or what each shard groups by itself, going through all that it has.
    fn by_shard(p: &str) -> Self {
        let runs = runs("$1");
        Self {
            due: format!(
                r#"SELECT l.place
                   FROM unnest($2::text[], $3::bigint[]) WITH ORDINALITY l (lane, mark, place)
                   CROSS JOIN LATERAL (
                       SELECT 1 FROM "{p}records" r
                       WHERE r.tenant = $1 AND r.lane = l.lane
                         AND r.wakes_at >= l.mark AND r.wakes_at <= $4 LIMIT 1
                   ) r"#
            ),
            next: format!(
                r#"SELECT r.tenant, r.lane, min(r.wakes_at)
                       FILTER (WHERE l.lease_until IS NULL OR NOT {runs})
                   FROM "{p}records" r LEFT JOIN "{p}leases" l
                     ON l.tenant = r.tenant AND l.kind = r.kind AND l.id = r.id
                    AND l.version = r.version
                   WHERE r.wakes_at IS NOT NULL
                   GROUP BY r.tenant, r.lane"#
            ),
            lease_ends: format!(
                r#"SELECT l.tenant, l.lane, min(l.lease_until)
                   FROM "{p}leases" l JOIN "{p}records" r
                     ON r.tenant = l.tenant AND r.kind = l.kind AND r.id = l.id
                    AND r.version = l.version
                   WHERE {runs} GROUP BY l.tenant, l.lane"#
            ),
        }
    }
}

impl ClockSql {
    fn new(p: &str) -> Self {
        let (leased, runs) = (leased(p, "$4"), runs("$4"));
        Self {
            // Of each lane as many as of all, so that the earliest are among them; what is locked
            // and isn't among them is free again when the transaction ends.
            claim: format!(
                r#"WITH due AS MATERIALIZED (
                       SELECT l.place, l.lane, r.* FROM unnest($2::text[], $3::bigint[])
                           WITH ORDINALITY l (lane, mark, place)
                       CROSS JOIN LATERAL (
                           SELECT r.kind, r.id, r.version, r.wakes_at FROM "{p}records" r
                           WHERE r.tenant = $1 AND r.lane = l.lane
                             AND r.wakes_at >= l.mark AND r.wakes_at <= $4 AND NOT {leased}
                           ORDER BY r.wakes_at, r.kind, r.id LIMIT $5
                           FOR NO KEY UPDATE OF r SKIP LOCKED
                       ) r
                       ORDER BY r.wakes_at, r.kind, r.id LIMIT $5
                   ), leased AS (
                       INSERT INTO "{p}leases" AS l (tenant, kind, id, version, lane, leased_at, lease_until)
                       SELECT $1, kind, id, version, lane, $4, $6 FROM due
                       ON CONFLICT (tenant, kind, id) DO UPDATE
                       SET version = EXCLUDED.version, lane = EXCLUDED.lane,
                           leased_at = EXCLUDED.leased_at, lease_until = EXCLUDED.lease_until
                       WHERE NOT {runs} OR l.version <> EXCLUDED.version
                       RETURNING kind, id
                   )
                   SELECT due.kind, due.id, due.wakes_at, due.place, leased.id IS NOT NULL
                   FROM due LEFT JOIN leased USING (kind, id)"#
            ),
            // Whether there may be more that are over, and whether there are others at all.
            end_leases: format!(
                r#"WITH over AS (
                       SELECT l.kind, l.id FROM "{p}leases" l
                       WHERE l.tenant = $1 AND (l.lease_until <= $2 OR NOT EXISTS (
                           SELECT 1 FROM "{p}records" r
                           WHERE r.tenant = $1 AND r.kind = l.kind AND r.id = l.id
                             AND r.version = l.version
                       ))
                       LIMIT {MOST_ENDED} FOR UPDATE OF l SKIP LOCKED
                   ), ended AS (
                       DELETE FROM "{p}leases" l USING over
                       WHERE l.tenant = $1 AND l.kind = over.kind AND l.id = over.id
                       RETURNING 1
                   ), counted AS (SELECT count(*) AS number FROM ended)
                   SELECT number = {MOST_ENDED}, EXISTS (
                       SELECT 1 FROM "{p}leases" l WHERE l.tenant = $1 OFFSET number LIMIT 1
                   ) FROM counted"#
            ),
            on_one_server: LaneSql::on_one_server(p),
            by_shard: LaneSql::by_shard(p),
        }
    }

    /// Those for tables that are distributed by tenant, or aren't.
    pub(crate) fn of_lanes(&self, is_distributed: bool) -> &LaneSql {
        match is_distributed {
            true => &self.by_shard,
            false => &self.on_one_server,
        }
    }
}

impl Sql {
    fn new(p: &str) -> Self {
        // Key by key: `LIMIT` keeps the planner from reading whole tables instead. The subselects
        // keep from it how many keys there are, for which it would plan anew each time.
        let locking = |columns: &str, lock: &str| {
            format!(
                r#"SELECT k.place, {columns}
                   FROM unnest((SELECT $2::smallint[]), (SELECT $3::uuid[]))
                       WITH ORDINALITY k (kind, id, place)
                   CROSS JOIN LATERAL (
                       SELECT * FROM "{p}records" r
                       WHERE r.tenant = $1 AND r.kind = k.kind AND r.id = k.id LIMIT 1 {lock}
                   ) r"#
            )
        };
        let by_key = |columns: &str| locking(columns, "");
        Self {
            prefix: p.to_owned(),
            load: by_key("r.version, r.body"),
            versions: by_key("r.version"),
            free_to_write: locking("r.version", "FOR NO KEY UPDATE OF r SKIP LOCKED"),
            free_to_check: locking("r.version", "FOR SHARE OF r SKIP LOCKED"),
            in_hand: format!(r#"SELECT * FROM "{p}in_hand"($1, $2, $3)"#),
            load_entries: format!(
                r#"SELECT k.place, j.body
                   FROM unnest((SELECT $2::uuid[])) WITH ORDINALITY k (command, place)
                   CROSS JOIN LATERAL (
                       SELECT * FROM "{p}journal" j
                       WHERE j.tenant = $1 AND j.command = k.command LIMIT 1
                   ) j"#
            ),
            done: format!(
                r#"SELECT command FROM "{p}journal" WHERE tenant = $1 AND command = ANY ($2)"#
            ),
            slots: format!(
                r#"SELECT field, type, slot FROM "{p}slots" WHERE tenant = $1 AND kind = $2"#
            ),
            new_slots: format!(r#"SELECT "{p}new_slots"($1, $2, $3, $4, $5)"#),
            clocks: ClockSql::new(p),
            journal: format!(r#"SELECT place, command, body FROM "{p}read_journal"($1, $2, $3)"#),
        }
    }

    /// The table of a kind's facts, or of the records when it has none.
    pub(crate) fn table(&self, kind: Kind) -> String {
        let table = Layout::of(kind).map_or("records", Layout::table);
        format!("{}{table}", self.prefix)
    }

    /// The statement that writes a batch: the records and the journal by the function, then the
    /// facts of some kinds.
    pub(crate) fn write(&self, shape: &WriteShape) -> String {
        use std::fmt::Write as _;
        let p = &self.prefix;
        let (function, parameters) = match shape.records {
            Form::One => ("write_one", 10),
            Form::Many => ("write", 22),
        };
        let places: Vec<String> = (1..=parameters).map(|n| format!("${n}")).collect();
        let mut sql = format!(
            r#"WITH written AS MATERIALIZED (SELECT "{p}{function}"({}) AS is_so)"#,
            places.join(", ")
        );
        let mut place = parameters;
        for shape in &shape.facts {
            let layout = shape.layout;
            let array = match shape.form {
                Form::One => "",
                Form::Many => "[]",
            };
            let mut next = |kind: &str| {
                place += 1;
                format!("${place}::{kind}{array}")
            };
            let mut given = vec![next("uuid")];
            let mut names = vec![r#""id""#.to_owned()];
            let mut values = vec!["f.id".to_owned()];
            let mut aliases = vec!["id".to_owned()];
            for column in &shape.columns {
                given.push(next(match layout.holds_text(*column) {
                    true => "text",
                    false => "bigint",
                }));
                names.push(format!(r#""{}""#, layout.column(*column)));
                values.push(format!("f.c{column}"));
                aliases.push(format!("c{column}"));
            }
            given.push(next("text"));
            names.push("overflow".into());
            values.push("f.overflow::jsonb".into());
            aliases.push("overflow".into());
            let given = match shape.form {
                Form::One => format!("(SELECT {})", given.join(", ")),
                Form::Many => format!("unnest({})", given.join(", ")),
            };
            let all = (0..layout.width()).map(|column| layout.column(column));
            let set: Vec<String> = all
                .chain(["overflow".to_owned()])
                .map(|name| format!(r#""{name}" = EXCLUDED."{name}""#))
                .collect();
            let (table, names, set) = (layout.table(), names.join(", "), set.join(", "));
            // Writing to a string can't fail.
            let _ = write!(
                sql,
                r#", {table} AS (
                    INSERT INTO "{p}{table}" (tenant, {names})
                    SELECT $1, {} FROM written, {given} AS f ({}) WHERE written.is_so
                    ON CONFLICT (tenant, id) DO UPDATE SET {set}
                )"#,
                values.join(", "),
                aliases.join(", ")
            );
        }
        sql.push_str(" SELECT is_so FROM written");
        sql
    }
}

/// Whether parameters are those of a single record, or arrays: to take arrays apart costs more than to
/// write a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    One,
    Many,
}

/// In which form a batch is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WriteShape {
    pub(crate) records: Form,
    pub(crate) facts: Vec<FactShape>,
}

/// In which form the facts of one kind's records are written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FactShape {
    pub(crate) layout: &'static Layout,
    /// These columns are given; all others become NULL.
    pub(crate) columns: Vec<usize>,
    pub(crate) form: Form,
}
