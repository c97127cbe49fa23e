//! What a host adds to the language of playbooks, by name: guards, facts and actions in Rust.
//!
//! A playbook is data, and most of what an organisation decides can be said in it. What can't (a
//! score that is reckoned from five fields, a check that the law prescribes) the host registers
//! before it loads the playbook:
//!
//! ```no_run
//! use leadkit::playbook::Playbook;
//! use leadkit::playbook::host::Effects;
//! use leadkit::value::{Number, ValueRef, ValueType};
//!
//! let playbook = Playbook::builder()
//!     .guard("credit-checked", |facts| facts.field("credit") == Some("ok"))
//!     .fact("instalment", ValueType::Number, |facts| {
//!         let months = facts.number("months").filter(|months| months.whole() > 0)?;
//!         let total = facts.number("quote.total")?.ten_thousandths();
//!         Some(ValueRef::Number(Number::from_ten_thousandths(total / months.whole())))
//!     })
//!     .action("push-to-erp", |_| Effects::errand())
//!     .version("2026-03")
//!     .load("playbooks/ours")?;
//! # Ok::<(), leadkit::playbook::fault::Faults>(())
//! ```
//!
//! - A **fact** stands in conditions as the playbook's own do. It is computed when it is asked for, so
//!   no list can be filtered on it, and nothing tells when it turns: `if` may ask for it, in rules,
//!   routes and needs; `when`, `until`, `done` and laws, which are waited for, may not.
//! - A **guard** is a fact that is true or false, and a need under its own name:
//!   `to = { won = ["credit-checked"] }`. What a refusal says of it stands in
//!   `[need.credit-checked]`, with a `text` and without an `if`; else it is the name.
//! - An **action** is what a rule or a choice does by its name: `do = { do = "push-to-erp" }`. A
//!   decision does no I/O, so neither does an action: it answers with [`Effects`]. Fields of the lead
//!   are set at once; what the host has to do outside is left as an *errand* in the journal, in the same
//!   commit. The host carries errands out in its own time, at least once, each under a stable id
//!   ([`TenantHandle::errands`](crate::engine::TenantHandle::errands)). What else is to happen, a
//!   message, a task, a move, the playbook says beside it, or in a rule that waits for the field.
//!
//! A name that the playbook uses and the host did not register is a fault where it is used, and so is
//! one that is taken. One that is registered and not used is fine.
//!
//! # What must hold
//!
//! All three get a [`LeadView`], the lead's facts and the time, and nothing else. They must be
//! **deterministic**: the same lead at the same time, the same answer, in every process that knows the
//! playbook. A decision that is decided again, a replay and an explanation rely on it. So: no clock, no
//! random numbers, no file, no state that changes. What comes from elsewhere (the answer of a credit
//! bureau) the host writes into a field first. They must not panic: a panic ends the worker that asked.
//!
//! # When the code changes
//!
//! A playbook is told from a changed one by its hash, which is over what its files say. The host's code
//! is not looked into. So a host whose guard says something else now gives another
//! [`Builder::version`], which is part of the hash: then it is a changed playbook, that is adopted as
//! any other, and leads stay under the former one, with the former code, until they are taken over. Two
//! versions in one process are two builders.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use chrono::NaiveDate;
use smol_str::SmolStr;

use crate::condition::Catalogue as _;
use crate::facts::LeadFact;
use crate::ids::Name;
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::fault::{Fault, Faults};
use crate::playbook::load::Folder;
use crate::playbook::{Playbook, compile};
use crate::time::Instant;
use crate::value::{Number, Value, ValueRef, ValueType};

/// Registers what the host adds, and then reads playbooks that speak of it. See the [module](self).
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Builder {
    host: Host,
}

