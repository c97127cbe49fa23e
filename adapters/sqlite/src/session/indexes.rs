//! Indexes over facts, for lists that a host shows again and again.

use std::collections::BTreeSet;

use leadkit::condition::{Filter, SoughtFact};
use leadkit::ids::Tenant;
use leadkit::store::Kind;

use crate::facts::{Layout, Place};
use crate::session::Session;

impl Session<'_> {
    /// Makes the indexes by which these segments of a tenant's records are found, as far as they
    /// aren't there; answers with their names. Within a transaction that writes.
    pub(crate) fn index(
        &mut self,
        tenant: &Tenant,
        kind: Kind,
        segments: &[Filter],
    ) -> rusqlite::Result<Vec<String>> {
        let Some(layout) = Layout::of(kind) else {
            return Ok(Vec::new());
        };
        let tenant = self.names.tenant_or_new(tenant)?;
        let mut wanted: BTreeSet<Vec<usize>> = BTreeSet::new();
        for segment in segments {
            let mut columns = Vec::new();
            for facts in segment.lookups() {
                columns.push(self.columns(tenant, layout, &facts)?);
            }
            // Where one of several things suffices, all are looked up, or none.
            if columns.iter().all(|columns| !columns.is_empty()) {
                wanted.extend(columns);
            }
        }
        let table = self.indexed(layout);
        let mut names = BTreeSet::new();
        for columns in wanted {
            let columns: Vec<String> = columns.iter().map(|c| layout.column(*c)).collect();
            let name = format!("{}{}", made(&table), columns.join("_and_"));
            // The id follows by itself, so that a list in order of id comes out in order.
            let make = format!(
                r#"CREATE INDEX IF NOT EXISTS "{name}" ON "{table}" (tenant, "{}")"#,
                columns.join(r#"", ""#)
            );
            self.connection.execute_batch(&make)?;
            names.insert(name);
        }
        if !names.is_empty() {
            // Else SQLite believes that a bound leaves out too little to be worth an index.
            // Other connections read its counts with the schema, and that when it has changed.
            let analyse = format!(
                r#"ANALYZE "{table}"; CREATE TABLE "{table}_analysed" (x); DROP TABLE "{table}_analysed";"#
            );
            self.connection.execute_batch(&analyse)?;
        }
        Ok(names.into_iter().collect())
    }

    /// Drops the indexes that were made over records of this kind, but those of these names; answers
    /// with the names of the dropped. Within a transaction that writes.
    pub(crate) fn retain_indexes(
        &mut self,
        kind: Kind,
        names: &[String],
    ) -> rusqlite::Result<Vec<String>> {
        let Some(layout) = Layout::of(kind) else {
            return Ok(Vec::new());
        };
        let table = self.indexed(layout);
        let asked =
            "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 ORDER BY name";
        let mut there = self.connection.prepare(asked)?;
        let there = there.query_map([&table], |row| row.get(0))?;
        let there = there.collect::<rusqlite::Result<Vec<String>>>()?;
        let made = made(&table);
        let needless = |name: &String| name.starts_with(&made) && !names.contains(name);
        let dropped: Vec<String> = there.into_iter().filter(needless).collect();
        for name in &dropped {
            self.connection
                .execute_batch(&format!(r#"DROP INDEX "{name}""#))?;
        }
        Ok(dropped)
    }

    /// The table of a kind's facts.
    fn indexed(&self, layout: &Layout) -> String {
        format!("{}{}", self.sql.prefix, layout.table())
    }

    /// The columns of these facts, as far as they have any. A field that has none yet is given
    /// one.
    fn columns(
        &mut self,
        tenant: i64,
        layout: &Layout,
        facts: &[SoughtFact],
    ) -> rusqlite::Result<Vec<usize>> {
        let mut columns = Vec::new();
        for fact in facts {
            let (name, value_type) = (fact.name.as_str(), fact.value_type);
            let place = match layout.built_in(name, value_type) {
                Some(place) => place,
                None => {
                    let kind = layout.kind();
                    let slot = self.names.slot_or_new(tenant, kind, name, value_type)?;
                    layout.slot(slot)
                }
            };
            if let Place::Column(column) = place {
                columns.push(column);
            }
        }
        Ok(columns)
    }
}

/// What the names of all indexes over a table begin with that are made here: none else's do.
fn made(table: &str) -> String {
    format!("{table}_by_")
}
