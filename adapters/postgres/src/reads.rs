//! Reading records and the journal.

use std::collections::BTreeMap;

use futures::future::{join_all, try_join};
use leadkit::ids::{CommandId, Tenant};
use leadkit::store::{JournalCursor, Journaled, Key, Kind, Loaded, Version};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::error::{Failure, Result};
use crate::facts::escaped;
use crate::session::{Param, Session, arrays, count, id, signed, unsigned, uuid};
use crate::tables::Sql;

impl Session<'_> {
    /// Loads records: one statement for each tenant and what is asked of it, all in one go.
    pub(crate) async fn load(self, sql: &Sql, keys: &[Key]) -> Result<Vec<Loaded>> {
        let mut by_tenant: BTreeMap<&Tenant, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for (place, key) in keys.iter().enumerate() {
            let (records, entries) = by_tenant.entry(&key.tenant).or_default();
            match key.kind {
                Kind::Journal => entries.push(place),
                _ => records.push(place),
            }
        }
        let mut loaded = vec![Loaded::absent(); keys.len()];
        let asked = by_tenant.iter().map(|(tenant, (records, entries))| {
            let keys_at = |places: &[usize]| places.iter().map(|p| keys[*p].clone()).collect();
            try_join(
                self.records(sql, tenant, keys_at(records)),
                self.entries(sql, tenant, keys_at(entries)),
            )
        });
        let answers = join_all(asked).await;
        for ((records, entries), answer) in by_tenant.values().zip(answers) {
            let (found_records, found_entries) = answer?;
            for (places, found) in [(records, found_records), (entries, found_entries)] {
                for (place, found) in found {
                    let place = places.get(place).ok_or(Failure::Unreadable("place"))?;
                    loaded[*place] = found;
                }
            }
        }
        Ok(loaded)
    }

    async fn records(
        self,
        sql: &Sql,
        tenant: &Tenant,
        keys: Vec<Key>,
    ) -> Result<Vec<(usize, Loaded)>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (kinds, ids) = arrays(keys.iter());
        let params: [Param<'_>; 3] = [
            (&&*escaped(tenant.as_str()), Type::TEXT),
            (&kinds, Type::INT2_ARRAY),
            (&ids, Type::UUID_ARRAY),
        ];
        let rows = self.query(&sql.load, &params).await?;
        let found = rows.iter().map(|row| {
            let loaded = Loaded {
                version: Version(unsigned(row.try_get(1)?, "version")?),
                body: Some(row.try_get(2)?),
            };
            Ok((place(row.try_get(0)?)?, loaded))
        });
        found.collect()
    }

    async fn entries(
        self,
        sql: &Sql,
        tenant: &Tenant,
        keys: Vec<Key>,
    ) -> Result<Vec<(usize, Loaded)>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = keys.iter().map(|key| uuid(key.id)).collect();
        let params: [Param<'_>; 2] = [
            (&&*escaped(tenant.as_str()), Type::TEXT),
            (&ids, Type::UUID_ARRAY),
        ];
        let rows = self.query(&sql.load_entries, &params).await?;
        let found = rows.iter().map(|row| {
            let loaded = Loaded {
                version: Version(1),
                body: Some(row.try_get(1)?),
            };
            Ok((place(row.try_get(0)?)?, loaded))
        });
        found.collect()
    }

    /// Reads a tenant's journal.
    pub(crate) async fn journal(
        self,
        sql: &Sql,
        tenant: &Tenant,
        after: JournalCursor,
        limit: usize,
    ) -> Result<Vec<Journaled>> {
        let params: [Param<'_>; 3] = [
            (&&*escaped(tenant.as_str()), Type::TEXT),
            (&signed(after.0), Type::INT8),
            (&count(limit), Type::INT8),
        ];
        let rows = self.query(&sql.journal, &params).await?;
        let entries = rows.iter().map(|row| {
            Ok(Journaled {
                cursor: JournalCursor(unsigned(row.try_get(0)?, "place")?),
                command: CommandId(id(row.try_get(1)?)),
                body: row.try_get(2)?,
            })
        });
        entries.collect()
    }
}

/// The place of an answer, counted from 0.
pub(crate) fn place(ordinality: i64) -> Result<usize> {
    let place = usize::try_from(ordinality).ok();
    place
        .and_then(|place| place.checked_sub(1))
        .ok_or(Failure::Unreadable("place"))
}
