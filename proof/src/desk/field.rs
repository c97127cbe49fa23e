//! What is asked about visits: plans of some zones and weeks, and what came of them.

use chrono::Days;
use leadkit::decide::command::{NewVisitPlan, VisitReport, What};
use leadkit::ids::Name;
use leadkit::playbook::Playbook;
use leadkit::week::Week;
use smol_str::SmolStr;

use super::{AGENTS, View};
use crate::dice::Dice;

/// The zones in which there are visits; none, where there are none.
#[must_use]
pub fn zones(book: &Playbook) -> Vec<SmolStr> {
    let Some(visits) = &book.visits else {
        return Vec::new();
    };
    let field = book.field(&visits.zone);
    match field.map(|field| field.choices.as_slice()) {
        Some([]) | None => vec!["Norte".into(), "Sur".into()],
        Some(choices) => choices.to_vec(),
    }
}

impl View<'_> {
    pub(super) fn about_visits(&self, dice: &mut Dice) -> What {
        let zones = zones(self.book);
        match (dice.any(&zones), dice.any(self.plans)) {
            (Some(_), Some(_)) if !dice.one_in(3) => self.visit_report(dice),
            (Some(zone), _) => What::PlanVisits(Box::new(self.plan(zone, dice))),
            (None, _) => What::Register(Box::new(self.new_lead(dice))),
        }
    }

    /// Some visits; what was planned before comes up again in some of them.
    fn plan(&self, zone: &SmolStr, dice: &mut Dice) -> NewVisitPlan {
        let week = Week::of(self.now.date_naive());
        let week = match dice.one_in(4) {
            true => Week::of(self.day(dice)),
            false => week,
        };
        let mut plan = NewVisitPlan::new(zone.clone(), week);
        for _ in 0..dice.below(5) {
            let day = week.monday() + Days::new(u64::try_from(dice.below(7)).unwrap_or(0));
            let place = dice.pick(&["Farmacia Sol", " farmacia sol", "Bar Central", "Taller"]);
            plan = plan.visit(dice.pick(&AGENTS), place, day);
        }
        plan
    }

    fn visit_report(&self, dice: &mut Dice) -> What {
        let plan = dice.pick(self.plans);
        let number = match dice.any(&plan.visits) {
            Some(visit) if !dice.one_in(10) => visit.number,
            _ => u32::try_from(dice.below(6)).unwrap_or(1),
        };
        let results = self.book.visits.as_ref().map(|visits| &visits.results);
        let result = results.and_then(|results| dice.any(results));
        let name = result.map_or_else(|| Name::from("none"), |result| result.name.clone());
        let mut report = VisitReport::new(plan.zone.clone(), plan.week, number, name);
        let registers = result.is_some_and(|result| result.registers);
        if registers != dice.one_in(10) {
            report = report.lead(self.new_lead(dice));
        }
        What::RecordVisit(Box::new(report))
    }
}
