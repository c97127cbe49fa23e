//! Playing scenarios and reporting what came true.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use smol_str::SmolStr;

use super::expect::Expected;
use super::failures::Failures;
use super::referrals;
use super::unmet::{Happened, Sent};
use super::world::World;
use super::{Doing, Scenario, Step};
use crate::decide::command::{Actor, Command, What};
use crate::engine::{Answer, Error};
use crate::ids::CommandId;
use crate::playbook::Playbook;
use crate::record::Lead;
use crate::record::message::Message;
use crate::store::{Order, Store};

/// How the scenarios of a playbook went.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Each scenario, in the order of the files.
    pub outcomes: Vec<Outcome>,
}

/// How one scenario went.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Its name.
    pub name: SmolStr,
    /// The requirements that it covers.
    pub covers: Vec<SmolStr>,
    /// What did not come true; nothing, if it passed.
    pub failure: Option<Failure>,
}

/// An expectation that did not come true.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// The file.
    pub file: SmolStr,
    /// The line of the step.
    pub line: usize,
    /// Everything that this step expected in vain.
    pub unmet: Vec<String>,
    /// The lead's explained timeline.
    pub timeline: String,
}

impl Report {
    /// How many passed.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.outcomes
            .iter()
            .filter(|outcome| outcome.failure.is_none())
            .count()
    }

    /// How many failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.outcomes.len() - self.passed()
    }

    /// The requirements that are covered by scenarios that passed.
    #[must_use]
    pub fn covered(&self) -> Vec<SmolStr> {
        let passed = self
            .outcomes
            .iter()
            .filter(|outcome| outcome.failure.is_none());
        let mut covered: Vec<SmolStr> = passed.flat_map(|outcome| outcome.covers.clone()).collect();
        covered.sort_unstable();
        covered.dedup();
        covered
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let covers = self.covers.join(" ");
        match &self.failure {
            None => write!(f, "ok      {:<12} {}", covers, self.name),
            Some(failure) => {
                writeln!(f, "FAILED  {:<12} {}", covers, self.name)?;
                writeln!(f, "        {}:{}", failure.file, failure.line)?;
                for unmet in &failure.unmet {
                    writeln!(f, "        - {}", unmet.replace('\n', "\n          "))?;
                }
                for line in failure.timeline.lines() {
                    writeln!(f, "        | {line}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outcome in &self.outcomes {
            writeln!(f, "{outcome}")?;
        }
        write!(f, "{} passed, {} failed", self.passed(), self.failed())
    }
}

/// Plays scenarios, each on a fresh store.
///
/// Whatever goes wrong is told in the report: a scenario whose store can't be had, or fails, is one that
/// failed.
pub async fn run_all<S>(
    playbook: &Arc<Playbook>,
    scenarios: &[Scenario],
    mut fresh_store: S,
) -> Report
where
    S: FnMut() -> Pin<Box<dyn Future<Output = Result<Arc<dyn Store>, Error>> + Send>>,
{
    let mut report = Report::default();
    for scenario in scenarios {
        let outcome = match fresh_store().await {
            Ok(store) => run(playbook, scenario, store).await,
            Err(error) => outcome(scenario, Some(failed_before(scenario, &error))),
        };
        report.outcomes.push(outcome);
    }
    report
}

fn outcome(scenario: &Scenario, failure: Option<Failure>) -> Outcome {
    Outcome {
        name: scenario.name.clone(),
        covers: scenario.covers.clone(),
        failure,
    }
}

fn failed_before(scenario: &Scenario, error: &Error) -> Failure {
    Failure {
        file: scenario.file.clone(),
        line: scenario.line,
        unmet: vec![format!("could not begin: {}", chain(error))],
        timeline: String::new(),
    }
}

/// An error with everything beneath it.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

/// Plays a scenario on a store.
pub async fn run(playbook: &Arc<Playbook>, scenario: &Scenario, store: Arc<dyn Store>) -> Outcome {
    let world = World::new(playbook.clone(), store, scenario.start);
    let failure = match world {
        Ok(world) => play(world, scenario).await,
        Err(error) => Some(failed_before(scenario, &error)),
    };
    outcome(scenario, failure)
}

async fn play(mut world: World, scenario: &Scenario) -> Option<Failure> {
    for agent in &scenario.agents {
        if let Err(error) = world.set_up(agent.clone(), Actor::host("scenario")).await {
            return Some(failed_before(scenario, &error));
        }
    }
    let mut seen = Seen::default();
    for step in &scenario.steps {
        let result = play_step(&mut world, step).await;
        let unmet = match judge(&world, step, &mut seen, result).await {
            Ok(unmet) => unmet,
            Err(error) => vec![chain(&error)],
        };
        if !unmet.is_empty() {
            let timeline = timeline(&world, step).await;
            return Some(Failure {
                file: scenario.file.clone(),
                line: step.line,
                unmet,
                timeline,
            });
        }
    }
    None
}

/// What the steps have seen so far.
#[derive(Debug, Default)]
struct Seen {
    /// How many of the messages that were handed over, by lead.
    mails: BTreeMap<Option<SmolStr>, usize>,
    failures: Failures,
}

/// Plays a step; tells whether its command had been carried out before.
async fn play_step(world: &mut World, step: &Step) -> Result<bool, Error> {
    if let Some(at) = step.at {
        world.advance_to(at).await?;
    }
    match &step.doing {
        Doing::Look => Ok(false),
        Doing::DownUntil(until) => world.be_down_until(*until).await.map(|()| false),
        Doing::SetUp(agent, asked) => {
            world.set_up((**agent).clone(), asked.by.clone()).await?;
            world.tick().await.map(|()| false)
        }
        Doing::Leave(leaving, asked) => {
            let answer = execute(world, What::Leave(leaving.clone()), asked).await?;
            world.tick().await.map(|()| answer.already_done)
        }
        Doing::Refer(agent, asked) => {
            let agent = agent.clone();
            let answer = execute(world, What::TellReferralCode { agent }, asked).await?;
            Ok(answer.already_done)
        }
        Doing::PlanVisits(plan, asked) => {
            let answer = execute(world, What::PlanVisits(plan.clone()), asked).await?;
            Ok(answer.already_done)
        }
        Doing::RecordVisit(report, asked) => {
            let answer = execute(world, What::RecordVisit(report.clone()), asked).await?;
            if let (Some(lead), Some(reference)) = (answer.lead, &step.lead) {
                world.name_lead(reference, &lead);
            }
            world.tick().await.map(|()| answer.already_done)
        }
        Doing::Register(new, asked) => {
            let new = referrals::with_code(world, new).await?;
            let answer = execute(world, What::Register(new), asked).await?;
            if let (Some(lead), Some(reference)) = (answer.lead, &step.lead) {
                world.name_lead(reference, &lead);
            }
            world.tick().await.map(|()| answer.already_done)
        }
        Doing::Merge(merging, asked) => {
            let answer = execute(world, merging.what(world)?, asked).await?;
            world.tick().await.map(|()| answer.already_done)
        }
        Doing::Order(order, asked) => {
            let reference = step.lead.as_deref().unwrap_or_default();
            let lead = world
                .lead_id(reference)
                .ok_or(Error::NotThere("lead of this name"))?;
            let order = order.clone();
            let answer = execute(world, What::Lead { lead, order }, asked).await?;
            world.tick().await.map(|()| answer.already_done)
        }
    }
}

async fn execute(world: &World, what: What, asked: &super::Asked) -> Result<Answer, Error> {
    let command = Command {
        tenant: world.tenant().name().clone(),
        actor: asked.by.clone(),
        happened_at: asked.happened_at,
        what,
    };
    let id = asked.id.as_ref().map(|id| CommandId::of(id));
    world.engine().execute(id, command).await
}

async fn all_messages(world: &World) -> Result<Vec<Message>, Error> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = world.tenant().messages("", after, 500).await?;
        after = page.next.clone();
        all.extend(page.whole()?);
        if after.is_none() {
            return Ok(all);
        }
    }
}

