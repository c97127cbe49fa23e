//! Leads found by what people know of a contact: a part of the name, of the e-mail address or of the
//! phone number.
//!
//! Conditions compare whole texts, which is not how anybody looks for a name; so each lead is looked at,
//! as far as a condition lets it through. Neither the case of letters nor their accents make a
//! difference, and of a phone number neither how it is grouped nor whether it says its country.
//!
//! Who was merged into another contact is found as well: by the leads of who stands for both.

use std::collections::{BTreeMap, BTreeSet};

use leadkit::email::Email;
use leadkit::ids::ContactId;
use leadkit::record::contact::{Claim, Contact, dialled};
use leadkit::record::lead::{ContactCopy, Lead};
use leadkit::store::Key;
use leadkit::value::plain;

use crate::database::{self, Opened};
use crate::listing::{Found, Unreadable};
use crate::report::quoted;
use crate::{Asked, Failure};

/// How many digits a number has at least that is dialled within a country.
const SHORTEST_NUMBER: usize = 7;

/// What is known of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    /// Each is a part of the name or of the address.
    words: Vec<String>,
    /// The digits of a phone number, if it can be one.
    number: Option<String>,
}

impl Sought {
    /// What somebody typed.
    ///
    /// # Errors
    /// [`Asked::NothingSought`].
    pub fn said(text: &str) -> Result<Self, Failure> {
        let words: Vec<String> = text.split_whitespace().map(plain).collect();
        if words.is_empty() {
            return Err(Asked::NothingSought.into());
        }
        let is_of_number = |c: char| c.is_ascii_digit() || "+-()./ ".contains(c);
        let number = text.chars().all(is_of_number).then(|| digits(text));
        Ok(Self {
            words,
            number: number.filter(|number| !number.is_empty()),
        })
    }

    /// Whether it is said of this contact.
    #[must_use]
    pub fn is(&self, contact: &ContactCopy) -> bool {
        let spellings = contact.email.as_ref().map(Email::spellings);
        let spellings = spellings.iter().flatten().map(|email| plain(email));
        let texts: Vec<String> = spellings.chain([plain(&contact.name)]).collect();
        let is_in = |word: &String| texts.iter().any(|text| text.contains(word.as_str()));
        self.words.iter().all(is_in) || self.is_number(contact.phone.as_deref())
    }

    /// Those of some leads whose contact it is said of, or of somebody who was merged into the contact.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn among(
        &self,
        opened: &Opened<'_>,
        leads: Vec<Lead>,
    ) -> Result<Found<Lead>, Failure> {
        let others = leads.iter().map(|lead| &lead.contact);
        let others = others.filter(|contact| !self.is(contact));
        let others = others.map(|contact| contact.id).collect();
        let mut unreadable = Vec::new();
        let stand_for = self.stand_for(opened, others, &mut unreadable).await?;
        let is_it = |lead: &Lead| self.is(&lead.contact) || stand_for.contains(&lead.contact.id);
        Ok(Found {
            records: leads.into_iter().filter(is_it).collect(),
            unreadable,
        })
    }

    /// Those of some contacts who stand for somebody of whom it is said.
    async fn stand_for(
        &self,
        opened: &Opened<'_>,
        contacts: BTreeSet<ContactId>,
        unreadable: &mut Vec<Unreadable>,
    ) -> Result<BTreeSet<ContactId>, Failure> {
        let mut found = BTreeSet::new();
        // Who was merged, and who stands for them by now.
        let mut merged = BTreeMap::new();
        let loaded = contacts_of(opened, contacts.into_iter()).await?;
        unreadable.extend(loaded.unreadable);
        for contact in loaded.records {
            merged.extend(contact.taken.iter().map(|taken| (taken.from, contact.id)));
        }
        let mut passed: BTreeSet<ContactId> = BTreeSet::new();
        while !merged.is_empty() {
            let mut before = BTreeMap::new();
            // Once each, also where somebody turns merges round meanwhile.
            let from = merged.keys().copied();
            let from: Vec<ContactId> = from.filter(|id| passed.insert(*id)).collect();
            let loaded = contacts_of(opened, from.into_iter()).await?;
            unreadable.extend(loaded.unreadable);
            for contact in loaded.records {
                let Some(stands) = merged.get(&contact.id) else {
                    continue;
                };
                if self.is(&ContactCopy::of(&contact)) {
                    found.insert(*stands);
                }
                before.extend(contact.taken.iter().map(|taken| (taken.from, *stands)));
            }
            merged = before;
        }
        Ok(found)
    }

    fn is_number(&self, phone: Option<&str>) -> bool {
        let (Some(sought), Some(phone)) = (&self.number, phone) else {
            return false;
        };
        let phone = digits(phone);
        let says_its_country = phone.len() >= SHORTEST_NUMBER && sought.ends_with(&phone);
        phone.contains(sought.as_str()) || says_its_country
    }
}

