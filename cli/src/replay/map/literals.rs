//! What a map says in its own words, held against the playbook before any row is read.

use std::ops::Range;

use leadkit::decide::command::Actor;
use leadkit::ids::Name;
use toml::Spanned;
use toml::de::DeValue;

use super::read::Reader;
use super::{Part, Text, Verb};
use crate::spell::{self, as_known};

/// What a text names in the playbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Stage,
    FinalStage,
    Role,
    Source,
    Pool,
    Activity,
    Hold,
    WaitGroup,
    Task,
    Choice,
    Product,
    Tax,
    Appointment,
    Document,
}

impl Sort {
    /// What a command's word names, if it is something of the playbook's.
    fn of(verb: Verb, key: &str) -> Option<Self> {
        Some(match (verb, key) {
            (Verb::Move | Verb::Reopen, "to") => Self::Stage,
            (Verb::Close, "as") => Self::FinalStage,
            (Verb::SetUp, "role") => Self::Role,
            (Verb::Register, "source") => Self::Source,
            (Verb::Assign, "pool") => Self::Pool,
            (Verb::Record, "activity") => Self::Activity,
            (Verb::Hold, "as") | (Verb::Release, "from") => Self::Hold,
            (Verb::Register | Verb::Move | Verb::Reopen, "wait") => Self::WaitGroup,
            (Verb::Complete, "task") => Self::Task,
            (Verb::Complete, "choice") => Self::Choice,
            (Verb::Quote, "product") => Self::Product,
            (Verb::Quote, "tax") => Self::Tax,
            (
                Verb::Book
                | Verb::Rebook
                | Verb::Held
                | Verb::NoShow
                | Verb::Cancel
                | Verb::Feedback,
                "appointment",
            ) => Self::Appointment,
            (Verb::Attach, "document") => Self::Document,
            _ => return None,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::FinalStage => "stage in which leads end",
            Self::Role => "role",
            Self::Source => "source",
            Self::Pool => "pool",
            Self::Activity => "activity",
            Self::Hold => "hold",
            Self::WaitGroup => "wait group",
            Self::Task => "task",
            Self::Choice => "choice of a task",
            Self::Product => "product",
            Self::Tax => "tax",
            Self::Appointment => "appointment",
            Self::Document => "document",
        }
    }
}

impl Reader<'_> {
    /// Reports a name that the playbook does not have: one that is written in the command, or one
    /// that the map gives as the meaning of a cell. What is no name is noted.
    pub(super) fn check_literal(
        &mut self,
        verb: Verb,
        key: &str,
        text: &Text,
        span: Range<usize>,
        meanings: Option<&Spanned<DeValue<'_>>>,
    ) {
        let Some(sort) = Sort::of(verb, key) else {
            if let [Part::Plain(literal)] = text.0.as_slice() {
                let literal = literal.trim();
                if let Some(agent) = agent_named(verb, key, literal).filter(|id| !id.is_empty()) {
                    self.agents.entry(agent).or_insert_with(|| span.clone());
                }
                self.literals.entry(literal.to_owned()).or_insert(span);
            }
            return;
        };
        match text.0.as_slice() {
            [Part::Plain(literal)] => {
                self.named(sort, literal, span);
            }
            [Part::Column(column)] => {
                let columns = meanings.and_then(|meanings| meanings.get_ref().as_table());
                let meanings = columns.and_then(|columns| columns.get(column.as_str()));
                let meanings = meanings.and_then(|meanings| meanings.get_ref().as_table());
                for (_, meaning) in meanings.into_iter().flat_map(|table| table.iter()) {
                    if let Some(literal) = meaning.get_ref().as_str() {
                        self.named(sort, literal, meaning.span());
                    }
                }
            }
            _ => {}
        }
    }

    /// The name of the playbook that is meant; one that it does not have is reported.
    pub(super) fn named(&mut self, sort: Sort, literal: &str, span: Range<usize>) -> Name {
        let literal = literal.trim();
        let names = self.names(sort);
        let known = as_known(literal, &mut names.iter());
        if !literal.is_empty() && !names.contains(&known) {
            let message = format!("the playbook has no {} `{literal}`", sort.word());
            let of_outcome = self.stage_of_outcome(literal);
            let of_outcome = of_outcome.filter(|_| sort == Sort::FinalStage);
            let hint = match of_outcome {
                Some(stage) => {
                    format!("did you mean `{stage}`? Leads that come there are {literal}")
                }
                None => spell::hint(literal, names.iter().map(Name::as_str)),
            };
            self.fault(span, message, Some(hint));
        }
        known
    }

    /// The one stage in which leads end so: they are said to end in a stage, and are `won` there.
    fn stage_of_outcome(&self, outcome: &str) -> Option<Name> {
        let stages = self.playbook.pipelines.iter().flat_map(|of| &of.stages);
        let mut ends =
            stages.filter(|stage| stage.outcome.as_ref().is_some_and(|of| *of == *outcome));
        let stage = ends.next()?;
        let is_only = ends.all(|other| other.name == stage.name);
        is_only.then(|| stage.name.clone())
    }

    fn names(&self, sort: Sort) -> Vec<Name> {
        let playbook = self.playbook;
        let stages = playbook
            .pipelines
            .iter()
            .flat_map(|pipeline| &pipeline.stages);
        let mut names: Vec<Name> = match sort {
            Sort::Stage => stages.map(|stage| stage.name.clone()).collect(),
            Sort::FinalStage => stages
                .filter(|stage| stage.outcome.is_some())
                .map(|stage| stage.name.clone())
                .collect(),
            Sort::Role => playbook
                .roles
                .iter()
                .map(|role| role.name.clone())
                .collect(),
            Sort::Source => playbook
                .sources
                .iter()
                .map(|source| source.name.clone())
                .collect(),
            Sort::Pool => playbook
                .pools
                .iter()
                .map(|pool| pool.name.clone())
                .collect(),
            Sort::Activity => playbook
                .activities
                .iter()
                .map(|spec| spec.name.clone())
                .collect(),
            Sort::Hold => playbook.holds.clone(),
            Sort::WaitGroup => playbook
                .waits
                .iter()
                .map(|wait| wait.name.clone())
                .collect(),
            Sort::Task => playbook
                .tasks
                .iter()
                .map(|task| task.name.clone())
                .collect(),
            Sort::Choice => {
                let tasks = playbook.tasks.iter();
                let choices = tasks.flat_map(|task| &task.choices);
                choices.map(|choice| choice.name.clone()).collect()
            }
            Sort::Product => playbook
                .products
                .iter()
                .map(|product| product.name.clone())
                .collect(),
            Sort::Tax => playbook.taxes.iter().map(|tax| tax.name.clone()).collect(),
            Sort::Appointment => playbook
                .appointments
                .iter()
                .map(|spec| spec.name.clone())
                .collect(),
            Sort::Document => playbook
                .documents
                .iter()
                .map(|spec| spec.name.clone())
                .collect(),
        };
        let mut seen: Vec<Name> = Vec::new();
        names.retain(|name| {
            let is_new = !seen.contains(name);
            seen.extend(is_new.then(|| name.clone()));
            is_new
        });
        names
    }
}

/// The agent whom a word of a command names, if it is one.
fn agent_named(verb: Verb, key: &str, literal: &str) -> Option<String> {
    match (verb, key) {
        (_, "by") => Actor::said(literal).as_agent().map(ToString::to_string),
        (Verb::Register, "owner") | (Verb::Reassign, "to") | (Verb::Leave, "agent") => {
            Some(literal.to_owned())
        }
        _ => None,
    }
}
