//! Activities: recorded with the fields that they ask for, in one command (requirement M13).

use crate::decide::draft::Draft;
use crate::decide::life::{is_latest, touch_as_of_then};
use crate::decide::permit::permit_roles;
use crate::decide::refusal::{Gaps, Problem, Refusal};
use crate::decide::{Stop, fields};
use crate::ids::Name;
use crate::record::Lead;
use crate::record::journal::Event;
use crate::record::lead::Activity;
use crate::value::Value;

/// Records an activity, and sets the fields that are told with it.
pub(crate) fn record(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    kind: &Name,
    told: &[(Name, Option<Value>)],
) -> Result<(), Stop> {
    let playbook = draft.playbook;
    let Some(spec) = playbook.activity(kind) else {
        let known = playbook.activities.iter().map(|spec| &spec.name);
        return Err(Refusal::unknown("activity", kind, known).into());
    };
    permit_roles(draft, &format!("record {kind}"), &spec.by)?;
    if !spec.asks.is_empty() || !told.is_empty() {
        fields::set_with(draft, lead, told, asked(&spec.asks, told))?;
    }
    let last = draft.moment();
    let known = lead.activities.iter_mut();
    match known.into_iter().find(|activity| activity.kind == *kind) {
        Some(activity) => {
            activity.count = activity.count.saturating_add(1);
            if is_latest(draft, Some(activity.last)) {
                activity.last = last;
            }
        }
        None => lead.activities.push(Activity {
            kind: kind.clone(),
            count: 1,
            last,
        }),
    }
    touch_as_of_then(draft, lead);
    draft.happened(Event::Recorded {
        lead: lead.id,
        activity: kind.clone(),
    });
    Ok(())
}

/// What is missing of the fields that are asked for, and what is told beside them. What the lead knows already
/// is asked for all the same: a second invoice has a number of its own.
pub(crate) fn asked(asks: &[Name], told: &[(Name, Option<Value>)]) -> Gaps {
    let mut gaps = Gaps::default();
    for field in asks {
        let is_told = |(name, value): &(Name, Option<Value>)| name == field && value.is_some();
        if !told.iter().any(is_told) {
            gaps.add(field.as_str(), Problem::Missing);
        }
    }
    for (name, _) in told.iter().filter(|(name, _)| !asks.contains(name)) {
        let asked = asks.to_vec();
        gaps.add(name.as_str(), Problem::NotAsked { asked });
    }
    gaps
}
