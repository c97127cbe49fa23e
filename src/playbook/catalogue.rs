//! What the conditions of a playbook may speak of, and how a lead answers them.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};
use smol_str::{SmolStr, format_smolstr};

use crate::calendar::Zone;
use crate::condition::{Catalogue, FactId, FactInfo, FactName, Facts, Unresolved};
use crate::facts::{AgentFact, LeadFact, MessageFact, SweepFact};
use crate::ids::Name;
use crate::playbook::Playbook;
use crate::playbook::delay::Delay;
use crate::playbook::host::{HostFact, LeadView};
use crate::playbook::law::rule_of;
use crate::playbook::pipeline::Field;
use crate::playbook::rule::{Rule, StageRef};
use crate::record::Lead;
use crate::record::appointment::{Appointments, Became};
use crate::record::lead::Moment;
use crate::record::pool::Member;
use crate::time::Instant;
use crate::value::{Number, ValueRef, ValueType};

mod built_in;

pub(crate) use built_in::BuiltInCatalogue;
use built_in::info_of;

/// The facts about one of several things that the playbook names, and which of these facts they are.
/// They take the name of the thing: `activities("information")`.
const ABOUT: [(Sort, &[(&str, ValueType)]); 3] = [
    (
        Sort::Activity,
        &[
            ("activities", ValueType::Number),
            ("recorded_at", ValueType::Instant),
        ],
    ),
    (
        Sort::Appointment,
        &[
            ("appointment_at", ValueType::Instant),
            ("appointment_day", ValueType::Instant),
            ("appointment_day_ends", ValueType::Instant),
            (TODAY, ValueType::Bool),
            ("appointments_held", ValueType::Number),
            ("appointments_missed", ValueType::Number),
            ("appointments_cancelled", ValueType::Number),
            ("last_held_at", ValueType::Instant),
            ("feedback_due", ValueType::Bool),
        ],
    ),
    (
        Sort::Document,
        &[
            ("documents", ValueType::Number),
            ("attached_at", ValueType::Instant),
        ],
    ),
];

/// Whether an appointment is today: true from the beginning of its day until the next one's.
const TODAY: &str = "appointment_today";

/// The sorts of things about which facts are.
#[derive(Clone, Copy, Debug)]
enum Sort {
    Activity,
    Appointment,
    Document,
}

/// The facts about a stage, which take its name: whether the lead was ever there, how often it came
/// there, and when last.
const STAGES: [(&str, ValueType); 3] = [
    ("was_in", ValueType::Bool),
    ("entries", ValueType::Number),
    ("entered_at", ValueType::Instant),
];

/// The fact about a law, which takes its name: whether the lead breaks it.
const BROKEN: &str = "broken";

/// The facts of leads under one playbook: the built-in ones, its fields, those about its activities,
/// its stages and its laws, and those of the host's own.
#[derive(Debug)]
pub(crate) struct LeadCatalogue<'a> {
    pub(crate) zone: &'a Zone,
    pub(crate) fields: &'a [Field],
    /// Fields that are there and can't be read; of no playbook that has no faults.
    pub(crate) faulty_fields: &'a [Name],
    pub(crate) activities: Vec<&'a Name>,
    pub(crate) appointments: Vec<&'a Name>,
    pub(crate) documents: Vec<&'a Name>,
    pub(crate) stages: &'a [StageRef],
    /// The laws that can be broken by whoever stands in their stages.
    pub(crate) laws: &'a [Name],
    /// What the host registered.
    pub(crate) host: &'a [HostFact],
    /// What the condition is for that is read.
    pub(crate) asked: Asked,
    /// The closed sets of text facts: stages, sources, roles.
    pub(crate) choices: &'a [(LeadFact, Arc<[SmolStr]>)],
}

/// What a condition is for: to be asked once, or to be waited for until it turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Once,
    UntilItTurns,
}

