//! `leadkit duplicates`, `leadkit merge`, `leadkit unmerge` and `leadkit distinguish`: who is possibly the
//! same person, and saying who is and who isn't.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::fmt::Write as _;

use leadkit::decide::command::Actor;
use leadkit::engine::{Error, TenantHandle};
use leadkit::ids::ContactId;
use leadkit::record::Contact;
use leadkit::store::Order;
use serde::Serialize;
use serde_json::json;
use smol_str::{SmolStr, ToSmolStr};

use crate::database::{self, Database, For};
use crate::listing::{PAGE, Unreadable};
use crate::progress::{Bar, Progress};
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

/// Listing the contacts that are possibly known twice.
#[derive(Clone, Debug)]
pub struct Duplicates {
    /// The database.
    pub database: Database,
    /// How progress is shown.
    pub progress: Progress,
}

/// Lists the contacts of open leads that are possibly the same person as another one: each set of them
/// once.
///
/// # Errors
/// When the database can't be read.
pub fn duplicates(asked: &Duplicates) -> Result<Reported, Failure> {
    let opened = asked.database.open(For::Reading)?;
    opened.block_on(async {
        opened.must_be_under_its_playbook().await?;
        let (people, unreadable) = People::read(&opened.handle(), asked.progress).await?;
        let sets = people.sets();
        let mut rows = table(["contact", "name", "e-mail", "phone", "shares"]);
        for (place, set) in sets.iter().enumerate() {
            if place > 0 {
                rows.add_row([""]);
            }
            for person in set {
                let or_none = |text: &Option<SmolStr>| text.as_deref().unwrap_or("-").to_owned();
                rows.add_row([
                    person.id.clone(),
                    person.name.to_string(),
                    or_none(&person.email),
                    or_none(&person.phone),
                    person.shares(),
                ]);
            }
        }
        let mut text = match sets.is_empty() {
            true => String::new(),
            false => format!("{rows}\n"),
        };
        let contacts: usize = sets.iter().map(Vec::len).sum();
        let persons: usize = sets.iter().map(|set| fewest_persons(set)).sum();
        let persons = match persons {
            0 => String::new(),
            count if count == sets.len() => {
                format!(": {}, if all are", counted(count as u64, "person"))
            }
            count => format!(
                ": {}, if all are who were not told from each other",
                counted(count as u64, "person")
            ),
        };
        let contacts = counted(contacts as u64, "contact");
        let _ = writeln!(
            text,
            "{contacts} of open leads possibly the same person as another{persons}"
        );
        listing::tell(&mut text, &unreadable);
        let is_well = unreadable.is_empty();
        let sets = sets.iter().map(|set| json!({ "contacts": set }));
        let json = json!({ "sets": sets.collect::<Vec<_>>(), "unreadable": unreadable });
        Ok(Reported::new(text, &json, is_well))
    })
}

/// A contact that is possibly the same person as another one.
#[derive(Clone, Debug, Serialize)]
struct Person {
    #[serde(skip)]
    contact: ContactId,
    id: String,
    name: SmolStr,
    email: Option<SmolStr>,
    phone: Option<SmolStr>,
    /// What it shares with others of its set.
    shares: BTreeSet<&'static str>,
    #[serde(skip)]
    others: BTreeSet<ContactId>,
    /// Those of whom somebody said that they are other persons.
    #[serde(skip)]
    distinct: BTreeSet<ContactId>,
}

impl Person {
    fn new(contact: &Contact, distinct: Vec<ContactId>) -> Self {
        Self {
            contact: contact.id,
            id: contact.id.to_string(),
            name: contact.name.clone(),
            email: contact.email.as_ref().map(ToSmolStr::to_smolstr),
            phone: contact.phone.clone(),
            shares: BTreeSet::new(),
            others: BTreeSet::new(),
            distinct: distinct.into_iter().collect(),
        }
    }

