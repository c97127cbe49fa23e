//! Contacts in scenarios: merged and parted in steps, and what is known of them.

use smol_str::SmolStr;

use super::names::Sort;
use super::read::Named;
use super::unmet::{Happened, differ};
use super::world::World;
use crate::decide::command::{Correction, LeadOrder, What};
use crate::engine::{Duplicate, Error};
use crate::playbook::read::{Node, Section};
use crate::record::Lead;

/// What is said of contacts: that two are one person, or that they are two. Contacts are named by leads that
/// were registered with them.
#[derive(Clone, Debug)]
pub enum Merging {
    /// One is merged into another.
    Merge {
        /// The one that stands for both.
        into: SmolStr,
        /// The one that is merged.
        from: SmolStr,
    },
    /// That is taken back.
    Unmerge {
        /// The one that was merged.
        contact: SmolStr,
    },
    /// Two that share something are two persons.
    Distinguish {
        /// One of them.
        contact: SmolStr,
        /// The other.
        from: SmolStr,
    },
}

impl Merging {
    /// `merge = { from = "vera", into = "luis" }`, `unmerge = { contact = "vera" }`,
    /// `distinguish = { contact = "vera", from = "luis" }`
    pub(super) fn read(verb: &str, section: &mut Section<'_>, named: &Named<'_>) -> Option<Self> {
        let mut said = |key| named.required(section, key, Sort::Lead).map(SmolStr::from);
        match verb {
            "merge" => {
                let (from, into) = (said("from"), said("into"));
                let (from, into) = (from?, into?);
                Some(Self::Merge { into, from })
            }
            "distinguish" => {
                let (contact, from) = (said("contact"), said("from"));
                let (contact, from) = (contact?, from?);
                Some(Self::Distinguish { contact, from })
            }
            _ => {
                let contact = said("contact")?;
                Some(Self::Unmerge { contact })
            }
        }
    }

    /// The lead that it is about: that of the contact which is merged, parted or told from another.
    pub(super) fn lead(&self) -> &SmolStr {
        match self {
            Self::Merge { from, .. } => from,
            Self::Unmerge { contact } | Self::Distinguish { contact, .. } => contact,
        }
    }

    /// What is asked for.
    pub(super) fn what(&self, world: &World) -> Result<What, Error> {
        let contact = |lead: &str| {
            let contact = world.contact_id(lead);
            contact.ok_or(Error::NotThere("lead of this name"))
        };
        Ok(match self {
            Self::Merge { into, from } => What::MergeContacts {
                into: contact(into)?,
                from: contact(from)?,
            },
            Self::Unmerge { contact: lead } => What::UnmergeContact {
                contact: contact(lead)?,
            },
            Self::Distinguish {
                contact: lead,
                from,
            } => What::DistinguishContacts {
                one: contact(lead)?,
                other: contact(from)?,
            },
        })
    }
}

/// `correct = { name = "Luis Vera", phone = "+593 99 123 4567" }`
pub(super) fn read_correction(section: &mut Section<'_>) -> LeadOrder {
    let mut said = |key| {
        let text = section.optional(key).and_then(|node| node.text());
        text.map(SmolStr::from)
    };
    let (name, phone) = (said("name"), said("phone"));
    LeadOrder::CorrectContact(Correction { name, phone })
}

/// `give-email = { email = "luis@example.com" }`
pub(super) fn read_email(section: &mut Section<'_>) -> Option<LeadOrder> {
    let email = section.required("email").and_then(|node| node.text())?;
    let email = email.into();
    Some(LeadOrder::GiveEmail { email })
}

/// What is expected to be known of a lead's contact; an empty text, where nothing is.
#[derive(Clone, Debug)]
pub struct ExpectedContact {
    /// The name.
    pub name: Option<SmolStr>,
    /// The e-mail address.
    pub email: Option<SmolStr>,
    /// The phone number.
    pub phone: Option<SmolStr>,
}

/// `{ name = "Luis Vera", email = "luis@example.com", phone = "" }`
pub(super) fn read_expected(node: &Node<'_>) -> Option<ExpectedContact> {
    let mut section = node.section()?;
    let mut text = |key| {
        let said = section.optional(key).and_then(|node| node.text());
        said.map(SmolStr::from)
    };
    let expected = ExpectedContact {
        name: text("name"),
        email: text("email"),
        phone: text("phone"),
    };
    section.finish();
    Some(expected)
}

impl ExpectedContact {
    /// Why it did not come true; nothing if it did.
    pub(super) fn unmet(&self, lead: &Lead) -> Option<String> {
        let contact = &lead.contact;
        let email = contact.email.as_ref().map(|email| email.as_str());
        let known = [
            (
                "the contact's name",
                &self.name,
                Some(contact.name.as_str()),
            ),
            ("the contact's email", &self.email, email),
            ("the contact's phone", &self.phone, contact.phone.as_deref()),
        ];
        known.into_iter().find_map(|(what, wanted, found)| {
            differ(what, wanted.as_deref()?, found.unwrap_or_default())
        })
    }
}

/// Why these are not the lead's possible duplicates, all of them; nothing if they are.
pub(super) fn unmet_duplicates(wanted: &[SmolStr], happened: &Happened<'_>) -> Option<String> {
    let label = |duplicate: &Duplicate| {
        let is_it = |lead: &&SmolStr| {
            let other = happened.other(lead);
            other.is_some_and(|other| other.contact.id == duplicate.contact.id)
        };
        let known = wanted.iter().find(is_it);
        known.unwrap_or(&duplicate.contact.name).clone()
    };
    let mut found: Vec<SmolStr> = happened.duplicates.iter().map(label).collect();
    found.sort_unstable();
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    differ("possible duplicates", wanted, found)
}
