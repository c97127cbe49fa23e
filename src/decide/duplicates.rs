//! Who is possibly the same person, and who was looked at and is none.
//!
//! Two contacts that share an identity know of each other. Of several who share one, each knows the one that
//! holds the claim to it, and that one knows all. Whom a person called distinct from a contact is told no
//! more as its possible duplicate, whatever they share.

use std::slice;

use crate::decide::Stop;
use crate::decide::command::What;
use crate::decide::contacts::{current, need_contacts, need_leads, renew_copies};
use crate::decide::draft::Draft;
use crate::decide::identities::known_by;
use crate::decide::merging::leads_of;
use crate::decide::refusal::Refusal;
use crate::ids::{ContactId, LeadId};
use crate::record::contact::{Contact, Identity};
use crate::record::journal::Event;
use crate::store::Key;

/// Says of two contacts that they are two persons.
pub(crate) fn distinguish(
    draft: &mut Draft<'_>,
    one: ContactId,
    other: ContactId,
    what: &What,
) -> Result<(), Stop> {
    if one == other {
        return Err(Refusal::SameContact(one).into());
    }
    draft.need([one, other].map(|id| Key::contact(draft.tenant, id)))?;
    let (mut one, mut other) = (standing(draft, one)?, standing(draft, other)?);
    if one.shares(&other).next().is_none() {
        return Err(Refusal::NothingShared {
            one: one.id,
            other: other.id,
        }
        .into());
    }
    if are_distinct(draft, &one, &other)? {
        return Err(Refusal::DistinctAlready {
            one: one.id,
            other: other.id,
        }
        .into());
    }
    leads_of(draft, &[&one, &other], what)?;
    part_pair(draft, &mut one, &mut other)?;
    draft.happened(Event::ContactsDistinct {
        one: one.id,
        other: other.id,
    });
    let ids = (one.id, other.id);
    for (contact, from) in [(&mut one, ids.1), (&mut other, ids.0)] {
        if contact.distinct.len() >= Contact::MOST_DISTINCT {
            return Err(Refusal::TooMany {
                sort: "contacts that are distinct from one",
                most: Contact::MOST_DISTINCT,
            }
            .into());
        }
        contact.distinct.push(from);
    }
    let known = [&one, &other].map(|contact| contact.duplicates.clone());
    put_renewed(draft, vec![one, other])?;
    // Who shares something with both knew one of them by the other, perhaps.
    need_to_note(draft, &known.concat())?;
    for (one, known) in [ids.1, ids.0].into_iter().zip(&known) {
        note_pairs(draft, one, known)?;
    }
    Ok(())
}

/// A contact stands for itself again, and these are distinct from it, if they share something: that was said
/// of the one that stood for it.
pub(crate) fn distinguish_all(
    draft: &mut Draft<'_>,
    id: ContactId,
    distinct: &[ContactId],
) -> Result<(), Stop> {
    need_to_note(draft, distinct)?;
    for from in distinct {
        let (Some(mut one), Some(mut other)) = (current(draft, id)?, current(draft, *from)?) else {
            continue;
        };
        let shares = one.shares(&other).next().is_some();
        if !shares || are_distinct(draft, &one, &other)? {
            continue;
        }
        part_pair(draft, &mut one, &mut other)?;
        let ids = (one.id, other.id);
        for (contact, from) in [(&mut one, ids.1), (&mut other, ids.0)] {
            if contact.distinct.len() < Contact::MOST_DISTINCT {
                contact.distinct.push(from);
            }
        }
        put_renewed(draft, vec![one, other])?;
    }
    Ok(())
}

/// A contact that stands for itself.
pub(crate) fn standing(draft: &mut Draft<'_>, id: ContactId) -> Result<Contact, Stop> {
    let contact = draft.read::<Contact>(&Key::contact(draft.tenant, id))?;
    let Some(contact) = contact else {
        return Err(Refusal::NoSuchRecord("contact").into());
    };
    match contact.merged_into {
        Some(into) => Err(Refusal::Merged { contact: id, into }.into()),
        None => Ok(contact),
    }
}

