//! The slots of a playbook's own fields: never changed, so what is known stays true.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_postgres::{Object, Pool, Timeouts};
use leadkit::ids::Tenant;
use leadkit::store::{Kind, Put};
use leadkit::value::ValueType;
use tokio_postgres::types::Type;

use crate::error::{Failure, Result};
use crate::facts::{Layout, SPARE, escaped, spare_slots, type_number, unescaped};
use crate::session::{Param, Session, kind_number};
use crate::tables::Sql;

/// The slots of one tenant's fields of one kind, by name and type.
pub(crate) type Slots = BTreeMap<String, BTreeMap<i16, u32>>;

/// How often slots are looked for that others are given at the same time.
const MOST_ROUNDS: u32 = 32;

/// The slots that are known.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: Mutex<BTreeMap<(Tenant, Kind), Slots>>,
}

impl Names {
    fn known(&self) -> MutexGuard<'_, BTreeMap<(Tenant, Kind), Slots>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a tenant's fields: what was true once, and may be less than all by now.
    pub(crate) fn of(&self, tenant: &Tenant, kind: Kind) -> Slots {
        let known = self.known();
        known
            .get(&(tenant.clone(), kind))
            .cloned()
            .unwrap_or_default()
    }

    /// Keeps what was found.
    pub(crate) fn keep(&self, tenant: &Tenant, kind: Kind, slots: Slots) {
        self.known().insert((tenant.clone(), kind), slots);
    }
}

/// The slots of everything that a batch of one tenant's writes.
pub(crate) type SlotsByKind = BTreeMap<Kind, Slots>;

impl Session<'_> {
    /// The slots of this tenant's fields, as they are in the tables now.
    pub(crate) async fn slots(self, sql: &Sql, tenant: &Tenant, kind: Kind) -> Result<Slots> {
        let params: [Param<'_>; 2] = [
            (&&*escaped(tenant.as_str()), Type::TEXT),
            (&kind_number(kind), Type::INT2),
        ];
        let mut slots = Slots::new();
        for row in self.query(&sql.slots, &params).await? {
            let field = unescaped(row.try_get(0)?).into_owned();
            let slot: i32 = row.try_get(2)?;
            let slot = u32::try_from(slot).map_err(|_| Failure::Unreadable("slot"))?;
            slots
                .entry(field)
                .or_default()
                .insert(row.try_get(1)?, slot);
        }
        Ok(slots)
    }

    /// The slots of all fields that these write; those that had none are given one.
    ///
    /// In a transaction of the host's, slots are given on a connection of the pool, if one is idle:
    /// so that nobody waits for the host's end because of a field that is new. Without one they
    /// are given in the transaction, and not remembered, since the host may roll back.
    pub(crate) async fn slots_for(
        self,
        sql: &Sql,
        tenant: &Tenant,
        puts: &[&Put],
        names: Option<&Names>,
        pool: Option<&Pool>,
    ) -> Result<SlotsByKind> {
        let mut wanted: BTreeMap<Kind, Vec<(&str, ValueType)>> = BTreeMap::new();
        for put in puts.iter().filter(|put| put.body.is_some()) {
            let kind = put.key.kind;
            let Some(layout) = Layout::of(kind) else {
                continue;
            };
            let mut next = 0;
            for fact in &put.facts {
                let value_type = fact.value.value_type();
                let place = layout.built_in_behind(&mut next, &fact.name, value_type);
                if place.is_none() {
                    let fields = wanted.entry(kind).or_default();
                    fields.push((fact.name.as_str(), value_type));
                }
            }
        }
        let mut found = SlotsByKind::new();
        for (kind, mut fields) in wanted {
            fields.sort_unstable();
            fields.dedup();
            let place = (tenant.clone(), kind);
            let known = names.and_then(|names| names.known().get(&place).cloned());
            let slots = match known {
                Some(slots) if lacking(&slots, &fields).is_empty() => slots,
                _ => {
                    let found = self.slots(sql, tenant, kind).await?;
                    let idle = match lacking(&found, &fields).is_empty() {
                        true => None,
                        false => idle(pool).await,
                    };
                    let session = match &idle {
                        Some(client) => Session::Own(client),
                        None => self,
                    };
                    session.slots_or_new(sql, tenant, kind, &fields).await?
                }
            };
            if let Some(names) = names {
                names.known().insert(place, slots.clone());
            }
            found.insert(kind, slots);
        }
        Ok(found)
    }

    /// The slots of this tenant's fields; those of these that had none are given one.
    pub(crate) async fn slots_or_new(
        self,
        sql: &Sql,
        tenant: &Tenant,
        kind: Kind,
        fields: &[(&str, ValueType)],
    ) -> Result<Slots> {
        for _ in 0..MOST_ROUNDS {
            let slots = self.slots(sql, tenant, kind).await?;
            let lacking = lacking(&slots, fields);
            if lacking.is_empty() {
                return Ok(slots);
            }
            let mut taken: Vec<u32> = slots.values().flat_map(BTreeMap::values).copied().collect();
            let (mut names, mut types, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
            for (field, value_type) in lacking {
                let slot = free_slot(&taken, value_type);
                taken.push(slot);
                names.push(escaped(field));
                types.push(type_number(value_type));
                numbers.push(i32::try_from(slot).unwrap_or(i32::MAX));
            }
            let names: Vec<&str> = names.iter().map(|name| &**name).collect();
            let params: [Param<'_>; 5] = [
                (&&*escaped(tenant.as_str()), Type::TEXT),
                (&kind_number(kind), Type::INT2),
                (&names, Type::TEXT_ARRAY),
                (&types, Type::INT2_ARRAY),
                (&numbers, Type::INT4_ARRAY),
            ];
            // Whoever was faster keeps what it took; then there is another round.
            self.query(&sql.new_slots, &params).await?;
        }
        Err(Failure::Contended(MOST_ROUNDS))
    }
}

