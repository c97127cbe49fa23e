//! Actions: what rules and choices do, each verb in one place.

use smol_str::{SmolStr, format_smolstr};

use super::Names;
use super::samples::Use;
use crate::facts::LeadFact;
use crate::ids::Name;
use crate::playbook::delay::Delay;
use crate::playbook::fault::FaultKind;
use crate::playbook::pipeline::{Field, Fixed};
use crate::playbook::read::{Node, Section};
use crate::playbook::rule::{Action, Assign, Send, SetTo, Since, Whom};
use crate::record::message::{Class, OnOwnerChange};
use crate::value::ValueType;

/// What actions can do, in the playbook's words.
const VERBS: [&str; 10] = [
    "send", "notify", "task", "assign", "move", "close", "set", "clear", "reward", "do",
];

/// Says what is wrong with an action that does nothing: the words that mean nothing, or that none
/// is there.
fn no_verb(section: Section<'_>) {
    let hint = || Some(format_smolstr!("an action is one of {}", VERBS.join(", ")));
    if section.keyed().is_empty() {
        let kind = FaultKind::MissingKey {
            key: VERBS[0].into(),
            section: "an action".into(),
        };
        section.fault(kind, hint());
    }
    section.finish_or(hint());
}

/// Whether an action says what it sends to whom it notifies, of which it is told that this is a template.
fn sends_to_an_agent(section: &Section<'_>) -> bool {
    let said = section.keyed();
    let notifies = said.iter().any(|(key, _)| key == "notify");
    let sent = said.iter().find(|(key, _)| key == "send");
    let Some((key, sent)) = sent.filter(|_| notifies) else {
        return false;
    };
    let template = sent.is_text().then(|| sent.text()).flatten();
    let template = template.unwrap_or("..");
    let hint = format_smolstr!("with `notify` it is `template = \"{template}\"`");
    let kind = FaultKind::UnknownKey {
        key: key.into(),
        section: format_smolstr!("[{}]", section.path),
    };
    sent.at_its_key().fault(kind, Some(hint));
    true
}

/// Who is named where people are asked for, beside the words that always mean the same.
pub(super) enum Named {
    /// A role.
    Role(Name),
    /// `team:NAME`.
    Team(Name),
    /// `earlier-owner:NAME`: who of this team had the lead.
    EarlierOwner(Name),
}

fn is_dated(field: &Field) -> bool {
    matches!(field.value_type, ValueType::Date | ValueType::Instant)
}

impl Names {
    pub(super) fn actions(&self, node: &Node<'_>) -> Vec<Action> {
        node.list()
            .iter()
            .filter_map(|node| self.action(node))
            .collect()
    }

    fn action(&self, node: &Node<'_>) -> Option<Action> {
        if node.is_text() {
            let name = node.text()?;
            let verb = match name {
                name if self.templates.iter().any(|known| *known == *name) => "send",
                name if self.pools.iter().any(|known| *known == *name) => "assign",
                name if self.stages.iter().any(|known| known.stage == *name) => "move",
                _ => "task",
            };
            let hint = format_smolstr!("write `{{ {verb} = \"{name}\" }}`");
            node.expected_or("a table", Some(hint));
            return None;
        }
        let mut section = node.section()?;
        if !VERBS.iter().any(|verb| section.optional(verb).is_some()) {
            no_verb(section);
            return None;
        }
        if sends_to_an_agent(&section) {
            return None;
        }
        let action = self.verb(&mut section);
        section.finish();
        action
    }

    fn verb(&self, section: &mut Section<'_>) -> Option<Action> {
        if let Some(verb) = section.optional("send") {
            return self.send(&verb, section);
        }
        if let Some(verb) = section.optional("notify") {
            let whom = self.whom(&verb);
            let template = section
                .required("template")
                .and_then(|node| node.known("template", &self.templates));
            if let Some(template) = &template {
                self.uses.add(template, Use::ToAgent);
            }
            return Some(Action::Notify {
                whom: whom?,
                template: template?,
            });
        }
        if let Some(verb) = section.optional("task") {
            return verb.known("task", &self.tasks).map(Action::Task);
        }
        if let Some(verb) = section.optional("assign") {
            return self.assign(&verb, section);
        }
        if let Some(verb) = section.optional("move") {
            let reason = section.optional("reason").and_then(|node| node.text());
            let stage = self.moved_to(&verb)?;
            return Some(Action::Move {
                stage,
                reason: reason.map(SmolStr::from),
            });
        }
        if let Some(verb) = section.optional("close") {
            let reason = section.optional("reason").and_then(|node| node.text());
            let stage = self.moved_to(&verb)?;
            let mut named = self.final_stages.iter();
            if !named.any(|at| at.stage == stage) {
                let known = self.final_stages.iter().map(|at| at.stage.as_str());
                verb.unknown("final stage", stage.as_str(), known);
                return None;
            }
            return Some(Action::Move {
                stage,
                reason: reason.map(SmolStr::from),
            });
        }
        if let Some(verb) = section.optional("reward") {
            return self.reward(&verb);
        }
        if let Some(verb) = section.optional("set") {
            let field = self.set_later(&verb);
            let node = section.required("to")?;
            let field = self
                .fields
                .iter()
                .find(|known| Some(&known.name) == field.as_ref())?;
            if self.faulty_fields.contains(&field.name) {
                return None;
            }
            return Some(Action::Set {
                field: field.name.clone(),
                to: self.set_to(field, &node)?,
            });
        }
        if let Some(verb) = section.optional("clear") {
            return self.clear(&verb);
        }
        if let Some(verb) = section.optional("do") {
            return self.host_action(&verb).map(Action::Host);
        }
        None
    }

