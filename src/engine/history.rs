//! Reading histories: a lead's, and those of the messages that it queued, in one walk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Engine, Error};
use crate::explain::Past;
use crate::ids::{CommandId, Id, LeadId, MessageId, Tenant};
use crate::record::history::History;
use crate::record::journal::{Event, JournalEntry};
use crate::record::stored::Unreadable;
use crate::record::{Lead, Message, Recorded, stored};
use crate::store::{Key, Kind, Loaded};
use crate::time::Instant;

/// How many messages of a lead are told of; of those queued before, only that they were queued.
const MOST_MESSAGES: usize = 500;

impl Engine {
    /// Reads the newest entries of a lead's history, with the messages that they queued and theirs.
    ///
    /// All histories go back a step in one load, and each in several places at once, so that there
    /// are far fewer loads than entries.
    pub(super) async fn past(
        &self,
        tenant: &Tenant,
        lead: &Lead,
        newest: u32,
    ) -> Result<Past, Error> {
        let mut walk = Walk::new(lead.id, lead.history, newest);
        while let Some(keys) = walk.keys(tenant) {
            let loaded = self.inner.store.load(&keys).await?;
            for (key, Loaded { body, .. }) in keys.into_iter().zip(loaded) {
                if let Some(body) = body {
                    let noted = walk.note(&key, &body);
                    noted.map_err(|source| Error::Unreadable { key, source })?;
                }
            }
        }
        Ok(walk.past())
    }
}

/// A place in a history, on the way back.
struct Step {
    record: Id,
    command: CommandId,
    /// Which entry of that history it is, from 0.
    number: u32,
}

/// What is on the way, and what was found.
struct Walk {
    lead: LeadId,
    /// How many entries of each history are read.
    newest: u32,
    /// How many of the lead's are older.
    older: u32,
    /// The first entry that is read, of each record.
    floors: BTreeMap<Id, u32>,
    /// Where entries are still to be read.
    next: Vec<Step>,
    /// Where they are being read, by the command.
    read: BTreeMap<Id, Vec<Step>>,
    seen: BTreeSet<(Id, CommandId)>,
    /// The commands of each record, by their numbers.
    chains: BTreeMap<Id, BTreeMap<u32, CommandId>>,
    entries: BTreeMap<CommandId, JournalEntry>,
    /// Messages that were met, and those of them that are still to be read.
    met: BTreeSet<Id>,
    unread: Vec<Id>,
    messages: Vec<Message>,
}

impl Walk {
    fn new(lead: LeadId, history: History, newest: u32) -> Self {
        let mut walk = Self {
            lead,
            newest,
            older: history.length.saturating_sub(newest),
            floors: BTreeMap::new(),
            next: Vec::new(),
            read: BTreeMap::new(),
            seen: BTreeSet::new(),
            chains: BTreeMap::new(),
            entries: BTreeMap::new(),
            met: BTreeSet::new(),
            unread: Vec::new(),
            messages: Vec::new(),
        };
        walk.begin(lead.0, history);
        walk
    }

    /// Begins at the end of a history, and at its last milestone.
    fn begin(&mut self, record: Id, history: History) {
        let floor = history.length.saturating_sub(self.newest);
        self.floors.insert(record, floor);
        let Some(last) = history.length.checked_sub(1) else {
            return;
        };
        self.step(record, history.last, last);
        let milestone = last - last % History::STRIDE;
        self.step(record, history.milestone, milestone);
    }

    /// Goes to an entry, unless somebody was there, or it is too old.
    fn step(&mut self, record: Id, command: Option<CommandId>, number: u32) {
        let floor = self.floors.get(&record).copied().unwrap_or_default();
        if let Some(command) = command.filter(|_| number >= floor) {
            if self.seen.insert((record, command)) {
                self.next.push(Step {
                    record,
                    command,
                    number,
                });
            }
        }
    }

    /// What is to be loaded next; `None` when all is found.
    fn keys(&mut self, tenant: &Tenant) -> Option<Vec<Key>> {
        self.read.clear();
        for step in self.next.drain(..) {
            self.read.entry(step.command.0).or_default().push(step);
        }
        let commands = self.read.keys();
        let entries = commands.map(|command| Key::journal(tenant, CommandId(*command)));
        let messages = self.unread.drain(..);
        let messages = messages.map(|message| Key::message(tenant, MessageId(message)));
        let keys: Vec<Key> = entries.chain(messages).collect();
        (!keys.is_empty()).then_some(keys)
    }

    /// Takes over what was loaded, and goes on behind it.
    fn note(&mut self, key: &Key, body: &[u8]) -> Result<(), Unreadable> {
        if key.kind == Kind::Journal {
            let entry = stored::decode_entry(body)?;
            for step in self.read.remove(&key.id).unwrap_or_default() {
                self.go_on(&step, &entry);
            }
            self.entries.insert(CommandId(key.id), entry);
        } else if let Some(message) = Message::from_record(&stored::decode(body)?) {
            self.begin(message.id.0, message.history);
            self.messages.push(message.clone());
        }
        Ok(())
    }

    fn go_on(&mut self, step: &Step, entry: &JournalEntry) {
        let chain = self.chains.entry(step.record).or_default();
        chain.insert(step.number, step.command);
        if step.record == self.lead.0 {
            self.meet_queued(entry);
        }
        let mut subjects = entry.subjects.iter();
        let Some(subject) = subjects.find(|subject| subject.record == step.record) else {
            return;
        };
        if let Some(number) = step.number.checked_sub(1) {
            self.step(step.record, subject.before, number);
        }
        if let Some(number) = step.number.checked_sub(History::STRIDE) {
            self.step(step.record, subject.milestone, number);
        }
    }

