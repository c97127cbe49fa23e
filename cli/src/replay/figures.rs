//! What came of a replay: figures from the reopened database, never tallied from the files.

use std::collections::{BTreeMap, BTreeSet};

use leadkit::agenda;
use leadkit::engine::{Engine, TenantHandle};
use leadkit::explain::local;
use leadkit::ids::Tenant;
use leadkit::playbook::Playbook;
use leadkit::record::journal::Event;
use leadkit::record::lead::How;
use leadkit::record::stored;
use leadkit::store::{JournalCursor, Key, Kind, Order};
use leadkit::time::{Instant, LocalTime};
use leadkit::value::{Value, fold};
use serde::Serialize;
use smol_str::SmolStr;

use crate::Failure;
use crate::listing::{PAGE, Unreadable};
use crate::progress::{Bar, Progress};
use crate::set_aside::{self, Aside};

/// How many of each kind of what was set aside are told.
const EXAMPLES: usize = 5;

/// Figures about all leads of a tenant.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// How many leads there are.
    pub leads: u64,
    /// How many of them are open.
    pub open: u64,
    /// On how many days they arrived, in the playbook's zone.
    pub arrival_days: usize,
    /// How many arrived in each month.
    pub arrived_by_month: BTreeMap<String, u64>,
    /// How many ended with which outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// How many ended in each month, by outcome.
    pub closed_by_month: BTreeMap<String, BTreeMap<String, u64>>,
    /// Leads by stage, in the order of the playbook.
    pub by_stage: Vec<InStage>,
    /// Leads by owner, those with the most first.
    pub by_agent: Vec<OfAgent>,
    /// How many times rules fired.
    pub rules_fired: u64,
    /// How many times rules came to their time, and their condition did not hold.
    pub rules_skipped: u64,
    /// Messages by template and state.
    pub messages: Vec<Messages>,
    /// Notices that went to nobody, since nobody was there to be told.
    pub told_nobody: Vec<ToldNobody>,
    /// Pools that found nobody for a lead.
    pub found_nobody: Vec<FoundNobody>,
    /// Tasks, by name.
    pub tasks: BTreeMap<String, Tasks>,
    /// Service levels, by name.
    pub service_levels: BTreeMap<String, ServiceLevel>,
    /// Leads whose history contradicts itself.
    pub flagged: Vec<Flagged>,
    /// How many leads, messages and sweeps were set aside because they failed.
    pub set_aside: u64,
    /// The first few of each kind of them.
    pub set_aside_examples: Vec<Aside>,
    /// Records that can't be read: what would have to be read of them is missing from the figures.
    pub unreadable: Vec<Unreadable>,
    /// How many commands and rules the journal holds.
    pub journal_entries: u64,
}

/// What the rules did in one run, which may not be the first one into its database.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OfRun {
    /// How many entries the journal had before.
    pub(super) entries_before: u64,
    pub(super) rules_fired: u64,
    pub(super) rules_skipped: u64,
}

impl OfRun {
    fn note(&mut self, event: &Event) {
        match event {
            Event::Fired { .. } => self.rules_fired += 1,
            Event::Skipped { .. } => self.rules_skipped += 1,
            _ => {}
        }
    }
}

/// Leads in a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InStage {
    /// The pipeline.
    pub pipeline: String,
    /// The stage.
    pub stage: String,
    /// The outcome of leads that end there.
    pub outcome: Option<String>,
    /// How many there are.
    pub leads: u64,
}

/// Leads of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OfAgent {
    /// The agent; nobody, if there is none.
    pub agent: Option<String>,
    /// How many leads.
    pub leads: u64,
    /// How many of them are open.
    pub open: u64,
    /// How many ended with which outcome.
    pub outcomes: BTreeMap<String, u64>,
}

/// Messages from a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Messages {
    /// The template.
    pub template: String,
    /// Where they are.
    pub state: String,
    /// How many.
    pub count: u64,
}

/// Notices that went to nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToldNobody {
    /// Whom they were for, as the playbook says it: the owner, a role, a team.
    pub whom: String,
    /// How many.
    pub notices: u64,
    /// When the first of them would have been queued.
    pub since: LocalTime,
}

/// A pool that found nobody for a lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoundNobody {
    /// The pool.
    pub pool: String,
    /// How often.
    pub times: u64,
    /// When first.
    pub since: LocalTime,
}

/// What became of the openings of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tasks {
    /// How often it was opened.
    pub opened: u64,
    /// How often it was done in time.
    pub done: u64,
    /// How often it was done late.
    pub done_late: u64,
    /// How often it was missed.
    pub missed: u64,
    /// How often it was dropped.
    pub dropped: u64,
    /// How often it is still open.
    pub open: u64,
    /// How many of those should have been done by now.
    pub overdue: u64,
}

