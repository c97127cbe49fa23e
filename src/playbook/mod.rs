//! Playbooks: all that one organisation decides, as data.
//!
//! A playbook is a folder: `playbook.toml`, `templates/`, `holidays/`, `scenarios/`. Reading one
//! ([`Playbook::load`], or [`Playbook::read`] from texts that the host holds) checks all of it and
//! tells every fault at once, each with its place and a hint. What comes out is compiled:
//! names resolved, conditions checked, calendars indexed, and every friendly word (`law`, `sla`,
//! `ageing`, `wait`, `reminder`) turned into a [`Rule`].
//!
//! What a host can only say in Rust it registers by name ([`Playbook::builder`]).
//!
//! [`load`] is the only place in this crate that touches the file system.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use chrono::NaiveDate;
use smol_str::SmolStr;

use crate::calendar::{Calendar, Zone};
use crate::condition::Condition;
use crate::email::Email;
use crate::facts::LeadFact;
use crate::ids::Name;
use crate::money::Currency;
use crate::phone::Dialling;
use crate::playbook::catalogue::{Asked as AskedFor, BuiltInCatalogue, LeadCatalogue};
use crate::playbook::fault::{Fault, Faults};
use crate::playbook::host::{Builder, Host, HostAction};
use crate::playbook::law::Law;
use crate::playbook::load::Folder;
use crate::playbook::people::{PoolSpec, Referring, Role, Team};
use crate::playbook::pipeline::{
    Base, Field, Need, Pipeline, Route, Source, Stage, TaskSpec, WaitGroup,
};
use crate::playbook::pricing::{Product, Quoting, Tax};
use crate::playbook::rule::{Anchor, NamedCalendar, OnHandOver, Rule, StageRef};
use crate::playbook::template::Templates;
use crate::playbook::work::{ActivitySpec, AppointmentSpec, DocumentSpec, VisitsSpec};
use crate::record::contact::Cap;
use crate::store::Kind;

pub mod catalogue;
mod cold;
mod compile;
pub mod delay;
pub mod fault;
pub mod fingerprint;
mod held;
pub mod holidays;
pub mod host;
pub mod law;
pub mod load;
mod lookup;
pub mod people;
pub mod pipeline;
pub mod pricing;
pub(crate) mod read;
pub mod rule;
pub mod template;
pub(crate) mod variables;
pub mod work;
pub(crate) mod written;

pub use lookup::{Rules, Tasks};
pub use read::{Slip, slips};

