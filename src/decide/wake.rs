//! Waking: what happens when a record's own time has come. One rule fires per decision.

use crate::agenda::{self, Happens, Item};
use crate::decide::act::{act, foresee, shortened};
use crate::decide::command::{Actor, Wake};
use crate::decide::draft::Draft;
use crate::decide::life::settle;
use crate::decide::records::Records;
use crate::decide::{Stop, Woken, adoption, messages, sweeps, troubles};
use crate::ids::{CommandId, LeadId, Tenant};
use crate::playbook::Playbook;
use crate::playbook::catalogue::LeadFacts;
use crate::record::journal::Event;
use crate::record::lead::{Fired, Moment, Trouble};
use crate::record::message::Message;
use crate::record::{Lead, Sweep};
use crate::store::Key;
use crate::time::Instant;

pub(crate) fn wake(
    playbook: &Playbook,
    records: &Records,
    tenant: &Tenant,
    wake: &Wake,
    now: Instant,
) -> Result<Woken, Stop> {
    match wake {
        Wake::Lead(id) => wake_lead(playbook, records, tenant, *id, now),
        Wake::Message(id) => {
            let key = Key::message(tenant, *id);
            let Some(message) = message_at_hand(records, &key)? else {
                return Ok(Woken::default());
            };
            let since = message.state_since.timestamp_micros().to_le_bytes();
            let failures = message
                .trouble
                .as_ref()
                .map_or(0, |trouble| trouble.failures)
                .to_le_bytes();
            let command = following(
                now,
                &[
                    b"message",
                    id.0.as_bytes(),
                    message.state.as_str().as_bytes(),
                    &since,
                    &failures,
                ],
            );
            let mut draft = Draft::new(playbook, records, tenant, command, engine(), now);
            adoption::stand_in(&mut draft, &key)?;
            let outgoing = messages::wake(&mut draft, *id)?;
            Ok(woken(draft, outgoing))
        }
        Wake::HandedOver {
            message,
            attempt,
            outcome,
        } => {
            let key = Key::message(tenant, *message);
            let Some(record) = message_at_hand(records, &key)? else {
                return Ok(Woken::default());
            };
            let attempts = record.attempts.to_le_bytes();
            let command = following(now, &[b"handed over", message.0.as_bytes(), &attempts]);
            let mut draft = Draft::new(playbook, records, tenant, command, engine(), now);
            adoption::stand_in(&mut draft, &key)?;
            messages::handed_over(&mut draft, *message, *attempt, outcome)?;
            Ok(woken(draft, None))
        }
        Wake::SweepPage {
            sweep,
            occurrence,
            from,
            reached,
            counts,
        } => {
            let key = Key::sweep(tenant, *sweep);
            let found = records
                .found(&key)
                .ok_or_else(|| Stop::Need(vec![key.clone()]))?;
            let version = found.version.count().to_le_bytes();
            let command = following(now, &[b"page", sweep.0.as_bytes(), &version]);
            let actor = records
                .record::<Sweep>(&key)
                .map_or_else(engine, Sweep::actor);
            let mut draft = Draft::new(playbook, records, tenant, command, actor, now);
            adoption::stand_in(&mut draft, &key)?;
            let page = sweeps::Paged {
                occurrence: *occurrence,
                from: *from,
                reached: *reached,
                counts: *counts,
            };
            sweeps::paged(&mut draft, *sweep, page)?;
            Ok(woken(draft, None))
        }
        Wake::Failed { key, error } | Wake::Runaway { key, error } => {
            let found = records
                .found(key)
                .ok_or_else(|| Stop::Need(vec![key.clone()]))?;
            let version = found.version.count().to_le_bytes();
            let command = following(now, &[b"failed", key.id.as_bytes(), &version]);
            let mut draft = Draft::new(playbook, records, tenant, command, engine(), now);
            adoption::stand_in(&mut draft, key)?;
            let is_runaway = matches!(wake, Wake::Runaway { .. });
            let at_least = if is_runaway { Trouble::PATIENCE } else { 1 };
            troubles::note(&mut draft, key, error, at_least)?;
            Ok(woken(draft, None))
        }
    }
}

