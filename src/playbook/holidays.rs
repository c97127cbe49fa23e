//! How far ahead the holidays of calendars are known.

use chrono::{Months, NaiveDate};
use smol_str::SmolStr;

use crate::ids::Name;
use crate::playbook::Playbook;

/// A calendar whose holidays are written down for less than a year ahead.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndingHolidays {
    /// The calendar's name.
    pub calendar: Name,
    /// Its last holiday; it may be over.
    pub last: NaiveDate,
    /// The file in which that is written down, relative to the playbook's folder.
    pub file: SmolStr,
}

impl Playbook {
    /// The calendars whose last holiday is less than a year after `today`. Behind it a calendar counts
    /// every holiday as a working day, and nothing else says so.
    ///
    /// A calendar without holidays is none of them: it may have none. Days that are closed each year
    /// (`every-year`) never end.
    #[must_use]
    pub fn ending_holidays(&self, today: NaiveDate) -> Vec<EndingHolidays> {
        let in_a_year = today.checked_add_months(Months::new(12));
        let in_a_year = in_a_year.unwrap_or(NaiveDate::MAX);
        let ending = self.calendars.iter().filter_map(|named| {
            let holidays = named.calendar.spec().holidays.iter();
            let last = holidays.filter_map(|day| day.parse().ok()).max()?;
            (last < in_a_year).then(|| EndingHolidays {
                calendar: named.name.clone(),
                last,
                file: self
                    .written_in
                    .get(&named.name)
                    .cloned()
                    .unwrap_or_else(|| "playbook.toml".into()),
            })
        });
        ending.collect()
    }
}