/// How a service level was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServiceLevel {
    /// How often.
    pub kept: u64,
    /// How often not: too late, or not at all and the time is over.
    pub broken: u64,
    /// How often there is still time.
    pub open: u64,
}

/// A lead whose history contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flagged {
    /// The lead.
    pub lead: String,
    /// Its contact's name.
    pub contact: String,
    /// How it does.
    pub flags: Vec<String>,
}

impl Figures {
    /// Reads the figures of a tenant.
    ///
    /// # Errors
    /// When the database can't be read.
    pub(super) async fn read(
        engine: &Engine,
        tenant: &Tenant,
        now: Instant,
        progress: Progress,
        run: &mut OfRun,
    ) -> Result<Self, Failure> {
        let handle = engine.tenant(tenant.clone());
        let playbook = handle.playbook()?;
        let mut figures = Self::default();
        figures.count_stages(&handle, playbook).await?;
        figures.count_agents(&handle).await?;
        for group in handle
            .count_of(Kind::Message, "", &["template", "state"])
            .await?
        {
            let (template, state) = (text(&group.values, 0), text(&group.values, 1));
            figures.messages.push(Messages {
                template: template.unwrap_or_default(),
                state: state.unwrap_or_default(),
                count: group.count,
            });
        }
        figures.set_aside = set_aside::count(&handle).await?;
        if figures.set_aside > 0 {
            let found = set_aside::first(&handle, EXAMPLES).await?;
            figures.set_aside_examples = found.records;
            figures.unreadable = found.unreadable;
        }
        let mut bar = Bar::of_unknown(progress, "counting");
        figures
            .go_through_leads(&handle, playbook, now, &mut bar)
            .await?;
        // A lead that was set aside is met twice.
        figures.unreadable.sort_unstable();
        figures.unreadable.dedup();
        figures
            .go_through_journal(engine, tenant, playbook, &mut bar, run)
            .await?;
        Ok(figures)
    }

    async fn count_stages(
        &mut self,
        handle: &TenantHandle<'_>,
        playbook: &Playbook,
    ) -> Result<(), Failure> {
        let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
        for group in handle.count("", &["pipeline", "stage"]).await? {
            self.leads += group.count;
            let (pipeline, stage) = (text(&group.values, 0), text(&group.values, 1));
            let at = (pipeline.unwrap_or_default(), stage.unwrap_or_default());
            counts.insert(at, group.count);
        }
        for pipeline in &playbook.pipelines {
            for stage in &pipeline.stages {
                let at = (pipeline.name.to_string(), stage.name.to_string());
                let leads = counts.remove(&at).unwrap_or(0);
                let outcome = stage.outcome.as_ref().map(ToString::to_string);
                if let Some(outcome) = &outcome {
                    *self.outcomes.entry(outcome.clone()).or_default() += leads;
                } else {
                    self.open += leads;
                }
                let (pipeline, stage) = at;
                self.by_stage.push(InStage {
                    pipeline,
                    stage,
                    outcome,
                    leads,
                });
            }
        }
        // Stages of an earlier playbook.
        for ((pipeline, stage), leads) in counts {
            self.by_stage.push(InStage {
                pipeline,
                stage,
                outcome: None,
                leads,
            });
        }
        Ok(())
    }

    async fn count_agents(&mut self, handle: &TenantHandle<'_>) -> Result<(), Failure> {
        let mut agents: BTreeMap<Option<String>, OfAgent> = BTreeMap::new();
        for group in handle.count("", &["owner", "outcome"]).await? {
            let agent = text(&group.values, 0);
            let of = agents.entry(agent.clone()).or_default();
            of.agent = agent;
            of.leads += group.count;
            match text(&group.values, 1) {
                Some(outcome) => *of.outcomes.entry(outcome).or_default() += group.count,
                None => of.open += group.count,
            }
        }
        self.by_agent = agents.into_values().collect();
        self.by_agent
            .sort_by_key(|of| (of.agent.is_none(), std::cmp::Reverse(of.leads)));
        Ok(())
    }

