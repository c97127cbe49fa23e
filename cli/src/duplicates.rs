//! `leadkit duplicates`, `leadkit merge`, `leadkit unmerge` and `leadkit distinguish`: who is possibly the
//! same person, and saying who is and who isn't.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use leadkit::decide::command::Actor;
use leadkit::ids::ContactId;
use leadkit::record::Contact;
use leadkit::store::Order;
use serde_json::{Value, json};

use crate::database::{self, Database, For};
use crate::report::{counted, table};
use crate::{Failure, Reported, listing};

/// Merging a contact into another one.
#[derive(Clone, Debug)]
pub struct Merge {
    /// The database.
    pub database: Database,
    /// The contact that stands for both.
    pub into: String,
    /// The contact that is merged into it.
    pub from: String,
    /// Who says so: an agent, or `host:NAME`.
    pub by: String,
}

/// Taking a merge back.
#[derive(Clone, Debug)]
pub struct Unmerge {
    /// The database.
    pub database: Database,
    /// The contact that was merged.
    pub contact: String,
    /// Who says so: an agent, or `host:NAME`.
    pub by: String,
}

/// Telling two contacts from each other.
#[derive(Clone, Debug)]
pub struct Distinguish {
    /// The database.
    pub database: Database,
    /// One of them.
    pub one: String,
    /// The other.
    pub other: String,
    /// Who says so: an agent, or `host:NAME`.
    pub by: String,
}

/// Lists the contacts of open leads that are possibly the same person as another one, each beside those.
///
/// # Errors
/// When the database can't be read.
pub fn duplicates(database: &Database) -> Result<Reported, Failure> {
    let opened = database.open(For::Reading)?;
    pollster::block_on(async {
        opened.must_be_under_its_playbook().await?;
        let handle = opened.handle();
        let condition = "open and contact.possible_duplicate";
        let page = async |after, size| handle.leads(condition, Order::Id, after, size).await;
        let found = listing::first(usize::MAX, page).await?;
        let leads = found.records.iter();
        let contacts: BTreeSet<ContactId> = leads.map(|lead| lead.contact.id).collect();
        let mut rows = table(["contact", "name", "e-mail", "phone", "shares", "with"]);
        let mut listed = Vec::with_capacity(contacts.len());
        for id in &contacts {
            let Some(contact) = handle.contact(*id).await? else {
                continue;
            };
            let others = handle.duplicates(*id).await?;
            for other in &others {
                let shares: Vec<&str> = other.shares.iter().map(|sort| sort.as_str()).collect();
                rows.add_row([
                    id.to_string(),
                    contact.name.to_string(),
                    email(&contact),
                    contact.phone.as_deref().unwrap_or_default().to_owned(),
                    shares.join(", "),
                    other.contact.id.to_string(),
                ]);
            }
            let others = others.iter().map(|other| {
                let shares = other.shares.iter().map(|sort| sort.as_str());
                json!({ "contact": told(&other.contact), "shares": shares.collect::<Vec<_>>() })
            });
            listed.push(json!({
                "contact": told(&contact),
                "duplicates": others.collect::<Vec<_>>(),
            }));
        }
        let mut text = match listed.is_empty() {
            true => String::new(),
            false => format!("{rows}\n"),
        };
        let count = counted(listed.len() as u64, "contact");
        let _ = writeln!(text, "{count} possibly known twice");
        listing::tell(&mut text, &found.unreadable);
        let is_well = found.unreadable.is_empty();
        let json = json!({ "contacts": listed, "unreadable": found.unreadable });
        Ok(Reported::new(text, &json, is_well))
    })
}

fn email(contact: &Contact) -> String {
    let email = contact.email.as_ref();
    email.map(ToString::to_string).unwrap_or_default()
}

fn told(contact: &Contact) -> Value {
    json!({
        "id": contact.id.to_string(),
        "name": contact.name,
        "email": contact.email,
        "phone": contact.phone,
    })
}

/// Merges a contact into another one.
///
/// # Errors
/// When it is refused, or the database can't be written.
pub fn merge(asked: &Merge) -> Result<Reported, Failure> {
    let (into, from) = (contact(&asked.into)?, contact(&asked.from)?);
    let opened = asked.database.open(For::Acting)?;
    pollster::block_on(async {
        opened.must_be_under_its_playbook().await?;
        let merging = opened.handle().merge(into, from);
        Ok::<_, Failure>(merging.by(Actor::said(&asked.by)).await?)
    })?;
    let mut text = format!("contact {from} is merged into {into}\n");
    opened.tell_rehearsal(&mut text);
    let json = json!({
        "contact": asked.from,
        "into": asked.into,
        "rehearsal_at": opened.rehearsal_at(),
    });
    Ok(Reported::new(text, &json, true))
}

/// Takes a merge back.
///
/// # Errors
/// When it is refused, or the database can't be written.
pub fn unmerge(asked: &Unmerge) -> Result<Reported, Failure> {
    let merged = contact(&asked.contact)?;
    let opened = asked.database.open(For::Acting)?;
    pollster::block_on(async {
        opened.must_be_under_its_playbook().await?;
        let parting = opened.handle().unmerge(merged);
        Ok::<_, Failure>(parting.by(Actor::said(&asked.by)).await?)
    })?;
    let mut text = format!("contact {merged} stands for itself again\n");
    opened.tell_rehearsal(&mut text);
    let json = json!({
        "contact": asked.contact,
        "rehearsal_at": opened.rehearsal_at(),
    });
    Ok(Reported::new(text, &json, true))
}

/// Says of two possible duplicates that they are two persons.
///
/// # Errors
/// When it is refused, or the database can't be written.
pub fn distinguish(asked: &Distinguish) -> Result<Reported, Failure> {
    let (one, other) = (contact(&asked.one)?, contact(&asked.other)?);
    let opened = asked.database.open(For::Acting)?;
    pollster::block_on(async {
        opened.must_be_under_its_playbook().await?;
        let telling = opened.handle().distinguish(one, other);
        Ok::<_, Failure>(telling.by(Actor::said(&asked.by)).await?)
    })?;
    let mut text = format!("the contacts {one} and {other} are two persons\n");
    opened.tell_rehearsal(&mut text);
    let json = json!({
        "contacts": [asked.one, asked.other],
        "rehearsal_at": opened.rehearsal_at(),
    });
    Ok(Reported::new(text, &json, true))
}

fn contact(typed: &str) -> Result<ContactId, Failure> {
    database::id(typed).map(ContactId)
}
