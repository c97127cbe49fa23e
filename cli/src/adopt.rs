//! `leadkit adopt`: makes a changed playbook the one that leads are under, after showing what becomes
//! of them.
//!
//! - What is shown is decided lead by lead, as the adoption's sweep would, and written nowhere.
//! - What agents and leads have that the changed playbook knows no more (roles, fields, choices, sources)
//!   is told with what becomes of it; it hinders nothing.
//! - In a rehearsal the sweep then runs to its end, at the time at which the rehearsal stands.
//! - Among real leads it is left to the workers. Until it is over they serve leads of both playbooks,
//!   and must know both; what is adopted here needs the new one alone.

use std::fmt::Write as _;
use std::path::PathBuf;

use leadkit::decide::command::{Actor, Adoption, Command, StageMapping, Waiting, What};
use leadkit::ids::Name;
use leadkit::playbook::Playbook;
use leadkit::record::{Sweep, TenantRecord};
use leadkit::store::Key;
use serde::Serialize;
use serde_json::json;

use crate::database::{self, Database, For, Opened};
use crate::progress::{Bar, Progress};
use crate::report::counted;
use crate::{Asked, Failure, Reported, check};
use preview::Preview;

mod preview;
mod unknown;

/// Which playbook is to be adopted, and how.
#[derive(Clone, Debug)]
pub struct Adopt {
    /// The database, and the changed playbook.
    pub database: Database,
    /// The folder of the former playbook, to tell what changes for each lead.
    pub former: Option<PathBuf>,
    /// Where the leads of stages go: `PIPELINE.STAGE=PIPELINE.STAGE`, with `:GROUP` behind it where
    /// leads wait.
    pub stages: Vec<String>,
    /// Who says so: an agent, or `host:NAME`.
    pub by: String,
    /// Whether it is done, or only shown.
    pub mode: Mode,
    /// How progress is shown.
    pub progress: Progress,
}

/// Whether something is done, or only shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Shown.
    #[default]
    Shown,
    /// Shown, and done.
    Done,
}

/// What an adoption did.
#[derive(Debug, Serialize)]
struct Adopted {
    sweep: Option<String>,
    is_over: bool,
    /// How many leads the sweep came to; nobody knows, where there is none.
    reached: Option<u64>,
    refused: Option<u64>,
    messages_handed_over: u64,
}

/// Shows what an adoption makes of the leads, and adopts the playbook if that is asked for.
///
/// # Errors
/// When a mapping can't be read, or it is not for this one to adopt a playbook.
pub fn adopt(asked: &Adopt) -> Result<Reported, Failure> {
    let stages: Result<Vec<_>, _> = asked.stages.iter().map(|text| mapping(text)).collect();
    let mut stages = stages?;
    let former = asked.former.as_deref().map(check::read).transpose()?;
    let why = match asked.mode {
        Mode::Shown => For::Reading,
        Mode::Done => For::Acting,
    };
    let opened = asked.database.open(why)?;
    let by = Actor::said(&asked.by);
    opened.block_on(async {
        opened.must_be_there().await?;
        let former = former.as_ref().map(|former| &former.playbook);
        let occupied = opened.handle().occupied_stages().await?;
        let key = Key::tenant(&opened.tenant);
        let tenant = database::record::<TenantRecord>(&opened.engine, key).await?;
        if let (Some(former), Some(tenant)) = (former, &tenant) {
            must_be_former(former, &opened.playbook, tenant)?;
        }
        match tenant.is_some_and(|tenant| tenant.playbook == opened.playbook.hash) {
            // It was adopted before, and the stages that it mapped are empty by now.
            true => stages.retain(|one| occupied.contains(&one.from)),
            false => must_hold_leads(&stages, &occupied)?,
        }
        let adoption = Command {
            tenant: opened.tenant.clone(),
            actor: by.clone(),
            happened_at: None,
            what: What::Adopt(Box::new(Adoption {
                playbook: opened.playbook.hash.clone(),
                stages: stages.clone(),
                occupied: Some(occupied),
            })),
        };
        let preview = preview::preview(&opened, &adoption, &stages, former, asked.progress);
        let preview = preview.await?;
        let adopted = match asked.mode {
            Mode::Done if preview.can_be_done() => {
                Some(carry_out(&opened, stages, by, asked.progress).await?)
            }
            _ => None,
        };
        Ok(reported(&opened, &preview, adopted.as_ref()))
    })
}

/// Refuses a former playbook that the leads are not under: what it tells of them would be wrong. Where
/// the changed one is adopted already, it is one of those before.
fn must_be_former(
    former: &Playbook,
    changed: &Playbook,
    tenant: &TenantRecord,
) -> Result<(), Failure> {
    let active = &tenant.playbook;
    let is_repeated = *active == changed.hash;
    if former.hash == *active || is_repeated && tenant.adopted(&former.hash).is_some() {
        return Ok(());
    }
    let asked = Asked::NotFormer {
        given: former.hash.clone(),
        active: active.clone(),
    };
    Err(asked.into())
}

