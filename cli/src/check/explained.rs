//! A playbook as it is meant: every default filled in, every friendly word (`law`, `sla`,
//! `ageing`, `wait`, `reminder`) as the rule it becomes.
//!
//! It is written like a playbook, so that whoever reads playbooks can read it. It is none: rules have
//! words here that no playbook needs (which leads they are for, how late they may start), so it
//! begins with saying so. Nothing that the playbook says is left out but its templates, which are
//! files of their own.

use std::collections::BTreeMap;

use leadkit::calendar::{CalendarSpec, Hours};
use leadkit::ids::Name;
use leadkit::playbook::Playbook;
use leadkit::playbook::law::Asked;
use leadkit::playbook::people::{Match, Over, Permission, PoolSpec, Role};
use leadkit::playbook::pipeline::{Field, Fixed, Pipeline, Stage, TaskSpec, WaitGroup};
use leadkit::playbook::rule::NamedCalendar;
use leadkit::tax_number::TaxNumberKind;
use serde_json::{Map, Value, json};

mod document;
mod pricing;
mod rules;
mod work;

use document::Section;
use rules::{actions, elapsed, rule, stopped_by};

pub(super) use document::Document;

pub(super) fn explained(playbook: &Playbook) -> Document {
    let mut sections = heads(playbook);
    for NamedCalendar { name, calendar } in &playbook.calendars {
        let entries = self::calendar(calendar.spec());
        sections.push(Section::named("calendar", name.as_str(), entries));
    }
    for team in &playbook.teams {
        let entries = vec![("label", json!(team.label))];
        sections.push(Section::named("team", team.name.as_str(), entries));
    }
    sections.extend(playbook.roles.iter().map(role));
    sections.extend(playbook.referring.iter().map(work::referral));
    for source in &playbook.sources {
        let entries = vec![("kind", json!(source.kind)), ("label", json!(source.label))];
        sections.push(Section::named("source", source.name.as_str(), entries));
    }
    sections.extend(playbook.fields.iter().map(field));
    sections.extend(playbook.activities.iter().map(work::activity));
    sections.extend(playbook.appointments.iter().map(work::appointment));
    for document in &playbook.documents {
        let entries = vec![("label", json!(document.label))];
        sections.push(Section::named("document", document.name.as_str(), entries));
    }
    sections.extend(playbook.visits.iter().flat_map(work::visits));
    for name in &playbook.holds {
        let entries = vec![("label", json!(playbook.hold_label(name)))];
        sections.push(Section::named("hold", name.as_str(), entries));
    }
    sections.extend(playbook.pools.iter().map(pool));
    for base in &playbook.bases {
        let unique = base.unique.iter().map(|part| part.as_str());
        let entries = vec![
            ("pipelines", json!(base.pipelines)),
            ("unique", json!(unique.collect::<Vec<_>>())),
            ("holds", json!(base.holds.as_str())),
            ("keeps", json!(base.keeps.as_ref().map(ToString::to_string))),
        ];
        sections.push(Section::named("base", base.name.as_str(), entries));
    }
    sections.extend(pricing::sections(playbook));
    for need in &playbook.needs {
        let entries = vec![
            ("if", json!(need.condition.to_string())),
            ("text", json!(need.text)),
        ];
        sections.push(Section::named("need", need.name.as_str(), entries));
    }
    for law in &playbook.laws {
        let stages: Vec<String> = law.stages.iter().map(ToString::to_string).collect();
        let stages = match (stages.is_empty(), law.asked) {
            (true, Asked::Standing) => json!(null),
            (true, _) => json!("*"),
            (false, _) => json!(stages),
        };
        let entries = vec![
            (law.asked.as_str(), stages),
            ("if", json!(law.condition.to_string())),
            ("text", json!(law.text)),
        ];
        sections.push(Section::named("law", law.name.as_str(), entries));
    }
    for pipeline in &playbook.pipelines {
        let entries = vec![
            ("label", json!(pipeline.label)),
            ("start", json!(pipeline.start)),
        ];
        sections.push(Section::named("pipeline", pipeline.name.as_str(), entries));
        let stages = pipeline.stages.iter();
        sections.extend(stages.map(|at| stage(pipeline, at)));
    }
    for route in &playbook.routes {
        let only_if = route.only_if.as_ref().map(ToString::to_string);
        let entries = vec![
            ("if", json!(only_if)),
            ("to", json!(route.to.to_string())),
            ("assign", json!(route.assign)),
        ];
        sections.push(Section::of("route", entries));
    }
    sections.extend(playbook.waits.iter().map(wait));
    sections.extend(playbook.tasks.iter().map(task));
    sections.extend(playbook.rules.iter().map(rule));
    if let Some(cap) = &playbook.cap {
        let entries = vec![
            ("messages", json!(cap.cap.most)),
            ("within", json!(elapsed(cap.cap.within))),
            ("above", json!(if cap.defers { "defer" } else { "drop" })),
        ];
        sections.push(Section::of("cap", entries));
    }
    Document(sections)
}

