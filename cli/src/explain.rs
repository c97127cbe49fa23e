//! `leadkit explain`: a lead's history, what is due next, and how each rule stands.

use leadkit::engine::Error;
use leadkit::explain::Past;
use leadkit::ids::LeadId;
use leadkit::store::Order;

use crate::database::{Database, For};
use crate::{Failure, Reported};

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
}

/// Explains a lead.
///
/// # Errors
/// When there is no such lead, or several.
pub fn explain(asked: &Explain) -> Result<Reported, Failure> {
    let opened = asked.database.open(For::Reading)?;
    let handle = opened.handle();
    let told = pollster::block_on(async {
        opened.must_be_there().await?;
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
                tenant: opened.tenant.clone(),
                active,
                given: opened.playbook.hash.clone(),
            }),
            Err(Error::NotThere(_)) => Err(Failure::Asked(format!(
                "there is no lead {id} of `{}`",
                opened.tenant
            ))),
            explained => Ok(explained?),
        }
    })?;
    let mut text = told.to_string();
    opened.tell_rehearsal(&mut text);
    Ok(Reported::new(text, &told, true))
}