/// Everything that one organisation decides, compiled.
pub struct Playbook {
    /// What tells this playbook from a changed one: a hash over what its files say,
    /// but for comments and scenarios.
    pub hash: Name,
    /// Its stable name.
    pub id: Name,
    /// What people call it.
    pub label: SmolStr,
    /// The zone in which its days begin and end.
    pub zone: Zone,
    /// The language of its texts, as a BCP 47 tag.
    pub locale: SmolStr,
    /// The currency of its prices.
    pub currency: Currency,
    /// Where phone numbers are that name no country.
    pub country: Option<&'static Dialling>,
    /// The calendar of business time where nothing else is said.
    pub calendar: Calendar,
    /// All its calendars, by name.
    pub calendars: Vec<NamedCalendar>,
    /// In whose name mail goes that is no agent's.
    pub organisation: Organisation,
    /// Roles.
    pub roles: Vec<Role>,
    /// How leads are referred, if they are.
    pub referring: Option<Referring>,
    /// Teams; none, where an agent's team may be any.
    pub teams: Vec<Team>,
    /// Sources of leads.
    pub sources: Vec<Source>,
    /// Fields of leads.
    pub fields: Vec<Field>,
    /// Activities that can be recorded.
    pub activities: Vec<ActivitySpec>,
    /// Kinds of appointments.
    pub appointments: Vec<AppointmentSpec>,
    /// Kinds of documents.
    pub documents: Vec<DocumentSpec>,
    /// How visits are planned, if they are.
    pub visits: Option<VisitsSpec>,
    /// Holds that can stop a lead's clocks.
    pub holds: Vec<Name>,
    /// Wait groups.
    pub waits: Vec<WaitGroup>,
    /// Pools.
    pub pools: Vec<PoolSpec>,
    /// What must be unique.
    pub bases: Vec<Base>,
    /// What moves can ask for.
    pub needs: Vec<Need>,
    /// What must hold of leads in some stages, however they come there.
    pub laws: Vec<Law>,
    /// Pipelines.
    pub pipelines: Vec<Pipeline>,
    /// Where new leads go.
    pub routes: Vec<Route>,
    /// Tasks.
    pub tasks: Tasks,
    /// What happens in time.
    pub rules: Rules,
    /// Texts of messages and tasks.
    pub templates: Templates,
    /// Taxes on what is sold.
    pub taxes: Vec<Tax>,
    /// What is sold.
    pub products: Vec<Product>,
    /// How quotes are made.
    pub quoting: Quoting,
    /// How many marketing messages a contact gets at most.
    pub cap: Option<CapRule>,
    /// What is no fault and probably a slip, each with its place: what nothing uses, conditions that
    /// decide nothing.
    pub warnings: Vec<Fault>,
    /// The same of [`Playbook::cold_stages`], each with its place and the rules that could name it.
    pub cold: Vec<Fault>,
    /// Where the last holiday of each calendar is written down.
    written_in: BTreeMap<Name, SmolStr>,
    choices: Vec<(LeadFact, Arc<[SmolStr]>)>,
    /// All stages, as conditions number them.
    stages: Vec<StageRef>,
    /// The laws that can be broken by whoever stands in their stages, as conditions number them.
    laws_that_stand: Vec<Name>,
    hold_labels: BTreeMap<Name, SmolStr>,
    /// What the host registered.
    host: Host,
}

/// In whose name mail goes that is no agent's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// The name.
    pub name: SmolStr,
    /// The address.
    pub email: Email,
}

/// A cap on marketing messages, and what becomes of those above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapRule {
    /// How many in which time.
    pub cap: Cap,
    /// Whether a message above it waits for its turn (`true`) or is dropped.
    pub defers: bool,
}

impl Playbook {
    /// Reads the playbook in a folder.
    ///
    /// # Errors
    /// All its faults, each with its place; among them files that can't be read.
    pub fn load(folder: impl AsRef<Path>) -> Result<Self, Faults> {
        Self::read(&Folder::load(folder.as_ref())?)
    }

    /// Reads a playbook from texts.
    ///
    /// # Errors
    /// All its faults, each with its place.
    pub fn read(folder: &Folder) -> Result<Self, Faults> {
        Self::builder().read(folder)
    }

    /// A playbook that speaks of guards, facts and actions of the host's own: see [`host`].
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Reads a condition over leads (a filter, a segment, an audience).
    ///
    /// # Errors
    /// All its faults, each with its place in the text.
    pub fn condition(&self, text: &str) -> Result<Condition, Vec<crate::condition::Fault>> {
        Condition::parse(text, &self.lead_catalogue())
    }

    /// Reads a condition over the records of another kind that can be filtered.
    ///
    /// # Errors
    /// All its faults, each with its place in the text.
    pub fn condition_on(
        &self,
        kind: Kind,
        text: &str,
    ) -> Result<Condition, Vec<crate::condition::Fault>> {
        match kind {
            Kind::Lead => self.condition(text),
            kind => Condition::parse(text, &self.catalogue_of(kind)),
        }
    }

