//! Contacts, and the copies that their open leads keep of them: whoever changes a contact renews the
//! copies in the same commit.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use crate::decide::command::Correction;
use crate::decide::draft::Draft;
use crate::decide::refusal::{Gaps, Problem, Refusal};
use crate::decide::settling::settle;
use crate::decide::suppression::{suppress, suppressed_since};
use crate::decide::{Stop, adoption, duplicates, identities, places};
use crate::email::Email;
use crate::ids::{ContactId, LeadId};
use crate::letters::is_blank;
use crate::record::contact::{Contact, ContactPart, Identity};
use crate::record::journal::Event;
use crate::record::lead::{ContactCopy, Lead};
use crate::store::Key;
use crate::time::Instant;

/// The contact wants no more marketing, on any of its open leads; at once and for good. None goes to its
/// address, whoever has it; of those contacts it knows them, and they are told.
pub(crate) fn unsubscribe(draft: &mut Draft<'_>, lead: &mut Lead) -> Result<(), Stop> {
    let at = draft.now;
    let unsubscribed = |lead| Event::Unsubscribed { lead };
    draft.happened(unsubscribed(lead.id));
    let mut others = with_the_same_address(draft, lead.contact.id)?;
    change_contact(draft, lead, |contact| {
        contact.unsubscribed_at.get_or_insert(at);
    })?;
    for other in &mut others {
        other.unsubscribed_at.get_or_insert(at);
    }
    let contact = current(draft, lead.contact.id)?;
    suppress(draft, contact.iter().chain(&others))?;
    need_leads(draft, &others)?;
    for other in others {
        // The lead at hand is none of theirs, and whatever playbook decides theirs, this is never refused.
        renew_copies(draft, &other, Some(lead.id), Some(&unsubscribed))?;
        draft.put(Key::contact(draft.tenant, other.id), other, None);
    }
    Ok(())
}

/// The other contacts that bear the address of this one.
fn with_the_same_address(draft: &mut Draft<'_>, id: ContactId) -> Result<Vec<Contact>, Stop> {
    let Some(contact) = current(draft, id)? else {
        return Ok(Vec::new());
    };
    let address = contact.email.as_ref().map(Email::key);
    if address.is_none() {
        return Ok(Vec::new());
    }
    let mut others = duplicates::all_who_share(draft, &contact)?;
    others.retain(|other| other.email.as_ref().map(Email::key) == address);
    Ok(others)
}

/// Corrects what is known of the contact, on all its open leads: somebody asked the person.
pub(crate) fn correct(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    correction: &Correction,
) -> Result<(), Stop> {
    check(correction)?;
    let Some(mut contact) = current(draft, lead.contact.id)? else {
        return Ok(());
    };
    let key = Key::contact(draft.tenant, contact.id);
    let before = contact.clone();
    let mut what = Vec::new();
    if let Some(name) = &correction.name {
        contact.name = name.trim().into();
        what.extend((contact.name != before.name).then_some(ContactPart::Name));
    }
    if let Some(phone) = &correction.phone {
        contact.phone = phone_in(phone).map(SmolStr::from);
        what.extend((contact.phone != before.phone).then_some(ContactPart::Phone));
    }
    if what.is_empty() {
        return Ok(());
    }
    let home = draft.playbook.country;
    let phone = |contact: &Contact| Identity::phone(contact.phone.as_deref()?, home);
    let (old, new) = (phone(&before), phone(&contact));
    if old != new {
        let had_no_room = identities::is_full(&contact);
        identities::forget(draft, &mut contact, old)?;
        identities::learn(draft, &mut contact, new, &[lead.id])?;
        if had_no_room && !identities::is_full(&contact) {
            contact = identities::fill_beside(draft, contact, lead)?;
        }
    }
    let corrected = |lead| Event::ContactCorrected {
        lead,
        what: what.clone(),
    };
    draft.happened(corrected(lead.id));
    renew_copy(draft, lead, &contact)?;
    renew_copies(draft, &contact, Some(lead.id), Some(&corrected))?;
    draft.put(key, contact, None);
    Ok(())
}

