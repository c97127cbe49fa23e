//! Makes the tables, version by version, and refuses a history that is not this crate's.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::open::OpenError;
use crate::tables::Tables;

/// All migrations in order; the first is version 1. Never edited once released.
const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_records.sql")];

/// Brings the tables up to date in one transaction.
pub(crate) fn migrate(connection: &mut Connection, tables: &Tables) -> Result<(), OpenError> {
    run(connection, tables, MIGRATIONS)
}

/// Accepts the tables as they are, or says what is wrong with them.
pub(crate) fn verify(connection: &Connection, tables: &Tables) -> Result<(), OpenError> {
    let done = history(connection, tables)?;
    check(&done, MIGRATIONS)?;
    match done.len() {
        0 => Err(OpenError::NoTables),
        known if known == MIGRATIONS.len() => Ok(()),
        _ => Err(OpenError::OlderTables),
    }
}

fn run(connection: &mut Connection, tables: &Tables, migrations: &[&str]) -> Result<(), OpenError> {
    let done = history(connection, tables)?;
    check(&done, migrations)?;
    if done.len() == migrations.len() {
        return Ok(());
    }
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Somebody else may have been faster.
    let done = history(&tx, tables)?;
    check(&done, migrations)?;
    for (version, sql) in (1..).zip(migrations).skip(done.len()) {
        apply(&tx, tables, version, sql)?;
    }
    tx.commit()?;
    Ok(())
}

fn apply(
    tx: &Transaction<'_>,
    tables: &Tables,
    version: u32,
    sql: &str,
) -> Result<(), rusqlite::Error> {
    let prefix = tables.prefix();
    tx.execute_batch(&format!(
        r#"CREATE TABLE IF NOT EXISTS "{prefix}migrations" (
            version INTEGER PRIMARY KEY,
            hash    TEXT NOT NULL
        ) STRICT;"#
    ))?;
    tx.execute_batch(&sql.replace("{prefix}", prefix))?;
    tx.execute(
        &format!(r#"INSERT INTO "{prefix}migrations" (version, hash) VALUES (?1, ?2)"#),
        (version, hash(sql)),
    )?;
    Ok(())
}

/// The hashes of the migrations that were carried out, in order.
fn history(connection: &Connection, tables: &Tables) -> Result<Vec<String>, rusqlite::Error> {
    let name = format!("{}migrations", tables.prefix());
    let exists = connection
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1",
            [&name],
            |_| Ok(()),
        )
        .optional()?;
    if exists.is_none() {
        return Ok(Vec::new());
    }
    let mut statement =
        connection.prepare(&format!(r#"SELECT hash FROM "{name}" ORDER BY version"#))?;
    let hashes = statement.query_map([], |row| row.get(0))?;
    hashes.collect()
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
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in sql.bytes().filter(|byte| *byte != b'\r') {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = r#"CREATE TABLE "{prefix}a" (x)"#;
    const SECOND: &str = r#"CREATE TABLE "{prefix}b" (x)"#;

    #[test]
    fn migrations_are_carried_out_once_each_and_in_order() {
        let mut connection = Connection::open_in_memory().unwrap();
        let tables = Tables::default();
        run(&mut connection, &tables, &[FIRST]).unwrap();
        run(&mut connection, &tables, &[FIRST, SECOND]).unwrap();
        run(&mut connection, &tables, &[FIRST, SECOND]).unwrap();
        assert_eq!(history(&connection, &tables).unwrap().len(), 2);
    }

    #[test]
    fn an_edited_migration_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        let tables = Tables::default();
        run(&mut connection, &tables, &[FIRST]).unwrap();
        let edited = r#"CREATE TABLE "{prefix}a" (x, y)"#;
        let refused = run(&mut connection, &tables, &[edited, SECOND]);
        assert!(matches!(
            refused,
            Err(OpenError::EditedMigration { version: 1 })
        ));
    }

    #[test]
    fn tables_of_a_later_leadkit_are_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        let tables = Tables::default();
        run(&mut connection, &tables, &[FIRST, SECOND]).unwrap();
        let refused = run(&mut connection, &tables, &[FIRST]);
        assert!(matches!(
            refused,
            Err(OpenError::NewerTables { found: 2, known: 1 })
        ));
    }

    #[test]
    fn a_migration_that_fails_leaves_nothing_behind() {
        let mut connection = Connection::open_in_memory().unwrap();
        let tables = Tables::default();
        assert!(run(&mut connection, &tables, &[FIRST, "no SQL"]).is_err());
        assert!(history(&connection, &tables).unwrap().is_empty());
        run(&mut connection, &tables, &[FIRST]).unwrap();
    }

    #[test]
    fn a_released_migration_is_never_edited() {
        let hashes: Vec<String> = MIGRATIONS.iter().map(|sql| hash(sql)).collect();
        assert_eq!(hashes, ["4f97f59a849a4e87"]);
    }
}
