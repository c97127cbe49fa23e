//! Which columns of the facts are written, those that some record here ever had something in, and the
//! statements that write them.
//!
//! A statement names the columns that it writes, so that the others cost nothing; and since the
//! columns only become more, there are few statements to make and to prepare.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use leadkit::store::Kind;

use crate::tables::WriteShape;

/// The columns that were ever written, by kind, and the statements.
#[derive(Debug, Default)]
pub(crate) struct Widths {
    columns: Mutex<BTreeMap<Kind, BTreeSet<usize>>>,
    statements: Mutex<BTreeMap<WriteShape, Arc<str>>>,
}

impl Widths {
    /// Adds columns, and answers with all of them, in order.
    pub(crate) fn widen(&self, kind: Kind, columns: &BTreeSet<usize>) -> Vec<usize> {
        let mut all = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        let all = all.entry(kind).or_default();
        all.extend(columns);
        all.iter().copied().collect()
    }

    /// The statement of a shape, which is made once.
    pub(crate) fn statement(
        &self,
        shape: WriteShape,
        make: impl FnOnce(&WriteShape) -> String,
    ) -> Arc<str> {
        let statements = self.statements.lock();
        let mut statements = statements.unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = statements.get(&shape) {
            return Arc::clone(known);
        }
        let made: Arc<str> = make(&shape).into();
        statements.insert(shape, Arc::clone(&made));
        made
    }
}
