//! What is done to several records by their ids: one that is refused, or fails, keeps none of the
//! others, and is told beside what was done.

use leadkit::decide::command::Actor;
use leadkit::engine::{Engine, Error, TenantHandle};
use leadkit::ids::Id;
use serde::Serialize;

use crate::Failure;
use crate::database::{self, Database, For, Opened};
use crate::failure::chain;

/// Which records, and who acts.
#[derive(Clone, Debug)]
pub struct ByIds {
    /// The database.
    pub database: Database,
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
    /// Does something to each record, one after the other, and returns what came of each, beside the
    /// database. It is for `one` to tell a failure with its record: what was done to those before it
    /// stays done.
    pub(crate) fn carry_out<T>(
        &self,
        one: impl AsyncFn(&Engine, &TenantHandle<'_>, &Actor, Id) -> T,
    ) -> Result<(Opened<'_>, Vec<T>), Failure> {
        let ids = database::ids(&self.ids)?;
        let opened = self.database.open(For::Acting)?;
        let by = Actor::said(&self.by);
        let mut done = Vec::with_capacity(ids.len());
        opened.block_on(async {
            opened.must_be_under_its_playbook().await?;
            let handle = opened.handle();
            for id in ids {
                done.push(one(&opened.engine, &handle, &by, id).await);
            }
            Ok::<_, Failure>(())
        })?;
        Ok((opened, done))
    }
}
