//! Indexes over facts, for lists that a host shows again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object, Pool};
use leadkit::condition::{Filter, SoughtFact};
use leadkit::ids::Tenant;
use leadkit::store::Kind;
use tokio_postgres::types::Type;

use crate::error::Result;
use crate::facts::{Layout, Place};
use crate::migrate::fnv;
use crate::names::slot_of;
use crate::pool::Whose;
use crate::session::{Param, Session};
use crate::tables::Sql;

/// The longest name that PostgreSQL keeps, in bytes.
const LONGEST_NAME: usize = 63;
/// How often somebody looks whether another one has made its indexes.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The columns of one index between the tenant and the id.
type Columns = Vec<usize>;

/// Makes the indexes by which these segments of a tenant's records are found, as far as they
/// aren't there; answers with their names.
pub(crate) async fn make(
    pool: &Pool,
    whose: Whose,
    sql: &Sql,
    tenant: &Tenant,
    kind: Kind,
    segments: &[Filter],
) -> Result<Vec<String>> {
    let Some(layout) = Layout::of(kind) else {
        return Ok(Vec::new());
    };
    let client = pool.get().await?;
    let wanted = wanted(Session::Own(&client), sql, tenant, layout, segments).await?;
    let wanted: BTreeMap<String, Columns> = wanted
        .into_iter()
        .map(|columns| (name(sql, layout, &columns), columns))
        .collect();
    let is_there = valid(&client, sql, layout).await?;
    if !wanted.keys().all(|name| is_there.get(name) == Some(&true)) {
        let client = alone(client, whose, sql).await?;
        make_lacking(&client, sql, layout, &wanted).await?;
    }
    Ok(wanted.into_keys().collect())
}

/// Drops the indexes that were made over records of this kind, but those of these names; answers with
/// the names of the dropped.
pub(crate) async fn retain(
    pool: &Pool,
    whose: Whose,
    sql: &Sql,
    kind: Kind,
    names: &[String],
) -> Result<Vec<String>> {
    let Some(layout) = Layout::of(kind) else {
        return Ok(Vec::new());
    };
    let client = pool.get().await?;
    if needless(&client, sql, layout, names).await?.is_empty() {
        return Ok(Vec::new());
    }
    let client = alone(client, whose, sql).await?;
    // Somebody else may have been faster.
    let needless = needless(&client, sql, layout, names).await?;
    for name in &needless {
        drop_index(&client, name).await?;
    }
    Ok(needless)
}

/// The indexes that were made over a table, but those of these names.
async fn needless(
    client: &ClientWrapper,
    sql: &Sql,
    layout: &Layout,
    names: &[String],
) -> Result<Vec<String>> {
    let made = made(sql, layout);
    let there = valid(client, sql, layout).await?.into_keys();
    Ok(there
        .filter(|name| name.starts_with(&made) && !names.contains(name))
        .collect())
}

/// What indexes the segments ask for. A field that has no column yet is given one.
async fn wanted(
    session: Session<'_>,
    sql: &Sql,
    tenant: &Tenant,
    layout: &Layout,
    segments: &[Filter],
) -> Result<BTreeSet<Columns>> {
    let lookups: Vec<Vec<Vec<SoughtFact>>> = segments.iter().map(Filter::lookups).collect();
    let mut fields: Vec<_> = lookups
        .iter()
        .flatten()
        .flatten()
        .map(|fact| (fact.name.as_str(), fact.value_type))
        .filter(|(name, value_type)| layout.built_in(name, *value_type).is_none())
        .collect();
    fields.sort_unstable();
    fields.dedup();
    let slots = session
        .slots_or_new(sql, tenant, layout.kind, &fields)
        .await?;
    let column = |fact: &SoughtFact| {
        let name = fact.name.as_str();
        let place = layout.built_in(name, fact.value_type).or_else(|| {
            let slot = slot_of(&slots, name, fact.value_type)?;
            Some(layout.slot(slot))
        });
        match place? {
            Place::Column(column) => Some(column),
            // What lies there is of another type in another tenant's rows.
            Place::Overflow(_) => None,
        }
    };
    let mut wanted = BTreeSet::new();
    for segment in &lookups {
        let columns = segment.iter().map(|facts| {
            let columns: Columns = facts.iter().filter_map(column).collect();
            columns
        });
        let columns: Vec<Columns> = columns.collect();
        // Where one of several things suffices, all are looked up, or none.
        if columns.iter().all(|columns| !columns.is_empty()) {
            wanted.extend(columns);
        }
    }
    Ok(wanted)
}

