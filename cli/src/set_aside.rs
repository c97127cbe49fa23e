//! `leadkit set-aside` and `leadkit retry`: leads, messages and sweeps that failed three times, with
//! their errors, and letting them go on.

use std::fmt::Write as _;

use leadkit::decide::command::{Actor, Fate};
use leadkit::engine::{Engine, Error, TenantHandle};
use leadkit::ids::{Id, LeadId, MessageId, SweepId};
use leadkit::record::lead::Trouble;
use leadkit::store::{Kind, Order};
use serde::Serialize;
use serde_json::json;

use crate::by_ids::{ByIds, Refused};
use crate::database::{self, Database, For};
use crate::listing::{Found, Unreadable};
use crate::messages::{self, People};
use crate::report::{counted, grouped, table};
use crate::{Failure, Reported, listing};

/// Whose records that were set aside are to be listed.
#[derive(Clone, Debug)]
pub struct SetAside {
    /// The database.
    pub database: Database,
    /// How many of each kind are listed at most.
    pub limit: usize,
}

#[derive(Serialize)]
struct Listed {
    count: u64,
    set_aside: Vec<Aside>,
    unreadable: Vec<Unreadable>,
}

/// A record that was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Aside {
    /// What it is: `lead`, `message`, `sweep`.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// Which one it is, in words.
    pub what: String,
    /// How often it failed.
    pub failures: u32,
    /// By what, the last time.
    pub error: String,
}

impl Aside {
    fn new(kind: &'static str, id: Id, what: String, trouble: Option<Trouble>) -> Self {
        let (failures, error) = trouble.map_or((0, String::new()), |trouble| {
            (trouble.failures, trouble.error.to_string())
        });
        Self {
            kind,
            id: id.to_string(),
            what,
            failures,
            error,
        }
    }
}

/// Lists what was set aside, of all kinds.
///
/// # Errors
/// When the database can't be read.
pub fn set_aside(asked: &SetAside) -> Result<Reported, Failure> {
    let opened = asked.database.open(For::Reading)?;
    opened.block_on(async {
        opened.must_be_under_its_playbook().await?;
        let handle = opened.handle();
        let count = count(&handle).await?;
        let found = first(&handle, asked.limit).await?;
        let mut text = told(&found.records, count);
        listing::tell(&mut text, &found.unreadable);
        let is_well = found.unreadable.is_empty();
        let listed = Listed {
            count,
            set_aside: found.records,
            unreadable: found.unreadable,
        };
        Ok(Reported::new(text, &listed, is_well))
    })
}

/// What tells these records from the others, of each kind.
const CONDITION: &str = "set_aside";

/// How many there are.
pub(crate) async fn count(handle: &TenantHandle<'_>) -> Result<u64, Failure> {
    let mut count = 0;
    for kind in [Kind::Lead, Kind::Message, Kind::Sweep] {
        let groups = handle.count_of(kind, CONDITION, &[]).await?;
        count += groups.iter().map(|group| group.count).sum::<u64>();
    }
    Ok(count)
}

/// The first so many of each kind.
pub(crate) async fn first(
    handle: &TenantHandle<'_>,
    limit: usize,
) -> Result<Found<Aside>, Failure> {
    let page = async |after, size| handle.leads(CONDITION, Order::Id, after, size).await;
    let leads = listing::first(limit, page).await?;
    let messages = messages::first(handle, CONDITION, limit).await?;
    let page = async |after, size| handle.sweeps(CONDITION, after, size).await;
    let sweeps = listing::first(limit, page).await?;
    let mut all = Vec::new();
    all.extend(leads.records.into_iter().map(|lead| {
        let what = format!("{} ({}.{})", lead.contact.name, lead.pipeline, lead.stage);
        Aside::new("lead", lead.id.0, what, lead.trouble)
    }));
    for message in messages.records {
        let People {
            contact,
            name,
            email,
        } = People::of(handle, &message).await?;
        let to = email.or(name);
        let to = to.unwrap_or_else(|| messages::id_of(&message.to));
        let about = contact.map(|contact| format!(" about {contact}"));
        let what = format!("{} to {to}{}", message.template, about.unwrap_or_default());
        let aside = Aside::new("message", message.id.0, what, message.trouble);
        all.push(aside);
    }
    all.extend(sweeps.records.into_iter().map(|sweep| {
        let what = match sweep.audience.trim() {
            "" => format!("{} on all leads", sweep.name),
            audience => format!("{} on {audience}", sweep.name),
        };
        Aside::new("sweep", sweep.id.0, what, sweep.trouble)
    }));
    let unreadable = [leads.unreadable, messages.unreadable, sweeps.unreadable];
    Ok(Found {
        records: all,
        unreadable: unreadable.concat(),
    })
}

/// A table of them.
pub(crate) fn listed(all: &[Aside]) -> comfy_table::Table {
    let mut table = table(["kind", "id", "what", "error"]);
    for aside in all {
        let row = [aside.kind, &aside.id, &aside.what, &aside.error];
        table.add_row(row);
    }
    table
}

fn told(all: &[Aside], count: u64) -> String {
    let table = listed(all);
    let mut text = match all {
        [] => String::new(),
        _ => format!("{table}\n"),
    };
    let shown = all.len() as u64;
    let more = match shown < count {
        true => format!(", {} shown", grouped(shown)),
        false => String::new(),
    };
    let _ = writeln!(text, "{} set aside{more}", counted(count, "record"));
    text
}

#[derive(Serialize)]
struct Retried {
    kind: Option<&'static str>,
    id: String,
    refused: Option<Refused>,
}

/// Lets records go on that were set aside. One that is refused keeps none of the others.
///
/// # Errors
/// When the database can't be written.
pub fn retry(asked: &ByIds) -> Result<Reported, Failure> {
    let (opened, retried) = asked.carry_out(retry_one)?;
    let mut text = String::new();
    for one in &retried {
        let kind = one.kind.unwrap_or("record");
        let _ = match &one.refused {
            None => writeln!(text, "{kind} {} is tried again", one.id),
            Some(refused) => writeln!(text, "{kind} {}: {}", one.id, refused.reason),
        };
    }
    opened.tell_rehearsal(&mut text);
    let is_well = retried.iter().all(|one| one.refused.is_none());
    let json = json!({ "retried": retried, "rehearsal_at": opened.rehearsal_at() });
    Ok(Reported::new(text, &json, is_well))
}

async fn retry_one(engine: &Engine, handle: &TenantHandle<'_>, by: &Actor, id: Id) -> Retried {
    let by = by.clone();
    let (kind, refused) = match database::kind_of(engine, handle.name(), id).await {
        Ok(Some(Kind::Lead)) => {
            let done = handle.retry(LeadId(id)).by(by).await.map(drop);
            (Some("lead"), Refused::if_failed(done))
        }
        Ok(Some(Kind::Message)) => {
            let done = handle.settle(MessageId(id), Fate::Retry).by(by).await;
            (Some("message"), Refused::if_failed(done))
        }
        Ok(Some(_)) => {
            let done = handle.retry_sweep(SweepId(id)).by(by).await;
            (Some("sweep"), Refused::if_failed(done))
        }
        Ok(None) => {
            let nothing = Error::NotThere("lead, message or sweep of this id");
            (None, Refused::if_failed(Err(nothing)))
        }
        Err(failure) => (None, Refused::if_failed(Err(failure))),
    };
    let id = id.to_string();
    Retried { kind, id, refused }
}
