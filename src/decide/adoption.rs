//! Playbooks: which one is a tenant's active one, and what must be so before another one is.

use crate::condition::quoted;
use crate::decide::command::{Adoption, LeadOrder, NewSweep, StageMapping, Waiting};
use crate::decide::draft::Draft;
use crate::decide::refusal::{EndsDiffer, Refusal};
use crate::decide::{PLAYBOOK_FACT, Stop, pools, sweeps, waits};
use crate::ids::{Name, SweepId};
use crate::playbook::Playbook;
use crate::playbook::rule::Rule;
use crate::record::journal::Event;
use crate::record::message::Message;
use crate::record::tenant::{Adopted, KnownStage, TenantRecord};
use crate::record::{History, Sweep};
use crate::store::{Key, Kind};

/// Relies on this playbook's being the tenant's active one, also when this is written: what races
/// with an adoption is decided again. A tenant that has none yet begins with this one.
pub(crate) fn rely_on_active(draft: &mut Draft<'_>) -> Result<(), Stop> {
    let given = &draft.playbook.hash;
    let record = draft.look_at::<TenantRecord>(&Key::tenant(draft.tenant))?;
    match record.map(|record| &record.playbook) {
        None => begin(draft),
        Some(active) if active == given => Ok(()),
        Some(active) => {
            let (active, given) = (active.clone(), given.clone());
            Err(Refusal::NotActive { active, given }.into())
        }
    }
}

/// A message or a sweep of another playbook is served by the active one alone.
pub(crate) fn stand_in(draft: &mut Draft<'_>, key: &Key) -> Result<(), Stop> {
    let hash = match key.kind {
        Kind::Message => draft
            .look_at::<Message>(key)?
            .map(|message| &message.playbook),
        Kind::Sweep => draft.look_at::<Sweep>(key)?.map(|sweep| &sweep.playbook),
        _ => None,
    };
    match hash.cloned() {
        Some(hash) if hash != draft.playbook.hash => rely_on_active(draft),
        _ => Ok(()),
    }
}

/// Makes this playbook the active one of a tenant that has none. Whoever comes second changes
/// nothing: taking leads over is for [`adopt`].
pub(crate) fn begin(draft: &mut Draft<'_>) -> Result<(), Stop> {
    let key = Key::tenant(draft.tenant);
    if draft.read::<TenantRecord>(&key)?.is_none() {
        put_active(draft, None, None);
    }
    Ok(())
}

fn put_active(draft: &mut Draft<'_>, before: Option<TenantRecord>, sweep: Option<SweepId>) {
    let playbook = draft.playbook;
    let hash = playbook.hash.clone();
    let mut record = before.unwrap_or_else(|| TenantRecord {
        playbook: hash.clone(),
        adopted: Vec::new(),
        sweep: None,
        roles: Vec::new(),
        stages: Vec::new(),
        pools: Vec::new(),
        history: History::default(),
    });
    record.adopted.retain(|adopted| adopted.hash != hash);
    let too_many = (record.adopted.len() + 1).saturating_sub(TenantRecord::MOST_ADOPTED);
    record.adopted.drain(..too_many);
    record.adopted.push(Adopted {
        hash: hash.clone(),
        at: draft.now,
        rules: playbook.rules.iter().map(|rule| rule.fingerprint).collect(),
        conditions: playbook
            .rules
            .iter()
            .filter_map(Rule::condition_fingerprint)
            .collect(),
    });
    record.playbook = hash.clone();
    record.sweep = sweep;
    record.stages = stages_of(playbook);
    record.pools = playbook
        .pools
        .iter()
        .map(|pool| pool.name.clone())
        .collect();
    draft.happened(Event::Adopted { playbook: hash });
    draft.put(Key::tenant(draft.tenant), record, None);
}

fn stages_of(playbook: &Playbook) -> Vec<KnownStage> {
    let stages = playbook.pipelines.iter().flat_map(|pipeline| {
        pipeline.stages.iter().map(|stage| KnownStage {
            pipeline: pipeline.name.clone(),
            stage: stage.name.clone(),
            outcome: stage.outcome.clone(),
            waits: stage.waits,
        })
    });
    stages.take(TenantRecord::MOST_STAGES).collect()
}

/// Makes this playbook the tenant's active one, with its pools, and starts the sweep that takes
/// the leads over. The sweep of an earlier adoption ends: it must not take a lead back.
///
/// Adopting the active playbook again changes nothing, unless stages are mapped or its sweep left
/// leads behind that refused: then the sweep begins anew, for those.
pub(crate) fn adopt(draft: &mut Draft<'_>, adoption: &Adoption) -> Result<(), Stop> {
    let playbook = draft.playbook;
    permit_hash(playbook, &adoption.playbook)?;
    let occupied = adoption.occupied.as_deref().ok_or(Refusal::NotCounted)?;
    check_mappings(draft, &adoption.stages)?;
    check_stages(playbook, &adoption.stages, occupied)?;
    let Some(before) = draft.read::<TenantRecord>(&Key::tenant(draft.tenant))? else {
        put_active(draft, None, None);
        return Ok(());
    };
    let is_active = before.playbook == playbook.hash;
    // Adopting the active one again takes over leads of former playbooks alone, whose stages are
    // not known any more: then each lead is asked.
    if !is_active {
        check_arrivals(playbook, &before, &adoption.stages, occupied)?;
    }
    if is_active && adoption.stages.is_empty() && !left_somebody(draft, &before)? {
        return Ok(());
    }
    if let Some(earlier) = before.sweep {
        sweeps::end(draft, earlier)?;
    }
    pools::rebuild(draft, &before)?;
    let fact = PLAYBOOK_FACT.built_in().name;
    let sweep = NewSweep {
        name: Name::from("adopt"),
        audience: smol_str::format_smolstr!("{fact} != {}", quoted(playbook.hash.as_str())),
        order: LeadOrder::Adopt {
            playbook: playbook.hash.clone(),
            stages: adoption.stages.clone(),
        },
        starts_at: None,
        every_days: None,
    };
    let sweep = sweeps::start(draft, &sweep)?;
    put_active(draft, Some(before), Some(sweep));
    Ok(())
}