/// Tells indexes from each other by what they hold.
fn name(sql: &Sql, layout: &Layout, columns: &[usize]) -> String {
    let columns: Vec<String> = columns.iter().map(|c| layout.column(*c)).collect();
    let made = made(sql, layout);
    let name = format!("{made}{}", columns.join("_and_"));
    match name.len() <= LONGEST_NAME {
        true => name,
        false => format!("{made}{:016x}", fnv(name.bytes())),
    }
}

/// What the names of all indexes begin with that are made here: none else's do.
fn made(sql: &Sql, layout: &Layout) -> String {
    format!("{}_by_", sql.table(layout.kind))
}

/// The indexes of a table, and whether each is whole.
async fn valid(
    client: &ClientWrapper,
    sql: &Sql,
    layout: &Layout,
) -> Result<BTreeMap<String, bool>> {
    let asked = "SELECT c.relname, i.indisvalid FROM pg_catalog.pg_index i
                 JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
                 WHERE i.indrelid = $1::text::regclass";
    let table = format!(r#""{}""#, sql.table(layout.kind));
    let params: [Param<'_>; 1] = [(&table, Type::TEXT)];
    let rows = Session::Own(client).query_once(asked, &params).await?;
    let index = |row: tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
    rows.into_iter().map(index).collect()
}

/// Waits until nobody else makes or drops indexes here. Whoever waited in one statement would be
/// waited for by the index that is being made.
///
/// No other will be given the connection: whoever drops the future that makes an index leaves a lock and
/// an index behind that the server clears up when the connection is closed.
async fn alone(client: Object, whose: Whose, sql: &Sql) -> Result<ClientWrapper> {
    let client = Object::take(client);
    if whose == Whose::Own {
        client.batch_execute("SET statement_timeout = 0").await?;
    }
    let lock = fnv("leadkit indexes ".bytes().chain(sql.prefix.bytes())).cast_signed();
    let params: [Param<'_>; 1] = [(&lock, Type::INT8)];
    loop {
        let asked = "SELECT pg_try_advisory_lock($1)";
        let rows = Session::Own(&client).query_once(asked, &params).await?;
        if rows.first().is_some_and(|row| row.get(0)) {
            return Ok(client);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn make_lacking(
    client: &ClientWrapper,
    sql: &Sql,
    layout: &Layout,
    wanted: &BTreeMap<String, Columns>,
) -> Result<()> {
    let is_there = valid(client, sql, layout).await?;
    let table = sql.table(layout.kind);
    for (name, columns) in wanted {
        match is_there.get(name) {
            Some(true) => continue,
            // Somebody died over it.
            Some(false) => drop_index(client, name).await?,
            None => {}
        }
        let names: Vec<String> = columns.iter().map(|c| layout.column(*c)).collect();
        // With the id at the end, a list in order of id comes out of it in order.
        let make = format!(
            r#"CREATE INDEX CONCURRENTLY "{name}" ON "{table}" (tenant, "{}", id)"#,
            names.join(r#"", ""#)
        );
        client.batch_execute(&make).await?;
    }
    // Else the planner may know nothing of what was filled in just now.
    let analyse = format!(r#"ANALYZE "{table}""#);
    Ok(client.batch_execute(&analyse).await?)
}

async fn drop_index(client: &ClientWrapper, name: &str) -> Result<()> {
    let drop = format!(r#"DROP INDEX CONCURRENTLY "{name}""#);
    Ok(client.batch_execute(&drop).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Tables;

    #[test]
    fn the_names_of_indexes_are_kept_whole() {
        let tables = Tables::prefixed(&"p".repeat(32)).expect("a prefix");
        let layout = Layout::of(Kind::Lead).expect("a layout");
        let names: BTreeSet<String> = (0..layout.width())
            .map(|column| name(tables.sql(), layout, &[0, column, 1]))
            .collect();
        assert_eq!(names.len(), layout.width());
        assert!(names.iter().all(|name| name.len() <= LONGEST_NAME));
        let short = name(Tables::default().sql(), layout, &[1, 9]);
        assert_eq!(short, "leadkit_lead_facts_by_stage_and_owner");
    }
}