/// Notes the address that was given with a later step: the first one stays the contact's. Who had none is
/// known by it from now on.
pub(crate) fn give_email(draft: &mut Draft<'_>, lead: &mut Lead, said: &str) -> Result<(), Stop> {
    let Ok(email) = said.parse::<Email>() else {
        return Err(Gaps::one("email", Problem::NotAnEmail).into());
    };
    let Some(mut contact) = current(draft, lead.contact.id)? else {
        return Ok(());
    };
    match &contact.email {
        Some(known) if known.key() == email.key() => return Ok(()),
        Some(_) => {
            draft.happened(Event::OtherEmailGiven { lead: lead.id });
            return Ok(());
        }
        None => {}
    }
    let identity = Identity::email(&email);
    let suppressed_since = suppressed_since(draft, &email)?;
    contact.unsubscribed_at = earlier(contact.unsubscribed_at, suppressed_since);
    if let Some(holder) = identities::known_by(draft, identity)? {
        contact.email_invalid_at = holder.email_invalid_at;
    }
    identities::learn(draft, &mut contact, Some(identity), &[lead.id])?;
    contact.email = Some(email);
    suppress(draft, [&contact])?;
    let learned = |lead| Event::ContactLearned {
        lead,
        what: vec![ContactPart::Email],
    };
    draft.happened(learned(lead.id));
    renew_copy(draft, lead, &contact)?;
    places::take(draft, lead)?;
    renew_copies(draft, &contact, Some(lead.id), Some(&learned))?;
    draft.put(Key::contact(draft.tenant, contact.id), contact, None);
    Ok(())
}

fn check(correction: &Correction) -> Result<(), Refusal> {
    let mut gaps = Gaps::default();
    let name = correction.name.as_deref();
    let phone = correction.phone.as_deref();
    if name.is_some_and(is_blank) {
        gaps.add("name", Problem::Missing);
    }
    check_phone(phone, &mut gaps);
    gaps.add_too_long("name", name, LONGEST_NAME);
    gaps.add_too_long("phone", phone, LONGEST_NAME);
    gaps.told()
}

/// Whether what is said as a phone number, if anything is, has a digit to dial.
pub(crate) fn check_phone(said: Option<&str>, gaps: &mut Gaps) {
    if said.is_some_and(|said| !said.trim().is_empty() && phone_in(said).is_none()) {
        gaps.add("phone", Problem::NotAPhone);
    }
}

/// What is said as a phone number, if it has a digit to dial.
pub(crate) fn phone_in(said: &str) -> Option<&str> {
    let said = said.trim();
    said.chars().any(|c| c.is_ascii_digit()).then_some(said)
}

/// How long a contact's name or phone number can be, in bytes.
pub(crate) const LONGEST_NAME: usize = 256;

/// A contact, or the one that it was merged into.
pub(crate) fn current(draft: &mut Draft<'_>, id: ContactId) -> Result<Option<Contact>, Stop> {
    let mut id = id;
    let mut trail = Trail::default();
    loop {
        let contact = draft.read::<Contact>(&Key::contact(draft.tenant, id))?;
        let Some(into) = contact.as_ref().and_then(|contact| contact.merged_into) else {
            return Ok(contact);
        };
        trail.pass(draft, id)?;
        id = into;
    }
}

/// The contacts that were passed on the way from one to who stands for it.
#[derive(Default)]
pub(crate) struct Trail(Vec<ContactId>);

impl Trail {
    /// Passes one. Whoever comes by a second time has read them at different moments.
    pub(crate) fn pass(&mut self, draft: &Draft<'_>, id: ContactId) -> Result<(), Stop> {
        if self.0.contains(&id) {
            return Err(draft.torn(self.0.iter().copied()));
        }
        self.0.push(id);
        Ok(())
    }
}

/// Asks for all these contacts, and for those that they were merged into, step by step for all at once.
pub(crate) fn need_contacts(
    draft: &mut Draft<'_>,
    ids: impl IntoIterator<Item = ContactId>,
) -> Result<(), Stop> {
    let mut ids: Vec<ContactId> = ids.into_iter().collect();
    let mut asked: BTreeSet<ContactId> = BTreeSet::new();
    while !ids.is_empty() {
        ids.retain(|id| asked.insert(*id));
        let keys: Vec<Key> = ids
            .iter()
            .map(|id| Key::contact(draft.tenant, *id))
            .collect();
        draft.need(keys.iter().cloned())?;
        ids.clear();
        for key in keys {
            let contact = draft.look_at::<Contact>(&key)?;
            ids.extend(contact.and_then(|contact| contact.merged_into));
        }
    }
    Ok(())
}