impl LeadCatalogue<'_> {
    fn choices_of(&self, fact: LeadFact) -> Option<Arc<[SmolStr]>> {
        let (_, choices) = self.choices.iter().find(|(of, _)| *of == fact)?;
        Some(choices.clone())
    }

    fn known(&self, sort: Sort) -> &[&'_ Name] {
        match sort {
            Sort::Activity => &self.activities,
            Sort::Appointment => &self.appointments,
            Sort::Document => &self.documents,
        }
    }

    /// The number of the first fact about a stage: they come behind those about other things.
    fn first_of_stages(&self) -> usize {
        let about = ABOUT.iter();
        let about = about.map(|(sort, facts)| facts.len() * self.known(*sort).len());
        LeadFact::ALL.len() + self.fields.len() + about.sum::<usize>()
    }

    /// The number of the first fact about a law.
    fn first_of_laws(&self) -> usize {
        self.first_of_stages() + STAGES.len() * self.stages.len()
    }

    /// The ids of the facts about stages.
    pub(crate) fn ids_of_stages(&self) -> impl Iterator<Item = FactId> + use<> {
        let first = self.first_of_stages();
        (first..self.first_of_laws()).map(number)
    }

    /// The ids of the facts that follow from others: those about laws, and the host's.
    pub(crate) fn ids_that_follow(&self) -> impl Iterator<Item = FactId> + use<> {
        let first = self.first_of_laws();
        (first..first + self.laws.len() + self.host.len()).map(number)
    }

    /// A fact of the host's, if it is one.
    fn of_host(&self, name: &str, argument: Option<&str>) -> Option<Result<FactInfo, Unresolved>> {
        let place = self.host.iter().position(|fact| fact.name == name)?;
        if argument.is_some() {
            return Some(Err(Unresolved::TakesNoArgument));
        }
        if self.asked == Asked::UntilItTurns {
            return Some(Err(Unresolved::NeverTurns));
        }
        let id = number(self.first_of_laws() + self.laws.len() + place);
        let value_type = self.host[place].value_type;
        Some(Ok(FactInfo::computed(id, FactName::new(name), value_type)))
    }

    /// One of the facts about a stage, by its place among them.
    fn stage(&self, which: usize, argument: Option<&str>) -> Result<FactInfo, Unresolved> {
        let known = || {
            let stages = self.stages.iter();
            stages.map(|at| at.stage.as_str().into()).collect()
        };
        let Some(argument) = argument else {
            return Err(Unresolved::NeedsArgument { known: known() });
        };
        let is_meant = |at: &&StageRef| match argument.split_once('.') {
            Some((pipeline, stage)) => at.pipeline == *pipeline && at.stage == *stage,
            None => at.stage == *argument,
        };
        let meant: Vec<&StageRef> = self.stages.iter().filter(is_meant).collect();
        let place = match meant.as_slice() {
            [at] => self.stages.iter().position(|known| known == *at),
            [] => None,
            // Several pipelines have one: `sales.lost`.
            several => {
                let known = several.iter().map(|at| format_smolstr!("{at}"));
                return Err(Unresolved::UnknownArgument {
                    known: known.collect(),
                });
            }
        };
        let Some(place) = place else {
            return Err(Unresolved::UnknownArgument { known: known() });
        };
        let first = self.first_of_stages();
        let id = number(first + which * self.stages.len() + place);
        let (name, value_type) = STAGES[which];
        let name = FactName::with_argument(name, argument);
        Ok(FactInfo::computed(id, name, value_type))
    }

    /// Whether a law is broken.
    fn law(&self, argument: Option<&str>) -> Result<FactInfo, Unresolved> {
        let known = || self.laws.iter().map(|law| law.as_str().into()).collect();
        let Some(argument) = argument else {
            return Err(Unresolved::NeedsArgument { known: known() });
        };
        let Some(place) = self.laws.iter().position(|law| law == argument) else {
            return Err(Unresolved::UnknownArgument { known: known() });
        };
        let first = self.first_of_laws();
        let name = FactName::with_argument(BROKEN, argument);
        Ok(FactInfo::computed(
            number(first + place),
            name,
            ValueType::Bool,
        ))
    }

    /// One of the facts about something that the playbook names, if it is one.
    fn about(&self, name: &str, argument: Option<&str>) -> Option<Result<FactInfo, Unresolved>> {
        let mut first = LeadFact::ALL.len() + self.fields.len();
        for (sort, facts) in ABOUT {
            let known = self.known(sort);
            if let Some(which) = facts.iter().position(|(fact, _)| *fact == name) {
                return Some(self.about_one_of(known, first, (facts, which), argument));
            }
            first += facts.len() * known.len();
        }
        None
    }

    fn about_one_of(
        &self,
        known: &[&Name],
        first: usize,
        (facts, which): (&[(&'static str, ValueType)], usize),
        argument: Option<&str>,
    ) -> Result<FactInfo, Unresolved> {
        let told = || known.iter().map(|name| name.as_str().into()).collect();
        let Some(argument) = argument else {
            return Err(Unresolved::NeedsArgument { known: told() });
        };
        let Some(place) = known.iter().position(|name| **name == *argument) else {
            return Err(Unresolved::UnknownArgument { known: told() });
        };
        let (name, value_type) = facts[which];
        let id = number(first + which * known.len() + place);
        let info = FactInfo::computed(id, FactName::with_argument(name, argument), value_type);
        if name != TODAY {
            return Ok(info);
        }
        let other = |name| self.resolve(name, Some(argument));
        let (from, until) = (other("appointment_day")?, other("appointment_day_ends")?);
        Ok(info.with_during(from, until))
    }
}

/// Playbooks have far fewer facts than numbers; one too many would never be found.
fn number(place: usize) -> FactId {
    FactId(u16::try_from(place).unwrap_or(u16::MAX))
}

impl Catalogue for LeadCatalogue<'_> {
    fn resolve(&self, name: &str, argument: Option<&str>) -> Result<FactInfo, Unresolved> {
        if let Some(about) = self.about(name, argument) {
            return about;
        }
        let of_stage = STAGES.iter().position(|(known, _)| *known == name);
        // `entered_at` alone is the present stage's.
        let is_its_own = argument.is_none() && LeadFact::named(name).is_some();
        if let Some(which) = of_stage.filter(|_| !is_its_own) {
            return self.stage(which, argument);
        }
        if name == BROKEN {
            return self.law(argument);
        }
        if let Some(of_host) = self.of_host(name, argument) {
            return of_host;
        }
        if argument.is_some() {
            let known =
                LeadFact::named(name).is_some() || self.fields.iter().any(|f| f.name == name);
            return Err(if known {
                Unresolved::TakesNoArgument
            } else {
                Unresolved::UnknownName
            });
        }
        if let Some(fact) = LeadFact::named(name) {
            let info = info_of(fact as usize, fact.built_in());
            return Ok(match self.choices_of(fact) {
                Some(choices) => info.with_choices(choices),
                None => info,
            });
        }
        if self.faulty_fields.iter().any(|field| *field == *name) {
            return Err(Unresolved::FaultyFact);
        }
        let Some(place) = self.fields.iter().position(|field| field.name == name) else {
            return Err(Unresolved::UnknownName);
        };
        let field = &self.fields[place];
        let id = number(LeadFact::ALL.len() + place);
        let info = FactInfo::stored(id, FactName::new(name), field.value_type);
        Ok(match &field.tax_numbers {
            Some(kinds) => info.with_tax_numbers(kinds.clone()),
            None if field.choices.is_empty() => info,
            None => info.with_choices(field.choices.clone()),
        })
    }

    fn names(&self) -> Vec<SmolStr> {
        let built_in = LeadFact::ALL.iter().map(|fact| fact.built_in().name.into());
        let fields = self.fields.iter().map(|field| field.name.as_str().into());
        let about = ABOUT.iter().flat_map(|(_, facts)| *facts);
        let about = about.chain(&STAGES).map(|(name, _)| *name);
        let about = about.chain([BROKEN]).map(SmolStr::new_static);
        let of_host = self.host.iter().map(|fact| fact.name.as_str().into());
        built_in.chain(fields).chain(about).chain(of_host).collect()
    }

    fn start_of_day(&self, date: NaiveDate) -> Option<Instant> {
        Some(self.zone.from_local(date.and_time(NaiveTime::MIN)))
    }
}

/// A lead, seen through the facts of its playbook.
#[derive(Clone, Copy, Debug)]
pub struct LeadFacts<'a> {
    /// The playbook whose conditions ask.
    pub playbook: &'a Playbook,
    /// The lead.
    pub lead: &'a Lead,
    /// When they are asked for: what a host's facts and guards call now.
    pub now: Instant,
}

