//! What a step can expect, and whether it came true.

use smol_str::SmolStr;

use super::appointments::{self, ExpectedAppointment};
use super::contacts::{self, ExpectedContact};
use super::names::Names;
use super::quotes::{self, ExpectedQuote};
use super::read::instant;
use super::told::{Told, Who, moment};
use super::visits::{self, ExpectedVisits};
use super::world::World;
use crate::agenda::task_due_at;
use crate::decide::refusal::Refusal;
use crate::engine::{Duplicate, Error};
use crate::explain::Explanation;
use crate::mailer::Outgoing;
use crate::playbook::read::{Node, Section};
use crate::record::lead::{Because, How};
use crate::record::message::{Message, Recipient, State};
use crate::record::{Lead, VisitPlan};
use crate::time::Instant;
use crate::value::{Value, folded_eq};

/// Something that a step expects.
#[derive(Clone, Debug)]
pub enum Expected {
    /// The lead's owner.
    Owner(SmolStr),
    /// Nobody owns it.
    NoOwner,
    /// The lead's stage.
    Stage(SmolStr),
    /// The lead's pipeline.
    Pipeline(SmolStr),
    /// Whether it is open.
    Open(bool),
    /// How it ended.
    Outcome(SmolStr),
    /// The names of its open tasks, all of them.
    Tasks(Vec<SmolStr>),
    /// Who is to do its open task of this name: `owner`, a role, `team:NAME`, or an agent.
    TaskFor(SmolStr, SmolStr),
    /// The deadline of its open task; of the named one, if there are several.
    Due(Option<SmolStr>, Instant),
    /// How a service level stands: open, kept, broken.
    ServiceLevel(SmolStr, SmolStr),
    /// The refusal's code, or the names of what is missing, all of them.
    Refused(Vec<SmolStr>),
    /// A part of what the refusal says.
    RefusalSays(SmolStr),
    /// Whether the command had been carried out before, under the same id.
    AlreadyDone(bool),
    /// The roles of the agents who were told something about the lead, all of them.
    Notified(Vec<SmolStr>),
    /// The templates of the messages that the contact got about the lead, all of them.
    Mailed(Vec<SmolStr>),
    /// In whose name the last of them came.
    MailedAs(SmolStr),
    /// A part of the subject or the text of the last of them.
    MailSays(SmolStr),
    /// The message of this template that waits, and until when.
    Queued(SmolStr, Instant),
    /// Why the last message of this template was not sent.
    Dropped(SmolStr, SmolStr),
    /// The agents in the order in which the pool ranked them.
    Ranked(Vec<SmolStr>),
    /// Why the pool passed an agent over.
    PassedOver(SmolStr, SmolStr),
    /// Who owned the lead before, the latest last.
    EarlierOwners(Vec<SmolStr>),
    /// How often the lead was reassigned.
    Reassignments(i64),
    /// It is the very lead that was registered under another `ref`.
    SameLeadAs(SmolStr),
    /// Its contact is that of the lead of another `ref`.
    SameContactAs(SmolStr),
    /// What is known of its contact.
    Contact(ExpectedContact),
    /// The leads of the contacts that are possibly the same person as its contact, all of them.
    Duplicates(Vec<SmolStr>),
    /// When something is due next.
    NextAt(Instant),
    /// Nothing is due.
    NothingDue,
    /// The lead's own wait.
    WaitDays(i64),
    /// A field's value.
    Field(SmolStr, Value),
    /// A part of a line of the lead's explained history.
    History(SmolStr),
    /// Parts that no line of its history says.
    Silent(Vec<SmolStr>),
    /// Something of its quote.
    Quote(ExpectedQuote),
    /// How it stands with its appointments of a kind.
    Appointment(SmolStr, ExpectedAppointment),
    /// Who referred it.
    Referrer(SmolStr),
    /// What its referrer was rewarded with: `20.00 USD`, or `none`.
    Reward(SmolStr),
    /// The current version of a document; 0, if there is none.
    Documents(SmolStr, i64),
    /// How the visits of a zone in a week stand.
    Visits(ExpectedVisits),
    /// How many leads there are for which a condition holds.
    Count(SmolStr, i64),
}

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

