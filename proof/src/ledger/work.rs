//! What was done for leads, as the journal tells: appointments, documents, quotes, rewards; and visits.

use std::collections::{BTreeMap, BTreeSet};

use leadkit::ids::{AgentId, LeadId, Name, Tenant};
use leadkit::record::appointment::Became;
use leadkit::record::journal::Event;
use leadkit::record::quote::Says;
use leadkit::record::visits::VisitPlan;
use leadkit::record::{Documents, Lead};
use leadkit::store::Key;
use leadkit::time::Instant;

use super::Ledger;

/// What was done for a lead.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkTally {
    appointments: BTreeMap<Name, AppointmentTally>,
    /// How many versions of each document there were.
    documents: BTreeMap<Name, u32>,
    /// How many versions of its quote there were.
    quotes: u32,
    replies: BTreeMap<u32, Says>,
    referrer: Option<AgentId>,
    rewards: u32,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct AppointmentTally {
    /// When each is, from the first.
    at: BTreeMap<u32, Instant>,
    ended: BTreeMap<u32, Became>,
}

/// What came of each visit of a plan.
pub(super) type VisitTally = BTreeMap<u32, (Name, Option<LeadId>)>;

impl WorkTally {
    /// Takes over what happened. Returns what can't be.
    pub(super) fn tell(&mut self, event: &Event) -> Option<String> {
        let wrong = |what: &str| Some(format!("{what}: {event:?}"));
        match event {
            Event::AppointmentBooked {
                kind, number, at, ..
            } => {
                let of_kind = self.appointments.entry(kind.clone()).or_default();
                let last = of_kind.at.keys().last().copied().unwrap_or_default();
                let is_open = last > 0 && !of_kind.ended.contains_key(&last);
                of_kind.at.insert(*number, *at);
                if is_open || *number != last + 1 {
                    return wrong("it was booked beside another one");
                }
            }
            Event::AppointmentMoved {
                kind, number, to, ..
            } => {
                let of_kind = self.appointments.entry(kind.clone()).or_default();
                let was_booked = of_kind.at.insert(*number, *to).is_some();
                if !was_booked || of_kind.ended.contains_key(number) {
                    return wrong("what is over was moved");
                }
            }
            Event::AppointmentEnded {
                kind, number, how, ..
            } => {
                let of_kind = self.appointments.entry(kind.clone()).or_default();
                let was_ended = of_kind.ended.insert(*number, *how).is_some();
                if was_ended || !of_kind.at.contains_key(number) {
                    return wrong("it ended before");
                }
            }
            Event::DocumentAttached { kind, version, .. } => {
                let versions = self.documents.entry(kind.clone()).or_default();
                *versions += 1;
                if versions != version {
                    return wrong("versions count");
                }
            }
            Event::QuoteMade { version, .. } => {
                self.quotes += 1;
                if self.quotes != *version {
                    return wrong("versions count");
                }
            }
            Event::QuoteReplied { version, says, .. } => {
                let was_replied = self.replies.insert(*version, *says).is_some();
                if was_replied || *version != self.quotes {
                    return wrong("it was replied to, or is not the one that counts");
                }
            }
            Event::Referred { by, .. } => self.referrer = Some(by.clone()),
            Event::Rewarded { referrer, .. } => {
                self.rewards += 1;
                if self.rewards > 1 || self.referrer.as_ref() != Some(referrer) {
                    return wrong("it was rewarded before, or somebody else referred it");
                }
            }
            _ => {}
        }
        None
    }

