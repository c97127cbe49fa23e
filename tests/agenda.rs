//! The laws of the agenda, through the public API, on both playbooks of the repository: whatever
//! is asked and however time passes, the clock that the store keeps of a lead is the one that the
//! agenda computes, nothing fires twice, nothing that is due is left, and the same sequence
//! makes the same journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leadkit::agenda;
use leadkit::decide::command::{Actor, AgentSetup, Command, Completion, LeadOrder, NewLead, What};
use leadkit::ids::{AgentId, CommandId, LeadId, Name, Tenant};
use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::record::journal::Event;
use leadkit::record::stored;
use leadkit::scenario::{self, World};
use leadkit::store::{JournalCursor, Key, MemoryStore, Order, Store};
use leadkit::time::{Elapsed, Instant};
use proptest::prelude::*;

/// Something that may happen, in small numbers that mean something in every playbook.
#[derive(Clone, Debug)]
enum Step {
    /// A lead is taken in, perhaps by an agent, perhaps late.
    Register {
        contact: u8,
        by: u8,
        shape: u8,
        late_minutes: Option<u16>,
    },
    /// Something is asked of a lead; most of it will be refused.
    Ask {
        lead: u8,
        by: u8,
        order: u8,
        late_minutes: Option<u16>,
    },
    /// An agent comes or goes.
    Available { agent: u8, available: bool },
    /// Time passes.
    Pass { minutes: u32 },
    /// Time passes while the process is down.
    Down { minutes: u32 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let late = || prop::option::weighted(0.2, 0u16..10_000);
    let minutes = || {
        prop_oneof![
            3 => 1u32..600,
            2 => 600u32..5_000,
            2 => 5_000u32..200_000,
        ]
    };
    let step = prop_oneof![
        3 => (any::<u8>(), any::<u8>(), any::<u8>(), late()).prop_map(
            |(contact, by, shape, late_minutes)| Step::Register { contact, by, shape, late_minutes }
        ),
        8 => (any::<u8>(), any::<u8>(), any::<u8>(), late()).prop_map(
            |(lead, by, order, late_minutes)| Step::Ask { lead, by, order, late_minutes }
        ),
        1 => (any::<u8>(), any::<bool>())
            .prop_map(|(agent, available)| Step::Available { agent, available }),
        5 => minutes().prop_map(|minutes| Step::Pass { minutes }),
        1 => minutes().prop_map(|minutes| Step::Down { minutes }),
    ];
    prop::collection::vec(step, 1..60)
}

/// A playbook and the agents of its scenarios.
struct Cast {
    playbook: Arc<Playbook>,
    agents: Vec<AgentSetup>,
}

fn cast(name: &str) -> Cast {
    let folder = Folder::load(format!("playbooks/{name}").as_ref()).expect("a folder");
    let mut agents: BTreeMap<_, AgentSetup> = BTreeMap::new();
    for scenario in scenario::read(&folder).expect("scenarios") {
        for agent in scenario.agents {
            agents.entry(agent.agent.clone()).or_insert(agent);
        }
    }
    Cast {
        playbook: Arc::new(Playbook::read(&folder).expect("a playbook")),
        agents: agents.into_values().collect(),
    }
}

/// A life in virtual time.
struct Life<'a> {
    cast: &'a Cast,
    world: World,
    store: Arc<MemoryStore>,
    tenant: Tenant,
    leads: Vec<LeadId>,
    /// When each occurrence was seen to have fired: lead, rule, anchor, occurrence.
    fired: BTreeMap<(LeadId, Name, Instant, u32), Instant>,
    asked: i64,
}

fn pick<T>(from: &[T], number: u8) -> Option<&T> {
    from.get(usize::from(number) % from.len().max(1))
}

impl<'a> Life<'a> {
    async fn begin(cast: &'a Cast) -> Self {
        let store = Arc::new(MemoryStore::default());
        let tenant = Tenant::from("life");
        let start = "2026-03-06T20:30:00Z".parse().expect("an instant");
        let mut world =
            World::of_tenant(tenant.clone(), cast.playbook.clone(), store.clone(), start)
                .expect("a world");
        for agent in &cast.agents {
            let host = Actor::host("test");
            world.set_up(agent.clone(), host).await.expect("an agent");
        }
        Self {
            cast,
            world,
            store,
            tenant,
            leads: Vec::new(),
            fired: BTreeMap::new(),
            asked: 0,
        }
    }

    fn actor(&self, by: u8) -> Actor {
        // Mostly the host, who may do everything.
        match pick(&self.cast.agents, by / 3).filter(|_| by % 3 == 0) {
            Some(agent) => Actor::agent(AgentId::from(agent.agent.clone())),
            None => Actor::host("test"),
        }
    }

