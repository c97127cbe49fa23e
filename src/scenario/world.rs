//! A world in which a playbook lives in virtual time: a store, a clock, a mailbox.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use smol_str::SmolStr;

use super::failures::Failed;
use crate::clock::{Clock, VirtualClock};
use crate::decide::command::{Actor, AgentSetup, NewLead};
use crate::engine::{Engine, Error, TenantHandle, Ticked};
use crate::ids::{AgentId, ContactId, Id, LeadId, Tenant};
use crate::mailer::{MemoryMailer, Outgoing};
use crate::playbook::Playbook;
use crate::record::Lead;
use crate::store::Store;
use crate::time::Instant;
use crate::told::with_its_source;

/// A playbook in virtual time, for tests: an engine on a store of one's choice, a clock that is
/// set, and a mailbox for everybody.
#[derive(Debug)]
pub struct World {
    engine: Engine,
    clock: VirtualClock,
    mailer: MemoryMailer,
    playbook: Arc<Playbook>,
    tenant: Tenant,
    /// By their short names, with the contacts with which they were registered.
    leads: BTreeMap<SmolStr, (LeadId, ContactId)>,
    agents: BTreeMap<AgentId, (SmolStr, SmolStr)>,
    /// What failed while time passed and was not told yet, each once.
    failures: Mutex<Vec<Failed>>,
}

impl World {
    /// A world that begins at `start`, on this store.
    ///
    /// # Errors
    /// When the engine can't be built.
    pub fn new(
        playbook: impl Into<Arc<Playbook>>,
        store: Arc<dyn Store>,
        start: Instant,
    ) -> Result<Self, Error> {
        Self::of_tenant(Tenant::from("world"), playbook, store, start)
    }

    /// The same, under a tenant of one's choice, so that several worlds can share a store.
    ///
    /// # Errors
    /// When the engine can't be built.
    pub fn of_tenant(
        tenant: Tenant,
        playbook: impl Into<Arc<Playbook>>,
        store: Arc<dyn Store>,
        start: Instant,
    ) -> Result<Self, Error> {
        let playbook = playbook.into();
        let clock = VirtualClock::at(start);
        let mailer = MemoryMailer::default();
        let mut builder = Engine::builder_on(store)
            .playbook(tenant.clone(), playbook.clone())
            .clock(clock.clone())
            .seed(0);
        for channel in playbook.channels() {
            builder = builder.mailer(channel, mailer.clone());
        }
        let engine = builder.build()?;
        let (leads, agents) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self {
            engine,
            clock,
            mailer,
            playbook,
            tenant,
            leads,
            agents,
            failures: Mutex::default(),
        })
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The organisation in this world.
    #[must_use]
    pub fn tenant(&self) -> TenantHandle<'_> {
        self.engine.tenant(self.tenant.clone())
    }

    /// Its playbook.
    #[must_use]
    pub fn playbook(&self) -> &Playbook {
        &self.playbook
    }

    /// The time in this world.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Sets an agent up.
    ///
    /// # Errors
    /// As the command.
    pub async fn set_up(&mut self, agent: AgentSetup, by: Actor) -> Result<(), Error> {
        let id = AgentId::from(agent.agent.clone());
        self.tenant().set_up(agent).by(by).await?;
        if let Some(agent) = self.tenant().agent(&id).await? {
            let known = (
                SmolStr::from(agent.email.as_str()),
                SmolStr::from(agent.role.as_str()),
            );
            self.agents.insert(id, known);
        }
        Ok(())
    }

    /// Registers a lead under a short name of the test's.
    ///
    /// # Errors
    /// As the command.
    pub async fn register(
        &mut self,
        reference: &str,
        lead: NewLead,
        by: Actor,
    ) -> Result<Lead, Error> {
        let lead = self.tenant().register(lead).by(by).await?;
        self.name_lead(reference, &lead);
        Ok(lead)
    }

    /// The lead of this short name.
    #[must_use]
    pub fn lead_id(&self, reference: &str) -> Option<LeadId> {
        self.leads.get(reference).map(|(lead, _)| *lead)
    }

    /// The contact with which the lead of this short name was registered, whoever stands for it now.
    #[must_use]
    pub fn contact_id(&self, reference: &str) -> Option<ContactId> {
        self.leads.get(reference).map(|(_, contact)| *contact)
    }

    pub(super) fn name_lead(&mut self, reference: &str, lead: &Lead) {
        // A registration that is repeated answers with the lead as it is, perhaps another contact's.
        if self.lead_id(reference) != Some(lead.id) {
            let known = (lead.id, lead.contact.id);
            self.leads.insert(reference.into(), known);
        }
    }

    /// The lead of this short name, as it is.
    ///
    /// # Errors
    /// When there is none.
    pub async fn lead(&self, reference: &str) -> Result<Lead, Error> {
        let id = self
            .lead_id(reference)
            .ok_or(Error::NotThere("lead of this name"))?;
        self.tenant()
            .lead(id)
            .await?
            .ok_or(Error::NotThere("such lead"))
    }

    /// Does what is due now.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn tick(&self) -> Result<(), Error> {
        let ticked = self.engine.tick().await?;
        self.note_failures(&ticked);
        Ok(())
    }

    /// Lets time pass; everything happens when it is due.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn advance_to(&self, until: Instant) -> Result<(), Error> {
        self.engine
            .live_until(&self.clock, until, |_, ticked| self.note_failures(ticked))
            .await?;
        self.tick().await
    }

    /// Lets time pass while the process is down; then does what is due.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn be_down_until(&self, until: Instant) -> Result<(), Error> {
        self.clock.set(until);
        self.tick().await
    }

    /// What an agent, or an address, got by mail, in order.
    #[must_use]
    pub fn mailbox(&self, whose: &str) -> Vec<Outgoing> {
        let known = self.agents.get(whose).map(|(email, _)| email.as_str());
        self.mailer.mailbox(known.unwrap_or(whose))
    }

    fn note_failures(&self, ticked: &Ticked) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, error) in &ticked.failures {
            let (key, error) = (key.clone(), with_its_source(error));
            let failed = Failed { key, error };
            if !failures.contains(&failed) {
                failures.push(failed);
            }
        }
    }

    /// What failed since this was last asked.
    pub(super) fn take_failures(&self) -> Vec<Failed> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *failures)
    }

    /// The short name of a lead.
    pub(super) fn reference(&self, id: Id) -> Option<&SmolStr> {
        let mut leads = self.leads.iter();
        let found = leads.find(|(_, (lead, _))| lead.0 == id);
        found.map(|(reference, _)| reference)
    }

    pub(super) fn mailer(&self) -> &MemoryMailer {
        &self.mailer
    }

    pub(super) fn email_of(&self, agent: &str) -> Option<String> {
        self.agents.get(agent).map(|(email, _)| email.to_string())
    }

    pub(super) fn role_or_id(&self, agent: &AgentId) -> SmolStr {
        let role = self.agents.get(agent).map(|(_, role)| role.clone());
        role.unwrap_or_else(|| agent.as_str().into())
    }
}