    /// What is otherwise on the lead than was told.
    pub(super) fn unlike(&self, lead: &Lead) -> Vec<String> {
        let mut unlike = Vec::new();
        let mut compare = |what: String, is: String, told: String| {
            if is != told {
                unlike.push(format!("{what} is {is}, its history tells {told}"));
            }
        };
        for (kind, told) in &self.appointments {
            let of_kind = lead.appointments.iter().find(|of| of.kind == *kind);
            for how in [Became::Held, Became::Missed, Became::Cancelled] {
                let count = of_kind.map_or(0, |of| of.tally(how).count);
                let ended = told.ended.values().filter(|ended| **ended == how).count();
                let what = format!("{kind} {}", how.as_str());
                compare(what, count.to_string(), ended.to_string());
            }
            let latest = of_kind.map_or(&[][..], |of| of.latest.as_slice());
            let last = latest.last().map(|last| last.number);
            let booked = told.at.keys().last().copied();
            compare(
                format!("the last {kind}"),
                format!("{last:?}"),
                format!("{booked:?}"),
            );
            for one in latest {
                let is = (Some(one.at), one.ended.as_ref().map(|ended| ended.how));
                let told = (
                    told.at.get(&one.number).copied(),
                    told.ended.get(&one.number).copied(),
                );
                let what = format!("{kind} {}", one.number);
                compare(what, format!("{is:?}"), format!("{told:?}"));
            }
        }
        for kind in &lead.appointments {
            let told = self.appointments.contains_key(&kind.kind).to_string();
            compare(format!("{} booked", kind.kind), "true".into(), told);
        }
        let documents: BTreeMap<Name, u32> = lead.documents.iter().map(versions).collect();
        compare(
            "documents".into(),
            format!("{documents:?}"),
            format!("{:?}", self.documents),
        );
        let made = lead.quotes.last().map_or(0, |quote| quote.version);
        compare("quotes".into(), made.to_string(), self.quotes.to_string());
        for quote in &lead.quotes {
            let is = quote.reply.as_ref().map(|reply| reply.says);
            let told = self.replies.get(&quote.version);
            let what = format!("the reply to quote {}", quote.version);
            compare(what, format!("{is:?}"), format!("{:?}", told.copied()));
        }
        let referral = lead.referral.as_ref();
        let referrer = referral.map(|referral| &referral.referrer);
        compare(
            "referrer".into(),
            format!("{referrer:?}"),
            format!("{:?}", self.referrer.as_ref()),
        );
        let is_rewarded = referral.is_some_and(|referral| referral.reward.is_some());
        let rewards = u32::from(is_rewarded);
        compare(
            "rewards".into(),
            rewards.to_string(),
            self.rewards.to_string(),
        );
        unlike
    }
}

fn versions(documents: &Documents) -> (Name, u32) {
    let current = documents.current().map_or(0, |current| current.version);
    (documents.kind.clone(), current)
}

impl Ledger {
    /// A visit is recorded once.
    pub(super) fn tally_visit(&mut self, tenant: &Tenant, event: &Event) {
        let Event::VisitRecorded {
            zone,
            week,
            visit,
            result,
            lead,
        } = event
        else {
            return;
        };
        let key = Key::visit_plan(tenant, zone, *week);
        let plan = self.visits.entry(key).or_default();
        if let Some(before) = plan.insert(*visit, (result.clone(), *lead)) {
            let what = format!("{event:?}, and it was {before:?} before");
            self.find("what is over is over once", what, None);
        }
    }

    /// A plan has what was recorded, and no visit twice.
    pub(super) fn check_plan(&mut self, key: &Key, plan: &VisitPlan) {
        let told = self.visits.get(key).cloned().unwrap_or_default();
        let mut wrong = Vec::new();
        let results = plan.visits.iter().filter_map(|visit| {
            let result = visit.result.as_ref()?;
            Some((visit.number, (result.result.clone(), result.lead)))
        });
        let results: VisitTally = results.collect();
        if results != told {
            wrong.push(format!(
                "{results:?} were recorded, its history tells {told:?}"
            ));
        }
        let numbers: BTreeSet<u32> = plan.visits.iter().map(|visit| visit.number).collect();
        if numbers.len() != plan.visits.len() || numbers.last() > Some(&plan.numbered) {
            wrong.push(format!(
                "its numbers are {numbers:?} up to {}",
                plan.numbered
            ));
        }
        let leads = results.values().filter_map(|(_, lead)| *lead);
        let leads: Vec<LeadId> = leads.collect();
        let once: BTreeSet<&LeadId> = leads.iter().collect();
        let there = leads.iter().all(|lead| {
            self.record::<Lead>(&Key::lead(&key.tenant, *lead))
                .is_some()
        });
        if once.len() != leads.len() || !there {
            wrong.push(format!("it brought {leads:?}"));
        }
        for what in wrong {
            let what = format!("{} in {}: {what}", plan.zone, plan.week);
            self.find("the journal tells what is so", what, None);
        }
    }
}
