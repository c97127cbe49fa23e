//! What was expected and what was found, as a scenario writes it.

use chrono::{FixedOffset, NaiveDate, SecondsFormat};
use smol_str::SmolStr;

use crate::calendar::Zone;
use crate::condition::quoted;
use crate::money::Money;
use crate::time::Instant;
use crate::value::Value;

/// Something that can be written as a scenario writes it.
pub(super) trait Told {
    fn told(&self) -> String;
}

impl Told for str {
    fn told(&self) -> String {
        quoted(self).into()
    }
}

impl Told for &str {
    fn told(&self) -> String {
        quoted(self).into()
    }
}

impl Told for SmolStr {
    fn told(&self) -> String {
        quoted(self).into()
    }
}

impl Told for bool {
    fn told(&self) -> String {
        self.to_string()
    }
}

impl Told for i64 {
    fn told(&self) -> String {
        self.to_string()
    }
}

impl Told for u64 {
    fn told(&self) -> String {
        self.to_string()
    }
}

impl Told for u32 {
    fn told(&self) -> String {
        self.to_string()
    }
}

impl Told for NaiveDate {
    fn told(&self) -> String {
        self.to_string()
    }
}

impl Told for Money {
    fn told(&self) -> String {
        quoted(&self.to_string()).into()
    }
}

impl Told for Value {
    fn told(&self) -> String {
        match self {
            Self::Text(text) => text.told(),
            other => other.to_string(),
        }
    }
}

impl<T: Told> Told for Vec<T> {
    fn told(&self) -> String {
        let told: Vec<String> = self.iter().map(Told::told).collect();
        format!("[{}]", told.join(", "))
    }
}

impl<T: Told> Told for Option<T> {
    fn told(&self) -> String {
        self.as_ref().map_or_else(|| "nothing".into(), Told::told)
    }
}

/// Somebody, or nobody.
#[derive(PartialEq)]
pub(super) struct Who<'a>(pub(super) Option<&'a str>);

impl Told for Who<'_> {
    fn told(&self) -> String {
        self.0.map_or_else(|| "nobody".into(), Told::told)
    }
}

/// An instant in a zone, to the second: `2026-03-06T16:30:00-05:00`.
pub(super) fn moment(zone: &Zone, at: Instant) -> SmolStr {
    let shown = zone.to_local(at).signed_duration_since(at.naive_utc());
    let seconds = i32::try_from(shown.num_seconds()).ok();
    let offset = seconds.and_then(FixedOffset::east_opt);
    offset.map_or_else(|| at.to_rfc3339().into(), |offset| with_offset(at, offset))
}

/// The same at an offset.
pub(super) fn with_offset(at: Instant, offset: FixedOffset) -> SmolStr {
    let local = at.with_timezone(&offset);
    local.to_rfc3339_opts(SecondsFormat::Secs, false).into()
}
