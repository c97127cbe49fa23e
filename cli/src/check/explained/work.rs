//! What is done around a lead: referrals, activities, visits and appointments. Their feedback stands among the tasks as well.

use leadkit::ids::Name;
use leadkit::playbook::people::Referring;
use leadkit::playbook::work::{ActivitySpec, AppointmentSpec, VisitsSpec};
use serde_json::{Value, json};

use super::Section;

pub(super) fn referral(referring: &Referring) -> Section {
    let entries = vec![
        ("letters", json!(referring.letters)),
        ("source", json!(referring.source)),
    ];
    Section::of("referral", entries)
}

pub(super) fn activity(spec: &ActivitySpec) -> Section {
    let any = |names: &[Name]| match names {
        [] => Value::Null,
        some => json!(some),
    };
    let entries = vec![
        ("label", json!(spec.label)),
        ("asks", any(&spec.asks)),
        ("by", any(&spec.by)),
    ];
    Section::named("activity", spec.name.as_str(), entries)
}

pub(super) fn appointment(spec: &AppointmentSpec) -> Section {
    let feedback = spec.feedback.as_ref().map_or(Value::Null, |feedback| {
        let choices = match feedback.choices.as_slice() {
            [] => Value::Null,
            some => json!(some),
        };
        json!({ "for": feedback.whose.to_string(), "task": feedback.task, "of": choices })
    });
    let entries = vec![
        ("label", json!(spec.label)),
        ("lasts", json!(spec.lasts.to_string())),
        ("feedback", feedback),
    ];
    Section::named("appointment", spec.name.as_str(), entries)
}

pub(super) fn visits(spec: &VisitsSpec) -> Vec<Section> {
    let entries = vec![("zone", json!(spec.zone)), ("source", json!(spec.source))];
    let results = spec.results.iter().map(|result| {
        let entries = vec![
            ("label", json!(result.label)),
            ("register", json!(result.registers)),
        ];
        Section::named("visits.result", result.name.as_str(), entries)
    });
    let head = Section::of("visits", entries);
    std::iter::once(head).chain(results).collect()
}
