//! How long one condition of five terms takes on one record, all of its terms evaluated.

use chrono::NaiveDate;
use divan::{AllocProfiler, Bencher, black_box};
use leadkit::condition::{Catalogue, Condition, FactId, FactInfo, FactName, Facts, Unresolved};
use leadkit::time::Instant;
use leadkit::value::{Number, Value, ValueRef, ValueType};
use smol_str::SmolStr;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const UNSUBSCRIBED: FactId = FactId(0);
const ATTEMPTS: FactId = FactId(1);
const REGISTERED: FactId = FactId(2);
const FIRST_FIELD: u16 = 3;
const GROUP: u16 = FIRST_FIELD;
const PRODUCT: u16 = FIRST_FIELD + 2;
const FIELDS: [&str; 4] = ["group", "kilometres", "product", "warranty"];

struct Playbook;

impl Catalogue for Playbook {
    fn resolve(&self, name: &str, _argument: Option<&str>) -> Result<FactInfo, Unresolved> {
        let (id, value_type) = match name {
            "contact.unsubscribed" => (UNSUBSCRIBED, ValueType::Bool),
            "attempts.total" => (ATTEMPTS, ValueType::Number),
            "registered" => (REGISTERED, ValueType::Instant),
            field => {
                let place = FIELDS.iter().position(|known| *known == field);
                let place = place.ok_or(Unresolved::UnknownName)?;
                let place = u16::try_from(place).map_err(|_| Unresolved::UnknownName)?;
                (FactId(FIRST_FIELD + place), ValueType::Text)
            }
        };
        Ok(FactInfo::stored(id, FactName::new(name), value_type))
    }

    fn names(&self) -> Vec<SmolStr> {
        FIELDS.map(SmolStr::from).into()
    }

    fn start_of_day(&self, date: NaiveDate) -> Option<Instant> {
        Some(date.and_hms_opt(0, 0, 0)?.and_utc())
    }
}

/// A record as the engine holds it: what is built in as members, what the playbook adds by name.
struct Lead {
    unsubscribed: bool,
    attempts: u32,
    registered: Instant,
    fields: Vec<(SmolStr, Value)>,
}

struct Seen<'a> {
    lead: &'a Lead,
    names: &'a [&'a str],
}

impl Facts for Seen<'_> {
    #[inline(always)]
    fn fact(&self, id: FactId) -> Option<ValueRef<'_>> {
        match id {
            UNSUBSCRIBED => Some(ValueRef::Bool(self.lead.unsubscribed)),
            ATTEMPTS => Some(ValueRef::Number(Number::from(self.lead.attempts))),
            REGISTERED => Some(ValueRef::Instant(self.lead.registered)),
            FactId(field) => {
                let name = self.names.get(usize::from(field - FIRST_FIELD))?;
                // A handful of fields: looking through them beats bisecting.
                let mut fields = self.lead.fields.iter();
                let (_, value) = fields.find(|(known, _)| known.as_str() == *name)?;
                Some(value.as_ref())
            }
        }
    }
}

/// The same record with its fields as members: what the language takes by itself.
struct Plain<'a>(&'a Lead);

impl Facts for Plain<'_> {
    #[inline(always)]
    fn fact(&self, id: FactId) -> Option<ValueRef<'_>> {
        match id {
            UNSUBSCRIBED => Some(ValueRef::Bool(self.0.unsubscribed)),
            ATTEMPTS => Some(ValueRef::Number(Number::from(self.0.attempts))),
            REGISTERED => Some(ValueRef::Instant(self.0.registered)),
            FactId(GROUP) => Some(ValueRef::Text("6m+")),
            FactId(PRODUCT) => Some(ValueRef::Text("x3")),
            _ => None,
        }
    }
}

const FIVE_TERMS: &str = r#"product == "X3" and group in ["3-6m", "6m+"]
    and not contact.unsubscribed and attempts.total >= 5 and registered < now - 30d"#;

fn lead() -> Lead {
    Lead {
        unsubscribed: false,
        attempts: 7,
        registered: "2026-01-10T09:00:00Z".parse().unwrap_or_default(),
        fields: vec![
            ("group".into(), "6m+".into()),
            ("kilometres".into(), 42_000.into()),
            ("product".into(), "x3".into()),
            ("warranty".into(), true.into()),
        ],
    }
}

fn condition() -> Condition {
    match Condition::parse(FIVE_TERMS, &Playbook) {
        Ok(condition) => condition,
        Err(faults) => panic!("{faults:?}"),
    }
}

fn now() -> Instant {
    "2026-03-06T16:30:00Z".parse().unwrap_or_default()
}

#[divan::bench(sample_size = 1000)]
fn five_terms_hold(bencher: Bencher<'_, '_>) {
    let (condition, lead, now) = (condition(), lead(), now());
    let seen = Seen {
        lead: &lead,
        names: &FIELDS,
    };
    assert!(condition.holds(&seen, now));
    bencher.bench_local(|| black_box(&condition).holds(black_box(&seen), black_box(now)));
}

#[divan::bench(sample_size = 1000)]
fn five_terms_hold_behind_a_pointer(bencher: Bencher<'_, '_>) {
    let (condition, lead, now) = (condition(), lead(), now());
    let seen = Seen {
        lead: &lead,
        names: &FIELDS,
    };
    let seen: &dyn Facts = &seen;
    bencher.bench_local(|| black_box(&condition).holds(black_box(seen), black_box(now)));
}

#[divan::bench(sample_size = 1000)]
fn five_terms_hold_of_plain_members(bencher: Bencher<'_, '_>) {
    let (condition, lead, now) = (condition(), lead(), now());
    let seen = Plain(&lead);
    assert!(condition.holds(&seen, now));
    bencher.bench_local(|| black_box(&condition).holds(black_box(&seen), black_box(now)));
}

#[divan::bench(sample_size = 1000)]
fn five_terms_turn(bencher: Bencher<'_, '_>) {
    let lead = Lead {
        registered: now(),
        ..lead()
    };
    let (condition, now) = (condition(), now());
    let seen = Seen {
        lead: &lead,
        names: &FIELDS,
    };
    bencher.bench_local(|| black_box(&condition).turns_at(black_box(&seen), black_box(now)));
}

#[divan::bench(sample_size = 1000)]
fn five_terms_read(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| Condition::parse(black_box(FIVE_TERMS), &Playbook));
}

fn main() {
    divan::main();
}