/// Whether somebody said so of two contacts, or of whom they stand for.
fn are_distinct(draft: &mut Draft<'_>, one: &Contact, other: &Contact) -> Result<bool, Stop> {
    for (one, other) in [(one, other), (other, one)] {
        if one.distinct.is_empty() {
            continue;
        }
        let of_other = ids_of(draft, slice::from_ref(other))?;
        if one.distinct.iter().any(|id| of_other.contains(id)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The ids under which others know contacts: their own, and those of all for whom they stand.
fn ids_of(draft: &mut Draft<'_>, contacts: &[Contact]) -> Result<Vec<ContactId>, Stop> {
    let taken_by = |contact: &Contact| -> Vec<ContactId> {
        contact.taken.iter().map(|taken| taken.from).collect()
    };
    let mut ids: Vec<ContactId> = contacts.iter().map(|contact| contact.id).collect();
    let mut next: Vec<ContactId> = contacts.iter().flat_map(taken_by).collect();
    while !next.is_empty() {
        let keys: Vec<Key> = next
            .iter()
            .map(|id| Key::contact(draft.tenant, *id))
            .collect();
        draft.need(keys.iter().cloned())?;
        if next.iter().any(|id| ids.contains(id)) {
            return Err(draft.torn(ids));
        }
        ids.append(&mut next);
        for key in keys {
            let contact = draft.look_at::<Contact>(&key)?;
            next.extend(contact.into_iter().flat_map(taken_by));
        }
    }
    Ok(ids)
}

/// A contact took another one in: nobody is a possible duplicate of itself, nor of whom it is distinct from.
/// The contact itself is at hand, and is written by the caller.
pub(crate) fn part_from_distinct(draft: &mut Draft<'_>, contact: &mut Contact) -> Result<(), Stop> {
    let own = ids_of(draft, slice::from_ref(contact))?;
    contact.duplicates.retain(|id| !own.contains(id));
    let mut parted = Vec::new();
    for mut other in all_who_share(draft, contact)? {
        let before = other.duplicates.len();
        if are_distinct(draft, contact, &other)? {
            part_pair(draft, contact, &mut other)?;
        }
        if other.duplicates.len() != before {
            parted.push(other);
        }
    }
    put_renewed(draft, parted)
}

/// Of the possible duplicates of a contact those who are so still: who share something with it, and were not
/// told from it.
pub(crate) fn still_possible(
    draft: &mut Draft<'_>,
    contact: &Contact,
) -> Result<Vec<ContactId>, Stop> {
    need_to_note(draft, &contact.duplicates)?;
    let mut possible = Vec::with_capacity(contact.duplicates.len());
    for id in &contact.duplicates {
        let Some(other) = current(draft, *id)?.filter(|other| other.id != contact.id) else {
            continue;
        };
        if contact.shares(&other).next().is_some() && !are_distinct(draft, contact, &other)? {
            possible.push(*id);
        }
    }
    Ok(possible)
}

/// Two contacts were parted, and one of them knew these as possible duplicates, or they knew it: each of the
/// two knows those with whom it shares something now.
pub(crate) fn part_duplicates(
    draft: &mut Draft<'_>,
    parted: [ContactId; 2],
    known: &[ContactId],
) -> Result<(), Stop> {
    need_to_note(draft, known)?;
    unless_possible(draft, parted[0], parted[1])?;
    for other in known {
        for one in parted {
            unless_possible(draft, one, *other)?;
            note_pair(draft, one, *other, Unless::NeitherHoldsIt)?;
        }
    }
    Ok(())
}

/// Who shares nothing with a contact, or was told from it, is no possible duplicate of it.
fn unless_possible(draft: &mut Draft<'_>, one: ContactId, other: ContactId) -> Result<(), Stop> {
    let (Some(mut one), Some(mut other)) = (current(draft, one)?, current(draft, other)?) else {
        return Ok(());
    };
    let shares = one.shares(&other).next().is_some();
    if one.id == other.id || (shares && !are_distinct(draft, &one, &other)?) {
        return Ok(());
    }
    let before = (one.duplicates.len(), other.duplicates.len());
    part_pair(draft, &mut one, &mut other)?;
    let mut changed = Vec::new();
    for (contact, before) in [(one, before.0), (other, before.1)] {
        if contact.duplicates.len() != before {
            changed.push(contact);
        }
    }
    put_renewed(draft, changed)
}

/// Writes contacts, and the copies that their open leads keep.
pub(crate) fn put_renewed(draft: &mut Draft<'_>, contacts: Vec<Contact>) -> Result<(), Stop> {
    need_leads(draft, &contacts)?;
    for contact in contacts {
        renew_copies(draft, &contact, None, None)?;
        draft.put(Key::contact(draft.tenant, contact.id), contact, None);
    }
    Ok(())
}

/// Asks at once for all contacts that may be noted or told from another one, and for their leads.
fn need_to_note(draft: &mut Draft<'_>, ids: &[ContactId]) -> Result<(), Stop> {
    need_contacts(draft, ids.iter().copied())?;
    let mut contacts = Vec::with_capacity(ids.len());
    for id in ids {
        contacts.extend(current(draft, *id)?);
    }
    ids_of(draft, &contacts)?;
    need_leads(draft, &contacts)
}

/// Notes of a contact and each of these that they share something, unless they don't, or are distinct.
pub(crate) fn note_pairs(
    draft: &mut Draft<'_>,
    one: ContactId,
    others: &[ContactId],
) -> Result<(), Stop> {
    need_to_note(draft, others)?;
    for other in others {
        note_pair(draft, one, *other, Unless::TheyShareNothing)?;
    }
    Ok(())
}

/// When it is not noted that two contacts share something.
#[derive(Clone, Copy, PartialEq)]
enum Unless {
    /// When they share nothing.
    TheyShareNothing,
    /// Nor when neither of them holds the claim to it: they know of each other by who does.
    NeitherHoldsIt,
}

/// Notes that two contacts share something, unless they are distinct; what one of them knows, the other
/// does, too.
fn note_pair(
    draft: &mut Draft<'_>,
    one: ContactId,
    other: ContactId,
    unless: Unless,
) -> Result<(), Stop> {
    let (Some(mut one), Some(other)) = (current(draft, one)?, current(draft, other)?) else {
        return Ok(());
    };
    let shares = one.id != other.id && one.shares(&other).next().is_some();
    if !shares || are_distinct(draft, &one, &other)? {
        return Ok(());
    }
    match (knows(draft, &one, &other)?, knows(draft, &other, &one)?) {
        (true, true) => Ok(()),
        (true, false) => know(draft, other, one.id),
        (false, true) => know(draft, one, other.id),
        (false, false) => {
            if unless == Unless::NeitherHoldsIt && !holds_shared(draft, &one, &other)? {
                return Ok(());
            }
            let leads = one.leads.clone();
            note_duplicates(draft, &mut one, vec![other], &leads)?;
            put_renewed(draft, vec![one])
        }
    }
}

/// Whether a contact knows another one, be it as somebody for whom that one stands.
fn knows(draft: &mut Draft<'_>, contact: &Contact, other: &Contact) -> Result<bool, Stop> {
    if contact.duplicates.is_empty() {
        return Ok(false);
    }
    let of_other = ids_of(draft, slice::from_ref(other))?;
    Ok(contact.duplicates.iter().any(|id| of_other.contains(id)))
}

/// A contact knows one who knows it; unless it forgot that one for later ones.
fn know(draft: &mut Draft<'_>, mut contact: Contact, other: ContactId) -> Result<(), Stop> {
    if contact.duplicates.len() >= Contact::MOST_DUPLICATES {
        return Ok(());
    }
    contact.duplicates.push(other);
    put_renewed(draft, vec![contact])
}

/// Whether one of two contacts holds the claim to something that they share.
fn holds_shared(draft: &mut Draft<'_>, one: &Contact, other: &Contact) -> Result<bool, Stop> {
    let shared = one.identities.iter();
    let shared: Vec<Identity> = shared
        .filter(|identity| other.identities.contains(identity))
        .copied()
        .collect();
    draft.need(
        shared
            .iter()
            .map(|identity| Key::claim(draft.tenant, identity.claim)),
    )?;
    for identity in &shared {
        let holder = known_by(draft, *identity)?.map(|holder| holder.id);
        if holder == Some(one.id) || holder == Some(other.id) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Neither knows the other any more.
pub(crate) fn part_pair(
    draft: &mut Draft<'_>,
    one: &mut Contact,
    other: &mut Contact,
) -> Result<(), Stop> {
    let (of_one, of_other) = (
        ids_of(draft, slice::from_ref(one))?,
        ids_of(draft, slice::from_ref(other))?,
    );
    one.duplicates.retain(|id| !of_other.contains(id));
    other.duplicates.retain(|id| !of_one.contains(id));
    Ok(())
}

/// A contact and each of these are possibly the same person, unless they are distinct: that is put on record
/// for these leads of the one, and for the others' open ones. Of more than a contact knows only the last are
/// noted.
pub(crate) fn note_duplicates(
    draft: &mut Draft<'_>,
    contact: &mut Contact,
    others: Vec<Contact>,
    leads: &[LeadId],
) -> Result<(), Stop> {
    let mut new = Vec::with_capacity(others.len());
    for other in others {
        if !knows(draft, contact, &other)? && !are_distinct(draft, contact, &other)? {
            new.push(other);
        }
    }
    new.drain(..new.len().saturating_sub(Contact::MOST_DUPLICATES));
    need_leads(draft, &new)?;
    for mut other in new {
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
    }
    Ok(())
}

/// Adds one to possible duplicates; the first ones are forgotten for it.
pub(crate) fn add(duplicates: &mut Vec<ContactId>, id: ContactId) {
    if !duplicates.contains(&id) {
        duplicates.push(id);
    }
    let too_many = duplicates.len().saturating_sub(Contact::MOST_DUPLICATES);
    duplicates.drain(..too_many);
}

/// The possible duplicates of a contact, and those who are distinct from it, or who stands for them, each
/// once: all who share something with it.
pub(crate) fn all_who_share(
    draft: &mut Draft<'_>,
    contact: &Contact,
) -> Result<Vec<Contact>, Stop> {
    let all: Vec<ContactId> = contact
        .duplicates
        .iter()
        .chain(&contact.distinct)
        .copied()
        .collect();
    those_who_stand_for(draft, contact, &all)
}

/// Those of the distinct ones who are known by this.
pub(crate) fn distinct_by(
    draft: &mut Draft<'_>,
    contact: &Contact,
    identity: Identity,
) -> Result<Vec<Contact>, Stop> {
    let mut distinct = those_who_stand_for(draft, contact, &contact.distinct)?;
    distinct.retain(|other| other.identities.contains(&identity));
    Ok(distinct)
}

fn those_who_stand_for(
    draft: &mut Draft<'_>,
    contact: &Contact,
    ids: &[ContactId],
) -> Result<Vec<Contact>, Stop> {
    need_contacts(draft, ids.iter().copied())?;
    let mut found: Vec<Contact> = Vec::new();
    for id in ids {
        let Some(other) = current(draft, *id)? else {
            continue;
        };
        if other.id != contact.id && found.iter().all(|known| known.id != other.id) {
            found.push(other);
        }
    }
    // Who is told from them is asked next.
    ids_of(draft, &found)?;
    Ok(found)
}
