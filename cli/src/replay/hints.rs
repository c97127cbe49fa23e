//! What to do about a row that the playbook refused: most often the map can say it.

use leadkit::decide::refusal::{Gap, Missing, Problem, Refusal};
use leadkit::playbook::Playbook;
use leadkit::value::ValueType;

use super::fault::{Unfit, ValueFault};
use super::map::{CommandMap, FileMap, Text, Verb};
use super::plan::Planned;
use super::refused;
use crate::report::quoted;

/// The words of commands that name something of a sort of the playbook's.
fn naming<'s>(sort: &'s &'static str) -> &'s [&'static str] {
    match *sort {
        "stage" => &["to", "as"],
        "hold" => &["as", "from"],
        "pool" => &["pool", "to", "else"],
        // All others are said by the word for what they are.
        _ => std::slice::from_ref(sort),
    }
}

/// What to do about a refusal, where that is not plain.
pub(super) fn hint(
    refusal: &Refusal,
    planned: &Planned,
    file: &FileMap,
    playbook: &Playbook,
) -> Option<String> {
    let command = &file.commands[planned.place.command];
    match refusal {
        Refusal::Incomplete(gaps) => refused::hint(refusal, &planned.doing)
            .or_else(|| gaps.iter().find_map(|gap| of_gap(gap, command))),
        Refusal::Unknown {
            sort: "choice",
            known,
            ..
        } if known.is_empty() => {
            let hint = "the task has nothing to choose from: complete it without `choice`";
            Some(hint.to_owned())
        }
        Refusal::Unknown {
            sort,
            name,
            nearest,
            ..
        } => {
            let mut texts = naming(sort).iter().filter_map(|word| command.text(word));
            let text = texts.find(|text| text.columns().next().is_some())?;
            translate(text, name, nearest.as_deref())
        }
        Refusal::ChoiceNeeded { said, .. } => match (command.text("choice"), said) {
            (Some(text), Some(said)) => translate(text, said, None),
            (Some(text), None) => is_empty(text),
            (None, _) => Some("say it in the command: choice = \"{COLUMN}\"".to_owned()),
        },
        Refusal::NoSuchAgent(agent) => Some(format!(
            "set it up (set-up), or say whom it means where a column names it: [file.values.COLUMN], then \
             \"{agent}\" = \"AGENT\""
        )),
        Refusal::Missing(needs) => needs
            .iter()
            .find_map(|need| of_need(need, command, playbook)),
        Refusal::NoWay { .. } => Some(
            "a row may be missing that says where it went between; or the playbook lacks this way"
                .to_owned(),
        ),
        _ => None,
    }
}

/// What to do about a cell that is no value of its kind, where the map can say what it means.
pub(super) fn of_value(fault: &ValueFault, command: &CommandMap) -> Option<String> {
    let ValueFault::Unfit { of, said, why } = fault else {
        return None;
    };
    match why {
        Unfit::NotYesOrNo | Unfit::NotOfType(ValueType::Bool) => {
            translate(command.text(of)?, said, Some("yes"))
        }
        Unfit::NotOfType(_) => Some(format!(
            "if that means that there is none, say so of the file: empty = [{}]",
            quoted(said)
        )),
        _ => None,
    }
}

fn of_gap(gap: &Gap, command: &CommandMap) -> Option<String> {
    let text = command.text(gap.input.as_str());
    match (&gap.problem, text) {
        (Problem::Unknown { said, nearest, .. }, Some(text)) => {
            translate(text, said, nearest.as_deref())
        }
        (Problem::Missing, Some(text)) => is_empty(text),
        (Problem::Missing, None) => Some(format!(
            "say it in the command: {} = \"{{COLUMN}}\"",
            gap.input
        )),
        _ => None,
    }
}

/// What a cell means can be said in the map.
fn translate(text: &Text, said: &str, nearest: Option<&str>) -> Option<String> {
    let column = text.columns().next()?;
    let means = nearest.unwrap_or("..");
    Some(format!(
        "say in the map what the cell means: [file.values.{}], then \"{said}\" = \"{means}\"",
        written(column)
    ))
}

/// A column as a key of TOML.
fn written(column: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match column.chars().all(is_bare) && !column.is_empty() {
        true => column.to_owned(),
        false => format!("{column:?}"),
    }
}

/// The row has nothing where the command says something.
fn is_empty(text: &Text) -> Option<String> {
    let column = text.columns().next()?;
    Some(format!(
        "the row has nothing in `{column}`: fill it in, or leave such rows out (if = \"{column}\")"
    ))
}

/// What a way needs can be said with the move, or before it.
fn of_need(need: &Missing, command: &CommandMap, playbook: &Playbook) -> Option<String> {
    let condition = &playbook.need(&need.need)?.condition;
    let moves = matches!(command.verb, Verb::Move | Verb::Close);
    condition.facts().find_map(|fact| {
        let name = fact.name.as_str();
        if name == "outcome.reason" && moves {
            return Some(match command.text("reason") {
                None => {
                    "say it in the command: reason = \"{COLUMN}\", or reason = \"not known\" for all rows".to_owned()
                }
                Some(text) => is_empty(text)?,
            });
        }
        let mut fields = playbook.fields.iter();
        fields.any(|field| field.name.as_str() == name).then(|| {
            format!("say it before, in a command of its own: set = {{ {name} = \"{{COLUMN}}\" }}")
        })
    })
}
