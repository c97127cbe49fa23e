//! Sweeps: started, gone through page by page, and the one that takes leads over to a changed
//! playbook.

use crate::agenda::{Item, Standing, is_in_scope, standing};
use crate::decide::command::{Adoption, LeadOrder, NewSweep, StageMapping};
use crate::decide::draft::Draft;
use crate::decide::life::{copy_contact, unknown};
use crate::decide::refusal::Refusal;
use crate::decide::{PLAYBOOK_FACT, Stop, ownership};
use crate::ids::{Id, Name, SweepId};
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::rule::{Anchor, Rule};
use crate::record::journal::Event;
use crate::record::lead::{Moment, ToldAt};
use crate::record::tenant::TenantRecord;
use crate::record::{Contact, Lead, Sweep};
use crate::store::Key;
use crate::time::Instant;

/// Starts a sweep. Its condition must be one that stores can filter on.
pub(crate) fn start(draft: &mut Draft<'_>, new: &NewSweep) -> Result<(), Stop> {
    let told = |text: String| Refusal::BadCondition(text.into());
    let condition = draft.playbook.condition(&new.audience).map_err(|faults| {
        told(
            faults
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; "),
        )
    })?;
    condition
        .filter(draft.now)
        .map_err(|computed| told(computed.to_string()))?;
    let id = SweepId(draft.new_id("sweep"));
    let starts_at = new.starts_at.unwrap_or(draft.now).max(draft.now);
    let sweep = Sweep {
        id,
        name: new.name.clone(),
        audience: new.audience.clone(),
        order: new.order.clone(),
        playbook: draft.playbook.hash.clone(),
        started_at: draft.now,
        started_by: smol_str::format_smolstr!("{}", draft.actor),
        every_days: new.every_days.filter(|days| *days > 0),
        occurrence: 0,
        occurrence_at: starts_at,
        cursor: None,
        reached: 0,
        refused: 0,
        next_at: Some(starts_at),
        trouble: None,
        last_command: None,
    };
    draft.happened(Event::SweepStarted {
        sweep: id,
        name: new.name.clone(),
    });
    draft.put(Key::sweep(draft.tenant, id), sweep, Some(starts_at));
    Ok(())
}

/// The first occurrence behind now, at the same local time: after an outage a sweep catches up
/// once, not once for each time missed.
fn next_occurrence(draft: &Draft<'_>, last: Instant, every_days: u32) -> Option<Instant> {
    let every = i64::from(every_days.max(1));
    let missed = draft.now.signed_duration_since(last).num_days() / every;
    let zone = &draft.playbook.zone;
    let days = every.checked_mul(missed.max(0).checked_add(1)?)?;
    let next = zone.add_days(last, days).ok()?;
    if next > draft.now {
        return Some(next);
    }
    zone.add_days(last, days.checked_add(every)?).ok()
}

/// A page of a sweep is done.
pub(crate) fn paged(
    draft: &mut Draft<'_>,
    id: SweepId,
    reached: Option<Id>,
    counts: (u64, u64),
) -> Result<(), Stop> {
    let key = Key::sweep(draft.tenant, id);
    let Some(mut sweep) = draft.read::<Sweep>(&key)? else {
        return Ok(());
    };
    sweep.reached = sweep.reached.saturating_add(counts.0);
    sweep.refused = sweep.refused.saturating_add(counts.1);
    sweep.trouble = None;
    sweep.cursor = reached;
    let finished = reached.is_none();
    sweep.next_at = match (finished, sweep.every_days) {
        (false, _) => Some(draft.now),
        (true, None) => None,
        (true, Some(days)) => {
            let next = next_occurrence(draft, sweep.occurrence_at, days);
            sweep.occurrence = sweep.occurrence.saturating_add(1);
            sweep.occurrence_at = next.unwrap_or(sweep.occurrence_at);
            next
        }
    };
    draft.happened(Event::SweepWent {
        sweep: id,
        reached: counts.0,
        finished,
    });
    let wakes_at = sweep.wakes_at();
    draft.put(key, sweep, wakes_at);
    Ok(())
}

/// Makes this playbook the active one of a tenant that has none. Whoever comes second changes
/// nothing: taking leads over is for [`adopt`].
pub(crate) fn begin(draft: &mut Draft<'_>) -> Result<(), Stop> {
    let key = Key::tenant(draft.tenant);
    if draft.read::<TenantRecord>(&key)?.is_none() {
        put_active(draft, key, None);
    }
    Ok(())
}

fn put_active(draft: &mut Draft<'_>, key: Key, before: Option<TenantRecord>) {
    let playbook = draft.playbook;
    let record = TenantRecord {
        playbook: playbook.hash.clone(),
        adopted_at: draft.now,
        rules: playbook
            .rules
            .iter()
            .map(|rule| rule.name.clone())
            .collect(),
        last_command: before.and_then(|before| before.last_command),
    };
    draft.happened(Event::Adopted {
        playbook: playbook.hash.clone(),
    });
    draft.put(key, record, None);
}

