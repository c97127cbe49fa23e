//! What is done to several records by their ids: one that is refused keeps none of the others.

use std::path::PathBuf;
use std::sync::Arc;

use leadkit::engine::{Engine, TenantHandle};
use leadkit::ids::Id;
use serde::Serialize;

use crate::database::{self, For};
use crate::{Failure, check};

/// Which records, and who acts.
#[derive(Clone, Debug)]
pub struct Each {
    /// The playbook's folder.
    pub playbook: PathBuf,
    /// The database.
    pub db: PathBuf,
    /// The tenant; the playbook's id, if `None`.
    pub tenant: Option<String>,
    /// The ids of the records.
    pub ids: Vec<String>,
    /// Who says so: an agent, or `host:NAME`.
    pub by: String,
}

/// Why nothing was done about a record.
#[derive(Serialize)]
pub(crate) struct Refused {
    pub(crate) code: &'static str,
    pub(crate) reason: String,
}

impl Each {
    /// Does something to each record, one after the other, and returns what came of it.
    pub(crate) fn carry_out<T>(
        &self,
        one: impl AsyncFn(&Engine, &TenantHandle<'_>, Id) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let playbook = Arc::new(check::read(&self.playbook)?.playbook);
        let ids = database::ids(&self.ids)?;
        let tenant = database::tenant(self.tenant.as_deref(), &playbook);
        let store = database::open(&self.db, For::Acting)?;
        let engine = database::acting(store, &tenant, playbook.clone())?;
        pollster::block_on(async {
            database::must_be_there(&self.db, &engine, &tenant).await?;
            database::must_be_under(&playbook, &engine, &tenant).await?;
            let handle = engine.tenant(tenant.clone());
            let mut done = Vec::with_capacity(ids.len());
            for id in ids {
                done.push(one(&engine, &handle, id).await?);
            }
            Ok(done)
        })
    }
}
