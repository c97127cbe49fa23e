//! What is asked of a lead in a step, and with what one is registered.

use smol_str::{SmolStr, format_smolstr};

use super::names::{self, Sort};
use super::read::Named;
use super::{appointments, contacts, documents, quotes};
use crate::decide::command::{Completion, LeadOrder, NewLead, Waiting};
use crate::ids::Name;
use crate::playbook::fault::FaultKind;
use crate::playbook::read::Section;
use crate::value::Value;

pub(super) fn read_new_lead(section: &mut Section<'_>, named: &Named<'_>) -> NewLead {
    let source = named.optional(section, "source", Sort::Source);
    let wait = named.optional(section, "wait", Sort::Wait);
    let owner = named.optional(section, "owner", Sort::Agent);
    let mut text = |key: &'static str| {
        section
            .optional(key)
            .and_then(|node| node.text())
            .map(SmolStr::from)
    };
    let mut new = NewLead {
        name: text("name").unwrap_or_default(),
        email: text("email"),
        phone: text("phone"),
        source: source.map(Name::from),
        wait: wait.map(Name::from),
        owner: owner.map(Into::into),
        referral: text("referral"),
        ..NewLead::default()
    };
    new.wait_days = wait_days(section);
    new.appointments = appointments::read_booked(section, named.names, named.refused);
    new.fields = named.fields(section);
    new
}

fn reason(section: &mut Section<'_>) -> Option<SmolStr> {
    section.optional("reason")?.text().map(SmolStr::from)
}

/// `wait = "three-to-six-months", wait-days = 120`
fn waiting(section: &mut Section<'_>, named: &Named<'_>) -> Option<Waiting> {
    let is_said = names::said(section, "wait").is_some();
    let group = named.optional(section, "wait", Sort::Wait);
    let wait_days = wait_days(section);
    if wait_days.is_some() && !is_said {
        let hint = "`wait-days` says how long a lead waits in the group that `wait` names";
        section.missing("wait", Some(hint.into()));
    }
    Some(Waiting {
        group: group?.into(),
        wait_days,
    })
}

fn wait_days(section: &mut Section<'_>) -> Option<u32> {
    section
        .optional("wait-days")
        .and_then(|node| node.count(0..1_000_001))
}

/// Values to set.
fn told(fields: Vec<(Name, Value)>) -> Vec<(Name, Option<Value>)> {
    let fields = fields.into_iter();
    fields.map(|(name, value)| (name, Some(value))).collect()
}

pub(super) fn read_order(
    verb: &str,
    section: &mut Section<'_>,
    named: &Named<'_>,
) -> Option<LeadOrder> {
    let (names, refused) = (named.names, named.refused);
    if let Some(order) = appointments::read_order(verb, section, names, refused) {
        return Some(order);
    }
    let mut said = |key, sort| named.required(section, key, sort);
    Some(match verb {
        "tried" => LeadOrder::Attempt { reached: false },
        "reached" => LeadOrder::Attempt { reached: true },
        "answered" => LeadOrder::Answered,
        "record" => LeadOrder::Record {
            activity: said("activity", Sort::Activity)?.into(),
            fields: told(named.fields(section)),
        },
        "move" => LeadOrder::MoveTo {
            stage: said("to", Sort::Stage)?.into(),
            reason: reason(section),
            wait: waiting(section, named),
        },
        "close" => LeadOrder::Close {
            stage: said("as", Sort::FinalStage)?.into(),
            reason: reason(section),
        },
        "reopen" => LeadOrder::Reopen {
            stage: said("to", Sort::Stage)?.into(),
            wait: waiting(section, named),
        },
        "assign" => LeadOrder::Assign {
            pool: said("pool", Sort::Pool)?.into(),
        },
        "reassign" => LeadOrder::Reassign {
            to: said("to", Sort::Agent)?.into(),
        },
        "hold" => LeadOrder::Hold {
            hold: said("as", Sort::Hold)?.into(),
        },
        "release" => LeadOrder::Release {
            hold: said("from", Sort::Hold)?.into(),
        },
        "set" => {
            let fields = named.changes(section);
            LeadOrder::SetFields { fields }
        }
        "complete" => {
            let task = said("task", Sort::Task)?;
            let choice = section.optional("choice").and_then(|node| {
                if !named.refused.is_for(Sort::Choice, "choice") {
                    named.names.check_choice(task, &node);
                }
                node.text().map(Name::from)
            });
            let reason = reason(section);
            LeadOrder::Complete(Box::new(Completion {
                task: task.into(),
                choice,
                reason,
                fields: told(named.fields(section)),
            }))
        }
        "quote" => quotes::read_order(section),
        "accept" => LeadOrder::AcceptQuote {
            version: quotes::version(section)?,
        },
        "decline" => LeadOrder::DeclineQuote {
            version: quotes::version(section)?,
            reason: reason(section),
        },
        "attach" => LeadOrder::Attach {
            document: said("document", Sort::Document)?.into(),
            file: Box::new(documents::read_new(section)),
        },
        "correct" => contacts::read_correction(section),
        "give-email" => contacts::read_email(section)?,
        "unsubscribe" => LeadOrder::Unsubscribe,
        "retry" => LeadOrder::Retry,
        other => {
            let kind = FaultKind::Scenario(format_smolstr!("nothing is known of `{other}`"));
            section.fault(kind, None);
            return None;
        }
    })
}
