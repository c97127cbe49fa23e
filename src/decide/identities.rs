//! By what contacts are known: e-mail addresses, phone numbers, tax numbers.
//!
//! Each is claimed by the contact that had it first. Another contact with the same one is possibly the
//! same person: both know of each other, and nothing is merged by itself.

use crate::decide::Stop;
use crate::decide::contacts::{current, need_leads, renew_copies, renew_copy};
use crate::decide::draft::Draft;
use crate::decide::duplicates::{self, note_duplicates, part_pair};
use crate::ids::{ContactId, LeadId};
use crate::playbook::Playbook;
use crate::record::contact::{Claim, Contact, Identity};
use crate::record::fields::Fields;
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
    if is_full(contact) {
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
        Some(holder) => {
            // Who is distinct from the holder is told by nobody else.
            let mut others = duplicates::distinct_by(draft, &holder, identity)?;
            others.retain(|other| other.id != contact.id);
            others.push(holder);
            note_duplicates(draft, contact, others, leads)
        }
    }
}

/// Whether a contact is known by so much that there is no room for more.
pub(crate) fn is_full(contact: &Contact) -> bool {
    contact.identities.len() >= Contact::MOST_IDENTITIES
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

/// Whoever stood for a contact held the claims to these, perhaps, and is known by them no more: they are held
/// by that contact.
pub(crate) fn hand_back(
    draft: &mut Draft<'_>,
    from: ContactId,
    to: ContactId,
    identities: &[Identity],
) -> Result<(), Stop> {
    for identity in identities {
        let holder = known_by(draft, *identity)?;
        if holder.is_some_and(|holder| holder.id == from) {
            let claim = Key::claim(draft.tenant, identity.claim);
            draft.put(claim, Claim::Contact(to), None);
        }
    }
    Ok(())
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
    let others = duplicates::all_who_share(draft, contact)?;
    need_leads(draft, &others)?;
    for mut other in others {
        if other.identities.contains(&identity) {
            sharing.push(other.id);
        }
        let knows = contact.duplicates.len() + other.duplicates.len();
        if contact.shares(&other).next().is_none() {
            part_pair(draft, contact, &mut other)?;
        }
        if contact.duplicates.len() + other.duplicates.len() != knows {
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
    duplicates::note_pairs(draft, *heir, others)
}

/// What a contact's own address and number make it known by.
pub(crate) fn own(draft: &Draft<'_>, contact: &Contact) -> Vec<Identity> {
    let home = draft.playbook.country;
    let email = contact.email.as_ref().map(Identity::email);
    let phone = contact.phone.as_deref();
    let phone = phone.and_then(|phone| Identity::phone(phone, home));
    email.into_iter().chain(phone).collect()
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

/// A contact that was full gave something up: it is known by what there was no room for, its own address and
/// number first.
fn fill(draft: &mut Draft<'_>, contact: Contact, said: Vec<Identity>) -> Result<Contact, Stop> {
    let known = own(draft, &contact);
    learn_each(draft, contact, known.into_iter().chain(said))
}

/// The same with what all open leads say, of which one is at hand.
pub(crate) fn fill_beside(
    draft: &mut Draft<'_>,
    contact: Contact,
    lead: &Lead,
) -> Result<Contact, Stop> {
    let mut said = tax_numbers_in(draft.playbook, &lead.fields);
    said.extend(said_elsewhere(draft, &contact, lead.id)?);
    fill(draft, contact, said)
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
    let had_no_room = is_full(&contact);
    let is_said = |number: &Identity| now.contains(number) || elsewhere.contains(number);
    for gone in before.iter().filter(|number| !is_said(number)) {
        forget(draft, &mut contact, Some(*gone))?;
    }
    for new in now {
        learn(draft, &mut contact, Some(new), &[lead.id])?;
    }
    if had_no_room {
        contact = fill(draft, contact, elsewhere)?;
    }
    renew_copy(draft, lead, &contact)?;
    renew_copies(draft, &contact, Some(lead.id), None)?;
    draft.put(key, contact, None);
    Ok(())
}
