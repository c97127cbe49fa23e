//! A decision in the making: what it read, what it is going to write, what happened.

use std::borrow::Cow;
use std::sync::Arc;

use crate::agenda;
use crate::calendar::CalendarError;
use crate::decide::command::Actor;
use crate::decide::records::Records;
use crate::decide::refusal::Refusal;
use crate::decide::{Decision, Stop, Write};
use crate::ids::{CommandId, ContactId, Id, Tenant};
use crate::playbook::Playbook;
use crate::record::history::{History, Subject};
use crate::record::journal::{Asked, Event, JournalEntry};
use crate::record::lead::Moment;
use crate::record::{Lead, Pool, Record, Recorded};
use crate::store::{Check, Key, Version};
use crate::time::Instant;

/// Everything that a decision has in hand.
pub(crate) struct Draft<'a> {
    pub(crate) playbook: &'a Playbook,
    pub(crate) tenant: &'a Tenant,
    pub(crate) command: CommandId,
    pub(crate) actor: Actor,
    pub(crate) now: Instant,
    /// When it happened, for what is reported late; else now.
    pub(crate) happened_at: Instant,
    /// What was asked, if it was a command.
    pub(crate) asked: Option<Asked>,
    records: &'a Records,
    /// What was read, and what is written: few, so sorted by key they are found faster than in
    /// a tree, and cost no node of one.
    reads: Vec<Check>,
    writes: Vec<Write>,
    /// The records whose history this is, each as it is with this command.
    subjects: Vec<(Subject, History)>,
    events: Vec<Event>,
    made: u32,
}

/// A point in a decision to which it can be taken back.
pub(crate) struct Mark {
    writes: Vec<Write>,
    subjects: Vec<(Subject, History)>,
    events: usize,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(
        playbook: &'a Playbook,
        records: &'a Records,
        tenant: &'a Tenant,
        command: CommandId,
        actor: Actor,
        now: Instant,
    ) -> Self {
        Self {
            playbook,
            tenant,
            command,
            actor,
            now,
            happened_at: now,
            asked: None,
            records,
            reads: Vec::new(),
            writes: Vec::new(),
            subjects: Vec::new(),
            events: Vec::new(),
            made: 0,
        }
    }

