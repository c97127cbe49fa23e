//! Addresses to which no marketing goes, whoever has them.
//!
//! Who unsubscribes says so of an address, and others may have it: now or later, known to that contact or
//! not. So it is kept with the address, beside the claims to it, and asked when a message is handed over.
//! Contacts say of themselves what is known of them.

use crate::decide::Stop;
use crate::decide::draft::Draft;
use crate::email::Email;
use crate::record::contact::Identity;
use crate::record::{Claim, Contact};
use crate::store::Key;
use crate::time::Instant;

/// Where it is kept.
pub(crate) fn suppression(draft: &Draft<'_>, address: Identity) -> Key {
    Key::claim(draft.tenant, Claim::to_suppression(address))
}

/// Since when no marketing goes to this address.
pub(crate) fn suppressed_since(
    draft: &mut Draft<'_>,
    email: &Email,
) -> Result<Option<Instant>, Stop> {
    let key = suppression(draft, Identity::email(email));
    match draft.look_at::<Claim>(&key)? {
        Some(Claim::Suppressed { since }) => Ok(Some(*since)),
        _ => Ok(None),
    }
}

/// No marketing goes any more to the addresses of those of these contacts that want none.
pub(crate) fn suppress<'c>(
    draft: &mut Draft<'_>,
    contacts: impl IntoIterator<Item = &'c Contact>,
) -> Result<(), Stop> {
    let mut wanted = Vec::new();
    for contact in contacts {
        let Some(since) = contact.unsubscribed_at else {
            continue;
        };
        let addresses = contact.addresses();
        wanted.extend(addresses.map(|known| (suppression(draft, known), since)));
    }
    draft.need(wanted.iter().map(|(key, _)| key.clone()))?;
    for (key, since) in wanted {
        if draft.look_at::<Claim>(&key)?.is_none() {
            draft.put(key, Claim::Suppressed { since }, None);
        }
    }
    Ok(())
}
