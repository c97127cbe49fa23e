//! Pipelines: the stages of a lead, what leads from one to another, and what must be unique.

use smol_str::{SmolStr, format_smolstr};

use crate::condition::Condition;
use crate::ids::Name;
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::delay::Delay;
use crate::playbook::rule::{Action, BusinessTime, OnHandOver, StageRef, StoppedBy};
use crate::record::lead::Closed;
use crate::tax_number::{TaxNumberError, TaxNumberKinds};
use crate::value::{Value, ValueRef, ValueType, folded_eq};

/// A way that leads go, stage by stage.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Its stable name.
    pub name: Name,
    /// What people call it.
    pub label: SmolStr,
    /// The stage where leads begin.
    pub start: Name,
    /// Its stages, in the order of the playbook.
    pub stages: Vec<Stage>,
}

impl Pipeline {
    /// The stage of this name.
    #[must_use]
    pub fn stage(&self, name: &Name) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == *name)
    }
}

/// A stage of a pipeline.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its stable name.
    pub name: Name,
    /// What people call it.
    pub label: SmolStr,
    /// Where leads may go from here, and what each way needs.
    pub ways: Vec<Way>,
    /// The roles that may move leads out of it; whoever may move, if empty.
    pub by: Vec<Name>,
    /// The roles that may move leads into it; whoever may move, if empty.
    pub entered_by: Vec<Name>,
    /// The outcome of leads that end here, if it is final.
    pub outcome: Option<Name>,
    /// The pool to which leads that come here are handed over; they keep their owner, if `None`.
    pub assign: Option<Name>,
    /// Whether leads wait here in their wait groups.
    pub waits: bool,
}

/// A way from one stage to another.
#[derive(Clone, Debug)]
pub struct Way {
    /// The stage it leads to.
    pub to: Name,
    /// The needs that must all be met.
    pub needs: Vec<Name>,
}

/// Something that a move can ask for. A refusal lists its name, a form shows its text.
#[derive(Clone, Debug)]
pub struct Need {
    /// Its stable name.
    pub name: Name,
    /// When it is met.
    pub condition: Condition,
    /// What is asked for, in the organisation's language.
    pub text: SmolStr,
}

/// Where new leads go: the first route whose condition holds.
#[derive(Clone, Debug)]
pub struct Route {
    /// For which leads; all, if `None`.
    pub only_if: Option<Condition>,
    /// The pipeline and stage.
    pub to: StageRef,
    /// The pool that chooses an owner for those that have none.
    pub assign: Option<Name>,
}

/// What must be unique among the leads of some pipelines.
#[derive(Clone, Debug)]
pub struct Base {
    /// Its stable name.
    pub name: Name,
    /// The pipelines.
    pub pipelines: Vec<Name>,
    /// The facts that together can be held once.
    pub unique: Vec<UniquePart>,
    /// For how long a lead holds its place.
    pub holds: HoldsPlace,
    /// Of which closed leads more keep theirs, however they ended: a condition that no time turns.
    pub keeps: Option<Condition>,
}

impl Base {
    /// Whether a lead holds a place here, as far as its end goes and what became of it.
    #[must_use]
    pub fn is_held_by(&self, facts: &LeadFacts<'_>) -> bool {
        let closed = facts.lead.closed.as_ref();
        let by_its_end = match self.holds {
            HoldsPlace::WhileOpen => closed.is_none(),
            HoldsPlace::IfWon => closed.is_none_or(Closed::is_won),
            HoldsPlace::ForGood => true,
        };
        let keeps = |condition: &Condition| condition.holds(facts, facts.now);
        by_its_end || self.keeps.as_ref().is_some_and(keeps)
    }
}

/// For how long a lead holds its place in a base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HoldsPlace {
    /// While it is open.
    #[default]
    WhileOpen,
    /// While it is open, and for good if it is won: who is a customer already is taken in no more.
    IfWon,
    /// For good, however it ends.
    ForGood,
}

words!(HoldsPlace {
    WhileOpen = "open",
    IfWon = "won",
    ForGood = "for-good"
});