    /// Takes a field's value away, if a lead can be without one.
    fn clear(&self, verb: &Node<'_>) -> Option<Action> {
        let name = self.set_later(verb)?;
        let mut fields = self.fields.iter();
        if fields.any(|field| field.name == name && field.required) {
            let hint = "it is `required`: no lead is without it";
            verb.unfit("this field can't be cleared", Some(hint.into()));
            return None;
        }
        Some(Action::Set {
            field: name,
            to: SetTo::Nothing,
        })
    }

    /// A value, or `"now + 1 year"`, `"entered_at + 15 days"`, `"signed_at + 12 months"` for a date or an
    /// instant.
    fn set_to(&self, field: &Field, node: &Node<'_>) -> Option<SetTo> {
        let is_text = node.is_text().then(|| node.text()).flatten();
        match is_text {
            // A day in quotes, or as others write it.
            Some(text) if text.starts_with(|c: char| c.is_ascii_digit()) => {
                node.value_of(field).map(SetTo::Value)
            }
            Some(text) if is_dated(field) => self.later(field, node, text),
            _ => node.value_of(field).map(SetTo::Value),
        }
    }

    fn later(&self, field: &Field, node: &Node<'_>, text: &str) -> Option<SetTo> {
        let (from, sign, length) = match (text.split_once(" + "), text.split_once(" - ")) {
            (Some((from, length)), _) => (from, "+", Some(length)),
            (None, Some((from, length))) => (from, "-", Some(length)),
            (None, None) => (text, "+", None),
        };
        let dated = || self.fields.iter().filter(|known| is_dated(known));
        let facts = || {
            let all = LeadFact::ALL.iter().copied();
            all.filter(|fact| fact.built_in().value_type == ValueType::Instant)
        };
        let from = match from.trim() {
            "now" => Since::Now,
            from if dated().any(|known| known.name == *from) => Since::Field(Name::from(from)),
            from => match facts().find(|fact| fact.built_in().name == from) {
                Some(fact) => Since::Fact(fact),
                None => {
                    let known = dated().map(|known| known.name.as_str());
                    let facts = facts().map(|fact| fact.built_in().name);
                    let known = std::iter::once("now").chain(known).chain(facts);
                    node.unknown("date", from, known);
                    return None;
                }
            },
        };
        let by = match length {
            None => Delay::NONE,
            Some(length) => Delay::parse(length.trim()).unwrap_or(Delay::OwnWait),
        };
        // A day has no hours, and open time is a calendar's.
        let fits = match by {
            Delay::Days(_) | Delay::Months(_) => true,
            Delay::Elapsed(_) => field.value_type == ValueType::Instant || by.is_zero(),
            Delay::Business(_) | Delay::BusinessDays(_) | Delay::OwnWait => false,
        };
        if !fits || by.is_negative() || !by.is_bounded() {
            let hint = "as in `now + 1 year`, `signed_at + 12 months` or `period_end - 30 days`";
            node.unfit(
                "it is no length from one date to another",
                Some(hint.into()),
            );
            return None;
        }
        let by = if sign == "-" { by.opposite() } else { by };
        Some(SetTo::Later { from, by })
    }

    /// A field that is set after the registration.
    pub(super) fn set_later(&self, node: &Node<'_>) -> Option<Name> {
        let known: Vec<&Name> = self.fields.iter().map(|field| &field.name).collect();
        let name = node.known("field", known)?;
        if self
            .fields
            .iter()
            .any(|field| field.name == name && matches!(field.fixed, Fixed::FromRegistration))
        {
            let hint = "it is `fixed`: told when a lead is registered, and never changed after";
            node.unfit("this field can't be set", Some(hint.into()));
        }
        Some(name)
    }

