//! What a step can expect; whether it came true is told by [`super::unmet`].

use smol_str::SmolStr;

use super::appointments::{self, ExpectedAppointment};
use super::contacts::{self, ExpectedContact};
use super::names::Names;
use super::quotes::{self, ExpectedQuote};
use super::read::instant;
use super::visits::{self, ExpectedVisits};
use crate::playbook::fault::FaultKind;
use crate::playbook::read::{Node, Section};
use crate::record::message::DropReason;
use crate::record::pool::PassedOver;
use crate::time::Instant;
use crate::value::Value;

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
    /// In whose name the last message about the lead came.
    MailedAs(SmolStr),
    /// A part of the subject or the text of one of them, or of what agents were told.
    MailSays(SmolStr),
    /// The message of this template that waits, and until when.
    Queued(SmolStr, Instant),
    /// Why the last message of this template was not sent.
    Dropped(SmolStr, DropReason),
    /// The agents in the order in which the pool ranked them.
    Ranked(Vec<SmolStr>),
    /// Why the pool passed an agent over.
    PassedOver(SmolStr, PassedOver),
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
    /// A field's value; that it has none, if `None`.
    Field(SmolStr, Option<Value>),
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
    /// Parts of the errors with which rules, messages or sweeps fail.
    Fails(Vec<SmolStr>),
    /// How many leads there are for which a condition holds.
    Count(SmolStr, i64),
}

impl Expected {
    /// Whether it is about the lead of its step, and not about the command, the mail or all leads.
    pub(super) fn is_of_a_lead(&self) -> bool {
        !matches!(
            self,
            Self::Refused(_)
                | Self::RefusalSays(_)
                | Self::AlreadyDone(_)
                | Self::Notified(_)
                | Self::Mailed(_)
                | Self::MailedAs(_)
                | Self::MailSays(_)
                | Self::Visits(_)
                | Self::Fails(_)
                | Self::Count(..)
        )
    }
}

/// A word, and the expectation that it makes of its value.
type Word<T> = (&'static str, fn(T) -> Expected);

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
    if let Some(node) = section.optional("fails") {
        expected.push(Expected::Fails(parts_in(&node)));
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
    for (task, node) in section.optional("task-for").iter().flat_map(keyed) {
        let whom = node.text();
        expected.extend(whom.map(|whom| Expected::TaskFor(task.into(), whom.into())));
    }
    for (template, node) in section.optional("dropped").iter().flat_map(keyed) {
        let why = node.word(DropReason::WORDS);
        expected.extend(why.map(|why| Expected::Dropped(template.into(), why)));
    }
    for (agent, node) in section.optional("passed-over").iter().flat_map(keyed) {
        let why = node.word(PassedOver::WORDS);
        expected.extend(why.map(|why| Expected::PassedOver(agent.into(), why)));
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
            let value = names.value_or_none(&name, &node);
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

/// Parts of texts: one that is empty would be a part of all.
fn parts_in(node: &Node<'_>) -> Vec<SmolStr> {
    for part in node.list() {
        if part.text().is_some_and(|text| text.trim().is_empty()) {
            let what = "the part of the error";
            part.fault(FaultKind::Empty { what }, None);
        }
    }
    texts_in(node)
}

fn texts_in(node: &Node<'_>) -> Vec<SmolStr> {
    node.list()
        .iter()
        .filter_map(|node| Some(node.text()?.into()))
        .collect()
}
