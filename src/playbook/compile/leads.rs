//! What is known of a lead before there is one: of every lead, and of those for which a rule is.

use smol_str::SmolStr;

use crate::condition::{Catalogue as _, FactId, Known};
use crate::facts::LeadFact;
use crate::playbook::Playbook;
use crate::playbook::pipeline::Stage;
use crate::playbook::rule::{Anchor, Leads, Rule, StageRef};
use crate::value::{Value, ValueType};

/// The facts that no lead is without.
const ALWAYS_THERE: [LeadFact; 21] = [
    LeadFact::Pipeline,
    LeadFact::Stage,
    LeadFact::Open,
    LeadFact::RegisteredAt,
    LeadFact::EnteredAt,
    LeadFact::TouchedAt,
    LeadFact::OpenedAt,
    LeadFact::Answered,
    LeadFact::Attempts,
    LeadFact::Reached,
    LeadFact::Unanswered,
    LeadFact::AttemptsSinceOpened,
    LeadFact::Reassignments,
    LeadFact::Held,
    LeadFact::SetAside,
    LeadFact::Flagged,
    LeadFact::OpenTasks,
    LeadFact::Unsubscribed,
    LeadFact::EmailInvalid,
    LeadFact::ContactName,
    LeadFact::Playbook,
];

pub(super) fn id(fact: LeadFact) -> FactId {
    FactId(fact as u16)
}

/// The id of a field.
pub(super) fn id_of_field(playbook: &Playbook, field: &str) -> Option<FactId> {
    let info = playbook.lead_catalogue().resolve(field, None).ok()?;
    Some(info.id)
}

/// The ids of the facts about stages.
pub(super) fn ids_of_stages(playbook: &Playbook) -> Vec<FactId> {
    let catalogue = playbook.lead_catalogue();
    catalogue.ids_of_stages().collect()
}

/// The ids of the facts that follow from others: those about laws, and the host's.
pub(super) fn ids_that_follow(playbook: &Playbook) -> Vec<FactId> {
    let catalogue = playbook.lead_catalogue();
    catalogue.ids_that_follow().collect()
}

/// What is known of every lead.
pub(super) fn of_any<'a>() -> Known<'a> {
    let mut known = Known::default();
    for fact in ALWAYS_THERE {
        known.is_always_there(id(fact));
    }
    for &fact in LeadFact::ALL {
        match fact.built_in().value_type {
            // All of these happened; when a wait or a quote ends may lie ahead.
            ValueType::Instant
                if !matches!(fact, LeadFact::WaitsUntil | LeadFact::QuoteValidUntil) =>
            {
                known.is_never_ahead(id(fact))
            }
            ValueType::Number => known.is_never_negative(id(fact)),
            _ => {}
        }
    }
    known
}

/// The stages in which the leads are for which a rule is.
pub(super) fn stages_of<'p>(playbook: &'p Playbook, rule: &Rule) -> Vec<(StageRef, &'p Stage)> {
    let all = playbook.pipelines.iter().flat_map(|pipeline| {
        let stages = pipeline.stages.iter();
        stages.map(|stage| {
            let at = StageRef {
                pipeline: pipeline.name.clone(),
                stage: stage.name.clone(),
            };
            (at, stage)
        })
    });
    let is_for = |(at, stage): &(StageRef, &Stage)| {
        let in_scope = rule.scope.stages.is_empty() || rule.scope.stages.contains(at);
        let in_life = match rule.scope.leads {
            Leads::Open => stage.outcome.is_none(),
            Leads::Closed => stage.outcome.is_some(),
            Leads::All => true,
        };
        in_scope && in_life
    };
    all.filter(is_for).collect()
}

/// What is known of a lead for which a rule is, when its time comes; but not that a condition holds
/// for which it waits.
pub(super) fn of_rule<'a>(playbook: &Playbook, rule: &Rule) -> Known<'a> {
    let mut known = of_any();
    let stages = stages_of(playbook, rule);
    are_in(&mut known, &stages);
    if let Some(group) = &rule.scope.wait {
        known.is_among(id(LeadFact::Wait), [group.as_str()]);
    }
    match &rule.anchor {
        Anchor::Assigned | Anchor::Team => {
            known.is_there(id(LeadFact::Owner));
            known.is_there(id(LeadFact::AssignedAt));
        }
        Anchor::Answered => {
            known.is_there(id(LeadFact::AnsweredAt));
            known.is(id(LeadFact::Answered), &Value::from(true));
        }
        Anchor::Attempted => known.is_there(id(LeadFact::AttemptedAt)),
        Anchor::Field(field) => {
            let field = id_of_field(playbook, field.as_str());
            field.into_iter().for_each(|field| known.is_there(field));
        }
        Anchor::Registered
        | Anchor::Entered
        | Anchor::Touched
        | Anchor::Closed
        | Anchor::Overdue(_)
        | Anchor::Quoted
        | Anchor::QuoteExpires
        | Anchor::Accepted
        | Anchor::Appointment(_)
        | Anchor::Attached(_)
        | Anchor::AppointmentEnded(..)
        | Anchor::Feedback(_)
        | Anchor::Turns(_) => {}
    }
    known
}

/// That a lead is in one of these stages.
pub(super) fn are_in(known: &mut Known<'_>, stages: &[(StageRef, &Stage)]) {
    let names = stages.iter().map(|(at, _)| at.stage.as_str());
    known.is_among(id(LeadFact::Stage), names);
    let pipelines = stages.iter().map(|(at, _)| at.pipeline.as_str());
    known.is_among(id(LeadFact::Pipeline), pipelines);
    let outcomes: Option<Vec<SmolStr>> = stages
        .iter()
        .map(|(_, stage)| Some(stage.outcome.as_ref()?.as_str().into()))
        .collect();
    let are_open = stages.iter().all(|(_, stage)| stage.outcome.is_none());
    if are_open {
        known.is(id(LeadFact::Open), &Value::from(true));
        known.is_missing(id(LeadFact::Outcome));
        known.is_missing(id(LeadFact::ClosedAt));
    } else if let Some(outcomes) = outcomes {
        known.is(id(LeadFact::Open), &Value::from(false));
        known.is_among(id(LeadFact::Outcome), outcomes.iter().map(SmolStr::as_str));
        known.is_there(id(LeadFact::ClosedAt));
    }
}
