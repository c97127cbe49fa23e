//! Whether what a step expects came true, and why not.

use smol_str::SmolStr;

use super::contacts;
use super::expect::Expected;
use super::told::{Told, Who, moment};
use super::visits::ExpectedVisits;
use super::world::World;
use crate::agenda::task_due_at;
use crate::decide::refusal::Refusal;
use crate::engine::{Duplicate, Error};
use crate::explain::Explanation;
use crate::mailer::Outgoing;
use crate::record::lead::{Because, How};
use crate::record::message::{Message, Recipient, State};
use crate::record::{Lead, VisitPlan};
use crate::time::Instant;
use crate::value::{Value, folded_eq};

/// What happened in a step, as far as expectations ask for it.
pub(super) struct Happened<'a> {
    pub(super) world: &'a World,
    pub(super) lead: Option<&'a Lead>,
    pub(super) error: Option<&'a Error>,
    pub(super) already_done: bool,
    /// All messages about the lead, as they are now.
    pub(super) messages: &'a [Message],
    /// What was handed over about the lead since the last step that spoke of it.
    pub(super) sent: &'a [Sent],
    pub(super) explained: Option<&'a Explanation>,
    /// The answers to [`Expected::Count`], in order.
    pub(super) counts: &'a [u64],
    /// The plans of the visits that expectations name.
    pub(super) plans: &'a [VisitPlan],
    /// The leads of the refs that expectations name.
    pub(super) others: &'a [(SmolStr, Lead)],
    /// The possible duplicates of the lead's contact, where expectations ask for them.
    pub(super) duplicates: &'a [Duplicate],
}

/// A message that was handed over.
pub(super) struct Sent {
    pub(super) to: Recipient,
    pub(super) mail: Outgoing,
}

impl Expected {
    /// Why it did not come true; nothing if it did.
    pub(super) fn unmet(
        &self,
        happened: &Happened<'_>,
        count: &mut std::slice::Iter<'_, u64>,
    ) -> Option<String> {
        match self {
            Self::Refused(codes) => return refused(codes, happened.error),
            Self::RefusalSays(part) => {
                let said = happened.error.map(ToString::to_string);
                return lacks("the refusal", said, part);
            }
            Self::AlreadyDone(wanted) => {
                return differ("already done", *wanted, happened.already_done);
            }
            Self::Notified(whom) => return differ("notified", sorted(whom), notified(happened)),
            Self::Mailed(templates) => {
                return differ("mailed", sorted(templates), mailed(happened));
            }
            Self::MailedAs(agent) => {
                let last = happened.sent.last();
                let found = last.map(|sent| sent.mail.from.email.as_str().into());
                let email = happened.world.email_of(agent);
                let wanted = email.map_or_else(|| agent.clone(), SmolStr::from);
                return differ("mailed as", Some(wanted), found);
            }
            Self::MailSays(part) => {
                let mails = happened.sent.iter().map(|sent| &sent.mail.rendered);
                let mails = mails.map(|mail| format!("{}\n{}", mail.subject, mail.text));
                let said = mails.collect::<Vec<_>>().join("\n\n");
                return lacks("the mail", (!said.is_empty()).then_some(said), part);
            }
            Self::History(part) => {
                let told = happened.explained.map(|told| format!("{told:#}"));
                return lacks("the history", told, part)
                    .map(|_| format!("the history should say {}", part.told()));
            }
            Self::Silent(parts) => {
                let told = happened.explained.map(|told| format!("{told:#}"));
                let said = parts.iter().find(|part| {
                    told.as_ref()
                        .is_some_and(|told| told.contains(part.as_str()))
                });
                return said.map(|part| format!("the history should not say {}", part.told()));
            }
            Self::Queued(template, wanted) => {
                let zone = &happened.world.playbook().zone;
                let waits = happened.messages.iter().rev().find_map(|message| {
                    let State::Queued { not_before } = message.state else {
                        return None;
                    };
                    (message.template == **template).then_some(not_before)
                });
                let (wanted, found) = (moment(zone, *wanted), waits.map(|at| moment(zone, at)));
                return differ(&format!("{template} waits until"), Some(wanted), found);
            }
            Self::Dropped(template, wanted) => {
                let found = dropped(happened, template);
                let wanted = Some(wanted.as_str());
                return differ(&format!("{template} dropped"), wanted, found.as_deref());
            }
            // What fails is told of by itself.
            Self::Fails(_) => return None,
            Self::Visits(expected) => return expected.unmet(happened.plan(expected)),
            Self::Count(condition, wanted) => {
                let found = count.next().copied().unwrap_or(0);
                let wanted = u64::try_from(*wanted).unwrap_or(0);
                return differ(&format!("count of `{condition}`"), wanted, found);
            }
            _ => {}
        }
        match happened.lead {
            Some(lead) => self.unmet_by(lead, happened),
            None => Some("there is no lead to look at".into()),
        }
    }

