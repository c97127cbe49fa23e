//! What lies ahead of a worker, and what is left to others.

use std::collections::BTreeSet;

use super::hands::Hand;
use super::tick::{Ahead, Left, Ticked};
use super::{Engine, Error};
use crate::decide;
use crate::decide::records::Records;
use crate::record::TenantRecord;
use crate::store::{Key, Lane, NextDue};
use crate::time::Instant;

impl Engine {
    /// Notes what is due next, and what is left to others. Returns the lanes of former playbooks in
    /// which something is due that can be served in their place. That is asked anew each time:
    /// whoever stops knowing the active playbook leaves them to those who know it.
    pub(super) async fn look_ahead(
        &self,
        hand: Hand,
        ticked: &mut Ticked,
    ) -> Result<Vec<Lane>, Error> {
        let now = self.inner.clock.now();
        let own = self.inner.lanes.of(Hand::Both);
        let all = self.inner.store.next_due(now).await?;
        let others = all.iter().map(|next| &next.lane);
        let others = others.filter(|lane| !own.contains(lane)).cloned();
        let servable: BTreeSet<Lane> = self.servable(others.collect()).await?.into_iter().collect();
        ticked.ahead = Ahead::default();
        ticked.messages_are_due = false;
        ticked.left.clear();
        let mut former = Vec::new();
        for next in all {
            let is_due = next.at.is_some_and(|at| at <= now);
            let is_former = servable.contains(&next.lane);
            if !is_former && !own.contains(&next.lane) {
                // Told by one hand.
                if let Some(since) = next.at.filter(|_| is_due && hand != Hand::Messages) {
                    ticked.note_left(self.left(next.lane, since));
                }
            } else if hand.is_for(&next.lane) {
                ticked.ahead.note(&next);
                former.extend(Some(next.lane).filter(|_| is_former && is_due));
            } else {
                // The other hand is told when they are due, and looked ahead for until then.
                ticked.messages_are_due |= is_due && Hand::Messages.is_for(&next.lane);
                let at = next.at.filter(|_| !is_due);
                ticked.ahead.note(&NextDue { at, ..next });
            }
        }
        Ok(former)
    }

    /// Those of these lanes, of playbooks that aren't known here, which can be served all the same:
    /// messages and sweeps can, by who knows the tenant's active playbook, since the other is an
    /// older one then.
    pub(super) async fn servable(&self, mut lanes: Vec<Lane>) -> Result<Vec<Lane>, Error> {
        lanes.retain(|lane| {
            decide::is_served_lane(&lane.name) && self.playbooks(&lane.tenant).is_ok()
        });
        if lanes.is_empty() {
            return Ok(lanes);
        }
        let keys: BTreeSet<Key> = lanes.iter().map(|lane| Key::tenant(&lane.tenant)).collect();
        let mut records = Records::new();
        self.load_into(&mut records, keys.into_iter().collect())
            .await?;
        lanes.retain(|lane| {
            let active = records.record::<TenantRecord>(&Key::tenant(&lane.tenant));
            let playbooks = self.playbooks(&lane.tenant).ok();
            let known = active.zip(playbooks);
            known.is_some_and(|(active, known)| known.of_hash(&active.playbook).is_some())
        });
        Ok(lanes)
    }

    fn left(&self, lane: Lane, since: Instant) -> Left {
        let Lane { tenant, name } = lane;
        let because = match self.playbooks(&tenant) {
            Ok(_) => Error::UnknownPlaybook(decide::playbook_of_lane(&name)),
            Err(unknown) => unknown,
        };
        Left {
            tenant,
            since,
            because,
        }
    }
}