/// Whether the sweep of an adoption is over and some lead refused.
fn left_somebody(draft: &mut Draft<'_>, record: &TenantRecord) -> Result<bool, Stop> {
    let Some(sweep) = record.sweep else {
        return Ok(false);
    };
    let sweep = draft.look_at::<Sweep>(&Key::sweep(draft.tenant, sweep))?;
    Ok(sweep.is_some_and(|sweep| sweep.next_at.is_none() && sweep.refused > 0))
}

/// An adoption names its playbook, so that it can't be carried out under another one.
pub(crate) fn permit_hash(playbook: &Playbook, hash: &Name) -> Result<(), Refusal> {
    if playbook.hash == *hash {
        return Ok(());
    }
    Err(Refusal::Unknown {
        sort: "playbook",
        name: hash.as_str().into(),
        nearest: None,
        known: Vec::new(),
    })
}

/// Refuses mappings to stages and wait groups that there aren't.
fn check_mappings(draft: &Draft<'_>, stages: &[StageMapping]) -> Result<(), Refusal> {
    let playbook = draft.playbook;
    for mapping in stages {
        let (pipeline, stage) = &mapping.to;
        if playbook.stage(pipeline, stage).is_none() {
            let stages = playbook
                .pipelines
                .iter()
                .flat_map(|pipeline| &pipeline.stages);
            return Err(Refusal::unknown(
                "stage",
                stage,
                stages.map(|stage| &stage.name),
            ));
        }
        if let Some(Waiting { group, wait_days }) = &mapping.wait {
            let wait = waits::accept(draft, Some(group), *wait_days);
            wait.map_err(|gap| Refusal::Incomplete(vec![gap]))?;
        }
    }
    Ok(())
}

/// Refuses to let stages vanish that hold leads.
fn check_stages(
    playbook: &Playbook,
    stages: &[StageMapping],
    occupied: &[(Name, Name)],
) -> Result<(), Refusal> {
    let vanishes = |(pipeline, stage): &&(Name, Name)| {
        playbook.stage(pipeline, stage).is_none() && mapping_of(stages, pipeline, stage).is_none()
    };
    let vanishing: Vec<(Name, Name)> = occupied.iter().filter(vanishes).cloned().collect();
    match vanishing.is_empty() {
        true => Ok(()),
        false => Err(Refusal::StagesVanish(vanishing)),
    }
}

/// Refuses to let leads come where leads stand otherwise: open ones to final stages, closed ones
/// to open stages, those that ended in one way where others ended in another one, and those without
/// a wait group where leads wait. Adopting moves no lead, nor closes or reopens it.
fn check_arrivals(
    playbook: &Playbook,
    before: &TenantRecord,
    stages: &[StageMapping],
    occupied: &[(Name, Name)],
) -> Result<(), Refusal> {
    let mapped = stages
        .iter()
        .map(|mapping| (&mapping.from, &mapping.to, mapping.wait.is_some()));
    let kept = occupied
        .iter()
        .filter(|(pipeline, stage)| mapping_of(stages, pipeline, stage).is_none())
        .map(|at| (at, at, false));
    for (from, to, has_wait) in mapped.chain(kept) {
        let Some(known) = before.stage(&from.0, &from.1) else {
            continue;
        };
        permit_end(playbook, from, known.outcome.as_ref(), to)?;
        let comes_to_wait = playbook
            .stage(&to.0, &to.1)
            .is_some_and(|stage| stage.waits);
        if comes_to_wait && !known.waits && !has_wait {
            let (from, to) = (from.clone(), to.clone());
            return Err(Refusal::NobodyWaits { from, to });
        }
    }
    Ok(())
}

/// Refuses a stage for leads that don't stand as leads do there. One that there isn't is refused
/// elsewhere.
pub(crate) fn permit_end(
    playbook: &Playbook,
    from: &(Name, Name),
    outcome: Option<&Name>,
    to: &(Name, Name),
) -> Result<(), Refusal> {
    match playbook.stage(&to.0, &to.1) {
        Some(stage) if stage.outcome.as_ref() != outcome => {
            Err(Refusal::EndsDiffer(Box::new(EndsDiffer {
                from: from.clone(),
                from_outcome: outcome.cloned(),
                to: to.clone(),
                to_outcome: stage.outcome.clone(),
            })))
        }
        _ => Ok(()),
    }
}

/// Where the leads of a stage go, if they don't stay.
pub(crate) fn mapping_of<'a>(
    stages: &'a [StageMapping],
    pipeline: &Name,
    stage: &Name,
) -> Option<&'a StageMapping> {
    stages
        .iter()
        .find(|mapping| mapping.from.0 == *pipeline && mapping.from.1 == *stage)
}
