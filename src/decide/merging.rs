//! Merging contacts who are the same person, and taking that back.
//!
//! Nothing is deleted. The contact that is merged stays whole and points to the one that stands for both:
//! whoever asks for it, by its id or by what it is known by, comes there. Its leads become the other's, and
//! the other keeps what it had before of what was joined. Taking a merge back gives to each what was
//! its own; what happened since stays with the one that stood for both.
//!
//! Merges are taken back in the order of the last first, so that what was before is always known.

use crate::decide::Stop;
use crate::decide::command::What;
use crate::decide::contacts::earlier;
use crate::decide::draft::Draft;
use crate::decide::duplicates::{self, standing};
use crate::decide::permit::permit;
use crate::decide::refusal::{Refusal, Rivals};
use crate::decide::settling::settle;
use crate::decide::suppression::suppress;
use crate::decide::{identities, laws, places};
use crate::ids::{ContactId, LeadId};
use crate::record::contact::{Identity, IdentitySort, MessageBook, Taken};
use crate::record::journal::Event;
use crate::record::lead::ContactCopy;
use crate::record::{Contact, Lead};
use crate::store::Key;

/// Merges a contact into another one.
pub(crate) fn merge(
    draft: &mut Draft<'_>,
    into: ContactId,
    from: ContactId,
    what: &What,
) -> Result<(), Stop> {
    if into == from {
        return Err(Refusal::SameContact(from).into());
    }
    draft.need([into, from].map(|id| Key::contact(draft.tenant, id)))?;
    let (mut into, mut from) = (standing(draft, into)?, standing(draft, from)?);
    let leads = leads_of(draft, &[&into, &from], what)?;
    join(&mut into, &from)?;
    from.merged_into = Some(into.id);
    put(draft, from.clone());
    duplicates::part_from_distinct(draft, &mut into)?;
    suppress(draft, [&into])?;
    draft.happened(Event::ContactsMerged {
        into: into.id,
        from: from.id,
    });
    bring(draft, vec![(leads, &into)])?;
    put(draft, into);
    Ok(())
}

/// Takes a merge back.
pub(crate) fn unmerge(draft: &mut Draft<'_>, id: ContactId, what: &What) -> Result<(), Stop> {
    let Some(mut contact) = draft.read::<Contact>(&Key::contact(draft.tenant, id))? else {
        return Err(Refusal::NoSuchRecord("contact").into());
    };
    let Some(stands_for) = contact.merged_into else {
        return Err(Refusal::NotMerged(id).into());
    };
    let mut stood = standing(draft, stands_for)?;
    match stood.taken.last() {
        Some(last) if last.from != id => return Err(Refusal::MergedSince(last.from).into()),
        _ => {}
    }
    let mut leads = leads_of(draft, &[&stood, &contact], what)?;
    // Whatever was the contact's when it was merged, and came to the other then or later, goes back.
    let was_theirs: Vec<LeadId> = contact
        .leads
        .iter()
        .chain(&contact.keeping)
        .copied()
        .collect();
    let (back, others): (Vec<Lead>, Vec<Lead>) = leads
        .drain(..)
        .partition(|lead| was_theirs.contains(&lead.id) && lead.contact.id == stood.id);
    let others: Vec<Lead> = others
        .into_iter()
        .filter(|lead| lead.contact.id == stood.id)
        .collect();
    let known = [&contact.duplicates[..], &stood.duplicates].concat();
    // A number that was withdrawn meanwhile is not given back; what their leads say is learned behind.
    let is_known = |known: &Identity| stood.identities.contains(known);
    let is_kept = |known: &Identity| known.sort != IdentitySort::TaxNumber || is_known(known);
    contact.identities.retain(is_kept);
    let came = part(&mut stood, &mut contact, &back);
    let known = [&known[..], &stood.duplicates, &came.knew].concat();
    suppress(draft, [&contact])?;
    put(draft, stood.clone());
    put(draft, contact.clone());
    stood.duplicates = duplicates::still_possible(draft, &stood)?;
    // What was said since of who stood for both was said of both.
    let told_from = [&contact.distinct[..], &came.distinct].concat();
    let told = Contact {
        distinct: told_from,
        ..contact.clone()
    };
    contact.duplicates = duplicates::still_possible(draft, &told)?;
    draft.happened(Event::ContactUnmerged {
        from: stood.id,
        contact: id,
    });
    let (said_there, said_here) = (said(draft, &back), said(draft, &others));
    let came_back: Vec<LeadId> = back.iter().map(|lead| lead.id).collect();
    bring(draft, vec![(back, &contact), (others, &stood)])?;
    // A place that two of them wanted, while one stood for both, is its lead's again.
    contact.keeping = those_that_keep_a_place(draft, came_back)?;
    let (stands, parted) = (stood.id, contact.id);
    let own = identities::own(draft, &stood);
    put(draft, stood);
    put(draft, contact);
    duplicates::distinguish_all(draft, parted, &came.distinct)?;
    identities::hand_back(draft, stands, parted, &came.lost)?;
    // What leads that go back said since is not what the other is known by.
    let is_gone = |known: &Identity| said_there.contains(known) && !said_here.contains(known);
    let gone: Vec<Identity> = came.identities.into_iter().filter(is_gone).collect();
    identities::give_up(draft, stands, &gone)?;
    identities::learn_anew(draft, parted, &said_there)?;
    identities::learn_all(draft, stands, own.into_iter().chain(said_here))?;
    duplicates::part_duplicates(draft, [stands, parted], &known)
}

