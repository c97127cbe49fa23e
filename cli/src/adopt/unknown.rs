//! What agents and leads have that a changed playbook knows no more, and what becomes of it. Nothing of
//! it hinders an adoption: records keep what they hold.

use std::collections::BTreeMap;
use std::fmt;

use leadkit::ids::Name;
use leadkit::playbook::Playbook;
use leadkit::playbook::pipeline::Misfit;
use leadkit::record::{Agent, Lead};
use serde::Serialize;

use crate::report::counted;

/// Something that records have, and the changed playbook does not know as they have it.
#[derive(Debug, Serialize)]
pub(super) struct Unknown {
    /// `role`, `field`, `type`, `choice`, `value`, `source`, `source-kind`.
    what: &'static str,
    /// The role, field or source.
    name: String,
    /// The choice.
    value: Option<String>,
    agents: u64,
    leads: u64,
    /// One of them.
    for_instance: String,
    /// What becomes of it.
    becomes: String,
}

impl Unknown {
    /// For people, on a line.
    pub(super) fn told(&self) -> String {
        let count = match self.agents {
            0 => counted(self.leads, "lead"),
            agents => counted(agents, "agent"),
        };
        let (has, name) = (
            if self.agents + self.leads == 1 {
                "has"
            } else {
                "have"
            },
            &self.name,
        );
        let what = match (self.what, &self.value) {
            ("role", _) => format!("the role {name}, which is gone"),
            ("field", _) => format!("a value of the field {name}, which is gone"),
            ("type", _) => format!("a value of the field {name}, which is of another type"),
            (_, Some(value)) => {
                format!("`{value}` in the field {name}, which is no choice any more")
            }
            ("source", _) => format!("the source {name}, which is gone"),
            ("source-kind", _) => format!("the source {name}, which is of another kind"),
            _ => format!("a value of the field {name} that is none of its values any more"),
        };
        let Self {
            becomes,
            for_instance,
            ..
        } = self;
        format!("{count} {has} {what}: {becomes} (for instance {for_instance})")
    }
}

/// What is not known as it is had, and so what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lost {
    Role(Name),
    Field(Name),
    Type(Name, String),
    Choice(Name, String),
    Value(Name),
    Source(Name),
    SourceKind(Name, Name),
}

impl Lost {
    fn what(&self) -> &'static str {
        match self {
            Self::Role(_) => "role",
            Self::Field(_) => "field",
            Self::Type(..) => "type",
            Self::Choice(..) => "choice",
            Self::Value(_) => "value",
            Self::Source(_) => "source",
            Self::SourceKind(..) => "source-kind",
        }
    }

    fn name(&self) -> &Name {
        let (Self::Role(name)
        | Self::Field(name)
        | Self::Type(name, _)
        | Self::Choice(name, _)
        | Self::Value(name)
        | Self::Source(name)
        | Self::SourceKind(name, _)) = self;
        name
    }
}

/// What becomes of it.
impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(_) => f.write_str(
                "they may do nothing, and get no lead from a pool, until they are set up with another role",
            ),
            Self::Field(_) => {
                f.write_str("it stays on the lead, and no condition or template knows it")
            }
            Self::Type(_, now) => {
                write!(f, "it stays as it is, and is not {now}, until it is set anew")
            }
            Self::Choice(..) | Self::Value(_) => {
                f.write_str("it stays as it is, until it is set anew")
            }
            Self::Source(_) => f.write_str("it stays on the lead, and has no kind or label"),
            Self::SourceKind(_, now) => write!(f, "it counts to the kind {now}"),
        }
    }
}

/// What was met, how often, and where first.
pub(super) struct Seen<'a> {
    changed: &'a Playbook,
    former: Option<&'a Playbook>,
    seen: BTreeMap<Lost, (u64, String)>,
}

impl<'a> Seen<'a> {
    /// Nothing yet. `former` is the former playbook, where it is at hand.
    pub(super) fn new(changed: &'a Playbook, former: Option<&'a Playbook>) -> Self {
        Self {
            changed,
            former,
            seen: BTreeMap::new(),
        }
    }

    /// What an agent has that the changed playbook does not know.
    pub(super) fn agent(&mut self, agent: &Agent) {
        self.note(role_of(agent, self.changed), &agent.id.to_string());
    }

    /// What a lead has of it.
    pub(super) fn lead(&mut self, lead: &Lead) {
        let source = source_of(lead, self.changed, self.former);
        let lost = values_of(lead, self.changed).chain(source);
        self.note(lost, &lead.id.to_string());
    }

    fn note(&mut self, lost: impl IntoIterator<Item = Lost>, id: &str) {
        for one in lost {
            let first = || (0, id.to_owned());
            self.seen.entry(one).or_insert_with(first).0 += 1;
        }
    }

    /// All of it.
    pub(super) fn told(self) -> Vec<Unknown> {
        let lost = self.seen.into_iter();
        let told = lost.map(|(lost, (count, for_instance))| {
            let is_of_agents = matches!(lost, Lost::Role(_));
            Unknown {
                what: lost.what(),
                name: lost.name().to_string(),
                becomes: lost.to_string(),
                agents: if is_of_agents { count } else { 0 },
                leads: if is_of_agents { 0 } else { count },
                value: match lost {
                    Lost::Choice(_, value) => Some(value),
                    _ => None,
                },
                for_instance,
            }
        });
        told.collect()
    }
}

/// The role of an agent who is still there, if it is gone.
fn role_of(agent: &Agent, changed: &Playbook) -> Option<Lost> {
    let is_gone = agent.left_at.is_none() && changed.role(&agent.role).is_none();
    is_gone.then(|| Lost::Role(agent.role.clone()))
}

/// The values of a lead that its fields don't take any more.
fn values_of<'a>(lead: &'a Lead, changed: &'a Playbook) -> impl Iterator<Item = Lost> + 'a {
    lead.fields.iter().filter_map(|(name, value)| {
        let name = name.clone();
        let Some(field) = changed.field(&name) else {
            return Some(Lost::Field(name));
        };
        match field.accept(value) {
            Ok(_) => None,
            Err(Misfit::Other { .. }) => Some(Lost::Type(name, field.value_type.to_string())),
            Err(Misfit::NoChoice) => Some(Lost::Choice(name, value.to_string())),
            Err(_) => Some(Lost::Value(name)),
        }
    })
}

/// The source of a lead, if it is gone; or of another kind, as far as the former playbook is at hand.
fn source_of(lead: &Lead, changed: &Playbook, former: Option<&Playbook>) -> Option<Lost> {
    let name = lead.source.as_ref()?;
    let Some(source) = changed.source(name) else {
        return Some(Lost::Source(name.clone()));
    };
    let before = former?.source(name)?;
    let is_other = before.kind != source.kind;
    is_other.then(|| Lost::SourceKind(name.clone(), source.kind.clone()))
}
