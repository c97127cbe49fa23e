//! By what contacts are known: e-mail addresses, phone numbers, tax numbers.
//!
//! Each is claimed by the contact that had it first. Another contact with the same one is possibly the
//! same person: both know of each other, and nothing is merged by itself.

use crate::decide::Stop;
use crate::decide::contacts::{current, renew_copies, renew_copy};
use crate::decide::draft::Draft;
use crate::ids::{ContactId, LeadId};
use crate::playbook::Playbook;
use crate::record::contact::{Claim, Contact, Identity};
use crate::record::fields::Fields;
use crate::record::journal::Event;
use crate::record::lead::Lead;
use crate::store::Key;
use crate::value::ValueRef;

/// The contact that is known by this.
pub(crate) fn known_by(draft: &mut Draft<'_>, identity: Identity) -> Result<Option<Contact>, Stop> {
    let holder = draft.read::<Claim>(&Key::claim(draft.tenant, identity.claim))?;
    match holder {
        Some(Claim::Contact(id)) => current(draft, id),
        _ => Ok(None),
    }
}

/// A contact is known by one thing more. Who is known by it already is possibly the same person, which
/// is put on record for these leads of the contact, and for the other's open ones.
pub(crate) fn learn(
    draft: &mut Draft<'_>,
    contact: &mut Contact,
    identity: Option<Identity>,
    leads: &[LeadId],
) -> Result<(), Stop> {
    let Some(identity) = identity.filter(|identity| !contact.identities.contains(identity)) else {
        return Ok(());
    };
    if contact.identities.len() >= Contact::MOST_IDENTITIES {
        return Ok(());
    }
    contact.identities.push(identity);
    match known_by(draft, identity)? {
        None => {
            let key = Key::claim(draft.tenant, identity.claim);
            draft.read::<Claim>(&key)?;
            draft.put(key, Claim::Contact(contact.id), None);
            Ok(())
        }
        Some(other) if other.id == contact.id => Ok(()),
        Some(other) => note_duplicate(draft, contact, other, leads),
    }
}

/// A contact stands for itself again, and is known by some things more. What the one that stood for it gave
/// up meanwhile is claimed anew, and who is known by it since then is possibly the same person.
pub(crate) fn learn_anew(
    draft: &mut Draft<'_>,
    id: ContactId,
    more: &[Identity],
) -> Result<(), Stop> {
    let key = Key::contact(draft.tenant, id);
    let Some(mut contact) = draft.read::<Contact>(&key)? else {
        return Ok(());
    };
    let known = std::mem::take(&mut contact.identities);
    let duplicates_before = contact.duplicates.clone();
    let contact = learn_each(
        draft,
        contact,
        known.into_iter().chain(more.iter().copied()),
    )?;
    renew_if_other(draft, &contact, &duplicates_before)?;
    draft.put(key, contact, None);
    Ok(())
}

/// A contact is known by all these.
pub(crate) fn learn_all(
    draft: &mut Draft<'_>,
    id: ContactId,
    identities: impl IntoIterator<Item = Identity>,
) -> Result<(), Stop> {
    let key = Key::contact(draft.tenant, id);
    let Some(contact) = draft.read::<Contact>(&key)? else {
        return Ok(());
    };
    let before = contact.clone();
    let contact = learn_each(draft, contact, identities)?;
    if contact != before {
        renew_if_other(draft, &contact, &before.duplicates)?;
        draft.put(key, contact, None);
    }
    Ok(())
}

fn learn_each(
    draft: &mut Draft<'_>,
    mut contact: Contact,
    identities: impl IntoIterator<Item = Identity>,
) -> Result<Contact, Stop> {
    let identities: Vec<Identity> = identities.into_iter().collect();
    let claims = identities.iter();
    draft.need(claims.map(|identity| Key::claim(draft.tenant, identity.claim)))?;
    let leads = contact.leads.clone();
    for identity in identities {
        learn(draft, &mut contact, Some(identity), &leads)?;
    }
    Ok(contact)
}

fn renew_if_other(
    draft: &mut Draft<'_>,
    contact: &Contact,
    duplicates_before: &[ContactId],
) -> Result<(), Stop> {
    match contact.duplicates == duplicates_before {
        true => Ok(()),
        false => renew_copies(draft, contact, None, None),
    }
}

/// A contact is known by none of these any more.
pub(crate) fn give_up(
    draft: &mut Draft<'_>,
    id: ContactId,
    identities: &[Identity],
) -> Result<(), Stop> {
    let key = Key::contact(draft.tenant, id);
    for identity in identities {
        let Some(mut contact) = draft.read::<Contact>(&key)? else {
            return Ok(());
        };
        let before = contact.duplicates.clone();
        forget(draft, &mut contact, Some(*identity))?;
        renew_if_other(draft, &contact, &before)?;
        draft.put(key.clone(), contact, None);
    }
    Ok(())
}

