//! Visits, as they are planned and told.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::NewLead;
use crate::ids::{AgentId, Name};
use crate::week::Week;

/// The visits of a zone in a week, all of them: they take the place of those that were planned before
/// and are still to be made.
///
/// ```
/// use chrono::NaiveDate;
/// use leadkit::decide::command::NewVisitPlan;
/// let monday = NaiveDate::from_ymd_opt(2026, 3, 9).ok_or("no such day")?;
/// let plan = NewVisitPlan::new("Norte", "2026-W11".parse()?)
///     .visit("ana", "Farmacia Sol", monday)
///     .visit("bea", "Bar Central", monday);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewVisitPlan {
    /// The zone.
    pub zone: SmolStr,
    /// The week.
    pub week: Week,
    /// Who visits which place on which day.
    pub visits: Vec<NewVisit>,
}

/// A visit to plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewVisit {
    /// Who visits: an agent of the zone.
    pub visitor: AgentId,
    /// Where: a business, an address.
    pub place: SmolStr,
    /// On which day of the week.
    pub day: NaiveDate,
}

impl NewVisitPlan {
    /// A plan for this zone and week, so far without visits.
    pub fn new(zone: impl Into<SmolStr>, week: Week) -> Self {
        Self {
            zone: zone.into(),
            week,
            visits: Vec::new(),
        }
    }

    /// With this visit.
    #[must_use]
    pub fn visit(
        mut self,
        visitor: impl Into<AgentId>,
        place: impl Into<SmolStr>,
        day: NaiveDate,
    ) -> Self {
        let (visitor, place) = (visitor.into(), place.into());
        self.visits.push(NewVisit {
            visitor,
            place,
            day,
        });
        self
    }
}

/// What came of a planned visit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VisitReport {
    /// The zone.
    pub zone: SmolStr,
    /// The week.
    pub week: Week,
    /// The number of the visit in the plan.
    pub visit: u32,
    /// Which of the playbook's results.
    pub result: Name,
    /// Who was met, for results of which a lead is registered. The source and the zone are those of
    /// the visit, where nothing else is said.
    pub lead: Option<NewLead>,
}

impl VisitReport {
    /// This came of that visit.
    pub fn new(zone: impl Into<SmolStr>, week: Week, visit: u32, result: impl Into<Name>) -> Self {
        Self {
            zone: zone.into(),
            week,
            visit,
            result: result.into(),
            lead: None,
        }
    }

    /// And this lead.
    #[must_use]
    pub fn lead(mut self, lead: NewLead) -> Self {
        self.lead = Some(lead);
        self
    }
}
