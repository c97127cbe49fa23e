//! What templates may speak of: the lead, its fields, and the people around it.

use std::collections::BTreeMap;

use minijinja::Value as Jinja;

use crate::playbook::Playbook;
use crate::playbook::pipeline::TaskSpec;
use crate::playbook::template::RenderError;
use crate::playbook::variables::shown;
use crate::record::{Agent, Lead};

/// The agents whom a text may speak of.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    /// The lead's owner.
    pub owner: Option<Agent>,
    /// Who had it before.
    pub earlier_owner: Option<Agent>,
    /// The agent who gets the message, if an agent does.
    pub recipient: Option<Agent>,
}

/// The variables of a template: those of the lead by the names of its facts.
#[must_use]
pub fn context(playbook: &Playbook, lead: &Lead, cast: &Cast) -> Jinja {
    let mut variables: BTreeMap<&str, Jinja> = BTreeMap::new();
    for field in &playbook.fields {
        // A field without a value is there, and empty; one that nobody defined is an error.
        let value = lead
            .fields
            .value(&field.name)
            .map_or_else(|| Jinja::from(""), shown);
        variables.insert(field.name.as_str(), value);
    }
    let email = lead
        .contact
        .email
        .as_ref()
        .map(|email| email.as_str())
        .unwrap_or_default();
    let phone = lead.contact.phone.as_deref().unwrap_or_default();
    variables.insert(
        "contact",
        object([
            ("name", lead.contact.name.as_str()),
            ("email", email),
            ("phone", phone),
        ]),
    );
    let id = lead.id.to_string();
    let source = lead
        .source
        .as_ref()
        .and_then(|source| playbook.source(source));
    let source = source
        .map(|source| source.label.as_str())
        .unwrap_or_default();
    let stage = playbook.stage(&lead.pipeline, &lead.stage);
    let stage = stage.map_or(lead.stage.as_str(), |stage| stage.label.as_str());
    variables.insert(
        "lead",
        object([("id", id.as_str()), ("stage", stage), ("source", source)]),
    );
    let organisation = &playbook.organisation;
    let organisation = object([
        ("name", organisation.name.as_str()),
        ("email", organisation.email.as_str()),
    ]);
    variables.insert("organisation", organisation);
    for (name, agent) in [
        ("owner", &cast.owner),
        ("earlier_owner", &cast.earlier_owner),
        ("recipient", &cast.recipient),
    ] {
        variables.insert(name, agent.as_ref().map_or_else(nobody, somebody));
    }
    Jinja::from_pairs(variables)
}

fn object<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Jinja {
    Jinja::from_pairs(
        entries
            .into_iter()
            .map(|(name, value)| (name, Jinja::from(value))),
    )
}

fn somebody(agent: &Agent) -> Jinja {
    let phone = agent.phone.as_deref().unwrap_or_default();
    object([
        ("name", agent.name.as_str()),
        ("email", agent.email.as_str()),
        ("phone", phone),
    ])
}

fn nobody() -> Jinja {
    object([("name", ""), ("email", ""), ("phone", "")])
}

/// What a task says for a lead.
///
/// # Errors
/// When its text can't be rendered.
pub fn task_text(playbook: &Playbook, lead: &Lead, spec: &TaskSpec) -> Result<String, RenderError> {
    playbook
        .templates
        .render_task(&spec.name, &context(playbook, lead, &Cast::default()))
}
