//! Wait groups: which one, and the lead's own wait inside its bounds (requirement F2).

use crate::decide::Stop;
use crate::decide::command::Waiting;
use crate::decide::draft::Draft;
use crate::decide::refusal::{Gap, Problem, Refusal};
use crate::ids::Name;
use crate::playbook::Playbook;
use crate::record::Lead;
use crate::record::journal::Event;
use crate::record::lead::Wait;

/// The longest wait where the group sets no bound: a hundred years.
const LONGEST_WAIT_DAYS: u32 = 36_525;

/// The wait that is asked for, or what is wrong with it.
pub(crate) fn accept(
    draft: &Draft<'_>,
    group: Option<&Name>,
    wait_days: Option<u32>,
) -> Result<Option<Wait>, Gap> {
    let gap = |input: &'static str, problem: Problem| {
        let input = Name::from(input);
        Gap { input, problem }
    };
    let Some(name) = group else {
        return match wait_days {
            Some(_) => Err(gap("wait", Problem::Missing)),
            None => Ok(None),
        };
    };
    let Some(group) = draft.playbook.wait(name) else {
        let known = draft.playbook.waits.iter().map(|wait| wait.name.as_str());
        return Err(gap("wait", Problem::unknown(name.as_str(), known)));
    };
    let wait_days = wait_days.unwrap_or(group.default_days);
    let (least_days, most_days) = (group.least_days, group.most_days);
    if wait_days < least_days || wait_days > most_days.unwrap_or(LONGEST_WAIT_DAYS) {
        let bounds = Problem::OutOfBounds {
            least_days,
            most_days,
        };
        return Err(gap("wait_days", bounds));
    }
    Ok(Some(Wait {
        group: group.name.clone(),
        wait_days,
    }))
}

/// Puts a lead in a wait group.
pub(crate) fn set(draft: &mut Draft<'_>, lead: &mut Lead, waiting: &Waiting) -> Result<(), Stop> {
    let found = accept(draft, Some(&waiting.group), waiting.wait_days);
    let wait = found.map_err(|gap| Refusal::Incomplete(vec![gap]))?;
    if let Some(wait) = wait.filter(|wait| lead.wait.as_ref() != Some(wait)) {
        draft.happened(Event::WaitSet {
            lead: lead.id,
            group: wait.group.clone(),
            wait_days: wait.wait_days,
        });
        lead.wait = Some(wait);
    }
    Ok(())
}

/// Whether a lead is in a wait group that there is: without one it would wait for nothing.
pub(crate) fn is_in_a_group(playbook: &Playbook, lead: &Lead) -> bool {
    let group = lead.wait.as_ref().map(|wait| &wait.group);
    group.is_some_and(|group| playbook.wait(group).is_some())
}
