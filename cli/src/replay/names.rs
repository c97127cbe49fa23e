//! The names by which files speak of leads, from one run to the next.
//!
//! A registration is known by its file and its row, so the next month's export is another one. The
//! database keeps which registrations a name stood for, and its journal which of them came true.

use std::collections::BTreeMap;
use std::path::Path;

use leadkit::ids::{CommandId, Tenant};
use leadkit_sqlite::{OpenError, Options};

use super::map::Map;
use super::plan::{Doing, Plan};
use super::run::Past;
use crate::rehearsal::{has_table, to_read};

/// The leads that earlier runs registered: the file of each, by the lead's name.
pub(super) type Earlier = BTreeMap<String, String>;

/// The leads that are registered by what the journal says was done.
pub(super) fn earlier(path: &Path, tenant: &Tenant, past: &Past) -> Result<Earlier, OpenError> {
    let connection = to_read(path)?;
    if !has_table(&connection, &table())? {
        return Ok(Earlier::new());
    }
    let sql = format!(
        r#"SELECT lead, registration, file FROM "{}" WHERE tenant = ?1"#,
        table()
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([tenant.as_str()])?;
    let mut earlier = Earlier::new();
    while let Some(row) = rows.next()? {
        let registration: String = row.get(1)?;
        let registration = registration.parse::<CommandId>();
        if registration.is_ok_and(|id| past.registered(id)) {
            earlier.insert(row.get(0)?, row.get(2)?);
        }
    }
    Ok(earlier)
}

/// Keeps the names of the leads that a plan registers. This comes before they are: whether it came true
/// is the journal's to say.
pub(super) fn keep(path: &Path, tenant: &Tenant, map: &Map, plan: &Plan) -> Result<(), OpenError> {
    let mut connection = Options::default().connect(path)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(&format!(
        r#"CREATE TABLE IF NOT EXISTS "{}" (
            tenant       TEXT NOT NULL,
            lead         TEXT NOT NULL,
            registration TEXT NOT NULL,
            file         TEXT NOT NULL,
            PRIMARY KEY (tenant, lead, registration)
        ) STRICT, WITHOUT ROWID;"#,
        table()
    ))?;
    let sql = format!(
        r#"INSERT OR IGNORE INTO "{}" VALUES (?1, ?2, ?3, ?4)"#,
        table()
    );
    let mut statement = transaction.prepare(&sql)?;
    for planned in &plan.commands {
        if let (Doing::Register(_), Some(lead)) = (&planned.doing, &planned.lead) {
            let file = map.files[planned.place.file].name.as_str();
            let registration = planned.id.to_string();
            statement.execute((tenant.as_str(), &**lead, registration.as_str(), file))?;
        }
    }
    drop(statement);
    transaction.commit()?;
    Ok(())
}

/// The table beside those of the store.
fn table() -> String {
    format!("{}replayed_leads", Options::default().prefix)
}