    fn unmet_by(&self, lead: &Lead, happened: &Happened<'_>) -> Option<String> {
        let playbook = happened.world.playbook();
        let told = |at: Instant| moment(&playbook.zone, at);
        let owner = lead.owner_id().map(|owner| owner.as_str());
        match self {
            Self::Owner(wanted) => differ("owner", Who(Some(wanted)), Who(owner)),
            Self::NoOwner => differ("owner", Who(None), Who(owner)),
            Self::Stage(wanted) => differ("stage", wanted.as_str(), lead.stage.as_str()),
            Self::Pipeline(wanted) => differ("pipeline", wanted.as_str(), lead.pipeline.as_str()),
            Self::Open(wanted) => differ("open", *wanted, lead.is_open()),
            Self::Outcome(wanted) => {
                let closed = lead.closed.as_ref();
                let outcome = closed.map(|closed| closed.outcome.as_str());
                differ("outcome", Some(wanted.as_str()), outcome)
            }
            Self::Tasks(wanted) => {
                let open = lead.tasks.iter().filter(|task| task.ended.is_none());
                let open: Vec<SmolStr> = open.map(|task| task.name.as_str().into()).collect();
                differ("open tasks", sorted(wanted), sorted(&open))
            }
            Self::Due(task, wanted) => {
                let mut open = lead.tasks.iter().filter(|open| open.ended.is_none());
                let found = open.find(|open| task.as_ref().is_none_or(|task| open.name == **task));
                let due_at = found.and_then(|open| {
                    task_due_at(playbook.task(&open.name)?, open, lead)
                        .ok()
                        .flatten()
                });
                differ("due", Some(told(*wanted)), due_at.map(told))
            }
            Self::ServiceLevel(name, wanted) => differ(
                &format!("sla {name}"),
                wanted.as_str(),
                service_level(lead, name),
            ),
            Self::TaskFor(name, wanted) => {
                let found = lead.open_task(&name.as_str().into());
                let found = found.map(|task| SmolStr::from(task.assignee.to_string()));
                differ(&format!("task {name} is for"), Some(wanted.clone()), found)
            }
            Self::Reassignments(wanted) => {
                differ("reassignments", *wanted, i64::from(lead.reassignments))
            }
            Self::NextAt(wanted) => {
                let found = crate::agenda::wakes_at(playbook, lead);
                differ("next due", Some(told(*wanted)), found.map(told))
            }
            Self::NothingDue => differ(
                "next due",
                None,
                crate::agenda::wakes_at(playbook, lead).map(told),
            ),
            Self::WaitDays(wanted) => differ(
                "wait days",
                Some(*wanted),
                lead.wait.as_ref().map(|wait| i64::from(wait.wait_days)),
            ),
            Self::Field(name, wanted) => {
                let found = lead
                    .fields
                    .iter()
                    .find(|(known, _)| **known == **name)
                    .map(|(_, value)| value.clone());
                let field = playbook.fields.iter().find(|field| field.name == **name);
                let kept = |wanted: &Value| field.and_then(|field| field.accept(wanted).ok());
                let wanted = wanted.as_ref();
                let wanted = wanted.map(|wanted| kept(wanted).unwrap_or_else(|| wanted.clone()));
                differ(&format!("field {name}"), wanted, found)
            }
            Self::Contact(expected) => expected.unmet(lead),
            Self::Duplicates(wanted) => contacts::unmet_duplicates(wanted, happened),
            Self::Quote(expected) => expected.unmet(lead, playbook),
            Self::Documents(kind, wanted) => {
                let current = lead.document(&kind.as_str().into());
                let found = current.map_or(0, |current| i64::from(current.version));
                differ(&format!("document {kind}"), *wanted, found)
            }
            Self::Appointment(kind, expected) => expected.unmet(kind, lead, playbook),
            Self::Referrer(wanted) => {
                let found = lead.referrer().map(|referrer| referrer.as_str());
                differ("referrer", Who(Some(wanted)), Who(found))
            }
            Self::Reward(wanted) => {
                let found = lead.reward().map(|reward| reward.amount.to_string());
                let found = found.map_or_else(|| "none".into(), SmolStr::from);
                differ("reward", wanted.clone(), found)
            }
            _ => self.unmet_by_ownership(lead, happened),
        }
    }

    fn unmet_by_ownership(&self, lead: &Lead, happened: &Happened<'_>) -> Option<String> {
        match self {
            Self::Ranked(wanted) => {
                let found = match lead.owner.as_ref().map(|owner| &owner.because) {
                    Some(Because::Chosen(reasons)) => reasons
                        .ranked
                        .iter()
                        .map(|ranked| ranked.agent.as_str().into())
                        .collect(),
                    _ => Vec::new(),
                };
                differ("ranked", wanted.clone(), found)
            }
            Self::PassedOver(agent, wanted) => {
                let found = match lead.owner.as_ref().map(|owner| &owner.because) {
                    Some(Because::Chosen(reasons)) => reasons
                        .passed_over
                        .iter()
                        .find(|(passed_over, _)| *passed_over.as_str() == **agent)
                        .map(|(_, why)| why.as_str()),
                    _ => None,
                };
                differ(
                    &format!("{agent} passed over"),
                    Some(wanted.as_str()),
                    found,
                )
            }
            Self::EarlierOwners(wanted) => {
                let found = lead.earlier_owners.iter();
                let found = found.map(|agent| agent.as_str().into()).collect();
                differ("earlier owners", wanted.clone(), found)
            }
            Self::SameLeadAs(other) => {
                let found = happened.other(other);
                let is_other = found.is_none_or(|found| found.id != lead.id);
                is_other
                    .then(|| format!("expected the same lead as {}, found another", other.told()))
            }
            Self::SameContactAs(other) => {
                let found = happened.other(other);
                let is_other = found.is_none_or(|found| found.contact.id != lead.contact.id);
                is_other.then(|| format!("expected the contact of {}, found another", other.told()))
            }
            _ => None,
        }
    }
}

