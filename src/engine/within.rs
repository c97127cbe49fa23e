//! Inside the host's own transaction: its order row and our lead, or neither.
//!
//! Nothing here is async and nothing is retried: when records moved, the store rolls its part
//! back to a savepoint, and the host repeats its whole unit.

use super::Error;
use super::batch::playbook_of_command;
use crate::decide::command::Command;
use crate::decide::records::Records;
use crate::decide::{Decision, Stop, decide};
use crate::ids::CommandId;
use crate::playbook::Playbook;
use crate::record::stored;
use crate::store::{Key, UnitOfWork, Verdict};
use crate::time::Instant;

/// What came of a command inside the host's transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Applied {
    /// It is written, if the host commits.
    Written(Box<Decision>),
    /// It was carried out before, under the same id. Nothing was written.
    AlreadyDone,
    /// Records moved meanwhile. Nothing was written; repeat the whole unit.
    Moved(Vec<Key>),
}

/// Carries out a command inside the host's transaction.
///
/// `playbook` must be the one that clocks the lead. What is due at once because of it is done by
/// the engine's next tick.
///
/// # Errors
/// [`Error::Refused`] when it is not to be; [`Error::UnknownPlaybook`] for a lead of another
/// playbook. Nothing was written then, and the host's own part is untouched.
pub fn apply_in(
    store: &mut dyn UnitOfWork,
    playbook: &Playbook,
    id: CommandId,
    command: &Command,
    now: Instant,
) -> Result<Applied, Error> {
    let mut records = Records::new();
    let decision = loop {
        match decide(playbook, &records, id, command, now) {
            Ok(decision) => break decision,
            Err(Stop::Refused(refusal)) => {
                // A repeat may be refused by what it did itself the first time.
                let journal = [Key::journal(&command.tenant, id)];
                let loaded = store.load(&journal)?;
                if loaded.iter().any(|loaded| loaded.body.is_some()) {
                    return Ok(Applied::AlreadyDone);
                }
                return Err(Error::Refused(*refusal));
            }
            Err(Stop::Need(keys)) => {
                for (key, loaded) in keys.iter().zip(store.load(&keys)?) {
                    let record = loaded.body.as_deref().map(stored::decode).transpose();
                    let record = record.map_err(|source| Error::Unreadable {
                        key: key.clone(),
                        source,
                    })?;
                    records.insert(key.clone(), loaded.version, record.map(std::sync::Arc::new));
                }
                match playbook_of_command(command, &records) {
                    Some(hash) if *hash != playbook.hash => {
                        return Err(Error::UnknownPlaybook(hash.clone()));
                    }
                    _ => {}
                }
            }
        }
    };
    let changes = decision
        .changes(playbook)
        .map_err(|source| Error::Unreadable {
            key: Key::journal(&decision.tenant, decision.command),
            source,
        })?;
    Ok(match store.commit(&changes)? {
        Verdict::Written => Applied::Written(Box::new(decision)),
        Verdict::AlreadyDone => Applied::AlreadyDone,
        Verdict::Moved(keys) => Applied::Moved(keys),
    })
}