/// Two contacts were parted, who know these together as possible duplicates: each of the two knows those
/// with whom it shares something now.
pub(crate) fn part_duplicates(
    draft: &mut Draft<'_>,
    parted: [ContactId; 2],
    known: &[ContactId],
) -> Result<(), Stop> {
    unless_they_share(draft, parted[0], parted[1])?;
    for other in known {
        for one in parted {
            unless_they_share(draft, one, *other)?;
            note_if_they_share(draft, one, *other)?;
        }
    }
    Ok(())
}

/// Who shares nothing with a contact is no possible duplicate of it.
fn unless_they_share(draft: &mut Draft<'_>, one: ContactId, other: ContactId) -> Result<(), Stop> {
    let (Some(mut one), Some(mut other)) = (current(draft, one)?, current(draft, other)?) else {
        return Ok(());
    };
    if one.id == other.id || one.shares(&other).next().is_some() {
        return Ok(());
    }
    let before = (one.duplicates.clone(), other.duplicates.clone());
    part_pair(draft, &mut one, &mut other)?;
    for (contact, before) in [(one, before.0), (other, before.1)] {
        if contact.duplicates != before {
            renew_copies(draft, &contact, None, None)?;
            draft.put(Key::contact(draft.tenant, contact.id), contact, None);
        }
    }
    Ok(())
}

/// Notes that two contacts share something, if one of them knows that, or holds the claim to it. Others who
/// share something know of each other by who holds it.
fn note_if_they_share(draft: &mut Draft<'_>, one: ContactId, other: ContactId) -> Result<(), Stop> {
    let (Some(mut one), Some(mut other)) = (current(draft, one)?, current(draft, other)?) else {
        return Ok(());
    };
    if one.id == other.id || one.shares(&other).next().is_none() {
        return Ok(());
    }
    let knows = |one: &Contact, other: &Contact| one.duplicates.contains(&other.id);
    match (knows(&one, &other), knows(&other, &one)) {
        (true, true) => Ok(()),
        (true, false) => know(draft, &mut other, one.id),
        (false, true) => know(draft, &mut one, other.id),
        (false, false) if holds_shared(draft, &one, &other)? => {
            let leads = one.leads.clone();
            note_duplicate(draft, &mut one, other, &leads)?;
            renew_copies(draft, &one, None, None)?;
            draft.put(Key::contact(draft.tenant, one.id), one, None);
            Ok(())
        }
        (false, false) => Ok(()),
    }
}

/// A contact knows one who knows it; unless it forgot that one for later ones.
fn know(draft: &mut Draft<'_>, contact: &mut Contact, other: ContactId) -> Result<(), Stop> {
    if contact.duplicates.len() < Contact::MOST_DUPLICATES {
        contact.duplicates.push(other);
        renew_copies(draft, contact, None, None)?;
        let key = Key::contact(draft.tenant, contact.id);
        draft.put(key, contact.clone(), None);
    }
    Ok(())
}

