//! A mailer that fails.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::pass;
use super::plan::{Call, Course, Plan, Struck};
use crate::clock::{Clock, SystemClock, yield_now};
use crate::mailer::{Mailer, Outcome, Outgoing};
use crate::time::Elapsed;

/// What can go wrong when a message is handed over.
///
/// ```
/// use leadkit::faults::{MailerFault, Plan};
/// use leadkit::mailer::Outcome;
/// use leadkit::time::Elapsed;
///
/// let full = Outcome::Refused { said: "552 mailbox full".into(), address_invalid: false };
/// let plan = Plan::new()
///     .at(1, MailerFault::Before)                        // later, for nobody could be reached
///     .at(2, MailerFault::After)                         // gone, and nobody knows
///     .at(3, MailerFault::AnswerLost)                    // the worker dies while it waits
///     .at(4, MailerFault::Delay(Elapsed::seconds(90)))   // a slow server
///     .at(5, MailerFault::Repeat)                        // arrives twice
///     .at(6, MailerFault::Says(full));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailerFault {
    /// The server can't be reached: nothing is handed over, and that is told as
    /// [`Outcome::Later`].
    Before,
    /// The message is handed over, and then the line drops: [`Outcome::Unknown`].
    After,
    /// The message is handed over, and no answer ever comes: what is left of a worker that dies
    /// while it waits. The caller's future must be dropped.
    AnswerLost,
    /// It takes so long, by the clock. Others run before and after, even if it is nothing.
    Delay(Elapsed),
    /// The message is handed over twice, and the answer is the second one's: what a network can
    /// do that sends things again.
    Repeat,
    /// Nothing is handed over, and the answer is this one: what a server says.
    Says(Outcome),
}

/// A message that a [`FaultyMailer`] was asked to hand over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandedOver {
    /// The message.
    pub message: Outgoing,
    /// How often the wrapped mailer was given it.
    pub times: u32,
    /// What was answered; `None` while nobody has heard an answer.
    pub outcome: Option<Outcome>,
}

/// A mailer that fails where its plan says so, and is the one it wraps everywhere else. Clones
/// share the plan and where in it they are.
///
/// ```
/// use leadkit::faults::{FaultyMailer, MailerFault, Plan};
/// use leadkit::mailer::{MemoryMailer, Outcome};
///
/// let busy = Outcome::Later { said: "450 come back later".into() };
/// let inbox = MemoryMailer::default();
/// let mailer = FaultyMailer::new(inbox.clone(), Plan::new().at(1, MailerFault::Says(busy)));
/// // .. Engine::builder(store).mailer("email", mailer.clone()) .. engine.tick() ..
/// assert_eq!(mailer.handed_over(), []);
/// ```
#[derive(Clone, Debug)]
pub struct FaultyMailer {
    mailer: Arc<dyn Mailer>,
    clock: Arc<dyn Clock>,
    course: Arc<Course<MailerFault>>,
    handed_over: Arc<Mutex<Vec<HandedOver>>>,
}

impl FaultyMailer {
    /// Wraps a mailer.
    #[must_use]
    pub fn new(mailer: impl Mailer + 'static, plan: Plan<MailerFault>) -> Self {
        Self::on(Arc::new(mailer), plan)
    }

    /// Wraps a mailer that is shared.
    #[must_use]
    pub fn on(mailer: Arc<dyn Mailer>, plan: Plan<MailerFault>) -> Self {
        Self {
            mailer,
            clock: Arc::new(SystemClock),
            course: Arc::new(Course::new(plan)),
            handed_over: Arc::default(),
        }
    }

    /// With this clock for delays in place of the machine's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// What it was asked to hand over until now, in order, and what came of it.
    #[must_use]
    pub fn handed_over(&self) -> Vec<HandedOver> {
        self.log(|log| log.clone())
    }

    /// The calls that went wrong until now.
    #[must_use]
    pub fn struck(&self) -> Vec<Struck<MailerFault>> {
        self.course.struck()
    }

    fn log<T>(&self, with: impl FnOnce(&mut Vec<HandedOver>) -> T) -> T {
        let mut log = self
            .handed_over
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        with(&mut log)
    }

    /// Gives it to the mailer that is wrapped.
    async fn give(&self, message: &Outgoing, entry: usize) -> Outcome {
        // Before it is: who dies meanwhile may have done it.
        self.log(|log| log[entry].times += 1);
        self.mailer.hand_over(message).await
    }

    async fn outcome(&self, message: &Outgoing, entry: usize) -> Outcome {
        match self.course.next(Call::HandOver) {
            None => self.give(message, entry).await,
            Some(MailerFault::Before) => Outcome::Later {
                said: "so it was planned, before".into(),
            },
            Some(MailerFault::After) => {
                self.give(message, entry).await;
                Outcome::Unknown {
                    said: "so it was planned, after".into(),
                }
            }
            Some(MailerFault::AnswerLost) => {
                self.give(message, entry).await;
                std::future::pending().await
            }
            Some(MailerFault::Delay(by)) => {
                pass(self.clock.as_ref(), by).await;
                let outcome = self.give(message, entry).await;
                yield_now().await;
                outcome
            }
            Some(MailerFault::Repeat) => {
                self.give(message, entry).await;
                self.give(message, entry).await
            }
            Some(MailerFault::Says(outcome)) => outcome,
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Mailer for FaultyMailer {
    async fn hand_over(&self, message: &Outgoing) -> Outcome {
        let entry = self.log(|log| {
            log.push(HandedOver {
                message: message.clone(),
                times: 0,
                outcome: None,
            });
            log.len() - 1
        });
        let outcome = self.outcome(message, entry).await;
        self.log(|log| log[entry].outcome = Some(outcome.clone()));
        outcome
    }
}