/// A connection that needs no waiting.
async fn idle(pool: Option<&Pool>) -> Option<Object> {
    let pool = pool?;
    let at_once = Timeouts {
        wait: Some(Duration::ZERO),
        ..pool.timeouts()
    };
    pool.timeout_get(&at_once).await.ok()
}

fn lacking<'a>(slots: &Slots, fields: &[(&'a str, ValueType)]) -> Vec<(&'a str, ValueType)> {
    let has = |(field, value_type): &(&str, ValueType)| {
        let types = slots.get(*field);
        types.is_some_and(|types| types.contains_key(&type_number(*value_type)))
    };
    fields.iter().filter(|field| !has(field)).copied().collect()
}

fn free_slot(taken: &[u32], value_type: ValueType) -> u32 {
    let mut spare = spare_slots(value_type);
    match spare.find(|slot| !taken.contains(slot)) {
        Some(slot) => slot,
        None => taken.iter().copied().fold(2 * SPARE, u32::max) + 1,
    }
}

/// The slot of a field of this type.
pub(crate) fn slot_of(slots: &Slots, field: &str, value_type: ValueType) -> Option<u32> {
    slots.get(field)?.get(&type_number(value_type)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_number_of_its_own() {
        let mut numbers = crate::facts::TYPES.map(type_number).to_vec();
        numbers.dedup();
        assert_eq!(numbers, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn spare_columns_are_taken_first_and_then_the_overflow() {
        assert_eq!(free_slot(&[], ValueType::Text), 1);
        assert_eq!(free_slot(&[1, 9], ValueType::Number), 10);
        let all: Vec<u32> = (1..=8).collect();
        assert_eq!(free_slot(&all, ValueType::Text), 17);
        assert_eq!(
            free_slot(&[&all[..], &[17, 18]].concat(), ValueType::Text),
            19
        );
    }
}
