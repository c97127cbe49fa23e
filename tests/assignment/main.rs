//! Assignment, held to laws of fairness, to a recorded history, and to the cases of another CRM.
//!
//! The recorded data may not lie in the repository: without it those tests are skipped, with a
//! message; but not where `LEADKIT_TEST_DATA` says where it is.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod fairness;
mod history;
mod odoo;
mod one_by_one;
#[path = "../shop/mod.rs"]
mod shop;

use std::path::{Path, PathBuf};

/// The recorded data of a folder; nothing, with a message, where it is absent and nobody said that it is
/// there.
fn data(folder: &str) -> Option<PathBuf> {
    let said = std::env::var_os("LEADKIT_TEST_DATA").map(PathBuf::from);
    let must_be_there = said.is_some();
    let base = said.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    let path = base.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    assert!(!must_be_there, "there is no {}", path.display());
    println!(
        "skipped: there is no {}; set LEADKIT_TEST_DATA",
        path.display()
    );
    None
}
