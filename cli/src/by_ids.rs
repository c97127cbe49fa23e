//! What is done to several records by their ids: one that is refused, or fails, keeps none of the
//! others, and is told beside what was done.

use std::path::PathBuf;
use std::sync::Arc;

use leadkit::decide::command::Actor;
use leadkit::engine::{Engine, Error, TenantHandle};
use leadkit::ids::Id;
use serde::Serialize;

use crate::database::{self, For};
use crate::failure::chain;
use crate::{Failure, check};

/// Which records, and who acts.
#[derive(Clone, Debug)]
pub struct ByIds {
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

impl Refused {
    fn by(failure: &Failure) -> Self {
        let (code, reason) = match failure {
            Failure::Engine(Error::Refused(refusal)) => (refusal.code(), refusal.to_string()),
            Failure::Engine(Error::NotThere(_)) => ("no-such-record", chain(failure)),
            Failure::Engine(Error::UnknownPlaybook(_)) => ("other-playbook", chain(failure)),
            other => (other.kind(), chain(failure)),
        };
        Self { code, reason }
    }

    /// Why a record's turn came to nothing; `None`, if it was done.
    pub(crate) fn if_failed(done: Result<(), impl Into<Failure>>) -> Option<Self> {
        done.err().map(|error| Self::by(&error.into()))
    }
}

impl ByIds {
    /// Does something to each record, one after the other, and returns what came of each. It is for
    /// `one` to tell a failure with its record: what was done to those before it stays done.
    pub(crate) fn carry_out<T>(
        &self,
        one: impl AsyncFn(&Engine, &TenantHandle<'_>, &Actor, Id) -> T,
    ) -> Result<Vec<T>, Failure> {
        let playbook = Arc::new(check::read(&self.playbook)?.playbook);
        let ids = database::ids(&self.ids)?;
        let tenant = database::tenant(self.tenant.as_deref(), &playbook);
        let store = database::open(&self.db, For::Acting)?;
        let engine = database::acting(store, &tenant, playbook.clone())?;
        let by = Actor::said(&self.by);
        pollster::block_on(async {
            database::must_be_there(&self.db, &engine, &tenant).await?;
            database::must_be_under(&playbook, &engine, &tenant).await?;
            let handle = engine.tenant(tenant.clone());
            let mut done = Vec::with_capacity(ids.len());
            for id in ids {
                done.push(one(&engine, &handle, &by, id).await);
            }
            Ok(done)
        })
    }
}
