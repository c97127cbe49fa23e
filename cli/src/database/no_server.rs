//! Where no PostgreSQL server is known, because this program was built without.

use std::sync::Arc;

use leadkit::store::Store;

use super::{For, Url};
use crate::{Asked, Failure};

/// There is none.
#[derive(Debug)]
pub(super) enum Server {}

impl Server {
    pub(super) fn open(url: &Url, _: For) -> Result<Self, Failure> {
        Err(Asked::NoPostgres(url.clone()).into())
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        match *self {}
    }

    pub(super) async fn tenants(&self) -> Option<Vec<String>> {
        match *self {}
    }

    pub(super) fn block_on<F: Future>(&self, _: F) -> F::Output {
        match *self {}
    }
}
