//! Rows whose contact is known already, by another name or number: what such a row says of the person is
//! kept nowhere, and so it is told.

use leadkit::email::Email;
use leadkit::engine::Error;
use leadkit::ids::{ContactId, LeadId};
use leadkit::phone::is_of_somebody;
use leadkit::record::contact::ContactPart;
use leadkit::record::lead::ContactCopy;
use leadkit::record::{Contact, Lead};
use leadkit::store::Key;
use serde::Serialize;

use super::plan::{Doing, Planned};
use super::run::{Run, State};
use crate::{Failure, database};

/// A row that registered a lead of somebody who is known by another name or phone number. What was known
/// first is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContactDiffers {
    /// The file, as the map names it.
    pub file: String,
    /// The line on which the row begins.
    pub line: u64,
    /// What differs: `name`, `phone`.
    pub what: Vec<&'static str>,
    /// Who it is, as the row says.
    pub says: Person,
    /// Who it is, as is known.
    pub known: Person,
    /// The row that said so: `leads.csv:3`; not known, where none of this history's open leads is theirs.
    pub known_from: Option<String>,
    /// What both have in common: `email`, `phone` or `tax-number`.
    pub shares: &'static str,
    /// The address or the phone number.
    pub shared: String,
}

/// Who a contact is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The phone number.
    pub phone: Option<String>,
}

impl Person {
    fn known(contact: &ContactCopy) -> Self {
        Self {
            name: contact.name.to_string(),
            phone: contact.phone.as_ref().map(ToString::to_string),
        }
    }

    /// The name; with the number, if that is what differs.
    pub(super) fn told(&self, what: &[&str]) -> String {
        match &self.phone {
            Some(phone) if what.contains(&ContactPart::Phone.as_str()) => {
                format!("{}, {phone}", self.name)
            }
            _ => self.name.clone(),
        }
    }
}

impl ContactDiffers {
    /// What a row says otherwise than what is known of its contact; nothing, if it registers nobody.
    pub(super) fn of(
        planned: &Planned,
        file: &str,
        what: &[ContactPart],
        contact: &ContactCopy,
        known_from: Option<String>,
    ) -> Option<Self> {
        let Doing::Register(new) = &planned.doing else {
            return None;
        };
        let said = new.email.as_ref().filter(|said| {
            let said = said.parse::<Email>().ok();
            let keys = said.as_ref().zip(contact.email.as_ref());
            keys.is_some_and(|(said, known)| said.key() == known.key())
        });
        let phone = new.phone.as_ref().filter(|said| is_of_somebody(said));
        let (shares, shared) = match (said, phone) {
            (Some(email), _) => ("email", email.to_string()),
            (None, Some(phone)) => ("phone", phone.to_string()),
            (None, None) => ("tax-number", String::new()),
        };
        Some(Self {
            file: file.to_owned(),
            line: planned.place.line,
            what: what.iter().map(|part| part.as_str()).collect(),
            says: Person {
                name: new.name.trim().to_owned(),
                phone: new.phone.as_ref().map(ToString::to_string),
            },
            known: Person::known(contact),
            known_from,
            shares,
            shared,
        })
    }
}

impl Run<'_> {
    /// Notes the same of a row that was carried out before: what it says otherwise, it said then.
    pub(super) async fn note_contact_of<'p>(
        &self,
        state: &mut State<'p>,
        planned: &'p Planned,
        lead: LeadId,
    ) -> Result<(), Failure> {
        // Most histories know everybody by one name, and need not look anybody up.
        if self.past.differs.is_empty() {
            return Ok(());
        }
        let key = Key::lead(self.tenant, lead);
        let lead = match database::record::<Lead>(self.engine, key).await {
            Ok(Some(lead)) => lead,
            // What can't be read is told with the figures.
            Ok(None) | Err(Failure::Engine(Error::Unreadable { .. })) => return Ok(()),
            Err(failure) => return Err(failure),
        };
        let differs = self.past.differs.get(&planned.id);
        let differs = differs.map_or(&[][..], Vec::as_slice);
        self.note_contact(state, planned, &lead, differs).await
    }

    /// Notes whose lead a row registered, and what it says of them that is kept nowhere.
    pub(super) async fn note_contact<'p>(
        &self,
        state: &mut State<'p>,
        planned: &'p Planned,
        lead: &Lead,
        differs: &[ContactPart],
    ) -> Result<(), Failure> {
        let contact = &lead.contact;
        if differs.is_empty() {
            state.contacts.entry(contact.id).or_insert(planned);
            return Ok(());
        }
        let known_from = self.row_about(state, contact.id).await?;
        let file = &self.map.files[planned.place.file].name;
        let differs = ContactDiffers::of(planned, file, differs, contact, known_from);
        state.ran.contacts_differ.extend(differs);
        Ok(())
    }

    /// The row that said who a contact is, also of an earlier run, as far as one of its leads is open.
    async fn row_about(
        &self,
        state: &State<'_>,
        contact: ContactId,
    ) -> Result<Option<String>, Failure> {
        if let Some(first) = state.contacts.get(&contact) {
            return Ok(Some(self.map.place(&first.place)));
        }
        let key = Key::contact(self.tenant, contact);
        let contact = database::record::<Contact>(self.engine, key).await?;
        let leads = contact.map(|contact| contact.leads).unwrap_or_default();
        let row = leads.iter().find_map(|lead| state.rows.get(lead));
        Ok(row.map(|row| self.map.place(&row.place)))
    }
}
