//! Looking: leads, lists, counts and explanations. Nothing here changes anything.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::{Engine, Error, TenantHandle};
use crate::condition::{Condition, Filter};
use crate::decide::records::Records;
use crate::explain::{Explanation, explain};
use crate::facts::LeadFact;
use crate::ids::{LeadId, MessageId, Name, Tenant};
use crate::playbook::Playbook;
use crate::record::lead::{Assignee, Lead, Task};
use crate::record::message::Message;
use crate::record::stored::{self, Unreadable};
use crate::record::{Agent, Recorded, Sweep, VisitPlan};
use crate::store::{Count, Counted, Cursor, Key, Kind, Order, Select};
use crate::told;
use crate::value::Value;
use crate::week::Week;

/// A page of a listing: of leads, messages or sweeps.
///
/// A record that can't be read keeps none of the others; it is told beside them, and counts for the
/// page's limit. So a page may hold no record and still not be the last: whoever goes through a
/// listing goes on as long as there is a next page.
#[derive(Debug)]
pub struct Page<T> {
    /// The records that can be read, in order.
    pub records: Vec<T>,
    /// Those that can't, in order, and why.
    pub unreadable: Vec<(Key, Unreadable)>,
    /// Where the next page begins, unless this is the last.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// The records, for whom a part of them is of no use.
    ///
    /// # Errors
    /// [`Error::Unreadable`], for the first that can't be read.
    pub fn whole(self) -> Result<Vec<T>, Error> {
        match self.unreadable.into_iter().next() {
            Some((key, source)) => Err(Error::Unreadable { key, source }),
            None => Ok(self.records),
        }
    }
}

/// Groups of leads with equal values, and how many each has.
pub type Counts = Vec<Counted>;

impl Engine {
    pub(super) async fn lead(&self, tenant: &Tenant, id: LeadId) -> Result<Option<Lead>, Error> {
        self.read(Key::lead(tenant, id)).await
    }

    /// Reads a record of some sort.
    pub(super) async fn read<T: Recorded>(&self, key: Key) -> Result<Option<T>, Error> {
        let mut records = Records::new();
        let unreadable = self.load_into(&mut records, vec![key.clone()]).await?;
        match unreadable.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(records.record::<T>(&key).cloned()),
        }
    }

    /// The records that a selection finds, as far as they can be read.
    async fn list<T: Recorded>(&self, select: &Select) -> Result<Page<T>, Error> {
        let found = self.inner.store.select(select).await?;
        let loaded = self.inner.store.load(&found.keys).await?;
        let mut page = Page {
            records: Vec::with_capacity(loaded.len()),
            unreadable: Vec::new(),
            next: found.next,
        };
        for (key, loaded) in found.keys.into_iter().zip(loaded) {
            let Some(body) = loaded.body else {
                continue;
            };
            match stored::decode_as(key.kind, &body) {
                Ok(record) => page.records.extend(T::from_record(&record).cloned()),
                Err(source) => page.unreadable.push((key, source)),
            }
        }
        Ok(page)
    }

    /// The stages that hold leads, open or closed.
    pub(super) async fn occupied_stages(
        &self,
        tenant: &Tenant,
    ) -> Result<Vec<(Name, Name)>, Error> {
        let by = [LeadFact::Pipeline, LeadFact::Stage]
            .map(|fact| SmolStr::new_static(fact.built_in().name));
        let count = Count {
            tenant: tenant.clone(),
            kind: Kind::Lead,
            filter: Filter::Constant(true),
            by: by.into(),
        };
        let groups = self.inner.store.count(&count).await?;
        let named = groups
            .into_iter()
            .filter_map(|group| match group.values.as_slice() {
                [Some(Value::Text(pipeline)), Some(Value::Text(stage))] => {
                    Some((Name::from(pipeline.clone()), Name::from(stage.clone())))
                }
                _ => None,
            });
        Ok(named.collect())
    }

    pub(super) async fn explain(
        &self,
        tenant: &Tenant,
        id: LeadId,
        newest: u32,
    ) -> Result<Explanation, Error> {
        let Some(mut lead) = self.lead(tenant, id).await? else {
            return Err(Error::NotThere("such lead"));
        };
        self.give_tasks_of_leavers_to_the_owner(tenant, &mut lead)
            .await?;
        let playbooks = self.playbooks(tenant)?;
        let Some(playbook) = playbooks.of_hash(&lead.playbook) else {
            return Err(Error::UnknownPlaybook(lead.playbook.clone()));
        };
        let past = self.past(tenant, &lead, newest).await?;
        Ok(explain(playbook, &lead, past, self.inner.clock.now()))
    }

    /// What was to be done by who left, the owner may do: so it is told. A record that can't be read keeps
    /// nobody from the rest.
    async fn give_tasks_of_leavers_to_the_owner(
        &self,
        tenant: &Tenant,
        lead: &mut Lead,
    ) -> Result<(), Error> {
        let key_of = |task: &Task| match &task.assignee {
            Assignee::Agent(agent) if task.ended.is_none() => Some(Key::agent(tenant, agent)),
            _ => None,
        };
        let keys: BTreeSet<Key> = lead.tasks.iter().filter_map(key_of).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let mut agents = Records::new();
        self.load_into(&mut agents, keys.into_iter().collect())
            .await?;
        for task in &mut lead.tasks {
            let agent = key_of(task).and_then(|key| agents.record::<Agent>(&key));
            if agent.is_some_and(|agent| agent.left_at.is_some()) {
                task.assignee = Assignee::Owner;
            }
        }
        Ok(())
    }
}

