//! The process that is killed.

use std::future::poll_fn;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use clap::ValueEnum;
use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::Command;
use leadkit::engine::{Engine, Error, Page, Ticked};
use leadkit::ids::{CommandId, ContactId, MessageId};
use leadkit::record::visits::VisitPlan;
use leadkit::record::{Agent, Contact, Lead};
use leadkit::store::{Order, Store, StoreErrorKind};
use leadkit::time::{Elapsed, Instant};
use leadkit::week::Week;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use super::{Outbox, Place, house};
use crate::desk::{self, View};
use crate::dice::Dice;
use crate::houses::House;

/// What a worker is told when it starts.
#[derive(Clone, Debug)]
pub struct Orders {
    /// Where the records are.
    pub place: Place,
    /// The folder of everything.
    pub folder: PathBuf,
    /// The seed of the organisation.
    pub seed: u64,
    /// Which worker this is, of all that ever work in this folder.
    pub incarnation: u64,
    /// What its clock shows when it starts, in microseconds.
    pub now_micros: i64,
    /// How many rounds it works; for ever, if nothing is said.
    pub rounds: Option<u64>,
    /// What is wrong with it.
    pub flaw: Option<Flaw>,
}

/// What is wrong with a worker on purpose: what whoever hears it must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Flaw {
    /// It panics.
    Panics,
    /// It panics in another thread, and works on.
    PanicsAside,
    /// A signal ends it that is no kill.
    Aborts,
    /// It leaves as if it had done all its rounds.
    Leaves,
    /// It says that something keeps it from beginning.
    GivesUp,
}

impl Flaw {
    fn show(self) -> Result<(), String> {
        match self {
            Self::Panics => panic!("on purpose"),
            Self::PanicsAside => {
                let _ = std::thread::spawn(|| panic!("on purpose, aside")).join();
                Ok(())
            }
            Self::Aborts => std::process::abort(),
            Self::Leaves => std::process::exit(0),
            Self::GivesUp => Err("on purpose".into()),
        }
    }
}

/// With what a worker ends that says what keeps it from beginning. Neither a panic, nor `strace`, nor
/// a kill on any system ends a process with it.
pub const GAVE_UP: u8 = 3;

/// What a worker tells, one line each.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Says {
    /// What its clock shows.
    Now(i64),
    /// It is going to carry this out.
    Asked(SmolStr, Box<Command>),
    /// It carried this out.
    Done(SmolStr),
    /// This had been carried out.
    Before(SmolStr),
    /// This is not to be.
    Refused(SmolStr),
    /// This failed: nobody knows whether it is done.
    Failed(SmolStr),
    /// Something went wrong that must not.
    Alarm(String),
    /// It has done all its rounds.
    Finished,
}

fn say(says: &Says) {
    let Ok(mut line) = serde_json::to_string(says) else {
        return;
    };
    line.push('\n');
    // Nobody listens any more: then nobody will miss it.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(line.as_bytes());
    let _ = out.flush();
}

/// The commands that nobody knows the fate of, as the last workers left them.
pub(super) fn pending_file(orders: &Orders) -> PathBuf {
    orders
        .folder
        .join(format!("pending-{}.json", orders.incarnation))
}

/// Works, until it is killed or all rounds are done.
///
/// # Errors
/// What keeps it from beginning.
pub fn work(orders: &Orders) -> Result<(), String> {
    tell_of_panics();
    let house = house(orders.seed);
    let store = open(orders)?;
    let outbox = Outbox::open(&orders.folder, orders.incarnation, true)?;
    let now = Instant::from_timestamp_micros(orders.now_micros).unwrap_or(Instant::UNIX_EPOCH);
    let clock = VirtualClock::at(now);
    let engine = Engine::builder_on(store)
        .playbook(house.tenant.clone(), Arc::clone(&house.versions[0]))
        .mailer("email", outbox)
        .clock(clock.clone())
        .seed(orders.incarnation)
        .build()
        .map_err(|error| format!("{error:?}"))?;
    orders.flaw.map_or(Ok(()), Flaw::show)?;
    let worker = Worker {
        orders,
        engine,
        clock,
        dice: Dice::of(orders.seed, 1_000 + orders.incarnation),
        asked: 0,
        unsure: Vec::new(),
        is_cut_off: false,
    };
    orders.place.block_on(worker.work(&house));
    say(&Says::Finished);
    Ok(())
}

