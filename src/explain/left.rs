//! How much time is left for a task: the countdown.

use std::fmt;

use crate::playbook::delay::Delay;
use crate::playbook::pipeline::TaskSpec;
use crate::record::lead::Lead;
use crate::time::{Elapsed, Instant};

/// What is left until a deadline, in the time in which it counts; negative when it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    time: Elapsed,
    is_business: bool,
    is_over: bool,
}

impl Left {
    /// Business hours and days count while the calendar is open, all else always.
    pub(super) fn until(due_at: Instant, spec: &TaskSpec, lead: &Lead, now: Instant) -> Self {
        let is_business = matches!(
            spec.within,
            Some(Delay::Business(_) | Delay::BusinessDays(_))
        );
        let time = match is_business {
            true => spec.calendar.of_lead(lead).between(now, due_at),
            false => due_at - now,
        };
        Self {
            time,
            is_business,
            is_over: due_at < now,
        }
    }

    /// In whole seconds.
    pub(super) fn seconds(self) -> i64 {
        self.time.num_seconds()
    }
}

/// `1 business hour 20 minutes left`, `overdue by 2 days 3 hours`: the two largest units.
impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.time.num_minutes().abs();
        let business = if self.is_business { "business " } else { "" };
        let told = match (self.is_business, minutes) {
            (_, 0) => None,
            (false, 1_440..) => Some((
                counted(minutes / 1_440, "day"),
                counted(minutes % 1_440 / 60, "hour"),
            )),
            (_, 60..) => Some((
                counted(minutes / 60, &format!("{business}hour")),
                counted(minutes % 60, "minute"),
            )),
            _ => Some((counted(minutes, &format!("{business}minute")), None)),
        };
        let told = told.map(|(first, second)| {
            let both = first.into_iter().chain(second);
            both.collect::<Vec<String>>().join(" ")
        });
        match (self.is_over, told) {
            (true, Some(told)) => write!(f, "overdue by {told}"),
            // Less than a minute, or nobody was at work since.
            (true, None) => f.write_str("overdue"),
            (false, Some(told)) => write!(f, "{told} left"),
            (false, None) => write!(f, "less than 1 {business}minute left"),
        }
    }
}

/// A number of things; nothing, if there are none.
fn counted(count: i64, unit: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {unit}")),
        count => Some(format!("{count} {unit}s")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(minutes: i64, is_business: bool) -> String {
        let left = Left {
            time: Elapsed::minutes(minutes),
            is_business,
            is_over: minutes < 0,
        };
        left.to_string()
    }

    #[test]
    fn what_is_left_is_told_in_the_two_largest_units_of_its_time() {
        assert_eq!(told(80, true), "1 business hour 20 minutes left");
        assert_eq!(told(1, true), "1 business minute left");
        assert_eq!(told(0, true), "less than 1 business minute left");
        assert_eq!(told(30 * 60, true), "30 business hours left");
        assert_eq!(told(80, false), "1 hour 20 minutes left");
        assert_eq!(told(51 * 60 + 5, false), "2 days 3 hours left");
        assert_eq!(told(-61, true), "overdue by 1 business hour 1 minute");
        assert_eq!(told(-24 * 60, false), "overdue by 1 day");
    }
}