    async fn live(&mut self, step: &Step) {
        let now = self.world.now();
        match step {
            Step::Register {
                contact,
                by,
                shape,
                late_minutes,
            } => {
                let new = self.new_lead(*contact, *shape);
                let actor = self.actor(*by);
                let what = What::Register(Box::new(new));
                self.ask(what, actor, *late_minutes).await;
            }
            Step::Ask {
                lead,
                by,
                order,
                late_minutes,
            } => {
                if let Some(lead) = pick(&self.leads, *lead).copied() {
                    let order = self.order(*order);
                    let actor = self.actor(*by);
                    self.ask(What::Lead { lead, order }, actor, *late_minutes)
                        .await;
                }
            }
            Step::Available { agent, available } => {
                let agent = pick(&self.cast.agents, *agent).expect("an agent");
                let setup = AgentSetup::new(agent.agent.clone()).available(*available);
                let what = What::SetUpAgent(Box::new(setup));
                self.ask(what, Actor::host("test"), None).await;
            }
            Step::Pass { minutes } => {
                let until = now + Elapsed::minutes(i64::from(*minutes));
                self.world.advance_to(until).await.expect("time passes");
            }
            Step::Down { minutes } => {
                let until = now + Elapsed::minutes(i64::from(*minutes));
                self.world.be_down_until(until).await.expect("a tick");
            }
        }
        self.world.tick().await.expect("a tick");
    }

    fn new_lead(&self, contact: u8, shape: u8) -> NewLead {
        let contact = contact % 3;
        let playbook = &self.cast.playbook;
        let mut new = NewLead::new(format!("Contact {contact}"))
            .email(format!("contact{contact}@example.com"));
        if let Some(source) = pick(&playbook.sources, shape) {
            new = new.source(source.name.clone());
        }
        if let Some(group) = pick(&playbook.waits, shape / 2).filter(|_| shape % 3 > 0) {
            new = new.wait(group.name.clone());
            if shape % 5 == 0 {
                new = new.wait_days(group.least_days + u32::from(shape) % 60);
            }
        }
        for field in &playbook.fields {
            new = match (field.name.as_str(), field.choices.first()) {
                ("city", _) => {
                    let cities = ["Quito", "Guayaquil", "Cumbayá", "Loja"];
                    new.field("city", cities[usize::from(shape) % cities.len()])
                }
                (name, Some(choice)) => new.field(name, choice.as_str()),
                _ => new,
            };
        }
        new
    }

    fn order(&self, order: u8) -> LeadOrder {
        let playbook = &self.cast.playbook;
        let stages: Vec<&Name> = playbook
            .pipelines
            .iter()
            .flat_map(|pipeline| pipeline.stages.iter().map(|stage| &stage.name))
            .collect();
        let stage = (*pick(&stages, order / 12).expect("a stage")).clone();
        let agent = pick(&self.cast.agents, order / 12).expect("an agent");
        let task = pick(&playbook.tasks, order / 12).expect("a task");
        match order % 12 {
            0 => LeadOrder::Attempt { reached: false },
            1 => LeadOrder::Attempt { reached: true },
            2 => LeadOrder::Answered,
            3 | 4 => LeadOrder::MoveTo {
                stage,
                reason: Some("so".into()),
                wait: None,
            },
            5 => LeadOrder::Reopen { stage, wait: None },
            6 => LeadOrder::Hold {
                hold: playbook.holds[0].clone(),
            },
            7 => LeadOrder::Release {
                hold: playbook.holds[0].clone(),
            },
            8 => LeadOrder::Reassign {
                to: AgentId::from(agent.agent.clone()),
            },
            9 => match playbook.activities.first() {
                Some(activity) => LeadOrder::Record {
                    activity: activity.name.clone(),
                    fields: Vec::new(),
                },
                None => LeadOrder::Unsubscribe,
            },
            10 => {
                let mut completion = Completion::new(task.name.clone());
                let choice = pick(&task.choices, order / 12);
                completion.choice = choice.map(|choice| choice.name.clone());
                LeadOrder::Complete(Box::new(completion))
            }
            _ => LeadOrder::Unsubscribe,
        }
    }

    /// Asks; what is refused changed nothing.
    async fn ask(&mut self, what: What, actor: Actor, late_minutes: Option<u16>) {
        self.asked += 1;
        let now = self.world.now();
        // No two late reports are of the same instant.
        let late = late_minutes.map(|minutes| {
            now - Elapsed::minutes(i64::from(minutes)) - Elapsed::microseconds(self.asked)
        });
        let id = CommandId::of(&format!("ask {}", self.asked));
        let command = Command {
            tenant: self.tenant.clone(),
            actor,
            happened_at: late,
            what,
        };
        let before = self.journal().await.len();
        match self.world.engine().execute(Some(id), command.clone()).await {
            Ok(answer) => {
                let lead = answer.lead.map(|lead| lead.id);
                let is_new = |lead: &LeadId| !self.leads.contains(lead);
                self.leads.extend(lead.filter(is_new));
                let written = self.journal().await.len();
                let again = self.world.engine().execute(Some(id), command).await;
                // A repeat acts once; or it is refused, because the lead has moved on.
                assert!(again.is_err() || again.expect("an answer").already_done);
                assert_eq!(
                    self.journal().await.len(),
                    written,
                    "a repeat wrote something"
                );
            }
            Err(leadkit::engine::Error::Refused(_)) => {
                assert_eq!(
                    self.journal().await.len(),
                    before,
                    "a refusal wrote something"
                );
            }
            Err(error) => panic!("{command:?}: {error}"),
        }
    }

