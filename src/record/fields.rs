//! The custom fields of a lead: what the playbook of this organisation wants to know.

use serde::{Deserialize, Serialize};

use crate::ids::Name;
use crate::value::{Value, ValueRef};

/// Fields and their values, in the order of their names.
///
/// There are few, so a scan finds one faster than a tree would.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fields(Vec<(Name, Value)>);

impl Fields {
    /// How many a playbook can have, and how many are kept of a lead: above that, those go that the
    /// playbook no longer knows.
    pub const MOST: usize = 64;

    /// The value of a field, if it has one.
    #[inline(always)]
    #[must_use]
    pub fn value(&self, name: &Name) -> Option<ValueRef<'_>> {
        let found = self.0.iter().find(|(held, _)| held == name)?;
        Some(found.1.as_ref())
    }

    /// Gives a field a value, or takes it away.
    pub fn set(&mut self, name: Name, value: Option<Value>) {
        let place = self.0.binary_search_by(|(held, _)| held.cmp(&name));
        match (place, value) {
            (Ok(place), Some(value)) => self.0[place].1 = value,
            (Err(place), Some(value)) => self.0.insert(place, (name, value)),
            (Ok(place), None) => {
                self.0.remove(place);
            }
            (Err(_), None) => {}
        }
    }

    /// Forgets the values of all other fields.
    pub fn retain(&mut self, keep: impl Fn(&Name) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }

    /// How many have a value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every field that has a value, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Value)> {
        self.0.iter().map(|(name, value)| (name, value))
    }
}
