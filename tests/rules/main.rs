//! Each kind of rule, and the mistakes of peers, on small playbooks.

use std::sync::Arc;

use leadkit::clock::VirtualClock;
use leadkit::decide::command::{Actor, AgentSetup, NewLead};
use leadkit::engine::Engine;
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::record::lead::Lead;
use leadkit::scenario::World;
use leadkit::store::{MemoryStore, Store};
use leadkit::time::Elapsed;

mod changed;
mod kinds;
mod levels;
mod peers;
mod places;
mod refusals;
mod service_levels;
#[path = "../shop/mod.rs"]
mod shop;
mod time;

use shop::{at, folder, play, read};

/// Who acts where it doesn't matter.
fn desk() -> Actor {
    Actor::host("desk")
}
