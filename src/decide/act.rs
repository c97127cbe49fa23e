//! What rules and choices do: each action in one place.

use crate::decide::Stop;
use crate::decide::draft::Draft;
use crate::decide::fields;
use crate::decide::laws;
use crate::decide::leaving;
use crate::decide::life::{move_to, owner_is_not_newer};
use crate::decide::messages;
use crate::decide::ownership;
use crate::decide::referrals;
use crate::decide::refusal::Refusal;
use crate::decide::tasks;
use crate::ids::{AgentId, ErrandId, Name};
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::host::LeadView;
use crate::playbook::rule::{Action, Assign, Whom};
use crate::record::Lead;
use crate::record::agent::Group;
use crate::record::journal::Event;
use crate::record::lead::{Because, Moment};
use crate::store::Key;

/// Asks for what actions will read of the records around a lead, before anything is decided.
///
/// Only to load it all at once, and not to decide in vain: whatever isn't foreseen here is asked
/// for where it is read.
pub(crate) fn foresee(draft: &Draft<'_>, lead: &Lead, actions: &[Action]) -> Result<(), Stop> {
    let mut keys = Vec::new();
    for action in actions.iter().flat_map(Action::with_fallbacks) {
        match action {
            Action::Send(_) => keys.push(Key::contact(draft.tenant, lead.contact.id)),
            Action::Notify { whom, .. } => match whom {
                Whom::Owner | Whom::EarlierOwner(_) => {}
                Whom::Referrer => {
                    let referrer = lead.referrer();
                    keys.extend(referrer.map(|agent| Key::agent(draft.tenant, agent)));
                }
                Whom::Role(role) => keys.push(Key::role(draft.tenant, role)),
                Whom::Team(team) => keys.push(Key::team(draft.tenant, team)),
            },
            Action::Assign(_) => {
                let pools = draft.playbook.pools.iter();
                keys.extend(pools.map(|pool| Key::pool(draft.tenant, &pool.name)));
            }
            Action::Task(_)
            | Action::Move { .. }
            | Action::Set { .. }
            | Action::Host(_)
            | Action::Reward(_) => {}
        }
    }
    draft.need(keys)
}

/// Does what a rule or a choice wants. What is refused is put on record, and the rest goes on.
pub(crate) fn act(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    action: &Action,
    rule: &Name,
    anchor: Moment,
) -> Result<(), Stop> {
    match action {
        Action::Send(send) => messages::send(draft, lead, send),
        Action::Notify { whom, template } => notify(draft, lead, whom, template),
        Action::Task(task) => tasks::open(draft, lead, task, anchor),
        Action::Assign(order) => assign(draft, lead, order, rule, anchor),
        Action::Move { .. } | Action::Set { .. } | Action::Host(_) | Action::Reward(_) => {
            try_out(draft, lead, action, rule, anchor)
        }
    }
}

/// Does what somebody chose. What is refused is refused as a whole: they are there to be told.
pub(crate) fn insist(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    action: &Action,
    task: &Name,
    anchor: Moment,
) -> Result<(), Stop> {
    match action {
        Action::Move { stage, reason } => move_to(draft, lead, stage, reason.as_ref(), None),
        Action::Set { field, to } => {
            let value = fields::reckoned(draft, lead, field, to)?;
            fields::set(draft, lead, &[(field.clone(), value)])
        }
        Action::Host(name) => let_host(draft, lead, name),
        Action::Reward(amount) => referrals::reward(draft, lead, *amount),
        action => act(draft, lead, action, task, anchor),
    }
}

/// Does what a rule wants and may be refused. Then it is taken back, and the refusal put on record.
fn try_out(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    action: &Action,
    rule: &Name,
    anchor: Moment,
) -> Result<(), Stop> {
    let (mut changed, mark) = (lead.clone(), draft.mark());
    let done = insist(draft, &mut changed, action, rule, anchor);
    let allowed = match done {
        Ok(()) => laws::allow_fields(draft, &mut changed, &lead.fields).map_err(Stop::from),
        stopped => stopped,
    };
    match allowed {
        Ok(()) => *lead = changed,
        Err(Stop::Refused(refusal)) => {
            draft.back_to(mark);
            put_on_record(draft, lead, &refusal, action.verb(), rule);
        }
        Err(needs) => return Err(needs),
    }
    Ok(())
}