/// A fact that is part of what must be unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UniquePart {
    /// The owner.
    Owner,
    /// The contact's e-mail address.
    Email,
    /// The contact.
    Contact,
    /// A field of the playbook's. A lead without a value holds no place.
    Field(Name),
}

impl UniquePart {
    /// The words of those that every playbook has.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("owner", Self::Owner),
        ("contact.email", Self::Email),
        ("contact", Self::Contact),
    ];

    /// Its word in a playbook.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Owner => "owner",
            Self::Email => "contact.email",
            Self::Contact => "contact",
            Self::Field(name) => name.as_str(),
        }
    }
}

/// A wait group.
#[derive(Clone, Debug)]
pub struct WaitGroup {
    /// Its stable name.
    pub name: Name,
    /// What people call it.
    pub label: SmolStr,
    /// The shortest wait.
    pub least_days: u32,
    /// The wait of a lead that has none of its own.
    pub default_days: u32,
    /// The longest wait, if there is one.
    pub most_days: Option<u32>,
}

/// A source of leads.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its stable name.
    pub name: Name,
    /// Its kind: digital, physical, or the playbook's own word.
    pub kind: Name,
    /// What people call it.
    pub label: SmolStr,
}

/// A field of the playbook's own.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its stable name.
    pub name: Name,
    /// What people call it.
    pub label: SmolStr,
    /// Its type.
    pub value_type: ValueType,
    /// All that it can be, if that is a closed set.
    pub choices: Vec<SmolStr>,
    /// The kinds of tax number that it can be, if it is one.
    pub tax_numbers: Option<TaxNumberKinds>,
    /// Whether a lead can't be registered without it.
    pub required: bool,
    /// When it is changed no more.
    pub fixed: Fixed,
    /// The roles that may tell it, at a registration or later; whoever may register or set, if empty.
    /// What rules, choices and activities set is none of these.
    pub by: Vec<Name>,
    /// Whether it says who the contact is, as tax numbers do: two contacts with one value are possibly
    /// the same person.
    pub identifies: bool,
}

/// When a field is changed no more, neither by hand nor by a rule.
#[derive(Clone, Debug, Default)]
pub enum Fixed {
    /// It can always be changed.
    #[default]
    Never,
    /// It is told when a lead is registered, and never changed after.
    FromRegistration,
    /// As long as this is so of the lead.
    While(Condition),
}

impl Field {
    /// What a field can be, by the playbook's word. A `choice` is a text out of a closed set, a
    /// `tax-number` one that keeps a country's rules.
    pub const TYPES: &'static [(&'static str, ValueType)] = &[
        ("text", ValueType::Text),
        (Self::CHOICE, ValueType::Text),
        (Self::TAX_NUMBER, ValueType::Text),
        ("number", ValueType::Number),
        ("bool", ValueType::Bool),
        ("date", ValueType::Date),
        ("instant", ValueType::Instant),
    ];

    /// The word of a text out of a closed set.
    pub const CHOICE: &'static str = "choice";

    /// The word of a text that is a tax number.
    pub const TAX_NUMBER: &'static str = "tax-number";

    /// Its type, in the playbook's word.
    #[must_use]
    pub fn type_word(&self) -> &'static str {
        if !self.choices.is_empty() {
            return Self::CHOICE;
        }
        if self.tax_numbers.is_some() {
            return Self::TAX_NUMBER;
        }
        let mut types = Self::TYPES.iter();
        let found = types.find(|(_, value_type)| *value_type == self.value_type);
        found.map_or("text", |(word, _)| word)
    }

    /// The value as it is kept, if it is one of this field's: a choice as the playbook writes it, a
    /// tax number in its compact form.
    ///
    /// # Errors
    /// Why it is none.
    pub fn accept(&self, value: &Value) -> Result<Value, Misfit> {
        let text = match value {
            Value::Text(text) if self.value_type == ValueType::Text => text,
            value if value.value_type() == self.value_type => return Ok(value.clone()),
            _ => return Err(self.other()),
        };
        if !self.choices.is_empty() {
            let mut choices = self.choices.iter();
            let choice = choices.find(|choice| folded_eq(choice, text));
            return choice.cloned().map(Value::Text).ok_or(Misfit::NoChoice);
        }
        if text.len() > Self::LONGEST_TEXT {
            let most_bytes = Self::LONGEST_TEXT;
            return Err(Misfit::TooLong { most_bytes });
        }
        match &self.tax_numbers {
            Some(kinds) => {
                let number = kinds.parse(text).map_err(Misfit::NotATaxNumber)?;
                Ok(Value::from(number.as_str()))
            }
            None => Ok(value.clone()),
        }
    }

    fn other(&self) -> Misfit {
        Misfit::Other {
            expected: match self.choices.as_slice() {
                [] => format_smolstr!("{}", self.value_type),
                choices => format_smolstr!("one of {}", choices.join(", ")),
            },
        }
    }

    /// A tax number as people read it; nothing for what is none.
    #[must_use]
    pub fn formatted(&self, value: ValueRef<'_>) -> Option<SmolStr> {
        match (&self.tax_numbers, value) {
            (Some(kinds), ValueRef::Text(text)) => Some(kinds.parse(text).ok()?.formatted()),
            _ => None,
        }
    }

    /// How long a text can be, in bytes.
    pub const LONGEST_TEXT: usize = 4096;
}