impl Builder {
    /// A guard: whether something is so of a lead, which ways ask for by this name.
    pub fn guard<F>(self, name: impl Into<Name>, holds: F) -> Self
    where
        F: Fn(LeadView<'_>) -> bool + Send + Sync + 'static,
    {
        let of: Arc<AskFact> = Arc::new(move |facts| Some(ValueRef::Bool(holds(facts))));
        self.add(name.into(), ValueType::Bool, Asked::AsNeed, of)
    }

    /// A fact: what conditions ask for by this name; `None`, where it is missing. A value of another
    /// type is as good as missing. A text is borrowed: from the lead, or for ever.
    pub fn fact<F>(self, name: impl Into<Name>, value_type: ValueType, of: F) -> Self
    where
        F: for<'a> Fn(LeadView<'a>) -> Option<ValueRef<'a>> + Send + Sync + 'static,
    {
        self.add(name.into(), value_type, Asked::InConditions, Arc::new(of))
    }

    fn add(mut self, name: Name, value_type: ValueType, asked: Asked, of: Arc<AskFact>) -> Self {
        self.host.facts.push(HostFact {
            name,
            value_type,
            asked,
            of,
        });
        self
    }

    /// An action: what rules and choices do by this name.
    pub fn action<F>(mut self, name: impl Into<Name>, effects: F) -> Self
    where
        F: Fn(LeadView<'_>) -> Effects + Send + Sync + 'static,
    {
        self.host.actions.push(HostAction {
            name: name.into(),
            effects: Arc::new(effects),
        });
        self
    }

    /// Which version of the host's guards, facts and actions this is: a part of the playbook's hash. To
    /// be changed whenever any of them answers otherwise.
    pub fn version(mut self, version: &str) -> Self {
        self.host.version = version.into();
        self
    }

    /// Reads the playbook in a folder.
    ///
    /// # Errors
    /// All its faults, each with its place; among them names that the host should have registered, and
    /// names that it can't register.
    pub fn load(&self, folder: impl AsRef<Path>) -> Result<Playbook, Faults> {
        self.read(&Folder::load(folder.as_ref())?)
    }

    /// Reads a playbook from texts.
    ///
    /// # Errors
    /// As [`Builder::load`].
    pub fn read(&self, folder: &Folder) -> Result<Playbook, Faults> {
        compile::compile(folder, &self.host)
    }

    /// The same, as far as it can be read, beside all its faults.
    pub(crate) fn read_what_can_be(&self, folder: &Folder) -> (Option<Playbook>, Vec<Fault>) {
        compile::compile_what_can_be(folder, &self.host)
    }
}

/// A lead as a host's guards, facts and actions see it: its facts, by the names that conditions have for
/// them, and the time.
///
/// A name that the playbook doesn't know is a fact that is missing. So are the host's own facts: none
/// can ask for another, or for itself.
#[derive(Clone, Copy, Debug)]
pub struct LeadView<'a> {
    facts: LeadFacts<'a>,
}

impl<'a> LeadView<'a> {
    pub(crate) fn of(facts: LeadFacts<'a>) -> Self {
        Self { facts }
    }

    /// When it is asked: the `now` of the decision, or when what is told late is said to have happened.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.facts.now
    }

    /// The text in a field of the playbook's own; choices and tax numbers as they are kept.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a str> {
        match self.facts.lead.fields.value(&Name::from(name))? {
            ValueRef::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a fact or field.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<ValueRef<'a>> {
        match LeadFact::named(name) {
            Some(fact) => self.facts.built_in(fact),
            None => self.facts.lead.fields.value(&Name::from(name)),
        }
    }

    /// The value of a fact about something that the playbook names:
    /// `value_of("activities", "information")`.
    #[must_use]
    pub fn value_of(&self, name: &str, argument: &str) -> Option<ValueRef<'a>> {
        let catalogue = self.facts.playbook.lead_catalogue();
        let info = catalogue.resolve(name, Some(argument)).ok()?;
        let Some(during) = &info.during else {
            return self.facts.numbered(info.id);
        };
        let [from, until] = during.each_ref().map(|end| self.facts.numbered(end.id));
        let is_now = match (from, until) {
            (Some(ValueRef::Instant(from)), Some(ValueRef::Instant(until))) => {
                (from..until).contains(&self.now())
            }
            _ => false,
        };
        Some(ValueRef::Bool(is_now))
    }

    /// A fact that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        match self.value(name)? {
            ValueRef::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A fact that is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<Number> {
        match self.value(name)? {
            ValueRef::Number(number) => Some(number),
            _ => None,
        }
    }

    /// A fact that is a date.
    #[must_use]
    pub fn date(&self, name: &str) -> Option<NaiveDate> {
        match self.value(name)? {
            ValueRef::Date(date) => Some(date),
            _ => None,
        }
    }

    /// A fact that is an instant.
    #[must_use]
    pub fn instant(&self, name: &str) -> Option<Instant> {
        match self.value(name)? {
            ValueRef::Instant(instant) => Some(instant),
            _ => None,
        }
    }

    /// Whether a fact that is true or false is there and true.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        matches!(self.value(name), Some(ValueRef::Bool(true)))
    }
}