/// A panic ends a process only where nobody catches it, as threads and their pools do.
fn tell_of_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        say(&Says::Alarm(panic.to_string()));
    }));
}

/// How long to wait for a server that can't be reached, and how often: longer than it is given to come
/// back, and its workers to find that.
const PAUSE: Duration = Duration::from_millis(20);
const MOST_PAUSES: u32 = 5_000;

/// Opens the store. A server may be down just now.
fn open(orders: &Orders) -> Result<Arc<dyn Store>, String> {
    let mut opened = orders.place.open(&orders.folder);
    for _ in 0..MOST_PAUSES {
        if opened.is_ok() || orders.place == Place::Sqlite {
            break;
        }
        std::thread::sleep(PAUSE);
        opened = orders.place.open(&orders.folder);
    }
    opened
}

struct Worker<'a> {
    orders: &'a Orders,
    engine: Engine,
    clock: VirtualClock,
    dice: Dice,
    asked: u64,
    /// What failed, so that nobody knows whether it is done.
    unsure: Vec<(SmolStr, Command)>,
    /// Whether the store could not be reached just now.
    is_cut_off: bool,
}

/// What there is around leads.
#[derive(Debug, Default)]
struct Around {
    contacts: Vec<Contact>,
    agents: Vec<Agent>,
    plans: Vec<VisitPlan>,
}

