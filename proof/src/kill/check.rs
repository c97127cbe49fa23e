//! Who listens to the workers, kills them, and looks at what is on the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::{self, Command, What};
use leadkit::engine::Engine;
use leadkit::ids::{CommandId, MessageId};
use leadkit::mailer::Outcome;
use leadkit::record::Record;
use leadkit::time::{Elapsed, Instant};
use leadkit_maildir::MaildirMailer;
use smol_str::SmolStr;

use super::process::Ended;
use super::worker::{Says, pending_file};
use super::{End, Orders, Outbox, Place, Running, house, logs, mail, outbox};
use crate::ends;
use crate::houses::{Books, House};
use crate::ledger::{Finding, Ledger};
use crate::post::Post;

/// What was found on the disk.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What must not be.
    pub findings: Vec<Finding>,
    /// The histories of the leads that it was found at.
    pub timelines: Vec<String>,
    /// How many entries the journal has.
    pub entries: usize,
    /// How many hand-overs there were.
    pub hand_overs: usize,
}

/// What became of a command, as far as its workers told.
#[derive(Clone, Debug)]
struct Fate {
    command: Command,
    done: u32,
    is_acknowledged: bool,
    /// Whether some worker died over it, or failed.
    is_unknown: bool,
}

/// Everything that happens in one folder, from its first worker to its last.
#[derive(Debug)]
pub struct Life {
    place: Place,
    folder: PathBuf,
    seed: u64,
    house: House,
    next_incarnation: u64,
    now: Instant,
    fates: BTreeMap<SmolStr, Fate>,
    /// What workers of this round left open.
    left_open: BTreeSet<SmolStr>,
    alarms: Vec<String>,
    /// How workers ended that may not end like that.
    ends: Vec<String>,
}

impl Life {
    /// Begins in an empty folder.
    ///
    /// # Errors
    /// When folders can't be made in it.
    pub fn begin(place: Place, folder: PathBuf, seed: u64) -> Result<Self, String> {
        for part in [mail(&folder), logs(&folder)] {
            std::fs::create_dir_all(&part).map_err(|error| format!("{part:?}: {error}"))?;
        }
        let now = Instant::UNIX_EPOCH + Elapsed::days(20_500) + Elapsed::hours(14);
        Ok(Self {
            place,
            folder,
            seed,
            house: house(seed),
            next_incarnation: 0,
            now,
            fates: BTreeMap::new(),
            left_open: BTreeSet::new(),
            alarms: Vec::new(),
            ends: Vec::new(),
        })
    }

    /// The same in a copy of the folder.
    #[must_use]
    pub fn moved_to(&self, folder: PathBuf) -> Self {
        Self {
            place: self.place,
            folder,
            seed: self.seed,
            house: self.house.clone(),
            next_incarnation: self.next_incarnation,
            now: self.now,
            fates: self.fates.clone(),
            left_open: self.left_open.clone(),
            alarms: self.alarms.clone(),
            ends: self.ends.clone(),
        }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &PathBuf {
        &self.folder
    }

    /// How many commands were acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        let fates = self.fates.values();
        fates.filter(|fate| fate.is_acknowledged).count()
    }

