//! Visits: planned for a zone and a week by who watches over the zone, and recorded with what came of
//! them, be it a lead (requirement M16).

use chrono::{Days, NaiveDate};
use smol_str::{SmolStr, format_smolstr};

use crate::decide::command::{NewLead, NewVisitPlan, VisitReport};
use crate::decide::draft::Draft;
use crate::decide::permit::{acting_agent, named, permit_agent};
use crate::decide::refusal::{Gaps, Problem, Refusal};
use crate::decide::{Stop, register};
use crate::ids::{AgentId, LeadId, Name};
use crate::letters::is_blank;
use crate::playbook::people::Permission;
use crate::playbook::pipeline::Misfit;
use crate::playbook::work::VisitsSpec;
use crate::record::Agent;
use crate::record::compared::compared_text;
use crate::record::journal::Event;
use crate::record::visits::{Visit, VisitPlan, VisitResult};
use crate::store::Key;
use crate::value::Value;

/// How many days ahead the last week is for which visits can be planned.
const DAYS_AHEAD: u64 = 366;

/// Plans the visits of a zone in a week, in place of those that are still to be made.
pub(crate) fn plan(draft: &mut Draft<'_>, new: &NewVisitPlan) -> Result<(), Stop> {
    let zone = zone_in(draft, spec(draft)?, &new.zone)?;
    if let Some(agent) = acting_agent(draft)? {
        permit_zone(draft, &agent, &zone)?;
    }
    if new.week.sunday() < today(draft) {
        return Err(Refusal::WeekIsOver(new.week).into());
    }
    few(new.visits.len())?;
    let key = Key::visit_plan(draft.tenant, &zone, new.week);
    let visitors = new.visits.iter().map(|visit| &visit.visitor);
    let visitors = visitors.map(|visitor| Key::agent(draft.tenant, visitor));
    draft.need(visitors.chain([key.clone()]))?;
    check(draft, new, &zone)?;
    let plan = draft.read::<VisitPlan>(&key)?;
    let mut plan = plan.unwrap_or_else(|| VisitPlan::new(zone.clone(), new.week));
    let visits = new.visits.iter();
    let visits = visits.map(|visit| (visit.day, visit.visitor.clone(), visit.place.trim().into()));
    plan.replan(visits.collect());
    few(plan.visits.len())?;
    draft.happened(Event::VisitsPlanned {
        zone,
        week: new.week,
        visits: u32::try_from(plan.visits.len()).unwrap_or(u32::MAX),
    });
    draft.put(key, plan, None);
    Ok(())
}

fn spec<'a>(draft: &Draft<'a>) -> Result<&'a VisitsSpec, Refusal> {
    let spec = draft.playbook.visits.as_ref();
    spec.ok_or(Refusal::NoVisits)
}

/// The day on which it happens, in the playbook's zone.
fn today(draft: &Draft<'_>) -> NaiveDate {
    draft.playbook.zone.to_local(draft.happened_at).date()
}

/// The zone that is meant, as the leads' field has it. Where that field is a choice, no other is one.
fn zone_in(draft: &Draft<'_>, spec: &VisitsSpec, said: &str) -> Result<SmolStr, Refusal> {
    if is_blank(said) {
        return Err(Gaps::one("zone", Problem::Missing));
    }
    let said = said.trim();
    let Some(field) = draft.playbook.field(&spec.zone) else {
        return Ok(said.into());
    };
    match field.accept(&Value::from(said)) {
        Ok(Value::Text(zone)) => Ok(zone),
        Err(Misfit::NoChoice) => {
            let known: Vec<Name> = field.choices.iter().cloned().map(Name::from).collect();
            Err(Refusal::unknown("zone", &Name::from(said), &known))
        }
        Err(misfit) => Err(Gaps::one("zone", misfit.into())),
        Ok(_) => Ok(said.into()),
    }
}

/// Refuses who may not plan visits, or not in this zone.
fn permit_zone(draft: &Draft<'_>, agent: &Agent, zone: &str) -> Result<(), Stop> {
    permit_agent(draft, agent, Permission::PlanVisits)?;
    if works_in(agent, zone) {
        return Ok(());
    }
    let (actor, zone) = (named(draft), zone.into());
    Err(Refusal::NotTheirZone { actor, zone }.into())
}

fn works_in(agent: &Agent, zone: &str) -> bool {
    let zone = compared_text(zone);
    let mut zones = agent.zones.iter();
    zones.any(|known| compared_text(known) == zone)
}

/// Refuses more visits than a plan can have.
fn few(visits: usize) -> Result<(), Refusal> {
    let (sort, most) = ("visits of a zone in a week", VisitPlan::MOST);
    match visits > most {
        true => Err(Refusal::TooMany { sort, most }),
        false => Ok(()),
    }
}

