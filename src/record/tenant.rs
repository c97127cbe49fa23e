//! What an organisation is to leadkit: its active playbook.

use chrono::serde::ts_microseconds;
use serde::{Deserialize, Serialize};

use crate::ids::{CommandId, Name};
use crate::time::Instant;

/// Which playbook is active, since when, and which rules it had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// The active playbook, by hash.
    pub playbook: Name,
    /// Since when.
    #[serde(with = "ts_microseconds")]
    pub adopted_at: Instant,
    /// The names of its rules: what a changed playbook adds to them is new.
    pub rules: Vec<Name>,
    /// The last command that touched it.
    pub last_command: Option<CommandId>,
}
