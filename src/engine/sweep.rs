//! Sweeps: one page of targets at a time, each target a command of its own.

use smol_str::format_smolstr;

use super::job::{Decider, Job, Outcome, Undecided};
use super::{Engine, Error, Ticked};
use crate::condition::Filter;
use crate::decide::command::{Command, Wake, What};
use crate::decide::records::Records;
use crate::ids::{LeadId, SweepId};
use crate::playbook::Playbook;
use crate::record::Sweep;
use crate::store::{Cursor, Key, Kind, Order, Page, Select};
use crate::time::Instant;
use crate::told;

impl Engine {
    /// Does one page of a sweep.
    pub(super) async fn sweep_page(
        &self,
        key: &Key,
        now: Instant,
        ticked: &mut Ticked,
    ) -> Result<(), Error> {
        let Some((sweep, filter)) = self.sweep_at_hand(key).await? else {
            return Ok(());
        };
        if sweep.wakes_at().is_none_or(|wakes_at| wakes_at > now) {
            return Ok(());
        }
        let page = self.page_of(&sweep, key, filter).await?;
        let refused = self
            .reach(&sweep, &page.keys, key, now, &mut ticked.failures)
            .await?;
        let targets = u64::try_from(page.keys.len()).unwrap_or(u64::MAX);
        let done = Wake::SweepPage {
            sweep: SweepId(key.id),
            occurrence: sweep.occurrence,
            from: sweep.cursor,
            reached: page.next.map(|cursor| cursor.id),
            counts: (targets, refused),
        };
        ticked.pages += 1;
        let noted = Job::Wake(key.tenant.clone(), done);
        match self.carry_out_one(noted, now).await {
            Outcome::Failed(error) => Err(error),
            _ => Ok(()),
        }
    }

    /// A sweep as it is, and whom it reaches; nothing if there is no such sweep.
    async fn sweep_at_hand(&self, key: &Key) -> Result<Option<(Sweep, Filter)>, Error> {
        let mut records = Records::new();
        self.load_all_into(&mut records, vec![key.clone()]).await?;
        let Some(sweep) = records.record::<Sweep>(key).cloned() else {
            return Ok(None);
        };
        loop {
            let served = Decider::OfServed(key.clone());
            match self.playbook_for(&key.tenant, served, &records) {
                Ok(playbook) => {
                    let filter = audience(&sweep, &playbook)?;
                    return Ok(Some((sweep, filter)));
                }
                Err(Undecided::Need(keys)) => self.load_all_into(&mut records, keys).await?,
                Err(Undecided::Failed(error)) => return Err(error),
            }
        }
    }

    /// The next targets of a sweep.
    async fn page_of(&self, sweep: &Sweep, key: &Key, filter: Filter) -> Result<Page, Error> {
        let after = sweep.cursor.map(|id| Cursor { value: None, id });
        let select = Select {
            tenant: key.tenant.clone(),
            kind: Kind::Lead,
            filter,
            order: Order::Id,
            after,
            limit: Sweep::PAGE,
        };
        Ok(self.inner.store.select(&select).await?)
    }

    /// Carries a sweep's command out on its targets, and counts those that refuse. One that can't
    /// be read is counted too, and told. What else fails fails the page, so that it is done again,
    /// by somebody who can: no target is left out.
    async fn reach(
        &self,
        sweep: &Sweep,
        targets: &[Key],
        key: &Key,
        now: Instant,
        failures: &mut Vec<(Key, Error)>,
    ) -> Result<u64, Error> {
        let jobs = targets.iter().map(|target| {
            let lead = LeadId(target.id);
            let order = sweep.order.clone();
            let command = Command {
                tenant: key.tenant.clone(),
                actor: sweep.actor(),
                happened_at: None,
                what: What::Lead { lead, order },
            };
            Job::Command(sweep.command_for(lead), Box::new(command))
        });
        let outcomes = self.carry_out(jobs.collect(), now).await;
        let mut refused = 0;
        for (target, outcome) in targets.iter().zip(outcomes) {
            match outcome {
                Outcome::Written(..) | Outcome::AlreadyDone(_) | Outcome::Nothing => {}
                Outcome::Failed(Error::Refused(_)) => refused += 1,
                Outcome::Failed(error @ Error::Unreadable { .. }) => {
                    refused += 1;
                    failures.push((target.clone(), error));
                }
                Outcome::Failed(error) => return Err(error),
            }
        }
        Ok(refused)
    }

    /// Loads records that must all be readable.
    async fn load_all_into(&self, records: &mut Records, keys: Vec<Key>) -> Result<(), Error> {
        match self.load_into(records, keys).await?.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// Whom a sweep reaches, as a store is asked.
fn audience(sweep: &Sweep, playbook: &Playbook) -> Result<Filter, Error> {
    let condition = playbook.condition(&sweep.audience);
    let condition = condition.map_err(|faults| Error::Condition(told::joined(&faults, "; ")))?;
    let filter = condition.filter(sweep.occurrence_at);
    filter.map_err(|computed| Error::Condition(format_smolstr!("{computed}")))
}