impl Worker<'_> {
    async fn work(mut self, house: &House) {
        let text = std::fs::read_to_string(pending_file(self.orders)).unwrap_or_default();
        let pending: Vec<(SmolStr, Command)> = serde_json::from_str(&text).unwrap_or_default();
        for (id, command) in pending {
            self.carry_out(id, command).await;
        }
        if self.orders.incarnation == 0 {
            let mut dice = Dice::of(self.orders.seed, 2);
            for command in desk::set_up(&house.tenant, &house.versions[0], &mut dice) {
                self.ask(command).await;
            }
        }
        let mut round = 0;
        while self.orders.rounds.is_none_or(|rounds| round < rounds) {
            round += 1;
            match std::mem::take(&mut self.is_cut_off) {
                // Its time would pass in no time, and nothing would have been done in it.
                true if self.orders.place == Place::Postgres => std::thread::sleep(PAUSE),
                _ => {
                    let by = self.dice.seconds(1, 2 * 3_600);
                    self.clock.advance(by);
                    say(&Says::Now(self.clock.now().timestamp_micros()));
                }
            }
            for (id, command) in std::mem::take(&mut self.unsure) {
                self.carry_out(id, command).await;
            }
            for _ in 0..=self.dice.below(3) {
                if let Some(command) = self.command(house).await {
                    self.ask(command).await;
                }
            }
            // Every other worker runs as a host's does, with a hand for messages beside the one for
            // leads.
            match self.orders.incarnation % 2 {
                0 => self.tick().await,
                _ => self.run().await,
            }
        }
    }

    async fn tick(&mut self) {
        match self.engine.tick().await {
            Ok(ticked) => ticked
                .failures
                .iter()
                .for_each(|(_, error)| self.note(error)),
            Err(error) => self.note(&error),
        }
    }

    /// Runs for a while by its clock, which goes on where the worker rests.
    async fn run(&mut self) {
        let engine = self.engine.clone();
        let until = self.clock.now() + Elapsed::seconds(5);
        let clock = self.clock.clone();
        let is_over = poll_fn(|context| {
            context.waker().wake_by_ref();
            match clock.now() >= until {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        let looked_at = |_, ticked: &Ticked, broken: Option<&Error>| {
            let failures = ticked.failures.iter().map(|(_, error)| error);
            failures.chain(broken).for_each(|error| self.note(error));
        };
        if let Err(error) = engine.run_watched(is_over, looked_at).await {
            self.note(&error);
        }
        say(&Says::Now(self.clock.now().timestamp_micros()));
    }

    async fn command(&mut self, house: &House) -> Option<Command> {
        let tenant = self.engine.tenant(house.tenant.clone());
        let newest = Order::Descending("registered_at".into());
        let leads = tenant.leads("", newest, None, 30).await;
        let doubtful = tenant.messages("state == \"in-doubt\"", None, 10).await;
        let (leads, doubtful) = match (leads.and_then(Page::whole), doubtful.and_then(Page::whole))
        {
            (Ok(leads), Ok(messages)) => (leads, messages),
            (leads, messages) => {
                leads.err().iter().for_each(|error| self.note(error));
                messages.err().iter().for_each(|error| self.note(error));
                return None;
            }
        };
        let around = match self.around(house, &leads).await {
            Ok(around) => around,
            Err(error) => {
                self.note(&error);
                return None;
            }
        };
        let leads: Vec<&Lead> = leads.iter().collect();
        let messages: Vec<MessageId> = doubtful.iter().map(|message| message.id).collect();
        let view = View {
            tenant: &house.tenant,
            book: &house.versions[0],
            leads: &leads,
            contacts: &around.contacts.iter().collect::<Vec<_>>(),
            agents: &around.agents.iter().collect::<Vec<_>>(),
            plans: &around.plans.iter().collect::<Vec<_>>(),
            messages: &messages,
            now: self.clock.now(),
        };
        Some(view.command(&mut self.dice))
    }

    /// The contacts of leads and those who were merged into them, the agents, and the visit plans of this
    /// week.
    async fn around(&self, house: &House, leads: &[Lead]) -> Result<Around, Error> {
        let tenant = self.engine.tenant(house.tenant.clone());
        let mut around = Around::default();
        let mut ids: Vec<ContactId> = leads.iter().map(|lead| lead.contact.id).collect();
        ids.sort_unstable();
        ids.dedup();
        while let Some(id) = ids.pop() {
            if let Some(contact) = tenant.contact(id).await? {
                ids.extend(contact.taken.iter().map(|taken| taken.from));
                around.contacts.push(contact);
            }
        }
        for agent in desk::AGENTS {
            around.agents.extend(tenant.agent(&agent.into()).await?);
        }
        let week = Week::of(self.clock.now().date_naive());
        for zone in desk::zones(&house.versions[0]) {
            around.plans.extend(tenant.visit_plan(&zone, week).await?);
        }
        Ok(around)
    }

    async fn ask(&mut self, command: Command) {
        self.asked += 1;
        let id = format_smolstr!("{} {}", self.orders.incarnation, self.asked);
        self.carry_out(id, command).await;
    }

    async fn carry_out(&mut self, id: SmolStr, command: Command) {
        say(&Says::Asked(id.clone(), Box::new(command.clone())));
        let executed = self
            .engine
            .execute(Some(CommandId::of(&id)), command.clone());
        let answer = executed.await;
        say(&match answer {
            Ok(answer) if answer.already_done => Says::Before(id),
            Ok(_) => Says::Done(id),
            Err(Error::Refused(_)) => Says::Refused(id),
            Err(error) => {
                self.note(&error);
                self.unsure.push((id.clone(), command));
                Says::Failed(id)
            }
        });
    }

    /// Notes a failure, and tells of it if no kill and no full disk explains it.
    fn note(&mut self, error: &Error) {
        let is_expected = match error {
            Error::Store(error) => {
                self.is_cut_off |= error.kind == StoreErrorKind::Unavailable;
                error.kind == StoreErrorKind::Unavailable
            }
            Error::Unreadable { .. } => false,
            _ => true,
        };
        if !is_expected {
            say(&Says::Alarm(format!("{error:?}")));
        }
    }
}