fn engine() -> Actor {
    Actor::host("leadkit")
}

fn following(now: Instant, parts: &[&[u8]]) -> CommandId {
    CommandId::following(now, parts)
}

fn message_at_hand<'a>(records: &'a Records, key: &Key) -> Result<Option<&'a Message>, Stop> {
    if records.found(key).is_none() {
        return Err(Stop::Need(vec![key.clone()]));
    }
    Ok(records.record::<Message>(key))
}

fn woken(draft: Draft<'_>, outgoing: Option<crate::mailer::Outgoing>) -> Woken {
    let decision = draft.finish();
    let decision = (!decision.writes.is_empty()).then_some(decision);
    Woken { decision, outgoing }
}

fn wake_lead(
    playbook: &Playbook,
    records: &Records,
    tenant: &Tenant,
    id: LeadId,
    now: Instant,
) -> Result<Woken, Stop> {
    let key = Key::lead(tenant, id);
    if records.found(&key).is_none() {
        return Err(Stop::Need(vec![key]));
    }
    let Some(lead) = records.record::<Lead>(&key) else {
        return Ok(Woken::default());
    };
    if lead.is_set_aside() {
        return Ok(Woken::default());
    }
    let Some(item) = agenda::first_due(playbook, lead, now) else {
        return Ok(Woken::default());
    };
    let actor = Actor::Rule(item.rule.name.clone());
    let mut draft = Draft::new(
        playbook,
        records,
        tenant,
        command_of(lead, &item),
        actor,
        now,
    );
    if let Happens::Fires { .. } = item.what {
        foresee(&draft, lead, &item.rule.actions)?;
    }
    let Some(mut lead) = draft.read::<Lead>(&key)? else {
        return Ok(Woken::default());
    };
    lead.trouble = None;
    if let Happens::Fires { anchor, occurrence } = item.what {
        fire(&mut draft, &mut lead, &item, anchor, occurrence)?;
    }
    settle(&mut draft, &mut lead);
    draft.put_lead(lead);
    Ok(woken(draft, None))
}

/// The command of an item of the agenda: the same occurrence, following the same last command,
/// has the same id on every worker.
fn command_of(lead: &Lead, item: &Item<'_>) -> CommandId {
    let (what, anchor, occurrence): (&[u8], _, _) = match item.what {
        Happens::Fires { anchor, occurrence } => (b"fires", anchor.at, occurrence),
        Happens::Turns => (b"turns", item.due_at, 0),
    };
    let last = lead.history.last.map_or([0; 16], |last| *last.0.as_bytes());
    let parts: [&[u8]; 6] = [
        what,
        &last,
        lead.id.0.as_bytes(),
        item.rule.name.as_str().as_bytes(),
        &anchor.timestamp_micros().to_le_bytes(),
        &occurrence.to_le_bytes(),
    ];
    CommandId::following(item.due_at, &parts)
}

fn fire(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    item: &Item<'_>,
    anchor: Moment,
    occurrence: u32,
) -> Result<(), Stop> {
    let rule = item.rule;
    let playbook = draft.playbook;
    let fired = Fired {
        rule: rule.name.clone(),
        anchor: anchor.at,
        occurrence,
        at: draft.now,
    };
    lead.fired.retain(|earlier| earlier.rule != rule.name);
    lead.fired.push(fired);
    lead.rules_told.retain(|(told, _)| *told != rule.name);
    let due_at = item.due_at;
    let holds = |lead: &Lead| {
        let condition = rule.only_if.as_ref()?;
        (!condition.holds(&LeadFacts { playbook, lead }, draft.now)).then(|| condition.source())
    };
    if let Some(condition) = holds(lead) {
        let because = shortened(condition);
        draft.happened(Event::Skipped {
            lead: lead.id,
            rule: rule.name.clone(),
            due_at,
            because,
        });
        return Ok(());
    }
    draft.happened(Event::Fired {
        lead: lead.id,
        rule: rule.name.clone(),
        occurrence,
        due_at,
    });
    for action in &rule.actions {
        act(draft, lead, action, &rule.name, anchor)?;
    }
    Ok(())
}
