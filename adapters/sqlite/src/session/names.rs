//! The numbers of tenants and the slots of fields: read once, since they never change.

use std::collections::BTreeMap;

use leadkit::ids::Tenant;
use leadkit::store::Kind;
use leadkit::value::ValueType;
use rusqlite::{Connection, OptionalExtension};

use crate::facts::{SPARE, spare_slots, type_number};
use crate::session::Prepared;
use crate::tables::Sql;

/// Names that are known already. What isn't there yet is asked for again each time, since
/// another process may have added it.
#[derive(Debug, Default)]
pub(crate) struct Known {
    tenants: BTreeMap<Tenant, i64>,
    fields: BTreeMap<(i64, Kind), Slots>,
}

/// The names that a connection knows, or can ask for.
#[derive(Debug)]
pub(super) struct Names<'c> {
    tenant: Prepared<'c>,
    new_tenant: Prepared<'c>,
    slots: Prepared<'c>,
    new_slot: Prepared<'c>,
    known: &'c mut Known,
}

/// The slots of one tenant's fields of one kind, by name and type.
pub(crate) type Slots = BTreeMap<String, BTreeMap<u8, u32>>;

impl<'c> Names<'c> {
    pub(super) fn new(connection: &'c Connection, sql: &'c Sql, known: &'c mut Known) -> Self {
        let prepared = |sql: &'c str| Prepared::new(connection, sql);
        Self {
            tenant: prepared(&sql.tenant),
            new_tenant: prepared(&sql.new_tenant),
            slots: prepared(&sql.slots),
            new_slot: prepared(&sql.new_slot),
            known,
        }
    }

    /// Forgets everything: the transaction that may have added names was rolled back.
    pub(super) fn forget(&mut self) {
        *self.known = Known::default();
    }

    /// The tenant's number, if it has one.
    pub(super) fn tenant(&mut self, tenant: &Tenant) -> rusqlite::Result<Option<i64>> {
        if let Some(number) = self.known.tenants.get(tenant) {
            return Ok(Some(*number));
        }
        let found = self
            .tenant
            .get()?
            .query_row([tenant.as_str()], |row| row.get(0))
            .optional()?;
        if let Some(number) = found {
            self.known.tenants.insert(tenant.clone(), number);
        }
        Ok(found)
    }

    /// The tenant's number; within a transaction that writes.
    pub(super) fn tenant_or_new(&mut self, tenant: &Tenant) -> rusqlite::Result<i64> {
        if let Some(number) = self.tenant(tenant)? {
            return Ok(number);
        }
        let number = self.new_tenant.get()?.insert([tenant.as_str()])?;
        self.known.tenants.insert(tenant.clone(), number);
        Ok(number)
    }

    /// The slots of this tenant's fields, as they are in the file now.
    pub(super) fn slots(&mut self, tenant: i64, kind: Kind) -> rusqlite::Result<Slots> {
        let mut rows = self.slots.get()?.query((tenant, kind.number()))?;
        let mut slots = Slots::new();
        while let Some(row) = rows.next()? {
            let types = slots.entry(row.get(0)?).or_default();
            types.insert(row.get(1)?, row.get(2)?);
        }
        Ok(slots)
    }

    /// The slot of a field of this type; within a transaction that writes.
    pub(super) fn slot_or_new(
        &mut self,
        tenant: i64,
        kind: Kind,
        field: &str,
        value_type: ValueType,
    ) -> rusqlite::Result<u32> {
        let number = type_number(value_type);
        let find = |slots: &Slots| slots.get(field)?.get(&number).copied();
        if let Some(slot) = self.known.fields.get(&(tenant, kind)).and_then(find) {
            return Ok(slot);
        }
        let mut slots = self.slots(tenant, kind)?;
        let slot = match find(&slots) {
            Some(slot) => slot,
            None => {
                let slot = free_slot(&slots, value_type);
                let row = (tenant, kind.number(), field, number, slot);
                self.new_slot.get()?.execute(row)?;
                slots
                    .entry(field.to_owned())
                    .or_default()
                    .insert(number, slot);
                slot
            }
        };
        self.known.fields.insert((tenant, kind), slots);
        Ok(slot)
    }
}

fn free_slot(slots: &Slots, value_type: ValueType) -> u32 {
    let taken = || slots.values().flat_map(BTreeMap::values).copied();
    let mut spare = spare_slots(value_type);
    match spare.find(|slot| taken().all(|other| other != *slot)) {
        Some(slot) => slot,
        None => taken().fold(2 * SPARE, u32::max) + 1,
    }
}
