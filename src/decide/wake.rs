//! Waking: what happens when a record's own time has come. One rule fires per decision.

use smol_str::SmolStr;

use crate::agenda::{self, Happens, Item};
use crate::condition::Condition;
use crate::decide::act::{act, foresee};
use crate::decide::command::{Actor, Wake};
use crate::decide::draft::Draft;
use crate::decide::life::conclude;
use crate::decide::records::Records;
use crate::decide::settling::settle;
use crate::decide::sweeps::{self, Paged};
use crate::decide::{Stop, Woken, adoption, messages, troubles};
use crate::ids::{CommandId, LeadId, MessageId, SweepId, Tenant};
use crate::mailer::{Outcome, Outgoing};
use crate::playbook::Playbook;
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::rule::Rule;
use crate::record::journal::Event;
use crate::record::lead::{Fired, Moment, Trouble};
use crate::record::message::Message;
use crate::record::{Lead, Recorded, Sweep};
use crate::store::Key;
use crate::time::Instant;
use crate::told::shortened;

pub(crate) fn wake(
    playbook: &Playbook,
    records: &Records,
    tenant: &Tenant,
    wake: &Wake,
    now: Instant,
) -> Result<Woken, Stop> {
    let waking = Waking {
        playbook,
        records,
        tenant,
        now,
    };
    match wake {
        Wake::Lead(id) => waking.lead(*id),
        Wake::Message(id) => waking.message(*id),
        Wake::HandedOver {
            message,
            attempt,
            outcome,
        } => waking.handed_over(*message, *attempt, outcome),
        Wake::SweepPage {
            sweep,
            occurrence,
            from,
            reached,
            counts,
        } => {
            let page = Paged {
                occurrence: *occurrence,
                from: *from,
                reached: *reached,
                counts: *counts,
            };
            waking.sweep_page(*sweep, page)
        }
        Wake::Failed { key, error } => waking.failed(key, error, 1),
        Wake::Runaway { key, error } => waking.failed(key, error, Trouble::PATIENCE),
    }
}

/// What every wake is decided on.
struct Waking<'a> {
    playbook: &'a Playbook,
    records: &'a Records,
    tenant: &'a Tenant,
    now: Instant,
}

impl<'a> Waking<'a> {
    /// A record of this sort; `None`, if there is none.
    fn at_hand<T: Recorded>(&self, key: &Key) -> Result<Option<&'a T>, Stop> {
        match self.records.found(key) {
            Some(_) => Ok(self.records.record::<T>(key)),
            None => Err(Stop::Need(vec![key.clone()])),
        }
    }

    /// How often a record was written: what was heard of it once is not noted twice.
    fn writes(&self, key: &Key) -> Result<[u8; 4], Stop> {
        match self.records.found(key) {
            Some(found) => Ok(found.version.count().to_le_bytes()),
            None => Err(Stop::Need(vec![key.clone()])),
        }
    }

    fn draft(&self, command: CommandId, actor: Actor) -> Draft<'a> {
        let Self {
            playbook,
            records,
            tenant,
            now,
        } = *self;
        Draft::new(playbook, records, tenant, command, actor, now)
    }

    /// A decision about a record that any playbook may serve, if it is the active one. Its command
    /// follows from these parts.
    fn draft_about(&self, key: &Key, actor: Actor, parts: &[&[u8]]) -> Result<Draft<'a>, Stop> {
        let mut draft = self.draft(CommandId::following(self.now, parts), actor);
        adoption::stand_in(&mut draft, key)?;
        Ok(draft)
    }

    fn lead(&self, id: LeadId) -> Result<Woken, Stop> {
        let key = Key::lead(self.tenant, id);
        let awake = self.at_hand::<Lead>(&key)?;
        let Some(lead) = awake.filter(|lead| !lead.is_set_aside()) else {
            return Ok(Woken::default());
        };
        let Some(item) = agenda::first_due(self.playbook, lead, self.now) else {
            return self.recovered(&key, lead);
        };
        let actor = match item.what {
            Happens::Fires { rule, .. } | Happens::Turns(rule) => Actor::Rule(rule.name.clone()),
            Happens::Completes(_) => engine(),
        };
        let mut draft = self.draft(command_of(lead, &item), actor);
        if let Happens::Fires { rule, .. } = item.what {
            foresee(&draft, lead, &rule.actions)?;
        }
        let Some(mut lead) = draft.read::<Box<Lead>>(&key)? else {
            return Ok(Woken::default());
        };
        let kept_a_place = lead.keeps_a_place();
        lead.trouble = None;
        match item.what {
            Happens::Fires {
                rule,
                anchor,
                occurrence,
            } => fire(
                &mut draft,
                &mut lead,
                rule,
                (anchor, occurrence),
                item.due_at,
            )?,
            Happens::Turns(_) | Happens::Completes(_) => {}
        }
        conclude(&mut draft, lead, kept_a_place)?;
        Ok(woken(draft, None))
    }

    /// A lead that failed, and whose failing rule is no longer due when it is to be tried again:
    /// it is in no trouble.
    fn recovered(&self, key: &Key, lead: &Lead) -> Result<Woken, Stop> {
        let retry_at = lead.trouble.as_ref().and_then(|trouble| trouble.retry_at);
        let Some(retry_at) = retry_at.filter(|at| *at <= self.now) else {
            return Ok(Woken::default());
        };
        let since = retry_at.timestamp_micros().to_le_bytes();
        let parts: [&[u8]; 3] = [b"recovered", key.id.as_bytes(), &since];
        let mut draft = self.draft(CommandId::following(self.now, &parts), engine());
        let Some(mut lead) = draft.read::<Box<Lead>>(key)? else {
            return Ok(Woken::default());
        };
        lead.trouble = None;
        draft.happened(Event::Retried { record: key.id });
        settle(&mut draft, &mut lead);
        draft.put_lead(lead);
        Ok(woken(draft, None))
    }

    fn message(&self, id: MessageId) -> Result<Woken, Stop> {
        let key = Key::message(self.tenant, id);
        let Some(message) = self.at_hand::<Message>(&key)? else {
            return Ok(Woken::default());
        };
        let since = message.state_since.timestamp_micros().to_le_bytes();
        let failures = message.trouble.as_ref().map_or(0, |t| t.failures);
        let parts: [&[u8]; 5] = [
            b"message",
            id.0.as_bytes(),
            message.state.as_str().as_bytes(),
            &since,
            &failures.to_le_bytes(),
        ];
        let mut draft = self.draft_about(&key, engine(), &parts)?;
        let outgoing = messages::wake(&mut draft, id)?;
        Ok(woken(draft, outgoing))
    }

    fn handed_over(&self, id: MessageId, attempt: u32, outcome: &Outcome) -> Result<Woken, Stop> {
        let key = Key::message(self.tenant, id);
        let Some(message) = self.at_hand::<Message>(&key)? else {
            return Ok(Woken::default());
        };
        let attempts = message.attempts.to_le_bytes();
        let parts: [&[u8]; 3] = [b"handed over", id.0.as_bytes(), &attempts];
        let mut draft = self.draft_about(&key, engine(), &parts)?;
        messages::handed_over(&mut draft, id, attempt, outcome)?;
        Ok(woken(draft, None))
    }

    fn sweep_page(&self, id: SweepId, page: Paged) -> Result<Woken, Stop> {
        let key = Key::sweep(self.tenant, id);
        let parts: [&[u8]; 3] = [b"page", id.0.as_bytes(), &self.writes(&key)?];
        let actor = self
            .at_hand::<Sweep>(&key)?
            .map_or_else(engine, Sweep::actor);
        let mut draft = self.draft_about(&key, actor, &parts)?;
        sweeps::paged(&mut draft, id, page)?;
        Ok(woken(draft, None))
    }

    /// Waking a record failed, which counts as at least so many failures.
    fn failed(&self, key: &Key, error: &SmolStr, at_least: u32) -> Result<Woken, Stop> {
        let parts: [&[u8]; 3] = [b"failed", key.id.as_bytes(), &self.writes(key)?];
        let mut draft = self.draft_about(key, engine(), &parts)?;
        troubles::note(&mut draft, key, error, at_least)?;
        Ok(woken(draft, None))
    }
}

