//! Flaws in finding what is due.

use super::Flaw;
use super::store::Flawed;
use crate::ids::Tenant;
use crate::store::{Due, Key, Lanes, Lease, NextDue, Store, StoreError};
use crate::time::{Elapsed, Instant};

impl Flawed {
    pub(super) async fn due_spoiled(
        &self,
        lanes: &Lanes,
        now: Instant,
        limit: usize,
        lease_until: Instant,
    ) -> Result<Vec<Due>, StoreError> {
        let memory = &self.memory;
        let given = Lease {
            from: now,
            until: lease_until,
        };
        match self.flaw {
            Flaw::LanesIgnored => {
                let all = memory.next_due(now).await?.into_iter();
                let all: Lanes = all.map(|next| next.lane).collect();
                memory.due(&all, now, limit, lease_until).await
            }
            Flaw::DueBefore => {
                memory
                    .due(lanes, now - Elapsed::microseconds(1), limit, lease_until)
                    .await
            }
            Flaw::DueMore => {
                memory
                    .due(lanes, now, limit.saturating_add(1), lease_until)
                    .await
            }
            Flaw::LeasesIgnored => memory.due(lanes, now, limit, now).await,
            Flaw::LeasesOfTenSeconds => {
                memory
                    .due(lanes, now, limit, now + Elapsed::seconds(10))
                    .await
            }
            Flaw::LeasesRace => {
                // It looks, and leases what it has seen a moment later.
                let seen = memory.due(lanes, now, limit, now).await?;
                self.let_others_in();
                memory.due(lanes, now, limit, lease_until).await?;
                Ok(seen)
            }
            Flaw::LimitOf32Bits if i32::try_from(limit).is_err() => Ok(Vec::new()),
            Flaw::DueInOrderOfTime
            | Flaw::LeasesEndByLooking
            | Flaw::LeasesOutliveClocks
            | Flaw::LeasesOutliveWrites => {
                let mut due = memory.due(lanes, now, usize::MAX, now).await?;
                let mut notes = self.notes();
                if self.is(Flaw::LeasesEndByLooking) {
                    notes.leases.retain(|_, lease| lease.runs_at(now));
                }
                let runs = |lease: &Lease| match self.flaw {
                    Flaw::LeasesOutliveClocks => now < lease.until,
                    _ => lease.runs_at(now),
                };
                due.retain(|due| !notes.leases.get(&due.key).is_some_and(runs));
                due.truncate(limit);
                notes
                    .leases
                    .extend(due.iter().map(|due| (due.key.clone(), given)));
                Ok(due)
            }
            // A lease is on a version, and ends with it alone.
            Flaw::LeasesOfVersions => {
                let due = memory.due(lanes, now, limit, now).await?;
                let keys: Vec<Key> = due.iter().map(|due| due.key.clone()).collect();
                let loaded = memory.load(&keys).await?;
                let mut notes = self.notes();
                let mut page = Vec::new();
                for (due, loaded) in due.into_iter().zip(loaded) {
                    let lease = notes.leased_versions.get(&due.key);
                    if lease.is_none_or(|(of, is)| *of != loaded.version || !is.runs_at(now)) {
                        let leased = (loaded.version, given);
                        notes.leased_versions.insert(due.key.clone(), leased);
                        page.push(due);
                    }
                }
                Ok(page)
            }
            Flaw::LeasesPlanned => {
                // One worker at a time; whoever writes doesn't ask.
                let _alone = self.alone();
                let due = pollster::block_on(memory.due(lanes, now, limit, lease_until))?;
                self.let_one_write();
                let mut notes = self.notes();
                let is_free =
                    |due: &Due| !notes.leases.get(&due.key).is_some_and(|l| l.runs_at(now));
                let page: Vec<Due> = due.into_iter().filter(is_free).collect();
                let leased = page.iter().map(|due| (due.key.clone(), given));
                notes.leases.extend(leased);
                Ok(page)
            }
            Flaw::LanesAtMostThirtyThousand => {
                let first = lanes.iter().take(30_000).cloned().collect();
                memory.due(&first, now, limit, lease_until).await
            }
            Flaw::OneRoundForAll => self.due_in_one_round(lanes, now, limit, lease_until).await,
            Flaw::LanesTakeTurns => self.due_lane_by_lane(lanes, now, limit, lease_until).await,
            _ => memory.due(lanes, now, limit, lease_until).await,
        }
    }

    /// One of each tenant in turn, behind whoever was served last, whatever was asked then.
    async fn due_in_one_round(
        &self,
        lanes: &Lanes,
        now: Instant,
        limit: usize,
        lease_until: Instant,
    ) -> Result<Vec<Due>, StoreError> {
        let mut tenants: Vec<&Tenant> = lanes.iter().map(|lane| &lane.tenant).collect();
        tenants.dedup();
        let last = self.notes().served_last.clone();
        let behind = tenants.partition_point(|tenant| Some(*tenant) <= last.as_ref());
        tenants.rotate_left(behind);
        let mut page = Vec::new();
        loop {
            let before = page.len();
            for tenant in &tenants {
                let own = lanes.iter().filter(|lane| lane.tenant == **tenant);
                let own = own.cloned().collect();
                let most = 1.min(limit - page.len());
                let due = self.memory.due(&own, now, most, lease_until).await?;
                if !due.is_empty() {
                    self.notes().served_last = Some(Tenant::clone(tenant));
                }
                page.extend(due);
            }
            if page.len() == before {
                break;
            }
        }
        page.sort_by(|a: &Due, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
        Ok(page)
    }

    /// One of each lane in turn, whosever it is.
    async fn due_lane_by_lane(
        &self,
        lanes: &Lanes,
        now: Instant,
        limit: usize,
        lease_until: Instant,
    ) -> Result<Vec<Due>, StoreError> {
        let mut page = Vec::new();
        loop {
            let before = page.len();
            for lane in lanes.iter() {
                let lane: Lanes = [lane.clone()].into_iter().collect();
                let most = 1.min(limit - page.len());
                page.extend(self.memory.due(&lane, now, most, lease_until).await?);
            }
            if page.len() == before {
                break;
            }
        }
        page.sort_by(|a: &Due, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
        Ok(page)
    }

    pub(super) async fn next_due_spoiled(&self, now: Instant) -> Result<Vec<NextDue>, StoreError> {
        let now = match self.flaw {
            // Far in time, where no lease runs.
            Flaw::NextDueKnowsNoLeases => now + Elapsed::days(100_000),
            _ => now,
        };
        let mut lanes = self.memory.next_due(now).await?;
        if self.is(Flaw::NextDueIsLate) {
            for next in &mut lanes {
                next.at = next.at.map(|at| at + Elapsed::seconds(1));
            }
        }
        if self.is(Flaw::NextDueIsUnordered) {
            lanes.reverse();
        }
        Ok(lanes)
    }
}