/// Why a value is none of a field's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It is a text, and none of the choices.
    NoChoice,
    /// It has another type.
    Other {
        /// What it must be.
        expected: SmolStr,
    },
    /// It is too long.
    TooLong {
        /// The limit.
        most_bytes: usize,
    },
    /// It is no tax number.
    NotATaxNumber(TaxNumberError),
}

/// Something that somebody has to do.
#[derive(Clone, Debug)]
pub struct TaskSpec {
    /// Its stable name.
    pub name: Name,
    /// What is to be done: a template.
    pub text: SmolStr,
    /// Who has to do it.
    pub whose: Whose,
    /// Until when, after the anchor of the rule that opens it.
    pub within: Option<Delay>,
    /// The calendar for that.
    pub calendar: BusinessTime,
    /// Which holds stop its time.
    pub stopped_by: StoppedBy,
    /// What makes it done by itself.
    pub done: Option<Condition>,
    /// Whether somebody may complete it by saying that it is done; else only `done` does.
    pub by_hand: bool,
    /// What can be chosen when it is completed; nothing, if empty.
    pub choices: Vec<Choice>,
    /// What becomes of its time when the lead comes to another owner. An open one that restarts ends when
    /// what it counts from begins anew.
    pub on_hand_over: OnHandOver,
    /// Whether it is a service level, whose keeping is reported.
    pub is_service_level: bool,
    /// Whether it stays open when the lead is closed.
    pub outlives_lead: bool,
}

/// Who has to do a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The lead's owner.
    Owner,
    /// Who owned the lead before, when the task is opened, and keeps it from then on; the owner, where
    /// nobody did, or who did has left. Or who of this team owned it last; the team, where none of it did
    /// who is still in it.
    EarlierOwner(Option<Name>),
    /// Anybody of a role.
    Role(Name),
    /// Anybody of a team.
    Team(Name),
}

impl std::fmt::Display for Whose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Owner => f.write_str("owner"),
            Self::EarlierOwner(None) => f.write_str("earlier-owner"),
            Self::EarlierOwner(Some(team)) => write!(f, "earlier-owner:{team}"),
            Self::Role(role) => write!(f, "{role}"),
            Self::Team(team) => write!(f, "team:{team}"),
        }
    }
}

/// A choice that a task offers.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Its stable name.
    pub name: Name,
    /// What people call it.
    pub label: SmolStr,
    /// The fields that must be told with it.
    pub asks: Vec<Name>,
    /// Whether a reason must be told with it.
    pub asks_reason: bool,
    /// What it does.
    pub actions: Vec<Action>,
}