async fn contacts_of(
    opened: &Opened<'_>,
    ids: impl Iterator<Item = ContactId>,
) -> Result<Found<Contact>, Failure> {
    let keys: Vec<Key> = ids.map(|id| Key::contact(&opened.tenant, id)).collect();
    database::records(&opened.engine, &keys).await
}

/// Who has an e-mail address, as a condition on leads: however its domain is written, and as the contact
/// writes it that was known first by it.
///
/// # Errors
/// When the store fails, or a record can't be read.
pub(crate) async fn with_address(opened: &Opened<'_>, email: &str) -> Result<String, Failure> {
    let Ok(email) = email.parse::<Email>() else {
        return Ok(format!("contact.email == {}", quoted(email)));
    };
    let mut spellings = email.spellings();
    let first = known_by(opened, &email).await?.into_iter().next();
    let own = first.and_then(|contact| contact.email);
    spellings.extend(own.map(|own| own.as_str().into()));
    let spellings: Vec<_> = spellings.iter().map(|email| quoted(email)).collect();
    Ok(format!("contact.email in [{}]", spellings.join(", ")))
}

/// The contact that was known first by an e-mail address, and after it who stands for it since it was
/// merged; none, if it wasn't.
///
/// # Errors
/// When the store fails, or a record can't be read.
pub(crate) async fn merged_of(opened: &Opened<'_>, email: &str) -> Result<Vec<Contact>, Failure> {
    let Ok(email) = email.parse::<Email>() else {
        return Ok(Vec::new());
    };
    let contacts = known_by(opened, &email).await?;
    let was_merged = contacts.len() > 1;
    Ok(if was_merged { contacts } else { Vec::new() })
}

/// The same, whether it was merged or not.
async fn known_by(opened: &Opened<'_>, email: &Email) -> Result<Vec<Contact>, Failure> {
    let key = Key::claim(&opened.tenant, Claim::to_email(email));
    let claim = database::record::<Claim>(&opened.engine, key).await?;
    let mut next = match claim {
        Some(Claim::Contact(id)) => Some(id),
        _ => None,
    };
    let mut contacts: Vec<Contact> = Vec::new();
    while let Some(id) = next {
        // Somebody turns merges round meanwhile.
        if contacts.iter().any(|known| known.id == id) {
            break;
        }
        let contact = opened.handle().contact(id).await?;
        next = contact.as_ref().and_then(|contact| contact.merged_into);
        contacts.extend(contact);
    }
    Ok(contacts)
}

/// The digits of a number without the zeros before it, which are dialled within a country alone.
fn digits(phone: &str) -> String {
    let dialled = dialled(phone).replace('+', "");
    dialled.trim_start_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadkit::ids::{ContactId, Id};

    fn contact(name: &str, phone: &str) -> ContactCopy {
        ContactCopy {
            id: ContactId(Id::named("contact", name)),
            name: name.into(),
            email: Some("lvera@example.com".parse().unwrap()),
            phone: Some(phone.into()),
            unsubscribed: false,
            email_invalid: false,
            possible_duplicate: false,
        }
    }

    fn is_found(text: &str, name: &str, phone: &str) -> bool {
        Sought::said(text).unwrap().is(&contact(name, phone))
    }

    #[test]
    fn a_name_is_found_by_its_parts_without_capitals_and_accents() {
        for text in ["vera", "LUIS vera", "vera luís", "lvera@example", "nuñez"] {
            assert!(is_found(text, "Luís Vera Núñez", "1"), "{text}");
        }
        for text in ["luis verab", "vera ana"] {
            assert!(!is_found(text, "Luís Vera Núñez", "1"), "{text}");
        }
        assert!(Sought::said("  ").is_err());
    }

    #[test]
    fn accents_of_other_languages_make_no_difference_either() {
        for (text, name) in [
            ("novotny", "Eva Novotný"),
            ("NOVOTNÝ", "Eva Novotny\u{301}"),
            ("erdos", "Pál ERDŐS"),
            ("walesa", "Lech Wałęsa"),
            ("simic", "Ana Šimić"),
            ("soren", "Søren Kjær"),
            ("sahin", "Işıl Şahin"),
        ] {
            assert!(is_found(text, name, "1"), "{text} of {name}");
        }
    }

    #[test]
    fn a_number_is_found_however_it_is_written_and_with_or_without_its_country() {
        let kept = ["+593 99 123 4567", "0991234567", "(099) 123-4567"];
        for kept in kept {
            for text in ["+593991234567", "099 123 4567", "99-123-4567", "1234567"] {
                assert!(is_found(text, "Luis", kept), "{text} of {kept}");
            }
            assert!(!is_found("099 123 4568", "Luis", kept), "{kept}");
        }
        // A name with a number in it is a name.
        assert!(!is_found("luis 1234567", "Ana", "0991234567"));
    }
}