fn put_on_record(draft: &mut Draft<'_>, lead: &Lead, refusal: &Refusal, verb: &str, rule: &Name) {
    let named: Vec<Name> = refusal.missing().cloned().collect();
    let missing = if named.is_empty() {
        vec![Name::from(refusal.code())]
    } else {
        named
    };
    draft.happened(Event::ActionRefused {
        lead: lead.id,
        rule: rule.clone(),
        action: Name::from(verb),
        missing,
    });
}

/// Lets an action of the host's say what comes of it. The fields come first: whoever carries out the
/// errand finds them set.
fn let_host(draft: &mut Draft<'_>, lead: &mut Lead, name: &Name) -> Result<(), Stop> {
    let (playbook, now) = (draft.playbook, draft.now);
    let Some(action) = playbook.host_action(name) else {
        return Ok(());
    };
    let effects = action.effects(LeadView::of(LeadFacts {
        playbook,
        lead,
        now,
    }));
    if !effects.fields.is_empty() {
        fields::set(draft, lead, &effects.fields)?;
    }
    if effects.leaves_errand {
        let errand = ErrandId(draft.new_id("errand"));
        draft.happened(Event::ErrandLeft {
            lead: lead.id,
            errand,
            action: name.clone(),
        });
    }
    Ok(())
}

fn assign(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    order: &Assign,
    rule: &Name,
    anchor: Moment,
) -> Result<(), Stop> {
    owner_is_not_newer(draft, lead)?;
    let is_reassignment = lead.owner.is_some();
    let is_too_often =
        is_reassignment && order.at_most.is_some_and(|most| lead.reassignments >= most);
    let spec = draft.playbook.pool(&order.pool).filter(|_| !is_too_often);
    if let Some(spec) = spec {
        let mut not: Vec<AgentId> = lead.owner_id().cloned().into_iter().collect();
        if order.not_earlier_owners {
            not.extend(lead.earlier_owners.iter().cloned());
        }
        let (heir, reasons) = ownership::let_choose(draft, lead, spec, &not)?;
        if let Some(heir) = heir {
            if is_reassignment {
                lead.reassignments = lead.reassignments.saturating_add(1);
            }
            return ownership::hand_over(draft, lead, heir, Because::Chosen(reasons.into()));
        }
        draft.happened(Event::NobodyEligible {
            lead: lead.id,
            reasons,
        });
    }
    match &order.then {
        Some(then) => act(draft, lead, then, rule, anchor),
        None => Ok(()),
    }
}

/// Tells agents. That there is none to be told is put on record, and how many of them are left out.
fn notify(draft: &mut Draft<'_>, lead: &Lead, whom: &Whom, template: &Name) -> Result<(), Stop> {
    let agents = match whom {
        Whom::Owner => lead.owner_id().cloned().into_iter().collect(),
        Whom::Referrer => referrals::to_be_told(draft, lead)?,
        Whom::EarlierOwner(team) => {
            match (leaving::earlier_owner(draft, lead, team.as_ref())?, team) {
                (Some(earlier), _) => vec![earlier],
                (None, Some(team)) => members(draft, &Key::team(draft.tenant, team))?,
                (None, None) => lead.owner_id().cloned().into_iter().collect(),
            }
        }
        Whom::Role(role) => members(draft, &Key::role(draft.tenant, role))?,
        Whom::Team(team) => members(draft, &Key::team(draft.tenant, team))?,
    };
    if agents.is_empty() {
        draft.happened(Event::NobodyToNotify {
            lead: lead.id,
            template: template.clone(),
            whom: smol_str::format_smolstr!("{whom}"),
        });
    }
    let left_out = agents.len().saturating_sub(MOST_NOTIFIED);
    if left_out > 0 {
        draft.happened(Event::NotAllNotified {
            lead: lead.id,
            template: template.clone(),
            whom: smol_str::format_smolstr!("{whom}"),
            told: u32::try_from(MOST_NOTIFIED).unwrap_or(u32::MAX),
            left_out: u32::try_from(left_out).unwrap_or(u32::MAX),
        });
    }
    for agent in agents.into_iter().take(MOST_NOTIFIED) {
        messages::notify(draft, lead, agent, template);
    }
    Ok(())
}

/// How many agents one action tells at most: the first by their ids.
const MOST_NOTIFIED: usize = 50;

fn members(draft: &Draft<'_>, group: &Key) -> Result<Vec<AgentId>, Stop> {
    let group = draft.hint::<Group>(group)?;
    Ok(group.map(|group| group.members.clone()).unwrap_or_default())
}