/// When something happened between people. What was before the lead was registered counts as of then:
/// whoever calls a walk-in and enters the lead afterwards has made the first contact.
fn since_registered<'a>(lead: &Lead, happened: Moment) -> ValueRef<'a> {
    ValueRef::Instant(happened.at.max(lead.registered.at))
}

impl Facts for LeadFacts<'_> {
    // Compiled into the one place where conditions ask, so that no value goes through memory:
    // that took longer than comparing it.
    #[inline(always)]
    fn fact(&self, id: FactId) -> Option<ValueRef<'_>> {
        self.numbered(id)
    }
}

impl<'a> LeadFacts<'a> {
    #[inline(always)]
    pub(crate) fn numbered(&self, id: FactId) -> Option<ValueRef<'a>> {
        match LeadFact::numbered(id.0) {
            Some(fact) => self.built_in(fact),
            None => self.of_playbook(usize::from(id.0) - LeadFact::ALL.len()),
        }
    }

    /// The value of a field, or of another fact that the playbook defines, by its place.
    #[inline(always)]
    fn of_playbook(&self, place: usize) -> Option<ValueRef<'a>> {
        let value = match self.playbook.fields.get(place) {
            Some(field) => self.lead.fields.value(&field.name)?,
            None => self.of_what_it_names(place - self.playbook.fields.len())?,
        };
        // Taken out and put in again, so that a field's value need not go through memory as the other does.
        Some(value)
    }

    /// The value of a fact about something that the playbook names, by its place.
    #[inline(never)]
    fn of_what_it_names(&self, mut place: usize) -> Option<ValueRef<'a>> {
        for (sort, facts) in ABOUT {
            let known = match sort {
                Sort::Activity => self.playbook.activities.len(),
                Sort::Appointment => self.playbook.appointments.len(),
                Sort::Document => self.playbook.documents.len(),
            };
            if place < facts.len() * known {
                let (which, place) = (place / known, place % known);
                return match sort {
                    Sort::Activity => self.of_activity(which, place),
                    Sort::Appointment => self.of_appointment(facts[which].0, place),
                    Sort::Document => self.of_document(which, place),
                };
            }
            place -= facts.len() * known;
        }
        self.of_stage_or_further(place)
    }

    fn of_activity(&self, which: usize, place: usize) -> Option<ValueRef<'a>> {
        let name = &self.playbook.activities.get(place)?.name;
        let mut recorded = self.lead.activities.iter();
        let recorded = recorded.find(|activity| activity.kind == *name);
        match which {
            0 => {
                let count = recorded.map_or(0, |activity| activity.count);
                Some(ValueRef::Number(count.into()))
            }
            _ => Some(since_registered(self.lead, recorded?.last)),
        }
    }

    fn of_appointment(&self, fact: &str, place: usize) -> Option<ValueRef<'a>> {
        let kind = &self.playbook.appointments.get(place)?.name;
        let of_kind = self.lead.appointments_of(kind);
        let tally = |how| of_kind.map(|of| *of.tally(how)).unwrap_or_default();
        let count = |how| Some(ValueRef::Number(tally(how).count.into()));
        let day = || Some(self.playbook.zone.day_of(of_kind?.open()?.at));
        match fact {
            "appointment_at" => Some(ValueRef::Instant(of_kind?.open()?.at)),
            "appointment_day" => Some(ValueRef::Instant(day()?.0)),
            "appointment_day_ends" => Some(ValueRef::Instant(day()?.1)),
            "appointments_held" => count(Became::Held),
            "appointments_missed" => count(Became::Missed),
            "appointments_cancelled" => count(Became::Cancelled),
            "last_held_at" => Some(ValueRef::Instant(tally(Became::Held).last?.at)),
            "feedback_due" => {
                let is_due = of_kind.is_some_and(Appointments::wants_feedback);
                Some(ValueRef::Bool(is_due))
            }
            // Asked by the two facts between which it holds.
            _ => None,
        }
    }

    fn of_document(&self, which: usize, place: usize) -> Option<ValueRef<'a>> {
        let kind = &self.playbook.documents.get(place)?.name;
        let current = self.lead.document(kind);
        match which {
            0 => {
                let count = current.map_or(0, |current| current.version);
                Some(ValueRef::Number(count.into()))
            }
            _ => Some(ValueRef::Instant(current?.attached.at)),
        }
    }

    fn of_stage_or_further(&self, place: usize) -> Option<ValueRef<'a>> {
        let known = &self.playbook.stages;
        if let Some(place) = place.checked_sub(STAGES.len() * known.len()) {
            return self.of_law_or_host(place);
        }
        let at = known.get(place % known.len().max(1))?;
        let stay = self.lead.stay(&at.pipeline, &at.stage);
        Some(match place / known.len() {
            0 => ValueRef::Bool(stay.is_some()),
            1 => ValueRef::Number(stay.map_or(0, |stay| stay.entries).into()),
            _ => ValueRef::Instant(stay?.entered.at),
        })
    }

    fn of_law_or_host(&self, place: usize) -> Option<ValueRef<'a>> {
        let laws = &self.playbook.laws_that_stand;
        let Some(law) = laws.get(place) else {
            let fact = self.playbook.host.facts.get(place - laws.len())?;
            return fact.of(LeadView::of(*self));
        };
        let rule = rule_of(law);
        let mut since = self.lead.since.iter();
        Some(ValueRef::Bool(since.any(|(name, _)| *name == rule)))
    }

    /// When the lead's own wait is over, where it waits; nothing while a hold stops it.
    fn waits_until(&self) -> Option<Instant> {
        let (playbook, lead) = (self.playbook, self.lead);
        let wait = lead.wait.as_ref()?;
        let is_its_end = |rule: &&Rule| {
            let scope = &rule.scope;
            rule.delay == Delay::OwnWait
                && scope.wait.as_ref() == Some(&wait.group)
                && scope
                    .stages
                    .iter()
                    .any(|at| at.is(&lead.pipeline, &lead.stage))
        };
        let rule = playbook.rules.iter().find(is_its_end)?;
        let holds = lead.holds.iter();
        let holds = holds.filter(|hold| rule.stopped_by.covers(&hold.name));
        let (from, days) = (lead.entered.at, Some(wait.wait_days));
        let end = rule
            .delay
            .after_holds(from, rule.calendar.of_lead(lead), days, holds);
        end.unwrap_or(None)
    }

    /// The value of a built-in fact.
    #[inline(always)]
    #[must_use]
    pub fn built_in(&self, fact: LeadFact) -> Option<ValueRef<'a>> {
        let lead = self.lead;
        let text = |name: &'a Name| ValueRef::Text(name.as_str());
        let count = |count: u32| Some(ValueRef::Number(Number::from(count)));
        Some(match fact {
            LeadFact::Pipeline => text(&lead.pipeline),
            LeadFact::Stage => text(&lead.stage),
            LeadFact::CameFrom => text(&lead.came_from.as_ref()?.1),
            LeadFact::Wait => text(&lead.wait.as_ref()?.group),
            LeadFact::WaitDays => return count(lead.wait.as_ref()?.wait_days),
            LeadFact::Open => ValueRef::Bool(lead.is_open()),
            LeadFact::Outcome => text(&lead.closed.as_ref()?.outcome),
            LeadFact::Reason => ValueRef::Text(lead.reason.as_ref()?),
            LeadFact::Source => text(lead.source.as_ref()?),
            LeadFact::SourceKind => text(&self.playbook.source(lead.source.as_ref()?)?.kind),
            LeadFact::Owner => ValueRef::Text(lead.owner_id()?.as_str()),
            LeadFact::OwnerRole => text(&lead.owner.as_ref()?.role),
            LeadFact::OwnerTeam => text(lead.owner.as_ref()?.team.as_ref()?),
            LeadFact::TeamSince => ValueRef::Instant(lead.owner.as_ref()?.team_since.at),
            LeadFact::EarlierTeam => text(lead.earlier_team.as_ref()?),
            LeadFact::RegisteredBy => ValueRef::Text(lead.registered_by.as_ref()?.as_str()),
            LeadFact::RegisteredAt => ValueRef::Instant(lead.registered.at),
            LeadFact::AssignedAt => ValueRef::Instant(lead.owner.as_ref()?.assigned.at),
            LeadFact::EnteredAt => ValueRef::Instant(lead.entered.at),
            LeadFact::AttemptedAt => since_registered(lead, lead.attempts.last?),
            LeadFact::AnsweredAt => since_registered(lead, lead.answered?),
            LeadFact::ReachedAt => since_registered(lead, lead.attempts.last_reached?),
            LeadFact::TouchedAt => ValueRef::Instant(lead.touched.at),
            LeadFact::OpenedAt => ValueRef::Instant(lead.opened.at),
            LeadFact::ClosedAt => ValueRef::Instant(lead.closed.as_ref()?.at.at),
            LeadFact::Answered => ValueRef::Bool(lead.answered.is_some()),
            LeadFact::Attempts => return count(lead.attempts.total()),
            LeadFact::Reached => return count(lead.attempts.reached),
            LeadFact::Unanswered => return count(lead.attempts.unanswered),
            LeadFact::AttemptsSinceOpened => return count(lead.attempts.since_opened),
            LeadFact::Reassignments => return count(lead.reassignments),
            LeadFact::Held => ValueRef::Bool(lead.holds.iter().any(|hold| hold.until.is_none())),
            LeadFact::SetAside => ValueRef::Bool(lead.is_set_aside()),
            LeadFact::Flagged => ValueRef::Bool(!lead.flags.is_empty()),
            LeadFact::OpenTasks => {
                let open = lead
                    .tasks
                    .iter()
                    .filter(|task| task.ended.is_none())
                    .count();
                return count(u32::try_from(open).unwrap_or(u32::MAX));
            }
            LeadFact::Email => ValueRef::Text(lead.contact.email.as_ref()?.as_str()),
            LeadFact::Unsubscribed => ValueRef::Bool(lead.contact.unsubscribed),
            LeadFact::EmailInvalid => ValueRef::Bool(lead.contact.email_invalid),
            LeadFact::PossibleDuplicate => ValueRef::Bool(lead.contact.possible_duplicate),
            LeadFact::WaitsUntil => ValueRef::Instant(self.waits_until()?),
            LeadFact::ContactName => ValueRef::Text(&lead.contact.name),
            LeadFact::Phone => ValueRef::Text(lead.contact.phone.as_ref()?),
            LeadFact::Playbook => text(&lead.playbook),
            LeadFact::Quote => ValueRef::Text(&lead.quote()?.number),
            LeadFact::QuoteTotal => ValueRef::Number(lead.quote()?.total.number()?),
            LeadFact::QuoteValidUntil => ValueRef::Instant(lead.quote()?.valid_until),
            LeadFact::QuoteAccepted => ValueRef::Bool(lead.quote()?.is_accepted()),
            LeadFact::QuoteVersion => return count(lead.quote()?.version),
            LeadFact::QuoteMadeAt => ValueRef::Instant(lead.quote()?.made.at),
            LeadFact::QuoteAcceptedAt => ValueRef::Instant(lead.quote()?.accepted()?.at),
            LeadFact::Referrer => ValueRef::Text(lead.referrer()?.as_str()),
            LeadFact::ReferrerRole => text(&lead.referral.as_ref()?.role),
            LeadFact::Reward => ValueRef::Number(lead.reward()?.amount.number()?),
            LeadFact::RewardedAt => ValueRef::Instant(lead.reward()?.at.at),
            LeadFact::QuoteDeclined => ValueRef::Bool(lead.quote()?.is_declined()),
        })
    }
}

