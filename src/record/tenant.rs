//! What an organisation is to leadkit: its active playbook, and those it had before.

use chrono::serde::ts_microseconds;
use serde::{Deserialize, Serialize};

use crate::ids::{Name, SweepId};
use crate::playbook::rule::Fingerprint;
use crate::record::history::History;
use crate::time::Instant;

/// Which playbook is active and since when, which were before it, and what must be reached when
/// another one is adopted.
///
/// Whatever is decided by the active playbook checks this record, so that a registration that
/// races with an adoption is decided again, under the new playbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// The active playbook, by hash.
    pub playbook: Name,
    /// The playbooks adopted so far, the active one last, at most [`TenantRecord::MOST_ADOPTED`].
    pub adopted: Vec<Adopted>,
    /// The sweep that takes the leads over to the active playbook.
    pub sweep: Option<SweepId>,
    /// The roles that agents have, also those that the active playbook lacks; at most
    /// [`TenantRecord::MOST_ROLES`]. Through them all agents are reached.
    pub roles: Vec<Name>,
    /// The pools that there are: those of the active playbook.
    pub pools: Vec<Name>,
    /// Its history in the journal.
    pub history: History,
}

/// A playbook that was adopted, as much of it as tells what is new in another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// Which, by hash.
    pub hash: Name,
    /// When.
    #[serde(with = "ts_microseconds")]
    pub at: Instant,
    /// Its rules. A fingerprint covers the rule's name.
    pub rules: Vec<Fingerprint>,
    /// The conditions that its rules wait for.
    pub conditions: Vec<Fingerprint>,
}

impl TenantRecord {
    /// How many adopted playbooks are kept; to leads of an older one every rule is new.
    pub const MOST_ADOPTED: usize = 16;
    /// How many roles agents can have.
    pub const MOST_ROLES: usize = 256;

    /// What is known of a playbook that was adopted, if it is not too long ago.
    #[must_use]
    pub fn adopted(&self, hash: &Name) -> Option<&Adopted> {
        self.adopted.iter().find(|adopted| adopted.hash == *hash)
    }
}
