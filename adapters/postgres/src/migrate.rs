//! Makes the tables, version by version, and refuses a history that is not this crate's.

use tokio_postgres::{Client, GenericClient, Transaction};

use crate::open::OpenError;
use crate::tables::Tables;

/// All migrations in order; the first is version 1. Never edited once released.
const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_records.sql")];

/// The oldest PostgreSQL that may be used.
const OLDEST_SERVER: i32 = 150_000;

/// Brings the tables up to date in one transaction, one process at a time.
pub(crate) async fn migrate(client: &mut Client, tables: &Tables) -> Result<(), OpenError> {
    refuse_unfit_server(client).await?;
    run(client, tables, MIGRATIONS).await
}

/// Accepts the tables as they are, or says what is wrong with them.
pub(crate) async fn verify(client: &Client, tables: &Tables) -> Result<(), OpenError> {
    refuse_unfit_server(client).await?;
    let done = history(client, tables).await?;
    check(&done, MIGRATIONS)?;
    match done.len() {
        0 => Err(OpenError::NoTables),
        known if known == MIGRATIONS.len() => Ok(()),
        _ => Err(OpenError::OlderTables),
    }
}

/// Refuses a role that row-level security binds: a worker that sees no rows finds nothing due, and tells nobody.
pub(crate) async fn refuse_bound_role(client: &Client, tables: &Tables) -> Result<(), OpenError> {
    let records = format!(r#""{}records""#, tables.prefix());
    let asked = "SELECT row_security_active($1::text)";
    let row = client.query_one(asked, &[&records]).await?;
    match row.get(0) {
        true => Err(OpenError::BoundRole),
        false => Ok(()),
    }
}

async fn refuse_unfit_server(client: &Client) -> Result<(), OpenError> {
    let asked = "SELECT current_setting('server_version_num')::int, \
                 current_setting('server_version'), current_setting('server_encoding')";
    let row = client.query_one(asked, &[]).await?;
    accept_server(row.get(0), row.get(1), row.get(2))
}

fn accept_server(number: i32, version: &str, encoding: &str) -> Result<(), OpenError> {
    if number < OLDEST_SERVER {
        let found = version.to_owned();
        return Err(OpenError::OldServer { found });
    }
    if encoding != "UTF8" {
        let found = encoding.to_owned();
        return Err(OpenError::Encoding { found });
    }
    Ok(())
}

async fn run(client: &mut Client, tables: &Tables, migrations: &[&str]) -> Result<(), OpenError> {
    let done = history(client, tables).await?;
    check(&done, migrations)?;
    if done.len() == migrations.len() {
        return Ok(());
    }
    let tx = client.transaction().await?;
    let lock = lock_number(tables.prefix());
    tx.execute("SELECT pg_advisory_xact_lock($1)", &[&lock])
        .await?;
    // Somebody else may have been faster.
    let done = history(&tx, tables).await?;
    check(&done, migrations)?;
    for (version, sql) in (1..).zip(migrations).skip(done.len()) {
        apply(&tx, tables, version, sql).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn apply(
    tx: &Transaction<'_>,
    tables: &Tables,
    version: i32,
    sql: &str,
) -> Result<(), tokio_postgres::Error> {
    let prefix = tables.prefix();
    tx.batch_execute(&format!(
        r#"CREATE TABLE IF NOT EXISTS "{prefix}migrations" (
            version integer PRIMARY KEY,
            hash    text NOT NULL
        )"#
    ))
    .await?;
    tx.batch_execute(&sql.replace("{prefix}", prefix)).await?;
    let note = format!(r#"INSERT INTO "{prefix}migrations" (version, hash) VALUES ($1, $2)"#);
    tx.execute(&note, &[&version, &hash(sql)]).await?;
    Ok(())
}

/// The hashes of the migrations that were carried out, in order.
async fn history(
    client: &impl GenericClient,
    tables: &Tables,
) -> Result<Vec<String>, tokio_postgres::Error> {
    let name = format!("{}migrations", tables.prefix());
    // Where a statement that names no schema would find it. The catalogue itself is read:
    // `to_regclass` may still believe what it was told before the lock was waited for.
    let asked = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class \
                 WHERE relname = $1 AND relkind = 'r' AND pg_catalog.pg_table_is_visible(oid))";
    let exists = client.query_one(asked, &[&name]).await?;
    if !exists.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let hashes = format!(r#"SELECT hash FROM "{name}" ORDER BY version"#);
    let rows = client.query(&hashes, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn check(done: &[String], migrations: &[&str]) -> Result<(), OpenError> {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    for (version, (done, sql)) in (1..).zip(done.iter().zip(migrations)) {
        if *done != hash(sql) {
            return Err(OpenError::EditedMigration { version });
        }
    }
    if done.len() > migrations.len() {
        return Err(OpenError::NewerTables {
            found: number(done.len()),
            known: number(migrations.len()),
        });
    }
    Ok(())
}

/// FNV-1a: enough to notice an edit, which nobody makes on purpose. Line ends don't count.
fn hash(sql: &str) -> String {
    format!("{:016x}", fnv(sql.bytes().filter(|byte| *byte != b'\r')))
}

pub(crate) fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}

/// The advisory lock of the tables with this prefix.
fn lock_number(prefix: &str) -> i64 {
    fnv("leadkit migrations ".bytes().chain(prefix.bytes())).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(migrations: &[&str]) -> Vec<String> {
        migrations.iter().map(|sql| hash(sql)).collect()
    }

    #[test]
    fn an_edited_migration_is_refused() {
        let refused = check(&hashes(&["one", "two"]), &["one", "tow", "three"]);
        assert!(matches!(
            refused,
            Err(OpenError::EditedMigration { version: 2 })
        ));
        assert!(check(&hashes(&["one\n"]), &["one\r\n", "two"]).is_ok());
    }

    #[test]
    fn tables_of_a_later_leadkit_are_refused() {
        let refused = check(&hashes(&["one", "two"]), &["one"]);
        assert!(matches!(
            refused,
            Err(OpenError::NewerTables { found: 2, known: 1 })
        ));
    }

    #[test]
    fn a_server_that_is_too_old_or_keeps_no_unicode_is_refused() {
        let refused = accept_server(140_009, "14.9", "UTF8");
        assert!(matches!(refused, Err(OpenError::OldServer { found }) if found == "14.9"));
        let refused = accept_server(150_000, "15.0", "SQL_ASCII");
        assert!(matches!(refused, Err(OpenError::Encoding { .. })));
        assert!(accept_server(150_000, "15.0", "UTF8").is_ok());
    }

    #[test]
    fn a_released_migration_is_never_edited() {
        assert_eq!(hashes(MIGRATIONS), ["38b0e4e8b3c9bdb9"]);
    }
}