impl TenantHandle<'_> {
    /// The stages that hold leads, open or closed, by pipeline and stage: what an
    /// [`Adoption`](crate::decide::command::Adoption) in a host's own transaction asks for.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn occupied_stages(&self) -> Result<Vec<(Name, Name)>, Error> {
        self.engine.occupied_stages(&self.tenant).await
    }

    fn filter(&self, kind: Kind, condition: &str) -> Result<Filter, Error> {
        let playbook = self.playbook()?;
        filter_of(playbook, kind, condition, self.engine.inner.clock.now())
    }

    /// One page of the leads for which a condition holds. An empty condition is all leads. A lead
    /// that can't be read is told with the page, and fails nothing.
    ///
    /// # Errors
    /// [`Error::Condition`] when the condition can't be read or can't be pushed down; when the store
    /// fails.
    pub async fn leads(
        &self,
        condition: &str,
        order: Order,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<Lead>, Error> {
        let filter = self.filter(Kind::Lead, condition)?;
        let select = Select {
            tenant: self.tenant.clone(),
            kind: Kind::Lead,
            filter,
            order,
            after,
            limit,
        };
        self.engine.list(&select).await
    }

    /// How many leads there are for which a condition holds, by groups of equal facts.
    ///
    /// Texts are folded, but for choices, which are as the playbook writes them, and tax numbers,
    /// which are compact.
    ///
    /// # Errors
    /// As [`TenantHandle::leads`], and for facts that aren't stored.
    pub async fn count(&self, condition: &str, by: &[&str]) -> Result<Counts, Error> {
        self.count_of(Kind::Lead, condition, by).await
    }

    /// How many records of a kind that can be filtered there are, by groups of equal facts.
    ///
    /// # Errors
    /// As [`TenantHandle::count`].
    pub async fn count_of(
        &self,
        kind: Kind,
        condition: &str,
        by: &[&str],
    ) -> Result<Counts, Error> {
        let playbook = self.playbook()?;
        for fact in by {
            // A fact alone is no condition, but asking whether it is missing is one.
            let asked = playbook.condition_on(kind, &format!("{fact} is missing"));
            let asked = asked.map_err(|faults| Error::Condition(told::joined(&faults, "; ")))?;
            asked
                .filter(self.engine.inner.clock.now())
                .map_err(|computed| Error::Condition(smol_str::format_smolstr!("{computed}")))?;
        }
        let count = Count {
            tenant: self.tenant.clone(),
            kind,
            filter: self.filter(kind, condition)?,
            by: by.iter().map(|fact| SmolStr::from(*fact)).collect(),
        };
        let mut groups = self.engine.inner.store.count(&count).await?;
        for group in &mut groups {
            for (fact, value) in by.iter().zip(&mut group.values) {
                unfold(playbook, fact, value);
            }
        }
        Ok(groups)
    }

    /// A message, as it is.
    ///
    /// # Errors
    /// When the store fails or the record can't be read.
    pub async fn message(&self, id: MessageId) -> Result<Option<Message>, Error> {
        self.engine.read(Key::message(&self.tenant, id)).await
    }

    /// One page of the messages for which a condition holds, in the order in which they were queued.
    /// Those that wait for a person are `state == "in-doubt"` and `set_aside`. One that can't be read
    /// is told with the page.
    ///
    /// # Errors
    /// As [`TenantHandle::leads`].
    pub async fn messages(
        &self,
        condition: &str,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<Message>, Error> {
        let select = Select {
            tenant: self.tenant.clone(),
            kind: Kind::Message,
            filter: self.filter(Kind::Message, condition)?,
            order: Order::Id,
            after,
            limit,
        };
        self.engine.list(&select).await
    }

    /// One page of the sweeps for which a condition holds, in the order in which they were started.
    /// What was set aside is `set_aside`. One that can't be read is told with the page.
    ///
    /// # Errors
    /// As [`TenantHandle::leads`].
    pub async fn sweeps(
        &self,
        condition: &str,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<Sweep>, Error> {
        let select = Select {
            tenant: self.tenant.clone(),
            kind: Kind::Sweep,
            filter: self.filter(Kind::Sweep, condition)?,
            order: Order::Id,
            after,
            limit,
        };
        self.engine.list(&select).await
    }

    /// The visits of a zone in a week, as they are; nothing, if none was ever planned.
    ///
    /// # Errors
    /// When the store fails or the record can't be read.
    pub async fn visit_plan(&self, zone: &str, week: Week) -> Result<Option<VisitPlan>, Error> {
        let key = Key::visit_plan(&self.tenant, zone, week);
        self.engine.read(key).await
    }

    /// An agent, as it is.
    ///
    /// # Errors
    /// When the store fails or the record can't be read.
    pub async fn agent(&self, id: &crate::ids::AgentId) -> Result<Option<Agent>, Error> {
        self.engine.read(Key::agent(&self.tenant, id)).await
    }
}

fn filter_of(
    playbook: &Playbook,
    kind: Kind,
    condition: &str,
    now: crate::time::Instant,
) -> Result<Filter, Error> {
    if condition.trim().is_empty() {
        return Ok(Filter::Constant(true));
    }
    let condition: Condition = playbook
        .condition_on(kind, condition)
        .map_err(|faults| Error::Condition(told::joined(&faults, "; ")))?;
    condition
        .filter(now)
        .map_err(|computed| Error::Condition(smol_str::format_smolstr!("{computed}")))
}

/// The choice as the playbook writes it, or the tax number as it is kept, in place of its folded text.
fn unfold(playbook: &Playbook, fact: &str, value: &mut Option<Value>) {
    let Some(Value::Text(text)) = value else {
        return;
    };
    let mut fields = playbook.fields.iter();
    let Some(field) = fields.find(|field| field.name == *fact) else {
        return;
    };
    let is_kept = !field.choices.is_empty() || field.tax_numbers.is_some();
    if let Some(kept) = field
        .accept(&Value::Text(text.clone()))
        .ok()
        .filter(|_| is_kept)
    {
        *value = Some(kept);
    }
}
