//! Visits in scenarios: planned and recorded in steps, and what is expected of a plan.

use smol_str::{SmolStr, format_smolstr};

use super::names::Sort;
use super::orders::read_new_lead;
use super::read::Named;
use super::unmet::differ;
use crate::decide::command::{NewVisit, NewVisitPlan, VisitReport};
use crate::ids::AgentId;
use crate::playbook::fault::FaultKind;
use crate::playbook::read::{Node, Section};
use crate::record::VisitPlan;
use crate::week::Week;

/// `{ zone = "Norte", week = "2026-W11", visits = [{ visitor = "ana", place = "Farmacia Sol", day = 2026-03-10 }] }`
pub(super) fn read_plan(section: &mut Section<'_>, named: &Named<'_>) -> Option<NewVisitPlan> {
    let (zone, week) = zone_and_week(section);
    let visits = section.required("visits").map(|node| node.list());
    let visits = visits.unwrap_or_default();
    let visits = visits.iter().filter_map(|node| read_visit(node, named));
    let visits = visits.collect();
    Some(NewVisitPlan {
        zone: zone?,
        week: week?,
        visits,
    })
}

fn read_visit(node: &Node<'_>, named: &Named<'_>) -> Option<NewVisit> {
    let mut section = node.section()?;
    let visitor = section.required("visitor").and_then(|node| {
        let visitor = node.text()?;
        if !named.expects_refusal() {
            named.names.check(Sort::Agent, &node, visitor);
        }
        Some(AgentId::from(visitor))
    });
    let place = section.required("place").and_then(|node| node.text());
    let day = section.required("day").and_then(|node| node.date());
    section.finish();
    Some(NewVisit {
        visitor: visitor?,
        place: place?.into(),
        day: day?,
    })
}

/// `{ zone, week, visit = 1, result = "interested", ref = "luis", name = "Luis Vera" }`: a lead comes of
/// it, if there is a `ref`.
pub(super) fn read_report(
    section: &mut Section<'_>,
    named: &Named<'_>,
) -> Option<(VisitReport, Option<SmolStr>)> {
    let (zone, week) = zone_and_week(section);
    let visit = section
        .required("visit")
        .and_then(|node| node.count(0..1_000_001));
    let result = named.required(section, "result", Sort::VisitResult);
    let reference = section.optional("ref");
    let reference = reference.and_then(|node| node.text().map(SmolStr::from));
    let report = VisitReport::new(zone?, week?, visit?, result?);
    Some(match reference.is_some() {
        true => (report.lead(read_new_lead(section, named)), reference),
        false => (report, None),
    })
}

fn zone_and_week(section: &mut Section<'_>) -> (Option<SmolStr>, Option<Week>) {
    let zone = section.required("zone");
    let zone = zone.and_then(|node| node.text().map(SmolStr::from));
    let week = section.required("week");
    (zone, week.and_then(|node| read_week(&node)))
}

fn read_week(node: &Node<'_>) -> Option<Week> {
    let text = node.text()?;
    let week = text.parse();
    if week.is_err() {
        let (expected, found) = ("a week, as in 2026-W11", format_smolstr!("`{text}`"));
        node.fault(FaultKind::WrongType { expected, found }, None);
    }
    week.ok()
}

/// What is expected of the visits of a zone in a week.
#[derive(Clone, Debug)]
pub struct ExpectedVisits {
    /// The zone.
    pub zone: SmolStr,
    /// The week.
    pub week: Week,
    /// The places that are still to be visited, by day and visitor.
    pub open: Option<Vec<SmolStr>>,
    /// What came of visits, by place.
    pub results: Vec<(SmolStr, SmolStr)>,
}

/// `{ zone, week, open = ["Bar Central"], results = { "Farmacia Sol" = "interested" } }`
pub(super) fn read_expected(node: &Node<'_>) -> Option<ExpectedVisits> {
    let mut section = node.section()?;
    let (zone, week) = zone_and_week(&mut section);
    let open = section.optional("open").map(|node| {
        let nodes = node.list();
        let places = nodes.iter().filter_map(Node::text);
        places.map(SmolStr::from).collect()
    });
    let results = section.optional("results").and_then(|node| node.section());
    let results = results
        .map(|mut results| results.rest())
        .unwrap_or_default();
    let results = results
        .into_iter()
        .filter_map(|(place, node)| Some((place.into(), node.text()?.into())));
    let results = results.collect();
    section.finish();
    Some(ExpectedVisits {
        zone: zone?,
        week: week?,
        open,
        results,
    })
}

impl ExpectedVisits {
    /// Why it did not come true; nothing if it did.
    pub(super) fn unmet(&self, plan: Option<&VisitPlan>) -> Option<String> {
        let visits = || plan.into_iter().flat_map(|plan| &plan.visits);
        let open = visits().filter(|visit| visit.result.is_none());
        let open: Vec<SmolStr> = open.map(|visit| visit.place.clone()).collect();
        if let Some(wanted) = &self.open {
            if let Some(unmet) = differ("open visits", wanted.clone(), open) {
                return Some(unmet);
            }
        }
        self.results.iter().find_map(|(place, wanted)| {
            let mut made = visits().filter(|visit| visit.place == *place);
            let found = made.find_map(|visit| visit.result.as_ref());
            let found = found.map(|found| found.result.as_str());
            differ(&format!("visit to {place}"), Some(wanted.as_str()), found)
        })
    }
}