/// Refuses to map a stage in which no lead is, probably a slip of the pen.
fn must_hold_leads(stages: &[StageMapping], occupied: &[(Name, Name)]) -> Result<(), Failure> {
    let Some(empty) = stages.iter().find(|one| !occupied.contains(&one.from)) else {
        return Ok(());
    };
    let asked = Asked::NoLeadIn {
        stage: told_stage(&empty.from),
        occupied: occupied.iter().map(told_stage).collect(),
    };
    Err(asked.into())
}

async fn carry_out(
    opened: &Opened<'_>,
    stages: Vec<StageMapping>,
    by: Actor,
    progress: Progress,
) -> Result<Adopted, Failure> {
    opened.handle().adopt(stages).by(by).await?;
    let mut messages_handed_over = 0;
    if let Some(clock) = &opened.rehearsal {
        let now = opened.engine.clock().now();
        let mut bar = Bar::of_unknown(progress, "taking the leads over, pages done");
        let count = |_, ticked: &leadkit::engine::Ticked| {
            messages_handed_over += ticked.handed_over;
            bar.step(usize::try_from(ticked.pages).unwrap_or(usize::MAX));
        };
        opened.engine.live_until(clock, now, count).await?;
    }
    let key = Key::tenant(&opened.tenant);
    let tenant = database::record::<TenantRecord>(&opened.engine, key).await?;
    let sweep = match tenant.and_then(|tenant| tenant.sweep) {
        Some(id) => {
            let key = Key::sweep(&opened.tenant, id);
            database::record::<Sweep>(&opened.engine, key).await?
        }
        None => None,
    };
    Ok(Adopted {
        is_over: sweep.as_ref().is_none_or(|sweep| sweep.next_at.is_none()),
        reached: sweep.as_ref().map(|sweep| sweep.reached),
        refused: sweep.as_ref().map(|sweep| sweep.refused),
        sweep: sweep.map(|sweep| sweep.id.to_string()),
        messages_handed_over,
    })
}

fn reported(opened: &Opened<'_>, preview: &Preview, adopted: Option<&Adopted>) -> Reported {
    let mut text = preview.told();
    let _ = match adopted {
        Some(adopted) => writeln!(text, "{}", done(adopted)),
        None if preview.can_be_done() => writeln!(text, "nothing is changed yet; --yes adopts it"),
        None => Ok(()),
    };
    opened.tell_rehearsal(&mut text);
    let mut json = json!(preview);
    json["playbook"] = json!(opened.playbook.hash);
    json["adopted"] = json!(adopted);
    json["rehearsal_at"] = json!(opened.rehearsal_at());
    Reported::new(text, &json, preview.is_well())
}

fn done(adopted: &Adopted) -> String {
    if let (Some(sweep), false) = (&adopted.sweep, adopted.is_over) {
        return format!(
            "adopted: the workers take the leads over, and must know the former playbook too until \
             `leadkit sweeps` shows the sweep {sweep} no more"
        );
    }
    let (Some(reached), Some(refused)) = (adopted.reached, adopted.refused) else {
        return "adopted".to_owned();
    };
    let taken_over = counted(reached.saturating_sub(refused), "lead");
    match refused {
        0 => format!("adopted: {taken_over} taken over"),
        _ => format!(
            "adopted: {taken_over} taken over, {refused} refused, which stay under the former playbook"
        ),
    }
}

/// A mapping as somebody typed it.
fn mapping(text: &str) -> Result<StageMapping, Failure> {
    let read = || {
        let (from, to) = text.split_once('=')?;
        let (to, group) = match to.split_once(':') {
            Some((to, group)) => (to, Some(group)),
            None => (to, None),
        };
        let (from, to) = (stage(from)?, stage(to)?);
        Some(StageMapping {
            from,
            to,
            wait: group.map(|group| Waiting::new(group.trim())),
        })
    };
    Ok(read().ok_or_else(|| Asked::NoMapping(text.to_owned()))?)
}

fn stage(text: &str) -> Option<(Name, Name)> {
    let (pipeline, stage) = text.trim().split_once('.')?;
    let is_said = !pipeline.is_empty() && !stage.is_empty();
    is_said.then(|| (Name::from(pipeline), Name::from(stage)))
}

fn told_stage((pipeline, stage): &(Name, Name)) -> String {
    format!("{pipeline}.{stage}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_says_from_where_to_where_and_perhaps_in_which_wait_group() {
        let read = mapping("sales.old = sales.new").unwrap();
        assert_eq!(
            (told_stage(&read.from), told_stage(&read.to)),
            ("sales.old".into(), "sales.new".into())
        );
        assert_eq!(read.wait, None);
        let read = mapping("sales.old=later.waiting:six-months").unwrap();
        assert_eq!(read.wait, Some(Waiting::new("six-months")));
        for wrong in ["", "sales.old", "old=new", "sales.=sales.new", "=sales.new"] {
            let failure = mapping(wrong).unwrap_err();
            assert_eq!(failure.kind(), "no-mapping");
            let told = failure.json().to_string();
            assert!(told.contains("PIPELINE.STAGE=PIPELINE.STAGE"), "{told}");
        }
    }
}