async fn all_leads(world: &World) -> Result<Vec<Lead>, Error> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = world.tenant().leads("", Order::Id, after, 500).await?;
        after = page.next.clone();
        all.extend(page.whole()?);
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// Everything that a step expected in vain.
async fn judge(
    world: &World,
    step: &Step,
    seen: &mut Seen,
    result: Result<bool, Error>,
) -> Result<Vec<String>, Error> {
    let expects_refusal = step
        .expected
        .iter()
        .any(|expected| matches!(expected, Expected::Refused(_) | Expected::RefusalSays(_)));
    let (already_done, error) = match result {
        Err(error) if !expects_refusal => return Ok(vec![chain(&error)]),
        Err(error) => (false, Some(error)),
        Ok(already_done) => (already_done, None),
    };
    let lead = match &step.lead {
        Some(reference) => world.lead(reference).await.ok(),
        None => None,
    };
    let explained = match &lead {
        Some(lead) => Some(world.tenant().explain(lead.id).await?),
        None => None,
    };
    let mut messages = all_messages(world).await?;
    let leads = all_leads(world).await?;
    let failed = seen.failures.unmet(world, step, &leads, &messages);
    let sent = newly_sent(world, step, seen, &messages);
    messages.retain(|message| lead.as_ref().is_some_and(|lead| lead.id == message.lead));
    let (mut counts, mut others, mut plans) = (Vec::new(), Vec::new(), Vec::new());
    let mut duplicates = Vec::new();
    for expected in &step.expected {
        match expected {
            Expected::Count(condition, _) => {
                let groups = world.tenant().count(condition, &[]).await?;
                counts.push(groups.iter().map(|group| group.count).sum());
            }
            Expected::Visits(of) => {
                plans.extend(world.tenant().visit_plan(&of.zone, of.week).await?);
            }
            Expected::SameLeadAs(other) | Expected::SameContactAs(other) => {
                others.push((other.clone(), world.lead(other).await?));
            }
            Expected::Duplicates(leads) => {
                for other in leads {
                    others.push((other.clone(), world.lead(other).await?));
                }
                if let Some(lead) = &lead {
                    duplicates = world.tenant().duplicates(lead.contact.id).await?;
                }
            }
            _ => {}
        }
    }
    let happened = Happened {
        world,
        lead: lead.as_ref(),
        error: error.as_ref(),
        already_done,
        messages: &messages,
        sent: &sent,
        explained: explained.as_ref(),
        counts: &counts,
        plans: &plans,
        others: &others,
        duplicates: &duplicates,
    };
    let mut count = happened.counts.iter();
    let unmet = step.expected.iter();
    let unmet = unmet.filter_map(|expected| expected.unmet(&happened, &mut count));
    Ok(unmet.chain(failed).collect())
}

/// What was handed over about the step's lead since the last step that spoke of it; about any
/// lead, if the step speaks of none.
fn newly_sent(world: &World, step: &Step, seen: &mut Seen, messages: &[Message]) -> Vec<Sent> {
    let lead = step.lead.as_ref().map(|lead| world.lead_id(lead));
    let mut mails = world.mailer().messages();
    let seen = seen.mails.entry(step.lead.clone()).or_default();
    let fresh = mails.split_off((*seen).min(mails.len()));
    *seen = mails.len() + fresh.len();
    let sent = fresh.into_iter().filter_map(|mail| {
        let message = messages.iter().find(|message| message.id == mail.id)?;
        let is_meant = lead.is_none_or(|lead| lead == Some(message.lead));
        let to = message.to.clone();
        is_meant.then_some(Sent { to, mail })
    });
    sent.collect()
}

async fn timeline(world: &World, step: &Step) -> String {
    let Some(reference) = &step.lead else {
        return String::new();
    };
    let Some(lead) = world.lead_id(reference) else {
        return format!("no lead `{reference}` was registered");
    };
    match world.tenant().explain(lead).await {
        Ok(explanation) => explanation.to_string(),
        Err(error) => chain(&error),
    }
}