/// Tells everything that is wrong with a plan at once.
fn check(draft: &mut Draft<'_>, new: &NewVisitPlan, zone: &SmolStr) -> Result<(), Stop> {
    let mut gaps = Gaps::default();
    let last = today(draft).checked_add_days(Days::new(DAYS_AHEAD));
    if last.is_some_and(|last| new.week.monday() > last) {
        let expected = "a week of the next twelve months".into();
        gaps.add("week", Problem::Unfit { expected });
    }
    for (visit, number) in new.visits.iter().zip(1_usize..) {
        let mut wrong = |part: &str, problem| gaps.add(&format!("visits.{number}.{part}"), problem);
        let visitor = draft.look_at::<Agent>(&Key::agent(draft.tenant, &visit.visitor))?;
        let visitor = visitor.filter(|visitor| visitor.left_at.is_none());
        if !visitor.is_some_and(|visitor| works_in(visitor, zone)) {
            let expected = format_smolstr!("an agent of the zone {zone}");
            wrong("visitor", Problem::Unfit { expected });
        }
        if is_blank(&visit.place) {
            wrong("place", Problem::Missing);
        }
        if visit.place.len() > VisitPlan::LONGEST_PLACE {
            let most_bytes = VisitPlan::LONGEST_PLACE;
            wrong("place", Problem::TooLong { most_bytes });
        }
        if !new.week.contains(visit.day) {
            let expected = format_smolstr!("a day of {}", new.week);
            wrong("day", Problem::Unfit { expected });
        }
    }
    gaps.told()?;
    Ok(())
}

/// Records what came of a visit; if it is such a result, a lead is registered in the same commit, by who
/// visited.
pub(crate) fn record(draft: &mut Draft<'_>, report: &VisitReport) -> Result<(), Stop> {
    let spec = spec(draft)?;
    let zone = zone_in(draft, spec, &report.zone)?;
    let key = Key::visit_plan(draft.tenant, &zone, report.week);
    let no_such_visit = || Refusal::NoSuchVisit {
        visit: report.visit,
        zone: zone.clone(),
        week: report.week,
    };
    let plan = draft.read::<VisitPlan>(&key)?;
    let mut plan = plan.ok_or_else(no_such_visit)?;
    let mut visits = plan.visits.iter_mut();
    let visit = visits.find(|visit| visit.number == report.visit);
    let visit = visit.ok_or_else(no_such_visit)?;
    permit_recording(draft, &zone, visit, report)?;
    is_to_be_recorded(draft, visit)?;
    let Some(result) = spec.result(&report.result) else {
        let known = spec.results.iter().map(|result| &result.name);
        return Err(Refusal::unknown("result of visits", &report.result, known).into());
    };
    let lead = match (&report.lead, result.registers) {
        (Some(met), true) => Some(take_in(draft, spec, &zone, &visit.visitor, met)?),
        (None, false) => None,
        (None, true) => return Err(Gaps::one("lead", Problem::Missing).into()),
        (Some(_), false) => {
            let expected = format_smolstr!("left out where a visit is {}", result.name);
            return Err(Gaps::one("lead", Problem::Unfit { expected }).into());
        }
    };
    visit.result = Some(VisitResult {
        result: result.name.clone(),
        at: draft.moment(),
        by: format_smolstr!("{}", draft.actor),
        lead,
    });
    draft.happened(Event::VisitRecorded {
        zone,
        week: report.week,
        visit: report.visit,
        result: result.name.clone(),
        lead,
    });
    draft.put(key, plan, None);
    Ok(())
}

/// Who visited records it, and who may plan visits in the zone.
fn permit_recording(
    draft: &mut Draft<'_>,
    zone: &str,
    visit: &Visit,
    report: &VisitReport,
) -> Result<(), Stop> {
    let Some(agent) = acting_agent(draft)? else {
        return Ok(());
    };
    if agent.id == visit.visitor {
        permit_agent(draft, &agent, Permission::Record)?;
    } else {
        permit_zone(draft, &agent, zone)?;
    }
    if report.lead.is_some() {
        permit_agent(draft, &agent, Permission::Register)?;
    }
    Ok(())
}

/// Refuses what was recorded already, and what is told before its day.
fn is_to_be_recorded(draft: &Draft<'_>, visit: &Visit) -> Result<(), Refusal> {
    let number = visit.number;
    if let Some(recorded) = &visit.result {
        return Err(Refusal::VisitRecorded {
            visit: number,
            result: recorded.result.clone(),
            at: recorded.at.recorded,
        });
    }
    if today(draft) < visit.day {
        let day = visit.day;
        return Err(Refusal::VisitAhead { visit: number, day });
    }
    Ok(())
}

/// Registers whom a visitor met, as if the visitor did.
fn take_in(
    draft: &mut Draft<'_>,
    spec: &VisitsSpec,
    zone: &SmolStr,
    visitor: &AgentId,
    met: &NewLead,
) -> Result<LeadId, Stop> {
    let mut met = met.clone();
    met.source = met.source.or_else(|| Some(spec.source.clone()));
    if !met.fields.iter().any(|(name, _)| *name == spec.zone) {
        let zone = Value::Text(zone.clone());
        met.fields.push((spec.zone.clone(), zone));
    }
    let visitor = draft.read::<Agent>(&Key::agent(draft.tenant, visitor))?;
    register::take_in(draft, &met, visitor.as_ref())
}
