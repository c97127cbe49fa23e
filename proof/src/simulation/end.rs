//! The end of a run: everything that waits is done by a worker to which nothing happens, and then
//! all is held to the laws once more, as it is in the store.

use std::hash::Hasher as _;
use std::sync::Arc;

use leadkit::clock::{Clock, VirtualClock};
use leadkit::ids::MessageId;
use leadkit::mailer::Outcome;
use leadkit::record::message::{Class, DropReason, State};
use leadkit::record::{Message, Record};
use leadkit::store::Store;
use leadkit::time::Elapsed;
use siphasher::sip128::{Hasher128, SipHasher13};

use super::flaws::FlawedStore;
use super::tap::Truth;
use super::{Simulation, worker};
use crate::houses::Books;
use crate::ledger::Ledger;

/// How long the last worker lives: longer than a message is tried again.
const LAST_DAYS: i64 = 4;

impl Simulation {
    /// Brings the run to its end.
    pub(super) fn end(&mut self) {
        for place in 0..self.workers.len() {
            self.die(place);
        }
        // The leases and hand-overs of whoever's clock ran ahead are over.
        self.note_clocks();
        let clock = VirtualClock::at(self.latest + Elapsed::minutes(5));
        let engine = self.healthy_engine(clock.clone(), self.versions());
        let told = pollster::block_on(worker::tick(engine.clone()));
        self.hear(told);
        let until = clock.now() + Elapsed::days(LAST_DAYS);
        let lived = pollster::block_on(engine.live_until(&clock, until, |_, _| {}));
        if let Err(error) = lived {
            let what = format!("{error:?}");
            let ledger = &mut self.truth.lock().ledger;
            ledger.find("nothing fails but by faults", what, None);
        }
        self.hold_to_acknowledgements();
        self.hold_to_caps();
        self.hold_to_ends(clock.now());
        self.hold_to_what_is_kept();
    }

    /// What was acknowledged is kept, and what was refused left no trace.
    fn hold_to_acknowledgements(&self) {
        let ledger = &mut self.truth.lock().ledger;
        for asked in &self.asked {
            let is_kept = ledger.has(&asked.command.tenant, asked.id);
            let what = &asked.command.what;
            if asked.is_acknowledged && !is_kept {
                let what = format!("{what:?} was acknowledged and is lost");
                ledger.find("what is acknowledged is kept", what, None);
            }
            let is_set_up = matches!(what, leadkit::decide::command::What::SetUpAgent(_));
            if is_kept && !asked.is_acknowledged && !asked.is_unknown && !is_set_up {
                let what = format!("{what:?} was refused and is in the journal");
                ledger.find("what is refused leaves no trace", what, None);
            }
        }
    }

    fn hold_to_caps(&self) {
        let truth = &mut *self.truth.lock();
        for house in &self.houses {
            if let Some(rule) = house.versions[0].cap {
                truth
                    .post
                    .hold_to_cap(&house.tenant, rule.cap, &mut truth.ledger);
            }
        }
    }

    /// Nothing waits for ever: whatever was due is done, each message has come to an end, and every
    /// alert has arrived or is known not to.
    fn hold_to_ends(&self, now: leadkit::time::Instant) {
        let truth = &mut *self.truth.lock();
        let mut broken = Vec::new();
        for (key, held) in truth.ledger.records() {
            if held.wakes_at.is_some_and(|at| at <= now) {
                let what = format!("{key:?} is due since {:?}: {:?}", held.wakes_at, held.record);
                broken.push((key.clone(), "what is due is done", what));
            }
            let Record::Message(message) = &held.record else {
                continue;
            };
            let arrived = truth
                .post
                .of(&key.tenant, MessageId(key.id))
                .any(|dial| matches!(dial.outcome, Some(Outcome::Accepted)));
            if let Some(what) = wrong_end(message, arrived) {
                broken.push((key.clone(), "alerts arrive", what));
            }
        }
        for (key, law, what) in broken {
            truth.ledger.find(law, what, Some(&key));
        }
    }

    /// What the store says in the end is what was written.
    fn hold_to_what_is_kept(&self) {
        let books = Books::of(&self.houses);
        let store: Arc<dyn Store> =
            Arc::new(FlawedStore::new(Arc::new(self.kept.clone()), self.flaw));
        let tenants = self.tenants();
        let read = Ledger::read(store.as_ref(), &tenants, books);
        let ledger = &mut self.truth.lock().ledger;
        match pollster::block_on(read) {
            Ok(found) => ledger.compare(&found),
            Err(error) => ledger.find("everything can be read", format!("{error:?}"), None),
        }
    }
}

/// What is wrong with how a message ended, if something is.
fn wrong_end(message: &Message, arrived: bool) -> Option<String> {
    let is_set_aside = message
        .trouble
        .as_ref()
        .is_some_and(|trouble| trouble.is_set_aside());
    let is_right = match (&message.state, message.class) {
        _ if is_set_aside => message.template == *"heavy",
        (State::Accepted, Class::Alert) => arrived,
        (State::Accepted | State::InDoubt, Class::Marketing) => true,
        (State::Refused, _) => true,
        (State::Dropped(DropReason::Expired), Class::Alert) => {
            message.attempts > 1 || message.expires_at.is_some()
        }
        (State::Dropped(_), _) => true,
        // It waits for its turn under the cap.
        (State::Queued { .. }, Class::Marketing) => true,
        _ => false,
    };
    (!is_right).then(|| format!("{message:?}, arrived: {arrived}"))
}

/// What tells a run from any other.
pub(super) fn digest(truth: &Truth) -> String {
    let mut hasher = SipHasher13::new();
    for tenant in truth.ledger.tenants() {
        hasher.write(tenant.as_str().as_bytes());
        for entry in truth.ledger.journal(tenant) {
            hasher.write(entry.command.0.as_bytes());
            match leadkit::record::stored::encode_entry(&entry.entry) {
                Ok(body) => hasher.write(&body),
                Err(_) => hasher.write(b"?"),
            }
        }
    }
    for dial in truth.post.dials() {
        hasher.write(format!("{dial:?}").as_bytes());
    }
    let hash = u128::from_be_bytes(hasher.finish128().as_bytes());
    format!("{hash:032x}")
}
