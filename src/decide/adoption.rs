//! Playbooks: which one is a tenant's active one, and how its leads come under a changed one.

use crate::agenda::{Item, Standing, is_in_scope, standing};
use crate::condition::quoted;
use crate::decide::command::{Adoption, LeadOrder, NewSweep, StageMapping};
use crate::decide::contacts::copy_contact;
use crate::decide::draft::Draft;
use crate::decide::life::unknown;
use crate::decide::refusal::{EndsDiffer, Refusal};
use crate::decide::{PLAYBOOK_FACT, Stop, ownership, pools, sweeps, tasks};
use crate::ids::{Name, SweepId};
use crate::playbook::Playbook;
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::rule::{Anchor, Rule};
use crate::record::journal::Event;
use crate::record::lead::{Moment, ToldAt};
use crate::record::message::Message;
use crate::record::tenant::{Adopted, KnownStage, TenantRecord};
use crate::record::{Contact, History, Lead, Sweep};
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
    check_stages(playbook, adoption)?;
    let Some(before) = draft.read::<TenantRecord>(&Key::tenant(draft.tenant))? else {
        put_active(draft, None, None);
        return Ok(());
    };
    let is_active = before.playbook == playbook.hash;
    // Adopting the active one again takes over leads of former playbooks alone, whose stages are
    // not known any more: then each lead is asked.
    if !is_active {
        check_ends(playbook, &before, adoption)?;
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
fn permit_hash(playbook: &Playbook, hash: &Name) -> Result<(), Refusal> {
    if playbook.hash == *hash {
        return Ok(());
    }
    Err(Refusal::Unknown {
        sort: "playbook",
        name: hash.as_str().into(),
        nearest: None,
    })
}

/// Refuses mappings to stages that there aren't, and stages with leads that would vanish.
fn check_stages(playbook: &Playbook, adoption: &Adoption) -> Result<(), Refusal> {
    for mapping in &adoption.stages {
        let (pipeline, stage) = &mapping.to;
        if playbook.stage(pipeline, stage).is_none() {
            let stages = playbook
                .pipelines
                .iter()
                .flat_map(|pipeline| &pipeline.stages);
            return Err(unknown("stage", stage, stages.map(|stage| &stage.name)));
        }
    }
    let vanishes = |(pipeline, stage): &&(Name, Name)| {
        playbook.stage(pipeline, stage).is_none()
            && target_of(&adoption.stages, pipeline, stage).is_none()
    };
    let vanishing: Vec<(Name, Name)> = adoption.occupied.iter().filter(vanishes).cloned().collect();
    if vanishing.is_empty() {
        Ok(())
    } else {
        Err(Refusal::StagesVanish(vanishing))
    }
}

/// Refuses to let open leads into final stages, closed ones into open stages, and leads that ended
/// in one way where others ended in another one: adopting moves no lead, nor closes or reopens it.
fn check_ends(
    playbook: &Playbook,
    before: &TenantRecord,
    adoption: &Adoption,
) -> Result<(), Refusal> {
    let mapped = adoption
        .stages
        .iter()
        .map(|mapping| (&mapping.from, &mapping.to));
    let kept = adoption
        .occupied
        .iter()
        .filter(|(pipeline, stage)| target_of(&adoption.stages, pipeline, stage).is_none())
        .map(|at| (at, at));
    for (from, to) in mapped.chain(kept) {
        if let Some(known) = before.stage(&from.0, &from.1) {
            permit_end(playbook, from, known.outcome.as_ref(), to)?;
        }
    }
    Ok(())
}

/// Refuses a stage for leads that don't stand as leads do there. One that there isn't is refused
/// elsewhere.
fn permit_end(
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

/// Takes one lead over: its stage mapped, its clocks computed anew. What a rule that is new to
/// the lead would have done before is late, and skipped if it doesn't say otherwise: nobody gets
/// the whole backlog at once.
pub(crate) fn adopt_lead(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    hash: &Name,
    stages: &[StageMapping],
) -> Result<(), Stop> {
    let playbook = draft.playbook;
    permit_hash(playbook, hash)?;
    // A sweep of an adoption that another one has overtaken takes nothing back.
    rely_on_active(draft)?;
    let record = draft.look_at::<TenantRecord>(&Key::tenant(draft.tenant))?;
    let former = record.and_then(|record| record.adopted(&lead.playbook));
    let mut rules: Vec<Taken<'_>> = playbook
        .rules
        .iter()
        .map(|rule| Taken::of(rule, former, lead))
        .collect();
    let from = (lead.pipeline.clone(), lead.stage.clone());
    let to = target_of(stages, &lead.pipeline, &lead.stage).unwrap_or(&from);
    let outcome = lead.closed.as_ref().map(|closed| &closed.outcome);
    permit_end(playbook, &from, outcome, to)?;
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
    draft.happened(Event::LeadAdopted {
        lead: lead.id,
        playbook: hash.clone(),
    });
    tasks::end_those_unknown(draft, lead);
    for taken in &mut rules {
        taken.is_new |= !taken.was_in_scope && is_in_scope(taken.rule, lead);
    }
    let goes_on = |name: &Name| rules.iter().find(|taken| taken.rule.name == *name);
    lead.rules_told
        .retain(|(rule, _)| goes_on(rule).is_some_and(|taken| !taken.is_new));
    lead.since
        .retain(|(rule, _)| goes_on(rule).is_some_and(|taken| !taken.forgets_since));
    forget_fired(playbook, lead);
    for taken in rules.iter().filter(|taken| taken.is_new) {
        learn(draft, lead, taken.rule);
    }
    ownership::take_claims(draft, lead)
}

/// How a rule of this playbook stands to a lead that is taken over.
struct Taken<'a> {
    rule: &'a Rule,
    /// Whether it is new to the lead: its former playbook had no such rule, or one that fires at
    /// other times, or the lead comes to it only by a mapping.
    is_new: bool,
    /// Whether it waits for another condition than before, so that it is not known since when it
    /// has been true.
    forgets_since: bool,
    was_in_scope: bool,
}

impl<'a> Taken<'a> {
    /// `former` is what is known of the lead's former playbook. Of one that is too long ago
    /// nothing is, and so every rule is new; only that its conditions changed is not assumed,
    /// since a rule that fired would then fire again.
    fn of(rule: &'a Rule, former: Option<&Adopted>, lead: &Lead) -> Self {
        let is_new = former.is_none_or(|former| !former.rules.contains(&rule.fingerprint));
        let forgets_since = former.is_some_and(|former| {
            let condition = rule.condition_fingerprint();
            condition.is_some_and(|condition| !former.conditions.contains(&condition))
        });
        Self {
            rule,
            is_new,
            forgets_since,
            was_in_scope: is_in_scope(rule, lead),
        }
    }
}

/// A rule is new to a lead: what it would have done before counts as late. What a rule of its
/// name did stays done.
fn learn(draft: &Draft<'_>, lead: &mut Lead, rule: &Rule) {
    let playbook = draft.playbook;
    if let Anchor::Turns(condition) = &rule.anchor {
        let facts = LeadFacts { playbook, lead };
        let is_known = lead.since.iter().any(|(name, _)| *name == rule.name);
        if !is_known && is_in_scope(rule, lead) && condition.holds(&facts, draft.now) {
            // It has been true for we don't know how long.
            let since = Moment {
                at: lead.settled_at,
                recorded: draft.now,
            };
            lead.since.push((rule.name.clone(), since));
        }
    }
    let was_due = match standing(playbook, lead, rule) {
        Standing::Due(Item { due_at, .. }) => due_at < draft.now,
        _ => false,
    };
    // One that comes again counts its occurrences in another way than the one that fired.
    let counts_anew = rule.every.is_some() && lead.last_fired(&rule.name).is_some();
    if was_due || counts_anew {
        lead.rules_told.push((rule.name.clone(), ToldAt(draft.now)));
    }
}

/// What rules did that this playbook lacks is kept for a while: if they come back, they don't do
/// it again.
fn forget_fired(playbook: &Playbook, lead: &mut Lead) {
    let mut gone: Vec<_> = lead
        .fired
        .iter()
        .filter(|fired| playbook.rule(&fired.rule).is_none())
        .map(|fired| fired.at)
        .collect();
    let Some(over) = gone.len().checked_sub(Lead::MOST_KEPT).filter(|n| *n > 0) else {
        return;
    };
    gone.sort_unstable();
    let (last_to_go, mut left) = (gone[over - 1], over);
    lead.fired.retain(|fired| {
        let goes = left > 0 && fired.at <= last_to_go && playbook.rule(&fired.rule).is_none();
        left -= usize::from(goes);
        !goes
    });
}
