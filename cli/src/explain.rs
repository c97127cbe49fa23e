//! `leadkit explain`: a lead's history, what is due next, and how each rule stands.

use std::cell::RefCell;
use std::fmt::Write as _;

use leadkit::engine::Error;
use leadkit::explain::{Explanation, Past};
use leadkit::ids::LeadId;
use leadkit::record::Lead;
use leadkit::store::Order;
use leadkit::value::folded_eq;
use serde::Serialize;

use crate::database::{Database, For, Opened, REHEARSED};
use crate::failure::Asked;
use crate::failure::asked::{OneOf, unsearched};
use crate::listing::{Found, Unreadable};
use crate::progress::{Bar, Progress};
use crate::sought::{self, Sought};
use crate::{Failure, Reported, listing};

/// Which lead is to be explained.
#[derive(Clone, Debug)]
pub struct Explain {
    /// The database.
    pub database: Database,
    /// Which lead.
    pub which: Which,
    /// How many entries of its history are told, the newest; [`Past::NEWEST`], if `None`.
    pub last: Option<u32>,
    /// How progress is shown.
    pub progress: Progress,
}

/// A lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one of this id.
    Id(String),
    /// The one whose contact has this e-mail address.
    Email(String),
    /// The one whose contact has this in the name, the e-mail address or the phone number.
    Find(String),
}

#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    told: Explanation,
    rehearsed: bool,
    unreadable: Vec<Unreadable>,
}

/// The one lead that is asked for.
struct Only {
    lead: LeadId,
    /// Those of which nobody knows whether they are asked for too.
    unreadable: Vec<Unreadable>,
}

/// How many leads are named where one is asked for.
const MOST_NAMED: usize = 20;

/// Explains a lead.
///
/// # Errors
/// When there is no such lead, or several.
pub fn explain(asked: &Explain) -> Result<Reported, Failure> {
    let opened = asked.database.open(For::Reading)?;
    let handle = opened.handle();
    let last = asked.last.unwrap_or(Past::NEWEST);
    let (told, unreadable) = opened.block_on(async {
        opened.must_be_there().await?;
        let Only { lead, unreadable } = only(&opened, asked).await?;
        match handle.explain_newest(lead, last).await {
            Err(Error::UnknownPlaybook(former)) => {
                opened.must_be_under_its_playbook().await?;
                Err(Failure::NotTakenOver {
                    lead,
                    former,
                    adopt: asked.database.adopt(),
                })
            }
            Err(Error::NotThere(_)) => {
                let tenant = opened.tenant.clone();
                Err(Asked::NoLead { lead, tenant }.into())
            }
            explained => Ok((explained?, unreadable)),
        }
    })?;
    let rehearsed = opened.rehearsal_at().is_some();
    let mut text = told.to_string();
    if rehearsed {
        text.push('\n');
        opened.tell_rehearsal(&mut text);
        text.push_str(REHEARSED);
        text.push('\n');
    }
    if let Some(unsearched) = unsearched(&unreadable).strip_prefix("; ") {
        let _ = writeln!(text, "\n{unsearched}");
    }
    let explained = Explained {
        told,
        rehearsed,
        unreadable,
    };
    Ok(Reported::new(text, &explained, true))
}

/// Finds the one lead that is asked for.
async fn only(opened: &Opened<'_>, asked: &Explain) -> Result<Only, Failure> {
    match &asked.which {
        Which::Id(text) => id(text).map(Only::found),
        Which::Email(email) => of_address(opened, email.trim()).await.map(Only::found),
        Which::Find(text) => search(opened, text, asked.progress).await,
    }
}

/// The leads whose contact has an address, which is known of leads that can't be read, too.
async fn with_address(opened: &Opened<'_>, email: &str) -> Result<Found<Lead>, Failure> {
    let (handle, condition) = (opened.handle(), sought::with_address(opened, email).await?);
    let page = async |after, size| handle.leads(&condition, Order::Id, after, size).await;
    listing::first(MOST_NAMED, page).await
}

