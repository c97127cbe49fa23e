//! A playbook as it is meant: every default filled in, every friendly word (`law`, `sla`,
//! `ageing`, `wait`, `reminder`) as the rule it becomes.
//!
//! It is written like a playbook, so that whoever reads playbooks can read it. It is none: rules have
//! words here that no playbook needs (which leads they are for, how late they may start), so it
//! begins with saying so. Nothing that the playbook says is left out but its templates, which are
//! files of their own.

use std::collections::BTreeMap;
use std::fmt;

use leadkit::calendar::{CalendarSpec, Hours};
use leadkit::ids::Name;
use leadkit::playbook::Playbook;
use leadkit::playbook::people::{Match, Over, Permission, PoolSpec, Role};
use leadkit::playbook::pipeline::{Field, Pipeline, Stage, TaskSpec, WaitGroup};
use leadkit::playbook::rule::{Action, Anchor, Late, Leads, NamedCalendar, Rule, SetTo, StoppedBy};
use leadkit::tax_number::TaxNumberKind;
use serde_json::{Map, Value, json};

mod pricing;
mod work;

/// The sections of a playbook.
pub(super) struct Document(Vec<Section>);

/// `[role.advisor]`, or one `[[rule]]`.
struct Section {
    kind: &'static str,
    name: Option<String>,
    entries: Vec<(&'static str, Value)>,
}

impl Section {
    fn of(kind: &'static str, entries: Vec<(&'static str, Value)>) -> Self {
        let name = None;
        Self {
            kind,
            name,
            entries,
        }
    }

    fn named(kind: &'static str, name: &str, entries: Vec<(&'static str, Value)>) -> Self {
        let name = Some(name.to_owned());
        Self {
            kind,
            name,
            entries,
        }
    }

    fn is_one_of_many(&self) -> bool {
        matches!(self.kind, "rule" | "route")
    }

    fn json(&self) -> Value {
        let entries = self.entries.iter();
        let entries = entries.filter(|(_, value)| !value.is_null());
        Value::Object(
            entries
                .map(|(key, value)| ((*key).to_owned(), value.clone()))
                .collect(),
        )
    }
}

impl Document {
    pub(super) fn json(&self) -> Value {
        let mut all = Map::new();
        for section in &self.0 {
            let json = section.json();
            if section.is_one_of_many() {
                let list = all
                    .entry(section.kind)
                    .or_insert_with(|| Value::Array(Vec::new()));
                if let Some(list) = list.as_array_mut() {
                    list.push(json);
                }
                continue;
            }
            let mut place = &mut all;
            let mut parts: Vec<&str> = section.kind.split('.').collect();
            parts.extend(
                section
                    .name
                    .as_deref()
                    .into_iter()
                    .flat_map(|name| name.split('/')),
            );
            let last = parts.pop().unwrap_or_default();
            for part in parts {
                let inner = place.entry(part).or_insert_with(|| json!({}));
                match inner.as_object_mut() {
                    Some(inner) => place = inner,
                    None => return Value::Null,
                }
            }
            place.insert(last.to_owned(), json);
        }
        Value::Object(all)
    }
}