    async fn journal(&self) -> Vec<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut after = JournalCursor::default();
        loop {
            let page = self
                .store
                .journal(&self.tenant, after, 1000)
                .await
                .expect("the journal");
            let Some(last) = page.last() else {
                return bytes;
            };
            after = last.cursor;
            bytes.extend(page.into_iter().map(|entry| entry.body));
        }
    }

    /// What must hold after every step.
    async fn check(&mut self) {
        let now = self.world.now();
        let far: Instant = "9999-01-01T00:00:00Z".parse().expect("an instant");
        let unleased = Instant::UNIX_EPOCH;
        let lanes = self.store.next_due(now).await.expect("lanes").into_iter();
        let lanes = lanes.map(|next| next.lane).collect();
        let due = self.store.due(&lanes, far, 100_000, unleased);
        let due = due.await.expect("due");
        let clocks: BTreeMap<Key, Instant> = due.into_iter().map(|due| (due.key, due.at)).collect();
        if let Some((key, at)) = clocks.iter().find(|(_, at)| **at <= now) {
            panic!("{key:?} was due at {at} and is left at {now}");
        }
        let page = self
            .world
            .tenant()
            .leads("", Order::Id, None, 1000)
            .await
            .expect("leads");
        for lead in &page.whole().expect("every lead") {
            let stored = clocks.get(&Key::lead(&self.tenant, lead.id)).copied();
            let computed = agenda::wakes_at(&self.cast.playbook, lead);
            assert_eq!(stored, computed, "the clock of {lead:#?}");
            assert!(lead.trouble.is_none(), "{lead:#?}");
            let agenda = agenda::agenda(&self.cast.playbook, lead);
            let first = agenda.first().map(|item| item.due_at);
            assert_eq!(computed, first, "the first that is due for {lead:#?}");
            for fired in &lead.fired {
                let key = (lead.id, fired.rule.clone(), fired.anchor, fired.occurrence);
                let first = *self.fired.entry(key).or_insert(fired.at);
                assert_eq!(first, fired.at, "{} fired twice: {lead:#?}", fired.rule);
            }
        }
        let messages = self
            .world
            .tenant()
            .messages("", None, 1000)
            .await
            .expect("messages");
        for message in &messages.whole().expect("every message") {
            let stored = clocks.get(&Key::message(&self.tenant, message.id)).copied();
            assert_eq!(stored, message.wakes_at(), "the clock of {message:#?}");
        }
    }

    /// What must hold at the end.
    async fn check_journal(&self) {
        let mut seen = BTreeSet::new();
        // What counts from an assignment or a stage begins anew with each, be it at one instant.
        let mut anew: BTreeMap<LeadId, u32> = BTreeMap::new();
        for body in self.journal().await {
            let entry = stored::decode_entry(&body).expect("an entry");
            for event in entry.events {
                let (lead, rule, occurrence, due_at) = match event {
                    Event::Fired {
                        lead,
                        rule,
                        occurrence,
                        due_at,
                        ..
                    } => (lead, rule, occurrence, due_at),
                    Event::Skipped {
                        lead, rule, due_at, ..
                    } => (lead, rule, 0, due_at),
                    Event::Assigned { lead, .. } | Event::Moved { lead, .. } => {
                        *anew.entry(lead).or_default() += 1;
                        continue;
                    }
                    _ => continue,
                };
                assert!(due_at <= entry.at, "{rule} fired early");
                let anew = anew.get(&lead).copied();
                let key = (lead, anew, rule.clone(), occurrence, due_at);
                assert!(seen.insert(key), "{rule} fired twice for {due_at}");
            }
        }
    }
}

fn live(cast: &Cast, steps: &[Step]) -> Vec<Vec<u8>> {
    pollster::block_on(async {
        let mut life = Life::begin(cast).await;
        for step in steps {
            life.live(step).await;
            life.check().await;
        }
        life.check_journal().await;
        life.journal().await
    })
}

fn laws_hold(name: &str, cases: u32) {
    let cast = cast(name);
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    runner
        .run(&steps(), |steps| {
            let (once, again) = (live(&cast, &steps), live(&cast, &steps));
            assert_eq!(once, again, "the same sequence made another journal");
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn the_laws_hold_for_field_and_digital_sales() {
    laws_hold("field-and-digital-sales", 100);
}

#[test]
fn the_laws_hold_for_deferred_follow_up() {
    laws_hold("deferred-follow-up", 150);
}
