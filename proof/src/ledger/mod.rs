//! The ledger: what a store ought to hold, kept up change by change or read from a store, and held to
//! the laws after each.
//!
//! It is a second opinion. It believes no clock that is stored but computes it, tells from the
//! journal what every lead must look like, and knows what a store promises: versions that were
//! read, commands once. Whatever is otherwise is a [`Finding`].

use std::collections::{BTreeMap, BTreeSet};

use leadkit::ids::{AgentId, CommandId, ContactId, Id, LeadId, Tenant};
use leadkit::record::contact::Cap;
use leadkit::record::history::Subject;
use leadkit::record::journal::JournalEntry;
use leadkit::record::stored;
use leadkit::record::{Lead, Record, Recorded};
use leadkit::store::{Changes, JournalCursor, Key, Kind, Store, StoreError, Version, Wakes};
use leadkit::time::Instant;

use crate::houses::Books;

mod addresses;
mod caps;
mod contacts;
mod fires;
mod laws;
mod read;
mod tally;
mod work;

pub use addresses::Addresses;
use caps::Counted;
pub(crate) use caps::crowded;
use contacts::Merge;
pub use tally::{LeadTally, MessageTally};
use work::VisitTally;
pub use work::WorkTally;

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which law it breaks, in a word or two.
    pub law: &'static str,
    /// What is so, and what ought to be.
    pub what: String,
    /// The lead that it is about, if it is about one.
    pub lead: Option<(Tenant, LeadId)>,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.law, self.what)?;
        match &self.lead {
            Some((tenant, lead)) => write!(f, " (lead {lead} of {tenant})"),
            None => Ok(()),
        }
    }
}

/// A record as it ought to be held.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// How often it was written.
    pub version: Version,
    /// The record.
    pub record: Record,
    /// Its clock, and the lane in which it waits.
    pub wakes: Option<Wakes>,
}

/// What a command did, as the journal has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The command.
    pub command: CommandId,
    /// What it did.
    pub entry: JournalEntry,
    /// The same, byte for byte as it is kept.
    pub body: Vec<u8>,
}

/// Everything that a store ought to hold.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    books: Books,
    records: BTreeMap<Key, Held>,
    journal: BTreeMap<Tenant, Vec<Entry>>,
    commands: BTreeSet<(Tenant, CommandId)>,
    /// The last command of each chain, and how many there were.
    chains: BTreeMap<(Tenant, Id), (CommandId, u64)>,
    leads: BTreeMap<Key, LeadTally>,
    messages: BTreeMap<Key, MessageTally>,
    loads: BTreeMap<(Tenant, AgentId), u32>,
    /// Who left some time.
    left: BTreeSet<(Tenant, AgentId)>,
    contacts: BTreeMap<Tenant, BTreeSet<ContactId>>,
    /// The contacts that may have forgotten a possible duplicate for a later one.
    crowded: BTreeSet<(Tenant, ContactId)>,
    /// What is to be said of the addresses of contacts who want no marketing.
    unwanted: BTreeSet<Key>,
    /// The hand-overs that count towards a cap.
    counted: Vec<Counted>,
    /// What there was before each merge that stands, by who was merged.
    merges: BTreeMap<(Tenant, ContactId), Merge>,
    visits: BTreeMap<Key, VisitTally>,
    findings: Vec<Finding>,
    is_whole: bool,
}

impl Ledger {
    /// An empty ledger for these playbooks.
    #[must_use]
    pub fn new(books: Books) -> Self {
        Self {
            books,
            is_whole: true,
            ..Self::default()
        }
    }

    /// What was found until now.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The cap of an organisation.
    pub(crate) fn cap(&self, tenant: &Tenant) -> Option<Cap> {
        self.books.cap(tenant)
    }

    /// Puts down a finding.
    pub fn find(&mut self, law: &'static str, what: String, about: Option<&Key>) {
        let lead = about.and_then(|key| self.lead_behind(key));
        self.findings.push(Finding { law, what, lead });
    }

