//! The end of a run: everything that waits is done by a worker to which nothing happens, and then
//! all is held to the laws once more, as it is in the store.

use std::hash::Hasher as _;
use std::sync::Arc;

use leadkit::clock::{Clock, VirtualClock};
use leadkit::store::Store;
use leadkit::time::Elapsed;
use siphasher::sip128::{Hasher128, SipHasher13};

use super::flaws::FlawedStore;
use super::tap::Truth;
use super::{Simulation, Told, worker};
use crate::ends;
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
        self.hear(told, 0);
        let until = clock.now() + Elapsed::days(LAST_DAYS);
        let mut told = Told::default();
        let lived = pollster::block_on(
            engine.live_until(&clock, until, |_, ticked| told.note_failures(ticked)),
        );
        if let Err(error) = lived {
            told.alarms.push(format!("{error:?}"));
        }
        self.hear(told, 0);
        self.hold_to_acknowledgements();
        self.hold_to_caps();
        let mut guard = self.truth.lock();
        let truth = &mut *guard;
        ends::hold_to_ends(&mut truth.ledger, &truth.post, clock.now());
        drop(guard);
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
            truth.post.hold_to_cap(&house.tenant, &mut truth.ledger);
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

/// What tells a run from any other.
pub(super) fn digest(truth: &Truth) -> String {
    let mut hasher = SipHasher13::new();
    for tenant in truth.ledger.tenants() {
        hasher.write(tenant.as_str().as_bytes());
        for entry in truth.ledger.journal(tenant) {
            hasher.write(entry.command.0.as_bytes());
            hasher.write(&entry.body);
        }
    }
    for dial in truth.post.dials() {
        hasher.write(format!("{dial:?}").as_bytes());
    }
    let hash = u128::from_be_bytes(hasher.finish128().as_bytes());
    format!("{hash:032x}")
}

#[cfg(test)]
mod tests {
    use leadkit::decide::command::Actor;
    use leadkit::ids::CommandId;
    use leadkit::record::journal::JournalEntry;
    use leadkit::record::stored;
    use leadkit::store::Changes;
    use leadkit::time::Instant;

    use super::*;

    #[test]
    fn a_journal_of_other_bytes_is_another_one_even_if_it_reads_the_same() {
        let entry = JournalEntry {
            at: Instant::UNIX_EPOCH,
            happened_at: None,
            actor: Actor::host("desk"),
            asked: None,
            subjects: Vec::new(),
            events: Vec::new(),
        };
        let digest_of = |journal: Vec<u8>| {
            assert_eq!(stored::decode_entry(&journal).unwrap(), entry);
            let mut truth = Truth::default();
            truth.ledger.write(&Changes {
                tenant: "quito".into(),
                command: CommandId::of("write"),
                checks: Vec::new(),
                puts: Vec::new(),
                journal,
            });
            digest(&truth)
        };
        let body = stored::encode_entry(&entry).unwrap();
        let longer = [body.as_slice(), &[0]].concat();
        assert_eq!(digest_of(body.clone()), digest_of(body.clone()));
        assert_ne!(digest_of(body), digest_of(longer));
    }
}