/// The playbook itself, and the organisation.
fn heads(playbook: &Playbook) -> Vec<Section> {
    vec![
        Section::of(
            "playbook",
            vec![
                ("id", json!(playbook.id)),
                ("label", json!(playbook.label)),
                ("zone", json!(playbook.zone.name())),
                ("locale", json!(playbook.locale)),
                ("currency", json!(playbook.currency)),
                ("country", json!(playbook.country.map(|at| at.country))),
                ("calendar", json!(default_calendar(playbook))),
            ],
        ),
        Section::of(
            "organisation",
            vec![
                ("name", json!(playbook.organisation.name)),
                ("email", json!(playbook.organisation.email.as_str())),
            ],
        ),
    ]
}

/// A calendar in the words of a playbook.
fn calendar(spec: &CalendarSpec) -> Vec<(&'static str, Value)> {
    let hours = |days: &BTreeMap<String, Vec<Hours>>| match days.is_empty() {
        true => Value::Null,
        false => {
            let told = |hours: &Hours| format!("{}-{}", hours.from, hours.to);
            let days = days.iter().map(|(day, hours)| {
                let hours: Vec<String> = hours.iter().map(told).collect();
                (day.clone(), json!(hours))
            });
            Value::Object(days.collect())
        }
    };
    let holidays = match spec.holidays.as_slice() {
        [] => Value::Null,
        some => json!(some),
    };
    vec![
        ("zone", json!(spec.tz)),
        ("weekly", hours(&spec.weekly)),
        ("dates", hours(&spec.overrides)),
        ("every-year", hours(&spec.recurring_overrides)),
        ("breaks", hours(&spec.breaks)),
        ("holidays", holidays),
    ]
}

/// The name of the playbook's own calendar.
fn default_calendar(playbook: &Playbook) -> Option<&Name> {
    let own = playbook.calendar.spec();
    let mut calendars = playbook.calendars.iter();
    let found = calendars.find(|named| named.calendar.spec() == own);
    found.map(|named| &named.name)
}

fn role(role: &Role) -> Section {
    let may = if role.may.len() >= Permission::ALL.len() {
        json!(["*"])
    } else {
        let words = role.may.iter().map(|permission| permission.word());
        json!(words.collect::<Vec<_>>())
    };
    let needs = role.needs.iter().map(|detail| detail.as_str());
    let entries = vec![
        ("label", json!(role.label)),
        ("may", may),
        ("over", over(&role.over)),
        ("owns", json!(role.owns)),
        ("needs", json!(needs.collect::<Vec<_>>())),
    ];
    Section::named("role", role.name.as_str(), entries)
}

fn over(over: &Over) -> Value {
    match over {
        Over::Own => json!("own"),
        Over::Team => json!("team"),
        Over::All => json!("all"),
        Over::Matching(matches) => matched(matches),
    }
}

/// What agent and lead have in common: the agent's list, and the lead's field.
fn matched(matches: &[Match]) -> Value {
    let matched = matches.iter().map(|matched| {
        let (list, field) = (matched.list.as_str(), json!(matched.field));
        (list.to_owned(), field)
    });
    let matched: Map<String, Value> = matched.collect();
    match matched.is_empty() {
        true => Value::Null,
        false => Value::Object(matched),
    }
}