    fn shares(&self) -> String {
        let shares: Vec<&str> = self.shares.iter().copied().collect();
        shares.join(", ")
    }
}

/// Those who were met.
#[derive(Default)]
struct People(BTreeMap<ContactId, Person>);

impl People {
    /// Goes through the open leads page by page; of their contacts only what is listed is kept.
    async fn read(
        handle: &TenantHandle<'_>,
        progress: Progress,
    ) -> Result<(Self, Vec<Unreadable>), Failure> {
        let condition = "open and contact.possible_duplicate";
        let groups = handle.count(condition, &[]).await?;
        let count = groups.iter().map(|group| group.count).sum();
        let mut bar = Bar::new(progress, count, "leads", "comparing");
        let (mut people, mut asked) = (Self::default(), BTreeSet::new());
        let (mut unreadable, mut after) = (Vec::new(), None);
        loop {
            let page = handle.leads(condition, Order::Id, after, PAGE).await?;
            unreadable.extend(Unreadable::of(&page.unreadable));
            bar.step(page.unreadable.len());
            for lead in page.records {
                if asked.insert(lead.contact.id) {
                    match people.note(handle, lead.contact.id).await {
                        Ok(()) => {}
                        // It keeps none of the others.
                        Err(Error::Unreadable { key, source }) => {
                            unreadable.push(Unreadable::new(&key, &source));
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                bar.step(1);
            }
            after = page.next;
            if after.is_none() {
                listing::tell_once(&mut unreadable);
                return Ok((people, unreadable));
            }
        }
    }

    /// Notes a contact beside those who are possibly the same person.
    async fn note(&mut self, handle: &TenantHandle<'_>, id: ContactId) -> Result<(), Error> {
        let Some(contact) = handle.contact(id).await? else {
            return Ok(());
        };
        for other in handle.duplicates(id).await? {
            let shares = || other.shares.iter().map(|sort| sort.as_str());
            for (one, with) in [(&contact, &other.contact), (&other.contact, &contact)] {
                let person = match self.0.entry(one.id) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => {
                        let distinct = handle.distinct(one.id).await?;
                        new.insert(Person::new(one, distinct))
                    }
                };
                person.shares.extend(shares());
                person.others.insert(with.id);
            }
        }
        Ok(())
    }

    /// Each set of contacts of whom each is possibly the same person as another one of it; two of them may
    /// have been told from each other, and share something with a third.
    fn sets(mut self) -> Vec<Vec<Person>> {
        let mut sets = Vec::new();
        while let Some((id, person)) = self.0.pop_first() {
            let mut next: Vec<ContactId> = person.others.iter().copied().collect();
            let mut set = BTreeMap::from([(id, person)]);
            while let Some(other) = next.pop() {
                if let Some(person) = self.0.remove(&other) {
                    next.extend(&person.others);
                    set.insert(other, person);
                }
            }
            sets.push(set.into_values().collect());
        }
        sets
    }
}

/// As how few persons the contacts of a set can be counted, where nobody is one with whom it was told from:
/// each goes with the first ones with whom that can be.
fn fewest_persons(set: &[Person]) -> usize {
    let mut persons: Vec<Vec<&Person>> = Vec::new();
    for one in set {
        let is_told_from = |other: &&Person| {
            one.distinct.contains(&other.contact) || other.distinct.contains(&one.contact)
        };
        let can_be = |person: &&mut Vec<&Person>| !person.iter().any(is_told_from);
        match persons.iter_mut().find(can_be) {
            Some(person) => person.push(one),
            None => persons.push(vec![one]),
        }
    }
    persons.len()
}

/// Merges a contact into another one.
///
/// # Errors
/// When it is refused, or the database can't be written.
pub fn merge(asked: &Merge) -> Result<Reported, Failure> {
    let (into, from) = (contact(&asked.into)?, contact(&asked.from)?);
    let opened = asked.database.open(For::Acting)?;
    opened.block_on(async {
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
    opened.block_on(async {
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
    opened.block_on(async {
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