    fn lead_behind(&self, key: &Key) -> Option<(Tenant, LeadId)> {
        match key.kind {
            Kind::Lead => Some((key.tenant.clone(), LeadId(key.id))),
            Kind::Message => match self.records.get(key).map(|held| &held.record) {
                Some(Record::Message(message)) => Some((key.tenant.clone(), message.lead)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The records, in the order of their keys.
    pub fn records(&self) -> impl Iterator<Item = (&Key, &Held)> {
        self.records.iter()
    }

    /// The record under a key.
    #[must_use]
    pub fn record<T: Recorded>(&self, key: &Key) -> Option<&T> {
        T::from_record(&self.records.get(key)?.record)
    }

    /// The leads of a tenant, in the order of their ids.
    pub fn leads_of<'a>(&'a self, tenant: &'a Tenant) -> impl Iterator<Item = &'a Lead> {
        let leads = self.leads.keys().filter(move |key| key.tenant == *tenant);
        leads.filter_map(|key| self.record(key))
    }

    /// The records of a sort that a tenant has, in the order of their keys.
    pub fn all_of<'a, T: Recorded + 'a>(&'a self, tenant: &Tenant) -> impl Iterator<Item = &'a T> {
        let tenant = tenant.clone();
        let records = self.records.iter();
        let records = records.filter(move |(key, _)| key.tenant == tenant);
        records.filter_map(|(_, held)| T::from_record(&held.record))
    }

    /// The keys of a tenant's messages, in the order of their ids.
    pub fn messages_of<'a>(&'a self, tenant: &'a Tenant) -> impl Iterator<Item = &'a Key> {
        let messages = self.messages.keys();
        messages.filter(move |key| key.tenant == *tenant)
    }

    /// What the journal tells of a message.
    #[must_use]
    pub fn message(&self, key: &Key) -> Option<&MessageTally> {
        self.messages.get(key)
    }

    /// Whether every commit was seen, and not only what is left of them.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Whether a command is in the journal.
    #[must_use]
    pub fn has(&self, tenant: &Tenant, command: CommandId) -> bool {
        self.commands.contains(&(tenant.clone(), command))
    }

    /// A tenant's journal, in its order.
    #[must_use]
    pub fn journal(&self, tenant: &Tenant) -> &[Entry] {
        self.journal.get(tenant).map_or(&[], Vec::as_slice)
    }

    /// The tenants with a journal.
    pub fn tenants(&self) -> impl Iterator<Item = &Tenant> {
        self.journal.keys()
    }

    /// How many entries the journals have.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.commands.len()
    }

    /// How many open leads an agent holds.
    #[must_use]
    pub fn load(&self, tenant: &Tenant, agent: &AgentId) -> u32 {
        let load = self.loads.get(&(tenant.clone(), agent.clone()));
        load.copied().unwrap_or_default()
    }

    /// Whether an agent left some time, and perhaps came back.
    #[must_use]
    pub fn has_ever_left(&self, tenant: &Tenant, agent: &AgentId) -> bool {
        self.left.contains(&(tenant.clone(), agent.clone()))
    }

    /// The latest instant at which something was decided.
    #[must_use]
    pub fn latest(&self) -> Option<Instant> {
        let entries = self.journal.values().flatten();
        entries.map(|entry| entry.entry.at).max()
    }

    /// The history of a lead, as the journal tells it.
    #[must_use]
    pub fn timeline(&self, tenant: &Tenant, lead: LeadId) -> Vec<String> {
        let entries = self.journal(tenant).iter();
        let of_lead = entries.filter(|entry| {
            let mut subjects = entry.entry.subjects.iter();
            subjects.any(|subject| subject.record == lead.0)
                || entry.entry.events.iter().any(|event| {
                    let message = tally::message_of(event);
                    let key = message.map(|message| Key::message(tenant, message));
                    key.and_then(|key| self.messages.get(&key))
                        .is_some_and(|message| message.lead == Some(lead))
                })
        });
        of_lead
            .map(|Entry { command, entry, .. }| {
                let late = entry.happened_at.map(|at| format!(" (happened {at})"));
                format!(
                    "{}{} {} [{command}] {:?}",
                    entry.at.to_rfc3339(),
                    late.unwrap_or_default(),
                    entry.actor,
                    entry.events
                )
            })
            .collect()
    }

    /// Takes over a change that a store says is written, and holds all that it touched to the laws.
    pub fn write(&mut self, changes: &Changes) {
        let Changes {
            tenant,
            command,
            checks,
            puts,
            journal,
        } = changes;
        let relied_on = checks.iter().map(|check| (&check.key, check.version));
        let written = puts.iter().map(|put| (&put.key, put.read));
        for (key, version) in relied_on.chain(written) {
            let held = self.records.get(key).map_or(Version::ABSENT, |h| h.version);
            if held != version {
                let what = format!("{key:?} was read at {version:?} and written over {held:?}");
                self.find("versions are checked", what, Some(key));
            }
        }
        let before: Vec<(Key, Option<Held>)> = puts
            .iter()
            .map(|put| (put.key.clone(), self.records.get(&put.key).cloned()))
            .collect();
        for put in puts {
            let wakes = put.wakes.clone().filter(|_| put.body.is_some());
            self.put(&put.key, put.makes, put.body.as_deref(), wakes);
        }
        match stored::decode_entry(journal) {
            Ok(entry) => {
                for event in &entry.events {
                    self.follow_merge(tenant, event, &before);
                }
                let entry = Entry {
                    command: *command,
                    entry,
                    body: journal.clone(),
                };
                self.note(tenant, entry);
            }
            Err(error) => {
                let what = format!("the entry of {command} can't be read: {error}");
                self.find("everything can be read", what, None);
            }
        }
        for (key, before) in &before {
            self.shift_load(key, before.as_ref());
            self.forget_what_turned(key);
        }
        for (key, _) in &before {
            self.hold_to_laws(key);
        }
    }

    fn put(&mut self, key: &Key, version: Version, body: Option<&[u8]>, wakes: Option<Wakes>) {
        let Some(body) = body else {
            if !matches!(key.kind, Kind::Claim | Kind::Pool) {
                let what = format!("{key:?} was taken away");
                self.find("what is written is kept", what, Some(key));
            }
            self.records.remove(key);
            return;
        };
        match stored::decode(body) {
            Ok(record) if record.kind() == key.kind => {
                let held = Held {
                    version,
                    record,
                    wakes,
                };
                self.records.insert(key.clone(), held);
                self.note_contact(key);
            }
            Ok(record) => {
                let what = format!("{key:?} holds a {:?}", record.kind());
                self.find("everything can be read", what, Some(key));
            }
            Err(error) => {
                let what = format!("{key:?} can't be read: {error}");
                self.find("everything can be read", what, Some(key));
            }
        }
    }

    /// Takes over a journal entry.
    fn note(&mut self, tenant: &Tenant, noted: Entry) {
        let Entry { command, entry, .. } = &noted;
        let command = *command;
        if !self.commands.insert((tenant.clone(), command)) {
            let what = format!("{command} is in the journal twice");
            self.find("a command acts once", what, None);
        }
        for Subject { record, before, .. } in &entry.subjects {
            let chain = (tenant.clone(), *record);
            let last = self.chains.get(&chain).copied();
            if last.map(|(last, _)| last) != *before {
                let about = Key::lead(tenant, LeadId(*record));
                let what = format!("{command} follows {before:?}, and the last was {last:?}");
                self.find("histories are complete", what, Some(&about));
            }
            let length = last.map_or(0, |(_, length)| length);
            self.chains.insert(chain, (command, length + 1));
        }
        self.tally(tenant, entry);
        let entries = self.journal.entry(tenant.clone()).or_default();
        entries.push(noted);
    }

    fn shift_load(&mut self, key: &Key, before: Option<&Held>) {
        let owner = |held: &Held| {
            let lead = Lead::from_record(&held.record)?;
            lead.owner_id().filter(|_| lead.is_open()).cloned()
        };
        let after = self.records.get(key).and_then(owner);
        let before = before.and_then(owner);
        if let Some(owner) = before {
            let load = self.loads.entry((key.tenant.clone(), owner)).or_default();
            *load = load.saturating_sub(1);
        }
        if let Some(owner) = after {
            *self.loads.entry((key.tenant.clone(), owner)).or_default() += 1;
        }
    }

    /// Reads a store whole, with the journals of these tenants, and holds all of it to the laws.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn read(
        store: &dyn Store,
        tenants: &[Tenant],
        books: Books,
    ) -> Result<Self, StoreError> {
        let mut ledger = Self {
            books,
            ..Self::default()
        };
        for tenant in tenants {
            let mut after = JournalCursor::default();
            loop {
                let page = store.journal(tenant, after, 1_000).await?;
                let Some(last) = page.last() else {
                    break;
                };
                after = last.cursor;
                for entry in page {
                    match stored::decode_entry(&entry.body) {
                        Ok(read) => {
                            let entry = Entry {
                                command: entry.command,
                                entry: read,
                                body: entry.body,
                            };
                            ledger.note(tenant, entry);
                        }
                        Err(error) => {
                            let what = format!("the entry of {}: {error}", entry.command);
                            ledger.find("everything can be read", what, None);
                        }
                    }
                }
            }
            read::records(&mut ledger, store, tenant).await?;
        }
        let keys: Vec<Key> = ledger.records.keys().cloned().collect();
        for key in &keys {
            ledger.shift_load(key, None);
        }
        for key in &keys {
            ledger.hold_to_laws(key);
        }
        Ok(ledger)
    }

    /// Compares with what is truly in the store, as another ledger read it.
    pub fn compare(&mut self, found: &Self) {
        let keys: BTreeSet<&Key> = self.records.keys().chain(found.records.keys()).collect();
        let mut different = Vec::new();
        for key in keys {
            let (ought, is) = (self.records.get(key), found.records.get(key));
            if ought != is {
                different.push((key.clone(), format!("{key:?} is {is:?} and was {ought:?}")));
            }
        }
        for (key, what) in different {
            self.find("what is written is kept", what, Some(&key));
        }
        for (tenant, ought) in &self.journal.clone() {
            if found.journal(tenant) != ought.as_slice() {
                let what = format!(
                    "the journal of {tenant} has {} entries and had {}, or others",
                    found.journal(tenant).len(),
                    ought.len()
                );
                self.find("what is written is kept", what, None);
            }
        }
        self.findings.extend(found.findings.iter().cloned());
    }
}
