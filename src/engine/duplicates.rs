//! Who is possibly the same person.

use super::Error;
use super::tenant::TenantHandle;
use crate::ids::ContactId;
use crate::record::Contact;
use crate::record::contact::IdentitySort;
use crate::store::Key;

/// A contact that is possibly the same person as another one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Duplicate {
    /// The contact.
    pub contact: Contact,
    /// What both are known by.
    pub shares: Vec<IdentitySort>,
}

impl TenantHandle<'_> {
    /// A contact, as it is.
    ///
    /// # Errors
    /// When the store fails or the record can't be read.
    pub async fn contact(&self, id: ContactId) -> Result<Option<Contact>, Error> {
        self.engine.read(Key::contact(self.name(), id)).await
    }

    /// The contacts that are possibly the same person as this one, or as the one that it was merged into;
    /// at most [`Contact::MOST_DUPLICATES`].
    ///
    /// # Errors
    /// When there is no such contact, the store fails, or a record can't be read.
    pub async fn duplicates(&self, of: ContactId) -> Result<Vec<Duplicate>, Error> {
        let Some(contact) = self.standing(of).await? else {
            return Err(Error::NotThere("contact"));
        };
        let mut found = Vec::new();
        for id in &contact.duplicates {
            let other = self.standing(*id).await?;
            let is_told = |other: &Contact| {
                let mut told = found.iter().map(|told: &Duplicate| told.contact.id);
                other.id == contact.id || told.any(|told| told == other.id)
            };
            let Some(other) = other.filter(|other| !is_told(other)) else {
                continue;
            };
            let shares: Vec<_> = contact.shares(&other).collect();
            // Who forgot this one could not tell it that they share nothing any more.
            if !shares.is_empty() {
                found.push(Duplicate {
                    contact: other,
                    shares,
                });
            }
        }
        Ok(found)
    }

    /// The contacts of which somebody said that they are other persons than this one, or than the one that it
    /// was merged into; or those who stand for them by now, each once.
    ///
    /// # Errors
    /// When there is no such contact, the store fails, or a record can't be read.
    pub async fn distinct(&self, from: ContactId) -> Result<Vec<ContactId>, Error> {
        let Some(contact) = self.standing(from).await? else {
            return Err(Error::NotThere("contact"));
        };
        let mut found = Vec::new();
        for id in &contact.distinct {
            let other = self.standing(*id).await?.map(|other| other.id);
            found.extend(other.filter(|other| *other != contact.id && !found.contains(other)));
        }
        Ok(found)
    }

    /// A contact, or the one that stands for it since they were merged.
    async fn standing(&self, id: ContactId) -> Result<Option<Contact>, Error> {
        let mut contact = self.contact(id).await?;
        let mut passed = vec![id];
        while let Some(into) = contact.as_ref().and_then(|contact| contact.merged_into) {
            // Somebody turns merges round meanwhile.
            if passed.contains(&into) {
                break;
            }
            passed.push(into);
            contact = self.contact(into).await?;
        }
        Ok(contact)
    }
}
