//! Referrals: the codes of who refers, the leads that come with one, and the reward for each lead that
//! buys, once (requirement M5).
//!
//! A code is its bearer's for good: who left keeps it, and refers with it again if set up again. Until
//! then no lead comes with it; what was referred before stays so, and is rewarded like any other.

use crate::decide::Stop;
use crate::decide::command::NewLead;
use crate::decide::draft::Draft;
use crate::decide::permit::{acting_agent, permit_agent, refused_to};
use crate::decide::refusal::{Gaps, Problem, Refusal};
use crate::email::Email;
use crate::ids::AgentId;
use crate::money::Money;
use crate::phone;
use crate::playbook::Playbook;
use crate::playbook::people::{Permission, Role};
use crate::record::journal::Event;
use crate::record::referral::{Referral, ReferralCode, Reward};
use crate::record::{Agent, Claim, Lead};
use crate::store::Key;

/// How many codes a command draws, should others have the first ones.
const MOST_DRAWN: u32 = 32;
/// After how many that are taken the next ones have a letter more.
const DRAWN_OF_A_LENGTH: u32 = 4;

/// Refuses an agent who asks for the code of somebody else, but for those who set agents up.
pub(crate) fn permit_telling(draft: &mut Draft<'_>, bearer: &AgentId) -> Result<(), Stop> {
    match acting_agent(draft)? {
        Some(agent) if agent.id != *bearer => {
            permit_agent(draft, &agent, Permission::SetUpAgents).map(drop)
        }
        _ => Ok(()),
    }
}

/// Tells an agent its code, and makes one, if there is none.
pub(crate) fn tell_code(draft: &mut Draft<'_>, bearer: &AgentId) -> Result<(), Stop> {
    let Some(referring) = &draft.playbook.referring else {
        return Err(Refusal::NoReferrals.into());
    };
    let key = Key::agent(draft.tenant, bearer);
    let Some(mut agent) = draft.read::<Agent>(&key)? else {
        return Err(Refusal::NoSuchAgent(bearer.clone()).into());
    };
    if agent.left_at.is_some() {
        return Err(Refusal::HasLeft(agent.id).into());
    }
    if !may_refer(draft, &agent) {
        return Err(not_permitted(draft, &agent).into());
    }
    let code = match agent.referral_code.clone() {
        Some(code) => code,
        None => {
            let code = free_code(draft, referring.letters)?;
            let claim = Key::claim(draft.tenant, Claim::to_code(&code));
            draft.put(claim, Claim::Agent(agent.id.clone()), None);
            agent.referral_code = Some(code.clone());
            draft.put(key, agent, None);
            code
        }
    };
    draft.happened(Event::ReferralCodeTold {
        agent: bearer.clone(),
        code,
    });
    Ok(())
}

fn may_refer(draft: &Draft<'_>, agent: &Agent) -> bool {
    let role = draft.playbook.role(&agent.role);
    role.is_some_and(|role| role.may.contains(&Permission::Refer))
}

fn not_permitted(draft: &Draft<'_>, agent: &Agent) -> Refusal {
    let may = |role: &Role| role.may.contains(&Permission::Refer);
    let actor = agent.id.as_str().into();
    refused_to(draft.playbook, actor, Permission::Refer.word(), may)
}

/// The first code that the command draws and nobody has. Where many are taken, they get longer.
fn free_code(draft: &mut Draft<'_>, letters: u32) -> Result<ReferralCode, Stop> {
    for nth in 0..MOST_DRAWN {
        let longer = nth / DRAWN_OF_A_LENGTH;
        let code = ReferralCode::drawn(draft.command, nth, letters + longer);
        let claim = Key::claim(draft.tenant, Claim::to_code(&code));
        if draft.look_at::<Claim>(&claim)?.is_none() {
            return Ok(code);
        }
    }
    Err(Refusal::CodesTaken.into())
}

/// Who refers a new lead, by the code that it comes with.
pub(crate) fn referral_of(
    draft: &mut Draft<'_>,
    new: &NewLead,
    email: Option<&Email>,
    gaps: &mut Gaps,
) -> Result<Option<Referral>, Stop> {
    let said = new.referral.as_deref().map(str::trim);
    let Some(said) = said.filter(|said| !said.is_empty()) else {
        return Ok(None);
    };
    let Some((code, agent)) = bearer_of(draft, said)? else {
        gaps.add("referral", Problem::NobodysCode);
        return Ok(None);
    };
    let is_gone = agent
        .left_at
        .is_some_and(|left_at| draft.happened_at >= left_at);
    if is_gone || !may_refer(draft, &agent) {
        gaps.add("referral", Problem::RefersNoMore);
    } else if is_contact(draft.playbook, &agent, new, email) {
        gaps.add("referral", Problem::OwnCode);
    }
    Ok(Some(Referral {
        referrer: agent.id,
        role: agent.role,
        code,
        reward: None,
    }))
}

/// The code that is meant, and whose it is.
fn bearer_of(draft: &mut Draft<'_>, said: &str) -> Result<Option<(ReferralCode, Agent)>, Stop> {
    let code = said.parse::<ReferralCode>();
    let Some(code) = code.ok().filter(|_| draft.playbook.referring.is_some()) else {
        return Ok(None);
    };
    let claim = Key::claim(draft.tenant, Claim::to_code(&code));
    let Some(Claim::Agent(agent)) = draft.read::<Claim>(&claim)? else {
        return Ok(None);
    };
    let agent = draft.read::<Agent>(&Key::agent(draft.tenant, &agent))?;
    Ok(agent.map(|agent| (code, agent)))
}

/// Whether an agent is the person who is registered.
fn is_contact(playbook: &Playbook, agent: &Agent, new: &NewLead, email: Option<&Email>) -> bool {
    let home = playbook.country;
    let same_email = email.is_some_and(|email| email.key() == agent.email.key());
    let phones = new.phone.as_deref().zip(agent.phone.as_deref());
    let same_phone = phones.is_some_and(|(said, known)| {
        let said = phone::key(said, home);
        said.is_some() && said == phone::key(known, home)
    });
    same_email || same_phone
}

/// Records the reward for a lead, the first time; what was rewarded once is done.
pub(crate) fn reward(draft: &mut Draft<'_>, lead: &mut Lead, amount: Money) -> Result<(), Stop> {
    let at = draft.moment();
    let Some(referral) = &mut lead.referral else {
        return Err(Gaps::one("referrer", Problem::Missing).into());
    };
    if referral.reward.is_some() {
        return Ok(());
    }
    referral.reward = Some(Reward { amount, at });
    draft.happened(Event::Rewarded {
        lead: lead.id,
        referrer: referral.referrer.clone(),
        amount,
    });
    Ok(())
}

/// Who referred a lead, if somebody did who is still there to be told.
pub(crate) fn to_be_told(draft: &Draft<'_>, lead: &Lead) -> Result<Vec<AgentId>, Stop> {
    let Some(referrer) = lead.referrer() else {
        return Ok(Vec::new());
    };
    let agent = draft.hint::<Agent>(&Key::agent(draft.tenant, referrer))?;
    let is_there = agent.is_some_and(|agent| agent.left_at.is_none());
    Ok(is_there.then(|| referrer.clone()).into_iter().collect())
}
