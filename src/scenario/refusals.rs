//! What a step expects to be refused for: the words that a refusal can say, and the names that are let
//! pass because of them.
//!
//! A step may well do what can't be done, to show that it is refused. So a name that there isn't is let
//! pass where the step expects to be refused for it.

use smol_str::{SmolStr, format_smolstr};

use super::names::{Names, Sort, keyed, quiet_section, said, text_of};
use crate::decide::refusal::Refusal;
use crate::ids::Name;
use crate::playbook::Playbook;
use crate::playbook::fault::FaultKind;
use crate::playbook::read::{Node, Section, did_you_mean};

/// What commands ask for beside fields, as refusals name it. Of one of several, `lines.2.tax`, the first
/// part.
const INPUTS: [&str; 36] = [
    "absences",
    "agent",
    "at",
    "by",
    "capacity",
    "cities",
    "else",
    "email",
    "hours",
    "in",
    "lead",
    "lines",
    "media-type",
    "name",
    "order",
    "owner",
    "phone",
    "reason",
    "referral",
    "referrer",
    "role",
    "says",
    "skills",
    "source",
    "team",
    "terms",
    "to",
    "uri",
    "valid",
    "visits",
    "wait",
    "wait_days",
    "week",
    "with",
    "zone",
    "zones",
];

/// What a step expects to be refused for.
pub(super) enum Refused {
    /// For whatever its refusal says.
    Somehow,
    /// For these names and codes; for nothing, if there are none.
    For(Vec<SmolStr>),
}

impl Refused {
    pub(super) fn of(step: &Section<'_>) -> Self {
        let expect = said(step, "expect").and_then(|node| quiet_section(&node));
        let Some(expect) = expect else {
            return Self::For(Vec::new());
        };
        match said(&expect, "refused") {
            Some(node) => Self::For(node.list().iter().filter_map(text_of).collect()),
            None if said(&expect, "refusal-says").is_some() => Self::Somehow,
            None => Self::For(Vec::new()),
        }
    }

    /// Whether it expects to be refused at all.
    pub(super) fn is_anything(&self) -> bool {
        !matches!(self, Self::For(said) if said.is_empty())
    }

    /// Whether a name of this sort, as that input, is one that is to be refused.
    pub(super) fn is_for(&self, sort: Sort, input: &str) -> bool {
        match self {
            Self::Somehow => true,
            Self::For(said) => said
                .iter()
                .any(|said| said == input || codes(sort).contains(&said.as_str())),
        }
    }
}

/// The codes of refusals that an unknown name of this sort meets.
fn codes(sort: Sort) -> &'static [&'static str] {
    match sort {
        Sort::Agent => &["no-such-agent"],
        Sort::Choice => &["choice-needed"],
        Sort::FinalStage => &["unknown", "not-final"],
        Sort::Activity
        | Sort::Appointment
        | Sort::Document
        | Sort::Hold
        | Sort::Pool
        | Sort::Stage
        | Sort::VisitResult => &["unknown"],
        Sort::Field | Sort::Source | Sort::Wait => &["incomplete", "unknown"],
        _ => &[],
    }
}

/// Reports what a step expects to be refused for, where no refusal says that.
pub(super) fn check(step: &Section<'_>, names: &Names<'_>) {
    let expect = said(step, "expect").and_then(|node| quiet_section(&node));
    let refused = expect.and_then(|expect| said(&expect, "refused"));
    let (Some(refused), Some(playbook)) = (refused, names.playbook) else {
        return;
    };
    let mut told = words(playbook);
    for (key, node) in step.keyed().iter().filter(|(key, _)| key != "expect") {
        add_keys(key, node, &mut told);
    }
    for node in refused.list() {
        let Some(word) = text_of(&node) else {
            continue;
        };
        let first = word.split('.').next().unwrap_or_default();
        if told.iter().any(|told| told == first) {
            continue;
        }
        let hint = did_you_mean(&word, told.iter().map(SmolStr::as_str)).unwrap_or_else(|| {
            "it says the names of needs, laws, fields or other inputs, or a code, as `not-permitted`"
                .into()
        });
        let kind = FaultKind::Scenario(format_smolstr!("no refusal says `{word}`"));
        node.fault(kind, Some(hint));
    }
}

/// What refusals can say in this playbook.
fn words(playbook: &Playbook) -> Vec<SmolStr> {
    let needs = playbook.needs.iter().map(|need| &need.name);
    let laws = playbook.laws.iter().map(|law| &law.name);
    let fields = playbook.fields.iter().map(|field| &field.name);
    let pipelines = playbook.pipelines.iter().map(|of| &of.name);
    let names = needs.chain(laws).chain(fields).chain(pipelines);
    let fixed = Refusal::CODES.iter().chain(&INPUTS).copied();
    fixed
        .chain(names.map(Name::as_str))
        .map(SmolStr::from)
        .collect()
}

/// The keys of what happens in a step: what there isn't is refused by the name that the step gave it.
fn add_keys(key: &str, node: &Node<'_>, told: &mut Vec<SmolStr>) {
    told.push(key.into());
    for (key, node) in keyed(node) {
        add_keys(&key, &node, told);
    }
}
