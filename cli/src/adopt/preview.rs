//! What an adoption would make of each lead: decided as it would be, and written nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use leadkit::agenda;
use leadkit::decide::command::{Command, StageMapping, What};
use leadkit::decide::records::Records;
use leadkit::decide::refusal::Refusal;
use leadkit::decide::{Decision, Stop, decide};
use leadkit::engine::{Engine, Error};
use leadkit::ids::{CommandId, Name};
use leadkit::playbook::Playbook;
use leadkit::record::{Lead, Recorded, Sweep, TenantRecord, stored};
use leadkit::store::{Key, Order};
use leadkit::time::Instant;
use leadkit::value::Value;
use serde::Serialize;

use super::told_stage;
use super::unknown::{Seen, Unknown};
use crate::database::Opened;
use crate::listing::{self, PAGE, Unreadable};
use crate::progress::{Bar, Progress};
use crate::report::{counted, grouped, table_of_numbers};
use crate::{Failure, agents};

/// What an adoption would do.
#[derive(Debug, Default, Serialize)]
pub(super) struct Preview {
    /// The playbook that the leads are under, by hash.
    former: String,
    /// Why it can't be done.
    refusal: Option<Told>,
    /// Whether there is nothing to do: the playbook is the active one, and nobody is left out.
    is_adopted: bool,
    stages: Vec<StageShown>,
    rules: Rules,
    refused: Vec<LeadsRefused>,
    breaking: Vec<LeadsBreaking>,
    /// What agents and leads have that the changed playbook does not know.
    unknown: Vec<Unknown>,
    unreadable: Vec<Unreadable>,
}

/// A refusal, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Told {
    code: &'static str,
    reason: String,
}

/// The rules that are not as they were.
#[derive(Debug, Default, Serialize)]
struct Rules {
    /// They are new, or fire at other times.
    changed: Vec<String>,
    /// They are gone; only known with the former playbook.
    gone: Option<Vec<String>>,
}

/// The leads of a stage, and where they come.
#[derive(Debug, Default, Serialize)]
struct StageShown {
    from: String,
    /// `None` if there is no such stage any more.
    to: Option<String>,
    leads: u64,
    /// For how many a rule is due at once; not known where none of them would be taken over.
    due_at_once: Option<u64>,
    /// For how many the next step comes at another time; only known with the former playbook, of leads that
    /// would be taken over.
    next_changes: Option<u64>,
    /// How many would stay under the former playbook; not known where it can't be adopted.
    refused: Option<u64>,
}

/// Leads that would stay under their playbook, for the same reason.
#[derive(Debug, Serialize)]
struct LeadsRefused {
    #[serde(flatten)]
    why: Told,
    leads: u64,
    /// One of them.
    for_instance: String,
}

/// Leads that would break a law of the playbook where they stand.
#[derive(Debug, Serialize)]
struct LeadsBreaking {
    law: String,
    text: String,
    leads: u64,
    /// One of them.
    for_instance: String,
}

/// Decides what an adoption would do. `former` is the former playbook, where it is at hand.
pub(super) async fn preview(
    opened: &Opened<'_>,
    adoption: &Command,
    mapped: &[StageMapping],
    former: Option<&Playbook>,
    progress: Progress,
) -> Result<Preview, Failure> {
    let mut asking = Asking::new(opened);
    let tenant = Key::tenant(&opened.tenant);
    asking.load(vec![tenant.clone()]).await?;
    let mut preview = Preview::default();
    if let Some(record) = asking.records.record::<TenantRecord>(&tenant) {
        preview.former = record.playbook.to_string();
        preview.rules = Rules::of(&opened.playbook, record, former);
    }
    let id = CommandId::of("an adoption that is shown");
    match asking.decide(id, adoption).await? {
        Ok(decision) => match sweep_of(&decision) {
            Some(sweep) => {
                let sweep = Some(&sweep);
                preview.go_through(asking, sweep, former, progress).await?;
            }
            None => preview.is_adopted = true,
        },
        Err(refusal) if is_about_stages(&refusal) => {
            preview.go_through(asking, None, former, progress).await?;
            preview.stages = occupied(opened, mapped).await?;
            preview.refusal = Some(Told::new(&refusal));
        }
        Err(refusal) => return Err(Error::Refused(refusal).into()),
    }
    Ok(preview)
}