/// Makes this playbook the tenant's active one, and starts the sweep that takes the leads over.
pub(crate) fn adopt(draft: &mut Draft<'_>, adoption: &Adoption) -> Result<(), Stop> {
    let playbook = draft.playbook;
    for mapping in &adoption.stages {
        let (pipeline, stage) = &mapping.to;
        if playbook.stage(pipeline, stage).is_none() {
            let stages = playbook
                .pipelines
                .iter()
                .flat_map(|pipeline| &pipeline.stages);
            return Err(unknown("stage", stage, stages.map(|stage| &stage.name)).into());
        }
    }
    let vanishes = |(pipeline, stage): &&(Name, Name)| {
        playbook.stage(pipeline, stage).is_none()
            && target_of(&adoption.stages, pipeline, stage).is_none()
    };
    let vanishing: Vec<(Name, Name)> = adoption.occupied.iter().filter(vanishes).cloned().collect();
    if !vanishing.is_empty() {
        return Err(Refusal::StagesVanish(vanishing).into());
    }
    let key = Key::tenant(draft.tenant);
    let before: Option<TenantRecord> = draft.read(&key)?;
    let rules: Vec<Name> = playbook
        .rules
        .iter()
        .map(|rule| rule.name.clone())
        .collect();
    if before
        .as_ref()
        .is_some_and(|before| before.playbook == playbook.hash)
    {
        return Ok(());
    }
    if let Some(before) = &before {
        let is_new = |rule: &&Name| !before.rules.contains(rule);
        let sweep = NewSweep {
            name: Name::from("adopt"),
            audience: smol_str::format_smolstr!(
                "{} != {:?}",
                PLAYBOOK_FACT.built_in().name,
                playbook.hash.as_str()
            ),
            order: LeadOrder::Adopt {
                playbook: playbook.hash.clone(),
                new_rules: rules.iter().filter(is_new).cloned().collect(),
                stages: adoption.stages.clone(),
            },
            starts_at: None,
            every_days: None,
        };
        start(draft, &sweep)?;
    }
    put_active(draft, key, before);
    Ok(())
}

fn target_of<'a>(
    stages: &'a [StageMapping],
    pipeline: &Name,
    stage: &Name,
) -> Option<&'a (Name, Name)> {
    let found = stages
        .iter()
        .find(|mapping| mapping.from.0 == *pipeline && mapping.from.1 == *stage);
    found.map(|mapping| &mapping.to)
}

/// A rule is new to a lead: what it would have done before counts as late.
fn learn(draft: &Draft<'_>, lead: &mut Lead, rule: &Rule) {
    let playbook = draft.playbook;
    if let Anchor::Turns(condition) = &rule.anchor {
        let facts = LeadFacts { playbook, lead };
        if is_in_scope(rule, lead) && condition.holds(&facts, draft.now) {
            // It has been true for we don't know how long.
            let since = Moment {
                at: lead.settled_at,
                recorded: draft.now,
            };
            lead.since.push((rule.name.clone(), since));
        }
    }
    if let Standing::Due(Item { due_at, .. }) = standing(playbook, lead, rule) {
        if due_at < draft.now {
            lead.rules_told.push((rule.name.clone(), ToldAt(draft.now)));
        }
    }
}

/// Takes one lead over: its stage mapped, its clocks computed anew. What a new rule would have
/// done before is late, and skipped if it doesn't say otherwise: nobody gets the whole backlog at
/// once.
pub(crate) fn adopt_lead(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    hash: &Name,
    new_rules: &[Name],
    stages: &[StageMapping],
) -> Result<(), Stop> {
    let playbook = draft.playbook;
    if playbook.hash != *hash {
        return Err(Refusal::Unknown {
            sort: "playbook",
            name: hash.as_str().into(),
            nearest: None,
        }
        .into());
    }
    if let Some((pipeline, stage)) = target_of(stages, &lead.pipeline, &lead.stage) {
        lead.pipeline = pipeline.clone();
        lead.stage = stage.clone();
    } else if playbook.stage(&lead.pipeline, &lead.stage).is_none() {
        return Err(
            Refusal::StagesVanish(vec![(lead.pipeline.clone(), lead.stage.clone())]).into(),
        );
    }
    if let Some(contact) = draft.read::<Contact>(&Key::contact(draft.tenant, lead.contact.id))? {
        copy_contact(&contact, lead);
    }
    lead.playbook = hash.clone();
    lead.fired
        .retain(|fired| playbook.rule(&fired.rule).is_some());
    lead.rules_told
        .retain(|(rule, _)| playbook.rule(rule).is_some() && !new_rules.contains(rule));
    lead.since
        .retain(|(rule, _)| playbook.rule(rule).is_some() && !new_rules.contains(rule));
    for rule in playbook
        .rules
        .iter()
        .filter(|rule| new_rules.contains(&rule.name))
    {
        learn(draft, lead, rule);
    }
    draft.happened(Event::LeadAdopted {
        lead: lead.id,
        playbook: hash.clone(),
    });
    ownership::take_claims(draft, lead)
}
