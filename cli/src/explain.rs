//! `leadkit explain`: a lead's history, what is due next, and how each rule stands.

use std::path::PathBuf;
use std::sync::Arc;

use leadkit::clock::SystemClock;
use leadkit::engine::Error;
use leadkit::explain::{Explanation, Past};
use leadkit::ids::LeadId;
use leadkit::store::Order;
use serde::Serialize;

use crate::database::{self, For, REHEARSED};
use crate::{Failure, Reported, check};

/// Which lead is to be explained.
#[derive(Clone, Debug)]
pub struct Explain {
    /// The playbook's folder.
    pub playbook: PathBuf,
    /// The database.
    pub db: PathBuf,
    /// The tenant; the playbook's id, if `None`.
    pub tenant: Option<String>,
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
}

#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    told: Explanation,
    rehearsed: bool,
}

/// Explains a lead.
///
/// # Errors
/// When there is no such lead, or several.
pub fn explain(asked: &Explain) -> Result<Reported, Failure> {
    let playbook = Arc::new(check::read(&asked.playbook)?.playbook);
    let tenant = database::tenant(asked.tenant.as_deref(), &playbook);
    let store = database::open(&asked.db, For::Reading)?;
    let hash = playbook.hash.clone();
    let engine = database::engine(store, &tenant, playbook, SystemClock)?;
    let handle = engine.tenant(tenant.clone());
    let told = pollster::block_on(async {
        database::must_be_there(&asked.db, &engine, &tenant).await?;
        let id = match &asked.which {
            Which::Id(text) => text
                .parse::<LeadId>()
                .map_err(|error| Failure::Asked(error.to_string()))?,
            Which::Email(email) => {
                let condition = format!("contact.email == {:?}", email.trim());
                let found = handle.leads(&condition, Order::Id, None, 20).await?;
                match (found.records.as_slice(), found.unreadable.as_slice()) {
                    ([], []) => {
                        let said = format!("no lead has the e-mail address {email}");
                        return Err(Failure::Asked(said));
                    }
                    ([lead], []) => lead.id,
                    // It says by itself that it can't be read.
                    ([], [(key, _)]) => LeadId(key.id),
                    (several, unreadable) => {
                        let several = several
                            .iter()
                            .map(|lead| format!("{} ({}.{})", lead.id, lead.pipeline, lead.stage));
                        let unreadable = unreadable
                            .iter()
                            .map(|(key, _)| format!("{} (can't be read)", key.id));
                        let ids: Vec<String> = several.chain(unreadable).collect();
                        let said = format!(
                            "{email} has several leads; say which by its id: {}",
                            ids.join(", ")
                        );
                        return Err(Failure::Asked(said));
                    }
                }
            }
        };
        let last = asked.last.unwrap_or(Past::NEWEST);
        match handle.explain_newest(id, last).await {
            Err(Error::UnknownPlaybook(active)) => Err(Failure::OtherPlaybook {
                tenant: tenant.clone(),
                active,
                given: hash,
            }),
            Err(Error::NotThere(_)) => Err(Failure::Asked(format!(
                "there is no lead {id} of `{tenant}`"
            ))),
            explained => Ok(explained?),
        }
    })?;
    let rehearsed = database::is_rehearsed(&asked.db)?;
    let text = match rehearsed {
        true => format!("{told}\n{REHEARSED}\n"),
        false => told.to_string(),
    };
    let explained = Explained { told, rehearsed };
    Ok(Reported::new(text, &explained, true))
}