    /// A stage of whatever pipeline the lead is in, so the name alone.
    fn moved_to(&self, node: &Node<'_>) -> Option<Name> {
        let text = node.text()?;
        let found = self.stages.iter().find(|at| at.stage == *text);
        if found.is_none() {
            node.unknown(
                "stage",
                text,
                self.stages.iter().map(|at| at.stage.as_str()),
            );
        }
        Some(found?.stage.clone())
    }

    fn send(&self, verb: &Node<'_>, section: &mut Section<'_>) -> Option<Action> {
        let template = verb.known("template", &self.templates);
        if let Some(template) = &template {
            self.uses.add(template, Use::ToContact);
        }
        let as_owner = section
            .optional("as")
            .and_then(|node| node.word(&[("owner", true), ("organisation", false)]));
        let on_owner_change = section
            .optional("on-owner-change")
            .and_then(|node| node.word(OnOwnerChange::WORDS));
        let class = section
            .optional("class")
            .and_then(|node| node.word(Class::WORDS));
        let channel = section.optional("channel").and_then(|node| node.text());
        let expires_after = section
            .optional("expires")
            .and_then(|node| node.some_elapsed("leave it out, if it never expires"));
        Some(Action::Send(Send {
            template: template?,
            as_owner: as_owner.unwrap_or(true),
            on_owner_change: on_owner_change.unwrap_or(OnOwnerChange::NewOwner),
            class: class.unwrap_or(Class::Marketing),
            channel: Name::from(channel.unwrap_or("email")),
            expires_after,
        }))
    }

    /// `reward = "20.00 USD"`, for whoever referred the lead.
    fn reward(&self, verb: &Node<'_>) -> Option<Action> {
        let amount = verb.money_in(self.currency)?;
        if amount.minor() <= 0 {
            verb.unfit("a reward is more than nothing", None);
            return None;
        }
        if !self.refers {
            let kind = FaultKind::MissingKey {
                key: "[referral]".into(),
                section: "a reward".into(),
            };
            let hint = "a reward is for who referred the lead, so leads must be referred";
            verb.fault(kind, Some(hint.into()));
            return None;
        }
        Some(Action::Reward(amount))
    }

    fn assign(&self, verb: &Node<'_>, section: &mut Section<'_>) -> Option<Action> {
        let pool = verb.known("pool", &self.pools);
        let not_earlier = section
            .optional("not")
            .and_then(|node| node.word(&[("earlier-owners", true)]));
        let at_most = section
            .optional("at-most")
            .and_then(|node| node.count(0..1_001));
        let then = section.optional("then").and_then(|node| self.action(&node));
        Some(Action::Assign(Assign {
            pool: pool?,
            not_earlier_owners: not_earlier.unwrap_or(false),
            at_most,
            then: then.map(Box::new),
        }))
    }

    /// A role, or a team and who of it.
    pub(super) fn named(&self, node: &Node<'_>, text: &str) -> Option<Named> {
        if let Some(team) = text.strip_prefix("team:") {
            return self.team(node, team).map(Named::Team);
        }
        if let Some(team) = text.strip_prefix("earlier-owner:") {
            return self.team(node, team).map(Named::EarlierOwner);
        }
        self.role_or_owner(node, text).map(Named::Role)
    }

    /// A role, where the owner could have been said as well.
    pub(super) fn role_or_owner(&self, node: &Node<'_>, text: &str) -> Option<Name> {
        let found = self.roles.iter().find(|role| **role == *text);
        if found.is_none() && self.teams.iter().any(|team| team.name == *text) {
            let (sort, name) = ("role", text.into());
            let hint = format_smolstr!("it is a team: write `team:{text}`");
            node.fault(FaultKind::UnknownName { sort, name }, Some(hint));
        } else if found.is_none() {
            let roles = self.roles.iter().map(Name::as_str);
            node.unknown("role", text, std::iter::once("owner").chain(roles));
        }
        found.cloned()
    }

    /// A team: one of the playbook's, where it declares any.
    pub(super) fn team(&self, node: &Node<'_>, text: &str) -> Option<Name> {
        let teams = || self.teams.iter().map(|team| team.name.as_str());
        if self.teams.is_empty() || teams().any(|team| team == text) {
            return Some(Name::from(text));
        }
        node.unknown("team", text, teams());
        None
    }

    fn whom(&self, node: &Node<'_>) -> Option<Whom> {
        match node.text()? {
            "owner" => Some(Whom::Owner),
            // Where leads are referred, this is who referred the lead, and no role.
            "referrer" if self.refers => Some(Whom::Referrer),
            "earlier-owner" => Some(Whom::EarlierOwner(None)),
            text => Some(match self.named(node, text)? {
                Named::Role(role) => Whom::Role(role),
                Named::Team(team) => Whom::Team(team),
                Named::EarlierOwner(team) => Whom::EarlierOwner(Some(team)),
            }),
        }
    }
}