/// What stands above it.
const HEADING: &str = "\
# What this playbook means: every default is filled in, and every sla, wait, ageing and reminder
# stands as the tasks and rules that it becomes. This is a telling, and not a playbook: it can be
# read, and not be loaded.
";

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADING}")?;
        for section in &self.0 {
            match &section.name {
                _ if section.is_one_of_many() => writeln!(f, "[[{}]]", section.kind)?,
                Some(name) => writeln!(f, "[{}.{}]", section.kind, name.replace('/', "."))?,
                None => writeln!(f, "[{}]", section.kind)?,
            }
            let shown = || section.entries.iter().filter(|(_, value)| !value.is_null());
            let width = shown().map(|(key, _)| key.len()).max().unwrap_or(0);
            for (key, value) in shown() {
                write!(f, "{key:<width$} = ")?;
                write_value(f, value, 0)?;
                writeln!(f)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// A value as TOML writes it; a long list goes over several lines, `indent` deep.
fn write_value(f: &mut fmt::Formatter<'_>, value: &Value, indent: usize) -> fmt::Result {
    match value {
        Value::String(text) if text.contains('"') && !text.contains(['\'', '\n']) => {
            write!(f, "'{text}'")
        }
        // JSON's escapes are TOML's as well.
        Value::String(_) => write!(f, "{value}"),
        Value::Array(items) => write_list(f, items, indent),
        Value::Object(entries) => {
            f.write_str("{")?;
            let entries = entries.iter().filter(|(_, value)| !value.is_null());
            let mut count = 0;
            for (key, value) in entries {
                f.write_str(if count > 0 { ", " } else { " " })?;
                write!(f, "{key} = ")?;
                write_value(f, value, indent)?;
                count += 1;
            }
            f.write_str(if count == 0 { "}" } else { " }" })
        }
        other => write!(f, "{other}"),
    }
}

/// How many texts of a long list stand on a line.
const ON_A_LINE: usize = 6;

fn write_list(f: &mut fmt::Formatter<'_>, items: &[Value], indent: usize) -> fmt::Result {
    let of_tables = items.iter().any(Value::is_object);
    let on_a_line = match items.len() {
        0 | 1 => usize::MAX,
        _ if of_tables => 1,
        many if many > 2 * ON_A_LINE => ON_A_LINE,
        _ => usize::MAX,
    };
    let is_long = on_a_line < usize::MAX;
    f.write_str("[")?;
    for (place, item) in items.iter().enumerate() {
        if is_long && place % on_a_line == 0 {
            write!(f, "\n{:width$}", "", width = indent + 2)?;
        } else if place > 0 {
            f.write_str(" ")?;
        }
        write_value(f, item, indent + 2)?;
        if is_long || place + 1 < items.len() {
            f.write_str(",")?;
        }
    }
    if is_long {
        write!(f, "\n{:indent$}", "")?;
    }
    f.write_str("]")
}

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
        let stages = (!stages.is_empty()).then_some(stages);
        let entries = vec![
            (law.asked.as_str(), json!(stages)),
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

fn field(field: &Field) -> Section {
    let of = match &field.tax_numbers {
        Some(kinds) => json!(kinds.iter().map(TaxNumberKind::as_str).collect::<Vec<_>>()),
        None if field.choices.is_empty() => Value::Null,
        None => json!(field.choices),
    };
    let entries = vec![
        ("type", json!(field.type_word())),
        ("of", of),
        ("label", json!(field.label)),
        ("required", json!(field.required)),
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
    let if_any = |roles: &[Name]| match roles {
        [] => Value::Null,
        roles => json!(roles),
    };
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
        ("stopped-by", stopped_by(&task.stopped_by)),
        ("service-level", json!(task.is_service_level)),
        ("ends-with-owner", json!(task.ends_with_owner)),
        ("outlives-lead", json!(task.outlives_lead)),
        ("choices", choices),
    ];
    Section::named("task", task.name.as_str(), entries)
}

fn rule(rule: &Rule) -> Section {
    let scope = &rule.scope;
    let stages: Vec<String> = scope.stages.iter().map(ToString::to_string).collect();
    let leads = match scope.leads {
        Leads::Open => "open",
        Leads::Closed => "closed",
        Leads::All => "all",
    };
    let (on, when) = match &rule.anchor {
        Anchor::Turns(condition) => (None, Some(condition.to_string())),
        anchor => (Some(anchor.to_string()), None),
    };
    let at_most = rule.every.and_then(|every| every.at_most);
    let first = rule.every.filter(|every| every.first > 0);
    let late = match rule.late {
        Late::Skip => "skip".to_owned(),
        Late::Fire => "fire".to_owned(),
        Late::FireWithin(delay) => format!("fire if not older than {delay}"),
        Late::Spread(time) => elapsed(time),
    };
    let entries = vec![
        ("name", json!(rule.name)),
        (
            "stage",
            if stages.is_empty() {
                json!("any")
            } else {
                json!(stages)
            },
        ),
        ("wait", json!(scope.wait)),
        ("leads", json!(leads)),
        ("on", json!(on)),
        ("when", json!(when)),
        (
            "after",
            json!(if rule.delay.is_zero() {
                "at once".to_owned()
            } else {
                rule.delay.to_string()
            }),
        ),
        ("calendar", json!(rule.calendar.name())),
        (
            "every",
            json!(rule.every.map(|every| every.length.to_string())),
        ),
        (
            "first-after",
            json!(first.map(|every| every.length.times(every.first).to_string())),
        ),
        ("at-most", json!(at_most)),
        ("if", json!(rule.only_if.as_ref().map(ToString::to_string))),
        ("until", json!(rule.until.as_ref().map(ToString::to_string))),
        ("stopped-by", stopped_by(&rule.stopped_by)),
        ("late-start", json!(late)),
        ("do", actions(&rule.actions)),
    ];
    Section::of("rule", entries)
}

fn stopped_by(stopped_by: &StoppedBy) -> Value {
    match stopped_by {
        StoppedBy::Any => json!("any hold"),
        StoppedBy::Named(names) => json!(names),
    }
}

fn actions(actions: &[Action]) -> Value {
    actions.iter().map(action).collect()
}

fn action(action: &Action) -> Value {
    match action {
        Action::Send(send) => {
            let mut told = json!({
                "send": send.template,
                "as": if send.as_owner { "owner" } else { "organisation" },
                "on-owner-change": send.on_owner_change.as_str(),
                "class": send.class.as_str(),
                "channel": send.channel,
            });
            if let Some(expires) = send.expires_after {
                told["expires"] = json!(elapsed(expires));
            }
            told
        }
        Action::Notify { whom, template } => {
            json!({ "notify": whom.to_string(), "template": template })
        }
        Action::Task(task) => json!({ "task": task }),
        Action::Reward(amount) => json!({ "reward": amount.to_string() }),
        Action::Assign(assign) => {
            let mut told = json!({ "assign": assign.pool });
            if assign.not_earlier_owners {
                told["not"] = json!("earlier-owners");
            }
            if let Some(at_most) = assign.at_most {
                told["at-most"] = json!(at_most);
            }
            if let Some(then) = &assign.then {
                told["then"] = self::action(then);
            }
            told
        }
        Action::Move { stage, reason } => {
            let mut told = json!({ "move": stage });
            if let Some(reason) = reason {
                told["reason"] = json!(reason);
            }
            told
        }
        Action::Set { field, to } => match to {
            SetTo::Value(value) => json!({ "set": field, "to": told(value) }),
            later => json!({ "set": field, "to": later.to_string() }),
        },
        Action::Host(name) => json!({ "do": name }),
    }
}

/// A value as a playbook writes it.
fn told(value: &leadkit::value::Value) -> Value {
    use leadkit::value::Value as Given;
    match value {
        Given::Bool(value) => json!(value),
        Given::Number(number) => {
            let text = number.to_string();
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
        other => json!(other.to_string()),
    }
}

/// Elapsed time in its largest whole unit.
fn elapsed(time: leadkit::time::Elapsed) -> String {
    let seconds = time.num_seconds();
    let units = [
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let (length, unit) = units
        .into_iter()
        .find(|(length, _)| seconds % length == 0 && seconds >= *length)
        .unwrap_or((1, "second"));
    let count = seconds / length;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}
