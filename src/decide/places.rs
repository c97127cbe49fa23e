//! Places in bases: what may be held once, and by which lead it is.
//!
//! A place is a claim, a record of its own. A lead takes those that it needs and gives back those that
//! it needs no more, whenever its owner, its contact, its end or a field changes that has a part in them.

use smol_str::{SmolStr, ToSmolStr};

use crate::decide::Stop;
use crate::decide::contacts::with_contact;
use crate::decide::draft::Draft;
use crate::decide::refusal::Refusal;
use crate::ids::{AgentId, Id, LeadId, Name};
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::pipeline::UniquePart;
use crate::record::lead::Closed;
use crate::record::{Claim, Lead};
use crate::store::Key;
use crate::value::{ValueRef, fold};

/// The keys of the claims that a lead makes when this agent owns it.
pub(crate) fn keys(draft: &Draft<'_>, lead: &Lead, owner: &AgentId) -> Vec<Key> {
    let claims = claims_of(draft, lead, Some(owner)).into_iter();
    claims.map(|(_, id)| Key::claim(draft.tenant, id)).collect()
}

/// Takes the places that a lead needs, and gives back those that it needs no more. A closed lead disputes none
/// that another lead took meanwhile.
pub(crate) fn take(draft: &mut Draft<'_>, lead: &mut Lead) -> Result<(), Stop> {
    match lead.is_open() {
        true => dispute(draft, lead),
        false => take_free(draft, lead).map(drop),
    }
}

/// The same as a lead ends: who wins needs the place by which it is won.
pub(crate) fn take_at_end(draft: &mut Draft<'_>, lead: &mut Lead) -> Result<(), Stop> {
    match lead.closed.as_ref().is_some_and(Closed::is_won) {
        true => dispute(draft, lead),
        false => take(draft, lead),
    }
}

fn dispute(draft: &mut Draft<'_>, lead: &mut Lead) -> Result<(), Stop> {
    match take_free(draft, lead)? {
        Some((base, holder)) => Err(Refusal::AlreadyHeld { base, holder }.into()),
        None => Ok(()),
    }
}

/// What happened may be a reason for a closed lead to keep a place, or none any more. Its contact knows which
/// leads keep one; `kept_one` is what it knows of this one.
pub(crate) fn keep(draft: &mut Draft<'_>, lead: &mut Lead, kept_one: bool) -> Result<(), Stop> {
    if lead.is_open() {
        return Ok(());
    }
    let mut bases = draft.playbook.bases.iter();
    if bases.any(|base| base.keeps.is_some()) {
        take(draft, lead)?;
    }
    if kept_one == lead.keeps_a_place() {
        return Ok(());
    }
    with_contact(draft, lead, |contact, lead| {
        contact.keeping.retain(|kept| *kept != lead.id);
        contact.keep(lead);
        Ok(())
    })
}

/// Takes and gives back all but the places that other leads hold: the first of these is told.
pub(crate) fn take_free(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
) -> Result<Option<(Name, LeadId)>, Stop> {
    let owner = lead.owner_id().cloned();
    need(draft, [&*lead])?;
    let wanted = claims_of(draft, lead, owner.as_ref());
    let (mut kept, mut taken) = (Vec::with_capacity(wanted.len()), None);
    for (base, id) in wanted {
        let key = Key::claim(draft.tenant, id);
        if !lead.claims.contains(&id) {
            match draft.read::<Claim>(&key)? {
                None => draft.put(key, Claim::Lead(lead.id), None),
                Some(Claim::Lead(holder)) if holder != lead.id => {
                    taken = taken.or(Some((base, holder)));
                    continue;
                }
                Some(_) => {}
            }
        }
        kept.push(id);
    }
    for id in lead.claims.iter().filter(|id| !kept.contains(id)) {
        let key = Key::claim(draft.tenant, *id);
        if draft.read::<Claim>(&key)? == Some(Claim::Lead(lead.id)) {
            draft.remove(key);
        }
    }
    lead.claims = kept;
    Ok(taken)
}

/// Asks at once for all places that leads take or give back.
pub(crate) fn need<'l>(
    draft: &Draft<'_>,
    leads: impl IntoIterator<Item = &'l Lead>,
) -> Result<(), Stop> {
    let mut changed = Vec::new();
    for lead in leads {
        let wanted = claims_of(draft, lead, lead.owner_id()).into_iter();
        let wanted: Vec<Id> = wanted.map(|(_, id)| id).collect();
        changed.extend(wanted.iter().filter(|id| !lead.claims.contains(id)));
        changed.extend(lead.claims.iter().filter(|id| !wanted.contains(id)));
    }
    draft.need(changed.into_iter().map(|id| Key::claim(draft.tenant, id)))
}

/// The claims that a lead makes when this agent owns it: one for each base in which it holds a place.
fn claims_of(draft: &Draft<'_>, lead: &Lead, owner: Option<&AgentId>) -> Vec<(Name, Id)> {
    let (playbook, now) = (draft.playbook, draft.now);
    let facts = LeadFacts {
        playbook,
        lead,
        now,
    };
    let bases = playbook.bases.iter();
    let bases = bases.filter(|base| base.pipelines.contains(&lead.pipeline));
    let claims = bases
        .filter(|base| base.is_held_by(&facts))
        .filter_map(|base| {
            let parts = base.unique.iter();
            let values: Option<Vec<SmolStr>> =
                parts.map(|part| value_of(part, lead, owner)).collect();
            Some((base.name.clone(), Claim::to_place(&base.name, &values?)))
        });
    claims.collect()
}

/// What a lead says to a part of what must be unique, as it is compared.
fn value_of(part: &UniquePart, lead: &Lead, owner: Option<&AgentId>) -> Option<SmolStr> {
    match part {
        UniquePart::Owner => Some(owner?.as_str().into()),
        UniquePart::Email => Some(lead.contact.email.as_ref()?.key()),
        UniquePart::Contact => Some(lead.contact.id.to_smolstr()),
        UniquePart::Field(name) => match lead.fields.value(name)? {
            ValueRef::Text(text) => Some(fold(text)),
            value => Some(value.to_smolstr()),
        },
    }
}
