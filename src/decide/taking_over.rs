//! Taking over: how a lead comes under a changed playbook.

use crate::agenda::{Item, Standing, is_in_scope, standing};
use crate::decide::adoption::{mapping_of, permit_end, permit_hash, rely_on_active};
use crate::decide::command::StageMapping;
use crate::decide::draft::Draft;
use crate::decide::refusal::Refusal;
use crate::decide::{Stop, contacts, laws, places, tasks, waits};
use crate::ids::Name;
use crate::playbook::Playbook;
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::rule::{Anchor, Rule};
use crate::record::Lead;
use crate::record::journal::Event;
use crate::record::lead::{Moment, ToldAt};
use crate::record::tenant::{Adopted, TenantRecord};
use crate::store::Key;

/// Takes one lead over: its stage mapped, its clocks computed anew. What a rule that is new to
/// the lead would have done before is late, and skipped if it doesn't say otherwise: nobody gets
/// the whole backlog at once.
pub(crate) fn take_over(
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
    place(draft, lead, stages)?;
    if let Some(contact) = contacts::current(draft, lead.contact.id)? {
        contacts::renew_copy(draft, lead, &contact)?;
        // What was decided of it under the former playbook, its leads under this one don't know yet.
        contacts::renew_copies(draft, &contact, Some(lead.id), None)?;
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
    // What ended before there was such a base does not dispute a place.
    places::take(draft, lead)
}

/// Puts a lead where its stage is mapped to, or leaves it; in a wait group, where leads wait.
fn place(draft: &mut Draft<'_>, lead: &mut Lead, stages: &[StageMapping]) -> Result<(), Stop> {
    let from = (lead.pipeline.clone(), lead.stage.clone());
    let mapping = mapping_of(stages, &from.0, &from.1);
    let to = mapping.map_or(&from, |mapping| &mapping.to);
    let Some(stage) = draft.playbook.stage(&to.0, &to.1) else {
        return Err(Refusal::StagesVanish(vec![from]).into());
    };
    let outcome = lead.closed.as_ref().map(|closed| &closed.outcome);
    permit_end(draft.playbook, &from, outcome, to)?;
    (lead.pipeline, lead.stage) = to.clone();
    map_past(lead, stages);
    if stage.waits && !waits::is_in_a_group(draft.playbook, lead) {
        match mapping.and_then(|mapping| mapping.wait.as_ref()) {
            Some(waiting) => waits::set(draft, lead, waiting)?,
            None => {
                let to = to.clone();
                return Err(Refusal::NobodyWaits { from, to }.into());
            }
        }
    }
    match *to == from {
        true => Ok(()),
        false => Ok(laws::allow_entry(draft, lead)?),
    }
}

/// What a lead was in before is mapped as well: it is called otherwise now.
fn map_past(lead: &mut Lead, stages: &[StageMapping]) {
    let called = |pipeline: &mut Name, stage: &mut Name| {
        if let Some(mapping) = mapping_of(stages, pipeline, stage) {
            (*pipeline, *stage) = mapping.to.clone();
        }
    };
    if let Some((pipeline, stage)) = &mut lead.came_from {
        called(pipeline, stage);
    }
    for mut stay in std::mem::take(&mut lead.stays) {
        called(&mut stay.pipeline, &mut stay.stage);
        lead.add_stay(stay);
    }
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
        let now = draft.now;
        let facts = LeadFacts {
            playbook,
            lead,
            now,
        };
        let is_known = lead.since.iter().any(|(name, _)| *name == rule.name);
        if !is_known && is_in_scope(rule, lead) && condition.holds(&facts, now) {
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
