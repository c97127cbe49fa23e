//! Holds: what stops a lead's clocks, and lets them go on.

use crate::agenda;
use crate::decide::Stop;
use crate::decide::draft::Draft;
use crate::decide::life::touch;
use crate::decide::refusal::Refusal;
use crate::ids::Name;
use crate::record::Lead;
use crate::record::journal::Event;
use crate::record::lead::Hold;

pub(crate) fn begin(draft: &mut Draft<'_>, lead: &mut Lead, name: &Name) -> Result<(), Stop> {
    if !draft.playbook.holds.contains(name) {
        return Err(Refusal::unknown("hold", name, draft.playbook.holds.iter()).into());
    }
    if lead.running_hold(name).is_some() {
        return Err(Refusal::HeldAlready(name.clone()).into());
    }
    // A hold that is forgotten moves due times, so that only those go that nothing counts.
    if lead.holds.len() >= Lead::MOST_HOLDS {
        let playbook = draft.playbook;
        let counted: Vec<Hold> = lead
            .holds
            .iter()
            .filter(|hold| agenda::is_counted(playbook, lead, hold))
            .cloned()
            .collect();
        lead.holds = counted;
    }
    if lead.holds.len() >= Lead::MOST_HOLDS {
        let (sort, most) = ("holds of one lead", Lead::MOST_HOLDS);
        return Err(Refusal::TooMany { sort, most }.into());
    }
    let hold = Hold {
        name: name.clone(),
        from: draft.happened_at,
        until: None,
    };
    let place = lead.holds.partition_point(|other| other.from <= hold.from);
    lead.holds.insert(place, hold);
    touch(draft, lead);
    draft.happened(Event::Held {
        lead: lead.id,
        hold: name.clone(),
    });
    Ok(())
}

pub(crate) fn end(draft: &mut Draft<'_>, lead: &mut Lead, name: &Name) -> Result<(), Stop> {
    let running = lead
        .holds
        .iter_mut()
        .find(|hold| hold.until.is_none() && hold.name == *name);
    let Some(hold) = running else {
        return Err(Refusal::NotHeld(name.clone()).into());
    };
    hold.until = Some(draft.happened_at.max(hold.from));
    touch(draft, lead);
    draft.happened(Event::Released {
        lead: lead.id,
        hold: name.clone(),
    });
    Ok(())
}
