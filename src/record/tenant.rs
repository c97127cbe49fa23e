//! What an organisation is to leadkit: its active playbook, and those it had before.

use chrono::serde::ts_microseconds;
use serde::{Deserialize, Serialize};

use crate::ids::{Name, SweepId};
use crate::playbook::fingerprint::Fingerprint;
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
    /// The stages of the active playbook, at most [`TenantRecord::MOST_STAGES`]; of those behind
    /// them it is not known how leads stand there.
    pub stages: Vec<KnownStage>,
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

/// A stage, as much of it as tells where its leads can go in another playbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownStage {
    /// Its pipeline.
    pub pipeline: Name,
    /// Its name.
    pub stage: Name,
    /// The outcome of leads that end there, if it is final.
    pub outcome: Option<Name>,
    /// Whether leads wait there, each in its wait group.
    pub waits: bool,
}

impl TenantRecord {
    /// How many stages of the active playbook are kept.
    pub const MOST_STAGES: usize = 256;
    /// How many adopted playbooks are kept; to leads of an older one every rule is new.
    pub const MOST_ADOPTED: usize = 16;
    /// How many roles agents can have.
    pub const MOST_ROLES: usize = 256;

    /// What is known of a stage of the active playbook.
    #[must_use]
    pub fn stage(&self, pipeline: &Name, stage: &Name) -> Option<&KnownStage> {
        let is_it = |known: &&KnownStage| known.pipeline == *pipeline && known.stage == *stage;
        self.stages.iter().find(is_it)
    }

    /// What is known of a playbook that was adopted, if it is not too long ago.
    #[must_use]
    pub fn adopted(&self, hash: &Name) -> Option<&Adopted> {
        self.adopted.iter().find(|adopted| adopted.hash == *hash)
    }
}
