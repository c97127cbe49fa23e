//! Which columns of the facts are written: those that some record here ever had something in.
//!
//! A statement names the columns that it writes, so that the others cost nothing; and since the
//! columns only become more, there are few statements to prepare.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use leadkit::store::Kind;

/// The columns that were ever written, by kind.
#[derive(Debug, Default)]
pub(crate) struct Widths {
    columns: Mutex<BTreeMap<Kind, BTreeSet<usize>>>,
}

impl Widths {
    /// Adds columns, and answers with all of them.
    pub(crate) fn widen(&self, kind: Kind, columns: &BTreeSet<usize>) -> Vec<usize> {
        let mut all = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        let all = all.entry(kind).or_default();
        all.extend(columns);
        all.iter().copied().collect()
    }
}