/// Whether one of two contacts holds the claim to something that they share.
fn holds_shared(draft: &mut Draft<'_>, one: &Contact, other: &Contact) -> Result<bool, Stop> {
    for identity in &one.identities {
        if !other.identities.contains(identity) {
            continue;
        }
        let holder = known_by(draft, *identity)?.map(|holder| holder.id);
        if holder == Some(one.id) || holder == Some(other.id) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Neither knows the other any more.
fn part_pair(draft: &mut Draft<'_>, one: &mut Contact, other: &mut Contact) -> Result<(), Stop> {
    one.duplicates = without(draft, &one.duplicates, other.id)?;
    other.duplicates = without(draft, &other.duplicates, one.id)?;
    Ok(())
}

fn note_duplicate(
    draft: &mut Draft<'_>,
    contact: &mut Contact,
    mut other: Contact,
    leads: &[LeadId],
) -> Result<(), Stop> {
    if contact.duplicates.contains(&other.id) {
        return Ok(());
    }
    let shares: Vec<_> = contact.shares(&other).collect();
    add(&mut contact.duplicates, other.id);
    add(&mut other.duplicates, contact.id);
    let found = |lead, other| Event::DuplicateFound {
        lead,
        other,
        shares: shares.clone(),
    };
    for lead in leads {
        draft.happened(found(*lead, other.id));
    }
    renew_copies(draft, &other, None, Some(&|lead| found(lead, contact.id)))?;
    draft.put(Key::contact(draft.tenant, other.id), other, None);
    Ok(())
}

pub(crate) fn add(duplicates: &mut Vec<ContactId>, id: ContactId) {
    if !duplicates.contains(&id) {
        duplicates.push(id);
    }
    let too_many = duplicates.len().saturating_sub(Contact::MOST_DUPLICATES);
    duplicates.drain(..too_many);
}

/// A contact is known by this no more. Who shares it with nobody any more is nobody's duplicate; one of
/// those who have it as well holds the claim from now on, and they know of each other.
pub(crate) fn forget(
    draft: &mut Draft<'_>,
    contact: &mut Contact,
    identity: Option<Identity>,
) -> Result<(), Stop> {
    let Some(identity) = identity.filter(|identity| contact.identities.contains(identity)) else {
        return Ok(());
    };
    contact.identities.retain(|known| *known != identity);
    let mut sharing = Vec::new();
    for mut other in duplicates_of(draft, contact)? {
        if other.identities.contains(&identity) {
            sharing.push(other.id);
        }
        if contact.shares(&other).next().is_none() {
            part_pair(draft, contact, &mut other)?;
            renew_copies(draft, &other, None, None)?;
            draft.put(Key::contact(draft.tenant, other.id), other, None);
        }
    }
    let holder = known_by(draft, identity)?;
    match holder.is_some_and(|holder| holder.id == contact.id) {
        true => hand_on(draft, identity, &sharing),
        false => Ok(()),
    }
}

/// The claim to this goes to the first of those who share it. Whoever held it before knew them all, and
/// they knew only that one: the heir and the others learn of each other.
fn hand_on(draft: &mut Draft<'_>, identity: Identity, sharing: &[ContactId]) -> Result<(), Stop> {
    let claim = Key::claim(draft.tenant, identity.claim);
    let Some((heir, others)) = sharing.split_first() else {
        draft.remove(claim);
        return Ok(());
    };
    draft.put(claim, Claim::Contact(*heir), None);
    let key = Key::contact(draft.tenant, *heir);
    for other in others {
        let (Some(mut heir), Some(other)) = (current(draft, *heir)?, current(draft, *other)?)
        else {
            continue;
        };
        if heir.duplicates.contains(&other.id) {
            continue;
        }
        let shares: Vec<_> = heir.shares(&other).collect();
        let found = |lead| Event::DuplicateFound {
            lead,
            other: other.id,
            shares: shares.clone(),
        };
        note_duplicate(draft, &mut heir, other.clone(), &[])?;
        renew_copies(draft, &heir, None, Some(&found))?;
        draft.put(key.clone(), heir, None);
    }
    Ok(())
}

/// The possible duplicates of a contact, or those who stand for them, each once.
fn duplicates_of(draft: &mut Draft<'_>, contact: &Contact) -> Result<Vec<Contact>, Stop> {
    let ids = contact.duplicates.iter();
    draft.need(ids.map(|id| Key::contact(draft.tenant, *id)))?;
    let mut duplicates: Vec<Contact> = Vec::new();
    for id in &contact.duplicates {
        let Some(other) = current(draft, *id)? else {
            continue;
        };
        if other.id != contact.id && duplicates.iter().all(|known| known.id != other.id) {
            duplicates.push(other);
        }
    }
    Ok(duplicates)
}

/// These possible duplicates without somebody and those for whom that one stands.
fn without(
    draft: &mut Draft<'_>,
    duplicates: &[ContactId],
    whom: ContactId,
) -> Result<Vec<ContactId>, Stop> {
    let mut kept = Vec::with_capacity(duplicates.len());
    for id in duplicates {
        if current(draft, *id)?.is_none_or(|other| other.id != whom) {
            kept.push(*id);
        }
    }
    Ok(kept)
}

/// The tax numbers among a lead's fields that say who its contact is.
pub(crate) fn tax_numbers_in(playbook: &Playbook, fields: &Fields) -> Vec<Identity> {
    let identifying = playbook.fields.iter().filter(|field| field.identifies);
    let numbers = identifying.filter_map(|field| match fields.value(&field.name)? {
        ValueRef::Text(number) => Some(Identity::tax_number(number)),
        _ => None,
    });
    numbers.collect()
}

/// The tax numbers on the other open leads of a contact.
fn said_elsewhere(
    draft: &mut Draft<'_>,
    contact: &Contact,
    at_hand: LeadId,
) -> Result<Vec<Identity>, Stop> {
    let others = contact.leads.iter().filter(|lead| **lead != at_hand);
    let others: Vec<Key> = others.map(|lead| Key::lead(draft.tenant, *lead)).collect();
    draft.need(others.iter().cloned())?;
    let playbook = draft.playbook;
    let mut said = Vec::new();
    for other in others {
        if let Some(other) = draft.look_at::<Lead>(&other)? {
            said.extend(tax_numbers_in(playbook, &other.fields));
        }
    }
    Ok(said)
}

/// The tax numbers of a lead were others before: its contact is known by those that it has now, and by
/// those of its other open leads.
pub(crate) fn follow_tax_numbers(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    before: &[Identity],
) -> Result<(), Stop> {
    let now = tax_numbers_in(draft.playbook, &lead.fields);
    if now == before {
        return Ok(());
    }
    let Some(mut contact) = current(draft, lead.contact.id)? else {
        return Ok(());
    };
    let key = Key::contact(draft.tenant, contact.id);
    let elsewhere = said_elsewhere(draft, &contact, lead.id)?;
    let is_said = |number: &Identity| now.contains(number) || elsewhere.contains(number);
    for gone in before.iter().filter(|number| !is_said(number)) {
        forget(draft, &mut contact, Some(*gone))?;
    }
    for new in now {
        learn(draft, &mut contact, Some(new), &[lead.id])?;
    }
    renew_copy(draft, lead, &contact)?;
    renew_copies(draft, &contact, Some(lead.id), None)?;
    draft.put(key, contact, None);
    Ok(())
}
