//! An embeddable engine that follows every lead through.
//!
//! A host application (a CRM, a dealer's own system, a test harness) links this crate, gives it
//! a place to keep records ([`Store`](store::Store)), a way to send ([`Mailer`](mailer::Mailer))
//! and a *playbook*: all that one organisation decides - pipelines, rules in time, wait groups,
//! assignment, templates - as data. From then on no lead goes cold by accident, nobody is
//! harassed, every clock is right across business hours, holidays and time zones, and every
//! decision can be explained and replayed. The same engine runs in virtual time, so that a
//! playbook can be tested on one's own leads before it goes live.
//!
//! # Where things are
//!
//! Six ideas carry everything. Each has its place:
//!
//! 1. **A pure core, a thin shell.** [`decide`] is a function of the playbook, the records, the
//!    command and the time; [`engine`] loads, asks and commits.
//! 2. **Whatever waits is a record with `wakes_at`.** [`agenda`] computes it; there is no table
//!    of timers.
//! 3. **Versions for correctness, command ids for once, leases for efficiency.** [`store`] is the
//!    port that promises them.
//! 4. **One language for conditions.** [`condition`], over the facts of [`facts`].
//! 5. **One shape for what happens in time, one for what happens to many.**
//!    [`playbook::rule::Rule`] and [`record::sweep::Sweep`].
//! 6. **A lead is one thing to follow through with a contact.** [`record::lead::Lead`]; what
//!    differs is its pipeline.
//!
//! # Short tasks
//!
//! - Embed it: [`engine::Engine`] has the fifteen lines.
//! - Write a playbook: copy one of the repository's `playbooks/`, and see [`playbook`].
//! - Test a playbook without Rust: [`scenario`]. With Rust: [`scenario::World`].
//! - Test your host against stores and mailers that fail: `faults`, behind the cargo feature of
//!   that name.
//! - Make a quote: [`engine::TenantHandle::make_quote`]; an address for it: [`link::QuoteLink`].
//! - Refer leads: [`engine::TenantHandle::referral_code`], and
//!   [`NewLead::referral`](decide::command::NewLead::referral).
//! - Plan visits: [`engine::TenantHandle::plan_visits`]; what came of one:
//!   [`engine::TenantHandle::record_visit`].
//! - Ask why: [`engine::TenantHandle::explain`].
//! - List and count leads: [`engine::TenantHandle::leads`], [`engine::TenantHandle::count`].
//! - Say in Rust what a playbook can't: [`playbook::host`]; carry out what it leaves to you:
//!   [`engine::TenantHandle::errands`].
//! - Begin from a host that runs: the repository's `examples/`.
//! - Write our lead and your row in one transaction: [`engine::TenantHandle::apply_in`].
//! - Decide without the engine and without async: [`decide::decide`].
//! - Business hours by themselves: [`calendar::Calendar`].
//! - Tax numbers by themselves: [`tax_number::TaxNumber`].
//!
//! # What it does not do
//!
//! It starts no thread and no runtime, opens no file but a playbook's, reads no clock but through
//! [`clock::Clock`], and logs nothing. It sends nothing itself: mailers do.

#[macro_use]
mod words;

pub mod agenda;
pub mod assign;
pub mod calendar;
pub mod clock;
pub mod condition;
#[cfg(any(test, feature = "conformance"))]
#[macro_use]
pub mod conformance;
pub mod decide;
pub mod email;
pub mod engine;
pub mod explain;
pub mod facts;
#[cfg(any(test, feature = "faults"))]
pub mod faults;
pub mod gate;
pub mod hint;
pub mod ids;
pub mod link;
pub mod mailer;
pub mod money;
pub mod phone;
pub mod playbook;
pub mod record;
pub mod render;
pub mod scenario;
pub mod store;
pub mod tax_number;
pub mod time;
pub mod told;
pub mod value;
pub mod week;

mod letters;
