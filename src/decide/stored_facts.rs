//! The stored facts of a record: what stores keep beside its bytes, to filter on.

use smol_str::{SmolStr, format_smolstr};

use crate::facts::{AgentFact, LeadFact, MessageFact, SweepFact};
use crate::ids::Id;
use crate::playbook::Playbook;
use crate::playbook::catalogue::LeadFacts;
use crate::record::lead::Trouble;
use crate::record::message::{Message, Recipient, Sender, State};
use crate::record::{Agent, Lead, Record, Sweep};
use crate::store::StoredFact;
use crate::value::{Number, Value, ValueRef, fold};

/// All stored facts of a record, text folded. Kinds that can't be filtered have none.
#[must_use]
pub fn of(playbook: &Playbook, record: &Record) -> Vec<StoredFact> {
    match record {
        Record::Lead(lead) => of_lead(playbook, lead),
        Record::Agent(agent) => of_agent(agent),
        Record::Message(message) => of_message(message),
        Record::Sweep(sweep) => of_sweep(sweep),
        Record::Tenant(_)
        | Record::Contact(_)
        | Record::Group(_)
        | Record::Pool(_)
        | Record::Claim(_)
        | Record::Workload(_)
        | Record::VisitPlan(_) => Vec::new(),
    }
}

fn of_lead(playbook: &Playbook, lead: &Lead) -> Vec<StoredFact> {
    let mut facts = Vec::with_capacity(LeadFact::ALL.len());
    let seen = LeadFacts {
        playbook,
        lead,
        now: lead.settled_at,
    };
    for fact in LeadFact::ALL {
        let built_in = fact.built_in();
        if !built_in.stored {
            continue;
        }
        if let Some(value) = seen.built_in(*fact) {
            facts.push(StoredFact {
                name: SmolStr::new_static(built_in.name),
                value: folded(value),
            });
        }
    }
    for (name, value) in lead.fields.iter() {
        facts.push(StoredFact {
            name: name.as_str().into(),
            value: folded(value.as_ref()),
        });
    }
    facts
}

fn folded(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Text(text) => Value::Text(fold(text)),
        other => other.to_value(),
    }
}

fn text(name: &'static str, value: &str) -> StoredFact {
    StoredFact {
        name: SmolStr::new_static(name),
        value: Value::Text(fold(value)),
    }
}

fn is_set_aside(name: &'static str, trouble: Option<&Trouble>) -> StoredFact {
    StoredFact {
        name: SmolStr::new_static(name),
        value: Value::Bool(trouble.is_some_and(Trouble::is_set_aside)),
    }
}

/// An id, which prints as it folds.
fn id(id: &Id) -> Value {
    Value::Text(format_smolstr!("{id}"))
}

fn of_agent(agent: &Agent) -> Vec<StoredFact> {
    let name = |fact: AgentFact| fact.built_in().name;
    let mut facts = vec![
        text(name(AgentFact::Agent), agent.id.as_str()),
        text(name(AgentFact::Role), agent.role.as_str()),
        StoredFact {
            name: name(AgentFact::Available).into(),
            value: Value::Bool(agent.available),
        },
    ];
    facts.extend(
        agent
            .team
            .as_ref()
            .map(|team| text(name(AgentFact::Team), team.as_str())),
    );
    let hours = agent.hours.as_ref();
    facts.extend(hours.map(|hours| text(name(AgentFact::Hours), hours.as_str())));
    facts.extend(agent.left_at.map(|left_at| StoredFact {
        name: name(AgentFact::LeftAt).into(),
        value: Value::Instant(left_at),
    }));
    let capacity = agent
        .capacity
        .map(|capacity| Value::Number(Number::from(capacity)));
    facts.extend(capacity.map(|value| StoredFact {
        name: name(AgentFact::Capacity).into(),
        value,
    }));
    facts
}

fn of_message(message: &Message) -> Vec<StoredFact> {
    let name = |fact: MessageFact| fact.built_in().name;
    let to = match &message.to {
        Recipient::Contact(contact) => id(&contact.0),
        Recipient::Agent(agent) => Value::Text(fold(agent.as_str())),
    };
    let mut facts = vec![
        text(name(MessageFact::State), message.state.as_str()),
        text(name(MessageFact::Template), message.template.as_str()),
        text(name(MessageFact::Class), message.class.as_str()),
        text(name(MessageFact::Channel), message.channel.as_str()),
        StoredFact {
            name: name(MessageFact::Lead).into(),
            value: id(&message.lead.0),
        },
        StoredFact {
            name: name(MessageFact::To).into(),
            value: to,
        },
        StoredFact {
            name: name(MessageFact::QueuedAt).into(),
            value: Value::Instant(message.queued_at),
        },
        is_set_aside(name(MessageFact::SetAside), message.trouble.as_ref()),
    ];
    if let Sender::Owner(agent) = &message.sender {
        facts.push(text(name(MessageFact::From), agent.as_str()));
    }
    if let State::Dropped(because) = message.state {
        facts.push(text(name(MessageFact::Dropped), because.as_str()));
    }
    if message.state.is_settled() {
        let value = Value::Instant(message.state_since);
        facts.push(StoredFact {
            name: name(MessageFact::SettledAt).into(),
            value,
        });
    }
    facts
}

fn of_sweep(sweep: &Sweep) -> Vec<StoredFact> {
    let name = |fact: SweepFact| fact.built_in().name;
    vec![
        text(name(SweepFact::Sweep), sweep.name.as_str()),
        StoredFact {
            name: name(SweepFact::Finished).into(),
            value: Value::Bool(sweep.next_at.is_none()),
        },
        StoredFact {
            name: name(SweepFact::StartedAt).into(),
            value: Value::Instant(sweep.started_at),
        },
        is_set_aside(name(SweepFact::SetAside), sweep.trouble.as_ref()),
    ]
}
