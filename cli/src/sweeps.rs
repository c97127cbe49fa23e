//! `leadkit sweeps` and `leadkit cancel`: commands that go through many leads, how far they are, and
//! ending them.

use std::fmt::Write as _;

use leadkit::decide::command::Actor;
use leadkit::engine::{Engine, Error, TenantHandle};
use leadkit::explain::local;
use leadkit::ids::{Id, SweepId};
use leadkit::playbook::Playbook;
use leadkit::record::Sweep;
use leadkit::record::lead::Trouble;
use leadkit::store::Kind;
use serde::Serialize;
use serde_json::json;

use crate::by_ids::{ByIds, Refused};
use crate::database::{self, Database, For};
use crate::listing::{Found, Unreadable};
use crate::report::{counted, grouped, rfc3339, table};
use crate::{Failure, Reported, listing};

/// Whose sweeps are to be listed.
#[derive(Clone, Debug)]
pub struct Sweeps {
    /// The database.
    pub database: Database,
    /// Which of them.
    pub which: Which,
}

/// Which sweeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// Those that still have something to do.
    #[default]
    Unfinished,
    /// Those that are over, too.
    All,
}

#[derive(Serialize)]
struct Listed {
    zone: String,
    count: usize,
    sweeps: Vec<ListedSweep>,
    unreadable: Vec<Unreadable>,
}

#[derive(Serialize)]
struct ListedSweep {
    sweep: String,
    name: String,
    audience: String,
    state: &'static str,
    started_by: String,
    started_at: String,
    next_at: Option<String>,
    every_days: Option<u32>,
    reached: u64,
    refused: u64,
    error: Option<String>,
}

/// How a sweep stands.
fn state(sweep: &Sweep) -> &'static str {
    let is_set_aside = sweep.trouble.as_ref().is_some_and(Trouble::is_set_aside);
    match (is_set_aside, sweep.next_at) {
        (true, _) => "set-aside",
        (false, Some(_)) => "unfinished",
        (false, None) => "over",
    }
}

/// Lists sweeps, in the order in which they were started.
///
/// # Errors
/// When the database can't be read.
pub fn sweeps(asked: &Sweeps) -> Result<Reported, Failure> {
    let opened = asked.database.open(For::Reading)?;
    let playbook = &opened.playbook;
    opened.block_on(async {
        opened.must_be_under_its_playbook().await?;
        let handle = opened.handle();
        let condition = match asked.which {
            Which::Unfinished => "not finished",
            Which::All => "",
        };
        let page = async |after, size| handle.sweeps(condition, after, size).await;
        let found = listing::first(usize::MAX, page).await?;
        let mut text = told(playbook, &found, asked.which);
        listing::tell(&mut text, &found.unreadable);
        let is_well = found.unreadable.is_empty();
        let sweeps = found.records.iter();
        let listed = Listed {
            zone: playbook.zone.name().into(),
            count: found.len(),
            sweeps: sweeps.map(|one| listed(playbook, one)).collect(),
            unreadable: found.unreadable,
        };
        Ok(Reported::new(text, &listed, is_well))
    })
}

fn listed(playbook: &Playbook, sweep: &Sweep) -> ListedSweep {
    let zone = &playbook.zone;
    let trouble = sweep.trouble.as_ref();
    ListedSweep {
        sweep: sweep.id.to_string(),
        name: sweep.name.to_string(),
        audience: sweep.audience.to_string(),
        state: state(sweep),
        started_by: sweep.started_by.to_string(),
        started_at: rfc3339(zone, sweep.started_at),
        next_at: sweep.wakes_at().map(|at| rfc3339(zone, at)),
        every_days: sweep.every_days,
        reached: sweep.reached,
        refused: sweep.refused,
        error: trouble.map(|trouble| trouble.error.to_string()),
    }
}

fn told(playbook: &Playbook, found: &Found<Sweep>, which: Which) -> String {
    let sweeps = found.records.as_slice();
    let headings = [
        "sweep", "name", "audience", "by", "reached", "refused", "goes on",
    ];
    let mut table = table(headings);
    for sweep in sweeps {
        let next = match (state(sweep), sweep.wakes_at()) {
            ("set-aside", _) => "set aside".into(),
            (_, Some(at)) => local(&playbook.zone, at).to_string(),
            (_, None) => "over".to_owned(),
        };
        let audience = match sweep.audience.trim() {
            "" => "all leads",
            audience => audience,
        };
        table.add_row([
            sweep.id.to_string(),
            sweep.name.to_string(),
            audience.to_owned(),
            sweep.started_by.to_string(),
            grouped(sweep.reached),
            grouped(sweep.refused),
            next,
        ]);
    }
    let mut text = match sweeps {
        [] => String::new(),
        _ => format!("{table}\n"),
    };
    let (count, zone) = (counted(found.len() as u64, "sweep"), playbook.zone.name());
    let which = match which {
        Which::Unfinished => " with something left to do",
        Which::All => "",
    };
    let more = match sweeps.len() < found.len() {
        true => format!(", {} shown", grouped(sweeps.len() as u64)),
        false => String::new(),
    };
    let times = match sweeps {
        [] => String::new(),
        _ => format!(" (times in {zone})"),
    };
    let _ = writeln!(text, "{count}{which}{more}{times}");
    text
}

#[derive(Serialize)]
struct Cancelled {
    id: String,
    refused: Option<Refused>,
}

/// Ends sweeps where they are, also those that were set aside or would come again. What they did
/// stays. One that is refused keeps none of the others.
///
/// # Errors
/// When the database can't be written.
pub fn cancel(asked: &ByIds) -> Result<Reported, Failure> {
    let (opened, cancelled) = asked.carry_out(cancel_one)?;
    let mut text = String::new();
    for one in &cancelled {
        let _ = match &one.refused {
            None => writeln!(text, "sweep {} is cancelled", one.id),
            Some(refused) => writeln!(text, "{}: {}", one.id, refused.reason),
        };
    }
    opened.tell_rehearsal(&mut text);
    let is_well = cancelled.iter().all(|one| one.refused.is_none());
    let json = json!({ "cancelled": cancelled, "rehearsal_at": opened.rehearsal_at() });
    Ok(Reported::new(text, &json, is_well))
}

async fn cancel_one(engine: &Engine, handle: &TenantHandle<'_>, by: &Actor, id: Id) -> Cancelled {
    let no_sweep = |what| {
        Some(Refused {
            code: "no-sweep",
            reason: format!("this is {what}"),
        })
    };
    let refused = match database::kind_of(engine, handle.name(), id).await {
        Ok(Some(Kind::Message)) => no_sweep("a message, which is withdrawn with `leadkit settle`"),
        Ok(Some(Kind::Lead)) => no_sweep("a lead; only sweeps are cancelled"),
        Ok(Some(_)) => {
            let done = handle.cancel_sweep(SweepId(id)).by(by.clone()).await;
            Refused::if_failed(done)
        }
        Ok(None) => Refused::if_failed(Err(Error::NotThere("sweep of this id"))),
        Err(failure) => Refused::if_failed(Err(failure)),
    };
    let id = id.to_string();
    Cancelled { id, refused }
}
