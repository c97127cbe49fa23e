//! What the `leadkit` program does, as a library: each command is a function that returns what
//! it found ([`Reported`]) as text for people and as JSON for programs.
//!
//! - [`check`]: everything that is wrong with a playbook, each fault with its place;
//! - [`mod@test`]: the playbook's scenarios, played in virtual time;
//! - [`replay`]: a recorded history, lived through again under a playbook;
//! - [`leads`], [`explain`], [`mod@messages`], [`mod@sweeps`] and [`mod@set_aside`]: looking into a
//!   database, and settling what waits there for a person;
//! - [`mod@duplicates`]: who is possibly the same person, merged, parted again and told from another;
//! - [`mod@adopt`]: a changed playbook made the one that its leads are under.
//!
//! Nothing here sends anything, and nothing is printed: that is the program's part.

pub mod adopt;
mod agents;
pub mod by_ids;
pub mod check;
pub mod database;
pub mod duplicates;
pub mod explain;
pub mod failure;
pub mod leads;
pub mod listing;
pub mod messages;
pub mod progress;
mod rehearsal;
pub mod replay;
mod report;
pub mod set_aside;
pub mod snippets;
pub mod sought;
pub mod spell;
pub mod sweeps;
pub mod test;

pub use failure::{Asked, Failure};
pub use progress::Progress;
pub use report::{Reported, Warned};
