//! A worker: an engine on a store and a mailer that fail, with a clock of its own, that does one
//! thing at a time, a step of it whenever it is its turn.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use leadkit::clock::VirtualClock;
use leadkit::decide::command::{Actor, Command, StageMapping};
use leadkit::engine::{Engine, Error, Ticked};
use leadkit::ids::{CommandId, Tenant};
use leadkit::store::StoreErrorKind;

/// What a worker is told to do.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// Do what is due.
    Tick,
    /// Carry out commands, each with its number among all that were asked.
    Commands(Vec<(usize, CommandId, Command)>),
    /// Make the worker's playbook the active one.
    Adopt(Tenant, Vec<StageMapping>),
}

/// What came of a command, as the host sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It was carried out.
    Done,
    /// It had been carried out before.
    Before,
    /// It is not to be.
    Refused,
    /// Nobody knows.
    Nothing,
}

/// What came of a task.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// By the number of each command.
    pub(super) heard: Vec<(usize, Heard)>,
    /// What must not go wrong and did.
    pub(super) alarms: Vec<String>,
    /// How often records moved under what was given up because of it.
    contended: Vec<u32>,
}

impl Told {
    /// Notes a failure: an alarm, if no fault explains it.
    pub(super) fn note(&mut self, error: &Error) {
        let is_expected = match error {
            Error::Store(error) => error.kind == StoreErrorKind::Unavailable,
            Error::Unreadable { .. } => false,
            Error::Contended(times) => {
                self.contended.push(*times);
                true
            }
            _ => true,
        };
        if !is_expected {
            self.alarms.push(format!("{error:?}"));
        }
    }

    /// Notes what failed in a tick.
    pub(super) fn note_failures(&mut self, ticked: &Ticked) {
        for (_, error) in &ticked.failures {
            self.note(error);
        }
    }

    /// Whether something was given up because records moved more often than others wrote: then nobody
    /// moved them, and it would be given up for ever.
    pub(super) fn was_contended_by_nobody(&self, others_wrote: usize) -> bool {
        let mut contended = self.contended.iter();
        contended.any(|times| others_wrote < *times as usize)
    }
}

type Work = Pin<Box<dyn Future<Output = Told> + Send>>;

/// One worker. When it dies another takes its place.
pub(super) struct Worker {
    pub(super) engine: Engine,
    pub(super) clock: VirtualClock,
    /// How many versions of the playbooks it knows.
    pub(super) knows: usize,
    work: Option<Work>,
    /// The commands that it is at.
    pub(super) at: Vec<usize>,
    /// How much others have written since it began with them.
    pub(super) others_wrote: usize,
    /// How much was written by anybody when its last turn ended.
    written_by_then: usize,
}

/// What came of a step.
pub(super) enum Step {
    /// It goes on.
    GoesOn,
    /// It is done.
    Done(Told),
    /// It waits for what never comes.
    Stuck,
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Worker {
    pub(super) fn new(engine: Engine, clock: VirtualClock, knows: usize) -> Self {
        Self {
            engine,
            clock,
            knows,
            work: None,
            at: Vec::new(),
            others_wrote: 0,
            written_by_then: 0,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.work.is_none()
    }

    /// Begins a task, when so much was written by anybody.
    pub(super) fn begin(&mut self, task: Task, written: usize) {
        self.others_wrote = 0;
        self.written_by_then = written;
        let engine = self.engine.clone();
        self.at = match &task {
            Task::Commands(commands) => commands.iter().map(|(number, ..)| *number).collect(),
            Task::Tick | Task::Adopt(..) => Vec::new(),
        };
        self.work = Some(match task {
            Task::Tick => Box::pin(tick(engine)),
            Task::Commands(commands) => Box::pin(execute(engine, commands)),
            Task::Adopt(tenant, stages) => Box::pin(adopt(engine, tenant, stages)),
        });
    }

    /// Goes on, as far as the next call to a store or mailer. `written` tells how much was written by
    /// anybody until now.
    pub(super) fn step(&mut self, written: impl Fn() -> usize) -> Step {
        self.others_wrote += written().saturating_sub(self.written_by_then);
        let step = self.go_on();
        self.written_by_then = written();
        step
    }

    fn go_on(&mut self) -> Step {
        let Some(work) = &mut self.work else {
            return Step::GoesOn;
        };
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&flag));
        match work.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(told) => {
                self.work = None;
                Step::Done(told)
            }
            Poll::Pending if flag.0.load(Ordering::Relaxed) => Step::GoesOn,
            Poll::Pending => Step::Stuck,
        }
    }
}

pub(super) async fn tick(engine: Engine) -> Told {
    let mut told = Told::default();
    match engine.tick().await {
        Ok(ticked) => told.note_failures(&ticked),
        Err(error) => told.note(&error),
    }
    told
}

async fn execute(engine: Engine, commands: Vec<(usize, CommandId, Command)>) -> Told {
    let mut told = Told::default();
    let numbers: Vec<usize> = commands.iter().map(|(number, ..)| *number).collect();
    let commands = commands.into_iter();
    let commands = commands
        .map(|(_, id, command)| (Some(id), command))
        .collect();
    match engine.execute_all(commands).await {
        Ok(answers) => {
            for (number, answer) in numbers.into_iter().zip(answers) {
                let heard = match &answer {
                    Ok(answer) if answer.already_done => Heard::Before,
                    Ok(_) => Heard::Done,
                    Err(Error::Refused(_)) => Heard::Refused,
                    Err(error) => {
                        told.note(error);
                        Heard::Nothing
                    }
                };
                told.heard.push((number, heard));
            }
        }
        Err(error) => {
            told.note(&error);
            let heard = numbers.into_iter().map(|number| (number, Heard::Nothing));
            told.heard = heard.collect();
        }
    }
    told
}

async fn adopt(engine: Engine, tenant: Tenant, stages: Vec<StageMapping>) -> Told {
    let mut told = Told::default();
    let tenant = engine.tenant(tenant);
    let adopts = tenant.adopt(stages).by(Actor::host("desk"));
    if let Err(error) = adopts.await {
        told.note(&error);
    }
    told
}