/// The tax numbers that open leads say.
fn said(draft: &Draft<'_>, leads: &[Lead]) -> Vec<Identity> {
    let open = leads.iter().filter(|lead| lead.is_open());
    open.flat_map(|lead| identities::tax_numbers_in(draft.playbook, &lead.fields))
        .collect()
}

/// The open leads of contacts, and those that keep a place; the actor must be allowed to act on the open
/// ones, and the active playbook to decide them.
pub(crate) fn leads_of(
    draft: &mut Draft<'_>,
    contacts: &[&Contact],
    what: &What,
) -> Result<Vec<Lead>, Stop> {
    let mut ids: Vec<LeadId> = Vec::new();
    for contact in contacts {
        for id in contact.leads.iter().chain(&contact.keeping) {
            if !ids.contains(id) {
                ids.push(*id);
            }
        }
    }
    draft.need(ids.iter().map(|id| Key::lead(draft.tenant, *id)))?;
    let mut leads = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(lead) = draft.read::<Lead>(&Key::lead(draft.tenant, id))? else {
            continue;
        };
        if lead.playbook != draft.playbook.hash {
            return Err(Refusal::NotTakenOver(id).into());
        }
        if lead.is_open() {
            permit(draft, what, Some(&lead))?;
        }
        leads.push(lead);
    }
    Ok(leads)
}

/// Joins what decisions ask of contacts: open leads, messages, consent, identities.
fn join(into: &mut Contact, from: &Contact) -> Result<(), Refusal> {
    let taken = Taken {
        from: from.id,
        email: into.email.is_none() && from.email.is_some(),
        phone: into.phone.is_none() && from.phone.is_some(),
        identities: into.identities.clone(),
        duplicates: into.duplicates.clone(),
        distinct: into.distinct.clone(),
    };
    if taken.email {
        into.email = from.email.clone();
        into.email_invalid_at = from.email_invalid_at;
    }
    if taken.phone {
        into.phone = from.phone.clone();
    }
    into.unsubscribed_at = earlier(into.unsubscribed_at, from.unsubscribed_at);
    into.leads.extend(&from.leads);
    into.keeping.extend(&from.keeping);
    into.book.join(&from.book);
    let new = from.identities.iter();
    let new: Vec<_> = new
        .filter(|known| !into.identities.contains(known))
        .collect();
    into.identities.extend(new);
    into.duplicates = joined_duplicates(into, from);
    into.distinct = joined_distinct(into, from);
    into.taken.push(taken);
    bounded(into)
}

fn bounded(contact: &Contact) -> Result<(), Refusal> {
    let counts = [
        (
            "open leads",
            contact.leads.len(),
            Contact::MOST_OPEN_LEADS,
            "close some of them first",
        ),
        (
            "closed leads that keep a place in a base",
            contact.keeping.len(),
            Contact::MOST_OPEN_LEADS,
            "they stay two contacts",
        ),
        (
            "messages that count towards the cap",
            contact.book.len(),
            MessageBook::MOST,
            "try again when those that are queued have been sent",
        ),
        (
            "addresses and numbers by which they are known",
            contact.identities.len(),
            Contact::MOST_IDENTITIES,
            "they stay two contacts",
        ),
        (
            "contacts that were merged into them",
            contact.taken.len(),
            Contact::MOST_TAKEN,
            "merge this one into another contact",
        ),
        (
            "contacts that are distinct from them",
            contact.distinct.len(),
            Contact::MOST_DISTINCT,
            "they stay two contacts",
        ),
    ];
    match counts.into_iter().find(|(_, count, most, _)| count > most) {
        Some((sort, count, most, hint)) => Err(Refusal::TooMuchForOne {
            sort,
            count,
            most,
            hint,
        }),
        None => Ok(()),
    }
}

/// Who is distinct from either, but for each other: who is one of them now was held for another person.
fn joined_distinct(into: &Contact, from: &Contact) -> Vec<ContactId> {
    let mut distinct = into.distinct.clone();
    let new = from
        .distinct
        .iter()
        .filter(|id| !into.distinct.contains(id));
    distinct.extend(new);
    distinct.retain(|id| *id != into.id && *id != from.id);
    distinct
}

/// The possible duplicates of both.
fn joined_duplicates(into: &Contact, from: &Contact) -> Vec<ContactId> {
    let mut duplicates = into.duplicates.clone();
    for id in &from.duplicates {
        duplicates::add(&mut duplicates, *id);
    }
    duplicates
}

/// What came to the contact that stood for both since another one was merged into it.
#[derive(Default)]
struct Came {
    identities: Vec<Identity>,
    distinct: Vec<ContactId>,
    /// Who may share something with either: its possible duplicates before and since, and who was distinct
    /// from both.
    knew: Vec<ContactId>,
    /// By what it is known no more: that is the other's alone.
    lost: Vec<Identity>,
}

