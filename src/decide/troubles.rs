//! When waking a record fails: it is tried again, a little later each time, and after three
//! failures in a row it is set aside, where it waits for a person and blocks nobody.

use smol_str::SmolStr;

use crate::decide::Stop;
use crate::decide::draft::Draft;
use crate::decide::refusal::Refusal;
use crate::ids::Id;
use crate::record::journal::Event;
use crate::record::lead::Trouble;
use crate::record::message::Message;
use crate::record::{Lead, Sweep};
use crate::store::{Key, Kind};
use crate::time::{Elapsed, Instant};
use crate::told::shortened;

/// Puts a failure on the record that it befell, which counts as at least so many.
pub(crate) fn note(
    draft: &mut Draft<'_>,
    key: &Key,
    error: &SmolStr,
    at_least: u32,
) -> Result<(), Stop> {
    match key.kind {
        Kind::Lead => {
            if let Some(mut lead) = draft.read::<Box<Lead>>(key)? {
                lead.trouble = Some(worse(draft, key.id, lead.trouble.as_ref(), error, at_least));
                draft.put_lead(lead);
            }
        }
        Kind::Message => {
            if let Some(mut message) = draft.read::<Message>(key)? {
                of_message(draft, &mut message, error, at_least);
                let wakes_at = message.wakes_at();
                draft.put(key.clone(), message, wakes_at);
            }
        }
        Kind::Sweep => {
            // One that was ended meanwhile stays ended.
            let sweep = draft.read::<Sweep>(key)?;
            if let Some(mut sweep) = sweep.filter(|sweep| sweep.next_at.is_some()) {
                sweep.trouble = Some(worse(
                    draft,
                    key.id,
                    sweep.trouble.as_ref(),
                    error,
                    at_least,
                ));
                let wakes_at = sweep.wakes_at();
                draft.put(key.clone(), sweep, wakes_at);
            }
        }
        Kind::Tenant
        | Kind::Contact
        | Kind::Agent
        | Kind::Group
        | Kind::Pool
        | Kind::Claim
        | Kind::Journal
        | Kind::Workload
        | Kind::VisitPlan => {}
    }
    Ok(())
}

/// Puts a failure on a message, which counts as at least so many.
pub(crate) fn of_message(
    draft: &mut Draft<'_>,
    message: &mut Message,
    error: &SmolStr,
    at_least: u32,
) {
    message.trouble = Some(worse(
        draft,
        message.id.0,
        message.trouble.as_ref(),
        error,
        at_least,
    ));
    message.error = Some(shortened(error));
}

fn worse(
    draft: &mut Draft<'_>,
    id: Id,
    before: Option<&Trouble>,
    error: &SmolStr,
    at_least: u32,
) -> Trouble {
    let earlier = before.map_or(0, |trouble| trouble.failures);
    let failures = earlier.saturating_add(1).max(at_least);
    let retry_at = retry_at(failures, draft.now);
    draft.happened(Event::Failed {
        record: id,
        failures,
    });
    if retry_at.is_none() {
        draft.happened(Event::SetAside { record: id });
    }
    Trouble {
        failures,
        error: shortened(error),
        retry_at,
    }
}

fn retry_at(failures: u32, now: Instant) -> Option<Instant> {
    if failures >= Trouble::PATIENCE {
        return None;
    }
    now.checked_add_signed(Elapsed::minutes(1 << failures.min(10)))
}

/// Tries again what was set aside.
pub(crate) fn retry(draft: &mut Draft<'_>, lead: &mut Lead) -> Result<(), Stop> {
    if lead.trouble.take().is_none() {
        return Err(Refusal::NotSetAside.into());
    }
    draft.happened(Event::Retried { record: lead.id.0 });
    Ok(())
}
