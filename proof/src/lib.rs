//! Programs that try to break leadkit, and the ledger that tells whether they did.
//!
//! - [`simulation`]: random commands, several workers, failing stores and mailers and clocks that
//!   jump, all in one thread and in an order that follows from a seed.
//! - [`kill`]: workers that are processes of their own, and are killed while they work.
//!
//! See the README beside this crate for how to run them and what each proves.

pub mod desk;
pub mod dice;
pub mod ends;
pub mod houses;
pub mod kill;
pub mod ledger;
pub mod post;
pub mod simulation;