/// The roles that may do something; nothing, where that is said of none.
fn if_any(roles: &[Name]) -> Value {
    match roles {
        [] => Value::Null,
        roles => json!(roles),
    }
}

fn field(field: &Field) -> Section {
    let of = match &field.tax_numbers {
        Some(kinds) => json!(kinds.iter().map(TaxNumberKind::as_str).collect::<Vec<_>>()),
        None if field.choices.is_empty() => Value::Null,
        None => json!(field.choices),
    };
    let fixed = match &field.fixed {
        Fixed::Never => json!(false),
        Fixed::FromRegistration => json!(true),
        Fixed::While(condition) => json!(condition.to_string()),
    };
    let entries = vec![
        ("type", json!(field.type_word())),
        ("of", of),
        ("label", json!(field.label)),
        ("required", json!(field.required)),
        ("fixed", fixed),
        ("by", if_any(&field.by)),
    ];
    Section::named("field", field.name.as_str(), entries)
}

fn pool(pool: &PoolSpec) -> Section {
    let entries = vec![
        ("members", json!(pool.members.to_string())),
        ("match", matched(&pool.matches)),
        ("only", json!(pool.at_work.as_ref().map(|_| "at-work"))),
        ("choose", json!(pool.choose.as_str())),
        ("over", json!(elapsed(pool.over))),
        ("prior", json!(pool.prior)),
        ("capacity", json!(pool.capacity)),
    ];
    Section::named("pool", pool.name.as_str(), entries)
}

fn stage(pipeline: &Pipeline, stage: &Stage) -> Section {
    let ways: Map<String, Value> = stage
        .ways
        .iter()
        .map(|way| (way.to.as_str().to_owned(), json!(way.needs)))
        .collect();
    let entries = vec![
        ("label", json!(stage.label)),
        ("to", Value::Object(ways)),
        ("by", if_any(&stage.by)),
        ("entered-by", if_any(&stage.entered_by)),
        ("assign", json!(stage.assign)),
        ("waits", json!(stage.waits)),
        ("final", json!(stage.outcome)),
    ];
    let name = format!("{}/stage/{}", pipeline.name, stage.name);
    Section::named("pipeline", &name, entries)
}

fn wait(wait: &WaitGroup) -> Section {
    let days = |days: u32| format!("{days} days");
    let bounds = json!({
        "least": days(wait.least_days),
        "default": days(wait.default_days),
        "most": wait.most_days.map(days),
    });
    let entries = vec![("label", json!(wait.label)), ("wait", bounds)];
    Section::named("wait", wait.name.as_str(), entries)
}

fn task(task: &TaskSpec) -> Section {
    let choices: Map<String, Value> = task
        .choices
        .iter()
        .map(|choice| {
            let asks = match choice.asks.as_slice() {
                [] => Value::Null,
                some => json!(some),
            };
            let told = json!({
                "label": choice.label,
                "asks": asks,
                "reason": choice.asks_reason,
                "do": actions(&choice.actions),
            });
            (choice.name.as_str().to_owned(), told)
        })
        .collect();
    let choices = if choices.is_empty() {
        Value::Null
    } else {
        Value::Object(choices)
    };
    let done = task.done.as_ref().map(ToString::to_string);
    let entries = vec![
        ("text", json!(task.text)),
        ("for", json!(task.whose.to_string())),
        ("within", json!(task.within.map(|delay| delay.to_string()))),
        ("calendar", json!(task.calendar.name())),
        ("done", json!(done)),
        ("by-hand", json!(task.by_hand)),
        ("stopped-by", stopped_by(&task.stopped_by)),
        ("service-level", json!(task.is_service_level)),
        ("on-hand-over", json!(task.on_hand_over.as_str())),
        ("outlives-lead", json!(task.outlives_lead)),
        ("choices", choices),
    ];
    Section::named("task", task.name.as_str(), entries)
}