/// A member of a pool, seen through the facts of agents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemberFacts<'a> {
    pub(crate) member: &'a Member,
    pub(crate) default_capacity: u32,
}

impl Facts for MemberFacts<'_> {
    fn fact(&self, id: FactId) -> Option<ValueRef<'_>> {
        let (member, copy) = (self.member, &self.member.copy);
        Some(match AgentFact::ALL.get(usize::from(id.0))? {
            AgentFact::Agent => ValueRef::Text(member.agent.as_str()),
            AgentFact::Role => ValueRef::Text(copy.role.as_str()),
            AgentFact::Team => ValueRef::Text(copy.team.as_ref()?.as_str()),
            AgentFact::Available => ValueRef::Bool(copy.available),
            AgentFact::Capacity => {
                ValueRef::Number(copy.capacity.unwrap_or(self.default_capacity).into())
            }
            AgentFact::Hours => ValueRef::Text(copy.hours.as_ref()?.as_str()),
            // Who left is in no pool.
            AgentFact::LeftAt => return None,
        })
    }
}

/// The catalogue names facts by their place in these lists.
const _: () = {
    assert!(LeadFact::ALL.len() < 256);
    assert!(MessageFact::ALL.len() < 256);
    assert!(SweepFact::ALL.len() < 256);
};
