//! One organisation's commands and questions, by their everyday names.

use smol_str::SmolStr;

use super::ask::{Answer, Unsigned};
use super::{Engine, Error};
use crate::decide::command::{
    Adoption, AgentSetup, Completion, Correction, Fate, LeadOrder, Leaving, NewDocument, NewLead,
    NewQuote, NewSweep, NewVisitPlan, StageMapping, SweepOrder, VisitReport, Waiting, What,
};
use crate::explain::{Explanation, Past};
use crate::ids::{AgentId, ContactId, LeadId, MessageId, Name, SweepId, Tenant};
use crate::playbook::Playbook;
use crate::record::Lead;
use crate::record::appointment::Became;
use crate::record::referral::ReferralCode;
use crate::time::Instant;
use crate::value::Value;

/// One organisation, as the engine knows it.
#[derive(Clone, Debug)]
pub struct TenantHandle<'e> {
    pub(super) engine: &'e Engine,
    pub(super) tenant: Tenant,
}

impl<'e> TenantHandle<'e> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Tenant {
        &self.tenant
    }

    /// The playbook that new leads come under.
    ///
    /// # Errors
    /// When the engine has none for this tenant.
    pub fn playbook(&self) -> Result<&'e Playbook, Error> {
        Ok(self.engine.playbooks(&self.tenant)?.current.as_ref())
    }

    fn ask<T>(&self, what: What) -> Unsigned<'e, T> {
        Unsigned::new(self.engine, self.tenant.clone(), what)
    }

    /// Any command on a lead.
    pub fn order(&self, lead: LeadId, order: LeadOrder) -> Unsigned<'e, Lead> {
        self.ask(What::Lead { lead, order })
    }

    /// Makes or changes an agent.
    pub fn set_up(&self, agent: AgentSetup) -> Unsigned<'e, ()> {
        self.ask(What::SetUpAgent(Box::new(agent)))
    }

    /// Lets an agent leave: gone at once from all pools, and handed over by a sweep: the open leads, and
    /// closed ones for which something is still to come.
    /// Whoever comes back is set up again.
    pub fn leave(&self, leaving: Leaving) -> Unsigned<'e, Answer> {
        self.ask(What::Leave(Box::new(leaving)))
    }

    /// Tells an agent the code to refer with: it is made the first time, and stays the same. An agent
    /// asks for its own; for another one the host may, and whoever sets agents up.
    pub fn referral_code(&self, agent: impl Into<AgentId>) -> Unsigned<'e, ReferralCode> {
        let agent = agent.into();
        self.ask(What::TellReferralCode { agent })
    }

    /// Plans the visits of a zone in a week. They take the place of those that were planned before and
    /// are still to be made; what was recorded stays.
    pub fn plan_visits(&self, plan: NewVisitPlan) -> Unsigned<'e, ()> {
        self.ask(What::PlanVisits(Box::new(plan)))
    }

    /// Records what came of a planned visit. Where that is a lead, it is registered in the same commit,
    /// and is in the answer.
    pub fn record_visit(&self, report: VisitReport) -> Unsigned<'e, Answer> {
        self.ask(What::RecordVisit(Box::new(report)))
    }

    /// Takes a lead in.
    pub fn register(&self, lead: NewLead) -> Unsigned<'e, Lead> {
        self.ask(What::Register(Box::new(lead)))
    }

    /// Lets a pool choose the lead's owner.
    pub fn assign(&self, lead: LeadId, pool: impl Into<Name>) -> Unsigned<'e, Lead> {
        self.order(lead, LeadOrder::Assign { pool: pool.into() })
    }

    /// Gives the lead to this agent.
    pub fn reassign(&self, lead: LeadId, to: impl Into<AgentId>) -> Unsigned<'e, Lead> {
        self.order(lead, LeadOrder::Reassign { to: to.into() })
    }

    /// Records that contact was tried, in vain.
    pub fn tried(&self, lead: LeadId) -> Unsigned<'e, Lead> {
        self.order(lead, LeadOrder::Attempt { reached: false })
    }

    /// Records that the contact was reached.
    pub fn reached(&self, lead: LeadId) -> Unsigned<'e, Lead> {
        self.order(lead, LeadOrder::Attempt { reached: true })
    }

    /// Records that the contact answered.
    pub fn answered(&self, lead: LeadId) -> Unsigned<'e, Lead> {
        self.order(lead, LeadOrder::Answered)
    }

    /// Records an activity of the playbook's.
    pub fn record(&self, lead: LeadId, activity: impl Into<Name>) -> Unsigned<'e, Lead> {
        self.order(
            lead,
            LeadOrder::Record {
                activity: activity.into(),
                fields: Vec::new(),
            },
        )
    }

    /// Records an activity together with the fields that it asks for.
    pub fn record_with(
        &self,
        lead: LeadId,
        activity: impl Into<Name>,
        fields: impl IntoIterator<Item = (Name, Value)>,
    ) -> Unsigned<'e, Lead> {
        let fields = fields.into_iter();
        self.order(
            lead,
            LeadOrder::Record {
                activity: activity.into(),
                fields: fields.map(|(name, value)| (name, Some(value))).collect(),
            },
        )
    }

    /// Moves the lead to another stage.
    pub fn move_to(&self, lead: LeadId, stage: impl Into<Name>) -> Unsigned<'e, Lead> {
        self.order(
            lead,
            LeadOrder::MoveTo {
                stage: stage.into(),
                reason: None,
                wait: None,
            },
        )
    }

    /// Moves the lead to a stage where leads wait, in a wait group.
    pub fn let_wait(
        &self,
        lead: LeadId,
        stage: impl Into<Name>,
        wait: Waiting,
    ) -> Unsigned<'e, Lead> {
        self.order(
            lead,
            LeadOrder::MoveTo {
                stage: stage.into(),
                reason: None,
                wait: Some(wait),
            },
        )
    }

    /// Ends the lead in a final stage, for a reason.
    pub fn close(
        &self,
        lead: LeadId,
        stage: impl Into<Name>,
        reason: impl Into<SmolStr>,
    ) -> Unsigned<'e, Lead> {
        self.order(
            lead,
            LeadOrder::Close {
                stage: stage.into(),
                reason: Some(reason.into()),
            },
        )
    }

    /// Takes up again what was closed.
    pub fn reopen(&self, lead: LeadId, stage: impl Into<Name>) -> Unsigned<'e, Lead> {
        self.order(
            lead,
            LeadOrder::Reopen {
                stage: stage.into(),
                wait: None,
            },
        )
    }

    /// Stops the lead's clocks.
    pub fn hold(&self, lead: LeadId, hold: impl Into<Name>) -> Unsigned<'e, Lead> {
        self.order(lead, LeadOrder::Hold { hold: hold.into() })
    }

    /// Lets the lead's clocks go on.
    pub fn release(&self, lead: LeadId, hold: impl Into<Name>) -> Unsigned<'e, Lead> {
        self.order(lead, LeadOrder::Release { hold: hold.into() })
    }

    /// Gives a field a value.
    pub fn set(
        &self,
        lead: LeadId,
        field: impl Into<Name>,
        value: impl Into<Value>,
    ) -> Unsigned<'e, Lead> {
        self.order(
            lead,
            LeadOrder::SetFields {
                fields: vec![(field.into(), Some(value.into()))],
            },
        )
    }

    /// Completes an open task, with a choice where it asks for one.
    pub fn complete(
        &self,
        lead: LeadId,
        task: impl Into<Name>,
        choice: Option<Name>,
    ) -> Unsigned<'e, Lead> {
        let mut completion = Completion::new(task);
        completion.choice = choice;
        self.complete_with(lead, completion)
    }

    /// Completes an open task, with what its choice asks for.
    pub fn complete_with(&self, lead: LeadId, completion: Completion) -> Unsigned<'e, Lead> {
        self.order(lead, LeadOrder::Complete(Box::new(completion)))
    }

    /// Makes a quote for the lead, or a new version of it.
    pub fn make_quote(&self, lead: LeadId, quote: NewQuote) -> Unsigned<'e, Lead> {
        self.order(lead, LeadOrder::MakeQuote(Box::new(quote)))
    }

    /// Records that the customer accepted this version of the quote.
    pub fn accept_quote(&self, lead: LeadId, version: u32) -> Unsigned<'e, Lead> {
        self.order(lead, LeadOrder::AcceptQuote { version })
    }

    /// Records that the customer declined this version of the quote, for a reason.
    pub fn decline_quote(
        &self,
        lead: LeadId,
        version: u32,
        reason: impl Into<SmolStr>,
    ) -> Unsigned<'e, Lead> {
        let reason = Some(reason.into());
        self.order(lead, LeadOrder::DeclineQuote { version, reason })
    }

    /// Books an appointment with the lead's owner. With somebody else it is
    /// [`LeadOrder::Book`] through [`TenantHandle::order`].
    pub fn book(
        &self,
        lead: LeadId,
        appointment: impl Into<Name>,
        at: Instant,
    ) -> Unsigned<'e, Lead> {
        let appointment = appointment.into();
        let with = None;
        self.order(
            lead,
            LeadOrder::Book {
                appointment,
                at,
                with,
            },
        )
    }

    /// Moves the open appointment of this kind.
    pub fn move_appointment(
        &self,
        lead: LeadId,
        appointment: impl Into<Name>,
        to: Instant,
    ) -> Unsigned<'e, Lead> {
        let appointment = appointment.into();
        self.order(lead, LeadOrder::MoveAppointment { appointment, to })
    }

    /// Records what became of the open appointment of this kind.
    pub fn end_appointment(
        &self,
        lead: LeadId,
        appointment: impl Into<Name>,
        how: Became,
    ) -> Unsigned<'e, Lead> {
        let appointment = appointment.into();
        self.order(lead, LeadOrder::EndAppointment { appointment, how })
    }

    /// Records what is said of the last appointment of this kind that was held.
    pub fn give_feedback(
        &self,
        lead: LeadId,
        appointment: impl Into<Name>,
        says: impl Into<SmolStr>,
    ) -> Unsigned<'e, Lead> {
        let (appointment, says) = (appointment.into(), says.into());
        self.order(lead, LeadOrder::GiveFeedback { appointment, says })
    }

    /// Attaches a document of the playbook's, or a new version of it.
    pub fn attach(
        &self,
        lead: LeadId,
        document: impl Into<Name>,
        file: NewDocument,
    ) -> Unsigned<'e, Lead> {
        let (document, file) = (document.into(), Box::new(file));
        self.order(lead, LeadOrder::Attach { document, file })
    }

    /// The lead's contact wants no more marketing, on any lead. None goes to its address, whoever has it.
    pub fn unsubscribe(&self, lead: LeadId) -> Unsigned<'e, Lead> {
        self.order(lead, LeadOrder::Unsubscribe)
    }

    /// Corrects what is known of the lead's contact, on all the contact's leads.
    pub fn correct_contact(&self, lead: LeadId, correction: Correction) -> Unsigned<'e, Lead> {
        self.order(lead, LeadOrder::CorrectContact(correction))
    }

    /// Notes the e-mail address that was given with a later step. The first one stays the contact's, and
    /// the answer tells if this is another one (`contact_differs`).
    pub fn give_email(&self, lead: LeadId, email: impl Into<SmolStr>) -> Unsigned<'e, Answer> {
        let email = email.into();
        let order = LeadOrder::GiveEmail { email };
        self.ask(What::Lead { lead, order })
    }

    /// Merges a contact into another one, which stands for both from now on. Nothing is lost: its leads,
    /// messages and identities are the other's, until the merge is taken back.
    pub fn merge(&self, into: ContactId, from: ContactId) -> Unsigned<'e, ()> {
        self.ask(What::MergeContacts { into, from })
    }

    /// Takes a merge back. What happened since stays with the contact that stood for both.
    pub fn unmerge(&self, contact: ContactId) -> Unsigned<'e, ()> {
        self.ask(What::UnmergeContact { contact })
    }

    /// Says of two contacts that share something that they are two persons: none is told as a possible
    /// duplicate of the other any more. Merging them says otherwise.
    pub fn distinguish(&self, one: ContactId, other: ContactId) -> Unsigned<'e, ()> {
        self.ask(What::DistinguishContacts { one, other })
    }

    /// Tries again what was set aside.
    pub fn retry(&self, lead: LeadId) -> Unsigned<'e, Lead> {
        self.order(lead, LeadOrder::Retry)
    }

    /// Starts a command that goes through many leads.
    pub fn sweep(&self, sweep: NewSweep) -> Unsigned<'e, Answer> {
        self.ask(What::StartSweep(Box::new(sweep)))
    }

    /// Tries a sweep again that was set aside.
    pub fn retry_sweep(&self, sweep: SweepId) -> Unsigned<'e, ()> {
        let order = SweepOrder::Retry;
        self.ask(What::Sweep { sweep, order })
    }

    /// Ends a sweep where it is, also one that would come again.
    pub fn cancel_sweep(&self, sweep: SweepId) -> Unsigned<'e, ()> {
        let order = SweepOrder::Cancel;
        self.ask(What::Sweep { sweep, order })
    }

    /// Says what became of a message that is in doubt, withdraws one that is queued, or tries
    /// again one that was set aside.
    pub fn settle(&self, message: MessageId, fate: Fate) -> Unsigned<'e, ()> {
        self.ask(What::SettleMessage { message, fate })
    }

    /// Makes the engine's playbook the tenant's active one; the leads are taken over by a sweep.
    ///
    /// Where it is the active one already nothing happens, unless stages are mapped or leads
    /// refused to be taken over: those are tried again.
    ///
    /// Refused while a stage that holds leads would vanish without a mapping.
    pub fn adopt(&self, stages: Vec<StageMapping>) -> Unsigned<'e, Answer> {
        // Of a tenant that the engine doesn't know, the command tells.
        let known = self.engine.playbooks(&self.tenant);
        let playbook = known.map_or_else(|_| Name::from(""), |known| known.current.hash.clone());
        self.ask(What::Adopt(Box::new(Adoption {
            playbook,
            stages,
            occupied: None,
        })))
    }

    /// A lead, as it is.
    ///
    /// # Errors
    /// When the store fails or the record can't be read.
    pub async fn lead(&self, id: LeadId) -> Result<Option<Lead>, Error> {
        self.engine.lead(&self.tenant, id).await
    }

    /// A lead's history, what is due for it next, and for each rule how it stands. Of a long
    /// history the newest [`Past::NEWEST`] entries are told, and how many are older.
    ///
    /// # Errors
    /// When there is no such lead, or its history can't be read.
    pub async fn explain(&self, id: LeadId) -> Result<Explanation, Error> {
        self.explain_newest(id, Past::NEWEST).await
    }

    /// The same, with so many entries of its history.
    ///
    /// # Errors
    /// As [`TenantHandle::explain`].
    pub async fn explain_newest(&self, id: LeadId, newest: u32) -> Result<Explanation, Error> {
        self.engine.explain(&self.tenant, id, newest).await
    }
}
