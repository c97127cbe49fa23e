//! `leadkit explain`: a lead's history, what is due next, and how each rule stands.

use leadkit::engine::{Error, TenantHandle};
use leadkit::explain::{Explanation, Past};
use leadkit::ids::LeadId;
use leadkit::record::Lead;
use leadkit::store::Order;
use serde::Serialize;

use crate::database::{Database, For, REHEARSED};
use crate::report::quoted;
use crate::sought::Sought;
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
    let told = pollster::block_on(async {
        opened.must_be_there().await?;
        let lead = only(&handle, &asked.which).await?;
        match handle.explain_newest(lead, last).await {
            Err(Error::UnknownPlaybook(former)) => {
                opened.must_be_under_its_playbook().await?;
                Err(Failure::NotTakenOver {
                    lead,
                    former,
                    adopt: asked.database.adopt(),
                })
            }
            Err(Error::NotThere(_)) => Err(Failure::Asked(format!(
                "there is no lead {lead} of `{}`",
                opened.tenant
            ))),
            explained => Ok(explained?),
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
    let explained = Explained { told, rehearsed };
    Ok(Reported::new(text, &explained, true))
}

/// The one lead that is asked for.
async fn only(handle: &TenantHandle<'_>, which: &Which) -> Result<LeadId, Failure> {
    let (said, found) = match which {
        Which::Id(text) => return id(text),
        Which::Email(email) => {
            let email = email.trim();
            let condition = format!("contact.email == {}", quoted(email));
            let page = async |after, size| handle.leads(&condition, Order::Id, after, size).await;
            (email, listing::first(MOST_NAMED, page).await?)
        }
        Which::Find(text) => {
            let sought = Sought::said(text)?;
            let page = async |after, size| handle.leads("", Order::Id, after, size).await;
            let is_it = |lead: &Lead| sought.is(&lead.contact);
            let found = listing::kept(MOST_NAMED, is_it, page).await?;
            (text.as_str(), found.0)
        }
    };
    match (found.records.as_slice(), found.unreadable.as_slice()) {
        ([], []) => Err(Failure::Asked(match which {
            Which::Find(_) => format!(
                "no lead's contact has `{said}` in the name, the e-mail address or the phone number"
            ),
            _ => format!("no lead has the e-mail address {said}"),
        })),
        ([lead], []) => Ok(lead.id),
        // It says by itself that it can't be read.
        ([], [one]) => id(&one.id),
        (several, unreadable) => {
            let several = several.iter().map(|lead| {
                let (name, stage) = (&lead.contact.name, &lead.stage);
                format!("{} ({name}, {}.{stage})", lead.id, lead.pipeline)
            });
            let unreadable = unreadable
                .iter()
                .map(|one| format!("{} (can't be read)", one.id));
            let ids: Vec<String> = several.chain(unreadable).collect();
            Err(Failure::Asked(format!(
                "several leads have `{said}`; say which by its id:\n  {}",
                ids.join("\n  ")
            )))
        }
    }
}

fn id(text: &str) -> Result<LeadId, Failure> {
    let id = text.parse::<LeadId>();
    id.map_err(|error| Failure::Asked(error.to_string()))
}