/// What comes of an action of the host's: fields that are set, and an errand that is left, in the commit
/// of the decision.
///
/// A field that the playbook doesn't have, or a value that is none of its, is refused as any setting of
/// fields is: a rule puts that on record and goes on, a choice is refused as a whole. Then no errand is
/// left either.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Effects {
    pub(crate) fields: Vec<(Name, Option<Value>)>,
    pub(crate) leaves_errand: bool,
}

impl Effects {
    /// Nothing comes of it.
    pub fn none() -> Self {
        Self::default()
    }

    /// The host has something to do: it finds the errand in the journal.
    pub fn errand() -> Self {
        Self {
            leaves_errand: true,
            ..Self::default()
        }
    }

    /// And a field has this value from now on.
    pub fn set(mut self, field: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.fields.push((field.into(), Some(value.into())));
        self
    }

    /// And a field is empty from now on.
    pub fn clear(mut self, field: impl Into<Name>) -> Self {
        self.fields.push((field.into(), None));
        self
    }
}

/// All that a host registered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Host {
    /// In the order in which conditions number them.
    pub(crate) facts: Vec<HostFact>,
    pub(crate) actions: Vec<HostAction>,
    pub(crate) version: SmolStr,
}

impl Host {
    pub(crate) fn guards(&self) -> impl Iterator<Item = &Name> {
        let guards = self.facts.iter().filter(|fact| fact.asked == Asked::AsNeed);
        guards.map(|guard| &guard.name)
    }

    pub(crate) fn guard(&self, name: &str) -> Option<&Name> {
        self.guards().find(|guard| **guard == *name)
    }

    pub(crate) fn action(&self, name: &str) -> Option<&HostAction> {
        self.actions.iter().find(|action| action.name == *name)
    }
}

/// A fact or a guard of the host's.
#[derive(Clone)]
pub(crate) struct HostFact {
    pub(crate) name: Name,
    pub(crate) value_type: ValueType,
    asked: Asked,
    of: Arc<AskFact>,
}

type AskFact = dyn for<'a> Fn(LeadView<'a>) -> Option<ValueRef<'a>> + Send + Sync;

/// Where a fact of the host's can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// In conditions: a fact.
    InConditions,
    /// There, and by ways under its name: a guard.
    AsNeed,
}

impl HostFact {
    /// What it is of a lead.
    pub(crate) fn of<'a>(&self, lead: LeadView<'a>) -> Option<ValueRef<'a>> {
        (self.of)(lead)
    }

    /// What it is called in faults.
    pub(crate) fn sort(&self) -> &'static str {
        match self.asked {
            Asked::InConditions => "a fact of the host's",
            Asked::AsNeed => "a guard of the host's",
        }
    }
}

impl fmt::Debug for HostFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("HostFact");
        told.field("name", &self.name);
        told.field("value_type", &self.value_type);
        told.finish_non_exhaustive()
    }
}

/// An action of the host's.
#[derive(Clone)]
pub(crate) struct HostAction {
    pub(crate) name: Name,
    effects: Arc<AskEffects>,
}

type AskEffects = dyn Fn(LeadView<'_>) -> Effects + Send + Sync;

impl HostAction {
    /// What comes of it for a lead.
    pub(crate) fn effects(&self, lead: LeadView<'_>) -> Effects {
        (self.effects)(lead)
    }
}

impl fmt::Debug for HostAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("HostAction");
        told.field("name", &self.name).finish_non_exhaustive()
    }
}
