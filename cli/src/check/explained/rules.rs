//! Rules: when they come, for which leads, and what they do.

use leadkit::playbook::rule::{Action, Anchor, Late, Leads, Rule, SetTo, StoppedBy};
use serde_json::{Value, json};

use super::Section;

pub(super) fn rule(rule: &Rule) -> Section {
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
        Late::FireIfTold => "fire if told late".to_owned(),
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

pub(super) fn stopped_by(stopped_by: &StoppedBy) -> Value {
    match stopped_by {
        StoppedBy::Any => json!("any hold"),
        StoppedBy::Named(names) => json!(names),
    }
}

pub(super) fn actions(actions: &[Action]) -> Value {
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
            SetTo::Nothing => json!({ "clear": field }),
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
pub(super) fn elapsed(time: leadkit::time::Elapsed) -> String {
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