/// Whether a refusal is one that a mapping of stages can mend.
fn is_about_stages(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::StagesVanish(_) | Refusal::EndsDiffer(_) | Refusal::NobodyWaits { .. }
    )
}

/// The sweep that a decision starts.
fn sweep_of(decision: &Decision) -> Option<Sweep> {
    let records = decision
        .writes
        .iter()
        .filter_map(|write| write.record.as_deref());
    let mut sweeps = records.filter_map(Sweep::from_record);
    // The one of an earlier adoption is ended.
    sweeps.find(|sweep| sweep.next_at.is_some()).cloned()
}

/// The stages that hold leads, and where these would go.
async fn occupied(
    opened: &Opened<'_>,
    mapped: &[StageMapping],
) -> Result<Vec<StageShown>, Failure> {
    let groups = opened.handle().count("", &["pipeline", "stage"]).await?;
    let shown = groups.into_iter().filter_map(|group| {
        let [Some(Value::Text(pipeline)), Some(Value::Text(stage))] = group.values.as_slice()
        else {
            return None;
        };
        let from = (Name::from(pipeline.clone()), Name::from(stage.clone()));
        let to = mapped.iter().find(|mapping| mapping.from == from);
        let to = to.map_or(&from, |mapping| &mapping.to);
        let is_there = opened.playbook.stage(&to.0, &to.1).is_some();
        Some(StageShown {
            to: is_there.then(|| told_stage(to)),
            from: told_stage(&from),
            leads: group.count,
            ..StageShown::default()
        })
    });
    Ok(shown.collect())
}

impl Told {
    fn new(refusal: &Refusal) -> Self {
        Self {
            code: refusal.code(),
            reason: refusal.to_string(),
        }
    }
}

impl Rules {
    fn of(playbook: &Playbook, record: &TenantRecord, former: Option<&Playbook>) -> Self {
        let known = record.adopted(&record.playbook);
        let is_known = |rule: &&leadkit::playbook::rule::Rule| {
            known.is_some_and(|known| known.rules.contains(&rule.fingerprint))
        };
        let changed = playbook.rules.iter().filter(|rule| !is_known(rule));
        let gone = former.map(|former| {
            let rules = former.rules.iter();
            let gone = rules.filter(|rule| playbook.rule(&rule.name).is_none());
            gone.map(|rule| rule.name.to_string()).collect()
        });
        Self {
            changed: changed.map(|rule| rule.name.to_string()).collect(),
            gone,
        }
    }
}

impl Preview {
    /// Whether there is something to adopt, and nothing against it.
    pub(super) fn can_be_done(&self) -> bool {
        self.refusal.is_none() && !self.is_adopted
    }

    /// Whether every lead would be taken over.
    pub(super) fn is_well(&self) -> bool {
        self.refusal.is_none() && self.refused.is_empty() && self.unreadable.is_empty()
    }

