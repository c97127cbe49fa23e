//! Visit plans: who visits which places of a zone in a week, and what came of it (requirement M16).

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::ids::{AgentId, LeadId, Name};
use crate::record::compared::compared_text;
use crate::record::history::History;
use crate::record::lead::Moment;
use crate::week::Week;

/// The visits of one zone in one week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitPlan {
    /// The zone.
    pub zone: SmolStr,
    /// The week.
    pub week: Week,
    /// The visits, by day and visitor. At most [`VisitPlan::MOST`]; what is over is refused.
    pub visits: Vec<Visit>,
    /// How many visits it ever had: the next one has the number after this.
    pub numbered: u32,
    /// Its history in the journal.
    pub history: History,
}

/// A visit that is planned, or was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// Which of its plan, from 1; it keeps its number when the plan changes.
    pub number: u32,
    /// On which day.
    pub day: NaiveDate,
    /// Who visits.
    pub visitor: AgentId,
    /// Where: a business, an address.
    pub place: SmolStr,
    /// What came of it, once that is recorded.
    pub result: Option<VisitResult>,
}

/// What came of a visit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitResult {
    /// Which of the playbook's results.
    pub result: Name,
    /// When it was made, as far as that was said, and when it was recorded.
    pub at: Moment,
    /// Who recorded it.
    pub by: SmolStr,
    /// The lead that was registered of it.
    pub lead: Option<LeadId>,
}

impl VisitPlan {
    /// How many visits a zone can have in a week.
    pub const MOST: usize = 300;
    /// How long the name of a place can be, in bytes.
    pub const LONGEST_PLACE: usize = 256;

    /// One without visits.
    #[must_use]
    pub fn new(zone: SmolStr, week: Week) -> Self {
        Self {
            zone,
            week,
            visits: Vec::new(),
            numbered: 0,
            history: History::default(),
        }
    }

    /// The visit of this number.
    #[must_use]
    pub fn visit(&self, number: u32) -> Option<&Visit> {
        self.visits.iter().find(|visit| visit.number == number)
    }

    /// Puts visits in the place of those that are still to be made. Those whose result is recorded
    /// stay, and so does the number of one that is planned again.
    pub(crate) fn replan(&mut self, planned: Vec<(NaiveDate, AgentId, SmolStr)>) {
        let before = std::mem::take(&mut self.visits);
        let (made, mut open): (Vec<Visit>, _) =
            before.into_iter().partition(|visit| visit.result.is_some());
        self.visits = made;
        for (day, visitor, place) in planned {
            let is_it = |visit: &Visit| visit.is(day, &visitor, &place);
            if self.visits.iter().any(is_it) {
                continue;
            }
            let known = open.iter().position(is_it);
            self.visits.push(match known {
                Some(known) => open.swap_remove(known),
                None => {
                    self.numbered = self.numbered.saturating_add(1);
                    Visit {
                        number: self.numbered,
                        day,
                        visitor,
                        place,
                        result: None,
                    }
                }
            });
        }
        let order = |visit: &Visit| (visit.day, visit.visitor.clone(), visit.number);
        self.visits.sort_by_key(order);
    }
}

impl Visit {
    /// Whether it is this visitor's to this place on this day.
    #[must_use]
    pub fn is(&self, day: NaiveDate, visitor: &AgentId, place: &str) -> bool {
        let same_place = || compared_text(&self.place) == compared_text(place);
        self.day == day && self.visitor == *visitor && same_place()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Planned = (NaiveDate, AgentId, SmolStr);

    fn planned() -> impl Strategy<Value = Vec<Planned>> {
        let one = (1..=3_u32, 0..2_u8, 0..4_u8).prop_map(|(day, visitor, place)| {
            let day = NaiveDate::from_ymd_opt(2026, 3, 8 + day).unwrap();
            let visitor = AgentId::from(format!("agent {visitor}"));
            (day, visitor, SmolStr::from(format!("place {place}")))
        });
        prop::collection::vec(one, 0..12)
    }

    fn record(visit: &mut Visit) {
        visit.result = Some(VisitResult {
            result: Name::from("closed"),
            at: Moment::now(chrono::DateTime::UNIX_EPOCH),
            by: "ana".into(),
            lead: None,
        });
    }

    proptest! {
        #[test]
        fn a_plan_has_what_was_recorded_and_what_was_planned_last_each_once_under_its_number(
            plans in prop::collection::vec((planned(), any::<u16>()), 1..5),
        ) {
            let week = Week::of(NaiveDate::from_ymd_opt(2026, 3, 9).unwrap());
            let mut plan = VisitPlan::new("Norte".into(), week);
            let mut numbers: Vec<(u32, Planned)> = Vec::new();
            for (planned, which) in plans {
                let made: Vec<Visit> = plan.visits.iter().filter(|v| v.result.is_some()).cloned().collect();
                plan.replan(planned.clone());
                for visit in &made {
                    prop_assert_eq!(plan.visit(visit.number), Some(visit));
                }
                for (day, visitor, place) in &planned {
                    let found = plan.visits.iter().filter(|visit| visit.is(*day, visitor, place));
                    prop_assert_eq!(found.count(), 1);
                }
                for visit in &plan.visits {
                    let says = (visit.day, visit.visitor.clone(), visit.place.clone());
                    prop_assert!(visit.result.is_some() || planned.contains(&says));
                    // No number ever stands for another visit.
                    let known = numbers.iter().find(|(number, _)| *number == visit.number);
                    prop_assert!(known.is_none_or(|(_, known)| *known == says));
                    numbers.push((visit.number, says));
                }
                if let Some(visit) = plan.visits.get_mut(usize::from(which) % 12) {
                    record(visit);
                }
            }
        }
    }
}