    /// How many commands were asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.fates.len()
    }

    /// What the next worker is told. What nobody knows the fate of is asked again by it.
    ///
    /// # Errors
    /// When that can't be written down.
    pub fn next_orders(&mut self, rounds: Option<u64>) -> Result<Orders, String> {
        let orders = Orders {
            place: self.place,
            folder: self.folder.clone(),
            seed: self.seed,
            incarnation: self.next_incarnation,
            now_micros: self.now.timestamp_micros(),
            rounds,
            flaw: None,
        };
        self.next_incarnation += 1;
        let unknown = self
            .fates
            .iter()
            .filter(|(_, fate)| fate.is_unknown && !fate.is_acknowledged);
        let pending: Vec<(&SmolStr, &Command)> =
            unknown.map(|(id, fate)| (id, &fate.command)).collect();
        let text = serde_json::to_string(&pending).map_err(|error| error.to_string())?;
        let file = pending_file(&orders);
        std::fs::write(&file, text).map_err(|error| format!("{file:?}: {error}"))?;
        Ok(orders)
    }

    /// Kills a worker, which is found if it had ended by itself, and hears what it said.
    ///
    /// # Errors
    /// When it can't be killed, or said what nobody understands.
    pub fn kill(&mut self, mut running: Running) -> Result<End, String> {
        running.kill()?;
        self.hear(running, |end| *end == End::Killed)
    }

    /// Waits for a worker's end, which is found if it may not end like that, and hears what it said.
    ///
    /// # Errors
    /// When it said what nobody understands.
    pub fn hear(
        &mut self,
        running: Running,
        may: impl FnOnce(&End) -> bool,
    ) -> Result<End, String> {
        let Ended {
            incarnation,
            says,
            end,
        } = running.wait()?;
        let mut open: BTreeSet<SmolStr> = BTreeSet::new();
        for says in says {
            match says {
                Says::Now(micros) => {
                    let now = Instant::from_timestamp_micros(micros);
                    self.now = self.now.max(now.unwrap_or(self.now));
                }
                Says::Asked(id, command) => {
                    open.insert(id.clone());
                    self.fates.entry(id).or_insert(Fate {
                        command: *command,
                        done: 0,
                        is_acknowledged: false,
                        is_unknown: false,
                    });
                }
                Says::Done(id) => {
                    open.remove(&id);
                    self.change(&id, |fate| {
                        fate.done += 1;
                        fate.is_acknowledged = true;
                    });
                }
                Says::Before(id) => {
                    open.remove(&id);
                    self.change(&id, |fate| fate.is_acknowledged = true);
                }
                Says::Refused(id) => {
                    open.remove(&id);
                    // What was asked again and is refused was not carried out before; unless another
                    // worker was asked at the same time, and may have been faster.
                    let is_open = self.left_open.contains(&id);
                    self.change(&id, |fate| fate.is_unknown &= is_open);
                }
                Says::Failed(_) | Says::Finished => {}
                Says::Alarm(what) => self.alarms.push(what),
            }
        }
        for id in open {
            self.change(&id, |fate| fate.is_unknown = true);
            self.left_open.insert(id);
        }
        if !may(&end) {
            self.ends.push(format!("worker {incarnation} {end}"));
        }
        Ok(end)
    }

    fn change(&mut self, id: &SmolStr, change: impl FnOnce(&mut Fate)) {
        if let Some(fate) = self.fates.get_mut(id) {
            change(fate);
        }
    }

    /// Whoever comes next comes when hand-overs and leases are over.
    pub fn pass_time(&mut self) {
        self.now += Elapsed::minutes(3);
        self.left_open.clear();
    }

    /// Looks at what is on the disk.
    ///
    /// # Errors
    /// When that can't be read at all.
    pub fn check(&self) -> Result<Checked, String> {
        let (ledger, post) = self.read()?;
        Ok(checked(ledger, &post))
    }

    fn read(&self) -> Result<(Ledger, Post), String> {
        // How a worker ended may be why nothing can be read.
        let told = |error| [vec![error], self.ends.clone()].concat().join("; ");
        self.read_whole().map_err(told)
    }

    fn read_whole(&self) -> Result<(Ledger, Post), String> {
        self.place.settle(&self.folder)?;
        let faults = self.place.faults(&self.folder)?;
        let store = self.place.open(&self.folder)?;
        let books = Books::of(std::slice::from_ref(&self.house));
        let tenants = [self.house.tenant.clone()];
        let read = Ledger::read(store.as_ref(), &tenants, books);
        let read = self.place.block_on(read);
        let mut ledger = read.map_err(|error| format!("{error:?}"))?;
        for fault in faults {
            ledger.find("the database is whole", fault, None);
        }
        for alarm in &self.alarms {
            ledger.find("nothing fails but by faults", alarm.clone(), None);
        }
        for end in &self.ends {
            ledger.find("a worker ends as it may", end.clone(), None);
        }
        self.hold_to_acknowledgements(&mut ledger);
        let mut post = Post::default();
        for dial in outbox::dials(&self.folder)? {
            post.add(dial, &mut ledger);
        }
        post.hold_to_cap(&self.house.tenant, &mut ledger);
        self.hold_to_mail(&mut ledger, &post)?;
        Ok((ledger, post))
    }

    fn hold_to_acknowledgements(&self, ledger: &mut Ledger) {
        for (id, fate) in &self.fates {
            let is_kept = ledger.has(&self.house.tenant, CommandId::of(id));
            let what = format!("{id}, {:?}", fate.command.what);
            if fate.is_acknowledged && !is_kept {
                ledger.find("what is acknowledged is kept", what.clone(), None);
            }
            if is_kept && !fate.is_acknowledged && !fate.is_unknown {
                ledger.find("what is refused leaves no trace", what.clone(), None);
            }
            if fate.done > 1 {
                ledger.find("a command acts once", what, None);
            }
        }
    }

    /// What was accepted is there.
    fn hold_to_mail(&self, ledger: &mut Ledger, post: &Post) -> Result<(), String> {
        let maildir = MaildirMailer::open(mail(&self.folder));
        let maildir = maildir.map_err(|error| format!("{error:?}"))?;
        for dial in post.dials() {
            let path = maildir.path(&dial.tenant, dial.message);
            if dial.outcome == Some(Outcome::Accepted) && !path.is_file() {
                ledger.find("what is accepted is there", format!("{dial:?}"), None);
            }
        }
        let mut lost = Vec::new();
        for (key, held) in ledger.records() {
            if let Record::Message(message) = &held.record {
                let mut dials = post.of(&key.tenant, MessageId(key.id));
                let is_accepted = message.state == leadkit::record::message::State::Accepted;
                // A person may have said so.
                let taken = What::SettleMessage {
                    message: MessageId(key.id),
                    fate: command::Fate::Accepted,
                };
                let was_settled = || self.fates.values().any(|asked| asked.command.what == taken);
                let was_taken = dials.any(|dial| dial.outcome == Some(Outcome::Accepted));
                if is_accepted && !was_taken && !was_settled() {
                    lost.push(format!("{message:?}"));
                }
            }
        }
        for what in lost {
            ledger.find("what is accepted is there", what, None);
        }
        Ok(())
    }

    /// Brings the folder's life to its end: one more worker, to which nothing happens, does whatever
    /// waits; and then all must have come to its end.
    ///
    /// # Errors
    /// When it can't.
    pub fn end(&mut self) -> Result<Checked, String> {
        self.place.settle(&self.folder)?;
        let store = self.place.open(&self.folder)?;
        let outbox = Outbox::open(&self.folder, self.next_incarnation, false)?;
        self.next_incarnation += 1;
        let clock = VirtualClock::at(self.now + Elapsed::minutes(5));
        let engine = Engine::builder_on(store)
            .playbook(
                self.house.tenant.clone(),
                Arc::clone(&self.house.versions[0]),
            )
            .mailer("email", outbox)
            .clock(clock.clone())
            .seed(self.next_incarnation)
            .build()
            .map_err(|error| format!("{error:?}"))?;
        let until = clock.now() + Elapsed::days(4);
        let lived = self.place.block_on(async {
            engine.tick().await?;
            engine.live_until(&clock, until, |_, _| {}).await
        });
        lived.map_err(|error| format!("{error:?}"))?;
        drop(engine);
        self.now = clock.now();
        let (mut ledger, post) = self.read()?;
        ends::hold_to_ends(&mut ledger, &post, self.now);
        Ok(checked(ledger, &post))
    }
}

fn checked(ledger: Ledger, post: &Post) -> Checked {
    let findings = ledger.findings().to_vec();
    let about: BTreeSet<_> = findings.iter().filter_map(|f| f.lead.clone()).collect();
    let mut timelines = Vec::new();
    for (tenant, lead) in about.iter().take(3) {
        timelines.push(format!("lead {lead} of {tenant}"));
        timelines.extend(ledger.timeline(tenant, *lead));
    }
    Checked {
        findings,
        timelines,
        entries: ledger.entries(),
        hand_overs: post.dials().len(),
    }
}