    async fn go_through_leads(
        &mut self,
        handle: &TenantHandle<'_>,
        playbook: &Playbook,
        now: Instant,
        bar: &mut Bar,
    ) -> Result<(), Failure> {
        let zone = &playbook.zone;
        let mut days = BTreeSet::new();
        let mut agents: BTreeMap<SmolStr, String> = BTreeMap::new();
        let mut after = None;
        loop {
            let page = handle.leads("", Order::Id, after, PAGE).await?;
            bar.step(page.records.len() + page.unreadable.len());
            self.unreadable.extend(Unreadable::of(&page.unreadable));
            for lead in page.records {
                if let Some(owner) = lead.owner_id() {
                    agents.insert(fold(owner.as_str()), owner.to_string());
                }
                let arrived = zone.to_local(lead.registered.at);
                days.insert(arrived.date());
                let month = arrived.format("%Y-%m").to_string();
                *self.arrived_by_month.entry(month).or_default() += 1;
                if let Some(closed) = &lead.closed {
                    let month = zone.to_local(closed.at.at).format("%Y-%m").to_string();
                    let of_month = self.closed_by_month.entry(month).or_default();
                    *of_month.entry(closed.outcome.to_string()).or_default() += 1;
                }
                for task in lead.tasks.iter().filter(|task| task.ended.is_none()) {
                    let spec = playbook.tasks.iter().find(|spec| spec.name == task.name);
                    let due_at = spec.map(|spec| agenda::task_due_at(spec, task, &lead));
                    let due_at = due_at.and_then(Result::ok).flatten();
                    let tasks = self.tasks.entry(task.name.to_string()).or_default();
                    tasks.open += 1;
                    tasks.overdue += u64::from(due_at.is_some_and(|due_at| due_at < now));
                }
                if !lead.flags.is_empty() {
                    let flags = lead.flags.iter().map(|flag| flag.as_str().to_owned());
                    self.flagged.push(Flagged {
                        lead: lead.id.to_string(),
                        contact: lead.contact.name.to_string(),
                        flags: flags.collect(),
                    });
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        self.arrival_days = days.len();
        // Groups are told with folded texts; agents are known by theirs as it is.
        for of in &mut self.by_agent {
            let known = of
                .agent
                .as_ref()
                .and_then(|agent| agents.get(agent.as_str()));
            if let Some(known) = known {
                of.agent = Some(known.clone());
            }
        }
        Ok(())
    }

    async fn go_through_journal(
        &mut self,
        engine: &Engine,
        tenant: &Tenant,
        playbook: &Playbook,
        bar: &mut Bar,
        run: &mut OfRun,
    ) -> Result<(), Failure> {
        let mut after = JournalCursor::default();
        loop {
            let page = engine.store().journal(tenant, after, PAGE).await?;
            let Some(last) = page.last() else {
                break;
            };
            after = last.cursor;
            bar.step(page.len());
            for journaled in page {
                self.journal_entries += 1;
                let entry = stored::decode_entry(&journaled.body).map_err(|source| {
                    let key = Key::journal(tenant, journaled.command);
                    leadkit::engine::Error::Unreadable { key, source }
                })?;
                let is_of_run = self.journal_entries > run.entries_before;
                for event in &entry.events {
                    self.note(event);
                    self.note_nobody(event, || local(&playbook.zone, entry.at));
                    if is_of_run {
                        run.note(event);
                    }
                }
            }
        }
        for (name, tasks) in &self.tasks {
            let spec = playbook
                .tasks
                .iter()
                .find(|task| task.name == *name.as_str());
            if spec.is_some_and(|spec| spec.is_service_level) {
                let level = ServiceLevel {
                    kept: tasks.done,
                    broken: tasks.done_late + tasks.missed + tasks.overdue,
                    open: tasks.open - tasks.overdue,
                };
                self.service_levels.insert(name.clone(), level);
            }
        }
        Ok(())
    }

    /// Counts who was to be told, or found, and was not there. Entries come in the order of their times.
    fn note_nobody(&mut self, event: &Event, at: impl Fn() -> LocalTime) {
        match event {
            Event::NobodyToNotify { whom, .. } => {
                let mut known = self.told_nobody.iter_mut();
                match known.find(|known| known.whom == *whom) {
                    Some(known) => known.notices += 1,
                    None => self.told_nobody.push(ToldNobody {
                        whom: whom.to_string(),
                        notices: 1,
                        since: at(),
                    }),
                }
            }
            Event::NobodyEligible { reasons, .. } => {
                let mut known = self.found_nobody.iter_mut();
                match known.find(|known| reasons.pool == known.pool.as_str()) {
                    Some(known) => known.times += 1,
                    None => self.found_nobody.push(FoundNobody {
                        pool: reasons.pool.to_string(),
                        times: 1,
                        since: at(),
                    }),
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Fired { .. } => self.rules_fired += 1,
            Event::Skipped { .. } => self.rules_skipped += 1,
            Event::TaskOpened { task, .. } => {
                self.tasks.entry(task.to_string()).or_default().opened += 1;
            }
            Event::TaskEnded {
                task, how, kept, ..
            } => {
                let tasks = self.tasks.entry(task.to_string()).or_default();
                match (how, kept) {
                    (How::Done, true) => tasks.done += 1,
                    (How::Done, false) => tasks.done_late += 1,
                    (How::Missed, _) => tasks.missed += 1,
                    (How::Dropped, _) => tasks.dropped += 1,
                }
            }
            _ => {}
        }
    }
}

fn text(values: &[Option<Value>], place: usize) -> Option<String> {
    values.get(place)?.as_ref().map(ToString::to_string)
}