    fn lead_catalogue(&self) -> LeadCatalogue<'_> {
        LeadCatalogue {
            zone: &self.zone,
            fields: &self.fields,
            faulty_fields: &[],
            activities: self.activities.iter().map(|spec| &spec.name).collect(),
            appointments: self.appointments.iter().map(|spec| &spec.name).collect(),
            documents: self.documents.iter().map(|spec| &spec.name).collect(),
            stages: &self.stages,
            laws: &self.laws_that_stand,
            host: &self.host.facts,
            asked: AskedFor::Once,
            choices: &self.choices,
        }
    }

    fn catalogue_of(&self, kind: Kind) -> BuiltInCatalogue<'_> {
        let zone = &self.zone;
        match kind {
            Kind::Agent => {
                let roles = self.roles.iter().map(|role| &role.name);
                let teams = self.teams.iter().map(|team| &team.name);
                BuiltInCatalogue::of_agents(zone, roles, teams)
            }
            Kind::Message => BuiltInCatalogue::of_messages(self),
            kind => BuiltInCatalogue {
                kind,
                zone,
                choices: Vec::new(),
            },
        }
    }

    /// A day as the playbook's language writes it, in messages and on papers: `09/03/2026`.
    #[must_use]
    pub fn written_day(&self, day: NaiveDate) -> SmolStr {
        written::day(&self.locale, day.into())
    }

    /// What people call an activity; its name, if the playbook says nothing else.
    #[must_use]
    pub fn activity_label<'a>(&'a self, activity: &'a Name) -> &'a str {
        let spec = self.activity(activity);
        spec.map_or(activity.as_str(), |spec| spec.label.as_str())
    }

    /// What people call a kind of appointment; its name, if the playbook no longer knows it.
    #[must_use]
    pub fn appointment_label<'a>(&'a self, kind: &'a Name) -> &'a str {
        let spec = self.appointment(kind);
        spec.map_or(kind.as_str(), |spec| spec.label.as_str())
    }

    /// What people call a kind of document; its name, if the playbook no longer knows it.
    #[must_use]
    pub fn document_label<'a>(&'a self, kind: &'a Name) -> &'a str {
        let spec = self.document(kind);
        spec.map_or(kind.as_str(), |spec| spec.label.as_str())
    }

    /// What people call a hold; its name, if the playbook says nothing else.
    #[must_use]
    pub fn hold_label<'a>(&'a self, hold: &'a Name) -> &'a str {
        let label = self.hold_labels.get(hold);
        label.map_or(hold.as_str(), SmolStr::as_str)
    }

    /// The activity of this name.
    #[must_use]
    pub fn activity(&self, name: &Name) -> Option<&ActivitySpec> {
        self.activities.iter().find(|spec| spec.name == *name)
    }

    /// The kind of appointment of this name.
    #[must_use]
    pub fn appointment(&self, name: &Name) -> Option<&AppointmentSpec> {
        self.appointments.iter().find(|spec| spec.name == *name)
    }

    /// The kind of document of this name.
    #[must_use]
    pub fn document(&self, name: &Name) -> Option<&DocumentSpec> {
        self.documents.iter().find(|spec| spec.name == *name)
    }

    /// The role of this name.
    #[must_use]
    pub fn role(&self, name: &Name) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == *name)
    }

    /// Whether agents of this role can be given leads. Those of a role that the playbook doesn't
    /// have can.
    #[must_use]
    pub fn can_own(&self, role: &Name) -> bool {
        self.role(role).is_none_or(|role| role.owns)
    }

    /// The calendar of this name.
    #[must_use]
    pub fn calendar_named(&self, name: &Name) -> Option<&NamedCalendar> {
        self.calendars.iter().find(|known| known.name == *name)
    }

    /// The source of this name.
    #[must_use]
    pub fn source(&self, name: &Name) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == *name)
    }

    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &Name) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == *name)
    }

    /// The wait group of this name.
    #[must_use]
    pub fn wait(&self, name: &Name) -> Option<&WaitGroup> {
        self.waits.iter().find(|wait| wait.name == *name)
    }

    /// The pool of this name.
    #[must_use]
    pub fn pool(&self, name: &Name) -> Option<&PoolSpec> {
        self.pools.iter().find(|pool| pool.name == *name)
    }

    /// The action of this name that the host registered.
    pub(crate) fn host_action(&self, name: &Name) -> Option<&HostAction> {
        self.host.action(name.as_str())
    }

    /// The need of this name.
    #[must_use]
    pub fn need(&self, name: &Name) -> Option<&Need> {
        self.needs.iter().find(|need| need.name == *name)
    }

    /// The law of this name.
    #[must_use]
    pub fn law(&self, name: &Name) -> Option<&Law> {
        self.laws.iter().find(|law| law.name == *name)
    }

    /// The law for whose being broken the rule of this name waits.
    #[must_use]
    pub fn law_of_rule(&self, rule: &Name) -> Option<&Law> {
        law::law_of_rule(&self.laws, rule)
    }

    /// The pipeline of this name.
    #[must_use]
    pub fn pipeline(&self, name: &Name) -> Option<&Pipeline> {
        self.pipelines
            .iter()
            .find(|pipeline| pipeline.name == *name)
    }

    /// A stage of a pipeline.
    #[must_use]
    pub fn stage(&self, pipeline: &Name, stage: &Name) -> Option<&Stage> {
        self.pipeline(pipeline)?.stage(stage)
    }

    /// The task of this name.
    #[must_use]
    pub fn task(&self, name: &Name) -> Option<&TaskSpec> {
        self.tasks.named(name)
    }

    /// The rule of this name.
    #[must_use]
    pub fn rule(&self, name: &Name) -> Option<&Rule> {
        self.rules.named(name)
    }

    /// Changes the tasks, for tests that take one out and see that it is missed. The hash stays, so
    /// this is for nothing else: a playbook is changed where it is written.
    #[doc(hidden)]
    pub fn change_tasks(&mut self, change: impl FnOnce(&mut Vec<TaskSpec>)) {
        let mut tasks = std::mem::take(&mut self.tasks).into_vec();
        change(&mut tasks);
        self.tasks = Tasks::new(tasks);
    }

    /// Changes the rules, likewise.
    #[doc(hidden)]
    pub fn change_rules(&mut self, change: impl FnOnce(&mut Vec<Rule>)) {
        let mut rules = std::mem::take(&mut self.rules).into_vec();
        change(&mut rules);
        self.rules = Rules::new(rules, &self.laws);
    }

    /// What becomes of a rule's time when a lead comes to another owner.
    #[must_use]
    pub fn on_hand_over(&self, rule: &Rule) -> OnHandOver {
        match &rule.anchor {
            Anchor::Overdue(task) => rule.on_hand_over(self.task(task)),
            _ => rule.on_hand_over(None),
        }
    }

    /// The tax of this name.
    #[must_use]
    pub fn tax(&self, name: &Name) -> Option<&Tax> {
        self.taxes.iter().find(|tax| tax.name == *name)
    }

    /// The product of this name.
    #[must_use]
    pub fn product(&self, name: &Name) -> Option<&Product> {
        self.products.iter().find(|product| product.name == *name)
    }

    /// All that it does: the actions of rules and of choices in tasks, and what comes in their
    /// place when they can't be done.
    pub fn actions(&self) -> impl Iterator<Item = &rule::Action> {
        let of_rules = self.rules.iter().flat_map(|rule| &rule.actions);
        let choices = self.tasks.iter().flat_map(|task| &task.choices);
        of_rules
            .chain(choices.flat_map(|choice| &choice.actions))
            .flat_map(rule::Action::with_fallbacks)
    }

    /// The channels over which it sends.
    #[must_use]
    pub fn channels(&self) -> Vec<Name> {
        let mut channels: Vec<Name> = self
            .actions()
            .filter_map(|action| match action {
                rule::Action::Send(send) => Some(send.channel.clone()),
                rule::Action::Notify { .. } => Some(Name::from("email")),
                _ => None,
            })
            .collect();
        channels.sort_unstable();
        channels.dedup();
        channels
    }
}

impl fmt::Debug for Playbook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Playbook")
            .field("id", &self.id)
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}
