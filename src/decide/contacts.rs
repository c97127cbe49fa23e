//! Contacts, and the copies that their open leads keep of them: whoever changes a contact renews the
//! copies in the same commit.

use crate::decide::Stop;
use crate::decide::draft::Draft;
use crate::decide::life::settle;
use crate::decide::refusal::Refusal;
use crate::ids::LeadId;
use crate::record::Lead;
use crate::record::contact::{Contact, ContactPart, OpenLead};
use crate::record::journal::Event;
use crate::store::Key;

/// The contact wants no more marketing, on any of its open leads; at once and for good.
pub(crate) fn unsubscribe(draft: &mut Draft<'_>, lead: &mut Lead) -> Result<(), Stop> {
    let at = draft.now;
    draft.happened(Event::Unsubscribed { lead: lead.id });
    change_contact(draft, lead, |contact| {
        contact.unsubscribed_at.get_or_insert(at);
    })
}

/// Changes a contact and, in the same commit, the copies that its open leads keep.
pub(crate) fn change_contact(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    change: impl FnOnce(&mut Contact),
) -> Result<(), Stop> {
    let key = Key::contact(draft.tenant, lead.contact.id);
    let Some(mut contact) = draft.read::<Contact>(&key)? else {
        return Ok(());
    };
    change(&mut contact);
    copy_contact(&contact, lead);
    renew_copies(draft, &contact, Some(lead.id), None)?;
    draft.put(key, contact, None);
    Ok(())
}

/// Renews the copies that the open leads of a contact keep, but for the one at hand. `learned` is
/// what they are told became known.
pub(crate) fn renew_copies(
    draft: &mut Draft<'_>,
    contact: &Contact,
    at_hand: Option<LeadId>,
    learned: Option<ContactPart>,
) -> Result<(), Stop> {
    let others = contact.leads.iter().map(|open| open.lead);
    let others: Vec<LeadId> = others.filter(|lead| Some(*lead) != at_hand).collect();
    draft.need(others.iter().map(|lead| Key::lead(draft.tenant, *lead)))?;
    for other in others {
        let other = draft.read::<Lead>(&Key::lead(draft.tenant, other))?;
        // A lead that another playbook clocks gets its copies when it is taken over; until then
        // the gate asks the contact itself.
        if let Some(mut other) = other.filter(|other| other.playbook == draft.playbook.hash) {
            copy_contact(contact, &mut other);
            if let Some(part) = learned {
                let (lead, what) = (other.id, vec![part]);
                draft.happened(Event::ContactLearned { lead, what });
            }
            settle(draft, &mut other);
            draft.put_lead(other);
        }
    }
    Ok(())
}

pub(crate) fn copy_contact(contact: &Contact, lead: &mut Lead) {
    lead.contact.name = contact.name.clone();
    lead.contact.email = contact.email.clone();
    lead.contact.phone = contact.phone.clone();
    lead.contact.unsubscribed = contact.unsubscribed_at.is_some();
    lead.contact.email_invalid = contact.email_invalid_at.is_some();
}

/// Adds an open lead to its contact.
pub(crate) fn add_open_lead(contact: &mut Contact, open: OpenLead) -> Result<(), Refusal> {
    if contact.leads.len() >= Contact::MOST_OPEN_LEADS {
        return Err(Refusal::TooMany {
            sort: "open leads of one contact",
            most: Contact::MOST_OPEN_LEADS,
        });
    }
    contact.leads.push(open);
    Ok(())
}

pub(crate) fn with_contact(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    change: impl FnOnce(&mut Contact, &mut Lead) -> Result<(), Refusal>,
) -> Result<(), Stop> {
    let key = Key::contact(draft.tenant, lead.contact.id);
    if let Some(mut contact) = draft.read::<Contact>(&key)? {
        change(&mut contact, lead)?;
        draft.put(key, contact, None);
    }
    Ok(())
}