fn engine() -> Actor {
    Actor::host("leadkit")
}

fn woken(draft: Draft<'_>, outgoing: Option<Outgoing>) -> Woken {
    let decision = draft.finish();
    let decision = (!decision.writes.is_empty()).then_some(decision);
    Woken { decision, outgoing }
}

/// The command of an item of the agenda: the same occurrence, following the same last command,
/// has the same id on every worker.
fn command_of(lead: &Lead, item: &Item<'_>) -> CommandId {
    let (what, anchor, occurrence): (&[u8], _, _) = match item.what {
        Happens::Fires {
            anchor, occurrence, ..
        } => (b"fires", anchor.at, occurrence),
        Happens::Turns(_) => (b"turns", item.due_at, 0),
        Happens::Completes(_) => (b"completes", item.due_at, 0),
    };
    let last = lead.history.last.map_or([0; 16], |last| *last.0.as_bytes());
    let parts: [&[u8]; 6] = [
        what,
        &last,
        lead.id.0.as_bytes(),
        item.name().as_str().as_bytes(),
        &anchor.timestamp_micros().to_le_bytes(),
        &occurrence.to_le_bytes(),
    ];
    CommandId::following(item.due_at, &parts)
}

fn fire(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    rule: &Rule,
    (anchor, occurrence): (Moment, u32),
    due_at: Instant,
) -> Result<(), Stop> {
    let playbook = draft.playbook;
    let now = draft.now;
    let facts = LeadFacts {
        playbook,
        lead,
        now,
    };
    let mut only_if = rule.only_if.iter();
    let failing = only_if.find(|condition| !condition.holds(&facts, now));
    let fired = Fired {
        rule: rule.name.clone(),
        anchor: anchor.at,
        occurrence,
        at: draft.now,
        was_skipped: failing.is_some(),
    };
    lead.fired.retain(|earlier| earlier.rule != rule.name);
    lead.fired.push(fired);
    lead.rules_told.retain(|(told, _)| *told != rule.name);
    if let Some(condition) = failing.map(Condition::source) {
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
        fingerprint: rule.fingerprint,
        occurrence,
        number: rule.every.map(|period| period.number_of(occurrence)),
        due_at,
    });
    for action in &rule.actions {
        act(draft, lead, action, &rule.name, anchor)?;
    }
    Ok(())
}