    /// Meets the messages that an entry queued.
    fn meet_queued(&mut self, entry: &JournalEntry) {
        for event in &entry.events {
            let Event::Queued { message, lead, .. } = event else {
                continue;
            };
            let has_room = self.met.len() < MOST_MESSAGES;
            if *lead == self.lead && has_room && self.met.insert(message.0) {
                self.unread.push(message.0);
            }
        }
    }

    /// All that was found, in order.
    fn past(mut self) -> Past {
        let of_lead = self.chains.remove(&self.lead.0).unwrap_or_default();
        let chains = std::iter::once(of_lead).chain(self.chains.into_values());
        let chains = chains.map(|chain| chain.into_values().collect());
        let commands = Merge::new(chains.collect(), &self.entries).merged();
        let mut entries = self.entries;
        Past {
            entries: commands
                .iter()
                .filter_map(|command| entries.remove(command))
                .collect(),
            messages: self.messages,
            older: self.older,
        }
    }
}

/// Makes one order of many histories: what belongs to one record stays as it happened to it, also
/// where a clock jumped back; else by time, and at one time the lead's own first.
struct Merge<'a> {
    /// The commands of each history, the lead's first.
    chains: Vec<VecDeque<CommandId>>,
    /// Which histories a command is in.
    places: BTreeMap<CommandId, Vec<usize>>,
    entries: &'a BTreeMap<CommandId, JournalEntry>,
    /// Commands with nothing before them, in any history, that is not told.
    ready: BTreeSet<(Instant, usize, CommandId)>,
}

impl<'a> Merge<'a> {
    fn new(
        chains: Vec<VecDeque<CommandId>>,
        entries: &'a BTreeMap<CommandId, JournalEntry>,
    ) -> Self {
        let mut places: BTreeMap<CommandId, Vec<usize>> = BTreeMap::new();
        for (place, chain) in chains.iter().enumerate() {
            for command in chain {
                places.entry(*command).or_default().push(place);
            }
        }
        let ready = BTreeSet::new();
        Self {
            chains,
            places,
            entries,
            ready,
        }
    }

    fn merged(mut self) -> Vec<CommandId> {
        for place in 0..self.chains.len() {
            self.look_at_head(place, Instant::MIN_UTC);
        }
        let mut merged = Vec::with_capacity(self.places.len());
        while let Some((at, _, command)) = self.ready.pop_first() {
            merged.push(command);
            let places = self.places.get(&command).cloned().unwrap_or_default();
            for place in &places {
                self.chains[*place].pop_front();
            }
            for place in places {
                self.look_at_head(place, at);
            }
        }
        merged
    }

    /// Makes the first command of a history ready, if it is the first in each that it is in.
    fn look_at_head(&mut self, place: usize, not_before: Instant) {
        let Some(head) = self.chains[place].front().copied() else {
            return;
        };
        let places = self.places.get(&head).map(Vec::as_slice);
        let places = places.unwrap_or_default();
        let is_first = |place: &usize| self.chains[*place].front() == Some(&head);
        if let (Some(entry), true) = (self.entries.get(&head), places.iter().all(is_first)) {
            let first = places.first().copied().unwrap_or(place);
            let at = entry.at.max(not_before);
            self.ready.insert((at, first, head));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::command::Actor;
    use crate::time::Elapsed;

    fn id(n: u32) -> Id {
        CommandId::of(&n.to_string()).0
    }

    /// A journal in which one lead lived through so many commands.
    fn journal(length: u32) -> (LeadId, History, BTreeMap<Id, Vec<u8>>) {
        let lead = LeadId(id(u32::MAX));
        let mut history = History::default();
        let mut bodies = BTreeMap::new();
        for n in 0..length {
            let (longer, subject) = history.and(CommandId(id(n)), lead.0);
            history = longer;
            let entry = JournalEntry {
                asked: None,
                at: Instant::UNIX_EPOCH + Elapsed::minutes(n.into()),
                happened_at: None,
                actor: Actor::host("test"),
                subjects: vec![subject],
                events: Vec::new(),
            };
            bodies.insert(id(n), stored::encode_entry(&entry).unwrap());
        }
        (lead, history, bodies)
    }

    /// How many loads it took, and what was found.
    fn walked(length: u32, newest: u32) -> (u32, Past) {
        let (lead, history, bodies) = journal(length);
        let tenant = Tenant::from("test");
        let mut walk = Walk::new(lead, history, newest);
        let mut loads = 0;
        while let Some(keys) = walk.keys(&tenant) {
            loads += 1;
            for key in keys {
                walk.note(&key, &bodies[&key.id]).unwrap();
            }
        }
        (loads, walk.past())
    }

    #[test]
    fn a_history_is_found_whole_and_in_order_whatever_its_length() {
        for length in 0..100 {
            for newest in [1, 2, 15, 16, 17, 40, 1_000] {
                let (_, past) = walked(length, newest);
                let at: Vec<i64> = past
                    .entries
                    .iter()
                    .map(|entry| entry.at.timestamp() / 60)
                    .collect();
                let first = length.saturating_sub(newest);
                let wanted: Vec<i64> = (first..length).map(i64::from).collect();
                assert_eq!(at, wanted, "the newest {newest} of {length}");
                assert_eq!(past.older, first);
            }
        }
    }

    #[test]
    fn a_long_history_takes_few_loads() {
        let (loads, past) = walked(10_000, 200);
        assert_eq!((past.entries.len(), past.older), (200, 9_800));
        assert!(loads <= 200 / 16 + 17, "{loads} loads");
        let (loads, _) = walked(10_000, 10_000);
        assert!(loads <= 10_000 / 16 + 17, "{loads} loads");
    }
}