pub(super) fn differ<T: PartialEq + Told>(what: &str, wanted: T, found: T) -> Option<String> {
    let told = || format!("{what}: expected {}, found {}", wanted.told(), found.told());
    (wanted != found).then(told)
}

fn sorted(texts: &[SmolStr]) -> Vec<SmolStr> {
    let mut texts = texts.to_vec();
    texts.sort_unstable();
    texts
}

fn refused(codes: &[SmolStr], error: Option<&Error>) -> Option<String> {
    let Some(Error::Refused(refusal)) = error else {
        return Some(match error {
            Some(error) => format!("should be refused; failed otherwise: {error}"),
            None => "should be refused; was carried out".into(),
        });
    };
    let found = sorted(&names_of(refusal));
    let wanted = sorted(codes);
    let by_code = wanted.len() == 1 && wanted[0] == refusal.code();
    (wanted != found && !by_code).then(|| {
        format!(
            "refused: expected {}, found {} ({refusal})",
            wanted.told(),
            found.told()
        )
    })
}

fn names_of(refusal: &Refusal) -> Vec<SmolStr> {
    let missing: Vec<SmolStr> = refusal.missing().map(|name| name.as_str().into()).collect();
    if missing.is_empty() {
        vec![refusal.code().into()]
    } else {
        missing
    }
}

/// How a service level stands: by its last opening that came to an end, or open.
fn service_level(lead: &Lead, name: &str) -> &'static str {
    let last = lead.tasks.iter().rev().find(|task| task.name == *name);
    match last.map(|task| task.ended.as_ref()) {
        None => "none",
        Some(None) => "open",
        Some(Some(ended)) if ended.kept() => "kept",
        Some(Some(ended)) if ended.how == How::Dropped => "none",
        Some(Some(_)) => "broken",
    }
}

fn mailed(happened: &Happened<'_>) -> Vec<SmolStr> {
    let to_contact = happened
        .sent
        .iter()
        .filter(|sent| matches!(sent.to, Recipient::Contact(_)));
    let templates: Vec<SmolStr> = to_contact
        .map(|sent| sent.mail.template.as_str().into())
        .collect();
    sorted(&templates)
}

/// Whom agents' messages went to, by role: who is told is a matter of roles.
fn notified(happened: &Happened<'_>) -> Vec<SmolStr> {
    let told = happened.sent.iter().filter_map(|sent| match &sent.to {
        Recipient::Agent(agent) => Some(happened.world.role_or_id(agent)),
        Recipient::Contact(_) => None,
    });
    let mut told: Vec<SmolStr> = told.collect();
    told.sort_unstable();
    told.dedup();
    told
}

/// Why the message of a template was dropped whose state changed last, or why the last one was not
/// queued to begin with.
fn dropped(happened: &Happened<'_>, template: &str) -> Option<SmolStr> {
    let of_template = happened
        .messages
        .iter()
        .filter(|message| message.template == *template);
    let last = of_template.max_by_key(|message| message.state_since);
    if let Some(State::Dropped(because)) = last.map(|message| &message.state) {
        return Some(because.as_str().into());
    }
    let not_queued = format!("message {template} not sent: ");
    let mut lines = happened.explained?.history.iter().rev();
    lines
        .find_map(|line| line.what.strip_prefix(not_queued.as_str()))
        .map(SmolStr::from)
}

fn lacks(what: &str, said: Option<String>, part: &str) -> Option<String> {
    let says = said.as_ref().is_some_and(|said| said.contains(part));
    let told = || match &said {
        Some(said) => format!(
            "{what} should say {}; it says:\n{}",
            part.told(),
            said.trim_end()
        ),
        None => format!("{what} should say {}; there is none", part.told()),
    };
    (!says).then(told)
}

impl Happened<'_> {
    fn plan(&self, of: &ExpectedVisits) -> Option<&VisitPlan> {
        let mut plans = self.plans.iter();
        plans.find(|plan| plan.week == of.week && folded_eq(&plan.zone, &of.zone))
    }

    pub(super) fn other(&self, reference: &str) -> Option<&Lead> {
        let found = self.others.iter().find(|(known, _)| known == reference);
        found.map(|(_, lead)| lead)
    }
}