/// The leads of who stands for the contact that had an address before it was merged.
async fn of_who_stands_for(opened: &Opened<'_>, email: &str) -> Result<Vec<Lead>, Failure> {
    let handle = opened.handle();
    let merged = sought::merged_of(opened, email).await?;
    let Some(stands) = merged.last() else {
        return Ok(Vec::new());
    };
    let mut leads = match &stands.email {
        Some(own) => with_address(opened, own.as_str()).await?.records,
        None => Vec::new(),
    };
    for id in &stands.leads {
        leads.extend(handle.lead(*id).await?);
    }
    Ok(leads)
}

/// The one lead whose contact has an address, or had it before it was merged.
async fn of_address(opened: &Opened<'_>, email: &str) -> Result<LeadId, Failure> {
    let mut found = with_address(opened, email).await?;
    found
        .records
        .extend(of_who_stands_for(opened, email).await?);
    found.records.sort_by_key(|lead| lead.id);
    found.records.dedup_by_key(|lead| lead.id);
    match (found.records.as_slice(), found.unreadable.as_slice()) {
        ([], []) => Err(Asked::NoLeadAt(email.to_owned()).into()),
        ([lead], []) => Ok(lead.id),
        // It says by itself that it can't be read.
        ([], [one]) => id(&one.id),
        (several, unreadable) => Err(ambiguous(opened, email, (several, 0), unreadable)),
    }
}

/// The one lead whose contact has a text.
async fn search(opened: &Opened<'_>, text: &str, progress: Progress) -> Result<Only, Failure> {
    let (sought, handle) = (Sought::said(text)?, opened.handle());
    let page = async |after, size| handle.leads("", Order::Id, after, size).await;
    // Who has all of the name is meant before those who have it among other words.
    let named = RefCell::new(Vec::new());
    let among = async |leads| {
        let found = sought.among(opened, leads).await?;
        let is_named = |lead: &&Lead| folded_eq(&lead.contact.name, text.trim());
        let ids = found.records.iter().filter(is_named).map(|lead| lead.id);
        named.borrow_mut().extend(ids);
        Ok(found)
    };
    let groups = handle.count("", &[]).await?;
    let all = groups.iter().map(|group| group.count).sum();
    let bar = Bar::new(progress, all, "leads", "searching");
    let (found, count) = listing::kept(MOST_NAMED, among, page, bar).await?;
    let unreadable = found.unreadable;
    let more = count.saturating_sub(u64::try_from(found.records.len()).unwrap_or_default());
    let only = match (found.records.as_slice(), named.borrow().as_slice()) {
        ([lead], _) => Some(lead.id),
        (_, [lead]) => Some(*lead),
        _ => None,
    };
    match (only, found.records.as_slice()) {
        (Some(lead), _) => Ok(Only { lead, unreadable }),
        (None, []) => {
            let text = text.to_owned();
            Err(Asked::NobodyFound { text, unreadable }.into())
        }
        (None, several) => Err(ambiguous(opened, text, (several, more), &[])),
    }
}

/// Which leads there are, where one is asked for.
fn ambiguous(
    opened: &Opened<'_>,
    said: &str,
    (several, more): (&[Lead], u64),
    unreadable: &[Unreadable],
) -> Failure {
    let zone = &opened.playbook.zone;
    let several = several.iter().map(|lead| OneOf {
        lead: lead.id.to_string(),
        contact: Some(lead.contact.name.to_string()),
        email: lead.contact.email.as_ref().map(ToString::to_string),
        stage: Some(format!("{}.{}", lead.pipeline, lead.stage)),
        owner: lead.owner_id().map(ToString::to_string),
        registered: Some(zone.to_local(lead.registered.at).date().to_string()),
    });
    let unreadable = unreadable.iter().map(|one| OneOf {
        lead: one.id.clone(),
        ..OneOf::default()
    });
    let asked = Asked::SeveralLeads {
        said: said.to_owned(),
        leads: several.chain(unreadable).collect(),
        more,
    };
    asked.into()
}

impl Only {
    fn found(lead: LeadId) -> Self {
        Self {
            lead,
            unreadable: Vec::new(),
        }
    }
}

fn id(text: &str) -> Result<LeadId, Failure> {
    Ok(text.parse().map_err(Asked::from)?)
}