    /// When what is being decided happened, and when it is recorded.
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            at: self.happened_at,
            recorded: self.now,
        }
    }

    /// Asks for everything that will be read, so that it is loaded in one go.
    pub(crate) fn need(&self, keys: impl IntoIterator<Item = Key>) -> Result<(), Stop> {
        let missing: Vec<Key> = keys
            .into_iter()
            .filter(|key| self.records.found(key).is_none())
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Stop::Need(missing))
        }
    }

    fn written(&self, key: &Key) -> Option<&Write> {
        let place = place_of(key, &self.writes, |write| &write.key);
        place.ok().map(|place| &self.writes[place])
    }

    /// Reads a record that the decision relies on; it must not have moved when this is written.
    pub(crate) fn read<T: Recorded>(&mut self, key: &Key) -> Result<Option<T>, Stop> {
        Ok(self.look_at::<T>(key)?.cloned())
    }

    /// The same, copied only if this decision wrote it.
    pub(crate) fn share<T: Recorded>(&mut self, key: &Key) -> Result<Option<Cow<'a, T>>, Stop> {
        if let Some(write) = self.written(key) {
            let written = write.record.as_deref().and_then(T::from_record);
            return Ok(written.cloned().map(Cow::Owned));
        }
        let loaded = self.loaded(key)?.and_then(T::from_record);
        Ok(loaded.map(Cow::Borrowed))
    }

    /// The same, borrowed.
    pub(crate) fn look_at<T: Recorded>(&mut self, key: &Key) -> Result<Option<&T>, Stop> {
        if let Ok(place) = place_of(key, &self.writes, |write| &write.key) {
            return Ok(self.writes[place]
                .record
                .as_deref()
                .and_then(T::from_record));
        }
        Ok(self.loaded(key)?.and_then(T::from_record))
    }

    /// What was loaded, which is relied on from now on.
    fn loaded(&mut self, key: &Key) -> Result<Option<&'a Record>, Stop> {
        let Some(found) = self.records.found(key) else {
            return Err(Stop::Need(vec![key.clone()]));
        };
        if let Err(place) = place_of(key, &self.reads, |read| &read.key) {
            let (key, version) = (key.clone(), found.version);
            self.reads.insert(place, Check { key, version });
        }
        Ok(found.record.as_deref())
    }

    /// These contacts were read at different moments: what each says of the others can't be so at once. They
    /// are asked for anew, together.
    pub(crate) fn torn(&self, ids: impl IntoIterator<Item = ContactId>) -> Stop {
        let keys = ids.into_iter().map(|id| Key::contact(self.tenant, id));
        Stop::Need(keys.collect())
    }

    /// A record as it was before this decision, if it was read and was there.
    pub(crate) fn as_loaded<T: Recorded>(&self, key: &Key) -> Option<&'a T> {
        self.records.record(key)
    }

    /// Reads a record that only ranks or informs; that it moves meanwhile does no harm.
    pub(crate) fn hint<T: Recorded>(&self, key: &Key) -> Result<Option<&T>, Stop> {
        if let Some(write) = self.written(key) {
            return Ok(write.record.as_deref().and_then(T::from_record));
        }
        let Some(found) = self.records.found(key) else {
            return Err(Stop::Need(vec![key.clone()]));
        };
        Ok(found.record.as_deref().and_then(T::from_record))
    }

    /// Writes a record. Its clock is computed here, for leads from the agenda.
    ///
    /// A message or a sweep is this playbook's from now on: else, once nobody knows the one under
    /// which it was made, nobody would serve it.
    pub(crate) fn put<T: Recorded>(&mut self, key: Key, mut record: T, wakes_at: Option<Instant>) {
        let id = key.id;
        let command = self.command;
        if let Some(playbook) = record.served_by() {
            if *playbook != self.playbook.hash {
                *playbook = self.playbook.hash.clone();
            }
        }
        if let Some(history) = record.history() {
            let known = self
                .subjects
                .iter()
                .find(|(subject, _)| subject.record == id);
            *history = match known {
                Some((_, history)) => *history,
                None => {
                    let (longer, subject) = history.and(command, id);
                    self.subjects.push((subject, longer));
                    longer
                }
            };
        }
        let record = record.into_record();
        self.write(key, Some(Arc::new(record)), wakes_at);
    }

    /// Changes a pool, in place once this decision wrote it: a pool is large, and an assignment
    /// changes its shares, its loads and its tallies.
    pub(crate) fn change_pool(
        &mut self,
        key: &Key,
        change: impl FnOnce(&mut Pool),
    ) -> Result<(), Stop> {
        if let Ok(place) = place_of(key, &self.writes, |write| &write.key) {
            let written = self.writes[place].record.as_mut();
            if let Some(Record::Pool(pool)) = written.map(Arc::make_mut) {
                change(pool);
                return Ok(());
            }
        }
        let mut pool: Pool = self.read(key)?.unwrap_or_default();
        change(&mut pool);
        self.put(key.clone(), pool, None);
        Ok(())
    }

    /// Writes a lead that is settled.
    pub(crate) fn put_lead(&mut self, lead: impl Into<Box<Lead>>) {
        let lead = lead.into();
        let wakes_at = agenda::wakes_at(self.playbook, &lead);
        self.put(Key::lead(self.tenant, lead.id), lead, wakes_at);
    }

    /// Removes a record.
    pub(crate) fn remove(&mut self, key: Key) {
        self.write(key, None, None);
    }

    fn write(&mut self, key: Key, record: Option<Arc<Record>>, wakes_at: Option<Instant>) {
        match place_of(&key, &self.writes, |write| &write.key) {
            Ok(place) => {
                let write = &mut self.writes[place];
                write.record = record;
                write.wakes_at = wakes_at;
            }
            Err(place) => {
                let read = place_of(&key, &self.reads, |read| &read.key);
                let read = read.map_or(Version::ABSENT, |place| self.reads[place].version);
                let write = Write {
                    key,
                    read,
                    makes: read.next(),
                    record,
                    wakes_at,
                };
                self.writes.insert(place, write);
            }
        }
    }

    /// A new id for something that this decision makes.
    pub(crate) fn new_id(&mut self, what: &str) -> Id {
        self.made += 1;
        Id::derived(self.now, &self.command, what, self.made)
    }

    /// What has happened so far.
    pub(crate) fn events(&self) -> &[Event] {
        &self.events
    }

    /// Says what happened.
    pub(crate) fn happened(&mut self, event: Event) {
        self.events.push(event);
    }

    /// What is decided so far.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            writes: self.writes.clone(),
            subjects: self.subjects.clone(),
            events: self.events.len(),
        }
    }

    /// Forgets what was decided since; what was read for it stays relied on.
    pub(crate) fn back_to(&mut self, mark: Mark) {
        self.writes = mark.writes;
        self.subjects = mark.subjects;
        self.events.truncate(mark.events);
    }

    /// The decision.
    pub(crate) fn finish(self) -> Decision {
        let (writes, mut checks) = (self.writes, self.reads);
        checks.retain(|check| place_of(&check.key, &writes, |write| &write.key).is_err());
        Decision {
            tenant: self.tenant.clone(),
            command: self.command,
            checks,
            writes,
            entry: JournalEntry {
                at: self.now,
                happened_at: (self.happened_at != self.now).then_some(self.happened_at),
                actor: self.actor,
                asked: self.asked,
                subjects: self
                    .subjects
                    .into_iter()
                    .map(|(subject, _)| subject)
                    .collect(),
                events: self.events,
            },
        }
    }
}

/// Where a key stands in a list that is sorted by key, or belongs.
fn place_of<T>(key: &Key, list: &[T], key_of: impl Fn(&T) -> &Key) -> Result<usize, usize> {
    list.binary_search_by(|other| key_of(other).cmp(key))
}

/// A time that never comes is a refusal only where a person asked for it; here it means "no
/// deadline".
pub(crate) fn never_is_none(time: Result<Option<Instant>, CalendarError>) -> Option<Instant> {
    time.unwrap_or(None)
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}
