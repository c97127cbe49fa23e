//! Business hours against other systems' cases, laws, an independent engine and hostile input.

mod agreement;
mod cases;
mod laws;
mod limits;
mod peers;
mod spec;
mod zones;

use leadkit::calendar::{Calendar, CalendarSpec};
use leadkit::time::Instant;

fn calendar(spec: CalendarSpec) -> Calendar {
    Calendar::compile(&spec).expect("the spec has no faults")
}

fn at(text: &str) -> Instant {
    text.parse().expect("an instant")
}

/// An office of one zone, Monday to Friday, nine to five.
fn nine_to_five(tz: &str) -> Calendar {
    calendar(CalendarSpec::new(tz).weekly("mon-fri", ["09:00-17:00"]))
}