/// A word, and the expectation that it makes of its value.
type Word<T> = (&'static str, fn(T) -> Expected);

/// The same for a table of values by name.
type NamedWord = (&'static str, fn(SmolStr, SmolStr) -> Expected);

pub(super) fn read(mut section: Section<'_>, names: &Names<'_>) -> Vec<Expected> {
    names.check_expected(&section);
    let mut expected = Vec::new();
    let texts: [Word<SmolStr>; 13] = [
        ("owner", Expected::Owner),
        ("stage", Expected::Stage),
        ("pipeline", Expected::Pipeline),
        ("outcome", Expected::Outcome),
        ("mailed-as", Expected::MailedAs),
        ("mail-says", Expected::MailSays),
        ("history", Expected::History),
        ("refusal-says", Expected::RefusalSays),
        ("referrer", Expected::Referrer),
        ("reward", Expected::Reward),
        ("same-lead-as", Expected::SameLeadAs),
        ("same-contact-as", Expected::SameContactAs),
        ("task", |task| Expected::Tasks(vec![task])),
    ];
    for (key, make) in texts {
        if let Some(node) = section.optional(key) {
            expected.extend(texts_in(&node).into_iter().map(make));
        }
    }
    let lists: [Word<Vec<SmolStr>>; 8] = [
        ("tasks", Expected::Tasks),
        ("refused", Expected::Refused),
        ("notified", Expected::Notified),
        ("mailed", Expected::Mailed),
        ("ranked", Expected::Ranked),
        ("earlier-owners", Expected::EarlierOwners),
        ("silent", Expected::Silent),
        ("duplicates", Expected::Duplicates),
    ];
    for (key, make) in lists {
        if let Some(node) = section.optional(key) {
            expected.push(make(texts_in(&node)));
        }
    }
    for (key, make) in [
        (
            "reassignments",
            Expected::Reassignments as fn(i64) -> Expected,
        ),
        ("wait-days", Expected::WaitDays),
    ] {
        expected.extend(
            section
                .optional(key)
                .and_then(|node| node.number(0..1_000_001))
                .map(make),
        );
    }
    read_others(&mut section, names, &mut expected);
    section.finish();
    expected
}

fn read_others(section: &mut Section<'_>, names: &Names<'_>, expected: &mut Vec<Expected>) {
    for (key, make) in [
        ("open", Expected::Open as fn(bool) -> Expected),
        ("already-done", Expected::AlreadyDone),
    ] {
        expected.extend(section.optional(key).and_then(|node| node.bool()).map(make));
    }
    if section.optional("no-owner").and_then(|node| node.bool()) == Some(true) {
        expected.push(Expected::NoOwner);
    }
    if section.optional("nothing-due").and_then(|node| node.bool()) == Some(true) {
        expected.push(Expected::NothingDue);
    }
    expected.extend(
        section
            .optional("next-at")
            .and_then(|node| instant(&node))
            .map(Expected::NextAt),
    );
    if let Some(node) = section.optional("due") {
        if node.is_table() {
            for (task, node) in keyed(&node) {
                expected.extend(instant(&node).map(|at| Expected::Due(Some(task.into()), at)));
            }
        } else {
            expected.extend(instant(&node).map(|at| Expected::Due(None, at)));
        }
    }
    let tables: [NamedWord; 3] = [
        ("task-for", Expected::TaskFor),
        ("dropped", Expected::Dropped),
        ("passed-over", Expected::PassedOver),
    ];
    for (key, make) in tables {
        for (name, node) in section
            .optional(key)
            .map(|node| keyed(&node))
            .unwrap_or_default()
        {
            expected.extend(node.text().map(|text| make(name.into(), text.into())));
        }
    }
    if let Some(node) = section.optional("queued") {
        for (template, node) in keyed(&node) {
            expected.extend(instant(&node).map(|at| Expected::Queued(template.into(), at)));
        }
    }
    if let Some(node) = section.optional("sla") {
        for (name, node) in keyed(&node) {
            let words = [
                ("open", "open"),
                ("kept", "kept"),
                ("broken", "broken"),
                ("none", "none"),
            ];
            expected.extend(
                node.word(&words)
                    .map(|word| Expected::ServiceLevel(name.into(), word.into())),
            );
        }
    }
    if let Some(node) = section.optional("fields") {
        for (name, node) in keyed(&node) {
            let value = names.value(&name, &node);
            expected.extend(value.map(|value| Expected::Field(name.into(), value)));
        }
    }
    if let Some(node) = section.optional("quote") {
        let of_quote = quotes::read_expected(&node).into_iter();
        expected.extend(of_quote.map(Expected::Quote));
    }
    for (kind, node) in section.optional("appointment").iter().flat_map(keyed) {
        let of_kind = appointments::read_expected(&node);
        expected.extend(of_kind.map(|of| Expected::Appointment(kind.into(), of)));
    }
    for (kind, node) in section.optional("documents").iter().flat_map(keyed) {
        let version = node.number(0..1_000_001);
        expected.extend(version.map(|version| Expected::Documents(kind.into(), version)));
    }
    let of_contact = section.optional("contact");
    let of_contact = of_contact.and_then(|node| contacts::read_expected(&node));
    expected.extend(of_contact.map(Expected::Contact));
    let of_visits = section.optional("visits");
    let of_visits = of_visits.and_then(|node| visits::read_expected(&node));
    expected.extend(of_visits.map(Expected::Visits));
    if let Some(node) = section.optional("count") {
        for (condition, node) in keyed(&node) {
            expected.extend(
                node.number(0..1_000_001)
                    .map(|count| Expected::Count(condition.into(), count)),
            );
        }
    }
}

fn keyed<'s>(node: &Node<'s>) -> Vec<(String, Node<'s>)> {
    node.section()
        .map(|section| section.keyed())
        .unwrap_or_default()
}

fn texts_in(node: &Node<'_>) -> Vec<SmolStr> {
    node.list()
        .iter()
        .filter_map(|node| Some(node.text()?.into()))
        .collect()
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
                let last = happened.sent.last().map(|sent| &sent.mail.rendered);
                let said = last.map(|text| format!("{}\n{}", text.subject, text.text));
                return lacks("the mail", said, part);
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
                return differ(&format!("{template} dropped"), Some(wanted.clone()), found);
            }
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
                let kept = field.and_then(|field| field.accept(wanted).ok());
                let wanted = kept.unwrap_or_else(|| wanted.clone());
                differ(&format!("field {name}"), Some(wanted), found)
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