/// Asks for the open leads of all these contacts, whose copies are to be renewed.
pub(crate) fn need_leads<'c>(
    draft: &Draft<'_>,
    contacts: impl IntoIterator<Item = &'c Contact>,
) -> Result<(), Stop> {
    let leads = contacts.into_iter().flat_map(|contact| &contact.leads);
    draft.need(leads.map(|lead| Key::lead(draft.tenant, *lead)))
}

/// Changes a contact and, in the same commit, the copies that its open leads keep.
pub(crate) fn change_contact(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    change: impl FnOnce(&mut Contact),
) -> Result<(), Stop> {
    let Some(mut contact) = current(draft, lead.contact.id)? else {
        return Ok(());
    };
    let key = Key::contact(draft.tenant, contact.id);
    change(&mut contact);
    renew_copy(draft, lead, &contact)?;
    renew_copies(draft, &contact, Some(lead.id), None)?;
    draft.put(key, contact, None);
    Ok(())
}

/// Of two instants the earlier one, if there is any.
pub(crate) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

/// Renews the copy that a lead keeps of its contact.
///
/// A lead that was closed when its contact was merged comes to the survivor only here: it is noted as the
/// merged one's, so that it goes back with it.
pub(crate) fn renew_copy(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    contact: &Contact,
) -> Result<(), Stop> {
    let mut id = lead.contact.id;
    let mut trail = Trail::default();
    while id != contact.id {
        trail.pass(draft, id)?;
        let key = Key::contact(draft.tenant, id);
        let merged = draft.read::<Contact>(&key)?;
        let Some((mut merged, into)) =
            merged.and_then(|merged| merged.merged_into.map(|into| (merged, into)))
        else {
            break;
        };
        if !merged.leads.contains(&lead.id) && !merged.keeping.contains(&lead.id) {
            if merged.leads.len() >= Contact::MOST_OPEN_LEADS {
                return Err(Refusal::TooMany {
                    sort: "leads that go back with a merged contact: take that merge back, and merge again",
                    most: Contact::MOST_OPEN_LEADS,
                }
                .into());
            }
            merged.leads.push(lead.id);
            draft.put(key, merged, None);
        }
        id = into;
    }
    lead.contact = ContactCopy::of(contact);
    Ok(())
}

/// Renews the copies that the open leads of a contact keep, but for the one at hand; `news` is what
/// is put on record for each of them.
pub(crate) fn renew_copies(
    draft: &mut Draft<'_>,
    contact: &Contact,
    at_hand: Option<LeadId>,
    news: Option<&dyn Fn(LeadId) -> Event>,
) -> Result<(), Stop> {
    let others = contact.leads.iter().copied();
    let others: Vec<LeadId> = others.filter(|lead| Some(*lead) != at_hand).collect();
    draft.need(others.iter().map(|lead| Key::lead(draft.tenant, *lead)))?;
    let copy = ContactCopy::of(contact);
    let mut renewed = Vec::with_capacity(others.len());
    for other in others {
        let other = draft.read::<Lead>(&Key::lead(draft.tenant, other))?;
        let Some(mut other) = other.filter(|other| news.is_some() || other.contact != copy) else {
            continue;
        };
        if other.playbook != draft.playbook.hash {
            // It gets its copies when it is taken over, or the lead at hand is; until then the gate asks
            // the contact itself. If neither is to come, this is for the active playbook to decide.
            if at_hand.is_none() {
                adoption::rely_on_active(draft)?;
            }
            continue;
        }
        other.contact = copy.clone();
        renewed.push(other);
    }
    places::need(draft, &renewed)?;
    for mut other in renewed {
        places::take(draft, &mut other)?;
        if let Some(news) = news {
            draft.happened(news(other.id));
        }
        settle(draft, &mut other);
        draft.put_lead(other);
    }
    Ok(())
}

/// Adds an open lead to its contact.
pub(crate) fn add_open_lead(contact: &mut Contact, lead: LeadId) -> Result<(), Refusal> {
    if contact.leads.len() >= Contact::MOST_OPEN_LEADS {
        return Err(Refusal::TooMany {
            sort: "open leads of one contact",
            most: Contact::MOST_OPEN_LEADS,
        });
    }
    contact.leads.push(lead);
    Ok(())
}

pub(crate) fn with_contact(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    change: impl FnOnce(&mut Contact, &mut Lead) -> Result<(), Refusal>,
) -> Result<(), Stop> {
    if let Some(mut contact) = current(draft, lead.contact.id)? {
        change(&mut contact, lead)?;
        draft.put(Key::contact(draft.tenant, contact.id), contact, None);
    }
    Ok(())
}
