//! Who is possibly the same person, and who was looked at and is none.
//!
//! Two contacts that share an identity know of each other. Of several who share one, each knows the one that
//! holds the claim to it, and that one knows all. Whom a person called distinct from a contact is told no
//! more as its possible duplicate, whatever they share.

use crate::decide::Stop;
use crate::decide::command::What;
use crate::decide::contacts::{current, renew_copies};
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
    for contact in [&one, &other] {
        renew_copies(draft, contact, None, None)?;
        let key = Key::contact(draft.tenant, contact.id);
        draft.put(key, contact.clone(), None);
    }
    // Who shares something with both knew one of them by the other, perhaps.
    for (one, other) in [(&one, other.id), (&other, one.id)] {
        for shares in duplicates_of(draft, one)? {
            note_pair(draft, other, shares.id, Unless::TheyShareNothing)?;
        }
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
        for (mut contact, from) in [(one, ids.1), (other, ids.0)] {
            if contact.distinct.len() < Contact::MOST_DISTINCT {
                contact.distinct.push(from);
            }
            renew_copies(draft, &contact, None, None)?;
            draft.put(Key::contact(draft.tenant, contact.id), contact, None);
        }
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
        if resolves_to(draft, &one.distinct, other.id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn resolves_to(draft: &mut Draft<'_>, ids: &[ContactId], whom: ContactId) -> Result<bool, Stop> {
    for id in ids {
        if current(draft, *id)?.is_some_and(|contact| contact.id == whom) {
            return Ok(true);
        }
    }
    Ok(false)
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
            note_pair(draft, one, *other, Unless::NeitherHoldsIt)?;
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
    part_and_keep(draft, &mut one, &mut other)
}

/// A contact came to stand for another one, from whom somebody may be distinct who knew one of them: nobody
/// whom it is distinct from knows it any more.
pub(crate) fn part_distinct(draft: &mut Draft<'_>, id: ContactId) -> Result<(), Stop> {
    let distinct = current(draft, id)?.map(|contact| contact.distinct);
    for from in distinct.unwrap_or_default() {
        let (Some(mut one), Some(mut other)) = (current(draft, id)?, current(draft, from)?) else {
            continue;
        };
        part_and_keep(draft, &mut one, &mut other)?;
    }
    Ok(())
}

/// Neither knows the other any more, in the store and on their leads.
fn part_and_keep(
    draft: &mut Draft<'_>,
    one: &mut Contact,
    other: &mut Contact,
) -> Result<(), Stop> {
    let before = (one.duplicates.clone(), other.duplicates.clone());
    part_pair(draft, one, other)?;
    for (contact, before) in [(one, before.0), (other, before.1)] {
        if contact.duplicates != before {
            renew_copies(draft, contact, None, None)?;
            let key = Key::contact(draft.tenant, contact.id);
            draft.put(key, contact.clone(), None);
        }
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
    let (Some(mut one), Some(mut other)) = (current(draft, one)?, current(draft, other)?) else {
        return Ok(());
    };
    let shares = one.id != other.id && one.shares(&other).next().is_some();
    if !shares || are_distinct(draft, &one, &other)? {
        return Ok(());
    }
    match (knows(draft, &one, other.id)?, knows(draft, &other, one.id)?) {
        (true, true) => Ok(()),
        (true, false) => know(draft, &mut other, one.id),
        (false, true) => know(draft, &mut one, other.id),
        (false, false) => {
            if unless == Unless::NeitherHoldsIt && !holds_shared(draft, &one, &other)? {
                return Ok(());
            }
            let leads = one.leads.clone();
            note_duplicate(draft, &mut one, other, &leads)?;
            renew_copies(draft, &one, None, None)?;
            draft.put(Key::contact(draft.tenant, one.id), one, None);
            Ok(())
        }
    }
}

/// Whether a contact knows another one, be it as somebody for whom that one stands.
pub(crate) fn knows(
    draft: &mut Draft<'_>,
    contact: &Contact,
    whom: ContactId,
) -> Result<bool, Stop> {
    resolves_to(draft, &contact.duplicates, whom)
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
pub(crate) fn part_pair(
    draft: &mut Draft<'_>,
    one: &mut Contact,
    other: &mut Contact,
) -> Result<(), Stop> {
    one.duplicates = without(draft, &one.duplicates, other.id)?;
    other.duplicates = without(draft, &other.duplicates, one.id)?;
    Ok(())
}

/// Two contacts are possibly the same person, unless they are distinct: that is put on record for these
/// leads of the one, and for the other's open ones.
pub(crate) fn note_duplicate(
    draft: &mut Draft<'_>,
    contact: &mut Contact,
    mut other: Contact,
    leads: &[LeadId],
) -> Result<(), Stop> {
    if knows(draft, contact, other.id)? || are_distinct(draft, contact, &other)? {
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

/// The possible duplicates of a contact, or those who stand for them, each once.
fn duplicates_of(draft: &mut Draft<'_>, contact: &Contact) -> Result<Vec<Contact>, Stop> {
    those_who_stand_for(draft, contact, &contact.duplicates)
}

/// These, and those who are distinct from the contact: all who share something with it.
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
    draft.need(ids.iter().map(|id| Key::contact(draft.tenant, *id)))?;
    let mut found: Vec<Contact> = Vec::new();
    for id in ids {
        let Some(other) = current(draft, *id)? else {
            continue;
        };
        if other.id != contact.id && found.iter().all(|known| known.id != other.id) {
            found.push(other);
        }
    }
    Ok(found)
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