    /// Reads the agents, and each lead that the sweep would reach (all of them, where there is none), for
    /// what the changed playbook does not know; and takes it over, in mind only.
    async fn go_through(
        &mut self,
        mut asking: Asking<'_>,
        sweep: Option<&Sweep>,
        former: Option<&Playbook>,
        progress: Progress,
    ) -> Result<(), Failure> {
        let opened = asking.opened;
        let handle = opened.handle();
        let mut seen = Seen::new(&opened.playbook, former);
        let agents = agents::all(opened).await?;
        agents.records.iter().for_each(|agent| seen.agent(agent));
        self.unreadable.extend(agents.unreadable);
        let mut stages = BTreeMap::new();
        let mut refused = BTreeMap::new();
        let mut breaking = BTreeMap::new();
        let audience = sweep.map_or("", |sweep| sweep.audience.as_str());
        let groups = handle.count(audience, &[]).await?;
        let count = groups.iter().map(|group| group.count).sum();
        let mut bar = Bar::new(progress, count, "leads", "deciding");
        let mut after = None;
        loop {
            let page = handle.leads(audience, Order::Id, after, PAGE).await?;
            self.unreadable.extend(Unreadable::of(&page.unreadable));
            bar.step(page.unreadable.len());
            for lead in &page.records {
                seen.lead(lead);
                bar.step(1);
                let Some(sweep) = sweep else {
                    continue;
                };
                let taken = asking.take_over(sweep, lead).await?;
                note(&mut stages, lead, &taken, former, asking.now);
                let first = || (0, lead.id.to_string());
                match taken {
                    Ok(taken) => taken.breaks.into_iter().for_each(|law| {
                        breaking.entry(law).or_insert_with(first).0 += 1;
                    }),
                    Err(refusal) => {
                        let why = Told::new(&refusal);
                        refused.entry(why).or_insert_with(first).0 += 1;
                    }
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        self.unknown = seen.told();
        self.stages = stages.into_values().collect();
        let refused = refused.into_iter();
        self.refused = refused
            .map(|(why, (leads, for_instance))| LeadsRefused {
                why,
                leads,
                for_instance,
            })
            .collect();
        let breaking = breaking.into_iter();
        self.breaking = breaking
            .map(|((law, text), (leads, for_instance))| LeadsBreaking {
                law,
                text,
                leads,
                for_instance,
            })
            .collect();
        Ok(())
    }

    /// For people.
    pub(super) fn told(&self) -> String {
        if self.is_adopted {
            return "the leads are under this playbook already\n".into();
        }
        let mut text = match self.stages.as_slice() {
            [] => "no leads are to be taken over\n".to_owned(),
            _ => format!("{}\n", self.table()),
        };
        let mut rules = |names: &[String], what: &str| {
            if !names.is_empty() {
                let count = counted(names.len() as u64, "rule");
                let _ = writeln!(text, "{count} {what}: {}", names.join(", "));
            }
        };
        rules(&self.rules.changed, "new, or at other times");
        rules(self.rules.gone.as_deref().unwrap_or_default(), "gone");
        for LeadsRefused {
            why,
            leads,
            for_instance,
        } in &self.refused
        {
            let leads = counted(*leads, "lead");
            let reason = &why.reason;
            let _ = writeln!(
                text,
                "{leads} refused, for instance {for_instance}: {reason}"
            );
        }
        for LeadsBreaking {
            law,
            text: asked,
            leads,
            for_instance,
        } in &self.breaking
        {
            let leads = counted(*leads, "lead");
            let _ = writeln!(
                text,
                "{leads} would stand where the law {law} is broken, for instance {for_instance}: {asked}"
            );
        }
        for unknown in &self.unknown {
            let _ = writeln!(text, "{}", unknown.told());
        }
        listing::tell(&mut text, &self.unreadable);
        if let Some(refusal) = &self.refusal {
            let _ = writeln!(
                text,
                "it can't be adopted so: {}\nsay where leads go: --map PIPELINE.STAGE=PIPELINE.STAGE, \
                 with :GROUP behind it where leads wait",
                refusal.reason
            );
        }
        text
    }

    fn table(&self) -> comfy_table::Table {
        type Column = (&'static str, fn(&StageShown) -> Option<u64>);
        let columns: [Column; 4] = [
            ("leads", |stage| Some(stage.leads)),
            ("due at once", |stage| stage.due_at_once),
            ("next step changes", |stage| stage.next_changes),
            ("refused", |stage| stage.refused),
        ];
        let is_known = |(_, of): &Column| self.stages.iter().any(|stage| of(stage).is_some());
        let columns: Vec<Column> = columns.into_iter().filter(is_known).collect();
        let headings = columns.iter().map(|(heading, _)| *heading);
        let mut table = table_of_numbers(2, ["stage", "becomes"].into_iter().chain(headings));
        for stage in &self.stages {
            let becomes = match &stage.to {
                Some(to) if *to == stage.from => "the same",
                Some(to) => to,
                None => "?",
            };
            let numbers = columns.iter().map(|(_, of)| match of(stage) {
                Some(number) => grouped(number),
                None => "?".to_owned(),
            });
            let words = [stage.from.clone(), becomes.to_owned()];
            table.add_row(words.into_iter().chain(numbers));
        }
        table
    }
}

/// Counts a lead to its stage and to that into which it comes.
fn note(
    stages: &mut BTreeMap<(String, String), StageShown>,
    lead: &Lead,
    taken: &Result<Taken, Refusal>,
    former: Option<&Playbook>,
    now: Instant,
) {
    let stage = |lead: &Lead| format!("{}.{}", lead.pipeline, lead.stage);
    let from = stage(lead);
    let to = match taken {
        Ok(taken) => taken.stage.clone(),
        Err(_) => from.clone(),
    };
    let shown = stages.entry((from.clone(), to.clone())).or_default();
    (shown.from, shown.to) = (from, Some(to));
    shown.leads += 1;
    let refused = shown.refused.get_or_insert(0);
    match taken {
        Ok(taken) => {
            let due_at_once = shown.due_at_once.get_or_insert(0);
            *due_at_once += u64::from(taken.wakes_at.is_some_and(|at| at <= now));
            if let Some(former) = former.filter(|former| former.hash == lead.playbook) {
                let changes = agenda::wakes_at(former, lead) != taken.wakes_at;
                *shown.next_changes.get_or_insert(0) += u64::from(changes);
            }
        }
        Err(_) => *refused += 1,
    }
}

/// What a lead would be.
struct Taken {
    stage: String,
    wakes_at: Option<Instant>,
    /// The laws that it would break where it stands and does not break now, by name and text.
    breaks: Vec<(String, String)>,
}

/// Decides on the records of a store, and keeps what would be written to itself.
struct Asking<'o> {
    opened: &'o Opened<'o>,
    records: Records,
    /// The contacts that are otherwise in mind than in the store.
    changed: BTreeSet<Key>,
    now: Instant,
}

impl<'o> Asking<'o> {
    fn new(opened: &'o Opened<'o>) -> Self {
        Self {
            opened,
            records: Records::new(),
            changed: BTreeSet::new(),
            now: opened.engine.clock().now(),
        }
    }

    fn engine(&self) -> &'o Engine {
        &self.opened.engine
    }

    async fn load(&mut self, keys: Vec<Key>) -> Result<(), Failure> {
        let loaded = self.engine().store().load(&keys).await?;
        for (key, loaded) in keys.into_iter().zip(loaded) {
            let record = loaded.body.map(|body| stored::decode_as(key.kind, &body));
            match record.transpose() {
                Ok(record) => self
                    .records
                    .insert(key, loaded.version, record.map(Arc::new)),
                Err(source) => return Err(Error::Unreadable { key, source }.into()),
            }
        }
        Ok(())
    }

    /// Decides a command, and lets the next one build on it.
    async fn decide(
        &mut self,
        id: CommandId,
        command: &Command,
    ) -> Result<Result<Decision, Refusal>, Failure> {
        loop {
            match decide(&self.opened.playbook, &self.records, id, command, self.now) {
                Ok(decision) => {
                    for write in &decision.writes {
                        let (key, record) = (write.key.clone(), write.record.clone());
                        self.records.insert(key, write.makes, record);
                    }
                    return Ok(Ok(decision));
                }
                Err(Stop::Need(keys)) => self.load(keys).await?,
                Err(Stop::Refused(refusal)) => return Ok(Err(*refusal)),
            }
        }
    }

    /// Takes a lead over, as the sweep would.
    async fn take_over(
        &mut self,
        sweep: &Sweep,
        lead: &Lead,
    ) -> Result<Result<Taken, Refusal>, Failure> {
        let command = Command {
            tenant: self.opened.tenant.clone(),
            actor: sweep.actor(),
            happened_at: None,
            what: What::Lead {
                lead: lead.id,
                order: sweep.order.clone(),
            },
        };
        let key = Key::lead(&self.opened.tenant, lead.id);
        let decided = self.decide(sweep.command_for(lead.id), &command).await?;
        // Nobody else asks for it. The contact may have another lead, for which it counts what this one
        // made of it; as long as that is nothing, it can be loaded again.
        self.records.forget(&key);
        let contact = Key::contact(&self.opened.tenant, lead.contact.id);
        if let Ok(decision) = &decided {
            let written = decision.writes.iter().map(|write| &write.key);
            self.changed
                .extend(written.filter(|key| **key == contact).cloned());
        }
        if !self.changed.contains(&contact) {
            self.records.forget(&contact);
        }
        Ok(decided.map(|decision| {
            let after = decision.written::<Lead>(&key).unwrap_or(lead);
            let is_new = |rule: &Name| !lead.since.iter().any(|(known, _)| known == rule);
            let since = after.since.iter().map(|(rule, _)| rule);
            let laws = since
                .filter(|rule| is_new(rule))
                .filter_map(|rule| self.opened.playbook.law_of_rule(rule));
            Taken {
                breaks: laws
                    .map(|law| (law.name.to_string(), law.text.to_string()))
                    .collect(),
                stage: format!("{}.{}", after.pipeline, after.stage),
                wakes_at: agenda::wakes_at(&self.opened.playbook, after),
            }
        }))
    }
}