/// Gives to each what was its own when they were merged; what came since stays with who stood for both, and
/// is told.
fn part(stood: &mut Contact, contact: &mut Contact, back: &[Lead]) -> Came {
    contact.merged_into = None;
    contact.unsubscribed_at = earlier(contact.unsubscribed_at, stood.unsubscribed_at);
    contact.book = stood.book.part(&contact.book);
    let of = |is_wanted: fn(&Lead) -> bool| -> Vec<LeadId> {
        back.iter()
            .filter(|lead| is_wanted(lead))
            .map(|lead| lead.id)
            .collect()
    };
    stood
        .leads
        .retain(|id| back.iter().all(|lead| lead.id != *id));
    stood
        .keeping
        .retain(|id| back.iter().all(|lead| lead.id != *id));
    contact.leads = of(Lead::is_open);
    let Some(taken) = stood.taken.pop() else {
        return Came::default();
    };
    if taken.email && stood.email == contact.email {
        contact.email_invalid_at = stood.email_invalid_at.take();
        stood.email = None;
    }
    if taken.phone && stood.phone == contact.phone {
        stood.phone = None;
    }
    let theirs = &contact.identities;
    let is_theirs = |known: &Identity| theirs.contains(known) && !taken.identities.contains(known);
    let all = std::mem::take(&mut stood.identities);
    let (lost, kept): (Vec<Identity>, Vec<Identity>) = all.into_iter().partition(is_theirs);
    stood.identities = kept;
    let came = stood.identities.iter();
    let came = came.filter(|known| !taken.identities.contains(known));
    let mut came = Came {
        identities: came.copied().collect(),
        distinct: std::mem::take(&mut stood.distinct),
        knew: taken.duplicates.clone(),
        lost,
    };
    let had = Contact {
        duplicates: taken.duplicates.clone(),
        distinct: taken.distinct.clone(),
        ..stood.clone()
    };
    let joined = joined_distinct(&had, contact);
    came.distinct.retain(|id| !joined.contains(id));
    came.knew.extend(&joined);
    stood.distinct = taken.distinct;
    stood.distinct.extend(&came.distinct);
    let joined = joined_duplicates(&had, contact);
    let now = std::mem::take(&mut stood.duplicates);
    stood.duplicates = taken.duplicates;
    for id in now.iter().filter(|id| !joined.contains(id)) {
        duplicates::add(&mut stood.duplicates, *id);
    }
    came.knew.extend(&stood.duplicates);
    came
}

/// Brings leads to their contacts as these are now: their copies, their places, and what follows. What
/// would break a law where it stands is refused, and so are two leads that want one place, if one of them is
/// open: all such are told.
fn bring(draft: &mut Draft<'_>, leads: Vec<(Vec<Lead>, &Contact)>) -> Result<(), Stop> {
    let mut brought = Vec::new();
    for (leads, contact) in leads {
        for mut lead in leads {
            let broken_before = laws::broken_where_it_stands(draft, &lead);
            lead.contact = ContactCopy::of(contact);
            brought.push((lead, broken_before));
        }
    }
    places::need(draft, brought.iter().map(|(lead, _)| lead))?;
    let (mut rivals, mut missing) = (Vec::new(), Vec::new());
    for (mut lead, broken_before) in brought {
        // Of two that keep the place in their ends it doesn't matter which has it.
        if let Some((base, holder)) = places::take_free(draft, &mut lead)? {
            if lead.is_open() || is_open(draft, holder)? {
                let lead = lead.id;
                rivals.push(Rivals { base, lead, holder });
            }
        }
        for law in laws::broken_where_it_stands(draft, &lead) {
            if lead.is_open() && !broken_before.contains(&law) && !missing.contains(&law) {
                missing.push(law);
            }
        }
        settle(draft, &mut lead);
        draft.put_lead(lead);
    }
    match (rivals.is_empty(), missing.is_empty()) {
        (true, true) => Ok(()),
        (true, false) => Err(Refusal::Missing(missing).into()),
        (false, _) => Err(Refusal::RivalLeads { rivals, missing }.into()),
    }
}

fn those_that_keep_a_place(draft: &mut Draft<'_>, leads: Vec<LeadId>) -> Result<Vec<LeadId>, Stop> {
    let mut kept = Vec::new();
    for id in leads {
        let lead = draft.look_at::<Lead>(&Key::lead(draft.tenant, id))?;
        kept.extend(lead.filter(|lead| lead.keeps_a_place()).map(|lead| lead.id));
    }
    Ok(kept)
}

fn is_open(draft: &mut Draft<'_>, lead: LeadId) -> Result<bool, Stop> {
    let lead = draft.read::<Lead>(&Key::lead(draft.tenant, lead))?;
    Ok(lead.is_some_and(|lead| lead.is_open()))
}

fn put(draft: &mut Draft<'_>, contact: Contact) {
    draft.put(Key::contact(draft.tenant, contact.id), contact, None);
}
