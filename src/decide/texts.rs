//! What people type, before anything is decided about it: no character that hides in a list, breaks
//! a line of it, or turns its direction round.
//!
//! Names come to be read in boards, mails, logs and terminals that are not ours. What no keyboard
//! types there was put there by a broken export, or to pass for somebody else.

use std::borrow::Borrow;

use crate::decide::command::{Actor, AgentSetup, Command, LeadOrder, NewLead, What};
use crate::decide::refusal::{Gaps, Problem, Refusal};
use crate::ids::Name;
use crate::value::Value;

/// Refuses a command in which a text holds what can't stand there; all of them at once.
pub(crate) fn check(command: &Command) -> Result<(), Refusal> {
    let mut texts = Texts::default();
    texts.line("tenant", command.tenant.as_str());
    texts.of_actor(&command.actor);
    match &command.what {
        What::SetUpAgent(setup) => texts.of_agent(setup),
        What::Register(new) => texts.of_lead(new),
        What::Lead { order, .. } => texts.of_order(order),
        What::StartSweep(new) => {
            texts.line("sweep", new.name.as_str());
            texts.of_order(&new.order);
        }
        What::Begin | What::Adopt(_) | What::SettleMessage { .. } | What::Sweep { .. } => {}
    }
    texts.gaps.told()
}

/// The texts of a command, each in turn.
#[derive(Default)]
struct Texts {
    gaps: Gaps,
}

impl Texts {
    fn of_actor(&mut self, actor: &Actor) {
        match actor {
            Actor::Agent(agent) | Actor::Import(agent) => self.line("by", agent.as_str()),
            Actor::Host(name) => self.line("by", name),
            Actor::Rule(_) | Actor::Sweep { .. } => {}
        }
    }

    fn of_agent(&mut self, setup: &AgentSetup) {
        self.line("agent", &setup.agent);
        self.maybe("name", setup.name.as_ref());
        self.maybe("phone", setup.phone.as_ref());
        self.maybe("role", setup.role.as_ref());
        self.maybe("team", setup.team.as_ref());
        for city in setup.cities.iter().flatten() {
            self.line("cities", city);
        }
    }

    fn of_lead(&mut self, new: &NewLead) {
        self.line("name", &new.name);
        self.maybe("phone", new.phone.as_ref());
        self.maybe("owner", new.owner.as_ref());
        for (field, value) in &new.fields {
            self.value(field, Some(value));
        }
    }

    fn of_order(&mut self, order: &LeadOrder) {
        match order {
            LeadOrder::Reassign { to } => self.line("to", to.as_str()),
            LeadOrder::MoveTo { reason, .. } | LeadOrder::Close { reason, .. } => {
                if let Some(reason) = reason {
                    self.paragraph("reason", reason);
                }
            }
            LeadOrder::SetFields { fields } => {
                for (field, value) in fields {
                    self.value(field, value.as_ref());
                }
            }
            LeadOrder::CorrectContact(correction) => {
                self.maybe("name", correction.name.as_ref());
                self.maybe("phone", correction.phone.as_ref());
            }
            // Names of the playbook, which knows them or doesn't.
            _ => {}
        }
    }

    fn value(&mut self, field: &Name, value: Option<&Value>) {
        if let Some(Value::Text(text)) = value {
            self.paragraph(field.as_str(), text);
        }
    }

    fn maybe(&mut self, input: &str, text: Option<&impl Borrow<str>>) {
        if let Some(text) = text {
            self.line(input, text.borrow());
        }
    }

    /// A text of one line.
    fn line(&mut self, input: &str, text: &str) {
        self.without(input, text, breaks_names);
    }

    /// A text that may have several lines.
    fn paragraph(&mut self, input: &str, text: &str) {
        let is_layout = |c| matches!(c, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}');
        self.without(input, text, |c| breaks_names(c) && !is_layout(c));
    }

    fn without(&mut self, input: &str, text: &str, is_refused: impl Fn(char) -> bool) {
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~');
        if text.as_bytes().iter().all(is_plain) {
            return;
        }
        if let Some(character) = text.chars().find(|c| is_refused(*c)) {
            self.gaps.add(input, Problem::BadCharacter { character });
        }
    }
}

/// Control characters, ends of lines, what overrides or embeds a direction of writing, and what
/// can't be seen. The plain marks of direction (U+200E, U+200F, U+061C) and the joiners (U+200C,
/// U+200D), which honest texts in many languages have, are none.
fn breaks_names(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
        || matches!(
            c,
            '\u{AD}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}' | '\u{2060}'..='\u{2065}'
                | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{E0000}'..='\u{E0FFF}'
        )
}

/// Whether nothing of a text can be seen.
pub(crate) fn is_blank(text: &str) -> bool {
    let unseen = |c| matches!(c, '\u{61C}' | '\u{200C}'..='\u{200F}');
    text.chars().all(|c| c.is_whitespace() || unseen(c))
}
