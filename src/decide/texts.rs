//! What people type, before anything is decided about it: no character that hides in a list, breaks
//! a line of it, or turns its direction round.
//!
//! Names come to be read in boards, mails, logs and terminals that are not ours. What no keyboard
//! types there was put there by a broken export, or to pass for somebody else.

use std::borrow::Borrow;

use crate::decide::command::{
    Actor, AgentSetup, Command, LeadOrder, Leaving, NewLead, NewQuote, NewVisitPlan, What,
};
use crate::decide::refusal::{Gaps, Problem, Refusal};
use crate::ids::Name;
use crate::letters::{hidden_in_line, hidden_in_text, is_blank};
use crate::value::Value;

/// Refuses a command in which a text holds what can't stand there; all of them at once.
pub(crate) fn check(command: &Command) -> Result<(), Refusal> {
    let mut texts = Texts::default();
    texts.line("tenant", command.tenant.as_str());
    texts.of_actor(&command.actor);
    match &command.what {
        What::SetUpAgent(setup) => texts.of_agent(setup),
        What::Leave(leaving) => texts.of_leaving(leaving),
        What::Register(new) => texts.of_lead(new),
        What::Lead { order, .. } => texts.of_order(order),
        What::StartSweep(new) => {
            texts.line("sweep", new.name.as_str());
            texts.of_order(&new.order);
        }
        What::PlanVisits(plan) => texts.of_plan(plan),
        What::RecordVisit(report) => {
            texts.line("zone", &report.zone);
            if let Some(lead) = &report.lead {
                texts.of_lead(lead);
            }
        }
        What::TellReferralCode { agent } => texts.line("agent", agent.as_str()),
        What::Begin
        | What::Adopt(_)
        | What::MergeContacts { .. }
        | What::UnmergeContact { .. }
        | What::DistinguishContacts { .. }
        | What::SettleMessage { .. }
        | What::Sweep { .. } => {}
    }
    texts.gaps.told()
}

/// The texts of a command, each in turn.
#[derive(Default)]
struct Texts {
    gaps: Gaps,
}

impl Texts {
    /// Nobody acts unnamed.
    fn of_actor(&mut self, actor: &Actor) {
        let name = match actor {
            Actor::Agent(agent) | Actor::Import(agent) => agent.as_str(),
            Actor::Host(name) => name,
            Actor::Rule(_) | Actor::Sweep { .. } => return,
        };
        if is_blank(name) {
            self.gaps.add("by", Problem::NamesNobody);
        }
        self.line("by", name);
    }

    fn of_agent(&mut self, setup: &AgentSetup) {
        self.line("agent", &setup.agent);
        self.maybe("name", setup.name.as_ref());
        self.maybe("phone", setup.phone.as_ref());
        self.maybe("role", setup.role.as_ref());
        self.maybe("team", setup.team.as_ref());
        self.maybe("hours", setup.hours.as_ref());
        for (input, texts) in [
            ("cities", &setup.cities),
            ("zones", &setup.zones),
            ("skills", &setup.skills),
        ] {
            for text in texts.iter().flatten() {
                self.line(input, text);
            }
        }
    }

    fn of_leaving(&mut self, leaving: &Leaving) {
        self.line("agent", leaving.agent.as_str());
        self.line("to", leaving.to.as_str());
        for (pipeline, heir) in &leaving.in_pipelines {
            self.line("in", pipeline.as_str());
            self.line("in", heir.as_str());
        }
        self.maybe("else", leaving.otherwise.as_ref());
    }

    fn of_lead(&mut self, new: &NewLead) {
        self.line("name", &new.name);
        self.maybe("phone", new.phone.as_ref());
        self.maybe("owner", new.owner.as_ref());
        self.maybe("referral", new.referral.as_ref());
        for (field, value) in &new.fields {
            self.value(field, Some(value));
        }
    }

    fn of_plan(&mut self, plan: &NewVisitPlan) {
        self.line("zone", &plan.zone);
        for (visit, number) in plan.visits.iter().zip(1..) {
            self.line(&format!("visits.{number}.visitor"), visit.visitor.as_str());
            self.line(&format!("visits.{number}.place"), &visit.place);
        }
    }

    fn of_order(&mut self, order: &LeadOrder) {
        match order {
            LeadOrder::GiveEmail { email } => self.line("email", email),
            LeadOrder::Reassign { to } => self.line("to", to.as_str()),
            LeadOrder::Book { with, .. } => self.maybe("with", with.as_ref()),
            LeadOrder::GiveFeedback { says, .. } => self.paragraph("says", says),
            LeadOrder::Attach { file, .. } => {
                self.line("name", &file.name);
                self.line("uri", &file.uri);
                self.maybe("media-type", file.media_type.as_ref());
            }
            LeadOrder::Succeed(leaving) => self.of_leaving(leaving),
            LeadOrder::MoveTo { reason, .. }
            | LeadOrder::Close { reason, .. }
            | LeadOrder::DeclineQuote { reason, .. } => {
                if let Some(reason) = reason {
                    self.paragraph("reason", reason);
                }
            }
            LeadOrder::SetFields { fields } | LeadOrder::Record { fields, .. } => {
                for (field, value) in fields {
                    self.value(field, value.as_ref());
                }
            }
            LeadOrder::Complete(completion) => {
                for (field, value) in &completion.fields {
                    self.value(field, value.as_ref());
                }
                if let Some(reason) = &completion.reason {
                    self.paragraph("reason", reason);
                }
            }
            LeadOrder::CorrectContact(correction) => {
                self.maybe("name", correction.name.as_ref());
                self.maybe("phone", correction.phone.as_ref());
            }
            LeadOrder::MakeQuote(quote) => self.of_quote(quote),
            // Names of the playbook, which knows them or doesn't.
            LeadOrder::Assign { .. }
            | LeadOrder::Reopen { .. }
            | LeadOrder::Hold { .. }
            | LeadOrder::Release { .. }
            | LeadOrder::MoveAppointment { .. }
            | LeadOrder::EndAppointment { .. }
            | LeadOrder::Adopt { .. } => {}
            LeadOrder::Attempt { .. }
            | LeadOrder::Answered
            | LeadOrder::Unsubscribe
            | LeadOrder::Retry
            | LeadOrder::FollowOwner
            | LeadOrder::AcceptQuote { .. } => {}
        }
    }

    fn of_quote(&mut self, quote: &NewQuote) {
        for (line, number) in quote.lines.iter().zip(1..) {
            if let Some(text) = &line.text {
                self.paragraph(&format!("lines.{number}.text"), text);
            }
        }
        if let Some(terms) = &quote.terms {
            self.paragraph("terms", terms);
        }
    }

    fn value(&mut self, field: &Name, value: Option<&Value>) {
        if let Some(Value::Text(text)) = value {
            self.paragraph(field.as_str(), text);
        }
    }

    fn maybe(&mut self, input: &str, text: Option<&impl Borrow<str>>) {
        if let Some(text) = text {
            self.line(input, text.borrow());
        }
    }

    /// A text of one line.
    fn line(&mut self, input: &str, text: &str) {
        self.without(input, hidden_in_line(text));
    }

    /// A text that may have several lines.
    fn paragraph(&mut self, input: &str, text: &str) {
        self.without(input, hidden_in_text(text));
    }

    fn without(&mut self, input: &str, refused: Option<(usize, char)>) {
        if let Some((_, character)) = refused {
            self.gaps.add(input, Problem::BadCharacter { character });
        }
    }
}
