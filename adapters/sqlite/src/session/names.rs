//! The numbers of tenants and lanes and the slots of fields: read once, since they never change.

use std::collections::BTreeMap;

use leadkit::ids::{Name, Tenant};
use leadkit::store::{Kind, Lane};
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
    /// By the tenant's number.
    lanes: BTreeMap<i64, BTreeMap<Name, i64>>,
    lane_names: BTreeMap<i64, Lane>,
    fields: BTreeMap<(i64, Kind), Slots>,
}

/// The names that a connection knows, or can ask for.
#[derive(Debug)]
pub(super) struct Names<'c> {
    tenant: Prepared<'c>,
    new_tenant: Prepared<'c>,
    lane: Prepared<'c>,
    new_lane: Prepared<'c>,
    lane_name: Prepared<'c>,
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
            lane: prepared(&sql.lane),
            new_lane: prepared(&sql.new_lane),
            lane_name: prepared(&sql.lane_name),
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

    /// The number of a tenant's lane, if it has one.
    pub(super) fn lane(&mut self, tenant: i64, name: &Name) -> rusqlite::Result<Option<i64>> {
        let known = self.known.lanes.get(&tenant);
        if let Some(number) = known.and_then(|lanes| lanes.get(name)) {
            return Ok(Some(*number));
        }
        let row = (tenant, name.as_str());
        let found = self.lane.get()?.query_row(row, |row| row.get(0));
        let found = found.optional()?;
        if let Some(number) = found {
            let lanes = self.known.lanes.entry(tenant).or_default();
            lanes.insert(name.clone(), number);
        }
        Ok(found)
    }

    /// The number of a tenant's lane; within a transaction that writes.
    pub(super) fn lane_or_new(&mut self, tenant: i64, name: &Name) -> rusqlite::Result<i64> {
        if let Some(number) = self.lane(tenant, name)? {
            return Ok(number);
        }
        let number = self.new_lane.get()?.insert((tenant, name.as_str()))?;
        let lanes = self.known.lanes.entry(tenant).or_default();
        lanes.insert(name.clone(), number);
        Ok(number)
    }

    /// The lane of a number.
    pub(super) fn lane_named(&mut self, number: i64) -> rusqlite::Result<Lane> {
        if let Some(lane) = self.known.lane_names.get(&number) {
            return Ok(lane.clone());
        }
        let lane = self.lane_name.get()?.query_row([number], |row| {
            Ok(Lane {
                tenant: Tenant::from(row.get_ref(0)?.as_str()?),
                name: Name::from(row.get_ref(1)?.as_str()?),
            })
        })?;
        self.known.lane_names.insert(number, lane.clone());
        Ok(lane)
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
