//! Stores and mailers that fail where they are told to: for the tests of whoever relies on them,
//! hosts and adapters included. Behind the cargo feature `faults`.
//!
//! [`FaultyStore`] and [`FaultyMailer`] wrap any other. Each asks its [`Plan`] at every call
//! what is to go wrong: a script, or a seed. Neither has chance or time of its own, so the same
//! plan gives the same failures. [`StoreFault`] and [`MailerFault`] are the words for it: before,
//! after, midway, with the answer lost, late, twice.
//!
//! ```
//! # pollster::block_on(async {
//! use leadkit::decide::command::{Actor, NewLead};
//! use leadkit::engine::{Engine, Error};
//! use leadkit::faults::{Call, FaultyStore, Plan, StoreFault};
//! use leadkit::ids::CommandId;
//! use leadkit::mailer::MemoryMailer;
//! use leadkit::playbook::Playbook;
//! use leadkit::store::MemoryStore;
//!
//! // The second commit takes place, but nobody hears of it. (The first makes the playbook the
//! // tenant's active one.)
//! let plan = Plan::new().on(Call::Commit, 2, StoreFault::After);
//! let store = FaultyStore::new(MemoryStore::default(), plan);
//! let engine = Engine::builder(store.clone())
//!     .playbook("quito", Playbook::load("playbooks/field-and-digital-sales")?)
//!     .mailer("email", MemoryMailer::default())
//!     .build()?;
//!
//! let quito = engine.tenant("quito");
//! let webhook = CommandId::of("webhook 7");
//! let luis = || NewLead::new("Luis Vera").email("luis@example.com").source("web").field("city", "Quito");
//! assert!(matches!(quito.register(luis()).by(Actor::host("web")).id(webhook).await, Err(Error::Store(_))));
//!
//! // The host sends it again, and Luis is there once.
//! quito.register(luis()).by(Actor::host("web")).id(webhook).await?;
//! assert_eq!(quito.count("", &[]).await?[0].count, 1);
//! assert_eq!(store.struck().len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod mailer;
mod plan;
mod store;

pub use mailer::{FaultyMailer, HandedOver, MailerFault};
pub use plan::{Call, Plan, Struck};
pub use store::{FaultyStore, Planned, StoreFault};

use crate::clock::{Clock, yield_now};
use crate::time::Elapsed;

/// Lets so much time pass, and others run.
async fn pass(clock: &dyn Clock, by: Elapsed) {
    yield_now().await;
    let now = clock.now();
    clock
        .sleep_until(now.checked_add_signed(by).unwrap_or(now))
        .await;
}
